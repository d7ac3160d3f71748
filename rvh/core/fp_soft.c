/* See fp_soft.h. A value is unpacked into sign, exponent and a 64-bit significand, the exact result is
 * formed with all the bits that matter (the rest jammed into the lowest one), and one function, pack(),
 * does all rounding.
 */
#include "fp_soft.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef int32_t i32;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;

#define INLINE static inline __attribute__((always_inline))

/* A binary interchange format of IEEE 754: precision (hidden bit included) and width of the exponent
 * field. */
typedef struct {
    u8 precision, exponent_bits;
} Format;
static const Format HALF = {11, 5}, BFLOAT = {8, 8}, SINGLE = {24, 8}, DOUBLE = {53, 11};

typedef enum { ZERO, FINITE, INFINITE, QUIET, SIGNALING } Class;

/* FINITE: value = (-1)^sign * sig * 2^(exp - 63), with bit 63 of sig set (subnormals too). */
typedef struct {
    Class class;
    u32 sign;
    i32 exp;
    u64 sig;
} Number;

INLINE i32 bias(Format f)
{
    return (1 << (f.exponent_bits - 1)) - 1;
}

INLINE u64 infinity(Format f, u32 sign)
{
    u64 exponent = (1ull << f.exponent_bits) - 1;
    return ((u64)sign << f.exponent_bits | exponent) << (f.precision - 1);
}

INLINE u64 canonical_nan(Format f)
{
    return infinity(f, 0) | 1ull << (f.precision - 2);
}

INLINE u64 signed_zero(Format f, u32 sign)
{
    return (u64)sign << (f.precision + f.exponent_bits - 1);
}

INLINE Number unpack(Format f, u64 bits)
{
    u64 fraction = bits & ((1ull << (f.precision - 1)) - 1);
    i32 field = (i32)(bits >> (f.precision - 1)) & ((1 << f.exponent_bits) - 1);
    Number n = {ZERO, (u32)(bits >> (f.precision + f.exponent_bits - 1)) & 1, 0, 0};
    if (field == (1 << f.exponent_bits) - 1) {
        n.class = !fraction ? INFINITE : fraction >> (f.precision - 2) ? QUIET : SIGNALING;
    } else if (field) {
        n.class = FINITE;
        n.exp = field - bias(f);
        n.sig = 1ull << 63 | fraction << (64 - f.precision);
    } else if (fraction) {
        int zeros = __builtin_clzll(fraction);
        n.class = FINITE;
        n.exp = 1 - bias(f) - (zeros - (64 - f.precision));
        n.sig = fraction << zeros;
    }
    return n;
}

INLINE int is_nan(Number n)
{
    return n.class >= QUIET;
}

/* Whether rounding adds one unit to the magnitude: `odd` is the last bit kept, `rest` the dropped bits as
 * a fraction of that unit (2^63 is one half), of which the lowest may stand for any number of non-zero
 * bits below. */
INLINE int rounds_up(u32 rm, u32 sign, u64 odd, u64 rest)
{
    switch (rm) {
    case RM_RNE: return rest > 1ull << 63 || (rest == 1ull << 63 && (odd & 1));
    case RM_RDN: return sign && rest;
    case RM_RUP: return !sign && rest;
    case RM_RMM: return rest >> 63;
    default: return 0;
    }
}

INLINE u64 shift_right_jam(u64 v, i32 by)
{
    return by >= 64 ? v != 0 : by ? v >> by | (v << (64 - by) != 0) : v;
}

INLINE u128 shift_right_jam_128(u128 v, i32 by)
{
    return by >= 128 ? v != 0 : by ? v >> by | (v << (128 - by) != 0) : v;
}

/* Rounds (-1)^sign * sig * 2^(exp - 63) to the format; bit 63 of sig is set and bit 0 may be jammed.
 * Tininess is detected after rounding (F extension, "fflags"): a result is tiny if it would be below the
 * least normal number when rounded with an unbounded exponent. */
