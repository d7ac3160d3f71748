"""Which bits of each CSR can be written, read and keep what value: checklist A."""

import pytest
from rig import ALL, CODE, MRET, Rig, csrr, csrrc, csrrs, csrrw, csrw

from rvh.isa import csrs

UXL = 2 << 32
SD = 1 << 63
COUNTERS = 0xFFFF_FFFF
#: mstatus.SDT is there only while menvcfg.DTE is set.
STATUS_S = 1 << 1 | 1 << 5 | 1 << 8 | 3 << 13 | 1 << 18 | 1 << 19
MSTATUS = STATUS_S | 1 << 3 | 1 << 7 | 3 << 11 | 1 << 17 | 0x7 << 20 | 3 << 38
#: PMM=1 is reserved, so that ALL leaves 3.
PMM = 3 << 32
ENVCFG = 0xF1 | PMM | 1 << 59 | 7 << 61
CDE = 1 << 60
EPC = ALL & ~1
TVEC = ALL & ~2
SATP = 8 << 60 | 0xFFFF << 44 | (1 << 44) - 1

#: name: (written, read back, read back after writing 0 over it). The CSRs are at their reset values before.
ROWS: dict[str, tuple[int, int, int]] = {
    "fflags": (ALL, 0x1F, 0),
    "frm": (ALL, 7, 0),
    "fcsr": (ALL, 0xFF, 0),
    "sstatus": (ALL, STATUS_S | UXL | SD, UXL),
    "sie": (ALL, 0, 0),  # nothing delegated
    "stvec": (ALL, TVEC, 0),
    "scounteren": (ALL, COUNTERS, 0),
    "senvcfg": (ALL, 0xF1 | PMM, 0),
    "sstateen0": (ALL, 0, 0),
    "sstateen1": (ALL, 0, 0),
    "sstateen2": (ALL, 0, 0),
    "sstateen3": (ALL, 0, 0),
    "sscratch": (ALL, ALL, 0),
    "sepc": (ALL, EPC, 0),
    "scause": (ALL, ALL, 0),
    "stval": (ALL, ALL, 0),
    "sip": (ALL, 0, 0),
    "stimecmp": (ALL, ALL, 0),
    **dict.fromkeys(("miselect", "siselect", "vsiselect"), (ALL, ALL, 0)),
    "satp": (SATP, SATP, 0),
    "vsstatus": (ALL, STATUS_S | UXL | SD, UXL),
    "vsie": (ALL, 0, 0),
    "vstvec": (ALL, TVEC, 0),
    "vsscratch": (ALL, ALL, 0),
    "vsepc": (ALL, EPC, 0),
    "vscause": (ALL, ALL, 0),
    "vstval": (ALL, ALL, 0),
    "vsip": (ALL, 0, 0),
    "vstimecmp": (ALL, ALL, 0),
    "vsatp": (SATP, SATP, 0),
    "hstatus": (ALL, 3 << 48 | 0x0070_03C0 | UXL, UXL),
    "hedeleg": (ALL, 0xCB1FF, 0),
    "hideleg": (ALL, 0x444, 0),
    "hie": (ALL, 0x444, 0),
    "hcounteren": (ALL, COUNTERS, 0),
    "hgeie": (ALL, 0, 0),
    "htval": (ALL, ALL, 0),
    "hip": (ALL, 4, 0),
    "hvip": (ALL, 0x444, 0),
    "htinst": (ALL, ALL, 0),
    "henvcfg": (ALL, 0xF1 | PMM, 0),  # the rest is 0 in menvcfg
    "htimedelta": (ALL, ALL, 0),
    "hgatp": (8 << 60 | (1 << 60) - 1, 8 << 60 | 0x3FFF << 44 | (1 << 44) - 4, 0),
    "hstateen0": (ALL, 0, 0),  # all 0 in mstateen
    "mstatus": (ALL, MSTATUS | UXL | UXL << 2 | SD, UXL | UXL << 2),
    "medeleg": (ALL, 0xFC_B7FF, 0),
    "mideleg": (ALL, 0x3666, 0x1444),
    "mie": (ALL, 0x2EEE, 0),
    "mtvec": (ALL, TVEC, 0),
    "mcounteren": (ALL, COUNTERS, 0),
    "menvcfg": (ALL, ENVCFG | CDE, 0),
    "mseccfg": (PMM | 0x304, PMM | 0x304, 0),  # MML and MMWP cannot be cleared
    "mstateen0": (ALL, 0xD << 60, 0),
    "mstateen1": (ALL, 1 << 63, 0),
    "mstateen2": (ALL, 1 << 63, 0),
    "mstateen3": (ALL, 1 << 63, 0),
    "mcountinhibit": (ALL, 0xFFFF_FFFD, 0),
    "mcyclecfg": (ALL, 0x1F << 58, 0),
    "minstretcfg": (ALL, 0x1F << 58, 0),
    "mscratch": (ALL, ALL, 0),
    "mepc": (ALL, EPC, 0),
    "mcause": (ALL, ALL, 0),
    "mtval": (ALL, ALL, 0),
    "mip": (ALL, 0x2226, 0),
    "mtinst": (ALL, ALL, 0),
    "mtval2": (ALL, ALL, 0),
    "tselect": (ALL, 0, 0),
    "tdata1": (ALL, 0, 0),
    "tdata2": (ALL, 0, 0),
    "tdata3": (ALL, 0, 0),
    "tinfo": (ALL, 1, 1),
    "pmpcfg2": (0x1F1F_1F1F_1F1F_1F1F, 0x1F1F_1F1F_1F1F_1F1F, 0),
    **{f"pmpaddr{n}": (ALL, (1 << 54) - 1, 0) for n in range(1, 16)},
    **{f"mhpmcounter{n}": (ALL, ALL, 0) for n in range(3, 32)},
    **{f"mhpmevent{n}": (0xFC << 56 | 1, 0xFC << 56 | 1, 0) for n in range(3, 32)},
}
#: The manual's rules about the width of a register, which of its bits can be written and what they hold then.
RULES = {
    "mstatus": ["mstatus_sz", "mstatus_acc"],
    "medeleg": ["medeleg_sz", "medeleg_acc", "medeleg_mandatory_S_mode", "MEDELEG_WARL", "medeleg_no_rd1"],
    "mideleg": ["mideleg_sz", "mideleg_acc", "mideleg_mandatory_S_mode", "MIDELEG_WARL", "mideleg_no_rd1"],
    "mie": ["mie_sz", "mie_acc", "MIE_WARL", "mie_bits_wr", "mie_bits_rdonly0"],
    "mip": ["mip_sz", "mip_acc", "MIP_WARL", "MIP_BITS_WR_OR_RDONLY", "mip_ssip_acc", "mip_lcofip_acc"],
    "mtvec": ["mtvec_sz", "mtvec_acc", "MTVEC_WARL", "mtvec_mandatory", "MTVEC_RDONLY", "mtvec_base_align_4B"],
    "mcounteren": ["mcounteren_sz", "mcounteren_flds_mandatory", "MCOUNTEREN_FLDS_WARL"],
    "menvcfg": ["menvcfg_sz", "menvcfg_acc", "menvcfg_enc"],
    "mseccfg": ["mseccfg_sz", "mseccfg_acc"],
    "mcountinhibit": ["mcountinhibit_sz", "MCOUNTINHIBIT_WARL"],
    "mcyclecfg": ["mcyclecfg_sz"],
    "minstretcfg": ["mcyclecfg_sz"],
    **dict.fromkeys((f"mstateen{n}" for n in range(4)), ["mstateen_rv64_csrs", "stateen_reserved_roz"]),
    **dict.fromkeys((f"sstateen{n}" for n in range(4)), ["sstateen_rv64_csrs", "stateen_unimplemented_state_roz"]),
    "hstateen0": ["hstateen_rv64_csrs"],
    "mscratch": ["mscratch_sz", "mscratch_acc", "mscratch_enc"],
    "mepc": ["mepc_sz", "mepc_acc", "mepc_enc", "MEPC_WARL", "MEPC_INV_ADDR_CONV", "mepc_align"],
    "mcause": ["mcause_sz", "mcause_acc", "mcause_enc", "MCAUSE_EXCCODE_WLRL"],
    "fcsr": ["fscr_sz", "fcsr_acc", "fcsr_op"],
    "frm": ["fcsr_frm_sz", "fcsr_frm_acc"],
    "sstatus": [
        "sstatus_sz",
        "sstatus_acc",
        "sstatus_spp_sz",
        "sstatus_spp_acc",
        "sstatus_sie_sz",
        "sstatus_sie_acc",
        "sstatus_spie_sz",
        "sstatus_spie_acc",
        "sstatus_mxr_sz",
        "sstatus_mxr_acc",
        "sstatus_sum_sz",
        "sstatus_sum_acc",
        "sstatus_uxl_acc",
        "SSTATUS_UXL_WARL",
        "SSTATUS_UBE_WARL",
        "sstatus_ube_acc",
    ],
    "stvec": ["stvec_sz", "stvec_acc", "stvec_mode", "STVEC_MODE_WARL", "STVEC_BASE_WARL", "stvec_sz_base"],
    "sie": ["sie_sz"],
    "sip": ["sip_sz"],
    "scounteren": ["sscounterenw_hpmcounter_scounteren", "scounteren_sz", "scounteren_acc", "SCOUNTEREN_WARL"],
    "senvcfg": ["senvcfg_sz", "senvcfg_acc"],
    "sscratch": ["sscratch_sz", "sscratch_acc"],
    "sepc": ["sepc_sz", "sepc_acc", "sepc_op", "sepc_acc_invalid_addr", "SEPC_ACC_INVALID_WARL"],
    "scause": [
        "scause_sz",
        "scause_acc",
        "scause_interrupt_sz",
        "SCAUSE_EXCEPTION_CODE_ACC",
        "scause_exception_code_sz",
    ],
    "stval": ["stval_sz", "stval_acc", "STVAL_WARL"],
    "stimecmp": ["stimecmp_stimecmph_sz_acc"],
    "satp": ["satp_sz", "satp_acc", "satp_mode_sz", "satp_mode_acc", "ASIDLEN", "satp_ppn_sv39_sz"],
    "hstatus": ["hstatus_sz", "hstatus_acc"],
    "hedeleg": ["hedeleg_sz"],
    "hideleg": ["hideleg_sz", "HIDELEG_WARL"],
    "hvip": ["hvip_sz", "HVIP_WARL"],
    "hip": ["hip_hie_sz", "hip_hie_acc", "HIP_WARL"],
    "hie": ["hip_hie_sz", "hip_hie_acc", "HIE_WARL"],
    "hcounteren": ["shcounterenw_hpmcounter_hcounteren", "hcounteren_sz", "HCOUNTEREN_WARL"],
    "vsatp": ["vsatp_sz", "vsatp_acc", "vsatp_ppn_sv39_sv48_sv57_sz"],
    "vstvec": ["VSTVEC_MODE_WARL", "VSTVEC_BASE_WARL"],
    "mtval": [
        "MTVAL_INV_ADDR_CONV",
        "H_mtval_nrz",
        "mtval_sz",
        "mtval_acc",
        "mtval_enc",
        "mtval_vaddr_and_0_sz",
        "mtval_instr_bits_sz",
        "MTVAL_WARL",
    ],
    "pmpcfg2": ["PMPCFG_WARL"],
    **dict.fromkeys((f"pmpaddr{n}" for n in range(1, 16)), ["pmp_addr_registers", "PMPADDR_WARL"]),
    **dict.fromkeys((f"mhpmcounter{n}" for n in range(3, 32)), ["mhpmcounter_num", "MHPMCOUNTER_WARL"]),
    **dict.fromkeys((f"mhpmevent{n}" for n in range(3, 32)), ["mhpmevent_sz", "MHPMEVENT_WARL"]),
}
#: Those that need other tests: they change by themselves, their write takes PMP away from under the test, or their
#: extension is not there by default.
ELSEWHERE = {"ssp", "mcycle", "minstret", "pmpcfg0", "pmpaddr0", "misa", "seed", "hstateen1", "hstateen2", "hstateen3"}
#: See test_smcdeleg.py.
ELSEWHERE |= {f"{level}ireg{n}" for level in ("m", "s", "vs") for n in ("", 2, 3, 4, 5, 6)} | {"scountinhibit"}

