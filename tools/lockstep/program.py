"""A random program: code for every mode, page tables for both stages, CSR states to run it under, and trap handlers.

An M-mode scheduler enters one segment of code after the other, each in a `world`: a mode and a value for every CSR that
decides what happens there. A segment ends at its ECALLs, when its allowance of traps (x31) is used up, or with a fetch
that faults. The handlers of M, HS and VS read what their trap has written and go on after the instruction.

Physical memory, which is also the virtual map where pages are good::

    0x8000_0000 handlers and the scheduler   0x8010_0000 worlds   0x8018_0000 where the segments are
    0x8020_0000 code, supervisor window      0x8040_0000 data, 64 pages: under translation PTEs are random
    0x8060_0000 page tables                  0x8070_0000 page tables that the G-stage may deny
    0x8080_0000 a random superpage           0x80A0_0000 pages of ECALLs under random PTEs
    0x80C0_0000 code, user window
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from rvh.emit.asm import assemble

from . import triggers
from .elffile import write_elf
from .stream import HS, VS, VU, M, Stream, U

BASE, WORLDS, SEGMENTS, CODE, DATA = 0x8000_0000, 0x8010_0000, 0x8018_0000, 0x8020_0000, 0x8040_0000
TABLES, RISKY, SUPER, GATES, USER_CODE = 0x8060_0000, 0x8070_0000, 0x8080_0000, 0x80A0_0000, 0x80C0_0000
WINDOWS = USER_CODE - CODE
HIGH = 0xFFFF_FFFF_C000_0000
NOWHERE = 0x4000_0000
END = 0x80D0_0000

DATA_PAGES, GATE_PAGES, WORLD_SIZE, N_WORLDS, N_SEGMENTS = 64, 8, 512, 128, 32
V, R, W, X, USER, GLOBAL, A, D = (1 << n for n in range(8))

#: CSRs of a world, in the order they are written.
WORLD_CSRS = (
    "mseccfg menvcfg henvcfg senvcfg mstateen0 hstateen0 mcounteren hcounteren scounteren medeleg hedeleg mideleg "
    "hideleg mie mip hvip stimecmp vstimecmp satp vsatp hgatp stvec vstvec sscratch vsscratch hstatus vsstatus "
    "pmpcfg0 pmpaddr0 pmpaddr1 pmpaddr2 pmpaddr3 fcsr mstatus"
).split()
SEGMENT_AT, WINDOW_AT, FENCE_AT = 8 * len(WORLD_CSRS), 8 * len(WORLD_CSRS) + 8, 8 * len(WORLD_CSRS) + 16
SSP_AT = FENCE_AT + 8
TRIGGERS_AT = SSP_AT + 8
#: Room for the scheduler's and the handlers' code.
OWN_SIZE = 8192

#: Read after every segment. mtinst and htinst are not here: the handlers read them.
DUMP = (
    "mstatus mepc mcause mtval mtval2 medeleg mideleg mie mip menvcfg mstateen0 minstret sstatus sie sip "
    "sepc scause stval satp hstatus hedeleg hideleg hie hip hvip htval henvcfg hstateen0 hgatp vsstatus "
    "vsie vsip vsepc vscause vstval vsatp sscratch vsscratch mscratch pmpcfg0 pmpaddr0 scounteren "
    "hcounteren mcounteren senvcfg mseccfg "
).split()

FETCH_CAUSES = 1 << 0 | 1 << 1 | 1 << 12 | 1 << 20
_HANDLER = """
{name}_vectors:
{vectors}
{name}_main:
        csrr x28, scause
{landing}
{gva}
        csrr x30, stval
        csrr x30, sstatus
        csrr x30, sip
{more}
        addi x31, x31, -1
        bltz x31, {name}_out
        bltz x28, {name}_interrupt
        csrr x30, sepc
        addi x30, x30, 4
{align}
        csrw sepc, x30
        li x30, {fetch}
        srl x30, x30, x28
        andi x30, x30, 1
        bnez x30, {name}_out
        sret
        j {name}_out
{name}_interrupt:
        li x30, 1
        sll x30, x30, x28
        csrc sie, x30
{disable}
        sret
{name}_out:
        ecall
        j {name}_out
