/* Entry of every guest: the boot contract of RISC-V kernels (a0 = hart id, a1 = device tree, S-mode,
 * satp = 0, interrupts off). Later harts enter at secondary_start through SBI HSM hart_start. */
    .section .text.start, "ax"
    .globl _start
_start:
    la      sp, __boot_stack_top
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  la      t0, trap_entry
    csrw    stvec, t0
    call    guest_start
3:  wfi
    j       3b

/* HSM hart_start enters with a0 = hart id and a1 = our opaque value: the top of this hart's stack. */
    .globl secondary_start
secondary_start:
    mv      sp, a1
    la      t0, trap_entry
    csrw    stvec, t0
    call    secondary_main
4:  wfi
    j       4b
