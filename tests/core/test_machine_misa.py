"""misa and the registers that say who made the hart (manual: "Machine ISA (misa) Register", "Machine Vendor ID
(mvendorid) Register" and the three after it, "Machine Configuration Pointer (mconfigptr) Register")."""

import pytest
import rig as r
from rig import ALL, CODE, DATA, Rig, csrr, csrrc, csrrs, csrw

from rvh import Machine

rules = pytest.mark.rules

MUL, DIV, ADD_W = 0x02B50533, 0x02B54533, 0x00B5053B  # mul, div, addw a0, a0, a1
SH1ADD, ANDN, BSET = 0x20B52533, 0x40B57533, 0x28B51533  # a0, a0, a1
C_NOP, FADD_D, HFENCE = 0x0001, 0x02B57553, r.HFENCE_GVMA

#: letter: an instruction of the extension, for those that are one instruction's worth of evidence.
EVIDENCE = {
    "A": (r.AMOADD_W,),
    "B": (SH1ADD, ANDN, BSET),
    "C": (C_NOP,),
    "D": (FADD_D,),
    "F": (r.FADD_S,),
    "H": (HFENCE,),
    "M": (MUL, DIV),
}
FULL = "rv64imafdchsub_zicsr"


def letters(misa: int) -> str:
    return "".join(chr(ord("A") + n) for n in range(26) if misa >> n & 1)


@rules("misa_always_rd", "misa_enc", "misa_mxl_op", "misa_mxl_enc", "misa_sz", "MXLEN", "MISA_CSR_IMPLEMENTED")
@pytest.mark.parametrize("isa", ["max", "rv64i_zicsr", FULL])
def test_mxl_says_64_in_the_two_highest_bits(isa):
    """And XLEN in M-mode is 64: ADDW differs from ADD, and a register holds 64 bits."""
    rig = Rig(isa)
    misa = rig.read("misa", "M")
    assert misa >> 62 == 2
    assert rig.execute(ADD_W, a0=0x7FFF_FFFF, a1=1) is None and rig.a0 == 0xFFFF_FFFF_8000_0000
    assert rig.execute(csrw("mscratch"), csrr("mscratch"), a1=ALL) is None and rig.a0 == ALL


@rules("misa_extensions_enc", "misa_extensions_rst", "misa_extensions_rsv_ret_0")
@pytest.mark.parametrize(
    "isa, expected",
    [
        ("rv64i_zicsr", "I"),
        ("rv64imac_zicsr", "ACIM"),
        ("rv64gc", "ACDFIMSU"),
        ("rv64gcu_zba_zbb", "ACDFIMSU"),
        (FULL, "ABCDFHIMSU"),
        ("rv64imu_zicsr", "IMU"),
    ],
)
def test_one_bit_per_letter_of_what_is_there_from_reset_on(isa, expected):
    misa = Rig(isa, open_gates=False).csr["misa"]
    assert misa & ~(3 << 62) == sum(1 << ord(letter) - ord("A") for letter in expected)


@rules("misa_acc", "MISA_WARL", "misa_mxl_acc", "misa_extensions_op", "MISA_EXTENSIONS_WARL", "misa_e_acc")
@rules("MISA_EXTENSIONS_WRITABLE_BITS")
def test_writes_are_taken_and_change_nothing():
    rig = Rig()
    before = rig.csr["misa"]
    for word, value in ((csrw("misa"), 0), (csrw("misa"), ALL), (csrrs("misa"), ALL), (csrrc("misa"), ALL)):
        assert rig.execute(word, a1=value) is None
        assert rig.read("misa", "M") == before


@rules("misa_i_op", "misa_e_op", "misa_e_not_i", "misa_x_op")
@pytest.mark.parametrize("isa", ["max", "rv64i_zicsr", FULL])
def test_i_and_never_e_or_x(isa):
    assert {"I", "E", "X"} & set(letters(Rig(isa).csr["misa"])) == {"I"}


