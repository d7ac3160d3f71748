"""Which interrupt is taken, where and when: checklist D."""

import itertools

import pytest
import rig as r
from rig import ALL, CODE, INTERRUPT, Rig, Trap, csrw

BITS = {
    "SSI": 1, "VSSI": 2, "MSI": 3, "STI": 5, "VSTI": 6, "MTI": 7, "SEI": 9, "VSEI": 10, "MEI": 11, "SGEI": 12,
    "LCOFI": 13,
}  # fmt: skip
M_ORDER = ["MEI", "MSI", "MTI", "SEI", "SSI", "STI", "LCOFI"]
HS_ORDER = ["SEI", "SSI", "STI", "SGEI", "VSEI", "VSSI", "VSTI", "LCOFI"]
VS_ORDER = ["VSEI", "VSSI", "VSTI"]
MODES = ("M", "HS", "U", "VS", "VU")
SIE, MIE = 1 << 1, 1 << 3


def ones(names):
    return sum(1 << BITS[name] for name in names)


@pytest.fixture
def rig():
    rig = Rig(geilen=1)
    rig.csr["menvcfg"] = 0  # STIP is software's
    return rig


def pend(rig, names):
    """Makes exactly these pending, by whatever drives each, and enables all."""
    bits = ones(names)
    rig.csr["mip"] = 0
    rig.csr["hvip"] = bits
    rig.csr["mip"] = bits & ~0x444 | bits & 4
    rig.lines(1 << 3 | 1 << 11, False)
    rig.lines(bits & (1 << 3 | 1 << 11))
    timer(rig, "MTI" in names)
    rig.csr["hgeie"] = 2
    rig.csr["hgeip"] = 2 if "SGEI" in names else 0
    rig.csr["mie"] = ALL
    assert rig.csr["mip"] == bits


def timer(rig, high):
    """mtimecmp of the CLINT, by a store of the hart."""
    mie, status = rig.csr["mie"], rig.csr["mstatus"]
    rig.csr["mie"] = 0
    assert rig.execute(0x00A5B023, mode="M", a0=0 if high else ALL, a1=0x200_4000) is None  # sd a0, (a1)
    rig.csr["mie"], rig.csr["mstatus"] = mie, status


def expected(mode, names, mideleg, hideleg, mstatus, vsstatus):
    """(into, code) by D1 to D4, written from the text of the checklist."""
    bits = ones(names)
    if mode != "M" or mstatus & MIE:
        for name in M_ORDER:
            if name in names and not mideleg >> BITS[name] & 1:
                return "M", BITS[name]
    if mode == "M":
        return None
    if mode != "HS" or mstatus & SIE:
        for name in HS_ORDER:
            if name in names and mideleg >> BITS[name] & 1 and not hideleg & bits & 1 << BITS[name]:
                return "HS", BITS[name]
    if mode == "VU" or mode == "VS" and vsstatus & SIE:
        for name in VS_ORDER:
            if name in names and hideleg >> BITS[name] & 1:
                return "VS", BITS[name] - 1
    return None


def check(rig, mode, names, mideleg, hideleg, mstatus, vsstatus):
    pend(rig, names)
    rig.csr["mideleg"], rig.csr["hideleg"] = mideleg, hideleg
    rig.csr["mstatus"] = mstatus
    rig.csr["vsstatus"] = vsstatus
    trap = rig.take_interrupt(mode)
    want = expected(mode, names, rig.csr["mideleg"], rig.csr["hideleg"], mstatus, vsstatus)
    got = trap and (trap.into, trap.cause & ~INTERRUPT)
    assert got == want, (mode, names, hex(mideleg), hex(hideleg), mstatus, vsstatus)
    if trap:
        assert trap == Trap(want[0], INTERRUPT | want[1], CODE, 0)


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.rules(
    "mstatus_mie_op",
    "mstatus_sie_op",
    "mstatus_xie_intr_en_dis",
    "MIDELEG_OP",
    "mideleg_enc",
    "mip_enc",
    "mip_std_enc",
    "mip_meip_op",
    "mip_mtip_op",
    "mip_msip_op",
    "mip_seip_op",
    "mip_ssip_op",
    "mcause_intr_op",
    "mcause_exccode_op",
    "trap_del_intr_priv_lvl",
    "hideleg_op",
    "hideleg_hs",
    "H_cause",
    "H_trap_deleg",
    "hip_sgeip_sgeie_op",
    "hip_vstip_vstie_op",
    "sstatus_sie_op",
    "sie_sip_supervisor_strap",
    "sie_seie_op",
    "sie_stie_op",
    "sie_ssie_op",
    "sie_lcofip_Sscofpmf_op",
    "scause_interrupt_op",
)
def test_D1_each_interrupt_in_each_mode(rig, name, mode):
    for mideleg, hideleg, mstatus, vsstatus in itertools.product(
        (0, ALL), (0, ALL), (0, MIE, SIE, MIE | SIE), (0, SIE)
    ):
        check(rig, mode, [name], mideleg, hideleg, mstatus, vsstatus)


