/* SBI PMU: a vCPU's own cycle and instret, which count while it executes, and firmware counters. */
#include "sbi/sbi.h"

enum { CSR_CYCLE = 0xc00, PAGE_MASK = PAGE_SIZE - 1 };

/* event_idx: type in bits 19:16, code below. */
enum { HW_CPU_CYCLES = 1, HW_INSTRUCTIONS = 2, TYPE_FIRMWARE = 0xf0000 };

enum { CFG_SKIP_MATCH = 1, CFG_CLEAR_VALUE = 2, CFG_AUTO_START = 4, CFG_FLAGS = 0xff };
enum { START_SET_INIT_VALUE = 1, START_INIT_SNAPSHOT = 2, STOP_RESET = 1, STOP_TAKE_SNAPSHOT = 2 };

/* The snapshot area, and an entry of event_get_info. */
struct snapshot { u64 overflow_bitmap, counter_values[64]; };
struct event_info { u32 event_idx, output; u64 event_data; };
enum { MAX_EVENT_INFOS = 4096 };                 /* in one call: the hart is busy meanwhile */

static bool is_hardware(u64 i) { return i < PMU_FIRST_FIRMWARE; }

static bool exists(u64 i)
{
    return i < PMU_COUNTERS && i != PMU_TIME && (features.counters || !is_hardware(i));
}

/* True if every counter of the set is one. */
static bool set_exists(u64 base, u64 mask)
{
    for (; mask; mask &= mask - 1)
        if (base > PMU_COUNTERS || !exists(base + (u64)__builtin_ctzll(mask)))
            return false;
    return true;
}

static bool monitors(u64 i, u64 event, u64 data)
{
    u64 code = event - TYPE_FIRMWARE;

    if (data || !exists(i))
        return false;
    if (is_hardware(i))
        return event == (i == PMU_CYCLE ? HW_CPU_CYCLES : HW_INSTRUCTIONS);
    return event >= TYPE_FIRMWARE && code < PMU_EVENTS;
}

static u64 executed(const struct vcpu *v, u64 i)
{
    return !is_hardware(i) ? 0 : i == PMU_CYCLE ? v->executed_cycles : v->executed_insns;
}

static u64 read(const struct vcpu *v, u64 i)
{
    const struct pmu_counter *c = &v->pmu.counter[i];

    return c->counting ? c->value + executed(v, i) : c->value;
}

/* Sets the counter to `value`, and lets it count or stand. */
static void set(struct vcpu *v, u64 i, u64 value, bool counting)
{
    extern const u64 world_switch_length;        /* trap.S */
    struct pmu *p = &v->pmu;

    p->counter[i].counting = counting;
    p->counter[i].value = counting ? value - executed(v, i) : value;
    p->armed = 0;
    for (u32 k = PMU_FIRST_FIRMWARE; k < PMU_COUNTERS; k++)
        if (p->counter[k].counting)
            p->armed |= (u32)BIT(p->counter[k].event - TYPE_FIRMWARE);
    v->measured = p->counter[PMU_CYCLE].counting || p->counter[PMU_INSTRET].counting ? world_switch_length : 0;
}

void pmu_reset(struct vcpu *v)
{
    v->pmu = (struct pmu){.shmem = FOREVER};
    set(v, PMU_CYCLE, 0, features.counters);
    set(v, PMU_INSTRET, 0, features.counters);
}

void pmu_add(struct vcpu *v, enum pmu_event event, u64 n)
{
    for (u32 i = PMU_FIRST_FIRMWARE; v->pmu.armed & BIT(event) && i < PMU_COUNTERS; i++)
        if (v->pmu.counter[i].counting && v->pmu.counter[i].event == (u32)TYPE_FIRMWARE + event)
            v->pmu.counter[i].value += n;
}

bool pmu_read_csr(const struct vcpu *v, u32 csr, u64 *value)
{
    u32 i = csr - CSR_CYCLE;

    if (!is_hardware(i) || !exists(i))
        return false;
    *value = read(v, i);
    return true;
}

