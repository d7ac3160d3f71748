/* The vector instructions' helpers (core/vector.c) and the forms of operands that generated handlers name. */
#ifndef RVH_VECTOR_H
#define RVH_VECTOR_H

#include "runtime.h"
#include "vector_ops.h"
#include "group_ops.h"
#include "csr_tables.h"

/* What stands in the field of vs1: a register group, an x register, a signed or unsigned immediate, an f register, the
 * low five bits of an immediate whose bit 5 is bit 26. */
enum { FORM_V, FORM_X, FORM_I, FORM_U, FORM_F, FORM_NONE, FORM_U6 };
enum { VSET_I, VSET_II, VSET_R };
/* Operands of instructions on element groups: vs2 and vs1; vs2; vs2's first group for all; vs2 and an immediate. */
enum { GROUP_VV, GROUP_V, GROUP_VS, GROUP_I };

/* All return 1, or 0 when they have recorded an exception. op->imm holds the instruction's bits. */
int v_configure(Hart *h, const Op *op, u64 pc, u32 kind);
int v_load_unit(Hart *h, const Op *op, u64 pc, u32 eew);
int v_store_unit(Hart *h, const Op *op, u64 pc, u32 eew);
int v_arith(Hart *h, const Op *op, u64 pc, u32 operation, u32 form);
int v_arith_plain(Hart *h, const Op *op, u64 pc, u32 operation, u32 form);
int v_group(Hart *h, const Op *op, u64 pc, u32 operation, u32 form);
int v_reduce(Hart *h, const Op *op, u64 pc, u32 operation);
int v_mask_logic(Hart *h, const Op *op, u64 pc, u32 which);
int v_count(Hart *h, const Op *op, u64 pc, u32 first);
int v_set_first(Hart *h, const Op *op, u64 pc, u32 which);
int v_iota(Hart *h, const Op *op, u64 pc);
int v_id(Hart *h, const Op *op, u64 pc);
int v_slide_up(Hart *h, const Op *op, u64 pc, u32 form);
int v_slide_down(Hart *h, const Op *op, u64 pc, u32 form);
int v_slide_1(Hart *h, const Op *op, u64 pc, u32 form, u32 up);
int v_move_float(Hart *h, const Op *op, u64 pc, u32 in);
int v_gather(Hart *h, const Op *op, u64 pc, u32 form, u32 ei16);
int v_compress(Hart *h, const Op *op, u64 pc);
int v_move_scalar(Hart *h, const Op *op, u64 pc, u32 in);
int v_move_whole(Hart *h, const Op *op, u64 pc, u32 n);
int v_load_first(Hart *h, const Op *op, u64 pc, u32 eew);
int v_load_strided(Hart *h, const Op *op, u64 pc);
int v_load_indexed(Hart *h, const Op *op, u64 pc);
int v_load_whole(Hart *h, const Op *op, u64 pc);
int v_load_mask(Hart *h, const Op *op, u64 pc);
int v_store_strided(Hart *h, const Op *op, u64 pc);
int v_store_indexed(Hart *h, const Op *op, u64 pc);
int v_store_whole(Hart *h, const Op *op, u64 pc);
int v_store_mask(Hart *h, const Op *op, u64 pc);

/* core/status.pxi: whether vector and floating-point state may be used now; if not, the exception is recorded. */
int v_allowed(Hart *h);
int fp_allowed(Hart *h);

/* ---- The usual cases, in the handlers themselves: 1, or 0 when it is another and nothing has been done. */
enum { V_SHORT = 256 }; /* bytes that are copied without a call */

/* No vector instruction is refused, and none has to make the state dirty. */
static inline int v_dirty(const Hart *h)
{
    return likely(!(~h->mstatus & MSTATUS_VS) && (!h->v || !(~h->vsstatus & MSTATUS_VS)));
}

static inline u32 v_width(u32 w)
{
    u32 width = w >> 12 & 7;
    return width ? width - 4 : 0;
}

/* memcpy for a few bytes. Ends overlap what has been copied. */
static inline void v_copy_short(u8 *to, const u8 *from, u64 n)
{
    if (likely(n >= 16)) {
        const u8 *end = from + n - 16, *stop = from + (n & ~63ull);
        u8 *last = to + n - 16;
        for (; from != stop; from += 64, to += 64)
            memcpy(to, from, 64);
        for (; from < end; from += 16, to += 16)
            memcpy(to, from, 16);
        memcpy(last, end, 16);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else {
        for (; n; n--)
            *to++ = *from++;
    }
}

/* memcpy for the bytes of a register group */
static inline void v_copy(void *to, const void *from, u64 n)
{
    if (n > V_SHORT)
        memcpy(to, from, n);
    else
        v_copy_short(to, from, n);
}

/* vsetvli and vsetivli that leave vtype as it is. */
static inline int v_keep(Hart *h, const Op *op, u64 pc, u32 kind)
{
    u32 w = (u32)op->imm, rs1 = w >> 15 & 31;
    (void)pc;
    if (kind == VSET_R || (w >> 20 & (kind == VSET_I ? 0x7ff : 0x3ff)) != h->vtype || (kind == VSET_I && rs1 == 0) ||
        !v_dirty(h))
        return 0;
    u64 avl = kind == VSET_II ? rs1 : h->x[rs1];
    h->vl = avl < h->vlmax ? avl : h->vlmax;
    h->vstart = 0;
    h->x[op->rd] = h->vl;
    return 1;
}

/* A unit-stride access of all elements, as wide as SEW, short, in one page that the TLB knows. */
static inline __attribute__((always_inline)) int v_plain(Hart *h, const Op *op, u32 eew, int store)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31;
    u64 va = h->x[op->rs1], n = h->vl << eew;
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    if (!(w >> 25 & 1) || h->vstart || (h->vshape & 0xff) != eew || vd & h->vshape >> 8 || !v_dirty(h) || n > V_SHORT ||
        (va & 0xfff) + n > 4096 || (store ? e->wtag : e->rtag) != TLB_KEY(h, va, 1))
        return 0;
    u8 *host = (u8 *)(uintptr_t)(va + e->addend), *group = h->vreg + vd * h->vlenb;
    store ? v_copy_short(host, group, n) : v_copy_short(group, host, n);
    return 1;
}

static inline int v_load_plain(Hart *h, const Op *op, u64 pc, u32 eew)
{
    (void)pc;
    return v_plain(h, op, eew, 0);
}

static inline int v_store_plain(Hart *h, const Op *op, u64 pc, u32 eew)
{
    (void)pc;
    return v_plain(h, op, eew, 1);
}

#endif
