"""The other side of a virtio device: RAM that is a bytearray, and a driver that builds rings in it."""

from __future__ import annotations

import struct

from rvh.devices.bus import BusError
from rvh.devices.virtio import mmio
from rvh.devices.virtio.mmio import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, VirtioMmio

BASE = 0x8000_0000
SIZE = 1 << 20
NEXT, WRITE, INDIRECT = 1, 2, 4


class Ram:
    """What `rvh.devices.bus.Memory` promises."""

    def __init__(self, base: int = BASE, size: int = SIZE):
        self.base, self.data = base, bytearray(size)

    def _at(self, pa: int, n: int) -> int:
        if n < 0 or pa < self.base or pa + n > self.base + len(self.data):
            raise BusError(f"{pa:#x} is not RAM")
        return pa - self.base

    def read(self, pa: int, n: int) -> bytes:
        at = self._at(pa, n)
        return bytes(self.data[at : at + n])

    def write(self, pa: int, data) -> None:
        at = self._at(pa, len(data))
        self.data[at : at + len(data)] = data

    def view(self, pa: int, n: int, writable: bool = False) -> memoryview:
        at = self._at(pa, n)
        view = memoryview(self.data)[at : at + n]
        return view if writable else view.toreadonly()


class DriverQueue:
    """A queue's rings and a bump allocator for descriptors."""

    def __init__(self, driver: Driver, index: int, at: int, size: int):
        self.driver, self.index, self.size = driver, index, size
        self.desc, self.avail, self.used = at, at + 0x2000, at + 0x4000
        self.free = 0
        self.avail_idx = 0
        self.used_seen = 0

    def descriptor(self, index: int, address: int, length: int, flags: int = 0, following: int = 0) -> None:
        self.driver.ram.write(self.desc + 16 * index, struct.pack("<QIHH", address, length, flags, following))

    def chain(self, *buffers: tuple[int, int, int]) -> int:
        """Descriptors for (address, length, flags), linked; returns the head."""
        head = self.free
        for number, (address, length, flags) in enumerate(buffers):
            last = number == len(buffers) - 1
            following = (self.free + 1) % self.size
            self.descriptor(self.free, address, length, flags | (0 if last else NEXT), 0 if last else following)
            self.free = following
        return head

    def offer(self, *heads: int) -> None:
        """Puts heads into the available ring, without a notification."""
        for head in heads:
            self.driver.ram.write(self.avail + 4 + 2 * (self.avail_idx % self.size), struct.pack("<H", head))
            self.avail_idx = (self.avail_idx + 1) & 0xFFFF
        self.driver.ram.write(self.avail + 2, struct.pack("<H", self.avail_idx))

    def send(self, *buffers: tuple[int, int, int]) -> int:
        """One chain, offered and notified; returns its head."""
        head = self.chain(*buffers)
        self.offer(head)
        self.driver.notify(self.index)
        return head

    def used_idx(self) -> int:
        return struct.unpack("<H", self.driver.ram.read(self.used + 2, 2))[0]

    def completed(self) -> list[tuple[int, int]]:
        """(head, length) of what came back since the last call."""
        out = []
        while self.used_seen != self.used_idx():
            out.append(struct.unpack("<II", self.driver.ram.read(self.used + 4 + 8 * (self.used_seen % self.size), 8)))
            self.used_seen = (self.used_seen + 1) & 0xFFFF
        return out


class Driver:
    """Brings a device up as section 3.1.1 of the specification says."""

    def __init__(self, device: VirtioMmio, features: int | None = None, size: int = 16, start: bool = True):
        self.device = device
        self.ram = Ram()
        self.level = False
        self.interrupts = 0
        device.memory = self.ram
        device.irq = self._irq
        self.heap = BASE + 0x80000
        self.queues = [DriverQueue(self, index, BASE + 0x10000 * index, size) for index in range(len(device.queues))]
        if start:
            self.start(device.features & ~(F_EVENT_IDX | F_INDIRECT_DESC) if features is None else features)

    def _irq(self, level: bool) -> None:
        self.interrupts += level and not self.level
        self.level = level

    def reg(self, offset: int) -> int:
        return self.device.read(offset, 4)

    def set(self, offset: int, value: int) -> None:
        self.device.write(offset, 4, value)

    def negotiate(self, features: int) -> bool:
        self.set(mmio.STATUS, 0)
        self.set(mmio.STATUS, mmio.ACKNOWLEDGE | mmio.DRIVER)
        for half in range(2):
            self.set(mmio.DRIVER_FEATURES_SEL, half)
            self.set(mmio.DRIVER_FEATURES, features >> 32 * half & 0xFFFFFFFF)
        self.set(mmio.STATUS, mmio.ACKNOWLEDGE | mmio.DRIVER | mmio.FEATURES_OK)
        return bool(self.reg(mmio.STATUS) & mmio.FEATURES_OK)

    def set_queue(self, index: int, size: int, desc: int, avail: int, used: int) -> None:
        self.set(mmio.QUEUE_SEL, index)
        self.set(mmio.QUEUE_SIZE, size)
        for base, address in ((mmio.QUEUE_DESC, desc), (mmio.QUEUE_DRIVER, avail), (mmio.QUEUE_DEVICE, used)):
            self.set(base, address & 0xFFFFFFFF)
            self.set(base + 4, address >> 32)
        self.set(mmio.QUEUE_READY, 1)

    def start(self, features: int) -> None:
        assert self.negotiate(features | F_VERSION_1)
        for queue in self.queues:
            self.ram.write(queue.desc, bytes(0x5000))
            queue.free = queue.avail_idx = queue.used_seen = 0
            self.set_queue(queue.index, queue.size, queue.desc, queue.avail, queue.used)
        self.set(mmio.STATUS, self.reg(mmio.STATUS) | mmio.DRIVER_OK)

    def notify(self, index: int = 0) -> None:
        self.set(mmio.QUEUE_NOTIFY, index)

    def ack(self) -> int:
        status = self.reg(mmio.INTERRUPT_STATUS)
        self.set(mmio.INTERRUPT_ACK, status)
        return status

    def alloc(self, data: bytes | int) -> int:
        """Address of fresh memory that holds `data` (or that many bytes of 0xEE)."""
        data = b"\xee" * data if isinstance(data, int) else data
        at = self.heap
        self.ram.write(at, data)
        self.heap += (len(data) + 63) & ~63
        return at

    @property
    def needs_reset(self) -> bool:
        return bool(self.reg(mmio.STATUS) & mmio.NEEDS_RESET)
