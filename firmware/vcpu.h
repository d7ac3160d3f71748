/* A virtual hart: its registers, what is pending for it, and where it stands in the scheduler. */
#ifndef VCPU_H
#define VCPU_H
#include "fences.h"
#include "hart.h"
#include "sbi/fwft.h"
#include "sbi/pmu.h"
#include "stats.h"

struct vm;

enum vcpu_state {
    VCPU_STOPPED,        /* not started, or stopped by SBI HSM */
    VCPU_RUNNABLE,       /* waits for a hart */
    VCPU_RUNNING,        /* loaded on a hart */
    VCPU_BLOCKED,        /* waits in WFI or HSM suspend */
    VCPU_HELD,           /* its VM is paused; goes on, or on waiting, when that is over */
};

/* The VS-level CSRs, and the S-level ones that have no VS twin (manual, VS CSRs): X(name). */
#define GUEST_CSRS(X) \
    X(vsstatus) X(vstvec) X(vsscratch) X(vsepc) X(vscause) X(vstval) X(vsatp) X(hie) X(hvip) \
    X(scounteren) X(senvcfg)

struct guest_trap { u64 cause, pc, gva, gpa; };

/* What traploop.c remembers: the trap that the guest stands in at every tick; while it watches, the last two. */
struct traploop {
    u64 pc, cause;
    u32 ticks, fetch_ticks, seen;
    bool watching;
    struct trap_state { u64 x[32], tval; } state[2];
};

/* While not on a hart; vector.S knows it by offset. */
struct vector_state {
    u64 vstart, vl, vtype, vcsr;
    u8 *registers;                           /* 32 of features.vlenb bytes */
    struct hart *hart;                       /* whose registers hold the same, if this is the owner there */
    bool used;                               /* since the reset */
};

struct vcpu {
    /* trap.S knows this part by offset. */
    u64 x[32], pc, sstatus, hstatus;
    u64 scause, stval, htval, htinst;        /* of the last exit */
    u64 host_sp, host_tp;
    u64 f[32], fcsr;
    u64 measured;                            /* 0, or what measuring adds: executed_* are to be kept */
    u64 executed_cycles, executed_insns;     /* in the guest, since it was created */

    struct vm *vm;
    u32 id;                                  /* the guest's hart id */

#define X(name) u64 name;
    struct { GUEST_CSRS(X) } csr;            /* while not loaded */
#undef X
    struct vector_state vector;
    u64 timecmp;                             /* guest time of its timer; in vstimecmp while loaded */

    /* Set by any hart, taken by the one that runs this vCPU before it enters the guest. */
    u32 requests;                            /* fences.c: what is to be fenced before the guest goes on */
    u32 soft_pending, ext_level;
    u32 in_guest;                            /* between vcpu_prepare and the exit; vcpu_access */

    /* Under the scheduler's lock. */
    enum vcpu_state state;
    struct vcpu *next;                       /* of those that sleep on the same hart */
    struct hart *hart;                       /* where it is loaded, or was last */
    u64 wake_at;                             /* host time; meaningful while BLOCKED */
    u64 since;                               /* when it entered its state; RUNNING: last charged up to here */
    u64 vtime;                               /* time it has run, for the order among its VM's vCPUs */
    bool woken;                              /* RUNNABLE since a wait has ended */

    bool wants_wait, wants_stop;             /* what the exit handler asks of the run loop */
    bool suspended;                          /* the wait is an HSM or a system suspend */
    bool wakes_on_input;                     /* and a key ends it (SUSP) */
    bool starting;                           /* between hart_start and its first time on a hart */
    struct fence_queue fences;
    struct fwft fwft;
    struct pmu pmu;

    struct guest_trap injected;              /* the last exception injected for want of memory or device */
    u32 stuck;                               /* how often the same one came again without progress */
    struct traploop traploop;

    u64 sta_gpa, sta_start;                  /* SBI STA: its shared memory, FOREVER: none; steal_time then */

    struct vcpu_stats stats;
};

/* Puts the vCPU into the state that SBI HSM hart_start promises: S-mode, satp = 0, a0 = hart id, a1 = arg. */
void vcpu_reset(struct vcpu *v, u64 pc, u64 arg);
void vcpu_load(struct vcpu *v);
void vcpu_put(struct vcpu *v);
/* Brings interrupts and fences asked for by others into effect; the guest is entered right after it. */
void vcpu_prepare(struct vcpu *v);
/* One of the guarded accesses of hart.h, made by the guest's translations: a fence waits for it as for the guest. */
int vcpu_access(struct vcpu *v, int (*move)(u64 gva, u64 *value), u64 gva, u64 *value);
void vcpu_enter(struct vcpu *v);             /* trap.S */

/* vector.c. Probing is once, on the boot hart; create fails without memory; load and put go with vcpu_load and
   vcpu_put. */
void vector_probe(void);
bool vector_create(struct vcpu *v);
void vector_reset(struct vcpu *v);
void vector_load(struct vcpu *v);
void vector_put(struct vcpu *v);

/* FP registers of a loaded vCPU, as raw bits. A write makes vsstatus.FS and sstatus.FS dirty, as the guest's would. */
u64 vcpu_read_f(struct vcpu *v, u32 n);
void vcpu_write_f(struct vcpu *v, u32 n, u64 value);

/* Guest time. */
u64 vcpu_time(const struct vcpu *v);
void vcpu_set_timer(struct vcpu *v, u64 guest_deadline);
/* Host time at which timecmp is reached; now if it has been. */
u64 vcpu_timer_due(const struct vcpu *v, u64 now);
/* True if an interrupt enabled in vsie is pending: what ends WFI. Loaded: CSRs; otherwise the saved state. */
bool vcpu_interrupt_pending(const struct vcpu *v, bool loaded, u64 now);

/* For any hart, any state. */
void vcpu_raise_soft(struct vcpu *v);
void vcpu_set_ext(struct vcpu *v, bool level);

/* Counts an event of the SBI, if a counter is set to it. */
static inline void pmu_count(struct vcpu *v, enum pmu_event event)
{
    if (v->pmu.armed & BIT(event))
        pmu_add(v, event, 1);
}
/* The guest has executed the instruction at pc with the hypervisor's help. */
void vcpu_retire(struct vcpu *v, u32 length);

/* Delivers an exception to VS-mode as the hart would. */
void vcpu_inject(struct vcpu *v, u64 cause, u64 tval);
/* The same for an access that found neither memory nor device; stops the VM if it can take no trap. */
void vcpu_inject_access_fault(struct vcpu *v, u64 cause, u64 gva, u64 gpa);
/* Stops the VM and says why: the cause in words, pc and addresses. */
void vcpu_fault(struct vcpu *v, const char *why, const struct guest_trap *t);
/* Stops it because its trap handler cannot be fetched, and tells which trap it could not take. `fetch` is the
   trap of the fetch itself. */
void vcpu_fault_untaken(struct vcpu *v, const struct guest_trap *fetch);
const char *cause_name(u64 cause);

void exit_handle(struct vcpu *v);            /* exits.c */

/* traploop.c: at every tick in a guest; at an exception that is the guest's, true if that ended it; when the vCPU
   has come to a hart, and before it leaves it. */
void traploop_tick(struct vcpu *v);
bool traploop_proved(struct vcpu *v);
void traploop_enter(struct vcpu *v);
void traploop_leave(struct vcpu *v);

/* htinst 0x3000 and 0x3020 (RV64): the walk of the guest's own page table met the fault, not the access itself. */
static inline bool exit_is_implicit(u64 htinst) { return (htinst & ~0x20ull) == 0x3000; }
#endif
