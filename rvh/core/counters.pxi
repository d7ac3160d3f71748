# Counters (manual: "Hardware Performance Monitor", "Machine Counter-Inhibit", Sscofpmf, Smcntrpmf). Nothing counts by
# itself: mcycle and minstret are offsets to the slots and retired instructions of core/runtime.h, an event
# counter is a value and the reading of its source at which it had that value.
#
# A CSR instruction is charged before it executes: what it reads leaves itself out (in_flight), what it writes
# counts from the next instruction on ("CSR Access Ordering": the write takes precedence over the
# instruction's own increment).

cdef enum:
    EVENT_NONE = 0
    EVENT_CYCLES = 1
    EVENT_INSTRET = 2
    EVENT_EXCEPTIONS = 3
    EVENT_INTERRUPTS = 4
    EVENT_TLB_FILLS = 5
    EVENT_WALKS = 6


cdef u64 event_source(Hart *h, u64 event) noexcept nogil:
    if event == EVENT_CYCLES:
        return hart_slots(h)
    if event == EVENT_INSTRET:
        return hart_retired(h)
    if event == EVENT_EXCEPTIONS:
        return h.n_traps
    if event == EVENT_INTERRUPTS:
        return h.n_interrupts
    if event == EVENT_TLB_FILLS:
        return h.n_tlb_fills
    return h.n_walks if event == EVENT_WALKS else 0


cdef u64 counter_value(Hart *h, u32 n, u64 in_flight) noexcept nogil:
    """mcycle (n=0), minstret (2) or mhpmcounter<n>, without `in_flight` instructions already charged."""
    cdef u64 event, value
    if n == 0:
        return h.mcycle_off if h.fixed_off & 1 else hart_slots(h) - in_flight + h.mcycle_off
    if n == 2:
        return h.minstret_off if h.fixed_off & 4 else hart_retired(h) - in_flight + h.minstret_off
    value = h.mhpmcounter[n - 3]
    if h.hpm_on >> n & 1:
        event = h.mhpmevent[n - 3] & HPMEVENT_EVENT
        value += event_source(h, event) - h.hpm_base[n - 3]
        if event == EVENT_CYCLES or event == EVENT_INSTRET:
            value -= in_flight
    return value


cdef void counters_sync(Hart *h) noexcept nogil:
    """Folds what the counting event counters have seen into their values; an overflow sets OF and LCOFIP
    (I3)."""
    cdef u32 n, i
    cdef u64 now, old
    for n in range(3, 32):
        if not h.hpm_on >> n & 1:
            continue
        i = n - 3
        now = event_source(h, h.mhpmevent[i] & HPMEVENT_EVENT)
        old = h.mhpmcounter[i]
        h.mhpmcounter[i] = old + (now - h.hpm_base[i])
        h.hpm_base[i] = now
        if h.mhpmcounter[i] < old and h.ext & EXT_SSCOFPMF and not h.mhpmevent[i] & HPMEVENT_OF:
            h.mhpmevent[i] |= HPMEVENT_OF
            h.mip |= MIP_LCOFIP


cdef void counters_select(Hart *h) noexcept nogil:
    """After counters_sync() and a change of mode, event or inhibition: which counters count from now on."""
    cdef u32 n, i
    cdef u64 inhibit, cycle, instret
    if h.priv == 3:
        inhibit = HPMEVENT_MINH
    elif h.priv == 1:
        inhibit = HPMEVENT_VSINH if h.v else HPMEVENT_SINH
    else:
        inhibit = HPMEVENT_VUINH if h.v else HPMEVENT_UINH
    # The offset of one that stands still is its value.
    cycle, instret = counter_value(h, 0, 0), counter_value(h, 2, 0)
    h.fixed_off = h.mcountinhibit & 5 | (1 if h.mcyclecfg & inhibit else 0) | (4 if h.minstretcfg & inhibit else 0)
    h.mcycle_off = cycle if h.fixed_off & 1 else cycle - hart_slots(h)
    h.minstret_off = instret if h.fixed_off & 4 else instret - hart_retired(h)
    h.hpm_on = 0
    h.hpm_filter = (1 if h.mcyclecfg else 0) | (4 if h.minstretcfg else 0)
    for n in range(3, 32):
        i = n - 3
        if not h.mhpmevent[i] & HPMEVENT_EVENT or h.mcountinhibit >> n & 1:
            continue
        if h.mhpmevent[i] & (HPMEVENT_MINH | HPMEVENT_SINH | HPMEVENT_UINH | HPMEVENT_VSINH | HPMEVENT_VUINH):
            h.hpm_filter |= 1u << n
        if not h.mhpmevent[i] & inhibit:
            h.hpm_on |= 1u << n
            h.hpm_base[i] = event_source(h, h.mhpmevent[i] & HPMEVENT_EVENT)


cdef inline void counters_mode(Hart *h) noexcept nogil:
    """After a change of privilege or V."""
    if unlikely(h.hpm_filter):
        counters_sync(h)
        counters_select(h)


cdef u64 counters_slack(Hart *h) noexcept nogil:
    """Slots until a counter of cycles or instructions may overflow and interrupt: the run loop should look by
    then."""
    cdef u64 slack = <u64>-1, event
    cdef u32 n
    if not h.hpm_on or not h.ext & EXT_SSCOFPMF:
        return slack
    for n in range(3, 32):
        if h.hpm_on >> n & 1 and not h.mhpmevent[n - 3] & HPMEVENT_OF:
            event = h.mhpmevent[n - 3] & HPMEVENT_EVENT
            if event == EVENT_CYCLES or event == EVENT_INSTRET:
                slack = min(slack, 0 - counter_value(h, n, 0) - 1)
    return slack + 1 if slack != <u64>-1 else slack


