/* Vector instructions: what may be executed, masks, loads and stores; the arithmetic itself is generated (vector_loops.h).
 *
 * Tail and masked-off elements stay undisturbed, which agnostic policies allow too. Arithmetic with vstart != 0 is
 * illegal, as the manual permits where an implementation never leaves such a vstart itself; loads and stores resume.
 */
#include "vector_loop.h"
#include "csr_tables.h"
#include "decode.h"

#pragma GCC optimize("O3")

typedef struct {
    u128 needs[4]; /* by vsew: the extension without which it is reserved, or 0 */
    u8 shape, uses_m, floating, integers, bf16;
} VOperation;

#include "vector_properties.h"

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

static int illegal(Hart *h)
{
    exc_illegal(h);
    return 0;
}

/* The loop of an operation at this SEW, or NULL where it is reserved. The host's floating point is used where it is, for
 * rounding modes that it has. */
static VLoop *loop_of(const Hart *h, u32 operation, u32 sew)
{
    const VOperation *o = &operations[operation];
    if (sew > 3 || (o->needs[sew] && !(h->ext & o->needs[sew])))
        return 0;
    if (o->floating && (!FP_HOST || h->frm > RM_RUP) && v_loops_soft[operation][sew])
        return v_loops_soft[operation][sew];
#if FP_HOST && !defined(RVH_NO_FMA)
    if (__builtin_cpu_supports("avx2") && fp_has_fma())
        return v_loops_wide[operation][sew];
#endif
    return v_loops_plain[operation][sew];
}

