/* Learning switch (IEEE 802.1D, 7.7 to 7.9). A port leads to one card or to the uplink, so there are no loops
   to span. Every port has its own bounded queue and its own bounded list of addresses: whoever does not
   receive loses only his own frames, and whoever makes addresses up displaces only his own. */
#include "net/switch.h"
#include "platform.h"

enum { MAX_PORTS = MAX_VMS + 1, LEARNED = 16, AGE_SECONDS = 300 };
enum { QUEUE = 256 << 10 /* bytes, a power of two: three of the largest frames */, SLOT = 8, SKIP = 0 };

struct station { u64 mac, seen; };               /* mac 0: free */

struct port {
    u64 mac;                                     /* of its own station, or 0 */
    void (*deliver)(void *);
    void *ctx;
    struct station learned[LEARNED];             /* under table_lock */
    struct spinlock queue_lock;                  /* for writers; the reader moves head only */
    u32 head, tail;                              /* count bytes of the queue: tail - head of them are full */
    u32 accepts;                                 /* offloads, under queue_lock */
    struct port_counters count;
    u64 room[(sizeof(struct frame) + LARGE_MAX + SLOT - 1) / SLOT];
    u64 queue[QUEUE / SLOT];                     /* whole frames; length SKIP: go on at the front */
};

static struct spinlock table_lock;
static struct port *ports[MAX_PORTS];
static u32 port_count;
static u32 waiting;                              /* bit per port: deliver is to be called */

static u64 mac_at(const u8 *p)
{
    u64 mac = 0;

    for (u32 i = 0; i < MAC_LENGTH; i++)
        mac = mac << 8 | p[i];
    return mac;
}

static bool is_group(u64 mac) { return mac >> 40 & 1; }

/* 01-80-C2-00-00-0X belongs to the link itself and is not forwarded (7.12.6). */
static bool is_link_local(u64 mac) { return mac >> 4 == 0x0180c200000; }

struct port *switch_attach(const u8 *mac, void (*deliver)(void *), void *ctx)
{
    struct port *p = port_count < MAX_PORTS ? ram_take_zeroed(sizeof(struct port), PAGE_SIZE) : NULL;

    if (!p)
        return NULL;
    p->mac = mac ? mac_at(mac) : 0;
    p->deliver = deliver;
    p->ctx = ctx;
    ports[port_count++] = p;
    return p;
}

/* The port behind which a station is, or NULL; *where is its entry unless it is the port's own. */
static struct port *find(u64 mac, u64 now, struct station **where)
{
    const u64 age = AGE_SECONDS * platform.timebase;

    *where = NULL;
    for (u32 i = 0; i < port_count; i++) {
        if (ports[i]->mac == mac)
            return ports[i];
        for (struct station *s = ports[i]->learned; s < ports[i]->learned + LEARNED; s++)
            if (s->mac == mac && now - s->seen < age) {
                *where = s;
                return ports[i];
            }
    }
    return NULL;
}

/* Notes that the station is behind the port, in place of the one not heard of for longest. False: it is
   behind another port, until it ages. */
static bool learn(struct port *from, u64 mac, u64 now)
{
    struct station *s;
    struct port *at = find(mac, now, &s);

    if (at && at != from)
        return false;
    if (!at) {
        s = from->learned;
        for (u32 i = 1; i < LEARNED; i++)
            if (from->learned[i].seen < s->seen)
                s = &from->learned[i];
    }
    if (s)
        *s = (struct station){mac, now};
    return true;
}

static void call(struct port *p)
{
    for (u32 i = 0; i < port_count; i++)
        if (ports[i] == p)
            __atomic_fetch_or(&waiting, 1u << i, __ATOMIC_ACQ_REL);
}

static struct frame *at(struct port *p, u32 position) { return (struct frame *)&p->queue[position % QUEUE / SLOT]; }

static u32 bytes_of(u64 length) { return (u32)ALIGN_UP(sizeof(struct frame) + length, SLOT); }

/* Room for a frame at the tail, or NULL. Under queue_lock. */
static struct frame *reserve(struct port *p, u64 length)
{
    u32 size = bytes_of(length), to_end = QUEUE - p->tail % QUEUE, skip = size > to_end ? to_end : 0;

