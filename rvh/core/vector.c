/* Vector instructions: vtype and vl, arithmetic and reductions: which of them may be executed; the loops over elements are
 * generated (vector_loops.h).
 *
 * Tail and masked-off elements stay undisturbed, which agnostic policies allow too. Arithmetic with vstart != 0 is
 * illegal, as the manual permits where an implementation never leaves such a vstart itself; loads and stores resume.
 */
#include "vector_state.h"
#include "decode.h"

#pragma GCC optimize("O3")

typedef struct {
    u128 needs[4]; /* by vsew: the extension without which it is reserved, or 0 */
    u8 shape, uses_m, floating, integers, bf16;
} VOperation;

#include "vector_properties.h"

/* The loops for this host. */
static VLoop *const (*host_loops)[4] = v_loops_plain;

__attribute__((constructor)) static void choose_loops(void)
{
#if FP_HOST && !defined(RVH_NO_FMA)
    if (__builtin_cpu_supports("avx2") && fp_has_fma())
        host_loops = v_loops_wide;
#endif
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
    return host_loops[operation][sew];
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

/* The third operand of arithmetic that is not a register group, for every element. */
static const void *scalars(const Hart *h, const Op *op, const VOperation *o, u32 form, u8 *buffer)
{
    u32 w = (u32)op->imm, vs1 = w >> 15 & 31, sew = vsew(h);
    spread(buffer, form == FORM_U6 ? vs1 | (w >> 26 & 1) << 5 : scalar_of(h, vs1, form, sew, o->bf16), h->vl, sew);
    return buffer;
}

/* Arithmetic whose result does not go to its place element by element: it is masked, or makes a mask. */
static __attribute__((noinline)) void arith_by_buffer(Hart *h, const Op *op, const VOperation *o, VLoop *loop,
                                                      const void *first, const void *second, u8 *to, u32 has_second)
{
    u8 out[2 * VREG_MAX] __attribute__((aligned(64))), active[VREG_MAX];
    u8 buffer[3][2 * VREG_MAX] __attribute__((aligned(64)));
    u32 sew = vsew(h), size = sew + (u32)(o->shape == SHAPE_WIDEN || o->shape == SHAPE_WIDEN_W);
    int masked = !vm(op) && !o->uses_m;
    u64 n = h->vl;
    const void *third = to;
    if (!vm(op))
        expand_mask(active, h->vreg, n);
    else if (o->uses_m)
        memset(active, 0, n);
    if (masked && o->floating) {
        u32 wide = o->shape == SHAPE_WIDEN_W || o->shape == SHAPE_NARROW;
        first = harmless(buffer[0], first, active, n, sew + wide, o->integers);
        second = has_second ? harmless(buffer[1], second, active, n, sew, 0) : second;
        if (o->shape != SHAPE_COMPARE) /* there vd is one register, and no operand */
            third = harmless(buffer[2], to, active, n, size, 0);
    }
    if (o->shape != SHAPE_COMPARE && !masked) {
        loop(h, to, third, first, second, active, n);
        return;
    }
    loop(h, out, third, first, second, active, n);
    if (o->shape == SHAPE_COMPARE)
        pack_mask(to, out, masked ? active : 0, n);
    else
        take_active(to, out, active, n, size);
}

int v_arith(Hart *h, const Op *op, u64 pc, u32 operation, u32 form)
{
    const VOperation *o = &operations[operation];
    u32 w = (u32)op->imm;
    u8 scalar[VREG_MAX] __attribute__((aligned(16)));
    (void)pc;
    if (!begin(h, 1) || (o->floating && !begin_float(h)))
        return 0;
    VLoop *loop = loop_of(h, operation, vsew(h));
    if (!loop || !operands_legal(h, o, op, form))
        return illegal(h);
    u8 *to = reg(h, w >> 7 & 31);
    const void *first = reg(h, w >> 20 & 31), *second = reg(h, w >> 15 & 31);
    if (form != FORM_V && form != FORM_NONE)
        second = scalars(h, op, o, form, scalar);
    if (!vm(op) || o->uses_m || o->shape == SHAPE_COMPARE)
        arith_by_buffer(h, op, o, loop, first, second, to, form != FORM_NONE);
    else
        loop(h, to, to, first, second, 0, h->vl);
    return done(h);
}

/* The usual case of v_arith: all elements, of one width; 0: it is another, nothing has been done. */
int v_arith_plain(Hart *h, const Op *op, u64 pc, u32 operation, u32 form)
{
    const VOperation *o = &operations[operation];
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31, vs1 = w >> 15 & 31, sew = h->vshape & 0xff;
    (void)pc;
    if (!vm(op) || h->vstart || sew > 3 || (vd | vs2 | (form == FORM_V ? vs1 : 0)) & h->vshape >> 8 || !v_dirty(h))
        return 0;
    if (o->floating && (h->frm > RM_RMM || ~h->mstatus & MSTATUS_FS || (h->v && ~h->vsstatus & MSTATUS_FS)))
        return 0;
    VLoop *loop = loop_of(h, operation, sew);
    if (!loop)
        return 0;
    u8 *to = reg(h, vd);
    if (form == FORM_V || form == FORM_NONE) {
        loop(h, to, to, reg(h, vs2), reg(h, vs1), 0, h->vl);
    } else {
        u8 scalar[VREG_MAX] __attribute__((aligned(16)));
        loop(h, to, to, reg(h, vs2), scalars(h, op, o, form, scalar), 0, h->vl);
    }
    return 1;
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
