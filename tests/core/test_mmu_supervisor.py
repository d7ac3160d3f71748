"""Translation through satp: Sv39, Sv48 and Sv57 as HS-mode and U-mode meet them (manual: "Sv39: Page-Based 39-bit
Virtual-Memory System" and the next two, "Supervisor Memory-Management Fence Instruction")."""

import pytest
import rig as r
from pagetables import KERNEL, LEVELS, PPN_MASK, USER, A, D, Frames, G, R, Table, U, V, W, X
from rig import ALL, RAM, RAM_SIZE, Rig

from rvh import Machine

LD, SD, LB = 0x0005B503, 0x00A5B023, 0x0005C503  # a0, (a1); LBU
LR, SC, AMO = 0x1005B52F, 0x18C5B52F, 0x00C5B52F
VA = 0x12_3456_7000  # canonical in every mode, each index of its own
CODE_VA = 0x4_5000
OTHER = RAM + 0x7000
DATUM = 0x0807_0605_0403_0201


def rules(pattern, *names):
    """Rows for the three modes, each with the rules that the manual names after it: Sv39_..., Sv48_..., Sv57_..."""
    return pytest.mark.parametrize(
        "mode", [pytest.param(m, marks=pytest.mark.rules(*(f"S{m[1:]}_{n}" for n in names))) for m in pattern.split()]
    )


class Space:
    """One address space: code at CODE_VA for HS-mode and at CODE_VA + 4096 for U-mode, data at VA."""

    def __init__(self, mode: str, isa: str = "max", flags: int = KERNEL, asid: int = 0):
        self.rig = Rig(isa)
        self.csr = self.rig.csr
        self.table = Table(self.rig, Frames(r.TABLES, RAM + RAM_SIZE), mode)
        self.table.map(CODE_VA, r.CODE, KERNEL)
        self.table.map(CODE_VA + 4096, r.CODE, USER)
        self.table.map(VA, r.DATA, flags)
        self.csr["satp"] = self.table.atp(asid)

    def fence(self) -> None:
        assert self.rig.execute(r.SFENCE_VMA, mode="M") is None

    def fault(self, word: int = LD, va: int = VA, mode: str = "HS") -> int | None:
        """The cause that an instruction on va ends in, None if it completes. DATA holds DATUM before."""
        self.rig.store(r.DATA, DATUM)
        self.rig.code(word)
        self.rig.stand(mode, CODE_VA + (4096 if mode == "U" else 0))
        self.rig.hart.x["a0"], self.rig.hart.x["a1"] = 0, va
        self.rig.step()
        trap = self.rig.trap()
        assert trap is None or trap.tval == va
        return trap.cause if trap else None

    def fetch(self, va: int = VA, mode: str = "HS") -> int | None:
        self.rig.store(r.DATA, r.NOP, 4)
        self.rig.stand(mode, va)
        self.rig.step()
        trap = self.rig.trap()
        return trap.cause if trap else None


@rules("sv39 sv48 sv57", "va_sz", "va_signext")
def test_the_bits_above_the_address_repeat_its_highest(mode):
    s = Space(mode)
    top = 12 + 9 * LEVELS[mode]
    for va in ((1 << top - 1) - 4096, -(1 << top - 1) & ALL):
        s.table.map(va, r.DATA, KERNEL)
        assert s.fault(LD, va) is None and s.rig.a0 == DATUM
        for bit in range(top, 64):
            assert s.fault(LD, va ^ 1 << bit) == 13
            assert s.fault(SD, va ^ 1 << bit) == 15
            assert s.fetch(va ^ 1 << bit) == 12


