/* Driver of the machine's first virtio network card (virtio 1.2, 5.1), the switch's port to the outside. */
#include "drivers/drivers.h"
#include "drivers/virtio.h"
#include "console.h"
#include "net/switch.h"
#include "platform.h"

enum { RECEIVE = 0, TRANSMIT = 1, BUFFERS = 64 };

struct packet { struct net_header header; u8 data[FRAME_MAX]; } __attribute__((aligned(8)));

static struct uplink {
    u64 base;
    struct port *port;
    struct spinlock lock;                    /* of the transmit queue, and reading the port */
    struct driver_queue rx, tx;
    u32 tx_free;                             /* a stack of free buffers; buffer i has descriptor i */
    u16 free[BUFFERS];
    struct packet in[BUFFERS], out[BUFFERS];
} uplink;

/* Frames that wait at the port go out as long as there are buffers; the next completion calls again. */
static void transmit(void *ctx)
{
    struct uplink *u = ctx;
    const struct frame *f;
    u32 head, length;

    spin_lock(&u->lock);
    while (virtio_completed(&u->tx, &head, &length))
        u->free[u->tx_free++] = (u16)head;
    while (u->tx_free && (f = switch_peek(u->port))) {
        u16 i = u->free[--u->tx_free];
        memcpy(u->out[i].data, f->data, f->length);
        u->tx.desc[i] = (struct desc){(u64)&u->out[i], (u32)(sizeof(struct net_header) + f->length), 0, 0};
        virtio_offer(u->base, TRANSMIT, &u->tx, i);
        switch_take(u->port, true);
    }
    spin_unlock(&u->lock);
}

/* Runs on one hart only, where the PLIC delivers. Buffers go back last, so that a turn is bounded. */
static void on_interrupt(void *ctx)
{
    struct uplink *u = ctx;
    struct frame *f = switch_room(u->port);      /* one hart, one user */
    u16 used[BUFFERS];
    u32 count = 0, head, length;

    virtio_ack(u->base);
    while (count < BUFFERS && virtio_completed(&u->rx, &head, &length)) {
        f->length = length - (u32)sizeof(struct net_header);
        f->header = (struct net_header){0};
        if (length >= sizeof(struct net_header) + FRAME_MIN && f->length <= FRAME_MAX) {
            memcpy(f->data, u->in[head % BUFFERS].data, f->length);
            switch_send(u->port, 0);
        }
        used[count++] = (u16)head;
    }
    for (u32 i = 0; i < count; i++)
        virtio_offer(u->base, RECEIVE, &u->rx, used[i]);
    switch_call_again(u->port);
}

static bool start(struct uplink *u, u64 base)
{
    u32 accepted;

    if (!virtio_begin(base, 0, &accepted) || !virtio_queue(base, RECEIVE, &u->rx) ||
        !virtio_queue(base, TRANSMIT, &u->tx))
        return false;
    u->base = base;
    u->port = switch_attach(NULL, transmit, u);
    if (!u->port)
        return false;
    virtio_start(base);
    for (u16 i = 0; i < min_u64(BUFFERS, u->tx.size); i++)
        u->free[u->tx_free++] = i;
    for (u16 i = 0; i < min_u64(BUFFERS, u->rx.size); i++) {
        u->rx.desc[i] = (struct desc){(u64)&u->in[i], sizeof(struct packet), DESC_WRITE, 0};
        virtio_offer(base, RECEIVE, &u->rx, i);
    }
    return true;
}

void uplink_init(void)
{
    for (u32 i = 0; i < platform.virtio_count && !uplink.port; i++) {
        u64 base = platform.virtio[i].base;
        if (!virtio_probe(base, VIRTIO_ID_NET, "network card"))
            continue;
        if (start(&uplink, base))
            plic_attach(platform.virtio[i].irq, on_interrupt, &uplink);
        else
            hv_log("network card at 0x%lx ignored: it does not take our features", base);
    }
}
