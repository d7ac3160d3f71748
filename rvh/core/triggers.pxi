# Debug triggers (RISC-V Debug Specification 1.0, "Sdtrig"): mcontrol6 on addresses and icount, with the action that native
# debuggers use, a breakpoint exception. Where a trigger is enabled in the current mode, and there alone, instructions go
# one by one (execution, icount) or every access takes its slow path (loads, stores): h.armed says which.

cdef enum:
    TRIGGERS = 4

    MC6_LOAD = 1
    MC6_STORE = 2
    MC6_EXECUTE = 4
    MC6_CHAIN = 0x800

    ICOUNT_PENDING = 0x100
    ICOUNT_COUNT_SHIFT = 10

    ARMED_LOAD = 1
    ARMED_STORE = 2
    ARMED_EXECUTE = 4
    ARMED_ICOUNT = 8
    ARMED_STEP = 12  # instructions go one by one

    TYPE_ICOUNT = 3
    TYPE_MCONTROL6 = 6
    TYPE_DISABLED = 15

cdef u64 MC6_HIT0 = 1 << 22
cdef u64 ICOUNT_HIT = 1 << 24
cdef u64 ICOUNT_COUNT = <u64>0x3FFF << 10


cdef inline u32 trigger_type(u64 tdata1) noexcept nogil:
    return <u32>(tdata1 >> 60)


cdef bint trigger_enabled(u64 tdata1, u32 priv, u32 v) noexcept nogil:
    """Whether its bit for the mode is set."""
    cdef u32 mode = mode_of(priv, v)
    if trigger_type(tdata1) == TYPE_ICOUNT:
        return tdata1 >> (9 if mode == MODE_M else 7 if mode == MODE_S else 6 if mode == MODE_U else
                          26 if mode == MODE_VS else 25) & 1
    return tdata1 >> (6 if mode == MODE_M else 4 if mode == MODE_S else 3 if mode == MODE_U else
                      24 if mode == MODE_VS else 23) & 1


cdef bint triggers_allowed(Hart *h) noexcept nogil:
    """Not while the trap handler that a breakpoint would reach may be the one that is running: the first solution of
    "Native Triggers"."""
    if h.priv == 3:
        return h.mstatus & MSTATUS_MIE != 0
    if h.priv == 0 or not h.medeleg >> CAUSE_BREAKPOINT & 1:
        return True
    if h.v:
        return not h.hedeleg >> CAUSE_BREAKPOINT & 1 or h.vsstatus & MSTATUS_SIE != 0
    return h.mstatus & MSTATUS_SIE != 0


cdef void triggers_mode(Hart *h) noexcept nogil:
    """After a change of mode or of a trigger: what must be looked at now."""
    cdef u32 armed = 0, i
    cdef u64 t
    for i in range(TRIGGERS):
        t = h.tdata1[i]
        if trigger_type(t) == TYPE_DISABLED or not trigger_enabled(t, h.priv, h.v):
            continue
        if trigger_type(t) == TYPE_ICOUNT:
            armed |= ARMED_ICOUNT if t & (ICOUNT_COUNT | ICOUNT_PENDING) else 0
        else:
            armed |= t & (ARMED_LOAD | ARMED_STORE | ARMED_EXECUTE)
    if (armed ^ h.armed) & ARMED_STEP:
        h.stop = 1  # the run loop goes on in the other way
    h.armed = armed
    if armed & (ARMED_LOAD | ARMED_STORE):
        h.key = TLB_NONE - 1


cdef bint trigger_compare(u64 tdata1, u64 tdata2, u64 value) noexcept nogil:
    """The field match. Bit 3 of it negates."""
    cdef u32 how = tdata1 >> 7 & 15
    cdef u64 mask
    cdef bint equal
    if how == 2:
        return value >= tdata2
    if how == 3:
        return value < tdata2
    if how & 7 == 0:
        equal = value == tdata2
    elif how & 7 == 1:
        mask = ~(tdata2 ^ (tdata2 + 1))  # all above the lowest 0
        equal = value & mask == tdata2 & mask
    else:  # 4 and 5: a half of the value, under the mask above it
        equal = <u32>(value if how & 7 == 4 else value >> 32) & <u32>(tdata2 >> 32) == <u32>tdata2
    return not equal if how & 8 else equal