@rules("sv39 sv48 sv57", "levels", "LEVELS", "vpn_sz", "PTESIZE")
@pytest.mark.rules("ssccptr_memory_pte_reads")
def test_a_table_of_512_entries_for_each_nine_bits(mode):
    """The entry that counts at each level is at index * 8 of its table; the next one is another address's."""
    s = Space(mode)
    levels = LEVELS[mode]
    for va in (VA, 0x1FF << 12, 0x1F_FFFF << 12, (1 << 11 + 9 * levels) - 4096):
        s.table.map(va, r.DATA, KERNEL)
        s.fence()
        assert s.fault(LD, va) is None
        root = s.csr["satp"] & (1 << 44) - 1
        table = root << 12
        for level in reversed(range(levels)):
            slot = table + (va >> 12 + 9 * level & 511) * 8
            pte = s.rig.load(slot)
            if va >> 12 + 9 * level != CODE_VA >> 12 + 9 * level:
                s.rig.store(slot, 0)
                s.fence()
                assert s.fault(LD, va) == 13, level
                s.rig.store(slot, pte)
                s.fence()
                assert s.fault(LD, va) is None
            table = (pte & PPN_MASK) << 2
        assert table == r.DATA, "the leaf is the last"


@pytest.mark.rules("Sv39_pte_count", "Sv39_pte_sz", "Sv39_pt_sz", "Sv39_pt_align")
def test_every_entry_of_a_table_has_its_page():
    """512 of them, 8 bytes each, fill the page whose number satp, or the entry above, gives."""
    s = Space("sv39")
    base = 0x40_0000
    for n in range(512):
        s.table.map(base + n * 4096, r.DATA + 0x1000 * (n & 1), KERNEL)
    s.rig.store(r.DATA + 0x1000, 0x55)
    table = s.table.table(base, 0)
    assert table % 4096 == 0
    for n in (0, 1, 2, 255, 256, 510, 511):
        assert s.fault(LD, base + n * 4096) is None
        assert s.rig.a0 == (0x55 if n & 1 else DATUM)
        s.rig.store(table + 8 * n, 0)
        s.fence()
        assert s.fault(LD, base + n * 4096) == 13


@rules("sv39 sv48 sv57", "page_offset_sz")
def test_the_offset_in_a_page_is_not_translated(mode):
    s = Space(mode)
    for offset in (8, 15, 0x123, 0x800, 0xFFF):
        s.rig.store(r.DATA + offset, 0x40 + offset & 0xFF, 1)
        assert s.fault(LB, VA + offset) is None and s.rig.a0 == 0x40 + offset & 0xFF


@rules("sv39 sv48 sv57", "leaf_any_level", "page_sizes", "superpage_align", "superpage_align_fault")
def test_a_leaf_at_any_level_is_a_page_aligned_to_its_size(mode):
    for level in range(1, LEVELS[mode]):
        s = Space(mode)
        size = 1 << 12 + 9 * level
        va = 0 if level == LEVELS[mode] - 1 else VA & ~(size - 1)
        va += size if va >> 12 + 9 * level == CODE_VA >> 12 + 9 * level else 0
        pa = RAM & ~(size - 1)
        s.table.tables = {key: at for key, at in s.table.tables.items() if key[0] >= level}
        s.table.map(va, pa, KERNEL, level)
        s.fence()
        at = va + r.DATA - pa
        assert s.fault(LD, at) is None and s.rig.a0 == DATUM
        for bit in range(9 * level):
            s.table.map(va, pa ^ 1 << 12 + bit, KERNEL, level)
            s.fence()
            assert s.fault(LD, at) == 13, (level, bit)


@pytest.mark.parametrize(
    "isa, bits",
    [
        pytest.param("max", range(54, 61), marks=pytest.mark.rules("Sv39_pte_future_rsv")),
        pytest.param("max_no-svpbmt", (61, 62), marks=pytest.mark.rules("Sv39_pte_svpbmt_rsv")),
        pytest.param("max_no-svnapot", (63,), marks=pytest.mark.rules("Sv39_pte_svnapot_rsv")),
    ],
    ids=["54 to 60", "61 and 62", "63"],
)
def test_reserved_bits_of_a_pte_are_a_page_fault(isa, bits):
    s = Space("sv39", isa)
    s.csr["menvcfg"] = ALL
    for level in (0, 1, 2):
        va = VA if level == 0 else VA + (1 << 12 + 9 * level)
        s.table.map(va, r.DATA, KERNEL)
        good = s.table.pte(va, level)
        for bit in bits:
            s.table.set(va, good | 1 << bit, level)
            s.fence()
            assert s.fault(LD, va) == 13 and s.fault(SD, va) == 15 and s.fetch(va) == 12, (level, bit)
        s.table.set(va, good, level)
        s.fence()
        assert s.fault(LD, va) is None


