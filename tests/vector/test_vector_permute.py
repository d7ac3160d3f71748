"""Permutations: slides, gathers, compress and moves of scalars and whole registers."""

import random

import pytest
from vrig import ILLEGAL, SETTINGS, SEWS, rules, vtype, words

ISA = "max_v_zvfh_zvl128b"

VLEN, VLENB = 128, 16
ALL = (1 << 64) - 1


def permuted(rig, text, sew, lmul, vl, model, *, mask=None, index_width=0, indices=(), **x) -> None:
    """Runs with random elements in v8 (vs2) and v24 (vd); ``model(i, vs2)`` is element i afterwards, None the old one.
    Everything from vl to the end of the last register must stay."""
    rng = random.Random(text)
    size = sew // 8
    count = max(1, int(lmul)) * VLENB // size
    source, old = ([rng.getrandbits(sew) for _ in range(count)] for _ in range(2))
    rig.set(vl, sew, lmul, vta=vl & 1, vma=vl >> 1 & 1)
    rig.hart.v.put(8, sew, source)
    rig.hart.v.put(24, sew, old)
    if indices:
        rig.hart.v.put(16, index_width, indices)
    if mask is not None:
        rig.fill(0, mask.to_bytes(VLENB, "little"))
    rig.done(f"{text}{'' if mask is None else ', v0.t'}", **x)
    expected = list(old)
    for i in range(vl):
        value = model(i, source) if mask is None or mask >> i & 1 else None
        if value is not None:
            expected[i] = value & (1 << sew) - 1
    assert rig.hart.v.elements(24, sew, count) == expected, (text, sew, lmul, vl)


# -- slides

SCALAR = 0xFEDC_BA98_7654_3210
#: name -> operand, and element i of the result given vs2, VLMAX, vl, the offset and the scalar
SLIDES = {
    "vslideup.vx": ("a1", lambda i, a, most, vl, by, s: a[i - by] if i >= by else None),
    "vslideup.vi": ("{by}", lambda i, a, most, vl, by, s: a[i - by] if i >= by else None),
    "vslidedown.vx": ("a1", lambda i, a, most, vl, by, s: a[i + by] if i + by < most else 0),
    "vslidedown.vi": ("{by}", lambda i, a, most, vl, by, s: a[i + by] if i + by < most else 0),
    "vslide1up.vx": ("a2", lambda i, a, most, vl, by, s: a[i - 1] if i else s),
    "vslide1down.vx": ("a2", lambda i, a, most, vl, by, s: a[i + 1] if i < vl - 1 else s),
    "vfslide1up.vf": ("fa2", lambda i, a, most, vl, by, s: a[i - 1] if i else s),
    "vfslide1down.vf": ("fa2", lambda i, a, most, vl, by, s: a[i + 1] if i < vl - 1 else s),
}


def kind(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=rules(
            f"{kind(name)}_mask",
            *{"vfslide1down.vf": ["vslide1down-vf_op"], "vfslide1up.vf": ["vslide1up-vf_op"]}.get(name, [])))
        for name in SLIDES
    ],
)  # fmt: skip
def test_slides(rig, name):
    """Offsets up to VLMAX and beyond, unmasked and under masks, of which element i is for destination element i."""
    operand, model = SLIDES[name]
    rng = random.Random(name)
    for sew, lmul in [setting for setting in SETTINGS if setting[0] > 8 or not name.startswith("vf")]:
        most = int(VLEN * lmul / sew)
        wide = (1 << sew) + 1 & ALL
        for by in {0, 1, 3, min(most, 31), 31} if name.endswith("vi") else (0, 1, most - 1, most, wide, ALL):
            for mask in (None, rng.getrandbits(most), rng.getrandbits(most)):
                vl = rng.randrange(1, most + 1)
                rig.hart.f["fa2"] = scalar = SCALAR if sew == 64 else SCALAR & (1 << sew) - 1 | ALL << sew & ALL
                permuted(
                    rig, f"{name} v24, v8, {operand.format(by=by)}", sew, lmul, vl,
                    lambda i, a, most=most, vl=vl, by=by, s=scalar: model(i, a, most, vl, by, s),
                    mask=mask, a1=by, a2=scalar,
                )  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(n, marks=rules(f"{kind(n)}_vstart_ge_vl")) for n in SLIDES])
