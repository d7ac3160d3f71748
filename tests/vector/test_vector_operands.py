"""Operands of vector instructions: where elements lie, which registers may be named, what is left alone."""

from fractions import Fraction

import pytest
from vrig import ELEN, ILLEGAL, SETTINGS, rules, words

ISA = "max_v_zvl128b"

VLEN, VLENB = 128, 16


# -- which registers

#: How an operand is held: elements of so many times SEW, of 16 bits, a mask; SCALAR is element 0 of any register.
SAME, TWICE, HALF, QUARTER, EIGHTH = (Fraction(n) for n in (1, 2, Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)))
MASK, SCALAR, BITS_16 = "mask", "scalar", "16 bits"

#: Assembly; vd, vs2 and vs1 (None: no vector register); whether vd must be apart from the sources; whether it is masked
#: by v0.
OPERANDS = [
    pytest.param("vadd.vv v{d}, v{a}, v{b}", SAME, SAME, SAME, False, False,
                 marks=rules("EMUL_offgroup_rsv", "vreg_offgroup_LMUL2_rsv", "vreg_offgroup_LMUL4_rsv",
                             "vreg_offgroup_LMUL8_rsv", "EMUL")),
    ("vadd.vi v{d}, v{a}, 1, v0.t", SAME, SAME, None, False, True),
    ("vmacc.vv v{d}, v{b}, v{a}", SAME, SAME, SAME, False, False),
    ("vmerge.vvm v{d}, v{a}, v{b}, v0", SAME, SAME, SAME, False, True),
    pytest.param("vwadd.vv v{d}, v{a}, v{b}", TWICE, SAME, SAME, False, False,
                 marks=rules("EMUL_SEW_LMUL_dep", "EEW_SEW_LMUL_dep", "EMUL_rsv", "vreg_overlap_rsv")),
    ("vwadd.wv v{d}, v{a}, v{b}", TWICE, TWICE, SAME, False, False),
    ("vwmaccu.vx v{d}, x11, v{a}, v0.t", TWICE, SAME, None, False, True),
    pytest.param("vnsrl.wv v{d}, v{a}, v{b}", SAME, TWICE, SAME, False, False,
                 marks=rules("vnarrowing_EEW", "vnarrowing_EMUL", "vreg_overlap_legal")),
    ("vnclipu.wi v{d}, v{a}, 1, v0.t", SAME, TWICE, None, False, True),
    ("vzext.vf2 v{d}, v{a}", SAME, HALF, None, False, False),
    ("vsext.vf4 v{d}, v{a}, v0.t", SAME, QUARTER, None, False, True),
    ("vzext.vf8 v{d}, v{a}", SAME, EIGHTH, None, False, False),
    pytest.param("vmseq.vv v{d}, v{a}, v{b}", MASK, SAME, SAME, False, False, marks=rules("vreg_mask_overlap")),
    ("vmadc.vvm v{d}, v{a}, v{b}, v0", MASK, SAME, SAME, False, False),
    ("vmslt.vx v{d}, v{a}, x11, v0.t", MASK, SAME, None, False, False),
    pytest.param("vredsum.vs v{d}, v{a}, v{b}", SCALAR, SAME, SCALAR, False, False,
                 marks=rules("vreg_scalar_lmul_indp")),
    pytest.param("vwredsum.vs v{d}, v{a}, v{b}, v0.t", SCALAR, SAME, SCALAR, False, False,
                 marks=rules("vreg_scalar_EMUL")),
    pytest.param("vslideup.vx v{d}, v{a}, x11", SAME, SAME, None, True, False, marks=rules("vslideup_vreg_constr")),
    pytest.param("vslide1up.vx v{d}, v{a}, x11, v0.t", SAME, SAME, None, True, True,
                 marks=rules("vslide1up-vx_vreg_constr")),
    ("vfslide1up.vf v{d}, v{a}, f11", SAME, SAME, None, True, False),
    ("vslidedown.vx v{d}, v{a}, x11", SAME, SAME, None, False, False),
    ("vslide1down.vx v{d}, v{a}, x11", SAME, SAME, None, False, False),
    pytest.param("vrgather.vv v{d}, v{a}, v{b}", SAME, SAME, SAME, True, False, marks=rules("vrgather_vreg_constr")),
    ("vrgather.vi v{d}, v{a}, 1, v0.t", SAME, SAME, None, True, True),
    pytest.param("vrgatherei16.vv v{d}, v{a}, v{b}", SAME, SAME, BITS_16, True, False,
                 marks=rules("vrgatherei16_vreg_constr", "vrgatherei16-vv_sew_lmul")),
    pytest.param("vcompress.vm v{d}, v{a}, v{b}", SAME, SAME, MASK, True, False, marks=rules("vcompress_vreg_constr")),
    pytest.param("viota.m v{d}, v{a}, v0.t", SAME, MASK, None, True, True, marks=rules("viota_vreg_constr")),
    ("viota.m v{d}, v{a}", SAME, MASK, None, True, False),
    ("vid.v v{d}, v0.t", SAME, None, None, False, True),
    pytest.param("vmsbf.m v{d}, v{a}, v0.t", MASK, MASK, None, True, True, marks=rules("vmsbf_vreg_constr")),
    pytest.param("vmsif.m v{d}, v{a}, v0.t", MASK, MASK, None, True, True, marks=rules("vmsif_vreg_constr")),
    ("vmsif.m v{d}, v{a}", MASK, MASK, None, True, False),
    pytest.param("vmsof.m v{d}, v{a}, v0.t", MASK, MASK, None, True, True, marks=rules("vmsof_vreg_constr")),
    ("vmand.mm v{d}, v{a}, v{b}", MASK, MASK, MASK, False, False),
    pytest.param("vmv.s.x v{d}, x11", SCALAR, None, None, False, False, marks=rules("vmv-s-x_ignoreLMUL")),
    pytest.param("vmv.x.s x12, v{a}", None, SCALAR, None, False, False, marks=rules("vmv-x-s_ignoreLMUL")),
    pytest.param("vfmv.s.f v{d}, f11", SCALAR, None, None, False, False, marks=rules("vfmv-s-f_ignoreLMUL")),
    pytest.param("vfmv.f.s f12, v{a}", None, SCALAR, None, False, False, marks=rules("vfmv-f-s_ignoreLMUL")),
]  # fmt: skip


