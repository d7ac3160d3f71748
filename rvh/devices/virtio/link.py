"""Cables that lead a network card out of the machine: a UNIX stream socket or a tap interface of the host.

Nothing here blocks. What the other side does not take yet waits here, at most one frame of it; behind that the
driver's frames stay in the driver's queue. What the driver does not take yet stays in the host's socket. When the
other side is gone the link is down and stays so.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import InputError, os_reason
from .net import MAX_FRAME, MIN_FRAME

if TYPE_CHECKING:
    from .net import VirtioNet

__all__ = ["HostLink", "StreamLink", "TapLink"]

#: Most frames taken from the host in one look, so that a flood cannot keep the machine from running.
FRAMES_PER_POLL = 256
#: Before each frame on a stream: its length, 32 bits, big-endian.
LENGTH = struct.Struct(">I")
CHUNK = 1 << 16
#: Longest path in a struct sockaddr_un, without the NUL.
PATH_MAX = 107
#: Errors that pass by themselves.
LATER = (errno.EAGAIN, errno.EINTR, errno.ENOBUFS, errno.ENOMEM)
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
IFREQ = struct.Struct("16sH22x")
IFNAMSIZ = 16


def _silent(_text: str) -> None:
    """Reports nothing."""


class HostLink:
    """What the two kinds have in common. `fd` is non-blocking; `name` names the other side in messages."""

    outside = True

    def __init__(self, fd: int, name: str):
        self.fd = fd
        self.name = name
        self.up = True
        self.card: VirtioNet | None = None
        #: Gets one line when the link goes down.
        self.report: Callable[[str], None] = _silent

    def connect(self, card: VirtioNet) -> None:
        """Plugs the card in; after a restart of the machine, the new one."""
        self.card = card
        card.plug(self)

    def ready(self) -> bool:
        """Whether a frame can be sent."""
        return True

    def send(self, source: VirtioNet, frame: bytes) -> None:
        """A frame from the card."""
        raise NotImplementedError

    def _receive(self) -> bytes | None:
        """The next frame; None when there is none. Raises OSError."""
        raise NotImplementedError

    def _flush(self) -> None:
        """Sends what waits. Raises OSError."""

    def poll(self) -> None:
        """Frames for the card, unless it is behind, and those that wait to go out."""
        self._guard(self._poll)

    def _poll(self) -> None:
        self._flush()
        for _ in range(FRAMES_PER_POLL):
            if self.card is None or self.card.behind:
                return
            frame = self._receive()
            if frame is None:
                return
            if MIN_FRAME <= len(frame) <= MAX_FRAME:
                self.card.deliver(frame)

    def _guard(self, work: Callable[[], None]) -> None:
        if not self.up:
            return
        try:
            work()
        except OSError as error:
            if error.errno not in LATER:
                self.down(os_reason(error))

    def waits_for(self) -> tuple[list[int], list[int]]:
        """Descriptors that have news for `poll` when they are readable, and when they are writable."""
        if not self.up:
            return [], []
        can_take = self.card is not None and not self.card.behind
        return [self.fd] * can_take, [self.fd] * (not self.ready())

    def down(self, reason: str) -> None:
        """Ends the link for good."""
        if self.up:
            self.close()
            self.report(f"{self.name}: {reason}: the link is down")

    def close(self) -> None:
        """Gives back the descriptor."""
        self.up = False
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class StreamLink(HostLink):
    """A UNIX stream socket on which each frame follows its length, as `passt` and QEMU's `-netdev stream` speak."""

    def __init__(self, peer: socket.socket, name: str = "socket"):
        peer.setblocking(False)
        super().__init__(peer.detach(), name)
        self.incoming = bytearray()
        self.outgoing = bytearray()

    @classmethod
    def open(cls, path: str) -> StreamLink:
        """Connects to the socket at `path`. Raises `InputError`."""
        if len(os.fsencode(path)) > PATH_MAX:
            raise InputError(path, f"is longer than the {PATH_MAX} bytes that the path of a socket may have")
        try:
            if not stat.S_ISSOCK(os.stat(path).st_mode):
                raise InputError(path, "is not a socket")
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        except ValueError:
            raise InputError(repr(path), "is not a usable file name") from None
        except OSError as error:
            raise InputError(path, os_reason(error)) from None
        try:
            peer.setblocking(False)  # otherwise connecting waits while the queue of the listener is full
            peer.connect(path)
            return cls(peer, path)
        except ConnectionRefusedError:
            reason = "nobody listens on this socket"
        except BlockingIOError:
            reason = "the listener accepts no more connections"
        except OSError as error:
            reason = os_reason(error)
        peer.close()
        raise InputError(path, reason)

    def ready(self) -> bool:
        """Whether the last frame is out."""
        return not self.outgoing

    def send(self, source: VirtioNet, frame: bytes) -> None:
        """Sends a frame, or what the socket takes of it now; the rest follows in `poll`."""
        if self.up:
            self.outgoing += LENGTH.pack(len(frame)) + frame
            self._guard(self._flush)

    def _flush(self) -> None:
        while self.outgoing:
            try:
                done = os.write(self.fd, self.outgoing)
            except BlockingIOError:
                return
            del self.outgoing[:done]

    def _receive(self) -> bytes | None:
        while True:
            if len(self.incoming) >= LENGTH.size:
                (size,) = LENGTH.unpack_from(self.incoming)
                if not 0 < size <= MAX_FRAME:
                    self.down(f"the other side announced a frame of {size} bytes")
                    return None
                end = LENGTH.size + size
                if len(self.incoming) >= end:
                    frame = bytes(self.incoming[LENGTH.size : end])
                    del self.incoming[:end]
                    return frame
            data = os.read(self.fd, CHUNK)
            if not data:
                self.down("the other side has closed the connection")
                return None
            self.incoming += data


