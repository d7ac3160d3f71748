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
    static const u32 grains[] = {0, CHUNK, PAGE_SIZE};      /* all of it, or up to where the next piece may begin */
    u8 *data = NULL;

    for (u32 i = 0; i < ARRAY_LEN(grains) && !data; i++) {
        *n = grains[i] ? (u32)min_u64(s->length, grains[i] - s->gpa % grains[i]) : s->length;
        data = vm_ram(vm, s->gpa, *n);
    }
    return data;
}

void segment_drop(struct segment *s, u32 n)
{
    s->gpa += n;
    s->length -= n;
}

static bool copy(struct vm *vm, struct segment *s, u32 count, u8 *out, const u8 *in, u32 n)
{
    while (count && n) {
        u32 piece;
        u8 *data = s->length ? segment_front(vm, s, &piece) : NULL;
        if (!s->length) {
            s++;
            count--;
            continue;
        }
        if (!data)
            return false;
        piece = (u32)min_u64(piece, n);
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
