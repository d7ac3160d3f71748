"""The test finisher ("sifive,test1"): one register that ends or restarts the machine; QEMU `virt` has it as
well.
"""

from __future__ import annotations

from ..dtb import Node, reg64
from .bus import Device, DtContext

FAIL = 0x3333
PASS = 0x5555
RESET = 0x7777


class TestFinisher(Device):
    """A store to offset 0: low half 0x5555 pass, 0x3333 fail with the code in the high half, 0x7777 reset."""

    __test__ = False  # the name is the device's: not a test class

    name = "finisher"
    size = 0x1000
    access_sizes = (2, 4)

    def write(self, offset: int, size: int, value: int) -> None:
        """Other offsets and values do nothing, as on QEMU."""
        if offset != 0:
            return
        status, code = value & 0xFFFF, value >> 16 & 0xFFFF
        if status == PASS:
            self.machine_exit("pass", 0)
        elif status == FAIL:
            self.machine_exit("fail", code)
        elif status == RESET:
            self.machine_exit("reset", 0)

    def dt_node(self, base: int, irq: int, ctx: DtContext) -> Node:
        """The register, and at the root the two nodes by which Linux powers off and restarts."""
        phandle = ctx.new_phandle()
        for name, value in (("poweroff", PASS), ("reboot", RESET)):
            ctx.root.add(Node(name, {"compatible": f"syscon-{name}", "regmap": phandle, "offset": 0, "value": value}))
        return Node(
            f"test@{base:x}",
            {
                "compatible": ["sifive,test1", "sifive,test0", "syscon"],
                "reg": reg64(base, self.size),
                "phandle": phandle,
            },
        )
