"""menvcfg and mseccfg: which fields there are for which extensions (manual: "Machine Environment Configuration
(menvcfg) Register", "Machine Security Configuration (mseccfg) Register"). What they decide is in test_csr_envcfg.py,
test_csr_access.py, test_pointer_masking.py and test_smepmp.py."""

import pytest
import rig as r
from rig import ALL, RAM, TABLES, Rig

rules = pytest.mark.rules

FIOM, CBIE, CBCFE, CBZE, PMM, DTE, CDE, ADUE, PBMTE, STCE = (
    1, 3 << 4, 1 << 6, 1 << 7, 3 << 32, 1 << 59, 1 << 60, 1 << 61, 1 << 62, 1 << 63,
)  # fmt: skip
PLAIN = "rv64gch"
FIELDS = [
    ("zicbom", CBIE, "menvcfg_cbie_rdonly0"),
    ("zicbom", CBCFE, "menvcfg_cbcfe_rdonly0"),
    ("zicboz", CBZE, "menvcfg_cbze_rdonly0"),
    ("smnpm", PMM, "menvcfg_pmm_rdonly0"),
    ("svadu", ADUE, "menvcfg_adue_rdonly0"),
    ("svpbmt", PBMTE, "menvcfg_pbmte_rdonly0"),
    ("sstc", STCE, "menvcfg_stce_rdonly0"),
    ("ssdbltrp", DTE, "menvcfg_dte_op"),
]


@pytest.mark.parametrize(
    "extension, field", [pytest.param(name, bits, marks=rules(rule)) for name, bits, rule in FIELDS]
)
def test_each_field_is_there_with_its_extension_alone(extension, field):
    for isa, expected in ((PLAIN, 0), (f"{PLAIN}_{extension}", field)):
        rig = Rig(isa)
        rig.write("menvcfg", "M", ALL)
        assert rig.read("menvcfg", "M") & field == expected
        rig.write("menvcfg", "M", 0)
        assert rig.read("menvcfg", "M") & field == 0


@rules("menvcfg_cde_rdonly0", "menvcfg_enc", "menvcfg_no_U_mode", "MENVCFG_FIOM_RDONLY0_OK")
@pytest.mark.parametrize("isa", ["rv64iu_zicsr", "rv64isu_zicsr", PLAIN])
def test_without_any_of_them_there_is_fiom_alone(isa):
    """FIOM can be written even where the manual would let it be zero."""
    rig = Rig(isa)
    rig.write("menvcfg", "M", ALL)
    assert rig.read("menvcfg", "M") == FIOM


@rules("menvcfg_adue_fence", "menvcfg_adue_op")
def test_clearing_adue_and_a_fence_bring_back_the_faults():
    rig = Rig()
    rig.csr["menvcfg"] = ADUE
    rig.csr["satp"] = 8 << 60 | TABLES >> 12
    rig.store(TABLES + 2 * 8, RAM >> 2 | 0x4F)  # V, R, W, X, A and no D
    assert rig.cause(r.LW, mode="HS") is None
    rig.csr["menvcfg"] = 0
    assert rig.execute(r.SFENCE_VMA, mode="M") is None
    assert rig.cause(r.SW, mode="HS") == 15
    assert rig.load(TABLES + 2 * 8) == RAM >> 2 | 0x4F
    rig.csr["menvcfg"] = ADUE
    assert rig.execute(r.SFENCE_VMA, mode="M") is None
    assert rig.cause(r.SW, mode="HS") is None
    assert rig.load(TABLES + 2 * 8) == RAM >> 2 | 0xCF


@rules("menvcfg_op")
@pytest.mark.parametrize(
    "word, bits", [(r.CBO_INVAL, CBIE), (r.CBO_CLEAN, CBCFE), (r.CBO_FLUSH, CBCFE), (r.CBO_ZERO, CBZE)]
)
def test_the_cache_block_fields_say_nothing_about_m_mode(word, bits):
    rig = Rig()
    for name in ("henvcfg", "senvcfg"):
        rig.csr[name] = 0xF0
    for menvcfg in (0, bits):
        rig.csr["menvcfg"] = menvcfg
        assert rig.cause(word, mode="M") is None
        assert rig.cause(word, mode="U") == (None if menvcfg else 2)


@rules("mseccfg_enc", "mseccfg_rlb_presence", "mseccfg_mmwp_presence", "mseccfg_mml_presence", "mseccfg_pmm_presence")
@rules("mseccfg_mlpe_presence", "mseccfg_presence", "mseccfg_sz", "mseccfg_acc", "mseccfg_pmm_rdonly0")
@pytest.mark.parametrize(
    "isa, fields",
    [
        ("rv64gc_smepmp", 7),
        ("rv64gc_smmpm", PMM),
        ("rv64gc_smepmp_smmpm", PMM | 7),
        ("rv64gc_zicfilp", 1 << 10),
        ("rv64gc", None),
    ],
)
def test_mseccfg_has_the_fields_of_the_extensions_that_are_there(isa, fields):
    rig = Rig(isa)
    if fields is None:
        assert rig.cause(r.csrr("mseccfg"), mode="M") == rig.cause(r.csrw(0x747), mode="M") == 2
        return
    rig.csr["pmpaddr1"], rig.csr["pmpaddr0"] = RAM + (1 << 19) >> 2 | (1 << 16) - 1, RAM >> 2 | (1 << 16) - 1
    rig.csr["pmpcfg0"] = 0x9F9D  # code in RAM's first half for M-mode, with MML too
    if fields & 7:
        rig.csr["pmpcfg0"] = 0x9D
    rig.csr["mseccfg"] = ALL
    assert rig.csr["mseccfg"] | 4 == fields | 4