static struct sbi_ret num_counters(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_ok(PMU_COUNTERS);
}

static struct sbi_ret counter_get_info(struct vcpu *v, const u64 *args)
{
    (void)v;
    if (!exists(args[0]))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    return sbi_ok(is_hardware(args[0]) ? 63 << 12 | (CSR_CYCLE + args[0]) : BIT(63));
}

/* The counter to configure, or -1. One that is configured keeps its event until it is stopped with RESET;
   SKIP_MATCH says that the caller knows better. */
static i64 find(const struct vcpu *v, u64 base, u64 mask, u64 flags, u64 event, u64 data)
{
    for (; mask; mask &= mask - 1) {
        u64 i = base + (u64)__builtin_ctzll(mask);
        const struct pmu_counter *c = &v->pmu.counter[i];
        bool is_free = flags & CFG_SKIP_MATCH ? !(c->event && c->counting) : !c->event;
        if (is_free && monitors(i, event, data))
            return (i64)i;
        if (flags & CFG_SKIP_MATCH)
            break;
    }
    return -1;
}

static struct sbi_ret counter_config_matching(struct vcpu *v, const u64 *args)
{
    u64 flags = args[2];

    if ((flags & ~(u64)CFG_FLAGS) || !set_exists(args[0], args[1]))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    i64 i = find(v, args[0], args[1], flags, args[3], args[4]);
    if (i < 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    u64 value = flags & CFG_CLEAR_VALUE ? 0 : read(v, (u64)i);
    v->pmu.counter[i].event = (u32)args[3];
    set(v, (u64)i, value, flags & CFG_AUTO_START);
    return sbi_ok((u64)i);
}

/* Calls fn with the snapshot area, if it is `wanted` and there is one. */
static struct sbi_ret with_snapshot(struct vcpu *v, const u64 *args, bool wanted,
                                    struct sbi_ret (*fn)(struct vcpu *v, const u64 *args, struct snapshot *s))
{
    if (!wanted || v->pmu.shmem == FOREVER)
        return fn(v, args, NULL);
    spin_lock(&v->vm->lock);
    struct sbi_ret ret = fn(v, args, vm_ram(v->vm, v->pmu.shmem, PAGE_SIZE));
    spin_unlock(&v->vm->lock);
    return ret;
}

static struct sbi_ret start(struct vcpu *v, const u64 *args, struct snapshot *s)
{
    u64 base = args[0], flags = args[2];
    i64 error = SBI_SUCCESS;

    if (flags > START_INIT_SNAPSHOT || !set_exists(base, args[1]))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    for (u64 mask = args[1]; mask; mask &= mask - 1)
        if (!v->pmu.counter[base + (u64)__builtin_ctzll(mask)].event)
            return sbi_error(SBI_ERR_INVALID_PARAM);
    if ((flags & START_INIT_SNAPSHOT) && !s)
        return sbi_error(SBI_ERR_NO_SHMEM);
    for (u64 mask = args[1]; mask; mask &= mask - 1) {
        u64 bit = (u64)__builtin_ctzll(mask), i = base + bit;
        if (v->pmu.counter[i].counting)
            error = SBI_ERR_ALREADY_STARTED;
        else
            set(v, i, s ? s->counter_values[bit] : flags & START_SET_INIT_VALUE ? args[3] : read(v, i), true);
    }
    return sbi_error(error);
}

static struct sbi_ret counter_start(struct vcpu *v, const u64 *args)
{
    return with_snapshot(v, args, args[2] & START_INIT_SNAPSHOT, start);
}

static struct sbi_ret stop(struct vcpu *v, const u64 *args, struct snapshot *s)
{
    u64 base = args[0], flags = args[2];
    i64 error = SBI_SUCCESS;

