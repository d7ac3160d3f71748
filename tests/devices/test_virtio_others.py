"""virtio-console, virtio-rng, virtio-net, and the slots they sit in."""

import struct

import pytest
from virtio_driver import BASE, SIZE, WRITE, Driver

from rvh.devices.virtio import net
from rvh.devices.virtio.console import VirtioConsole
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.devices.virtio.net import Switch, VirtioNet
from rvh.devices.virtio.rng import VirtioRng
from rvh.devices.virtio.slots import Nic, fill_slots
from rvh.errors import UsageError

# -- console


@pytest.fixture
def console():
    printed = bytearray()
    driver = Driver(VirtioMmio(VirtioConsole(printed.extend)))
    driver.printed = printed
    return driver


def test_console_prints(console):
    text = console.alloc(b"hello, world\n")
    head = console.queues[1].send((text, 5, 0), (text + 5, 8, 0))
    assert bytes(console.printed) == b"hello, world\n"
    assert console.queues[1].completed() == [(head, 0)]


def test_console_reads_into_the_buffers_given(console):
    first, second = console.alloc(4), console.alloc(4)
    heads = [console.queues[0].send((address, 4, WRITE)) for address in (first, second)]
    assert console.queues[0].completed() == []
    console.device.backend.feed(b"abcdefghij")
    assert console.queues[0].completed() == [(heads[0], 4), (heads[1], 4)]
    assert console.ram.read(first, 4) + console.ram.read(second, 4) == b"abcdefgh"
    assert console.level
    third = console.queues[0].send((first, 4, WRITE))
    assert console.queues[0].completed() == [(third, 2)]
    assert console.ram.read(first, 2) == b"ij"


def test_console_keeps_input_typed_before_the_driver_is_up():
    driver = Driver(VirtioMmio(VirtioConsole()), start=False)
    driver.device.backend.feed(b"early")
    driver.start(0)
    address = driver.alloc(8)
    driver.queues[0].send((address, 8, WRITE))
    assert driver.ram.read(address, 5) == b"early"


def test_console_emergency_write(console):
    console.device.write(0x108, 4, ord("!"))
    assert bytes(console.printed) == b"!"


def test_console_prints_a_huge_buffer_in_pieces():
    pieces = []
    driver = Driver(VirtioMmio(VirtioConsole(lambda data: pieces.append(len(data)))))
    driver.queues[1].send(*[(BASE, SIZE, 0)] * 4)
    assert sum(pieces) == 4 * SIZE and max(pieces) == 1 << 16


# -- entropy


def rng_bytes(seed, count=64):
    driver = Driver(VirtioMmio(VirtioRng(seed)))
    target = driver.alloc(count)
    head = driver.queues[0].send((target, count, WRITE))
    assert driver.queues[0].completed() == [(head, count)]
    return driver.ram.read(target, count)


def test_rng_is_a_stream_named_by_its_seed():
    assert rng_bytes(0) == rng_bytes(0) != rng_bytes(1)
    assert len(set(rng_bytes(7, 4096))) == 256
    assert rng_bytes(None) != rng_bytes(None)


def test_rng_goes_on():
    driver = Driver(VirtioMmio(VirtioRng(3)))
    targets = [driver.alloc(32) for _ in range(2)]
    for target in targets:
        driver.queues[0].send((target, 32, WRITE))
    first, second = (driver.ram.read(target, 32) for target in targets)
    assert first != second
    other = VirtioRng(3)
    assert other.bytes(64) == first + second


def test_rng_bounds_one_request():
    driver = Driver(VirtioMmio(VirtioRng(0)))
    head = driver.queues[0].send((BASE + 0x80000, 0x40000, WRITE))
    assert driver.queues[0].completed() == [(head, 1 << 16)]


# -- network


def card(index):
    return VirtioNet(bytes([0x52, 0x54, 0, 0, 0, index]))


@pytest.fixture
def network():
    switch = Switch()
    drivers = []
    for index in range(3):
        switch.connect(card(index))
        drivers.append(Driver(VirtioMmio(switch.ports[index])))
    return drivers


def frame(target, source, body=b"payload"):
    return (
        bytes([0x52, 0x54, 0, 0, 0, target] if isinstance(target, int) else target)
        + bytes([0x52, 0x54, 0, 0, 0, source])
        + b"\x08\x00"
        + body.ljust(46, b"\0")
    )


def send(driver, data, header=bytes(12)):
    address = driver.alloc(header + data)
    driver.queues[1].send((address, len(header) + len(data), 0))


def post(driver, size=2048, count=4):
    buffers = [driver.alloc(size) for _ in range(count)]
    for address in buffers:
        driver.queues[0].send((address, size, WRITE))
    return buffers


def received(driver, buffers):
    return [driver.ram.read(buffers[index], length) for index, (_, length) in enumerate(driver.queues[0].completed())]


