"""Guest memory: what it costs, that it is had when touched, comes back, and is empty when it is given out again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from vmrig import IMAGES, RAM_BASE, SAY_AND_STOP, guest

from rvh import Machine, vms
from rvh.devices.virtio.blk import VirtioBlk
from rvh.devices.virtio.disk import RawDisk
from rvh.devices.virtio.mmio import VirtioDevice

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
        vcpus: int = 1,
        off: tuple[str, ...] = (),
        disk: str | None = None,
        pages: str = "2M",
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        disks: Sequence[VirtioDevice] = (),
    ):
        specs = [
            replace(
                vms.VmSpec(name, path, memory, vcpus, autostart=name not in off, disk=disk, pages=pages),
                **(settings or {}).get(name, {}),
            )
            for name, (path, memory) in kernels.items()
        ]
        ram = ram or vms.memory_for(specs)
        self.output = bytearray()
        devices = disks or ([VirtioBlk(RawDisk(disk))] if disk else [])
        self.machine = Machine(harts=harts, ram=ram, console=self.output.extend, virtio=devices)
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
        return self._stat(name, r"memory (\d+) KiB of")

    def shared(self, name: str) -> int:
        """What of its RAM reads as zero, in bytes."""
        return self._stat(name, r"(\d+) KiB read as zero")

    def _stat(self, name: str, pattern: str) -> int:
        match = re.search(pattern, self.ask(f"stat {name}"))
        assert match, self.output.decode()
        return int(match[1]) << 10

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


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


def reading(offsets: list[int]) -> str:
    """Reads a doubleword at each offset of RAM, and ends with 1 if one is not zero."""
    lines = [f"    li t0, {RAM_BASE + at:#x}\n    ld t1, 0(t0)\n    li s1, 1\n    bnez t1, say\n" for at in offsets]
    return "".join(lines)


def test_what_is_only_read_costs_nothing(tmp_path):
    at = list(range(8 * MIB, 24 * MIB, CHUNK))
    run = Session({"reader": (program(tmp_path, "reader", reading(at) + SLEEP), 32 * MIB)})
    run.go()
    assert run.resident("reader") == LOADED
    assert run.shared("reader") == 8 * CHUNK
    said = run.ask("map reader")
    assert "0x80800000 to 0x817fffff -> zeroes, shared r-x, pages of 2048 KiB" in said
    assert re.search(r"0x80200000 to 0x803fffff -> 0x[0-9a-f]+ rwx, pages of 2048 KiB", said)


def test_a_last_chunk_that_is_short_is_zeroes_in_pages(tmp_path):
    source = reading([16 * MIB + 8, 16 * MIB + 0x4FF8]) + SLEEP
    run = Session({"odd": (program(tmp_path, "odd", source), 16 * MIB + 0x5000)})
    run.go()
    assert run.resident("odd") == 2 * CHUNK and run.shared("odd") == 0x5000
    assert "0x81000000 to 0x81004fff -> zeroes, shared r-x, pages of 4 KiB" in run.ask("map odd")


WRITES = {
    "store": "sb t1, 0(t0)",
    "amoadd": "amoadd.d t2, t1, (t0)",
    "amoor": "amoor.w t2, t1, (t0)",
    "sc": "lr.d t2, (t0)\n    sc.d t2, t1, (t0)\n    bnez t2, again",
    "fsd": "fmv.d.x fa0, t1\n    fsd fa0, 0(t0)",
    "misaligned": "sd t1, -4(t0)\n    sb t1, 0(t0)",
}


@pytest.mark.parametrize("write", WRITES)
def test_the_first_write_gives_memory_of_its_own(tmp_path, write):
    # The second VM reads the same zeroes before and after.
    writer = (
        reading([8 * MIB, 10 * MIB])
        + f"""
    li t0, 0x80800010
    li t1, 0x5a
    li t4, 0x6000
    csrs sstatus, t4
again:
    {WRITES[write]}
    lbu t3, 0(t0)
    li s1, 2
    bne t3, t1, say
    ld t3, 8(t0)
    bnez t3, say
"""
    )
    later = """
    li t0, 0x80800010
    ld t1, 0(t0)
    bnez t1, 3f
    rdtime s4
    li t1, 100000
    add s4, s4, t1
1:  rdtime t1
    bltu t1, s4, 1b
    ld t1, 0(t0)
    bnez t1, 3f
2:  li a7, 1
    li a0, 0x30      # 0
    ecall
    li a0, 10
    ecall
    csrw sie, zero
    wfi
3:  li a7, 1
    li a0, 0x58      # X
    ecall
    li a0, 10
    ecall
    csrw sie, zero
    wfi
"""
    run = Session(
        {
            "writer": (program(tmp_path, "writer", writer + SLEEP), 32 * MIB),
            "later": (guest(tmp_path, "l", later), 32 * MIB),
        }
    )
    run.go(3 * STEP)
    assert run.resident("writer") == LOADED + CHUNK, run.text
    assert run.shared("writer") == CHUNK and run.shared("later") == CHUNK
    assert "[later] 0" in run.text


#: vCPU 1 looks at a word that reads as zero until vCPU 0 has written there.
WATCHED = """
    li a7, 0x48534d         # HSM
    li a6, 0
    li a0, 1
    la a1, second
    li a2, 0
    ecall
    la s4, seen
1:  lw t0, 0(s4)            # it has read a zero
    beqz t0, 1b
    li t0, 0x80800040
    li t1, 77
    sd t1, 0(t0)
2:  lw t0, 0(s4)
    addi t0, t0, -77
    bnez t0, 2b
    li s1, 0
    j say
