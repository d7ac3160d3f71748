"""What V selects and what it leaves alone: checklist B and P."""

import pytest
import rig as r
from rig import ALL, CODE, Rig, csr_insn, csrr, csrrs, csrw

TWINS = {
    "sstatus": "vsstatus", "sie": "vsie", "stvec": "vstvec", "sscratch": "vsscratch", "sepc": "vsepc",
    "scause": "vscause", "stval": "vstval", "sip": "vsip", "satp": "vsatp", "stimecmp": "vstimecmp",
}  # fmt: skip
#: For each a value that its twin can hold and that means nothing to the test's own execution.
VALUES = {
    "sstatus": 1 << 18 | 1 << 13, "sie": 0x222, "stvec": 0x1234_0001, "sscratch": 0x1111, "sepc": 0x2222,
    "scause": 13, "stval": 0x3333, "sip": 2, "satp": 0x77, "stimecmp": ALL - 7,
}  # fmt: skip
SUM, MXR, FS = 1 << 18, 1 << 19, 3 << 13
FS_INITIAL = 1 << 13


@pytest.fixture
def rig():
    rig = Rig()
    rig.csr["hideleg"] = ALL
    rig.csr["mideleg"] = ALL
    return rig


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.rules(
    "H_vscsrs_sub",
    "H_vscsrs_v1",
    "vsstatus_op",
    "vstvec_op",
    "vsscratch_op",
    "vspec_op",
    "vscause_op",
    "vstval_op",
    "vsatp_op",
    "vsip_vsie_op",
)
def test_B1_supervisor_csrs_reach_their_twins_at_V1(rig, name):
    hs_before = rig.csr[name]
    rig.write(name, "VS", VALUES[name])
    assert rig.csr[name] == hs_before
    assert rig.csr[TWINS[name]] & VALUES[name] == VALUES[name]
    assert rig.read(name, "VS") == rig.csr[TWINS[name]]
    twin_before = rig.csr[TWINS[name]]
    rig.csr["vstvec"] = r.VS_VECTOR
    if name == "stvec":
        twin_before = r.VS_VECTOR
    rig.write(name, "M", 0)
    assert rig.csr[TWINS[name]] == twin_before
    assert rig.csr[name] != twin_before


@pytest.mark.rules("H_vscsrs_v1")
def test_B1_hs_registers_have_no_effect_at_V1(rig):
    """satp, stvec and sstatus.SUM of HS do not touch a guest."""
    rig.csr["satp"] = 8 << 60 | r.TABLES >> 12  # an empty table: HS could fetch nothing
    rig.csr["mstatus"] = FS
    assert rig.execute(r.LW, mode="VS") is None
    assert rig.execute(r.LW, mode="VU") is None
    assert rig.execute(r.LW, mode="HS").cause == 12


@pytest.mark.rules("H_vscsrs_v0", "vsatp_v0", "vsstatus_v0")
def test_B2_vs_registers_have_no_effect_at_V0(rig):
    rig.csr["vsatp"] = 8 << 60 | r.TABLES >> 12
    rig.csr["vsstatus"] = 0
    for mode in ("M", "HS", "U"):
        assert rig.execute(r.LW, mode=mode) is None
        assert rig.execute(r.FADD_S, mode=mode) is None  # vsstatus.FS=0
        assert rig.execute(csrr("cycle"), mode=mode) is None
    assert rig.execute(r.HLV_W, mode="HS").cause == 13  # but HLV uses vsatp
    rig.csr["vstimecmp"] = 0
    assert rig.csr["hip"] & 1 << 6  # and vstimecmp counts


@pytest.mark.parametrize("mode", ["HS", "M"])
def test_B3_sstatus_of_HS_and_vsstatus_are_two_registers(rig, mode):
    rig.csr["vsstatus"] = 0
    before = rig.csr["vsstatus"]
    rig.write("sstatus", mode, ALL)
    assert rig.csr["vsstatus"] == before
    status = rig.csr["sstatus"]
    rig.write("vsstatus", mode, 0)
    assert rig.csr["sstatus"] == status


