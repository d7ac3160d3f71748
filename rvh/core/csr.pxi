# CSR accesses: the one path every CSR instruction takes, driven by the table generated from isa/csrs.py and
# isa/access.py. What is particular to a register is in the csr_read_NAME, csr_write_NAME and csr_rmw_NAME
# helpers of status.pxi, interrupts.pxi, counters.pxi and pmp_csr.pxi.

cdef inline u64 *csr_storage(Hart *h, const CsrRow *row) noexcept nogil:
    return <u64 *>(<char *>h + row.offset)


cdef inline u64 csr_read(Hart *h, const CsrRow *row) noexcept nogil:
    return row.read(h, row.number) if row.read != NULL else csr_storage(h, row)[0]


cdef inline void csr_write(Hart *h, const CsrRow *row, u64 value) noexcept nogil:
    cdef u64 mask
    cdef u64 *storage
    if row.write != NULL:
        row.write(h, row.number, value)
        return
    mask = row.mask(h) if row.mask != NULL else row.writable
    storage = csr_storage(h, row)
    storage[0] = (storage[0] & ~mask) | (value & mask)


cdef inline bint csr_absent(Hart *h, u32 csr) noexcept nogil:
    cdef const CsrRow *row = &csr_rows[csr_index[csr]]
    return csr_index[csr] == 0 or row.needs & ~h.ext or row.lacks & h.ext or (row.either and not row.either & h.ext)


cdef public int csr_op(Hart *h, const Op *op, u64 pc, u32 csr, u32 kind, u64 src, int do_read,
                       int do_write) noexcept nogil:
    """Carries out CSRRW (kind 0), CSRRS (1) or CSRRC (2) with source operand `src`; the old value goes to
    h.result. Returns 0 when the access is refused, before anything has changed (checklist A18)."""
    cdef const CsrRow *row = &csr_rows[csr_index[csr]]
    cdef u32 mode = <u32>h.v << 2 | h.priv
    cdef u32 reason = row.deny[mode]
    cdef u64 old, value
    if unlikely(csr_absent(h, csr)):
        exc_deny(h, REASON_ABSENT_CSR)
        return 0
    if unlikely(row.refused >> do_write & 1):
        if do_write:
            exc_deny(h, REASON_READ_ONLY)
        else:
            exc_deny(h, REASON_POLLED)
        return 0
    if reason == 0 and row.gate[mode] != NULL:
        reason = row.gate[mode](h)
    if unlikely(reason):
        exc_deny(h, reason)
        return 0
    if h.v and row.twin:
        row = &csr_rows[row.twin]
    old = csr_read(h, row) if do_read or kind else 0
    if do_write:
        value = src
        if kind:
            # Hardware lines that `old` shows are not written back (C6).
            value = row.rmw(h, row.number) if row.rmw != NULL else old
            value = value | src if kind == 1 else value & ~src
        csr_write(h, row, value)
    h.result = old
    return 1


cdef int csr_peek(Hart *h, u32 csr, u64 *out) noexcept nogil:
    """What M-mode would read between two instructions, whatever the hart's mode. Returns 0 for a CSR that is
    not there."""
    cdef const CsrRow *row = &csr_rows[csr_index[csr & 0xFFF]]
    cdef u8 priv = h.priv, v = h.v
    if csr > 0xFFF or csr_absent(h, csr):
        return 0
    h.priv, h.v = 3, 0
    if row.read == csr_read_counter:
        out[0] = counter_value(h, csr & 31, 0)
    elif row.read == csr_read_sireg:
        counters_sync(h)
        out[0] = sireg_value(h, row.number, 0)
    elif row.number == CSR_SEED:
        out[0] = 1 << 30  # WAIT: looking is no poll
    else:
        out[0] = csr_read(h, row)
    h.priv, h.v = priv, v
    return 1


cdef int csr_poke(Hart *h, u32 csr, u64 value) noexcept nogil:
    """Writes as M-mode would, with all that follows from it; hgeip takes the lines that a guest interrupt
    controller would drive. Returns 0 for a CSR that is not there, or read-only by its number."""
    cdef const CsrRow *row = &csr_rows[csr_index[csr & 0xFFF]]
    if csr > 0xFFF or csr_absent(h, csr) or (row.refused & 2 and row.write == NULL):
        return 0
    csr_write(h, row, value)
    return 1
