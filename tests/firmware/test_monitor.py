"""The monitor at the escape key: its verbs, its line, and what they do to VMs."""

from __future__ import annotations

import re

import pytest
from vmrig import IMAGES, RAM_BASE, SAY_AND_STOP, guest

from rvh import Machine, vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

OPEN = b"\x1d:"
MS = 10_000  # ticks of the timebase
STEP = 6_000_000  # instructions: 60 ms of guest time on one hart

#: Makes 500 SBI calls, the last of which powers off.
CALLS = """
    li s3, 499
1:  li a7, 0x10
    li a6, 0
    ecall
    addi s3, s3, -1
    bnez s3, 1b
    li a7, 0x53525354
    li a6, 0
    li a0, 0
    li a1, 0
    ecall
2:  j 2b
"""
SPIN = "1:  j 1b\n"
#: Counts in s1 while it runs; the largest step of its clock between two looks is in s2, both in memory for the test.
CLOCK = """
    la s0, text
    li s2, 0
    rdtime s3
1:  rdtime t0
    sub t1, t0, s3
    mv s3, t0
    bltu t1, s2, 2f
    mv s2, t1
2:  li t2, 200000
    bltu t0, t2, 1b
    li s1, 0
    li t3, 60000        # 6 ms: more than a slice of another VM, less than the pause
    bltu s2, t3, say
    li s1, 1
    j say
"""
SLEEP = "    csrw sie, zero\n1:  wfi\n    j 1b\n"
KEYBOARD = """
    li t0, 0x200        # SEIE; the PLIC enables nothing
    csrw sie, t0
1:  wfi
    j 1b
"""


class Session:
    """VMs under the hypervisor, one stretch of execution after the other."""

    def __init__(self, kernels: dict[str, str], harts: int = 1, vcpus: int = 1, off: tuple[str, ...] = ()):
        specs = [vms.VmSpec(name, path, 32 << 20, vcpus, autostart=name not in off) for name, path in kernels.items()]
        ram = vms.memory_for(specs)
        self.output = bytearray()
        self.machine = Machine(harts=harts, ram=ram, console=self.output.extend)
        plan = vms.plan_hypervisor(
            self.machine.device_tree(), RAM_BASE, ram, str(IMAGES / "sbi.elf"), str(IMAGES / "hv.elf"), specs
        )
        for load in plan.loads:
            self.machine.store(load.address, load.data, load.size)
        self.machine.start(plan.entry, plan.dtb_address, plan.info_address)
        self.go()

    def go(self, insns: int = STEP) -> str:
        """Runs on; how it stopped."""
        return self.machine.run(max_insns=insns).kind

    def ask(self, line: str, insns: int = STEP) -> list[str]:
        """Opens the monitor, types a line, closes it; the lines of the answer."""
        start = len(self.output)
        self.machine.console_feed(OPEN + line.encode() + b"\r\r")
        self.go(insns)
        said = self.lines(start)
        at = max(i for i, text in enumerate(said) if text == f"(hv) {line}")
        return said[at + 1 :]

    def lines(self, start: int = 0) -> list[str]:
        """What the hypervisor has said."""
        return self.of("hv", start)

    def of(self, label: str, start: int = 0) -> list[str]:
        """The lines of one VM, without the prompts that were taken away before them."""
        text = re.sub(r"(\(hv\) [^\r\n]*)?\r +\r", "", self.output[start:].decode())
        tag = f"[{label}] "
        return [line[len(tag) :] for line in text.replace("\r", "").splitlines() if line.startswith(tag)]


@pytest.fixture
def spin(tmp_path):
    return guest(tmp_path, "spin", SPIN)


def fine(tmp_path) -> str:
    return guest(tmp_path, "fine", "    li s1, 0\n    j say\n" + SAY_AND_STOP + 'text: .asciz "fine\\n"\n')


