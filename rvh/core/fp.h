/* The F and D operations over raw register values: f registers as u64 (singles NaN-boxed), x registers as
 * u64.
 *
 * On x86-64 they run on the host's SSE unit. While a hart runs, between fp_enter() and fp_leave(), MXCSR
 * holds its rounding mode and collects its exception flags; fp_collect() folds these into h->fflags
 * whenever somebody looks. Each host instruction is a volatile asm, so that no compiler folds, moves,
 * duplicates or drops one whatever its idea of the floating-point environment. What SSE cannot do, or does
 * differently, and every operation on other hosts (aarch64 detects tininess before rounding, RISC-V
 * after), goes to the integer arithmetic of fp_soft.h.
 *
 * fp_MNEMONIC(h, operands) rounds as frm says, which must be 0..3; fp_MNEMONIC_rm(h, operands, rm) rounds
 * as rm says, which must be 0..4. Whether an encoded or dynamic mode is reserved is the caller's to find
 * out.
 */
#ifndef RVH_FP_H
#define RVH_FP_H

#include "runtime.h"
#include "fp_soft.h"

#if defined(__x86_64__) && !defined(RVH_SOFT_FPU)
#define FP_HOST 1
#else
#define FP_HOST 0
#endif

#define FP_INLINE static inline __attribute__((always_inline))
#define FP_COLD static __attribute__((noinline, cold, unused))

#define FP_BOX 0xffffffff00000000ull
#define FP_NAN_S 0x7fc00000u
#define FP_NAN_D 0x7ff8000000000000ull
#define FP_SIGN_S 0x80000000u
#define FP_SIGN_D 0x8000000000000000ull

/* Sets FS dirty (in both registers at V=1); defined with the CSRs. */
void fp_mark_dirty(Hart *h);

FP_INLINE u64 fp_box(u32 single)
{
    return FP_BOX | single;
}

/* A register that holds no NaN-boxed single reads as the canonical NaN (D extension, "NaN Boxing of
 * Narrower Values"). */
FP_INLINE u32 fp_unbox(u64 reg)
{
    u32 single = (u32)reg;
    if (unlikely(reg < FP_BOX)) {
        single = FP_NAN_S;
        __asm__ volatile("" : "+r"(single)); /* a branch, not a conditional move */
    }
    return single;
}

FP_INLINE double fp_double(u64 bits)
{
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

FP_INLINE u64 fp_bits_d(double d)
{
    u64 bits;
    memcpy(&bits, &d, 8);
    return bits;
}

FP_INLINE float fp_single(u32 bits)
{
    float s;
    memcpy(&s, &bits, 4);
    return s;
}

FP_INLINE u32 fp_bits_s(float s)
{
    u32 bits;
    memcpy(&bits, &s, 4);
    return bits;
}

FP_INLINE int fp_is_nan_d(u64 a)
{
    return (a << 1) > 0xffe0000000000000ull;
}

FP_INLINE int fp_is_nan_s(u32 a)
{
    return (a << 1) > 0xff000000u;
}

FP_INLINE int fp_is_snan_d(u64 a)
{
    return fp_is_nan_d(a) && !(a >> 51 & 1);
}

FP_INLINE int fp_is_snan_s(u32 a)
{
    return fp_is_nan_s(a) && !(a >> 22 & 1);
}

/* ---- flags and rounding mode */

#if FP_HOST

/* MXCSR: flags IE DE ZE OE UE PE in bits 0..5, their masks in 7..12, RC in 13..14; DAZ and FTZ stay off. */
#define FP_MXCSR_FLAGS 0x3fu
#define FP_MXCSR_BASE 0x1f80u
#define FP_MXCSR_IE 1u

FP_INLINE u32 fp_mxcsr(void)
{
    u32 value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

FP_INLINE void fp_set_mxcsr(u32 value)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(value));
}

/* MXCSR for this hart with no flags. RC counts nearest, down, up, zero. RMM and reserved modes never reach
 * the host. */
