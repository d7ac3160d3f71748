"""The machine's counters and who controls them (manual: "Hardware Performance Monitor", "Machine Counter-Enable
(mcounteren) Register", "Machine Counter-Inhibit (mcountinhibit) Register"). More in test_csr_counters.py."""

import pytest
import rig as r
from rig import ALL, Rig, csrr, csrrw, csrw

rules = pytest.mark.rules

CYCLES, INSTRET = 1, 2
FIXED = {"mcycle": 0, "minstret": 2}


@rules("mcycle_sz", "minstret_sz", "mcycle_rst", "minstret_rst")
@pytest.mark.parametrize("name", FIXED)
def test_fixed_counters_have_64_bits(name):
    rig = Rig()
    for value in (0, 0xFFFF_FFFF, 0x0123_4567_89AB_CDEF, 1 << 63):
        assert rig.execute(csrw(name), csrr(name), r.NOP, csrrw(name), a1=value) is None
        assert rig.a0 == value + 2


@rules("mhpmcounter_num", "MHPMCOUNTER_N_SZ", "mhpmevent_op", "hpmcounter_op_sz_mode")
@pytest.mark.parametrize("n", range(3, 32))
@pytest.mark.rules("zihpm_op_sz_mode_acc_count")
def test_each_of_the_29_counters_counts_what_its_own_selector_says(n):
    rig = Rig()
    rig.csr[f"mhpmevent{n}"] = CYCLES
    for k in range(3, 32):
        rig.csr[f"mhpmcounter{k}"] = ALL - 1
    rig.csr["mhpmevent3"] = CYCLES if n == 3 else 0
    rig.csr[f"mhpmcounter{n}"] = (1 << 40) - 1
    assert rig.execute(*[r.NOP] * 10) is None
    assert rig.csr[f"mhpmcounter{n}"] == (1 << 40) + 9
    assert {rig.csr[f"mhpmcounter{k}"] for k in range(3, 32) if k != n} == {ALL - 1}


@rules("mhpmevent_enc", "MHPMEVENT_WARL")
def test_event_0_counts_nothing():
    rig = Rig()
    rig.csr["mhpmevent3"], rig.csr["mhpmcounter3"] = 0, 5
    rig.execute(r.NOP, r.ECALL)
    assert rig.csr["mhpmcounter3"] == 5


@rules("mcounteren_inc_inaccessible", "mcountinhibit_only_inc")
@pytest.mark.parametrize(
    "counter, user", [("mcycle", "cycle"), ("minstret", "instret"), ("mhpmcounter5", "hpmcounter5")]
)
def test_enabling_does_not_count_and_inhibiting_does_not_hide(counter, user):
    rig = Rig()
    rig.csr["mhpmevent5"] = CYCLES
    rig.csr["mcounteren"] = 0
    rig.csr[counter] = 100
    assert rig.execute(*[r.NOP] * 20, mode="U") is None
    assert rig.csr[counter] == 120
    rig.csr["mcounteren"], rig.csr["mcountinhibit"] = ALL, ALL
    rig.csr[counter] = 100
    assert rig.read(user, "U") == rig.read(user, "HS") == rig.read(counter, "M") == 100


@rules("mcountinhibit_enc", "mcountinhibit_op", "mcountinhibit_sz")
@pytest.mark.parametrize("bit", [0, 2, 3, 17, 31])
def test_each_bit_inhibits_one_counter(bit):
    rig = Rig()
    names = {0: "mcycle", 2: "minstret", **{n: f"mhpmcounter{n}" for n in range(3, 32)}}
    for n in range(3, 32):
        rig.csr[f"mhpmevent{n}"] = CYCLES
    for name in names.values():
        rig.csr[name] = 0
    rig.csr["mcountinhibit"] = 1 << bit
    assert rig.execute(*[r.NOP] * 7) is None
    assert [n for n, name in names.items() if rig.csr[name] < 7] == [bit]


