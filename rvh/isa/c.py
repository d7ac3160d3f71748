"""C: the compressed instructions, each a form of a 32-bit one (Unprivileged ISA, "C"). Its parts
are Zca and, with D, Zcd.

``rd'`` and its like are the three-bit fields that name x8..x15. A name without the prime in the values on the right is
the field's register number.
"""

from .dsl import alias

SP = 2
RA = 1

# -- quadrant 0
alias("c.addi4spn", "000 uimm[5:4|9:6|2|3] rd' 00", "rd, sp, uimm", "addi", rs1=SP, imm="uimm", require="uimm != 0")
alias("c.fld", "001 uimm[5:3] rs1' uimm[7:6] fd' 00", "fd, uimm(rs1)", "fld", imm="uimm", ext="Zcd")
alias("c.lw", "010 uimm[5:3] rs1' uimm[2|6] rd' 00", "rd, uimm(rs1)", "lw", imm="uimm")
alias("c.ld", "011 uimm[5:3] rs1' uimm[7:6] rd' 00", "rd, uimm(rs1)", "ld", imm="uimm")
alias("c.fsd", "101 uimm[5:3] rs1' uimm[7:6] fs2' 00", "fs2, uimm(rs1)", "fsd", imm="uimm", ext="Zcd")
alias("c.sw", "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", "rs2, uimm(rs1)", "sw", imm="uimm")
alias("c.sd", "111 uimm[5:3] rs1' uimm[7:6] rs2' 00", "rs2, uimm(rs1)", "sd", imm="uimm")

# -- quadrant 1
alias("c.addi", "000 imm[5] rd imm[4:0] 01", "rd, imm", "addi", rs1="rd")
alias("c.addiw", "001 imm[5] rd imm[4:0] 01", "rd, imm", "addiw", rs1="rd", require="rd != 0")
alias("c.li", "010 imm[5] rd imm[4:0] 01", "rd, imm", "addi", rs1=0)
alias("c.addi16sp", "011 imm[9] 00010 imm[4|6|8:7|5] 01", "sp, imm", "addi", rd=SP, rs1=SP, require="imm != 0")
alias("c.lui", "011 imm[17] rd imm[16:12] 01", "rd, imm[31:12]", "lui", require="rd != 2, imm != 0")
alias("c.srli", "100 uimm[5] 00 rd' uimm[4:0] 01", "rd, uimm", "srli", rs1="rd")
alias("c.srai", "100 uimm[5] 01 rd' uimm[4:0] 01", "rd, uimm", "srai", rs1="rd")
alias("c.andi", "100 imm[5] 10 rd' imm[4:0] 01", "rd, imm", "andi", rs1="rd")
alias("c.sub", "100 0 11 rd' 00 rs2' 01", "rd, rs2", "sub", rs1="rd")
alias("c.xor", "100 0 11 rd' 01 rs2' 01", "rd, rs2", "xor", rs1="rd")
alias("c.or", "100 0 11 rd' 10 rs2' 01", "rd, rs2", "or", rs1="rd")
alias("c.and", "100 0 11 rd' 11 rs2' 01", "rd, rs2", "and", rs1="rd")
alias("c.subw", "100 1 11 rd' 00 rs2' 01", "rd, rs2", "subw", rs1="rd")
alias("c.addw", "100 1 11 rd' 01 rs2' 01", "rd, rs2", "addw", rs1="rd")
alias("c.j", "101 imm[11|4|9:8|10|6|7|3:1|5] 01", "target", "jal", rd=0)
alias("c.beqz", "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "rs1, target", "beq", rs2=0)
alias("c.bnez", "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "rs1, target", "bne", rs2=0)

# -- quadrant 2
alias("c.slli", "000 uimm[5] rd uimm[4:0] 10", "rd, uimm", "slli", rs1="rd")
alias("c.fldsp", "001 uimm[5] fd uimm[4:3|8:6] 10", "fd, uimm(sp)", "fld", rs1=SP, imm="uimm", ext="Zcd")
alias("c.lwsp", "010 uimm[5] rd uimm[4:2|7:6] 10", "rd, uimm(sp)", "lw", rs1=SP, imm="uimm", require="rd != 0")
alias("c.ldsp", "011 uimm[5] rd uimm[4:3|8:6] 10", "rd, uimm(sp)", "ld", rs1=SP, imm="uimm", require="rd != 0")
alias("c.jr", "100 0 rs1 00000 10", "rs1", "jalr", rd=0, imm=0, require="rs1 != 0")
alias("c.mv", "100 0 rd rs2 10", "rd, rs2", "add", rs1=0, require="rs2 != 0")
alias("c.ebreak", "100 1 00000 00000 10", "", "ebreak")
alias("c.jalr", "100 1 rs1 00000 10", "rs1", "jalr", rd=RA, imm=0, require="rs1 != 0")
alias("c.add", "100 1 rd rs2 10", "rd, rs2", "add", rs1="rd", require="rs2 != 0")
alias("c.fsdsp", "101 uimm[5:3|8:6] fs2 10", "fs2, uimm(sp)", "fsd", rs1=SP, imm="uimm", ext="Zcd")
alias("c.swsp", "110 uimm[5:2|7:6] rs2 10", "rs2, uimm(sp)", "sw", rs1=SP, imm="uimm")
alias("c.sdsp", "111 uimm[5:3|8:6] rs2 10", "rs2, uimm(sp)", "sd", rs1=SP, imm="uimm")
