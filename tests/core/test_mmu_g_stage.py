"""The G-stage's own rules: checklist M6, M7 (manual: "Guest Physical Address Translation")."""

import pytest
import rig as r
from pagetables import (
    ADUE,
    KERNEL,
    LEVELS,
    PBMT_IO,
    PBMT_NC,
    PBMT_RESERVED,
    PBMTE,
    SUM,
    USER,
    A,
    D,
    G,
    N,
    R,
    U,
    W,
    World,
    X,
)
from rig import RAM
from worlds import LEAF_DEFECTS, STORES, any_vs, g_modes, kinds, privs, world_for

# ---- M6


@any_vs
@g_modes
@kinds
@pytest.mark.rules("hgatp_mode_sv39x4", "hgatp_mode_sv48x4", "hgatp_mode_sv57x4")
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
@pytest.mark.rules("hgatp_mode_x4", "H_vm_gpatrans")
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
@pytest.mark.rules("hgatp_ppn_op", "hgatp_mode_x4")
def test_M6_the_root_is_aligned_to_16_kib(g):
    w = World("sv39", g)
    w.csr["hgatp"] = w.g.atp() | 3
    assert w.csr["hgatp"] == w.g.atp()
    assert w.access("load") is None


@any_vs
@g_modes
@kinds
@pytest.mark.rules("hgatp_mode_x4", "H_vm_gpa_g")
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
@pytest.mark.rules("H_vm_gpapriv", "H_vm_gpatrans")
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
@pytest.mark.rules("H_vm_gpapriv")
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
