"""One test: run to its end and judged."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from .. import elf
from ..errors import InputError, RvhError, read_file
from ..machine import DEFAULT_ISA, RAM_BASE, Machine, Stop
from .postmortem import Difference, Story, compare, tell
from .suite import Test

__all__ = ["Job", "Outcome", "Settings", "run"]

_PASSED = re.compile(r"\b(PASS|PASSED|ALL TESTS PASSED)\b", re.IGNORECASE)
#: But not "0 FAILED" or "FAILED: 0".
_FAILED = re.compile(r"(?<!\b0 )\b(FAIL|FAILED|FAILURE|UNEXPECTED TRAP)\b(?!\s*[:=]\s*0\b)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: Where an S-mode payload starts; below it is the M-mode firmware.
_PAYLOAD = RAM_BASE + 0x20_0000
_CONSOLE_MAX = 64 << 10


@dataclass(frozen=True)
class Settings:
    """What all tests of a run have in common. ``limit`` is in instructions; ``last`` of them are shown of a failure;
    ``end`` is a pattern whose appearance on the console ends a test."""

    isa: str = DEFAULT_ISA
    limit: int = 50_000_000
    memory: int = 256 << 20
    last: int = 48
    sbi: bool = False
    end: str | None = None


@dataclass(frozen=True)
class Job:
    """A test to run, with its bytes where the one who runs it does not see the files."""

    test: Test
    settings: Settings
    program: bytes | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a test ended: ``status`` is "pass", "fail", "error" (it could not be judged) or "skip"; ``seconds`` are the
    host's. ``expected`` is the reason why a failure was expected."""

    test: Test
    status: str
    message: str = ""
    instructions: int = 0
    seconds: float = 0.0
    console: str = ""
    story: Story | None = None
    difference: Difference | None = None
    expected: str | None = None
    parts: tuple[tuple[str, bool], ...] = ()


def run(job: Job) -> Outcome:
    """Runs a test; what is wrong with its files is an outcome as well."""
    started = time.perf_counter()
    try:
        done = _run(job)
    except RvhError as error:
        done = Outcome(job.test, "error", str(error))
    return replace(done, seconds=time.perf_counter() - started)


def _run(job: Job) -> Outcome:
    test, settings = job.test, job.settings
    blob = read_file(test.path, 1 << 30) if job.program is None else job.program
    if blob[4:5] == b"\x01":
        return Outcome(test, "skip", "a program for RV32")
    reference = job.reference
    if reference is None and test.reference is not None:
        reference = read_file(test.reference, 1 << 28).decode("ascii", "replace")
    console: list[bytes] = []
    machine = start(blob, test.path, settings, console.append)
    try:
        stop = advance(machine, settings, console)
        text = b"".join(console).decode("utf-8", "replace")[-_CONSOLE_MAX:]
        status, message, parts = judge(machine, stop, text, reference is not None, settings)
        difference = None
        if reference is not None and stop.kind in ("pass", "parked"):
            difference, message = compare(machine, reference)
            status = "fail" if message else "pass"
        done = Outcome(test, status, message, machine.instructions, console=text, parts=parts, difference=difference)
        if status == "fail" and settings.last:
            slots = machine._core.total_slots
            done = replace(
                done,
                story=tell(lambda: start(blob, test.path, settings, lambda _: None), slots, settings.last, difference),
            )
    finally:
        machine.close()
    return done


def start(blob: bytes, path: str, settings: Settings, console: Callable[[bytes], object]) -> Machine:
    """A machine with the test loaded. A payload for S-mode gets the package's SBI firmware below it. Raises InputError
    and IsaError."""
    machine = Machine(ram=settings.memory, isa=settings.isa, console=console)
    program = elf.load_bytes(blob, path, RAM_BASE, settings.memory)
    if not settings.sbi and program.entry != _PAYLOAD:
        for segment in program.segments:
            machine.store(segment.address, segment.data, segment.mem_size)
        machine.start(program.entry)
        machine.attach_program(program)
        return machine
    from ..boot import plan_bare

    firmware = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "images", "sbi.elf")
    if not os.path.isfile(firmware):
        raise InputError(firmware, "is missing: build the package's images (tools/dev.py build)")
    with tempfile.NamedTemporaryFile(suffix=".elf") as payload:  # its file may be on another machine
        payload.write(blob)
        payload.flush()
        plan = plan_bare(machine.device_tree(), RAM_BASE, settings.memory, firmware, payload.name, None, None, b"")
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)
    machine.symbols.update(program.symbols)
    return machine


