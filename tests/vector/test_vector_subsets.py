"""Which instructions each of V, Zve* and Zvfh* has, and for which SEW ("Standard Vector Extensions")."""

import functools

import pytest
from vrig import SEWS, VectorRig, words

#: Names and forms by section of the manual, and what they work on: integers and floats of these multiples of SEW.
SECTIONS: dict[str, list[tuple[str, str, tuple[float, ...], tuple[float, ...]]]] = {
    "integer": [
        ("vadd vand vor vxor vmseq vmsne vmsleu vmsle", "vv vx vi", (1,), ()),
        ("vsub vminu vmin vmaxu vmax vmsltu vmslt vmul vdivu vdiv vremu vrem", "vv vx", (1,), ()),
        ("vrsub vmsgtu vmsgt", "vx vi", (1,), ()),
        ("vsll vsrl vsra", "vv vx vi", (1,), ()),
        ("vadc vmadc", "vvm vxm vim", (1,), ()),
        ("vsbc vmsbc", "vvm vxm", (1,), ()),
        ("vmadc", "vv vx vi", (1,), ()),
        ("vmsbc", "vv vx", (1,), ()),
        ("vmerge", "vvm vxm vim", (1,), ()),
        ("vmv.v", "v x i", (1,), ()),
        ("vmacc vnmsac vmadd vnmsub", "vv vx", (1,), ()),
        ("vwaddu vwadd vwsubu vwsub", "vv vx wv wx", (1, 2), ()),
        ("vwmulu vwmulsu vwmul vwmaccu vwmacc vwmaccsu", "vv vx", (1, 2), ()),
        ("vwmaccus", "vx", (1, 2), ()),
        ("vnsrl vnsra", "wv wx wi", (1, 2), ()),
        ("vzext vsext", "vf2", (1 / 2, 1), ()),
        ("vzext vsext", "vf4", (1 / 4, 1), ()),
        ("vzext vsext", "vf8", (1 / 8, 1), ()),
    ],
    "high products": [("vmulhu vmulhsu vmulh vsmul", "vv vx", (1,), ())],
    "fixed point": [
        ("vsaddu vsadd", "vv vx vi", (1,), ()),
        ("vssubu vssub vaaddu vaadd vasubu vasub", "vv vx", (1,), ()),
        ("vssrl vssra", "vv vx vi", (1,), ()),
        ("vnclipu vnclip", "wv wx wi", (1, 2), ()),
    ],
    "reductions": [
        ("vredsum vredand vredor vredxor vredminu vredmin vredmaxu vredmax", "vs", (1,), ()),
        ("vwredsumu vwredsum", "vs", (1, 2), ()),
    ],
    "masks": [
        ("vmand vmnand vmandn vmxor vmor vmnor vmorn vmxnor", "mm", (1,), ()),
        ("vmsbf vmsif vmsof viota", "m", (1,), ()),
        ("vcpop vfirst", "m.x", (1,), ()),
        ("vid", "none", (1,), ()),
    ],
    "permutations": [
        ("vmv.x", "s.x", (1,), ()),
        ("vmv.s", "x", (1,), ()),
        ("vslideup vslidedown vrgather", "vx vi", (1,), ()),
        ("vslide1up vslide1down", "vx", (1,), ()),
        ("vrgather vrgatherei16", "vv", (1,), ()),
        ("vcompress", "vm", (1,), ()),
        ("vmv1r vmv2r vmv4r vmv8r", "v", (1,), ()),
    ],
    "permutations of floats": [
        ("vfmv.f", "s.f", (), (1,)),
        ("vfmv.s", "f", (), (1,)),
        ("vfslide1up vfslide1down", "vf", (), (1,)),
    ],
    "floats": [
        ("vfadd vfsub vfmul vfdiv vfmin vfmax vfsgnj vfsgnjn vfsgnjx vmfeq vmfne vmflt vmfle", "vv vf", (), (1,)),
        ("vfrsub vfrdiv vmfgt vmfge", "vf", (), (1,)),
        ("vfmacc vfnmacc vfmsac vfnmsac vfmadd vfnmadd vfmsub vfnmsub", "vv vf", (), (1,)),
        ("vfwadd vfwsub", "vv vf wv wf", (), (1, 2)),
        ("vfwmul vfwmacc vfwnmacc vfwmsac vfwnmsac", "vv vf", (), (1, 2)),
        ("vfsqrt vfrsqrt7 vfrec7 vfclass", "unary", (), (1,)),
        ("vfmerge", "vfm", (), (1,)),
        ("vfmv.v", "f", (), (1,)),
        ("vfredusum vfredosum vfredmin vfredmax", "vs", (), (1,)),
        ("vfwredusum vfwredosum", "vs", (), (1, 2)),
        ("vfcvt.x.f vfcvt.xu.f vfcvt.f.x vfcvt.f.xu vfcvt.rtz.x.f vfcvt.rtz.xu.f", "unary", (1,), (1,)),
        ("vfwcvt.x.f vfwcvt.xu.f vfwcvt.rtz.x.f vfwcvt.rtz.xu.f", "unary", (2,), (1,)),
        ("vfwcvt.f.x vfwcvt.f.xu", "unary", (1,), (2,)),
        ("vfncvt.x.f vfncvt.xu.f vfncvt.rtz.x.f vfncvt.rtz.xu.f", "w", (1,), (2,)),
        ("vfncvt.f.x vfncvt.f.xu", "w", (2,), (1,)),
        ("vfncvt.rod.f.f", "w", (), (1, 2)),
    ],
    "conversions of formats": [("vfwcvt.f.f", "unary", (), (1, 2)), ("vfncvt.f.f", "w", (), (1, 2))],
    "memory": [
        ("vle{w} vse{w} vle{w}ff vlseg2e{w} vsseg8e{w} vlseg3e{w}ff", "v.at", (), ()),
        ("vlse{w} vsse{w} vlsseg4e{w} vssseg5e{w}", "v.stride", (), ()),
        ("vluxei{w} vloxei{w} vsuxei{w} vsoxei{w} vluxseg2ei{w} vloxseg3ei{w} vsuxseg2ei{w} vsoxseg2ei{w}", "v.index",
         (), ()),
        ("vl1re{w} vl2re{w} vl4re{w} vl8re{w}", "v.at", (), ()),
        ("vlm vsm vs1r vs2r vs4r vs8r", "v.at", (), ()),
    ],
}  # fmt: skip

