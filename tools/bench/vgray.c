// Workload: grey values of 8192 pixels, red, green and blue a byte each, side by side in memory.
#include "vector.h"

#define PIXELS 8192ul
static uint8_t from[3 * PIXELS], to[PIXELS];

static void grey(uint8_t *d, const uint8_t *s, uint64_t n)
{
    uint64_t vl, three;
    VECTOR("1: vsetvli %3, %2, e8, m2, ta, ma\n"
           "vlseg3e8.v v2, (%1)\n"
           "vwmulu.vx v8, v2, %5\n"
           "vwmaccu.vx v8, %6, v4\n"
           "vwmaccu.vx v8, %7, v6\n"
           "vnsrl.wi v12, v8, 8\n"
           "vse8.v v12, (%0)\n"
           "slli %4, %3, 1\n"
           "add %4, %4, %3\n"
           "add %1, %1, %4\n"
           "add %0, %0, %3\n"
           "sub %2, %2, %3\n"
           "bnez %2, 1b",
           : "+r"(d), "+r"(s), "+r"(n), "=&r"(vl), "=&r"(three) : "r"(77), "r"(150), "r"(29) : "memory");
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    VECTOR_ON();
    for (uint64_t i = 0; i < 3 * PIXELS; i++)
        from[i] = (uint8_t)(i * 7 + (i >> 8));
    for (uint64_t round = 0; round < REPEAT; round++)
        grey(to, from, PIXELS);
    for (uint64_t i = 0; i < PIXELS; i++)
        wrong += to[i] != (from[3 * i] * 77u + from[3 * i + 1] * 150u + from[3 * i + 2] * 29u) >> 8;
    return wrong;
}