/* Vector floating point needs both units, and a rounding mode that is not reserved even where nothing is rounded. */
static int begin_float(Hart *h)
{
    if (!fp_allowed(h))
        return 0;
    return h->frm > RM_RMM ? illegal(h) : 1;
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

static void expand_mask(u8 *out, const u8 *mask, u64 n)
{
    for (u64 i = 0; i < n; i++)
        out[i] = (u8)mask_bit(mask, i);
}

/* Bits of `values` (bytes 0 or 1) into the mask register `to`, where active. */
static void pack_mask(u8 *to, const u8 *values, const u8 *active, u64 n)
{
    for (u64 i = 0; i < n; i++) {
        if (active && !active[i])
            continue;
        u8 b = (u8)(1u << (i & 7));
        to[i >> 3] = (u8)(values[i] ? to[i >> 3] | b : to[i >> 3] & ~b);
    }
}

static void take_active(void *to, const void *from, const u8 *active, u64 n, u32 size)
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

static void spread(void *to, u64 x, u64 n, u32 size)
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

/* ---- vtype and vl */

/* vtype, and what follows from it. */
static void set_vtype(Hart *h, u64 vtype)
{
    h->vtype = vtype;
    h->vlmax = 0;
    h->vshape = ~0u;
    if (vtype & VTYPE_VILL)
        return;
    i32 shift = vlmul(h) - (i32)vsew(h);
    h->vlmax = shift >= 0 ? h->vlenb << shift : h->vlenb >> -shift;
    h->vshape = vsew(h) | (registers(vlmul(h)) - 1) << 8;
}

static int legal_vtype(const Hart *h, u64 vtype)
{
    i32 lmul = (i32)((u32)vtype << 29) >> 29, sew = (i32)(vtype >> 3 & 7);
    i32 elen = h->ext & EXT_ZVE64X ? 3 : 2;
    return !(vtype >> 8) && lmul != -4 && sew <= elen + (lmul < 0 ? lmul : 0);
}

int v_configure(Hart *h, const Op *op, u64 pc, u32 kind)
{
    u32 w = (u32)op->imm, rs1 = w >> 15 & 31, rd = w >> 7 & 31;
    u64 vtype, avl = kind == VSET_II ? rs1 : h->x[rs1];
    int keeps = kind != VSET_II && rs1 == 0;
    (void)pc;
    if (!allowed(h))
        return 0;
    vtype = kind == VSET_R ? h->x[w >> 20 & 31] : w >> 20 & (kind == VSET_I ? 0x7ff : 0x3ff);
    if (unlikely(vtype != h->vtype)) {
        u64 old = h->vlmax;
        set_vtype(h, legal_vtype(h, vtype) ? vtype : VTYPE_VILL);
        /* Keeping vl while VLMAX changes is reserved. */
        if (keeps && rd == 0 && h->vlmax != old)
            set_vtype(h, VTYPE_VILL);
    }
    u64 most = h->vlmax;
    if (most == 0)
        h->vl = 0;
    else if (!keeps)
        h->vl = avl < most ? avl : most;
    else if (rd != 0)
        h->vl = most;
    h->x[op->rd] = h->vl;
    return done(h);
}

/* ---- arithmetic */

/* Conditions that all but a few instructions share; `arithmetic` ones cannot be resumed. */
static int begin(Hart *h, int arithmetic)
{
    if (!allowed(h))
        return 0;
    if (h->vtype & VTYPE_VILL || (arithmetic && h->vstart))
        return illegal(h);
    return 1;
}

static int operands_legal(Hart *h, const VOperation *o, const Op *op, u32 form)
{
    i32 lmul = vlmul(h), sew = (i32)vsew(h), elen = h->ext & EXT_ZVE64X ? 3 : 2;
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31, vs1 = w >> 15 & 31, vector = form == FORM_V;
    u32 masked = !vm(op);
    if (o->shape != SHAPE_COMPARE && masked && vd == 0)
        return 0;
    switch (o->shape) {
    case SHAPE_SINGLE:
        return aligned(vd, lmul) && aligned(vs2, lmul) && (!vector || aligned(vs1, lmul));
    case SHAPE_WIDEN:
    case SHAPE_WIDEN_W:
        if (lmul > 2 || sew + 1 > elen || !aligned(vd, lmul + 1))
            return 0;
        if (o->shape == SHAPE_WIDEN ? !aligned(vs2, lmul) || widening_clash(vd, lmul + 1, vs2, lmul)
                                    : !aligned(vs2, lmul + 1))
            return 0;
        return !vector || (aligned(vs1, lmul) && !widening_clash(vd, lmul + 1, vs1, lmul));
    case SHAPE_NARROW:
        return lmul <= 2 && sew + 1 <= elen && aligned(vs2, lmul + 1) && aligned(vd, lmul) &&
               !narrowing_clash(vd, lmul, vs2, lmul + 1) && (!vector || aligned(vs1, lmul));
    case SHAPE_COMPARE:
        return aligned(vs2, lmul) && !narrowing_clash(vd, 0, vs2, lmul) &&
               (!vector || (aligned(vs1, lmul) && !narrowing_clash(vd, 0, vs1, lmul)));
    default: { /* SHAPE_EXTEND_2, _4, _8 */
        i32 from = lmul - 1 - (o->shape - SHAPE_EXTEND_2);
        return vd != vs2 && from >= -3 && aligned(vd, lmul) && aligned(vs2, from) &&
               !widening_clash(vd, lmul, vs2, from);
    }
    }
}

/* The scalar operand of a form, as the low bits of the result: f registers that hold no value boxed for SEW read as the
 * canonical NaN of the format. */
static u64 scalar_of(const Hart *h, u32 n, u32 form, u32 sew, u32 bf16)
{
    switch (form) {
    case FORM_X: return h->x[n];
    case FORM_U: return n;
    case FORM_I: return (u64)((i64)((u64)n << 59) >> 59);
    default:
        return sew == 3 ? h->f[n] : sew == 2 ? fp_unbox(h->f[n]) : bf16 ? fp_unbox_bf16(h->f[n]) : fp_unbox_h(h->f[n]);
    }
}

static inline u64 one(u32 size)
{
    return size == 3 ? 0x3ff0000000000000ull : size == 2 ? 0x3f800000u : 0x3c00u;
}

/* A source of a masked floating-point operation in a buffer: what inactive elements hold raises no exception with any
 * operation. */
static const void *harmless(u8 *buffer, const void *source, const u8 *active, u64 n, u32 size, u32 integers)
{
    spread(buffer, integers ? 0 : one(size), n, size);
    take_active(buffer, source, active, n, size);
    return buffer;
}

int v_arith(Hart *h, const Op *op, u64 pc, u32 operation, u32 form)
{
    const VOperation *o = &operations[operation];
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs1 = w >> 15 & 31;
    u8 out[2 * VREG_MAX] __attribute__((aligned(64))), scalar[VREG_MAX] __attribute__((aligned(64))), active[VREG_MAX];
    u8 buffer[3][2 * VREG_MAX] __attribute__((aligned(64)));
    (void)pc;
    if (!begin(h, 1) || (o->floating && !begin_float(h)))
        return 0;
    u32 sew = vsew(h);
    u64 n = h->vl;
    VLoop *loop = loop_of(h, operation, sew);
    if (!loop || !operands_legal(h, o, op, form))
        return illegal(h);
    u8 *to = reg(h, vd);
    const void *first = reg(h, w >> 20 & 31), *second = reg(h, vs1), *third = to;
    int masked = !vm(op), widens = o->shape == SHAPE_WIDEN || o->shape == SHAPE_WIDEN_W;
    u32 size = sew + (u32)widens;
    if (form != FORM_V && form != FORM_NONE) {
        u32 six = vs1 | (w >> 26 & 1) << 5;
        spread(scalar, form == FORM_U6 ? six : scalar_of(h, vs1, form, sew, o->bf16), n, sew);
        second = scalar;
    }
    if (masked)
        expand_mask(active, h->vreg, n);
    else if (o->uses_m)
        memset(active, 0, n);
    if (o->uses_m)
        masked = 0; /* v0 is an operand: every element is active */
    if (masked && o->floating) {
        u32 wide = o->shape == SHAPE_WIDEN_W || o->shape == SHAPE_NARROW;
        first = harmless(buffer[0], first, active, n, sew + wide, o->integers);
        second = form == FORM_NONE ? second : harmless(buffer[1], second, active, n, sew, 0);
        if (o->shape != SHAPE_COMPARE) /* there vd is one register, and no operand */
            third = harmless(buffer[2], to, active, n, size, 0);
    }
    if (o->shape == SHAPE_COMPARE) {
        loop(h, out, third, first, second, active, n);
        pack_mask(to, out, masked ? active : 0, n);
    } else if (masked) {
        loop(h, out, third, first, second, active, n);
        take_active(to, out, active, n, size);
    } else {
        loop(h, to, third, first, second, o->uses_m ? active : 0, n);
    }
    return done(h);
}

int v_reduce(Hart *h, const Op *op, u64 pc, u32 operation)
{
    const VOperation *o = &operations[operation];
    u32 w = (u32)op->imm, vs2 = w >> 20 & 31;
    u8 active[VREG_MAX];
    (void)pc;
    if (!begin(h, 1) || (o->floating && !begin_float(h)))
        return 0;
    VLoop *loop = loop_of(h, operation, vsew(h));
    if (!loop || !aligned(vs2, vlmul(h)) || (o->shape == SHAPE_REDUCE_W && vsew(h) == 2 && !(h->ext & EXT_ZVE64X)))
        return illegal(h);
    u8 *to = reg(h, w >> 7 & 31), *from = reg(h, w >> 15 & 31);
    if (!vm(op))
        expand_mask(active, h->vreg, h->vl);
    if (!vm(op) && (operation == V_VFREDUSUM || operation == V_VFWREDUSUM) && !memchr(active, 1, h->vl)) {
        /* The unordered sum of nothing adds the identity, which canonicalizes a NaN in vs1[0]. */
        u64 identity = h->frm == RM_RDN ? 0 : 1ull << ((8u << vsew(h)) - 1);
        if (h->vl)
            loop(h, to, 0, &identity, from, 0, 1);
    } else if (h->vl) {
        loop(h, to, 0, reg(h, vs2), from, vm(op) ? 0 : active, h->vl);
    }
    return done(h);
}

#include "vector_crypto.h"

/* ---- masks */

int v_mask_logic(Hart *h, const Op *op, u64 pc, u32 which)
{
    u32 w = (u32)op->imm;
    u8 *vd = reg(h, w >> 7 & 31);
    const u8 *a = reg(h, w >> 20 & 31), *b = reg(h, w >> 15 & 31);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    for (u64 i = 0; i < h->vl; i += 8) {
        u32 x = a[i >> 3], y = b[i >> 3], r, keep = h->vl - i < 8 ? 0xffu << (h->vl - i) : 0;
        switch (which) {
        case 0: r = x & ~y; break;
        case 1: r = x & y; break;
        case 2: r = x | y; break;
        case 3: r = x ^ y; break;
        case 4: r = x | ~y; break;
        case 5: r = ~(x & y); break;
        case 6: r = ~(x | y); break;
        default: r = ~(x ^ y);
        }
        vd[i >> 3] = (u8)((vd[i >> 3] & keep) | (r & ~keep));
    }
    return done(h);
}

/* vcpop.m, and vfirst.m with `first`. */
int v_count(Hart *h, const Op *op, u64 pc, u32 first)
{
    const u8 *vs2 = reg(h, (u32)op->imm >> 20 & 31);
    u64 count = 0, at = ~0ull;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    for (u64 i = 0; i < h->vl; i++) {
        if (!mask_bit(vs2, i) || (!vm(op) && !mask_bit(h->vreg, i)))
            continue;
        count++;
        if (at == ~0ull)
            at = i;
    }
    h->x[op->rd] = first ? at : count;
    return done(h);
}

/* vmsbf.m (1), vmsof.m (2), vmsif.m (3): bit 0 of `which`: elements before the first set one; bit 1: that one. */
int v_set_first(Hart *h, const Op *op, u64 pc, u32 which)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31, found = 0;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (vd == vs2 || (!vm(op) && vd == 0))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++) {
        if (!vm(op) && !mask_bit(h->vreg, i))
            continue;
        u32 here = mask_bit(reg(h, vs2), i);
        u8 value = (u8)(!found && (here ? which >> 1 : which & 1));
        u8 b = (u8)(1u << (i & 7)), *p = reg(h, vd) + (i >> 3);
        *p = (u8)(value ? *p | b : *p & ~b);
        found |= here;
    }
    return done(h);
}