FP_INLINE u32 fp_mxcsr_for(const Hart *h)
{
    return FP_MXCSR_BASE | ((0x9cu >> (h->frm < 4 ? 2 * h->frm : 8)) & 3) << 13;
}

#endif

/* Whether the host has fused multiply-add. */
FP_INLINE int fp_has_fma(void)
{
#if !FP_HOST
    return 1;
#elif defined(RVH_NO_FMA)
    return 0;
#else
    return __builtin_cpu_supports("fma");
#endif
}

/* Raises exceptions found by software. On the host's own flags nothing needs to be called, so handlers
 * need no frame. */
FP_INLINE void fp_raise(Hart *h, u32 flags)
{
    if (!flags)
        return;
#if FP_HOST
    (void)h;
    u32 mxcsr = (flags >> 4 & 1) | (flags >> 1 & 4) | (flags << 1 & 8) | (flags << 3 & 16) | (flags << 5 & 32);
    fp_set_mxcsr(fp_mxcsr() | mxcsr);
#else
    h->fflags |= (u8)flags;
    fp_mark_dirty(h);
#endif
}

/* Folds the exceptions raised since the last call into h->fflags. Call it before fflags, FS or V is read
 * or written. */
FP_INLINE void fp_collect(Hart *h)
{
#if FP_HOST
    if (!h->fp_live)
        return;
    u32 mxcsr = fp_mxcsr(), f = mxcsr & (FP_MXCSR_FLAGS & ~2u);
    if (!f)
        return;
    fp_set_mxcsr(mxcsr & ~FP_MXCSR_FLAGS);
    h->fflags |= (u8)((f & 1) << 4 | (f & 4) << 1 | (f & 8) >> 1 | (f & 16) >> 3 | (f & 32) >> 5);
    fp_mark_dirty(h);
#else
    (void)h;
#endif
}

/* To be called after h->frm has changed. */
FP_INLINE void fp_set_rounding(Hart *h)
{
#if FP_HOST
    if (h->fp_live)
        fp_set_mxcsr((fp_mxcsr() & FP_MXCSR_FLAGS) | fp_mxcsr_for(h));
#else
    (void)h;
#endif
}

/* Hands the host's FPU to the hart; what it held before goes to *saved. Host code that computes in
 * floating point must not run before fp_leave(). */
FP_INLINE void fp_enter(Hart *h, u32 *saved)
{
#if FP_HOST
    *saved = fp_mxcsr();
    fp_set_mxcsr(fp_mxcsr_for(h));
#else
    *saved = 0;
#endif
    h->fp_live = 1;
}

FP_INLINE void fp_leave(Hart *h, const u32 *saved)
{
    fp_collect(h);
#if FP_HOST
    fp_set_mxcsr(*saved);
#else
    (void)saved;
#endif
    h->fp_live = 0;
}

/* ---- operations in integer arithmetic: fp_soft_MNEMONIC(h, operands, rm) */

#define FP_PARAMETERS_1 u64 a
#define FP_PARAMETERS_2 u64 a, u64 b
#define FP_PARAMETERS_3 u64 a, u64 b, u64 c
#define FP_OPERANDS_1 a
#define FP_OPERANDS_2 a, b
#define FP_OPERANDS_3 a, b, c

#define FP_SOFT(name, n, expression)                                                     \
    FP_COLD u64 fp_soft_##name(Hart *h, FP_PARAMETERS_##n, u32 rm)                       \
    {                                                                                    \
        u32 flags = 0;                                                                   \
        u64 r = expression;                                                              \
        fp_raise(h, flags);                                                              \
        return r;                                                                        \
    }
#define FP_S(x, sign) (fp_unbox(x) ^ (sign))

