"""What sits in the machine's eight virtio-mmio slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import UsageError
from .blk import RawDisk, VirtioBlk
from .console import VirtioConsole
from .mmio import VirtioDevice
from .net import Switch, VirtioNet
from .rng import VirtioRng

__all__ = ["MAC_PREFIX", "SLOTS", "fill_slots"]

SLOTS = 8
#: QEMU's range of addresses; the last byte counts the cards.
MAC_PREFIX = bytes([0x52, 0x54, 0x00, 0x12, 0x34])


def fill_slots(
    disks: Sequence[RawDisk] = (),
    nics: int = 0,
    console: Callable[[bytes], object] | None = None,
    seed: int | None = 0,
) -> list[VirtioDevice | None]:
    """Disks from slot 0 upward, then network cards on one switch; the console is in slot 6, the entropy source in 7.

    `console` gets the output of the virtio console; `seed` names the entropy source's stream, None is the host's.
    Raises `UsageError` when there are more devices than slots.
    """
    backends: list[VirtioDevice] = [VirtioBlk(disk, f"rvh-disk-{index}") for index, disk in enumerate(disks)]
    switch = Switch()
    for index in range(nics):
        card = VirtioNet(MAC_PREFIX + bytes([0x56 + index]))
        switch.connect(card)
        backends.append(card)
    if len(backends) > SLOTS - 2:
        raise UsageError(f"{len(disks)} disks and {nics} network cards are more than the {SLOTS - 2} free virtio slots")
    empty = [None] * (SLOTS - 2 - len(backends))
    return [*backends, *empty, VirtioConsole(console), VirtioRng(seed)]
