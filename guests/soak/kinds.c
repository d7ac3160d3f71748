/* Timer interrupts and interprocessor interrupts. */
#include "soak.h"

static bool has_sstc;
static u64 wakes_sent, wakes_seen; /* one that meets a counted IPI is not seen */
static u64 deadlines[MAX_HARTS]; /* ~0: none is under way */

void timers_init(const void *dtb)
{
    const char *isa = fdt_string(dtb, fdt_device_type(dtb, -1, "cpu"), "riscv,isa");
    for (; isa && *isa; isa++)
        has_sstc |= strncmp(isa, "_sstc", 5) == 0;
    timebase = fdt_u32(dtb, fdt_path(dtb, "/cpus"), "timebase-frequency", 10000000);
    for (int hart = 0; hart < MAX_HARTS; hart++)
        deadlines[hart] = -1ul;
}

/* Both ways set the same timer: stimecmp without the hypervisor's knowledge, the SBI through it. */
static void set_timer(u64 deadline, bool through_sbi)
{
    if (has_sstc && !through_sbi)
        CSR_WRITE(stimecmp, deadline);
    else
        sbi_set_timer(deadline);
}

void rest_timer(u64 ticks) { set_timer(ticks == -1ul ? ticks : read_time() + ticks, false); }

/* In the past, now, and 1 to 50 microseconds ahead. */
void ask_timer(u64 turn)
{
    static const u64 ahead_us[] = { 0, 1, 0, 5, 0, 0, 50, 0 };
    u64 wait = ahead_us[turn % 8] * (timebase / 1000000);
    rest_timer(-1ul);
    u64 deadline = turn % 8 == 2 ? 0 : read_time() + wait;
    deadlines[self()] = deadline;
    set_timer(deadline, turn & 8);
}

void timer_interrupt(void)
{
    u64 hart = self(), deadline = deadlines[hart];
    set_timer(-1ul, false);
    if (deadline == -1ul)
        return; /* a rest is over */
    deadlines[hart] = -1ul;
    /* Who changes harts in this handler may find another clock: rvh's are up to 10 microseconds apart. */
    if (read_time() + timebase / 50000 < deadline)
        FAIL("hart %lu: a timer interrupt came before its time", hart);
    taken(hart, TIMER);
}

void ask_ipi(u64 turn)
{
    u64 target = hart_ids[(self() + shift) % harts];
    struct sbi_result result = turn % 2 ? sbi_send_ipi(1ul << target, 0) : sbi_send_ipi(1, target);
    if (result.error)
        FAIL("send_ipi to hart %lu failed", target);
}

void soft_interrupt(void)
{
    u64 asker = (self() + harts - shift) % harts;
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    fence();
    if (under_way(&accounts[asker][IPI]))
        taken(asker, IPI);
    else if (__atomic_add_fetch(&wakes_seen, 1, __ATOMIC_ACQ_REL) > __atomic_load_n(&wakes_sent, __ATOMIC_ACQUIRE))
        FAIL("hart %lu took an interrupt too many: ipi", self());
}

void wake_others(void)
{
    __atomic_add_fetch(&wakes_sent, harts - 1, __ATOMIC_ACQ_REL);
    for (u64 hart = 0; hart < harts; hart++)
        if (hart != self())
            sbi_send_ipi(1, hart_ids[hart]);
}

void hold_pending(u64 ticks)
{
    u64 begin = read_time();
    while (read_time() - begin < ticks && !(CSR_READ(sip) & 1 << IRQ_SOFT))
        cpu_relax();
    if (CSR_READ(sip) & 1 << IRQ_SOFT)
        while (read_time() - begin < ticks)
            cpu_relax();
}
