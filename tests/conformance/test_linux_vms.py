"""Unmodified Debians side by side under the hypervisor: the example of docs/, here and on QEMU.

Each has 2 vCPUs, 256 MiB, a disk of its own with an ext4 root that it writes to, and a network card.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from images import ROOT, debian, debian_tool, image, qemu_loads, rvh_run, tail
from test_qemu import FIRMWARE, QEMU

from rvh import dtb, vms

EXAMPLES = ROOT / "docs" / "examples"
PEERS = {"left": ("10.0.0.2", "10.0.0.3"), "right": ("10.0.0.1", "10.0.0.3")}
E2FS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
RAM_BASE, RAM = 0x8000_0000, 1 << 30


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    return debian()


@pytest.fixture
def example(tmp_path, files) -> Path:
    """The example as `tools/debian.py` leaves it, in a place of the test's own: a description with fresh disks."""
    folder = tmp_path / "docs" / "examples"
    (folder / "debian").mkdir(parents=True)
    (tmp_path / "rvh").symlink_to(ROOT / "rvh")
    for name in ("Image", "initramfs-modules.cpio"):
        (folder / "debian" / name).symlink_to(files[name])
    for disk in debian_tool().EXAMPLE_DISKS:
        shutil.copyfile(files["root.ext4"], folder / "debian" / disk)
    return Path(shutil.copy(EXAMPLES / "debian.toml", folder))


def checks(output: str, label: str) -> list[str]:
    """The lines of a guest's self-check; a piece of a line that another guest's output cut off joins its rest."""
    lines = [line[len(label) + 3 :] for line in output.splitlines() if line.startswith(f"[{label}] ")]
    return [line for line in lines if line.startswith("rvh-auto: ")]


def expected(label: str, run: int) -> list[str]:
    return [
        "rvh-auto: os = debian 13",
        "rvh-auto: nproc = 2",
        "rvh-auto: root = /dev/vda ext4 rw",
        "rvh-auto: rings = packed",
        "rvh-auto: entropy = 16",
        f"rvh-auto: serial = rvh-{label}",
        "rvh-auto: disk of 131072 sectors",
        *(["rvh-auto: kept = noise.OK"] if run > 1 else []),
        "rvh-auto: written = noise.OK",
        f"rvh-auto: run {run}",
        *(f"rvh-auto: ping {peer} = 3" for peer in PEERS[label]),
        "rvh-auto: pass",
    ]


