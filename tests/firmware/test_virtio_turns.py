"""A driver that feeds a ring without end from another vCPU cannot hold the hart that serves it."""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

from rvh.devices.virtio.rng import VirtioRng

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

CONSOLE, RNG, TRANSMIT = 0x10002000, 0x10004000, 1
DESC, AVAIL, USED, DATA = 0x80600000, 0x80601000, 0x80602000, 0x80603000
SIZE = 64


def feeding(base: int, queue: int, flags: int, length: int) -> str:
    """vCPU 0 notifies once and then switches off; vCPU 1 keeps the ring full for ever."""

    def register(offset: int, value: int) -> str:
        return f"    li t0, {base + offset}\n    li t1, {value}\n    sw t1, 0(t0)\n"

    setup = (
        register(0x70, 0)
        + register(0x70, 3)
        + register(0x24, 1)
        + register(0x20, 1)  # VERSION_1
        + register(0x70, 11)
        + register(0x30, queue)
        + register(0x38, SIZE)
        + register(0x80, DESC)
        + register(0x84, 0)
        + register(0x90, AVAIL)
        + register(0x94, 0)
        + register(0xA0, USED)
        + register(0xA4, 0)
        + register(0x44, 1)
        + register(0x70, 15)
    )
    return f"""
{setup}
    li t0, {DESC}
    li t1, {DATA}
    sd t1, 0(t0)
    li t1, {length}
    sw t1, 8(t0)
    li t1, {flags}
    sh t1, 12(t0)
    li t0, {AVAIL}
    li t1, 8
    sh t1, 2(t0)
    li a7, 0x48534d
    li a6, 0
    li a0, 1
    la a1, feeder
    li a2, 0
    ecall
    li t0, {USED}
    la t1, started
1:  lw t2, 0(t1)
    beqz t2, 1b
    li t0, {base + 0x50}
    li t1, {queue}
    sw t1, 0(t0)        # QUEUE_NOTIFY
    li s1, 0
    j say
feeder:
    la t0, started
    li t1, 1
    sw t1, 0(t0)
    li t2, {AVAIL}
    li t3, {USED}
2:  lhu t1, 2(t3)
    addi t1, t1, {SIZE}
    sh t1, 2(t2)
    fence
    j 2b
.balign 8
started: .word 0
"""


@pytest.mark.parametrize(
    "base, queue, flags, length", [(CONSOLE, TRANSMIT, 0, 0), (RNG, 0, 2, 16)], ids=["console", "rng"]
)
def test_a_ring_that_is_never_empty_does_not_hold_the_hart(tmp_path, base, queue, flags, length):
    source = feeding(base, queue, flags, length) + SAY_AND_STOP + 'text: .asciz "served\\n"\n'
    result = run_vms(
        {"v": guest(tmp_path, "feed", source)},
        harts=2, vcpus=2, devices=[VirtioRng()], max_insns=300_000_000, quantum=50,
    )  # fmt: skip
    assert result.stop.kind == "pass", result.text
    assert result.of("v") == ["served"]
