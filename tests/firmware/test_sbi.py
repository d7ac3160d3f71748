"""The SBI that guests see: what the guest `sbi` checks from inside, and what can only be seen from outside."""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

CHECK = str(IMAGES / "sbicheck.elf")
SPIN = "    csrw sie, zero\n1:  j 1b\n"
TEXT = SAY_AND_STOP + 'text: .asciz "done\\n"\n'


EXTENSIONS = ("BASE", "TIME", "HSM", "IPI", "RFENCE", "PMU", "FWFT", "DBCN", "legacy", "SUSP", "SRST")


@pytest.mark.parametrize("harts, vcpus", [(1, 1), (1, 2), (2, 2), (3, 4)])
def test_every_call_does_what_the_specification_says(harts, vcpus):
    done = run_vms({"a": CHECK, "b": CHECK}, harts=harts, vcpus=vcpus)
    for label in "ab":
        lines = [line for line in done.of(label) if line.strip() and not line.startswith("  written")]
        assert lines == ["SBI 3.0", *(f"{name:6} as specified" for name in EXTENSIONS), "sbicheck: 0 wrong"]
    assert done.stop.kind == "pass"


def test_the_states_of_a_vcpu_that_starts_and_suspends_can_be_seen(tmp_path):
    # One hart: the second vCPU stands still while the first one looks, and moves on while that one sleeps a little.
    def status(place: int) -> str:
        return f"""
        li a7, 0x48534d
        li a6, 2
        li a0, 1
        ecall
        bnez a0, failed
        addi a1, a1, 0x30
        la t0, text
        sb a1, {place}(t0)
        """

    pause = """
        li a7, 0x54494d45       # set_timer in 20 ms, and WFI
        li a6, 0
        csrr a0, time
        li t0, 200000
        add a0, a0, t0
        ecall
        csrwi sie, 0
        li t0, 0x20
        csrw sie, t0
        wfi
        csrwi sie, 0
    """
    source = f"""
    {status(0)}
        li a7, 0x48534d         # hart_start
        li a6, 0
        li a0, 1
        la a1, second
        ecall
        bnez a0, failed
    {status(1)}
    {pause}
    {status(2)}
        li a7, 0x735049         # the IPI that wakes it
        li a6, 0
        li a0, 2
        li a1, 0
        ecall
    {status(3)}
    {pause}
    {status(4)}
        li s1, 0
        j say
    failed:
        li s1, 1
        j say
    second:
        csrwi sie, 2
        li a7, 0x48534d         # hart_suspend
        li a6, 3
        li a0, 0
        ecall
        li a7, 0x48534d         # hart_stop
        li a6, 1
        ecall
        j second
    """
    text = SAY_AND_STOP + 'text: .asciz "-----"\n'
    done = run_vms({"states": guest(tmp_path, "states", source + text)}, vcpus=2)
    # STOPPED, START_PENDING, SUSPENDED, RESUME_PENDING, STOPPED
    assert done.of("states") == ["12461"] and done.stop.kind == "pass", done.text


def test_a_key_wakes_a_suspended_vm_whatever_it_has_masked(tmp_path):
    source = """
        csrw sie, zero
        li a7, 0x53555350       # SUSP system_suspend
        li a6, 0
        li a0, 0
        la a1, woken
        li a2, 77
        ecall
        j bad                   # it would have been refused
        .align 2
    woken:
        li s1, 1
        bnez a0, bad
        li t0, 77
        bne a1, t0, bad
        li a7, 2                # legacy console getchar
        ecall
        li t0, 0x77
        bne a0, t0, bad
        li s1, 0
        j say
    bad:
        li s1, 1
        j say
    """
    kernels = {"sleeper": guest(tmp_path, "sleeper", source + TEXT)}
    done = run_vms(kernels, typed_asleep=b"w")
    assert done.of("sleeper") == ["done"] and done.stop.kind == "pass", done.text
    assert "sleeper: off: it powered off" in done.of("hv")


