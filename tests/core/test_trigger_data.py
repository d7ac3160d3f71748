"""Debug triggers (mcontrol6) on what is loaded, stored and executed: data, sizes, vectors; and chains of these."""

import pytest
import rig as r
from pagetables import KERNEL, Frames, Table
from rig import CODE, DATA, NOP, Trap
from triggers import (
    AT_LEAST,
    BELOW,
    CHAIN,
    EVERYWHERE,
    EXECUTE,
    HIT0,
    HIT1,
    IN,
    LB,
    LD,
    LOAD,
    LOW,
    MC6,
    MIE,
    MODES,
    NAPOT,
    NOT_EQUAL,
    SB,
    SD,
    SELECT,
    SIE,
    SIZE,
    STORE,
    arm,
    bench,
    run,
    tdata1,
)

from rvh.emit.asm import assemble

VALUE = 0x8877_6655_4433_2211
LOADS = {1: LB, 2: 0x00059503, 4: r.LW, 8: LD}
STORES = {1: SB, 2: 0x00A59023, 4: r.SW, 8: SD}
HITS = HIT0 | HIT1
ADDI = 0x00150513  # addi a0, a0, 1
modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
def rig():
    rig = bench("max_zve64x_zvl128b_zicfiss_sdtrig")
    rig.store(DATA, VALUE)
    return rig


def asm(rig, mode, text, **registers):
    """Runs the instructions; what traps."""
    program = assemble(text)
    rig.machine.memory.write(CODE, program.data)
    rig.stand(mode)
    rig.csr["mstatus"] = rig.csr["mstatus"] | MIE
    for name, value in ({"a1": DATA} | registers).items():
        rig.hart.x[name] = value
    for _ in program.words():
        rig.step()
        if trap := rig.trap():
            return trap
    return None


# -- stores


@modes
@pytest.mark.parametrize("on", MODES)
def test_stored_data_before_the_store(rig, mode, on):
    arm(rig, 1, MC6 | STORE | SELECT | IN[on], 0x5A)  # what run() puts into a0
    trap = run(rig, mode, SD)
    assert trap == (Trap("M", 3, CODE, DATA) if mode == on else None)
    assert rig.load(DATA) == (VALUE if mode == on else 0x5A)
    assert tdata1(rig, 1) & HITS == (HIT0 if mode == on else 0)


@pytest.mark.parametrize("size", STORES)
def test_stored_data_of_a_size(rig, size):
    """With a size, no more of tdata2 counts; without, the value has zeros above."""
    for data, sized, any_size in (
        (VALUE, True, size == 8),
        (VALUE & (1 << 8 * size) - 1, True, True),
        (VALUE ^ 1, False, False),
    ):
        arm(rig, 0, MC6 | STORE | SELECT | IN["HS"] | SIZE[size], data)
        for other, word in STORES.items():
            assert bool(asm(rig, "HS", f".word {word}", a0=VALUE)) == (sized and other == size)
        arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], data)
        assert bool(asm(rig, "HS", f".word {STORES[size]}", a0=VALUE)) == any_size


@pytest.mark.parametrize(
    "match, tdata2, size, matching, other",
    [
        (AT_LEAST, 100, 8, [100, 1 << 63], [99]),
        (BELOW, 100, 8, [99, 0], [100, 1 << 63]),
        (NAPOT, 0x47, 8, [0x40, 0x4F], [0x50, 0x3F]),
        (LOW, 0xF0 << 32 | 0x30, 8, [0x30, 0x1_0000_003F], [0x40]),
        (5 << 7, 0xF0 << 32 | 0x30, 8, [0x3F << 32, 0x30 << 32 | 5], [0x30]),
        (NOT_EQUAL, 5, 8, [4, 5 | 1 << 32], [5]),
        (AT_LEAST, 0xFF00 | 100, 1, [100, 255], [99]),
        (NOT_EQUAL, 0xFF05, 1, [4], [5, 0x105]),
    ],
)
def test_how_data_is_compared(rig, match, tdata2, size, matching, other):
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"] | match | SIZE[size], tdata2)
    for value in matching:
        assert asm(rig, "HS", f".word {STORES[size]}", a0=value) == Trap("M", 3, CODE, DATA)
    for value in other:
        assert asm(rig, "HS", f".word {STORES[size]}", a0=value) is None


