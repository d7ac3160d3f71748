/* SBI SRST: a VM powers itself off, well or not, or restarts. */
#include "sbi/sbi.h"

enum { SHUTDOWN = 0, WARM_REBOOT = 2, SYSTEM_FAILURE = 1 };

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    u32 type = (u32)args[0], reason = (u32)args[1];

    if (fid != 0)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    if (type > WARM_REBOOT || reason > SYSTEM_FAILURE)
        return (struct sbi_ret){SBI_ERR_INVALID_PARAM, 0};
    if (type != SHUTDOWN)
        vm_restart(v->vm);
    else if (reason == SYSTEM_FAILURE)
        vm_stop(v->vm, VM_FAILED, "it reports a system failure");
    else
        vm_stop(v->vm, VM_OFF, "it powered off");
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

const struct sbi_ext sbi_srst = {"SRST", 0x53525354, 0x53525354, false, call};
