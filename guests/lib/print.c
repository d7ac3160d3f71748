/* printf over a 16550 UART, or over the SBI debug console where the tree names no UART. */
#include "print.h"
#include <stdarg.h>
#include "fdt.h"
#include "lock.h"
#include "sbi.h"
#include "string.h"

enum { UART_THR = 0, UART_LSR = 5, LSR_THRE = 0x20 };

static u64 uart;
static bool use_sbi;
static struct ticket_lock console_lock;

void console_init(const void *dtb)
{
    int chosen = fdt_path(dtb, "/chosen");
    const char *path = fdt_string(dtb, chosen, "stdout-path");
    int node = path ? fdt_path(dtb, path) : -1;
    const char *compatible = fdt_string(dtb, node, "compatible");
    if (!compatible || strcmp(compatible, "ns16550a") != 0 || !fdt_reg(dtb, node, &uart, NULL))
        use_sbi = true;
}

static void put(char c)
{
    if (use_sbi) {
        sbi_call(SBI_LEGACY_PUTCHAR, 0, (u64)c, 0, 0, 0, 0);
    } else if (uart) {
        while (!(read8(uart + UART_LSR) & LSR_THRE))
            ;
        write8(uart + UART_THR, (u8)c);
    }
}

static void put_padded(const char *text, size_t length, int width, bool left, char pad)
{
    for (int i = (int)length; !left && i < width; i++)
        put(pad);
    for (size_t i = 0; i < length; i++)
        put(text[i]);
    for (int i = (int)length; left && i < width; i++)
        put(' ');
}

static size_t format_number(char *buffer, u64 value, unsigned base, bool negative)
{
    char reversed[24];
    size_t n = 0, length = 0;
    do {
        reversed[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        buffer[length++] = '-';
    while (n)
        buffer[length++] = reversed[--n];
    return length;
}

static void vprintf(const char *format, va_list arguments)
{
    char buffer[24];
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        bool left = false, wide = false;
        char pad = ' ';
        int width = 0;
        for (format++; *format == '-' || *format == '0'; format++)
            *format == '-' ? (left = true) : (pad = '0');
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + *format - '0';
        for (; *format == 'l' || *format == 'z'; format++)
            wide = true;
        if (*format == 's') {
            const char *text = va_arg(arguments, const char *);
            put_padded(text, strlen(text), width, left, ' ');
        } else if (*format == 'c') {
            put((char)va_arg(arguments, int));
        } else if (*format == 'd') {
            long value = wide ? va_arg(arguments, long) : va_arg(arguments, int);
            u64 magnitude = value < 0 ? -(u64)value : (u64)value;
            put_padded(buffer, format_number(buffer, magnitude, 10, value < 0), width, left, pad);
        } else if (*format == 'u' || *format == 'x') {
            u64 value = wide ? va_arg(arguments, u64) : va_arg(arguments, u32);
            unsigned base = *format == 'u' ? 10 : 16;
            put_padded(buffer, format_number(buffer, value, base, false), width, left, pad);
        } else if (*format == 'p') {
            put('0'), put('x');
            put_padded(buffer, format_number(buffer, va_arg(arguments, u64), 16, false), width, left, pad);
        } else {
            put(*format);
        }
    }
}

void printf(const char *format, ...)
{
    /* A trap handler prints too, so interrupts stay off while this hart holds the lock. */
    u64 sie = CSR_READ(sstatus) & SSTATUS_SIE;
    va_list arguments;
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    lock(&console_lock);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    unlock(&console_lock);
    CSR_SET(sstatus, sie);
}

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lock(&console_lock);
    vprintf(format, arguments);
    put('\n');
    unlock(&console_lock);
    va_end(arguments);
    power_off(false);
}

void power_off(bool ok)
{
    if (sbi_has(SBI_SRST))
        sbi_call(SBI_SRST, 0, 0, ok ? 0 : 1, 0, 0, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0, 0, 0);
    for (;;)
        wfi();
}
