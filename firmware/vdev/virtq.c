/* Split virtqueues of a guest (virtio 1.2, 2.7), device side. Every index, address and length is the guest's
   word: each is read once into a local copy and checked before it is used. */
#include "vm.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, AVAIL_NO_INTERRUPT = 1 };

struct desc { u64 address; u32 length; u16 flags, next; };
struct ring { u16 flags, index, entry[]; };                  /* then used_event */
struct used { u16 flags, index; struct { u32 id, length; } entry[]; };   /* then avail_event */

/* A part of the queue in guest RAM, or NULL if it is misaligned or lies elsewhere. */
static void *part(struct virtio_dev *d, u64 gpa, u64 align, u64 length)
{
    return gpa % align ? NULL : vm_ram(d->vm, gpa, length);
}

static struct ring *avail_ring(struct virtio_dev *d, const struct virtq *q)
{
    return part(d, q->avail, 2, sizeof(struct ring) + 2ull * q->size + sizeof(u16));
}

static struct used *used_ring(struct virtio_dev *d, const struct virtq *q)
{
    return part(d, q->used, 4, sizeof(struct used) + 8ull * q->size + sizeof(u16));
}

/* Makes `e`, met in a chain, the table that the chain goes on in (2.7.5.3); NULL if it breaks a rule. */
static const u8 *enter_table(struct virtio_dev *d, const struct desc *e, u32 *entries)
{
    *entries = e->length / sizeof(struct desc);
    if (!virtio_has(d, VIRTIO_F_INDIRECT_DESC) || (e->flags & DESC_NEXT) || e->length % sizeof(struct desc) ||
        *entries > VIRTQ_MAX)
        return NULL;
    return vm_ram(d->vm, e->address, e->length);
}

/* Follows the chain from c->head; false if it breaks a rule. */
static bool collect(struct virtio_dev *d, const struct virtq *q, const u8 *table, struct chain *c)
{
    u32 index = c->head, entries = q->size, n = 0;
    bool indirect = false;

    c->readable = c->writable = 0;
    for (;;) {
        if (index >= entries || n == VIRTQ_MAX)      /* outside the table, or a loop */
            return false;
        struct desc e;
        memcpy(&e, table + index * sizeof(e), sizeof(e));
        if (e.flags & DESC_INDIRECT) {
            table = indirect ? NULL : enter_table(d, &e, &entries);
            if (!table)
                return false;
            indirect = true;
            index = 0;
            continue;
        }
        u8 *data = vm_ram(d->vm, e.address, e.length);
        if (!data || (!(e.flags & DESC_WRITE) && c->writable))
            return false;
        c->segment[n++] = (struct segment){data, e.length};
        if (e.flags & DESC_WRITE)
            c->writable++;
        else
            c->readable++;
        if (!(e.flags & DESC_NEXT))
            return true;
        index = e.next;
    }
}

/* How many requests wait. If none, the driver is to notify of the next (2.7.10); it may just have put one. */
static u16 waiting(struct virtio_dev *d, struct virtq *q, const struct ring *avail, struct used *used)
{
    u16 n = (u16)(__atomic_load_n(&avail->index, __ATOMIC_ACQUIRE) - q->next_avail);

    if (n || !virtio_has(d, VIRTIO_F_EVENT_IDX))
        return n;
    __atomic_store_n((u16 *)&used->entry[q->size], q->next_avail, __ATOMIC_RELAXED);
    fence_full();
    return (u16)(__atomic_load_n(&avail->index, __ATOMIC_ACQUIRE) - q->next_avail);
}

bool virtq_pop(struct virtio_dev *d, u32 queue, struct chain *c)
{
    struct virtq *q = &d->queue[queue];

    if (!virtio_driver_ok(d) || !q->ready)
        return false;
    struct ring *avail = avail_ring(d, q);
    struct used *used = used_ring(d, q);
    const u8 *table = part(d, q->desc, 16, sizeof(struct desc) * q->size);
    if (avail && table && used) {
        u16 n = waiting(d, q, avail, used);
        if (!n)
            return false;
        c->head = __atomic_load_n(&avail->entry[q->next_avail % q->size], __ATOMIC_RELAXED);
        if (n <= q->size && collect(d, q, table, c)) {
            q->next_avail++;
            return true;
        }
    }
    virtio_broken(d);
    return false;
}

void virtq_unpop(struct virtio_dev *d, u32 queue) { d->queue[queue].next_avail--; }

void virtq_push(struct virtio_dev *d, u32 queue, u16 head, u32 written)
{
    struct virtq *q = &d->queue[queue];
    struct used *used = used_ring(d, q);
    const struct ring *avail = avail_ring(d, q);

    if (!used || !avail) {
        virtio_broken(d);
        return;
    }
    u16 index = q->next_used++;
    used->entry[index % q->size].id = head;
    used->entry[index % q->size].length = written;
    __atomic_store_n(&used->index, q->next_used, __ATOMIC_RELEASE);
    fence_full();
    bool wanted = virtio_has(d, VIRTIO_F_EVENT_IDX)
                      ? __atomic_load_n(&avail->entry[q->size], __ATOMIC_RELAXED) == index
                      : !(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) & AVAIL_NO_INTERRUPT);
    if (wanted) {
        d->isr |= 1;
        vplic_set(d->vm, d->irq, true);
    }
}

u64 segments_length(const struct segment *s, u32 count)
{
    u64 sum = 0;

    while (count--)
        sum += s++->length;
    return sum;
}

/* Copies between the front of the segments and a buffer: to the buffer if `out`, else from `in`. */
static bool copy_front(struct segment *s, u32 count, u8 *out, const u8 *in, u32 n)
{
    for (; count && n; s++, count--) {
        u32 length = (u32)min_u64(n, s->length);
        if (out)
            memcpy(out, s->data, length);
        else
            memcpy(s->data, in, length);
        out = out ? out + length : NULL;
        in = in ? in + length : NULL;
        s->data += length;
        s->length -= length;
        n -= length;
    }
    return n == 0;
}

bool segments_take(struct segment *s, u32 count, void *to, u32 n)
{
    return copy_front(s, count, to, NULL, n);
}

bool segments_put(struct segment *s, u32 count, const void *from, u32 n)
{
    return copy_front(s, count, NULL, from, n);
}
