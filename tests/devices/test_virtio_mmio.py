"""The transport: registers, feature negotiation, life cycle."""

import pytest
from virtio_driver import BASE, Driver

from rvh.devices.virtio import mmio
from rvh.devices.virtio.mmio import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, VirtioDevice, VirtioMmio


class Echo(VirtioDevice):
    """Returns every request unchanged; two queues, eight bytes of configuration."""

    device_id = 42
    queue_count = 2
    features = 1 << 5
    STATE = ("space",)

    def __init__(self):
        super().__init__()
        self.space = bytes(range(1, 9))
        self.resets = 0

    def config(self):
        return self.space

    def write_config(self, offset, data):
        self.space = self.space[:offset] + data + self.space[offset + len(data) :]

    def notify(self, index):
        queue = self.transport.queues[index]
        while (chain := queue.pop()) is not None:
            queue.push(chain, queue.scatter(chain.writable, queue.gather(chain.readable)))

    def reset(self):
        self.resets += 1


@pytest.fixture
def driver():
    return Driver(VirtioMmio(Echo()))


def test_identification(driver):
    assert driver.reg(0x00) == 0x74726976
    assert driver.reg(0x04) == 2
    assert driver.reg(0x08) == 42
    assert driver.reg(0x34) == 256


def test_empty_slot_has_device_id_zero_and_ignores_writes():
    slot = VirtioMmio()
    assert [slot.read(offset, 4) for offset in (0, 4, 8)] == [0x74726976, 2, 0]
    slot.write(mmio.STATUS, 4, 1)
    slot.write(mmio.QUEUE_NOTIFY, 4, 0)
    assert slot.read(mmio.STATUS, 4) == 0
    assert slot.read(0x100, 4) == 0


def test_features_are_read_in_halves(driver):
    driver.set(mmio.DEVICE_FEATURES_SEL, 0)
    assert driver.reg(mmio.DEVICE_FEATURES) == 1 << 5 | F_INDIRECT_DESC | F_EVENT_IDX
    driver.set(mmio.DEVICE_FEATURES_SEL, 1)
    assert driver.reg(mmio.DEVICE_FEATURES) == F_VERSION_1 >> 32
    driver.set(mmio.DEVICE_FEATURES_SEL, 2)
    assert driver.reg(mmio.DEVICE_FEATURES) == 0


def test_legacy_driver_is_refused():
    driver = Driver(VirtioMmio(Echo()), start=False)
    assert not driver.negotiate(1 << 5)
    driver.set(mmio.STATUS, mmio.ACKNOWLEDGE | mmio.DRIVER | mmio.DRIVER_OK)
    assert not driver.reg(mmio.STATUS) & mmio.DRIVER_OK


def test_feature_that_was_not_offered_is_refused():
    driver = Driver(VirtioMmio(Echo()), start=False)
    assert not driver.negotiate(F_VERSION_1 | 1 << 6)
    assert driver.negotiate(F_VERSION_1 | 1 << 5)


def test_features_are_frozen_after_features_ok(driver):
    driver.set(mmio.DRIVER_FEATURES_SEL, 0)
    driver.set(mmio.DRIVER_FEATURES, 0)
    assert driver.device.negotiated(1 << 5)


def test_status_bits_are_only_cleared_by_reset(driver):
    before = driver.reg(mmio.STATUS)
    driver.set(mmio.STATUS, mmio.ACKNOWLEDGE)
    assert driver.reg(mmio.STATUS) == before
    driver.set(mmio.STATUS, 0)
    assert driver.reg(mmio.STATUS) == 0
    assert driver.device.backend.resets == 2  # one before negotiation, one now
    driver.set(mmio.QUEUE_SEL, 0)
    assert driver.reg(mmio.QUEUE_READY) == 0


def test_request_comes_back_with_an_interrupt(driver):
    queue = driver.queues[1]
    source, target = driver.alloc(b"hello"), driver.alloc(8)
    head = queue.send((source, 5, 0), (target, 8, 2))
    assert queue.completed() == [(head, 5)]
    assert driver.ram.read(target, 8) == b"hello\xee\xee\xee"
    assert driver.level and driver.ack() == mmio.USED_BUFFER
    assert not driver.level


def test_requests_offered_before_driver_ok_are_done_at_driver_ok():
    driver = Driver(VirtioMmio(Echo()), start=False)
    assert driver.negotiate(F_VERSION_1)
    for queue in driver.queues:
        driver.set_queue(queue.index, queue.size, queue.desc, queue.avail, queue.used)
    queue = driver.queues[0]
    head = queue.send((driver.alloc(b"x"), 1, 0))
    assert queue.completed() == []
    driver.set(mmio.STATUS, driver.reg(mmio.STATUS) | mmio.DRIVER_OK)
    assert queue.completed() == [(head, 0)]


def test_no_interrupt_flag_is_honoured(driver):
    queue = driver.queues[0]
    driver.ram.write(queue.avail, b"\x01\x00")
    queue.send((driver.alloc(b"x"), 1, 0))
    assert len(queue.completed()) == 1
    assert not driver.level


