"""Traps into M-mode: where they go, which exception it is, and what mtval holds (manual: "Machine Trap-Vector
Base-Address (mtvec) Register", "Machine Cause (mcause) Register", "Machine Trap Value (mtval) Register"). What entry
does to mstatus is in test_trap_delegation.py."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import rig as r
from pagetables import KERNEL, A, D, Frames, R, Table, V, W, X
from rig import ALL, CODE, DATA, INTERRUPT, NOWHERE, RAM, TABLES, Rig, Trap, csrr

rules = pytest.mark.rules

LR_D, SC_D, AMO_D = 0x1005B52F, 0x18C5B52F, 0x00C5B52F  # a0, a2, (a1)
PAGE = 0x4000_0000  # a virtual address that only the tables of `paged` map


# ---- mtvec


@rules("mtvec_mandatory", "mtvec_mode_enc", "mtvec_base_align_4B", "MTVEC_BASE_ALIGN_FUNC_MODE", "MTVEC_WARL")
@pytest.mark.parametrize("isa", ["rv64i_zicsr", "max"])
def test_mtvec_holds_direct_and_vectored_and_any_multiple_of_4(isa):
    rig = Rig(isa)
    for base in (0x8000_0000, 0x8000_0104, 0xFFFF_FFFF_FFFF_FFFC, 0x1234_5678_9ABC_DEF0):
        for mode in (0, 1):
            rig.write("mtvec", "M", base | mode)
            assert rig.read("mtvec", "M") == base | mode
        for mode in (2, 3):
            rig.write("mtvec", "M", base | mode)
            assert rig.read("mtvec", "M") in (base, base | 1), "MODE 2 and 3 are reserved"


@rules("mtvec_mode_direct_op", "mtvec_mode_enc")
def test_direct_mode_sends_everything_to_base():
    rig = Rig()
    rig.csr["mideleg"] = 0
    assert rig.execute(r.ECALL, mode="U") == Trap("M", 8, CODE, 0)
    for number in (1, 9, 13):
        rig.csr["mip"] = rig.csr["mie"] = 1 << number
        assert rig.take_interrupt("U") == Trap("M", INTERRUPT | number, CODE, 0)


@rules("mtvec_mode_vectored_op", "mtvec_mode_enc")
@pytest.mark.parametrize("number", [1, 3, 5, 7, 9, 11, 13])
def test_vectored_mode_sends_each_interrupt_to_its_own_entry(number):
    rig = Rig()
    rig.csr["mideleg"], rig.csr["menvcfg"] = 0, 0
    rig.csr["mtvec"] = r.M_VECTOR | 1
    rig.lines(1 << number & 0xA88)
    rig.csr["mip"] = rig.csr["mie"] = 1 << number
    if number == 7:
        rig.csr["mie"] = 0
        assert rig.execute(0x00A5B023, mode="M", a0=0, a1=0x200_4000) is None  # mtimecmp
        rig.csr["mie"] = 1 << 7
    rig.code(0x0000006F, at=r.M_VECTOR + 4 * number)
    rig.stand("U")
    rig.step()
    assert (rig.mode, rig.pc) == ("M", r.M_VECTOR + 4 * number)
    assert rig.csr["mcause"] == INTERRUPT | number


# ---- every exception with its code and mtval


def paged(rig: Rig, flags: int, pa: int = RAM) -> None:
    """satp: RAM's gigabyte where it is, and PAGE's gigabyte at `pa`'s with these flags."""
    rig.store(TABLES + 2 * 8, RAM >> 2 | KERNEL)
    rig.store(TABLES + 8, (pa & -(1 << 30)) >> 2 | flags)
    rig.csr["satp"] = 8 << 60 | TABLES >> 12


class Case(NamedTuple):
    code: int
    run: Callable[[Rig], Trap | None]
    tval: int


def at(rig: Rig, pc: int, mode: str) -> Trap | None:
    """The trap of a fetch."""
    rig.stand(mode, pc)
    rig.step()
    return rig.trap()


def mapped(flags: int, then: Callable[[Rig], Trap | None]) -> Callable[[Rig], Trap | None]:
    def run(rig: Rig) -> Trap | None:
        paged(rig, flags)
        return then(rig)

    return run


