"""Two-stage translation: checklist M1 to M17 (manual: "Two-Stage Address Translation", "Guest-Page Faults")."""

import pytest
import rig as r
from pagetables import (
    ADUE,
    GUEST_RAM,
    KERNEL,
    KINDS,
    LEVELS,
    MXR,
    PBMT_IO,
    PBMT_NC,
    PBMT_RESERVED,
    PBMTE,
    PPN_MASK,
    SUM,
    USER,
    A,
    D,
    Fault,
    G,
    N,
    R,
    U,
    V,
    W,
    World,
    X,
    transformed,
)
from rig import ALL, RAM, RAM_SIZE

PAGED = ["sv39", "sv48", "sv57"]
ALL_KINDS = list(KINDS)
LOADS = [k for k in KINDS if KINDS[k].original == "load"]
STORES = [k for k in KINDS if KINDS[k].original == "store"]

vs_modes = pytest.mark.parametrize("vs", PAGED)
any_vs = pytest.mark.parametrize("vs", ["bare", *PAGED])
g_modes = pytest.mark.parametrize("g", PAGED)
any_g = pytest.mark.parametrize("g", ["bare", *PAGED])
kinds = pytest.mark.parametrize("kind", ALL_KINDS)
privs = pytest.mark.parametrize("priv", ["VS", "VU"])


def world_for(vs, g, priv="VS"):
    """A world whose data page is `priv`'s."""
    w = World(vs, g)
    if w.vs.levels:
        for va in (w.va, w.va + 4096):
            w.vs.flags(va, KERNEL if priv == "VS" else USER)
    return w


def deny(w, address, size_log2, allowed):
    """PMP entry 0 leaves S and U only `allowed` (R 1, W 2, X 4) at a naturally aligned range; the rest stays open."""
    w.csr["pmpaddr1"] = ALL
    w.csr["pmpaddr0"] = (address | (1 << size_log2 - 1) - 1) >> 2
    w.csr["pmpcfg0"] = 0x1F << 8 | 0x18 | allowed


# ---- M1


@any_vs
@any_g
@privs
@kinds
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
@pytest.mark.rules("pmp_check_pagetable_access", "pmp_with_paging")
def test_M2_pmp_applies_to_the_read_of_a_vs_pte(vs, g, kind):
    w = world_for(vs, g)
    deny(w, w.vs.slot(w.va) & ~4095, 12, allowed=2 | 4)
    assert w.access(kind) == w.access_fault(kind)
    deny(w, w.vs.slot(w.va) & ~4095, 12, allowed=1)
    assert w.access(kind) is None


# ---- M3

LEAF_DEFECTS = {
    "V=0": KERNEL & ~V,
    "W without R": V | W | X | A | D,
    "W alone": V | W | A | D,
    **{f"reserved bit {n}": KERNEL | 1 << n for n in range(54, 61)},
    "PBMT=1 while PBMTE=0": KERNEL | PBMT_NC,
    "PBMT=2 while PBMTE=0": KERNEL | PBMT_IO,
    "PBMT=3": KERNEL | PBMT_RESERVED,
    "A=0": KERNEL & ~A,
    "a pointer at level 0": V,
}


@pytest.mark.parametrize("vs, g", [(vs, g) for vs in PAGED for g in ("bare", "sv39", "sv57")])
@kinds
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


# ---- M6


@any_vs
@g_modes
@kinds
def test_M6_a_gpa_with_higher_bits_is_a_guest_page_fault(vs, g, kind):
    w = world_for(vs, g)
    width = 12 + 9 * LEVELS[g] + 2
    for bit in (n for n in (width, width + 1, 55, 58, 62, 63) if n >= width and (n < 56 or vs == "bare")):
        gpa = w.data_gpa | 1 << bit
        if vs == "bare":
            va = gpa
        else:
            w.vs.map(va := w.va, gpa, KERNEL)
            w.fence()
        assert w.access(kind, va) == w.guest_fault(kind, gpa, va)


@g_modes
def test_M6_the_root_index_has_11_bits(g):
    """Addresses that differ only in the two highest bits of the GPA have root PTEs of their own."""
    w = World("bare", g)
    low = 0x4000_0000 if g == "sv39" else 0x12_4000_0000
    shift = 12 + 9 * LEVELS[g]
    for high in range(4):
        w.g.map(high << shift | low, RAM + 0x6000 + 0x1000 * (high & 1), USER)
        assert w.g.slot(high << shift | low, LEVELS[g] - 1) - w.g.root == (high << 9 | low >> shift - 9) * 8
    w.rig.store(RAM + 0x6000, 6)
    w.rig.store(RAM + 0x7000, 7)
    w.fence()
    for high in range(4):
        assert w.access("load", high << shift | low) is None
        assert w.rig.a0 == 6 + (high & 1)


