"""What the faults of two stages report: checklist M9 to M13 (manual: "Guest-Page Faults")."""

import pytest
import rig as r
from pagetables import ADUE, KERNEL, KINDS, LEVELS, USER, A, D, Fault, R, U, V, World
from rig import ALL, RAM, RAM_SIZE
from worlds import any_g, any_vs, deny, g_modes, kinds, privs, vs_modes, world_for

# ---- M9


@vs_modes
@g_modes
@kinds
@pytest.mark.rules("H_vm_gpapriv", "H_exception_priority")
def test_M9_which_fault(vs, g, kind):
    """The failing stage decides between page fault and guest-page fault, PMP gives access faults; the type is that of
    the original access, whichever access failed."""
    w = world_for(vs, g)
    slot = w.vs.slot(w.va)

    def put(vs_flags=KERNEL, g_data=USER, g_table=USER, pmp=None):
        w.vs.flags(w.va, vs_flags)
        w.g.flags(w.data_gpa, g_data)
        w.g.flags(w.gpa(slot), g_table)
        if pmp is None:
            deny(w, RAM + RAM_SIZE, 12, 0)
        else:
            deny(w, pmp & ~4095, 12, 0)
        w.fence()
        return w.access(kind)

    assert put() is None
    assert put(vs_flags=0) == w.page_fault(kind)
    assert put(g_data=0) == w.guest_fault(kind, w.data_gpa)
    assert put(g_table=0) == w.guest_fault(kind, w.gpa(slot), tinst=0x3000)
    assert put(pmp=r.DATA) == w.access_fault(kind)
    assert put(pmp=slot) == w.access_fault(kind)
    assert put(pmp=w.g.slot(0x1_2340_5000, 0, make=True)) is None  # a table that this walk does not read
    # The first failure in the walk counts.
    assert put(vs_flags=0, g_data=0) == w.page_fault(kind)
    assert put(vs_flags=0, g_table=0) == w.guest_fault(kind, w.gpa(slot), tinst=0x3000)
    assert put(vs_flags=0, pmp=slot) == w.access_fault(kind)
    assert put(vs_flags=0, pmp=r.DATA) == w.page_fault(kind)
    assert put(g_data=0, pmp=r.DATA) == w.guest_fault(kind, w.data_gpa)


@any_vs
@g_modes
@kinds
@pytest.mark.rules("H_pmp")
def test_M9_pmp_on_a_g_stage_pte_is_an_access_fault(vs, g, kind):
    """Checklist R15. The table of the data page's GPA is its own, so that the code can still be fetched."""
    w = world_for(vs, g)
    gpa = 0x1_2340_5000
    w.g.map(gpa, r.DATA, USER)
    if vs == "bare":
        va = gpa
    else:
        w.vs.map(va := w.va, gpa, KERNEL)
    deny(w, w.g.table(gpa, 0), 12, allowed=6)
    assert w.access(kind, va) == w.access_fault(kind, va)
    deny(w, w.g.table(gpa, 0), 12, allowed=1)
    assert w.access(kind, va) is None


@any_vs
@any_g
@kinds
def test_M9_page_tables_outside_ram_are_access_faults(vs, g, kind):
    w = world_for(vs, g)
    if w.g.levels:
        gpa = 0x1_2340_5000
        w.g.map(gpa, r.DATA, USER)
        if vs == "bare":
            va = gpa
        else:
            w.vs.map(va := w.va, gpa, KERNEL)
        w.g.set(gpa, 0x1000 >> 12 << 10 | V, level=1)
        w.fence()
        assert w.access(kind, va) == w.access_fault(kind, va)
    elif w.vs.levels:
        w.vs.set(w.va, 0x1000 >> 12 << 10 | V, level=1)
        w.fence()
        assert w.access(kind) == w.access_fault(kind)


# ---- M10


