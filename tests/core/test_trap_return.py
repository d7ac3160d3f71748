"""MRET and SRET: checklist G."""

import itertools

import pytest
import rig as r
from rig import CODE, Rig

MIE, SIE, SPIE, MPIE, SPP, MPRV, MPV = 1 << 3, 1 << 1, 1 << 5, 1 << 7, 1 << 8, 1 << 17, 1 << 39
SPV, SPVP, GVA_HS = 1 << 7, 1 << 8, 1 << 6
THERE = CODE + 0x100
FIXED = 0xA << 32


@pytest.fixture
def rig():
    rig = Rig(open_gates=False)
    rig.csr["mepc"] = rig.csr["sepc"] = rig.csr["vsepc"] = 0
    return rig


@pytest.mark.parametrize("mpp, mpv, mpie, mprv", list(itertools.product((0, 1, 3), (0, 1), (0, 1), (0, 1))))
@pytest.mark.rules(
    "mret_enc",
    "mret_op",
    "mstatus_xie_xret_op",
    "mstatus_xpie_xret_op",
    "mstatus_xpp_xret_op",
    "mstatus_mprv_xret_op",
    "mstatus_mprv_clr_mret_sret_less_priv",
    "mstatus_mpv_op",
    "mret_h",
)
def test_G1_mret(rig, mpp, mpv, mpie, mprv):
    rig.csr["mepc"] = THERE
    # With MPRV=1 the fetch is not affected.
    rig.csr["mstatus"] = mpp << 11 | mpv << 39 | mpie << 7 | mprv << 17 | MIE | 1 << 38
    assert rig.execute(r.MRET, mode="M") is None
    assert rig.pc == THERE
    assert rig.mode == {0: "U", 1: "HS", 3: "M"}[mpp] if mpp == 3 or not mpv else {0: "VU", 1: "VS"}[mpp]
    expected = FIXED | MPIE | (MIE if mpie else 0) | 1 << 38 | (MPRV if mprv and mpp == 3 else 0)
    assert rig.csr["mstatus"] == expected


@pytest.mark.parametrize("mode", ["M", "HS"])
@pytest.mark.parametrize("spp, spv, spie", list(itertools.product((0, 1), (0, 1), (0, 1))))
@pytest.mark.rules(
    "sret_enc",
    "sret_op",
    "sret_in_M_mode",
    "mstatus_xie_xret_op",
    "mstatus_xpie_xret_op",
    "mstatus_xpp_xret_op",
    "mstatus_mprv_xret_op",
    "mstatus_mprv_clr_mret_sret_less_priv",
    "hstatus_spv_sret",
    "sret_h",
    "sret_v0",
    "sstatus_spp_op",
    "sstatus_spie_op",
)
def test_G2_sret_at_V0(rig, mode, spp, spv, spie):
    rig.csr["sepc"] = THERE
    rig.csr["mstatus"] = spp << 8 | spie << 5 | SIE | MPRV | 3 << 11 | MPV
    rig.csr["hstatus"] = spv << 7 | SPVP | GVA_HS
    assert rig.execute(r.SRET, mode=mode) is None
    assert rig.pc == THERE
    assert rig.mode == {(0, 0): "U", (1, 0): "HS", (0, 1): "VU", (1, 1): "VS"}[spp, spv]
    assert rig.csr["mstatus"] == FIXED | SPIE | (SIE if spie else 0) | 3 << 11 | MPV
    assert rig.csr["hstatus"] == 2 << 32 | SPVP | GVA_HS


@pytest.mark.parametrize("spp, spie", list(itertools.product((0, 1), (0, 1))))
@pytest.mark.rules("sret_h", "sret_v1")
def test_G3_sret_in_VS(rig, spp, spie):
    rig.csr["vsepc"] = THERE
    rig.csr["vsstatus"] = spp << 8 | spie << 5 | SIE
    rig.csr["mstatus"] = MPRV | SPP | SIE
    rig.csr["hstatus"] = 0
    assert rig.execute(r.SRET, mode="VS") is None
    assert rig.pc == THERE
    assert rig.mode == ("VS" if spp else "VU")
    assert rig.csr["vsstatus"] == 2 << 32 | SPIE | (SIE if spie else 0)
    assert rig.csr["mstatus"] == FIXED | SPP | SIE
    assert rig.csr["hstatus"] == 2 << 32


def test_G3_sret_in_VS_does_not_read_SPV(rig):
    rig.csr["hstatus"] = SPV
    rig.csr["vsstatus"] = SPP
    rig.csr["vsepc"] = THERE
    assert rig.execute(r.SRET, mode="VS") is None
    assert rig.mode == "VS" and rig.csr["hstatus"] & SPV


@pytest.mark.parametrize(
    "insn, mode, cause",
    [(r.MRET, "HS", 2), (r.MRET, "U", 2), (r.MRET, "VS", 2), (r.MRET, "VU", 2), (r.SRET, "U", 2), (r.SRET, "VU", 22)],
)
@pytest.mark.rules("mret_in_S_mode", "mret_in_U_mode", "sret_in_U_mode")
def test_G4_where_trap_returns_are_not_allowed(rig, insn, mode, cause):
    trap = rig.execute(insn, mode=mode)
    assert (trap.into, trap.cause, trap.tval) == ("M", cause, insn)


@pytest.mark.rules(
    "mstatus_tsr_op", "sret_ill_inst_exc_rst", "hstatus_vtsr_op", "H_virtinst_vs_sret_vtsr1", "mstatus_modes"
)
def test_G4_TSR_and_VTSR(rig):
    rig.csr["mstatus"] = 1 << 22
    assert rig.cause(r.SRET, mode="HS") == 2
    rig.csr["mstatus"] = 1 << 22
    rig.csr["sepc"] = THERE
    assert rig.cause(r.SRET, mode="M") is None
    rig.csr["mstatus"] = 1 << 22
    rig.csr["vsepc"] = THERE
    assert rig.cause(r.SRET, mode="VS") is None
    rig.csr["hstatus"] = 1 << 22
    assert rig.cause(r.SRET, mode="VS") == 22


def test_G_round_trip_through_every_level(rig):
    """VU -> VS -> HS -> M by ECALLs, and back down by returns to the instruction after each."""
    rig.csr["medeleg"], rig.csr["hedeleg"] = 1 << 8 | 1 << 10, 1 << 8
    assert rig.execute(r.ECALL, mode="VU").into == "VS"
    rig.code(r.ECALL, at=r.VS_VECTOR)
    rig.step()
    assert rig.trap() == r.Trap("HS", 10, r.VS_VECTOR, 0)
    rig.code(r.ECALL, at=r.HS_VECTOR)
    rig.step()
    assert rig.trap() == r.Trap("M", 9, r.HS_VECTOR, 0)
    for vector, insn in ((r.M_VECTOR, r.MRET), (r.HS_VECTOR, r.SRET), (r.VS_VECTOR, r.SRET)):
        rig.code(insn, at=vector)
    rig.step()
    assert (rig.mode, rig.pc) == ("HS", r.HS_VECTOR)
    rig.step()
    assert (rig.mode, rig.pc) == ("VS", r.VS_VECTOR)
    rig.step()
    assert (rig.mode, rig.pc) == ("VU", CODE)
