/* What generated instruction handlers are made of: decoded ops, the fast paths of memory access and control transfer,
 * and the declarations of the slow paths, which are Cython (core/NAME.pxi).
 *
 * A handler is  void fn(Hart *h, const Op *op, u64 pc)  and ends in a tail call; `pc` is the virtual address of the
 * BLOCK's first instruction and passes through unchanged, so an instruction's own pc is pc + 2*op->off.
 *
 * Accounting: a block's instructions are charged against h->budget when the block is entered (goto_block); whoever leaves
 * a block early gives the rest back (uncharge). slots executed so far = slots_end - (budget + reserve). An instruction
 * that traps is charged one slot and counted in nonretired.
 */
#ifndef RVH_RUNTIME_H
#define RVH_RUNTIME_H

#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef unsigned __int128 u128;
typedef __int128 i128;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define NOINLINE __attribute__((noinline, cold))

typedef struct Hart Hart;
typedef struct Board Board;
typedef struct Op Op;
typedef void (*Handler)(Hart *h, const Op *op, u64 pc);

/* One decoded instruction. In a block: header, ops..., terminator, link slot.
 * Header (op index -1): rd = OP_HEADER, fn = physical address, imm = number of instructions, off = flags.
 * Terminator of a block with known successors: rd/rs fields as its kind needs; the slot after it is a Links. */
struct Op {
    Handler fn;
    u8 rd, rs1, rs2;
    u8 off; /* this instruction's distance from the block start, in halfwords */
    i32 imm;
};
#define OP_HEADER 0xff

typedef struct {
    const Op *taken, *next; /* successor in the same page, or NULL */
} Links;

typedef struct {
    u64 rtag, wtag, xtag; /* page | context key if that access hits, else TLB_NONE */
    u64 addend;           /* host address - guest virtual address */
} TlbEntry;
/* Bit 63..12 of a tag are a page, 11..0 a context number below 0xfff: this one never matches. */
#define TLB_NONE ((u64)0xfff)
#define PAGE_MASK (~(u64)0xfff)

typedef struct {
    u64 pc, ctx;
    const Op *ops;
} JumpEntry;

/* One translation regime seen by a hart and the number that stands for it in TLB tags; see core/tlb.pxi. */
typedef struct {
    u64 atp, hgatp, flags, gen;
    u64 number; /* 0: free */
} Context;

/* What the instruction in hand has touched, for traces and explanations; h->log points at one while it is wanted. */
#define LOG_MEM_MAX 64
#define LOG_WALK_MAX 64
typedef struct {
    u64 va, pa, value;
    u32 size, kind; /* kind: 1 read, 2 write */
} LogAccess;
typedef struct {
    u64 slot, pa, pte; /* where the PTE is in its own address space, its physical address, its value */
    u8 guest, nested, level;
} LogStep;
typedef struct {
    u32 n_mem, n_walk;
    u32 walks;   /* walk steps are wanted: no translation may come from the TLB */
    u32 probe;   /* nobody makes this access: A and D bits stay as they are */
    void *trace; /* who wants a record of each instruction (core/tracelog.pxi), or NULL */
    LogAccess mem[LOG_MEM_MAX];
    LogStep walk[LOG_WALK_MAX];
} AccessLog;

/* A device's side of an access; size 1, 2, 4 or 8, naturally aligned, inside the region. */
typedef u64 (*ReadFn)(void *dev, Hart *h, u64 off, u32 size);
typedef void (*WriteFn)(void *dev, Hart *h, u64 off, u32 size, u64 value);

#include "hart_layout.h" /* generated from core/layout.py: struct Hart, TLB_SIZE, JUMP_CACHE_SIZE ... */

/* ---- slow paths, in Cython. Those that return int return 0 when they have recorded an exception in h->exc_*.
 * A value comes back in h->result, never through a pointer to a local: a handler with an escaping local loses its
 * tail calls, and with them the whole interpreter its bounded stack. */
int slow_load(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how); /* zero-extended value in h->result */
int slow_store(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u64 value);
/* Host address of a writable (and readable) location for an AMO or LR/SC, or NULL with the exception recorded: aligned, or
 * for an AMO with Zama16b inside an aligned 16 bytes. */
void *slow_amo(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how);
/* how: */
enum { HOW_PLAIN = 0, HOW_GUEST = 1 /* HLV/HSV */, HOW_HLVX = 2, HOW_LR = 4 /* load-type reservation */, HOW_SC = 8,
       HOW_SHADOW = 16 /* shadow stack */, HOW_CHECK = 32 /* SSPOPCHK: it is only read */ };

