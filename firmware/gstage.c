/* G-stage address translation: one table per VM. Guest RAM is had from the machine chunk by chunk, when guest or
   hypervisor first writes to it, and given back when the VM is not running. What a guest only reads is a block of
   zeroes that all share. */
#include "vm.h"
#include "sched.h"

enum { GIB = 1 << 30, GIB_CHUNKS = GIB / CHUNK, ROOT_SIZE = 4 * PAGE_SIZE };      /* the root of SvNNx4 has 2 more index bits (manual, hgatp) */

/* In place of a chunk's host address: it is mapped to the zeroes. */
enum { SHARED = 1 };

static const u64 shared_flags = PTE_V | PTE_R | PTE_X | PTE_U | PTE_A, own_flags = shared_flags | PTE_W | PTE_D;
static u64 zeroes;                       /* a chunk that nobody writes to; 0: there was no memory for it */

/* Chunks that VMs may still touch and that nobody may promise again. Not kept when memory is overcommitted. */
static u64 promised;

u64 gstage_hgatp(const struct vm *vm)
{
    return features.hgatp_mode << HGATP_MODE_SHIFT | vm->vmid << HGATP_VMID_SHIFT |
           (u64)vm->gstage_root / PAGE_SIZE;
}

static u64 chunk_count(const struct vm *vm) { return ALIGN_UP(vm->ram_size, CHUNK) / CHUNK; }
static u64 chunk_gpa(u64 chunk) { return GUEST_RAM_BASE + chunk * CHUNK; }
static u64 chunk_size(const struct vm *vm, u64 chunk) { return min_u64(CHUNK, vm->ram_size - chunk * CHUNK); }
static u64 chunk_of(u64 gpa) { return (gpa - GUEST_RAM_BASE) / CHUNK; }

/* The entry for gpa at `level` (0: 4 KiB, 1: 2 MiB, 2: 1 GiB), with tables made on the way; NULL: out of memory. */
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
            vm->memory.tables += PAGE_SIZE;
            __atomic_store_n(pte, (u64)next / PAGE_SIZE << 10 | PTE_V, __ATOMIC_RELEASE);
        }
        table = (u64 *)(*pte >> 10 << 12);
    }
}

/* Without overcommitment a VM is created only if all of its RAM can be had whenever it is touched. */
static bool promise(const struct vm *vm)
{
    u64 reserve = 1;                     /* a chunk for what the hypervisor itself takes later on */

    if (platform.overcommit)
        return true;
    if (promised + chunk_count(vm) + reserve > ram_free_blocks(CHUNK))
        return false;
    promised += chunk_count(vm);
    return true;
}

bool gstage_init(struct vm *vm)
{
    u64 vmid = vm->index + 1, end = GUEST_RAM_BASE + vm->ram_size;

    vm->memory = (struct memory_stats){.limit = vm->ram_size, .tables = ROOT_SIZE};
    if (!zeroes)
        zeroes = (u64)ram_take_zeroed(CHUNK, CHUNK);
    if (!promise(vm))
        return false;
    vm->gstage_root = ram_take_zeroed(ROOT_SIZE, ROOT_SIZE);
    vm->chunk = ram_take_zeroed(chunk_count(vm) * sizeof(*vm->chunk), PAGE_SIZE);
    /* VMID 0 stands for "no number of its own"; such a VM pays with a flush at every switch. */
    vm->vmid = vmid < BIT(features.vmid_bits) ? vmid : 0;
    u64 gibs = ALIGN_UP(vm->ram_size, GIB) / GIB;
    vm->gib_table = vm->gib_pages ? ram_take_zeroed(gibs * sizeof(*vm->gib_table), PAGE_SIZE) : NULL;
    bool ok = vm->gstage_root && vm->chunk && (vm->gib_table || !vm->gib_pages);
    /* All tables are made now: memory that runs out later must not look like a hole in the guest's RAM. */
    for (u64 gpa = GUEST_RAM_BASE; ok && gpa < end; gpa += GIB)
        ok = pte_slot(vm, gpa, 1);
    return ok && (end % CHUNK == 0 || pte_slot(vm, end - 1, 0));
}