/* ---- elements by number */

static inline u64 element(const u8 *group, u64 i, u32 size)
{
    u64 value = 0;
    memcpy(&value, group + (i << size), 1u << size);
    return value;
}

static inline void set_element(u8 *group, u64 i, u32 size, u64 value)
{
    memcpy(group + (i << size), &value, 1u << size);
}

static inline int inactive(const Hart *h, const Op *op, u64 i)
{
    return !vm(op) && !mask_bit(h->vreg, i);
}

int v_iota(Hart *h, const Op *op, u64 pc)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    u64 count = 0;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((!vm(op) && vd == 0) || !aligned(vd, vlmul(h)) || overlap(vd, registers(vlmul(h)), vs2, 1))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++) {
        if (inactive(h, op, i))
            continue;
        set_element(reg(h, vd), i, vsew(h), count);
        count += mask_bit(reg(h, vs2), i);
    }
    return done(h);
}

int v_id(Hart *h, const Op *op, u64 pc)
{
    u32 vd = (u32)op->imm >> 7 & 31;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((!vm(op) && vd == 0) || !aligned(vd, vlmul(h)))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++)
        if (!inactive(h, op, i))
            set_element(reg(h, vd), i, vsew(h), i);
    return done(h);
}

/* Whether vd and vs2 are groups of LMUL registers that a slide or gather may use. */
static int groups_legal(Hart *h, const Op *op, int apart)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    return aligned(vd, vlmul(h)) && aligned(vs2, vlmul(h)) && (vm(op) || vd != 0) && !(apart && vd == vs2);
}