def test_net_configuration(network):
    assert [network[2].device.read(0x100 + i, 1) for i in range(6)] == [0x52, 0x54, 0, 0, 0, 2]
    assert network[2].device.read(0x106, 2) == 1


def test_switch_floods_then_learns(network):
    a, b, c = network
    buffers = [post(driver) for driver in network]
    send(a, frame(1, 0))
    header = struct.pack("<BBHHHHH", 0, 0, 0, 0, 0, 0, 1)
    assert received(b, buffers[1]) == [header + frame(1, 0)]
    assert received(c, buffers[2]) == [header + frame(1, 0)]  # nobody knows yet where 1 is
    send(b, frame(0, 1))
    assert received(a, buffers[0]) == [header + frame(0, 1)]
    assert c.queues[0].completed() == []
    send(a, frame(1, 0))
    assert len(b.queues[0].completed()) == 1
    assert c.queues[0].completed() == []


def test_broadcast_reaches_all_others(network):
    buffers = [post(driver) for driver in network]
    send(network[0], frame(b"\xff" * 6, 0))
    assert [len(received(d, b)) for d, b in zip(network, buffers, strict=True)] == [0, 1, 1]


def test_a_frame_over_several_buffers(network):
    small = post(network[1], size=30, count=3)
    data = frame(1, 0)
    send(network[0], data)
    parts = received(network[1], small)
    assert [len(part) for part in parts] == [30, 30, 12]
    assert b"".join(parts) == struct.pack("<BBHHHHH", 0, 0, 0, 0, 0, 0, 3) + data


def test_a_frame_waits_for_buffers(network):
    send(network[0], frame(1, 0))
    assert len(network[1].device.backend.backlog) == 1
    few = post(network[1], size=40, count=1)
    assert network[1].queues[0].completed() == []
    assert len(network[1].device.backend.backlog) == 1
    more = post(network[1], size=40, count=1)
    assert b"".join(received(network[1], few + more))[12:] == frame(1, 0)


def test_without_mergeable_buffers_a_frame_needs_one():
    switch = Switch()
    switch.connect(card(0))
    switch.connect(card(1))
    sender = Driver(VirtioMmio(switch.ports[0]))
    receiver = Driver(VirtioMmio(switch.ports[1]), features=net.F_MAC)
    buffers = post(receiver, size=40, count=1)
    send(sender, frame(1, 0))
    assert received(receiver, buffers) == [b""]
    assert receiver.device.backend.counts["dropped"] == 1


def test_backlog_is_bounded(network):
    for _ in range(net.BACKLOG + 5):
        send(network[0], frame(1, 0))
    assert len(network[1].device.backend.backlog) == net.BACKLOG
    assert network[1].device.backend.counts["dropped"] == 5


def test_a_card_without_driver_drops(network):
    network[1].device.write(0x70, 4, 0)
    send(network[0], frame(1, 0))
    assert not network[1].device.backend.backlog


def test_runts_and_giants_are_dropped(network):
    buffers = post(network[1])
    send(network[0], b"\xff" * 13)
    assert network[0].device.backend.counts == {"sent": 0, "received": 0, "dropped": 1}
    address = BASE + 0x80000
    network[0].queues[1].send((address, 0x20000, 0))
    assert network[0].device.backend.counts["dropped"] == 2
    assert received(network[1], buffers) == []


@pytest.mark.parametrize("header", [b"\x01" + bytes(11), b"\0\x01" + bytes(10)])
def test_offloads_that_were_not_negotiated(network, header):
    buffers = post(network[1])
    send(network[0], frame(1, 0), header)
    assert network[0].needs_reset
    assert not network[1].needs_reset and received(network[1], buffers) == []


def test_a_bad_receive_buffer_hurts_its_owner_only(network):
    network[1].queues[0].send((network[1].alloc(4), 4, WRITE))
    send(network[0], frame(1, 0))
    assert network[1].needs_reset
    assert not network[0].needs_reset
    assert len(network[0].queues[1].completed()) == 1


def test_header_only(network):
    network[0].queues[1].send((network[0].alloc(11), 11, 0))
    assert network[0].needs_reset


def test_a_group_address_is_no_card_address():
    with pytest.raises(ValueError, match="group"):
        VirtioNet(b"\x01\0\0\0\0\0")


# -- slots


def test_slots():
    slots = [VirtioMmio(backend) for backend in fill_slots(nics=[Nic(), Nic()])]
    assert [slot.read(8, 4) for slot in slots] == [1, 1, 0, 0, 0, 0, 3, 4]
    assert [slots[1].read(0x100 + i, 1) for i in (0, 5)] == [0x52, 0x57]


def test_too_many_devices_for_the_slots():
    with pytest.raises(UsageError, match="7 network cards"):
        fill_slots(nics=[Nic()] * 7)
