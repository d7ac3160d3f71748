"""D: double-precision floating point (Unprivileged ISA, "D"). The operations are those of core/fp.h."""

from .dsl import call, insn, load, rounded, store, u64

# -- loads, stores and moves


@insn("imm[11:0] rs1 011 fd 0000111", "fd, imm(rs1)", ext="D")
def fld(rs1, imm):
    return load(u64, rs1 + imm)


@insn("imm[11:5] fs2 rs1 011 imm[4:0] 0100111", "fs2, imm(rs1)", ext="D")
def fsd(rs1, fs2, imm):
    store(u64, rs1 + imm, fs2)


@insn("1110001 00000 fs1 000 rd 1010011", "rd, fs1", ext="D")
def fmv_x_d(fs1):
    return fs1


@insn("1111001 00000 rs1 000 fd 1010011", "fd, rs1", ext="D")
def fmv_d_x(rs1):
    return rs1


# -- arithmetic


@insn("0000001 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="D")
def fadd_d(fs1, fs2):
    return rounded("fp_fadd_d", fs1, fs2)


@insn("0000101 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="D")
def fsub_d(fs1, fs2):
    return rounded("fp_fsub_d", fs1, fs2)


@insn("0001001 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="D")
def fmul_d(fs1, fs2):
    return rounded("fp_fmul_d", fs1, fs2)


@insn("0001101 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="D")
def fdiv_d(fs1, fs2):
    return rounded("fp_fdiv_d", fs1, fs2)


@insn("0101101 00000 fs1 rm fd 1010011", "fd, fs1, rm", ext="D")
def fsqrt_d(fs1):
    return rounded("fp_fsqrt_d", fs1)


@insn("fs3 01 fs2 fs1 rm fd 1000011", "fd, fs1, fs2, fs3, rm", ext="D")
def fmadd_d(fs1, fs2, fs3):
    """fs1 * fs2 + fs3, rounded once."""
    return rounded("fp_fmadd_d", fs1, fs2, fs3)


@insn("fs3 01 fs2 fs1 rm fd 1000111", "fd, fs1, fs2, fs3, rm", ext="D")
def fmsub_d(fs1, fs2, fs3):
    """fs1 * fs2 - fs3."""
    return rounded("fp_fmsub_d", fs1, fs2, fs3)


@insn("fs3 01 fs2 fs1 rm fd 1001011", "fd, fs1, fs2, fs3, rm", ext="D")
def fnmsub_d(fs1, fs2, fs3):
    """-(fs1 * fs2) + fs3."""
    return rounded("fp_fnmsub_d", fs1, fs2, fs3)


@insn("fs3 01 fs2 fs1 rm fd 1001111", "fd, fs1, fs2, fs3, rm", ext="D")
def fnmadd_d(fs1, fs2, fs3):
    """-(fs1 * fs2) - fs3."""
    return rounded("fp_fnmadd_d", fs1, fs2, fs3)


# -- signs, minimum and maximum


@insn("0010001 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="D")
def fsgnj_d(fs1, fs2):
    return call("fp_fsgnj_d", fs1, fs2)


@insn("0010001 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="D")
def fsgnjn_d(fs1, fs2):
    return call("fp_fsgnjn_d", fs1, fs2)


@insn("0010001 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="D")
def fsgnjx_d(fs1, fs2):
    return call("fp_fsgnjx_d", fs1, fs2)


@insn("0010101 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="D")
def fmin_d(fs1, fs2):
    return call("fp_fmin_d", fs1, fs2)


@insn("0010101 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="D")
def fmax_d(fs1, fs2):
    return call("fp_fmax_d", fs1, fs2)


# -- comparisons


@insn("1010001 fs2 fs1 010 rd 1010011", "rd, fs1, fs2", ext="D")
def feq_d(fs1, fs2):
    return call("fp_feq_d", fs1, fs2)


@insn("1010001 fs2 fs1 001 rd 1010011", "rd, fs1, fs2", ext="D")
def flt_d(fs1, fs2):
    return call("fp_flt_d", fs1, fs2)


@insn("1010001 fs2 fs1 000 rd 1010011", "rd, fs1, fs2", ext="D")
def fle_d(fs1, fs2):
    return call("fp_fle_d", fs1, fs2)


@insn("1110001 00000 fs1 001 rd 1010011", "rd, fs1", ext="D")
def fclass_d(fs1):
    return call("fp_fclass_d", fs1)


# -- conversions


@insn("0100000 00001 fs1 rm fd 1010011", "fd, fs1, rm", ext="D")
def fcvt_s_d(fs1):
    return rounded("fp_fcvt_s_d", fs1)


@insn("0100001 00000 fs1 rm fd 1010011", "fd, fs1, rm", ext="D")
def fcvt_d_s(fs1):
    """Exact."""
    return call("fp_fcvt_d_s", fs1)


@insn("1100001 00000 fs1 rm rd 1010011", "rd, fs1, rm", ext="D")
def fcvt_w_d(fs1):
    return rounded("fp_fcvt_w_d", fs1)


@insn("1100001 00001 fs1 rm rd 1010011", "rd, fs1, rm", ext="D")
def fcvt_wu_d(fs1):
    return rounded("fp_fcvt_wu_d", fs1)


@insn("1100001 00010 fs1 rm rd 1010011", "rd, fs1, rm", ext="D")
def fcvt_l_d(fs1):
    return rounded("fp_fcvt_l_d", fs1)


@insn("1100001 00011 fs1 rm rd 1010011", "rd, fs1, rm", ext="D")
def fcvt_lu_d(fs1):
    return rounded("fp_fcvt_lu_d", fs1)


@insn("1101001 00000 rs1 rm fd 1010011", "fd, rs1, rm", ext="D")
def fcvt_d_w(rs1):
    """Exact."""
    return call("fp_fcvt_d_w", rs1)


@insn("1101001 00001 rs1 rm fd 1010011", "fd, rs1, rm", ext="D")
def fcvt_d_wu(rs1):
    """Exact."""
    return call("fp_fcvt_d_wu", rs1)


@insn("1101001 00010 rs1 rm fd 1010011", "fd, rs1, rm", ext="D")
def fcvt_d_l(rs1):
    return rounded("fp_fcvt_d_l", rs1)


@insn("1101001 00011 rs1 rm fd 1010011", "fd, rs1, rm", ext="D")
def fcvt_d_lu(rs1):
    return rounded("fp_fcvt_d_lu", rs1)
