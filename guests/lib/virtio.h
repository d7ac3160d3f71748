/* virtio 1.2 over MMIO (section 4.2) with split virtqueues (section 2.7): registers and ring layout. */
#pragma once
#include "riscv.h"

enum virtio_register {
    VIRTIO_MAGIC = 0x000, VIRTIO_VERSION = 0x004, VIRTIO_DEVICE_ID = 0x008,
    VIRTIO_DEVICE_FEATURES = 0x010, VIRTIO_DEVICE_FEATURES_SEL = 0x014,
    VIRTIO_DRIVER_FEATURES = 0x020, VIRTIO_DRIVER_FEATURES_SEL = 0x024,
    VIRTIO_QUEUE_SEL = 0x030, VIRTIO_QUEUE_NUM_MAX = 0x034, VIRTIO_QUEUE_NUM = 0x038,
    VIRTIO_QUEUE_READY = 0x044, VIRTIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_INTERRUPT_STATUS = 0x060, VIRTIO_INTERRUPT_ACK = 0x064, VIRTIO_STATUS = 0x070,
    VIRTIO_QUEUE_DESC = 0x080, VIRTIO_QUEUE_DRIVER = 0x090, VIRTIO_QUEUE_DEVICE = 0x0a0,
    VIRTIO_CONFIG = 0x100,
};

#define VIRTIO_MAGIC_VALUE 0x74726976u
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_BALLOON = 5 };
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8,
       STATUS_NEEDS_RESET = 64, STATUS_FAILED = 128 };
#define VIRTIO_F_VERSION_1 (1ul << 32)

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { QUEUE_SIZE = 16 };

struct virtq_desc {
    u64 address;
    u32 length;
    u16 flags;
    u16 next;
};

/* One split virtqueue; the parts need an alignment of 16, 2 and 4 bytes. */
struct virtq {
    struct virtq_desc desc[QUEUE_SIZE];
    struct {
        u16 flags, index, ring[QUEUE_SIZE], used_event;
    } avail __attribute__((aligned(2)));
    struct {
        u16 flags, index;
        struct { u32 id, length; } ring[QUEUE_SIZE];
        u16 avail_event;
    } used __attribute__((aligned(4)));
} __attribute__((aligned(16)));

/* Finds the first virtio-mmio slot of the device tree that holds the device; 0 if there is none. */
u64 virtio_find(const void *dtb, u32 device_id, u32 *irq);

/* Resets the device and negotiates VERSION_1 plus those of `wanted` that it offers; false if it refuses. */
bool virtio_begin(u64 device, u64 wanted, u64 *accepted);
bool virtio_set_queue(u64 device, u32 number, struct virtq *queue);
void virtio_ready(u64 device);
