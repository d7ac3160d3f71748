"""Double traps: Ssdbltrp and Smdbltrp, checklist G5 (manual: "Double Trap Control in mstatus Register", "Double Trap
Control in sstatus Register")."""

import pytest
import rig as r
from rig import ALL, CODE, DATA, INTERRUPT, Rig, Trap, csrw

MDT, SDT, DTE = 1 << 42, 1 << 24, 1 << 59
MIE, SIE, SPP, MPV, SPV = 1 << 3, 1 << 1, 1 << 8, 1 << 39, 1 << 7
DOUBLE = 16
MISALIGNED_LR = 0x1005B52F  # lr.d a0, (a1)


@pytest.fixture
def rig() -> Rig:
    """Every exception goes to HS, and those of a guest to VS; DTE is on at both levels."""
    rig = Rig("max_smdbltrp")
    rig.csr["mstatus"] = 3 << 13
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | DTE
    rig.csr["henvcfg"] = rig.csr["henvcfg"] | DTE
    return rig


@pytest.mark.rules("mstatus_mdt_rst", "mstatus_mdt_sz")
def test_reset_leaves_mdt_set_with_smdbltrp_alone():
    assert Rig("max_smdbltrp", open_gates=False).csr["mstatus"] & MDT
    assert not Rig(open_gates=False).csr["mstatus"] & MDT


@pytest.mark.parametrize(
    "name, bit, enable",
    [("mstatus", MDT, MIE), ("mstatus", SDT, SIE), ("sstatus", SDT, SIE), ("vsstatus", SDT, SIE)],
)
@pytest.mark.rules(
    "mstatus_mie_clr_by_mdt",
    "mstatus_mie_clr_by_mdt_rv64",
    "mstatus_mie_set_mdt_0",
    "mstatus_mie_set_mdt_0_rv64",
    "MSTATUS_MDT_WARL",
    "sstatus_sdt_sz",
    "sstatus_sdt_acc",
    "SSTATUS_SDT_WARL",
    "sstatus_sdt_sstatus_sie_overwrite",
)
def test_the_bit_clears_the_interrupt_enable_whatever_is_written_to_that(rig, name, bit, enable):
    rig.write(name, "M", enable)
    assert rig.read(name, "M") & (bit | enable) == enable
    rig.write(name, "M", enable | bit)
    assert rig.read(name, "M") & (bit | enable) == bit
    assert rig.execute(r.csrrs(name), a1=enable) is None  # the enable alone does not come back
    assert rig.read(name, "M") & (bit | enable) == bit
    rig.write(name, "M", enable)  # unless the bit goes in the same write
    assert rig.read(name, "M") & (bit | enable) == enable


@pytest.mark.rules(
    "menvcfg_dte_op",
    "henvcfg_dte_op",
    "sstatus_sdt_Ssdbltrp",
    "SSTATUS_SDT_WARL",
    "menvcfg_DTE",
    "sstatus_SDT",
    "henvcfg_DTE",
    "vsstatus_SDT",
)
def test_dte_0_makes_sdt_read_only_zero(rig):
    for name in ("mstatus", "vsstatus"):
        rig.csr[name] = rig.csr[name] | SDT
        assert rig.csr[name] & SDT
    rig.csr["menvcfg"] = rig.csr["menvcfg"] & ~DTE
    assert not rig.csr["henvcfg"] & DTE
    for name in ("mstatus", "sstatus", "vsstatus"):
        assert not rig.csr[name] & SDT
        rig.csr[name] = rig.csr[name] | SDT
        assert not rig.csr[name] & SDT
    assert rig.execute(0, mode="HS").into == "HS"
    assert not rig.csr["mstatus"] & SDT
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | DTE
    rig.csr["henvcfg"] = 0
    rig.csr["vsstatus"] = SDT
    assert not rig.csr["vsstatus"] & SDT
    for _ in range(2):
        assert rig.execute(0, mode="VS").into == "VS"


