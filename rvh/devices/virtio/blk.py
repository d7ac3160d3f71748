"""virtio-blk (virtio 1.2, section 5.2); what holds the sectors is a `Disk`."""

from __future__ import annotations

import struct

from .disk import SECTOR, Disk, RawDisk
from .mmio import VirtioDevice
from .queue import Chain, Queue, QueueError, cut

__all__ = ["SECTOR", "RawDisk", "VirtioBlk"]

F_SEG_MAX, F_RO, F_BLK_SIZE, F_FLUSH = 1 << 2, 1 << 5, 1 << 6, 1 << 9
F_DISCARD, F_WRITE_ZEROES = 1 << 13, 1 << 14
T_IN, T_OUT, T_FLUSH, T_GET_ID, T_DISCARD, T_WRITE_ZEROES = 0, 1, 4, 8, 11, 13
S_OK, S_IOERR, S_UNSUPP = 0, 1, 2
HEADER = struct.Struct("<IIQ")
SEGMENT = struct.Struct("<QII")
ID_BYTES = 20
SEG_MAX = 126
#: Limits of one discard or write-zeroes request.
MAX_CLEAR_SECTORS = 1 << 22
MAX_CLEAR_SEGMENTS = 16


def _views(queue: Queue, buffers: list[tuple[int, int]], writable: bool) -> list[memoryview]:
    return [queue.view(address, length, writable) for address, length in buffers if length]


class VirtioBlk(VirtioDevice):
    """A disk. `serial` is what GET_ID returns, up to 20 ASCII characters."""

    device_id = 2

    def __init__(self, disk: Disk, serial: str = "rvh-disk"):
        super().__init__()
        self.disk = disk
        self.serial = serial.encode("ascii", "replace")[:ID_BYTES].ljust(ID_BYTES, b"\0")
        self.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH
        self.features |= F_RO if disk.readonly else F_DISCARD | F_WRITE_ZEROES
        #: Requests done and failed, and bytes moved: for statistics.
        self.counts = {"read": 0, "written": 0, "flushes": 0, "errors": 0}

    def config(self) -> bytes:
        """struct virtio_blk_config up to the write-zeroes fields."""
        return struct.pack(
            "<QIIHBBI8xBxHIIIIIB3x",
            self.disk.sectors, 0, SEG_MAX, 0, 0, 0, SECTOR, 0, 1,
            MAX_CLEAR_SECTORS, MAX_CLEAR_SEGMENTS, 1, MAX_CLEAR_SECTORS, MAX_CLEAR_SEGMENTS, 1,
        )  # fmt: skip

    def notify(self, index: int) -> None:
        """Does all requests that wait."""
        assert self.transport is not None
        queue = self.transport.queues[index]
        while (chain := queue.pop()) is not None:
            queue.push(chain, self._request(queue, chain))

    def _request(self, queue: Queue, chain: Chain) -> int:
        """Does one request and writes its status byte; returns the bytes written into its buffers."""
        room = chain.write_size
        if chain.read_size < HEADER.size or room < 1:
            raise QueueError("block request without header or status byte")
        kind, _, sector = HEADER.unpack(queue.gather(cut(chain.readable, 0, HEADER.size)))
        sent = cut(chain.readable, HEADER.size, chain.read_size)
        wanted = cut(chain.writable, 0, room - 1)
        try:
            status, written = self._do(queue, kind, sector, sent, wanted)
        except OSError:
            # The file's trouble is an error of the disk and nothing more.
            status, written = S_IOERR, 0
        if status == S_IOERR:
            self.counts["errors"] += 1
        queue.scatter(cut(chain.writable, room - 1, 1), bytes([status]))
        # Data and status have to be one stretch for `written` to cover both.
        return room if written == room - 1 else written or 1

    def _do(
        self,
        queue: Queue,
        kind: int,
        sector: int,
        sent: list[tuple[int, int]],
        wanted: list[tuple[int, int]],
    ) -> tuple[int, int]:
        disk = self.disk
        if kind == T_IN:
            size = sum(length for _, length in wanted)
            if not self._fits(sector, size):
                return S_IOERR, 0
            disk.read_into(_views(queue, wanted, True), sector * SECTOR)
            self.counts["read"] += size
            return S_OK, size
        if kind == T_OUT:
            size = sum(length for _, length in sent)
            if disk.readonly or not self._fits(sector, size):
                return S_IOERR, 0
            disk.write_from(_views(queue, sent, False), sector * SECTOR)
            self.counts["written"] += size
            self._write_through()
            return S_OK, 0
        if kind == T_FLUSH:
            if not disk.readonly:
                disk.flush()
            self.counts["flushes"] += 1
            return S_OK, 0
        if kind == T_GET_ID:
            return S_OK, queue.scatter(wanted, self.serial)
        if kind in (T_DISCARD, T_WRITE_ZEROES):
            if sum(length for _, length in sent) > SEGMENT.size * MAX_CLEAR_SEGMENTS:
                return S_IOERR, 0
            return self._clear(kind, queue.gather(sent)), 0
        return S_UNSUPP, 0

    def _write_through(self) -> None:
        """A driver that did not accept FLUSH takes a finished write for a durable one (section 5.2.6.2)."""
        assert self.transport is not None
        if not self.transport.negotiated(F_FLUSH):
            self.disk.flush()

    def _fits(self, sector: int, size: int) -> bool:
        sectors, rest = divmod(size, SECTOR)
        return not rest and sector + sectors <= self.disk.sectors

    def _clear(self, kind: int, data: bytes) -> int:
        """DISCARD and WRITE_ZEROES: checks every segment before any is touched."""
        if self.disk.readonly:
            return S_IOERR
        if not data or len(data) % SEGMENT.size:
            return S_IOERR
        segments = list(SEGMENT.iter_unpack(data))
        for sector, count, flags in segments:
            if flags & ~1 or (flags and kind == T_DISCARD):
                return S_UNSUPP
            if count > MAX_CLEAR_SECTORS or not self._fits(sector, count * SECTOR):
                return S_IOERR
        for sector, count, flags in segments:
            if count:
                self.disk.clear(sector * SECTOR, count * SECTOR, kind == T_DISCARD or bool(flags & 1))
        self._write_through()
        return S_OK

    def close(self) -> None:
        """Closes the image."""
        self.disk.close()
