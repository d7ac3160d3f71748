/* Allocator of physical memory, in pages: free runs in the order of their addresses, first fit. While the device
   tree is read they stand in a short array, as nobody knows yet what may be written to; then each describes itself. */
#include "platform.h"

enum { MAX_RUNS = 64 };
static struct range runs[MAX_RUNS];
static u32 run_count;
static u64 unused;                       /* found no place in the array */

struct run { struct run *next; u64 size; };
static struct run *first;
static u64 free_bytes;
static struct spinlock ram_lock;

void ram_add(u64 base, u64 size)
{
    if (run_count < MAX_RUNS && size)
        runs[run_count++] = (struct range){base, size};
    else
        unused += size;
}

void ram_reserve(u64 base, u64 size)
{
    u64 end = ALIGN_UP(base + size, PAGE_SIZE);

    base = ALIGN_DOWN(base, PAGE_SIZE);
    for (u32 i = 0, n = run_count; i < n; i++) {
        u64 run_end = runs[i].base + runs[i].size, from = max_u64(base, runs[i].base), to = min_u64(end, run_end);
        if (from >= to)
            continue;
        runs[i].size = from - runs[i].base;
        ram_add(to, run_end - to);
    }
}

u64 ram_ready(void)
{
    for (u32 i = 0; i < run_count; i++) {
        u64 base = ALIGN_UP(runs[i].base, PAGE_SIZE), end = ALIGN_DOWN(runs[i].base + runs[i].size, PAGE_SIZE);
        if (base < end)
            ram_give(base, end - base);
    }
    return unused;
}

/* The run at base, if there is anything of it. */
static struct run *make(u64 base, u64 end, struct run *next)
{
    if (base == end)
        return next;
    struct run *r = (struct run *)base;
    *r = (struct run){next, end - base};
    return r;
}

u64 ram_take(u64 size, u64 align)
{
    u64 found = 0;

    size = ALIGN_UP(size, PAGE_SIZE);
    spin_lock(&ram_lock);
    for (struct run **at = &first, *r; !found && (r = *at); at = &r->next) {
        u64 start = (u64)r, end = start + r->size, base = ALIGN_UP(start, max_u64(align, PAGE_SIZE));
        if (!contains(start, r->size, base, size))
            continue;
        *at = make(start, base, make(base + size, end, r->next));
        free_bytes -= size;
        found = base;
    }
    spin_unlock(&ram_lock);
    return found;
}

void *ram_take_zeroed(u64 size, u64 align)
{
    u64 base = ram_take(size, align);

    return base ? memset((void *)base, 0, size) : NULL;
}

void ram_give(u64 base, u64 size)
{
    struct run **at = &first, *before = NULL;

    size = ALIGN_UP(size, PAGE_SIZE);
    spin_lock(&ram_lock);
    for (; *at && (u64)*at < base; at = &before->next)
        before = *at;
    struct run *after = *at;
    u64 end = base + size;
    if (after && (u64)after == end) {
        end += after->size;
        after = after->next;
    }
    if (before && (u64)before + before->size == base)
        make((u64)before, end, after);
    else
        *at = make(base, end, after);
    free_bytes += size;
    spin_unlock(&ram_lock);
}

u64 ram_free_bytes(void) { return __atomic_load_n(&free_bytes, __ATOMIC_RELAXED); }

u64 ram_free_blocks(u64 size)
{
    u64 count = 0;

    spin_lock(&ram_lock);
    for (const struct run *r = first; r; r = r->next) {
        u64 base = ALIGN_UP((u64)r, size), end = (u64)r + r->size;
        count += base < end ? (end - base) / size : 0;
    }
    spin_unlock(&ram_lock);
    return count;
}
