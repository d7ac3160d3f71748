"""Accesses across pages, superpages, Svnapot, and what stays untouched: checklist M14 to M17."""

import pytest
import rig as r
from pagetables import ADUE, GUEST_RAM, KERNEL, KINDS, PPN_MASK, USER, A, D, N, World, transformed
from rig import RAM, RAM_SIZE
from worlds import PAGED, any_g, any_vs, g_modes, kinds, vs_modes, world_for

# ---- M14

UNALIGNED = {"load": 0x0005B503, "store": 0x00A5B023, "hlv": 0x6C05C573, "hsv": 0x6EA5C073,
             "mprv-load": 0x0005B503, "mprv-store": 0x00A5B023}  # fmt: skip


@any_vs
@any_g
@pytest.mark.parametrize("kind", UNALIGNED)
@pytest.mark.parametrize("offset", [1, 4, 7])
@pytest.mark.rules("zicclsm_misaligned_support")
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
@pytest.mark.rules("mtval2_trapval_other", "H_straddle", "H_tinst_addr_offset")
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
@pytest.mark.rules(
    "Svnapot_pte_N",
    "Svnapot_range_napot",
    "Svnapot_valid_encoding",
    "Svnapot_reserved_encoding_fault",
    "Svnapot_implicit_read_ppn_subst",
)
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
@pytest.mark.rules("Svnapot_hyp_gstage", "Svnapot_reserved_encoding_fault")
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
@pytest.mark.rules("Svnapot_valid_encoding", "Svnapot_reserved_encoding_fault")
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
@pytest.mark.rules("vs_stage_speculative_a_bit")
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


@pytest.mark.rules("hstatus_vsbe_op", "sstatus_ube_op", "sstatus_ube_implicit")
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
