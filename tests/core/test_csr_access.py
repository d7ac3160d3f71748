"""Who may do what, as executed: checklist H, I1, J1, J2, K, L1. What is expected is spelt out, from the manual."""

import itertools
import random

import pytest
import rig as r
from rig import ALL, Rig, csrr, csrw

from rvh.isa import access, csrs

II, VI = 2, 22
MODES = ("M", "HS", "U", "VS", "VU")

TSR, TW, TVM = 1 << 22, 1 << 21, 1 << 20
VTSR, VTW, VTVM, HU = 1 << 22, 1 << 21, 1 << 20, 1 << 9


@pytest.fixture(scope="module")
def shared():
    rig = Rig(isa="max_zve64x_zvl128b_smrnmi_zicfiss_sdtrig")
    rig.csr["mnstatus"] = 1 << 3  # NMIE
    return rig


@pytest.fixture
def rig(shared):
    """One hart for all: opened anew, so that a test may close gates."""
    shared.csr["mstatus"] = shared.csr["hstatus"] = 0
    shared.open_gates()
    return shared


def causes(rig, insn, a1=r.DATA):
    """Exception codes by mode, in the order of MODES; None where the instruction completes."""
    out = []
    for mode in MODES:
        rig.csr["mepc"] = rig.csr["sepc"] = rig.csr["vsepc"] = r.CODE + 4
        hstatus, vsstatus, mstatus = rig.csr["hstatus"], rig.csr["vsstatus"], rig.csr["mstatus"]
        out.append(rig.cause(insn, mode=mode, a1=a1))
        rig.csr["hstatus"], rig.csr["vsstatus"], rig.csr["mstatus"] = hstatus, vsstatus, mstatus
    return out


