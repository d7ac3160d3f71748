"""Vector floating point: what the scalar instructions of F, D and Zfh make of each element, and what is its own."""

import random
import struct

import pytest
from vrig import FS, ILLEGAL, VS, VectorRig, words

from rvh.isa.extensions import parse

ISA = "max_v_zvfh_zvfbfwma_zvl256b"

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
FORMATS = {16: (5, 10), 32: (8, 23), 64: (11, 52)}
LETTER = {16: "h", 32: "s", 64: "d"}
BOX = {w: (1 << 64) - (1 << w) for w in FORMATS}
ONE = {16: 0x3C00, 32: 0x3F800000, 64: 0x3FF0000000000000}
INFINITY = {16: 0x7C00, 32: 0x7F800000, 64: 0x7FF0000000000000}
NAN = {16: 0x7E00, 32: 0x7FC00000, 64: 0x7FF8000000000000}
SIGNALING = {w: INFINITY[w] + 1 for w in FORMATS}


def values(rng: random.Random, width: int, n: int) -> list[int]:
    e, s = FORMATS[width]
    bias = (1 << e - 1) - 1
    out = []
    for _ in range(n):
        exponent = rng.choice(
            (0, 1, (1 << e) - 1, (1 << e) - 2, bias - 1, bias, bias + 1, bias + s, rng.getrandbits(e))
        )
        fraction = rng.choice((0, 1, (1 << s) - 1, 1 << s - 1, rng.getrandbits(s)))
        out.append(rng.getrandbits(1) << e + s | exponent << s | fraction)
    return out


#: vector instruction -> the scalar one; {t} is the format, d the destination element before.
SAME = {
    "vfadd.vv v16, v8, v12": "fadd.{t} fa3, fa0, fa1",
    "vfsub.vv v16, v8, v12": "fsub.{t} fa3, fa0, fa1",
    "vfmul.vv v16, v8, v12": "fmul.{t} fa3, fa0, fa1",
    "vfdiv.vv v16, v8, v12": "fdiv.{t} fa3, fa0, fa1",
    "vfmin.vv v16, v8, v12": "fmin.{t} fa3, fa0, fa1",
    "vfmax.vv v16, v8, v12": "fmax.{t} fa3, fa0, fa1",
    "vfsgnj.vv v16, v8, v12": "fsgnj.{t} fa3, fa0, fa1",
    "vfsgnjn.vv v16, v8, v12": "fsgnjn.{t} fa3, fa0, fa1",
    "vfsgnjx.vv v16, v8, v12": "fsgnjx.{t} fa3, fa0, fa1",
    "vfsqrt.v v16, v8": "fsqrt.{t} fa3, fa0",
    "vfmacc.vv v16, v12, v8": "fmadd.{t} fa3, fa1, fa0, fa2",
    "vfnmacc.vv v16, v12, v8": "fnmadd.{t} fa3, fa1, fa0, fa2",
    "vfmsac.vv v16, v12, v8": "fmsub.{t} fa3, fa1, fa0, fa2",
    "vfnmsac.vv v16, v12, v8": "fnmsub.{t} fa3, fa1, fa0, fa2",
    "vfmadd.vv v16, v12, v8": "fmadd.{t} fa3, fa1, fa2, fa0",
    "vfnmadd.vv v16, v12, v8": "fnmadd.{t} fa3, fa1, fa2, fa0",
    "vfmsub.vv v16, v12, v8": "fmsub.{t} fa3, fa1, fa2, fa0",
    "vfnmsub.vv v16, v12, v8": "fnmsub.{t} fa3, fa1, fa2, fa0",
    "vfsub.vf v16, v8, fa1": "fsub.{t} fa3, fa0, fa1",
    "vfrsub.vf v16, v8, fa1": "fsub.{t} fa3, fa1, fa0",
    "vfdiv.vf v16, v8, fa1": "fdiv.{t} fa3, fa0, fa1",
    "vfrdiv.vf v16, v8, fa1": "fdiv.{t} fa3, fa1, fa0",
    "vfmax.vf v16, v8, fa1": "fmax.{t} fa3, fa0, fa1",
    "vfsgnjx.vf v16, v8, fa1": "fsgnjx.{t} fa3, fa0, fa1",
    "vfnmsac.vf v16, fa1, v8": "fnmsub.{t} fa3, fa1, fa0, fa2",
    "vfmsub.vf v16, fa1, v8": "fmsub.{t} fa3, fa1, fa2, fa0",
}


