"""Shadow stacks: Zicfiss (manual: "Shadow Stack" in both chapters "Control-Flow Integrity")."""

import pytest
import rig as r
from pagetables import (
    ADUE,
    KERNEL,
    MPRV,
    MXR,
    PBMT_NC,
    PBMT_RESERVED,
    SUM,
    USER,
    A,
    D,
    Frames,
    R,
    Table,
    U,
    V,
    W,
    World,
    X,
)
from rig import ALL, CODE, DATA, Rig, Trap, csrr, csrw

from rvh import dtb

SSE = 1 << 3
ISA = "max_zicfiss"
SSPUSH_RA, SSPUSH_T0 = 0xCE104073, 0xCE504073
SSPOPCHK_RA, SSPOPCHK_T0 = 0xCDC0C073, 0xCDC2C073
SSRDP = 0xCDC04573  # a0
C_SSPUSH_RA, C_SSPOPCHK_T0 = 0x6081, 0x6281
SSAMOSWAP_W, SSAMOSWAP_D = 0x48C5A52F, 0x48C5B52F  # a0, a2, (a1)
LD, SD, AMOADD_D, LR_D = 0x0005B503, 0x00A5B023, 0x00C5B52F, 0x1005B52F

LINK = 0x1122_3344_5566_7788
STACK = V | W | A | D  # a shadow stack page, but for U
PUSHES = {"sspush ra": SSPUSH_RA, "sspush t0": SSPUSH_T0, "c.sspush ra": C_SSPUSH_RA}
POPS = {"sspopchk ra": SSPOPCHK_RA, "sspopchk t0": SSPOPCHK_T0, "c.sspopchk t0": C_SSPOPCHK_T0}
SHADOW = {**PUSHES, **POPS, "ssamoswap.w": SSAMOSWAP_W, "ssamoswap.d": SSAMOSWAP_D}
modes = pytest.mark.parametrize("mode", ["HS", "U", "VS", "VU"])
shadow = pytest.mark.parametrize("name", SHADOW)


class Bench(World):
    """A hart with a page of code and one of data at the same virtual addresses in every mode below M, all SSE set."""

    def __init__(self, mode: str, isa: str = ISA):
        super().__init__("sv39", "sv39", isa)
        self.mode = mode
        self.guest, self.user = mode[0] == "V", mode in ("U", "VU")
        self.s = Table(self.rig, Frames(r.RAM + 0xC0000, r.RAM + r.RAM_SIZE), "sv39")
        self.s.map(self.code_s, CODE, KERNEL)
        self.s.map(self.code_u, CODE, USER)
        self.s.map(self.va, DATA, KERNEL)
        self.csr["satp"] = self.s.atp()
        for name in ("menvcfg", "henvcfg", "senvcfg"):
            self.set(name, SSE)
        self.page(STACK)
        self.csr["ssp"] = self.va + 64

    @property
    def tables(self) -> Table:
        return self.vs if self.guest else self.s

    @property
    def status(self) -> str:
        return "vsstatus" if self.guest else "mstatus"

    def page(self, flags: int, user: bool | None = None) -> None:
        """The PTE of the page at `va`; U as the mode needs it, unless `user` says otherwise."""
        user = self.user if user is None else user
        self.tables.flags(self.va, flags | (U if user else 0))
        self.fence()
        assert self.rig.execute(r.SFENCE_VMA, mode="M") is None

    def go(self, *words: int, a1: int | None = None, a2: int = 0, ra: int = LINK, t0: int = LINK) -> Trap | None:
        """Runs the words in the mode, a0 = 0; returns the trap."""
        rig = self.rig
        rig.code(*words)
        rig.stand(self.mode, self.code_u if self.user else self.code_s)
        for name, value in {"ra": ra, "t0": t0, "a0": 0, "a1": self.va if a1 is None else a1, "a2": a2}.items():
            rig.hart.x[name] = value
        for _ in words:
            rig.step()
            if trap := rig.trap():
                return trap
        return None

    def cause(self, *words: int, **registers: int) -> int | None:
        trap = self.go(*words, **registers)
        return trap.cause if trap else None

    @property
    def ssp(self) -> int:
        return self.csr["ssp"]


