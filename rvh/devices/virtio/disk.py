"""What is behind a virtio disk: a raw image file, or a throw-away overlay on one.

An image is locked with flock as long as it is open: shared for reading only, exclusive for writing. So several
machines may read one image, as a read-only disk or under overlays, and one that writes has it alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Protocol

from ...errors import InputError, os_reason

__all__ = ["SECTOR", "Disk", "RawDisk", "SnapshotDisk"]

SECTOR = 512
IOV_MAX = 1024
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2


class Disk(Protocol):
    """Sectors that can be read and perhaps written. Every method but `close` may raise OSError, which the guest sees
    as an error of its disk. Offsets and sizes are bytes, whole sectors, inside the disk."""

    #: The guest is told that it cannot write; `write_from` and `clear` are not called.
    readonly: bool
    #: Capacity.
    sectors: int

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """Fills the views with the bytes at `offset`."""

    def write_from(self, views: list[memoryview], offset: int) -> None:
        """Writes the views' bytes at `offset`."""

    def clear(self, offset: int, size: int, unmap: bool) -> None:
        """Makes a range read as zeros; with `unmap` without occupying space where that is possible."""

    def flush(self) -> None:
        """Everything written so far is as durable as it will ever be when this returns."""

    def close(self) -> None:
        """Gives back the host's files. May be called again."""


