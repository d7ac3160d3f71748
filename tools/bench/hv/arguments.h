/* Boot arguments of the measured guests: words such as n=1000. */
#pragma once
#include "guest.h"

/* The text behind `name` ("n="), up to a space or the end; NULL if it is not there. */
static inline const char *argument(const void *dtb, const char *name)
{
    const char *at = fdt_string(dtb, fdt_path(dtb, "/chosen"), "bootargs");
    size_t length = strlen(name);

    while (at && *at) {
        if (strncmp(at, name, length) == 0)
            return at + length;
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return NULL;
}

static inline u64 number_argument(const void *dtb, const char *name)
{
    const char *at = argument(dtb, name);
    u64 value = 0;

    if (!at)
        fail("the boot arguments have no %s", name);
    for (; *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (u64)(*at - '0');
    return value;
}
