"""Vector floating point: the masks that comparisons write, registers and fields that instructions may have, and which
of them are there with Zvfh. What they make of each element is in test_vector_float.py."""

import random

import fp_reference as fp
import pytest
from vrig import ILLEGAL, VectorRig, rules, words

from rvh.isa import INSNS

NV = 16
VLEN = 256
ISA = f"max_v_zvfh_zvl{VLEN}b"
FORMATS = {16: fp.HALF, 32: fp.SINGLE, 64: fp.DOUBLE}
BOX = {w: (1 << 64) - (1 << w) for w in FORMATS}


# -- comparisons

#: name -> (the scalar comparison of fp_reference, operands swapped, result negated)
COMPARISONS = {
    "vmfeq": ("feq", False, False), "vmfne": ("feq", False, True), "vmflt": ("flt", False, False),
    "vmfle": ("fle", False, False), "vmfgt": ("flt", True, False), "vmfge": ("fle", True, False),
}  # fmt: skip


def compared(name: str, width: int, a: int, b: int) -> tuple[int, int]:
    scalar, swapped, negated = COMPARISONS[name]
    x, y = (FORMATS[width].decode(bits) for bits in ((b, a) if swapped else (a, b)))
    result, flags = fp.compare(scalar, x, y)
    return result ^ negated, flags


def named(*suffixes: str):
    return [pytest.param(name, marks=rules(*(f"{name}_{suffix}" for suffix in suffixes))) for name in COMPARISONS]


def samples(rng: random.Random, width: int, n: int) -> list[int]:
    f = FORMATS[width]
    one = f.bits(False, f.emax, 0)
    some = (0, f.zero(True), one, one + 1, f.inf(False), f.inf(True), f.nan, f.inf(False) + 1, f.bits(True, 1, 0))
    return [rng.choice(some) for _ in range(n)]


@pytest.mark.parametrize("width", FORMATS)
@pytest.mark.parametrize(
    ("name", "form"),
    [
        pytest.param(name, form, marks=rules(f"{name}_op"))
        for name in COMPARISONS
        for form in ("vv", "vf")
        if f"{name}.{form}" in INSNS
    ],
)
def test_comparisons_with_exact_arithmetic(rig, name, form, width):
    rng, n = random.Random(f"{name} {form} {width}"), VLEN // width
    for _ in range(10):
        a, b = samples(rng, width, n), samples(rng, width, n)
        b = b[:1] * n if form == "vf" else b
        rig.hart.v.put(8, width, a)
        rig.hart.v.put(9, width, b)
        rig.hart.f[10] = b[0] | BOX[width]
        rig.csr["fflags"] = 0
        rig.run(f"vsetvli a0, zero, e{width}, m1, ta, ma; {name}.{form} v16, v8, {'v9' if form == 'vv' else 'fa0'}")
        results = [compared(name, width, x, y) for x, y in zip(a, b, strict=True)]
        mask = sum(bit << i for i, (bit, _) in enumerate(results))
        assert int.from_bytes(rig.hart.v[16], "little") & (1 << n) - 1 == mask
        assert rig.csr["fflags"] == (NV if any(flags for _, flags in results) else 0)


