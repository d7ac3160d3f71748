/* What a guest is made of: main(), and if it wants to, handlers of its own for traps and for other harts. */
#pragma once
#include "fdt.h"
#include "print.h"
#include "riscv.h"
#include "sbi.h"
#include "string.h"

/* Registers of the interrupted code, in the order of trap.S; x[0] is not used. */
struct trap_frame {
    u64 x[32];
    u64 sepc;
    u64 sstatus;
    u64 scause;
    u64 stval;
};

/* The guest's program; its result is the verdict with which the machine powers off. */
bool guest_main(u64 hart, const void *dtb);

/* Called for every trap with interrupts off; returns the frame to resume. The one in lib/ ends the guest with
 * a message; a guest that wants traps defines its own. */
struct trap_frame *trap_handler(struct trap_frame *frame);
_Noreturn void unexpected_trap(const struct trap_frame *frame);

/* Entered by harts that were started at secondary_start, with the stack given as the opaque argument. */
void secondary_main(u64 hart);
void secondary_start(void);
void trap_entry(void);
_Noreturn void trap_return(struct trap_frame *frame);

/* Bounds of the linked image (guest.ld). */
extern char __image_start[], __text_end[], __image_end[];
