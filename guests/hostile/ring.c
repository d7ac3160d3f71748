/* Attacks through virtio: descriptor chains, ring indices and registers that lie (virtio 1.2, sections 2.7
 * and 4.2). The device must refuse the chain - asking for a reset, ignoring it or reporting an error - and
 * work after a reset. Disks are only ever asked to read. */
#include "ring.h"

enum { CANARY = 0xc5, NET_HEADER = 12, NET_FRAME = 60 };
#define F_INDIRECT_DESC (1ul << 28)
#define F_EVENT_IDX (1ul << 29)

struct victim victims[MAX_VICTIMS];
int victim_count = -1;
struct arena arena __attribute__((aligned(64)));

static struct virtq_desc *const desc = arena.queue.desc;
static struct virtq_desc indirect_table[2] __attribute__((aligned(16)));

int find_victims(void)
{
    static const u32 ids[MAX_VICTIMS][2] = {
        { VIRTIO_ID_BLOCK, 0 }, { VIRTIO_ID_CONSOLE, 1 /* transmit */ },
        { VIRTIO_ID_NET, 1 /* transmit */ },
    };
    if (victim_count >= 0)
        return victim_count;
    victim_count = 0;
    for (int i = 0; i < MAX_VICTIMS; i++) {
        u32 irq;
        u64 base = virtio_find(machine.dtb, ids[i][0], &irq);
        if (base && read32(base + VIRTIO_VERSION) == 2)
            victims[victim_count++] = (struct victim){ base, ids[i][0], ids[i][1] };
    }
    return victim_count;
}

/* Brings the device up with one queue and an honest chain at descriptor 0: a read of sector 0, or a line of
 * text, which a device may print before it finds what is wrong with the rest, or a frame to nobody. */
bool bring_up_with(const struct victim *v, u64 wanted)
{
    static const char text[] = "text of a forged virtio chain\n";
    u64 features;
    memset(&arena, CANARY, sizeof arena);
    arena.header.type = 0;
    arena.header.reserved = 0;
    arena.header.sector = 0;
    memcpy(arena.data, text, sizeof text);
    if (!virtio_begin(v->base, wanted, &features) || !virtio_set_queue(v->base, v->queue, &arena.queue))
        return false;
    if (v->id == VIRTIO_ID_BLOCK) {
        desc[0] = (struct virtq_desc){ (u64)&arena.header, sizeof arena.header, DESC_NEXT, 1 };
        desc[1] = (struct virtq_desc){ (u64)arena.data, sizeof arena.data, DESC_WRITE | DESC_NEXT, 2 };
        desc[2] = (struct virtq_desc){ (u64)&arena.status, 1, DESC_WRITE, 0 };
    } else if (v->id == VIRTIO_ID_NET) {
        memset(arena.data, 0, NET_HEADER);
        desc[0] = (struct virtq_desc){ (u64)arena.data, NET_HEADER + NET_FRAME, 0, 0 };
    } else {
        desc[0] = (struct virtq_desc){ (u64)arena.data, sizeof text - 1, 0, 0 };
    }
    arena.queue.avail.ring[0] = 0;
    arena.queue.avail.index = 1;
    return (features & wanted) == wanted;
}

static bool bring_up(const struct victim *v) { return bring_up_with(v, 0); }

void notify(const struct victim *v)
{
    fence();
    write32(v->base + VIRTIO_QUEUE_NOTIFY, v->queue);
}

static bool completed(void) { return *(volatile u16 *)&arena.queue.used.index != 0; }

static bool all_canary(const u8 *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != CANARY)
            return false;
    return true;
}

/* Whether the device refused the chain: it did not complete it, or completed it as an error. Where the
 * device is the machine's own, its DMA goes where it goes, and only its health counts. */
static bool chain_refused(const struct victim *v)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (read32(v->base + VIRTIO_STATUS) & STATUS_NEEDS_RESET)
            return true;
        if (completed())
            return !machine.is_virtual || (v->id == VIRTIO_ID_BLOCK && arena.status != 0);
        cpu_relax();
    }
    return true;
}