def test_calls_are_traced_by_name_for_who_asks(tmp_path):
    calls = """
        li a7, 0x10             # BASE get_spec_version
        li a6, 0
        ecall
        li a7, 0x735049         # IPI to a hart that does not exist
        li a6, 0
        li a0, 1
        li a1, 7
        ecall
        li a7, 0x735049         # no such function
        li a6, 9
        ecall
        li a7, 0x123456         # no such extension
        li a6, 5
        ecall
        li a7, 2                # legacy: no key was pressed
        ecall
        li a7, 0x48534d         # HSM hart_suspend, not to return
        li a6, 3
        li a0, 0x80000000
        la a1, woken
        li a2, 42
        csrwi sie, 2
        csrwi sip, 2
        ecall
    woken:
        csrwi sip, 0
        li a7, 0x53525354       # a reset of a kind that does not exist
        li a6, 0
        li a0, 3
        li a1, 0
        ecall
        li s1, 0
        j say
    """
    source = calls + SAY_AND_STOP + 'text: .asciz ""\n'
    seen, silent = guest(tmp_path, "seen", source), guest(tmp_path, "silent", source)
    done = run_vms({"seen": seen, "silent": silent}, trace_sbi={"seen"})
    assert done.stop.kind == "pass", done.text
    lines = [line.removeprefix("seen/0: sbi ") for line in done.of("hv") if line.startswith("seen/0")]
    woken = next(line for line in lines if "suspend" in line).split(", ")[1]
    assert lines == [
        "BASE get_spec_version() = SUCCESS, 0x3000000",
        "IPI send_ipi(0x1, 0x7) = INVALID_PARAM",
        "IPI 0x735049, function 0x9 = NOT_SUPPORTED",
        "extension 0x123456, function 0x5 = NOT_SUPPORTED",
        "legacy console_getchar() = -1",
        f"HSM hart_suspend(0x80000000, {woken}, 0x2a) goes on elsewhere",
        "SRST system_reset(0x3, 0x0)",
        "SRST system_reset(0x3, 0x0) = INVALID_PARAM",
        "SRST system_reset(0x0, 0x0)",
    ]
    assert not [line for line in done.of("hv") if line.startswith("silent/")]


def test_instret_counts_the_guests_instructions_and_no_others(tmp_path):
    # Between the two readings: interrupts and other guests' turns, emulated instructions, which the guest has
    # executed, and an ECALL, which never retires (privileged manual, "Environment Call and Breakpoint").
    source = """
        li s5, 0x10000005       # the UART's line status
        li s6, 1000000
        li a7, 0x10
        li a6, 0
        csrr s3, instret
        csrr s8, cycle
    1:  addi s6, s6, -1
        bnez s6, 1b
        lbu t0, 0(s5)
        ecall
        csrr t1, cycle
        csrr s4, instret
        csrr s9, cycle
        sub s4, s4, s3
        li t0, 2000000 + 4
        sub s1, s4, t0          # 0: the verdict
        sub s9, s9, s8
        li t0, 2000000
        blt s9, t0, wrong       # cycles stand still while others run: few more than the instructions
        li t0, 2001000
        blt s9, t0, say
    wrong:
        li s1, 1
        j say
    """
    count = guest(tmp_path, "count", source + TEXT)
    spin = guest(tmp_path, "spin", SPIN)
    done = run_vms({"count": count, "spin": spin}, max_insns=40_000_000)
    assert done.of("count") == ["done"]
    assert "count: off: it powered off" in done.of("hv"), done.text


def test_counters_that_the_guests_user_may_not_read_are_illegal_to_it(tmp_path):
    source = """
        la t0, trap
        csrw stvec, t0
        csrwi scounteren, {enabled}
        li t0, 0x100
        csrc sstatus, t0        # to VU-mode
        la t0, user
        csrw sepc, t0
        sret
        .align 2
    trap:
        csrr t0, scause
        li s1, 1
        li t1, {cause}
        bne t0, t1, say
        li s1, 0
        j say
    user:
        csrr t0, {counter}
        ecall
    """
    kernels = {
        "allowed": source.format(enabled=5, counter="instret", cause=8),
        "denied": source.format(enabled=1, counter="instret", cause=2),
        "absent": source.format(enabled=31, counter="hpmcounter3", cause=2),
    }
    done = run_vms({name: guest(tmp_path, name, text + TEXT) for name, text in kernels.items()})
    assert done.stop.kind == "pass", done.text
