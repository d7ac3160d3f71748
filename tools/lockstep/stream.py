"""Random instructions: mostly of one kind each, from the definitions in rvh.isa, with operands that matter."""

from __future__ import annotations

import random

from rvh.emit.asm import assemble, load_immediate
from rvh.emit.syntax import lookup
from rvh.isa import ALIASES, INSNS
from rvh.isa.csrs import BY_NAME, BY_NUMBER
from rvh.isa.dsl import Insn

from .triggers import UNTOUCHED

#: Where loads and stores go most of the time: registers that only `Stream.pointer` changes.
POINTERS = (2, 8, 9, 26, 27)
#: Those of them that are always a multiple of 8, for atomics and aligned stores.
ALIGNED = (2, 8, 26)
#: Stands in the middle of a page: no offset leads across its border. A store that faults in the second page has
#: written to the first with Spike and not here (differences.AVOIDED).
INSIDE = 27
#: What handlers use; x31 counts the traps that a segment may still take.
HANDLER_REGISTERS = (28, 29, 30, 31)
RESERVED = frozenset(POINTERS + HANDLER_REGISTERS)
FREE = [n for n in range(32) if n not in RESERVED]

M, HS, U, VS, VU = range(5)

INTEGERS = [
    0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000,
    0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_8000_0000,
    0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE, 0x5555_5555_5555_5555, 0x0102_0304_0506_0708,
]  # fmt: skip
_BOX = 0xFFFF_FFFF << 32
FLOATS = [
    # double: zeros, ones, infinities, NaNs, subnormals, the borders of integer conversion
    0, 1 << 63, 0x3FF0 << 48, 0xBFF0 << 48, 0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, 0x7FF0_0000_0000_0001,
    0xFFF8_0000_0000_1234, 1, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF,
    0x3FF0_0000_0000_0001, 0x3FE0_0000_0000_0000, 0x43E0_0000_0000_0000, 0xC3E0_0000_0000_0000, 0x41DF_FFFF_FFC0_0000,
    0x41E0_0000_0000_0000, 0xC1E0_0000_0020_0000, 0x47EF_FFFF_F000_0000, 0x3690_0000_0000_0000, 0x36A0_0000_0000_0001,
    0x3810_0000_0000_0000, 0x380F_FFFF_FFFF_FFFF, 0x4340_0000_0000_0001,
    # single, boxed, and one that is not
    *(_BOX | v for v in (0, 1 << 31, 0x3F80_0000, 0xBF80_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001,
                         0xFFC0_1234, 1, 0x007F_FFFF, 0x0080_0000, 0x7F7F_FFFF, 0x3F80_0001, 0x3F00_0000,
                         0x4F00_0000, 0xCF00_0000, 0x5F00_0000, 0x4B80_0001, 0x2F80_0000)),
    0x3F80_0000,
    # half, boxed, and one that is not
    *(0xFFFF_FFFF_FFFF_0000 | v for v in (0, 1 << 15, 0x3C00, 0xBC00, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 1, 0x3FF, 0x400,
                                          0x7BFF, 0x3C01, 0x3800, 0x6400, 0x4248)),
    0x3C00,
]  # fmt: skip

#: What would end the program, hang it, or be a matter of time; and what writes two registers, as no record here does.
_EXCLUDED = {"amocas.q", "mret", "sret", "mnret", "wfi", "wrs.nto", "wrs.sto", "ecall", "ebreak", "pause"}
_KINDS = ("int", "mul", "bits", "fp", "load", "store", "amo", "guest", "cbo", "fence")


def _kind(insn: Insn) -> str:
    names = frozenset().union(*insn.ext) if insn.ext else frozenset()
    memory = insn.memory.kind if insn.memory is not None else None
    if insn.name.startswith(("hlv", "hsv")):
        return "guest"
    if memory in ("amo", "lr", "sc"):
        return memory
    if memory is not None:
        return memory
    if insn.name.startswith(("cbo", "prefetch")):
        return "cbo"
    if names & {"F", "D", "Zfh", "Zfhmin", "Zfbfmin", "Zfa"}:
        return "fp"
    if names & {"M"}:
        return "mul"
    if any(n.startswith(("Zb", "Zk")) for n in names):
        return "bits"
    if "fence" in insn.name or "inval" in insn.name:
        return "fence"
    return "int"


