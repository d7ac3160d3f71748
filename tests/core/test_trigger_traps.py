"""Debug triggers (Sdtrig) that count instructions or fire on traps; in which contexts they do, and where none may."""

import pytest
import rig as r
from rig import ALL, CODE, DATA, MRET, NOP, Trap, csrw
from triggers import (
    COUNT,
    COUNT_HIT,
    COUNT_IN,
    ETRIGGER,
    EXECUTE,
    ICOUNT,
    IN,
    ITRIGGER,
    LD,
    LOAD,
    MC6,
    MIE,
    MODES,
    NMI,
    PENDING,
    SD,
    SIE,
    TRAP_EVERYWHERE,
    TRAP_HIT,
    TRAP_IN,
    arm,
    bench,
    run,
    tdata1,
)

ILLEGAL = 0xFFFF_FFFF
modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
def rig():
    return bench()


# -- icount


@modes
@pytest.mark.parametrize("count", [1, 2, 5])
def test_icount_fires_after_as_many_instructions(rig, mode, count):
    arm(rig, 0, ICOUNT | COUNT_IN[mode] | count << COUNT)
    trap = run(rig, mode, *[0x00150513] * 8)
    assert trap == Trap("M", 3, CODE + 4 * count, 0)
    assert rig.a0 == 0x5A + count
    assert tdata1(rig, 0) == ICOUNT | COUNT_IN[mode] | COUNT_HIT
    assert run(rig, mode, *[0x00150513] * 8) is None, "once"


def test_icount_counts_in_its_modes_alone(rig):
    arm(rig, 0, ICOUNT | COUNT_IN["U"] | 3 << COUNT)
    assert run(rig, "HS", *[NOP] * 8) is None
    assert tdata1(rig, 0) == ICOUNT | COUNT_IN["U"] | 3 << COUNT


def test_icount_steps_over_a_system_call(rig):
    """The trap counts; the breakpoint comes when its handler has returned ("pending")."""
    arm(rig, 0, ICOUNT | COUNT_IN["U"] | 1 << COUNT)
    rig.code(0x34102573, 0x00450513, 0x34151073, MRET, at=r.M_VECTOR)  # csrr a0, mepc; a0 += 4; csrw mepc, a0; mret
    rig.code(r.ECALL, NOP, NOP)
    rig.stand("U")
    rig.step()
    assert (rig.pc, rig.csr["mcause"]) == (r.M_VECTOR, 8)
    assert tdata1(rig, 0) == ICOUNT | COUNT_IN["U"] | PENDING
    rig.step(4)
    assert (rig.pc, rig.mode) == (CODE + 4, "U")
    rig.step()
    assert rig.trap() == Trap("M", 3, CODE + 4, 0)


def test_icount_counts_an_interrupt(rig):
    arm(rig, 0, ICOUNT | COUNT_IN["HS"] | 5 << COUNT)
    rig.csr["mie"] = 1 << 3
    rig.lines(1 << 3)
    run(rig, "HS", NOP)
    assert rig.csr["mcause"] == r.INTERRUPT | 3
    assert tdata1(rig, 0) >> COUNT & 0x3FFF == 4


def test_icount_is_not_counted_where_it_may_not_fire(rig):
    arm(rig, 0, ICOUNT | COUNT_IN["M"] | 5 << COUNT)
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~MIE
    rig.code(*[NOP] * 4)
    rig.stand("M")
    rig.step(4)
    assert tdata1(rig, 0) >> COUNT & 0x3FFF == 5


def test_a_count_that_is_written_again_is_what_was_written(rig):
    """Also where it is the one before ("Afterwards count contains the newly written value")."""
    value = ICOUNT | COUNT_IN["M"] | 5 << COUNT
    arm(rig, 0, value)
    run(rig, "M", csrw("tdata1"), a1=value)
    assert tdata1(rig, 0) == value
    run(rig, "M", NOP)
    assert tdata1(rig, 0) == value - (1 << COUNT)


def test_counting_goes_on_beside_what_is_pending(rig):
    """The breakpoint is a trap from the mode, which matches."""
    arm(rig, 0, ICOUNT | COUNT_IN["HS"] | PENDING | 3 << COUNT)
    assert run(rig, "HS", NOP) == Trap("M", 3, CODE, 0)
    assert tdata1(rig, 0) == ICOUNT | COUNT_IN["HS"] | COUNT_HIT | 2 << COUNT


# -- etrigger