@pytest.mark.parametrize("mode", ["VS", "VU"])
@pytest.mark.rules("mstatus_xie_intr_en_dis", "sstatus_sie_op", "s_interrupt_priority")
def test_D2_lower_levels_enables_do_not_mask_higher_levels(rig, mode):
    pend(rig, ["SEI"])
    rig.csr["mideleg"] = ALL
    rig.csr["mstatus"] = rig.csr["vsstatus"] = 0
    assert rig.take_interrupt(mode).into == "HS"
    rig.csr["mideleg"] = 0
    assert rig.take_interrupt(mode).into == "M"


def test_D2_spie_plays_no_part(rig):
    pend(rig, ["VSSI"])
    rig.csr["hideleg"] = ALL
    for spie in (0, 1 << 5):
        rig.csr["vsstatus"] = spie
        assert rig.take_interrupt("VS") is None


@pytest.mark.parametrize(
    "level, order",
    [pytest.param("M", M_ORDER, marks=pytest.mark.rules("intr_M_mode_pri")), ("HS", HS_ORDER), ("VS", VS_ORDER)],
)
@pytest.mark.rules("hsint_priority", "sip_priority_bit_order", "sie_priority_bit_order")
def test_D3_order_within_a_level(rig, level, order):
    mideleg, hideleg = (0 if level == "M" else ALL), (ALL if level == "VS" else 0)
    for first in range(len(order)):
        names = order[first:]
        check(rig, "VU", names, mideleg, hideleg, 0, 0)


@pytest.mark.rules("intr_M_mode_highest_pri", "s_interrupt_priority")
def test_D3_levels_before_numbers(rig):
    check(rig, "VU", ["VSEI", "STI", "LCOFI"], ALL & ~(1 << 13), ALL, 0, 0)  # LCOFI to M first
    check(rig, "VU", ["VSEI", "STI"], ALL, ALL, 0, 0)  # then STI to HS
    check(rig, "VU", ["VSEI"], ALL, ALL, 0, 0)


@pytest.mark.parametrize("name", ["VSSI", "VSTI", "VSEI"])
@pytest.mark.rules("hideleg_hs", "H_cause")
def test_D4_undelegated_vs_interrupts_go_to_HS_untranslated(rig, name):
    pend(rig, [name])
    rig.csr["mideleg"] = 0
    for mode in ("U", "VS", "VU"):
        assert rig.take_interrupt(mode) == Trap("HS", INTERRUPT | BITS[name], CODE, 0)


def test_D4_a_delegated_vs_interrupt_waits_for_V1(rig):
    pend(rig, ["VSEI"])
    rig.csr["hideleg"] = ALL
    rig.csr["mstatus"] = SIE | MIE
    for mode in ("M", "HS", "U"):
        assert rig.take_interrupt(mode) is None


