# Traces: a record of every instruction that a hart executes, into an array that rvh.trace reads as a numpy array.
#
# While a trace is on, slice_step() is the only way into the handlers (run.pxi), one instruction at a time, and no memory
# access takes the fast path (context_mode), so that memory.pxi can log it. When interrupts are looked at, what a timer
# ends and what time it is are the business of the run loop as ever: a traced run goes where an untraced one goes.

cdef enum:
    # What rvh.trace says of an instruction's encoding.
    TRACE_RD = 1  # writes an x register
    TRACE_FD = 2  # writes an f register
    TRACE_FLAGS = 4  # may raise floating-point flags, or make FS dirty
    TRACE_CSR = 8
    TRACE_AMO = 16  # the value written is known only afterwards
    TRACE_SC = 32  # writes only on success
    TRACE_KNOWN = 0x80

    TRACE_MEMS = 3
    TRACE_CSRS = 5

    # TraceRecord.kind
    TRACE_RETIRED = 0
    TRACE_EXCEPTION = 1  # the instruction, or its fetch, trapped
    TRACE_INTERRUPT = 2  # taken before the instruction at pc

    KINDS = 1 << 14  # direct-mapped cache of what is known of encodings


cdef packed struct TraceRecord:
    u64 pc
    u64 value  # written to rd
    u64 cause
    u64 tval
    u64 mem_va[TRACE_MEMS]
    u64 mem_value[TRACE_MEMS]
    u64 csr_value[TRACE_CSRS]
    u32 insn
    u16 csr[TRACE_CSRS]
    u8 mem_size[TRACE_MEMS]
    u8 mem_write[TRACE_MEMS]
    u8 kind
    u8 hart
    u8 priv
    u8 v
    u8 rd_file  # 0: no register written, 1: x, 2: f
    u8 rd
    u8 n_mem
    u8 n_csr
    u8 pad[4]


cdef struct TraceKind:
    u32 insn
    u32 flags


cdef struct TraceLog:
    AccessLog access
    TraceRecord *records
    u64 count, capacity
    u64 lost  # instructions executed while the array was full
    TraceKind *kinds
    void *classify  # Python: insn -> TRACE_* flags


cdef inline bint traced(Hart *h) noexcept nogil:
    return h.log != NULL and h.log.trace != NULL


cdef TraceRecord *trace_next(Hart *h, TraceLog *t, u32 kind) noexcept nogil:
    """A cleared record, with where the hart stands, or NULL when there is no room."""
    cdef TraceRecord *r
    if t.count >= t.capacity:
        t.lost += 1
        return NULL
    r = &t.records[t.count]
    memset(r, 0, sizeof(TraceRecord))
    t.count += 1
    r.pc, r.kind, r.hart, r.priv, r.v = h.pc, <u8>kind, <u8>h.hart_index, h.priv, h.v
    return r


cdef u32 trace_classify(TraceLog *t, u32 insn) noexcept nogil:
    cdef TraceKind *k = &t.kinds[(insn ^ insn >> 7 ^ insn >> 17) & (KINDS - 1)]
    cdef u32 flags = 0
    if k.flags and k.insn == insn:
        return k.flags
    with gil:
        try:
            flags = <u32>(<object>t.classify)(insn)
        except BaseException as error:
            _device_errors.append(error)
    k.insn, k.flags = insn, flags | TRACE_KNOWN
    return k.flags


cdef void trace_step(Hart *h, i64 left) noexcept nogil:
    """slice_step() with a record of what happens."""
    cdef TraceLog *t = <TraceLog *>h.log.trace
    cdef TraceRecord *r = trace_next(h, t, TRACE_RETIRED)
    cdef TraceRecord spare
    cdef bint keep = False
    cdef Op *ops
    cdef u64 nonretired = h.nonretired, status = h.mstatus, guest_status = h.vsstatus, ssp = h.ssp
    cdef u32 flags
    cdef u8 fflags = 0, raised = 0
    if r == NULL:
        r = &spare
        memset(r, 0, sizeof(TraceRecord))
        r.v = h.v
    if t.count + 4 > t.capacity:  # an interrupt and an instruction may come in one step, each with a trigger's breakpoint
        h.board.poll_request = 1
        h.stop = 1
    h.slots_end = hart_slots(h) + left
    h.budget = 1
    h.reserve = left - 1
    t.access.n_mem = t.access.n_walk = 0
    ops = block_single(h, &keep)
    if ops == NULL:
        fetch_fault(h, h.pc)
        r.kind, r.cause, r.tval = TRACE_EXCEPTION, h.exc_cause, h.exc_tval
        return
    r.insn = insn_bits(h, ops - 1, ops)
    flags = trace_classify(t, r.insn)
    if flags & TRACE_FLAGS:
        # Only flags that this instruction raises will be there after it.
        fp_collect(h)
        status, guest_status = h.mstatus, h.vsstatus
        fflags, h.fflags = h.fflags, 0
    enter_block(h, ops)
    if flags & TRACE_FLAGS:
        fp_collect(h)
        raised = h.fflags
        h.fflags |= fflags
    if h.nonretired != nonretired:
        r.kind, r.cause = TRACE_EXCEPTION, h.exc_cause
        r.tval = r.insn if r.cause == CAUSE_ILLEGAL or r.cause == CAUSE_VIRTUAL else h.exc_tval
        return
    if flags & TRACE_RD:
        trace_rd(h, r)
    elif flags & TRACE_FD:
        r.rd_file, r.rd = 2, trace_rd_number(r.insn)
        r.value = h.f[r.rd]
    if t.access.n_mem:
        trace_memory(h, t, r, flags)
    if flags & TRACE_FLAGS:
        if raised:
            trace_csr(h, r, CSR_FFLAGS)
        trace_dirty(h, r, status, guest_status)
    elif r.insn & 0x7F == 0x73:
        trace_system(h, r, flags, status, guest_status)
    if h.ssp != ssp and not flags & TRACE_CSR:
        trace_csr(h, r, CSR_SSP)


