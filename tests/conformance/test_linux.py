"""Unmodified Debian software: OpenSBI and the kernel with a busybox initramfs whose /init checks the machine, bare and
as a guest of the hypervisor. Skipped where apt cannot bring the images.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from images import debian, image, rvh_run, tail

from rvh import Machine, boot, vms

APPEND = "console=ttyS0 rvh.auto"
PASS = "rvh-auto: pass"


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    return debian()


def boot_linux(files: dict[str, Path], firmware: str, harts: int):
    return rvh_run(
        "--bare", files[firmware], "--kernel", files["Image"], "--initrd", files["initramfs.cpio"],
        "--append", APPEND, "--harts", harts, "--memory", "512M",
    )  # fmt: skip


@pytest.mark.parametrize("firmware, harts", [("fw_jump.elf", 1), ("fw_jump.bin", 4), ("fw_dynamic.bin", 2)])
def test_linux_boots_and_powers_off(files, firmware, harts):
    done = boot_linux(files, firmware, harts)
    assert done.returncode == 0, tail(done)
    assert "OpenSBI v" in done.stdout
    assert PASS in done.stdout.splitlines(), tail(done)
    assert f"rvh-auto: nproc = {harts}" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("rvh-run: the machine powered off")


def test_linux_is_a_guest_of_the_hypervisor(files):
    done = rvh_run(
        files["Image"], "--initrd", files["initramfs.cpio"], "--append", APPEND, "--vcpus", 2, "--vm-memory", "256M",
    )  # fmt: skip
    assert done.returncode == 0, tail(done)
    (name,) = {line.split("]")[0][1:] for line in done.stdout.splitlines() if PASS in line}
    lines = [line.removeprefix(f"[{name}] ") for line in done.stdout.splitlines()]
    assert "rvh-auto: nproc = 2" in lines
    assert f"[hv] {name}: off: it powered off" in done.stdout
    for said in ("SBI specification v3.0 detected", "riscv-pmu-sbi: 16 firmware and 2 hardware counters",
                 "riscv-pmu-sbi: SBI PMU snapshot detected", "suspend: SBI SUSP extension detected"):  # fmt: skip
        assert any(said in line for line in lines), said


def test_linux_finds_vectors_bare_and_as_a_guest(files):
    """V in the kernel's list of what programs may use (AT_HWCAP), and its registers of 256 bits."""
    kernel = ("--initrd", files["initramfs.cpio"], "--append", APPEND, "--isa", "max_v_zvl256b")
    bare = rvh_run("--bare", files["fw_jump.elf"], "--kernel", files["Image"], *kernel, "--memory", "512M")
    guest = rvh_run(files["Image"], *kernel, "--vm-memory", "256M")
    for done in (bare, guest):
        assert done.returncode == 0 and PASS in done.stdout, tail(done)
        assert "riscv: ELF capabilities acdfimv" in done.stdout, tail(done)


def test_linux_as_a_guest_suspends_to_ram_until_a_key_is_pressed(files):
    output = bytearray()
    m = Machine(harts=2, ram=512 << 20, console=output.extend)
    linux = vms.VmSpec(
        "linux", str(files["Image"]), 256 << 20, 2, initrd=str(files["initramfs.cpio"]), append="console=ttyS0"
    )
    plan = vms.plan_hypervisor(
        m.device_tree(), 0x8000_0000, 512 << 20, str(image("sbi")), str(image("hv")), [linux]
    )  # fmt: skip
    for load in plan.loads:
        m.store(load.address, load.data, load.size)
    m.start(plan.entry, plan.dtb_address, plan.info_address)

    def goes_on_until(text: bytes) -> str:
        return m.run(max_insns=6_000_000_000, until=lambda _: text in output).kind

    assert goes_on_until(b"rvh:/#") == "until"
    m.console_feed(b"echo mem > /sys/power/state; echo resumed $?; nproc; poweroff -f\n")
    # Nothing is left to happen: only the host can wake it.
    assert goes_on_until(b"PM: suspend exit") == "idle", output[-1000:].decode()
    m.console_feed(b"\n")
    stop = m.run(max_insns=6_000_000_000)
    lines = output.decode(errors="replace").replace("\r", "").split("\n")
    assert stop.kind == "pass", output[-1000:].decode()
    assert lines.index("[linux] resumed 0") < lines.index("[linux] 2")
    assert any("CPU1: off" in line for line in lines) and any("CPU1 is up" in line for line in lines)


def machine(files: dict[str, Path], harts: int) -> Machine:
    """A machine with OpenSBI, the kernel and the initramfs in RAM."""
    machine = Machine(harts=harts, ram=256 << 20)
    plan = boot.plan_bare(
        machine.device_tree(), 0x8000_0000, 256 << 20, str(files["fw_jump.elf"]), str(files["Image"]),
        str(files["initramfs.cpio"]), APPEND,
    )  # fmt: skip
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)
    return machine


def test_two_boots_give_the_same_digest_however_they_are_cut(files):
    digests = set()
    for stretches in ([200_000_000], [1, 999_999, 49_000_000, 77_777_777, 72_222_223]):
        linux = machine(files, harts=2)
        for n in stretches:
            assert linux.run(max_insns=n).kind == "limit"
        assert linux.instructions > 150_000_000
        digests.add(linux.digest())
    assert len(digests) == 1


def test_two_hypervisor_runs_give_the_same_digest():
    digests = set()
    for _ in range(2):
        output = bytearray()
        m = Machine(harts=2, ram=512 << 20, console=output.extend)
        specs = [vms.VmSpec(name, str(image(name)), 64 << 20, 2) for name in ("hello", "timer", "smp")]
        plan = vms.plan_hypervisor(
            m.device_tree(), 0x8000_0000, 512 << 20, str(image("sbi")), str(image("hv")), specs
        )  # fmt: skip
        for load in plan.loads:
            m.store(load.address, load.data, load.size)
        m.start(plan.entry, plan.dtb_address, plan.info_address)
        assert m.run(max_insns=20_000_000).kind == "limit"
        digests.add((m.digest(), hashlib.sha256(output).hexdigest()))
    assert len(digests) == 1
