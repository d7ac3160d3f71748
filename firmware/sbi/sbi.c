/* Dispatch of a guest's SBI calls by extension id. */
#include "sbi/sbi.h"

enum { A0 = 10, A1 = 11, A6 = 16, A7 = 17 };

static const struct sbi_ext *const extensions[] = {
    &sbi_base, &sbi_time, &sbi_ipi, &sbi_rfence, &sbi_hsm, &sbi_srst, &sbi_dbcn, &sbi_legacy,
};

const struct sbi_ext *sbi_find(u64 id)
{
    for (u32 i = 0; i < ARRAY_LEN(extensions); i++)
        if (id >= extensions[i]->first && id <= extensions[i]->last)
            return extensions[i];
    return NULL;
}

void sbi_handle(struct vcpu *v)
{
    const struct sbi_ext *ext = sbi_find((u32)v->x[A7]);
    struct sbi_ret ret = {SBI_ERR_NOT_SUPPORTED, 0};

    if (ext) {
        u64 args[6];
        memcpy(args, &v->x[A0], sizeof(args));
        ret = ext->call(v, ext->legacy ? (u32)v->x[A7] : v->x[A6], args);
    }
    if (ret.error == SBI_NO_ANSWER)
        return;
    v->x[A0] = (u64)ret.error;
    if (!ext || !ext->legacy)
        v->x[A1] = ret.value;
}

bool sbi_each_hart(struct vm *vm, u64 mask, u64 base, void (*fn)(struct vcpu *, u64), u64 arg)
{
    if (base == FOREVER) {
        mask = BIT(vm->vcpu_count) - 1;
        base = 0;
    }
    if (base >= vm->vcpu_count || (mask >> (vm->vcpu_count - base)))
        return false;
    for (u32 i = 0; base + i < vm->vcpu_count; i++)
        if (mask & BIT(i))
            fn(&vm->vcpu[base + i], arg);
    return true;
}