#: Their registers have tests of their own.
ON_REQUEST = ("Zve32x", "Smrnmi")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.rules(*RULES[name])) if name in RULES else name for name in ROWS]
)
def test_csr_mask_row(name):
    written, set_, cleared = ROWS[name]
    rig = Rig(open_gates=False)
    if name.startswith("f"):
        rig.csr["mstatus"] = 1 << 13
    assert rig.execute(csrw(name), a1=written) is None
    assert rig.read(name, "M") == set_
    assert rig.execute(csrw(name), a1=0) is None
    assert rig.read(name, "M") == cleared
    # The same through CSRRS and CSRRC.
    rig.csr["mstatus"] = 1 << 13
    if name == "mstatus":
        cleared |= 1 << 13
    else:
        rig.execute(csrrs(name), a1=written)
        assert rig.read(name, "M") == set_
    rig.execute(csrrc(name), a1=ALL & ~(1 << 13 if name == "mstatus" else 0))
    assert rig.read(name, "M") == cleared


def test_every_csr_has_a_row():
    read_only = {row.name for row in csrs.CSRS if row.read_only or row.needs in ON_REQUEST}
    assert {row.name for row in csrs.CSRS} - read_only - ELSEWHERE == set(ROWS)


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


@pytest.mark.parametrize("isa, modes", [("rv64gch_sv39", [8]), ("rv64gch_sv48", [8, 9]), ("rv64gch_sv57", [8, 9, 10])])
@pytest.mark.rules(
    "satp_mode",
    "satp_mode_sxlen64",
    "Sv48_requires_Sv39",
    "Sv57_requires_Sv48",
    "Sv48_sxlen",
    "Sv57_sxlen",
    "svbare_satp_mode_bare",
    "shgatpa_satp_hgatp_mode_support",
    "shvsatpa_satp_vsatp_modes",
)
def test_A13_modes_follow_the_extensions(isa, modes):
    rig = Rig(isa)
    for name in ("satp", "vsatp", "hgatp"):
        held = []
        for mode in range(1, 16):
            rig.csr[name] = 0
            rig.csr[name] = mode << 60
            if rig.csr[name] >> 60:
                held.append(rig.csr[name] >> 60)
        assert held == modes


