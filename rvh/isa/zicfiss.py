"""Zicfiss: shadow stacks (Unprivileged ISA, "Shadow Stack").

All but SSAMOSWAP are encodings of Zimop and Zcmop, and do as those while shadow stacks are off in the current mode.
"""

from .dsl import BLOCK_PC, OP, SHADOW, alias, amo, call, helper, i32, insn, lo32, sext, u64


@insn("1100111 rs2 00000 100 00000 1110011", "rs2", ext="Zicfiss", refines="mop.rr.7", require="rs2 in 1|5")
def sspush(rs2):
    helper("do_sspush", OP, BLOCK_PC, rs2)


@insn("1100110 11100 rs1 100 00000 1110011", "rs1", ext="Zicfiss", refines="mop.r.28", require="rs1 in 1|5")
def sspopchk(rs1):
    helper("do_sspopchk", OP, BLOCK_PC, rs1)


@insn("1100110 11100 00000 100 rd 1110011", "rd", ext="Zicfiss", refines="mop.r.28", require="rd != 0")
def ssrdp():
    return call("ssp_read", to=u64)


@insn("01001 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="Zicfiss+S")
def ssamoswap_w(rs1, rs2):
    return sext(amo(i32, rs1, lambda old: lo32(rs2), SHADOW))


@insn("01001 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="Zicfiss+S")
def ssamoswap_d(rs1, rs2):
    return amo(u64, rs1, lambda old: rs2, SHADOW)


alias("c.sspush", "011 0 00001 00000 01", "ra", "sspush", rs2=1, ext="Zcmop+Zicfiss", refines="c.mop.1")
alias("c.sspopchk", "011 0 00101 00000 01", "t0", "sspopchk", rs1=5, ext="Zcmop+Zicfiss", refines="c.mop.5")
