/* vCPU state: loading and saving it, injecting traps and interrupts into it. */
#include "vm.h"
#include "sched.h"

#define SAME_IN_ASSEMBLY(field, offset) _Static_assert(offsetof(struct vcpu, field) == (offset), "trap.S")
SAME_IN_ASSEMBLY(pc, VCPU_PC);
SAME_IN_ASSEMBLY(scause, VCPU_SCAUSE);
SAME_IN_ASSEMBLY(host_sp, VCPU_HOST_SP);
SAME_IN_ASSEMBLY(f, VCPU_F(0));
SAME_IN_ASSEMBLY(fcsr, VCPU_FCSR);
SAME_IN_ASSEMBLY(measured, VCPU_MEASURED);
SAME_IN_ASSEMBLY(executed_cycles, VCPU_CYCLES);
SAME_IN_ASSEMBLY(executed_insns, VCPU_INSNS);

enum { STUCK_LIMIT = 64 };

void fp_save(struct vcpu *v);
void fp_restore(struct vcpu *v);

void vcpu_reset(struct vcpu *v, u64 pc, u64 arg)
{
    memset(v->x, 0, sizeof(v->x));
    memset(v->f, 0, sizeof(v->f));
    memset(&v->csr, 0, sizeof(v->csr));
    v->fcsr = 0;
    v->x[10] = v->id;
    v->x[11] = arg;
    v->pc = pc;
    v->sstatus = SSTATUS_SPP | SSTATUS_FS_CLEAN | SSTATUS_UXL_64;
    v->hstatus = HSTATUS_VSXL_64 | HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VTW;
    v->csr.vsstatus = SSTATUS_FS_INITIAL | SSTATUS_VS_INITIAL | SSTATUS_UXL_64;
    vector_reset(v);
    v->csr.scounteren = GUEST_COUNTERS;      /* as M-mode firmware leaves it; Linux's vDSO reads time */
    v->timecmp = TIME_NEVER;
    vcpu_request_all(v);
    v->soft_pending = v->stuck = v->traploop.ticks = v->traploop.fetch_ticks = 0;
    v->wants_stop = v->suspended = v->wakes_on_input = false;
    v->starting = true;
    v->fwft = (struct fwft){0};
    pmu_reset(v);
    v->sta_gpa = FOREVER;
}

