/* G-stage address translation: one table per VM, and the fences that make harts follow it. */
#include "gstage.h"
#include "sched.h"

enum { ROOT_SIZE = 4 * PAGE_SIZE };      /* the root of SvNNx4 has 2 more index bits (manual, hgatp) */

u64 gstage_hgatp(const struct vm *vm)
{
    return features.hgatp_mode << HGATP_MODE_SHIFT | vm->vmid << HGATP_VMID_SHIFT |
           (u64)vm->gstage_root / PAGE_SIZE;
}

u64 *gstage_slot(struct vm *vm, u64 gpa, u32 level)
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
            vm->memory.tables += PAGE_SIZE;
            set_pte(pte, table_pte(next));
        }
        table = (u64 *)pte_host(*pte);
    }
}

bool gstage_make_tables(struct vm *vm)
{
    u64 vmid = vm->index + 1, end = GUEST_RAM_BASE + vm->ram_size, gibs = ALIGN_UP(vm->ram_size, GIB) / GIB;

    vm->memory.tables = ROOT_SIZE;
    vm->gstage_root = ram_take_zeroed(ROOT_SIZE, ROOT_SIZE);
    /* VMID 0 stands for "no number of its own"; such a VM pays with a flush at every switch. */
    vm->vmid = vmid < BIT(features.vmid_bits) ? vmid : 0;
    vm->gib_table = vm->gib_pages ? ram_take_zeroed(gibs * sizeof(*vm->gib_table), PAGE_SIZE) : NULL;
    bool ok = vm->gstage_root && (vm->gib_table || !vm->gib_pages);
    /* All tables are made now: memory that runs out later must not look like a hole in the guest's RAM. */
    for (u64 gpa = GUEST_RAM_BASE; ok && gpa < end; gpa += GIB)
        ok = gstage_slot(vm, gpa, 1);
    return ok && (end % CHUNK == 0 || gstage_slot(vm, end - 1, 0));
}

void gstage_map(struct vm *vm, u64 chunk, u64 host, u64 flags)
{
    u64 size = chunk_size(vm, chunk), page = size == CHUNK ? CHUNK : PAGE_SIZE;

    for (u64 at = 0; at < size; at += page) {
        u64 *pte = gstage_slot(vm, chunk_gpa(chunk) + at, page == CHUNK);
        set_pte(pte, host ? (host + at) / PAGE_SIZE << 10 | flags : 0);
    }
}

/* The table that the page replaces is kept for the time when the memory goes back. */
bool gstage_fill_gib(struct vm *vm, u64 chunk)
{
    u64 gib = chunk / GIB_CHUNKS, start = gib * GIB_CHUNKS;

    if (!vm->gib_pages || (gib + 1) * GIB > vm->ram_size)
        return false;
    for (u64 i = start; i < start + GIB_CHUNKS; i++)
        if (vm->chunk[i])
            return false;
    u64 host = ram_take(GIB, GIB), *pte = gstage_slot(vm, chunk_gpa(start), 2);
    if (!host)
        return false;
    memset((void *)host, 0, GIB);
    vm->gib_table[gib] = *pte;
    set_pte(pte, 0);
    gstage_fence(vm);
    set_pte(pte, own_pte(host));
    for (u64 i = start; i < start + GIB_CHUNKS; i++)
        set_chunk(vm, i, host + (i - start) * CHUNK);
    vm->memory.resident += GIB;
    return true;
}

void gstage_split_gib(struct vm *vm, u64 chunk)
{
    u64 gib = chunk / GIB_CHUNKS, start = gib * GIB_CHUNKS, table = vm->gib_table ? vm->gib_table[gib] : 0;

    if (!table)
        return;
    u64 *pte = gstage_slot(vm, chunk_gpa(start), 2), *entries = (u64 *)(table >> 10 << 12);
    for (u64 i = 0; i < GIB_CHUNKS; i++)
        entries[i] = own_pte(vm->chunk[start + i]);
    set_pte(pte, 0);
    gstage_fence(vm);
    set_pte(pte, table);
    vm->gib_table[gib] = 0;
}

void gstage_drop_gib(struct vm *vm, u64 chunk)
{
    u64 *table = vm->gib_table ? &vm->gib_table[chunk / GIB_CHUNKS] : NULL;

    if (!table || !*table)
        return;
    set_pte(gstage_slot(vm, chunk_gpa(chunk), 2), *table);
    *table = 0;
}

void gstage_sync(struct vm *vm)
{
    u64 *seen = &this_hart()->gstage_epoch[vm->index], now = __atomic_load_n(&vm->gstage_epoch, __ATOMIC_ACQUIRE);

    if (*seen == now)
        return;
    hfence_gvma_all();
    *seen = now;
}

void gstage_fence(struct vm *vm)
{
    __atomic_add_fetch(&vm->gstage_epoch, 1, __ATOMIC_RELEASE);
    gstage_sync(vm);
    for (u32 i = 0; i < vm->vcpu_count; i++)
        vcpu_request_gstage(&vm->vcpu[i]);
    for (u32 i = 0; i < vm->vcpu_count; i++)
        vcpu_wait_requests(&vm->vcpu[i]);
}
