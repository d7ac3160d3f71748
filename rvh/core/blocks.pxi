# Decoded code: building blocks, finding them, and dropping them when the code under them is overwritten.
#
# A block is a run of instructions to the next branch, the end of its page or BLOCK_MAX, keyed by physical address: it
# survives fences, address-space and VM switches, and all harts share it. In memory:
#
#     op -2  Links{taken: next block in the hash bucket, next: next block of the same page, or the raw instruction}
#     op -1  header: rd = OP_HEADER, fn = physical address, imm = instructions, off = BLOCK_* flags, rs1 = slots from
#            op 0 to the end of the links, rs2 = length of the code in halfwords
#     op 0.. the ops, pseudo ops (FP checks) among them, the last a terminator, then Links where it has known successors
#
# Blocks live in one arena that only grows; a block whose code changed gets h_stale as its first handler, so that jump
# caches and links need not be searched. When the arena is full everything is dropped at once.

cdef enum:
    BLOCK_RAW = 1  # one instruction whose bits are in the block itself (straddling or uncached)

    DECODE_OK = 1
    DECODE_END = 2
    DECODE_LINK = 4
    DECODE_FPREAD = 8
    DECODE_FPWRITE = 16
    DECODE_NEXT_RD = 64
    DECODE_NEXT_RS1 = 128
    DECODE_NEXT_RS2 = 256

    # Room a block may need: two slots in front, the ops with up to two pseudo ops, a terminator and its links.
    BLOCK_OPS_MAX = BLOCK_MAX + 8


cdef inline u32 bucket_of(u64 pa) noexcept nogil:
    return <u32>((pa >> 1) ^ (pa >> 15)) & (BUCKETS - 1)


cdef void code_forget_all(Board *b) noexcept nogil:
    """Drops every decoded block. Only while no block is being executed, or in the tail of one."""
    cdef u32 i
    memset(b.buckets, 0, sizeof(b.buckets))
    memset(b.straddle_ops, 0, sizeof(b.straddle_ops))
    memset(b.page_blocks, 0, (b.ram_size >> 12) * sizeof(Op *))
    memset(b.code_mask, 0, (b.ram_size >> 12) * sizeof(u64))
    b.arena_used = 0
    b.arena_gen += 1
    for i in range(b.n_harts):
        jumps_forget(b.harts[i])


cdef void code_mark(Board *b, u64 pa, u64 size) noexcept nogil:
    """Notes that [pa, pa+size), inside one page, holds decoded code; stores to that page lose their write tags."""
    cdef u64 page = (pa - b.ram_base) >> 12, host
    cdef u64 first = (pa >> 6) & 63, last = ((pa + size - 1) >> 6) & 63
    cdef u32 i, j
    cdef Hart *h
    cdef TlbEntry *e
    if b.code_mask[page] == 0:
        host = <u64><size_t>(b.ram + (page << 12))
        for i in range(b.n_harts):
            h = b.harts[i]
            for j in range(TLB_SIZE):
                e = &h.tlb[j]
                if e.wtag != TLB_NONE and (e.wtag & PAGE_MASK) + e.addend == host:
                    if e.rtag == e.wtag:
                        h.tlb_shift[j] |= TLBF_WRITE
                    e.wtag = TLB_NONE
    b.code_mask[page] |= ((<u64>2 << last) - 1) & ~((<u64>1 << first) - 1)


cdef void bucket_remove(Board *b, Op *ops) noexcept nogil:
    cdef u32 bucket = bucket_of(<u64><size_t>(ops - 1).fn)
    cdef Op *p = b.buckets[bucket]
    cdef Links *links = <Links *>(ops - 2)
    if p == ops:
        b.buckets[bucket] = <Op *>links.taken
        return
    while p != NULL:
        if (<Links *>(p - 2)).taken == ops:
            (<Links *>(p - 2)).taken = links.taken
            return
        p = <Op *>(<Links *>(p - 2)).taken


