"""Smrnmi (manual: "Resumable Non-Maskable Interrupts"), alone and with Smdbltrp ("Double Trap Control in mstatus
Register")."""

import itertools

import pytest
import rig as r
from rig import ALL, CODE, DATA, INTERRUPT, NOP, NOWHERE, RAM, Rig, Trap, csrr, csrw

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.errors import UsageError
from rvh.trace import record

NMIE, MNPV, MNPP = 1 << 3, 1 << 7, 3 << 11
MIE, MPRV, MPV, MDT, SDT, DTE = 1 << 3, 1 << 17, 1 << 39, 1 << 42, 1 << 24, 1 << 59
MNRET = 0x70200073
RNMI, RNMI_EXCEPTION = RAM + 0x5000, RAM + 0x6000
MODES = {"M": (3, 0), "HS": (1, 0), "U": (0, 0), "VS": (1, 1), "VU": (0, 1)}
CSRS = ("mnscratch", "mnepc", "mncause", "mnstatus")
II = 2


class RnmiRig(Rig):
    """With handler addresses that tell themselves from the others; NMIE is set unless told otherwise."""

    def __init__(self, isa: str = "max_smrnmi", nmie: bool = True, exception: int | None = RNMI_EXCEPTION) -> None:
        super().__init__(isa)
        self.machine._core.set_rnmi_vectors(RNMI, exception)
        for vector in (RNMI, RNMI_EXCEPTION, r.M_VECTOR, r.HS_VECTOR, r.VS_VECTOR):
            self.code(0x0000006F, at=vector)  # j .
        if nmie:
            self.csr["mnstatus"] = NMIE

    def interrupted(self, mode: str, word: int = NOP, pc: int = CODE) -> bool:
        """Whether the RNMI that is pending comes before an instruction in `mode`."""
        self.code(word)
        self.stand(mode, pc)
        self.step()
        return self.pc == RNMI


@pytest.fixture
def rig() -> RnmiRig:
    return RnmiRig()


@pytest.mark.rules(
    "Smrnmi_csrs", "mnscratch_sz", "mnscratch_acc", "mnscratch_op", "mnepc_sz", "mnepc_acc", "mnepc_bit0"
)
@pytest.mark.rules("MNEPC_WARL", "MNCAUSE_WARL", "MNSTATUS_WARL", "mnstatus_reserved")
def test_the_registers(rig):
    for name, value, held in (
        ("mnscratch", ALL, ALL),
        ("mnscratch", 0x1234_5678_9ABC_DEF0, 0x1234_5678_9ABC_DEF0),
        ("mnepc", ALL, ALL & ~1),
        ("mnepc", 0, 0),
        ("mncause", INTERRUPT | 5, INTERRUPT | 5),
        ("mncause", 0, 0),
        ("mnstatus", ALL, MNPP | MNPV | NMIE),
        ("mnstatus", 0, NMIE),
    ):
        rig.write(name, "M", value)
        assert rig.read(name, "M") == held, name
    for name in CSRS:
        for mode in MODES:
            for word in (csrr(name), csrw(name)):
                assert rig.cause(word, mode=mode, a1=NMIE) == (None if mode == "M" else II)


@pytest.mark.rules("mnepc_ialign32")
def test_without_c_mnepc_is_a_multiple_of_4():
    machine = Machine(ram=1 << 20, isa="rv64ima_smrnmi")
    machine.harts[0].csr["mnepc"] = ALL
    assert machine.harts[0].csr["mnepc"] == ALL & ~3


@pytest.mark.rules("MNSTATUS_WARL", "mnstatus_mnpp_op", "mnstatus_mnpv_op")
@pytest.mark.parametrize(
    "isa, held",
    [
        ("rv64ima", {0: 3, 1: 3, 2: 3, 3: 3}),
        ("rv64imau", {0: 0, 1: 0, 2: 0, 3: 3}),
        ("rv64gc", {0: 0, 1: 1, 2: 0, 3: 3}),
    ],
)
def test_mnpp_holds_what_there_is(isa, held):
    machine = Machine(ram=1 << 20, isa=f"{isa}_smrnmi")
    csr = machine.harts[0].csr
    assert csr["mnstatus"] == held[0] << 11, "a value that is legal, from reset on"
    for written, expected in held.items():
        csr["mnstatus"] = written << 11 | MNPV
        assert csr["mnstatus"] == expected << 11, "no MNPV without H"


