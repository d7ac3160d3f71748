"""What CBO.INVAL, CLEAN and FLUSH report when they may not access their block (CMO, "Page-Fault, Guest-Page-Fault,
and Access-Fault Exceptions"): why a load may not, as a store's fault. Found in lockstep with Spike."""

from __future__ import annotations

import pytest
import rig as r
from pagetables import KERNEL, A, D, R, V, W, World
from rig import ALL

MANAGEMENT = {"inval": r.CBO_INVAL, "clean": r.CBO_CLEAN, "flush": r.CBO_FLUSH}
every = pytest.mark.parametrize("name", MANAGEMENT)


def fault(w: World, word: int) -> tuple[int, int] | None:
    """Executes the instruction in VS-mode on the data page; xcause and xtval if it traps."""
    w.delegate("M")
    w.rig.code(word)
    w.rig.stand("VS", w.code_s)
    w.rig.hart.x["a1"] = w.va
    w.rig.step()
    trap = w.rig.trap()
    return (trap.cause, trap.tval) if trap else None


@every
@pytest.mark.rules("cbm_access")
def test_page_that_may_only_be_read_is_enough(name):
    w = World()
    w.vs.flags(w.va, V | R | A)
    assert fault(w, MANAGEMENT[name]) is None


@every
@pytest.mark.rules("cbm_unperm_fault")
def test_read_only_page_whose_block_pmp_denies_is_an_access_fault(name):
    w = World()
    w.vs.flags(w.va, V | R | A)
    w.csr["pmpaddr1"], w.csr["pmpaddr0"] = ALL, (r.DATA | 0x7FF) >> 2
    w.csr["pmpcfg0"] = 0x1F << 8 | 0x18
    assert fault(w, MANAGEMENT[name]) == (7, w.va)


@every
@pytest.mark.rules("cbm_unperm_fault")
def test_read_only_page_that_the_g_stage_denies_is_a_guest_page_fault(name):
    w = World()
    w.vs.flags(w.va, V | R | A)
    w.g.flags(w.data_gpa, 0)
    assert fault(w, MANAGEMENT[name]) == (23, w.va)


@every
@pytest.mark.rules("cbm_unperm_fault")
def test_page_without_permission_is_a_store_page_fault(name):
    w = World()
    w.vs.flags(w.va, KERNEL & ~(R | W) | D)
    w.csr["vsstatus"] = w.csr["vsstatus"] & ~(1 << 19)
    assert fault(w, MANAGEMENT[name]) == (15, w.va)


def border_inside_block(w: World) -> None:
    """PMP entry 0 ends in the middle of the second block's last 8 bytes, and leaves S and U nothing from there on."""
    w.csr["pmpaddr2"], w.csr["pmpaddr1"], w.csr["pmpaddr0"] = ALL, (r.DATA + 0x800) >> 2, (r.DATA + 0x7C) >> 2
    w.csr["pmpcfg0"] = 0x1F << 16 | 0x08 << 8 | 0x0F


@pytest.mark.rules("cbz_unperm_fault", "fault_excep_csr", "cbo_physical_address_constraints")
def test_zeroing_what_pmp_denies_in_part_changes_nothing_and_names_rs1():
    w = World()
    border_inside_block(w)
    w.delegate("M")
    before = [w.rig.load(r.DATA + 0x40 + 8 * n) for n in range(8)]
    w.rig.code(r.CBO_ZERO)
    w.rig.stand("VS", w.code_s)
    w.rig.hart.x["a1"] = w.va + 0x55
    w.rig.step()
    trap = w.rig.trap()
    assert trap is not None and (trap.cause, trap.tval) == (7, w.va + 0x55)
    assert [w.rig.load(r.DATA + 0x40 + 8 * n) for n in range(8)] == before


def test_zeroing_across_pmp_entries_is_permitted_where_every_store_is():
    """M-mode, entries without L: only an access that straddles the border of one would fail, and none need do that."""
    w = World()
    border_inside_block(w)
    assert w.rig.execute(r.CBO_ZERO, mode="M", a1=r.DATA + 0x40) is None
    assert not any(w.rig.load(r.DATA + 0x40 + 8 * n) for n in range(8))
