/* u64 probe_call(f, a, b): calls f(a, b) and returns its result. A trap meanwhile ends in probe_return,
 * with sp as it was left in probe_sp: like longjmp out of the trap handler. */
    .text
    .globl probe_call, probe_return
probe_call:
    addi    sp, sp, -112
    sd      ra, 0(sp)
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd      s\n, 8+8*\n(sp)
    .endr
    la      t0, probe_sp
    sd      sp, 0(t0)
    mv      t0, a0
    mv      a0, a1
    mv      a1, a2
    jalr    t0
probe_return:
    ld      ra, 0(sp)
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld      s\n, 8+8*\n(sp)
    .endr
    addi    sp, sp, 112
    ret

/* u64 enter_user(a, b): runs user_code in U-mode with a0 = a, a1 = b; it comes back by a trap only. */
    .globl enter_user
enter_user:
    csrw    sscratch, sp
    la      t0, user_code
    csrw    sepc, t0
    li      t0, 1 << 8              /* sstatus.SPP = U */
    csrc    sstatus, t0
    sret

    .bss
    .balign 8
    .globl probe_sp
probe_sp:
    .space  8
