/* virtio-mmio transport, version 2 (virtio 1.2, 4.2.2), seen from the device. */
#include "vm.h"

enum {
    MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, VENDOR_ID = 0x00c, DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060, INTERRUPT_ACK = 0x064, STATUS = 0x070,
    QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0,
    SHM_LEN_LOW = 0x0b0, SHM_BASE_HIGH = 0x0bc, CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};
enum { MAGIC_VALUE = 0x74726976, VENDOR = 0x00687672 /* "rvh" */ };
enum { DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40, STATUS_BITS = 0xcf, ISR_USED = 1, ISR_CONFIG = 2 };

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

void virtio_config_changed(struct virtio_dev *d)
{
    d->config_generation++;
    if (!virtio_driver_ok(d))
        return;
    d->isr |= ISR_CONFIG;
    vplic_set(d->vm, d->irq, true);
}

void virtio_interrupt(struct virtio_dev *d)
{
    d->isr |= ISR_USED;
    vplic_set(d->vm, d->irq, true);
}

void virtio_reset(struct virtio_dev *d)
{
    if (d->backend->reset)
        d->backend->reset(d);
    d->generation++;
    d->features_sel = d->driver_features_sel = d->queue_sel = d->status = d->isr = 0;
    d->driver_features = 0;
    d->budget = UINT32_MAX;
    d->later = 0;
    memset(d->queue, 0, sizeof(d->queue));
    vplic_set(d->vm, d->irq, false);
}

/* FEATURES_OK sticks only if the driver took nothing that was not offered, and all that is required; without it there
   is no DRIVER_OK. Other than by a reset no bit goes away (2.1.1). */
static void write_status(struct virtio_dev *d, u32 value)
{
    u64 required = VIRTIO_F_VERSION_1 | d->backend->required;
    bool acceptable = !(d->driver_features & ~offered(d)) && (d->driver_features & required) == required;

    if (value == 0) {
        virtio_reset(d);
        return;
    }
    if (!acceptable)
        value &= ~(u32)FEATURES_OK;
    if (!((value | d->status) & FEATURES_OK))
        value &= ~(u32)DRIVER_OK;
    d->status |= value & STATUS_BITS & ~(u32)NEEDS_RESET;
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
    case CONFIG_GENERATION: return d->config_generation;
    default: return offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH ? ~0u : 0;    /* there is no shared memory */
    }
}

static void write_queue(struct virtq *q, u32 offset, u32 value)
{
    bool upper = offset & 4;

    switch (offset & ~4u) {
    case QUEUE_DESC: q->desc = set_half(q->desc, upper, value); break;
    case QUEUE_DRIVER: q->driver = set_half(q->driver, upper, value); break;
    case QUEUE_DEVICE: q->device = set_half(q->device, upper, value); break;
    }
}

/* Only split rings need a power of two (2.7). */
static void write_queue_num(const struct virtio_dev *d, struct virtq *q, u32 value)
{
    bool fits = value && value <= VIRTQ_MAX && (virtio_has(d, VIRTIO_F_RING_PACKED) || !(value & (value - 1)));

    if (!q->ready && fits)
        q->size = value;
}

static void write_queue_ready(struct virtq *q, u32 value)
{
    bool starts = (value & 1) && !q->ready && q->size;

    if (starts) {
        q->next_avail = q->next_used = 0;
        q->avail_wrap = q->used_wrap = true;
    }
    q->ready = starts || ((value & 1) && q->ready);
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
        if (q)
            write_queue_num(d, q, value);
        break;
    case QUEUE_READY:
        if (q)
            write_queue_ready(q, value);
        break;
    case QUEUE_NOTIFY:
        if (value < d->backend->queues)
            virtio_turn(d, value);
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
    for (u32 i = 0; offset >= CONFIG && d->backend->set_config && i < size; i++)
        d->backend->set_config(d, (u32)offset - CONFIG + i, (u8)(value >> i * 8));
    return true;
}

const struct vdev_ops virtio_ops = {"virtio", virtio_read, virtio_write};
