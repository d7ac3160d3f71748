"""Split virtqueues as the device sees them (virtio 1.2, section 2.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from ..bus import BusError, Memory

__all__ = ["MAX_SIZE", "Chain", "Queue", "QueueError"]

#: Largest queue that a device offers.
MAX_SIZE = 256
#: Most buffers in one chain, indirect ones included.
MAX_CHAIN = 1024
F_NEXT, F_WRITE, F_INDIRECT = 1, 2, 4
AVAIL_NO_INTERRUPT = 1
DESCRIPTOR = struct.Struct("<QIHH")


class QueueError(Exception):
    """The driver broke the rules of the queue; the message says which."""


@dataclass
class Chain:
    """One request: buffers as (address, length) in RAM, checked. The device reads the first list, writes
    the second.
    """

    head: int
    readable: list[tuple[int, int]] = field(default_factory=list)
    writable: list[tuple[int, int]] = field(default_factory=list)

    @property
    def read_size(self) -> int:
        """Bytes for the device to read."""
        return sum(length for _, length in self.readable)

    @property
    def write_size(self) -> int:
        """Room for the device to write."""
        return sum(length for _, length in self.writable)


def cut(buffers: list[tuple[int, int]], start: int, size: int) -> list[tuple[int, int]]:
    """The part of a buffer list that holds bytes start .. start+size."""
    out = []
    for address, length in buffers:
        if start < length and size > 0:
            part = min(length - start, size)
            out.append((address + start, part))
            size -= part
        start = max(start - length, 0)
    return out


class Queue:
    """One virtqueue: its registers, the ring positions and the operations on the rings in guest memory."""

    STATE = ("size", "ready", "desc", "driver", "device", "next_avail", "next_used", "event_idx", "indirect")

    def __init__(self, max_size: int = MAX_SIZE):
        self.max_size = max_size
        self.memory: Memory | None = None
        self.reset()

    def reset(self) -> None:
        """As after power-on."""
        self.size = self.max_size
        self.ready = False
        self.desc = self.driver = self.device = 0
        self.next_avail = self.next_used = 0
        self.event_idx = self.indirect = False

    def state(self) -> dict[str, Any]:
        """Registers and positions."""
        return {key: getattr(self, key) for key in self.STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back `state()`."""
        for key in self.STATE:
            setattr(self, key, state[key])

    def start(self, memory: Memory, event_idx: bool, indirect: bool) -> None:
        """QueueReady was set: checks size and addresses. Raises `QueueError`."""
        if self.size == 0 or self.size > self.max_size or self.size & (self.size - 1):
            raise QueueError(f"queue size {self.size} is not a power of two up to {self.max_size}")
        for what, address, align, size in (
            ("descriptor table", self.desc, 16, 16 * self.size),
            ("available ring", self.driver, 2, 6 + 2 * self.size),
            ("used ring", self.device, 4, 6 + 8 * self.size),
        ):
            if address % align:
                raise QueueError(f"{what} at {address:#x} is misaligned")
            _check(memory, address, size, what)
        self.memory = memory
        self.event_idx, self.indirect = event_idx, indirect
        self.next_avail = self.next_used = 0
        self.ready = True

    # -- reading the driver's side

    def pending(self) -> int:
        """Number of requests that wait. Raises `QueueError` for an index that jumped."""
        waiting = (self._u16(self.driver + 2) - self.next_avail) & 0xFFFF
        if waiting > self.size:
            raise QueueError(f"available index is {waiting} ahead in a queue of {self.size}")
        return waiting

    def pop(self) -> Chain | None:
        """Takes the next request; None when there is none. Raises `QueueError` for a malformed one."""
        if not self.ready or not self.pending():
            return None
        head = self._u16(self.driver + 4 + 2 * (self.next_avail % self.size))
        chain = self._chain(head)
        self.next_avail = (self.next_avail + 1) & 0xFFFF
        if self.event_idx:  # avail_event: notify for the next one (section 2.7.10)
            self._put(self.device + 4 + 8 * self.size, self.next_avail.to_bytes(2, "little"))
        return chain

    def unpop(self) -> None:
        """Gives the request taken last back to the queue; `pop` will return it again."""
        self.next_avail = (self.next_avail - 1) & 0xFFFF

    def _chain(self, head: int) -> Chain:
        chain = Chain(head)
        table, limit, index, indirect = self.desc, self.size, head, False
        seen = 0
        while True:
            if index >= limit:
                raise QueueError(f"descriptor {index} lies outside a table of {limit}")
            address, length, flags, following = DESCRIPTOR.unpack(self._get(table + 16 * index, 16))
            seen += 1
            if flags & F_INDIRECT:
                if not self.indirect or indirect or flags & F_NEXT:
                    raise QueueError("indirect descriptor where none is allowed")
                if length == 0 or length % 16 or length // 16 > MAX_CHAIN:
                    raise QueueError(f"indirect table of {length} bytes")
                _check(self.memory, address, length, "indirect table")
                table, limit, index, indirect, seen = address, length // 16, 0, True, 0
                continue
            if length:
                _check(self.memory, address, length, "buffer")
            if flags & F_WRITE:
                chain.writable.append((address, length))
            elif chain.writable:
                raise QueueError("readable buffer after a writable one")
            else:
                chain.readable.append((address, length))
            if not flags & F_NEXT:
                return chain
            # A chain with more links than its table has entries is a loop.
            if seen >= limit:
                raise QueueError("descriptor chain is a loop")
            index = following

    # -- the bytes of a request

    def gather(self, buffers: list[tuple[int, int]]) -> bytes:
        """A copy of what the buffers hold."""
        return b"".join(self._get(address, length) for address, length in buffers if length)

    def scatter(self, buffers: list[tuple[int, int]], data: bytes | memoryview) -> int:
        """Writes `data` over the buffers from their start; returns the bytes that fitted."""
        done = 0
        for address, length in buffers:
            part = data[done : done + length]
            if part:
                self._put(address, part)
                done += len(part)
        return done

    # -- writing the device's side

    def push(self, chain: Chain, written: int) -> None:
        """Returns a request to the driver: `written` bytes of its writable buffers are valid."""
        entry = self.device + 4 + 8 * (self.next_used % self.size)
        self._put(entry, struct.pack("<II", chain.head, written))
        self.next_used = (self.next_used + 1) & 0xFFFF
        self._put(self.device + 2, self.next_used.to_bytes(2, "little"))

    def wants_interrupt(self, used_before: int) -> bool:
        """Whether the driver asked to hear about what was pushed since `next_used` was `used_before`."""
        if self.next_used == used_before:
            return False
        if self.event_idx:
            used_event = self._u16(self.driver + 4 + 2 * self.size)
            return (self.next_used - used_event - 1) & 0xFFFF < (self.next_used - used_before) & 0xFFFF
        return not self._u16(self.driver) & AVAIL_NO_INTERRUPT

    # -- memory, with the guest's mistakes as QueueError

    def _get(self, address: int, size: int) -> bytes:
        assert self.memory is not None
        try:
            return self.memory.read(address, size)
        except BusError as error:
            raise QueueError(str(error)) from None

    def _put(self, address: int, data: bytes | memoryview) -> None:
        assert self.memory is not None
        try:
            self.memory.write(address, data)
        except BusError as error:
            raise QueueError(str(error)) from None

    def _u16(self, address: int) -> int:
        return int.from_bytes(self._get(address, 2), "little")

    def view(self, address: int, size: int, writable: bool) -> memoryview:
        """The bytes of one buffer in place."""
        assert self.memory is not None
        try:
            return self.memory.view(address, size, writable)
        except BusError as error:
            raise QueueError(str(error)) from None


def _check(memory: Memory | None, address: int, size: int, what: str) -> None:
    assert memory is not None
    try:
        memory.view(address, size)
    except BusError:
        raise QueueError(f"{what} at {address:#x}, {size} bytes, lies outside RAM") from None
