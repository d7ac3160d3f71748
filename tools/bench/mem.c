// Workload: a pointer chase through 64 MiB in an order no prefetcher follows, and copies of 32 MiB.
#include "bench.h"

#define NODES (1ul << 20)
#define HALF (NODES / 2)

struct node {
    struct node *next;
    uint64_t number;
    uint64_t filler[6];
};

// Above the program: the machine has at least 256 MiB of RAM.
#define RING ((struct node *)0x84000000ul)
#define COPY ((struct node *)0x88000000ul)

// i -> a * i + c mod NODES visits every node once: c is odd and a - 1 a multiple of 4 (Hull, Dobell 1962).
static uint64_t after(uint64_t i)
{
    return (i * 741457 + 12345) % NODES;
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < NODES; i++)
        RING[i] = (struct node){.next = &RING[after(i)], .number = i};
    for (uint64_t round = 0; round < REPEAT; round++) {
        uint64_t sum = 0;
        const struct node *at = RING;
        for (uint64_t i = 0; i < NODES; i++) {
            sum += at->number;
            at = at->next;
        }
        memcpy(COPY, RING + (round & 1) * HALF, HALF * sizeof *COPY);
        uint64_t last = (round & 1) * HALF + HALF - 1;
        wrong += at != RING || sum != NODES * (NODES - 1) / 2 || COPY[HALF - 1].number != last;
    }
    return wrong;
}