cdef void code_invalidate(Board *b, u64 page) noexcept nogil:
    """The code in RAM page number `page` has been written to: no block made from it may be entered again."""
    cdef Op *p = b.page_blocks[page]
    cdef u64 pa = b.ram_base + (page << 12)
    cdef u32 i
    cdef Hart *h
    while p != NULL:
        bucket_remove(b, p)
        p.fn = h_stale
        p = <Op *>(<Links *>(p - 2)).next
    b.page_blocks[page] = NULL
    b.code_mask[page] = 0
    for i in range(STRADDLES):
        if b.straddle_ops[i] != NULL and (b.straddle_pa1[i] & PAGE_MASK == pa or b.straddle_pa2[i] == pa):
            b.straddle_ops[i].fn = h_stale
            b.straddle_ops[i] = NULL
    b.n_invalidations += 1
    # The block being executed may be among them: leave it after this instruction.
    h = b.harts[b.current]
    h.stop = 1


cdef void code_written(Board *b, u64 pa, u64 size) noexcept nogil:
    """As ram_written, for a range of any length inside RAM (device DMA, the Python API)."""
    cdef u64 end = pa + size, n
    while pa < end:
        n = min(4096 - (pa & 0xFFF), end - pa)
        ram_written(b, pa, n)
        pa += n


cdef Op *block_build(Hart *h, Op *block, const u8 *host, u64 pa, u32 room, u32 most, u32 raw, bint is_raw) noexcept nogil:
    """Decodes from `host` (`room` bytes of code up to the page's end; or the one instruction `raw`) into the memory at
    `block`; returns its first op. At least one instruction is always decoded."""
    cdef Op *ops = block + 2
    cdef Op *op = ops
    cdef u32 off = 0, n = 0, bits, length, kind = 0, fp = 0
    cdef u64 low = <u64>h.ext, high = <u64>(h.ext >> 64)
    cdef Links *links = <Links *>block
    while True:
        if is_raw:
            bits = raw
        else:
            bits = (<u16 *>(host + off))[0]
            if bits & 3 == 3:
                if off + 4 > room:
                    break  # it straddles: a block of its own
                bits |= <u32>(<u16 *>(host + off + 2))[0] << 16
        length = 4 if bits & 3 == 3 else 2
        if length == 2:
            bits = rvh_expand16(<u16>bits, low, high)
        kind = rvh_decode(bits, low, high, op) if bits else 0
        if kind == 0:
            op.fn = h_illegal
            op.rd = op.rs1 = op.rs2 = 0
            op.imm = 0
            kind = DECODE_OK | DECODE_END
        elif kind & (DECODE_FPREAD | DECODE_FPWRITE) and not fp:
            # FS cannot change inside a block: one check in front of the first FP instruction serves all.
            op[1] = op[0]
            op.fn = h_fp_check
            op.rd = op.rs1 = op.rs2 = 0
            op.off = <u8>(off >> 1)
            op += 1
            fp = 1
        op.off = <u8>(off >> 1)
        off += length
        n += 1
        if kind & DECODE_LINK:
            op.imm += 2 * <i32>op.off
        if kind & DECODE_NEXT_RD:
            op.rd = <u8>(off >> 1)
        elif kind & DECODE_NEXT_RS1:
            op.rs1 = <u8>(off >> 1)
        elif kind & DECODE_NEXT_RS2:
            op.rs2 = <u8>(off >> 1)
        op += 1
        if kind & DECODE_END:
            break
        if kind & DECODE_FPWRITE and fp == 1:
            # After the instruction, so that one that faults leaves FS alone.
            op.fn = h_fp_dirty
            op.rd = op.rs1 = op.rs2 = 0
            op.off = <u8>(off >> 1)
            op += 1
            fp = 2
        if n >= most or off + 2 > room:
            break
    if not kind & DECODE_END:
        op.fn = h_fallthrough
        op.rd = <u8>(off >> 1)
        op.rs1 = op.rs2 = 0
        op.off = <u8>(off >> 1)
        op += 1
        kind = DECODE_LINK
    if kind & DECODE_LINK:
        (<Links *>op).taken = NULL
        (<Links *>op).next = NULL
    (ops - 1).fn = <Handler><size_t>pa
    (ops - 1).rd = OP_HEADER
    (ops - 1).off = BLOCK_RAW if is_raw else 0
    (ops - 1).imm = <i32>n
    (ops - 1).rs1 = <u8>(op - ops + (1 if kind & DECODE_LINK else 0))
    (ops - 1).rs2 = <u8>(off >> 1)
    links.taken = NULL
    links.next = <Op *><size_t>raw if is_raw else NULL
    return ops


