"""What henvcfg, menvcfg and senvcfg decide about cache-block operations and page tables: checklist L."""

import pytest
import rig as r
from rig import ALL, Rig

from rvh.emit.asm import AsmError, assemble

PBMTE, ADUE = 1 << 62, 1 << 61
#: 1 GiB of RAM for supervisors, all permissions; the second lacks A and D, the third asks for the NC memory type.
LEAF = r.RAM >> 2
SMODE, NO_AD, NC = LEAF | 0xCF, LEAF | 0x0F, 1 << 61 | LEAF | 0xCF
G_LEAF, G_NO_AD, G_NC = LEAF | 0xDF, LEAF | 0x1F, 1 << 61 | LEAF | 0xDF
VS_ROOT, G_ROOT = r.TABLES, r.TABLES + 0x4000


@pytest.fixture
def rig():
    return Rig()


def vs_stage(rig, pte):
    rig.store(VS_ROOT + 2 * 8, pte)
    rig.csr["vsatp"] = 8 << 60 | VS_ROOT >> 12


def g_stage(rig, pte):
    rig.store(G_ROOT + 2 * 8, pte)
    rig.csr["hgatp"] = 8 << 60 | G_ROOT >> 12


def s_stage(rig, pte):
    rig.store(VS_ROOT + 2 * 8, pte)
    rig.csr["satp"] = 8 << 60 | VS_ROOT >> 12


@pytest.mark.parametrize("cbie", [1, 3])
@pytest.mark.rules(
    "menvcfg_cbie_cbo-inval_op",
    "cbo-inval_op",
    "cmo_invalidate_load_values",
    "cbo-inval_h-mode_op",
    "cbo-inval_s-mode_op",
)
def test_L2_inval_is_flush_without_caches(rig, cbie):
    """Data stored before is there after, whichever CBIE allows it."""
    for name in ("menvcfg", "henvcfg", "senvcfg"):
        rig.csr[name] = cbie << 4
    rig.store(r.DATA, 0x1122_3344_5566_7788)
    for mode in ("M", "HS", "U", "VS", "VU"):
        assert rig.execute(r.CBO_INVAL, mode=mode) is None
        assert rig.load(r.DATA) == 0x1122_3344_5566_7788


@pytest.mark.rules(
    "cbo-zero_op",
    "cbo-zero_unaligned",
    "cbo-zero_specified_block",
    "CACHE_BLOCK_SIZE",
    "no_addr_misaligned_excep",
    "zic64b_cache_block_size",
)
def test_L2_zero_clears_its_block_only(rig):
    for at in range(r.DATA, r.DATA + 192, 8):
        rig.store(at, ALL)
    assert rig.execute(r.CBO_ZERO, mode="VS", a1=r.DATA + 64 + 17) is None
    assert [rig.load(at) for at in range(r.DATA, r.DATA + 192, 8)] == [ALL] * 8 + [0] * 8 + [ALL] * 8


@pytest.mark.parametrize("insn", [r.CBO_INVAL, r.CBO_CLEAN, r.CBO_FLUSH])
@pytest.mark.rules(
    "cbm_access", "cbm_unperm_fault", "cbm_unperm_translate", "cbo-inval_unaligned", "cbo-flush_unaligned"
)
def test_L3_management_needs_a_load_or_a_store_and_faults_as_a_store(rig, insn):
    low = r.TABLES + 0x2000
    rig.store(VS_ROOT + 2 * 8, SMODE)
    rig.store(VS_ROOT, (r.TABLES + 0x1000) >> 2 | 1)
    rig.store(r.TABLES + 0x1000, low >> 2 | 1)
    rig.csr["vsatp"] = 8 << 60 | VS_ROOT >> 12
    page = r.DATA >> 2
    for va, flags, cause in [(0x1000, 0x43, None), (0x2000, 0x47, None), (0x3000, 0, 15), (0x4000, 0x03, 15)]:
        rig.store(low + (va >> 12) * 8, page | flags if flags else 0)  # R with A; R, W with A but not D; invalid; no A
        assert rig.cause(insn, mode="VS", a1=va + 8) == cause, hex(va)
        assert rig.load(low + (va >> 12) * 8) == (page | flags if flags else 0)
    assert rig.csr["mtval"] == 0x4008
    assert rig.cause(insn, mode="M", a1=r.NOWHERE) == 7


