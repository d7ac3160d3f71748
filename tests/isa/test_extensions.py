"""ISA strings, both ways."""

import pytest

from rvh import Machine
from rvh.isa import INSNS
from rvh.isa.extensions import (
    BIT,
    DEFAULT,
    EXTENSIONS,
    PROFILES,
    VECTOR,
    IsaError,
    closure,
    from_bits,
    holds,
    isa_list,
    isa_string,
    misa,
    parse,
    to_bits,
)


def test_g_and_letters():
    letters = closure({"I", "M", "A", "F", "D", "C", "Zicsr", "Zifencei"})
    assert parse("rv64gc") == letters | {"S", "U", "Sv39", "Sv48", "Sv57", "Zicntr", "Zihpm"}
    assert parse("rv64imafdc_zicsr_zifencei") == letters
    assert parse("RV64IMA") == {"I", "M", "A"}


@pytest.mark.rules("H_vm_supported")
def test_h_needs_supervisor_mode_and_page_tables():
    assert {"H", "S", "U", "Zicsr", "Sv39"} <= parse("rv64imach")
    assert {"Sv39", "H"}.isdisjoint(parse("max_no-sv39"))


@pytest.mark.rules(
    "Svnapot_depends_Sv39", "Svpbmt_depends_Sv39", "Sv48_requires_Sv39", "Sv57_requires_Sv48", "Sv39_sxlen"
)
def test_kinds_of_page_tables_build_on_sv39():
    for name in ("svnapot", "svpbmt", "sv48", "sv57"):
        assert {"Sv39", "S"} <= parse(f"rv64imac_{name}")
    assert "Sv48" in parse("rv64imac_sv57")
    assert {"Svnapot", "Svpbmt", "Sv48", "Sv57"}.isdisjoint(parse("max_no-sv39"))


@pytest.mark.rules("f_depends_zicsr", "hpm_counter_op_sz_mode_dependency")
@pytest.mark.parametrize("isa", ["rv64if", "rv64i_zihpm"])
def test_what_is_in_csrs_brings_their_instructions(isa):
    assert "Zicsr" in parse(isa)


def test_multi_letter_names():
    assert parse("rv64i_zba_zbb") == {"I", "Zba", "Zbb"}
    assert parse("rv64izba_zbb") == {"I", "Zba", "Zbb"}
    assert parse("rv64gcb") >= {"Zba", "Zbb", "Zbs"}


@pytest.mark.rules(
    "Zvknhb_impZvknha",
    "Zvknhb_depZve64x", "Zvkn_depZve64x", "Zvknc_depZve64x", "Zvkng_depZve64x",
    "Zvkb_depZve32x", "Zvkg_depZve32x", "Zvkned_depZve32x", "Zvknha_depZve32x", "Zvksed_depZve32x", "Zvksh_depZve32x",
    "Zvks_depZve32x", "Zvksc_depZve32x", "Zvksg_depZve32x", "Zvkt_depZve32x", "Zvbb_dependent_Zve32x",
    "veccrypto_indepZkt", "Zvbc_dependent_Zve64x",
)  # fmt: skip
def test_vector_cryptography():
    parts = {"Zvkned", "Zvknha", "Zvknhb", "Zvksed", "Zvksh", "Zvkb", "Zvkg", "Zvbc"}
    everything = parse("rv64gc_zvkng_zvksc")
    assert everything == parse("rv64gc_zve64x") | parts
    listed = isa_list(everything)
    assert [name for name in listed if name.startswith("zvk")] == (
        "zvkb zvkg zvkn zvknc zvkned zvkng zvknha zvknhb zvks zvksc zvksed zvksg zvksh zvkt".split()
    )
    assert parse("_".join(["rv64gc", *(name for name in listed if name.startswith("zv"))])) == everything
    assert "zvkt" not in isa_list(parse("rv64gc"))
    assert parse("rv64i_zvbb") == {"I", "Zvbb", "Zvkb", "Zve32x", "Zvl32b", "Zicsr"}
    for name in ("zvkb", "zvkg", "zvkned", "zvknha", "zvksed", "zvksh", "zvks", "zvksg"):
        assert "Zve32x" in parse(f"rv64i_{name}") and "Zve64x" not in parse(f"rv64i_{name}")
    for name in ("zvbc", "zvknhb", "zvkn", "zvknc", "zvkng", "zvksc"):
        assert "Zve64x" in parse(f"rv64i_{name}")
    assert parse("rv64i_zvknhb") >= {"Zvknha"}
    assert parse("rv64gc_zvkng_no-zvkg") == parse("rv64gc_zvkn")
    assert "zvkn" not in isa_list(parse("rv64gc_zvkng_no-zvkb")), "a set without a part is not the set"
    for text in ("rv64gc_zvkn_no-zvkn", "rv64gc_zvkt"):
        with pytest.raises(IsaError, match="Zvkned, Zvknhb, Zvkb|Zvkt does not hold without Zve32x"):
            parse(text)


def test_profiles():
    assert {"Zicbom", "Zihintpause", "Sv39", "Svpbmt"} <= parse("rva22s64")
    assert "H" not in parse("rva22s64")
    assert "H" in parse("rva22s64_h")
    assert "S" not in parse("rva22u64")


