/* VM objects: from device-tree node to running guest to the end of the run. */
#include "vm.h"
#include "drivers/drivers.h"
#include "monitor/control.h"
#include "sched.h"

struct vm vms[MAX_VMS];
u32 vm_count;

static bool found_range(const struct fdt_node *n, const char *name, struct range *r)
{
    u32 len;
    const u8 *p = fdt_prop(n, name, &len);

    if (!p || len != 16)
        return false;
    *r = (struct range){fdt_cells(p, 2), fdt_cells(p + 8, 2)};
    return true;
}

void vm_found(const struct fdt_node *n)
{
    if (vm_count == MAX_VMS)
        return;
    struct vm *vm = &vms[vm_count];
    const char *label = fdt_string(n, "label"), *console = fdt_string(n, "console");

    vm->index = vm_count++;
    if (label)
        format(vm->label, sizeof(vm->label), "%s", label);
    else
        format(vm->label, sizeof(vm->label), "vm%u", vm->index);
    vm->ram_size = ALIGN_DOWN(fdt_u64(n, "memory", 0), PAGE_SIZE);
    vm->vcpu_count = fdt_u32(n, "vcpus", 1);
    if (vm->vcpu_count > MAX_VCPUS)
        vm->vcpu_count = 0;              /* create() refuses it */
    vm->bootargs = fdt_string(n, "bootargs");
    vm->disk = (i64)(i32)fdt_u32(n, "disk", ~0u);
    u32 len;
    vm->autostart = fdt_u32(n, "autostart", 1);
    vm->gib_pages = fdt_prop(n, "gib-pages", &len) != NULL;
    vm->has_balloon = fdt_prop(n, "balloon", &len) != NULL;
    vm->balloon.target = min_u64(ALIGN_DOWN(fdt_u64(n, "balloon", 0), PAGE_SIZE), vm->ram_size);
    vm->partition = fdt_u32(n, "partition", 0);
    vm->serial = fdt_string(n, "serial");
    vm->has_net = fdt_prop(n, "net", &len) && (len == 0 || fdt_u32(n, "net", 0));
    vm->trace_sbi = fdt_prop(n, "trace-sbi", &len) != NULL;
    vm->share.weight = fdt_u32(n, "weight", WEIGHT_DEFAULT);
    vm->share.cap = fdt_u32(n, "cap", 0);
    vm->share.hart_cells = fdt_prop(n, "harts", &vm->share.hart_cells_len);
    vm->console_device = console ? console : "uart";
    vm->console.flush_at = FOREVER;
    found_range(n, "kernel", &vm->kernel);
    found_range(n, "initrd", &vm->initrd);
}

void vm_reserve_modules(void)
{
    for (u32 i = 0; i < vm_count; i++) {
        ram_reserve(vms[i].kernel.base, vms[i].kernel.size);
        ram_reserve(vms[i].initrd.base, vms[i].initrd.size);
    }
}

static bool module_in_ram(const struct range *r)
{
    for (u32 i = 0; i < platform.ram_count; i++)
        if (contains(platform.ram[i].base, platform.ram[i].size, r->base, r->size))
            return true;
    return r->size == 0;
}

static const char *boot(struct vm *vm)
{
    u64 entry, dtb;
    __atomic_store_n(&vm->state, VM_LOADING, __ATOMIC_RELEASE);
    const char *error = vm_load(vm, &entry, &dtb);

    /* Its clock begins now, 1 ms above 0: that of another hart may be a little behind, and must not wrap. */
    vm->time_delta = platform.timebase / 1000 - rdtime();
    vm->given_up = vm->refused = false;
    __atomic_store_n(&vm->state, VM_RUNNING, __ATOMIC_RELEASE);
    if (!error)
        sched_start(&vm->vcpu[0], entry, dtb);
    return error;
}

static const char *create(struct vm *vm)
{
    if (vm->vcpu_count < 1)
        return "vcpus must be 1 to 8";
    if (vm->ram_size < CHUNK)
        return "memory must be 2 MiB or more";
    if (!module_in_ram(&vm->kernel) || !module_in_ram(&vm->initrd))
        return "a module lies outside the machine's RAM";
    if (!gstage_init(vm))
        return "the machine has not enough memory left";
    for (u32 i = 0; i < vm->vcpu_count; i++) {
        vm->vcpu[i] = (struct vcpu){.vm = vm, .id = i};
        if (!vector_create(&vm->vcpu[i]))
            return "the machine has not enough memory left";
    }
    const char *error = share_init(vm);
    if (!error)
        error = vdev_init(vm);
    vm->created = !error;
    return error || !vm->autostart ? error : boot(vm);
}

/* VMs that have not ended, and 1 while they are being created. The run ends when it becomes 0. */
static u32 live;

static void end_of_run(void)
{
    u32 failed = 0;

    for (u32 i = 0; i < vm_count; i++)
        failed += vms[i].state == VM_FAILED;
    if (failed)
        hv_log("the run ends: %u of %u VMs failed", failed, vm_count);
    else
        hv_log("the run ends: all %u VMs powered off", vm_count);
    control_finish();
    sbi_shutdown(failed != 0);
}