"""


def _forget_landing(level: str, cause: str, other: str, bit: int, number: int) -> str:
    """After a software check, a return that expects no landing pad; else the program would end in them."""
    return (
        f"        addi {other}, {cause}, -18\n        bnez {other}, {number}f\n        li {other}, {1 << bit}\n"
        f"        csrc {level}status, {other}\n{number}:"
    )


def _handlers(control_flow: bool, flavour: str) -> str:
    align = "        andi x30, x30, -4" if flavour else ""
    landing = _forget_landing("s", "x28", "x30", 23, 2) if control_flow else ""

    def one(name: str, more: str, disable: str, gva: str = "") -> str:
        vectors = "\n".join(f"        j {name}_main" for _ in range(64))
        return ".balign 256\n" + _HANDLER.format(
            name=name,
            vectors=vectors,
            more=more,
            disable=disable,
            fetch=FETCH_CAUSES,
            landing=landing,
            align=align,
            gva=gva,
        )

    hs = "        csrr x30, htval\n        csrr x30, htinst\n        csrr x30, hstatus\n        csrr x30, hip"
    gva = triggers.forget_gva("hstatus", 6, "x30") if flavour == "count" else ""
    return one("hs", hs, "        csrc hie, x30", gva) + one("vs", "", "")


def _source(tables: list[tuple[int, int]], control_flow: bool, rnmi: bool, flavour: str) -> str:
    """The scheduler and the handlers. At the end it sums up the page tables, [from, to) each."""
    gva = triggers.forget_gva("mstatus", 38, "x29") if flavour == "count" else ""
    gvas = gva + "\n" + triggers.forget_gva("hstatus", 6, "x29") if flavour == "count" else ""
    align = "        andi x29, x29, -4" if flavour else ""
    fired, all_triggers = (triggers.read("tdata1"), triggers.dump()) if flavour else ("", "")
    arm = triggers.arm(TRIGGERS_AT) if flavour else ""
    guard = triggers.guard(BASE, OWN_SIZE, WORLDS, CODE - WORLDS) if flavour else "        li x29, 0x1f << 56"
    landing = _forget_landing("m", "x28", "x29", 41, 2) if control_flow else ""
    shadow = f"        ld x29, {SSP_AT}(x30)\n        csrw ssp, x29" if control_flow else ""
    dump = "        csrr x29, ssp" if control_flow else ""
    enable = "csrwi mnstatus, 8" if rnmi else ""
    sums = "\n".join(f"        li x28, {low}\n        li x29, {high}\n        call sum" for low, high in tables)
    zero = "\n".join(f"        li x{n}, 0\n        fmv.d.x f{n}, x0" for n in range(1, 32)) + "\n        fmv.d.x f0, x0"
    write = "\n".join(f"        ld x29, {8 * n}(x30)\n        csrw {name}, x29" for n, name in enumerate(WORLD_CSRS))
    return f"""
        li x28, 0x6000
        csrw mstatus, x28
{zero}
        la x28, m_handler
        csrw mtvec, x28
        {enable}
        li x28, 0x2004000
        li x29, -1
        sd x29, 0(x28)
        csrw stimecmp, x29
        csrw vstimecmp, x29
        csrw pmpaddr15, x29
{guard}
        csrw pmpcfg2, x29
        csrw pmpcfg0, x0
        csrw pmpaddr0, x0
        csrw minstret, x0
        j next
        .balign 4
m_handler:
        csrr x28, mcause
{gva}
        csrr x29, mepc
        csrr x29, mtval
        csrr x29, mtval2
{landing}
        csrr x29, mtinst
        csrr x29, mstatus
        li x29, 0x20000
        csrc mstatus, x29
        hfence.gvma
        hfence.vvma
        sfence.vma
        bltz x28, m_interrupt
        addi x31, x31, -1
        bltz x31, next
        li x29, {0xF00 | FETCH_CAUSES}
        srl x29, x29, x28
        andi x29, x29, 1
        bnez x29, next
{fired}
        csrr x29, mepc
        addi x29, x29, 4
{align}
        csrw mepc, x29
        mret
m_interrupt:
        li x29, 1
        sll x29, x29, x28
        csrc mie, x29
        mret
