/* Fences between vCPUs: a bounded queue for each, emptied by the hart that runs it before it enters the guest. */
#include "vm.h"
#include "sched.h"

/* A fence of more pages than this becomes one of all addresses: finding each page costs more than refilling. */
enum { PAGES_ONE_BY_ONE = 16 };

/* Bits of vcpu.requests. */
enum { FENCE_I_WANTED = 1, QUEUE_FILLED = 2, ALL_WANTED = 4, GSTAGE_WANTED = 8 };

void vcpu_request_all(struct vcpu *v)
{
    __atomic_fetch_or(&v->requests, FENCE_I_WANTED | ALL_WANTED, __ATOMIC_RELEASE);
}

/* Unlike the others this one is asked for under any lock, so it leaves the scheduler's alone. */
void vcpu_request_gstage(struct vcpu *v)
{
    __atomic_fetch_or(&v->requests, GSTAGE_WANTED, __ATOMIC_RELEASE);
    fence_full();
    if (__atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) && v->hart && v->hart != this_hart())
        hart_kick(v->hart);
}

void fence_run(const struct fence *f)
{
    bool whole = f->all || f->pages > PAGES_ONE_BY_ONE;

    if (f->kind == FENCE_INSTRUCTIONS)
        fence_i();
    else if (whole && f->kind == FENCE_ADDRESSES)
        hfence_vvma_all();
    else if (whole)
        hfence_vvma_asid(f->asid);
    for (u64 i = 0; !whole && i < f->pages; i++)
        if (f->kind == FENCE_ADDRESSES)
            hfence_vvma_address(f->start + i * PAGE_SIZE);
        else
            hfence_vvma_address_asid(f->start + i * PAGE_SIZE, f->asid);
}

void vcpu_request(struct vcpu *v, const struct fence *f)
{
    struct fence_queue *q = &v->fences;
    u32 bit = FENCE_I_WANTED;

    spin_lock(&q->lock);
    q->received[f->kind]++;
    if (f->kind != FENCE_INSTRUCTIONS) {
        bit = q->count < FENCE_QUEUE ? QUEUE_FILLED : ALL_WANTED;
        if (bit == QUEUE_FILLED)
            q->fence[q->count++] = *f;
    }
    __atomic_fetch_or(&v->requests, bit, __ATOMIC_RELEASE);
    spin_unlock(&q->lock);
    sched_notify(v);
}

void vcpu_run_requests(struct vcpu *v)
{
    struct fence_queue *q = &v->fences;

    spin_lock(&q->lock);
    u32 requests = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQ_REL);
    if (requests & GSTAGE_WANTED)
        gstage_sync(v->vm);
    if (requests & ALL_WANTED)
        hfence_vvma_all();
    for (u32 i = 0; i < q->count && !(requests & ALL_WANTED); i++)
        fence_run(&q->fence[i]);
    if (requests & FENCE_I_WANTED)
        fence_i();
    q->count = 0;
    for (u32 kind = 0; kind < FENCE_KINDS; kind++) {
        pmu_add(v, pmu_fence_received(kind), q->received[kind]);
        q->received[kind] = 0;
    }
    spin_unlock(&q->lock);
}

/* Outside the guest a vCPU passes vcpu_prepare first, so waiting for it there would only invite deadlock. */
void vcpu_wait_requests(const struct vcpu *v)
{
    while (__atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) && __atomic_load_n(&v->requests, __ATOMIC_ACQUIRE))
        __asm__ volatile(".insn 0x0100000f");   /* pause */
}