static u64 amount(const Hart *h, u32 w, u32 form)
{
    return form == FORM_X ? h->x[w >> 15 & 31] : w >> 15 & 31;
}

int v_slide_up(Hart *h, const Op *op, u64 pc, u32 form)
{
    u32 w = (u32)op->imm, size = vsew(h);
    u64 by = amount(h, w, form);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 1))
        return illegal(h);
    for (u64 i = by; i < h->vl; i++)
        if (!inactive(h, op, i))
            set_element(reg(h, w >> 7 & 31), i, size, element(reg(h, w >> 20 & 31), i - by, size));
    return done(h);
}

int v_slide_down(Hart *h, const Op *op, u64 pc, u32 form)
{
    u32 w = (u32)op->imm, size = vsew(h);
    u64 by = amount(h, w, form), most = h->vlmax;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 0))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++) {
        if (inactive(h, op, i))
            continue;
        u64 value = by < most && i + by < most ? element(reg(h, w >> 20 & 31), i + by, size) : 0;
        set_element(reg(h, w >> 7 & 31), i, size, value);
    }
    return done(h);
}

/* Whether floats of this SEW are there: what moves, slides and merges of f registers need. */
static int has_float(const Hart *h)
{
    static const u128 needs[4] = {0, EXT_ZVFH, EXT_ZVE32F, EXT_ZVE64D};
    return vsew(h) < 4 && h->ext & needs[vsew(h)];
}

