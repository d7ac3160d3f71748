"""Zicsr: the control and status register instructions (Unprivileged ISA, "Zicsr"). The registers are in csrs.py."""

from .dsl import RC, RS, RW, csr_access, insn


@insn("csr rs1 001 rd 1110011", "rd, csr, rs1", ext="Zicsr")
def csrrw(csr, rs1):
    return csr_access(RW, csr, rs1)


@insn("csr rs1 010 rd 1110011", "rd, csr, rs1", ext="Zicsr")
def csrrs(csr, rs1):
    return csr_access(RS, csr, rs1)


@insn("csr rs1 011 rd 1110011", "rd, csr, rs1", ext="Zicsr")
def csrrc(csr, rs1):
    return csr_access(RC, csr, rs1)


@insn("csr zimm 101 rd 1110011", "rd, csr, zimm", ext="Zicsr")
def csrrwi(csr, zimm):
    return csr_access(RW, csr, zimm)


@insn("csr zimm 110 rd 1110011", "rd, csr, zimm", ext="Zicsr")
def csrrsi(csr, zimm):
    return csr_access(RS, csr, zimm)


@insn("csr zimm 111 rd 1110011", "rd, csr, zimm", ext="Zicsr")
def csrrci(csr, zimm):
    return csr_access(RC, csr, zimm)