class RawDisk:
    """A disk image: a regular file of whole sectors, locked while it is open.

    Raises `InputError` when the file is missing, not a regular file, empty or in use by another machine.
    """

    def __init__(self, path: str | os.PathLike[str], readonly: bool = False):
        self.path = os.fspath(path)
        self.readonly = readonly
        self.fd = -1
        try:
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                raise InputError(path, "is a directory, not a disk image")
            if not stat.S_ISREG(info.st_mode):
                raise InputError(path, "is not a regular file")
            self.fd = os.open(path, (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
            fcntl.flock(self.fd, (fcntl.LOCK_SH if readonly else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            #: Capacity; a partial sector at the end of the file is out of reach.
            self.sectors = os.fstat(self.fd).st_size // SECTOR
        except BlockingIOError:
            self.close()
            raise InputError(path, "is in use by another machine, or as another disk of this one") from None
        except OSError as error:
            self.close()
            raise InputError(path, os_reason(error)) from None
        if self.sectors == 0:
            self.close()
            raise InputError(path, f"is no disk image: it has less than one sector of {SECTOR} bytes")

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """Fills the views with the bytes at `offset`. Raises OSError, also when the file has become too short."""
        transfer(os.preadv, self.fd, views, offset)

    def write_from(self, views: list[memoryview], offset: int) -> None:
        """Writes the views' bytes at `offset`. Raises OSError."""
        transfer(os.pwritev, self.fd, views, offset)

    def clear(self, offset: int, size: int, unmap: bool) -> None:
        """Makes a range read as zeros; with `unmap` as a hole where the file system can. Raises OSError."""
        if not (unmap and punch_hole(self.fd, offset, size)):
            write_zeros(self.fd, offset, size)

    def flush(self) -> None:
        """Everything written so far is on stable storage when this returns. Raises OSError."""
        os.fsync(self.fd)

    def close(self) -> None:
        """Closes the file and with it gives up the lock."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Extents:
    """A set of byte positions as ranges [start, end) that neither overlap nor touch, in order."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Adds a range."""
        first, last = bisect_left(self.ends, start), bisect_right(self.starts, end)
        if first < last:
            start, end = min(start, self.starts[first]), max(end, self.ends[last - 1])
        self.starts[first:last] = [start]
        self.ends[first:last] = [end]

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Cuts a range into (start, end, whether it is in the set), in order."""
        index = bisect_right(self.ends, start)
        while start < end:
            if index == len(self.starts) or self.starts[index] >= end:
                yield start, end, False
                return
            if start < self.starts[index]:
                yield start, self.starts[index], False
            start = max(start, self.starts[index])
            stop = min(end, self.ends[index])
            yield start, stop, True
            start, index = stop, index + 1


class SnapshotDisk:
    """An overlay: what the guest writes goes to a temporary file without a name, which is gone when the disk is closed
    or the process ends, however it ends. `base` is only read.

    The file lies in $TMPDIR or else /var/tmp, as large as the disk, and occupies what was written. Raises `InputError`
    when it cannot be made.
    """

    readonly = False

    def __init__(self, base: RawDisk, directory: str | None = None):
        self.base = base
        self.sectors = base.sectors
        import tempfile  # here, because rvh-run starts faster without it

        self.written = Extents()
        directory = directory or _overlay_directory()
        try:
            # The descriptor is the file's only handle: nothing of it can stay behind or be opened by others.
            self._file = tempfile.TemporaryFile(dir=directory, buffering=0)
            os.truncate(self._file.fileno(), self.sectors * SECTOR)
        except OSError as error:
            reason = f"no room for an overlay of {base.path}: {os_reason(error)}"
            raise InputError(directory, reason) from None
        self.fd = self._file.fileno()

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """Fills the views from the overlay and, where it holds nothing, from the image. Raises OSError."""
        size = sum(map(len, views))
        at = offset
        for start, end, own in self.written.pieces(offset, offset + size):
            part = _cut(views, start - at, end - start)
            if own:
                transfer(os.preadv, self.fd, part, start)
            else:
                self.base.read_into(part, start)

    def write_from(self, views: list[memoryview], offset: int) -> None:
        """Writes to the overlay. Raises OSError, as when the temporary directory is full."""
        size = sum(map(len, views))
        transfer(os.pwritev, self.fd, views, offset)
        self.written.add(offset, offset + size)

    def clear(self, offset: int, size: int, unmap: bool) -> None:
        """Makes a range read as zeros: a hole in the overlay that hides the image. Raises OSError."""
        if not punch_hole(self.fd, offset, size):
            write_zeros(self.fd, offset, size)
        self.written.add(offset, offset + size)

    def flush(self) -> None:
        """Nothing to do: what ends with the run need not be durable."""

    def close(self) -> None:
        """Forgets what was written, and closes the image."""
        self._file.close()
        self.base.close()


def _overlay_directory() -> str:
    """$TMPDIR, or /var/tmp, which unlike /tmp is seldom in memory, or what Python finds."""
    import tempfile

    if os.environ.get("TMPDIR") or not os.access("/var/tmp", os.W_OK | os.X_OK):
        return tempfile.gettempdir()
    return "/var/tmp"


def _cut(views: list[memoryview], start: int, size: int) -> list[memoryview]:
    """The part of the views' bytes from start to start + size."""
    out = []
    for view in views:
        if start < len(view) and size > 0:
            out.append(view[start : start + size])
            size -= len(out[-1])
        start = max(start - len(view), 0)
    return out


def transfer(call: Callable[..., int], fd: int, views: list[memoryview], offset: int) -> None:
    """preadv or pwritev of all the views' bytes, continued until done. Raises OSError, EIO at the file's end."""
    while views:
        done = call(fd, views[:IOV_MAX], offset)
        if done == 0:
            raise OSError(errno.EIO, "image file is shorter than it was")
        offset += done
        while views and done >= len(views[0]):
            done -= len(views[0])
            views = views[1:]
        if done:
            views = [views[0][done:], *views[1:]]


def write_zeros(fd: int, offset: int, size: int) -> None:
    """Overwrites a range of a file. Raises OSError."""
    zeros = memoryview(bytes(min(size, 1 << 20)))
    while size:
        part = zeros[: min(size, len(zeros))]
        transfer(os.pwritev, fd, [part], offset)
        offset += len(part)
        size -= len(part)


def punch_hole(fd: int, offset: int, size: int) -> bool:
    """Makes a hole in a file, which reads as zeros. Returns whether the system and the file system could."""
    import ctypes

    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if fallocate is None:
        return False
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    return fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, size) == 0
