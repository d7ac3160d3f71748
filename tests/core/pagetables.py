"""Page tables in a rig's RAM, and a hart that uses them at one or two stages.

`Table` builds one stage's tables; `World` puts a rig's code, data and vectors behind VS-stage and G-stage tables and
makes one access at a time, returning what was reported if it faulted. Addresses differ at every stage and have a
different index at every level, so that a mix-up shows.
"""

from __future__ import annotations

from typing import NamedTuple

import rig as r
from rig import ALL, RAM, RAM_SIZE, Rig

V, R, W, X, U, G, A, D = (1 << n for n in range(8))
RWX = R | W | X
KERNEL, USER = V | RWX | A | D, V | RWX | U | A | D
N, PBMT_NC, PBMT_IO, PBMT_RESERVED = 1 << 63, 1 << 61, 2 << 61, 3 << 61
PPN_MASK = ((1 << 44) - 1) << 10

MODES = {"bare": 0, "sv39": 8, "sv48": 9, "sv57": 10}
LEVELS = {"bare": 0, "sv39": 3, "sv48": 4, "sv57": 5}

MXR, SUM, MPRV, MPV, MPP_S = 1 << 19, 1 << 18, 1 << 17, 1 << 39, 1 << 11
SPVP, HU, GVA_M, GVA_HS = 1 << 8, 1 << 9, 1 << 38, 1 << 6
ADUE, PBMTE = 1 << 61, 1 << 62

#: Causes by original access (fetch, load, store): access fault, page fault, guest-page fault.
ACCESS_FAULT = {"fetch": 1, "load": 5, "store": 7}
PAGE_FAULT = {"fetch": 12, "load": 13, "store": 15}
GUEST_FAULT = {"fetch": 20, "load": 21, "store": 23}

#: Guest physical address of the start of RAM, by G-stage: every index bit of the address differs from RAM's.
GUEST_RAM = {"bare": RAM, "sv39": 0x1AB_4000_0000, "sv48": 0x2_5A2B_4000_0000, "sv57": 0xAB_5A2A_4000_0000}
#: A virtual address for data, by VS-stage; it is canonical and its indices differ.
DATA_VA = {"sv39": 0x2A_5678_9000, "sv48": 0x5A2A_5678_9000, "sv57": 0xAB_5A2A_5678_9000}


class Kind(NamedTuple):
    """A way to make an access: the instruction (0: the fetch itself), whom its faults name, and the mode it runs in."""

    word: int
    original: str
    by: str  # "V": in VS or VU, "HS": HLV and HSV, "M": MPRV
    size: int = 8


KINDS = {
    "load": Kind(0x0005B503, "load", "V"),  # ld a0, (a1)
    "store": Kind(0x00A5B023, "store", "V"),  # sd a0, (a1)
    "fetch": Kind(0, "fetch", "V", 4),
    "lr": Kind(0x1005B52F, "load", "V"),  # lr.d a0, (a1)
    "sc": Kind(0x18C5B52F, "store", "V"),  # sc.d a0, a2, (a1)
    "amo": Kind(0x00C5B52F, "store", "V"),  # amoadd.d a0, a2, (a1)
    "hlv": Kind(0x6C05C573, "load", "HS"),  # hlv.d a0, (a1)
    "hlvx": Kind(0x6835C573, "load", "HS", 4),  # hlvx.wu a0, (a1)
    "hsv": Kind(0x6EA5C073, "store", "HS"),  # hsv.d a0, (a1)
    "mprv-load": Kind(0x0005B503, "load", "M"),
    "mprv-store": Kind(0x00A5B023, "store", "M"),
}


def transformed(word: int, offset: int = 0) -> int:
    """What mtinst and htinst hold for an explicit access by this instruction."""
    opcode = word & 0x7F
    keep = {0x03: 0x0000_7FFF, 0x23: 0x01F0_707F}.get(opcode, 0xFFF0_7FFF)
    return word & keep | offset << 15 if word else 0


class Fault(NamedTuple):
    """What a trap reported: xcause, xtval, mtval2 or htval, mtinst or htinst, GVA. A trap into VS has the first two."""

    into: str
    cause: int
    tval: int
    tval2: int = 0
    tinst: int = 0
    gva: bool = False


