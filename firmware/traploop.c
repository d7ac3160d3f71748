/* Finds out whether a guest traps for ever inside its own trap handler. It would do so without an exit, in its own
   time; but it will never say so, and nobody could tell it from one that computes. */
#include "vm.h"

enum { FETCH_TICKS = 3, SUSPECT_TICKS = 20, PROOF = 64 };

/* Between a trap and the next SRET vsstatus is like this if the trap came with interrupts off, as one in a handler
   does; an SRET sets SPIE and clears SPP. */
static bool in_handler(u64 status)
{
    return (status & (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP)) == SSTATUS_SPP;
}

/* A page table that does not reach the handler makes a loop of one trap, that of the handler's fetch. */
static void check_fetch(struct vcpu *v)
{
    struct traploop *loop = &v->traploop;
    u64 handler = csr_read(vstvec) & ~3ull, cause = csr_read(vscause);
    bool looping = v->pc == handler && csr_read(vsepc) == handler &&
                   (cause == CAUSE_FETCH_PAGE || cause == CAUSE_FETCH_ACCESS);

    loop->fetch_ticks = looping ? loop->fetch_ticks + 1 : 0;
    if (loop->fetch_ticks == FETCH_TICKS) {
        struct guest_trap t = {cause, v->pc, csr_read(vstval), 0};
        vcpu_fault_untaken(v, &t);
    }
}

static void watch(struct vcpu *v, bool on)
{
    if (on == v->traploop.watching)
        return;
    v->traploop.watching = on;
    v->traploop.seen = 0;
    hart_delegate(!on);
}

/* In a handler for long, for the same trap as ever: from now on its exceptions come here first. */
void traploop_tick(struct vcpu *v)
{
    struct traploop *loop = &v->traploop;
    u64 pc = csr_read(vsepc), cause = csr_read(vscause);
    bool same = in_handler(csr_read(vsstatus)) && pc == loop->pc && cause == loop->cause;

    check_fetch(v);
    loop->pc = pc;
    loop->cause = cause;
    loop->ticks = same ? loop->ticks + 1 : 0;
    watch(v, loop->ticks >= SUSPECT_TICKS);
}

/* The same instruction traps as before, with no SRET in between, and all registers are as they were the last time
   but one (a handler may swap one with sscratch): nothing is left that could end it. */
bool traploop_proved(struct vcpu *v)
{
    struct traploop *loop = &v->traploop;

    if (!loop->watching)
        return false;
    struct trap_state *last = &loop->state[loop->seen % 2];
    bool same = in_handler(csr_read(vsstatus)) && (v->sstatus & SSTATUS_SPP) && v->pc == loop->pc &&
                v->scause == loop->cause && (loop->seen < 2 || (v->stval == last->tval &&
                                             memcmp(v->x, last->x, sizeof(v->x)) == 0));
    if (!same) {
        watch(v, false);
        loop->ticks = 0;
        return false;
    }
    last->tval = v->stval;
    memcpy(last->x, v->x, sizeof(v->x));
    if (++loop->seen < PROOF)
        return false;
    struct guest_trap t = {v->scause, v->pc, v->stval, 0};
    vcpu_fault(v, "its trap handler traps for ever", &t);
    return true;
}

void traploop_enter(struct vcpu *v) { watch(v, v->traploop.ticks >= SUSPECT_TICKS); }
void traploop_leave(struct vcpu *v) { watch(v, false); }
