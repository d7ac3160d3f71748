"""Debug triggers (RISC-V Debug Specification 1.0, "Sdtrig"): their registers, and mcontrol6 on addresses."""

import pytest
import rig as r
from pagetables import KERNEL, Frames, Table
from rig import ALL, CODE, DATA, MRET, NOP, Rig, Trap, csrr, csrw
from triggers import (
    AT_LEAST,
    BELOW,
    CHAIN,
    COUNT,
    COUNT_EVERYWHERE,
    COUNT_HIT,
    COUNT_IN,
    DISABLED,
    EQUAL,
    ETRIGGER,
    EVERYWHERE,
    EXECUTE,
    HIGH,
    HIT0,
    HIT1,
    ICOUNT,
    IN,
    ITRIGGER,
    LB,
    LD,
    LOAD,
    LOW,
    MC6,
    MODES,
    NAPOT,
    NMI,
    NOT_EQUAL,
    NOT_NAPOT,
    PENDING,
    SB,
    SD,
    SELECT,
    STORE,
    TRAP_EVERYWHERE,
    TRAP_HIT,
    TRAP_IN,
    TRIGGERS,
    arm,
    bench,
    run,
    tdata1,
)

modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
def rig():
    return bench()


# -- registers


def test_enumeration_finds_four_triggers(rig):
    found = 0
    for n in range(8):
        rig.write("tselect", "M", n)
        if rig.read("tselect", "M") != n:
            break
        assert rig.read("tinfo", "M") == 1 << 24 | 1 << 15 | 0b111_1000
        assert rig.read("tdata1", "M") == DISABLED
        found += 1
    assert found == TRIGGERS
    for name in ("tselect", "tdata1", "tdata2", "tdata3", "tinfo", "mcontext"):
        for mode in MODES[1:]:
            assert rig.cause(csrr(name), mode=mode) == 2
    assert rig.cause(csrr(0x7A5), mode="M") == rig.cause(csrr(0x7AA), mode="M") == 2  # tcontrol, mscontext


def test_without_the_extension_there_are_none():
    rig = Rig("max")
    for name in ("tselect", "tdata1", "tdata2", "tdata3"):
        rig.write(name, "M", ALL)
        assert rig.read(name, "M") == 0
    assert rig.read("tinfo", "M") == 1
    assert "Sdtrig" not in rig.extensions


@pytest.mark.parametrize(
    "written, held",
    [
        (MC6 | EVERYWHERE | LOAD | STORE | EXECUTE, None),
        (MC6 | EVERYWHERE | LOAD | STORE | 5 << 16 | CHAIN | HIT0, None),
        (MC6 | IN["HS"] | LOAD | 4 << 16, MC6 | IN["HS"] | LOAD),  # no such size
        (MC6 | IN["HS"] | EXECUTE | STORE | 2 << 16 | SELECT, None),
        (MC6 | IN["HS"] | LOAD | 6 << 16, None),  # of AMOCAS.Q
        (MC6 | IN["HS"] | LOAD | 6 << 16 | SELECT, MC6 | IN["HS"] | LOAD | SELECT),  # wider than XLEN
        (MC6 | IN["HS"] | LOAD | 7 << 16, MC6 | IN["HS"] | LOAD),
        (MC6 | IN["HS"] | LOAD | HIT0 | HIT1 | 1 << 26 | 1 << 5, MC6 | IN["HS"] | LOAD | HIT0 | HIT1),  # not uncertain
        (MC6 | IN["HS"] | LOAD | 1 << 12, DISABLED),  # debug mode
        (MC6 | 1 << 59 | IN["HS"] | LOAD, MC6 | IN["HS"] | LOAD),  # dmode
        (ICOUNT | COUNT_EVERYWHERE | 0x3FFF << COUNT | PENDING | COUNT_HIT, None),
        (ICOUNT | COUNT_IN["M"] | 1, DISABLED),
        (0, DISABLED),
        (2 << 60 | 0x47, DISABLED),
        (ITRIGGER | TRAP_EVERYWHERE | TRAP_HIT, None),
        (ITRIGGER | NMI | 1 << 8 | 1 << 13, ITRIGGER),  # there are none without Smrnmi
        (ITRIGGER | TRAP_IN["M"] | 1, DISABLED),
        (ETRIGGER | TRAP_EVERYWHERE | TRAP_HIT, None),
        (ETRIGGER | NMI | 1 << 59, ETRIGGER),
        (ETRIGGER | TRAP_IN["M"] | 8, DISABLED),
        (7 << 60, DISABLED),
        (15 << 60 | 0xFFF, DISABLED),
    ],
)
def test_tdata1_holds_what_there_is(rig, written, held):
    rig.csr["tselect"] = 1
    rig.csr["tdata1"] = written
    assert rig.csr["tdata1"] == (written if held is None else held)
    arm(rig, 1, 0)


