/* The additional floating-point operations (Zfa). Included by fp.h only. */

/* Rounding to an integral value: FROUND is silent about inexact results, FROUNDNX is not. */
FP_ROUNDED_SOFTLY(fround_h, 1, fp_box_h(soft_round_h(FP_H(a, 0), rm, 0, &flags)))
FP_ROUNDED_SOFTLY(fround_s, 1, fp_box(soft_round_s(FP_S(a, 0), rm, 0, &flags)))
FP_ROUNDED_SOFTLY(fround_d, 1, soft_round_d(a, rm, 0, &flags))
FP_ROUNDED_SOFTLY(froundnx_h, 1, fp_box_h(soft_round_h(FP_H(a, 0), rm, 1, &flags)))
FP_ROUNDED_SOFTLY(froundnx_s, 1, fp_box(soft_round_s(FP_S(a, 0), rm, 1, &flags)))
FP_ROUNDED_SOFTLY(froundnx_d, 1, soft_round_d(a, rm, 1, &flags))

FP_COLD u64 fp_soft_fcvtmod_w_d(Hart *h, u64 a)
{
    u32 flags = 0;
    u64 r = soft_d_modulo_w(a, &flags);
    fp_raise(h, flags);
    return r;
}
FP_INLINE u64 fp_fcvtmod_w_d(Hart *h, u64 a) { return fp_soft_fcvtmod_w_d(h, a); }

/* minimum and maximum of IEEE 754-2019: any NaN gives NaN. Quiet comparisons raise NV for signaling NaNs only. */
#define FP_ZFA(s, T, CANONICAL, UNBOX, BOX)                                              \
    FP_INLINE int fp_unordered_##s(Hart *h, T a, T b)                                    \
    {                                                                                    \
        if (likely(!fp_is_nan_##s(a) && !fp_is_nan_##s(b)))                              \
            return 0;                                                                    \
        fp_raise(h, fp_is_snan_##s(a) || fp_is_snan_##s(b) ? FP_NV : 0);                 \
        return 1;                                                                        \
    }                                                                                    \
    FP_INLINE u64 fp_fminm_##s(Hart *h, u64 ra, u64 rb)                                  \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (fp_unordered_##s(h, a, b))                                                   \
            return BOX(CANONICAL);                                                       \
        return BOX(fp_order_##s(a) < fp_order_##s(b) ? a : b);                           \
    }                                                                                    \
    FP_INLINE u64 fp_fmaxm_##s(Hart *h, u64 ra, u64 rb)                                  \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (fp_unordered_##s(h, a, b))                                                   \
            return BOX(CANONICAL);                                                       \
        return BOX(fp_order_##s(a) < fp_order_##s(b) ? b : a);                           \
    }                                                                                    \
    FP_INLINE u64 fp_fleq_##s(Hart *h, u64 ra, u64 rb)                                   \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (fp_unordered_##s(h, a, b))                                                   \
            return 0;                                                                    \
        return fp_order_##s(a) <= fp_order_##s(b) || (T)((a | b) << 1) == 0;             \
    }                                                                                    \
    FP_INLINE u64 fp_fltq_##s(Hart *h, u64 ra, u64 rb)                                   \
    {                                                                                    \
        T a = UNBOX(ra), b = UNBOX(rb);                                                  \
        if (fp_unordered_##s(h, a, b))                                                   \
            return 0;                                                                    \
        return fp_order_##s(a) < fp_order_##s(b) && (T)((a | b) << 1) != 0;              \
    }
FP_ZFA(h, u16, FP_NAN_H, fp_unbox_h, fp_box_h)
FP_ZFA(s, u32, FP_NAN_S, fp_unbox, fp_box)
FP_ZFA(d, u64, FP_NAN_D, , )

/* The constants of FLI, as singles (Zfa, "Load-Immediate Instructions"). Entry 1 is the least positive normal number of
 * each format; the others convert exactly, but for 2^16, which half precision turns into infinity. */
static const u32 fp_fli_table[32] = {
    0xbf800000, 0x00800000, 0x37800000, 0x38000000, 0x3b800000, 0x3c000000, 0x3d800000, 0x3e000000,
    0x3e800000, 0x3ea00000, 0x3ec00000, 0x3ee00000, 0x3f000000, 0x3f200000, 0x3f400000, 0x3f600000,
    0x3f800000, 0x3fa00000, 0x3fc00000, 0x3fe00000, 0x40000000, 0x40200000, 0x40400000, 0x40800000,
    0x41000000, 0x41800000, 0x43000000, 0x43800000, 0x47000000, 0x47800000, 0x7f800000, 0x7fc00000,
};

FP_COLD u64 fp_soft_fli(u64 index, int half)
{
    u32 ignored = 0, single = fp_fli_table[index & 31];
    return half ? fp_box_h(soft_s_to_h(single, RM_RNE, &ignored)) : soft_s_to_d(single, RM_RNE, &ignored);
}
FP_INLINE u64 fp_fli_h(Hart *h, u64 index) { return (void)h, index == 1 ? fp_box_h(0x0400) : fp_soft_fli(index, 1); }
FP_INLINE u64 fp_fli_s(Hart *h, u64 index) { return (void)h, fp_box(fp_fli_table[index & 31]); }
FP_INLINE u64 fp_fli_d(Hart *h, u64 index) { return (void)h, index == 1 ? 1ull << 52 : fp_soft_fli(index, 0); }
