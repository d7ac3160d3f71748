"""Vector floating point with results twice as wide as the operands, and bfloat16: against exact rational arithmetic."""

import random

import fp_reference as fp
import pytest
from vrig import ILLEGAL, rules

ISA = "max_v_zvfh_zvfbfwma_zvl256b"


FORMATS = {16: fp.HALF, 32: fp.SINGLE, 64: fp.DOUBLE}
BOX = {w: (1 << 64) - (1 << w) for w in FORMATS}
A, WIDE, B, D = 8, 12, 16, 20  # registers; the last of groups of two


def numbers(rng: random.Random, f: fp.Format, n: int) -> list[int]:
    """Of all kinds and sizes, many near to 1 so that sums and products lose bits."""
    out = []
    for _ in range(n):
        exponent = rng.choice((0, 1, f.emax - 1, f.emax, f.emax + 1, f.emax + f.precision, 2 * f.emax, 2 * f.emax + 1,
                               rng.randrange(2 * f.emax + 2)))  # fmt: skip
        least = f.precision - 1
        fraction = rng.choice((0, 1, (1 << least) - 1, 1 << least - 1, rng.getrandbits(least), rng.getrandbits(least)))
        out.append(f.bits(bool(rng.getrandbits(1)), exponent, fraction))
    return out


#: (format, a, b, d, frm) -> (bits, flags): a is vs2, b vs1 or the scalar, d the destination before.
OPERATIONS = {
    "vfwadd": lambda f, a, b, d, rm: fp.add(f, a, b, rm),
    "vfwsub": lambda f, a, b, d, rm: fp.add(f, a, fp.negated(b), rm),
    "vfwmul": lambda f, a, b, d, rm: fp.mul(f, a, b, rm),
    "vfwmacc": lambda f, a, b, d, rm: fp.fma(f, a, b, d, rm),
    "vfwnmacc": lambda f, a, b, d, rm: fp.fma(f, fp.negated(a), b, fp.negated(d), rm),
    "vfwmsac": lambda f, a, b, d, rm: fp.fma(f, a, b, fp.negated(d), rm),
    "vfwnmsac": lambda f, a, b, d, rm: fp.fma(f, fp.negated(a), b, d, rm),
    "vfwmaccbf16": lambda f, a, b, d, rm: fp.fma(f, a, b, d, rm),
}


def rows():
    for name in OPERATIONS:
        for form in ("vv", "vf", "wv", "wf") if name in ("vfwadd", "vfwsub") else ("vv", "vf"):
            bf16 = "bf16" in name
            rule = f"{name}_{form}_op" if bf16 else "vfwadd_op" if name == "vfwsub" else f"{name}_op"
            for width in (16,) if bf16 else (16, 32):
                yield pytest.param(name, form, width, marks=rules(rule))


@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize(("name", "form", "width"), list(rows()))
def test_widening(rig, name, form, width, frm):
    """Operands are widened exactly, the operation rounds once; flags of the active elements only."""
    rng = random.Random(f"{name} {form} {width} {frm}")
    narrow = fp.BFLOAT if "bf16" in name else FORMATS[width]
    wide = FORMATS[2 * width]
    n = 256 // width
    for mask in (None, rng.getrandbits(n), rng.getrandbits(n)):
        a, b = numbers(rng, wide if form[0] == "w" else narrow, n), numbers(rng, narrow, n)
        d = numbers(rng, wide, n)
        b = b[:1] * n if form[1] == "f" else b
        rig.hart.v.put(WIDE if form[0] == "w" else A, 2 * width if form[0] == "w" else width, a)
        rig.hart.v.put(B, width, b)
        rig.hart.v.put(D, 2 * width, d)
        rig.hart.v.put(0, 64, [mask or 0])
        rig.hart.f[10] = b[0] | BOX[width]
        rig.csr["fcsr"] = frm << 5
        operands = [f"v{WIDE if form[0] == 'w' else A}", "fa0" if form[1] == "f" else f"v{B}"]
        operands = operands[::-1] if "ac" in name else operands
        tail = "" if mask is None else ", v0.t"
        text = f"{name}.{form} v{D}, {', '.join(operands)}{tail}"
        assert rig.run(f"vsetvli a0, zero, e{width}, m1, ta, ma; {text}") is None
        expected, flags = list(d), 0
        for i in range(n):
            if mask is None or mask >> i & 1:
                left = (wide if form[0] == "w" else narrow).decode(a[i])
                result = OPERATIONS[name](wide, left, narrow.decode(b[i]), wide.decode(d[i]), frm)
                expected[i], flags = result[0], flags | result[1]
        assert rig.hart.v.elements(D, 2 * width, n) == expected
        assert rig.csr["fflags"] == flags


