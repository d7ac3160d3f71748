/* SBI HSM: vCPUs start, stop, suspend and tell where they stand. */
#include "sbi/sbi.h"
#include "sched.h"

enum { STARTED = 0, STOPPED = 1, START_PENDING = 2, STOP_PENDING = 3, SUSPENDED = 4, SUSPEND_PENDING = 5,
       RESUME_PENDING = 6 };
enum { SUSPEND_RETENTIVE = 0, SUSPEND_NON_RETENTIVE = 0x80000000 };

bool sbi_entry_ok(struct vcpu *v, u64 address) { return !(address & 1) && vm_is_ram(v->vm, address, 2); }

void sbi_enter_at(struct vcpu *v, u64 address, u64 opaque)
{
    v->pc = address;
    v->x[10] = v->id;
    v->x[11] = opaque;
    csr_write(vsatp, 0);
    csr_clear(vsstatus, SSTATUS_SIE);
}

static struct sbi_ret hart_start(struct vcpu *v, const u64 *args)
{
    if (args[0] >= v->vm->vcpu_count)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!sbi_entry_ok(v, args[1]))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    bool ok = sched_start(&v->vm->vcpu[args[0]], args[1], args[2]);
    return sbi_error(ok ? SBI_SUCCESS : SBI_ERR_ALREADY_AVAILABLE);
}

static struct sbi_ret hart_stop(struct vcpu *v, const u64 *args)
{
    (void)args;
    v->wants_stop = true;
    return sbi_ok(0);
}

static struct sbi_ret hart_get_status(struct vcpu *v, const u64 *args)
{
    /* A vCPU that has said "suspend": still on its hart, waiting, or woken and waiting for a hart. */
    static const u64 suspended[] = {
        [VCPU_RUNNING] = SUSPEND_PENDING, [VCPU_BLOCKED] = SUSPENDED, [VCPU_RUNNABLE] = RESUME_PENDING,
        [VCPU_HELD] = SUSPENDED,
    };

    if (args[0] >= v->vm->vcpu_count)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    const struct vcpu *target = &v->vm->vcpu[args[0]];
    enum vcpu_state state = sched_state(target);
    return sbi_ok(state == VCPU_STOPPED ? STOPPED : target->starting ? START_PENDING
                : target->wants_stop ? STOP_PENDING : target->suspended ? suspended[state] : STARTED);
}

static struct sbi_ret hart_suspend(struct vcpu *v, const u64 *args)
{
    u32 type = (u32)args[0];

    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (type == SUSPEND_NON_RETENTIVE) {
        if (!sbi_entry_ok(v, args[1]))
            return sbi_error(SBI_ERR_INVALID_ADDRESS);
        sbi_enter_at(v, args[1], args[2]);
    }
    v->wants_wait = v->suspended = !vcpu_interrupt_pending(v, true, rdtime());
    return sbi_error(type == SUSPEND_NON_RETENTIVE ? SBI_NO_ANSWER : SBI_SUCCESS);
}

static const struct sbi_function functions[] = {
    {"hart_start", 3, hart_start, false},
    {"hart_stop", 0, hart_stop, true},
    {"hart_get_status", 1, hart_get_status, false},
    {"hart_suspend", 3, hart_suspend, false},
};

const struct sbi_ext sbi_hsm = {"HSM", 0x48534d, 0x48534d, SBI_FUNCTIONS(functions), false};
