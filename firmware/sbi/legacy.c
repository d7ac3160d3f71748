/* SBI legacy extensions 0..8: older kernels, and the simplest console there is. The id is the function. */
#include "sbi/sbi.h"

/* Loads through the guest's own translation, bringing in what it has not touched yet: a doubleword lies in
   two pages at most. 0, or the scause of the trap. */
static int load(struct vcpu *v, u64 gva, u64 *value)
{
    int trap = vcpu_access(v, guest_load64, gva, value);

    for (u32 i = 0; i < 2 && trap == CAUSE_LOAD_GUEST_PAGE && gstage_populate(v->vm, csr_read(htval) << 2, false); i++) {
        hfence_gvma_all();
        trap = vcpu_access(v, guest_load64, gva, value);
    }
    return trap;
}

/* Hart masks are passed by a guest-virtual pointer, 0 meaning all. False: reading it trapped, and the guest
   got the trap. */
static bool read_mask(struct vcpu *v, u64 gva, u64 *mask, u64 *base)
{
    *mask = 0;
    *base = gva ? 0 : FOREVER;
    int trap = gva ? load(v, gva, mask) : 0;

    if (!trap)
        return true;
    u64 cause = trap == CAUSE_LOAD_GUEST_PAGE ? CAUSE_LOAD_ACCESS : (u64)trap;
    v->pc -= 4;                          /* the trap is that of the ECALL itself */
    vcpu_inject(v, cause, gva);
    return false;
}

/* A legacy call's answer is whatever it leaves in a0. */
static struct sbi_ret answer(i64 a0) { return (struct sbi_ret){a0, 0}; }

static struct sbi_ret set_timer(struct vcpu *v, const u64 *args) { return sbi_time.functions[0].call(v, args); }

static struct sbi_ret console_putchar(struct vcpu *v, const u64 *args)
{
    char c = (char)args[0];

    console_guest_write(v->vm, &c, 1);
    return answer(0);
}

static struct sbi_ret console_getchar(struct vcpu *v, const u64 *args)
{
    (void)args;
    spin_lock(&v->vm->lock);
    int c = vm_input_take(v->vm);
    vuart_update(v->vm);
    spin_unlock(&v->vm->lock);
    return answer(c);
}

static struct sbi_ret clear_ipi(struct vcpu *v, const u64 *args)
{
    (void)args;
    u64 was = csr_read(hvip) & BIT(IRQ_VS_SOFT);
    csr_clear(hvip, BIT(IRQ_VS_SOFT));
    return answer(__atomic_exchange_n(&v->soft_pending, 0, __ATOMIC_ACQ_REL) || was);
}

static struct sbi_ret send_ipi(struct vcpu *v, const u64 *args)
{
    u64 mask, base;

    if (!read_mask(v, args[0], &mask, &base))
        return answer(SBI_NO_ANSWER);
    return answer(sbi_send_ipi_to(v, mask, base) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
}

static struct sbi_ret fence(struct vcpu *v, const u64 *args, struct fence *f)
{
    u64 mask, base;

    if (f->kind != FENCE_INSTRUCTIONS && !sbi_fence_range(f, args[1], args[2]))
        return answer(SBI_ERR_INVALID_ADDRESS);
    if (!read_mask(v, args[0], &mask, &base))
        return answer(SBI_NO_ANSWER);
    return answer(sbi_fence(v, mask, base, f) ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
}

static struct sbi_ret remote_fence_i(struct vcpu *v, const u64 *args)
{
    return fence(v, args, &(struct fence){.kind = FENCE_INSTRUCTIONS});
}

static struct sbi_ret remote_sfence_vma(struct vcpu *v, const u64 *args)
{
    return fence(v, args, &(struct fence){.kind = FENCE_ADDRESSES});
}

static struct sbi_ret remote_sfence_vma_asid(struct vcpu *v, const u64 *args)
{
    return fence(v, args, &(struct fence){.kind = FENCE_ASID, .asid = (u32)args[3] & 0xffff});
}

static struct sbi_ret shutdown(struct vcpu *v, const u64 *args)
{
    (void)args;
    vm_stop(v->vm, VM_OFF, "it powered off");
    return answer(0);
}

static const struct sbi_function functions[] = {
    {"set_timer", 1, set_timer, false},
    {"console_putchar", 1, console_putchar, false},
    {"console_getchar", 0, console_getchar, false},
    {"clear_ipi", 0, clear_ipi, false},
    {"send_ipi", 1, send_ipi, false},
    {"remote_fence_i", 1, remote_fence_i, false},
    {"remote_sfence_vma", 3, remote_sfence_vma, false},
    {"remote_sfence_vma_asid", 4, remote_sfence_vma_asid, false},
    {"shutdown", 0, shutdown, true},
};

const struct sbi_ext sbi_legacy = {"legacy", 0, ARRAY_LEN(functions) - 1, SBI_FUNCTIONS(functions), true};
