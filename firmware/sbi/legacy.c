/* SBI legacy extensions 0..8: older kernels, and the simplest console there is. */
#include "sbi/sbi.h"

enum { ALL = -1 };

/* Hart masks are passed by a guest-virtual pointer, 0 meaning all. False: reading it trapped, and the guest
   got the trap. */
static bool read_mask(struct vcpu *v, u64 gva, u64 *mask, u64 *base)
{
    *base = gva ? 0 : (u64)ALL;
    int trap = gva ? guest_load64(gva, mask) : 0;

    if (!trap)
        return true;
    u64 cause = trap == CAUSE_LOAD_GUEST_PAGE ? CAUSE_LOAD_ACCESS : (u64)trap;
    v->pc -= 4;                          /* the trap is that of the ECALL itself */
    vcpu_inject(v, cause, gva);
    return false;
}

static i64 set_timer(struct vcpu *v, const u64 *args)
{
    vcpu_set_timer(v, args[0]);
    return 0;
}

static i64 putchar(struct vcpu *v, const u64 *args)
{
    char c = (char)args[0];

    console_guest_write(v->vm, &c, 1);
    return 0;
}

static i64 getchar(struct vcpu *v, const u64 *args)
{
    (void)args;
    spin_lock(&v->vm->lock);
    int c = vm_input_take(v->vm);
    vuart_update(v->vm);
    spin_unlock(&v->vm->lock);
    return c;
}

static i64 clear_ipi(struct vcpu *v, const u64 *args)
{
    (void)args;
    u64 was = csr_read(hvip) & BIT(IRQ_VS_SOFT);
    csr_clear(hvip, BIT(IRQ_VS_SOFT));
    return __atomic_exchange_n(&v->soft_pending, 0, __ATOMIC_ACQ_REL) || was;
}

static i64 send_ipi(struct vcpu *v, const u64 *args)
{
    u64 mask = 0, base;

    if (!read_mask(v, args[0], &mask, &base))
        return SBI_NO_ANSWER;
    return sbi_each_hart(v->vm, mask, base, sbi_send_soft, 0) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
}

static i64 fence(struct vcpu *v, const u64 *args, u32 request, u32 asid)
{
    u64 mask = 0, base;

    if (!read_mask(v, args[0], &mask, &base))
        return SBI_NO_ANSWER;
    return sbi_fence(v->vm, mask, base, request, asid) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
}

static i64 fence_i_all(struct vcpu *v, const u64 *args) { return fence(v, args, REQ_FENCE_I, 0); }
static i64 sfence_vma(struct vcpu *v, const u64 *args) { return fence(v, args, REQ_FENCE_VVMA, 0); }

static i64 sfence_vma_asid(struct vcpu *v, const u64 *args)
{
    return fence(v, args, REQ_FENCE_ASID, (u32)args[3]);
}

static i64 shutdown(struct vcpu *v, const u64 *args)
{
    (void)args;
    vm_stop(v->vm, VM_OFF, "it powered off");
    return 0;
}

static struct sbi_ret call(struct vcpu *v, u64 id, const u64 *args)
{
    static i64 (*const functions[])(struct vcpu *, const u64 *) = {
        set_timer, putchar, getchar, clear_ipi, send_ipi, fence_i_all, sfence_vma, sfence_vma_asid, shutdown,
    };

    return (struct sbi_ret){functions[id](v, args), 0};
}

const struct sbi_ext sbi_legacy = {"legacy", 0, 8, true, call};
