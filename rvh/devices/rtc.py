"""The Goldfish real-time clock ("google,goldfish-rtc"), as on QEMU `virt`.

Time is nanoseconds since 1970. It advances with the machine's time, so a run that counts instructions sees
the same dates every time.
"""

from __future__ import annotations

from ..dtb import Node, reg64
from .bus import Device, DtContext

TIME_LOW, TIME_HIGH = 0x00, 0x04
ALARM_LOW, ALARM_HIGH = 0x08, 0x0C
IRQ_ENABLED = 0x10
CLEAR_ALARM = 0x14
ALARM_STATUS = 0x18
CLEAR_INTERRUPT = 0x1C

MASK32 = 0xFFFF_FFFF
#: 2025-01-01T00:00:00Z: the date at power-on when time follows instructions.
DEFAULT_EPOCH_NS = 1_735_689_600 * 10**9


class GoldfishRtc(Device):
    """`epoch_ns` is the date at power-on, in nanoseconds since 1970."""

    name = "rtc"
    size = 0x1000
    access_sizes = (4, 4)
    STATE = ("offset_ns", "latched_high", "alarm_ns", "alarm_armed", "irq_enabled", "irq_pending")

    def __init__(self, epoch_ns: int = DEFAULT_EPOCH_NS):
        super().__init__()
        self.epoch_ns = epoch_ns
        self.reset()

    def reset(self) -> None:
        """The date goes on; only the alarm is lost."""
        self.offset_ns = self.epoch_ns
        self.latched_high = 0
        self.alarm_ns = 0
        self.alarm_armed = False
        self.irq_enabled = False
        self.irq_pending = False
        self.irq(False)

    def now(self) -> int:
        """The date in nanoseconds since 1970."""
        return self.clock() + self.offset_ns

    def read(self, offset: int, size: int) -> int:
        """Reading TIME_LOW latches TIME_HIGH, so that the pair is consistent."""
        if offset == TIME_LOW:
            now = self.now()
            self.latched_high = now >> 32 & MASK32
            return now & MASK32
        if offset == TIME_HIGH:
            return self.latched_high
        if offset == ALARM_LOW:
            return self.alarm_ns & MASK32
        if offset == ALARM_HIGH:
            return self.alarm_ns >> 32
        if offset == IRQ_ENABLED:
            return int(self.irq_enabled)
        if offset == ALARM_STATUS:
            return int(self.alarm_armed)
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Writing ALARM_LOW arms the alarm with the pair; writing TIME_* sets the date."""
        if offset == TIME_LOW:
            self._set_date(self.now() & ~MASK32 | value)
        elif offset == TIME_HIGH:
            self._set_date(self.now() & MASK32 | value << 32)
        elif offset == ALARM_LOW:
            self.alarm_ns = self.alarm_ns & ~MASK32 | value
            self.alarm_armed = True
            self.poll()
        elif offset == ALARM_HIGH:
            self.alarm_ns = self.alarm_ns & MASK32 | value << 32
        elif offset == IRQ_ENABLED:
            self.irq_enabled = bool(value & 1)
            self._drive()
        elif offset == CLEAR_ALARM:
            self.alarm_armed = False
        elif offset == CLEAR_INTERRUPT:
            self.irq_pending = False
            self._drive()
        self.event_changed()

    def poll(self) -> None:
        """Fires the alarm when its time has come."""
        if self.alarm_armed and self.now() >= self.alarm_ns:
            self.alarm_armed = False
            self.irq_pending = True
            self._drive()

    def next_event(self) -> int | None:
        """Machine time of the alarm."""
        return max(self.alarm_ns - self.offset_ns, 0) if self.alarm_armed else None

    def restore(self, state: dict) -> None:
        """Takes back the registers and drives the interrupt line as they say."""
        super().restore(state)
        self._drive()

    def _set_date(self, date_ns: int) -> None:
        self.offset_ns += date_ns - self.now()
        self.poll()

    def _drive(self) -> None:
        self.irq(self.irq_enabled and self.irq_pending)

    def dt_node(self, base: int, irq: int, ctx: DtContext) -> Node:
        """QEMU's binding."""
        return Node(
            f"rtc@{base:x}",
            {
                "compatible": "google,goldfish-rtc",
                "reg": reg64(base, self.size),
                "interrupts": irq,
                "interrupt-parent": ctx.plic,
            },
        )
