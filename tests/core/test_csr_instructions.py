"""The CSR instructions (Unprivileged ISA, "Zicsr"; Privileged ISA, "CSR Address Mapping Conventions"): what each reads
and writes, by encodings written out."""

import pytest
import rig as r
from rig import ALL, CODE, Rig, Trap, csrr

rules = pytest.mark.rules

MSCRATCH, MCYCLE, MINSTRET, MHARTID, FFLAGS, MIP, SSTATUS = 0x340, 0xB00, 0xB02, 0xF14, 0x001, 0x344, 0x100
RW, RS, RC, RWI, RSI, RCI = 1, 2, 3, 5, 6, 7


def insn(funct3: int, csr: int, rd: int, field: int) -> int:
    return csr << 20 | field << 15 | funct3 << 12 | rd << 7 | 0x73


A0, A1, X0 = 10, 11, 0


@pytest.mark.parametrize(
    "funct3, source, new",
    [
        pytest.param(RW, 0x0F0, 0x0F0, marks=rules("csrrw_op")),
        pytest.param(RS, 0x0F0, 0xFFF0 | 0x0F0, marks=rules("csrrs_op")),
        pytest.param(RC, 0x0F0, 0xFF00, marks=rules("csrrc_op")),
    ],
)
def test_register_forms(funct3, source, new):
    rig = Rig()
    rig.csr["mscratch"] = 0xFFF0
    assert rig.execute(insn(funct3, MSCRATCH, A0, A1), a1=source) is None
    assert (rig.a0, rig.csr["mscratch"]) == (0xFFF0, new)
    rig.csr["mscratch"] = 0xFFF0
    assert rig.execute(insn(funct3, MSCRATCH, A1, A1), a1=source) is None
    assert (rig.hart.x["a1"], rig.csr["mscratch"]) == (0xFFF0, new), "one register for both"


@pytest.mark.parametrize(
    "funct3, uimm, new",
    [
        pytest.param(RWI, 31, 31, marks=rules("csrrwi_op")),
        pytest.param(RWI, 0, 0, marks=rules("csrrwi_op")),
        pytest.param(RSI, 0x15, 0xFF1F | 0x15, marks=rules("csrrsi_op")),
        pytest.param(RCI, 0x15, 0xFF0A, marks=rules("csrrci_op")),
    ],
)
def test_immediate_forms_zero_extend_five_bits(funct3, uimm, new):
    rig = Rig()
    rig.csr["mscratch"] = 0xFF1F
    assert rig.execute(insn(funct3, MSCRATCH, A0, uimm)) is None
    assert (rig.a0, rig.csr["mscratch"]) == (0xFF1F, new)


@rules("zicsr_rs1_x0", "zicsr_uimm_zero", "Zicsr_illegal_acc", "zicsr_side_effects")
@pytest.mark.parametrize("funct3", [RS, RC, RSI, RCI])
def test_x0_and_zero_as_source_do_not_write(funct3):
    rig = Rig()
    assert rig.execute(insn(funct3, MHARTID, A0, 0)) is None
    word = insn(funct3, MHARTID, A0, A1)
    assert rig.execute(word, a1=0) == Trap("M", 2, CODE, word), "a register that holds zero does"
    rig.csr["mstatus"] = 1 << 13
    assert rig.execute(insn(funct3, FFLAGS, A0, 0)) is None
    assert rig.csr["mstatus"] >> 13 & 3 == 1, "no side effect of a write"
    rig.csr["minstret"] = 100
    assert rig.execute(insn(funct3, MINSTRET, A0, 0), r.NOP) is None
    assert rig.a0 == 100 and rig.csr["minstret"] == 102


@rules("zicsr_rs1_x0")
def test_csrrw_from_x0_writes_zero():
    rig = Rig()
    rig.csr["mscratch"] = 5
    assert rig.execute(insn(RW, MSCRATCH, A0, X0)) is None
    assert (rig.a0, rig.csr["mscratch"]) == (5, 0)
    assert rig.cause(insn(RW, MHARTID, X0, X0), mode="M") == 2


@rules("zicsr_rd_x0", "csrrw_op")
@pytest.mark.parametrize("funct3", [RW, RWI])
def test_x0_as_destination_still_writes(funct3):
    rig = Rig()
    assert rig.execute(insn(funct3, MSCRATCH, X0, A1), a1=11) is None
    assert rig.csr["mscratch"] == 11 and rig.hart.x["zero"] == 0