/* vslide1up (up) and vslide1down, of x registers (FORM_X) and of f registers. */
int v_slide_1(Hart *h, const Op *op, u64 pc, u32 form, u32 up)
{
    u32 w = (u32)op->imm, size = vsew(h);
    (void)pc;
    if (!begin(h, 1) || (form == FORM_F && !begin_float(h)))
        return 0;
    if (!groups_legal(h, op, (int)up) || (form == FORM_F && !has_float(h)))
        return illegal(h);
    u64 x = scalar_of(h, w >> 15 & 31, form, size, 0);
    for (u64 i = 0; i < h->vl; i++) {
        if (inactive(h, op, i))
            continue;
        u64 from = up ? i - 1 : i + 1;
        u64 value = i == (up ? 0 : h->vl - 1) ? x : element(reg(h, w >> 20 & 31), from, size);
        set_element(reg(h, w >> 7 & 31), i, size, value);
    }
    return done(h);
}

/* vrgather, and vrgatherei16 with `ei16`. */
int v_gather(Hart *h, const Op *op, u64 pc, u32 form, u32 ei16)
{
    u32 w = (u32)op->imm, size = vsew(h), vd = w >> 7 & 31, vs1 = w >> 15 & 31, index_size = ei16 ? 1 : size;
    u64 most = h->vlmax, x = amount(h, w, form);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    i32 lmul = vlmul(h), emul = lmul + (i32)index_size - (i32)size;
    if (!groups_legal(h, op, 1))
        return illegal(h);
    if (form == FORM_V && (emul < -3 || emul > 3 || !aligned(vs1, emul) || overlap(vd, registers(lmul), vs1, registers(emul))))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++) {
        if (inactive(h, op, i))
            continue;
        u64 from = form == FORM_V ? element(reg(h, vs1), i, index_size) : x;
        set_element(reg(h, vd), i, size, from < most ? element(reg(h, w >> 20 & 31), from, size) : 0);
    }
    return done(h);
}

int v_compress(Hart *h, const Op *op, u64 pc)
{
    u32 w = (u32)op->imm, size = vsew(h), vd = w >> 7 & 31, vs1 = w >> 15 & 31;
    u64 to = 0;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 1) || overlap(vd, registers(vlmul(h)), vs1, 1))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i++)
        if (mask_bit(reg(h, vs1), i))
            set_element(reg(h, vd), to++, size, element(reg(h, w >> 20 & 31), i, size));
    return done(h);
}

/* vmv.s.x (in), vmv.x.s: the groups need not be aligned, LMUL does not count. */
int v_move_scalar(Hart *h, const Op *op, u64 pc, u32 in)
{
    u32 w = (u32)op->imm, size = vsew(h), unused = 64 - (8u << size);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!in)
        h->x[op->rd] = (u64)((i64)(element(reg(h, w >> 20 & 31), 0, size) << unused) >> unused);
    else if (h->vl)
        set_element(reg(h, w >> 7 & 31), 0, size, h->x[w >> 15 & 31]);
    return done(h);
}

/* vfmv.s.f (in), vfmv.f.s */
int v_move_float(Hart *h, const Op *op, u64 pc, u32 in)
{
    u32 w = (u32)op->imm, size = vsew(h);
    (void)pc;
    if (!begin(h, 1) || !begin_float(h))
        return 0;
    if (!has_float(h))
        return illegal(h);
    if (in) {
        if (h->vl)
            set_element(reg(h, w >> 7 & 31), 0, size, scalar_of(h, w >> 15 & 31, FORM_F, size, 0));
        return done(h);
    }
    u64 value = element(reg(h, w >> 20 & 31), 0, size);
    h->f[op->rd] = size == 3 ? value : size == 2 ? fp_box((u32)value) : fp_box_h((u32)value);
    fp_mark_dirty(h);
    return done(h);
}

