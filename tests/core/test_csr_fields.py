"""What the fields of CSRs can hold, and what of one CSR another one shows or takes away: checklist A."""

import pytest
from csr_bits import ENVCFG, EPC, PMM, SD, STATUS_S, TVEC, UXL
from rig import ALL, Rig, csrr, csrrc, csrrs, csrrw, csrw

from rvh.isa import csrs


@pytest.mark.rules("hstatus_sz", "hstatus_acc", "HSTATUS_VGEIN_WLRL", "HSTATUS_VSBE_WARL")
def test_A1_hstatus_fields():
    rig = Rig()
    rig.write("hstatus", "HS", ALL)
    assert rig.csr["hstatus"] == 3 << 48 | 0x2_0070_03C0  # VSBE and VGEIN read-only zero, VSXL 2
    rig.write("hstatus", "HS", 0)
    assert rig.csr["hstatus"] == 0x2_0000_0000


@pytest.mark.rules("hstatus_vgein_op", "HSTATUS_VGEIN_WLRL")
def test_A1_vgein_holds_only_what_exists():
    rig = Rig(geilen=5)
    for n in range(6):
        rig.csr["hstatus"] = n << 12
        assert rig.csr["hstatus"] >> 12 & 0x3F == n
    for n in (6, 8, 63):
        rig.csr["hstatus"] = n << 12
        assert rig.csr["hstatus"] >> 12 & 0x3F <= 5


@pytest.mark.rules("hedeleg_sz", "hedeleg_acc", "HEDELEG_WARL")
def test_A2_hedeleg_mask():
    rig = Rig()
    rig.write("hedeleg", "HS", ALL)
    assert rig.csr["hedeleg"] == sum(1 << n for n in (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 18, 19))


@pytest.mark.rules("hideleg_sz", "hideleg_acc", "HIDELEG_WARL", "mideleg_hroz")
def test_A3_hideleg_masked_by_mideleg():
    """What hideleg can hold is read-only one in mideleg: no bit of it can be 0 there."""
    rig = Rig()
    rig.csr["mideleg"] = 0
    rig.write("hideleg", "HS", ALL)
    assert rig.csr["hideleg"] == 0x444
    assert rig.csr["mideleg"] & 0x444 == 0x444
    rig.write("hie", "HS", ALL)
    rig.write("hvip", "HS", ALL)
    assert (rig.csr["hie"] | rig.csr["hip"]) & ~rig.csr["mideleg"] == 0
    rig.csr["mideleg"] = ALL
    rig.write("hideleg", "HS", ALL)
    assert rig.csr["hideleg"] == 0x444  # neither S-level interrupts nor LCOFI


@pytest.mark.rules("hip_acc", "hie_acc", "mip_mie_alias", "mip_mie_vs", "hip_vssip_vssie_op", "HIP_WARL", "HIE_WARL")
def test_A4_hie_hip_hvip_share_storage_with_mie_and_mip():
    rig = Rig()
    rig.write("hie", "HS", ALL)
    assert rig.csr["hie"] == 0x444
    assert rig.csr["mie"] == 0x444
    rig.csr["mideleg"] = ALL
    assert rig.csr["sie"] == 0
    rig.write("hip", "HS", ALL)
    assert rig.csr["hip"] == 4 and rig.csr["hvip"] == 4 and rig.csr["mip"] == 4 and rig.csr["sip"] == 0
    rig.write("hvip", "HS", ALL)
    assert rig.csr["hip"] == 0x444 and rig.csr["mip"] == 0x444
    rig.write("mip", "M", 0)  # takes away VSSIP only
    assert rig.csr["hvip"] == 0x440
    rig.write("mie", "M", 0x40)
    assert rig.csr["hie"] == 0x40


@pytest.mark.rules("hie_acc", "hip_sgeip_sgeie_acc", "mip_mie_alias")
def test_A4_sgeie_only_with_guest_external_interrupts():
    rig = Rig(geilen=1)
    rig.csr["hie"] = ALL
    assert rig.csr["hie"] == 0x1444
    assert rig.csr["mie"] == 0x1444


@pytest.mark.rules("hgeip_sz", "hgeip_acc", "hgeie_sz", "hgeie_acc", "HGEIE_WARL", "GEILEN")
def test_A5_hgeie_and_hgeip():
    rig = Rig(geilen=3)
    rig.write("hgeie", "HS", ALL)
    assert rig.csr["hgeie"] == 0b1110
    for mode in ("M", "HS", "VS", "VU", "U"):
        assert rig.cause(csrw("hgeip"), mode=mode) == 2
    rig.csr["hgeip"] = ALL
    assert rig.read("hgeip", "HS") == 0b1110
    full = Rig(geilen=63)
    full.csr["hgeie"] = ALL
    assert full.csr["hgeie"] == ALL & ~1