@pytest.mark.rules("mnret_exist")
def test_without_it_nothing_of_it_is_there():
    rig = Rig("max")
    assert not any(name in rig.csr for name in CSRS)
    assert rig.cause(MNRET, mode="M") == II
    for name in CSRS:
        assert rig.cause(csrr(name), mode="M") == II
    with pytest.raises(UsageError, match="Smrnmi"):
        rig.hart.set_rnmi()


@pytest.mark.rules("mnstatus_nmie_reset", "mnstatus_nmie_rst", "mnstatus_nmie_set_clear")
def test_nmie_is_0_after_reset_and_can_only_be_set(rig):
    fresh = RnmiRig(nmie=False)
    assert fresh.read("mnstatus", "M") == 0
    for word, value in ((csrw("mnstatus"), 0), (r.csrrc("mnstatus"), ALL), (r.csrrw("mnstatus"), MNPP)):
        assert rig.execute(word, a1=value) is None
        assert rig.csr["mnstatus"] & NMIE
    rig.machine._core.reset()
    assert not rig.csr["mnstatus"] & NMIE


@pytest.mark.rules("rnmi_not_disabled", "rnmi_trap_addr", "rnmi_entry", "rnmi_entry_cause", "rnmi_entry_priv")
@pytest.mark.rules("rnmi_entry_nmie_clear", "rnmi_enter_mmode", "mncause_op", "mncause_interrupt", "mnepc_op")
@pytest.mark.rules("mncause_interrupt_code", "mncause_interrupt_zero", "mnstatus_mnpp_op", "mnstatus_mnpv_op")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cause", [0, 2, 0x123])
def test_entry(rig, mode, cause):
    """With every enable of other interrupts off, and nothing else of the state touched."""
    for name in ("mepc", "mcause", "mtval", "sepc", "scause", "vsepc", "vscause"):
        rig.csr[name] = 0x5554
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~(MIE | 2)
    rig.csr["mie"] = 0
    before = {
        name: rig.csr[name] for name in ("mstatus", "vsstatus", "hstatus", "mepc", "mcause", "mtval", "mip", "mie")
    }
    rig.hart.set_rnmi(cause=cause)
    assert rig.interrupted(mode)
    priv, v = MODES[mode]
    assert rig.mode == "M"
    assert rig.csr["mnepc"] == CODE
    assert rig.csr["mncause"] == INTERRUPT | cause
    assert rig.csr["mnstatus"] == priv << 11 | v << 7
    assert {name: rig.csr[name] for name in before} == before


@pytest.mark.rules("rnmi_priority")
def test_it_comes_before_every_other_interrupt_and_before_a_fault(rig):
    rig.csr["mie"] = rig.csr["mip"] = ALL
    rig.csr["mstatus"] = rig.csr["mstatus"] | MIE
    rig.lines(1 << 11 | 1 << 7 | 1 << 3)
    rig.hart.set_rnmi()
    assert rig.interrupted("M")
    rig = RnmiRig()
    rig.hart.set_rnmi()
    assert rig.interrupted("HS", 0)  # an illegal instruction
    rig = RnmiRig()
    rig.hart.set_rnmi()
    rig.stand("HS", NOWHERE)  # a fetch fault
    rig.step()
    assert (rig.pc, rig.csr["mnepc"]) == (RNMI, NOWHERE)


def test_it_is_a_level(rig):
    rig.hart.set_rnmi()
    rig.hart.set_rnmi(False)
    assert not rig.interrupted("HS")
    line = rig.hart.rnmi_line(cause=7)
    line(True)
    assert rig.interrupted("HS")
    rig.code(MNRET, at=RNMI)
    rig.step()
    assert (rig.pc, rig.mode) == (CODE, "HS")
    rig.code(0x0000006F, at=RNMI)
    rig.step()
    assert rig.pc == RNMI, "it is taken again in front of the next instruction"
    line(False)
    rig.code(MNRET, at=RNMI)
    rig.step(2)
    assert (rig.pc, rig.mode) == (CODE + 4, "HS")


