/* G-stage address translation: one table per VM. Guest RAM is had from the machine chunk by chunk, when guest or
   hypervisor first writes to it, and given back when the VM is not running. What a guest only reads is a block of
   zeroes that all share. A chunk is split into pages when some of them are given up, or when there is no other
   memory for it. */
#include "vm.h"
#include "sched.h"

enum { GIB = 1 << 30, GIB_CHUNKS = GIB / CHUNK, ROOT_SIZE = 4 * PAGE_SIZE };      /* the root of SvNNx4 has 2 more index bits (manual, hgatp) */

/* In place of a chunk's host address: it is mapped to the zeroes; or, with the address of its table: page by page. */
enum { SHARED = 1, SPLIT = 2, CHUNK_PAGES = CHUNK / PAGE_SIZE };

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

static u64 *table_of(u64 entry) { return entry & SPLIT ? (u64 *)(entry - SPLIT) : NULL; }
static u64 *page_pte(u64 *table, u64 gpa) { return &table[gpa / PAGE_SIZE % CHUNK_PAGES]; }
static u64 pte_host(u64 pte) { return pte >> 10 << 12; }
static u64 own_pte(u64 host) { return host / PAGE_SIZE << 10 | own_flags; }

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
    __atomic_store_n(pte, own_pte(host), __ATOMIC_RELEASE);
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
        entries[i] = own_pte(vm->chunk[start + i]);
    __atomic_store_n(pte, 0, __ATOMIC_RELEASE);
    gstage_fence(vm);
    __atomic_store_n(pte, table, __ATOMIC_RELEASE);
    vm->gib_table[gib] = 0;
}

/* Maps a chunk page by page from now on: to what it has, or to nothing. False: there is no memory for the table. */
static bool split(struct vm *vm, u64 chunk)
{
    u64 *table = (u64 *)frame_take();

    if (!table)
        return false;
    if (vm->chunk[chunk] == SHARED)
        unshare(vm, chunk);
    split_gib(vm, chunk);
    u64 host = vm->chunk[chunk];
    for (u64 i = 0; i < CHUNK_PAGES; i++)
        table[i] = host ? own_pte(host + i * PAGE_SIZE) : 0;
    if (!host)
        __atomic_sub_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
    vm->memory.tables += PAGE_SIZE;
    set_chunk(vm, chunk, (u64)table | SPLIT);
    __atomic_store_n(pte_slot(vm, chunk_gpa(chunk), 1), (u64)table / PAGE_SIZE << 10 | PTE_V, __ATOMIC_RELEASE);
    return true;
}

static bool fill_page(struct vm *vm, u64 gpa)
{
    u64 host = frame_take();

    if (!host)
        return false;
    memset((void *)host, 0, PAGE_SIZE);
    __atomic_store_n(page_pte(table_of(vm->chunk[chunk_of(gpa)]), gpa), own_pte(host), __ATOMIC_RELEASE);
    vm->memory.resident += PAGE_SIZE;
    return true;
}

/* Gives the chunk around gpa memory of its own, zeroed; or only the page, if that is all there is. Needs vm->ram_lock. */
static bool fill(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa), size = chunk_size(vm, chunk);

    if (table_of(vm->chunk[chunk]))
        return fill_page(vm, gpa);
    if (fill_gib(vm, chunk))
        return true;
    if (size == CHUNK && balloon_has_of_chunk(vm, gpa) && split(vm, chunk))
        return fill_page(vm, gpa);
    u64 host = ram_take(size, size == CHUNK ? CHUNK : PAGE_SIZE);
    if (!host)
        return size == CHUNK && split(vm, chunk) && fill_page(vm, gpa);
    __atomic_sub_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
    memset((void *)host, 0, size);
    if (vm->chunk[chunk] == SHARED)
        unshare(vm, chunk);
    map(vm, chunk, host, own_flags);
    vm->memory.resident += size;
    set_chunk(vm, chunk, host);
    return true;
}

/* Host address of gpa, and in *n how many bytes from there on are in one piece; 0: it has no memory of its own. Needs
   vm->lock or vm->ram_lock: tables go under both. */
static u64 lookup(const struct vm *vm, u64 gpa, u64 *n)
{
    u64 chunk = chunk_of(gpa), entry = __atomic_load_n(&vm->chunk[chunk], __ATOMIC_ACQUIRE), *table = table_of(entry);

    if (table) {
        u64 pte = __atomic_load_n(page_pte(table, gpa), __ATOMIC_ACQUIRE);
        *n = PAGE_SIZE - gpa % PAGE_SIZE;
        return pte & PTE_V ? pte_host(pte) + gpa % PAGE_SIZE : 0;
    }
    *n = chunk_gpa(chunk + 1) - gpa;
    return entry && entry != SHARED ? entry + (gpa - chunk_gpa(chunk)) : 0;
}

static void out_of_memory(struct vm *vm)
{
    vm_stop(vm, VM_FAILED, "the machine has no memory left for it: it has %lu of its %lu KiB",
            vm->memory.resident >> 10, vm->memory.limit >> 10);
}

