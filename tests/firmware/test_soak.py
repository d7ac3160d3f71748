"""Interrupts of guests: none lost, none too many, none late; and the PLIC against a model of its specification."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

import pytest
from vmrig import IMAGES, SAY_AND_STOP, SAY_WRONG, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "soak.elf").exists(), reason="firmware and guests are not built")

SOAK = str(IMAGES / "soak.elf")


def soaked(done, label: str) -> int:
    """How many interrupts this VM's soak counted."""
    lines = done.of(label)
    assert lines and lines[-1].endswith("interrupts, none lost"), done.text
    counts = {line.split()[0]: int(line.split()[1]) for line in lines[:-1]}
    assert counts.keys() == {"timer", "ipi", "uart", "virtio"} and all(counts.values())
    total = sum(counts.values())
    assert lines[-1].split(", ")[1] == f"{total} interrupts"
    return total


@pytest.mark.parametrize(
    "harts, vcpus, quantum, how",
    [
        # As many harts as vCPUs: nobody waits for a hart, and an interrupt is late after one millisecond.
        (1, 1, 10_000, "patience=1 nap=2000"),
        (2, 2, 333, "patience=1 nap=2000"),
        (4, 4, 3_000, "patience=1 nap=2000"),
        (4, 4, 500, "patience=1 nap=2000 spins=1000000"),  # only a kick brings a spinning one its interrupt
        (2, 4, 700, "patience=20 nap=40000"),
        (1, 3, 10_000, "patience=30 nap=60000"),
        (2, 3, 10_000, "patience=30 nap=60000"),
        (3, 5, 10_000, "patience=30 nap=60000"),
    ],
)
def test_no_interrupt_is_lost(harts, vcpus, quantum, how):
    append = {"soak": f"count=30000 {how}"}
    done = run_vms({"soak": SOAK}, harts=harts, vcpus=vcpus, quantum=quantum, append=append)
    assert done.stop.kind == "pass", done.text
    assert soaked(done, "soak") >= 30_000


def test_no_interrupt_is_lost_while_vcpus_change_harts():
    # Three times three on two harts, and some of the time interrupts stay pending for longer than a slice.
    append = dict.fromkeys("abc", "count=6000 patience=300 nap=600000 hold=12")
    done = run_vms(dict.fromkeys("abc", SOAK), harts=2, vcpus=3, quantum=700, append=append, max_insns=10**10)
    assert done.stop.kind == "pass", done.text
    assert all(soaked(done, label) >= 6_000 for label in "abc")


def test_no_interrupt_is_lost_in_many():
    """RVH_SOAK says how many: 10000000 take a minute."""
    count = int(os.environ.get("RVH_SOAK", "500000"))
    append = {"soak": f"count={count} patience=30 nap=60000"}
    done = run_vms({"soak": SOAK}, harts=2, vcpus=4, quantum=1000, append=append, max_insns=10**12)
    assert done.stop.kind == "pass", done.text
    assert soaked(done, "soak") >= count


# ---- the PLIC


@dataclass
class Plic:
    """The specification in a few lines: gateways, priorities, thresholds, claims and completions (RISC-V PLIC 1.0.0,
    chapters 3 to 10). All sources are levels."""

    contexts: int
    priority: dict[int, int] = field(default_factory=dict)
    enabled: set[tuple[int, int]] = field(default_factory=set)
    threshold: dict[int, int] = field(default_factory=dict)
    level: set[int] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    in_service: set[int] = field(default_factory=set)

    def gateways(self) -> None:
        self.pending |= self.level - self.in_service

    def set_level(self, source: int, up: bool) -> None:
        (self.level.add if up else self.level.discard)(source)
        self.gateways()

    def candidates(self, context: int) -> list[tuple[int, int]]:
        """(priority, source), best first."""
        found = [(self.priority.get(s, 0), s) for s in self.pending if (context, s) in self.enabled]
        return sorted((p for p in found if p[0]), key=lambda p: (-p[0], p[1]))

    def interrupts(self, context: int) -> bool:
        best = self.candidates(context)
        return bool(best) and best[0][0] > self.threshold.get(context, 0)

    def claim(self, context: int) -> int:
        best = self.candidates(context)
        if not best:
            return 0
        self.pending.remove(best[0][1])
        self.in_service.add(best[0][1])
        return best[0][1]

    def complete(self, context: int, source: int) -> None:
        if (context, source) in self.enabled:
            self.in_service.discard(source)
            self.gateways()


PLIC, UART, CONSOLE, NET = 0x0C00_0000, 0x1000_0000, 0x1000_2000, 0x1000_3000
VCPUS = 3
SOURCES = (2, 3, 10)  # virtio console, virtio network card, UART
WRITE, WRITE_BYTE, READ, BREAK_CONSOLE, BREAK_NET = range(5)


def enable_address(context: int, word: int) -> int:
    return PLIC + 0x2000 + 0x80 * context + 4 * word


def context_address(context: int, register: int) -> int:
    return PLIC + 0x200000 + 0x1000 * context + register