def same():
    """The rows, each with the rule of its instruction."""
    for vector in SAME:
        name, form = vector.split()[0].split(".")
        yield pytest.param(
            vector, id=f"{name}.{form}", marks=pytest.mark.rules(f"{name}_op", *["vfop_freg"] * (form == "vf"))
        )


@pytest.mark.rules("V_fp_frm", "fflags_op_V_fp")
@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize("width", FORMATS)
@pytest.mark.parametrize("vector", list(same()))
def test_elements_are_what_the_scalar_instruction_gives(rig, vector, width, frm):
    """Results and accrued flags, of all elements and of masked ones."""
    rng = random.Random(f"{vector} {width} {frm}")
    scalar = SAME[vector].format(t=LETTER[width])
    n = 4 * 256 // width
    for mask in (None, rng.getrandbits(64)):
        a, b, d = (values(rng, width, n) for _ in range(3))
        b = b[:1] * n if ".vf" in vector else b
        expected, flags = list(d), 0
        for i in range(n):
            if mask is not None and not mask >> i & 1:
                continue
            rig.csr["fcsr"] = frm << 5
            rig.hart.f[10], rig.hart.f[11], rig.hart.f[12] = (x | BOX[width] for x in (a[i], b[i], d[i]))
            assert rig.run(scalar) is None
            expected[i] = rig.hart.f[13] & (1 << width) - 1
            flags |= rig.csr["fflags"]
        for register, elements in ((8, a), (12, b), (16, d)):
            rig.hart.v.put(register, width, elements)
        rig.hart.v.put(0, 64, [mask or 0])
        rig.csr["fcsr"] = frm << 5
        text = vector + (", v0.t" if mask is not None else "")
        assert rig.run(f"vsetvli a0, zero, e{width}, m4, ta, ma; {text}") is None
        assert rig.hart.v.elements(16, width, n) == expected
        assert rig.csr["fflags"] == flags


def comparisons():
    for name, scalar, swapped in (
        ("vmfeq", "feq", False), ("vmfne", "feq", False), ("vmflt", "flt", False), ("vmfle", "fle", False),
        ("vmfgt", "flt", True), ("vmfge", "fle", True)):  # fmt: skip
        negated = name == "vmfne"
        nan = f"{name}_vdval{int(negated)}_NaN"
        invalid = f"{name}_{'sNaN' if scalar == 'feq' else 'sqNaN'}_invalid"
        yield pytest.param(name, scalar, swapped, negated, id=name, marks=pytest.mark.rules(f"{name}_op", nan, invalid))


@pytest.mark.parametrize("width", FORMATS)
@pytest.mark.parametrize(("name", "scalar", "swapped", "negated"), list(comparisons()))
def test_comparisons(rig, name, scalar, swapped, negated, width):
    rng = random.Random(f"{name} {width}")
    n = 256 // width
    for _ in range(8):
        a, b = values(rng, width, n), values(rng, width, 1)[0]
        a[0] = b
        expected, flags = 0, 0
        for i in range(n):
            rig.csr["fcsr"] = 0
            x, y = (b, a[i]) if swapped else (a[i], b)
            rig.hart.f[10], rig.hart.f[11] = x | BOX[width], y | BOX[width]
            rig.run(f"{scalar}.{LETTER[width]} a0, fa0, fa1")
            expected |= (rig.a0 ^ negated) << i
            flags |= rig.csr["fflags"]
        rig.hart.v.put(8, width, a)
        rig.hart.f[10] = b | BOX[width]
        rig.csr["fcsr"] = 0
        assert rig.run(f"vsetvli a0, zero, e{width}, m1, ta, ma; {name}.vf v16, v8, fa0") is None
        assert rig.hart.v.elements(16, 64, 1)[0] & (1 << n) - 1 == expected
        assert rig.csr["fflags"] == flags