cdef bint trigger_matches(u64 tdata1, u64 tdata2, u32 kind, u64 va, u32 size) noexcept nogil:
    """Whether an mcontrol6 trigger matches an access; its addresses are all those of its bytes."""
    cdef u32 wanted = tdata1 >> 16 & 7, i
    if not tdata1 & kind or (wanted and size != (8 if wanted == 5 else 1u << (wanted - 1))):
        return False
    if tdata1 >> 7 & 8:  # negated: of no address
        for i in range(size):
            if not trigger_compare(tdata1, tdata2, va + i):
                return False
        return True
    for i in range(size):
        if trigger_compare(tdata1, tdata2, va + i):
            return True
    return False


cdef bint triggers_fire(Hart *h, u32 kind, u64 va, u32 size, u64 pc) noexcept nogil:
    """Whether one fires on an access of `kind` (MC6_*) by the instruction at pc. In a chain, those on execution are asked
    about pc."""
    cdef u32 i, j, first = 0
    cdef bint matched, all_ = True, fired = False
    cdef u64 t
    if not triggers_allowed(h):
        return False
    for i in range(TRIGGERS):
        t = h.tdata1[i]
        if trigger_type(t) != TYPE_MCONTROL6:
            first, all_ = i + 1, True
            continue
        matched = trigger_matches(t, h.tdata2[i], kind, va, size)
        if not matched and (first < i or t & MC6_CHAIN):
            matched = trigger_matches(t, h.tdata2[i], MC6_EXECUTE, pc, 1)
        all_ = all_ and matched and trigger_enabled(t, h.priv, h.v)
        if t & MC6_CHAIN:
            continue
        if all_:
            fired = True
            for j in range(first, i + 1):
                h.tdata1[j] |= MC6_HIT0
        first, all_ = i + 1, True
    return fired


cdef bint trigger_on_access(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u32 kind) noexcept nogil:
    """Whether a trigger stops this access; its exception is recorded."""
    cdef u32 mode = how_mode(h, how)
    cdef u32 pmm = access_masking(h, mode, how)
    if pmm:
        va = masked_address(va, pmm, virtual_mode(h, mode))
    if not triggers_fire(h, kind, va, size, pc + 2 * <u64>op.off):
        return False
    exc_set(h, CAUSE_BREAKPOINT, va, 0, 0, mode >= MODE_VS)
    return True


cdef bint trigger_on_execution(Hart *h) noexcept nogil:
    """Whether one fires before the instruction at h.pc is fetched; its exception is recorded. What icount has pending
    comes first."""
    cdef u32 i
    cdef bint fired = False
    if h.armed & ARMED_ICOUNT and triggers_allowed(h):
        for i in range(TRIGGERS):
            if trigger_type(h.tdata1[i]) == TYPE_ICOUNT and h.tdata1[i] & ICOUNT_PENDING \
                    and trigger_enabled(h.tdata1[i], h.priv, h.v):
                h.tdata1[i] = (h.tdata1[i] & ~<u64>ICOUNT_PENDING) | ICOUNT_HIT
                fired = True
        if fired:
            triggers_mode(h)
            exc_set(h, CAUSE_BREAKPOINT, 0, 0, 0, 0)
            return True
    if h.armed & ARMED_EXECUTE and triggers_fire(h, MC6_EXECUTE, h.pc, 1, h.pc):
        exc_set(h, CAUSE_BREAKPOINT, h.pc, 0, 0, h.v)
        return True
    return False


