/* Single pages of memory, cut out of blocks of 2 MiB: what VMs have and give back page by page. A block of which all
   pages have come back is a run of ram.c again. */
#include "platform.h"

enum { BLOCK = 2 << 20, WORD = 64, WORDS = BLOCK / PAGE_SIZE / WORD };

struct block {
    u64 free[WORDS];                     /* bit per page */
    u32 count;                           /* of them; those with any are in a list */
    struct block *next, *before;
};
static struct block *blocks, *first;     /* of all RAM, from `base` on; NULL: pages are not kept */
static u64 base, free_bytes;
static struct spinlock lock;

void frames_init(void)
{
    u64 end = 0, size = 0;

    base = FOREVER;
    for (u32 i = 0; i < platform.ram_count; i++) {
        base = min_u64(base, ALIGN_DOWN(platform.ram[i].base, BLOCK));
        end = max_u64(end, ALIGN_UP(platform.ram[i].base + platform.ram[i].size, BLOCK));
        size += platform.ram[i].size;
    }
    if (platform.overcommit && (end - base) / 8 < size)      /* else the holes would cost too much */
        blocks = ram_take_zeroed((end - base) / BLOCK * sizeof(*blocks), PAGE_SIZE);
}

static void link(struct block *b)
{
    b->before = NULL;
    b->next = first;
    if (first)
        first->before = b;
    first = b;
}

static void unlink(struct block *b)
{
    if (b->next)
        b->next->before = b->before;
    if (b->before)
        b->before->next = b->next;
    else
        first = b->next;
}

/* Cuts a new block into pages; false: there is none. Needs the lock. */
static bool cut(void)
{
    u64 address = ram_take(BLOCK, BLOCK);

    if (!address)
        return false;
    struct block *b = &blocks[(address - base) / BLOCK];
    memset(b->free, 0xff, sizeof(b->free));
    b->count = BLOCK / PAGE_SIZE;
    free_bytes += BLOCK;
    link(b);
    return true;
}

u64 frame_take(void)
{
    u64 page = 0;
    u32 i = 0;

    spin_lock(&lock);
    if (blocks && (first || cut())) {
        struct block *b = first;
        while (!b->free[i])
            i++;
        u32 bit = (u32)__builtin_ctzll(b->free[i]);
        b->free[i] &= ~BIT(bit);
        if (--b->count == 0)
            unlink(b);
        free_bytes -= PAGE_SIZE;
        page = base + (u64)(b - blocks) * BLOCK + (i * WORD + bit) * PAGE_SIZE;
    }
    spin_unlock(&lock);
    return page;
}

void frame_give(u64 page)
{
    struct block *b = &blocks[(page - base) / BLOCK];
    u64 i = page % BLOCK / PAGE_SIZE;

    spin_lock(&lock);
    b->free[i / WORD] |= BIT(i % WORD);
    if (b->count++ == 0)
        link(b);
    free_bytes += PAGE_SIZE;
    bool whole = b->count == BLOCK / PAGE_SIZE;
    if (whole) {
        unlink(b);
        *b = (struct block){0};
        free_bytes -= BLOCK;
    }
    spin_unlock(&lock);
    if (whole)
        ram_give(ALIGN_DOWN(page, BLOCK), BLOCK);
}

u64 frames_free_bytes(void) { return __atomic_load_n(&free_bytes, __ATOMIC_RELAXED); }
