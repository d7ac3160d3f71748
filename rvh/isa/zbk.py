"""Zbkb and Zbkx: bit manipulation for cryptography (Unprivileged ISA, "Zbkb", "Zbkx"). What Zbkb and Zbkc share with
Zbb and Zbc is in b.py."""

from .dsl import call, insn, lo32, sext, truncate, u8, u16, u32, zext


@insn("0000100 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="Zbkb")
def pack(rs1, rs2):
    return zext(lo32(rs1)) | rs2 << 32


@insn("0000100 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", ext="Zbkb")
def packh(rs1, rs2):
    return zext(truncate(rs1, u8)) | zext(truncate(rs2, u8)) << 8


@insn("0000100 rs2 rs1 100 rd 0111011", "rd, rs1, rs2", ext="Zbkb")
def packw(rs1, rs2):
    return sext(zext(truncate(rs1, u16), u32) | lo32(rs2) << 16)


@insn("011010000111 rs1 101 rd 0010011", "rd, rs1", ext="Zbkb")
def brev8(rs1):
    """The bits of each byte in reverse order."""
    x = rs1
    for by, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        x = ((x >> by) & mask) | ((x & mask) << by)
    return x


@insn("0010100 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", ext="Zbkx")
def xperm4(rs1, rs2):
    return call("permute_nibbles", rs1, rs2)


@insn("0010100 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="Zbkx")
def xperm8(rs1, rs2):
    return call("permute_bytes", rs1, rs2)
