"""Smcsrind, Sscsrind: CSRs reached by a select value; Smcdeleg, Ssccfg: counters delegated to S-mode through them
(manual: "Indirect CSR Access", "Counter Delegation Extensions")."""

import random

import pytest
import rig as r
from rig import ALL, Rig, csrr, csrrc, csrrs, csrw

from rvh.isa import access, csrs
from rvh.isa.extensions import parse

II, VI = 2, 22
MODES = ("M", "HS", "U", "VS", "VU")
CDE, CSRIND = 1 << 60, 1 << 60
MINH, SINH, OF = 1 << 62, 1 << 61, 1 << 63
SIREGS = ("sireg", "sireg2", "sireg3", "sireg4", "sireg5", "sireg6")
NOWHERE = (0, 0x3F, 0x60, 0xFFF, 0x40 | 1 << 32, 1 << 63, 0x70)


@pytest.fixture
def rig() -> Rig:
    """Every counter is delegated."""
    rig = Rig()
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | CDE
    return rig


def causes(rig: Rig, word: int) -> list[int | None]:
    return [rig.cause(word, mode=mode, a1=0) for mode in MODES]


def select(rig: Rig, value: int) -> None:
    rig.csr["siselect"] = rig.csr["vsiselect"] = value


@pytest.mark.rules("miselect_op", "MISELECT_WARL", "miselect_min_sz", "siselect_min_range", "vsiselect_min_range")
@pytest.mark.rules("miselect_msb_op", "siselect_msb_op", "vsiselect_msb_op", "sscsrind_smode_csrs_sz")
@pytest.mark.rules("select_value_separate_address_space", "sscsrind_vsmode_csrs_sz")
def test_the_select_registers(rig):
    for name, mode in (("miselect", "M"), ("siselect", "HS"), ("vsiselect", "HS"), ("siselect", "VS")):
        for value in (0, 0xFFF, 0x5A5, 1 << 63, ALL):
            rig.write(name, mode, value)
            assert rig.read(name, mode) == value
    rig.csr["miselect"], rig.csr["siselect"], rig.csr["vsiselect"] = 1, 2, 3
    assert [rig.read(name, "M") for name in ("miselect", "siselect", "vsiselect")] == [1, 2, 3]
    assert (rig.read("siselect", "HS"), rig.read("siselect", "VS")) == (2, 3)
    rig.write("siselect", "VS", 4)
    assert (rig.csr["siselect"], rig.csr["vsiselect"]) == (2, 4)


@pytest.mark.rules("miph_csr_number")
def test_a_number_among_those_of_mireg_belongs_to_another_extension(rig):
    numbers = [csrs.BY_NAME[f"mireg{n}"].number for n in ("", 2, 3, 4, 5, 6)]
    assert numbers == [0x351, 0x352, 0x353, 0x355, 0x356, 0x357]
    assert causes(rig, csrr(0x354)) == [II] * 5, "miph, of Smaia"


@pytest.mark.rules("sscsrind_virtual_inst_fault", "ssccfg_hyp_vs_or_vu_access_vsireg_illegal")
@pytest.mark.parametrize("value", [0x43, 0])
def test_who_may_access_what(rig, value):
    select(rig, value)
    good = value == 0x43
    assert causes(rig, csrr("siselect")) == [None, None, II, None, VI]
    assert causes(rig, csrr("vsiselect")) == [None, None, II, VI, VI]
    assert causes(rig, csrr("miselect")) == [None, II, II, II, II]
    own = None if good else II
    for name in ("sireg", "sireg2"):
        for word in (csrr(name), csrw(name), csrrs(name)):
            assert causes(rig, word) == [own, own, II, VI if good else II, VI]
    for name in SIREGS:
        for word in (csrr("v" + name), csrw("v" + name)):
            assert causes(rig, word) == [II, II, II, VI, VI]
        assert causes(rig, csrr("m" + name[1:])) == [II, II, II, II, II]


@pytest.mark.rules(
    "sscsrind_csrs_access_control", "hypervisor_impl_csrs_access_control", "mstateen0_csrind_op", "hstateen0_csrind_op"
)
@pytest.mark.parametrize("m", [0, 1])
@pytest.mark.parametrize("h", [0, 1])
@pytest.mark.parametrize("value", [0x43, 0])
def test_state_enable(rig, m, h, value):
    select(rig, value)
    rig.csr["hstateen0"] = ALL if h else ALL & ~CSRIND
    rig.csr["mstateen0"] = ALL if m else ALL & ~CSRIND
    good = value == 0x43
    own = None if good else II
    vs_alias = VI if good else II
    assert causes(rig, csrr("siselect")) == [
        None, None if m else II, II, II if not m else None if h else VI, VI if m else II,
    ]  # fmt: skip
    assert causes(rig, csrr("vsiselect")) == [None, None if m else II, II, VI if m else II, VI if m else II]
    assert causes(rig, csrr("sireg")) == [
        own, own if m else II, II, II if not m else vs_alias if h else VI, VI if m else II,
    ]  # fmt: skip
    assert causes(rig, csrr("vsireg2")) == [II, II, II, VI if m else II, VI if m else II]


