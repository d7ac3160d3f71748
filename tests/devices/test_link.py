"""Cables that lead out of the machine: the stream socket's framing, waiting, and what happens when nobody is left."""

import os
import select
import shutil
import socket
import struct
import subprocess
import sys

import pytest
from test_virtio_others import frame, post, received, send
from virtio_driver import Driver

from rvh.devices.virtio import link, mmio, net
from rvh.devices.virtio.backends import Backends, NicSpec, parse_mac
from rvh.devices.virtio.link import StreamLink, TapLink
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.devices.virtio.slots import Nic, fill_slots
from rvh.errors import InputError, UsageError

HEADER = bytes(10) + b"\1\0"
NET_STATUS = 0x106


class Wire:
    """A card on one end of a socketpair, and the other end."""

    def __init__(self, start=True):
        ours, self.peer = socket.socketpair()
        self.peer.settimeout(5)
        self.link = StreamLink(ours, "peer")
        self.reports = []
        self.link.report = self.reports.append
        self.slot = VirtioMmio(fill_slots(nics=[Nic(link=self.link)])[0])
        self.card = self.slot.backend
        self.driver = Driver(self.slot, start=start)

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.peer.recv(size - len(data))
            assert part
            data += part
        return data

    @property
    def status(self):
        return self.slot.read(NET_STATUS, 2)


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.peer.close()
    wire.slot.close()


def framed(data):
    return struct.pack(">I", len(data)) + data


# -- the framing


def test_frames_go_out_after_their_length(wire):
    send(wire.driver, frame(1, 0, b"first"))
    send(wire.driver, frame(1, 0, b"x" * 1400))
    expected = framed(frame(1, 0, b"first")) + framed(frame(1, 0, b"x" * 1400))
    assert wire.receive(len(expected)) == expected
    assert len(wire.driver.queues[1].completed()) == 2
    assert wire.card.counts["sent"] == 2


def test_frames_come_in_however_they_are_cut(wire):
    frames = [frame(0, 1, bytes([n]) * (46 + 100 * n)) for n in range(4)]
    stream = b"".join(map(framed, frames))
    for cut in (1, 3, 7, 1000):
        buffers = post(wire.driver)
        for at in range(0, len(stream), cut):
            wire.peer.sendall(stream[at : at + cut])
            wire.slot.poll()
        assert received(wire.driver, buffers) == [HEADER + data for data in frames]
    assert wire.driver.level


def test_runts_from_outside_are_dropped(wire):
    buffers = post(wire.driver)
    wire.peer.sendall(framed(b"short") + framed(frame(0, 1)))
    wire.slot.poll()
    assert received(wire.driver, buffers) == [HEADER + frame(0, 1)]


@pytest.mark.parametrize("size", [0, net.MAX_FRAME + 1, 0xFFFFFFFF])
def test_another_framing_ends_the_link(wire, size):
    wire.peer.sendall(struct.pack(">I", size) + bytes(100))
    wire.slot.poll()
    assert not wire.link.up
    assert wire.reports == [f"peer: the other side announced a frame of {size} bytes: the link is down"]
    assert wire.status == 0


# -- waiting


def test_frames_of_a_guest_wait_in_its_queue_while_the_socket_is_full(wire):
    wire.driver.heap = wire.driver.ram.base + 0x80000
    data = frame(1, 0, b"z" * 1400)
    packet = wire.driver.alloc(bytes(12) + data)
    wire.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sent = 0
    while not wire.driver.queues[1].avail_idx - wire.driver.queues[1].used_idx() > 4:
        wire.driver.queues[1].send((packet, 12 + len(data), 0))
        sent += 1
        assert sent < 10000
    assert not wire.link.ready() and wire.link.waits_for() == ([wire.link.fd], [wire.link.fd])
    assert len(wire.link.outgoing) <= 4 + len(data)  # one frame at most waits outside of the guest
    got = b""
    while len(got) < sent * len(framed(data)):
        got += wire.receive(min(30000, sent * len(framed(data)) - len(got)))
        wire.slot.poll()
    assert got == framed(data) * sent
    wire.slot.poll()
    assert wire.driver.queues[1].used_idx() == wire.driver.queues[1].avail_idx
    assert wire.card.counts["dropped"] == 0


