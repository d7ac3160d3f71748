/* What the generated loops of vector instructions share: their type, and what their elements are computed with. */
#ifndef RVH_VECTOR_LOOP_H
#define RVH_VECTOR_LOOP_H

#include "runtime.h"
#include "helpers.h"
#include "vector.h"
#include "vector_fp.h"

/* n elements from vs2, vs1 and what the destination holds (vd) to out; v0 are mask bits as bytes, or NULL. */
typedef void VLoop(Hart *h, void *out, const void *vd, const void *vs2, const void *vs1, const u8 *v0, u64 n);

/* By operation and vsew: for any host, for one with AVX2 and FMA, and floating point in integer arithmetic. */
extern VLoop *const v_loops_plain[V_OPERATIONS][4], *const v_loops_wide[V_OPERATIONS][4];
extern VLoop *const v_loops_soft[V_OPERATIONS][4];

/* What rounding adds to value >> shift ("Vector Fixed-Point Rounding Mode Register"). */
static inline u64 v_rounding(Hart *h, u64 value, u64 shift, u64 vxrm)
{
    (void)h;
    u64 half = shift ? value >> (shift - 1) & 1 : 0, odd = value >> shift & 1;
    u64 below = shift > 1 ? (value & ((1ull << (shift - 1)) - 1)) != 0 : 0;
    return vxrm == 0 ? half : vxrm == 1 ? half & (below | odd) : vxrm == 2 ? 0 : (odd ^ 1) & (half | below);
}
#endif