cdef void trigger_count(Hart *h, u32 priv, u32 v, const u64 *before) noexcept nogil:
    """After an instruction or a trap that began in this mode: icount counts, unless the trigger has been written."""
    cdef u32 i
    cdef u64 t
    for i in range(TRIGGERS):
        t = h.tdata1[i]
        if trigger_type(t) == TYPE_ICOUNT and t == before[i] and t & ICOUNT_COUNT and trigger_enabled(t, priv, v):
            t -= 1 << ICOUNT_COUNT_SHIFT
            h.tdata1[i] = t if t & ICOUNT_COUNT else t | ICOUNT_PENDING
    triggers_mode(h)


cdef inline Op *block_single(Hart *h, bint *keep) noexcept nogil:
    """The one instruction at h.pc, as a block; NULL: a trigger's or a fetch's exception has been recorded."""
    if unlikely(h.armed & ARMED_STEP) and trigger_on_execution(h):
        return NULL
    return block_at(h, h.pc, True, keep)


# ---- registers

cdef u64 trigger_legal(Hart *h, u32 index, u64 value) noexcept nogil:
    """What tdata1 holds after a write: a trigger of another type, or with another action, is disabled."""
    cdef u64 modes, out
    cdef u32 how = value >> 7 & 7
    if trigger_type(value) == TYPE_MCONTROL6:
        modes = 0x40 | (0x10 if h.ext & EXT_S else 0) | (8 if h.ext & EXT_U else 0) | (3 << 23 if h.ext & EXT_H else 0)
        if value >> 12 & 15:
            return <u64>TYPE_DISABLED << 60
        out = <u64>TYPE_MCONTROL6 << 60 | value & (modes | MC6_HIT0 | MC6_LOAD | MC6_STORE | MC6_EXECUTE)
        if index + 1 < TRIGGERS:
            out |= value & MC6_CHAIN
        if how <= 1 or how == 4 or how == 5 or value >> 7 & 15 == 2 or value >> 7 & 15 == 3:
            out |= value & 0x780
        if not value & MC6_EXECUTE and ((value >> 16 & 7) <= 3 or (value >> 16 & 7) == 5):
            out |= value & 0x70000  # before it is fetched, the size of an instruction is not known
        return out
    if trigger_type(value) == TYPE_ICOUNT and value & 0x3F == 0:
        modes = 0x200 | (0x80 if h.ext & EXT_S else 0) | (0x40 if h.ext & EXT_U else 0) | (3 << 25 if h.ext & EXT_H else 0)
        return <u64>TYPE_ICOUNT << 60 | value & (modes | ICOUNT_HIT | ICOUNT_COUNT | ICOUNT_PENDING)
    return <u64>TYPE_DISABLED << 60


cdef public u64 csr_read_trigger(Hart *h, u32 csr) noexcept nogil:
    """tselect, tdata1, tdata2, tdata3."""
    if not h.ext & EXT_SDTRIG or csr == CSR_TDATA3:
        return 0
    return h.tselect if csr == CSR_TSELECT else h.tdata1[h.tselect] if csr == CSR_TDATA1 else h.tdata2[h.tselect]


cdef public void csr_write_trigger(Hart *h, u32 csr, u64 value) noexcept nogil:
    if not h.ext & EXT_SDTRIG:
        return
    if csr == CSR_TSELECT:
        h.tselect = value if value < TRIGGERS else h.tselect
    elif csr == CSR_TDATA1:
        h.tdata1[h.tselect] = trigger_legal(h, <u32>h.tselect, value)
        context_mode(h)
    elif csr == CSR_TDATA2:
        h.tdata2[h.tselect] = value


cdef public u64 csr_read_tinfo(Hart *h, u32 csr) noexcept nogil:
    """Version 1.0 with icount, mcontrol6 and disabled; or type 0 alone: there is no trigger."""
    if not h.ext & EXT_SDTRIG:
        return 1
    return 1 << 24 | 1 << TYPE_ICOUNT | 1 << TYPE_MCONTROL6 | 1 << TYPE_DISABLED