def outer(rig, into):
    """Exceptions but breakpoints go to HS or VS; these to the mode above."""
    rig.csr["medeleg"] = 0xF0B1FF & ~8 if into == "HS" else 0xF0B1FF
    rig.csr["hedeleg"] = 0xB1FF & ~8 if into == "VS" else 0


@pytest.mark.parametrize(
    "mode, into, above",
    [("HS", "HS", "M"), ("U", "HS", "M"), ("VU", "HS", "M"), ("VS", "VS", "HS"), ("VU", "VS", "HS")],
)
@pytest.mark.parametrize("on", MODES)
def test_etrigger_before_the_handler_of_the_exception(rig, mode, into, above, on):
    outer(rig, into)
    arm(rig, 1, ETRIGGER | TRAP_IN[on], 1 << 2)
    trap = run(rig, mode, ILLEGAL)
    vector = {"HS": r.HS_VECTOR, "VS": r.VS_VECTOR}[into]
    prefix = "s" if into == "HS" else "vs"
    assert (rig.csr[prefix + "cause"], rig.csr[prefix + "epc"], rig.csr[prefix + "tval"]) == (2, CODE, ILLEGAL)
    if mode == on:
        assert trap == Trap(above, 3, vector, 0), "xepc is the handler's first instruction, xtval 0"
        status = rig.csr["mstatus"]
        assert status >> 38 & 1 == 0 and rig.csr["hstatus"] >> 6 & 1 == 0
        came = ("V" if status >> 39 & 1 else "H", status >> 11 & 3) if above == "M" else (
            "V" if rig.csr["hstatus"] >> 7 & 1 else "H", status >> 8 & 1)  # fmt: skip
        assert came == (into[0], 1)
    else:
        assert trap == Trap(into, 2, CODE, ILLEGAL)
    assert bool(tdata1(rig, 1) & TRAP_HIT) == (mode == on)


def test_etrigger_on_the_codes_it_names(rig):
    outer(rig, "HS")
    for word, a1, code in ((ILLEGAL, DATA, 2), (LD, r.NOWHERE, 5), (SD, r.NOWHERE, 7), (r.ECALL, DATA, 8)):
        for bit in (2, 5, 7, 8):
            arm(rig, 0, ETRIGGER | TRAP_EVERYWHERE, 1 << bit)
            assert run(rig, "U", word, a1=a1) == (
                Trap("M", 3, r.HS_VECTOR, 0) if bit == code else Trap("HS", code, CODE, rig.csr["stval"])
            )
    arm(rig, 0, ETRIGGER | TRAP_EVERYWHERE, 1 << 1)
    rig.stand("U", r.NOWHERE)
    rig.step()
    assert rig.trap() == Trap("M", 3, r.HS_VECTOR, 0)
    assert rig.csr["sepc"] == r.NOWHERE


@modes
def test_etrigger_has_no_effect_on_what_m_mode_handles(rig, mode):
    """Nor where the handler's own mode handles breakpoints ("Native Triggers")."""
    arm(rig, 0, ETRIGGER | TRAP_EVERYWHERE, ALL)
    assert run(rig, mode, ILLEGAL) == Trap("M", 2, CODE, ILLEGAL)
    if mode == "M":
        return
    rig.csr["medeleg"] = 0xF0B1FF
    assert run(rig, mode, ILLEGAL) == Trap("HS", 2, CODE, ILLEGAL)
    assert run(rig, mode, r.EBREAK) == Trap("HS", 3, CODE, CODE)
    rig.csr["hedeleg"] = 0xB1FF
    if mode[0] == "V":
        assert run(rig, mode, ILLEGAL) == Trap("VS", 2, CODE, ILLEGAL)
    assert not tdata1(rig, 0) & TRAP_HIT


def test_etrigger_on_a_breakpoint_of_another_trigger_goes_no_further(rig):
    outer(rig, "HS")
    arm(rig, 0, ETRIGGER | TRAP_EVERYWHERE, 1 << 3)
    arm(rig, 1, MC6 | LOAD | IN["HS"], DATA)
    assert run(rig, "HS", LD) == Trap("M", 3, CODE, DATA)
    assert not tdata1(rig, 0) & TRAP_HIT


def test_a_traced_etrigger_tells_of_both_traps(rig):
    outer(rig, "HS")
    arm(rig, 0, ETRIGGER | TRAP_IN["U"], 1 << 2)
    rig.code(ILLEGAL)
    rig.stand("U")
    records = rig.machine.trace(1)
    told = [(x["pc"], x["kind"], x["cause"], x["priv"]) for x in records]
    assert told == [(CODE, 1, 2, 0), (r.HS_VECTOR, 1, 3, 1)]


