/* vCLINT: the SiFive CLINT's registers, meant for S-mode as a guest has no M-mode. */
#include "vm.h"

enum { MSIP = 0, MTIMECMP = 0x4000, MTIME = 0xbff8 };

/* Registers that span 8 bytes may be accessed by halves: the part of `whole` that lies at `offset`. */
static u64 part(u64 whole, u64 offset, u32 size)
{
    return size == 8 ? whole : (u32)(whole >> (offset & 4) * 8);
}

static bool vclint_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    (void)index;
    if (size < 4)
        return false;
    if (offset >= MTIME)
        *value = part(vcpu_time(&vm->vcpu[0]), offset, size);
    else if (offset >= MTIMECMP && (offset - MTIMECMP) / 8 < vm->vcpu_count)
        *value = part(vm->clint.mtimecmp[(offset - MTIMECMP) / 8], offset, size);
    else if (size == 4 && offset / 4 < vm->vcpu_count)
        *value = vm->clint.msip[offset / 4];
    else
        *value = 0;
    return true;
}

static void write_timecmp(struct vm *vm, u32 hart, u64 offset, u32 size, u64 value)
{
    u64 *cmp = &vm->clint.mtimecmp[hart];
    u32 shift = (offset & 4) * 8;

    *cmp = size == 8 ? value : (*cmp & ~(0xffffffffull << shift)) | value << shift;
    vcpu_request(&vm->vcpu[hart], REQ_TIMER, 0);
}

static bool vclint_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    (void)index;
    if (size < 4)
        return false;
    if (offset >= MTIMECMP && offset < MTIME && (offset - MTIMECMP) / 8 < vm->vcpu_count) {
        write_timecmp(vm, (u32)(offset - MTIMECMP) / 8, offset, size, value);
    } else if (size == 4 && offset / 4 < vm->vcpu_count) {
        vm->clint.msip[offset / 4] = value & 1;
        if (value & 1)
            vcpu_raise_soft(&vm->vcpu[offset / 4]);
    }
    return true;
}

const struct vdev_ops vclint_ops = {"clint", vclint_read, vclint_write};
