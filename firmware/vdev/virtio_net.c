/* virtio-net back end (virtio 1.2, 5.1): queue 0 carries frames from the switch to the guest, queue 1 the
   guest's frames to the switch. What a frame's receiver does not take unfinished, the switch finishes. */
#include "vm.h"
#include "net/switch.h"

enum { RECEIVE = 0, TRANSMIT = 1, LINK_UP = 1, BATCH = VIRTQ_MAX, BATCH_BYTES = 2 * LARGE_MAX, PATIENCE_MS = 50 };
enum {
    F_CSUM = 1 << 0, F_GUEST_CSUM = 1 << 1, F_MAC = 1 << 5, F_GUEST_TSO4 = 1 << 7, F_GUEST_TSO6 = 1 << 8,
    F_HOST_TSO4 = 1 << 11, F_HOST_TSO6 = 1 << 12, F_MRG_RXBUF = 1 << 15, F_STATUS = 1 << 16,
};

/* What allows the driver to send, and what it to be sent, an unfinished frame. TSO needs CSUM (5.1.3.1). */
static const struct { u32 send, take, offload; } offloads[] = {
    {F_CSUM, F_GUEST_CSUM, OFFLOAD_CSUM},
    {F_CSUM | F_HOST_TSO4, F_GUEST_CSUM | F_GUEST_TSO4, OFFLOAD_TSO4},
    {F_CSUM | F_HOST_TSO6, F_GUEST_CSUM | F_GUEST_TSO6, OFFLOAD_TSO6},
};

static bool has_all(const struct virtio_dev *d, u32 features)
{
    return (d->driver_features & features) == features;
}

static u32 sendable(const struct virtio_dev *d)
{
    u32 set = 0;

    for (u32 i = 0; i < ARRAY_LEN(offloads); i++)
        set |= has_all(d, offloads[i].send) ? offloads[i].offload : 0;
    return set;
}

static u32 takeable(const struct virtio_dev *d)
{
    u32 set = 0;

    for (u32 i = 0; i < ARRAY_LEN(offloads); i++)
        set |= has_all(d, offloads[i].take) ? offloads[i].offload : 0;
    return set;
}

static void mac_of(const struct vm *vm, u8 mac[MAC_LENGTH])
{
    static const u8 prefix[MAC_LENGTH] = {0x52, 0x54, 0x00, 'v', 'h'};      /* locally administered */

    memcpy(mac, prefix, MAC_LENGTH);
    mac[MAC_LENGTH - 1] = (u8)(vm->index + 1);
}

static u64 offered_features(const struct virtio_dev *d)
{
    u64 features = F_MAC | F_STATUS | F_MRG_RXBUF;

    (void)d;
    for (u32 i = 0; i < ARRAY_LEN(offloads); i++)
        features |= offloads[i].send | offloads[i].take;
    return features;
}

static u8 config(const struct virtio_dev *d, u32 offset)
{
    u8 c[MAC_LENGTH + 2] = {[MAC_LENGTH] = LINK_UP};

    mac_of(d->vm, c);
    return offset < sizeof(c) ? c[offset] : 0;
}

/* At most a batch at a time, as the driver may go on feeding the ring from another vCPU: the rest follows at
   one of the VM's next exits. */
static void transmit(struct virtio_dev *d)
{
    struct frame *f = switch_room(d->port);
    u64 moved = 0;
    struct chain c;

    for (u32 i = 0; i < BATCH && moved < BATCH_BYTES; i++) {
        if (!virtq_pop(d, TRANSMIT, &c))
            return;
        u64 length = segments_length(c.segment, c.readable);
        if (c.writable || !segments_take(d->vm, c.segment, c.readable, &f->header, sizeof(f->header))) {
            virtio_broken(d);
            return;
        }
        f->length = length - sizeof(f->header);
        if (f->length < FRAME_MIN || f->length > LARGE_MAX ||
            !segments_take(d->vm, c.segment, c.readable, f->data, (u32)f->length)) {
            switch_refuse(d->port);
        } else {
            moved += f->length;
            switch_send(d->port, sendable(d));
        }
        virtq_push(d, TRANSMIT, c.head, 0);
    }
    virtio_later(d, TRANSMIT);
}