@rules("sv39 sv48 sv57")
@pytest.mark.rules("fetch_page_fault_no_x", "load_page_fault_no_r", "store_page_fault_no_w")
@pytest.mark.parametrize("who", ["HS", "U"])
def test_each_access_needs_its_permission(mode, who):
    s = Space(mode)
    s.csr["menvcfg"] = s.csr["menvcfg"] | 0x80
    for rwx in (R, R | W, X, R | X, R | W | X):
        s.table.flags(VA, V | rwx | A | D | (U if who == "U" else 0))
        s.fence()
        for words, need, cause in (((LD, LR), R, 13), ((SD, SC, AMO, r.CBO_ZERO), W, 15)):
            for word in words:
                assert s.fault(word, VA, who) == (None if rwx & need else cause), (hex(word), rwx)
        assert s.fetch(VA, who) == (None if rwx & X else 12)


@pytest.mark.rules("satp_op", "satp_mode_op", "satp_op_active")
def test_m_mode_and_bare_are_not_translated():
    s = Space("sv39", flags=KERNEL)
    assert s.rig.execute(LD, mode="M", a1=r.DATA) is None
    assert s.rig.execute(LD, mode="M", a1=VA).cause == 5
    assert s.fault(LD, VA) is None
    s.csr["satp"] = 0
    assert s.rig.execute(LD, mode="HS", a1=r.DATA) is None
    assert s.rig.execute(LD, mode="HS", a1=VA).cause == 5


@pytest.mark.rules("sstatus_mxr_op", "sstatus_sum_op")
@pytest.mark.parametrize("status", [0, 1 << 18, 1 << 19])
@pytest.mark.parametrize("mode", ["HS", "U"])
def test_sum_and_mxr_mean_nothing_without_page_tables(status, mode):
    """Pages are what they speak of: without any there is the protection of PMP alone."""
    rig = Rig()
    rig.csr["mstatus"] = status
    rig.csr["pmpaddr1"], rig.csr["pmpaddr0"] = ALL, (r.DATA | 0x7FF) >> 2
    for allowed, cause in ((4, 5), (5, None)):  # execute only; read and execute
        rig.csr["pmpcfg0"] = 0x1F << 8 | 0x18 | allowed
        assert rig.cause(LD, mode=mode, a1=r.DATA) == cause


@pytest.mark.rules("svade_access_ad_bit_clear", "Svadu_disabled_hw_update_falls_back_to_svade")
@pytest.mark.parametrize("isa", ["max", "max_no-svadu"])
def test_without_an_update_by_hardware_clear_a_and_d_are_page_faults(isa):
    s = Space("sv39", isa)
    s.csr["menvcfg"] = ALL & ~(1 << 61) if isa == "max" else ALL
    s.table.flags(VA, KERNEL & ~A)
    s.fence()
    assert (s.fault(LD), s.fault(SD), s.fetch()) == (13, 15, 12)
    s.table.flags(VA, KERNEL & ~D)
    s.fence()
    assert (s.fault(LD), s.fault(SD), s.fetch()) == (None, 15, None)
    assert s.table.pte(VA) & (A | D) == A


@pytest.mark.rules("Svadu_hw_update_a_d_bits", "Svadu_hypervisor_adue_writable")
def test_with_adue_hardware_sets_a_and_d():
    s = Space("sv39")
    for name in ("menvcfg", "henvcfg"):
        s.csr[name] = ALL
        assert s.csr[name] >> 61 & 1
    for word, set_ in ((LD, A), (SD, A | D)):
        s.table.flags(VA, KERNEL & ~(A | D))
        s.fence()
        assert s.fault(word) is None
        assert s.table.pte(VA) & (A | D) == set_


