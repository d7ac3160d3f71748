"""Disks that fail on demand: to see what a guest makes of a host whose disk is full or broken."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from .disk import Disk

__all__ = ["FaultyDisk"]

OPERATIONS = ("read", "write", "clear", "flush")


@dataclass
class _Fault:
    error: int
    after: int
    times: int | None


class FaultyDisk:
    """A disk that behaves as `disk` does until it is told to `fail`."""

    def __init__(self, disk: Disk):
        self.disk = disk
        self.readonly, self.sectors = disk.readonly, disk.sectors
        self._faults: dict[str, _Fault] = {}
        #: Operations that failed on demand, by kind.
        self.failed = dict.fromkeys(OPERATIONS, 0)

    def fail(self, operation: str, error: int = errno.EIO, after: int = 0, times: int | None = None) -> None:
        """From now on ``operation`` ("read", "write", "clear" or "flush") fails with that errno, after so many that
        succeed, so many times (None: for ever). Raises ValueError for another word.
        """
        if operation not in OPERATIONS:
            raise ValueError(f"a disk does not {operation}: {', '.join(OPERATIONS)}")
        self._faults[operation] = _Fault(error, after, times)

    def heal(self) -> None:
        """From now on everything works again."""
        self._faults.clear()

    def _try(self, operation: str) -> None:
        fault = self._faults.get(operation)
        if fault is None:
            return
        if fault.after:
            fault.after -= 1
            return
        if fault.times is not None:
            if not fault.times:
                return
            fault.times -= 1
        self.failed[operation] += 1
        raise OSError(fault.error, os.strerror(fault.error))

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """As `Disk.read_into`, or the fault."""
        self._try("read")
        self.disk.read_into(views, offset)

    def write_from(self, views: list[memoryview], offset: int) -> None:
        """As `Disk.write_from`, or the fault, with nothing written."""
        self._try("write")
        self.disk.write_from(views, offset)

    def clear(self, offset: int, size: int, unmap: bool) -> None:
        """As `Disk.clear`, or the fault, with nothing cleared."""
        self._try("clear")
        self.disk.clear(offset, size, unmap)

    def flush(self) -> None:
        """As `Disk.flush`, or the fault."""
        self._try("flush")
        self.disk.flush()

    def close(self) -> None:
        """Closes the disk; this works always."""
        self.disk.close()
