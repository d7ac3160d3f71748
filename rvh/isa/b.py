"""Zba, Zbb, Zbc, Zbs: bit manipulation (Unprivileged ISA, "B")."""

from .dsl import bswap, call, clz, const, cpop, ctz, insn, lo32, select, sext, signed, truncate, u8, u16, u64, zext

# -- Zba: address generation


@insn("0000100 rs2 rs1 000 rd 0111011", "rd, rs1, rs2", ext="Zba")
def add_uw(rs1, rs2):
    return zext(lo32(rs1)) + rs2


@insn("0010000 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", ext="Zba")
def sh1add(rs1, rs2):
    return (rs1 << 1) + rs2


@insn("0010000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="Zba")
def sh2add(rs1, rs2):
    return (rs1 << 2) + rs2


@insn("0010000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", ext="Zba")
def sh3add(rs1, rs2):
    return (rs1 << 3) + rs2


@insn("0010000 rs2 rs1 010 rd 0111011", "rd, rs1, rs2", ext="Zba")
def sh1add_uw(rs1, rs2):
    return (zext(lo32(rs1)) << 1) + rs2


@insn("0010000 rs2 rs1 100 rd 0111011", "rd, rs1, rs2", ext="Zba")
def sh2add_uw(rs1, rs2):
    return (zext(lo32(rs1)) << 2) + rs2


@insn("0010000 rs2 rs1 110 rd 0111011", "rd, rs1, rs2", ext="Zba")
def sh3add_uw(rs1, rs2):
    return (zext(lo32(rs1)) << 3) + rs2


@insn("000010 uimm[5:0] rs1 001 rd 0011011", "rd, rs1, uimm", ext="Zba")
def slli_uw(rs1, uimm):
    return zext(lo32(rs1)) << uimm


# -- Zbb: basic bit manipulation


@insn("0100000 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def andn(rs1, rs2):
    return rs1 & ~rs2


@insn("0100000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def orn(rs1, rs2):
    return rs1 | ~rs2


@insn("0100000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def xnor(rs1, rs2):
    return ~(rs1 ^ rs2)


@insn("0110000 00000 rs1 001 rd 0010011", "rd, rs1", ext="Zbb")
def clz_(rs1):
    return clz(rs1)


@insn("0110000 00000 rs1 001 rd 0011011", "rd, rs1", ext="Zbb")
def clzw(rs1):
    return zext(clz(lo32(rs1)))


@insn("0110000 00001 rs1 001 rd 0010011", "rd, rs1", ext="Zbb")
def ctz_(rs1):
    return ctz(rs1)


@insn("0110000 00001 rs1 001 rd 0011011", "rd, rs1", ext="Zbb")
def ctzw(rs1):
    return zext(ctz(lo32(rs1)))


@insn("0110000 00010 rs1 001 rd 0010011", "rd, rs1", ext="Zbb")
def cpop_(rs1):
    return cpop(rs1)


@insn("0110000 00010 rs1 001 rd 0011011", "rd, rs1", ext="Zbb")
def cpopw(rs1):
    return zext(cpop(lo32(rs1)))


@insn("0000101 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", ext="Zbb")
def max_(rs1, rs2):
    return select(signed(rs1) < signed(rs2), rs2, rs1)


@insn("0000101 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", ext="Zbb")
def maxu(rs1, rs2):
    return select(rs1 < rs2, rs2, rs1)


@insn("0000101 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="Zbb")
def min_(rs1, rs2):
    return select(signed(rs1) < signed(rs2), rs1, rs2)


@insn("0000101 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", ext="Zbb")
def minu(rs1, rs2):
    return select(rs1 < rs2, rs1, rs2)


@insn("0110000 00100 rs1 001 rd 0010011", "rd, rs1", ext="Zbb")
def sext_b(rs1):
    return sext(truncate(rs1, u8))


@insn("0110000 00101 rs1 001 rd 0010011", "rd, rs1", ext="Zbb")
def sext_h(rs1):
    return sext(truncate(rs1, u16))


@insn("0000100 00000 rs1 100 rd 0111011", "rd, rs1", ext="Zbb", refines="packw")
def zext_h(rs1):
    return zext(truncate(rs1, u16))


def _rotate_right(x, amount):
    """x rotated by amount, which may have any value: both shifts take it modulo the width."""
    mask = x.type.width - 1
    return (x >> (amount & mask)) | (x << (-amount & mask))


@insn("0110000 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def rol(rs1, rs2):
    return _rotate_right(rs1, -rs2)


@insn("0110000 rs2 rs1 001 rd 0111011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def rolw(rs1, rs2):
    return sext(_rotate_right(lo32(rs1), -rs2))


@insn("0110000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def ror(rs1, rs2):
    return _rotate_right(rs1, rs2)


@insn("011000 uimm[5:0] rs1 101 rd 0010011", "rd, rs1, uimm", ext="Zbb|Zbkb")
def rori(rs1, uimm):
    return _rotate_right(rs1, uimm)


@insn("0110000 uimm[4:0] rs1 101 rd 0011011", "rd, rs1, uimm", ext="Zbb|Zbkb")
def roriw(rs1, uimm):
    return sext(_rotate_right(lo32(rs1), uimm))


@insn("0110000 rs2 rs1 101 rd 0111011", "rd, rs1, rs2", ext="Zbb|Zbkb")
def rorw(rs1, rs2):
    return sext(_rotate_right(lo32(rs1), rs2))


@insn("001010000111 rs1 101 rd 0010011", "rd, rs1", ext="Zbb")
def orc_b(rs1):
    """Each byte that is not zero becomes 0xff."""
    low7 = 0x7F7F7F7F7F7F7F7F
    nonzero = ((((rs1 & low7) + low7) | rs1) >> 7) & 0x0101010101010101
    return nonzero * 0xFF


@insn("011010111000 rs1 101 rd 0010011", "rd, rs1", ext="Zbb|Zbkb")
def rev8(rs1):
    return bswap(rs1)


# -- Zbc: carry-less multiplication


@insn("0000101 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="Zbc|Zbkc")
def clmul(rs1, rs2):
    return call("clmul_low", rs1, rs2)


@insn("0000101 rs2 rs1 011 rd 0110011", "rd, rs1, rs2", ext="Zbc|Zbkc")
def clmulh(rs1, rs2):
    return call("clmul_high", rs1, rs2)


@insn("0000101 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", ext="Zbc")
def clmulr(rs1, rs2):
    """Bits 126..63 of the product."""
    return (call("clmul_high", rs1, rs2) << 1) | (call("clmul_low", rs1, rs2) >> 63)


# -- Zbs: single bits


def _one(index):
    return const(1, u64) << (index & 63)


@insn("0100100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="Zbs")
def bclr(rs1, rs2):
    return rs1 & ~_one(rs2)


@insn("010010 uimm[5:0] rs1 001 rd 0010011", "rd, rs1, uimm", ext="Zbs")
def bclri(rs1, uimm):
    return rs1 & ~_one(uimm)


@insn("0100100 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", ext="Zbs")
def bext(rs1, rs2):
    return (rs1 >> (rs2 & 63)) & 1


@insn("010010 uimm[5:0] rs1 101 rd 0010011", "rd, rs1, uimm", ext="Zbs")
def bexti(rs1, uimm):
    return (rs1 >> uimm) & 1


@insn("0110100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="Zbs")
def binv(rs1, rs2):
    return rs1 ^ _one(rs2)


@insn("011010 uimm[5:0] rs1 001 rd 0010011", "rd, rs1, uimm", ext="Zbs")
def binvi(rs1, uimm):
    return rs1 ^ _one(uimm)


@insn("0010100 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="Zbs")
def bset(rs1, rs2):
    return rs1 | _one(rs2)


@insn("001010 uimm[5:0] rs1 001 rd 0010011", "rd, rs1, uimm", ext="Zbs")
def bseti(rs1, uimm):
    return rs1 | _one(uimm)
