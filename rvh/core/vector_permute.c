/* Vector instructions on masks, and those that move elements from one number to another: "Vector Mask Instructions",
 * "Vector Permutation Instructions". */
#include "vector_state.h"

#pragma GCC optimize("O3")

/* DO(T) for the unsigned type of elements of this size */
#define BY_SIZE(size, DO)                                                    \
    switch (size) {                                                          \
    case 0: DO(u8); break;                                                   \
    case 1: DO(u16); break;                                                  \
    case 2: DO(u32); break;                                                  \
    default: DO(u64);                                                        \
    }

/* ---- masks, 64 bits at a time */

/* Bits i to i+63 of a mask register; i is a multiple of 64. There are always eight bytes to read: those that are not of
 * this register, where VLEN is 32, are of the next one or lie behind the last. */
static inline u64 mask_word(const u8 *mask, u64 i)
{
    u64 word;
    memcpy(&word, mask + (i >> 3), 8);
    return word;
}

/* Which of them are active elements. */
static inline u64 active_word(const Hart *h, const Op *op, u64 i)
{
    u64 left = h->vl - i, body = left < 64 ? (1ull << left) - 1 : ~0ull;
    return vm(op) ? body : body & mask_word(h->vreg, i);
}

static inline void set_mask_word(u8 *mask, u64 i, u64 value, u64 write)
{
    u64 word = (mask_word(mask, i) & ~write) | (value & write);
    memcpy(mask + (i >> 3), &word, 8);
}

int v_mask_logic(Hart *h, const Op *op, u64 pc, u32 which)
{
    u32 w = (u32)op->imm;
    u8 *vd = reg(h, w >> 7 & 31);
    const u8 *a = reg(h, w >> 20 & 31), *b = reg(h, w >> 15 & 31);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    for (u64 i = 0; i < h->vl; i += 64) {
        u64 x = mask_word(a, i), y = mask_word(b, i), r;
        switch (which) {
        case 0: r = x & ~y; break;
        case 1: r = x & y; break;
        case 2: r = x | y; break;
        case 3: r = x ^ y; break;
        case 4: r = x | ~y; break;
        case 5: r = ~(x & y); break;
        case 6: r = ~(x | y); break;
        default: r = ~(x ^ y);
        }
        set_mask_word(vd, i, r, active_word(h, op, i)); /* always unmasked: vm is 1 */
    }
    return done(h);
}

/* vcpop.m, and vfirst.m with `first`. */
int v_count(Hart *h, const Op *op, u64 pc, u32 first)
{
    const u8 *vs2 = reg(h, (u32)op->imm >> 20 & 31);
    u64 count = 0, at = ~0ull;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    for (u64 i = 0; i < h->vl; i += 64) {
        u64 word = mask_word(vs2, i) & active_word(h, op, i);
        count += (u64)__builtin_popcountll(word);
        if (word && at == ~0ull)
            at = i + (u64)__builtin_ctzll(word);
    }
    h->x[op->rd] = first ? at : count;
    return done(h);
}

/* vmsbf.m (1), vmsof.m (2), vmsif.m (3): bit 0 of `which`: elements before the first set one; bit 1: that one. */
int v_set_first(Hart *h, const Op *op, u64 pc, u32 which)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31, found = 0;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (vd == vs2 || (!vm(op) && vd == 0))
        return illegal(h);
    for (u64 i = 0; i < h->vl; i += 64) {
        u64 active = active_word(h, op, i), word = mask_word(reg(h, vs2), i) & active, lowest = word & -word;
        u64 value = (which & 1 ? lowest - 1 : 0) | (which & 2 ? lowest : 0); /* lowest - 1: all ones if there is none */
        set_mask_word(reg(h, vd), i, found ? 0 : value, active);
        found |= word != 0;
    }
    return done(h);
}

/* ---- elements by number */

/* Where the result of an instruction is built: in its place, or, if only active elements may change, in a buffer. */
static inline u8 *result(Hart *h, const Op *op, u8 *buffer)
{
    return vm(op) ? reg(h, (u32)op->imm >> 7 & 31) : buffer;
}

/* Takes the result's elements from number `first` on out of the buffer. */
static int put(Hart *h, const Op *op, const u8 *buffer, u64 first)
{
    u8 active[VREG_MAX];
    u32 size = vsew(h);
    if (!vm(op) && first < h->vl) {
        expand_mask(active, h->vreg, h->vl);
        take_active(reg(h, (u32)op->imm >> 7 & 31) + (first << size), buffer + (first << size), active + first,
                    h->vl - first, size);
    }
    return done(h);
}

