"""`--rnmi-at`: resumable non-maskable interrupts (Smrnmi) at chosen instructions of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError
from .arguments import count_or_zero

if TYPE_CHECKING:
    from ..elf import Program
    from ..machine import Machine

__all__ = ["RnmiSpec", "Rnmis", "handler_address"]


@dataclass(frozen=True, order=True)
class RnmiSpec:
    """One RNMI: after how many instructions of all harts together, for which hart, and what mncause says of it."""

    at: int
    hart: int = 0
    cause: int = 0

    @classmethod
    def parse(cls, text: str) -> RnmiSpec:
        """``N[,hart=H][,cause=C]``. Raises ArgumentTypeError."""
        first, *more = text.split(",")
        values = {"at": count_or_zero(first)}
        for word in more:
            name, _, value = word.partition("=")
            if name not in ("hart", "cause") or name in values:
                raise argparse.ArgumentTypeError(f"{text!r} is not N[,hart=H][,cause=C]")
            values[name] = count_or_zero(value)
        return cls(**values)


class Rnmis:
    """The RNMIs of a run that are still to come, and those that have been raised."""

    def __init__(self, specs: Sequence[RnmiSpec]):
        self.due, self.raised = sorted(specs), list[RnmiSpec]()

    def check(self, machine: Machine) -> None:
        """Raises `UsageError` for a hart that is not there, or one without RNMIs."""
        for spec in self.due:
            if spec.hart >= len(machine.harts):
                raise UsageError(f"--rnmi-at: there is no hart {spec.hart}; the machine has {len(machine.harts)}")
            if "Smrnmi" not in machine.extensions:
                raise UsageError("--rnmi-at: the harts have no RNMIs without Smrnmi, such as with --isa max_smrnmi")

    def left(self, machine: Machine, executed: int) -> int | None:
        """Raises those whose time has come, `executed` instructions after the start; returns how many instructions are
        left until the next one."""
        while self.due and self.due[0].at <= executed:
            self.raise_next(machine)
        return self.due[0].at - executed if self.due else None

    def raise_next(self, machine: Machine) -> bool:
        """Raises the next one now, if there is one: nothing else can wake a hart, so that its time would not come."""
        if not self.due:
            return False
        spec = self.due.pop(0)
        machine.harts[spec.hart].pulse_rnmi(spec.cause)
        self.raised.append(spec)
        return True

    def lines(self, machine: Machine) -> list[str]:
        """At the end: what has come of those that no handler saw."""
        said = [f"the RNMI after {spec.at} instructions was not raised: the run ended before" for spec in self.due]
        for hart in sorted({spec.hart for spec in self.raised if machine.harts[spec.hart].rnmi_pending}):
            on = machine.harts[hart].csr["mnstatus"] >> 3 & 1
            why = "the run ended" if on else "mnstatus.NMIE is 0, as after reset"
            said.append(f"an RNMI of hart {hart} was not taken: {why}")
        return said


def handler_address(text: str, programs: Sequence[Program]) -> int:
    """What `--rnmi-vector` names: an address, or a symbol of one of the programs. Raises `UsageError`."""
    for program in programs:
        if text in program.symbols:
            return program.symbols[text]
    try:
        return int(text, 0)
    except ValueError:
        names = ", ".join(program.path for program in programs)
        raise UsageError(f"--rnmi-vector: {text!r} is neither an address nor a symbol of {names}") from None
