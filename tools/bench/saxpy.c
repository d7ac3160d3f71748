// Workload: y = a * x + y of 4096 singles, groups of eight registers. The values stay integers, so that every sum is exact.
#include "vector.h"

#define COUNT 4096ul
static float x[COUNT], y[COUNT];

static void saxpy(uint64_t n, float a, const float *px, float *py)
{
    uint64_t vl, bytes;
    VECTOR("1: vsetvli %3, %2, e32, m8, ta, ma\n"
           "vle32.v v0, (%0)\n"
           "slli %4, %3, 2\n"
           "add %0, %0, %4\n"
           "sub %2, %2, %3\n"
           "vle32.v v8, (%1)\n"
           "vfmacc.vf v8, %5, v0\n"
           "vse32.v v8, (%1)\n"
           "add %1, %1, %4\n"
           "bnez %2, 1b",
           : "+r"(px), "+r"(py), "+r"(n), "=&r"(vl), "=&r"(bytes) : "f"(a) : "memory");
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    VECTOR_ON();
    for (uint64_t i = 0; i < COUNT; i++)
        x[i] = (float)(i & 63);
    for (uint64_t round = 0; round < REPEAT; round++)
        saxpy(COUNT, round & 1 ? -3.0f : 3.5f, x, y);
    for (uint64_t i = 0; i < COUNT; i++)
        wrong += y[i] != (float)((REPEAT / 2) * (i & 63)) / 2 + (REPEAT & 1 ? 3.5f * (float)(i & 63) : 0.0f);
    return wrong;
}
