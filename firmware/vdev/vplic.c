/* vPLIC (RISC-V PLIC specification): level-triggered sources; the outcome is recomputed at every change. A level
   becomes one request, which stays when the level drops; the next one can pass after the completion. */
#include "vm.h"

enum {
    PENDING = 0x1000, ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000,
    THRESHOLD = 0, CLAIM = 4, MAX_PRIORITY = 7,
};

/* The source the context would claim: highest priority above 0, lowest number among equals; 0: none. */
static u32 best(const struct vplic *p, u32 context)
{
    u32 source = 0, priority = 0;

    for (u32 word = 0; word < VPLIC_WORDS; word++)
        for (u32 bits = p->pending[word] & p->enable[context][word]; bits; bits &= bits - 1) {
            u32 n = word * 32 + (u32)__builtin_ctz(bits);
            if (p->priority[n] > priority) {
                priority = p->priority[n];
                source = n;
            }
        }
    return source;
}

/* Drives the external interrupt of every vCPU from its S context. */
static void update(struct vm *vm)
{
    const struct vplic *p = &vm->plic;

    for (u32 i = 0; i < vm->vcpu_count; i++) {
        u32 context = 2 * i + 1, source = best(p, context);
        vcpu_set_ext(&vm->vcpu[i], p->priority[source] > p->threshold[context]);
    }
}

static void set_bit(u32 *words, u32 n, bool value)
{
    words[n / 32] = value ? words[n / 32] | 1u << n % 32 : words[n / 32] & ~(1u << n % 32);
}

/* Lets levels through the gateways that are open; true if a request came of it. */
static bool pass_gateways(struct vplic *p, u32 word)
{
    u32 before = p->pending[word];

    p->pending[word] |= p->level[word] & ~p->claimed[word];
    return p->pending[word] != before;
}

void vplic_set(struct vm *vm, u32 source, bool level)
{
    set_bit(vm->plic.level, source, level);
    if (pass_gateways(&vm->plic, source / 32))
        update(vm);
}

void vplic_reset(struct vm *vm)
{
    vm->plic = (struct vplic){0};
    update(vm);
}

static u32 claim(struct vm *vm, u32 context)
{
    u32 source = best(&vm->plic, context);

    if (source) {
        set_bit(vm->plic.pending, source, false);
        set_bit(vm->plic.claimed, source, true);
        update(vm);
    }
    return source;
}

static void complete(struct vplic *p, u32 context, u32 source)
{
    /* A completion for a source that the context does not have enabled is ignored. */
    if (source < VPLIC_SOURCES && (p->enable[context][source / 32] >> source % 32 & 1)) {
        set_bit(p->claimed, source, false);
        pass_gateways(p, source / 32);
    }
}

static bool vplic_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    struct vplic *p = &vm->plic;

    (void)index, (void)size;
    *value = 0;
    if (offset < PENDING) {
        if (offset / 4 < VPLIC_SOURCES)
            *value = p->priority[offset / 4];
    } else if (offset < ENABLE) {
        if ((offset - PENDING) / 4 < VPLIC_WORDS)
            *value = p->pending[(offset - PENDING) / 4];
    } else if (offset < CONTEXT) {
        u64 context = (offset - ENABLE) / ENABLE_STRIDE, word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (context < 2 * vm->vcpu_count && word < VPLIC_WORDS)
            *value = p->enable[context][word];
    } else {
        u64 context = (offset - CONTEXT) / CONTEXT_STRIDE, reg = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (context < 2 * vm->vcpu_count && reg == THRESHOLD)
            *value = p->threshold[context];
        if (context < 2 * vm->vcpu_count && reg == CLAIM)
            *value = claim(vm, (u32)context);
    }
    return true;
}

static bool vplic_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    struct vplic *p = &vm->plic;

    (void)index, (void)size;
    if (offset < PENDING) {
        if (offset && offset / 4 < VPLIC_SOURCES)
            p->priority[offset / 4] = value & MAX_PRIORITY;
    } else if (offset >= ENABLE && offset < CONTEXT) {
        u64 context = (offset - ENABLE) / ENABLE_STRIDE, word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (context < 2 * vm->vcpu_count && word < VPLIC_WORDS)
            p->enable[context][word] = (u32)value & (word ? ~0u : ~1u);
    } else if (offset >= CONTEXT) {
        u64 context = (offset - CONTEXT) / CONTEXT_STRIDE, reg = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (context < 2 * vm->vcpu_count && reg == THRESHOLD)
            p->threshold[context] = value & MAX_PRIORITY;
        if (context < 2 * vm->vcpu_count && reg == CLAIM)
            complete(p, (u32)context, (u32)value);
    }
    update(vm);
    return true;
}

const struct vdev_ops vplic_ops = {"plic", vplic_read, vplic_write};
