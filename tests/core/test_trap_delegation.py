"""Where exceptions go and what trap entry writes: checklist E and F."""

import pytest
import rig as r
from rig import ALL, CODE, NOWHERE, Rig, Trap, csrr

from rvh.isa import csrs

LOAD_FAULT = (r.LW, 5, NOWHERE)  # access fault: nothing answers there
SOURCES = {
    "illegal": (0x0000_007F, 2, 0),
    "breakpoint": (r.EBREAK, 3, 0),
    "load": LOAD_FAULT,
    "store": (r.SW, 7, NOWHERE),
    "misaligned": (r.AMOADD_W, 6, r.DATA + 13),
}


@pytest.fixture
def rig():
    return Rig()


def state(rig):
    there = [row for row in csrs.CSRS if row.exists(rig.extensions)]
    return {row.name: rig.csr[row.name] for row in there if row.number >> 8 not in (0xB, 0xC)}


def changes(before, after):
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("medeleg", [False, True])
@pytest.mark.parametrize("hedeleg", [False, True])
@pytest.mark.rules("MEDELEG_OP", "medeleg_enc", "trap_never_trans_lower", "trap_horiz", "hedeleg_op", "H_trap_deleg")
def test_E1_both_levels_of_delegation_are_checked(rig, source, medeleg, hedeleg):
    insn, cause, a1 = SOURCES[source]
    rig.csr["medeleg"] = 1 << cause if medeleg else ALL & ~(1 << cause)
    rig.csr["hedeleg"] = 1 << cause if hedeleg else ALL & ~(1 << cause)
    for mode in ("M", "HS", "U", "VS", "VU"):
        trap = rig.execute(insn, mode=mode, a1=a1)
        into = "M" if mode == "M" or not medeleg else "VS" if hedeleg and mode[0] == "V" else "HS"
        assert (trap.into, trap.cause, trap.epc) == (into, cause, CODE), mode


@pytest.mark.parametrize("mode, cause", [("U", 8), ("VU", 8), ("HS", 9), ("VS", 10), ("M", 11)])
@pytest.mark.rules("ecall_epc_value", "trap_def_M_mode", "H_cause", "H_cause_ecall", "stval_op_other_traps")
def test_E2_ecall_causes_and_targets(rig, mode, cause):
    assert rig.execute(r.ECALL, mode=mode) == Trap("M", cause, CODE, 0)
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    into = {"U": "HS", "VU": "VS", "HS": "HS", "VS": "HS", "M": "M"}[mode]
    assert rig.execute(r.ECALL, mode=mode) == Trap(into, cause, CODE, 0)


@pytest.mark.rules("H_guest_page_fault", "H_cause", "stval_op_faulting_addr")
def test_E3_hypervisor_causes_never_reach_VS(rig):
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    assert rig.execute(r.ECALL, mode="VS").into == "HS"  # 10
    assert rig.execute(r.HLV_W, mode="VS") == Trap("HS", 22, CODE, r.HLV_W)
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12  # an empty root table
    assert rig.execute(r.NOP, mode="VS")[:2] == ("HS", 20)
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)  # 1 GiB of RAM, identity
    assert rig.execute(r.LW, mode="VS", a1=NOWHERE)[:2] == ("HS", 21)
    assert rig.execute(r.SW, mode="VS", a1=NOWHERE)[:2] == ("HS", 23)


@pytest.mark.parametrize("mode, into", [("M", "M"), ("HS", "HS"), ("U", "HS")])
def test_E4_hypervisor_accesses_do_not_consult_hedeleg(rig, mode, into):
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    assert rig.execute(r.HLV_W, mode=mode, a1=NOWHERE) == Trap(into, 5, CODE, NOWHERE)


def test_E4_mprv_accesses_do_not_consult_delegation(rig):
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    rig.csr["mstatus"] |= 1 << 17 | 1 << 11 | 1 << 39
    assert rig.execute(r.LW, mode="M", a1=NOWHERE) == Trap("M", 5, CODE, NOWHERE)
    assert rig.csr["mstatus"] >> 38 & 1  # GVA: a guest's address