#: instruction: ({control: value} and what M, HS, U, VS, VU then get), from the table of H15.
INSTRUCTIONS = {
    "mret": (r.MRET, [({}, [None, II, II, II, II])]),
    "sret": (
        r.SRET,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TSR}, [None, II, II, None, VI]),
            ({"hstatus": VTSR}, [None, None, II, VI, VI]),
            ({"mstatus": TSR, "hstatus": VTSR}, [None, II, II, VI, VI]),
        ],
    ),
    "wfi": (
        r.WFI,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TW}, [None, II, II, II, II]),
            ({"hstatus": VTW}, [None, None, II, VI, VI]),
            ({"mstatus": TW, "hstatus": VTW}, [None, II, II, II, II]),
        ],
    ),
    "sfence.vma": (
        r.SFENCE_VMA,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TVM}, [None, II, II, None, VI]),
            ({"hstatus": VTVM}, [None, None, II, VI, VI]),
        ],
    ),
    "sinval.vma": (
        r.SINVAL_VMA,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TVM}, [None, II, II, None, VI]),
            ({"hstatus": VTVM}, [None, None, II, VI, VI]),
        ],
    ),
    "sfence.w.inval": (
        r.SFENCE_W_INVAL,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TVM, "hstatus": VTVM}, [None, None, II, None, VI]),
        ],
    ),
    "sfence.inval.ir": (
        r.SFENCE_INVAL_IR,
        [
            ({}, [None, None, II, None, VI]),
            ({"mstatus": TVM, "hstatus": VTVM}, [None, None, II, None, VI]),
        ],
    ),
    **{
        name: (
            insn,
            [({}, [None, None, II, VI, VI]), ({"mstatus": TVM, "hstatus": VTVM}, [None, None, II, VI, VI])],
        )
        for name, insn in (("hfence.vvma", r.HFENCE_VVMA), ("hinval.vvma", r.HINVAL_VVMA))
    },
    **{
        name: (insn, [({}, [None, None, II, VI, VI]), ({"mstatus": TVM}, [None, II, II, VI, VI])])
        for name, insn in (("hfence.gvma", r.HFENCE_GVMA), ("hinval.gvma", r.HINVAL_GVMA))
    },
    **{
        name: (
            insn,
            [
                ({}, [None, None, II, VI, VI]),
                ({"hstatus": HU}, [None, None, None, VI, VI]),
                ({"hstatus": HU | VTVM, "mstatus": TVM}, [None, None, None, VI, VI]),
            ],
        )
        for name, insn in (("hlv.w", r.HLV_W), ("hlvx.wu", r.HLVX_WU), ("hsv.w", r.HSV_W))
    },
    "fadd.s": (
        r.FADD_S,
        [
            ({"mstatus": 1 << 13}, [None] * 5),
            ({"mstatus": 0}, [II] * 5),
            ({"mstatus": 1 << 13, "vsstatus": 0}, [None, None, None, II, II]),
            ({"mstatus": 0, "vsstatus": 0}, [II] * 5),
        ],
    ),
    **{
        name: (
            insn,
            [
                ({"mstatus": 1 << 9, "vsstatus": 1 << 9}, [None] * 5),
                ({"mstatus": 0, "vsstatus": 1 << 9}, [II] * 5),
                ({"mstatus": 1 << 9, "vsstatus": 0}, [None, None, None, II, II]),
                ({"mstatus": 1 << 13, "vsstatus": 1 << 13}, [II] * 5),
            ],
        )
        for name, insn in (("vsetivli", r.VSETIVLI), ("vl1r.v", r.VL1R), ("csrr vl", csrr("vl")))
    },
    "ecall": (r.ECALL, [({}, [11, 9, 8, 10, 8])]),
    "ebreak": (r.EBREAK, [({}, [3] * 5)]),
    "an undefined encoding": (0x0000_007F, [({}, [II] * 5)]),
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
@pytest.mark.rules(
    "mstatus_tvm_op",
    "wfi_all_privileged_modes",
    "mret_in_S_mode",
    "mret_in_U_mode",
    "sret_in_U_mode",
    "non_priv_exc",
    "hlsv_mode",
    "hfence-vvma_mode",
    "hfence-vvma_tvm",
    "hfence-gvma_op",
    "hfence-vvma_hfence-gvma_exceptions",
    "mstatus_modes",
    "mstatus_tvm_hs",
    "H_virtinst_vu_sret_sfence",
    "H_virtinst_vs_sfence_sinval_satp_vtvm1",
    "hstatus_vtvm_op",
    "hstatus_hu_op",
    "hlsv_illegalinst",
    "Svinval_illegal_instruction_u_mode",
    "Svinval_illegal_instruction_tvm",
    "Svinval_virtual_instruction_vu_vs",
    "Svinval_virtual_instruction_vtvms",
    "Svinval_sfence_w_inval_inval_u_mode",
    "Svinval_sfence_w_inval_inval_vu_mode",
    "Svinval_sfence_w_inval_inval_s_vs_mode",
    "ssstrict_unimplemented_opcodes_csr_exception",
)
def test_H15_instructions_by_mode(rig, name):
    insn, rows = INSTRUCTIONS[name]
    for controls, expected in rows:
        rig.csr["mstatus"], rig.csr["hstatus"], rig.csr["vsstatus"] = 0, 0, 1 << 13
        for register, value in controls.items():
            rig.csr[register] = value
        assert causes(rig, insn) == expected, controls


SAME = [None] * 5
S_TWIN = [None, None, II, None, VI]
H_LEVEL = [None, None, II, VI, VI]
M_LEVEL = [None, II, II, II, II]
NEVER = [II] * 5

