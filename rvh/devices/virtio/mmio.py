"""The virtio transport over MMIO, register layout version 2 (virtio 1.2, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dtb import Node, reg64
from ..bus import BusError, Device, DtContext
from .queue import MAX_SIZE, Queue, QueueError

__all__ = ["F_EVENT_IDX", "F_INDIRECT_DESC", "F_VERSION_1", "VirtioDevice", "VirtioMmio"]

MAGIC = 0x74726976
VERSION = 2
VENDOR = 0x554D4551  # QEMU's, which drivers know
F_INDIRECT_DESC, F_EVENT_IDX, F_VERSION_1 = 1 << 28, 1 << 29, 1 << 32

MAGIC_VALUE, VERSION_REG, DEVICE_ID, VENDOR_ID = 0x00, 0x04, 0x08, 0x0C
DEVICE_FEATURES, DEVICE_FEATURES_SEL, DRIVER_FEATURES, DRIVER_FEATURES_SEL = 0x10, 0x14, 0x20, 0x24
QUEUE_SEL, QUEUE_SIZE_MAX, QUEUE_SIZE, QUEUE_READY, QUEUE_NOTIFY = 0x30, 0x34, 0x38, 0x44, 0x50
INTERRUPT_STATUS, INTERRUPT_ACK, STATUS = 0x60, 0x64, 0x70
QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE = 0x80, 0x90, 0xA0
SHM_FIRST, SHM_LAST, CONFIG_GENERATION, CONFIG = 0xAC, 0xBC, 0xFC, 0x100

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET, FAILED = 1, 2, 4, 8, 64, 128
USED_BUFFER, CONFIG_CHANGE = 1, 2
MASK32 = 0xFFFF_FFFF


class VirtioDevice:
    """What is behind a transport. Subclasses set `device_id`, `features`, `queue_count` and override the
    methods.
    """

    device_id = 0
    #: Device-specific feature bits; the transport adds the ones of the rings.
    features = 0
    queue_count = 1
    #: Names of the attributes that are state, as in `Device.STATE`.
    STATE: tuple[str, ...] = ()

    def __init__(self) -> None:
        #: Set by the transport.
        self.transport: VirtioMmio | None = None

    def config(self) -> bytes:
        """The device's configuration space."""
        return b""

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver wrote to the configuration space."""

    def notify(self, index: int) -> None:
        """The driver put requests into queue `index`. May raise `QueueError`."""

    def reset(self) -> None:
        """The driver reset the device."""

    def poll(self) -> None:
        """Looks for input from the host."""

    @property
    def outside(self) -> bool:
        """Whether the host can wake the guest through this device, now or later."""
        return False

    def waits_for(self) -> tuple[list[int], list[int]]:
        """Descriptors of the host that have news for `poll` when they are readable, and when they are writable."""
        return [], []

    def close(self) -> None:
        """Gives back the host's files."""


