"""M: multiplication and division (Unprivileged ISA, "M"). Division by zero and overflow have defined results."""

from .dsl import hi64, i128, insn, lo32, select, sext, signed, u128, unsigned, zext

MOST_NEGATIVE = -(1 << 63)
MOST_NEGATIVE_32 = -(1 << 31)


@insn("0000001 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", ext="M")
def mul(rs1, rs2):
    return rs1 * rs2


@insn("0000001 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", ext="M")
def mulh(rs1, rs2):
    return hi64(sext(rs1, i128) * sext(rs2, i128))


@insn("0000001 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", ext="M")
def mulhsu(rs1, rs2):
    return hi64(sext(rs1, i128) * zext(rs2, u128))


@insn("0000001 rs2 rs1 011 rd 0110011", "rd, rs1, rs2", ext="M")
def mulhu(rs1, rs2):
    return hi64(zext(rs1, u128) * zext(rs2, u128))


@insn("0000001 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", ext="M")
def div(rs1, rs2):
    a, b = signed(rs1), signed(rs2)
    return select(b == 0, -1, select((a == MOST_NEGATIVE) & (b == -1), a, a // b))


@insn("0000001 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", ext="M")
def divu(rs1, rs2):
    return select(rs2 == 0, -1, rs1 // rs2)


@insn("0000001 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", ext="M")
def rem(rs1, rs2):
    a, b = signed(rs1), signed(rs2)
    return select(b == 0, a, select((a == MOST_NEGATIVE) & (b == -1), 0, a % b))


@insn("0000001 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", ext="M")
def remu(rs1, rs2):
    return select(rs2 == 0, rs1, rs1 % rs2)


@insn("0000001 rs2 rs1 000 rd 0111011", "rd, rs1, rs2", ext="M")
def mulw(rs1, rs2):
    return sext(lo32(rs1) * lo32(rs2))


@insn("0000001 rs2 rs1 100 rd 0111011", "rd, rs1, rs2", ext="M")
def divw(rs1, rs2):
    a, b = signed(lo32(rs1)), signed(lo32(rs2))
    return sext(select(b == 0, -1, select((a == MOST_NEGATIVE_32) & (b == -1), a, a // b)))


@insn("0000001 rs2 rs1 101 rd 0111011", "rd, rs1, rs2", ext="M")
def divuw(rs1, rs2):
    a, b = lo32(rs1), lo32(rs2)
    return sext(select(b == 0, -1, a // b))


@insn("0000001 rs2 rs1 110 rd 0111011", "rd, rs1, rs2", ext="M")
def remw(rs1, rs2):
    a, b = signed(lo32(rs1)), signed(lo32(rs2))
    return sext(select(b == 0, a, select((a == MOST_NEGATIVE_32) & (b == -1), 0, a % b)))


@insn("0000001 rs2 rs1 111 rd 0111011", "rd, rs1, rs2", ext="M")
def remuw(rs1, rs2):
    a, b = unsigned(lo32(rs1)), unsigned(lo32(rs2))
    return sext(select(b == 0, a, a % b))