@pytest.mark.parametrize("how", range(16))
def test_the_kinds_of_match(rig, how):
    rig.csr["tdata1"] = MC6 | how << 7
    assert tdata1(rig, 0) >> 7 & 15 == (how if how in (0, 1, 2, 3, 4, 5, 8, 9, 12, 13) else 0)


def test_a_napot_range_is_smaller_than_all_there_is(rig):
    """maskmax6 by the sequence of "mcontrol6"."""
    for how in (NAPOT, NOT_NAPOT):
        arm(rig, 0, MC6 | how)
        assert tdata1(rig, 0) >> 7 & 15 == how >> 7
        rig.csr["tdata2"] = ALL
        assert (~rig.csr["tdata2"] & ALL).bit_length() == 63
        for tdata2 in (ALL, ALL >> 1):
            arm(rig, 0, MC6 | how, tdata2)
            assert tdata1(rig, 0) >> 7 & 7 == 0, "not legal with this tdata2, which no write of tdata1 may change"
            assert rig.csr["tdata2"] == tdata2


def test_tdata3_is_textra64(rig):
    rig.csr["tdata3"] = ALL & ~(7 << 48 | 3)
    assert rig.csr["tdata3"] == 0x1FFF << 51 | 0xF << 36 | 0xFFFF_FFFF << 2
    rig.csr["tselect"] = 1
    assert rig.csr["tdata3"] == 0
    for mhselect, held in enumerate((0, 1, 2, 0, 4, 5, 6, 4)):
        for sselect in range(4):
            rig.csr["tdata3"] = mhselect << 48 | sselect
            assert rig.csr["tdata3"] == held << 48 | (sselect if sselect < 3 else 0)


@pytest.mark.parametrize("isa, mask", [
    ("rv64gc_sdtrig", 0x1FFF << 51 | 4 << 48 | 0xF << 36 | 0xFFFF_FFFF << 2 | 2),
    ("rv64imu_zicsr_sdtrig", 0x1FFF << 51 | 4 << 48),
])  # fmt: skip
def test_tdata3_without_h_and_without_s(isa, mask):
    rig = Rig(isa)
    rig.csr["tdata3"] = ALL & ~1
    assert rig.csr["tdata3"] == mask
    assert ("hcontext" in rig.csr, "scontext" in rig.csr) == (False, isa.startswith("rv64gc"))
    rig.csr["mcontext"] = ALL
    assert rig.csr["mcontext"] == 0x1FFF


def test_contexts(rig):
    rig.write("mcontext", "M", ALL)
    assert rig.read("hcontext", "HS") == rig.read("mcontext", "M") == 0x3FFF
    rig.write("hcontext", "HS", 0x1234)
    assert rig.read("mcontext", "M") == 0x1234
    for mode in ("HS", "VS"):
        rig.write("scontext", mode, ALL ^ len(mode))
        assert rig.read("scontext", "M") == 0xFFFF_FFFF ^ len(mode)


