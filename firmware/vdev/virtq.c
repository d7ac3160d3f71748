/* Split virtqueues of a guest (virtio 1.2, 2.7), device side. Every index, address and length is the guest's
   word: each is read once into a local copy and checked before it is used. */
#include "vm.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, AVAIL_NO_INTERRUPT = 1 };

struct desc { u64 address; u32 length; u16 flags, next; };
struct ring { u16 flags, index, entry[]; };
struct used { u16 flags, index; struct { u32 id, length; } entry[]; };

/* A part of the queue in guest RAM, or NULL if it is misaligned or lies elsewhere. */
static void *part(struct virtio_dev *d, u64 gpa, u64 align, u64 length)
{
    return gpa % align ? NULL : vm_ram(d->vm, gpa, length);
}

static struct ring *avail_ring(struct virtio_dev *d, const struct virtq *q)
{
    return part(d, q->avail, 2, sizeof(struct ring) + 2ull * q->size);
}

static struct used *used_ring(struct virtio_dev *d, const struct virtq *q)
{
    return part(d, q->used, 4, sizeof(struct used) + 8ull * q->size);
}

/* Follows the chain from c->head; false if it breaks a rule. */
static bool collect(struct virtio_dev *d, const struct virtq *q, const struct desc *table, struct chain *c)
{
    u32 index = c->head, n = 0;

    c->readable = c->writable = 0;
    for (;;) {
        if (index >= q->size || n == q->size)        /* outside the table, or a loop */
            return false;
        struct desc e = *(const volatile struct desc *)&table[index];
        u8 *data = vm_ram(d->vm, e.address, e.length);
        if (!data || (e.flags & DESC_INDIRECT))
            return false;
        if (!(e.flags & DESC_WRITE) && c->writable)
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

bool virtq_pop(struct virtio_dev *d, u32 queue, struct chain *c)
{
    struct virtq *q = &d->queue[queue];

    if (!virtio_driver_ok(d) || !q->ready)
        return false;
    struct ring *avail = avail_ring(d, q);
    const struct desc *table = part(d, q->desc, 16, 16ull * q->size);
    if (avail && table && used_ring(d, q)) {
        u16 waiting = (u16)(__atomic_load_n(&avail->index, __ATOMIC_ACQUIRE) - q->next_avail);
        if (!waiting)
            return false;
        c->head = __atomic_load_n(&avail->entry[q->next_avail % q->size], __ATOMIC_RELAXED);
        if (waiting <= q->size && collect(d, q, table, c)) {
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
    used->entry[q->next_used % q->size].id = head;
    used->entry[q->next_used % q->size].length = written;
    __atomic_store_n(&used->index, ++q->next_used, __ATOMIC_RELEASE);
    fence_full();
    if (!(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) & AVAIL_NO_INTERRUPT)) {
        d->isr |= 1;
        vplic_set(d->vm, d->irq, true);
    }
}