@vs_modes
@g_modes
@privs
@kinds
@pytest.mark.parametrize("into", ["M", "HS"])
@pytest.mark.rules(
    "mtval2_trapval_vstrans", "H_trap_xtinst_guestpage", "H_guest_page_fault", "shtvala_htval_faulting_gpa"
)
def test_M10_gpf_on_vs_pte_reports_exact_slot_and_pseudoinstruction(vs, g, priv, kind, into):
    """htval is the address of the very PTE, tval still the guest's address; never delegated further (checklist R16)."""
    w = world_for(vs, g, priv)
    w.csr["medeleg"] = ALL if into == "HS" else 0
    w.csr["hedeleg"] = ALL
    into = "M" if KINDS[kind].by == "M" else into
    for level in range(w.vs.levels - 1):
        slot = w.gpa(w.vs.slot(w.va, level))
        saved = w.g.pte(slot)
        w.g.flags(slot, 0)
        w.fence()
        for offset in (0, 4, 0xFF8) if kind in ("load", "store", "hlvx") else (0,):
            fault = w.access(kind, w.va + offset, priv=priv)
            assert fault == w.guest_fault(kind, slot, w.va + offset, into, tinst=0x3000)
        w.g.set(slot, saved)


@vs_modes
@kinds
def test_M10_a_pointer_to_a_gpa_that_does_not_exist_reports_the_slot_there(vs, kind):
    w = world_for(vs, "sv39")
    nowhere = 0x5000_0000
    w.vs.set(w.va, nowhere >> 12 << 10 | V, level=1)
    w.fence()
    slot = nowhere + (w.va >> 12 & 511) * 8
    assert w.access(kind) == w.guest_fault(kind, slot, tinst=0x3000)


@vs_modes
@g_modes
@kinds
@pytest.mark.rules("H_trap_xtinst_guestpage_rw")
def test_M10_gpf_on_the_write_of_a_vs_pte_says_0x3020(vs, g, kind):
    w = world_for(vs, g)
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.delegate("HS")
    slot = w.vs.slot(w.va)
    w.vs.flags(w.va, KERNEL & ~(A | D))
    w.g.flags(w.gpa(slot), V | R | U | A | D)
    w.fence()
    into = "M" if KINDS[kind].by == "M" else "HS"
    assert w.access(kind) == w.guest_fault(kind, w.gpa(slot), into=into, tinst=0x3020)
    assert w.vs.pte(w.va) & (A | D) == 0


# ---- M11


@any_vs
@g_modes
@kinds
@pytest.mark.rules("HTVAL_TRAPVAL", "MTVAL2_TRAPVAL", "mtval2_htval_virtaddr")
def test_M11_gpf_on_the_final_gpa_has_its_low_bits(vs, g, kind):
    w = world_for(vs, g)
    w.g.flags(w.data_gpa, 0)
    w.fence()
    for offset in (0, 8, 0xFF8):
        fault = w.access(kind, w.va + offset)
        assert fault == w.guest_fault(kind, w.data_gpa + offset, w.va + offset)
        assert fault.tval2 == (w.data_gpa + offset) >> 2


@any_vs
@g_modes
@pytest.mark.rules("mtval2_trapval_other", "H_straddle")
def test_M11_a_fetch_across_pages_reports_the_second_page(vs, g):
    """epc is the instruction, tval and htval the page that failed (checklist R16)."""
    w = world_for(vs, g)
    w.rig.store(r.DATA + 0xFFE, 0x0013, 2)  # first half of a NOP
    w.g.flags(w.data_gpa + 4096, 0)
    w.fence()
    second = w.va + 4096
    assert w.access("fetch", w.va + 0xFFE) == Fault("M", 20, second, (w.data_gpa + 4096) >> 2, 0, True)
    w.g.flags(w.data_gpa + 4096, USER)
    w.fence()
    assert w.access("fetch", w.va + 0xFFE) is None
    if vs != "bare":
        w.vs.flags(second, 0)
        w.fence()
        assert w.access("fetch", w.va + 0xFFE) == Fault("M", 12, second, 0, 0, True)