@pytest.mark.rules("sstatus_sdt_op", "sstatus_sdt_trap", "M_mode_invoke_error")
def test_a_trap_into_hs_sets_sdt_and_a_second_one_goes_to_m(rig):
    assert rig.execute(0, mode="HS") == Trap("HS", 2, CODE, 0)
    assert rig.csr["sstatus"] & SDT
    rig.csr["mtinst"] = rig.csr["mtval2"] = 0x77
    trap = rig.execute(MISALIGNED_LR, mode="HS", a1=DATA + 1)
    assert trap == Trap("M", DOUBLE, CODE, DATA + 1)
    assert rig.csr["mtval2"] == 4
    assert rig.csr["mtinst"] == MISALIGNED_LR & ~(31 << 15)
    assert rig.csr["mstatus"] >> 11 & 3 == 1
    assert rig.csr["sstatus"] & SDT, "M-mode sees what S-mode was doing"
    assert rig.csr["scause"] == 2, "nothing of the supervisor's is overwritten"


@pytest.mark.rules("vsstatus_sdt_op", "sstatus_sdt_trap", "HS_mode_invoke_error")
def test_a_guests_second_trap_goes_to_m_past_hs(rig):
    assert rig.execute(0, mode="VS") == Trap("VS", 2, CODE, 0)
    assert rig.csr["vsstatus"] & SDT
    trap = rig.execute(r.LW, mode="VS", a1=r.NOWHERE)
    assert trap == Trap("M", DOUBLE, CODE, r.NOWHERE)
    assert rig.csr["mtval2"] == 5
    assert rig.csr["mstatus"] & MPV and rig.csr["mstatus"] & 1 << 38
    assert rig.csr["vscause"] == 2 and rig.csr["scause"] == 0
    # What goes to HS is none of the guest's SDT.
    rig.csr["hedeleg"] = 0
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~MDT
    assert rig.execute(r.LW, mode="VS", a1=r.NOWHERE).into == "HS"


@pytest.mark.parametrize("mode, irq", [("HS", 1), ("VS", 2)])
@pytest.mark.rules("sstatus_sdt_trap")
def test_an_interrupt_can_be_the_second_trap(rig, mode, irq):
    """One that comes in user mode, where SIE says nothing."""
    rig.csr["mideleg"] = ALL
    rig.csr["hideleg"] = ALL
    rig.csr["mie"] = 1 << irq
    status = "mstatus" if mode == "HS" else "vsstatus"
    rig.csr[status] = rig.csr[status] | SDT
    rig.csr["mip" if mode == "HS" else "hvip"] = 1 << irq
    trap = rig.take_interrupt("U" if mode == "HS" else "VU")
    assert trap == Trap("M", DOUBLE, CODE, 0)
    assert rig.csr["mtval2"] == INTERRUPT | irq


@pytest.mark.rules("trap_unexp_hndl_no_rnmi", "CRITICAL_ERROR")
def test_a_double_trap_after_a_trap_too_many_in_m_is_a_critical_error(rig):
    rig.csr["mstatus"] = rig.csr["mstatus"] | MDT | SDT
    watched = ("mstatus", "mcause", "mepc", "mtval", "mtval2", "scause", "sepc")
    before = {name: rig.csr[name] for name in watched}
    rig.code(0)
    rig.stand("HS")
    before["mstatus"] = rig.csr["mstatus"]
    stop = rig.machine.run(max_insns=1000)
    assert (stop.kind, stop.code) == ("critical", 0)
    assert (rig.pc, rig.mode) == (CODE, "HS")
    assert {name: rig.csr[name] for name in watched} == before
    assert rig.machine.run(max_insns=1000).kind == "critical", "and it stays there"
    rig.machine._core.reset()
    assert rig.machine.run(max_insns=1).kind == "limit"


@pytest.mark.parametrize("word", [0, MISALIGNED_LR, r.ECALL, r.EBREAK])
@pytest.mark.rules("trap_exp", "trap_unexp", "trap_unexp_hndl_no_rnmi", "CRITICAL_ERROR")
def test_m_mode_gets_one_trap_until_mret(rig, word):
    assert rig.execute(word, mode="M", a1=DATA + 1).into == "M"
    assert rig.csr["mstatus"] & MDT
    rig.code(word)
    rig.stand("M")
    assert rig.machine.run(max_insns=10).kind == "critical"
    other = Rig("max_smdbltrp")
    other.csr["mstatus"] = MDT
    other.csr["mepc"] = DATA
    other.execute(r.MRET)
    assert not other.csr["mstatus"] & MDT


