/* A VM's memory. It is had from the machine chunk by chunk, when guest or hypervisor first writes to it, and given back
   when the VM is not running. What a guest only reads is a block of zeroes that all share. A chunk is split into pages
   when some of them are given up, or when there is no other memory for it. */
#include "gstage.h"

static u64 zeroes;                       /* a chunk that nobody writes to; 0: there was no memory for it */

/* Chunks that VMs may still touch and that nobody may promise again. Not kept when memory is overcommitted. */
static u64 promised;

static void keep(u64 chunks) { __atomic_sub_fetch(&promised, platform.overcommit ? 0 : chunks, __ATOMIC_RELAXED); }

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
    vm->memory = (struct memory_stats){.limit = vm->ram_size};
    if (!zeroes)
        zeroes = (u64)ram_take_zeroed(CHUNK, CHUNK);
    if (!promise(vm))
        return false;
    vm->chunk = ram_take_zeroed(chunk_count(vm) * sizeof(*vm->chunk), PAGE_SIZE);
    return vm->chunk && gstage_make_tables(vm);
}

static void share(struct vm *vm, u64 chunk)
{
    gstage_map(vm, chunk, zeroes, shared_flags);
    vm->memory.shared += chunk_size(vm, chunk);
    set_chunk(vm, chunk, SHARED);
}

/* No hart may still see the zeroes when another writes: the entry is gone everywhere before the new one comes. */
static void unshare(struct vm *vm, u64 chunk)
{
    gstage_map(vm, chunk, 0, 0);
    vm->memory.shared -= chunk_size(vm, chunk);
    set_chunk(vm, chunk, 0);
    gstage_fence(vm);
}

/* Maps a chunk page by page from now on: to what it has, or to nothing. False: there is no memory for the table. */
static bool split(struct vm *vm, u64 chunk)
{
    u64 *table = (u64 *)frame_take();

    if (!table)
        return false;
    if (vm->chunk[chunk] == SHARED)
        unshare(vm, chunk);
    gstage_split_gib(vm, chunk);
    u64 host = vm->chunk[chunk];
    for (u64 i = 0; i < CHUNK_PAGES; i++)
        table[i] = host ? own_pte(host + i * PAGE_SIZE) : 0;
    if (!host)
        keep(1);
    vm->memory.tables += PAGE_SIZE;
    set_chunk(vm, chunk, (u64)table | SPLIT);
    set_pte(gstage_slot(vm, chunk_gpa(chunk), 1), table_pte(table));
    return true;
}

static bool fill_page(struct vm *vm, u64 gpa)
{
    u64 host = frame_take();

    if (!host)
        return false;
    memset((void *)host, 0, PAGE_SIZE);
    set_pte(page_pte(table_of(vm->chunk[chunk_of(gpa)]), gpa), own_pte(host));
    vm->memory.resident += PAGE_SIZE;
    return true;
}

/* Gives the chunk around gpa memory of its own, zeroed; or only the page, if that is all there is. Needs vm->ram_lock. */
static bool fill(struct vm *vm, u64 gpa)
{
    u64 chunk = chunk_of(gpa), size = chunk_size(vm, chunk);

    if (table_of(vm->chunk[chunk]))
        return fill_page(vm, gpa);
    if (gstage_fill_gib(vm, chunk)) {
        keep(GIB_CHUNKS);
        return true;
    }
    if (size == CHUNK && balloon_has_of_chunk(vm, gpa) && split(vm, chunk))
        return fill_page(vm, gpa);
    u64 host = ram_take(size, size == CHUNK ? CHUNK : PAGE_SIZE);
    if (!host)
        return size == CHUNK && split(vm, chunk) && fill_page(vm, gpa);
    keep(1);
    memset((void *)host, 0, size);
    if (vm->chunk[chunk] == SHARED)
        unshare(vm, chunk);
    gstage_map(vm, chunk, host, own_flags);
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
    keep(-1ull);
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
        gstage_split_gib(vm, chunk);
        gstage_map(vm, chunk, 0, 0);
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
        set_pte(page_pte(table_of(vm->chunk[chunk]), gpa), 0);
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
        u64 entry = vm->chunk[chunk];
        if (!entry)
            continue;
        gstage_drop_gib(vm, chunk);
        gstage_map(vm, chunk, 0, 0);
        set_chunk(vm, chunk, 0);
        give_back(vm, chunk, entry);
    }
    vm->memory.shared = 0;
    vm->gstage_epoch++;
    spin_unlock(&vm->ram_lock);
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