def test_frames_for_a_guest_wait_in_the_socket_while_it_is_behind(wire):
    count = 3 * net.BACKLOG
    stream = b"".join(framed(frame(0, 1, struct.pack("<I", number))) for number in range(count))
    wire.peer.setblocking(False)
    numbers = []
    while len(numbers) < count:
        try:
            stream = stream[wire.peer.send(stream) :] if stream else stream
        except BlockingIOError:
            pass
        for _ in range(3):
            wire.slot.poll()
        assert len(wire.card.backlog) <= net.BACKLOG // 4
        wire.driver.heap = wire.driver.ram.base + 0x80000
        buffers = post(wire.driver, size=128)
        wire.slot.poll()
        numbers += [struct.unpack_from("<I", data, 12 + 14)[0] for data in received(wire.driver, buffers)]
    assert numbers == list(range(count))
    assert wire.card.counts["dropped"] == 0


def test_a_card_that_is_behind_does_not_keep_the_machine_awake(wire):
    wire.peer.sendall(framed(frame(0, 1)) * 100)
    wire.slot.poll()
    assert wire.card.behind
    assert wire.link.waits_for() == ([], [])


def test_frames_before_the_driver_is_up_are_lost():
    wire = Wire(start=False)
    wire.peer.sendall(framed(frame(0, 1)) * 10)
    wire.slot.poll()
    assert wire.card.counts["dropped"] == 10 and not wire.card.outside
    wire.driver.start(0)
    assert wire.card.outside
    wire.slot.close()


def test_a_flood_leaves_the_guest_time():
    wire = Wire(start=False)
    wire.peer.setblocking(False)
    stream = framed(frame(0, 1)) * 2000
    assert wire.peer.send(stream) > 64 * link.FRAMES_PER_POLL
    wire.slot.poll()
    assert wire.card.counts["dropped"] == link.FRAMES_PER_POLL
    wire.slot.close()


# -- nobody is left


def test_link_down_when_the_peer_closes(wire):
    assert wire.status == net.LINK_UP
    generation = wire.slot.read(mmio.CONFIG_GENERATION, 4)
    buffers = post(wire.driver)
    wire.peer.sendall(framed(frame(0, 1)))
    wire.peer.close()
    wire.slot.poll()
    assert received(wire.driver, buffers) == [HEADER + frame(0, 1)]  # what was sent before still arrives
    assert wire.status == 0
    assert wire.slot.read(mmio.CONFIG_GENERATION, 4) != generation
    assert wire.driver.ack() & mmio.CONFIG_CHANGE
    assert wire.reports == ["peer: the other side has closed the connection: the link is down"]
    for _ in range(3):
        wire.slot.poll()
    assert len(wire.reports) == 1 and not wire.card.outside and wire.card.waits_for() == ([], [])
    send(wire.driver, frame(1, 0))
    assert len(wire.driver.queues[1].completed()) == 1  # lost, but given back to the driver
    assert wire.card.counts["dropped"] == 1
    assert not wire.driver.needs_reset


def test_sending_to_a_peer_that_is_gone(wire):
    wire.peer.close()
    send(wire.driver, frame(1, 0))
    assert len(wire.driver.queues[1].completed()) == 1
    wire.slot.poll()
    assert wire.status == 0 and len(wire.reports) == 1


def test_the_peer_goes_while_frames_wait_for_it(wire):
    data = frame(1, 0, b"z" * 1400)
    packet = wire.driver.alloc(bytes(12) + data)
    while wire.driver.queues[1].avail_idx - wire.driver.queues[1].used_idx() < 8:
        wire.driver.queues[1].send((packet, 12 + len(data), 0))
    wire.peer.close()
    wire.slot.poll()
    assert wire.status == 0
    assert wire.driver.queues[1].used_idx() == wire.driver.queues[1].avail_idx