# ---- SFENCE.VMA and what needs none


def sfence(rs1: bool, rs2: bool) -> int:
    return r.SFENCE_VMA | (11 << 15 if rs1 else 0) | (12 << 20 if rs2 else 0)


@pytest.mark.parametrize(
    "rs1, rs2",
    [
        pytest.param(False, False, marks=pytest.mark.rules("sfence_vma_all_asid_va", "sfence_vma_op")),
        pytest.param(False, True, marks=pytest.mark.rules("sfence_vma_asid_only", "sfence_vma_rs2_bits")),
        pytest.param(True, False, marks=pytest.mark.rules("sfence_vma_va_all_asid")),
        pytest.param(True, True, marks=pytest.mark.rules("sfence_vma_va_asid", "sfence_vma_rs2_bits")),
    ],
)
@pytest.mark.rules("sfence_vma_ordering", "sfence_vma_invalidation", "satp_op_sfence_vma")
@pytest.mark.parametrize("flags", [KERNEL, KERNEL | G])
def test_a_store_to_the_page_table_counts_after_the_fence(rs1, rs2, flags):
    """Load, store of the PTE, fence, load, in one run of HS-mode; the fence for an ASID need not end global ones."""
    s = Space("sv39", asid=7, flags=flags)
    s.rig.store(OTHER, 99)
    table_va = 0x7_0000_0000
    s.table.map(table_va, s.table.table(VA, 0), KERNEL)
    new = OTHER >> 2 | flags
    s.rig.store(r.DATA, DATUM)
    s.rig.code(0x0005B503, 0x00D73023, sfence(rs1, rs2), 0x0005B783)  # ld a0,(a1); sd a3,(a4); fence; ld a5,(a1)
    x = s.rig.hart.x
    x["a1"], x["a2"], x["a3"] = VA, 7 | ~0xFFFF & ALL, new
    x["a4"] = table_va + (VA >> 12 & 511) * 8
    s.rig.stand("HS", CODE_VA)
    s.rig.step(4)
    assert s.rig.trap() is None and s.rig.a0 == DATUM
    assert x["a5"] == 99 or rs2 and flags & G


@pytest.mark.rules("sfence_vma_all_asid_va", "sfence_vma_va_all_asid")
@pytest.mark.parametrize("rs1", [False, True])
def test_a_fence_for_all_asids_reaches_one_that_is_not_current(rs1):
    s = Space("sv39", asid=7)
    s.rig.store(OTHER, 99)
    assert s.fault() is None
    s.csr["satp"] = s.table.atp(8)
    s.table.map(VA, OTHER, KERNEL)
    assert s.rig.execute(sfence(rs1, False), mode="M", a1=VA) is None
    s.csr["satp"] = s.table.atp(7)
    assert s.fault() is None and s.rig.a0 == 99


@pytest.mark.rules("sfence_vma_invalid_va")
@pytest.mark.parametrize("rs2", [False, True])
def test_a_fence_of_an_address_that_there_is_not_raises_nothing(rs2):
    s = Space("sv39")
    s.rig.code(sfence(True, rs2))
    for va in (1 << 63, VA | 1 << 45, ALL >> 1):
        s.rig.stand("HS", CODE_VA)
        s.rig.hart.x["a1"] = va
        s.rig.step()
        assert s.rig.trap() is None and s.rig.pc == CODE_VA + 4


@pytest.mark.rules("sfence_vma_mode_effect")
def test_bare_and_back_needs_no_fence():
    s = Space("sv39")
    s.table.map(r.DATA, OTHER, KERNEL)
    s.table.map(r.CODE, r.CODE, KERNEL)
    s.rig.store(OTHER, 99)
    s.rig.store(r.DATA, DATUM)
    for _ in range(3):
        for atp, value in ((s.table.atp(), 99), (0, DATUM)):
            s.csr["satp"] = atp
            assert s.rig.execute(LD, mode="HS", a1=r.DATA) is None and s.rig.a0 == value