FP_SOFT(fadd_s, 2, fp_box(soft_add_s(FP_S(a, 0), FP_S(b, 0), rm, &flags)))
FP_SOFT(fsub_s, 2, fp_box(soft_add_s(FP_S(a, 0), FP_S(b, FP_SIGN_S), rm, &flags)))
FP_SOFT(fmul_s, 2, fp_box(soft_mul_s(FP_S(a, 0), FP_S(b, 0), rm, &flags)))
FP_SOFT(fdiv_s, 2, fp_box(soft_div_s(FP_S(a, 0), FP_S(b, 0), rm, &flags)))
FP_SOFT(fsqrt_s, 1, fp_box(soft_sqrt_s(FP_S(a, 0), rm, &flags)))
FP_SOFT(fmadd_s, 3, fp_box(soft_fma_s(FP_S(a, 0), FP_S(b, 0), FP_S(c, 0), rm, &flags)))
FP_SOFT(fmsub_s, 3, fp_box(soft_fma_s(FP_S(a, 0), FP_S(b, 0), FP_S(c, FP_SIGN_S), rm, &flags)))
FP_SOFT(fnmsub_s, 3, fp_box(soft_fma_s(FP_S(a, FP_SIGN_S), FP_S(b, 0), FP_S(c, 0), rm, &flags)))
FP_SOFT(fnmadd_s, 3, fp_box(soft_fma_s(FP_S(a, FP_SIGN_S), FP_S(b, 0), FP_S(c, FP_SIGN_S), rm, &flags)))

FP_SOFT(fadd_d, 2, soft_add_d(a, b, rm, &flags))
FP_SOFT(fsub_d, 2, soft_add_d(a, b ^ FP_SIGN_D, rm, &flags))
FP_SOFT(fmul_d, 2, soft_mul_d(a, b, rm, &flags))
FP_SOFT(fdiv_d, 2, soft_div_d(a, b, rm, &flags))
FP_SOFT(fsqrt_d, 1, soft_sqrt_d(a, rm, &flags))
FP_SOFT(fmadd_d, 3, soft_fma_d(a, b, c, rm, &flags))
FP_SOFT(fmsub_d, 3, soft_fma_d(a, b, c ^ FP_SIGN_D, rm, &flags))
FP_SOFT(fnmsub_d, 3, soft_fma_d(a ^ FP_SIGN_D, b, c, rm, &flags))
FP_SOFT(fnmadd_d, 3, soft_fma_d(a ^ FP_SIGN_D, b, c ^ FP_SIGN_D, rm, &flags))

FP_SOFT(fcvt_s_d, 1, fp_box(soft_d_to_s(a, rm, &flags)))
FP_SOFT(fcvt_d_s, 1, soft_s_to_d(FP_S(a, 0), rm, &flags))

FP_SOFT(fcvt_w_s, 1, soft_s_to_int(FP_S(a, 0), rm, SOFT_W, &flags))
FP_SOFT(fcvt_wu_s, 1, soft_s_to_int(FP_S(a, 0), rm, SOFT_WU, &flags))
FP_SOFT(fcvt_l_s, 1, soft_s_to_int(FP_S(a, 0), rm, SOFT_L, &flags))
FP_SOFT(fcvt_lu_s, 1, soft_s_to_int(FP_S(a, 0), rm, SOFT_LU, &flags))
FP_SOFT(fcvt_w_d, 1, soft_d_to_int(a, rm, SOFT_W, &flags))
FP_SOFT(fcvt_wu_d, 1, soft_d_to_int(a, rm, SOFT_WU, &flags))
FP_SOFT(fcvt_l_d, 1, soft_d_to_int(a, rm, SOFT_L, &flags))
FP_SOFT(fcvt_lu_d, 1, soft_d_to_int(a, rm, SOFT_LU, &flags))

