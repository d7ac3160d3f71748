/* Initialisation and queues of the machine's virtio devices (virtio 1.2, 3.1.1, 4.2.3, 2.7). */
#include "drivers/virtio.h"
#include "console.h"
#include "riscv.h"

enum {
    DEVICE_FEATURES = 0x010, DEVICE_FEATURES_SEL = 0x014, DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030, QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038,
    QUEUE_READY = 0x044, STATUS = 0x070, QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0,
};
enum { MAGIC_VALUE = 0x74726976, ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { F_VERSION_1 = 1 /* of the upper word */ };

bool virtio_probe(u64 base, u32 device_id, const char *name)
{
    if (*virtio_reg(base, VIRTIO_MAGIC) != MAGIC_VALUE || *virtio_reg(base, VIRTIO_DEVICE_ID) != device_id)
        return false;
    if (*virtio_reg(base, VIRTIO_VERSION) == 2)
        return true;
    hv_log("%s at 0x%lx ignored: its virtio-mmio transport is the legacy one", name, base);
    return false;
}

bool virtio_begin(u64 base, u32 wanted, u32 *accepted)
{
    *virtio_reg(base, STATUS) = 0;
    *virtio_reg(base, STATUS) = ACKNOWLEDGE;
    *virtio_reg(base, STATUS) = ACKNOWLEDGE | DRIVER;
    *virtio_reg(base, DEVICE_FEATURES_SEL) = 0;
    *accepted = *virtio_reg(base, DEVICE_FEATURES) & wanted;
    *virtio_reg(base, DRIVER_FEATURES_SEL) = 0;
    *virtio_reg(base, DRIVER_FEATURES) = *accepted;
    *virtio_reg(base, DRIVER_FEATURES_SEL) = 1;
    *virtio_reg(base, DRIVER_FEATURES) = F_VERSION_1;
    *virtio_reg(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    return *virtio_reg(base, STATUS) & FEATURES_OK;
}

static void write_address(u64 base, u32 offset, const void *p)
{
    *virtio_reg(base, offset) = (u32)(u64)p;
    *virtio_reg(base, offset + 4) = (u32)((u64)p >> 32);
}

bool virtio_queue(u64 base, u32 number, struct driver_queue *q)
{
    *virtio_reg(base, QUEUE_SEL) = number;
    q->size = (u32)min_u64(*virtio_reg(base, QUEUE_NUM_MAX), QUEUE_SIZE);
    if (q->size < 4)
        return false;
    *virtio_reg(base, QUEUE_NUM) = q->size;
    write_address(base, QUEUE_DESC, q->desc);
    write_address(base, QUEUE_DRIVER, &q->avail);
    write_address(base, QUEUE_DEVICE, &q->used);
    *virtio_reg(base, QUEUE_READY) = 1;
    return true;
}

void virtio_start(u64 base) { *virtio_reg(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK; }

void virtio_offer(u64 base, u32 number, struct driver_queue *q, u16 head)
{
    q->avail.entry[q->avail.index % q->size] = head;
    __atomic_store_n(&q->avail.index, (u16)(q->avail.index + 1), __ATOMIC_RELEASE);
    fence_full();
    *virtio_reg(base, VIRTIO_QUEUE_NOTIFY) = number;
}

bool virtio_completed(struct driver_queue *q, u32 *head, u32 *length)
{
    if (__atomic_load_n(&q->used.index, __ATOMIC_ACQUIRE) == q->next_used)
        return false;
    u32 at = q->next_used++ % q->size;
    *head = q->used.entry[at].id % QUEUE_SIZE;
    *length = q->used.entry[at].length;
    return true;
}

void virtio_ack(u64 base)
{
    *virtio_reg(base, VIRTIO_INTERRUPT_ACK) = *virtio_reg(base, VIRTIO_INTERRUPT_STATUS);
    fence_full();
}
