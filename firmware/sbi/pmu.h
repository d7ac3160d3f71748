/* A vCPU's performance counters: cycle, instret, and firmware counters for events of the SBI. */
#ifndef SBI_PMU_H
#define SBI_PMU_H
#include "fences.h"

/* Codes of firmware events (SBI, "Event: Firmware events") up to the last one that is counted here. */
enum pmu_event {
    PMU_MISALIGNED_LOAD, PMU_MISALIGNED_STORE, PMU_ACCESS_LOAD, PMU_ACCESS_STORE, PMU_ILLEGAL_INSN, PMU_SET_TIMER,
    PMU_IPI_SENT, PMU_IPI_RECEIVED, PMU_FENCE_I_SENT, PMU_FENCE_I_RECEIVED, PMU_SFENCE_VMA_SENT,
    PMU_SFENCE_VMA_RECEIVED, PMU_SFENCE_VMA_ASID_SENT, PMU_SFENCE_VMA_ASID_RECEIVED, PMU_EVENTS
};

static inline enum pmu_event pmu_fence_sent(enum fence_kind kind) { return PMU_FENCE_I_SENT + 2 * kind; }
static inline enum pmu_event pmu_fence_received(enum fence_kind kind) { return PMU_FENCE_I_RECEIVED + 2 * kind; }

/* Numbered as their CSRs are: 0 is cycle, 2 is instret, and there is no 1, which would be time. */
enum { PMU_CYCLE = 0, PMU_TIME = 1, PMU_INSTRET = 2, PMU_FIRST_FIRMWARE = 3, PMU_COUNTERS = 19 };

struct pmu_counter {
    u32 event;                               /* event_idx it is configured for, 0: none */
    bool counting;
    u64 value;                               /* of cycle and instret while counting: less what v->executed says */
};

struct pmu {
    struct pmu_counter counter[PMU_COUNTERS];
    u32 armed;                               /* bit n: some counter counts firmware event n */
    u64 shmem;                               /* guest-physical address of the snapshot area, FOREVER: none */
};

struct vcpu;

/* cycle and instret count from the start on, as the hart's would; nothing is configured. */
void pmu_reset(struct vcpu *v);
void pmu_add(struct vcpu *v, enum pmu_event event, u64 n);
/* A read of a counter CSR by number; false if the guest has no such counter. */
bool pmu_read_csr(const struct vcpu *v, u32 csr, u64 *value);
#endif
