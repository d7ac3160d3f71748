// Workload: a vector memcpy of 32 KiB, bytes in groups of eight registers.
#include "vector.h"

#define SIZE 32768ul
static uint8_t from[SIZE], to[SIZE + 64];

static void copy(uint8_t *d, const uint8_t *s, uint64_t n)
{
    uint64_t vl;
    VECTOR("1: vsetvli %3, %2, e8, m8, ta, ma\n"
           "vle8.v v0, (%1)\n"
           "add %1, %1, %3\n"
           "sub %2, %2, %3\n"
           "vse8.v v0, (%0)\n"
           "add %0, %0, %3\n"
           "bnez %2, 1b",
           : "+r"(d), "+r"(s), "+r"(n), "=&r"(vl)::"memory");
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    VECTOR_ON();
    for (uint64_t i = 0; i < SIZE; i++)
        from[i] = (uint8_t)(i * 7 + (i >> 8));
    for (uint64_t round = 0; round < REPEAT; round++)
        copy(to + round % 61, from, SIZE);
    uint64_t at = (REPEAT - 1) % 61;
    for (uint64_t i = 0; i < SIZE; i++)
        wrong += to[at + i] != from[i];
    return wrong;
}
