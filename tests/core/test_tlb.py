"""What may be remembered of a translation and what ends it: checklist O (manual: "Hypervisor Memory-Management Fence
Instructions", "Supervisor Memory-Management Fence Instruction").
"""

import pytest
import rig as r
from pagetables import KERNEL, KINDS, MPP_S, MPRV, MPV, MXR, SPVP, SUM, USER, A, D, Frames, G, R, Table, U, V, World, X
from rig import RAM, Rig

OTHER = RAM + 0x7000  # the page that data moves to
LD, SD = KINDS["load"].word, KINDS["store"].word


def fence(word, rs1=False, rs2=False):
    """The fence with rs1 = a1 and rs2 = a2 where wanted, x0 otherwise."""
    return word | (11 << 15 if rs1 else 0) | (12 << 20 if rs2 else 0)


def guest(vs="sv39", g="sv39", asid=0, vmid=0):
    """A world with 1 at the data page and 2 at OTHER."""
    w = World(vs, g)
    w.install(asid, vmid)
    w.rig.store(r.DATA + 8, 1)
    w.rig.store(OTHER + 8, 2)
    return w


def seen(w, va=None, kind="load", priv="VS"):
    """What a load finds behind the data address, 0 for a fault."""
    at = (w.va if va is None else va) + 8
    return w.rig.a0 if w.access(kind, at, priv=priv) is None else 0


def move_vs(w):
    w.vs.map(w.va, w.gpa(OTHER), KERNEL)


def move_g(w):
    w.g.map(w.data_gpa, OTHER, USER)


VS_FENCES = {
    "hfence.vvma": (r.HFENCE_VVMA, "HS"),
    "hfence.vvma from M": (r.HFENCE_VVMA, "M"),
    "hinval.vvma": (r.HINVAL_VVMA, "HS"),
    "sfence.vma in VS": (r.SFENCE_VMA, "VS"),
    "sinval.vma in VS": (r.SINVAL_VMA, "VS"),
}


def execute(w, word, mode, a1=0, a2=0):
    w.rig.code(word)
    w.rig.stand(mode, w.code_s if mode == "VS" else r.CODE)
    w.rig.hart.x["a1"], w.rig.hart.x["a2"] = a1, a2
    w.rig.step()
    assert w.rig.trap() is None


@pytest.mark.parametrize("vs", ["sv39", "sv48", "sv57"])
@pytest.mark.parametrize("g", ["bare", "sv39", "sv57"])
@pytest.mark.parametrize("name", VS_FENCES)
@pytest.mark.parametrize("by_va", [False, True])
@pytest.mark.parametrize("by_asid", [False, True])
@pytest.mark.parametrize("kind", ["load", "hlv", "mprv-load"])
@pytest.mark.rules(
    "hfence-vvma_hfence-gvma_op",
    "hfence-vvma_mode",
    "hfence-vvma_limits",
    "hfence-vvma_asid",
    "sfence_vma_v1",
    "Svinval_hinval_vvma_gvma",
    "Svinval_sinval_vma_invalidates_same_as_sfence_vma",
)
def test_O3_vs_stage_fences_end_vs_stage_translations(vs, g, name, by_va, by_asid, kind):
    """O2 for SFENCE.VMA at V=1; rs1 is a guest virtual address, rs2 a guest ASID, whose upper bits are ignored."""
    w = guest(vs, g, asid=5, vmid=3)
    word, mode = VS_FENCES[name]
    assert seen(w, kind=kind) == 1
    move_vs(w)
    execute(w, fence(word, by_va, by_asid), mode, a1=w.va + 0x123, a2=0xFFFF_0000_0000_0005 if by_asid else 0)
    assert seen(w, kind=kind) == 2


@pytest.mark.parametrize("name", VS_FENCES)
@pytest.mark.parametrize("asid, page", [(6, None), (21, None), (5, 0x1000), (5, 0x400000), (6, 0)])
def test_vs_stage_fences_leave_other_asids_and_pages_alone(name, asid, page):
    """No rule, but what the hypervisor's precise fences live on: a fence of another ASID or page ends nothing."""
    w = guest(asid=5, vmid=3)
    word, mode = VS_FENCES[name]
    assert seen(w) == 1
    move_vs(w)
    execute(w, fence(word, page is not None, True), mode, a1=w.va + (page or 0), a2=asid)
    assert seen(w) == 1
    execute(w, fence(word, False, True), mode, a2=5)
    assert seen(w) == 2


