"""Smepmp (manual: "Smepmp Physical Memory Protection Rules", "Machine Security Configuration (mseccfg) Register").

Entry 0 is the one under test. The code runs from a region of M-mode or from one of the other modes, by the mode.
"""

import pytest
import rig as r
from rig import RAM, Rig, csrw

MML, MMWP, RLB = 1, 2, 4
L, NAPOT, R, W, X = 0x80, 0x18, 1, 2, 4
AT = RAM + 0x8000
M_CODE, SU_CODE = RAM + 0x20000, RAM + 0x21000
LOAD, STORE = 0x0005_B503, 0x00A5_B023  # ld a0, (a1); sd a0, (a1)

#: The truth table of the manual: LRWX -> what M-mode and what S- and U-mode may do.
TABLE = {
    "----": ("", ""), "---X": ("", "X"), "--W-": ("RW", "R"), "--WX": ("RW", "RW"),
    "-R--": ("", "R"), "-R-X": ("", "RX"), "-RW-": ("", "RW"), "-RWX": ("", "RWX"),
    "L---": ("", ""), "L--X": ("X", ""), "L-W-": ("X", "X"), "L-WX": ("RX", "X"),
    "LR--": ("R", ""), "LR-X": ("RX", ""), "LRW-": ("RW", ""), "LRWX": ("R", "R"),
}  # fmt: skip
BITS = {"L": L, "R": R, "W": W, "X": X, "-": 0}


def config(text: str) -> int:
    return sum(BITS[c] for c in text)


