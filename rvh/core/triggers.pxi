# Debug triggers (RISC-V Debug Specification 1.0, "Sdtrig"): mcontrol6, icount, itrigger and etrigger with the action that
# native debuggers use, a breakpoint exception. What instructions do, seen by triggers; trigger_csr.pxi has the registers.
# Where a trigger is enabled in the current mode, and there alone, instructions go one by one (execution, loaded data,
# icount) or every access takes its slow path (loads, stores): h.armed says which.

cdef enum:
    TRIGGERS = 4

    TYPE_ICOUNT = 3
    TYPE_ITRIGGER = 4
    TYPE_ETRIGGER = 5
    TYPE_MCONTROL6 = 6
    TYPE_DISABLED = 15

    MC6_LOAD = 1
    MC6_STORE = 2
    MC6_EXECUTE = 4
    MC6_CHAIN = 0x800
    MC6_SELECT = 1 << 21

    ICOUNT_PENDING = 0x100
    ICOUNT_COUNT_SHIFT = 10

    ITRIGGER_NMI = 0x400

    ARMED_LOAD = 1
    ARMED_STORE = 2
    ARMED_EXECUTE = 4
    ARMED_ICOUNT = 8
    ARMED_LOADED = 16  # a load's data
    ARMED_STEP = 28  # instructions go one by one

    AFTER_DUE = 1
    AFTER_GVA = 2  # the address is a guest virtual one

cdef u64 MC6_HIT0 = 1 << 22, MC6_HIT1 = 1 << 25
cdef u64 ICOUNT_HIT = 1 << 24
cdef u64 ICOUNT_COUNT = <u64>0x3FFF << 10
cdef u64 TRAP_HIT = <u64>1 << 58  # of itrigger and etrigger

# Of tdata1 the bit that enables it in MODE_M, MODE_S, MODE_U, MODE_VS, MODE_VU.
cdef u8[5] MC6_MODES = [6, 4, 3, 24, 23]
cdef u8[5] ICOUNT_MODES = [9, 7, 6, 26, 25]
cdef u8[5] TRAP_MODES = [9, 7, 6, 12, 11]

cdef struct Seen:
    # What there is to know of the instruction in hand at some point of its execution.
    u64 pc
    u32 insn
    u32 length  # of it in bytes, 0 before it has been fetched
    u32 kind  # of the access MC6_LOAD, MC6_STORE, both; 0: none is being made
    u32 size  # of the access in bytes
    u64 va
    u64 data  # loaded or to be stored ...
    bint known  # ... if that is known


cdef inline u32 trigger_type(u64 tdata1) noexcept nogil:
    return <u32>(tdata1 >> 60)


# ---- whether it is its turn

cdef bint trigger_mode(u64 tdata1, u32 mode) noexcept nogil:
    """Whether its bit for the mode is set."""
    if trigger_type(tdata1) == TYPE_MCONTROL6:
        return tdata1 >> MC6_MODES[mode] & 1
    if trigger_type(tdata1) == TYPE_ICOUNT:
        return tdata1 >> ICOUNT_MODES[mode] & 1
    return trigger_type(tdata1) != TYPE_DISABLED and tdata1 >> TRAP_MODES[mode] & 1


cdef bint trigger_context(Hart *h, u64 tdata3, u32 mode) noexcept nogil:
    """Whether the conditions of textra64 hold in the mode."""
    cdef u64 value = tdata3 >> 51 << 1 | tdata3 >> 50 & 1, ignored = 0
    cdef u32 mhselect = tdata3 >> 48 & 7, sselect = tdata3 & 3, n
    if mhselect == 4 and (h.mcontext & 0x1FFF) != tdata3 >> 51:
        return False
    if mhselect & 3 == 1 and h.mcontext != value:
        return False
    if mhselect & 3 == 2 and (h.hgatp >> 44 & 0x3FFF) != value:
        return False
    if sselect == 1:
        for n in range(4):
            if tdata3 >> (36 + n) & 1:
                ignored |= <u64>0xFF << 8 * n
        return <u32>((h.scontext ^ tdata3 >> 2) & ~ignored) == 0
    if sselect == 2:
        return (((h.vsatp if mode >= MODE_VS else h.satp) >> 44 ^ tdata3 >> 2) & 0xFFFF) == 0
    return True


cdef inline bint trigger_enabled(Hart *h, u32 i, u32 mode) noexcept nogil:
    return trigger_mode(h.tdata1[i], mode) and trigger_context(h, h.tdata3[i], mode)


