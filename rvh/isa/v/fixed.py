"""Vector fixed-point arithmetic ("Vector Fixed-Point Arithmetic Instructions"): rounds by vxrm, raises vxsat."""

from ..dsl import select, signed, unsigned
from .dsl import NARROW, arithmetic, const_like, double, halve, low, round_off


def _most(x, signed_):
    width = x.type.width
    return const_like((1 << width - 1) - 1 if signed_ else -1, x)


def _signed_sum(vs2, vs1, result, overflow):
    """A sum or difference that saturates; on overflow the sign of vs2 says where to."""
    limit = unsigned(signed(vs2) >> (vs2.type.width - 1)) ^ _most(vs2, True)
    over = (overflow >> (vs2.type.width - 1)) != 0
    return select(over, limit, result), over


@arithmetic("I", "100000", "vv vx vi")
def vsaddu(vs2, vs1):
    total = vs2 + vs1
    return select(total < vs2, _most(vs2, False), total), total < vs2


@arithmetic("I", "100001", "vv vx vi")
def vsadd(vs2, vs1):
    total = vs2 + vs1
    return _signed_sum(vs2, vs1, total, (total ^ vs2) & (total ^ vs1))


@arithmetic("I", "100010", "vv vx")
def vssubu(vs2, vs1):
    return select(vs2 < vs1, const_like(0, vs2), vs2 - vs1), vs2 < vs1


@arithmetic("I", "100011", "vv vx")
def vssub(vs2, vs1):
    total = vs2 - vs1
    return _signed_sum(vs2, vs1, total, (vs2 ^ vs1) & (total ^ vs2))


@arithmetic("M", "001000", "vv vx")
def vaaddu(vs2, vs1, vxrm):
    return halve(round_off(double(vs2) + double(vs1), 1, vxrm))


@arithmetic("M", "001001", "vv vx")
def vaadd(vs2, vs1, vxrm):
    return halve(round_off(double(signed(vs2)) + double(signed(vs1)), 1, vxrm))


@arithmetic("M", "001010", "vv vx")
def vasubu(vs2, vs1, vxrm):
    return halve(round_off(double(vs2) - double(vs1), 1, vxrm))


@arithmetic("M", "001011", "vv vx")
def vasub(vs2, vs1, vxrm):
    return halve(round_off(double(signed(vs2)) - double(signed(vs1)), 1, vxrm))


@arithmetic("I", "100111", "vv vx", needs={64: "V"})
def vsmul(vs2, vs1, vxrm):
    """Only the product of the two most negative numbers saturates."""
    width = vs2.type.width
    least = const_like(1 << width - 1, vs2)
    over = (vs2 == least) & (vs1 == least)
    product = round_off(double(signed(vs2)) * double(signed(vs1)), width - 1, vxrm)
    return select(over, _most(vs2, True), unsigned(halve(product))), over


@arithmetic("I", "101010", "vv vx vu")
def vssrl(vs2, vs1, vxrm):
    return round_off(vs2, low(vs1) & (vs2.type.width - 1), vxrm)


@arithmetic("I", "101011", "vv vx vu")
def vssra(vs2, vs1, vxrm):
    return round_off(signed(vs2), low(vs1) & (vs2.type.width - 1), vxrm)


@arithmetic("I", "101110", "wv wx wu", NARROW)
def vnclipu(vs2, vs1, vxrm):
    rounded = round_off(vs2, low(vs1) & (vs2.type.width - 1), vxrm)
    most = const_like((1 << vs1.type.width) - 1, vs2)
    return halve(select(rounded > most, most, rounded)), rounded > most


@arithmetic("I", "101111", "wv wx wu", NARROW)
def vnclip(vs2, vs1, vxrm):
    rounded = round_off(signed(vs2), low(vs1) & (vs2.type.width - 1), vxrm)
    most = const_like((1 << vs1.type.width - 1) - 1, rounded)
    least = const_like(-(1 << vs1.type.width - 1), rounded)
    above, below = rounded > most, rounded < least
    return halve(select(above, most, select(below, least, rounded))), above | below