#define FP_MAGNITUDE(v) ((v) < 0 ? -(u64)(v) : (u64)(v))
FP_SOFT(fcvt_s_w, 1, fp_box(soft_int_to_s((i32)a < 0, FP_MAGNITUDE((i64)(i32)a), rm, &flags)))
FP_SOFT(fcvt_s_wu, 1, fp_box(soft_int_to_s(0, (u32)a, rm, &flags)))
FP_SOFT(fcvt_s_l, 1, fp_box(soft_int_to_s((i64)a < 0, FP_MAGNITUDE((i64)a), rm, &flags)))
FP_SOFT(fcvt_s_lu, 1, fp_box(soft_int_to_s(0, a, rm, &flags)))
FP_SOFT(fcvt_d_w, 1, soft_int_to_d((i32)a < 0, FP_MAGNITUDE((i64)(i32)a), rm, &flags))
FP_SOFT(fcvt_d_wu, 1, soft_int_to_d(0, (u32)a, rm, &flags))
FP_SOFT(fcvt_d_l, 1, soft_int_to_d((i64)a < 0, FP_MAGNITUDE((i64)a), rm, &flags))
FP_SOFT(fcvt_d_lu, 1, soft_int_to_d(0, a, rm, &flags))

/* ---- operations rounded by frm, and by rm */

#if FP_HOST
#include "fp_sse.h"
#endif

/* A rounding mode that the host is set to is left to the host. */
#if FP_HOST
#define FP_ROUNDED_IF(available, name, n)                                                \
    FP_COLD u64 fp_##name##_rm(Hart *h, FP_PARAMETERS_##n, u32 rm)                       \
    {                                                                                    \
        if (rm == h->frm && rm <= RM_RUP && (available))                                 \
            return fp_##name(h, FP_OPERANDS_##n);                                        \
        return fp_soft_##name(h, FP_OPERANDS_##n, rm);                                   \
    }
#else
#define FP_ROUNDED_IF(available, name, n)                                                \
    FP_COLD u64 fp_##name##_rm(Hart *h, FP_PARAMETERS_##n, u32 rm)                       \
    {                                                                                    \
        return fp_soft_##name(h, FP_OPERANDS_##n, rm);                                   \
    }                                                                                    \
    FP_INLINE u64 fp_##name(Hart *h, FP_PARAMETERS_##n)                                  \
    {                                                                                    \
        return fp_soft_##name(h, FP_OPERANDS_##n, h->frm);                               \
    }
#endif
#define FP_ROUNDED(name, n) FP_ROUNDED_IF(1, name, n)

