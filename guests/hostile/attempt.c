/* The trap handler and the ways to try something. */
#include "attempt.h"

u32 interrupts[16];
u32 storm;

extern u64 probe_sp;
u64 probe_call(u64 (*f)(u64, u64), u64 a, u64 b);
void probe_return(void);
u64 enter_user(u64 a, u64 b);

static bool probing;
static struct outcome result;
static u32 supervisor_code[2] __attribute__((aligned(8)));
u32 user_code[2] __attribute__((aligned(8)));

enum { INSN_RET = 0x00008067, INSN_ECALL = 0x00000073 };

static struct trap_frame *take_interrupt(struct trap_frame *frame)
{
    u64 code = frame->scause & 15;
    interrupts[code]++;
    if (code == IRQ_TIMER && storm && --storm)
        return frame;
    CSR_CLEAR(sie, 1ul << code);
    return frame;
}

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    if (frame->scause & CAUSE_INTERRUPT)
        return take_interrupt(frame);
    if (!probing)
        unexpected_trap(frame);
    probing = false;
    result = (struct outcome){ true, frame->scause, frame->stval, 0 };
    frame->sepc = (u64)probe_return;
    frame->sstatus = (frame->sstatus | SSTATUS_SPP) & ~SSTATUS_SPIE;
    frame->x[2] = probe_sp;
    return frame;
}

struct outcome attempt(u64 (*f)(u64, u64), u64 a, u64 b)
{
    result = (struct outcome){ 0 };
    probing = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    u64 value = probe_call(f, a, b);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    probing = false;
    result.value = value;
    return result;
}

struct outcome attempt_insn(u32 insn, u64 a, u64 b)
{
    volatile u32 *code = supervisor_code;
    code[0] = insn;
    code[1] = INSN_RET;
    __asm__ volatile("fence.i" : : : "memory");
    return attempt((u64 (*)(u64, u64))(u64)supervisor_code, a, b);
}

/* The ECALL behind the instruction brings us back if the instruction does not trap. */
struct outcome attempt_insn_user(u32 insn, u64 a, u64 b)
{
    volatile u32 *code = user_code;
    code[0] = insn;
    code[1] = INSN_ECALL;
    __asm__ volatile("fence.i" : : : "memory");
    return attempt(enter_user, a, b);
}

void watch_interrupts(void) { watch_briefly(2000); }

void watch_briefly(int turns)
{
    memset(interrupts, 0, sizeof interrupts);
    CSR_WRITE(sie, -1ul);
    CSR_SET(sstatus, SSTATUS_SIE);
    for (int i = 0; i < turns; i++)
        cpu_relax();
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    CSR_WRITE(sie, 0);
}