def test_misaligned_and_compressed_stores(rig):
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], VALUE)
    assert asm(rig, "HS", "sd a0, 0(a1)", a0=VALUE, a1=DATA + 0xFFD) == Trap("M", 3, CODE, DATA + 0xFFD)
    assert asm(rig, "HS", "c.sd a0, 0(a1)\n.half 1", a0=VALUE) == Trap("M", 3, CODE, DATA)
    assert rig.load(DATA + 0xFF8) == 0


def test_data_of_sc_and_of_floating_point(rig):
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], VALUE)
    assert asm(rig, "HS", "lr.d a0, (a1)\nsc.d a0, a2, (a1)", a2=VALUE) == Trap("M", 3, CODE + 4, DATA)
    assert asm(rig, "HS", "lr.d a0, (a1)\nsc.d a0, a2, (a1)", a2=0) is None
    assert asm(rig, "HS", "fmv.d.x fa0, a2\nfsd fa0, 0(a1)", a2=VALUE) == Trap("M", 3, CODE + 4, DATA)
    for size in (SIZE[4], 0):
        arm(rig, 0, MC6 | STORE | SELECT | IN["HS"] | size, VALUE & 0xFFFF_FFFF)
        assert asm(rig, "HS", "sc.w a0, a2, (a1)", a2=VALUE) == Trap("M", 3, CODE, DATA)


def test_pushed_return_addresses(rig):
    table = Table(rig, Frames(r.TABLES, r.TABLES + 0x10000), "sv39")
    table.map(CODE, CODE, KERNEL)
    table.map(0x4000_0000, DATA, 0xC5)
    rig.csr["satp"] = table.atp()
    rig.csr["ssp"] = 0x4000_0040
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], VALUE)
    assert asm(rig, "HS", "sspush ra", ra=5) is None
    assert asm(rig, "HS", "sspush ra", ra=VALUE) == Trap("M", 3, CODE, 0x4000_0030)
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], 5)
    assert asm(rig, "HS", "sspopchk ra", ra=5) == Trap("M", 3, CODE + 4, 0x4000_0038)


def test_data_of_amos_and_of_cache_blocks(rig):
    """An AMO's load has its data, its store none; nor has a cache-block operation, and none has a size."""
    rig.store(DATA, 7)
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], 7)
    assert asm(rig, "HS", "amoadd.d a0, a2, (a1)", a2=1) == Trap("M", 3, CODE + 4, DATA)
    assert (rig.a0, rig.load(DATA)) == (7, 8)
    assert asm(rig, "HS", "amoadd.d a0, a2, (a1)", a2=1) is None
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], 10)
    assert asm(rig, "HS", "amoadd.d a0, a2, (a1)", a2=1) is None
    for size in SIZE.values():
        arm(rig, 0, MC6 | STORE | IN["HS"] | size, DATA)
        assert asm(rig, "HS", "cbo.zero (a1)") is None
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"], 0)
    assert asm(rig, "HS", "cbo.zero (a1)") is None


def test_sixteen_bytes(rig):
    arm(rig, 0, MC6 | STORE | IN["HS"] | SIZE[16], DATA + 15)
    assert asm(rig, "HS", "amocas.q a2, a4, (a1)") == Trap("M", 3, CODE, DATA)
    assert asm(rig, "HS", "amocas.d a2, a4, (a1)", a1=DATA + 8) is None
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE)
    assert asm(rig, "HS", "amocas.q a2, a4, (a1)", a2=0) is None, "wider than XLEN"
    records = rig.machine.trace(1)
    assert records[0]["kind"] == 0


# -- loads: after the instruction


@modes
@pytest.mark.parametrize("on", MODES)
def test_loaded_data_after_the_load(rig, mode, on):
    arm(rig, 1, MC6 | LOAD | SELECT | IN[on], VALUE)
    before = rig.csr["minstret"]
    trap = run(rig, mode, LD, ADDI, steps=1)
    assert rig.csr["minstret"] - before == 1, "it has retired"
    assert trap == (Trap("M", 3, CODE + 4, DATA) if mode == on else None)
    assert rig.a0 == VALUE
    assert tdata1(rig, 1) & HITS == (HITS if mode == on else 0)
    if mode == on:
        assert bool(rig.csr["mstatus"] & 1 << 38) == (mode[0] == "V")


