"""Vector floating point ("Vector Floating-Point Instructions"), the 16-bit formats of Zvfh, Zvfhmin, Zvfbfmin and
Zvfbfwma among it."""

from ..dsl import Value, bit, select
from .dsl import (
    COMPARE,
    NARROW,
    REDUCE_W,
    WIDEN,
    WIDEN_W,
    arithmetic,
    const_like,
    element_type,
    fp,
    instruction,
    reduction,
    unary,
)


def _negated(x: Value) -> Value:
    return x ^ const_like(1 << x.type.width - 1, x)


def _wide(x: Value) -> Value:
    """x in the format twice as wide, exactly."""
    return fp("widen", x, to=element_type(2 * x.type.width))


# -- single width


@arithmetic("F", "000000", "vv vf")
def vfadd(vs2, vs1):
    return fp("add", vs2, vs1)


@arithmetic("F", "000010", "vv vf")
def vfsub(vs2, vs1):
    return fp("sub", vs2, vs1)


@arithmetic("F", "100111", "vf")
def vfrsub(vs2, vs1):
    return fp("sub", vs1, vs2)


@arithmetic("F", "100100", "vv vf")
def vfmul(vs2, vs1):
    return fp("mul", vs2, vs1)


@arithmetic("F", "100000", "vv vf")
def vfdiv(vs2, vs1):
    return fp("div", vs2, vs1)


@arithmetic("F", "100001", "vf")
def vfrdiv(vs2, vs1):
    return fp("div", vs1, vs2)


@arithmetic("F", "000100", "vv vf")
def vfmin(vs2, vs1):
    return fp("min", vs2, vs1)


@arithmetic("F", "000110", "vv vf")
def vfmax(vs2, vs1):
    return fp("max", vs2, vs1)


def _with_sign(x: Value, sign: Value) -> Value:
    most = const_like(1 << x.type.width - 1, x)
    return (x & ~most) | (sign & most)


@arithmetic("F", "001000", "vv vf")
def vfsgnj(vs2, vs1):
    return _with_sign(vs2, vs1)


@arithmetic("F", "001001", "vv vf")
def vfsgnjn(vs2, vs1):
    return _with_sign(vs2, ~vs1)


@arithmetic("F", "001010", "vv vf")
def vfsgnjx(vs2, vs1):
    return _with_sign(vs2, vs2 ^ vs1)


@unary("F", "010011", "00000")
def vfsqrt_v(vs2):
    return fp("sqrt", vs2)


@unary("F", "010011", "00100")
def vfrsqrt7_v(vs2):
    return fp("rsqrt7", vs2)


@unary("F", "010011", "00101")
def vfrec7_v(vs2):
    return fp("rec7", vs2)


@unary("F", "010011", "10000")
def vfclass_v(vs2):
    return fp("class", vs2)


# -- comparisons into a mask


@arithmetic("F", "011000", "vv vf", COMPARE)
def vmfeq(vs2, vs1):
    return fp("eq", vs2, vs1, to=bit)


@arithmetic("F", "011100", "vv vf", COMPARE)
def vmfne(vs2, vs1):
    return ~fp("eq", vs2, vs1, to=bit)


@arithmetic("F", "011011", "vv vf", COMPARE)
def vmflt(vs2, vs1):
    return fp("lt", vs2, vs1, to=bit)


@arithmetic("F", "011001", "vv vf", COMPARE)
def vmfle(vs2, vs1):
    return fp("le", vs2, vs1, to=bit)


@arithmetic("F", "011101", "vf", COMPARE)
def vmfgt(vs2, vs1):
    return fp("lt", vs1, vs2, to=bit)


@arithmetic("F", "011111", "vf", COMPARE)
def vmfge(vs2, vs1):
    return fp("le", vs1, vs2, to=bit)


# -- fused multiply-add


@arithmetic("F", "101100", "vv vf", swap=True)
def vfmacc(vd, vs2, vs1):
    return fp("fma", vs1, vs2, vd)


@arithmetic("F", "101101", "vv vf", swap=True)
def vfnmacc(vd, vs2, vs1):
    return fp("fma", _negated(vs1), vs2, _negated(vd))


@arithmetic("F", "101110", "vv vf", swap=True)
def vfmsac(vd, vs2, vs1):
    return fp("fma", vs1, vs2, _negated(vd))


