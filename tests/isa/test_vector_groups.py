"""Zvbb, Zvbc and the instructions on element groups: against the evaluator of their definitions, whose S-boxes and
multiplications are Python's; and what is illegal."""

import random

import pytest
from vectors import Unit

from rvh.emit.asm import assemble
from rvh.emit.evaluate import ElementEvaluation
from rvh.isa import INSNS
from rvh.isa.v.dsl import OPERATIONS
from rvh.isa.v.groups import GROUP_OPERATIONS

ALL = "zvbb_zvbc_zvkng_zvksg"
ILLEGAL = 2
M64 = (1 << 64) - 1


@pytest.fixture(scope="module", params=[64, 128, 512])
def unit(request):
    made = Unit(ALL, request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def u128():
    made = Unit(ALL, 128)
    yield made
    made.close()


def numbers(data: bytes, bits: int) -> list[int]:
    size = bits // 8
    return [int.from_bytes(data[n : n + size], "little") for n in range(0, len(data), size)]


def joined(values: list[int], bits: int) -> bytes:
    return b"".join(value.to_bytes(bits // 8, "little") for value in values)


# -- Zvbb and Zvbc

ELEMENTWISE = [i for i in INSNS.values() if any({"Zvkb", "Zvbb", "Zvbc"} & group for group in i.ext)]


def operation_of(insn):
    name = insn.effects[0].args[2].name.removeprefix("V_").lower()
    return OPERATIONS[name]


CASES = [(i, sew) for i in ELEMENTWISE for sew in operation_of(i).traces]


def test_every_element_width_has_a_case():
    assert len(ELEMENTWISE) == 20
    assert {sew for i, sew in CASES if i.name == "vror.vi"} == {8, 16, 32, 64}
    assert {sew for i, sew in CASES if i.name == "vwsll.vx"} == {8, 16, 32}
    assert {sew for i, sew in CASES if i.name == "vclmulh.vv"} == {64}


@pytest.mark.rules(
    "Zvbb_eew", "vandn_op", "vandn-vx_rs1", "vandn-vv_vs1", "vbrev-v_op", "vbrev8-v_op", "vclz-v_op", "vcpop-v_op",
    "vctz-v_op", "vrev8-v_op", "vrol_op", "vror_op", "vwsll_op", "vclmul_op", "vclmulh_op",
)  # fmt: skip
@pytest.mark.parametrize(("insn", "sew"), CASES, ids=lambda x: getattr(x, "name", x))
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_elements(unit, insn, sew, masked):
    rng = random.Random(f"{insn.name}{sew}{masked}")
    operation = operation_of(insn)
    vl = unit.configure(rng.randrange(2, 4 * unit.vlen // sew), sew, 4)
    wide = int(sew * operation.shape.vd)
    corners = (0, 1, M64, 1 << sew - 1, 0x80, sew, sew - 1)
    source = [rng.choice((rng.choice(corners), rng.getrandbits(64))) & (1 << sew) - 1 for _ in range(vl)]
    other = [rng.choice((rng.choice(corners), rng.getrandbits(64))) & (1 << sew) - 1 for _ in range(vl)]
    before = [rng.getrandbits(wide) for _ in range(vl + 1)]
    mask = rng.getrandbits(unit.vlen)
    unit.put(0, mask.to_bytes(unit.vlen // 8, "little"))
    unit.put(16, joined(source, sew))
    unit.put(24, joined(other, sew))
    unit.put(8, joined(before, wide))
    form = insn.name.rpartition(".")[2]
    immediate = rng.randrange(64 if insn.name == "vror.vi" else 32)
    unit.hart.x["a1"] = other[0] | rng.getrandbits(64) << sew & M64
    text = {"vv": ", v24", "vx": ", a1", "vi": f", {immediate}", "v": ""}[form]
    if form != "vv":
        other = [{"vx": other[0], "vi": immediate, "v": 0}[form]] * vl
    assert unit.run(f"{insn.name} v8, v16{text}{', v0.t' if masked else ''}") == 0
    trace = operation.traces[sew]
    after = list(before)
    for n in range(vl):
        if not masked or mask >> n & 1:
            given = {"vs2": source[n], "vs1": other[n]}
            after[n] = ElementEvaluation(given).value(trace.result)
    assert numbers(unit.get(8, (vl + 1) * wide // 8), wide) == after


#: Examples worked out by hand.
ROWS = [
    ("vandn.vv v8, v4, v6", 8, 0b1100, 0b1010, 0b0100),
    ("vbrev.v v8, v4", 16, 0x8001, 0, 0x8001),
    ("vbrev.v v8, v4", 32, 0x0000_0013, 0, 0xC800_0000),
    ("vbrev8.v v8, v4", 32, 0x0180_0F13, 0, 0x8001_F0C8),
    ("vrev8.v v8, v4", 64, 0x0102_0304_0506_0708, 0, 0x0807_0605_0403_0201),
    ("vrev8.v v8, v4", 8, 0x12, 0, 0x12),
    ("vclz.v v8, v4", 8, 0, 0, 8),
    ("vclz.v v8, v4", 16, 0x00F0, 0, 8),
    ("vctz.v v8, v4", 8, 0, 0, 8),
    ("vctz.v v8, v4", 64, 1 << 63, 0, 63),
    ("vctz.v v8, v4", 64, 0, 0, 64),
    ("vcpop.v v8, v4", 64, M64, 0, 64),
    ("vcpop.v v8, v4", 8, 0xF1, 0, 5),
    ("vrol.vv v8, v4, v6", 8, 0x81, 9, 0x03),
    ("vror.vv v8, v4, v6", 16, 0x0001, 1, 0x8000),
    ("vror.vi v8, v4, 33", 64, 0x1_0000_0003, 0, 0x8000_0001_8000_0000),
    ("vwsll.vi v8, v4, 31", 32, 0xFFFF_FFFF, 0, 0xFFFF_FFFF << 31),
    ("vwsll.vv v8, v4, v6", 8, 0xFF, 0x18, 0xFF00),
    ("vclmul.vv v8, v4, v6", 64, 7, 5, 0b11011),
    ("vclmulh.vv v8, v4, v6", 64, 1 << 63, 6, 3),
]


@pytest.mark.parametrize(("text", "sew", "source", "other", "expected"), ROWS, ids=lambda x: str(x))
def test_rows(u128, text, sew, source, other, expected):
    u128.configure(1, sew, 1)
    u128.put(4, joined([source], sew))
    u128.put(6, joined([other], sew))
    wide = 2 * sew if "vwsll" in text else sew
    assert u128.run(text) == 0
    assert numbers(u128.get(8, wide // 8), wide) == [expected]


@pytest.mark.rules("Zvbc_sew64only", "vclmul_sewn64_rsv", "vclmulh_sewn64_rsv")
@pytest.mark.parametrize("sew", [8, 16, 32])
@pytest.mark.parametrize("text", ["vclmul.vv v8, v4, v6", "vclmulh.vx v8, v4, a0"])
def test_carryless_multiplication_is_of_64_bits_alone(u128, text, sew):
    u128.configure(1, sew, 1)
    assert u128.run(text) == ILLEGAL


def test_widening_shift_of_64_bits_is_reserved(u128):
    u128.configure(1, 64, 1)
    assert u128.run("vwsll.vv v8, v4, v6") == ILLEGAL


# -- element groups

FORMS = {
    "GROUP_VV": "{name}.vv v8, v16, v24", "GROUP_V": "{name}.vv v8, v16",
    "GROUP_VS": "{name}.vs v8, v16", "GROUP_I": "{name}.vi v8, v16, {uimm}",
}  # fmt: skip
GROUPED = [
    (i.name.rpartition(".")[0], i.effects[0].args[3].name, sew)
    for i in INSNS.values()
    if i.effects and i.effects[0].name == "v_group"
    for sew in GROUP_OPERATIONS[i.name.rpartition(".")[0]].traces
]


@pytest.mark.rules(
    "egs_sew_eew", "egs_egw", "veccrypto_eeweqsew", "veccrypto_vsins_vs2", "veccrypto_vsins_vd", "Zvkg_egw128b_elem32b",
    "Zvkned_egw128b_elem32b", "Zvknha_sha256_egw128b_elem32b", "Zvknhb_sha256_egw128b_elem32b",
    "Zvknhb_sha512_egw256b_elem64b", "Zvksed_egw128b_elem32b", "Zvksh_egw256b_elem32b",
)  # fmt: skip
@pytest.mark.parametrize(("name", "form", "sew"), GROUPED, ids=lambda x: str(x))
def test_groups(unit, name, form, sew):
    """Several groups, every immediate; elements from vl on stay."""
    operation = GROUP_OPERATIONS[name]
    rng = random.Random(f"{name}{form}{sew}")
    for uimm in range(32) if form == "GROUP_I" else (0,):
        vl = unit.configure(operation.size * rng.randrange(1, 8 * unit.vlen // (operation.size * sew) + 1), sew, 8)
        registers = {p: [rng.getrandbits(sew) for _ in range(8 * unit.vlen // sew)] for p in ("vd", "vs2", "vs1")}
        for first, values in zip((8, 16, 24), registers.values(), strict=True):
            unit.put(first, joined(values, sew))
        assert unit.run(FORMS[form].format(name=name, uimm=uimm)) == 0
        trace = operation.traces[sew]
        after = list(registers["vd"])
        for at in range(0, vl, operation.size):
            given = {"uimm": uimm}
            for parameter, values in registers.items():
                start = 0 if form == "GROUP_VS" and parameter == "vs2" else at
                given |= {f"{parameter}_{n}": values[start + n] for n in range(operation.size)}
            after[at : at + operation.size] = list(map(ElementEvaluation(given).value, trace.results))
        assert numbers(unit.get(8, unit.vlen), sew) == after


@pytest.mark.rules("vaeskf1_uimm_src", "vaeskf1_uimm_map", "vaeskf2_uimm_src", "vaeskf2_uimm_map")
@pytest.mark.parametrize(
    ("name", "same"),
    [("vaeskf1", {0: 8, 11: 3, 12: 4, 15: 7, 16: 8, 17: 1, 26: 10}), ("vaeskf2", {0: 8, 1: 9, 15: 7, 17: 9, 18: 2})],
)
def test_round_numbers_out_of_range(u128, name, same):
    """Bit 4 is ignored, and bit 3 of what is out of range is inverted."""
    u128.configure(4, 32, 1)
    rng = random.Random(name)
    old, key = rng.randbytes(16), rng.randbytes(16)

    def run(number: int) -> bytes:
        u128.put(8, old)
        u128.put(16, key)
        assert u128.run(f"{name}.vi v8, v16, {number}") == 0
        return u128.get(8, 16)

    for number, other in same.items():
        assert run(number) == run(other)
    assert len({run(number) for number in range(3, 10, 2)}) == (4 if name == "vaeskf1" else 1)


# -- what is reserved, and illegal here


SINGLE = sorted({(name, form, sew) for name, form, sew in GROUPED})


@pytest.mark.rules(
    "egs_vl_rsv", "veccrypto_vl_egsconstr", "veccrypto_vl_rsv", "Zvkg_vl", "Zvkned_vl", "Zvknha_vl", "Zvknhb_vl",
    "Zvksed_vl", "Zvksh_vl",
)  # fmt: skip
@pytest.mark.parametrize(("name", "form", "sew"), SINGLE, ids=lambda x: str(x))
def test_vl_must_be_a_multiple_of_the_group(u128, name, form, sew):
    size = GROUP_OPERATIONS[name].size
    text = FORMS[form].format(name=name, uimm=1)
    for vl in (0, 1, size - 1, size, size + 1, size + size // 2, 2 * size):
        assert u128.configure(vl, sew, 8) == vl
        assert u128.run(text) == (ILLEGAL if vl % size else 0), vl


@pytest.mark.rules(
    "veccrypto_vstart_egsconstr", "veccrypto_vstart_rsv", "Zvkg_vstart", "Zvkned_vstart", "Zvknha_vstart",
    "Zvknhb_vstart", "Zvksed_vstart", "Zvksh_vstart",
)  # fmt: skip
@pytest.mark.parametrize(("name", "form", "sew"), SINGLE, ids=lambda x: str(x))
def test_vstart_must_be_a_multiple_of_the_group_and_here_is_never_but_0(u128, name, form, sew):
    u128.configure(16, sew, 8)
    for vstart in (1, 4, 8):
        u128.hart.csr["vstart"] = vstart
        assert u128.run(FORMS[form].format(name=name, uimm=1)) == ILLEGAL
    u128.hart.csr["vstart"] = 0


@pytest.mark.rules(
    "veccrypto_sew_rsv", "vghsh-vv_sewn32_rsv", "vgmul-vv_sewn32_rsv", "vsha2ch-vv_Zvknhb_sewn32or64_rsv",
    "vsha2cl-vv_Zvknhb_sewn32or64_rsv", "vsha2ms-vv_Zvknhb_sewn32or64_rsv", "Zvknhb_sha256_sha512",
    "vsm3c-vi_sewn32_rsv", "vsm3me-vv_sewn32_rsv", "vsm4k-vi_sewn32_rsv", "vsm4r_sewn32_rsv",
)  # fmt: skip
@pytest.mark.parametrize(("name", "form", "sew"), SINGLE, ids=lambda x: str(x))
def test_other_element_widths(u128, name, form, sew):
    for width in (8, 16, 32, 64):
        u128.configure(0, width, 8)
        expected = 0 if width in GROUP_OPERATIONS[name].traces else ILLEGAL
        assert u128.run(FORMS[form].format(name=name, uimm=1)) == expected, width


@pytest.mark.rules(
    "Zvknha_sha256", "vsha2ch-vv_Zvknha_sewn32_rsv", "vsha2cl-vv_Zvknha_sewn32_rsv", "vsha2ms-vv_Zvknha_sewn32_rsv"
)  # fmt: skip
@pytest.mark.parametrize("name", ["vsha2ch", "vsha2cl", "vsha2ms"])
def test_zvknha_has_sha_256_alone(name):
    unit = Unit("zvknha")
    for sew, cause in ((32, 0), (64, ILLEGAL)):
        unit.configure(4, sew, 1)
        assert unit.run(f"{name}.vv v8, v16, v24") == cause
    unit.close()


@pytest.mark.rules("veccrypto_lmul_egwconstr", "egs_ge_vlmax_rsv")
@pytest.mark.parametrize("vlen", [64, 128, 256, 512])
@pytest.mark.parametrize(("name", "form", "sew"), SINGLE, ids=lambda x: str(x))
def test_a_group_must_fit_even_if_vl_is_0(vlen, name, form, sew):
    unit = Unit(ALL, vlen)
    wanted = GROUP_OPERATIONS[name].size * sew
    for lmul in (1 / 4, 1 / 2, 1, 2, 4, 8):
        if sew <= 64 * lmul:
            unit.configure(0, sew, lmul)
            text = FORMS[form].format(name=name, uimm=1)
            assert unit.run(text) == (0 if lmul * vlen >= wanted else ILLEGAL), lmul
    unit.close()


@pytest.mark.rules(
    "egs_lmul_emul", "veccrypto_vsins_vdvs2overlap", "vsha2ch-vv_vdoverlapvs1vs2_rsv", "vsha2cl-vv_vdoverlapvs1vs2_rsv",
    "vsha2ms-vv_vdoverlapvs1vs2_rsv", "vsm3me-vv_vdoverlapvs2_rsv", "vsm3c-vi_vdoverlapvs2_rsv",
    "vsm4r-vs_vdoverlapvs2_rsv",
)  # fmt: skip
@pytest.mark.parametrize(("name", "form", "sew"), SINGLE, ids=lambda x: str(x))
def test_overlap(u128, name, form, sew):
    """LMUL=4 and VLEN=128: every pair of registers for vd and vs2, and for vd and vs1."""
    operation = GROUP_OPERATIONS[name]
    u128.configure(8, sew, 4)
    never = {"vs2"} if form == "GROUP_VS" else operation.apart
    for vd in (8, 9, 12):
        for other in range(7, 18):
            fits = vd % 4 == 0 and (form == "GROUP_VS" or other % 4 == 0)
            overlaps = vd <= other < vd + 4
            last = {"GROUP_VV": ", v24", "GROUP_I": ", 1"}.get(form, "")
            suffix = {"GROUP_VS": "vs", "GROUP_I": "vi"}.get(form, "vv")
            legal = fits and not (overlaps and "vs2" in never)
            assert u128.run(f"{name}.{suffix} v{vd}, v{other}{last}") == (0 if legal else ILLEGAL), (vd, other)
            if form == "GROUP_VV":
                legal = fits and not (overlaps and "vs1" in never)
                assert u128.run(f"{name}.vv v{vd}, v24, v{other}") == (0 if legal else ILLEGAL), (vd, other)


@pytest.mark.rules("egs_egw")
@pytest.mark.parametrize(("vlen", "registers"), [(32, 4), (64, 2)])
def test_the_one_group_of_vs_spans_registers(vlen, registers):
    unit = Unit("zvkned", vlen, "rv64i_zve32x" if vlen == 32 else "rv64gc_zve64x")
    unit.configure(4, 32, registers)
    for vs2 in range(16, 25):
        assert unit.run(f"vaesz.vs v8, v{vs2}") == (ILLEGAL if vs2 % registers else 0)
    for vd, vs2 in ((8, 8), (16, 16)):
        assert unit.run(f"vaesz.vs v{vd}, v{vs2}") == ILLEGAL
    unit.put(8, bytes(range(16)))
    unit.put(16, bytes(16 * [0xF0]))
    assert unit.run("vaesz.vs v8, v16") == 0
    assert unit.get(8, 16) == bytes(n ^ 0xF0 for n in range(16))
    unit.close()


def test_there_is_no_masked_form_of_instructions_on_groups(u128):
    u128.configure(8, 32, 8)
    for name, form, _ in SINGLE:
        word = assemble(FORMS[form].format(name=name, uimm=1)).words()[0]
        assert u128.run(f".word {word:#x}") == 0 or name.startswith("vsha2")
        assert u128.run(f".word {word & ~(1 << 25):#x}") == ILLEGAL


# -- switches

ONE_OF = {
    "zvkb": "vandn.vv v8, v16, v24", "zvbb": "vclz.v v8, v16", "zvbc": "vclmul.vv v8, v16, v24",
    "zvkg": "vgmul.vv v8, v16", "zvkned": "vaesef.vv v8, v16", "zvknha": "vsha2ms.vv v8, v16, v24",
    "zvksed": "vsm4k.vi v8, v16, 0", "zvksh": "vsm3me.vv v8, v16, v24",
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_OF)
def test_each_can_be_left_out(name):
    """All others are there; and then it is there alone."""
    bigger = {"zvkb": "_no-zvbb", "zvknha": "_no-zvknhb"}.get(name, "")
    without, alone = Unit(f"{ALL}_no-{name}{bigger}"), Unit(name)
    for other, text in ONE_OF.items():
        wanted = 64 if other == "zvbc" else 32
        for unit, there in ((without, other != name and not (name == "zvkb" and other == "zvbb")),
                            (alone, other == name or (name == "zvbb" and other == "zvkb"))):  # fmt: skip
            unit.configure(8, wanted, 1)
            assert unit.run(text) == (0 if there else ILLEGAL), (name, other)
    without.close()
    alone.close()


@pytest.mark.parametrize("text", ONE_OF.values(), ids=ONE_OF.keys())
def test_they_are_vector_instructions_under_vs(text):
    """mstatus.VS=0 makes them illegal, and executing one makes it 3."""
    unit = Unit(ALL)
    unit.configure(8, 64 if "clmul" in text else 32, 1)
    unit.hart.csr["mstatus"] = 0x6000 | 0x1800
    assert unit.run(text) == ILLEGAL
    unit.hart.csr["mstatus"] = 0x6200 | 0x1800
    assert unit.run(text) == 0
    assert unit.hart.csr["mstatus"] >> 9 & 3 == 3
    unit.close()


def test_vill_makes_them_illegal(u128):
    u128.hart.x["t0"] = 4
    u128.run("li t1, -1\nvsetvl t1, t0, t1")
    for text in ONE_OF.values():
        assert u128.run(text) == ILLEGAL
