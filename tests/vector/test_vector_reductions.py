"""Vector reductions: which registers they read and write, sums of floating point in order and without, identities,
minima and maxima. Integer reductions of random elements are in tests/isa/test_vector.py."""

import random
import struct

import pytest
from vrig import FS, ILLEGAL, VS

ISA = "max_v_zvfh_zvl256b"


NV = 16
RNE = 0
MINUS = {16: 1 << 15, 32: 1 << 31, 64: 1 << 63}
NAN = {16: 0x7E00, 32: 0x7FC00000, 64: 0x7FF8000000000000}
SIGNALING = {16: 0x7D00, 32: 0x7FA00000, 64: 0x7FF4000000000000}
PACKED = {16: "<e", 32: "<f", 64: "<d"}


def bits(x: float, width: int) -> int:
    """x rounded to nearest in a format."""
    return int.from_bytes(struct.pack(PACKED[width], x), "little")


def value(number: int, width: int) -> float:
    return struct.unpack(PACKED[width], number.to_bytes(width // 8, "little"))[0]


# -- registers

FAMILIES = ("vredsum", "vwredsum", "vredmaxu", "vfredosum", "vfredusum", "vfredmin", "vfwredosum", "vfwredusum")


@pytest.mark.rules("vreduction_scalar", "vreg_scalar_EMUL")
@pytest.mark.parametrize("name", FAMILIES)
def test_scalars_are_in_single_registers_the_vector_is_a_group(rig, name):
    rig.run("vsetvli zero, zero, e32, m4, ta, ma; vsetvli a0, zero, e32, m4, ta, ma")
    assert rig.run(f"{name}.vs v9, v12, v11") is None
    assert rig.run(f"{name}.vs v9, v13, v11").cause == ILLEGAL


@pytest.mark.rules("vreduction_vd_overlap_vs")
@pytest.mark.parametrize("vd", [8, 9, 11, 16, 0])
@pytest.mark.parametrize(("name", "width"), [("vredsum", 16), ("vwredsumu", 16), ("vredmaxu", 64)])
def test_the_destination_may_be_any_source(rig, name, width, vd):
    """Within the vector, the scalar or the mask: what is read is what was there before."""
    rng = random.Random(f"{name} {vd}")
    n, wide = 4 * 256 // width, width * (1 + name.startswith("vw"))
    a, first, mask = [rng.getrandbits(width) for _ in range(n)], rng.getrandbits(wide), rng.getrandbits(64)
    rig.hart.v.put(8, width, a)
    rig.hart.v.put(16, wide, [first])
    rig.hart.v.put(0, 64, [mask])
    active = [x for i, x in enumerate(a) if mask >> i & 1]
    result = max(first, *active) if name == "vredmaxu" else (first + sum(active)) % (1 << wide)
    assert rig.run(f"vsetvli a0, zero, e{width}, m4, ta, ma; {name}.vs v{vd}, v8, v16, v0.t") is None
    assert rig.hart.v.elements(vd, wide, 1) == [result]


@pytest.mark.rules("vreduction_tail_agnostic")
@pytest.mark.parametrize("policy", ["tu", "ta"])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_rest_of_the_destination_stays(rig, name, policy):
    rig.hart.v.put(8, 32, [bits(float(n), 32) for n in range(8)])
    before = [0x11111111 * (n + 1) for n in range(8)]
    rig.hart.v.put(16, 32, before)
    rig.run(f"vsetivli zero, 8, e32, m1, {policy}, ma; {name}.vs v16, v8, v9")
    skip = 2 if "vw" in name or "vfw" in name else 1
    after = rig.hart.v.elements(16, 32, 8)
    assert after[skip:] == before[skip:] and after[:skip] != before[:skip]


@pytest.mark.rules("vreduction_trap")
@pytest.mark.parametrize("name", [name for name in FAMILIES if "f" in name])
def test_a_trap_says_vstart_0(rig, name):
    """Where floating point is off, and by a reserved rounding mode: there is no other trap on a reduction."""
    rig.run("vsetivli zero, 8, e32, m1, ta, ma")
    rig.hart.v.put(16, 32, [5] * 8)
    for mstatus, frm in ((VS | FS, 5), (VS, RNE)):
        rig.csr["frm"] = frm
        rig.csr["mstatus"] = mstatus
        assert rig.run(f"{name}.vs v16, v8, v9").cause == ILLEGAL
        assert rig.csr["vstart"] == 0 and rig.hart.v.elements(16, 32, 8) == [5] * 8


# -- sums of floating point


@pytest.mark.parametrize(
    ("name", "width"),
    [
        *(pytest.param("vfredosum", width, marks=pytest.mark.rules("vfredosum_op")) for width in (16, 32, 64)),
        *(pytest.param("vfredusum", width, marks=pytest.mark.rules("vfredusum_op")) for width in (16, 32, 64)),
        *(pytest.param("vfwredosum", width, marks=pytest.mark.rules("vfwredosum_op")) for width in (16, 32)),
        *(pytest.param("vfwredusum", width, marks=pytest.mark.rules("vfwredusum_op")) for width in (16, 32)),
    ],
)
def test_sums_in_order(rig, name, width):
    """Against sums rounded one by one; the unordered ones take the same order here. Those of two numbers of a format
    in double precision, rounded once more, are right: 2p + 2 bits are enough."""
    rng = random.Random(f"{name} {width}")
    n, wide = 2 * 256 // width, width * (1 + ("vfw" in name))
    for mask in (None, rng.getrandbits(64), rng.getrandbits(64)):
        a = [bits(rng.uniform(-1, 1) * 2.0 ** rng.randrange(-8, 8), width) for _ in range(n)]
        total = bits(rng.uniform(-1, 1), wide)
        rig.hart.v.put(8, width, a)
        rig.hart.v.put(16, wide, [total])
        rig.hart.v.put(0, 64, [mask or 0])
        vl = rng.randrange(n // 2, n)
        tail = "" if mask is None else ", v0.t"
        rig.run(f"vsetvli zero, a1, e{width}, m2, ta, ma; {name}.vs v17, v8, v16{tail}", a1=vl)
        for i in range(vl):
            if mask is None or mask >> i & 1:
                total = bits(value(total, wide) + value(a[i], width), wide)
        assert rig.hart.v.elements(17, wide, 1) == [total]


@pytest.mark.rules("vfredusum_redtree")
@pytest.mark.parametrize(("unordered", "ordered"), [("vfredusum", "vfredosum"), ("vfwredusum", "vfwredosum")])
@pytest.mark.parametrize("frm", range(5))
def test_the_tree_of_an_unordered_sum_is_a_list(rig, unordered, ordered, frm):
    """The same for each vtype and vl: the order of the elements, so that results and flags are those of the other."""
    rng = random.Random(frm)
    for vl in range(1, 33):
        rig.hart.v.put(8, 32, [bits(rng.uniform(-1, 1) * 2.0 ** rng.randrange(-30, 30), 32) for _ in range(32)])
        got = []
        for name in (unordered, ordered, unordered):
            rig.csr["fcsr"] = frm << 5
            rig.run(f"vsetvli zero, a1, e32, m4, ta, ma; {name}.vs v16, v8, v8", a1=vl)
            got.append((rig.hart.v.elements(16, 64, 1), rig.csr["fflags"]))
        assert got[0] == got[1] == got[2]


@pytest.mark.rules("vfredusum_additive_impl")
@pytest.mark.parametrize("frm", range(5))
@pytest.mark.parametrize(("name", "width"), [("vfredusum", 16), ("vfredusum", 32), ("vfredusum", 64),
                                             ("vfwredusum", 16), ("vfwredusum", 32)])  # fmt: skip
def test_the_identity_of_an_unordered_sum(rig, name, width, frm):
    """-0, rounding down +0: no active element leaves a zero its sign, and any other number as it is."""
    wide = width * (1 + ("vfw" in name))
    for first in (0, MINUS[wide], 1, MINUS[wide] | 1, bits(1.5, wide), bits(-float("inf"), wide)):
        rig.csr["fcsr"] = frm << 5
        rig.hart.v.put(16, wide, [first])
        rig.run(f"vsetvli a0, zero, e{width}, m1, ta, ma; {name}.vs v17, v8, v16, v0.t")
        assert (rig.hart.v.elements(17, wide, 1), rig.csr["fflags"]) == ([first], 0)


# -- minima and maxima


@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.rules(f"{name}_op")) for name in ("vfredmin", "vfredmax")]
)
def test_extremes(rig, name, width):
    """Numbers before NaNs, -0 below +0; a signaling NaN raises NV."""
    nan, signaling, minus = NAN[width], SIGNALING[width], MINUS[width]
    one, two = bits(1.0, width), bits(2.0, width)
    for first, elements, least, greatest, flags in (
        (one, [two, one, nan], one, two, 0),
        (nan, [two, one], one, two, 0),
        (nan, [nan, nan], nan, nan, 0),
        (one, [signaling, two], one, two, NV),
        (signaling, [nan], nan, nan, NV),
        (0, [minus, 0], minus, 0, 0),
        (minus, [0, minus], minus, 0, 0),
        (one, [minus | one, minus | two], minus | two, one, 0),
    ):
        rig.csr["fcsr"] = 0
        rig.hart.v.put(8, width, elements)
        rig.hart.v.put(16, width, [first])
        rig.run(f"vsetivli zero, {len(elements)}, e{width}, m1, ta, ma; {name}.vs v17, v8, v16")
        expected = least if name == "vfredmin" else greatest
        assert (rig.hart.v.elements(17, width, 1), rig.csr["fflags"]) == ([expected], flags), (first, elements)
