/* Entry of the hypervisor in HS-mode: a0 = hart id, a1 = device tree (boot hart) or struct hart (others). */
#include "riscv.h"

    .section .text.entry, "ax"
    .globl _start
_start:
    csrw sie, zero
    csrw sscratch, zero
    la t0, trap_entry
    csrw stvec, t0
    la t0, boot_claimed
    li t1, 1
    amoswap.w.aqrl t1, t1, (t0)
    bnez t1, late_hart
    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  la tp, harts
    la sp, boot_stack + STACK_SIZE
    tail main

/* One hart boots. Firmware may send the others here too: all at once, or, as OpenSBI before 1.3 at times does, in
   answer to hart_start (it tells the hart to go before it has noted where). They wait until they have a stack. */
late_hart:
    la t0, harts_may_run
1:  lw t1, 0(t0)
    beqz t1, 1b
    fence r, rw
    la tp, harts
    li t1, HART_SIZE
    li t2, HART_MAX
2:  ld t0, HART_ID(tp)
    beq t0, a0, 3f
    add tp, tp, t1
    addi t2, t2, -1
    bnez t2, 2b
park:
    wfi
    j park
3:  ld sp, HART_STACK_TOP(tp)
    beqz sp, park
    tail secondary_main

/* SBI HSM hart_start comes here with satp = 0 and SIE = 0 (SBI, chapter HSM). */
    .globl secondary_start
secondary_start:
    csrw sie, zero
    csrw sscratch, zero
    la t0, trap_entry
    csrw stvec, t0
    mv tp, a1
    ld sp, HART_STACK_TOP(tp)
    tail secondary_main

    .section .data
    .balign 4
boot_claimed:
    .word 0
    .globl harts_may_run
harts_may_run:
    .word 0

    .section .bss
    .balign 16
boot_stack:
    .space STACK_SIZE