int v_iota(Hart *h, const Op *op, u64 pc)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31, count = 0;
    u8 buffer[VREG_MAX] __attribute__((aligned(64))), bits[VREG_MAX], active[VREG_MAX];
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((!vm(op) && vd == 0) || !aligned(vd, vlmul(h)) || overlap(vd, registers(vlmul(h)), vs2, 1))
        return illegal(h);
    u64 n = h->vl;
    u8 *to = result(h, op, buffer);
    expand_mask(bits, reg(h, vs2), n);
    if (!vm(op)) {
        expand_mask(active, h->vreg, n);
        for (u64 i = 0; i < n; i++)
            bits[i] &= active[i];
    }
#define IOTA(T)                                                              \
    for (u64 i = 0; i < n; i++) {                                            \
        ((T *)to)[i] = (T)count;                                             \
        count += bits[i];                                                    \
    }
    BY_SIZE(vsew(h), IOTA)
    return put(h, op, buffer, 0);
}

int v_id(Hart *h, const Op *op, u64 pc)
{
    u32 vd = (u32)op->imm >> 7 & 31;
    u8 buffer[VREG_MAX] __attribute__((aligned(64)));
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((!vm(op) && vd == 0) || !aligned(vd, vlmul(h)))
        return illegal(h);
    u32 n = (u32)h->vl;
    u8 *to = result(h, op, buffer);
#define ID(T)                                                                \
    for (u32 i = 0; i < n; i++)                                              \
        ((T *)to)[i] = (T)i;
    BY_SIZE(vsew(h), ID)
    return put(h, op, buffer, 0);
}

/* Whether vd and vs2 are groups of LMUL registers that a slide or gather may use. */
static int groups_legal(Hart *h, const Op *op, int apart)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    return aligned(vd, vlmul(h)) && aligned(vs2, vlmul(h)) && (vm(op) || vd != 0) && !(apart && vd == vs2);
}

static u64 amount(const Hart *h, u32 w, u32 form)
{
    return form == FORM_X ? h->x[w >> 15 & 31] : w >> 15 & 31;
}

/* Element i of the result is element i - by of vs2. */
static void move_up(Hart *h, const Op *op, u8 *to, u64 by)
{
    u32 size = vsew(h);
    if (by < h->vl)
        memcpy(to + (by << size), reg(h, (u32)op->imm >> 20 & 31), (h->vl - by) << size);
}

/* Element i of the result is element i + by of vs2, or 0 where that has none. */
static void move_down(Hart *h, const Op *op, u8 *to, u64 by)
{
    u32 size = vsew(h);
    u64 there = by < h->vlmax ? h->vlmax - by : 0, n = there < h->vl ? there : h->vl;
    memmove(to, reg(h, (u32)op->imm >> 20 & 31) + (n ? by << size : 0), n << size);
    memset(to + (n << size), 0, (h->vl - n) << size);
}

int v_slide_up(Hart *h, const Op *op, u64 pc, u32 form)
{
    u8 buffer[VREG_MAX] __attribute__((aligned(64)));
    u64 by = amount(h, (u32)op->imm, form);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 1))
        return illegal(h);
    move_up(h, op, result(h, op, buffer), by);
    return put(h, op, buffer, by);
}

int v_slide_down(Hart *h, const Op *op, u64 pc, u32 form)
{
    u8 buffer[VREG_MAX] __attribute__((aligned(64)));
    u64 by = amount(h, (u32)op->imm, form);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 0))
        return illegal(h);
    move_down(h, op, result(h, op, buffer), by);
    return put(h, op, buffer, 0);
}

/* Whether floats of this SEW are there: what moves, slides and merges of f registers need. */
static int has_float(const Hart *h)
{
    static const u128 needs[4] = {0, EXT_ZVFH, EXT_ZVE32F, EXT_ZVE64D};
    return vsew(h) < 4 && h->ext & needs[vsew(h)];
}

/* vslide1up (up) and vslide1down, of x registers (FORM_X) and of f registers. */
int v_slide_1(Hart *h, const Op *op, u64 pc, u32 form, u32 up)
{
    u32 w = (u32)op->imm, size = vsew(h);
    u8 buffer[VREG_MAX] __attribute__((aligned(64)));
    (void)pc;
    if (!begin(h, 1) || (form == FORM_F && !begin_float(h)))
        return 0;
    if (!groups_legal(h, op, (int)up) || (form == FORM_F && !has_float(h)))
        return illegal(h);
    u64 x = scalar_of(h, w >> 15 & 31, form, size, 0);
    u8 *to = result(h, op, buffer);
    (up ? move_up : move_down)(h, op, to, 1);
    if (h->vl)
        memcpy(to + ((up ? 0 : h->vl - 1) << size), &x, 1u << size);
    return put(h, op, buffer, 0);
}

