"""A VM's disk is a partition of one of the machine's: MBR, logical partitions, GPT, and tables that are wrong."""

from __future__ import annotations

import random
import struct
import tempfile
import zlib

import pytest
from vmrig import IMAGES, run_vms

from rvh.devices.virtio.blk import VirtioBlk
from rvh.devices.virtio.disk import RawDisk

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

SECTOR = 512
SECTORS = 4096
BLK = str(IMAGES / "blk.elf")
LINUX = bytes.fromhex("af3dc60f838472478e793d69d8477de4")


def mbr(entries: list[tuple[int, int, int]]) -> bytes:
    """Sector 0 with (type, first, sectors) entries."""
    table = b"".join(
        bytes([0, 0, 0, 0, kind, 0, 0, 0]) + struct.pack("<II", first, count) for kind, first, count in entries
    )
    return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"


def with_gpt(image: bytearray, parts: list[tuple[int, int]], entry_size: int = 128) -> None:
    """Protective MBR, header and entries at both ends of the disk; (0, 0) is an unused entry."""
    entries = b"".join(
        (LINUX + bytes([n + 1] * 16) + struct.pack("<QQQ", first, last, 0) if last else b"").ljust(entry_size, b"\0")
        for n, (first, last) in enumerate(parts)
    )
    entries = entries.ljust(-(-len(entries) // SECTOR) * SECTOR, b"\0")
    count, last = len(entries) // entry_size, len(image) // SECTOR - 1
    size = len(entries) // SECTOR
    for here, other, at in ((1, last, 2), (last, 1, last - size)):
        header = struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 2 + size, last - size - 1, bytes(16), at,
            count, entry_size, zlib.crc32(entries),
        )  # fmt: skip
        header = header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]
        image[here * SECTOR : here * SECTOR + len(header)] = header
        image[at * SECTOR : at * SECTOR + len(entries)] = entries
    image[:SECTOR] = mbr([(0xEE, 1, 0xFFFFFFFF)])


def blank() -> bytearray:
    """Noise everywhere but where a table says that a partition is: blk writes to nothing else than zeros."""
    return bytearray(random.Random(1).randbytes(SECTORS * SECTOR))


def cleared(image: bytearray, parts: list[tuple[int, int]]) -> bytearray:
    for first, count in parts:
        image[first * SECTOR : (first + count) * SECTOR] = bytes(count * SECTOR)
    return image


