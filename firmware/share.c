/* Proportional share by start-time fair queueing (Goyal, Guo and Vin, SIGCOMM 1996), at two levels.
 *
 * A VM's virtual time is the time that its vCPUs have run, divided by its weight. A hart takes a vCPU of the VM
 * whose virtual time is lowest, so the virtual times of VMs that always want a hart stay together, and the times
 * that they run are as their weights. Within a VM its vCPUs are ordered by the time they have run themselves, so
 * the weight is the VM's, however many vCPUs share it.
 *
 * Nobody saves up: each hart remembers the virtual time that it has got to (its floor), and a VM that comes back
 * from a wait, or could not use what it was owed, starts at most one slice of its own behind it. That slice is
 * what puts it ahead of those that compute all the time. Of several harts the highest floor counts, which is
 * that of the hart where the least is to be had by waiting.
 *
 * A cap is a budget of run time that is filled up every period; what was overdrawn comes off the next one. */
#include "sched.h"
#include "vm.h"

enum { SLICE_MS = 5, PERIOD_MS = 20, VTIME_SHIFT = 16, MARGIN = 8 /* of a slice */ };

static u64 hart_floor[MAX_HARTS];

static u64 ticks(u64 ms) { return max_u64(platform.timebase * ms / 1000, 1); }

/* Virtual times wrap; those that are compared lie close together. */
static bool earlier(u64 a, u64 b) { return (i64)(a - b) < 0; }
static void at_least(u64 *vtime, u64 bound)
{
    if (earlier(*vtime, bound))
        *vtime = bound;
}

static u64 weighted(const struct vm *vm, u64 time) { return (time << VTIME_SHIFT) / vm->share.weight; }

static bool find_harts(struct vm_share *s)
{
    u64 found = 0;

    for (u32 i = 0; i < s->hart_cells_len / 4; i++)
        for (u32 k = 0; k < hart_count; k++)
            if (harts[k].id == fdt_cells(s->hart_cells + 4 * i, 1)) {
                s->harts |= BIT(k);
                found++;
            }
    return found && found == s->hart_cells_len / 4;
}

const char *share_init(struct vm *vm)
{
    struct vm_share *s = &vm->share;

    if (s->weight < 1 || s->weight > WEIGHT_MAX)
        return "weight must be 1 to 65535";
    if (s->cap > CAP_MAX)
        return "cap must be 0 to 800 percent of a hart";
    if (!s->hart_cells)
        s->harts = hart_count == MAX_HARTS ? FOREVER : BIT(hart_count) - 1;
    else if (!find_harts(s))
        return "harts must name harts of the machine";
    share_refill(vm, rdtime());
    return NULL;
}

/* Takes from a VM what it is owed beyond a slice. */
static void forget_lag(struct vm *vm)
{
    u64 floor = hart_floor[__builtin_ctzll(vm->share.harts)];

    for (u32 i = 0; i < hart_count; i++)
        if (vm->share.harts & BIT(i))
            at_least(&floor, hart_floor[i]);
    at_least(&vm->share.vtime, floor - weighted(vm, ticks(SLICE_MS)));
}

void share_join(struct vcpu *v, u64 now)
{
    share_refill(v->vm, now);
    forget_lag(v->vm);
    at_least(&v->vtime, v->vm->share.vcpu_floor - ticks(SLICE_MS));
    v->vm->share.waiting++;
}

u64 share_take(struct vcpu *v, u32 hart)
{
    struct vm_share *s = &v->vm->share;

    forget_lag(v->vm);
    at_least(&hart_floor[hart], s->vtime);
    at_least(&s->vcpu_floor, v->vtime);
    s->waiting--;
    s->running++;
    return share_slice(v);
}

void share_charge(struct vcpu *v, u64 now)
{
    u64 ran = now > v->since ? now - v->since : 0;

    v->since = now;
    v->stats.run_time += ran;
    v->vtime += ran;
    v->vm->share.vtime += weighted(v->vm, ran);
    share_refill(v->vm, now);
    v->vm->share.budget -= v->vm->share.cap ? (i64)ran : 0;
}

void share_leave(struct vcpu *v) { v->vm->share.running--; }

u64 share_slice(const struct vcpu *v)
{
    const struct vm_share *s = &v->vm->share;

    if (!s->cap)
        return ticks(SLICE_MS);
    return s->budget <= 0 ? 1 : min_u64(ticks(SLICE_MS), (u64)s->budget / s->running + 1);
}

/* Of the vCPUs of a VM that wait, the one that has run least. */
static struct vcpu *first_of(struct vm *vm, const struct vcpu *skip)
{
    struct vcpu *first = NULL;

    for (struct vcpu *v = vm->vcpu; v < vm->vcpu + vm->vcpu_count; v++)
        if (v->state == VCPU_RUNNABLE && v != skip && (!first || earlier(v->vtime, first->vtime)))
            first = v;
    return first;
}

struct vcpu *share_first(u32 hart, const struct vcpu *skip)
{
    struct vcpu *first = NULL;

    for (struct vm *vm = vms; vm < vms + vm_count; vm++)
        if (vm->share.waiting && (vm->share.harts & BIT(hart)) && !share_capped(vm) &&
            (!first || earlier(vm->share.vtime, first->vm->share.vtime))) {
            struct vcpu *v = first_of(vm, skip);
            first = v ? v : first;
        }
    return first;
}

/* Whether a is owed more than b by at least that much run time of its own. */
static bool owed(const struct vcpu *a, const struct vcpu *b, u64 margin)
{
    if (a->vm == b->vm)
        return earlier(a->vtime + margin, b->vtime);
    return earlier(a->vm->share.vtime + weighted(a->vm, margin), b->vm->share.vtime);
}

bool share_before(const struct vcpu *a, const struct vcpu *b) { return owed(a, b, 0); }

bool share_preempts(const struct vcpu *a, const struct vcpu *b) { return owed(a, b, ticks(SLICE_MS) / MARGIN); }

bool share_capped(const struct vm *vm)
{
    return vm->share.cap && vm->share.budget <= 0 && !vm_stopped(vm);
}

void share_refill(struct vm *vm, u64 now)
{
    struct vm_share *s = &vm->share;

    if (!s->cap || now < s->refill_at)
        return;
    u64 period = ticks(PERIOD_MS), periods = (now - s->refill_at) / period + 1;
    i64 quota = (i64)(period * s->cap / 100);
    s->refill_at += periods * period;
    /* After the longest wait it is full; no budget is overdrawn by so many periods. */
    s->budget = periods > UINT32_MAX ? quota : s->budget + (i64)periods * quota;
    s->budget = s->budget < quota ? s->budget : quota;
}