@pytest.mark.rules("hcounteren_sz", "htimedelta_sz", "htimedelta_acc", "shcounterenw_hpmcounter_hcounteren")
def test_A6_htimedelta_and_hcounteren_widths():
    rig = Rig()
    rig.write("htimedelta", "HS", ALL - 5)
    assert rig.read("htimedelta", "HS") == ALL - 5
    rig.write("hcounteren", "HS", ALL)
    assert rig.read("hcounteren", "HS") == 0xFFFF_FFFF


@pytest.mark.rules(
    "menvcfg_pbmte_henvcfg_pbmte_rdonly0",
    "menvcfg_adue_henvcfg_adue_rdonly0",
    "henvcfg_sz",
    "henvcfg_acc",
    "cbxe_unaffected",
)
def test_A7_henvcfg_is_masked_by_menvcfg():
    rig = Rig()
    for bit in (61, 62, 63):
        rig.csr["menvcfg"] = ALL & ~(1 << bit)
        rig.write("henvcfg", "HS", ALL)
        assert rig.read("henvcfg", "HS") == ENVCFG & ~(1 << bit)
    rig.csr["menvcfg"] = 0  # FIOM and the cache-block fields do not depend on it
    rig.write("henvcfg", "M", ALL)
    assert rig.read("henvcfg", "M") == 0xF1 | PMM


def test_A7_henvcfg_bits_follow_menvcfg_down():
    rig = Rig()
    rig.csr["menvcfg"] = ALL
    rig.csr["henvcfg"] = ALL
    rig.csr["menvcfg"] = 0
    assert rig.csr["henvcfg"] == 0xF1 | PMM


@pytest.mark.parametrize("name", ["menvcfg", "henvcfg", "senvcfg"])
@pytest.mark.rules("MENVCFG_CBIE_WARL", "HENVCFG_CBIE_WARL", "SENVCFG_CBIE_WARL")
def test_A7_cbie_has_no_value_2(name):
    rig = Rig()
    for value in (0, 1, 3):
        rig.csr[name] = value << 4
        assert rig.csr[name] >> 4 & 3 == value
        rig.csr[name] = 2 << 4
        assert rig.csr[name] >> 4 & 3 != 2


@pytest.mark.rules(
    "mstateen_rv64_csrs",
    "sstateen_rv64_csrs",
    "hstateen_rv64_csrs",
    "hstateen_encoding",
    "STATEEN_WARL_ACCESS",
    "stateen_unimplemented_state_roz",
    "mstateen_lower_priv_roz",
    "stateen_reserved_roz",
    "mstateen_bit_63_roz",
    "hstateen_bit_63_writable",
    "hstateen_ro1_bits",
)
def test_A8_stateen_masks():
    rig = Rig(open_gates=False)
    for n in range(4):
        bits = 0xD << 60 if n == 0 else 1 << 63
        rig.csr[f"hstateen{n}"] = ALL
        assert rig.csr[f"hstateen{n}"] == 0
        rig.csr[f"mstateen{n}"] = ALL
        assert rig.csr[f"mstateen{n}"] == bits
        rig.csr[f"hstateen{n}"] = ALL
        assert rig.csr[f"hstateen{n}"] == bits
        rig.csr[f"mstateen{n}"] = 0
        assert rig.csr[f"hstateen{n}"] == 0


@pytest.mark.parametrize("name", ["htval", "mtval2", "htinst", "mtinst"])
@pytest.mark.rules(
    "htval_val",
    "HTVAL_WARL",
    "htinst_val",
    "HTINST_WARL",
    "mtval2_val",
    "MTVAL2_WARL",
    "mtinst_val",
    "MTINST_WARL",
    "htval_sz",
    "htval_acc",
    "htinst_sz",
    "htinst_acc",
    "mtval2_sz",
    "mtval2_acc",
    "mtinst_sz",
    "mtinst_acc",
)
def test_A9_trap_value_registers_hold_anything(name):
    rig = Rig()
    rig.write(name, "M", 0x00FF_FFFF_FFFF_FFFF)
    assert rig.read(name, "M") == 0x00FF_FFFF_FFFF_FFFF
    rig.write(name, "M", 0x1234)
    assert rig.read(name, "M") == 0x1234