@pytest.mark.parametrize("number", [0x612, 0x615, 0x61A, 0x61C, 0x61D, 0x61E, 0x61F, 0x25D, 0x15D, 0x31A, 0xC80])
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.rules(
    "hedelegh_sz",
    "hedelegh_acc",
    "hedelegh_op",
    "henvcfgh_sz",
    "henvcfgh_acc",
    "henvcfgh_op",
    "htimedeltah_sz",
    "htimedeltah_acc",
    "htimedeltah_op",
    "vstimecmp_acc",
    "H_illegal_high_half",
    "stimecmp_stimecmph_sz_acc",
    "stateen_rv32_upper_bits_csrs",
)
def test_A14_high_halves_do_not_exist(number, mode):
    rig = Rig()
    assert rig.cause(csrr(number), mode=mode) == 2
    assert rig.cause(csrw(number), mode=mode) == 2


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


@pytest.mark.rules("misa_h_op")
def test_A16_misa_is_read_only():
    rig = Rig()
    before = rig.csr["misa"]
    assert before >> 7 & 1
    rig.write("misa", "M", before & ~(1 << 7))
    assert rig.csr["misa"] == before


@pytest.mark.rules("misa_h_op")
def test_A16_without_H_nothing_of_it_exists():
    rig = Rig("rv64gcsu_sstc_sv39")
    assert not rig.csr["misa"] >> 7 & 1
    for row in csrs.CSRS:
        if row.privilege == 2 or row.name in ("mtinst", "mtval2"):
            assert row.name not in rig.csr
            assert rig.cause(csrr(row.number), mode="M") == 2
    for bit in (38, 39):
        rig.csr["mstatus"] = 1 << bit
        assert not rig.csr["mstatus"] >> bit & 1
    rig.csr["mideleg"] = rig.csr["mie"] = rig.csr["medeleg"] = ALL
    assert rig.csr["mideleg"] == 0x222 and rig.csr["mie"] == 0xAAA and rig.csr["medeleg"] == 0xC_B3FF
    assert rig.cause(0x6805C573, mode="M") == 2  # HLV.W
    assert rig.cause(0x62000073, mode="M") == 2  # HFENCE.GVMA


