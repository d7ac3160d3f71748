"""virtio-blk: requests, limits, the image file and its errors."""

import errno
import os
import struct

import pytest
from virtio_driver import WRITE, Driver

from rvh.devices.virtio import blk
from rvh.devices.virtio.blk import RawDisk, VirtioBlk
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.errors import InputError

SECTORS = 64


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(number % 251 for number in range(SECTORS * 512)))
    return path


@pytest.fixture
def driver(image):
    disk = RawDisk(image)
    yield Driver(VirtioMmio(VirtioBlk(disk, "serial-1")))
    disk.close()


def request(driver, kind, sector=0, sent=b"", room=0, header=None):
    """(status, data, length in the used ring) of one request."""
    head = driver.alloc(header if header is not None else struct.pack("<IIQ", kind, 0, sector))
    status = driver.alloc(1)
    buffers = [(head, 16, 0)]
    if sent:
        buffers.append((driver.alloc(sent), len(sent), 0))
    target = driver.alloc(room)
    if room:
        buffers.append((target, room, WRITE))
    driver.queues[0].send(*buffers, (status, 1, WRITE))
    [(_, length)] = driver.queues[0].completed()
    return driver.ram.read(status, 1)[0], driver.ram.read(target, room), length


def test_configuration(driver):
    device = driver.device
    assert device.read(0x100, 8) == SECTORS
    assert device.read(0x10C, 4) == blk.SEG_MAX
    assert device.read(0x114, 4) == 512
    assert device.read(0x122, 2) == 1
    assert device.read(0x124, 4) == blk.MAX_CLEAR_SECTORS
    assert device.read(0x138, 1) == 1


def test_read(driver, image):
    status, data, length = request(driver, blk.T_IN, 3, room=1024)
    assert (status, length) == (blk.S_OK, 1025)
    assert data == image.read_bytes()[3 * 512 : 5 * 512]


def test_write_then_flush_reaches_stable_storage(driver, image, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd))
    assert request(driver, blk.T_OUT, 10, sent=b"\xa5" * 512)[0] == blk.S_OK
    assert synced == []
    assert request(driver, blk.T_FLUSH)[0] == blk.S_OK
    assert synced == [driver.device.backend.disk.fd]
    data = image.read_bytes()
    assert data[10 * 512 : 11 * 512] == b"\xa5" * 512
    assert data[11 * 512] == 11 * 512 % 251


def test_a_driver_without_flush_gets_write_through(image, monkeypatch):
    disk = RawDisk(image)
    driver = Driver(VirtioMmio(VirtioBlk(disk)), features=0)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd))
    request(driver, blk.T_OUT, 0, sent=bytes(512))
    assert synced == [disk.fd]
    disk.close()


def test_scattered_buffers(driver, image):
    """Header, data and status may be cut anywhere (section 2.7.4)."""
    header = struct.pack("<IIQ", blk.T_IN, 0, 1)
    parts = [(driver.alloc(header[:3]), 3, 0), (driver.alloc(header[3:]), 13, 0)]
    sizes = (1, 200, 312)
    targets = [driver.alloc(size) for size in sizes]
    parts += [(address, size, WRITE) for address, size in zip(targets, sizes, strict=True)]
    driver.queues[0].send(*parts)
    [(_, length)] = driver.queues[0].completed()
    assert length == 513
    data = b"".join(driver.ram.read(address, size) for address, size in zip(targets, sizes, strict=True))
    assert data[:512] == image.read_bytes()[512:1024]
    assert data[512] == blk.S_OK
    driver.queues[0].send(*parts[:-1], (targets[2], 311, WRITE))  # one byte too few for the data
    [(_, length)] = driver.queues[0].completed()
    assert length == 1
    assert driver.ram.read(targets[2] + 310, 1)[0] == blk.S_IOERR


def test_get_id(driver):
    status, data, length = request(driver, blk.T_GET_ID, room=20)
    assert (status, data, length) == (blk.S_OK, b"serial-1".ljust(20, b"\0"), 21)


@pytest.mark.parametrize("kind", [2, 3, 5, 9, 14, 0xFFFFFFFF])
def test_unknown_requests(driver, kind):
    assert request(driver, kind)[0] == blk.S_UNSUPP


@pytest.mark.parametrize("sector, size", [(SECTORS, 512), (SECTORS - 1, 1024), (1 << 63, 512), ((1 << 64) - 1, 512)])
def test_outside_the_disk(driver, image, sector, size):
    before = image.read_bytes()
    assert request(driver, blk.T_IN, sector, room=size)[0] == blk.S_IOERR
    assert request(driver, blk.T_OUT, sector, sent=b"\1" * size)[0] == blk.S_IOERR
    assert image.read_bytes() == before


def test_partial_sectors(driver):
    assert request(driver, blk.T_IN, 0, room=511)[0] == blk.S_IOERR
    assert request(driver, blk.T_OUT, 0, sent=bytes(513))[0] == blk.S_IOERR