cdef inline u8 trace_rd_number(u32 insn) noexcept nogil:
    return (insn if insn & 3 == 3 else rvh_expand16(<u16>insn, ~<u64>0, ~<u64>0)) >> 7 & 31


cdef void trace_rd(Hart *h, TraceRecord *r) noexcept nogil:
    r.rd = trace_rd_number(r.insn)
    if r.rd:
        r.rd_file = 1
        r.value = h.x[r.rd]


cdef void trace_memory(Hart *h, TraceLog *t, TraceRecord *r, u32 flags) noexcept nogil:
    """The accesses in the log, those that are parts of one again in one piece."""
    cdef u32 i, n = 0
    cdef LogAccess *m
    cdef u8 write
    if flags & TRACE_SC and h.x[r.rd if r.rd else <u32>SINK]:
        return
    for i in range(t.access.n_mem):
        m = &t.access.mem[i]
        write = m.kind == 2
        if n and r.mem_write[n - 1] == write and m.va == r.mem_va[n - 1] + r.mem_size[n - 1]:
            if r.mem_size[n - 1] < 8:
                r.mem_value[n - 1] |= m.value << (8 * r.mem_size[n - 1])
            r.mem_size[n - 1] += <u8>m.size
            continue
        if flags & (TRACE_AMO | TRACE_SC) and write:
            # Logged when the location was found; the handler has written it since.
            if flags & TRACE_AMO:
                r.mem_va[n], r.mem_value[n], r.mem_size[n] = m.va, m.value, <u8>m.size
                n += 1
            m.value = host_read(ram_at(h.board, m.pa, m.size), m.size)
        r.mem_va[n], r.mem_size[n], r.mem_write[n] = m.va, <u8>m.size, write
        r.mem_value[n] = m.value if m.size >= 8 else m.value & ((<u64>1 << (8 * m.size)) - 1)
        n += 1
        if n == TRACE_MEMS:
            break
    r.n_mem = <u8>n


cdef void trace_csr(Hart *h, TraceRecord *r, u32 number) noexcept nogil:
    cdef u64 value = 0
    if r.n_csr < TRACE_CSRS and csr_peek(h, number, &value):
        r.csr[r.n_csr] = <u16>number
        r.csr_value[r.n_csr] = value
        r.n_csr += 1


cdef void trace_dirty(Hart *h, TraceRecord *r, u64 status, u64 guest_status) noexcept nogil:
    """FS has become Dirty: in mstatus, and in vsstatus as well when V=1."""
    if h.mstatus != status or (h.v and h.vsstatus != guest_status):
        trace_csr(h, r, CSR_MSTATUS)
        if h.v:
            trace_csr(h, r, CSR_VSSTATUS)


