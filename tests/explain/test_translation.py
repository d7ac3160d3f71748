"""Translations in words: the reason that is given is the rule that the core has enforced."""

import pytest
import rig as r
from hypothesis import given, settings
from hypothesis import strategies as st
from pagetables import ADUE, KERNEL, MXR, PBMT_NC, PBMT_RESERVED, PBMTE, SUM, USER, A, D, N, R, U, V, W, World, X
from test_mmu_random import PAIRS, shaken

from rvh.explain import ACCESSES, translation
from rvh.isa import csrs


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 1 << 32), st.sampled_from(list(ACCESSES)), st.sampled_from(("VS", "VU")))
def test_there_is_a_reason_exactly_for_each_fault(pair, seed, access, mode):
    c, va = shaken(pair, seed)
    fault, pa, _ = c.expected(access, va, mode)
    t = translation(c.w.rig.machine, va, access, mode)
    assert str(t)
    if fault is None:
        assert (t.pa, t.cause, t.why) == (pa, None, None)
        assert all(step.why is None for step in t.steps)
    else:
        assert t.pa is None and t.why is not None
        if t.cause in (1, 5, 7):
            assert fault.cause == t.cause
        else:
            pseudo = fault.tinst if fault.tinst in (0x3000, 0x3020) else 0
            assert (t.cause, t.gpa, t.tinst) == (fault.cause, fault.tval2 << 2, pseudo)
            assert t.steps and t.steps[-1].why is t.why or " bit" in t.why.text
        assert all(step.why is None for step in t.steps[:-1])


def test_the_steps_of_a_two_stage_walk():
    w = World()
    t = translation(w.rig.machine, w.va, "load", "VS")
    assert [(s.stage, s.level) for s in t.steps] == [
        step for level in (2, 1, 0) for step in [*(("G-stage", n) for n in (2, 1, 0)), ("VS-stage", level)]
    ] + [("G-stage", n) for n in (2, 1, 0)]  # fmt: skip
    purposes = [s.purpose for s in t.steps if s.stage == "G-stage" and s.level == 0]
    assert purposes == [*(f"the VS-stage PTE of level {n}" for n in (2, 1, 0)), "the address itself"]
    leaf = next(s for s in t.steps if s.stage == "VS-stage" and s.level == 0)
    assert (leaf.pa, leaf.slot, leaf.pte) == (w.vs.slot(w.va), w.gpa(w.vs.slot(w.va)), w.vs.pte(w.va))
    assert t.pa == r.DATA and str(t).endswith(f"=> physical address {r.DATA:#x}")
    assert str(t).count("for the VS-stage PTE of level 1:") == 1
    assert f"is {leaf.pte:#x} [DA--XWRV]: leaf" in str(leaf)


#: Flags of the leaf PTE at VS-stage and G-stage, access, mode, and words of the reason and its section.
CASES = [
    (0, USER, "load", "VS", "V=0", "Virtual Address Translation Process"),
    (V | W | A | D, USER, "load", "VS", "R=0 with W=1", "Virtual Address Translation Process"),
    (V | A, USER, "load", "VS", "A, D and U are reserved", "Addressing and Memory Protection"),
    (V, USER, "load", "VS", "no further level", "Virtual Address Translation Process"),
    (KERNEL | 1 << 54, USER, "load", "VS", "60:54", "Addressing and Memory Protection"),
    (KERNEL | PBMT_NC, USER, "load", "VS", "henvcfg.PBMTE=0", "Svpbmt"),
    (KERNEL | PBMT_RESERVED, USER, "load", "VS", "PBMT=3", "Svpbmt"),
    (KERNEL | N | 1 << 10, USER, "load", "VS", "xxxxx1000", "Svnapot"),
    (USER, USER, "load", "VS", "SUM=0", "Virtual Address Translation Process"),
    (USER, USER, "fetch", "VS", "never executes", "Virtual Address Translation Process"),
    (KERNEL, USER, "load", "VU", "belongs to the supervisor", "Virtual Address Translation Process"),
    (KERNEL & ~W, USER, "store", "VS", "W=0", "Virtual Address Translation Process"),
    (KERNEL & ~X, USER, "hlvx", "VS", "X=0", "Virtual Address Translation Process"),
    (KERNEL & ~(R | W), USER, "load", "VS", "MXR=0", "Virtual Address Translation Process"),
    (KERNEL & ~A, USER, "load", "VS", "henvcfg.ADUE=0", "Svadu"),
    (KERNEL & ~D, USER, "store", "VS", "D=0", "Svadu"),
    (KERNEL, USER & ~U, "load", "VS", "every access as a U-mode one", "Guest Physical Address Translation"),
    (KERNEL, USER & ~X, "fetch", "VS", "X=0", "Virtual Address Translation Process"),
    (KERNEL, USER & ~D, "store", "VS", "menvcfg.ADUE=0", "Svadu"),
    (KERNEL, 0, "load", "VS", "V=0", "Virtual Address Translation Process"),
]


@pytest.mark.parametrize("vs, g, access, mode, words, manual", CASES)
def test_reasons(vs, g, access, mode, words, manual):
    w = World()
    w.set("menvcfg", PBMTE)
    w.set("henvcfg", PBMTE, on=vs & PBMT_RESERVED == PBMT_RESERVED)
    w.set("menvcfg", ADUE, on=False)
    w.set("vsstatus", SUM, on=False)
    w.vs.flags(w.va, vs)
    w.g.flags(w.data_gpa, g)
    t = translation(w.rig.machine, w.va, access, mode)
    assert words in t.why.text and t.why.manual == manual
    assert words in str(t.steps[-1]) and words in str(t) and t.result.endswith(f'{t.why.text} ("{manual}")')


