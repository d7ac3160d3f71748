"""Measures of the hypervisor, for ``tools/bench.py``: what guests, exits and devices cost on rvh, and on QEMU with
the same firmware, hypervisor and guests.

A case is a guest that does something n times. It runs with n and with 0, and the difference is what n times cost:
start-up, boot and power-off fall out. Instructions are those that all harts retired on rvh, in guest, hypervisor and
firmware. On QEMU the modules are loaded where ``rvh.vms`` plans them, so both machines boot the same bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
import crossbuild  # noqa: E402
import debian  # noqa: E402
from benchlib import BenchError, Machine, Run, execute, progress  # noqa: E402

from rvh import dtb, vms  # noqa: E402

GUESTS = ROOT / "tools" / "bench" / "hv"
OUTPUT = ROOT / "build" / "bench"
RAM_BASE, MIB = 0x8000_0000, 1 << 20
#: QEMU puts its own device tree near the top of RAM; modules stay below.
TOP_MIB = 64
OPENSBI = (
    "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin",
    "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
)
DISK_MIB = 64
#: Frames of the network case (Ethernet without FCS), and bytes of a request.
FRAME, SEQUENTIAL, RANDOM = 1514, 128 << 10, 4 << 10


@dataclass(frozen=True)
class Setup:
    """A machine with the hypervisor: harts, MiB of RAM, VMs (TOML keys of each), disk images in order."""

    guests: tuple[dict[str, object], ...]
    harts: int = 1
    memory: int = 256
    disks: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Case:
    """Something a guest does n times: its name, n at scale 1, the machine for n times, bytes moved by one."""

    name: str
    count: int
    setup: Callable[[int], Setup]
    size: int = 0


def opensbi() -> Path:
    """The installed OpenSBI that rvh and QEMU both start with. Raises BenchError if there is none."""
    for path in (*map(Path, OPENSBI), debian.cache_dir() / "fw_dynamic.bin"):
        if path.is_file():
            return path
    raise BenchError("no OpenSBI: install Debian's package opensbi, or run tools/debian.py")


def build(name: str) -> Path:
    """One of the guests in tools/bench/hv/, or the hypervisor; its ELF file. Raises BenchError."""
    lib, driver = ROOT / "guests" / "lib", ROOT / "guests" / "blk"
    sources = [*sorted(lib.glob("*.c")), *sorted(lib.glob("*.S")), GUESTS / f"{name}.c"]
    include = [lib, GUESTS]
    if name == "disk":
        sources.append(driver / "disk.c")
        include.append(driver)
    headers = tuple(header for folder in include for header in sorted(folder.glob("*.h")))
    made = crossbuild.Image(f"bench-{name}", tuple(sources), headers, lib / "guest.ld", tuple(include))
    hypervisor = next(image for image in crossbuild.firmware_images() if image.name == "hv")
    try:
        if name == "hv":
            return crossbuild.build_image(hypervisor, crossbuild.DEFAULT_OUT)
        return crossbuild.build_image(made, OUTPUT)
    except crossbuild.BuildError as error:
        raise BenchError(" ".join(str(error).split())[:400]) from error


def description(setup: Setup, folder: Path) -> Path:
    """The setup as a TOML file in that folder."""
    lines = ["[machine]", f"harts = {setup.harts}", f'memory = "{setup.memory}M"']
    for guest in setup.guests:
        lines.append("[[vm]]")
        for key, value in guest.items():
            said = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
            lines.append(f"{key} = {said}")
    path = folder / "vms.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def on_rvh(machine: Machine, setup: Setup, folder: Path) -> list[str]:
    """Command line of rvh for a setup."""
    firmware = ["--firmware", str(opensbi()), "--hypervisor", str(build("hv"))]
    return [*machine.program, *firmware, str(description(setup, folder))]


def on_qemu(machine: Machine, setup: Setup, folder: Path) -> list[str]:
    """Command line of QEMU's virt for a setup, with the modules as files in that folder. Raises BenchError."""
    firmware, hypervisor = str(opensbi()), str(build("hv"))
    options = ["-cpu", "rv64,h=true", "-smp", str(setup.harts), "-m", f"{setup.memory}M", "-nographic"]
    blob = folder / "virt.dtb"
    dump = [*machine.program, "-M", f"virt,dumpdtb={blob}", *options]
    done = subprocess.run(dump, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise BenchError(f"QEMU cannot make the machine: {(done.stderr or done.stdout).strip()[-200:]}")
    specs = vms.load_toml(str(description(setup, folder))).vms
    room = (setup.memory - TOP_MIB) * MIB
    plan = vms.plan_hypervisor(dtb.parse(blob.read_bytes()), RAM_BASE, room, firmware, hypervisor, specs)
    command = [*machine.program, "-M", "virt", *options, "-bios", firmware, "-kernel", hypervisor]
    command += ["-global", "virtio-mmio.force-legacy=false"]
    for number, disk in enumerate(setup.disks):
        command += ["-drive", f"file={disk},format=raw,if=none,id=d{number}"]
        command += ["-device", f"virtio-blk-device,drive=d{number},bus=virtio-mmio-bus.{number}"]
    for number, load in enumerate(plan.loads):
        if load.name in (firmware, hypervisor, "fw_dynamic_info"):
            continue
        path = folder / f"load{number}"
        path.write_bytes(load.data)
        is_tree = load.name == "the device tree"
        at = ["-dtb", str(path)] if is_tree else ["-device", f"loader,file={path},addr={load.address:#x},force-raw=on"]
        command += at
    return command


def run(machine: Machine, setup: Setup, verdict: str, limit: float = 600.0) -> Run:
    """One run of a setup on rvh or QEMU; the verdict has to be on its output."""
    with tempfile.TemporaryDirectory(prefix="rvh-bench-") as name:
        command = (on_rvh if machine.name == "rvh" else on_qemu)(machine, setup, Path(name))
        return execute(command, verdict, limit)


# ---- the cases


def exit_cases() -> list[Case]:
    """The causes of exits that tools/bench/hv/exits.c knows."""
    counts = {
        "sbi": 200_000, "set-timer": 200_000, "wfi": 200_000, "plic-load": 200_000, "plic-store": 100_000,
        "uart-load": 200_000, "uart-store": 200_000, "virtio-load": 200_000, "virtio-store": 200_000,
        "touch": 200, "timer": 200_000, "timer-wfi": 20_000, "ipi": 20_000,
    }  # fmt: skip
    kernel = build("exits")

    def case(cause: str, count: int) -> Case:
        two = cause == "ipi"
        large = cause == "touch"

        def setup(n: int) -> Setup:
            guest = {
                "kernel": kernel, "memory": "448M" if large else "64M", "vcpus": 2 if two else 1,
                "append": f"cause={cause} n={n}",
            }  # fmt: skip
            return Setup((guest,), harts=2 if two else 1, memory=768 if large else 256)

        return Case(cause, count, setup)

    return [case(cause, count) for cause, count in counts.items()]


def io_cases(disk: Path) -> list[Case]:
    """Disk and network throughput. The disk's sectors begin with their number, as tools/bench/hv/disk.c wants."""
    kernel, station = build("disk"), build("net")

    def disk_case(mode: str, size: int, random: bool, count: int) -> Case:
        def setup(n: int) -> Setup:
            words = f"mode={mode} size={size} random={int(random)} n={n}"
            return Setup(({"kernel": kernel, "memory": "64M", "append": words, "disk": disk},), disks=(disk,))

        return Case(f"{mode}-{'random' if random else 'sequential'}", count, setup, size)

    def net(n: int) -> Setup:
        guests = [
            {"name": role, "kernel": station, "memory": "64M", "net": True, "append": f"role={role} n={n}"}
            for role in ("receive", "send")
        ]
        return Setup(tuple(guests), harts=2, memory=512)

    return [
        disk_case("read", SEQUENTIAL, False, 8_000),
        disk_case("write", SEQUENTIAL, False, 8_000),
        disk_case("read", RANDOM, True, 20_000),
        disk_case("write", RANDOM, True, 20_000),
        Case("net", 50_000, net, FRAME),
    ]


def make_disk(path: Path) -> None:
    """A disk image whose sectors begin with their number, 64 bits, little-endian."""
    with open(path, "wb") as image:
        for sector in range(DISK_MIB * MIB // 512):
            image.write(sector.to_bytes(8, "little").ljust(512, b"\0"))


# ---- measuring


def differences(cases: list[Case], machines: list[Machine], rounds: int, scale: float) -> list[dict]:
    """Each case with n and 0 times on each machine in turn: by machine, medians of what one time costs or a failure.

    ``user_ns``, ``wall_ns`` and on rvh ``instructions``, each for one time.
    """
    table = []
    for case in cases:
        count = max(1, round(case.count * scale)) if case.name != "touch" else case.count
        pairs: dict[str, list[tuple[Run, Run]]] = {machine.name: [] for machine in machines}
        entry: dict = {"name": case.name, "count": count, "size": case.size, "machines": {}}
        for number in range(rounds):
            for machine in machines:
                progress(f"round {number + 1}/{rounds}: {case.name} on {machine.name}")
                without, with_n = (run(machine, case.setup(n), "bench: ok", 60) for n in (0, count))
                pairs[machine.name].append((without, with_n))
        for name, runs in pairs.items():
            failed = [one.failure for pair in runs for one in pair if one.failure]
            if failed:
                entry["machines"][name] = {"failure": failed[0]}
                continue
            row = {
                "user_ns": median(max(b.seconds - a.seconds, 0.0) for a, b in runs) / count * 1e9,
                "wall_ns": median(max(b.wall - a.wall, 0.0) for a, b in runs) / count * 1e9,
            }
            a, b = runs[0]
            if a.instructions and b.instructions:
                row["instructions"] = (b.instructions - a.instructions) / count
            entry["machines"][name] = row
        table.append(entry)
    progress("")
    return table


def measure_exits(machines: list[Machine], rounds: int, scale: float) -> list[dict]:
    """What an exit costs, by cause."""
    return differences(exit_cases(), hosts(machines), rounds, scale)


def measure_io(machines: list[Machine], rounds: int, scale: float) -> list[dict]:
    """What a request to the disk and a frame to another guest cost."""
    with tempfile.TemporaryDirectory(prefix="rvh-bench-") as name:
        disk = Path(name) / "disk.img"
        make_disk(disk)
        return differences(io_cases(disk), hosts(machines), rounds, scale)


def measure_guests(machines: list[Machine], rounds: int) -> list[dict]:
    """Debian to its prompt, and through its self-check, each to power-off: bare on rvh and as a guest, 1 and 2 CPUs.

    Raises BenchError if the images cannot be brought.
    """
    try:
        files = debian.bring()
    except debian.DebianError as error:
        raise BenchError(f"--guests: {error}") from error
    table = []
    kernel, initrd = files["Image"], files["initramfs.cpio"]
    for word, verdict in (("rvh.prompt", "rvh:/"), ("rvh.auto", debian.AUTO_PASS)):
        for cpus in (1, 2):
            words = f"console=ttyS0 quiet {word}"
            guest = {"kernel": kernel, "initrd": initrd, "append": words, "memory": "512M", "vcpus": cpus}
            setup = Setup((guest,), harts=cpus, memory=768)
            runs: dict[str, list[Run]] = {}
            for number in range(rounds):
                for machine in hosts(machines):
                    progress(f"round {number + 1}/{rounds}: {word} with {cpus} CPUs on {machine.name}")
                    if machine.name == "rvh":
                        options = ["--bare", str(opensbi()), "--memory", "512M", "--harts", str(cpus)]
                        options += ["--kernel", str(kernel), "--initrd", str(initrd), "--append", words]
                        runs.setdefault("bare", []).append(execute([*machine.program, *options], verdict))
                    runs.setdefault(machine.name, []).append(run(machine, setup, verdict))
            entry: dict = {"name": word, "cpus": cpus, "machines": {}}
            for name, made in runs.items():
                failed = [one.failure for one in made if one.failure]
                row: dict = {"user_seconds": median(r.seconds for r in made), "wall": median(r.wall for r in made)}
                entry["machines"][name] = {"failure": failed[0]} if failed else row
                if made[0].instructions:
                    row["instructions"] = made[0].instructions
            table.append(entry)
    progress("")
    return table


def hosts(machines: list[Machine]) -> list[Machine]:
    """Those that can run the hypervisor. Raises BenchError if there is none."""
    found = [machine for machine in machines if machine.name in ("rvh", "qemu") and shutil.which(machine.program[0])]
    if not found:
        raise BenchError("neither rvh-run nor qemu-system-riscv64 to run the hypervisor on")
    return found


# ---- tables


def failures(table: list[dict]) -> list[str]:
    """One line for each thing that failed."""
    return [
        f"{entry['name']} failed on {name}: {row['failure']}"
        for entry in table
        for name, row in entry["machines"].items()
        if "failure" in row
    ]


def _cell(value: float | None, width: int, digits: int = 0) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width},.{digits}f}"