# -- off


@pytest.mark.rules("Zicfiss_enc", "Zicfiss_smode_xsse")
@pytest.mark.parametrize("isa", ["max", ISA])
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.rules("menvcfg_sse_op")
def test_without_sse_they_are_may_be_operations(isa, mode):
    rig = Rig(isa)
    for name in ("menvcfg", "henvcfg", "senvcfg"):
        rig.csr[name] = rig.csr[name] | SSE
        rig.csr[name] = rig.csr[name] & ~SSE
    for word in (*PUSHES.values(), *POPS.values()):
        assert rig.execute(word, mode=mode) is None
    assert rig.execute(SSRDP, mode=mode, a0=7) is None
    assert rig.a0 == 0


@pytest.mark.rules("Zicfiss_smode_xsse")
def test_m_mode_has_none_whatever_is_set():
    bench = Bench("HS")
    for word in (*PUSHES.values(), *POPS.values(), SSRDP):
        assert bench.rig.execute(word, mode="M", a0=7) is None
    assert bench.rig.a0 == 0 and bench.ssp == bench.va + 64


@pytest.mark.rules("Zicfiss_smode_xsse")
def test_nor_has_a_hart_without_s_mode_but_ssp_is_there():
    rig = Rig("rv64imac_u_zicfiss_zcmop")
    rig.csr["menvcfg"] = 0
    assert rig.cause(csrr("ssp"), mode="U") == 2
    rig.csr["menvcfg"] = SSE
    assert rig.cause(csrr("ssp"), mode="U") is None
    for word in (*PUSHES.values(), *POPS.values(), SSRDP):
        assert rig.execute(word, mode="U", a0=7) is None
    for mode in ("M", "U"):
        assert rig.cause(SSAMOSWAP_D, mode=mode) == 2
    assert rig.a0 == 0


def test_without_the_extension_there_is_neither_ssp_nor_ssamoswap_nor_sse():
    rig = Rig("max")
    for mode in ("M", "HS", "U", "VS", "VU"):
        assert [rig.cause(word, mode=mode) for word in (csrr(0x11), SSAMOSWAP_W, SSAMOSWAP_D)] == [2, 2, 2]
    for name in ("menvcfg", "henvcfg", "senvcfg"):
        rig.csr[name] = ALL
        assert not rig.csr[name] & SSE


def test_the_device_tree_names_it_when_it_is_on():
    for isa, there in ((ISA, True), ("max", False), ("rv64gc", False)):
        tree = dtb.write(Rig(isa).machine.device_tree())
        assert (b"zicfiss" in tree) == there


# -- the registers


@pytest.mark.rules("csr_ssp")
def test_ssp_holds_addresses_of_doublewords():
    rig = Rig(ISA)
    rig.csr["menvcfg"] = rig.csr["menvcfg"] | SSE
    for value in (ALL, 0, 0x1234_5678_9ABC_DEF7):
        rig.write("ssp", "HS", value)
        assert rig.read("ssp", "HS") == rig.csr["ssp"] == value & ~7


@pytest.mark.rules(
    "Zicfilp_ssp_below_m_mode",
    "Zicfiss_ssp_u_mode",
    "Zicfiss_ssp_vs_mode",
    "Zicfiss_ssp_vu_mode",
    "Zicfiss_ssp_hs_modes",
    "rv64_ssamoswap",
    "senvcfg_sse_Zicfilp_sz",
    "senvcfg_sse_Zicfilp_op",
)
@pytest.mark.parametrize("mode", ["M", "HS", "U", "VS", "VU"])
@pytest.mark.parametrize("on", range(8))
@pytest.mark.rules("menvcfg_sse_op")
def test_who_may_use_ssp_and_ssamoswap(mode, on):
    """Expected by the sentences of the manual, in their order."""
    bench = Bench("HS")
    rig, csr = bench.rig, bench.csr
    menvcfg, henvcfg, senvcfg = (bool(on >> n & 1) for n in range(3))
    csr["senvcfg"] = csr["senvcfg"] & ~SSE | SSE * senvcfg
    csr["henvcfg"] = csr["henvcfg"] & ~SSE | SSE * henvcfg
    csr["menvcfg"] = csr["menvcfg"] & ~SSE | SSE * menvcfg
    senvcfg &= henvcfg or mode[0] != "V"  # it is read-only zero then
    if mode != "M" and not menvcfg or mode == "U" and not senvcfg:
        expected = 2
    elif mode == "VS" and not henvcfg or mode == "VU" and not senvcfg:
        expected = 22
    else:
        expected = None
    csr["satp"] = csr["vsatp"] = csr["hgatp"] = 0
    assert rig.cause(csrr("ssp"), mode=mode) == expected
    assert rig.cause(csrw("ssp"), mode=mode) == expected
    for word in (SSAMOSWAP_W, SSAMOSWAP_D):
        # Where it may be executed there is no shadow stack page: no translation.
        trap = rig.execute(word, mode=mode)
        assert trap.cause == (expected or 7)
        assert trap.tval == (word if expected else DATA)


