// Workload: 4 KiB strides over a window of 640 pages, a load and a store each; small TLBs miss each time.
#include "bench.h"

uint64_t workload(void)
{
    volatile uint64_t *const first = (volatile uint64_t *)WINDOW;
    for (uint64_t round = 0; round < REPEAT; round++) {
        volatile uint64_t *at = first;
        for (uint64_t page = 0; page < WINDOW_PAGES; page++, at += PAGE / 8)
            *at += page;
    }
    // Every frame has its page number REPEAT times; read through the other mapping.
    uint64_t wrong = 0;
    for (uint64_t page = 0; page < WINDOW_PAGES; page++)
        wrong += *(volatile uint64_t *)frames[page] != page * REPEAT;
    return wrong;
}
