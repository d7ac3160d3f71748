/* SBI STA: the guest learns for how long it was ready and had no hart, and whether it has one. */
#include "sbi/sbi.h"

/* Table "STA Shared Memory Structure". */
struct sta_shmem { u32 sequence, flags; u64 steal; u8 preempted, pad[47]; };
_Static_assert(sizeof(struct sta_shmem) == 64, "STA");

/* Needs vm->lock. */
static struct sta_shmem *shmem(const struct vcpu *v) { return vm_ram(v->vm, v->sta_gpa, sizeof(struct sta_shmem)); }

static u64 nanoseconds(u64 time)
{
    const u64 second = 1000000000;

    return time / platform.timebase * second + time % platform.timebase * second / platform.timebase;
}

static void tell_steal(const struct vcpu *v, struct sta_shmem *s)
{
    /* Even, whatever the guest has written there. */
    u32 sequence = __atomic_load_n(&s->sequence, __ATOMIC_RELAXED) & ~1u;
    __atomic_store_n(&s->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&s->steal, nanoseconds(v->stats.steal_time - v->sta_start), __ATOMIC_RELAXED);
    __atomic_store_n(&s->preempted, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&s->sequence, sequence + 2, __ATOMIC_RELEASE);
}

void sta_running(const struct vcpu *v)
{
    if (v->sta_gpa == FOREVER)
        return;
    spin_lock(&v->vm->lock);
    struct sta_shmem *s = shmem(v);
    if (s)
        tell_steal(v, s);
    spin_unlock(&v->vm->lock);
}

void sta_preempted(const struct vcpu *v)
{
    if (v->sta_gpa == FOREVER)
        return;
    spin_lock(&v->vm->lock);
    struct sta_shmem *s = vm_stopped(v->vm) ? NULL : shmem(v);
    if (s)
        __atomic_store_n(&s->preempted, 1, __ATOMIC_RELAXED);
    spin_unlock(&v->vm->lock);
}

static struct sbi_ret set_shmem(struct vcpu *v, const u64 *args)
{
    u64 low = args[0], high = args[1], flags = args[2];
    bool off = low == FOREVER && high == FOREVER;

    if (flags || (!off && low % sizeof(struct sta_shmem)))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    spin_lock(&v->vm->lock);
    void *memory = off || high ? NULL : vm_ram(v->vm, low, sizeof(struct sta_shmem));
    if (memory)
        memset(memory, 0, sizeof(struct sta_shmem));
    spin_unlock(&v->vm->lock);
    if (!off && !memory)
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    v->sta_gpa = low;
    v->sta_start = v->stats.steal_time;
    return sbi_ok(0);
}

static const struct sbi_function functions[] = {{"steal_time_set_shmem", 3, set_shmem, false}};

const struct sbi_ext sbi_sta = {"STA", 0x535441, 0x535441, SBI_FUNCTIONS(functions), false};