void vcpu_load(struct vcpu *v)
{
    struct hart *h = this_hart();

#define X(name) csr_write(name, v->csr.name);
    GUEST_CSRS(X)
#undef X
    csr_write(htimedelta, v->vm->time_delta);
    if (features.has_henvcfg)
        csr_write(henvcfg, features.henvcfg | v->fwft.henvcfg);
    if (features.sstc)
        csr_write(vstimecmp, v->timecmp);
    csr_write(hgatp, gstage_hgatp(v->vm));
    gstage_sync(v->vm);
    if (!v->vm->vmid)
        hfence_gvma_all();
    /* VS-stage entries carry VMID and ASID only: those of a sibling, or of an earlier stay, may lie. */
    if (h->last_vcpu[v->vm->index] != v || v->hart != h || !v->vm->vmid) {
        hfence_vvma_all();
        fence_i();
    }
    h->last_vcpu[v->vm->index] = v;
    v->hart = h;
    v->starting = v->wakes_on_input = false;
    csr_set(sstatus, SSTATUS_FS);
    fp_restore(v);
    v->sstatus = (v->sstatus & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
    vector_load(v);
    traploop_enter(v);
}

void vcpu_put(struct vcpu *v)
{
    traploop_leave(v);
#define X(name) v->csr.name = csr_read(name);
    GUEST_CSRS(X)
#undef X
    /* VSTIP and VSEIP are worked out anew at every entry; some machines read the timer back through hvip. */
    v->csr.hvip &= BIT(IRQ_VS_SOFT);
    if (features.sstc) {
        v->timecmp = csr_read(vstimecmp);
        csr_write(vstimecmp, FOREVER);
    }
    csr_write(hie, 0);                   /* nothing that is left of this vCPU ends the hart's WFI */
    csr_set(sstatus, SSTATUS_FS);
    if ((v->sstatus & SSTATUS_FS) == SSTATUS_FS)
        fp_save(v);
    else
        v->fcsr = csr_read(fcsr);        /* QEMU leaves sstatus.FS as it is when a guest writes this */
    vector_put(v);
}

u64 vcpu_read_f(struct vcpu *v, u32 n)
{
    csr_set(sstatus, SSTATUS_FS);
    fp_save(v);
    return v->f[n];
}

void vcpu_write_f(struct vcpu *v, u32 n, u64 value)
{
    csr_set(sstatus, SSTATUS_FS);
    fp_save(v);
    v->f[n] = value;
    fp_restore(v);
    v->sstatus |= SSTATUS_FS;
    csr_set(vsstatus, SSTATUS_FS);
}

/* Sets or clears a bit of hvip without touching the guest's own VSSIP. */
static void hvip_level(u64 bit, bool level)
{
    if (level)
        csr_set(hvip, bit);
    else
        csr_clear(hvip, bit);
}

static void begin_translating(struct vcpu *v)
{
    __atomic_store_n(&v->in_guest, 1, __ATOMIC_RELEASE);
    fence_full();
    if (__atomic_load_n(&v->requests, __ATOMIC_RELAXED))
        vcpu_run_requests(v);
}

int vcpu_access(struct vcpu *v, int (*move)(u64 gva, u64 *value), u64 gva, u64 *value)
{
    begin_translating(v);
    int cause = move(gva, value);
    __atomic_store_n(&v->in_guest, 0, __ATOMIC_RELEASE);
    return cause;
}

void vcpu_prepare(struct vcpu *v)
{
    begin_translating(v);
    if (__atomic_load_n(&v->soft_pending, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&v->soft_pending, 0, __ATOMIC_ACQUIRE)) {
        csr_set(hvip, BIT(IRQ_VS_SOFT));
        pmu_count(v, PMU_IPI_RECEIVED);
    }
    hvip_level(BIT(IRQ_VS_EXT), __atomic_load_n(&v->ext_level, __ATOMIC_ACQUIRE));
    if (!features.sstc)
        hvip_level(BIT(IRQ_VS_TIMER), vcpu_time(v) >= v->timecmp);
}

u64 vcpu_time(const struct vcpu *v) { return rdtime() + v->vm->time_delta; }

void vcpu_set_timer(struct vcpu *v, u64 guest_deadline)
{
    v->timecmp = min_u64(guest_deadline, TIME_NEVER);
    if (features.sstc)
        csr_write(vstimecmp, v->timecmp);
}

u64 vcpu_timer_due(const struct vcpu *v, u64 now)
{
    u64 guest_now = now + v->vm->time_delta, left = v->timecmp > guest_now ? v->timecmp - guest_now : 0;

    return v->timecmp >= TIME_NEVER || left > FOREVER - now ? FOREVER : now + left;
}

bool vcpu_interrupt_pending(const struct vcpu *v, bool loaded, u64 now)
{
    u64 pending = loaded ? csr_read(hvip) : v->csr.hvip, enabled = loaded ? csr_read(hie) : v->csr.hie;
    u64 timecmp = loaded && features.sstc ? csr_read(vstimecmp) : v->timecmp;

    pending &= BIT(IRQ_VS_SOFT);
    if (__atomic_load_n(&v->soft_pending, __ATOMIC_ACQUIRE))
        pending |= BIT(IRQ_VS_SOFT);
    if (__atomic_load_n(&v->ext_level, __ATOMIC_ACQUIRE))
        pending |= BIT(IRQ_VS_EXT);
    if (now + v->vm->time_delta >= timecmp)
        pending |= BIT(IRQ_VS_TIMER);
    return (pending & enabled) || (v->wakes_on_input && vm_input_ready(v->vm));
}

void vcpu_raise_soft(struct vcpu *v)
{
    __atomic_store_n(&v->soft_pending, 1, __ATOMIC_RELEASE);
    sched_notify(v);
}

void vcpu_set_ext(struct vcpu *v, bool level)
{
    if (__atomic_exchange_n(&v->ext_level, level, __ATOMIC_ACQ_REL) != level)
        sched_notify(v);
}

void vcpu_retire(struct vcpu *v, u32 length)
{
    v->pc += length;
    v->executed_cycles++;
    v->executed_insns++;
}

/* The traps that are events of the PMU. */
static const enum pmu_event trap_events[] = {
    [CAUSE_ILLEGAL] = PMU_ILLEGAL_INSN, [CAUSE_LOAD_MISALIGNED] = PMU_MISALIGNED_LOAD,
    [CAUSE_LOAD_ACCESS] = PMU_ACCESS_LOAD, [CAUSE_STORE_MISALIGNED] = PMU_MISALIGNED_STORE,
    [CAUSE_STORE_ACCESS] = PMU_ACCESS_STORE,
};

void vcpu_inject(struct vcpu *v, u64 cause, u64 tval)
{
    u64 status = csr_read(vsstatus), was_supervisor = v->sstatus & SSTATUS_SPP;

    if (cause < ARRAY_LEN(trap_events) && (trap_events[cause] || cause == CAUSE_LOAD_MISALIGNED))
        pmu_count(v, trap_events[cause]);
    csr_write(vsepc, v->pc);
    csr_write(vscause, cause);
    csr_write(vstval, tval);
    csr_write(vsstatus, (status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) | was_supervisor |
                        (status & SSTATUS_SIE ? SSTATUS_SPIE : 0));
    v->sstatus |= SSTATUS_SPP;
    v->pc = csr_read(vstvec) & ~3ull;
}

void vcpu_fault_untaken(struct vcpu *v, const struct guest_trap *fetch)
{
    /* The VS CSRs tell of the trap that the handler was to take, unless the fetch has overwritten them. */
    struct guest_trap first = {csr_read(vscause), csr_read(vsepc), csr_read(vstval), 0};

    if (first.pc == v->injected.pc)
        first.gpa = v->injected.gpa;
    vcpu_fault(v, "its trap handler cannot be fetched", first.pc == fetch->pc ? fetch : &first);
}

void vcpu_inject_access_fault(struct vcpu *v, u64 cause, u64 gva, u64 gpa)
{
    struct guest_trap t = {cause, v->pc, gva, gpa};
    u64 handler = csr_read(vstvec) & ~3ull;

    if (cause == CAUSE_FETCH_ACCESS && v->pc == handler) {
        vcpu_fault_untaken(v, &t);
        return;
    }
    /* vsepc still on this very instruction means that the handler ran into the same fault again. */
    bool again = csr_read(vsepc) == v->pc && v->injected.pc == v->pc && v->injected.gva == gva;
    v->stuck = again ? v->stuck + 1 : 0;
    if (v->stuck == STUCK_LIMIT) {
        vcpu_fault(v, "its trap handler faults for ever", &t);
        return;
    }
    v->injected = t;
    vcpu_inject(v, cause, gva);
}

static const char *const cause_names[] = {
    [CAUSE_FETCH_MISALIGNED] = "misaligned fetch", [CAUSE_FETCH_ACCESS] = "fetch access fault",
    [CAUSE_ILLEGAL] = "illegal instruction", [CAUSE_BREAKPOINT] = "breakpoint",
    [CAUSE_LOAD_MISALIGNED] = "misaligned load", [CAUSE_LOAD_ACCESS] = "load access fault",
    [CAUSE_STORE_MISALIGNED] = "misaligned store", [CAUSE_STORE_ACCESS] = "store access fault",
    [CAUSE_ECALL_U] = "ECALL from VU-mode", [CAUSE_ECALL_S] = "ECALL from HS-mode",
    [CAUSE_ECALL_VS] = "ECALL from VS-mode", [CAUSE_FETCH_PAGE] = "fetch page fault",
    [CAUSE_LOAD_PAGE] = "load page fault", [CAUSE_STORE_PAGE] = "store page fault",
    [CAUSE_FETCH_GUEST_PAGE] = "fetch guest-page fault", [CAUSE_LOAD_GUEST_PAGE] = "load guest-page fault",
    [CAUSE_VIRTUAL_INSTRUCTION] = "virtual instruction", [CAUSE_STORE_GUEST_PAGE] = "store guest-page fault",
};

const char *cause_name(u64 cause)
{
    return cause < ARRAY_LEN(cause_names) && cause_names[cause] ? cause_names[cause] : "unknown trap";
}

void vcpu_fault(struct vcpu *v, const char *why, const struct guest_trap *t)
{
    static const u64 access = BIT(CAUSE_FETCH_ACCESS) | BIT(CAUSE_LOAD_ACCESS) | BIT(CAUSE_STORE_ACCESS) |
        BIT(CAUSE_FETCH_GUEST_PAGE) | BIT(CAUSE_LOAD_GUEST_PAGE) | BIT(CAUSE_STORE_GUEST_PAGE);
    static const u64 address = access | BIT(CAUSE_FETCH_MISALIGNED) | BIT(CAUSE_LOAD_MISALIGNED) |
        BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_FETCH_PAGE) | BIT(CAUSE_LOAD_PAGE) | BIT(CAUSE_STORE_PAGE);
    char where[64] = "";
    u64 kind = BIT(t->cause & 63);

    if (kind & access)
        format(where, sizeof(where), ", gva 0x%lx, gpa 0x%lx", t->gva, t->gpa);
    else if (kind & address)
        format(where, sizeof(where), ", gva 0x%lx", t->gva);
    else if (t->cause == CAUSE_ILLEGAL)
        format(where, sizeof(where), ", instruction 0x%lx", t->gva);
    vm_stop(v->vm, VM_FAILED, "%s (vcpu %u: %s at pc 0x%lx%s)", why, v->id, cause_name(t->cause), t->pc,
            where);
}
