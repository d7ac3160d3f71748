"""Random vector programs in S- and VS-mode whose loads and stores meet page faults half-way, on rvh and on Spike.

A handler in M-mode repairs the page and goes back, so that the instruction resumes at vstart; the body then makes other
pages fail, in the first stage of translation, the second, or where the second maps a table of the first. What traps
write and, every few instructions, all vector registers go into a checksum; the lists of checksums must agree. Then, so
that a difference is found, the program is run again by `vector.replay`, instruction by instruction.

``python -m tools.lockstep.vector_paged [--seed N] [--programs N] [--seconds S] [--vlen BITS] [--spike PATH]``
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rvh import Machine
from rvh.emit.asm import assemble, load_immediate
from rvh.isa.dsl import Insn
from rvh.trace import Tracer

from . import vector
from .elffile import write_elf
from .peer import arguments, seeds
from .vector import ARITHMETIC, BASE, MEMORY, RAM, SCALARS, SETTINGS, VALUES

# Physical memory, and the virtual map: 2 MiB each.
DATA, TABLES, G_TABLES, DUMP = BASE + 0x20_0000, BASE + 0x40_0000, BASE + 0x60_0000, BASE + 0x80_0000
PAGES = 16
SIGNATURE = DUMP + 0x1_0000
TOHOST = BASE + 0x1F_F000
ROOT, MIDDLE, LEAVES = TABLES, TABLES + 0x1000, TABLES + 0x2000
G_ROOT, G_MIDDLE, G_LEAVES, G_OF_TABLES = G_TABLES, G_TABLES + 0x4000, G_TABLES + 0x5000, G_TABLES + 0x6000
V, R, W, X, U, A, D = 1, 2, 4, 8, 16, 64, 128
FULL = V | R | W | X | A | D
#: Ways of making a page fail; U is the other way round in the two stages.
SPOILED = (0, FULL & ~V, FULL & ~A, FULL & ~D, FULL & ~(R | W), FULL & ~W, FULL ^ U)
FOLD_EVERY = 24
#: A program that retires more than this has lost its way.
LIMIT = 200_000_000

SETUP = """
        li x5, 0x6600
        csrw mstatus, x5
        csrw vsstatus, x5
        la x5, handler
        csrw mtvec, x5
        li x5, -1
        csrw pmpaddr0, x5
        li x5, 0x1f
        csrw pmpcfg0, x5
        csrw medeleg, x0
        csrw mideleg, x0
        csrw menvcfg, x0
        csrw henvcfg, x0
        li x5, {satp}
        csrw {satp_name}, x5
        li x5, {hgatp}
        csrw hgatp, x5
        sfence.vma
        hfence.gvma
        hfence.vvma
        li x5, {mpp}
        csrs mstatus, x5
        la x5, start
        csrw mepc, x5
        li x20, {turns}
        li x21, 0
        li x22, 0
        li x23, 0x9e3779b97f4a7c15
        li x26, {signature}
        li x27, 1
        mret
        .balign 4
handler:
        csrr x28, mcause
        xor x27, x27, x28
        mul x27, x27, x23
        csrr x29, mtval
        xor x27, x27, x29
        mul x27, x27, x23
        csrr x30, mtval2
        xor x27, x27, x30
        mul x27, x27, x23
        csrr x31, mepc
        xor x27, x27, x31
        mul x27, x27, x23
        csrr x31, vstart
        xor x27, x27, x31
        mul x27, x27, x23
        csrr x31, mstatus
        xor x27, x27, x31
        mul x27, x27, x23
        srli x31, x27, 29
        xor x27, x27, x31
        li x31, 9
        beq x28, x31, spoil
        li x31, 10
        beq x28, x31, spoil
        li x31, 11
        beq x28, x31, finish
        li x31, 20
        bgtu x28, x31, second
        andi x31, x28, -3
        addi x31, x31, -13
        bnez x31, skip
        li x31, {data}
        sub x30, x29, x31
        li x31, {size}
        bgeu x30, x31, skip
        li x31, {leaves}
        li x28, {first_flags}
        j repair
