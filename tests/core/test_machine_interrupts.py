"""mip and mie bit by bit, and what drives each bit (manual: "Machine Interrupt (mip and mie) Registers")."""

import pytest
import rig as r
from rig import ALL, CODE, INTERRUPT, Rig, Trap, csrrc, csrw
from test_interrupts import BITS, pend

rules = pytest.mark.rules

CLINT, PLIC = 0x0200_0000, 0x0C00_0000
SW, SD, LW, LD = 0x00A5A023, 0x00A5B023, 0x0005A503, 0x0005B503  # a0, (a1)
MIE = 1 << 3
SSIP, MSIP, STIP, MTIP, SEIP, MEIP = (1 << n for n in (1, 3, 5, 7, 9, 11))
#: The interrupts of which something can make mip's bit 1 here, other than guest externals.
OWN = ("SSI", "MSI", "STI", "MTI", "SEI", "MEI", "LCOFI")


def put(rig: Rig, address: int, value: int, word: int = SW) -> None:
    assert rig.execute(word, mode="M", a0=value, a1=address) is None


def get(rig: Rig, address: int, word: int = LW) -> int:
    assert rig.execute(word, mode="M", a1=address) is None
    return rig.a0


@rules("intr_mip_mie_op", "mie_enc", "mie_std_enc", "mie_meie_op", "mie_mtie_op", "mie_msie_op", "mie_seie_op")
@rules("mie_ssie_op", "mip_stie_op", "mie_lcofie_op", "mcause_exccode_op", "mcause_exccode_enc", "mcause_intr_op")
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("mode, mie_bit", [("M", MIE), ("HS", 0), ("U", 0)])
def test_each_enable_lets_its_own_interrupt_through_and_no_other(name, mode, mie_bit):
    rig = Rig(geilen=1)
    rig.csr["menvcfg"] = 0  # STIP is software's
    rig.csr["mideleg"] = 0
    pend(rig, [name])
    bit = 1 << BITS[name]
    rig.csr["mstatus"] = mie_bit
    rig.csr["mie"] = ALL & ~bit
    assert rig.take_interrupt(mode) is None
    rig.csr["mie"] = bit
    assert rig.take_interrupt(mode) == Trap("M", INTERRUPT | BITS[name], CODE, 0)


@rules("intr_mip_mie_op")
@pytest.mark.parametrize("name", OWN)
def test_in_m_mode_nothing_is_taken_without_mie(name):
    rig = Rig(geilen=1)
    rig.csr["menvcfg"] = rig.csr["mideleg"] = 0
    pend(rig, [name])
    rig.csr["mstatus"] = 0
    assert rig.take_interrupt("M") is None


@rules("mip_bits_wr_op", "mip_ssip_acc", "mip_stip_no_stimecmp_acc", "mip_seip_acc", "mip_lcofip_acc")
@pytest.mark.parametrize("name", ["SSI", "STI", "SEI", "LCOFI"])
def test_a_writable_bit_makes_pending_and_clears(name):
    rig = Rig()
    rig.csr["menvcfg"] = 0
    bit = 1 << BITS[name]
    rig.write("mip", "M", bit)
    assert rig.read("mip", "M") == bit
    rig.execute(csrrc("mip"), a1=bit)
    assert rig.read("mip", "M") == 0


@rules("mip_stip_no_stimecmp_acc", "mip_stip_no_stimecmp_op", "menvcfg_stce_rdonly0")
def test_without_stimecmp_machine_mode_delivers_supervisor_timer_interrupts():
    rig = Rig("max_no-sstc")
    assert "stimecmp" not in rig.csr
    rig.write("menvcfg", "M", ALL)
    assert not rig.read("menvcfg", "M") >> 63
    rig.csr["mideleg"] = rig.csr["mie"] = STIP
    rig.csr["mstatus"] = 2
    rig.write("mip", "M", STIP)
    assert rig.take_interrupt("HS") == Trap("HS", INTERRUPT | 5, CODE, 0)


@rules("mip_lcofip_rdonly0", "mie_lcofie_rdonly0")
def test_without_sscofpmf_lcofi_is_read_only_zero():
    rig = Rig("max_no-sscofpmf")
    for name in ("mip", "mie", "mideleg"):
        rig.write(name, "M", ALL)
        assert not rig.read(name, "M") >> 13 & 1


@rules("mip_bits_rdonly_op", "mip_msip_rdonly", "mip_msip_op", "msip_sz", "msip_acc", "msip_enc")
@rules("MSIP_UPDATE_MAX_TIME", "MIP_MSIP_MAYBE_RDONLY0", "MIE_MSIE_MAYBE_RDONLY0")
def test_msip_is_the_memory_mapped_registers_and_seen_at_once():
    rig = Rig()
    rig.lines(SEIP | MEIP)
    put(rig, CLINT, 0xFFFF_FFFF)
    assert get(rig, CLINT) == 1, "bits 31 to 1 read as zero"
    rig.lines(SEIP | MEIP, False)
    assert rig.read("mip", "M") == MSIP
    rig.write("mip", "M", 0)
    assert rig.read("mip", "M") == MSIP
    put(rig, CLINT, 0xFFFF_FFFE)
    assert rig.read("mip", "M") == 0 == get(rig, CLINT)
    rig.write("mip", "M", MSIP)
    assert rig.read("mip", "M") == 0
    rig.write("mie", "M", MSIP)
    assert rig.read("mie", "M") == MSIP


