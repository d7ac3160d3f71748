"""Guests that use vectors: one notices when another one's state, or none, comes back to it, one accesses a device."""

from __future__ import annotations

from pathlib import Path

from vmrig import SAY_AND_STOP, guest

#: Registers must be zero at first. Then, {rounds} times: all registers become the VM's number plus the round, vl,
#: vtype, vcsr, vstart and fcsr something too; a while later they must still be so. One round waits in WFI, one spins.
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
    csrwi fcsr, {number}
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
    csrr t1, fcsr
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


def keeper(folder: Path, number: int, vlen: int) -> str:
    """Writes the guest with this number, from 1 to 7 (vxsat and vxrm hold it), for a VLEN; returns its path. It prints
    "kept" or "lost"."""
    source = KEEPS.format(number=number, vlen=vlen, rounds=24, pause=30_000)
    return guest(folder, f"keep{number}", source)


#: Each access must end in a fault of that cause and element, at the address of mtimecmp, which is a1 bytes after a0 in
#: RAM; then scalar ones must work.
TO_DEVICE = (
    """
    la t0, handler
    csrw stvec, t0
    la a0, room
    li a2, 0x02004000
    sub a1, a2, a0
    li s1, 0
    li s10, 0
    vsetivli zero, 2, e64, m1, ta, ma
    vmv.v.i v1, -1
    vid.v v2
    vmul.vx v2, v2, a1      # offsets 0, A1
{checks}
    ld t0, 0(a2)            # the scalar ones go on
    li s10, 99
    sd t0, 0(a2)
    la s2, done
    j print
failed:
    li s1, 1
    j wrong
    .balign 4
handler:
    csrr s3, scause
    csrr s4, stval
    csrr s5, vstart
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
print:
"""
    + SAY_AND_STOP.replace("la s2, text", "nop")
    + """
wrong:
    la s2, text
    addi s10, s10, 48
    sb s10, 0(s2)
    j print
text: .asciz "? went wrong\\n"
done: .asciz "done\\n"
    .balign 8
room: .dword 0x1122334455667788
"""
)
CHECK = """
    li s10, {number}
    li s3, 0
    {insn}
    li t0, {cause}
    bne s3, t0, failed
    bne s4, a2, failed
    li t0, {element}
    bne s5, t0, failed
    csrw vstart, zero
"""
ACCESSES = [
    ("vle64.v v1, (a2)", 5, 0),
    ("vse8.v v1, (a2)", 7, 0),
    ("vle32ff.v v1, (a2)", 5, 0),
    ("vl1re64.v v1, (a2)", 5, 0),
    ("vs1r.v v1, (a2)", 7, 0),
    ("vlse64.v v1, (a0), a1", 5, 1),
    ("vsse64.v v1, (a0), a1", 7, 1),
    ("vluxei64.v v1, (a0), v2", 5, 1),
    ("vsoxei64.v v1, (a0), v2", 7, 1),
]


def intruder(folder: Path, name: str) -> str:
    """Writes the guest that tries all of `ACCESSES`; returns its path. It prints "done", or the number of the access
    that went wrong."""
    checks = "".join(
        CHECK.format(number=number, insn=insn, cause=cause, element=element)
        for number, (insn, cause, element) in enumerate(ACCESSES, start=1)
    )
    return guest(folder, name, TO_DEVICE.format(checks=checks))