@pytest.mark.rules("MCAUSE_EXCCODE_MISALIGNED_VS_FAULT_PRI", "H_exception_priority")
def test_E5_order_of_exceptions_of_one_instruction(rig):
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = r.RAM + 0x1000 >> 2, ALL
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x08  # nobody below M may touch the code: fetch access fault
    assert rig.execute(r.HLV_W, mode="VS").cause == 1
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x0F
    assert rig.execute(r.HLV_W, mode="VS").cause == 22
    rig.csr["mstatus"] = 0
    assert rig.execute(csrr("fcsr"), mode="VS").cause == 2
    assert rig.execute(r.LR_W, mode="M", a1=NOWHERE + 1).cause == 4  # misaligned comes first for LR, SC and AMOs


def prepare(rig):
    """Every register that trap entry may write holds something else before."""
    for name in ("mepc", "sepc", "vsepc"):
        rig.csr[name] = 0x4444
    for name in ("mcause", "scause", "vscause", "mtval", "stval", "vstval", "mtval2", "htval", "mtinst", "htinst"):
        rig.csr[name] = 0x5555


@pytest.mark.parametrize("mode, priv, v", [("M", 3, 0), ("HS", 1, 0), ("U", 0, 0), ("VS", 1, 1), ("VU", 0, 1)])
@pytest.mark.parametrize("old", [0, ALL])
@pytest.mark.rules(
    "mepc_op",
    "mcause_op",
    "mtval_op",
    "mstatus_xpie_op",
    "mstatus_xpp_op",
    "mstatus_xpie_trap_op",
    "mstatus_xie_trap_op",
    "mstatus_xpp_trap_op",
    "ebreak_epc_value",
    "mstatus_mpv_op",
    "H_trap_m_csrwrites",
)
def test_F1_entry_to_M(rig, mode, priv, v, old):
    prepare(rig)
    rig.csr["mstatus"] = old & ~(1 << 17)
    rig.csr["hstatus"] = old
    before = state(rig)
    assert rig.execute(r.EBREAK, mode=mode).into == "M"
    change = changes(before, state(rig))
    fields = 3 << 11 | 1 << 7 | 1 << 3 | 1 << 38 | 1 << 39
    mie = before["mstatus"] >> 3 & 1
    expected = before["mstatus"] & ~fields | priv << 11 | mie << 7 | v << 38 | v << 39
    assert rig.csr["mstatus"] == expected
    assert change.keys() - {"mstatus", "sstatus"} == {"mepc", "mcause", "mtval", "mtval2", "mtinst"}
    assert (rig.csr["mepc"], rig.csr["mcause"], rig.csr["mtval"]) == (CODE, 3, CODE)
    assert (rig.csr["mtval2"], rig.csr["mtinst"]) == (0, 0)
    assert "sstatus" not in change


@pytest.mark.parametrize("mode, priv, v", [("HS", 1, 0), ("U", 0, 0), ("VS", 1, 1), ("VU", 0, 1)])
@pytest.mark.parametrize("old", [0, ALL])
@pytest.mark.rules(
    "trap_del_S_mode_op",
    "trap_del_S_mode_no_M_mode",
    "mepc_op",
    "mcause_op",
    "mtval_op",
    "mstatus_xpie_op",
    "mstatus_xpp_op",
    "mstatus_xpie_trap_op",
    "mstatus_xie_trap_op",
    "mstatus_xpp_trap_op",
    "mstatus_spp_sz",
    "hstatus_op",
    "hstatus_spv_op",
    "hstatus_spvp_op",
    "H_trap_hs_csrwrites",
    "sstatus_spp_op",
    "sstatus_spie_op",
    "sepc_op_trap_write",
    "scause_op",
    "stval_op",
    "scause_interrupt_op",
)
def test_F2_entry_to_HS(rig, mode, priv, v, old):
    prepare(rig)
    rig.csr["medeleg"] = ALL
    rig.csr["mstatus"] = (old & ~(1 << 17)) | 1 << 38 | 1 << 39
    rig.csr["hstatus"] = old
    before = state(rig)
    assert rig.execute(r.EBREAK, mode=mode).into == "HS"
    after = state(rig)
    hs = before["hstatus"] & ~(1 << 6 | 1 << 7) | v << 6 | v << 7
    if v:
        hs = hs & ~(1 << 8) | priv << 8
    assert after["hstatus"] == hs
    sie = before["mstatus"] >> 1 & 1
    assert after["mstatus"] == before["mstatus"] & ~(1 << 8 | 1 << 5 | 1 << 1) | priv << 8 | sie << 5
    written = {"sepc", "scause", "stval", "htval", "htinst"}
    assert changes(before, after).keys() - {"mstatus", "sstatus", "hstatus"} == written
    assert (after["sepc"], after["scause"], after["stval"], after["htval"], after["htinst"]) == (CODE, 3, CODE, 0, 0)