void vms_create(void)
{
    bool failed = false;

    live = vm_count + 1;
    for (u32 i = 0; i < vm_count; i++) {
        struct vm *vm = &vms[i];
        const char *error = create(vm);
        failed |= error != NULL;
        if (error) {
            vm_stop(vm, VM_FAILED, "it cannot start: %s", error);
            vm_parked(vm);
            continue;
        }
        hv_log("%s: %lu MiB, %u vcpu%s%s", vm->label, vm->ram_size >> 20, vm->vcpu_count,
               vm->vcpu_count > 1 ? "s" : "", vm->autostart ? "" : ", off until it is started");
        if (!vm->autostart) {
            vm->state = VM_OFF;
            live--;
        }
    }
    /* If none is to run, the monitor can still start one; but after failures alone that is no use. */
    if (__atomic_sub_fetch(&live, 1, __ATOMIC_ACQ_REL) == 0 && failed)
        end_of_run();
}

static const char *const state_names[] = {
    [VM_RUNNING] = "running", [VM_PAUSED] = "paused", [VM_RESTARTING] = "restarting",
    [VM_LOADING] = "restarting", [VM_OFF] = "off", [VM_FAILED] = "failed",
};

static enum vm_state state_of(const struct vm *vm) { return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE); }

const char *vm_state_name(const struct vm *vm) { return state_names[state_of(vm)]; }
bool vm_stopped(const struct vm *vm) { return state_of(vm) != VM_RUNNING; }
bool vm_paused(const struct vm *vm) { return state_of(vm) == VM_PAUSED; }
bool vm_ended(const struct vm *vm) { return state_of(vm) >= VM_OFF; }

static bool change(struct vm *vm, enum vm_state from, enum vm_state to)
{
    return __atomic_compare_exchange_n(&vm->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Leaves the running or paused state, once; false if another hart was first. */
static bool leave_running(struct vm *vm, enum vm_state state)
{
    if (!change(vm, VM_RUNNING, state) && !change(vm, VM_PAUSED, state) && !change(vm, VM_RUNNING, state))
        return false;
    for (u32 i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpu[i].vm)
            sched_notify(&vm->vcpu[i]);
    console_finish(vm);
    return true;
}

void vm_restart(struct vm *vm)
{
    if (leave_running(vm, VM_RESTARTING))
        hv_log("%s: restarts", vm->label);
}

static bool all_stopped(const struct vm *vm)
{
    for (u32 i = 0; i < vm->vcpu_count; i++)
        if (sched_state(&vm->vcpu[i]) != VCPU_STOPPED)
            return false;
    return true;
}

/* Devices first, so that none of them goes on using the memory. */
void vm_parked(struct vm *vm)
{
    const char *error = NULL;

    spin_lock(&vm->turnover);
    bool restarts = state_of(vm) == VM_RESTARTING;
    if (vm->created && all_stopped(vm) && (restarts || vm_ended(vm))) {
        vdev_reset(vm);
        gstage_release(vm);
        if (restarts)
            error = boot(vm);
    }
    spin_unlock(&vm->turnover);
    if (error) {
        vm_stop(vm, VM_FAILED, "it cannot restart: %s", error);
        vm_parked(vm);
    }
}

const char *vm_reset(struct vm *vm)
{
    if (vm_ended(vm))
        return "it is not running: start it";
    vm_restart(vm);
    vm_parked(vm);                       /* if it had no vCPU on a hart, nobody else does this */
    return NULL;
}

const char *vm_start(struct vm *vm)
{
    if (!vm->created)
        return "it could not be set up";
    if (!change(vm, VM_OFF, VM_RESTARTING) && !change(vm, VM_FAILED, VM_RESTARTING))
        return "it has been started already";
    __atomic_add_fetch(&live, 1, __ATOMIC_ACQ_REL);
    hv_log("%s: starts", vm->label);
    vm_parked(vm);
    return NULL;
}

const char *vm_pause(struct vm *vm)
{
    if (!change(vm, VM_RUNNING, VM_PAUSED))
        return "it is not running";
    sched_hold(vm);
    hv_log("%s: paused", vm->label);
    return NULL;
}

const char *vm_resume(struct vm *vm)
{
    if (!sched_release(vm))
        return "it is not paused";
    hv_log("%s: goes on", vm->label);
    return NULL;
}

const char *vm_kill(struct vm *vm)
{
    if (vm_stopped(vm) && !vm_paused(vm))
        return "it is not running";
    vm_stop(vm, VM_OFF, "killed");
    vm_parked(vm);
    return NULL;
}

void vm_stop(struct vm *vm, enum vm_state state, const char *fmt, ...)
{
    char reason[200];
    va_list ap;

    va_start(ap, fmt);
    vformat(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    if (!leave_running(vm, state))
        return;
    hv_log("%s: %s: %s", vm->label, state == VM_OFF ? "off" : "stopped", reason);
    if (__atomic_sub_fetch(&live, 1, __ATOMIC_ACQ_REL) == 0)
        end_of_run();
}

void vm_input(struct vm *vm, char c)
{
    spin_lock(&vm->lock);
    u32 next = (vm->input_head + 1) % INPUT_SIZE;
    if (next != vm->input_tail) {
        vm->input[vm->input_head] = c;
        vm->input_head = next;
    }
    vdev_input(vm);
    fence_full();                         /* either this sees the flag or the suspending vCPU the character */
    for (u32 i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpu[i].wakes_on_input)
            sched_notify(&vm->vcpu[i]);
    spin_unlock(&vm->lock);
}

bool vm_input_ready(const struct vm *vm) { return vm->input_head != vm->input_tail; }

int vm_input_take(struct vm *vm)
{
    if (!vm_input_ready(vm))
        return -1;
    char c = vm->input[vm->input_tail];
    vm->input_tail = (vm->input_tail + 1) % INPUT_SIZE;
    return (u8)c;
}
