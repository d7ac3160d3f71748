/* Who is owed the harts: weights, caps and affinity of VMs, and the order in which their vCPUs come. */
#ifndef SHARE_H
#define SHARE_H
#include "platform.h"

struct vm;
struct vcpu;

enum { WEIGHT_DEFAULT = 256, WEIGHT_MAX = 65535, CAP_MAX = 100 * MAX_VCPUS };

/* Of a VM. What vm_found sets stays; the rest is under the scheduler's lock. */
struct vm_share {
    u32 weight;                          /* its share against that of others */
    u32 cap;                             /* percent of one hart that it gets at most; 0: no limit */
    const u8 *hart_cells;                /* ids of the harts that it may use; NULL: all */
    u32 hart_cells_len;                  /* bytes */

    u64 harts;                           /* the same as a bit per index into harts[] */
    u64 vtime;                           /* virtual time: what its vCPUs have run, divided by the weight */
    u64 vcpu_floor;                      /* vtime of the vCPU of it that last got a hart */
    u32 waiting, running;                /* vCPUs */
    i64 budget;                          /* ticks that the cap leaves it until refill_at */
    u64 refill_at;
};

/* NULL, or what is wrong with the VM's settings. */
const char *share_init(struct vm *vm);

/* The rest needs the scheduler's lock. */
/* The vCPU wants a hart from now on: after a wait, it has not saved up more than a slice. */
void share_join(struct vcpu *v, u64 now);
/* It gets the hart with that index. Returns how long it may run, in ticks. */
u64 share_take(struct vcpu *v, u32 hart);
/* It has run since it was last charged, or taken. */
void share_charge(struct vcpu *v, u64 now);
/* It has left its hart. Charge it first. */
void share_leave(struct vcpu *v);
/* How long it may go on, in ticks. */
u64 share_slice(const struct vcpu *v);
/* Of those that wait and may run on the hart, the one that is owed most; NULL: none. Not `skip`. */
struct vcpu *share_first(u32 hart, const struct vcpu *skip);
/* Whether a is owed more than b, or so much more that b is to make way though its slice is not over. */
bool share_before(const struct vcpu *a, const struct vcpu *b);
bool share_preempts(const struct vcpu *a, const struct vcpu *b);
/* Whether the VM has used up what its cap allows, until refill_at. */
bool share_capped(const struct vm *vm);
void share_refill(struct vm *vm, u64 now);
#endif
