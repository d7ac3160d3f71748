/* The map of a guest's devices, and the one way into them. */
#include "vm.h"

static const struct region { u64 base, size; u32 index; const struct vdev_ops *ops; } regions[] = {
    {VCLINT_BASE, VCLINT_SIZE, 0, &vclint_ops},
    {VPLIC_BASE, VPLIC_SIZE, 0, &vplic_ops},
    {VUART_BASE, VUART_SIZE, 0, &vuart_ops},
    {VIRTIO_BASE, VIRTIO_SIZE, VIRTIO_SLOT_BLK, &virtio_ops},
    {VIRTIO_BASE + VIRTIO_STRIDE, VIRTIO_SIZE, VIRTIO_SLOT_CONSOLE, &virtio_ops},
    {VIRTIO_BASE + 2 * VIRTIO_STRIDE, VIRTIO_SIZE, VIRTIO_SLOT_NET, &virtio_ops},
};

bool vdev_access(struct vm *vm, u64 gpa, u32 size, bool write, u64 *value)
{
    for (u32 i = 0; i < ARRAY_LEN(regions); i++) {
        const struct region *r = &regions[i];
        if (!contains(r->base, r->size, gpa, size))
            continue;
        spin_lock(&vm->lock);
        bool ok = write ? r->ops->write(vm, r->index, gpa - r->base, size, *value)
                        : r->ops->read(vm, r->index, gpa - r->base, size, value);
        spin_unlock(&vm->lock);
        return ok;
    }
    return false;
}

const char *vdev_init(struct vm *vm)
{
    virtio_console_attach(vm);
    const char *error = virtio_net_attach(vm);
    return error ? error : virtio_blk_attach(vm);
}

void vdev_reset(struct vm *vm)
{
    spin_lock(&vm->lock);
    for (u32 i = 0; i < VIRTIO_DEVS; i++)
        if (vm->virtio[i].backend)
            virtio_reset(&vm->virtio[i]);
    vm->uart = (struct vuart){0};
    vm->clint = (struct vclint){0};
    vplic_reset(vm);
    spin_unlock(&vm->lock);
}

void vdev_input(struct vm *vm)
{
    if (!virtio_console_input(vm))
        vuart_update(vm);
}
