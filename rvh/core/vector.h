/* The vector instructions' helpers (core/vector.c) and the forms of operands that generated handlers name. */
#ifndef RVH_VECTOR_H
#define RVH_VECTOR_H

#include "runtime.h"
#include "vector_ops.h"
#include "group_ops.h"

/* What stands in the field of vs1: a register group, an x register, a signed or unsigned immediate, an f register, the
 * low five bits of an immediate whose bit 5 is bit 26. */
enum { FORM_V, FORM_X, FORM_I, FORM_U, FORM_F, FORM_NONE, FORM_U6 };
enum { VSET_I, VSET_II, VSET_R };
/* Operands of instructions on element groups: vs2 and vs1; vs2; vs2's first group for all; vs2 and an immediate. */
enum { GROUP_VV, GROUP_V, GROUP_VS, GROUP_I };

/* All return 1, or 0 when they have recorded an exception. op->imm holds the instruction's bits. */
int v_set(Hart *h, const Op *op, u64 pc, u32 kind);
int v_arith(Hart *h, const Op *op, u64 pc, u32 operation, u32 form);
int v_group(Hart *h, const Op *op, u64 pc, u32 operation, u32 form);
int v_reduce(Hart *h, const Op *op, u64 pc, u32 operation);
int v_mask_logic(Hart *h, const Op *op, u64 pc, u32 which);
int v_count(Hart *h, const Op *op, u64 pc, u32 first);
int v_set_first(Hart *h, const Op *op, u64 pc, u32 which);
int v_iota(Hart *h, const Op *op, u64 pc);
int v_id(Hart *h, const Op *op, u64 pc);
int v_slide_up(Hart *h, const Op *op, u64 pc, u32 form);
int v_slide_down(Hart *h, const Op *op, u64 pc, u32 form);
int v_slide_1(Hart *h, const Op *op, u64 pc, u32 form, u32 up);
int v_move_float(Hart *h, const Op *op, u64 pc, u32 in);
int v_gather(Hart *h, const Op *op, u64 pc, u32 form, u32 ei16);
int v_compress(Hart *h, const Op *op, u64 pc);
int v_move_scalar(Hart *h, const Op *op, u64 pc, u32 in);
int v_move_whole(Hart *h, const Op *op, u64 pc, u32 n);
int v_load_unit(Hart *h, const Op *op, u64 pc);
int v_load_first(Hart *h, const Op *op, u64 pc);
int v_load_strided(Hart *h, const Op *op, u64 pc);
int v_load_indexed(Hart *h, const Op *op, u64 pc);
int v_load_whole(Hart *h, const Op *op, u64 pc);
int v_load_mask(Hart *h, const Op *op, u64 pc);
int v_store_unit(Hart *h, const Op *op, u64 pc);
int v_store_strided(Hart *h, const Op *op, u64 pc);
int v_store_indexed(Hart *h, const Op *op, u64 pc);
int v_store_whole(Hart *h, const Op *op, u64 pc);
int v_store_mask(Hart *h, const Op *op, u64 pc);

/* core/status.pxi: whether vector and floating-point state may be used now; if not, the exception is recorded. */
int v_allowed(Hart *h);
int fp_allowed(Hart *h);
#endif