cdef bint triggers_allowed(Hart *h) noexcept nogil:
    """Not while the trap handler that a breakpoint would reach may be the one that is running: the first solution of
    "Native Triggers"; without S-mode the second one."""
    if h.priv == 3 and not h.ext & EXT_S:
        return h.tcontrol & TCONTROL_MTE != 0
    if h.priv == 3:
        return h.mstatus & MSTATUS_MIE != 0
    if h.priv == 0 or not h.medeleg >> CAUSE_BREAKPOINT & 1:
        return True
    if h.v:
        return not h.hedeleg >> CAUSE_BREAKPOINT & 1 or h.vsstatus & MSTATUS_SIE != 0
    return h.mstatus & MSTATUS_SIE != 0


cdef void triggers_mode(Hart *h) noexcept nogil:
    """After a change of mode or of a trigger: what must be looked at now."""
    cdef u32 armed = 0, i, mode = mode_of(h.priv, h.v)
    cdef u64 t
    if h.trigger_types:
        for i in range(TRIGGERS):
            t = h.tdata1[i]
            if not trigger_mode(t, mode):
                continue
            if trigger_type(t) == TYPE_ICOUNT:
                armed |= ARMED_ICOUNT if t & (ICOUNT_COUNT | ICOUNT_PENDING) else 0
            elif trigger_type(t) == TYPE_MCONTROL6:
                armed |= t & (ARMED_LOAD | ARMED_STORE | ARMED_EXECUTE)
                armed |= ARMED_LOADED if t & MC6_SELECT and t & MC6_LOAD else 0
    if (armed ^ h.armed) & ARMED_STEP:
        h.stop = 1  # the run loop goes on in the other way
    h.armed = armed
    if armed & (ARMED_LOAD | ARMED_STORE):
        h.key = TLB_NONE - 1


# ---- mcontrol6

cdef bint trigger_compare(u64 tdata1, u64 tdata2, u64 value, u64 limit) noexcept nogil:
    """The field match, of which bit 3 negates, on the bits of `limit`."""
    cdef u32 how = tdata1 >> 7 & 15
    cdef bint equal
    if how == 2:
        return value >= tdata2 & limit
    if how == 3:
        return value < tdata2 & limit
    if how & 7 == 0:
        equal = (value ^ tdata2) & limit == 0
    elif how & 7 == 1:
        equal = (value ^ tdata2) & ~(tdata2 ^ (tdata2 + 1)) & limit == 0  # all above the lowest 0
    elif how & 7 == 4:  # a half of the value, under the mask above tdata2's lower half
        equal = <u32>((value & tdata2 >> 32 ^ tdata2) & limit) == 0
    else:
        equal = <u32>((value >> 32 & tdata2 >> 32 ^ tdata2) & limit >> 32) == 0
    return not equal if how & 8 else equal


cdef inline bint trigger_size(u64 tdata1, u32 size) noexcept nogil:
    """Whether the field size asks for these bytes; 0: for any."""
    cdef u32 wanted = tdata1 >> 16 & 7
    return wanted == 0 or size == (8 if wanted == 5 else 16 if wanted == 6 else 1u << (wanted - 1))


cdef bint trigger_compare_data(u64 tdata1, u64 tdata2, u64 data, u32 size) noexcept nogil:
    """A value of so many bytes. Where the trigger names a size no more of tdata2 counts; else all of it, and the value has
    zeros above."""
    cdef u64 low = ~<u64>0 >> (64 - 8 * size)
    return trigger_compare(tdata1, tdata2, data & low, low if tdata1 >> 16 & 7 else ~<u64>0)


cdef bint trigger_matches(u64 tdata1, u64 tdata2, const Seen *s) noexcept nogil:
    """Whether an mcontrol6 trigger matches: the instruction, by the address of its first byte or its bits; or its access, by
    the addresses of all bytes or the data."""
    cdef u32 i
    if tdata1 & MC6_EXECUTE:
        if not tdata1 & MC6_SELECT:
            if trigger_size(tdata1, s.length) and trigger_compare(tdata1, tdata2, s.pc, ~<u64>0):
                return True
        elif s.length and trigger_size(tdata1, s.length) and trigger_compare_data(tdata1, tdata2, s.insn, s.length):
            return True
    if not tdata1 & s.kind or not trigger_size(tdata1, s.size):
        return False
    if tdata1 & MC6_SELECT:
        return s.known and trigger_compare_data(tdata1, tdata2, s.data, s.size)
    if tdata1 >> 7 & 8:  # negated: of no address
        for i in range(s.size):
            if not trigger_compare(tdata1, tdata2, s.va + i, ~<u64>0):
                return False
        return True
    for i in range(s.size):
        if trigger_compare(tdata1, tdata2, s.va + i, ~<u64>0):
            return True
    return False


