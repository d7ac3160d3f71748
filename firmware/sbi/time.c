/* SBI TIME: the vCPU's timer, which is vstimecmp where the machine has Sstc. */
#include "sbi/sbi.h"

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    if (fid != 0)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    vcpu_set_timer(v, args[0]);
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

const struct sbi_ext sbi_time = {"TIME", 0x54494d45, 0x54494d45, false, call};
