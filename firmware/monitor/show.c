/* Monitor verbs that show where VMs stand and what has been counted, and the one that moves the keyboard. */
#include "monitor/monitor.h"
#include "net/switch.h"
#include "sched.h"

enum { NS_PER_S = 1000000000, NS_PER_MS = 1000000, NS_PER_US = 1000 };

u64 monitor_ns(u64 ticks)
{
    return ticks / platform.timebase * NS_PER_S + ticks % platform.timebase * NS_PER_S / platform.timebase;
}

const char *monitor_exit_name(u32 cause)
{
    static const char *const interrupts[] = {
        [IRQ_S_SOFT] = "software interrupt", [IRQ_S_TIMER] = "timer interrupt", [IRQ_S_EXT] = "external interrupt",
    };
    u32 code = cause - STAT_INTERRUPT;

    if (cause < STAT_INTERRUPT)
        return cause_name(cause);
    return code < ARRAY_LEN(interrupts) && interrupts[code] ? interrupts[code] : "other interrupt";
}

struct vcpu_stats monitor_vcpu_stats(const struct vcpu *v)
{
    struct vcpu_stats s = v->stats;
    u64 now = rdtime(), since = v->since, so_far = now > since ? now - since : 0;

    switch (sched_state(v)) {
    case VCPU_RUNNING: s.run_time += so_far; break;
    case VCPU_RUNNABLE: s.steal_time += so_far; break;
    case VCPU_BLOCKED: s.wait_time += so_far; break;
    default: break;
    }
    return s;
}

void monitor_collect(const struct vm *vm, struct vm_stats *s)
{
    *s = (struct vm_stats){0};
    vm_memory_stats(vm, &s->memory);
    for (u32 k = 0; k < vm->vcpu_count && vm->created; k++) {
        const struct vcpu_stats c = monitor_vcpu_stats(&vm->vcpu[k]);
        for (u32 i = 0; i < STAT_CAUSES; i++) {
            s->cpu.exits[i] += c.exits[i];
            s->exits += c.exits[i];
        }
        s->cpu.run_time += c.run_time;
        s->cpu.steal_time += c.steal_time;
        s->cpu.wait_time += c.wait_time;
        s->cpu.wakeups += c.wakeups;
        s->cpu.wake_latency += c.wake_latency;
        s->cpu.wake_latency_max = max_u64(s->cpu.wake_latency_max, c.wake_latency_max);
    }
    s->disk = vm->disk_stats;
    if (vm->virtio[VIRTIO_SLOT_NET].port)
        s->net = switch_counters(vm->virtio[VIRTIO_SLOT_NET].port);
}

/* What a waiting vCPU can be woken by: the interrupts enabled in vsie, and its timer if one is set. */
static void waits_for(const struct vcpu *v, char *buf, size_t size)
{
    u64 enabled = v->csr.hie;
    bool timer = (enabled & BIT(IRQ_VS_TIMER)) && v->wake_at != FOREVER;

    format(buf, size, "%s%s%s%s", enabled & BIT(IRQ_VS_SOFT) ? " software" : "", timer ? " timer" : "",
           enabled & BIT(IRQ_VS_EXT) ? " external" : "",
           timer || (enabled & (BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_EXT))) ? "" : " nothing");
}

const char *monitor_vcpu_state(const struct vcpu *v)
{
    static const char *const states[] = {
        [VCPU_STOPPED] = "stopped", [VCPU_RUNNABLE] = "ready", [VCPU_RUNNING] = "running",
        [VCPU_BLOCKED] = "waiting", [VCPU_HELD] = "held",
    };

    return states[sched_state(v)];
}

static void show_vcpu(const struct asker *a, const struct vcpu *v)
{
    enum vcpu_state state = sched_state(v);
    char wait[48] = "";

    if (state == VCPU_BLOCKED)
        waits_for(v, wait, sizeof(wait));
    if (state == VCPU_BLOCKED)
        say(a, "  vcpu %u waits in %s at pc 0x%lx for %lu ms; can be woken by:%s", v->id,
            v->suspended ? "suspend" : "WFI", v->pc, monitor_ns(rdtime() - v->since) / NS_PER_MS, wait);
    else
        say(a, "  vcpu %u %s, last exit at pc 0x%lx", v->id, monitor_vcpu_state(v), v->pc);
}

