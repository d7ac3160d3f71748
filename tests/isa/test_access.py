"""The access table evaluated in Python, as the trap explainer does."""

import pytest

from rvh.isa import access, csrs, extensions
from rvh.isa.access import ILLEGAL, INSTRUCTIONS, MODES, REASONS, VIRTUAL, decide, decide_csr

EVERYTHING = frozenset(extensions.EXTENSIONS)
OPEN = {"mstatus": 1 << 13, "vsstatus": 1 << 13, "hstatus": 0}


def controls(**values):
    """A reader of CSRs where all enables are on, except as given."""
    return lambda name: values.get(name, OPEN.get(name, csrs.ALL))


def cause(name, mode, **values):
    reason = decide(INSTRUCTIONS[name], mode, controls(**values))
    return reason and reason.cause


def csr_cause(name, mode, write=False, **values):
    reason = decide_csr(csrs.BY_NAME[name].number, mode, write, controls(**values), EVERYTHING)
    return reason and reason.cause


def test_every_reason_is_a_sentence_about_a_cause():
    assert REASONS[0].cause == 0
    assert len(set(REASONS)) == len(REASONS)
    for reason in REASONS[1:]:
        assert reason.cause in (ILLEGAL, VIRTUAL)
        assert reason.text and not reason.text.endswith(".") and reason.manual


def test_virtual_only_in_guest_modes():
    for rules in [*INSTRUCTIONS.values(), *map(access.csr_rules, csrs.CSRS)]:
        for rule in rules:
            assert rule.reason.cause == ILLEGAL or set(rule.modes) <= {"VS", "VU"}


def test_machine_mode_is_refused_nothing_but_floating_point_and_vectors():
    for name, rules in INSTRUCTIONS.items():
        assert not access.rules_in(rules, "M") or name in ("fp", "vector")
    for row in csrs.CSRS:
        assert (
            not access.rules_in(access.csr_rules(row), "M")
            or row.name in ("fflags", "frm", "fcsr")
            or row.needs == "Zve32x"
            or "ireg" in row.name
            or row.name == "scountinhibit"
        )


@pytest.mark.parametrize(
    "name, mode, values, expected",
    [
        ("sret", "HS", {}, None),
        ("sret", "HS", {"mstatus": 1 << 22}, ILLEGAL),
        ("sret", "VS", {"mstatus": 1 << 22}, None),
        ("sret", "VS", {"hstatus": 1 << 22}, VIRTUAL),
        ("sret", "VU", {}, VIRTUAL),
        ("mret", "VS", {}, ILLEGAL),
        ("wfi", "VS", {"mstatus": 1 << 21, "hstatus": 1 << 21}, ILLEGAL),
        ("wfi", "VS", {"hstatus": 1 << 21}, VIRTUAL),
        ("wfi", "U", {}, ILLEGAL),
        ("hlv", "U", {}, ILLEGAL),
        ("hlv", "U", {"hstatus": 1 << 9}, None),
        ("hlv", "VU", {"hstatus": 1 << 9}, VIRTUAL),
        ("hfence_gvma", "HS", {"mstatus": 1 << 20}, ILLEGAL),
        ("hfence_vvma", "HS", {"mstatus": 1 << 20}, None),
        ("cbo_zero", "VU", {"senvcfg": 0}, VIRTUAL),
        ("cbo_zero", "VU", {"senvcfg": 0, "menvcfg": 0}, ILLEGAL),
        ("cbo_zero", "U", {"senvcfg": 0}, ILLEGAL),
        ("fp", "VS", {"vsstatus": 0}, ILLEGAL),
        ("fp", "HS", {"vsstatus": 0}, None),
    ],
)
def test_instructions(name, mode, values, expected):
    assert cause(name, mode, **values) == expected


@pytest.mark.parametrize(
    "name, mode, write, values, expected",
    [
        ("cycle", "VS", False, {"hcounteren": 0}, VIRTUAL),
        ("cycle", "VS", False, {"hcounteren": 0, "mcounteren": 0}, ILLEGAL),
        ("cycle", "VS", True, {"hcounteren": 0}, ILLEGAL),
        ("satp", "HS", False, {"mstatus": 1 << 20}, ILLEGAL),
        ("satp", "VS", False, {"mstatus": 1 << 20}, None),
        ("hgatp", "VS", False, {"mstatus": 1 << 20}, VIRTUAL),
        ("stimecmp", "VU", False, {"menvcfg": 0}, ILLEGAL),
        ("stimecmp", "VU", False, {"henvcfg": 0}, VIRTUAL),
        ("senvcfg", "VS", False, {"hstateen0": 1 << 63}, VIRTUAL),
        ("senvcfg", "VS", False, {"hstateen0": 0, "mstateen0": 0}, ILLEGAL),
        ("hgeip", "VS", True, {}, ILLEGAL),
        ("hgeip", "VS", False, {}, VIRTUAL),
        ("mscratch", "VS", False, {}, ILLEGAL),
    ],
)
def test_csrs(name, mode, write, values, expected):
    assert csr_cause(name, mode, write, **values) == expected


def test_a_csr_of_an_extension_that_is_off_does_not_exist():
    number = csrs.BY_NAME["hstatus"].number
    assert decide_csr(number, "M", False, controls(), EVERYTHING - {"H"}) == access.ABSENT_CSR
    assert decide_csr(0x5A9, "M", False, controls(), EVERYTHING) == access.ABSENT_CSR
    number = csrs.BY_NAME["tcontrol"].number
    assert decide_csr(number, "M", False, controls(), EVERYTHING) == access.ABSENT_CSR
    assert decide_csr(number, "M", False, controls(), EVERYTHING - {"S"}) is None


def test_the_reason_names_the_control():
    reason = decide(INSTRUCTIONS["wfi"], "VS", controls(hstatus=1 << 21))
    assert "hstatus.VTW=1" in reason.text
    reason = decide_csr(0xC00, "VS", False, controls(hcounteren=0), EVERYTHING)
    assert reason.text.format(name="cycle") == "hcounteren.CY=0: cycle is not readable by guests"


def test_rules_stop_at_the_first_that_always_applies():
    for rules in INSTRUCTIONS.values():
        for mode in MODES:
            chosen = access.rules_in(rules, mode)
            assert all(rule.when is not None for rule in chosen[:-1])
