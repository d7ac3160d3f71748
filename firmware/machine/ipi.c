/* Events between harts, carried by the CLINT's software interrupts, and SBI IPI on top of them. */
#include "machine.h"

#define MSIP(hart) ((volatile u32 *)(platform.clint + 4 * (hart)))

/* Expands an SBI hart mask (base -1: all harts); false if it names a hart that does not exist. */
bool hart_mask(u64 mask, u64 base, u64 *harts)
{
    if (base == -1ul) {
        *harts = platform.harts;
        return true;
    }
    if (base >= MAX_HARTS)
        return false;
    *harts = mask << base;
    return *harts >> base == mask && (*harts & ~platform.harts) == 0;
}

void send_event(u64 harts, u32 event)
{
    for (u64 id = 0; id < MAX_HARTS; id++)
        if (harts >> id & 1) {
            __atomic_fetch_or(&hart_at(id)->events, event, __ATOMIC_RELEASE);
            __asm__ volatile("fence rw, o" : : : "memory");
            *MSIP(id) = 1;
        }
}

/* Supervisor software interrupts to harts that run; a stopped hart has nothing to interrupt. */
void send_soft_interrupt(u64 harts)
{
    u64 running = 0;
    for (u64 id = 0; id < MAX_HARTS; id++) {
        u32 state = (harts >> id & 1) ? __atomic_load_n(&hart_at(id)->state, __ATOMIC_ACQUIRE) : HART_STOPPED;
        if (state == HART_STARTED || state == HART_SUSPENDED)
            running |= 1ul << id;
    }
    send_event(running, EVENT_SOFT);
}

/* Takes this hart's events. MSIP is cleared first: an event sent after that raises it again. */
void handle_events(void)
{
    struct hart *hart = this_hart();
    if (!platform.clint)
        return;
    *MSIP(hart->id) = 0;
    __asm__ volatile("fence o, rw" : : : "memory");
    u32 events = __atomic_exchange_n(&hart->events, 0, __ATOMIC_ACQUIRE);
    if (events & EVENT_SOFT)
        CSR_SET(mip, MIP_SSIP);
    if (events & EVENT_FENCE)
        fence_serve();
}

static struct sbi_return ipi_call(u64 function, const u64 *argument)
{
    u64 harts;
    if (function != 0)
        return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    if (!hart_mask(argument[0], argument[1], &harts))
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    send_soft_interrupt(harts);
    return (struct sbi_return){ SBI_SUCCESS, 0 };
}

const struct extension ipi_extension = { 0x735049, 0x735049, ipi_call };