@pytest.mark.rules("cbz_access", "cbz_unperm_fault", "cbz_unperm_translate")
def test_L3_zero_is_a_store(rig):
    low = r.TABLES + 0x2000
    rig.store(VS_ROOT + 2 * 8, SMODE)
    rig.store(VS_ROOT, (r.TABLES + 0x1000) >> 2 | 1)
    rig.store(r.TABLES + 0x1000, low >> 2 | 1)
    rig.csr["vsatp"] = 8 << 60 | VS_ROOT >> 12
    for va, flags, cause in [(0x1000, 0x43, 15), (0x2000, 0x47, 15), (0x3000, 0xC7, None)]:
        rig.store(low + (va >> 12) * 8, r.DATA >> 2 | flags)
        assert rig.cause(r.CBO_ZERO, mode="VS", a1=va) == cause, hex(va)


@pytest.mark.parametrize("imm", [0, 1, 3])
@pytest.mark.rules("cbp_unperm_noexcep", "cbp_unperm_translate", "cbp_access")
def test_L3_prefetches_never_trap(rig, imm):
    """PREFETCH.I, .R and .W are ORI to x0."""
    vs_stage(rig, NO_AD | 0xC0)
    before = rig.load(VS_ROOT)
    assert rig.execute(imm << 20 | 11 << 15 | 6 << 12 | 0x13, mode="VS", a1=r.NOWHERE) is None
    assert rig.load(VS_ROOT) == before


@pytest.mark.parametrize("name", ["menvcfg", "henvcfg", "senvcfg"])
@pytest.mark.rules("senvcfg_fiom_sz", "senvcfg_fiom_acc")
def test_L4_fiom_is_writable(rig, name):
    rig.csr[name] = 1
    assert rig.csr[name] & 1
    rig.csr[name] = 0
    assert not rig.csr[name] & 1


@pytest.mark.parametrize("bit, bad, g_bad", [(PBMTE, NC, G_NC), (ADUE, NO_AD, G_NO_AD)])
@pytest.mark.rules("menvcfg_pbmte_op", "menvcfg_adue_op", "henvcfg_op", "henvcfg_pbmte_op", "henvcfg_adue_op")
def test_L5_each_stage_has_its_own_enable(rig, bit, bad, g_bad):
    """menvcfg for HS's satp and for the G-stage, henvcfg for the VS-stage."""
    for m in (0, bit):
        rig.csr["menvcfg"] = m
        s_stage(rig, bad)
        assert rig.cause(r.NOP, mode="HS") == (None if m else 12)
        rig.csr["satp"] = 0
        rig.csr["vsatp"] = 0
        g_stage(rig, g_bad)
        assert rig.cause(r.NOP, mode="VS") == (None if m else 20)
        rig.csr["hgatp"] = 0
        for h in (0, bit):
            rig.csr["henvcfg"] = h
            vs_stage(rig, bad)
            assert rig.cause(r.NOP, mode="VS") == (None if m and h else 12), (m, h)


@pytest.mark.parametrize(
    "extension, bits",
    [
        pytest.param("svpbmt", PBMTE, marks=pytest.mark.rules("henvcfg_pbmte_op")),
        pytest.param("svadu", ADUE, marks=pytest.mark.rules("henvcfg_adue_op")),
        pytest.param("sstc", 1 << 63, marks=pytest.mark.rules("henvcfg_stce")),
        pytest.param("ssdbltrp", 1 << 59, marks=pytest.mark.rules("henvcfg_dte_op")),
        pytest.param("ssnpm", 3 << 32, marks=pytest.mark.rules("henvcfg_pmm_op", "senvcfg_pmm_Ssnpm")),
        pytest.param("zicboz", 1 << 7, marks=pytest.mark.rules("henvcfg_cbze", "senvcfg_cbze")),
        pytest.param("zicbom", 1 << 6, marks=pytest.mark.rules("henvcfg_cbcfe", "senvcfg_cbcfe")),
        pytest.param("zicbom", 3 << 4, marks=pytest.mark.rules("henvcfg_cbie", "senvcfg_cbie")),
    ],
)
def test_L5_fields_of_an_extension_that_is_not_there_are_read_only_zero(extension, bits):
    for isa, there in (("max", True), (f"max_no-{extension}", False)):
        rig = Rig(isa)
        for name in ("menvcfg", "henvcfg", "senvcfg"):
            rig.csr[name] = ALL
        assert bool(rig.csr["henvcfg"] & bits) == there
        if bits < 1 << 59:
            assert bool(rig.csr["senvcfg"] & bits) == there