@g_modes
def test_M6_the_root_is_aligned_to_16_kib(g):
    w = World("sv39", g)
    w.csr["hgatp"] = w.g.atp() | 3
    assert w.csr["hgatp"] == w.g.atp()
    assert w.access("load") is None


@any_vs
@g_modes
@kinds
def test_M6_the_pte_format_is_the_same(vs, g, kind):
    w = world_for(vs, g)
    for name, flags in LEAF_DEFECTS.items():
        w.g.flags(w.data_gpa, flags | (U if flags & (R | W | X) else 0))
        w.fence()
        assert w.access(kind) == w.guest_fault(kind, w.data_gpa), name
    w.g.flags(w.data_gpa, USER | G)  # the G bit means nothing here
    w.fence()
    assert w.access(kind) is None


@any_vs
@g_modes
@kinds
@pytest.mark.parametrize("bit", [A, D, U, N, PBMT_NC])
def test_M6_a_g_stage_pointer_with_leaf_bits_is_a_guest_page_fault(vs, g, kind, bit):
    w = world_for(vs, g)
    w.set("menvcfg", PBMTE)
    gpa = 0x1_2340_5000
    w.g.map(gpa, r.DATA, USER)
    if vs == "bare":
        va = gpa
    else:
        w.vs.map(va := w.va, gpa, KERNEL)
    for level in range(1, w.g.levels - (g == "sv39")):
        saved = w.g.pte(gpa, level)
        w.g.set(gpa, saved | bit, level)
        w.fence()
        assert w.access(kind, va) == w.guest_fault(kind, gpa, va)
        w.g.set(gpa, saved, level)
    w.fence()
    assert w.access(kind, va) is None


@any_vs
@g_modes
@kinds
def test_M6_superpages_of_the_g_stage_must_be_aligned(vs, g, kind):
    w = world_for(vs, g)
    gpa = 0x1_2340_0000 | r.DATA & 0x1F_FFFF
    for pa, good in ((RAM, True), (RAM | 0x1000, False), (RAM | 0x10_0000, False)):
        w.g.map(gpa, pa, USER, level=1)
        if vs == "bare":
            va = gpa
        else:
            w.vs.map(va := w.va, gpa & ~4095, KERNEL)
        w.fence()
        assert w.access(kind, va) == (None if good else w.guest_fault(kind, gpa, va))


@any_vs
@g_modes
@kinds
def test_M6_g_stage_pbmt_follows_menvcfg(vs, g, kind):
    w = world_for(vs, g)
    for enabled in (False, True):
        w.set("menvcfg", PBMTE, enabled)
        for flags in (PBMT_NC, PBMT_IO, PBMT_RESERVED):
            w.g.flags(w.data_gpa, USER | flags)
            w.fence()
            good = enabled and flags != PBMT_RESERVED
            assert w.access(kind) == (None if good else w.guest_fault(kind, w.data_gpa))


# ---- M7


@any_vs
@g_modes
@privs
@kinds
def test_M7_the_g_stage_always_needs_u(vs, g, priv, kind):
    w = world_for(vs, g, priv)
    for sum_bit in (True, False):
        w.set("mstatus", SUM, sum_bit)
        w.set("vsstatus", SUM, sum_bit)
        w.g.flags(w.data_gpa, KERNEL)
        w.fence()
        assert w.access(kind, priv=priv) == w.guest_fault(kind, w.data_gpa)
    if vs != "bare":
        slot = w.gpa(w.vs.slot(w.va))
        w.g.flags(w.data_gpa, USER)
        w.g.flags(slot, KERNEL)
        w.fence()
        assert w.access(kind, priv=priv) == w.guest_fault(kind, slot, tinst=0x3000)


@any_vs
@g_modes
@kinds
def test_M7_a_and_d_of_the_g_stage(vs, g, kind):
    w = world_for(vs, g)
    for flags in (USER & ~A, USER & ~D, USER & ~(A | D)):
        w.set("menvcfg", ADUE, False)
        w.g.flags(w.data_gpa, flags)
        w.fence()
        faults = not flags & A or kind in STORES
        assert w.access(kind) == (w.guest_fault(kind, w.data_gpa) if faults else None)
        before = w.g.pte(w.data_gpa)
        w.set("menvcfg", ADUE)  # henvcfg.ADUE stays 0: the stages are controlled apart
        w.fence()
        assert w.access(kind, quiet=False) is None
        assert w.g.pte(w.data_gpa) == before | A | (D if kind in STORES else 0)


