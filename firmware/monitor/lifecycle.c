/* Monitor verbs that change what a VM does. */
#include "monitor/monitor.h"

static const char *pause(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    return vm_pause(vm);
}

static const char *resume(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    return vm_resume(vm);
}

static const char *reset(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    return vm_reset(vm);
}

static const char *kill(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    return vm_kill(vm);
}

static const char *start(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    return vm_start(vm);
}

static const char *trace(const struct asker *a, struct vm *vm, const char *rest)
{
    bool on = strcmp(rest, "on") == 0;

    (void)a;
    if (!on && strcmp(rest, "off") != 0)
        return "say on or off";
    __atomic_store_n(&vm->trace_sbi, on, __ATOMIC_RELAXED);
    return NULL;
}

const struct verb lifecycle_verbs[] = {
    {"pause", "VM", "takes its vCPUs off the harts; its clock stands still", ONE_VM, pause},
    {"resume", "VM", "ends a pause", ONE_VM, resume},
    {"reset", "VM", "restarts it, as its own reboot would", ONE_VM, reset},
    {"kill", "VM", "switches it off", ONE_VM, kill},
    {"start", "VM", "switches it on", ONE_VM, start},
    {"trace", "VM on|off", "a line for each of its SBI calls", ONE_VM, trace},
    {0},
};
