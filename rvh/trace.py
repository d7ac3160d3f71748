"""Traces: what each instruction did, as numpy records or as text in the format of Spike's commit log.

>>> records = machine.trace(1000)                    # a structured array, see DTYPE
>>> stores = records[records["mem_write"].any(axis=1)]
>>> with open("run.log", "wb") as f, CommitLog(machine, f):
...     machine.run()

A traced run is the untraced run: interrupts and traps come at the same instructions, time passes alike, and
`Machine.digest` agrees after the same number of instructions. What a trace does disturb are the counts of TLB fills and
page-table walks (``mhpmevent`` 5 and 6): instructions are fetched one by one.

The text has one line per retired instruction, as written by ``spike --log-commits``::

    core   0: 3 0x0000000080000010 (0x00a5b023) mem 0x0000000080001000 0x0000000000000007
    core   0: 1 0x0000000080000014 (0x4518) x14 0x0000000000000001 mem 0x0000000080001000

hart, nominal privilege (0 U or VU, 1 S, HS or VS, 3 M), pc, instruction, then registers written, addresses
read, and addresses written with the value. CSRs appear as ``c768_mstatus 0x...`` under the register that
holds the bits (``sstatus`` as ``mstatus``, ``sip``, ``hip`` and ``vsip`` as ``mip``, the ``s`` registers at
V=1 as their ``vs`` twins): the one written by a CSR instruction, ``fflags`` when an instruction raises
floating-point flags, ``mstatus`` and ``vsstatus`` when FS becomes Dirty, and what MRET and SRET write.

Not in the text: instructions that trapped and interrupts, with what they write to CSRs (Spike's commit log
leaves them out as well; they are in the records); bits of other CSRs that change as a consequence of a write;
what translation writes to page tables; reads that have no effect on a register or memory, such as those of
CBO.CLEAN. Spike names further registers that it keeps apart internally, such as ``mvip`` beside ``mip``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from . import _fast
from .emit.syntax import CSR_NAMES, lookup, lookup16
from .isa.dsl import Insn

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["DTYPE", "CommitLog", "Tracer", "record"]

RETIRED, EXCEPTION, INTERRUPT = range(3)
RD_NONE, RD_X, RD_F = range(3)

#: One record, as ``TraceRecord`` in core/tracelog.pxi. ``kind`` is RETIRED, EXCEPTION (this instruction, or
#: its fetch, trapped: ``cause``, ``tval``) or INTERRUPT (``cause`` was taken before the instruction at
#: ``pc``); ``rd_file`` is RD_NONE, RD_X or RD_F, and ``value`` what was written to that register; the first
#: ``n_mem`` accesses and ``n_csr`` CSR writes count.
DTYPE = np.dtype(
    [
        ("pc", "<u8"), ("value", "<u8"), ("cause", "<u8"), ("tval", "<u8"),
        ("mem_va", "<u8", 3), ("mem_value", "<u8", 3), ("csr_value", "<u8", 5),
        ("insn", "<u4"), ("csr", "<u2", 5), ("mem_size", "u1", 3), ("mem_write", "u1", 3),
        ("kind", "u1"), ("hart", "u1"), ("priv", "u1"), ("v", "u1"), ("rd_file", "u1"), ("rd", "u1"),
        ("n_mem", "u1"), ("n_csr", "u1"), ("pad", "V4"),
    ]
)  # fmt: skip

_RD, _FD, _FLAGS, _CSR, _AMO, _SC = 1, 2, 4, 8, 16, 32
_FLOATING = {"F", "D", "Zfh", "Zfhmin", "Zfa", "Zfbfmin"}


def _kind(insn: Insn) -> int:
    """The TRACE_* flags of an instruction, from its definition."""
    fields = insn.pattern.fields
    flags = (_RD if "rd" in fields else 0) | (_FD if "fd" in fields else 0) | (_CSR if "csr" in fields else 0)
    if insn.ext and all(group & _FLOATING for group in insn.ext):
        flags |= _FLAGS
    memory = insn.memory
    if memory is not None:
        flags |= {"amo": _AMO, "sc": _SC}.get(memory.kind, 0)
    return flags


def classify(word: int) -> int:
    """What a trace must know of an instruction, 16 or 32 bits; 0 for one that is not defined."""
    if word & 3 != 3:
        alias = lookup16(word & 0xFFFF)
        if alias is None:
            return 0
        word = alias.expand(word & 0xFFFF)
    insn = lookup(word)
    return 0 if insn is None else _kind(insn)


class Tracer:
    """While entered, hands a record of every instruction that the machine executes to ``sink``.

    ``sink(records)`` gets an array of DTYPE that is valid during the call only: up to ``capacity`` records, on every
    return to Python at the latest. Raises `rvh._fast.CoreError` on entry if the machine is being traced already.
    """

    def __init__(self, machine: Machine, sink: Callable[[np.ndarray], object], capacity: int = 1 << 16):
        self._sink = sink
        self._buffer = _fast.TraceBuffer(machine._core, capacity, classify, self._deliver, CSR_NAMES)
        self._records = np.frombuffer(memoryview(self._buffer), dtype=DTYPE)

    def _deliver(self, n: int) -> None:
        self._sink(self._records[:n])

    def text(self, n: int) -> bytes:
        """For a sink: the n records in hand as lines of the commit log."""
        return self._buffer.format(0, n)

    def __enter__(self) -> Tracer:
        self._buffer.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._buffer.detach()

    start = __enter__

    def close(self) -> None:
        """Ends the trace; what is left goes to the sink."""
        self._buffer.detach()


class CommitLog(Tracer):
    """A `Tracer` that writes the commit log to a binary file."""

    def __init__(self, machine: Machine, file: BinaryIO):
        super().__init__(machine, lambda records: file.write(self.text(len(records))))


def record(machine: Machine, n: int) -> np.ndarray:
    """Runs at most n instructions, and returns the records of all of them; fewer when the run ends before."""
    parts: list[np.ndarray] = []
    with Tracer(machine, lambda records: parts.append(records.copy())):
        machine.run(max_insns=n)
    return np.concatenate(parts) if parts else np.empty(0, DTYPE)


if _fast.TraceBuffer.record_size != DTYPE.itemsize:
    raise ImportError("rvh.trace and the compiled core disagree on the record: rebuild rvh._fast")
