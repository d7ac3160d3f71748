"""A line for each retired instruction, in the format of Spike's commit log (``spike --log-commits``)::

    core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000
    core   0: 3 0x0000000080000004 (0x0062b023) mem 0x0000000080001000 0x0000000000000007

hart, privilege, pc, encoding; then the registers and CSRs written, addresses read, and addresses written with their
values. An instruction that traps has no line. One difference from Spike: fflags is shown when it changes, and not again
when an instruction raises a flag that is already up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from . import _fast
from .isa import INSNS, csrs

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["CommitLog"]

READ, WRITE = 1, 2
CSR_NAMES = {row.number: name for name, row in csrs.BY_NAME.items()}
SYSTEM = 0x73
FP_OPCODES = {0x43, 0x47, 0x4B, 0x4F, 0x53}
FFLAGS, FRM, MSTATUS, HSTATUS, MIE, MIP = 0x001, 0x002, 0x300, 0x600, 0x304, 0x344
#: CSRs that are views: the log names what they are stored in.
STORED_IN = {0x003: (FFLAGS, FRM, MSTATUS), 0x100: (MSTATUS,), 0x104: (MIE,), 0x144: (MIP,)}
XRET = {"mret": (MSTATUS,), "sret": (MSTATUS, HSTATUS)}


class CommitLog:
    """Writes a machine's commit log to a text file, from `start` on. Tracing slows a run by three orders of magnitude
    and changes nothing else."""

    def __init__(self, machine: Machine, file: TextIO):
        self.machine, self.file = machine, file
        self.core: _fast.Core = machine._core
        self.written: dict[int, list[tuple[int, str]]] = {}
        self.fflags = [self.core.get_csr(hart.index, FFLAGS) or 0 for hart in machine.harts]

    def start(self) -> None:
        """From here on the machine runs instruction by instruction."""
        self.machine._core = _Traced(self.core, self._line)  # type: ignore[assignment]

    def _line(self, hart: int, pc: int, word: int, privilege: int, accesses: list[tuple[int, int, int, int]]) -> None:
        digits = 8 if word & 3 == 3 else 4
        parts = [f"core {hart:3}: {privilege} 0x{pc:016x} (0x{word:0{digits}x})"]
        if word not in self.written:
            self.written[word] = _written(word)
        targets = self.written[word]
        if word & 0x7F in FP_OPCODES and word & 3 == 3:
            flags = self.core.get_csr(hart, FFLAGS) or 0
            if flags != self.fflags[hart]:
                self.fflags[hart] = flags
                targets = sorted([*targets, (FFLAGS, "c")], key=_order)
        for number, kind in targets:
            parts.append(self._register(hart, number, kind))
        parts += [f"mem 0x{va:016x}" for kind, va, _, _ in accesses if kind == READ or _is_amo(word)]
        for kind, va, pa, size in accesses:
            if kind == WRITE and not self._failed_sc(hart, word):
                data = self.core.read_ram(pa, size)
                stored = self._register_stored(hart, word) if data is None else int.from_bytes(data, "little")
                parts.append(f"mem 0x{va:016x} 0x{stored & (1 << 8 * size) - 1:0{2 * size}x}")
        self.file.write(" ".join(parts) + "\n")

    def _register(self, hart: int, number: int, kind: str) -> str:
        if kind == "x":
            return f"x{number:<2} 0x{self.core.get_x(hart, number):016x}"
        if kind == "f":
            return f"f{number:<2} 0x{self.core.get_f(hart, number):016x}"
        value = self.core.get_csr(hart, number) or 0
        if number == FFLAGS:
            self.fflags[hart] = value
        return f"c{number}_{CSR_NAMES.get(number, 'unknown')} 0x{value:016x}"

    def _failed_sc(self, hart: int, word: int) -> bool:
        return word & 0xF800007F == 0x1800002F and self.core.get_x(hart, word >> 7 & 31) != 0

    def _register_stored(self, hart: int, word: int) -> int:
        """The value of a store to a device: its register rs2, which the store has not changed."""
        if word & 3 != 3:
            return self.core.get_x(hart, 8 + (word >> 2 & 7))
        return self.core.get_x(hart, word >> 20 & 31)


class _Traced:
    """Stands in for a machine's core: the same, but `run` reports every instruction."""

    def __init__(self, core: _fast.Core, sink: Any):
        self._core, self._sink = core, sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def run(self, limit: int, jumps: int = (1 << 64) - 1) -> int:
        """As `Core.run`."""
        return _fast.trace_slots(self._core, limit, jumps, self._sink)


def _order(target: tuple[int, str]) -> tuple[int, int]:
    """Spike's order: by number, then integer, FP, CSR."""
    return target[0], "xfc".index(target[1])


def _written(word: int) -> list[tuple[int, str]]:
    """(number, "x", "f" or "c") of what an instruction always writes when it retires, in Spike's order."""
    if word & 3 != 3:
        word = _fast.expand16(word)
    targets: list[tuple[int, str]] = []
    for insn in INSNS.values():
        if insn.pattern.matches(word):
            number = word >> 7 & 31
            if "fd" in insn.pattern.fields:
                targets.append((number, "f"))
            elif "rd" in insn.pattern.fields and number:
                targets.append((number, "x"))
            targets += [(csr, "c") for csr in XRET.get(insn.name, ())]
            break
    csr = _csr_written(word)
    if csr is not None:
        targets += [(number, "c") for number in STORED_IN.get(csr, (csr,))]
    return sorted(targets, key=_order)


def _is_amo(word: int) -> bool:
    """Read and written at once: AMOs, not LR and SC."""
    return word & 0x7F == 0x2F and word >> 27 not in (2, 3)


def _csr_written(word: int) -> int | None:
    if word & 0x7F != SYSTEM or not word >> 12 & 3:
        return None
    writes = word >> 12 & 3 == 1 or word >> 15 & 31
    return word >> 20 if writes else None
