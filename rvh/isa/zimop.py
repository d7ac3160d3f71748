"""Zimop and Zcmop: may-be-operations (Unprivileged ISA, "Zimop").

They write zero, or nothing at all, until an extension gives one of them a meaning.
"""

from types import FunctionType

from .dsl import alias, const, insn, u64


def _zero():
    return const(0, u64)


def _define(name: str, pattern: str, syntax: str) -> None:
    insn(pattern, syntax, ext="Zimop")(FunctionType(_zero.__code__, globals(), name))


for _n in range(32):
    _define(f"mop_r_{_n}", f"1 {_n >> 4} 00 {_n >> 2 & 3:02b} 0111 {_n & 3:02b} rs1 100 rd 1110011", "rd, rs1")

for _n in range(8):
    _define(f"mop_rr_{_n}", f"1 {_n >> 2} 00 {_n & 3:02b} 1 rs2 rs1 100 rd 1110011", "rd, rs1, rs2")

for _n in range(1, 16, 2):
    alias(f"c.mop.{_n}", f"011 0 {_n:05b} 00000 01", "", "addi", rd=0, rs1=0, imm=0, ext="Zcmop")