def test_a_double_trap_is_handled_by_m_mode(rig):
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | 1 << 59
    rig.csr["mstatus"] = rig.csr["mstatus"] | 1 << 24  # SDT
    outer(rig, "HS")
    arm(rig, 0, ETRIGGER | TRAP_EVERYWHERE, ALL)
    assert run(rig, "HS", ILLEGAL) == Trap("M", 16, CODE, ILLEGAL)


def test_icount_counts_once_where_etrigger_traps_again(rig):
    outer(rig, "HS")
    arm(rig, 0, ETRIGGER | TRAP_IN["HS"], 1 << 2)
    arm(rig, 1, ICOUNT | COUNT_IN["HS"] | 5 << COUNT)
    assert run(rig, "HS", ILLEGAL) == Trap("M", 3, r.HS_VECTOR, 0)
    assert tdata1(rig, 1) >> COUNT & 0x3FFF == 4


def test_a_missing_landing_pad():
    """Its trap counts for icount, and an address's breakpoint comes before it ("Priority"), which remembers ELP."""
    rig = bench("max_zicfilp_sdtrig")
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | 4  # LPE of HS
    target = CODE + 0x100
    rig.code(NOP, at=target)
    arm(rig, 1, ICOUNT | COUNT_IN["HS"] | 5 << COUNT)
    assert run(rig, "HS", 0x000580E7, a1=target, steps=2) == Trap("M", 18, target, 2)  # jalr ra, 0(a1)
    assert tdata1(rig, 1) >> COUNT & 0x3FFF == 3
    arm(rig, 0, MC6 | EXECUTE | IN["HS"], target)
    assert run(rig, "HS", 0x000580E7, a1=target, steps=2) == Trap("M", 3, target, target)
    assert rig.csr["mstatus"] >> 41 & 1, "MPELP"
    assert tdata1(rig, 1) >> COUNT & 0x3FFF == 1


# -- itrigger


@pytest.mark.parametrize(
    "mode, into, line, code",
    [
        ("HS", "HS", 9, 9),
        ("U", "HS", 5, 5),
        ("VS", "HS", 1, 1),
        ("VS", "VS", 10, 9),
        ("VU", "VS", 2, 1),
        ("VU", "VS", 6, 5),
    ],
)
@pytest.mark.parametrize("on", MODES)
def test_itrigger_by_the_number_that_the_handler_reads(rig, mode, into, line, code, on):
    outer(rig, into)
    rig.csr["menvcfg"] = rig.csr["menvcfg"] & ~(1 << 63)  # STIP is software's
    rig.csr["mideleg"], rig.csr["hideleg"] = 0x222, 0x444
    for bit in {line, code}:
        arm(rig, 2, ITRIGGER | TRAP_IN[on], 1 << bit)
        rig.csr["mie"], rig.csr["mip"], rig.csr["hvip"] = 1 << line, 1 << line & 0x222, 1 << line & 0x444
        trap = run(rig, mode, NOP)
        prefix = "s" if into == "HS" else "vs"
        assert (rig.csr[prefix + "cause"], rig.csr[prefix + "epc"]) == (r.INTERRUPT | code, CODE)
        fires = mode == on and bit == code
        vector = {"HS": r.HS_VECTOR, "VS": r.VS_VECTOR}[into]
        assert trap == (
            Trap("M" if into == "HS" else "HS", 3, vector, 0) if fires else Trap(into, r.INTERRUPT | code, CODE, 0)
        )
        assert bool(tdata1(rig, 2) & TRAP_HIT) == fires
        rig.csr["mstatus"] = rig.csr["mstatus"] | SIE
        rig.csr["vsstatus"] = rig.csr["vsstatus"] | SIE


def test_itrigger_has_no_effect_on_what_m_mode_handles(rig):
    arm(rig, 0, ITRIGGER | TRAP_EVERYWHERE, ALL)
    rig.csr["mie"] = 1 << 3
    rig.lines(1 << 3)
    for mode in MODES:
        assert run(rig, mode, NOP) == Trap("M", r.INTERRUPT | 3, CODE, 0)
    assert not tdata1(rig, 0) & TRAP_HIT