CSR_ROWS = {
    **dict.fromkeys(["fflags", "frm", "fcsr", "vstart", "vxsat", "vxrm", "vcsr", "ssp"], SAME),
    **dict.fromkeys(
        [
            "sstatus",
            "sie",
            "stvec",
            "sscratch",
            "sepc",
            "scause",
            "stval",
            "sip",
            "satp",
            "stimecmp",
            "siselect",
            "scontext",
        ],
        S_TWIN,
    ),
    **dict.fromkeys(["scounteren", "senvcfg", *(f"sstateen{n}" for n in range(4))], S_TWIN),
    **{row.name: H_LEVEL for row in csrs.CSRS if row.privilege == 2 and not row.read_only},
    **{row.name: M_LEVEL for row in csrs.CSRS if row.privilege == 3 and not row.read_only and "!S" not in row.needs},
    # Nothing is selected, no counter delegated.
    **dict.fromkeys([f"sireg{n}" for n in ("", 2, 3, 4, 5, 6)], [II, II, II, II, VI]),
    **dict.fromkeys([f"vsireg{n}" for n in ("", 2, 3, 4, 5, 6)], [II, II, II, VI, VI]),
    **dict.fromkeys([f"mireg{n}" for n in ("", 2, 3, 4, 5, 6)], NEVER),
    "scountinhibit": NEVER,
}
#: Read with a write only, and tested by itself.
POLLED_ROWS = {"seed"}
#: Only without S-mode, and tested with the triggers.
SMALL_ROWS = {"tcontrol"}
READ_ONLY_ROWS = {
    **dict.fromkeys(["cycle", "time", "instret", *(f"hpmcounter{n}" for n in range(3, 32))], SAME),
    **dict.fromkeys(["vl", "vtype", "vlenb"], SAME),
    "scountovf": S_TWIN,
    "hgeip": H_LEVEL,
    **dict.fromkeys(["mvendorid", "marchid", "mimpid", "mhartid", "mconfigptr"], M_LEVEL),
}
#: Writing these takes the code from under the hart in M-mode or below.
NOT_WRITTEN = {"pmpcfg0", "pmpaddr0", "satp", "vsatp", "hgatp"}


@pytest.mark.parametrize("name", [*CSR_ROWS, *READ_ONLY_ROWS])
@pytest.mark.rules(
    "M_highest_priv_mode",
    "M_access_all_lower_priv_CSRs",
    "pmp_csr_mode",
    "cycle_rdonly",
    "instret_rdonly",
    "hpmcounter_rdonly",
    "time_rdonly",
    "Zicsr_higher_priv",
    "Zicsr_access",
    "Zicsr_rw",
    "Zicsr_illegal_mode",
    "Zicsr_illegal_acc",
    "zihpm_op_sz_mode_acc_priv",
    "m_level_highest_priv",
    "always_priv_level",
    "H_csrs_hs_not_vs",
    "H_vscsrs_acc_vs",
    "H_vscsrs_acc_u",
    "H_vscsrs_acc_m_hs",
    "H_virtinst_vu_vs_nonhigh_allowedhs_tvm0",
    "H_virtinst_vu_nonhigh_supervisor_allowedhs_tvm0",
    "sstatus_mode",
    "sip_mode",
    "sie_mode",
    "scounteren_mode",
    "sscratch_mode",
    "sepc_mode",
    "stval_mode",
    "senvcfg_mode",
)
def test_H15_csr_by_mode(rig, name):
    expected = CSR_ROWS.get(name) or READ_ONLY_ROWS[name]
    assert causes(rig, csrr(name)) == expected
    if name in READ_ONLY_ROWS:
        assert causes(rig, csrw(name)) == NEVER
    elif name not in NOT_WRITTEN:
        before = rig.csr[name]
        assert causes(rig, csrw(name), a1=before) == expected


def test_H15_every_csr_is_in_the_table():
    assert set(CSR_ROWS) | set(READ_ONLY_ROWS) | POLLED_ROWS | SMALL_ROWS == {row.name for row in csrs.CSRS}


