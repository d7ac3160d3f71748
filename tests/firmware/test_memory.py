"""Guest memory: what it costs, that it is had when touched, comes back, and is empty when it is given out again."""

from __future__ import annotations

import re

import pytest
from vmrig import IMAGES, RAM_BASE, SAY_AND_STOP, guest

from rvh import Machine, vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

OPEN = b"\x1d:"
MIB = 1 << 20
CHUNK = 2 * MIB
STEP = 10_000_000
SLEEP = "    csrw sie, zero\n1:  wfi\n    j 1b\n"
#: Where the loader has put something: the program, and the device tree at the top.
LOADED = 2 * CHUNK


class Session:
    """VMs under the hypervisor, asked through the monitor."""

    def __init__(
        self,
        kernels: dict[str, tuple[str, int]],
        ram: int = 0,
        overcommit: bool = False,
        harts: int = 1,
        off: tuple[str, ...] = (),
    ):
        specs = [vms.VmSpec(name, path, memory, autostart=name not in off) for name, (path, memory) in kernels.items()]
        ram = ram or vms.memory_for(specs)
        self.output = bytearray()
        self.machine = Machine(harts=harts, ram=ram, console=self.output.extend)
        plan = vms.plan_hypervisor(
            self.machine.device_tree(),
            RAM_BASE,
            ram,
            str(IMAGES / "sbi.elf"),
            str(IMAGES / "hv.elf"),
            specs,
            overcommit=overcommit,
        )
        for load in plan.loads:
            self.machine.store(load.address, load.data, load.size)
        self.machine.start(plan.entry, plan.dtb_address, plan.info_address)

    def go(self, insns: int = STEP) -> str:
        return self.machine.run(max_insns=insns).kind

    def ask(self, line: str) -> str:
        start = len(self.output)
        self.machine.console_feed(OPEN + line.encode() + b"\r\r")
        self.go()
        return self.output[start:].decode()

    def resident(self, name: str) -> int:
        """What a VM has, in bytes."""
        match = re.search(r"memory (\d+) KiB of", self.ask(f"stat {name}"))
        assert match, self.output.decode()
        return int(match[1]) << 10

    @property
    def text(self) -> str:
        return self.output.decode()


def program(directory, name: str, body: str) -> str:
    return guest(directory, name, body + SAY_AND_STOP + 'text: .asciz "done\\n"\n')


def touching(offsets: list[int]) -> str:
    """Writes a byte at each offset of RAM."""
    return "".join(f"    li t0, {RAM_BASE + at:#x}\n    sb t0, 0(t0)\n" for at in offsets)


def test_a_vm_has_what_it_has_touched(tmp_path):
    at = [8 * MIB, 9 * MIB, 20 * MIB, 31 * MIB]
    run = Session({"sparse": (program(tmp_path, "sparse", touching(at) + SLEEP), 64 * MIB)})
    run.go(2 * STEP)
    # 8 and 9 MiB lie in one chunk.
    assert run.resident("sparse") == LOADED + 3 * CHUNK


def test_memory_that_is_no_whole_number_of_chunks(tmp_path):
    size = 16 * MIB + 0x5000
    at = [size - 0x1000, size - 8]
    run = Session({"odd": (program(tmp_path, "odd", touching(at) + SLEEP), size)})
    run.go()
    # The program's chunk, what is left of the last one, and the chunk before it where the device tree begins.
    assert run.resident("odd") == 2 * CHUNK + 0x5000


#: Touches one chunk after the other, from 8 MiB on, and says how far it has come.
GREEDY = """
    li s0, 0x80800000
    li s1, 0x200000
1:  sd s0, 0(s0)
    add s0, s0, s1
    j 1b
"""
#: Sleeps for 50 ms of guest time, touching memory now and then.
INNOCENT = """
    li s4, 0x80800000
    li s5, 8
1:  sd s5, 0(s4)
    ld t0, 0(s4)
    bne t0, s5, fail
    rdtime t0
    li t1, 20000
    add t0, t0, t1
2:  rdtime t1
    bltu t1, t0, 2b
    addi s5, s5, -1
    bnez s5, 1b
    li s1, 0
    j say
fail: li s1, 1
    j say
"""