@pytest.mark.rules("Zve32f_Zve64x_dependent_Zve32x", "Zve32x_dependent_Zicsr")
def test_vectors_come_on_request_with_a_vlen():
    assert not VECTOR & DEFAULT
    assert parse("rv64i_zve64x") == {"I", "Zicsr", "Zve64x", "Zve32x", "Zvl64b", "Zvl32b"}
    assert parse("max_zve32x_zvl512b") - DEFAULT == {"Zve32x", "Zvl32b", "Zvl64b", "Zvl128b", "Zvl256b", "Zvl512b"}


@pytest.mark.rules("V_dependent_Zvl128b_Zve64d", "V_dependent_F_D", "Zve64d_dependent_Zve64f",
                   "Zve64f_dependent_Zve32f_Zve64x", "Zve32f_dependent_F", "Zvfhmin_dependent_Zve32f",
                   "Zvfh_dependent_Zve32f_Zfhmin", "Zve64f_dependent_F", "Vf_requrires_Vx", "misa_v_op")  # fmt: skip
def test_v():
    assert parse("rv64gcv") - parse("rv64gc") == {"V", "Zvl32b", "Zvl64b", "Zvl128b",
                                                  "Zve32f", "Zve32x", "Zve64d", "Zve64f", "Zve64x"}  # fmt: skip
    assert parse("rv64i_zvfh") >= {"Zve32f", "F", "Zfhmin", "Zvfhmin"} and "V" not in parse("rv64i_zvfh")
    assert "F" in parse("rv64i_zve32f") and "F" in parse("rv64i_zve64f") and "D" not in parse("rv64i_zve64f")
    assert {"F", "D"} <= parse("rv64i_zve64d") and not {"F", "D"} & parse("rv64i_zve64x")
    assert misa(parse("rv64gcv")) ^ misa(parse("rv64gc")) == 1 << 21
    assert isa_string(parse("rv64gcvh")).startswith("rv64imafdcvh_")


@pytest.mark.rules("Vf_requrires_Vx", "Zve64f_dependent_F")
def test_elements_of_a_format_need_its_scalars():
    for name, formats in (("zve32f", "F"), ("zve64f", "F"), ("zve64d", "FD"), ("v", "FD")):
        assert {format_ for format_ in "FD" if format_ in parse(f"rv64i_{name}")} == set(formats)
    floating = {"Zve32f", "Zve64f", "Zve64d", "Zvfh", "V"}
    for text, left in (
        ("rv64gcv_zvfh_no-f", set()), ("rv64gcv_zvfh_no-d", {"Zve32f", "Zve64f", "Zvfh"}),
        ("rv64gcv_zvfh_no-zfhmin", {"Zve32f", "Zve64f", "Zve64d", "V"})):  # fmt: skip
        assert parse(text) & floating == left


@pytest.mark.rules("zvfbfmin_depends_zve32f", "zvfbfwma_depends")
def test_vectors_of_bfloat16():
    assert "Zve32f" in parse("rv64i_zvfbfmin") and "Zve64x" not in parse("rv64i_zvfbfmin")
    assert parse("rv64i_zvfbfwma") >= {"Zvfbfmin", "Zfbfmin", "Zve32f", "F"}
    for part in ("zvfbfmin", "zfbfmin", "zve32f", "f"):
        assert "Zvfbfwma" not in parse(f"rv64i_zvfbfwma_no-{part}")


#: The mandatory extensions ("RVA20 Profiles", "RVA22 Profiles", "RVA23 Profiles"), but for the versions of the
#: privileged architecture.
RVA20U64 = set("M A F D C Zicsr Zicntr Ziccif Ziccrse Ziccamoa Za128rs Zicclsm".split())
RVA22U64 = RVA20U64 - {"Za128rs"} | set(
    "Za64rs Zba Zbb Zbs Zihpm Zihintpause Zic64b Zicbom Zicbop Zicboz Zfhmin Zkt".split()
)
RVA23U64 = RVA22U64 | set("V Zvfhmin Zvbb Zvkt Zihintntl Zicond Zimop Zcmop Zcb Zfa Zawrs Supm".split())
RVA20S = set("Zifencei Svbare Sv39 Svade Ssccptr Sstvecd Sstvala".split())
RVA22S = RVA20S | {"Sscounterenw", "Svpbmt", "Svinval"}
SHA = set("H Ssstateen Shcounterenw Shvstvala Shtvala Shvstvecd Shvsatpa Shgatpa".split())
RVA23S = RVA22S | set("Svnapot Sstc Sscofpmf Ssnpm Ssu64xl Sha".split()) | SHA
MANDATORY = {
    "rva20u64": RVA20U64, "rva20s64": RVA20U64 | RVA20S, "rva20": RVA20U64 | RVA20S,
    "rva22u64": RVA22U64, "rva22s64": RVA22U64 | RVA22S, "rva22": RVA22U64 | RVA22S,
    "rva23u64": RVA23U64, "rva23s64": RVA23U64 | RVA23S, "rva23": RVA23U64 | RVA23S,
    "rv64gc": set("M A F D C Zicsr Zifencei".split()),
}  # fmt: skip