/* After a reset the device must be as new: a disk must read again, any device must negotiate. */
bool intact(const struct victim *v)
{
    bool fences = all_canary(arena.before, sizeof arena.before) &&
                  all_canary(arena.between, sizeof arena.between) &&
                  all_canary(arena.after, sizeof arena.after);
    bool ok = fences && bring_up(v);
    if (v->id != VIRTIO_ID_BLOCK)
        arena.queue.avail.index = 0; /* print nothing: a device may look even before it is notified */
    virtio_ready(v->base);
    if (ok && v->id == VIRTIO_ID_BLOCK) {
        notify(v);
        for (u64 i = 0; i < 100000000 && !completed(); i++)
            cpu_relax();
        ok = completed() && arena.status == 0;
    }
    write32(v->base + VIRTIO_STATUS, 0);
    return ok;
}

/* Spoils the honest chain in each of `variants` ways and offers it to each device that has the features. */
static enum verdict attack_chain_with(u64 wanted, void (*spoil)(const struct victim *, u32), u32 variants)
{
    bool contained = true;
    u32 tried = 0;
    find_victims();
    for (const struct victim *v = victims; v < victims + victim_count; v++)
        for (u32 variant = 0; variant < variants; variant++) {
            if (!bring_up_with(v, wanted)) {
                contained &= wanted != 0;
                continue;
            }
            tried++;
            spoil(v, variant);
            virtio_ready(v->base);
            notify(v);
            contained &= chain_refused(v);
            contained &= intact(v);
        }
    return tried ? contained_if(contained) : SKIPPED;
}

static enum verdict attack_chain(void (*spoil)(const struct victim *, u32), u32 variants)
{
    return attack_chain_with(0, spoil, variants);
}

static struct virtq_desc *payload(const struct victim *v) { return &desc[v->id == VIRTIO_ID_BLOCK]; }

static void spoil_address(const struct victim *v, u32 variant)
{
    const u64 addresses[] = { machine.ram_end, 0, 1ul << 63, machine.ram_end + 0x40000000 };
    payload(v)->address = addresses[variant % 4];
    if (variant >= 4) {
        payload(v)->address = (u64)arena.data;
        desc[0].address = addresses[variant % 4];
    }
}

static void spoil_length(const struct victim *v, u32 variant)
{
    const u64 addresses[] = { machine.ram_end - 512, -16ul, machine.ram_end - 256 };
    static const u32 lengths[] = { 0xfffffe00, 512, 512 };
    payload(v)->address = addresses[variant];
    payload(v)->length = lengths[variant];
}

static void spoil_loop(const struct victim *v, u32 variant)
{
    u16 at = (u16)(payload(v) - desc);
    desc[at].flags |= DESC_NEXT;
    desc[at].next = variant ? at + 1 : at;
    desc[at + 1] = desc[at];
    desc[at + 1].next = at;
}

static void spoil_next(const struct victim *v, u32 variant)
{
    static const u16 next[] = { QUEUE_SIZE, 0x7fff, 0xffff };
    payload(v)->flags |= DESC_NEXT;
    payload(v)->next = next[variant];
}

static void spoil_head(const struct victim *v, u32 variant)
{
    static const u16 heads[] = { QUEUE_SIZE, 0x7fff, 0xffff };
    (void)v;
    arena.queue.avail.ring[0] = heads[variant];
}

/* More entries offered than the ring holds; every one of them is out of range besides. */
static void spoil_index(const struct victim *v, u32 variant)
{
    static const u16 indices[] = { QUEUE_SIZE + 1, 1000, 0x8000, 0xffff };
    (void)v;
    for (int i = 0; i < QUEUE_SIZE; i++)
        arena.queue.avail.ring[i] = 0xffff;
    arena.queue.avail.index = indices[variant];
}

/* INDIRECT was not negotiated, and its table lies outside, has no whole entry, or is indirect itself. */
static void spoil_indirect(const struct victim *v, u32 variant)
{
    const u64 tables[] = { machine.ram_end, (u64)indirect_table, (u64)indirect_table };
    static const u32 lengths[] = { 32, 8, 16 };
    (void)v;
    indirect_table[0] = (struct virtq_desc){ (u64)indirect_table, 16, DESC_INDIRECT, 0 };
    desc[0] = (struct virtq_desc){ tables[variant], lengths[variant], DESC_INDIRECT, 0 };
}

