"""Zfhmin and Zfh: half-precision floating point (Unprivileged ISA, "Zfh", "Zfhmin").

Halves are NaN-boxed in f registers; the operations are those of core/fp_half.h. What only moves halves and converts
them is in Zfhmin, and the moves in Zfbfmin too.
"""

from .dsl import call, insn, load, rounded, sext, store, truncate, u16, zext

NAN_BOX_H = 0xFFFF_FFFF_FFFF_0000

# -- loads, stores and moves


@insn("imm[11:0] rs1 001 fd 0000111", "fd, imm(rs1)", ext="Zfhmin|Zfbfmin")
def flh(rs1, imm):
    return zext(load(u16, rs1 + imm)) | NAN_BOX_H


@insn("imm[11:5] fs2 rs1 001 imm[4:0] 0100111", "fs2, imm(rs1)", ext="Zfhmin|Zfbfmin")
def fsh(rs1, fs2, imm):
    store(u16, rs1 + imm, fs2)


@insn("1110010 00000 fs1 000 rd 1010011", "rd, fs1", ext="Zfhmin|Zfbfmin")
def fmv_x_h(fs1):
    """The low 16 bits as they are, whether or not they are boxed."""
    return sext(truncate(fs1, u16))


@insn("1111010 00000 rs1 000 fd 1010011", "fd, rs1", ext="Zfhmin|Zfbfmin")
def fmv_h_x(rs1):
    return zext(truncate(rs1, u16)) | NAN_BOX_H


# -- conversions between the formats


@insn("0100000 00010 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfhmin")
def fcvt_s_h(fs1):
    """Exact."""
    return rounded("fp_fcvt_s_h", fs1)


@insn("0100010 00000 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfhmin")
def fcvt_h_s(fs1):
    return rounded("fp_fcvt_h_s", fs1)


@insn("0100001 00010 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfhmin+D")
def fcvt_d_h(fs1):
    """Exact."""
    return rounded("fp_fcvt_d_h", fs1)


@insn("0100010 00001 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfhmin+D")
def fcvt_h_d(fs1):
    return rounded("fp_fcvt_h_d", fs1)


# -- arithmetic


