"""The other side of a disk: overlays on an image, and who may open it when."""

import errno
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_virtio_blk import request
from virtio_driver import Driver

from rvh.devices.virtio import blk, disk
from rvh.devices.virtio.backends import Backends, DiskSpec
from rvh.devices.virtio.blk import VirtioBlk
from rvh.devices.virtio.disk import Extents, RawDisk, SnapshotDisk
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.errors import InputError

SECTORS = 64


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(number % 251 for number in range(SECTORS * 512)))
    os.utime(path, ns=(10**9, 10**9))
    return path


@pytest.fixture
def unchanged(image):
    before, data = os.stat(image), image.read_bytes()
    yield data
    after = os.stat(image)
    assert image.read_bytes() == data
    assert (after.st_mtime_ns, after.st_size, after.st_blocks) == (before.st_mtime_ns, before.st_size, before.st_blocks)


@pytest.fixture
def overlay(image):
    disk = DiskSpec(str(image), snapshot=True).open()
    yield disk
    disk.close()


def read(disk, offset, size, cuts=()):
    data = bytearray(size)
    view = memoryview(data)
    places = [0, *sorted(cuts), size]
    disk.read_into([view[a:b] for a, b in zip(places, places[1:], strict=False)], offset)
    return bytes(data)


def write(disk, offset, data):
    disk.write_from([memoryview(data)], offset)


# -- overlays


def test_what_is_written_is_read_and_the_image_stays(unchanged, overlay):
    write(overlay, 512, b"\xaa" * 1024)
    assert read(overlay, 0, 2048) == unchanged[:512] + b"\xaa" * 1024 + unchanged[1536:2048]
    assert read(overlay, 0, 2048, cuts=(1, 511, 513, 1600)) == read(overlay, 0, 2048)
    overlay.flush()


@pytest.mark.parametrize("unmap", [False, True])
@pytest.mark.parametrize("punch", [False, True])
def test_clear_hides_the_image_and_earlier_writes(unchanged, overlay, monkeypatch, unmap, punch):
    if not punch:
        monkeypatch.setattr(disk, "punch_hole", lambda *_: False)
    write(overlay, 1024, b"\xaa" * 512)
    overlay.clear(512, 2048, unmap)
    assert read(overlay, 0, 3072) == unchanged[:512] + bytes(2048) + unchanged[2560:3072]


def test_a_guest_with_a_snapshot(unchanged, overlay):
    driver = Driver(VirtioMmio(VirtioBlk(overlay)))
    assert not driver.device.features & blk.F_RO
    assert request(driver, blk.T_OUT, 7, sent=b"\x55" * 512)[0] == blk.S_OK
    for kind, sector in ((blk.T_DISCARD, 1), (blk.T_WRITE_ZEROES, 2)):
        assert request(driver, kind, sent=blk.SEGMENT.pack(sector, 1, 0))[0] == blk.S_OK
    assert request(driver, blk.T_FLUSH)[0] == blk.S_OK
    status, data, _ = request(driver, blk.T_IN, 0, room=8 * 512)
    assert status == blk.S_OK
    assert data == unchanged[:512] + bytes(1024) + unchanged[3 * 512 : 7 * 512] + b"\x55" * 512


def test_write_through_of_a_driver_without_flush(unchanged, overlay):
    driver = Driver(VirtioMmio(VirtioBlk(overlay)), features=0)
    assert request(driver, blk.T_OUT, 0, sent=bytes(512))[0] == blk.S_OK