next:
{gvas}
{all_triggers}
{chr(10).join(f"        csrr x29, {name}" for name in DUMP)}
{dump}
        li x29, 0x6000
        csrs mstatus, x29
        csrr x29, fcsr
        la x30, state
        ld x29, 0(x30)
        addi x29, x29, -1
        sd x29, 0(x30)
        blez x29, finish
        ld x28, 8(x30)
        li x29, 6364136223846793005
        mul x28, x28, x29
        addi x28, x28, 1013
        sd x28, 8(x30)
        srli x29, x28, 33
        andi x29, x29, {N_WORLDS - 1}
        slli x29, x29, 9
        li x30, {WORLDS}
        add x30, x30, x29
{write}
{shadow}
{arm}
        srli x28, x28, 48
        andi x28, x28, {N_SEGMENTS - 1}
        slli x28, x28, 3
        ld x29, {SEGMENT_AT}(x30)
        add x29, x29, x28
        ld x29, 0(x29)
        ld x28, {WINDOW_AT}(x30)
        add x29, x29, x28
        csrw mepc, x29
        ld x28, {FENCE_AT}(x30)
        beqz x28, go
        hfence.gvma
        hfence.vvma
        sfence.vma
go:     mret
finish:
        li x30, 0
{sums}
        la x28, tohost
        li x29, 1
        sd x29, 0(x28)
1:      j 1b
sum:    ld x31, 0(x28)
        xor x30, x30, x31
        slli x31, x30, 1
        srli x30, x30, 63
        or x30, x30, x31
        addi x28, x28, 8
        bltu x28, x29, sum
        ret
{_handlers(control_flow, flavour)}
        .balign {OWN_SIZE}