class Group:
    """Registers that an operand has at SEW and LMUL; ``there`` says whether it can be at all."""

    def __init__(self, kind, sew: int, lmul: float):
        self.scalar = kind == SCALAR
        self.eew = {MASK: 1, SCALAR: sew, BITS_16: 16}.get(kind) or kind * sew
        self.emul = Fraction(1) if kind in (MASK, SCALAR) else Fraction(lmul) * self.eew / sew
        self.registers = max(1, int(self.emul))
        self.there = kind in (MASK, SCALAR) or (Fraction(1, 8) <= self.emul <= 8 and 8 <= self.eew <= ELEN)

    def named_by(self, n: int) -> bool:
        return n % self.registers == 0

    def meets(self, n: int, other, m: int) -> bool:
        return n < m + other.registers and m < n + self.registers


def overlap_allowed(vd: Group, d: int, source: Group, s: int) -> bool:
    """The three cases in which the destination may overlap a source ("Vector Operands"); the scalar of a reduction
    may always."""
    if vd.scalar or vd.eew == source.eew:
        return True
    if vd.eew < source.eew:
        return d == s
    return source.emul >= 1 and d + vd.registers == s + source.registers


def allowed(vd, d, sources, apart, masked) -> bool:
    """vd and sources: (group, register), or none."""
    if vd and not (vd.there and vd.named_by(d)):
        return False
    for group, n in sources:
        if not (group.there and group.named_by(n)):
            return False
        if vd and vd.meets(d, group, n) and (apart or not overlap_allowed(vd, d, group, n)):
            return False
    return not (masked and d == 0)


