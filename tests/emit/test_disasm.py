"""Assembly and disassembly: back and forth, and against an independent disassembler."""

import doctest
import random
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from rvh.emit import asm
from rvh.emit.asm import AsmError, assemble, load_immediate
from rvh.emit.disasm import disassemble
from rvh.emit.evaluate import State, step
from rvh.emit.syntax import PSEUDOS, lookup, lookup16
from rvh.isa import ALIASES, INSNS

PC = 0x8000_1000


def samples(per_insn: int) -> list[int]:
    """Words of every instruction, with random operands."""
    chance = random.Random(3)
    out = []
    for insn in INSNS.values():
        p = insn.pattern
        # Bits that are ignored have no spelling; rm is one that is not reserved.
        ignored = p.word_bits("any") if "any" in p.fields else 0
        for _ in range(per_insn):
            word = (p.match | chance.getrandbits(32) & ~p.mask) & ~ignored | p.match
            if "rm" in p.fields:
                word = word & ~p.word_bits("rm") | p.insert("rm", chance.choice((0, 1, 2, 3, 4, 7)))
            if "fm" in p.fields:
                word &= ~p.word_bits("fm")
            if p.matches(word):
                out.append(word)
    return out


WORDS = samples(20)


@pytest.mark.parametrize("pseudo", [True, False])
def test_round_trip(pseudo):
    for word in WORDS:
        text = disassemble(word, PC, pseudo=pseudo)
        if text.startswith("mv ") and lookup(word).name == "add":
            continue  # what c.mv stands for; mv itself is an addi
        assert assemble(text, PC).words() == [word], text


def test_round_trip_compressed():
    for half in range(1 << 16):
        alias = lookup16(half) if half & 3 != 3 else None
        if alias:
            text = disassemble(half, PC, pseudo=False)
            assert text.startswith(alias.name)
            assert assemble(text, PC).data == half.to_bytes(2, "little"), text


def test_words_that_are_no_instruction():
    assert disassemble(0xFFFF_FFFF) == ".word 0xffffffff"
    assert disassemble(0) == ".half 0x0000"
    assert disassemble(0x0062_8233, extensions=frozenset({"I"})) == "add     tp, t0, t1"
    assert disassemble(0x0262_8233, extensions=frozenset({"I"})) == ".word 0x02628233"


TEXTS = {
    0x00000013: "nop",
    0x00150513: "addi    a0, a0, 1",
    0xFFF00513: "li      a0, -1",
    0x00058513: "mv      a0, a1",
    0x12345537: "lui     a0, 0x12345",
    0xFE000EE3: "beqz    zero, 0x80000ffc",
    0x00008067: "ret",
    0x0000006F: "j       0x80001000",
    0x30052573: "csrrs   a0, mstatus, a0",
    0x30002573: "csrr    a0, mstatus",
    0x34051073: "csrw    mscratch, a0",
    0xC0102573: "rdtime  a0",
    0x0062B423: "sd      t1, 8(t0)",
    0x02C5F553: "fadd.d  fa0, fa1, fa2",
    0x02C59553: "fadd.d  fa0, fa1, fa2, rtz",
    0x22B58553: "fmv.d   fa0, fa1",
    0x0330000F: "fence   rw, rw",
    0x0FF0000F: "fence",
    0x12000073: "sfence.vma",
    0x6C05C573: "hlv.d   a0, (a1)",
    0x06C5A52F: "amoadd.w.aqrl a0, a2, (a1)",
    0x10200073: "sret",
    0x4505: "li      a0, 1",
}


@pytest.mark.parametrize("word", TEXTS, ids=hex)
def test_text(word):
    assert disassemble(word, PC) == TEXTS[word]


def test_targets_without_pc_are_relative():
    assert disassemble(0xFE000EE3) == "beqz    zero, -4"


def test_every_pseudo_is_of_a_known_instruction():
    for pseudo in PSEUDOS:
        assert pseudo.base in INSNS


# -- the assembler's own part


def test_documented_example():
    result = doctest.testmod(asm)
    assert result.attempted and not result.failed


def run_to_end(source: str, steps: int = 64) -> State:
    program = assemble(source)
    state = State(pc=program.base)
    for n, byte in enumerate(program.data):
        state.memory[program.base + n] = byte
    while state.pc != program.base + len(program.data) and steps:
        step(state.read(state.pc, 4), state)
        steps -= 1
    assert steps, "did not reach the end"
    return state


VALUES = [0, 1, -1, 2047, -2048, 2048, -2049, 0x7FFFFFFF, 0x80000000, -0x80000000, 0x7FFFF800, 0xFFFFFFFF,
          1 << 63, (1 << 63) - 1, 0x123456789ABCDEF0, -0x123456789ABCDEF0, 0x8000_0000_0000_0800]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=hex)
