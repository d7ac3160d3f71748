/* SBI IPI: pends the supervisor software interrupt of other vCPUs. */
#include "sbi/sbi.h"

void sbi_send_soft(struct vcpu *target, u64 unused)
{
    (void)unused;
    vcpu_raise_soft(target);
}

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    if (fid != 0)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    bool ok = sbi_each_hart(v->vm, args[0], args[1], sbi_send_soft, 0);
    return (struct sbi_ret){ok ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM, 0};
}

const struct sbi_ext sbi_ipi = {"IPI", 0x735049, 0x735049, false, call};
