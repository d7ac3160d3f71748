"""Every vector instruction on integers, masks and memory against a model of one element, spelt out here; those of
floating point are in tests/core/test_vector_float.py."""

import random
import re
from pathlib import Path

import pytest

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.isa import INSNS

CODE, DATA = 0x8000_0000, 0x8000_4000
VLEN = 128
SEWS = (8, 16, 32, 64)
EDGES = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
         (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip


@pytest.fixture(scope="module")
def machine():
    made = Machine(ram=1 << 20, isa="max_v")
    hart = made.harts[0]
    hart.mode = "M"
    hart.csr["mstatus"] = 0x6600
    yield made
    made.close()


def run(machine, text: str, **x: int) -> None:
    code = assemble(text, CODE).data
    machine.memory.write(CODE, code)
    hart = machine.harts[0]
    hart.csr["vstart"] = 0
    hart.pc = CODE
    for name, value in x.items():
        hart.x[name] = value
    hart.step(len(code) // 4)
    assert hart.pc == CODE + len(code), f"{text}: mcause {hart.csr['mcause']}"


def signed(x: int, width: int) -> int:
    return ((x & (1 << width) - 1) ^ 1 << width - 1) - (1 << width - 1)


def element(rng: random.Random, width: int) -> int:
    return (rng.choice(EDGES) if rng.random() < 0.6 else rng.getrandbits(64)) & (1 << width) - 1


def quotient(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def clamp(x: int, low: int, high: int) -> tuple[int, bool]:
    return min(max(x, low), high), not low <= x <= high


def rounded(x: int, shift: int, vxrm: int) -> int:
    low, unit = x & (1 << shift) - 1, 1 << shift
    up = {0: 2 * low >= unit, 1: 2 * low > unit or (2 * low == unit and x >> shift & 1), 2: 0,
          3: low and not x >> shift & 1}[vxrm] if shift else 0  # fmt: skip
    return (x >> shift) + bool(up)


def s(f):
    """A model on signed operands."""
    return lambda a, b, d, w: f(signed(a, w), signed(b, w), d, w)


#: a is vs2, b vs1 or the scalar, d the destination before, all of width w (d of 2w where that is wider).
SINGLE = {
    "vadd": ("vv vx vi", lambda a, b, d, w: a + b),
    "vsub": ("vv vx", lambda a, b, d, w: a - b),
    "vrsub": ("vx vi", lambda a, b, d, w: b - a),
    "vand": ("vv vx vi", lambda a, b, d, w: a & b),
    "vor": ("vv vx vi", lambda a, b, d, w: a | b),
    "vxor": ("vv vx vi", lambda a, b, d, w: a ^ b),
    "vminu": ("vv vx", lambda a, b, d, w: min(a, b)),
    "vmaxu": ("vv vx", lambda a, b, d, w: max(a, b)),
    "vmin": ("vv vx", s(lambda a, b, d, w: min(a, b))),
    "vmax": ("vv vx", s(lambda a, b, d, w: max(a, b))),
    "vsll": ("vv vx vu", lambda a, b, d, w: a << b % w),
    "vsrl": ("vv vx vu", lambda a, b, d, w: a >> b % w),
    "vsra": ("vv vx vu", lambda a, b, d, w: signed(a, w) >> b % w),
    "vmul": ("vv vx", lambda a, b, d, w: a * b),
    "vmulh": ("vv vx", s(lambda a, b, d, w: a * b >> w)),
    "vmulhu": ("vv vx", lambda a, b, d, w: a * b >> w),
    "vmulhsu": ("vv vx", lambda a, b, d, w: signed(a, w) * b >> w),
    "vdivu": ("vv vx", lambda a, b, d, w: a // b if b else -1),
    "vdiv": ("vv vx", s(lambda a, b, d, w: quotient(a, b) if b else -1)),
    "vremu": ("vv vx", lambda a, b, d, w: a % b if b else a),
    "vrem": ("vv vx", s(lambda a, b, d, w: a - b * quotient(a, b) if b else a)),
    "vmacc": ("vv vx", lambda a, b, d, w: b * a + d),
    "vnmsac": ("vv vx", lambda a, b, d, w: d - b * a),
    "vmadd": ("vv vx", lambda a, b, d, w: b * d + a),
    "vnmsub": ("vv vx", lambda a, b, d, w: a - b * d),
}
SWAPPED = ("vmacc", "vnmsac", "vmadd", "vnmsub", "vwmaccu", "vwmacc", "vwmaccsu", "vwmaccus")
WIDENING = {
    "vwaddu": ("vv vx", lambda a, b, d, w: a + b),
    "vwadd": ("vv vx", s(lambda a, b, d, w: a + b)),
    "vwsubu": ("vv vx", lambda a, b, d, w: a - b),
    "vwsub": ("vv vx", s(lambda a, b, d, w: a - b)),
    "vwmulu": ("vv vx", lambda a, b, d, w: a * b),
    "vwmul": ("vv vx", s(lambda a, b, d, w: a * b)),
    "vwmulsu": ("vv vx", lambda a, b, d, w: signed(a, w) * b),
    "vwmaccu": ("vv vx", lambda a, b, d, w: a * b + d),
    "vwmacc": ("vv vx", s(lambda a, b, d, w: a * b + d)),
    "vwmaccsu": ("vv vx", lambda a, b, d, w: a * signed(b, w) + d),
    "vwmaccus": ("vx", lambda a, b, d, w: signed(a, w) * b + d),
}
WIDENING_W = {
    "vwaddu": ("wv wx", lambda a, b, d, w: a + b),
    "vwadd": ("wv wx", lambda a, b, d, w: a + signed(b, w)),
    "vwsubu": ("wv wx", lambda a, b, d, w: a - b),
    "vwsub": ("wv wx", lambda a, b, d, w: a - signed(b, w)),
}
NARROWING = {
    "vnsrl": ("wv wx wu", lambda a, b, d, w: a >> b % (2 * w)),
    "vnsra": ("wv wx wu", lambda a, b, d, w: signed(a, 2 * w) >> b % (2 * w)),
}
COMPARISONS = {
    "vmseq": ("vv vx vi", lambda a, b, d, w: a == b),
    "vmsne": ("vv vx vi", lambda a, b, d, w: a != b),
    "vmsltu": ("vv vx", lambda a, b, d, w: a < b),
    "vmslt": ("vv vx", s(lambda a, b, d, w: a < b)),
    "vmsleu": ("vv vx vi", lambda a, b, d, w: a <= b),
    "vmsle": ("vv vx vi", s(lambda a, b, d, w: a <= b)),
    "vmsgtu": ("vx vi", lambda a, b, d, w: a > b),
    "vmsgt": ("vx vi", s(lambda a, b, d, w: a > b)),
}
#: With v0 as operand c.
CARRIES = {
    "vadc": ("vvm vxm vim", lambda a, b, c, w: a + b + c),
    "vsbc": ("vvm vxm", lambda a, b, c, w: a - b - c),
    "vmerge": ("vvm vxm vim", lambda a, b, c, w: b if c else a),
}
CARRIES_OUT = {
    "vmadc": ("vvm vxm vim vv vx vi", lambda a, b, c, w: a + b + c >> w),
    "vmsbc": ("vvm vxm vv vx", lambda a, b, c, w: a - b - c < 0),
}
#: (result, saturated); r is vxrm.
FIXED = {
    "vsaddu": ("vv vx vi", lambda a, b, r, w: clamp(a + b, 0, (1 << w) - 1)),
    "vsadd": ("vv vx vi", lambda a, b, r, w: clamp(signed(a, w) + signed(b, w), -1 << w - 1, (1 << w - 1) - 1)),
    "vssubu": ("vv vx", lambda a, b, r, w: clamp(a - b, 0, (1 << w) - 1)),
    "vssub": ("vv vx", lambda a, b, r, w: clamp(signed(a, w) - signed(b, w), -1 << w - 1, (1 << w - 1) - 1)),
    "vaaddu": ("vv vx", lambda a, b, r, w: (rounded(a + b, 1, r), False)),
    "vaadd": ("vv vx", lambda a, b, r, w: (rounded(signed(a, w) + signed(b, w), 1, r), False)),
    "vasubu": ("vv vx", lambda a, b, r, w: (rounded(a - b, 1, r), False)),
    "vasub": ("vv vx", lambda a, b, r, w: (rounded(signed(a, w) - signed(b, w), 1, r), False)),
    "vsmul": ("vv vx", lambda a, b, r, w: clamp(rounded(signed(a, w) * signed(b, w), w - 1, r), -1 << w - 1,
                                                (1 << w - 1) - 1)),
    "vssrl": ("vv vx vu", lambda a, b, r, w: (rounded(a, b % w, r), False)),
    "vssra": ("vv vx vu", lambda a, b, r, w: (rounded(signed(a, w), b % w, r), False)),
}  # fmt: skip
CLIPS = {
    "vnclipu": ("wv wx wu", lambda a, b, r, w: clamp(rounded(a, b % (2 * w), r), 0, (1 << w) - 1)),
    "vnclip": ("wv wx wu", lambda a, b, r, w: clamp(rounded(signed(a, 2 * w), b % (2 * w), r), -1 << w - 1,
                                                    (1 << w - 1) - 1)),
}  # fmt: skip
REDUCTIONS = {
    "vredsum": lambda a, b, w: a + b,
    "vredand": lambda a, b, w: a & b,
    "vredor": lambda a, b, w: a | b,
    "vredxor": lambda a, b, w: a ^ b,
    "vredminu": lambda a, b, w: min(a, b),
    "vredmin": lambda a, b, w: min(signed(a, w), signed(b, w)),
    "vredmaxu": lambda a, b, w: max(a, b),
    "vredmax": lambda a, b, w: max(signed(a, w), signed(b, w)),
}
MASKS = {
    "vmandn": lambda a, b: a & ~b, "vmand": lambda a, b: a & b, "vmor": lambda a, b: a | b,
    "vmxor": lambda a, b: a ^ b, "vmorn": lambda a, b: a | ~b, "vmnand": lambda a, b: ~(a & b),
    "vmnor": lambda a, b: ~(a | b), "vmxnor": lambda a, b: ~(a ^ b),
}  # fmt: skip

A, B, D = 8, 16, 24  # registers; groups of up to 8


#: What a row checks beside the rule of its instruction; under its whole name, that form alone.
ALSO = {
    "vsub.vv": ("vop-vv_vreg_vs2_vs1",),
    "vsub.vx": ("vop-vx_vreg_vs2", "vop-vx_xreg_rs1", "vop-vx_rs1_trunc_lsb_sewbits"),
    "vrsub.vi": ("vop-vi_vreg_vs2", "vop-vi_imm_5bit"),
    **{name: (f"{name}_shamt",) for name in ("vsll", "vsrl", "vsra", "vnsra", "vssrl", "vssra")},
    "vnsrl": ("vnsrl_shamt", "vnop_vd_eew_emul"),
    "vnsrl.wv": ("vnarrowing_EEW", "vnop_vs2_eew_emul", "vnop_vs1_eew_emul"),
    "vwadd.vv": ("vwop_vd_eew_emul",),
    **{name: (f"{name}_tail_agnostic",) for name in COMPARISONS},
    **{f"{name}.vvm": (f"{name}_carry_v0", f"{name}_masked_write_all_elem") for name in ("vadc", "vsbc", *CARRIES_OUT)},
    "vmerge.vvm": ("vmerge_all_elem",),
    "vmadc": ("vmadc_tail_agnostic",),
    "vmsbc": ("vmsbc_tail_agnostic", "vmsbc_borrow_neg"),
    **{name: ("vxsat_op_vsaddsub",) for name in ("vsaddu", "vsadd", "vssubu", "vssub")},
    "vsmul": ("vxsat_op_vsmul",),
    "vssra.vv": ("vssra_shamt", "vxrm_op"),
    **{name: (f"{name}_shamt", f"{name}_overflow", "vxsat_op_vnclip_u") for name in CLIPS},
    "vredsum": ("vredsum_overflow",),
}


def rules(name: str, form: str = ""):
    return pytest.mark.rules(f"{name}_op", *ALSO.get(name, ()), *ALSO.get(f"{name}.{form}", ()))


def written(*tables):
    """(name, form, model) of each row and form."""
    return [(name, form, model) for table in tables for name, (all_, model) in table.items() for form in all_.split()]


def forms(*tables):
    return [pytest.param(*row, marks=rules(*row[:2])) for row in written(*tables)]


def identity(value) -> str:
    return value if isinstance(value, str) else ""


class Case:
    """Random operands of one instruction: a in v8, b in v16 or a0 or the instruction, d in v24, the mask in v0."""

    def __init__(self, machine, name: str, form: str, width: int, a_width: int, d_width: int, masked: bool, seed):
        rng = random.Random(f"{name} {form} {width} {masked} {seed}")
        self.v, self.width = machine.harts[0].v, width
        self.n = rng.randrange(1, VLEN * 2 // width + 1)
        count = VLEN * 4 // max(width, d_width)
        self.a = [element(rng, a_width) for _ in range(count)]
        self.d = [element(rng, d_width) for _ in range(count)]
        self.mask = rng.getrandbits(count)
        self.masked = masked
        self.v.put(A, a_width, self.a)
        self.v.put(D, d_width, self.d)
        self.v.put(0, 64, [self.mask, 0])
        kind, x = form[1], 0
        if kind == "v":
            self.b = [element(rng, width) for _ in range(count)]
            self.v.put(B, width, self.b)
            operand = f"v{B}"
        elif kind == "x":
            x = element(rng, 64)
            self.b, operand = [x & (1 << width) - 1] * count, "a0"
        else:
            value = rng.randrange(-16, 16) if kind == "i" else rng.randrange(32)
            self.b, operand = [value & (1 << width) - 1] * count, str(value)
        order = (operand, f"v{A}") if name in SWAPPED else (f"v{A}", operand)
        tail = ", v0" if form.endswith("m") else ", v0.t" if masked else ""
        suffix = form.replace("u", "i")
        run(machine, f"vsetvli zero, a1, e{width}, m2, ta, ma; {name}.{suffix} v{D}, {', '.join(order)}{tail}",
            a0=x, a1=self.n)  # fmt: skip

    def active(self, i: int) -> bool:
        return i < self.n and (not self.masked or bool(self.mask >> i & 1))

    def elements(self, model, d_width: int) -> list[int]:
        """What v24 must hold: results where active, what was there elsewhere."""
        keep = (1 << d_width) - 1
        return [
            model(self.a[i], self.b[i], self.d[i], self.width) & keep if self.active(i) else self.d[i]
            for i in range(len(self.d))
        ]


@pytest.mark.parametrize(("name", "form", "model"), forms(SINGLE), ids=identity)
def test_single_width(machine, name, form, model):
    for width in SEWS:
        for masked in (False, True):
            case = Case(machine, name, form, width, width, width, masked, 0)
            assert case.v.elements(D, width, len(case.d)) == case.elements(model, width), (width, masked)


@pytest.mark.parametrize(
    ("name", "form", "model"), forms(WIDENING, WIDENING_W), ids=lambda v: v if isinstance(v, str) else ""
)
def test_widening(machine, name, form, model):
    for width in SEWS[:3]:
        for masked in (False, True):
            case = Case(machine, name, form, width, width * (1 + (form[0] == "w")), 2 * width, masked, 0)
            assert case.v.elements(D, 2 * width, len(case.d)) == case.elements(model, 2 * width), (width, masked)


@pytest.mark.parametrize(("name", "form", "model"), forms(NARROWING), ids=identity)
def test_narrowing(machine, name, form, model):
    for width in SEWS[:3]:
        for masked in (False, True):
            case = Case(machine, name, form, width, 2 * width, width, masked, 0)
            assert case.v.elements(D, width, len(case.a)) == case.elements(model, width)[: len(case.a)], (width, masked)


def mask_result(case, model) -> int:
    """v24's bits: results where active, what was there elsewhere."""
    before = sum(d << i * case.width for i, d in enumerate(case.d))
    for i in range(case.n):
        if case.active(i):
            bit = int(bool(model(case.a[i], case.b[i], 0, case.width)))
            before = before & ~(1 << i) | bit << i
    return before & (1 << VLEN) - 1


@pytest.mark.parametrize(("name", "form", "model"), forms(COMPARISONS), ids=identity)
def test_comparisons(machine, name, form, model):
    for width in SEWS:
        for masked in (False, True):
            case = Case(machine, name, form, width, width, width, masked, 0)
            assert int.from_bytes(case.v[D], "little") == mask_result(case, model), (width, masked)


@pytest.mark.parametrize(
    ("name", "form", "model"), forms(CARRIES, CARRIES_OUT), ids=lambda v: v if isinstance(v, str) else ""
)
def test_carries(machine, name, form, model):
    for width in SEWS:
        case = Case(machine, name, form, width, width, width, False, 0)
        carry = [case.mask >> i & 1 if form.endswith("m") else 0 for i in range(len(case.a))]
        results = [model(*both, width) for both in zip(case.a, case.b, carry, strict=True)]
        if name in CARRIES:
            expected = [x & (1 << width) - 1 for x in results[: case.n]] + case.d[case.n :]
            assert case.v.elements(D, width, len(case.d)) == expected, width
        else:
            bits = sum(bool(x) << i for i, x in enumerate(results[: case.n]))
            before = sum(d << i * width for i, d in enumerate(case.d)) & (1 << VLEN) - (1 << case.n)
            assert int.from_bytes(case.v[D], "little") == before | bits, width


@pytest.mark.parametrize("vxrm", range(4))
@pytest.mark.parametrize(("name", "form", "model"), forms(FIXED, CLIPS), ids=identity)
def test_fixed_point(machine, name, form, model, vxrm):
    csr = machine.harts[0].csr
    for width in SEWS if name in FIXED else SEWS[:3]:
        for masked in (False, True):
            csr["vcsr"] = vxrm << 1
            case = Case(machine, name, form, width, width * (1 + (name in CLIPS)), width, masked, vxrm)
            expected, saturated = list(case.d), False
            for i in range(min(case.n, len(case.a))):
                if case.active(i):
                    value, over = model(case.a[i], case.b[i], vxrm, width)
                    expected[i], saturated = value & (1 << width) - 1, saturated or over
            count = min(len(case.a), len(case.d))
            assert case.v.elements(D, width, count) == expected[:count], (width, masked)
            assert csr["vxsat"] == saturated, (width, masked)


@pytest.mark.rules("vreduction_scalar")
@pytest.mark.parametrize("name", [pytest.param(n, marks=rules(n)) for n in (*REDUCTIONS, "vwredsumu", "vwredsum")])
def test_reductions(machine, name):
    v, rng = machine.harts[0].v, random.Random(name)
    for width in SEWS[:3] if name.startswith("vw") else SEWS:
        wide = width * (1 + name.startswith("vw"))
        for masked in (False, True):
            n = VLEN // width
            a, first, mask = [element(rng, width) for _ in range(n)], element(rng, wide), rng.getrandbits(n)
            v.put(A, width, a)
            v.put(B, wide, [first])
            v.put(0, 64, [mask])
            run(machine, f"vsetvli zero, zero, e{width}, m1, ta, ma; vsetvli a1, zero, e{width}, m1, ta, ma;"
                         f"{name}.vs v{D}, v{A}, v{B}{', v0.t' if masked else ''}")  # fmt: skip
            for i, x in enumerate(a):
                if not masked or mask >> i & 1:
                    if name.startswith("vw"):
                        first += x if name == "vwredsumu" else signed(x, width)
                    else:
                        first = REDUCTIONS[name](x, first, width) & (1 << width) - 1
            assert v.elements(D, wide, 1) == [first & (1 << wide) - 1], (width, masked)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("letter", [pytest.param(letter, marks=rules(f"v{letter}ext")) for letter in "sz"])
def test_extensions(machine, letter, factor):
    v, rng = machine.harts[0].v, random.Random(factor)
    for width in (w for w in SEWS if w // factor >= 8):
        a = [element(rng, width // factor) for _ in range(VLEN // width)]
        v.put(A, width // factor, a)
        run(machine, f"vsetvli a1, zero, e{width}, m1, ta, ma; v{letter}ext.vf{factor} v{D}, v{A}")
        extended = [signed(x, width // factor) if letter == "s" else x for x in a]
        assert v.elements(D, width, len(a)) == [x & (1 << width) - 1 for x in extended]


# -- masks


@pytest.mark.rules("vmand_op", "vcpop_op", "vfirst_op", "vmsbf_op", "vmsif_op", "vmsof_op", "viota_op", "vid_op")
def test_masks(machine):
    v, rng = machine.harts[0].v, random.Random(5)
    for n in (1, 7, 8, 63, 100, 128):
        a, b, d, m = (rng.getrandbits(VLEN) for _ in range(4))
        for value, register in ((a, A), (b, B), (m, 0)):
            v[register] = value.to_bytes(16, "little")
        keep = (1 << n) - 1

        def result(text: str, n=n, d=d) -> int:
            v[D] = d.to_bytes(16, "little")
            run(machine, f"vsetvli zero, a1, e8, m8, ta, ma; {text}", a1=n)
            return int.from_bytes(v[D], "little")

        for name, model in MASKS.items():
            assert result(f"{name}.mm v{D}, v{A}, v{B}") == d & ~keep | model(a, b) & keep, name
        for masked in (False, True):
            t, active = (", v0.t", m & keep) if masked else ("", keep)
            found = a & active
            result(f"vcpop.m a0, v{A}{t}")
            assert machine.harts[0].x["a0"] == found.bit_count()
            result(f"vfirst.m a0, v{A}{t}")
            lowest = found & -found
            assert machine.harts[0].x["a0"] == (lowest.bit_length() - 1) & (1 << 64) - 1
            before = (lowest - 1 if found else -1) & active
            for name, bits in (("vmsbf", before), ("vmsif", before | lowest), ("vmsof", lowest)):
                assert result(f"{name}.m v{D}, v{A}{t}") == d & ~active | bits, name


def test_iota_and_id(machine):
    v = machine.harts[0].v
    v.put(A, 8, [0b10110101])
    v.put(0, 8, [0b11101110])
    for name, plain, masked in (
        (f"viota.m v{D}, v{A}", [0, 1, 1, 2, 2, 3, 4, 4], [9, 0, 0, 1, 9, 1, 2, 2]),
        (f"vid.v v{D}", list(range(8)), [9, 1, 2, 3, 9, 5, 6, 7]),
    ):
        for tail, expected in (("", plain), (", v0.t", masked)):
            v.put(D, 16, [9] * 8)
            run(machine, f"vsetivli zero, 8, e16, m1, ta, ma; {name}{tail}")
            assert v.elements(D, 16, 8) == expected


# -- permutations


def moves(a: list[int], index: list[int], by: int, x: int, n: int) -> dict:
    """By instruction, what becomes of element i; None: nothing."""
    most = len(a)
    sources = a + [0] * (most + 2)
    small = min(by, 31)
    return {
        f"vslideup.vx v{D}, v{A}, a0": lambda i: sources[i - by] if i >= by else None,
        f"vslidedown.vx v{D}, v{A}, a0": lambda i: sources[i + by] if i + by < most else 0,
        f"vslideup.vi v{D}, v{A}, {small}": lambda i: sources[i - small] if i >= small else None,
        f"vslidedown.vi v{D}, v{A}, {small}": lambda i: sources[i + small] if i + small < most else 0,
        f"vslide1up.vx v{D}, v{A}, a2": lambda i: sources[i - 1] if i else x,
        f"vslide1down.vx v{D}, v{A}, a2": lambda i: sources[i + 1] if i < n - 1 else x,
        f"vrgather.vv v{D}, v{A}, v{B}": lambda i: sources[index[i]],
        f"vrgather.vx v{D}, v{A}, a0": lambda i: a[by] if by < most else 0,
        f"vrgather.vi v{D}, v{A}, {small}": lambda i: sources[small] if small < most else 0,
        f"vrgatherei16.vv v{D}, v{A}, v{B}": lambda i: sources[index[i]],
    }


@pytest.mark.rules("vslideup_op", "vslidedown_op", "vslide1up-vx_op", "vslide1down-vx_op", "vrgather-vx_op",
                   "vcompress_op", "vrgather_id_ge_VLMAX", "vslideup_mask")  # fmt: skip
@pytest.mark.parametrize("width", SEWS)
def test_permutations(machine, width):
    v, rng = machine.harts[0].v, random.Random(width)
    most = 2 * VLEN // width
    for masked in (False, True):
        for by in (0, 1, 3, most - 1, most, 1 << 40):
            n = rng.randrange(1, most + 1)
            a, d = ([element(rng, width) for _ in range(most)] for _ in range(2))
            index, mask, x = [rng.randrange(most + 2) for _ in range(most)], rng.getrandbits(most), element(rng, width)
            for text, model in moves(a, index, by, x, n).items():
                v.put(A, width, a)
                v.put(D, width, d)
                v.put(B, 16 if "ei16" in text else width, index)
                v.put(0, 64, [mask])
                tail = ", v0.t" if masked else ""
                run(machine, f"vsetvli zero, a1, e{width}, m2, ta, ma; {text}{tail}", a0=by, a1=n, a2=x)
                expected = list(d)
                for i in range(n):
                    value = model(i)
                    if value is not None and (not masked or mask >> i & 1):
                        expected[i] = value
                assert v.elements(D, width, most) == expected, (text, masked, by, n)


def test_compress_and_moves(machine):
    hart = machine.harts[0]
    v = hart.v
    v.put(A, 32, [1, 2, 3, 0x80000004])
    v.put(B, 8, [0b1010])
    v.put(D, 32, [9, 9, 9, 9])
    run(machine, f"vsetivli zero, 4, e32, m1, ta, ma; vcompress.vm v{D}, v{A}, v{B}; vmv.x.s a0, v{D}")
    assert v.elements(D, 32, 4) == [2, 0x80000004, 9, 9] and hart.x["a0"] == 2
    run(machine, f"vmv.s.x v{D}, a0; vmv.v.x v1, a0; vmv.v.i v2, -3; vmv.v.v v3, v{A}; vslidedown.vi v4, v{A}, 3;"
                 "vmv.x.s a0, v4", a0=(1 << 32) | 5)  # fmt: skip
    assert v.elements(D, 32, 4) == [5, 0x80000004, 9, 9]
    assert v.elements(1, 32, 4) == [5] * 4 and v.elements(2, 32, 4) == [(1 << 32) - 3] * 4 and v[3] == v[A]
    assert hart.x["a0"] == 0xFFFF_FFFF_8000_0004
    for n in (1, 2, 4, 8):
        for i in range(8):
            v[A + i], v[D + i] = bytes([i + 1] * 16), bytes(16)
        run(machine, f"vmv{n}r.v v{D}, v{A}")
        assert [v[D + i] for i in range(8)] == [bytes([i + 1] * 16) if i < n else bytes(16) for i in range(8)]


# -- loads and stores


@pytest.mark.rules("vector_ls_unit_stride_op", "vector_ls_constant_stride_op", "vector_ls_indexed_op",
                   "vector_ls_seg_op", "vector_ls_neg_stride", "vector_ls_zero_stride")  # fmt: skip
@pytest.mark.parametrize("fields", range(1, 9))
@pytest.mark.parametrize("width", SEWS)
def test_loads_and_stores(machine, width, fields):
    """Unit-stride, strided and indexed, plain and masked: element i of field f is at base + offset(i) + f * size."""
    v, rng, size = machine.harts[0].v, random.Random(f"{width} {fields}"), width // 8
    n, seg = VLEN // width, f"seg{fields}" if fields > 1 else ""
    room = bytes(rng.randbytes(4096))
    base = DATA + 1024
    for kind in ("unit", "ff", "strided", "ordered", "unordered"):
        for store in (False, True):
            if kind == "ff" and store:
                continue
            for stride in (fields * size, -fields * size, 0, 24 * size) if kind == "strided" else (fields * size,):
                for masked in (False, True):
                    offsets = [i * stride for i in range(n)]
                    if kind in ("ordered", "unordered"):
                        offsets = [rng.randrange(0, 256 // fields) // size * size for _ in range(n)]
                        offsets = [o * fields if width > 8 else o for o in offsets]
                    mask = rng.getrandbits(n) if masked else (1 << n) - 1
                    letter, tail = "s" if store else "l", ", v0.t" if masked else ""
                    name = {"unit": f"v{letter}{seg}e{width}.v", "ff": f"vl{seg}e{width}ff.v",
                            "strided": f"v{letter}s{seg}e{width}.v"}.get(kind)  # fmt: skip
                    name = name or f"v{letter}{kind[0]}x{seg}ei{width}.v"
                    operand = {"unit": "", "ff": "", "strided": ", a2"}.get(kind, ", v20")
                    machine.memory.write(DATA, room)
                    registers = [rng.randbytes(16) for _ in range(fields)]
                    for f in range(fields):
                        v[A + f] = registers[f]
                    v.put(0, 64, [mask])
                    v.put(20, width, offsets)
                    run(machine, f"vsetvli a1, zero, e{width}, m1, ta, ma; {name} v{A}, (a0){operand}{tail}",
                        a0=base, a2=stride & (1 << 64) - 1)  # fmt: skip
                    memory, loaded = bytearray(room), [bytearray(r) for r in registers]
                    for i in range(n):
                        for f in range(fields if mask >> i & 1 else 0):
                            at = base - DATA + offsets[i] + f * size
                            if store:
                                memory[at : at + size] = registers[f][i * size : (i + 1) * size]
                            else:
                                loaded[f][i * size : (i + 1) * size] = room[at : at + size]
                    assert machine.memory.read(DATA, 4096) == memory, (name, stride, masked)
                    assert [v[A + f] for f in range(fields)] == loaded, (name, stride, masked)


@pytest.mark.rules("vector_ls_seg_wholereg_op", "vector_ls_seg_wholereg_evl", "vector_ls_unit_stride_mask")
def test_whole_registers_and_masks(machine):
    v, rng = machine.harts[0].v, random.Random(8)
    for n in (1, 2, 4, 8):
        for width in SEWS:
            room = rng.randbytes(256)
            machine.memory.write(DATA, room)
            run(machine, f"vsetivli zero, 1, e8, m1, ta, ma; vl{n}re{width}.v v{A}, (a0); vs{n}r.v v{A}, (a1)",
                a0=DATA, a1=DATA + 128)  # fmt: skip
            assert b"".join(v[A + i] for i in range(n)) == room[: 16 * n]
            assert machine.memory.read(DATA, 256) == room[:128] + room[: 16 * n] + room[128 + 16 * n :]
    v[A] = bytes(16)
    run(machine, f"vsetivli zero, 11, e8, m1, ta, ma; vlm.v v{A}, (a0); vsm.v v{A}, (a1)", a0=DATA, a1=DATA + 64)
    assert v[A] == room[:2] + bytes(14) and machine.memory.read(DATA + 64, 3) == room[:2] + room[66:67]


def test_every_instruction_is_in_a_table():
    """Those of floating point, and configuration, are in tests/core; a name with numbers stands for its family."""
    here = {f"{name}.{form.replace('u', 'i')}" for name, form, _ in written(
        SINGLE, WIDENING, WIDENING_W, NARROWING, COMPARISONS, CARRIES, CARRIES_OUT, FIXED, CLIPS)}  # fmt: skip
    here |= {f"{name}.vs" for name in (*REDUCTIONS, "vwredsum", "vwredsumu")} | {f"{name}.mm" for name in MASKS}
    here |= {f"v{letter}ext.vf{factor}" for letter in "sz" for factor in (2, 4, 8)}
    text = Path(__file__).read_text()
    elsewhere = re.compile(r"v(mf|f|set|[ls](|s|ux|ox)(seg\d)?ei?\d+|l\d|s\d|[ls]m\.|mv\dr|bf|.*bf16|w?.*float)")
    for name, insn in INSNS.items():
        if insn.whole_word and insn.ext[0] & {"V", "Zve32x", "Zve64x"} and name not in here:
            assert name in text or name.removesuffix(".m") in text or elsewhere.match(name), name