@pytest.mark.parametrize("harts", [1, 2])
def test_a_vm_that_finds_no_memory_is_stopped_alone(tmp_path, harts):
    greedy = program(tmp_path, "greedy", GREEDY)
    innocent = program(tmp_path, "innocent", INNOCENT)
    run = Session(
        {"greedy": (greedy, 1024 * MIB), "innocent": (innocent, 32 * MIB)}, 128 * MIB, overcommit=True, harts=harts
    )
    assert run.go(1_000_000_000) == "fail"
    assert re.search(r"greedy: stopped: the machine has no memory left for it: it has \d+ of its 1048576 KiB", run.text)
    assert "[innocent] done" in run.text and "innocent: off: it powered off" in run.text


def test_without_overcommit_vms_cannot_add_up_to_more(tmp_path):
    spin = program(tmp_path, "spin", SLEEP)
    with pytest.raises(vms.UsageError, match="the VMs want"):
        Session({"one": (spin, 512 * MIB), "two": (spin, 512 * MIB)}, 512 * MIB)


def test_memory_of_a_vm_that_ends_serves_another(tmp_path):
    # Of 128 MiB each wants 80.
    hog = program(tmp_path, "hog", touching(list(range(4 * MIB, 80 * MIB, CHUNK))) + SLEEP)
    idle = program(tmp_path, "idle", SLEEP)
    kernels = {"first": (hog, 96 * MIB), "second": (hog, 96 * MIB), "idle": (idle, 32 * MIB)}
    run = Session(kernels, 128 * MIB, overcommit=True, off=("second",))
    run.go(10 * STEP)
    assert run.resident("first") == LOADED + 38 * CHUNK
    run.ask("kill first")
    assert run.resident("first") == 0
    run.ask("start second")
    run.go(10 * STEP)
    assert run.resident("second") == LOADED + 38 * CHUNK and "no memory" not in run.text
    run.ask("start first")
    run.go(10 * STEP)
    assert "[hv] first: stopped: the machine has no memory left for it" in run.text
    assert run.resident("second") == LOADED + 38 * CHUNK


#: Writes a mark all over a stretch of memory; before that it looks for marks of an earlier life.
MARKS = """
    li s0, 0x80800000
    li s1, 0x81800000
    li s3, 0x5a5a1234
1:  ld t0, 0(s0)
    bnez t0, found
    sd s3, 0(s0)
    addi s0, s0, 512
    bltu s0, s1, 1b
    la s2, text
2:  lbu a0, 0(s2)
    beqz a0, 3f
    li a7, 1
    ecall
    addi s2, s2, 1
    j 2b
3:  csrw sie, zero
    wfi
    j 3b
found:
    li a7, 1
    li a0, 0x58     # X
    ecall
    li a0, 10
    ecall
    j 3b
text: .asciz "marked\\n"
"""


@pytest.mark.parametrize("harts", [1, 2])
def test_a_reset_shows_nothing_of_what_was(tmp_path, harts):
    run = Session({"marks": (guest(tmp_path, "marks", MARKS), 32 * MIB)}, harts=harts)
    run.go()
    assert run.text.count("[marks] marked") == 1
    held = run.resident("marks")
    for life in (2, 3):
        run.ask("reset marks")
        run.go()
        assert run.text.count("[marks] marked") == life, run.text
        assert run.resident("marks") == held
    assert "[marks] X" not in run.text


def test_what_a_killed_vm_wrote_is_not_seen_by_the_next(tmp_path):
    marks = guest(tmp_path, "marks", MARKS)
    run = Session({"one": (marks, 32 * MIB), "two": (marks, 32 * MIB)}, 96 * MIB, overcommit=True)
    run.go(3 * STEP)
    assert run.text.count("marked") == 2
    run.ask("kill one")
    run.ask("reset two")
    run.ask("start one")
    run.go(3 * STEP)
    assert run.text.count("marked") == 4, run.text
    assert " X" not in run.text


#: Prints a text through DBCN that begins in one chunk and ends in the next, the second one touched first.
ACROSS = """
    li t0, 0x80c00000
    li t1, 0x41424344       # DCBA
    sw t1, 0(t0)
    li t0, 0x809ffffc       # another chunk first, so that the two are not neighbours
    sw zero, 0(t0)
    li t0, 0x80bffffc
    li t1, 0x45464748       # HGFE
    sw t1, 0(t0)
    mv a1, t0
    li a0, 8
    li a2, 0
    li a6, 0
    li a7, 0x4442434e
    ecall
    li a7, 1
    li a0, 10
    ecall
    li s1, 0
    j say
"""


def test_a_buffer_across_two_chunks(tmp_path):
    run = Session({"across": (program(tmp_path, "across", ACROSS), 32 * MIB)})
    assert run.go(100_000_000) == "pass", run.text
    assert "[across] HGFEDCBA" in run.text
