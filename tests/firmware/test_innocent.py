"""An innocent guest next to a hostile one: its output, its share of the hart and how soon it wakes do not change."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hostile.elf").exists(), reason="firmware and guests are not built")

HOSTILE = str(IMAGES / "hostile.elf")
#: Not more than this is left of the hostile guest's rounds when the innocent one is done: it attacks all the time.
ROUNDS = "rounds=100000"

#: Counts loops for 100 ms of guest time, then sleeps fifty times for 2 ms. Prints three numbers in hexadecimal: the
#: loops, and by how many ticks it woke late, in all and at worst. A line of text before them never changes.
INNOCENT = """
    rdtime s0
    li t0, 1000000
    add s0, s0, t0
    li s3, 0
1:  addi s3, s3, 1
    rdtime t0
    bltu t0, s0, 1b
    li s4, 0                # late, in all
    li s5, 0                # late, at worst
    li s6, 50
    li t0, 0x20
    csrw sie, t0
sleep:
    rdtime s0
    li t0, 20000
    add s0, s0, t0
    csrw stimecmp, s0
2:  wfi
    rdtime t0
    bltu t0, s0, 2b
    sub t0, t0, s0
    add s4, s4, t0
    bgeu s5, t0, 3f
    mv s5, t0
3:  addi s6, s6, -1
    bnez s6, sleep
    li t0, -1
    csrw stimecmp, t0
    la s7, digits
    mv a1, s3
    jal hex
    mv a1, s4
    jal hex
    mv a1, s5
    jal hex
    li s1, 0
    j say
hex:                        # sixteen digits of a1 at s7, and the blank behind them
    li t1, 60
4:  srl t2, a1, t1
    andi t2, t2, 15
    li t3, 10
    addi t4, t2, 48
    bltu t2, t3, 5f
    addi t4, t2, 87
5:  sb t4, 0(s7)
    addi s7, s7, 1
    addi t1, t1, -4
    bgez t1, 4b
    addi s7, s7, 1
    ret
"""
TEXT = 'text: .ascii "the innocent guest has done what it does\\n"\ndigits: .asciz "' + ("0" * 16 + " ") * 3 + '\\n"\n'

IDLE = "    csrw sie, zero\n1:  wfi\n    j 1b\n"
BUSY = "1:  j 1b\n"


@dataclass
class Seen:
    text: list[str]
    loops: int
    late: int  # ticks of 100 ns, fifty times
    worst: int


def beside(tmp_path, partner: str | None, harts: int = 1) -> Seen:
    """Runs the innocent guest, and `partner` beside it until it is done."""
    kernels = {"good": guest(tmp_path, "good", INNOCENT + SAY_AND_STOP + TEXT)}
    if partner is not None:
        kernels["bad"] = partner
    done = run_vms(kernels, harts=harts, append={"bad": ROUNDS}, net=True, max_insns=700_000_000 * harts)
    lines = done.of("good")
    assert len(lines) == 2, done.text
    numbers = [int(n, 16) for n in lines[1].split()]
    assert "good: off: it powered off" in done.of("hv")
    if partner == HOSTILE:
        assert done.stop.kind == "limit", "it must attack to the end"
        assert not [line for line in done.of("bad") if re.search("ESCAPED", line)]
    return Seen(lines[:1], *numbers)


@pytest.fixture(scope="module")
def partners(tmp_path_factory):
    directory = tmp_path_factory.mktemp("partners")
    return {"idle": guest(directory, "idle", IDLE), "busy": guest(directory, "busy", BUSY), "hostile": HOSTILE}


def test_output_does_not_change(tmp_path, partners):
    seen = [beside(tmp_path, partner).text for partner in (None, *partners.values())]
    assert seen[0] == ["the innocent guest has done what it does"] and all(text == seen[0] for text in seen)


@pytest.mark.parametrize("harts", [1, 2])
def test_its_share_of_the_time_is_what_a_busy_partner_leaves(tmp_path, partners, harts):
    idle, busy, hostile = (beside(tmp_path, partners[name], harts) for name in ("idle", "busy", "hostile"))
    assert hostile.loops >= 0.95 * busy.loops, (idle, busy, hostile)
    if harts == 2:
        # A hart of its own: as if it were alone, but for the console and other locks.
        assert hostile.loops >= 0.98 * idle.loops, (idle, busy, hostile)


@pytest.mark.parametrize("harts", [1, 2])
def test_it_wakes_as_soon_as_beside_a_busy_partner(tmp_path, partners, harts):
    busy, hostile = (beside(tmp_path, partners[name], harts) for name in ("busy", "hostile"))
    assert hostile.late <= 1.1 * busy.late + 50 * 100, (busy, hostile)  # 10 microseconds each
    assert hostile.worst <= 1.1 * busy.worst + 2000, (busy, hostile)  # 0.2 ms: no exit may hold a hart for longer
