"""PMP: which registers there are, which instructions count as loads and which as stores, and page tables (manual:
"Physical Memory Protection"). The matching of entries is in test_pmp.py, Smepmp in test_smepmp.py."""

import pytest
import rig as r
from pagetables import KERNEL
from rig import ALL, CODE, DATA, RAM, TABLES, Rig, Trap, csrr, csrw

rules = pytest.mark.rules

R, W, X, NAPOT, NA4, TOR = 1, 2, 4, 0x18, 0x10, 0x08
LR_D, SC_D, AMO_D, LD, SD = 0x1005B52F, 0x18C5B52F, 0x00C5B52F, 0x0005B503, 0x00A5B023
OPEN = NAPOT | R | W | X


def over(rig: Rig, allowed: int, address: int = DATA) -> None:
    """Entry 0: the page at `address`, and what is allowed there; entry 1: everything, open."""
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = (address | 0x7FF) >> 2, ALL
    rig.csr["pmpcfg0"] = OPEN << 8 | NAPOT | allowed


# ---- the registers


@rules("PMP_ENTRY_COUNT", "pmp_cfg_rv64_layout", "pmp_cfg_rv64_illegal", "pmp_addr_registers")
def test_sixteen_entries_and_even_numbered_configuration_registers():
    rig = Rig()
    for n in range(16):
        assert (rig.cause(csrr(0x3A0 + n), mode="M") is None) == (n in (0, 2)), f"pmpcfg{n}"
    for n in range(64):
        assert (rig.cause(csrr(0x3B0 + n), mode="M") is None) == (n < 16), f"pmpaddr{n}"


@rules("pmp_cfg_rv64_layout", "pmp_entry_structure")
@pytest.mark.parametrize("n", range(16))
def test_byte_n_of_the_configuration_is_that_of_entry_n(n):
    rig = Rig()
    rig.csr["pmpcfg0"], rig.csr["pmpcfg2"] = 0, 0
    last = 15 if n != 15 else 14
    rig.csr[f"pmpaddr{n}"], rig.csr[f"pmpaddr{last}"] = (DATA | 0x7FF) >> 2, ALL
    for entry, config in ((last, OPEN), (n, NAPOT | R)):
        name = f"pmpcfg{entry // 8 * 2}"
        rig.csr[name] = rig.csr[name] | config << entry % 8 * 8
    if n == 15:  # entry 14 is open and comes first: close it for the page
        rig.csr["pmpaddr14"], rig.csr["pmpcfg2"] = (RAM | 0x1FFF) >> 2, NAPOT << 56 | OPEN << 48
        assert rig.cause(LD, mode="HS") == 5
        rig.csr["pmpcfg2"] = (NAPOT | R) << 56 | OPEN << 48
    assert rig.cause(LD, mode="HS") is None
    assert rig.cause(SD, mode="HS") == 7


@rules("pmp_addr_encoding", "PMPADDR_WARL")
@pytest.mark.parametrize("bit", range(32, 56))
def test_an_address_register_holds_bits_55_to_2(bit):
    """A region that differs from that of DATA in one high bit is another region."""
    rig = Rig()
    over(rig, 0, DATA | 1 << bit)
    assert rig.csr["pmpaddr0"] == (DATA | 1 << bit | 0x7FF) >> 2
    assert rig.cause(LD, mode="HS") is None
    rig.write("pmpaddr5", "M", ALL)
    assert rig.read("pmpaddr5", "M") == (1 << 54) - 1


@rules("pmp_addr_retention_on_mode_change", "pmp_region_granularity_g", "PMP_GRANULARITY")
@pytest.mark.parametrize("value", [0, 0x1234_5677, 0x3FF, (1 << 54) - 1])
def test_with_grain_4_the_address_reads_the_same_in_every_mode(value):
    rig = Rig()
    for config in (0, TOR, NA4, NAPOT, 0, NAPOT):
        rig.csr["pmpaddr9"] = value
        rig.csr["pmpcfg2"] = config << 8
        assert rig.csr["pmpcfg2"] == config << 8, "NA4 can be selected"
        assert rig.csr["pmpaddr9"] == value