def random_steps(rng: random.Random, count: int) -> list[tuple[int, int, int, int, bool]]:
    """(what, address, value to write, value that a read must give, whether vCPU 0's external interrupt is pending
    afterwards)."""
    plic = Plic(2 * VCPUS)
    steps = []
    broken = {CONSOLE: False, NET: False}
    for _ in range(count):
        context = rng.choice([1, 1, 1, *range(2 * VCPUS)])
        value = expected = 0
        match rng.randrange(12):
            case 0:
                what, source = WRITE, rng.choice([*SOURCES, 1, 95])
                address, value = PLIC + 4 * source, rng.getrandbits(32)
                plic.priority[source] = value & 7
            case 1:
                what, address = WRITE, enable_address(context, 0)
                value = rng.choice([0x40C, 0x40C, rng.getrandbits(32)])
                plic.enabled = {(c, s) for c, s in plic.enabled if c != context or s >= 32}
                plic.enabled |= {(context, s) for s in range(1, 32) if value >> s & 1}
            case 2:
                what, address, value = WRITE, context_address(context, 0), rng.choice([0, 0, rng.getrandbits(32)])
                plic.threshold[context] = value & 7
            case 3 | 4:
                what, address = READ, context_address(context, 4)
                expected = plic.claim(context)
            case 5 | 6:
                what, address = WRITE, context_address(context, 4)
                value = rng.choice([*SOURCES, *sorted(plic.in_service), rng.getrandbits(32)])
                plic.complete(context, value)
            case 7:
                what, address = READ, PLIC + 0x1000
                expected = sum(1 << s for s in plic.pending)
            case 8:
                # The empty transmitter interrupts when it is enabled anew; disabled, it does not.
                what, address, value = WRITE_BYTE, UART + 1, rng.choice([0, 2])
                plic.set_level(10, value == 2)
            case 9:
                what, address = rng.choice([(READ, enable_address(context, 0)), (READ, context_address(context, 0))])
                if address == enable_address(context, 0):
                    expected = sum(1 << s for c, s in plic.enabled if c == context)
                else:
                    expected = plic.threshold.get(context, 0)
            case _:
                device = rng.choice([CONSOLE, NET])
                source = 2 if device == CONSOLE else 3
                if not broken[device]:
                    what, address = (BREAK_CONSOLE if device == CONSOLE else BREAK_NET), 0
                    plic.set_level(source, True)
                else:
                    what, address, value = WRITE, device + 0x64, 2  # InterruptACK
                    plic.set_level(source, False)
                broken[device] = not broken[device]
        steps.append((what, address, value, expected, plic.interrupts(1)))
    return steps


#: Carries out the steps at `steps`; a0 is the number of the one that went wrong.
INTERPRETER = (
    """
    la s0, steps
    li s10, 0
next:
    ld t0, 0(s0)            # what
    ld t1, 8(s0)            # address
    ld t2, 16(s0)           # value
    ld t3, 24(s0)           # expected
    li t4, 5
    beq t0, t4, end
    beqz t0, write
    li t4, 1
    beq t0, t4, write_byte
    li t4, 2
    beq t0, t4, read
    li t1, 0x10002000
    li t4, 3
    beq t0, t4, shake
    li t1, 0x10003000
shake:                      # a virtio device whose queue lies outside RAM raises its interrupt when notified
    sw zero, 0x70(t1)
    li t4, 3
    sw t4, 0x70(t1)
    li t4, 1
    sw t4, 0x24(t1)
    sw t4, 0x20(t1)
    li t4, 11
    sw t4, 0x70(t1)
    li t4, 15
    sw t4, 0x70(t1)
    li t4, 1
    sw t4, 0x30(t1)
    li t5, 4
    sw t5, 0x38(t1)
    sw t4, 0x44(t1)
    sw t4, 0x50(t1)
    j check
write_byte:
    sb t2, 0(t1)
    j check
write:
    sw t2, 0(t1)
    j check
read:
    lwu t4, 0(t1)
    bne t4, t3, wrong
check:
    csrr t4, sip            # SEIP
    srli t4, t4, 9
    andi t4, t4, 1
    ld t3, 32(s0)
    bne t3, t4, wrong
    addi s0, s0, 40
    addi s10, s10, 1
    j next
end:
    li s1, 0
    j say
"""
    + SAY_WRONG
)


@pytest.mark.parametrize("seed", range(4))
def test_the_plic_follows_its_specification(tmp_path, seed):
    steps = random_steps(random.Random(seed), 4000)
    table = "".join(f".dword {what}, {a:#x}, {v:#x}, {e:#x}, {int(up)}\n" for what, a, v, e, up in steps)
    source = INTERPRETER + SAY_AND_STOP + 'text: .asciz "equal\\n"\n'
    source += f".balign 8\nsteps:\n{table}.dword 5, 0, 0, 0, 0\n"
    done = run_vms({"guest": guest(tmp_path, "guest", source)}, vcpus=VCPUS, net=True)
    said = done.of("guest")
    assert said == ["equal"], steps[max(int(said[0]) - 5, 0) : int(said[0]) + 1] if said else done.text


def test_the_plic_test_covers_what_it_should():
    steps = [step for seed in range(4) for step in random_steps(random.Random(seed), 4000)]
    claims = [expected for what, address, _, expected, _ in steps if what == READ and address & 0xFFF == 4]
    assert {0, *SOURCES} == set(claims) and sum(map(bool, claims)) > 200
    assert 0.1 < sum(up for *_, up in steps) / len(steps) < 0.9
