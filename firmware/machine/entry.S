/* Reset entry of all harts (a0 = hart id, a1 = device tree), the M-mode trap entry, and the way out to
 * S-mode. */
#define MAX_HARTS   64
#define HART_STACK  4096
#define HART_SIZE   64              /* room for struct hart at the top of each stack */
#define FRAME_SIZE  272

    .section .text.start, "ax"
    .globl _start
_start:
    csrw    mie, zero
    li      t0, MAX_HARTS
    bgeu    a0, t0, park            /* no stack for it */
    la      sp, hart_stacks
    addi    t1, a0, 1
    slli    t1, t1, 12
    add     sp, sp, t1
    addi    sp, sp, -HART_SIZE
    csrw    mscratch, sp
    la      t0, trap_entry
    csrw    mtvec, t0

    /* The first hart to come clears .bss and reads the device tree; the others wait for it. */
    la      t0, lottery
    li      t1, 1
    amoadd.w t1, t1, (t0)
    bnez    t1, 2f
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 3f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
3:  mv      s0, a0
    mv      s1, a1
    mv      a0, a1
    call    platform_init
    mv      a0, s0
    mv      a1, s1
    la      t0, platform_ready
    li      t1, 1
    fence   rw, w
    sw      t1, 0(t0)
    j       4f
2:  la      t0, platform_ready
5:  lw      t1, 0(t0)
    beqz    t1, 5b
    fence   r, rw
4:  call    hart_main
park:
    wfi
    j       park

    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   sp, mscratch, sp        /* sp = struct hart = top of the M stack, mscratch = interrupted sp */
    addi    sp, sp, -FRAME_SIZE
    sd      x1, 1*8(sp)
    .irp    n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, \n*8(sp)
    .endr
    addi    t0, sp, FRAME_SIZE
    csrrw   t0, mscratch, t0
    sd      t0, 2*8(sp)
    csrr    t0, mepc
    csrr    t1, mstatus
    sd      t0, 32*8(sp)
    sd      t1, 33*8(sp)
    mv      a0, sp
    call    machine_trap
    ld      t0, 32*8(sp)
    ld      t1, 33*8(sp)
    csrw    mepc, t0
    csrw    mstatus, t1
    ld      x1, 1*8(sp)
    .irp    n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\n, \n*8(sp)
    .endr
    ld      sp, 2*8(sp)
    mret

    /* SBI HSM: a hart starts with satp = 0 and sstatus.SIE = 0, all other registers undefined; they
     * are cleared so that nothing of M-mode leaks. */
    .globl enter_supervisor
enter_supervisor:
    csrw    mepc, a2
    csrw    satp, zero
    csrw    stvec, zero
    csrw    sscratch, zero
    csrci   mstatus, 2
    fence.i
    .irp    n, 1,2,3,4,5,6,7,8,9,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    li      x\n, 0
    .endr
    mret

    .data
    .balign 4
lottery:
    .word   0
platform_ready:
    .word   0

    .section .stacks, "aw", @nobits
    .balign 4096
    .globl hart_stacks
hart_stacks:
    .space  MAX_HARTS * HART_STACK
