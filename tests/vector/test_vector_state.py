"""Vector state: vtype and vl, what is illegal when, vstart after a fault, the VS fields that say whether it is on."""

import pytest
import rig as r
from rig import csrr, csrw
from vrig import FS, ILLEGAL, VILL, VS, VectorRig, words

ISA = "max_zve64x_zvl128b"


# -- reset, vtype and vl


@pytest.mark.rules("vector_reset_state", "VLEN", "vlenb_op", "vlenb_acc")
@pytest.mark.parametrize("vlen", [64, 128, 256, 512, 1024])
def test_reset(vlen):
    rig = VectorRig(isa=f"max_zve64x_zvl{vlen}b")
    assert rig.csr["vtype"] == VILL and rig.csr["vl"] == rig.csr["vstart"] == rig.csr["vcsr"] == 0
    assert rig.csr["vlenb"] == vlen // 8 == len(rig.hart.v[31])
    assert rig.csr["misa"] >> 21 & 1 == 0, "V is more than Zve64x"


@pytest.mark.rules("VLMAX", "LMUL", "vtype_sew_val", "vtype_lmul_fval", "vset_op", "vl_val")
@pytest.mark.parametrize("vlmul", [0, 1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("vsew", [0, 1, 2, 3])
def test_vlmax(rig, vsew, vlmul):
    lmul = {0: 1, 1: 2, 2: 4, 3: 8, 5: 1 / 8, 6: 1 / 4, 7: 1 / 2}[vlmul]
    assert rig.run(f"vsetvli a0, zero, {vsew << 3 | vlmul}") is None
    if (8 << vsew) > 64 * lmul:
        assert rig.csr["vtype"] == VILL and rig.a0 == rig.csr["vl"] == 0
    else:
        assert rig.csr["vtype"] == vsew << 3 | vlmul
        assert rig.a0 == rig.csr["vl"] == 128 * lmul // (8 << vsew)


@pytest.mark.rules("vl_val", "egs_vl_avl")
@pytest.mark.parametrize("avl", [0, 1, 3, 4, 5, 7, 8, 9, 1 << 63])
def test_vl_is_the_least_of_avl_and_vlmax(rig, avl):
    rig.run("vsetvli a0, a2, e32, m1, ta, ma", a2=avl)
    assert rig.a0 == rig.csr["vl"] == min(avl, 4)


def test_rs1_x0_keeps_vl_and_may_not_change_vlmax(rig):
    rig.run("vsetivli zero, 3, e32, m1, ta, ma; vsetvli zero, zero, e16, mf2, tu, mu")
    assert (rig.csr["vl"], rig.csr["vtype"]) == (3, 1 << 3 | 7)
    rig.run("vsetvli zero, zero, e16, m1, tu, mu")
    assert (rig.csr["vl"], rig.csr["vtype"]) == (0, VILL)


@pytest.mark.rules("vtype_vill_set", "vtype_vill_op", "RESERVED_VILL_SET")
@pytest.mark.parametrize("vtype", [4, 4 << 3, 7 << 3, 1 << 8, 1 << 62, 1 << 63])
def test_reserved_vtype_sets_vill_and_then_all_but_a_few_are_illegal(rig, vtype):
    rig.run("vsetivli zero, 3, e32, m1, ta, ma; vsetvl a0, a1, a2", a1=3, a2=vtype)
    assert (rig.csr["vtype"], rig.csr["vl"], rig.a0) == (VILL, 0, 0)
    for text in ("vadd.vv v1, v2, v3", "vle8.v v1, (a1)", "vmv.x.s a0, v1", "vmv1r.v v1, v2", "vmand.mm v1, v2, v3"):
        assert rig.cause(*words(text), mode="M") == ILLEGAL, text
    for text in ("vl1re8.v v1, (a1)", "vs1r.v v1, (a1)", "csrr a0, vl", "vsetivli zero, 1, e8, m1, ta, ma"):
        assert rig.cause(*words(text), mode="M") is None, text


@pytest.mark.rules("Zve_eew")
def test_elen_is_32_with_zve32x():
    rig = VectorRig(isa="max_zve32x_zvl128b")
    rig.run("vsetivli zero, 1, e64, m1, ta, ma")
    assert rig.csr["vtype"] == VILL
    rig.run("vsetivli zero, 1, e32, m1, ta, ma")
    for text in ("vle64.v v8, (a1)", "vl1re64.v v8, (a1)", "vwadd.vv v8, v4, v5", "vluxei64.v v8, (a1), v16"):
        assert rig.cause(*words(text), mode="M") == ILLEGAL, text


@pytest.mark.rules("Zve64_eew64_nsupport_vmulh", "Zve64_eew64_nsupport_vsmul")
def test_zve64x_has_no_high_products_of_64_bits(rig):
    for name in ("vmulh", "vmulhu", "vmulhsu", "vsmul"):
        assert rig.run(f"vsetivli zero, 1, e32, m1, ta, ma; {name}.vv v8, v4, v5") is None
        assert rig.run(f"vsetivli zero, 1, e64, m1, ta, ma; {name}.vv v8, v4, v5").cause == ILLEGAL


# -- operands that are reserved


@pytest.mark.rules("vreg_offgroup_LMUL2_rsv", "vreg_overlap_rsv", "vreg_overlap_legal", "vreg_vmask_rsv", "EMUL_rsv")
@pytest.mark.parametrize(
    ("setting", "text", "cause"),
    [
        ("e32, m2", "vadd.vv v1, v2, v4", ILLEGAL),
        ("e32, m2", "vadd.vv v2, v4, v6", None),
        ("e32, m4", "vadd.vx v8, v6, a1", ILLEGAL),
        ("e32, m8", "vwadd.vv v8, v16, v24", ILLEGAL),
        ("e32, m1", "vadd.vv v0, v1, v2, v0.t", ILLEGAL),
        ("e32, m1", "vmseq.vv v0, v1, v2, v0.t", None),
        ("e32, m1", "vwadd.vv v2, v2, v5", ILLEGAL),
        ("e32, m1", "vwadd.vv v2, v3, v5", None),
        ("e32, mf2", "vwadd.vv v2, v2, v5", ILLEGAL),
        ("e32, m1", "vnsrl.wi v2, v2, 0", None),
        ("e32, m1", "vnsrl.wi v3, v2, 0", ILLEGAL),
        ("e32, m1", "vslideup.vi v2, v2, 1", ILLEGAL),
        ("e32, m1", "vslidedown.vi v2, v2, 1", None),
        ("e32, m1", "vrgather.vv v2, v4, v2", ILLEGAL),
        ("e8, m1", "vsext.vf2 v2, v3", None),
        ("e8, mf8", "vle64.v v8, (a1)", None),
        ("e8, m2", "vle64.v v8, (a1)", ILLEGAL),
        ("e64, mf8", "vadd.vv v1, v2, v3", ILLEGAL),
        ("e8, m2", "vlseg4e8.v v0, (a1)", None),
        ("e8, m2", "vlseg5e8.v v0, (a1)", ILLEGAL),
        ("e8, m1", "vlseg8e8.v v25, (a1)", ILLEGAL),
        ("e8, m1", "vlseg2e8.v v0, (a1), v0.t", ILLEGAL),
    ],
)
def test_reserved_operands(rig, setting, text, cause):
    if "vsext" in text:
        cause = ILLEGAL  # there is nothing narrower than 8 bits
    rig.csr["mtval"] = 0
    trap = rig.run(f"vsetivli zero, 1, {setting}, ta, ma; {text}")
    assert (trap and trap.cause) == cause
    assert trap is None or trap.tval == words(text)[0]


# -- vstart


@pytest.mark.rules("vstart_op", "vector_prestart_element", "vstart_update", "vstart_acc", "vstart_sz")
def test_loads_and_stores_begin_at_vstart(rig):
    for n in range(8):
        rig.store(r.DATA + 4 * n, 0x11111111 * n, 4)
    rig.run("vsetivli zero, 4, e32, m1, ta, ma; csrwi vstart, 2; vle32.v v8, (a1)")
    assert rig.hart.v.elements(8, 32, 4) == [0, 0, 0x22222222, 0x33333333]
    assert rig.csr["vstart"] == 0
    rig.csr["vstart"] = -1
    assert rig.csr["vstart"] == 127


@pytest.mark.rules("vreduction_vstart_n0_ill", "vcpop_vstart_n0_ill", "vcompress_vstart_n0_ill", "vstart_unmodified")
def test_arithmetic_never_stops_midway_so_vstart_must_be_0(rig):
    for text in ("vadd.vv v8, v9, v10", "vredsum.vs v8, v9, v10", "vcpop.m a0, v8", "vcompress.vm v8, v9, v10"):
        trap = rig.run(f"vsetivli zero, 4, e32, m1, ta, ma; csrwi vstart, 1; {text}")
        assert trap.cause == ILLEGAL and rig.csr["vstart"] == 1
        rig.csr["vstart"] = 0


@pytest.mark.rules("vstart_op_V_trap", "epc_op_V_trap", "vector_ff_trigger", "vector_ff_no_exception")
@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_fault_midway_says_where_and_the_access_resumes(rig, first):
    """Elements beyond RAM: an access fault at element `first`; after it the same instruction goes on from there."""
    end = r.RAM + r.RAM_SIZE
    base = end - 4 * first
    for n in range(first):
        rig.store(base + 4 * n, 0xA0 + n, 4)
    rig.run("vsetivli zero, 4, e32, m1, tu, mu; vmv.v.i v8, -1")
    trap = rig.run("vle32.v v8, (a1)", a1=base)
    assert (trap.cause, trap.tval, rig.csr["vstart"]) == (5, end, first)
    assert rig.hart.v.elements(8, 32, 4) == [0xA0 + n for n in range(first)] + [0xFFFFFFFF] * (4 - first)
    for n in range(4):
        rig.store(r.DATA + 4 * n, 0xB0 + n, 4)
    assert rig.run("vle32.v v8, (a1)", a1=r.DATA) is None
    expected = [0xA0 + n for n in range(first)] + [0xB0 + n for n in range(first, 4)]
    assert rig.hart.v.elements(8, 32, 4) == expected and rig.csr["vstart"] == 0
    # The same by a fault-only-first load: only element 0 traps, a later one shortens vl.
    trap = rig.run("vsetivli zero, 4, e32, m1, tu, mu; vle32ff.v v8, (a1)", a1=base)
    if first:
        assert trap is None and rig.csr["vl"] == first and rig.csr["vstart"] == 0
    else:
        assert (trap.cause, rig.csr["vl"], rig.csr["vstart"]) == (5, 4, 0)


@pytest.mark.rules("vstart_op_V_trap", "vector_masked_inactive_behavior", "vector_masked_memory_access",
                   "vector_active_element")  # fmt: skip
def test_a_store_faults_at_an_active_element_only(rig):
    end = r.RAM + r.RAM_SIZE
    rig.hart.v.put(0, 8, [0b0101])
    rig.run("vsetivli zero, 4, e32, m1, tu, mu; vmv.v.i v8, 7")
    trap = rig.run("vse32.v v8, (a1), v0.t", a1=end - 4)
    assert (trap.cause, trap.tval, rig.csr["vstart"]) == (7, end + 4, 2)
    assert rig.load(end - 4, 4) == 7
    rig.csr["vstart"] = 0
    rig.hart.v.put(0, 8, [0b0001])
    assert rig.run("vse32.v v8, (a1), v0.t", a1=end - 4) is None


# -- tail and mask policies


@pytest.mark.rules("vreg_agnostic_op", "vtype_vta_op", "vtype_vma_op", "vector_tail_element", "vector_inactive_element")
@pytest.mark.parametrize("policy", ["tu, mu", "ta, ma"])
def test_agnostic_elements_stay_undisturbed(rig, policy):
    rig.hart.v.put(0, 8, [0b101])
    rig.hart.v.put(8, 32, [1, 2, 3, 4])
    rig.run(f"vsetivli zero, 3, e32, m1, {policy}; vadd.vi v8, v8, 10, v0.t")
    assert rig.hart.v.elements(8, 32, 4) == [11, 2, 13, 4]
    rig.run(f"vsetivli zero, 3, e8, m1, {policy}; vmseq.vv v8, v8, v8")
    assert rig.hart.v.elements(8, 8, 1) == [11 & ~7 | 7]


# -- VS


def status(rig):
    return rig.csr["mstatus"] & VS, rig.csr["vsstatus"] & VS


@pytest.mark.rules("mstatus_vs_op_off", "vsstatus_vs_mstatus_vs_op_off", "vsstatus_vs_op_off", "vsstatus_vs_op")
@pytest.mark.parametrize("text", ["vsetivli zero, 1, e8, m1, ta, ma", "vadd.vv v1, v2, v3", "vle8.v v1, (a1)",
                                  "vs1r.v v1, (a1)", "csrr a0, vlenb", "csrwi vxrm, 1"])  # fmt: skip
@pytest.mark.rules("mstatus_vs_op", "mstatus_fs_vs_xs_off_op")
def test_off_is_an_illegal_instruction_in_every_mode(rig, text):
    """Never a virtual one: the manual names vsstatus.VS next to mstatus.VS, as it does FS."""
    rig.run("vsetivli zero, 1, e8, m1, ta, ma")
    for mstatus, vsstatus, guests in ((0, VS, ILLEGAL), (VS, 0, ILLEGAL), (VS, VS, None), (1 << 9, 1 << 9, None)):
        for mode in ("M", "HS", "U", "VS", "VU"):
            rig.csr["mstatus"], rig.csr["vsstatus"] = mstatus | FS, vsstatus | FS
            expected = guests if mode in ("VS", "VU") else None if mstatus else ILLEGAL
            assert rig.cause(*words(text), mode=mode) == expected, (mode, mstatus, vsstatus)


@pytest.mark.rules(
    "mstatus_vs_op_active",
    "vsstatus_vs_op_active",
    "HW_MSTATUS_VS_DIRTY_UPDATE",
    "mstatus_sd_op_vs",
    "vsstatus_sd_op_vs",
    "vsstatus_vs_op",
)
@pytest.mark.parametrize("text", ["vsetivli zero, 1, e8, m1, ta, ma", "vadd.vv v1, v2, v3", "vle8.v v1, (a1)",
                                  "csrwi vxrm, 1", "csrwi vstart, 0"])  # fmt: skip
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.rules("mstatus_vs_op", "MSTATUS_VS_NO_CHANGE_DIRTY", "mstatus_fs_vs_xs_update_indep_priv")
def test_a_change_makes_both_fields_dirty(rig, text, mode):
    rig.run("vsetivli zero, 1, e8, m1, ta, ma")
    for old in (1 << 9, 2 << 9):
        rig.csr["mstatus"], rig.csr["vsstatus"] = old, old
        assert rig.cause(*words(text), mode=mode) is None
        assert status(rig) == (VS, VS if mode in ("VS", "VU") else old)
        assert rig.csr["mstatus"] >> 63 == 1 and rig.csr["vsstatus"] >> 63 == (mode in ("VS", "VU"))


@pytest.mark.rules("MSTATUS_VS_IMPRECISE")
def test_reading_leaves_it_clean(rig):
    rig.csr["mstatus"] = rig.csr["vsstatus"] = 2 << 9
    for name in ("vl", "vtype", "vlenb", "vstart", "vcsr"):
        assert rig.cause(csrr(name), mode="VS") is None
    assert status(rig) == (2 << 9, 2 << 9)


@pytest.mark.rules("HW_MSTATUS_VS_DIRTY_UPDATE")
def test_a_load_that_faults_has_changed_vstart_and_maybe_elements(rig):
    rig.run("vsetivli zero, 4, e32, m1, tu, mu")
    rig.csr["mstatus"] = 2 << 9
    assert rig.run("vle32.v v8, (a1)", a1=r.RAM + r.RAM_SIZE - 4).cause == 5
    assert status(rig)[0] == VS


def test_sstatus_shows_the_field_and_writes_it(rig):
    rig.csr["mstatus"] = 0
    rig.write("sstatus", "HS", 1 << 9)
    assert rig.csr["mstatus"] & VS == 1 << 9 and rig.read("sstatus", "HS") & VS == 1 << 9
    rig.csr["vsstatus"] = 0
    rig.write("sstatus", "VS", 2 << 9)
    assert status(rig) == (1 << 9, 2 << 9)


@pytest.mark.rules("mstatus_vs_acc", "MSTATUS_VS_RDONLY0_S_NO_V", "MSTATUS_VS_WARL")
def test_without_vectors_there_is_neither_field_nor_register():
    rig = VectorRig()
    rig.csr["mstatus"] = rig.csr["vsstatus"] = VS
    assert status(rig) == (0, 0)
    for word in (*words("vsetivli zero, 1, e8, m1, ta, ma"), *words("vl1re8.v v8, (a1)"), csrr("vl"), csrw("vstart")):
        assert rig.cause(word, mode="M") == ILLEGAL


# -- fixed point


@pytest.mark.rules("vcsr_vxrm_op", "vcsr_vxsat_op", "vxrm_acc", "vxrm_sz", "vxsat_acc", "vxsat_sz", "vcsr_vxrm_acc",
                   "vcsr_vxsat_acc", "vxrm_val")  # fmt: skip
def test_vcsr_is_vxrm_and_vxsat(rig):
    rig.write("vcsr", "U", -1 & 0xFF)
    assert (rig.csr["vxrm"], rig.csr["vxsat"], rig.csr["vcsr"]) == (3, 1, 7)
    rig.write("vxrm", "U", 6)
    rig.write("vxsat", "U", 2)
    assert rig.csr["vcsr"] == 2 << 1


@pytest.mark.rules("vxrm_op")
@pytest.mark.parametrize(("vxrm", "expected"), [(0, [1, 1, 2, 2, 3]), (1, [0, 1, 2, 2, 2]), (2, [0, 1, 1, 2, 2]),
                                                (3, [1, 1, 1, 2, 3])])  # fmt: skip
def test_rounding_modes(rig, vxrm, expected):
    rig.hart.v.put(8, 8, [2, 4, 7, 8, 10])
    rig.run(f"vsetivli zero, 5, e8, m1, tu, mu; csrwi vxrm, {vxrm}; vssrl.vi v9, v8, 2")
    assert rig.hart.v.elements(9, 8, 5) == expected


@pytest.mark.rules("vxsat_op_vsaddsub", "vxsat_op")
def test_saturation_of_active_elements_only(rig):
    rig.hart.v.put(8, 8, [250, 1])
    rig.hart.v.put(0, 8, [2])
    rig.run("vsetivli zero, 2, e8, m1, tu, mu; vsaddu.vi v9, v8, 10, v0.t")
    assert rig.hart.v.elements(9, 8, 2) == [0, 11] and rig.csr["vxsat"] == 0
    rig.run("vsaddu.vi v9, v8, 10")
    assert rig.hart.v.elements(9, 8, 2) == [255, 11] and rig.csr["vxsat"] == 1
