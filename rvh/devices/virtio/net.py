"""virtio-net (virtio 1.2, section 5.1) and the switch that joins the machine's network cards.

What a card's cable leads to is a `Link`: the switch, or one of those in `link.py` that lead out of the machine.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Protocol

from .mmio import VirtioDevice
from .queue import Chain, QueueError, cut

__all__ = ["MAX_FRAME", "MIN_FRAME", "Link", "Switch", "VirtioNet"]

F_MAC, F_MRG_RXBUF, F_STATUS = 1 << 5, 1 << 15, 1 << 16
RX, TX = 0, 1
#: struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers.
HEADER = struct.Struct("<BBHHHHH")
MIN_FRAME, MAX_FRAME = 14, 65550
#: Frames that wait for a driver's buffers before the card drops new ones.
BACKLOG = 256
LINK_UP = 1


class Link(Protocol):
    """Where a card's cable leads. It gives frames to the card with `VirtioNet.deliver`."""

    #: There is somebody at the other end; the card's status tells the driver.
    up: bool
    #: It leads out of the machine: frames may come while every hart sleeps, and a run cannot be repeated.
    outside: bool

    def connect(self, card: VirtioNet) -> None:
        """Plugs the card in."""

    def ready(self) -> bool:
        """Whether `send` takes a frame now. While it does not, the driver's frames wait in its queue."""

    def send(self, source: VirtioNet, frame: bytes) -> None:
        """A frame from the card."""

    def poll(self) -> None:
        """Looks for frames from outside; never blocks."""

    def waits_for(self) -> tuple[list[int], list[int]]:
        """Descriptors of the host that have news for `poll` when they are readable, and when they are writable."""

    def close(self) -> None:
        """Gives back the host's files."""


class Switch:
    """A learning Ethernet switch whose ports are the cards of one machine."""

    #: Addresses remembered; the oldest is forgotten first.
    TABLE = 1024
    up = True
    outside = False

    def __init__(self) -> None:
        self.ports: list[VirtioNet] = []
        self.table: dict[bytes, VirtioNet] = {}

    def connect(self, card: VirtioNet) -> None:
        """Adds a port."""
        self.ports.append(card)
        card.plug(self)

    def ready(self) -> bool:
        """Always: a port that is far behind loses frames, as with a real switch."""
        return True

    def poll(self) -> None:
        """Nothing comes from outside."""

    def waits_for(self) -> tuple[list[int], list[int]]:
        """None."""
        return [], []

    def close(self) -> None:
        """Nothing to give back."""

    def send(self, source: VirtioNet, frame: bytes) -> None:
        """A frame came in: to the port where its destination was last seen, or to all the others."""
        destination, origin = frame[:6], frame[6:12]
        if not origin[0] & 1:
            self.table.pop(origin, None)
            self.table[origin] = source
            if len(self.table) > self.TABLE:
                del self.table[next(iter(self.table))]
        target = None if destination[0] & 1 else self.table.get(destination)
        for port in [target] if target is not None else self.ports:
            if port is not source:
                port.deliver(frame)


