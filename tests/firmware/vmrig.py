"""Boots the hypervisor with guests written in assembly, inside the test's process."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import rvh
from rvh import Machine, vms
from rvh.devices.virtio.mmio import VirtioDevice
from rvh.emit.asm import assemble
from rvh.machine import Stop

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from elf_files import Elf, Part  # noqa: E402

IMAGES = Path(rvh.__file__).parent / "images"
GUEST_START = 0x8020_0000
RAM_BASE = 0x8000_0000

#: Before SAY_AND_STOP: writes the number in s10 into `text`, five digits, and says that with status 1.
SAY_WRONG = """
wrong:
    la t0, text
    li t1, 10000
    li t3, 10
1:  div t2, s10, t1
    rem s10, s10, t1
    addi t2, t2, 48
    sb t2, 0(t0)
    addi t0, t0, 1
    div t1, t1, t3
    bnez t1, 1b
    li s1, 1
    j say
"""

#: Print the string at label `text`, then power off with the reason in s1.
SAY_AND_STOP = """
say:
    la s2, text
1:  lbu a0, 0(s2)
    beqz a0, 2f
    li a7, 1            # legacy console putchar
    ecall
    addi s2, s2, 1
    j 1b
2:  li a7, 0x53525354   # SRST
    li a6, 0
    li a0, 0
    mv a1, s1
    ecall
3:  j 3b
"""


def guest(directory: Path, name: str, source: str) -> str:
    """An ELF at the guest's load address; returns its path."""
    data = assemble(source, GUEST_START).data
    path = directory / f"{name}.elf"
    path.write_bytes(Elf([Part(GUEST_START, data)], entry=GUEST_START).build())
    return str(path)


class Result:
    """What a run printed, by label, and how it ended."""

    def __init__(self, output: bytes, stop: Stop, machine: Machine):
        self.text, self.stop, self.machine = output.decode(errors="replace"), stop, machine

    def of(self, label: str) -> list[str]:
        """The lines of one VM, or with "hv" the hypervisor's own."""
        start = f"[{label}] "
        return [line[len(start) :] for line in self.text.splitlines() if line.startswith(start)]


def run_vms(
    kernels: Mapping[str, str],
    harts: int = 1,
    vcpus: int = 1,
    typed: bytes = b"",
    typed_asleep: bytes = b"",
    max_insns: int = 2_000_000_000,
    memory: int = 32 << 20,
    append: Mapping[str, str] | None = None,
    net: bool = False,
    devices: Sequence[VirtioDevice] = (),
    trace_sbi: Container[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Result:
    """Runs VMs {label: ELF path} to the end. `typed` is on the keyboard from the start, `typed_asleep`
    once every hart waits with no timer set, `append` has boot arguments by label, `settings` fields of `VmSpec` by
    label, and with `net` every VM has a network card. `devices` are in the machine's first virtio slots. The SBI calls
    of the VMs in `trace_sbi` are shown. Further options are `Machine`'s."""
    append = append or {}
    specs = [
        replace(
            vms.VmSpec(label, path, memory, vcpus, append=append.get(label), net=net, trace_sbi=label in trace_sbi),
            **(settings or {}).get(label, {}),
        )
        for label, path in kernels.items()
    ]
    ram = vms.memory_for(specs)
    output = bytearray()
    machine = Machine(harts=harts, ram=ram, console=output.extend, virtio=devices, **options)
    plan = vms.plan_hypervisor(
        machine.device_tree(), RAM_BASE, ram, str(IMAGES / "sbi.elf"), str(IMAGES / "hv.elf"), specs
    )
    for load in plan.loads:
        machine.store(load.address, load.data, load.size)
    machine.start(plan.entry, plan.dtb_address, plan.info_address)
    if typed:
        machine.console_feed(typed)
    if typed_asleep:
        stop = machine.run(max_insns=max_insns)
        assert stop.kind == "idle", (stop, output.decode())
        machine.console_feed(typed_asleep)
    stop = machine.run(max_insns=max_insns)
    return Result(bytes(output), stop, machine)