@pytest.mark.parametrize("number", [0x000, 0x004, 0x181, 0x5A9, 0x6A9, 0x7AA, 0x612, 0x7B0, 0x757, 0xFB0, 0xC23, 0x9FF])
@pytest.mark.rules("ssstrict_unimplemented_opcodes_csr_exception")
def test_H11_absent_csrs_are_illegal(rig, number):
    assert causes(rig, csrr(number)) == NEVER
    assert causes(rig, csrw(number)) == NEVER


@pytest.mark.rules("H_cause_virtual_instruction")
def test_H1_M_level_state_makes_it_illegal_hs_level_state_virtual(rig):
    rig.csr["menvcfg"] = 0xF0
    assert causes(rig, csrr("stimecmp")) == [None, II, II, II, II]
    rig.csr["menvcfg"] = 0xF0 | 1 << 63
    rig.csr["henvcfg"] = 0xF0
    assert causes(rig, csrr("stimecmp")) == [None, None, II, VI, VI]


def expected_counter(mode, m, h, s):
    if mode == "M":
        return None
    if not m:
        return II
    if mode in ("VS", "VU") and not h:
        return VI
    if mode in ("U", "VU") and not s:
        return II if mode == "U" else VI
    return None


@pytest.mark.parametrize(
    "name, bit", [("cycle", 0), ("time", 1), ("instret", 2), ("hpmcounter3", 3), ("hpmcounter31", 31)]
)
@pytest.mark.rules(
    "mcounteren_op",
    "mcounteren_enc",
    "mcounteren_clr_ill_inst_exc",
    "mcounteren_set_nxt_priv",
    "hcounteren_op",
    "H_virtinst_vs_nonhighctr_h0_m1",
    "H_virtinst_vu_nonhighctr_h0_s0_m1",
    "scounteren_op",
)
def test_I1_counter_enables(rig, name, bit):
    for m, h, s in itertools.product((0, 1), repeat=3):
        for register, on in (("mcounteren", m), ("hcounteren", h), ("scounteren", s)):
            rig.csr[register] = 1 << bit if on else ALL & ~(1 << bit)
        assert causes(rig, csrr(name)) == [expected_counter(mode, m, h, s) for mode in MODES], (m, h, s)
        assert causes(rig, csrw(name)) == NEVER


@pytest.mark.rules("H_scsrs_nomatch", "H_virtinst_vs_nonhighctr_h0_m1", "H_virtinst_vu_nonhighctr_h0_s0_m1")
def test_H2_counters_of_a_guest(rig):
    """The guest's own access and its user's are stopped by the hypervisor virtually, by M-mode illegally."""
    for register, mode, expected in (
        ("hcounteren", "VS", VI), ("hcounteren", "VU", VI), ("scounteren", "VU", VI), ("scounteren", "VS", None),
        ("mcounteren", "VS", II), ("mcounteren", "VU", II),
    ):  # fmt: skip
        rig.csr[register] = 0
        assert rig.cause(csrr("instret"), mode=mode) == expected, (register, mode)
        rig.csr[register] = ALL
    for name in ("cycle", "hpmcounter7", "hgeip", "scountovf"):
        assert rig.cause(csrw(name), mode="VS") == rig.cause(csrw(name), mode="VU") == II


@pytest.mark.parametrize("number", [0x181, 0x14E, 0x154, 0x254, 0xDB0])
def test_H9_csrs_of_extensions_that_are_not_there(rig, number):
    """srmcfg, sctrctl, siph, vsiph, stopi: absent, so illegal at any V, never virtual."""
    assert causes(rig, csrr(number)) == NEVER


@pytest.mark.rules("hlsv_virtinst", "H_virtinst_vu_vs_hinst", "hfence-vvma_hfence-gvma_exceptions")
def test_H3_hypervisor_instructions_are_virtual_whatever_the_controls(rig):
    for hstatus, mstatus in itertools.product((0, HU | VTVM | VTW | VTSR), (0, TVM | TW | TSR)):
        rig.csr["hstatus"], rig.csr["mstatus"] = hstatus, mstatus
        for insn in (r.HLV_W, r.HSV_W, r.HFENCE_VVMA, r.HFENCE_GVMA, r.HINVAL_VVMA, r.HINVAL_GVMA):
            for mode in ("VS", "VU"):
                assert rig.cause(insn, mode=mode, a1=r.NOWHERE) == VI