class VirtioNet(VirtioDevice):
    """A network card without offloads: what it is asked to send must be a whole frame. `mac` is six bytes."""

    device_id = 1
    queue_count = 2
    features = F_MAC | F_MRG_RXBUF | F_STATUS
    STATE = ("received",)

    def __init__(self, mac: bytes):
        super().__init__()
        if len(mac) != 6 or mac[0] & 1:
            raise ValueError("a card's address is six bytes and not a group address")
        self.mac = mac
        self.link: Link | None = None
        self.link_was_up = False
        self.backlog: deque[bytes] = deque()
        self.counts = {"sent": 0, "received": 0, "dropped": 0}

    @property
    def received(self) -> list[bytes]:
        """Frames that wait for buffers."""
        return list(self.backlog)

    @received.setter
    def received(self, frames: list[bytes]) -> None:
        self.backlog = deque(frames)

    def config(self) -> bytes:
        """struct virtio_net_config: mac, status, max_virtqueue_pairs, mtu."""
        return self.mac + struct.pack("<HHH", LINK_UP if self.link_up else 0, 1, 1500)

    @property
    def link_up(self) -> bool:
        """Whether there is somebody at the other end of the cable."""
        return self.link is not None and self.link.up

    @property
    def behind(self) -> bool:
        """The driver has not taken what there is: a link that can wait should deliver no more for now."""
        return len(self.backlog) >= BACKLOG // 4

    def plug(self, link: Link) -> None:
        """Connects the cable; for a link's own `connect` to call."""
        self.link = link
        self.link_was_up = link.up

    def poll(self) -> None:
        """Frames to and from outside, and a change of the link."""
        if self.link is None or not self.link.outside:
            return
        self.link.poll()
        transport = self.transport
        assert transport is not None
        transport.guard(self._transmit)
        if self.link_up != self.link_was_up:
            self.link_was_up = self.link_up
            transport.config_changed()

    @property
    def outside(self) -> bool:
        """Frames from outside may come, and a driver is there to take them."""
        up = self.link is not None and self.link.outside and self.link.up
        return up and self.transport is not None and self.transport.live

    def waits_for(self) -> tuple[list[int], list[int]]:
        """What the link waits for."""
        return self.link.waits_for() if self.link is not None else ([], [])

    def reset(self) -> None:
        """Frames for a driver that is gone are gone too."""
        self.backlog.clear()

    def deliver(self, frame: bytes) -> None:
        """A frame for this card from the switch; dropped when no driver is there or it is far behind."""
        transport = self.transport
        if transport is None or not transport.live or len(self.backlog) >= BACKLOG:
            self.counts["dropped"] += 1
            return
        self.backlog.append(frame)
        transport.guard(self._receive)

    def notify(self, index: int) -> None:
        """New receive buffers, or frames to send."""
        if index == RX:
            self._receive()
        else:
            self._transmit()

    def _transmit(self) -> None:
        assert self.transport is not None
        queue, link = self.transport.queues[TX], self.link
        # A link that is down takes nothing, and its frames are lost: they must not wait for ever.
        while link is None or not link.up or link.ready():
            chain = queue.pop()
            if chain is None:
                return
            size = chain.read_size
            if size < HEADER.size:
                raise QueueError("network packet without a header")
            flags, gso, *_ = HEADER.unpack(queue.gather(cut(chain.readable, 0, HEADER.size)))
            if flags or gso:
                raise QueueError("network packet asks for an offload that was not negotiated")
            length = size - HEADER.size
            if MIN_FRAME <= length <= MAX_FRAME and link is not None and link.up:
                self.counts["sent"] += 1
                link.send(self, queue.gather(cut(chain.readable, HEADER.size, length)))
            else:
                self.counts["dropped"] += 1
            queue.push(chain, 0)

    def _receive(self) -> None:
        assert self.transport is not None
        queue = self.transport.queues[RX]
        mergeable = self.transport.negotiated(F_MRG_RXBUF)
        while self.backlog:
            frame = self.backlog[0]
            chains: list[Chain] = []
            room = 0
            while room < HEADER.size + len(frame) and (mergeable or not chains):
                chain = queue.pop()
                if chain is None:
                    break
                if chain.write_size < HEADER.size:
                    raise QueueError("receive buffer is smaller than a packet header")
                chains.append(chain)
                room += chain.write_size
            if room < HEADER.size + len(frame):
                if mergeable or not chains:  # not enough buffers yet: try again when there are more
                    for _ in chains:
                        queue.unpop()
                    return
                queue.push(chains[0], 0)
                self.counts["dropped"] += 1
                self.backlog.popleft()
                continue
            data = HEADER.pack(0, 0, 0, 0, 0, 0, len(chains)) + frame
            for chain in chains:
                done = queue.scatter(chain.writable, data)
                data = data[done:]
                queue.push(chain, done)
            self.counts["received"] += 1
            self.backlog.popleft()

    def close(self) -> None:
        """Pulls the cable out."""
        if self.link is not None:
            self.link.close()
