"""The machine's device tree: QEMU `virt`'s bindings, put together from the nodes that the devices state
themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .devices.bus import DtContext
from .dtb import Node, reg64, u64

__all__ = ["Chosen", "Cpu", "apply_chosen", "build"]

TIMEBASE_HZ = 10_000_000
CACHE_BLOCK = 64


@dataclass
class Cpu:
    """What the cpu nodes say. `extensions` are the names of `riscv,isa-extensions`, single letters
    included.
    """

    isa: str
    extensions: Sequence[str]
    mmu_type: str | None = "riscv,sv57"
    base: str = "rv64i"


@dataclass
class Chosen:
    """What /chosen says beside the console. `initrd` is (start, end); `nodes` go under /chosen."""

    bootargs: str | None = None
    initrd: tuple[int, int] | None = None
    nodes: Sequence[Node] = ()
    color: bool = False
    rng_seed: bytes = field(default=b"")
    control: int | None = None
    overcommit: bool = False


def build(
    devices: Iterable[tuple[Any, int, int]],
    cpu: Cpu,
    harts: int,
    ram_base: int,
    ram_size: int,
    chosen: Chosen | None = None,
    timebase: int = TIMEBASE_HZ,
) -> Node:
    """The tree of a machine. `devices` are (device, base address, PLIC source or 0), in the order of their
    nodes.
    """
    root = Node("", {"#address-cells": 2, "#size-cells": 2, "compatible": "riscv-virtio", "model": "riscv-virtio,rvh"})
    # phandles: 1 .. harts are the cpus, harts+1 .. 2*harts their interrupt controllers, then the PLIC and
    # the rest.
    free = 2 * harts + 1

    def new_phandle() -> int:
        nonlocal free
        free += 1
        return free

    context = DtContext(root, free, [harts + 1 + index for index in range(harts)], new_phandle)
    chosen_node = root.add(Node("chosen"))
    root.add(Node(f"memory@{ram_base:x}", {"device_type": "memory", "reg": reg64(ram_base, ram_size)}))
    root.add(_cpus(cpu, harts, timebase))
    if "zihpm" in cpu.extensions:
        root.add(_pmu())
    soc = Node("soc", {"#address-cells": 2, "#size-cells": 2, "compatible": "simple-bus", "ranges": True})
    for device, base, irq in devices:
        node = device.dt_node(base, irq, context)
        if node is not None:
            soc.add(node)
    root.add(soc)
    if context.consoles:
        path = f"/soc/{context.consoles[0]}"
        root.children.insert(0, Node("aliases", {"serial0": path}))
        chosen_node["stdout-path"] = path
    if chosen is not None:
        apply_chosen(root, chosen)
    return root


def _cpus(cpu: Cpu, harts: int, timebase: int) -> Node:
    cpus = Node("cpus", {"#address-cells": 1, "#size-cells": 0, "timebase-frequency": timebase})
    cores = []
    for index in range(harts):
        node = Node(
            f"cpu@{index:x}",
            {
                "device_type": "cpu",
                "reg": index,
                "status": "okay",
                "compatible": "riscv",
                "riscv,isa": cpu.isa,
                "riscv,isa-base": cpu.base,
                "riscv,isa-extensions": list(cpu.extensions),
                "phandle": index + 1,
            },
        )
        if cpu.mmu_type is not None:
            node["mmu-type"] = cpu.mmu_type
        for extension in ("zicbom", "zicbop", "zicboz"):
            if extension in cpu.extensions:
                node[f"riscv,{extension[2:]}-block-size"] = CACHE_BLOCK
        node.add(
            Node(
                "interrupt-controller",
                {
                    "compatible": "riscv,cpu-intc",
                    "interrupt-controller": True,
                    "#interrupt-cells": 1,
                    "phandle": harts + 1 + index,
                },
            )
        )
        cpus.add(node)
        cores.append(Node(f"core{index:x}", {"cpu": index + 1}))
    cpus.add(Node("cpu-map", {}, [Node("cluster0", {}, cores)]))
    return cpus


def _pmu() -> Node:
    """What SBI firmware has to know of the counters: the events of core/counters.pxi by their SBI PMU numbers."""
    cycles, instructions = 1, 2  # SBI_PMU_HW_CPU_CYCLES and _INSTRUCTIONS, and the same in mhpmevent
    return Node(
        "pmu",
        {
            "compatible": "riscv,pmu",
            "riscv,event-to-mhpmevent": [cycles, 0, 1, instructions, 0, 2],
            # first and last event, counters that can count them: the fixed one and mhpmcounter3 to 31
            "riscv,event-to-mhpmcounters": [
                *(cycles, cycles, 0xFFFF_FFF8 | 1),
                *(instructions, instructions, 0xFFFF_FFF8 | 4),
            ],
        },
    )


def apply_chosen(root: Node, chosen: Chosen) -> None:
    """Writes boot arguments, initrd, VM nodes and the rest into /chosen of any tree, making the node if
    needed.
    """
    node = root.child("chosen") or root.add(Node("chosen"))
    if chosen.bootargs is not None:
        node["bootargs"] = chosen.bootargs
    if chosen.initrd is not None:
        start, end = chosen.initrd
        node["linux,initrd-start"] = u64(start)
        node["linux,initrd-end"] = u64(end)
    if chosen.color:
        node["rvh,color"] = True
    if chosen.control is not None:
        node["rvh,control"] = chosen.control
    if chosen.overcommit:
        node["rvh,overcommit"] = True
    if chosen.rng_seed:
        node["rng-seed"] = chosen.rng_seed
    node.children += chosen.nodes
