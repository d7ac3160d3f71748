// Workload: recursive Fibonacci numbers; calls and returns with a stack frame each.
#include "bench.h"

#define DEPTH 24
#define EXPECTED 46368

// Without the attribute the second call becomes a loop.
__attribute__((noinline, disable_tail_calls)) static uint64_t fib(uint64_t n);

// volatile: a call through it cannot be inlined into itself or folded.
static uint64_t (*volatile fib_again)(uint64_t) = fib;

static uint64_t fib(uint64_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    for (uint64_t round = 0; round < REPEAT; round++)
        wrong += fib_again(DEPTH) != EXPECTED;
    return wrong;
}