def test_half_a_frame_and_then_the_end(wire):
    wire.peer.sendall(framed(frame(0, 1))[:20])
    wire.slot.poll()
    wire.peer.close()
    wire.slot.poll()
    assert wire.status == 0 and not wire.driver.needs_reset


def test_the_next_machine_takes_over_the_cable(wire):
    """A restart makes new cards; the connection, and half of a frame, stay."""
    data = framed(frame(0, 1))
    wire.peer.sendall(data[:20])
    wire.slot.poll()
    slot = VirtioMmio(fill_slots(nics=[Nic(link=wire.link)])[0])
    driver = Driver(slot)
    buffers = post(driver)
    wire.peer.sendall(data[20:])
    slot.poll()
    assert received(driver, buffers) == [HEADER + frame(0, 1)]


def test_bad_requests_of_the_guest_leave_the_link(wire):
    send(wire.driver, frame(1, 0), b"\1" + bytes(11))
    assert wire.driver.needs_reset and wire.link.up
    wire.slot.poll()
    wire.driver.start(0)
    send(wire.driver, frame(1, 0))
    assert wire.receive(4) == struct.pack(">I", len(frame(1, 0)))


# -- opening


def test_connecting(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        stream = StreamLink.open(path)
        other, _ = listener.accept()
        stream.send(None, b"frame of a card")
        assert other.recv(100) == framed(b"frame of a card")
        other.close()
        stream.close()
        stream.close()


def test_a_listener_that_does_not_accept(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        first = StreamLink.open(path)
        with pytest.raises(InputError, match="accepts no more connections"):
            StreamLink.open(path)
        first.close()


def test_what_cannot_be_connected_to(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead"))
    dead.close()
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagram.bind(str(tmp_path / "datagram"))
    for name, reason in (
        ("absent", "no such file"),
        ("file", "is not a socket"),
        ("dead", "nobody listens"),
        ("datagram", "protocol wrong type"),
        ("n" * 200, "longer than the 107 bytes"),
        ("nul\0", "not a usable file name"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            StreamLink.open(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    datagram.close()
    assert (tmp_path / "file").read_bytes() == b""


# -- tap


@pytest.mark.parametrize(
    "name, reason",
    [
        ("rvh-none-such", "does not exist; 'ip tuntap add"),
        ("n" * 16, "1 to 15 characters"),
        ("a/b", "is no name"),
        ("", "is no name"),
    ],
)
def test_no_tap_interface(name, reason):
    with pytest.raises(InputError, match=reason):
        TapLink(name)


def test_no_tun_device(tmp_path):
    name = socket.if_nameindex()[0][1]
    with pytest.raises(InputError, match="absent: no such file"):
        TapLink(name, str(tmp_path / "absent"))


IN_NAMESPACE = r"""
import os, socket, subprocess, sys
sys.path[:0] = sys.argv[1:]
from rvh.devices.virtio.link import TapLink
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.devices.virtio.slots import Nic, fill_slots
from rvh.errors import InputError
from test_virtio_others import frame, post, received, send
from virtio_driver import Driver

def ip(*words):
    subprocess.run(["ip", *words], check=True)

ip("tuntap", "add", "rvh0", "mode", "tap")
ip("link", "set", "lo", "up")
try:
    TapLink("lo")
    raise SystemExit("lo is not refused")
except InputError as error:
    assert "is not a tap interface" in str(error), error
tap = TapLink("rvh0")
try:
    TapLink("rvh0")
    raise SystemExit("a second user is not refused")
except InputError as error:
    assert "in use" in str(error), error
slot = VirtioMmio(fill_slots(nics=[Nic(link=tap)])[0])
driver = Driver(slot)
send(driver, frame(1, 0))          # the interface is down: lost
slot.poll()
assert tap.up and tap.ready() and len(driver.queues[1].completed()) == 1
ip("link", "set", "rvh0", "up", "arp", "off")
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
raw.bind(("rvh0", 0x88B5))
raw.settimeout(10)
data = bytes(6 * [255]) + bytes([0x52, 0x54, 0, 0, 0, 1]) + b"\x88\xb5" + b"from the guest".ljust(46)
send(driver, data)
assert raw.recv(2000) == data
buffers = post(driver, count=8)
raw.send(data[:14] + b"from the host".ljust(46))
for _ in range(1000):
    slot.poll()
    frames = [got[12:] for got in received(driver, buffers)]
    if any(got[14:].startswith(b"from the host") for got in frames):
        break
else:
    raise SystemExit("nothing came in")
ip("link", "del", "rvh0")
slot.poll()
assert not tap.up and slot.read(0x106, 2) == 0
print("tap works")
"""


def test_tap_in_a_namespace():
    """A network namespace of the test's own: the host's interfaces are out of reach."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("unshare and ip (util-linux, iproute2) are not installed")
    probe = "ip tuntap add probe mode tap"
    can = subprocess.run(["unshare", "-Urn", "sh", "-c", probe], capture_output=True, text=True)
    if can.returncode:
        pytest.skip(f"this user may not make a tap interface in a namespace: {can.stderr.strip()}")
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    before = socket.if_nameindex()
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", IN_NAMESPACE, here, root],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == "tap works\n", done.stderr
    assert socket.if_nameindex() == before


# -- words


@pytest.mark.parametrize(
    "text, spec",
    [
        ("none", NicSpec("none")),
        ("switch", NicSpec("switch")),
        ("switch,mac=52:54:00:aa:BB:01", NicSpec("switch", "", bytes.fromhex("525400aabb01"))),
        ("tap,name=tap0", NicSpec("tap", "tap0")),
        ("stream,path=/tmp/a b", NicSpec("stream", "/tmp/a b")),
        (
            "stream,path=/tmp/a,,b=c,mac=02-00-00-00-00-01",
            NicSpec("stream", "/tmp/a,b=c", bytes.fromhex("020000000001")),
        ),
    ],
)
def test_nic_options(text, spec):
    assert NicSpec.parse(text) == spec


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "'' is no kind of network card"),
        ("tap", "tap needs name="),
        ("tap,name=", "name= needs a value"),
        ("tap,name=a,name=b", "name= is given twice"),
        ("tap,path=a", "tap takes name= and mac=, not 'path=a'"),
        ("stream,mac=02:00:00:00:00:01", "stream needs path="),
        ("none,mac=02:00:00:00:00:01", "none takes nothing, not"),
        ("switch,tap", "switch takes mac=, not 'tap'"),
        ("switch,mac=02:00:00:00:00", "is not an address such as"),
        ("switch,mac=02:00:00:00:00:0g", "is not an address such as"),
        ("switch,mac=01:00:00:00:00:01", "is not the address of a single card"),
        ("switch,mac=00:00:00:00:00:00", "is not the address of a single card"),
    ],
)
def test_bad_nic_options(text, words):
    with pytest.raises(UsageError) as caught:
        NicSpec.parse(text)
    assert words in str(caught.value)


def test_two_cards_with_one_address():
    mac = parse_mac("52:54:00:12:34:57")
    with pytest.raises(UsageError, match="two network cards have the address 52:54:00:12:34:57"):
        fill_slots(nics=[Nic(mac), Nic()])


def test_backends_of_every_kind(tmp_path):
    path = str(tmp_path / "socket")
    lines = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        backends = Backends([], [NicSpec("switch"), NicSpec("stream", path)], lines.append)
        listener.accept()[0].close()
        assert backends.outside and len(backends.nics) == 2
        select.select([backends.nics[1].link.fd], [], [], 5)
        slots = [VirtioMmio(device) for device in fill_slots(nics=backends.nics)]
        slots[1].poll()
        assert [slot.read(NET_STATUS, 2) for slot in slots[:2]] == [1, 0]
        assert lines == [f"{path}: the other side has closed the connection: the link is down"]
        assert not Backends([], [NicSpec("none")]).nics
        backends.close()


def test_two_runs_on_the_switch_have_one_digest_of_the_card():
    """The link's state outside of the machine is no state of the card."""
    slot = VirtioMmio(fill_slots(nics=[Nic()])[0])
    before = slot.state()
    slot.poll()
    assert slot.state() == before
