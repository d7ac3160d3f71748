/* Split rings (virtio 1.2, 2.7): a descriptor table, a ring of what is available, a ring of what is used. */
#include "vdev/virtq.h"

enum { AVAIL_NO_INTERRUPT = 1, INDEX = 2, ENTRIES = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8 };

struct desc { u64 address; u32 length; u16 flags, next; };

/* Follows the chain from its head; false if it breaks a rule. */
static bool collect(struct virtio_dev *d, const struct virtq *q, struct chain *c)
{
    u64 table = q->desc;
    u32 index = c->head.id, entries = q->size;
    bool indirect = false;
    struct desc e;

    for (;;) {
        if (index >= entries || !virtq_read(d, table + (u64)index * DESC_SIZE, &e))
            return false;
        if (e.flags & DESC_INDIRECT) {       /* the chain goes on in a table of its own (2.7.5.3) */
            entries = indirect ? 0 : virtq_table_entries(d, e.address, e.length, e.flags);
            table = e.address;
            indirect = true;
            index = 0;
            continue;
        }
        if (!virtq_append(d, c, e.address, e.length, e.flags & DESC_WRITE))     /* ends loops, too */
            return false;
        if (!(e.flags & DESC_NEXT))
            return true;
        index = e.next;
    }
}

/* Asks for a notification of the next request (2.7.10). */
static bool ask(struct virtio_dev *d, const struct virtq *q)
{
    u16 *event = virtq_at(d, q->device + ENTRIES + (u64)USED_ENTRY * q->size, sizeof(*event));

    if (!event)
        return false;
    __atomic_store_n(event, q->next_avail, __ATOMIC_RELAXED);
    fence_full();
    return true;
}

static enum virtq_result pop(struct virtio_dev *d, struct virtq *q, struct chain *c)
{
    const u16 *index = virtq_at(d, q->driver + INDEX, sizeof(*index));
    const u16 *entry = virtq_at(d, q->driver + ENTRIES + q->next_avail % q->size * AVAIL_ENTRY, sizeof(*entry));

    if (!index || !entry || q->desc % DESC_SIZE)
        return VIRTQ_BROKEN;
    u16 n = (u16)(__atomic_load_n(index, __ATOMIC_ACQUIRE) - q->next_avail);
    if (!n && virtio_has(d, VIRTIO_F_EVENT_IDX)) {
        if (!ask(d, q))
            return VIRTQ_BROKEN;
        n = (u16)(__atomic_load_n(index, __ATOMIC_ACQUIRE) - q->next_avail);   /* it may just have put one */
    }
    if (!n)
        return VIRTQ_NONE;
    c->head = (struct virtq_head){__atomic_load_n(entry, __ATOMIC_RELAXED), 1};
    if (n > q->size || !collect(d, q, c))
        return VIRTQ_BROKEN;
    q->next_avail++;
    return VIRTQ_TAKEN;
}

static void unpop(struct virtq *q, struct virtq_head head) { q->next_avail -= head.entries; }

static bool push(struct virtio_dev *d, struct virtq *q, const struct virtq_done *done, u32 count, bool *wanted)
{
    u16 old = q->next_used, next = (u16)(old + count), *index = virtq_at(d, q->device + INDEX, sizeof(*index));

    for (u32 i = 0; i < count; i++) {
        u64 entry = q->device + ENTRIES + (u64)(u16)(old + i) % q->size * USED_ENTRY;
        u32 *id = virtq_at(d, entry, sizeof(*id)), *length = virtq_at(d, entry + sizeof(*id), sizeof(*length));
        if (!id || !length)
            return false;
        *id = done[i].head.id;
        *length = done[i].written;
    }
    const u16 *event = virtq_at(d, q->driver + ENTRIES + (u64)AVAIL_ENTRY * q->size, sizeof(*event));
    const u16 *flags = virtq_at(d, q->driver, sizeof(*flags));
    if (!index || !event || !flags)
        return false;
    __atomic_store_n(index, next, __ATOMIC_RELEASE);
    q->next_used = next;
    fence_full();
    *wanted = virtio_has(d, VIRTIO_F_EVENT_IDX) ? virtq_passed(__atomic_load_n(event, __ATOMIC_RELAXED), next, old)
                                                : !(__atomic_load_n(flags, __ATOMIC_RELAXED) & AVAIL_NO_INTERRUPT);
    return true;
}

const struct virtq_ring virtq_split = {pop, unpop, push};