@pytest.mark.parametrize("size", LOADS)
def test_loaded_data_of_a_size(rig, size):
    """What is compared is not sign-extended."""
    rig.store(DATA, VALUE | 0x80808080_80808080)
    low = (VALUE | 0x80808080_80808080) & (1 << 8 * size) - 1
    for tdata1_, expected in ((SIZE[size], size), (0, size)):
        arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"] | tdata1_, low)
        for other, word in LOADS.items():
            assert bool(run(rig, "HS", word)) == (other == expected)


def test_loaded_data_of_all_kinds_of_loads(rig):
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE)
    for text in ("fld fa0, 0(a1)", "lr.d a0, (a1)", "c.ld a0, 0(a1)\n.half 1", "hlv.d a0, (a1)"):
        trap = asm(rig, "HS", text)
        assert trap == Trap("M", 3, CODE + (2 if text.startswith("c.") else 4), DATA), text
        assert bool(rig.csr["mstatus"] & 1 << 38) == text.startswith("hlv")
    rig.store(DATA + 0xFFD, VALUE)  # across pages
    assert asm(rig, "HS", "ld a0, 0(a1)", a1=DATA + 0xFFD) == Trap("M", 3, CODE + 4, DATA + 0xFFD)
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE & 0xFFFF_FFFF)
    assert asm(rig, "HS", "hlvx.wu a0, (a1)") == Trap("M", 3, CODE + 4, DATA)


def test_a_load_that_faults_has_no_data(rig):
    arm(rig, 0, MC6 | LOAD | SELECT | NOT_EQUAL | IN["HS"], 0)
    assert run(rig, "HS", LD, a1=r.NOWHERE) == Trap("M", 5, CODE, r.NOWHERE)
    assert not tdata1(rig, 0) & HITS


def test_loaded_data_at_the_end_of_a_slice_and_in_a_trace(rig):
    """The breakpoint belongs to the load: no pause of the run comes between them."""
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE)
    rig.code(LD, NOP)
    rig.stand("HS")
    rig.hart.x["a1"] = DATA
    records = rig.machine.trace(1)
    assert [(x["pc"], x["kind"], x["cause"], x["tval"]) for x in records] == [(CODE, 0, 0, 0), (CODE + 4, 1, 3, DATA)]
    assert rig.trap() == Trap("M", 3, CODE + 4, DATA)


def test_the_address_comes_before_the_data(rig):
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE)
    arm(rig, 1, MC6 | LOAD | IN["HS"], DATA)
    assert run(rig, "HS", LD) == Trap("M", 3, CODE, DATA)
    assert (tdata1(rig, 0) & HITS, tdata1(rig, 1) & HITS) == (0, HIT0)


def test_data_where_the_handler_may_be_running(rig):
    rig.csr["medeleg"] = 8
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], VALUE)
    assert run(rig, "HS", LD) == Trap("HS", 3, CODE + 4, DATA)
    rig.csr["mstatus"] = rig.csr["mstatus"] & ~SIE
    assert run(rig, "HS", LD) is None


# -- instructions


@modes
def test_an_instruction_by_its_bits(rig, mode):
    arm(rig, 0, MC6 | EXECUTE | SELECT | EVERYWHERE | SIZE[4], ADDI)
    assert run(rig, mode, NOP, 0x0505, 0x0001, ADDI, ADDI) == Trap("M", 3, CODE + 8, CODE + 8)  # c.addi a0, 1; c.nop
    assert rig.a0 == 0x5B
    arm(rig, 0, MC6 | EXECUTE | SELECT | EVERYWHERE | SIZE[2], 0xFFFF_0505)
    assert run(rig, mode, NOP, 0x0505, 0x0001) == Trap("M", 3, CODE + 4, CODE + 4)
    arm(rig, 0, MC6 | EXECUTE | SELECT | EVERYWHERE | LOW, 0xFFF0_7FFF << 32 | 0x0000_3503)  # ld a0, 0(any)
    assert run(rig, mode, NOP, LD) == Trap("M", 3, CODE + 4, CODE + 4)


def test_an_address_and_the_size_of_the_instruction(rig):
    for size, first, trap in ((4, 0x0001, None), (2, 0x0001, CODE), (4, ADDI, CODE), (2, ADDI, None), (8, ADDI, None)):
        arm(rig, 0, MC6 | EXECUTE | IN["HS"] | SIZE[size], CODE)
        assert run(rig, "HS", first, 0x0001) == (None if trap is None else Trap("M", 3, trap, trap))


