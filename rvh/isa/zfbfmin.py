"""Zfbfmin: conversions of BFloat16 (Unprivileged ISA, "Zfbfmin"). Its loads, stores and moves are those of zfh.py."""

from .dsl import insn, rounded


@insn("0100010 01000 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfbfmin")
def fcvt_bf16_s(fs1):
    return rounded("fp_fcvt_bf16_s", fs1)


@insn("0100000 00110 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfbfmin")
def fcvt_s_bf16(fs1):
    """Exact."""
    return rounded("fp_fcvt_s_bf16", fs1)