cdef Op *arena_take(Board *b) noexcept nogil:
    """Room for one block of any size; drops all code when there is none. Advance arena_used by what was used."""
    if b.arena_used + BLOCK_OPS_MAX > b.arena_size:
        code_forget_all(b)
    return b.arena + b.arena_used


cdef Op *block_lookup(Board *b, u64 pa) noexcept nogil:
    cdef Op *p = b.buckets[bucket_of(pa)]
    while p != NULL and <u64><size_t>(p - 1).fn != pa:
        p = <Op *>(<Links *>(p - 2)).taken
    return p


cdef Op *block_new(Hart *h, u8 *host, u64 pa) noexcept nogil:
    """Decodes the block at pa and enters it into the tables."""
    cdef Board *b = h.board
    cdef Op *block = arena_take(b)
    cdef Op *ops = block_build(h, block, host, pa, 4096 - <u32>(pa & 0xFFF), BLOCK_MAX, 0, False)
    cdef u32 bucket = bucket_of(pa)
    cdef u64 page = (pa - b.ram_base) >> 12
    cdef Links *links = <Links *>(ops - 2)
    b.arena_used += 2 + (ops - 1).rs1
    links.taken = b.buckets[bucket]
    b.buckets[bucket] = ops
    links.next = b.page_blocks[page]
    b.page_blocks[page] = ops
    code_mark(b, pa, 2 * <u64>(ops - 1).rs2)
    block_fuse(ops)
    b.n_blocks += 1
    return ops


cdef void block_fuse(Op *ops) noexcept nogil:
    """Lets handlers that do two or three instructions at once stand in for the first of them. The others keep their
    own handlers, so that a slow path in the middle goes on one by one."""
    cdef i32 i
    for i in range(<i32>(ops - 1).rs1 - 1, -1, -1):
        rvh_fuse(ops + i)


cdef Op *block_straddling(Hart *h, u64 pc, u8 *host, u64 pa, bint remembered) noexcept nogil:
    """A block of the one 32-bit instruction at pc whose second half is on the next page; NULL: fetch fault recorded."""
    cdef Board *b = h.board
    cdef u8 *host2 = NULL
    cdef u64 pa2 = 0
    cdef bint remembered2 = False
    cdef u32 slot = <u32>((pa >> 12) ^ (pa >> 21)) & (STRADDLES - 1)
    cdef u32 raw
    cdef Op *block
    cdef Op *ops
    if not fetch_page(h, pc + 2, 2, &host2, &pa2, &remembered2):
        return NULL
    if remembered and remembered2 and b.straddle_ops[slot] != NULL and b.straddle_pa1[slot] == pa \
            and b.straddle_pa2[slot] == pa2:
        return b.straddle_ops[slot]
    raw = (<u16 *>host)[0] | <u32>(<u16 *>host2)[0] << 16
    if not (remembered and remembered2):
        return block_build(h, b.scratch, NULL, pa, 4, 1, raw, True)
    block = arena_take(b)
    ops = block_build(h, block, NULL, pa, 4, 1, raw, True)
    b.arena_used += 2 + (ops - 1).rs1
    if b.straddle_ops[slot] != NULL:
        b.straddle_ops[slot].fn = h_stale  # what is not in the table would miss its invalidation
    b.straddle_ops[slot] = ops
    b.straddle_pa1[slot] = pa
    b.straddle_pa2[slot] = pa2
    code_mark(b, pa, 2)
    code_mark(b, pa2, 2)
    return ops


