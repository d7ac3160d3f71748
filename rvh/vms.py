"""The VMs of a run under the hypervisor: from arguments or a TOML file to checked `VmSpec`s, and from these
to modules in RAM and nodes under /chosen that the hypervisor reads.

A TOML file looks like this; paths are relative to it, and everything but `kernel` may be left out::

    [machine]
    harts = 2
    memory = "512M"
    overcommit = false

    [[vm]]
    name = "debian"
    kernel = "Image"
    initrd = "initramfs.cpio"
    append = "console=ttyS0"
    memory = "256M"
    vcpus = 2
    disk = "root.img"
    readonly = false
    snapshot = false
    console = "uart"
    net = true
    trace_sbi = false
    weight = 256
    cap = 50
    harts = [0, 1]
    autostart = true
    balloon = "0"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import dtb, elf
from .boot import KERNEL_OFFSET, Plan, Planner
from .devices.virtio.backends import DiskSpec
from .errors import InputError, UsageError, read_file
from .placement import MIB, size_words
from .platform_dt import Chosen

__all__ = ["Description", "VmSpec", "from_files", "load_toml", "parse_size", "plan_hypervisor"]

#: Limits of the hypervisor (firmware/platform.h).
MAX_VMS, MAX_VCPUS, MAX_HARTS = 16, 8, 64
#: Of the hypervisor's scheduler (firmware/share.h).
DEFAULT_WEIGHT, MAX_WEIGHT, MAX_CAP = 256, 65535, 100 * MAX_VCPUS
MIN_MEMORY, MAX_MEMORY = 2 * MIB, 1 << 40
LABEL = re.compile(r"[a-z0-9_-]{1,15}")
CONSOLES = ("uart", "virtio")
GUEST_RAM = 0x8000_0000
#: Largest kernel file that is looked at, debug information included.
MAX_KERNEL = 1 << 32
DEFAULT_MEMORY, DEFAULT_LINUX_MEMORY = 64 * MIB, 256 * MIB
#: RAM for the firmware, the hypervisor and its tables, beside the VMs and their modules.
OVERHEAD = 32 * MIB
#: Room at the top of a VM's memory for its device tree, which holds the boot arguments (firmware/loader.c).
GUEST_TREE = 64 << 10
MAX_APPEND = GUEST_TREE // 2
MAX_PARTITION = 1024
#: Largest pages that a VM's memory is mapped with.
PAGES = ("2M", "1G")
SERIAL = re.compile(r"[!-~]{1,20}")
SIZE = re.compile(r"(\d{1,20})\s*([kmgt]?)(i?b)?", re.IGNORECASE)


def parse_size(text: str | int, what: str = "size", at_least: int = 0x1000, at_most: int = MAX_MEMORY) -> int:
    """Bytes from ``"256M"``, ``"1GiB"`` or a plain number of bytes; whole pages. Raises `UsageError`."""
    match = SIZE.fullmatch(str(text).strip())
    if not match or isinstance(text, bool):
        raise UsageError(f"{what}: {text!r} is not a size such as 256M")
    size = int(match[1]) << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[match[2].lower()]
    if not at_least <= size <= at_most:
        raise UsageError(f"{what}: {text} is not between {size_words(at_least)} and {size_words(at_most)}")
    if size % 0x1000:
        raise UsageError(f"{what}: {text} is not a whole number of 4 KiB pages")
    return size


@dataclass
class VmSpec:
    """One VM. `memory` is in bytes, `disk` the path of a raw image, `readonly` and `snapshot` are about it: an image
    without either is the VM's alone; `serial` is the disk's, `partition` (from 1) the part of the image that the VM
    gets. `net` gives it a network card; `trace_sbi` makes the hypervisor say each of its SBI calls. Without
    `autostart` it is off until the monitor starts it. `weight`, `cap` (percent of a hart, 0: none) and `harts`
    (numbers, empty: all) are for the hypervisor's scheduler. `balloon` gives it a balloon, and
    says how many bytes of its memory it is to give up at first.
    """

    name: str
    kernel: str
    memory: int
    vcpus: int = 1
    initrd: str | None = None
    append: str | None = None
    disk: str | None = None
    console: str = "uart"
    readonly: bool = False
    snapshot: bool = False
    net: bool = False
    trace_sbi: bool = False
    weight: int = DEFAULT_WEIGHT
    cap: int = 0
    harts: tuple[int, ...] = ()
    autostart: bool = True
    serial: str | None = None
    partition: int | None = None
    pages: str = "2M"
    balloon: int | None = None


@dataclass
class Description:
    """What a TOML file says: the VMs, and options of the machine (harts, memory, clock) that it sets."""

    vms: list[VmSpec]
    machine: dict[str, Any] = field(default_factory=dict)


def check_guest(path: str, memory: int, initrd: str | None = None) -> None:
    """Refuses a kernel, or an initrd, that the hypervisor could not load into that much memory.

    Raises `InputError`.
    """
    data = read_file(path, MAX_KERNEL)
    if not data:
        raise InputError(path, "is empty")
    if not elf.is_elf(data) and not elf.is_linux_image(data):
        if data[:2] == b"\x1f\x8b":
            raise InputError(path, "is compressed with gzip: unpack it first")
        raise InputError(path, "is neither an ELF file nor a Linux Image")
    program = elf.load_bytes(data, path, GUEST_RAM, memory)
    if program.kind == "pie":
        raise InputError(path, "is position-independent; a guest kernel has to be linked to its address")
    left = GUEST_RAM + memory - GUEST_TREE - program.end
    if left < 0:
        raise InputError(path, f"leaves no room for the device tree in {size_words(memory)} of memory")
    if initrd is not None and len(read_file(initrd)) > left // 0x1000 * 0x1000:
        raise InputError(initrd, f"does not fit beside the kernel into {size_words(memory)} of memory")


def default_memory(kernel: str) -> int:
    """Memory of a VM that states none: more for Linux."""
    if not os.path.isfile(kernel):
        return DEFAULT_MEMORY  # opening a FIFO would wait for a writer
    try:
        with open(kernel, "rb") as file:
            head = file.read(elf.IMAGE_HEADER_SIZE)
    except OSError:
        return DEFAULT_MEMORY  # the reason why it cannot be read is found where it is loaded
    return DEFAULT_LINUX_MEMORY if elf.is_linux_image(head) else DEFAULT_MEMORY


def label_for(path: str, taken: Iterable[str]) -> str:
    """A label made from a file's name, unlike the ones already taken."""
    stem = os.path.basename(path).partition(".")[0].lower()
    base = re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-")[:15] or "vm"
    names, label, number = set(taken), base, 1
    while label in names:
        number += 1
        label = f"{base[: 15 - len(str(number))]}{number}"
    return label


