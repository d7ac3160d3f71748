"""Random vector instructions in M-mode, made from the definitions, run on rvh and on Spike: after each instruction
every vector register, and what Spike's commit log says of x registers, must agree.

``python -m tools.lockstep.vector [--seed N] [--programs N] [--seconds S] [--vlen BITS] [--spike PATH]``
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from rvh import Machine
from rvh.emit.asm import assemble, load_immediate
from rvh.emit.disasm import disassemble
from rvh.isa import INSNS
from rvh.isa.dsl import Insn

from .elffile import write_elf
from .peer import arguments, output, seeds

BASE, DATA, DATA_SIZE = 0x8000_0000, 0x8008_0000, 0x2_0000
TOHOST = 0x800F_F000
RAM = 16 << 20
POINTER, INDEX, SCALARS, TEMPORARY = 8, 9, (10, 11, 12, 13), 30
CRYPTOGRAPHY = "zvbb_zvbc_zvkng_zvksg"
VALUES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
#: Of floats by width: exponent and fraction bits.
FORMATS = {16: (5, 10), 32: (8, 23), 64: (11, 52)}

_VECTOR = [i for i in INSNS.values() if i.whole_word]
SETTINGS = [i for i in _VECTOR if i.name.startswith("vset")]
MEMORY = [i for i in _VECTOR if i.pattern.match & 0x7F in (0x07, 0x27)]
ARITHMETIC = [i for i in _VECTOR if i not in SETTINGS and i not in MEMORY]

_LINE = re.compile(rb"core +0: [0-3] 0x([0-9a-f]{16}) \(0x([0-9a-f]+)\)(.*)")
_REGISTER = re.compile(rb" ([xfv])(\d+) +0x([0-9a-f]+)")


def _float(rng: random.Random, width: int) -> int:
    """A number with something to it: near others, at the ends of the range, subnormal, infinite, NaN of either kind."""
    e, s = FORMATS[width]
    exponent = rng.choice(
        (0, 0, 1, 2, (1 << e) - 1, (1 << e) - 2, *(((1 << e - 1) - 1 + d) for d in (-s, -2, -1, 0, 1, 2, s)))
    )
    fraction = rng.choice((0, 0, 1, (1 << s) - 1, 1 << s - 1, rng.getrandbits(s), rng.getrandbits(3) << s - 3))
    return rng.getrandbits(1) << e + s | exponent << s | fraction


def _floats(rng: random.Random) -> bytes:
    """Eight bytes of them."""
    width = rng.choice((16, 32, 32, 64, 64))
    return b"".join(_float(rng, width).to_bytes(width // 8, "little") for _ in range(64 // width))


def _any(insn: Insn, word: int) -> bool:
    return True


def program(seed: int, n: int, each: str = "", more: str = "", takes: Callable[[Insn, int], bool] = _any) -> bytes:
    """The code: n instructions with what they need, the first ones the same for all n. Behind each the routine ``each``
    of ``more`` is called; of vector instructions there are only those that ``takes`` takes."""
    rng = random.Random(seed)
    first = assemble("""
        li x5, 0x6600
        csrw mstatus, x5
        la x5, handler
        csrw mtvec, x5
        j start
        .balign 4
    handler:
        csrr x5, mcause
        csrr x6, mtval
        csrr x6, 0x008
        csrw 0x008, x0
        csrr x6, mepc
        addi x6, x6, 4
        csrw mepc, x6
        mret
    more:
    """ + more + """
    start:
        vsetvli x5, x0, 0xc3
        csrwi fcsr, 0
    """, BASE)  # fmt: skip
    out = bytearray(first.data)

    def asm(text: str) -> None:
        out.extend(assemble(text).data)

    def li(register: int, value: int) -> None:
        asm("\n".join(f"{name} {', '.join(rest)}" for name, *rest in load_immediate(f"x{register}", value)))

    def random_word(insn: Insn) -> int:
        while True:
            word = (rng.getrandbits(32) & ~insn.pattern.mask) | insn.pattern.match
            if "vm" in insn.pattern.fields and rng.random() < 0.3:
                word |= 1 << 25
            # Registers that groups may begin at, most of the time.
            for position in (7, 15, 20):
                if not insn.pattern.mask >> position & 31 and rng.random() < 0.8:
                    word &= ~(rng.choice((1, 3, 7)) << position)
            word = word & ~insn.pattern.mask | insn.pattern.match
            if insn.pattern.matches(word):
                return word

    def put(insn: Insn, word: int) -> None:
        if takes(insn, word):
            out.extend(word.to_bytes(4, "little"))

    def field(word: int, position: int, value: int) -> int:
        return word & ~(31 << position) | value << position

    def fill() -> None:
        li(POINTER, DATA + rng.randrange(0, DATA_SIZE - 4096, 8))
        asm(f"vl8re8.v v{rng.choice((0, 8, 16, 24))}, (x{POINTER})")

    li(7, DATA + DATA_SIZE)
    for register in SCALARS:
        li(register, rng.choice(VALUES))
    for group in (0, 8, 16, 24):
        li(POINTER, DATA + rng.randrange(0, DATA_SIZE - 4096, 8))
        asm(f"vl8re8.v v{group}, (x{POINTER})")

    def floats(step: int = 3) -> None:
        """New values in f registers, boxed or not."""
        li(POINTER, DATA + rng.randrange(0, DATA_SIZE - 4096, 8))
        asm(
            "\n".join(
                f"{rng.choice(('fld', 'fld', 'flw', 'flh'))} f{n}, {8 * n}(x{POINTER})" for n in range(0, 32, step)
            )
        )

    floats(1)
    for _ in range(n):
        pick = rng.random()
        if pick < 0.12:
            if rng.random() < 0.7:
                vtype = rng.choice((0, 1, 2, 3)) << 3 | rng.choice((0, 0, 1, 2, 3, 5, 6, 7)) | rng.getrandbits(2) << 6
                li(5, rng.choice((rng.randrange(20), 8 * rng.randrange(1, 9), rng.randrange(300), 1 << 40)))
                asm(f"vsetvli x6, {rng.choice(('x5', 'x5', 'x0'))}, {vtype}")
            else:
                insn = rng.choice(SETTINGS)
                word = random_word(insn)
                put(insn, field(word, 7, rng.choice((0, 6))))
        elif pick < 0.2:
            li(rng.choice(SCALARS), rng.choice(VALUES) if rng.random() < 0.6 else rng.getrandbits(64))
        elif pick < 0.23:
            fill()
        elif pick < 0.25:
            asm(f"csrwi {rng.choice(('vstart', 'vxrm', 'vxrm', 'vcsr'))}, {rng.randrange(8)}\ncsrr x6, vcsr")
            if rng.random() < 0.5:
                asm("csrr x6, mstatus\ncsrr x6, vl\ncsrr x6, vtype")
        elif pick < 0.27:
            asm(rng.choice(("csrr x6, fcsr", "csrr x6, fcsr\ncsrwi fflags, 0", "csrr x6, mstatus")))
        elif pick < 0.29:
            asm(f"csrwi frm, {rng.choice((0, 0, 0, 1, 2, 3, 4, rng.randrange(8)))}")
        elif pick < 0.3:
            floats()
        elif pick < 0.46:
            insn = rng.choice(MEMORY)
            word = field(random_word(insn), 15, POINTER)
            li(POINTER, DATA + DATA_SIZE // 2 + rng.randrange(0, 8192) * (1 if rng.random() < 0.3 else 8) % 8192)
            if "rs2" in insn.pattern.fields:
                li(INDEX, rng.choice((0, 1, 8, 16, 3, -8, 24)) & (1 << 64) - 1)
                word = field(word, 20, INDEX)
            if "vs2" in insn.pattern.fields:
                # Small numbers as indices, but for 8-bit ones.
                group = rng.choice((8, 16, 24))
                word = field(word, 20, group)
                if insn.name.find("ei8") < 0:
                    asm(f"vl8re8.v v{group}, (x7)")
            put(insn, word)
        else:
            insn = rng.choice(ARITHMETIC)
            word = random_word(insn)
            if "rs1" in insn.pattern.fields:
                word = field(word, 15, rng.choice(SCALARS))
            if "rd" in insn.pattern.fields:
                word = field(word, 7, 6)
            put(insn, word)
        if each:
            out += assemble(f"jal x1, {first.symbols[each]}", BASE + len(out)).data
    li(5, TOHOST)
    asm("li x6, 1\nsd x6, 0(x5)\n1: j 1b")
    return bytes(out)


def image(seed: int, code: bytes) -> bytes:
    """All of memory from BASE to TOHOST's end: the code, and data worth loading."""
    rng = random.Random(seed)
    data = bytearray()
    while len(data) < DATA_SIZE:
        pick = rng.random()
        data += (
            rng.choice(VALUES).to_bytes(8, "little") if pick < 0.3 else _floats(rng) if pick < 0.8 else rng.randbytes(8)
        )
    # x7 points at small 64-bit numbers, good as indices of any width
    small = b"".join(rng.randrange(0, 4096).to_bytes(8, "little") for _ in range(1024))
    whole = code.ljust(DATA - BASE, b"\0") + bytes(data[:DATA_SIZE]) + small
    return whole.ljust(TOHOST + 16 - BASE, b"\0")


