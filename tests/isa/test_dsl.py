"""The definition language: what it refuses, and that it says where."""

import pytest

from rvh.isa import INSNS, dsl
from rvh.isa.dsl import WidthError, branch, insn, jump, lo32, load, select, sext, signed, store, u8, u32, u64
from rvh.isa.encoding import EncodingError, Pattern


@pytest.fixture(autouse=True)
def definitions(monkeypatch):
    """Definitions made here vanish afterwards."""
    monkeypatch.setattr(dsl, "INSNS", dict(INSNS))
    monkeypatch.setattr(dsl, "ALIASES", dict(dsl.ALIASES))


R_TYPE = "1111111 rs2 rs1 111 rd 1111011"
SLIPS = {
    "sum of two widths": lambda rs1, rs2: sext(lo32(rs1) + rs2),
    "comparison of signed and unsigned": lambda rs1, rs2: signed(rs1) < rs2,
    "narrow result": lambda rs1, rs2: lo32(rs1),
    "python integer as result": lambda rs1, rs2: 7,
    "constant too wide": lambda rs1, rs2: sext(lo32(rs1) & 0x1_0000_0000),
    "division of signed by unsigned": lambda rs1, rs2: signed(rs1) // rs2,
    "arms of select differ": lambda rs1, rs2: select(rs1 == 0, signed(rs1), rs2),
    "select on a number": lambda rs1, rs2: select(rs1, rs1, rs2),
    "if on a traced value": lambda rs1, rs2: rs1 if rs1 else rs2,
    "signed shift amount": lambda rs1, rs2: rs1 << signed(rs2),
    "shift by the width": lambda rs1, rs2: rs1 << 64,
    "narrow address": lambda rs1, rs2: load(u64, lo32(rs1)),
    "widening truncation": lambda rs1, rs2: dsl.truncate(lo32(rs1), u64),
    "narrowing extension": lambda rs1, rs2: sext(rs1, dsl.i32),
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_width_slip_names_its_line(slip):
    slip.__name__ = "slip"
    with pytest.raises(WidthError, match=rf"test_dsl\.py:{slip.__code__.co_firstlineno}: "):
        insn(R_TYPE, "rd, rs1, rs2")(slip)


def test_store_of_a_narrower_value_is_a_slip():
    with pytest.raises(WidthError, match=r"test_dsl\.py:\d+: u8 where u32 is stored"):

        @insn("imm[11:5] rs2 rs1 111 imm[4:0] 1111011")
        def slip(rs1, rs2):
            store(u32, rs1, dsl.truncate(rs2, u8))


def test_destination_and_result_go_together():
    with pytest.raises(EncodingError, match="returns a value if and only if"):

        @insn(R_TYPE)
        def silent(rs1):
            pass

    with pytest.raises(EncodingError, match="returns a value if and only if"):

        @insn("1111111 rs2 rs1 111 00000 1111011")
        def talkative(rs1):
            return rs1


def test_operand_must_be_in_the_pattern():
    with pytest.raises(EncodingError, match="no operand rs3"):

        @insn(R_TYPE)
        def three(rs3):
            return rs3


def test_branch_target_must_be_relative():
    with pytest.raises(WidthError, match=r"must be pc \+ imm"):

        @insn("imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1111011")
        def wild(rs1, rs2):
            branch(rs1 == rs2, rs1)


def test_a_block_ends_once():
    with pytest.raises(EncodingError, match="ends its block twice"):

        @insn("imm[11:0] rs1 111 00000 1111011")
        def twice(rs1):
            jump(rs1)
            jump(rs1)


def test_statement_outside_a_definition():
    with pytest.raises(WidthError, match="outside a definition"):
        load(u8, INSNS["add"].operands["rs1"])


def test_overlapping_encodings_are_refused():
    @insn("0000000 rs2 00101 000 rd 0110011", "rd, rs2")
    def add_t0(rs2):
        return rs2

    with pytest.raises(EncodingError, match=r"encodings of add and add\.t0 overlap"):
        dsl.check_overlaps()


def test_a_refinement_may_overlap():
    @insn("0000000 rs2 00101 000 rd 0110011", "rd, rs2", refines="add")
    def add_t0(rs2):
        return rs2

    dsl.check_overlaps()


def test_overlap_with_a_requirement():
    """c.jr is c.mv without rs2: told apart by rs2 != 0 alone."""
    assert not Pattern("100 0 rd rs2 10", "rs2 != 0").overlaps(Pattern("100 0 rs1 00000 10"))
    assert Pattern("100 0 rd rs2 10").overlaps(Pattern("100 0 rs1 00000 10"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0000000 rs2 rs1 000 rd 011001", "31 bits wide"),
        ("imm rs1 000 rd 0110011", "needs its bits"),
        ("imm[11:5] imm[5:1] rs1 000 rd 0110011", "appear twice"),
        ("0000000 rs2 rs1 0?0 rd 0110011", "cannot read"),
    ],
)
def test_bad_pattern(text, message):
    with pytest.raises(EncodingError, match=message):
        Pattern(text)


def test_value_that_does_not_fit():
    pattern = INSNS["beq"].pattern
    assert pattern.encode(imm=-4096) == 0x8000_0063
    for bad in (4096, -4098, 3):
        with pytest.raises(EncodingError, match="imm cannot be"):
            pattern.encode(imm=bad)


def test_every_definition_knows_its_place():
    add = INSNS["add"]
    assert add.file.endswith("rv64i.py")
    with open(add.file) as source:
        assert source.readlines()[add.line].startswith("def add(")
