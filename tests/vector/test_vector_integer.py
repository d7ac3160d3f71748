"""Vector integer instructions: which registers and encodings they may have, masks that they write, moves. What they
make of each element is in tests/isa/test_vector.py."""

import random

import pytest
from vrig import ILLEGAL, rules, words

VLEN = 128
ISA = f"max_zve64x_zvl{VLEN}b"
VM = 1 << 25


# -- register groups of operands wider or narrower than SEW


@pytest.mark.parametrize(
    ("setting", "text", "cause"),
    [
        # vs2 of 2*LMUL registers
        pytest.param("e16, m2", "vnsrl.wv v2, v8, v4", None, marks=rules("vnop_vs2_eew_emul", "vnarrowing_EMUL")),
        pytest.param("e16, m2", "vnsrl.wv v2, v6, v12", ILLEGAL, marks=rules("vnop_vs2_eew_emul", "vnarrowing_EMUL")),
        pytest.param("e16, m4", "vnsra.wx v8, v20, a1", ILLEGAL, marks=rules("vnarrowing_EMUL")),
        pytest.param("e16, m4", "vnsra.wi v4, v8, 3", None, marks=rules("vnarrowing_EMUL")),
        pytest.param("e16, m8", "vnsrl.wi v8, v16, 3", ILLEGAL, marks=rules("vnarrowing_EMUL")),
        pytest.param("e64, m1", "vnsrl.wi v8, v16, 3", ILLEGAL, marks=rules("vnarrowing_EEW")),
        # vs1 and vd of LMUL registers
        pytest.param("e16, m2", "vnsrl.wv v2, v8, v6", None, marks=rules("vnop_vs1_eew_emul")),
        pytest.param("e16, m2", "vnsrl.wv v2, v8, v5", ILLEGAL, marks=rules("vnop_vs1_eew_emul")),
        pytest.param("e16, m2", "vnsrl.wv v3, v8, v6", ILLEGAL, marks=rules("vnop_vd_eew_emul")),
        pytest.param("e16, m2", "vnsrl.wv v6, v8, v4", None, marks=rules("vnop_vd_eew_emul")),
        # sources of LMUL / factor registers
        pytest.param("e32, m4", "vsext.vf2 v8, v2", None, marks=rules("vsext_vs_eew_emul")),
        pytest.param("e32, m4", "vsext.vf2 v8, v5", ILLEGAL, marks=rules("vsext_vs_eew_emul")),
        pytest.param("e32, m4", "vsext.vf4 v8, v5", None, marks=rules("vsext_vs_eew_emul")),
        pytest.param("e64, m8", "vsext.vf8 v8, v5", None, marks=rules("vsext_vs_eew_emul")),
        pytest.param("e32, m4", "vzext.vf2 v8, v2", None, marks=rules("vzext_vs_eew_emul")),
        pytest.param("e32, m4", "vzext.vf2 v8, v5", ILLEGAL, marks=rules("vzext_vs_eew_emul")),
        pytest.param("e32, m4", "vzext.vf4 v8, v5", None, marks=rules("vzext_vs_eew_emul")),
        pytest.param("e64, m8", "vzext.vf8 v8, v5", None, marks=rules("vzext_vs_eew_emul")),
        pytest.param("e32, m4", "vsext.vf4 v10, v5", ILLEGAL, marks=rules("vsext_vd_eew_emul")),
        pytest.param("e32, m2", "vsext.vf4 v10, v5", None, marks=rules("vsext_vd_eew_emul")),
        pytest.param("e32, m4", "vzext.vf4 v10, v5", ILLEGAL, marks=rules("vzext_vd_eew_emul")),
        pytest.param("e32, m2", "vzext.vf4 v10, v5", None, marks=rules("vzext_vd_eew_emul")),
        # sources narrower than 8 bits, and the narrowest there are
        pytest.param("e8, m1", "vsext.vf2 v8, v5", ILLEGAL, marks=rules("vsext_ill_eew_emul_rsv")),
        pytest.param("e16, m1", "vsext.vf4 v8, v5", ILLEGAL, marks=rules("vsext_ill_eew_emul_rsv")),
        pytest.param("e32, m1", "vsext.vf8 v8, v5", ILLEGAL, marks=rules("vsext_ill_eew_emul_rsv")),
        pytest.param("e16, mf4", "vsext.vf2 v8, v5", None, marks=rules("vsext_ill_eew_emul_rsv")),
        pytest.param("e8, m1", "vzext.vf2 v8, v5", ILLEGAL, marks=rules("vzext_ill_eew_emul_rsv")),
        pytest.param("e16, m1", "vzext.vf4 v8, v5", ILLEGAL, marks=rules("vzext_ill_eew_emul_rsv")),
        pytest.param("e32, m1", "vzext.vf8 v8, v5", ILLEGAL, marks=rules("vzext_ill_eew_emul_rsv")),
        pytest.param("e16, mf4", "vzext.vf2 v8, v5", None, marks=rules("vzext_ill_eew_emul_rsv")),
        # destinations of 2*LMUL registers
        pytest.param("e16, m2", "vwadd.vv v8, v4, v6", None, marks=rules("vwop_vd_eew_emul")),
        pytest.param("e16, m2", "vwadd.vv v10, v4, v6", ILLEGAL, marks=rules("vwop_vd_eew_emul")),
        pytest.param("e16, m2", "vwadd.wv v8, v10, v6", ILLEGAL, marks=rules("vwop_vd_eew_emul")),
        pytest.param("e16, m8", "vwadd.vv v8, v16, v24", ILLEGAL, marks=rules("vwop_vd_eew_emul")),
        pytest.param("e64, m1", "vwadd.vv v8, v16, v24", ILLEGAL, marks=rules("vwop_vd_eew_emul")),
        # a sum with carry is no mask: it may not be where the carries are
        pytest.param("e32, m1", "vadc.vvm v0, v2, v3, v0", ILLEGAL, marks=rules("vadc_vd_v0_rsv")),
        pytest.param("e32, m1", "vadc.vxm v0, v2, a1, v0", ILLEGAL, marks=rules("vadc_vd_v0_rsv")),
        pytest.param("e32, m1", "vadc.vim v0, v2, 1, v0", ILLEGAL, marks=rules("vadc_vd_v0_rsv")),
        pytest.param("e32, m1", "vsbc.vvm v0, v2, v3, v0", ILLEGAL, marks=rules("vsbc_vd_v0_rsv")),
        pytest.param("e32, m1", "vsbc.vxm v0, v2, a1, v0", ILLEGAL, marks=rules("vsbc_vd_v0_rsv")),
        pytest.param("e32, m1", "vmadc.vvm v0, v2, v3, v0", None, marks=rules("vadc_vd_v0_rsv")),
    ],
)
def test_operands(rig, setting, text, cause):
    assert rig.run(f"vsetivli zero, 1, {setting}, ta, ma") is None
    assert rig.cause(*words(text), mode="M") == cause


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        pytest.param("vadc.vvm v1, v2, v3, v0", VM, marks=rules("vadc_unmasked_rsv")),
        pytest.param("vadc.vxm v1, v2, a1, v0", VM, marks=rules("vadc_unmasked_rsv")),
        pytest.param("vadc.vim v1, v2, 1, v0", VM, marks=rules("vadc_unmasked_rsv")),
        pytest.param("vsbc.vvm v1, v2, v3, v0", VM, marks=rules("vsbc_unmasked_rsv")),
        pytest.param("vsbc.vxm v1, v2, a1, v0", VM, marks=rules("vsbc_unmasked_rsv")),
        *(
            pytest.param(text, n << 20, marks=rules("vmv_vs2_nv0_rsv"))
            for text in ("vmv.v.v v1, v3", "vmv.v.x v1, a1", "vmv.v.i v1, 3")
            for n in (1, 8, 31)
        ),
    ],
)
def test_reserved_fields(rig, text, bits):
    """An instruction, and what it becomes with further bits of its word set."""
    rig.run("vsetivli zero, 1, e32, m1, ta, ma")
    (word,) = words(text)
    assert rig.cause(word, mode="M") is None
    assert rig.cause(word | bits, mode="M") == ILLEGAL and rig.csr["mtval"] == word | bits


