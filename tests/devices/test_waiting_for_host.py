"""A machine whose harts all sleep, and a network card that leads out of it."""

import os
import socket
import threading
import time

import pytest
from test_virtio_others import frame, post
from virtio_driver import Driver

from rvh import Machine
from rvh.devices.virtio.link import StreamLink
from rvh.devices.virtio.slots import Nic, fill_slots
from rvh.emit.asm import assemble

#: Enables source 1, the first virtio slot, in the PLIC's context 0 and sleeps until it interrupts; then it powers off.
SLEEP = """
    li s0, 0x0c000000
    li t0, 1
    sw t0, 4(s0)
    li t1, 0x2000
    add t1, t1, s0
    li t0, 2
    sw t0, 0(t1)
    li t0, 0x800
    csrw mie, t0
1:  wfi
    csrr t1, mip
    and t1, t1, t0
    beqz t1, 1b
    li a0, 0x5555
    li t0, 0x100000
    sw a0, 0(t0)
2:  j 2b
"""


@pytest.fixture
def sleeper():
    """The machine, the far end of its cable, and a driver for the card outside of the program, with its own RAM."""
    ours, peer = socket.socketpair()
    machine = Machine(ram=1 << 20, virtio=fill_slots(nics=[Nic(link=StreamLink(ours))]))
    machine.store(0x8000_0000, assemble(SLEEP).data)
    machine.start(0x8000_0000)
    slot = machine.virtio[0]
    irq = slot.irq
    driver = Driver(slot)
    slot.irq = irq
    yield machine, peer, driver
    peer.close()
    machine.close()


def framed(data):
    return len(data).to_bytes(4, "big") + data


def test_a_frame_wakes_the_machine(sleeper):
    machine, peer, driver = sleeper
    post(driver)
    timer = threading.Timer(0.3, lambda: peer.sendall(framed(frame(0, 1))))
    timer.start()
    started = time.perf_counter()
    assert machine.run(timeout=20).kind == "pass"
    assert time.perf_counter() - started >= 0.25
    timer.join()


def test_the_limit_holds_while_nothing_comes(sleeper):
    machine, _, _ = sleeper
    assert machine.run(timeout=0.3).kind == "timeout"
    assert machine.outside


def test_nothing_can_come_when_the_other_side_is_gone(sleeper):
    """The change of the link is the last interrupt; without buffers and without a peer the machine sleeps for ever."""
    machine, peer, driver = sleeper
    driver.device.irq = lambda level: None
    timer = threading.Timer(0.2, peer.close)
    timer.start()
    assert machine.run(timeout=20).kind == "idle"
    timer.join()
    assert not machine.outside


def test_nothing_can_come_without_a_driver():
    ours, peer = socket.socketpair()
    machine = Machine(ram=1 << 20, virtio=fill_slots(nics=[Nic(link=StreamLink(ours))]))
    machine.store(0x8000_0000, assemble(SLEEP).data)
    machine.start(0x8000_0000)
    assert not machine.outside
    assert machine.run(timeout=20).kind == "idle"
    peer.close()
    machine.close()


def test_other_input_ends_the_wait(sleeper):
    machine, _, _ = sleeper
    reader, writer = os.pipe()
    machine.run(timeout=0.1)
    assert not machine.wait_for_host(0.05, [reader])
    os.write(writer, b"x")
    started = time.perf_counter()
    assert machine.wait_for_host(20, [reader])
    assert time.perf_counter() - started < 10
    os.close(reader)
    os.close(writer)


def test_cards_on_the_switch_do_not_make_it_wait():
    """Time skips to the next event, and the run repeats exactly."""
    machine = Machine(ram=1 << 20, virtio=fill_slots(nics=[Nic(), Nic()]))
    Driver(machine.virtio[0])
    assert not machine.outside and machine.virtio[0].backend.waits_for() == ([], [])