@pytest.mark.parametrize("kind", [blk.T_DISCARD, blk.T_WRITE_ZEROES])
def test_clear(driver, image, kind):
    segments = struct.pack("<QII", 4, 2, 0) + struct.pack("<QII", 20, 1, 0)
    assert request(driver, kind, sent=segments)[0] == blk.S_OK
    data = image.read_bytes()
    assert len(data) == SECTORS * 512
    assert data[4 * 512 : 6 * 512] == bytes(1024) and data[20 * 512 : 21 * 512] == bytes(512)
    assert data[6 * 512] == 6 * 512 % 251


@pytest.mark.parametrize(
    "kind, segments, status",
    [
        (blk.T_DISCARD, struct.pack("<QII", 0, 1, 1), blk.S_UNSUPP),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", 0, 1, 2), blk.S_UNSUPP),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", SECTORS, 1, 0), blk.S_IOERR),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", 0, 0xFFFFFFFF, 0), blk.S_IOERR),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", 0, 1, 0)[:15], blk.S_IOERR),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", 0, 1, 0) * (blk.MAX_CLEAR_SEGMENTS + 1), blk.S_IOERR),
        (blk.T_WRITE_ZEROES, struct.pack("<QII", 0, 1, 0) + struct.pack("<QII", SECTORS, 1, 0), blk.S_IOERR),
    ],
)
def test_bad_clear_requests_touch_nothing(driver, image, kind, segments, status):
    before = image.read_bytes()
    assert request(driver, kind, sent=segments)[0] == status
    assert image.read_bytes() == before


def test_a_huge_discard_list_is_not_copied(driver):
    """The list is as long as the guest says; the device looks at its length first."""
    head = driver.alloc(struct.pack("<IIQ", blk.T_DISCARD, 0, 0))
    status = driver.alloc(1)
    big = (driver.queues[0].desc, 0xF0000, 0)
    driver.queues[0].send((head, 16, 0), *[big] * 10, (status, 1, WRITE))
    assert driver.ram.read(status, 1)[0] == blk.S_IOERR


@pytest.mark.parametrize("buffers", [[(16, 0)], [(15, 0), (1, WRITE)], [(1, WRITE)], [(0, 0), (0, WRITE)]])
def test_requests_without_header_or_status(driver, buffers):
    driver.queues[0].send(*[(driver.alloc(bytes(16)), length, flags) for length, flags in buffers])
    assert driver.needs_reset


def test_read_only(image):
    disk = RawDisk(image, readonly=True)
    driver = Driver(VirtioMmio(VirtioBlk(disk)))
    before = image.read_bytes()
    assert driver.device.features & blk.F_RO and not driver.device.features & blk.F_DISCARD
    assert request(driver, blk.T_OUT, 0, sent=b"\1" * 512)[0] == blk.S_IOERR
    assert request(driver, blk.T_WRITE_ZEROES, sent=struct.pack("<QII", 0, 1, 0))[0] == blk.S_IOERR
    assert request(driver, blk.T_FLUSH)[0] == blk.S_OK
    assert request(driver, blk.T_IN, 0, room=512)[:2] == (blk.S_OK, before[:512])
    assert image.read_bytes() == before
    disk.close()


@pytest.mark.parametrize("call, kind", [("preadv", blk.T_IN), ("pwritev", blk.T_OUT)])
def test_errors_of_the_host_are_errors_of_the_disk(driver, monkeypatch, call, kind):
    def fails(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        kwargs = {"room": 512} if kind == blk.T_IN else {"sent": bytes(512)}
        assert request(driver, kind, 0, **kwargs)[0] == blk.S_IOERR
        assert driver.device.backend.counts["errors"] == 1
    assert request(driver, kind, 0, **kwargs)[0] == blk.S_OK


def test_flush_error(driver, monkeypatch):
    def fails(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    assert request(driver, blk.T_FLUSH)[0] == blk.S_IOERR


def test_image_that_shrank(driver, image):
    os.truncate(image, 512)
    assert request(driver, blk.T_IN, 0, room=1024)[0] == blk.S_IOERR
    assert request(driver, blk.T_IN, 0, room=512)[0] == blk.S_OK


def test_short_transfers_are_continued(driver, image, monkeypatch):
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, views, offset: real(fd, [views[0][:100]], offset))
    status, data, _ = request(driver, blk.T_IN, 2, room=1024)
    assert (status, data) == (blk.S_OK, image.read_bytes()[1024:2048])


def test_image_is_locked(image):
    disk = RawDisk(image)
    with pytest.raises(InputError, match="in use by another machine"):
        RawDisk(image)
    with pytest.raises(InputError, match="in use by another machine"):
        RawDisk(image, readonly=True)
    disk.close()
    first, second = RawDisk(image, readonly=True), RawDisk(image, readonly=True)
    with pytest.raises(InputError, match="in use"):
        RawDisk(image)
    first.close()
    second.close()


def test_unusable_images(tmp_path):
    empty = tmp_path / "empty.img"
    empty.write_bytes(bytes(511))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, reason in (
        (tmp_path / "absent", "no such file"),
        (tmp_path, "is a directory"),
        (empty, "less than one sector"),
        (fifo, "not a regular file"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            RawDisk(path)
        assert str(path) in str(caught.value)


def test_opening_does_not_change_the_image(image):
    before = os.stat(image)
    RawDisk(image).close()
    after = os.stat(image)
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
