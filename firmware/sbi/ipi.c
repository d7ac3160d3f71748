/* SBI IPI: pends the supervisor software interrupt of vCPUs. */
#include "sbi/sbi.h"

static void interrupt(struct vcpu *from, struct vcpu *to, u64 arg)
{
    (void)arg;
    if (to == from) {
        csr_set(hvip, BIT(IRQ_VS_SOFT));
        return;
    }
    pmu_count(from, PMU_IPI_SENT);
    vcpu_raise_soft(to);
}

bool sbi_send_ipi_to(struct vcpu *from, u64 mask, u64 base) { return sbi_each_hart(from, mask, base, interrupt, 0); }

static struct sbi_ret send_ipi(struct vcpu *v, const u64 *args)
{
    return sbi_error(sbi_send_ipi_to(v, args[0], args[1]) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
}

static const struct sbi_function functions[] = {{"send_ipi", 2, send_ipi, false}};

const struct sbi_ext sbi_ipi = {"IPI", 0x735049, 0x735049, SBI_FUNCTIONS(functions), false};
