"""The CSR rows themselves: consistent with the manual's conventions and with each other."""

import pytest

from rvh.core import layout
from rvh.isa import csrs, extensions
from rvh.isa.csrs import BY_NAME, BY_NUMBER, CSRS

FIELDS = {name: length for name, _, length, _ in layout.FIELDS}


def test_numbers_and_names_are_unique():
    assert len(BY_NUMBER) == len(BY_NAME) == len(CSRS)


@pytest.mark.parametrize(
    "name, number",
    [("fcsr", 0x003), ("time", 0xC01), ("sstatus", 0x100), ("stimecmp", 0x14D), ("satp", 0x180), ("vsatp", 0x280),
     ("hstatus", 0x600), ("hgatp", 0x680), ("hgeip", 0xE12), ("htval", 0x643), ("henvcfg", 0x60A), ("mtval2", 0x34B),
     ("mtinst", 0x34A), ("menvcfg", 0x30A), ("mstateen0", 0x30C), ("hstateen0", 0x60C), ("sstateen0", 0x10C),
     ("pmpaddr15", 0x3BF), ("mhpmevent31", 0x33F), ("mhpmcounter3", 0xB03), ("mcountinhibit", 0x320),
     ("scountovf", 0xDA0), ("mhartid", 0xF14), ("mconfigptr", 0xF15), ("htimedelta", 0x605), ("vstimecmp", 0x24D)],
)  # fmt: skip
def test_numbers(name, number):
    assert BY_NAME[name].number == number


@pytest.mark.parametrize("row", CSRS, ids=lambda row: row.name)
def test_row_is_consistent(row):
    assert 0 <= row.number < 0x1000
    assert not row.read_only or row.writable == 0
    if row.storage:
        name, _, index = row.storage.rstrip("]").partition("[")
        assert name in FIELDS
        assert (int(index) < FIELDS[name]) if index else FIELDS[name] == 0
    assert row.storage or row.read or row.writable == 0, "a value that can be written is kept somewhere"
    assert not row.rmw or row.read and row.write
    assert set(row.needs.replace("/", " ").replace("!", "").split()) <= set(extensions.EXTENSIONS)
    covered = 0
    for hi, lo in row.fields.values():
        assert 63 >= hi >= lo >= 0
        covered |= csrs.mask_of((hi, lo))
    if row.fields and row.name not in ("mcountinhibit", "mtvec", "stvec", "vstvec"):
        writable = row.mask(frozenset(extensions.EXTENSIONS))
        assert writable & ~covered == 0, "every writable bit has a name"


def test_fields_do_not_overlap():
    for row in CSRS:
        seen = 0
        for name, bits in row.fields.items():
            assert not seen & csrs.mask_of(bits), (row.name, name)
            seen |= csrs.mask_of(bits)


def test_twins_are_the_vs_registers_of_the_same_offset():
    twins = {row.name: row.twin for row in CSRS if row.twin}
    assert len(twins) == 17
    for name, twin in twins.items():
        assert BY_NAME[twin].number == BY_NAME[name].number + 0x100
        assert twin == "v" + name


def test_masks_follow_the_extensions():
    assert BY_NAME["mstatus"].mask(set()) == 0x1888
    assert BY_NAME["mstatus"].mask({"U", "S", "H"}) == 0xC0_0062_19AA
    assert BY_NAME["mstatus"].mask({"U", "S", "H", "Sv39"}) == 0xC0_007E_19AA
    assert BY_NAME["henvcfg"].mask({"Zicboz", "Sstc"}) == 1 << 63 | 0x81
    assert BY_NAME["mie"].mask({"S", "H", "Sscofpmf"}) == 0x2EEE
    assert BY_NAME["mepc"].mask({"Zca"}) == csrs.ALL & ~1 and BY_NAME["mepc"].mask(set()) == csrs.ALL & ~3


def test_causes_with_a_transformed_instruction():
    assert csrs.ACCESS_CAUSES == sum(1 << n for n in (4, 5, 6, 7, 13, 15, 21, 23))
