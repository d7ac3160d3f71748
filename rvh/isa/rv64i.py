"""RV64I, the base integer instruction set (Unprivileged ISA, "RV32I" and "RV64I")."""

from .dsl import (
    branch,
    i8,
    i16,
    i32,
    insn,
    jump,
    lo32,
    load,
    sext,
    signed,
    store,
    u8,
    u16,
    u32,
    u64,
    unsigned,
    zext,
)

# -- upper immediates and jumps


@insn("imm[31:12] rd 0110111", "rd, imm[31:12]")
def lui(imm):
    return imm


@insn("imm[31:12] rd 0010111", "rd, imm[31:12]")
def auipc(pc, imm):
    return pc + imm


@insn("imm[20|10:1|11|19:12] rd 1101111", "rd, target")
def jal(pc, next_pc, imm):
    jump(pc + imm)
    return next_pc


@insn("imm[11:0] rs1 000 rd 1100111", "rd, imm(rs1)")
def jalr(rs1, imm, next_pc):
    jump((rs1 + imm) & ~1)
    return next_pc


# -- branches


@insn("imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011", "rs1, rs2, target")
def beq(rs1, rs2, pc, imm):
    branch(rs1 == rs2, pc + imm)


@insn("imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011", "rs1, rs2, target")
def bne(rs1, rs2, pc, imm):
    branch(rs1 != rs2, pc + imm)


@insn("imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011", "rs1, rs2, target")
def blt(rs1, rs2, pc, imm):
    branch(signed(rs1) < signed(rs2), pc + imm)


@insn("imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011", "rs1, rs2, target")
def bge(rs1, rs2, pc, imm):
    branch(signed(rs1) >= signed(rs2), pc + imm)


@insn("imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011", "rs1, rs2, target")
def bltu(rs1, rs2, pc, imm):
    branch(rs1 < rs2, pc + imm)


@insn("imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011", "rs1, rs2, target")
def bgeu(rs1, rs2, pc, imm):
    branch(rs1 >= rs2, pc + imm)


# -- loads and stores


@insn("imm[11:0] rs1 000 rd 0000011", "rd, imm(rs1)")
def lb(rs1, imm):
    return sext(load(i8, rs1 + imm))


@insn("imm[11:0] rs1 001 rd 0000011", "rd, imm(rs1)")
def lh(rs1, imm):
    return sext(load(i16, rs1 + imm))


@insn("imm[11:0] rs1 010 rd 0000011", "rd, imm(rs1)")
def lw(rs1, imm):
    return sext(load(i32, rs1 + imm))


@insn("imm[11:0] rs1 011 rd 0000011", "rd, imm(rs1)")
def ld(rs1, imm):
    return load(u64, rs1 + imm)


@insn("imm[11:0] rs1 100 rd 0000011", "rd, imm(rs1)")
def lbu(rs1, imm):
    return zext(load(u8, rs1 + imm))


@insn("imm[11:0] rs1 101 rd 0000011", "rd, imm(rs1)")
def lhu(rs1, imm):
    return zext(load(u16, rs1 + imm))


@insn("imm[11:0] rs1 110 rd 0000011", "rd, imm(rs1)")
def lwu(rs1, imm):
    return zext(load(u32, rs1 + imm))


@insn("imm[11:5] rs2 rs1 000 imm[4:0] 0100011", "rs2, imm(rs1)")
def sb(rs1, rs2, imm):
    store(u8, rs1 + imm, rs2)


@insn("imm[11:5] rs2 rs1 001 imm[4:0] 0100011", "rs2, imm(rs1)")
def sh(rs1, rs2, imm):
    store(u16, rs1 + imm, rs2)


@insn("imm[11:5] rs2 rs1 010 imm[4:0] 0100011", "rs2, imm(rs1)")
def sw(rs1, rs2, imm):
    store(u32, rs1 + imm, rs2)


@insn("imm[11:5] rs2 rs1 011 imm[4:0] 0100011", "rs2, imm(rs1)")
def sd(rs1, rs2, imm):
    store(u64, rs1 + imm, rs2)


# -- register-immediate


@insn("imm[11:0] rs1 000 rd 0010011", "rd, rs1, imm")
def addi(rs1, imm):
    return rs1 + imm


