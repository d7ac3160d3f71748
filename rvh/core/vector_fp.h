/* Floating-point operations on elements as raw bits, for the generated loops: soft_* by fp_soft.h under any rounding mode,
 * native_* by C's operators, which gcc makes into packed instructions of the host: they round as MXCSR says and raise their
 * exceptions there. What a native operation leaves to the integer arithmetic is the same function under both names.
 * All take (operands, rm, flags); `flags` collects what the host's own flags do not.
 */
#ifndef RVH_VECTOR_FP_H
#define RVH_VECTOR_FP_H

#include "fp.h"

#define VF_INLINE static inline __attribute__((always_inline, unused))
#define VF_NAN_16 FP_NAN_H
#define VF_NAN_32 FP_NAN_S
#define VF_NAN_64 FP_NAN_D
#define VF_SIGN_16 FP_SIGN_H
#define VF_SIGN_32 FP_SIGN_S
#define VF_SIGN_64 FP_SIGN_D

/* ---- what is arithmetic on bits for native and soft alike: names without either */

#define VF_BITS(s, w, T, I, precision)                                                   \
    VF_INLINE int vf_nan_##w(T a) { return (T)(a << 1) > (T)((T)~(((T)1 << precision) - 1)); }           \
    VF_INLINE int vf_snan_##w(T a) { return vf_nan_##w(a) && !(a >> (precision - 2) & 1); }              \
    /* Integers in the order of the values; -0 is just below +0. */                      \
    VF_INLINE I vf_order_##w(T a) { return (I)(a ^ (T)((T)((I)a >> (w - 1)) >> 1)); }    \
    VF_INLINE T vf_min_##w(T a, T b, u32 rm, u32 *flags)                                 \
    {                                                                                    \
        (void)rm;                                                                        \
        *flags |= vf_snan_##w(a) | vf_snan_##w(b) ? FP_NV : 0;                           \
        T less = vf_order_##w(a) < vf_order_##w(b) ? a : b;                              \
        T number = vf_nan_##w(a) ? (vf_nan_##w(b) ? (T)VF_NAN_##w : b) : a;              \
        return vf_nan_##w(a) | vf_nan_##w(b) ? number : less;                            \
    }                                                                                    \
    VF_INLINE T vf_max_##w(T a, T b, u32 rm, u32 *flags)                                 \
    {                                                                                    \
        (void)rm;                                                                        \
        *flags |= vf_snan_##w(a) | vf_snan_##w(b) ? FP_NV : 0;                           \
        T more = vf_order_##w(a) < vf_order_##w(b) ? b : a;                              \
        T number = vf_nan_##w(a) ? (vf_nan_##w(b) ? (T)VF_NAN_##w : b) : a;              \
        return vf_nan_##w(a) | vf_nan_##w(b) ? number : more;                            \
    }                                                                                    \
    VF_INLINE T vf_class_##w(T a, u32 rm, u32 *flags)                                    \
    {                                                                                    \
        const T infinity = (T)((T)~(((T)1 << precision) - 1)) >> 1, magnitude = (T)(a << 1) >> 1;        \
        (void)rm, (void)flags;                                                           \
        if (magnitude > infinity)                                                        \
            return (T)(1u << (vf_snan_##w(a) ? 8 : 9));                                  \
        int size = magnitude == infinity ? 3 : magnitude >> (precision - 1) ? 2 : magnitude != 0;        \
        return (T)(1u << (a >> (w - 1) ? 3 - size : 4 + size));                          \
    }                                                                                    \
    VF_INLINE int soft_eq_##w(T a, T b, u32 rm, u32 *flags)                              \
    {                                                                                    \
        int nan = vf_nan_##w(a) | vf_nan_##w(b);                                         \
        (void)rm;                                                                        \
        *flags |= vf_snan_##w(a) | vf_snan_##w(b) ? FP_NV : 0;                           \
        return (!nan) & (a == b || !(T)((a | b) << 1));                                    \
    }                                                                                    \
    VF_INLINE int soft_lt_##w(T a, T b, u32 rm, u32 *flags)                              \
    {                                                                                    \
        int nan = vf_nan_##w(a) | vf_nan_##w(b);                                         \
        (void)rm;                                                                        \
        *flags |= nan ? FP_NV : 0;                                                       \
        return (!nan) & (vf_order_##w(a) < vf_order_##w(b)) & !!(T)((a | b) << 1);         \
    }                                                                                    \
    VF_INLINE int soft_le_##w(T a, T b, u32 rm, u32 *flags)                              \
    {                                                                                    \
        int nan = vf_nan_##w(a) | vf_nan_##w(b);                                         \
        (void)rm;                                                                        \
        *flags |= nan ? FP_NV : 0;                                                       \
        return (!nan) & ((vf_order_##w(a) <= vf_order_##w(b)) | !(T)((a | b) << 1));       \
    }                                                                                    \
    VF_INLINE T soft_sub_##w(T a, T b, u32 rm, u32 *flags)                               \
    {                                                                                    \
        return soft_add_##s(a, (T)(b ^ VF_SIGN_##w), rm, flags);                         \
    }                                                                                    \
    VF_INLINE T soft_add_##w(T a, T b, u32 rm, u32 *flags) { return soft_add_##s(a, b, rm, flags); }     \
    VF_INLINE T soft_mul_##w(T a, T b, u32 rm, u32 *flags) { return soft_mul_##s(a, b, rm, flags); }     \
    VF_INLINE T soft_div_##w(T a, T b, u32 rm, u32 *flags) { return soft_div_##s(a, b, rm, flags); }     \
    VF_INLINE T soft_sqrt_##w(T a, u32 rm, u32 *flags) { return soft_sqrt_##s(a, rm, flags); }           \
    VF_INLINE T soft_fma_##w(T a, T b, T c, u32 rm, u32 *flags) { return soft_fma_##s(a, b, c, rm, flags); }

VF_BITS(h, 16, u16, i16, 11)
VF_BITS(s, 32, u32, i32, 24)
VF_BITS(d, 64, u64, i64, 53)

/* The estimates' tables (generated): reciprocals of the middles of 128 intervals, to 7 bits. */
#include "vector_tables.h"

/* "Vector Floating-Point Reciprocal Estimate Instruction", for a format of e exponent and s fraction bits */
static u64 vf_reciprocal(u64 a, u32 e, u32 s, u32 rm, u32 *flags)
{
    const u64 sign = a >> (e + s) << (e + s), infinity = ((1ull << e) - 1) << s, nan = infinity | 1ull << (s - 1);
    u64 sig = a & ((1ull << s) - 1);
    i64 exp = (i64)(a >> s & ((1ull << e) - 1)), out;
    if (exp == (1 << e) - 1) {
        *flags |= sig && !(sig >> (s - 1)) ? FP_NV : 0;
        return sig ? nan : sign;
    }
    if (!exp && !sig) {
        *flags |= FP_DZ;
        return sign | infinity;
    }
    if (!exp) {
        for (; !(sig >> (s - 1)); exp--)
            sig <<= 1;
        sig = sig << 1 & ((1ull << s) - 1);
        if (exp < -1) { /* too large: as an overflow rounds */
            *flags |= FP_OF | FP_NX;
            return (sign | infinity) - (rm == RM_RTZ || rm == (sign ? RM_RUP : RM_RDN));
        }
    }
    out = 2 * ((1 << (e - 1)) - 1) - 1 - exp;
    sig = (u64)vf_rec7[sig >> (s - 7)] << (s - 7);
    if (out <= 0) { /* subnormal */
        sig = (sig >> 1 | 1ull << (s - 1)) >> -out;
        out = 0;
    }
    return sign | (u64)out << s | sig;
}

/* "Vector Floating-Point Reciprocal Square-Root Estimate Instruction" */
static u64 vf_reciprocal_root(u64 a, u32 e, u32 s, u32 *flags)
{
    const u64 sign = a >> (e + s) << (e + s), infinity = ((1ull << e) - 1) << s, nan = infinity | 1ull << (s - 1);
    u64 sig = a & ((1ull << s) - 1);
    i64 exp = (i64)(a >> s & ((1ull << e) - 1));
    if (!exp && !sig) {
        *flags |= FP_DZ;
        return sign | infinity;
    }
    if (exp == (1 << e) - 1 && sig) {
        *flags |= sig >> (s - 1) ? 0 : FP_NV;
        return nan;
    }
    if (sign) {
        *flags |= FP_NV;
        return nan;
    }
    if (exp == (1 << e) - 1)
        return 0;
    if (!exp) {
        for (; !(sig >> (s - 1)); exp--)
            sig <<= 1;
        sig = sig << 1 & ((1ull << s) - 1);
    }
    u64 out = (u64)(3 * ((1 << (e - 1)) - 1) - 1 - exp) / 2;
    return out << s | (u64)vf_rsqrt7[(exp & 1) << 6 | (i64)(sig >> (s - 6))] << (s - 7);
}

#define VF_ESTIMATES(w, T, e, s)                                                         \
    VF_INLINE T vf_rec7_##w(T a, u32 rm, u32 *flags) { return (T)vf_reciprocal(a, e, s, rm, flags); }    \
    VF_INLINE T vf_rsqrt7_##w(T a, u32 rm, u32 *flags) { return (void)rm, (T)vf_reciprocal_root(a, e, s, flags); }
VF_ESTIMATES(16, u16, 5, 10)
VF_ESTIMATES(32, u32, 8, 23)
VF_ESTIMATES(64, u64, 11, 52)

/* Saturating conversions to integers of any width: by way of 64 bits. */
#define VF_TO_INT(s, w, T, to)                                              \
    VF_INLINE u##to vf_to_i##to##_##w(T a, u32 rm, u32 *flags)                           \
    {                                                                                    \
        u32 found = 0;                                                                   \
        i64 x = (i64)soft_##s##_to_int(a, rm, SOFT_L, &found), most = (i64)((1ull << (to - 1)) - 1);     \
        if (x > most || x < -most - 1) {                                                 \
            found = FP_NV;                                                               \
            x = x < 0 ? -most - 1 : most;                                                \
        }                                                                                \
        *flags |= found;                                                                 \
        return (u##to)x;                                                                 \
    }                                                                                    \
    VF_INLINE u##to vf_to_u##to##_##w(T a, u32 rm, u32 *flags)                           \
    {                                                                                    \
        u32 found = 0;                                                                   \
        u64 x = soft_##s##_to_int(a, rm, SOFT_LU, &found), most = ~0ull >> (64 - to);    \
        if (x > most) {                                                                  \
            found = FP_NV;                                                               \
            x = most;                                                                    \
        }                                                                                \
        *flags |= found;                                                                 \
        return (u##to)x;                                                                 \
    }                                                                                    \
    VF_INLINE u##to vf_trunc_i##to##_##w(T a, u32 rm, u32 *flags)                        \
    {                                                                                    \
        return (void)rm, vf_to_i##to##_##w(a, RM_RTZ, flags);                            \
    }                                                                                    \
    VF_INLINE u##to vf_trunc_u##to##_##w(T a, u32 rm, u32 *flags)                        \
    {                                                                                    \
        return (void)rm, vf_to_u##to##_##w(a, RM_RTZ, flags);                            \
    }
VF_TO_INT(h, 16, u16, 8)
VF_TO_INT(h, 16, u16, 16)
VF_TO_INT(h, 16, u16, 32)
VF_TO_INT(s, 32, u32, 16)
VF_TO_INT(s, 32, u32, 32)
VF_TO_INT(s, 32, u32, 64)
VF_TO_INT(d, 64, u64, 32)
VF_TO_INT(d, 64, u64, 64)

#define VF_FROM_INT(s, w, T, from)                                                       \
    VF_INLINE T soft_from_i##from##_to_##w(u##from a, u32 rm, u32 *flags)                \
    {                                                                                    \
        i64 x = (i##from)a;                                                              \
        return soft_int_to_##s(x < 0, FP_MAGNITUDE(x), rm, flags);                       \
    }                                                                                    \
    VF_INLINE T soft_from_u##from##_to_##w(u##from a, u32 rm, u32 *flags) { return soft_int_to_##s(0, a, rm, flags); }
VF_FROM_INT(h, 16, u16, 8)
VF_FROM_INT(h, 16, u16, 16)
VF_FROM_INT(h, 16, u16, 32)
VF_FROM_INT(s, 32, u32, 16)
VF_FROM_INT(s, 32, u32, 32)
VF_FROM_INT(s, 32, u32, 64)
VF_FROM_INT(d, 64, u64, 32)
VF_FROM_INT(d, 64, u64, 64)

VF_INLINE u32 vf_widen_16(u16 a, u32 rm, u32 *flags) { return soft_h_to_s(a, rm, flags); }
VF_INLINE u64 soft_widen_32(u32 a, u32 rm, u32 *flags) { return soft_s_to_d(a, rm, flags); }
VF_INLINE u16 vf_narrow_32(u32 a, u32 rm, u32 *flags) { return soft_s_to_h(a, rm, flags); }
VF_INLINE u32 soft_narrow_64(u64 a, u32 rm, u32 *flags) { return soft_d_to_s(a, rm, flags); }
VF_INLINE u32 vf_widen_bf16_16(u16 a, u32 rm, u32 *flags) { return soft_bf16_to_s(a, rm, flags); }
VF_INLINE u16 vf_narrow_bf16_32(u32 a, u32 rm, u32 *flags) { return soft_s_to_bf16(a, rm, flags); }

/* Round to odd: what is not exact gets a last bit of 1. */
#define VF_NARROW_ODD(name, w, T, R)                                                     \
    VF_INLINE R vf_narrow_odd_##w(T a, u32 rm, u32 *flags)                               \
    {                                                                                    \
        u32 found = 0;                                                                   \
        R r = name(a, RM_RTZ, &found);                                                   \
        (void)rm;                                                                        \
        *flags |= found;                                                                 \
        return r | (found & FP_NX);                                                      \
    }
VF_NARROW_ODD(soft_s_to_h, 32, u32, u16)
VF_NARROW_ODD(soft_d_to_s, 64, u64, u32)

/* ---- native */

/* gcc has no packed form of its builtins; it fuses products with sums where the including file asks for that. */
#ifdef __clang__
#define VF_FUSED(builtin, a, b, c) builtin(a, b, c)
#else
#define VF_FUSED(builtin, a, b, c) ((a) * (b) + (c))
#endif

#define VF_NATIVE(s, w, T, F, bits_of, value_of, root, fused, infinity)                        \
    VF_INLINE T native_result_##w(F r) { return r != r ? (T)VF_NAN_##w : bits_of(r); }   \
    VF_INLINE T native_add_##w(T a, T b, u32 rm, u32 *flags)                             \
    {                                                                                    \
        return (void)rm, (void)flags, native_result_##w(value_of(a) + value_of(b));      \
    }                                                                                    \
    VF_INLINE T native_sub_##w(T a, T b, u32 rm, u32 *flags)                             \
    {                                                                                    \
        return (void)rm, (void)flags, native_result_##w(value_of(a) - value_of(b));      \
    }                                                                                    \
    VF_INLINE T native_mul_##w(T a, T b, u32 rm, u32 *flags)                             \
    {                                                                                    \
        return (void)rm, (void)flags, native_result_##w(value_of(a) * value_of(b));      \
    }                                                                                    \
    VF_INLINE T native_div_##w(T a, T b, u32 rm, u32 *flags)                             \
    {                                                                                    \
        return (void)rm, (void)flags, native_result_##w(value_of(a) / value_of(b));      \
    }                                                                                    \
    VF_INLINE T native_sqrt_##w(T a, u32 rm, u32 *flags)                                 \
    {                                                                                    \
        return (void)rm, (void)flags, native_result_##w(root(value_of(a)));              \
    }                                                                                    \
    VF_INLINE int native_eq_##w(T a, T b, u32 rm, u32 *flags)                            \
    {                                                                                    \
        return (void)rm, (void)flags, value_of(a) == value_of(b);                        \
    }                                                                                    \
    VF_INLINE int native_lt_##w(T a, T b, u32 rm, u32 *flags)                            \
    {                                                                                    \
        return (void)rm, (void)flags, value_of(a) < value_of(b);                         \
    }                                                                                    \
    VF_INLINE int native_le_##w(T a, T b, u32 rm, u32 *flags)                            \
    {                                                                                    \
        return (void)rm, (void)flags, value_of(a) <= value_of(b);                        \
    }                                                                                    \
    /* infinity * 0 is invalid even when a quiet NaN is added to it; the host finds it so only without the NaN. */ \
    VF_INLINE T native_fused_##w(T a, T b, T c, u32 rm, u32 *flags)                      \
    {                                                                                    \
        F r = VF_FUSED(fused, value_of(a), value_of(b), value_of(c));                    \
        T x = (T)(a << 1), y = (T)(b << 1);                                              \
        (void)rm;                                                                        \
        *flags |= (u32)(((x == infinity) & (y == 0)) | ((x == 0) & (y == infinity))) << 4;               \
        return native_result_##w(r);                                                     \
    }
VF_NATIVE(s, 32, u32, float, fp_bits_s, fp_single, __builtin_sqrtf, __builtin_fmaf, 0xff000000u)
VF_NATIVE(d, 64, u64, double, fp_bits_d, fp_double, __builtin_sqrt, __builtin_fma, 0xffe0000000000000ull)

VF_INLINE u64 native_widen_32(u32 a, u32 rm, u32 *flags)
{
    return (void)rm, (void)flags, native_result_64((double)fp_single(a));
}

VF_INLINE u32 native_narrow_64(u64 a, u32 rm, u32 *flags)
{
    return (void)rm, (void)flags, native_result_32((float)fp_double(a));
}

VF_INLINE u32 native_from_i32_to_32(u32 a, u32 rm, u32 *flags)
{
    return (void)rm, (void)flags, fp_bits_s((float)(i32)a);
}

VF_INLINE u64 native_from_i32_to_64(u32 a, u32 rm, u32 *flags)
{
    return (void)rm, (void)flags, fp_bits_d((double)(i32)a);
}

VF_INLINE u64 native_from_i64_to_64(u64 a, u32 rm, u32 *flags)
{
    return (void)rm, (void)flags, fp_bits_d((double)(i64)a);
}

#endif
