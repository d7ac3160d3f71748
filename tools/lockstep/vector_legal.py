"""Which vector instructions are illegal: every operation of OP-V, LOAD-FP and STORE-FP, with random registers, under
many settings and subsets of V, on rvh and on Spike. Nothing is compared but that, so that vl is 0.

``python -m tools.lockstep.vector_legal [--seed N] [--spike PATH]``
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.emit.disasm import disassemble

from .elffile import write_elf

BASE, TOHOST, LOG, RAM = 0x8000_0000, 0x8020_0000, 0x8040_0000, 16 << 20
#: What whole-register accesses, that have no vl, go to.
DATA = 0x8030_0000
ISAS = (
    "zve32x_zvl32b", "zve32f_zvfh_zfh_zvl256b", "zve64x_zvl64b", "zve64f_zvl128b", "zve64d_zvfhmin_zvl128b",
    "v_zvl128b", "v_zvfh_zfh_zvl512b",
)  # fmt: skip
SETTINGS = [f"e{sew}, {lmul}" for sew in (8, 16, 32, 64) for lmul in ("mf8", "mf4", "mf2", "m1", "m2", "m4", "m8")]

#: x9 walks through the log of what has trapped; it is no operand.
_HEAD = f"""
    li x5, 0x7e00
    csrw mstatus, x5
    la x5, handler
    csrw mtvec, x5
    li x9, {LOG + 8}
    li x11, {DATA}
    csrwi 0x002, 0          # frm
    vsetivli x0, 0, {{setting}}, ta, ma
    j start
    .balign 4
handler:
    csrr x6, mepc
    sd x6, 0(x9)
    addi x9, x9, 8
    addi x6, x6, 4
    csrw mepc, x6
    mret
start:
"""
_TAIL = f"""
    li x5, {LOG}
    sd x9, 0(x5)
    li x5, {TOHOST}
    li x6, 1
    sd x6, 0(x5)
    sd x0, 8(x5)
    j .
"""


def encodings(seed: int) -> list[int]:
    """Configuration instructions are left out, and x registers as a destination that the program itself needs."""
    rng = random.Random(seed)

    def register() -> int:
        return rng.choice((0, 8, 16, 24, rng.randrange(32)))

    out = []
    for funct6 in range(64):
        for funct3 in range(7):
            for vm in (0, 1):
                for vs1 in range(32):
                    vd = rng.choice((0, 4, 8, 10, 16, 17, 24, 31))
                    out.append(funct6 << 26 | vm << 25 | register() << 20 | vs1 << 15 | funct3 << 12 | vd << 7 | 0x57)
    for nf in range(8):
        for mew_mop in range(8):
            for vm in (0, 1):
                for other in range(32):
                    for width in (0, 5, 6, 7):
                        for opcode in (0x07, 0x27):
                            high = nf << 29 | mew_mop << 26 | vm << 25 | other << 20
                            out.append(high | 11 << 15 | width << 12 | register() << 7 | opcode)
    return out


def _program(words: list[int], setting: str) -> tuple[bytes, int]:
    """The program, and where in it the instructions begin."""
    head = assemble(_HEAD.format(setting=setting), BASE).data
    return head + struct.pack(f"<{len(words)}I", *words) + assemble(_TAIL).data, len(head)


def _refused(log: bytes, start: int) -> set[int]:
    (end,) = struct.unpack_from("<Q", log)
    return {(pc - BASE - start) // 4 for pc in struct.unpack_from(f"<{(end - LOG) // 8 - 1}Q", log, 8)}


def on_rvh(words: list[int], setting: str, isa: str) -> set[int]:
    """Positions of the illegal ones."""
    program, start = _program(words, setting)
    with contextlib.closing(Machine(isa=f"rv64gc_{isa}", ram=RAM)) as machine:
        machine.memory.write(BASE, program)
        hart = machine.harts[0]
        hart.mode, hart.pc = "M", BASE
        end = BASE + len(program) - 4
        for _ in range(len(words) // 1000 + 10):
            machine.run(max_insns=10_000)
            if hart.pc == end:
                return _refused(machine.memory.read(LOG, 8 * len(words) + 16), start)
    raise RuntimeError(f"the program did not come to its end ({isa}, {setting})")


def on_spike(words: list[int], setting: str, isa: str, spike: str) -> set[int]:
    program, start = _program(words, setting)
    with tempfile.TemporaryDirectory() as folder:
        elf, signature = Path(folder) / "program.elf", Path(folder) / "signature"
        room = (LOG, LOG + 8 * len(words) + 16)
        elf.write_bytes(write_elf(BASE, program.ljust(TOHOST + 16 - BASE, b"\0"), TOHOST, room))
        subprocess.run(
            [spike, f"--isa=rv64gc_{isa}", f"-m0x{BASE:x}:0x{RAM:x}", f"+signature={signature}",
             "+signature-granularity=8", str(elf)],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip
        return _refused(b"".join(int(line, 16).to_bytes(8, "little") for line in signature.read_text().split()), start)


def compare(seed: int, isa: str, setting: str, spike: str) -> tuple[int, list[int]]:
    """How many of the instructions are legal on rvh, and those on which the two do not agree."""
    words = encodings(seed)
    here, there = on_rvh(words, setting, isa), on_spike(words, setting, isa, spike)
    return len(words) - len(here), [words[i] for i in sorted(here ^ there)]


def main() -> int:
    """0: they agree; 1: they do not, and where; 2: no Spike."""
    parser = argparse.ArgumentParser(prog="lockstep.vector_legal", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spike", default="spike")
    args = parser.parse_args()
    if shutil.which(args.spike) is None:
        print(f"lockstep: no {args.spike} here", file=sys.stderr)
        return 2
    failed = 0
    for isa in ISAS:
        for setting in SETTINGS:
            legal, differ = compare(args.seed, isa, setting, args.spike)
            print(f"{isa} {setting}: {legal} legal, {len(differ)} differ")
            for word in differ[:10]:
                print(f"  {word:#010x} {disassemble(word)}")
            failed += bool(differ)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
