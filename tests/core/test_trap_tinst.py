"""mtinst and htinst: checklist Q."""

import pytest
import rig as r
from rig import ALL, NOWHERE, Rig

END = r.RAM + r.RAM_SIZE


@pytest.fixture(scope="module")
def rig():
    return Rig()


def i_type(opcode, funct3, imm, rd=10):
    return (imm & 0xFFF) << 20 | 11 << 15 | funct3 << 12 | rd << 7 | opcode


def s_type(opcode, funct3, imm, rs2=10):
    return (imm >> 5 & 0x7F) << 25 | rs2 << 20 | 11 << 15 | funct3 << 12 | (imm & 31) << 7 | opcode


LOADS = [(0x03, f) for f in (0, 1, 2, 3, 4, 5, 6)] + [(0x07, f) for f in (2, 3)]
STORES = [(0x23, f) for f in (0, 1, 2, 3)] + [(0x27, f) for f in (2, 3)]
A_TYPE = [
    r.LR_W,
    0x1005B52F,  # lr.d a0, (a1)
    0x18C5A52F,  # sc.w a0, a2, (a1)
    r.AMOADD_W,
    0xA0C5B52F,  # amomax.d a0, a2, (a1)
    0x0EC5A52F,  # amoswap.w.aqrl a0, a2, (a1)
]


@pytest.mark.parametrize("opcode, funct3", LOADS)
@pytest.mark.parametrize("imm", [0, 4, -8, 0x7FF])
@pytest.mark.rules("H_trap_xtinst", "H_trap_xtinst_exception", "H_trap_xtinst_val")
def test_Q2_loads(rig, opcode, funct3, imm):
    insn = i_type(opcode, funct3, imm)
    assert rig.execute(insn, mode="M", a1=NOWHERE - imm).cause == 5
    assert rig.csr["mtinst"] == funct3 << 12 | 10 << 7 | opcode


@pytest.mark.parametrize("opcode, funct3", STORES)
@pytest.mark.parametrize("imm", [0, 4, -8, 0x7FF])
@pytest.mark.rules("H_trap_xtinst_exception", "H_trap_xtinst_val")
def test_Q2_stores(rig, opcode, funct3, imm):
    insn = s_type(opcode, funct3, imm)
    assert rig.execute(insn, mode="M", a1=NOWHERE - imm).cause == 7
    assert rig.csr["mtinst"] == 10 << 20 | funct3 << 12 | opcode


@pytest.mark.parametrize("insn", [i for i in A_TYPE if i != 0x18C5A52F])
@pytest.mark.rules("H_trap_xtinst_exception", "H_trap_xtinst_val")
def test_Q2_atomics(rig, insn):
    assert rig.execute(insn, mode="M", a1=NOWHERE).cause in (5, 7)
    assert rig.csr["mtinst"] == insn & 0xFFF0_7FFF
    assert rig.execute(insn, mode="M", a1=r.DATA + 13).cause in (4, 6)
    assert rig.csr["mtinst"] == insn & 0xFFF0_7FFF


@pytest.mark.parametrize("insn", [r.HLV_W, r.HLVX_WU, r.HSV_W])
@pytest.mark.rules("H_trap_xtinst_exception", "H_trap_xtinst_val")
def test_Q2_hypervisor_accesses(rig, insn):
    rig.csr["medeleg"] = ALL
    assert rig.execute(insn, mode="HS", a1=NOWHERE)
    assert rig.csr["htinst"] == insn & 0xFFF0_7FFF
    rig.csr["medeleg"] = 0


@pytest.mark.parametrize("insn", [r.CBO_INVAL, r.CBO_CLEAN, r.CBO_FLUSH, r.CBO_ZERO])
@pytest.mark.rules("h_trans_cache", "H_trap_xtinst_exception")
def test_Q2_cache_block_operations(insn):
    rig = Rig()
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12  # maps the GiB of RAM, not the address
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)
    assert rig.execute(insn, mode="VS", a1=NOWHERE + 3).cause == 23
    assert rig.csr["mtinst"] == insn & 0xFFF0_707F


@pytest.mark.parametrize("funct3, size", [(1, 2), (2, 4), (3, 8)])
@pytest.mark.rules("H_tinst_addr_offset")
def test_Q2_distance_from_the_original_address(rig, funct3, size):
    for low in range(1, size):
        assert rig.execute(i_type(0x03, funct3, 4), mode="M", a1=END - low - 4).tval == END
        assert rig.csr["mtinst"] == low << 15 | funct3 << 12 | 10 << 7 | 0x03
        assert rig.execute(s_type(0x23, funct3, -3), mode="M", a1=END - low + 3).tval == END
        assert rig.csr["mtinst"] == 10 << 20 | low << 15 | funct3 << 12 | 0x23


