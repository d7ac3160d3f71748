/* The world switch, the one trap entry of HS-mode, and accesses that may trap ("guarded"). */
#include "riscv.h"

    .section .text
/* Guest registers other than zero (x0) and a0 (x10), which carries the struct vcpu itself. */
    .macro each_guest_register op
    .irp n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \op x\n, VCPU_X(\n)(a0)
    .endr
    .endm

    .macro each_callee_saved op
    \op ra, 0(sp)
    \op s0, 8(sp)
    \op s1, 16(sp)
    \op s2, 24(sp)
    \op s3, 32(sp)
    \op s4, 40(sp)
    \op s5, 48(sp)
    \op s6, 56(sp)
    \op s7, 64(sp)
    \op s8, 72(sp)
    \op s9, 80(sp)
    \op s10, 88(sp)
    \op s11, 96(sp)
    .endm

/* void vcpu_enter(struct vcpu *): runs the guest and returns at its next exit.
   sscratch is the vcpu while a guest runs and 0 while the hypervisor does. */
    .globl vcpu_enter
vcpu_enter:
    addi sp, sp, -112
    each_callee_saved sd
    sd sp, VCPU_HOST_SP(a0)
    sd tp, VCPU_HOST_TP(a0)
    ld t0, VCPU_PC(a0)
    ld t1, VCPU_SSTATUS(a0)
    ld t2, VCPU_HSTATUS(a0)
    csrw sepc, t0
    csrw sstatus, t1
    csrw hstatus, t2
    csrw sscratch, a0
    .option push
    .option norvc
    .option norelax
    ld t0, VCPU_MEASURED(a0)
    beqz t0, 2f
    ld t1, VCPU_CYCLES(a0)
    ld t2, VCPU_INSNS(a0)
    sub t1, t1, t0
    sub t2, t2, t0
1:  csrr t3, cycle
    csrr t4, instret
    sub t1, t1, t3
    sub t2, t2, t4
    sd t1, VCPU_CYCLES(a0)
    sd t2, VCPU_INSNS(a0)
2:  each_guest_register ld
    ld a0, VCPU_X(10)(a0)
    sret
3:
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw a0, sscratch, a0
    beqz a0, hs_trap
    each_guest_register sd
    csrrw t0, sscratch, zero
    sd t0, VCPU_X(10)(a0)
    ld t0, VCPU_MEASURED(a0)
    beqz t0, 5f
4:  csrr t3, cycle
    csrr t4, instret
    ld t1, VCPU_CYCLES(a0)
    ld t2, VCPU_INSNS(a0)
    add t1, t1, t3
    add t2, t2, t4
    sd t1, VCPU_CYCLES(a0)
    sd t2, VCPU_INSNS(a0)
5:  .option pop

/* Instructions from one reading of a counter to the other that are not the guest's. */
    .pushsection .rodata
    .globl world_switch_length
    .balign 8
world_switch_length:
    .dword ((3b - 1b) + (4b - trap_entry)) / 4
    .popsection

    csrr t0, sepc
    csrr t1, sstatus
    csrr t2, hstatus
    csrr t3, scause
    csrr t4, stval
    csrr t5, htval
    csrr t6, htinst
    sd t0, VCPU_PC(a0)
    sd t1, VCPU_SSTATUS(a0)
    sd t2, VCPU_HSTATUS(a0)
    sd t3, VCPU_SCAUSE(a0)
    sd t4, VCPU_STVAL(a0)
    sd t5, VCPU_HTVAL(a0)
    sd t6, VCPU_HTINST(a0)
    ld sp, VCPU_HOST_SP(a0)
    ld tp, VCPU_HOST_TP(a0)
    each_callee_saved ld
    addi sp, sp, 112
    ret

/* HS-mode runs with SIE = 0, so only an exception comes here: a guarded access, or a bug. */
hs_trap:
    csrrw a0, sscratch, a0
    ld t0, HART_GUARD(tp)
    beqz t0, 1f
    csrw sepc, t0
    li t0, HSTATUS_SPV_BIT
    csrc hstatus, t0
    sret
1:  csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    tail hs_panic

/* int NAME(u64 address, u64 *value): 0, or the scause of the trap. Stores take *value, the rest replace it. */
    .macro guarded name, insn:vararg
    .globl \name
\name:
    la t0, 1f
    sd t0, HART_GUARD(tp)
    ld t1, 0(a1)
    \insn
    sd zero, HART_GUARD(tp)
    sd t1, 0(a1)
    li a0, 0
    ret
1:  sd zero, HART_GUARD(tp)
    csrr a0, scause
    ret
    .endm

    guarded guest_fetch16, hlvx.hu t1, (a0)
    guarded guest_load8,   hlv.bu t1, (a0)
    guarded guest_load16,  hlv.hu t1, (a0)
    guarded guest_load32,  hlv.wu t1, (a0)
    guarded guest_load64,  hlv.d t1, (a0)
    guarded guest_store8,  hsv.b t1, (a0)
    guarded guest_store16, hsv.h t1, (a0)
    guarded guest_store32, hsv.w t1, (a0)
    guarded probe_hgatp,     csrr t1, hgatp
    guarded probe_henvcfg,   csrr t1, henvcfg
    guarded probe_hstateen0, csrr t1, hstateen0
    guarded probe_stimecmp,  csrr t1, stimecmp
    guarded probe_time,      csrr t1, time
    guarded probe_cycle,     csrr t1, cycle
    guarded probe_instret,   csrr t1, instret
    guarded probe_vlenb,     csrr t1, 0xc22

/* void fp_save(struct vcpu *), void fp_restore(struct vcpu *): need sstatus.FS != Off. */
    .option push
    .option arch, +f, +d
    .globl fp_save, fp_restore
fp_save:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, VCPU_F(\n)(a0)
    .endr
    frcsr t0
    sd t0, VCPU_FCSR(a0)
    ret
fp_restore:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, VCPU_F(\n)(a0)
    .endr
    ld t0, VCPU_FCSR(a0)
    fscsr t0
    ret
    .option pop