@pytest.mark.rules("H_vm_twostage")
def test_B4_each_change_of_V_changes_the_translation_at_once(rig):
    """HS through satp, VS through vsatp and hgatp, each with its own page at the same address."""
    va = r.RAM + 0x4000_5000
    for root, page, value in ((r.TABLES, r.DATA, 0x11), (r.TABLES + 0x1000, r.DATA + 0x1000, 0x22)):
        low, mid = root + 0x8000, root + 0xA000
        rig.store(root + 2 * 8, r.RAM >> 2 | 0xCF)
        rig.store(root + 3 * 8, mid >> 2 | 1)
        rig.store(mid, low >> 2 | 1)
        rig.store(low + 5 * 8, page >> 2 | 0xC7)
        rig.store(page, value, 4)
    rig.csr["satp"] = 8 << 60 | r.TABLES >> 12
    rig.csr["vsatp"] = 8 << 60 | r.TABLES + 0x1000 >> 12
    for mode, value in (("HS", 0x11), ("VS", 0x22), ("HS", 0x11)):
        assert rig.execute(r.LW, mode=mode, a1=va) is None
        assert rig.a0 == value
    # The same by a trap and a return: VS's ECALL to HS, which loads and returns.
    rig.csr["medeleg"] = 1 << 10
    rig.code(r.LW, r.SRET, at=r.HS_VECTOR)
    rig.code(r.LW, r.ECALL, r.LW)
    rig.stand("VS")
    rig.hart.x["a1"] = va
    values = []
    for _ in range(2):
        rig.step()
        values.append(rig.a0)
        if len(values) == 1:
            rig.step()
            rig.step()
            values.append(rig.a0)
            rig.csr["sepc"] = CODE + 8
            rig.step()
            assert rig.mode == "VS"
    assert values == [0x22, 0x11, 0x22]


def test_B5_modes_of_the_same_nominal_privilege_are_told_apart(rig):
    """U and VU, HS and VS run the same code at the same address one after the other, with different outcomes."""
    for _ in range(2):
        assert rig.cause(csrr("sstatus"), mode="U") == 2
        assert rig.cause(csrr("sstatus"), mode="VU") == 22
        assert rig.cause(csrr("hstatus"), mode="HS") is None
        assert rig.cause(csrr("hstatus"), mode="VS") == 22
    rig.csr["vsatp"] = 8 << 60 | r.TABLES >> 12
    for _ in range(2):
        assert rig.cause(r.NOP, mode="HS") is None
        assert rig.cause(r.NOP, mode="VS") == 12
        assert rig.cause(r.NOP, mode="U") is None
        assert rig.cause(r.NOP, mode="VU") == 12


def fs(rig):
    return rig.csr["mstatus"] >> 13 & 3, rig.csr["vsstatus"] >> 13 & 3


@pytest.mark.parametrize("insn", [r.FSGNJ_S, r.FADD_S, csrw("fflags"), csrw("frm"), csrrs("fcsr"), 0x00052507])
@pytest.mark.rules("vsstatus_fs_op")
def test_P1_floating_point_at_V1_dirties_both(rig, insn):
    for mode in ("VS", "VU"):
        rig.csr["mstatus"] = rig.csr["vsstatus"] = FS_INITIAL
        assert rig.execute(insn, mode=mode, a0=r.DATA, a1=0) is None
        assert fs(rig) == (3, 3)
        assert rig.csr["vsstatus"] >> 63 and rig.csr["mstatus"] >> 63


def test_P1_flags_alone_count_as_a_change(rig):
    """FEQ.S of a signalling NaN writes an x register and sets NV."""
    for mode, expected in (("VS", (3, 3)), ("HS", (3, 1))):
        rig.csr["mstatus"] = rig.csr["vsstatus"] = FS_INITIAL
        rig.csr["fcsr"] = 0
        rig.csr["mstatus"] = FS_INITIAL
        rig.csr["vsstatus"] = FS_INITIAL
        rig.hart.f["fa0"] = 0xFFFF_FFFF_7F80_0001
        assert rig.execute(0xA0A52553, mode=mode) is None  # feq.s a0, fa0, fa0
        assert rig.csr["fflags"] == 0x10
        assert fs(rig) == expected


def test_P1_reading_fcsr_dirties_nothing(rig):
    rig.csr["mstatus"] = rig.csr["vsstatus"] = FS_INITIAL
    assert rig.execute(csrr("fcsr"), mode="VS") is None
    assert fs(rig) == (1, 1)