CASES = {
    "fetch access fault": Case(1, lambda rig: at(rig, NOWHERE, "M"), NOWHERE),
    "illegal instruction": Case(2, lambda rig: rig.execute(0x7F), 0x7F),
    "ebreak": Case(3, lambda rig: rig.execute(r.EBREAK), CODE),
    "load-reserved misaligned": Case(4, lambda rig: rig.execute(LR_D, a1=DATA + 4), DATA + 4),
    "load access fault": Case(5, lambda rig: rig.execute(r.LW, a1=NOWHERE), NOWHERE),
    "load-reserved access fault": Case(5, lambda rig: rig.execute(LR_D, a1=NOWHERE & ~7), NOWHERE & ~7),
    "store-conditional misaligned": Case(6, lambda rig: rig.execute(SC_D, a1=DATA + 4), DATA + 4),
    "amo misaligned": Case(6, lambda rig: rig.execute(AMO_D, a1=DATA + 9), DATA + 9),
    "store access fault": Case(7, lambda rig: rig.execute(r.SW, a1=NOWHERE), NOWHERE),
    "store-conditional access fault": Case(7, lambda rig: rig.execute(SC_D, a1=NOWHERE & ~7), NOWHERE & ~7),
    "amo access fault": Case(7, lambda rig: rig.execute(AMO_D, a1=NOWHERE & ~7), NOWHERE & ~7),
    "ecall from U": Case(8, lambda rig: rig.execute(r.ECALL, mode="U"), 0),
    "ecall from S": Case(9, lambda rig: rig.execute(r.ECALL, mode="HS"), 0),
    "ecall from M": Case(11, lambda rig: rig.execute(r.ECALL, mode="M"), 0),
    "fetch page fault": Case(12, mapped(V | R | A, lambda rig: at(rig, PAGE, "HS")), PAGE),
    "load page fault": Case(13, mapped(0, lambda rig: rig.execute(r.LW, mode="HS", a1=PAGE + 4)), PAGE + 4),
    "load-reserved page fault": Case(13, mapped(0, lambda rig: rig.execute(LR_D, mode="HS", a1=PAGE)), PAGE),
    "store page fault": Case(15, mapped(V | R | A, lambda rig: rig.execute(r.SW, mode="HS", a1=PAGE)), PAGE),
    "amo page fault": Case(15, mapped(V | R | A, lambda rig: rig.execute(AMO_D, mode="HS", a1=PAGE)), PAGE),
}


@rules("mcause_exccode_enc", "mcause_exccode_op", "mcause_intr_op", "mcause_op", "mepc_op", "mtval_op")
@rules("mtval_vaddr_wr1", "mtval_other_traps_zero", "MTVAL_PER_EXC_BEHAVIOR", "MTVAL_RDONLY0")
@rules("mcause_exccode_ld_ldrsv", "mcause_exccode_st_sc_amo", "ecall_epc_value", "ebreak_epc_value")
@pytest.mark.parametrize("name", CASES)
def test_every_exception_has_its_code_and_says_where(name):
    rig = Rig()
    rig.csr["mtval"] = ALL
    code, run, tval = CASES[name]
    epc = tval if name.startswith("fetch") else CODE
    assert run(rig) == Trap("M", code, epc, tval)


@rules("mcause_exccode_enc", "mtval_vaddr_wr1")
def test_a_misaligned_jump_has_code_0_and_names_its_target():
    rig = Rig("rv64i_zicsr")
    assert rig.execute(0x0060006F) == Trap("M", 0, CODE, CODE + 6)  # j .+6


@rules("mtval_vaddr_not_paddr")
@pytest.mark.parametrize("word, cause", [(r.LW, 5), (r.SW, 7), (AMO_D, 7), (0, 1)])
def test_mtval_is_the_virtual_address_even_if_the_physical_one_is_at_fault(word, cause):
    rig = Rig()
    paged(rig, V | R | W | X | A | D, 0x1_4000_0000)  # beyond RAM
    trap = at(rig, PAGE + 0x120, "HS") if word == 0 else rig.execute(word, mode="HS", a1=PAGE + 0x120)
    assert (trap.cause, trap.tval) == (cause, PAGE + 0x120)


@rules("mtval_vaddr_wr2")
@pytest.mark.parametrize("second, causes", [(None, (13, 15)), (NOWHERE & ~0xFFF, (5, 7))])
@pytest.mark.parametrize("word, store", [(0x0005B503, 0), (0x00A5B023, 1)])
def test_mtval_of_a_misaligned_access_is_the_part_that_failed(second, causes, word, store):
    """The first part is on a page of RAM, the second on a page that is not there, or where nothing answers."""
    rig = Rig()
    table = Table(rig, Frames(TABLES, RAM + r.RAM_SIZE), "sv39")
    table.map(CODE, CODE, KERNEL)
    table.map(PAGE, DATA, KERNEL)
    if second is not None:
        table.map(PAGE + 0x1000, second, KERNEL)
    rig.csr["satp"] = table.atp()
    for n in range(1, 8):
        trap = rig.execute(word, mode="HS", a1=PAGE + 0x1000 - n)
        assert (trap.cause, trap.tval) == (causes[store], PAGE + 0x1000)


# ---- priorities


@rules("exc_priority", "mcause_exccode_pri")
def test_fetch_translation_then_fetch_then_decode_then_execution():
    rig = Rig()
    paged(rig, 0)
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = (RAM + 0x1000) >> 2, ALL
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x0B  # TOR, no X: the first page of RAM
    rig.store(CODE, 0x7F, 4)  # illegal
    assert at(rig, PAGE, "HS").cause == 12, "no page, and PMP denies what it could have been"
    rig.store(TABLES + 8, RAM >> 2 | KERNEL)
    rig.execute(r.SFENCE_VMA, mode="M")
    rig.store(CODE, 0x7F, 4)
    assert at(rig, PAGE, "HS").cause == 1, "a page that PMP denies, with an illegal instruction"
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x0F
    assert at(rig, PAGE, "HS").cause == 2
    rig.csr["satp"] = rig.csr["hstatus"] = 0
    # An instruction that may not be executed, with an address that would fault in two ways.
    assert rig.execute(0x6805C573, mode="U", a1=NOWHERE + 1).cause == 2  # HLV.W
    rig.csr["mstatus"] = 0
    assert rig.execute(0x0005A507, mode="HS", a1=NOWHERE + 1).cause == 2  # FLW with FS=0