#: (register, value written, mode, what is set up before, level it then goes to)
WRITES = [
    ("mstatus", MIE, "M", {"mie": 2, "mip": 2}, "M"),
    ("mie", 2, "M", {"mip": 2, "mstatus": MIE}, "M"),
    ("sie", 2, "HS", {"mip": 2, "mideleg": ALL, "mstatus": SIE}, "HS"),
    ("sip", 2, "HS", {"mie": 2, "mideleg": ALL, "mstatus": SIE}, "HS"),
    ("sstatus", SIE, "HS", {"mie": 2, "mip": 2, "mideleg": ALL}, "HS"),
    ("hie", 4, "HS", {"hvip": 4, "mstatus": SIE}, "HS"),
    ("hip", 4, "HS", {"hie": 4, "mstatus": SIE}, "HS"),
    ("hvip", 0x400, "HS", {"hie": 0x400, "mstatus": SIE}, "HS"),
    ("hideleg", 0, "HS", {"hideleg": 4, "hie": 4, "hvip": 4, "mstatus": SIE}, "HS"),
    ("hgeie", 2, "HS", {"hie": 1 << 12, "hgeip": 2, "mstatus": SIE}, "HS"),
    ("hstatus", 1 << 12, "HS", {"hie": 0x400, "hgeip": 2, "mstatus": SIE}, "HS"),
    (
        "stimecmp",
        0,
        "HS",
        {"menvcfg": ALL, "mie": 0x20, "mideleg": ALL, "mstatus": SIE, "mcounteren": 2},
        "HS",
    ),
    (
        "vstimecmp",
        0,
        "HS",
        {"menvcfg": ALL, "henvcfg": ALL, "hie": 0x40, "mstatus": SIE, "mcounteren": 2},
        "HS",
    ),
    (
        "htimedelta",
        100,
        "HS",
        {"menvcfg": ALL, "henvcfg": ALL, "vstimecmp": 90, "hie": 0x40, "mstatus": SIE},
        "HS",
    ),
    (
        "henvcfg",
        1 << 63,
        "HS",
        {"menvcfg": ALL, "henvcfg": 0, "vstimecmp": 0, "hie": 0x40, "mstatus": SIE},
        "HS",
    ),
    ("mideleg", 0, "M", {"mideleg": ALL, "mie": 2, "mip": 2, "mstatus": MIE}, "M"),
    ("mip", 2, "M", {"mie": 2, "mstatus": MIE}, "M"),
    ("menvcfg", 1 << 63, "M", {"menvcfg": 0, "stimecmp": 0, "mie": 0x20, "mstatus": MIE}, "M"),
    ("vsie", 2, "HS", {"hideleg": ALL, "hvip": 4}, None),  # VS level: waits for V=1
    ("sie", 2, "VS", {"hideleg": ALL, "hvip": 4, "vsstatus": SIE}, "VS"),
    ("sip", 2, "VS", {"hideleg": ALL, "hie": 4, "vsstatus": SIE}, "VS"),
    ("sstatus", SIE, "VS", {"hideleg": ALL, "hie": 4, "hvip": 4}, "VS"),
    (
        "stimecmp",
        0,
        "VS",
        {"menvcfg": ALL, "henvcfg": ALL, "hideleg": ALL, "hie": 0x40, "vsstatus": SIE},
        "VS",
    ),
]


@pytest.mark.parametrize("name, value, mode, before, into", WRITES)
@pytest.mark.rules(
    "intr_mip_mie_xret_csrwr",
    "intr_mip_mie_bounded_time",
    "hie_op",
    "hip_op",
    "hvip_op",
    "sie_sip_strap_time_constraint",
)
def test_D5_taken_right_after_the_write(name, value, mode, before, into):
    """The instruction after the write is not executed any more, even inside one block."""
    rig = Rig(geilen=1)
    rig.csr["mstatus"] = 0
    rig.csr["vsstatus"] = 0
    for register, initial in before.items():
        rig.csr[register] = initial
    rig.code(csrw(name), 0x00150513, 0x00150513)  # addi a0, a0, 1
    for vector in (r.M_VECTOR, r.HS_VECTOR, r.VS_VECTOR):
        rig.code(0x0000006F, at=vector)
    rig.stand(mode)
    rig.hart.x["a0"], rig.hart.x["a1"] = 0, value
    rig.step(3)
    trap = rig.trap()
    assert (trap.into if trap else None) == into
    assert rig.a0 == (0 if into else 2)
    if into:
        assert trap.epc == CODE + 4


@pytest.mark.parametrize("insn, mode, into", [(r.MRET, "M", "M"), (r.SRET, "HS", "HS"), (r.SRET, "VS", "VS")])
@pytest.mark.rules("intr_mip_mie_xret_csrwr", "sie_sip_strap_time_constraint")
def test_D5_taken_right_after_a_trap_return(insn, mode, into):
    rig = Rig()
    rig.csr["mstatus"] = 1 << 7 | 3 << 11 | 1 << 5 | 1 << 8  # MPIE, MPP=M, SPIE, SPP
    rig.csr["vsstatus"] = 1 << 5 | 1 << 8
    rig.csr["mideleg"] = ALL if into != "M" else 0
    rig.csr["hideleg"] = ALL
    rig.csr["mip"] = rig.csr["mie"] = 2 if into != "VS" else 4
    rig.csr["mepc"] = rig.csr["sepc"] = rig.csr["vsepc"] = CODE + 0x40
    rig.code(insn)
    for vector in (r.M_VECTOR, r.HS_VECTOR, r.VS_VECTOR):
        rig.code(0x0000006F, at=vector)
    rig.stand(mode)
    rig.step(2)
    assert rig.trap() == Trap(into, INTERRUPT | 1, CODE + 0x40, 0)


