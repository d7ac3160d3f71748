"""Physical memory attributes of this machine: RAM does everything, devices take aligned loads and stores of the widths
they decode, elsewhere nothing answers (manual: "Physical Memory Attributes")."""

import pytest
import rig as r
from pagetables import KERNEL
from rig import CODE, DATA, NOWHERE, RAM, TABLES, Rig

from rvh.devices.bus import Device

rules = pytest.mark.rules

CLINT, PLIC, UART, RTC, FINISHER = 0x0200_0000, 0x0C00_0000, 0x1000_0000, 0x10_1000, 0x10_0000
LOADS = {0x0005_8503: 1, 0x0005_9503: 2, 0x0005_A503: 4, 0x0005_B503: 8}  # lb, lh, lw, ld a0, (a1)
STORES = {0x00A5_8023: 1, 0x00A5_9023: 2, 0x00A5_A023: 4, 0x00A5_B023: 8}  # sb, sh, sw, sd a0, (a1)


def amo(funct5: int, width: int) -> int:
    """amo<op>.<b, h, w, d, q for width 0 to 4> a0, a2, (a1)"""
    return funct5 << 27 | 12 << 20 | 11 << 15 | width << 12 | 10 << 7 | 0x2F


SWAP, ADD, XOR, AND, OR, MIN, MAX, MINU, MAXU, CAS = 1, 0, 4, 12, 8, 16, 20, 24, 28, 5
LR_W, LR_D, SC_W, SC_D = 0x1005A52F, 0x1005B52F, 0x18C5A52F, 0x18C5B52F
MODES = ["M", "HS", "U", "VS", "VU"]


@rules("pma_mm_rw", "pma_mm_mandatory_sz", "pma_mm_vs_io_def", "PMA_MM_IFETCH", "PMA_MAG_OP_LDST")
@rules("ldst_no_exc_aligned", "MISALIGNED_LDST_HW_SUPPORT")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.rules("MISALIGNED_LDST_EEI_DEPENDENT_BEHAVIOR", "zicclsm_misaligned_support")
def test_ram_takes_loads_and_stores_of_every_width_at_every_address_and_fetches(mode):
    rig = Rig()
    for load, store in zip(LOADS, STORES, strict=True):
        size = LOADS[load]
        for address in range(DATA + 0xFF8, DATA + 0x1008):
            rig.store(DATA + 0xFF0, 0)
            assert rig.execute(store, mode=mode, a0=0x0807_0605_0403_0201, a1=address) is None
            expected = bytes(range(1, size + 1))
            assert rig.machine.memory.read(address, size) == expected
            assert rig.execute(load, mode=mode, a1=address) is None
            assert rig.a0 == int.from_bytes(expected, "little")
    rig.code(r.NOP, at=DATA)
    rig.stand(mode, DATA)
    rig.step()
    assert rig.pc == DATA + 4


@rules("pma_amo_levels", "PMA_CACHE_MM_ALL_ATOMICS", "pma_amo_sz_support", "pma_amo_zacas_levels")
@rules("pma_amo_zacas_req_arith", "pma_amo_zabha_req")
@pytest.mark.parametrize("funct5", [SWAP, ADD, XOR, AND, OR, MIN, MAX, MINU, MAXU, CAS])
@pytest.mark.rules("ziccamoa_pma_amo_req", "ziccamoc_pma_amo_req")
def test_ram_supports_every_amo_of_every_width_and_devices_none(funct5):
    """AMOCASQ and AMONone."""
    for width in (0, 1, 2, 3, 4) if funct5 == CAS else (0, 1, 2, 3):
        rig = Rig()
        assert rig.cause(amo(funct5, width), mode="M", a1=DATA) is None
        for where in (CLINT, UART, NOWHERE):
            assert rig.cause(amo(funct5, width), mode="M", a1=where & ~15) == 7


@rules("pma_rsrv_levels")
@pytest.mark.parametrize("lr, sc", [(LR_W, SC_W), (LR_D, SC_D)])
@pytest.mark.rules("ziccrse_pma_rsrv_req")
def test_ram_is_reservable_and_devices_are_not(lr, sc):
    """RsrvEventual, with a loop that succeeds at the first attempt where nobody interferes; RsrvNone."""
    rig = Rig()
    assert rig.execute(lr, sc, mode="U", a2=77) is None
    assert rig.a0 == 0 and rig.load(DATA) == 77
    for where in (CLINT, FINISHER, NOWHERE & ~7):
        assert rig.cause(lr, mode="M", a1=where) == 5
        assert rig.cause(sc, mode="M", a1=where) == 7


@rules("pma_mag_op_amo", "pma_mag_op_rsrv", "PMA_MAG_EXC")
@rules("LR_SC_ALIGNMENT", "amo_alignment", "MISALIGNED_ATOMICITY_GRANULE_SIZE")
@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("isa, granule", [("max", 16), ("max_no-zama16b", 0)])
def test_atomics_that_no_granule_covers_are_address_misaligned(isa, granule, n):
    """So that a handler may emulate them; LR and SC wherever they are."""
    rig = Rig(isa)
    for word in (amo(ADD, 3), amo(CAS, 3)):
        for address in (DATA + n, DATA + 8 + n):
            inside = granule and address % 16 + 8 <= 16
            assert rig.cause(word, mode="M", a1=address) == (None if inside else 6)
    assert rig.cause(SC_D, mode="M", a1=DATA + n) == 6
    assert rig.cause(LR_D, mode="M", a1=DATA + n) == 4