@pytest.mark.rules("sscsrind_csrs_access_control")
def test_the_bit_of_state_enable_is_there_with_the_extension_only():
    for isa, bit in (("max", CSRIND), ("max_no-sscsrind", 0)):
        rig = Rig(isa)
        assert rig.csr["mstateen0"] & CSRIND == bit and rig.csr["hstateen0"] & CSRIND == bit
        rig.write("mstateen0", "M", 0)
        rig.write("hstateen0", "M", ALL)
        assert rig.csr["hstateen0"] == 0
        rig.write("mstateen0", "M", ALL)
        rig.write("hstateen0", "HS", ALL)
        assert rig.csr["hstateen0"] & CSRIND == bit


@pytest.mark.rules("sireg_access_on_illegal_siselect", "vsireg_access_behaviour", "sireg_access_behaviour")
@pytest.mark.rules("mireg_access_behaviour", "csr_access", "select_value_unrelated")
@pytest.mark.parametrize("value", NOWHERE)
def test_values_that_select_nothing(rig, value):
    """Illegal, as recommended, everywhere; the number of a CSR is no select value."""
    select(rig, value)
    rig.csr["miselect"] = value
    for name in SIREGS:
        assert causes(rig, csrr(name)) == [II, II, II, II, VI]
        assert causes(rig, csrr("m" + name[1:])) == [II] * 5


# ---- counter delegation


@pytest.mark.rules("smcdeleg_cde_en", "ssccfg_illegal_sireg_cde0", "ssccfg_hyp_vs_access_sireg_conditional")
@pytest.mark.rules("menvcfg_cde_op")
@pytest.mark.rules("ssccfg_hyp_m_s_vsireg_illegal", "vsmode_virtual_inst_fault", "vsireg_access_on_legal_vsiselect")
@pytest.mark.parametrize("n", [0, 2, 3, 17, 31])
def test_cde(rig, n):
    select(rig, 0x40 + n)
    for name in ("sireg", "sireg2"):
        rig.csr["menvcfg"] = rig.csr["menvcfg"] | CDE
        assert causes(rig, csrr(name)) == [None, None, II, VI, VI]
        rig.csr["menvcfg"] = rig.csr["menvcfg"] & ~CDE
        assert causes(rig, csrr(name)) == [II, II, II, II, VI]
    assert causes(rig, csrr("vsireg")) == [II, II, II, VI, VI]


@pytest.mark.rules("ssccfg_illegal_sireg3_6", "ssccfg_illegal_sireg4_5_xlen64", "sireg_access_on_legal_siselect")
@pytest.mark.rules("ssccfg_illegal_sireg_not_delegated")
@pytest.mark.parametrize("n", range(32))
def test_which_aliases_stand_for_something(rig, n):
    """The table of indirect HPM state for RV64; time is none of it."""
    select(rig, 0x40 + n)
    for name in SIREGS:
        there = name in ("sireg", "sireg2") and n != 1
        assert causes(rig, csrr(name))[:2] == ([None] * 2 if there else [II] * 2), name
    rig.csr["mcounteren"] = ALL & ~(1 << n)
    for name in SIREGS:
        assert causes(rig, csrr(name)) == [II, II, II, VI, VI], "in M-mode too, and of no consequence to the guest"
    rig.csr["mcounteren"] = 1 << n
    assert (rig.cause(csrr("sireg"), mode="HS") is None) == (n != 1)


@pytest.mark.rules("ssccfg_missing_extension_illegal")
@pytest.mark.parametrize(
    "without, gone",
    [
        ("smcntrpmf", {(2, 0), (2, 2)}),
        ("zihpm", {(a, n) for a in (1, 2) for n in range(3, 32)}),
        ("zicntr", {(1, 0), (1, 2), (2, 0), (2, 2)}),
        ("sscofpmf", set()),
    ],
)
def test_state_of_extensions_that_are_not_there(without, gone):
    rig = Rig(f"max_no-{without}")
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | CDE
    for n in (0, 2, *range(3, 32)):
        rig.csr["siselect"] = 0x40 + n
        for alias, name in ((1, "sireg"), (2, "sireg2")):
            expected = II if (alias, n) in gone else None
            assert rig.cause(csrr(name), mode="HS") == rig.cause(csrr(name), mode="M") == expected, (name, n)