#: Plain instructions by kind: those that go on with the next one, or trap. Not the vector ones (vector.py).
PLAIN: dict[str, list[Insn]] = {}
for _insn in INSNS.values():
    if _insn.name not in _EXCLUDED and "csr" not in _insn.pattern.fields and not _insn.whole_word:
        PLAIN.setdefault(_kind(_insn), []).append(_insn)
BRANCHES = [INSNS[n] for n in ("beq", "bne", "blt", "bge", "bltu", "bgeu")]
for _branch in (*BRANCHES, INSNS["jal"], INSNS["jalr"]):
    for _list in PLAIN.values():
        if _branch in _list:
            _list.remove(_branch)

_COMPRESSED = [a for a in ALIASES.values() if a.target not in ("jal", "jalr", "beq", "bne", "ebreak")]
C_NOP = 0x0001

# ---- CSRs

#: There with Spike, and here with Sdtrig only.
_CONTEXTS = {name for name, row in BY_NAME.items() if "Sdtrig" in row.needs}
#: Never accessed with a destination: what they hold is the host's, or time.
_UNREADABLE = {
    "mvendorid", "marchid", "mimpid", "misa", "mcycle", "cycle", "time", "mcountinhibit", "seed", "mncause",
    "tselect", "tdata1", "tdata2", "tdata3", "tinfo",
    *(f"mhpmevent{n}" for n in range(3, 32)), *(f"mhpmcounter{n}" for n in range(3, 32)),
    "scountinhibit", "sireg", "sireg2", "sireg6", *(name for name in BY_NAME if name.startswith("mireg")), *_CONTEXTS,
}  # fmt: skip
#: Never written by random code: the program's own footing, or a choice that the two sides make differently for good
#: reason (differences.AVOIDED).
_UNWRITABLE = _UNREADABLE | {
    "stvec", "vstvec", "mtvec", "satp", "vsatp", "hgatp", "medeleg", "mideleg", "hedeleg", "stimecmp", "vstimecmp",
    "mseccfg", "htimedelta", "minstret", "hgeie", "menvcfg", "henvcfg", "senvcfg", "mstateen0", "hstateen0",
    "pmpcfg0", "pmpcfg2", *(f"pmpaddr{n}" for n in range(16)),
}  # fmt: skip
#: What Spike has and rvh does not: no test of absence.
_PEERS_ONLY = {0x5A8, 0x6A8, 0x7A8, 0x7A5, 0x7B0, 0x7B1, 0x7B2, 0x7B3, 0x757}
_TINST = (0x34A, 0x64A)

#: Written by immediates only, for SGEIE (bit 12) and LCOFI (bit 13): see differences.AVOIDED.
_LOW_BITS = {"hie", "mie", "mip", "sie", "sip"}

READABLE = [row.number for row in BY_NAME.values() if row.name not in _UNREADABLE and row.number not in _TINST]
_MISJUDGED = {*_CONTEXTS, "scountinhibit", "sireg6", *(name for name in BY_NAME if name.startswith("mireg"))}
GATED = [row.number for row in BY_NAME.values() if row.name in _UNREADABLE - _MISJUDGED]
_CHANGED = [row for row in BY_NAME.values() if row.name not in _UNWRITABLE and not row.read_only]
WRITABLE = [row.number for row in _CHANGED if row.number not in _TINST]
OWN = {
    M: [n for n in WRITABLE],
    HS: [n for n in WRITABLE if BY_NUMBER[n].privilege in (0, 1, 2)],
    VS: [n for n in WRITABLE if BY_NUMBER[n].privilege in (0, 1)],
    U: [n for n in WRITABLE if BY_NUMBER[n].privilege == 0],
    VU: [n for n in WRITABLE if BY_NUMBER[n].privilege == 0],
}
ABSENT = [0x7C0, 0xFC0, *(n for n in range(4096) if n not in BY_NUMBER and n not in _PEERS_ONLY and n >> 8 & 3 != 3)]

