/* The M-mode trap handler: SBI calls, the two machine interrupts, and what should not have come here. */
#include "machine.h"

_Noreturn static void die(const struct frame *frame, u64 cause)
{
    console_print("\n[sbi] trap in M-mode on hart ");
    console_print_decimal(this_hart()->id);
    console_print(": mcause ");
    console_print_hex(cause);
    console_print(", mepc ");
    console_print_hex(frame->mepc);
    console_print(", mtval ");
    console_print_hex(CSR_READ(mtval));
    console_print("\n");
    machine_off(false);
}

/* The SPP, SPIE and SIE fields of sstatus or vsstatus after a trap into its mode. */
static u64 status_after_trap(u64 status, bool from_supervisor)
{
    u64 after = status & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
    return after | (from_supervisor ? MSTATUS_SPP : 0) | (status & MSTATUS_SIE ? MSTATUS_SPIE : 0);
}

static void redirect_to_vs(struct frame *frame, u64 cause)
{
    CSR_WRITE(vsepc, frame->mepc);
    CSR_WRITE(vscause, cause);
    CSR_WRITE(vstval, CSR_READ(mtval));
    CSR_WRITE(vsstatus, status_after_trap(CSR_READ(vsstatus), frame->mstatus & MSTATUS_MPP_S));
    frame->mepc = CSR_READ(vstvec) & ~3ul;
    frame->mstatus |= MSTATUS_MPP_S;
}

static void redirect_to_s(struct frame *frame, u64 cause)
{
    u64 mstatus = frame->mstatus;
    bool from_supervisor = mstatus & MSTATUS_MPP_S;
    if (platform.has_h) {
        u64 hstatus = CSR_READ(hstatus) & ~(HSTATUS_GVA | HSTATUS_SPV);
        if (mstatus & MSTATUS_MPV)
            hstatus = (hstatus & ~HSTATUS_SPVP) | HSTATUS_SPV | (from_supervisor ? HSTATUS_SPVP : 0);
        CSR_WRITE(hstatus, hstatus | (mstatus & MSTATUS_GVA ? HSTATUS_GVA : 0));
        CSR_WRITE(htval, CSR_READ(mtval2));
        CSR_WRITE(htinst, CSR_READ(mtinst));
    }
    CSR_WRITE(sepc, frame->mepc);
    CSR_WRITE(scause, cause);
    CSR_WRITE(stval, CSR_READ(mtval));
    frame->mepc = CSR_READ(stvec) & ~3ul;
    frame->mstatus = (status_after_trap(mstatus, from_supervisor) & ~MSTATUS_MPV) | MSTATUS_MPP_S;
}

/* Does by hand what delegation does in hardware (privileged manual, trap entry into VS-mode and into
 * HS-mode). */
static void redirect(struct frame *frame, u64 cause)
{
    bool from_guest = platform.has_h && (frame->mstatus & MSTATUS_MPV);
    if (from_guest && (CSR_READ(hedeleg) >> cause & 1))
        redirect_to_vs(frame, cause);
    else
        redirect_to_s(frame, cause);
}

void machine_trap(struct frame *frame)
{
    u64 cause = CSR_READ(mcause);
    if ((frame->mstatus & MSTATUS_MPP) == MSTATUS_MPP)
        die(frame, cause);
    if (cause == (CAUSE_INTERRUPT | IRQ_M_SOFT))
        handle_events();
    else if (cause == (CAUSE_INTERRUPT | IRQ_M_TIMER))
        timer_interrupt();
    else if (cause == CAUSE_ECALL_S)
        sbi_ecall(frame);
    else if (!(cause & CAUSE_INTERRUPT))
        redirect(frame, cause);
    else
        die(frame, cause);
}
