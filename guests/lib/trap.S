/* Trap entry on the current stack: saves the interrupted registers as a struct trap_frame, calls
 * trap_handler(frame), restores from the frame it returns (another one to switch threads).
 *
 * U-mode code needs another stack: while U-mode runs, sscratch holds the kernel's stack pointer;
 * while S-mode runs, sscratch is 0. */
#define FRAME_SIZE 288

    .text
    .globl trap_entry
    .balign 4                       /* stvec.BASE is 4-byte aligned, MODE 0 = direct */
trap_entry:
    csrrw   sp, sscratch, sp        /* from U: sp = kernel stack; from S: sp = 0 */
    bnez    sp, 1f
    csrrw   sp, sscratch, sp        /* from S: take the old sp back, sscratch = 0 again */
    addi    sp, sp, -FRAME_SIZE
    sd      t0, 5*8(sp)
    addi    t0, sp, FRAME_SIZE
    j       2f
1:  addi    sp, sp, -FRAME_SIZE
    sd      t0, 5*8(sp)
    csrrw   t0, sscratch, zero      /* t0 = the interrupted sp */
2:  sd      t0, 2*8(sp)
    sd      ra, 1*8(sp)
    sd      gp, 3*8(sp)
    sd      tp, 4*8(sp)
    .irp    n, 6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, \n*8(sp)
    .endr
    csrr    t0, sepc
    csrr    t1, sstatus
    csrr    t2, scause
    csrr    t3, stval
    sd      t0, 32*8(sp)
    sd      t1, 33*8(sp)
    sd      t2, 34*8(sp)
    sd      t3, 35*8(sp)
    mv      a0, sp
    call    trap_handler

    .globl trap_return              /* a0 = frame to resume */
trap_return:
    mv      sp, a0
    ld      t0, 32*8(sp)
    ld      t1, 33*8(sp)
    csrw    sepc, t0
    csrw    sstatus, t1
    andi    t1, t1, 1 << 8          /* sstatus.SPP: 0 = we return to U-mode */
    bnez    t1, 3f
    addi    t0, sp, FRAME_SIZE
    csrw    sscratch, t0
3:  ld      ra, 1*8(sp)
    ld      gp, 3*8(sp)
    ld      tp, 4*8(sp)
    .irp    n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\n, \n*8(sp)
    .endr
    ld      sp, 2*8(sp)
    sret