/* Takes the recorded exception at this op and goes on in the trap handler. */
void raise_at(Hart *h, const Op *op, u64 pc);
/* Leaves the run loop after this op has completed (h->stop was set by a slow path). */
void leave_after(Hart *h, const Op *op, u64 pc);
/* Leaves the run loop; the hart goes on at pc (after an instruction that ends its block). */
void leave_at(Hart *h, u64 pc);
/* Leaves the run loop before `next` (already charged) is entered at `pc`. */
void leave_before(Hart *h, const Op *next, u64 pc);
/* Finds or decodes the block at virtual address pc and enters it. */
void find_block(Hart *h, u64 pc);
/* To pc, where a landing pad is expected: the block there, if it begins with one; else a software check. */
void land(Hart *h, u64 pc);
/* Follows a link that is not there yet: finds the block at `target`, remembers it in the op's Links if it lies in the
 * same page, and enters it. */
void follow_link(Hart *h, const Op *op, u64 pc, u64 target, u32 taken);

/* ---- control transfer */
static inline __attribute__((always_inline)) void goto_block(Hart *h, const Op *next, u64 pc)
{
    if (unlikely((h->budget -= next[-1].imm) < 0))
        return leave_before(h, next, pc);
    return next->fn(h, next, pc);
}

/* To any virtual address, through the jump cache. */
static inline __attribute__((always_inline)) void jump_to(Hart *h, u64 target)
{
    const JumpEntry *e = &h->jumps[(target >> 1) & (JUMP_CACHE_SIZE - 1)];
    if (likely(e->pc == target && e->ctx == h->xctx))
        return goto_block(h, e->ops, target);
    return find_block(h, target);
}

#define NEXT(h, op, pc) return (op)[1].fn((h), (op) + 1, (pc))

/* A jump or branch with a known target: through the block's link when it is in the same page. */
#define FOLLOW(h, op, pc, target, field)                                    \
    do {                                                                    \
        const Op *to_ = ((const Links *)((op) + 1))->field;                 \
        if (likely(to_ != 0))                                               \
            return goto_block((h), to_, (target));                          \
        return follow_link((h), (op), (pc), (target), &((const Links *)0)->field == &((const Links *)0)->taken); \
    } while (0)

/* ---- memory, fast path. On a miss nothing has been done: the handler calls its slow twin. Little-endian hosts only. */
#define TLB_INDEX(va) (((va) >> 12) & (TLB_SIZE - 1))
/* The tag an access of `size` bytes must find: that of the page of its LAST byte, so one that crosses a page misses. */
#define TLB_KEY(h, va, size) ((((va) + ((size) - 1)) & PAGE_MASK) | (h)->key)

#define FAST_READ(h, T, va, var, MISS)                                       \
    T var;                                                                   \
    do {                                                                     \
        const TlbEntry *e_ = &(h)->tlb[TLB_INDEX(va)];                       \
        if (unlikely(e_->rtag != TLB_KEY(h, va, sizeof(T)))) { MISS; }       \
        memcpy(&var, (const void *)(uintptr_t)((va) + e_->addend), sizeof(T)); \
    } while (0)

#define FAST_WRITE(h, T, va, value, MISS)                                    \
    do {                                                                     \
        const TlbEntry *e_ = &(h)->tlb[TLB_INDEX(va)];                       \
        if (unlikely(e_->wtag != TLB_KEY(h, va, sizeof(T)))) { MISS; }       \
        T v_ = (T)(value);                                                   \
        memcpy((void *)(uintptr_t)((va) + e_->addend), &v_, sizeof(T));      \
    } while (0)

/* Read-modify-write: needs both tags and natural alignment; `p` points at the location. */
#define FAST_RMW(h, T, va, p, MISS)                                          \
    T *p;                                                                    \
    do {                                                                     \
        const TlbEntry *e_ = &(h)->tlb[TLB_INDEX(va)];                       \
        u64 k_ = TLB_KEY(h, va, 1);                                          \
        if (unlikely(e_->wtag != k_ || e_->rtag != k_ || ((va) & (sizeof(T) - 1)))) { MISS; } \
        p = (T *)(uintptr_t)((va) + e_->addend);                             \
    } while (0)

#endif