@pytest.mark.rules("menvcfg_sse_rdonly0", "henvcfg_sse_op")
def test_sse_is_read_only_zero_below_one_that_is_0():
    rig = Rig(ISA, open_gates=False)
    rig.csr["mstateen0"] = rig.csr["hstateen0"] = ALL
    for name in ("henvcfg", "senvcfg"):
        rig.write(name, "HS", SSE)
        assert not rig.read(name, "HS") & SSE
    rig.csr["menvcfg"] = SSE
    rig.write("senvcfg", "VS", SSE)
    assert not rig.read("senvcfg", "VS") & SSE and not rig.read("senvcfg", "HS") & SSE
    rig.write("senvcfg", "HS", SSE)
    assert rig.read("senvcfg", "HS") & SSE
    assert not rig.read("senvcfg", "VS") & SSE
    rig.write("senvcfg", "VS", 0)
    assert rig.read("senvcfg", "HS") & SSE, "what cannot be read is not written either"
    rig.write("henvcfg", "HS", SSE)
    assert rig.read("senvcfg", "VS") & SSE
    rig.csr["menvcfg"] = 0
    assert not rig.read("henvcfg", "HS") & SSE and not rig.read("senvcfg", "HS") & SSE


# -- pushing and popping


@pytest.mark.rules("ss_push_c-push_op", "Zicfiss_sspush_enc", "ss_page_enc", "Zicfiss_link_reg_func")
@modes
@pytest.mark.parametrize("name", PUSHES)
def test_a_push_stores_below_ssp(mode, name):
    bench = Bench(mode)
    value = LINK ^ 0xFF if "t0" in name else LINK
    for n in range(1, 4):  # the first one fills the TLB
        assert bench.go(PUSHES[name], ra=LINK, t0=LINK ^ 0xFF) is None
        assert bench.ssp == bench.va + 64 - 8 * n
        assert bench.rig.load(DATA + 64 - 8 * n) == value


@pytest.mark.rules("sspopchk_op", "Zicfiss_sspopchk_enc", "Zicfiss_link_reg_func")
@modes
@pytest.mark.parametrize("name", POPS)
@pytest.mark.rules("mtval_swchk")
def test_a_pop_compares_and_moves_up(mode, name):
    bench = Bench(mode)
    for n in range(8):
        bench.rig.store(DATA + 64 + 8 * n, LINK + n)
    for n in range(3):
        assert bench.go(POPS[name], ra=LINK + n, t0=LINK + n) is None
        assert bench.ssp == bench.va + 72 + 8 * n
    for wrong in (LINK, LINK + 3 ^ 1 << 63, LINK + 3 ^ 1):
        registers = {"ra": LINK + 3, "t0": LINK + 3} | {"t0" if "t0" in name else "ra": wrong}
        trap = bench.go(POPS[name], **registers)
        assert (trap.cause, trap.tval, trap.into) == (18, 3, "M")
        assert bench.ssp == bench.va + 72 + 16
        assert not bench.csr["mstatus"] & 1 << 38  # GVA: 3 is no address
    registers = {"ra": 0, "t0": 0} | {"t0" if "t0" in name else "ra": LINK + 3}
    assert bench.go(POPS[name], **registers) is None


