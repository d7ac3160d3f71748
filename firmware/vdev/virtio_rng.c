/* virtio-rng back end (virtio 1.2, 5.4): entropy of the machine's own source. A machine without one gives its VMs
   none: there is no second-best. */
#include "vm.h"
#include "drivers/drivers.h"

enum { MAX_BYTES = 256 };                    /* for one request; the driver asks again */

static u64 offered_features(const struct virtio_dev *d)
{
    (void)d;
    return 0;
}

static u8 config(const struct virtio_dev *d, u32 offset)
{
    (void)d;
    (void)offset;
    return 0;
}

static void notify(struct virtio_dev *d, u32 queue)
{
    u8 bytes[MAX_BYTES];
    struct chain c;

    while (virtq_pop(d, queue, &c)) {
        struct segment *in = c.segment + c.readable;
        u32 n = (u32)min_u64(MAX_BYTES, segments_length(in, c.writable));
        if (c.readable || !n) {              /* 5.4.6: the driver gives writable buffers only */
            virtio_broken(d);
            return;
        }
        n = rng_take(bytes, n);
        if (!n) {                            /* the source is late: no answer would be one of no bytes (5.4.6.2) */
            virtq_unpop(d, queue, c.head);
            virtio_later(d, queue);
            return;
        }
        segments_put(d->vm, in, c.writable, bytes, n);
        virtq_push(d, queue, c.head, n);
    }
}

const struct virtio_backend virtio_rng = {4, 1, offered_features, notify, config, NULL, 0, NULL};

void virtio_rng_attach(struct vm *vm)
{
    if (rng_present())
        vm->virtio[VIRTIO_SLOT_RNG] =
            (struct virtio_dev){.backend = &virtio_rng, .vm = vm, .irq = VIRTIO_IRQ + VIRTIO_SLOT_RNG};
}
