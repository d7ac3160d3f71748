// Workload: 4 KiB strides over the window, a load and a store each page. With 640 pages a small TLB misses each
// time, with 16384 any TLB.
#include "bench.h"

uint64_t workload(void)
{
    volatile uint64_t *const first = (volatile uint64_t *)WINDOW;
    for (uint64_t round = 0; round < REPEAT; round++) {
        volatile uint64_t *at = first;
        for (uint64_t page = 0; page < WINDOW_PAGES; page++, at += PAGE / 8)
            *at += page;
    }
    // Every frame holds its page number REPEAT times (RAM starts as zeros); read through the other mapping.
    uint64_t wrong = 0;
    for (uint64_t page = 0; page < WINDOW_PAGES; page++)
        wrong += *(volatile uint64_t *)FRAME(page) != page * REPEAT;
    return wrong;
}
