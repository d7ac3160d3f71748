/* The legacy extensions, ids 0 to 8: one result in a0, hart masks by pointer. */
#include "machine.h"

enum { SET_TIMER, PUTCHAR, GETCHAR, CLEAR_IPI, SEND_IPI, FENCE_I, SFENCE_VMA, SFENCE_VMA_ASID, SHUTDOWN };

/* Loads a doubleword with S-mode's eyes (mstatus.MPRV), as the pointer is one of its virtual addresses.
 * False if the load traps, or is misaligned. MPRV ends before mtvec is given back, so no other code runs
 * with it. */
static bool supervisor_load(const struct frame *frame, u64 address, u64 *value)
{
    u64 done, old, status = CSR_READ(mstatus) & ~(MSTATUS_MPP | MSTATUS_MPV);
    u64 privileges = frame->mstatus & (MSTATUS_MPP | MSTATUS_MPV);
    if (address % 8)
        return false;
    CSR_WRITE(mstatus, status | privileges);
    __asm__ volatile("lla %1, 1f\n csrrw %1, mtvec, %1\n li %0, 0\n csrs mstatus, %4\n ld %2, 0(%3)\n"
                     "li %0, 1\n .balign 4\n 1: csrc mstatus, %4\n csrw mtvec, %1"
                     : "=&r"(done), "=&r"(old), "=&r"(*value)
                     : "r"(address), "r"(MSTATUS_MPRV)
                     : "memory");
    return done != 0;
}

/* Harts by the mask at a pointer in a0; a null pointer means all. */
static bool load_mask(const struct frame *frame, u64 *harts)
{
    u64 mask;
    if (frame->x[A0] == 0)
        return hart_mask(0, -1ul, harts);
    return supervisor_load(frame, frame->x[A0], &mask) && hart_mask(mask, 0, harts);
}

static u64 remote_fence(const struct frame *frame, u64 id)
{
    u64 harts, start = frame->x[A1], size = frame->x[A1 + 1];
    /* FENCE_I, SFENCE_VMA, SFENCE_VMA_ASID are kinds 0, 1, 2 of RFENCE. */
    struct fence f = { id - FENCE_I, start & ~4095ul, size + (start & 4095), frame->x[A1 + 2], 0 };
    if (!load_mask(frame, &harts))
        return (u64)SBI_INVALID_PARAM;
    fence_harts(harts, &f);
    return SBI_SUCCESS;
}

bool sbi_legacy_call(struct frame *frame, u64 *result)
{
    u64 id = frame->x[A7], harts;
    *result = SBI_SUCCESS;
    switch (id) {
    case SET_TIMER: timer_set(frame->x[A0]); return true;
    case PUTCHAR:
        console_lock();
        console_put((char)frame->x[A0]);
        console_unlock();
        return true;
    case GETCHAR: *result = (u64)console_get(); return true;
    case CLEAR_IPI: CSR_CLEAR(mip, MIP_SSIP); return true;
    case SEND_IPI:
        if (load_mask(frame, &harts))
            send_soft_interrupt(harts);
        else
            *result = (u64)SBI_INVALID_PARAM;
        return true;
    case FENCE_I:
    case SFENCE_VMA:
    case SFENCE_VMA_ASID: *result = remote_fence(frame, id); return true;
    case SHUTDOWN: machine_off(true);
    default: return false;
    }
}