def test_event_index_asks_for_the_interrupt_of_one_entry():
    driver = Driver(VirtioMmio(Echo()), features=F_EVENT_IDX)
    queue = driver.queues[0]
    used_event = queue.avail + 4 + 2 * queue.size
    driver.ram.write(used_event, (2).to_bytes(2, "little"))
    buffer = driver.alloc(b"x")
    for number in range(3):
        assert not driver.level, number
        queue.send((buffer, 1, 0))
    assert driver.level
    avail_event = queue.used + 4 + 8 * queue.size
    assert driver.ram.read(avail_event, 2) == (3).to_bytes(2, "little")


def test_indices_wrap(driver):
    queue = driver.queues[0]
    buffer = driver.alloc(b"x")
    device_queue = driver.device.queues[0]
    device_queue.next_avail = device_queue.next_used = 0xFFFE
    queue.avail_idx = queue.used_seen = 0xFFFE
    for _ in range(5):
        queue.send((buffer, 1, 0))
    assert len(queue.completed()) == 5
    assert queue.used_idx() == 3
    assert not driver.needs_reset


def test_registers_of_a_live_queue_do_not_change(driver):
    driver.set(mmio.QUEUE_SEL, 0)
    driver.set(mmio.QUEUE_DESC, 0x1000)
    driver.set(mmio.QUEUE_SIZE, 2)
    assert driver.device.queues[0].desc == driver.queues[0].desc
    assert driver.device.queues[0].size == 16


def test_unready_queue_is_not_served(driver):
    driver.set(mmio.QUEUE_SEL, 0)
    driver.set(mmio.QUEUE_READY, 0)
    driver.queues[0].send((driver.alloc(b"x"), 1, 0))
    assert driver.queues[0].completed() == []
    assert not driver.needs_reset


@pytest.mark.parametrize("index", [2, 255, 0xFFFFFFFF])
def test_queue_numbers_that_do_not_exist(driver, index):
    driver.set(mmio.QUEUE_SEL, index)
    assert driver.reg(mmio.QUEUE_SIZE_MAX) == 0
    driver.set(mmio.QUEUE_SIZE, 4)
    driver.set(mmio.QUEUE_READY, 1)
    assert driver.reg(mmio.QUEUE_READY) == 0
    driver.notify(index)
    assert not driver.needs_reset


def test_registers_are_32_bits_wide(driver):
    assert driver.device.read(0, 1) == driver.device.read(0, 8) == 0
    driver.device.write(mmio.STATUS, 1, 0)
    assert driver.reg(mmio.STATUS) & mmio.DRIVER_OK


def test_config_space_has_any_width(driver):
    device = driver.device
    assert [device.read(0x100, n) for n in (1, 2, 4, 8)] == [0x01, 0x0201, 0x04030201, 0x0807060504030201]
    assert device.read(0x107, 1) == 8
    assert device.read(0x108, 4) == 0
    assert device.read(0xFF8, 8) == 0
    device.write(0x102, 2, 0xBBAA)
    assert device.read(0x100, 8) == 0x08070605BBAA0201
    device.write(0x106, 4, 0xFFFFFFFF)  # sticks out: ignored
    assert device.read(0x106, 2) == 0x0807


def test_config_change_interrupts_and_counts(driver):
    before = driver.reg(mmio.CONFIG_GENERATION)
    driver.device.config_changed()
    assert driver.ack() == mmio.CONFIG_CHANGE
    assert driver.reg(mmio.CONFIG_GENERATION) == before + 1


@pytest.mark.parametrize(
    "size, desc, avail, used",
    [
        (0, BASE, BASE + 0x2000, BASE + 0x4000),
        (3, BASE, BASE + 0x2000, BASE + 0x4000),
        (512, BASE, BASE + 0x2000, BASE + 0x4000),
        (0xFFFFFFFF, BASE, BASE + 0x2000, BASE + 0x4000),
        (16, BASE + 8, BASE + 0x2000, BASE + 0x4000),
        (16, BASE, BASE + 0x2001, BASE + 0x4000),
        (16, BASE, BASE + 0x2000, BASE + 0x4002),
        (16, 0, BASE + 0x2000, BASE + 0x4000),
        (16, BASE, 0x1000, BASE + 0x4000),
        (16, BASE, BASE + 0x2000, BASE + (1 << 20) - 16),
        (16, (1 << 64) - 16, BASE + 0x2000, BASE + 0x4000),
    ],
)
def test_bad_queue_addresses_need_a_reset(size, desc, avail, used):
    driver = Driver(VirtioMmio(Echo()), start=False)
    assert driver.negotiate(F_VERSION_1)
    driver.set_queue(0, size, desc, avail, used)
    assert driver.needs_reset
    assert driver.reg(mmio.QUEUE_READY) == 0
    driver.set(mmio.STATUS, 0)
    assert not driver.needs_reset
    driver.start(0)
    assert not driver.needs_reset


def test_state_survives_restore(driver):
    queue = driver.queues[0]
    queue.send((driver.alloc(b"x"), 1, 0))
    saved = driver.device.state()
    other = VirtioMmio(Echo())
    levels = []
    other.irq = levels.append
    other.memory = driver.ram
    other.restore(saved)
    assert levels[-1] is True
    assert other.state() == saved
    driver.device = other
    head = queue.send((driver.alloc(b"y"), 1, 0))
    assert queue.completed()[-1] == (head, 0)
