/* SBI TIME: the supervisor timer, by Sstc where the hart has it and by the CLINT's mtimecmp otherwise. */
#include "machine.h"

#define MTIMECMP(hart) ((volatile u64 *)(platform.clint + 0x4000 + 8 * (hart)))

/* Also clears a pending timer interrupt: with Sstc, STIP follows stimecmp; without, this hart raised it. */
void timer_set(u64 time)
{
    if (platform.has_sstc) {
        CSR_WRITE(stimecmp, time);
    } else if (platform.clint) {
        *MTIMECMP(this_hart()->id) = time;
        CSR_CLEAR(mip, MIP_STIP);
        CSR_SET(mie, MIP_MTIP);
    }
}

/* Passes the machine timer on; MTIP stays pending until the next timer_set, so it is masked meanwhile. */
void timer_interrupt(void)
{
    CSR_CLEAR(mie, MIP_MTIP);
    CSR_SET(mip, MIP_STIP);
}

static struct sbi_return time_call(u64 function, const u64 *argument)
{
    if (function != 0)
        return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    timer_set(argument[0]);
    return (struct sbi_return){ SBI_SUCCESS, 0 };
}

const struct extension time_extension = { 0x54494d45, 0x54494d45, time_call };
