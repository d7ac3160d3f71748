"""Mask instructions: logic, counting, the first set bit, iota and id; that they are whole and never resumed."""

import random

import pytest
from rig import CODE, M_VECTOR
from vrig import ILLEGAL, SETTINGS, VectorRig, rules, words

ISA = "max_v_zvl128b"

VLEN, VLENB = 128, 16
ONES = (1 << VLEN) - 1


def put(rig, n: int, bits: int) -> None:
    rig.hart.v[n] = bits.to_bytes(VLENB, "little")


# -- logic

LOGIC = [
    pytest.param("vmand", lambda a, b: a & b, marks=rules("vmand_op")),
    pytest.param("vmnand", lambda a, b: ~(a & b), marks=rules("vmnand_op")),
    pytest.param("vmandn", lambda a, b: a & ~b, marks=rules("vmandn_op")),
    pytest.param("vmxor", lambda a, b: a ^ b, marks=rules("vmxor_op")),
    pytest.param("vmor", lambda a, b: a | b, marks=rules("vmor_op")),
    pytest.param("vmnor", lambda a, b: ~(a | b), marks=rules("vmnor_op")),
    pytest.param("vmorn", lambda a, b: a | ~b, marks=rules("vmorn_op")),
    pytest.param("vmxnor", lambda a, b: ~(a ^ b), marks=rules("vmxnor_op")),
]


@pytest.mark.rules("vmask_maskreg", "vmask_vd_overlap_vs", "vmasklogical_tail_agnostic", "vreg_mask_tail_op",
                   "vmasklogical_unmasked", "instrgrp_vmask_disregard_vlmul")  # fmt: skip
@pytest.mark.parametrize(("name", "model"), LOGIC)
def test_logic(rig, name, model):
    """vl bits of one register whatever LMUL is, into a third register or either source; whatever v0 holds. The tail
    stays here, whether agnostic or not."""
    rng = random.Random(name)
    for sew, lmul in SETTINGS:
        vlmax = int(VLEN * lmul / sew)
        for vd, vl in ((10, rng.randrange(vlmax + 1)), (8, vlmax), (9, rng.randrange(vlmax + 1)), (0, vlmax)):
            rig.set(vl, sew, lmul, rng.getrandbits(1), rng.getrandbits(1))
            vtype = rig.csr["vtype"]
            held = {n: rng.getrandbits(VLEN) for n in (0, 8, 9, 10, 11)}
            for n, bits in held.items():
                put(rig, n, bits)
            rig.done(f"{name}.mm v{vd}, v8, v9")
            body = (1 << vl) - 1
            expected = held | {vd: model(held[8], held[9]) & body | held[vd] & ~body}
            assert {n: rig.mask(n) for n in held} == expected, (sew, lmul, vl, vd)
            assert rig.csr["vtype"] == vtype and rig.csr["vl"] == vl


@pytest.mark.rules("vmasklogical_masked_rsv")
@pytest.mark.parametrize("name", [param.values[0] for param in LOGIC])
def test_logic_has_no_masked_form(rig, name):
    rig.set(8, 8)
    word = words(f"{name}.mm v8, v9, v10")[0]
    assert rig.execute(word) is None
    assert rig.cause(word & ~(1 << 25), mode="M") == ILLEGAL


@pytest.mark.rules("vmask_vstart", "vstart_vtype_dep")
@pytest.mark.parametrize("name", [param.values[0] for param in LOGIC])
def test_logic_is_never_resumed(rig, name):
    """It is never left midway, so that it may refuse another vstart than 0; what is in front of vstart stays so too."""
    rig.set(8, 8)
    put(rig, 9, 0b1010)
    rig.csr["vstart"] = 2
    assert rig.run(f"{name}.mm v8, v9, v10").cause == ILLEGAL and rig.csr["vstart"] == 2 and rig.mask(8) == 0
    rig.csr["vstart"] = 0
    rig.done(f"{name}.mm v8, v9, v10")
    assert rig.csr["vstart"] == 0


# -- what a mask says


@pytest.mark.rules("vcpop_vs_single_vreg", "vcpop_op", "vfirst_op")
@pytest.mark.parametrize(("sew", "lmul"), SETTINGS)
def test_counting_is_in_one_register_for_every_sew_and_lmul(rig, sew, lmul):
    """An odd one, with all bits set in those beside it; bits from vl on do not count, nor those that v0 masks off."""
    rng = random.Random(f"{sew}{lmul}")
    vlmax = int(VLEN * lmul / sew)
    for vl in {1, vlmax, rng.randrange(1, vlmax + 1)}:
        rig.set(vl, sew, lmul)
        bits, mask = rng.getrandbits(VLEN) & rng.getrandbits(VLEN), rng.getrandbits(VLEN)
        for n, value in ((0, mask), (8, ONES), (9, bits), (10, ONES)):
            put(rig, n, value)
        for tail, active in (("", ONES), (", v0.t", mask)):
            found = [i for i in range(vl) if bits & active & 1 << i]
            rig.done(f"vcpop.m a0, v9{tail}")
            assert rig.a0 == len(found)
            rig.done(f"vfirst.m a0, v9{tail}")
            assert rig.a0 == (found[0] if found else (1 << 64) - 1)


