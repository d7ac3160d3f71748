"""Landing pads: Zicfilp (manual: "Landing Pad" in both chapters "Control-Flow Integrity")."""

import pytest
import rig as r
from rig import ALL, CODE, DATA, MRET, NOP, SRET, Rig, Trap, csrr

LPE, MLPE, SPELP, MPELP = 1 << 2, 1 << 10, 1 << 23, 1 << 41
MPP, MPV, MPIE, SPP, SPV = 3 << 11, 1 << 39, 1 << 7, 1 << 8, 1 << 7
ISA = "max_zicfilp"
TARGET = CODE + 0x100
LPAD = 0x0000_0017
C_JR_A1, C_JALR_A1, C_NOP = 0x8582, 0x9582, 0x0001
MODES = ("M", "HS", "U", "VS", "VU")
modes = pytest.mark.parametrize("mode", MODES)
#: Whose field is xLPE of a mode.
ENABLE = {"M": "mseccfg", "HS": "menvcfg", "VS": "henvcfg", "U": "senvcfg", "VU": "senvcfg"}


def jalr(rd: int = 0, rs1: int = 11, imm: int = 0) -> int:
    return imm << 20 | rs1 << 15 | rd << 7 | 0x67


def lpad(label: int) -> int:
    return label << 12 | LPAD


def enable(rig: Rig, *names: str) -> None:
    """Sets LPE in the named registers and clears it in the others."""
    for name in set(ENABLE.values()):
        bit = MLPE if name == "mseccfg" else LPE
        rig.csr[name] = rig.csr[name] & ~bit | (bit if name in names else 0)


@pytest.fixture
def rig() -> Rig:
    """Landing pads in every mode; traps go to the lowest mode that can have them."""
    rig = Rig(ISA)
    enable(rig, *ENABLE.values())
    rig.csr["mstatus"] = 3 << 13
    return rig


def go(rig: Rig, mode: str, jump: int, *landing: int, at: int = TARGET, x7: int = 0, steps: int = 2) -> Trap | None:
    """Jumps to `at` by the register of the jump, where the words are; then as many steps as are wanted in all."""
    rig.code(jump)
    rig.code(*landing, at=at)
    rig.stand(mode)
    register = jump >> 15 & 31 if jump & 3 == 3 else jump >> 7 & 31
    for n in range(1, 32):
        rig.hart.x[n] = x7 if n == 7 else DATA + n
    if register != 7 or not x7:
        rig.hart.x[register] = at
    rig.step()
    if trap := rig.trap():
        return trap
    assert rig.pc == at
    for _ in range(steps - 1):
        rig.step()
        if trap := rig.trap():
            return trap
    return None


def expected(rig: Rig) -> bool:
    """Whether a landing pad is expected now, as an interrupt into M-mode finds it."""
    rig.csr["mie"] = 1 << 3
    rig.csr["mstatus"] = rig.csr["mstatus"] | 1 << 3
    rig.code(0x0000006F, at=r.M_VECTOR)  # j .
    rig.lines(1 << 3)
    rig.step()
    rig.lines(1 << 3, False)
    assert rig.csr["mcause"] == r.INTERRUPT | 3
    return bool(rig.csr["mstatus"] & MPELP)


# -- which jumps expect one


@pytest.mark.rules(
    "Zicflip_lpad_expected",
    "Zicflip_indirect_branch_lpad",
    "cfi_return_term",
    "cfi_call_term",
    "cfi_indirect-jump_term",
)
@pytest.mark.parametrize("rd", [0, 1, 5, 10])
@pytest.mark.parametrize("rs1", range(1, 32))
def test_which_registers_expect_a_landing_pad(rig, rd, rs1):
    trap = go(rig, "HS", jalr(rd, rs1), NOP)
    assert trap == (None if rs1 in (1, 5, 7) else Trap("M", 18, TARGET, 2))


@pytest.mark.rules("Zicflip_lpad_expected", "Zicflip_indirect_branch_lpad")
@pytest.mark.parametrize("jump, link", [(0x8002, 0), (0x9002, 1)])
@pytest.mark.parametrize("rs1", range(1, 32))
def test_compressed_jumps_too(rig, jump, link, rs1):
    trap = go(rig, "HS", jump | rs1 << 7, NOP)
    assert trap == (None if rs1 in (1, 5, 7) else Trap("M", 18, TARGET, 2))
    if link:
        assert rig.hart.x["ra"] == CODE + 2


