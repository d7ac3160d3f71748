"""Counters, counter overflow and Sstc: checklist I and J."""

import pytest
import rig as r
from rig import ALL, CODE, Rig, csrr, csrrs, csrrw, csrw

OF, MINH, SINH, UINH, VSINH, VUINH = (1 << n for n in (63, 62, 61, 60, 59, 58))
CYCLES, INSTRET, EXCEPTIONS, INTERRUPTS, TLB_FILLS, WALKS = range(1, 7)
LCOFI, VSTIP, STIP = 1 << 13, 1 << 6, 1 << 5


@pytest.fixture
def rig():
    return Rig()


@pytest.mark.parametrize("name", ["mcycle", "minstret"])
@pytest.mark.rules(
    "mcycle_op", "mcycle_wr", "mcycle_rst", "minstret_op", "minstret_wr", "minstret_rst", "m_mode_perf_monitoring"
)
def test_counters_count_and_a_write_counts_from_the_next_instruction(rig, name):
    assert rig.execute(csrw(name), csrr(name), mode="M", a1=1000) is None
    assert rig.a0 == 1000
    assert rig.execute(csrw(name), r.NOP, r.NOP, csrr(name), mode="M", a1=1000) is None
    assert rig.a0 == 1002
    # One block, one run: the same.
    rig.code(csrw(name), r.NOP, r.NOP, csrr(name))
    rig.stand("M")
    rig.hart.x["a1"] = ALL
    rig.step(4)
    assert rig.a0 == 1


@pytest.mark.rules("ecall_no_minstret_inc", "minstret_op")
def test_minstret_does_not_count_what_traps(rig):
    rig.csr["minstret"] = rig.csr["mcycle"] = 0
    rig.execute(r.ECALL, mode="HS")
    rig.execute(r.NOP, mode="M")
    assert rig.csr["minstret"] == 1
    assert rig.csr["mcycle"] == 2


def test_a_swap_returns_the_old_count(rig):
    rig.csr["minstret"] = 50
    assert rig.execute(csrrw("minstret"), mode="M", a1=7) is None
    assert rig.a0 == 50
    assert rig.csr["minstret"] == 7
    assert rig.execute(csrr("minstret"), mode="M") is None
    assert rig.a0 == 7


@pytest.mark.parametrize("name, bit", [("mcycle", 0), ("minstret", 2)])
@pytest.mark.rules("mcountinhibit_op", "mcountinhibit_enc", "mcountinhibit_only_inc")
def test_mcountinhibit_freezes(rig, name, bit):
    rig.csr["mcountinhibit"] = 1 << bit
    rig.csr[name] = 77
    rig.execute(r.NOP, r.NOP, mode="M")
    assert rig.csr[name] == 77
    assert rig.read(name, "M") == 77
    rig.csr["mcountinhibit"] = 0
    rig.execute(r.NOP, r.NOP, mode="M")
    assert rig.csr[name] == 79
    # Inhibited by an instruction, which still counts; then let go by one, which does not.
    rig.csr[name] = 500
    rig.execute(csrw("mcountinhibit"), r.NOP, r.NOP, mode="M", a1=1 << bit)
    assert rig.csr[name] == 501
    rig.execute(csrw("mcountinhibit"), r.NOP, r.NOP, mode="M", a1=0)
    assert rig.csr[name] == 503


@pytest.mark.rules("cycle_op", "instret_op", "hpmcounter_op")
def test_user_counters_are_the_machine_counters(rig):
    for user, machine in (("cycle", "mcycle"), ("instret", "minstret"), ("hpmcounter5", "mhpmcounter5")):
        rig.csr[machine] = 12345
        assert rig.read(user, "U") == 12345


@pytest.mark.rules("htimedelta_op")
def test_I2_time_at_V1_is_offset(rig):
    rig.csr["htimedelta"] = ALL - 99  # -100
    rig.csr["mcycle"] = rig.csr["minstret"] = 500
    for mode, offset in (("M", 0), ("HS", 0), ("U", 0), ("VS", -100), ("VU", -100)):
        now = rig.csr["time"]
        assert rig.read("time", mode) - (now + offset & ALL) in (0, 1, -ALL)
    rig.csr["mcycle"] = 500
    assert rig.read("cycle", "VS") == 500
    rig.csr["minstret"] = 500
    assert rig.read("instret", "VU") == 500