# ---- CSRs

cdef public u64 csr_read_counter(Hart *h, u32 csr) noexcept nogil:
    return counter_value(h, csr & 31, 1)


cdef public void csr_write_counter(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 n = csr & 31
    if n == 0:
        h.mcycle_off = value if h.fixed_off & 1 else value - hart_slots(h)
    elif n == 2:
        h.minstret_off = value if h.fixed_off & 4 else value - hart_retired(h)
    elif h.ext & EXT_ZIHPM:
        h.mhpmcounter[n - 3] = value
        h.hpm_base[n - 3] = event_source(h, h.mhpmevent[n - 3] & HPMEVENT_EVENT)
    if h.hpm_on:
        kick(h)  # an overflow may now be nearer than the run loop thinks


cdef public void csr_write_mhpmevent(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mhpmevent3(h)
    cdef u32 i = (csr & 31) - 3
    if not h.ext & EXT_ZIHPM:
        return
    if h.ext & EXT_SSCOFPMF:  # a mode that is not there cannot be inhibited
        mask |= HPMEVENT_SINH if h.ext & EXT_S else 0
        mask |= HPMEVENT_UINH if h.ext & EXT_U else 0
        mask |= HPMEVENT_VSINH | HPMEVENT_VUINH if h.ext & EXT_H else 0
    counters_sync(h)
    value = (h.mhpmevent[i] & ~mask) | (value & mask)
    if value & HPMEVENT_EVENT > EVENT_WALKS:
        value &= ~HPMEVENT_EVENT  # WARL: an event that is not there counts nothing
    h.mhpmevent[i] = value
    counters_select(h)
    kick(h)


cdef public void csr_write_mcountinhibit(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mcountinhibit(h)
    counters_sync(h)  # this instruction counts under the old setting
    h.mcountinhibit = (h.mcountinhibit & ~mask) | (value & mask)
    counters_select(h)
    kick(h)


cdef public void csr_write_mcountercfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    counters_sync(h)
    if csr == CSR_MCYCLECFG:
        h.mcyclecfg = value & mask_mcyclecfg(h)
    else:
        h.minstretcfg = value & mask_minstretcfg(h)
    counters_select(h)
    kick(h)


# ---- delegated counters ("Counter Delegation"): siselect 0x40 + n; sireg is the counter, sireg2 its event or
# configuration, of which S-mode does not see MINH. Whether the access is allowed is in isa/access.py.

cdef u64 sireg_value(Hart *h, u32 csr, u64 in_flight) noexcept nogil:
    cdef u32 n = <u32>h.siselect & 31
    if h.siselect - 0x40 > 31 or n == 1:
        return 0
    if csr == CSR_SIREG:
        return counter_value(h, n, in_flight)
    if csr != CSR_SIREG2:
        return 0
    return (h.mcyclecfg if n == 0 else h.minstretcfg if n == 2 else h.mhpmevent[n - 3]) & ~HPMEVENT_MINH


cdef public u64 csr_read_sireg(Hart *h, u32 csr) noexcept nogil:
    if csr == CSR_SIREG2:
        counters_sync(h)  # OF may have come
    return sireg_value(h, csr, 1)


cdef public void csr_write_sireg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 n = <u32>h.siselect & 31
    if h.siselect - 0x40 > 31 or n == 1:
        return
    if csr == CSR_SIREG:
        csr_write_counter(h, CSR_MCYCLE + n, value)
    elif csr != CSR_SIREG2:
        return
    elif n == 0:
        csr_write_mcountercfg(h, CSR_MCYCLECFG, (value & ~HPMEVENT_MINH) | (h.mcyclecfg & HPMEVENT_MINH))
    elif n == 2:
        csr_write_mcountercfg(h, CSR_MINSTRETCFG, (value & ~HPMEVENT_MINH) | (h.minstretcfg & HPMEVENT_MINH))
    else:
        csr_write_mhpmevent(h, CSR_MHPMEVENT3 + n - 3, (value & ~HPMEVENT_MINH) | (h.mhpmevent[n - 3] & HPMEVENT_MINH))


cdef public u64 csr_read_scountinhibit(Hart *h, u32 csr) noexcept nogil:
    return h.mcountinhibit & h.mcounteren


cdef public void csr_write_scountinhibit(Hart *h, u32 csr, u64 value) noexcept nogil:
    csr_write_mcountinhibit(h, CSR_MCOUNTINHIBIT, (h.mcountinhibit & ~h.mcounteren) | (value & h.mcounteren))


cdef public u64 csr_read_time(Hart *h, u32 csr) noexcept nogil:
    return mtime_now(h) + (h.htimedelta if h.v else 0)


cdef public u64 csr_read_scountovf(Hart *h, u32 csr) noexcept nogil:
    cdef u64 out = 0
    cdef u32 n
    counters_sync(h)
    for n in range(3, 32):
        if h.mhpmevent[n - 3] & HPMEVENT_OF:
            out |= 1u << n
    if h.priv == 3:
        return out
    return out & h.mcounteren & (h.hcounteren if h.v else <u64>-1)
