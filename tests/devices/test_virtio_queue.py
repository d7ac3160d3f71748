"""Rings that a driver got wrong, by accident or not: the device asks for a reset, and nothing else happens."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_virtio_mmio import Echo
from virtio_driver import BASE, INDIRECT, NEXT, SIZE, WRITE, Driver

from rvh.devices.virtio import mmio
from rvh.devices.virtio.mmio import F_EVENT_IDX, F_INDIRECT_DESC, VirtioMmio
from rvh.devices.virtio.queue import cut


@pytest.fixture
def driver():
    return Driver(VirtioMmio(Echo()), features=F_INDIRECT_DESC)


def broken(driver):
    """The device gave up, told the driver so, and is dead to further requests until a reset."""
    assert driver.needs_reset
    assert driver.device.failure
    assert driver.ack() & mmio.CONFIG_CHANGE
    before = driver.queues[0].used_idx()
    driver.queues[0].send((driver.alloc(b"x"), 1, 0))
    assert driver.queues[0].used_idx() == before
    driver.start(F_INDIRECT_DESC)
    assert not driver.needs_reset


def test_head_outside_the_table(driver):
    driver.queues[0].offer(16)
    driver.notify()
    broken(driver)


def test_next_outside_the_table(driver):
    driver.queues[0].descriptor(0, driver.alloc(b"x"), 1, NEXT, 0xFFFF)
    driver.queues[0].offer(0)
    driver.notify()
    broken(driver)


def test_loop(driver):
    queue = driver.queues[0]
    buffer = driver.alloc(b"x")
    queue.descriptor(0, buffer, 1, NEXT, 1)
    queue.descriptor(1, buffer, 1, NEXT, 0)
    queue.offer(0)
    driver.notify()
    broken(driver)


def test_longest_chain_is_no_loop(driver):
    queue = driver.queues[0]
    buffer = driver.alloc(b"x")
    head = queue.send(*[(buffer, 1, 0)] * queue.size)
    assert queue.completed() == [(head, 0)]


def test_available_index_that_jumps(driver):
    driver.ram.write(driver.queues[0].avail + 2, struct.pack("<H", 17))
    driver.notify()
    broken(driver)


@pytest.mark.parametrize(
    "address, length",
    [(0, 1), (BASE - 1, 2), (BASE + SIZE - 1, 2), (BASE, 0xFFFFFFFF), ((1 << 64) - 1, 2), (0x10001000, 4)],
)
@pytest.mark.parametrize("flags", [0, WRITE])
def test_buffer_outside_ram(driver, address, length, flags):
    driver.queues[0].send((address, length, flags))
    broken(driver)


def test_readable_after_writable(driver):
    buffer = driver.alloc(8)
    driver.queues[0].send((buffer, 4, WRITE), (buffer, 4, 0))
    broken(driver)


def indirect(driver, *entries):
    return driver.alloc(b"".join(struct.pack("<QIHH", *entry) for entry in entries))


def test_indirect_table(driver):
    source, target = driver.alloc(b"indirect"), driver.alloc(8)
    table = indirect(driver, (source, 8, NEXT, 1), (target, 8, WRITE, 0))
    head = driver.queues[0].send((table, 32, INDIRECT))
    assert driver.queues[0].completed() == [(head, 8)]
    assert driver.ram.read(target, 8) == b"indirect"


def test_direct_descriptors_before_an_indirect_table(driver):
    first, second, target = driver.alloc(b"ab"), driver.alloc(b"cd"), driver.alloc(4)
    table = indirect(driver, (second, 2, NEXT, 1), (target, 4, WRITE, 0))
    head = driver.queues[0].send((first, 2, 0), (table, 32, INDIRECT))
    assert driver.queues[0].completed() == [(head, 4)]
    assert driver.ram.read(target, 4) == b"abcd"


@pytest.mark.parametrize("length", [0, 8, 17, 16 * 1025])
def test_indirect_table_of_a_bad_size(driver, length):
    driver.queues[0].send((driver.alloc(bytes(32)), length, INDIRECT))
    broken(driver)


def test_indirect_table_outside_ram(driver):
    driver.queues[0].send((BASE + SIZE - 16, 32, INDIRECT))
    broken(driver)


def test_nested_indirect_table(driver):
    inner = indirect(driver, (driver.alloc(b"x"), 1, 0, 0))
    outer = indirect(driver, (inner, 16, INDIRECT, 0))
    driver.queues[0].send((outer, 16, INDIRECT))
    broken(driver)


def test_indirect_and_next(driver):
    table = indirect(driver, (driver.alloc(b"x"), 1, 0, 0))
    queue = driver.queues[0]
    queue.descriptor(0, table, 16, INDIRECT | NEXT, 1)
    queue.descriptor(1, driver.alloc(b"x"), 1)
    queue.offer(0)
    driver.notify()
    broken(driver)


def test_indirect_loop(driver):
    table = indirect(driver, (driver.alloc(b"x"), 1, NEXT, 0))
    driver.queues[0].send((table, 16, INDIRECT))
    broken(driver)


def test_indirect_that_was_not_negotiated():
    driver = Driver(VirtioMmio(Echo()))
    table = indirect(driver, (driver.alloc(b"x"), 1, 0, 0))
    driver.queues[0].send((table, 16, INDIRECT))
    assert driver.needs_reset


def test_the_requests_before_a_bad_one_are_done(driver):
    queue = driver.queues[0]
    good = queue.chain((driver.alloc(b"x"), 1, 0))
    queue.offer(good, 99)
    driver.notify()
    assert queue.completed() == [(good, 0)]
    assert driver.needs_reset


def test_cut():
    buffers = [(100, 4), (200, 0), (300, 6)]
    assert cut(buffers, 0, 10) == buffers[:1] + buffers[2:]
    assert cut(buffers, 3, 2) == [(103, 1), (300, 1)]
    assert cut(buffers, 4, 100) == [(300, 6)]
    assert cut(buffers, 10, 5) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_rings_do_no_harm(data):
    """Whatever lies in the rings, the device neither raises nor writes anywhere but where a ring tells it to."""
    driver = Driver(VirtioMmio(Echo()), features=F_INDIRECT_DESC | (F_EVENT_IDX if data.draw(st.booleans()) else 0))
    addresses = st.one_of(
        st.integers(0, (1 << 64) - 1), st.integers(BASE + 0x80000, BASE + 0x81000), st.just(BASE + 0x80000)
    )
    small = st.integers(0, 20)
    queue = driver.queues[0]
    for index in range(16):
        queue.descriptor(
            index,
            data.draw(addresses),
            data.draw(st.one_of(st.integers(0, 64), st.integers(0, 0xFFFFFFFF))),
            data.draw(st.integers(0, 7)),
            data.draw(small),
        )
    heads = data.draw(st.lists(st.integers(0, 17), max_size=17))
    queue.offer(*heads)
    innocent = BASE + 0xC0000
    driver.ram.write(innocent, b"\x5a" * 0x1000)
    targets = set()
    for index in range(16):
        address, length, flags, _ = struct.unpack("<QIHH", driver.ram.read(queue.desc + 16 * index, 16))
        targets.add(address < innocent + 0x1000 and innocent < address + length)
    driver.notify()
    if not any(targets):
        assert driver.ram.read(innocent, 0x1000) == b"\x5a" * 0x1000
    assert driver.needs_reset or len(queue.completed()) == len(heads)
