"""What every device written in Python has in common, and what the machine gives to it.

A device states its own size, access widths, registers and device-tree node; the machine only places it. All
calls come from the thread that runs the machine: a device needs no locks and may have no threads of its
own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..dtb import Node

__all__ = ["BusError", "Device", "DtContext", "Memory"]


class BusError(Exception):
    """A device asked for memory that is not RAM."""


class Memory(Protocol):
    """The machine's RAM as devices see it, by physical address. Each method raises `BusError` outside RAM."""

    def read(self, pa: int, n: int, /) -> bytes:
        """A copy of `n` bytes."""

    def write(self, pa: int, data: bytes | bytearray | memoryview, /) -> None:
        """Stores bytes; decoded instructions and reservations on them are invalidated."""

    def view(self, pa: int, n: int, /, writable: bool = False) -> memoryview:
        """The bytes themselves, without a copy. A writable view counts as a write to all of it."""


def _no_irq(level: bool) -> None:
    """Stands in for an interrupt line until the machine connects one."""


def _no_exit(kind: str, code: int) -> None:
    """Stands in for the machine's power switch."""


def _no_event() -> None:
    """Stands in for the machine's scheduler."""


@dataclass
class DtContext:
    """What a device's node may refer to while the machine's device tree is built."""

    root: Node
    #: phandle of the interrupt controller that `interrupts` refers to
    plic: int
    #: phandle of each hart's own interrupt controller, in hart order
    harts: list[int]
    #: hands out phandles that are free
    new_phandle: Callable[[], int]
    #: names of the /soc nodes of devices that want to be the console, in order
    consoles: list[str] = field(default_factory=list)


class Device:
    """Base of the Python devices.

    Subclasses set `name`, `size` and where needed `access_sizes`; they override `read`, `write`, `dt_node`,
    `reset` and for input from the host `poll`. The machine sets the attributes `irq`, `memory`,
    `machine_exit` and `clock` before the first access.
    """

    #: Name in messages and in snapshots.
    name: str = "device"
    #: Bytes of address space.
    size: int = 0x1000
    #: Smallest and largest access in bytes; others are access faults, as are misaligned ones.
    access_sizes: tuple[int, int] = (1, 8)

    def __init__(self) -> None:
        #: Sets the level of the device's interrupt line.
        self.irq: Callable[[bool], None] = _no_irq
        self.memory: Memory | None = None
        #: Ends the run or restarts the machine: ``machine_exit(kind, code)``, kind "pass", "fail" or "reset".
        self.machine_exit: Callable[[str, int], None] = _no_exit
        #: Says that `next_event` has changed.
        self.event_changed: Callable[[], None] = _no_event
        #: Nanoseconds of machine time since power-on.
        self.clock: Callable[[], int] = lambda: 0

    def read(self, offset: int, size: int) -> int:
        """The value that a load of `size` bytes at `offset` sees, zero-extended."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """A store of `size` bytes at `offset`."""

    def dt_node(self, base: int, irq: int, ctx: DtContext) -> Node | None:
        """The device's node under /soc, or None to stay hidden. `irq` is its PLIC source, 0 for none."""
        return None

    def reset(self) -> None:
        """Back to the state at power-on."""

    def poll(self) -> None:
        """Looks for input from the host. Called every few milliseconds and while all harts wait; must not
        block.
        """

    def next_event(self) -> int | None:
        """Machine time in nanoseconds at which `poll` has something to do by itself, or None."""
        return None

    def close(self) -> None:
        """Gives back the host's files. The device is not used afterwards."""

    #: Names of the attributes that are the device's state; they hold plain values (int, bool, bytes, lists
    #: of these).
    STATE: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        """The device's registers as plain values, for snapshots and for the machine's digest."""
        return {key: _copy(getattr(self, key)) for key in self.STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` returned. Raises KeyError for a state of another kind of device."""
        for key in self.STATE:
            setattr(self, key, _copy(state[key]))


def _copy(value: Any) -> Any:
    return [_copy(item) for item in value] if isinstance(value, list) else value