state:  .dword 0, 0
tohost: .dword 0, 0
"""


@dataclass
class Options:
    """What a program is made of."""

    segments: int = 1200  # entered before it ends
    length: int = 70  # instructions of a segment, about
    control_flow: bool = False  # Zicfilp and Zicfiss, which both sides then have
    rnmi: bool = False  # for machines with Smrnmi
    triggers: str = ""  # a flavour of triggers.FLAVOURS, for machines with Sdtrig
    reservations: bool = False  # LR/SC: Spike loses reservations at will, which ends the comparison


class _Memory:
    """The image of RAM, and page tables in it."""

    def __init__(self, rng: random.Random, shadow: float):
        self.rng, self.shadow = rng, shadow  # how many leaves are shadow stack pages
        self.image = bytearray(END - BASE)
        self.good, self.risky = TABLES, RISKY

    def put(self, address: int, data: bytes) -> None:
        self.image[address - BASE : address - BASE + len(data)] = data

    def put64(self, address: int, value: int) -> None:
        self.put(address, (value & (1 << 64) - 1).to_bytes(8, "little"))

    def table(self, pages: int = 1, risky: bool = False) -> int:
        """Zeroed, aligned pages for a table."""
        if risky:
            self.risky += 4096
            return self.risky - 4096
        self.good += -self.good % (4096 * pages)
        self.good += 4096 * pages
        return self.good - 4096 * pages

    def random_pte(self, pages: int, base: int, guest: bool, writable: bool, level: int = 0) -> int:
        """A leaf for one of the pages from base on, with random flags, some of which make it no leaf at all."""
        rng = self.rng
        chance = rng.random
        flags = V if chance() < 0.95 else 0
        flags |= R if chance() < 0.9 else 0
        flags |= W if writable and chance() < 0.75 else 0
        flags |= X if chance() < 0.45 else 0
        flags |= USER if chance() < (0.93 if guest else 0.5) else 0
        flags |= A if chance() < 0.8 else 0
        flags |= D if chance() < 0.75 else 0
        flags |= GLOBAL if chance() < 0.05 else 0
        flags |= rng.getrandbits(2) << 8
        if self.shadow and not guest and chance() < self.shadow:
            flags = flags & ~(R | X) | W
        page = (base >> 12) + rng.randrange(pages)
        if level:
            page = base >> 12 if chance() < 0.7 else page
        if chance() < 0.05:
            page = rng.choice((NOWHERE >> 12, rng.getrandbits(44), NOWHERE + 0x5000 >> 12, 1 << 43))
        pte = page << 10 | flags
        if chance() < 0.06:
            pte |= 1 << 63  # Svnapot
            if chance() < 0.7:
                pte = pte & ~(0xF << 10) | 8 << 10
        if chance() < 0.06:
            pte |= rng.randrange(4) << 61
        if chance() < 0.01:
            pte |= 1 << rng.randrange(54, 61)
        return pte

    def space(self, levels: int, guest: bool, nested: bool) -> int:
        """Tables of one address space; returns the root. ``guest``: a G-stage; ``nested``: a VS-stage."""
        rng = self.rng
        user = USER if guest else 0
        full = V | R | W | X | A | D | user

        def leaf(pa: int, flags: int) -> int:
            return pa >> 12 << 10 | flags

        def pointer(pa: int) -> int:
            return pa >> 12 << 10 | V

        low = self.table()
        data = self.table(risky=nested)
        gates = self.table(risky=nested)
        for n in range(512):
            bad = 0.06 if not guest else 0.03
            pte = self.random_pte(DATA_PAGES, DATA, guest, True)
            if guest and rng.random() < 0.6:
                pte = leaf(DATA + 4096 * (n % DATA_PAGES), full)
            self.put64(data + 8 * n, 0 if rng.random() < bad else pte)
            self.put64(gates + 8 * n, self.random_pte(GATE_PAGES, GATES, guest, False))
        code = V | R | X | A | D
        self.put64(low + 0, leaf(BASE, code | user))
        self.put64(low + 8, leaf(CODE, code | user))
        self.put64(low + 16, pointer(data))
        self.put64(low + 32, self.random_pte(1, DATA, guest, True, 1))
        self.put64(low + 40, pointer(gates))
        self.put64(low + 48, leaf(USER_CODE, code | USER))
        for n in range(7, 24):
            if rng.random() < 0.3:
                self.put64(low + 8 * n, self.random_pte(DATA_PAGES, DATA, guest, True, 1))
        if guest:
            tables = self.table()
            for n in range(512):
                good = n < 256 or rng.random() < 0.6
                pte = leaf(TABLES + 4096 * n, full)
                self.put64(tables + 8 * n, pte if good else self._spoiled(pte))
            self.put64(low + 24, pointer(tables))
        top, index, high = low, BASE >> 30, low
        for level in range(2, levels):
            root = level == levels - 1
            table = self.table(4 if guest and root else 1)
            # Between the two chains: random superpages of this level and pointers that are none.
            for n in range(16, 40):
                if rng.random() < 0.3:
                    self.put64(table + 8 * n, self.random_pte(1, DATA, guest, True, level))
            self.put64(table + 8 * index, pointer(top))
            if root and not guest:
                self.put64(table + 8 * 511, pointer(high))
            elif not guest:
                chain = self.table()
                self.put64(chain + 8 * 511, pointer(high))
                high = chain
            top, index = table, 0
        return top

    def _spoiled(self, pte: int) -> int:
        rng = self.rng
        return pte & ~rng.choice((V, R, W, USER, A, D, A | D)) if rng.random() < 0.8 else 0


def _pointer(rng: random.Random) -> int:
    """An address worth accessing."""
    pick = rng.random()
    border = rng.choice((0, 4088, 4094, 4095, 4092, 2040)) + rng.randrange(4)
    offset = rng.randrange(4096) if rng.random() < 0.7 else border
    inside = 4096 * rng.randrange(DATA_PAGES) + offset
    if rng.random() < 0.4:
        inside &= ~7
    if pick < 0.78:
        return DATA + inside
    if pick < 0.86:
        return HIGH + (DATA - BASE) + inside
    if pick < 0.92:
        return SUPER + inside
    if pick < 0.94:
        return NOWHERE + inside
    if pick < 0.96:
        return (rng.randrange(16, 40) << rng.choice((30, 39, 48))) + inside
    if pick < 0.98:
        return DATA + inside ^ 1 << rng.randrange(32, 64)
    return HIGH ^ 1 << rng.randrange(38, 63)


def _build_code(rng: random.Random, memory: _Memory, options: Options) -> int:
    """Returns where the code ends."""
    at = CODE
    for mode in range(5):
        for n in range(N_SEGMENTS):
            stream = Stream(rng, mode, _pointer, WINDOWS, GATES, options.reservations, options.control_flow)
            if options.triggers:
                stream.watch(options.triggers)
            code = stream.segment(rng.randrange(options.length // 2, options.length * 2))
            memory.put(at, code)
            memory.put(at + WINDOWS, code)
            memory.put64(SEGMENTS + (mode * N_SEGMENTS + n) * 8, at)
            at += len(code)
    if at > DATA:
        raise ValueError("the code does not fit: fewer or shorter segments")
    return at


def _bits(rng: random.Random, width: int, density: float = 0.5) -> int:
    return sum(1 << n for n in range(width) if rng.random() < density)


def _world(
    rng: random.Random, spaces: dict[str, list[int]], symbols: dict[str, int], envcfg: int, control_flow: bool
) -> dict[str, int]:
    chance = rng.random
    mode = rng.choices((M, HS, U, VS, VU), (2, 3, 1.5, 5, 2.5))[0]
    sometimes = 0.12
    interrupts = chance() < 0.35

    def status() -> int:
        fs = 3 if chance() < 0.7 else rng.randrange(4)
        return fs << 13 | sum(_bits(rng, 1) << bit for bit in (1, 5, 8, 18, 19))

    mpp, mpv = {M: (3, 0), HS: (1, 0), U: (0, 0), VS: (1, 1), VU: (0, 1)}[mode]
    mstatus = status() | mpp << 11 | mpv << 39 | _bits(rng, 1) << 7
    for bit in (20, 21, 22):
        mstatus |= (chance() < sometimes) << bit
    user = mode in (U, VU)
    hstatus = _bits(rng, 4) << 6 & ~0x240 | (chance() < 0.4) << 9
    for bit in (20, 21, 22):
        hstatus |= (chance() < sometimes) << bit
    satp = 0 if chance() < 0.15 else rng.choice(spaces["satp"])
    vsatp = 0 if chance() < 0.15 else rng.choice(spaces["vsatp"])
    hgatp = 0 if chance() < 0.15 else rng.choice(spaces["hgatp"])
    medeleg = _bits(rng, 24, rng.choice((0.15, 0.5, 0.9))) & ~(1 << 18 | 1 << 9 | 1)
    hedeleg = _bits(rng, 20) & 0x0B1FE
    if control_flow:
        medeleg |= _bits(rng, 1) << 18
        hedeleg |= _bits(rng, 1) << 18
    pmpcfg = 0
    for n in range(4):
        if chance() < 0.25:
            kind = rng.choice((0x08, 0x10, 0x18) if n else (0x10, 0x18))
            pmpcfg |= (kind | rng.choice((0, 1, 3, 4, 5, 7))) << 8 * n
    pmpaddr = sorted(DATA + rng.randrange(DATA_PAGES * 4096) >> 2 for _ in range(4))
    if chance() < 0.5:
        pmpaddr = [a & ~0x3FF | 0x1FF for a in pmpaddr]
    ie = _bits(rng, 14) & rng.choice((0x0666, 0x2222)) if interrupts else 0
    masking = chance() < 0.3

    def pmm() -> int:
        return rng.choice((0, 2, 3)) if masking else 0

    hstatus |= pmm() << 48
    checks = [rng.choice((0, 4, 8, 12, 12)) for _ in range(3)] if control_flow else [0, 0, 0]  # LPE and SSE

    def stateen() -> int:
        return 0xD << 60 if chance() < 0.75 else rng.getrandbits(4) << 60 & 0xD << 60

    values = {
        "mseccfg": pmm() << 32 | ((chance() < 0.3) << 10 if control_flow else 0),
        "menvcfg": envcfg | (chance() < 0.7) << 60 | pmm() << 32 | rng.choice((0, 1, 3)) << 4 | _bits(rng, 2) << 6
        | (chance() < 0.5) << 63 | checks[0],
        "henvcfg": envcfg & (_bits(rng, 64, 0.85) | 1 << 59) | rng.choice((0, 1, 3)) << 4 | _bits(rng, 2) << 6
        | (chance() < 0.5) << 63 | pmm() << 32 | checks[1],
        "senvcfg": checks[2] | pmm() << 32 | rng.choice((0, 1, 3)) << 4 | _bits(rng, 2) << 6,
        "mstateen0": stateen() | 1 << 60, "hstateen0": stateen(),
        "mcounteren": _bits(rng, 32), "hcounteren": _bits(rng, 32), "scounteren": _bits(rng, 32),
        "medeleg": medeleg, "hedeleg": hedeleg,
        "mideleg": _bits(rng, 14) & 0x2222, "hideleg": _bits(rng, 11) & 0x444,
        "mie": ie, "mip": _bits(rng, 14) & 0x2226, "hvip": _bits(rng, 11) & 0x444,
        "stimecmp": -1, "vstimecmp": -1,
        "satp": satp, "vsatp": vsatp, "hgatp": hgatp,
        "stvec": symbols["hs_vectors"] | _bits(rng, 1), "vstvec": symbols["vs_vectors"] | _bits(rng, 1),
        "sscratch": rng.getrandbits(64), "vsscratch": rng.getrandbits(64),
        "hstatus": hstatus, "vsstatus": status(),
        "pmpcfg0": pmpcfg, **{f"pmpaddr{n}": pmpaddr[n] for n in range(4)},
        "fcsr": rng.randrange(5) << 5 if chance() < 0.85 else _bits(rng, 8), "mstatus": mstatus,
        "segment": SEGMENTS + mode * N_SEGMENTS * 8,
        "window": WINDOWS if user and chance() < 0.97 else 0,
        "fence": chance() < 0.5,
        "ssp": _pointer(rng) & ~7 if control_flow else 0,
    }  # fmt: skip
    return values


def build(seed: int, options: Options | None = None) -> bytes:
    """The program with this seed, as an ELF file."""
    rng, options = random.Random(seed), options or Options()
    memory = _Memory(rng, 0.3 if options.control_flow else 0)
    for n in range(0, DATA_PAGES * 4096, 8):
        memory.put64(DATA + n, rng.getrandbits(64))
    memory.put(GATES, 0x73.to_bytes(4, "little") * (GATE_PAGES * 1024))
    spaces: dict[str, list[int]] = {"satp": [], "vsatp": [], "hgatp": []}
    for number, levels in enumerate((3, 4, 5, 3, 4, 5)):
        mode = (levels + 5) << 60 | (number + 1) << 44
        spaces["satp"].append(mode | memory.space(levels, False, False) >> 12)
        spaces["vsatp"].append(mode | memory.space(levels, False, True) >> 12)
        spaces["hgatp"].append(mode | memory.space(levels, True, False) >> 12)
    end = _build_code(rng, memory, options)
    tables = [(TABLES, memory.good), (RISKY, memory.risky)]
    program = assemble(_source(tables, options.control_flow, options.rnmi, options.triggers), BASE)
    memory.put(BASE, program.data)
    memory.put64(program.symbols["state"], options.segments)
    memory.put64(program.symbols["state"] + 8, rng.getrandbits(64))
    # MNRET leaves SDT with Spike: see differences.AVOIDED.
    envcfg = (
        (rng.random() < 0.2 and not options.rnmi and options.triggers != "trap") << 59
        | (rng.random() < 0.6) << 61
        | (rng.random() < 0.6) << 62
    )
    for n in range(N_WORLDS):
        world = _world(rng, spaces, program.symbols, envcfg, options.control_flow)
        at = WORLDS + n * WORLD_SIZE
        if options.triggers:
            for m, value in enumerate(triggers.arrange(rng, options.triggers, world, (CODE, end), _pointer)):
                memory.put64(at + TRIGGERS_AT + 8 * m, value)
        for m, name in enumerate(WORLD_CSRS):
            memory.put64(at + 8 * m, world[name])
        memory.put64(at + SEGMENT_AT, world["segment"])
        memory.put64(at + WINDOW_AT, world["window"])
        memory.put64(at + FENCE_AT, world["fence"])
        memory.put64(at + SSP_AT, world["ssp"])
    return write_elf(BASE, bytes(memory.image), program.symbols["tohost"])
