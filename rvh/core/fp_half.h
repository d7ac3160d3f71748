/* Half precision (Zfh, Zfhmin) and the conversions of BFloat16 (Zfbfmin), all in the integer arithmetic of fp_soft.h.
 * Included by fp.h only, whose naming and calling conventions these operations follow.
 */

#define FP_BOX_H 0xffffffffffff0000ull
#define FP_NAN_H 0x7e00u
#define FP_NAN_BF16 0x7fc0u
#define FP_SIGN_H 0x8000u

FP_INLINE u64 fp_box_h(u32 half)
{
    return FP_BOX_H | half;
}

/* A register that holds no NaN-boxed 16-bit value reads as the canonical NaN of the format. */
FP_INLINE u16 fp_unbox_h(u64 reg)
{
    return reg < FP_BOX_H ? FP_NAN_H : (u16)reg;
}

FP_INLINE u16 fp_unbox_bf16(u64 reg)
{
    return reg < FP_BOX_H ? FP_NAN_BF16 : (u16)reg;
}

FP_INLINE int fp_is_nan_h(u32 a)
{
    return (a & 0x7fff) > 0x7c00;
}

FP_INLINE int fp_is_snan_h(u32 a)
{
    return fp_is_nan_h(a) && !(a >> 9 & 1);
}

FP_INLINE i32 fp_order_h(u32 a)
{
    return (i16)(a ^ ((u32)((i32)(i16)a >> 31) & 0x7fff));
}

/* ---- rounded operations */

#define FP_H(x, sign) ((u16)(fp_unbox_h(x) ^ (sign)))
#define FP_ROUNDED_SOFTLY(name, n, expression)                                           \
    FP_SOFT(name, n, expression)                                                         \
    FP_INLINE u64 fp_##name(Hart *h, FP_PARAMETERS_##n)                                  \
    {                                                                                    \
        return fp_soft_##name(h, FP_OPERANDS_##n, h->frm);                               \
    }                                                                                    \
    FP_INLINE u64 fp_##name##_rm(Hart *h, FP_PARAMETERS_##n, u32 rm)                     \
    {                                                                                    \
        return fp_soft_##name(h, FP_OPERANDS_##n, rm);                                   \
    }

FP_ROUNDED_SOFTLY(fadd_h, 2, fp_box_h(soft_add_h(FP_H(a, 0), FP_H(b, 0), rm, &flags)))
FP_ROUNDED_SOFTLY(fsub_h, 2, fp_box_h(soft_add_h(FP_H(a, 0), FP_H(b, FP_SIGN_H), rm, &flags)))
FP_ROUNDED_SOFTLY(fmul_h, 2, fp_box_h(soft_mul_h(FP_H(a, 0), FP_H(b, 0), rm, &flags)))
FP_ROUNDED_SOFTLY(fdiv_h, 2, fp_box_h(soft_div_h(FP_H(a, 0), FP_H(b, 0), rm, &flags)))
FP_ROUNDED_SOFTLY(fsqrt_h, 1, fp_box_h(soft_sqrt_h(FP_H(a, 0), rm, &flags)))

#define FP_FMA_H(name, sign_a, sign_c)                                                   \
    FP_ROUNDED_SOFTLY(name, 3, fp_box_h(soft_fma_h(FP_H(a, sign_a), FP_H(b, 0), FP_H(c, sign_c), rm, &flags)))
FP_FMA_H(fmadd_h, 0, 0)
FP_FMA_H(fmsub_h, 0, FP_SIGN_H)
FP_FMA_H(fnmsub_h, FP_SIGN_H, 0)
FP_FMA_H(fnmadd_h, FP_SIGN_H, FP_SIGN_H)

FP_ROUNDED_SOFTLY(fcvt_s_h, 1, fp_box(soft_h_to_s(FP_H(a, 0), rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_d_h, 1, soft_h_to_d(FP_H(a, 0), rm, &flags))
FP_ROUNDED_SOFTLY(fcvt_h_s, 1, fp_box_h(soft_s_to_h(FP_S(a, 0), rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_h_d, 1, fp_box_h(soft_d_to_h(a, rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_s_bf16, 1, fp_box(soft_bf16_to_s(fp_unbox_bf16(a), rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_bf16_s, 1, fp_box_h(soft_s_to_bf16(FP_S(a, 0), rm, &flags)))

FP_ROUNDED_SOFTLY(fcvt_w_h, 1, soft_h_to_int(FP_H(a, 0), rm, SOFT_W, &flags))
FP_ROUNDED_SOFTLY(fcvt_wu_h, 1, soft_h_to_int(FP_H(a, 0), rm, SOFT_WU, &flags))
FP_ROUNDED_SOFTLY(fcvt_l_h, 1, soft_h_to_int(FP_H(a, 0), rm, SOFT_L, &flags))
FP_ROUNDED_SOFTLY(fcvt_lu_h, 1, soft_h_to_int(FP_H(a, 0), rm, SOFT_LU, &flags))
FP_ROUNDED_SOFTLY(fcvt_h_w, 1, fp_box_h(soft_int_to_h((i32)a < 0, FP_MAGNITUDE((i64)(i32)a), rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_h_wu, 1, fp_box_h(soft_int_to_h(0, (u32)a, rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_h_l, 1, fp_box_h(soft_int_to_h((i64)a < 0, FP_MAGNITUDE((i64)a), rm, &flags)))
FP_ROUNDED_SOFTLY(fcvt_h_lu, 1, fp_box_h(soft_int_to_h(0, a, rm, &flags)))

/* ---- operations on the bits */

FP_INLINE u64 fp_feq_h(Hart *h, u64 ra, u64 rb)
{
    u32 a = fp_unbox_h(ra), b = fp_unbox_h(rb);
    if (fp_is_nan_h(a) || fp_is_nan_h(b)) {
        fp_raise(h, fp_is_snan_h(a) || fp_is_snan_h(b) ? FP_NV : 0);
        return 0;
    }
    return a == b || !((a | b) & 0x7fff);
}

FP_INLINE u64 fp_fle_h(Hart *h, u64 ra, u64 rb)
{
    u32 a = fp_unbox_h(ra), b = fp_unbox_h(rb);
    if (fp_is_nan_h(a) || fp_is_nan_h(b)) {
        fp_raise(h, FP_NV);
        return 0;
    }
    return fp_order_h(a) <= fp_order_h(b) || !((a | b) & 0x7fff);
}

FP_INLINE u64 fp_flt_h(Hart *h, u64 ra, u64 rb)
{
    u32 a = fp_unbox_h(ra), b = fp_unbox_h(rb);
    if (fp_is_nan_h(a) || fp_is_nan_h(b)) {
        fp_raise(h, FP_NV);
        return 0;
    }
    return fp_order_h(a) < fp_order_h(b) && ((a | b) & 0x7fff);
}

FP_MIN_MAX(h, u16, FP_NAN_H, fp_unbox_h, fp_box_h)
FP_CLASS(h, u16, fp_unbox_h, 16, 11)

#define FP_SGNJ_H(name, sign)                                                            \
    FP_INLINE u64 fp_##name##_h(Hart *h, u64 ra, u64 rb)                                 \
    {                                                                                    \
        u32 a = fp_unbox_h(ra), b = fp_unbox_h(rb);                                      \
        (void)h, (void)b;                                                                \
        return fp_box_h((a & 0x7fff) | ((sign) & FP_SIGN_H));                            \
    }
FP_SGNJ_H(fsgnj, b)
FP_SGNJ_H(fsgnjn, ~b)
FP_SGNJ_H(fsgnjx, a ^ b)