/* Conversion to an integer towards zero, as compiled code has it, is fast under any frm. */
#if FP_HOST
#define FP_TO_INT(name)                                                                  \
    FP_ASIDE(name, fp_soft_##name(h, a, (u32)b))                                         \
    FP_INLINE u64 fp_##name##_rm(Hart *h, u64 a, u32 rm)                                 \
    {                                                                                    \
        u64 r;                                                                           \
        if (likely(rm == RM_RTZ))                                                        \
            return fp_##name##_rtz(h, a);                                                \
        FP_CALL_ASIDE(name, r, a, rm, 0);                                                \
        return r;                                                                        \
    }
#else
#define FP_TO_INT(name) FP_ROUNDED(name, 1)
#endif

FP_ROUNDED(fadd_s, 2)
FP_ROUNDED(fsub_s, 2)
FP_ROUNDED(fmul_s, 2)
FP_ROUNDED(fdiv_s, 2)
FP_ROUNDED(fsqrt_s, 1)
FP_ROUNDED_IF(fp_has_fma(), fmadd_s, 3)
FP_ROUNDED_IF(fp_has_fma(), fmsub_s, 3)
FP_ROUNDED_IF(fp_has_fma(), fnmsub_s, 3)
FP_ROUNDED_IF(fp_has_fma(), fnmadd_s, 3)
FP_ROUNDED(fadd_d, 2)
FP_ROUNDED(fsub_d, 2)
FP_ROUNDED(fmul_d, 2)
FP_ROUNDED(fdiv_d, 2)
FP_ROUNDED(fsqrt_d, 1)
FP_ROUNDED_IF(fp_has_fma(), fmadd_d, 3)
FP_ROUNDED_IF(fp_has_fma(), fmsub_d, 3)
FP_ROUNDED_IF(fp_has_fma(), fnmsub_d, 3)
FP_ROUNDED_IF(fp_has_fma(), fnmadd_d, 3)
FP_ROUNDED(fcvt_s_d, 1)
FP_ROUNDED(fcvt_s_w, 1)
FP_ROUNDED(fcvt_s_wu, 1)
FP_ROUNDED(fcvt_s_l, 1)
FP_ROUNDED(fcvt_s_lu, 1)
FP_ROUNDED(fcvt_d_l, 1)
FP_ROUNDED(fcvt_d_lu, 1)
FP_TO_INT(fcvt_w_s)
FP_TO_INT(fcvt_wu_s)
FP_TO_INT(fcvt_l_s)
FP_TO_INT(fcvt_lu_s)
FP_TO_INT(fcvt_w_d)
FP_TO_INT(fcvt_wu_d)
FP_TO_INT(fcvt_l_d)
FP_TO_INT(fcvt_lu_d)

/* Exact whatever the rounding mode, but their rm must be a valid one all the same (F extension, "widening
 * conversions ... implementations must treat the rm field as usual"). */
#if !FP_HOST
FP_INLINE u64 fp_fcvt_d_s(Hart *h, u64 a) { return fp_soft_fcvt_d_s(h, a, RM_RNE); }
FP_INLINE u64 fp_fcvt_d_w(Hart *h, u64 a) { return fp_soft_fcvt_d_w(h, a, RM_RNE); }
FP_INLINE u64 fp_fcvt_d_wu(Hart *h, u64 a) { return fp_soft_fcvt_d_wu(h, a, RM_RNE); }
#endif
FP_INLINE u64 fp_fcvt_d_s_rm(Hart *h, u64 a, u32 rm) { return (void)rm, fp_fcvt_d_s(h, a); }
FP_INLINE u64 fp_fcvt_d_w_rm(Hart *h, u64 a, u32 rm) { return (void)rm, fp_fcvt_d_w(h, a); }
FP_INLINE u64 fp_fcvt_d_wu_rm(Hart *h, u64 a, u32 rm) { return (void)rm, fp_fcvt_d_wu(h, a); }

/* ---- comparisons: FEQ is quiet, FLT and FLE signal any NaN */

/* Maps bits to integers in the order of the values; -0 is just below +0. */
FP_INLINE i64 fp_order_d(u64 a)
{
    return (i64)(a ^ ((u64)((i64)a >> 63) >> 1));
}

FP_INLINE i32 fp_order_s(u32 a)
{
    return (i32)(a ^ ((u32)((i32)a >> 31) >> 1));
}

#if !FP_HOST
FP_COLD u64 fp_compare_nan(Hart *h, int invalid)
{
    fp_raise(h, invalid ? FP_NV : 0);
    return 0;
}

#define FP_COMPARE(s, T, UNBOX)                                                          \
    FP_INLINE u64 fp_feq_##s(Hart *h, u64 ra, u64 rb)                                    \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (unlikely(fp_is_nan_##s(a) || fp_is_nan_##s(b)))                              \
            return fp_compare_nan(h, fp_is_snan_##s(a) || fp_is_snan_##s(b));            \
        return a == b || (T)((a | b) << 1) == 0;                                         \
    }                                                                                    \
    FP_INLINE u64 fp_fle_##s(Hart *h, u64 ra, u64 rb)                                    \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (unlikely(fp_is_nan_##s(a) || fp_is_nan_##s(b)))                              \
            return fp_compare_nan(h, 1);                                                 \
        return fp_order_##s(a) <= fp_order_##s(b) || (T)((a | b) << 1) == 0;             \
    }                                                                                    \
    FP_INLINE u64 fp_flt_##s(Hart *h, u64 ra, u64 rb)                                    \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (unlikely(fp_is_nan_##s(a) || fp_is_nan_##s(b)))                              \
            return fp_compare_nan(h, 1);                                                 \
        return fp_order_##s(a) < fp_order_##s(b) && (T)((a | b) << 1) != 0;              \
    }
FP_COMPARE(s, u32, fp_unbox)
FP_COMPARE(d, u64, )
#endif

