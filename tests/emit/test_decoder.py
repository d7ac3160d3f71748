"""The C decoder against the Python one, and both against the definitions."""

import random
from itertools import product

import pytest
from native import decoder

from rvh.emit.c_handlers import has_rm
from rvh.emit.decoder import KINDS
from rvh.emit.syntax import lookup, lookup16
from rvh.isa import ALIASES, INSNS
from rvh.isa.extensions import BIT, DEFAULT, EXTENSIONS, to_bits

ALL = to_bits(set(EXTENSIONS))
SINK = 32


def random_words(n: int) -> list[int]:
    """Half of them instructions with random fields, half with a few of those bits flipped."""
    chance = random.Random(7)
    insns = list(INSNS.values())
    words = []
    for _ in range(n):
        p = chance.choice(insns).pattern
        word = p.match | chance.getrandbits(32) & ~p.mask
        if chance.random() < 0.5:
            word ^= 1 << chance.randrange(2, 32)
        words.append(word)
    return words


WORDS = random_words(40000)


def test_same_instruction_as_python():
    c = decoder()
    for word in WORDS:
        insn = lookup(word)
        kind, _, name = c.decode(word, ALL)
        if insn is None:
            assert (kind, name) == (0, "h_illegal"), hex(word)
        else:
            assert kind & KINDS["DECODE_OK"] and name.startswith(f"h_{insn.pyname}"), (hex(word), insn.name, name)


def test_fields():
    c = decoder()
    for word in WORDS:
        insn = lookup(word)
        if insn is None:
            continue
        kind, op, _ = c.decode(word, ALL)
        fields = insn.pattern.fields
        for name in ("rs1", "rs2", "fs1", "fs2"):
            if name in fields:
                assert getattr(op, name.replace("f", "r")) == insn.pattern.extract(word, name)
        if "rd" in fields:
            assert op.rd == (insn.pattern.extract(word, "rd") or SINK)
        if "fd" in fields:
            assert op.rd == insn.pattern.extract(word, "fd")
        if "zimm" in fields:
            assert op.rs1 == insn.pattern.extract(word, "zimm")
        if insn.whole_word:
            assert op.imm & 0xFFFF_FFFF == word
            continue
        for name in ("imm", "uimm", "csr"):
            if name in fields:
                assert op.imm == insn.pattern.extract(word, name), (insn.name, name)
        if has_rm(insn):
            rm = insn.pattern.extract(word, "rm")
            assert op.imm >> 8 == rm
            assert bool(kind & KINDS["DECODE_RM"]) == (rm == 7)
            if "fs3" in fields:
                assert op.imm & 31 == insn.pattern.extract(word, "fs3")


def test_kinds():
    c = decoder()

    def kind(name, **fields):
        bits = c.decode(INSNS[name].pattern.encode(**fields), ALL)[0]
        return {k.removeprefix("DECODE_") for k, v in KINDS.items() if bits & v}

    assert kind("add") == {"OK"}
    assert kind("beq") == {"OK", "END", "LINK", "NEXT_RD"}
    assert kind("jal") == kind("jal", rd=1) == {"OK", "END", "LINK", "NEXT_RS1"}
    assert kind("jalr") == kind("jalr", rd=1, rs1=1) == {"OK", "END", "NEXT_RS2"}
    assert kind("csrrw") == kind("ecall") == kind("mret") == kind("fence.i") == {"OK", "END", "NEXT_RS2"}
    assert kind("sfence.vma") == kind("hfence.gvma") == {"OK", "END", "NEXT_RD"}
    assert kind("fence") == kind("hlv.d") == kind("cbo.zero") == {"OK"}
    assert kind("fadd.d", rm=7) == {"OK", "FPREAD", "FPWRITE", "RM"}
    assert kind("fadd.d", rm=1) == kind("flw") == {"OK", "FPREAD", "FPWRITE"}
    assert kind("fsd") == kind("feq.d") == kind("fcvt.l.d", rm=1) == {"OK", "FPREAD"}


@pytest.mark.parametrize("name", INSNS)
def test_illegal_without_its_extension(name):
    insn = INSNS[name]
    word = insn.pattern.words()[0][1]
    if lookup(word) is not insn and "rs2" in insn.pattern.fields:  # ZEXT.H is PACKW with x0
        word = insn.pattern.encode(rs2=2)
    for lost in product(*insn.ext) if insn.ext else ():
        # One of each group that would do: without these, none is complete.
        kind, _, handler = decoder().decode(word, ALL & ~to_bits(set(lost)))
        if insn.refines:
            other = INSNS[insn.refines]
            assert handler.startswith(f"h_{other.pyname}"), "what it refines is still there"
        else:
            assert (kind, handler) == (0, "h_illegal")
    for group in insn.ext:
        others = {name for alternative in insn.ext for name in alternative} - group
        assert decoder().decode(word, ALL & ~to_bits(others))[0], "either extension will do"
    assert decoder().decode(word, ALL)[0]


@pytest.mark.parametrize("name", ALIASES)
def test_compressed_is_reserved_without_its_extension(name):
    alias = ALIASES[name]
    half = next(h for h in range(1 << 16) if h & 3 != 3 and alias.pattern.matches(h))
    assert decoder().expand16(half, to_bits(alias.ext)) == alias.expand(half)
    for extension in alias.ext:
        other = ALIASES.get(alias.refines)  # what it refines may still be there
        if other is not None and extension in other.ext:
            other = None
        assert decoder().expand16(half, ALL & ~BIT[extension]) == (other.expand(half) if other else 0)
        assert lookup16(half, frozenset(EXTENSIONS) - {extension}) is other


def test_reserved_rounding_modes():
    for insn in INSNS.values():
        if has_rm(insn):
            for rm in range(8):
                assert bool(decoder().decode(insn.pattern.encode(rm=rm), ALL)[0]) == (rm not in (5, 6))


def test_compressed():
    """All 65536: the C expansion is the Python one, and its target is what the alias says."""
    c = decoder()
    legal = 0
    for half in range(1 << 16):
        if half & 3 == 3:
            assert c.expand16(half) == 0
            continue
        alias = lookup16(half)
        expanded = c.expand16(half)
        assert expanded == (alias.expand(half) if alias else 0), hex(half)
        if alias:
            legal += 1
            assert lookup(expanded).name == alias.target or lookup(expanded).refines == alias.target
    assert legal > 40000
    assert {a.target for a in ALIASES.values()} <= set(INSNS)


def test_forms_are_chosen():
    c = decoder()
    encode = {name: insn.pattern.encode for name, insn in INSNS.items()}
    for word, handler in [
        (encode["addi"](rd=5, imm=3), "h_addi_li"),
        (encode["addi"](rd=5, rs1=6), "h_addi_mv"),
        (encode["addi"](rd=5, rs1=6, imm=1), "h_addi"),
        (encode["jalr"](rs1=1), "h_jalr_ret"),
        (encode["jalr"](rs1=1, imm=4), "h_jalr_jr"),
        (encode["beq"](rs1=4), "h_beq_z"),
        (encode["jal"](), "h_jal_j"),
        (encode["jal"](rd=1), "h_jal"),
    ]:
        assert c.decode(word, to_bits(DEFAULT))[2] == handler
