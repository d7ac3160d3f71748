"""HTIF, the host-target interface of Spike and riscv-tests: a `tohost` and a `fromhost` doubleword in RAM.

tohost holds device 63:56, command 55:48, payload 47:0. Device 0 is the system: an odd payload ends the run with code
payload >> 1, an even one is the address of a proxied system call {number, a0, a1, a2 ...}; write and exit are done.
Device 1 is the console: command 1 prints the payload's low byte, command 0 asks for a byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from .bus import BusError, Memory

SYS_WRITE = 64
SYS_EXIT = 93
EFAULT = 14
ENOSYS = 38


class Htif:
    """`exit(code)` is called when the program ends, `output(data)` with its output; `input()` gives a byte or None."""

    def __init__(
        self,
        memory: Memory,
        tohost: int,
        fromhost: int | None,
        exit: Callable[[int], None],
        output: Callable[[bytes], object],
        input: Callable[[], int | None],
    ):
        self.memory, self.tohost, self.fromhost = memory, tohost, fromhost
        self.exit, self.output, self.input = exit, output, input

    def poll(self) -> None:
        """Carries out a request that stands in tohost, and acknowledges it."""
        (value,) = struct.unpack("<Q", self.memory.read(self.tohost, 8))
        if value == 0:
            return
        device, command, payload = value >> 56, value >> 48 & 0xFF, value & (1 << 48) - 1
        if device == 0 and command == 0 and payload & 1:
            self.exit(payload >> 1)
            return
        answer: int | None = 0
        if device == 0 and command == 0:
            self._syscall(payload)
        elif device == 1 and command == 1:
            self.output(bytes([payload & 0xFF]))
        elif device == 1 and command == 0:
            answer = self.input()
        if answer is None:
            return
        self.memory.write(self.tohost, bytes(8))
        if self.fromhost is not None:
            self.memory.write(self.fromhost, struct.pack("<Q", device << 56 | command << 48 | answer or 1))

    def _syscall(self, address: int) -> None:
        """An address outside RAM is the program's mistake: it hears of it where it can, and nothing else happens."""
        try:
            number, a0, a1, a2 = struct.unpack("<4Q", self.memory.read(address, 32))
            result = -ENOSYS
            if number == SYS_WRITE and a0 in (1, 2):
                self.output(self.memory.read(a1, a2))
                result = a2
            elif number == SYS_EXIT:
                self.exit(a0)
        except BusError:
            result = -EFAULT
        try:
            self.memory.write(address, struct.pack("<q", result))
        except BusError:
            return
