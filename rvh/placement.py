"""Who lies where in RAM: a list of named ranges that may not overlap."""

from __future__ import annotations

from .errors import InputError, UsageError

__all__ = ["RamMap", "size_words"]

PAGE = 0x1000
MIB = 1 << 20


def size_words(size: int) -> str:
    """A number of bytes for people: ``64 MiB``, ``1536 bytes``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    if size >= 10 * MIB:
        return f"{size / MIB:.1f} MiB"
    return f"{size} bytes"


class RamMap:
    """The RAM of a machine and the ranges taken in it. `base` and `size` are bytes."""

    def __init__(self, base: int, size: int):
        self.base, self.size = base, size
        self.taken: list[tuple[int, int, str]] = []

    @property
    def end(self) -> int:
        """First address after RAM."""
        return self.base + self.size

    def claim(self, start: int, size: int, name: str) -> int:
        """Takes a range for `name` (a file or a purpose). Raises `InputError` outside RAM or on another's
        range.
        """
        end = start + size
        if start < self.base or end > self.end:
            raise InputError(
                name,
                f"{start:#x}..{end:#x} lies outside the {size_words(self.size)} of RAM at {self.base:#x}",
            )
        for other_start, other_end, other in self.taken:
            if start < other_end and other_start < end:
                raise InputError(name, f"{start:#x}..{end:#x} overlaps {other} at {other_start:#x}..{other_end:#x}")
        self.taken.append((start, end, name))
        return start

    def place_high(self, size: int, name: str, align: int = PAGE, below: int | None = None) -> int:
        """Takes the highest free range of that size below an address. Raises `UsageError` when none is left."""
        limit = min(self.end, below if below is not None else self.end)
        start = (limit - size) // align * align
        for other_start, other_end, _ in sorted(self.taken, reverse=True):
            if start < other_end and other_start < start + size:
                start = (other_start - size) // align * align
        if start < self.base:
            raise self._full(size, name)
        return self.claim(start, size, name)

    def _full(self, size: int, name: str) -> UsageError:
        return UsageError(
            f"{name}: no room for {size_words(size)} in {size_words(self.size)} of RAM; give more --memory"
        )