@arithmetic("F", "101111", "vv vf", swap=True)
def vfnmsac(vd, vs2, vs1):
    return fp("fma", _negated(vs1), vs2, vd)


@arithmetic("F", "101000", "vv vf", swap=True)
def vfmadd(vd, vs2, vs1):
    return fp("fma", vs1, vd, vs2)


@arithmetic("F", "101001", "vv vf", swap=True)
def vfnmadd(vd, vs2, vs1):
    return fp("fma", _negated(vs1), vd, _negated(vs2))


@arithmetic("F", "101010", "vv vf", swap=True)
def vfmsub(vd, vs2, vs1):
    return fp("fma", vs1, vd, _negated(vs2))


@arithmetic("F", "101011", "vv vf", swap=True)
def vfnmsub(vd, vs2, vs1):
    return fp("fma", _negated(vs1), vd, vs2)


# -- widening: the operands are widened exactly, the operation rounds once


@arithmetic("F", "110000", "vv vf", WIDEN)
def vfwadd(vs2, vs1):
    return fp("add", _wide(vs2), _wide(vs1))


@arithmetic("F", "110010", "vv vf", WIDEN)
def vfwsub(vs2, vs1):
    return fp("sub", _wide(vs2), _wide(vs1))


def _wide_forms() -> None:
    def vfwadd(vs2, vs1):
        return fp("add", vs2, _wide(vs1))

    def vfwsub(vs2, vs1):
        return fp("sub", vs2, _wide(vs1))

    arithmetic("F", "110100", "wv wf", WIDEN_W)(vfwadd)
    arithmetic("F", "110110", "wv wf", WIDEN_W)(vfwsub)


_wide_forms()


@arithmetic("F", "111000", "vv vf", WIDEN)
def vfwmul(vs2, vs1):
    return fp("mul", _wide(vs2), _wide(vs1))


@arithmetic("F", "111100", "vv vf", WIDEN, swap=True)
def vfwmacc(vd, vs2, vs1):
    return fp("fma", _wide(vs1), _wide(vs2), vd)


@arithmetic("F", "111101", "vv vf", WIDEN, swap=True)
def vfwnmacc(vd, vs2, vs1):
    return fp("fma", _negated(_wide(vs1)), _wide(vs2), _negated(vd))


@arithmetic("F", "111110", "vv vf", WIDEN, swap=True)
def vfwmsac(vd, vs2, vs1):
    return fp("fma", _wide(vs1), _wide(vs2), _negated(vd))


@arithmetic("F", "111111", "vv vf", WIDEN, swap=True)
def vfwnmsac(vd, vs2, vs1):
    return fp("fma", _negated(_wide(vs1)), _wide(vs2), vd)


def _wide_bf16(x: Value) -> Value:
    return fp("widen_bf16", x, to=element_type(32))


@arithmetic("F", "111011", "vv vf", WIDEN, ext="Zvfbfwma", swap=True, sews=(16,), needs={16: "Zvfbfwma"}, bf16=True)
def vfwmaccbf16(vd, vs2, vs1):
    return fp("fma", _wide_bf16(vs1), _wide_bf16(vs2), vd)


# -- reductions


@reduction("F", "000001")
def vfredusum(acc, vs2):
    return fp("add", acc, vs2)


@reduction("F", "000011")
def vfredosum(acc, vs2):
    return fp("add", acc, vs2)


@reduction("F", "000101")
def vfredmin(acc, vs2):
    return fp("min", acc, vs2)


@reduction("F", "000111")
def vfredmax(acc, vs2):
    return fp("max", acc, vs2)


@reduction("F", "110001", REDUCE_W)
def vfwredusum(acc, vs2):
    return fp("add", acc, _wide(vs2))


@reduction("F", "110011", REDUCE_W)
def vfwredosum(acc, vs2):
    return fp("add", acc, _wide(vs2))


# -- conversions: what has to be there for each SEW is that of the widest float among source and destination

_SINGLE_WIDTH = {16: "Zvfh", 32: "Zve32f", 64: "Zve64d"}


def _conversion(name: str, vs1: int, function, **more) -> None:
    function.__name__ = name
    unary("F", "010010", f"{vs1:05b}", **more)(function)


def _to_integer(how: str, letter: str, wide: float):
    def convert(vs2):
        width = int(vs2.type.width * wide)
        return fp(f"{how}_{letter}{width}", vs2, to=element_type(width))

    return convert