    if ((flags & ~(u64)(STOP_RESET | STOP_TAKE_SNAPSHOT)) || !set_exists(base, args[1]))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if ((flags & STOP_TAKE_SNAPSHOT) && !s)
        return sbi_error(SBI_ERR_NO_SHMEM);
    for (u64 mask = args[1]; mask; mask &= mask - 1) {
        u64 bit = (u64)__builtin_ctzll(mask), i = base + bit;
        struct pmu_counter *c = &v->pmu.counter[i];
        if (!c->event || !c->counting)
            error = SBI_ERR_ALREADY_STOPPED;
        else
            set(v, i, read(v, i), false);
        if (flags & STOP_RESET)
            c->event = 0;
        if (s)
            s->counter_values[bit] = read(v, i);
    }
    if (s)
        s->overflow_bitmap = 0;                  /* no Sscofpmf */
    return sbi_error(error);
}

static struct sbi_ret counter_stop(struct vcpu *v, const u64 *args)
{
    return with_snapshot(v, args, args[2] & STOP_TAKE_SNAPSHOT, stop);
}

static struct sbi_ret counter_fw_read(struct vcpu *v, const u64 *args)
{
    if (!exists(args[0]) || is_hardware(args[0]))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    return sbi_ok(read(v, args[0]));
}

static struct sbi_ret counter_fw_read_hi(struct vcpu *v, const u64 *args)
{
    struct sbi_ret low = counter_fw_read(v, args);

    return low.error ? low : sbi_ok(0);          /* XLEN is 64 */
}

static struct sbi_ret snapshot_set_shmem(struct vcpu *v, const u64 *args)
{
    bool none = args[0] == FOREVER && args[1] == FOREVER;

    if (args[2] || (!none && (args[0] & PAGE_MASK)))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!none && (args[1] || !vm_ram(v->vm, args[0], PAGE_SIZE)))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    v->pmu.shmem = args[0];
    return sbi_ok(0);
}

/* An SBI error code, 0 is success. */
static i64 tell_event(struct event_info *at)
{
    struct event_info info;
    bool supported = false;

    memcpy(&info, at, sizeof(info));
    if (info.event_idx >> 20)
        return SBI_ERR_INVALID_PARAM;
    /* event_data is meant for raw and firmware events alone; elsewhere it is not looked at. */
    u64 data = info.event_idx >= 2 << 16 ? info.event_data : 0;
    for (u64 i = 0; i < PMU_COUNTERS; i++)
        supported |= monitors(i, info.event_idx, data);
    at->output = supported;
    return SBI_SUCCESS;
}

static struct sbi_ret event_get_info(struct vcpu *v, const u64 *args)
{
    u64 count = args[2];

    if (args[3] || args[0] % sizeof(struct event_info))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (args[1] || count > FOREVER / sizeof(struct event_info))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    if (count > MAX_EVENT_INFOS)
        return sbi_error(SBI_ERR_FAILED);
    if (!vm_is_ram(v->vm, args[0], count * sizeof(struct event_info)))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    i64 error = SBI_SUCCESS;
    for (u64 k = 0; k < count && !error; k++) {
        spin_lock(&v->vm->lock);
        struct event_info *at = vm_ram(v->vm, args[0] + k * sizeof(*at), sizeof(*at));
        error = at ? tell_event(at) : SBI_ERR_FAILED;
        spin_unlock(&v->vm->lock);
    }
    return sbi_error(error);
}

static const struct sbi_function functions[] = {
    {"num_counters", 0, num_counters, false},
    {"counter_get_info", 1, counter_get_info, false},
    {"counter_config_matching", 5, counter_config_matching, false},
    {"counter_start", 4, counter_start, false},
    {"counter_stop", 3, counter_stop, false},
    {"counter_fw_read", 1, counter_fw_read, false},
    {"counter_fw_read_hi", 1, counter_fw_read_hi, false},
    {"snapshot_set_shmem", 3, snapshot_set_shmem, false},
    {"event_get_info", 4, event_get_info, false},
};

const struct sbi_ext sbi_pmu = {"PMU", 0x504d55, 0x504d55, SBI_FUNCTIONS(functions), false};