@pytest.mark.rules("ssrdp_read", "Zicfiss_ssrdp_enc")
@modes
def test_ssrdp_reads_ssp(mode):
    bench = Bench(mode)
    assert bench.go(SSRDP) is None
    assert bench.rig.a0 == bench.va + 64


@pytest.mark.rules("Zicfiss_enc")
@modes
def test_other_encodings_of_their_may_be_operations_stay_those(mode):
    bench = Bench(mode)
    others = [0xCDC0C573, 0xCDC14073, 0xCDC1C073, 0xCE204073, 0xCE00C573, 0xCE104573, 0xCE10C073, 0x6181, 0x6381]
    for word in others:  # mop.r.28 and mop.rr.7 with other registers; c.mop.3, c.mop.7
        assert bench.go(word) is None, hex(word)
        assert bench.ssp == bench.va + 64 and bench.rig.a0 == 0


@pytest.mark.parametrize("mode, into", [("HS", "HS"), ("U", "HS"), ("VS", "VS"), ("VU", "VS"), ("VS", "HS")])
def test_the_software_check_can_be_delegated(mode, into):
    bench = Bench(mode)
    bench.csr["medeleg"] = 1 << 18
    bench.csr["hedeleg"] = 1 << 18 if into == "VS" else 0
    code = bench.code_u if bench.user else bench.code_s
    assert bench.go(SSPOPCHK_RA, ra=1) == Trap(into, 18, code, 3)


@modes
def test_in_blocks_and_across_pages_as_alone(mode):
    """A push of two links and their pops, as the block that the decoder makes of them."""
    bench = Bench(mode)
    for start in (64, 8, 0):
        bench.csr["ssp"] = bench.va + start
        words = [SSPUSH_RA, C_SSPUSH_RA, SSPUSH_T0, SSPOPCHK_T0, r.NOP, SSPOPCHK_RA, SSPOPCHK_RA, SSRDP]
        bench.rig.code(0x0000006F, at=r.M_VECTOR)  # j .
        bench.rig.code(*words)
        bench.rig.stand(mode, bench.code_u if bench.user else bench.code_s)
        bench.rig.hart.x["ra"], bench.rig.hart.x["t0"] = LINK, LINK + 1
        bench.rig.step(len(words))
        if start == 64:
            assert bench.rig.trap() is None and bench.rig.a0 == bench.ssp == bench.va + 64
            continue
        assert bench.csr["mcause"] == 15 and bench.csr["mtval"] == bench.va - 8
        assert bench.ssp == bench.va, "moved only by what has been stored"


# -- SSAMOSWAP


@pytest.mark.rules("rv64_ssamoswap", "Zicfiss_atomic_swap")
@modes
def test_ssamoswap_swaps(mode):
    bench, rig = Bench(mode), None
    rig = bench.rig
    for _ in range(2):
        rig.store(DATA, 0x8877_6655_F433_2211)
        assert bench.go(SSAMOSWAP_D, a2=LINK) is None
        assert (rig.a0, rig.load(DATA)) == (0x8877_6655_F433_2211, LINK)
        rig.store(DATA, 0x8877_6655_F433_2211)
        assert bench.go(SSAMOSWAP_W, a2=LINK) is None
        assert (rig.a0, rig.load(DATA)) == (0xFFFF_FFFF_F433_2211, 0x8877_6655_5566_7788)
    for word, offsets in ((SSAMOSWAP_D, (1, 2, 4)), (SSAMOSWAP_W, (1, 2, 3))):
        for offset in offsets:
            trap = bench.go(word, a1=bench.va + offset)
            assert (trap.cause, trap.tval) == (6, bench.va + offset)


@pytest.mark.rules("ssmp_ssamoswap")
def test_ssamoswap_of_m_mode_follows_mprv():
    bench = Bench("HS")
    rig, csr = bench.rig, bench.csr
    assert rig.cause(SSAMOSWAP_D, mode="M", a1=DATA) == 7
    rig.store(DATA, 5)
    rig.code(SSAMOSWAP_D)
    for mpp, expected in ((1, None), (0, 15), (3, 7)):
        csr["mstatus"] = csr["mstatus"] & ~(3 << 11) | MPRV | mpp << 11
        rig.stand("M")
        rig.hart.x["a1"], rig.hart.x["a2"] = bench.va, 9
        rig.step()
        trap = rig.trap()
        assert (trap.cause if trap else None) == expected, mpp
        csr["mstatus"] = csr["mstatus"] & ~MPRV
    assert rig.load(DATA) == 9


