"""Zama16b: misaligned accesses inside aligned 16 bytes of main memory are atomic (manual: "Zama16b", "Misaligned
Atomicity Granule PMA")."""

import pytest
import rig as r
from rig import ALL, DATA, Rig

from rvh import Machine
from rvh.emit.asm import assemble

SIZES = {"b": 1, "h": 2, "w": 4, "d": 8, "q": 16}
AMOS = ["amoswap", "amoadd", "amoxor", "amoand", "amoor", "amomin", "amomax", "amominu", "amomaxu", "amocas"]
RESULTS = {
    "amoswap": lambda old, new: new,
    "amoadd": lambda old, new: old + new,
    "amoxor": lambda old, new: old ^ new,
    "amoand": lambda old, new: old & new,
    "amoor": lambda old, new: old | new,
    "amominu": min,
    "amomaxu": max,
}


def word_of(text: str) -> int:
    return int.from_bytes(assemble(text, r.CODE).data[:4], "little")


def fill(rig: Rig) -> bytes:
    data = bytes(range(1, 65))
    rig.machine.memory.write(DATA, data)
    return data


@pytest.mark.rules(
    "zama16b_atomic_ops", "pma_mag_def", "pma_mag_op_within", "pma_mag_op_amo", "amo_alignment", "ziccamoa_pma_amo_req"
)
@pytest.mark.parametrize("width", "hwd")
@pytest.mark.parametrize("name", RESULTS)
def test_amos_inside_16_bytes(name, width):
    """At each of 16 offsets: done in one piece where it fits, refused with nothing changed where it does not."""
    rig, size = Rig(), SIZES[width]
    insn = word_of(f"{name}.{width} a0, a2, (a1)")
    mask = (1 << 8 * size) - 1
    for offset in range(16):
        data = fill(rig)
        trap = rig.execute(insn, mode="HS", a1=DATA + 16 + offset, a2=0x1122_3344_5566_7788)
        if offset + size > 16:
            assert trap == r.Trap("M", 6, r.CODE, DATA + 16 + offset)
            assert rig.machine.memory.read(DATA, 64) == data
            continue
        assert trap is None, offset
        at = 16 + offset
        old = int.from_bytes(data[at : at + size], "little")
        assert rig.a0 & mask == old
        new = RESULTS[name](old, 0x1122_3344_5566_7788 & mask) & mask
        expected = data[:at] + new.to_bytes(size, "little") + data[at + size :]
        assert rig.machine.memory.read(DATA, 64) == expected


@pytest.mark.rules("zama16b_atomic_ops")
@pytest.mark.parametrize("name", AMOS)
@pytest.mark.parametrize("width", "hwd")
def test_without_it_every_misaligned_amo_is_refused(name, width):
    insn = word_of(f"{name}.{width} a0, a2, (a1)")
    with_it, without = Rig(), Rig("max_no-zama16b")
    for rig in (with_it, without):
        fill(rig)
    assert with_it.execute(insn, mode="HS", a1=DATA + 17) is None
    assert without.execute(insn, mode="HS", a1=DATA + 17) == r.Trap("M", 6, r.CODE, DATA + 17)
    assert without.execute(insn, mode="HS", a1=DATA + 16) is None


@pytest.mark.rules("pma_mag_op_rsrv")
@pytest.mark.parametrize("width", "wd")
def test_lr_and_sc_are_refused_all_the_same(width):
    rig = Rig()
    lr, sc = (word_of(f"{name}.{width} a0, {operands}") for name, operands in (("lr", "(a1)"), ("sc", "a2, (a1)")))
    for offset in range(1, SIZES[width]):
        assert rig.cause(lr, mode="HS", a1=DATA + offset) == 4
        assert rig.cause(sc, mode="HS", a1=DATA + offset) == 6


@pytest.mark.rules("ziccamoc_pma_amo_req")
def test_amocas_q_needs_its_16_bytes_aligned():
    rig = Rig()
    insn = word_of("amocas.q a0, a2, (a1)")
    assert rig.cause(insn, mode="HS", a1=DATA) is None
    for offset in (1, 8, 15):
        assert rig.cause(insn, mode="HS", a1=DATA + offset) == 6