@pytest.mark.rules("hgatp_tvm_illegal", "mstatus_tvm_hs", "H_virtinst_vu_vs_nonhigh_allowedhs_tvm0")
def test_H4_hgatp_at_V1_is_virtual_even_with_TVM(rig):
    rig.csr["mstatus"] = TVM
    assert causes(rig, csrr("hgatp")) == [None, II, II, VI, VI]
    assert causes(rig, csrw("hgatp"), a1=0) == [None, II, II, VI, VI]
    assert causes(rig, csrr("vsatp")) == [None, None, II, VI, VI]


@pytest.mark.rules("H_virtinst_vu_nonhigh_supervisor_allowedhs_tvm0")
def test_H5_supervisor_csrs_in_VU_and_machine_csrs_at_V1(rig):
    for name in ("sstatus", "satp", "senvcfg", "scounteren", "sstateen0", "stimecmp", "scountovf"):
        assert rig.cause(csrr(name), mode="VU") == VI
    for name in ("mstatus", "mip", "tselect", "mhartid"):
        assert rig.cause(csrr(name), mode="VS") == II and rig.cause(csrr(name), mode="VU") == II


@pytest.mark.rules(
    "mstatus_tw_op",
    "mstatus_tw_umode_op",
    "wfi_ill_exc",
    "WFI_OPT_U_MODE",
    "hstatus_vtw_op",
    "H_virtinst_vu_wfi_tw0",
    "H_virtinst_wfi_vtw1_tw0",
    "mstatus_modes",
)
def test_H6_H7_H8_wfi_and_sret_controls(rig):
    for tw, vtw in itertools.product((0, TW), (0, VTW)):
        rig.csr["mstatus"], rig.csr["hstatus"] = tw, vtw
        assert causes(rig, r.WFI) == [
            None, II if tw else None, II, II if tw else VI if vtw else None, II if tw else VI,
        ]  # fmt: skip


@pytest.mark.rules("VTW_VIRTINSTR", "hstatus_vtw_op")
def test_H6_wfi_under_VTW_traps_even_when_it_would_not_wait():
    """An interrupt is pending, enabled in mie, and masked by vsstatus.SIE."""
    rig = Rig()
    rig.csr["hideleg"] = rig.csr["hvip"] = rig.csr["mie"] = 4
    rig.csr["vsstatus"] = 0
    assert rig.cause(r.WFI, mode="VS") is None
    rig.csr["hstatus"] = VTW
    assert rig.cause(r.WFI, mode="VS") == VI


@pytest.mark.rules("mstatus_tvm_op", "hstatus_vtvm_op", "H_virtinst_vs_sfence_sinval_satp_vtvm1", "mstatus_modes")
def test_H7_satp_with_VTVM_and_TVM(rig):
    for tvm, vtvm in itertools.product((0, TVM), (0, VTVM)):
        rig.csr["mstatus"], rig.csr["hstatus"] = tvm, vtvm
        assert causes(rig, csrr("satp")) == [None, II if tvm else None, II, VI if vtvm else None, VI]
        assert causes(rig, csrw("satp"), a1=0) == [None, II if tvm else None, II, VI if vtvm else None, VI]


@pytest.mark.rules("Zawrs_priv_illegal_instr_excp", "Zawrs_virtual_instr_excp")
def test_H8_wrs(rig):
    """WRS stalls only with a reservation and no interrupt pending; STO is never refused."""
    for tw, vtw in itertools.product((0, TW), (0, VTW)):
        rig.csr["mstatus"], rig.csr["hstatus"] = tw, vtw
        expected = [None] + [II if tw else VI if vtw and mode[0] == "V" else None for mode in MODES[1:]]
        assert [rig.cause(r.LR_W, r.WRS_NTO, mode=mode) for mode in MODES] == expected
        assert [rig.cause(r.LR_W, r.WRS_STO, mode=mode) for mode in MODES] == SAME


