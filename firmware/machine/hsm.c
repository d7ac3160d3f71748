/* SBI HSM: harts start, stop, sleep and tell their state. */
#include "machine.h"

#define SUSPEND_RETENTIVE 0x00000000u
#define SUSPEND_NON_RETENTIVE 0x80000000u

static bool interrupt_pending(u64 sources) { return (CSR_READ(mip) & CSR_READ(mie) & sources) != 0; }

/* Serves the machine interrupts by polling, as M-mode runs with mstatus.MIE = 0. */
static void serve_machine_interrupts(void)
{
    if (interrupt_pending(MIP_MSIP))
        handle_events();
    if (interrupt_pending(MIP_MTIP))
        timer_interrupt();
}

_Noreturn static void start_supervisor(struct hart *hart)
{
    u64 address = hart->next_address, opaque = hart->next_opaque, mstatus = CSR_READ(mstatus);
    mstatus &= ~(MSTATUS_MPP | MSTATUS_MPV | MSTATUS_MPIE | MSTATUS_SIE | MSTATUS_MPRV);
    CSR_WRITE(mstatus, mstatus | MSTATUS_MPP_S);
    __atomic_store_n(&hart->state, HART_STARTED, __ATOMIC_RELEASE);
    enter_supervisor(hart->id, opaque, address);
}

void hart_wait_for_start(void)
{
    struct hart *hart = this_hart();
    /* No supervisor interrupt may wake or meet a hart that is stopped. */
    CSR_CLEAR(mie, MIP_SUPERVISOR | MIP_MTIP);
    while (__atomic_load_n(&hart->state, __ATOMIC_ACQUIRE) != HART_START_PENDING) {
        __asm__ volatile("wfi");
        serve_machine_interrupts();
    }
    CSR_CLEAR(mip, MIP_SSIP);
    start_supervisor(hart);
}

static struct sbi_return hart_start(u64 id, u64 address, u64 opaque)
{
    u32 stopped = HART_STOPPED;
    if (!hart_exists(id))
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    if (!ram_range(address, 4) || address % 2)
        return (struct sbi_return){ SBI_INVALID_ADDRESS, 0 };
    /* STOP_PENDING is our reservation while the entry point is written; callers see it as "not stopped". */
    struct hart *hart = hart_at(id);
    if (!__atomic_compare_exchange_n(&hart->state, &stopped, HART_STOP_PENDING, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return (struct sbi_return){ SBI_ALREADY_AVAILABLE, 0 };
    hart->next_address = address;
    hart->next_opaque = opaque;
    __atomic_store_n(&hart->state, HART_START_PENDING, __ATOMIC_RELEASE);
    send_event(1ul << id, EVENT_WAKE);
    return (struct sbi_return){ SBI_SUCCESS, 0 };
}

/* Sleeps until an interrupt that S-mode has enabled is pending. */
static struct sbi_return hart_suspend(u32 type, u64 address, u64 opaque)
{
    struct hart *hart = this_hart();
    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE)
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    if (type == SUSPEND_NON_RETENTIVE && (!ram_range(address, 4) || address % 2))
        return (struct sbi_return){ SBI_INVALID_ADDRESS, 0 };
    __atomic_store_n(&hart->state, HART_SUSPENDED, __ATOMIC_RELEASE);
    while (!interrupt_pending(MIP_SUPERVISOR)) {
        __asm__ volatile("wfi");
        serve_machine_interrupts();
    }
    __atomic_store_n(&hart->state, HART_STARTED, __ATOMIC_RELEASE);
    if (type == SUSPEND_NON_RETENTIVE) {
        hart->next_address = address;
        hart->next_opaque = opaque;
        start_supervisor(hart);
    }
    return (struct sbi_return){ SBI_SUCCESS, 0 };
}

static struct sbi_return hart_status(u64 id)
{
    if (!hart_exists(id))
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    return (struct sbi_return){ SBI_SUCCESS, __atomic_load_n(&hart_at(id)->state, __ATOMIC_ACQUIRE) };
}

static struct sbi_return hsm_call(u64 function, const u64 *argument)
{
    switch (function) {
    case 0: return hart_start(argument[0], argument[1], argument[2]);
    case 1:
        __atomic_store_n(&this_hart()->state, HART_STOPPED, __ATOMIC_RELEASE);
        hart_wait_for_start();
    case 2: return hart_status(argument[0]);
    case 3: return hart_suspend((u32)argument[0], argument[1], argument[2]);
    default: return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    }
}

const struct extension hsm_extension = { 0x48534d, 0x48534d, hsm_call };
