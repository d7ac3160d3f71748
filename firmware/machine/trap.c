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

/* Hands an exception that could not be delegated to S-mode, as the hardware would have (privileged manual, trap
 * entry into HS-mode). */
static void redirect(struct frame *frame, u64 cause)
{
    u64 mstatus = frame->mstatus;
    u64 to_s = mstatus & ~(MSTATUS_MPP | MSTATUS_MPV | MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
    if (platform.has_h) {
        u64 hstatus = CSR_READ(hstatus) & ~(HSTATUS_GVA | HSTATUS_SPV);
        if (mstatus & MSTATUS_MPV)
            hstatus = (hstatus & ~HSTATUS_SPVP) | HSTATUS_SPV | (mstatus & MSTATUS_MPP_S ? HSTATUS_SPVP : 0);
        CSR_WRITE(hstatus, hstatus | (mstatus & MSTATUS_GVA ? HSTATUS_GVA : 0));
        CSR_WRITE(htval, CSR_READ(mtval2));
        CSR_WRITE(htinst, CSR_READ(mtinst));
    }
    CSR_WRITE(sepc, frame->mepc);
    CSR_WRITE(scause, cause);
    CSR_WRITE(stval, CSR_READ(mtval));
    frame->mepc = CSR_READ(stvec) & ~3ul;
    frame->mstatus = to_s | MSTATUS_MPP_S | (mstatus & MSTATUS_MPP_S ? MSTATUS_SPP : 0) |
                     (mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0);
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
