"""Runs one program on rvh and on Spike, and compares their commit logs as they come."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rvh import Machine
from rvh.emit.disasm import disassemble
from rvh.trace import Tracer

from .differences import CUTS, SPIKE_ISA, explain, word_of
from .program import BASE

RAM = 16 << 20
#: A program that retires more than this has lost its way.
LIMIT = 20_000_000
CONTEXT = 25


class Difference(Exception):
    """The two sides differ without a known reason. The message shows both."""


@dataclass
class Outcome:
    """``compared``: lines (retired instructions) that both logs have; ``known`` differences by name; ``cut`` short by
    one after which the two cannot agree."""

    compared: int = 0
    known: Counter = field(default_factory=Counter)
    cut: bool = False


#: Seconds after which a Spike that has not written anything is taken to retire nothing any more.
STALL = 10


class _Cut(Exception):
    pass


class _Peer:
    """Spike's log as bytes."""

    def __init__(self, spike: str, elf: str, more: str):
        self.process = subprocess.Popen(
            [spike, f"--isa={SPIKE_ISA}{more}", f"-m0x{BASE:x}:0x{RAM:x}", "--log-commits", "--log=/dev/stdout", elf],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        )  # fmt: skip
        self.pending = b""
        self.stalled = False

    def need(self, n: int) -> None:
        """Reads until n bytes are pending, the log ends, or Spike says nothing for STALL seconds."""
        if len(self.pending) >= n:
            return
        parts, have = [self.pending], len(self.pending)
        assert self.process.stdout is not None
        while have < n:
            if not select.select([self.process.stdout], [], [], 0 if self.stalled else STALL)[0]:
                self.stalled = True
                break
            part = self.process.stdout.read(1 << 20)
            if not part:
                break
            parts.append(part)
            have += len(part)
        self.pending = b"".join(parts)

    def line(self, at: int) -> bytes:
        """The line that starts at this offset of what is pending."""
        end = self.pending.find(b"\n", at)
        if end < 0:
            self.need(len(self.pending) + (1 << 16))
            end = self.pending.find(b"\n", at)
        return self.pending[at : end + 1] if end >= 0 else b""

    def skip_boot(self) -> None:
        """The boot ROM's instructions come first."""
        self.need(4096)
        start = self.pending.find(b"3 0x%016x" % BASE)
        if start < 0:
            raise Difference("Spike did not start")
        self.pending = self.pending[self.pending.rfind(b"core", 0, start) :]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _equal_until(a: bytes, b: bytes, a_at: int, b_at: int) -> int:
    """How many bytes from these offsets on agree."""
    n = min(len(a) - a_at, len(b) - b_at)
    low, high = 0, n
    if a[a_at : a_at + n] == b[b_at : b_at + n]:
        return n
    step = 256
    while low < n and a[a_at + low : a_at + low + step] == b[b_at + low : b_at + low + step]:
        low += step
        step *= 2
    high = min(n, low + step)
    while high - low > 1:
        middle = (low + high) // 2
        if a[a_at + low : a_at + middle] == b[b_at + low : b_at + middle]:
            low = middle
        else:
            high = middle
    return low