@pytest.mark.rules("V_masked")
@pytest.mark.parametrize("text", [
    "vadd.vi v8, v9, 1", "vwadd.vx v8, v9, a1", "vnsrl.wi v8, v10, 0", "vmul.vv v8, v9, v9", "vmsne.vi v8, v9, -1",
    "vsaddu.vi v8, v9, 1", "vredmaxu.vs v8, v9, v9"])  # fmt: skip
def test_bit_25_clear_puts_an_instruction_under_the_mask(rig, text):
    """With no element active nothing is written, of a reduction the scalar alone."""
    (word,) = words(text)
    assert word & VM
    rig.run("vsetivli zero, 4, e32, m1, ta, ma")
    for bits in (word, word & ~VM):
        rig.hart.v.put(8, 32, [5, 5, 5, 5])
        rig.hart.v.put(9, 32, [1, 2, 3, 4])
        rig.hart.v.put(10, 64, [1, 2])
        assert rig.cause(bits, mode="M", a1=7) is None
        changed = rig.hart.v.elements(8, 32, 4) != [5, 5, 5, 5]
        assert changed == (bool(bits & VM) or "red" in text)
        assert "red" not in text or rig.hart.v.elements(8, 32, 1) == [4 if bits & VM else 1]


# -- comparisons

COMPARISONS = {
    "vmseq": ("vv", "==", False), "vmsne": ("vv", "!=", False), "vmsltu": ("vv", "<", False),
    "vmslt": ("vv", "<", True), "vmsleu": ("vv", "<=", False), "vmsle": ("vv", "<=", True),
    "vmsgtu": ("vx", ">", False), "vmsgt": ("vx", ">", True),
}  # fmt: skip
HOLDS = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=rules(f"{name}_vd_v0_legal", f"{name}_maskundisturbed")) for name in COMPARISONS]
)
@pytest.mark.parametrize("policy", ["tu, mu", "ta, ma"])
def test_a_comparison_into_its_own_mask_is_an_and(rig, name, policy):
    """A masked one with vd=v0: set where the mask was and the comparison holds. The tail stays."""
    form, relation, signed = COMPARISONS[name]
    rng = random.Random(name)
    a = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, 0, 1, 2, 0x7F, 0x80, 0xFE, 0, 0, 0]
    b = [1] * 16 if form == "vx" else [rng.choice((0, 1, 0x7F, 0x80, 0xFF)) for _ in range(16)]
    mask = rng.getrandbits(VLEN) & ~0b1100110 | 0b10011
    rig.hart.v.put(8, 8, a)
    rig.hart.v.put(9, 8, b)
    rig.hart.v.put(0, 64, [mask & (1 << 64) - 1, mask >> 64])
    rig.run(f"vsetivli zero, 13, e8, m1, {policy}; {name}.{form} v0, v8, {'a1' if form == 'vx' else 'v9'}, v0.t",
        a1=b[0])  # fmt: skip
    number = (lambda x: x - 256 if x > 127 else x) if signed else int
    result = sum(HOLDS[relation](number(x), number(y)) << i for i, (x, y) in enumerate(zip(a, b, strict=True)))
    keep = -1 << 13
    assert int.from_bytes(rig.hart.v[0], "little") == mask & (result | keep)


# -- moves


@pytest.mark.rules("vmv_op")
@pytest.mark.parametrize(("text", "expected"), [
    ("vmv.v.v v8, v16", [3, 1, 4, 1, 5, 9]), ("vmv.v.x v8, a1", [0x89ABCDEF] * 6),
    ("vmv.v.i v8, -16", [0xFFFFFFF0] * 6), ("vmv.v.i v8, 15", [15] * 6)])  # fmt: skip
def test_moves(rig, text, expected):
    """Of vl elements, over the registers of a group; a splat takes the low SEW bits, sign-extends an immediate."""
    rig.hart.v.put(16, 32, [3, 1, 4, 1, 5, 9, 2, 6])
    rig.hart.v.put(8, 32, [7] * 8)
    rig.run(f"vsetivli zero, 6, e32, m2, tu, ma; {text}", a1=0x01234567_89ABCDEF)
    assert rig.hart.v.elements(8, 32, 8) == [*expected, 7, 7]