def run_in(rig, mode, n=10):
    rig.code(*[r.NOP] * n)
    rig.stand(mode)
    rig.step(n)


@pytest.mark.parametrize("inhibit, name", [(MINH, "M"), (SINH, "HS"), (UINH, "U"), (VSINH, "VS"), (VUINH, "VU")])
@pytest.mark.parametrize("event", [CYCLES, INSTRET])
@pytest.mark.rules("mhpmevent_inh_op")
def test_I3_mode_inhibition(rig, inhibit, name, event):
    """S means HS only and U means V=0 only. Modes are entered by MRET, whose own count is the mode's it is in."""
    rig.csr["mhpmevent3"] = event | inhibit
    for mode in ("M", "HS", "U", "VS", "VU"):
        priv, v = {"M": (3, 0), "HS": (1, 0), "U": (0, 0), "VS": (1, 1), "VU": (0, 1)}[mode]
        rig.csr["mhpmcounter3"] = 0
        rig.csr["mstatus"] = priv << 11 | v << 39
        rig.csr["mepc"] = CODE + 4
        rig.csr["mhpmcounter3"] = 0
        rig.code(r.MRET, *[r.NOP] * 10)
        rig.stand("M")
        rig.step(11)
        assert rig.mode == mode
        in_m = 0 if inhibit == MINH else 1
        assert rig.csr["mhpmcounter3"] == in_m + (0 if mode == name else 10), mode
        rig.execute(r.ECALL, mode=mode)  # back to M: counters follow


def test_I3_mode_changes_through_traps(rig):
    rig.csr["mhpmevent4"] = CYCLES | MINH
    rig.csr["mhpmcounter4"] = 0
    rig.code(r.NOP, r.NOP, r.ECALL)
    rig.code(r.NOP, r.NOP, r.NOP, r.NOP, at=r.M_VECTOR)
    rig.csr["mstatus"] = 1 << 11
    rig.csr["mepc"] = CODE
    rig.code(r.MRET, at=CODE + 0x100)
    rig.stand("M", CODE + 0x100)
    rig.step(8)  # MRET, NOP, NOP, ECALL (one cycle of S), 4 NOPs
    assert rig.mode == "M"
    assert rig.csr["mhpmcounter4"] == 3


FIXED = pytest.mark.parametrize("counter, config", [("mcycle", "mcyclecfg"), ("minstret", "minstretcfg")])


@FIXED
@pytest.mark.parametrize(
    "inhibit, name", [(MINH, "M"), (SINH, "HS"), (UINH, "U"), (VSINH, "VS"), (VUINH, "VU"), (0, "")]
)
@pytest.mark.rules(
    "mcyclecfg_op",
    "all_xinh_zero",
    "counter_inhibited_behavior",
    "transition_counting_defined",
    "cycle_counting",
    "instret_non_inhibited",
    "instret_exception",
    "instret_xret",
)
def test_smcntrpmf_filters_mcycle_and_minstret_by_mode(rig, counter, config, inhibit, name):
    """Smcntrpmf, "Counter Behavior": MRET counts in the mode that it is executed in, an exception is no retirement."""
    rig.csr[config] = inhibit
    for mode in ("M", "HS", "U", "VS", "VU"):
        priv, v = {"M": (3, 0), "HS": (1, 0), "U": (0, 0), "VS": (1, 1), "VU": (0, 1)}[mode]
        rig.csr["mstatus"] = priv << 11 | v << 39
        rig.csr["mepc"] = CODE + 4
        rig.code(r.MRET, *[r.NOP] * 10, 0)
        rig.stand("M")
        rig.csr[counter] = 1000
        rig.step(12)
        assert rig.mode == "M" and rig.pc == r.M_VECTOR
        trapped = 1 if counter == "mcycle" else 0
        expected = (0 if inhibit == MINH else 1) + (0 if mode == name else 10 + trapped)
        assert rig.csr[counter] == 1000 + expected, mode
        if name != "M":
            assert rig.read("cycle" if counter == "mcycle" else "instret", "M") > 1000