OPERANDS = {
    "vv": "v8, v16, v24", "wv": "v8, v16, v24", "vx": "v8, v16, a1", "wx": "v8, v16, a1", "vi": "v8, v16, 1",
    "wi": "v8, v16, 1", "vf": "v8, v16, fa1", "wf": "v8, v16, fa1", "vvm": "v8, v16, v24, v0", "vxm": "v8, v16, a1, v0",
    "vim": "v8, v16, 1, v0", "vfm": "v8, v16, fa1, v0", "v": "v8, v16", "x": "v8, a1", "i": "v8, 1", "f": "v8, fa1",
    "vs": "v8, v16, v24", "mm": "v8, v16, v24", "m": "v8, v16", "vm": "v8, v16, v24", "vf2": "v8, v16",
    "vf4": "v8, v16", "vf8": "v8, v16", "w": "v8, v16",
}  # fmt: skip
#: Forms whose name in assembly is another: suffix, operands.
SPECIAL = {
    "m.x": ("m", "a0, v8"), "s.x": ("s", "a0, v8"), "s.f": ("s", "fa0, v8"), "none": ("v", "v8"),
    "unary": ("v", "v8, v16"), "v.at": ("v", "v8, (a1)"), "v.stride": ("v", "v8, (a1), a2"),
    "v.index": ("v", "v8, (a1), v24"),
}  # fmt: skip
SWAPPED = ("macc", "msac", "madd", "msub")


def assembly(name: str, form: str) -> str:
    suffix, operands = SPECIAL.get(form) or (form, OPERANDS[form])
    if name[1:].lstrip("fwn").startswith(SWAPPED) or name in ("vnmsac", "vnmsub"):
        vd, first, second = operands.split(", ")
        operands = f"{vd}, {second}, {first}"
    return f"{name}.{suffix} {operands}"


#: Extension: ELEN, widths of floats, whether conversions between 16 and 32 bits are there.
SUBSETS = {
    "zve32x": (32, (), False), "zve32f": (32, (32,), False), "zve64x": (64, (), False), "zve64f": (64, (32,), False),
    "zve64d": (64, (32, 64), False), "v": (64, (32, 64), False), "v_zvfhmin": (64, (32, 64), True),
    "v_zvfh": (64, (16, 32, 64), True), "zve32f_zvfh": (32, (16, 32), True),
}  # fmt: skip


@functools.cache
def made(subset: str) -> VectorRig:
    return VectorRig(isa=f"max_{subset}_zvl128b")


def has(subset: str, section: str, sew: int, integers, floats) -> bool:
    elen, formats, halves = SUBSETS[subset]
    if section == "high products" and sew == 64 and not subset.startswith("v"):
        return False
    if section == "conversions of formats" and sew == 16 and halves:
        return True
    return sew <= elen and all(8 <= sew * n <= elen for n in integers) and all(sew * n in formats for n in floats)


def marks(subset: str, section: str):
    if subset == "v" and section not in ("floats", "permutations of floats", "conversions of formats"):
        return pytest.mark.rules("V_instr", "V_supported_eew")
    if subset == "v" and section == "permutations of floats":
        return pytest.mark.rules("V_instr")
    if subset == "v_zvfh" and section in ("floats", "permutations of floats"):
        return pytest.mark.rules("Zvfh_instr")
    if subset in ("zve32x", "zve64x") and section == "permutations of floats":
        return pytest.mark.rules("Zve32x_Zve64x_nsupport_freg")
    if section == "high products":
        return pytest.mark.rules("Zve64_eew64_nsupport_vmulh", "Zve64_eew64_nsupport_vsmul")
    return ()


@pytest.mark.parametrize(
    ("subset", "section"), [pytest.param(x, y, marks=marks(x, y)) for x in SUBSETS for y in SECTIONS]
)
def test_instructions_of_a_subset(subset, section):
    """Executed with vl=0 and LMUL=1, where all operands have room; what is not there is illegal."""
    rig = made(subset).fresh()
    elen = SUBSETS[subset][0]
    for sew in [sew for sew in SEWS if sew <= elen]:
        rig.set(0, sew)
        rows = [(assembly(name.format(w=width), form), integers, floats, width)
                for names, forms, integers, floats in SECTIONS[section] for name in names.split()
                for form in forms.split() for width in (SEWS if "{w}" in name else (8,))]  # fmt: skip
        refused = rig.illegal([words(text)[0] for text, *_ in rows])
        for i, (text, integers, floats, width) in enumerate(rows):
            expected = width <= elen and has(subset, section, sew, integers, floats)
            if "seg" in text and "ei" not in text:  # EMUL * NFIELDS
                expected &= int(text.partition("seg")[2][0]) * max(1, width / sew) <= 8
            assert (i not in refused) == expected, (sew, text)