# -- what a page permits


def needs(name: str) -> int:
    """Where the instruction accesses the page, from its start; ssp is at 64."""
    return 56 if "push" in name else 64 if "pop" in name else 0


@pytest.mark.rules("ss_page_exceptions")
@modes
@shadow
@pytest.mark.parametrize("rwx", range(8))
def test_shadow_stack_instructions_on_pages_of_every_kind(mode, name, rwx):
    bench = Bench(mode)
    bench.rig.store(DATA + 64, LINK)
    bench.page(V | A | D | rwx << 1)
    # A leaf with W alone works, one with R alone is a page fault; no leaf, and W with X, are page faults too.
    expected = {W: None, R: 15, 0: 15, W | X: 15}.get(rwx << 1, 7)
    for _ in range(2):
        trap = bench.go(SHADOW[name])
        assert (trap.cause if trap else None) == expected
        if expected:
            assert trap.tval == bench.va + needs(name)
            assert bench.ssp == bench.va + 64
            amo = SHADOW[name] & 0x7F == 0x2F
            assert bench.csr["mtinst"] == (SHADOW[name] & ~(31 << 15) if amo else 0)
            assert bool(bench.csr["mstatus"] & 1 << 38) == bench.guest
        bench.csr["ssp"] = bench.va + 64


ORDINARY = {
    "load": (LD, None), "lr": (LR_D, None), "store": (SD, 7), "amo": (AMOADD_D, 7), "sc": (0x18C5B52F, 7),
    "cbo.inval": (r.CBO_INVAL, 7), "cbo.clean": (r.CBO_CLEAN, 7), "cbo.flush": (r.CBO_FLUSH, 7),
    "cbo.zero": (r.CBO_ZERO, 7),
}  # fmt: skip


@pytest.mark.rules("ss_page_exceptions")
@modes
@pytest.mark.parametrize("kind", ORDINARY)
@pytest.mark.parametrize("mxr", [0, MXR])
def test_other_instructions_may_only_load_from_a_shadow_stack(mode, kind, mxr):
    bench = Bench(mode)
    word, expected = ORDINARY[kind]
    bench.set(bench.status, mxr, bool(mxr))
    bench.rig.store(DATA, LINK)
    assert bench.go(SSPUSH_RA) is None  # the TLB knows it for writing, but not for these
    for _ in range(2):
        trap = bench.go(word)
        assert (trap.cause if trap else None) == expected
        if expected:
            assert trap.tval == bench.va
        elif kind in ("load", "lr"):
            assert bench.rig.a0 == LINK
    assert bench.rig.load(DATA) == LINK


@pytest.mark.rules("ss_page_exceptions")
@modes
def test_a_fetch_from_a_shadow_stack_is_an_access_fault(mode):
    bench = Bench(mode)
    bench.rig.stand(mode, bench.va)
    bench.rig.step()
    trap = bench.rig.trap()
    assert (trap.cause, trap.tval, trap.epc) == (1, bench.va, bench.va)


@pytest.mark.rules("ss_page_exceptions")
@pytest.mark.parametrize("word, expected", [(0x6C05C573, None), (0x6EA5C073, 7), (0x6835C573, 13)])
def test_hlv_may_read_hsv_may_not_write_and_hlvx_needs_x(word, expected):
    bench = Bench("VS")
    bench.set("hstatus", 1 << 8)
    bench.csr["satp"] = 0
    assert bench.rig.cause(word, mode="HS", a1=bench.va) == expected