@pytest.mark.parametrize("warm", [False, True])
def test_a_store_elsewhere_to_decoded_code_is_seen(warm):
    """A misaligned AMO takes the slow path; code it changes is decoded anew."""
    rig = Rig()
    code = DATA + 0x1000
    rig.machine.memory.write(code, assemble("li a3, 1\nnop\nnop\nret", code).data)
    for turn in range(2 if warm else 1):
        source = f"li s1, {code}\njalr s1\naddi s1, s1, 2\nli a2, 0x0010\namoadd.h a4, a2, (s1)\nli s1, {code}\njalr s1"
        rig.machine.memory.write(r.CODE, assemble(source + "\nebreak", r.CODE).data)
        rig.stand("M")
        for _ in range(40):
            if rig.pc == r.M_VECTOR:
                break
            rig.step()
        assert rig.hart.x["a3"] == 2 + turn, "li a3, n has n in its upper half"


@pytest.mark.parametrize("offset", range(16))
def test_a_misaligned_amo_on_a_device_is_an_access_fault(offset):
    """The granule is main memory's alone; devices take no AMOs."""
    rig = Rig()
    trap = rig.execute(r.AMOADD_W, mode="HS", a1=0x1000_0000 + offset)
    fits = offset + 4 <= 16
    assert trap == r.Trap("M", 7 if fits else 6, r.CODE, 0x1000_0000 + offset)


def test_pmp_covers_all_of_the_bytes():
    """The first half of the location may be written, the second not: nothing changes."""
    rig = Rig()
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = DATA + 20 >> 2, DATA + 24 >> 2
    rig.csr["pmpaddr2"] = ALL
    rig.csr["pmpcfg0"] = 0x1F << 16 | 0x09 << 8 | 0x0F
    data = fill(rig)
    trap = rig.execute(r.AMOADD_W, mode="HS", a1=DATA + 18, a2=1)
    assert trap == r.Trap("M", 7, r.CODE, DATA + 18)
    assert rig.machine.memory.read(DATA, 64) == data


def test_a_guests_location_that_is_not_mapped_faults_at_its_own_address():
    rig = Rig()
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)
    trap = rig.execute(r.AMOADD_W, mode="VS", a1=0x4000_0005)
    assert (trap.cause, trap.tval, rig.csr["mtval2"]) == (23, 0x4000_0005, 0x4000_0005 >> 2)


@pytest.mark.rules("zama16b_atomic_ops")
def test_two_harts_add_to_one_misaligned_location():
    """Harts take turns after every few instructions; none of their additions is lost."""
    machine = Machine(harts=2, ram=1 << 20, quantum=7)
    at = r.DATA + 5
    source = f"li a1, {at}\nli a2, 1\nli a3, 1000\nloop: amoadd.d zero, a2, (a1)\nld a4, (a1)\naddi a3, a3, -1\n"
    source += "bnez a3, loop\nwait: j wait"
    machine.memory.write(r.CODE, assemble(source, r.CODE).data)
    machine.start(r.CODE)
    machine.run(max_insns=12_000)
    assert int.from_bytes(machine.memory.read(at, 8), "little") == 2000
    machine.close()


@pytest.mark.rules("zama16b_atomic_ops", "zama16b_pma_mag_req")
@pytest.mark.parametrize("load, store, size", [("lh", "sh", 2), ("lw", "sw", 4), ("ld", "sd", 8), ("fld", "fsd", 8)])
def test_misaligned_loads_and_stores_are_one_access(load, store, size):
    """What a trace shows of each is a single access of its whole size, wherever it lies inside 16 bytes."""
    machine = Machine(ram=1 << 20)
    register = "fa0" if load[0] == "f" else "a0"
    machine.harts[0].csr["mstatus"] = 3 << 13
    for offset in range(16 - size + 1):
        source = f"{load} {register}, {offset}(a1)\n{store} {register}, {offset}(a1)"
        machine.memory.write(r.CODE, assemble(source, r.CODE).data)
        machine.harts[0].pc, machine.harts[0].x["a1"] = r.CODE, r.DATA
        records = machine.trace(2)
        assert [(t["n_mem"], t["mem_size"][0], t["mem_va"][0]) for t in records] == [(1, size, r.DATA + offset)] * 2
    machine.close()