/* Maps a chunk to host memory, in one page or, if it is shorter, in many. host 0: to nothing. */
static void map(struct vm *vm, u64 chunk, u64 host, u64 flags)
{
    u64 size = chunk_size(vm, chunk), page = size == CHUNK ? CHUNK : PAGE_SIZE;

    for (u64 at = 0; at < size; at += page) {
        u64 *pte = pte_slot(vm, chunk_gpa(chunk) + at, page == CHUNK);
        __atomic_store_n(pte, host ? (host + at) / PAGE_SIZE << 10 | flags : 0, __ATOMIC_RELEASE);
    }
}

static void set_chunk(struct vm *vm, u64 chunk, u64 value)
{
    __atomic_store_n(&vm->chunk[chunk], value, __ATOMIC_RELEASE);
}

static void share(struct vm *vm, u64 chunk)
{
    map(vm, chunk, zeroes, shared_flags);
    vm->memory.shared += chunk_size(vm, chunk);
    set_chunk(vm, chunk, SHARED);
}

/* No hart may still see the zeroes when another writes: the entry is gone everywhere before the new one comes. */
static void unshare(struct vm *vm, u64 chunk)
{
    map(vm, chunk, 0, 0);
    vm->memory.shared -= chunk_size(vm, chunk);
    set_chunk(vm, chunk, 0);
    gstage_fence(vm);
}

/* Gives all the chunks of a GiB memory in one page; false: the machine has none in one piece, or it is too late. The
   table that the page replaces is kept for the time when the memory goes back. */
static bool fill_gib(struct vm *vm, u64 chunk)
{
    u64 gib = chunk / GIB_CHUNKS, start = gib * GIB_CHUNKS;

    if (!vm->gib_pages || (gib + 1) * GIB > vm->ram_size)
        return false;
    for (u64 i = start; i < start + GIB_CHUNKS; i++)
        if (vm->chunk[i])
            return false;
    u64 host = ram_take(GIB, GIB), *pte = pte_slot(vm, chunk_gpa(start), 2);
    if (!host)
        return false;
    memset((void *)host, 0, GIB);
    vm->gib_table[gib] = *pte;
    __atomic_store_n(pte, 0, __ATOMIC_RELEASE);
    gstage_fence(vm);
    __atomic_store_n(pte, host / PAGE_SIZE << 10 | own_flags, __ATOMIC_RELEASE);
    for (u64 i = start; i < start + GIB_CHUNKS; i++)
        set_chunk(vm, i, host + (i - start) * CHUNK);
    if (!platform.overcommit)
        __atomic_sub_fetch(&promised, GIB_CHUNKS, __ATOMIC_RELAXED);
    vm->memory.resident += GIB;
    return true;
}

/* Maps the chunks of a GiB that has come in one page each by itself. */
static void split_gib(struct vm *vm, u64 chunk)
{
    u64 gib = chunk / GIB_CHUNKS, start = gib * GIB_CHUNKS, table = vm->gib_table ? vm->gib_table[gib] : 0;

    if (!table)
        return;
    u64 *pte = pte_slot(vm, chunk_gpa(start), 2), *entries = (u64 *)(table >> 10 << 12);
    for (u64 i = 0; i < GIB_CHUNKS; i++)
        entries[i] = vm->chunk[start + i] / PAGE_SIZE << 10 | own_flags;
    __atomic_store_n(pte, 0, __ATOMIC_RELEASE);
    gstage_fence(vm);
    __atomic_store_n(pte, table, __ATOMIC_RELEASE);
    vm->gib_table[gib] = 0;
}

/* Gives a chunk memory of its own, zeroed. Needs vm->ram_lock. */
static bool fill(struct vm *vm, u64 chunk)
{
    if (fill_gib(vm, chunk))
        return true;
    u64 size = chunk_size(vm, chunk), host = ram_take(size, size == CHUNK ? CHUNK : PAGE_SIZE);
    if (!host)
        return false;
    __atomic_sub_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
    memset((void *)host, 0, size);
    if (vm->chunk[chunk] == SHARED)
        unshare(vm, chunk);
    map(vm, chunk, host, own_flags);
    vm->memory.resident += size;
    set_chunk(vm, chunk, host);
    return true;
}

