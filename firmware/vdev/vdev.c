/* The map of a guest's devices, and the one way into them. */
#include "vm.h"

/* `least` and `most` are the sizes of access, in bytes, that a device takes. */
static const struct region { u64 base, size; u32 least, most, index; const struct vdev_ops *ops; } regions[] = {
    {VCLINT_BASE, VCLINT_SIZE, 1, 8, 0, &vclint_ops},
    {VPLIC_BASE, VPLIC_SIZE, 4, 4, 0, &vplic_ops},
    {VUART_BASE, VUART_SIZE, 1, 1, 0, &vuart_ops},
    {VIRTIO_BASE, VIRTIO_SIZE, 1, 8, VIRTIO_SLOT_BLK, &virtio_ops},
    {VIRTIO_BASE + VIRTIO_STRIDE, VIRTIO_SIZE, 1, 8, VIRTIO_SLOT_CONSOLE, &virtio_ops},
    {VIRTIO_BASE + 2 * VIRTIO_STRIDE, VIRTIO_SIZE, 1, 8, VIRTIO_SLOT_NET, &virtio_ops},
    {VIRTIO_BASE + 3 * VIRTIO_STRIDE, VIRTIO_SIZE, 1, 8, VIRTIO_SLOT_RNG, &virtio_ops},
    {VIRTIO_BASE + 4 * VIRTIO_STRIDE, VIRTIO_SIZE, 1, 8, VIRTIO_SLOT_BALLOON, &virtio_ops},
};

static const struct region *region_at(u64 gpa, u32 size)
{
    for (u32 i = 0; i < ARRAY_LEN(regions); i++) {
        const struct region *r = &regions[i];
        if (contains(r->base, r->size, gpa, size))
            return size >= r->least && size <= r->most ? r : NULL;
    }
    return NULL;
}

/* Need vm->lock. */
static bool device_read(struct vm *vm, const struct region *r, u64 gpa, u32 size, u64 *value)
{
    return r->ops->read(vm, r->index, gpa - r->base, size, value);
}

static bool device_write(struct vm *vm, const struct region *r, u64 gpa, u32 size, u64 value)
{
    return r->ops->write(vm, r->index, gpa - r->base, size, value);
}

bool vdev_access(struct vm *vm, u64 gpa, u32 size, bool write, u64 *value)
{
    const struct region *r = region_at(gpa, size);

    if (!r)
        return false;
    spin_lock(&vm->lock);
    bool ok = write ? device_write(vm, r, gpa, size, *value) : device_read(vm, r, gpa, size, value);
    spin_unlock(&vm->lock);
    return ok;
}

bool vdev_modify(struct vm *vm, u64 gpa, u32 size, bool (*next)(void *arg, u64 *value), void *arg)
{
    const struct region *r = region_at(gpa, size);
    u64 value = 0;

    if (!r)
        return false;
    spin_lock(&vm->lock);
    bool ok = device_read(vm, r, gpa, size, &value);
    if (ok && next(arg, &value))
        ok = device_write(vm, r, gpa, size, value);
    spin_unlock(&vm->lock);
    return ok;
}

const char *vdev_init(struct vm *vm)
{
    virtio_console_attach(vm);
    virtio_rng_attach(vm);
    const char *error = virtio_balloon_attach(vm);
    error = error ? error : virtio_net_attach(vm);
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