@pytest.mark.rules("Zawrs_exec_resume_rules")
def test_H8_wrs_that_does_not_wait_is_not_refused(rig):
    rig.csr["mstatus"], rig.csr["hstatus"] = TW, VTW
    for mode in MODES:
        assert rig.cause(r.SC_W, r.WRS_NTO, mode=mode) is None  # SC ends any reservation
    rig.csr["mie"] = rig.csr["mip"] = 2
    rig.csr["mideleg"] = 2
    assert rig.cause(r.LR_W, r.WRS_NTO, mode="HS") is None  # pending, though masked by sstatus.SIE
    rig.csr["mie"] = rig.csr["mip"] = rig.csr["mideleg"] = 0


@pytest.mark.parametrize("insn", [r.FADD_S, r.FSGNJ_S, csrr("fcsr"), csrw("frm")])
@pytest.mark.rules("mstatus_fs_op", "mstatus_fs_vs_xs_off_op", "vsstatus_fs_op", "H_illegalinst_xstatus_fs_vs")
def test_H10_fp_off_is_illegal_never_virtual(rig, insn):
    rig.csr["mstatus"], rig.csr["vsstatus"] = 0, 1 << 13
    assert causes(rig, insn, a1=0) == [II] * 5
    rig.csr["mstatus"], rig.csr["vsstatus"] = 1 << 13, 0
    assert causes(rig, insn, a1=0) == [None, None, None, II, II]
    rig.csr["mstatus"], rig.csr["vsstatus"] = 1 << 13, 1 << 13
    assert causes(rig, insn, a1=0) == [None] * 5


@pytest.mark.rules("hstatus_hu_op", "hlsv_illegalinst", "H_vscsrs_acc_u", "hfence-vvma_hfence-gvma_exceptions")
def test_H12_U_mode_gets_illegal_for_everything(rig):
    rig.csr["hstatus"] = 0
    for insn in (
        r.HLV_W,
        r.HFENCE_VVMA,
        r.HFENCE_GVMA,
        r.SFENCE_VMA,
        csrr("hstatus"),
        csrr("vsstatus"),
        csrr("sstatus"),
    ):
        assert rig.cause(insn, mode="U") == II


def test_H13_illegal_wins_when_both_apply(rig):
    rig.csr["mcounteren"] = rig.csr["hcounteren"] = 0
    rig.csr["mstatus"], rig.csr["hstatus"] = TW, VTW
    assert rig.cause(csrr("time"), mode="VS") == II
    assert rig.cause(r.WFI, mode="VS") == II
    rig.csr["menvcfg"] = rig.csr["henvcfg"] = 0
    assert rig.cause(r.CBO_ZERO, mode="VS") == II


@pytest.mark.parametrize("mode", ["VS", "VU"])
@pytest.mark.rules("H_virtinst_xtval")
def test_H14_virtual_instruction_trap_values(rig, mode):
    rig.csr["mtinst"] = rig.csr["mtval2"] = rig.csr["mstatus"] = ALL
    trap = rig.execute(r.HLV_W, mode=mode)
    assert trap == r.Trap("M", VI, r.CODE, r.HLV_W)
    assert rig.csr["mtinst"] == rig.csr["mtval2"] == 0
    assert not rig.csr["mstatus"] >> 38 & 1