class VirtioMmio(Device):
    """One virtio-mmio slot; `backend` None is an empty slot, whose DeviceID is 0."""

    name = "virtio"
    size = 0x1000
    access_sizes = (1, 8)
    STATE = (
        "status",
        "driver_features",
        "feature_sel",
        "driver_feature_sel",
        "queue_sel",
        "isr",
        "generation",
    )

    def __init__(self, backend: VirtioDevice | None = None):
        super().__init__()
        self.backend = backend
        self.queues = [Queue(MAX_SIZE) for _ in range(backend.queue_count if backend else 0)]
        #: Why the device needs a reset, in words; None while it is well.
        self.failure: str | None = None
        if backend is not None:
            backend.transport = self
        self.status = 0
        self.driver_features = 0
        self.feature_sel = self.driver_feature_sel = self.queue_sel = 0
        self.isr = 0
        self.generation = 0

    @property
    def features(self) -> int:
        """All feature bits on offer."""
        return self.backend.features | F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX if self.backend else 0

    def negotiated(self, bits: int) -> bool:
        """Whether the driver accepted all of these features."""
        return self.driver_features & bits == bits

    @property
    def live(self) -> bool:
        """The driver is up and the device is well: queues may be used."""
        return self.status & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK

    # -- for back ends

    def guard(self, work: Callable[[], None]) -> None:
        """Does work on the queues if the device is live, then interrupts if the driver wants it for any of
        them.

        A `QueueError` in it is the guest's doing: the device asks for a reset and nothing else happens.
        """
        if not self.live:
            return
        before = [queue.next_used for queue in self.queues]
        try:
            work()
            wanted = [
                queue.ready and queue.wants_interrupt(used) for queue, used in zip(self.queues, before, strict=True)
            ]
        except (QueueError, BusError) as error:
            self.fail(str(error))
            return
        if any(wanted):
            self._raise_interrupt(USED_BUFFER)

    def config_changed(self) -> None:
        """Tells the driver that the configuration space has changed."""
        self.generation = (self.generation + 1) & MASK32
        if self.status & DRIVER_OK:
            self._raise_interrupt(CONFIG_CHANGE)

    def fail(self, reason: str) -> None:
        """The device cannot go on until the driver resets it (section 2.1.2)."""
        self.failure = reason
        self.status |= NEEDS_RESET
        if self.status & DRIVER_OK:
            self._raise_interrupt(CONFIG_CHANGE)

    def _notify(self, index: int) -> None:
        backend = self.backend
        if backend is not None:
            self.guard(lambda: backend.notify(index))

    def _raise_interrupt(self, bit: int) -> None:
        self.isr |= bit
        self.irq(True)

    # -- registers

    def read(self, offset: int, size: int) -> int:
        """Registers are 32 bits wide and anything else reads as zero; the configuration space has any
        width.
        """
        backend = self.backend
        if offset >= CONFIG and backend is not None:
            return int.from_bytes(backend.config()[offset - CONFIG :][:size], "little")
        if size != 4:
            return 0
        if offset == MAGIC_VALUE:
            return MAGIC
        if offset == VERSION_REG:
            return VERSION
        if offset == VENDOR_ID:
            return VENDOR
        if backend is None:
            return 0
        if offset == DEVICE_ID:
            return backend.device_id
        if offset == DEVICE_FEATURES:
            return self.features >> 32 * self.feature_sel & MASK32 if self.feature_sel < 2 else 0
        if offset == QUEUE_SIZE_MAX:
            return self.queues[self.queue_sel].max_size if self.queue_sel < len(self.queues) else 0
        if offset == QUEUE_READY:
            return int(self.queue_sel < len(self.queues) and self.queues[self.queue_sel].ready)
        if offset == INTERRUPT_STATUS:
            return self.isr
        if offset == STATUS:
            return self.status
        if offset == CONFIG_GENERATION:
            return self.generation
        if SHM_FIRST < offset <= SHM_LAST:
            return MASK32  # no shared memory region
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Stores to what is not writable do nothing."""
        backend = self.backend
        if backend is None:
            return
        if offset >= CONFIG:
            if offset - CONFIG + size <= len(backend.config()):
                backend.write_config(offset - CONFIG, value.to_bytes(size, "little"))
            return
        if size != 4:
            return
        if offset == QUEUE_NOTIFY:
            if value < len(self.queues) and self.queues[value].ready:
                self._notify(value)
        elif offset == INTERRUPT_ACK:
            self.isr &= ~value
            self.irq(self.isr != 0)
        elif offset == STATUS:
            self._write_status(value)
        elif offset == DEVICE_FEATURES_SEL:
            self.feature_sel = value
        elif offset == DRIVER_FEATURES_SEL:
            self.driver_feature_sel = value
        elif offset == DRIVER_FEATURES:
            self._write_features(value)
        elif offset == QUEUE_SEL:
            self.queue_sel = value
        elif self.queue_sel < len(self.queues):
            self._write_queue(self.queues[self.queue_sel], offset, value)

    def _write_features(self, value: int) -> None:
        if self.status & FEATURES_OK or self.driver_feature_sel > 1:
            return
        shift = 32 * self.driver_feature_sel
        self.driver_features = self.driver_features & ~(MASK32 << shift) | value << shift

    def _write_status(self, value: int) -> None:
        if value == 0:
            self.reset()
            return
        if value & FEATURES_OK and not self.status & FEATURES_OK:
            # Without VERSION_1 the driver would use the legacy layout of rings and headers, which is not
            # offered.
            if self.driver_features & ~self.features or not self.driver_features & F_VERSION_1:
                value &= ~FEATURES_OK
        if value & DRIVER_OK and not (value | self.status) & FEATURES_OK:
            value &= ~DRIVER_OK
        starts = value & DRIVER_OK and not self.status & DRIVER_OK
        self.status |= value & 0xFF & ~NEEDS_RESET
        if starts:
            for index, queue in enumerate(self.queues):
                if queue.ready:
                    self._notify(index)

    def _write_queue(self, queue: Queue, offset: int, value: int) -> None:
        if offset == QUEUE_READY:
            if not value & 1:
                queue.ready = False
            elif not queue.ready and self.memory is not None:
                try:
                    queue.start(self.memory, self.negotiated(F_EVENT_IDX), self.negotiated(F_INDIRECT_DESC))
                except QueueError as error:
                    self.fail(str(error))
            return
        if queue.ready:  # the registers of a live queue do not change under it
            return
        if offset == QUEUE_SIZE:
            queue.size = value
        for base, name in ((QUEUE_DESC, "desc"), (QUEUE_DRIVER, "driver"), (QUEUE_DEVICE, "device")):
            if offset == base:
                setattr(queue, name, getattr(queue, name) & ~MASK32 | value)
            elif offset == base + 4:
                setattr(queue, name, getattr(queue, name) & MASK32 | value << 32)

    # -- life

    def _clear(self) -> None:
        self.status = 0
        self.driver_features = 0
        self.feature_sel = self.driver_feature_sel = self.queue_sel = 0
        self.isr = 0
        self.generation = 0
        self.failure = None
        for queue in self.queues:
            queue.reset()

    def reset(self) -> None:
        """Power-on, and a zero written to Status."""
        self._clear()
        self.irq(False)
        if self.backend is not None:
            self.backend.reset()

    def poll(self) -> None:
        """Lets the back end look at the host."""
        if self.backend is not None:
            self.backend.poll()

    def close(self) -> None:
        """Closes the back end."""
        if self.backend is not None:
            self.backend.close()

    def state(self) -> dict[str, Any]:
        """Registers, queues and the back end's own state."""
        state = super().state()
        state["queues"] = [queue.state() for queue in self.queues]
        if self.backend is not None:
            state["backend"] = {key: getattr(self.backend, key) for key in self.backend.STATE}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back `state()` of a slot with the same kind of device."""
        super().restore(state)
        for queue, saved in zip(self.queues, state["queues"], strict=True):
            queue.memory = self.memory
            queue.restore(saved)
        if self.backend is not None:
            for key in self.backend.STATE:
                setattr(self.backend, key, state["backend"][key])
        self.irq(self.isr != 0)

    def dt_node(self, base: int, irq: int, ctx: DtContext) -> Node:
        """QEMU's binding; empty slots are described as well, as there."""
        return Node(
            f"virtio_mmio@{base:x}",
            {
                "compatible": "virtio,mmio",
                "reg": reg64(base, self.size),
                "interrupts": irq,
                "interrupt-parent": ctx.plic,
            },
        )
