"""How a failure came about: the last instructions, the traps among them in words, and where a signature first differs.

The machine is deterministic, so the story is told by a second run to just before the end, and from there step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import explain
from ..emit.disasm import disassemble
from ..machine import X_NAMES, Machine

__all__ = ["Difference", "Line", "Story", "compare", "tell"]

_TRAPS = 3
#: Longest run that is traced for the store of a wrong word.
_TRACED = 5_000_000


@dataclass(frozen=True)
class Line:
    """One instruction: where, in which mode, its text, and what it changed in x registers or that it trapped."""

    pc: int
    place: str
    mode: str
    text: str
    effect: str

    def __str__(self) -> str:
        where = f" <{self.place}>" if self.place else ""
        return f"{self.mode:<2} {self.pc:#012x}{where:24} {self.text:32} {self.effect}".rstrip()


@dataclass(frozen=True)
class Story:
    """The last instructions of a failing test, or those before what `end` names; its last traps in words
    (`rvh.explain`)."""

    lines: tuple[Line, ...]
    traps: tuple[str, ...]
    summaries: tuple[str, ...]
    end: str = ""


@dataclass(frozen=True)
class Difference:
    """The first word in which a signature differs from its reference, and how many do."""

    index: int
    address: int
    symbol: str
    expected: str
    got: str
    count: int

    def __str__(self) -> str:
        more = f"; {self.count} words differ" if self.count > 1 else ""
        return f"word {self.index} at {self.address:#x} <{self.symbol}>: expected {self.expected}, got {self.got}{more}"


def place(symbols: list[tuple[int, str]], address: int) -> str:
    """``name+0x10``: the last symbol at or before an address; "" if there is none."""
    import bisect

    at = bisect.bisect_right(symbols, (address, "\U0010ffff")) - 1
    if at < 0:
        return ""
    start, name = symbols[at]
    return name if start == address else f"{name}+{address - start:#x}"


def table(symbols: dict[str, int]) -> list[tuple[int, str]]:
    """Symbols by address; those of the assembler's own are left out."""
    return sorted((address, name) for name, address in symbols.items() if not name.startswith(("$", ".L")))


def tell(start: Callable[[], Machine], slots: int, last: int, difference: Difference | None = None) -> Story:
    """The end of a run of `slots` instructions, traps included; of a signature that differs, what comes before the last
    store to its first wrong word. ``start`` makes the machine again, ready to run."""
    end = ""
    if difference is not None and slots <= _TRACED:
        stored, _ = _scan(start, slots, difference.address, len(difference.got) // 2)
        if stored is not None:
            slots, end = stored, " up to the last store to that word"
    lines, traps = _steps(start, slots, last)
    if not traps and slots <= _TRACED:
        _, trapped = _scan(start, slots)
        if trapped is not None:
            _, traps = _steps(start, trapped, 1)
    shown = traps[-_TRAPS:]
    return Story(tuple(lines), tuple(str(trap) for trap in shown), tuple(trap.summary for trap in shown), end)


def _steps(start: Callable[[], Machine], slots: int, last: int) -> tuple[list[Line], list[explain.Trap]]:
    machine = start()
    try:
        before = max(slots - last, 0)
        if before:
            machine.run(max_insns=before)
        names = table(machine.symbols)
        lines: list[Line] = []
        traps: list[explain.Trap] = []
        for _ in range(min(last, slots)):
            lines.append(_step(machine, names, traps))
        return lines, traps
    finally:
        machine.close()


def _scan(start: Callable[[], Machine], slots: int, address: int = 0, size: int = 0) -> tuple[int | None, int | None]:
    """How many instructions there are up to the last store into [address, address + size), and up to the last trap,
    that one included; None if there is none."""
    from ..trace import INTERRUPT, RETIRED, Tracer

    machine = start()
    count, stored, trapped = 0, None, None

    def look(records: np.ndarray) -> None:
        nonlocal count, stored, trapped
        kinds = records["kind"]
        traps = np.flatnonzero(kinds != RETIRED)
        if len(traps):  # an interrupt is no instruction, and comes with the one after it
            at = int(traps[-1])
            trapped = count + int(np.count_nonzero(kinds[: at + 1] != INTERRUPT)) + int(kinds[at] == INTERRUPT)
        records = records[kinds != INTERRUPT]
        va = records["mem_va"].astype(np.int64)
        hit = (records["mem_write"] != 0) & (va < address + size) & (va + records["mem_size"] > address)
        where = np.flatnonzero(hit.any(axis=1))
        if len(where):
            stored = count + int(where[-1]) + 1
        count += len(records)

    try:
        with Tracer(machine, look):
            machine.run(max_insns=slots)
    finally:
        machine.close()
    return stored, trapped


def _step(machine: Machine, names: list[tuple[int, str]], traps: list[explain.Trap]) -> Line:
    hart = machine.harts[0]
    pc, mode = hart.pc, hart.mode
    word = explain.fetch(machine, 0, pc, mode)
    text = "cannot be read" if word is None else " ".join(disassemble(word, pc).split())
    before = [hart.x[n] for n in range(32)]
    stats = hart.stats
    machine.run(max_insns=1)
    after = hart.stats
    effect = " ".join(f"{X_NAMES[n]}={hart.x[n]:#x}" for n in range(32) if hart.x[n] != before[n])
    if after["traps"] + after["interrupts"] > stats["traps"] + stats["interrupts"]:
        found = explain.trap(machine)
        if found is not None:
            traps.append(found)
            kind = "interrupt" if found.interrupt else "trap"
            effect = f"{kind} into {found.into}: {found.name}"
    elif hart.mode != mode:
        effect = f"{effect} now in {hart.mode}-mode".strip()
    return Line(pc, place(names, pc), mode, text, effect)


def compare(machine: Machine, reference: str) -> tuple[Difference | None, str]:
    """(first difference, message) between what lies between begin_signature and end_signature and the reference's lines
    of hexadecimal digits, the most significant first; no message if there is none."""
    begin, end = machine.symbols.get("begin_signature"), machine.symbols.get("end_signature")
    if begin is None or end is None or end < begin:
        return None, "the program has no symbols begin_signature and end_signature"
    expected = reference.split()
    if not expected:
        return None, "the reference signature is empty"
    digits = len(expected[0])
    size = digits // 2
    data = machine.memory.read(begin, end - begin)
    data += bytes(-len(data) % max(size, 1))
    if digits % 2 or not digits or any(len(word) != digits or not _is_hex(word) for word in expected):
        return None, "the reference is not made of lines of hexadecimal digits, all of one length"
    got = [data[at : at + size][::-1].hex() for at in range(0, len(data), size)]
    different = [n for n, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b.lower()]
    if different:
        n = different[0]
        at = begin + n * size
        where = place(table(machine.symbols), at)
        found = Difference(n, at, where, expected[n].lower(), got[n], len(different))
        return found, f"the signature differs: {found}"
    if len(got) != len(expected):
        return None, f"{len(got)} words of signature, {len(expected)} in the reference"
    return None, ""


def _is_hex(word: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in word)
