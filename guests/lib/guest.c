/* Start of the C world, and the weak defaults that a guest may replace. */
#include "guest.h"
#include "lock.h"

void guest_start(u64 hart, const void *dtb)
{
    if (!fdt_valid(dtb))
        power_off(false);
    console_init(dtb);
    power_off(guest_main(hart, dtb));
}

void unexpected_trap(const struct trap_frame *f)
{
    fail("unexpected trap: scause 0x%lx, sepc 0x%lx, stval 0x%lx", f->scause, f->sepc, f->stval);
}

__attribute__((weak)) struct trap_frame *trap_handler(struct trap_frame *frame)
{
    unexpected_trap(frame);
}

__attribute__((weak)) void secondary_main(u64 hart)
{
    fail("hart %lu was started by mistake", hart);
}

__attribute__((weak)) void spin_wait(unsigned turn)
{
    (void)turn;
    cpu_relax();
}
