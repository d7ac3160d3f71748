"""What changes a translation's permissions: checklist N (manual: "Two-Stage Address Translation", "Virtual Supervisor
Status Register", "Memory Privilege in mstatus Register", "Hypervisor Virtual-Machine Load and Store Instructions").
N7 is in test_pointer_masking.py.
"""

import pytest
import rig as r
from pagetables import (
    KERNEL,
    KINDS,
    MPP_S,
    MPRV,
    MPV,
    MXR,
    SPVP,
    SUM,
    USER,
    A,
    D,
    Fault,
    R,
    U,
    V,
    W,
    X,
)
from rig import RAM, Rig
from worlds import any_g, any_vs, deny, g_modes, kinds, privs, vs_modes, world_for

EXPLICIT_LOADS = ["load", "hlv", "mprv-load"]  # LR is one too


@vs_modes
@any_g
@pytest.mark.parametrize("kind", [*EXPLICIT_LOADS, "lr"])
@pytest.mark.parametrize("vs_mxr", [0, MXR])
@pytest.mark.parametrize("hs_mxr", [0, MXR])
@pytest.mark.rules("hlsv_sstatus_mxr", "hlsv_vsstatus_mxr", "vsstatus_mxr_vm", "sstatus_mxr_vm")
def test_N1_execute_only_pages_of_the_vs_stage_are_readable_by_either_mxr(vs, g, kind, vs_mxr, hs_mxr):
    w = world_for(vs, g)
    w.vs.flags(w.va, V | X | A | D)
    w.fence()
    w.set("vsstatus", vs_mxr)
    w.set("mstatus", hs_mxr)
    assert w.access(kind) == (None if vs_mxr or hs_mxr else w.page_fault(kind))


@any_vs
@g_modes
@pytest.mark.parametrize("kind", [*EXPLICIT_LOADS, "lr"])
@pytest.mark.parametrize("vs_mxr", [0, MXR])
@pytest.mark.parametrize("hs_mxr", [0, MXR])
@pytest.mark.rules("hlsv_sstatus_mxr", "hlsv_vsstatus_mxr", "vsstatus_mxr_vm", "sstatus_mxr_vm")
def test_N1_execute_only_pages_of_the_g_stage_are_readable_by_the_hypervisors_mxr_only(vs, g, kind, vs_mxr, hs_mxr):
    w = world_for(vs, g)
    w.g.flags(w.data_gpa, V | X | U | A | D)
    w.fence()
    w.set("vsstatus", vs_mxr)
    w.set("mstatus", hs_mxr)
    assert w.access(kind) == (None if hs_mxr else w.guest_fault(kind, w.data_gpa))


@vs_modes
@g_modes
@kinds
def test_N2_mxr_helps_neither_page_table_reads_nor_stores_nor_fetches(vs, g, kind):
    w = world_for(vs, g)
    w.set("vsstatus", MXR)
    w.set("mstatus", MXR)
    slot = w.gpa(w.vs.slot(w.va))
    w.g.flags(slot, V | X | U | A | D)
    w.fence()
    assert w.access(kind) == w.guest_fault(kind, slot, tinst=0x3000)
    w.g.flags(slot, USER)
    if KINDS[kind].original == "store":
        w.vs.flags(w.va, V | X | A | D)
        w.fence()
        assert w.access(kind) == w.page_fault(kind)
    elif kind == "fetch":
        w.vs.flags(w.va, V | R | A | D)
        w.fence()
        assert w.access(kind) == w.page_fault(kind)


@vs_modes
@g_modes
@kinds
@pytest.mark.parametrize("vs_sum", [0, SUM])
@pytest.mark.parametrize("hs_sum", [0, SUM])
@pytest.mark.rules("hlsv_trans")
def test_N3_sum_is_that_of_vsstatus(vs, g, kind, vs_sum, hs_sum):
    """And VS-mode never executes a user page."""
    w = world_for(vs, g, "VU")
    w.set("vsstatus", vs_sum)
    w.set("mstatus", hs_sum)
    assert w.access(kind, priv="VS") == (None if vs_sum and kind != "fetch" else w.page_fault(kind))