static const char *list(const struct asker *a, struct vm *only, const char *rest)
{
    (void)rest;
    for (u32 i = 0; i < vm_count; i++) {
        const struct vm *vm = &vms[i];
        if (only && only != vm)
            continue;
        say(a, "%u %s: %s%s", i, vm->label, vm_state_name(vm), console_has_keyboard(vm) ? ", has the keyboard" : "");
        for (u32 k = 0; k < vm->vcpu_count && !vm_ended(vm); k++)
            show_vcpu(a, &vm->vcpu[k]);
    }
    return NULL;
}

static const char *console(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)a, (void)rest;
    console_focus(vm);
    return NULL;
}

static const char *stat(const struct asker *a, struct vm *only, const char *rest)
{
    struct vm_stats s;

    (void)rest;
    for (u32 i = 0; i < vm_count; i++) {
        if (only && only != &vms[i])
            continue;
        monitor_collect(&vms[i], &s);
        say(a, "%s: %s, %lu exits", vms[i].label, vm_state_name(&vms[i]), s.exits);
        say(a, "  time on harts %lu us, waiting for one %lu us, wake-ups %lu, to a hart in %lu us, at most %lu us",
            monitor_ns(s.cpu.run_time) / NS_PER_US, monitor_ns(s.cpu.steal_time) / NS_PER_US, s.cpu.wakeups,
            s.cpu.wakeups ? monitor_ns(s.cpu.wake_latency / s.cpu.wakeups) / NS_PER_US : 0,
            monitor_ns(s.cpu.wake_latency_max) / NS_PER_US);
        say(a, "  memory %lu KiB of %lu KiB, %lu KiB read as zero, tables %lu KiB", s.memory.resident >> 10,
            s.memory.limit >> 10, s.memory.shared >> 10, s.memory.tables >> 10);
        if (vms[i].has_balloon)
            say(a, "  balloon %lu KiB, to be %lu KiB", s.memory.ballooned >> 10, vms[i].balloon.target >> 10);
        if (vms[i].disk >= 0)
            say(a, "  disk reads %lu (%lu bytes), writes %lu (%lu bytes), flushes %lu, discards %lu, errors %lu",
                s.disk.reads, s.disk.read_bytes, s.disk.writes, s.disk.written_bytes, s.disk.flushes, s.disk.discards,
                s.disk.errors);
        if (vms[i].virtio[VIRTIO_SLOT_NET].port)
            say(a, "  net sent %lu (%lu bytes), received %lu (%lu bytes), dropped %lu, refused %lu", s.net.sent,
                s.net.sent_bytes, s.net.received, s.net.received_bytes, s.net.dropped, s.net.refused);
    }
    return NULL;
}

static const char *exits(const struct asker *a, struct vm *only, const char *rest)
{
    struct vm_stats s;

    (void)rest;
    for (u32 i = 0; i < vm_count; i++) {
        if (only && only != &vms[i])
            continue;
        monitor_collect(&vms[i], &s);
        say(a, "%s: %lu exits", vms[i].label, s.exits);
        for (u32 k = 0; k < STAT_CAUSES; k++)
            if (s.cpu.exits[k])
                say(a, "%12lu %s", s.cpu.exits[k], monitor_exit_name(k));
    }
    return NULL;
}

const struct verb show_verbs[] = {
    {"list", "[VM]", "where VMs and their vCPUs stand", ANY_VM, list},
    {"console", "VM", "gives it the keyboard", ONE_VM, console},
    {"stat", "[VM]", "time, memory, disk and network", ANY_VM, stat},
    {"exits", "[VM]", "why it came out of the guest, and how often", ANY_VM, exits},
    {0},
};
