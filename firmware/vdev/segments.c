/* Data of a request, as one run of bytes over stretches of guest RAM. */
#include "vm.h"

u64 segments_length(const struct segment *s, u32 count)
{
    u64 sum = 0;

    while (count--)
        sum += s++->length;
    return sum;
}

u8 *segment_front(struct vm *vm, const struct segment *s, u32 *n)
{
    u64 run;
    u8 *data = vm_ram_front(vm, s->gpa, s->length, &run);

    *n = (u32)run;
    return data;
}

void segment_drop(struct segment *s, u32 n)
{
    s->gpa += n;
    s->length -= n;
}

void segments_drop(struct segment *s, u32 count, u64 n)
{
    for (; count--; s++) {
        u32 part = (u32)min_u64(s->length, n);
        segment_drop(s, part);
        n -= part;
    }
}

static bool copy(struct vm *vm, struct segment *s, u32 count, u8 *out, const u8 *in, u32 n)
{
    while (count && n) {
        struct segment front = {s->gpa, (u32)min_u64(s->length, n)};
        u32 piece;
        if (!s->length) {
            s++;
            count--;
            continue;
        }
        u8 *data = segment_front(vm, &front, &piece);
        if (!data)
            return false;
        if (out)
            memcpy(out, data, piece);
        else
            memcpy(data, in, piece);
        out = out ? out + piece : NULL;
        in = in ? in + piece : NULL;
        segment_drop(s, piece);
        n -= piece;
    }
    return n == 0;
}

bool segments_take(struct vm *vm, struct segment *s, u32 count, void *to, u32 n)
{
    return copy(vm, s, count, to, NULL, n);
}

bool segments_put(struct vm *vm, struct segment *s, u32 count, const void *from, u32 n)
{
    return copy(vm, s, count, NULL, from, n);
}