def test_the_overlay_has_no_name_and_is_sparse(tmp_path, image, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    monkeypatch.setattr("tempfile.tempdir", None)
    overlay = DiskSpec(str(image), snapshot=True).open()
    write(overlay, 0, b"x" * 512)
    assert list(room.iterdir()) == []
    assert os.path.realpath(f"/proc/self/fd/{overlay.fd}").startswith(str(room))
    info = os.fstat(overlay.fd)
    assert info.st_size == SECTORS * 512 and info.st_blocks * 512 < SECTORS * 512
    overlay.close()


def test_a_failed_write_leaves_what_was_there(unchanged, overlay, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        with pytest.raises(OSError, match="No space"):
            write(overlay, 0, b"x" * 512)
    assert read(overlay, 0, 512) == unchanged[:512]


def test_no_room_for_an_overlay(image, tmp_path):
    base = RawDisk(image, readonly=True)
    with pytest.raises(InputError, match="no room for an overlay of .*disk.img: no such file"):
        SnapshotDisk(base, str(tmp_path / "absent"))
    base.close()


def test_an_image_that_shrinks_is_an_error_of_the_disk(image, overlay):
    write(overlay, 0, b"x" * 512)
    os.truncate(image, 512)
    assert read(overlay, 0, 512) == b"x" * 512
    with pytest.raises(OSError, match="shorter"):
        read(overlay, 1024, 512)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["write", "clear", "unmap"]),
            st.integers(0, SECTORS - 1),
            st.integers(1, 9),
            st.integers(1, 255),
        ),
        max_size=30,
    )
)
def test_an_overlay_is_a_disk(tmp_path_factory, steps):
    """Against a model: any sequence of writes and clears reads back as on a plain array."""
    path = tmp_path_factory.mktemp("disk") / "image"
    data = bytes(number % 251 for number in range(SECTORS * 512))
    path.write_bytes(data)
    model = bytearray(data)
    overlay = DiskSpec(str(path), snapshot=True).open()
    for what, sector, count, value in steps:
        count = min(count, SECTORS - sector)
        fresh = bytes([value]) * (512 * count) if what == "write" else bytes(512 * count)
        if what == "write":
            write(overlay, 512 * sector, fresh)
        else:
            overlay.clear(512 * sector, 512 * count, what == "unmap")
        model[512 * sector : 512 * (sector + count)] = fresh
    assert read(overlay, 0, len(model), cuts=(700, 5000)) == model
    overlay.close()
    assert path.read_bytes() == data


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=40), st.integers(0, 60), st.integers(1, 20))
def test_extents_against_a_set(ranges, start, size):
    extents, model = Extents(), set()
    for at, length in ranges:
        extents.add(at, at + length)
        model |= set(range(at, at + length))
    pairs = list(zip(extents.starts, extents.ends, strict=True))
    assert all(a < b for a, b in pairs) and all(b < c for (_, b), (c, _) in zip(pairs, pairs[1:], strict=False))
    seen = []
    for first, last, inside in extents.pieces(start, start + size):
        assert first < last
        assert all((position in model) == inside for position in range(first, last))
        seen += range(first, last)
    assert seen == list(range(start, start + size))


# -- who may open an image

WRITE, READ, SNAPSHOT = {}, {"readonly": True}, {"snapshot": True}


@pytest.mark.parametrize(
    "first, second, together",
    [
        (WRITE, WRITE, False),
        (WRITE, READ, False),
        (WRITE, SNAPSHOT, False),
        (READ, WRITE, False),
        (SNAPSHOT, WRITE, False),
        (READ, READ, True),
        (READ, SNAPSHOT, True),
        (SNAPSHOT, SNAPSHOT, True),
    ],
)
def test_locks(image, first, second, together):
    one = DiskSpec(str(image), **first).open()
    if together:
        DiskSpec(str(image), **second).open().close()
    else:
        with pytest.raises(InputError) as caught:
            DiskSpec(str(image), **second).open()
        assert str(caught.value) == f"{image}: is in use by another machine, or as another disk of this one"
    one.close()
    DiskSpec(str(image), **second).open().close()


def test_another_process_holds_the_lock(image):
    code = (
        "import sys; from rvh.devices.virtio.disk import RawDisk; disk = RawDisk(sys.argv[1]); "
        "print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(InputError, match="in use by another machine"):
        RawDisk(image, readonly=True)
    other.communicate("")
    RawDisk(image).close()


def test_snapshot_and_readonly_need_no_right_to_write(image):
    image.chmod(0o400)
    opened = []
    real = os.open
    try:
        os.open = lambda path, flags, *rest, **more: opened.append(flags) or real(path, flags, *rest, **more)
        for how in (READ, SNAPSHOT):
            DiskSpec(str(image), **how).open().close()
    finally:
        os.open = real
    assert opened[0] & os.O_ACCMODE == opened[1] & os.O_ACCMODE == os.O_RDONLY


def test_readonly_has_precedence(image):
    disk = DiskSpec(str(image), readonly=True, snapshot=True).open()
    assert disk.readonly and isinstance(disk, RawDisk)
    disk.close()


def test_a_bad_disk_closes_the_good_ones(image, tmp_path):
    with pytest.raises(InputError, match="absent"):
        Backends([DiskSpec(str(image)), DiskSpec(str(tmp_path / "absent"))])
    RawDisk(image).close()