/* Now it was negotiated, and the tables break the rules (2.7.5.3): outside, no whole entry, empty, larger
 * than any queue, wrapping, nested, followed by another descriptor, leading out of themselves, in a loop. */
static void spoil_indirect_table(const struct victim *v, u32 variant)
{
    const struct virtq_desc own = { (u64)indirect_table, sizeof indirect_table, DESC_INDIRECT, 0 };
    const struct { struct virtq_desc table, first; } forged[] = {
        { { machine.ram_end, 32, DESC_INDIRECT, 0 }, desc[0] },
        { { machine.ram_end - 16, 32, DESC_INDIRECT, 0 }, desc[0] },
        { { (u64)indirect_table, 8, DESC_INDIRECT, 0 }, desc[0] },
        { { (u64)indirect_table, 24, DESC_INDIRECT, 0 }, desc[0] },
        { { (u64)indirect_table, 0, DESC_INDIRECT, 0 }, desc[0] },
        { { machine.ram_base, 0x100000, DESC_INDIRECT, 0 }, desc[0] },
        { { -16ul, 32, DESC_INDIRECT, 0 }, desc[0] },
        { own, own },
        { { own.address, own.length, DESC_INDIRECT | DESC_NEXT, 1 }, desc[0] },
        { own, { (u64)arena.data, 16, DESC_NEXT, 2 } },
        { own, { (u64)arena.data, 16, DESC_NEXT, 0xffff } },
        { own, { (u64)arena.data, 16, DESC_NEXT, 0 } },
    };
    (void)v;
    indirect_table[0] = indirect_table[1] = forged[variant].first;
    desc[0] = forged[variant].table;
}

/* The rings themselves lie outside our memory. */
static void spoil_queue_address(const struct victim *v, u32 variant)
{
    static const u64 registers[] = { VIRTIO_QUEUE_DESC, VIRTIO_QUEUE_DRIVER, VIRTIO_QUEUE_DEVICE };
    const u64 addresses[] = { machine.ram_end, machine.ram_end - 32, 1ul << 62 };
    u64 address = addresses[variant / 3];
    write32(v->base + VIRTIO_QUEUE_READY, 0);
    write32(v->base + registers[variant % 3], (u32)address);
    write32(v->base + registers[variant % 3] + 4, (u32)(address >> 32));
    write32(v->base + VIRTIO_QUEUE_READY, 1);
}

enum verdict attack_virtio_desc_address(void) { return attack_chain(spoil_address, 8); }
enum verdict attack_virtio_desc_length(void) { return attack_chain(spoil_length, 3); }
enum verdict attack_virtio_desc_loop(void) { return attack_chain(spoil_loop, 2); }
enum verdict attack_virtio_desc_next(void) { return attack_chain(spoil_next, 3); }
enum verdict attack_virtio_avail_head(void) { return attack_chain(spoil_head, 3); }
enum verdict attack_virtio_avail_index(void) { return attack_chain(spoil_index, 4); }
enum verdict attack_virtio_indirect(void) { return attack_chain(spoil_indirect, 3); }
enum verdict attack_virtio_indirect_tables(void)
{
    return attack_chain_with(F_INDIRECT_DESC, spoil_indirect_table, 12);
}
enum verdict attack_virtio_queue_address(void) { return attack_chain(spoil_queue_address, 9); }

/* Sizes that are no power of two or larger than the device's maximum; the rings stay ours, the indices are
 * wild. */
enum verdict attack_virtio_queue_size(void)
{
    static const u32 sizes[] = { 0, 3, 17, 0x8000, 0xffff, 0x10000, 0xffffffff };
    bool contained = true;
    if (find_victims() == 0)
        return SKIPPED;
    for (const struct victim *v = victims; v < victims + victim_count; v++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            contained &= bring_up(v);
            arena.queue.avail.ring[0] = 0xffff;
            write32(v->base + VIRTIO_QUEUE_READY, 0);
            write32(v->base + VIRTIO_QUEUE_NUM, sizes[i]);
            write32(v->base + VIRTIO_QUEUE_READY, 1);
            virtio_ready(v->base);
            notify(v);
            contained &= intact(v);
        }
    return contained_if(contained);
}

