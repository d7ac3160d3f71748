"""Single CSR accesses on rvh and on Spike, under random controls: who may do what, what is read and what is written.

``python -m tools.lockstep.access [--seed N] [--programs N] [--seconds S] [--spike PATH]``

A program is a list of cases. For each, M-mode sets every control and enters a mode for one CSR instruction; whatever
comes of it ends in M-mode's handler, which reads the trap and all controls back. So a difference stays in its case, and
the programs can go where those of `stream` keep away from: seed (Zkr), the select registers and aliases of indirect
access (Smcsrind, Sscsrind), and the delegated counters (Smcdeleg, Ssccfg).
"""

from __future__ import annotations

import io
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.emit.disasm import disassemble
from rvh.isa.csrs import BY_NAME
from rvh.trace import CommitLog

from .access_differences import KNOWN, explain
from .differences import SPIKE_ISA
from .elffile import write_elf
from .peer import arguments, seeds

BASE, RECORDS, SLOTS, RAM = 0x8000_0000, 0x8010_0000, 0x8030_0000, 16 << 20
CASES = 3000
MODES = {"M": (3, 0), "HS": (1, 0), "U": (0, 0), "VS": (1, 1), "VU": (0, 1)}
ALL = (1 << 64) - 1

#: What M-mode sets before each access, in this order.
CONTROLS = (
    "mseccfg menvcfg henvcfg mstateen0 hstateen0 mcounteren hcounteren scounteren miselect siselect vsiselect "
    "mcyclecfg minstretcfg mhpmevent3 mhpmevent31 mhpmcounter3 mhpmcounter31 hstatus mcountinhibit minstret"
).split()
#: What the handler reads: the trap, then whatever the access may have changed.
SEEN = ["mcause", "mepc", "mtval", "mstatus", "minstret", *CONTROLS[:-1]]
#: Accessed in every way.
SUBJECTS = [
    "seed", "miselect", "siselect", "vsiselect", "scountinhibit", "mcountinhibit", "scountovf", "mcyclecfg",
    "minstretcfg", "mhpmevent3", "mhpmevent31", "cycle", "instret", "hpmcounter3", "hpmcounter31", "mcounteren",
    "hcounteren", "scounteren",
    *(f"{level}ireg{n}" for level in ("m", "s", "s", "s", "vs") for n in ("", "", "", 2, 2, 3, 4, 5, 6)),
]  # fmt: skip
_SKIPPED = {"misa", "mvendorid", "marchid", "mimpid", "tselect", "tdata1", "tdata2", "tdata3", "tinfo", "tcontrol"}
#: Read only: `stream` writes them, with all that follows. Not those whose values are the implementation's.
_OTHERS = [
    row.name for row in BY_NAME.values()
    if row.name not in _SKIPPED and row.name not in SUBJECTS and row.needs not in ("Zve32x", "Smrnmi")
    and "Sdtrig" not in row.needs
]  # fmt: skip
_INHIBIT = (0, 0, 1 << 63, 1 << 62, 1 << 61, 1 << 60, 0x1F << 58, 0x3F << 58)


@dataclass(frozen=True)
class Case:
    """One access: the CSR instruction, in which mode, x10 before it and the controls' values as they are written."""

    mode: str
    name: str
    word: int
    operand: int
    controls: dict[str, int]

    @property
    def reads(self) -> bool:
        """As the manual counts reads: not CSRRW with rd=x0."""
        return bool(self.word >> 12 & 3 != 1 or self.word >> 7 & 31)

    @property
    def writes(self) -> bool:
        return bool(self.word >> 12 & 3 == 1 or self.word >> 15 & 31)

    def __str__(self) -> str:
        controls = " ".join(f"{name}={value:#x}" for name, value in self.controls.items() if value)
        return f"{self.mode}: {disassemble(self.word)}, x10={self.operand:#x}; {controls}"