@rules("pmp_l_bit_function", "pmp_l_bit_write_protection", "pmp_mmode_locking")
@pytest.mark.parametrize("mode", [0, TOR, NA4, NAPOT])
def test_a_locked_entry_stays_until_reset_and_the_base_of_a_locked_range_too(mode):
    rig = Rig()
    rig.csr["pmpaddr8"], rig.csr["pmpaddr9"], rig.csr["pmpaddr10"] = 0x11, 0x22, 0x33
    rig.csr["pmpcfg2"] = (0x80 | mode | R) << 8
    for value in (0, ALL):
        rig.csr["pmpcfg2"] = value & 0x1F1F_1F1F_1F1F_FF1F
        assert rig.csr["pmpcfg2"] >> 8 & 0xFF == 0x80 | mode | R
        for n, old in ((8, 0x11 if mode == TOR else None), (9, 0x22), (10, None)):
            rig.csr[f"pmpaddr{n}"] = 0x77
            assert rig.csr[f"pmpaddr{n}"] == (0x77 if old is None else old)
    rig.machine._core.reset()
    rig.csr["pmpcfg2"] = 0x1F << 8
    assert rig.csr["pmpcfg2"] == 0x1F << 8


@rules("pmp_csr_mode")
@pytest.mark.parametrize("name", ["pmpcfg0", "pmpcfg2", "pmpaddr0", "pmpaddr15"])
def test_no_mode_below_m_reaches_them(name):
    rig = Rig()
    for mode in ("HS", "U", "VS", "VU"):
        assert rig.cause(csrr(name), mode=mode) == rig.cause(csrw(name), mode=mode) == 2


# ---- which instruction needs what

RULES = {"store-conditional": ["sc_retire_permission", "sc_failed_as_store"], "amocas": ["Zacas_amocas_w_permission"]}
NEEDS = {
    "load": (LD, R, 5),
    "load-reserved": (LR_D, R, 5),
    "store": (SD, W, 7),
    "store-conditional": (SC_D, W, 7),
    "amo": (AMO_D, W, 7),
    "amocas": (0x28C5B52F, W, 7),  # amocas.d, with a comparison that fails
    "cbo.zero": (r.CBO_ZERO, W, 7),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=rules("pmp_load_fault" if NEEDS[n][1] == R else "pmp_store_fault", *RULES.get(n, [])))
        for n in NEEDS
    ],
)
@pytest.mark.parametrize("allowed", [0, R, X, R | W, R | X, R | W | X])
@pytest.mark.parametrize("mode", ["HS", "U"])
def test_loads_need_R_and_stores_W(name, allowed, mode):
    word, need, cause = NEEDS[name]
    rig = Rig()
    over(rig, allowed)
    assert rig.cause(word, mode=mode, a0=1) == (None if allowed & need else cause)


@rules("pmp_load_fault", "pmp_store_fault")
@pytest.mark.parametrize("word", [r.CBO_INVAL, r.CBO_CLEAN, r.CBO_FLUSH])
def test_cache_block_management_is_refused_as_a_store_where_nothing_is_allowed(word):
    """The chapter on cache management says store/AMO access fault, against the sentence here that says load."""
    rig = Rig()
    for allowed, cause in ((0, 7), (X, 7), (R, None), (R | W, None)):
        over(rig, allowed)
        assert rig.cause(word, mode="HS") == cause