class Frames:
    """Hands out pages of RAM for tables."""

    def __init__(self, start: int, end: int):
        self.next, self.end = start, end

    def take(self, pages: int = 1) -> int:
        at = -(-self.next // (pages * 4096)) * pages * 4096
        self.next = at + pages * 4096
        assert self.next <= self.end, "no RAM left for tables"
        return at


class Table:
    """One stage's tables. `offset` is what PTEs and atp add to a table's physical address; `x4` makes a G-stage."""

    def __init__(self, rig: Rig, frames: Frames, mode: str, offset: int = 0, x4: bool = False):
        self.rig, self.frames, self.mode, self.offset, self.x4 = rig, frames, mode, offset, x4
        self.levels = LEVELS[mode]
        self.tables: dict[tuple[int, int], int] = {}
        self.root = frames.take(4 if x4 else 1) if self.levels else 0

    def atp(self, space: int = 0) -> int:
        """The satp, vsatp or hgatp value; `space` is the ASID or VMID."""
        return MODES[self.mode] << 60 | space << 44 | (self.root + self.offset) >> 12 if self.levels else 0

    def table(self, va: int, level: int, make: bool = False) -> int:
        """Physical address of the table that holds the PTE of `level` for va."""
        if level == self.levels - 1:
            return self.root
        key = (level, va >> 12 + 9 * (level + 1))
        if key not in self.tables:
            assert make, "no such table"
            self.tables[key] = self.frames.take()
            self.rig.store(self.slot(va, level + 1, True), (self.tables[key] + self.offset) >> 12 << 10 | V)
        return self.tables[key]

    def slot(self, va: int, level: int = 0, make: bool = False) -> int:
        """Physical address of the PTE of `level` for va."""
        bits = 11 if self.x4 and level == self.levels - 1 else 9
        return self.table(va, level, make) + (va >> 12 + 9 * level & (1 << bits) - 1) * 8

    def map(self, va: int, pa: int, flags: int, level: int = 0) -> None:
        self.rig.store(self.slot(va, level, True), pa >> 12 << 10 | flags)

    def pte(self, va: int, level: int = 0) -> int:
        return self.rig.load(self.slot(va, level))

    def set(self, va: int, pte: int, level: int = 0) -> None:
        self.rig.store(self.slot(va, level), pte)

    def flags(self, va: int, flags: int, level: int = 0) -> None:
        """Replaces all of a PTE but its PPN."""
        self.set(va, self.pte(va, level) & PPN_MASK | flags, level)


SENTINELS = {"mtval2": 0x5A5, "mtinst": 0x3520, "htval": 0x4B4, "htinst": 0x2424}
REPORTS = {
    "M": ("mcause", "mtval", "mepc", "mtval2", "mtinst"),
    "HS": ("scause", "stval", "sepc", "htval", "htinst"),
    "VS": ("vscause", "vstval", "vsepc"),
}


class World:
    """A guest: one page of code (readable by VS at `code_s`, by VU at `code_u`) and one of data at `va`."""

    def __init__(self, vs: str = "sv39", g: str = "sv39", isa: str = "max"):
        self.rig = Rig(isa)
        self.csr = self.rig.csr
        self.vs_mode, self.g_mode = vs, g
        self.offset = GUEST_RAM[g] - RAM
        frames = Frames(r.TABLES, RAM + RAM_SIZE)
        self.g = Table(self.rig, frames, g, x4=True)
        self.vs = Table(self.rig, frames, vs, self.offset)
        if self.g.levels:
            for page in range(RAM, RAM + RAM_SIZE, 4096):
                self.g.map(self.gpa(page), page, USER)
        self.data_gpa = self.gpa(r.DATA)
        if self.vs.levels:
            self.va = DATA_VA[vs]
            self.code_s, self.code_u = -0x4000_0000 & ALL, 0x1000
            self.vs.map(self.code_s, self.gpa(r.CODE), KERNEL)
            self.vs.map(self.code_u, self.gpa(r.CODE), USER)
            self.vs.map(self.va, self.data_gpa, KERNEL)
            self.vs.map(self.va + 4096, self.gpa(r.DATA + 4096), KERNEL)
        else:
            self.va = self.data_gpa
            self.code_s = self.code_u = self.gpa(r.CODE)
        self.install()
        for n in range(0, 8192, 4):
            self.rig.store(r.DATA + n, r.NOP, 4)

    def install(self, asid: int = 0, vmid: int = 0) -> None:
        """Writes vsatp and hgatp."""
        self.csr["vsatp"], self.csr["hgatp"] = self.vs.atp(asid), self.g.atp(vmid)

    def gpa(self, spa: int) -> int:
        return spa + self.offset

    def set(self, name: str, bits: int, on: bool = True) -> None:
        self.csr[name] = self.csr[name] | bits if on else self.csr[name] & ~bits

    def delegate(self, to: str) -> None:
        """Sends every fault to M, HS or VS."""
        self.csr["medeleg"] = ALL if to in ("HS", "VS") else 0
        self.csr["hedeleg"] = ALL if to == "VS" else 0

    def fence(self) -> None:
        """Everything forgotten: HFENCE.VVMA and HFENCE.GVMA, both x0, x0."""
        for word in (r.HFENCE_VVMA, r.HFENCE_GVMA):
            assert self.rig.execute(word, mode="M") is None

    def access(self, kind: str, va: int | None = None, priv: str = "VS", value: int = 0x1122_3344_5566_7788,
               quiet: bool = True) -> Fault | None:  # fmt: skip
        """Makes one access and says how it faulted. A fault must leave a0, RAM (with `quiet`) and the trap registers of
        the other levels alone; loaded values are in `self.rig.a0`."""
        k, rig, csr = KINDS[kind], self.rig, self.csr
        rig.store(r.DATA, r.NOP << 32 | r.NOP)
        va = self.va if va is None else va
        if k.word:
            rig.code(k.word)
        if k.by == "V":
            pc = va if k.original == "fetch" else self.code_s if priv == "VS" else self.code_u
            rig.stand(priv, pc)
        elif k.by == "HS":
            self.set("hstatus", SPVP, priv == "VS")
            rig.stand("HS")
        else:
            csr["mstatus"] = csr["mstatus"] & ~(3 << 11) | MPRV | MPV | (MPP_S if priv == "VS" else 0)
            rig.stand("M")
        at = rig.pc
        rig.hart.x["a0"], rig.hart.x["a1"], rig.hart.x["a2"] = value, va, value
        for name, sentinel in SENTINELS.items():
            csr[name] = sentinel
        watched = [name for names in REPORTS.values() for name in names]
        before = {name: csr[name] for name in watched}
        hstatus, ram = csr["hstatus"], rig.machine.memory.read(RAM, RAM_SIZE) if quiet else b""
        rig.step()
        trap = rig.trap()
        if k.by == "M":
            csr["mstatus"] &= ~MPRV
        if trap is None:
            return None
        assert trap.epc == at
        assert rig.a0 == value, "a faulting instruction wrote its destination"
        if quiet:
            assert rig.machine.memory.read(RAM, RAM_SIZE) == ram, "a faulting instruction wrote memory"
        for level, names in REPORTS.items():
            if level != trap.into:
                assert {name: csr[name] for name in names} == {name: before[name] for name in names}
        if trap.into != "HS":
            assert csr["hstatus"] == hstatus
        if trap.into == "VS":
            return Fault("VS", trap.cause, trap.tval)
        tval2, tinst = (csr["mtval2"], csr["mtinst"]) if trap.into == "M" else (csr["htval"], csr["htinst"])
        gva = csr["mstatus"] & GVA_M if trap.into == "M" else csr["hstatus"] & GVA_HS
        return Fault(trap.into, trap.cause, trap.tval, tval2, tinst, bool(gva))

    # -- what faults look like

    def page_fault(self, kind: str, va: int | None = None, into: str = "M") -> Fault:
        return self._fault(PAGE_FAULT, kind, va, into)

    def access_fault(self, kind: str, va: int | None = None, into: str = "M") -> Fault:
        return self._fault(ACCESS_FAULT, kind, va, into)

    def _fault(self, causes: dict[str, int], kind: str, va: int | None, into: str) -> Fault:
        k, va = KINDS[kind], self.va if va is None else va
        if into == "VS":
            return Fault("VS", causes[k.original], va)
        return Fault(into, causes[k.original], va, 0, transformed(k.word), True)

    def guest_fault(
        self, kind: str, gpa: int, va: int | None = None, into: str = "M", tinst: int | None = None
    ) -> Fault:
        k, va = KINDS[kind], self.va if va is None else va
        return Fault(into, GUEST_FAULT[k.original], va, gpa >> 2, transformed(k.word) if tinst is None else tinst, True)