@pytest.mark.rules("csrs_alias", "sireg_access_on_legal_siselect")
@pytest.mark.parametrize("n", range(3, 32))
def test_event_counters(rig, n):
    rig.csr["siselect"] = 0x40 + n
    rig.write("sireg", "HS", 0x1234_5678_9ABC_DEF0)
    assert rig.csr[f"mhpmcounter{n}"] == 0x1234_5678_9ABC_DEF0
    rig.csr[f"mhpmcounter{n}"] = 77
    assert rig.read("sireg", "HS") == rig.read("sireg", "M") == 77
    rig.write("sireg2", "HS", ALL & ~0xFF | 3)
    assert rig.csr[f"mhpmevent{n}"] == 0xBC << 56 | 3, "MINH is M-mode's alone"
    rig.csr[f"mhpmevent{n}"] = OF | MINH | 2
    assert rig.read("sireg2", "HS") == OF | 2
    rig.write("sireg2", "HS", 0)
    assert rig.csr[f"mhpmevent{n}"] == MINH
    rig.execute(csrrs("sireg2"), mode="HS", a1=SINH | 2)
    rig.execute(csrrc("sireg2"), mode="HS", a1=2)
    assert rig.csr[f"mhpmevent{n}"] == MINH | SINH


def test_a_delegated_counter_counts_as_its_event_says(rig):
    """Instructions, of S-mode only while SINH is 0, as S-mode sets it up; the instruction that reads is not in it."""
    rig.csr["siselect"] = 0x43
    rig.write("sireg2", "HS", 2)
    rig.write("sireg", "HS", 100)
    assert rig.execute(r.NOP, r.NOP, csrr("sireg"), mode="HS") is None
    assert rig.a0 == 102
    assert rig.csr["mhpmcounter3"] == 103
    rig.write("sireg2", "HS", 2 | SINH)
    before = rig.csr["mhpmcounter3"]
    rig.execute(r.NOP, r.NOP, mode="HS")
    assert rig.csr["mhpmcounter3"] == before


def test_an_overflow_that_s_mode_arranged(rig):
    rig.csr["mideleg"] = 1 << 13
    rig.csr["siselect"] = 0x44
    rig.write("sireg2", "HS", 2)
    rig.csr["sie"] = 1 << 13
    rig.csr["mstatus"] = rig.csr["mstatus"] | 2
    rig.execute(csrw("sireg"), mode="HS", a1=ALL - 3)
    rig.code(*[r.NOP] * 8)
    rig.code(0x0000006F, at=r.HS_VECTOR)
    rig.stand("HS")
    rig.step(10)
    assert rig.csr["scause"] == r.INTERRUPT | 13
    assert rig.read("sireg2", "HS") == OF | 2 and rig.read("scountovf", "HS") == 1 << 4
    rig.execute(csrrc("sireg2"), mode="HS", a1=OF)
    assert rig.read("scountovf", "HS") == 0


@pytest.mark.parametrize("n, counter, config", [(0, "mcycle", "mcyclecfg"), (2, "minstret", "minstretcfg")])
def test_the_fixed_counters(rig, n, counter, config):
    rig.csr["siselect"] = 0x40 + n
    rig.execute(csrw("sireg"), csrr("sireg"), mode="HS", a1=5000)
    assert rig.a0 == 5000
    assert 5000 < rig.csr[counter] < 5010
    rig.csr[config] = MINH
    rig.write("sireg2", "HS", ALL)
    assert rig.csr[config] == 0x1F << 58
    rig.csr[config] = MINH | SINH
    assert rig.read("sireg2", "HS") == SINH
    rig.write("sireg2", "HS", 0)
    assert rig.csr[config] == MINH


@pytest.mark.rules("ssccfg_scountinhibit_exists", "ssccfg_illegal_scountinhibit_cde0")
@pytest.mark.rules("ssccfg_illegal_scountinhibit_vs_vu")
def test_who_may_access_scountinhibit(rig):
    for word in (csrr("scountinhibit"), csrw("scountinhibit")):
        rig.csr["menvcfg"] = rig.csr["menvcfg"] | CDE
        assert causes(rig, word) == [None, None, II, VI, VI]
        rig.csr["menvcfg"] = rig.csr["menvcfg"] & ~CDE
        assert causes(rig, word) == [II] * 5


