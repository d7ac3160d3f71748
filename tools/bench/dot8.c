// Workload: the dot product of 16384 signed bytes: products of 16 bits, sums of 32, one reduction at the end.
#include "vector.h"

#define COUNT 16384ul
static int8_t a[COUNT], b[COUNT];

static int32_t dot(uint64_t n, const int8_t *pa, const int8_t *pb)
{
    uint64_t vl;
    int32_t sum;
    VECTOR("vsetvli %3, zero, e32, m8, ta, ma\n"
           "vmv.v.i v24, 0\n"
           "1: vsetvli %3, %2, e8, m2, tu, ma\n"
           "vle8.v v0, (%0)\n"
           "vle8.v v2, (%1)\n"
           "add %0, %0, %3\n"
           "add %1, %1, %3\n"
           "sub %2, %2, %3\n"
           "vwmul.vv v8, v0, v2\n"
           "vsetvli zero, zero, e16, m4, tu, ma\n"
           "vwadd.wv v24, v24, v8\n"
           "bnez %2, 1b\n"
           "vsetvli %3, zero, e32, m8, ta, ma\n"
           "vmv.s.x v0, zero\n"
           "vredsum.vs v0, v24, v0\n"
           "vmv.x.s %4, v0",
           : "+r"(pa), "+r"(pb), "+r"(n), "=&r"(vl), "=&r"(sum)::"memory");
    return sum;
}

uint64_t workload(void)
{
    int32_t expected = 0;
    uint64_t wrong = 0;
    VECTOR_ON();
    for (uint64_t i = 0; i < COUNT; i++) {
        a[i] = (int8_t)(i * 37 + 11);
        b[i] = (int8_t)(i * 101 - 5);
        expected += a[i] * b[i];
    }
    for (uint64_t round = 0; round < REPEAT; round++)
        wrong += dot(COUNT, a, b) != expected;
    return wrong;
}
