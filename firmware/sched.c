/* The run loop: which vCPU a hart runs, for how long, and who wakes those that wait. Whose turn it is, share.c
   knows. A decision looks at the VMs and the harts once each; an exit that changes nothing takes no lock. */
#include "sched.h"
#include "drivers/drivers.h"
#include "monitor/monitor.h"
#include "net/switch.h"
#include "sbi/sbi.h"
#include "vm.h"

static struct spinlock lock;

/* A hart as the scheduler sees it. Under the lock; but `resched` and `deadline` are read by the hart without. */
static struct server {
    struct vcpu *running;
    const struct vcpu *skip;             /* has yielded: others go first */
    struct vcpu *sleepers;               /* were here when they began to wait; this hart's timer wakes them */
    u64 slice_end, next_wake;            /* nothing is due on this hart before next_wake */
    u64 deadline;                        /* the earlier of the two */
    bool resched;                        /* the vCPU on this hart is to make way */
} __attribute__((aligned(64))) servers[MAX_HARTS];

static u64 idle_harts;                   /* bit per hart that has no vCPU */

static struct server *this_server(void) { return &servers[this_hart()->index]; }

enum vcpu_state sched_state(const struct vcpu *v) { return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE); }

static void set_state(struct vcpu *v, enum vcpu_state state)
{
    __atomic_store_n(&v->state, state, __ATOMIC_RELEASE);
}

static u64 since(u64 start, u64 now) { return now > start ? now - start : 0; }

static void kick(u32 hart)
{
    if (&harts[hart] != this_hart())
        hart_kick(&harts[hart]);
}

static void watch(struct server *s, u64 time)
{
    s->next_wake = min_u64(s->next_wake, time);
    s->deadline = min_u64(s->deadline, time);
}

/* Of the harts that v may use, the one whose vCPU is owed least; NULL: all are free or about to be. */
static struct server *least_owed(const struct vcpu *v)
{
    struct server *least = NULL;

    for (u32 i = 0; i < hart_count; i++) {
        struct server *s = &servers[i];
        if ((v->vm->share.harts & BIT(i)) && s->running && !s->resched &&
            (!least || share_before(least->running, s->running)))
            least = s;
    }
    return least;
}

/* Finds a hart for a vCPU that waits for one: an idle hart, its last one first, or one whose vCPU makes way. */
static void place(const struct vcpu *v, bool preempt, u64 now)
{
    u64 idle = idle_harts & v->vm->share.harts;

    if (share_capped(v->vm)) {
        watch(this_server(), v->vm->share.refill_at);
    } else if (idle) {
        u32 i = v->hart && (idle & BIT(v->hart->index)) ? v->hart->index : (u32)__builtin_ctzll(idle);
        idle_harts &= ~BIT(i);
        kick(i);
    } else if (preempt) {
        struct server *s = least_owed(v);
        if (!s)
            return;
        share_charge(s->running, now);
        if (share_preempts(v, s->running)) {
            __atomic_store_n(&s->resched, true, __ATOMIC_RELEASE);
            kick((u32)(s - servers));
        }
    }
}

static void make_ready(struct vcpu *v, u64 from, bool preempt, u64 now)
{
    set_state(v, VCPU_RUNNABLE);
    v->since = from;
    share_join(v, now);
    place(v, preempt, now);
}

/* Ends a wait, which was over at `when`. Needs v off the list of sleepers. */
static void wake(struct vcpu *v, u64 when, u64 now)
{
    v->stats.wait_time += since(v->since, when);
    v->stats.wakeups++;
    v->woken = true;
    make_ready(v, max_u64(v->since, when), true, now);
}

bool sched_start(struct vcpu *v, u64 pc, u64 arg)
{
    spin_lock(&lock);
    bool stopped = v->state == VCPU_STOPPED;
    if (stopped) {
        u64 now = rdtime();
        vcpu_reset(v, pc, arg);
        make_ready(v, now, true, now);
    }
    spin_unlock(&lock);
    return stopped;
}

static void unlink_sleeper(struct vcpu *v)
{
    for (struct vcpu **at = &servers[v->hart->index].sleepers; *at; at = &(*at)->next)
        if (*at == v) {
            *at = v->next;
            return;
        }
}

void sched_notify(struct vcpu *v)
{
    /* Who waits stores its state, then looks for events (park): one of us sees the other. */
    fence_full();
    switch (sched_state(v)) {
    case VCPU_RUNNING:
        if (__atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) && v->hart != this_hart())
            hart_kick(v->hart);
        return;
    case VCPU_BLOCKED:
    case VCPU_HELD:
        break;
    default:
        return;
    }
    spin_lock(&lock);
    u64 now = rdtime();
    bool leaves = vm_stopped(v->vm) && !vm_paused(v->vm);
    if (v->state == VCPU_BLOCKED && (leaves || vcpu_interrupt_pending(v, false, now))) {
        unlink_sleeper(v);
        wake(v, now, now);
    } else if (v->state == VCPU_HELD && leaves) {
        make_ready(v, now, true, now);
    }
    spin_unlock(&lock);
}

