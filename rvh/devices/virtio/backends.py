"""What a user asks for as the other side of disks and network cards, in words, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import UsageError

if TYPE_CHECKING:
    from .disk import Disk
    from .net import Link
    from .slots import Nic

__all__ = ["Backends", "DiskSpec", "NicSpec", "parse_mac"]

#: Kinds of cables and what each has to be told.
NIC_KINDS: dict[str, str | None] = {"none": None, "switch": None, "tap": "name", "stream": "path"}


@dataclass(frozen=True)
class DiskSpec:
    """A disk: the image's path, and how it is used. With `snapshot` the guest may write, and the image still does not
    change; `readonly` has precedence.
    """

    path: str
    readonly: bool = False
    snapshot: bool = False

    @property
    def shared(self) -> bool:
        """The image is only read: others may do so at the same time."""
        return self.readonly or self.snapshot

    def open(self) -> Disk:
        """Opens and locks the image. Raises `InputError`."""
        from .disk import RawDisk, SnapshotDisk

        disk = RawDisk(self.path, readonly=self.shared)
        if self.readonly or not self.snapshot:
            return disk
        try:
            return SnapshotDisk(disk)
        except BaseException:
            disk.close()
            raise


@dataclass(frozen=True)
class NicSpec:
    """A network card: `kind` is one of `NIC_KINDS`, `target` the interface's name or the socket's path."""

    kind: str
    target: str = ""
    mac: bytes | None = None

    @classmethod
    def parse(cls, text: str) -> NicSpec:
        """From ``switch``, ``tap,name=NAME`` or ``stream,path=SOCKET``, each perhaps with ``,mac=ADDRESS``. A comma
        in a value is written twice. Raises `UsageError`.
        """
        kind, *words = (word.replace("\0", ",") for word in text.replace(",,", "\0").split(","))
        if kind not in NIC_KINDS:
            raise UsageError(f"{kind!r} is no kind of network card; there are {', '.join(NIC_KINDS)}")
        needed = NIC_KINDS[kind]
        known = [] if kind == "none" else [key for key in (needed, "mac") if key is not None]
        values: dict[str, str] = {}
        for word in words:
            key, equals, value = word.partition("=")
            if key not in known:
                raise UsageError(f"{kind} takes {' and '.join(f'{k}=' for k in known) or 'nothing'}, not {word!r}")
            if not equals or not value or "\0" in value:
                raise UsageError(f"{key}= needs a value")
            if key in values:
                raise UsageError(f"{key}= is given twice")
            values[key] = value
        if needed is not None and needed not in values:
            raise UsageError(f"{kind} needs {needed}=")
        mac = parse_mac(values["mac"]) if "mac" in values else None
        return cls(kind, values[needed] if needed is not None else "", mac)

    @property
    def outside(self) -> bool:
        """The card leads out of the machine: the run cannot be repeated."""
        return self.kind in ("tap", "stream")

    def open(self) -> Link | None:
        """The card's cable; None is the machine's own switch. Raises `InputError`."""
        from .link import StreamLink, TapLink

        if self.kind == "tap":
            return TapLink(self.target)
        if self.kind == "stream":
            return StreamLink.open(self.target)
        return None


def parse_mac(text: str) -> bytes:
    """Six bytes from ``52:54:00:12:34:56``. Raises `UsageError`, also for a group address and for zero."""
    parts = text.replace("-", ":").split(":")
    if len(parts) != 6 or not all(len(part) == 2 and part.isalnum() and part.isascii() for part in parts):
        raise UsageError(f"mac={text} is not an address such as 52:54:00:12:34:56")
    try:
        mac = bytes(int(part, 16) for part in parts)
    except ValueError:
        raise UsageError(f"mac={text} is not an address such as 52:54:00:12:34:56") from None
    if mac[0] & 1 or not any(mac):
        raise UsageError(f"mac={text} is not the address of a single card")
    return mac


class Backends:
    """The disks and cables of a run, opened together and closed together. They outlive a restart of the machine:
    locks, what a snapshot holds, and connections stay.

    ``report`` gets a line when a cable's other side is gone. Raises `InputError`, with nothing left open.
    """

    def __init__(
        self,
        disks: Sequence[DiskSpec],
        nics: Sequence[NicSpec] = (),
        report: Callable[[str], None] | None = None,
    ):
        from .slots import Nic

        self.disks: list[Disk] = []
        self.nics: list[Nic] = []
        try:
            for disk in disks:
                self.disks.append(disk.open())
            for spec in nics:
                if spec.kind != "none":
                    self.nics.append(Nic(spec.mac, spec.open()))
        except BaseException:
            self.close()
            raise
        for nic in self.nics:
            if report is not None and hasattr(nic.link, "report"):
                nic.link.report = report  # type: ignore[union-attr]

    @property
    def outside(self) -> bool:
        """Some card leads out of the machine."""
        return any(nic.link is not None and nic.link.outside for nic in self.nics)

    def close(self) -> None:
        """Closes everything."""
        for disk in self.disks:
            disk.close()
        for nic in self.nics:
            if nic.link is not None:
                nic.link.close()