@pytest.mark.parametrize("mode, priv", [("VS", 1), ("VU", 0)])
@pytest.mark.parametrize("old", [0, ALL])
@pytest.mark.rules("H_trap_vs_csrwrites")
def test_F3_entry_to_VS(rig, mode, priv, old):
    prepare(rig)
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    rig.csr["vsstatus"] = rig.csr["hstatus"] = old
    before = state(rig)
    assert rig.execute(r.EBREAK, mode=mode).into == "VS"
    after = state(rig)
    sie = before["vsstatus"] >> 1 & 1
    assert after["vsstatus"] == before["vsstatus"] & ~(1 << 8 | 1 << 5 | 1 << 1) | priv << 8 | sie << 5
    assert changes(before, after).keys() - {"vsstatus"} == {"vsepc", "vscause", "vstval"}
    assert (after["vsepc"], after["vscause"], after["vstval"]) == (CODE, 3, CODE)


@pytest.mark.parametrize("into, tvec", [("M", "mtvec"), ("HS", "stvec"), ("VS", "vstvec")])
@pytest.mark.rules("mtvec_mode_vectored_op", "mtvec_mode_enc", "stvec_op")
def test_F4_exceptions_go_to_base_even_when_vectored(rig, into, tvec):
    rig.csr["medeleg"] = ALL if into != "M" else 0
    rig.csr["hedeleg"] = ALL if into == "VS" else 0
    rig.csr[tvec] |= 1
    assert rig.execute(r.EBREAK, mode="VS").into == into


GVA = [
    # instruction, a1, cause, sets GVA at V=1
    (r.EBREAK, 0, 3, True),
    (r.AMOADD_W, r.DATA + 13, 6, True),
    (r.LW, NOWHERE, 5, True),
    (r.LW, 0, 5, True),  # tval is 0 and yet a guest's address
    (0x0000_007F, 0, 2, False),
    (r.HLV_W, 0, 22, False),
    (r.ECALL, 0, None, False),
]


@pytest.mark.parametrize("insn, a1, cause, gva", GVA)
@pytest.mark.parametrize("mode", ["VS", "VU"])
@pytest.mark.parametrize("old", [0, 1])
@pytest.mark.rules("hstatus_gva_op", "mstatus_gva_op")
def test_F5_gva_means_that_tval_is_a_guest_virtual_address(rig, insn, a1, cause, gva, mode, old):
    for medeleg, register, bit in ((0, "mstatus", 38), (ALL, "hstatus", 6)):
        rig.csr["medeleg"] = medeleg
        rig.csr[register] = rig.csr[register] & ~(1 << bit) | old << bit
        trap = rig.execute(insn, mode=mode, a1=a1)
        assert trap.cause == cause or cause is None
        assert rig.csr[register] >> bit & 1 == gva


@pytest.mark.parametrize("insn, a1", [(r.EBREAK, 0), (r.LW, NOWHERE), (r.AMOADD_W, r.DATA + 13)])
@pytest.mark.parametrize("mode", ["HS", "U"])
@pytest.mark.rules("hstatus_gva_op", "mstatus_gva_op")
def test_F5_gva_is_cleared_by_traps_from_V0(rig, insn, a1, mode):
    for medeleg, register, bit in ((0, "mstatus", 38), (ALL, "hstatus", 6)):
        rig.csr["medeleg"] = medeleg
        rig.csr[register] |= 1 << bit
        assert rig.execute(insn, mode=mode, a1=a1)
        assert not rig.csr[register] >> bit & 1


