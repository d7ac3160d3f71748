"""Errors of the host's disk, made on demand, and what an unmodified Linux makes of them. Skipped without its images."""

from __future__ import annotations

import errno

from images import debian, debian_tool, image

from rvh import Machine, vms
from rvh.devices.virtio.backends import DiskSpec
from rvh.devices.virtio.faults import FaultyDisk
from rvh.devices.virtio.slots import fill_slots

FAULTS = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin
for module in /lib/modules/*.ko; do insmod "$module"; done
while :; do
    echo "test: ready"
    read word
    [ "$word" = end ] && poweroff -f
    echo 3 > /proc/sys/vm/drop_caches
    dd if=/dev/vda of=/dev/null bs=4k skip=16 count=1 2>/dev/null && r=good || r=bad
    dd if=/dev/zero of=/dev/vda bs=4k seek=16 count=1 conv=fsync 2>/dev/null && w=good || w=bad
    echo "test: $word read $r write $w"
done
"""


def test_errors_of_the_hosts_disk_are_io_errors_in_the_guest(tmp_path):
    """Read errors, a full disk a failing flush, one after another: the guest lives on, as does its neighbour."""
    files = debian()
    backing = tmp_path / "disk.img"
    backing.write_bytes(bytes(1 << 20))
    initrd = tmp_path / "initrd.cpio"
    own = debian_tool()
    initrd.write_bytes(
        files["initramfs-modules.cpio"].read_bytes() + own.cpio([own.Entry("init", 0o100755, FAULTS.encode())])
    )
    disk = FaultyDisk(DiskSpec(str(backing)).open())
    output = bytearray()
    machine = Machine(harts=2, ram=512 << 20, console=output.extend, virtio=fill_slots([disk]))
    specs = [
        vms.VmSpec("sick", str(files["Image"]), 256 << 20, 1, str(initrd), "console=ttyS0 quiet", str(backing)),
        vms.VmSpec("well", str(image("timer")), 64 << 20, 1),
    ]
    plan = vms.plan_hypervisor(
        machine.device_tree(), 0x8000_0000, 512 << 20, str(image("sbi")), str(image("hv")), specs
    )  # fmt: skip
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)

    steps = [("none", ()), ("read", ("read",)), ("full", ("write",)), ("sync", ("flush",)), ("healed", ()), ("end", ())]
    for number, (word, operations) in enumerate(steps, 1):
        for _ in range(400):
            if output.count(b"test: ready") >= number:
                break
            assert machine.run(max_insns=20_000_000).kind == "limit", output[-500:]
        assert output.count(b"test: ready") >= number, output[-500:]
        disk.heal()
        for operation in operations:
            disk.fail(operation, errno.ENOSPC if operation == "write" else errno.EIO)
        machine.console_feed(word.encode() + b"\n")
    assert machine.run(max_insns=2_000_000_000).kind == "pass", output[-500:]
    said = [line.partition("test: ")[2] for line in output.decode(errors="replace").splitlines() if " read " in line]
    assert said == [
        "none read good write good",
        "read read bad write good",
        "full read good write bad",
        "sync read good write bad",
        "healed read good write good",
    ]
    assert b"I/O error, dev vda" in output
    assert b"[hv] sick: off: it powered off" in output and b"[hv] well: off: it powered off" in output
    machine.close()