@pytest.mark.parametrize("bit, bad", [(PBMTE, NC), (ADUE, NO_AD)])
def test_L5_follows_the_stage_not_the_current_mode(rig, bit, bad):
    """HLV in HS-mode and MPRV+MPV in M-mode walk the VS-stage by henvcfg."""
    rig.csr["menvcfg"] = bit
    for h, cause in ((0, 13), (bit, None)):
        rig.csr["henvcfg"] = h
        vs_stage(rig, bad)
        rig.csr["hstatus"] = 1 << 8
        assert rig.cause(r.HLV_W, mode="HS") == cause
        vs_stage(rig, bad)
        rig.csr["mstatus"] = 1 << 17 | 1 << 11 | 1 << 39
        assert rig.cause(r.LW, mode="M") == cause
        rig.csr["mstatus"] = 0


@pytest.mark.rules("menvcfg_pbmte_fence")
def test_L5_pbmte_takes_effect_at_once(rig):
    """More than the manual asks for: it lets software fence."""
    rig.csr["menvcfg"] = rig.csr["henvcfg"] = PBMTE
    vs_stage(rig, NC)
    for h in (PBMTE, 0, PBMTE, 0):
        rig.csr["henvcfg"] = h
        assert rig.cause(r.NOP, mode="VS") == (None if h else 12)
    rig.csr["vsatp"] = 0
    g_stage(rig, G_NC)
    for m in (PBMTE, 0, PBMTE, 0):
        rig.csr["menvcfg"] = m
        assert rig.cause(r.NOP, mode="VS") == (None if m else 20)


@pytest.mark.rules("menvcfg_adue_op")
def test_L5_a_d_bits_are_set_in_memory(rig):
    rig.csr["menvcfg"] = ADUE
    rig.csr["henvcfg"] = ADUE
    vs_stage(rig, NO_AD)
    g_stage(rig, G_NO_AD)
    assert rig.cause(r.LW, mode="VS") is None
    assert rig.load(VS_ROOT + 2 * 8) == NO_AD | 0x40
    assert rig.cause(r.SW, mode="VS") is None
    assert rig.load(VS_ROOT + 2 * 8) == NO_AD | 0xC0
    assert rig.load(G_ROOT + 2 * 8) == G_NO_AD | 0xC0


@pytest.mark.rules("cbp_unperm_translate", "cbp_unperm_noexcep", "cbp_access")
@pytest.mark.parametrize("adue", [0, ADUE])
@pytest.mark.parametrize("imm", [0, 1, 3])
def test_L3_prefetches_neither_need_nor_set_a_and_d(rig, imm, adue):
    rig.csr["menvcfg"] = adue
    low, mid = r.TABLES + 0x2000, r.TABLES + 0x1000
    rig.store(VS_ROOT + 2 * 8, SMODE)
    rig.store(VS_ROOT, mid >> 2 | 1)
    rig.store(mid, low >> 2 | 1)
    rig.csr["satp"] = 8 << 60 | VS_ROOT >> 12
    for flags in (0x0F, 0x09, 0x01, 0):  # no A and D; execute only; a pointer; not valid
        rig.store(low + 8, r.DATA >> 2 | flags)
        assert rig.execute(imm << 20 | 11 << 15 | 6 << 12 | 0x13, mode="HS", a1=0x1000) is None
        assert rig.load(low + 8) == r.DATA >> 2 | flags


@pytest.mark.rules("cbo-clean_offset", "cbo-zero_offset")
@pytest.mark.parametrize("name", ["cbo.clean", "cbo.zero", "cbo.flush", "cbo.inval"])
def test_the_offset_of_a_cache_block_operation_is_left_out_or_0(name):
    assert assemble(f"{name} 0(a1)", 0).data == assemble(f"{name} (a1)", 0).data
    with pytest.raises(AsmError, match="offset"):
        assemble(f"{name} 4(a1)", 0)