def test_load_immediate(value):
    assert run_to_end(f"li a0, {value}").x[10] == value & (1 << 64) - 1
    assert len(load_immediate("a0", value)) <= 8


def test_labels_loops_and_local_labels():
    state = run_to_end("""
        li a0, 5
        li a1, 0
    1:  add a1, a1, a0      # 5 + 4 + 3 + 2 + 1
        addi a0, a0, -1
        bnez a0, 1b
        j 1f
        li a1, 99
    1:  la a2, table
        ld a3, 8(a2)
        call function
        j end
    function:
        addi a3, a3, 1
        ret
        .align 3
    table: .dword 7, end
    end:
    """)
    assert state.x[11] == 15
    assert state.x[13] == state.pc + 1
    assert state.x[12] % 8 == 0


def test_directives():
    program = assemble(
        """
        .equ size, 3 * 4
        .byte 1, size, 'A', -1
        .half 0x1234
        .align 2
        .word size + 1 # comment
        .asciz "a;#b\\n"
        .balign 4
        here: .dword here - 0x80000000
        """
    )
    assert program.data == bytes.fromhex(
        "010c41ff 34120000 0d000000 613b23620a00 0000 14000000 00000000".replace(" ", "")
    )
    assert program.symbols["here"] == 0x8000_0014


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nop\nfrobnicate a0", "line 2: unknown instruction 'frobnicate'"),
        ("add a0, a1", "line 1: add takes rd, rs1, rs2"),
        ("addi a0, a1, 2048", "line 1: .*imm cannot be 2048"),
        ("addi a0, b1, 0", "'b1' is no register"),
        ("beq a0, a1, nowhere", "unknown symbol 'nowhere'"),
        ("c.addi16sp sp, 0", "reserved"),
        ("x: x: nop", "defined twice"),
        ("j 1f", "no local label 1f"),
        ("lw a0, a1", "expected an address"),
        ("fadd.d fa0, fa1, fa2, up", "'up' is no rounding mode"),
        ("lui a0, 0x100000", "does not fit 20 bits"),
    ],
)
def test_errors_name_the_line(source, message):
    with pytest.raises(AsmError, match=message):
        assemble(source)


# -- against binutils or LLVM

OBJDUMP = shutil.which("riscv64-linux-gnu-objdump")
ARCH = (
    "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_h1p0_zicbom1p0_zicbop1p0_zicboz1p0_zicsr2p0_zifencei2p0_zihintpause2p0"
    "_zawrs1p0_zfh1p0_zba1p0_zbb1p0_zbc1p0_zbkb1p0_zbkc1p0_zbkx1p0_zbs1p0_zknd1p0_zkne1p0_zknh1p0_zksed1p0_zksh1p0"
    "_svinval1p0_v1p0_zvl1024b1p0"
)
#: Younger than the binutils of Debian 12, or a mere spelling of another there.
YOUNG = {"Zicond", "Zihintntl", "Zihintpause", "Zicbop", "Zimop", "Zacas", "Zabha", "Zfa", "Zfbfmin", "Zcb", "Zcmop",
         "Zvfbfmin", "Zvfbfwma", "Smrnmi", "Zicfilp", "Zicfiss"}  # fmt: skip
#: These are compared with clang, in test_disasm_clang.py.
YOUNG |= {"Zvbb", "Zvbc", "Zvkb", "Zvkg", "Zvkned", "Zvknha", "Zvknhb", "Zvksed", "Zvksh"}


#: binutils knows no rounding mode for these but 0.
EXACT = {"fcvt.d.s", "fcvt.d.w", "fcvt.d.wu", "fcvt.s.h", "fcvt.d.h"}


def is_young(insn) -> bool:
    """Whether binutils has another name for the instruction, or none."""
    return insn.name == "fence.tso" or any(group & YOUNG for group in insn.ext)


def elf(code: bytes) -> bytes:
    """A relocatable file of one code section, whose attributes say which extensions it is to be read with."""
    arch = b"\x05" + ARCH.encode() + b"\0"
    file_tag = b"\x01" + struct.pack("<I", 5 + len(arch)) + arch
    attributes = b"A" + struct.pack("<I", 4 + 6 + len(file_tag)) + b"riscv\0" + file_tag
    names = b"\0.text\0.riscv.attributes\0.shstrtab\0"
    at = 64 + len(code)
    sections = [
        (0,) * 10,
        (1, 1, 6, PC, 64, len(code), 0, 0, 4, 0),
        (7, 0x70000003, 0, 0, at, len(attributes), 0, 0, 1, 0),
        (25, 3, 0, 0, at + len(attributes), len(names), 0, 0, 1, 0),
    ]
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 1, 243, 1, 0, 0, at + len(attributes) + len(names), 5, 64, 0, 0,
        64, len(sections), 3,
    )  # fmt: skip
    table = b"".join(struct.pack("<IIQQQQIIQQ", *section) for section in sections)
    return header + code + attributes + names + table


