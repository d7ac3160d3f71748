"""core/fp.h and the F, D, Zfh, Zfbfmin and Zfa instructions against exact rational arithmetic (fp_reference.py).

The C functions are tried in a shared library of their own, in every way they can be compiled: on the host's FPU,
on one without fused multiply-add, and in integer arithmetic only. Then the instructions are tried on a hart.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from fp_reference import ALL, BOX, BOX_H, DZ, NV, NX, OF, RDN, RMM, RNE, RTZ, RUP, UF, reference
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig, csrr, csrw

from rvh.emit import layout

ROOT = Path(__file__).resolve().parents[2]
MODES = (RNE, RTZ, RDN, RUP, RMM)

# -- operations, and operands that matter

FAMILIES = {
    1: ("fsqrt", "fclass", "fround", "froundnx"),
    2: tuple("fadd fsub fmul fdiv fsgnj fsgnjn fsgnjx fmin fmax feq flt fle fminm fmaxm fltq fleq".split()),
    3: ("fmadd", "fmsub", "fnmsub", "fnmadd"),
}
UNROUNDED = {*"fclass fcvtmod fsgnj fsgnjn fsgnjx fmin fmax feq flt fle fminm fmaxm fltq fleq".split()}
INTEGER_KINDS = ("w", "wu", "l", "lu")
#: Name -> kinds of its operands: "h", "b" (bfloat), "s", "d" or "x".
OPERATIONS: dict[str, str] = {
    **{f"{name}_{s}": s * n for n, names in FAMILIES.items() for name in names for s in "hsd"},
    **{f"fcvt_{k}_{s}": s for k in INTEGER_KINDS for s in "hsd"},
    **{f"fcvt_{s}_{k}": "x" for k in INTEGER_KINDS for s in "hsd"},
    "fcvt_s_d": "d",
    "fcvt_d_s": "s",
    "fcvt_s_h": "h",
    "fcvt_d_h": "h",
    "fcvt_h_s": "s",
    "fcvt_h_d": "d",
    "fcvt_bf16_s": "s",
    "fcvt_s_bf16": "b",
    "fcvtmod_w_d": "d",
}


def rounds(name: str) -> bool:
    return name.split("_")[0] not in UNROUNDED


CORNERS_D = [
    # 0, 1, 1.5, 2.5, .5, and next to .5 and 1
    0x0000_0000_0000_0000, 0x3FF0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4004_0000_0000_0000,
    0x3FE0_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0001,
    # infinity; the canonical, another quiet and a signaling NaN
    0x7FF0_0000_0000_0000, 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0123, 0x7FF0_0000_0000_0001,
    # least and greatest subnormal and normal numbers
    0x0000_0000_0000_0001, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF,
    # 2^31 - 1, 2^31, 2^31 + .5, 2^32 - 1, 2^32 - .5, 2^32
    0x41DF_FFFF_FFC0_0000, 0x41E0_0000_0000_0000, 0x41E0_0000_0010_0000,
    0x41EF_FFFF_FFE0_0000, 0x41EF_FFFF_FFF0_0000, 0x41F0_0000_0000_0000,
    # around 2^63 and 2^64; around the least and the greatest single
    0x43DF_FFFF_FFFF_FFFF, 0x43E0_0000_0000_0000, 0x43EF_FFFF_FFFF_FFFF, 0x43F0_0000_0000_0000,
    0x380F_FFFF_F000_0000, 0x380F_FFFF_E000_0000, 0x3690_0000_0000_0000, 0x47EF_FFFF_F000_0000,
]  # fmt: skip
CORNERS_S = [
    0x0000_0000, 0x3F80_0000, 0x3FC0_0000, 0x4020_0000, 0x3F00_0000, 0x3EFF_FFFF, 0x3F80_0001, 0x7F80_0000,
    0x7FC0_0000, 0x7FC0_0123, 0x7F80_0001, 0x0000_0001, 0x007F_FFFF, 0x0080_0000, 0x7F7F_FFFF,
    0x4EFF_FFFF, 0x4F00_0000, 0x4F7F_FFFF, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0x5F7F_FFFF, 0x5F80_0000,
]  # fmt: skip
#: As of the singles; then around 2^15 and 2^16, which no half exceeds.
CORNERS_H = [
    0x0000, 0x3C00, 0x3E00, 0x4100, 0x3800, 0x37FF, 0x3C01, 0x7C00, 0x7E00, 0x7E01, 0x7C01,
    0x0001, 0x03FF, 0x0400, 0x7BFF, 0x77FF, 0x7800, 0x6400, 0x63FF, 0x0200,
]  # fmt: skip
CORNERS_B = [0x0000, 0x3F80, 0x3FC0, 0x7F80, 0x7FC0, 0x7FC1, 0x7F81, 0x0001, 0x007F, 0x0080, 0x7F7F]
#: Least and greatest halves and bfloats, and half-way cases, as singles and doubles.
EDGES_S = [0x477F_E000, 0x477F_F000, 0x477F_EFFF, 0x3880_0000, 0x387F_E000, 0x387F_F000, 0x3300_0000, 0x3300_0001,
           0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x7F7F_8000, 0x7F7F_7FFF, 0x0000_8000, 0x3F80_1000,
           0x3F80_3000]  # fmt: skip
EDGES_D = [0x40EF_FC00_0000_0000, 0x40EF_FE00_0000_0000, 0x40EF_FDFF_FFFF_FFFF, 0x3F10_0000_0000_0000,
           0x3F0F_FE00_0000_0000, 0x3E60_0000_0000_0000, 0x3E60_0000_0000_0001, 0x3FF0_0200_0000_0000,
           0x41F0_0000_0010_0000, 0x4340_0000_0000_0001, 0x4520_0000_0000_0001, 0x45D0_0000_0000_0001]  # fmt: skip
NOT_BOXED = [0x3F80_0000, (BOX ^ 1 << 40) | 0x3F80_0000]
#: Half-way cases of conversions to floating point, shifted to where bits are lost.
HALVES = [half << n | bit for half in (0x1FF_FFFF, 0x3F_FFFF_FFFF_FFFF) for n in (4, 9) for bit in (0, 1)]
CORNERS = {
    "h": [*(BOX_H | sign | v for v in CORNERS_H for sign in (0, 1 << 15)), 0x3C00, BOX | 0x3C00],
    "b": [*(BOX_H | sign | v for v in CORNERS_B for sign in (0, 1 << 15)), 0x3F80, BOX | 0x3F80],
    "d": [sign | v for v in (*CORNERS_D, *EDGES_D) for sign in (0, 1 << 63)],
    "s": [*(BOX | sign | v for v in (*CORNERS_S, *EDGES_S) for sign in (0, 1 << 31)), *NOT_BOXED],
    "x": [
        *(n + delta & ALL for n in (0, 1 << 31, 1 << 32, 1 << 63) for delta in (-1, 0, 1)),
        *((1 << n) + delta for n in (24, 25, 53, 54, 62) for delta in (-1, 1)),
        *HALVES,
        *(~0x1FF_FFFF & ALL, 0xFFFF_FF7F_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FBFF, 0xFFFF_FFFF_FFFF_FC00),
    ],
}


#: Precision, bias and number of the sign bit.
SHAPES = {"h": (11, 15, 15), "b": (8, 127, 15), "s": (24, 127, 31), "d": (53, 1023, 63)}
BOXES = {"h": BOX_H, "b": BOX_H, "s": BOX, "d": 0}


def boxed(kind: str, bits: int) -> int:
    return BOXES[kind] | bits & (ALL ^ BOXES[kind])


def close_to(rng: random.Random, kind: str) -> int:
    """A random operand, by preference one whose results need care: near 1, subnormal, few bits, corners."""
    if kind == "x":
        n = rng.getrandbits(64) >> rng.randrange(64)
        return rng.choice((n, -n & ALL))
    precision, bias, top = SHAPES[kind]
    choice = rng.randrange(6)
    near, wide = bias + rng.randrange(-4, 5), bias + rng.randrange(-precision, precision)
    exponent = (near, rng.randrange(3), wide)[choice % 3]
    if choice == 5:
        bits = rng.getrandbits(top + 1)
    elif choice == 4:
        bits = rng.choice(CORNERS[kind]) + rng.randrange(-1, 2)
    else:
        fraction = rng.getrandbits(precision - 1) >> (zeros := rng.randrange(precision)) << zeros
        bits = rng.getrandbits(1) << top | exponent << (precision - 1) | fraction
    return boxed(kind, bits)


#: Zero, one, infinity, a quiet and a signaling NaN, the greatest finite number.
SPECIAL = {
    "d": [0, 1023 << 52, 2047 << 52, 2047 << 52 | 1 << 51, 2047 << 52 | 1, (2047 << 52) - 1],
    "h": [BOX_H | v for v in (0, 15 << 10, 31 << 10, 31 << 10 | 1 << 9, 31 << 10 | 1, (31 << 10) - 1)],
    "s": [BOX | v for v in (0, 127 << 23, 255 << 23, 255 << 23 | 1 << 22, 255 << 23 | 1, (255 << 23) - 1)],
}


def cancelling(rng: random.Random, kind: str) -> tuple[int, int, int]:
    """a, b and a c that is their rounded product, or next to it, with either sign."""
    a, b = close_to(rng, kind), close_to(rng, kind)
    c, _ = reference(f"fmul_{kind}", (a, b), rng.choice(MODES))
    c = (c ^ rng.getrandbits(1) << SHAPES[kind][2]) + rng.randrange(-1, 2)
    return a, b, boxed(kind, c)


def vectors(name: str) -> list[tuple[int, ...]]:
    """Operands for an operation: corners in all pairs (a sample of the triples), and random ones."""
    rng = random.Random(name)
    kinds = OPERATIONS[name]
    out = list(product(*(CORNERS[k] for k in kinds)))
    if len(out) > 400:
        out = rng.sample(out, 400)
    if len(kinds) == 3:
        out += product(SPECIAL[kinds[0]], repeat=3)
        out += (cancelling(rng, kinds[0]) for _ in range(150))
    return out + [tuple(close_to(rng, k) for k in kinds) for _ in range(200)]


# -- the C functions


class Library:
    """fp_harness.c, compiled with some macros defined."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(os.fspath(path))

    def run(self, name: str, operands: list[tuple], frm: int, rm: int | None) -> list[tuple[int, int]]:
        """Results and flags; rm None: rounded by frm."""
        n = len(operands)
        given = (ctypes.c_uint64 * (3 * n))(*(v for o in operands for v in (*o, 0, 0, 0)[:3]))
        out = (ctypes.c_uint64 * (2 * n))()
        function = getattr(self.lib, f"run_{name}" if rm is None else f"run_{name}_rm")
        function(ctypes.c_uint32(frm), ctypes.c_uint32(rm or 0), ctypes.c_uint32(n), given, out)
        return list(zip(out[::2], out[1::2], strict=True))

    def collecting(self, frm: int, then: int, a: int, b: int) -> list[int]:
        out = (ctypes.c_uint64 * 7)()
        words = (ctypes.c_uint32(frm), ctypes.c_uint32(then), ctypes.c_uint64(a), ctypes.c_uint64(b))
        self.lib.collecting(*words, out)
        return list(out)