@rules("mcountinhibit_enc")
def test_time_cannot_be_inhibited_and_nothing_is_at_reset():
    rig = Rig()
    assert rig.read("mcountinhibit", "M") == 0
    rig.write("mcountinhibit", "M", 2)
    assert rig.read("mcountinhibit", "M") == 0


@rules("MCOUNTEREN_CY_RDONLY0", "MCOUNTEREN_TM_RDONLY0", "MCOUNTEREN_IR_RDONLY0", "MCOUNTEREN_HPM_N_RDONLY0")
@rules("mcounteren_flds_mandatory", "MCOUNTEREN_FLDS_WARL", "mcounteren_sz")
@pytest.mark.parametrize(
    "isa, bits", [("rv64iu_zicsr", 0), ("rv64iu_zicntr", 7), ("rv64iu_zihpm", 0xFFFF_FFF8), ("max", 0xFFFF_FFFF)]
)
@pytest.mark.rules("zihpm_op_sz_mode_acc_partition", "HPM_UNIMPLEMENTED_COUNTER_ACCESS")
def test_enables_are_there_for_the_counters_that_are(isa, bits):
    rig = Rig(isa)
    rig.write("mcounteren", "M", ALL)
    assert rig.read("mcounteren", "M") == bits
    for name, bit in (("cycle", 0), ("time", 1), ("instret", 2), ("hpmcounter3", 3), ("hpmcounter31", 31)):
        assert rig.cause(csrr(r.csr_number(name)), mode="U") == (None if bits >> bit & 1 else 2)


@rules("MHPMCOUNTER_N_RDONLY0", "MHPMEVENT_N_RDONLY0", "mhpmcounter_mandatory")
@pytest.mark.parametrize("isa", ["rv64i_zicsr", "rv64iu_zicntr"])
def test_without_zihpm_the_event_counters_are_read_only_zero(isa):
    rig = Rig(isa)
    for n in (3, 17, 31):
        for name in (f"mhpmcounter{n}", f"mhpmevent{n}"):
            rig.write(name, "M", ALL)
            assert rig.read(name, "M") == 0
    rig.write("mcountinhibit", "M", ALL)
    assert rig.read("mcountinhibit", "M") == 5


@pytest.mark.parametrize("modes, bits", [("", 0x30), ("u", 0x34), ("su", 0x3C), ("hsu", 0x3F)])
def test_event_counters_are_inhibited_in_the_modes_there_are(modes, bits):
    """OF, MINH, SINH, UINH, VSINH, VUINH."""
    rig = Rig(f"rv64i{modes}_zihpm_sscofpmf")
    rig.write("mhpmevent4", "M", ALL & ~0xFF)
    assert rig.read("mhpmevent4", "M") == bits << 58


@rules("count_overflow_trigger")
def test_writes_never_overflow():
    rig = Rig()
    rig.csr["mhpmevent3"] = CYCLES
    for value in (ALL, 0, ALL - 9, 1):
        rig.csr["mhpmcounter3"] = value
        rig.csr["mhpmevent3"] = INSTRET
        rig.csr["mhpmevent3"] = CYCLES
        assert not rig.csr["mhpmevent3"] >> 63 and not rig.csr["mip"]


@rules("ebreak_no_minstret_inc", "ecall_no_minstret_inc")
@pytest.mark.parametrize("word", [r.EBREAK, r.ECALL, 0x9002])
def test_what_traps_does_not_retire(word):
    rig = Rig()
    rig.csr["minstret"] = 10
    assert rig.execute(r.NOP, word, mode="U") is not None
    assert rig.csr["minstret"] == 11


@rules("zicntr_rdcycle_op", "zicntr_rdinstret_op", "cycle_op", "instret_op")
@pytest.mark.parametrize("word, counter", [(0xC000_2573, "mcycle"), (0xC020_2573, "minstret")])
def test_rdcycle_and_rdinstret_count_up(word, counter):
    rig = Rig()
    rig.csr[counter] = 1 << 40
    assert rig.execute(r.NOP, r.NOP, word, mode="U") is None
    assert rig.a0 == (1 << 40) + 2
