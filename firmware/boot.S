/* Entry of the hypervisor in HS-mode: a0 = hart id, a1 = device tree (boot hart) or struct hart (others). */
#include "riscv.h"

    .section .text.entry, "ax"
    .globl _start
_start:
    csrw sie, zero
    csrw sscratch, zero
    la t0, trap_entry
    csrw stvec, t0
    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  la tp, harts
    la sp, boot_stack + STACK_SIZE
    tail main

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

    .section .bss
    .balign 16
boot_stack:
    .space STACK_SIZE
