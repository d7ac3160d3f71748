"""Zknd, Zkne, Zknh: AES and SHA-2 (Unprivileged ISA, "Scalar Cryptography"). The steps of AES are in core/crypto.h.

The AES state is in two registers, two columns each; an instruction gives the lower two columns of the next state.
"""

from .dsl import call, insn, lo32, sext

# -- Zknd, Zkne: AES


@insn("0011101 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="Zknd")
def aes64ds(rs1, rs2):
    """The last round of decryption."""
    return call("aes_unshift_sub", rs1, rs2)


@insn("0011111 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="Zknd")
def aes64dsm(rs1, rs2):
    """A middle round of decryption."""
    return call("aes_unmix", call("aes_unshift_sub", rs1, rs2))


@insn("0011000 00000 rs1 001 rd 0010011", "rd, rs1", ext="Zknd")
def aes64im(rs1):
    """InvMixColumns, for the key schedule of decryption."""
    return call("aes_unmix", rs1)


@insn("0011001 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="Zkne")
def aes64es(rs1, rs2):
    """The last round of encryption."""
    return call("aes_shift_sub", rs1, rs2)


@insn("0011011 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="Zkne")
def aes64esm(rs1, rs2):
    """A middle round of encryption."""
    return call("aes_mix", call("aes_shift_sub", rs1, rs2))


@insn("0011000 1 uimm[3:0] rs1 001 rd 0010011", "rd, rs1, uimm", ext="Zknd|Zkne", require="uimm <= 10")
def aes64ks1i(rs1, uimm):
    return call("aes_key_step", rs1, uimm)


@insn("0111111 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="Zknd|Zkne")
def aes64ks2(rs1, rs2):
    low = (rs1 >> 32) ^ (rs2 & 0xFFFFFFFF)
    return low | ((low ^ (rs2 >> 32)) << 32)


# -- Zknh: SHA-256 and SHA-512


def _rotate(x, by: int):
    return (x >> by) | (x << (x.type.width - by))


@insn("0001000 00010 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha256sig0(rs1):
    x = lo32(rs1)
    return sext(_rotate(x, 7) ^ _rotate(x, 18) ^ (x >> 3))


@insn("0001000 00011 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha256sig1(rs1):
    x = lo32(rs1)
    return sext(_rotate(x, 17) ^ _rotate(x, 19) ^ (x >> 10))


@insn("0001000 00000 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha256sum0(rs1):
    x = lo32(rs1)
    return sext(_rotate(x, 2) ^ _rotate(x, 13) ^ _rotate(x, 22))


@insn("0001000 00001 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha256sum1(rs1):
    x = lo32(rs1)
    return sext(_rotate(x, 6) ^ _rotate(x, 11) ^ _rotate(x, 25))


@insn("0001000 00110 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha512sig0(rs1):
    return _rotate(rs1, 1) ^ _rotate(rs1, 8) ^ (rs1 >> 7)


@insn("0001000 00111 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha512sig1(rs1):
    return _rotate(rs1, 19) ^ _rotate(rs1, 61) ^ (rs1 >> 6)


@insn("0001000 00100 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha512sum0(rs1):
    return _rotate(rs1, 28) ^ _rotate(rs1, 34) ^ _rotate(rs1, 39)


@insn("0001000 00101 rs1 001 rd 0010011", "rd, rs1", ext="Zknh")
def sha512sum1(rs1):
    return _rotate(rs1, 14) ^ _rotate(rs1, 18) ^ _rotate(rs1, 41)
