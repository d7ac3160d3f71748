/* SBI RFENCE: FENCE.I and SFENCE.VMA on vCPUs, no wider than asked for: the pages of the range, the ASID. */
#include "sbi/sbi.h"

enum { MAX_ASID = 0xffff };              /* ASIDMAX is 16 bits (manual, satp) */

static void request(struct vcpu *from, struct vcpu *to, u64 arg)
{
    const struct fence *f = (const struct fence *)arg;

    if (to == from) {
        fence_run(f);
        return;
    }
    pmu_count(from, pmu_fence_sent(f->kind));
    vcpu_request(to, f);
}

static void wait(struct vcpu *from, struct vcpu *to, u64 arg)
{
    (void)from, (void)arg;
    vcpu_wait_requests(to);
}

bool sbi_fence(struct vcpu *from, u64 mask, u64 base, const struct fence *f)
{
    /* All are told before the first is waited for. */
    return sbi_each_hart(from, mask, base, request, (u64)f) && sbi_each_hart(from, mask, base, wait, 0);
}

bool sbi_fence_range(struct fence *f, u64 start, u64 size)
{
    f->all = (start == 0 && size == 0) || size == FOREVER;
    if (f->all)
        return true;
    if (size && start + (size - 1) < start)
        return false;
    f->start = ALIGN_DOWN(start, PAGE_SIZE);
    f->pages = size ? (start + (size - 1)) / PAGE_SIZE - start / PAGE_SIZE + 1 : 0;
    return true;
}

static struct sbi_ret fence(struct vcpu *v, const u64 *args, const struct fence *f)
{
    return sbi_error(sbi_fence(v, args[0], args[1], f) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
}

static struct sbi_ret remote_fence_i(struct vcpu *v, const u64 *args)
{
    return fence(v, args, &(struct fence){.kind = FENCE_INSTRUCTIONS});
}

static struct sbi_ret remote_sfence_vma(struct vcpu *v, const u64 *args)
{
    struct fence f = {.kind = FENCE_ADDRESSES};

    return sbi_fence_range(&f, args[2], args[3]) ? fence(v, args, &f) : sbi_error(SBI_ERR_INVALID_ADDRESS);
}

static struct sbi_ret remote_sfence_vma_asid(struct vcpu *v, const u64 *args)
{
    struct fence f = {.kind = FENCE_ASID, .asid = (u32)args[4]};

    if (args[4] > MAX_ASID)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    return sbi_fence_range(&f, args[2], args[3]) ? fence(v, args, &f) : sbi_error(SBI_ERR_INVALID_ADDRESS);
}

/* "Only valid for harts implementing hypervisor extension", which vCPUs do not. */
static struct sbi_ret not_here(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_error(SBI_ERR_NOT_SUPPORTED);
}

static const struct sbi_function functions[] = {
    {"remote_fence_i", 2, remote_fence_i, false},
    {"remote_sfence_vma", 4, remote_sfence_vma, false},
    {"remote_sfence_vma_asid", 5, remote_sfence_vma_asid, false},
    {"remote_hfence_gvma_vmid", 5, not_here, false},
    {"remote_hfence_gvma", 4, not_here, false},
    {"remote_hfence_vvma_asid", 5, not_here, false},
    {"remote_hfence_vvma", 4, not_here, false},
};

const struct sbi_ext sbi_rfence = {"RFENCE", 0x52464e43, 0x52464e43, SBI_FUNCTIONS(functions), false};