/* With the event index (2.7.7.2) the driver names the completion that it wants to hear of; no value of it may
 * do harm. */
enum verdict attack_virtio_event_index(void)
{
    static const u16 events[] = { 0, 1, QUEUE_SIZE, 0x7fff, 0x8000, 0xffff };
    bool contained = true;
    u32 tried = 0;
    find_victims();
    for (const struct victim *v = victims; v < victims + victim_count; v++)
        for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
            if (!bring_up_with(v, F_EVENT_IDX))
                continue;
            tried++;
            arena.queue.avail.used_event = events[i];
            if (v->id == VIRTIO_ID_CONSOLE)
                arena.queue.avail.index = 0;
            virtio_ready(v->base);
            notify(v);
            for (u32 wait = 0; wait < 1000000 && v->id == VIRTIO_ID_BLOCK && !completed(); wait++)
                cpu_relax();
            contained &= intact(v);
        }
    return tried ? contained_if(contained) : SKIPPED;
}

/* Queues that do not exist must stay so: not selected, not ready, not notified. */
enum verdict attack_virtio_notify(void)
{
    static const u32 queues[] = { 64, 1000, 0xffff, 0x10000, 0xffffffff };
    bool contained = true;
    if (find_victims() == 0)
        return SKIPPED;
    for (const struct victim *v = victims; v < victims + victim_count; v++) {
        contained &= bring_up(v);
        for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
            write32(v->base + VIRTIO_QUEUE_SEL, queues[i]);
            contained &= (queues[i] & 0xffff) == 0 || read32(v->base + VIRTIO_QUEUE_NUM_MAX) == 0;
            write32(v->base + VIRTIO_QUEUE_NUM, QUEUE_SIZE);
            if (queues[i] & 0xffff)
                write32(v->base + VIRTIO_QUEUE_READY, 1);
            write32(v->base + VIRTIO_QUEUE_NOTIFY, queues[i]);
        }
        contained &= !completed() && intact(v);
    }
    return contained_if(contained);
}

/* All registers of the slot, in all widths, aligned or not; then the device must work as before. */
enum verdict attack_virtio_registers(void)
{
    static const u32 accesses[] = { INSN_LB, INSN_LH, INSN_LW, INSN_LD, INSN_SB, INSN_SH, INSN_SW, INSN_SD,
                                    INSN_AMOADD_D, INSN_FLD };
    bool contained = true;
    if (find_victims() == 0)
        return SKIPPED;
    for (const struct victim *v = victims; v < victims + victim_count; v++) {
        contained &= bring_up(v);
        for (size_t a = 0; a < sizeof accesses / sizeof accesses[0]; a++)
            for (u64 offset = 0; offset < 0x200; offset += 3)
                attempt_insn(accesses[a], v->base + offset, -1ul);
        attempt_insn(INSN_LW, v->base + 0xffc, 0);
        attempt_insn(INSN_SD, v->base + 0xffc, -1ul);
        contained &= intact(v);
    }
    return contained_if(contained);
}

/* Any value into any register of any device, notifications included; a reset makes it new. */
enum verdict attack_virtio_random_registers(void)
{
    u64 seed = 7;
    bool contained = true;
    if (!machine.is_virtual || !find_victims())
        return SKIPPED;
    for (const struct victim *v = victims; v < victims + victim_count; v++) {
        for (int i = 0; i < 2000; i++) {
            seed = seed * 6364136223846793005ul + 1442695040888963407ul;
            u64 offset = (seed >> 40) % 0x100 & ~3ul;
            write32(v->base + offset, (u32)(seed >> (i % 2 ? 32 : 60)));
            read32(v->base + offset);
        }
        contained &= bring_up(v) && intact(v);
    }
    return contained_if(contained);
}
