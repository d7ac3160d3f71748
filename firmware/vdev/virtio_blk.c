/* virtio-blk back end: a guest's requests go to one disk of the machine, straight from and to guest RAM. */
#include "vm.h"
#include "drivers/drivers.h"

enum { F_SEG_MAX = 1 << 2, F_RO = 1 << 5, F_FLUSH = 1 << 9, F_DISCARD = 1 << 13, F_WRITE_ZEROES = 1 << 14 };
enum { ID_LENGTH = 20, SEG_MAX = 32, SLOT_BITS = 16, MAX_PIECES = 62 };

struct header { u32 type, reserved; u64 sector; };

static u64 offered_features(const struct virtio_dev *d)
{
    return F_SEG_MAX | F_FLUSH | (disk_read_only(d->disk) ? F_RO : 0) |
           (disk_clear_limit(d->disk, BLK_DISCARD) ? F_DISCARD : 0) |
           (disk_clear_limit(d->disk, BLK_WRITE_ZEROES) ? F_WRITE_ZEROES : 0);
}

static u8 config(const struct virtio_dev *d, u32 offset)
{
    /* struct virtio_blk_config (5.2.4); one range for each discard or write-zeroes request. */
    struct __attribute__((packed)) {
        u64 capacity;
        u32 size_max, seg_max;
        u8 others[20];
        u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
        u32 max_write_zeroes_sectors, max_write_zeroes_seg;
        u8 write_zeroes_may_unmap;
    } c = {
        .capacity = d->vm->extent.sectors, .seg_max = SEG_MAX,
        .max_discard_sectors = disk_clear_limit(d->disk, BLK_DISCARD), .max_discard_seg = 1,
        .discard_sector_alignment = 1,
        .max_write_zeroes_sectors = disk_clear_limit(d->disk, BLK_WRITE_ZEROES), .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };

    return offset < sizeof(c) ? ((const u8 *)&c)[offset] : 0;
}

/* Takes the last byte of the segments, where the device writes its status; false: there is none. */
static bool take_status(struct segment *s, u32 count, u64 *where)
{
    while (count--)
        if (s[count].length) {
            *where = s[count].gpa + --s[count].length;
            return true;
        }
    return false;
}

enum outcome { FINISHED, SUBMITTED, QUEUE_FULL };

static u32 slot_of(u64 tag) { return tag & ((1u << SLOT_BITS) - 1); }
static u64 tag_of(const struct virtio_dev *d, u32 slot) { return (u64)d->generation << SLOT_BITS | slot; }
static struct blk_left *left_of(const struct virtio_dev *d, u64 tag) { return &d->vm->blk_left[slot_of(tag)]; }

/* Gives the disk the next part of a transfer: whole sectors, in as many pieces of memory as one request takes. */
static enum outcome next_part(struct virtio_dev *d, u64 tag, u8 *status)
{
    struct blk_left *left = left_of(d, tag);
    struct blk_segment out[MAX_PIECES];
    u32 most = (u32)min_u64(MAX_PIECES, disk_max_segments(d->disk)), n = 0, piece;
    u64 bytes = 0;
    struct segment at = {0}, *s = left->segment, *end = s + left->count;

    *status = BLK_IOERR;
    while (n < most && (at.length || s < end)) {
        if (!at.length) {
            at = *s++;
            continue;
        }
        const u8 *data = segment_front(d->vm, &at, &piece);
        if (!data)
            return FINISHED;
        out[n++] = (struct blk_segment){(u64)data, piece};
        segment_drop(&at, piece);
        bytes += piece;
    }
    for (u32 over = bytes % BLK_SECTOR, cut; over; over -= cut) {
        cut = (u32)min_u64(over, out[n - 1].length);
        out[n - 1].length -= cut;
        n -= !out[n - 1].length;
        bytes -= cut;
    }
    if (!bytes && segments_length(left->segment, left->count))
        return FINISHED;
    if (!disk_submit(d->disk, left->type, d->vm->extent.first + left->sector, out, n, d, tag))
        return QUEUE_FULL;
    left->sector += bytes / BLK_SECTOR;
    segments_drop(left->segment, left->count, bytes);
    return SUBMITTED;
}

static enum outcome transfer(struct virtio_dev *d, const struct header *h, struct segment *s, u32 count,
                             u64 tag, u8 *status)
{
    struct blk_left *left = left_of(d, tag);
    u64 length = segments_length(s, count);

    *status = BLK_IOERR;
    if (length % BLK_SECTOR || !contains(0, d->vm->extent.sectors, h->sector, length / BLK_SECTOR) ||
        (h->type == BLK_WRITE && disk_read_only(d->disk)))
        return FINISHED;
    *left = (struct blk_left){.type = h->type, .sector = h->sector, .count = count};
    memcpy(left->segment, s, count * sizeof(*s));
    return next_part(d, tag, status);
}

