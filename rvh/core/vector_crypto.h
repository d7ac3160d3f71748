/* Instructions on element groups (Unprivileged ISA, "Vector Element Groups", "Vector Cryptography Extensions"): which
 * may be executed; what they do is generated (vector_groups.h). Included by vector.c. */

typedef void VGroupLoop(Hart *h, void *vd, const void *vs2, const void *vs1, u64 uimm, u64 step, u64 n);
typedef struct {
    u8 size, apart_vs2, apart_vs1; /* elements in a group; whether vd must not overlap these */
    u128 needs[2];                 /* without these extensions the SEW is reserved; SEW=32, SEW=64 */
    VGroupLoop *loop[2];
} VGroup;

#include "vector_groups.h"

/* vl must be a multiple of the group's size, and vstart, of which arithmetic accepts 0 alone. */
int v_group(Hart *h, const Op *op, u64 pc, u32 operation, u32 form)
{
    const VGroup *o = &groups[operation];
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs1 = w >> 15 & 31, vs2 = w >> 20 & 31;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    u32 sew = vsew(h), n = registers(vlmul(h)), n2 = n;
    if (sew < 2 || !o->loop[sew - 2] || o->needs[sew - 2] & ~h->ext || h->vlmax < o->size || h->vl % o->size)
        return illegal(h);
    if (form == GROUP_VS) /* one group, in as many registers as it needs */
        n2 = h->vlenb < (u64)o->size << sew ? (u32)(((u64)o->size << sew) / h->vlenb) : 1;
    if (vd & (n - 1) || vs2 & (n2 - 1) || (form == GROUP_VV && vs1 & (n - 1)))
        return illegal(h);
    if (((o->apart_vs2 || form == GROUP_VS) && overlap(vd, n, vs2, n2)) || (o->apart_vs1 && overlap(vd, n, vs1, n)))
        return illegal(h);
    o->loop[sew - 2](h, reg(h, vd), reg(h, vs2), reg(h, vs1), vs1, form == GROUP_VS ? 0 : o->size, h->vl / o->size);
    return done(h);
}
