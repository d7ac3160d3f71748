/* SBI SUSP: suspend to RAM. The VM's one vCPU that is not stopped sleeps until something wakes it: an interrupt
   enabled in its sie, or a key on the VM's keyboard, whatever the guest has masked. */
#include "sbi/sbi.h"
#include "sched.h"

enum { SUSPEND_TO_RAM = 0 };

static bool alone(const struct vcpu *v)
{
    for (u32 i = 0; i < v->vm->vcpu_count; i++)
        if (i != v->id && sched_state(&v->vm->vcpu[i]) != VCPU_STOPPED)
            return false;
    return true;
}

static struct sbi_ret system_suspend(struct vcpu *v, const u64 *args)
{
    if ((u32)args[0] != SUSPEND_TO_RAM)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!sbi_entry_ok(v, args[1]))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    if (!alone(v))                       /* nobody can start another one meanwhile: only this one runs */
        return sbi_error(SBI_ERR_DENIED);
    sbi_enter_at(v, args[1], args[2]);
    v->wakes_on_input = true;
    fence_full();                        /* vm_input */
    v->wants_wait = v->suspended = true;
    return sbi_error(SBI_NO_ANSWER);
}

static const struct sbi_function functions[] = {{"system_suspend", 3, system_suspend, false}};

const struct sbi_ext sbi_susp = {"SUSP", 0x53555350, 0x53555350, SBI_FUNCTIONS(functions), false};
