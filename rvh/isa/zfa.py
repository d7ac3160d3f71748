"""Zfa: additional floating-point instructions (Unprivileged ISA, "Zfa"). The operations are those of core/fp_zfa.h."""

from .dsl import call, insn, rounded

# -- single precision


@insn("1111000 00001 zimm 000 fd 1010011", "fd, fli", ext="Zfa")
def fli_s(zimm):
    """One of 32 constants."""
    return call("fp_fli_s", zimm)


@insn("0010100 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="Zfa")
def fminm_s(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fminm_s", fs1, fs2)


@insn("0010100 fs2 fs1 011 fd 1010011", "fd, fs1, fs2", ext="Zfa")
def fmaxm_s(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fmaxm_s", fs1, fs2)


@insn("0100000 00100 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa")
def fround_s(fs1):
    return rounded("fp_fround_s", fs1)


@insn("0100000 00101 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa")
def froundnx_s(fs1):
    return rounded("fp_froundnx_s", fs1)


@insn("1010000 fs2 fs1 100 rd 1010011", "rd, fs1, fs2", ext="Zfa")
def fleq_s(fs1, fs2):
    """Quiet."""
    return call("fp_fleq_s", fs1, fs2)


@insn("1010000 fs2 fs1 101 rd 1010011", "rd, fs1, fs2", ext="Zfa")
def fltq_s(fs1, fs2):
    """Quiet."""
    return call("fp_fltq_s", fs1, fs2)


# -- double precision


@insn("1111001 00001 zimm 000 fd 1010011", "fd, fli", ext="Zfa+D")
def fli_d(zimm):
    """One of 32 constants."""
    return call("fp_fli_d", zimm)


@insn("0010101 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="Zfa+D")
def fminm_d(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fminm_d", fs1, fs2)


@insn("0010101 fs2 fs1 011 fd 1010011", "fd, fs1, fs2", ext="Zfa+D")
def fmaxm_d(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fmaxm_d", fs1, fs2)


@insn("0100001 00100 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa+D")
def fround_d(fs1):
    return rounded("fp_fround_d", fs1)


@insn("0100001 00101 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa+D")
def froundnx_d(fs1):
    return rounded("fp_froundnx_d", fs1)


@insn("1010001 fs2 fs1 100 rd 1010011", "rd, fs1, fs2", ext="Zfa+D")
def fleq_d(fs1, fs2):
    """Quiet."""
    return call("fp_fleq_d", fs1, fs2)


@insn("1010001 fs2 fs1 101 rd 1010011", "rd, fs1, fs2", ext="Zfa+D")
def fltq_d(fs1, fs2):
    """Quiet."""
    return call("fp_fltq_d", fs1, fs2)


@insn("1100001 01000 fs1 001 rd 1010011", "rd, fs1, rtz", ext="Zfa+D")
def fcvtmod_w_d(fs1):
    """Towards zero, modulo 2**32."""
    return call("fp_fcvtmod_w_d", fs1)


# -- half precision


@insn("1111010 00001 zimm 000 fd 1010011", "fd, fli", ext="Zfa+Zfh")
def fli_h(zimm):
    """One of 32 constants."""
    return call("fp_fli_h", zimm)


@insn("0010110 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="Zfa+Zfh")
def fminm_h(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fminm_h", fs1, fs2)


@insn("0010110 fs2 fs1 011 fd 1010011", "fd, fs1, fs2", ext="Zfa+Zfh")
def fmaxm_h(fs1, fs2):
    """A NaN if either operand is one."""
    return call("fp_fmaxm_h", fs1, fs2)


@insn("0100010 00100 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa+Zfh")
def fround_h(fs1):
    return rounded("fp_fround_h", fs1)


@insn("0100010 00101 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfa+Zfh")
def froundnx_h(fs1):
    return rounded("fp_froundnx_h", fs1)


@insn("1010010 fs2 fs1 100 rd 1010011", "rd, fs1, fs2", ext="Zfa+Zfh")
def fleq_h(fs1, fs2):
    """Quiet."""
    return call("fp_fleq_h", fs1, fs2)


@insn("1010010 fs2 fs1 101 rd 1010011", "rd, fs1, fs2", ext="Zfa+Zfh")
def fltq_h(fs1, fs2):
    """Quiet."""
    return call("fp_fltq_h", fs1, fs2)
