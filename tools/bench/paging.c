// Page tables for the programs below M-mode: 4 KiB leaves everywhere, so that each stage walks three levels.
#include "bench.h"

#define PROGRAM 0x80000000ul
#define PROGRAM_SIZE (4ul << 20)
#define FRAMES_SIZE (WINDOW_PAGES * PAGE)

uint64_t s_root[512] __attribute__((aligned(4096)));
uint64_t g_root[2048] __attribute__((aligned(16384)));

static uint64_t tables[256][512] __attribute__((aligned(4096)));
static unsigned tables_used;

uint64_t *leaf(uint64_t *root, unsigned root_bits, uint64_t address)
{
    uint64_t *table = root;
    unsigned bits = root_bits;
    for (unsigned shift = 30; shift > 12; shift -= 9, bits = 9) {
        uint64_t *entry = &table[(address >> shift) & ((1ul << bits) - 1)];
        if (!(*entry & PTE_V))
            *entry = (uint64_t)tables[tables_used++] >> 12 << 10 | PTE_V;
        table = (uint64_t *)(*entry >> 10 << 12);
    }
    return &table[(address >> 12) & 511];
}

static void map(uint64_t *root, unsigned root_bits, uint64_t from, uint64_t to, uint64_t size, uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += PAGE)
        *leaf(root, root_bits, from + at) = (to + at) >> 12 << 10 | flags;
}

void build_s_stage(void)
{
    map(s_root, 9, PROGRAM, PROGRAM, PROGRAM_SIZE, PTE_KERNEL);
    map(s_root, 9, FRAMES, FRAMES, FRAMES_SIZE, PTE_KERNEL);
    map(s_root, 9, WINDOW, FRAMES, FRAMES_SIZE, PTE_KERNEL);
}

void build_g_stage(void)
{
    // G-stage leaves are checked as user accesses: U must be set (privileged manual, "Guest-Page Faults").
    map(g_root, 11, PROGRAM, PROGRAM, PROGRAM_SIZE, PTE_KERNEL | PTE_U);
    map(g_root, 11, FRAMES, FRAMES, FRAMES_SIZE, PTE_KERNEL | PTE_U);
}

uint64_t satp_of(const uint64_t *root)
{
    return 8ul << 60 | (uint64_t)root >> 12;
}
