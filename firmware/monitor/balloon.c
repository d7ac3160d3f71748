/* Monitor verb for a VM's balloon: how much it is to give up, and how much it has. */
#include "monitor/monitor.h"

/* Bytes from "64M", "1GiB" or a plain number of bytes; whole pages. */
static bool parse_size(const char *text, u64 *size)
{
    static const char units[] = "kmgt";
    const char *p = text;
    u32 shift = 0;

    for (*size = 0; *p >= '0' && *p <= '9'; p++) {
        if (*size > FOREVER / 16)
            return false;
        *size = *size * 10 + (u64)(*p - '0');
    }
    bool digits = p != text;
    for (u32 i = 0; *p && units[i]; i++)
        if ((*p | 0x20) == units[i])
            shift = 10 * (i + 1);
    p += shift != 0;
    p += shift && (*p | 0x20) == 'i';
    p += (*p | 0x20) == 'b';
    if (!digits || *p || *size > FOREVER >> shift)
        return false;
    *size <<= shift;
    return *size % PAGE_SIZE == 0;
}

static const char *balloon(const struct asker *a, struct vm *vm, const char *rest)
{
    const struct balloon *b = &vm->balloon;
    u64 size;

    if (*rest && !parse_size(rest, &size))
        return "SIZE is one such as 64M, in whole pages of 4 KiB";
    if (*rest)
        return balloon_set_target(vm, size);
    if (!vm->has_balloon)
        return "it has no balloon";
    say(a, "%s: to give up %lu KiB, has given up %lu KiB%s", vm->label, b->target >> 10, b->held >> 10,
        virtio_driver_ok(&vm->virtio[VIRTIO_SLOT_BALLOON]) ? "" : ", no driver");
    return NULL;
}

const struct verb balloon_verbs[] = {
    {"balloon", "VM [SIZE]", "how much of its memory it is to give up", ONE_VM, balloon},
    {0},
};