/* Wakes what is due on this hart: sleepers, and VMs whose cap gives them time again. Needs the lock. */
static void wake_due(struct server *s, u64 now)
{
    if (now < s->next_wake)
        return;
    s->next_wake = FOREVER;
    for (struct vcpu **at = &s->sleepers, *v; (v = *at);)
        if (v->wake_at <= now) {
            *at = v->next;
            wake(v, v->wake_at, now);
        } else {
            s->next_wake = min_u64(s->next_wake, v->wake_at);
            at = &v->next;
        }
    for (struct vm *vm = vms; vm < vms + vm_count; vm++) {
        if (!vm->share.cap || !vm->share.waiting)
            continue;
        share_refill(vm, now);
        for (u32 i = 0; i < vm->vcpu_count; i++)
            if (vm->vcpu[i].state == VCPU_RUNNABLE)
                place(&vm->vcpu[i], true, now);
    }
}

static void block(struct server *s, struct vcpu *v, u64 now)
{
    v->since = now;
    v->wake_at = v->csr.hie & BIT(IRQ_VS_TIMER) ? vcpu_timer_due(v, now) : FOREVER;
    if (v->wake_at == FOREVER)
        return;
    v->next = s->sleepers;
    s->sleepers = v;
    watch(s, v->wake_at);
}

static void hold_here(struct vcpu *v, u64 now)
{
    set_state(v, VCPU_HELD);
    v->since = v->vm->held_at = now;
}

void sched_hold(struct vm *vm)
{
    spin_lock(&lock);
    vm->held_at = rdtime();
    for (u32 i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *v = &vm->vcpu[i];
        if (v->state == VCPU_BLOCKED) {
            unlink_sleeper(v);
            set_state(v, VCPU_HELD);
        } else if (v->state == VCPU_RUNNING && v->hart) {   /* NULL: about to be loaded for the first time */
            kick(v->hart->index);
        }
    }
    spin_unlock(&lock);
}

static void release(struct vcpu *v, u64 now)
{
    struct server *s = &servers[v->hart->index];

    if (v->wants_wait)
        set_state(v, VCPU_BLOCKED);
    fence_full();
    if (v->wants_wait && !vcpu_interrupt_pending(v, false, now)) {
        block(s, v, now);
        kick(v->hart->index);            /* its timer may be set to a later time */
    } else {
        make_ready(v, now, true, now);
    }
}

static bool loaded(const struct server *s, const struct vm *vm) { return s->running && s->running->vm == vm; }

static bool loaded_elsewhere(const struct vm *vm)
{
    bool found = false;

    for (u32 i = 0; i < hart_count; i++)
        found |= &servers[i] != this_server() && loaded(&servers[i], vm);
    return found;
}

bool sched_release(struct vm *vm)
{
    enum vm_state was = VM_PAUSED;

    spin_lock(&lock);
    while (vm_paused(vm) && loaded_elsewhere(vm)) {
        spin_unlock(&lock);
        spin_lock(&lock);
    }
    u64 now = rdtime();
    /* A vCPU that this hart has left only to come here has not been held at all: no time was lost. */
    if (vm_paused(vm) && !loaded(this_server(), vm))
        vm->time_delta -= now - vm->held_at;
    bool paused = __atomic_compare_exchange_n(&vm->state, &was, VM_RUNNING, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_ACQUIRE);
    for (u32 i = 0; paused && i < vm->vcpu_count; i++)
        if (vm->vcpu[i].state == VCPU_HELD)
            release(&vm->vcpu[i], now);
    spin_unlock(&lock);
    return paused;
}

/* Where a vCPU that leaves its hart goes. */
static void park(struct server *s, struct vcpu *v)
{
    spin_lock(&lock);
    u64 now = rdtime();
    share_charge(v, now);
    share_leave(v);
    s->running = NULL;
    if (v->wants_wait)
        set_state(v, VCPU_BLOCKED);
    fence_full();
    bool hold = vm_paused(v->vm), stop = v->wants_stop || (vm_stopped(v->vm) && !hold);
    if (stop)
        set_state(v, VCPU_STOPPED);
    else if (hold)
        hold_here(v, now);
    else if (v->wants_wait && !vcpu_interrupt_pending(v, false, now))
        block(s, v, now);
    else
        make_ready(v, now, false, now);
    spin_unlock(&lock);
    if (stop && vm_stopped(v->vm))
        vm_parked(v->vm);
    else if (stop || (v->wants_wait && v->wake_at == FOREVER))
        watchdog_look(v->vm);
}