/* ---- operations on the bits: no rounding */

/* minimumNumber and maximumNumber of IEEE 754-2019: -0 < +0, a NaN loses against a number, a signaling one
 * also raises NV (F extension, "FMIN.S and FMAX.S"). */
#define FP_MIN_MAX(s, T, CANONICAL, UNBOX, BOX)                                          \
    FP_INLINE u64 fp_min_max_nan_##s(Hart *h, T a, T b)                                  \
    {                                                                                    \
        fp_raise(h, fp_is_snan_##s(a) || fp_is_snan_##s(b) ? FP_NV : 0);                 \
        return fp_is_nan_##s(a) ? (fp_is_nan_##s(b) ? CANONICAL : b) : a;                \
    }                                                                                    \
    FP_INLINE u64 fp_fmin_##s(Hart *h, u64 ra, u64 rb)                                   \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (unlikely(fp_is_nan_##s(a) || fp_is_nan_##s(b)))                              \
            return BOX(fp_min_max_nan_##s(h, a, b));                                     \
        return BOX(fp_order_##s(a) < fp_order_##s(b) ? a : b);                           \
    }                                                                                    \
    FP_INLINE u64 fp_fmax_##s(Hart *h, u64 ra, u64 rb)                                   \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (unlikely(fp_is_nan_##s(a) || fp_is_nan_##s(b)))                              \
            return BOX(fp_min_max_nan_##s(h, a, b));                                     \
        return BOX(fp_order_##s(a) < fp_order_##s(b) ? b : a);                           \
    }
FP_MIN_MAX(s, u32, FP_NAN_S, fp_unbox, fp_box)
FP_MIN_MAX(d, u64, FP_NAN_D, , )

#define FP_SGNJ(name, sign_s, sign_d)                                                    \
    FP_INLINE u64 fp_##name##_s(Hart *h, u64 ra, u64 rb)                                 \
    {                                                                                    \
        u32 a = fp_unbox(ra), b = fp_unbox(rb);                                          \
        (void)h;                                                                         \
        return fp_box((a & ~FP_SIGN_S) | ((sign_s) & FP_SIGN_S));                        \
    }                                                                                    \
    FP_INLINE u64 fp_##name##_d(Hart *h, u64 a, u64 b)                                   \
    {                                                                                    \
        (void)h;                                                                         \
        return (a & ~FP_SIGN_D) | ((sign_d) & FP_SIGN_D);                                \
    }
FP_SGNJ(fsgnj, b, b)
FP_SGNJ(fsgnjn, ~b, ~b)
FP_SGNJ(fsgnjx, a ^ b, a ^ b)

/* Table "Format of result of FCLASS instruction". */
#define FP_CLASS(s, T, UNBOX, bits, precision)                                           \
    FP_INLINE u64 fp_fclass_##s(Hart *h, u64 ra)                                         \
    {                                                                                    \
        const T fraction = ((T)1 << (precision - 1)) - 1;                                \
        const T infinity = (T)(~(T)0 << 1) >> 1 & ~fraction;                             \
        T reg = UNBOX(ra), a = (T)(reg << 1) >> 1;                                       \
        int negative = (int)(reg >> (bits - 1));                                         \
        (void)h;                                                                         \
        if (a > infinity)                                                                \
            return 1u << (fp_is_snan_##s(a) ? 8 : 9);                                    \
        int size = a == infinity ? 3 : a > fraction ? 2 : a != 0;                        \
        return 1u << (negative ? 3 - size : 4 + size);                                   \
    }
FP_CLASS(s, u32, fp_unbox, 32, 24)
FP_CLASS(d, u64, , 64, 53)

/* FMV moves the bits as they are. */
FP_INLINE u64 fp_fmv_x_w(Hart *h, u64 a) { return (void)h, (u64)(i64)(i32)a; }
FP_INLINE u64 fp_fmv_w_x(Hart *h, u64 a) { return (void)h, fp_box((u32)a); }

#include "fp_half.h"
#include "fp_zfa.h"

#endif
