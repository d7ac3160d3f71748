/* Driver of a virtio-console of the machine (virtio 1.2, 5.3), one port: a stream of bytes to and from the host. */
#include "drivers/drivers.h"
#include "drivers/virtio.h"
#include "console.h"
#include "platform.h"

enum { RECEIVE = 0, TRANSMIT = 1, IN = 8, IN_SIZE = 512, OUT = 8, OUT_SIZE = 2048, NO_INTERRUPT = 1 };

static struct {
    u64 base;
    void (*received)(const u8 *data, u32 length);
    struct driver_queue rx, tx;
    u8 in[IN][IN_SIZE], out[OUT][OUT_SIZE];
    u16 free[OUT];                           /* a stack of buffers not in flight; buffer i has descriptor i */
    u32 free_count, filled;                  /* bytes in the buffer on top of the stack */
} stream;

static void on_interrupt(void *ctx)
{
    u32 head, length;

    (void)ctx;
    virtio_ack(stream.base);
    while (virtio_completed(&stream.rx, &head, &length)) {
        stream.received(stream.in[head % IN], (u32)min_u64(length, IN_SIZE));
        virtio_offer(stream.base, RECEIVE, &stream.rx, (u16)(head % IN));
    }
}

void stream_flush(void)
{
    if (!stream.base || !stream.filled)
        return;
    u16 i = stream.free[--stream.free_count];
    stream.tx.desc[i] = (struct desc){(u64)stream.out[i], stream.filled, 0, 0};
    stream.filled = 0;
    virtio_offer(stream.base, TRANSMIT, &stream.tx, i);
}

void stream_write(const void *data, u32 length)
{
    const u8 *p = data;
    u32 head, unused;

    while (stream.base && length) {
        while (virtio_completed(&stream.tx, &head, &unused))
            stream.free[stream.free_count++] = (u16)(head % OUT);
        if (!stream.free_count)
            continue;                        /* the host takes it in its time */
        u32 part = (u32)min_u64(length, OUT_SIZE - stream.filled);
        memcpy(stream.out[stream.free[stream.free_count - 1]] + stream.filled, p, part);
        stream.filled += part;
        p += part;
        length -= part;
        if (stream.filled == OUT_SIZE)
            stream_flush();
    }
}

bool stream_init(u32 slot, void (*received)(const u8 *data, u32 length))
{
    u32 accepted;

    if (slot >= platform.virtio_count)
        return false;
    u64 base = platform.virtio[slot].base;
    if (!virtio_probe(base, VIRTIO_ID_CONSOLE, "control console") || !virtio_begin(base, 0, &accepted) ||
        !virtio_queue(base, RECEIVE, &stream.rx) || !virtio_queue(base, TRANSMIT, &stream.tx))
        return false;
    stream.received = received;
    stream.base = base;
    stream.tx.avail.flags = NO_INTERRUPT;
    for (u16 i = 0; i < OUT && i < stream.tx.size; i++)
        stream.free[stream.free_count++] = i;
    virtio_start(base);
    for (u16 i = 0; i < IN && i < stream.rx.size; i++) {
        stream.rx.desc[i] = (struct desc){(u64)stream.in[i], IN_SIZE, DESC_WRITE, 0};
        virtio_offer(base, RECEIVE, &stream.rx, i);
    }
    plic_attach(platform.virtio[slot].irq, on_interrupt, NULL);
    return true;
}