@pytest.mark.parametrize("kind", ["load", "hlv", "mprv-load"])
@pytest.mark.parametrize("word", [r.HFENCE_GVMA, r.HINVAL_GVMA])
@pytest.mark.parametrize("mode", ["M", "HS"])
@pytest.mark.parametrize("by_gpa", [False, True])
@pytest.mark.parametrize("by_vmid", [False, True])
@pytest.mark.parametrize("vs, g", [("sv39", "sv39"), ("bare", "sv48"), ("sv57", "sv57")])
@pytest.mark.rules(
    "hfence-vvma_hfence-gvma_op",
    "hfence-gvma_op",
    "hfence-gvma_vmid",
    "Svinval_hinval_vvma_gvma",
    "Svinval_hinval_gvma_uses_vmid",
)
def test_O4_g_stage_fences_end_combined_translations(vs, g, kind, word, mode, by_gpa, by_vmid):
    """rs1 is GPA >> 2; the entry is found though its tag is the virtual address. rs2 above VMIDMAX is ignored."""
    w = guest(vs, g, vmid=9)
    assert seen(w, kind=kind) == 1
    move_g(w)
    execute(w, fence(word, by_gpa, by_vmid), mode, a1=w.data_gpa >> 2, a2=9 | ~0x3FFF & r.ALL)
    assert seen(w, kind=kind) == 2


@pytest.mark.parametrize("kind", ["load", "hlv"])
@pytest.mark.rules("hgatp_op_hfence_gvma")
def test_O4_a_fence_for_all_vmids_reaches_a_vmid_that_is_not_current(kind):
    w = guest(vmid=9)
    assert seen(w, kind=kind) == 1
    w.install(vmid=1)
    move_g(w)
    execute(w, r.HFENCE_GVMA, "HS")
    w.install(vmid=9)
    assert seen(w, kind=kind) == 2


@pytest.mark.rules("hfence-gvma_mode")
@pytest.mark.parametrize("by_vmid", [False, True])
def test_O4_a_new_mode_for_a_vmid_is_followed_after_hfence_gvma(by_vmid):
    """Bare, Sv39x4, Sv48x4 and back under VMID 0 and vsatp Bare: the same address reaches another page."""
    w = World("bare", "sv39")
    deep = Table(w.rig, Frames(w.g.frames.next, RAM + r.RAM_SIZE), "sv48", x4=True)
    for table, page in ((w.g, r.DATA), (deep, OTHER)):
        table.map(r.CODE, r.CODE, USER)
        table.map(r.DATA, page, USER)
    w.rig.store(r.DATA + 8, 1)
    w.rig.store(OTHER + 8, 2)
    for atp, value in [(w.g.atp(), 1), (deep.atp(), 2), (0, 1), (deep.atp(), 2), (w.g.atp(), 1), (0, 1)]:
        w.csr["hgatp"] = atp
        execute(w, fence(r.HFENCE_GVMA, False, by_vmid), "HS", a2=0)
        w.rig.code(LD)
        w.rig.stand("VS", r.CODE)
        w.rig.hart.x["a1"] = r.DATA + 8
        w.rig.step()
        assert w.rig.trap() is None and w.rig.a0 == value, hex(atp)


def test_O1_vmids_and_asids_keep_translations_apart():
    """Four address spaces at one virtual address, without any fence between them."""
    w = guest()
    frames = Frames(w.g.frames.next, RAM + r.RAM_SIZE)
    spaces = {}
    for asid, vmid in ((1, 1), (2, 1), (1, 2), (2, 2)):
        table = Table(w.rig, frames, "sv39", w.offset)
        table.map(w.code_s, w.gpa(r.CODE), KERNEL)
        page = frames.take()
        table.map(w.va, w.gpa(page), KERNEL | G)  # global: within its VMID, and so in no other space here
        w.rig.store(page + 8, asid << 4 | vmid)
        spaces[asid, vmid] = table
    # Global pages must agree between the ASIDs of a VMID; these do not, so they are not global.
    for table in spaces.values():
        table.flags(w.va, KERNEL)
    for _ in range(3):
        for (asid, vmid), table in spaces.items():
            w.csr["vsatp"] = table.atp(asid)
            w.csr["hgatp"] = w.g.atp(vmid)
            assert seen(w) == asid << 4 | vmid
            assert seen(w, kind="hlv") == asid << 4 | vmid