WEIGHTS = {
    M: {"csr": 12, "guest": 5, "fence": 2},
    HS: {"csr": 10, "guest": 6, "fence": 2},
    VS: {"csr": 7, "guest": 0.3, "fence": 2},
    U: {"csr": 3, "guest": 2, "fence": 0.5},
    VU: {"csr": 3, "guest": 0.3, "fence": 0.5},
}
COMMON = {
    "int": 16, "mul": 4, "bits": 8, "fp": 14, "load": 10, "store": 8, "amo": 4, "cbo": 1.5, "compressed": 14,
    "value": 8, "pointer": 4, "branch": 5, "jump": 2, "illegal": 0.5, "call": 0.7, "float": 4, "reservation": 0,
    "return": 0.6, "gate": 0.25, "landing": 0, "shadow": 0,
}  # fmt: skip


class Stream:
    """Instructions for one mode. ``data`` gives addresses worth accessing; ``windows`` is the distance between the
    code's supervisor and user windows; at ``gates`` are pages of ECALLs."""

    def __init__(
        self, rng: random.Random, mode: int, data, windows: int, gates: int, reservations: bool, control_flow: bool
    ):
        self.rng, self.mode, self.data, self.windows, self.gates = rng, mode, data, windows, gates
        weights = COMMON | WEIGHTS[mode] | ({"reservation": 3} if reservations else {})
        weights |= {"landing": 4, "shadow": 8} if control_flow else {}
        self.kinds, self.weights = list(weights), list(weights.values())
        self.own, self.paired = OWN[mode], False
        self.out = bytearray()

    def watch(self, flavour: str) -> None:
        """For programs with debug triggers: every instruction of four bytes at a multiple of 4, no cache-block
        operations, AMOs only where loads and stores are watched alike."""
        weights = dict(zip(self.kinds, self.weights, strict=True)) | {"cbo": 0}
        weights |= {"amo": 0} if flavour == "data" else {}
        self.kinds, self.weights = list(weights), list(weights.values())
        self.paired = True
        self.own = [n for n in self.own if BY_NUMBER[n].name not in UNTOUCHED[flavour]]

    def segment(self, n: int) -> bytes:
        """About n instructions, ending in ECALLs."""
        self.out = bytearray()
        self._li(31, self.rng.randrange(4, 40))
        for _ in range(2):
            self.pointer()
        while len(self.out) < 4 * n:
            kind = self.rng.choices(self.kinds, self.weights)[0]
            if kind in PLAIN:
                self._plain(kind)
            else:
                getattr(self, "_" + kind)()
        if len(self.out) % 4:
            self.out += C_NOP.to_bytes(2, "little")
        for _ in range(3):  # handlers go on behind them, in the end at the start of the next segment
            self._word(0x73)
        return bytes(self.out)

    # -- parts

    def _word(self, word: int) -> None:
        self.out += word.to_bytes(4, "little")

    def _asm(self, text: str) -> None:
        self.out += assemble(text).data

    def _li(self, register: int, value: int) -> None:
        for name, *operands in load_immediate(f"x{register}", value):
            self._asm(f"{name} {', '.join(operands)}")

    def _value_of(self) -> int:
        rng = self.rng
        pick = rng.random()
        if pick < 0.5:
            return rng.choice(INTEGERS)
        if pick < 0.65:
            return rng.choice(FLOATS)
        return rng.getrandbits(rng.choice((6, 12, 32, 64)))

    def pointer(self) -> None:
        """Points one of the address registers at something."""
        register, address = self.rng.choice(POINTERS), self.data(self.rng)
        if register == INSIDE:
            address = address & ~0xFFF | 2048 | self.rng.randrange(64)
        if self.rng.random() < 0.1:  # a tag for pointer masking
            address ^= self.rng.getrandbits(16) << self.rng.choice((48, 57)) & (1 << 64) - 1
        self._li(register, address & (~7 if register in ALIGNED else ~0))

    _pointer = pointer

    def _value(self) -> None:
        self._li(self.rng.choice(FREE), self._value_of())

    def _float(self) -> None:
        register = self.rng.choice(FREE)
        self._li(register, self.rng.choice(FLOATS))
        self._asm(f"fmv.d.x f{self.rng.randrange(32)}, x{register}")

    def _random(self, insn: Insn) -> int:
        """A random encoding of an instruction that writes no reserved register."""
        rng, pattern = self.rng, insn.pattern
        while True:
            word = (rng.getrandbits(32) & ~pattern.mask) | pattern.match
            if not pattern.matches(word):
                continue
            if "rd" in pattern.fields and word >> 7 & 31 in RESERVED:
                continue
            if "rm" in pattern.fields and pattern.extract(word, "rm") in (5, 6) and rng.random() < 0.9:
                continue
            return word

    def _plain(self, kind: str) -> None:
        rng = self.rng
        insn = rng.choice(PLAIN[kind])
        word = self._random(insn)
        if kind == "cbo":
            # Where in its block an address lies must not matter: see differences.AVOIDED.
            self._asm("andi x26, x26, -64")
            self._word(self._based(word, 26))
            return
        # Only loads may go anywhere: a store must not hit the program's own footing.
        if kind == "load":
            base = rng.choice(POINTERS)
            if rng.random() < 0.04:
                base = 30
                self._li(base, rng.getrandbits(64) | 1 << rng.randrange(33, 64))
            word = self._based(word, base)
            if rng.random() < 0.6:
                word = self._aligned(insn, word)
        elif kind == "store":
            base = rng.choice((*ALIGNED, INSIDE))
            word = self._based(word, base)
            if base != INSIDE:
                word = self._aligned(insn, word)
            elif abs((word >> 25) - 64) < 3 or insn.pattern.extract(word, "imm") not in range(-2000, 1900):
                word = word & ~0xFE00_0F80 | rng.randrange(32) << 7
        elif kind in ("amo", "guest"):
            reads = kind == "guest" and insn.name.startswith("hlv")
            base = rng.choice(POINTERS if reads else ALIGNED)
            word = self._based(word, base)
            if kind == "amo" and self.paired:  # a breakpoint may have left out what aligned it
                self._asm(f"andi x{base}, x{base}, -8")
            elif kind == "amo" and insn.name.startswith("amo") and rng.random() < 0.3:
                self._misaligned(insn, base, word)
                return
        self._word(word)

    def _misaligned(self, insn: Insn, base: int, word: int) -> None:
        """The AMO at an address that is no multiple of its size, inside an aligned 16 bytes (Zama16b)."""
        assert insn.memory is not None and insn.memory.type is not None
        offset = self.rng.randrange(17 - insn.memory.type.width // 8)
        self._asm(f"andi x30, x{base}, -16\naddi x30, x30, {offset}")
        self._word(self._based(word, 30))

    @staticmethod
    def _based(word: int, register: int) -> int:
        return word & ~(31 << 15) | register << 15

    @staticmethod
    def _aligned(insn: Insn, word: int) -> int:
        """With an offset that is a multiple of the size of the access."""
        assert insn.memory is not None
        size = insn.memory.type.width // 8 if insn.memory.type is not None else 8
        value = insn.pattern.extract(word, "imm") & -size
        for piece in insn.pattern.fields["imm"]:
            word &= ~(((1 << piece.width) - 1) << piece.pos)
        return word | insn.pattern.insert("imm", ((value & 0xFFF) ^ 0x800) - 0x800)

    def _illegal(self) -> None:
        while True:
            word = self.rng.getrandbits(32) | 3
            if word & 0x1F == 0x1F or word & 0x7F in (0x57, 0x07, 0x27, 0x73, 0x6F, 0x67, 0x63):
                continue
            found = lookup(word)
            if found is None and not self._peer_has(word):
                self._word(word)
                return

    @staticmethod
    def _peer_has(word: int) -> bool:
        """Hints and extensions that only the reference knows."""
        return word & 0x7F in (0x0F, 0x13, 0x33, 0x3B, 0x1B, 0x2F, 0x0B, 0x2B, 0x5B, 0x7B)

    def _compressed(self) -> None:
        rng = self.rng
        while True:
            alias = rng.choice(_COMPRESSED)
            half = (rng.getrandbits(16) & ~alias.pattern.mask) | alias.pattern.match
            if not alias.pattern.matches(half):
                continue
            word = alias.expand(half)
            insn = INSNS[alias.target]
            if "rd" in insn.pattern.fields and word >> 7 & 31 in RESERVED:
                continue
            if insn.memory is not None and word >> 15 & 31 not in (POINTERS if insn.memory.kind == "load" else ALIGNED):
                continue
            break
        self.out += half.to_bytes(2, "little") + C_NOP.to_bytes(2, "little")

    def _branch(self) -> None:
        """Forward over a few plain instructions, taken or not."""
        skipped = self._scratch(lambda: [self._plain("int") for _ in range(self.rng.randrange(1, 4))])
        if self.rng.random() < 0.25:
            skipped = C_NOP.to_bytes(2, "little") + skipped if self.paired else skipped
            name, register = self.rng.choice(("c.beqz", "c.bnez")), self.rng.randrange(10, 16)
            self._asm(f"{name} x{register}, {0x8000_0000 + 2 + len(skipped)}")
            self.out += skipped
            return
        branch = self.rng.choice(BRANCHES)
        rs1, rs2 = self.rng.randrange(32), self.rng.randrange(32)
        self._word(branch.pattern.encode(rs1=rs1, rs2=rs2, imm=4 + len(skipped)))
        self.out += skipped

    def _jump(self) -> None:
        skipped = self._scratch(lambda: [self._plain("int") for _ in range(self.rng.randrange(0, 3))])
        link, form = self.rng.choice((0, 1, 5)), self.rng.random()
        if form < 0.3 and self.paired:
            skipped = C_NOP.to_bytes(2, "little") + skipped
        if form < 0.15:
            self._asm(f"c.j {0x8000_0000 + 2 + len(skipped)}")
        elif form < 0.3:
            name = self.rng.choice(("c.jr", "c.jalr"))
            self._asm(f"auipc x5, 0\naddi x5, x5, {10 + len(skipped)}\n{name} x5")
        elif form < 0.65:
            self._word(INSNS["jal"].pattern.encode(rd=link, imm=4 + len(skipped)))
        else:
            odd = self.rng.random() < 0.3  # bit 0 of the target is cleared
            self._asm("auipc x1, 0")
            self._word(INSNS["jalr"].pattern.encode(rd=link, rs1=1, imm=8 + len(skipped) + odd))
        self.out += skipped

    def _scratch(self, make) -> bytes:
        kept, self.out = self.out, bytearray()
        make()
        made, self.out = bytes(self.out), kept
        return made

    def _call(self) -> None:
        """What traps by itself. Not WFI: a segment may be entered from the one before it in another mode, and a Spike
        that waits keeps the end of its log to itself."""
        self._asm(self.rng.choice(("ebreak", "ebreak", "ebreak", "ecall", "c.ebreak\n.half 1")))

    def _gate(self) -> None:
        """Jumps to where only ECALLs are, under whatever permissions; or to where nothing is."""
        rng = self.rng
        if rng.random() < 0.7:
            target = self.gates + 4 * rng.randrange(8 * 1024) + (2 if rng.random() < 0.1 else 0)
        else:
            target = rng.choice((rng.getrandbits(64), rng.getrandbits(39), 1 << 38, 0x4000_0000))
        self._li(30, target & ~1)
        self._word(INSNS["jalr"].pattern.encode(rd=rng.choice((0, 1)), rs1=30, imm=0))

    def _reservation(self) -> None:
        rng = self.rng
        size, register = rng.choice("wd"), rng.choice(ALIGNED)
        self._word(INSNS[f"lr.{size}"].pattern.encode(rd=rng.choice(FREE), rs1=register, aq=rng.getrandbits(1)))
        if rng.random() < 0.5:
            self._plain("int")
        if rng.random() < 0.9:
            self._word(INSNS[f"sc.{size}"].pattern.encode(rd=rng.choice(FREE), rs1=register, rs2=rng.randrange(32)))

    def _landing(self) -> None:
        """An indirect jump forward, to a landing pad most of the time."""
        rng = self.rng
        label = rng.choice((0, 0, rng.getrandbits(20)))
        if rng.random() < 0.7:
            self._asm(f"lui x7, {(label if rng.random() < 0.8 else rng.getrandbits(20)) or 1}")
        skipped = self._scratch(lambda: [self._plain("int") for _ in range(rng.randrange(0, 3))])
        self._asm("auipc x30, 0")
        self._word(INSNS["jalr"].pattern.encode(rd=rng.choice((0, 1)), rs1=30, imm=8 + len(skipped)))
        self.out += skipped
        # A handler goes on behind what it finds: never in the middle of a sequence.
        self._asm(f"lpad {label}" if rng.random() < 0.85 else "nop")

    def _shadow(self) -> None:
        rng = self.rng
        pick = rng.random()
        if pick < 0.3:
            self._asm(rng.choice(("sspush ra", "sspush t0", "c.sspush ra\n.half 1")))
        elif pick < 0.6:
            pop = rng.choice(("sspopchk ra", "sspopchk t0"))
            self._asm(f"{pop.replace('popchk', 'push')}\n{pop}" if rng.random() < 0.5 else pop)
        elif pick < 0.75:
            self._asm(f"ssrdp x{rng.choice([n for n in FREE if n])}")
        elif pick < 0.85:
            self._li(30, self.data(rng))
            self._asm("csrw ssp, x30")
        else:
            self._word(self._based(self._random(INSNS[f"ssamoswap.{rng.choice('wd')}"]), rng.choice(ALIGNED)))

    def _return(self) -> None:
        """A trap return to a little further on, in either code window; or one that is refused."""
        rng = self.rng
        if self.mode in (U, VU) or self.mode != M and rng.random() < 0.15:
            self._asm("mret" if self.mode not in (U, VU) else rng.choice(("sret", "mret")))  # always refused
            return
        window = self.windows if rng.random() < 0.5 else 0
        if rng.random() < 0.5 and window:
            window = -window
        self._asm("auipc x30, 0")
        delta = self._scratch(lambda: self._li(29, window & (1 << 64) - 1))
        returns = ("csrw mnepc, x30\nmnret",) if self.mode == M and rng.random() < 0.4 else ("csrw sepc, x30\nsret",)
        tail = assemble("add x30, x30, x29\n" + returns[0]).data
        self.out += delta
        self._word(INSNS["addi"].pattern.encode(rd=30, rs1=30, imm=4 + len(delta) + 4 + len(tail)))
        self.out += tail

    def _indirect(self, rd: int) -> None:
        """A select value, and an alias: read where the two sides agree on what it holds, else for what it traps as."""
        rng = self.rng
        level = rng.choices(("s", "vs"), (9, 1))[0]  # mireg*: in access.py
        value = rng.choice((0x42, 0x42, 0x40, 0x41, rng.randrange(0x38, 0x68), self._value_of()))
        self._li(rd, value)
        select, alias = BY_NAME[f"{level}iselect"].number, rng.choice(("", "", "2", "2", "3", "4", "5"))
        self._word(select << 20 | rd << 15 | 1 << 12 | 0x73)
        number = BY_NAME[f"{level}ireg{alias}"].number
        if value == 0x42 and alias == "" and rng.random() < 0.7:
            self._word(number << 20 | 2 << 12 | rd << 7 | 0x73)
        else:
            self._word(number << 20 | 2 << 12 | 0x73)

    def _csr(self) -> None:
        rng = self.rng
        pick = rng.random()
        rd, rs1 = rng.choice(FREE), rng.randrange(32)
        if pick < 0.08:
            self._indirect(rd)
        elif pick < 0.11:
            number = rng.choice(_TINST)  # its value before is known only to one side
            self._word(number << 20 | rs1 << 15 | 1 << 12 | 0x73)
            self._word(number << 20 | 2 << 12 | rd << 7 | 0x73)
        elif pick < 0.55:
            number = rng.choice(self.own)
            forms = (5, 6, 7) if BY_NUMBER[number].name in _LOW_BITS else (1, 2, 3, 5, 6, 7)
            self._word(number << 20 | rs1 << 15 | rng.choice(forms) << 12 | rd << 7 | 0x73)
            if rng.random() < 0.7:
                self._word(number << 20 | 2 << 12 | rng.choice(FREE) << 7 | 0x73)
        elif pick < 0.85:
            number = rng.choice(READABLE)
            self._word(number << 20 | rng.choice((2, 3, 6, 7)) << 12 | rd << 7 | 0x73)
        elif pick < 0.95:
            # Refused writes: a register of a higher level, or one that is read-only.
            others = [n for n in WRITABLE if n not in OWN[self.mode] and BY_NUMBER[n].name not in _LOW_BITS]
            number = rng.choice(others or ABSENT)
            self._word(number << 20 | rs1 << 15 | rng.choice((1, 2, 3)) << 12 | rd << 7 | 0x73)
        elif self.mode != M:
            number = rng.choice(GATED)
            self._word(number << 20 | 2 << 12 | 0x73)
        else:
            self._word(rng.choice(ABSENT) << 20 | 2 << 12 | rd << 7 | 0x73)
