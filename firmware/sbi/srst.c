/* SBI SRST: a VM powers itself off, well or not, or restarts. */
#include "sbi/sbi.h"

enum { SHUTDOWN = 0, COLD_REBOOT = 1, WARM_REBOOT = 2, NO_REASON = 0, SYSTEM_FAILURE = 1 };

static struct sbi_ret system_reset(struct vcpu *v, const u64 *args)
{
    u32 type = (u32)args[0], reason = (u32)args[1];

    if (type > WARM_REBOOT || reason > SYSTEM_FAILURE)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (type != SHUTDOWN)
        vm_restart(v->vm);
    else if (reason == SYSTEM_FAILURE)
        vm_stop(v->vm, VM_FAILED, "it reports a system failure");
    else
        vm_stop(v->vm, VM_OFF, "it powered off");
    return sbi_ok(0);
}

static const struct sbi_function functions[] = {{"system_reset", 2, system_reset, true}};

const struct sbi_ext sbi_srst = {"SRST", 0x53525354, 0x53525354, SBI_FUNCTIONS(functions), false};
