/* Driver of the machine's virtio-blk devices (virtio 1.2, 4.2 MMIO transport version 2, 5.2 block device). */
#include "drivers/drivers.h"
#include "console.h"
#include "platform.h"
#include "riscv.h"

enum {
    MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, DEVICE_FEATURES = 0x010, DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030, QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050, INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064, STATUS = 0x070,
    QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, CONFIG = 0x100,
};
enum { MAGIC_VALUE = 0x74726976, ID_BLOCK = 2, ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { F_RO = 1u << 5, F_FLUSH = 1u << 9, F_VERSION_1 = 1u << 0 /* of the upper word */ };
enum { DESC_NEXT = 1, DESC_WRITE = 2, QUEUE_SIZE = 128, MAX_DISKS = 8 };

struct desc { u64 address; u32 length; u16 flags, next; };
struct ring { u16 flags, index, entry[QUEUE_SIZE]; };
struct used { u16 flags, index; struct { u32 id, length; } entry[QUEUE_SIZE]; };
struct header { u32 type, reserved; u64 sector; };

struct disk {
    u64 base;
    u32 features, size;                      /* size of the queue */
    struct spinlock lock;
    struct desc desc[QUEUE_SIZE] __attribute__((aligned(16)));
    struct ring avail __attribute__((aligned(16)));
    struct used used __attribute__((aligned(16)));
    u16 free[QUEUE_SIZE];                    /* stack of free descriptors */
    u32 free_count, in_flight;
    u16 next_used;
    /* By the first descriptor of a request: */
    struct header header[QUEUE_SIZE];
    volatile u8 status[QUEUE_SIZE];
    u64 tag[QUEUE_SIZE];
    void (*done)(void *ctx, u64 tag, u8 status);
    void *ctx;
};

static struct disk disks[MAX_DISKS];
static u32 disk_count;

static volatile u32 *reg(u64 base, u32 offset) { return (volatile u32 *)(base + offset); }

static void write_address(u64 base, u32 offset, const void *p)
{
    *reg(base, offset) = (u32)(u64)p;
    *reg(base, offset + 4) = (u32)((u64)p >> 32);
}

/* Takes one completed request off the used ring; false: there is none. */
static bool reap(struct disk *d, u64 *tag, u8 *status)
{
    bool found = false;

    spin_lock(&d->lock);
    if (__atomic_load_n(&d->used.index, __ATOMIC_ACQUIRE) != d->next_used) {
        u32 head = d->used.entry[d->next_used++ % d->size].id % QUEUE_SIZE;
        *tag = d->tag[head];
        *status = d->status[head];
        for (u32 i = head;; i = d->desc[i].next) {
            d->free[d->free_count++] = (u16)i;
            if (!(d->desc[i].flags & DESC_NEXT))
                break;
        }
        d->in_flight--;
        found = true;
    }
    spin_unlock(&d->lock);
    return found;
}

static void on_interrupt(void *ctx)
{
    struct disk *d = ctx;
    u64 tag;
    u8 status;

    *reg(d->base, INTERRUPT_ACK) = *reg(d->base, INTERRUPT_STATUS);
    fence_full();
    while (reap(d, &tag, &status))
        if (d->done)
            d->done(d->ctx, tag, status);
}

void disk_drain(struct disk *d)
{
    u64 tag;
    u8 status;

    while (__atomic_load_n(&d->in_flight, __ATOMIC_ACQUIRE))
        reap(d, &tag, &status);
}

static u16 take_desc(struct disk *d, u64 address, u32 length, u16 flags)
{
    u16 i = d->free[--d->free_count];

    d->desc[i] = (struct desc){address, length, flags, 0};
    return i;
}

bool disk_submit(struct disk *d, enum blk_op op, u64 sector, const struct blk_segment *segments, u32 count,
                 u64 tag)
{
    u16 direction = op == BLK_READ ? DESC_WRITE : 0;

    spin_lock(&d->lock);
    if (d->free_count < count + 2) {
        spin_unlock(&d->lock);
        return false;
    }
    u16 head = take_desc(d, 0, sizeof(struct header), DESC_NEXT), last = head;
    d->desc[head].address = (u64)&d->header[head];
    d->header[head] = (struct header){op, 0, sector};
    d->tag[head] = tag;
    for (const struct blk_segment *s = segments; s < segments + count; s++)
        last = d->desc[last].next = take_desc(d, s->address, s->length, DESC_NEXT | direction);
    d->desc[last].next = take_desc(d, (u64)&d->status[head], 1, DESC_WRITE);
    d->in_flight++;
    d->avail.entry[d->avail.index % d->size] = head;
    __atomic_store_n(&d->avail.index, (u16)(d->avail.index + 1), __ATOMIC_RELEASE);
    fence_full();
    *reg(d->base, QUEUE_NOTIFY) = 0;
    spin_unlock(&d->lock);
    return true;
}

static bool start(struct disk *d, u64 base)
{
    *reg(base, STATUS) = 0;
    *reg(base, STATUS) = ACKNOWLEDGE;
    *reg(base, STATUS) = ACKNOWLEDGE | DRIVER;
    *reg(base, DEVICE_FEATURES_SEL) = 0;
    d->features = *reg(base, DEVICE_FEATURES) & (F_RO | F_FLUSH);
    *reg(base, DRIVER_FEATURES_SEL) = 0;
    *reg(base, DRIVER_FEATURES) = d->features;
    *reg(base, DRIVER_FEATURES_SEL) = 1;
    *reg(base, DRIVER_FEATURES) = F_VERSION_1;
    *reg(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    *reg(base, QUEUE_SEL) = 0;
    d->size = *reg(base, QUEUE_NUM_MAX);
    if (!(*reg(base, STATUS) & FEATURES_OK) || d->size < 4)
        return false;
    if (d->size > QUEUE_SIZE)
        d->size = QUEUE_SIZE;
    for (u32 i = 0; i < d->size; i++)
        d->free[d->free_count++] = (u16)(d->size - 1 - i);
    d->base = base;
    *reg(base, QUEUE_NUM) = d->size;
    write_address(base, QUEUE_DESC, d->desc);
    write_address(base, QUEUE_DRIVER, &d->avail);
    write_address(base, QUEUE_DEVICE, &d->used);
    *reg(base, QUEUE_READY) = 1;
    *reg(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    return true;
}

void disks_init(void)
{
    for (u32 i = 0; i < platform.virtio_count && disk_count < MAX_DISKS; i++) {
        u64 base = platform.virtio[i].base;
        if (*reg(base, MAGIC) != MAGIC_VALUE || *reg(base, DEVICE_ID) != ID_BLOCK)
            continue;
        if (*reg(base, VERSION) != 2) {
            hv_log("disk at 0x%lx ignored: its virtio-mmio transport is the legacy one", base);
        } else if (start(&disks[disk_count], base)) {
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
u32 disk_max_segments(const struct disk *d) { return d->size - 2; }

u64 disk_sectors(const struct disk *d)
{
    return *reg(d->base, CONFIG) | (u64)*reg(d->base, CONFIG + 4) << 32;
}

void disk_on_done(struct disk *d, void (*done)(void *, u64, u8), void *ctx)
{
    d->done = done;
    d->ctx = ctx;
}