@rules("misa_b_op", "misa_m_op", "misa_extensions_impl_def")
@pytest.mark.parametrize("letter", EVIDENCE)
@pytest.mark.rules("mul_misa_M_dis", "b_extension_composition")
def test_the_bit_is_set_exactly_where_the_instructions_are(letter):
    for isa in (FULL, f"{FULL}_no-{'zca' if letter == 'C' else letter.lower()}"):
        rig = Rig(isa)
        has = letter in letters(rig.csr["misa"])
        assert has == (isa == FULL)
        for word in EVIDENCE[letter]:
            assert (rig.cause(word, mode="M", a1=DATA) != 2) == has


@rules("misa_c_set")
@pytest.mark.parametrize(
    "isa, c",
    [("rv64i_zicsr", 0), ("rv64ic_zicsr", 1), ("rv64ifdc_zicsr", 1), ("rv64ifd_zca_zicsr", 0), ("rv64gc_no-zca", 0)],
)
def test_c_is_clear_without_zca_and_where_zcd_is_missing(isa, c):
    assert Rig(isa).csr["misa"] >> 2 & 1 == c


@rules("misa_s_op", "misa_u_op", "priv_combs", "priv_levels")
@pytest.mark.parametrize("isa, mpp", [("rv64i_zicsr", [3]), ("rv64iu_zicsr", [0, 3]), ("rv64isu_zicsr", [0, 1, 3])])
def test_s_and_u_stand_for_the_modes_that_a_return_reaches(isa, mpp):
    rig = Rig(isa)
    misa = letters(rig.csr["misa"])
    reached = set()
    for n in range(4):
        rig.csr["mstatus"], rig.csr["mepc"] = n << 11, CODE + 0x40
        assert rig.execute(r.MRET, mode="M") is None
        reached.add(rig.mode)
    assert reached == {"M", *(["U"] if "U" in misa else []), *(["HS"] if "S" in misa else [])}
    assert len(reached) == len(mpp)


# ---- identity

IDS = {
    "mvendorid": ["mvendorid_sz", "mvendorid_acc", "mvendorid_always_rd"],
    "marchid": ["marchid_sz", "marchid_acc", "marchid_always_rd", "ARCH_ID"],
    "mimpid": ["mimpid_always_rd", "IMP_ID"],
    "mconfigptr": ["mconfigptr_sz", "mconfigptr_acc", "mconfigptr_enc", "mconfigptr_align"],
}
ZERO = ["VENDOR_ID_BANK", "VENDOR_ID_OFFSET", "mconfigptr_mandatory", "MCONFIGPTR_VAL"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=rules(*IDS[name])) for name in IDS])
@pytest.mark.parametrize("isa", ["max", "rv64i_zicsr"])
def test_identity_reads_as_zero_on_every_hart_and_cannot_be_written(name, isa):
    """0: no commercial implementation, no configuration structure. It is aligned as any pointer."""
    rig = Rig(isa)
    assert rig.read(name, "M") == 0
    assert rig.execute(csrrs(name), a1=0).cause == 2, "any write, even of no bit"
    assert rig.cause(csrw(name), mode="M") == 2


@rules(*ZERO)
def test_the_values_of_this_machine():
    rig = Rig()
    assert [rig.read(name, "M") for name in ("mvendorid", "mconfigptr")] == [0, 0]


@rules("mhartid_sz", "mhartid_acc", "mhartid_op", "mhartid_always_rd", "mhartid_one_is_zero", "mhartid_unique")
@pytest.mark.parametrize("harts", [1, 3])
def test_each_hart_reads_its_own_number(harts):
    machine = Machine(harts=harts, ram=1 << 20)
    machine.memory.write(CODE, csrr("mhartid").to_bytes(4, "little") + csrw("mhartid").to_bytes(4, "little"))
    machine.start(CODE)
    for n, hart in enumerate(machine.harts):
        hart.csr["mtvec"] = r.M_VECTOR
        hart.step()
        assert hart.x["a0"] == n
        hart.step()
        assert hart.csr["mcause"] == 2 and hart.pc == r.M_VECTOR
