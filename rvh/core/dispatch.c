/* Moving between blocks: everything that ends in a tail call but is not an instruction.
 *
 * This is C, not Cython, because every path here must end in a sibling call (see core/runtime.h), which a function keeps
 * only while no address of a local escapes.
 */
#include "runtime.h"
#include "dispatch.h"

/* The header of the block that holds `op`. */
const Op *op_header(const Op *op)
{
    do
        op--;
    while (op->rd != OP_HEADER);
    return op;
}

u32 block_left(const Op *op)
{
    const Op *hdr = op_header(op);
    u32 done = 1; /* the instruction at `op` itself */
    for (const Op *p = hdr + 1; p < op; p++)
        done += p->off != p[1].off; /* pseudo ops share the offset of the instruction they precede */
    return (u32)hdr->imm - done;
}

void raise_at(Hart *h, const Op *op, u64 pc)
{
    h->budget += block_left(op);
    h->nonretired++;
    raise_exception(h, pc + 2 * (u64)op->off, op_header(op), op);
    if (unlikely(h->stop))
        return;
    return jump_to(h, h->pc);
}

void leave_at(Hart *h, u64 pc)
{
    h->pc = pc;
}

void leave_after(Hart *h, const Op *op, u64 pc)
{
    if (op[1].fn == h_fp_dirty)
        fp_mark_dirty(h);
    h->budget += block_left(op);
    h->pc = pc + 2 * (u64)op[1].off;
}

void leave_before(Hart *h, const Op *next, u64 pc)
{
    h->budget += next[-1].imm;
    h->pc = pc;
}

void find_block(Hart *h, u64 pc)
{
    const Op *ops = block_for(h, pc);
    if (unlikely(ops == 0)) /* out of budget while taking fetch faults */
        return;
    return goto_block(h, ops, h->pc);
}

void land(Hart *h, u64 pc)
{
    const JumpEntry *e = &h->jumps[(pc >> 1) & (JUMP_CACHE_SIZE - 1)];
    if (likely(e->pc == pc && e->ctx == h->xctx && e->ops->fn == h_lpad))
        return goto_block(h, e->ops, pc);
    return find_block(h, pc);
}

void follow_link(Hart *h, const Op *op, u64 pc, u64 target, u32 taken)
{
    u64 from = pc + 2 * (u64)op->off;
    if ((from ^ target) & PAGE_MASK)
        return jump_to(h, target);
    const Op *ops = block_linked(h, op, target, taken);
    if (unlikely(ops == 0))
        return;
    return goto_block(h, ops, h->pc);
}

/* The block ended for its length or the end of the page: op->rd is the offset of the next instruction. */
void h_fallthrough(Hart *h, const Op *op, u64 pc)
{
    FOLLOW(h, op, pc, pc + 2 * (u64)op->rd, next);
}

/* First op of a block whose code has been overwritten. */
void h_stale(Hart *h, const Op *op, u64 pc)
{
    h->budget += op[-1].imm;
    return find_block(h, pc);
}

void h_fp_check(Hart *h, const Op *op, u64 pc)
{
    if (unlikely(!fp_allowed(h)))
        return raise_at(h, op, pc);
    NEXT(h, op, pc);
}

void h_fp_dirty(Hart *h, const Op *op, u64 pc)
{
    fp_mark_dirty(h);
    NEXT(h, op, pc);
}

void enter_hart(Hart *h)
{
    if (unlikely(h->elp))
        return land(h, h->pc);
    return jump_to(h, h->pc);
}

void enter_block(Hart *h, const Op *ops)
{
    h->budget -= ops[-1].imm;
    return ops->fn(h, ops, h->pc);
}
