"""Zfhmin: the instructions of Zfh that it has, with and without D, and no others."""

import pytest
from rig import Rig

from rvh.isa import INSNS

ILLEGAL = 2
#: Operands a0, fa0 and (a1), rm=RNE.
MINIMUM = {
    "flh": 0x00059507, "fsh": 0x00A59027, "fmv.x.h": 0xE4050553, "fmv.h.x": 0xF4050553, "fcvt.s.h": 0x40250553,
    "fcvt.h.s": 0x44050553,
}  # fmt: skip
DOUBLES = {"fcvt.d.h": 0x42250553, "fcvt.h.d": 0x44150553}
OTHERS = {
    "fadd.h": 0x04B50553, "fsub.h": 0x0CB50553, "fmul.h": 0x14B50553, "fdiv.h": 0x1CB50553, "fsqrt.h": 0x5C050553,
    "fsgnj.h": 0x24B50553, "fmin.h": 0x2CB50553, "feq.h": 0xA4B52553, "fclass.h": 0xE4051553, "fcvt.w.h": 0xC4050553,
    "fcvt.h.w": 0xD4050553, "fcvt.l.h": 0xC4250553, "fcvt.h.l": 0xD4250553, "fmadd.h": 0x64B50543,
}  # fmt: skip


@pytest.mark.rules("zfhmin_instrs")
@pytest.mark.parametrize(
    ("isa", "there"),
    [
        ("rv64imafdc_zfhmin", {*MINIMUM, *DOUBLES}),
        ("rv64imafc_zfhmin", {*MINIMUM}),
        ("rv64imafdc_zfh", {*MINIMUM, *DOUBLES, *OTHERS}),
        ("rv64imafc_zfh", {*MINIMUM, *OTHERS}),
        ("rv64imafdc", set()),
    ],
)
def test_what_is_there(isa, there):
    rig = Rig(isa=isa)
    for name, word in (MINIMUM | DOUBLES | OTHERS).items():
        assert name in INSNS and rig.cause(word, mode="M") == (None if name in there else ILLEGAL), name
