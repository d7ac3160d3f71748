"""mip, mie and their views: checklist C."""

import pytest
import rig as r
from rig import ALL, Rig, csrrc, csrrs, csrw

VS_LINES = {"VSSI": 2, "VSTI": 6, "VSEI": 10}
SSIP, STIP, SEIP, VSSIP, VSTIP, VSEIP, SGEIP, LCOFIP = (
    1 << 1,
    1 << 5,
    1 << 9,
    1 << 2,
    1 << 6,
    1 << 10,
    1 << 12,
    1 << 13,
)


@pytest.fixture
def rig():
    return Rig(geilen=4)


@pytest.mark.parametrize("bit", VS_LINES.values())
@pytest.mark.rules("hideleg_trans", "hvip_op", "hvip_acc")
def test_C1_guest_sees_vs_interrupts_as_its_supervisor_interrupts(rig, bit):
    rig.csr["hideleg"] = ALL
    rig.csr["hvip"] = rig.csr["hie"] = 1 << bit
    assert rig.read("sip", "VS") == 1 << bit - 1
    assert rig.read("sie", "VS") == 1 << bit - 1
    rig.csr["vsstatus"] |= 2
    rig.csr["vstvec"] = r.VS_VECTOR - 4 * (bit - 1) | 1
    assert rig.take_interrupt("VS") == r.Trap("VS", r.INTERRUPT | bit - 1, r.CODE, 0)


@pytest.mark.rules("sip_lcofip_op", "vsip_vsie_lcofi", "vsip_vsie_op")
def test_C1_lcofi_is_not_shifted(rig):
    """Without Shlcofideleg no guest has it: it goes to HS."""
    rig.csr["mideleg"] = rig.csr["hideleg"] = ALL
    assert not rig.csr["hideleg"] & LCOFIP
    rig.csr["mip"], rig.csr["mie"] = LCOFIP, LCOFIP
    assert rig.read("sip", "HS") == LCOFIP
    assert rig.csr["hip"] == rig.csr["hie"] == 0
    assert rig.csr["vsip"] == rig.csr["vsie"] == 0
    assert rig.take_interrupt("VS") == r.Trap("HS", r.INTERRUPT | 13, r.CODE, 0)


@pytest.mark.parametrize("delegated", [0, 1 << 2, 1 << 6, 1 << 10, 0x444])
@pytest.mark.rules(
    "vsip_vsie_sz", "vsip_vsie_acc", "VSIP_WARL", "VSIE_WARL", "vsip_vsie_sei", "vsip_vsie_sti", "vsip_vsie_ssi"
)
def test_C2_vsip_and_vsie_show_and_write_only_what_is_delegated(rig, delegated):
    rig.csr["hideleg"] = delegated
    rig.csr["hvip"] = rig.csr["hie"] = 0x444
    assert rig.csr["vsip"] == rig.csr["vsie"] == delegated >> 1
    rig.write("vsie", "M", 0)
    assert rig.csr["hie"] == 0x444 & ~delegated
    rig.write("vsip", "M", 0)  # only SSIP is writable
    assert rig.csr["hvip"] == 0x444 & ~(delegated & VSSIP)
    rig.csr["hvip"] = rig.csr["hie"] = 0
    rig.write("sip", "VS", ALL)
    assert rig.csr["hvip"] == delegated & VSSIP
    for bit in range(64):  # each bit alone: they are shifted by one, not only masked
        rig.csr["hvip"] = 0
        rig.write("vsip", "M", 1 << bit)
        assert rig.csr["hvip"] == 2 << bit & delegated & VSSIP
        rig.write("vsie", "M", 1 << bit)
        assert rig.csr["hie"] == (2 << bit & delegated)
        rig.csr["hie"] = 0
    rig.csr["hvip"] = 0
    rig.write("sie", "VS", ALL)
    assert rig.csr["hie"] == delegated