@pytest.mark.parametrize("name", ["senvcfg", "scounteren", "sstateen0", "sstateen3"])
@pytest.mark.rules("H_scsrs_nomatch")
def test_A17_registers_without_a_twin_are_shared(name):
    rig = Rig()
    rig.csr[name] = 0x71 if name == "senvcfg" else 0x5
    assert rig.read(name, "VS") == rig.csr[name]
    rig.write(name, "VS", 0)
    assert rig.csr[name] == 0


def test_A17_hcontext_and_scontext_do_not_exist():
    rig = Rig()
    for number in (0x6A8, 0x5A8, 0x7A8, 0x7B0):
        assert rig.cause(csrr(number), mode="M") == 2


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


@pytest.mark.rules("mepc_align", "sepc_op")
@pytest.mark.parametrize("isa, kept", [("rv64gsu_sv39", 4), ("rv64gsu_sv39_zca", 6), ("rv64gcsu_sv39", 6)])
def test_epc_bit_1_needs_compressed_instructions(isa, kept):
    """Zca alone makes IALIGN 16: what a context switch writes back must not lose the bit."""
    rig = Rig(isa)
    rig.csr["mepc"] = rig.csr["sepc"] = CODE + 6
    assert rig.csr["mepc"] == CODE + kept and rig.csr["sepc"] == CODE + kept


