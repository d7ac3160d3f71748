"""What a hart is after reset (manual: "Reset"): both a new one and one that had other things in every register."""

import pytest
import rig as r
from rig import ALL, CODE, DATA, Rig, csrr, csrw

from rvh.isa import csrs

rules = pytest.mark.rules

#: Everything that adds a field with a value after reset.
ISA = "max_zicfilp"
FIELD = {"MIE": 1 << 3, "MPRV": 1 << 17, "SBE": 1 << 36, "MBE": 1 << 37}


@pytest.fixture(params=["new", "used"])
def rig(request):
    rig = Rig(ISA, open_gates=False)
    if request.param == "used":
        rig.execute(r.LR_W, mode="M")
        for row in csrs.CSRS:
            if row.name in rig.csr and not row.read_only and row.name not in ("satp", "vsatp", "hgatp"):
                rig.csr[row.name] = (
                    0x707 if row.name == "mseccfg" else 0x9F9F_9F9F_9F9F_9F9F if "pmp" in row.name else ALL
                )
        for name in ("satp", "vsatp", "hgatp"):
            rig.csr[name] = 8 << 60 | 1
        assert rig.csr["pmpcfg0"] and rig.csr["mseccfg"]
        rig.stand("VU", DATA)
    rig.machine._core.reset()
    return rig


@rules("M_mode_at_rst")
def test_mode_is_M(rig):
    assert rig.mode == "M" and not rig.hart.waiting


@rules("mstatus_mie_rst", "mstatus_mprv_rst", "mstatus_mbe_rst")
def test_mstatus(rig):
    for bit in FIELD.values():
        assert not rig.csr["mstatus"] & bit


@rules("misa_extensions_rst")
def test_misa_has_all_there_is(rig):
    assert rig.csr["misa"] == Rig(ISA, open_gates=False).csr["misa"]


@rules("MCAUSE_RST_VAL", "mcause_rst_zero", "MCAUSE_RST_ALIAS_OK")
def test_mcause_does_not_distinguish_resets(rig):
    assert rig.csr["mcause"] == 0


@rules("PMP_A_L_RST", "pmp_mmode_locking")
def test_pmp_is_off_and_unlocked(rig):
    for name in ("pmpcfg0", "pmpcfg2"):
        assert not rig.csr[name] & 0x9898_9898_9898_9898
    rig.csr["pmpaddr3"] = 0x1234
    assert rig.csr["pmpaddr3"] == 0x1234


@rules("hgatp_vsatp_mode_rst")
def test_guest_translation_is_off(rig):
    assert rig.csr["hgatp"] >> 60 == rig.csr["vsatp"] >> 60 == rig.csr["satp"] >> 60 == 0


@rules("MSECCFG_MML_MMWP_RLB_RST", "MSECCFG_USEED_SSEED_RST", "mseccfg_mlpe_rst")
def test_mseccfg_is_clear(rig):
    assert rig.csr["mseccfg"] == 0
    rig.csr["mseccfg"] = 4
    assert rig.csr["mseccfg"] == 4, "and open"


@rules("mstateen_zero_initialization")
def test_nothing_is_enabled_for_lower_modes(rig):
    assert [rig.csr[f"mstateen{n}"] for n in range(4)] == [0] * 4


@rules("ld_rsv_rst")
def test_there_is_no_reservation(rig):
    rig.csr["mtvec"] = r.M_VECTOR
    assert rig.execute(r.SC_W, mode="M") is None
    assert rig.a0 == 1


@rules("warl_rst")
def test_every_register_holds_what_could_be_written_to_it(rig):
    """Writing back what is there changes nothing."""
    for row in csrs.CSRS:
        if row.name not in rig.csr or row.read_only or row.name in ("mcycle", "minstret", "seed"):
            continue
        value = rig.csr[row.name]
        rig.csr[row.name] = value
        assert rig.csr[row.name] == value, row.name


@rules("pc_rst", "RST_ADDR")
def test_pc_is_where_the_boot_program_was_loaded():
    """Reset itself leaves pc to the machine: Machine.start gives every hart the entry point."""
    rig = Rig()
    for entry in (CODE, DATA):
        rig.machine.start(entry)
        assert rig.pc == entry


@rules("mcycle_rst", "minstret_rst")
def test_counters_can_be_written_after_reset(rig):
    rig.csr["mtvec"] = r.M_VECTOR
    for name in ("mcycle", "minstret"):
        assert rig.execute(csrw(name), csrr(name), mode="M", a1=5) is None
        assert rig.a0 == 5
