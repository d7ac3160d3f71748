# Execution one slot at a time, with what each retired instruction was and touched: for rvh.trace. The order and the times
# are those of Core.run().

cdef enum:
    TRACE_POLL = 20000  # slots between polls


cdef struct TraceMark:
    u64 pc, slots, retired, interrupts
    u32 word
    u8 priv


cdef u32 trace_fetch(Hart *h, u64 pc) noexcept nogil:
    """The instruction at pc as the hart would fetch it now; 0 if that faults."""
    cdef u8 *host = NULL
    cdef u64 pa = 0
    cdef bint remembered = False
    cdef u32 word
    if not fetch_page(h, pc, 2, &host, &pa, &remembered):
        return 0
    word = (<u16 *>host)[0]
    if word & 3 == 3:
        if not fetch_page(h, pc + 2, 2, &host, &pa, &remembered):
            return 0
        word |= <u32>(<u16 *>host)[0] << 16
    return word


cdef u64 trace_vector(Hart *h) noexcept nogil:
    """Where the interrupt that led to the hart's present mode entered it (xtvec, vectored or not)."""
    cdef u64 tvec = h.mtvec if h.priv == 3 else (h.vstvec if h.v else h.stvec)
    cdef u64 cause = h.mcause if h.priv == 3 else (h.vscause if h.v else h.scause)
    return (tvec & ~<u64>3) + (4 * (cause & 0x3F) if tvec & 3 == 1 else 0)


def trace_slots(Core core not None, u64 limit, u64 jumps, sink):
    """Like `core.run(limit, jumps)`. After each instruction that retires, calls
    ``sink(hart, pc, word, privilege, accesses)``; accesses are (kind 1 read or 2 write, virtual address, physical
    address, bytes)."""
    cdef Board *b = core.b
    cdef TraceMark marks[HARTS_MAX]
    cdef TraceMark *m
    cdef Hart *h
    cdef LogAccess *a
    cdef u32 i, k
    cdef u64 start = b.total_slots
    cdef int reason = RUN_LIMIT
    for i in range(b.n_harts):
        h = b.harts[i]
        if h.log == NULL:
            h.log = &core.log
            tlb_flush_all(h)  # the log is written by the slow paths: no translation may be remembered
    while b.total_slots - start < limit:
        if b.total_slots - start >= TRACE_POLL:
            return RUN_POLL
        for i in range(b.n_harts):
            h, m = b.harts[i], &marks[i]
            m.pc, m.priv = h.pc, h.priv
            m.slots, m.retired, m.interrupts = hart_slots(h), hart_retired(h), h.n_interrupts
            m.word = trace_fetch(h, h.pc)
        core.log.n_mem = core.log.n_walk = 0
        reason = core.run(1, jumps)
        for i in range(b.n_harts):
            h, m = b.harts[i], &marks[i]
            if hart_slots(h) == m.slots or hart_retired(h) == m.retired:
                continue
            if h.n_interrupts != m.interrupts:
                m.pc, m.priv = trace_vector(h), h.priv
                m.word = trace_fetch(h, m.pc)
            accesses = []
            for k in range(core.log.n_mem):
                a = &core.log.mem[k]
                accesses.append((a.kind, a.va, a.pa, a.size))
            sink(i, m.pc, m.word, m.priv, accesses)
        if reason != RUN_LIMIT:
            return reason
    return reason


def expand16(u16 word):
    """The 32-bit instruction that a compressed one stands for, 0 if it is illegal."""
    return rvh_expand16(word)