second:
    la s4, seen
    li s5, 0x80800040
1:  ld t1, 0(s5)
    addi t2, t1, 1
    bnez t1, 2f
    sw t2, 0(s4)
    j 1b
2:  sw t1, 0(s4)
3:  wfi
    j 3b
    .balign 8
seen: .word 0
"""


@pytest.mark.parametrize("harts", [1, 2])
def test_another_vcpu_sees_the_write_where_it_read_zero(tmp_path, harts):
    run = Session({"two": (program(tmp_path, "two", WATCHED), 32 * MIB)}, harts=harts, vcpus=2)
    assert run.go(300_000_000) == "pass", run.text


#: Reads a sector into guest memory at {to:#x}, driving the disk's queue by hand.
DISK = """
    li t0, {to:#x}
    ld t1, 0(t0)
    bnez t1, bad
    ld t1, 504(t0)
    bnez t1, bad
    li s4, 0x10001000
    sw zero, 0x70(s4)
    li t0, 3
    sw t0, 0x70(s4)
    li t0, 1
    sw t0, 0x24(s4)
    sw t0, 0x20(s4)         # VERSION_1
    li t0, 11
    sw t0, 0x70(s4)
    sw zero, 0x30(s4)
    li t0, 8
    sw t0, 0x38(s4)
    li s5, 0x80600000       # descriptors, at +0x100 available, at +0x200 used, at +0x300 header, at +0x400 status
    sw s5, 0x80(s4)
    sw zero, 0x84(s4)
    addi t0, s5, 0x100
    sw t0, 0x90(s4)
    sw zero, 0x94(s4)
    addi t0, s5, 0x200
    sw t0, 0xa0(s4)
    sw zero, 0xa4(s4)
    li t0, 1
    sw t0, 0x44(s4)
    li t0, 15
    sw t0, 0x70(s4)
    addi t0, s5, 0x300
    sd t0, 0(s5)
    li t0, 16
    sw t0, 8(s5)
    li t0, 0x10001          # next is 1
    sw t0, 12(s5)
    li t0, {to:#x}
    sd t0, 16(s5)
    li t0, 512
    sw t0, 24(s5)
    li t0, 0x20003          # next is 2, write
    sw t0, 28(s5)
    addi t0, s5, 0x400
    sd t0, 32(s5)
    li t0, 1
    sw t0, 40(s5)
    li t0, 2
    sw t0, 44(s5)
    fence
    li t0, 0x10000          # flags 0, index 1
    sw t0, 0x100(s5)
    fence
    sw zero, 0x50(s4)
1:  lhu t0, 0x202(s5)
    beqz t0, 1b
    lbu t0, 0x400(s5)
    bnez t0, bad
    li s1, 1
    li t0, {to:#x}
    li t1, 0x6463626164636261
    ld t2, 0(t0)
    bne t1, t2, say
    ld t2, 504(t0)
    bne t1, t2, say
    csrw sie, zero
3:  wfi
    j 3b
bad: li s1, 2
    j say
"""


@pytest.mark.parametrize("to", [0x8080_0000, 0x809F_FF00], ids=["within", "across"])
def test_a_disk_writes_where_the_guest_has_read_zeroes(tmp_path, to):
    image = tmp_path / "disk"
    image.write_bytes(b"abcd" * 1024)
    program_ = program(tmp_path, "disk", DISK.replace("{to:#x}", hex(to)))
    run = Session({"disk": (program_, 32 * MIB)}, disk=str(image))
    run.go(3 * STEP)
    # And the chunk of the rings.
    chunks = 1 if to % CHUNK == 0 else 2
    assert run.resident("disk") == LOADED + (1 + chunks) * CHUNK, run.text
    assert run.shared("disk") == 0


#: Writes to and reads from both ends of its 1088 MiB, where they must have been zero.
ENDS = """
    li s1, 0
    li t0, 0x80c00000
    li t1, 0xbfffff00
    li t2, 0xc1800000
    ld t3, 0(t0)
    ld t4, 0(t1)
    ld t5, 0(t2)
    or t3, t3, t4
    or t3, t3, t5
    bnez t3, fail
    sd t0, 0(t0)
    sd t0, 0(t1)
    sd t0, 0(t2)
    la s2, text
2:  lbu a0, 0(s2)
    beqz a0, 3f
    li a7, 1
    ecall
    addi s2, s2, 1
    j 2b
3:  csrw sie, zero
4:  wfi
    j 4b
fail:
    li s1, 1
"""
GIB = 1 << 30


def test_a_gib_in_one_page(tmp_path):
    """And back, and again; what is left of the memory comes in chunks."""
    size, gap = GIB + 64 * MIB, 3 * GIB
    run = Session({"big": (program(tmp_path, "big", ENDS), size)}, gap, pages="1G")
    for turn in (1, 2):
        run.go(40 * STEP)
        assert run.text.count("[big] done") == turn, run.text[-500:]
        shown = run.ask("map big")
        assert re.search(r"0x80000000 to 0xbfffffff -> 0x[0-9a-f]*[048c]0000000 rwx, pages of 1048576 KiB", shown), (
            shown
        )
        assert "pages of 2048 KiB" in shown
        # The device tree's chunk at the top, and the one that it has written to.
        assert run.resident("big") == GIB + 2 * CHUNK
        run.ask("reset big")


def test_no_gib_in_one_piece_means_chunks(tmp_path):
    run = Session({"big": (program(tmp_path, "big", ENDS), GIB + 64 * MIB)}, GIB + 512 * MIB, pages="1G")
    run.go(40 * STEP)
    assert "done" in run.text
    assert "pages of 1048576" not in run.ask("map big")