CONVERSIONS = [
    ("vfcvt.x.f.v", 32, 32, "fcvt.w.s a0, fa0"), ("vfcvt.xu.f.v", 64, 64, "fcvt.lu.d a0, fa0"),
    ("vfcvt.rtz.x.f.v", 64, 64, "fcvt.l.d a0, fa0, rtz"), ("vfwcvt.x.f.v", 32, 64, "fcvt.l.s a0, fa0"),
    ("vfwcvt.xu.f.v", 16, 32, "fcvt.wu.h a0, fa0"), ("vfncvt.x.f.w", 64, 32, "fcvt.w.d a0, fa0"),
    ("vfncvt.rtz.xu.f.w", 64, 32, "fcvt.wu.d a0, fa0, rtz"), ("vfncvt.f.f.w", 64, 32, "fcvt.s.d fa3, fa0"),
    ("vfncvt.f.f.w", 32, 16, "fcvt.h.s fa3, fa0"), ("vfwcvt.f.f.v", 32, 64, "fcvt.d.s fa3, fa0"),
    ("vfwcvt.f.f.v", 16, 32, "fcvt.s.h fa3, fa0"), ("vfncvtbf16.f.f.w", 32, 16, "fcvt.bf16.s fa3, fa0"),
    ("vfwcvtbf16.f.f.v", 16, 32, "fcvt.s.bf16 fa3, fa0"), ("vfcvt.f.x.v", 32, 32, "fcvt.s.w fa3, a1"),
    ("vfcvt.f.xu.v", 64, 64, "fcvt.d.lu fa3, a1"), ("vfwcvt.f.x.v", 32, 64, "fcvt.d.w fa3, a1"),
    ("vfncvt.f.x.w", 64, 32, "fcvt.s.l fa3, a1"), ("vfncvt.f.xu.w", 32, 16, "fcvt.h.wu fa3, a1"),
]  # fmt: skip


@pytest.mark.rules("vfcvt_op", "vfwcvt_op", "vfncvt_op")
@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize(("name", "source", "to", "scalar"), CONVERSIONS, ids=lambda v: str(v))
def test_conversions(rig, name, source, to, scalar, frm):
    rng = random.Random(f"{name} {source} {frm}")
    integers = "a1" in scalar
    n = 256 // source
    for _ in range(6):
        bits = (
            [rng.getrandbits(source) >> rng.randrange(source) for _ in range(n)] if integers else values(rng, source, n)
        )
        expected, flags = [], 0
        for x in bits:
            rig.csr["fcsr"] = frm << 5
            rig.hart.f[10] = x | BOX[source]
            rig.run(scalar, a1=x)
            expected.append((rig.hart.f[13] if "fa3" in scalar else rig.a0) & (1 << to) - 1)
            flags |= rig.csr["fflags"]
        rig.hart.v.put(8, source, bits)
        rig.csr["fcsr"] = frm << 5
        setting = f"e{min(source, to)}, {'m1' if source <= to else 'mf2'}"
        assert rig.run(f"vsetvli a0, zero, {setting}, ta, ma; {name} v16, v8") is None
        assert rig.hart.v.elements(16, to, n) == expected
        assert rig.csr["fflags"] == flags


@pytest.mark.rules("vfncvt_op")
def test_narrow_integers_saturate(rig):
    rig.hart.v.put(8, 16, [0x5800, 0x57F0, 0xD808, 0xD810, 0x3800, NAN[16]])  # 128, 127, -129, -130, 0.5, NaN
    rig.run("vsetivli zero, 6, e8, mf2, ta, ma; vfncvt.x.f.w v16, v8")
    assert rig.hart.v.elements(16, 8, 6) == [127, 127, 128, 128, 0, 127]
    assert rig.csr["fflags"] == NV | NX


def test_round_to_odd(rig):
    """1 + 2**-40 has no single: the neighbour whose last bit is 1; what is exact stays even."""
    rig.hart.v.put(8, 64, [ONE[64] | 1 << 12, ONE[64], 0x7FEFFFFFFFFFFFFF])
    rig.run("vsetivli zero, 3, e32, m1, ta, ma; vfncvt.rod.f.f.w v16, v8")
    assert rig.hart.v.elements(16, 32, 3) == [ONE[32] | 1, ONE[32], 0x7F7FFFFF]
    assert rig.csr["fflags"] == NX | OF


