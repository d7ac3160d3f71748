// main: times the run in instructions, says the result on the UART if the machine has one.
#include "bench.h"

#define UART ((volatile uint8_t *)0x10000000)

static int have_uart;

static void put(char c)
{
    if (!have_uart)
        return;
    while (!(UART[5] & 0x20))
        ;
    UART[0] = (uint8_t)c;
}

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(uint64_t value)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        put(digits[--n]);
}

int main(void)
{
    // Reads as all ones, or traps, where there is no 16550.
    int status = peek(UART + 5);
    have_uart = status >= 0 && status != 0xff;
    uint64_t before = csr_read(minstret);
    uint64_t wrong = run();
    uint64_t instructions = csr_read(minstret) - before;
    put_text(wrong ? "bench: wrong=" : "bench: ok wrong=");
    put_number(wrong);
    put_text(" minstret=");
    put_number(instructions);
    put('\n');
    return wrong != 0;
}

// The compiler may call these two for plain loops and initialisers.
__attribute__((no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0) {
        for (; size >= 64; size -= 64, t += 64, f += 64)
            for (int i = 0; i < 8; i++)
                ((uint64_t *)t)[i] = ((const uint64_t *)f)[i];
    }
    while (size--)
        *t++ = *f++;
    return to;
}

__attribute__((no_builtin)) void *memset(void *to, int value, size_t size)
{
    uint8_t *t = to;
    uint64_t word = 0x0101010101010101ul * (uint8_t)value;
    if (((uintptr_t)t & 7) == 0) {
        for (; size >= 64; size -= 64, t += 64)
            for (int i = 0; i < 8; i++)
                ((uint64_t *)t)[i] = word;
    }
    while (size--)
        *t++ = (uint8_t)value;
    return to;
}
