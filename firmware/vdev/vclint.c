/* vCLINT: the SiFive CLINT's registers. They drive M-mode's interrupts, and a guest has no M-mode: msip and
   mtimecmp only hold what is written. mtime is the guest's time and cannot be set. */
#include "vm.h"

enum { MTIMECMP = 0x4000, MTIME = 0xbff8 };   /* msip is at 0 */

/* Where the register at `offset` is kept, NULL if the guest has no such hart. */
static u64 *stored(struct vm *vm, u64 offset)
{
    if (offset >= MTIMECMP && (offset - MTIMECMP) / 8 < vm->vcpu_count)
        return &vm->clint.mtimecmp[(offset - MTIMECMP) / 8];
    return offset / 4 < vm->vcpu_count ? &vm->clint.msip[offset / 4] : NULL;
}

static bool vclint_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    u64 *reg = stored(vm, offset);
    u64 whole = offset >= MTIME ? vcpu_time(&vm->vcpu[0]) : reg ? *reg : 0;

    (void)index;
    /* mtimecmp and mtime may be read by halves. */
    *value = size == 8 ? whole : (u32)(offset >= MTIMECMP ? whole >> (offset & 4) * 8 : whole);
    return size >= 4;
}

static bool vclint_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    u64 *reg = stored(vm, offset);
    u32 shift = (offset & 4) * 8;

    (void)index;
    if (size < 4 || offset >= MTIME || !reg)
        return size >= 4;
    if (offset < MTIMECMP)
        *reg = value & 1;
    else
        *reg = size == 8 ? value : (*reg & ~(0xffffffffull << shift)) | value << shift;
    return true;
}

const struct vdev_ops vclint_ops = {"clint", vclint_read, vclint_write};
