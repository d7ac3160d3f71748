"""vtype, vl, vstart and the status fields: what the configuration instructions make of them, and what else may."""

import pytest
from rig import DATA, csrr, csrw
from vrig import ELEN, ILLEGAL, SETTINGS, SEWS, VILL, VLMUL, VS, VectorRig, vtype, words

ISA = "max_zve64x_zvl128b"

VLEN = 128


def legal(sew: int, lmul: float, elen: int = ELEN) -> bool:
    """LMUL no less than SEWMIN/ELEN, and SEW no more than LMUL * ELEN."""
    return lmul >= 8 / elen and sew <= min(lmul, 1) * elen


# -- registers and parameters


@pytest.mark.rules("vreg_count")
def test_there_are_32_registers(rig):
    rig.set(VLEN // 8, 8)
    rig.done("; ".join(f"vmv.v.i v{n}, {n - 16}" for n in range(32)))
    assert [rig.hart.v[n] for n in range(32)] == [bytes([(n - 16) & 0xFF]) * 16 for n in range(32)]


@pytest.mark.parametrize(
    ("isa", "vlen", "elen"),
    [
        ("max_zve32x", 32, 32),
        ("max_zve32x_zvl256b", 256, 32),
        ("max_zve64x", 64, 64),
        ("max_v_zvl1024b", 1024, 64),
    ],
)
@pytest.mark.rules("ELEN", "vtype_lmul_fval", "vtype_lmul_fval_rsv", "vtype_sew_val", "VLEN")
def test_elen_limits_sew_and_fractions_of_lmul(isa, vlen, elen):
    rig = VectorRig(isa=isa)
    assert rig.csr["vlenb"] == vlen // 8
    for sew in SEWS:
        for lmul in VLMUL:
            rig.done(f"vsetvli a0, zero, {vtype(sew, lmul)}")
            expected = (vtype(sew, lmul), vlen * lmul // sew) if legal(sew, lmul, elen) else (VILL, 0)
            assert (rig.csr["vtype"], rig.csr["vl"]) == expected, (sew, lmul)


# -- the fields of vtype


@pytest.mark.rules("vtype_vill_sz", "vtype_vma_sz", "vtype_vta_sz", "vtype_vsew_sz", "vtype_vlmul_sz")
def test_every_vtype(rig):
    """Of the eight bits, those that stand for something that is there; each is read back as it was written."""
    there = {vtype(sew, lmul, vta, vma) for sew, lmul in SETTINGS for vta in (0, 1) for vma in (0, 1)}
    assert len(there) == 4 * 22
    for value in range(256):
        rig.done("vsetvl a0, a1, a2", a1=1, a2=value)
        assert (rig.csr["vtype"], rig.csr["vl"]) == ((value, 1) if value in there else (VILL, 0)), value


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(range(4 << 3, 8 << 3, 8), id="vsew", marks=pytest.mark.rules("vtype_vsew_rsv")),
        pytest.param([4], id="vlmul", marks=pytest.mark.rules("vtype_lmul_fval_rsv")),
        pytest.param([1 << n for n in range(8, 64)], id="bits 8 to 63"),
    ],
)
@pytest.mark.rules("vtype_vill_set", "vtype_vstart_op")
def test_what_is_reserved_sets_vill_and_clears_vl(rig, field):
    """In vsetvli too where its immediate has the bit."""
    for bits in field:
        for form in ("vsetvl a0, a1, a2", f"vsetvli a0, a1, {bits}"):
            if bits < 1 << 11 or "a2" in form:
                rig.set(4, 32)
                rig.done(form, a1=3, a2=bits)
                assert (rig.csr["vtype"], rig.csr["vl"], rig.a0) == (VILL, 0, 0), bits


@pytest.mark.rules("vtype_lmul_val")
@pytest.mark.parametrize("lmul", [1, 2, 4, 8])
def test_every_integer_lmul_is_there_for_every_sew(rig, lmul):
    for sew in SEWS:
        rig.done(f"vsetvli a0, zero, {vtype(sew, lmul)}")
        assert rig.csr["vtype"] == vtype(sew, lmul) and rig.a0 == VLEN * lmul // sew


