"""Zabha: atomic memory operations on bytes and halfwords (Unprivileged ISA, "Zabha"); AMOCAS with Zacas only."""

from .dsl import amo, i8, i16, insn, select, sext, signed, truncate, u8, u16, unsigned


def _min(a, b):
    return select(a < b, a, b)


def _max(a, b):
    return select(a < b, b, a)


@insn("00001 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoswap_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: truncate(rs2, u8)))


@insn("00000 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoadd_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: old + truncate(rs2, u8)))


@insn("00100 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoxor_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: old ^ truncate(rs2, u8)))


@insn("01100 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoand_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: old & truncate(rs2, u8)))


@insn("01000 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoor_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: old | truncate(rs2, u8)))


@insn("10000 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomin_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: _min(old, signed(truncate(rs2, u8)))))


@insn("10100 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomax_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: _max(old, signed(truncate(rs2, u8)))))


@insn("11000 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amominu_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: _min(unsigned(old), truncate(rs2, u8))))


@insn("11100 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomaxu_b(rs1, rs2):
    return sext(amo(i8, rs1, lambda old: _max(unsigned(old), truncate(rs2, u8))))


@insn("00101 aq rl rs2 rs1 000 rd 0101111", "rd, rs2, (rs1)", ext="Zabha+Zacas")
def amocas_b(rd, rs1, rs2):
    return sext(amo(u8, rs1, lambda old: select(old == truncate(rd, u8), truncate(rs2, u8), old)))


@insn("00001 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoswap_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: truncate(rs2, u16)))


@insn("00000 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoadd_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: old + truncate(rs2, u16)))


@insn("00100 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoxor_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: old ^ truncate(rs2, u16)))


@insn("01100 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoand_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: old & truncate(rs2, u16)))


@insn("01000 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amoor_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: old | truncate(rs2, u16)))


@insn("10000 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomin_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: _min(old, signed(truncate(rs2, u16)))))


@insn("10100 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomax_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: _max(old, signed(truncate(rs2, u16)))))


@insn("11000 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amominu_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: _min(unsigned(old), truncate(rs2, u16))))


@insn("11100 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha")
def amomaxu_h(rs1, rs2):
    return sext(amo(i16, rs1, lambda old: _max(unsigned(old), truncate(rs2, u16))))


@insn("00101 aq rl rs2 rs1 001 rd 0101111", "rd, rs2, (rs1)", ext="Zabha+Zacas")
def amocas_h(rd, rs1, rs2):
    return sext(amo(u16, rs1, lambda old: select(old == truncate(rd, u16), truncate(rs2, u16), old)))
