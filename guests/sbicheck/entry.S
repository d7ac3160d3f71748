/* Where harts arrive from the SBI: what it has set is recorded before it is used. */
    .text
    .macro record
    sd      a0, 8(a1)
    sd      a1, 16(a1)
    csrr    t0, satp
    sd      t0, 24(a1)
    csrr    t0, sstatus
    sd      t0, 32(a1)
    la      t0, trap_entry
    csrw    stvec, t0
    csrw    sscratch, zero
    ld      sp, 0(a1)
    .endm

    .globl arrive_first
    .balign 4
arrive_first:
    record
    mv      a0, a1
    call    other_main
1:  wfi
    j       1b

/* long sleep_call(u64 extension, u64 function, u64 type, struct arrival *arrival) */
    .globl sleep_call
sleep_call:
    addi    sp, sp, -112
    sd      ra, 0(sp)
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd      s\n, 8+\n*8(sp)
    .endr
    sd      sp, 0(a3)
    mv      a7, a0
    mv      a6, a1
    mv      a0, a2
    la      a1, 1f
    mv      a2, a3
    ecall
    j       2f
    .balign 4
1:  record
    li      a0, 1
2:  ld      ra, 0(sp)
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld      s\n, 8+\n*8(sp)
    .endr
    addi    sp, sp, 112
    ret
