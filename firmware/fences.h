/* Fences that a vCPU is to run before it goes on, asked for by others. */
#ifndef FENCES_H
#define FENCES_H
#include "lib/lib.h"

enum fence_kind { FENCE_INSTRUCTIONS, FENCE_ADDRESSES, FENCE_ASID, FENCE_KINDS };

/* Of the VS-stage translations of the guest's own VMID. */
struct fence {
    enum fence_kind kind;
    u32 asid;                                /* FENCE_ASID: of this one alone */
    bool all;                                /* every address, and not the pages from start on */
    u64 start, pages;
};

enum { FENCE_QUEUE = 8 };

struct fence_queue {
    struct spinlock lock;
    u32 count;
    struct fence fence[FENCE_QUEUE];
    u32 received[FENCE_KINDS];               /* how many were asked for since the last time, widened or not */
};

struct vcpu;

/* Runs it on this hart, whose hgatp is the guest's. */
void fence_run(const struct fence *f);
/* Asks for a fence. What does not fit into the queue becomes one of all addresses and ASIDs. */
void vcpu_request(struct vcpu *v, const struct fence *f);
/* Asks it to follow its VM's G-stage tables, and to leave the guest if it is in there. */
void vcpu_request_gstage(struct vcpu *v);
/* The same for everything, of a vCPU that does not run. */
void vcpu_request_all(struct vcpu *v);
/* Runs what was asked for; the vCPU is loaded on this hart. */
void vcpu_run_requests(struct vcpu *v);
/* Returns when the vCPU cannot run on without the fences asked for. */
void vcpu_wait_requests(const struct vcpu *v);
#endif