/* DISCARD and WRITE_ZEROES. The range is checked here and passed on in a copy, which lasts as long as the request. */
static enum outcome clear(struct virtio_dev *d, const struct header *h, struct segment *s, u32 count, u64 tag,
                          u8 *status)
{
    struct blk_range *r = &d->vm->blk_range[slot_of(tag)];
    u32 limit = disk_clear_limit(d->disk, h->type);

    *status = BLK_UNSUPP;
    if (!limit)
        return FINISHED;
    *status = BLK_IOERR;
    if (segments_length(s, count) != sizeof(*r) || !segments_take(d->vm, s, count, r, sizeof(*r)) ||
        r->sectors > limit || !contains(0, d->vm->extent.sectors, r->sector, r->sectors))
        return FINISHED;
    if (r->flags & ~(h->type == BLK_WRITE_ZEROES ? (u32)BLK_UNMAP : 0)) {
        *status = BLK_UNSUPP;
        return FINISHED;
    }
    struct blk_segment out = {(u64)r, sizeof(*r)};
    r->sector += d->vm->extent.first;
    return disk_submit(d->disk, h->type, 0, &out, 1, d, tag) ? SUBMITTED : QUEUE_FULL;
}

static enum outcome get_id(struct vm *vm, struct segment *s, u32 count, u8 *status)
{
    char id[ID_LENGTH + 1] = "";

    if (vm->serial)
        format(id, sizeof(id), "%s", vm->serial);
    else
        format(id, sizeof(id), "rvh-%s", vm->label);
    segments_put(vm, s, count, id, ID_LENGTH);
    *status = BLK_OK;
    return FINISHED;
}

static enum outcome execute(struct virtio_dev *d, struct chain *c, u64 tag, struct pending *p, u8 *status)
{
    struct segment *in = c->segment, *out = c->segment + c->readable;
    struct header h;

    *status = BLK_IOERR;
    left_of(d, tag)->count = 0;
    if (!segments_take(d->vm, in, c->readable, &h, sizeof(h)))
        return FINISHED;
    p->type = h.type;
    p->bytes = h.type == BLK_READ ? segments_length(out, c->writable) : segments_length(in, c->readable);
    *status = BLK_UNSUPP;
    switch (h.type) {
    case BLK_READ: return transfer(d, &h, out, c->writable, tag, status);
    case BLK_WRITE: return transfer(d, &h, in, c->readable, tag, status);
    case BLK_DISCARD:
    case BLK_WRITE_ZEROES: return clear(d, &h, in, c->readable, tag, status);
    case BLK_GET_ID: return get_id(d->vm, out, c->writable, status);
    case BLK_FLUSH:
        *status = BLK_OK;
        if (!disk_has_flush(d->disk))
            return FINISHED;
        return disk_submit(d->disk, BLK_FLUSH, 0, NULL, 0, d, tag) ? SUBMITTED : QUEUE_FULL;
    default: return FINISHED;
    }
}

static void count(struct disk_stats *s, const struct pending *p, u8 status)
{
    s->errors += status != BLK_OK;
    s->flushes += p->type == BLK_FLUSH;
    s->discards += p->type == BLK_DISCARD || p->type == BLK_WRITE_ZEROES;
    if (p->type == BLK_READ) {
        s->reads++;
        s->read_bytes += p->bytes;
    } else if (p->type == BLK_WRITE) {
        s->writes++;
        s->written_bytes += p->bytes;
    }
}

static void answer(struct virtio_dev *d, const struct pending *p, u8 status)
{
    struct segment s = {p->status, 1};

    count(&d->vm->disk_stats, p, status);
    segments_put(d->vm, &s, 1, &status, 1);
    virtq_push(d, 0, p->head, p->written);
}

/* Once nothing is in flight the balloon, which has waited for that, goes on. True if it has waited. */
static bool end_hold(struct vm *vm)
{
    if (!vm->disk_held || vm->blk_busy)
        return false;
    vm->disk_held = false;
    balloon_go_on(vm);
    return true;
}

static void complete(struct virtio_dev *d, u32 slot, u8 status)
{
    d->vm->blk_busy &= ~BIT(slot);
    answer(d, &d->vm->blk_pending[slot], status);
}

/* The queue is full: true if it is to be tried once more, now that whoever completes a request knows of it. */
static bool starve(struct vm *vm)
{
    return !__atomic_exchange_n(&vm->disk_starved, true, __ATOMIC_SEQ_CST);
}