@pytest.mark.rules("sfence_vma_asid_effect")
def test_another_asid_needs_no_fence():
    s = Space("sv39", asid=1)
    other = Table(s.rig, Frames(s.table.frames.next, RAM + RAM_SIZE), "sv39")
    other.map(CODE_VA, r.CODE, KERNEL)
    other.map(VA, OTHER, KERNEL)
    s.rig.store(OTHER, 99)
    for _ in range(3):
        for table, asid, value in ((s.table, 1, DATUM), (other, 2, 99)):
            s.csr["satp"] = table.atp(asid)
            assert s.fault() is None and s.rig.a0 == value


@pytest.mark.rules("Svvptc_explicit_stores_update_valid_bit", "sfence_vma_ordering_semantics")
@pytest.mark.parametrize("level", [0, 1, 2])
def test_an_entry_made_valid_is_seen_without_a_fence(level):
    """What was not valid is not remembered."""
    s = Space("sv39")
    va = VA if level == 0 else VA + (1 << 12 + 9 * level)
    s.table.map(va, r.DATA, KERNEL)
    good = s.table.pte(va, level)
    s.table.set(va, good & ~V, level)
    assert s.fault(LD, va) == 13
    s.table.set(va, good, level)
    assert s.fault(LD, va) is None


@pytest.mark.rules("asid_hart_private")
def test_an_asid_is_its_harts_own():
    """Two harts take turns on one virtual address under ASID 1, each with its own table."""
    machine = Machine(ram=RAM_SIZE, harts=2)
    rig = Rig()
    rig.machine = machine  # its memory is where the tables are put
    frames = Frames(r.TABLES, RAM + RAM_SIZE)
    rig.code(LD)
    for n, hart in enumerate(machine.harts):
        table = Table(rig, frames, "sv39")
        page = frames.take()
        table.map(CODE_VA, r.CODE, KERNEL)
        table.map(VA, page, KERNEL)
        rig.store(page, 100 + n)
        hart.csr["pmpaddr0"], hart.csr["pmpcfg0"] = ALL, 0x1F
        hart.csr["satp"] = table.atp(1)
        hart.x["a1"] = VA
    for hart in machine.harts * 2:
        hart.mode, hart.pc, hart.x["a0"] = "HS", CODE_VA, 0
        hart.step()
    assert [hart.x["a0"] for hart in machine.harts] == [100, 101]


@pytest.mark.rules("sfence_vma_implicit_access")
def test_only_tables_below_satp_are_read():
    """No other memory is touched for a walk, and no fault is raised for what no instruction asked for."""
    s = Space("sv39")
    s.table.map(VA + 4096, 0x10, KERNEL)  # the next page leads nowhere
    s.csr["mhpmevent3"], s.csr["mhpmcounter3"] = 3, 0  # exceptions
    assert s.fault(LD, VA + 0xFF8) is None
    assert s.csr["mhpmcounter3"] == 0
    assert s.fault(LD, VA + 4096) == 5


@pytest.mark.rules("sstatus_sum_satp_mode", "SATP_MODE_ROZ_SFENCE_ILLEGAL")
def test_without_page_tables_sum_is_read_only_zero_and_sfence_does_nothing():
    for isa, sum_bit in (("rv64imacsu", 0), ("rv64imacsu_sv39", 1 << 18)):
        rig = Rig(isa)
        for name in ("sstatus", "mstatus"):
            rig.write(name, "M", 1 << 18)
            assert rig.read(name, "M") & 1 << 18 == sum_bit
            rig.write(name, "M", 0)
        rig.csr["satp"] = 8 << 60
        assert bool(rig.csr["satp"]) == bool(sum_bit)
        rig.csr["satp"] = 0
        assert rig.cause(r.SFENCE_VMA, mode="HS") is None
