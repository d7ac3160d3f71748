/* Allocator of physical memory: a short list of free runs, first fit, nothing is ever given back. */
#include "platform.h"

enum { MAX_RUNS = 64 };
static struct range runs[MAX_RUNS];
static u32 run_count;
static struct spinlock ram_lock;

void ram_add(u64 base, u64 size)
{
    if (run_count < MAX_RUNS && size)
        runs[run_count++] = (struct range){base, size};
}

/* Cuts [base, end) out of run i, which may leave a second run behind it. A cut at the start leaves none, so
 * that the list only grows by the gaps that alignment makes. */
static void cut(u32 i, u64 base, u64 end)
{
    u64 run_end = runs[i].base + runs[i].size;

    if (base == runs[i].base) {
        runs[i] = (struct range){end, run_end - end};
        return;
    }
    runs[i].size = base - runs[i].base;
    if (end < run_end)
        ram_add(end, run_end - end);
}

void ram_reserve(u64 base, u64 size)
{
    u64 end = ALIGN_UP(base + size, 4096);

    base = ALIGN_DOWN(base, 4096);
    for (u32 i = 0, n = run_count; i < n; i++) {
        u64 from = max_u64(base, runs[i].base), to = min_u64(end, runs[i].base + runs[i].size);
        if (from < to)
            cut(i, from, to);
    }
}

u64 ram_take(u64 size, u64 align)
{
    u64 found = 0;

    spin_lock(&ram_lock);
    for (u32 i = 0; i < run_count && !found; i++) {
        u64 base = ALIGN_UP(runs[i].base, align);
        if (contains(runs[i].base, runs[i].size, base, size)) {
            cut(i, base, base + size);
            found = base;
        }
    }
    spin_unlock(&ram_lock);
    return found;
}

void *ram_take_zeroed(u64 size, u64 align)
{
    u64 base = ram_take(size, align);

    return base ? memset((void *)base, 0, size) : NULL;
}

u64 ram_free_bytes(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < run_count; i++)
        sum += runs[i].size;
    return sum;
}