static void take(struct server *s, struct vcpu *v, u64 now)
{
    u64 waited = since(v->since, now);

    v->stats.steal_time += waited;
    if (v->woken) {
        v->stats.wake_latency += waited;
        v->stats.wake_latency_max = max_u64(v->stats.wake_latency_max, waited);
        v->woken = false;
    }
    v->in_guest = 0;
    v->since = now;
    set_state(v, VCPU_RUNNING);
    s->running = v;
    s->resched = false;
    s->slice_end = now + share_take(v, (u32)(s - servers));
    s->deadline = min_u64(s->slice_end, s->next_wake);
}

static void handle_pending(void)
{
    u64 pending = csr_read(sip);

    if (pending & BIT(IRQ_S_SOFT))
        csr_clear(sip, BIT(IRQ_S_SOFT));
    if (pending & BIT(IRQ_S_EXT))
        plic_handle();
}

/* A hart that was woken for one vCPU may take another. What it leaves goes to an idle hart, which does the same. */
static void pass_on(u32 hart)
{
    if (!idle_harts || !share_first(hart, NULL))
        return;
    for (u64 idle = idle_harts; idle; idle &= idle - 1) {
        u32 i = (u32)__builtin_ctzll(idle);
        if (share_first(i, NULL)) {
            idle_harts &= ~BIT(i);
            kick(i);
            return;
        }
    }
}

/* The next vCPU for this hart; waits in WFI until there is one. */
static struct vcpu *pick(struct server *s)
{
    u32 hart = (u32)(s - servers);

    for (;;) {
        u64 flush = console_flush_stale(rdtime());
        spin_lock(&lock);
        u64 now = rdtime();
        idle_harts |= BIT(hart);
        wake_due(s, now);
        struct vcpu *v = share_first(hart, s->skip);
        if (!v)
            v = share_first(hart, NULL);
        s->skip = NULL;
        if (v) {
            idle_harts &= ~BIT(hart);
            take(s, v, now);
            pass_on(hart);
            spin_unlock(&lock);
            return v;
        }
        u64 deadline = min_u64(s->next_wake, flush);
        spin_unlock(&lock);
        hart_arm_timer(deadline);
        wfi();
        handle_pending();
        switch_deliver();
    }
}

void sched_timer(void)
{
    struct server *s = this_server();

    this_hart()->armed = 0;
    console_flush_stale(rdtime());
    spin_lock(&lock);
    u64 now = rdtime();
    wake_due(s, now);
    if (now >= s->slice_end) {
        share_charge(s->running, now);
        const struct vcpu *first = share_first((u32)(s - servers), NULL);
        if (share_capped(s->running->vm) || (first && !share_before(s->running, first)))
            s->resched = true;
        s->slice_end = now + share_slice(s->running);
    }
    s->deadline = min_u64(s->slice_end, s->next_wake);
    spin_unlock(&lock);
}

void sched_yield(void)
{
    struct server *s = this_server();

    spin_lock(&lock);
    if (share_first((u32)(s - servers), NULL)) {
        s->skip = s->running;
        s->resched = true;
    }
    spin_unlock(&lock);
}

/* Without Sstc this hart's timer serves the guest's too, unless vcpu_prepare has found that one due. */
static void arm(const struct hart *h, const struct server *s, const struct vcpu *v)
{
    u64 deadline = s->deadline;

    if (!features.sstc && !(csr_read(hvip) & BIT(IRQ_VS_TIMER)))
        deadline = min_u64(deadline, vcpu_timer_due(v, rdtime()));
    if (h->armed != deadline)
        hart_arm_timer(deadline);
}

static bool goes_on(const struct server *s, const struct vcpu *v)
{
    return !v->wants_wait && !v->wants_stop && !__atomic_load_n(&s->resched, __ATOMIC_RELAXED) &&
           !vm_stopped(v->vm);
}

/* The life of a vCPU on this hart: from exit to exit until it waits, stops or makes way. */
static __attribute__((noinline)) void run(const struct server *s, struct vcpu *v)
{
    const struct hart *h = this_hart();

    while (goes_on(s, v)) {
        vcpu_prepare(v);
        arm(h, s, v);
        vcpu_enter(v);
        __atomic_store_n(&v->in_guest, 0, __ATOMIC_RELEASE);
        exit_handle(v);
        virtio_continue(v->vm);
        switch_deliver();
    }
}

void sched_run(void)
{
    struct server *s = this_server();

    for (;;) {
        struct vcpu *v = pick(s);
        vcpu_load(v);
        sta_running(v);
        v->wants_wait = v->wants_stop = v->suspended = false;
        run(s, v);
        vcpu_put(v);
        if (!v->wants_wait && !v->wants_stop)
            sta_preempted(v);
        park(s, v);
    }
}