def test_a_traced_itrigger_tells_of_both_traps(rig):
    outer(rig, "HS")
    rig.csr["mideleg"] = rig.csr["mie"] = rig.csr["mip"] = 2
    arm(rig, 0, ITRIGGER | TRAP_IN["U"], 2)
    rig.stand("U")
    records = rig.machine.trace(1)
    told = [(x["pc"], x["kind"], x["cause"] & 63) for x in records]
    assert told[:2] == [(CODE, 2, 1), (r.HS_VECTOR, 1, 3)]


@pytest.mark.parametrize("nmi, enabled", [(True, True), (True, False), (False, True)])
def test_itrigger_on_an_rnmi(nmi, enabled):
    """It leaves MIE alone, so that a trigger may fire before its handler; no bit of tdata2 is asked."""
    rig = bench("max_smrnmi_sdtrig")
    rig.csr["mnstatus"] = 8
    arm(rig, 0, ITRIGGER | TRAP_EVERYWHERE | (NMI if nmi else 0), 0 if nmi else ALL)
    rig.code(NOP)
    rig.stand("HS")
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~MIE | MIE * enabled
    rig.hart.set_rnmi(True, 7)
    rig.step()
    assert rig.csr["mncause"] == r.INTERRUPT | 7 and rig.csr["mnepc"] == CODE
    assert bool(tdata1(rig, 0) & TRAP_HIT) == (nmi and enabled)
    assert (rig.csr["mcause"] == 3) == (nmi and enabled)


# -- contexts: textra64


def test_triggers_of_a_context(rig):
    rig.csr["scontext"], rig.csr["mcontext"] = 0x1234_5678, 0x2ABD
    rig.csr["satp"], rig.csr["vsatp"] = 0x11 << 44, 0x22 << 44
    rig.csr["hgatp"] = 0x2ABD << 44

    def fires(tdata3, mode="HS"):
        arm(rig, 0, MC6 | LOAD | sum(IN.values()), DATA, tdata3)
        return run(rig, mode, LD) is not None

    def s(select, value, mask=0):
        return select | value << 2 | mask << 36

    def mh(select, value):
        return select << 48 | value << 51

    assert fires(s(0, 5)) and fires(mh(0, 5)), "not selected"
    assert fires(s(1, 0x1234_5678)) and not fires(s(1, 0x1234_5679)) and not fires(s(1, 0x9234_5678))
    for n in range(4):
        other = 0x1234_5678 ^ 1 << 8 * n
        assert not fires(s(1, other)) and fires(s(1, other, 1 << n)) and not fires(s(1, other, 0xF ^ 1 << n))
    for mode in MODES:
        mine = 0x22 if mode[0] == "V" else 0x11
        assert (
            fires(s(2, mine), mode)
            and fires(s(2, 0xABCD_0000 | mine, 0xF), mode)
            and not fires(s(2, mine ^ 0x33), mode)
        )
        assert fires(s(1, 0x1234_5678), mode)
    assert fires(mh(4, 0xABD)) and not fires(mh(4, 0xABC)), "the low 13 bits"
    for select in (1, 2):
        assert fires(mh(select | 4, 0x2ABD >> 1)) and not fires(mh(select, 0x2ABD >> 1))
        assert not fires(mh(select | 4, 0x2ABD >> 1 ^ 1))
    rig.csr["mcontext"] = 4
    assert fires(mh(1, 2)) and not fires(mh(2, 2)) and fires(mh(4, 4))
    assert fires(mh(1, 2) | s(2, 0x11)) and not fires(mh(1, 2) | s(2, 0x12)) and not fires(mh(1, 3) | s(2, 0x11))


@pytest.mark.parametrize("match", [True, False])
def test_contexts_of_counts_and_traps(rig, match):
    rig.csr["scontext"] = 3
    rig.csr["vsatp"] = 5 << 44
    mine, guest = 1 | (3 if match else 4) << 2, 2 | (5 if match else 6) << 2
    arm(rig, 0, ICOUNT | COUNT_IN["HS"] | 1 << COUNT, 0, mine)
    assert run(rig, "HS", NOP, NOP) == (Trap("M", 3, CODE + 4, 0) if match else None)
    outer(rig, "HS")
    arm(rig, 0, ETRIGGER | TRAP_IN["VU"], 1 << 2, guest)
    assert (run(rig, "VU", ILLEGAL).cause == 3) == match, "by the mode that the exception is taken from"
    arm(rig, 0, ITRIGGER | TRAP_IN["VS"], 2, guest)
    rig.csr["mideleg"] = rig.csr["mie"] = rig.csr["mip"] = 2
    assert (run(rig, "VS", NOP).cause == 3) == match


