/* Vector loads and stores ("Vector Loads and Stores"). A fault leaves vstart at the element that could not be accessed;
 * those before it have been, and an access that is resumed begins there. */
#include "vector_state.h"

#pragma GCC optimize("O3")

/* One element between memory and a register. The size is known where these are called. */
static inline __attribute__((always_inline)) int element_load(Hart *h, const Op *op, u64 pc, u64 va, u32 eew, u8 *to)
{
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    if (likely(e->rtag == TLB_KEY(h, va, 1u << eew))) {
        memcpy(to, (const void *)(uintptr_t)(va + e->addend), 1u << eew);
        return 1;
    }
    if (!slow_load(h, op, pc, va, 1u << eew, HOW_PLAIN))
        return 0;
    memcpy(to, &h->result, 1u << eew);
    return 1;
}

static inline __attribute__((always_inline)) int element_store(Hart *h, const Op *op, u64 pc, u64 va, u32 eew, const u8 *from)
{
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    u64 value = 0;
    if (likely(e->wtag == TLB_KEY(h, va, 1u << eew))) {
        memcpy((void *)(uintptr_t)(va + e->addend), from, 1u << eew);
        return 1;
    }
    memcpy(&value, from, 1u << eew);
    return slow_store(h, op, pc, va, 1u << eew, HOW_PLAIN, value);
}

static int faulted(Hart *h, u64 i)
{
    h->vstart = i;
    mark_dirty(h);
    return 0;
}

/* Where n bytes at va lie in host memory, if they are in one page that the TLB knows; else NULL. */
static inline u8 *host_of(const Hart *h, u64 va, u64 n, int store)
{
    const TlbEntry *e = &h->tlb[TLB_INDEX(va)];
    if (unlikely((va & 0xfff) + n > 4096 || (store ? e->wtag : e->rtag) != TLB_KEY(h, va, 1)))
        return 0;
    return (u8 *)(uintptr_t)(va + e->addend);
}

/* What a load or store accesses: element i of field f is at base + offset(i) + (f << eew), and in the registers at
 * group + f * apart + (i << eew). offset(i) is i * stride, or with `index` what that holds. */
typedef struct {
    u64 base, stride, apart;
    const u8 *index;
    u8 *group;
    u32 index_width, fields;
    int unmasked, store, first_only; /* first_only: the fault of a later element only shortens the vector */
} Access;

/* Ended by a fault at element i. */
static int cut_short(Hart *h, const Access *a, u64 i)
{
    if (!a->first_only || i == 0 || h->exc_cause == CAUSE_BREAKPOINT) /* a trigger's event would be lost */
        return faulted(h, i);
    h->vl = i;
    return done(h);
}

/* Consecutive elements, from `first` to n: what lies in a page that the TLB knows is copied at once. */
static inline __attribute__((always_inline)) int consecutive(Hart *h, const Op *op, u64 pc, const Access *a, u64 first, u64 n,
                                                             u32 eew)
{
    for (u64 i = first; i < n;) {
        u64 at = a->base + (i << eew), room = (4096 - (at & 0xfff)) >> eew, count = n - i < room ? n - i : room;
        u8 *p = a->group + (i << eew), *host = count ? host_of(h, at, count << eew, a->store) : 0;
        if (likely(host != 0)) {
            a->store ? v_copy(host, p, count << eew) : v_copy(p, host, count << eew);
            i += count;
            continue;
        }
        if (!(a->store ? element_store(h, op, pc, at, eew, p) : element_load(h, op, pc, at, eew, p)))
            return cut_short(h, a, i);
        i++;
    }
    return done(h);
}

static inline u64 index_of(const Access *a, u64 i)
{
    switch (a->index_width) {
    case 0: return a->index[i];
    case 1: return ((const u16 *)a->index)[i];
    case 2: return ((const u32 *)a->index)[i];
    default: return ((const u64 *)a->index)[i];
    }
}

/* All elements in host memory at `host`. */
static inline __attribute__((always_inline)) void in_one_page(const Access *a, u8 *host, u64 n, u32 eew)
{
    const u64 stride = a->stride;
    const u32 fields = a->fields;
    const int store = a->store;
    for (u32 f = 0; f < fields; f++) {
        u8 *p = a->group + f * a->apart, *q = host + (f << eew);
        for (u64 i = 0; i < n; i++, p += 1u << eew, q += stride)
            store ? memcpy(q, p, 1u << eew) : memcpy(p, q, 1u << eew);
    }
}

static inline __attribute__((always_inline)) int elements(Hart *h, const Op *op, u64 pc, const Access *a, u32 eew)
{
    u64 size = (u64)a->fields << eew;
    if (!a->index && a->unmasked && !h->vstart && h->vl && a->stride <= 4096 && (a->stride >= size || !a->store)) {
        u8 *host = host_of(h, a->base, (h->vl - 1) * a->stride + size, a->store);
        if (host) {
            in_one_page(a, host, h->vl, eew);
            return done(h);
        }
    }
    for (u64 i = h->vstart; i < h->vl; i++) {
        if (!a->unmasked && !mask_bit(h->vreg, i))
            continue;
        u64 offset = a->index ? index_of(a, i) : i * a->stride;
        for (u32 f = 0; f < a->fields; f++) {
            u8 *p = a->group + f * a->apart + (i << eew);
            u64 va = a->base + offset + ((u64)f << eew);
            if (!(a->store ? element_store(h, op, pc, va, eew, p) : element_load(h, op, pc, va, eew, p)))
                return cut_short(h, a, i);
        }
    }
    return done(h);
}