def run(image: bytes, partitions: dict[str, int | None], **options):
    """VMs {label: partition} that write all over their disks; the result, and the image afterwards."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        result = run_on(file.name, partitions, **options)
        file.seek(0)
        return result, file.read()


def run_on(path: str, partitions: dict[str, int | None], **options):
    disk = RawDisk(path)
    settings = {label: {"disk": "x.img", "partition": number} for label, number in partitions.items()}
    try:
        return run_vms(dict.fromkeys(partitions, BLK), settings=settings, devices=[VirtioBlk(disk)], harts=2, **options)
    finally:
        disk.close()


def untouched(before: bytes, after: bytes, parts: list[tuple[int, int]]) -> bool:
    """Whether everything outside the partitions is as it was."""
    return cleared(bytearray(before), parts) == cleared(bytearray(after), parts)


TABLES = {
    "mbr": lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x83, 64, 600), (0, 0, 0), (0x83, 1000, 500)])),
    "gpt": lambda image: with_gpt(image, [(64, 663), (0, 0), (1000, 1499)]),
    "gpt, large entries": lambda image: with_gpt(image, [(64, 663), (0, 0), (1000, 1499)], 256),
}
PARTS = [(64, 600), (1000, 500)]


@pytest.mark.parametrize("table", TABLES)
def test_two_vms_on_partitions_of_one_disk(table):
    image = cleared(blank(), PARTS)
    TABLES[table](image)
    result, after = run(image, {"a": 1, "b": 3})
    assert result.stop.kind == "pass", result.text
    for label, (first, count) in zip("ab", PARTS, strict=True):
        assert f"disk of {count} sectors of 512 bytes, writable, flush" in result.of(label)
        assert result.of(label)[-1] == "blk: all data right"
        assert after[first * SECTOR :].startswith(b"rvh scratch disk\n")
    assert untouched(image, after, PARTS)


def test_logical_partitions():
    parts = [(1064, 100), (2064, 200)]
    image = cleared(blank(), parts)
    image[:SECTOR] = mbr([(0x83, 10, 20), (0x05, 1000, 3000)])
    image[1000 * SECTOR : 1001 * SECTOR] = mbr([(0x83, 64, 100), (0x05, 1000, 1200)])
    image[2000 * SECTOR : 2001 * SECTOR] = mbr([(0x83, 64, 200)])
    result, after = run(image, {"five": 5, "six": 6})
    assert result.stop.kind == "pass", result.text
    assert "disk of 100 sectors of 512 bytes, writable, flush" in result.of("five")
    assert "disk of 200 sectors of 512 bytes, writable, flush" in result.of("six")
    assert untouched(image, after, parts)


def test_the_copy_of_a_gpt_stands_in_for_a_damaged_one():
    image = cleared(blank(), PARTS)
    with_gpt(image, [(64, 663), (0, 0), (1000, 1499)])
    for place in (SECTOR + 40, 2 * SECTOR + 33):  # the header, then the entries
        broken = bytearray(image)
        broken[place] ^= 1
        result, after = run(broken, {"a": 1})
        assert result.stop.kind == "pass", result.text
        assert untouched(broken, after, PARTS[:1])


def damaged(change) -> bytes:
    image = cleared(blank(), PARTS)
    change(image)
    return bytes(image)


def loop(image: bytearray) -> None:
    image[:SECTOR] = mbr([(0x05, 1000, 3000)])
    image[1000 * SECTOR : 1001 * SECTOR] = mbr([(0x83, 64, 100), (0x05, 0, 3000)])


def both_gpts_broken(image: bytearray) -> None:
    with_gpt(image, [(64, 663)])
    image[SECTOR + 8] ^= 1
    image[-SECTOR + 8] ^= 1


def outside_of_what_gpt_calls_usable(image: bytearray) -> None:
    with_gpt(image, [(1, 663)])


@pytest.mark.parametrize("change, number, complaint", [
    (lambda image: image.__setitem__(slice(510, 512), b"\0\0"), 1, "it has no partition table"),
    (lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x83, 64, 600)])), 2, "it has no such partition"),
    (lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x83, 64, 600)])), 5, "it has no such partition"),
    (lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x83, 64, SECTORS)])), 1,
     "its partition ends beyond the disk"),
    (lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x83, 0xFFFFFFFF, 0xFFFFFFFF)])), 1,
     "its partition ends beyond the disk"),
    (lambda image: image.__setitem__(slice(0, SECTOR), mbr([(0x05, 0xFFFFFFFF, 1)])), 5,
     "its chain of logical partitions is damaged"),
    (loop, 60, "its chain of logical partitions is damaged"),
    (both_gpts_broken, 1, "its partition table is damaged"),
    (outside_of_what_gpt_calls_usable, 1, "its partition table is damaged"),
    (lambda image: with_gpt(image, [(64, 663)]), 2, "it has no such partition"),
    (lambda image: with_gpt(image, [(64, 663)]), 1000, "it has no such partition"),
])  # fmt: skip
def test_a_table_that_is_wrong_gives_one_line_and_no_write(change, number, complaint):
    image = damaged(change)
    result, after = run(image, {"a": number})
    assert f"a: stopped: it cannot start: {complaint}" in result.of("hv"), result.text
    assert after == image


def test_two_vms_on_overlapping_partitions_are_refused():
    image = cleared(blank(), PARTS)
    image[:SECTOR] = mbr([(0x83, 64, 600), (0x83, 600, 100)])
    result, after = run(image, {"a": 1, "b": 2})
    assert "b: stopped: it cannot start: its disk belongs to another VM" in result.of("hv")
    assert result.of("a")[-1] == "blk: all data right"
    assert untouched(image, after, PARTS[:1])


def test_random_tables_harm_nobody():
    """Random bytes in place of tables: the VM starts with a partition inside the disk, or does not."""
    rng = random.Random(7)
    for _ in range(40):
        image = bytearray(SECTORS * SECTOR)
        with_gpt(image, [(64, 663), (1000, 1499)])
        for _ in range(rng.randrange(1, 4)):
            image[rng.choice((0, 1, 2, SECTORS - 1)) * SECTOR + rng.randrange(SECTOR)] = rng.randrange(256)
        result, _ = run(image, {"a": rng.choice((1, 2, 5))})
        assert result.stop.kind in ("pass", "fail"), result.text
        assert result.of("hv")[-1].startswith("the run ends")
