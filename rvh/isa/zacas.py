"""Zacas: atomic compare-and-swap (Unprivileged ISA, "Zacas").

A comparison that fails writes the old value back, as the manual allows. AMOCAS.Q names even registers: each stands
for a pair, x0 for a pair of zeros.
"""

from .dsl import amo, i32, insn, lo32, select, sext, signed, u64, u128


@insn("00101 aq rl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", ext="Zacas")
def amocas_w(rd, rs1, rs2):
    return sext(amo(i32, rs1, lambda old: select(old == signed(lo32(rd)), signed(lo32(rs2)), old)))


@insn("00101 aq rl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", ext="Zacas")
def amocas_d(rd, rs1, rs2):
    return amo(u64, rs1, lambda old: select(old == rd, rs2, old))


@insn("00101 aq rl rs2[4:1] 0 rs1 100 rd[4:1] 0 0101111", "rd, rs2, (rs1)", ext="Zacas")
def amocas_q(rd_pair, rs1, rs2_pair):
    return amo(u128, rs1, lambda old: select(old == rd_pair, rs2_pair, old))