/* The same by the element's size, which the compiler then knows. */
static int access_elements(Hart *h, const Op *op, u64 pc, const Access *a, u32 eew)
{
    switch (eew) {
    case 0: return elements(h, op, pc, a, 0);
    case 1: return elements(h, op, pc, a, 1);
    case 2: return elements(h, op, pc, a, 2);
    default: return elements(h, op, pc, a, 3);
    }
}

static int access_consecutive(Hart *h, const Op *op, u64 pc, const Access *a, u64 n, u32 eew)
{
    u64 first = h->vstart;
    switch (eew) {
    case 0: return consecutive(h, op, pc, a, first, n, 0);
    case 1: return consecutive(h, op, pc, a, first, n, 1);
    case 2: return consecutive(h, op, pc, a, first, n, 2);
    default: return consecutive(h, op, pc, a, first, n, 3);
    }
}

/* Checks a unit-stride or strided access; its EMUL goes to *emul. */
static int access_legal(Hart *h, u32 w, i32 *emul, int store)
{
    u32 eew = v_width(w), nf = (w >> 29) + 1, vd = w >> 7 & 31;
    *emul = vlmul(h) + (i32)eew - (i32)vsew(h);
    return *emul >= -3 && *emul <= 3 && aligned(vd, *emul) && nf * registers(*emul) <= 8 &&
           vd + nf * registers(*emul) <= 32 && (eew < 3 || h->ext & EXT_ZVE64X) && (store || w >> 25 & 1 || vd != 0);
}

static int strided(Hart *h, const Op *op, u64 pc, u64 stride, int store, int first_only)
{
    u32 w = (u32)op->imm, eew = v_width(w), nf = (w >> 29) + 1;
    i32 emul;
    if (!begin(h, 0))
        return 0;
    if (!access_legal(h, w, &emul, store))
        return illegal(h);
    Access a = {.base = h->x[w >> 15 & 31], .stride = stride, .apart = registers(emul) * h->vlenb,
                .group = reg(h, w >> 7 & 31), .fields = nf, .unmasked = (int)vm(op), .store = store,
                .first_only = first_only};
    if (a.unmasked && nf == 1 && stride == 1ull << eew)
        return access_consecutive(h, op, pc, &a, h->vl, eew);
    return access_elements(h, op, pc, &a, eew);
}

/* The bytes of one element of each field. */
static u64 unit(const Op *op, u32 eew)
{
    return (u64)(((u32)op->imm >> 29) + 1) << eew;
}

int v_load_unit(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 0, 0); }
int v_store_unit(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 1, 0); }
int v_load_first(Hart *h, const Op *op, u64 pc, u32 eew) { return strided(h, op, pc, unit(op, eew), 0, 1); }

/* x0 is a stride of 0 like any other. */
int v_load_strided(Hart *h, const Op *op, u64 pc) { return strided(h, op, pc, h->x[(u32)op->imm >> 20 & 31], 0, 0); }
int v_store_strided(Hart *h, const Op *op, u64 pc) { return strided(h, op, pc, h->x[(u32)op->imm >> 20 & 31], 1, 0); }

static int indexed(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm, width = v_width(w), nf = (w >> 29) + 1, vd = w >> 7 & 31, vs2 = w >> 20 & 31;
    u64 base = h->x[w >> 15 & 31];
    if (!begin(h, 0))
        return 0;
    i32 lmul = vlmul(h), emul = lmul + (i32)width - (i32)vsew(h);
    u32 sew = vsew(h), n = registers(lmul);
    if (emul < -3 || emul > 3 || (width == 3 && !(h->ext & EXT_ZVE64X)) || !aligned(vd, lmul) || !aligned(vs2, emul) ||
        nf * n > 8 || vd + nf * n > 32)
        return illegal(h);
    for (u32 f = 0; !store && f < nf; f++) {
        u32 to = vd + f * n;
        int clash = width > sew ? narrowing_clash(to, lmul, vs2, emul) : width < sew && widening_clash(to, lmul, vs2, emul);
        if (clash || (nf > 1 && overlap(to, n, vs2, registers(emul))))
            return illegal(h);
    }
    if (!store && !vm(op) && vd == 0)
        return illegal(h);
    Access a = {.base = base, .apart = n * h->vlenb, .index = reg(h, vs2), .group = reg(h, vd), .index_width = width,
                .fields = nf, .unmasked = (int)vm(op), .store = store};
    return access_elements(h, op, pc, &a, sew);
}

int v_load_indexed(Hart *h, const Op *op, u64 pc) { return indexed(h, op, pc, 0); }
int v_store_indexed(Hart *h, const Op *op, u64 pc) { return indexed(h, op, pc, 1); }

static int whole(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm, eew = v_width(w), n = (w >> 29) + 1, vd = w >> 7 & 31;
    if (!allowed(h))
        return 0;
    if (vd & (n - 1) || (eew == 3 && !(h->ext & EXT_ZVE64X)))
        return illegal(h);
    Access a = {.base = h->x[w >> 15 & 31], .group = reg(h, vd), .store = store};
    return access_consecutive(h, op, pc, &a, n * h->vlenb >> eew, eew);
}

int v_load_whole(Hart *h, const Op *op, u64 pc) { return whole(h, op, pc, 0); }
int v_store_whole(Hart *h, const Op *op, u64 pc) { return whole(h, op, pc, 1); }

static int mask_access(Hart *h, const Op *op, u64 pc, int store)
{
    u32 w = (u32)op->imm;
    if (!begin(h, 0))
        return 0;
    Access a = {.base = h->x[w >> 15 & 31], .group = reg(h, w >> 7 & 31), .store = store};
    return access_consecutive(h, op, pc, &a, (h->vl + 7) / 8, 0);
}

int v_load_mask(Hart *h, const Op *op, u64 pc) { return mask_access(h, op, pc, 0); }
int v_store_mask(Hart *h, const Op *op, u64 pc) { return mask_access(h, op, pc, 1); }
