// Workload: the length of a string of 4000 bytes, by loads that stop at a fault.
#include "vector.h"

#define SIZE 4096ul
static char text[SIZE + 64];

static uint64_t length(const char *s)
{
    uint64_t n = 0, vl;
    int64_t at;
    VECTOR("1: vsetvli %2, zero, e8, m8, ta, ma\n"
           "vle8ff.v v8, (%1)\n"
           "csrr %2, vl\n"
           "vmseq.vi v0, v8, 0\n"
           "vfirst.m %3, v0\n"
           "add %1, %1, %2\n"
           "add %0, %0, %2\n"
           "bltz %3, 1b\n"
           "sub %0, %0, %2\n"
           "add %0, %0, %3",
           : "+r"(n), "+r"(s), "=&r"(vl), "=&r"(at)::"memory");
    return n;
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    VECTOR_ON();
    for (uint64_t i = 0; i < SIZE; i++)
        text[i] = 'a' + i % 26;
    for (uint64_t round = 0; round < REPEAT; round++) {
        uint64_t from = round % 61, n = 4000 + round % 32;
        text[from + n] = 0;
        wrong += length(text + from) != n;
        text[from + n] = 'z';
    }
    return wrong;
}