@pytest.mark.rules("ssmp_menvcfg_sse", "ssmp_henvcfg_sse")
@modes
@pytest.mark.rules("menvcfg_sse_op")
def test_without_sse_the_encoding_is_reserved_at_once(mode):
    """No fence is needed: what the TLB has learnt with SSE does not count without."""
    bench = Bench(mode)
    name = "henvcfg" if bench.guest else "menvcfg"
    for _ in range(2):
        assert bench.go(SSPUSH_RA) is None
        assert bench.go(LD) is None
        assert bench.cause(SD) == 7
        bench.set(name, SSE, False)
        assert bench.go(SSPUSH_RA, SSPOPCHK_RA) is None
        assert bench.cause(LD) == 13 and bench.cause(SD) == 15
        bench.set("menvcfg", SSE)
        bench.set(name, SSE)
    if bench.user:
        bench.set("senvcfg", SSE, False)  # has no say in it
        assert bench.go(LD) is None and bench.cause(SD) == 7


@pytest.mark.rules("ssmp_menvcfg_sse", "ssmp_henvcfg_sse")
def test_each_stage_follows_its_own_sse():
    bench = Bench("VS")
    bench.set("henvcfg", SSE, False)
    assert bench.cause(LD) == 13
    bench = Bench("HS")
    bench.set("henvcfg", SSE, False)
    assert bench.go(SSPUSH_RA) is None


@pytest.mark.rules("satp_mode_bare")
@modes
@shadow
def test_bare_is_an_access_fault(mode, name):
    bench = Bench(mode)
    bench.csr["satp"] = bench.csr["vsatp"] = 0
    bench.rig.code(SHADOW[name])
    bench.rig.stand(mode, bench.gpa(CODE) if bench.guest else CODE)
    at = bench.gpa(DATA) if bench.guest else DATA
    bench.csr["ssp"], bench.rig.hart.x["a1"] = at + 64, at
    bench.rig.step()
    trap = bench.rig.trap()
    assert (trap.cause, trap.tval) == (7, at + needs(name))


@modes
@shadow
def test_u_and_sum_count_as_always(mode, name):
    bench = Bench(mode)
    bench.rig.store(DATA + 64, LINK)
    bench.page(STACK, user=not bench.user)
    assert bench.cause(SHADOW[name]) == 15
    bench.set(bench.status, SUM)
    assert bench.cause(SHADOW[name]) == (15 if bench.user else None)


@modes
@shadow
@pytest.mark.parametrize("adue", [False, True])
@pytest.mark.parametrize("missing", [A | D, D])
def test_accessed_and_dirty(mode, name, adue, missing):
    """They count as stores, pops too."""
    bench = Bench(mode)
    bench.rig.store(DATA + 64, LINK)
    bench.set("menvcfg", ADUE, True)
    bench.set("henvcfg" if bench.guest else "menvcfg", ADUE, adue)
    bench.page(STACK & ~missing)
    assert bench.cause(SHADOW[name]) == (None if adue else 15)
    assert bench.tables.pte(bench.va) & (A | D) == (A | D if adue else (A | D) & ~missing)


@modes
def test_a_pop_that_has_set_d_and_a_load_that_has_not(mode):
    bench = Bench(mode)
    bench.set("menvcfg", ADUE)
    bench.set("henvcfg", ADUE)
    bench.page(STACK & ~(A | D))
    assert bench.go(LD) is None
    assert bench.tables.pte(bench.va) & (A | D) == A
    assert bench.go(SSPUSH_RA) is None
    assert bench.tables.pte(bench.va) & (A | D) == A | D


@modes
def test_svpbmt_and_superpages(mode):
    bench = Bench(mode)
    bench.set("menvcfg", 1 << 62)
    bench.set("henvcfg", 1 << 62)
    bench.page(STACK | PBMT_NC)
    assert bench.go(SSPUSH_RA) is None
    bench.page(STACK | PBMT_RESERVED)
    assert bench.cause(SSPUSH_RA) == 15
    bench.page(STACK | 1 << 60)
    assert bench.cause(SSPUSH_RA) == 15
    # A pointer to the next table with W set is a leaf, misaligned here.
    bench.tables.set(bench.va, bench.tables.pte(bench.va, 1) | STACK, 1)
    bench.fence()
    bench.rig.execute(r.SFENCE_VMA, mode="M")
    assert bench.cause(SSPUSH_RA) == 15


# -- the G-stage, PMP, and what is no memory