#define GATHER_BY(T, I)                                                      \
    for (u64 i = 0; i < n; i++) {                                            \
        u64 at = ((const I *)index)[i];                                      \
        ((T *)to)[i] = at < most ? ((const T *)from)[at] : 0;                \
    }
#define GATHER(T) GATHER_BY(T, T)
#define GATHER_16(T) GATHER_BY(T, u16)

/* vrgather, and vrgatherei16 with `ei16`. */
int v_gather(Hart *h, const Op *op, u64 pc, u32 form, u32 ei16)
{
    u32 w = (u32)op->imm, size = vsew(h), vd = w >> 7 & 31, vs1 = w >> 15 & 31, index_size = ei16 ? 1 : size;
    u8 buffer[VREG_MAX] __attribute__((aligned(64)));
    u64 most = h->vlmax, n = h->vl, x = amount(h, w, form);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    i32 lmul = vlmul(h), emul = lmul + (i32)index_size - (i32)size;
    if (!groups_legal(h, op, 1))
        return illegal(h);
    if (form == FORM_V && (emul < -3 || emul > 3 || !aligned(vs1, emul) || overlap(vd, registers(lmul), vs1, registers(emul))))
        return illegal(h);
    u8 *to = result(h, op, buffer);
    const u8 *from = reg(h, w >> 20 & 31), *index = reg(h, vs1);
    if (form != FORM_V) {
        u64 value = 0;
        if (x < most)
            memcpy(&value, from + (x << size), 1u << size);
        spread(to, value, n, size);
    } else if (ei16) {
        BY_SIZE(size, GATHER_16)
    } else {
        BY_SIZE(size, GATHER)
    }
    return put(h, op, buffer, 0);
}

int v_compress(Hart *h, const Op *op, u64 pc)
{
    u32 w = (u32)op->imm, size = vsew(h), vd = w >> 7 & 31, vs1 = w >> 15 & 31;
    u8 out[VREG_MAX] __attribute__((aligned(64))), bits[VREG_MAX];
    u64 n = h->vl, to = 0;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!groups_legal(h, op, 1) || overlap(vd, registers(vlmul(h)), vs1, 1))
        return illegal(h);
    const u8 *from = reg(h, w >> 20 & 31);
    expand_mask(bits, reg(h, vs1), n);
#define COMPRESS(T)                                                          \
    for (u64 i = 0; i < n; i++) {                                            \
        ((T *)out)[to] = ((const T *)from)[i];                               \
        to += bits[i];                                                       \
    }
    BY_SIZE(size, COMPRESS)
    memcpy(reg(h, vd), out, to << size);
    return done(h);
}

static u64 first_element(Hart *h, u32 n, u32 size)
{
    u64 value = 0;
    memcpy(&value, reg(h, n), 1u << size);
    return value;
}

/* vmv.s.x (in), vmv.x.s: the groups need not be aligned, LMUL does not count. */
int v_move_scalar(Hart *h, const Op *op, u64 pc, u32 in)
{
    u32 w = (u32)op->imm, size = vsew(h), unused = 64 - (8u << size);
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if (!in)
        h->x[op->rd] = (u64)((i64)(first_element(h, w >> 20 & 31, size) << unused) >> unused);
    else if (h->vl)
        memcpy(reg(h, w >> 7 & 31), &h->x[w >> 15 & 31], 1u << size);
    return done(h);
}

/* vfmv.s.f (in), vfmv.f.s */
int v_move_float(Hart *h, const Op *op, u64 pc, u32 in)
{
    u32 w = (u32)op->imm, size = vsew(h);
    (void)pc;
    if (!begin(h, 1) || !begin_float(h))
        return 0;
    if (!has_float(h))
        return illegal(h);
    if (in) {
        u64 x = scalar_of(h, w >> 15 & 31, FORM_F, size, 0);
        if (h->vl)
            memcpy(reg(h, w >> 7 & 31), &x, 1u << size);
        return done(h);
    }
    u64 value = first_element(h, w >> 20 & 31, size);
    h->f[op->rd] = size == 3 ? value : size == 2 ? fp_box((u32)value) : fp_box_h((u32)value);
    fp_mark_dirty(h);
    return done(h);
}

int v_move_whole(Hart *h, const Op *op, u64 pc, u32 n)
{
    u32 w = (u32)op->imm, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    (void)pc;
    if (!begin(h, 1))
        return 0;
    if ((vd | vs2) & (n - 1))
        return illegal(h);
    memmove(reg(h, vd), reg(h, vs2), n * h->vlenb);
    return done(h);
}