cdef bint triggers_fire(Hart *h, const Seen *s, u64 hit) noexcept nogil:
    """Whether a trigger, or a chain of them, fires on what is seen; `hit` is what hit1 and hit0 then say."""
    cdef u32 i, j, first = 0, mode = mode_of(h.priv, h.v)
    cdef bint matched, all_ = True, fired = False
    cdef u64 t
    if not triggers_allowed(h):
        return False
    for i in range(TRIGGERS):
        t = h.tdata1[i]
        if trigger_type(t) != TYPE_MCONTROL6:
            first, all_ = i + 1, True
            continue
        matched = trigger_matches(t, h.tdata2[i], s)
        all_ = all_ and matched and trigger_enabled(h, i, mode)
        if t & MC6_CHAIN:
            continue
        if all_:
            fired = True
            for j in range(first, i + 1):
                h.tdata1[j] = (h.tdata1[j] & ~(MC6_HIT0 | MC6_HIT1)) | hit
        first, all_ = i + 1, True
    return fired


cdef u32 trigger_see(Hart *h, Seen *s, const Op *op, u64 pc, u64 va, u32 size, u32 how) noexcept nogil:
    """Fills in an access of the instruction at `op`, but for its kind and data; its mode."""
    cdef u32 mode = how_mode(h, how), pmm = access_masking(h, mode, how)
    s.pc = pc + 2 * <u64>op.off
    s.insn = insn_bits(h, op_header(op), op)
    s.length = 4 if s.insn & 3 == 3 else 2
    s.va = masked_address(va, pmm, virtual_mode(h, mode)) if pmm else va
    s.size = size
    s.known = False
    return mode


cdef bint trigger_on_access(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u32 kind) noexcept nogil:
    """Whether a trigger stops this access, of which the data is not known; its exception is recorded."""
    cdef Seen s
    cdef u32 mode = trigger_see(h, &s, op, pc, va, size, how)
    s.kind = kind
    if not triggers_fire(h, &s, MC6_HIT0):
        return False
    exc_set(h, CAUSE_BREAKPOINT, s.va, 0, 0, mode >= MODE_VS)
    return True


cdef bint trigger_on_store(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u64 value) noexcept nogil:
    """As trigger_on_access, for a store of `value`."""
    cdef Seen s
    cdef u32 mode = trigger_see(h, &s, op, pc, va, size, how)
    s.kind, s.data, s.known = MC6_STORE, value, True
    if not triggers_fire(h, &s, MC6_HIT0):
        return False
    exc_set(h, CAUSE_BREAKPOINT, s.va, 0, 0, mode >= MODE_VS)
    return True


cdef void trigger_on_loaded(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u64 value) noexcept nogil:
    """After a load: a trigger that fires on its data does so when the instruction has retired ("Suggested Trigger
    Timings"); xtval has the first such address."""
    cdef Seen s
    cdef u32 mode = trigger_see(h, &s, op, pc, va, size, how)
    s.kind, s.data, s.known = MC6_LOAD, value, True
    if triggers_fire(h, &s, MC6_HIT0 | MC6_HIT1) and not h.trigger_after:
        h.trigger_after = AFTER_DUE | (AFTER_GVA if mode >= MODE_VS else 0)
        h.trigger_va = s.va


cdef void trigger_take_after(Hart *h) noexcept nogil:
    """What trigger_on_loaded() has found, now that the instruction has retired."""
    cdef u64 pc = h.pc
    cdef u32 priv = h.priv, v = h.v
    exc_set(h, CAUSE_BREAKPOINT, h.trigger_va, 0, 0, (h.trigger_after & AFTER_GVA) != 0)
    trap_take(h, pc, 0)
    if unlikely(traced(h)):
        trace_breakpoint(h, pc, priv, v, h.trigger_va)


cdef bint trigger_on_execution(Hart *h) noexcept nogil:
    """Whether one fires before the instruction at h.pc is fetched; its exception is recorded. What icount has pending
    comes first."""
    cdef Seen s
    cdef u32 i, mode = mode_of(h.priv, h.v)
    cdef bint fired = False
    if h.armed & ARMED_ICOUNT and triggers_allowed(h):
        for i in range(TRIGGERS):
            if trigger_type(h.tdata1[i]) == TYPE_ICOUNT and h.tdata1[i] & ICOUNT_PENDING and trigger_enabled(h, i, mode):
                h.tdata1[i] = (h.tdata1[i] & ~<u64>ICOUNT_PENDING) | ICOUNT_HIT
                fired = True
        if fired:
            triggers_mode(h)
            exc_set(h, CAUSE_BREAKPOINT, 0, 0, 0, 0)
            return True
    if not h.armed & ARMED_EXECUTE:
        return False
    memset(&s, 0, sizeof(s))
    s.pc = h.pc
    fired = triggers_fire(h, &s, MC6_HIT0)
    if fired:
        exc_set(h, CAUSE_BREAKPOINT, h.pc, 0, 0, h.v)
    return fired


