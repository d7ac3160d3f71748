/* Driver of the machine's virtio-blk devices (virtio 1.2, 5.2). */
#include "drivers/drivers.h"
#include "drivers/virtio.h"
#include "console.h"
#include "platform.h"
#include "riscv.h"

enum { F_RO = 1u << 5, F_FLUSH = 1u << 9, F_DISCARD = 1u << 13, F_WRITE_ZEROES = 1u << 14, MAX_DISKS = 8 };
/* In struct virtio_blk_config (5.2.4). */
enum { MAX_DISCARD_SECTORS = 36, MAX_WRITE_ZEROES_SECTORS = 48 };

struct header { u32 type, reserved; u64 sector; };

struct disk {
    u64 base;
    u32 features;
    struct spinlock lock;
    struct driver_queue queue;
    u16 free[QUEUE_SIZE];                    /* stack of free descriptors */
    u32 free_count;
    /* By the first descriptor of a request: */
    struct header header[QUEUE_SIZE];
    volatile u8 status[QUEUE_SIZE];
    u64 tag[QUEUE_SIZE];
    void *owner[QUEUE_SIZE];                 /* NULL: no request begins here */
    void (*done)(void *owner, u64 tag, u8 status);
    /* Completions of others that disk_drain came across; the interrupt, which is still pending, delivers them. */
    struct completion { void *owner; u64 tag; u8 status; } late[QUEUE_SIZE];
    u32 late_count;
};

static struct disk disks[MAX_DISKS];
static u32 disk_count;

/* Takes one completed request off the used ring; false: there is none. Needs the lock. */
static bool reap(struct disk *d, struct completion *c)
{
    u32 head, length;
    bool found = virtio_completed(&d->queue, &head, &length);

    if (found) {
        *c = (struct completion){d->owner[head], d->tag[head], d->status[head]};
        d->owner[head] = NULL;
        for (u32 i = head;; i = d->queue.desc[i].next) {
            d->free[d->free_count++] = (u16)i;
            if (!(d->queue.desc[i].flags & DESC_NEXT))
                break;
        }
    }
    return found;
}

static bool next_completion(struct disk *d, struct completion *c)
{
    spin_lock(&d->lock);
    bool found = d->late_count;
    if (found)
        *c = d->late[--d->late_count];
    else
        found = reap(d, c);
    spin_unlock(&d->lock);
    return found;
}

static void on_interrupt(void *ctx)
{
    struct disk *d = ctx;
    struct completion c;

    virtio_ack(d->base);
    while (next_completion(d, &c))
        if (d->done)
            d->done(c.owner, c.tag, c.status);
}

static bool owns_any(const struct disk *d, const void *owner)
{
    for (u32 i = 0; i < QUEUE_SIZE; i++)
        if (d->owner[i] == owner)
            return true;
    return false;
}

void disk_drain(struct disk *d, const void *owner)
{
    struct completion c;

    spin_lock(&d->lock);
    while (owns_any(d, owner))
        if (reap(d, &c) && c.owner != owner)
            d->late[d->late_count++] = c;
    spin_unlock(&d->lock);
}

bool disk_read_now(struct disk *d, u64 sector, void *to)
{
    struct blk_segment segment = {(u64)to, BLK_SECTOR};
    struct completion c = {.status = BLK_IOERR};

    if (!disk_submit(d, BLK_READ, sector, &segment, 1, &c, 0))
        return false;
    spin_lock(&d->lock);
    while (!reap(d, &c))
        ;
    spin_unlock(&d->lock);
    return c.status == BLK_OK;
}

static u16 take_desc(struct disk *d, u64 address, u32 length, u16 flags)
{
    u16 i = d->free[--d->free_count];

    d->queue.desc[i] = (struct desc){address, length, flags, 0};
    return i;
}

bool disk_submit(struct disk *d, enum blk_op op, u64 sector, const struct blk_segment *segments, u32 count,
                 void *owner, u64 tag)
{
    u16 direction = op == BLK_READ ? DESC_WRITE : 0;

    spin_lock(&d->lock);
    if (d->free_count < count + 2) {
        spin_unlock(&d->lock);
        return false;
    }
    u16 head = take_desc(d, 0, sizeof(struct header), DESC_NEXT), last = head;
    d->queue.desc[head].address = (u64)&d->header[head];
    d->header[head] = (struct header){op, 0, sector};
    d->tag[head] = tag;
    d->owner[head] = owner;
    for (const struct blk_segment *s = segments; s < segments + count; s++)
        last = d->queue.desc[last].next = take_desc(d, s->address, s->length, DESC_NEXT | direction);
    d->queue.desc[last].next = take_desc(d, (u64)&d->status[head], 1, DESC_WRITE);
    virtio_offer(d->base, 0, &d->queue, head);
    spin_unlock(&d->lock);
    return true;
}

static bool start(struct disk *d, u64 base)
{
    if (!virtio_begin(base, F_RO | F_FLUSH | F_DISCARD | F_WRITE_ZEROES, &d->features) || !virtio_queue(base, 0, &d->queue))
        return false;
    for (u32 i = 0; i < d->queue.size; i++)
        d->free[d->free_count++] = (u16)(d->queue.size - 1 - i);
    d->base = base;
    virtio_start(base);
    return true;
}

void disks_init(void)
{
    for (u32 i = 0; i < platform.virtio_count && disk_count < MAX_DISKS; i++) {
        u64 base = platform.virtio[i].base;
        if (!virtio_probe(base, VIRTIO_ID_BLOCK, "disk"))
            continue;
        if (start(&disks[disk_count], base)) {
            plic_attach(platform.virtio[i].irq, on_interrupt, &disks[disk_count]);
            disk_count++;
        } else {
            hv_log("disk at 0x%lx ignored: it does not take our features", base);
        }
    }
}

struct disk *disk_find(u32 n) { return n < disk_count ? &disks[n] : NULL; }
bool disk_read_only(const struct disk *d) { return d->features & F_RO; }
bool disk_has_flush(const struct disk *d) { return d->features & F_FLUSH; }
u32 disk_clear_limit(const struct disk *d, enum blk_op op)
{
    bool discards = op == BLK_DISCARD;

    if (!(d->features & (discards ? F_DISCARD : F_WRITE_ZEROES)) || disk_read_only(d))
        return 0;
    return *virtio_reg(d->base, VIRTIO_CONFIG + (discards ? MAX_DISCARD_SECTORS : MAX_WRITE_ZEROES_SECTORS));
}

u32 disk_max_segments(const struct disk *d) { return d->queue.size - 2; }

u64 disk_sectors(const struct disk *d)
{
    return *virtio_reg(d->base, VIRTIO_CONFIG) | (u64)*virtio_reg(d->base, VIRTIO_CONFIG + 4) << 32;
}

void disk_on_done(struct disk *d, void (*done)(void *, u64, u8)) { d->done = done; }