@pytest.mark.rules("mstateen0_context_op", "hstateen0_context_op")
@pytest.mark.parametrize("name", ["scontext", "hcontext"])
def test_state_enables_of_the_contexts(rig, name):
    context = 1 << 57
    for machine, hypervisor in ((1, 1), (1, 0), (0, 1), (0, 0)):
        rig.csr["mstateen0"] = ALL
        rig.csr["hstateen0"] = ALL if hypervisor else ALL & ~context
        rig.csr["mstateen0"] = ALL if machine else ALL & ~context
        assert bool(rig.csr["hstateen0"] & context) == bool(machine and hypervisor)
        guest = None if name == "scontext" and hypervisor else 22
        expected = [None, None, 2, guest, 22] if machine else [None, 2, 2, 2, 2]
        for word in (csrr(name), csrw(name)):
            assert [rig.cause(word, mode=mode) for mode in MODES] == expected


def test_the_last_trigger_cannot_be_chained_to_a_next(rig):
    for n in range(TRIGGERS):
        arm(rig, n, MC6 | CHAIN, n)
    assert [bool(tdata1(rig, n) & CHAIN) for n in range(TRIGGERS)] == [True, True, True, False]
    for n in range(TRIGGERS):
        rig.csr["tselect"] = n
        assert rig.csr["tdata2"] == n


def test_without_h_there_are_no_bits_for_guests():
    rig = Rig("rv64gc_sdtrig")
    rig.csr["tdata1"] = MC6 | EVERYWHERE
    assert rig.csr["tdata1"] == MC6 | IN["M"] | IN["HS"] | IN["U"]
    rig.csr["tdata1"] = ICOUNT | COUNT_EVERYWHERE
    assert rig.csr["tdata1"] == ICOUNT | COUNT_IN["M"] | COUNT_IN["HS"] | COUNT_IN["U"]


# -- execution


@modes
@pytest.mark.parametrize("on", MODES)
def test_a_breakpoint_in_the_modes_it_names(rig, mode, on):
    arm(rig, 2, MC6 | EXECUTE | IN[on], CODE + 8)
    words = [0x00150513] * 4  # addi a0, a0, 1
    trap = run(rig, mode, *words)
    if mode == on:
        assert trap == Trap("M", 3, CODE + 8, CODE + 8)
        assert rig.a0 == 0x5A + 2, "before it, and after all in front of it"
        assert bool(rig.csr["mstatus"] & 1 << 38) == (mode[0] == "V")
    else:
        assert trap is None and rig.a0 == 0x5A + 4
    assert bool(tdata1(rig, 2) & HIT0) == (mode == on)


def test_a_breakpoint_comes_before_what_the_fetch_would_raise(rig):
    arm(rig, 0, MC6 | EXECUTE | IN["HS"], r.NOWHERE)
    rig.stand("HS", r.NOWHERE)
    rig.step()
    assert rig.trap() == Trap("M", 3, r.NOWHERE, r.NOWHERE)


def test_a_breakpoint_in_code_that_has_run_before(rig):
    """And none any more when it has been disarmed."""
    words = [0x00150513] * 6
    for n in range(3):
        assert run(rig, "HS", *words) is None
        arm(rig, 0, MC6 | EXECUTE | IN["HS"], CODE + 4 * n)
        assert run(rig, "HS", *words) == Trap("M", 3, CODE + 4 * n, CODE + 4 * n)
        assert rig.a0 == 0x5A + n
        arm(rig, 0, 0)


def test_armed_by_the_program_itself(rig):
    """M-mode arms it, returns below, and meets it there; nothing runs past it."""
    rig.csr["mepc"] = CODE + 0x100
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~(3 << 11) | 1 << 11
    rig.csr["tdata2"] = CODE + 0x108
    rig.code(*[0x00150513] * 8, at=CODE + 0x100)
    rig.hart.x["a0"] = 0
    rig.code(csrw("tdata1"), MRET)
    rig.stand("M")
    rig.hart.x["a1"] = MC6 | EXECUTE | IN["HS"]
    rig.step(5)
    assert rig.trap() == Trap("M", 3, CODE + 0x108, CODE + 0x108)
    assert rig.a0 == 2


