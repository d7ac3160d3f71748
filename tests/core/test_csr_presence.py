"""Which CSRs, fields and values there are with which extensions: checklist A."""

import pytest
from rig import ALL, CODE, MRET, Rig, csrr, csrw

from rvh.isa import csrs


@pytest.mark.parametrize("isa, modes", [("rv64gch_sv39", [8]), ("rv64gch_sv48", [8, 9]), ("rv64gch_sv57", [8, 9, 10])])
@pytest.mark.rules(
    "satp_mode",
    "satp_mode_sxlen64",
    "Sv48_requires_Sv39",
    "Sv57_requires_Sv48",
    "Sv48_sxlen",
    "Sv57_sxlen",
    "svbare_satp_mode_bare",
    "shgatpa_satp_hgatp_mode_support",
    "shvsatpa_satp_vsatp_modes",
)
def test_A13_modes_follow_the_extensions(isa, modes):
    rig = Rig(isa)
    for name in ("satp", "vsatp", "hgatp"):
        held = []
        for mode in range(1, 16):
            rig.csr[name] = 0
            rig.csr[name] = mode << 60
            if rig.csr[name] >> 60:
                held.append(rig.csr[name] >> 60)
        assert held == modes


@pytest.mark.parametrize("number", [0x612, 0x615, 0x61A, 0x61C, 0x61D, 0x61E, 0x61F, 0x25D, 0x15D, 0x31A, 0xC80])
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.rules(
    "hedelegh_sz",
    "hedelegh_acc",
    "hedelegh_op",
    "henvcfgh_sz",
    "henvcfgh_acc",
    "henvcfgh_op",
    "htimedeltah_sz",
    "htimedeltah_acc",
    "htimedeltah_op",
    "vstimecmp_acc",
    "H_illegal_high_half",
    "stimecmp_stimecmph_sz_acc",
    "stateen_rv32_upper_bits_csrs",
)
def test_A14_high_halves_do_not_exist(number, mode):
    rig = Rig()
    assert rig.cause(csrr(number), mode=mode) == 2
    assert rig.cause(csrw(number), mode=mode) == 2


@pytest.mark.rules("misa_h_op")
def test_A16_misa_is_read_only():
    rig = Rig()
    before = rig.csr["misa"]
    assert before >> 7 & 1
    rig.write("misa", "M", before & ~(1 << 7))
    assert rig.csr["misa"] == before


@pytest.mark.rules("misa_h_op")
def test_A16_without_H_nothing_of_it_exists():
    rig = Rig("rv64gcsu_sstc_sv39")
    assert not rig.csr["misa"] >> 7 & 1
    for row in csrs.CSRS:
        if row.privilege == 2 or row.name in ("mtinst", "mtval2"):
            assert row.name not in rig.csr
            assert rig.cause(csrr(row.number), mode="M") == 2
    for bit in (38, 39):
        rig.csr["mstatus"] = 1 << bit
        assert not rig.csr["mstatus"] >> bit & 1
    rig.csr["mideleg"] = rig.csr["mie"] = rig.csr["medeleg"] = ALL
    assert rig.csr["mideleg"] == 0x222 and rig.csr["mie"] == 0xAAA and rig.csr["medeleg"] == 0xC_B3FF
    assert rig.cause(0x6805C573, mode="M") == 2  # HLV.W
    assert rig.cause(0x62000073, mode="M") == 2  # HFENCE.GVMA


@pytest.mark.parametrize("name", ["senvcfg", "scounteren", "sstateen0", "sstateen3"])
@pytest.mark.rules("H_scsrs_nomatch")
def test_A17_registers_without_a_twin_are_shared(name):
    rig = Rig()
    rig.csr[name] = 0x71 if name == "senvcfg" else 0x5
    assert rig.read(name, "VS") == rig.csr[name]
    rig.write(name, "VS", 0)
    assert rig.csr[name] == 0


def test_A17_hcontext_and_scontext_do_not_exist():
    rig = Rig()
    for number in (0x6A8, 0x5A8, 0x7A8, 0x7B0):
        assert rig.cause(csrr(number), mode="M") == 2


@pytest.mark.rules("mepc_align", "sepc_op")
@pytest.mark.parametrize("isa, kept", [("rv64gsu_sv39", 4), ("rv64gsu_sv39_zca", 6), ("rv64gcsu_sv39", 6)])
def test_epc_bit_1_needs_compressed_instructions(isa, kept):
    """Zca alone makes IALIGN 16: what a context switch writes back must not lose the bit."""
    rig = Rig(isa)
    rig.csr["mepc"] = rig.csr["sepc"] = CODE + 6
    assert rig.csr["mepc"] == CODE + kept and rig.csr["sepc"] == CODE + kept


def test_identification_registers():
    rig = Rig()
    for name in ("mvendorid", "marchid", "mimpid", "mconfigptr", "mhartid"):
        assert rig.read(name, "M") == 0
        assert rig.cause(csrw(name), mode="M") == 2


@pytest.mark.rules(
    "menvcfg_no_U_mode",
    "mcounteren_presence",
    "medeleg_omit_wo_S_mode",
    "mip_seip_rdonly0",
    "mip_stip_rdonly0",
    "mip_ssip_rdonly0",
    "mie_seie_rdonly0",
    "mie_stie_rdonly0",
    "mie_ssie_rdonly0",
    "mret_presence",
    "m_level_only_mandatory",
    "m_mode_mandatory",
)
def test_a_hart_with_machine_mode_only():
    rig = Rig("rv64imc_zicsr")
    for name in ("menvcfg", "mcounteren", "medeleg", "sstatus", "hstatus", "cycle", "fcsr"):
        assert name not in rig.csr
    rig.csr["mstatus"] = 0
    assert rig.csr["mstatus"] == 3 << 11  # MPP can only be M
    rig.csr["mie"] = rig.csr["mip"] = ALL
    assert rig.csr["mie"] == 0x888 and rig.csr["mip"] == 0
    rig.csr["mepc"] = CODE + 0x40
    assert rig.execute(MRET, mode="M") is None
    assert (rig.mode, rig.pc) == ("M", CODE + 0x40)


@pytest.mark.rules("hedeleg_acc")
def test_misaligned_fetches_can_be_delegated_where_ialign_is_32():
    rig = Rig("rv64gh_sv39_no-c")
    rig.csr["medeleg"] = rig.csr["hedeleg"] = 1
    trap = rig.execute(0x0020006F, mode="VS")  # j .+2
    assert trap is not None and trap[:3] == ("VS", 0, CODE)
    rig.csr["hedeleg"] = 0
    assert rig.execute(0x0020006F, mode="VS")[:2] == ("HS", 0)


@pytest.mark.rules("time_htimedelta_req")
@pytest.mark.parametrize("isa", ["max", "rv64gch", "rv64imach_zicntr", "rv64imach", "max_no-zicntr"])
def test_a_guests_time_has_an_offset_where_there_is_time(isa):
    rig = Rig(isa, open_gates=False)
    assert "htimedelta" in rig.csr or "time" not in rig.csr
    assert ("time" in rig.csr) == ("zicntr" in isa and "no-" not in isa or isa in ("max", "rv64gch"))
