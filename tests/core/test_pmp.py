"""Physical memory protection (manual: "Physical Memory Protection", Machine-Level ISA)."""

import random

import pytest
import rig as r
from rig import ALL, RAM, Rig

LB, LD, SB, SD = 0x0005_8503, 0x0005_B503, 0x00A5_8023, 0x00A5_B023  # a0, (a1)
L, NAPOT, NA4, TOR, OFF = 0x80, 0x18, 0x10, 0x08, 0
R, W, X = 1, 2, 4
AT = RAM + 0x8000


@pytest.fixture
def rig():
    return Rig()


def entry(rig, n, config, address):
    """Writes pmpaddr n and its configuration byte."""
    rig.csr[f"pmpaddr{n}"] = address >> 2
    name = f"pmpcfg{n // 8 * 2}"
    shift = n % 8 * 8
    rig.csr[name] = rig.csr[name] & ~(0xFF << shift) | config << shift


def setup(rig, *entries):
    """Entries in order, then everything else open to all."""
    rig.csr["pmpcfg0"] = 0
    for n, (config, address) in enumerate(entries):
        entry(rig, n, config, address)
    entry(rig, len(entries), NAPOT | R | W | X, ALL)


def napot(base, size):
    return base | (size // 2 - 1) & ~3


def result(rig, word, at, mode="HS"):
    """None, or the cause; tval must be the address, and what faults changes nothing."""
    trap = rig.execute(word, mode=mode, a1=at, a0=0x55)
    if trap is None:
        return None
    assert trap.tval == at and rig.a0 == 0x55
    return trap.cause


@pytest.mark.parametrize("size", [8, 16, 64, 4096, 1 << 15])
@pytest.mark.parametrize("mode", ["HS", "U", "VS", "VU"])
@pytest.mark.rules(
    "pmp_a_field_napot_na4", "pmp_napot_encoding_low_bits", "pmp_a_field_encoding", "pmp_check_priv_modes"
)
def test_napot(rig, size, mode):
    setup(rig, (NAPOT | R, napot(AT, size)))
    for at, inside in ((AT, True), (AT + size - 1, True), (AT + size // 2, True), (AT - 1, False), (AT + size, False)):
        assert result(rig, LB, at, mode) is None
        assert result(rig, SB, at, mode) == (7 if inside else None)


@pytest.mark.rules("pmp_a_field_napot_na4", "pmp_a_field_encoding", "PMP_GRANULARITY")
def test_na4(rig):
    setup(rig, (NA4, AT + 4))
    for n in range(-4, 12):
        assert result(rig, LB, AT + n) == (5 if 4 <= n < 8 else None)


@pytest.mark.rules("pmp_a_field_tor", "pmp_a_field_off", "pmp_a_field_encoding")
def test_tor(rig):
    setup(rig, (OFF, AT + 8), (TOR | R, AT + 24))
    for n in range(0, 32, 4):
        assert result(rig, SB, AT + n) == (7 if 8 <= n < 24 else None)
        assert result(rig, LB, AT + n) is None


@pytest.mark.rules("pmp_a_field_tor")
def test_the_first_tor_entry_begins_at_0(rig):
    setup(rig, (TOR | R | X, AT + 16))
    assert result(rig, SB, AT + 15) == 7 and result(rig, SB, AT + 16) is None


def test_a_tor_entry_whose_end_is_not_above_its_start_matches_nothing(rig):
    for low, high in ((AT + 64, AT), (AT, AT)):
        setup(rig, (OFF, low), (TOR, high))
        for n in (-8, 0, 32, 64, 72):
            assert result(rig, LB, AT + n) is None


@pytest.mark.rules("pmp_entry_priority")
def test_the_lowest_numbered_entry_decides(rig):
    setup(rig, (NAPOT | R, napot(AT, 16)), (NAPOT | R | W, napot(AT, 64)), (NAPOT, napot(AT, 4096)))
    assert result(rig, SB, AT) == 7
    assert result(rig, SB, AT + 16) is None
    assert result(rig, LB, AT + 64) == 5


@pytest.mark.parametrize("config", [R, R | W, R | X, R | W | X, X, 0])
@pytest.mark.rules("pmp_cfg_permissions", "pmp_exec_fault", "pmp_rwx_check", "pmp_access_fault_exception")
def test_permissions(rig, config):
    setup(rig, (NAPOT | config, napot(AT, 4096)))
    rig.code(r.NOP, at=AT + 0x100)
    assert result(rig, LD, AT) == (None if config & R else 5)
    assert result(rig, SD, AT) == (None if config & W else 7)
    rig.stand("HS", AT + 0x100)
    rig.step()
    trap = rig.trap()
    assert (trap is None) == bool(config & X)
    assert trap is None or (trap.cause, trap.tval) == (1, AT + 0x100)


@pytest.mark.parametrize("word, fault", [(LD, 5), (SD, 7)])
@pytest.mark.rules("pmp_full_match_required")
def test_an_access_that_an_entry_covers_in_part_fails_whatever_its_permissions(rig, word, fault):
    setup(rig, (NA4 | R | W | X, AT))
    assert result(rig, word, AT) == fault
    assert result(rig, word, AT + 8) is None
    setup(rig, (NA4 | L | R | W | X, AT))
    assert result(rig, word, AT, "M") == fault


@pytest.mark.rules("pmp_no_entry_match")
def test_without_a_match_s_and_u_have_nothing_and_m_everything():
    rig = Rig()
    rig.csr["pmpcfg0"] = 0
    entry(rig, 0, NAPOT | R | W | X, napot(RAM, 0x4000))  # the code and the vectors
    for mode in ("HS", "U", "VS", "VU"):
        assert result(rig, LB, AT, mode) == 5
        assert result(rig, SB, AT, mode) == 7
    assert result(rig, SB, AT, "M") is None


@pytest.mark.rules("pmp_l_bit_m_mode_enforcement", "pmp_mmode_locking", "smepmp_no_mml_behavior")
def test_unlocked_entries_do_not_bind_m_and_locked_ones_do(rig):
    setup(rig, (NAPOT | R, napot(AT, 4096)))
    assert result(rig, SB, AT, "M") is None
    setup(rig, (NAPOT | L | R, napot(AT, 4096)))
    for mode in ("M", "HS"):
        assert result(rig, SB, AT, mode) == 7
        assert result(rig, LB, AT, mode) is None


@pytest.mark.rules("pmp_l_bit_function", "pmp_l_bit_write_protection", "pmp_mmode_locking")
def test_locked_entries_cannot_be_written_and_a_locked_tor_keeps_its_base():
    rig = Rig()
    setup(rig, (OFF, AT), (TOR | L | R, AT + 4096))
    before = rig.csr["pmpcfg0"]
    rig.csr["pmpcfg0"] = before & ~(0xFF << 8) | (NAPOT | R | W) << 8
    assert rig.csr["pmpcfg0"] == before
    for name, value in (("pmpaddr1", AT + 4096 >> 2), ("pmpaddr0", AT >> 2)):
        rig.csr[name] = 0
        assert rig.csr[name] == value
    assert result(rig, SB, AT) == 7


@pytest.mark.parametrize("mode", ["HS", "VS"])
@pytest.mark.parametrize("word, fault", [(LD, 5), (SD, 7)])
@pytest.mark.rules("pmp_misaligned_access_behavior")
def test_accesses_across_pages_are_checked_on_both(rig, mode, word, fault):
    edge = AT + 0x1000
    for bad in (AT, edge):
        setup(rig, (NAPOT, napot(bad, 4096)))
        for n in (1, 4, 7):
            trap = rig.execute(word, mode=mode, a1=edge - n, a0=0x55)
            assert (trap.cause, trap.tval) == (fault, edge - n if bad == AT else edge)
            assert rig.load(edge - 8) == rig.load(edge) == 0


@pytest.mark.parametrize("border", [4, 0x100, 0x7FC, 0xFFC])
def test_a_border_inside_a_page_is_exact_also_for_what_was_remembered(rig, border):
    """The page cannot be remembered as a whole; nor may it be when only its good part was touched."""
    setup(rig, (OFF, AT), (TOR | R | W | X, AT + border), (TOR, AT + 0x1000))
    for _ in range(3):
        for n in (0, border - 4, border - 1):
            assert result(rig, LB, AT + n) is None and result(rig, SB, AT + n) is None
        for n in (border, 0xFFF):
            assert result(rig, LB, AT + n) == 5 and result(rig, SB, AT + n) == 7


@pytest.mark.parametrize("length", [2, 4])
def test_code_up_to_a_border_inside_a_page(rig, length):
    setup(rig, (OFF, AT), (TOR | X, AT + 0x104), (TOR, AT + 0x1000))
    for n in range(0, 0x110, length):
        rig.store(AT + n, 0x0001 if length == 2 else r.NOP, length)
    rig.stand("HS", AT + 0x100 - 2 * length)
    for _ in range(3):
        rig.hart.pc = AT + 0x100 - 2 * length
        rig.step(2 + 4 // length)
        assert rig.trap() is None and rig.pc == AT + 0x104
        rig.step()
        assert (rig.trap().cause, rig.trap().tval, rig.trap().epc) == (1, AT + 0x104, AT + 0x104)
        rig.stand("HS")


def test_an_instruction_half_beyond_a_border(rig):
    setup(rig, (OFF, AT), (TOR | X, AT + 0x104), (TOR, AT + 0x1000))
    rig.store(AT + 0x102, r.NOP, 4)
    rig.stand("HS", AT + 0x102)
    rig.step()
    trap = rig.trap()
    assert (trap.cause, trap.epc) == (1, AT + 0x102)
    assert trap.tval in (AT + 0x102, AT + 0x104)


@pytest.mark.parametrize("mpp, binds", [(0, True), (1, True), (3, False)])
@pytest.mark.rules("pmp_check_priv_modes", "mstatus_mprv_ldst_op")
def test_mprv_checks_as_mpp(rig, mpp, binds):
    setup(rig, (NAPOT | R, napot(AT, 4096)))
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~(3 << 11) | mpp << 11 | 1 << 17
    assert result(rig, SB, AT, "M") == (7 if binds else None)
    assert result(rig, LB, AT, "M") is None


@pytest.mark.rules("pmp_sfence_required")
def test_a_write_takes_effect_in_the_next_instruction(rig):
    """Store, close, store, in one block."""
    setup(rig, (NAPOT | R | W, napot(AT, 4096)))
    closed = rig.csr["pmpcfg0"] & ~0xFF | NAPOT | L | R
    rig.code(SB, r.csr_insn(1, "pmpcfg0", rd=0, rs1=12), SB)
    rig.stand("M")
    rig.hart.x["a1"], rig.hart.x["a2"] = AT, closed
    rig.step(3)
    trap = rig.trap()
    assert (trap.cause, trap.epc) == (7, r.CODE + 8)


@pytest.mark.rules("pmp_entry_priority", "pmp_rwx_check", "pmp_entry_structure")
def test_sixteen_entries_of_all_kinds_at_random():
    """Against the manual's matching rule, written down again."""
    rng = random.Random(16)
    for _ in range(60):
        rig = Rig()
        rig.csr["pmpcfg0"] = rig.csr["pmpcfg2"] = 0
        table = []
        entry(rig, 0, NAPOT | R | W | X, napot(RAM, 0x4000))
        table.append((RAM, RAM + 0x4000, 7))
        previous = napot(RAM, 0x4000)
        for n in range(1, 16):
            kind = rng.choice((OFF, TOR, NA4, NAPOT))
            allowed = rng.choice((0, R, R | W, X, R | X, R | W | X))
            base = AT + rng.randrange(0, 0x2000, 4)
            if kind == NAPOT:
                size = 8 << rng.randrange(10)
                address = napot(base & ~(size - 1), size)
                table.append((base & ~(size - 1), (base & ~(size - 1)) + size, allowed))
            else:
                address = base
                if kind == TOR:
                    table.append((previous & ~3, base, allowed))
                elif kind == NA4:
                    table.append((base, base + 4, allowed))
            entry(rig, n, kind | allowed, address)
            previous = address
        for _ in range(40):
            word, need, fault, size = rng.choice(((LB, R, 5, 1), (SB, W, 7, 1), (LD, R, 5, 8), (SD, W, 7, 8)))
            at = AT + rng.randrange(0, 0x2000, size)
            expected = fault
            for low, high, allowed in table:
                if low < high and at < high and at + size > low:
                    if low <= at and at + size <= high and allowed & need:
                        expected = None
                    break
            assert result(rig, word, at) == expected, (hex(at), size)