def test_slides_do_nothing_from_vl_on(rig, name):
    """With vl=0; and with vstart=vl they are illegal, as with any vstart but 0."""
    operand = SLIDES[name][0].format(by=1)
    for vl, vstart in ((0, 0), (0, 1), (2, 2), (2, 3)):
        rig.set(vl, 32, 1, 1, 1)
        rig.fill(24, bytes([0x5A]) * VLENB)
        rig.csr["vstart"] = vstart
        trap = rig.run(f"{name} v24, v8, {operand}", a1=1, a2=1)
        assert (trap and trap.cause) == (ILLEGAL if vstart else None) and rig.csr["vstart"] == vstart
        assert rig.hart.v[24] == bytes([0x5A]) * VLENB
        rig.csr["vstart"] = 0


# -- gathers


def gathers(name: str):
    base = kind(name)
    return pytest.param(name, marks=rules(
        f"{base}_vs2_uint", f"{base}_vs_ignore_vl", f"{base}_vl", f"{base}_tail", f"{base}_mask",
        f"{base}_id_ge_VLMAX", f"{base}-vv_sew_lmul", "vrgather-vv_op_vrgatherei16-vv_op"))  # fmt: skip


@pytest.mark.parametrize("name", [gathers("vrgather.vv"), gathers("vrgatherei16.vv")])
def test_gathers(rig, name):
    """Indices below VLMAX though not below vl, from there on, and with the high bit set; they are as wide as SEW, or 16
    bits."""
    rng = random.Random(name)
    for sew, lmul in SETTINGS:
        width = 16 if "ei16" in name else sew
        most = int(VLEN * lmul / sew)
        if lmul * width / sew > 8 or lmul * width / sew < 1 / 8:
            continue
        for masked in (False, True):
            vl = rng.randrange(1, most + 1)
            pool = [0, vl - 1, most - 1, most, (1 << width) - 1, 1 << width - 1, rng.randrange(most)]
            indices = [rng.choice(pool) & (1 << width) - 1 for _ in range(most)]
            permuted(
                rig, f"{name} v24, v8, v16", sew, lmul, vl,
                lambda i, a, indices=indices, most=most: a[indices[i]] if indices[i] < most else 0,
                mask=rng.getrandbits(most) if masked else None, index_width=width, indices=indices,
            )  # fmt: skip


@pytest.mark.parametrize(
    "form", [pytest.param("vx", marks=rules("vrgather-vx_op")), pytest.param("vi", marks=rules("vrgather-vi_op"))]
)
def test_gathers_of_one_element(rig, form):
    """The index is not cut to SEW bits, nor is the immediate signed."""
    rng = random.Random(form)
    for sew, lmul in SETTINGS:
        most = int(VLEN * lmul / sew)
        for index in (0, 1, 16, 31) if form == "vi" else (0, most - 1, most, 1 << sew, (1 << sew) + most - 1, 1 << 63):
            index &= ALL
            for mask in (None, rng.getrandbits(most)):
                permuted(
                    rig, f"vrgather.{form} v24, v8, {index if form == 'vi' else 'a1'}", sew, lmul,
                    rng.randrange(1, most + 1), lambda i, a, index=index, most=most: a[index] if index < most else 0,
                    mask=mask, a1=index,
                )  # fmt: skip


# -- compress


@pytest.mark.rules("vcompress_op")
def test_compress(rig):
    """Of the first vl elements those whose bits are set; what is behind them stays."""
    rng = random.Random(1)
    for sew, lmul in SETTINGS:
        most = int(VLEN * lmul / sew)
        vl, bits = rng.randrange(1, most + 1), rng.getrandbits(VLEN)
        rig.fill(16, bits.to_bytes(VLENB, "little"))
        chosen = [i for i in range(vl) if bits >> i & 1]
        permuted(rig, "vcompress.vm v24, v8, v16", sew, lmul, vl,
                 lambda i, a, chosen=chosen: a[chosen[i]] if i < len(chosen) else None)  # fmt: skip


@pytest.mark.rules("vcompress_enc", "vcompress_masked_rsv")
def test_compress_is_encoded_as_unmasked(rig):
    rig.set(4, 8)
    word = words("vcompress.vm v8, v9, v10")[0]
    assert word >> 25 & 1 and rig.execute(word) is None
    assert rig.cause(word & ~(1 << 25), mode="M") == ILLEGAL


# -- scalars


@pytest.mark.parametrize("sew", SEWS)
@pytest.mark.parametrize("lmul", [1, 8])
@pytest.mark.rules("vmv-x-s_op", "vmv-x-s_ignoreLMUL")
def test_vmv_x_s(rig, sew, lmul):
    """Element 0, sign-extended, of any register."""
    for value in (1, (1 << sew - 1) - 1, 1 << sew - 1, (1 << sew) - 1):
        rig.set(1, sew, lmul)
        rig.hart.v.put(13, sew, [value, 0x55])
        rig.done("vmv.x.s a0, v13")
        assert rig.a0 == (value ^ 1 << sew - 1) - (1 << sew - 1) & ALL


