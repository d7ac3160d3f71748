"""Vector integer arithmetic ("Vector Integer Arithmetic Instructions")."""

from ..dsl import select, signed, unsigned
from .dsl import (
    COMPARE,
    EXTEND_2,
    EXTEND_4,
    EXTEND_8,
    NARROW,
    REDUCE_W,
    WIDEN,
    WIDEN_W,
    arithmetic,
    const_like,
    double,
    halve,
    low,
    reduction,
    unary,
    widen,
)

# -- single width


@arithmetic("I", "000000", "vv vx vi")
def vadd(vs2, vs1):
    return vs2 + vs1


@arithmetic("I", "000010", "vv vx")
def vsub(vs2, vs1):
    return vs2 - vs1


@arithmetic("I", "000011", "vx vi")
def vrsub(vs2, vs1):
    return vs1 - vs2


@arithmetic("I", "001001", "vv vx vi")
def vand(vs2, vs1):
    return vs2 & vs1


@arithmetic("I", "001010", "vv vx vi")
def vor(vs2, vs1):
    return vs2 | vs1


@arithmetic("I", "001011", "vv vx vi")
def vxor(vs2, vs1):
    return vs2 ^ vs1


@arithmetic("I", "000100", "vv vx")
def vminu(vs2, vs1):
    return select(vs2 < vs1, vs2, vs1)


@arithmetic("I", "000101", "vv vx")
def vmin(vs2, vs1):
    return select(signed(vs2) < signed(vs1), vs2, vs1)


@arithmetic("I", "000110", "vv vx")
def vmaxu(vs2, vs1):
    return select(vs2 > vs1, vs2, vs1)


@arithmetic("I", "000111", "vv vx")
def vmax(vs2, vs1):
    return select(signed(vs2) > signed(vs1), vs2, vs1)


def _amount(vs1, width):
    return low(vs1) & (width - 1)


@arithmetic("I", "100101", "vv vx vu")
def vsll(vs2, vs1):
    return vs2 << _amount(vs1, vs2.type.width)


@arithmetic("I", "101000", "vv vx vu")
def vsrl(vs2, vs1):
    return vs2 >> _amount(vs1, vs2.type.width)


@arithmetic("I", "101001", "vv vx vu")
def vsra(vs2, vs1):
    return signed(vs2) >> _amount(vs1, vs2.type.width)


# -- comparisons into a mask


@arithmetic("I", "011000", "vv vx vi", COMPARE)
def vmseq(vs2, vs1):
    return vs2 == vs1


@arithmetic("I", "011001", "vv vx vi", COMPARE)
def vmsne(vs2, vs1):
    return vs2 != vs1


@arithmetic("I", "011010", "vv vx", COMPARE)
def vmsltu(vs2, vs1):
    return vs2 < vs1


@arithmetic("I", "011011", "vv vx", COMPARE)
def vmslt(vs2, vs1):
    return signed(vs2) < signed(vs1)


@arithmetic("I", "011100", "vv vx vi", COMPARE)
def vmsleu(vs2, vs1):
    return vs2 <= vs1


@arithmetic("I", "011101", "vv vx vi", COMPARE)
def vmsle(vs2, vs1):
    return signed(vs2) <= signed(vs1)


@arithmetic("I", "011110", "vx vi", COMPARE)
def vmsgtu(vs2, vs1):
    return vs2 > vs1


@arithmetic("I", "011111", "vx vi", COMPARE)
def vmsgt(vs2, vs1):
    return signed(vs2) > signed(vs1)


# -- multiplication and division


@arithmetic("M", "100101", "vv vx")
def vmul(vs2, vs1):
    return vs2 * vs1


#: Zve64* has no high halves of 128-bit products.
_WITH_V = {64: "V"}