@pytest.mark.rules("ssccfg_scountinhibit_delegated_rw", "ssccfg_scountinhibit_nondelegated_ro")
@pytest.mark.parametrize("delegated", [0, 0x5, 0xFFFF_FFFD, 0xA5A5_A5A0, 2])
def test_scountinhibit_is_the_delegated_part_of_mcountinhibit(rig, delegated):
    rig.csr["mcounteren"] = delegated
    for before in (0, 0xFFFF_FFFD):
        rig.csr["mcountinhibit"] = before
        assert rig.read("scountinhibit", "HS") == before & delegated
        rig.write("scountinhibit", "HS", ~before & ALL)
        assert rig.csr["mcountinhibit"] == (before ^ delegated) & 0xFFFF_FFFD
        assert rig.read("scountinhibit", "HS") == ~before & delegated & 0xFFFF_FFFD
    rig.csr["mcountinhibit"] = 0
    rig.execute(csrrs("scountinhibit"), mode="HS", a1=0x24)
    assert rig.csr["mcountinhibit"] == 0x24 & delegated


def test_scountinhibit_stops_a_counter(rig):
    rig.csr["minstret"] = 0
    rig.write("scountinhibit", "HS", 4)
    stopped = rig.csr["minstret"]
    rig.execute(r.NOP, r.NOP, r.NOP, mode="HS")
    assert rig.csr["minstret"] == stopped
    rig.write("scountinhibit", "HS", 0)
    rig.execute(r.NOP, r.NOP, r.NOP, mode="HS")
    assert rig.csr["minstret"] == stopped + 3


@pytest.mark.rules("ssccfg_virtual_scountovf_vs_vu")
def test_scountovf_is_kept_from_guests(rig):
    assert causes(rig, csrr("scountovf")) == [None, None, II, VI, VI]
    rig.csr["menvcfg"] = rig.csr["menvcfg"] & ~CDE
    assert causes(rig, csrr("scountovf")) == [None, None, II, None, VI]


@pytest.mark.rules("smcdeleg_ssccfg_tandem")
def test_what_comes_with_what():
    assert {"Ssccfg", "Sscsrind", "S"} <= parse("rv64ic_smcdeleg")
    assert {"Smcdeleg", "Sscsrind"} <= parse("rv64gc_ssccfg")
    assert "Sscsrind" in parse("rv64gc_smcsrind") and "Smcsrind" not in parse("rv64gc_sscsrind")
    assert not {"Smcdeleg", "Ssccfg"} & parse("max_no-ssccfg")
    assert not {"Smcdeleg", "Ssccfg", "Smcsrind"} & parse("max_no-sscsrind")
    rig = Rig("max_no-smcdeleg")
    rig.csr["menvcfg"] = ALL & ~(3 << 4)
    assert not rig.csr["menvcfg"] & CDE
    assert "scountinhibit" not in rig.csr
    select(rig, 0x43)
    assert causes(rig, csrr("sireg")) == [II, II, II, II, VI]
    rig = Rig("max_no-sscsrind")
    for name in ("siselect", "sireg", "vsiselect", "vsireg6", "miselect", "mireg2"):
        assert causes(rig, csrr(name)) == [II] * 5
    assert "miselect" not in Rig("max_no-smcsrind").csr and "siselect" in Rig("max_no-smcsrind").csr


@pytest.mark.parametrize("seed", range(12))
def test_the_generated_gates_agree_with_the_table(seed):
    """Under random controls, select values and extensions."""
    rng = random.Random(seed)
    rig = Rig(rng.choice(("max", "max_no-smcntrpmf", "max_no-smcdeleg", "max_no-smstateen_no-ssstateen")))
    names = [row.name for row in csrs.CSRS if "iselect" in row.name or "ireg" in row.name]
    for _ in range(12):
        for name in ("mstateen0", "hstateen0", "menvcfg", "mcounteren"):
            if name in rig.csr:
                rig.csr[name] = (rng.getrandbits(64) | (CDE if rng.random() < 0.5 else 0)) & ~(3 << 4)
        for name in ("siselect", "vsiselect"):
            rig.csr[name] = rng.choice((*NOWHERE, *range(0x40, 0x60), 0x40, 0x41, 0x42, 0x43))
        for name in (*names, "scountinhibit", "scountovf"):
            for mode in MODES:
                number = csrs.BY_NAME[name].number
                values = {n: rig.csr[n] if n in rig.csr else ALL for n in csrs.BY_NAME}
                reason = access.decide_csr(number, mode, False, values.__getitem__, rig.extensions)
                assert rig.cause(csrr(number), mode=mode) == (reason.cause if reason else None), (name, mode)