@pytest.mark.parametrize("insn", [r.HLV_W, r.HLVX_WU, r.HSV_W])
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.rules("hstatus_gva_op", "mstatus_gva_op", "stval_op_faulting_addr")
def test_F5_gva_of_hypervisor_accesses(rig, insn, mode):
    rig.csr["medeleg"] = ALL
    trap = rig.execute(insn, mode=mode, a1=NOWHERE)
    assert trap.tval == NOWHERE
    assert (rig.csr["mstatus"] >> 38 if mode == "M" else rig.csr["hstatus"] >> 6) & 1


def guest_fault(rig):
    """VS-mode runs identity-mapped in the G-stage, where only the first GiB from RAM is mapped."""
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)


@pytest.mark.parametrize("medeleg, value, inst", [(0, "mtval2", "mtinst"), (ALL, "htval", "htinst")])
@pytest.mark.rules(
    "htval_op", "htinst_op", "mtval2_op", "mtinst_op", "HTVAL_TRAPVAL", "MTVAL2_TRAPVAL", "shtvala_htval_faulting_gpa"
)
def test_F6_htval_only_for_guest_page_faults(rig, medeleg, value, inst):
    guest_fault(rig)
    rig.csr["medeleg"] = medeleg
    trap = rig.execute(r.LW, mode="VS", a1=0x1234_5674)
    assert (trap.cause, trap.tval) == (21, 0x1234_5674)
    assert rig.csr[value] == 0x1234_5674 >> 2
    assert rig.csr[inst] == r.LW & 0x7FFF
    for insn, a1 in ((r.ECALL, 0), (0x7F, 0), (r.HLV_W, 0), (r.EBREAK, 0)):
        rig.csr[value] = rig.csr[inst] = ALL
        assert rig.execute(insn, mode="VS", a1=a1)
        assert rig.csr[value] == rig.csr[inst] == 0
    rig.csr[value] = ALL
    assert rig.execute(r.LW, mode="VS", a1=r.RAM + r.RAM_SIZE).cause == 5  # mapped to where nothing answers
    assert rig.csr[value] == 0


@pytest.mark.parametrize("insn", [0x0000_007F, 0x0000_0000, 0xFFFF_FFFF, 0x8002, 0x0000])
@pytest.mark.rules(
    "mtval_instr_bits",
    "mtval_instr_bits_sz",
    "mtval_ill_instr_exc_in_low_bits",
    "MTVAL_PER_EXC_BEHAVIOR",
    "Zca_illegal",
    "stval_op_illegal_instr",
    "stval_op_illegal_instr_format",
)
def test_F7_tval_of_an_illegal_instruction_is_its_bits(rig, insn):
    for mode in ("M", "VS"):
        trap = rig.execute(insn, mode=mode)
        bits = insn & 0xFFFF if insn & 3 != 3 else insn
        if insn != 0x8002:  # c.jr x0 with rs1=0 is reserved
            assert trap == Trap("M", 2, CODE, bits)


@pytest.mark.rules("mtval_ill_instr_exc_in_low_bits", "stval_op_illegal_instr", "stval_op_illegal_instr_format")
def test_F7_tval_of_a_16_bit_illegal_instruction_has_no_upper_bits(rig):
    # The half after it must not be seen.
    rig.machine.memory.write(CODE, bytes.fromhex("0000ffff"))
    rig.stand("M", CODE)
    rig.step()
    assert rig.trap() == Trap("M", 2, CODE, 0)


@pytest.mark.rules("mtval_vaddr_wr2", "stval_op_load_store_fault")
def test_F7_tval_of_a_crossing_access_is_its_first_failing_byte(rig):
    end = r.RAM + r.RAM_SIZE
    assert rig.execute(r.LW, mode="M", a1=end - 2) == Trap("M", 5, CODE, end)
    assert rig.execute(r.SW, mode="M", a1=end - 2) == Trap("M", 7, CODE, end)
    assert rig.execute(r.LW, mode="M", a1=r.RAM - 2) == Trap("M", 5, CODE, r.RAM - 2)


@pytest.mark.rules("fault_excep_csr", "no_addr_misaligned_excep")
def test_F7_tval_of_a_cache_block_operation_is_rs1(rig):
    guest_fault(rig)
    for insn in (r.CBO_ZERO, r.CBO_CLEAN, r.CBO_FLUSH, r.CBO_INVAL):
        assert rig.execute(insn, mode="VS", a1=NOWHERE + 5) == Trap("M", 23, CODE, NOWHERE + 5)