second:
        slli x29, x30, 2
        li x31, {data}
        sub x30, x29, x31
        li x31, {size}
        bgeu x30, x31, table
        li x31, {g_leaves}
        li x28, {second_flags}
        j repair
table:
        li x31, {tables}
        sub x30, x29, x31
        li x31, 0x200000
        bgeu x30, x31, skip
        li x31, {g_of_tables}
        li x28, {second_flags}
repair:
        srli x30, x30, 12
        slli x30, x30, 3
        add x31, x31, x30
        srli x29, x29, 12
        slli x29, x29, 10
        or x29, x29, x28
        sd x29, 0(x31)
        addi x22, x22, 1
        csrr x31, vstart
        snez x31, x31
        add x21, x21, x31
        j fences
spoil:
        beqz x25, finish
        sd x24, 0(x25)
        j over
skip:
        csrw vstart, x0
over:
        csrr x31, mepc
        addi x31, x31, 4
        csrw mepc, x31
fences:
        sfence.vma
        hfence.gvma
        hfence.vvma
        mret
finish:
        li x28, {data}
        li x29, {size}
        add x29, x29, x28
1:      ld x30, 0(x28)
        xor x27, x27, x30
        mul x27, x27, x23
        srli x30, x27, 29
        xor x27, x27, x30
        addi x28, x28, 8
        bltu x28, x29, 1b
        sd x27, 0(x26)
        sd x22, 8(x26)
        sd x21, 16(x26)
        li x5, {tohost}
        li x6, 1
        sd x6, 0(x5)
1:      j 1b
fold:
{dump}
        csrr x6, vtype
        xor x27, x27, x6
        mul x27, x27, x23
        csrr x6, vl
        xor x27, x27, x6
        mul x27, x27, x23
        csrr x6, vcsr
        xor x27, x27, x6
        mul x27, x27, x23
        csrr x6, fcsr
        xor x27, x27, x6
        mul x27, x27, x23
        li x5, {dump_at}
        li x7, {dump_end}
1:      ld x6, 0(x5)
        xor x27, x27, x6
        mul x27, x27, x23
        srli x6, x27, 29
        xor x27, x27, x6
        addi x5, x5, 8
        bltu x5, x7, 1b
        sd x27, 0(x26)
        addi x26, x26, 8
        ret
start:
        vsetvli x5, x0, 0xc3
"""

#: name -> (satp's name, MPP and MPV, whether hgatp is on)
MODES = {"S": ("satp", 1 << 11, False), "VS": ("vsatp", 1 << 11 | 1 << 39, True)}


@dataclass
class Plan:
    """One program."""

    seed: int
    mode: str
    vlen: int
    length: int = 1500  # random instructions in a turn
    turns: int = 30

    @property
    def folds(self) -> int:
        """Checksums: the last is of the data at the end. Two counters follow them."""
        return self.turns * (self.length // FOLD_EVERY) + 1


@dataclass
class Outcome:
    """``vectors``: vector instructions retired; ``faults``: pages repaired; ``resumed``: those with vstart beyond 0."""

    vectors: int = 0
    faults: int = 0
    resumed: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.vectors + other.vectors, self.faults + other.faults, self.resumed + other.resumed)


def _vectors(records: np.ndarray) -> int:
    """How many of a trace's records are of vector instructions that have retired."""
    insn = records["insn"][records["kind"] == 0]
    opcode, width = insn & 0x7F, insn >> 12 & 7
    memory = ((opcode == 0x07) | (opcode == 0x27)) & ((width == 0) | (width > 4))
    return int((memory | (opcode == 0x57) | (opcode == 0x77)).sum())


