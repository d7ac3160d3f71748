/* Scheduler: one FIFO of runnable vCPUs for all harts, a time slice each, waits with a deadline. */
#include "sched.h"
#include "drivers/drivers.h"
#include "net/switch.h"
#include "vm.h"

enum { SLICE_MS = 5 };

static struct spinlock lock;
static struct vcpu *queue_head, *queue_tail;
static u64 next_wake = FOREVER;          /* no blocked vCPU is due before this */

static void enqueue(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    v->next = NULL;
    if (queue_head)
        queue_tail->next = v;
    else
        queue_head = v;
    queue_tail = v;
    for (u32 i = 0; i < hart_count; i++)
        if (harts[i].idle) {
            harts[i].idle = false;       /* one kick is enough; it looks at the queue anyway */
            if (&harts[i] != this_hart())
                hart_kick(&harts[i]);
            break;
        }
}

static struct vcpu *dequeue(void)
{
    struct vcpu *v = queue_head;

    if (v)
        queue_head = v->next;
    return v;
}

enum vcpu_state sched_state(const struct vcpu *v) { return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE); }

bool sched_start(struct vcpu *v, u64 pc, u64 arg)
{
    spin_lock(&lock);
    bool stopped = v->state == VCPU_STOPPED;
    if (stopped) {
        vcpu_reset(v, pc, arg);
        enqueue(v);
    }
    spin_unlock(&lock);
    return stopped;
}

void sched_notify(struct vcpu *v)
{
    fence_full();
    spin_lock(&lock);
    if (v->state == VCPU_BLOCKED && (vm_stopped(v->vm) || vcpu_interrupt_pending(v, false, rdtime())))
        enqueue(v);
    else if (v->state == VCPU_RUNNING && __atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) &&
             v->hart != this_hart())
        hart_kick(v->hart);
    spin_unlock(&lock);
}

/* Wakes every blocked vCPU whose time has come. Needs the lock. */
static void wake_due(u64 now)
{
    if (now < next_wake)
        return;
    next_wake = FOREVER;
    for (u32 i = 0; i < vm_count; i++)
        for (u32 k = 0; k < vms[i].vcpu_count; k++) {
            struct vcpu *v = &vms[i].vcpu[k];
            if (v->state != VCPU_BLOCKED)
                continue;
            if (v->wake_at <= now)
                enqueue(v);
            else
                next_wake = min_u64(next_wake, v->wake_at);
        }
}

/* Where a vCPU that leaves its hart goes. Under the lock, so that no event falls between check and wait. */
static void park(struct vcpu *v)
{
    u64 now = rdtime();

    spin_lock(&lock);
    bool stop = v->wants_stop || vm_stopped(v->vm);
    if (stop) {
        v->state = VCPU_STOPPED;
    } else if (v->wants_wait && !vcpu_interrupt_pending(v, false, now)) {
        v->state = VCPU_BLOCKED;
        v->wake_at = v->csr.hie & BIT(IRQ_VS_TIMER) ? vcpu_timer_due(v, now) : FOREVER;
        next_wake = min_u64(next_wake, v->wake_at);
    } else {
        enqueue(v);
    }
    spin_unlock(&lock);
    if (stop && vm_stopped(v->vm))
        vm_parked(v->vm);
}

static void handle_pending(void)
{
    u64 pending = csr_read(sip);

    if (pending & BIT(IRQ_S_SOFT))
        csr_clear(sip, BIT(IRQ_S_SOFT));
    if (pending & BIT(IRQ_S_EXT))
        plic_handle();
}

/* The next vCPU for this hart; waits in WFI until there is one. */
static struct vcpu *pick(struct hart *h)
{
    for (;;) {
        u64 now = rdtime(), flush = console_flush_stale(now);
        spin_lock(&lock);
        wake_due(now);
        struct vcpu *v = dequeue();
        h->idle = !v;
        if (v) {
            v->state = VCPU_RUNNING;
            v->in_guest = 0;
            spin_unlock(&lock);
            return v;
        }
        u64 deadline = min_u64(next_wake, flush);
        spin_unlock(&lock);
        hart_arm_timer(deadline);
        wfi();
        handle_pending();
        switch_deliver();
    }
}

void sched_timer(void)
{
    struct hart *h = this_hart();
    u64 now = rdtime();

    h->armed = 0;
    console_flush_stale(now);
    spin_lock(&lock);
    wake_due(now);
    if (now >= h->slice_end) {
        h->resched = queue_head != NULL;
        h->slice_end = now + platform.timebase / 1000 * SLICE_MS;
    }
    spin_unlock(&lock);
}

void sched_yield(void) { this_hart()->resched = __atomic_load_n(&queue_head, __ATOMIC_RELAXED) != NULL; }

/* Without Sstc this hart's timer serves the guest's too, unless vcpu_prepare has found that one due. */
static void arm(struct hart *h, const struct vcpu *v)
{
    u64 deadline = min_u64(h->slice_end, __atomic_load_n(&next_wake, __ATOMIC_RELAXED));

    if (!features.sstc && !(csr_read(hvip) & BIT(IRQ_VS_TIMER)))
        deadline = min_u64(deadline, vcpu_timer_due(v, rdtime()));
    hart_arm_timer(deadline);
}

void sched_run(void)
{
    struct hart *h = this_hart();

    for (;;) {
        struct vcpu *v = pick(h);
        vcpu_load(v);
        v->wants_wait = v->wants_stop = v->suspended = h->resched = false;
        h->slice_end = rdtime() + platform.timebase / 1000 * SLICE_MS;
        while (!v->wants_wait && !v->wants_stop && !h->resched && !vm_stopped(v->vm)) {
            vcpu_prepare(v);
            arm(h, v);
            vcpu_enter(v);
            __atomic_store_n(&v->in_guest, 0, __ATOMIC_RELEASE);
            exit_handle(v);
            virtio_net_continue(v->vm);
            switch_deliver();
        }
        vcpu_put(v);
        park(v);
    }
}