@pytest.mark.rules("mepc_varlen_wr", "MTVAL_VARLEN_WR", "stval_faulting_address_variable_instr")
def test_F7_fetch_across_pages_names_the_second_page(rig):
    rig.csr["satp"] = 8 << 60 | r.TABLES >> 12
    level1, level0 = r.TABLES + 0x1000, r.TABLES + 0x2000
    rig.store(r.TABLES + 2 * 8, level1 >> 2 | 1)
    rig.store(level1, level0 >> 2 | 1)
    rig.store(level0, r.RAM >> 2 | 0xCF)  # the first page only
    rig.machine.memory.write(r.RAM + 0xFFE, r.NOP.to_bytes(4, "little"))
    rig.stand("HS", r.RAM + 0xFFE)
    rig.step()
    assert rig.trap() == Trap("M", 12, r.RAM + 0xFFE, r.RAM + 0x1000)


@pytest.mark.rules("ebreak_epc_value", "mtval_vaddr_wr1", "stval_op_breakpoint")
def test_F7_ebreak_writes_its_address(rig):
    assert rig.execute(r.NOP, r.EBREAK, mode="M") == Trap("M", 3, CODE + 4, CODE + 4)
    assert rig.execute(r.NOP, 0x9002, mode="VU") == Trap("M", 3, CODE + 4, CODE + 4)
    assert rig.csr["mstatus"] >> 38 & 1


FAULTS = {  # instruction, a1, its trap's value
    "load access": (r.LW, NOWHERE, NOWHERE),
    "store access": (r.SW, NOWHERE, NOWHERE),
    "load page": (r.LW, 0x4000_0000, 0x4000_0000),
    "store page": (r.SW, 0x4000_0008, 0x4000_0008),
    "misaligned": (r.AMOADD_W, r.DATA + 15, r.DATA + 15),
    "illegal": (0x0000_007F, 0, 0x0000_007F),
    "illegal, 16 bits": (0x0000, 0, 0),
    "M-mode's": (r.MRET, 0, r.MRET),
}


@pytest.mark.parametrize(
    "mode, atp",
    [
        pytest.param(
            "HS", "satp", marks=pytest.mark.rules("sstvala_stval_faulting_vaddr", "sstvala_stval_faulting_instruction")
        ),
        pytest.param("VS", "vsatp", marks=pytest.mark.rules("shvstvala_vstval_written")),
    ],
)
@pytest.mark.parametrize("name", FAULTS)
def test_F7_the_supervisors_own_trap_value(rig, mode, atp, name):
    """Sstvala and Shvstvala: one GiB of RAM is mapped, and one of nothing at all; the rest is not."""
    insn, a1, value = FAULTS[name]
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xCF)
    rig.store(r.TABLES, 0xCF)
    rig.csr[atp] = 8 << 60 | r.TABLES >> 12
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    rig.csr["stval"] = rig.csr["vstval"] = 0x5555
    trap = rig.execute(insn, mode=mode, a1=a1)
    assert trap is not None and trap.into == mode and trap.tval == value


@pytest.mark.parametrize(
    "mode, atp",
    [
        pytest.param("HS", "satp", marks=pytest.mark.rules("sstvala_stval_faulting_vaddr")),
        pytest.param("VS", "vsatp", marks=pytest.mark.rules("shvstvala_vstval_written")),
    ],
)
@pytest.mark.parametrize("pc, cause", [(NOWHERE, 1), (0x4000_0000, 12)])
def test_F7_the_supervisors_own_trap_value_of_a_fetch(rig, mode, atp, pc, cause):
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xCF)
    rig.store(r.TABLES, 0xCF)
    rig.csr[atp] = 8 << 60 | r.TABLES >> 12
    rig.csr["medeleg"] = rig.csr["hedeleg"] = ALL
    rig.stand(mode, pc)
    rig.step()
    assert rig.trap() == Trap(mode, cause, pc, pc)


@pytest.mark.rules("sstvala_stval_faulting_instruction")
def test_F7_the_trap_value_of_a_virtual_instruction(rig):
    rig.csr["medeleg"] = ALL
    assert rig.execute(csrr("hstatus"), mode="VS") == Trap("HS", 22, CODE, csrr("hstatus"))
