/* Between gstage.c and guest_ram.c: chunks of a VM's memory, and entries of its G-stage table. */
#ifndef GSTAGE_H
#define GSTAGE_H
#include "vm.h"

enum { GIB = 1 << 30, GIB_CHUNKS = GIB / CHUNK, CHUNK_PAGES = CHUNK / PAGE_SIZE };

/* In place of a chunk's host address: it is mapped to the zeroes; or, with the address of its table: page by page. */
enum { SHARED = 1, SPLIT = 2 };

static const u64 shared_flags = PTE_V | PTE_R | PTE_X | PTE_U | PTE_A, own_flags = shared_flags | PTE_W | PTE_D;

static inline u64 chunk_count(const struct vm *vm) { return ALIGN_UP(vm->ram_size, CHUNK) / CHUNK; }
static inline u64 chunk_gpa(u64 chunk) { return GUEST_RAM_BASE + chunk * CHUNK; }
static inline u64 chunk_of(u64 gpa) { return (gpa - GUEST_RAM_BASE) / CHUNK; }
static inline u64 chunk_size(const struct vm *vm, u64 chunk) { return min_u64(CHUNK, vm->ram_size - chunk * CHUNK); }

static inline u64 *table_of(u64 entry) { return entry & SPLIT ? (u64 *)(entry - SPLIT) : NULL; }
static inline u64 *page_pte(u64 *table, u64 gpa) { return &table[gpa / PAGE_SIZE % CHUNK_PAGES]; }
static inline u64 pte_host(u64 pte) { return pte >> 10 << 12; }
static inline u64 own_pte(u64 host) { return host / PAGE_SIZE << 10 | own_flags; }
static inline u64 table_pte(const u64 *table) { return (u64)table / PAGE_SIZE << 10 | PTE_V; }

static inline void set_pte(u64 *pte, u64 value) { __atomic_store_n(pte, value, __ATOMIC_RELEASE); }
static inline void set_chunk(struct vm *vm, u64 chunk, u64 value)
{
    __atomic_store_n(&vm->chunk[chunk], value, __ATOMIC_RELEASE);
}

/* The entry for gpa at `level` (0: 4 KiB, 1: 2 MiB, 2: 1 GiB), with tables made on the way; NULL: out of memory. */
u64 *gstage_slot(struct vm *vm, u64 gpa, u32 level);
/* Makes the tables of a VM; false: there is no memory for them. */
bool gstage_make_tables(struct vm *vm);
/* Maps a chunk to host memory, in one page or, if it is shorter, in many. host 0: to nothing. */
void gstage_map(struct vm *vm, u64 chunk, u64 host, u64 flags);
/* Gives all the chunks of a GiB memory in one page; false: the machine has none in one piece, or it is too late. */
bool gstage_fill_gib(struct vm *vm, u64 chunk);
/* Maps the chunks of a GiB that has come in one page each by itself. */
void gstage_split_gib(struct vm *vm, u64 chunk);
/* The same while none of them is used any more. */
void gstage_drop_gib(struct vm *vm, u64 chunk);
#endif