def test_the_count_of_instructions_is_as_without(rig):
    loop = [0x00150513, 0xFFF60613, 0xFE061CE3]  # addi a0; addi a2, a2, -1; bnez a2, .-8
    counts = []
    for armed in (False, True):
        arm(rig, 0, MC6 | EXECUTE | LOAD | STORE | IN["HS"] if armed else 0, CODE + 0x800)
        rig.code(*loop, 0x0000006F)
        rig.stand("HS")
        rig.hart.x["a0"], rig.hart.x["a2"] = 0, 50
        before = rig.csr["minstret"]
        rig.step(100)
        counts.append((rig.csr["minstret"] - before, rig.a0, rig.pc))
    assert counts[0] == counts[1]


# -- loads and stores

ACCESSES = {
    "ld": (LD, "load"), "lb": (LB, "load"), "lr.d": (0x1005B52F, "load"), "c.ld": (0x6188, "load"),
    "fld": (0x0005B507, "load"), "sd": (SD, "store"), "sb": (SB, "store"), "sc.d": (0x18C5B52F, "store"),
    "amoadd.d": (0x00C5B52F, "both"), "cbo.zero": (r.CBO_ZERO, "store"), "cbo.clean": (r.CBO_CLEAN, "store"),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCESSES)
@pytest.mark.parametrize("kind", [LOAD, STORE, LOAD | STORE, EXECUTE])
@modes
def test_loads_and_stores(rig, name, kind, mode):
    word, does = ACCESSES[name]
    matches = kind & {"load": LOAD, "store": STORE, "both": LOAD | STORE}[does]
    arm(rig, 1, MC6 | kind | EVERYWHERE, DATA)
    for _ in range(2):
        rig.store(DATA, 0x1234)
        trap = run(rig, mode, word)
        if matches:
            assert trap == Trap("M", 3, CODE, DATA)
            assert rig.a0 == 0x5A and rig.load(DATA) == 0x1234, "before the access"
            assert bool(rig.csr["mstatus"] & 1 << 38) == (mode[0] == "V")
        else:
            assert trap is None
        assert bool(tdata1(rig, 1) & HIT0) == bool(matches)
    arm(rig, 1, MC6 | kind | EVERYWHERE, DATA + 64)
    assert run(rig, mode, word) is None


@modes
@pytest.mark.parametrize("on", MODES)
def test_accesses_in_the_modes_it_names(rig, mode, on):
    arm(rig, 3, MC6 | LOAD | STORE | IN[on], DATA)
    for word in (LD, SD):
        assert run(rig, mode, word) == (Trap("M", 3, CODE, DATA) if mode == on else None)


@pytest.mark.parametrize("size, encoded", [(1, 1), (2, 2), (4, 3), (8, 5)])
def test_the_size_of_the_access(rig, size, encoded):
    arm(rig, 0, MC6 | LOAD | IN["HS"] | encoded << 16, DATA)
    for other, word in ((1, LB), (2, 0x00059503), (4, r.LW), (8, LD)):
        assert run(rig, "HS", word) == (Trap("M", 3, CODE, DATA) if other == size else None)


@pytest.mark.parametrize(
    "match, tdata2, hits",
    [
        (EQUAL, DATA, [0]),
        (NAPOT, DATA | 3, range(8)),
        (NAPOT, DATA + 8 | 1, range(8, 12)),
        (AT_LEAST, DATA + 5, range(5, 16)),
        (BELOW, DATA + 5, range(5)),
        (LOW, 0xF << 32 | 3, [3]),
        (HIGH, 0, range(16)),
        (HIGH, 1 << 32 | 1, []),
        (NOT_EQUAL, DATA + 3, [n for n in range(16) if n != 3]),
        (NOT_NAPOT, DATA | 3, range(8, 16)),
        (12 << 7, 0xF << 32 | 3, [n for n in range(16) if n != 3]),
        (13 << 7, 0, []),
    ],
)
def test_how_addresses_are_compared(rig, match, tdata2, hits):
    arm(rig, 0, MC6 | LOAD | IN["HS"] | match, tdata2)
    found = [n for n in range(16) if run(rig, "HS", LB, a1=DATA + n) is not None]
    assert found == list(hits)
    arm(rig, 0, MC6 | EXECUTE | IN["HS"] | match, tdata2)
    rig.code(*[0x0001] * 8, at=DATA)  # c.nop
    found = []
    for n in range(0, 16, 2):
        rig.stand("HS", DATA + n)
        rig.step()
        found += [n] if rig.trap() else []
    assert found == [n for n in hits if n % 2 == 0]


