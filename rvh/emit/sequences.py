"""Which sequences of instructions get a fused handler: see fusion.py.

``add.1`` after another instruction is an add whose rs1 is what that one has just computed, ``.2`` one whose rs2 is,
``.3`` one whose both are. Chosen by how often they are executed in the programs under tools/bench/ and in a boot of
Debian's kernel, so that few instructions there are dispatched alone; tools/choose_sequences.py proposes such a table.
"""

#: First and second instructions of the pairs that are fused whatever their registers: every one with every one.
FIRST = ("add addi addiw and andi auipc ld lbu lui lw or sd slli srli sub sw xor fld").split()
SECOND = (
    "add addi addiw and andi auipc ld lbu lui lw or sd slli srli sub sw xor beq bne blt bge bltu bgeu jal jalr"
).split()

SEQUENCES = """
add add add add; add add add addi; add add add auipc; add add add bne; add add add slli; add add addi add; add
add addi jal; add add addi ld; add add auipc jalr.1; add add ld ld; add add srli.1 sb; add add srliw slli; add
add.1 sub.1 sltiu.1; add add.2 slli.1 add.2; add addi add auipc; add addi addi addi; add addi auipc jalr.1; add
addi ld ld; add addi sd addi; add addiw slli srli.1; add lbu.1 andi.1 bne.1; add ld add lbu; add ld ld ld; add
ld.1 add add; add ld.1 add addi; add ld.1 addi sd.2; add slli add add; add slli srli add; add slli.1 add.2 ld.1;
add sltu.1 add add.1; add sltu.1 srli mul; addi add add add; addi add add addi; addi add add auipc; addi add lbu
andi; addi addi add add; addi addi addi add; addi addi addi addi; addi addi addi lbu; addi addi addi sd.1; addi
addi addi slli; addi addi lw auipc; addi addi sd.1 bne; addi auipc addi.1 slli; addi ld ld add.1; addi ld ld
addi; addi ld sd.2 addi; addi lhu.1 slli.1 add.1; addi sd sd sd; addi sd.1 sd addi; addi sd.1 sd sd; addi slli
add.2 ld.1; addi slli.1 addi add; addi sw addi bltu; addiw slli.1 srli.1 addi; addw addw addw addw; addw addw
addw xor; addw addw addw.1 srliw; addw addw slliw or.2; addw addw srliw xor; addw addw.1 srliw xor; addw or addw
srliw; addw or srliw slliw; addw or xor srliw; addw sd sd sd; addw slliw addw xor; addw slliw or.2 addw; addw
srliw slliw or.2; addw srliw slliw xor; addw srliw xor addw; addw srliw xor slliw; addw xor or srliw; addw xor
xor xor; and sltu or.1 add.2; andi andi slli slli; auipc addi.1 slli add.1; auipc lbu.1 auipc addi.1; auipc
lbu.1 auipc ld.1; fld addi fmadd_d addi; lbu lbu addi addi; lbu lbu lbu lbu; lbu or slli lbu; lbu slli or.1
slli; ld add add add; ld add add auipc; ld add addi bne; ld add ld addi; ld add.1 addi sd; ld addi add ld; ld
addi addi sd.1; ld addi auipc addi.1; ld addi sd sd; ld addi slli or; ld addi xor sltu.2; ld addw xor or; ld ld
add add; ld ld add ld; ld ld add.1 add.1; ld ld addi add; ld ld addi addi; ld ld addi jalr; ld ld addi sub; ld
ld addiw addi; ld ld ld addi; ld ld ld jal; ld ld ld ld; ld ld ld lw; ld ld ld sub; ld ld sd ld; ld ld sd sd; ld
ld slli srli; ld ld sub sub.1; ld ld xor.1 addi; ld or addw srliw; ld or xor srliw; ld sd.2 addi add; ld sd.2
addi addi; ld slli srli.1 add.2; ld sub add sub; ld sub.1 sltu.2 add.1; lhu addi lhu.1 addi; lhu lhu addi slli;
lhu slli.1 add.2 lhu.1; lhu slli.1 addi add.2; lw auipc addi.1 auipc; lw lw lw addi; lw lw lw lw; mul mulhu add
sltu.1; mul slli srli srli; or add srli slli; or addw addw addw; or addw srliw slliw; or addw srliw xor; or or
or addw; or or or or; or sd sd sd; or slli lbu or; or slli or slli; or slli or srliw; or slli or xor; or srliw
slliw ld; or srliw slliw or.2; or srliw slliw xor; or xor addw addw; or xor srliw addw; sb sb sb addi; sb sb sb
sb; sd addi add add; sd addi add addi; sd addi addi add; sd addi addi bltu; sd addi addi bne; sd addi sd sd; sd
ld ld ld; sd sd add add; sd sd add addi; sd sd addi add; sd sd addi addi; sd sd addi bltu.1; sd sd addi ld; sd
sd addi lw; sd sd addi sd; sd sd sd addi; sd sd sd ld; sd sd sd sd; slli add add add; slli add add ld; slli
add.1 ld.1 add; slli add.1 ld.1 jalr.1; slli add.1 ld.1 slli; slli add.1 sd.1 addiw; slli add.1 slli ld; slli
add.2 ld.1 add; slli addi add ld; slli auipc addi.1 add.1; slli or or add; slli or sd srli; slli sd sd sd; slli
slli add add; slli slli or or; slli srli add ld; slli srli add sd; slli srli.1 add add; slli srli.1 add.2 add;
slliw addw or srliw; slliw addw xor or; slliw ld addw xor; slliw ld or xor; slliw or or or; slliw or.2 addw
srliw; slliw or.2 xor addw; slliw or.2 xor srliw; slliw slliw or or; slliw slliw or.2 or.1; slliw slliw slliw
slliw; slliw slliw srliw srliw; slliw srliw slliw slliw; slliw xor addw or; slliw xor or addw; slliw xor or xor;
sltu add.1 sd add; sltu sd addi addi; sltu srli mul add; srli mul mul slli; srli slli slli or; srli slli xor or;
srli srli add.1 mul; srliw addw addw slliw; srliw addw slliw ld; srliw or slli or; srliw slli srliw slli; srliw
slliw addw or; srliw slliw ld addw; srliw slliw ld xor; srliw slliw or.2 xor; srliw slliw slliw or; srliw slliw
xor addw; srliw slliw xor or; srliw srliw slliw slliw; srliw srliw srliw slliw; srliw srliw srliw srliw; srliw
xor addw slliw; srliw xor slliw addw; srliw xor slliw ld; srliw xor slliw xor; sub slli.1 add.2 ld.1; sub
sltiu.1 and.2 sltu; subw slli.1 srli.1 add.1; sw addi addi bne; sw sw sw sw; xor addw addw addw.1; xor addw addw
srliw; xor addw or addw; xor addw or srliw; xor addw slliw addw; xor or addw srliw; xor or srliw slliw; xor
slliw addw xor; xor slliw xor or; xor srliw addw addw; xor srliw addw slliw; xor srliw slliw or.2; xor srliw
srliw xor; xor xor xor lw; xor xor xor srliw; xor xor xor xor; add add addi; add add bgeu; add add.1 beq.1; add
add.1 beq.2; add add.2 add; add addi addi; add addi beq; add addi bne; add addi jal; add addi sd; add addiw add;
add andi beq.1; add auipc jalr.1; add lbu addi; add lbu.1 bne.1; add ld add; add ld sub; add ld.1 srli; add or
or; add slli slli; add slli sub; addi addi add; addi addi addi; addi addi beq; addi addi bltu.1; addi addi bne;
addi addi bne.1; addi addi jal; addi addi slli; addi andi beq; addi auipc jalr.1; addi sd add; addi slli or;
addiw add bge; addiw add.2 lbu.1; addiw or or; addiw sd add; addw addw or; addw srliw slliw; and sltu or.1; and
xor add; and xor xor; andi add bne; auipc addi.1 add.2; fld fld fld; lbu addi add; lbu addi addi; lbu addi beq;
lbu addi bne; lbu andi.1 bne.1; ld addi bne; ld addi jalr; ld addi srl; ld addi srli; ld addi.1 sd.2; ld addiw
add; ld addiw addi; ld andi.1 beq.1; ld ld addi; ld ld addiw; ld ld addw; ld ld bltu; ld ld ld; ld ld sd; ld ld
sltu; ld ld xor; ld slli srli.1; ld srli add; ld srli slli; ld sub add; ld sw ld; lhu addi lhu.1; lhu lhu addi;
lw add lw; lw addi sw; lw addi xor; lw ld lw; lw lw add; lw lw addi; mul slli or; or or xor; or sd ld; or sd.2
slli; or sd.2 srli; or sw.2 addi; sb addi bltu; sb addi bne.1; sd add bne; sd addi beq; sd addi bltu.1; sd addi
bne.1; sd addi lw; sd addiw addi; sd auipc jalr.1; sd ld beq; sd ld ld; sd ld lw; sd sd ld; sd slli srli; sd
srli slli; sll or.2 sd.2; slli add add; slli add.1 lw.1; slli add.2 sltu.1; slli ld or; slli or add; slli or
xor; slli or.1 slli; slli slli or; slli slli srli; slli srli ld; slli srli.1 ld; slliw or.1 addiw.1; srli and
slli; srli mul mul; srli sb beq; srli slli or.1; srli slli srli; srli slli xor; srli srli add; srli srli slli;
srliw slliw srliw; srliw srliw sb; sub add ld; sub auipc addi.1; sub srli add; sw addi bne; sw ld addi; xor add
add; xor addw or; xor addw slliw; xor ld ld; xor sd sd; xor srli slli; xor srli xor; xor xor and; xor xor ld;
xor xor xor; xori and and; add addi; add beq; add bge; add bgeu; add bltu; add bne; add jal; add ld; add or; add
sltiu; add sltu; add srliw; add sub; add subw; addi addw; addi beq.2; addi bgeu; addi bltu; addi bltu.1; addi
bltu.2; addi bne; addi bne.1; addi bne.2; addi jal; addi jalr; addiw add; addiw addiw.1; addiw beq; addiw
bgeu.2; addiw bltu; addiw bne.1; addiw ld; addiw slliw; addw addiw.1; addw blt; and and; and ld; and sd; andi
beq.1; andi bne.1; andi ld; andi slli.1; auipc addi.1; auipc jalr.1; lb addi; lbu addi; lbu beq.1; lbu bne.1; ld
add.2; ld addi; ld addw; ld and; ld beq.1; ld beq.2; ld bne.2; ld jalr.1; ld lbu.1; ld ld; ld or; ld sd; ld
slli; ld xor; ld xori; lw subw; or addi; or addiw; or andi; or ld; or or; or sd; or sd.2; or slli; or xor; or
xor.1; sb ld; sd addi; sd and; sd beq; sd bne; sd jalr; sd or; sd sd; sd srli; sd xor; slli addi; slli and; slli
sd; slli srli; slliw sraiw.1; sltu sd; srli add.2; srli addiw; srli ld; srli sd.2; srli srli; srli xori; srliw
addi; sub addi; sub and.1; sub beq.1; sub sltu; subw addi; xor and; xor andi; xor ld; xor or; xor sd.2; xor
slli; xor srli; xor xor; xor xor.1; xori and
"""