def test_bits_come_behind_faults_of_the_fetch_and_before_the_instruction(rig):
    for tdata1_ in (SELECT, SIZE[4]):
        arm(rig, 0, MC6 | EXECUTE | NOT_EQUAL | IN["HS"] | tdata1_, 0x1000)
        rig.stand("HS", r.NOWHERE)
        rig.step()
        assert rig.trap() == Trap("M", 1, r.NOWHERE, r.NOWHERE)
    for word in (0xFFFF_FFFF, r.ECALL, 0x30002573, LD):  # illegal; ecall; csrr a0, mstatus; a fault
        arm(rig, 0, MC6 | EXECUTE | SELECT | IN["HS"], word)
        assert run(rig, "HS", word, a1=r.NOWHERE) == Trap("M", 3, CODE, CODE), hex(word)


def test_bits_across_a_page(rig):
    at = CODE + 0xFFE
    rig.code(ADDI, at=at)
    arm(rig, 0, MC6 | EXECUTE | SELECT | IN["HS"], ADDI)
    rig.stand("HS", at)
    rig.step()
    assert rig.trap() == Trap("M", 3, at, at)


# -- chains


def test_an_address_and_the_data_loaded_there(rig):
    rig.store(DATA + 8, VALUE)
    rig.store(DATA + 16, VALUE ^ 1)
    arm(rig, 0, MC6 | LOAD | IN["HS"] | CHAIN | AT_LEAST, DATA + 8)
    arm(rig, 1, MC6 | LOAD | IN["HS"] | SELECT, VALUE)
    for offset, fires in ((0, False), (8, True), (16, False)):
        trap = run(rig, "HS", LD, a1=DATA + offset)
        assert trap == (Trap("M", 3, CODE + 4, DATA + offset) if fires else None)
    assert tdata1(rig, 0) & HITS == tdata1(rig, 1) & HITS == HITS, "all of the chain fire after the load"


def test_the_data_stored_at_an_address(rig):
    arm(rig, 0, MC6 | STORE | IN["HS"] | CHAIN | SELECT, 0x5A)
    arm(rig, 1, MC6 | STORE | IN["HS"], DATA)
    assert run(rig, "HS", SD) == Trap("M", 3, CODE, DATA)
    assert run(rig, "HS", SD, a1=DATA + 8) is None
    rig.hart.x["a2"] = 0
    assert run(rig, "HS", 0x00C5B023) is None  # sd a2, 0(a1): zero


def test_three_and_four_in_a_chain(rig):
    """An instruction at an address, of these bits, that loads this from there."""
    arm(rig, 0, MC6 | EXECUTE | IN["HS"] | CHAIN, CODE + 4)
    arm(rig, 1, MC6 | EXECUTE | IN["HS"] | CHAIN | SELECT, LD)
    arm(rig, 2, MC6 | LOAD | IN["HS"] | CHAIN, DATA)
    arm(rig, 3, MC6 | LOAD | IN["HS"] | SELECT, VALUE)
    assert run(rig, "HS", LD, LD, LD) == Trap("M", 3, CODE + 8, DATA)
    assert all(tdata1(rig, n) & HITS == HITS for n in range(4))
    assert run(rig, "HS", LD, NOP, LD) is None
    assert run(rig, "HS", LD, 0x0005B603, LD) is None  # ld a2, 0(a1)
    assert run(rig, "HS", LD, LD, LD, a1=DATA + 8) is None
    arm(rig, 2, MC6 | LOAD | IN["HS"], DATA)
    arm(rig, 3, MC6 | LOAD | IN["HS"] | SELECT, VALUE ^ 1)
    assert run(rig, "HS", LD, LD, LD) == Trap("M", 3, CODE + 4, DATA), "two chains now: of three, and of one"


# -- vectors: element by element

LOAD_VECTOR = "vsetivli x0, 8, e16, m1, ta, ma\n"


@pytest.mark.parametrize("text, stride", [("vle16.v v1, (a1)", 2), ("vlse16.v v1, (a1), a2", 6)])
@modes
def test_vector_loads_by_address(rig, text, stride, mode):
    for element in (0, 5):
        arm(rig, 0, MC6 | LOAD | EVERYWHERE | SIZE[2], DATA + stride * element + 1)
        trap = asm(rig, mode, LOAD_VECTOR + text, a2=6)
        assert trap == Trap("M", 3, CODE + 4, DATA + stride * element)
        assert rig.csr["vstart"] == element
        rig.csr["vstart"] = 0
        arm(rig, 0, MC6 | LOAD | EVERYWHERE | SIZE[8], DATA + stride * element)
        assert asm(rig, mode, LOAD_VECTOR + text, a2=6) is None