@pytest.mark.rules(
    "mcounteren_tm_clr",
    "mcounteren_tm_set",
    "menvcfg_stce_op",
    "hcounteren_acc",
    "henvcfg_stce",
    "stimecmp_exist",
    "menvcfg_stce_exist",
    "henvcfg_stce_exist",
)
def test_J1_stimecmp(rig):
    for menv, mtm, henv, htm in itertools.product((0, 1), repeat=4):
        rig.csr["menvcfg"], rig.csr["mcounteren"] = menv << 63, mtm << 1
        rig.csr["henvcfg"], rig.csr["hcounteren"] = henv << 63, htm << 1
        m_open = menv and mtm
        expected = [
            None,
            None if m_open else II,
            II,
            II if not m_open else None if henv and htm else VI,
            VI if m_open else II,
        ]
        assert causes(rig, csrr("stimecmp")) == expected, (menv, mtm, henv, htm)
        assert causes(rig, csrw("stimecmp"), a1=ALL) == expected


@pytest.mark.rules("mcounteren_tm_clr", "mcounteren_tm_set", "vstimecmp_exist")
def test_J2_vstimecmp(rig):
    for menv, mtm in itertools.product((0, 1), repeat=2):
        rig.csr["menvcfg"], rig.csr["mcounteren"] = menv << 63, mtm << 1
        m_open = menv and mtm
        expected = [None, None if m_open else II, II, VI if m_open else II, VI if m_open else II]
        assert causes(rig, csrr("vstimecmp")) == expected


@pytest.mark.rules("stateen_op", "stateen_illegal_state_access", "mstateen0_envcfg_op", "hstateen0_envcfg_op")
def test_K1_envcfg_under_stateen(rig):
    for m, h in itertools.product((0, 1), repeat=2):
        rig.csr["mstateen0"], rig.csr["hstateen0"] = ALL, ALL if h else ALL & ~(1 << 62)
        rig.csr["mstateen0"] = ALL if m else ALL & ~(1 << 62)
        assert causes(rig, csrr("senvcfg")) == [
            None, None if m else II, II, II if not m else None if h else VI, VI if m else II,
        ]  # fmt: skip
        assert causes(rig, csrr("henvcfg")) == [None, None if m else II, II, VI if m else II, VI if m else II]
        assert causes(rig, csrr("menvcfg")) == M_LEVEL


@pytest.mark.parametrize("n", range(4))
@pytest.mark.rules(
    "stateen_op",
    "stateen_illegal_state_access",
    "mstateen_bit_63_op",
    "hstateen_bit_63_op",
    "mstateen0_se0_op",
    "hstateen0_se0_op",
)
def test_K2_stateen_gates_the_stateen_below(rig, n):
    for m, h in itertools.product((0, 1), repeat=2):
        rig.csr[f"mstateen{n}"], rig.csr[f"hstateen{n}"] = ALL, ALL if h else ALL >> 1
        rig.csr[f"mstateen{n}"] = ALL if m else ALL >> 1
        assert causes(rig, csrr(f"sstateen{n}")) == [
            None, None if m else II, II, II if not m else None if h else VI, VI if m else II,
        ]  # fmt: skip
        assert causes(rig, csrr(f"hstateen{n}")) == [None, None if m else II, II, VI if m else II, VI if m else II]


@pytest.mark.rules("mstateen_lower_priv_roz")
def test_K3_masked_bits_come_back(rig):
    rig.csr["mstateen0"] = rig.csr["hstateen0"] = ALL
    rig.csr["mstateen0"] = 1 << 63
    assert rig.read("hstateen0", "HS") == 1 << 63
    rig.write("hstateen0", "HS", 1 << 63)
    rig.csr["mstateen0"] = ALL
    assert rig.read("hstateen0", "HS") == 0xD2 << 56


def test_K_without_the_extension_nothing_is_gated():
    rig = Rig("rva22s64_h_sstc", open_gates=False)
    assert "mstateen0" not in rig.csr and "hstateen0" not in rig.csr and "sstateen0" not in rig.csr
    assert rig.cause(csrr("senvcfg"), mode="VS") is None
    assert rig.cause(csrr("henvcfg"), mode="HS") is None