def test_a_pulse_is_taken_once(rig):
    """Also beside the level of the line, which stays."""
    rig.hart.pulse_rnmi(cause=9)
    assert rig.hart.rnmi_pending and rig.interrupted("HS")
    assert rig.csr["mncause"] == INTERRUPT | 9 and not rig.hart.rnmi_pending
    rig.code(MNRET, at=RNMI)
    rig.step(2)
    assert (rig.pc, rig.mode) == (CODE + 4, "HS")
    rig.code(0x0000006F, at=RNMI)
    rig.hart.set_rnmi()
    rig.hart.pulse_rnmi()
    rig.hart.set_rnmi(False)
    assert rig.interrupted("HS")
    rig = RnmiRig(nmie=False)
    rig.hart.pulse_rnmi()
    assert not rig.interrupted("M") and rig.hart.rnmi_pending
    with pytest.raises(UsageError, match="63 bits"):
        rig.hart.pulse_rnmi(1 << 63)
    with pytest.raises(UsageError, match="Smrnmi"):
        Rig("max").machine.harts[0].pulse_rnmi()


@pytest.mark.rules("mnstatus_nmie_enable", "mnstatus_nmie_disable")
def test_nmie_0_disables_all_interrupts():
    """Those of every level, in every mode; and what is pending comes right after NMIE is set."""
    for irq, mideleg, hideleg in ((11, 0, 0), (9, ALL, 0), (10, ALL, 0), (10, ALL, ALL)):
        for mode in MODES:
            rig = RnmiRig(nmie=False)
            rig.csr["mideleg"], rig.csr["hideleg"] = mideleg, hideleg
            rig.csr["mie"] = ALL
            rig.csr["mstatus"] = rig.csr["mstatus"] | MIE | 2
            rig.csr["vsstatus"] = rig.csr["vsstatus"] | 2
            if irq == 10:
                rig.csr["hvip"] = 1 << 10
            else:
                rig.lines(1 << irq)
            assert rig.take_interrupt(mode) is None, (irq, mode)
            rig.csr["mnstatus"] = NMIE
            masked = mode == "M" and mideleg or mode in ("HS", "U") and hideleg
            assert bool(rig.take_interrupt(mode)) == (not masked), (irq, mode)
    rig = RnmiRig(nmie=False)
    rig.hart.set_rnmi()
    assert not rig.interrupted("M")
    rig.code(csrw("mnstatus"), NOP)
    rig.stand("M")
    rig.hart.x["a1"] = NMIE
    rig.step(2)
    assert (rig.pc, rig.csr["mnepc"]) == (RNMI, CODE + 4)


@pytest.mark.rules("mnstatus_mprv_clear")
def test_nmie_0_acts_as_if_mprv_were_clear():
    load = r.LW
    for nmie in (False, True):
        rig = RnmiRig(nmie=nmie)
        rig.csr["satp"] = 8 << 60 | r.TABLES >> 12  # nothing is mapped
        rig.csr["mstatus"] = rig.csr["mstatus"] | MPRV | 1 << 11
        assert rig.read("mstatus", "M") & MPRV, "as written"
        rig.code(load)
        rig.stand("M")
        rig.hart.x["a1"] = DATA
        rig.step()
        assert (rig.csr["mcause"] == 13) == nmie
    # Setting NMIE makes MPRV count from the next instruction on; entering the handler ends that.
    rig = RnmiRig(nmie=False)
    rig.csr["satp"] = 8 << 60 | r.TABLES >> 12
    rig.csr["mstatus"] = rig.csr["mstatus"] | MPRV | 1 << 11
    rig.store(DATA, NMIE)
    rig.code(0x0005B503, csrw("mnstatus"), load)  # ld a0, (a1); the write takes a1
    rig.stand("M")
    rig.hart.x["a1"] = DATA | NMIE
    rig.step(3)
    assert (rig.csr["mcause"], rig.csr["mepc"]) == (13, CODE + 8)
    rig.hart.set_rnmi()
    assert rig.interrupted("M")
    rig.code(load, at=RNMI)
    rig.step()
    assert rig.pc == RNMI + 4


@pytest.mark.rules("mnret_mode")
@pytest.mark.parametrize("mode", MODES)
def test_mnret_is_for_m_mode(rig, mode):
    rig.csr["mnepc"] = DATA
    assert rig.cause(MNRET, mode=mode) == (None if mode == "M" else II)