@pytest.mark.rules(
    "hgatp_sz",
    "hgatp_acc",
    "HGATP_MODE_WARL",
    "hgatp_ppn_op",
    "HGATP_VMID",
    "hgatp_vmid_lsbs",
    "shgatpa_hgatp_bare_mode",
)
def test_A10_hgatp():
    rig = Rig()
    for mode in (0, 8, 9, 10):
        rig.write("hgatp", "HS", mode << 60 | (1 << 60) - 1)
        assert rig.csr["hgatp"] == mode << 60 | 0x3FFF << 44 | (1 << 44) - 4
    # An unsupported MODE does not lose the other fields.
    rig.write("hgatp", "HS", 8 << 60)
    rig.write("hgatp", "HS", 15 << 60 | 5 << 44 | 0x1234)
    assert rig.csr["hgatp"] & (1 << 60) - 1 == 5 << 44 | 0x1234
    assert rig.csr["hgatp"] >> 60 == 8


@pytest.mark.rules("vsstatus_sz", "vsstatus_acc")
def test_A11_vsstatus_holds_only_its_fields():
    rig = Rig()
    rig.write("vsstatus", "HS", ALL)
    assert rig.csr["vsstatus"] == STATUS_S | UXL | SD
    rig.write("vsstatus", "HS", 0)
    assert rig.csr["vsstatus"] == UXL
    rig.csr["mstatus"] = 3 << 13
    assert rig.csr["vsstatus"] >> 63 == 0  # SD is that of vsstatus.FS alone


@pytest.mark.rules(
    "vscause_sz",
    "vscause_acc",
    "VSCAUSE_WLRL",
    "VSTVAL_WARL",
    "VSEPC_WARL",
    "VSTVEC_MODE_WARL",
    "VSTVEC_BASE_WARL",
    "vstvec_sz",
    "vstvec_acc",
    "vsscratch_sz",
    "vsscratch_acc",
    "vspec_sz",
    "vspec_acc",
    "vstval_sz",
    "vstval_acc",
    "vstimecmp_sz",
)
def test_A12_vs_registers():
    rig = Rig()
    for name, value in {"vstvec": TVEC, "vsscratch": ALL, "vsepc": EPC, "vstval": ALL, "vstimecmp": ALL}.items():
        rig.write(name, "HS", ALL)
        assert rig.read(name, "HS") == value
    for cause in [*range(24), 1 << 63 | 1, 1 << 63 | 5, 1 << 63 | 9, 1 << 63 | 13]:
        rig.write("vscause", "HS", cause)
        assert rig.read("vscause", "HS") == cause


@pytest.mark.parametrize("name", ["satp", "vsatp"])
@pytest.mark.rules(
    "vsatp_mode_unsupported_v0",
    "VSATP_MODE_UNSUPPORTED_V0_WARL",
    "satp_mode_op_unsupported",
    "satp_mode_sxlen64",
    "satp_ppn_sv48_sz",
    "satp_ppn_sv57_sz",
    "svbare_satp_mode_bare",
)
def test_A13_unsupported_mode_leaves_all_as_it_was(name):
    rig = Rig()
    for mode in (8, 9, 10, 0):
        rig.write(name, "M", mode << 60 | 3 << 44 | 0x77)
        assert rig.read(name, "M") == mode << 60 | 3 << 44 | 0x77
        for bad in (1, 5, 7, 11, 15):
            rig.csr[name] = bad << 60 | 9
            assert rig.read(name, "M") == mode << 60 | 3 << 44 | 0x77


@pytest.mark.rules("vsatp_mode_unsupported_v1")
def test_A13_unsupported_mode_through_satp_at_V1():
    rig = Rig()
    rig.write("satp", "VS", 11 << 60 | 9)
    assert rig.csr["vsatp"] == 0
    rig.write("satp", "VS", 9)
    assert rig.csr["vsatp"] == 9 and rig.csr["satp"] == 0


@pytest.mark.rules(
    "medeleg_when_rd0", "medeleg_16_no_rd0", "medeleg_no_rd1", "MIDELEG_RD1_LOWER_LEVEL", "mideleg_acc_h"
)
def test_A15_mstatus_gva_mpv_and_delegation():
    rig = Rig(open_gates=False)
    assert rig.csr["mideleg"] & 0x444 == 0x444
    rig.write("mideleg", "M", 0)
    assert rig.csr["mideleg"] & 0x444 == 0x444
    for bit in (38, 39):
        rig.write("mstatus", "M", 1 << bit)
        assert rig.csr["mstatus"] >> bit & 1
        rig.write("mstatus", "M", 0)
        assert not rig.csr["mstatus"] >> bit & 1
    rig.write("medeleg", "M", ALL)
    for bit in (10, 20, 21, 22, 23):
        assert rig.csr["medeleg"] >> bit & 1
    for bit in (11, 16):
        assert not rig.csr["medeleg"] >> bit & 1
    rig.write("medeleg", "M", 0)
    assert rig.csr["medeleg"] == 0
    rig = Rig(geilen=1)
    rig.write("mideleg", "M", 0)
    assert rig.csr["mideleg"] & 0x1444 == 0x1444


