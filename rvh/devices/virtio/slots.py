"""What sits in the machine's eight virtio-mmio slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import UsageError
from .blk import VirtioBlk
from .console import VirtioConsole
from .disk import Disk
from .mmio import VirtioDevice
from .net import Link, Switch, VirtioNet
from .rng import VirtioRng

__all__ = ["CONTROL_SLOT", "MAC_PREFIX", "SLOTS", "Nic", "fill_slots"]

SLOTS = 8
CONTROL_SLOT = 5
#: QEMU's range of addresses; the last byte counts the cards.
MAC_PREFIX = bytes([0x52, 0x54, 0x00, 0x12, 0x34])


@dataclass
class Nic:
    """A network card: its address (None: one after its number) and its cable (None: to the machine's own switch)."""

    mac: bytes | None = None
    link: Link | None = None


def fill_slots(
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    console: Callable[[bytes], object] | None = None,
    seed: int | None = 0,
    control: VirtioDevice | None = None,
) -> list[VirtioDevice | None]:
    """Disks from slot 0 upward, then network cards; the console is in slot 6, the entropy source in 7.

    `console` gets the output of the virtio console; `seed` names the entropy source's stream, None is the host's.
    `control` is the hypervisor's control channel, in slot `CONTROL_SLOT`.
    Raises `UsageError` when there are more devices than slots, or two cards with one address.
    """
    free = SLOTS - 2 if control is None else CONTROL_SLOT
    if len(disks) + len(nics) > free:
        raise UsageError(f"{len(disks)} disks and {len(nics)} network cards are more than the {free} free virtio slots")
    backends: list[VirtioDevice] = [VirtioBlk(disk, f"rvh-disk-{index}") for index, disk in enumerate(disks)]
    switch = Switch()
    taken: set[bytes] = set()
    for index, nic in enumerate(nics):
        card = VirtioNet(nic.mac or MAC_PREFIX + bytes([0x56 + index]))
        if card.mac in taken:
            raise UsageError(f"two network cards have the address {card.mac.hex(':')}")
        taken.add(card.mac)
        (nic.link or switch).connect(card)
        backends.append(card)
    empty = [None] * (free - len(backends))
    reserved = [] if control is None else [control]
    return [*backends, *empty, *reserved, VirtioConsole(console), VirtioRng(seed)]
