/* Attacks through packed rings (virtio 1.2, section 2.8): one table of descriptors that both sides write. */
#include "ring.h"

#define F_RING_PACKED (1ul << 34)
#define F_INDIRECT_DESC (1ul << 28)
#define F_EVENT_IDX (1ul << 29)
enum { AVAILABLE = 1 << 7, USED = 1 << 15 };

struct packed_desc {
    u64 address;
    u32 length;
    u16 id, flags;
};

/* The driver's and the device's event suppression structure (2.8.10) lie where a split queue has its rings. */
struct events { u16 offset_wrap, flags; };

static struct packed_desc *const ring = (struct packed_desc *)arena.queue.desc;
static struct packed_desc indirect[QUEUE_SIZE + 1] __attribute__((aligned(16)));
static u16 count; /* of the honest chain's descriptors */

/* Turns the honest chain at the head of the table into its packed form: descriptors follow each other. */
static bool bring_up(const struct victim *v, u64 wanted)
{
    struct virtq_desc split[3];
    if (!bring_up_with(v, F_RING_PACKED | wanted))
        return false;
    memcpy(split, arena.queue.desc, sizeof split);
    memset(&arena.queue, 0, sizeof arena.queue);
    for (count = 0; count < 3; count++) {
        ring[count] = (struct packed_desc){ split[count].address, split[count].length, count, split[count].flags };
        if (!(split[count].flags & DESC_NEXT))
            break;
    }
    count++;
    return true;
}

/* The first descriptor becomes available last, as a driver does it (2.8.6). */
static void offer(u16 descriptors)
{
    for (u16 i = descriptors; i-- > 0;) {
        fence();
        ring[i].flags |= AVAILABLE;
    }
}

/* It has not come back, or it has come back as an error. */
static bool refused(const struct victim *v)
{
    for (int i = 0; i < PATIENCE; i++) {
        u16 flags = *(volatile u16 *)&ring[0].flags;
        if (read32(v->base + VIRTIO_STATUS) & STATUS_NEEDS_RESET)
            return true;
        if ((flags & USED) && (flags & AVAILABLE))
            return v->id == VIRTIO_ID_BLOCK && arena.status != 0;
        cpu_relax();
    }
    return true;
}

/* `spoil` says how many descriptors to offer. `must_refuse`: the request must not be carried out. */
static enum verdict attack_packed(u64 wanted, u16 (*spoil)(u32 variant), u32 variants, bool must_refuse)
{
    bool contained = true;
    u32 tried = 0;
    if (!machine.is_virtual)
        return SKIPPED;
    find_victims();
    for (const struct victim *v = victims; v < victims + victim_count; v++)
        for (u32 variant = 0; variant < variants; variant++) {
            if (!bring_up(v, wanted))
                continue;
            tried++;
            u16 descriptors = spoil(variant);
            virtio_ready(v->base);
            offer(descriptors);
            notify(v);
            contained &= refused(v) || !must_refuse;
            contained &= intact(v);
        }
    return tried ? contained_if(contained) : SKIPPED;
}

static u16 spoil_address(u32 variant)
{
    const u64 addresses[] = { machine.ram_end, 0, 1ul << 63, machine.ram_end + 0x40000000 };
    ring[count > 1].address = addresses[variant];
    return count;
}

enum verdict attack_packed_address(void) { return attack_packed(0, spoil_address, 4, true); }

static u16 spoil_length(u32 variant)
{
    const u64 addresses[] = { machine.ram_end - 512, -16ul, machine.ram_end - 256 };
    static const u32 lengths[] = { 0xfffffe00, 512, 512 };
    ring[count > 1].address = addresses[variant];
    ring[count > 1].length = lengths[variant];
    return count;
}

enum verdict attack_packed_length(void) { return attack_packed(0, spoil_length, 3, true); }

/* Something to read behind something to write (2.8.17). */
static u16 spoil_order(u32 variant)
{
    (void)variant;
    ring[count - 1].flags |= DESC_NEXT | DESC_WRITE;
    ring[count] = (struct packed_desc){ (u64)arena.data, 16, 0, 0 };
    return count + 1;
}

enum verdict attack_packed_order(void) { return attack_packed(0, spoil_order, 1, true); }

/* A chain as long as the ring with one more to come, and one whose next descriptor is not available. */
static u16 spoil_endless(u32 variant)
{
    u16 length = variant ? 1 : QUEUE_SIZE;
    for (u16 i = 0; i < length; i++)
        ring[i] = (struct packed_desc){ (u64)&arena.header, 16, i, DESC_NEXT };
    return length;
}

enum verdict attack_packed_endless(void) { return attack_packed(0, spoil_endless, 2, true); }

/* Tables outside RAM, of an odd length, too long, empty, and with a chain behind them. (Of the flags in a table a
 * device looks at WRITE only.) */
static u16 spoil_indirect(u32 variant)
{
    const struct packed_desc heads[] = {
        { machine.ram_end, sizeof indirect[0], 0, DESC_INDIRECT },
        { (u64)indirect, 15, 0, DESC_INDIRECT },
        { (u64)indirect, 0xfffffff0, 0, DESC_INDIRECT },
        { (u64)indirect, 0, 0, DESC_INDIRECT },
        { (u64)indirect, sizeof indirect[0], 0, DESC_INDIRECT | DESC_NEXT },
    };
    indirect[0] = (struct packed_desc){ machine.ram_end, 16, 0, 0 };
    ring[0] = heads[variant];
    return 1;
}

enum verdict attack_packed_indirect(void) { return attack_packed(F_INDIRECT_DESC, spoil_indirect, 5, true); }

/* Flags that say "used", that nobody defined, and a buffer id that is none of ours. What comes of it is the
 * driver's loss; the device must be well after a reset. */
static u16 spoil_flags(u32 variant)
{
    static const u16 flags[] = { USED, 0x7f78, 0xffff, 0x4000 };
    ring[0].flags |= flags[variant];
    ring[0].id = 0xffff;
    return count;
}

enum verdict attack_packed_flags(void) { return attack_packed(0, spoil_flags, 4, false); }

/* Events that name descriptors beyond the ring, and a reserved kind of suppression. */
static u16 spoil_events(u32 variant)
{
    struct events *driver = (struct events *)&arena.queue.avail;
    static const struct events bad[] = { { 0x7fff, 2 }, { 0xffff, 2 }, { QUEUE_SIZE, 3 }, { 0, 0xffff } };
    *driver = bad[variant];
    return count;
}

enum verdict attack_packed_events(void) { return attack_packed(F_EVENT_IDX, spoil_events, 4, false); }