def make_case(rng: random.Random) -> Case:
    """A random one."""
    chance = rng.random

    def mask(width: int) -> int:
        return rng.choice((0, (1 << width) - 1, rng.getrandbits(width), rng.getrandbits(width)))

    def select() -> int:
        if chance() < 0.8:  # only counters that are set up for each case
            return 0x40 + rng.choice((0, 1, 2, 3, 31))
        return rng.choice((0, 0x3F, 0x60, 0x140, 1 << 63 | 0x43, rng.getrandbits(64)))

    def enables() -> int:
        return (chance() < 0.75) << 60 | (chance() < 0.8) << 63 | (chance() < 0.8) << 62

    controls = {
        "mseccfg": (chance() < 0.5) << 8 | (chance() < 0.5) << 9,
        "menvcfg": (chance() < 0.7) << 60 | (chance() < 0.7) << 63,
        "henvcfg": (chance() < 0.7) << 63,
        "mstateen0": enables(), "hstateen0": enables(),
        "mcounteren": mask(32), "hcounteren": mask(32), "scounteren": mask(32),
        "miselect": select(), "siselect": select(), "vsiselect": select(),
        "mcyclecfg": rng.choice(_INHIBIT) & 0x1F << 58, "minstretcfg": rng.choice(_INHIBIT) & 0x1F << 58,
        "mhpmevent3": rng.choice(_INHIBIT), "mhpmevent31": rng.choice(_INHIBIT),
        "mhpmcounter3": 0, "mhpmcounter31": 0,  # all that Spike's hold
        "hstatus": (chance() < 0.3) << 20, "mcountinhibit": mask(32) & ~2, "minstret": rng.getrandbits(40),
    }  # fmt: skip
    mode = rng.choice(("M", "HS", "HS", "U", "VS", "VS", "VU"))
    name = rng.choice(SUBJECTS)
    funct3, rs1, rd = rng.choice((1, 2, 3, 5, 6, 7)), rng.choice((0, 10)), rng.choice((0, 11))
    if chance() < 0.2:
        name, funct3, rs1, rd = rng.choice(_OTHERS), 2, 0, rng.choice((0, 11))
    if funct3 > 4 and rs1:
        rs1 = rng.randrange(1, 32)
    operand = rng.choice((0, ALL, select(), rng.choice(_INHIBIT), rng.getrandbits(32), rng.getrandbits(64)))
    return Case(mode, name, BY_NAME[name].number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73, operand, controls)


_AFTER = 8 * len(CONTROLS)  # in a record: x10, mstatus, the slot
_SIZE = _AFTER + 24


def _source(n: int) -> str:
    write = "\n".join(f"ld x5, {8 * at}(x8)\ncsrw {name}, x5" for at, name in enumerate(CONTROLS))
    read = "\n".join(f"seen_{name}: csrr x6, {name}" for name in SEEN)
    return f"""
        la x5, handler
        csrw mtvec, x5
        csrw medeleg, x0
        csrw mie, x0
        li x5, -1
        li x6, 0x2004000
        sd x5, 0(x6)
        csrw stimecmp, x5
        csrw vstimecmp, x5
        csrw pmpaddr0, x5
        csrwi pmpcfg0, 0x1f
        li x8, {RECORDS}
        li x9, {RECORDS + n * _SIZE}
        .balign 4
next:   beq x8, x9, finish
        ld x5, {_AFTER + 8}(x8)
        csrw mstatus, x5
        ld x5, {_AFTER + 16}(x8)
        csrw mepc, x5
        ld x10, {_AFTER}(x8)
        li x11, 0
{write}
        mret
        .balign 4
handler:
{read}
        csrw mcause, x0
        csrw mtval, x0
        addi x8, x8, {_SIZE}
        j next
finish: la x5, tohost
        li x6, 1
        sd x6, 0(x5)
1:      j 1b
        .balign 64
tohost: .dword 0, 0
"""


class Program:
    """The cases of a seed, as an ELF file, and where in it what happens."""

    def __init__(self, seed: int, n: int = CASES):
        rng = random.Random(seed)
        self.cases = [make_case(rng) for _ in range(n)]
        code = assemble(_source(n), BASE)
        self.next = code.symbols["next"]
        self.places = {code.symbols[f"seen_{name}"]: name for name in SEEN}
        image = bytearray(SLOTS - BASE)
        image[: len(code.data)] = code.data
        at = RECORDS - BASE
        for number, case in enumerate(self.cases):
            mpp, mpv = MODES[case.mode]
            values = [*case.controls.values(), case.operand, mpp << 11 | mpv << 39 | 3 << 13, self.slot(number)]
            record = b"".join(value.to_bytes(8, "little") for value in values)
            image[at : at + _SIZE] = record
            at += _SIZE
            image += case.word.to_bytes(4, "little") + 0x73.to_bytes(4, "little")
        assert at <= SLOTS - BASE
        self.elf = write_elf(BASE, bytes(image), code.symbols["tohost"])

    @staticmethod
    def slot(number: int) -> int:
        """Where the instruction of a case is; an ECALL follows."""
        return SLOTS + 8 * number