def test_a_context_of_a_chains_first_trigger(rig):
    rig.csr["scontext"] = 3
    arm(rig, 0, MC6 | LOAD | IN["HS"] | 1 << 11, DATA, 1 | 4 << 2)
    arm(rig, 1, MC6 | LOAD | IN["HS"], DATA)
    assert run(rig, "HS", LD) is None
    rig.csr["scontext"] = 4
    assert run(rig, "HS", LD) is not None


# -- in the handler, and delegated


@pytest.mark.parametrize("kind", ["execute", "load", "icount"])
def test_none_in_m_mode_without_mie(rig, kind):
    def again():
        if kind == "icount":
            arm(rig, 0, ICOUNT | COUNT_IN["M"] | PENDING)
        else:
            arm(rig, 0, MC6 | IN["M"] | (EXECUTE if kind == "execute" else LOAD), CODE if kind == "execute" else DATA)

    again()
    assert run(rig, "M", LD) is not None
    again()
    rig.code(LD)
    rig.stand("M")
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~MIE
    rig.step()
    assert rig.trap() is None and rig.pc == CODE + 4


@pytest.mark.parametrize("mode, into, enabled, fires", [
    ("HS", "HS", True, True), ("HS", "HS", False, False), ("HS", "M", False, True),
    ("U", "HS", False, True), ("VS", "VS", True, True), ("VS", "VS", False, False), ("VS", "HS", False, True),
    ("VS", "M", False, True), ("VU", "VS", False, True),
])  # fmt: skip
def test_none_where_its_handler_may_be_running(rig, mode, into, enabled, fires):
    rig.csr["medeleg"] = 8 if into != "M" else 0
    rig.csr["hedeleg"] = 8 if into == "VS" else 0
    for name in ("mstatus", "vsstatus"):
        rig.csr[name] = rig.csr[name] & ~SIE | SIE * enabled
    arm(rig, 0, MC6 | LOAD | IN[mode], DATA)
    assert run(rig, mode, LD) == (Trap(into, 3, CODE, DATA) if fires else None)


# -- without S-mode: tcontrol

MTE, MPTE = 1 << 3, 1 << 7


@pytest.fixture
def small():
    return bench("rv64imu_zicsr_sdtrig")


def test_tcontrol_holds_its_two_fields(small):
    small.write("tcontrol", "M", ALL)
    assert small.read("tcontrol", "M") == MTE | MPTE
    assert small.cause(0x7A502573, mode="U") == 2
    assert "medeleg" not in small.csr


@pytest.mark.parametrize("mte", [0, MTE])
def test_mte_in_place_of_mie(small, mte):
    small.csr["tcontrol"] = mte
    for mie in (0, MIE):
        arm(small, 0, MC6 | EXECUTE | IN["M"], CODE)
        small.code(NOP)
        small.stand("M")
        small.csr["mstatus"] = mie
        small.step()
        assert (small.trap() == Trap("M", 3, CODE, CODE)) == bool(mte)
        small.csr["tcontrol"] = mte
    arm(small, 0, MC6 | EXECUTE | IN["U"], CODE)
    assert run(small, "U", NOP) == Trap("M", 3, CODE, CODE), "below M-mode it is not asked"


@pytest.mark.parametrize(
    "before, inside, after", [(MTE, MPTE, MTE | MPTE), (MPTE, 0, 0), (0, 0, 0), (MTE | MPTE, MPTE, MTE | MPTE)]
)
def test_traps_and_mret_move_mte(small, before, inside, after):
    for word, line in ((r.ECALL, 0), (NOP, 1 << 3)):
        small.csr["mie"] = 1 << 3
        small.csr["tcontrol"] = before
        small.code(MRET, at=r.M_VECTOR)
        small.lines(1 << 3, bool(line))
        small.code(word)
        small.stand("U")
        small.step()
        if line:  # the interrupt, and MRET at once
            assert small.csr["tcontrol"] == after
            continue
        assert small.csr["tcontrol"] == inside
        small.csr["mepc"] = CODE
        small.step()
        assert (small.mode, small.csr["tcontrol"]) == ("U", after)


def test_etrigger_before_a_handler_of_m_mode_never(small):
    small.csr["tcontrol"] = MTE | MPTE
    arm(small, 0, ETRIGGER | TRAP_EVERYWHERE, ALL)
    assert run(small, "U", ILLEGAL) == Trap("M", 2, CODE, ILLEGAL)
