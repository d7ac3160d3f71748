"""Every vector conversion between integers and floating point and between formats, at every SEW, against exact
rational arithmetic; the estimates bit by bit."""

import random
from fractions import Fraction

import fp_reference as fp
import pytest

from rvh.isa import INSNS

ISA = "max_v_zvfh_zvl256b"

FORMATS = {16: fp.HALF, 32: fp.SINGLE, 64: fp.DOUBLE}


def to_integer(signed: bool, width: int, a: fp.Number, rm: int) -> tuple[int, int]:
    """Rounded, then the nearest there is, with NV where it is another; a NaN is the greatest."""
    least, most = (-1 << width - 1, (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    if a.kind != "finite":
        return (least if a.kind == "inf" and a.negative else most) & (1 << width) - 1, fp.NV
    n = int(fp.round_to_multiple(a.value, Fraction(1), rm)) if a.value else 0
    if not least <= n <= most:
        return (least if n < least else most) & (1 << width) - 1, fp.NV
    return n & (1 << width) - 1, fp.NX if n != a.value else 0


def from_integer(signed: bool, source: int, f: fp.Format, bits: int, rm: int) -> tuple[int, int]:
    n = bits - (1 << source) if signed and bits >> source - 1 else bits
    return f.round(Fraction(n), rm) if n else (0, 0)


def to_odd(f: fp.Format, a: fp.Number) -> tuple[int, int]:
    """Rounded towards zero, the last bit set if anything was lost."""
    bits, flags = fp.to_format(f, a, fp.RTZ)
    return bits | (a.kind == "finite" and bool(flags)), flags


def model(name: str, source: int, to: int, bits: int, frm: int) -> tuple[int, int]:
    *_, made, given, _ = name.split(".")
    if given != "f":
        return from_integer(given == "x", source, FORMATS[to], bits, frm)
    a = FORMATS[source].decode(bits)
    if made == "f":
        return to_odd(FORMATS[to], a) if ".rod." in name else fp.to_format(FORMATS[to], a, frm)
    return to_integer(made == "x", to, a, fp.RTZ if ".rtz." in name else frm)


def rows():
    """(instruction, SEW, widths of source and destination)."""
    for name in sorted(INSNS):
        family = name.partition(".")[0]
        if family not in ("vfcvt", "vfwcvt", "vfncvt"):
            continue
        for sew in (8, 16, 32, 64):
            source, to = {"vfcvt": (sew, sew), "vfwcvt": (sew, 2 * sew), "vfncvt": (2 * sew, sew)}[family]
            floats = [width for width, there in ((source, ".f.x" not in name), (to, ".f.x" in name or ".f.f" in name))
                      if there]  # fmt: skip
            if max(source, to) <= 64 and min(floats) >= 16:
                yield pytest.param(name, sew, source, to, marks=pytest.mark.rules(f"{family}_op"))


def test_all_conversions_have_rows():
    widths = {}
    for row in rows():
        widths.setdefault(row.values[0], []).append(row.values[1])
    assert len(widths) == 21
    assert widths["vfcvt.x.f.v"] == [16, 32, 64] and widths["vfncvt.rtz.xu.f.w"] == [8, 16, 32]
    assert widths["vfwcvt.f.xu.v"] == [8, 16, 32] and widths["vfncvt.rod.f.f.w"] == [16, 32]


def integers(rng: random.Random, width: int, n: int) -> list[int]:
    edges = (0, 1, 1 << width - 1, (1 << width - 1) - 1, (1 << width) - 1)
    return [rng.choice((rng.choice(edges), rng.getrandbits(width) >> rng.randrange(width))) for _ in range(n)]


def floats(rng: random.Random, width: int, to: int, n: int) -> list[int]:
    """Of all kinds; many of the size of integers of `to` bits, halves among them."""
    f, out = FORMATS[width], []
    for _ in range(n):
        exponent = rng.choice((0, 1, 2 * f.emax, 2 * f.emax + 1, rng.randrange(2 * f.emax + 2),
                               *(f.emax + e for e in (-2, -1, 0, 1, to // 2, to - 2, to - 1, to))))  # fmt: skip
        fraction = rng.choice((0, 1, -1, 1 << f.precision - 2, rng.getrandbits(f.precision),
                               rng.getrandbits(5) << f.precision - 6))  # fmt: skip
        out.append(
            f.bits(bool(rng.getrandbits(1)), min(exponent, 2 * f.emax + 1), fraction & (1 << f.precision - 1) - 1)
        )
    return out


@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize(("name", "sew", "source", "to"), list(rows()))
def test_conversions(rig, name, sew, source, to, frm):
    rng = random.Random(f"{name} {sew} {frm}")
    n = 2 * 256 // max(source, to)
    for _ in range(6):
        given = integers(rng, source, n) if ".f.x" in name else floats(rng, source, to, n)
        rig.hart.v.put(8, source, given)
        rig.csr["fcsr"] = frm << 5
        setting = f"e{sew}, {'m2' if source == to else 'm1'}, ta, ma"
        assert rig.run(f"vsetvli a0, zero, {setting}; {name} v16, v8") is None
        results = [model(name, source, to, bits, frm) for bits in given]
        assert rig.hart.v.elements(16, to, n) == [bits for bits, _ in results]
        flags = 0
        for _, raised in results:
            flags |= raised
        assert rig.csr["fflags"] == flags


# -- estimates

#: Of the manual's tables, each ninth row: the upper 7 bits of the fraction of 1/x; those of 1/sqrt(x), by the low bit
#: of the exponent and the upper 6 bits of the fraction.
RECIPROCALS = [127, 110, 96, 83, 71, 61, 52, 43, 35, 28, 22, 16, 11, 5, 1]
ROOTS = [52, 41, 31, 23, 16, 10, 5, 0, 113, 99, 87, 77, 69, 61, 54]


@pytest.mark.rules("vfrec7_op")
def test_reciprocals_of_the_table(rig):
    for width, f in FORMATS.items():
        for row, out in zip(range(0, 128, 9), RECIPROCALS, strict=True):
            for rest in (0, (1 << f.precision - 8) - 1):
                x = f.bits(True, f.emax, row << f.precision - 8 | rest)
                rig.hart.v.put(8, width, [x])
                rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; vfrec7.v v9, v8")
                assert rig.hart.v.elements(9, width, 1) == [f.bits(True, f.emax - 1, out << f.precision - 8)]


@pytest.mark.rules("vfrsqrt7_op")
def test_roots_of_the_table(rig):
    for width, f in FORMATS.items():
        for row, out in zip(range(0, 128, 9), ROOTS, strict=True):
            for rest in (0, (1 << f.precision - 7) - 1):
                odd = row >> 6  # the bias is odd: 1 <= x < 2 has an exponent field that ends in 1
                x = f.bits(False, f.emax + 1 - odd, (row & 63) << f.precision - 7 | rest)
                rig.hart.v.put(8, width, [x])
                rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; vfrsqrt7.v v9, v8")
                assert rig.hart.v.elements(9, width, 1) == [f.bits(False, f.emax - 1, out << f.precision - 8)]


@pytest.mark.rules("vfrec7_op", "vfrsqrt7_op")
@pytest.mark.parametrize(("text", "given", "result"), [
    # the manual's examples
    ("vfrec7.v v9, v8", 0x00718ABC, 0x7E900000), ("vfrec7.v v9, v8", 0x7F765432, 0x00214000),
    ("vfrsqrt7.v v9, v8", 0x00718ABC, 0x5F080000), ("vfrsqrt7.v v9, v8", 0x7F765432, 0x1F820000),
    # the ends: a result below the normal numbers by one and two bits, and the least argument whose result is finite
    ("vfrec7.v v9, v8", 0x7E800000, 0x007F8000), ("vfrec7.v v9, v8", 0x7F000000, 0x003FC000),
    ("vfrec7.v v9, v8", 0x00200000, 0x7F7F0000)])  # fmt: skip
def test_estimates_by_hand(rig, text, given, result):
    rig.hart.v.put(8, 32, [given, given | 1 << 31])
    rig.run(f"vsetivli zero, 1, e32, m1, ta, ma; {text}")
    assert rig.hart.v.elements(9, 32, 1) == [result] and rig.csr["fflags"] == 0