# ---- M8


@any_vs
@privs
@kinds
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


# ---- M9


@vs_modes
@g_modes
@kinds
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


# ---- M14

UNALIGNED = {"load": 0x0005B503, "store": 0x00A5B023, "hlv": 0x6C05C573, "hsv": 0x6EA5C073,
             "mprv-load": 0x0005B503, "mprv-store": 0x00A5B023}  # fmt: skip


@any_vs
@any_g
@pytest.mark.parametrize("kind", UNALIGNED)
@pytest.mark.parametrize("offset", [1, 4, 7])
def test_M14_an_access_across_pages_translates_both(vs, g, kind, offset):
    """The pages are apart in memory."""
    w = world_for(vs, g)
    if w.vs.levels:
        w.vs.map(w.va + 4096, w.gpa(RAM + 0x7000), KERNEL)
        second = RAM + 0x7000
    elif w.g.levels:
        w.g.map(w.va + 4096, RAM + 0x7000, USER)
        second = RAM + 0x7000
    else:
        second = r.DATA + 4096
    w.fence()
    first = r.DATA + 4096 - offset
    data = 0x8877_6655_4433_2211.to_bytes(8, "little")
    if KINDS[kind].original == "load":
        w.rig.machine.memory.write(first, data[:offset])
        w.rig.machine.memory.write(second, data[offset:])
    assert w.access(kind, w.va + 4096 - offset, value=0x8877_6655_4433_2211) is None
    assert w.rig.a0 == 0x8877_6655_4433_2211
    assert w.rig.machine.memory.read(first, offset) + w.rig.machine.memory.read(second, 8 - offset) == data


@any_vs
@g_modes
@pytest.mark.parametrize("kind", UNALIGNED)
@pytest.mark.parametrize("bad", ["first", "second", "both"])
def test_M14_an_access_across_pages_reports_the_page_that_failed(vs, g, kind, bad):
    """tval is the first byte of that page's part; a store has changed nothing (`access` looks at all of RAM)."""
    w = world_for(vs, g)
    for offset in (1, 4, 7):
        va = w.va + 4096 - offset
        w.g.flags(w.data_gpa, 0 if bad != "second" else USER)
        w.g.flags(w.data_gpa + 4096, 0 if bad != "first" else USER)
        w.fence()
        at = 0 if bad != "second" else offset
        tinst = transformed(KINDS[kind].word, at)
        expected = w.guest_fault(kind, w.data_gpa + 4096 - offset + at, va + at, tinst=tinst)
        assert w.access(kind, va) == expected
        if vs != "bare":
            w.g.flags(w.data_gpa, USER)
            w.g.flags(w.data_gpa + 4096, USER)
            w.vs.flags(w.va, 0 if bad != "second" else KERNEL)
            w.vs.flags(w.va + 4096, 0 if bad != "first" else KERNEL)
            w.fence()
            assert w.access(kind, va) == w.page_fault(kind, va + at)._replace(tinst=tinst)
            w.vs.flags(w.va, KERNEL)
            w.vs.flags(w.va + 4096, KERNEL)


@vs_modes
@g_modes
@pytest.mark.parametrize("kind", ["hlv", "hsv"])
def test_M14_the_second_half_has_the_same_privilege(vs, g, kind):
    """Checklist R13."""
    for priv in ("VS", "VU"):
        w = world_for(vs, g, priv)
        assert w.access(kind, w.va + 4093, priv=priv) is None
        w.vs.flags(w.va + 4096, KERNEL if priv == "VU" else USER)
        w.fence()
        fault = w.access(kind, w.va + 4093, priv=priv)
        assert fault == w.page_fault(kind, w.va + 4096)._replace(tinst=transformed(KINDS[kind].word, 3))


# ---- M15


@vs_modes
@any_g
@kinds
def test_M15_svnapot_at_the_vs_stage(vs, g, kind):
    """The PTE's ppn[3:0] is 8, the pages come from the address: page n of 16 goes to page n."""
    w = world_for(vs, g)
    block = w.va & ~0xFFFF
    for n in range(16):
        w.vs.map(block + n * 4096, w.gpa(RAM + 0x8000), KERNEL | N)  # RAM is 64 KiB aligned, so this is ppn ...8
    w.fence()
    for n in (8, 9):
        va = block + n * 4096
        w.rig.store(r.DATA + 0x1000 * (n - 8), r.NOP << 32 | r.NOP)
        assert w.access(kind, va) is None
    if kind == "load":
        for n in (0, 3, 15):
            assert w.access(kind, block + n * 4096 + 8) is None
            assert w.rig.a0 == w.rig.load(RAM + n * 4096 + 8)
    for ppn in (0, 1, 4, 9, 12, 15):
        w.vs.set(w.va, w.gpa(RAM + ppn * 4096) >> 12 << 10 | KERNEL | N)
        w.fence()
        assert w.access(kind) == w.page_fault(kind)


