"""virtio-rng (virtio 1.2, section 5.4). Deterministic unless told otherwise, as the whole machine is."""

from __future__ import annotations

import hashlib
import os

from .mmio import VirtioDevice

__all__ = ["VirtioRng"]

#: Most bytes handed out for one request; the driver asks again for more.
MAX_BYTES = 1 << 16


class VirtioRng(VirtioDevice):
    """An entropy source. `seed` names the stream of bytes; None takes them from the host."""

    device_id = 4
    STATE = ("block",)

    def __init__(self, seed: int | None = 0):
        super().__init__()
        self.seed = seed
        #: Number of the next 32-byte block of the stream; it goes on over a reset.
        self.block = 0

    def bytes(self, count: int) -> bytes:
        """The next bytes of the stream; an unused rest of a block is dropped."""
        if self.seed is None:
            return os.urandom(count)
        out = bytearray()
        while len(out) < count:
            out += hashlib.sha256(f"rvh-rng {self.seed} {self.block}".encode()).digest()
            self.block += 1
        return bytes(out[:count])

    def notify(self, index: int) -> None:
        """Fills every buffer that waits."""
        assert self.transport is not None
        queue = self.transport.queues[index]
        while (chain := queue.pop()) is not None:
            data = self.bytes(min(chain.write_size, MAX_BYTES))
            queue.push(chain, queue.scatter(chain.writable, data))
