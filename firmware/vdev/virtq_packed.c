/* Packed rings (virtio 1.2, 2.8): one ring of descriptors, which the driver makes available and the device marks
   used, both telling new from old by a counter that flips at the ring's end; and an event suppression structure for
   each side. */
#include "vdev/virtq.h"

enum { AVAIL = 1 << 7, USED = 1 << 15, FLAGS = 14 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2, EVENT_WRAP = 15, EVENT_FLAGS = 16 };

struct desc { u64 address; u32 length; u16 id, flags; };

static bool available(u16 flags, bool wrap) { return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap; }

static u64 address_of(const struct virtq *q, u32 at) { return q->desc + (u64)at * DESC_SIZE; }

/* Moves a place in the ring on by n entries, 0 to its size. */
static void advance(const struct virtq *q, u16 *at, bool *wrap, u32 n)
{
    u32 next = *at + n;

    *wrap ^= next >= q->size;
    *at = (u16)(next >= q->size ? (next - q->size) % q->size : next);
}

/* Asks for a notification of the next request (2.8.10): of the very next with event indices, else of any. */
static bool ask(struct virtio_dev *d, const struct virtq *q)
{
    u32 *event = virtq_at(d, q->device, sizeof(*event));
    u32 desc = q->next_avail | (u32)q->avail_wrap << EVENT_WRAP | EVENT_DESC << EVENT_FLAGS;

    if (!event)
        return false;
    __atomic_store_n(event, virtio_has(d, VIRTIO_F_EVENT_IDX) ? desc : EVENT_ENABLE, __ATOMIC_RELAXED);
    fence_full();
    return true;
}

/* All entries of an indirect table are one chain; of their flags only WRITE has a meaning (2.8.7). */
static bool collect_table(struct virtio_dev *d, struct chain *c, const struct desc *e)
{
    u32 entries = virtq_table_entries(d, e->address, e->length, e->flags);
    struct desc inner;

    for (u32 i = 0; i < entries; i++)
        if (!virtq_read(d, e->address + (u64)i * DESC_SIZE, &inner) ||
            !virtq_append(d, c, inner.address, inner.length, inner.flags & DESC_WRITE))
            return false;
    return entries;
}

static enum virtq_result pop(struct virtio_dev *d, struct virtq *q, struct chain *c)
{
    const u16 *flags = virtq_at(d, address_of(q, q->next_avail) + FLAGS, sizeof(*flags));
    u16 at = q->next_avail;
    bool wrap = q->avail_wrap;
    struct desc e;

    if (!flags || q->desc % DESC_SIZE)
        return VIRTQ_BROKEN;
    if (!available(__atomic_load_n(flags, __ATOMIC_ACQUIRE), wrap)) {
        if (!ask(d, q))
            return VIRTQ_BROKEN;
        if (!available(__atomic_load_n(flags, __ATOMIC_ACQUIRE), wrap))        /* it may just have put one */
            return VIRTQ_NONE;
    }
    c->head.entries = 0;
    do {
        if (c->head.entries == q->size || !virtq_read(d, address_of(q, at), &e) || !available(e.flags, wrap))
            return VIRTQ_BROKEN;
        c->head.entries++;
        advance(q, &at, &wrap, 1);
        /* A table stands alone (2.8.7.1). */
        bool good = e.flags & DESC_INDIRECT ? c->head.entries == 1 && collect_table(d, c, &e)
                                            : virtq_append(d, c, e.address, e.length, e.flags & DESC_WRITE);
        if (!good)
            return VIRTQ_BROKEN;
    } while (e.flags & DESC_NEXT);
    c->head.id = e.id;                       /* the last one's counts (2.8.6) */
    q->next_avail = at;
    q->avail_wrap = wrap;
    return VIRTQ_TAKEN;
}

static void unpop(struct virtq *q, struct virtq_head head)
{
    q->avail_wrap ^= head.entries > q->next_avail;
    q->next_avail = (u16)(q->next_avail + (head.entries > q->next_avail ? q->size : 0) - head.entries);
}

static bool wants_interrupt(struct virtio_dev *d, const struct virtq *q, u32 event, u32 entries)
{
    u32 kind = event >> EVENT_FLAGS & 3;
    u16 at = event & ((1 << EVENT_WRAP) - 1);

    if (kind != EVENT_DESC || !virtio_has(d, VIRTIO_F_EVENT_IDX))
        return kind != EVENT_DISABLE;
    /* Places are counted from the beginning of the device's present round. */
    if ((event >> EVENT_WRAP & 1) != q->used_wrap)
        at -= (u16)q->size;
    return virtq_passed(at, q->next_used, (u16)(q->next_used - entries));
}

static bool push(struct virtio_dev *d, struct virtq *q, const struct virtq_done *done, u32 count, bool *wanted)
{
    const u32 *event = virtq_at(d, q->driver, sizeof(*event));
    u16 *first = NULL, first_flags = 0, at = q->next_used;
    bool wrap = q->used_wrap;
    u32 entries = 0;

    for (u32 i = 0; i < count; i++) {
        struct desc *e = virtq_at(d, address_of(q, at), sizeof(*e));
        u16 flags = (u16)((wrap ? AVAIL | USED : 0) | (done[i].written ? DESC_WRITE : 0));
        if (!e)
            return false;
        e->id = done[i].head.id;
        e->length = done[i].written;
        if (i) {
            __atomic_store_n(&e->flags, flags, __ATOMIC_RELAXED);
        } else {
            first = &e->flags;
            first_flags = flags;
        }
        advance(q, &at, &wrap, done[i].head.entries);
        entries += done[i].head.entries;
    }
    if (!event)
        return false;
    __atomic_store_n(first, first_flags, __ATOMIC_RELEASE);      /* the driver looks at this one first */
    q->next_used = at;
    q->used_wrap = wrap;
    fence_full();
    *wanted = wants_interrupt(d, q, __atomic_load_n(event, __ATOMIC_RELAXED), entries);
    return true;
}

const struct virtq_ring virtq_packed = {pop, unpop, push};