@pytest.mark.rules("mnret_restore", "mnret_mprv", "rnmi_resume")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mpv", [0, 1])
def test_mnret(mode, mpv):
    rig = RnmiRig(nmie=False)
    priv, v = MODES[mode]
    rig.csr["mnepc"] = DATA
    rig.csr["mnstatus"] = priv << 11 | (v if priv != 3 else mpv) << 7  # no V in M-mode
    rig.csr["mstatus"] = rig.csr["mstatus"] | MPRV | MPV * mpv | 1 << 11 | MIE
    before = rig.csr["mstatus"]
    written = rig.csr["mnstatus"]
    rig.code(MNRET)
    rig.stand("M")
    rig.step()
    assert (rig.pc, rig.mode) == (DATA, mode)
    assert rig.csr["mnstatus"] == written | NMIE
    assert rig.csr["mstatus"] == (before if mode == "M" else before & ~MPRV)


@pytest.mark.rules("rnmi_resume")
def test_mret_and_sret_leave_nmie_alone():
    """And a mode below M runs with all interrupts off if M-mode enters it so."""
    for word in (r.MRET, r.SRET):
        for nmie in (False, True):
            rig = RnmiRig(nmie=nmie)
            rig.csr["mepc"] = rig.csr["sepc"] = DATA
            rig.code(word)
            rig.stand("M")
            rig.step()
            assert rig.pc == DATA and bool(rig.csr["mnstatus"] & NMIE) == nmie


@pytest.mark.rules("mnstatus_wfi")
def test_wfi_wakes_whatever_nmie_says():
    for nmie, source in itertools.product((False, True), ("line", "rnmi")):
        rig = RnmiRig(nmie=nmie)
        rig.code(r.WFI, NOP)
        rig.stand("M")
        assert rig.machine.run(max_insns=10).kind == "idle"
        assert rig.hart.waiting
        rig.csr["mie"] = 1 << 11
        if source == "line":
            rig.lines(1 << 11)
        else:
            rig.hart.set_rnmi()
        rig.step()
        assert not rig.hart.waiting
        if nmie and source == "rnmi":
            assert (rig.pc, rig.csr["mnepc"]) == (RNMI, CODE + 4), "the WFI has been executed"
        else:
            assert rig.pc == CODE + 8


def test_a_line_that_rises_wakes_a_hart_that_waits_for_ever(rig):
    """Beside one that computes: the run loop looks at each hart's own line."""
    machine = Machine(harts=2, ram=1 << 20, isa="max_smrnmi", rnmi_vector=RNMI)
    machine.memory.write(CODE, assemble("bnez a0, sleep\nj .\nsleep: wfi\nj sleep", CODE).data)
    machine.start(CODE)
    for hart in machine.harts:
        hart.csr["mnstatus"] = NMIE
    machine.run(max_insns=50_000)
    assert machine.harts[1].waiting
    machine.harts[1].set_rnmi()
    machine.run(max_insns=50_000)
    assert machine.harts[1].csr["mnepc"] == CODE + 12 and not machine.harts[0].csr["mnepc"]


@pytest.mark.rules("rnmi_exception_nmie0", "rnmi_exc_trap_addr")
def test_exceptions_in_m_mode_with_nmie_0():
    """As any, but for the address."""
    for word, cause, tval in ((0, 2, 0), (r.ECALL, 11, 0), (r.LW, 5, NOWHERE)):
        results = []
        for nmie in (False, True):
            rig = RnmiRig(nmie=nmie)
            rig.csr["mtvec"] = r.M_VECTOR | 1
            rig.csr["mstatus"] = rig.csr["mstatus"] | MIE
            rig.code(word)
            rig.stand("M")
            rig.hart.x["a1"] = NOWHERE
            rig.step()
            assert rig.pc == (r.M_VECTOR if nmie else RNMI_EXCEPTION)
            assert (rig.csr["mcause"], rig.csr["mepc"], rig.csr["mtval"]) == (cause, CODE, tval)
            results.append({n: rig.csr[n] for n in ("mstatus", "mtval2", "mtinst", "mnepc", "mncause")})
        assert results[0] == results[1]


def test_exceptions_below_m_go_by_mtvec_whatever_nmie_says():
    for mode in ("HS", "U", "VS", "VU"):
        rig = RnmiRig(nmie=False)
        assert rig.execute(0, mode=mode) == Trap("M", 2, CODE, 0)
        rig.csr["medeleg"] = ALL
        assert rig.execute(0, mode=mode).into == "HS"


def test_the_exception_address_can_be_mtvecs():
    rig = RnmiRig(nmie=False, exception=None)
    assert rig.execute(0, mode="M") == Trap("M", 2, CODE, 0)


# ---- with landing pads (Zicfilp)