@pytest.mark.rules("vfwadd_op", "vfwmul_op", "vfwmacc_op")
def test_widening_rounds_once(rig):
    """(1 + 2**-23)**2 takes 47 bits; 1 + 2**-23 * 2**-23 would be 1 in single precision."""
    rig.hart.v.put(8, 32, [ONE[32] | 1])
    rig.run("vsetivli zero, 1, e32, m1, ta, ma; vfwmul.vv v16, v8, v8")
    assert rig.hart.v.elements(16, 64, 1) == [ONE[64] | 1 << 30 | 1 << 6] and rig.csr["fflags"] == 0
    rig.hart.v.put(16, 64, [ONE[64]])
    rig.run("vfwnmsac.vv v16, v8, v8; vfwadd.wv v20, v16, v8")
    assert rig.hart.v.elements(16, 64, 1) == [0xBE90000010000000], "-(2**-22 + 2**-46)"
    rig.hart.v.put(8, 16, [0x3F81])  # 1 + 2**-7
    rig.hart.v.put(16, 32, [0])
    rig.run("vsetivli zero, 1, e16, m1, ta, ma; vfwmaccbf16.vv v16, v8, v8")
    assert rig.hart.v.elements(16, 32, 1) == [0x3F820200]


@pytest.mark.rules("vfredosum_op", "vfredusum_op", "vfredmax_op", "vreduction_vl_0")
def test_reductions(rig):
    third = 0x3EAAAAAB
    rig.hart.v.put(8, 32, [ONE[32], 0x4B800000, third, 0xCB800000])  # 1, 2**24, 1/3, -2**24
    rig.hart.v.put(12, 32, [third, 7])
    rig.run("vsetivli zero, 4, e32, m1, ta, ma; vfredosum.vs v16, v8, v12; vfredmax.vs v17, v8, v12")
    assert rig.hart.v.elements(16, 32, 2) == [0x40000000, 0], "in the order of the elements: 1/3 gets lost, 1 becomes 2"
    assert rig.hart.v.elements(17, 32, 1) == [0x4B800000] and rig.csr["fflags"] == NX
    rig.run("vsetivli zero, 4, e32, m1, ta, ma; vfwredosum.vs v18, v8, v20")
    sum_ = struct.unpack("<Q", struct.pack("<d", 1 + 0xAAAAAB * 2.0**-25))[0]
    assert rig.hart.v.elements(18, 64, 1) == [sum_], "exact in double precision"
    rig.run("vsetivli zero, 0, e32, m1, ta, ma; vfredosum.vs v16, v12, v12")
    assert rig.hart.v.elements(16, 32, 1) == [0x40000000], "nothing is written with vl=0"
    rig.hart.v.put(12, 32, [SIGNALING[32]])
    rig.run("vsetivli zero, 4, e32, m1, ta, ma; csrwi fflags, 0; vfredosum.vs v16, v8, v12, v0.t")
    assert rig.hart.v.elements(16, 32, 1) == [SIGNALING[32]] and rig.csr["fflags"] == 0, "no active element: a copy"
    rig.run("vfredusum.vs v16, v8, v12, v0.t")
    assert rig.hart.v.elements(16, 32, 1) == [NAN[32]] and rig.csr["fflags"] == NV, "the sum of it and the identity"


def value(bits: int, width: int) -> float:
    e, s = FORMATS[width]
    exponent, fraction = bits >> s & (1 << e) - 1, bits & (1 << s) - 1
    scale = 2.0 ** (max(exponent, 1) - (1 << e - 1) + 1 - s)
    return (fraction + ((1 << s) if exponent else 0)) * scale


@pytest.mark.rules("vfrec7_op", "vfrsqrt7_op")
@pytest.mark.parametrize("width", [16, 32])
def test_estimates_are_good_to_seven_bits(rig, width):
    rng = random.Random(width)
    e, s = FORMATS[width]
    n = 256 // width
    for _ in range(40):
        numbers = [rng.randrange(1, (1 << e) - 3) << s | rng.getrandbits(s) for _ in range(n)]
        rig.hart.v.put(8, width, numbers)
        rig.run(f"vsetvli a0, zero, e{width}, m1, ta, ma; vfrec7.v v9, v8; vfrsqrt7.v v10, v8")
        for x, r, q in zip(numbers, rig.hart.v.elements(9, width, n), rig.hart.v.elements(10, width, n), strict=True):
            assert abs(value(x, width) * value(r, width) - 1) < 2**-7
            assert abs(value(x, width) * value(q, width) ** 2 - 1) < 2**-6
    assert rig.csr["fflags"] == 0


