/* Ticket spinlock: harts are served in the order in which they came. */
#pragma once
#include "riscv.h"

struct ticket_lock {
    u32 next;     /* ticket of the next hart to come */
    u32 serving;  /* ticket of the hart that holds the lock */
};

/* Called with 1, 2, 3 ... while a hart waits for another; guests with several harts may replace it. */
void spin_wait(unsigned turn);

static inline void lock(struct ticket_lock *l)
{
    u32 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    for (unsigned turn = 1; __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket; turn++)
        spin_wait(turn);
}

static inline void unlock(struct ticket_lock *l)
{
    __atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}