@pytest.mark.rules("vtype_vta_val", "vtype_vma_val")
@pytest.mark.parametrize("vma", [0, 1])
@pytest.mark.parametrize("vta", [0, 1])
def test_all_four_policies_are_there(rig, vta, vma):
    """With undisturbed ones, elements keep what they held; agnostic ones are undisturbed here too."""
    rig.set(3, 16, 1, vta, vma)
    assert rig.csr["vtype"] == vma << 7 | vta << 6 | 1 << 3
    rig.hart.v.put(0, 8, [0b101])
    rig.hart.v.put(8, 16, range(100, 108))
    rig.done("vadd.vi v8, v8, 5, v0.t")
    assert rig.hart.v.elements(8, 16, 8) == [105, 101, 107, *range(103, 108)]


@pytest.mark.rules("vtype_vsew_op", "vl_op", "EEW")
@pytest.mark.parametrize("sew", SEWS)
def test_sew_divides_a_register_and_vl_says_how_many_elements_are_written(rig, sew):
    n = VLEN // sew
    for vl in range(n + 1):
        rig.set(vl, sew)
        rig.hart.v[8] = bytes([0xEE]) * 16
        rig.done("vmv.v.i v8, 1")
        assert rig.hart.v[8] == (1).to_bytes(sew // 8, "little") * vl + bytes([0xEE]) * (16 - vl * sew // 8)


@pytest.mark.rules("vtype_sz", "vtype_op", "vl_acc", "vlenb_acc")
@pytest.mark.parametrize("name", ["vtype", "vl", "vlenb"])
def test_read_only_registers(rig, name):
    """Writes are illegal in every mode; nor does an instruction on vectors change vtype or vl."""
    rig.set(3, 16, 2, 1, 0)
    before = rig.csr[name]
    for mode in ("M", "HS", "U", "VS", "VU"):
        assert rig.cause(csrw(name), mode=mode, a1=5) == ILLEGAL
        assert rig.cause(csrr(name), mode=mode) is None and rig.a0 == before
    for text in ("vadd.vv v8, v8, v8", "vle8.v v8, (a1)", "vs1r.v v8, (a1)", "vwmul.vv v8, v12, v14",
                 "vredsum.vs v8, v8, v8", "vmand.mm v8, v8, v8", "vle16ff.v v8, (a1)"):  # fmt: skip
        rig.done(text)
        assert rig.csr[name] == before, text


# -- the configuration instructions


@pytest.mark.rules("vtype_acc")
@pytest.mark.parametrize("form", ["vsetvli a0, a1, {}", "vsetivli a0, 2, {}", "vsetvl a0, a1, a2"])
def test_where_the_new_vtype_comes_from(rig, form):
    for sew, lmul in SETTINGS:
        for policy in range(4):
            value = vtype(sew, lmul, policy & 1, policy >> 1)
            rig.done(form.format(value), a1=2, a2=value)
            assert rig.csr["vtype"] == value


AVL = [
    # assembly, a1, vl before, vl and rd after; VLMAX is 4
    ("vsetvli a0, a1, 16", 3, 1, 3, 3),
    ("vsetvli a0, a1, 16", 5, 1, 4, 4),
    ("vsetvli a0, a1, 16", (1 << 64) - 1, 1, 4, 4),
    ("vsetvli zero, a1, 16", 2, 1, 2, None),
    ("vsetvli a0, zero, 16", 9, 1, 4, 4),
    ("vsetvli zero, zero, 16", 9, 3, 3, None),
    ("vsetvli zero, zero, 15", 9, 3, 3, None),  # e16, mf2
    ("vsetvl a0, a1, a2", 3, 1, 3, 3),
    ("vsetvl a0, zero, a2", 3, 1, 4, 4),
    ("vsetvl zero, zero, a2", 9, 3, 3, None),
]


@pytest.mark.rules("vsetvl_op")
@pytest.mark.parametrize(("text", "a1", "old", "vl", "rd"), AVL, ids=lambda x: str(x))
def test_avl(rig, text, a1, old, vl, rd):
    """From rs1; VLMAX with rs1=x0; vl itself with rd=x0 too, for another SEW at the same ratio as well."""
    rig.set(old, 32)
    rig.done(text, a0=77, a1=a1, a2=2 << 3)
    assert rig.csr["vl"] == vl and rig.a0 == (77 if rd is None else rd)
    assert rig.hart.x["zero"] == 0


@pytest.mark.rules("vtype_vset_rsv", "RESERVED_VILL_SET")
@pytest.mark.parametrize("before", [vtype(32, 1), vtype(16, 1 / 2), VILL])
def test_vl_cannot_be_kept_where_vlmax_changes_or_vill_was_set(rig, before):
    """Reserved; here vill is set."""
    for after in (vtype(*setting) for setting in SETTINGS):
        for form in ("vsetvli zero, zero, {}", "vsetvl zero, zero, a2"):
            rig.done("vsetvl zero, a1, a2", a1=2, a2=before)
            rig.done(form.format(after), a2=after)
            same = before != VILL and rig.csr["vtype"] != VILL
            assert same == (before != VILL and ratio(after) == ratio(before)), (before, after)
            assert (rig.csr["vtype"], rig.csr["vl"]) == ((after, 2) if same else (VILL, 0))


def ratio(value: int) -> float:
    return next(sew / lmul for sew, lmul in SETTINGS if vtype(sew, lmul) == value)


@pytest.mark.rules("vsetivli_op")
@pytest.mark.parametrize("avl", range(32))
def test_the_immediate_avl_is_of_five_bits_and_unsigned(rig, avl):
    for sew, vlmax in ((8, 128), (32, 32), (64, 16)):
        rig.done(f"vsetivli a0, {avl}, {vtype(sew, 8)}")
        assert rig.a0 == rig.csr["vl"] == min(avl, vlmax)


# -- vstart


@pytest.mark.rules("vstart_sz_writable", "vstart_sz")
@pytest.mark.parametrize("vlen", [32, 64, 128, 256, 512, 1024])
def test_vstart_holds_the_greatest_element_number(vlen):
    rig = VectorRig(isa=f"max_zve32x_zvl{vlen}b")
    rig.write("vstart", "U", -1 & VILL - 1)
    assert rig.read("vstart", "U") == vlen - 1
    rig.write("vstart", "U", vlen)
    assert rig.read("vstart", "U") == 0


@pytest.mark.rules("vstart_val_rsv", "vstart_vtype_dep", "VECTOR_LS_VSTART")
def test_vstart_past_the_last_element(rig):
    """Loads and stores begin at any, and find nothing to do from VLMAX on; arithmetic has it never but 0."""
    for vstart in (1, 2, 100):
        rig.set(2, 64)
        rig.store(DATA, 7)
        rig.store(DATA + 8, 9)
        rig.csr["vstart"] = vstart
        rig.done("vle64.v v8, (a1)", a1=DATA)
        assert rig.hart.v.elements(8, 64, 2) == [0, 9 if vstart == 1 else 0] and rig.csr["vstart"] == 0
        rig.csr["vstart"] = vstart
        assert rig.run("vadd.vv v8, v8, v8").cause == ILLEGAL and rig.csr["vstart"] == vstart
        rig.csr["vstart"] = 0
        rig.hart.v[8] = bytes(16)


@pytest.mark.rules("vstart_update")
@pytest.mark.parametrize("text", ["vsetvli a0, zero, 0", "vsetivli zero, 1, 0", "vsetvl a0, a1, a2", "vle8.v v8, (a1)",
                                  "vse8.v v8, (a1)", "vl1re8.v v8, (a1)", "vs1r.v v8, (a1)", "vlm.v v8, (a1)",
                                  "vlse8.v v8, (a1), a2", "vle8ff.v v8, (a1)", "vluxei8.v v8, (a1), v9"])  # fmt: skip
def test_what_runs_with_vstart_clears_it(rig, text):
    rig.set(16, 8)
    rig.csr["vstart"] = 3
    rig.done(text)
    assert rig.csr["vstart"] == 0


# -- the status fields


@pytest.mark.rules("vsstatus_vs_sz", "vsstatus_vs_acc", "sstatus_vs_op", "mstatus_vs_acc")
@pytest.mark.parametrize("vs", range(4))
def test_where_vs_stands_and_what_it_holds(rig, vs):
    """Bits 10:9 of each, every value."""
    rig.csr["mstatus"] = rig.csr["vsstatus"] = 0
    rig.write("sstatus", "HS", vs << 9)
    assert rig.csr["mstatus"] & 0x7F << 7 == rig.read("sstatus", "HS") & 0x7F << 7 == vs << 9
    assert rig.csr["vsstatus"] == rig.read("sstatus", "VS") & ~VILL and rig.csr["vsstatus"] & VS == 0
    rig.write("vsstatus", "HS", vs << 9)
    assert rig.read("vsstatus", "HS") & 0x7F << 7 == rig.read("sstatus", "VS") & 0x7F << 7 == vs << 9
    assert rig.csr["mstatus"] & VS == vs << 9


@pytest.mark.rules("vsstatus_vs_op2", "mstatus_vs_op_initial_clean")
@pytest.mark.parametrize("mstatus", range(4))
@pytest.mark.parametrize("vsstatus", range(4))
def test_both_fields_are_in_effect_in_a_guest(rig, mstatus, vsstatus):
    rig.set(1, 8)
    rig.csr["mstatus"], rig.csr["vsstatus"] = mstatus << 9, vsstatus << 9
    off = mstatus == 0 or vsstatus == 0
    assert rig.cause(*words("vadd.vv v8, v8, v8"), mode="VS") == (ILLEGAL if off else None)
    assert rig.csr["mstatus"] & VS == (mstatus << 9 if off else VS)
    assert rig.csr["vsstatus"] & VS == (vsstatus << 9 if off else VS)


@pytest.mark.rules("mstatus_vs_op_initial_clean")
@pytest.mark.parametrize("vs", [1, 2])
@pytest.mark.parametrize("text", ["vsetvli a0, zero, 0", "vmv.v.i v8, 1", "vmseq.vv v8, v8, v8", "vmv.s.x v8, a0",
                                  "vredsum.vs v8, v8, v8", "vmand.mm v8, v9, v10", "vslideup.vi v8, v9, 1",
                                  "vmv1r.v v8, v9", "vcompress.vm v8, v9, v10", "vmsbf.m v8, v9", "viota.m v8, v9",
                                  "vid.v v8", "vle8.v v8, (a1)", "vl1re8.v v8, (a1)", "vlm.v v8, (a1)",
                                  "vle8ff.v v8, (a1)"])  # fmt: skip
def test_each_kind_of_instruction_makes_it_dirty(rig, text, vs):
    rig.set(4, 8)
    rig.csr["mstatus"] = vs << 9
    rig.done(text)
    assert rig.csr["mstatus"] & VS == VS and rig.csr["mstatus"] >> 63 == 1


@pytest.mark.rules("MUTABLE_MISA_V", "MSTATUS_VS_EXISTS", "VSSTATUS_VS_EXISTS")
@pytest.mark.parametrize(("isa", "letter"), [("max_v", 1), ("max_zve32x", 0)])
def test_misa_v_cannot_be_written_and_vs_is_there_without_it(isa, letter):
    rig = VectorRig(isa=isa)
    for value in (0, (1 << 64) - 1):
        rig.csr["misa"] = value
        assert rig.csr["misa"] >> 21 & 1 == letter
    for value in range(4):
        rig.csr["mstatus"] = rig.csr["vsstatus"] = value << 9
        assert rig.csr["mstatus"] & VS == rig.csr["vsstatus"] & VS == value << 9