def test_direct_jumps_and_branches_do_not(rig):
    for word in (0x1000006F, 0x100000EF, 0x10000063):  # j, jal, beq zero, zero: all to TARGET
        rig.code(NOP, at=TARGET)
        assert rig.execute(word, mode="HS") is None
        rig.step()
        assert rig.pc == TARGET + 4


@modes
@pytest.mark.parametrize("on", range(16))
@pytest.mark.rules("menvcfg_lpe_op", "mseccfg_mlpe_set_op", "mseccfg_mlpe_clr_op", "henvcfg_lpe_op",
                   "senvcfg_lpe_Zicfilp_acc", "senvcfg_lpe_Zicfilp_op")  # fmt: skip
def test_each_mode_has_its_own_enable(rig, mode, on):
    names = ["mseccfg", "menvcfg", "henvcfg", "senvcfg"]
    chosen = [name for n, name in enumerate(names) if on >> n & 1]
    enable(rig, *chosen)
    for _ in range(2):
        trap = go(rig, mode, jalr(), NOP)
        assert (trap and trap[1:]) == ((18, TARGET, 2) if ENABLE[mode] in chosen else None)
    assert go(rig, mode, jalr(), lpad(0x12345), x7=0x54321 << 12) == trap


def test_without_s_mode_menvcfg_is_for_u_mode():
    rig = Rig("rv64imac_u_zicfilp")
    assert go(rig, "U", jalr(), NOP) is None
    rig.csr["menvcfg"] = LPE
    assert go(rig, "U", jalr(), NOP) == Trap("M", 18, TARGET, 2)
    assert go(rig, "M", jalr(), NOP) is None
    rig.csr["mseccfg"] = MLPE
    assert go(rig, "M", jalr(), NOP) == Trap("M", 18, TARGET, 2)


def test_without_c_a_misaligned_target_comes_first():
    rig = Rig("rv64ima_s_zicfilp_sv39")
    enable_all = {"mseccfg": MLPE, "menvcfg": LPE, "senvcfg": LPE}
    for name, bit in enable_all.items():
        rig.csr[name] = bit
    assert go(rig, "HS", jalr(), NOP) == Trap("M", 18, TARGET, 2)
    assert go(rig, "HS", jalr(), LPAD) is None
    rig.code(jalr())
    rig.stand("HS")
    rig.hart.x["a1"] = TARGET + 2
    rig.step()
    assert rig.trap() == Trap("M", 0, CODE, TARGET + 2)
    assert not rig.csr["mstatus"] & MPELP


@modes
@pytest.mark.parametrize("isa", ["max", "rv64gch"])
def test_without_the_extension_nothing_is_expected(isa, mode):
    rig = Rig(isa)
    for name in ("menvcfg", "henvcfg", "senvcfg"):
        rig.csr[name] = ALL & ~(1 << 5)
        assert not rig.csr[name] & LPE
    rig.csr["mstatus"] = rig.csr["mstatus"] | SPELP | MPELP
    rig.csr["vsstatus"] = rig.csr["vsstatus"] | SPELP
    assert not rig.csr["mstatus"] & (SPELP | MPELP) and not rig.csr["vsstatus"] & SPELP
    assert go(rig, mode, jalr(), NOP) is None
    assert go(rig, mode, jalr(), lpad(5)) is None


# -- what is a landing pad


@pytest.mark.rules("Zicflip_lpad_enc", "Zicflip_lpad_label", "Zicflip_lpad_exception", "Zicflip_elp_lpad_expected")
@modes
@pytest.mark.parametrize("label", [0, 1, 0x80000, 0xFFFFF, 0x12345])
def test_labels(rig, mode, label):
    for x7 in (label << 12, label << 12 | 0xFFF, ALL << 32 & ALL | label << 12):
        assert go(rig, mode, jalr(), lpad(label), NOP, x7=x7, steps=3) is None
    for bit in range(12, 32):
        trap = go(rig, mode, jalr(), lpad(label), x7=(label << 12) ^ 1 << bit)
        assert (trap and trap[1:]) == ((18, TARGET, 2) if label else None)
        if trap:
            assert bool(rig.csr["mstatus"] & MPELP)


