"""Vector fixed point: vxrm, vxsat and what is worked out by hand of averages, scaling and clips. Each instruction on
random elements is in tests/isa/test_vector.py."""

import pytest
from rig import ALL
from vrig import rules

ISA = "max_v_zvl128b"


# -- vxrm, vxsat and vcsr


@pytest.mark.rules("vxrm_val", "vxrm_sz")
@pytest.mark.parametrize(("written", "kept"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (ALL, 3), (ALL - 1, 2)])
def test_vxrm_is_two_bits(rig, written, kept):
    rig.write("vxrm", "U", written)
    assert rig.read("vxrm", "U") == kept


@pytest.mark.rules("vcsr_vxsat_acc", "vcsr_vxrm_acc")
@pytest.mark.parametrize("vxsat", [0, 1])
@pytest.mark.parametrize("vxrm", range(4))
def test_vcsr_reads_and_writes_both(rig, vxrm, vxsat):
    rig.write("vcsr", "U", vxrm << 1 | vxsat)
    assert (rig.read("vxrm", "U"), rig.read("vxsat", "U")) == (vxrm, vxsat)
    rig.write("vxsat", "U", 1 - vxsat)
    rig.write("vxrm", "U", 3 - vxrm)
    assert rig.read("vcsr", "U") == (3 - vxrm) << 1 | 1 - vxsat


@pytest.mark.rules("vxsat_op")
def test_vxsat_is_raised_by_saturation_and_lowered_by_software_only(rig):
    rig.hart.v.put(8, 8, [250, 1])
    for text, vxsat in (("vsaddu.vi v9, v8, 5", 0), ("vsaddu.vi v9, v8, 6", 1), ("vsaddu.vi v9, v8, 5", 1),
                        ("vadd.vi v9, v8, 6", 1)):  # fmt: skip
        rig.run(f"vsetivli zero, 2, e8, m1, ta, ma; {text}")
        assert rig.read("vxsat", "U") == vxsat
    rig.write("vxsat", "U", 0)
    assert rig.read("vxsat", "U") == 0


# -- the instructions

SINGLE_WIDTH = [
    # text, SEW, vs2, vs1, and (result, vxsat) for each vxrm
    pytest.param("vssubu.vv", 8, 3, 4, [(0, 1)] * 4, marks=rules("vssubu_op")),
    pytest.param("vssubu.vv", 8, 4, 3, [(1, 0)] * 4, marks=rules("vssubu_op")),
    pytest.param("vssub.vv", 8, 0x80, 1, [(0x80, 1)] * 4, marks=rules("vssub_op")),
    pytest.param("vssub.vv", 8, 0, 0x80, [(0x7F, 1)] * 4, marks=rules("vssub_op")),
    pytest.param("vsadd.vv", 16, 0x8000, 0xFFFF, [(0x8000, 1)] * 4, marks=rules("vsadd_op")),
    # (255 + 254) / 2 = 254.5: the sum has 9 bits
    pytest.param("vaaddu.vv", 8, 255, 254, [(255, 0), (254, 0), (254, 0), (255, 0)], marks=rules("vaaddu_op")),
    pytest.param("vaaddu.vv", 64, ALL, ALL, [(ALL, 0)] * 4, marks=rules("vaaddu_op")),
    # (-128 + -127) / 2 = -127.5
    pytest.param("vaadd.vv", 8, 0x80, 0x81, [(0x81, 0), (0x80, 0), (0x80, 0), (0x81, 0)], marks=rules("vaadd_op")),
    # (1 - 2) / 2 = -0.5, of which 8 bits remain
    pytest.param("vasubu.vv", 8, 1, 2, [(0, 0), (0, 0), (0xFF, 0), (0xFF, 0)], marks=rules("vasubu_op")),
    # (127 - -128) / 2 = 127.5: rounded to 128 it wraps, and vxsat stays
    pytest.param("vasub.vv", 8, 0x7F, 0x80, [(0x80, 0), (0x80, 0), (0x7F, 0), (0x7F, 0)], marks=rules("vasub_op")),
    # -128 * -128 / 128 = 128 and 127 * 64 / 128 = 63.5
    pytest.param("vsmul.vv", 8, 0x80, 0x80, [(0x7F, 1)] * 4, marks=rules("vsmul_op", "vxsat_op_vsmul")),
    pytest.param("vsmul.vv", 8, 0x7F, 0x40, [(64, 0), (64, 0), (63, 0), (63, 0)], marks=rules("vsmul_op")),
    # 0x54 / 8 = 10.5
    pytest.param("vssrl.vv", 8, 0x54, 3, [(11, 0), (10, 0), (10, 0), (11, 0)], marks=rules("vssrl_op")),
    pytest.param("vssrl.vv", 8, 0x54, 11, [(11, 0), (10, 0), (10, 0), (11, 0)], marks=rules("vssrl_shamt")),
    pytest.param("vssrl.vv", 64, 0x54, 64, [(0x54, 0)] * 4, marks=rules("vssrl_shamt")),
    # -19 / 4 = -4.75, -18 / 4 = -4.5
    pytest.param("vssra.vv", 8, 0xED, 2, [(0xFB, 0), (0xFB, 0), (0xFB, 0), (0xFB, 0)], marks=rules("vssra_op")),
    pytest.param("vssra.vv", 8, 0xEE, 2, [(0xFC, 0), (0xFC, 0), (0xFB, 0), (0xFB, 0)], marks=rules("vssra_op")),
    pytest.param("vssra.vv", 16, 0xFFEE, 18, [(0xFFFC, 0), (0xFFFC, 0), (0xFFFB, 0), (0xFFFB, 0)],
                 marks=rules("vssra_shamt")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "width", "a", "b", "expected"), SINGLE_WIDTH)