def test_O1_a_global_page_of_one_vmid_is_unknown_to_another():
    w = guest(vmid=1)
    w.vs.flags(w.va, KERNEL | G)
    assert seen(w) == 1
    other = Table(w.rig, Frames(w.g.frames.next, RAM + r.RAM_SIZE), "sv39", w.offset)
    other.map(w.code_s, w.gpa(r.CODE), KERNEL)
    other.map(w.va, w.gpa(OTHER), KERNEL | G)
    w.csr["vsatp"], w.csr["hgatp"] = other.atp(), w.g.atp(2)
    assert seen(w) == 2
    assert w.rig.execute(LD, mode="HS", a1=r.DATA + 8) is None and w.rig.a0 == 1


@pytest.mark.parametrize("word", [r.SFENCE_VMA, r.SINVAL_VMA])
@pytest.mark.parametrize("by_va", [False, True])
@pytest.mark.parametrize("by_asid", [False, True])
@pytest.mark.parametrize("mode", ["M", "HS"])
@pytest.mark.rules(
    "sfence_vma_v0",
    "sfence_vma_op",
    "sfence_vma_invalidation",
    "sfence_vma_all_asid_va",
    "Svinval_sinval_vma_invalidates_same_as_sfence_vma",
)
def test_O2_sfence_vma_at_v0_ends_satp_translations(word, by_va, by_asid, mode):
    rig = Rig()
    table = Table(rig, Frames(r.TABLES, RAM + r.RAM_SIZE), "sv48")
    va = 0x12_3456_7000
    table.map(r.CODE, r.CODE, KERNEL)
    table.map(va, r.DATA, KERNEL)
    rig.csr["satp"] = table.atp(7)
    rig.store(r.DATA + 8, 1)
    rig.store(OTHER + 8, 2)
    assert rig.execute(LD, mode="HS", a1=va + 8) is None and rig.a0 == 1
    table.map(va, OTHER, KERNEL)
    assert rig.execute(fence(word, by_va, by_asid), mode=mode, a1=va, a2=7) is None
    assert rig.execute(LD, mode="HS", a1=va + 8) is None and rig.a0 == 2


def test_O5_rs2_other_than_x0_with_the_value_0_is_asid_0():
    """A fence for ASID 0 must reach ASID 0; that it may reach others as well is allowed."""
    for word, mode in VS_FENCES.values():
        w = guest(asid=0)
        assert seen(w) == 1
        move_vs(w)
        execute(w, fence(word, False, True), mode, a2=0)
        assert seen(w) == 2


@pytest.mark.parametrize("word", [r.HFENCE_VVMA, r.HFENCE_GVMA, r.SFENCE_VMA, r.SINVAL_VMA, r.HINVAL_VVMA])
def test_O5_rd_must_be_0(word):
    rig = Rig()
    assert rig.cause(word | 1 << 7, mode="HS") == 2
    assert rig.cause(word, mode="HS") is None


@pytest.mark.rules(
    "Svinval_sfence_w_inval_orders_before_sinval_vma", "Svinval_sequence_rs1_rs2",
    "Svinval_sequence_reads_writes_before", "Svinval_sequence_reads_writes_after",
)  # fmt: skip
@pytest.mark.parametrize("by_va", [False, True])
@pytest.mark.parametrize("by_asid", [False, True])
def test_O6_the_sequence_of_svinval_is_an_sfence_vma(by_va, by_asid):
    """Load, store of the PTE, SFENCE.W.INVAL, SINVAL.VMA, SFENCE.INVAL.IR, load: one run of the guest."""
    w = guest(asid=5)
    table_va = w.va + 0x40_0000
    w.vs.map(table_va, w.gpa(w.vs.table(w.va, 0)), KERNEL)
    w.rig.store(r.DATA, 1)
    w.rig.store(OTHER, 2)
    load, store, again = LD, 0x00D73023, 0x0005B783  # ld a0, (a1); sd a3, (a4); ld a5, (a1)
    w.rig.code(load, store, r.SFENCE_W_INVAL, fence(r.SINVAL_VMA, by_va, by_asid), r.SFENCE_INVAL_IR, again)
    x = w.rig.hart.x
    x["a1"], x["a2"], x["a3"], x["a4"] = w.va, 5, w.gpa(OTHER) >> 2 | KERNEL, table_va + (w.va >> 12 & 511) * 8
    w.rig.stand("VS", w.code_s)
    w.rig.step(6)
    assert w.rig.trap() is None and (w.rig.a0, x["a5"]) == (1, 2)