def test_every_byte_of_an_access_counts(rig):
    arm(rig, 0, MC6 | LOAD | STORE | IN["HS"], DATA + 0x1003)
    for word in (LD, SD):
        for at in range(DATA + 0xFF8, DATA + 0x1008):  # some cross the page
            hit = at <= DATA + 0x1003 < at + 8
            assert run(rig, "HS", word, a1=at) == (Trap("M", 3, CODE, at) if hit else None)


def test_it_comes_before_the_fault_of_the_access(rig):
    arm(rig, 0, MC6 | LOAD | IN["HS"], r.NOWHERE)
    assert run(rig, "HS", LD, a1=r.NOWHERE) == Trap("M", 3, CODE, r.NOWHERE)
    arm(rig, 0, MC6 | LOAD | IN["HS"], 0)
    assert run(rig, "HS", LD, a1=r.NOWHERE) == Trap("M", 5, CODE, r.NOWHERE)


@pytest.mark.rules("exc_priority")
@pytest.mark.parametrize(
    "word, mode, before",
    [
        (0x00C5B52F, "HS", 3),  # amoadd.d, misaligned: behind it
        (0x1005B52F, "HS", 3),  # lr.d
        (0x18C5B52F, "HS", 3),  # sc.d
        (r.HLV_W, "HS", 3),
        (r.HLV_W, "U", 2),  # HU is 0: in front of it
        (r.HLV_W, "VS", 22),
        (r.CBO_ZERO, "HS", 2),  # so is CBZE
    ],
)
def test_it_comes_before_misalignment_and_behind_what_is_illegal(rig, word, mode, before):
    rig.csr["hstatus"] = rig.csr["menvcfg"] = 0
    for armed in (True, False):
        arm(rig, 0, MC6 | LOAD | STORE | EVERYWHERE * armed | NAPOT, DATA | 0xFF)
        trap = run(rig, mode, word, a1=DATA + 0xC | 1)
        assert (trap.cause if trap else None) == (
            before if armed or before != 3 else {r.HLV_W: None, 0x1005B52F: 4}.get(word, 6)
        )


def test_the_mode_is_the_harts(rig):
    """Not that whose rules HLV and HSV, or accesses under MPRV, follow."""
    for on in MODES:
        arm(rig, 0, MC6 | LOAD | STORE | IN[on], DATA)
        for word in (r.HLV_W, r.HSV_W):
            trap = run(rig, "HS", word)
            assert trap == (Trap("M", 3, CODE, DATA) if on == "HS" else None)
            assert on != "HS" or rig.csr["mstatus"] & 1 << 38, "GVA: the address is a guest's"
        mstatus = rig.csr["mstatus"] & ~(3 << 11)
        rig.csr["mstatus"] = mstatus | 1 << 17 | 1 << 11  # MPRV: as HS
        assert run(rig, "M", LD) == (Trap("M", 3, CODE, DATA) if on == "M" else None)
        rig.csr["mstatus"] = mstatus


def test_virtual_addresses_count(rig):
    table = Table(rig, Frames(r.TABLES, r.TABLES + 0x10000), "sv39")
    table.map(CODE, CODE, KERNEL)
    table.map(0x4000_0000, DATA, KERNEL)
    rig.csr["satp"] = table.atp()
    arm(rig, 0, MC6 | LOAD | IN["HS"], 0x4000_0010)
    assert run(rig, "HS", LD, a1=0x4000_0010) == Trap("M", 3, CODE, 0x4000_0010)
    arm(rig, 0, MC6 | LOAD | IN["HS"], DATA + 0x10)
    assert run(rig, "HS", LD, a1=0x4000_0010) is None


