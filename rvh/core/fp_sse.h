/* The part of fp.h that runs on the SSE unit of an x86-64 host. Included by fp.h only.
 *
 * MXCSR's flags mean what RISC-V's mean: tininess after rounding, underflow only if inexact, an invalid
 * conversion not inexact. Different are NaN results (the host propagates operands), the integer that
 * stands for an invalid conversion, conversions to unsigned integers (SSE has none) and infinity * 0 +
 * quiet NaN (valid on the host).
 */
#include <emmintrin.h>

/* fp_aside_NAME(h, a, b, c) is `expression` for the rare cases of an inline function. Compiled by gcc it
 * saves every integer register, and is called in a way that tells the compiler so: in its usual case the
 * handler around it needs no stack frame. The call steps over the red zone and realigns the stack. */
#ifndef __clang__
#define FP_ASIDE(name, expression)                                                       \
    __attribute__((no_caller_saved_registers, target("general-regs-only"), used)) FP_COLD                \
    u64 fp_aside_##name(Hart *h, u64 a, u64 b, u64 c)                                    \
    {                                                                                    \
        (void)b, (void)c;                                                                \
        return expression;                                                               \
    }
#define FP_CALL_ASIDE(name, result, a, b, c)                                             \
    do {                                                                                 \
        register u64 third __asm__("r8") = (c);                                          \
        u64 first = (a), second = (b);                                                   \
        __asm__ volatile("mov %%rsp, %%r9\n\t"                                           \
                         "lea -128(%%rsp), %%rsp\n\t"                                    \
                         "and $-16, %%rsp\n\t"                                           \
                         "push %%rsi\n\t"                                                \
                         "push %%rdx\n\t"                                                \
                         "mov %%rax, %%rsi\n\t"                                          \
                         "mov %%rcx, %%rdx\n\t"                                          \
                         "mov %%r8, %%rcx\n\t"                                           \
                         "call %P3\n\t"                                                  \
                         "pop %%rdx\n\t"                                                 \
                         "pop %%rsi\n\t"                                                 \
                         "mov %%r9, %%rsp"                                               \
                         : "+a"(first), "+c"(second), "+r"(third)                        \
                         : "i"(fp_aside_##name), "D"(h)                                  \
                         : "r9", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
                           "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"); \
        (result) = first;                                                                \
    } while (0)
#else
#define FP_ASIDE(name, expression)                                                       \
    FP_COLD u64 fp_aside_##name(Hart *h, u64 a, u64 b, u64 c)                            \
    {                                                                                    \
        (void)b, (void)c;                                                                \
        return expression;                                                               \
    }
#define FP_CALL_ASIDE(name, result, a, b, c) ((result) = fp_aside_##name(h, a, b, c))
#endif

/* Operands and results as __m128: loaded and stored without a detour through an integer register. Only
 * lane 0 counts. */
FP_INLINE __m128 fp_lane_d(u64 bits)
{
    return _mm_castsi128_ps(_mm_cvtsi64_si128((i64)bits));
}

FP_INLINE __m128 fp_lane_s(u32 bits)
{
    return _mm_castsi128_ps(_mm_cvtsi32_si128((int)bits));
}

FP_INLINE u64 fp_bits(__m128 r)
{
    return (u64)_mm_cvtsi128_si64(_mm_castps_si128(r));
}

FP_INLINE u64 fp_box_lane(__m128 r)
{
    return fp_bits(_mm_or_ps(r, fp_lane_d(FP_BOX)));
}

/* A constant that the compiler neither folds into a result nor fetches before it is wanted. */
FP_INLINE __m128 fp_opaque(__m128 r)
{
    __asm__ volatile("" : "+x"(r));
    return r;
}

/* Whether a result is NaN. It is never a signaling one, so looking raises nothing. */
FP_INLINE int fp_result_nan_d(__m128 r)
{
    int nan;
    __asm__ volatile("ucomisd %1, %1" : "=@ccp"(nan) : "x"(r));
    return nan;
}

FP_INLINE int fp_result_nan_s(__m128 r)
{
    int nan;
    __asm__ volatile("ucomiss %1, %1" : "=@ccp"(nan) : "x"(r));
    return nan;
}

FP_INLINE u64 fp_result_d(__m128 r)
{
    if (unlikely(fp_result_nan_d(r)))
        r = fp_opaque(fp_lane_d(FP_NAN_D));
    return fp_bits(r);
}

FP_INLINE u64 fp_result_s(__m128 r)
{
    if (unlikely(fp_result_nan_s(r)))
        r = fp_opaque(fp_lane_s(FP_NAN_S));
    return fp_box_lane(r);
}

#define FP_HOST_2(name, insn)                                                            \
    FP_INLINE u64 fp_##name##_d(Hart *h, u64 a, u64 b)                                   \
    {                                                                                    \
        __m128 r = fp_lane_d(a);                                                         \
        (void)h;                                                                         \
        __asm__ volatile(insn "d %1, %0" : "+x"(r) : "xm"(fp_double(b)));                \
        return fp_result_d(r);                                                           \
    }                                                                                    \
    FP_INLINE u64 fp_##name##_s(Hart *h, u64 a, u64 b)                                   \
    {                                                                                    \
        __m128 r = fp_lane_s(fp_unbox(a));                                               \
        (void)h;                                                                         \
        __asm__ volatile(insn "s %1, %0" : "+x"(r) : "x"(fp_lane_s(fp_unbox(b))));       \
        return fp_result_s(r);                                                           \
    }
FP_HOST_2(fadd, "adds")
FP_HOST_2(fsub, "subs")
FP_HOST_2(fmul, "muls")
FP_HOST_2(fdiv, "divs")

FP_INLINE u64 fp_fsqrt_d(Hart *h, u64 a)
{
    __m128 r = fp_lane_d(a);
    (void)h;
    __asm__ volatile("sqrtsd %0, %0" : "+x"(r));
    return fp_result_d(r);
}

FP_INLINE u64 fp_fsqrt_s(Hart *h, u64 a)
{
    __m128 r = fp_lane_s(fp_unbox(a));
    (void)h;
    __asm__ volatile("sqrtss %0, %0" : "+x"(r));
    return fp_result_s(r);
}

/* ---- fused multiply-add: RISC-V's fnmsub is -(a*b) + c, which x86 calls vfnmadd, and the other way round */

/* infinity * 0 is invalid even when a quiet NaN is added to it; the host finds it so only without the NaN. */
FP_INLINE void fp_fma_nan(Hart *h, u64 a, u64 b, u64 infinity)
{
    if ((a == infinity && b == 0) || (a == 0 && b == infinity))
        fp_raise(h, FP_NV);
}

#define FP_HOST_3(name, insn)                                                            \
    FP_ASIDE(name##_d, fp_soft_##name##_d(h, a, b, c, h->frm))                           \
    FP_INLINE u64 fp_##name##_d(Hart *h, u64 a_bits, u64 b_bits, u64 c_bits)             \
    {                                                                                    \
        __m128 r = fp_lane_d(c_bits), a = fp_lane_d(a_bits), b = fp_lane_d(b_bits);      \
        if (unlikely(!fp_has_fma())) {                                                   \
            u64 x = fp_bits(fp_opaque(a)), y = fp_bits(fp_opaque(b)), z = fp_bits(fp_opaque(r));         \
            FP_CALL_ASIDE(name##_d, z, x, y, z);                                         \
            return fp_bits(fp_opaque(fp_lane_d(z)));                                     \
        }                                                                                \
        __asm__ volatile(insn "231sd %2, %1, %0" : "+x"(r) : "x"(a), "x"(b));            \
        if (unlikely(fp_result_nan_d(r))) {                                              \
            u64 x = fp_bits(fp_opaque(a)) << 1, y = fp_bits(fp_opaque(b)) << 1;          \
            fp_fma_nan(h, x, y, 0xffe0000000000000ull);                                  \
            r = fp_opaque(fp_lane_d(FP_NAN_D));                                          \
        }                                                                                \
        return fp_bits(r);                                                               \
    }                                                                                    \
    FP_ASIDE(name##_s, fp_soft_##name##_s(h, a, b, c, h->frm))                           \
    FP_INLINE u64 fp_##name##_s(Hart *h, u64 a_bits, u64 b_bits, u64 c_bits)             \
    {                                                                                    \
        u32 a = fp_unbox(a_bits), b = fp_unbox(b_bits), c = fp_unbox(c_bits);            \
        __m128 r = fp_lane_s(c);                                                         \
        if (unlikely(!fp_has_fma())) {                                                   \
            u64 result;                                                                  \
            FP_CALL_ASIDE(name##_s, result, fp_box(a), fp_box(b), fp_box(c));            \
            return fp_bits(fp_opaque(fp_lane_d(result)));                                \
        }                                                                                \
        __asm__ volatile(insn "231ss %2, %1, %0" : "+x"(r) : "x"(fp_lane_s(a)), "x"(fp_lane_s(b)));      \
        if (unlikely(fp_result_nan_s(r))) {                                              \
            fp_fma_nan(h, (u32)(a << 1), (u32)(b << 1), 0xff000000u);                    \
            r = fp_opaque(fp_lane_s(FP_NAN_S));                                          \
        }                                                                                \
        return fp_box_lane(r);                                                           \
    }
FP_HOST_3(fmadd, "vfmadd")
FP_HOST_3(fmsub, "vfmsub")
FP_HOST_3(fnmsub, "vfnmadd")
FP_HOST_3(fnmadd, "vfnmsub")

/* ---- conversions between the formats */

FP_INLINE u64 fp_fcvt_s_d(Hart *h, u64 a)
{
    __m128 r = _mm_setzero_ps();
    (void)h;
    __asm__ volatile("cvtsd2ss %1, %0" : "+x"(r) : "xm"(fp_double(a)));
    return fp_result_s(r);
}

FP_INLINE u64 fp_fcvt_d_s(Hart *h, u64 a)
{
    __m128 r = _mm_setzero_ps();
    (void)h;
    __asm__ volatile("cvtss2sd %1, %0" : "+x"(r) : "x"(fp_lane_s(fp_unbox(a))));
    return fp_result_d(r);
}

/* ---- conversions from integers; clearing the register first cuts the dependency on its older contents */

#define FP_FROM_INT(kind, operand)                                                       \
    FP_INLINE u64 fp_fcvt_s_##kind(Hart *h, u64 a)                                       \
    {                                                                                    \
        __m128 r = _mm_setzero_ps();                                                     \
        (void)h;                                                                         \
        __asm__ volatile("cvtsi2ss %1, %0" : "+x"(r) : "r"(operand));                    \
        return fp_box_lane(r);                                                           \
    }                                                                                    \
    FP_INLINE u64 fp_fcvt_d_##kind(Hart *h, u64 a)                                       \
    {                                                                                    \
        __m128 r = _mm_setzero_ps();                                                     \
        (void)h;                                                                         \
        __asm__ volatile("cvtsi2sd %1, %0" : "+x"(r) : "r"(operand));                    \
        return fp_bits(r);                                                               \
    }
FP_FROM_INT(w, (i32)a)
FP_FROM_INT(wu, (u64)(u32)a)
FP_FROM_INT(l, a)

/* From 2^63 up half the operand is converted, its last bit kept sticky far below the rounding position,
 * and doubled, which is exact. */
FP_INLINE u64 fp_half(u64 a)
{
    return a >> 1 | (a & 1);
}

FP_INLINE u64 fp_fcvt_d_lu(Hart *h, u64 a)
{
    __m128 r = _mm_setzero_ps();
    if (likely((i64)a >= 0))
        return fp_fcvt_d_l(h, a);
    __asm__ volatile("cvtsi2sd %1, %0\n\taddsd %0, %0" : "+x"(r) : "r"(fp_half(a)));
    return fp_bits(r);
}

FP_INLINE u64 fp_fcvt_s_lu(Hart *h, u64 a)
{
    __m128 r = _mm_setzero_ps();
    if (likely((i64)a >= 0))
        return fp_fcvt_s_l(h, a);
    __asm__ volatile("cvtsi2ss %1, %0\n\taddss %0, %0" : "+x"(r) : "r"(fp_half(a)));
    return fp_box_lane(r);
}

/* ---- conversions to integers The host's answer to an invalid operand is the most negative integer, with
 * its invalid flag. That is right for negative operands of conversions to signed integers, and such a
 * result may be valid too. */

#define FP_TO_SIGNED(name, s, T, UNBOX, LOAD, insn, R, MIN, MAX)                         \
    FP_INLINE u64 fp_##name(Hart *h, u64 reg)                                            \
    {                                                                                    \
        T a = UNBOX(reg);                                                                \
        R r;                                                                             \
        (void)h;                                                                         \
        __asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(LOAD(a)));                       \
        if (unlikely(r == MIN) && (!(a >> (8 * sizeof(T) - 1)) || fp_is_nan_##s(a)))     \
            r = MAX;                                                                     \
        return (u64)(i64)r;                                                              \
    }

/* To unsigned integers by the conversion to a signed 64-bit one: below `limit` (in bits) its answer is in
 * range. Of other operands the flags are dropped when the answer is not, and invalid takes their place. */
#define FP_TO_UNSIGNED(name, s, T, UNBOX, LOAD, insn, limit, BEYOND, R, max)             \
    FP_INLINE u64 fp_##name(Hart *h, u64 reg)                                            \
    {                                                                                    \
        T a = UNBOX(reg);                                                                \
        u64 r;                                                                           \
        (void)h;                                                                         \
        if (likely(a < limit)) {                                                         \
            __asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(LOAD(a)));                   \
            return (u64)(i64)(R)r;                                                       \
        }                                                                                \
        BEYOND(a)                                                                        \
        u32 mxcsr = fp_mxcsr();                                                          \
        __asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(LOAD(a)));                       \
        if (r <= max)                                                                    \
            return (u64)(i64)(R)r;                                                       \
        fp_set_mxcsr(mxcsr | FP_MXCSR_IE);                                               \
        return a >> (8 * sizeof(T) - 1) && !fp_is_nan_##s(a) ? 0 : ~0ull;                \
    }

/* 2^63 up to 2^64: the significand is the integer. */
#define FP_BEYOND_S(a)                                                                   \
    if (a >> 23 == 127 + 63)                                                             \
        return 1ull << 63 | (u64)a << 40;
#define FP_BEYOND_D(a)                                                                   \
    if (a >> 52 == 1023 + 63)                                                            \
        return 1ull << 63 | a << 11;
#define FP_NOTHING(a)

#define FP_TO_INTS(s, T, UNBOX, LOAD, insn, mode, two_32, two_63, BEYOND)                \
    FP_TO_SIGNED(fcvt_w_##s##mode, s, T, UNBOX, LOAD, insn, i32, INT32_MIN, INT32_MAX)   \
    FP_TO_SIGNED(fcvt_l_##s##mode, s, T, UNBOX, LOAD, insn, i64, INT64_MIN, INT64_MAX)   \
    FP_TO_UNSIGNED(fcvt_wu_##s##mode, s, T, UNBOX, LOAD, insn, two_32, FP_NOTHING, i32, UINT32_MAX)      \
    FP_TO_UNSIGNED(fcvt_lu_##s##mode, s, T, UNBOX, LOAD, insn, two_63, BEYOND, i64, 0)
#define FP_TO_INTS_S(insn, mode)                                                         \
    FP_TO_INTS(s, u32, fp_unbox, fp_lane_s, insn, mode, 0x4f800000u, 0x5f000000u, FP_BEYOND_S)
/* 2^32 - 1 instead of 2^32: what lies between may be rounded up. */
#define FP_TO_INTS_D(insn, mode)                                                         \
    FP_TO_INTS(d, u64, , fp_lane_d, insn, mode, 0x41efffffffe00000ull, 0x43e0000000000000ull, FP_BEYOND_D)
FP_TO_INTS_S("cvtss2si", )
FP_TO_INTS_S("cvttss2si", _rtz)
FP_TO_INTS_D("cvtsd2si", )
FP_TO_INTS_D("cvttsd2si", _rtz)

/* ---- comparisons: ucomis is quiet, comis signals any NaN; unordered sets ZF, PF and CF */

#define FP_HOST_COMPARE(s, UNBOX, LOAD)                                                  \
    FP_INLINE u64 fp_feq_##s(Hart *h, u64 a, u64 b)                                      \
    {                                                                                    \
        int equal, ordered;                                                              \
        (void)h;                                                                         \
        __asm__ volatile("ucomis" #s " %3, %2"                                           \
                         : "=@cce"(equal), "=@ccnp"(ordered) : "x"(LOAD(UNBOX(a))), "x"(LOAD(UNBOX(b)))); \
        return (u64)(equal & ordered);                                                   \
    }                                                                                    \
    FP_INLINE u64 fp_flt_##s(Hart *h, u64 a, u64 b)                                      \
    {                                                                                    \
        int above;                                                                       \
        (void)h;                                                                         \
        __asm__ volatile("comis" #s " %1, %2" : "=@cca"(above) : "x"(LOAD(UNBOX(a))), "x"(LOAD(UNBOX(b)))); \
        return (u64)above;                                                               \
    }                                                                                    \
    FP_INLINE u64 fp_fle_##s(Hart *h, u64 a, u64 b)                                      \
    {                                                                                    \
        int above_or_equal;                                                              \
        (void)h;                                                                         \
        __asm__ volatile("comis" #s " %1, %2"                                            \
                         : "=@ccae"(above_or_equal) : "x"(LOAD(UNBOX(a))), "x"(LOAD(UNBOX(b))));         \
        return (u64)above_or_equal;                                                      \
    }
FP_HOST_COMPARE(s, fp_unbox, fp_lane_s)
FP_HOST_COMPARE(d, , fp_lane_d)
