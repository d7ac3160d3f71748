/* virtio-blk back end: a guest's requests go to one disk of the machine, straight from and to guest RAM. */
#include "vm.h"
#include "drivers/drivers.h"

enum { F_SEG_MAX = 1 << 2, F_RO = 1 << 5, F_FLUSH = 1 << 9, ID_LENGTH = 20, SEG_MAX = 32, HEAD_BITS = 16 };

struct header { u32 type, reserved; u64 sector; };

static u64 offered_features(const struct virtio_dev *d)
{
    return F_SEG_MAX | F_FLUSH | (disk_read_only(d->disk) ? F_RO : 0);
}

static u8 config(const struct virtio_dev *d, u32 offset)
{
    struct { u64 capacity; u32 size_max, seg_max; } c = {disk_sectors(d->disk), 0, SEG_MAX};

    return offset < sizeof(c) ? ((const u8 *)&c)[offset] : 0;
}

/* Takes the last byte of the segments, where the device writes its status; NULL: there is none. */
static u8 *take_status(struct segment *s, u32 count)
{
    while (count--)
        if (s[count].length)
            return &s[count].data[--s[count].length];
    return NULL;
}

enum outcome { FINISHED, SUBMITTED, QUEUE_FULL };

static enum outcome transfer(struct virtio_dev *d, const struct header *h, const struct segment *s, u32 count,
                             u64 tag, u8 *status)
{
    struct blk_segment out[VIRTQ_MAX];
    u64 length = segments_length(s, count);
    u32 n = 0;

    for (u32 i = 0; i < count; i++)
        if (s[i].length)
            out[n++] = (struct blk_segment){(u64)s[i].data, s[i].length};
    *status = BLK_IOERR;
    if (length % BLK_SECTOR || !contains(0, disk_sectors(d->disk), h->sector, length / BLK_SECTOR) ||
        n > disk_max_segments(d->disk) || (h->type == BLK_WRITE && disk_read_only(d->disk)))
        return FINISHED;
    return disk_submit(d->disk, h->type, h->sector, out, n, tag) ? SUBMITTED : QUEUE_FULL;
}

static enum outcome get_id(struct vm *vm, const struct segment *s, u32 count, u8 *status)
{
    char id[ID_LENGTH + 1] = "";

    format(id, sizeof(id), "rvh-%s", vm->label);
    for (u32 i = 0, at = 0; i < count && at < ID_LENGTH; i++) {
        u32 part = (u32)min_u64(s[i].length, ID_LENGTH - at);
        memcpy(s[i].data, id + at, part);
        at += part;
    }
    *status = BLK_OK;
    return FINISHED;
}

static enum outcome execute(struct virtio_dev *d, struct chain *c, u64 tag, u8 *status)
{
    struct segment *in = c->segment, *out = c->segment + c->readable;
    struct header h;

    *status = BLK_IOERR;
    if (!segments_take(in, c->readable, &h, sizeof(h)))
        return FINISHED;
    *status = BLK_UNSUPP;
    switch (h.type) {
    case BLK_READ: return transfer(d, &h, out, c->writable, tag, status);
    case BLK_WRITE: return transfer(d, &h, in, c->readable, tag, status);
    case BLK_GET_ID: return get_id(d->vm, out, c->writable, status);
    case BLK_FLUSH:
        *status = BLK_OK;
        if (!disk_has_flush(d->disk))
            return FINISHED;
        return disk_submit(d->disk, BLK_FLUSH, 0, NULL, 0, tag) ? SUBMITTED : QUEUE_FULL;
    default: return FINISHED;
    }
}

static void notify(struct virtio_dev *d, u32 queue)
{
    struct chain c;

    while (virtq_pop(d, queue, &c)) {
        u8 status, *where = take_status(c.segment + c.readable, c.writable);
        struct pending *p = &d->vm->blk_pending[c.head];
        if (!where || p->status) {           /* nowhere to answer, or a chain that is still in flight */
            virtio_broken(d);
            return;
        }
        u32 written = (u32)segments_length(c.segment + c.readable, c.writable) + 1;
        enum outcome outcome = execute(d, &c, (u64)d->generation << HEAD_BITS | c.head, &status);
        if (outcome == QUEUE_FULL) {
            virtq_unpop(d, queue);
            return;
        }
        if (outcome == SUBMITTED) {
            *p = (struct pending){where, written};
        } else {
            *where = status;
            virtq_push(d, queue, c.head, written);
        }
    }
}

static void done(void *ctx, u64 tag, u8 status)
{
    struct virtio_dev *d = ctx;
    u16 head = (u16)tag;

    spin_lock(&d->vm->lock);
    if (tag >> HEAD_BITS == d->generation) {
        struct pending *p = &d->vm->blk_pending[head];
        *p->status = status;
        p->status = NULL;
        virtq_push(d, 0, head, p->written);
        notify(d, 0);                        /* there is room again for what did not fit */
    }
    spin_unlock(&d->vm->lock);
}

/* The disk must not write into memory that the driver takes back, so a reset waits for it. */
static void reset(struct virtio_dev *d)
{
    disk_drain(d->disk);
    memset(d->vm->blk_pending, 0, sizeof(d->vm->blk_pending));
}

const struct virtio_backend virtio_blk = {2, 1, offered_features, notify, config, reset};

const char *virtio_blk_attach(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_BLK];

    if (vm->disk < 0)
        return NULL;
    d->disk = disk_find((u32)vm->disk);
    if (!d->disk)
        return "the machine has no such disk";
    for (u32 i = 0; i < vm->index; i++)
        if (vms[i].virtio[VIRTIO_SLOT_BLK].disk == d->disk)
            return "its disk belongs to another VM";
    d->backend = &virtio_blk;
    d->vm = vm;
    d->irq = VIRTIO_IRQ + VIRTIO_SLOT_BLK;
    disk_on_done(d->disk, done, d);
    return NULL;
}
