/* An address space with a window of pages that tests change under other harts' eyes. */
#include "checks.h"

static u64 root[512] __attribute__((aligned(4096)));
static u64 middle[512] __attribute__((aligned(4096)));
static u64 leaves[512] __attribute__((aligned(4096)));

u64 *window_entry(u64 page) { return &leaves[page]; }

void window_map(u64 page, const void *memory, u64 flags)
{
    __atomic_store_n(&leaves[page], PTE_ADDRESS(memory) | PTE_V | flags, __ATOMIC_RELEASE);
}

u64 window_satp(u64 asid)
{
    for (u64 i = 0; i < 4; i++)
        root[i] = PTE_ADDRESS(i << 30) | PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    root[WINDOW >> 30] = PTE_ADDRESS(middle) | PTE_V;
    middle[0] = PTE_ADDRESS(leaves) | PTE_V;
    return SATP_SV39(root) | asid << 44;
}