@FIXED
def test_smcntrpmf_and_mcountinhibit_both_stop(rig, counter, config):
    bit = 1 if counter == "mcycle" else 4
    rig.csr[config] = MINH
    rig.csr["mcountinhibit"] = bit
    before = rig.csr[counter]
    run_in(rig, "HS")
    assert rig.csr[counter] == before
    rig.csr["mcountinhibit"] = 0
    rig.csr[counter] = 5  # a stopped counter can be written
    run_in(rig, "M")
    assert rig.csr[counter] == 5
    rig.csr[config] = 0
    run_in(rig, "M")
    assert rig.csr[counter] == 15


@FIXED
def test_smcntrpmf_takes_effect_after_the_instruction_that_writes_it(rig, counter, config):
    rig.execute(csrw(counter), csrw(config), csrr(counter), mode="M", a1=MINH)
    assert rig.a0 == MINH + 1


@FIXED
@pytest.mark.rules("unimplemented_mode_bits", "mcyclecfg_sz")
def test_smcntrpmf_fields(rig, counter, config):
    rig.csr[config] = ALL
    assert rig.csr[config] == MINH | SINH | UINH | VSINH | VUINH
    no_h = Rig("max_no-h")
    no_h.csr[config] = ALL
    assert no_h.csr[config] == MINH | SINH | UINH
    assert config not in Rig("max_no-smcntrpmf").csr


@pytest.mark.parametrize("event", [CYCLES, INSTRET])
@pytest.mark.rules(
    "mip_lcofip_op",
    "mie_lcofie_op",
    "mhpmevent_of_op",
    "hpmcounter_overflow",
    "count_overflow_interrupt",
    "mhpmevent_of_bit_set",
    "sip_lcofip_op",
)
def test_I3_overflow_sets_of_and_interrupts_at_the_instruction(rig, event):
    rig.csr["mhpmevent3"] = event
    rig.csr["mhpmcounter3"] = ALL - 19  # 20 to go
    rig.csr["mie"] = LCOFI
    rig.csr["mstatus"] = 1 << 3
    rig.code(0x0000006F, at=r.M_VECTOR)
    rig.code(*[r.NOP] * 60)
    rig.stand("M")
    rig.step(50)
    assert rig.trap() == r.Trap("M", r.INTERRUPT | 13, CODE + 20 * 4, 0)
    assert rig.csr["mhpmevent3"] == event | OF
    assert rig.csr["mip"] & LCOFI


@pytest.mark.rules("count_overflow_interrupt", "mhpmevent_of_op", "hpmcounter_overflow", "sip_lcofip_op")
def test_I3_no_second_interrupt_while_of_is_set(rig):
    rig.csr["mhpmevent3"] = CYCLES | OF
    rig.csr["mhpmcounter3"] = ALL
    run_in(rig, "M")
    assert rig.csr["mhpmcounter3"] == 9
    assert rig.read("scountovf", "M") == 1 << 3
    assert not rig.csr["mip"] & LCOFI
    rig.csr["mhpmevent3"] = CYCLES
    rig.csr["mhpmcounter3"] = ALL
    run_in(rig, "M")
    rig.execute(csrr("scountovf"), mode="M")
    assert rig.csr["mip"] & LCOFI and rig.csr["mhpmevent3"] & OF


def test_I3_without_the_extension_counters_wrap_silently():
    rig = Rig("rv64gcsu_zicntr_zihpm")
    rig.csr["mhpmevent3"] = CYCLES | OF | MINH
    assert rig.csr["mhpmevent3"] == CYCLES
    rig.csr["mhpmcounter3"] = ALL
    run_in(rig, "M")
    run_in(rig, "M")
    assert rig.csr["mhpmcounter3"] == 19
    assert rig.csr["mhpmevent3"] == CYCLES and rig.csr["mip"] == 0
    assert rig.cause(csrr("scountovf"), mode="M") == 2


@pytest.mark.rules(
    "scountovf_op",
    "scountovf_smode_read_access_control",
    "scountovf_mmode_read_access",
    "scountovf_smode_read_access",
    "scountovf_vsmode_read_access",
)
def test_I3_scountovf_is_masked_below_M(rig):
    for n in (3, 7, 31):
        rig.csr[f"mhpmevent{n}"] = OF
    everything = 1 << 3 | 1 << 7 | 1 << 31
    rig.csr["mcounteren"], rig.csr["hcounteren"] = ALL & ~(1 << 7), ALL & ~(1 << 31)
    assert rig.read("scountovf", "M") == everything
    assert rig.csr["scountovf"] == everything
    assert rig.read("scountovf", "HS") == 1 << 3 | 1 << 31
    assert rig.read("scountovf", "VS") == 1 << 3
    assert rig.cause(csrr("scountovf"), mode="VU") == 22
    assert rig.cause(csrw("scountovf"), mode="HS") == 2