class _Body:
    """Random instructions, as vector.py makes them; pages fail before many that access memory."""

    def __init__(self, plan: Plan, rng: random.Random, fold: int, at: int) -> None:
        self.plan, self.rng, self.fold, self.base = plan, rng, fold, at
        self.out = bytearray()

    def asm(self, text: str) -> None:
        self.out += assemble(text, self.base + len(self.out)).data

    def li(self, register: int, value: int) -> None:
        for name, *rest in load_immediate(f"x{register}", value):
            self.out += assemble(f"{name} {', '.join(rest)}").data

    def word(self, insn: Insn, **fields: int) -> None:
        """A random encoding with these fields, registers mostly such that groups may begin there."""
        rng, pattern = self.rng, insn.pattern
        while True:
            word = (rng.getrandbits(32) & ~pattern.mask) | pattern.match
            if "vm" in pattern.fields and rng.random() < 0.4:
                word |= 1 << 25
            for name in ("vd", "vs1", "vs2", "vs3"):
                if name in pattern.fields and rng.random() < 0.85:
                    word &= ~pattern.insert(name, rng.choice((1, 3, 7)))
            for name, value in fields.items():
                if name in pattern.fields:
                    word = word & ~pattern.word_bits(name) | pattern.insert(name, value)
            if pattern.matches(word):
                self.out += word.to_bytes(4, "little")
                return

    def spoil(self, page: int) -> None:
        """Makes a page of the data fail in one stage, or the table of the first stage in the second."""
        rng = self.rng
        pa, table, owner = DATA + 4096 * page, LEAVES, 0
        if self.plan.mode == "VS" and rng.random() < 0.55:
            table, owner = G_LEAVES, U
            if rng.random() < 0.15:
                pa, table, page = LEAVES, G_OF_TABLES, LEAVES - TABLES >> 12
        self.li(25, table + 8 * page)
        self.li(24, pa >> 12 << 10 | rng.choice(SPOILED) ^ owner)
        self.asm("ecall")

    def access(self) -> None:
        rng, insn = self.rng, self.rng.choice(MEMORY)
        page = rng.randrange(3, PAGES - 4)
        near = rng.random() < 0.7
        offset = 4096 - 8 * rng.randrange(64) if near else 8 * rng.randrange(512)
        for _ in range(rng.choice((0, 1, 1, 2))):
            self.spoil(min(page + rng.choice((0, 1, 1, 2)), PAGES - 1))
        self.li(8, DATA + 4096 * page + offset)
        if "rs2" in insn.pattern.fields:
            self.li(9, rng.choice((0, 1, 8, 16, 3, -8, 24, 256, 1024)) & (1 << 64) - 1)
        group = rng.choice((8, 16, 24))
        if "vs2" in insn.pattern.fields and "ei8" not in insn.name:
            # Page 0 has small numbers, good as indices of any width.
            self.li(5, DATA + 8 * rng.randrange(128))
            self.asm(f"vl8re8.v v{group}, (x5)")
        self.word(insn, rs1=8, rs2=9, vs2=group)

    def settings(self) -> None:
        rng = self.rng
        if rng.random() < 0.9:
            vtype = rng.choice((0, 1, 2, 3)) << 3 | rng.choice((0, 0, 1, 2, 3, 5, 6, 7)) | rng.getrandbits(2) << 6
            self.li(5, rng.choice((rng.randrange(20), 8 * rng.randrange(1, 9), rng.randrange(300), 1 << 40)))
            self.asm(f"vsetvli x6, {rng.choice(('x5', 'x5', 'x0'))}, {vtype}")
        else:
            self.word(rng.choice(SETTINGS), rd=rng.choice((0, 6)))

    def one(self) -> None:
        rng, pick = self.rng, self.rng.random()
        if pick < 0.08:
            self.settings()
        elif pick < 0.11:
            self.li(rng.choice(SCALARS), rng.choice(VALUES) if rng.random() < 0.6 else rng.getrandbits(64))
        elif pick < 0.14:
            self.li(8, DATA + rng.randrange(4096, 4096 * (PAGES - 2), 8))
            self.asm(f"vl8re8.v v{rng.choice((0, 8, 16, 24))}, (x8)")
        elif pick < 0.15:
            self.asm(f"csrwi {rng.choice(('vstart', 'vxrm', 'vcsr'))}, {rng.randrange(8)}")
        elif pick < 0.16:
            self.asm(f"csrwi frm, {rng.choice((0, 1, 2, 3, 4, 7))}")
        elif pick < 0.6:
            self.access()
        else:
            self.word(rng.choice(ARITHMETIC), rs1=rng.choice(SCALARS), rd=6)

    def turn(self) -> bytes:
        for register in SCALARS:
            self.li(register, self.rng.choice(VALUES))
        for register in range(32):
            self.li(
                5,
                int.from_bytes(vector._floats(self.rng), "little")
                | self.rng.choice((0, 0xFFFF_FFFF << 32, -1 << 16 & (1 << 64) - 1)),
            )
            self.asm(f"fmv.d.x f{register}, x5")
        for n in range(1, self.plan.length + 1):
            self.one()
            if n % FOLD_EVERY == 0:
                self.asm(f"jal x1, {self.fold}")
        return bytes(self.out)