@pytest.mark.parametrize(
    ("text", "vd", "vs2", "vs1", "apart", "masked"), OPERANDS, ids=lambda x: x if " " in str(x) else ""
)
def test_which_registers_an_instruction_may_name(rig, text, vd, vs2, vs1, apart, masked):
    """Every vd with every vs2, and with every vs1, in all settings. Sources of different widths that overlap are left
    out: what becomes of those is open."""
    whole = [(d, a, 24) for d in range(32) for a in range(32)] + [(d, 24, b) for d in range(32) for b in range(32)]
    cases = sorted({(d if vd else 0, a if vs2 else 0, b if vs1 else 0) for d, a, b in whole})
    encodings = {case: words(text.format(d=case[0], a=case[1], b=case[2]))[0] for case in cases}
    some = False
    for sew, lmul in SETTINGS:
        rig.set(0, sew, lmul)
        to = vd and Group(vd, sew, lmul)
        kinds = [(i, Group(kind, sew, lmul)) for i, kind in ((1, vs2), (2, vs1)) if kind]
        chosen, expected = [], []
        for case in cases:
            sources = [(group, case[i]) for i, group in kinds]
            if len(sources) == 2:
                (a, m), (b, n) = sources
                if a.meets(m, b, n) and a.eew != b.eew:
                    continue
            chosen.append(encodings[case])
            expected.append(allowed(to, case[0], sources, apart, masked) and widths_exist(text, sew))
        some |= any(expected)
        refused = rig.illegal(chosen)
        wrong = [hex(w) for i, w in enumerate(chosen) if (i not in refused) != expected[i]]
        assert not wrong, (sew, lmul)
    assert some


def widths_exist(text: str, sew: int) -> bool:
    """A widening reduction's result must not exceed ELEN; without Zvfh there are no floats of 16 bits."""
    if text.startswith("vwred"):
        return 2 * sew <= ELEN
    return sew >= 32 if text.startswith("vf") else True


@pytest.mark.rules("vreg_source_EEW_rsv")
def test_a_register_read_with_two_widths(rig):
    """Reserved; here each operand has what the register held."""
    rig.set(2, 32)
    rig.fill(4, (5).to_bytes(8, "little") + (6).to_bytes(8, "little"))
    rig.done("vwadd.wv v8, v4, v4")
    assert rig.hart.v.elements(8, 64, 2) == [5 + 5, 6 + 0]
    rig.set(2, 8)
    rig.hart.v.put(0, 8, [0b10, 7])
    rig.done("vadd.vi v9, v0, 1, v0.t")
    assert rig.hart.v.elements(9, 8, 2) == [0, 8]


@pytest.mark.rules("vreg_overlap_agn")
def test_operands_of_two_widths_that_overlap_leave_the_rest_undisturbed(rig):
    rig.set(2, 16)
    rig.hart.v.put(0, 8, [0b01])
    rig.hart.v.put(4, 32, [0x10002, 0x30004, 0x50006, 0x70008])
    rig.done("vnsrl.wi v4, v4, 16, v0.t")
    assert rig.hart.v.elements(4, 16, 8) == [1, 1, 4, 3, 6, 5, 8, 7]


# -- where elements are


@pytest.mark.parametrize(("sew", "lmul"), [
    pytest.param(sew, lmul, marks=rules(f"vreg_{'flmul' if lmul < 1 else 'lmul1' if lmul == 1 else 'lmulge2'}_op"))
    for sew, lmul in SETTINGS
])  # fmt: skip
def test_elements_are_packed_from_the_lowest_bits_on_through_the_registers_of_a_group(rig, sew, lmul):
    vlmax, size = int(VLEN * lmul / sew), sew // 8
    for vl in {1, vlmax - 1, vlmax} - {0}:
        rig.set(vl, sew, lmul)
        rig.fill(8, bytes([0xEE]) * 9 * VLENB)
        rig.done("vid.v v8; vadd.vi v8, v8, 1")
        expected = b"".join((i + 1).to_bytes(size, "little") for i in range(vl))
        assert rig.group(8, 9) == expected.ljust(9 * VLENB, b"\xee")


