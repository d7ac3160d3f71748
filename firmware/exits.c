/* Why a guest came out, and what is done about it: one table by cause, one for interrupts. */
#include "sbi/sbi.h"
#include "sched.h"
#include "vm.h"
#include "drivers/drivers.h"

enum { WFI_INSN = 0x10500073, WRS_NTO_INSN = 0x00d00073 };

static u64 exit_gpa(const struct vcpu *v) { return v->htval << 2 | (v->stval & 3); }

static void exit_unknown(struct vcpu *v)
{
    struct guest_trap t = {v->scause, v->pc, v->stval, exit_gpa(v)};

    vcpu_fault(v, "a trap that it cannot handle itself", &t);
}

/* The guest's own affair: what M-mode firmware passes on because it is not delegated and cannot be emulated, and
   everything while traploop.c watches. */
static void exit_forward(struct vcpu *v)
{
    if (!traploop_proved(v))
        vcpu_inject(v, v->scause, v->stval);
}

static void exit_ecall(struct vcpu *v)
{
    v->pc += 4;                          /* ECALL has no compressed form */
    sbi_handle(v);
}

/* A read of a counter that hcounteren keeps from the guest, as it has its own: CSRRS or CSRRC, with an immediate
   or not, whose operand is 0. False: it is not one, or the guest may not read it. */
static bool read_counter(struct vcpu *v, u32 insn)
{
    u32 csr = insn >> 20, rd = insn >> 7 & 31;
    bool from_supervisor = v->sstatus & SSTATUS_SPP;
    u64 value;

    if ((insn & 0xfa07f) != 0x02073 || !pmu_read_csr(v, csr, &value))
        return false;
    if (!from_supervisor && !(csr_read(scounteren) >> (csr & 31) & 1))
        return false;
    if (rd)
        v->x[rd] = value;
    vcpu_retire(v, 4);
    return true;
}

/* VTW makes both waits trap. WRS.NTO waits for a store by another hart, which may be a vCPU without one. */
static void exit_virtual_instruction(struct vcpu *v)
{
    bool from_supervisor = v->sstatus & SSTATUS_SPP;
    /* Fetched anew: stval may be 0 (manual) or stale (QEMU 7.2). A fetch that faults is left to the guest. */
    u32 insn = guest_instruction(v);

    if (!insn)
        return;
    if (insn == WFI_INSN && from_supervisor) {
        vcpu_retire(v, 4);
        v->wants_wait = !vcpu_interrupt_pending(v, true, rdtime()) && !virtio_unfinished(v->vm);
    } else if (insn == WRS_NTO_INSN) {
        vcpu_retire(v, 4);
        sched_yield();
    } else if (!read_counter(v, insn)) {
        /* What is left are H's instructions and CSRs, which a guest lacks. */
        vcpu_inject(v, CAUSE_ILLEGAL, insn);
    }
}

static void guest_page_fault(struct vcpu *v, u64 access_fault)
{
    u64 gpa = exit_gpa(v);

    bool implicit = exit_is_implicit(v->htinst);
    bool write = implicit ? v->htinst & 0x20 : access_fault == CAUSE_STORE_ACCESS;

    if (gstage_populate(v->vm, gpa, write))
        hfence_gvma_all();
    else if (access_fault == CAUSE_FETCH_ACCESS || implicit)
        vcpu_inject_access_fault(v, access_fault, v->stval, gpa);
    else
        mmio_access(v, gpa);
}

static void exit_fetch_fault(struct vcpu *v) { guest_page_fault(v, CAUSE_FETCH_ACCESS); }
static void exit_load_fault(struct vcpu *v) { guest_page_fault(v, CAUSE_LOAD_ACCESS); }
static void exit_store_fault(struct vcpu *v) { guest_page_fault(v, CAUSE_STORE_ACCESS); }

static void exit_timer(struct vcpu *v)
{
    sched_timer();
    traploop_tick(v);
}

static void exit_soft(struct vcpu *v)
{
    (void)v;                             /* a kick: vcpu_prepare or the run loop sees what it was for */
    csr_clear(sip, BIT(IRQ_S_SOFT));
}

static void exit_external(struct vcpu *v)
{
    (void)v;
    plic_handle();
}

typedef void (*exit_handler)(struct vcpu *);

static const exit_handler exception_exits[] = {
    [CAUSE_FETCH_MISALIGNED] = exit_forward,
    [CAUSE_FETCH_ACCESS] = exit_forward,
    [CAUSE_ILLEGAL] = exit_forward,
    [CAUSE_BREAKPOINT] = exit_forward,
    [CAUSE_LOAD_MISALIGNED] = exit_forward,
    [CAUSE_LOAD_ACCESS] = exit_forward,
    [CAUSE_STORE_MISALIGNED] = exit_forward,
    [CAUSE_STORE_ACCESS] = exit_forward,
    [CAUSE_ECALL_U] = exit_forward,
    [CAUSE_FETCH_PAGE] = exit_forward,
    [CAUSE_LOAD_PAGE] = exit_forward,
    [CAUSE_STORE_PAGE] = exit_forward,
    [CAUSE_ECALL_VS] = exit_ecall,
    [CAUSE_FETCH_GUEST_PAGE] = exit_fetch_fault,
    [CAUSE_LOAD_GUEST_PAGE] = exit_load_fault,
    [CAUSE_VIRTUAL_INSTRUCTION] = exit_virtual_instruction,
    [CAUSE_STORE_GUEST_PAGE] = exit_store_fault,
};

static const exit_handler interrupt_exits[] = {
    [IRQ_S_SOFT] = exit_soft,
    [IRQ_S_TIMER] = exit_timer,
    [IRQ_S_EXT] = exit_external,
};

void exit_handle(struct vcpu *v)
{
    u64 code = v->scause & ~CAUSE_INTERRUPT;
    bool interrupt = v->scause & CAUSE_INTERRUPT;
    const exit_handler *table = interrupt ? interrupt_exits : exception_exits;
    u64 length = interrupt ? ARRAY_LEN(interrupt_exits) : ARRAY_LEN(exception_exits);
    exit_handler handler = code < length ? table[code] : NULL;

    v->stats.exits[stat_cause(v->scause)]++;
    (handler ? handler : exit_unknown)(v);
}
