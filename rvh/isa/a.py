"""A: load-reserved, store-conditional and atomic memory operations (Unprivileged ISA, "A").

The aq and rl bits order memory between harts; harts run one at a time, so every order they ask for holds already.
"""

from .dsl import amo, i32, i64, insn, lo32, lr, sc, select, sext, signed, u32, u64, unsigned


@insn("00010 aq rl 00000 rs1 010 rd 0101111", "rd, (rs1)", ext="A")
def lr_w(rs1):
    return sext(lr(i32, rs1))


@insn("00011 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def sc_w(rs1, rs2):
    return sc(u32, rs1, lo32(rs2))


@insn("00001 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoswap_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: lo32(rs2)))


@insn("00000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoadd_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: old + lo32(rs2)))


@insn("00100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoxor_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: old ^ lo32(rs2)))


@insn("01100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoand_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: old & lo32(rs2)))


@insn("01000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoor_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: old | lo32(rs2)))


def _min(a, b):
    return select(a < b, a, b)


def _max(a, b):
    return select(a < b, b, a)


@insn("10000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomin_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: _min(old, signed(lo32(rs2)))))


@insn("10100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomax_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: _max(old, signed(lo32(rs2)))))


@insn("11000 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amominu_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: _min(unsigned(old), lo32(rs2))))


@insn("11100 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomaxu_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: _max(unsigned(old), lo32(rs2))))


@insn("00010 aq rl 00000 rs1 011 rd 0101111", "rd, (rs1)", ext="A")
def lr_d(rs1):
    return lr(i64, rs1)


@insn("00011 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def sc_d(rs1, rs2):
    return sc(u64, rs1, rs2)


@insn("00001 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoswap_d(rs1, rs2):
    return amo(u64, rs1, lambda old: rs2)


@insn("00000 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoadd_d(rs1, rs2):
    return amo(u64, rs1, lambda old: old + rs2)


@insn("00100 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoxor_d(rs1, rs2):
    return amo(u64, rs1, lambda old: old ^ rs2)


@insn("01100 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoand_d(rs1, rs2):
    return amo(u64, rs1, lambda old: old & rs2)


@insn("01000 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amoor_d(rs1, rs2):
    return amo(u64, rs1, lambda old: old | rs2)


@insn("10000 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomin_d(rs1, rs2):
    return amo(i64, rs1, lambda old: _min(old, signed(rs2)))


@insn("10100 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomax_d(rs1, rs2):
    return amo(i64, rs1, lambda old: _max(old, signed(rs2)))


@insn("11000 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amominu_d(rs1, rs2):
    return amo(u64, rs1, lambda old: _min(old, rs2))


@insn("11100 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="A")
def amomaxu_d(rs1, rs2):
    return amo(u64, rs1, lambda old: _max(old, rs2))
