/* What the drivers of the machine's virtio devices share: registers of the MMIO transport, version 2
   (virtio 1.2, 4.2.2), and split queues (2.7). */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H
#include "lib/lib.h"

enum {
    VIRTIO_MAGIC = 0x000, VIRTIO_VERSION = 0x004, VIRTIO_DEVICE_ID = 0x008, VIRTIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_INTERRUPT_STATUS = 0x060, VIRTIO_INTERRUPT_ACK = 0x064, VIRTIO_CONFIG = 0x100,
};
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4 };
enum { DESC_NEXT = 1, DESC_WRITE = 2, AVAIL_NO_INTERRUPT = 1, QUEUE_SIZE = 128 };

struct desc { u64 address; u32 length; u16 flags, next; };
struct ring { u16 flags, index, entry[QUEUE_SIZE], used_event; };
struct used { u16 flags, index; struct { u32 id, length; } entry[QUEUE_SIZE]; u16 avail_event; };

struct driver_queue {
    struct desc desc[QUEUE_SIZE] __attribute__((aligned(16)));
    struct ring avail __attribute__((aligned(16)));
    struct used used __attribute__((aligned(16)));
    u32 size;
    u16 next_used;
};

static inline volatile u32 *virtio_reg(u64 base, u32 offset) { return (volatile u32 *)(base + offset); }

/* True if a device of that kind is there that speaks version 2; a legacy one is reported. */
bool virtio_probe(u64 base, u32 device_id, const char *name);
/* Resets the device, accepts VERSION_1 and what it offers of `wanted` (features 0 to 31); false: it refuses. */
bool virtio_begin(u64 base, u32 wanted, u32 *accepted);
/* Sets a queue up with up to QUEUE_SIZE entries; false if the device has fewer than 4. */
bool virtio_queue(u64 base, u32 number, struct driver_queue *q);
void virtio_start(u64 base);
/* Makes the chain that begins at `head` available and notifies the device. */
void virtio_offer(u64 base, u32 number, struct driver_queue *q, u16 head);
/* Takes one completion; false: there is none. */
bool virtio_completed(struct driver_queue *q, u32 *head, u32 *length);
void virtio_ack(u64 base);
#endif