@vs_modes
@kinds
def test_N3_vu_mode_has_no_use_of_supervisor_pages(vs, kind):
    w = world_for(vs, "sv39", "VS")
    w.set("vsstatus", SUM)
    w.set("mstatus", SUM)
    assert w.access(kind, priv="VU") == w.page_fault(kind)


@vs_modes
@any_g
@pytest.mark.parametrize("mxr", [0, MXR])
@pytest.mark.rules("hlsv_u_op")
def test_N4_hlvx_needs_x_instead_of_r_at_the_vs_stage(vs, g, mxr):
    w = world_for(vs, g)
    w.set("vsstatus", mxr)
    w.set("mstatus", mxr)
    for rwx in (R, R | W, X, R | X, R | W | X):
        w.vs.flags(w.va, V | rwx | A | D)
        w.fence()
        assert w.access("hlvx") == (None if rwx & X else w.page_fault("hlvx"))


@any_vs
@g_modes
@pytest.mark.parametrize("mxr", [0, MXR])
@pytest.mark.rules("hlsv_u_op")
def test_N4_hlvx_needs_x_instead_of_r_at_the_g_stage(vs, g, mxr):
    w = world_for(vs, g)
    w.set("vsstatus", mxr)
    w.set("mstatus", mxr)
    for rwx in (R, R | W, X, R | X, R | W | X):
        w.g.flags(w.data_gpa, V | rwx | U | A | D)
        w.fence()
        assert w.access("hlvx") == (None if rwx & X else w.guest_fault("hlvx", w.data_gpa))


@vs_modes
@g_modes
def test_N4_hlvx_reads_page_tables_like_any_load(vs, g):
    """They need R, and X neither helps nor is needed (checklist R12)."""
    w = world_for(vs, g)
    slot = w.gpa(w.vs.slot(w.va))
    w.g.flags(slot, V | R | U | A)
    w.fence()
    assert w.access("hlvx") is None
    w.g.flags(slot, V | X | U | A)
    w.fence()
    assert w.access("hlvx") == w.guest_fault("hlvx", slot, tinst=0x3000)


@any_vs
@any_g
@pytest.mark.rules("hlsv_u_op")
def test_N4_hlvx_needs_r_and_x_of_pmp(vs, g):
    w = world_for(vs, g)
    for allowed in (0, 1, 3, 4, 5, 7):
        deny(w, r.DATA, 12, allowed)
        assert w.access("hlvx") == (None if allowed & 5 == 5 else w.access_fault("hlvx"))


@vs_modes
def test_N4_hlvx_obeys_sum(vs):
    w = world_for(vs, "sv39", "VU")
    assert w.access("hlvx", priv="VS") == w.page_fault("hlvx")
    w.set("vsstatus", SUM)
    assert w.access("hlvx", priv="VS") is None
    assert w.access("hlvx", priv="VU") is None


@any_vs
@any_g
@pytest.mark.rules("mstatus_mprv_hypervisor")
def test_N5_mprv_with_mpp_m_is_untranslated_and_ignores_mpv(vs, g):
    w = world_for(vs, g)
    if w.va == r.DATA:
        pytest.skip("virtual and physical addresses are the same")
    w.rig.store(r.DATA + 8, 99)
    w.csr["mstatus"] = w.csr["mstatus"] | MPRV | MPV | 3 << 11
    assert w.rig.execute(KINDS["load"].word, mode="M", a1=r.DATA + 8) is None and w.rig.a0 == 99
    trap = w.rig.execute(KINDS["load"].word, mode="M", a1=w.va)
    assert trap.cause == 5
    assert not w.csr["mstatus"] & 1 << 38  # not a guest's address


@vs_modes
@any_g
@privs
@pytest.mark.parametrize("kind", ["mprv-load", "mprv-store"])
@pytest.mark.rules("mstatus_mprv_hypervisor")
def test_N5_mprv_accesses_as_mpp_and_mpv(vs, g, priv, kind):
    w = world_for(vs, g, priv)
    assert w.access(kind, priv=priv) is None
    other = "VU" if priv == "VS" else "VS"
    assert w.access(kind, priv=other) == w.page_fault(kind)