INLINE u64 pack(Format f, u32 sign, i32 exp, u64 sig, u32 rm, u32 *flags)
{
    const int kept = f.precision, least = 1 - bias(f);
    int tiny = 0;
    if (exp < least) {
        u64 all_ones = ~0ull >> (64 - kept);
        tiny = !(exp == least - 1 && sig >> (64 - kept) == all_ones && rounds_up(rm, sign, 1, sig << kept));
        sig = shift_right_jam(sig, least - exp);
        exp = least;
    }
    u64 rest = sig << kept, whole = sig >> (64 - kept);
    whole += rounds_up(rm, sign, whole, rest);
    if (rest)
        *flags |= FP_NX | (tiny ? FP_UF : 0);
    if (whole >> kept) { /* 1.11..1 became 10.00..0; a subnormal that became 1.00..0 needs nothing */
        whole >>= 1;
        exp++;
    }
    if (exp > bias(f)) {
        *flags |= FP_OF | FP_NX;
        int to_infinity = rm == RM_RNE || rm == RM_RMM || rm == (sign ? RM_RDN : RM_RUP);
        return infinity(f, sign) - !to_infinity;
    }
    u64 field = whole >> (kept - 1) ? (u64)(exp + bias(f)) : 0;
    return signed_zero(f, sign) | field << (kept - 1) | (whole & ((1ull << (kept - 1)) - 1));
}

INLINE u64 pack_128(Format f, u32 sign, i32 exp, u128 sig, u32 rm, u32 *flags)
{
    u64 high = (u64)(sig >> 64), low = (u64)sig;
    int zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll(low);
    sig <<= zeros;
    return pack(f, sign, exp - zeros, (u64)(sig >> 64) | ((u64)sig != 0), rm, flags);
}

/* The result of an operation with a NaN operand. */
INLINE u64 nan_result(Format f, int signaling, u32 *flags)
{
    if (signaling)
        *flags |= FP_NV;
    return canonical_nan(f);
}

INLINE u64 invalid(Format f, u32 *flags)
{
    *flags |= FP_NV;
    return canonical_nan(f);
}

/* The sum of two FINITE values whose significands have 128 bits (value = sig * 2^(exp - 127), top bit
 * set). At least the lowest 20 bits of each are zero, so a bit jammed by the alignment stays below the
 * rounding position. */
INLINE u64 add_128(Format f, u32 a_sign, i32 a_exp, u128 a, u32 b_sign, i32 b_exp, u128 b, u32 rm, u32 *flags)
{
    if (a_exp < b_exp || (a_exp == b_exp && a < b)) {
        u32 sign = a_sign;
        i32 exp = a_exp;
        u128 sig = a;
        a_sign = b_sign, a_exp = b_exp, a = b;
        b_sign = sign, b_exp = exp, b = sig;
    }
    a >>= 1; /* room for the carry */
    b = shift_right_jam_128(b >> 1, a_exp - b_exp);
    u128 sum = a_sign == b_sign ? a + b : a - b;
    if (!sum)
        return signed_zero(f, rm == RM_RDN);
    return pack_128(f, a_sign, a_exp + 1, sum, rm, flags);
}

INLINE u64 add(Format f, u64 a_bits, u64 b_bits, u32 rm, u32 *flags)
{
    Number a = unpack(f, a_bits), b = unpack(f, b_bits);
    if (is_nan(a) || is_nan(b))
        return nan_result(f, a.class == SIGNALING || b.class == SIGNALING, flags);
    if (a.class == INFINITE)
        return b.class == INFINITE && a.sign != b.sign ? invalid(f, flags) : a_bits;
    if (b.class == INFINITE)
        return b_bits;
    if (a.class == ZERO && b.class == ZERO)
        return signed_zero(f, a.sign == b.sign ? a.sign : rm == RM_RDN);
    if (a.class == ZERO)
        return b_bits;
    if (b.class == ZERO)
        return a_bits;
    return add_128(f, a.sign, a.exp, (u128)a.sig << 64, b.sign, b.exp, (u128)b.sig << 64, rm, flags);
}

INLINE u64 mul(Format f, u64 a_bits, u64 b_bits, u32 rm, u32 *flags)
{
    Number a = unpack(f, a_bits), b = unpack(f, b_bits);
    u32 sign = a.sign ^ b.sign;
    if (is_nan(a) || is_nan(b))
        return nan_result(f, a.class == SIGNALING || b.class == SIGNALING, flags);
    if (a.class == INFINITE || b.class == INFINITE)
        return a.class == ZERO || b.class == ZERO ? invalid(f, flags) : infinity(f, sign);
    if (a.class == ZERO || b.class == ZERO)
        return signed_zero(f, sign);
    return pack_128(f, sign, a.exp + b.exp + 1, (u128)a.sig * b.sig, rm, flags);
}