@pytest.mark.rules("active_g_stage_pte")
@pytest.mark.parametrize("mode", ["VS", "VU"])
@shadow
@pytest.mark.parametrize("rwx", range(8))
def test_the_g_stage_must_permit_reading_and_writing(mode, name, rwx):
    """Its own encodings stay what they are: W alone is reserved."""
    bench = Bench(mode)
    bench.rig.store(DATA + 64, LINK)
    bench.g.flags(bench.data_gpa, V | U | A | D | rwx << 1)
    bench.fence()
    allowed = rwx << 1 & (R | W) == R | W
    for _ in range(2):
        trap = bench.go(SHADOW[name])
        assert (trap.cause if trap else None) == (None if allowed else 23)
        if trap:
            assert trap.tval == bench.va + needs(name)
            assert bench.csr["mtval2"] == (bench.data_gpa + needs(name)) >> 2
        bench.csr["ssp"] = bench.va + 64


@modes
@shadow
@pytest.mark.parametrize("pmp", range(8))
def test_pmp_must_permit_reading_and_writing(mode, name, pmp):
    if pmp & 3 == 2:
        return  # W without R is reserved
    bench = Bench(mode)
    bench.rig.store(DATA + 64, LINK)
    bench.csr["pmpaddr1"], bench.csr["pmpaddr0"] = ALL, DATA >> 2 | 0x1FF  # NAPOT, 4 KiB
    bench.csr["pmpcfg0"] = 0x1F << 8 | 0x18 | pmp
    for _ in range(2):
        trap = bench.go(SHADOW[name])
        assert (trap.cause if trap else None) == (None if pmp & 3 == 3 else 7)
        bench.csr["ssp"] = bench.va + 64


@pytest.mark.rules("ssmp_ss_idempotent_memory")
@modes
@shadow
@pytest.mark.parametrize("pa", [0, 0x1000_0000])
def test_a_device_or_nothing_is_an_access_fault(mode, name, pa):
    bench = Bench(mode)
    if bench.guest:
        bench.g.map(0x1234_5000, pa, USER)
    bench.tables.set(bench.va, (0x1234_5000 if bench.guest else pa) >> 2 | STACK | (U if bench.user else 0))
    bench.page(STACK)
    trap = bench.go(SHADOW[name])
    assert (trap.cause, trap.tval) == (7, bench.va + needs(name))


@pytest.mark.rules("ssp_xlen_aligned")
@modes
def test_ssp_cannot_be_misaligned(mode):
    """The rule is about harts on which bit 2 can be set."""
    bench = Bench(mode)
    bench.rig.hart.x["a1"] = bench.va + 63
    assert bench.go(csrw("ssp"), a1=bench.va + 63) is None
    assert bench.ssp == bench.va + 56
    assert bench.go(SSPUSH_RA) is None


# -- side effects on the rest of the machine


@modes
def test_code_on_a_shadow_stack_that_is_pushed_over_is_decoded_anew(mode):
    """By another mapping of the page, which is executable."""
    bench = Bench(mode)
    code = bench.va + 0x2000
    bench.tables.map(code, bench.data_gpa if bench.guest else DATA, V | R | X | A | D | (U if bench.user else 0))
    bench.page(STACK)
    for value in (0x02A00513, 0x02B00513):  # li a0, 42; li a0, 43
        bench.csr["ssp"] = bench.va + 8
        assert bench.go(SSPUSH_RA, ra=value | r.NOP << 32) is None
        bench.rig.stand(mode, code)
        bench.rig.step(2)
        assert bench.rig.a0 == value >> 20


def test_pushes_and_pops_are_traced():
    bench = Bench("VS")
    bench.rig.code(SSPUSH_RA, C_SSPOPCHK_T0)
    bench.rig.stand("VS", bench.code_s)
    bench.rig.hart.x["ra"] = bench.rig.hart.x["t0"] = LINK
    push, pop = bench.rig.machine.trace(2)
    for record, write, ssp in ((push, 1, 56), (pop, 0, 64)):
        assert (record["n_mem"], record["mem_write"][0], record["mem_size"][0]) == (1, write, 8)
        assert (record["mem_va"][0], record["mem_value"][0]) == (bench.va + 56, LINK)
        assert (record["n_csr"], record["csr"][0], record["csr_value"][0]) == (1, 0x11, bench.va + ssp)