class _Comparison:
    def __init__(self, machine: Machine, peer: _Peer):
        self.machine, self.peer = machine, peer
        self.outcome = Outcome()
        self.before: deque[bytes] = deque(maxlen=CONTEXT)
        self.records: np.ndarray | None = None
        self.finished = False
        self.tracer = Tracer(machine, self.sink, 1 << 14)

    def sink(self, records: np.ndarray) -> None:
        if self.finished:
            return
        text = self.tracer.text(len(records))
        peer = self.peer
        peer.need(len(text))
        if peer.pending.startswith(text):
            peer.pending = peer.pending[len(text) :]
        else:
            self._by_line(text, records)
        self.outcome.compared += int((records["kind"] == 0).sum())
        self.before.extend(text[-200 * CONTEXT :].splitlines()[-CONTEXT:])

    def _by_line(self, text: bytes, records: np.ndarray) -> None:
        peer, mine, theirs = self.peer, 0, 0
        while mine < len(text):
            peer.need(theirs + len(text) - mine)
            same = _equal_until(text, peer.pending, mine, theirs)
            if mine + same == len(text):
                theirs += same
                break
            # Back to the start of the line.
            start = text.rfind(b"\n", 0, mine + same) + 1
            if start > mine:
                theirs += start - mine
                mine = start
            ours, other = text[mine : text.find(b"\n", mine) + 1], peer.line(theirs)
            if not other and peer.process.poll() is not None:
                self.finished = True  # both have stored to tohost; rvh looks at it a little later
                break
            name = explain(ours.rstrip(), other.rstrip())
            if name is None:
                raise Difference(self._show(text, mine, theirs, records))
            self.outcome.known[name] += 1
            if name in CUTS:
                self.outcome.cut = self.finished = True
                raise _Cut
            mine += len(ours)
            theirs += len(other)
        peer.pending = peer.pending[theirs:]

    def _show(self, text: bytes, mine: int, theirs: int, records: np.ndarray) -> str:
        def line(mark: str, raw: bytes) -> str:
            words = raw.decode(errors="replace").rstrip()
            return f"{mark} {words}   {disassemble(word_of(raw))}"

        before = [*self.before, *text[:mine].splitlines()][-CONTEXT:]
        out = [line("     ", b) for b in before]
        out.append("-- first difference")
        out += [line("rvh  ", b) for b in text[mine:].splitlines()[:4]]
        self.peer.need(theirs + 2000)
        out += [line("spike", b) for b in self.peer.pending[theirs:].splitlines()[:4]]
        lines = text[:mine].count(b"\n")
        retired = np.flatnonzero(records["kind"] == 0)
        here = int(retired[lines]) if lines < len(retired) else len(records) - 1
        traps = records[max(0, here - 12) : here + 8]
        out.append("-- rvh's trace around it, traps included")
        for r in traps:
            kind = ("", f"  exception {r['cause']}, tval {r['tval']:#x}", f"  interrupt {r['cause'] & 0xFF}")[r["kind"]]
            mode = {0: "U", 1: "S", 3: "M"}[int(r["priv"])]
            mode = "V" + mode if r["v"] else mode
            out.append(f"      {mode:2} {r['pc']:#x}: {disassemble(int(r['insn']))}{kind}")
        return "\n".join(out)


def compare(elf: bytes, spike: str = "spike", untraced: bool = True, more: str = "", mine: str = "") -> Outcome:
    """Runs the program on both sides, with ``more`` extensions than by default if some are named (``_zicfilp``), here
    with ``mine`` as well, which Spike has without being asked. With ``untraced``, once more on rvh without a trace,
    which must end in the same state. Raises Difference."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        path = Path(folder) / "program.elf"
        path.write_bytes(elf)
        machine = Machine(ram=RAM, isa="max" + more + mine)
        machine.load(path)
        peer = _Peer(spike, str(path), more)
        comparison = _Comparison(machine, peer)
        stop = None
        try:
            peer.skip_boot()
            with comparison.tracer:
                stop = machine.run(max_insns=LIMIT)
        except _Cut:
            pass
        finally:
            peer.close()
        if stop is not None and stop.kind != "pass":
            raise Difference(f"rvh ended with {stop}, {machine.harts[0]}")
        if untraced and stop is not None:
            again = Machine(ram=RAM, isa="max" + more + mine)
            again.load(path)
            end = again.run(max_insns=LIMIT)
            if (end, again._core.total_slots, again.digest()) != (stop, machine._core.total_slots, machine.digest()):
                raise Difference(f"rvh ends differently without a trace: {end}, {again.harts[0]}, {machine.harts[0]}")
        return comparison.outcome