cdef inline Op *landing(Hart *h, Op *ops) noexcept nogil:
    """`ops`; NULL with the exception recorded if a landing pad is expected and they do not begin with one. That is of
    lower priority than fetch faults and of higher than what the instruction itself may raise."""
    if unlikely(h.elp) and ops != NULL and ops.fn != h_lpad:
        exc_set(h, CAUSE_SOFTWARE_CHECK, LANDING_PAD_FAULT, 0, 0, 0)
        return NULL
    return ops


cdef Op *block_at(Hart *h, u64 pc, bint single, bint *keep) noexcept nogil:
    """The block at virtual address pc, or NULL with the fetch exception recorded. *keep: the jump cache may hold it.
    With `single`, one instruction in scratch memory, for exact stepping."""
    cdef u8 *host = NULL
    cdef u64 pa = 0
    cdef u32 raw
    cdef bint remembered = False
    cdef Op *ops
    keep[0] = False
    if not fetch_page(h, pc, 2, &host, &pa, &remembered):
        return NULL
    raw = (<u16 *>host)[0]
    if raw & 3 == 3:
        if pc & 0xFFF == 0xFFE:
            ops = block_straddling(h, pc, host, pa, remembered)
            keep[0] = ops != NULL and ops != h.board.scratch + 2
            return landing(h, ops)
        if not remembered:
            # A PMP border runs through the page: the second half is checked on its own.
            if not fetch_page(h, pc + 2, 2, &host, &pa, &remembered):
                return NULL
            host -= 2
            pa -= 2
            remembered = False
        raw = (<u32 *>host)[0] if pc & 2 == 0 else raw | <u32>(<u16 *>(host + 2))[0] << 16
    if single or not remembered:
        return landing(h, block_build(h, h.board.scratch, NULL, pa, 4, 1, raw, True))
    keep[0] = True
    ops = block_lookup(h.board, pa)
    return landing(h, ops if ops != NULL else block_new(h, host, pa))


cdef public const Op *block_for(Hart *h, u64 pc) noexcept nogil:
    """The block at pc or, when fetching faults, at the trap handler that this leads to; h.pc says which. NULL when the
    budget ran out among faults."""
    cdef bint keep = False
    cdef Op *ops
    cdef JumpEntry *e
    if h.budget <= 0:
        h.pc = pc
        return NULL
    while True:
        ops = block_at(h, pc, False, &keep)
        if ops != NULL:
            break
        if not fetch_fault(h, pc):
            return NULL
        pc = h.pc
    h.pc = pc
    if keep:
        e = &h.jumps[(pc >> 1) & (JUMP_CACHE_SIZE - 1)]
        e.pc, e.ctx, e.ops = pc, h.xctx, ops
    return ops


cdef bint fetch_fault(Hart *h, u64 pc) noexcept nogil:
    """Takes a recorded fetch exception, which costs a slot and retires nothing; false: back to the run loop."""
    h.budget -= 1
    h.nonretired += 1
    trap_take(h, pc, 0)
    return h.budget > 0 and not h.stop


cdef public const Op *block_linked(Hart *h, const Op *op, u64 target, u32 taken) noexcept nogil:
    """block_for(target), remembered in op's links; target is in op's page."""
    cdef u64 generation = h.board.arena_gen
    cdef const Op *ops = block_for(h, target)
    cdef Links *links = <Links *>(op + 1)
    # Only what survives as long as this block itself: code of the same page, found without a fault.
    if ops != NULL and h.pc == target and generation == h.board.arena_gen and not (ops - 1).off & BLOCK_RAW \
            and not op_header(op).off & BLOCK_RAW:
        if taken:
            links.taken = ops
        else:
            links.next = ops
    return ops
