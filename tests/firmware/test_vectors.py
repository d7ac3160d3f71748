"""Vector state of VMs: nobody sees another's registers, a vCPU keeps its own wherever it runs, and illegal
instructions stay the guests'."""

from __future__ import annotations

import re

import pytest
from vector_guests import ACCESSES, intruder, keeper
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

from rvh.emit.asm import assemble

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

ISA = "max_v_zvl256b"


@pytest.mark.parametrize(("harts", "vlen"), [(1, 256), (2, 128), (1, 1024)])
def test_every_vm_keeps_its_own(tmp_path, harts, vlen):
    """Three VMs, each many times in the middle of the others' turns."""
    kernels = {f"vm{n}": keeper(tmp_path, n, vlen) for n in (1, 2, 3)}
    result = run_vms(kernels, harts=harts, isa=f"max_v_zvl{vlen}b")
    assert [result.of(label) for label in kernels] == [["kept"]] * 3, result.text
    assert result.stop.kind == "pass"


HAS_NOT = """
    la t0, handler
    csrw stvec, t0
    li s1, 1
first: {text}
    j say
    .balign 4
handler:
    csrr t0, scause
    li t1, 2
    bne t0, t1, say
    csrr t0, sepc
    la t1, first
    bne t0, t1, say
    li s1, 0
    j say
""" + SAY_AND_STOP + 'text: .asciz "done\\n"\n'  # fmt: skip


@pytest.mark.parametrize(
    ("isa", "text"),
    [
        (None, "vsetivli zero, 1, e8, m1, ta, ma"),  # the machine has none
        (ISA, ".word 0x0000007f"),  # nobody has it
        (ISA, "vadd.vv v1, v2, v3"),  # vtype is vill
        (ISA, "csrr t0, 0x5ff"),
    ],
)
def test_illegal_instructions_reach_the_guest(tmp_path, isa, text):
    """As they do without vectors."""
    options = {} if isa is None else {"isa": isa}
    result = run_vms({"vm": guest(tmp_path, "illegal", HAS_NOT.format(text=text))}, **options)
    assert result.of("vm") == ["done"] and result.stop.kind == "pass", result.text


def test_off_is_off_for_the_guest(tmp_path):
    """With its own sstatus.VS off the guest gets the illegal instruction, as its own lazy switch wants it."""
    off = "li t0, 0x600; csrc sstatus, t0\nfirst: vsetivli zero, 1, e8, m1, ta, ma"
    source = HAS_NOT.replace("first: {text}", off)
    result = run_vms({"vm": guest(tmp_path, "off", source)}, isa=ISA)
    assert result.of("vm") == ["done"] and result.stop.kind == "pass", result.text


@pytest.mark.parametrize("transformed", [True, False], ids=["htinst", "fetch"])
def test_a_vector_access_to_a_device_is_an_access_fault_of_its_element(tmp_path, transformed):
    """The guest goes on, and what has happened is said once for each VM."""
    kernels = {name: intruder(tmp_path, name) for name in ("one", "two")}
    result = run_vms(kernels, isa=ISA, transformed=transformed)
    assert result.of("one") == result.of("two") == ["done"] and result.stop.kind == "pass", result.text
    told = re.findall(r"^(\w+): (.*only scalar.*)", "\n".join(result.of("hv")), re.M)
    word = int.from_bytes(assemble(ACCESSES[0][0]).data, "little")
    assert sorted(name for name, _ in told) == ["one", "two"]
    for _, words in told:
        assert re.fullmatch(
            rf"vcpu 0: load access fault at pc 0x802000[0-9a-f]+: the instruction {word:#x} accesses the device at gpa "
            "0x2004000, and only scalar loads, stores and AMOs are emulated",
            words,
        )
