"""mstatus: which fields are there for which extensions, and what they do (manual: "Machine Status (mstatus and
mstatush) Registers"). Trap entry and return are in test_trap_delegation.py and test_trap_return.py."""

import pytest
import rig as r
from pagetables import KERNEL, USER, A, V, X
from rig import ALL, DATA, RAM, TABLES, Rig, csrr

rules = pytest.mark.rules

SIE, MIE, SPIE, MPIE, SPP, MPP = 1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 8, 3 << 11
MPRV, SUM, MXR, TVM, TW, TSR = (1 << n for n in range(17, 23))
UBE, SBE, MBE = 1 << 6, 1 << 36, 1 << 37
FS, VS, XS, SD, UXL, SXL = 3 << 13, 3 << 9, 3 << 15, 1 << 63, 3 << 32, 3 << 34

M_ONLY, M_U, S_BARE, S_PAGED, NO_V = "rv64i_zicsr", "rv64iu_zicsr", "rv64isu_zicsr", "rv64isu_zicsr_sv39", "rv64gc"


def held(isa: str, bits: int, name: str = "mstatus") -> int:
    """Which of the bits are set after ones and cleared after zeros; the others must be zero after both."""
    rig = Rig(isa, open_gates=False)
    rig.write(name, "M", ALL & ~MPP | rig.csr[name] & MPP)
    ones = rig.read(name, "M") & bits
    rig.write(name, "M", rig.csr[name] & MPP)
    assert not rig.read(name, "M") & bits
    return ones


@rules("mstatus_sie_rdonly0", "mstatus_spie_rdonly0", "mstatus_xpp_rdonly0")
@pytest.mark.parametrize("isa, s_mode", [(M_ONLY, 0), (M_U, 0), (S_BARE, 1)])
def test_the_machines_stack_is_always_there_and_the_supervisors_with_S(isa, s_mode):
    bits = SIE | SPIE | SPP
    assert held(isa, MIE | MPIE | bits) == MIE | MPIE | (bits if s_mode else 0)


@rules("mstatus_mprv_rdonly0_no_umode", "mstatus_tw_acc", "MSTATUS_TW_WARL")
@pytest.mark.parametrize("isa, u_mode", [(M_ONLY, 0), (M_U, 1), (S_PAGED, 1)])
def test_mprv_and_tw_need_a_mode_below(isa, u_mode):
    assert held(isa, MPRV | TW) == (MPRV | TW if u_mode else 0)


@rules("MSTATUS_TSR_ACC", "MSTATUS_TSR_WARL")
@pytest.mark.parametrize("isa, s_mode", [(M_ONLY, 0), (M_U, 0), (S_BARE, 1)])
def test_tsr_needs_S(isa, s_mode):
    assert held(isa, TSR) == (TSR if s_mode else 0)


@rules("mstatus_mxr_rdonly0_no_smode", "mstatus_sum_rdonly0", "mstatus_tvm_op", "MSTATUS_TVM_WARL")
@pytest.mark.parametrize("isa, paging", [(M_ONLY, 0), (M_U, 0), (S_BARE, 0), (S_PAGED, 1), ("rv64gch", 1)])
def test_sum_mxr_and_tvm_need_page_tables(isa, paging):
    """Where satp can only be Bare there is nothing that they could modify."""
    assert held(isa, SUM | MXR | TVM) == (SUM | MXR | TVM if paging else 0)
    if "S" in Rig(isa).extensions:
        assert held(isa, SUM | MXR, "sstatus") == (SUM | MXR if paging else 0)


@rules("mstatus_sxl_acc_mxlen64", "mstatus_uxl_acc_mxlen64", "mstatus_sxl_op", "mstatus_uxl_op", "mstatus_sxl_enc")
@rules("mstatus_uxl_enc", "MSTATUS_SXL_WARL", "MSTATUS_UXL_WARL", "MSTATUS_SXL_RDONLY_MXLEN64")
@rules("mstatus_uxl_rdonly_mxlen64", "MSTATUS_UXL_LEGAL_VALS_SMODE", "SXLEN", "UXLEN")
@pytest.mark.parametrize("isa, sxl, uxl", [(M_ONLY, 0, 0), (M_U, 0, 2), (S_BARE, 2, 2), ("max", 2, 2)])
def test_xlen_is_64_in_every_mode_there_is(isa, sxl, uxl):
    rig = Rig(isa)
    for value in (0, 1 << 32 | 1 << 34, 2 << 32 | 1 << 34, 3 << 32 | 3 << 34):
        rig.write("mstatus", "M", value)
        assert rig.read("mstatus", "M") & (SXL | UXL) == sxl << 34 | uxl << 32
    for mode, xl in (("HS", sxl), ("U", uxl)):
        if xl:
            assert rig.execute(0x00150513, mode=mode, a0=0xFFFF_FFFF) is None  # addi a0, a0, 1
            assert rig.a0 == 1 << 32


