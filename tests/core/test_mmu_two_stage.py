"""Two-stage translation: the walk and its VS-stage, checklist M1 to M5 and M8 (manual: "Two-Stage Translation")."""

import pytest
import rig as r
from pagetables import (
    ADUE,
    KERNEL,
    KINDS,
    MXR,
    PBMT_IO,
    PBMT_NC,
    PBMT_RESERVED,
    PBMTE,
    USER,
    A,
    D,
    N,
    R,
    U,
    V,
    W,
    World,
    X,
)
from rig import ALL, RAM, RAM_SIZE
from worlds import (
    ALL_KINDS,
    LEAF_DEFECTS,
    PAGED,
    STORES,
    any_g,
    any_vs,
    deny,
    g_modes,
    kinds,
    privs,
    vs_modes,
    world_for,
)

# ---- M1


@any_vs
@any_g
@privs
@kinds
@pytest.mark.rules("hgatp_op", "hgatp_mode_sv", "H_vm_twostage", "vsatp_op")
def test_M1_an_access_reaches_the_page_that_both_stages_name(vs, g, priv, kind):
    w = world_for(vs, g, priv)
    w.rig.store(r.DATA + 8, 0xA5A5_0001_0203_0405)
    at = w.va if kind == "fetch" else w.va + 8
    assert w.access(kind, at, priv=priv) is None
    if kind == "fetch":
        assert w.rig.pc == w.va + 4
    elif kind == "amo":
        assert w.rig.load(r.DATA + 8) == 0xA5A5_0001_0203_0405 + 0x1122_3344_5566_7788
    elif kind == "sc":
        assert w.rig.a0 == 1 and w.rig.load(r.DATA + 8) == 0xA5A5_0001_0203_0405
    elif KINDS[kind].original == "store":
        assert w.rig.load(r.DATA + 8) == 0x1122_3344_5566_7788
    else:
        assert w.rig.a0 == (0x0203_0405 if kind == "hlvx" else 0xA5A5_0001_0203_0405)


@vs_modes
@kinds
@pytest.mark.parametrize("into", ["M", "HS", "VS"])
def test_M1_an_address_that_is_no_sign_extension_is_a_page_fault_even_with_tables_for_its_low_bits(vs, kind, into):
    w = world_for(vs, "sv39")
    w.delegate(into)
    top = 12 + 9 * w.vs.levels
    if KINDS[kind].by != "V":
        into = "HS" if into == "VS" and KINDS[kind].by == "HS" else "M" if KINDS[kind].by == "M" else into
    for bit in {top, top + 1, 62, 63}:
        va = w.va | 1 << bit
        assert w.access(kind, va) == w.page_fault(kind, va, into)
    negative = w.va | 1 << top - 1
    assert w.access(kind, negative) == w.page_fault(kind, negative, into)  # bits 63:top must be ones then


@vs_modes
def test_M1_the_highest_and_lowest_canonical_addresses_translate(vs):
    w = world_for(vs, "sv39")
    top = 11 + 9 * w.vs.levels
    for va in ((1 << top) - 4096, -(1 << top) & ALL):
        w.vs.map(va, w.data_gpa, KERNEL)
        w.rig.store(r.DATA + 8, 77)
        assert w.access("load", va + 8) is None and w.rig.a0 == 77


@g_modes
@pytest.mark.rules("H_vm_gstagetrans")
def test_M1_with_vsatp_bare_the_gpa_is_the_va(g):
    w = World("bare", g)
    for kind in ALL_KINDS:
        w.g.flags(w.data_gpa, V | U | A | D | R)
        w.fence()
        expected = None if KINDS[kind].original == "load" and kind != "hlvx" else w.guest_fault(kind, w.va)
        assert w.access(kind) == expected


# ---- M2


@vs_modes
@g_modes
@kinds
@pytest.mark.parametrize("flags", [0, V | U | A | D | X, V | R | W | X | A | D, V | R | W | X | U | D])
@pytest.mark.rules("H_vm_gstagetrans", "H_vm_gpapriv")
def test_M2_a_vs_pte_is_read_through_the_g_stage_as_an_implicit_load(vs, g, kind, flags):
    """It needs R (MXR does not help), U and A of the G-stage page that holds it."""
    w = world_for(vs, g)
    w.vs.map(w.va, w.data_gpa, KERNEL)
    w.set("mstatus", MXR)
    w.set("vsstatus", MXR)
    for level in range(w.vs.levels - 1):  # the root also serves the code's own translation
        slot = w.vs.slot(w.va, level)
        saved = w.g.pte(w.gpa(slot))
        w.g.flags(w.gpa(slot), flags)
        w.fence()
        assert w.access(kind) == w.guest_fault(kind, w.gpa(slot), tinst=0x3000)
        w.g.set(w.gpa(slot), saved)
    w.fence()
    assert w.access(kind) is None


@vs_modes
@kinds
def test_M2_a_vs_pte_needs_neither_w_nor_x_nor_d_of_the_g_stage(vs, kind):
    w = world_for(vs, "sv48")
    for level in range(w.vs.levels):
        w.g.flags(w.gpa(w.vs.slot(w.va, level)), V | R | U | A)
    w.fence()
    assert w.access(kind) is None