def from_files(
    kernels: Sequence[str],
    vcpus: int = 1,
    memory: int | None = None,
    initrd: str | None = None,
    append: str | None = None,
    disks: Sequence[DiskSpec] = (),
    net: bool = False,
) -> list[VmSpec]:
    """One VM for each kernel, all with the same options; the n-th disk is the n-th VM's."""
    if len(kernels) > MAX_VMS:
        raise UsageError(f"{len(kernels)} VMs are more than the {MAX_VMS} that the hypervisor takes")
    if len(disks) > len(kernels):
        raise UsageError(f"{len(disks)} disks for {len(kernels)} VM{'s' * (len(kernels) > 1)}")
    if not 1 <= vcpus <= MAX_VCPUS:
        raise UsageError(f"--vcpus: a VM has 1 to {MAX_VCPUS} vCPUs, not {vcpus}")
    vms: list[VmSpec] = []
    for index, kernel in enumerate(kernels):
        vms.append(
            VmSpec(
                label_for(kernel, [vm.name for vm in vms]),
                kernel,
                memory or default_memory(kernel),
                vcpus,
                initrd,
                append,
                **(_disk_fields(disks[index]) if index < len(disks) else {}),
                net=net,
            )
        )
    return vms


def _disk_fields(disk: DiskSpec) -> dict[str, Any]:
    return {"disk": disk.path, "readonly": disk.readonly, "snapshot": disk.snapshot}


