"""What is a test, and where its reference is."""

import pytest
from elf_files import Elf
from suites import htif, reference, signature

from rvh.comply.suite import find, matcher
from rvh.errors import InputError


def names(folder, *paths, **more):
    found = find(paths or [folder], **more)
    return {test.name: None if test.reference is None else test.reference.removeprefix(f"{folder}/") for test in found}


def test_elf_files_at_any_depth(tmp_path):
    htif(tmp_path / "isa" / "rv64ui-p-add")
    htif(tmp_path / "b" / "c" / "deep.elf")
    (tmp_path / "b" / "notes.txt").write_text("\x7fELF")
    (tmp_path / "b" / "object.o").write_bytes(Elf(kind=1).build())
    (tmp_path / "b" / "host").write_bytes(Elf(machine=62).build())
    (tmp_path / "loop").symlink_to(tmp_path)
    assert names(tmp_path) == {"isa/rv64ui-p-add": None, "b/c/deep.elf": None}
    assert names(tmp_path, tmp_path / "isa" / "rv64ui-p-add") == {"rv64ui-p-add": None}


@pytest.mark.parametrize("where", [
    "elf/add.signature", "elf/add.elf.signature", "elf/add.reference_output", "elf/add.signature.output",
    "ref/add.signature", "references/add.reference_output",
])  # fmt: skip
def test_references_beside_and_in_parallel(tmp_path, where):
    signature(tmp_path / "elf" / "add.elf", [1])
    reference(tmp_path / where, [1])
    assert names(tmp_path) == {"elf/add.elf": where}


def test_a_folder_of_references_comes_first(tmp_path):
    signature(tmp_path / "suite" / "I" / "add.elf", [1])
    reference(tmp_path / "suite" / "I" / "add.signature", [1])
    reference(tmp_path / "flat" / "add.signature", [1])
    reference(tmp_path / "tree" / "I" / "add.signature", [1])
    for folder, where in (("flat", "flat/add.signature"), ("tree", "tree/I/add.signature")):
        assert names(tmp_path, tmp_path / "suite", references=str(tmp_path / folder)) == {"I/add.elf": where}


def test_the_work_directory_of_riscof(tmp_path):
    work = tmp_path / "rv64i_m" / "I" / "src" / "add-01.S"
    signature(work / "dut" / "my.elf", [1])
    signature(work / "ref" / "my.elf", [1])
    reference(work / "ref" / "Reference-sail_c_simulator.signature", [1])
    reference(work / "dut" / "DUT-rvh.signature", [2])
    expected = "rv64i_m/I/src/add-01.S/ref/Reference-sail_c_simulator.signature"
    assert names(tmp_path) == {"rv64i_m/I/src/add-01.S": expected}
    assert names(tmp_path, work) == {"add-01.S": expected}


def test_programs_of_the_reference_are_no_tests(tmp_path):
    signature(tmp_path / "build" / "I-add-00.sig.elf", [1])
    htif(tmp_path / "elfs" / "I-add-00.elf")
    assert names(tmp_path) == {"elfs/I-add-00.elf": None}


def test_two_suites_with_one_name(tmp_path):
    one, two = htif(tmp_path / "a" / "t"), htif(tmp_path / "b" / "t")
    assert {test.path for test in find([one.parent, two.parent])} == {str(one), str(two)}


def test_what_cannot_be_found(tmp_path):
    (tmp_path / "text").write_text("no")
    for path, words in ((tmp_path / "absent", "no such file"), (tmp_path / "text", "no RISC-V ELF")):
        with pytest.raises(InputError, match=words):
            find([path])


def test_filters():
    assert matcher([])("anything")
    assert matcher(["add"])("rv64ui-p-addw") and not matcher(["add"])("sub")
    assert matcher(["rv64ui-*"])("rv64ui-p-sub") and not matcher(["rv64ui"])("rv64um-p-mul")
    assert not matcher(["*-p"])("rv64ui-p-sub")
    assert matcher(["x", "sub"])("rv64ui-p-sub")
