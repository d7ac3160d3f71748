"""virtio-console with one port (virtio 1.2, section 5.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from .mmio import VirtioDevice
from .queue import cut

__all__ = ["VirtioConsole"]

F_SIZE, F_EMERG_WRITE = 1 << 0, 1 << 2
RX, TX = 0, 1
EMERG_OFFSET = 8
#: Output is copied in pieces of this many bytes: what a guest calls one buffer may be all of its memory.
PIECE = 1 << 16


class VirtioConsole(VirtioDevice):
    """A terminal. `output(data)` gets what the guest writes; `feed(data)` is what is typed."""

    device_id = 3
    queue_count = 2
    features = F_EMERG_WRITE
    STATE = ("waiting",)

    def __init__(self, output: Callable[[bytes], object] | None = None):
        super().__init__()
        self.output = output
        #: Input that the driver has given no buffer for yet.
        self.waiting = b""

    def config(self) -> bytes:
        """struct virtio_console_config; its size fields mean nothing without F_SIZE."""
        return struct.pack("<HHII", 0, 0, 1, 0)

    def write_config(self, offset: int, data: bytes) -> None:
        """emerg_wr: one character, without queues."""
        if offset == EMERG_OFFSET and self.output is not None:
            self.output(data[:1])

    def feed(self, data: bytes) -> None:
        """Input from the host."""
        self.waiting += bytes(data)
        if self.transport is not None:
            self.transport.guard(self._receive)

    @property
    def listening(self) -> bool:
        """Whether a driver waits for input."""
        transport = self.transport
        return transport is not None and transport.live and transport.queues[RX].ready

    def notify(self, index: int) -> None:
        """Either queue has new buffers."""
        if index == RX:
            self._receive()
            return
        assert self.transport is not None
        queue = self.transport.queues[TX]
        while (chain := queue.pop()) is not None:
            for start in range(0, chain.read_size, PIECE):
                data = queue.gather(cut(chain.readable, start, PIECE))
                if self.output is not None:
                    self.output(data)
            queue.push(chain, 0)

    def _receive(self) -> None:
        assert self.transport is not None
        queue = self.transport.queues[RX]
        while self.waiting and (chain := queue.pop()) is not None:
            done = queue.scatter(chain.writable, self.waiting)
            self.waiting = self.waiting[done:]
            queue.push(chain, done)