@any_vs
@g_modes
@kinds
def test_M15_svnapot_at_the_g_stage(vs, g, kind):
    w = world_for(vs, g)
    for n in range(16):
        w.g.map(w.gpa(RAM) + n * 4096, RAM + 0x8000, USER | N)
    w.fence()
    assert w.access(kind) is None
    if kind == "load":
        w.rig.store(r.DATA + 0x1008, 0xABC)
        assert w.access(kind, w.va + 0x1008) is None and w.rig.a0 == 0xABC
    for ppn in (0, 7, 9):
        w.g.set(w.data_gpa, (RAM + ppn * 4096) >> 12 << 10 | USER | N)
        w.fence()
        assert w.access(kind) == w.guest_fault(kind, w.data_gpa)


@vs_modes
def test_M15_n_in_a_superpage_is_reserved(vs):
    w = world_for(vs, "bare")
    va = w.va & ~0x1F_FFFF | r.DATA & 0x1F_FFFF
    w.vs.map(va, RAM, KERNEL, level=1)
    w.fence()
    assert w.access("load", va) is None
    for ppn in (0, 8):
        w.vs.set(va, (RAM + ppn * 4096) >> 12 << 10 | KERNEL | N, level=1)
        w.fence()
        assert w.access("load", va) == w.page_fault("load", va)


@vs_modes
@g_modes
def test_M15_a_vs_superpage_over_small_g_stage_pages_is_translated_page_by_page(vs, g):
    """What is remembered covers the smaller of the two pages."""
    w = world_for(vs, g)
    block = w.gpa(RAM) & ~0x1F_FFFF
    va = w.va & ~0x1F_FFFF
    w.vs.map(va, block, KERNEL, level=1)
    at = va + (w.gpa(RAM) - block)
    w.g.set(w.gpa(r.DATA), (RAM + 0x6000) >> 12 << 10 | USER)
    w.g.flags(w.gpa(r.DATA + 4096), 0)
    w.rig.store(RAM + 0x6008, 66)
    w.rig.store(RAM + 0x7008, 77)
    w.fence()
    assert w.access("load", at + 0x6008) is None and w.rig.a0 == 66
    assert w.access("load", at + 0x7008) is None and w.rig.a0 == 77
    assert w.access("load", at + 0x8008) is None and w.rig.a0 == 66
    assert w.access("load", at + 0x9008) == w.guest_fault("load", w.gpa(RAM + 0x9008), at + 0x9008)


# ---- M16, M17


@vs_modes
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
def test_M16_accesses_of_other_modes_leave_the_guests_tables_alone(vs, mode):
    w = world_for(vs, "sv39")
    w.set("menvcfg", ADUE)
    w.set("henvcfg", ADUE)
    w.vs.flags(w.va, KERNEL & ~(A | D))
    w.g.flags(w.data_gpa, USER & ~(A | D))
    w.fence()
    before = w.rig.machine.memory.read(r.TABLES, RAM + RAM_SIZE - r.TABLES)
    assert w.rig.execute(KINDS["load"].word, KINDS["store"].word, mode=mode, a1=r.DATA) is None
    assert w.rig.machine.memory.read(r.TABLES, RAM + RAM_SIZE - r.TABLES) == before


def test_M17_tables_are_little_endian_whatever_is_written_to_the_endianness_bits():
    w = World("sv39", "sv39")
    w.set("hstatus", 1 << 5)
    w.set("mstatus", 1 << 36 | 1 << 37)
    w.set("vsstatus", 1 << 6)
    assert not w.csr["hstatus"] & 1 << 5 and not w.csr["mstatus"] & 3 << 36
    assert w.access("load") is None


def test_the_worlds_addresses_differ_at_every_stage():
    for vs in PAGED:
        for g in PAGED:
            w = World(vs, g)
            assert len({w.va, w.data_gpa, r.DATA}) == 3 and w.data_gpa == r.DATA - RAM + GUEST_RAM[g]
            assert w.vs.pte(w.va) & PPN_MASK == w.data_gpa >> 12 << 10