/* Further parts of transfers that have found the queue full. False: it is full again. */
static bool continue_parts(struct virtio_dev *d)
{
    struct vm *vm = d->vm;

    while (vm->blk_waiting) {
        u32 slot = (u32)__builtin_ctzll(vm->blk_waiting);
        u8 status;
        enum outcome outcome = next_part(d, tag_of(d, slot), &status);
        if (outcome == QUEUE_FULL && !starve(vm))
            return false;
        if (outcome == QUEUE_FULL)
            continue;
        vm->disk_starved = false;
        vm->blk_waiting &= ~BIT(slot);
        if (outcome == FINISHED)
            complete(d, slot, status);
    }
    return true;
}

static void notify(struct virtio_dev *d, u32 queue)
{
    struct pending p;
    struct chain c;
    u8 status;

    if (!continue_parts(d))
        return;
    while (!d->vm->disk_held && virtq_pop(d, queue, &c)) {
        struct segment *out = c.segment + c.readable;
        u64 busy = d->vm->blk_busy;
        p = (struct pending){.type = ~0u, .head = c.head, .written = (u32)segments_length(out, c.writable)};
        /* Nowhere to answer, or more requests in flight than the ring has room for. */
        if (!take_status(out, c.writable, &p.status) || !~busy) {
            virtio_broken(d);
            return;
        }
        u32 slot = (u32)__builtin_ctzll(~busy);
        enum outcome outcome = execute(d, &c, tag_of(d, slot), &p, &status);
        if (outcome == QUEUE_FULL) {
            virtq_unpop(d, queue, c.head);
            if (!starve(d->vm))
                return;
            continue;
        }
        d->vm->disk_starved = false;
        if (outcome == SUBMITTED) {
            d->vm->blk_busy |= 1ull << slot;
            d->vm->blk_pending[slot] = p;
        } else {
            answer(d, &p, status);
        }
    }
}

/* There is room again in the queue: for requests of other VMs, too, that share the disk by partitions. */
static void feed(const struct disk *disk)
{
    for (u32 i = 0; i < vm_count; i++) {
        struct virtio_dev *d = &vms[i].virtio[VIRTIO_SLOT_BLK];
        if (d->disk != disk || !__atomic_load_n(&vms[i].disk_starved, __ATOMIC_SEQ_CST))
            continue;
        spin_lock(&vms[i].lock);
        virtio_turn(d, 0);
        spin_unlock(&vms[i].lock);
    }
}

static void done(void *owner, u64 tag, u8 status)
{
    struct virtio_dev *d = owner;
    const struct blk_left *left = left_of(d, tag);

    spin_lock(&d->vm->lock);
    if (tag >> SLOT_BITS == d->generation) {
        if (status == BLK_OK && segments_length(left->segment, left->count)) {
            d->vm->blk_waiting |= BIT(slot_of(tag));
            continue_parts(d);
        } else {
            complete(d, slot_of(tag), status);
        }
        if (end_hold(d->vm))
            virtio_turn(d, 0);
    }
    spin_unlock(&d->vm->lock);
    feed(d->disk);
}

/* The disk must not write into memory that the driver takes back, so a reset waits for it. */
static void reset(struct virtio_dev *d)
{
    disk_drain(d->disk, d);
    d->vm->blk_busy = d->vm->blk_waiting = 0;
    d->vm->disk_starved = false;
    end_hold(d->vm);
}

const struct virtio_backend virtio_blk = {2, 1, offered_features, notify, config, reset, 0, NULL};

static bool overlap(const struct extent *a, const struct extent *b)
{
    return a->first < b->first + b->sectors && b->first < a->first + a->sectors;
}

const char *virtio_blk_attach(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_BLK];

    if (vm->disk < 0)
        return NULL;
    d->disk = disk_find((u32)vm->disk);
    if (!d->disk)
        return "the machine has no such disk";
    vm->extent = (struct extent){0, disk_sectors(d->disk)};
    const char *error = vm->partition ? partition_find(d->disk, vm->partition, &vm->extent) : NULL;
    if (error)
        return error;
    for (u32 i = 0; i < vm->index; i++)
        if (vms[i].virtio[VIRTIO_SLOT_BLK].disk == d->disk && overlap(&vms[i].extent, &vm->extent))
            return "its disk belongs to another VM";
    d->backend = &virtio_blk;
    d->vm = vm;
    d->irq = VIRTIO_IRQ + VIRTIO_SLOT_BLK;
    disk_on_done(d->disk, done);
    vm->blk_left = ram_take_zeroed(VIRTQ_MAX * sizeof(*vm->blk_left), PAGE_SIZE);
    return vm->blk_left ? NULL : "no memory is left for its disk";
}
