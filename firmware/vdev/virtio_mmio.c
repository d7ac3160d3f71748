/* virtio-mmio transport, version 2 (virtio 1.2, 4.2.2), seen from the device. */
#include "vm.h"

enum {
    MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, VENDOR_ID = 0x00c, DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060, INTERRUPT_ACK = 0x064, STATUS = 0x070,
    QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0,
    CONFIG_GENERATION = 0x0fc, CONFIG = 0x100,
};
enum { MAGIC_VALUE = 0x74726976, VENDOR = 0x00687672 /* "rvh" */ };
enum { DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40, ISR_CONFIG = 2 };

bool virtio_driver_ok(const struct virtio_dev *d)
{
    return (d->status & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK;
}

bool virtio_has(const struct virtio_dev *d, u64 feature)
{
    return (d->status & FEATURES_OK) && (d->driver_features & feature);
}

static u64 offered(const struct virtio_dev *d) { return VIRTIO_F_COMMON | d->backend->features(d); }

void virtio_broken(struct virtio_dev *d)
{
    d->status |= NEEDS_RESET;
    if (d->status & DRIVER_OK) {
        d->isr |= ISR_CONFIG;
        vplic_set(d->vm, d->irq, true);
    }
}

void virtio_reset(struct virtio_dev *d)
{
    if (d->backend->reset)
        d->backend->reset(d);
    d->generation++;
    d->features_sel = d->driver_features_sel = d->queue_sel = d->status = d->isr = 0;
    d->driver_features = 0;
    memset(d->queue, 0, sizeof(d->queue));
    vplic_set(d->vm, d->irq, false);
}

/* FEATURES_OK sticks only if the driver took nothing that was not offered, and the modern interface. */
static void write_status(struct virtio_dev *d, u32 value)
{
    bool acceptable = !(d->driver_features & ~offered(d)) && (d->driver_features & VIRTIO_F_VERSION_1);

    if (value == 0) {
        virtio_reset(d);
        return;
    }
    if ((value & ~d->status & FEATURES_OK) && !acceptable)
        value &= ~(u32)FEATURES_OK;
    d->status = value | (d->status & NEEDS_RESET);
}

static u64 set_half(u64 whole, bool upper, u32 value)
{
    return upper ? (u32)whole | (u64)value << 32 : (whole & ~0xffffffffull) | value;
}

static struct virtq *selected(struct virtio_dev *d)
{
    return d->queue_sel < d->backend->queues ? &d->queue[d->queue_sel] : NULL;
}

static u32 read_register(struct virtio_dev *d, u32 offset)
{
    const struct virtq *q = selected(d);
    u32 half = d->features_sel;

    switch (offset) {
    case MAGIC: return MAGIC_VALUE;
    case VERSION: return 2;
    case DEVICE_ID: return d->backend->device_id;
    case VENDOR_ID: return VENDOR;
    case DEVICE_FEATURES: return half < 2 ? (u32)(offered(d) >> half * 32) : 0;
    case QUEUE_NUM_MAX: return q ? VIRTQ_MAX : 0;
    case QUEUE_READY: return q ? q->ready : 0;
    case INTERRUPT_STATUS: return d->isr;
    case STATUS: return d->status;
    default: return 0;
    }
}

static void write_queue(struct virtq *q, u32 offset, u32 value)
{
    bool upper = offset & 4;

    switch (offset & ~4u) {
    case QUEUE_DESC: q->desc = set_half(q->desc, upper, value); break;
    case QUEUE_DRIVER: q->avail = set_half(q->avail, upper, value); break;
    case QUEUE_DEVICE: q->used = set_half(q->used, upper, value); break;
    }
}

static void write_register(struct virtio_dev *d, u32 offset, u32 value)
{
    struct virtq *q = selected(d);

    switch (offset) {
    case DEVICE_FEATURES_SEL: d->features_sel = value; break;
    case DRIVER_FEATURES_SEL: d->driver_features_sel = value; break;
    case DRIVER_FEATURES:
        if (!(d->status & FEATURES_OK) && d->driver_features_sel < 2)
            d->driver_features = set_half(d->driver_features, d->driver_features_sel, value);
        break;
    case QUEUE_SEL: d->queue_sel = value; break;
    case QUEUE_NUM:
        if (q && !q->ready && value && value <= VIRTQ_MAX && !(value & (value - 1)))
            q->size = value;
        break;
    case QUEUE_READY:
        if (q)
            q->ready = (value & 1) && q->size;
        break;
    case QUEUE_NOTIFY:
        if (value < d->backend->queues)
            d->backend->notify(d, value);
        break;
    case INTERRUPT_ACK:
        d->isr &= ~value;
        vplic_set(d->vm, d->irq, d->isr != 0);
        break;
    case STATUS: write_status(d, value); break;
    default:
        if (q && !q->ready)
            write_queue(q, offset, value);
    }
}

static bool virtio_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    struct virtio_dev *d = &vm->virtio[index];

    if (!d->backend || (offset < CONFIG && size != 4))
        return false;
    *value = offset < CONFIG ? read_register(d, (u32)offset) : 0;
    for (u32 i = 0; offset >= CONFIG && i < size; i++)
        *value |= (u64)d->backend->config(d, (u32)offset - CONFIG + i) << i * 8;
    return true;
}

static bool virtio_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    struct virtio_dev *d = &vm->virtio[index];

    if (!d->backend || (offset < CONFIG && size != 4))
        return false;
    if (offset < CONFIG)
        write_register(d, (u32)offset, (u32)value);
    return true;
}

const struct vdev_ops virtio_ops = {"virtio", virtio_read, virtio_write};