@rules("MSTATUS_MBE_WARL", "MSTATUS_SBE_WARL", "MSTATUS_UBE_WARL", "mstatus_mbe_op", "mstatus_sbe_op", "mstatus_ube_op")
@rules("MSTATUS_SBE_ROCOPY", "MSTATUS_UBE_ROCOPY", "endianness_inst_fetch_little")
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.rules("ENDIANNESS", "ldst_endian_byte_op", "load_op", "store_op")
def test_memory_is_little_endian_for_every_mode(mode):
    rig = Rig()
    rig.write("mstatus", "M", ALL & ~(MPRV | TW))
    assert not rig.read("mstatus", "M") & (MBE | SBE | UBE)
    rig.store(DATA, 0x0102_0304, 4)
    assert rig.execute(r.LW, mode=mode) is None and rig.a0 == 0x0102_0304
    assert rig.execute(r.SW, mode=mode, a0=0x0A0B_0C0D) is None
    assert rig.machine.memory.read(DATA, 4) == bytes.fromhex("0d0c0b0a")


@rules("mstatus_sbe_implicit")
def test_page_tables_are_little_endian():
    rig = Rig()
    rig.write("mstatus", "M", SBE | MBE)
    paging(rig, KERNEL)
    assert rig.execute(r.LW, mode="HS") is None


# ---- what MPRV, SUM and MXR change


def paging(rig: Rig, flags: int) -> None:
    """The gigabyte of RAM where it is, with these PTE flags, under Sv39."""
    rig.store(TABLES + 2 * 8, RAM >> 2 | flags)
    rig.csr["satp"] = 8 << 60 | TABLES >> 12


@rules("mstatus_sum_op_mprv_mpp", "mstatus_mprv_ldst_op")
@pytest.mark.parametrize(
    "mpp, sum_bit, cause", [(1, 0, 13), (1, SUM, None), (0, 0, None), (0, SUM, None), (3, 0, None)]
)
def test_sum_counts_in_m_mode_when_mprv_makes_it_supervisor(mpp, sum_bit, cause):
    rig = Rig()
    paging(rig, USER)
    rig.csr["mstatus"] = MPRV | mpp << 11 | sum_bit
    assert rig.cause(r.LW, mode="M") == cause


@rules("mstatus_sum_op_no-vm")
@pytest.mark.parametrize("sum_bit", [0, SUM])
def test_sum_means_nothing_without_page_tables(sum_bit):
    rig = Rig()
    for mode in ("HS", "U", "M"):
        rig.csr["mstatus"] = sum_bit
        assert rig.execute(r.LW, r.SW, mode=mode) is None


@rules("mstatus_mxr_op")
@pytest.mark.parametrize("mode, mpp", [("HS", 1), ("M", 1), ("M", 3)])
def test_mxr_opens_executable_pages_to_loads_below_m(mode, mpp):
    rig = Rig()
    paging(rig, V | X | A)
    for mxr in (0, MXR):
        rig.csr["mstatus"] = mxr | mpp << 11 | (MPRV if mode == "M" else 0)
        assert rig.cause(r.LW, mode=mode) == (None if mxr or mpp == 3 else 13)


@rules("MSTATUS_MXR_SUM_OP_ACC_FAULT")
@pytest.mark.parametrize("status", [0, MXR, SUM, MXR | SUM])
def test_mxr_and_sum_do_not_open_what_pmp_or_the_bus_denies(status):
    rig = Rig()
    rig.csr["mstatus"] = status
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = (DATA | 0x7FF) >> 2, ALL
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x1C  # the page of DATA: X alone
    paging(rig, KERNEL)
    assert rig.cause(r.LW, mode="HS") == 5
    rig.csr["satp"] = 0
    assert rig.cause(r.LW, mode="HS") == 5
    assert rig.cause(r.LW, mode="HS", a1=r.NOWHERE) == 5


@rules("MSTATUS_TW_ALWAYS_ILLEGAL", "MSTATUS_TW_TIME_LIMIT")
def test_with_tw_a_wfi_below_m_is_illegal_even_if_it_would_not_wait():
    rig = Rig()
    rig.csr["mip"] = rig.csr["mie"] = rig.csr["mideleg"] = 2  # pending, and masked by SIE=0
    rig.csr["mstatus"] = 0
    assert rig.execute(r.WFI, mode="HS") is None and not rig.hart.waiting
    rig.csr["mstatus"] = TW
    assert rig.cause(r.WFI, mode="HS") == 2
    rig.csr["mstatus"] = TW
    assert rig.execute(r.WFI, mode="M") is None


# ---- FS, VS, XS, SD