@pytest.mark.rules("mhpmevent_op", "mhpmevent_enc", "HPM_PLATFORM_SPECIFIC_IMPL")
def test_events(rig):
    for n, event in ((3, EXCEPTIONS), (4, INTERRUPTS), (5, TLB_FILLS), (6, WALKS), (7, 0)):
        rig.csr[f"mhpmevent{n}"] = event
        rig.csr[f"mhpmcounter{n}"] = 0
    rig.execute(r.ECALL, mode="HS")
    rig.execute(r.ECALL, mode="VS")
    rig.csr["mip"] = rig.csr["mie"] = 2
    assert rig.take_interrupt("HS").into == "M"
    rig.csr["mie"] = 0
    assert rig.csr["mhpmcounter3"] == 2
    assert rig.csr["mhpmcounter4"] == 1
    assert rig.csr["mhpmcounter7"] == 0
    rig.csr["satp"] = 8 << 60 | r.TABLES >> 12
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xCF)
    fills, walks = rig.csr["mhpmcounter5"], rig.csr["mhpmcounter6"]
    rig.execute(r.LW, mode="HS")
    assert rig.csr["mhpmcounter5"] > fills and rig.csr["mhpmcounter6"] > walks


@pytest.mark.rules("MHPMEVENT_WARL", "hpm_misconfigured_event_behavior")
def test_an_event_that_is_not_there_counts_nothing(rig):
    rig.csr["mhpmevent3"] = 0x55
    assert rig.csr["mhpmevent3"] & 0xFF == 0


@pytest.mark.rules("mcountinhibit_op")
def test_inhibited_event_counters_keep_their_value(rig):
    rig.csr["mhpmevent9"] = CYCLES
    rig.csr["mcountinhibit"] = 1 << 9
    rig.csr["mhpmcounter9"] = 40
    run_in(rig, "M")
    assert rig.csr["mhpmcounter9"] == 40
    rig.csr["mcountinhibit"] = 0
    run_in(rig, "M")
    assert rig.csr["mhpmcounter9"] == 50


# ---- Sstc


@pytest.mark.rules("menvcfg_stce_op", "mip_stip_stimecmp_op", "mip_stip_op", "sip_stip_op", "menvcfg_stce_exist")
def test_J3_stimecmp_drives_stip_only_with_stce(rig):
    rig.csr["stimecmp"] = 0
    assert rig.csr["mip"] & STIP
    rig.csr["menvcfg"] = 0
    assert not rig.csr["mip"] & STIP
    rig.csr["menvcfg"] = 1 << 63
    assert rig.csr["mip"] & STIP
    rig.csr["stimecmp"] = ALL
    assert not rig.csr["mip"] & STIP


@pytest.mark.rules("hip_vstip_op", "hip_vstip_vstie_acc")
def test_J4_vstimecmp_and_htimedelta(rig):
    """hip.VSTIP = hvip.VSTIP or (time + htimedelta >= vstimecmp, unsigned, modulo 2^64), at every V."""
    for delta, compare, high in [
        (0, 0, True),
        (0, ALL, False),
        (1000, 1000, True),
        (1000, 1 << 40, False),
        (1 << 63, 1 << 63, True),
        (ALL - (1 << 32), ALL - (1 << 33), True),
        (ALL - (1 << 32), ALL, False),
        (ALL + 1 - (1 << 20), 5, True),  # the guest's time is just below 2^64
    ]:
        rig.csr["htimedelta"], rig.csr["vstimecmp"] = delta, compare
        assert bool(rig.csr["hip"] & VSTIP) == high, (delta, compare)
        assert rig.csr["hvip"] == 0


