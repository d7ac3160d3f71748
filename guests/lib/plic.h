/* Platform-level interrupt controller (RISC-V PLIC specification), seen from one hart's S-mode context. */
#pragma once
#include "fdt.h"

static u64 plic_base;
static u64 plic_context; /* on this platform hart h has the contexts 2h (M-mode) and 2h + 1 (S-mode) */

static inline void plic_init(const void *dtb, u64 hart)
{
    if (!fdt_reg(dtb, fdt_compatible(dtb, -1, "riscv,plic0"), &plic_base, NULL))
        fdt_reg(dtb, fdt_compatible(dtb, -1, "sifive,plic-1.0.0"), &plic_base, NULL);
    plic_context = 2 * hart + 1;
}

static inline void plic_enable(u32 irq)
{
    u64 enable = plic_base + 0x2000 + 0x80 * plic_context + irq / 32 * 4;
    write32(plic_base + 4 * irq, 1);                             /* priority: 0 would mean never */
    write32(enable, read32(enable) | 1u << irq % 32);
    write32(plic_base + 0x200000 + 0x1000 * plic_context, 0);    /* threshold: let every priority pass */
}

static inline u32 plic_claim(void) { return read32(plic_base + 0x200004 + 0x1000 * plic_context); }
static inline void plic_complete(u32 irq) { write32(plic_base + 0x200004 + 0x1000 * plic_context, irq); }
