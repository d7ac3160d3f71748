/* What is counted, for the monitor, for steal time and for the statistics at the end of a run. */
#ifndef STATS_H
#define STATS_H
#include "lib/lib.h"

/* Exits by cause: scause of exceptions as it is, of interrupts from STAT_INTERRUPT on. */
enum { STAT_INTERRUPT = 24, STAT_CAUSES = STAT_INTERRUPT + 16 };

/* Of one vCPU. Times are in ticks of the machine's timebase. Written by the hart that runs it (the scheduler's
   part under the scheduler's lock), read by anybody, each field for itself. */
struct vcpu_stats {
    u64 exits[STAT_CAUSES];
    u64 run_time;                        /* on a hart: the guest, and what is done for it at its exits */
    u64 steal_time;                      /* runnable, and waiting for a hart */
    u64 wait_time;                       /* in WFI or HSM suspend, with nothing pending */
    u64 wakeups;                         /* how often it became runnable from a wait */
    u64 wake_latency, wake_latency_max;  /* from there until it was on a hart: sum, and the longest */
};

/* Of one VM's memory, in bytes. */
struct memory_stats {
    u64 limit;                           /* what it may have */
    u64 resident;                        /* has now */
    u64 shared;                          /* of its RAM, mapped to the zero page and never written */
    u64 ballooned;                       /* given back through its balloon */
    u64 tables;                          /* G-stage page tables */
};

/* Of one virtual disk. */
struct disk_stats {
    u64 reads, read_bytes, writes, written_bytes, flushes, discards, errors;
};

static inline u32 stat_cause(u64 scause)
{
    u64 code = scause & ~(1ull << 63);

    if (scause >> 63)
        return code < STAT_CAUSES - STAT_INTERRUPT ? (u32)(STAT_INTERRUPT + code) : STAT_CAUSES - 1;
    return code < STAT_INTERRUPT ? (u32)code : STAT_INTERRUPT - 1;
}
#endif