/* The same as lookup, once gpa has memory; 0: the machine has none left. */
static u64 host_of(struct vm *vm, u64 gpa, u64 *n)
{
    u64 host = lookup(vm, gpa, n);

    if (host)
        return host;
    spin_lock(&vm->ram_lock);
    if (lookup(vm, gpa, n) || fill(vm, gpa))
        host = lookup(vm, gpa, n);
    spin_unlock(&vm->ram_lock);
    if (!host)
        out_of_memory(vm);
    return host;
}

/* A second fault on zeroes is taken for a write whatever it says: the walk that sets a bit in the guest's own page
   table comes as what the guest wanted, and QEMU 7.2 reports some AMOs as loads. */
bool gstage_populate(struct vm *vm, u64 gpa, bool write)
{
    bool ok = true;
    u64 n;

    if (!vm_is_ram(vm, gpa, 1))
        return false;
    spin_lock(&vm->ram_lock);
    if (!vm->chunk[chunk_of(gpa)] && !write && zeroes && !vm->gib_pages)
        share(vm, chunk_of(gpa));
    else
        ok = lookup(vm, gpa, &n) || fill(vm, gpa);
    spin_unlock(&vm->ram_lock);
    if (!ok)
        out_of_memory(vm);
    return true;
}

bool vm_is_ram(const struct vm *vm, u64 gpa, u64 len) { return contains(GUEST_RAM_BASE, vm->ram_size, gpa, len); }

void *vm_ram_front(struct vm *vm, u64 gpa, u64 len, u64 *run)
{
    u64 n = 0, host = len && vm_is_ram(vm, gpa, len) ? host_of(vm, gpa, &n) : 0;

    for (*run = n; host && *run < len && host_of(vm, gpa + *run, &n) == host + *run;)
        *run += n;
    *run = min_u64(*run, len);
    return (void *)host;
}

void *vm_ram(struct vm *vm, u64 gpa, u64 len)
{
    u64 run;
    void *front = vm_ram_front(vm, gpa, len, &run);

    return run == len ? front : NULL;
}

/* Gives back what a chunk had; nobody translates to it any more. */
static void give_back(struct vm *vm, u64 chunk, u64 entry)
{
    u64 *table = table_of(entry), size = chunk_size(vm, chunk);

    if (!entry || entry == SHARED)
        return;
    __atomic_add_fetch(&promised, !platform.overcommit, __ATOMIC_RELAXED);
    if (!table) {
        ram_give(entry, size);
        vm->memory.resident -= size;
        return;
    }
    for (u64 i = 0; i < CHUNK_PAGES; i++)
        if (table[i] & PTE_V) {
            frame_give(pte_host(table[i]));
            vm->memory.resident -= PAGE_SIZE;
        }
    frame_give((u64)table);
    vm->memory.tables -= PAGE_SIZE;
}

/* In this order: no hart and no device may know the memory any more when it is given to others. */
void gstage_withdraw(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa);

    spin_lock(&vm->ram_lock);
    u64 entry = vm->chunk[chunk];
    if (entry && entry != SHARED) {
        split_gib(vm, chunk);
        map(vm, chunk, 0, 0);
        set_chunk(vm, chunk, 0);
        gstage_fence(vm);
        give_back(vm, chunk, entry);
    }
    spin_unlock(&vm->ram_lock);
}

u64 gstage_unmap(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa), n;

    spin_lock(&vm->ram_lock);
    u64 host = lookup(vm, gpa, &n);
    bool whole = host && !table_of(vm->chunk[chunk]);
    /* What a VM gives back is no use to others while it is promised to it. */
    if (whole && (!platform.overcommit || chunk_size(vm, chunk) < CHUNK || !split(vm, chunk)))
        host = 0;
    if (host) {
        __atomic_store_n(page_pte(table_of(vm->chunk[chunk]), gpa), 0, __ATOMIC_RELEASE);
        vm->memory.resident -= PAGE_SIZE;
    }
    spin_unlock(&vm->ram_lock);
    return host;
}

void gstage_clear_page(struct vm *vm, u64 gpa)
{
    u64 n, host = lookup(vm, gpa, &n);

    if (host)
        memset((void *)host, 0, PAGE_SIZE);
}

void gstage_release(struct vm *vm)
{
    spin_lock(&vm->ram_lock);
    for (u64 chunk = 0; chunk < chunk_count(vm); chunk++) {
        u64 entry = vm->chunk[chunk], *table = vm->gib_table ? &vm->gib_table[chunk / GIB_CHUNKS] : NULL;
        if (!entry)
            continue;
        if (table && *table) {
            __atomic_store_n(pte_slot(vm, chunk_gpa(chunk), 2), *table, __ATOMIC_RELEASE);
            *table = 0;
        }
        map(vm, chunk, 0, 0);
        set_chunk(vm, chunk, 0);
        give_back(vm, chunk, entry);
    }
    vm->memory.shared = 0;
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
