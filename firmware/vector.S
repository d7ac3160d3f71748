/* Vector registers to and from memory. Loads and stores of whole registers need no vtype, but begin at vstart. */
#include "riscv.h"

    .option arch, +v
    .section .text
    .globl vector_save, vector_restore
/* void vector_save(struct vector_state *) */
vector_save:
    csrr t0, vstart
    csrr t1, vl
    csrr t2, vtype
    csrr t3, vcsr
    sd t0, VECTOR_VSTART(a0)
    sd t1, VECTOR_VL(a0)
    sd t2, VECTOR_VTYPE(a0)
    sd t3, VECTOR_VCSR(a0)
    csrw vstart, zero
    csrr t0, vlenb
    slli t0, t0, 3
    ld a1, VECTOR_REGISTERS(a0)
    .irp n, 0, 8, 16, 24
    vs8r.v v\n, (a1)
    add a1, a1, t0
    .endr
    ld t0, VECTOR_VSTART(a0)
    csrw vstart, t0
    ret

/* void vector_restore(const struct vector_state *) */
vector_restore:
    csrw vstart, zero
    csrr t0, vlenb
    slli t0, t0, 3
    ld a1, VECTOR_REGISTERS(a0)
    .irp n, 0, 8, 16, 24
    vl8re8.v v\n, (a1)
    add a1, a1, t0
    .endr
    ld t0, VECTOR_VSTART(a0)
    ld t1, VECTOR_VL(a0)
    ld t2, VECTOR_VTYPE(a0)
    ld t3, VECTOR_VCSR(a0)
    vsetvl zero, t1, t2
    csrw vcsr, t3
    csrw vstart, t0
    ret