@pytest.mark.parametrize("harts", [1, 2])
def test_a_paused_vm_stands_still_and_goes_on(tmp_path, harts):
    clock = guest(tmp_path, "clock", CLOCK + SAY_AND_STOP + 'text: .asciz "counted\\n"\n')
    run = Session({"clock": clock}, harts=harts)
    assert run.ask("pause clock") == ["clock: paused"]
    exits = run.ask("exits clock")
    assert run.go(20 * STEP) == "idle" and run.of("clock") == []
    assert any(line == "0 clock: paused, has the keyboard" for line in run.ask("list"))
    assert run.ask("exits clock") == exits
    assert run.ask("pause clock") == ["pause clock: it is not running"]
    # Time passes while nothing runs: the guest must not see that.
    run.machine._core.set_alarm(run.machine._core.mtime + 200 * MS)
    run.go()
    assert run.ask("resume clock")[0] == "clock: goes on"
    assert run.go(30_000_000) == "pass", run.output.decode()
    assert run.of("clock") == ["counted"]


def test_pause_and_resume_in_one_breath(tmp_path):
    run = Session({"clock": guest(tmp_path, "clock", CLOCK + SAY_AND_STOP + 'text: .asciz "counted\\n"\n')})
    run.machine.console_feed(OPEN + b"pause 0\nresume 0\nresume 0\n\n")
    assert run.go(30_000_000) == "pass"
    assert "resume clock: it is not paused" in run.lines() and run.of("clock") == ["counted"]


def test_killed_counts_as_ended_and_paused_does_not(spin, tmp_path):
    run = Session({"spin": spin, "held": spin})
    run.ask("pause held")
    assert run.ask("kill spin") == ["spin: off: killed"]
    assert run.ask("kill spin") == ["kill spin: it is not running"]
    assert run.go() == "idle"
    run.machine.console_feed(OPEN + b"kill held\r")
    assert run.go() == "pass" and run.lines()[-1] == "the run ends: all 2 VMs powered off"


def test_start_and_reset(spin, tmp_path):
    run = Session({"spin": spin, "late": fine(tmp_path)}, off=("late",))
    assert "late: 32 MiB, 1 vcpu, off until it is started" in run.lines()
    assert run.of("late") == [] and "1 late: off" in run.ask("list")
    said = run.ask("start late")
    assert said[0] == "late: starts" and "late: off: it powered off" in said
    run.ask("start 1")
    assert run.of("late") == ["fine", "fine"]
    assert run.ask("start spin") == ["start spin: it has been started already"]
    assert run.ask("reset spin") == ["spin: restarts"]
    assert "0 spin: running, has the keyboard" in run.ask("list")
    run.machine.console_feed(OPEN + b"kill spin\r")
    assert run.go() == "pass"


def test_a_vm_without_a_running_vcpu_can_be_reset_and_killed(tmp_path):
    stop = guest(tmp_path, "stop", "    li a7, 0x48534d\n    li a6, 1\n    ecall\n")
    run = Session({"stop": stop})
    assert run.ask("reset stop")[0] == "stop: restarts"
    run.machine.console_feed(OPEN + b"kill stop\r")
    assert run.go() == "pass"


def test_exits_are_counted_exactly(tmp_path, spin):
    run = Session({"calls": guest(tmp_path, "calls", CALLS), "spin": spin})
    said = run.ask("exits calls")
    counts = {name: int(count) for count, name in (line.split(maxsplit=1) for line in said[1:])}
    assert counts["ECALL from VS-mode"] == 500
    assert said[0] == f"calls: {sum(counts.values())} exits"


def test_map_covers_what_was_touched_and_no_more(spin):
    run = Session({"spin": spin})
    said = run.ask("map spin")
    assert said[0] == "spin: 32768 KiB of RAM from 0x80000000"
    runs = [re.fullmatch(r"  0x(\w+) to 0x(\w+) -> 0x(\w+) (\S+), pages of (\d+) KiB", line) for line in said[1:]]
    assert runs and all(runs)
    for match in runs:
        first, last, page = int(match[1], 16), int(match[2], 16), int(match[5])
        assert 0x8000_0000 <= first < last < 0x8200_0000 and (last + 1 - first) % (page << 10) == 0
    assert any(int(m[1], 16) <= 0x8020_0000 <= int(m[2], 16) and "x" in m[4] for m in runs)