def test_P1_flags_belong_to_the_V_that_raised_them(rig):
    """FDIV.S by zero in VS, then a trap: vsstatus must be dirty although nobody has looked at the flags yet."""
    rig.csr["mstatus"] = rig.csr["vsstatus"] = FS_INITIAL
    rig.hart.f["fa0"], rig.hart.f["fa1"] = 0xFFFF_FFFF_3F80_0000, 0xFFFF_FFFF_7F80_0001
    rig.code(0xA0B52553, r.ECALL)  # feq.s a0, fa0, fa1
    rig.csr["medeleg"] = ALL
    rig.stand("VS")
    rig.step(2)
    assert rig.mode == "HS"
    assert fs(rig) == (3, 3)


@pytest.mark.rules("vsstatus_sd_xs_op")
def test_P1_vsstatus_sd_is_its_own(rig):
    rig.csr["mstatus"], rig.csr["vsstatus"] = FS, FS_INITIAL
    assert rig.csr["vsstatus"] >> 63 == 0
    assert rig.read("sstatus", "VS") >> 63 == 0
    assert rig.csr["sstatus"] >> 63 == 1
    rig.csr["mstatus"], rig.csr["vsstatus"] = FS_INITIAL, FS
    assert rig.read("sstatus", "VS") >> 63 == 1
    assert rig.csr["sstatus"] >> 63 == 0


@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.rules("vsstatus_v0")
def test_P2_vsstatus_neither_gates_nor_is_dirtied_at_V0(rig, mode):
    for value in (0, FS_INITIAL):
        rig.csr["mstatus"], rig.csr["vsstatus"] = FS_INITIAL, value
        assert rig.execute(r.FSGNJ_S, mode=mode) is None
        assert fs(rig) == (3, value >> 13)


def test_P2_hypervisor_loads_touch_no_floating_point(rig):
    rig.csr["mstatus"], rig.csr["vsstatus"] = FS_INITIAL, FS_INITIAL
    assert rig.execute(r.HLV_W, mode="HS") is None
    assert fs(rig) == (1, 1)


@pytest.mark.rules(
    "HSXLEN",
    "VSXLEN",
    "hstatus_vsxl_64",
    "HSTATUS_VSXL_64_WARL",
    "VSXL_RO",
    "VSSTATUS_UXL_WARL",
    "vsstatus_uxl_op",
    "hstatus_vsbe_op",
    "HSTATUS_VSBE_WARL",
    "VSSTATUS_UBE",
    "sstatus_uxl_sz",
    "SSTATUS_UXL_WARL",
    "SSTATUS_UBE_WARL",
    "sstatus_ube_sz",
    "ssu64xl_uxl_sstatus",
)
def test_P3_vsxl_uxl_and_endianness_are_fixed(rig):
    for value in (0, ALL):
        for name in ("hstatus", "vsstatus", "mstatus"):
            rig.csr[name] = value & ~(1 << 17)
            assert rig.csr[name] >> 32 & 3 == 2
        assert rig.csr["mstatus"] >> 34 & 3 == 2  # SXL
        assert not rig.csr["hstatus"] >> 5 & 1  # VSBE
        assert not rig.csr["vsstatus"] >> 6 & 1  # UBE
        assert not rig.csr["mstatus"] >> 36 & 3  # SBE, MBE


@pytest.mark.rules("hstatus_vsxl_op", "vsstatus_uxl_op", "VSXLEN", "HSXLEN", "sstatus_uxl_op")
@pytest.mark.parametrize("mode", ["HS", "U", "VS", "VU"])
def test_P3_every_mode_computes_with_64_bits(rig, mode):
    assert rig.execute(40 << 20 | 11 << 15 | 1 << 12 | 10 << 7 | 0x13, mode=mode, a1=3) is None  # slli a0, a1, 40
    assert rig.a0 == 3 << 40


# ---- what takes effect without a fence (checklist O7), as far as a CSR write has to see to it

VA = 0x4000_5000  # not where the code's TLB entry goes
X_ONLY, USER_RW, SUPERVISOR_RW = 0x49, 0xD7, 0xC7


def page(rig, root, flags):
    """A table at `root` that maps RAM for supervisors and DATA at VA with these flags."""
    rig.store(root + 2 * 8, r.RAM >> 2 | 0xCF)
    rig.store(root + 1 * 8, root + 0x2000 >> 2 | 1)
    rig.store(root + 0x2000, root + 0x4000 >> 2 | 1)
    rig.store(root + 0x4000 + 5 * 8, r.DATA >> 2 | flags)
    return 8 << 60 | root >> 12