@insn("0000010 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="Zfh")
def fadd_h(fs1, fs2):
    return rounded("fp_fadd_h", fs1, fs2)


@insn("0000110 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="Zfh")
def fsub_h(fs1, fs2):
    return rounded("fp_fsub_h", fs1, fs2)


@insn("0001010 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="Zfh")
def fmul_h(fs1, fs2):
    return rounded("fp_fmul_h", fs1, fs2)


@insn("0001110 fs2 fs1 rm fd 1010011", "fd, fs1, fs2, rm", ext="Zfh")
def fdiv_h(fs1, fs2):
    return rounded("fp_fdiv_h", fs1, fs2)


@insn("0101110 00000 fs1 rm fd 1010011", "fd, fs1, rm", ext="Zfh")
def fsqrt_h(fs1):
    return rounded("fp_fsqrt_h", fs1)


@insn("fs3 10 fs2 fs1 rm fd 1000011", "fd, fs1, fs2, fs3, rm", ext="Zfh")
def fmadd_h(fs1, fs2, fs3):
    """fs1 * fs2 + fs3, rounded once."""
    return rounded("fp_fmadd_h", fs1, fs2, fs3)


@insn("fs3 10 fs2 fs1 rm fd 1000111", "fd, fs1, fs2, fs3, rm", ext="Zfh")
def fmsub_h(fs1, fs2, fs3):
    """fs1 * fs2 - fs3."""
    return rounded("fp_fmsub_h", fs1, fs2, fs3)


@insn("fs3 10 fs2 fs1 rm fd 1001011", "fd, fs1, fs2, fs3, rm", ext="Zfh")
def fnmsub_h(fs1, fs2, fs3):
    """-(fs1 * fs2) + fs3."""
    return rounded("fp_fnmsub_h", fs1, fs2, fs3)


@insn("fs3 10 fs2 fs1 rm fd 1001111", "fd, fs1, fs2, fs3, rm", ext="Zfh")
def fnmadd_h(fs1, fs2, fs3):
    """-(fs1 * fs2) - fs3."""
    return rounded("fp_fnmadd_h", fs1, fs2, fs3)


# -- signs, minimum and maximum


@insn("0010010 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="Zfh")
def fsgnj_h(fs1, fs2):
    return call("fp_fsgnj_h", fs1, fs2)


@insn("0010010 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="Zfh")
def fsgnjn_h(fs1, fs2):
    return call("fp_fsgnjn_h", fs1, fs2)


@insn("0010010 fs2 fs1 010 fd 1010011", "fd, fs1, fs2", ext="Zfh")
def fsgnjx_h(fs1, fs2):
    return call("fp_fsgnjx_h", fs1, fs2)


@insn("0010110 fs2 fs1 000 fd 1010011", "fd, fs1, fs2", ext="Zfh")
def fmin_h(fs1, fs2):
    return call("fp_fmin_h", fs1, fs2)


@insn("0010110 fs2 fs1 001 fd 1010011", "fd, fs1, fs2", ext="Zfh")
def fmax_h(fs1, fs2):
    return call("fp_fmax_h", fs1, fs2)


# -- comparisons


@insn("1010010 fs2 fs1 010 rd 1010011", "rd, fs1, fs2", ext="Zfh")
def feq_h(fs1, fs2):
    return call("fp_feq_h", fs1, fs2)


@insn("1010010 fs2 fs1 001 rd 1010011", "rd, fs1, fs2", ext="Zfh")
def flt_h(fs1, fs2):
    return call("fp_flt_h", fs1, fs2)


@insn("1010010 fs2 fs1 000 rd 1010011", "rd, fs1, fs2", ext="Zfh")
def fle_h(fs1, fs2):
    return call("fp_fle_h", fs1, fs2)


@insn("1110010 00000 fs1 001 rd 1010011", "rd, fs1", ext="Zfh")
def fclass_h(fs1):
    return call("fp_fclass_h", fs1)


# -- conversions from and to integers


@insn("1100010 00000 fs1 rm rd 1010011", "rd, fs1, rm", ext="Zfh")
def fcvt_w_h(fs1):
    return rounded("fp_fcvt_w_h", fs1)


@insn("1100010 00001 fs1 rm rd 1010011", "rd, fs1, rm", ext="Zfh")
def fcvt_wu_h(fs1):
    return rounded("fp_fcvt_wu_h", fs1)


@insn("1100010 00010 fs1 rm rd 1010011", "rd, fs1, rm", ext="Zfh")
def fcvt_l_h(fs1):
    return rounded("fp_fcvt_l_h", fs1)


@insn("1100010 00011 fs1 rm rd 1010011", "rd, fs1, rm", ext="Zfh")
def fcvt_lu_h(fs1):
    return rounded("fp_fcvt_lu_h", fs1)


@insn("1101010 00000 rs1 rm fd 1010011", "fd, rs1, rm", ext="Zfh")
def fcvt_h_w(rs1):
    return rounded("fp_fcvt_h_w", rs1)


@insn("1101010 00001 rs1 rm fd 1010011", "fd, rs1, rm", ext="Zfh")
def fcvt_h_wu(rs1):
    return rounded("fp_fcvt_h_wu", rs1)


@insn("1101010 00010 rs1 rm fd 1010011", "fd, rs1, rm", ext="Zfh")
def fcvt_h_l(rs1):
    return rounded("fp_fcvt_h_l", rs1)


@insn("1101010 00011 rs1 rm fd 1010011", "fd, rs1, rm", ext="Zfh")
def fcvt_h_lu(rs1):
    return rounded("fp_fcvt_h_lu", rs1)