#: The manual's own examples: elements 7 to 0 of v3, of v0 (None: unmasked), v2 before and after.
FIRST = [
    ("vmsbf", 0b10010100, None, 0, 0b00000011),
    ("vmsbf", 0b10010101, None, 0, 0b00000000),
    ("vmsbf", 0b00000000, None, 0, 0b11111111),
    ("vmsbf", 0b10010100, 0b11000011, 0b01000000, 0b01000011),
    ("vmsif", 0b10010100, None, 0, 0b00000111),
    ("vmsif", 0b10010101, None, 0, 0b00000001),
    ("vmsif", 0b00000000, None, 0, 0b11111111),
    ("vmsif", 0b10010100, 0b11000011, 0b00100000, 0b11100011),
    ("vmsof", 0b10010100, None, 0, 0b00000100),
    ("vmsof", 0b10010101, None, 0, 0b00000001),
    ("vmsof", 0b00000000, None, 0, 0b00000000),
    ("vmsof", 0b11010100, 0b11000011, 0b00010000, 0b01010000),
]
TAILS = {name: rules(f"{name}_op", f"{name}_tail_agnostic") for name in ("vmsbf", "vmsif", "vmsof")}


@pytest.mark.parametrize(
    ("name", "source", "mask", "before", "after"), [pytest.param(*row, marks=TAILS[row[0]]) for row in FIRST]
)
@pytest.mark.parametrize("vta", [0, 1])
def test_around_the_first_set_bit(rig, name, source, mask, before, after, vta):
    """The tail of the result stays here, agnostic as it is whatever vta says."""
    rig.set(8, 8, 1, vta, 0)
    put(rig, 3, source | 0xF << 8)
    put(rig, 0, 0 if mask is None else mask | 0xF << 8)
    put(rig, 2, before | 0xA5 << 8)
    rig.done(f"{name}.m v2, v3{'' if mask is None else ', v0.t'}")
    assert rig.mask(2) == after | 0xA5 << 8


@pytest.mark.rules("vid_vs2_nv0_rsv")
@pytest.mark.parametrize("masked", [0, 1])
@pytest.mark.parametrize("vs2", range(32))
def test_vid_has_no_source(rig, vs2, masked):
    rig.set(4, 8)
    word = words("vid.v v8" + (", v0.t" if masked else ""))[0]
    assert rig.cause(word | vs2 << 20, mode="M") == (ILLEGAL if vs2 else None)


@pytest.mark.rules("vid_op", "viota_op")
@pytest.mark.parametrize("sew", [8, 16])
def test_numbers_that_do_not_fit_lose_their_high_bits(sew):
    rig = VectorRig(isa="max_zve32x_zvl1024b").fresh()
    n = 1024 if sew == 8 else 512
    rig.set(n, sew, 8)
    rig.done("vid.v v8")
    assert rig.hart.v.elements(8, sew, n) == [i % (1 << sew) for i in range(n)]
    rig.hart.v.put(16, 64, [(1 << 64) - 1] * 16)
    rig.done("viota.m v8, v16")
    assert rig.hart.v.elements(8, sew, n) == [i % (1 << sew) for i in range(n)]


# -- whole or not at all

WHOLE = [
    # assembly, what it makes of v9 = 0b0110 with vl=4: in a0, or in v8
    pytest.param("vcpop.m a0, v9", 2, None, marks=rules("vcpop_trap", "vcpop_vstart_n0_ill")),
    pytest.param("vfirst.m a0, v9", 1, None, marks=rules("vfirst_trap", "vfirst_vstart_n0_ill")),
    pytest.param("vmsbf.m v8, v9", 77, [1], marks=rules("vmsbf_trap", "vmsbf_vstart_n0_ill")),
    pytest.param("vmsif.m v8, v9", 77, [0b11], marks=rules("vmsif_trap", "vmsif_vstart_n0_ill")),
    pytest.param("vmsof.m v8, v9", 77, [0b10], marks=rules("vmsof_trap", "vmsof_vstart_n0_ill")),
    pytest.param("viota.m v8, v9", 77, [0, 0, 1, 2], marks=rules("viota_trap", "viota_vstart_n0_ill", "viota_restart")),
    pytest.param("vcompress.vm v8, v10, v9", 77, [6, 7], marks=rules("vcompress_trap", "vcompress_vstart_n0_ill")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "scalar", "vector"), WHOLE)
def test_a_trap_finds_nothing_done_and_vstart_0(rig, text, scalar, vector):
    """An interrupt, an exception; another vstart is illegal. Then it is done from its beginning."""
    rig.set(4, 8)
    put(rig, 9, 0b0110)
    rig.hart.v.put(10, 8, [5, 6, 7, 8])

    def untouched(vstart: int) -> bool:
        return rig.a0 == 77 and rig.hart.v[8] == bytes(VLENB) and rig.csr["vstart"] == vstart

    rig.csr["mie"], rig.csr["mstatus"] = 8, rig.csr["mstatus"] | 8
    rig.lines(8)
    rig.code(*words(text))
    rig.stand("M")
    rig.hart.x["a0"] = 77
    rig.code(0x6F, at=M_VECTOR)
    rig.step()
    rig.lines(8, False)
    rig.csr["mie"] = 0
    assert (rig.pc, rig.csr["mepc"], rig.csr["mcause"]) == (M_VECTOR, CODE, 1 << 63 | 3) and untouched(0)
    rig.csr["mstatus"] = 0
    assert rig.run(text, a0=77).cause == ILLEGAL and untouched(0)
    rig.open_gates()
    rig.csr["vstart"] = 2
    assert rig.run(text, a0=77).cause == ILLEGAL and untouched(2)
    rig.csr["vstart"] = 0
    rig.done(text, a0=77)
    assert rig.a0 == scalar and (vector is None or rig.hart.v.elements(8, 8, len(vector)) == vector)