int v_move_whole(Hart *h, const Op *op, u64 pc, u32 n)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((vd | vs2) & (n - 1))
        return illegal(h);
    memmove(reg(h, vd), reg(h, vs2), n * h->vlenb);
    return done(h);
}

/* ---- loads and stores */

/* log2 of the width field's EEW in bytes */
/* One element between memory and a register; on a fault vstart says where. */
static int element_load(Hart *h, const Op *op, u64 pc, u64 va, u32 eew, u8 *to)
{
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    if (likely(e->rtag == TLB_KEY(h, va, 1u << eew))) {
        memcpy(to, (const void *)(uintptr_t)(va + e->addend), 1u << eew);
        return 1;
    }
    if (!slow_load(h, op, pc, va, 1u << eew, HOW_PLAIN))
        return 0;
    memcpy(to, &h->result, 1u << eew);
    return 1;
}

static int element_store(Hart *h, const Op *op, u64 pc, u64 va, u32 eew, const u8 *from)
{
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    u64 value = 0;
    if (likely(e->wtag == TLB_KEY(h, va, 1u << eew))) {
        memcpy((void *)(uintptr_t)(va + e->addend), from, 1u << eew);
        return 1;
    }
    memcpy(&value, from, 1u << eew);
    return slow_store(h, op, pc, va, 1u << eew, HOW_PLAIN, value);
}

static int faulted(Hart *h, u64 i)
{
    h->vstart = i;
    mark_dirty(h);
    return 0;
}

/* n bytes at va, elements of 1 << eew bytes from number `first` on: whole pages at once where the TLB knows them. */
static int run_of_elements(Hart *h, const Op *op, u64 pc, u64 va, u8 *regs, u64 first, u64 n, u32 eew, int store)
{
    for (u64 i = first; i < n;) {
        u64 at = va + (i << eew), room = (4096 - (at & 0xfff)) >> eew, count = n - i < room ? n - i : room;
        const TlbEntry *e = &h->tlb[TLB_INDEX(at)];
        if (count && likely((store ? e->wtag : e->rtag) == TLB_KEY(h, at, 1))) {
            void *host = (void *)(uintptr_t)(at + e->addend);
            u8 *p = regs + (i << eew);
            store ? v_copy(host, p, count << eew) : v_copy(p, host, count << eew);
            i += count;
            continue;
        }
        if (!(store ? element_store(h, op, pc, at, eew, regs + (i << eew))
                    : element_load(h, op, pc, at, eew, regs + (i << eew))))
            return faulted(h, i);
        i++;
    }
    return done(h);
}

/* Checks a unit-stride or strided access; its EMUL goes to *emul. */
static int access_legal(Hart *h, u32 w, i32 *emul, int store)
{
    u32 eew = v_width(w), nf = (w >> 29) + 1, vd = w >> 7 & 31;
    *emul = vlmul(h) + (i32)eew - (i32)vsew(h);
    return *emul >= -3 && *emul <= 3 && aligned(vd, *emul) && nf * registers(*emul) <= 8 &&
           vd + nf * registers(*emul) <= 32 && (eew < 3 || h->ext & EXT_ZVE64X) && (store || w >> 25 & 1 || vd != 0);
}

static int strided(Hart *h, const Op *op, u64 pc, u64 stride, int store, int first_only)
{
    u32 w = (u32)op->imm, eew = v_width(w), nf = (w >> 29) + 1, vd = w >> 7 & 31, unmasked = vm(op);
    u64 base = h->x[w >> 15 & 31];
    i32 emul;
    if (!begin(h, 0))
        return 0;
    if (!access_legal(h, w, &emul, store))
        return illegal(h);
    if (unmasked && nf == 1 && stride == 1ull << eew && !first_only)
        return run_of_elements(h, op, pc, base, reg(h, vd), h->vstart, h->vl, eew, store);
    for (u64 i = h->vstart; i < h->vl; i++) {
        if (!unmasked && !mask_bit(h->vreg, i))
            continue;
        for (u32 f = 0; f < nf; f++) {
            u8 *p = reg(h, vd + f * registers(emul)) + (i << eew);
            u64 va = base + i * stride + ((u64)f << eew);
            if (store ? element_store(h, op, pc, va, eew, p) : element_load(h, op, pc, va, eew, p))
                continue;
            if (!first_only || i == 0 || h->exc_cause == CAUSE_BREAKPOINT) /* a trigger's event would be lost */
                return faulted(h, i);
            h->vl = i; /* the fault of a later element only shortens the vector */
            return done(h);
        }
    }
    return done(h);
}

