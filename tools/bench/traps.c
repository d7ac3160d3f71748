// Workload for S-mode: ecalls to M-mode and back (start.S, leave).
#include "bench.h"

uint64_t workload(void)
{
    uint64_t trips = 0;
    for (uint64_t round = 0; round < REPEAT; round++)
        __asm__ volatile("ecall\n\taddi %0, %0, 1" : "+r"(trips)::"memory");
    return trips - REPEAT;
}
