# Entry, way out, and the door between M-mode and the mode that a program measures.
    .option arch, +h
    .section .text.start
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, park
    la      sp, __stack_top
    la      t0, unexpected
    csrw    mtvec, t0
    la      t0, __bss_start
    la      t1, __bss_end
1:  sd      zero, 0(t0)
    addi    t0, t0, 8
    bltu    t0, t1, 1b
    li      t0, 3 << 13                 # mstatus.FS: dirty
    csrs    mstatus, t0
    csrw    fcsr, zero
    li      t0, -1                      # PMP entry 0: all of memory, RWX, NAPOT
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    call    main
    j       finish

# A trap where none belongs: its cause becomes the exit code.
    .balign 4
unexpected:
    csrr    a0, mcause
    andi    a0, a0, 0x3f
    addi    a0, a0, 64

# void finish(code): ends the run through HTIF, else through the test finisher. A store to the finisher on a
# machine without one traps to park, where HTIF finds us.
    .globl  finish
finish:
    la      t0, park
    csrw    mtvec, t0
    slli    t1, a0, 1
    ori     t1, t1, 1
    la      t0, tohost
    sd      t1, 0(t0)
    fence
    li      t0, 0x100000
    li      t1, 0x5555
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, 0x3333
    or      t1, t1, t2
1:  sw      t1, 0(t0)
    .balign 4
park:
    j       park

# int peek(const volatile uint8_t *address): the byte there, or -1 if reading it traps.
    .globl  peek
peek:
    la      t0, 1f
    csrrw   t1, mtvec, t0
    mv      t2, a0
    li      a0, -1
    lbu     a0, 0(t2)
    .balign 4
1:  csrw    mtvec, t1
    ret

# uint64_t run_below(uint64_t (*function)(void), uint64_t mode): calls the function in S-mode (mode 0) or
# VS-mode (mode 1) and returns its result. The function comes back by ebreak. VS-mode is entered by way of
# HS-mode's sret, as a hypervisor does, not through mstatus.MPV.
    .globl  run_below
run_below:
    addi    sp, sp, -112
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    sd      s9, 80(sp)
    sd      s10, 88(sp)
    sd      s11, 96(sp)
    la      t0, saved_sp
    sd      sp, 0(t0)
    la      t0, leave
    csrw    mtvec, t0
    li      t0, 3 << 11                 # mstatus.MPP = S
    csrc    mstatus, t0
    li      t0, 1 << 11
    csrs    mstatus, t0
    la      t0, below
    csrw    mepc, t0
    mret
below:
    beqz    a1, 2f
    li      t0, 1 << 8                  # sstatus.SPP = S, hstatus.SPV = 1: sret goes to VS-mode
    csrs    sstatus, t0
    li      t0, 1 << 7
    csrs    hstatus, t0
    la      t0, 2f
    csrw    sepc, t0
    sret
2:  jalr    a0
    ebreak

# M-mode trap handler during a run below. An ecall from S-mode goes straight back behind it: the round trip
# that `traps` measures. An ebreak ends the run; its a0 is the result of run_below.
    .balign 4
leave:
    csrrw   t0, mscratch, t0
    csrr    t0, mcause
    addi    t0, t0, -9
    bnez    t0, 3f
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    csrrw   t0, mscratch, t0
    mret
3:  addi    t0, t0, 9 - 3
    bnez    t0, unexpected
    la      t0, unexpected
    csrw    mtvec, t0
    la      sp, saved_sp
    ld      sp, 0(sp)
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    addi    sp, sp, 112
    ret

# HS-mode trap handler for `exits`: the whole register file saved and restored around an ecall from VS-mode,
# as on a hypervisor's shortest path.
    .balign 4
    .globl  hs_exit
hs_exit:
    csrrw   sp, sscratch, sp
    .irp    n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, 8*\n(sp)
    .endr
    csrr    t0, sscratch
    sd      t0, 16(sp)
    csrr    t0, scause
    li      t1, 10
    bne     t0, t1, 5f
    csrr    t0, sepc
    csrr    t1, sstatus
    csrr    t2, hstatus
    addi    t0, t0, 4
    csrw    sepc, t0
    csrw    sstatus, t1
    csrw    hstatus, t2
    ld      t0, 80(sp)
    addi    t0, t0, 1                   # the call's answer: a0 + 1
    sd      t0, 80(sp)
    csrw    sscratch, sp
    .irp    n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\n, 8*\n(sp)
    .endr
    ld      sp, 16(sp)
    sret
5:  li      a0, -1                      # any other trap: the run ends as failed
    ebreak

    .bss
    .balign 8
saved_sp:
    .space  8

    .section .tohost, "aw", @progbits
    .balign 64
    .globl  tohost
tohost:
    .dword  0
    .balign 64
    .globl  fromhost
fromhost:
    .dword  0