@pytest.mark.parametrize("sew", SEWS)
@pytest.mark.parametrize("lmul", [1, 8])
@pytest.mark.parametrize("vta", [0, 1])
@pytest.mark.rules("vmv-s-x_op", "vmv-s-x_ignoreLMUL")
def test_vmv_s_x(rig, sew, lmul, vta):
    """Element 0 from the low bits; the others of the register are its tail, that stays, and no other is written."""
    rig.set(VLEN // sew, sew, lmul, vta)
    rig.fill(13, bytes([0x33]) * 2 * VLENB)
    rig.done("vmv.s.x v13, a2", a2=SCALAR)
    expected = (SCALAR & (1 << sew) - 1).to_bytes(sew // 8, "little")
    assert rig.group(13, 2) == expected.ljust(2 * VLENB, b"\x33")


@pytest.mark.parametrize("sew", [16, 32, 64])
@pytest.mark.rules("vfmv-f-s_ignoreLMUL", "vfmv-s-f_ignoreLMUL", "vfmv-f-s_op", "vfmv-s-f_op")
def test_moves_of_floats_ignore_lmul(rig, sew):
    rig.set(4, sew, 8)
    rig.fill(13, bytes([0x33]) * 2 * VLENB)
    value = 0x4444_3333_2222_1111 & (1 << sew) - 1
    rig.hart.f["fa0"] = value | ALL << sew & ALL
    rig.done("vfmv.s.f v13, fa0; vfmv.f.s fa1, v13")
    assert rig.group(13, 2) == value.to_bytes(sew // 8, "little").ljust(2 * VLENB, b"\x33")
    assert rig.hart.f["fa1"] == rig.hart.f["fa0"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("vmv.x.s a0, v8", marks=rules("vmv-x-s_masked_rsv")),
        pytest.param("vmv.s.x v8, a0", marks=rules("vmv-s-x_masked_rsv")),
        "vfmv.f.s fa0, v8",
        pytest.param("vfmv.s.f v8, fa0", marks=rules("vfmv-s-f_masked_rsv")),
    ],
)
def test_moves_of_scalars_have_no_masked_form(rig, text):
    rig.set(1, 32)
    word = words(text)[0]
    assert rig.execute(word) is None
    assert rig.cause(word & ~(1 << 25), mode="M") == ILLEGAL


# -- whole registers


@pytest.mark.rules("vmv-nr-r_op", "vmv-nr-r_enc")
@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_moves_of_whole_registers(rig, n):
    """Whatever vl and vtype are, but for vill; the immediate is one less than their number."""
    data = random.Random(n).randbytes(8 * VLENB)
    for vl, sew, lmul in ((0, 8, 1), (1, 64, 8), (1, 16, 1 / 4)):
        rig.set(vl, sew, lmul, 1, 1)
        rig.fill(8, data)
        rig.fill(16, bytes(8 * VLENB))
        assert rig.execute(0x9E003057 | 8 << 20 | n - 1 << 15 | 16 << 7) is None
        assert rig.group(16, 8) == data[: n * VLENB].ljust(8 * VLENB, b"\0")
        rig.done(f"vmv{n}r.v v16, v16")
        assert rig.group(16, 8) == data[: n * VLENB].ljust(8 * VLENB, b"\0")


@pytest.mark.rules("vmv-nr-r_nreg_rsv", "vmv-nr-r_vreg_constr", "vmv-nr-r_unaligned_rsv")
def test_which_registers_can_be_moved_whole(rig):
    """1, 2, 4 and 8, aligned; nothing under a mask."""
    rig.set(0, 8)
    cases = [(imm, vm, vs2, vd) for imm in range(32) for vm in (0, 1) for vs2 in range(32) for vd in range(32)]
    for start in range(0, len(cases), 32768):
        part = cases[start : start + 32768]
        encodings = [0x9C003057 | vm << 25 | vs2 << 20 | imm << 15 | vd << 7 for imm, vm, vs2, vd in part]
        expected = {
            i for i, (imm, vm, vs2, vd) in enumerate(part) if not (vm and imm in (0, 1, 3, 7) and (vs2 | vd) & imm == 0)
        }
        assert rig.illegal(encodings) == expected


@pytest.mark.rules("vtype_vill_op", "vmv-nr-r_op")
def test_moves_of_whole_registers_depend_on_vtype(rig):
    rig.done(f"vsetvli zero, zero, {vtype(64, 1) | 4}")
    assert rig.run("vmv1r.v v8, v9").cause == ILLEGAL