def objdump(words: list[int], size: int, tmp_path) -> list[str]:
    """Each word as binutils has it, without pseudoinstructions; commas without blanks."""
    path = tmp_path / "code.o"
    path.write_bytes(elf(b"".join(w.to_bytes(size, "little") for w in words)))
    command = [OBJDUMP, "-d", "-z", "-M", "no-aliases", str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {
        int(m[1], 16): re.sub(r"\s+", " ", m[2].partition("#")[0]).strip()
        for m in re.finditer(r"^\s*([0-9a-f]+):\s+[0-9a-f ]+?\t(\S.*)$", out, re.M)
    }
    return [found.get(PC + n * size, "") for n in range(len(words))]


def plain(text: str) -> str:
    """Operands in one notation: no blanks after commas, numbers in decimal, rm left out."""
    text = re.sub(r"\s+", " ", text).replace(", ", ",").removesuffix(",dyn")
    text = re.sub(r" <.*>", "", text)
    return re.sub(r"\b0x[0-9a-f]+\b", lambda m: str(int(m[0], 16)), text)


#: The manual's rules about encodings of the instructions that binutils has names for.
ENCODINGS = sorted(
    {stem + "_enc" for word in WORDS if not is_young(lookup(word)) for stem in (lookup(word).name.replace(".", "_"),)}
    & {
        line
        for path in (Path(__file__).parents[2] / "tools" / "rules" / "names").glob("*.txt")
        for line in path.read_text().splitlines()
    }
)


@pytest.mark.rules(*ENCODINGS)
@pytest.mark.skipif(OBJDUMP is None, reason="no riscv64-linux-gnu-objdump")
def test_texts_against_binutils(tmp_path):
    compared = 0
    for n, (word, theirs) in enumerate(zip(WORDS, objdump(WORDS, 4, tmp_path), strict=True)):
        ours = disassemble(word, PC + 4 * n, pseudo=False)
        name = ours.split()[0]
        if is_young(lookup(word)) or "csr" in name and "0x" in ours:
            continue  # a CSR number without a name here
        if name in EXACT:
            ours = ours.rpartition(", r")[0] or ours
            if word >> 12 & 7:
                continue
        assert plain(ours) == plain(theirs).replace("unknown", "0"), hex(word)
        compared += 1
    assert compared > sum(not is_young(lookup(word)) for word in WORDS) * 0.9


@pytest.mark.skipif(OBJDUMP is None, reason="no riscv64-linux-gnu-objdump")
def test_what_is_illegal_here_is_not_one_of_ours_there(tmp_path):
    """Words a bit away from instructions: what binutils calls by a name that is defined here must be legal here."""
    chance = random.Random(11)
    near = [word ^ 1 << chance.randrange(2, 32) for word in WORDS]
    near = [word for word in near if lookup(word) is None and word & 0x1F != 0x1F]  # not of 48 bits and more
    assert len(near) > 500
    for word, theirs in zip(near, objdump(near, 4, tmp_path), strict=True):
        if theirs.startswith("aes64ks1i"):
            continue  # binutils has the reserved round numbers as well
        assert theirs.split()[0] not in INSNS or "unknown" in theirs, (hex(word), theirs)


@pytest.mark.skipif(OBJDUMP is None, reason="no riscv64-linux-gnu-objdump")
def test_compressed_against_binutils(tmp_path):
    """Every one of the 65536: legal here if and only if binutils names it."""
    halves = [h for h in range(1 << 16) if h & 3 != 3]
    hints = {"c.nop": "c.addi", "c.slli64": "c.slli", "c.srli64": "c.srli", "c.srai64": "c.srai"}
    compared = 0
    for half, text in zip(halves, objdump(halves, 2, tmp_path), strict=True):
        theirs = text.split()[0]
        alias = lookup16(half)
        if alias and alias.ext & YOUNG:
            assert theirs == ".2byte"
            continue
        ours = alias.name if alias else "unimp" if half == 0 else ".2byte"
        # The manual reserves c.addi16sp sp, 0 although binutils has a name for it.
        theirs = ".2byte" if half == 0x6101 else theirs.replace("c.unimp", "unimp")
        assert ours == hints.get(theirs, theirs), (hex(half), text)
        compared += alias is not None
    assert compared > 40000


def test_lookup_agrees_with_definitions():
    for name, insn in INSNS.items():
        found = lookup(insn.pattern.words()[0][1])
        assert name in (found.name, found.refines)
    for name, alias in ALIASES.items():
        assert alias.name == name
