/* G-stage address translation: one table per VM, filled as the guest touches its RAM. */
#include "vm.h"

enum { GIB = 1 << 30, ROOT_SIZE = 4 * PAGE_SIZE };      /* the root of SvNNx4 has 2 more index bits (manual, hgatp) */

static const u64 leaf_flags = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D;

u64 gstage_hgatp(const struct vm *vm)
{
    return features.hgatp_mode << HGATP_MODE_SHIFT | vm->vmid << HGATP_VMID_SHIFT |
           (u64)vm->gstage_root / PAGE_SIZE;
}

/* The entry for gpa at `level` (0: 4 KiB, 1: 2 MiB), with tables made on the way; NULL: out of memory. */
static u64 *pte_slot(struct vm *vm, u64 gpa, u32 level)
{
    u64 *table = vm->gstage_root;

    for (u32 at = features.gstage_levels - 1;; at--) {
        u64 mask = at == features.gstage_levels - 1 ? 0x7ff : 0x1ff;
        u64 *pte = &table[gpa >> (12 + 9 * at) & mask];
        if (at == level)
            return pte;
        if (!(*pte & PTE_V)) {
            u64 *next = ram_take_zeroed(PAGE_SIZE, PAGE_SIZE);
            if (!next)
                return NULL;
            __atomic_store_n(pte, (u64)next / PAGE_SIZE << 10 | PTE_V, __ATOMIC_RELEASE);
        }
        table = (u64 *)(*pte >> 10 << 12);
    }
}

bool gstage_init(struct vm *vm)
{
    u64 vmid = vm->index + 1, end = GUEST_RAM_BASE + vm->ram_size;

    vm->gstage_root = ram_take_zeroed(ROOT_SIZE, ROOT_SIZE);
    vm->chunk_ready = ram_take_zeroed(ALIGN_UP(ALIGN_UP(vm->ram_size, CHUNK) / CHUNK, PAGE_SIZE), PAGE_SIZE);
    vm->ram_host = ram_take(vm->ram_size, CHUNK);
    /* VMID 0 stands for "no number of its own"; such a VM pays with a flush at every switch. */
    vm->vmid = vmid < BIT(features.vmid_bits) ? vmid : 0;
    bool ok = vm->gstage_root && vm->chunk_ready && vm->ram_host;
    /* All tables are made now: memory that runs out later must not look like a hole in the guest's RAM. */
    for (u64 gpa = GUEST_RAM_BASE; ok && gpa < end; gpa += GIB)
        ok = pte_slot(vm, gpa, 1);
    return ok && (end % CHUNK == 0 || pte_slot(vm, end - 1, 0));
}

static bool map(struct vm *vm, u64 gpa, u64 host, u32 level)
{
    u64 *pte = pte_slot(vm, gpa, level);

    if (pte)
        __atomic_store_n(pte, host / PAGE_SIZE << 10 | leaf_flags, __ATOMIC_RELEASE);
    return pte;
}

bool gstage_populate(struct vm *vm, u64 gpa)
{
    u64 chunk = (gpa - GUEST_RAM_BASE) / CHUNK, offset = chunk * CHUNK;
    u64 length = min_u64(CHUNK, vm->ram_size - offset);
    bool ok = true;

    if (!contains(GUEST_RAM_BASE, vm->ram_size, gpa, 1))
        return false;
    spin_lock(&vm->ram_lock);
    if (!vm->chunk_ready[chunk]) {
        memset((void *)(vm->ram_host + offset), 0, length);
        if (length == CHUNK)
            ok = map(vm, GUEST_RAM_BASE + offset, vm->ram_host + offset, 1);
        for (u64 at = 0; length < CHUNK && at < length && ok; at += PAGE_SIZE)
            ok = map(vm, GUEST_RAM_BASE + offset + at, vm->ram_host + offset + at, 0);
        __atomic_store_n(&vm->chunk_ready[chunk], ok, __ATOMIC_RELEASE);
    }
    spin_unlock(&vm->ram_lock);
    return ok;
}

void *vm_ram(struct vm *vm, u64 gpa, u64 len)
{
    if (!contains(GUEST_RAM_BASE, vm->ram_size, gpa, len))
        return NULL;
    u64 first = (gpa - GUEST_RAM_BASE) / CHUNK, last = len ? (gpa + len - 1 - GUEST_RAM_BASE) / CHUNK : first;
    for (u64 chunk = first; chunk <= last; chunk++)
        if (contains(GUEST_RAM_BASE, vm->ram_size, GUEST_RAM_BASE + chunk * CHUNK, 1) &&
            !__atomic_load_n(&vm->chunk_ready[chunk], __ATOMIC_ACQUIRE) &&
            !gstage_populate(vm, GUEST_RAM_BASE + chunk * CHUNK))
            return NULL;
    return (void *)(vm->ram_host + (gpa - GUEST_RAM_BASE));
}
