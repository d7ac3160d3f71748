"""Vector bit manipulation: Zvkb, Zvbb, Zvbc (Unprivileged ISA, "Vector Basic Bit-manipulation" and "Vector Carryless
Multiplication"). Zvbb has all that Zvkb has."""

from ..dsl import bswap, call, clz, cpop, ctz, select, truncate, u32, zext
from .dsl import WIDEN, _Special, _vector_insn, arithmetic, const_like, double, low, unary

# -- Zvkb


@arithmetic("I", "000001", "vv vx", ext="Zvkb")
def vandn(vs2, vs1):
    return vs2 & ~vs1


def _swap(x, n):
    """Neighbouring fields of n bits change places."""
    field = (1 << n) - 1
    even = const_like(sum(field << at for at in range(0, x.type.width, 2 * n)), x)
    return ((x >> n) & even) | ((x & even) << n)


def brev8(x):
    """The bits of each byte in reverse order."""
    return _swap(_swap(_swap(x, 1), 2), 4)


def _rev8(x):
    """The bytes in reverse order."""
    if x.type.width == 8:
        return x
    return _swap(x, 8) if x.type.width == 16 else bswap(x)


@unary("M", "010010", "01000", ext="Zvkb")
def vbrev8_v(vs2):
    return brev8(vs2)


@unary("M", "010010", "01001", ext="Zvkb")
def vrev8_v(vs2):
    return _rev8(vs2)


@arithmetic("I", "010101", "vv vx", ext="Zvkb")
def vrol(vs2, vs1):
    last = vs2.type.width - 1
    by = low(vs1) & last
    return (vs2 << by) | (vs2 >> (-by & last))


@arithmetic("I", "010100", "vv vx", ext="Zvkb")
def vror(vs2, vs1):
    last = vs2.type.width - 1
    by = low(vs1) & last
    return (vs2 >> by) | (vs2 << (-by & last))


# The only immediate of six bits, so that it reaches all of a 64-bit element.
_vector_insn(
    "vror.vi",
    "01010 uimm[5] vm vs2 uimm[4:0] 011 vd 1010111",
    "vd, vs2, uimm, vm",
    "Zvkb",
    ("v_arith", (_Special("V_VROR"), _Special("FORM_U6"))),
    vror,
)


# -- Zvbb


@unary("M", "010010", "01010", ext="Zvbb")
def vbrev_v(vs2):
    return _rev8(brev8(vs2))


def _at_least_32(x):
    return zext(x, u32) if x.type.width < 32 else x


@unary("M", "010010", "01100", ext="Zvbb")
def vclz_v(vs2):
    wide = _at_least_32(vs2)
    return truncate(clz(wide) - (wide.type.width - vs2.type.width), vs2.type)


@unary("M", "010010", "01101", ext="Zvbb")
def vctz_v(vs2):
    return select(vs2 == 0, const_like(vs2.type.width, vs2), truncate(ctz(_at_least_32(vs2)), vs2.type))


@unary("M", "010010", "01110", ext="Zvbb")
def vcpop_v(vs2):
    return truncate(cpop(_at_least_32(vs2)), vs2.type)


@arithmetic("I", "110101", "vv vx vu", WIDEN, ext="Zvbb")
def vwsll(vs2, vs1):
    return double(vs2) << (low(vs1) & (2 * vs2.type.width - 1))


# -- Zvbc


@arithmetic("M", "001100", "vv vx", ext="Zvbc", sews=(64,))
def vclmul(vs2, vs1):
    return call("clmul_low", vs2, vs1)


@arithmetic("M", "001101", "vv vx", ext="Zvbc", sews=(64,))
def vclmulh(vs2, vs1):
    return call("clmul_high", vs2, vs1)