def _from_integer(letter: str, wide: float):
    def convert(vs2):
        width = int(vs2.type.width * wide)
        return fp(f"from_{letter}{vs2.type.width}_to_{width}", vs2, to=element_type(width))

    return convert


def _conversions() -> None:
    for n, letter in enumerate("ui"):
        x = {"u": "xu", "i": "x"}[letter]
        for rtz, how, base in (("", "to", 0), ("rtz_", "trunc", 6)):
            _conversion(f"vfcvt_{rtz}{x}_f_v", base + n, _to_integer(how, letter, 1), needs=_SINGLE_WIDTH)
            needs = {16: "Zvfh", 32: "Zve64f"}
            name = f"vfwcvt_{rtz}{x}_f_v"
            _conversion(name, 8 + base + n, _to_integer(how, letter, 2), shape=WIDEN, needs=needs)
            needs = {8: "Zvfh", 16: "Zve32f", 32: "Zve64d"}
            name, convert = f"vfncvt_{rtz}{x}_f_w", _to_integer(how, letter, 0.5)
            _conversion(name, 16 + base + n, convert, shape=NARROW, sews=(8, 16, 32), needs=needs)
        convert = _from_integer(letter, 1)
        _conversion(f"vfcvt_f_{x}_v", 2 + n, convert, needs=_SINGLE_WIDTH, integers=True)
        needs, convert = {8: "Zvfh", 16: "Zve32f", 32: "Zve64d"}, _from_integer(letter, 2)
        name = f"vfwcvt_f_{x}_v"
        _conversion(name, 10 + n, convert, shape=WIDEN, sews=(8, 16, 32), needs=needs, integers=True)
        needs, convert = {16: "Zvfh", 32: "Zve64f"}, _from_integer(letter, 0.5)
        _conversion(f"vfncvt_f_{x}_w", 18 + n, convert, shape=NARROW, needs=needs, integers=True)


_conversions()

_HALF_TOO = {16: "Zvfhmin", 32: "Zve64d"}


@unary("F", "010010", "01100", WIDEN, needs=_HALF_TOO)
def vfwcvt_f_f_v(vs2):
    return _wide(vs2)


@unary("F", "010010", "10100", NARROW, needs=_HALF_TOO)
def vfncvt_f_f_w(vs2):
    return fp("narrow", vs2, to=element_type(vs2.type.width // 2))


@unary("F", "010010", "10101", NARROW, needs={16: "Zvfh", 32: "Zve64d"})
def vfncvt_rod_f_f_w(vs2):
    return fp("narrow_odd", vs2, to=element_type(vs2.type.width // 2))


@unary("F", "010010", "01101", WIDEN, ext="Zvfbfmin", sews=(16,), needs={16: "Zvfbfmin"})
def vfwcvtbf16_f_f_v(vs2):
    return _wide_bf16(vs2)


@unary("F", "010010", "11101", NARROW, ext="Zvfbfmin", sews=(16,), needs={16: "Zvfbfmin"})
def vfncvtbf16_f_f_w(vs2):
    return fp("narrow_bf16", vs2, to=element_type(16))


# -- moves


@arithmetic("F", "010111", "vfm")
def vfmerge(vs2, vs1, m):
    return select(m != 0, vs1, vs2)


@arithmetic("F", "010111", "")
def vfmv(vs1):
    return vs1


@instruction("010111 1 00000 fs1 101 vd 1010111", "vd, fs1", ext="Zve32f")
def vfmv_v_f():
    return "v_arith", "V_VFMV", "FORM_F"


@instruction("010000 1 vs2 00000 001 fd 1010111", "fd, vs2", ext="Zve32f")
def vfmv_f_s():
    return "v_move_float", 0


@instruction("010000 1 00000 fs1 101 vd 1010111", "vd, fs1", ext="Zve32f")
def vfmv_s_f():
    return "v_move_float", 1


@instruction("001110 vm vs2 fs1 101 vd 1010111", "vd, vs2, fs1, vm", ext="Zve32f")
def vfslide1up_vf():
    return "v_slide_1", "FORM_F", 1


@instruction("001111 vm vs2 fs1 101 vd 1010111", "vd, vs2, fs1, vm", ext="Zve32f")
def vfslide1down_vf():
    return "v_slide_1", "FORM_F", 0