# -- bfloat16: encodings written out


def opf(funct6: int, vs1: int, funct3: int, vs2: int = A, vd: int = D, vm: int = 1) -> int:
    return funct6 << 26 | vm << 25 | vs2 << 20 | vs1 << 15 | funct3 << 12 | vd << 7 | 0b1010111


NARROW = opf(0b010010, 0b11101, 0b001)
WIDEN = opf(0b010010, 0b01101, 0b001)
MACC_VV = opf(0b111011, B, 0b001)
MACC_VF = opf(0b111011, 10, 0b101)


@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize(
    ("word", "source", "to"),
    [
        pytest.param(NARROW, fp.SINGLE, fp.BFLOAT, marks=rules("vfncvtbf16-f-f-w_op", "vfncvtbf16-f-f-w_enc")),
        pytest.param(WIDEN, fp.BFLOAT, fp.SINGLE, marks=rules("vfwcvtbf16-f-f-v_op", "vfwcvtbf16-f-f-v_enc")),
    ],
    ids=["narrow", "widen"],
)
def test_conversions_of_bfloat16(rig, word, source, to, frm):
    rng = random.Random(f"{word} {frm}")
    widths = {fp.SINGLE: 32, fp.BFLOAT: 16}
    for _ in range(8):
        given = numbers(rng, source, 16)
        rig.hart.v.put(A, widths[source], given)
        rig.run("vsetvli a0, zero, e16, m1, ta, ma")
        rig.csr["fcsr"] = frm << 5
        assert rig.execute(word) is None
        results = [fp.to_format(to, source.decode(x), frm) for x in given]
        assert rig.hart.v.elements(D, widths[to], 16) == [bits for bits, _ in results]
        flags = 0
        for _, raised in results:
            flags |= raised
        assert rig.csr["fflags"] == flags


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(MACC_VV, marks=rules("vfwmaccbf16_encoding_vv")),
        pytest.param(MACC_VF, marks=rules("vfwmaccbf16_encoding_vf")),
    ],
)
def test_encodings_of_the_product_of_bfloat16(rig, word):
    """2.5 * 3 + 0.5"""
    rig.hart.v.put(A, 16, [0x4020, 0x4020])
    rig.hart.v.put(B, 16, [0x4040, 0x4040])
    rig.hart.v.put(D, 32, [0x3F000000, 0x3F000000])
    rig.hart.f[10] = 0x4040 | BOX[16]
    rig.hart.v.put(0, 8, [0b10])
    rig.run("vsetivli zero, 2, e16, m1, ta, ma")
    assert rig.execute(word & ~(1 << 25)) is None
    assert rig.hart.v.elements(D, 32, 2) == [0x3F000000, 0x41000000]
    assert rig.execute(word) is None
    assert rig.hart.v.elements(D, 32, 2) == [0x41000000, 0x41780000]


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(NARROW, marks=rules("vfncvtbf16-f-f-w_sew_rsv")),
        pytest.param(WIDEN, marks=rules("vfwcvtbf16-f-f-v_sew_rsv")),
        pytest.param(MACC_VV, marks=rules("vfwmaccbf16_vv_sew_rsv")),
        pytest.param(MACC_VF, marks=rules("vfwmaccbf16_vf_sew_rsv")),
    ],
)
@pytest.mark.parametrize("sew", [8, 16, 32, 64])
def test_bfloat16_is_of_sew_16(rig, word, sew):
    rig.run(f"vsetivli zero, 1, e{sew}, m1, ta, ma")
    assert rig.cause(word, mode="M") == (None if sew == 16 else ILLEGAL)


@pytest.mark.rules("bf16_canonical_NaN")
@pytest.mark.parametrize("nan", [0x7FC00000, 0xFFC12345, 0x7F800001, 0xFFFFFFFF])
def test_the_canonical_nan(rig, nan):
    """From a conversion of any NaN, scalar and vector: no payload, no sign."""
    rig.hart.f[10] = nan | BOX[32]
    rig.hart.v.put(A, 32, [nan])
    rig.run("fcvt.bf16.s fa1, fa0; vsetivli zero, 1, e16, m1, ta, ma")
    assert rig.hart.f[11] == 0x7FC0 | BOX[16]
    assert rig.execute(NARROW) is None
    assert rig.hart.v.elements(D, 16, 1) == [0x7FC0]