@pytest.mark.rules("pm_debug_trigger")
@pytest.mark.parametrize("word", [LD, SD, 0x00C5B52F])  # and amoadd.d
def test_masked_addresses_count(rig, word):
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | 2 << 32  # PMLEN is 7 in HS
    for tag in (0, 0x2B << 57):
        arm(rig, 0, MC6 | LOAD | STORE | IN["HS"], DATA)
        assert run(rig, "HS", word, a1=DATA | tag) == Trap("M", 3, CODE, DATA)
        arm(rig, 0, MC6 | LOAD | STORE | IN["HS"], DATA | 0x2B << 57)
        assert run(rig, "HS", word, a1=DATA | tag) is None


def test_pushes_are_stores_and_pops_are_loads(rig):
    table = Table(rig, Frames(r.TABLES, r.TABLES + 0x10000), "sv39")
    table.map(CODE, CODE, KERNEL)
    table.map(0x4000_0000, DATA, 0xC5)  # V, W, A, D
    rig.csr["satp"] = table.atp()
    for kind, word, at in ((STORE, 0xCE104073, 56), (LOAD, 0xCDC0C073, 64)):
        for armed in (LOAD, STORE):
            arm(rig, 0, 0)
            rig.csr["ssp"] = 0x4000_0040
            rig.store(DATA + 64, 0)
            rig.hart.x["ra"] = 0
            assert run(rig, "HS", word) is None  # the TLB knows it now
            rig.csr["ssp"] = 0x4000_0040
            arm(rig, 0, MC6 | armed | IN["HS"], 0x4000_0000 + at)
            assert run(rig, "HS", word) == (Trap("M", 3, CODE, 0x4000_0000 + at) if armed == kind else None)


# -- chains


def test_a_range_by_a_chain(rig):
    arm(rig, 0, MC6 | LOAD | IN["HS"] | AT_LEAST | CHAIN, DATA + 4)
    arm(rig, 1, MC6 | LOAD | IN["HS"] | BELOW, DATA + 9)
    found = [n for n in range(16) if run(rig, "HS", LB, a1=DATA + n) is not None]
    assert found == list(range(4, 9))
    assert tdata1(rig, 0) & HIT0 and tdata1(rig, 1) & HIT0
    arm(rig, 0, MC6 | LOAD | IN["HS"] | AT_LEAST | CHAIN, DATA + 4)
    arm(rig, 1, MC6 | LOAD | IN["HS"] | BELOW, DATA + 4)
    assert run(rig, "HS", LB, a1=DATA + 5) is None
    assert not tdata1(rig, 0) & HIT0


def test_a_chain_of_an_instruction_and_what_it_loads(rig):
    arm(rig, 1, MC6 | EXECUTE | IN["HS"] | CHAIN, CODE + 4)
    arm(rig, 2, MC6 | LOAD | IN["HS"], DATA)
    assert run(rig, "HS", LD, LD) == Trap("M", 3, CODE + 4, DATA)
    assert run(rig, "HS", LD, LD, a1=DATA + 8) is None
    assert run(rig, "HS", LD, NOP) is None


def test_a_disabled_trigger_in_a_chain_keeps_the_others_from_firing(rig):
    arm(rig, 0, MC6 | LOAD | CHAIN, DATA)
    arm(rig, 1, MC6 | LOAD | IN["HS"], DATA)
    assert run(rig, "HS", LD) is None
    arm(rig, 0, MC6 | LOAD | IN["HS"] | CHAIN, DATA)
    assert run(rig, "HS", LD) == Trap("M", 3, CODE, DATA)


# -- the rest of the machine


def test_traced_runs_meet_them_too(rig):
    arm(rig, 0, MC6 | EXECUTE | IN["HS"], CODE + 4)
    rig.code(NOP, NOP)
    rig.stand("HS")
    records = rig.machine.trace(2)
    assert [(x["pc"], x["kind"], x["cause"]) for x in records] == [(CODE, 0, 0), (CODE + 4, 1, 3)]


def test_reset_disarms_them(rig):
    arm(rig, 1, MC6 | EXECUTE | EVERYWHERE, CODE)
    rig.machine._core.reset()
    assert tdata1(rig, 1) == DISABLED and rig.csr["tdata2"] == 0
