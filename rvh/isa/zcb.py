"""Zcb: more compressed instructions (Unprivileged ISA, "Zc"). Those that stand for an instruction of another extension
need that one too."""

from .dsl import alias

alias("c.lbu", "100 000 rs1' uimm[0|1] rd' 00", "rd, uimm(rs1)", "lbu", imm="uimm", ext="Zcb")
alias("c.lhu", "100 001 rs1' 0 uimm[1] rd' 00", "rd, uimm(rs1)", "lhu", imm="uimm", ext="Zcb")
alias("c.lh", "100 001 rs1' 1 uimm[1] rd' 00", "rd, uimm(rs1)", "lh", imm="uimm", ext="Zcb")
alias("c.sb", "100 010 rs1' uimm[0|1] rs2' 00", "rs2, uimm(rs1)", "sb", imm="uimm", ext="Zcb")
alias("c.sh", "100 011 rs1' 0 uimm[1] rs2' 00", "rs2, uimm(rs1)", "sh", imm="uimm", ext="Zcb")
alias("c.zext.b", "100 111 rd' 11 000 01", "rd", "andi", rs1="rd", imm=255, ext="Zcb")
alias("c.sext.b", "100 111 rd' 11 001 01", "rd", "sext.b", rs1="rd", ext="Zcb+Zbb")
alias("c.zext.h", "100 111 rd' 11 010 01", "rd", "zext.h", rs1="rd", ext="Zcb+Zbb")
alias("c.sext.h", "100 111 rd' 11 011 01", "rd", "sext.h", rs1="rd", ext="Zcb+Zbb")
alias("c.zext.w", "100 111 rd' 11 100 01", "rd", "add.uw", rs1="rd", rs2=0, ext="Zcb+Zba")
alias("c.not", "100 111 rd' 11 101 01", "rd", "xori", rs1="rd", imm=-1, ext="Zcb")
alias("c.mul", "100 111 rd' 10 rs2' 01", "rd, rs2", "mul", rs1="rd", ext="Zcb+M")
