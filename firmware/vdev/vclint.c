/* vCLINT: the SiFive CLINT's registers. They drive M-mode's interrupts, and a guest has no M-mode: msip and
   mtimecmp only hold what is written. mtime is the guest's time and cannot be set. */
#include "vm.h"

enum { MTIMECMP = 0x4000, MTIME = 0xbff8 };

/* Where the byte at `offset` is kept; NULL: it reads as 0 and cannot be written. */
static u8 *byte_at(struct vm *vm, u64 offset)
{
    struct vclint *c = &vm->clint;

    if (offset < MTIMECMP)
        return offset / 4 < vm->vcpu_count ? (u8 *)&c->msip[offset / 4] + offset % 4 : NULL;
    offset -= MTIMECMP;
    return offset / 8 < vm->vcpu_count ? (u8 *)&c->mtimecmp[offset / 8] + offset % 8 : NULL;
}

static bool vclint_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    (void)index;
    *value = 0;
    if (offset / 8 == MTIME / 8) {
        *value = vcpu_time(&vm->vcpu[0]) >> offset % 8 * 8;
        return true;
    }
    for (u32 i = 0; i < size; i++) {
        const u8 *byte = byte_at(vm, offset + i);
        *value |= byte ? (u64)*byte << i * 8 : 0;
    }
    return true;
}

static bool vclint_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    (void)index;
    for (u32 i = 0; i < size; i++) {
        u8 *byte = byte_at(vm, offset + i);
        if (!byte)
            continue;
        *byte = (u8)(value >> i * 8);
        if (offset + i < MTIMECMP)       /* only bit 0 of msip exists */
            *byte &= (offset + i) % 4 == 0;
    }
    return true;
}

const struct vdev_ops vclint_ops = {"clint", vclint_read, vclint_write};