@pytest.mark.rules("Zicflip_lpad_exception", "Zicflip_lpad_enabled_instr_allowed")
@pytest.mark.parametrize("at", [TARGET + 2, CODE + 0xFFE, CODE + 0x1000 - 4])
def test_a_landing_pad_is_aligned_to_4(rig, at):
    """At the end of a page, too, where half of it is on the next one."""
    trap = go(rig, "HS", jalr(), LPAD, at=at)
    assert trap == (None if at % 4 == 0 else Trap("M", 18, at, 2))


@pytest.mark.rules("Zicflip_lpad_enabled_instr_allowed", "Zicfilp_exception_priority", "lpad_sw_exception")
@modes
@pytest.mark.parametrize(
    "word",
    [NOP, C_NOP, 0, 0xFFFFFFFF, r.ECALL, r.EBREAK, 0x00001097, 0x37, jalr(0, 1), csrr("mscratch"), r.FADD_S, r.LW],
)
@pytest.mark.rules("mtval_swchk")
def test_nothing_else_may_be_there(rig, mode, word):
    """Not even what would trap by itself."""
    for _ in range(2):
        trap = go(rig, mode, jalr(), word)
        assert trap[1:] == (18, TARGET, 2)


@pytest.mark.rules("Zicfilp_exception_priority", "Zicfilp_forward_traps")
def test_fetch_faults_come_first(rig):
    rig.code(jalr())
    rig.stand("HS")
    rig.hart.x["a1"] = r.NOWHERE
    rig.step(2)
    assert rig.trap() == Trap("M", 1, r.NOWHERE, r.NOWHERE)
    assert rig.csr["mstatus"] & MPELP, "it is still expected when the fault has been dealt with"


@modes
def test_landing_pads_do_nothing_where_none_is_expected(rig, mode):
    for label in (0, 0xABCDE):
        rig.code(C_NOP, lpad(label), lpad(label))
        rig.stand(mode)
        before = [rig.hart.x[n] for n in range(32)]
        rig.step(3)
        assert rig.trap() is None and rig.pc == CODE + 10
        assert [rig.hart.x[n] for n in range(32)] == before


def test_other_destinations_are_auipc_as_ever(rig):
    assert go(rig, "HS", jalr(), 0x00001517)[1] == 18
    assert rig.execute(0x00001517, mode="HS") is None
    assert rig.a0 == CODE + 0x1000


# -- traps


@pytest.mark.rules(
    "Zicfilp_pelp_trap",
    "Zicfilp_forward_traps",
    "Zicfilp_forward_traps_s_hs_mode",
    "vsstatus_spelp_op2",
    "mstatus_spelp_op",
    "mstatus_mpelp_op",
    "vsstatus_spelp_op",
    "sstatus_spelp_op",
    "stval_exception_info",
)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("into", ["M", "HS", "VS"])
@pytest.mark.parametrize("landing", [False, True])
@pytest.mark.rules("mstatus_spelp_enc", "mstatus_mpelp_enc")
def test_a_trap_keeps_and_clears_what_was_expected(rig, mode, into, landing):
    """After a jump the software check, else an ECALL; xPELP of the modes that do not get the trap stays."""
    if into == "VS" and mode not in ("VS", "VU") or into == "HS" and mode == "M":
        return
    rig.csr["medeleg"] = ALL if into != "M" else 0
    rig.csr["hedeleg"] = ALL if into == "VS" else 0
    registers = {"M": ("mstatus", MPELP), "HS": ("mstatus", SPELP), "VS": ("vsstatus", SPELP)}
    for old in (0, 1):
        for name, bit in registers.values():
            rig.csr[name] = rig.csr[name] & ~bit | bit * old
        word = r.EBREAK
        trap = go(rig, mode, jalr() if landing else jalr(0, 7), word)
        assert trap.into == into
        assert trap[1:] == ((18, TARGET, 2) if landing else (3, TARGET, TARGET))
        for level, (name, bit) in registers.items():
            assert bool(rig.csr[name] & bit) == (landing if level == into else bool(old)), level
        # The handler is free to run.
        rig.code(NOP, at=trap and rig.pc)
        rig.step()
        assert rig.trap() is None


