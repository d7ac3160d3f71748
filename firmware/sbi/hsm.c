/* SBI HSM: vCPUs start, stop, suspend and tell where they stand. */
#include "sbi/sbi.h"
#include "sched.h"

enum { HSM_STARTED = 0, HSM_STOPPED = 1, HSM_STOP_PENDING = 3, HSM_SUSPENDED = 4 };
enum { SUSPEND_RETENTIVE = 0, SUSPEND_NON_RETENTIVE = 0x80000000 };

static struct sbi_ret hart_start(struct vcpu *v, const u64 *args)
{
    if (args[0] >= v->vm->vcpu_count)
        return (struct sbi_ret){SBI_ERR_INVALID_PARAM, 0};
    if (!vm_ram(v->vm, args[1], 2) || (args[1] & 1))
        return (struct sbi_ret){SBI_ERR_INVALID_ADDRESS, 0};
    bool ok = sched_start(&v->vm->vcpu[args[0]], args[1], args[2]);
    return (struct sbi_ret){ok ? SBI_SUCCESS : SBI_ERR_ALREADY_AVAILABLE, 0};
}

static struct sbi_ret hart_stop(struct vcpu *v, const u64 *args)
{
    (void)args;
    v->wants_stop = true;
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

static struct sbi_ret hart_status(struct vcpu *v, const u64 *args)
{
    if (args[0] >= v->vm->vcpu_count)
        return (struct sbi_ret){SBI_ERR_INVALID_PARAM, 0};
    const struct vcpu *target = &v->vm->vcpu[args[0]];
    enum vcpu_state state = sched_state(target);
    u64 status = state == VCPU_STOPPED ? HSM_STOPPED : target->wants_stop ? HSM_STOP_PENDING
               : target->suspended ? HSM_SUSPENDED : HSM_STARTED;
    return (struct sbi_ret){SBI_SUCCESS, status};
}

static struct sbi_ret hart_suspend(struct vcpu *v, const u64 *args)
{
    u32 type = (u32)args[0];

    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE)
        return (struct sbi_ret){type & 0x70000000 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM, 0};
    if (type == SUSPEND_NON_RETENTIVE) {
        if (!vm_ram(v->vm, args[1], 2) || (args[1] & 1))
            return (struct sbi_ret){SBI_ERR_INVALID_ADDRESS, 0};
        v->pc = args[1];
        v->x[10] = v->id;
        v->x[11] = args[2];
        csr_write(vsatp, 0);
        csr_clear(vsstatus, SSTATUS_SIE);
    }
    v->wants_wait = !vcpu_interrupt_pending(v, true, rdtime());
    v->suspended = v->wants_wait;
    return (struct sbi_ret){type == SUSPEND_NON_RETENTIVE ? SBI_NO_ANSWER : SBI_SUCCESS, 0};
}

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    static struct sbi_ret (*const functions[])(struct vcpu *, const u64 *) = {
        hart_start, hart_stop, hart_status, hart_suspend,
    };

    if (fid >= ARRAY_LEN(functions))
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    return functions[fid](v, args);
}

const struct sbi_ext sbi_hsm = {"HSM", 0x48534d, 0x48534d, false, call};