cdef void trace_system(Hart *h, TraceRecord *r, u32 flags, u64 status, u64 guest_status) noexcept nogil:
    """What a CSR instruction or a trap return has written, by the names of the registers that hold it."""
    cdef u32 number = r.insn >> 20, n
    cdef const CsrRow *row
    if r.insn == 0x30200073:  # MRET
        trace_csr(h, r, CSR_MSTATUS)
    elif r.insn == 0x70200073:  # MNRET
        trace_csr(h, r, CSR_MNSTATUS)
        if h.priv != 3:
            trace_csr(h, r, CSR_MSTATUS)
    elif r.insn == 0x10200073:  # SRET
        if r.v:
            trace_csr(h, r, CSR_VSSTATUS)
        else:
            trace_csr(h, r, CSR_MSTATUS)
            trace_csr(h, r, CSR_HSTATUS)
    if not flags & TRACE_CSR:
        return
    if r.insn >> 12 & 3 != 1 and r.insn >> 15 & 31 == 0:
        return  # reads only
    row = &csr_rows[csr_index[number]]
    if r.v and row.twin:
        row = &csr_rows[row.twin]
        number = row.number
    if number == CSR_SSTATUS:
        number = CSR_MSTATUS
    elif number == CSR_SIE or number == CSR_HIE or number == CSR_VSIE:
        number = CSR_MIE
    elif number == CSR_SIP or number == CSR_HIP or number == CSR_VSIP:
        number = CSR_MIP
    elif number == CSR_SIREG:
        number = CSR_MCYCLE + (<u32>h.siselect & 31)
    elif number == CSR_SIREG2:
        n = <u32>h.siselect & 31
        number = CSR_MCYCLECFG if n == 0 else CSR_MINSTRETCFG if n == 2 else CSR_MCOUNTINHIBIT + n
    elif number == CSR_SCOUNTINHIBIT:
        number = CSR_MCOUNTINHIBIT
    elif number == CSR_MCONTEXT and h.ext & EXT_H:
        number = CSR_HCONTEXT
    elif number == CSR_FCSR:
        trace_csr(h, r, CSR_FFLAGS)
        number = CSR_FRM
    elif row.writable == 0 and row.write == NULL and row.mask == NULL:
        return  # constant
    trace_csr(h, r, number)
    if number == CSR_FRM or number == CSR_FFLAGS:
        trace_dirty(h, r, status, guest_status)


cdef void trace_interrupt(Hart *h, u64 pc, u32 priv, u32 v) noexcept nogil:
    """After interrupt_take(): the interrupt that was taken when the hart stood at pc."""
    cdef TraceLog *t = <TraceLog *>h.log.trace
    cdef TraceRecord *r = trace_next(h, t, TRACE_INTERRUPT)
    if r != NULL:
        r.pc, r.priv, r.v = pc, <u8>priv, <u8>v
        if not h.mnstatus & MNSTATUS_NMIE:  # it was set, or there had been no interrupt
            r.cause = h.mncause
            return
        r.cause = h.mcause if h.priv == 3 else h.vscause if h.v else h.scause


cdef void trace_breakpoint(Hart *h, u64 pc, u32 priv, u32 v, u64 tval) noexcept nogil:
    """After a trigger's breakpoint that no instruction stands for: it was taken when the hart stood at pc."""
    cdef TraceRecord *r = trace_next(h, <TraceLog *>h.log.trace, TRACE_EXCEPTION)
    if r != NULL:
        r.pc, r.priv, r.v = pc, <u8>priv, <u8>v
        r.cause, r.tval = CAUSE_BREAKPOINT, tval


# ---- text: Spike's commit log

cdef inline char *put_hex(char *p, u64 value, u32 digits) noexcept nogil:
    cdef u32 i, d
    p[0], p[1] = 48, 120  # 0x
    for i in range(digits):
        d = value >> (4 * (digits - 1 - i)) & 15
        p[2 + i] = <char>(48 + d if d < 10 else 87 + d)
    return p + 2 + digits


cdef inline char *put_text(char *p, const char *text, u32 n) noexcept nogil:
    memcpy(p, text, n)
    return p + n


cdef inline char *put_number(char *p, u32 value, u32 width) noexcept nogil:
    """Decimal, right-aligned in `width` (0: as long as it is), at most 4 digits."""
    cdef char digits[8]
    cdef u32 n = 0
    while True:
        digits[n] = <char>(48 + value % 10)
        value //= 10
        n += 1
        if value == 0:
            break
    while width > n:
        p[0] = 32
        p += 1
        width -= 1
    while n:
        n -= 1
        p[0] = digits[n]
        p += 1
    return p


cdef enum:
    LINE_MAX = 64 * 32 + 512  # CBO.ZERO is written as 64 bytes