    if (QUEUE - (p->tail - __atomic_load_n(&p->head, __ATOMIC_ACQUIRE)) < skip + size)
        return NULL;
    if (skip) {
        at(p, p->tail)->length = SKIP;
        __atomic_store_n(&p->tail, p->tail + skip, __ATOMIC_RELEASE);
    }
    return at(p, p->tail);
}

/* What the station does not take as it is comes in pieces, as far as there is room: work is bounded by it. */
static void enqueue(struct port *p, const struct frame *f)
{
    spin_lock(&p->queue_lock);
    bool whole = offload_passes(f, p->accepts);
    u32 pieces = whole ? 1 : offload_pieces(f);
    for (u32 i = 0; i < pieces; i++) {
        struct frame *slot = reserve(p, whole ? f->length : offload_piece_length(f, i));
        if (!slot) {
            p->count.dropped++;
            break;
        }
        if (whole)
            memcpy(slot, f, sizeof(*f) + f->length);
        else
            offload_piece(f, i, slot);
        __atomic_store_n(&p->tail, p->tail + bytes_of(slot->length), __ATOMIC_RELEASE);
    }
    spin_unlock(&p->queue_lock);
    call(p);
}

struct frame *switch_room(struct port *p) { return (struct frame *)p->room; }

void switch_send(struct port *from, u32 offloads)
{
    struct frame *f = switch_room(from);

    if (!offload_check(f, offloads)) {
        switch_refuse(from);
        return;
    }
    u64 to = mac_at(f->data), source = mac_at(f->data + MAC_LENGTH), now = rdtime();
    struct station *unused;

    spin_lock(&table_lock);
    bool good = source && !is_group(source) && !is_link_local(to) && learn(from, source, now);
    struct port *only = is_group(to) ? NULL : find(to, now, &unused);
    spin_unlock(&table_lock);
    if (!good) {
        switch_refuse(from);
        return;
    }
    from->count.sent++;
    from->count.sent_bytes += f->length;
    for (u32 i = 0; i < port_count; i++)
        if (ports[i] != from && (!only || ports[i] == only))
            enqueue(ports[i], f);
}

void switch_refuse(struct port *from) { from->count.refused++; }

void switch_deliver(void)
{
    if (!__atomic_load_n(&waiting, __ATOMIC_RELAXED))
        return;
    for (u32 bits = __atomic_exchange_n(&waiting, 0, __ATOMIC_ACQ_REL); bits; bits &= bits - 1) {
        const struct port *p = ports[__builtin_ctz(bits)];
        p->deliver(p->ctx);
    }
}

struct frame *switch_peek(struct port *p)
{
    u32 tail = __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE);

    if (p->head != tail && at(p, p->head)->length == SKIP)
        __atomic_store_n(&p->head, p->head + QUEUE - p->head % QUEUE, __ATOMIC_RELEASE);
    return p->head == tail ? NULL : at(p, p->head);
}

void switch_take(struct port *p, bool received)
{
    u64 length = at(p, p->head)->length;

    if (received) {
        p->count.received++;
        p->count.received_bytes += length;
    }
    __atomic_store_n(&p->head, p->head + bytes_of(length), __ATOMIC_RELEASE);
}

void switch_drop(struct port *p)
{
    spin_lock(&p->queue_lock);
    p->count.dropped++;
    spin_unlock(&p->queue_lock);
    switch_take(p, false);
}

void switch_accept(struct port *p, u32 offloads)
{
    if (__atomic_load_n(&p->accepts, __ATOMIC_RELAXED) == offloads)
        return;
    spin_lock(&p->queue_lock);
    p->accepts = offloads;
    spin_unlock(&p->queue_lock);
}

void switch_call_again(struct port *p) { call(p); }

void switch_flush(struct port *p)
{
    spin_lock(&table_lock);
    memset(p->learned, 0, sizeof(p->learned));
    spin_unlock(&table_lock);
    switch_accept(p, 0);                         /* first, so that what comes meanwhile is finished, too */
    while (switch_peek(p))
        switch_take(p, false);
}

struct port_counters switch_counters(const struct port *p) { return p->count; }
