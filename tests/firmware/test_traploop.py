"""A guest that traps for ever inside its own trap handler is told from guests that only look like it."""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

#: Sv39 with the first four gigapages 1:1 and nothing else; then the trap.
PAGING = """
    la t0, handler
    csrw stvec, t0
    la t0, root
    li t1, 0xcf
    li t2, 0x10000000
    li t3, 4
1:  sd t1, 0(t0)
    add t1, t1, t2
    addi t0, t0, 8
    addi t3, t3, -1
    bnez t3, 1b
    la t0, root
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t5, 0x4000000000     # nothing is mapped there
"""
ROOT = "    .balign 4096\nroot: .zero 4096\n"
TEXT = 'text: .asciz "fine\\n"\n'
FINE = "    csrw satp, zero\n    li s1, 0\n    j say\n"

LOOPS = {
    "store page fault": ("sd t0, 0(t5)", ".balign 4\nhandler:\n nop\n sd t0, 8(t5)\n sret\n"),
    "load page fault": ("ld t0, 0(t5)", ".balign 4\nhandler:\n nop\n ld t0, 8(t5)\n sret\n"),
    # The way of a kernel whose sscratch is 0 in S-mode: the stack pointer changes places with it.
    "store page fault, sp swapped": (
        "mv sp, t5\n addi t0, t5, 64\n csrw sscratch, t0\n sd t0, 0(t5)",
        ".balign 4\nhandler:\n csrrw sp, sscratch, sp\n sd t0, 8(t5)\n sret\n",
    ),
    "illegal instruction": (".word 0", ".balign 4\nhandler:\n nop\n .word 0\n sret\n"),
    "breakpoint": ("ebreak", ".balign 4\nhandler:\n nop\n nop\n ebreak\n sret\n"),
}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("what", LOOPS)
def test_a_trap_loop_is_found(tmp_path, what, alone):
    trap, handler = LOOPS[what]
    source = f"{PAGING}\n    {trap}\n1: j 1b\n{handler}{SAY_AND_STOP}{TEXT}{ROOT}"
    kernels = {"loop": guest(tmp_path, "loop", source)}
    if not alone:
        kernels["good"] = guest(tmp_path, "good", "1:  j 1b\n")
    done = run_vms(kernels, max_insns=1_000_000_000)
    report = " ".join(line for line in done.of("hv") if line.startswith("loop: stopped"))
    assert "its trap handler traps for ever" in report and what.split(",")[0] in report, done.text
    assert done.stop.kind == ("fail" if alone else "limit")


WAIT = """
    rdtime s0
    li t0, 3000000          # 0.3 s
    add s0, s0, t0
"""
INNOCENT = {
    # Looks at one address for so many times, from a handler that never returns: only a register tells the turns apart.
    "counts": "    li s0, 50000000\nagain:\n    addi s0, s0, -1\n    beqz s0, over\n    ld t1, 0(t5)\n"
    + ".balign 4\nhandler:\n    j again\nover:\n"
    + FINE,
    # One fault, and then a long computation with interrupts off, still in the handler.
    "computes in its handler": WAIT
    + "    sd t0, 0(t5)\n.balign 4\nhandler:\n1:  rdtime t0\n    bltu t0, s0, 1b\n"
    + FINE,
    # Faults again and again at one place, each time returning from the handler, until time is up.
    "retries": WAIT
    + "2:  sd t0, 0(t5)\n"
    + FINE
    + ".balign 4\nhandler:\n    rdtime t0\n    bltu t0, s0, 3f\n    la t1, "
    + "over\n    csrw sepc, t1\n3:  li t0, 0\n    sret\nover:\n"
    + FINE,
    # Probes addresses from a handler that never returns: no SRET, but another address each time.
    "probes": WAIT
    + "probe:\n    rdtime t0\n    bgeu t0, s0, over\n    li t0, 0\n    addi t5, t5, 8\n    ld t1, 0(t5)\n"
    + ".balign 4\nhandler:\n    j probe\nover:\n"
    + FINE,
}


@pytest.mark.parametrize("what", INNOCENT)
def test_what_only_looks_like_a_trap_loop_is_left_alone(tmp_path, what):
    source = PAGING + INNOCENT[what] + SAY_AND_STOP + TEXT + ROOT
    done = run_vms({"guest": guest(tmp_path, "guest", source)}, max_insns=1_000_000_000)
    assert done.of("guest") == ["fine"] and done.stop.kind == "pass", done.text