@pytest.mark.parametrize(
    "line, answer",
    [
        ("fly", "there is no verb 'fly'; 'help' lists them"),
        ("pause", "pause needs a VM: pause VM"),
        ("pause nobody", "there is no VM 'nobody'; 'list' lists them"),
        ("pause 1", "there is no VM '1'; 'list' lists them"),
        ("pause 99999999999999999999", "there is no VM '99999999999999999999'; 'list' lists them"),
        ("trace spin maybe", "trace spin: say on or off"),
        ("resume spin", "resume spin: it is not paused"),
    ],
)
def test_what_cannot_be_done_is_said(spin, line, answer):
    assert Session({"spin": spin}).ask(line) == [answer]


def test_help_names_every_verb(spin):
    said = {line.split()[0] for line in Session({"spin": spin}).ask("help")}
    assert said >= set("list console pause resume reset kill start stat map exits help trace".split())


def test_the_line_can_be_edited_and_guests_print_above_it(tmp_path, spin):
    run = Session({"spin": spin, "late": fine(tmp_path)}, off=("late",))
    run.machine.console_feed(OPEN + b"lisst\x7f\x7ft\x1b[A")
    run.go()
    assert run.output.endswith(b"(hv) list")
    run.machine.console_feed(b"x\x15start late\r\npau")
    run.go()
    assert run.of("late") == ["fine"]
    assert run.output.endswith(b"(hv) pau")
    run.machine.console_feed(b"\x15\x04")
    run.go()
    assert run.output.endswith(b"\r     \r")


def test_the_prompt_can_be_left_and_the_digits_still_work(spin):
    run = Session({"a": spin, "b": spin})
    run.machine.console_feed(b"\x1dm\x1d\x1d1\x1d?")
    run.go()
    said = run.lines()
    assert "keyboard goes to b" in said and "1 b: running, has the keyboard" in said
    assert run.ask("console a") == ["keyboard goes to a"]


def test_a_vm_that_waits_for_ever_is_named_once(tmp_path):
    run = Session({"sleep": guest(tmp_path, "sleep", SLEEP), "keys": guest(tmp_path, "keys", KEYBOARD)})
    assert run.go(20 * STEP) == "idle"
    said = [line for line in run.lines() if "for ever" in line]
    assert sorted(said[:2]) == [
        "keys: vcpu 0 waits for ever: WFI at pc 0x8020000c, sie: external; nothing can wake it",
        "sleep: vcpu 0 waits for ever: WFI at pc 0x80200008, sie: none; nothing can wake it",
    ]
    assert said[2:] == ["every VM waits for ever: Ctrl-] : opens the monitor, which can reset or kill one"]
    assert "can be woken by: nothing" in run.ask("list sleep")[1]
    run.ask("reset sleep", 20 * STEP)
    assert sum("sleep: vcpu 0 waits for ever" in line for line in run.lines()) == 2


def test_a_wait_that_can_end_is_no_wait_for_ever(tmp_path):
    source = """
        li t0, 0x0c000000
        li t1, 1
        sw t1, 40(t0)       # source 10, the UART, has priority 1
        li t0, 0x0c002080
        li t1, 0x400
        sw t1, 0(t0)        # and is enabled for the S context
        li t0, 0x200
        csrw sie, t0
    1:  wfi
        j 1b
    """
    timer = "    rdtime a0\n li t0, 100000000\n add a0, a0, t0\n li a7, 0\n ecall\n"
    timer += "    li t0, 0x20\n csrw sie, t0\n1:  wfi\n    j 1b\n"
    run = Session({"shell": guest(tmp_path, "shell", source), "timer": guest(tmp_path, "timer", timer)})
    run.go()
    assert not [line for line in run.lines() if "for ever" in line]
    assert "waits in WFI" in run.ask("list shell")[1] and run.ask("list shell")[1].endswith("can be woken by: external")
