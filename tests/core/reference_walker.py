"""Address translation transcribed from the manual, to compare the emulator's walker with: "Virtual Address Translation
Process" (Supervisor-Level ISA, Sv32; Sv39 to Sv57 by reference), Svnapot, Svpbmt, Svadu, "Two-Stage Address
Translation" and "Guest-Page Faults" (hypervisor chapter). Slow and literal on purpose. PMP is not part of it: RAM may
be accessed, everything else may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

PAGESIZE = 1 << 12
PTESIZE = 8


class Failure(Exception):
    """`what`: "page", "guest" or "access"."""

    def __init__(self, what: str, gpa: int = 0, tinst: int | None = 0):
        self.what, self.gpa, self.tinst = what, gpa, tinst


def bit(value: int, n: int) -> int:
    return value >> n & 1


@dataclass
class Walker:
    """The control registers that matter, and memory: `read(pa)` gives a doubleword or None where there is no RAM."""

    read: Callable[[int], int | None]
    vsatp: int
    hgatp: int
    vs_mxr: bool
    vs_sum: bool
    hs_mxr: bool
    vs_adue: bool
    g_adue: bool
    vs_pbmte: bool
    g_pbmte: bool
    writes: dict[int, int] = field(default_factory=dict)

    def fetch_pte(self, pa: int) -> int:
        if pa in self.writes:
            return self.writes[pa]
        value = self.read(pa)
        if value is None:
            raise Failure("access")
        return value

    def two_stage(self, va: int, access: str, priv: str, hlvx: bool) -> int:
        """The supervisor physical address for an access ("load", "store", "fetch") with privilege "S" or "U"."""
        mode = self.vsatp >> 60
        if mode == 0:
            gpa = va
        else:
            levels = {8: 3, 9: 4, 10: 5}[mode]
            width = 12 + 9 * levels
            upper = va >> width - 1  # must be all equal
            if upper not in (0, (1 << 64 - (width - 1)) - 1):
                raise Failure("page")
            gpa = self.vs_stage(va, levels, access, priv, hlvx)
        return self.g_stage(gpa, access, explicit=True, hlvx=hlvx)

    def vs_stage(self, va: int, levels: int, access: str, priv: str, hlvx: bool) -> int:
        # Steps 1 and 2.
        a = (self.vsatp & (1 << 44) - 1) * PAGESIZE
        i = levels - 1
        while True:
            vpn = va >> 12 + 9 * i & 511
            address = a + vpn * PTESIZE
            pa = self.g_stage(address, "load", explicit=False, hlvx=False, tinst=0x3000)
            pte = self.fetch_pte(pa)
            # Step 3.
            self.check_format(pte, self.vs_pbmte, lambda: Failure("page"))
            # Step 4.
            if bit(pte, 1) or bit(pte, 3):
                break
            self.check_pointer(pte, lambda: Failure("page"))
            i -= 1
            if i < 0:
                raise Failure("page")
            a = (pte >> 10 & (1 << 44) - 1) * PAGESIZE
        ppn = self.leaf_ppn(pte, i, lambda: Failure("page"))
        # Steps 5 to 8: U, SUM, R, W, X.
        user = bit(pte, 4)
        if priv == "U" and not user:
            raise Failure("page")
        if priv == "S" and user and (access == "fetch" or not self.vs_sum):
            raise Failure("page")
        readable = bit(pte, 1) or ((self.vs_mxr or self.hs_mxr) and bit(pte, 3))
        executable, writable = bit(pte, 3), bit(pte, 2)
        if hlvx:
            allowed = executable
        else:
            allowed = {"load": readable, "store": writable, "fetch": executable}[access]
        if not allowed:
            raise Failure("page")
        # Step 9: A and D.
        if not bit(pte, 6) or (access == "store" and not bit(pte, 7)):
            if not self.vs_adue:
                raise Failure("page")
            pa = self.g_stage(address, "store", explicit=False, hlvx=False, tinst=0x3020)
            self.writes[pa] = pte | 1 << 6 | (1 << 7 if access == "store" else 0)
        # Step 10.
        return self.compose(ppn, va, i, bit(pte, 63))

    def g_stage(self, gpa: int, access: str, explicit: bool, hlvx: bool, tinst: int | None = None) -> int:
        """`tinst` None stands for whatever an explicit access may report."""

        def fault() -> Failure:
            return Failure("guest", gpa, tinst)

        mode = self.hgatp >> 60
        if mode == 0:
            return gpa
        levels = {8: 3, 9: 4, 10: 5}[mode]
        if gpa >= 1 << 12 + 9 * levels + 2:
            raise fault()
        a = (self.hgatp & (1 << 44) - 1) * PAGESIZE
        i = levels - 1
        while True:
            bits = 11 if i == levels - 1 else 9
            address = a + (gpa >> 12 + 9 * i & (1 << bits) - 1) * PTESIZE
            pte = self.fetch_pte(address)
            self.check_format(pte, self.g_pbmte, fault)
            if bit(pte, 1) or bit(pte, 3):
                break
            self.check_pointer(pte, fault)
            i -= 1
            if i < 0:
                raise fault()
            a = (pte >> 10 & (1 << 44) - 1) * PAGESIZE
        ppn = self.leaf_ppn(pte, i, fault)
        if not bit(pte, 4):  # as though U-mode
            raise fault()
        if explicit and hlvx:
            allowed = bit(pte, 3)
        elif access == "load":
            allowed = bit(pte, 1) or (explicit and self.hs_mxr and bit(pte, 3))
        else:
            allowed = bit(pte, 2) if access == "store" else bit(pte, 3)
        if not allowed:
            raise fault()
        if not bit(pte, 6) or (access == "store" and not bit(pte, 7)):
            if not self.g_adue:
                raise fault()
            self.writes[address] = pte | 1 << 6 | (1 << 7 if access == "store" else 0)
        return self.compose(ppn, gpa, i, bit(pte, 63))

    @staticmethod
    def check_format(pte: int, pbmte: bool, fault: Callable[[], Failure]) -> None:
        if not bit(pte, 0) or (not bit(pte, 1) and bit(pte, 2)):
            raise fault()
        if pte >> 54 & 0x7F:
            raise fault()
        pbmt = pte >> 61 & 3
        if pbmt == 3 or (pbmt and not pbmte):
            raise fault()

    @staticmethod
    def check_pointer(pte: int, fault: Callable[[], Failure]) -> None:
        """For non-leaf PTEs D, A, U, PBMT and N are reserved."""
        if bit(pte, 7) or bit(pte, 6) or bit(pte, 4) or pte >> 61 & 3 or bit(pte, 63):
            raise fault()

    @staticmethod
    def leaf_ppn(pte: int, i: int, fault: Callable[[], Failure]) -> int:
        ppn = pte >> 10 & (1 << 44) - 1
        if i > 0 and ppn & (1 << 9 * i) - 1:
            raise fault()
        if bit(pte, 63) and (i > 0 or ppn & 15 != 8):
            raise fault()
        return ppn

    @staticmethod
    def compose(ppn: int, address: int, i: int, napot: int) -> int:
        if napot:
            ppn = ppn & ~15 | address >> 12 & 15
        low = 12 + 9 * i
        return ppn << 12 & ~((1 << low) - 1) | address & (1 << low) - 1
