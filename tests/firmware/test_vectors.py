"""Vector state of VMs: nobody sees another's registers, a vCPU keeps its own wherever it runs, and illegal
instructions stay the guests'."""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

ISA = "max_v_zvl256b"

#: Registers must be zero at first. Then, {rounds} times: all registers become the VM's number plus the round, vl,
#: vtype, vcsr and vstart something too; a while later they must still be so. One round waits in WFI, one spins.
KEEPS = """
    la t0, handler
    csrw stvec, t0
    csrr t0, vstart
    csrr t1, vl
    or t0, t0, t1
    bnez t0, bad
    csrr t0, vtype          # vill
    bgez t0, bad
    vsetvli t0, zero, e64, m8, ta, ma
    vredor.vs v8, v0, v8
    vredor.vs v8, v16, v8
    vredor.vs v8, v24, v8
    vmv.x.s t0, v8
    bnez t0, bad
    li s3, {rounds}
round:
    li s4, {number}
    slli s4, s4, 8
    add s4, s4, s3
    vsetvli t0, zero, e64, m8, tu, mu
    vmv.v.x v0, s4
    vmv.v.x v8, s4
    vmv.v.x v16, s4
    vmv.v.x v24, s4
    li t1, {number}
    vsetvli t0, t1, e16, m2, ta, mu
    csrwi vcsr, {number}
    csrwi vstart, {number}
    rdtime s5
    li t1, {pause}
    add s5, s5, t1
    andi t1, s3, 1
    beqz t1, 2f
    mv a0, s5               # SBI set_timer, then WFI
    li a7, 0x54494D45
    li a6, 0
    ecall
    li t1, 32
    csrs sie, t1
    wfi
2:  rdtime t1
    bltu t1, s5, 2b
    csrr t1, vstart
    li t2, {number}
    bne t1, t2, bad
    csrr t1, vl
    bne t1, t2, bad
    csrr t1, vcsr
    bne t1, t2, bad
    csrr t1, vtype
    li t2, 0x49
    bne t1, t2, bad
    csrw vstart, zero
    la t3, room
    vs8r.v v0, (t3)
    addi t3, t3, {vlen}
    vs8r.v v8, (t3)
    addi t3, t3, {vlen}
    vs8r.v v16, (t3)
    addi t3, t3, {vlen}
    vs8r.v v24, (t3)
    la t3, room
    li t4, {vlen} / 2
3:  ld t5, 0(t3)
    bne t5, s4, bad
    addi t3, t3, 8
    addi t4, t4, -1
    bnez t4, 3b
    addi s3, s3, -1
    bnez s3, round
    li s1, 0
    la s2, good
    j say
bad:
    li s1, 1
    la s2, wrong
say:
1:  lbu a0, 0(s2)
    beqz a0, 2f
    li a7, 1
    ecall
    addi s2, s2, 1
    j 1b
2:  li a7, 0x53525354
    li a6, 0
    li a0, 0
    mv a1, s1
    ecall
3:  j 3b
    .balign 4
handler:
    j bad
good: .asciz "kept\\n"
wrong: .asciz "lost\\n"
    .balign 256
room: .zero 4 * {vlen}
"""


def keeper(tmp_path, number: int, vlen: int) -> str:
    source = KEEPS.format(number=number, vlen=vlen, rounds=24, pause=30_000)
    return guest(tmp_path, f"keep{number}", source)


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