@pytest.mark.parametrize("mode, into", [("HS", "M"), ("VS", "M"), ("VS", "HS"), ("VU", "HS"), ("VS", "VS")])
@pytest.mark.rules("mtval_other_traps_zero", "H_trap_xtinst_interrupt", "stval_op_other_traps")
def test_D6_an_interrupt_writes_zeros(mode, into):
    rig = Rig()
    for name in ("mtval", "mtval2", "mtinst", "stval", "htval", "htinst", "vstval"):
        rig.csr[name] = 0x5555
    rig.csr["mstatus"] = 1 << 38
    rig.csr["hstatus"] = 1 << 6
    rig.csr["vsstatus"] = SIE
    rig.csr["hideleg"] = ALL if into == "VS" else 0
    rig.csr["mideleg"] = 0 if into == "M" else ALL
    rig.csr["mie"] = ALL
    rig.csr["mip"] = 2 if into != "VS" else 4
    assert rig.take_interrupt(mode).into == into
    written = {"M": ("mtval", "mtval2", "mtinst"), "HS": ("stval", "htval", "htinst"), "VS": ("vstval",)}[into]
    for name in ("mtval", "mtval2", "mtinst", "stval", "htval", "htinst", "vstval"):
        assert rig.csr[name] == (0 if name in written else 0x5555)
    assert rig.csr["mstatus"] >> 38 & 1 == (into != "M")
    assert rig.csr["hstatus"] >> 6 & 1 == (into != "HS")


VECTORED = pytest.mark.rules("mtvec_enc", "mtvec_mode_enc", "mtvec_mode_vectored_op")
VECTORS = [
    pytest.param("M", "mtvec", r.M_VECTOR, marks=VECTORED),
    ("HS", "stvec", r.HS_VECTOR),
    ("VS", "vstvec", r.VS_VECTOR),
]


@pytest.mark.parametrize("into, tvec, vector", VECTORS)
@pytest.mark.rules("stvec_op")
def test_F4_vectored_interrupts(into, tvec, vector):
    rig = Rig()
    rig.csr["mideleg"] = 0 if into == "M" else ALL
    rig.csr["hideleg"] = ALL if into == "VS" else 0
    rig.csr["mie"] = ALL
    code = 9
    rig.csr["hvip"] = 1 << 10 if into == "VS" else 0
    rig.csr["mip"] = 0 if into == "VS" else 1 << 9
    rig.csr[tvec] = vector - 0x200 | 1
    rig.code(0x0000006F, at=vector - 0x200 + 4 * code)
    rig.stand("VU")
    rig.step()
    assert (rig.mode, rig.pc) == (into, vector - 0x200 + 4 * code)


@pytest.mark.rules("wfi_op", "wfi_enc", "wfi_unaffected_conditions", "wfi_no_intr_pc")
def test_wfi_waits_and_goes_on():
    """WFI ends when an interrupt is pending and enabled in mie, whatever the global enables and delegation."""
    rig = Rig()
    rig.csr["mstatus"] = 0
    rig.csr["mie"] = 1 << 9
    assert rig.execute(r.WFI, mode="HS") is None
    assert rig.hart.waiting
    rig.lines(1 << 1)  # pending, not enabled
    rig.machine.run(max_insns=5)
    assert rig.hart.waiting and rig.pc == CODE + 4
    rig.csr["mideleg"] = ALL  # masked by sstatus.SIE
    rig.lines(1 << 9)
    rig.step()
    assert not rig.hart.waiting
    assert (rig.mode, rig.pc) == ("HS", CODE + 8)


@pytest.mark.rules("wfi_intr_dis", "wfi_no_intr_pc")
def test_wfi_does_not_wait_when_something_is_pending():
    rig = Rig()
    rig.csr["mstatus"] = 0
    rig.csr["mip"] = rig.csr["mie"] = 2
    assert rig.execute(r.WFI, mode="M") is None
    assert not rig.hart.waiting
