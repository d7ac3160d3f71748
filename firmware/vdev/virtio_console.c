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
        u32 written = 0;
        for (u32 i = c.readable; i < c.readable + c.writable; i++)
            for (u32 k = 0; k < c.segment[i].length && vm_input_ready(vm); k++, written++)
                c.segment[i].data[k] = (u8)vm_input_take(vm);
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
        u64 left = MAX_WRITE;
        for (u32 i = 0; i < c.readable; i++) {
            u64 n = min_u64(left, c.segment[i].length);
            console_guest_write(d->vm, (const char *)c.segment[i].data, n);
            left -= n;
        }
        virtq_push(d, TRANSMIT, c.head, 0);
    }
}

const struct virtio_backend virtio_console = {3, 2, offered_features, notify, config, NULL};

void virtio_console_attach(struct vm *vm)
{
    vm->virtio[VIRTIO_SLOT_CONSOLE] =
        (struct virtio_dev){.backend = &virtio_console, .vm = vm, .irq = VIRTIO_IRQ + VIRTIO_SLOT_CONSOLE};
}
