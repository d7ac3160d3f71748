/* What atomic memory operations compute (unprivileged manual, "A" and "Zacas"). */
#include "mmio/mmio.h"

static i64 add(i64 old, i64 operand) { return (i64)((u64)old + (u64)operand); }
static i64 swap(i64 old, i64 operand) { return (void)old, operand; }
static i64 xor(i64 old, i64 operand) { return old ^ operand; }
static i64 or(i64 old, i64 operand) { return old | operand; }
static i64 and(i64 old, i64 operand) { return old & operand; }
static i64 min(i64 old, i64 operand) { return old < operand ? old : operand; }
static i64 max(i64 old, i64 operand) { return old > operand ? old : operand; }
/* Sign extension keeps the order of unsigned numbers too. */
static i64 minu(i64 old, i64 operand) { return (u64)old < (u64)operand ? old : operand; }
static i64 maxu(i64 old, i64 operand) { return (u64)old > (u64)operand ? old : operand; }

enum { AMOCAS = 5 };

static i64 (*const operations[])(i64, i64) = {      /* by funct5 */
    [0] = add, [1] = swap, [4] = xor, [AMOCAS] = swap, [8] = or, [12] = and, [16] = min, [20] = max, [24] = minu,
    [28] = maxu,
};

bool mmio_amo(u32 function, i64 old, i64 operand, i64 compare, u64 *new)
{
    if (function >= ARRAY_LEN(operations) || !operations[function] || (function == AMOCAS && old != compare))
        return false;
    *new = (u64)operations[function](old, operand);
    return true;
}