class Difference(Exception):
    """The two sides differ; the message says where."""


def compare(seed: int, n: int, vlen: int, spike: str, legal: Counter | None = None) -> int:
    """Instructions compared. Raises Difference."""
    isa = f"rv64gcv_zfh_zfbfmin_zvfh_zvfbfmin_zvfbfwma_zvl{vlen}b_zicntr_zicclsm_{CRYPTOGRAPHY}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.elf"
        path.write_bytes(write_elf(BASE, image(seed, program(seed, n)), TOHOST))
        compared = replay(f"seed {seed} vlen {vlen}", path, isa, vlen, spike, legal)
    if compared < n:
        raise Difference(f"seed {seed} vlen {vlen}: only {compared} instructions")
    return compared


def replay(name: str, path: Path, isa: str, vlen: int, spike: str, legal: Counter | None = None) -> int:
    """Compares a program instruction by instruction, up to its waiting for its end; gives their number."""
    command = [spike, f"--isa={isa}", f"-m0x{BASE:x}:0x{RAM:x}", "--log-commits", "--log=/dev/stdout", str(path)]
    machine = Machine(isa=isa, ram=RAM)
    machine.load(path)
    with output(command) as log:
        return _follow(name, machine, log, vlen, legal)


def _follow(name: str, machine: Machine, log: Iterable[bytes], vlen: int, legal: Counter | None) -> int:
    core = machine._core
    shadow = [bytes(vlen // 8)] * 32
    compared = 0
    started = False
    for line in log:
        m = _LINE.match(line)
        if not m:
            continue
        pc, word = int(m[1], 16), int(m[2], 16)
        started = started or pc == BASE
        if word == 0x6F:
            break  # the program waits for its end
        if not started:
            continue
        for _ in range(3):
            if core.get_pc(0) == pc:
                break
            core.step(0)  # the trap that comes before this instruction
        where = f"{name} pc {pc:#x} {word:#010x} {disassemble(word)} after {compared}"
        if core.get_pc(0) != pc:
            raise Difference(f"{where}: rvh is at {core.get_pc(0):#x}\n  {line.decode()}")
        names = {"fcsr": 3, "vtype": 0xC21, "vl": 0xC20, "vstart": 8}
        state = " ".join(f"{name} {core.get_csr(0, number):#x}" for name, number in names.items())
        core.step(0)
        compared += 1
        if word & 0x7F in (0x57, 0x77, 0x07, 0x27) and legal is not None:
            legal[disassemble(word).split()[0]] += 1
        if m[3].rstrip().endswith(b"c8_vstart 0x0000000000000000") is False and b"c8_vstart" in m[3]:
            # A load that faulted: the log does not show what it has loaded before. Later lines show whole registers.
            shadow = [core.get_v(0, index) for index in range(32)]
        for kind, number, digits in _REGISTER.findall(m[3]):
            index = int(number)
            if kind in b"xf":
                value = core.get_x(0, index) if kind == b"x" else core.get_f(0, index)
                if value != int(digits, 16):
                    raise Difference(f"{where} ({state}): {kind.decode()}{index} is {value:#x}\n  {line.decode()}")
            else:
                shadow[index] = int(digits, 16).to_bytes(vlen // 8, "little")
        for index in range(32):
            if core.get_v(0, index) != shadow[index]:
                mine = int.from_bytes(core.get_v(0, index), "little")
                theirs = int.from_bytes(shadow[index], "little")
                digits = vlen // 4 + 2
                raise Difference(
                    f"{where} ({state}): v{index}\n  rvh   {mine:#0{digits}x}\n  spike {theirs:#0{digits}x}\n"
                    f"  {line.decode()[:200]}"
                )
    return compared


def main() -> int:
    """0: no difference; 1: one, shown; 2: no Spike."""
    parser = arguments("lockstep.vector", __doc__)
    parser.add_argument("--length", type=int, default=4000, help="instructions generated per program")
    parser.add_argument("--vlen", type=int, default=0, help="128 to 1024; by turns unless given")
    parser.add_argument("--spike", default="spike")
    args = parser.parse_args()
    if shutil.which(args.spike) is None:
        print(f"lockstep: no {args.spike} here", file=sys.stderr)
        return 2
    total = failed = 0
    legal: Counter = Counter()
    for seed in seeds(args):
        vlen = args.vlen or (128, 256, 512, 1024)[seed % 4]
        try:
            total += compare(seed, args.length, vlen, args.spike, legal)
        except Difference as error:
            print(error)
            failed += 1
    never = sorted(i.name for i in _VECTOR if i.name not in legal)
    print(f"{total} instructions compared, {sum(legal.values())} of them vector, {failed} programs differ")
    print(f"never executed: {' '.join(never) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
