/* memset and memcpy: the compiler calls them for structures. */
#include <stddef.h>
#pragma clang attribute push(__attribute__((no_builtin)), apply_to = function)

void *memset(void *to, int byte, size_t count)
{
    for (unsigned char *t = to; count--;)
        *t++ = (unsigned char)byte;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    const unsigned char *f = from;
    for (unsigned char *t = to; count--;)
        *t++ = *f++;
    return to;
}

#pragma clang attribute pop
