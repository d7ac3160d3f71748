// Workload for VS-mode: ecalls to HS-mode and back (start.S, hs_exit); the answer is a0 + 1.
#include "bench.h"

uint64_t workload(void)
{
    register uint64_t a0 __asm__("a0") = 0;
    for (uint64_t round = 0; round < REPEAT; round++)
        __asm__ volatile("ecall" : "+r"(a0)::"memory");
    return a0 - REPEAT;
}
