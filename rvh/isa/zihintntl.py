"""Zihintntl: non-temporal locality hints (Unprivileged ISA, "Zihintntl"). There is no cache that could heed them.

Their compressed forms are C.ADD with rd = x0.
"""

from .dsl import insn


@insn("0000000 00010 00000 000 00000 0110011", ext="Zihintntl", refines="add")
def ntl_p1():
    """No temporal locality within the innermost private cache."""


@insn("0000000 00011 00000 000 00000 0110011", ext="Zihintntl", refines="add")
def ntl_pall():
    """No temporal locality within any private cache."""


@insn("0000000 00100 00000 000 00000 0110011", ext="Zihintntl", refines="add")
def ntl_s1():
    """No temporal locality within the innermost shared cache."""


@insn("0000000 00101 00000 000 00000 0110011", ext="Zihintntl", refines="add")
def ntl_all():
    """No temporal locality within any cache."""