@vs_modes
@any_g
@kinds
@pytest.mark.rules("pmp_check_pagetable_access", "pmp_with_paging", "H_pmp")
def test_M2_pmp_applies_to_the_read_of_a_vs_pte(vs, g, kind):
    w = world_for(vs, g)
    deny(w, w.vs.slot(w.va) & ~4095, 12, allowed=2 | 4)
    assert w.access(kind) == w.access_fault(kind)
    deny(w, w.vs.slot(w.va) & ~4095, 12, allowed=1)
    assert w.access(kind) is None


# ---- M3


@pytest.mark.parametrize("vs, g", [(vs, g) for vs in PAGED for g in ("bare", "sv39", "sv57")])
@kinds
@pytest.mark.rules("henvcfg_adue_op")
def test_M3_a_bad_vs_leaf_is_a_page_fault_of_the_original_access(vs, g, kind):
    w = world_for(vs, g)
    for name, flags in LEAF_DEFECTS.items():
        w.vs.flags(w.va, flags)
        w.fence()
        assert w.access(kind) == w.page_fault(kind), name
    w.vs.flags(w.va, KERNEL)
    w.fence()
    assert w.access(kind) is None


@vs_modes
@kinds
@pytest.mark.parametrize("into", ["M", "HS", "VS"])
def test_M3_vs_stage_faults_can_be_delegated(vs, kind, into):
    w = world_for(vs, "sv39")
    w.delegate(into)
    by = KINDS[kind].by
    expected = "M" if by == "M" else "HS" if by == "HS" and into == "VS" else into
    w.vs.flags(w.va, 0)
    w.fence()
    assert w.access(kind) == w.page_fault(kind, into=expected)


@vs_modes
@kinds
@pytest.mark.rules("henvcfg_pbmte_op", "Svpbmt_leaf_pte_pbmt_reserved_3_fault")
def test_M3_pbmt_follows_henvcfg_and_3_is_always_reserved(vs, kind):
    w = world_for(vs, "sv39")
    w.set("menvcfg", PBMTE)
    for enabled in (True, False):
        w.set("henvcfg", PBMTE, enabled)
        for flags in (PBMT_NC, PBMT_IO, PBMT_RESERVED):
            w.vs.flags(w.va, KERNEL | flags)
            w.fence()
            good = enabled and flags != PBMT_RESERVED
            assert w.access(kind) == (None if good else w.page_fault(kind))


@vs_modes
@kinds
@pytest.mark.parametrize("bit", [A, D, U, N, PBMT_NC, PBMT_IO])
@pytest.mark.rules("Svpbmt_nonleaf_pte_pbmt_must_be_zero")
def test_M3_a_pointer_with_leaf_bits_is_a_page_fault(vs, kind, bit):
    w = world_for(vs, "sv39")
    w.set("menvcfg", PBMTE)
    w.set("henvcfg", PBMTE)
    for level in range(1, w.vs.levels):
        saved = w.vs.pte(w.va, level)
        w.vs.set(w.va, saved | bit, level)
        w.fence()
        assert w.access(kind) == w.page_fault(kind)
        w.vs.set(w.va, saved, level)


@vs_modes
@kinds
def test_M3_superpages_must_be_aligned(vs, kind):
    """The VS-stage superpage covers all of RAM; the access goes to the same byte."""
    w = world_for(vs, "bare")
    for level in range(1, w.vs.levels):
        va = w.va & ~((1 << 12 + 9 * level) - 1) | r.DATA & (1 << 12 + 9 * level) - 1
        pa = RAM & ~((1 << 12 + 9 * level) - 1)
        w.vs.map(va, pa, KERNEL, level)
        w.fence()
        assert w.access(kind, va) is None, level
        for bit in range(9 * level):
            w.vs.map(va, pa ^ 1 << 12 + bit, KERNEL, level)
            w.fence()
            assert w.access(kind, va) == w.page_fault(kind, va)
        # Cut the superpage off again, so that the next one finds a table above it.
        w.vs.tables = {key: table for key, table in w.vs.tables.items() if key[0] < level or key[1] != va >> 12 + 9}
        break


@vs_modes
@kinds
def test_M3_permissions_of_the_leaf(vs, kind):
    w = world_for(vs, "sv39")
    need = {"fetch": X, "load": R, "store": W}[KINDS[kind].original]
    if kind == "hlvx":
        need = X
    for rwx in (R, R | W, X, R | X, R | W | X):
        w.vs.flags(w.va, V | rwx | A | D)
        w.fence()
        assert w.access(kind) == (None if rwx & need else w.page_fault(kind))


@vs_modes
@kinds
def test_M3_a_store_needs_d_and_others_do_not(vs, kind):
    w = world_for(vs, "sv39")
    w.vs.flags(w.va, KERNEL & ~D)
    w.fence()
    assert w.access(kind) == (w.page_fault(kind) if kind in STORES else None)
    assert w.vs.pte(w.va) & (A | D) == A


# ---- M4