def test_single_width(rig, name, width, a, b, expected):
    for vxrm in range(4):
        rig.hart.v.put(8, width, [a])
        rig.hart.v.put(9, width, [b])
        rig.csr["vcsr"] = vxrm << 1
        rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; {name} v10, v8, v9")
        assert (rig.hart.v.elements(10, width, 1)[0], rig.csr["vxsat"]) == expected[vxrm], vxrm


CLIPS = [
    # 0x1FE / 2 = 255 fits, 0x1FF / 2 = 255.5 does if it is not rounded to 256
    pytest.param("vnclipu", 8, 0x1FE, 1, [(255, 0)] * 4, marks=rules("vnclipu_op")),
    pytest.param("vnclipu", 8, 0x1FF, 1, [(255, 1), (255, 1), (255, 0), (255, 0)],
                 marks=rules("vnclipu_vnclip_rounding", "vnclipu_overflow")),
    pytest.param("vnclipu", 8, 0x8000, 1, [(255, 1)] * 4, marks=rules("vnclipu_overflow")),
    pytest.param("vnclipu", 8, 0x8000, 15, [(1, 0)] * 4, marks=rules("vnclipu_shamt")),
    pytest.param("vnclipu", 8, 0x7F, 16, [(0x7F, 0)] * 4, marks=rules("vnclipu_shamt")),
    pytest.param("vnclipu", 32, 5 << 40, 40 + 64, [(5, 0)] * 4, marks=rules("vnclipu_shamt")),
    # 255 / 2 = 127.5 and -257 / 2 = -128.5
    pytest.param("vnclip", 8, 0x00FF, 1, [(0x7F, 1), (0x7F, 1), (0x7F, 0), (0x7F, 0)],
                 marks=rules("vnclipu_vnclip_rounding", "vnclip_overflow")),
    pytest.param("vnclip", 8, 0xFEFF, 1, [(0x80, 0), (0x80, 0), (0x80, 1), (0x80, 1)],
                 marks=rules("vnclipu_vnclip_rounding", "vnclip_overflow")),
    pytest.param("vnclip", 16, 0x8000_0000, 0, [(0x8000, 1)] * 4, marks=rules("vnclip_overflow")),
    pytest.param("vnclip", 16, 0x8000_0000, 31, [(0xFFFF, 0)] * 4, marks=rules("vnclip_shamt", "vnclip_op")),
    pytest.param("vnclip", 32, 0xFFFF_FFFF_FFFF_FFF8, 66, [(0xFFFF_FFFE, 0)] * 4, marks=rules("vnclip_shamt")),
]  # fmt: skip


@pytest.mark.parametrize("form", ["wv", "wx"])
@pytest.mark.parametrize(("name", "width", "a", "shift", "expected"), CLIPS)
def test_clips(rig, name, width, a, shift, expected, form):
    for vxrm in range(4):
        rig.hart.v.put(8, 2 * width, [a])
        rig.hart.v.put(11, width, [shift])
        rig.csr["vcsr"] = vxrm << 1
        operand = {"wv": "v11", "wx": "a1"}[form]
        rig.run(f"vsetivli zero, 1, e{width}, m1, ta, ma; {name}.{form} v10, v8, {operand}", a1=shift)
        assert (rig.hart.v.elements(10, width, 1)[0], rig.csr["vxsat"]) == expected[vxrm], vxrm