@pytest.mark.rules("vfrec7_op", "vfrsqrt7_op")
@pytest.mark.parametrize("width", FORMATS)
def test_estimates_at_the_ends(rig, width):
    minus, inf, nan = 1 << width - 1, INFINITY[width], NAN[width]
    cases = [
        ("vfrec7.v", 0, inf, DZ), ("vfrec7.v", minus, minus | inf, DZ), ("vfrec7.v", inf, 0, 0),
        ("vfrec7.v", minus | inf, minus, 0), ("vfrec7.v", nan, nan, 0), ("vfrec7.v", SIGNALING[width], nan, NV),
        ("vfrec7.v", 1, inf, OF | NX), ("vfrec7.v", minus | 1, minus | inf, OF | NX),
        ("vfrsqrt7.v", 0, inf, DZ), ("vfrsqrt7.v", minus, minus | inf, DZ), ("vfrsqrt7.v", inf, 0, 0),
        ("vfrsqrt7.v", minus | ONE[width], nan, NV), ("vfrsqrt7.v", minus | inf, nan, NV),
        ("vfrsqrt7.v", SIGNALING[width], nan, NV), ("vfrsqrt7.v", nan, nan, 0),
    ]  # fmt: skip
    for name, x, result, flags in cases:
        rig.csr["fcsr"] = 0
        rig.hart.v.put(8, width, [x])
        rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; {name} v9, v8")
        assert (rig.hart.v.elements(9, width, 1), rig.csr["fflags"]) == ([result], flags), (name, hex(x))
    rig.csr["fcsr"] = 1 << 5  # towards zero: the greatest number
    rig.hart.v.put(8, width, [1])
    rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; vfrec7.v v9, v8")
    assert rig.hart.v.elements(9, width, 1) == [inf - 1]


@pytest.mark.rules("vfclass_op")
@pytest.mark.parametrize("width", FORMATS)
def test_classes(rig, width):
    minus, s = 1 << width - 1, FORMATS[width][1]
    numbers = [minus | INFINITY[width], minus | ONE[width], minus | 1, minus, 0, 1, 1 << s, INFINITY[width],
               SIGNALING[width], NAN[width]]  # fmt: skip
    rig.hart.v.put(8, width, numbers)
    rig.run(f"vsetvli a0, zero, e{width}, m8, ta, ma; vfclass.v v16, v8")
    assert rig.hart.v.elements(16, width, 10) == [1 << n for n in range(10)]
    assert rig.csr["fflags"] == 0


# -- scalars


@pytest.mark.rules(
    "vfop_freg_NaNbox_lsb_sewbits", "vfmv_op", "vfmerge_op", "vfmv-s-f_op", "vfmv-f-s_op", "vslide1up-vf_op"
)
@pytest.mark.parametrize("width", [16, 32])
def test_a_scalar_that_is_not_boxed_is_the_canonical_nan(rig, width):
    for bits, expected in ((BOX[width] | 5, 5), (5, NAN[width]), (BOX[width] << 1 | 5, NAN[width])):
        rig.hart.f[10] = bits
        rig.hart.v.put(0, 8, [1])
        rig.run(f"vsetivli zero, 2, e{width}, m1, ta, ma; vfmv.v.f v8, fa0; vfmv.s.f v9, fa0; vfmv.f.s fa1, v8;"
                 "vfmerge.vfm v10, v7, fa0, v0; vfslide1up.vf v11, v7, fa0; vfslide1down.vf v12, v7, fa0")  # fmt: skip
        assert rig.hart.v.elements(8, width, 3) == [expected, expected, 0]
        assert rig.hart.v.elements(9, width, 2) == [expected, 0]
        assert rig.hart.f[11] == BOX[width] | expected
        assert rig.hart.v.elements(10, width, 2) == rig.hart.v.elements(11, width, 2) == [expected, 0]
        assert rig.hart.v.elements(12, width, 2) == [0, expected]


def test_the_canonical_nan_of_bf16(rig):
    rig.hart.f[10] = ONE[16]
    rig.hart.v.put(8, 16, [0x3F80])
    rig.run("vsetivli zero, 1, e16, m1, ta, ma; vfwmaccbf16.vf v16, fa0, v8")
    assert rig.hart.v.elements(16, 32, 1) == [NAN[32]] and rig.csr["fflags"] == 0


@pytest.mark.rules("vfmv-f-s_op", "mstatus_FS_dirty_V_fp", "mstatus_FS_dirty_hypervisor_V_fp",
                   "vsstatus_FS_dirty_hypervisor_V_fp")  # fmt: skip