@vs_modes
@any_g
@kinds
@pytest.mark.rules("henvcfg_adue_op")
def test_M4_with_adue_the_vs_pte_gets_a_and_d(vs, g, kind):
    w = world_for(vs, g)
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.vs.flags(w.va, KERNEL & ~(A | D))
    w.fence()
    before = w.vs.pte(w.va)
    assert w.access(kind, quiet=False) is None
    assert w.vs.pte(w.va) == before | A | (D if kind in STORES else 0)


@vs_modes
@g_modes
@kinds
@pytest.mark.parametrize("flags", [V | R | U | A | D, V | R | X | U | A | D])
def test_M4_the_update_of_a_vs_pte_needs_w_of_the_g_stage(vs, g, kind, flags):
    w = world_for(vs, g)
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.vs.flags(w.va, KERNEL & ~A)
    slot = w.vs.slot(w.va)
    w.g.flags(w.gpa(slot), flags)
    w.fence()
    assert w.access(kind) == w.guest_fault(kind, w.gpa(slot), tinst=0x3020)


@vs_modes
@kinds
def test_M4_the_g_stage_page_of_an_updated_pte_gets_d_too(vs, kind):
    w = world_for(vs, "sv39")
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.vs.flags(w.va, KERNEL & ~A)
    slot = w.vs.slot(w.va)
    w.g.flags(w.gpa(slot), V | R | W | U)
    w.fence()
    assert w.access(kind, quiet=False) is None
    assert w.g.pte(w.gpa(slot)) & (A | D) == A | D
    assert w.vs.pte(w.va) & A


@vs_modes
@kinds
def test_M4_without_d_at_the_g_stage_the_update_fails_when_only_the_guest_has_adue(vs, kind):
    """henvcfg.ADUE is RO0 without menvcfg.ADUE, so the G-stage always updates where the VS-stage does."""
    w = world_for(vs, "sv39")
    w.set("henvcfg", ADUE)
    assert not w.csr["henvcfg"] & ADUE
    w.vs.flags(w.va, KERNEL & ~A)
    w.fence()
    assert w.access(kind) == w.page_fault(kind)


@vs_modes
@any_g
@kinds
@pytest.mark.rules("pmp_check_pagetable_access", "pmp_with_paging")
def test_M4_pmp_applies_to_the_write_of_a_vs_pte(vs, g, kind):
    w = world_for(vs, g)
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.vs.flags(w.va, KERNEL & ~A)
    deny(w, w.vs.slot(w.va) & ~4095, 12, allowed=1)
    assert w.access(kind) == w.access_fault(kind)


# ---- M5


@any_vs
@g_modes
@kinds
def test_M5_the_final_gpa_goes_through_the_g_stage_with_the_original_access_type(vs, g, kind):
    w = world_for(vs, g)
    need = {"fetch": X, "load": R, "store": W}[KINDS[kind].original]
    if kind == "hlvx":
        need = X
    for rwx in (R, R | W, X, R | X, R | W | X):
        w.g.flags(w.data_gpa, V | rwx | U | A | D)
        w.fence()
        assert w.access(kind) == (None if rwx & need else w.guest_fault(kind, w.data_gpa))


@vs_modes
def test_M5_a_gpa_of_56_bits_is_looked_up_whole(vs):
    w = world_for(vs, "sv57")
    gpa = 0xC3_0000_1234_5000
    w.g.map(gpa, r.DATA, USER)
    w.vs.map(w.va, gpa, KERNEL)
    w.fence()
    w.rig.store(r.DATA + 16, 4711)
    assert w.access("load", w.va + 16) is None and w.rig.a0 == 4711


# ---- M8


@any_vs
@privs
@kinds
@pytest.mark.rules("hgatp_mode_bare", "hgatp_mode_bare_trans", "H_pmp")
def test_M8_with_hgatp_bare_there_is_no_check_but_pmp(vs, priv, kind):
    w = world_for(vs, "bare", priv)
    need = {"fetch": 4, "load": 1, "store": 2}[KINDS[kind].original]
    assert w.access(kind, priv=priv) is None
    for allowed in (0, 1, 3, 4, 5, 7):
        deny(w, r.DATA, 12, allowed)
        enough = need | (1 if kind == "amo" else 0)
        if kind == "hlvx":
            enough = 5
        good = allowed & enough == enough
        assert w.access(kind, priv=priv) == (None if good else w.access_fault(kind))


@kinds
def test_M8_both_stages_bare_is_physical_memory_and_not_satp(kind):
    """satp points at nothing that maps: an access that took it would fault."""
    w = World("bare", "bare")
    empty = RAM + RAM_SIZE - 4096
    satp = 8 << 60 | empty >> 12
    if KINDS[kind].by == "HS":  # HS itself must be able to fetch
        w.rig.store(empty + (r.CODE >> 30 & 511) * 8, (RAM >> 30 << 30) >> 12 << 10 | V | X | A)
    w.csr["satp"] = satp
    assert w.access(kind, r.DATA) is None
    missing = 0x4000_0000
    assert w.access(kind, missing) == w.access_fault(kind, missing)