def napot(base: int, size: int) -> int:
    return (base | size // 2 - 1) >> 2


def locked_down(entry0: int, flags: int = MML, isa: str = "max") -> Rig:
    """Entry 0 as given over the page at AT, then code for M-mode and for the others, then data open to neither."""
    rig = Rig(isa)
    csr = rig.csr
    csr["mseccfg"] = RLB  # the entries may be locked before MML is set, and entry 0 written after
    csr["pmpaddr1"], csr["pmpaddr2"] = napot(M_CODE, 4096), napot(SU_CODE, 4096)
    csr["pmpaddr0"] = napot(AT, 4096)
    csr["pmpcfg0"] = (NAPOT | R | X) << 16 | (NAPOT | L | R | X) << 8
    csr["mseccfg"] = RLB | flags
    csr["pmpcfg0"] = csr["pmpcfg0"] | NAPOT | entry0
    csr["medeleg"] = 0
    return rig


def attempt(rig: Rig, what: str, mode: str, at: int = AT) -> int | None:
    """The cause that a load, store or fetch at `at` ends in."""
    code = M_CODE if mode == "M" else SU_CODE
    rig.csr["mtvec"] = M_CODE + 0x800
    if what == "X":
        rig.code(r.NOP, at=at)
        rig.stand(mode, at)
    else:
        rig.code(LOAD if what == "R" else STORE, at=code)
        rig.stand(mode, code)
    rig.hart.x["a1"] = at
    rig.step()
    return rig.csr["mcause"] if rig.pc == M_CODE + 0x800 else None


@pytest.mark.parametrize("text", TABLE)
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.parametrize("what, cause", [("R", 5), ("W", 7), ("X", 1)])
@pytest.mark.rules(
    "mseccfg_mml_pmpcfg_L_op",
    "mseccfg_mml_M_rule_op",
    "mseccfg_mml_SorU_rule_op",
    "mseccfg_mml_shared_rule_op",
    "mml_truth_table",
)
def test_the_truth_table(text, mode, what, cause):
    rig = locked_down(config(text))
    allowed = TABLE[text][0 if mode == "M" else 1]
    assert attempt(rig, what, mode) == (None if what in allowed else cause)


@pytest.mark.parametrize("flags, allowed", [(0, "RWX"), (MML, "RW"), (MMWP, ""), (MML | MMWP, "")])
@pytest.mark.rules("mseccfg_mmwp_op", "mseccfg_mml_exec_code", "smepmp_machine_unlimited")
def test_what_m_mode_may_do_where_no_entry_matches(flags, allowed):
    for what, cause in (("R", 5), ("W", 7), ("X", 1)):
        rig = locked_down(0, flags)
        assert attempt(rig, what, "M", AT + 0x4000) == (None if what in allowed else cause)
        assert attempt(rig, what, "HS", AT + 0x4000) == cause


@pytest.mark.rules("mseccfg_mmwp_op")
def test_mmwp_binds_m_mode_without_any_entry():
    rig = Rig()
    rig.csr["pmpcfg0"] = 0
    rig.csr["mseccfg"] = MMWP
    rig.stand("M")
    rig.step()
    assert rig.csr["mcause"] == 1 and rig.csr["mtval"] == r.CODE


def test_what_was_remembered_before_is_asked_again():
    """The TLB has M-mode's translation when MML and MMWP are set."""
    rig = Rig()
    rig.csr["mseccfg"] = RLB
    rig.csr["pmpaddr1"] = napot(r.CODE, 4096)
    rig.csr["pmpaddr0"] = napot(AT, 4096)
    rig.csr["pmpcfg0"] = (NAPOT | L | R | X) << 8 | NAPOT | R | W
    assert rig.cause(LOAD, mode="M", a1=AT) is None
    assert rig.cause(csrw("mseccfg"), LOAD, mode="M", a1=MML | RLB) in (1, 5)
    assert rig.cause(LOAD, mode="M", a1=AT) == 5


@pytest.mark.parametrize("bit", [MML, MMWP])
@pytest.mark.rules("mseccfg_mml_sticky", "MSECCFG_MML_WARL", "MSECCFG_MMWP_WARL", "mseccfg_mmwp_op", "mseccfg_locking")
def test_mml_and_mmwp_stay_set(bit):
    rig = Rig()
    rig.csr["mseccfg"] = bit
    rig.csr["mseccfg"] = 0
    assert rig.csr["mseccfg"] == bit


@pytest.mark.rules("mseccfg_rlb_op", "MSECCFG_RLB_WARL", "mseccfg_locking")
def test_rlb_can_be_set_only_while_nothing_is_locked():
    rig = Rig()
    for n in (3, 9):
        rig.csr["mseccfg"] = 0
        name, shift = f"pmpcfg{n // 8 * 2}", n % 8 * 8
        rig.csr["mseccfg"] = RLB
        assert rig.csr["mseccfg"] == RLB
        rig.csr[name] = rig.csr[name] | L << shift  # a disabled entry counts
        rig.csr["mseccfg"] = RLB
        assert rig.csr["mseccfg"] == RLB, "it stays while it is set"
        rig.csr["mseccfg"] = 0
        rig.csr["mseccfg"] = RLB
        assert rig.csr["mseccfg"] == 0
        rig = Rig()


@pytest.mark.rules("mseccfg_rlb_op")
def test_rlb_lets_locked_entries_change():
    for rlb in (0, RLB):
        rig = Rig()
        rig.csr["mseccfg"] = rlb
        rig.csr["pmpcfg0"] = rig.csr["pmpcfg0"] | (NAPOT | L | R) << 16
        rig.csr["pmpaddr2"] = 0x1234
        assert rig.csr["pmpaddr2"] == (0x1234 if rlb else 0)
        rig.csr["pmpcfg0"] = rig.csr["pmpcfg0"] & ~(0xFF << 16)
        assert (rig.csr["pmpcfg0"] >> 16 & 0xFF) == (0 if rlb else NAPOT | L | R)


@pytest.mark.parametrize("text", TABLE)
@pytest.mark.parametrize("rlb", [0, RLB])
@pytest.mark.rules("mseccfg_mml_X_restrict")
def test_under_mml_no_entry_that_lets_m_mode_execute_can_be_added(text, rlb):
    rig = Rig()
    rig.csr["mseccfg"] = MML | rlb
    rig.csr["pmpcfg2"] = (NAPOT | config(text)) << 8
    refused = "X" in TABLE[text][0] and not rlb
    assert rig.csr["pmpcfg2"] == (0 if refused else (NAPOT | config(text)) << 8)


def test_without_mml_rw_01_is_reserved():
    rig = Rig()
    rig.csr["pmpcfg2"] = W | X
    assert rig.csr["pmpcfg2"] & (R | W) in (0, R | W, R)


@pytest.mark.rules(
    "mseccfg_presence",
    "mseccfg_rlb_presence",
    "mseccfg_mmwp_presence",
    "mseccfg_mml_presence",
    "mseccfg_fields_exist",
    "smepmp_no_mml_limit",
)
def test_without_smepmp_the_fields_are_read_only_zero():
    rig = Rig("max_no-smepmp")
    rig.csr["mseccfg"] = MML | MMWP | RLB
    assert rig.csr["mseccfg"] == 0
    assert "mseccfg" not in Rig("max_no-smepmp_no-smmpm_no-zkr").csr
    assert Rig("max_no-smepmp_no-smmpm_no-zkr").cause(csrw("mseccfg"), mode="M") == 2