@pytest.mark.parametrize(
    "insn, expanded",
    [
        (0x4188, r.LW),  # c.lw a0, 0(a1)
        (0x6188, 0x0005B503),  # c.ld a0, 0(a1)
        (0x2188, 0x0005B507),  # c.fld fa0, 0(a1)
        (0xC188, r.SW),  # c.sw a0, 0(a1)
        (0xE188, 0x00A5B023),  # c.sd a0, 0(a1)
    ],
)
def test_Q3_compressed(rig, insn, expanded):
    trap = rig.execute(insn, mode="M", a1=NOWHERE)
    assert trap.cause in (5, 7)
    mask = 0x7FFF if trap.cause == 5 else 0x01F0_707F
    assert rig.csr["mtinst"] == expanded & mask & ~2


def test_Q3_compressed_stack_store(rig):
    rig.hart.x["sp"] = NOWHERE - 8
    assert rig.execute(0xE42A, mode="M").cause == 7  # c.sdsp a0, 8(sp)
    assert rig.csr["mtinst"] == 10 << 20 | 3 << 12 | 0x21


@pytest.mark.parametrize("insn", [r.ECALL, r.EBREAK, 0x0000_007F, r.HLV_W])
@pytest.mark.parametrize("mode", ["VS", "VU"])
@pytest.mark.rules("H_trap_xtinst", "H_trap_xtinst_val")
def test_Q1_zero_for_everything_else(rig, insn, mode):
    for medeleg, name in ((0, "mtinst"), (ALL, "htinst")):
        rig.csr["medeleg"] = medeleg
        rig.csr[name] = ALL
        assert rig.execute(insn, mode=mode)
        assert rig.csr[name] == 0
    rig.csr["medeleg"] = 0


@pytest.mark.rules("H_trap_xtinst_val")
def test_Q1_zero_for_fetch_faults(rig):
    rig.csr["mtinst"] = ALL
    rig.stand("M", NOWHERE)
    rig.step()
    assert rig.trap() == r.Trap("M", 1, NOWHERE, NOWHERE)
    assert rig.csr["mtinst"] == 0


def test_Q1_upper_half_is_zero(rig):
    rig.csr["mtinst"] = ALL
    assert rig.execute(0xA0C5B52F, mode="M", a1=NOWHERE).cause == 7
    assert rig.csr["mtinst"] == 0xA0C0_352F


@pytest.mark.rules("H_trap_xtinst_guestpage")
def test_Q4_the_pseudoinstruction_wins():
    """A guest-page fault on reading a VS-stage PTE reports 0x3000, not the load."""
    rig = Rig()
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)
    rig.csr["medeleg"] = ALL
    rig.csr["vsatp"] = 8 << 60 | 0x4000_0000 >> 12  # a root that the G-stage does not map
    assert rig.execute(r.HLV_W, mode="HS", a1=0x1230) == r.Trap("HS", 21, r.CODE, 0x1230)
    assert rig.csr["htinst"] == 0x3000
    assert rig.csr["htval"] == 0x4000_0000 >> 2
    assert rig.execute(r.HSV_W, mode="HS", a1=0x1230).cause == 23
    assert rig.csr["htinst"] == 0x3000


def test_Q1_a_machine_may_leave_it_zero_where_no_pseudoinstruction_is_due():
    rig = Rig(transformed=False)
    rig.csr["mtinst"] = ALL
    assert rig.execute(r.LW, mode="M", a1=NOWHERE).cause == 5
    assert rig.csr["mtinst"] == 0
    rig.csr["hgatp"] = 8 << 60 | r.TABLES >> 12
    rig.store(r.TABLES + 2 * 8, r.RAM >> 2 | 0xDF)
    rig.csr["medeleg"] = ALL
    assert rig.execute(r.HLV_W, mode="HS", a1=0x1230).cause == 21
    assert rig.csr["htinst"] == 0
    rig.csr["vsatp"] = 8 << 60 | 0x4000_0000 >> 12
    assert rig.execute(r.HLV_W, mode="HS", a1=0x1230).cause == 21
    assert rig.csr["htinst"] == 0x3000
