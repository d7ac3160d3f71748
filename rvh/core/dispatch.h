/* What core/dispatch.c offers to the Cython core, and what it needs from it. */
#ifndef RVH_DISPATCH_H
#define RVH_DISPATCH_H
#include "runtime.h"

/* The header of the block that holds `op`. */
const Op *op_header(const Op *op);
/* Instructions of op's block that come after op. */
u32 block_left(const Op *op);
void h_fallthrough(Hart *h, const Op *op, u64 pc);
void h_stale(Hart *h, const Op *op, u64 pc);
void h_fp_check(Hart *h, const Op *op, u64 pc);
void h_fp_dirty(Hart *h, const Op *op, u64 pc);
void h_lpad(Hart *h, const Op *op, u64 pc); /* generated */
/* Runs from h->pc until the budget is used up or something asks to stop. */
void enter_hart(Hart *h);
/* Runs one block, already found, from h->pc, whatever the budget. */
void enter_block(Hart *h, const Op *ops);

/* core/blocks.pxi: the block at pc or, after fetch faults were taken, at the new h->pc; NULL: leave the run loop. */
const Op *block_for(Hart *h, u64 pc);
const Op *block_linked(Hart *h, const Op *op, u64 target, u32 taken);
/* core/memory.pxi: fetches the instruction's bits and calls trap_take. */
void raise_exception(Hart *h, u64 epc, const Op *header, const Op *op);
int fp_allowed(Hart *h);
void fp_mark_dirty(Hart *h);
#endif
