/* SBI RFENCE: FENCE.I and SFENCE.VMA on other vCPUs. An address range is widened to the VMID (and ASID). */
#include "sbi/sbi.h"

struct order { u32 request, asid; };

static void request(struct vcpu *target, u64 arg)
{
    const struct order *order = (const struct order *)arg;

    vcpu_request(target, order->request, order->asid);
}

static void wait(struct vcpu *target, u64 arg)
{
    (void)arg;
    vcpu_wait_requests(target);
}

bool sbi_fence(struct vm *vm, u64 mask, u64 base, u32 request_bits, u32 asid)
{
    struct order order = {request_bits, asid};

    /* All are told before the first is waited for. The caller, outside the guest, fences on its way in. */
    return sbi_each_hart(vm, mask, base, request, (u64)&order) &&
           sbi_each_hart(vm, mask, base, wait, 0);
}

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    /* remote FENCE.I, SFENCE.VMA, SFENCE.VMA with ASID; the HFENCEs need an H extension, which guests lack */
    static const u32 requests[] = {REQ_FENCE_I, REQ_FENCE_VVMA, REQ_FENCE_ASID};

    if (fid >= ARRAY_LEN(requests))
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    bool ok = sbi_fence(v->vm, args[0], args[1], requests[fid], (u32)args[4]);
    return (struct sbi_ret){ok ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM, 0};
}

const struct sbi_ext sbi_rfence = {"RFENCE", 0x52464e43, 0x52464e43, false, call};