@pytest.mark.rules("hip_vstip_clear")
def test_J4_wrap_around_takes_the_line_down(rig):
    """The guest's time passes 2^64 and starts from 0, below vstimecmp."""
    now = rig.csr["time"]
    rig.csr["htimedelta"] = ALL - now - 3  # wraps in 4 ticks
    rig.csr["vstimecmp"] = 1 << 62
    assert rig.csr["hip"] & VSTIP
    rig.code(0x0000006F)
    rig.stand("M")
    rig.machine.run(max_insns=500)
    assert rig.read("time", "VS") < 100
    assert not rig.csr["hip"] & VSTIP


def test_J4_the_guest_sees_the_wrap_around_while_it_runs(rig):
    """A guest that polls sip.STIP leaves its loop a few ticks after it began, within one run."""
    rig.csr["hideleg"] = ALL
    rig.csr["htimedelta"] = ALL - rig.csr["time"] - 3
    rig.csr["vstimecmp"] = 1 << 62
    # csrr a0, sip; andi a0, a0, 32; bnez a0, -8; ecall
    rig.code(csrr("sip"), 0x02057513, 0xFE051CE3, r.ECALL)
    rig.code(0x0000006F, at=r.M_VECTOR)
    rig.stand("VS")
    rig.step(1000)
    assert rig.trap() == r.Trap("M", 10, CODE + 12, 0)


@pytest.mark.rules("henvcfg_stce", "henvcfg_stce_exist")
def test_J4_gates(rig):
    rig.csr["vstimecmp"] = 0
    assert rig.csr["hip"] & VSTIP
    rig.csr["henvcfg"] = 0
    assert not rig.csr["hip"] & VSTIP
    rig.csr["henvcfg"] = 1 << 63
    assert rig.csr["hip"] & VSTIP
    rig.csr["menvcfg"] = 0
    assert not rig.csr["hip"] & VSTIP
    rig.csr["hvip"] = VSTIP  # software's bit is always there
    assert rig.csr["hip"] & VSTIP


@pytest.mark.parametrize("mode, name, bit, into", [("HS", "stimecmp", 5, "HS"), ("VS", "vstimecmp", 6, "VS")])
@pytest.mark.rules("hip_vstip_enable", "supervisor_timer_scheduling", "mip_stip_op", "sstc_purpose", "sstc_vs_facility")
def test_J_a_timer_interrupts_at_its_time(rig, mode, name, bit, into):
    rig.csr["mideleg"] = rig.csr["hideleg"] = ALL
    rig.csr["mie"] = 1 << bit
    rig.csr["mstatus"] = rig.csr["vsstatus"] = 2
    rig.csr["htimedelta"] = 7000
    due = rig.csr["time"] + 5
    rig.csr[name] = due + (7000 if mode == "VS" else 0)
    for vector in (r.M_VECTOR, r.HS_VECTOR, r.VS_VECTOR):
        rig.code(0x0000006F, at=vector)
    rig.code(0x0000006F)
    rig.stand(mode)
    rig.machine.run(until=lambda m: rig.trap() is not None, max_insns=2000)
    assert rig.trap().into == into
    rig.csr["mcycle"] = 0
    assert rig.csr["time"] - due < 20


def test_J_wfi_sleeps_until_the_timer(rig):
    rig.csr["mideleg"], rig.csr["mie"], rig.csr["mstatus"] = ALL, 1 << 5, 0
    rig.csr["stimecmp"] = rig.csr["time"] + 1_000_000
    assert rig.execute(r.WFI, mode="HS") is None
    rig.step()
    assert rig.csr["time"] >= rig.csr["stimecmp"]
    assert not rig.hart.waiting


def test_J3_henvcfg_stce_follows_menvcfg(rig):
    rig.csr["menvcfg"] = 0
    rig.execute(csrrs("henvcfg"), mode="M", a1=1 << 63)
    assert not rig.csr["henvcfg"] >> 63


@pytest.mark.rules("count_overflow_trigger")
def test_I3_a_write_never_overflows(rig):
    rig.csr["mhpmevent3"] = 0x55  # counts nothing
    for name, values in (("mhpmcounter3", (ALL, 0, ALL, 5)), ("mhpmevent3", (0, EXCEPTIONS, 0))):
        for value in values:
            rig.write(name, "M", value)
    rig.csr["mhpmcounter3"] = ALL
    rig.write("mhpmcounter3", "M", 0)
    assert not rig.csr["mhpmevent3"] & OF and not rig.csr["mip"] & LCOFI
