/* Says so when a VM waits for ever: none of its vCPUs runs, and none can be woken. */
#include "monitor/monitor.h"
#include "sched.h"

/* No timer is set, and no vCPU of the VM runs that could send a software interrupt. What comes from outside comes
   through the PLIC or, after SUSP, as a key. */
static bool waits_for_ever(const struct vm *vm, const struct vcpu *v)
{
    enum vcpu_state state = sched_state(v);
    u32 sources = 0;

    for (u32 word = 0; word < VPLIC_WORDS; word++)
        sources |= vm->plic.enable[2 * v->id + 1][word];
    return state == VCPU_STOPPED ||
           (state == VCPU_BLOCKED && v->wake_at == FOREVER && !v->wakes_on_input &&
            !((v->csr.hie & BIT(IRQ_VS_EXT)) && sources));
}

static void say_where(const struct vm *vm, const struct vcpu *v)
{
    u64 enabled = v->csr.hie;

    if (sched_state(v) == VCPU_STOPPED)
        return;
    hv_log("%s: vcpu %u waits for ever: %s at pc 0x%lx, sie:%s%s%s%s; nothing can wake it", vm->label, v->id,
           v->suspended ? "suspended" : "WFI", v->pc, enabled & BIT(IRQ_VS_SOFT) ? " software" : "",
           enabled & BIT(IRQ_VS_TIMER) ? " timer" : "", enabled & BIT(IRQ_VS_EXT) ? " external" : "",
           enabled ? "" : " none");
}

void watchdog_look(struct vm *vm)
{
    if (vm_stopped(vm))
        return;
    for (u32 i = 0; i < vm->vcpu_count; i++)
        if (!waits_for_ever(vm, &vm->vcpu[i]))
            return;
    if (__atomic_exchange_n(&vm->given_up, true, __ATOMIC_ACQ_REL))
        return;
    for (u32 i = 0; i < vm->vcpu_count; i++)
        say_where(vm, &vm->vcpu[i]);
    if (sched_state(&vm->vcpu[0]) == VCPU_STOPPED)
        hv_log("%s: vcpu 0 is stopped, and so is or waits every other: reset or kill it", vm->label);
    for (u32 i = 0; i < vm_count; i++)
        if (!vm_ended(&vms[i]) && !vms[i].given_up)
            return;
    hv_log("every VM waits for ever: Ctrl-] : opens the monitor, which can reset or kill one");
}