_CSR = re.compile(rb" c\d+_\w+ 0x[0-9a-f]{16}")
_LINE = re.compile(rb"core +0: [0-3] 0x([0-9a-f]{16}) \(0x[0-9a-f]+\)(?: x\d+ +0x([0-9a-f]+))?")


def _chunks(log: bytes, program: Program) -> list[bytes]:
    """The log by cases, without the CSRs that its lines name: what they hold, the handler reads."""
    mark = b"core   0: 3 0x%016x" % program.next
    return _CSR.sub(b"", log).split(mark)[1:-1]


def _seen(chunk: bytes, program: Program, number: int) -> dict[str, int | None]:
    """What a case came to: ``access`` only if it retired, with the value read or None; and `SEEN`."""
    out: dict[str, int | None] = {}
    for m in _LINE.finditer(chunk):
        pc, value = int(m[1], 16), int(m[2], 16) if m[2] else None
        if pc == program.slot(number):
            out["access"] = value
        elif pc in program.places:
            out[program.places[pc]] = value
    return out


@dataclass
class Outcome:
    """``compared``: instructions that both have retired; ``known`` differences by name; the rest in words."""

    compared: int
    known: Counter[str]
    unknown: list[str]


def compare(seed: int, spike: str = "spike", n: int = CASES) -> Outcome:
    """One program on both sides. Raises RuntimeError if one of them does not come to its end."""
    program = Program(seed, n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.elf"
        path.write_bytes(program.elf)
        machine = Machine(ram=RAM, isa="max")
        machine.load(path)
        log = io.BytesIO()
        with CommitLog(machine, log):
            stop = machine.run(max_insns=n * 200)
        command = [spike, f"--isa={SPIKE_ISA}", f"-m0x{BASE:x}:0x{RAM:x}", "--log-commits", "--log=/dev/stdout", path]
        peer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    mine, theirs = (_chunks(text, program) for text in (log.getvalue(), peer.stdout))
    if stop.kind != "pass" or len(mine) != n or len(theirs) != n:
        raise RuntimeError(f"seed {seed}: {stop}, {len(mine)} of {n} cases here, {len(theirs)} on Spike")
    outcome = Outcome(0, Counter(), [])
    for number, (case, a, b) in enumerate(zip(program.cases, mine, theirs, strict=True)):
        outcome.compared += a.count(b"\n")
        if a == b:
            continue
        here, there = (_seen(chunk, program, number) for chunk in (a, b))
        keys = [key for key in ("access", *SEEN) if key in here or key in there]
        differ = {k: (here.get(k), there.get(k)) for k in keys if here.get(k, "-") != there.get(k, "-")}
        retired = "access" in here, "access" in there
        name = explain(case, differ, retired)
        if name is not None:
            outcome.known[name] += 1
            continue
        lines = [f"seed {seed} case {number}: {case}", f"  retired: here {retired[0]}, on Spike {retired[1]}"]
        lines += [f"  {key}: here {x if x is None else hex(x)}, on Spike {y if y is None else hex(y)}"
                  for key, (x, y) in differ.items()]  # fmt: skip
        outcome.unknown.append("\n".join(lines))
    return outcome


def main() -> int:
    """0: nothing unexplained; 1: differences, the first few shown; 2: no Spike."""
    parser = arguments("lockstep.access", __doc__)
    parser.add_argument("--spike", default="spike")
    args = parser.parse_args()
    if shutil.which(args.spike) is None:
        print(f"lockstep: no {args.spike} here", file=sys.stderr)
        return 2
    started, total, failed = time.monotonic(), 0, 0
    known: Counter[str] = Counter()
    for seed in seeds(args):
        outcome = compare(seed, args.spike)
        total += outcome.compared
        known += outcome.known
        failed += len(outcome.unknown)
        print("\n".join(outcome.unknown[:5]), end="\n" if outcome.unknown else "", flush=True)
        if outcome.unknown:
            break
    print(f"{total} instructions compared in {time.monotonic() - started:.0f} s, {failed} unexplained differences")
    for name, count in known.items():
        print(f"  {count} x {name}: {KNOWN[name].reason} ({KNOWN[name].section})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