def test_what_makes_fs_dirty(rig):
    for text, dirty in (("vfmv.f.s fa0, v8", True), ("vfadd.vv v8, v8, v8", False), ("vfdiv.vv v8, v9, v9", True)):
        rig.run("vsetivli zero, 1, e32, m1, ta, ma; vmv.v.i v8, 0; vmv.v.i v9, 0")
        for mode in ("HS", "VS"):
            rig.csr["fcsr"] = 0
            rig.csr["mstatus"], rig.csr["vsstatus"] = 1 << 13 | VS, 1 << 13 | VS
            assert rig.run(text, mode=mode) is None
            assert rig.csr["mstatus"] & FS == (FS if dirty else 1 << 13)
            assert rig.csr["vsstatus"] & FS == (FS if dirty and mode == "VS" else 1 << 13)


@pytest.mark.rules(
    "mstatus_FS_off_V_fp_ill", "vsstatus_FS_off_hypervisor_V_fp_ill", "mstatus_FS_off_hypervisor_V_fp_ill"
)
@pytest.mark.parametrize("text", ["vfadd.vv v8, v8, v8", "vfmv.v.f v8, fa0", "vfmerge.vfm v8, v8, fa0, v0",
                                  "vfredosum.vs v8, v8, v8", "vfslide1up.vf v9, v8, fa0"])  # fmt: skip
def test_both_units_must_be_on(rig, text):
    rig.run("vsetivli zero, 1, e32, m1, ta, ma")
    for bits, mode, expected in (
        ((FS | VS, FS | VS), "VS", None), ((VS, FS | VS), "HS", ILLEGAL), ((FS, FS | VS), "HS", ILLEGAL),
        ((VS | FS, VS), "VS", ILLEGAL), ((VS | FS, FS), "VS", ILLEGAL), ((VS | FS, 0), "HS", None),
    ):  # fmt: skip
        rig.csr["mstatus"], rig.csr["vsstatus"] = bits
        assert rig.cause(*words(text), mode=mode) == expected, (bits, mode)


@pytest.mark.rules("V_inv_frm_rsv")
@pytest.mark.parametrize("frm", [5, 6, 7])
def test_reserved_rounding_modes(rig, frm):
    rig.run("vsetivli zero, 1, e32, m1, ta, ma")
    rig.csr["frm"] = frm
    for text in ("vfadd.vv v8, v8, v8", "vfsgnj.vv v8, v8, v8", "vfmv.v.f v8, fa0", "vfredmax.vs v8, v8, v8"):
        assert rig.cause(*words(text), mode="M") == ILLEGAL, text
    assert rig.cause(*words("vadd.vv v8, v8, v8"), mode="M") is None


@pytest.mark.rules(
    "V_fp_eew_rsv", "V_fp_EEW_IEEE_nsupported_rsv", "Zvfh_eew16", "V_dependent_Zvl128b_Zve64d", "misa_v_op"
)
def test_widths_and_extensions():
    def legal(isa: str, width: int, text: str) -> bool:
        rig = VectorRig(isa=isa)
        return rig.cause(*words(f"vsetivli zero, 1, e{width}, m1, ta, ma; {text}"), mode="M") is None

    add, narrow, bf16 = "vfadd.vv v8, v8, v8", "vfncvt.f.f.w v8, v10", "vfncvtbf16.f.f.w v8, v10"
    assert [legal("max_v", w, add) for w in (8, 16, 32, 64)] == [False, False, True, True]
    assert [legal("max_v_zvfh", w, add) for w in (8, 16, 32, 64)] == [False, True, True, True]
    assert [legal("max_zve64f_zvl128b", w, add) for w in (16, 32, 64)] == [False, True, False]
    assert [legal("max_v_zvfhmin", 16, t) for t in (add, narrow, bf16)] == [False, True, False]
    assert [legal("max_v_zvfbfmin", 16, t) for t in (add, narrow, bf16)] == [False, False, True]
    assert legal("max_v", 64, "vmulh.vv v8, v8, v8") and not legal("max_zve64d", 64, "vmulh.vv v8, v8, v8")
    assert VectorRig(isa="max_v").csr["misa"] >> 21 & 1 and parse("rv64gcv") >= {"V", "Zve64d", "Zvl128b"}
