"""Zicfilp: landing pads (Unprivileged ISA, "Landing Pad").

An AUIPC to x0, which does nothing where landing pads are off. Indirect jumps are in rv64i.py; on a hart with Zicfilp
the decoder takes a variant of their handlers.
"""

from .dsl import helper, insn


@insn("imm[31:12] 00000 0010111", "imm[31:12]", ext="Zicfilp", refines="auipc")
def lpad(pc, imm):
    helper("do_lpad", pc, imm)
