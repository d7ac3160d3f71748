/* Virtqueues of a guest, device side: what split and packed rings have in common. */
#include "vdev/virtq.h"

static const struct virtq_ring *ring_of(const struct virtio_dev *d)
{
    return virtio_has(d, VIRTIO_F_RING_PACKED) ? &virtq_packed : &virtq_split;
}

bool virtq_read(struct virtio_dev *d, u64 gpa, void *desc)
{
    struct segment s = {gpa, DESC_SIZE};

    return contains(GUEST_RAM_BASE, d->vm->ram_size, gpa, DESC_SIZE) && segments_take(d->vm, &s, 1, desc, DESC_SIZE);
}

bool virtq_append(struct virtio_dev *d, struct chain *c, u64 gpa, u32 length, bool writable)
{
    u32 n = c->readable + c->writable;

    if (n == VIRTQ_MAX || !contains(GUEST_RAM_BASE, d->vm->ram_size, gpa, length) || (!writable && c->writable))
        return false;
    c->segment[n] = (struct segment){gpa, length};
    if (writable)
        c->writable++;
    else
        c->readable++;
    return true;
}

u32 virtq_table_entries(struct virtio_dev *d, u64 gpa, u32 length, u16 flags)
{
    u32 entries = length / DESC_SIZE;

    if (!virtio_has(d, VIRTIO_F_INDIRECT_DESC) || (flags & DESC_NEXT) || length % DESC_SIZE || entries > VIRTQ_MAX ||
        !contains(GUEST_RAM_BASE, d->vm->ram_size, gpa, length))
        return 0;
    return entries;
}

void virtio_later(struct virtio_dev *d, u32 queue)
{
    d->later |= (u32)BIT(queue);
    __atomic_store_n(&d->vm->virtio_later, true, __ATOMIC_RELAXED);
}

void virtio_turn(struct virtio_dev *d, u32 queue)
{
    d->budget = TURN;
    d->backend->notify(d, queue);
    d->budget = UINT32_MAX;
}

bool virtio_unfinished(const struct vm *vm) { return __atomic_load_n(&vm->virtio_later, __ATOMIC_RELAXED); }

void virtio_continue(struct vm *vm)
{
    if (!virtio_unfinished(vm))
        return;
    spin_lock(&vm->lock);
    __atomic_store_n(&vm->virtio_later, false, __ATOMIC_RELAXED);
    for (u32 i = 0; i < VIRTIO_DEVS; i++) {
        struct virtio_dev *d = &vm->virtio[i];
        u32 later = d->later;
        d->later = 0;
        for (u32 queue = 0; later >> queue; queue++)
            if (later & BIT(queue))
                virtio_turn(d, queue);
    }
    spin_unlock(&vm->lock);
}

bool virtq_pop(struct virtio_dev *d, u32 queue, struct chain *c)
{
    struct virtq *q = &d->queue[queue];

    if (!virtio_driver_ok(d) || !q->ready)
        return false;
    if (!d->budget) {
        virtio_later(d, queue);
        return false;
    }
    d->budget--;
    c->readable = c->writable = 0;
    enum virtq_result result = ring_of(d)->pop(d, q, c);
    if (result == VIRTQ_BROKEN)
        virtio_broken(d);
    return result == VIRTQ_TAKEN;
}

void virtq_unpop(struct virtio_dev *d, u32 queue, struct virtq_head head)
{
    ring_of(d)->unpop(&d->queue[queue], head);
}

void virtq_push_all(struct virtio_dev *d, u32 queue, const struct virtq_done *done, u32 count)
{
    struct virtq *q = &d->queue[queue];
    bool wanted;

    if (!q->ready || !count)
        return;
    if (!ring_of(d)->push(d, q, done, count, &wanted))
        virtio_broken(d);
    else if (wanted)
        virtio_interrupt(d);
}

void virtq_push(struct virtio_dev *d, u32 queue, struct virtq_head head, u32 written)
{
    virtq_push_all(d, queue, &(struct virtq_done){head, written}, 1);
}