@insn("imm[11:0] rs1 010 rd 0010011", "rd, rs1, imm")
def slti(rs1, imm):
    return signed(rs1) < imm


@insn("imm[11:0] rs1 011 rd 0010011", "rd, rs1, imm")
def sltiu(rs1, imm):
    return rs1 < unsigned(imm)


@insn("imm[11:0] rs1 100 rd 0010011", "rd, rs1, imm")
def xori(rs1, imm):
    return rs1 ^ imm


@insn("imm[11:0] rs1 110 rd 0010011", "rd, rs1, imm")
def ori(rs1, imm):
    return rs1 | imm


@insn("imm[11:0] rs1 111 rd 0010011", "rd, rs1, imm")
def andi(rs1, imm):
    return rs1 & imm


@insn("000000 uimm[5:0] rs1 001 rd 0010011", "rd, rs1, uimm")
def slli(rs1, uimm):
    return rs1 << uimm


@insn("000000 uimm[5:0] rs1 101 rd 0010011", "rd, rs1, uimm")
def srli(rs1, uimm):
    return rs1 >> uimm


@insn("010000 uimm[5:0] rs1 101 rd 0010011", "rd, rs1, uimm")
def srai(rs1, uimm):
    return signed(rs1) >> uimm


@insn("imm[11:0] rs1 000 rd 0011011", "rd, rs1, imm")
def addiw(rs1, imm):
    return sext(lo32(rs1 + imm))


@insn("0000000 uimm[4:0] rs1 001 rd 0011011", "rd, rs1, uimm")
def slliw(rs1, uimm):
    return sext(lo32(rs1) << uimm)


@insn("0000000 uimm[4:0] rs1 101 rd 0011011", "rd, rs1, uimm")
def srliw(rs1, uimm):
    return sext(lo32(rs1) >> uimm)


@insn("0100000 uimm[4:0] rs1 101 rd 0011011", "rd, rs1, uimm")
def sraiw(rs1, uimm):
    return sext(signed(lo32(rs1)) >> uimm)


# -- register-register


@insn("0000000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2")
def add(rs1, rs2):
    return rs1 + rs2


@insn("0100000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2")
def sub(rs1, rs2):
    return rs1 - rs2


@insn("0000000 rs2 rs1 001 rd 0110011", "rd, rs1, rs2")
def sll(rs1, rs2):
    return rs1 << (rs2 & 63)


@insn("0000000 rs2 rs1 010 rd 0110011", "rd, rs1, rs2")
def slt(rs1, rs2):
    return signed(rs1) < signed(rs2)


@insn("0000000 rs2 rs1 011 rd 0110011", "rd, rs1, rs2")
def sltu(rs1, rs2):
    return rs1 < rs2


@insn("0000000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2")
def xor(rs1, rs2):
    return rs1 ^ rs2


@insn("0000000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2")
def srl(rs1, rs2):
    return rs1 >> (rs2 & 63)


@insn("0100000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2")
def sra(rs1, rs2):
    return signed(rs1) >> (rs2 & 63)


@insn("0000000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2")
def or_(rs1, rs2):
    return rs1 | rs2


@insn("0000000 rs2 rs1 111 rd 0110011", "rd, rs1, rs2")
def and_(rs1, rs2):
    return rs1 & rs2


@insn("0000000 rs2 rs1 000 rd 0111011", "rd, rs1, rs2")
def addw(rs1, rs2):
    return sext(lo32(rs1) + lo32(rs2))


@insn("0100000 rs2 rs1 000 rd 0111011", "rd, rs1, rs2")
def subw(rs1, rs2):
    return sext(lo32(rs1) - lo32(rs2))


@insn("0000000 rs2 rs1 001 rd 0111011", "rd, rs1, rs2")
def sllw(rs1, rs2):
    return sext(lo32(rs1) << (rs2 & 31))


@insn("0000000 rs2 rs1 101 rd 0111011", "rd, rs1, rs2")
def srlw(rs1, rs2):
    return sext(lo32(rs1) >> (rs2 & 31))


@insn("0100000 rs2 rs1 101 rd 0111011", "rd, rs1, rs2")
def sraw(rs1, rs2):
    return sext(signed(lo32(rs1)) >> (rs2 & 31))