@pytest.mark.rules(
    "hstatus_vgein_op", "hip_op", "hip_vseip_vseie_op", "hip_acc", "hip_vssip_vssie_op", "hip_vstip_vstie_acc"
)
def test_C3_hip_is_hvip_or_the_lines(rig):
    rig.write("hvip", "HS", VSSIP)
    assert rig.csr["hip"] == VSSIP
    rig.write("hip", "HS", 0)
    assert rig.csr["hvip"] == 0
    rig.csr["hgeip"] = 1 << 3
    assert rig.csr["hip"] == 0  # VGEIN selects none
    rig.csr["hstatus"] |= 2 << 12
    assert rig.csr["hip"] == 0
    rig.csr["hstatus"] = rig.csr["hstatus"] & ~(0x3F << 12) | 3 << 12
    assert rig.csr["hip"] == VSEIP and rig.csr["hvip"] == 0
    rig.lines(VSEIP)
    rig.csr["hgeip"] = 0
    assert rig.csr["hip"] == VSEIP and rig.csr["hvip"] == 0
    rig.csr["vstimecmp"] = 0
    assert rig.csr["hip"] == VSEIP | VSTIP and rig.csr["hvip"] == 0


@pytest.mark.rules(
    "hip_sgeip_sgeie_acc",
    "hip_sgeip_sgeie_op",
    "hgeie_op",
    "hgeip_op",
    "hgeip_hgeie_fields",
    "mip_mie_alias",
    "hstatus_vgein_op",
)
def test_C4_sgeip_and_hgeie(rig):
    rig.csr["hgeip"] = 0b10010
    assert rig.csr["hip"] == rig.csr["mip"] & SGEIP == 0
    rig.csr["hgeie"] = 0b01000
    assert not rig.csr["hip"] & SGEIP
    rig.csr["hgeie"] = 0b10000
    assert rig.csr["hip"] & SGEIP and rig.csr["mip"] & SGEIP
    # hgeie does not gate what VGEIN selects.
    rig.csr["hgeie"] = 0
    rig.csr["hstatus"] |= 1 << 12
    assert rig.csr["hip"] == VSEIP
    rig.write("hip", "HS", 0)
    assert rig.csr["hip"] == VSEIP


@pytest.mark.rules("sie_hip_hie_mutex")
def test_C5_s_and_hs_registers_share_no_bits(rig):
    rig.csr["mideleg"] = ALL
    rig.csr["mip"], rig.csr["hvip"], rig.csr["mie"] = ALL, ALL, ALL
    assert rig.csr["sip"] & rig.csr["hip"] == rig.csr["sie"] & rig.csr["hie"] == 0
    assert rig.csr["sie"] == SSIP | STIP | SEIP | LCOFIP
    assert rig.csr["hie"] == VSSIP | VSTIP | VSEIP | SGEIP
    rig.csr["mideleg"] = SSIP
    assert rig.csr["sie"] == SSIP and rig.csr["sip"] == SSIP
    rig.write("sie", "M", 0)
    assert rig.csr["mie"] & (STIP | SEIP) == STIP | SEIP


@pytest.mark.rules("mip_seip_wrcsr")
def test_C6_read_modify_write_does_not_latch_lines(rig):
    rig.csr["mideleg"] = rig.csr["hideleg"] = ALL
    rig.lines(SEIP | VSEIP)
    rig.csr["hgeip"] = 2
    rig.csr["hstatus"] |= 1 << 12
    for insn in (csrrs("mip"), csrrc("mip"), csrrs("sip"), csrrs("hip"), csrrs("hvip"), csrrs("vsip")):
        assert rig.execute(insn, mode="M", a1=SSIP | VSSIP) is None
    assert rig.csr["mip"] & (SEIP | VSEIP) == SEIP | VSEIP
    rig.lines(SEIP | VSEIP, False)
    rig.csr["hgeip"] = 0
    assert rig.csr["mip"] & (SEIP | VSEIP) == 0
    assert rig.csr["hvip"] & VSEIP == 0


