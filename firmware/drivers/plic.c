/* The machine's PLIC (RISC-V PLIC specification): one context is used, S-mode of the boot hart. */
#include "drivers/drivers.h"
#include "hart.h"

enum { MAX_IRQS = 128 };
enum { ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000, CLAIM = 4 };

static struct { void (*handler)(void *); void *ctx; } attached[MAX_IRQS];
static u32 context;
static bool present;

static volatile u32 *reg(u64 offset) { return (volatile u32 *)(platform.plic.base + offset); }

void plic_init(void)
{
    const u32 *pair = platform.plic.contexts;

    for (u32 i = 0; pair && (i + 1) * 8 <= platform.plic.contexts_len; i++)
        if (fdt_cells(pair + i * 2, 1) == this_hart()->intc_phandle &&
            fdt_cells(pair + i * 2 + 1, 1) == IRQ_S_EXT) {
            context = i;
            present = true;
            *reg(CONTEXT + context * CONTEXT_STRIDE) = 0;
            for (u32 word = 0; word < MAX_IRQS / 32; word++)
                *reg(ENABLE + context * ENABLE_STRIDE + word * 4) = 0;
        }
}

void plic_attach(u32 irq, void (*handler)(void *), void *ctx)
{
    if (!present || irq == 0 || irq >= MAX_IRQS)
        return;
    attached[irq].handler = handler;
    attached[irq].ctx = ctx;
    *reg(irq * 4ull) = 1;
    volatile u32 *enable = reg(ENABLE + context * ENABLE_STRIDE + irq / 32 * 4);
    *enable |= 1u << irq % 32;
}

void plic_handle(void)
{
    volatile u32 *claim = reg(CONTEXT + context * CONTEXT_STRIDE + CLAIM);

    for (u32 irq; present && (irq = *claim);) {
        if (irq < MAX_IRQS && attached[irq].handler)
            attached[irq].handler(attached[irq].ctx);
        *claim = irq;
    }
}