@pytest.mark.parametrize("mpv", [0, MPV])
@pytest.mark.rules("mstatus_mprv_ldst_op", "mstatus_mprv_hypervisor")
def test_N5_mprv_without_mpv_uses_satp(mpv):
    w = world_for("sv39", "sv39")
    w.rig.store(r.DATA + 8, 42)
    w.csr["mstatus"] = w.csr["mstatus"] & ~(3 << 11) | MPRV | mpv | MPP_S
    trap = w.rig.execute(KINDS["load"].word, mode="M", a1=r.DATA + 8)  # satp is Bare
    if mpv:
        assert trap.cause in (13, 21)
    else:
        assert trap is None and w.rig.a0 == 42


@pytest.mark.rules("mstatus_mprv_inst_xlat_op")
def test_N5_mprv_does_not_apply_to_fetches():
    w = world_for("sv39", "sv39")
    w.csr["vsatp"] = w.csr["vsatp"] & ~0xFFFFF  # nothing would be mapped
    w.csr["mstatus"] = w.csr["mstatus"] & ~(3 << 11) | MPRV | MPV | MPP_S
    assert w.rig.execute(r.NOP, r.NOP, mode="M") is None


@vs_modes
@privs
@pytest.mark.parametrize("kind", ["hlv", "hlvx", "hsv"])
@pytest.mark.rules("mstatus_mprv_hlsv")
def test_N5_hypervisor_accesses_ignore_mprv(vs, priv, kind):
    w = world_for(vs, "sv39", priv)
    w.csr["mstatus"] = w.csr["mstatus"] | MPRV | 3 << 11
    w.set("hstatus", SPVP, priv == "VS")
    assert w.rig.execute(KINDS[kind].word, mode="M", a1=w.va) is None


@vs_modes
@any_g
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.parametrize("kind", ["hlv", "hlvx", "hsv"])
@privs
@pytest.mark.rules("hstatus_hu_op", "hstatus_spvp_op", "hlsv_priv", "hlsv_mode")
def test_N6_hypervisor_accesses_act_as_spvp_from_every_mode(vs, g, mode, kind, priv):
    w = world_for(vs, g, priv)
    w.rig.store(r.DATA, 0x0807_0605_0403_0201)
    for spvp in (True, False):
        w.set("hstatus", SPVP, spvp)
        trap = w.rig.execute(KINDS[kind].word, mode=mode, a1=w.va, a0=0x99)
        if spvp == (priv == "VS"):
            assert trap is None
            if kind == "hsv":
                assert w.rig.load(r.DATA) == 0x99
            else:
                assert w.rig.a0 == (0x0403_0201 if kind == "hlvx" else 0x0807_0605_0403_0201)
        else:
            assert trap.into == "M" and trap.cause == w.page_fault(kind).cause
            assert w.csr["mstatus"] & 1 << 38 and not w.csr["mstatus"] & MPV  # GVA, though V was 0


@any_vs
@any_g
@pytest.mark.parametrize("kind, need", [("hlv", 1), ("hlvx", 5), ("hsv", 2)])
def test_N6_pmp_is_checked_at_the_guests_privilege_even_from_m(vs, g, kind, need):
    """Checklist R13."""
    w = world_for(vs, g)
    w.set("hstatus", SPVP)
    for allowed in (0, 1, 3, 4, 5, 7):
        deny(w, r.DATA, 12, allowed)
        trap = w.rig.execute(KINDS[kind].word, mode="M", a1=w.va)
        assert (trap is None) == (allowed & need == need)
        assert trap is None or trap.cause == w.access_fault(kind).cause


