"""Zicond: conditional zeroing (Unprivileged ISA, "Zicond")."""

from .dsl import insn, select


@insn("0000111 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", ext="Zicond")
def czero_eqz(rs1, rs2):
    return select(rs2 == 0, 0, rs1)


@insn("0000111 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", ext="Zicond")
def czero_nez(rs1, rs2):
    return select(rs2 != 0, 0, rs1)
