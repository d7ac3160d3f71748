"""F: single-precision floating point (Unprivileged ISA, "F").

f registers are 64 bits wide and singles are NaN-boxed in them; the operations are those of core/fp.h. Every encoding
with an ``rm`` field is reserved for rm = 5 and 6, even where the result is exact.
"""

from .dsl import call, insn, lo32, load, rounded, sext, store, u32, zext

NAN_BOX = 0xFFFF_FFFF_0000_0000

# -- loads, stores and moves


@insn("imm[11:0] rs1 010 fd 0000111", "fd, imm(rs1)", ext="F")
def flw(rs1, imm):
    return zext(load(u32, rs1 + imm)) | NAN_BOX


@insn("imm[11:5] fs2 rs1 010 imm[4:0] 0100111", "fs2, imm(rs1)", ext="F")
def fsw(rs1, fs2, imm):
    store(u32, rs1 + imm, fs2)


@insn("1110000 00000 fs1 000 rd 1010011", "rd, fs1", ext="F")
def fmv_x_w(fs1):
    """The low 32 bits as they are, whether or not they are boxed."""
    return sext(lo32(fs1))


@insn("1111000 00000 rs1 000 fd 1010011", "fd, rs1", ext="F")
def fmv_w_x(rs1):
    return zext(lo32(rs1)) | NAN_BOX


# -- arithmetic


@insn("0000000 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="F")
def fadd_s(fs1, fs2):
    return rounded("fp_fadd_s", fs1, fs2)


@insn("0000100 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="F")
def fsub_s(fs1, fs2):
    return rounded("fp_fsub_s", fs1, fs2)


@insn("0001000 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="F")
def fmul_s(fs1, fs2):
    return rounded("fp_fmul_s", fs1, fs2)


@insn("0001100 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="F")
def fdiv_s(fs1, fs2):
    return rounded("fp_fdiv_s", fs1, fs2)


@insn("0101100 00000 fs1 rm fd 1010011", "fd, fs1, rm", ext="F")
def fsqrt_s(fs1):
    return rounded("fp_fsqrt_s", fs1)


@insn("fs3 00 fs2 fs1 rm fd 1000011", "fd, fs1, fs2, fs3, rm", ext="F")
def fmadd_s(fs1, fs2, fs3):
    """fs1 * fs2 + fs3, rounded once."""
    return rounded("fp_fmadd_s", fs1, fs2, fs3)


@insn("fs3 00 fs2 fs1 rm fd 1000111", "fd, fs1, fs2, fs3, rm", ext="F")
def fmsub_s(fs1, fs2, fs3):
    """fs1 * fs2 - fs3."""
    return rounded("fp_fmsub_s", fs1, fs2, fs3)


@insn("fs3 00 fs2 fs1 rm fd 1001011", "fd, fs1, fs2, fs3, rm", ext="F")
def fnmsub_s(fs1, fs2, fs3):
    """-(fs1 * fs2) + fs3."""
    return rounded("fp_fnmsub_s", fs1, fs2, fs3)


@insn("fs3 00 fs2 fs1 rm fd 1001111", "fd, fs1, fs2, fs3, rm", ext="F")
def fnmadd_s(fs1, fs2, fs3):
    """-(fs1 * fs2) - fs3."""
    return rounded("fp_fnmadd_s", fs1, fs2, fs3)


# -- signs, minimum and maximum


@insn("0010000 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="F")
def fsgnj_s(fs1, fs2):
    return call("fp_fsgnj_s", fs1, fs2)


@insn("0010000 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="F")
def fsgnjn_s(fs1, fs2):
    return call("fp_fsgnjn_s", fs1, fs2)


@insn("0010000 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="F")
def fsgnjx_s(fs1, fs2):
    return call("fp_fsgnjx_s", fs1, fs2)


@insn("0010100 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="F")
def fmin_s(fs1, fs2):
    return call("fp_fmin_s", fs1, fs2)


@insn("0010100 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="F")
def fmax_s(fs1, fs2):
    return call("fp_fmax_s", fs1, fs2)


# -- comparisons


@insn("1010000 fs2 fs1 010 rd 1010011", "rd, fs1, fs2", ext="F")
def feq_s(fs1, fs2):
    return call("fp_feq_s", fs1, fs2)


@insn("1010000 fs2 fs1 001 rd 1010011", "rd, fs1, fs2", ext="F")
def flt_s(fs1, fs2):
    return call("fp_flt_s", fs1, fs2)


@insn("1010000 fs2 fs1 000 rd 1010011", "rd, fs1, fs2", ext="F")
def fle_s(fs1, fs2):
    return call("fp_fle_s", fs1, fs2)


@insn("1110000 00000 fs1 001 rd 1010011", "rd, fs1", ext="F")
def fclass_s(fs1):
    return call("fp_fclass_s", fs1)


# -- conversions


@insn("1100000 00000 fs1 rm rd 1010011", "rd, fs1, rm", ext="F")
def fcvt_w_s(fs1):
    return rounded("fp_fcvt_w_s", fs1)


@insn("1100000 00001 fs1 rm rd 1010011", "rd, fs1, rm", ext="F")
def fcvt_wu_s(fs1):
    return rounded("fp_fcvt_wu_s", fs1)


@insn("1100000 00010 fs1 rm rd 1010011", "rd, fs1, rm", ext="F")
def fcvt_l_s(fs1):
    return rounded("fp_fcvt_l_s", fs1)


@insn("1100000 00011 fs1 rm rd 1010011", "rd, fs1, rm", ext="F")
def fcvt_lu_s(fs1):
    return rounded("fp_fcvt_lu_s", fs1)


@insn("1101000 00000 rs1 rm fd 1010011", "fd, rs1, rm", ext="F")
def fcvt_s_w(rs1):
    return rounded("fp_fcvt_s_w", rs1)


@insn("1101000 00001 rs1 rm fd 1010011", "fd, rs1, rm", ext="F")
def fcvt_s_wu(rs1):
    return rounded("fp_fcvt_s_wu", rs1)


@insn("1101000 00010 rs1 rm fd 1010011", "fd, rs1, rm", ext="F")
def fcvt_s_l(rs1):
    return rounded("fp_fcvt_s_l", rs1)


@insn("1101000 00011 rs1 rm fd 1010011", "fd, rs1, rm", ext="F")
def fcvt_s_lu(rs1):
    return rounded("fp_fcvt_s_lu", rs1)
