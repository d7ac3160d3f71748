/* Harts: probing, set-up of the HS-level CSRs, start of the others, timer and inter-hart kick. */
#include "hart.h"
#include "console.h"
#include "drivers/drivers.h"
#include "sbi/fwft.h"
#include "sched.h"

struct hart harts[MAX_HARTS];
u32 hart_count;
struct features features;

_Static_assert(offsetof(struct hart, guard) == HART_GUARD, "trap.S");
_Static_assert(offsetof(struct hart, stack_top) == HART_STACK_TOP, "boot.S");
_Static_assert(offsetof(struct hart, id) == HART_ID && sizeof(struct hart) == HART_SIZE, "boot.S");

/* What a guest kernel handles itself. The rest - ECALL from VS, guest-page faults, virtual instructions -
   cannot be delegated (manual, hedeleg). */
static const u64 delegated_exceptions =
    BIT(CAUSE_FETCH_MISALIGNED) | BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_STORE_MISALIGNED) |
    BIT(CAUSE_FETCH_ACCESS) | BIT(CAUSE_LOAD_ACCESS) | BIT(CAUSE_STORE_ACCESS) |
    BIT(CAUSE_FETCH_PAGE) | BIT(CAUSE_LOAD_PAGE) | BIT(CAUSE_STORE_PAGE) |
    BIT(CAUSE_ILLEGAL) | BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_ECALL_U);
static const u64 delegated_interrupts = BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_TIMER) | BIT(IRQ_VS_EXT);
static const u64 guest_stateen = BIT(62);                         /* senvcfg */

static const struct { u64 mode; u32 levels; } gstage_modes[] = {
    {HGATP_SV39X4, 3}, {HGATP_SV48X4, 4}, {HGATP_SV57X4, 5},
};

const char *hart_probe(void)
{
    const u64 wanted = HENVCFG_STCE | HENVCFG_PBMTE | HENVCFG_CBZE | HENVCFG_CBCFE | HENVCFG_CBIE_FLUSH;
    u64 value;

    if (probe_hgatp(0, &value))
        return "no H extension";
    if (probe_henvcfg(0, &value) == 0) {
        csr_write(henvcfg, wanted);
        features.henvcfg = csr_read(henvcfg) & wanted;
        features.has_henvcfg = true;
    }
    features.sstc = (features.henvcfg & HENVCFG_STCE) && probe_stimecmp(0, &value) == 0;
    if (!features.sstc)
        features.henvcfg &= ~HENVCFG_STCE;
    fwft_probe();
    features.counters = probe_cycle(0, &value) == 0 && probe_instret(0, &value) == 0;
    features.stateen = probe_hstateen0(0, &value) == 0;
    vector_probe();

    for (u32 i = 0; i < ARRAY_LEN(gstage_modes) && !features.gstage_levels; i++) {
        csr_write(hgatp, gstage_modes[i].mode << HGATP_MODE_SHIFT | HGATP_VMID_MASK << HGATP_VMID_SHIFT);
        value = csr_read(hgatp);
        if (value >> HGATP_MODE_SHIFT != gstage_modes[i].mode)
            continue;
        features.hgatp_mode = gstage_modes[i].mode;
        features.gstage_levels = gstage_modes[i].levels;
        for (value = value >> HGATP_VMID_SHIFT & HGATP_VMID_MASK; value; value >>= 1)
            features.vmid_bits++;
    }
    csr_write(hgatp, 0);
    if (!features.gstage_levels)
        return "no G-stage translation";
    return probe_time(0, &value) ? "no time CSR" : NULL;
}

void hart_delegate(bool to_guest) { csr_write(hedeleg, to_guest ? delegated_exceptions : 0); }

void hart_init(void)
{
    hart_delegate(true);
    csr_write(hideleg, delegated_interrupts);
    csr_write(hcounteren, COUNTEREN_TM);
    csr_write(hvip, 0);
    csr_write(hie, 0);
    csr_write(hgatp, 0);
    if (features.has_henvcfg)
        csr_write(henvcfg, features.henvcfg);
    if (features.stateen)
        csr_write(hstateen0, guest_stateen);
    hfence_gvma_all();
    csr_write(sie, BIT(IRQ_S_SOFT) | BIT(IRQ_S_EXT));
    this_hart()->armed = 0;
    hart_arm_timer(FOREVER);
}

void hart_arm_timer(u64 deadline)
{
    struct hart *h = this_hart();

    if (h->armed == deadline)
        return;
    h->armed = deadline;
    if (deadline == FOREVER)             /* see TIME_NEVER */
        csr_clear(sie, BIT(IRQ_S_TIMER));
    else
        csr_set(sie, BIT(IRQ_S_TIMER));
    if (features.sstc)
        csr_write(stimecmp, deadline);
    else
        sbi_set_timer(deadline);
}

void hart_kick(struct hart *h) { sbi_send_ipi(h->id); }

void secondary_start(void);

void secondary_main(void) __attribute__((noreturn));
void secondary_main(void)
{
    hart_init();
    sched_run();
}

void harts_prepare(void)
{
    for (u32 i = 0; i < hart_count; i++) {
        u64 stack = &harts[i] == this_hart() ? 0 : ram_take(STACK_SIZE, PAGE_SIZE);
        harts[i].stack_top = stack ? stack + STACK_SIZE : 0;
    }
}

void harts_start(void)
{
    extern u32 harts_may_run;

    __atomic_store_n(&harts_may_run, 1, __ATOMIC_RELEASE);
    for (u32 i = 0; i < hart_count; i++) {
        struct hart *h = &harts[i];
        i64 error = h->stack_top ? sbi_hart_start(h->id, (u64)secondary_start, (u64)h) : 0;
        if (error && error != SBI_ERR_ALREADY_AVAILABLE)
            hv_log("hart %lu does not start (SBI error %ld)", h->id, error);
    }
}

void hs_panic(u64 scause, u64 sepc, u64 stval)
{
    console_seize();
    hv_log("hypervisor bug: scause 0x%lx at pc 0x%lx, stval 0x%lx", scause, sepc, stval);
    sbi_shutdown(true);
}