@pytest.mark.rules("vreg_mask_sz", "vreg_mask_vtype_indp", "vreg_mask_LMUL_indp", "vreg_vmask", "vreg_mask_tail_agn")
@pytest.mark.parametrize(("sew", "lmul"), SETTINGS)
def test_a_mask_has_bit_i_for_element_i_in_one_register(rig, sew, lmul):
    """As a result, whose tail stays here whatever vta says, and as v0, the only register that masks."""
    vlmax = int(VLEN * lmul / sew)
    chosen = {i for i in range(vlmax) if i * i % 7 in (1, 2)} | {vlmax - 1}
    rig.set(vlmax, sew, lmul, 1, 1)
    rig.hart.v.put(8, sew, [int(i in chosen) for i in range(vlmax)])
    rig.fill(24, bytes([0xFF]) * 2 * VLENB)
    rig.done("vmsne.vi v24, v8, 0")
    bits = sum(1 << i for i in chosen)
    assert rig.mask(24) == bits | (1 << VLEN) - (1 << vlmax) and rig.mask(25) == (1 << VLEN) - 1
    rig.done("vmv1r.v v0, v24; vmv.v.i v16, 0; vadd.vi v16, v16, 9, v0.t")
    assert rig.hart.v.elements(16, sew, vlmax) == [9 if i in chosen else 0 for i in range(vlmax)]


@pytest.mark.rules("vreg_scalar_EMUL", "vreg_scalar_lmul_indp")
def test_a_wide_scalar_is_element_0_of_one_register(rig):
    rig.set(16, 16, 2)
    rig.hart.v.put(8, 16, range(1, 17))
    rig.fill(20, bytes(range(64)))
    rig.hart.v.put(21, 32, [1000])
    rig.done("vwredsumu.vs v23, v8, v21")
    assert rig.group(20, 4) == bytes(range(16)) + (1000).to_bytes(4, "little") + bytes(range(20, 48)) \
        + (1136).to_bytes(4, "little") + bytes(range(52, 64))  # fmt: skip


# -- masks, prestart, tail


@pytest.mark.rules("vmask_op")
def test_vm_is_bit_25_and_0_where_v0_masks(rig):
    rig.set(4, 32)
    rig.hart.v.put(0, 8, [0b0101])
    word, masked = words("vadd.vi v8, v8, 1")[0], words("vadd.vi v8, v8, 1, v0.t")[0]
    assert word ^ masked == word & 1 << 25
    rig.execute(word & ~(1 << 25))
    assert rig.hart.v.elements(8, 32, 4) == [1, 0, 1, 0]
    rig.execute(word)
    assert rig.hart.v.elements(8, 32, 4) == [2, 1, 2, 1]


@pytest.mark.rules("vmask_op", "vector_inactive_element", "vector_active_element")
def test_inactive_elements_raise_no_flags_and_active_ones_do(rig):
    rig.set(2, 32)
    rig.hart.v.put(8, 32, [0x3F800000] * 2)
    rig.hart.v.put(9, 32, [0, 0x3F800000])
    for mask, flags in ((0b10, 0), (0b01, 8), (0b11, 8)):
        rig.csr["fcsr"] = 0
        rig.hart.v.put(0, 8, [mask])
        rig.done("vfdiv.vv v10, v8, v9, v0.t")
        assert rig.csr["fflags"] == flags, mask


#: What writes a register, with vl=0; v8 to v15 must stay.
WRITERS = (
    "vadd.vv v8, v16, v17", "vwadd.vv v8, v16, v17", "vnsrl.wi v8, v16, 1", "vzext.vf2 v8, v16",
    "vmseq.vv v8, v16, v17", "vredsum.vs v8, v16, v17", "vwredsum.vs v8, v16, v17", "vfredusum.vs v8, v16, v17",
    "vmand.mm v8, v16, v17",
    "vmsbf.m v8, v16", "viota.m v8, v16", "vid.v v8", "vmv.s.x v8, a1", "vfmv.s.f v8, fa1", "vslideup.vi v8, v16, 1",
    "vslidedown.vi v8, v16, 1", "vslide1up.vx v8, v16, a1", "vslide1down.vx v8, v16, a1", "vfslide1up.vf v8, v16, fa1",
    "vfslide1down.vf v8, v16, fa1", "vrgather.vv v8, v16, v17", "vcompress.vm v8, v16, v17", "vmv.v.i v8, 3",
    "vmerge.vim v8, v16, 1, v0", "vle32.v v8, (a1)", "vle32ff.v v8, (a1)", "vlse32.v v8, (a1), a2", "vlm.v v8, (a1)",
    "vluxei32.v v8, (a1), v16", "vlseg2e32.v v8, (a1)", "vmadc.vv v8, v16, v17", "vsmul.vv v8, v16, v17",
)  # fmt: skip