class TapLink(HostLink):
    """A tap interface of the host, which has to exist already and to be the user's (`ip tuntap add ... user ...`)."""

    def __init__(self, name: str, device: str = "/dev/net/tun"):
        where = f"network interface {name}"
        raw = os.fsencode(name)
        if not 0 < len(raw) < IFNAMSIZ or b"/" in raw or b"\0" in raw:
            raise InputError(where, f"is no name of an interface, which has 1 to {IFNAMSIZ - 1} characters")
        try:
            # TUNSETIFF would make an interface of that name: the host's network is not ours to change.
            socket.if_nametoindex(name)
        except OSError:
            reason = f"does not exist; 'ip tuntap add {name} mode tap user ...' makes one"
            raise InputError(where, reason) from None
        try:
            fd = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(device, os_reason(error)) from None
        try:
            fcntl.ioctl(fd, TUNSETIFF, IFREQ.pack(raw, IFF_TAP | IFF_NO_PI))
        except OSError as error:
            os.close(fd)
            words = {errno.EINVAL: "is not a tap interface", errno.EBUSY: "is in use by another machine"}
            raise InputError(where, words.get(error.errno or 0, os_reason(error))) from None
        super().__init__(fd, where)
        self.waiting: bytes | None = None

    def ready(self) -> bool:
        """Whether the last frame is out."""
        return self.waiting is None

    def send(self, source: VirtioNet, frame: bytes) -> None:
        """Sends a frame now or, when the interface is busy, in `poll`."""
        if self.up:
            self.waiting = frame
            self._guard(self._flush)

    def _flush(self) -> None:
        if self.waiting is None:
            return
        try:
            os.write(self.fd, self.waiting)
        except BlockingIOError:
            return
        except OSError as error:
            # EIO is an interface that is administratively down, EINVAL a frame that the host does not like: both are
            # losses on the wire.
            if error.errno not in (errno.EIO, errno.EINVAL):
                raise
        self.waiting = None

    def _receive(self) -> bytes | None:
        try:
            return os.read(self.fd, MAX_FRAME)
        except OSError as error:
            if error.errno == errno.EIO:
                return None
            raise