@pytest.mark.rules("mnstatus_mnpelp_op", "mnstatus_mnpelp_update", "mnret_zicfilp")
@pytest.mark.parametrize("enabled", [False, True])
def test_an_expected_landing_pad_is_remembered(enabled):
    """The RNMI comes between an indirect jump and what it lands on, which is none."""
    rig = RnmiRig("max_smrnmi_zicfilp")
    rig.csr["mseccfg"] = 1 << 10  # MLPE
    rig.code(0x00058067, at=CODE)  # jr a1
    rig.code(NOP, at=CODE + 64)
    rig.stand("M")
    rig.hart.x["a1"] = CODE + 64
    rig.step()
    rig.hart.set_rnmi()
    rig.step()
    assert rig.pc == RNMI, "the handler needs no landing pad"
    assert (rig.csr["mnepc"], rig.csr["mnstatus"]) == (CODE + 64, MNPP | 1 << 9)
    rig.hart.set_rnmi(False)
    if not enabled:
        rig.csr["mseccfg"] = 0
    rig.code(MNRET, at=RNMI)
    rig.step(2)
    if enabled:
        assert rig.trap() == Trap("M", 18, CODE + 64, 2)
    else:
        assert rig.pc == CODE + 68
    assert rig.csr["mnstatus"] == MNPP | NMIE


def test_mnpelp_is_there_with_zicfilp_only(rig):
    rig.csr["mnstatus"] = ALL
    assert not rig.csr["mnstatus"] & 1 << 9
    rig = RnmiRig("max_smrnmi_zicfilp")
    rig.csr["mnstatus"] = 1 << 9
    assert rig.csr["mnstatus"] == 1 << 9 | NMIE


# ---- with double traps


@pytest.mark.rules("trap_unexp_rnmi", "mstatus_mdt_not_set_rnmi")
@pytest.mark.parametrize("mdt", [0, MDT])
def test_an_rnmi_is_no_unexpected_trap(mdt):
    rig = RnmiRig("max_smrnmi_smdbltrp")
    rig.csr["mstatus"] = mdt
    rig.hart.set_rnmi()
    assert rig.interrupted("M")
    assert rig.csr["mstatus"] & MDT == mdt


@pytest.mark.rules("trap_unexp_hndl_rnmi", "mncause_doubletrap", "trap_unexp", "Smdbltrp_with_Smrnmi_op")
@pytest.mark.parametrize("mode", MODES)
def test_a_double_trap_goes_to_the_rnmi_handler(mode):
    """From whatever mode it comes, mnstatus says M; no register of the first trap changes, and MDT stays set."""
    rig = RnmiRig("max_smrnmi_smdbltrp")
    for name in ("mepc", "mcause", "mtval", "mtval2", "mtinst"):
        rig.csr[name] = 0x5554
    rig.csr["mstatus"] = rig.csr["mstatus"] | MDT
    rig.csr["mnstatus"] = MNPV
    rig.code(r.LW)
    rig.stand(mode)
    before = {name: rig.csr[name] for name in ("mepc", "mcause", "mtval", "mtval2", "mtinst", "mstatus")}
    rig.hart.x["a1"] = NOWHERE
    rig.step()
    assert (rig.pc, rig.mode) == (RNMI, "M")
    assert (rig.csr["mnepc"], rig.csr["mncause"], rig.csr["mnstatus"]) == (CODE, 5, MNPP)
    assert {name: rig.csr[name] for name in before} == before


def test_an_interrupt_and_a_supervisors_double_trap_can_be_the_unexpected_one():
    rig = RnmiRig("max_smrnmi_smdbltrp")
    rig.csr["mstatus"] = MDT
    rig.csr["mie"] = 1 << 11
    rig.lines(1 << 11)
    assert rig.interrupted("HS")
    assert (rig.csr["mnepc"], rig.csr["mncause"], rig.csr["mnstatus"]) == (CODE, INTERRUPT | 11, MNPP)
    rig = RnmiRig("max_smrnmi_smdbltrp")
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | DTE
    rig.csr["medeleg"] = ALL
    rig.csr["mstatus"] = MDT | SDT
    assert rig.interrupted("HS", 0)
    assert rig.csr["mncause"] == 16, "what mcause would have had"