cdef char *put_record(char *p, const TraceRecord *r, const char **csr_names, const u8 *csr_lengths) noexcept nogil:
    cdef u32 i, j = 0, key, best, last = 0
    p = put_text(p, "core", 4)
    p = put_number(p, r.hart, 4)
    p = put_text(p, ": ", 2)
    p = put_number(p, r.priv, 0)
    p = put_text(p, " ", 1)
    p = put_hex(p, r.pc, 16)
    p = put_text(p, " (", 2)
    p = put_hex(p, r.insn, 8 if r.insn & 3 == 3 else 4)
    p = put_text(p, ")", 1)
    # By number, and within a number x, f, CSR.
    while True:
        best = 0
        if r.rd_file:
            key = (<u32>r.rd << 4 | (r.rd_file - 1)) + 1
            if key > last:
                best = key
        for i in range(r.n_csr):
            key = (<u32>r.csr[i] << 4 | 4) + 1
            if key > last and (best == 0 or key < best):
                best = key
                j = i
        if best == 0:
            break
        last = best
        best = best - 1 & 15
        p = put_text(p, " ", 1)
        if best == 4:
            p = put_text(p, csr_names[r.csr[j]], csr_lengths[r.csr[j]])
            p = put_text(p, " ", 1)
            p = put_hex(p, r.csr_value[j], 16)
        else:
            p = put_text(p, "f" if best else "x", 1)
            p = put_number(p, r.rd, 0)
            p = put_text(p, "  ", 1 if r.rd >= 10 else 2)
            p = put_hex(p, r.value, 16)
    for i in range(r.n_mem):
        if r.mem_size[i] > 8 and r.mem_write[i]:
            for j in range(r.mem_size[i]):
                p = put_text(p, " mem ", 5)
                p = put_hex(p, r.mem_va[i] + j, 16)
                p = put_text(p, " ", 1)
                p = put_hex(p, 0, 2)
            continue
        p = put_text(p, " mem ", 5)
        p = put_hex(p, r.mem_va[i], 16)
        if r.mem_write[i]:
            p = put_text(p, " ", 1)
            p = put_hex(p, r.mem_value[i], 2 * <u32>r.mem_size[i])
    return put_text(p, "\n", 1)


cdef class Core


cdef class TraceBuffer:
    """The records of a board's harts; a buffer of TraceRecord for numpy. rvh.trace has the friendly face.

    While attached, Core.run() and Core.step() call `deliver(n)` whenever the first n records are to be consumed."""

    cdef TraceLog log
    cdef Core core
    cdef object classify
    cdef object deliver
    cdef list names
    cdef const char *csr_names[4096]
    cdef u8 csr_lengths[4096]

    record_size = sizeof(TraceRecord)

    def __cinit__(self, Core core not None, u64 capacity, classify, deliver, dict csr_names):
        if capacity < 4:
            raise ValueError("a trace needs room for at least four records")
        self.core, self.classify, self.deliver = core, classify, deliver
        self.log.records = <TraceRecord *>host_map(capacity * sizeof(TraceRecord))
        self.log.kinds = <TraceKind *>host_map(KINDS * sizeof(TraceKind))
        if self.log.records == NULL or self.log.kinds == NULL:
            raise MemoryError("no memory for the trace")
        self.log.capacity = capacity
        self.log.classify = <void *>classify
        self.log.access.trace = &self.log
        self.names = []
        for number, name in csr_names.items():
            text = f"c{number}_{name}".encode()
            self.names.append(text)
            self.csr_names[number] = <const char *>text
            self.csr_lengths[number] = <u8>len(text)

    def __dealloc__(self):
        host_unmap(self.log.records, self.log.capacity * sizeof(TraceRecord))
        host_unmap(self.log.kinds, KINDS * sizeof(TraceKind))

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.log.records, <Py_ssize_t>(self.log.capacity * sizeof(TraceRecord)), 1, flags)

    @property
    def lost(self):
        """Instructions executed while the array was full."""
        return self.log.lost

    def attach(self):
        """Starts recording. Raises CoreError if the board is being traced already."""
        if self.core.trace is not None:
            raise CoreError("this machine is being traced already")
        self.core.trace = self
        self.switch(&self.log.access)

    def detach(self):
        """Ends recording, after delivering what is there."""
        if self.core.trace is self:
            self.core.trace = None
            self.switch(NULL)
            self.flush()

    cdef switch(self, AccessLog *log):
        cdef u32 i
        for i in range(self.core.b.n_harts):
            self.core.b.harts[i].log = log
            context_mode(self.core.b.harts[i])

    cdef flush(self):
        cdef u64 n = self.log.count
        if n:
            self.log.count = 0
            self.deliver(n)

    def format(self, u64 first, u64 n):
        """Records first to first+n-1 that stand for retired instructions, as lines of Spike's commit log."""
        cdef u64 i
        cdef char *text
        cdef char *p
        cdef size_t size = 1 << 20
        if first > self.log.capacity or n > self.log.capacity - first:
            raise IndexError("outside of the trace")
        parts = []
        text = <char *>host_map(size)
        if text == NULL:
            raise MemoryError("no memory for the trace's text")
        p = text
        for i in range(first, first + n):
            if self.log.records[i].kind == TRACE_RETIRED:
                p = put_record(p, &self.log.records[i], self.csr_names, self.csr_lengths)
                if <size_t>(p - text) > size - LINE_MAX:
                    parts.append(text[:p - text])
                    p = text
        parts.append(text[:p - text])
        host_unmap(text, size)
        return b"".join(parts)