@rules("zicsr_side_effects")
def test_bits_that_are_not_named_keep_what_hardware_gave_them():
    """Setting SSIP leaves the line of SEIP out of what is written."""
    rig = Rig()
    rig.lines(1 << 9)
    assert rig.execute(insn(RS, MIP, A0, A1), a1=2) is None
    rig.lines(1 << 9, False)
    assert rig.csr["mip"] & 0x202 == 2


@rules("zicsr_order", "zicsr_side_effects_synchronous")
@pytest.mark.parametrize("csr", [MCYCLE, MINSTRET])
def test_a_read_leaves_its_own_instruction_out_and_a_write_replaces_its_increment(csr):
    rig = Rig()
    for value in (0, 41):
        assert rig.execute(insn(RW, csr, A0, A1), insn(RS, csr, A0, X0), a1=value) is None
        assert rig.a0 == value
    assert rig.execute(insn(RW, csr, A0, A1), r.NOP, r.NOP, insn(RW, csr, A0, X0), csrr(csr), a1=7) is None
    assert rig.a0 == 0


@rules("zicsr_order", "zicsr_side_effects_synchronous")
def test_the_next_instruction_sees_everything_of_a_write():
    """FS: off, and the instruction after it is illegal; on, and it is not. In one run of the hart."""
    rig = Rig()
    rig.csr["mstatus"] = 1 << 13
    fadd = r.FADD_S
    assert rig.execute(fadd, insn(RC, 0x300, X0, A1), fadd, a1=3 << 13) == Trap("M", 2, CODE + 8, fadd)
    assert rig.execute(insn(RS, 0x300, X0, A1), fadd, a1=1 << 13) is None


#: mstatus: bits 0, 2, 4, 25 to 31, 40 and 43 to 62.
WPRI = 0x15 | 0x7F << 25 | 1 << 40 | ((1 << 20) - 1) << 43


@rules("Zicsr_write_ro", "Zicsr_wpri_roz", "ZICSR_WARL")
@pytest.mark.parametrize(
    "csr, zeros",
    [(0x300, WPRI), (0x304, ~0x2EEE & ALL), (0x306, ALL << 32 & ALL), (0x320, ALL << 32 & ALL | 2), (0x30A, 0xFF00)],
)
def test_writes_to_bits_that_are_read_only_are_ignored_without_a_trap(csr, zeros):
    rig = Rig()
    assert rig.execute(insn(RW, csr, A0, A1), insn(RS, csr, A0, X0), a1=zeros) is None
    assert rig.a0 & zeros == 0


@rules("Zicsr_wlrl", "ZICSR_WLRL_EXCEPTION")
@pytest.mark.parametrize("value", [14, 24, 63, 1 << 40, 1 << 63 | 60])
def test_an_unknown_cause_can_be_written_and_raises_nothing(value):
    rig = Rig()
    for csr in (0x342, 0x142, 0x242):
        assert rig.execute(insn(RW, csr, X0, A1), insn(RS, csr, A0, X0), a1=value) is None
        assert rig.a0 == value


@rules("Zicsr_debug_illegal")
@pytest.mark.parametrize("number", range(0x7B0, 0x7C0))
def test_debug_mode_registers_are_illegal_in_m_mode(number):
    rig = Rig()
    for word in (insn(RS, number, A0, X0), insn(RW, number, X0, A1)):
        assert rig.execute(word, mode="M") == Trap("M", 2, CODE, word)


@rules("Zicsr_rw", "Zicsr_illegal_acc")
@pytest.mark.parametrize("number", [0xC00, 0xC01, 0xC1F, 0xDA0, 0xE12, 0xF11, 0xF14, 0xF15])
def test_registers_with_both_high_bits_set_are_read_only(number):
    rig = Rig()
    assert rig.cause(insn(RS, number, A0, X0), mode="M") is None
    for funct3 in (RW, RS, RC, RWI, RSI, RCI):
        assert rig.cause(insn(funct3, number, A0, A1), mode="M", a1=0) == 2


@rules("Zicsr_access", "Zicsr_illegal_mode", "Zicsr_higher_priv")
@pytest.mark.parametrize(
    "number, modes", [(0x001, "M HS U VS VU"), (0x140, "M HS VS"), (0x643, "M HS"), (0x243, "M HS"), (0x340, "M")]
)
def test_bits_9_and_8_are_the_lowest_privilege(number, modes):
    rig = Rig()
    for mode in ("M", "HS", "U", "VS", "VU"):
        cause = rig.cause(insn(RS, number, A0, X0), mode=mode)
        # What HS-mode could do is virtual to a guest.
        assert cause == (None if mode in modes.split() else 22 if mode[0] == "V" and number != 0x340 else 2)