def test_a_fetch_fault_and_an_interrupt_can_be_one_too_many(rig):
    rig.csr["mstatus"] = rig.csr["mstatus"] | MDT
    rig.stand("M", r.NOWHERE)
    assert rig.machine.run(max_insns=10).kind == "critical"
    assert rig.pc == r.NOWHERE
    rig = Rig("max_smdbltrp")
    rig.csr["mstatus"] = MDT
    rig.csr["mie"] = 1 << 3
    rig.code(r.NOP)
    rig.stand("HS")
    rig.lines(1 << 3)
    assert rig.machine.run(max_insns=10).kind == "critical"
    assert rig.pc == CODE


@pytest.mark.parametrize("word, source", [(r.MRET, "M"), (r.SRET, "M"), (r.SRET, "HS"), (r.SRET, "VS")])
@pytest.mark.parametrize("to_priv", [0, 1, 3])
@pytest.mark.parametrize("to_v", [0, 1])
@pytest.mark.rules(
    "mstatus_mdt_clr_mret_sret",
    "sstatus_sdt_clr_mret_sret",
    "vsstatus_sdt_clr_mret_sret",
    "sret_dt",
    "sstatus_sdt_sret",
)
def test_returns_clear_the_bits_that_the_new_mode_makes_stale(rig, word, source, to_priv, to_v):
    """Expected by the sentences of the manual, mode by mode."""
    if to_priv == 3 and (word == r.SRET or to_v) or source == "VS" and not to_v:
        return
    csr = rig.csr
    csr["mstatus"] = csr["mstatus"] & ~(3 << 11 | MPV | SPP) | MDT | SDT | to_priv << 11 | to_v << 39
    csr["vsstatus"] = csr["vsstatus"] & ~SPP | SDT
    csr["hstatus"] = csr["hstatus"] & ~SPV | to_v << 7
    if word == r.SRET:
        name = "vsstatus" if source == "VS" else "mstatus"
        csr[name] = csr[name] & ~SPP | (SPP if to_priv else 0)
    for name in ("mepc", "sepc", "vsepc"):
        csr[name] = DATA
    if source != "M":
        csr["mstatus"] = csr["mstatus"] & ~MDT
    rig.code(word)
    rig.stand(source)
    rig.step()
    assert rig.pc == DATA
    lower = to_priv == 0 or to_v  # U, VS or VU
    assert bool(csr["mstatus"] & MDT) is False
    if source == "VS":
        sdt = True
    elif word == r.SRET:
        sdt = False  # SRET clears it in any case
    else:
        sdt = not lower
    assert bool(csr["mstatus"] & SDT) == sdt
    vs_sdt = source != "VS" and not (to_v and to_priv == 0)
    assert bool(csr["vsstatus"] & SDT) == vs_sdt


@pytest.mark.rules("mstatus_mdt_sz", "sstatus_sdt_Ssdbltrp")
def test_without_the_extensions_the_bits_are_read_only_zero():
    rig = Rig("max_no-ssdbltrp")
    for name in ("mstatus", "sstatus", "vsstatus"):
        rig.write(name, "M", ALL & ~(3 << 11))
        assert not rig.read(name, "M") & (SDT | MDT)
    rig.write("menvcfg", "M", ALL)
    assert not rig.read("menvcfg", "M") & DTE
    assert rig.execute(csrw("mscratch"), a1=0) is None


@pytest.mark.rules("mtval2_Ssdbltrap")
def test_without_a_hypervisor_the_second_trap_has_mtval2_too():
    rig = Rig("rv64gc_sv39_ssdbltrp")
    assert "mtval2" in rig.csr and "mtinst" not in rig.csr
    rig.csr["medeleg"] = ALL
    rig.csr["menvcfg"] = DTE
    assert rig.execute(0, mode="HS") == Trap("HS", 2, CODE, 0)
    assert rig.execute(r.EBREAK, mode="HS") == Trap("M", DOUBLE, CODE, CODE)
    assert rig.read("mtval2", "M") == 3
    assert "mtval2" not in Rig("rv64gc_sv39").csr
