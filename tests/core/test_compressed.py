"""Code points of the 16-bit instructions that are hints, reserved, or another instruction than their form says
(Unprivileged ISA, "C", "Zca"), by their bits."""

import pytest
from rig import CODE, DATA, NOWHERE, Rig, Trap

rules = pytest.mark.rules

HINTS = {
    0x0015: "c-nop_hint",  # c.nop 5
    0x0501: "c-addi_hint",  # c.addi a0, 0
    0x401D: "c-li_hint",  # c.li x0, 7
    0x6005: "c-lui_hint",  # c.lui x0, 1
    0x0502: "c-slli_hint",  # c.slli a0, 0
    0x0016: "c-slli_hint",  # c.slli x0, 5
    0x8001: "c-srli_hint",  # c.srli s0, 0
    0x8401: "c-srai_hint",  # c.srai s0, 0
    0x802E: "c-mv_hint",  # c.mv x0, a1
    0x902E: "c-add_hint",  # c.add x0, a1
}
RESERVED = {
    0x0000: "Zca_illegal",
    0x0004: "c-addi4spn_rsv",  # c.addi4spn s1, 0
    0x2005: "c-addiw_rsv",  # c.addiw x0, 1
    0x6101: "c-addi16sp_rsv",  # c.addi16sp 0
    0x6201: "c-lui_rsv",  # c.lui x4, 0
    0x4002: "c-lwsp_rsv",  # c.lwsp x0, 0
    0x6002: "c-ldsp_rsv",  # c.ldsp x0, 0
    0x8002: "c-jr_rsv",  # c.jr x0
}


@pytest.mark.parametrize("half", [pytest.param(half, marks=rules(name, "Zca_hints")) for half, name in HINTS.items()])
def test_a_hint_does_nothing(half):
    rig = Rig()
    for n in range(1, 32):
        rig.hart.x[n] = DATA + n
    rig.code(half)
    rig.stand("M")
    rig.step()
    assert rig.pc == CODE + 2
    assert [rig.hart.x[n] for n in range(1, 32)] == [DATA + n for n in range(1, 32)]


@pytest.mark.parametrize("half", [pytest.param(half, marks=rules(name)) for half, name in RESERVED.items()])
def test_a_reserved_code_point_is_illegal(half):
    rig = Rig()
    rig.hart.x["sp"] = DATA
    assert rig.execute(half) == Trap("M", 2, CODE, half)


@rules("c-ebreak", "c-mv_jr", "c-add_val")
def test_one_operand_x0_makes_another_instruction():
    rig = Rig()
    assert rig.execute(0x9002) == Trap("M", 3, CODE, CODE)  # c.jalr x0 is c.ebreak
    for half, link in ((0x8502, None), (0x9502, CODE + 2)):  # c.mv a0, x0 is c.jr a0; c.add a0, x0 is c.jalr a0
        rig.hart.x["ra"] = 7
        assert rig.execute(half, a0=CODE + 0x40) is None
        assert rig.pc == CODE + 0x40 and rig.hart.x["ra"] == (7 if link is None else link)


@rules("Zca_regs8")
@pytest.mark.parametrize("n", range(8))
def test_three_bits_name_x8_to_x15(n):
    rig = Rig()
    for k in range(32):
        if k:
            rig.hart.x[k] = 0xFF
    rig.code(0x8801 | n << 7 | 5 << 2)  # c.andi
    rig.stand("M")
    rig.step()
    assert {k for k in range(1, 32) if rig.hart.x[k] != 0xFF} == {8 + n} and rig.hart.x[8 + n] == 5


@rules("Zc_fp_regs")
@pytest.mark.parametrize("n", range(8))
def test_three_bits_name_f8_to_f15(n):
    rig = Rig()
    for k in range(32):
        rig.hart.f[k] = 0
    rig.store(DATA, 0x1234_5678_9ABC_DEF0)
    assert rig.execute(0x2180 | n << 2) is None  # c.fld f(8+n), (a1)
    assert {k: rig.hart.f[k] for k in range(32) if rig.hart.f[k]} == {8 + n: 0x1234_5678_9ABC_DEF0}


@rules("load_exc_x0")
@pytest.mark.parametrize("word, cause", [(0x0005A003, 5), (0x0005B003, 5)])
def test_a_load_to_x0_still_faults(word, cause):
    rig = Rig()
    assert rig.execute(word, a1=NOWHERE) == Trap("M", cause, CODE, NOWHERE)


@rules("ia_fault_exc_on_target")
@pytest.mark.parametrize("word", [0x000580E7, 0x9582])  # jalr ra, (a1); c.jalr a1
def test_a_jump_to_where_nothing_is_succeeds_and_its_target_faults(word):
    rig = Rig()
    assert rig.execute(word, a1=NOWHERE) is None
    assert rig.pc == NOWHERE and rig.hart.x["ra"] == CODE + (4 if word & 3 == 3 else 2)
    rig.step()
    assert rig.trap() == Trap("M", 1, NOWHERE, NOWHERE)


@rules("c-slli_shamt5", "c-srli_shamt5")
def test_shifts_by_32_and_more_are_those_of_rv64():
    rig = Rig()
    assert rig.execute(0x1506, a0=3) is None  # c.slli a0, 33
    assert rig.a0 == 3 << 33
    assert rig.execute(0x9105, a0=5 << 60) is None  # c.srli a0, 33
    assert rig.a0 == 5 << 60 - 33