def _ratio(entry: dict, key: str) -> float | None:
    """How many times QEMU's speed."""
    ours, theirs = (entry["machines"].get(name, {}).get(key) for name in ("rvh", "qemu"))
    return theirs / ours if ours and theirs else None


def print_exits(table: list[dict]) -> None:
    """Instructions and ns of one exit by cause."""
    print(f"{'exit':14}{'count':>9}{'insns':>9}{'rvh ns':>9}{'qemu ns':>9}{'rvh/qemu':>9}")
    for entry in table:
        rvh, qemu = (entry["machines"].get(name, {}) for name in ("rvh", "qemu"))
        line = f"{entry['name']:14}{entry['count']:9,}{_cell(rvh.get('instructions'), 9)}"
        line += f"{_cell(rvh.get('user_ns'), 9)}{_cell(qemu.get('user_ns'), 9)}{_cell(_ratio(entry, 'user_ns'), 9, 2)}"
        print(line)
    print("one exit with the guest's loop around it, user CPU; ipi: there and back between two waiting vCPUs")


def print_io(table: list[dict]) -> None:
    """MB and requests a second."""
    head = f"{'io':18}{'bytes':>8}{'insns':>9}"
    for name in ("rvh", "qemu"):
        head += f"{name + ' MB/s':>11}{'1/s':>9}{'by CPU':>9}"
    print(f"{head}{'rvh/qemu':>10}{'by CPU':>8}")
    for entry in table:
        size = entry["size"]
        instructions = entry["machines"].get("rvh", {}).get("instructions")
        line = f"{entry['name']:18}{size:8,}{_cell(instructions, 9)}"
        for name in ("rvh", "qemu"):
            row = entry["machines"].get(name, {})
            wall, user = row.get("wall_ns"), row.get("user_ns")
            line += _cell(size / wall * 1e3 if wall else None, 11, 1) + _cell(1e9 / wall if wall else None, 9)
            line += _cell(1e9 / user if user else None, 9)
        print(line + _cell(_ratio(entry, "wall_ns"), 10, 2) + _cell(_ratio(entry, "user_ns"), 8, 2))
    print("MB/s and requests or frames a second of wall clock; by CPU: requests a second of user CPU")


def print_guests(table: list[dict]) -> None:
    """Instructions and seconds of a Linux guest."""
    print(
        f"{'linux':11}{'CPUs':>5}{'bare M':>9}{'guest M':>9}{'ratio':>7} goal{'rvh s':>8}{'qemu s':>8}{'rvh/qemu':>9}"
    )
    for entry in table:
        bare, rvh, qemu = (entry["machines"].get(name, {}) for name in ("bare", "rvh", "qemu"))
        counts = [row.get("instructions") for row in (bare, rvh)]
        line = f"{entry['name']:11}{entry['cpus']:5}"
        line += "".join(_cell(count / 1e6 if count else None, 9) for count in counts)
        line += _cell(counts[1] / counts[0] if all(counts) else None, 7, 2) + " 1.25"
        line += _cell(rvh.get("user_seconds"), 8, 2) + _cell(qemu.get("user_seconds"), 8, 2)
        print(line + _cell(_ratio(entry, "user_seconds"), 7, 2))
    print("million instructions bare and as a guest on rvh; user CPU seconds of the guest's run on rvh and on QEMU")