@pytest.mark.rules("trap_unexp_hndl_no_rnmi", "trap_unexp_mnstatus_nmie_0")
@pytest.mark.parametrize("mode, mdt", [("M", 0), ("M", MDT), ("HS", MDT), ("VU", MDT)])
def test_with_nmie_0_it_is_a_critical_error(mode, mdt):
    """In M-mode even the first."""
    rig = RnmiRig("max_smrnmi_smdbltrp", nmie=False)
    rig.csr["mstatus"] = mdt
    rig.code(0)
    rig.stand(mode)
    rig.hart.set_rnmi()
    assert rig.machine.run(max_insns=10).kind == "critical"
    assert (rig.pc, rig.mode) == (CODE, mode)


def test_below_m_a_first_trap_with_nmie_0_is_none():
    rig = RnmiRig("max_smrnmi_smdbltrp", nmie=False)
    rig.csr["mstatus"] = 0
    assert rig.execute(0, mode="HS") == Trap("M", 2, CODE, 0)
    assert rig.csr["mstatus"] & MDT


@pytest.mark.rules("MSTATUS_MDT_CLR_MNRET", "sstatus_sdt_clr_mnret", "vsstatus_sdt_clr_mnret")
@pytest.mark.parametrize("mode", MODES)
def test_mnret_clears_the_bits_that_the_new_mode_makes_stale(mode):
    rig = RnmiRig("max_smrnmi_smdbltrp", nmie=False)
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | DTE
    rig.csr["henvcfg"] = rig.csr["henvcfg"] | DTE
    rig.csr["mstatus"], rig.csr["vsstatus"] = MDT | SDT, SDT
    rig.csr["mnepc"] = DATA
    priv, v = MODES[mode]
    rig.csr["mnstatus"] = priv << 11 | v << 7
    rig.code(MNRET)
    rig.stand("M")
    rig.step()
    assert rig.mode == mode
    assert bool(rig.csr["mstatus"] & MDT) == (mode == "M")
    assert bool(rig.csr["mstatus"] & SDT) == (mode in ("M", "HS"))
    assert bool(rig.csr["vsstatus"] & SDT) == (mode != "VU")


# ---- the machine's side


def test_a_trace_names_the_cause(rig):
    rig.hart.set_rnmi(cause=4)
    rig.code(NOP)
    rig.stand("VS")
    first = record(rig.machine, 1)[0]
    assert (first["kind"], first["cause"], first["pc"], first["v"]) == (2, INTERRUPT | 4, CODE, 1)


def test_the_line_is_part_of_the_digest(rig):
    digest = rig.machine.digest()
    rig.hart.set_rnmi()
    assert rig.machine.digest() != digest


def test_a_program_with_a_handler_runs_on_as_if_nothing_had_been():
    """RNMIs at random moments of a loop in VU-mode: its sum is the same, and each is seen once."""
    source = f"""
        li t0, {NMIE}
        csrw 0x744, t0
        la t0, user
        csrw mepc, t0
        li t0, {MPV}
        csrs mstatus, t0
        mret
user:   addi a0, a0, 1
        addi a1, a1, 3
        bne a0, a2, user
done:   j done
        .balign 4096
        csrw 0x740, t0
        addi s0, s0, 1
        csrr t0, 0x740
        .word {MNRET:#x}
    """
    program = assemble(source, CODE)
    machine = Machine(ram=1 << 20, isa="max_smrnmi", rnmi_vector=CODE + 4096)
    hart = machine.harts[0]
    hart.csr["pmpaddr0"], hart.csr["pmpcfg0"] = ALL, 0x1F
    machine.memory.write(CODE, program.data)
    hart.pc, hart.x["a2"] = CODE, 1000
    machine.run(max_insns=11)
    for n in range(1, 60):
        hart.set_rnmi()
        machine.run(max_insns=2)
        hart.set_rnmi(False)
        machine.run(max_insns=n)
        assert hart.x["s0"] == n
    machine.run(max_insns=3000)
    assert (hart.x["a0"], hart.x["a1"], hart.mode) == (1000, 3000, "VU")
    assert hart.pc == program.symbols["done"]


@pytest.mark.parametrize("arguments", [{"rnmi_vector": 2}, {"rnmi_vector": 1 << 64}, {"rnmi_exception_vector": -4}])
def test_addresses_that_cannot_be(arguments):
    with pytest.raises(UsageError, match="RNMI handler"):
        Machine(ram=1 << 20, **arguments)
    with pytest.raises(UsageError, match="63 bits"):
        RnmiRig().hart.set_rnmi(cause=INTERRUPT)
