"""Core.walk: what it says of an access that nobody makes is what the transcription of the manual in reference_walker.py
says, and it leaves no trace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pagetables import KERNEL, KINDS, PPN_MASK, USER, A, D, World
from rig import RAM, RAM_SIZE, WFI, Rig
from test_mmu_random import PAIRS, shaken

ACCESS = {"load": (1, False), "store": (2, False), "fetch": (4, False), "hlvx": (1, True)}


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 1 << 32), st.sampled_from(list(ACCESS)), st.sampled_from(("VS", "VU")))
def test_a_walk_is_what_the_manual_says(pair, seed, kind, priv):
    c, va = shaken(pair, seed)
    fault, pa, _ = c.expected(kind, va, priv)
    core, hart = c.w.rig.machine._core, c.w.rig.hart
    before = core.state_bytes(), bytes(core.read_ram(RAM, RAM_SIZE)), hart.stats
    steps, got, failure = core.walk(0, {"VS": 3, "VU": 4}[priv], va, *ACCESS[kind])
    assert (core.state_bytes(), bytes(core.read_ram(RAM, RAM_SIZE)), hart.stats) == before
    for guest, nested, level, slot, at, pte in steps:
        assert c.w.rig.load(at) == pte
        assert not (guest and nested) and level < 5
        if guest or not c.w.g.levels:
            assert slot == at
    if fault is None:
        assert (got, failure) == (pa, None)
    elif fault.cause in (1, 5, 7) and failure is None:
        assert not RAM <= got < RAM + RAM_SIZE  # whether anything answers there is not the walk's business
    else:
        pseudo = fault.tinst if fault.tinst in (0x3000, 0x3020) else 0
        assert got is None and failure == (fault.cause, fault.tval2, pseudo)


def test_a_and_d_stay_as_they_are():
    w = World()
    w.csr["menvcfg"] |= 1 << 61
    w.csr["henvcfg"] |= 1 << 61
    w.vs.flags(w.va, KERNEL & ~(A | D))
    w.g.flags(w.gpa(w.vs.slot(w.va)), USER & ~D)
    core = w.rig.machine._core
    assert core.walk(0, 3, w.va, 2)[1] == w.g.pte(w.data_gpa) << 2 & PPN_MASK << 2
    assert not w.vs.pte(w.va) & (A | D) and not w.g.pte(w.gpa(w.vs.slot(w.va))) & D
    assert w.access("store") is None
    assert w.vs.pte(w.va) & (A | D) == A | D


def test_what_cannot_be_walked():
    core = World().rig.machine._core
    for mode, kind in ((5, 1), (3, 3), (3, 0)):
        with pytest.raises(ValueError):
            core.walk(0, mode, 0, kind)
    with pytest.raises(IndexError):
        core.walk(1, 3, 0, 1)


def test_the_last_exception():
    rig = Rig()
    assert rig.cause(WFI, mode="VU") == 22
    cause, tval, reason = rig.machine._core.exception(0)
    assert (cause, tval) == (22, 0) and reason
    assert rig.cause(KINDS["load"].word, mode="M", a1=0x10) == 5
    assert rig.machine._core.exception(0) == (5, 0x10, 0)
