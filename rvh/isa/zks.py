"""Zksed, Zksh: SM4 and SM3 (Unprivileged ISA, "Scalar Cryptography")."""

from .dsl import call, insn, lo32, sext


def _rotate_left(x, by):
    """x rotated by a constant, or by a value below the width."""
    return (x << by) | (x >> ((-by) & (x.type.width - 1)))


# -- Zksed: SM4. The instructions do one byte of a word: its number is the last operand.


@insn("uimm[1:0] 11000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2, uimm", ext="Zksed")
def sm4ed(rs1, rs2, uimm):
    """S-box and the linear transformation L of encryption and decryption."""
    x = lo32(call("sm4_substitute", rs2, uimm))
    y = x ^ (x << 8) ^ (x << 2) ^ (x << 18) ^ ((x & 0x3F) << 26) ^ ((x & 0xC0) << 10)
    return sext(_rotate_left(y, uimm << 3) ^ lo32(rs1))


@insn("uimm[1:0] 11010 rs2 rs1 000 rd 0110011", "rd, rs1, rs2, uimm", ext="Zksed")
def sm4ks(rs1, rs2, uimm):
    """S-box and the linear transformation L' of the key schedule."""
    x = lo32(call("sm4_substitute", rs2, uimm))
    y = x ^ ((x & 0x07) << 29) ^ ((x & 0xFE) << 7) ^ ((x & 0x01) << 23) ^ ((x & 0xF8) << 13)
    return sext(_rotate_left(y, uimm << 3) ^ lo32(rs1))


# -- Zksh: SM3


@insn("0001000 01000 rs1 001 rd 0010011", "rd, rs1", ext="Zksh")
def sm3p0(rs1):
    x = lo32(rs1)
    return sext(x ^ _rotate_left(x, 9) ^ _rotate_left(x, 17))


@insn("0001000 01001 rs1 001 rd 0010011", "rd, rs1", ext="Zksh")
def sm3p1(rs1):
    x = lo32(rs1)
    return sext(x ^ _rotate_left(x, 15) ^ _rotate_left(x, 23))