@pytest.mark.parametrize("profile", MANDATORY)
def test_a_profile_has_what_is_mandatory_and_little_else(profile):
    names = parse(profile)
    for name in MANDATORY[profile]:
        assert name in names or name not in BIT and holds(name, names), name
    listed = set(isa_list(names))
    assert {name.lower() for name in MANDATORY[profile] if name != "Sv39"} <= listed
    if profile != "rv64gc":
        # Beyond it: what the mandatory ones imply, and modes.
        assert names - MANDATORY[profile] <= closure(
            MANDATORY[profile] & set(BIT)
            | {"I", "U", "Zifencei", "Smnpm"}
            | ({"S"} if profile != "rva23u64" and not profile.endswith("u64") else set())
        )


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_profile_can_be_extended_and_cut(profile):
    assert parse(f"{profile}_zacas") == parse(profile) | {"Zacas"}
    assert parse(f"{profile}_no-c") == parse(profile) - {"C"}
    machine = Machine(ram=1 << 20, isa=profile)
    assert machine.extensions == parse(profile)
    assert ("S" in machine.extensions) == (not profile.endswith("u64"))


def test_an_unknown_profile_is_told_from_those_there_are():
    with pytest.raises(IsaError, match="rva25s64.*rva22s64.*rva23s64"):
        parse("rva25s64")


def test_without():
    assert parse("max_no-zba") == DEFAULT - {"Zba"}
    assert parse("rv64gc_no-f") == parse("rv64gc") - {"F", "D", "Zcd"}, "D goes with F, and its loads and stores in C"
    assert parse("rv64gc_no-zcd") == parse("rv64gc") - {"C", "Zcd"}, "C without a part is not C"
    assert parse("rv64gc_no-d_no-zcd") == parse("rv64gc") - {"D", "Zcd"}
    assert "Sha" not in parse("max_no-h")


@pytest.mark.parametrize("text", ["", "rv64", "rv32imac", "rv64mac", "rv64gcq", "rv64gc_zfoo", "rv64gc_no-i", "gc"])
def test_refused(text):
    with pytest.raises(IsaError, match="ISA"):
        parse(text)


def test_bits_round_trip():
    assert from_bits(to_bits(DEFAULT)) == DEFAULT
    assert len(set(BIT.values())) == len(EXTENSIONS) <= 128


def test_misa():
    assert misa(parse("rv64gc")) == (2 << 62) | 0x112D | 1 << 18 | 1 << 20
    assert misa(parse("rv64gch_zba_zbb_zbs")) == (2 << 62) | 0x112D | 1 << 7 | 1 << 18 | 1 << 20 | 1 << 1


def test_isa_string_is_canonical():
    text = isa_string(parse("max"))
    assert text.startswith("rv64imafdch_zic64b_zicbom_")
    assert parse(text) | {"S", "U"} == parse("max") - {"Sv48", "Sv57"}
    assert isa_list(parse("rv64imc_zicsr")) == ["i", "m", "c", "ziccif", "zicsr", "zca"]


def test_statements_are_listed_where_they_hold_and_cannot_be_left_out():
    assert "svvptc" in isa_list(parse("rv64gc")) and "svvptc" not in isa_list(parse("rv64imac"))
    assert "ziccamoc" in isa_list(parse("rv64gc_zacas")) and "ziccamoc" not in isa_list(parse("rv64gc"))
    assert parse("rv64gc_sstvala_ziccif") == parse("rv64gc")
    for text in ("max_no-svvptc", "rv64imac_svvptc", "rv64gc_ziccamoc"):
        with pytest.raises(IsaError, match="Svvptc|svvptc|Ziccamoc"):
            parse(text)


@pytest.mark.parametrize("name", ["Zama16b", "Zkr", "Zk", "Smrnmi", "Smcsrind", "Sscsrind", "Smcdeleg", "Ssccfg"])
def test_the_device_tree_names_what_is_on(name):
    """And only that: each can be left out."""

    def listed(isa: str) -> list[str]:
        cpu = Machine(ram=1 << 20, isa=isa).device_tree().find("/cpus/cpu@0")
        assert cpu is not None
        assert cpu.string("riscv,isa") == isa_string(parse(isa))
        return cpu.strings("riscv,isa-extensions")

    assert name.lower() in listed(f"max_{name.lower()}")
    assert name.lower() not in listed(f"max_no-{name.lower()}")
    assert name.lower() in listed(f"rv64gch_{name.lower()}")
    assert name.lower() not in listed("rv64gch")


@pytest.mark.rules("sspm_definition", "supm_definition")
def test_pointer_masking_of_a_mode_is_stated_where_the_mode_above_controls_it():
    for isa, there in (("max", {"sspm", "supm"}), ("max_no-smnpm", {"supm"}), ("max_no-ssnpm", {"sspm"})):
        assert {"sspm", "supm"} & set(isa_list(parse(isa))) == there


def test_definitions_name_known_extensions():
    for insn in INSNS.values():
        for group in insn.ext:
            assert group <= set(EXTENSIONS), insn.name