def _leaf(pa: int, flags: int) -> int:
    return pa >> 12 << 10 | flags


def _tables(image: bytearray, mode: str) -> None:
    def put(at: int, value: int) -> None:
        image[at - BASE : at - BASE + 8] = value.to_bytes(8, "little")

    def stage(root: int, middle: int, leaves: int, user: int) -> None:
        put(root + 8 * (BASE >> 30), _leaf(middle, V))
        for n in range(5):
            put(middle + 8 * n, _leaf(BASE + 0x20_0000 * n, FULL | user))
        put(middle + 8, _leaf(leaves, V))
        for n in range(PAGES):
            put(leaves + 8 * n, _leaf(DATA + 4096 * n, FULL | user))

    stage(ROOT, MIDDLE, LEAVES, 0)
    if mode == "VS":
        stage(G_ROOT, G_MIDDLE, G_LEAVES, U)
        put(G_MIDDLE + 16, _leaf(G_OF_TABLES, V))
        for n in range(512):
            put(G_OF_TABLES + 8 * n, _leaf(TABLES + 4096 * n, FULL | U))


def build(plan: Plan) -> bytes:
    """The program as an ELF file; its signature is the list of checksums."""
    rng = random.Random(plan.seed)
    satp_name, mpp, second = MODES[plan.mode]
    size = plan.vlen // 8
    dump = "\n".join(f"        li x5, {DUMP + n * size}\n        vs8r.v v{n}, (x5)" for n in (0, 8, 16, 24))
    source = SETUP.format(
        satp=8 << 60 | ROOT >> 12, satp_name=satp_name, hgatp=(8 << 60 | G_ROOT >> 12) if second else 0, mpp=mpp,
        turns=plan.turns, signature=SIGNATURE, data=DATA, size=4096 * PAGES, leaves=LEAVES, g_leaves=G_LEAVES,
        tables=TABLES, g_of_tables=G_OF_TABLES, first_flags=FULL, second_flags=FULL | U, tohost=TOHOST, dump=dump,
        dump_at=DUMP, dump_end=DUMP + 32 * size,
    )  # fmt: skip
    program = assemble(source, BASE)
    loop = BASE + len(program.data)
    code = _Body(plan, rng, program.symbols["fold"], loop).turn()
    after = loop + len(code)
    tail = assemble(f"addi x20, x20, -1\nbeqz x20, 1f\nli x5, {loop}\njr x5\n1: li x25, 0\necall", after).data
    image = bytearray(SIGNATURE + 8 * (plan.folds + 2) - BASE)
    whole = program.data + code + tail
    if len(whole) > TOHOST - BASE:
        raise ValueError("the code does not fit: fewer instructions")
    image[: len(whole)] = whole
    data = bytearray()
    while len(data) < 4096 * PAGES:
        kind = rng.random()
        data += (
            rng.choice(VALUES).to_bytes(8, "little")
            if kind < 0.3
            else rng.randbytes(8)
            if kind < 0.6
            else vector._floats(rng)
        )
    for n in range(0, 4096, 8):
        data[n : n + 8] = rng.randrange(4096 * 3).to_bytes(8, "little")
    image[DATA - BASE : DATA - BASE + len(data)] = data
    _tables(image, plan.mode)
    return write_elf(BASE, bytes(image), TOHOST, (SIGNATURE, SIGNATURE + 8 * (plan.folds + 2)))