cdef bint trigger_on_fetched(Hart *h, const Op *op) noexcept nogil:
    """As trigger_on_execution, when the instruction's bits are known and nothing has come of them yet."""
    cdef Seen s
    memset(&s, 0, sizeof(s))
    s.pc = h.pc
    s.insn = insn_bits(h, op - 1, op)
    s.length = 4 if s.insn & 3 == 3 else 2
    if not triggers_fire(h, &s, MC6_HIT0):
        return False
    exc_set(h, CAUSE_BREAKPOINT, h.pc, 0, 0, h.v)
    return True


cdef inline Op *block_single(Hart *h, bint *keep) noexcept nogil:
    """The one instruction at h.pc, as a block; NULL: a trigger's or a fetch's exception has been recorded."""
    cdef Op *ops
    if unlikely(h.armed & ARMED_STEP) and trigger_on_execution(h):
        return NULL
    ops = block_at(h, h.pc, True, keep)
    if unlikely(h.armed & ARMED_EXECUTE) and ops != NULL and trigger_on_fetched(h, ops):
        return NULL
    return ops


# ---- icount

cdef u32 triggers_counting(Hart *h) noexcept nogil:
    """The icount triggers that match what begins now, an instruction or a trap, as a set of their numbers."""
    cdef u32 i, counting = 0, mode
    if likely(not h.armed & ARMED_ICOUNT) or not triggers_allowed(h):
        return 0
    h.trigger_written = 0
    mode = mode_of(h.priv, h.v)
    for i in range(TRIGGERS):
        if trigger_type(h.tdata1[i]) == TYPE_ICOUNT and h.tdata1[i] & ICOUNT_COUNT and trigger_enabled(h, i, mode):
            counting |= 1u << i
    return counting


cdef void triggers_count(Hart *h, u32 counting) noexcept nogil:
    """Afterwards: these count, but for one that the instruction has written."""
    cdef u32 i
    cdef u64 t
    for i in range(TRIGGERS):
        if (counting & ~h.trigger_written) >> i & 1:
            t = h.tdata1[i] - (1 << ICOUNT_COUNT_SHIFT)
            h.tdata1[i] = t if t & ICOUNT_COUNT else t | ICOUNT_PENDING
    triggers_mode(h)


# ---- itrigger and etrigger

cdef void trigger_on_trap(Hart *h, u32 kind, u64 code, u32 mode, bint nmi) noexcept nogil:
    """After a trap from `mode`, at its handler: the breakpoint of the triggers of this type on the code. Where breakpoints
    go to the handler's own mode, none is allowed now."""
    cdef u64 pc = h.pc, cause = h.exc_cause, tval = h.exc_tval, t
    cdef u32 priv = h.priv, v = h.v, reason = h.exc_reason, i
    cdef bint fired = False
    if not triggers_allowed(h):
        return
    for i in range(TRIGGERS):
        t = h.tdata1[i]
        if trigger_type(t) == kind and trigger_enabled(h, i, mode) and \
                (t & ITRIGGER_NMI if nmi else h.tdata2[i] >> code & 1):
            h.tdata1[i] |= TRAP_HIT
            fired = True
    if not fired:
        return
    exc_set(h, CAUSE_BREAKPOINT, 0, 0, 0, 0)
    trap_deliver(h, pc, 0)
    if unlikely(traced(h)):
        trace_breakpoint(h, pc, priv, v, 0)
    # Traces and explanations tell of the exception that the trigger was on.
    h.exc_cause, h.exc_tval, h.exc_reason = cause, tval, reason


cdef void trigger_on_interrupt(Hart *h, u32 mode) noexcept nogil:
    """As trigger_on_trap, after an interrupt: its number is that which the handler's mode reads."""
    cdef u64 cause = h.vscause if h.v else h.mcause if h.priv == 3 else h.scause
    trigger_on_trap(h, TYPE_ITRIGGER, cause & 63, mode, not h.mnstatus & MNSTATUS_NMIE)