@pytest.mark.parametrize("word", [r.SFENCE_W_INVAL, r.SFENCE_INVAL_IR])
def test_O6_the_ordering_fences_of_svinval_are_no_operation(word):
    w = guest()
    assert seen(w) == 1
    execute(w, word, "VS")
    execute(w, word, "HS")
    assert seen(w) == 1


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("inside", [0, 0x1F_F000, 0x8000])
def test_O3_a_fence_anywhere_in_a_superpage_ends_all_of_it(level, inside):
    w = guest("sv39", "bare")
    size = 1 << 12 + 9 * level
    va = 0x2B_0000_0000 & ~(size - 1)
    base = RAM & ~(size - 1)
    w.vs.map(va, base, KERNEL, level)
    at = va + r.DATA - base
    assert seen(w, at) == 1
    w.vs.flags(va, KERNEL & ~(R | 4), level)  # execute only
    execute(w, fence(r.HFENCE_VVMA, True), "HS", a1=va + inside)
    assert seen(w, at) == 0


# ---- O7: what takes effect at once, without a fence


@pytest.mark.parametrize("kind", ["load", "hlv", "mprv-load"])
def test_O7_sum_and_mxr_take_effect_at_once(kind):
    w = guest()
    w.vs.flags(w.va, USER)
    for _ in range(3):
        assert seen(w, kind=kind) == 0
        w.set("vsstatus", SUM)
        assert seen(w, kind=kind) == 1
        w.set("vsstatus", SUM, False)
    w.vs.flags(w.va, V | X | A | D)
    w.fence()
    for register in ("vsstatus", "mstatus", "sstatus"):
        assert seen(w, kind=kind) == 0
        w.set(register, MXR)
        assert seen(w, kind=kind) == 1
        w.set(register, MXR, False)
    w.vs.flags(w.va, KERNEL)
    w.g.flags(w.data_gpa, V | X | U | A | D)
    w.fence()
    w.set("vsstatus", MXR)
    for register in ("mstatus", "sstatus"):
        assert seen(w, kind=kind) == 0
        w.set(register, MXR)
        assert seen(w, kind=kind) == 1
        w.set(register, MXR, False)


def test_O7_csr_instructions_of_the_guest_take_effect_in_the_next_instruction():
    """One block: load (faults not), clear SUM, load: the second faults."""
    w = guest()
    w.vs.flags(w.va, USER)
    w.set("vsstatus", SUM)
    w.rig.code(LD, 0x1006_B073, LD)  # csrc sstatus, a3 = csrrc x0, 0x100, a3
    w.rig.stand("VS", w.code_s)
    w.rig.hart.x["a1"], w.rig.hart.x["a3"] = w.va + 8, SUM
    w.rig.step(3)
    trap = w.rig.trap()
    assert trap is not None and (trap.cause, trap.epc) == (13, w.code_s + 8)


@pytest.mark.parametrize("kind", ["load", "hlv", "hlvx"])
def test_O7_new_tables_with_another_asid_or_vmid_take_effect_at_once(kind):
    w = guest(asid=1, vmid=1)
    assert seen(w, kind=kind) == 1
    frames = Frames(w.g.frames.next, RAM + r.RAM_SIZE)
    second = Table(w.rig, frames, "sv39", w.offset)
    second.map(w.code_s, w.gpa(r.CODE), KERNEL)
    second.map(w.va, w.gpa(OTHER), KERNEL)
    for _ in range(3):
        w.csr["vsatp"] = second.atp(2)
        assert seen(w, kind=kind) == 2
        w.csr["vsatp"] = w.vs.atp(1)
        assert seen(w, kind=kind) == 1
    g2 = Table(w.rig, frames, "sv39", x4=True)
    for page in range(RAM, RAM + r.RAM_SIZE, 4096):
        g2.map(w.gpa(page), OTHER if page == r.DATA else page, USER)
    for _ in range(3):
        w.csr["hgatp"] = g2.atp(2)
        assert seen(w, kind=kind) == 2
        w.csr["hgatp"] = w.g.atp(1)
        assert seen(w, kind=kind) == 1


@pytest.mark.parametrize("g", ["bare", "sv39"])
def test_O7_bare_and_back_takes_effect_at_once(g):
    w = guest("sv39", g)
    for _ in range(3):
        assert seen(w) == 1
        w.csr["vsatp"] = 0
        w.rig.code(LD)
        w.rig.stand("VS", w.gpa(r.CODE))
        w.rig.hart.x["a1"] = w.data_gpa + 8
        w.rig.step()
        assert w.rig.trap() is None and w.rig.a0 == 1
        w.rig.stand("VS", w.gpa(r.CODE))
        w.rig.hart.x["a1"] = w.va + 8
        w.rig.step()
        assert w.rig.trap() is not None
        w.install()


