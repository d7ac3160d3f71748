/* virtio-console back end (virtio 1.2, 5.3), one port: queue 0 carries to the guest, queue 1 from it. */
#include "vm.h"

enum { RECEIVE = 0, TRANSMIT = 1 };
enum { MAX_WRITE = 1 << 16 };            /* bytes shown of one request: printing holds the hart */

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

bool virtio_console_input(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_CONSOLE];
    struct chain c;

    if (!virtio_driver_ok(d) || !d->queue[RECEIVE].ready || strcmp(vm->console_device, "virtio") != 0)
        return false;
    while (vm_input_ready(vm) && virtq_pop(d, RECEIVE, &c)) {
        struct segment *in = c.segment + c.readable;
        u32 written = 0;
        for (u64 room = segments_length(in, c.writable); vm_input_ready(vm) && written < room; written++) {
            u8 byte = (u8)vm_input_take(vm);
            segments_put(vm, in, c.writable, &byte, 1);
        }
        virtq_push(d, RECEIVE, c.head, written);
    }
    return true;
}

static void notify(struct virtio_dev *d, u32 queue)
{
    struct chain c;

    if (queue == RECEIVE) {
        virtio_console_input(d->vm);
        return;
    }
    while (virtq_pop(d, TRANSMIT, &c)) {
        u32 left = MAX_WRITE, n;
        for (struct segment *s = c.segment; s < c.segment + c.readable && left;) {
            const u8 *data = s->length ? segment_front(d->vm, s, &n) : NULL;
            if (!data) {
                s++;
                continue;
            }
            n = (u32)min_u64(left, n);
            console_guest_write(d->vm, (const char *)data, n);
            segment_drop(s, n);
            left -= n;
        }
        virtq_push(d, TRANSMIT, c.head, 0);
    }
}

const struct virtio_backend virtio_console = {3, 2, offered_features, notify, config, NULL, 0, NULL};

void virtio_console_attach(struct vm *vm)
{
    vm->virtio[VIRTIO_SLOT_CONSOLE] =
        (struct virtio_dev){.backend = &virtio_console, .vm = vm, .irq = VIRTIO_IRQ + VIRTIO_SLOT_CONSOLE};
}