@rules("exc_priority", "mcause_exccode_pri")
@pytest.mark.parametrize("word, page, access", [(r.LW, 13, 5), (r.SW, 15, 7)])
def test_data_translation_comes_before_the_physical_access(word, page, access):
    rig = Rig()
    paged(rig, 0)
    rig.csr["pmpaddr0"], rig.csr["pmpaddr1"] = (DATA | 0x7FF) >> 2, ALL
    rig.csr["pmpcfg0"] = 0x1F << 8 | 0x18
    target = PAGE + DATA - RAM
    assert rig.execute(word, mode="HS", a1=target).cause == page
    rig.store(TABLES + 8, RAM >> 2 | KERNEL)
    rig.execute(r.SFENCE_VMA, mode="M")
    assert rig.execute(word, mode="HS", a1=target).cause == access
    rig.store(TABLES + 8, 0x10_0000 >> 2 | 1)  # the next table is where there is no memory
    rig.execute(r.SFENCE_VMA, mode="M")
    assert rig.execute(word, mode="HS", a1=target).cause == access, "first encountered: the page table"


@rules("MCAUSE_EXCCODE_MISALIGNED_VS_FAULT_PRI", "exc_priority")
@pytest.mark.parametrize("word, misaligned", [(LR_D, 4), (SC_D, 6), (AMO_D, 6)])
def test_misaligned_atomics_say_so_before_any_page_or_access_fault(word, misaligned):
    rig = Rig()
    paged(rig, 0)
    for address in (PAGE + 9, NOWHERE + 9, DATA + 12):
        assert rig.execute(word, mode="HS", a1=address).cause == misaligned


# ---- delegation and return


@rules("trap_never_trans_lower", "trap_horiz", "trap_def_M_mode")
def test_the_manuals_example_of_an_illegal_instruction():
    rig = Rig()
    assert rig.csr["medeleg"] == 0
    for mode in ("M", "HS", "U"):
        assert rig.execute(0x7F, mode=mode).into == "M"
    rig.csr["medeleg"] = 1 << 2
    assert rig.execute(0x7F, mode="M").into == "M"
    assert rig.execute(0x7F, mode="HS").into == "HS"
    assert rig.execute(0x7F, mode="U").into == "HS"


@rules("MRET_CLR_LR_RESV", "SRET_CLR_LR_RESV")
@pytest.mark.parametrize("word, mode", [(r.MRET, "M"), (r.SRET, "HS")])
def test_a_trap_return_keeps_the_reservation(word, mode):
    """The manual leaves it open; handlers of this machine's guests are to clear it themselves, by an SC."""
    rig = Rig()
    rig.csr["mepc"] = rig.csr["sepc"] = CODE + 8
    rig.csr["mstatus"] = 3 << 11 | 1 << 8
    assert rig.execute(LR_D, word, SC_D, mode=mode, a1=DATA, a2=5) is None
    assert rig.a0 == 0 and rig.load(DATA) == 5


@rules("mret_presence", "mret_op", "sret_presence")
@pytest.mark.parametrize("isa", ["rv64i_zicsr", "rv64iu_zicsr", "rv64isu_zicsr"])
def test_mret_is_always_there_and_sret_with_S(isa):
    rig = Rig(isa)
    rig.csr["mepc"] = CODE + 0x40
    rig.csr["mstatus"] = 3 << 11
    assert rig.execute(r.MRET) is None and rig.pc == CODE + 0x40
    assert rig.cause(r.SRET, mode="M") == (None if "S" in rig.extensions else 2)


@rules("mret_in_U_mode", "sret_in_U_mode", "mret_in_S_mode")
def test_returns_are_not_for_less_privileged_modes():
    rig = Rig()
    for word, mode in ((r.MRET, "HS"), (r.MRET, "U"), (r.SRET, "U")):
        assert rig.execute(word, mode=mode) == Trap("M", 2, CODE, word)


@rules("mepc_op", "mcause_op", "mtval_op")
def test_nothing_but_a_trap_into_m_writes_its_registers():
    rig = Rig()
    rig.csr["medeleg"] = ALL
    rig.csr["mepc"], rig.csr["mcause"], rig.csr["mtval"] = 0x4444, 0x55, 0x66
    for word, mode in ((r.ECALL, "U"), (0x7F, "HS"), (r.LW, "HS"), (r.WFI, "M"), (csrr("time"), "U")):
        rig.execute(word, mode=mode, a1=NOWHERE if word == r.LW else DATA)
        assert (rig.csr["mepc"], rig.csr["mcause"], rig.csr["mtval"]) == (0x4444, 0x55, 0x66)