INLINE u64 fma_(Format f, u64 a_bits, u64 b_bits, u64 c_bits, u32 rm, u32 *flags)
{
    Number a = unpack(f, a_bits), b = unpack(f, b_bits), c = unpack(f, c_bits);
    u32 sign = a.sign ^ b.sign;
    int infinite = a.class == INFINITE || b.class == INFINITE, zero = a.class == ZERO || b.class == ZERO;
    /* Invalid even when the addend is a quiet NaN (F extension, fused multiply-add). */
    if (infinite && zero)
        return invalid(f, flags);
    if (is_nan(a) || is_nan(b) || is_nan(c))
        return nan_result(f, a.class == SIGNALING || b.class == SIGNALING || c.class == SIGNALING, flags);
    if (infinite)
        return c.class == INFINITE && c.sign != sign ? invalid(f, flags) : infinity(f, sign);
    if (c.class == INFINITE)
        return c_bits;
    if (zero)
        return c.class == ZERO ? signed_zero(f, sign == c.sign ? sign : rm == RM_RDN) : c_bits;
    u128 product = (u128)a.sig * b.sig;
    i32 exp = a.exp + b.exp + 1;
    if (!(product >> 127)) {
        product <<= 1;
        exp--;
    }
    if (c.class == ZERO)
        return pack_128(f, sign, exp, product, rm, flags);
    return add_128(f, sign, exp, product, c.sign, c.exp, (u128)c.sig << 64, rm, flags);
}

INLINE u64 div_(Format f, u64 a_bits, u64 b_bits, u32 rm, u32 *flags)
{
    Number a = unpack(f, a_bits), b = unpack(f, b_bits);
    u32 sign = a.sign ^ b.sign;
    if (is_nan(a) || is_nan(b))
        return nan_result(f, a.class == SIGNALING || b.class == SIGNALING, flags);
    if (a.class == b.class && a.class != FINITE) /* 0/0, inf/inf */
        return invalid(f, flags);
    if (a.class == ZERO || b.class == INFINITE)
        return signed_zero(f, sign);
    if (b.class == ZERO && a.class == FINITE)
        *flags |= FP_DZ;
    if (a.class == INFINITE || b.class == ZERO)
        return infinity(f, sign);
    int below = a.sig < b.sig; /* shifted so that the quotient has exactly 64 bits */
    u128 dividend = (u128)a.sig << (63 + below);
    u64 quotient = (u64)(dividend / b.sig);
    return pack(f, sign, a.exp - b.exp - below, quotient | (dividend % b.sig != 0), rm, flags);
}

INLINE u64 sqrt_(Format f, u64 bits, u32 rm, u32 *flags)
{
    Number a = unpack(f, bits);
    if (is_nan(a))
        return nan_result(f, a.class == SIGNALING, flags);
    if (a.class == ZERO || (a.class == INFINITE && !a.sign))
        return bits;
    if (a.sign)
        return invalid(f, flags);
    /* The 64-bit root of a 128-bit radicand whose exponent is even, one bit at a time from the top. */
    u128 rest = (u128)a.sig << (63 + (a.exp & 1)), bit = (u128)1 << 126, root = 0;
    for (; bit; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = root >> 1 | bit;
        } else {
            root >>= 1;
        }
    }
    return pack(f, 0, (a.exp - (a.exp & 1)) / 2, (u64)root | (rest != 0), rm, flags);
}

INLINE u64 convert(Format from, Format to, u64 bits, u32 rm, u32 *flags)
{
    Number a = unpack(from, bits);
    if (is_nan(a))
        return nan_result(to, a.class == SIGNALING, flags);
    if (a.class == INFINITE)
        return infinity(to, a.sign);
    if (a.class == ZERO)
        return signed_zero(to, a.sign);
    return pack(to, a.sign, a.exp, a.sig, rm, flags);
}

INLINE u64 from_int(Format f, u32 sign, u64 magnitude, u32 rm, u32 *flags)
{
    if (!magnitude)
        return signed_zero(f, 0);
    int zeros = __builtin_clzll(magnitude);
    return pack(f, sign, 63 - zeros, magnitude << zeros, rm, flags);
}

