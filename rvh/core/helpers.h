/* The named helpers that instruction definitions call (isa/dsl.py: helper, system, xret, call).
 *
 * Those that return int return 1, or 0 when they have recorded an exception in h->exc_*: the handler then calls raise_at().
 */
#ifndef RVH_HELPERS_H
#define RVH_HELPERS_H

#include "runtime.h"

/* Zicsr. kind: 0 rw, 1 rs, 2 rc. The old value goes to h->result if do_read. */
int csr_op(Hart *h, const Op *op, u64 pc, u32 csr, u32 kind, u64 src, int do_read, int do_write);

int do_ecall(Hart *h);
int do_ebreak(Hart *h, u64 pc); /* pc: of the instruction itself */
int do_wfi(Hart *h);
int do_wrs(Hart *h, int nto);
/* On success the pc to go on at is in h->pc. */
int do_mret(Hart *h);
int do_mnret(Hart *h);
int do_sret(Hart *h);

/* rs1v, rs2v: operand values; x0 as an operand means "all", which differs from a register holding 0. */
int do_sfence_vma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0);
int do_hfence_vvma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0);
int do_hfence_gvma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0);
int do_sfence_w_inval(Hart *h);
int do_sfence_inval_ir(Hart *h);
int do_fence_i(Hart *h);

/* which: 0 inval, 1 clean, 2 flush, 4 zero. */
int do_cbo(Hart *h, const Op *op, u64 pc, u32 which, u64 va);
/* Whether HLV, HLVX and HSV may be executed now. */
int gate_hlv(Hart *h);

/* Zicfiss. Where shadow stacks are off, SSPUSH and SSPOPCHK do nothing, and ssp reads as 0. */
int do_sspush(Hart *h, const Op *op, u64 pc, u64 value);
int do_sspopchk(Hart *h, const Op *op, u64 pc, u64 value);
u64 ssp_read(Hart *h);
/* Whether SSAMOSWAP may be executed now. */
int gate_shadow(Hart *h);

/* Zicfilp: LPAD at pc, with its label in bits 31..12. */
int do_lpad(Hart *h, u64 pc, u64 label);

/* ---- A destination that is read as well, and register pairs (Zacas). x0 has been decoded as SINK where it is a destination;
 * with x0 a pair reads as 0 and is not written. */

static inline u64 old_rd(const Hart *h, u32 rd)
{
    return rd == SINK ? 0 : h->x[rd];
}

static inline u128 register_pair(const Hart *h, u32 even)
{
    return even == 0 || even == SINK ? 0 : (u128)h->x[even + 1] << 64 | h->x[even];
}

static inline void set_register_pair(Hart *h, u32 even, u128 value)
{
    if (even != SINK) {
        h->x[even] = (u64)value;
        h->x[even + 1] = (u64)(value >> 64);
    }
}

/* ---- LR and SC. The reservation is the physical address; harts run one at a time and lose it when another one runs. */

static inline u64 reservation_of(const Hart *h, const void *p)
{
    return (u64)((const u8 *)p - h->board->ram) + h->board->ram_base;
}

static inline void reserve(Hart *h, const void *p)
{
    h->res_pa = reservation_of(h, p);
    h->res_valid = 1;
}

/* Uses up the reservation; 1 if it was there and for this location. */
static inline int reserved(Hart *h, const void *p)
{
    int held = h->res_valid && h->res_pa == reservation_of(h, p);
    h->res_valid = 0;
    return held;
}

/* Location of a naturally aligned T that may be read. */
#define FAST_ALIGNED(h, T, va, p, MISS)                                      \
    T *p;                                                                    \
    do {                                                                     \
        const TlbEntry *e_ = &(h)->tlb[TLB_INDEX(va)];                       \
        if (unlikely(e_->rtag != TLB_KEY(h, va, 1) || ((va) & (sizeof(T) - 1)))) { MISS; } \
        p = (T *)(uintptr_t)((va) + e_->addend);                             \
    } while (0)

/* Record exceptions (core/exc.pxi): an encoding that stands for no instruction; any. */
void exc_illegal(Hart *h);
void exc_set(Hart *h, u64 cause, u64 tval, u64 gpa, u64 tinst, u32 gva);

/* Without C, a taken jump to an address that is not a multiple of 4 traps at the jump. */
static inline void target_misaligned(Hart *h, u64 target)
{
    exc_set(h, 0, target, 0, 0, h->v);
}

/* Carry-less product of a and b, bits 63..0 and 127..64 (Zbc). */
static inline u64 clmul_low(Hart *h, u64 a, u64 b)
{
    u64 out = 0;
    (void)h;
    for (; b; b &= b - 1)
        out ^= a << __builtin_ctzll(b);
    return out;
}

static inline u64 clmul_high(Hart *h, u64 a, u64 b)
{
    u64 out = 0;
    (void)h;
    for (b &= ~(u64)1; b; b &= b - 1)
        out ^= a >> (64 - __builtin_ctzll(b));
    return out;
}

#include "crypto.h"

#if __has_include("fp.h")
#include "fp.h"
#endif

#endif