@pytest.mark.rules("mip_seip_acc", "mip_seip_rdcsr", "mip_seip_wrcsr", "intr_sei_op")
def test_C6_seip_shows_the_line_but_keeps_the_software_bit(rig):
    rig.lines(SEIP)
    rig.execute(csrrc("mip"), mode="M", a1=SEIP)
    assert rig.a0 & SEIP and rig.csr["mip"] & SEIP
    rig.execute(csrw("mip"), mode="M", a1=SEIP)
    rig.lines(SEIP, False)
    assert rig.csr["mip"] & SEIP
    rig.execute(csrrc("mip"), mode="M", a1=SEIP)
    assert not rig.csr["mip"] & SEIP


@pytest.mark.rules("mip_stip_stimecmp_acc", "mip_stip_stimecmp_op", "mip_stip_stimecmp_clr", "menvcfg_stce_op")
def test_C6_stip_under_stce(rig):
    rig.csr["menvcfg"] = 0
    rig.write("mip", "M", STIP)
    assert rig.csr["mip"] & STIP
    rig.csr["menvcfg"] = 1 << 63
    assert not rig.csr["mip"] & STIP  # the comparator's alone
    rig.write("mip", "M", STIP)
    assert not rig.csr["mip"] & STIP
    rig.csr["stimecmp"] = 0
    rig.execute(csrrc("mip"), mode="M", a1=STIP)
    assert rig.csr["mip"] & STIP
    rig.csr["stimecmp"] = ALL
    assert not rig.csr["mip"] & STIP


@pytest.mark.rules(
    "sie_acc", "SIE_WARL", "sie_seie_acc", "sie_stie_acc", "sie_ssie_acc", "sie_lcofip_Sscofpmf_acc",
    "SEI_INTR_IMPL", "STI_INTR_IMPL", "SSI_INTR_IMPL", "LCOFI_INTR_IMPL", "sip_sie_bits_sz",
)  # fmt: skip
@pytest.mark.parametrize("isa, bits", [("max", 0x2222), ("max_no-sscofpmf", 0x222)])
def test_sie_has_the_standard_interrupts(isa, bits):
    rig = Rig(isa)
    rig.csr["mideleg"] = ALL
    rig.write("sie", "HS", ALL)
    assert rig.read("sie", "HS") == bits == rig.csr["mie"]
    rig.write("sie", "HS", 0)
    assert rig.read("sie", "HS") == 0


@pytest.mark.rules(
    "sip_acc", "sip_op", "SIP_WARL", "sip_seip_acc", "sip_seip_op", "sip_stip_acc", "sip_stip_op", "sip_ssip_acc",
    "sip_ssip_op", "sip_lcofip_Sscofpmf_acc", "sip_lcofip_Sscofpmf_op", "sip_sie_bits_sz", "mip_stip_op",
)  # fmt: skip
@pytest.mark.parametrize("isa, writable", [("max", SSIP | LCOFIP), ("max_no-sscofpmf", SSIP)])
def test_sip_is_written_where_the_supervisor_clears_it_itself(isa, writable):
    """SEIP is the line's, STIP the comparator's; SSIP and LCOFIP stay until written."""
    rig = Rig(isa)
    rig.csr["mideleg"] = ALL
    rig.write("sip", "HS", ALL)
    assert rig.read("sip", "HS") == writable
    rig.lines(SEIP)
    rig.csr["stimecmp"] = 0
    assert rig.read("sip", "HS") == writable | SEIP | STIP
    rig.write("sip", "HS", 0)
    assert rig.read("sip", "HS") == SEIP | STIP
    rig.lines(SEIP, False)
    rig.csr["stimecmp"] = ALL
    assert rig.read("sip", "HS") == 0


@pytest.mark.rules("sip_stip_op", "sip_stip_acc")
def test_without_sstc_the_execution_environment_drives_stip():
    rig = Rig("max_no-sstc")
    rig.csr["mideleg"] = ALL
    rig.csr["mip"] = STIP
    rig.write("sip", "HS", 0)
    assert rig.read("sip", "HS") == STIP
    rig.csr["mip"] = 0
    assert rig.read("sip", "HS") == 0