VM_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "kernel": str,
    "initrd": str,
    "append": str,
    "memory": (str, int),
    "vcpus": int,
    "disk": str,
    "readonly": bool,
    "snapshot": bool,
    "console": str,
    "net": bool,
    "trace_sbi": bool,
    "weight": int,
    "cap": int,
    "harts": list,
    "serial": str,
    "partition": int,
    "pages": str,
    "balloon": (str, int),
    "autostart": bool,
}
MACHINE_KEYS: dict[str, type | tuple[type, ...]] = {
    "harts": int,
    "memory": (str, int),
    "clock": str,
    "overcommit": bool,
}
WORDS = {str: "a string", int: "a number", list: "a list", (str, int): "a size", bool: "true or false"}


def load_toml(path: str) -> Description:
    """Reads and checks a description. Raises `InputError` naming the file and the place in it."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef]

    try:
        tables = tomllib.loads(read_file(path, MIB).decode())
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(path, f"is not valid TOML: {error}") from None
    for key in tables:
        if key not in ("machine", "vm"):
            raise InputError(path, f"unknown table or key {key!r}; there are [machine] and [[vm]]")
    machine = tables.get("machine", {})
    entries = tables.get("vm", [])
    if not isinstance(machine, dict):
        raise InputError(path, "machine is not a table: write [machine]")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(path, "vm is not a list of tables: write [[vm]]")
    if not entries:
        raise InputError(path, "describes no VM: there is no [[vm]] in it")
    if len(entries) > MAX_VMS:
        raise InputError(path, f"describes {len(entries)} VMs; the hypervisor takes {MAX_VMS}")
    _check_keys(path, "[machine]", machine, MACHINE_KEYS)
    vms: list[VmSpec] = []
    for number, entry in enumerate(entries, 1):
        vms.append(_vm(path, f"vm {number}", entry, [vm.name for vm in vms]))
    return Description(vms, machine)


def _check_keys(path: str, where: str, table: dict[str, Any], keys: dict[str, Any]) -> None:
    for key, value in table.items():
        if key not in keys:
            raise InputError(path, f"{where}: unknown key {key!r}; known are {', '.join(keys)}")
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and keys[key] is not bool):
            raise InputError(path, f"{where}: {key} is not {WORDS[keys[key]]}")


def _vm(path: str, where: str, entry: dict[str, Any], taken: list[str]) -> VmSpec:
    _check_keys(path, where, entry, VM_KEYS)
    if "kernel" not in entry:
        raise InputError(path, f"{where}: has no kernel")
    for key in ("kernel", "initrd", "append", "disk"):
        if "\0" in entry.get(key, ""):
            raise InputError(path, f"{where}: {key} holds a NUL character")
    directory = os.path.dirname(path)

    def beside(key: str) -> str | None:
        return os.path.join(directory, entry[key]) if key in entry else None

    kernel = beside("kernel")
    assert kernel is not None
    name = entry.get("name") or label_for(kernel, taken)
    if not LABEL.fullmatch(name):
        raise InputError(path, f"{where}: name {name!r} is not 1 to 15 characters out of a-z 0-9 _ -")
    if name in taken:
        raise InputError(path, f"{where}: there is already a VM called {name!r}")
    vcpus = entry.get("vcpus", 1)
    if not 1 <= vcpus <= MAX_VCPUS:
        raise InputError(path, f"{where}: vcpus is {vcpus}, not 1 to {MAX_VCPUS}")
    console = entry.get("console", "uart")
    if console not in CONSOLES:
        raise InputError(path, f"{where}: console is {console!r}, not one of {', '.join(CONSOLES)}")
    try:
        memory = parse_size(entry["memory"], "memory", MIN_MEMORY) if "memory" in entry else default_memory(kernel)
    except UsageError as error:
        raise InputError(path, f"{where}: {error}") from None
    for key in ("readonly", "snapshot"):
        if entry.get(key) and "disk" not in entry:
            raise InputError(path, f"{where}: is {key} but has no disk")
    pages = entry.get("pages", "2M")
    if pages not in PAGES:
        raise InputError(path, f"{where}: pages is {pages!r}, not one of {', '.join(PAGES)}")
    balloon = None
    if "balloon" in entry:
        try:
            balloon = parse_size(entry["balloon"], "balloon", 0, memory)
        except UsageError as error:
            raise InputError(path, f"{where}: {error}") from None
    partition = entry.get("partition")
    if partition is not None and ("disk" not in entry or not 1 <= partition <= MAX_PARTITION):
        raise InputError(path, f"{where}: partition is {partition}, not 1 to {MAX_PARTITION} of a disk")
    serial = entry.get("serial")
    if serial is not None and ("disk" not in entry or not SERIAL.fullmatch(serial)):
        raise InputError(path, f"{where}: serial {serial!r} is not 1 to 20 printable ASCII characters, of a disk")
    return VmSpec(
        name,
        kernel,
        memory,
        vcpus,
        beside("initrd"),
        entry.get("append"),
        beside("disk"),
        console,
        entry.get("readonly", False),
        entry.get("snapshot", False),
        entry.get("net", False),
        entry.get("trace_sbi", False),
        *_share(path, where, entry),
        entry.get("autostart", True),
        serial,
        partition,
        pages,
        balloon,
    )


def _share(path: str, where: str, entry: dict[str, Any]) -> tuple[int, int, tuple[int, ...]]:
    """weight, cap and harts."""
    weight, cap, harts = entry.get("weight", DEFAULT_WEIGHT), entry.get("cap", 0), entry.get("harts", [])
    if not 1 <= weight <= MAX_WEIGHT:
        raise InputError(path, f"{where}: weight is {weight}, not 1 to {MAX_WEIGHT}")
    if not 0 <= cap <= MAX_CAP:
        raise InputError(path, f"{where}: cap is {cap}, not 0 to {MAX_CAP} percent of a hart")
    if any(type(hart) is not int or not 0 <= hart < MAX_HARTS for hart in harts) or len(set(harts)) != len(harts):
        raise InputError(path, f"{where}: harts is not a list of different hart numbers from 0 to {MAX_HARTS - 1}")
    if "harts" in entry and not harts:
        raise InputError(path, f"{where}: harts names no hart; leave it out for all of them")
    return weight, cap, tuple(harts)


def disks_of(vms: Sequence[VmSpec]) -> list[DiskSpec]:
    """The machine's disks in order: one for each VM that has one, or for all that have partitions of one image.

    Raises `InputError` when two VMs share an image, or a partition of one, that one of them writes to.
    """
    return _assign_disks(vms)[0]


def _assign_disks(vms: Sequence[VmSpec]) -> tuple[list[DiskSpec], dict[str, int]]:
    """The disks, and for each VM that has one the number of its disk, by the VM's name."""
    disks: list[DiskSpec] = []
    numbers: dict[str, int] = {}
    seen: dict[str, VmSpec] = {}
    taken: dict[tuple[str, int], str] = {}
    for vm in vms:
        if vm.disk is None:
            continue
        spec, image = DiskSpec(vm.disk, vm.readonly, vm.snapshot), os.path.realpath(vm.disk)
        first = seen.setdefault(image, vm)
        if first is not vm and first.partition is not None and vm.partition is not None:
            if (first.readonly, first.snapshot) != (vm.readonly, vm.snapshot):
                raise InputError(vm.disk, "has partitions of VMs that differ in readonly or snapshot")
            if taken.setdefault((image, vm.partition), vm.name) != vm.name:
                raise InputError(vm.disk, f"partition {vm.partition} is that of two VMs")
            numbers[vm.name] = numbers[first.name]
            continue
        if first is not vm and not (DiskSpec(first.disk or "", first.readonly, first.snapshot).shared and spec.shared):
            raise InputError(vm.disk, "is the disk of two VMs; it would have to be readonly or snapshot in both")
        if vm.partition is not None:
            taken[image, vm.partition] = vm.name
        numbers[vm.name] = len(disks)
        disks.append(spec)
    return disks, numbers


