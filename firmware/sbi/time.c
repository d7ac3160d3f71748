/* SBI TIME: the vCPU's timer, which is vstimecmp where the machine has Sstc. */
#include "sbi/sbi.h"

static struct sbi_ret set_timer(struct vcpu *v, const u64 *args)
{
    pmu_count(v, PMU_SET_TIMER);
    vcpu_set_timer(v, args[0]);
    return sbi_ok(0);
}

static const struct sbi_function functions[] = {{"set_timer", 1, set_timer, false}};

const struct sbi_ext sbi_time = {"TIME", 0x54494d45, 0x54494d45, SBI_FUNCTIONS(functions), false};