def isa(vlen: int) -> str:
    """What both sides get."""
    return f"rv64gcvh_zfh_zfbfmin_zvfh_zvfbfmin_zvfbfwma_zvl{vlen}b_zicntr_zicclsm_{vector.CRYPTOGRAPHY}"


def compare(plan: Plan, spike: str) -> Outcome:
    """Raises vector.Difference unless the checksums agree."""
    outcome = Outcome()

    def count(records: np.ndarray) -> None:
        outcome.vectors += _vectors(records)

    with tempfile.TemporaryDirectory() as folder:
        path, signature = Path(folder) / "program.elf", Path(folder) / "signature"
        path.write_bytes(build(plan))
        command = [spike, f"--isa={isa(plan.vlen)}", f"-m0x{BASE:x}:0x{RAM:x}", f"+signature={signature}",
                   "+signature-granularity=8", str(path)]  # fmt: skip
        peer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            machine = Machine(isa=isa(plan.vlen), ram=RAM)
            machine.load(path)
            with Tracer(machine, count):
                stop = machine.run(max_insns=LIMIT)
            peer.wait(timeout=300)
        finally:
            peer.kill()
            peer.wait()
        if stop.kind != "pass":
            raise vector.Difference(f"{plan}: rvh ended with {stop}, {machine.harts[0]}")
        data = machine.memory.read(SIGNATURE, 8 * (plan.folds + 2))
        mine = [int.from_bytes(data[n : n + 8], "little") for n in range(0, len(data), 8)]
        theirs = [int(line, 16) for line in signature.read_text().split()][: len(mine)]
        if mine != theirs:
            first = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), len(theirs))
            raise vector.Difference(f"{plan}: checksum {first} of {len(mine)} differs\n{_where(plan, spike, path)}")
        machine.close()
    outcome.faults, outcome.resumed = mine[-2:]
    return outcome


def _where(plan: Plan, spike: str, path: Path) -> str:
    try:
        vector.replay(str(plan), path, isa(plan.vlen), plan.vlen, spike)
    except vector.Difference as error:
        return str(error)
    return "instruction by instruction no difference is found"


def main() -> int:
    """0: no difference; 1: one, shown; 2: no Spike."""
    parser = arguments("lockstep.vector_paged", __doc__)
    parser.add_argument("--vlen", type=int, default=0, help="128 to 1024; by turns unless given")
    parser.add_argument("--spike", default="spike")
    args = parser.parse_args()
    if shutil.which(args.spike) is None:
        print(f"lockstep: no {args.spike} here", file=sys.stderr)
        return 2
    started, total, failed, done = time.monotonic(), Outcome(), 0, 0
    for seed in seeds(args):
        vlen = args.vlen or (128, 256, 512, 1024)[seed % 4]
        try:
            total += compare(Plan(seed, ("S", "VS", "VS")[seed % 3], vlen), args.spike)
        except vector.Difference as error:
            print(error, flush=True)
            failed += 1
        done += 1
    print(
        f"{done} programs, {total.vectors} vector instructions, {total.faults} page faults repaired, {total.resumed} "
        f"of them beyond element 0, in {time.monotonic() - started:.0f} s; {failed} programs differ"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