@rules("pmp_violation_precise_trap", "pmp_access_fault_exception")
@pytest.mark.parametrize("word, cause", [(LD, 5), (SD, 7), (AMO_D, 7), (r.CBO_ZERO, 7)])
def test_a_violation_is_precise(word, cause):
    """What is before it is done, it and what comes after is not."""
    rig = Rig()
    over(rig, 0)
    rig.store(DATA, 0x1122)
    rig.csr["minstret"] = 0
    trap = rig.execute(0x00150513, word, 0x00150513, mode="HS", a0=5, a2=1)  # addi a0, a0, 1
    assert trap == Trap("M", cause, CODE + 4, DATA)
    assert rig.a0 == 6 and rig.load(DATA) == 0x1122 and rig.csr["minstret"] == 1


@rules("pmp_exec_fault")
@pytest.mark.parametrize("mode", ["HS", "U", "VS", "VU"])
def test_a_fetch_needs_X(mode):
    rig = Rig()
    for allowed in (0, R, R | W, X, R | X):
        over(rig, allowed)
        rig.code(r.NOP, at=DATA)
        rig.stand(mode, DATA)
        rig.step()
        assert rig.trap() == (None if allowed & X else Trap("M", 1, DATA, DATA))


# ---- page tables


@rules("pmp_with_paging", "pmp_check_pagetable_access")
@pytest.mark.parametrize("allowed, causes", [(0, (5, 7, 1)), (X, (5, 7, 1)), (R, (None, None, None))])
@pytest.mark.parametrize("mode", ["HS", "U"])
def test_the_walk_reads_page_tables_as_the_supervisor(allowed, causes, mode):
    """And its failure is an access fault of the access that it was for."""
    rig = Rig()
    rig.store(TABLES + 2 * 8, RAM >> 2 | KERNEL | (0x10 if mode == "U" else 0))
    rig.csr["satp"] = 8 << 60 | TABLES >> 12
    over(rig, allowed, TABLES)
    if causes[0] is None:
        assert rig.execute(LD, SD, mode=mode) is None
        return
    assert rig.cause(r.NOP, mode=mode) == causes[2]
    for word, cause in ((LD, causes[0]), (SD, causes[1])):
        rig.csr["mstatus"] = 1 << 17 | (1 << 11 if mode == "HS" else 0)
        assert rig.cause(word, mode="M") == cause


@rules("pmp_with_paging", "pmp_check_pagetable_access")
def test_the_walk_writes_a_and_d_as_the_supervisor():
    rig = Rig()
    rig.csr["menvcfg"] = 1 << 61
    rig.store(TABLES + 2 * 8, RAM >> 2 | 0x0F)
    rig.csr["satp"] = 8 << 60 | TABLES >> 12
    over(rig, R, TABLES)
    assert rig.cause(r.NOP, mode="HS") == 1
    assert rig.load(TABLES + 2 * 8) == RAM >> 2 | 0x0F
    over(rig, R | W, TABLES)
    assert rig.cause(r.NOP, mode="HS") is None
    assert rig.load(TABLES + 2 * 8) == RAM >> 2 | 0x4F


@rules("pmp_sfence_required")
@pytest.mark.parametrize("satp", [0, 1])
def test_after_a_fence_the_new_settings_hold(satp):
    rig = Rig()
    if satp:
        rig.store(TABLES + 2 * 8, RAM >> 2 | KERNEL)
        rig.csr["satp"] = 8 << 60 | TABLES >> 12
    for allowed in (R | W, R, 0, R | W):
        over(rig, allowed)
        assert rig.execute(r.SFENCE_VMA, mode="M") is None
        assert rig.cause(LD, mode="HS") == (None if allowed & R else 5)
        assert rig.cause(SD, mode="HS") == (None if allowed & W else 7)


@rules("pmp_check_priv_modes", "pmp_no_entry_match")
@pytest.mark.parametrize("mpp, cause", [(0, 5), (1, 5), (3, None)])
def test_data_accesses_of_m_mode_with_mprv_are_checked_as_mpp(mpp, cause):
    rig = Rig()
    rig.csr["pmpcfg0"] = 0  # no entry: everything to M-mode, nothing to the others
    rig.csr["mstatus"] = 1 << 17 | mpp << 11
    assert rig.cause(LD, mode="M") == cause