def advance(machine: Machine, settings: Settings, console: list[bytes]) -> Stop:
    """Runs to the end: what the test reports, the limit, or "parked" when it stands at a jump to itself."""
    end = None if settings.end is None else re.compile(settings.end.encode())
    left, step = settings.limit, 100_000
    while left > 0:
        stop = machine.run(max_insns=min(step, left))
        if stop.kind != "limit":
            return Stop("parked") if stop.kind == "idle" else stop
        left -= step
        step = min(2 * step, 10_000_000)
        if _parked(machine) or (end is not None and end.search(b"".join(console))):
            return Stop("parked")
    return Stop("limit")


def _parked(machine: Machine) -> bool:
    """Whether no hart will ever do anything else: each jumps to itself with interrupts off in M-mode."""
    from ..explain import fetch

    for hart in machine.harts:
        word = fetch(machine, hart.index, hart.pc, hart.mode)
        if word not in (0x0000006F, 0xA001) or (hart.csr["mie"] and hart.csr["mstatus"] & 8) or hart.mode != "M":
            return False
    return True


def judge(
    machine: Machine, stop: Stop, text: str, referenced: bool, settings: Settings
) -> tuple[str, str, tuple[tuple[str, bool], ...]]:
    """(status, message, parts) of a test by how it stopped and what it printed; of one with a reference signature only
    whether it ended."""
    parts = _parts(text)
    if stop.kind == "limit":
        return "fail", f"did not end within {settings.limit:,} instructions", parts
    if stop.kind == "critical":
        return "fail", "a trap in M-mode with mstatus.MDT set: critical error", parts
    if stop.kind == "reset":
        return "fail", "asked for a restart", parts
    if stop.kind == "fail":
        what = f"test {stop.code} failed" if machine.htif is not None else f"reported failure, code {stop.code}"
        return "fail", what + _because(text), parts
    if referenced:
        return "pass", "", parts
    failed = [name for name, passed in parts if not passed]
    if failed:
        return "fail", f"{len(failed)} of {len(parts)} parts failed: {', '.join(failed)}", parts
    if _FAILED.search(_COLOURS.sub("", text)):
        return "fail", "printed that it failed" + _because(text), parts
    if "TEST SIGRUN" in text or _wants_reference(machine):
        return "error", "a test in the signature style without a reference signature", parts
    if stop.kind == "pass" or _PASSED.search(text):
        return "pass", "", parts
    return "fail", "stands still without a word of success", parts


def _parts(text: str) -> tuple[tuple[str, bool], ...]:
    """Lines such as ``name   PASSED``: the tests within a test."""
    found = re.findall(r"^\s*([\w.:/-]+)[ \t.]{2,}(PASSED|FAILED)\s*$", _COLOURS.sub("", text), re.MULTILINE)
    return tuple((name, verdict == "PASSED") for name, verdict in found)


def _because(text: str) -> str:
    """The line in which a self-checking test says what differed, or the first that speaks of failure."""
    lines = [line.strip() for line in _COLOURS.sub("", text).splitlines()]
    said = [line for line in lines if _FAILED.search(line)]
    return f": {said[0]}" if said else ""


def _wants_reference(machine: Machine) -> bool:
    """riscv-arch-test in the signature style reports success whatever its signature; a self-checking one has the code
    that tells of failures."""
    symbols = machine.symbols
    style = "rvtest_code_begin" in symbols or "rvtest_init" in symbols
    return style and not any(name.startswith("failedtest_") for name in symbols)