@pytest.mark.rules("Zicfilp_forward_traps", "Zicfilp_pelp_trap")
@modes
def test_an_interrupt_between_jump_and_landing_pad(rig, mode):
    rig.code(jalr())
    rig.code(LPAD, at=TARGET)
    rig.stand(mode)
    rig.hart.x["a1"] = TARGET
    rig.step()
    assert rig.pc == TARGET
    assert expected(rig)
    rig.stand(mode)
    assert not expected(rig)


@pytest.mark.rules("Zicfilp_pelp_trap_return")
@pytest.mark.parametrize("mode, word", [("M", MRET), ("HS", SRET), ("M", SRET), ("VS", SRET)])
@pytest.mark.parametrize("to", MODES)
@pytest.mark.parametrize("pelp", [0, 1])
@pytest.mark.parametrize("on", [0, 1])
def test_a_return_brings_it_back_where_it_is_enabled(rig, mode, word, to, pelp, on):
    privilege, v = {"U": 0, "VU": 0, "HS": 1, "VS": 1, "M": 3}[to], to[0] == "V"
    if word == SRET and to == "M" or mode == "VS" and not v:
        return
    # Only the new mode's enable counts.
    names = set(ENABLE.values()) - {ENABLE[to]}
    enable(rig, *(names if not on else {ENABLE[to]}))
    csr = rig.csr
    csr["mstatus"] = csr["mstatus"] & ~(MPP | MPV | SPP | SPELP | MPELP) | privilege << 11 | (MPV if v else 0)
    csr["mstatus"] = csr["mstatus"] | (SPP if privilege == 1 else 0) | (MPELP | SPELP) * pelp
    csr["vsstatus"] = csr["vsstatus"] & ~(SPP | SPELP) | (SPP if privilege == 1 else 0) | SPELP * pelp
    csr["hstatus"] = csr["hstatus"] & ~SPV | (SPV if v else 0)
    csr["mepc"] = csr["sepc"] = csr["vsepc"] = TARGET
    for landing, trapped in ((NOP, pelp and on), (LPAD, False)):
        saved = csr["mstatus"], csr["vsstatus"], csr["hstatus"]
        rig.code(word)
        rig.code(landing, at=TARGET)
        rig.stand(mode)
        rig.step()
        assert (rig.pc, rig.mode) == (TARGET, to)
        own = ("mstatus", MPELP) if word == MRET else ("vsstatus" if mode == "VS" else "mstatus", SPELP)
        for name, bit in (("mstatus", MPELP), ("mstatus", SPELP), ("vsstatus", SPELP)):
            assert bool(csr[name] & bit) == (bool(pelp) and (name, bit) != own)
        rig.step()
        assert rig.trap() == (Trap("M", 18, TARGET, 2) if trapped else None)
        csr["mstatus"], csr["vsstatus"], csr["hstatus"] = saved


@pytest.mark.rules("mnstatus_mnpelp_op", "mnstatus_mnpelp_update", "mnret_zicfilp")
@modes
@pytest.mark.parametrize("on", [False, True])
def test_an_rnmi_between_jump_and_landing_pad(mode, on):
    rig = Rig("max_smrnmi_zicfilp")
    mnpelp, vector = 1 << 9, r.RAM + 0x5000
    rig.machine._core.set_rnmi_vectors(vector, None)
    enable(rig, ENABLE[mode])
    rig.csr["mnstatus"] = 1 << 3
    rig.code(jalr())
    rig.code(NOP, at=TARGET)
    rig.stand(mode)
    rig.hart.x["a1"] = TARGET
    rig.step()
    rig.machine._core.set_rnmi(0, True, 1)
    rig.code(0x0000006F, at=vector)  # j .
    rig.step()
    assert (rig.pc, rig.mode) == (vector, "M")
    assert rig.csr["mnstatus"] & mnpelp and not rig.csr["mstatus"] & MPELP
    rig.machine._core.set_rnmi(0, False, 0)
    rig.code(0x70200073, at=vector)
    if not on:
        enable(rig)
    rig.step()
    assert (rig.pc, rig.mode) == (TARGET, mode)
    rig.step()
    assert rig.trap() == (Trap("M", 18, TARGET, 2) if on else None)
    rig.csr["mnstatus"] = 0
    assert not rig.csr["mnstatus"] & mnpelp


