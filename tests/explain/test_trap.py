"""Traps in words: every register that trap entry writes, and why the trap went where it went."""

import pytest
import rig as r
from pagetables import KERNEL, USER, W, World
from rig import ALL, Rig

from rvh.explain import looping, trap
from rvh.explain.trap import Value
from rvh.isa import csrs


def values(found):
    return {value.name: (value.value, value.meaning) for value in found.values}


@pytest.mark.parametrize("into, medeleg, hedeleg, words", [
    ("M", 0, ALL, "medeleg bit 15 is 0"),
    ("HS", ALL, 0, "medeleg bit 15 is 1 and hedeleg bit 15 is 0"),
    ("VS", ALL, ALL, "medeleg bit 15 and hedeleg bit 15 are 1"),
])  # fmt: skip
def test_a_page_fault_of_a_guest(into, medeleg, hedeleg, words):
    w = World()
    w.csr["medeleg"], w.csr["hedeleg"] = medeleg, hedeleg
    w.vs.flags(w.va, KERNEL & ~W)
    assert w.access("store").into == into
    found = trap(w.rig.machine)
    assert (found.into, found.came_from, found.code, found.epc) == (into, "VS", 15, w.code_s)
    assert found.name == "store/AMO page fault" and found.instruction == "sd a0, 0(a1)"
    assert found.delegation == words
    assert found.translation.cause == 15 and found.translation.why.text.startswith("W=0")
    assert f"sd a0, 0(a1) at {w.code_s:#x} in VS-mode, taken into {into}-mode: {words}" in found.summary
    assert 'W=0: the page allows no store ("Virtual Address Translation Process")' in found.summary
    told = values(found)
    prefix = {"M": "m", "HS": "s", "VS": "vs"}[into]
    whose = "virtual" if into == "VS" else "guest virtual"
    assert told[f"{prefix}tval"] == (w.va, f"the {whose} address of the access")
    if into == "VS":
        assert set(told) == {"vscause", "vsepc", "vstval"}
    if into == "HS":
        assert told["hstatus.SPV"] == (1, "V was 1: it came from a guest")
        assert told["hstatus.SPVP"] == (1, "the guest was in VS-mode; HLV and HSV act as VS-mode")
        assert told["hstatus.GVA"] == (1, "stval is a guest's virtual address")
        assert told["htinst"][1] == "the instruction transformed: sd a0, 0(zero), address offset 0"
    if into == "M":
        assert told["mstatus.MPV"][0] == told["mstatus.GVA"][0] == 1


def test_a_guest_page_fault():
    w = World()
    w.delegate("HS")
    w.g.flags(w.data_gpa, USER & ~W)
    w.access("store", w.va + 0x123 * 8)
    found = trap(w.rig.machine)
    gpa = w.data_gpa + 0x123 * 8
    assert (
        found.name == "store/AMO guest-page fault" and found.delegation == "medeleg bit 23 is 1 and hedeleg bit 23 is 0"
    )
    assert values(found)["htval"] == (gpa >> 2, f"guest physical address {gpa:#x}, shifted right by 2")
    w.g.flags(w.gpa(w.vs.slot(w.va)), 0)
    w.access("load")
    found = trap(w.rig.machine)
    assert values(found)["htinst"] == (0x3000, "pseudoinstruction: an implicit read of a VS-stage PTE faulted")
    assert found.translation.tinst == 0x3000 and found.translation.gpa == w.gpa(w.vs.slot(w.va)) & ~3


@pytest.mark.parametrize("priv", ("VS", "VU"))
def test_hlv_follows_the_rules_of_spvp(priv):
    w = World()
    w.delegate("HS")
    w.vs.flags(w.va, KERNEL if priv == "VU" else USER)
    w.access("hlv", priv=priv)
    found = trap(w.rig.machine)
    assert found.came_from == "HS" and found.translation.mode == priv and found.translation.cause == 13
    assert values(found)["hstatus.SPV"] == (0, "V was 0: it came from outside of guests")
    assert f"HLV and HSV act as {priv}-mode" in values(found)["hstatus.SPVP"][1]
    assert values(found)["hstatus.GVA"][0] == 1


def test_the_reason_of_a_virtual_instruction():
    rig = Rig()
    rig.csr["hstatus"] |= csrs.mask_of(csrs.HSTATUS["VTW"])
    assert rig.cause(r.WFI, mode="VS") == 22
    found = trap(rig.machine)
    assert found.name == "virtual instruction" and found.instruction == "wfi"
    assert found.why.text == "hstatus.VTW=1 traps the guest's WFI"
    assert values(found)["mtval"] == (r.WFI, "the bits of the instruction")
    assert rig.cause(r.csrr("hgatp"), mode="VS") == 22
    found = trap(rig.machine)
    assert found.why.text == "a guest may not access hgatp, a hypervisor-level CSR"
    assert found.summary.endswith(
        'A guest may not access hgatp, a hypervisor-level CSR ("Virtual Instruction Exception")'
    )
    assert rig.cause(r.csrr("mscratch"), mode="HS") == 2
    assert trap(rig.machine).why.text == "only M-mode may access mscratch, a machine-level CSR"
    assert rig.cause(0x7FF0_2573, mode="M") == 2
    assert trap(rig.machine).why.text == "this hart has no CSR of that number"
    assert rig.cause(r.HFENCE_GVMA, mode="VU") == 22
    assert trap(rig.machine).why.text == "a guest may not execute HFENCE.GVMA"