@rules("mip_bits_rdonly_op", "mip_mtip_rdonly", "mip_mtip_op")
def test_mtip_goes_when_mtimecmp_is_written_and_not_when_mip_is():
    rig = Rig()
    put(rig, CLINT + 0x4000, 0, SD)
    assert rig.read("mip", "M") == MTIP
    rig.write("mip", "M", 0)
    assert rig.read("mip", "M") == MTIP
    put(rig, CLINT + 0x4000, ALL, SD)
    assert rig.read("mip", "M") == 0
    rig.write("mip", "M", MTIP)
    assert rig.read("mip", "M") == 0


@rules("mip_bits_rdonly_op", "mip_meip_rdonly", "mip_meip_op")
def test_meip_comes_from_the_interrupt_controller():
    """The PLIC's context 0 of hart 0, source 10: the UART with something received."""
    rig = Rig()
    put(rig, 0x1000_0001, 1, 0x00A58023)  # sb: its interrupt on receipt
    put(rig, PLIC + 4 * 10, 1)
    put(rig, PLIC + 0x2000, 1 << 10)
    rig.machine.console_feed(b"x")
    rig.step()
    assert rig.read("mip", "M") == MEIP
    rig.write("mip", "M", 0)
    assert rig.read("mip", "M") == MEIP
    assert get(rig, PLIC + 0x20_0004) == 10  # claimed
    assert rig.read("mip", "M") == 0
    rig.write("mip", "M", MEIP)
    assert rig.read("mip", "M") == 0


@rules("mip_seip_op", "intr_sei_op", "mip_seip_rdcsr")
@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("software", [0, SEIP])
def test_a_supervisor_external_interrupt_is_the_line_or_the_bit(line, software):
    rig = Rig()
    rig.csr["mideleg"] = rig.csr["mie"] = SEIP
    rig.csr["mstatus"] = 2
    rig.write("mip", "M", software)
    rig.lines(SEIP, line)
    assert rig.read("mip", "M") == (SEIP if line or software else 0)
    assert rig.take_interrupt("HS") == (Trap("HS", INTERRUPT | 9, CODE, 0) if line or software else None)


@rules("mip_ssip_intr_ctrl", "mip_ssip_op")
def test_a_line_may_set_ssip():
    rig = Rig()
    rig.csr["mideleg"] = rig.csr["mie"] = SSIP
    rig.csr["mstatus"] = 2
    rig.lines(SSIP)
    assert rig.read("mip", "M") == SSIP
    assert rig.take_interrupt("HS") == Trap("HS", INTERRUPT | 1, CODE, 0)


@rules("trap_del_intr_priv_lvl")
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
@pytest.mark.parametrize("delegated", [False, True])
def test_a_delegated_interrupt_is_masked_in_m_mode(mode, delegated):
    rig = Rig()
    rig.csr["mideleg"] = 1 << 5 if delegated else 0
    rig.csr["menvcfg"] = 0
    rig.csr["mip"] = rig.csr["mie"] = 1 << 5
    rig.csr["mstatus"] = 0x00A  # MIE, SIE
    trap = rig.take_interrupt(mode)
    assert (trap and trap.into) == ("M" if not delegated else None if mode == "M" else "HS")


# ---- WFI


@rules("wfi_mepc_val")
@pytest.mark.parametrize("mode, into", [("M", "M"), ("HS", "HS"), ("HS", "M")])
@pytest.mark.parametrize("before", [False, True])
def test_an_interrupt_that_ends_wfi_is_taken_on_the_instruction_after_it(mode, into, before):
    """Whether it comes while the hart waits or was there, globally masked, before: epc is WFI's address + 4."""
    rig = Rig()
    rig.csr["mideleg"] = 1 << 9 if into == "HS" else 0
    rig.csr["mie"] = 1 << 9
    enable = 0x2 if into == "HS" else MIE if mode == "M" else 0
    rig.csr["mstatus"] = 0 if before else enable
    if before and not (mode == "HS" and into == "M"):  # M-mode's interrupts cannot be masked in HS-mode
        rig.lines(1 << 9)
    for vector in (r.M_VECTOR, r.HS_VECTOR):
        rig.code(0x0000006F, at=vector)
    assert rig.execute(r.WFI, mode=mode) is None
    assert rig.pc == CODE + 4
    rig.csr["mstatus"] = enable
    rig.lines(1 << 9)
    rig.step()
    assert rig.trap() == Trap(into, INTERRUPT | 9, CODE + 4, 0)


@rules("wfi_unaffected_conditions", "wfi_intr_dis")
@pytest.mark.parametrize("mideleg", [0, ALL])
@pytest.mark.parametrize("status", [0, 2, MIE])
@pytest.mark.parametrize("mode", ["M", "HS"])
def test_only_mie_decides_what_wakes(mideleg, status, mode):
    rig = Rig()
    rig.csr["mideleg"], rig.csr["mstatus"] = mideleg, status
    rig.csr["mie"] = 1 << 9
    assert rig.execute(r.WFI, mode=mode) is None
    rig.lines(1 << 1)
    rig.machine.run(max_insns=3)
    assert rig.hart.waiting
    rig.lines(1 << 9)
    rig.step()
    assert not rig.hart.waiting


@rules("WFI_RESUME_REASON")
def test_a_hart_waits_until_something_that_is_enabled_is_pending():
    """The manual would let it go on for any reason; this one does not."""
    rig = Rig()
    assert rig.execute(csrw("mie"), r.WFI, mode="M", a1=SSIP) is None
    for line in (MSIP, SEIP, MEIP):
        rig.lines(line)
        rig.machine.run(max_insns=100)
        assert rig.hart.waiting and rig.pc == CODE + 8
