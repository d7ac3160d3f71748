"""What every F, D, Zfh, Zfbfmin and Zfa operation must give, by exact rational arithmetic.

The other side of test_fp.py.

Follows the text of the manual and IEEE 754, not the C code: a number is a Fraction,
and rounding looks for the two neighbours of the exact result.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
RNE, RTZ, RDN, RUP, RMM = range(5)
BOX = 0xFFFF_FFFF << 32
BOX_H = 0xFFFF_FFFF_FFFF << 16
ALL = (1 << 64) - 1


class Number(NamedTuple):
    """kind: "finite" (zero too), "inf", "nan" or "snan"."""

    kind: str
    negative: bool
    value: Fraction = Fraction(0)

    @property
    def is_nan(self) -> bool:
        return self.kind in ("nan", "snan")

    @property
    def is_zero(self) -> bool:
        return self.kind == "finite" and self.value == 0


class Format(NamedTuple):
    precision: int
    exponent_bits: int

    @property
    def emax(self) -> int:
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def emin(self) -> int:
        return 1 - self.emax

    def bits(self, negative: bool, exponent: int, fraction: int) -> int:
        return (int(negative) << self.exponent_bits | exponent) << (self.precision - 1) | fraction

    def inf(self, negative: bool) -> int:
        return self.bits(negative, (1 << self.exponent_bits) - 1, 0)

    def zero(self, negative: bool) -> int:
        return self.bits(negative, 0, 0)

    @property
    def nan(self) -> int:
        return self.inf(False) | 1 << (self.precision - 2)

    def decode(self, bits: int) -> Number:
        fraction = bits & ((1 << (self.precision - 1)) - 1)
        exponent = bits >> (self.precision - 1) & ((1 << self.exponent_bits) - 1)
        negative = bool(bits >> (self.precision + self.exponent_bits - 1))
        if exponent == (1 << self.exponent_bits) - 1:
            if fraction == 0:
                return Number("inf", negative)
            return Number("nan" if fraction >> (self.precision - 2) else "snan", False)
        if exponent:
            fraction += 1 << (self.precision - 1)
        value = fraction * Fraction(2) ** (max(exponent, 1) - self.emax - (self.precision - 1))
        return Number("finite", negative, -value if negative else value)

    def quantum(self, value: Fraction, least: int | None) -> Fraction:
        """Distance of the representable numbers around a non-zero value, no exponent being below `least`."""
        e = abs(value.numerator).bit_length() - value.denominator.bit_length()
        if abs(value) < Fraction(2) ** e:
            e -= 1
        return Fraction(2) ** ((e if least is None else max(e, least)) - (self.precision - 1))

    def round(self, value: Fraction, rm: int) -> tuple[int, int]:
        """Bits and flags of a non-zero exact result."""
        negative = value < 0
        quantum = self.quantum(value, self.emin)
        rounded = round_to_multiple(value, quantum, rm)
        flags = NX if rounded != value else 0
        # Tininess after rounding: as if the exponent range had no lower end.
        unbounded = round_to_multiple(value, self.quantum(value, None), rm)
        if flags and abs(unbounded) < Fraction(2) ** self.emin:
            flags |= UF
        if abs(rounded) >= Fraction(2) ** (self.emax + 1):
            away = rm in (RNE, RMM) or rm == (RDN if negative else RUP)
            return self.inf(negative) - (0 if away else 1), OF | NX
        units = int(abs(rounded) / (Fraction(2) ** (self.emin - (self.precision - 1))))
        exponent = 0
        if units >> self.precision - 1:
            shift = units.bit_length() - self.precision
            units, exponent = units >> shift, shift + 1
        return self.bits(negative, exponent, units & ((1 << (self.precision - 1)) - 1)), flags


HALF, BFLOAT, SINGLE, DOUBLE = Format(11, 5), Format(8, 8), Format(24, 8), Format(53, 11)


def round_to_multiple(value: Fraction, quantum: Fraction, rm: int) -> Fraction:
    """The neighbour of value among the multiples of quantum that the rounding mode asks for."""
    below = value // quantum
    rest = value / quantum - below
    if rest == 0:
        return value
    up = {
        RNE: rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1),
        RTZ: value < 0,
        RDN: False,
        RUP: True,
        RMM: rest > Fraction(1, 2) or (rest == Fraction(1, 2) and value > 0),
    }[rm]
    return (below + up) * quantum


# -- operations: (format, numbers, rm) -> (bits, flags)


def _nan(f: Format, *operands: Number) -> tuple[int, int]:
    return f.nan, NV if any(o.kind == "snan" for o in operands) else 0


def _sum(f: Format, exact: Fraction, negative: tuple[bool, bool], rm: int) -> tuple[int, int]:
    """A sum of two finite terms with these signs. An exact zero of unlike signs is -0 only under RDN."""
    if exact:
        return f.round(exact, rm)
    return f.zero(negative[0] if negative[0] == negative[1] else rm == RDN), 0


def negated(a: Number) -> Number:
    return Number(a.kind, not a.negative, -a.value)


def add(f: Format, a: Number, b: Number, rm: int) -> tuple[int, int]:
    if a.is_nan or b.is_nan:
        return _nan(f, a, b)
    if a.kind == b.kind == "inf" and a.negative != b.negative:
        return f.nan, NV
    if "inf" in (a.kind, b.kind):
        return f.inf(a.negative if a.kind == "inf" else b.negative), 0
    return _sum(f, a.value + b.value, (a.negative, b.negative), rm)


def mul(f: Format, a: Number, b: Number, rm: int) -> tuple[int, int]:
    negative = a.negative != b.negative
    if a.is_nan or b.is_nan:
        return _nan(f, a, b)
    if "inf" in (a.kind, b.kind):
        return (f.nan, NV) if a.is_zero or b.is_zero else (f.inf(negative), 0)
    exact = a.value * b.value
    return f.round(exact, rm) if exact else (f.zero(negative), 0)


def div(f: Format, a: Number, b: Number, rm: int) -> tuple[int, int]:
    negative = a.negative != b.negative
    if a.is_nan or b.is_nan:
        return _nan(f, a, b)
    if (a.is_zero and b.is_zero) or a.kind == b.kind == "inf":
        return f.nan, NV
    if a.kind == "inf":
        return f.inf(negative), 0
    if b.is_zero:
        return f.inf(negative), DZ
    if b.kind == "inf" or a.is_zero:
        return f.zero(negative), 0
    return f.round(a.value / b.value, rm)


def sqrt(f: Format, a: Number, rm: int) -> tuple[int, int]:
    if a.is_nan:
        return _nan(f, a)
    if a.is_zero:
        return f.zero(a.negative), 0
    if a.negative:
        return f.nan, NV
    if a.kind == "inf":
        return f.inf(False), 0
    # 1200 bits behind the point: what is missing is far less than the distance of the root to any midpoint.
    scale = 1 << 1200
    scaled = a.value * scale * scale
    root = isqrt(scaled.numerator // scaled.denominator)
    exact = root * root == scaled
    return f.round(Fraction(root if exact else 2 * root + 1, scale if exact else 2 * scale), rm)


def fma(f: Format, a: Number, b: Number, c: Number, rm: int) -> tuple[int, int]:
    negative = a.negative != b.negative
    if (a.kind == "inf" and b.is_zero) or (a.is_zero and b.kind == "inf"):
        return f.nan, NV  # whatever the addend
    if a.is_nan or b.is_nan or c.is_nan:
        return _nan(f, a, b, c)
    if "inf" in (a.kind, b.kind):
        return (f.nan, NV) if c.kind == "inf" and c.negative != negative else (f.inf(negative), 0)
    if c.kind == "inf":
        return f.inf(c.negative), 0
    return _sum(f, a.value * b.value + c.value, (negative, c.negative), rm)


def to_format(f: Format, a: Number, rm: int) -> tuple[int, int]:
    if a.is_nan:
        return _nan(f, a)
    if a.kind == "inf":
        return f.inf(a.negative), 0
    return f.round(a.value, rm) if a.value else (f.zero(a.negative), 0)


INTEGERS = {
    "w": (-(1 << 31), (1 << 31) - 1),
    "wu": (0, (1 << 32) - 1),
    "l": (-(1 << 63), (1 << 63) - 1),
    "lu": (0, (1 << 64) - 1),
}


def to_integer(kind: str, a: Number, rm: int) -> tuple[int, int]:
    """The register value: 32-bit results are sign-extended, unsigned ones too."""
    least, greatest = INTEGERS[kind]
    if a.kind != "finite":
        result, flags = (least if a.kind == "inf" and a.negative else greatest), NV
    else:
        result = int(round_to_multiple(a.value, Fraction(1), rm)) if a.value else 0
        flags = NX if result != a.value else 0
        if not least <= result <= greatest:
            result, flags = (least if result < least else greatest), NV
    if kind in ("w", "wu") and result >> 31 & 1:
        result |= 0xFFFF_FFFF << 32
    return result & ALL, flags


def from_integer(f: Format, kind: str, register: int, rm: int) -> tuple[int, int]:
    width = 32 if kind in ("w", "wu") else 64
    n = register & ((1 << width) - 1)
    if kind in ("w", "l") and n >> (width - 1):
        n -= 1 << width
    return f.round(Fraction(n), rm) if n else (0, 0)


def compare(name: str, a: Number, b: Number) -> tuple[int, int]:
    if a.is_nan or b.is_nan:
        return 0, NV if name in ("flt", "fle") or "snan" in (a.kind, b.kind) else 0
    x, y = (Fraction(2) ** 2000 * (-1 if n.negative else 1) if n.kind == "inf" else n.value for n in (a, b))
    return int({"feq": x == y, "flt": x < y, "fle": x <= y, "fltq": x < y, "fleq": x <= y}[name]), 0


def min_max(f: Format, name: str, a_bits: int, b_bits: int) -> tuple[int, int]:
    a, b = f.decode(a_bits), f.decode(b_bits)
    flags = NV if "snan" in (a.kind, b.kind) else 0
    if name.endswith("m"):
        if a.is_nan or b.is_nan:
            return f.nan, flags
        name = name.removesuffix("m")
    if a.is_nan or b.is_nan:
        return (f.nan if a.is_nan and b.is_nan else b_bits if a.is_nan else a_bits), flags
    a_below = bool(compare("flt", a, b)[0]) or (a.is_zero and b.is_zero and a.negative)
    return (a_bits if a_below == (name == "fmin") else b_bits), flags


def sign_inject(f: Format, name: str, a: int, b: int) -> int:
    sign = f.zero(True)
    chosen = {"fsgnj": b, "fsgnjn": ~b, "fsgnjx": a ^ b}[name]
    return (a & (sign - 1)) | (chosen & sign)


def classify(f: Format, bits: int) -> int:
    a = f.decode(bits)
    if a.is_nan:
        return 1 << (8 if a.kind == "snan" else 9)
    size = 3 if a.kind == "inf" else 0 if a.is_zero else 2 if abs(a.value) >= Fraction(2) ** f.emin else 1
    return 1 << (3 - size if a.negative else 4 + size)


def to_integral(f: Format, bits: int, rm: int, inexact: bool) -> tuple[int, int]:
    a = f.decode(bits)
    if a.is_nan:
        return _nan(f, a)
    if a.kind == "inf" or a.is_zero:
        return bits, 0
    rounded = round_to_multiple(a.value, Fraction(1), rm)
    flags = NX if inexact and rounded != a.value else 0
    return (f.round(rounded, rm)[0] if rounded else f.zero(a.negative)), flags


def modulo_word(a: Number) -> tuple[int, int]:
    """FCVTMOD.W.D: the flags are those of FCVT.W.D."""
    flags = to_integer("w", a, RTZ)[1]
    if a.kind != "finite":
        return 0, flags
    low = (int(a.value) + (1 << 31)) % (1 << 32) - (1 << 31)
    return low & ALL, flags


# -- instructions: register values in, register value out

FORMATS = {"h": HALF, "bf16": BFLOAT, "s": SINGLE, "d": DOUBLE}
_ROUNDED: dict[str, Callable] = {
    "fadd": add,
    "fsub": lambda f, a, b, rm: add(f, a, negated(b), rm),
    "fmul": mul,
    "fdiv": div,
    "fsqrt": sqrt,
    "fmadd": fma,
    "fmsub": lambda f, a, b, c, rm: fma(f, a, b, negated(c), rm),
    "fnmsub": lambda f, a, b, c, rm: fma(f, negated(a), b, c, rm),
    "fnmadd": lambda f, a, b, c, rm: fma(f, negated(a), b, negated(c), rm),
}


def _read(suffix: str, register: int) -> int:
    """The bits of an operand; one that is not NaN-boxed counts as the canonical NaN."""
    if suffix == "d":
        return register
    if suffix != "s":
        return register & 0xFFFF if register >= BOX_H else FORMATS[suffix].nan
    return register & 0xFFFF_FFFF if register >> 32 == 0xFFFF_FFFF else SINGLE.nan


def _write(suffix: str, result: tuple[int, int]) -> tuple[int, int]:
    return result[0] | {"s": BOX, "d": 0}.get(suffix, BOX_H), result[1]


def reference(name: str, registers: tuple[int, ...], rm: int = RNE) -> tuple[int, int]:
    """(destination register, flags) of an instruction, named as in fcvt_wu_d."""
    operation, *suffixes = name.split("_")
    if operation == "fcvt":
        to, source = suffixes
        if to in INTEGERS:
            return to_integer(to, FORMATS[source].decode(_read(source, registers[0])), rm)
        if source in INTEGERS:
            return _write(to, from_integer(FORMATS[to], source, registers[0], rm))
        return _write(to, to_format(FORMATS[to], FORMATS[source].decode(_read(source, registers[0])), rm))
    if operation == "fcvtmod":
        return modulo_word(DOUBLE.decode(registers[0]))
    suffix = suffixes[0]
    f = FORMATS[suffix]
    bits = [_read(suffix, r) for r in registers]
    if operation in _ROUNDED:
        return _write(suffix, _ROUNDED[operation](f, *map(f.decode, bits), rm))
    if operation in ("feq", "flt", "fle", "fltq", "fleq"):
        return compare(operation, *map(f.decode, bits))
    if operation in ("fround", "froundnx"):
        return _write(suffix, to_integral(f, *bits, rm, operation == "froundnx"))
    if operation in ("fmin", "fmax", "fminm", "fmaxm"):
        return _write(suffix, min_max(f, operation, *bits))
    if operation == "fclass":
        return classify(f, *bits), 0
    return _write(suffix, (sign_inject(f, operation, *bits), 0))
