/* Formatted text into a buffer: the small part of printf that a hypervisor says anything with. */
#include "lib/lib.h"

struct out { char *buf; size_t size, len; };

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len++] = c;
}

static void put_padded(struct out *o, const char *s, size_t n, int width, char pad)
{
    for (int i = (int)n; i < width; i++)
        put(o, pad);
    while (n--)
        put(o, *s++);
}

static void put_number(struct out *o, u64 v, unsigned base, bool negative, int width, char pad)
{
    char digits[24];
    size_t n = sizeof(digits);

    do
        digits[--n] = "0123456789abcdef"[v % base];
    while ((v /= base));
    if (negative)
        digits[--n] = '-';
    put_padded(o, digits + n, sizeof(digits) - n, width, pad);
}

int vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};

    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        char pad = ' ';
        int width = 0;
        bool is_long = false;

        if (*++fmt == '0') {
            pad = '0';
            fmt++;
        }
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (*fmt - '0');
        for (; *fmt == 'l'; fmt++)
            is_long = true;
        if (*fmt == 's') {
            const char *s = va_arg(ap, const char *);
            put_padded(&o, s, strlen(s), width, pad);
        } else if (*fmt == 'c') {
            put(&o, (char)va_arg(ap, int));
        } else if (*fmt == 'd') {
            i64 v = is_long ? va_arg(ap, i64) : va_arg(ap, int);
            put_number(&o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, width, pad);
        } else if (*fmt == 'u' || *fmt == 'x') {
            u64 v = is_long ? va_arg(ap, u64) : va_arg(ap, u32);
            put_number(&o, v, *fmt == 'x' ? 16 : 10, false, width, pad);
        } else {
            put(&o, *fmt);
        }
    }
    if (size)
        buf[o.len] = 0;
    return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