def test_A18_a_refused_access_has_no_effect():
    rig = Rig()
    rig.csr["hcounteren"] = 0
    rig.csr["mstatus"] = 1 << 13
    rig.csr["vsstatus"] = 0
    there = [row for row in csrs.CSRS if row.number >> 8 not in (0xB, 0xC) and row.name in rig.csr]
    rig.csr["hstatus"] = rig.csr["hstatus"] | 1 << 20  # VTVM
    rig.csr["henvcfg"] = rig.csr["hstateen0"] = 0
    names = ("fcsr", "hvip", "time", "hgatp", "mscratch", "satp", "stimecmp", "senvcfg")
    for insn in (make(name) for name in names for make in (csrrs, csrrw, csrrc)):
        before = {row.name: rig.csr[row.name] for row in there}
        trap = rig.execute(insn, mode="VS", a0=0x5A5A, a1=ALL)
        assert trap is not None and rig.a0 == 0x5A5A
        after = {row.name: rig.csr[row.name] for row in there}
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"mstatus", "mcause", "mepc", "mtval", "minstret"}
        assert (before["mstatus"] ^ after["mstatus"]) >> 13 & 3 == 0


@pytest.mark.rules("H_cause_virtual_instruction")
def test_A18_order_exists_then_m_level_then_v_level():
    rig = Rig()
    rig.csr["mcounteren"] = rig.csr["hcounteren"] = 0
    assert rig.cause(csrr("cycle"), mode="VS") == 2
    assert rig.cause(csrw("cycle"), mode="VS") == 2
    rig.csr["mcounteren"] = ALL
    assert rig.cause(csrr("cycle"), mode="VS") == 22
    assert rig.cause(csrw("cycle"), mode="VS") == 2


@pytest.mark.rules("PMPCFG_WARL", "pmp_l_bit_function", "pmp_l_bit_write_protection")
def test_pmpcfg_reserved_and_locked():
    rig = Rig()
    rig.csr["pmpcfg2"] = 0x62  # bits 5 and 6 do not exist; W without R is reserved
    assert rig.csr["pmpcfg2"] == 0
    rig.csr["pmpaddr9"], rig.csr["pmpaddr10"] = 0x111, 0x222
    rig.csr["pmpcfg2"] = 0x89 << 16  # entry 10: locked, TOR, R
    rig.csr["pmpcfg2"] = 0
    assert rig.csr["pmpcfg2"] == 0x89 << 16
    rig.csr["pmpaddr9"] = rig.csr["pmpaddr10"] = rig.csr["pmpaddr11"] = 0x333
    assert (rig.csr["pmpaddr9"], rig.csr["pmpaddr10"], rig.csr["pmpaddr11"]) == (0x111, 0x222, 0x333)
    for number in (0x3A1, 0x3A3, 0x3A4, 0x3C0):
        assert rig.cause(csrr(number), mode="M") == 2


@pytest.mark.rules("mstatus_mpp_sz", "MSTATUS_XPP_WARL", "mstatus_xpp_enc")
def test_mpp_holds_no_mode_that_is_not_there():
    rig = Rig()
    for mpp in (0, 1, 3):
        rig.csr["mstatus"] = mpp << 11
        assert rig.csr["mstatus"] >> 11 & 3 == mpp
    rig.csr["mstatus"] = 2 << 11
    assert rig.csr["mstatus"] >> 11 & 3 in (0, 1, 3)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "stvec", marks=pytest.mark.rules("sstvecd_stvec_mode_direct", "sstvecd_stvec_base_aligned_address")
        ),
        pytest.param(
            "vstvec", marks=pytest.mark.rules("shvstvecd_vstvec_mode_direct", "shvstvecd_vstvec_base_aligned_address")
        ),
    ],
)
def test_direct_mode_takes_any_base(name):
    rig = Rig()
    for base in (ALL & ~3, 0x1234_5678_9ABC_DEF0, *(1 << n for n in range(2, 64)), 0):
        rig.write(name, "HS", base)
        assert rig.read(name, "HS") == base


@pytest.mark.rules("mstateen_zero_initialization", "sstateen_ro1_bits", "hstateen_ro1_bits")
def test_stateen_registers_are_zero_after_reset():
    rig = Rig(open_gates=False)
    for n in range(4):
        assert [rig.csr[f"{level}stateen{n}"] for level in "mhs"] == [0, 0, 0]