/* The first frame lacks buffers, and there may be more soon. If there are not it is given up, or a driver that has
   too few for it at any time would wait behind it for ever. */
static bool give_up(struct virtio_dev *d)
{
    u64 now = rdtime();

    if (!d->lacks_since)
        d->lacks_since = now;
    return now - d->lacks_since >= PATIENCE_MS * platform.timebase / 1000;
}

enum outcome { TAKEN, WAITS, UNFIT };

/* Puts a frame into one buffer, or with MRG_RXBUF into as many as it fills (5.1.6.3.2), and hands them over
   together, or none. */
static enum outcome put(struct virtio_dev *d, struct frame *f)
{
    const u32 most = virtio_has(d, F_MRG_RXBUF) ? VIRTQ_MAX : 1, total = (u32)(sizeof(f->header) + f->length);
    struct segment first[VIRTQ_MAX];
    struct virtq_done done[VIRTQ_MAX];
    struct chain c;
    u32 count = 0, at = 0, pieces = 0;

    f->header.num_buffers = 1;
    while (at < total && count < most && virtq_pop(d, RECEIVE, &c)) {
        struct segment *in = c.segment + c.readable;
        u32 n = (u32)min_u64(segments_length(in, c.writable), total - at);
        if (c.readable || n < min_u64(sizeof(f->header), total - at)) {
            virtio_broken(d);
            return WAITS;
        }
        if (!count) {
            pieces = c.writable;
            memcpy(first, in, pieces * sizeof(*in));
        }
        segments_put(d->vm, in, c.writable, (const u8 *)&f->header + at, n);
        done[count++] = (struct virtq_done){c.head, n};
        at += n;
    }
    if (at < total) {
        enum outcome outcome = count && (count == most || give_up(d)) ? UNFIT : WAITS;
        while (count)
            virtq_unpop(d, RECEIVE, done[--count].head);
        return outcome;
    }
    if (count > 1) {
        f->header.num_buffers = (u16)count;
        segments_put(d->vm, first, pieces, &f->header, sizeof(f->header));
    }
    virtq_push_all(d, RECEIVE, done, count);
    return TAKEN;
}

/* Hands over what waits at the port. Without a driver that listens frames are lost, as on a loose cable;
   without buffers they stay until the driver gives some, or the queue is full. */
static void receive(struct virtio_dev *d)
{
    struct frame *f;
    u64 moved = 0;

    for (u32 i = 0; (f = switch_peek(d->port)) && i < BATCH && moved < BATCH_BYTES; i++) {
        bool listens = virtio_driver_ok(d) && d->queue[RECEIVE].ready && !vm_stopped(d->vm);
        switch_accept(d->port, listens ? takeable(d) : 0);
        enum outcome outcome = listens ? put(d, f) : TAKEN;
        if (outcome == WAITS)
            return;
        d->lacks_since = 0;
        moved += f->length;
        if (outcome == UNFIT)
            switch_drop(d->port);
        else
            switch_take(d->port, listens);
    }
    if (f)
        switch_call_again(d->port);
}

static void notify(struct virtio_dev *d, u32 queue)
{
    if (queue == TRANSMIT)
        transmit(d);
    else
        receive(d);
}

static void deliver(void *ctx)
{
    struct virtio_dev *d = ctx;

    spin_lock(&d->vm->lock);
    receive(d);
    spin_unlock(&d->vm->lock);
}

static void reset(struct virtio_dev *d)
{
    d->lacks_since = 0;
    switch_flush(d->port);
}

const struct virtio_backend virtio_net = {1, 2, offered_features, notify, config, reset, 0, NULL};

const char *virtio_net_attach(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_NET];
    u8 mac[MAC_LENGTH];

    if (!vm->has_net)
        return NULL;
    mac_of(vm, mac);
    *d = (struct virtio_dev){.backend = &virtio_net, .vm = vm, .irq = VIRTIO_IRQ + VIRTIO_SLOT_NET};
    d->port = switch_attach(mac, deliver, d);
    return d->port ? NULL : "no memory is left for its network card";
}