def test_identification_registers():
    rig = Rig()
    for name in ("mvendorid", "marchid", "mimpid", "mconfigptr", "mhartid"):
        assert rig.read(name, "M") == 0
        assert rig.cause(csrw(name), mode="M") == 2


@pytest.mark.rules(
    "menvcfg_no_U_mode",
    "mcounteren_presence",
    "medeleg_omit_wo_S_mode",
    "mip_seip_rdonly0",
    "mip_stip_rdonly0",
    "mip_ssip_rdonly0",
    "mie_seie_rdonly0",
    "mie_stie_rdonly0",
    "mie_ssie_rdonly0",
    "mret_presence",
    "m_level_only_mandatory",
    "m_mode_mandatory",
)
def test_a_hart_with_machine_mode_only():
    rig = Rig("rv64imc_zicsr")
    for name in ("menvcfg", "mcounteren", "medeleg", "sstatus", "hstatus", "cycle", "fcsr"):
        assert name not in rig.csr
    rig.csr["mstatus"] = 0
    assert rig.csr["mstatus"] == 3 << 11  # MPP can only be M
    rig.csr["mie"] = rig.csr["mip"] = ALL
    assert rig.csr["mie"] == 0x888 and rig.csr["mip"] == 0
    rig.csr["mepc"] = CODE + 0x40
    assert rig.execute(MRET, mode="M") is None
    assert (rig.mode, rig.pc) == ("M", CODE + 0x40)


@pytest.mark.rules("hedeleg_acc")
def test_misaligned_fetches_can_be_delegated_where_ialign_is_32():
    rig = Rig("rv64gh_sv39_no-c")
    rig.csr["medeleg"] = rig.csr["hedeleg"] = 1
    trap = rig.execute(0x0020006F, mode="VS")  # j .+2
    assert trap is not None and trap[:3] == ("VS", 0, CODE)
    rig.csr["hedeleg"] = 0
    assert rig.execute(0x0020006F, mode="VS")[:2] == ("HS", 0)


@pytest.mark.rules("time_htimedelta_req")
@pytest.mark.parametrize("isa", ["max", "rv64gch", "rv64imach_zicntr", "rv64imach", "max_no-zicntr"])
def test_a_guests_time_has_an_offset_where_there_is_time(isa):
    rig = Rig(isa, open_gates=False)
    assert "htimedelta" in rig.csr or "time" not in rig.csr
    assert ("time" in rig.csr) == ("zicntr" in isa and "no-" not in isa or isa in ("max", "rv64gch"))


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