VARIANTS = {"host": [], "without fma": ["-DRVH_NO_FMA"], "integer": ["-DRVH_SOFT_FPU"]}


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    cc = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    assert cc, "rvh is built with a C compiler, and none is here"
    folder = tmp_path_factory.mktemp("fp")
    (folder / "hart_layout.h").write_text(layout.render_c())
    sources = [ROOT / "tests/core/fp_harness.c", ROOT / "rvh/core/fp_soft.c"]
    flags = ["-O2", "-shared", "-fPIC", "-frounding-math", "-ftrapping-math"]
    includes = [f"-I{ROOT / 'rvh/core'}", f"-I{folder}"]
    out = {}
    for n, (variant, macros) in enumerate(VARIANTS.items()):
        path = folder / f"fp{n}.so"
        subprocess.run([*cc.split(), *flags, *includes, *macros, *sources, "-o", path], check=True)
        out[variant] = Library(path)
    return out


def differences(name, operands, got, expected, rm):
    return [
        f"{name} rm={rm} {[hex(o) for o in ops]}: {g[0]:#x} flags {g[1]:#x}, not {e[0]:#x} {e[1]:#x}"
        for ops, g, e in zip(operands, got, expected, strict=True)
        if g != e
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(libraries, name):
    """Corner cases and random operands, in every rounding mode, rounded by frm and by an explicit rm."""
    operands = vectors(name)
    for rm in MODES if rounds(name) else (RNE,):
        expected = [reference(name, o, rm) for o in operands]
        for library in libraries.values():
            if rm != RMM:
                assert not differences(name, operands, library.run(name, operands, rm, None), expected, rm)
            if rounds(name):
                for frm in (rm, (rm + 1) % 4):
                    assert not differences(name, operands, library.run(name, operands, frm, rm), expected, rm)


def operand(kind: str) -> st.SearchStrategy[int]:
    seeded = st.integers(0, (1 << 32) - 1).map(lambda seed: close_to(random.Random(seed), kind))
    return st.one_of(seeded, st.sampled_from(CORNERS[kind]), st.integers(0, ALL))


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_any_operands(libraries, data):
    name = data.draw(st.sampled_from(sorted(OPERATIONS)))
    rm = data.draw(st.sampled_from(MODES)) if rounds(name) else RNE
    operands = [tuple(data.draw(operand(kind)) for kind in OPERATIONS[name])]
    expected = [reference(name, operands[0], rm)]
    for library in libraries.values():
        got = library.run(name, operands, RNE, rm if rounds(name) else None)
        assert not differences(name, operands, got, expected, rm)


@given(a=operand("d"), b=operand("d"), rm=st.sampled_from(MODES))
@settings(max_examples=200, deadline=None)
def test_product_minus_its_rounding_is_exact(libraries, a, b, rm):
    """What fmul loses, fmsub finds: a*b - round(a*b) is exact unless it falls below the subnormals."""
    for library in libraries.values():
        ((rounded, flags),) = library.run("fmul_d", [(a, b)], RNE, rm)
        ((rest, rest_flags),) = library.run("fmsub_d", [(a, b, rounded)], RNE, rm)
        if flags in (0, NX) and rounded >> 52 & 0x7FF not in (0, 0x7FF) and (rounded >> 52 & 0x7FF) > 106:
            assert rest_flags == 0
            assert (rest << 1 & ALL != 0) == bool(flags & NX)


def test_flags_are_collected_once(libraries):
    """1/3: inexact under each mode; a collected flag does not come back; leaving restores the host's mode."""
    one, three = 0x3FF0_0000_0000_0000, 0x4008_0000_0000_0000
    down, up = 0x3FD5_5555_5555_5555, 0x3FD5_5555_5555_5556
    for library in libraries.values():
        got = library.collecting(RDN, RUP, one, three)
        assert got[:2] == [down, up]
        assert got[2:] == [NX, NX, 2, 0, 1]
        exact = library.collecting(RDN, RUP, one, one)
        assert exact == [one, one, 0, 0, 0, 0, 1]


def test_flags_by_hand():
    """The reference itself, against results worked out by hand."""
    tiny, least = 0x0000_0000_0000_0001, 0x0010_0000_0000_0000
    half = 0x3FE0_0000_0000_0000
    assert reference("fmul_d", (tiny, half), RNE) == (0, NX | UF)
    assert reference("fmul_d", (tiny, half), RUP) == (tiny, NX | UF)
    # (2^-1022)(1 - 2^-54) rounds to 2^-1022 with 53 bits: not tiny. One bit less does stay below it: tiny.
    assert reference("fmadd_d", (tiny, 0xBFD0_0000_0000_0000, least), RNE) == (least, NX)
    assert reference("fmadd_d", (tiny, 0xBFE0_0000_0000_0000, least), RNE) == (least, NX | UF)
    assert reference("fdiv_d", (half, 0), RNE) == (0x7FF0_0000_0000_0000, DZ)
    assert reference("fadd_s", (BOX | 0x7F7F_FFFF,) * 2, RTZ) == (BOX | 0x7F7F_FFFF, NX | OF)
    assert reference("fsqrt_s", (BOX | 0xBF80_0000,), RNE) == (BOX | 0x7FC0_0000, NV)
    assert reference("fcvt_wu_d", (0xBFE0_0000_0000_0000,), RNE) == (0, NX)
    assert reference("fcvt_w_s", (0x3F80_0000,), RNE) == (0x7FFF_FFFF, NV)  # not boxed: NaN


# -- the instructions

RD, RS1, RS2, RS3 = 5, 6, 7, 8
_FMT = {"s": 0, "d": 1, "h": 2}
_ARITHMETIC = {"fadd": 0x00, "fsub": 0x04, "fmul": 0x08, "fdiv": 0x0C}
_FUSED = {"fmadd": 0x43, "fmsub": 0x47, "fnmsub": 0x4B, "fnmadd": 0x4F}
_FUNCT3 = {
    **{"fsgnj": (0x10, 0), "fsgnjn": (0x10, 1), "fsgnjx": (0x10, 2), "fmin": (0x14, 0), "fmax": (0x14, 1)},
    **{"feq": (0x50, 2), "flt": (0x50, 1), "fle": (0x50, 0)},
    **{"fminm": (0x14, 2), "fmaxm": (0x14, 3), "fleq": (0x50, 4), "fltq": (0x50, 5)},
}


def encode(name: str, rm: int = 7) -> int:
    """The instruction on registers RD, RS1, RS2, RS3, as the opcode map of the manual has it."""
    operation, *suffixes = name.split("_")
    word = RS1 << 15 | RD << 7 | 0x53
    if operation == "fcvtmod":
        return word | 0x61 << 25 | 8 << 20 | 1 << 12
    if operation == "fcvt":
        to, source = suffixes
        if "bf16" in suffixes:
            return word | (0x22 << 25 | 8 << 20 if to == "bf16" else 0x20 << 25 | 6 << 20) | rm << 12
        if to in INTEGER_KINDS:
            return word | (0x60 | _FMT[source]) << 25 | INTEGER_KINDS.index(to) << 20 | rm << 12
        if source in INTEGER_KINDS:
            return word | (0x68 | _FMT[to]) << 25 | INTEGER_KINDS.index(source) << 20 | rm << 12
        return word | (0x20 | _FMT[to]) << 25 | _FMT[source] << 20 | rm << 12
    fmt = _FMT[suffixes[0]]
    if operation in _FUSED:
        return RS3 << 27 | fmt << 25 | RS2 << 20 | RS1 << 15 | rm << 12 | RD << 7 | _FUSED[operation]
    if operation in _ARITHMETIC:
        return word | (_ARITHMETIC[operation] | fmt) << 25 | RS2 << 20 | rm << 12
    if operation == "fsqrt":
        return word | (0x2C | fmt) << 25 | rm << 12
    if operation in ("fround", "froundnx"):
        return word | (0x20 | fmt) << 25 | (4 if operation == "fround" else 5) << 20 | rm << 12
    if operation == "fclass":
        return word | (0x70 | fmt) << 25 | 1 << 12
    funct5, funct3 = _FUNCT3[operation]
    return word | (funct5 | fmt) << 25 | RS2 << 20 | funct3 << 12


def to_x(name: str) -> bool:
    operation, *suffixes = name.split("_")
    if operation == "fcvt":
        return suffixes[0] in INTEGER_KINDS
    return operation in ("feq", "flt", "fle", "fleq", "fltq", "fclass", "fcvtmod")


@pytest.fixture
def rig():
    return Rig()


def execute(rig: Rig, name: str, operands: tuple[int, ...], rm: int, frm: int) -> tuple[int, int]:
    rig.csr["fcsr"] = frm << 5
    for register, kind, value in zip((RS1, RS2, RS3), OPERATIONS[name], operands, strict=False):
        (rig.hart.x if kind == "x" else rig.hart.f)[register] = value
    assert rig.execute(encode(name, rm)) is None
    return (rig.hart.x if to_x(name) else rig.hart.f)[RD], rig.csr["fflags"]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.rules("f_ieee_compliance", "F_rm_field", "F_canonical_NaN", "D_canonical_NaN")
def test_instruction(rig, name):
    """Through decoder and handlers: dynamic and static rounding modes, frm agreeing or not, flags in fcsr."""
    rng = random.Random(name)
    operands = rng.sample(vectors(name), 12)
    for o in operands:
        for rm in MODES if rounds(name) else (RNE,):
            expected = reference(name, o, rm)
            assert execute(rig, name, o, 7, rm) == expected
            if rounds(name):
                assert execute(rig, name, o, rm, rng.choice((RNE, RTZ, RDN, RUP, RMM, 5, 7))) == expected


@pytest.mark.parametrize("name", [name for name in OPERATIONS if rounds(name)])
@pytest.mark.rules("roundingmode_rsv")
def test_reserved_rounding_modes(rig, name):
    """rm 5 and 6, and 7 while frm holds 5, 6 or 7, are illegal, also where the result would be exact."""
    for rm, frm in [(5, 0), (6, 0), (7, 5), (7, 6), (7, 7)]:
        rig.csr["fcsr"] = frm << 5
        word = encode(name, rm)
        trap = rig.execute(word)
        assert trap is not None and (trap.cause, trap.tval) == (2, word)


@pytest.mark.rules("fcsr_fflags_op", "fcsr_op")
def test_flags_accumulate(rig):
    """fflags gathers what several instructions raise, and keeps it until written."""
    rig.csr["fcsr"] = 0
    one, zero, big = 0x3FF0_0000_0000_0000, 0, 0x7FEF_FFFF_FFFF_FFFF
    for a, b, name, flags in [
        (one, zero, "fdiv_d", DZ),
        (big, big, "fmul_d", DZ | OF | NX),
        (zero, zero, "fdiv_d", DZ | OF | NX | NV),
        (one, one, "fadd_d", DZ | OF | NX | NV),
    ]:
        rig.hart.f[RS1] = a
        rig.hart.f[RS2] = b
        assert rig.execute(encode(name)) is None
        assert rig.read("fflags", "M") == flags
    assert rig.execute(csrw("fflags"), a1=UF) is None
    assert rig.read("fcsr", "M") == UF


@pytest.mark.rules("fcsr_frm_op", "F_rm_field", "fcsr_op")
def test_frm_takes_effect_at_once(rig):
    """A write of frm and an addition in the same run of the hart."""
    rig.csr["fcsr"] = 0
    rig.hart.f[RS1] = 0x3FF0_0000_0000_0000
    rig.hart.f[RS2] = 1
    rig.code(csrw("frm"), encode("fadd_d"), csrr("fflags"))
    one = 0x3FF0_0000_0000_0000
    for frm, result in [(RUP, one + 1), (RDN, one), (RMM, one)]:
        rig.csr["fflags"] = 0
        rig.stand("M")
        rig.hart.x["a1"] = frm
        rig.step(3)
        assert rig.hart.f[RD] == result
        assert rig.a0 == NX


@pytest.mark.rules("mstatus_fs_vs_xs_dirty_op", "MSTATUS_FS_IMPRECISE", "MSTATUS_FS_NO_DIRTY_TRACK")
def test_fs_becomes_dirty(rig):
    """By a write of an f register, and by a flag raised without one; not by a comparison that raises none."""
    fs = 3 << 13
    one, nan = 0x3FF0_0000_0000_0000, 0x7FF8_0000_0000_0000
    for name, operand_bits, dirty in [("fadd_d", one, True), ("flt_d", one, False), ("flt_d", nan, True)]:
        rig.csr["fcsr"] = 0
        rig.csr["mstatus"] = 1 << 13
        rig.hart.f[RS1] = operand_bits
        rig.hart.f[RS2] = one
        assert rig.execute(encode(name)) is None
        assert (rig.read("mstatus", "M") & fs == fs) == dirty, name


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.rules("mstatus_fs_vs_xs_off_op")
def test_fs_off(rig, name):
    rig.csr["mstatus"] = 0
    assert rig.cause(encode(name, RNE), mode="M") == 2


@pytest.mark.rules(
    "fp_nan-boxing",
    "FP_transfer_instrs_narrow_transfer_in",
    "FP_transfer_instrs_narrow_transfer_out",
    "fsw_bits_maintained",
    "flw_bits_maintained",
    "D_fpr_regs",
)
def test_loads_stores_and_moves(rig):
    """FLW boxes, FSW and FMV.X.W take the low half as it is, FLD, FSD and FMV.*.D all of it."""
    data = 0x8000_8000
    rig.store(data, 0x8123_4567_89AB_CDEF)
    base = RS1 << 15
    flw, fld = base | 2 << 12 | RD << 7 | 0x07, base | 3 << 12 | RD << 7 | 0x07
    fsw, fsd = base | RD << 20 | 2 << 12 | 16 << 7 | 0x27, base | RD << 20 | 3 << 12 | 24 << 7 | 0x27
    fmv_x_w, fmv_w_x = 0xE000_0053 | RS2 << 15 | 9 << 7, 0xF000_0053 | RS1 << 15 | RD << 7
    fmv_x_d, fmv_d_x = 0xE200_0053 | RS2 << 15 | 9 << 7, 0xF200_0053 | RS1 << 15 | RD << 7

    def run(word: int, x: int = data, f: int = 0x7777_7777_F777_7777) -> None:
        rig.hart.x[RS1] = x
        rig.hart.f[RS2] = f
        assert rig.execute(word) is None

    run(flw)
    assert rig.hart.f[RD] == BOX | 0x89AB_CDEF
    run(fld)
    assert rig.hart.f[RD] == 0x8123_4567_89AB_CDEF
    run(fsw)
    assert rig.load(data + 16) == 0x89AB_CDEF
    run(fsd)
    assert rig.load(data + 24) == 0x8123_4567_89AB_CDEF
    run(fmv_x_w)
    assert rig.hart.x[9] == 0xFFFF_FFFF_F777_7777
    run(fmv_x_d)
    assert rig.hart.x[9] == 0x7777_7777_F777_7777
    run(fmv_w_x, x=0x1234_5678_9ABC_DEF0)
    assert rig.hart.f[RD] == BOX | 0x9ABC_DEF0
    run(fmv_d_x, x=0x1234_5678_9ABC_DEF0)
    assert rig.hart.f[RD] == 0x1234_5678_9ABC_DEF0


@pytest.mark.rules("fcvtmod-w-d_rsw")
@pytest.mark.parametrize("rm", range(8))
def test_fcvtmod_is_defined_for_rtz_alone(rig, rm):
    word = 0xC280_0053 | RS1 << 15 | rm << 12 | 10 << 7
    assert rig.cause(word, mode="M") == (None if rm == 1 else 2)