@pytest.mark.parametrize("text", WRITERS)
@pytest.mark.rules("vstart_vl_dep")
def test_nothing_is_written_without_body_elements(rig, text):
    """vl=0 and agnostic; for loads vstart=vl too, the other instructions are never resumed."""
    rig.set(0, 32, 1, 1, 1)
    rig.fill(0, bytes([0x55]) * 32 * VLENB)
    rig.done(text, a2=4)
    assert rig.group(8, 8) == bytes([0x55]) * 8 * VLENB
    rig.set(2, 32, 1, 1, 1)
    rig.csr["vstart"] = 2
    trap = rig.run(text, a2=4)
    assert (trap and trap.cause) == (None if text.startswith("vl") else ILLEGAL)
    assert rig.group(8, 8) == bytes([0x55]) * 8 * VLENB


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("vmv.x.s a0, v8", -7, marks=rules("vmv-x-s_vl0")),
        pytest.param("vcpop.m a0, v8", 0, marks=rules("vcpop_vl0")),
        pytest.param("vfirst.m a0, v8", -1, marks=rules("vfirst_vl0")),
        ("vfmv.f.s fa0, v8; fmv.x.w a0, fa0", -7),
        ("vsetvli a0, a2, 16", 0),
    ],
)
@pytest.mark.rules("vstart_vl_scalar_indp")
def test_scalar_results_are_written_with_vl_0(rig, text, result):
    rig.set(0, 32)
    rig.hart.v.put(8, 32, [-7])
    rig.done(text, a0=99, a2=0)
    assert rig.a0 == result & (1 << 64) - 1


@pytest.mark.rules("vmv-x-s_vstart_ge_vl", "vmv-s-x_vstart_ge_vl", "vfmv-s-f_vstart_ge_vl", "vstart_vtype_dep")
@pytest.mark.parametrize("text", ["vmv.x.s a0, v8", "vmv.s.x v8, a1", "vfmv.s.f v8, fa1", "vfmv.f.s fa0, v8"])
def test_moves_of_element_0_are_never_resumed(rig, text):
    """With another vstart than 0 they are illegal and nothing is written; with 0 and vl=0 element 0 is read all the
    same, and not written."""
    rig.set(0, 32)
    rig.hart.v.put(8, 32, [5, 6])
    rig.csr["vstart"] = 1
    assert rig.run(text, a0=99).cause == ILLEGAL and rig.csr["vstart"] == 1
    assert rig.a0 == 99 and rig.hart.v.elements(8, 32, 2) == [5, 6]
    rig.csr["vstart"] = 0
    rig.done(text, a0=99)
    assert rig.a0 == (5 if ".x.s" in text else 99) and rig.hart.v.elements(8, 32, 2) == [5, 6]


@pytest.mark.rules("vreg_mask_op")
@pytest.mark.parametrize("text", ["vadd.vv v8, v16, v20, v0.t", "vle16.v v8, (a1), v0.t",
                                  "vrgather.vv v8, v16, v20, v0.t", "vslide1down.vx v8, v16, a1, v0.t",
                                  "vmul.vv v8, v16, v20, v0.t"])  # fmt: skip
def test_undisturbed_elements_of_a_group_keep_what_they_held(rig, text):
    """tu, mu: a mask with one element in three, a group of four registers of which the last two are tail."""
    rig.set(16, 16, 4)
    rig.hart.v.put(0, 16, [0b1001001001001001])
    rig.fill(8, bytes([0x77]) * 4 * VLENB)
    rig.done(text)
    kept = [i for i, x in enumerate(rig.hart.v.elements(8, 16, 32)) if x == 0x7777]
    assert set(kept) == {i for i in range(32) if i >= 16 or i % 3}
