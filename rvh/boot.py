"""What is in RAM when the first instruction executes: programs, initrds, the device tree, and where each of
them is.

A `Plan` is made from arguments and checked as a whole before the machine changes anything. The boot
contract is the one of QEMU's `virt` machine: every hart starts at `entry` in M-mode with a0 = its number,
a1 = the device tree and a2 = a `struct fw_dynamic_info` (OpenSBI, docs/firmware/fw_dynamic.md), which
firmware that does not know it ignores.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from . import dtb, elf
from .errors import InputError, UsageError, read_file
from .placement import MIB, RamMap
from .platform_dt import Chosen, apply_chosen

__all__ = ["KERNEL_OFFSET", "Load", "Plan", "Planner", "plan_bare"]

#: Where the next stage after the firmware goes, from the start of RAM.
KERNEL_OFFSET = 0x20_0000
FW_DYNAMIC_MAGIC = 0x4942_534F
FW_DYNAMIC_INFO = struct.Struct("<QQQQQQ")
NEXT_MODE_S = 1
#: The device tree lies below this address even with more RAM, as on QEMU: 32-bit pointers reach it.
DTB_BELOW = 0xC000_0000


@dataclass
class Load:
    """Bytes for address `address`, followed by zeros up to `size`."""

    address: int
    data: bytes
    size: int
    name: str


@dataclass
class Plan:
    """Everything to store before the start, and the start itself."""

    entry: int = 0
    loads: list[Load] = field(default_factory=list)
    dtb_address: int = 0
    info_address: int = 0
    #: The program that runs first, for its symbols (tohost, signatures).
    program: elf.Program | None = None
    #: Every program by file name, for messages and traces.
    programs: list[elf.Program] = field(default_factory=list)


class Planner:
    """Collects loads in a map of RAM; `finish` adds the device tree, whose size it keeps room for."""

    def __init__(self, root: dtb.Node, ram_base: int, ram_size: int):
        self.root = root
        self.ram = RamMap(ram_base, ram_size)
        self.plan = Plan()

    def start_with(self, program: elf.Program) -> None:
        """Loads the program that all harts start in."""
        self.load_program(program)
        self.plan.entry, self.plan.program = program.entry, program

    def load_program(self, program: elf.Program) -> elf.Program:
        """Takes the program's ranges. Raises `InputError` when they are not free."""
        for segment in program.segments:
            self.ram.claim(segment.address, segment.mem_size, program.path)
            self.plan.loads.append(Load(segment.address, segment.data, segment.mem_size, program.path))
        self.plan.programs.append(program)
        return program

    def load_file(self, data: bytes, name: str, below: int | None = None) -> int:
        """Puts bytes high in RAM and returns where."""
        address = self.ram.place_high(len(data), name, below=below)
        self.plan.loads.append(Load(address, data, len(data), name))
        return address

    def reserve_tree(self, extra: int, below: int | None = DTB_BELOW) -> None:
        """Keeps room for the device tree, `extra` bytes longer than now, and for the fw_dynamic_info behind
        it; below that address, or at the end of RAM.
        """
        size = len(dtb.write(self.root)) + extra + 1024
        align = 2 * MIB if self.ram.size >= 16 * MIB else 0x1000
        self.room = size
        self.plan.dtb_address = self.ram.place_high(size, "the device tree", align, below)

    def finish(self, chosen: Chosen, next_stage: int) -> Plan:
        """Writes /chosen, flattens the tree and returns the plan. `next_stage` is for fw_dynamic."""
        apply_chosen(self.root, chosen)
        blob = dtb.write(self.root)
        at = self.plan.dtb_address
        info = FW_DYNAMIC_INFO.pack(FW_DYNAMIC_MAGIC, 2, next_stage, NEXT_MODE_S, 0, 0)
        self.plan.info_address = at + (len(blob) + 15 & ~15)
        if self.plan.info_address + len(info) > at + self.room:
            raise UsageError("the device tree is larger than the room kept for it")
        self.plan.loads.append(Load(at, blob, len(blob), "the device tree"))
        self.plan.loads.append(Load(self.plan.info_address, info, len(info), "fw_dynamic_info"))
        return self.plan


def plan_bare(
    root: dtb.Node,
    ram_base: int,
    ram_size: int,
    program: str,
    kernel: str | None = None,
    initrd: str | None = None,
    append: str | None = None,
    rng_seed: bytes = b"",
) -> Plan:
    """No hypervisor: `program` starts in M-mode; `kernel` lies behind it where firmware looks for the next
    stage.

    `root` is the machine's device tree and is completed in place. Raises `InputError` and `UsageError`.
    """
    planner = Planner(root, ram_base, ram_size)
    planner.start_with(elf.load(program, ram_base, ram_size))
    next_stage = 0
    if kernel is not None:
        kernel_at = ram_base + KERNEL_OFFSET
        next_stage = planner.load_program(elf.load(kernel, ram_base, ram_size, raw_at=kernel_at)).entry
    planner.reserve_tree(4 * len(append or "") + 128 + len(rng_seed))
    ramdisk = _initrd(planner, initrd)
    return planner.finish(Chosen(append, ramdisk, rng_seed=rng_seed), next_stage)


def _initrd(planner: Planner, path: str | None) -> tuple[int, int] | None:
    if path is None:
        return None
    data = read_file(path, planner.ram.size)
    if not data:
        raise InputError(path, "is empty")
    address = planner.load_file(data, path, below=planner.plan.dtb_address)
    return address, address + len(data)