@pytest.mark.parametrize(
    "text, kind, offset, element",
    [
        ("vle16.v v1, (a1), v0.t", LOAD, 10, 5),
        ("vse16.v v1, (a1)", STORE, 10, 5),
        ("vsse16.v v1, (a1), a2", STORE, 12, 2),
        ("vluxei16.v v1, (a1), v2", LOAD, 12, 3),
        ("vsoxei16.v v1, (a1), v2", STORE, 12, 3),
        ("vlseg2e16.v v4, (a1)", LOAD, 12, 3),
        ("vsseg2e16.v v4, (a1)", STORE, 10, 2),
        ("vl1re16.v v1, (a1)", LOAD, 10, 5),
        ("vs1r.v v1, (a1)", STORE, 10, 10),  # bytes
        ("vlm.v v1, (a1)", LOAD, 0, 0),
        ("vsm.v v1, (a1)", STORE, 0, 0),
    ],
)
@pytest.mark.parametrize("mode", ["HS", "VS"])
def test_vector_accesses_of_all_kinds(rig, text, kind, offset, element, mode):
    rig.hart.v[0] = b"\xff" * 16
    rig.hart.v[2] = b"".join((4 * n).to_bytes(2, "little") for n in range(8))
    for armed, fires in ((0, False), (kind, True), ((LOAD | STORE) ^ kind, False)):  # first, the TLB learns of the page
        arm(rig, 0, MC6 | armed | EVERYWHERE, DATA + offset)
        trap = asm(rig, mode, LOAD_VECTOR + text, a2=6)
        assert trap == (Trap("M", 3, CODE + 4, DATA + offset) if fires else None)
        assert rig.csr["vstart"] == (element if fires else 0)
        rig.csr["vstart"] = 0


def test_vector_stores_by_data_and_loads(rig):
    for n in range(8):
        rig.store(DATA + 2 * n, 100 + n, 2)
        rig.store(DATA + 64 + 2 * n, 0, 2)
    text = LOAD_VECTOR + "vle16.v v1, (a1)\naddi a1, a1, 64\nvse16.v v1, (a1)"
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"] | SIZE[2], 103)
    assert asm(rig, "HS", text) == Trap("M", 3, CODE + 12, DATA + 64 + 6)
    assert rig.csr["vstart"] == 3 and rig.load(DATA + 64 + 4, 2) == 102 and rig.load(DATA + 64 + 6, 2) == 0
    rig.csr["vstart"] = 0
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"] | SIZE[2], 103)
    assert asm(rig, "HS", text) == Trap("M", 3, CODE + 8, DATA + 6)
    assert rig.csr["vstart"] == 0 and rig.hart.v[1][14:16] == (107).to_bytes(2, "little"), "all of it is loaded"
    arm(rig, 0, MC6 | STORE | SELECT | IN["HS"] | SIZE[1], 0)
    assert asm(rig, "HS", text) is None


def test_a_load_that_faults_later_has_not_retired(rig):
    end = r.RAM + r.RAM_SIZE - 6
    rig.store(end, 100, 2)
    arm(rig, 0, MC6 | LOAD | SELECT | IN["HS"], 100)
    assert asm(rig, "HS", LOAD_VECTOR + "vle16.v v1, (a1)", a1=end) == Trap("M", 5, CODE + 4, end + 6)
    assert rig.csr["vstart"] == 3


@pytest.mark.rules("vector_ff_trigger")
def test_fault_only_first_loads_lose_no_breakpoint(rig):
    """The note there: vl is not reduced, or the event might be lost."""
    arm(rig, 0, MC6 | LOAD | IN["HS"], DATA + 10)
    assert asm(rig, "HS", LOAD_VECTOR + "vle16ff.v v1, (a1)") == Trap("M", 3, CODE + 4, DATA + 10)
    assert (rig.csr["vl"], rig.csr["vstart"]) == (8, 5)
    rig.csr["vstart"] = 0
    arm(rig, 0, 0)
    end = r.RAM + r.RAM_SIZE - 6
    assert asm(rig, "HS", LOAD_VECTOR + "vle16ff.v v1, (a1)", a1=end) is None
    assert rig.csr["vl"] == 3