ENCODINGS = {
    "hlv.b": (0x60004073, 0xFFFF_FFFF_FFFF_FF88),
    "hlv.bu": (0x60104073, 0x88),
    "hlv.h": (0x64004073, 0xFFFF_FFFF_FFFF_9988),
    "hlv.hu": (0x64104073, 0x9988),
    "hlvx.hu": (0x64304073, 0x9988),
    "hlv.w": (0x68004073, 0xFFFF_FFFF_BBAA_9988),
    "hlvx.wu": (0x68304073, 0xBBAA_9988),
    "hlv.wu": (0x68104073, 0xBBAA_9988),
    "hlv.d": (0x6C004073, 0xFFEE_DDCC_BBAA_9988),
    "hsv.b": (0x62004073, 0x10),
    "hsv.h": (0x66004073, 0x3210),
    "hsv.w": (0x6A004073, 0x7654_3210),
    "hsv.d": (0x6E004073, 0xFEDC_BA98_7654_3210),
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("vs, g", [("sv39", "sv39"), ("bare", "sv57"), ("sv48", "bare")])
@pytest.mark.rules("hlsv_op", "hlsv_u_op")
def test_N8_encodings(name, vs, g):
    word, expected = ENCODINGS[name]
    w = world_for(vs, g)
    w.set("hstatus", SPVP)
    w.rig.store(r.DATA + 8, 0xFFEE_DDCC_BBAA_9988)
    for at in (w.va + 8, w.va + 8):  # the second time from the TLB
        if name.startswith("hsv"):
            w.rig.store(r.DATA + 8, 0)
            assert w.rig.execute(word | 11 << 15 | 10 << 20, mode="HS", a1=at, a0=0xFEDC_BA98_7654_3210) is None
            assert w.rig.load(r.DATA + 8) == expected
        else:
            assert w.rig.execute(word | 11 << 15 | 10 << 7, mode="HS", a1=at) is None
            assert w.rig.a0 == expected


@pytest.mark.parametrize("funct7", [0x30, 0x32, 0x34, 0x36])
def test_N8_the_encodings_in_between_are_illegal(funct7):
    w = world_for("sv39", "sv39")
    known = {word | 11 << 15 | 10 << 7 for name, (word, _) in ENCODINGS.items() if not name.startswith("hsv")}
    for rs2 in range(32):
        word = funct7 << 25 | rs2 << 20 | 11 << 15 | 4 << 12 | 10 << 7 | 0x73
        trap = w.rig.execute(word, mode="HS", a1=w.va)
        assert (trap is not None and trap.cause == 2) == (word not in known), hex(word)


# ---- one stage, as a check of the other regime


@vs_modes
@pytest.mark.parametrize("mode", ["HS", "U"])
@pytest.mark.rules("mstatus_mxr_op", "mstatus_sum_op", "sstatus_mxr_op", "sstatus_sum_op")
def test_the_satp_regime_uses_its_own_sum_and_mxr(vs, mode):
    rig = Rig()
    from pagetables import Frames, Table

    table = Table(rig, Frames(r.TABLES, RAM + r.RAM_SIZE), vs)
    code, data = 0x4_5000, 0x12_3456_7000
    table.map(code, r.CODE, V | X | A | (U if mode == "U" else 0))
    rig.csr["satp"] = table.atp()
    rig.code(KINDS["load"].word)

    def load(flags, status):
        table.map(data, r.DATA, flags)
        rig.execute(r.SFENCE_VMA, mode="M")
        rig.code(KINDS["load"].word)
        rig.csr["mstatus"] = rig.csr["mstatus"] & ~(SUM | MXR) | status
        rig.csr["vsstatus"] = rig.csr["vsstatus"] | SUM | MXR  # means nothing here
        rig.stand(mode, code)
        rig.hart.x["a1"] = data
        rig.step()
        trap = rig.trap()
        if trap is None:
            return None
        return Fault("M", trap.cause, trap.tval, rig.csr["mtval2"], 0, bool(rig.csr["mstatus"] & 1 << 38))

    own, other = (USER, KERNEL) if mode == "U" else (KERNEL, USER)
    fault = Fault("M", 13, data)
    assert load(own, 0) is None
    assert load(other, 0) == fault
    assert load(other, SUM) == (None if mode == "HS" else fault)
    assert load(own & ~(R | W), 0) == fault
    assert load(own & ~(R | W), MXR) is None
    assert load(own & ~D, 0) is None
    assert load(own & ~A, 0) == fault
    assert rig.csr["mtval2"] == 0
