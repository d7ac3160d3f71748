/* What the files of vector instructions share: register groups, masks, and what may be executed when. */
#ifndef RVH_VECTOR_STATE_H
#define RVH_VECTOR_STATE_H

#include "vector_loop.h"
#include "csr_tables.h"

#define VREG_MAX 1024           /* bytes of a register group of 8 at VLEN=1024 */
#define VTYPE_VILL (1ull << 63)

static inline u8 *reg(Hart *h, u32 n)
{
    return h->vreg + (u64)n * h->vlenb;
}

static inline u32 vsew(const Hart *h)
{
    return (u32)(h->vtype >> 3 & 7);
}

/* log2 of LMUL, -3..3 */
static inline i32 vlmul(const Hart *h)
{
    return (i32)((u32)h->vtype << 29) >> 29;
}

static inline u32 vm(const Op *op)
{
    return (u32)op->imm >> 25 & 1;
}

static inline int illegal(Hart *h)
{
    exc_illegal(h);
    return 0;
}

static inline int allowed(Hart *h)
{
    return likely(h->mstatus & MSTATUS_VS && (!h->v || h->vsstatus & MSTATUS_VS)) ? 1 : v_allowed(h);
}

/* Mostly they are dirty already: a store each time would make every vector instruction wait for the one before. */
static inline void mark_dirty(Hart *h)
{
    if (unlikely(~h->mstatus & MSTATUS_VS))
        h->mstatus |= MSTATUS_VS;
    if (unlikely(h->v && ~h->vsstatus & MSTATUS_VS))
        h->vsstatus |= MSTATUS_VS;
}

static inline int done(Hart *h)
{
    h->vstart = 0;
    mark_dirty(h);
    return 1;
}

/* Vector floating point needs both units, and a rounding mode that is not reserved even where nothing is rounded. */
static inline int begin_float(Hart *h)
{
    if (!fp_allowed(h))
        return 0;
    return h->frm > RM_RMM ? illegal(h) : 1;
}

/* Conditions that all but a few instructions share; `arithmetic` ones cannot be resumed. */
static inline int begin(Hart *h, int arithmetic)
{
    if (!allowed(h))
        return 0;
    if (h->vtype & VTYPE_VILL || (arithmetic && h->vstart))
        return illegal(h);
    return 1;
}

/* ---- register groups; sizes as log2 of EMUL */

static inline int aligned(u32 n, i32 emul)
{
    return emul <= 0 || !(n & ((1u << emul) - 1));
}

static inline u32 registers(i32 emul)
{
    return emul <= 0 ? 1 : 1u << emul;
}

static inline int overlap(u32 a, u32 na, u32 b, u32 nb)
{
    return a < b + nb && b < a + na;
}

/* Whether a destination group may overlap a narrower source: in its highest-numbered part only, and only if the source's
 * EMUL is at least 1 ("Vector Operands"). */
static inline int widening_clash(u32 vd, i32 to, u32 vs, i32 from)
{
    u32 nd = registers(to), ns = registers(from);
    if (!overlap(vd, nd, vs, ns))
        return 0;
    return from < 0 || !(vd < vs && vs + ns == vd + nd);
}

static inline int narrowing_clash(u32 vd, i32 to, u32 vs, i32 from)
{
    return vd != vs && overlap(vd, registers(to), vs, registers(from));
}

/* ---- masks */

static inline u32 mask_bit(const u8 *mask, u64 i)
{
    return mask[i >> 3] >> (i & 7) & 1;
}

/* Eight mask bits as bytes of 0 or 1, and back from the lowest bits of bytes. */
static inline u64 bytes_of(u8 bits)
{
    u64 x = bits * 0x0101010101010101ull & 0x8040201008040201ull;
    return (x + 0x7f7f7f7f7f7f7f7full) >> 7 & 0x0101010101010101ull;
}

static inline u8 bits_of(const u8 *bytes)
{
    u64 x;
    memcpy(&x, bytes, 8);
    return (u8)((x & 0x0101010101010101ull) * 0x0102040810204080ull >> 56);
}

/* n mask bits as bytes; up to seven more are written. */
static inline void expand_mask(u8 *out, const u8 *mask, u64 n)
{
    for (u64 i = 0; i < n; i += 8) {
        u64 x = bytes_of(mask[i >> 3]);
        memcpy(out + i, &x, 8);
    }
}

/* Bits of `values` (bytes 0 or 1) into the mask register `to`, where active. Up to seven bytes more of both are read. */
static inline void pack_mask(u8 *to, const u8 *values, const u8 *active, u64 n)
{
    for (u64 i = 0; i < n; i += 8) {
        u32 write = active ? bits_of(active + i) : 0xff;
        if (n - i < 8)
            write &= (1u << (n - i)) - 1;
        to[i >> 3] = (u8)((to[i >> 3] & ~write) | (bits_of(values + i) & write));
    }
}

static inline void take_active(void *to, const void *from, const u8 *active, u64 n, u32 size)
{
#define TAKE(T)                                                              \
    for (u64 i = 0; i < n; i++)                                              \
        ((T *)to)[i] = active[i] ? ((const T *)from)[i] : ((T *)to)[i]
    switch (size) {
    case 0: TAKE(u8); break;
    case 1: TAKE(u16); break;
    case 2: TAKE(u32); break;
    default: TAKE(u64);
    }
}

static inline void spread(void *to, u64 x, u64 n, u32 size)
{
#define SPREAD(T)                                                            \
    for (u64 i = 0; i < n; i++)                                              \
        ((T *)to)[i] = (T)x
    switch (size) {
    case 0: memset(to, (int)(u8)x, n); break;
    case 1: SPREAD(u16); break;
    case 2: SPREAD(u32); break;
    default: SPREAD(u64);
    }
}

/* The scalar operand of a form, as the low bits of the result: f registers that hold no value boxed for SEW read as the
 * canonical NaN of the format. */
static inline u64 scalar_of(const Hart *h, u32 n, u32 form, u32 sew, u32 bf16)
{
    switch (form) {
    case FORM_X: return h->x[n];
    case FORM_U: return n;
    case FORM_I: return (u64)((i64)((u64)n << 59) >> 59);
    default:
        return sew == 3 ? h->f[n] : sew == 2 ? fp_unbox(h->f[n]) : bf16 ? fp_unbox_bf16(h->f[n]) : fp_unbox_h(h->f[n]);
    }
}

#endif