/* The chunk's host address, once it has one; 0: the machine has no memory left. */
static u64 chunk_host(struct vm *vm, u64 chunk)
{
    u64 host = __atomic_load_n(&vm->chunk[chunk], __ATOMIC_ACQUIRE);

    if (host && host != SHARED)
        return host;
    spin_lock(&vm->ram_lock);
    host = vm->chunk[chunk];
    bool ok = (host && host != SHARED) || fill(vm, chunk);
    host = ok ? vm->chunk[chunk] : 0;
    spin_unlock(&vm->ram_lock);
    if (!ok)
        vm_stop(vm, VM_FAILED, "the machine has no memory left for it: it has %lu of its %lu KiB",
                vm->memory.resident >> 10, vm->memory.limit >> 10);
    return host;
}

/* A second fault on zeroes is taken for a write whatever it says: the walk that sets a bit in the guest's own page
   table comes as what the guest wanted, and QEMU 7.2 reports some AMOs as loads. */
bool gstage_populate(struct vm *vm, u64 gpa, bool write)
{
    if (!vm_is_ram(vm, gpa, 1))
        return false;
    u64 chunk = chunk_of(gpa);
    bool shared = false;
    spin_lock(&vm->ram_lock);
    if (!vm->chunk[chunk] && !write && zeroes && !vm->gib_pages) {
        share(vm, chunk);
        shared = true;
    }
    spin_unlock(&vm->ram_lock);
    if (!shared)
        chunk_host(vm, chunk);
    return true;
}

bool vm_is_ram(const struct vm *vm, u64 gpa, u64 len) { return contains(GUEST_RAM_BASE, vm->ram_size, gpa, len); }

void *vm_ram(struct vm *vm, u64 gpa, u64 len)
{
    if (!len || !vm_is_ram(vm, gpa, len))
        return NULL;
    u64 first = chunk_of(gpa), last = chunk_of(gpa + len - 1), host = chunk_host(vm, first);
    for (u64 chunk = first; host && chunk < last; chunk++)
        if (chunk_host(vm, chunk + 1) != host + (chunk + 1 - first) * CHUNK)
            return NULL;
    return host ? (void *)(host + (gpa - chunk_gpa(first))) : NULL;
}

/* In this order: no hart and no device may know the memory any more when it is given to others. */
void gstage_withdraw(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa), size = chunk_size(vm, chunk);

    spin_lock(&vm->ram_lock);
    u64 host = vm->chunk[chunk];
    if (host && host != SHARED) {
        split_gib(vm, chunk);
        map(vm, chunk, 0, 0);
        set_chunk(vm, chunk, 0);
        gstage_fence(vm);
        ram_give(host, size);
        __atomic_add_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
        vm->memory.resident -= size;
    }
    spin_unlock(&vm->ram_lock);
}

void gstage_clear_page(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa), host = __atomic_load_n(&vm->chunk[chunk], __ATOMIC_ACQUIRE);

    if (host && host != SHARED)
        memset((void *)(host + gpa - chunk_gpa(chunk)), 0, PAGE_SIZE);
}

void gstage_release(struct vm *vm)
{
    spin_lock(&vm->ram_lock);
    for (u64 chunk = 0; chunk < chunk_count(vm); chunk++) {
        u64 host = vm->chunk[chunk], *table = vm->gib_table ? &vm->gib_table[chunk / GIB_CHUNKS] : NULL;
        if (!host)
            continue;
        if (table && *table) {
            __atomic_store_n(pte_slot(vm, chunk_gpa(chunk), 2), *table, __ATOMIC_RELEASE);
            *table = 0;
        }
        map(vm, chunk, 0, 0);
        set_chunk(vm, chunk, 0);
        if (host == SHARED)
            continue;
        ram_give(host, chunk_size(vm, chunk));
        __atomic_add_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
    }
    vm->memory.resident = vm->memory.shared = 0;
    vm->gstage_epoch++;
    spin_unlock(&vm->ram_lock);
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

bool gstage_is_zeroes(u64 host) { return zeroes && contains(zeroes, CHUNK, host, 1); }

void vm_memory_stats(const struct vm *vm, struct memory_stats *s)
{
    s->limit = vm->ram_size;
    s->resident = __atomic_load_n(&vm->memory.resident, __ATOMIC_RELAXED);
    s->shared = __atomic_load_n(&vm->memory.shared, __ATOMIC_RELAXED);
    s->ballooned = __atomic_load_n(&vm->memory.ballooned, __ATOMIC_RELAXED);
    s->tables = __atomic_load_n(&vm->memory.tables, __ATOMIC_RELAXED);
}