@rules("Zacas_rv64_amocas-q_frst_pair_entry_reg_even")
@pytest.mark.parametrize("rd, rs2, legal", [(10, 12, True), (11, 12, False), (10, 13, False), (11, 13, False)])
def test_pairs_of_registers_begin_at_an_even_one(rd, rs2, legal):
    rig = Rig()
    word = amo(CAS, 4) & ~(31 << 7 | 31 << 20) | rd << 7 | rs2 << 20
    rig.code(word)
    rig.stand("M")
    rig.hart.x["a1"] = DATA
    rig.step()
    assert rig.trap() == (None if legal else r.Trap("M", 2, CODE, word))


@rules("pma_io_rwx_per_sz", "pma_mm_vs_io_def", "pma_amo_far_subset_proc")
@pytest.mark.parametrize(
    "base, sizes",
    [
        (CLINT + 0x4000, {4, 8}),
        (UART, {1, 2, 4, 8}),
        (PLIC, {4}),
        (RTC, {4}),
        (FINISHER, {2, 4}),
        (NOWHERE & ~7, set()),
    ],
)
def test_devices_take_the_widths_that_they_decode_and_no_fetch(base, sizes):
    rig = Rig()
    for load, size in LOADS.items():
        assert rig.cause(load, mode="M", a1=base) == (None if size in sizes else 5)
    for store, size in STORES.items():
        assert rig.cause(store, mode="M", a1=base, a0=0) == (None if size in sizes else 7)
    rig.stand("M", base)
    rig.step()
    assert (rig.trap().cause, rig.trap().tval) == (1, base)


@rules("pma_idp_misaligned_exc")
@pytest.mark.parametrize("word, cause", [(0x0005_A503, 5), (0x0005_B503, 5), (0x00A5_A023, 7), (0x00A5_B023, 7)])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
@pytest.mark.rules("MISALIGNED_LDST_EXC_TYPE")
def test_misaligned_accesses_to_a_device_are_access_faults(word, cause, n):
    rig = Rig()
    trap = rig.execute(word, mode="M", a1=CLINT + 0x4000 + n)
    assert (trap.cause, trap.tval) == (cause, CLINT + 0x4000 + n)


@rules("pma_indep_exec_context", "pma_precise_recom", "pma_chk_paddr")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("word, cause", [(r.LW, 5), (r.SW, 7)])
def test_a_violation_is_precise_and_the_same_in_every_mode(mode, word, cause):
    rig = Rig()
    rig.csr["minstret"] = 0
    trap = rig.execute(r.NOP, word, r.NOP, mode=mode, a0=9, a1=NOWHERE)
    assert trap == r.Trap("M", cause, CODE + 4, NOWHERE)
    assert rig.a0 == 9 and rig.csr["minstret"] == 1


@rules("pma_chk_paddr")
def test_attributes_are_those_of_the_translated_address():
    rig = Rig()
    rig.store(TABLES + 2 * 8, RAM >> 2 | KERNEL)
    rig.store(TABLES + 8, KERNEL)  # the gigabyte at 0x4000_0000 is that of the devices
    rig.csr["satp"] = 8 << 60 | TABLES >> 12
    device = 0x4000_0000 + CLINT
    assert rig.cause(r.LW, mode="HS", a1=device) is None
    assert rig.cause(amo(ADD, 2), mode="HS", a1=device) == 7
    assert rig.cause(r.LW, mode="HS", a1=device + 1) == 5
    rig.stand("HS", device)
    rig.step()
    assert rig.trap().cause == 1


@rules("pma_vm_hw_tbl_acc")
@pytest.mark.parametrize("root", [CLINT, UART, NOWHERE])
@pytest.mark.parametrize("word, cause", [(r.LW, 5), (r.SW, 7)])
def test_page_tables_in_devices_are_access_faults(root, word, cause):
    rig = Rig()
    rig.csr["satp"] = 8 << 60 | root >> 12
    rig.csr["mstatus"] = 1 << 17 | 1 << 11
    assert rig.cause(word, mode="M", a1=DATA) == cause


class Counting(Device):
    """One register that tells how often it was read."""

    name, size, access_sizes = "counting", 0x1000, (1, 8)

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.writes: list[int] = []

    def read(self, off: int, size: int) -> int:
        self.reads.append(off)
        return len(self.reads)

    def write(self, off: int, size: int, value: int) -> None:
        self.writes.append(off)


@rules("pma_idp_no_spec", "pma_idp_implicit_ok", "PMA_IDP_IMPLICIT_SZ", "pma_non_cacheable", "uncached_ignores_cached")
def test_a_device_sees_exactly_the_accesses_of_the_program():
    """None in advance, none twice, none left out; no fetch and no page walk either."""
    rig = Rig()
    device, base = Counting(), 0x3000_0000
    rig.machine._core.map_device(device, base)
    assert rig.execute(r.LW, r.LW, r.LW, a1=base + 8) is None
    assert device.reads == [8, 8, 8] and rig.a0 == 3
    assert rig.execute(r.SW, r.SW, a1=base + 16) is None
    assert device.writes == [16, 16]
    # A load behind a branch that is taken, in front of a trap, and after one that faults.
    rig.execute(0x00000463, r.LW, r.NOP, a1=base)  # beq zero, zero, .+8
    rig.execute(r.ECALL, r.LW, a1=base)
    rig.csr["satp"] = 8 << 60 | base >> 12
    rig.csr["mstatus"] = 1 << 17 | 1 << 11
    assert rig.cause(r.LW, mode="M", a1=base) == 5
    rig.csr["mstatus"] = rig.csr["satp"] = 0
    rig.stand("M", base)
    rig.step()
    assert rig.trap().cause == 1
    assert len(device.reads) == 3 and len(device.writes) == 2