def memory_for(vms: Sequence[VmSpec]) -> int:
    """RAM that a machine needs for these VMs, in bytes, rounded up to 64 MiB.

    Raises `UsageError` when no machine has that much.
    """
    modules = {path for vm in vms for path in (vm.kernel, vm.initrd) if path is not None}
    size = OVERHEAD + sum(vm.memory + vm.memory // 128 for vm in vms)
    for path in modules:
        try:
            size += os.path.getsize(path)
        except OSError:
            continue  # reported where it is loaded
    size = -(-size // (64 * MIB)) * 64 * MIB
    if size > MAX_MEMORY:
        total = size_words(sum(vm.memory for vm in vms))
        raise UsageError(f"the VMs want {total} of memory; a machine has at most {size_words(MAX_MEMORY)}")
    return size


def _hart_count(root: dtb.Node) -> int:
    cpus = root.child("cpus")
    return sum(node.name.startswith("cpu@") for node in cpus.children) if cpus is not None else 0


def plan_hypervisor(
    root: dtb.Node,
    ram_base: int,
    ram_size: int,
    firmware: str,
    hypervisor: str,
    vms: Sequence[VmSpec],
    color: bool = False,
    append: str | None = None,
    control: int | None = None,
    overcommit: bool = False,
) -> Plan:
    """The M-mode firmware, the hypervisor and for each VM its modules and its node under /chosen.

    `root` is the machine's device tree and is completed in place; `control` the slot of the control channel. With
    `overcommit` the VMs' memory may add up to more than the machine has, and one that finds none left is stopped.
    Raises `InputError` and `UsageError`.
    """
    total = sum(vm.memory for vm in vms)
    if total + OVERHEAD > ram_size and not overcommit:
        raise UsageError(
            f"the VMs want {size_words(total)} of memory, the machine has {size_words(ram_size)}; give it more --memory"
        )
    chosen = root.child("chosen")
    if chosen is not None:  # a given tree may describe VMs of another run
        chosen.children = [child for child in chosen.children if not child.name.startswith("rvh,vm@")]
    planner = Planner(root, ram_base, ram_size)
    planner.start_with(elf.load(firmware, ram_base, ram_size))
    stage = elf.load(hypervisor, ram_base, ram_size, raw_at=ram_base + KERNEL_OFFSET)
    if stage.kind == "raw":
        raise InputError(hypervisor, "is not an ELF file; a hypervisor has to be one")
    next_stage = planner.load_program(stage).entry
    # At the end of RAM: in the middle it would cut the run of memory that a large VM needs.
    planner.reserve_tree(sum(512 + 4 * len(vm.append or "") for vm in vms) + 4 * len(append or ""), below=None)
    modules: dict[str, tuple[int, int]] = {}

    def module(path: str) -> bytes:
        if path not in modules:  # VMs with the same file share the module: the hypervisor copies from it
            data = read_file(path, ram_size)
            if not data:
                raise InputError(path, "is empty")
            modules[path] = (planner.load_file(data, path, below=planner.plan.dtb_address), len(data))
        return dtb.u64(*modules[path])

    disks = _assign_disks(vms)[1]
    nodes = []
    for index, vm in enumerate(vms):
        if len((vm.append or "").encode(errors="surrogateescape")) > MAX_APPEND:
            raise UsageError(f"the boot arguments of VM {vm.name} are longer than {MAX_APPEND} bytes")
        try:
            check_guest(vm.kernel, vm.memory, vm.initrd)
        except InputError as error:
            raise InputError(error.subject, f"{error.reason} (VM {vm.name})") from None
        node = dtb.Node(
            f"rvh,vm@{index}",
            {
                "compatible": "rvh,vm",
                "label": vm.name,
                "memory": dtb.u64(vm.memory),
                "vcpus": vm.vcpus,
                "kernel": module(vm.kernel),
                "console": vm.console,
            },
        )
        if vm.initrd is not None:
            node["initrd"] = module(vm.initrd)
        if vm.append is not None:
            node["bootargs"] = vm.append
        if vm.disk is not None:
            node["disk"] = disks[vm.name]
            if vm.partition is not None:
                node["partition"] = vm.partition
            if vm.serial is not None:
                node["serial"] = vm.serial
        if vm.pages == "1G":
            node["gib-pages"] = b""
        if vm.balloon is not None:
            node["balloon"] = dtb.u64(vm.balloon)
        if vm.net:
            node["net"] = 1
        if vm.trace_sbi:
            node["trace-sbi"] = b""
        if vm.weight != DEFAULT_WEIGHT:
            node["weight"] = vm.weight
        if vm.cap:
            node["cap"] = vm.cap
        if vm.harts:
            absent = [str(hart) for hart in vm.harts if hart >= _hart_count(root)]
            if absent:
                raise UsageError(f"VM {vm.name} wants hart {absent[0]}; the machine has {_hart_count(root)}")
            node["harts"] = list(vm.harts)
        if not vm.autostart:
            node["autostart"] = 0
        nodes.append(node)
    return planner.finish(Chosen(append, None, nodes, color, control=control, overcommit=overcommit), next_stage)
