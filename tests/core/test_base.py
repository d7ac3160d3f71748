"""Hints, NOP, FENCE and reserved encodings of the base ISA, and the may-be-operations of Zimop and Zcmop, by their
bits (Unprivileged ISA, "RV32I", "RV64I", "Zimop", "Zcmop", "Zihintpause")."""

import pytest
from rig import CODE, DATA, Rig, Trap

rules = pytest.mark.rules

X = list(range(1, 32))


def untouched(word: int) -> None:
    """Executes it and looks at all of the x registers."""
    rig = Rig()
    for n in X:
        rig.hart.x[n] = DATA + n
    rig.code(word)
    rig.stand("M")
    rig.step()
    assert rig.pc == CODE + (4 if word & 3 == 3 else 2)
    assert [rig.hart.x[n] for n in X] == [DATA + n for n in X]


@rules("nop_op", "nop_enc")
def test_nop_is_addi_x0_x0_0():
    untouched(0x0000_0013)


@rules("twos_complement_signed_integers")
def test_signed_integers_are_in_twos_complement():
    """-1 is all ones; the least number is its own negative; orders and right shifts see the sign."""
    rig = Rig()
    assert rig.execute(0xFFF0_0513) is None and rig.a0 == (1 << 64) - 1  # addi a0, x0, -1
    for value in (1, 5, (1 << 63) - 1, 1 << 63):
        assert rig.execute(0x40B0_0533, a1=value) is None  # sub a0, x0, a1
        assert rig.a0 == ~value + 1 & (1 << 64) - 1
    rig.execute(0x0005_A533, a1=1 << 63)  # slt a0, a1, x0
    assert rig.a0 == 1
    rig.execute(0x43F5_D513, a1=1 << 63)  # srai a0, a1, 63
    assert rig.a0 == (1 << 64) - 1


@rules("pause_op", "pause_enc_fence")
@pytest.mark.rules("pause_enc")
def test_pause_is_a_fence_that_changes_nothing():
    assert 0x0100_000F == 1 << 24 | 0x0F  # pred=W
    untouched(0x0100_000F)


@rules("fence-tso_enc")
def test_fence_tso_is_a_fence_with_fm_8():
    untouched(0x8330_000F)


@rules("hints_op", "hints_enc")
@pytest.mark.parametrize(
    "word",
    [
        0x1234_5037, 0x1234_5017, 0x00B5_8013, 0x0055_7013, 0x0055_6013, 0x0055_4013,  # lui to xori
        0x00B5_0033, 0x40B5_0033, 0x00B5_7033, 0x00B5_6033, 0x00B5_1033, 0x40B5_5033,  # add, sub, and, or, sll, sra
        0x0055_001B, 0x00B5_003B, 0x40B5_003B, 0x0055_101B,  # addiw, addw, subw, slliw
        0x0020_000F, 0x0200_000F, 0x0000_000F, 0x0075_2013,  # fences with an empty set; slti
    ],
)  # fmt: skip
def test_computations_into_x0_and_empty_fences_do_nothing(word):
    untouched(word)


NTL = {2: "P1", 3: "PALL", 4: "S1", 5: "ALL"}


@pytest.mark.parametrize(
    "rs2",
    [
        pytest.param(n, marks=rules(f"NTL-{name}_enc", f"C-NTL-{name}_enc", "C-NTL_availability"))
        for n, name in NTL.items()
    ],
)
@rules("NTL_target_definition")
def test_non_temporal_hints_leave_the_next_instruction_as_it_is(rs2):
    """ADD x0, x0, rs2 and C.ADD x0, rs2."""
    for word in (rs2 << 20 | 0x33, 0x9002 | rs2 << 2):
        untouched(word)
        rig = Rig()
        rig.store(DATA, 0x1234)
        assert rig.execute(word, 0x0005_B503) is None  # ld a0, (a1)
        assert rig.a0 == 0x1234


@rules("fence_unused_flds_rsv", "fence_cons_ok", "fence-tso_ordering_rw_rw_ok")
@pytest.mark.parametrize("fm", [0, 1, 8, 15])
@pytest.mark.parametrize("rd, rs1", [(0, 0), (5, 0), (0, 7), (31, 31)])
def test_fence_ignores_what_it_does_not_know(fm, rd, rs1):
    """Reserved fields, and fm: everything is a fence of everything."""
    untouched(fm << 28 | 0xFF << 20 | rs1 << 15 | rd << 7 | 0x0F)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(0x0205_151B, marks=rules("slliw_imm5_rsv")),
        pytest.param(0x0205_551B, marks=rules("srliw_imm5_rsv")),
        pytest.param(0x4205_551B, marks=rules("sraiw_imm5_rsv")),
    ],
)
def test_word_shifts_by_32_and_more_are_reserved(word):
    rig = Rig()
    assert rig.execute(word) == Trap("M", 2, CODE, word)
    assert rig.execute(word & ~(1 << 25)) is None


@rules("no_cti_delay_slots")
@pytest.mark.parametrize("word", [0x0080_006F, 0x0000_0463, 0x0005_8067])  # j .+8; beq zero, zero, .+8; jr a1
def test_the_instruction_after_a_jump_is_not_executed(word):
    rig = Rig()
    rig.code(word, 0x0015_0513, 0x0025_0513)  # addi a0, a0, 1; addi a0, a0, 2
    rig.stand("M")
    rig.hart.x["a0"], rig.hart.x["a1"] = 0, CODE + 8
    rig.step(2)
    assert rig.a0 == 2


@rules("pcreg_op")
@pytest.mark.parametrize("word, length", [(0x0000_0517, 4), (0x0001, 2)])  # auipc a0, 0; c.nop
def test_pc_is_the_address_of_the_instruction(word, length):
    rig = Rig()
    for pc in (CODE, CODE + 0x102):
        rig.code(word, at=pc)
        rig.stand("M", pc)
        rig.step()
        assert rig.pc == pc + length
        assert length == 2 or rig.a0 == pc


# ---- may-be-operations


@pytest.mark.parametrize("n", range(32))
@rules("Zimop_mop-r_op", "Zimop_mop-r_enc")
def test_mop_r_writes_zero(n):
    rig = Rig()
    word = 0x81C0_4073 | (n >> 4) << 30 | (n >> 2 & 3) << 26 | (n & 3) << 20 | 11 << 15 | 10 << 7
    assert rig.execute(word, a0=0x77, a1=0x88) is None
    assert rig.a0 == 0 and rig.hart.x["a1"] == 0x88


@pytest.mark.parametrize("n", range(8))
@rules("Zimop_mop-rr_op", "Zimop_mop-rr_enc")
def test_mop_rr_writes_zero(n):
    rig = Rig()
    word = 0x8200_4073 | (n >> 2) << 30 | (n & 3) << 26 | 12 << 20 | 11 << 15 | 10 << 7
    assert rig.execute(word, a0=0x77, a1=0x88) is None
    assert rig.a0 == 0 and rig.hart.x["a1"] == 0x88


@pytest.mark.parametrize("n", range(1, 16, 2))
@rules("Zcmop_op", "Zcmop_enc", "Zcmop_enc_table", "Zcmop_instr_write")
def test_c_mop_writes_nothing(n):
    untouched(0x6001 | n << 7)
    rig = Rig("rv64gc")
    assert rig.execute(0x6001 | n << 7) == Trap("M", 2, CODE, 0x6001 | n << 7), "c.lui with 0 is reserved"
