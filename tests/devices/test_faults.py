"""Faults of the host become errors of the guest's devices, and nothing else."""

import errno
import socket
from pathlib import Path

import pytest
from test_virtio_blk import request
from virtio_driver import Driver

import rvh
from rvh import Machine, vms
from rvh.devices.virtio import blk
from rvh.devices.virtio.backends import DiskSpec
from rvh.devices.virtio.blk import VirtioBlk
from rvh.devices.virtio.disk import RawDisk
from rvh.devices.virtio.faults import FaultyDisk
from rvh.devices.virtio.link import StreamLink
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.devices.virtio.slots import Nic, fill_slots

IMAGES = Path(rvh.__file__).parent / "images"
SECTORS = 64
REQUESTS = {
    "read": (blk.T_IN, {"room": 512}),
    "write": (blk.T_OUT, {"sent": b"\x77" * 512}),
    "clear": (blk.T_WRITE_ZEROES, {"sent": blk.SEGMENT.pack(0, 1, 0)}),
    "flush": (blk.T_FLUSH, {}),
}


@pytest.fixture(params=[{}, {"snapshot": True}], ids=["raw", "snapshot"])
def faulty(request, tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(b"\x11" * (SECTORS * 512))
    disk = FaultyDisk(DiskSpec(str(path), **request.param).open())
    yield disk
    disk.close()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("operation", REQUESTS)
def test_a_fault_is_an_io_error(faulty, operation, error):
    driver = Driver(VirtioMmio(VirtioBlk(faulty)))
    kind, data = REQUESTS[operation]
    faulty.fail(operation, error)
    assert request(driver, kind, **data)[0] == blk.S_IOERR
    assert driver.device.backend.counts["errors"] == 1
    for other, (kind_, data_) in REQUESTS.items():
        assert request(driver, kind_, **data_)[0] == (blk.S_IOERR if other == operation else blk.S_OK)
    assert faulty.failed[operation] == 2 and not driver.needs_reset
    faulty.heal()
    assert request(driver, kind, **data)[0] == blk.S_OK


def test_what_failed_was_not_written(faulty):
    driver = Driver(VirtioMmio(VirtioBlk(faulty)))
    for operation in ("write", "clear"):
        faulty.fail(operation, errno.ENOSPC)
        kind, data = REQUESTS[operation]
        assert request(driver, kind, **data)[0] == blk.S_IOERR
    assert request(driver, blk.T_IN, room=512)[:2] == (blk.S_OK, b"\x11" * 512)


def test_faults_can_be_counted(faulty):
    driver = Driver(VirtioMmio(VirtioBlk(faulty)))
    faulty.fail("write", after=2, times=1)
    statuses = [request(driver, blk.T_OUT, n, sent=bytes(512))[0] for n in range(5)]
    assert statuses == [blk.S_OK, blk.S_OK, blk.S_IOERR, blk.S_OK, blk.S_OK]


def test_write_through_fails_when_the_flush_does(faulty):
    """To a driver without FLUSH a write is done only when it is durable."""
    driver = Driver(VirtioMmio(VirtioBlk(faulty)), features=0)
    faulty.fail("flush", errno.ENOSPC)
    assert request(driver, blk.T_OUT, sent=bytes(512))[0] == blk.S_IOERR


def test_other_words_are_refused(faulty):
    with pytest.raises(ValueError, match="a disk does not explode"):
        faulty.fail("explode")


# -- under the hypervisor

needs_images = pytest.mark.skipif(
    not all((IMAGES / f"{name}.elf").exists() for name in ("sbi", "hv", "hello", "blk")), reason="images not built"
)


def run_guests(disk):
    """What the hypervisor prints with blk on this disk and hello beside it, and how the run ended."""
    output = bytearray()
    machine = Machine(harts=1, ram=256 << 20, virtio=fill_slots([disk]), console=output.extend)
    specs = [vms.VmSpec(name, str(IMAGES / f"{name}.elf"), 32 << 20) for name in ("blk", "hello")]
    specs[0].disk = "the disk"
    plan = vms.plan_hypervisor(
        machine.device_tree(), 0x8000_0000, 256 << 20, str(IMAGES / "sbi.elf"), str(IMAGES / "hv.elf"), specs
    )
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)
    stop = machine.run(max_insns=300_000_000)
    machine.close()
    return stop.kind, output.decode()


@needs_images
@pytest.mark.parametrize("operation, error", [("read", errno.EIO), ("write", errno.ENOSPC), ("flush", errno.EIO)])
def test_a_guest_hears_of_the_fault_and_its_neighbour_does_not(tmp_path, operation, error):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(2048 * 512))
    disk = FaultyDisk(RawDisk(path))
    disk.fail(operation, error, after=3 if operation != "flush" else 0)
    kind, output = run_guests(disk)
    assert disk.failed[operation] > 0
    assert kind == "fail", output
    assert "[hello] goodbye" in output
    told = [line for line in output.splitlines() if line.startswith("[blk] ")]
    assert any(line.endswith(f"status {blk.S_IOERR}") for line in told), output


@needs_images
def test_the_same_guests_without_a_fault(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(2048 * 512))
    kind, output = run_guests(FaultyDisk(RawDisk(path)))
    assert kind == "pass", output


# -- the network card


def test_the_cable_is_pulled():
    ours, peer = socket.socketpair()
    link = StreamLink(ours)
    slot = VirtioMmio(fill_slots(nics=[Nic(link=link)])[0])
    driver = Driver(slot)
    assert slot.read(0x106, 2) == 1
    link.down("pulled out")
    slot.poll()
    assert slot.read(0x106, 2) == 0 and driver.level
    assert not driver.needs_reset
    peer.close()
