"""What the tool says: verdict and exit status, where harts stand, statistics, the signature, VM shares."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UsageError, os_reason

if TYPE_CHECKING:
    from ..elf import Program
    from ..machine import Machine, Stop

__all__ = [
    "EXIT_LIMIT",
    "EXIT_STUCK",
    "EXIT_USER",
    "Shares",
    "harts_lines",
    "hypervisor_lines",
    "signature",
    "speed",
    "stats_json",
    "stats_lines",
    "trap_lines",
    "verdict",
]

EXIT_PASS, EXIT_FAIL, EXIT_INPUT, EXIT_LIMIT, EXIT_STUCK, EXIT_USER = 0, 1, 2, 3, 4, 130
HGATP_VMID_SHIFT, VMID_MASK = 44, 0x3FFF


def verdict(stop: Stop, machine: Machine, vms: bool, max_insns: int | None, timeout: float | None) -> tuple[int, str]:
    """(exit status, what happened in words). `vms`: the run was one of VMs under the hypervisor."""
    if stop.kind == "pass":
        if vms:
            return EXIT_PASS, "all guests powered off"
        return EXIT_PASS, "the test passed" if machine.htif is not None else "the machine powered off"
    if stop.kind == "fail":
        if vms:
            words = {1: "a guest reported failure or was stopped for a fault"}
            return EXIT_FAIL, words.get(stop.code, f"the hypervisor reported failure, code {stop.code}")
        if machine.htif is not None:
            return EXIT_FAIL, f"test {stop.code} failed"
        words = {1: "system failure"}
        return EXIT_FAIL, f"the machine reported failure, code {stop.code} ({words.get(stop.code, 'unknown')})"
    if stop.kind == "critical":
        return EXIT_FAIL, f"hart {stop.code} trapped in M-mode with mstatus.MDT set: critical error"
    if stop.kind == "limit":
        return EXIT_LIMIT, f"the limit of {max_insns} instructions was reached"
    if stop.kind == "timeout":
        return EXIT_LIMIT, f"the limit of {timeout:g} seconds was reached"
    if stop.kind == "idle":
        return EXIT_STUCK, "nothing can ever run again: every hart waits and no event is due"
    return EXIT_USER, "ended by the user"


def speed(instructions: int, seconds: float) -> str:
    """``12,345 instructions in 0.12 s, 0.1 MIPS``."""
    mips = instructions / seconds / 1e6 if seconds > 0 else 0.0
    return f"{instructions:,} instructions in {seconds:.2f} s, {mips:.1f} MIPS"


def _where(pc: int, programs: list[Program]) -> str:
    """The symbol at or before an address of one of the programs, as `` <main+0x10>``; empty if there is none."""
    for program in programs:
        if program.start <= pc < program.end:
            below = [(address, name) for name, address in program.symbols.items() if address <= pc]
            if below:
                address, name = max(below)
                return f" <{name}+{pc - address:#x}>"
    return ""


def harts_lines(machine: Machine, programs: list[Program]) -> list[str]:
    """One line for each hart: its mode, pc and what it waits for."""
    lines = []
    for hart in machine.harts:
        where = _where(hart.pc, programs) if hart.mode in ("M", "HS") else ""
        state = "waits for an interrupt" if hart.waiting else "runs"
        enabled, pending = hart.csr["mie"], hart.csr["mip"]
        lines.append(
            f"hart {hart.index}: {state} in {hart.mode}-mode at pc {hart.pc:#x}{where}, "
            f"interrupts enabled {enabled:#x}, pending {pending:#x}"
        )
    return lines


def trap_lines(machine: Machine, stop: Stop) -> list[str]:
    """A paragraph about each hart that ended in a trap: one that nobody handles, or whose handling traps again."""
    if stop.kind not in ("limit", "timeout", "idle", "critical", "fail"):
        return []
    from .. import explain

    said = []
    for hart in machine.harts:
        found, how = explain.looping(machine, hart.index), "cannot get over this trap"
        if stop.kind == "critical":
            found = explain.trap(machine, hart.index, "M") if stop.code == hart.index else None
            how = "was still handling this trap"
        elif stop.kind == "fail":
            found = explain.trap(machine, hart.index) if machine.htif is not None and hart.mode == "M" else None
            if found is not None and (found.interrupt or not found.current or "environment call" in found.name):
                found = None  # how such programs say that they have failed
            how = "ended after this trap"
        if found is not None:
            said.append(f"hart {hart.index} {how}: {found.summary}")
    return said


def stats_lines(machine: Machine) -> list[str]:
    """The counters of each hart, of the decoder and of the devices."""
    lines = []
    for hart in machine.harts:
        lines.append(f"hart {hart.index}: " + ", ".join(f"{key} {value:,}" for key, value in hart.stats.items()))
    for index, slot in enumerate(machine.virtio):
        counts = getattr(slot.backend, "counts", None)
        if counts and any(counts.values()):
            lines.append(f"virtio slot {index}: " + ", ".join(f"{key} {value:,}" for key, value in counts.items()))
    return lines


def hypervisor_lines(statistics: dict[str, Any] | None) -> list[str]:
    """What the hypervisor has counted, for each VM: its document as `Control.statistics` has it."""
    lines = []
    for vm in statistics["vms"] if statistics else ():
        exits = sorted(vm["exits"], key=lambda cause: -cause["count"])
        causes = ", ".join(f"{cause['name']} {cause['count']:,}" for cause in exits)
        total = sum(cause["count"] for cause in exits)
        lines.append(f"VM {vm['name']}: {vm['state']}, exits {total:,}{f': {causes}' if causes else ''}")
        lines.append(
            f"VM {vm['name']}: on harts {vm['run_ns'] / 1e6:.3f} ms, waiting for one {vm['steal_ns'] / 1e6:.3f} ms, "
            f"wake-ups {vm['wakeups']:,}, memory {vm['memory']['resident'] >> 10:,} KiB"
            + (f", balloon {vm['memory']['ballooned'] >> 10:,} KiB" if vm["memory"]["ballooned"] else "")
        )
        for kind in ("disk", "net"):
            if any(vm[kind].values()):
                counts = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in vm[kind].items())
                lines.append(f"VM {vm['name']}: {kind} {counts}")
    return lines


def stats_json(machine: Machine, statistics: dict[str, Any] | None, path: str) -> None:
    """Writes {"machine": ..., "hypervisor": ...}, to stdout for "-"; the second is null where there is no hypervisor
    or it did not answer. Raises `InputError`.
    """
    counts = [getattr(slot.backend, "counts", None) for slot in machine.virtio]
    document = {
        "machine": {
            "instructions": machine.instructions,
            "host_seconds": machine.host_seconds,
            "harts": [hart.stats for hart in machine.harts],
            "virtio": counts,
        },
        "hypervisor": statistics,
    }
    text = json.dumps(document, indent=2) + "\n"
    try:
        if path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            with open(path, "w") as file:
                file.write(text)
    except OSError as error:
        raise InputError("standard output" if path == "-" else path, os_reason(error)) from None


def signature(machine: Machine, path: str, granularity: int) -> None:
    """Writes what lies between begin_signature and end_signature, one value of `granularity` bytes in a line.

    Raises `UsageError` when the program has no such symbols, `InputError` when the file cannot be written.
    """
    symbols = machine.symbols
    start, end = symbols.get("begin_signature"), symbols.get("end_signature")
    if start is None or end is None or end < start:
        raise UsageError("--signature: the program has no symbols begin_signature and end_signature")
    data = machine.memory.read(start, end - start)
    data += bytes(-len(data) % granularity)
    values = (data[at : at + granularity][::-1].hex() for at in range(0, len(data), granularity))
    try:
        with open(path, "w") as file:
            file.writelines(f"{value}\n" for value in values)
    except OSError as error:
        raise InputError(path, os_reason(error)) from None


class Shares:
    """Which VM the harts are in, by looking now and then."""

    def __init__(self, names: list[str]):
        self.names = names
        self.counts = [0] * len(names)

    def sample(self, machine: Machine) -> None:
        """Looks at every hart once. The hypervisor gives VM n the VMID n + 1."""
        for hart in machine.harts:
            if hart.mode in ("VS", "VU") and not hart.waiting:
                vm = (hart.csr["hgatp"] >> HGATP_VMID_SHIFT & VMID_MASK) - 1
                if 0 <= vm < len(self.counts):
                    self.counts[vm] += 1

    def text(self) -> str:
        """``hello 40%, timer 60%`` of the time spent in VMs."""
        total = sum(self.counts)
        if not total:
            return ""
        pairs = zip(self.names, self.counts, strict=True)
        return ", ".join(f"{name} {100 * count // total}%" for name, count in pairs)
