/* SBI SRST: the end of the machine, by the test finisher. */
#include "machine.h"

static struct sbi_return srst_call(u64 function, const u64 *argument)
{
    u32 type = (u32)argument[0], reason = (u32)argument[1];
    if (function != 0)
        return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    if (type > 2 || reason > 1)
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    if (type == 0)
        machine_off(reason == 0);
    machine_reboot();
}

const struct extension srst_extension = { 0x53525354, 0x53525354, srst_call };
