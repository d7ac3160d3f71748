"""Disassembly of what is younger than Debian's binutils, against an independent assembler: clang's, of ziglang."""

import random
import struct
import subprocess
import sys

import pytest

from rvh.emit.disasm import disassemble
from rvh.isa import INSNS

pytest.importorskip("ziglang")

FEATURES = {"Zvbb", "Zvbc", "Zvkb", "Zvkg", "Zvkned", "Zvknha", "Zvknhb", "Zvksed", "Zvksh"}
YOUNG = [insn for insn in INSNS.values() if any(group & FEATURES for group in insn.ext)]


def words(per_insn: int) -> list[int]:
    """Instructions with random operands whose registers do not overlap, which clang would refuse."""
    chance = random.Random(7)
    out = []
    for insn in YOUNG:
        pattern = insn.pattern
        for _ in range(per_insn):
            word = pattern.match | chance.getrandbits(32) & ~pattern.mask
            for name, first in (("vd", 1), ("vs2", 8), ("vs1", 24)):
                if name in pattern.fields:
                    word = word & ~pattern.word_bits(name) | pattern.insert(name, first + chance.randrange(7))
            out.append(word)
    return out


def test_clang_assembles_our_text_to_the_same_words(tmp_path):
    given = words(20)
    source, made = tmp_path / "a.s", tmp_path / "a.o"
    marked = [".text", ".word 0x13371337", *(disassemble(word, pseudo=False) for word in given), ""]
    source.write_text("\n".join(marked))
    cpu = "generic_rv64+v" + "".join(f"+{name.lower()}" for name in sorted(FEATURES))
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "riscv64-linux-musl", f"-mcpu={cpu}", "-c"]
    done = subprocess.run([*command, str(source), "-o", str(made)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    code = made.read_bytes()
    at = code.index(struct.pack("<I", 0x13371337)) + 4
    theirs = struct.unpack_from(f"<{len(given)}I", code, at)
    assert len(YOUNG) == 41
    for word, other in zip(given, theirs, strict=True):
        assert word == other, disassemble(word)
