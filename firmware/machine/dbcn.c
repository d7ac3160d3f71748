/* SBI DBCN: the debug console. Buffers are given by physical address and must lie in S-mode's RAM. */
#include "machine.h"

static struct sbi_return write_buffer(u64 count, u64 address)
{
    const char *text = (const char *)address;
    console_lock();
    for (u64 i = 0; i < count; i++)
        console_put(text[i]);
    console_unlock();
    return (struct sbi_return){ SBI_SUCCESS, count };
}

static struct sbi_return read_buffer(u64 count, u64 address)
{
    char *text = (char *)address;
    u64 i = 0;
    for (int c; i < count && (c = console_get()) >= 0; i++)
        text[i] = (char)c;
    return (struct sbi_return){ SBI_SUCCESS, i };
}

static struct sbi_return dbcn_call(u64 function, const u64 *argument)
{
    switch (function) {
    case 0:
    case 1:
        if (argument[2] || !ram_range(argument[1], argument[0]))
            return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
        return function == 0 ? write_buffer(argument[0], argument[1]) : read_buffer(argument[0], argument[1]);
    case 2:
        console_lock();
        console_put((char)argument[0]);
        console_unlock();
        return (struct sbi_return){ SBI_SUCCESS, 0 };
    default: return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    }
}

const struct extension dbcn_extension = { 0x4442434e, 0x4442434e, dbcn_call };