def test_the_software_check_of_a_double_trap():
    rig = Rig(ISA)
    enable(rig, *ENABLE.values())
    rig.csr["medeleg"] = ALL
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | 1 << 59
    rig.csr["mstatus"] = rig.csr["mstatus"] | 1 << 24  # SDT
    assert go(rig, "HS", jalr(), NOP) == Trap("M", 16, TARGET, 2)
    assert rig.csr["mtval2"] == 18 and rig.csr["mstatus"] & (MPELP | SPELP) == MPELP


# -- in blocks, and paused


@pytest.mark.parametrize("pause", [0, 1, 2, 3, 5, 7])
def test_a_loop_of_calls_by_pointer(rig, pause):
    """A hundred calls of a function with a landing pad, then one of a function without; paused anywhere."""
    rig.code(
        0x06400513,  # li a0, 100
        jalr(1, 11),  # loop: jalr a1
        0xFFF50513,  # addi a0, a0, -1
        0xFE051CE3,  # bnez a0, loop
        jalr(1, 12),  # jalr a2
    )
    rig.code(LPAD, 0x00168693, 0x00008067, at=TARGET)  # addi a3, a3, 1; ret
    rig.code(0x00168693, 0x00008067, at=TARGET + 0x40)
    rig.code(0x0000006F, at=r.M_VECTOR)  # j .
    rig.stand("HS")
    for name, value in {"a1": TARGET, "a2": TARGET + 0x40, "a3": 0}.items():
        rig.hart.x[name] = value
    for _ in range(2000):
        rig.step(pause or 2000)
        if rig.pc == r.M_VECTOR:
            break
    assert rig.trap() == Trap("M", 18, TARGET + 0x40, 2)
    assert rig.hart.x["a3"] == 100


def test_code_that_is_overwritten_under_the_jump_cache(rig):
    for _ in range(3):
        assert go(rig, "HS", jalr(), LPAD) is None
        assert go(rig, "HS", jalr(), NOP) == Trap("M", 18, TARGET, 2)


def test_a_block_learnt_in_another_way_is_no_landing_place(rig):
    """The jump cache knows the target from a direct jump, and from a mode without landing pads."""
    rig.code(NOP, at=TARGET)
    assert rig.execute(0x1000006F, mode="HS") is None
    rig.step()
    enable(rig, "menvcfg")
    assert go(rig, "M", jalr(), NOP) is None
    assert go(rig, "HS", jalr(), NOP) == Trap("M", 18, TARGET, 2)


def test_a_snapshot_between_jump_and_landing_pad(rig):
    rig.code(jalr())
    rig.code(NOP, at=TARGET)
    rig.stand("HS")
    rig.hart.x["a1"] = TARGET
    rig.step()
    digest = rig.machine.digest()
    saved = rig.machine._core.state_bytes()
    rig.step()
    assert rig.trap() == Trap("M", 18, TARGET, 2)
    assert len(saved) == len(rig.machine._core.state_bytes()) and digest != rig.machine.digest()


@pytest.mark.rules("sstatus_spelp_sz", "sstatus_spelp_acc", "sstatus_spelp_Zicfilp", "vsstatus_spelp_op")
def test_spelp_of_sstatus_is_that_of_mstatus_or_of_vsstatus(rig):
    for name in ("mstatus", "vsstatus"):
        rig.csr[name] = rig.csr[name] & ~SPELP
    enable(rig)
    for mode, own, other in (("HS", "mstatus", "vsstatus"), ("VS", "vsstatus", "mstatus")):
        rig.write("sstatus", mode, SPELP | 3 << 13)
        assert rig.csr[own] & SPELP and rig.read("sstatus", mode) & SPELP
        assert not rig.csr[other] & SPELP
        rig.write("sstatus", mode, 3 << 13)
        assert not rig.csr[own] & SPELP