/* The bytes of one element of each field. */
static u64 unit(const Op *op, u32 eew)
{
    return (u64)(((u32)op->imm >> 29) + 1) << eew;
}

int v_load_unit(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 0, 0); }
int v_store_unit(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 1, 0); }
int v_load_first(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 0, 1); }

/* x0 is a stride of 0 like any other. */
int v_load_strided(Hart *h, const Op *op, u64 pc) { return strided(h, op, pc, h->x[(u32)op->imm >> 20 & 31], 0, 0); }
int v_store_strided(Hart *h, const Op *op, u64 pc) { return strided(h, op, pc, h->x[(u32)op->imm >> 20 & 31], 1, 0); }

static int indexed(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm, width = v_width(w), nf = (w >> 29) + 1, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    u64 base = h->x[w >> 15 & 31];
    if (!begin(h, 0))
        return 0;
    i32 lmul = vlmul(h), emul = lmul + (i32)width - (i32)vsew(h);
    u32 sew = vsew(h), n = registers(lmul);
    if (emul < -3 || emul > 3 || (width == 3 && !(h->ext & EXT_ZVE64X)) || !aligned(vd, lmul) || !aligned(vs2, emul) ||
        nf * n > 8 || vd + nf * n > 32)
        return illegal(h);
    for (u32 f = 0; !store && f < nf; f++) {
        u32 to = vd + f * n;
        int clash = width > sew ? narrowing_clash(to, lmul, vs2, emul) : width < sew && widening_clash(to, lmul, vs2, emul);
        if (clash || (nf > 1 && overlap(to, n, vs2, registers(emul))))
            return illegal(h);
    }
    if (!store && !vm(op) && vd == 0)
        return illegal(h);
    for (u64 i = h->vstart; i < h->vl; i++) {
        u64 index = 0;
        if (!vm(op) && !mask_bit(h->vreg, i))
            continue;
        memcpy(&index, reg(h, vs2) + (i << width), 1u << width);
        for (u32 f = 0; f < nf; f++) {
            u8 *p = reg(h, vd + f * n) + (i << sew);
            u64 va = base + index + ((u64)f << sew);
            if (!(store ? element_store(h, op, pc, va, sew, p) : element_load(h, op, pc, va, sew, p)))
                return faulted(h, i);
        }
    }
    return done(h);
}

int v_load_indexed(Hart *h, const Op *op, u64 pc) { return indexed(h, op, pc, 0); }
int v_store_indexed(Hart *h, const Op *op, u64 pc) { return indexed(h, op, pc, 1); }

static int whole(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm, eew = v_width(w), n = (w >> 29) + 1, vd = w >> 7 & 31;
    if (!allowed(h))
        return 0;
    if (vd & (n - 1) || (eew == 3 && !(h->ext & EXT_ZVE64X)))
        return illegal(h);
    return run_of_elements(h, op, pc, h->x[w >> 15 & 31], reg(h, vd), h->vstart, n * h->vlenb >> eew, eew, store);
}

int v_load_whole(Hart *h, const Op *op, u64 pc) { return whole(h, op, pc, 0); }
int v_store_whole(Hart *h, const Op *op, u64 pc) { return whole(h, op, pc, 1); }

static int mask_access(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm;
    if (!begin(h, 0))
        return 0;
    return run_of_elements(h, op, pc, h->x[w >> 15 & 31], reg(h, w >> 7 & 31), h->vstart, (h->vl + 7) / 8, 0, store);
}

int v_load_mask(Hart *h, const Op *op, u64 pc) { return mask_access(h, op, pc, 0); }
int v_store_mask(Hart *h, const Op *op, u64 pc) { return mask_access(h, op, pc, 1); }