@pytest.mark.parametrize(
    "insn, bits",
    [(r.CBO_INVAL, 1 << 4), (r.CBO_INVAL, 3 << 4), (r.CBO_CLEAN, 1 << 6), (r.CBO_FLUSH, 1 << 6), (r.CBO_ZERO, 1 << 7)],
)
@pytest.mark.rules(
    "menvcfg_op",
    "menvcfg_cbze_op",
    "menvcfg_cbcfe_op",
    "menvcfg_cbie_op",
    "cbo-inval",
    "cbo-clean_cbo-flush",
    "cbo-zero_basedon_xenvcfg-CBZE",
    "cbxe_unaffected",
    "henvcfg_op",
    "henvcfg_cbze",
    "henvcfg_cbcfe",
    "henvcfg_cbie",
    "cbo-inval_h-mode_veq1_op",
    "senvcfg_cbze",
    "senvcfg_cbcfe",
    "senvcfg_cbie",
)
def test_L1_cache_block_operations(rig, insn, bits):
    field = 3 << 4 if bits & 0x30 else bits
    for m, h, s in itertools.product((0, 1), repeat=3):
        for register, on in (("menvcfg", m), ("henvcfg", h), ("senvcfg", s)):
            rig.csr[register] = 0xF0 & ~field | (bits if on else 0)
        expected = [
            None,
            None if m else II,
            None if m and s else II,
            II if not m else None if h else VI,
            II if not m else None if h and s else VI,
        ]
        assert causes(rig, insn) == expected, (m, h, s)
        # Before address translation:
        assert [c for c in causes(rig, insn, a1=r.NOWHERE) if c in (II, VI)] == [c for c in expected if c]


@pytest.mark.rules("sret_presence", "mideleg_omit_wo_S_mode", "mcounteren_set_nxt_priv")
def test_without_S_mode_the_machines_controls_are_the_only_ones():
    rig = Rig("rv64imcu_zicntr_zicboz_zicsr")
    assert "sstatus" not in rig.csr and "mideleg" not in rig.csr
    assert rig.cause(r.SRET, mode="M") == II
    for menvcfg, mcounteren, expected in ((0xF0, 7, None), (0, 0, II)):
        rig.csr["menvcfg"], rig.csr["mcounteren"] = menvcfg, mcounteren
        assert rig.cause(csrr("cycle"), mode="U") == expected
        assert rig.cause(r.CBO_ZERO, mode="U") == expected
    assert rig.execute(r.ECALL, mode="U") == r.Trap("M", 8, r.CODE, 0)


CONTROLS = [
    "mstatus", "hstatus", "vsstatus", "menvcfg", "henvcfg", "senvcfg", "mcounteren", "hcounteren", "scounteren",
    "mstateen0", "mstateen1", "hstateen0", "hstateen1",
]  # fmt: skip
STATUS_CONTROLS = TSR | TW | TVM | 3 << 13


@pytest.mark.parametrize("seed", range(20))
def test_the_generated_gates_agree_with_the_table(rig, seed):
    """What the core executes is what isa.access decides, for every CSR and mode under random controls."""
    rng = random.Random(seed)
    for name in CONTROLS:
        value = rng.getrandbits(64)
        rig.csr[name] = value & STATUS_CONTROLS if name == "mstatus" else value & ~(1 << 5)
    rig.csr["mstatus"] &= STATUS_CONTROLS
    there = [row for row in csrs.CSRS if row.exists(rig.extensions)]
    values = {row.name: rig.csr[row.name] for row in there}
    for row in csrs.CSRS:
        for mode in MODES:
            reason = access.decide_csr(row.number, mode, False, values.__getitem__, rig.extensions)
            assert rig.cause(csrr(row.name), mode=mode) == (reason.cause if reason else None), (row.name, mode)
            rig.csr["mstatus"] = values["mstatus"]
