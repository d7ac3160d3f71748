"""The CLINT's node in the device tree; its registers are compiled (`clint.pxi`)."""

from __future__ import annotations

from ..dtb import Node, reg64
from .bus import DtContext

MSI, MTI = 3, 7


class Clint:
    """Core-local interruptor ("sifive,clint0"): msip and mtimecmp of each hart, and mtime."""

    name = "clint"
    size = 0x10000

    def dt_node(self, base: int, irq: int, ctx: DtContext) -> Node:
        """Machine software and timer interrupts of every hart."""
        extended = [cell for hart in ctx.harts for cell in (hart, MSI, hart, MTI)]
        return Node(
            f"clint@{base:x}",
            {
                "compatible": ["sifive,clint0", "riscv,clint0"],
                "reg": reg64(base, self.size),
                "interrupts-extended": extended,
            },
        )
