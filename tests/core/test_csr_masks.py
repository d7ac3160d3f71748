"""Which bits of each CSR can be written and read back: a table of all of them. Checklist A."""

import pytest
from csr_bits import CDE, COUNTERS, ENVCFG, EPC, MSTATUS, PMM, SATP, SD, STATUS_S, TVEC, UXL
from rig import ALL, Rig, csrrc, csrrs, csrw

from rvh.isa import csrs

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
ON_REQUEST = ("Zve32x", "Smrnmi", "Sdtrig", "S Sdtrig", "H Sdtrig", "Sdtrig !S")


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