@pytest.mark.parametrize("mode, atp, status", [("HS", "satp", "sstatus"), ("VS", "vsatp", "vsstatus")])
@pytest.mark.parametrize("flags, bit", [(USER_RW, SUM), (X_ONLY, MXR)])
@pytest.mark.rules("sfence_vma_sum_mxr_effect")
def test_O7_sum_and_mxr_take_effect_at_once(rig, mode, atp, status, flags, bit):
    rig.csr[atp] = page(rig, r.TABLES, flags)
    for _ in range(2):
        for on in (0, 1):
            rig.csr[status] = FS | (bit if on else 0)
            assert rig.cause(r.LW, mode=mode, a1=VA) == (None if on else 13)
    # Written by the mode itself, and used by the next instruction.
    rig.csr[status] = FS
    assert rig.execute(r.LW, mode=mode, a1=VA)
    rig.code(csrrs("sstatus"), 0x00063503, csr_insn(3, "sstatus", rd=0), 0x00063503)  # ld a0, 0(a2) twice
    rig.stand(mode)
    rig.hart.x["a1"], rig.hart.x["a2"] = bit, VA
    rig.step(3)
    assert rig.trap() is None and rig.pc == CODE + 12
    rig.step()
    assert rig.trap().cause == 13


def test_O7_hs_level_mxr_takes_effect_on_guests_at_once(rig):
    rig.csr["vsatp"] = page(rig, r.TABLES, X_ONLY)
    rig.csr["hstatus"] = 1 << 8
    for on in (0, 1, 0, 1):
        rig.csr["mstatus"] = FS | (MXR if on else 0)
        assert rig.cause(r.LW, mode="VS", a1=VA) == (None if on else 13)
        assert rig.cause(r.HLV_W, mode="M", a1=VA) == (None if on else 13)


@pytest.mark.parametrize("name", ["satp", "vsatp", "hgatp"])
def test_O7_another_root_takes_effect_at_once(rig, name):
    """With another ASID or VMID, and from and to Bare."""
    mode = "HS" if name == "satp" else "VS"
    flags = 0xDF if name == "hgatp" else SUPERVISOR_RW
    one, two = page(rig, r.TABLES, flags), page(rig, r.TABLES + 0x8000, flags)
    if name == "hgatp":
        for root in (r.TABLES, r.TABLES + 0x8000):
            rig.store(root + 2 * 8, r.RAM >> 2 | 0xDF)
    rig.store(r.TABLES + 0xC000 + 5 * 8, r.DATA + 0x1000 >> 2 | flags)
    rig.store(r.DATA, 0x11, 4)
    rig.store(r.DATA + 0x1000, 0x22, 4)
    for _ in range(2):
        for value, expected in ((one | 1 << 44, 0x11), (two | 2 << 44, 0x22), (0, None), (one | 1 << 44, 0x11)):
            rig.csr[name] = value
            trap = rig.execute(r.LW, mode=mode, a1=VA)
            assert (None if trap else rig.a0) == expected


def test_O7_mprv_mpp_mpv_and_spvp_take_effect_at_once(rig):
    rig.csr["vsatp"] = page(rig, r.TABLES, SUPERVISOR_RW)
    mprv = 1 << 17
    for status, cause in [
        (0, 5), (mprv | 1 << 11 | 1 << 39, None), (mprv | 1 << 39, 13), (mprv | 3 << 11 | 1 << 39, 5),
        (mprv | 1 << 11, 5), (mprv | 1 << 11 | 1 << 39, None),
    ]:  # fmt: skip
        rig.csr["mstatus"] = status
        assert rig.cause(r.LW, mode="M", a1=VA) == cause, hex(status)
    rig.csr["mstatus"] = 0
    for spvp, cause in ((1, None), (0, 13), (1, None)):
        rig.csr["hstatus"] = spvp << 8
        assert rig.cause(r.HLV_W, mode="HS", a1=VA) == cause


def test_O7_clearing_mprv_takes_effect_on_the_next_load(rig):
    rig.csr["vsatp"] = page(rig, r.TABLES, SUPERVISOR_RW)
    fields = 1 << 17 | 1 << 11 | 1 << 39
    rig.csr["mstatus"] = fields
    rig.code(0x00063503, csr_insn(3, "mstatus", rd=0), 0x00063503)  # ld a0, 0(a2); csrrc mstatus, a1; ld
    rig.stand("M")
    rig.hart.x["a1"], rig.hart.x["a2"] = 1 << 17, VA
    rig.step(3)
    assert rig.trap() == r.Trap("M", 5, CODE + 8, VA)