# ---- M12


@g_modes
@kinds
def test_M12_bare_vsatp_and_an_address_beyond_the_gpa_range_is_a_guest_page_fault(g, kind):
    w = World("bare", g)
    for va in (1 << 12 + 9 * LEVELS[g] + 2 | w.va, 1 << 63 | w.va):
        assert w.access(kind, va) == w.guest_fault(kind, va, va)


@vs_modes
@kinds
def test_M12_a_vs_leaf_beyond_the_gpa_range_has_no_pseudoinstruction(vs, kind):
    w = world_for(vs, "sv39")
    gpa = 1 << 41 | w.data_gpa
    w.vs.map(w.va, gpa, KERNEL)
    w.fence()
    assert w.access(kind) == w.guest_fault(kind, gpa)


@vs_modes
@kinds
def test_M12_a_vs_pointer_beyond_the_gpa_range_faults_on_the_next_read(vs, kind):
    w = world_for(vs, "sv39")
    table = 1 << 50 | 0x7000
    w.vs.set(w.va, table >> 12 << 10 | V, level=1)
    w.fence()
    assert w.access(kind) == w.guest_fault(kind, table + (w.va >> 12 & 511) * 8, tinst=0x3000)


@kinds
def test_M12_vsatp_itself_beyond_the_gpa_range(kind):
    if KINDS[kind].by == "V" and kind != "fetch":
        pytest.skip("the instruction could not be fetched")
    w = World("sv39", "sv39")
    w.csr["vsatp"] = 8 << 60 | 1 << 43
    slot = (1 << 55) + (w.va >> 30 & 511) * 8
    assert w.access(kind) == w.guest_fault(kind, slot, tinst=0x3000)


# ---- M13


@any_vs
@g_modes
@pytest.mark.parametrize("kind, original", [("lr", "load"), ("sc", "store"), ("amo", "store")])
@pytest.mark.rules("mcause_exccode_ld_ldrsv", "mcause_exccode_st_sc_amo")
def test_M13_lr_faults_as_a_load_sc_and_amo_as_stores(vs, g, kind, original):
    w = world_for(vs, g)
    assert KINDS[kind].original == original
    w.g.flags(w.data_gpa, V | R | U | A | D)
    w.fence()
    assert w.access(kind) == (None if kind == "lr" else w.guest_fault(kind, w.data_gpa))
    w.g.flags(w.data_gpa, 0)
    w.fence()
    assert w.access(kind) == w.guest_fault(kind, w.data_gpa)
    w.g.flags(w.data_gpa, USER)
    deny(w, r.DATA, 12, allowed=4)
    assert w.access(kind) == w.access_fault(kind)


@any_vs
@any_g
@privs
def test_M13_lr_and_sc_work_together(vs, g, priv):
    w = world_for(vs, g, priv)
    w.rig.code(0x1005B52F, 0x18C5B6AF)  # lr.d a0, (a1); sc.d a3, a2, (a1)
    w.rig.stand(priv, w.code_s if priv == "VS" else w.code_u)
    w.rig.hart.x["a1"], w.rig.hart.x["a2"] = w.va + 8, 99
    w.rig.store(r.DATA + 8, 55)
    w.rig.step(2)
    assert (w.rig.a0, w.rig.hart.x["a3"], w.rig.load(r.DATA + 8)) == (55, 0, 99)


@any_vs
@any_g
def test_M13_an_amo_is_one_store_type_check_of_r_and_w(vs, g):
    w = world_for(vs, g)
    for allowed in (1, 2, 3):
        deny(w, r.DATA, 12, allowed)
        good = allowed == 3
        if allowed == 2:
            continue  # W without R is reserved in pmpcfg
        assert w.access("amo") == (None if good else w.access_fault("amo"))
    if w.vs.levels:
        w.vs.flags(w.va, V | R | A | D)
        w.fence()
        assert w.access("amo") == w.page_fault("amo")
