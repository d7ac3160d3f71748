"""The test finisher and the real-time clock."""

import pytest

from rvh.devices.finisher import TestFinisher
from rvh.devices.rtc import DEFAULT_EPOCH_NS, GoldfishRtc

TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH = 0, 4, 8, 12
IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT = 16, 20, 24, 28


@pytest.mark.parametrize(
    "value, size, expected",
    [
        (0x5555, 4, ("pass", 0)),
        (0x5555, 2, ("pass", 0)),
        (0x3333, 4, ("fail", 0)),
        (0x12343333, 4, ("fail", 0x1234)),
        (0x7777, 4, ("reset", 0)),
        (0x1234, 4, None),
        (0, 4, None),
    ],
)
def test_finisher(value, size, expected):
    finisher = TestFinisher()
    calls = []
    finisher.machine_exit = lambda *call: calls.append(call)
    finisher.write(0, size, value)
    assert calls == ([expected] if expected else [])
    finisher.write(4, size, 0x5555)
    assert len(calls) == bool(expected)
    assert finisher.read(0, 4) == 0


@pytest.fixture
def rtc():
    rtc = GoldfishRtc()
    rtc.time = 0
    rtc.clock = lambda: rtc.time
    rtc.level = False

    def irq(level):
        rtc.level = level

    rtc.irq = irq
    return rtc


def date(rtc):
    low = rtc.read(TIME_LOW, 4)
    return rtc.read(TIME_HIGH, 4) << 32 | low


def set_alarm(rtc, ns):
    rtc.write(ALARM_HIGH, 4, ns >> 32)
    rtc.write(ALARM_LOW, 4, ns & 0xFFFFFFFF)


def test_rtc_follows_the_machine(rtc):
    assert date(rtc) == DEFAULT_EPOCH_NS
    rtc.time = 5 * 10**9 + 17
    assert date(rtc) == DEFAULT_EPOCH_NS + 5 * 10**9 + 17


def test_rtc_pair_is_consistent(rtc):
    rtc.epoch_ns = (1 << 32) - 1
    rtc.reset()
    assert rtc.read(TIME_LOW, 4) == 0xFFFFFFFF
    rtc.time = 1
    assert rtc.read(TIME_HIGH, 4) == 0
    assert date(rtc) == 1 << 32


def test_rtc_can_be_set(rtc):
    rtc.time = 1000
    rtc.write(TIME_HIGH, 4, 7)
    rtc.write(TIME_LOW, 4, 9)
    rtc.time = 1004
    assert date(rtc) == (7 << 32 | 9) + 4


def test_rtc_alarm(rtc):
    rtc.write(IRQ_ENABLED, 4, 1)
    set_alarm(rtc, DEFAULT_EPOCH_NS + 100)
    assert rtc.read(ALARM_STATUS, 4) == 1 and rtc.next_event() == 100
    assert rtc.read(ALARM_HIGH, 4) << 32 | rtc.read(ALARM_LOW, 4) == DEFAULT_EPOCH_NS + 100
    rtc.time = 99
    rtc.poll()
    assert not rtc.level
    rtc.time = 100
    rtc.poll()
    assert rtc.level and rtc.read(ALARM_STATUS, 4) == 0 and rtc.next_event() is None
    rtc.write(CLEAR_INTERRUPT, 4, 1)
    assert not rtc.level


def test_rtc_alarm_in_the_past_fires_at_once(rtc):
    rtc.write(IRQ_ENABLED, 4, 1)
    set_alarm(rtc, 1)
    assert rtc.level


def test_rtc_alarm_without_interrupt_and_cancelled(rtc):
    set_alarm(rtc, 1)
    assert not rtc.level
    rtc.write(IRQ_ENABLED, 4, 1)
    assert rtc.level
    rtc.write(CLEAR_INTERRUPT, 4, 1)
    set_alarm(rtc, DEFAULT_EPOCH_NS + 10)
    rtc.write(CLEAR_ALARM, 4, 1)
    rtc.time = 20
    rtc.poll()
    assert not rtc.level


def test_rtc_state(rtc):
    rtc.write(IRQ_ENABLED, 4, 1)
    set_alarm(rtc, 1)
    other = GoldfishRtc()
    levels = []
    other.irq = levels.append
    other.restore(rtc.state())
    assert levels[-1] is True and other.state() == rtc.state()
