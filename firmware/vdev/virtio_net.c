/* virtio-net back end (virtio 1.2, 5.1): queue 0 carries frames from the switch to the guest, queue 1 the
   guest's frames to the switch. No offloads are offered: a frame is what is on the wire. */
#include "vm.h"
#include "net/switch.h"

enum { RECEIVE = 0, TRANSMIT = 1, F_MAC = 1 << 5, F_STATUS = 1 << 16, LINK_UP = 1, BATCH = VIRTQ_MAX };

struct header { u8 flags, gso_type; u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers; };

static void mac_of(const struct vm *vm, u8 mac[MAC_LENGTH])
{
    static const u8 prefix[MAC_LENGTH] = {0x52, 0x54, 0x00, 'v', 'h'};      /* locally administered */

    memcpy(mac, prefix, MAC_LENGTH);
    mac[MAC_LENGTH - 1] = (u8)(vm->index + 1);
}

static u64 offered_features(const struct virtio_dev *d)
{
    (void)d;
    return F_MAC | F_STATUS;
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
    struct header h;
    struct frame f;
    struct chain c;

    for (u32 i = 0; i < BATCH; i++) {
        d->backlog = virtq_pop(d, TRANSMIT, &c);
        if (!d->backlog)
            return;
        u64 length = segments_length(c.segment, c.readable);
        if (c.writable || !segments_take(d->vm, c.segment, c.readable, &h, sizeof(h))) {
            virtio_broken(d);
            return;
        }
        length -= sizeof(h);
        if (length < FRAME_MIN || length > FRAME_MAX) {
            switch_refuse(d->port);
        } else {
            f.length = (u32)length;
            segments_take(d->vm, c.segment, c.readable, f.data, f.length);
            switch_send(d->port, &f);
        }
        virtq_push(d, TRANSMIT, c.head, 0);
    }
}

/* Hands over what waits at the port. Without a driver that listens frames are lost, as on a loose cable;
   without buffers they stay until the driver gives some, or the queue is full. */
static void receive(struct virtio_dev *d)
{
    const struct header h = {.num_buffers = 1};
    const struct frame *f;
    struct chain c;

    for (u32 i = 0; (f = switch_peek(d->port)) && i < BATCH; i++) {
        bool listens = virtio_driver_ok(d) && d->queue[RECEIVE].ready && !vm_stopped(d->vm);
        if (listens && !virtq_pop(d, RECEIVE, &c))
            return;
        if (listens) {
            struct segment *in = c.segment + c.readable;
            if (c.readable || segments_length(in, c.writable) < sizeof(h) + f->length) {
                virtio_broken(d);
                return;
            }
            segments_put(d->vm, in, c.writable, &h, sizeof(h));
            segments_put(d->vm, in, c.writable, f->data, f->length);
            virtq_push(d, RECEIVE, c.head, (u32)sizeof(h) + f->length);
        }
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
    d->backlog = false;
    switch_flush(d->port);
}

void virtio_net_continue(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_NET];

    if (!__atomic_load_n(&d->backlog, __ATOMIC_RELAXED))
        return;
    spin_lock(&vm->lock);
    if (d->backlog)
        transmit(d);
    spin_unlock(&vm->lock);
}

const struct virtio_backend virtio_net = {1, 2, offered_features, notify, config, reset};

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
