/* Dispatch of a guest's SBI calls by extension and function id, and the trace of them. */
#include "sbi/sbi.h"

enum { A0 = 10, A1 = 11, A6 = 16, A7 = 17, ARGS = 6 };

static const struct sbi_ext *const extensions[] = {
    &sbi_base, &sbi_time, &sbi_ipi, &sbi_rfence, &sbi_hsm, &sbi_srst, &sbi_dbcn, &sbi_pmu, &sbi_susp, &sbi_fwft,
    &sbi_sta, &sbi_legacy,
};

static const char *const error_names[] = {
    "SUCCESS", "FAILED", "NOT_SUPPORTED", "INVALID_PARAM", "DENIED", "INVALID_ADDRESS", "ALREADY_AVAILABLE",
    "ALREADY_STARTED", "ALREADY_STOPPED", "NO_SHMEM", "INVALID_STATE", "BAD_RANGE", "TIMEOUT", "IO", "DENIED_LOCKED",
};

const struct sbi_ext *sbi_find(u64 id)
{
    for (u32 i = 0; i < ARRAY_LEN(extensions); i++)
        if (id >= extensions[i]->first && id <= extensions[i]->last)
            return extensions[i];
    return NULL;
}

static void trace_result(char *buf, size_t size, const struct sbi_ext *ext, const struct sbi_ret *ret)
{
    if (ret->error == SBI_NO_ANSWER)
        format(buf, size, " goes on elsewhere");
    else if (ext && ext->legacy)
        format(buf, size, " = %ld", ret->error);
    else if (ret->error)
        format(buf, size, " = %s", error_names[-ret->error]);
    else
        format(buf, size, " = SUCCESS, 0x%lx", ret->value);
}

/* One line on a call; `ret` is NULL if it is yet to be made. Out of the way of calls that are not traced. */
static __attribute__((noinline)) void trace(const struct vcpu *v, const struct sbi_ext *ext, const struct sbi_function *f, const u64 *args,
                  const struct sbi_ret *ret)
{
    char list[ARGS * 20 + 1] = "", result[48] = "";
    u32 len = 0, id = v->id;

    for (u32 i = 0; f && i < f->args; i++)
        len += (u32)format(list + len, sizeof(list) - len, i ? ", 0x%lx" : "0x%lx", args[i]);
    if (ret)
        trace_result(result, sizeof(result), ext, ret);
    if (f)
        hv_log("%s/%u: sbi %s %s(%s)%s", v->vm->label, id, ext->name, f->name, list, result);
    else
        hv_log("%s/%u: sbi %s 0x%lx, function 0x%lx%s", v->vm->label, id, ext ? ext->name : "extension", v->x[A7],
               v->x[A6], result);
}

void sbi_handle(struct vcpu *v)
{
    const struct sbi_ext *ext = sbi_find(v->x[A7]);
    u64 number = ext && ext->legacy ? v->x[A7] - ext->first : v->x[A6], before[ARGS];
    const u64 *args = &v->x[A0];
    const struct sbi_function *f = ext && number < ext->count ? &ext->functions[number] : NULL;
    struct sbi_ret ret = sbi_error(SBI_ERR_NOT_SUPPORTED);
    bool traced = __atomic_load_n(&v->vm->trace_sbi, __ATOMIC_RELAXED);

    if (traced)
        args = memcpy(before, args, sizeof(before));
    if (traced && f && f->leaves)
        trace(v, ext, f, args, NULL);
    if (f)
        ret = f->call(v, args);
    if (traced && !(f && f->leaves && ret.error == SBI_SUCCESS))
        trace(v, ext, f, args, &ret);
    if (ret.error == SBI_NO_ANSWER)
        return;
    v->x[A0] = (u64)ret.error;
    if (!ext || !ext->legacy)
        v->x[A1] = ret.value;
}

bool sbi_each_hart(struct vcpu *from, u64 mask, u64 base, void (*fn)(struct vcpu *, struct vcpu *, u64), u64 arg)
{
    struct vm *vm = from->vm;

    if (base == FOREVER) {
        mask = BIT(vm->vcpu_count) - 1;
        base = 0;
    }
    /* The base itself need not be a hart (SBI, "Hart list parameter"); with no bit set nobody is named. */
    if (mask && (base >= vm->vcpu_count || mask >> (vm->vcpu_count - base)))
        return false;
    for (; mask; mask &= mask - 1)
        fn(from, &vm->vcpu[base + (u64)__builtin_ctzll(mask)], arg);
    return true;
}
