// Workload: page-table edits. Each step moves a virtual page to another frame, fences it, reads through it;
// every 64th step fences everything.
#include "bench.h"

#define PAGES 64
#define MOVES 256

uint64_t workload(void)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < MOVES; i++)
        *(volatile uint64_t *)FRAME(i) = i;
    volatile uint64_t *entries = leaf(s_root, 9, WINDOW);
    for (uint64_t step = 0; step < REPEAT; step++) {
        uint64_t page = step % PAGES;
        uint64_t frame = step * 37 % MOVES;
        uint64_t address = WINDOW + page * PAGE;
        entries[page] = FRAME(frame) >> 12 << 10 | PTE_KERNEL;
        if (page == 0)
            __asm__ volatile("sfence.vma" ::: "memory");
        else
            __asm__ volatile("sfence.vma %0, zero" ::"r"(address) : "memory");
        wrong += *(volatile uint64_t *)address != frame;
    }
    return wrong;
}