def test_bit_63_without_svnapot():
    w = World(isa="max_no-svnapot")
    w.vs.flags(w.va, KERNEL | N)
    t = translation(w.rig.machine, w.va, "load", "VS")
    assert t.why.text == "bit 63 is reserved without Svnapot" and t.cause == 13


def test_an_update_of_a_pte_that_the_g_stage_refuses():
    w = World()
    for register in ("menvcfg", "henvcfg"):
        w.set(register, ADUE)
    w.vs.flags(w.va, KERNEL & ~D)
    slot = w.gpa(w.vs.slot(w.va))
    assert "A and D would be set" in str(translation(w.rig.machine, w.va, "store", "VS"))
    w.g.flags(slot, USER & ~W)
    t = translation(w.rig.machine, w.va, "store", "VS")
    assert (t.cause, t.gpa, t.tinst) == (23, slot, 0x3020)
    assert t.steps[-1].purpose == "setting A and D of that PTE" and t.why.text.startswith("W=0")


def test_shadow_stack_pages():
    w = World(isa="max_zicfiss")
    sse = csrs.mask_of(csrs.ENVCFG["SSE"])
    w.set("menvcfg", sse)
    w.set("henvcfg", sse, on=False)
    w.vs.flags(w.va, V | W | A | D)
    assert "reserved encoding" in translation(w.rig.machine, w.va, "load", "VS").why.text
    w.set("henvcfg", sse)
    assert translation(w.rig.machine, w.va, "load", "VS").pa == r.DATA
    for access, cause in (("store", 7), ("fetch", 1)):
        t = translation(w.rig.machine, w.va, access, "VS")
        assert t.cause == cause and "a shadow stack page" in t.why.text and t.why is t.steps[-1].why


def test_mxr_does_not_help_to_read_page_tables():
    w = World()
    w.set("mstatus", MXR)
    w.g.flags(w.gpa(w.vs.slot(w.va)), USER & ~(R | W))
    t = translation(w.rig.machine, w.va, "load", "VS")
    assert (t.cause, t.tinst) == (21, 0x3000) and t.why.text.startswith("R=0")
    w.g.flags(w.gpa(w.vs.slot(w.va)), USER)
    w.g.flags(w.data_gpa, USER & ~(R | W))
    assert translation(w.rig.machine, w.va, "load", "VS").pa == r.DATA


def test_addresses_that_are_too_wide():
    w = World()
    t = translation(w.rig.machine, 1 << 38, "load", "VS")
    assert t.why.text == "bits 63:39 of 0x4000000000 are not all equal to bit 38" and not t.steps
    w.csr["vsatp"] = 0
    t = translation(w.rig.machine, 1 << 41, "load", "VS")
    assert t.cause == 21 and "wider than 41 bits" in t.why.text


def test_what_memory_refuses():
    rig = r.Rig()
    machine, csr = rig.machine, rig.csr
    t = translation(machine, 0x10, "load", "M")
    assert t.cause == 5 and t.why.text == "there is neither RAM nor a device at 0x10"
    assert translation(machine, 0x1000_0000, "load", "M").pa == 0x1000_0000
    t = translation(machine, 0x1000_0000, "fetch", "M")
    assert t.cause == 1 and "nothing executes from devices" in t.why.text
    csr["pmpaddr0"], csr["pmpaddr1"], csr["pmpaddr2"] = r.DATA >> 2, (r.DATA >> 2) + 0x3FF, r.ALL
    csr["pmpcfg0"] = 0x1F << 16 | 0x19 << 8 | 0x0C  # TOR X up to DATA, NAPOT R at DATA (8 KiB), all else open
    for address, access, words in (
        (r.CODE, "load", "PMP entry 0 (configuration 0x0c) gives X"),
        (r.DATA + 0x1FFF, "store", "PMP entry 1 (configuration 0x19) gives R"),
    ):
        t = translation(machine, address, access, "HS")
        assert t.cause in (5, 7) and t.why.text.startswith(words) and t.why.manual == "Physical Memory Protection"
    assert translation(machine, r.DATA + 0x2000, "store", "HS").pa == r.DATA + 0x2000
    csr["pmpcfg0"] = 0
    assert "no PMP entry matches" in translation(machine, r.DATA, "load", "HS").why.text


def test_page_tables_that_cannot_be_read():
    w = World()
    w.csr["hgatp"] = 8 << 60 | 0x1000_0000 >> 12
    t = translation(w.rig.machine, w.va, "load", "VS")
    assert t.cause == 5 and "G-stage PTE of level 2 at 0x1000" in t.why.text and "page tables" in t.why.text
    w = World(g="bare")
    w.vs.set(w.va, 0x4000 >> 2 | V, level=1)
    t = translation(w.rig.machine, w.va, "store", "VS")
    assert t.cause == 7 and "VS-stage PTE of level 0 at" in t.why.text and "neither RAM" in t.why.text


def test_what_is_no_access():
    machine = r.Rig().machine
    for access, mode in (("read", "M"), ("load", "S")):
        with pytest.raises(ValueError):
            translation(machine, 0, access, mode)