@pytest.mark.parametrize("name", named("vd_eq_v0", "tail_agnostic"))
@pytest.mark.parametrize("policy", ["tu, mu", "ta, ma"])
def test_a_comparison_into_its_own_mask_is_an_and(rig, name, policy):
    """Set where the mask was and the comparison holds; the tail stays. Inactive elements raise nothing."""
    rng = random.Random(name)
    for _ in range(16):
        a, b = samples(rng, 16, 16), samples(rng, 16, 1)[0]
        mask = rng.getrandbits(VLEN)
        rig.hart.v.put(8, 16, a)
        rig.hart.v[0] = mask.to_bytes(VLEN // 8, "little")
        rig.hart.f[10] = b | BOX[16]
        rig.csr["fflags"] = 0
        rig.run(f"vsetivli zero, 13, e16, m1, {policy}; {name}.vf v0, v8, fa0, v0.t")
        results = [compared(name, 16, x, b) for x in a[:13]]
        holds = sum(bit << i for i, (bit, _) in enumerate(results))
        assert int.from_bytes(rig.hart.v[0], "little") == mask & (holds | -1 << 13)
        assert rig.csr["fflags"] == max(flags * (mask >> i & 1) for i, (_, flags) in enumerate(results))


@pytest.mark.parametrize("name", named("vd_single_vreg"))
def test_a_mask_is_one_register(rig, name):
    """Any one, even where the sources are groups of eight; element i is bit i."""
    rng, n = random.Random(name), 8 * VLEN // 16
    a, b = samples(rng, 16, n), samples(rng, 16, 1)[0]
    rig.hart.v.put(8, 16, a)
    rig.hart.f[10] = b | BOX[16]
    for vd in (3, 31):
        assert rig.run(f"vsetvli a0, zero, e16, m8, ta, ma; {name}.vf v{vd}, v8, fa0") is None
        mask = sum(compared(name, 16, x, b)[0] << i for i, x in enumerate(a))
        assert int.from_bytes(rig.hart.v[vd], "little") == mask
        assert rig.hart.v[vd - 1] == bytes(32) and rig.hart.v[(vd + 1) % 32] == bytes(32)


# -- registers and fields


@pytest.mark.parametrize(
    ("setting", "text", "cause"),
    [
        # a destination of 2*LMUL registers, over a source in its highest part only
        pytest.param("e32, m1", "vfwcvt.f.f.v v8, v10", None, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m1", "vfwcvt.x.f.v v9, v10", ILLEGAL, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m1", "vfwcvt.f.xu.v v8, v8", ILLEGAL, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m1", "vfwcvt.f.x.v v8, v9", None, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, mf2", "vfwcvt.f.f.v v8, v8", ILLEGAL, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m4", "vfwcvt.rtz.xu.f.v v8, v8", ILLEGAL, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m4", "vfwcvt.rtz.xu.f.v v8, v12", None, marks=rules("vfwcvt_vreg_constr")),
        pytest.param("e32, m8", "vfwcvt.f.f.v v8, v24", ILLEGAL, marks=rules("vfwcvt_vreg_constr")),
        # a source of 2*LMUL registers, under a destination in its lowest part only
        pytest.param("e32, m1", "vfncvt.f.f.w v8, v10", None, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m1", "vfncvt.f.f.w v8, v11", ILLEGAL, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m1", "vfncvt.x.f.w v8, v8", None, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m1", "vfncvt.f.xu.w v9, v8", ILLEGAL, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m4", "vfncvt.rod.f.f.w v12, v8", ILLEGAL, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m4", "vfncvt.rod.f.f.w v8, v8", None, marks=rules("vfncvt_vreg_constr")),
        pytest.param("e32, m8", "vfncvt.f.f.w v8, v16", ILLEGAL, marks=rules("vfncvt_vreg_constr")),
        *(
            pytest.param(f"e{sew}, m1", "vfclass.v v8, v9", cause, marks=rules("vfclass_SEWge16"))
            for sew, cause in ((8, ILLEGAL), (16, None), (32, None), (64, None))
        ),
    ],
)
def test_operands(rig, setting, text, cause):
    assert rig.run(f"vsetivli zero, 1, {setting}, ta, ma") is None
    assert rig.cause(*words(text), mode="M") == cause


@pytest.mark.rules("vfmv_vs2_nv0_rsv")
@pytest.mark.parametrize("vs2", [1, 8, 31])
def test_a_splat_has_no_second_source(rig, vs2):
    rig.run("vsetivli zero, 1, e32, m1, ta, ma")
    (word,) = words("vfmv.v.f v8, fa0")
    assert rig.cause(word, mode="M") is None
    assert rig.cause(word | vs2 << 20, mode="M") == ILLEGAL


@pytest.mark.rules("vfmerge_all_elem", "vfmerge_op")
def test_a_merge_writes_every_element_of_the_body(rig):
    rig.hart.v.put(8, 32, [1, 2, 3, 4, 5, 6])
    rig.hart.v.put(16, 32, [9] * 6)
    rig.hart.v.put(0, 8, [0b100101])
    rig.hart.f[10] = 0x40400000 | BOX[32]
    rig.run("vsetivli zero, 5, e32, m1, tu, mu; vfmerge.vfm v16, v8, fa0, v0")
    assert rig.hart.v.elements(16, 32, 6) == [0x40400000, 2, 0x40400000, 4, 5, 9]


# -- Zvfh

FLOATING = sorted(name for name, insn in INSNS.items() if insn.whole_word and any("Zve32f" in g for g in insn.ext))
#: Between integers of SEW bits and numbers twice as wide: halves at SEW=8, singles at SEW=16 with or without Zvfh.
INTEGERS = ("vfncvt.x.f.w", "vfncvt.xu.f.w", "vfncvt.rtz.x.f.w", "vfncvt.rtz.xu.f.w", "vfwcvt.f.x.v",
            "vfwcvt.f.xu.v")  # fmt: skip
WITH_ZVFHMIN = ("vfwcvt.f.f.v", "vfncvt.f.f.w")


def instruction(name: str) -> str:
    form = name.rpartition(".")[2]
    if name in ("vfmv.v.f", "vfmv.s.f"):
        return f"{name} v8, fa0"
    if name == "vfmv.f.s":
        return f"{name} fa0, v8"
    if name == "vfmerge.vfm":
        return f"{name} v8, v12, fa0, v0"
    if form in ("v", "w"):
        return f"{name} v8, v12"
    one = "fa0" if form.endswith("f") else "v16"
    multiply_add = any(op in name for op in ("macc", "msac", "madd", "msub"))
    return f"{name} v8, {one}, v12" if multiply_add else f"{name} v8, v12, {one}"


@pytest.fixture(scope="module", params=["", "_zvfhmin", "_zvfh"])
def with_halves(request):
    return request.param, VectorRig(isa="max_v" + request.param)


@pytest.mark.rules("Zvfh_instr")
@pytest.mark.parametrize("name", FLOATING)
def test_instructions_on_halves(with_halves, name):
    """With Zvfh all of them have SEW=16, and some conversions SEW=8; with Zvfhmin two conversions."""
    extension, rig = with_halves
    there = {16: extension == "_zvfh" or name in INTEGERS, 8: extension == "_zvfh" and name in INTEGERS}
    there[16] |= extension == "_zvfhmin" and name in WITH_ZVFHMIN
    for sew in (8, 16):
        assert rig.run(f"vsetivli zero, 1, e{sew}, m1, ta, ma") is None
        assert rig.cause(*words(instruction(name)), mode="M") == (None if there[sew] else ILLEGAL), sew
