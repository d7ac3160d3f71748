#!/usr/bin/env python3
"""Choose the instruction sequences that get a fused handler, by how often they are executed.

Runs the programs under tools/bench/ and, with --linux, a boot of Debian's kernel (tools/debian.py brings it), records a
window of instructions now and then, and prints the table for rvh/emit/sequences.py.

    python tools/choose_sequences.py --linux --count 500

Exit status: 0, or 1 if the kernel is not to be had.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from rvh import Machine  # noqa: E402
from rvh.boot import plan_bare  # noqa: E402
from rvh.emit.c_handlers import has_slow  # noqa: E402
from rvh.emit.fusion import Part, Sequence, writes_x  # noqa: E402
from rvh.emit.syntax import lookup, lookup16  # noqa: E402
from rvh.isa.dsl import Insn  # noqa: E402
from rvh.machine import RAM_BASE  # noqa: E402
from tools import bench, debian  # noqa: E402

RAM = 512 << 20
#: Instructions recorded at a time, and how many windows at most a program gives.
WINDOW, WINDOWS = 1000, 400
#: Longest sequence chosen. Longer ones save little more and fit few programs.
LONGEST = 4
#: A sequence is a candidate if it is in so many different runs of instructions, or in a share of all executed.
RUNS, SHARE = 6, 0.004
#: What keeping an operand in a host register is worth, in dispatches.
CHAIN_GAIN = 0.4
#: Weight of the kernel's boot against all benchmarks together.
LINUX_WEIGHT = 1.0


def fusable(insn: Insn) -> bool:
    """Whether an instruction may be part of a sequence and is common enough to be worth it."""
    if any(effect.kind in ("helper", "csr", "system", "xret") for effect in insn.effects):
        return False
    access = insn.memory
    return access is None or (has_slow(insn) and access.kind in ("load", "store"))


@cache
def decode(word: int) -> tuple[Insn | None, int]:
    """The instruction, and the 32-bit word it is or stands for."""
    if word & 3 != 3:
        alias = lookup16(word & 0xFFFF)
        if alias is None:
            return None, word
        word = alias.expand(word & 0xFFFF)
    return lookup(word), word


def runs(window: Iterable[tuple[int, int]]) -> Iterator[Sequence]:
    """Straight runs of fusable instructions, each ending at the latest with a jump, from (pc, word) in order."""
    run: list[Part] = []
    written: int | None = None  # the x register that the part before wrote
    expected = -1
    for pc, raw in window:
        insn, word = decode(raw)
        if pc != expected or insn is None or not fusable(insn):
            if len(run) > 1:
                yield tuple(run)
            run, written = [], None
        expected = pc + (4 if raw & 3 == 3 else 2)
        if insn is None or not fusable(insn):
            continue
        operands = [insn.pattern.extract(word, name) if name in insn.operands else None for name in ("rs1", "rs2")]
        chain = sum(bit for bit, register in zip((1, 2), operands, strict=True) if written and register == written)
        run.append(Part(insn.pyname, chain))
        written = insn.pattern.extract(word, "rd") if writes_x(insn) else None
        if insn.terminator:
            if len(run) > 1:
                yield tuple(run)
            run, written, expected = [], None, -1


def sample(machine: Machine, gap: int) -> Counter[Sequence]:
    """How often each run was seen, from WINDOWS windows ``gap`` instructions apart."""
    seen: Counter[Sequence] = Counter()
    for _ in range(WINDOWS):
        if machine.run(max_insns=gap).kind != "limit":
            break
        records = machine.trace(WINDOW)
        seen.update(runs(zip(records["pc"].tolist(), records["insn"].tolist(), strict=True)))
    return seen


def linux() -> Counter[Sequence]:
    """The runs of a boot of Debian's kernel to its power-off."""
    files = debian.bring()
    machine = Machine(ram=RAM)
    root = machine.device_tree()
    plan = plan_bare(
        root, RAM_BASE, RAM, str(files["fw_dynamic.elf"]), str(files["Image"]), str(files["initramfs.cpio"]),
        bench.LINUX_ARGUMENTS,
    )  # fmt: skip
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)
    return sample(machine, 2_700_000_000 // WINDOWS)


def benchmark(program: bench.Program) -> Counter[Sequence]:
    """The runs of a program under tools/bench/."""
    machine = Machine(ram=bench.MEMORY_MIB << 20)
    machine.load(bench.build(program, 0.1))
    return sample(machine, 50_000_000 // WINDOWS)


def slices(run: Sequence) -> Iterator[Sequence]:
    """Every sequence in a run, as its registers have it and for any registers."""
    for start in range(len(run)):
        for end in range(start + 2, min(start + LONGEST, len(run)) + 1):
            yield at(run, start, end)
            yield plain(at(run, start, end))


def at(run: Sequence, start: int, end: int) -> Sequence:
    return (Part(run[start].name, 0), *run[start + 1 : end])


def plain(sequence: Sequence) -> Sequence:
    return tuple(Part(part.name, 0) for part in sequence)


def gain(sequence: Sequence) -> float:
    """Dispatches saved each time it is executed."""
    return len(sequence) - 1 + CHAIN_GAIN * sum(part.chain != 0 for part in sequence)


def used(weights: dict[Sequence, float], chosen: set[Sequence]) -> Counter[Sequence]:
    """How often each chosen sequence is executed if runs are cut as rvh_fuse() cuts them: greedily, longest first."""
    uses: Counter[Sequence] = Counter()
    for run, weight in weights.items():
        start = 0
        while start < len(run):
            for end in range(min(start + LONGEST, len(run)), start + 1, -1):
                sequence = at(run, start, end)
                sequence = sequence if sequence in chosen else plain(sequence)
                if sequence in chosen:
                    uses[sequence] += weight
                    start = end
                    break
            else:
                start += 1
    return uses


def choose(weights: dict[Sequence, float], count: int) -> list[Sequence]:
    """The ``count`` sequences that save the most together."""
    total = sum(weight * len(run) for run, weight in weights.items())
    worth: Counter[Sequence] = Counter()
    spread: Counter[Sequence] = Counter()
    for run, weight in weights.items():
        for sequence in slices(run):
            worth[sequence] += weight * gain(sequence)
        spread.update(set(slices(run)))
    candidates = Counter({s: w for s, w in worth.items() if spread[s] >= RUNS or w >= SHARE * total})
    chosen: set[Sequence] = set()
    # Cutting by few sequences uses others than cutting by many: shrink step by step.
    for size in (16 * count, 8 * count, 4 * count, 2 * count, count, count):
        if size > count:
            chosen |= {s for s, _ in candidates.most_common(size)}
        uses = used(weights, chosen)
        ranked = sorted(uses, key=lambda s: (-uses[s] * gain(s), s))
        chosen = set(ranked[:size])
    return sorted(chosen, key=lambda s: (-len(s), s))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--linux", action="store_true", help="also a boot of Debian's kernel")
    parser.add_argument("--count", type=int, default=500, help="sequences to choose (default: %(default)s)")
    options = parser.parse_args()
    sources = [(benchmark(program), 1.0 / len(bench.PROGRAMS)) for program in bench.PROGRAMS]
    if options.linux:
        try:
            sources.append((linux(), LINUX_WEIGHT))
        except debian.DebianError as error:
            print(f"choose_sequences: {error}", file=sys.stderr)
            return 1
    weights: Counter[Sequence] = Counter()
    for seen, weight in sources:
        total = sum(n * len(run) for run, n in seen.items())
        for run, n in seen.items():
            weights[run] += weight * n / total
    words = [" ".join(p.name + (f".{p.chain}" if p.chain else "") for p in s) for s in choose(weights, options.count)]
    print(textwrap.fill("; ".join(words), 112, break_on_hyphens=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