def test_O7_privilege_mprv_mpp_mpv_and_spvp_take_effect_at_once():
    w = guest()
    w.vs.flags(w.va, USER)
    for _ in range(2):
        assert seen(w, priv="VU") == 1 and seen(w, priv="VS") == 0
        for kind in ("hlv", "mprv-load"):
            assert seen(w, kind=kind, priv="VU") == 1
            assert seen(w, kind=kind, priv="VS") == 0
    status = w.csr["mstatus"] & ~(MPRV | MPV | 3 << 11)
    w.vs.flags(w.va, KERNEL)
    w.fence()
    for bits, va, ok in (
        (0, r.DATA, True),
        (MPRV | MPP_S, r.DATA, True),  # satp is Bare
        (MPRV | MPP_S | MPV, r.DATA, False),
        (MPRV | MPP_S | MPV, w.va, True),
        (MPRV | MPV, w.va, False),  # as VU
        (MPRV | 3 << 11 | MPV, r.DATA, True),
        (MPRV | 3 << 11 | MPV, w.va, False),
        (MPP_S | MPV, r.DATA, True),
    ):
        w.csr["mstatus"] = status | bits
        trap = w.rig.execute(LD, mode="M", a1=va + 8)
        assert (trap is None) == ok, (hex(bits), hex(va))


@pytest.mark.parametrize("name", ["menvcfg", "henvcfg"])
def test_O8_pbmte_and_adue_writes(name):
    """Software must fence after these; that they work at once is this machine's choice, and safe."""
    w = guest()
    w.set("menvcfg", 3 << 61)
    w.set("henvcfg", 3 << 61)
    table, va = (w.vs, w.va) if name == "henvcfg" else (w.g, w.data_gpa)
    flags = KERNEL if name == "henvcfg" else USER
    table.flags(va, flags | 1 << 61)
    assert seen(w) == 1
    w.set(name, 1 << 62, False)
    w.fence()
    assert seen(w) == 0
    w.set("menvcfg", 1 << 62)
    w.set("henvcfg", 1 << 62)
    w.fence()
    assert seen(w) == 1


def test_O8_pmp_writes_end_what_is_remembered():
    w = guest()
    assert seen(w) == 1
    w.csr["pmpaddr1"] = (1 << 64) - 1
    w.csr["pmpaddr0"] = (r.DATA | 0x7FF) >> 2
    w.csr["pmpcfg0"] = 0x1F << 8 | 0x18
    assert seen(w) == 0
    w.csr["pmpcfg0"] = 0x1F << 8 | 0x1F
    assert seen(w) == 1


# ---- O9


def test_O9_hlvx_and_load_entries_are_not_shared():
    w = guest()
    for flags, load, hlvx in ((V | X | A | D, 0, 1), (V | R | A | D, 1, 0), (V | R | X | A | D, 1, 1)):
        w.vs.flags(w.va, flags)
        w.fence()
        for _ in range(2):
            assert seen(w, kind="hlvx") == hlvx
            assert seen(w, kind="hlv") == load
            assert seen(w, kind="load") == load


def test_O9_guest_and_satp_translations_of_one_address_are_not_shared():
    w = guest()
    frames = Frames(w.g.frames.next, RAM + r.RAM_SIZE)
    table = Table(w.rig, frames, "sv39")
    table.map(r.CODE, r.CODE, KERNEL)
    table.map(w.va, OTHER, KERNEL)
    w.csr["satp"] = table.atp()
    for _ in range(3):
        w.set("hstatus", SPVP)
        assert w.rig.execute(KINDS["hlv"].word, mode="HS", a1=w.va + 8) is None and w.rig.a0 == 1
        assert w.rig.execute(LD, mode="HS", a1=w.va + 8) is None and w.rig.a0 == 2
        assert seen(w) == 1
        w.rig.store(r.DATA + 16, 0)
        assert w.rig.execute(KINDS["hsv"].word, mode="HS", a1=w.va + 16, a0=5) is None
        assert w.rig.execute(SD, mode="HS", a1=w.va + 16, a0=6) is None
        assert (w.rig.load(r.DATA + 16), w.rig.load(OTHER + 16)) == (5, 6)