INLINE u64 to_int(Format f, u64 bits, u32 rm, u32 kind, u32 *flags)
{
    static const u64 greatest[] = {INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    static const u64 least[] = {1ull << 31, 0, 1ull << 63, 0}; /* magnitude of the least value */
    Number a = unpack(f, bits);
    u32 negative = a.sign && !is_nan(a); /* NaN converts like +infinity */
    u64 limit = negative ? least[kind] : greatest[kind], magnitude = 0, rest = 0;
    if (a.class == ZERO)
        return 0;
    int fits = a.class == FINITE && a.exp <= 63;
    if (fits) {
        if (a.exp < 0) {
            rest = shift_right_jam(a.sig, -1 - a.exp);
        } else {
            magnitude = a.sig >> (63 - a.exp);
            rest = a.exp == 63 ? 0 : a.sig << (a.exp + 1);
        }
        magnitude += rounds_up(rm, a.sign, magnitude, rest);
        fits = magnitude <= limit;
    }
    if (!fits) {
        *flags |= FP_NV;
        magnitude = limit;
    } else if (rest) {
        *flags |= FP_NX;
    }
    u64 value = negative ? -magnitude : magnitude;
    return kind <= SOFT_WU ? (u64)(int64_t)(i32)value : value;
}

/* Rounded to an integral value of the same format (Zfa, "FROUND"). */
INLINE u64 to_integral(Format f, u64 bits, u32 rm, int inexact, u32 *flags)
{
    Number a = unpack(f, bits);
    u64 magnitude = 0, rest;
    u32 none = 0;
    if (is_nan(a))
        return nan_result(f, a.class == SIGNALING, flags);
    if (a.class != FINITE || a.exp >= f.precision - 1)
        return bits;
    if (a.exp < 0) {
        rest = shift_right_jam(a.sig, -1 - a.exp);
    } else {
        magnitude = a.sig >> (63 - a.exp);
        rest = a.sig << (a.exp + 1);
    }
    magnitude += rounds_up(rm, a.sign, magnitude, rest);
    if (rest && inexact)
        *flags |= FP_NX;
    return magnitude ? from_int(f, a.sign, magnitude, RM_RTZ, &none) : signed_zero(f, a.sign);
}

#define OPERATIONS(format, T, suffix)                                                    \
    T soft_add_##suffix(T a, T b, u32 rm, u32 *flags) { return (T)add(format, a, b, rm, flags); }        \
    T soft_mul_##suffix(T a, T b, u32 rm, u32 *flags) { return (T)mul(format, a, b, rm, flags); }        \
    T soft_div_##suffix(T a, T b, u32 rm, u32 *flags) { return (T)div_(format, a, b, rm, flags); }       \
    T soft_sqrt_##suffix(T a, u32 rm, u32 *flags) { return (T)sqrt_(format, a, rm, flags); }             \
    T soft_fma_##suffix(T a, T b, T c, u32 rm, u32 *flags) { return (T)fma_(format, a, b, c, rm, flags); } \
    T soft_int_to_##suffix(int negative, u64 magnitude, u32 rm, u32 *flags)              \
    {                                                                                    \
        return (T)from_int(format, (u32)negative, magnitude, rm, flags);                 \
    }                                                                                    \
    u64 soft_##suffix##_to_int(T a, u32 rm, u32 kind, u32 *flags)                                        \
    {                                                                                                    \
        return to_int(format, a, rm, kind, flags);                                                       \
    }                                                                                                    \
    T soft_round_##suffix(T a, u32 rm, int inexact, u32 *flags)                                          \
    {                                                                                                    \
        return (T)to_integral(format, a, rm, inexact, flags);                                            \
    }

OPERATIONS(HALF, u16, h)
OPERATIONS(SINGLE, u32, s)
OPERATIONS(DOUBLE, u64, d)

#define CONVERSION(from, FROM, T_from, to, TO, T_to)                                     \
    T_to soft_##from##_to_##to(T_from a, u32 rm, u32 *flags) { return (T_to)convert(FROM, TO, a, rm, flags); }

CONVERSION(d, DOUBLE, u64, s, SINGLE, u32)
CONVERSION(s, SINGLE, u32, d, DOUBLE, u64)
CONVERSION(h, HALF, u16, s, SINGLE, u32)
CONVERSION(h, HALF, u16, d, DOUBLE, u64)
CONVERSION(s, SINGLE, u32, h, HALF, u16)
CONVERSION(d, DOUBLE, u64, h, HALF, u16)
CONVERSION(bf16, BFLOAT, u16, s, SINGLE, u32)
CONVERSION(s, SINGLE, u32, bf16, BFLOAT, u16)

u64 soft_d_modulo_w(u64 bits, u32 *flags)
{
    Number a = unpack(DOUBLE, bits);
    u64 magnitude = 0;
    soft_d_to_int(bits, RM_RTZ, SOFT_W, flags);
    if (a.class == FINITE && a.exp >= 0 && a.exp < 64 + 32)
        magnitude = a.exp <= 63 ? a.sig >> (63 - a.exp) : a.sig << (a.exp - 63);
    return (u64)(int64_t)(i32)(u32)(a.sign ? -magnitude : magnitude);
}
