/* core/fp.h as a shared library, for test_fp.py: one function per operation that runs it on a list of operands. */
#include "fp.h"

static u32 marked;

void fp_mark_dirty(Hart *h)
{
    (void)h;
    marked++;
}

#define EXPORT __attribute__((visibility("default")))
#define APPLY_1(name, ...) name(&hart, in[0] __VA_ARGS__)
#define APPLY_2(name, ...) name(&hart, in[0], in[1] __VA_ARGS__)
#define APPLY_3(name, ...) name(&hart, in[0], in[1], in[2] __VA_ARGS__)

static Hart hart;

/* Runs `count` operations on operands in[3], giving out[2]: result and flags. */
#define RUN(symbol, call)                                                     \
    EXPORT void symbol(u32 frm, u32 rm, u32 count, const u64 *in, u64 *out)   \
    {                                                                         \
        (void)rm;                                                             \
        for (; count--; in += 3, out += 2) {                                  \
            u32 saved;                                                        \
            hart.fflags = 0;                                                  \
            hart.frm = (u8)frm;                                               \
            fp_enter(&hart, &saved);                                          \
            out[0] = call;                                                    \
            fp_leave(&hart, &saved);                                          \
            out[1] = hart.fflags;                                             \
        }                                                                     \
    }
#define PLAIN(name, n) RUN(run_##name, APPLY_##n(fp_##name, ))
#define ROUNDED(name, n) PLAIN(name, n) RUN(run_##name##_rm, APPLY_##n(fp_##name##_rm, , rm))

#define BOTH(X, name, n) X(name##_s, n) X(name##_d, n) X(name##_h, n)
BOTH(ROUNDED, fadd, 2)
BOTH(ROUNDED, fsub, 2)
BOTH(ROUNDED, fmul, 2)
BOTH(ROUNDED, fdiv, 2)
BOTH(ROUNDED, fsqrt, 1)
BOTH(ROUNDED, fmadd, 3)
BOTH(ROUNDED, fmsub, 3)
BOTH(ROUNDED, fnmsub, 3)
BOTH(ROUNDED, fnmadd, 3)
BOTH(ROUNDED, fcvt_w, 1)
BOTH(ROUNDED, fcvt_wu, 1)
BOTH(ROUNDED, fcvt_l, 1)
BOTH(ROUNDED, fcvt_lu, 1)
ROUNDED(fcvt_s_w, 1)
ROUNDED(fcvt_s_wu, 1)
ROUNDED(fcvt_s_l, 1)
ROUNDED(fcvt_s_lu, 1)
ROUNDED(fcvt_d_w, 1)
ROUNDED(fcvt_d_wu, 1)
ROUNDED(fcvt_d_l, 1)
ROUNDED(fcvt_d_lu, 1)
ROUNDED(fcvt_s_d, 1)
ROUNDED(fcvt_d_s, 1)
ROUNDED(fcvt_h_w, 1)
ROUNDED(fcvt_h_wu, 1)
ROUNDED(fcvt_h_l, 1)
ROUNDED(fcvt_h_lu, 1)
ROUNDED(fcvt_s_h, 1)
ROUNDED(fcvt_d_h, 1)
ROUNDED(fcvt_h_s, 1)
ROUNDED(fcvt_h_d, 1)
ROUNDED(fcvt_s_bf16, 1)
ROUNDED(fcvt_bf16_s, 1)
BOTH(ROUNDED, fround, 1)
BOTH(ROUNDED, froundnx, 1)
BOTH(PLAIN, fminm, 2)
BOTH(PLAIN, fmaxm, 2)
BOTH(PLAIN, fleq, 2)
BOTH(PLAIN, fltq, 2)
PLAIN(fcvtmod_w_d, 1)
BOTH(PLAIN, feq, 2)
BOTH(PLAIN, flt, 2)
BOTH(PLAIN, fle, 2)
BOTH(PLAIN, fmin, 2)
BOTH(PLAIN, fmax, 2)
BOTH(PLAIN, fsgnj, 2)
BOTH(PLAIN, fsgnjn, 2)
BOTH(PLAIN, fsgnjx, 2)
BOTH(PLAIN, fclass, 1)

/* Two operations under two rounding modes in one stay on the FPU. out: both quotients a/b, fflags as collected between
 * them and at the end, how often FS was marked dirty, and 1 if fp_leave() put MXCSR back as fp_enter() had found it. */
EXPORT void collecting(u32 frm, u32 then, u64 a, u64 b, u64 *out)
{
    u32 saved;
#if FP_HOST
    u32 before = fp_mxcsr();
#endif
    marked = 0;
    hart.fflags = 0;
    hart.frm = (u8)frm;
    fp_enter(&hart, &saved);
    out[0] = fp_fdiv_d(&hart, a, b);
    fp_collect(&hart);
    out[2] = hart.fflags;
    hart.fflags = 0;
    fp_collect(&hart);
    out[5] = hart.fflags;
    hart.frm = (u8)then;
    fp_set_rounding(&hart);
    out[1] = fp_fdiv_d(&hart, a, b);
    fp_leave(&hart, &saved);
    out[3] = hart.fflags;
    out[4] = marked;
#if FP_HOST
    out[6] = fp_mxcsr() == before;
#else
    out[6] = 1;
#endif
}