def _high(product):
    return halve(product >> product.type.width // 2)


@arithmetic("M", "100111", "vv vx", needs=_WITH_V)
def vmulh(vs2, vs1):
    return _high(double(signed(vs2)) * double(signed(vs1)))


@arithmetic("M", "100100", "vv vx", needs=_WITH_V)
def vmulhu(vs2, vs1):
    return _high(double(vs2) * double(vs1))


@arithmetic("M", "100110", "vv vx", needs=_WITH_V)
def vmulhsu(vs2, vs1):
    return _high(double(signed(vs2)) * double(vs1))


def _overflows(a, b):
    return (a == const_like(1 << a.type.width - 1, a)) & (b == const_like(-1, b))


@arithmetic("M", "100000", "vv vx")
def vdivu(vs2, vs1):
    return select(vs1 == 0, const_like(-1, vs1), vs2 // vs1)


@arithmetic("M", "100001", "vv vx")
def vdiv(vs2, vs1):
    a, b = signed(vs2), signed(vs1)
    return select(b == 0, const_like(-1, b), select(_overflows(a, b), a, a // b))


@arithmetic("M", "100010", "vv vx")
def vremu(vs2, vs1):
    return select(vs1 == 0, vs2, vs2 % vs1)


@arithmetic("M", "100011", "vv vx")
def vrem(vs2, vs1):
    a, b = signed(vs2), signed(vs1)
    return select(b == 0, a, select(_overflows(a, b), const_like(0, a), a % b))


@arithmetic("M", "101101", "vv vx", swap=True)
def vmacc(vd, vs2, vs1):
    return vs1 * vs2 + vd


@arithmetic("M", "101111", "vv vx", swap=True)
def vnmsac(vd, vs2, vs1):
    return vd - vs1 * vs2


@arithmetic("M", "101001", "vv vx", swap=True)
def vmadd(vd, vs2, vs1):
    return vs1 * vd + vs2


@arithmetic("M", "101011", "vv vx", swap=True)
def vnmsub(vd, vs2, vs1):
    return vs2 - vs1 * vd


# -- widening


@arithmetic("M", "110000", "vv vx", WIDEN)
def vwaddu(vs2, vs1):
    return double(vs2) + double(vs1)


@arithmetic("M", "110001", "vv vx", WIDEN)
def vwadd(vs2, vs1):
    return double(signed(vs2)) + double(signed(vs1))


@arithmetic("M", "110010", "vv vx", WIDEN)
def vwsubu(vs2, vs1):
    return double(vs2) - double(vs1)


@arithmetic("M", "110011", "vv vx", WIDEN)
def vwsub(vs2, vs1):
    return double(signed(vs2)) - double(signed(vs1))


def _wide(category_bits, function):
    arithmetic("M", category_bits, "wv wx", WIDEN_W)(function)


def _wide_forms():
    def vwaddu(vs2, vs1):
        return vs2 + widen(vs1, vs2)

    def vwadd(vs2, vs1):
        return vs2 + unsigned(widen(signed(vs1), vs2))

    def vwsubu(vs2, vs1):
        return vs2 - widen(vs1, vs2)

    def vwsub(vs2, vs1):
        return vs2 - unsigned(widen(signed(vs1), vs2))

    for bits, function in (("110100", vwaddu), ("110101", vwadd), ("110110", vwsubu), ("110111", vwsub)):
        _wide(bits, function)


_wide_forms()


@arithmetic("M", "111000", "vv vx", WIDEN)
def vwmulu(vs2, vs1):
    return double(vs2) * double(vs1)


@arithmetic("M", "111010", "vv vx", WIDEN)
def vwmulsu(vs2, vs1):
    return double(signed(vs2)) * double(vs1)


@arithmetic("M", "111011", "vv vx", WIDEN)
def vwmul(vs2, vs1):
    return double(signed(vs2)) * double(signed(vs1))


@arithmetic("M", "111100", "vv vx", WIDEN, swap=True)
def vwmaccu(vd, vs2, vs1):
    return double(vs1) * double(vs2) + vd


@arithmetic("M", "111101", "vv vx", WIDEN, swap=True)
def vwmacc(vd, vs2, vs1):
    return unsigned(double(signed(vs1)) * double(signed(vs2))) + vd


@arithmetic("M", "111110", "vx", WIDEN, swap=True)
def vwmaccus(vd, vs2, vs1):
    return unsigned(double(signed(vs2)) * double(vs1)) + vd


@arithmetic("M", "111111", "vv vx", WIDEN, swap=True)
def vwmaccsu(vd, vs2, vs1):
    return unsigned(double(signed(vs1)) * double(vs2)) + vd


# -- extension and narrowing


@arithmetic("I", "101100", "wv wx wu", NARROW)
def vnsrl(vs2, vs1):
    return halve(vs2 >> _amount(vs1, vs2.type.width))


@arithmetic("I", "101101", "wv wx wu", NARROW)
def vnsra(vs2, vs1):
    return halve(signed(vs2) >> _amount(vs1, vs2.type.width))


# -- with v0 as an operand


@arithmetic("I", "010111", "vvm vxm vim")
def vmerge(vs2, vs1, m):
    return select(m != 0, vs1, vs2)


@arithmetic("I", "010000", "vvm vxm vim")
def vadc(vs2, vs1, m):
    return vs2 + vs1 + m


@arithmetic("I", "010010", "vvm vxm")
def vsbc(vs2, vs1, m):
    return vs2 - vs1 - m


@arithmetic("I", "010001", "vvm vxm vim vv vx vi", COMPARE)
def vmadc(vs2, vs1, m):
    total = vs2 + vs1
    return (total < vs2) | (total + m < total)


@arithmetic("I", "010011", "vvm vxm vv vx", COMPARE)
def vmsbc(vs2, vs1, m):
    return (vs2 < vs1) | ((vs2 == vs1) & (m != 0))


# -- reductions


@reduction("M", "000000")
def vredsum(acc, vs2):
    return acc + vs2


@reduction("M", "000001")
def vredand(acc, vs2):
    return acc & vs2


@reduction("M", "000010")
def vredor(acc, vs2):
    return acc | vs2


@reduction("M", "000011")
def vredxor(acc, vs2):
    return acc ^ vs2


@reduction("M", "000100")
def vredminu(acc, vs2):
    return select(vs2 < acc, vs2, acc)


@reduction("M", "000101")
def vredmin(acc, vs2):
    return select(signed(vs2) < signed(acc), vs2, acc)


@reduction("M", "000110")
def vredmaxu(acc, vs2):
    return select(vs2 > acc, vs2, acc)


@reduction("M", "000111")
def vredmax(acc, vs2):
    return select(signed(vs2) > signed(acc), vs2, acc)


@reduction("I", "110000", REDUCE_W)
def vwredsumu(acc, vs2):
    return acc + double(vs2)


@reduction("I", "110001", REDUCE_W)
def vwredsum(acc, vs2):
    return acc + unsigned(double(signed(vs2)))


# -- extensions, one definition for each factor


@unary("M", "010010", "00110", EXTEND_2)
def vzext_vf2(vs2):
    return double(vs2)


@unary("M", "010010", "00111", EXTEND_2)
def vsext_vf2(vs2):
    return double(signed(vs2))


@unary("M", "010010", "00100", EXTEND_4)
def vzext_vf4(vs2):
    return double(double(vs2))


@unary("M", "010010", "00101", EXTEND_4)
def vsext_vf4(vs2):
    return double(double(signed(vs2)))


@unary("M", "010010", "00010", EXTEND_8)
def vzext_vf8(vs2):
    return double(double(double(vs2)))


@unary("M", "010010", "00011", EXTEND_8)
def vsext_vf8(vs2):
    return double(double(double(signed(vs2))))