@rules("mstatus_fs_acc", "mstatus_fs_enc", "MSTATUS_FS_WARL", "MSTATUS_FS_NO_DIRTY_TRACK", "mstatus_sd_acc")
@rules("mstatus_sd_op")
@pytest.mark.parametrize("isa", ["max", "rv64imf_zicsr"])
def test_fs_holds_its_four_states_and_sd_says_dirty(isa):
    rig = Rig(isa)
    for fs in (0, 1, 2, 3):
        for sd in (0, SD):
            rig.write("mstatus", "M", fs << 13 | sd)
            assert rig.read("mstatus", "M") & (FS | SD) == fs << 13 | (SD if fs == 3 else 0)


@rules("mstatus_fs_acc", "MSTATUS_FS_RDONLY0_S_NO_F", "mstatus_sd_rdonly0")
@pytest.mark.parametrize("isa", [M_ONLY, M_U, S_PAGED])
def test_without_F_fs_and_sd_are_always_zero(isa):
    rig = Rig(isa)
    rig.write("mstatus", "M", FS | SD)
    assert not rig.read("mstatus", "M") & (FS | SD)


@rules("mstatus_vs_acc", "MSTATUS_VS_RDONLY0_S_NO_V", "MSTATUS_VS_WARL")
@pytest.mark.parametrize("isa", [M_ONLY, S_PAGED, NO_V])
def test_without_vector_registers_vs_is_always_zero(isa):
    assert held(isa, VS) == 0


@rules("mstatus_vs_acc", "mstatus_vs_enc", "MSTATUS_VS_WARL", "mstatus_sd_op")
def test_vs_holds_its_four_states_and_sd_says_dirty():
    rig = Rig("max_zve64x")
    for vs in (0, 1, 2, 3):
        rig.write("mstatus", "M", vs << 9)
        assert rig.read("mstatus", "M") & (VS | SD) == vs << 9 | (SD if vs == 3 else 0)


@rules("mstatus_vs_wr")
def test_what_vs_is_set_to_leaves_the_vector_registers_alone():
    rig = Rig("max_zve64x")
    rig.csr["mstatus"] = VS
    rig.csr["vxsat"], rig.csr["vxrm"] = 1, 2
    before = [rig.hart.v[n] for n in range(32)]
    rig.hart.v[7] = before[7] = bytes(range(1, len(before[7]) + 1))
    for state in (0, 1, 2, 1, 0, 3):
        rig.write("mstatus", "M", state << 9)
        assert [rig.hart.v[n] for n in range(32)] == before
    assert rig.read("vcsr", "M") == 5


@rules("mstatus_xs_acc", "mstatus_xs_op", "mstatus_xs_enc")
@pytest.mark.parametrize("isa", [M_ONLY, NO_V, "max"])
def test_no_other_extension_has_state(isa):
    assert held(isa, XS) == 0


FLW, FMV_W_X, FMV_X_W = 0x0005A507, 0xF0050553, 0xE0050553  # fa0, (a1); fa0, a0; a0, fa0


@rules("mstatus_fs_wr")
def test_what_fs_is_set_to_leaves_the_registers_alone():
    rig = Rig()
    rig.csr["mstatus"] = FS
    rig.hart.f["fa0"] = 0xFFFF_FFFF_1234_5678
    rig.csr["fcsr"] = 0x7F
    for state in (0, 1, 2, 1, 0, 3):
        rig.write("mstatus", "M", state << 13)
        assert rig.hart.f["fa0"] == 0xFFFF_FFFF_1234_5678
    assert rig.execute(FMV_X_W) is None and rig.a0 == 0x1234_5678
    assert rig.read("fcsr", "M") == 0x7F


@rules("mstatus_fs_vs_xs_update_indep_priv", "mstatus_fs_vs_xs_dirty_op", "mstatus_fs_op")
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.parametrize("state", [1, 2, 3])
def test_fs_becomes_dirty_in_every_mode(mode, state):
    rig = Rig()
    for word, dirty in ((FMV_X_W, False), (r.NOP, False), (csrr("fcsr"), False), (FMV_W_X, True), (FLW, True)):
        rig.csr["mstatus"] = state << 13
        assert rig.execute(word, mode=mode) is None
        assert rig.csr["mstatus"] >> 13 & 3 == (3 if dirty else state)


@rules("MSTATUS_FS_NO_CHANGE_DIRTY")
@pytest.mark.parametrize("mode", ["M", "U"])
def test_a_write_of_the_value_that_is_there_makes_dirty_too(mode):
    rig = Rig()
    rig.csr["mstatus"] = 1 << 13
    rig.hart.f["fa0"] = 0xFFFF_FFFF_0000_0000
    assert rig.execute(FMV_W_X, mode=mode, a0=0) is None
    assert rig.csr["mstatus"] & FS == FS
    rig.csr["mstatus"] = 1 << 13
    rig.write("frm", mode, rig.read("frm", mode))
    assert rig.csr["mstatus"] & FS == FS