def test_interrupts():
    rig = Rig()
    rig.csr["mie"], rig.csr["mideleg"], rig.csr["hideleg"] = ALL, ALL, 0x444
    rig.csr["hvip"] = 1 << 10
    rig.csr["vsstatus"] |= 2
    assert rig.take_interrupt("VS").into == "VS"
    found = trap(rig.machine)
    assert (found.interrupt, found.code, found.name) == (True, 9, "supervisor external interrupt")
    assert found.delegation == "mideleg bit 10 and hideleg bit 10 are 1"
    rig.csr["hideleg"] = 0
    assert rig.take_interrupt("VS").into == "HS"
    found = trap(rig.machine)
    assert found.name == "VS-level external interrupt" and found.translation is None
    assert found.delegation == "mideleg bit 10 is 1 and hideleg bit 10 is 0"
    assert "(interrupt 10) before nop" in found.summary
    rig.csr["hvip"] = 0
    rig.csr["mstatus"] |= 8
    rig.lines(1 << 11)
    assert rig.take_interrupt("M").into == "M"
    found = trap(rig.machine)
    assert found.name == "machine external interrupt" and found.delegation == "a trap from M-mode stays in M-mode"


def test_a_breakpoint_of_triggers():
    rig = Rig("max_sdtrig")
    assert rig.cause(r.EBREAK, mode="HS") == 3
    assert trap(rig.machine).triggers == () and "Hit" not in trap(rig.machine).summary
    for n in (1, 2):
        rig.csr["tselect"] = n
        rig.csr["tdata2"] = r.DATA + n - 1
        rig.csr["tdata1"] = 6 << 60 | 1 << 4 | 1  # loads in HS-mode
    rig.csr["tselect"] = 3
    assert rig.cause(r.LW, mode="HS") == 3
    found = trap(rig.machine)
    hit = 6 << 60 | 1 << 22 | 1 << 4 | 1
    assert found.triggers == tuple(
        Value(f"trigger {n}", hit, f"mcontrol6 with tdata2 {r.DATA + n - 1:#x}") for n in (1, 2)
    )
    assert found.summary.endswith(
        f"Hit: trigger 1, {found.triggers[0].meaning}, trigger 2, {found.triggers[1].meaning}"
    )
    assert str(found).splitlines()[-1].strip() == f"trigger 2={hit:#x}: mcontrol6 with tdata2 {r.DATA + 1:#x}"
    assert rig.csr["tselect"] == 3, "left as it was"


def test_a_trap_from_m_mode_and_no_trap():
    rig = Rig()
    assert trap(rig.machine) is None and looping(rig.machine) is None
    assert rig.cause(r.SW, mode="M", a1=0x10) == 7
    found = trap(rig.machine)
    assert found.translation.why.text == "there is neither RAM nor a device at 0x10"
    assert found.instruction == "sw a0, 0(a1)" and found.came_from == "M"
    with pytest.raises(ValueError):
        trap(rig.machine, into="U")


def test_without_the_hypervisor_extension():
    rig = Rig(isa="rv64gc", open_gates=False)
    rig.csr["medeleg"] = ALL
    assert rig.cause(r.ECALL, mode="U") == 8
    found = trap(rig.machine)
    assert (found.into, found.came_from, found.delegation) == ("HS", "U", "medeleg bit 8 is 1")
    assert set(values(found)) == {"scause", "sepc", "stval"}


def test_a_compressed_instruction_and_one_that_cannot_be_read():
    w = World()
    w.rig.code(0x6188)  # ld a0, 0(a1)
    w.rig.stand("VS", w.code_s)
    w.rig.hart.x["a1"] = 0x9999_0000
    w.vs.flags(w.va, 0)
    w.rig.step()
    found = trap(w.rig.machine)
    assert found.word == 0x6188 and found.instruction == "ld a0, 0(a1)"
    assert values(found)["mtinst"][1].endswith("ld a0, 0(zero), address offset 0, 16 bits long in memory")
    w.vs.flags(w.code_s, 0)
    assert trap(w.rig.machine).instruction == "an instruction that cannot be read"


def test_loops():
    rig = Rig()
    rig.csr["mtvec"] = 0x40  # nothing there: the handler's first fetch faults
    rig.execute(r.ECALL, mode="M")
    rig.step(5)
    found = looping(rig.machine)
    assert found.code == 1 and found.epc == 0x40
    rig.csr["mtvec"] = r.M_VECTOR
    rig.code(0x0000006F, at=r.M_VECTOR)  # j .
    assert rig.cause(r.ECALL, mode="HS") == 9
    rig.step(3)
    assert looping(rig.machine).name == "environment call from HS-mode"
    rig.code(r.NOP, r.NOP, at=r.M_VECTOR)
    assert looping(rig.machine) is None