@pytest.mark.parametrize("table_of", ["vs", "g"])
def test_O9_a_load_does_not_make_a_page_writable(table_of):
    """A remembered translation knows whether D is set."""
    w = guest()
    w.set("menvcfg", 1 << 61)
    w.set("henvcfg", 1 << 61)
    table, va, flags = (w.vs, w.va, KERNEL) if table_of == "vs" else (w.g, w.data_gpa, USER)
    table.flags(va, flags & ~D)
    w.fence()
    assert seen(w) == 1
    assert not table.pte(va) & D
    assert w.access("store", quiet=False) is None
    assert table.pte(va) & D


# ---- O10


def test_O10_code_is_found_by_physical_address_whatever_the_space():
    """The same virtual pc in two address spaces leads to different code, without FENCE.I."""
    w = guest(asid=1)
    first, second = RAM + 0x5000, RAM + 0x6000
    w.rig.code(0x0010_0513, at=first)  # li a0, 1
    w.rig.code(0x0020_0513, at=second)  # li a0, 2
    other = Table(w.rig, Frames(w.g.frames.next, RAM + r.RAM_SIZE), "sv39", w.offset)
    w.vs.map(w.va, w.gpa(first), KERNEL)
    other.map(w.va, w.gpa(second), KERNEL)
    for _ in range(3):
        for table, asid, expected in ((w.vs, 1, 1), (other, 2, 2)):
            w.csr["vsatp"] = table.atp(asid)
            w.rig.stand("VS", w.va)
            w.rig.step()
            assert w.rig.a0 == expected
    # The G-stage moves it, with another VMID.
    g2 = Table(w.rig, Frames(other.frames.next, RAM + r.RAM_SIZE), "sv39", x4=True)
    for page in range(RAM, RAM + r.RAM_SIZE, 4096):
        g2.map(w.gpa(page), second if page == first else page, USER)
    for table, vmid, expected in ((w.g, 1, 1), (g2, 2, 2)) * 2:
        w.csr["vsatp"], w.csr["hgatp"] = w.vs.atp(1), table.atp(vmid)
        w.rig.stand("VS", w.va)
        w.rig.step()
        assert w.rig.a0 == expected


# ---- the numbers that stand for regimes


def test_contexts_wrap_around_without_mixing_regimes_up():
    """More address spaces than context numbers, visited twice; each sees its own page."""
    w = World("bare", "bare")
    rig = w.rig
    tables = []
    frames = Frames(r.TABLES, RAM + r.RAM_SIZE)
    for n in range(2):
        table = Table(rig, frames, "sv39")
        page = frames.take()
        rig.store(page + 8, 100 + n)
        table.map(r.CODE, r.CODE, KERNEL)
        table.map(0x1234_5000, page, KERNEL)
        tables.append(table)
    rig.code(LD)
    core, csr = rig.machine._core, rig.csr
    rig.hart.x["a1"] = 0x1234_5008
    for n in range(9000):
        csr["satp"] = tables[n & 1].atp(n * 7 & 0xFFFF)
        rig.stand("HS")
        core.run(1)
        assert core.get_x(0, 10) == 100 + (n & 1), n


def test_fences_wrap_around_without_resurrecting_anything():
    """Each fence by ASID gives the regime a new number; an entry from 4093 fences ago must not come back."""
    w = guest()
    for n in range(4200):
        w.rig.stand("M")
        w.rig.code(r.HFENCE_VVMA)
        w.rig.stand("HS")
        w.rig.machine._core.run(1)
        if n == 3:
            assert seen(w) == 1
            move_vs(w)
        elif n > 3 and (n % 500 == 0 or n > 4080):
            assert seen(w) == 2, n


def test_a_page_that_becomes_code_loses_its_write_tag():
    """A store after the page was decoded must be seen, though the translation was remembered as writable before."""
    w = guest("bare", "bare")
    rig = w.rig
    target = RAM + 0x6000
    rig.code(0x0010_0513, 0x0000_8067, at=target)  # li a0, 1; ret
    assert rig.execute(SD, mode="M", a1=target + 0x800, a0=0) is None  # remembered as writable
    for n in (1, 2, 3):
        rig.hart.x["ra"] = r.CODE
        rig.stand("M", target)
        rig.step()
        assert rig.a0 == n
        # sw a0, (a1) of "li a0, n+1"
        assert rig.execute(r.SW, mode="M", a0=(n + 1) << 20 | 0x513, a1=target) is None