def on_disk(disk: Path, name: str) -> str:
    """A file in the image, as the host sees it; the file system has to be clean."""
    checker, reader = (shutil.which(tool, path=E2FS) for tool in ("e2fsck", "debugfs"))
    if not checker or not reader:
        pytest.skip("e2fsprogs is not installed")
    done = subprocess.run([checker, "-f", "-n", disk], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return subprocess.run([reader, "-R", f"cat {name}", disk], capture_output=True, text=True).stdout


def test_two_debians_and_a_small_guest(example):
    """Twice: the second run finds what the first one wrote."""
    for run in (1, 2):
        done = rvh_run(example, seconds=900)
        assert done.returncode == 0, tail(done)
        for label in PEERS:
            assert checks(done.stdout, label) == expected(label, run), done.stdout[-4000:]
            disk = example.parent / "debian" / f"{label}.ext4"
            assert on_disk(disk, "/var/lib/rvh/note") == f"{label} wrote this in run {run}\n"
        for peer in ("10.0.0.1", "10.0.0.2"):
            assert f"[small] ping {peer}: 3 of 3 answered" in done.stdout


def test_a_debian_reboots_and_ends_in_a_shell(tmp_path, files):
    """`reboot` in the guest loads the VM anew, with what it wrote; without rvh.auto there is a prompt that takes
    commands, and one of them switches off."""
    disk = tmp_path / "root.ext4"
    shutil.copyfile(files["root.ext4"], disk)
    description = tmp_path / "vm.toml"
    head = f'[[vm]]\nname = "v"\nkernel = "{files["Image"]}"\ninitrd = "{files["initramfs-modules.cpio"]}"\nvcpus = 2\n'
    words = "console=ttyS0 quiet root=/dev/vda hostname=v rvh.auto rvh.reboot"
    description.write_text(f'{head}disk = "{disk}"\nappend = "{words}"\n')
    done = rvh_run(description)
    assert done.returncode == 0, tail(done)
    assert "[hv] v: restarts" in done.stdout
    runs = [line for line in checks(done.stdout, "v") if line.startswith("rvh-auto: run")]
    assert runs == ["rvh-auto: run 1", "rvh-auto: run 2"]
    assert on_disk(disk, "/var/lib/rvh/runs") == "2\n"


def test_a_disk_that_fails_gives_io_errors_in_linux(tmp_path, files):
    """A read-only disk: the root is mounted read-only on request, and a write is refused by the guest's kernel."""
    description = tmp_path / "vm.toml"
    head = f'[[vm]]\nname = "v"\nkernel = "{files["Image"]}"\ninitrd = "{files["initramfs-modules.cpio"]}"\n'
    words = "console=ttyS0 quiet root=/dev/vda ro hostname=v rvh.auto"
    description.write_text(f'{head}disk = "{files["root.ext4"]}"\nreadonly = true\nappend = "{words}"\n')
    before = files["root.ext4"].read_bytes()
    done = rvh_run(description)
    lines = checks(done.stdout, "v")
    assert "rvh-auto: root = /dev/vda ext4 ro" in lines
    assert any(line.startswith("rvh-auto: FAIL: root") for line in lines), lines
    assert "Read-only file system" in done.stdout
    assert files["root.ext4"].read_bytes() == before


# ---- QEMU

QEMU_MACHINE = ["-cpu", "rv64,h=true", "-smp", "2", "-m", "1024M", "-nographic"]


def qemu_firmware() -> str:
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed")
    for path in FIRMWARE:
        if os.path.isfile(path):
            return path
    pytest.skip("no OpenSBI fw_dynamic.bin is installed")


def test_the_same_image_runs_two_debians_on_qemu(tmp_path, example):
    """The hypervisor under OpenSBI on QEMU, with QEMU's own virtio disks: the guests' lines are those that they print
    here."""
    firmware = qemu_firmware()
    # Slot n of QEMU's virt is at 0x10001000 + n * 0x1000; the hypervisor counts disks by address.
    devices: list[str] = ["-global", "virtio-mmio.force-legacy=false"]
    for n, label in enumerate(PEERS):
        disk = example.parent / "debian" / f"{label}.ext4"
        devices += ["-drive", f"file={disk},format=raw,if=none,id=d{n}"]
        devices += ["-device", f"virtio-blk-device,drive=d{n},bus=virtio-mmio-bus.{n}"]
    devices += ["-device", "virtio-rng-device,bus=virtio-mmio-bus.2"]
    blob = tmp_path / "virt.dtb"
    subprocess.run([QEMU, "-M", f"virt,dumpdtb={blob}", *QEMU_MACHINE], check=True, capture_output=True, timeout=60)
    specs = vms.load_toml(str(example)).vms
    plan = vms.plan_hypervisor(
        dtb.parse(blob.read_bytes()), RAM_BASE, RAM - (64 << 20), firmware, str(image("hv")), specs
    )
    command = [QEMU, "-M", "virt", *QEMU_MACHINE, *devices, "-bios", firmware, "-kernel", str(image("hv"))]
    command += qemu_loads(tmp_path, plan, firmware)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=1500
    )
    assert done.returncode == 0, tail(done)
    for label in PEERS:
        assert checks(done.stdout, label) == expected(label, 1), done.stdout[-4000:]
        disk = example.parent / "debian" / f"{label}.ext4"
        assert on_disk(disk, "/var/lib/rvh/note") == f"{label} wrote this in run 1\n"
    verdicts = re.findall(r"^\[hv\] (\w+): (off: .*)", done.stdout, re.M)
    assert sorted(verdicts) == [(name, "off: it powered off") for name in ("left", "right", "small")]
