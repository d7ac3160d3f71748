/* The machine's 16550 UART: polled output, input by interrupt. */
#include "drivers/drivers.h"
#include "console.h"
#include "platform.h"

enum { RBR = 0, THR = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { IER_RX = 1, FCR_ENABLE_AND_CLEAR = 7, LCR_8N1 = 3, MCR_OUT2 = 8, LSR_DR = 1, LSR_THRE = 0x20 };

static volatile u8 *reg(u32 n)
{
    return (volatile u8 *)(platform.uart.base + ((u64)n << platform.uart.shift));
}

static void on_interrupt(void *ctx)
{
    (void)ctx;
    for (int c; (c = uart_getc()) >= 0;)
        console_input((char)c);
}

void uart_init(void)
{
    if (!platform.uart.base)
        return;
    *reg(LCR) = LCR_8N1;
    *reg(FCR) = FCR_ENABLE_AND_CLEAR;
    *reg(MCR) = MCR_OUT2;
    *reg(IER) = IER_RX;
    plic_attach(platform.uart.irq, on_interrupt, NULL);
}

void uart_putc(char c)
{
    if (!platform.uart.base) {
        sbi_putc(c);
        return;
    }
    while (!(*reg(LSR) & LSR_THRE))
        ;
    *reg(THR) = (u8)c;
}

int uart_getc(void)
{
    if (!platform.uart.base)
        return sbi_getc();
    return *reg(LSR) & LSR_DR ? *reg(RBR) : -1;
}
