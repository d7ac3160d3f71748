/* The console: a small printf over the UART that the device tree names, or over the SBI. */
#pragma once
#include "riscv.h"

/* Chooses the console; before this call, output is lost. */
void console_init(const void *dtb);

/* Conversions: %c %s %d %u %x %ld %lu %lx %p %%, with a width and zero padding ("%08x"), '-' to align left.
 * One call is one piece of output: harts that print at the same time do not mix within it. */
__attribute__((format(printf, 1, 2))) void printf(const char *format, ...);

_Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...);
