# The registers of debug triggers (RISC-V Debug Specification 1.0, "Trigger Module Registers"): what tdata1 to tdata3 can
# hold. Each of the triggers can be of each type. There is no Debug Mode: dmode is read-only 0, and so is every action
# but the breakpoint exception.


cdef inline bint trigger_napot(u64 tdata1) noexcept nogil:
    """Whether an mcontrol6 trigger matches by NAPOT ranges, or whatever is not in one."""
    return trigger_type(tdata1) == TYPE_MCONTROL6 and tdata1 >> 7 & 7 == 1


cdef inline u64 trigger_modes(Hart *h, const u8 *bits) noexcept nogil:
    """The bits for the modes that there are."""
    cdef u64 modes = <u64>1 << bits[MODE_M]
    if h.ext & EXT_S:
        modes |= <u64>1 << bits[MODE_S]
    if h.ext & EXT_U:
        modes |= <u64>1 << bits[MODE_U]
    if h.ext & EXT_H:
        modes |= <u64>1 << bits[MODE_VS] | <u64>1 << bits[MODE_VU]
    return modes


cdef u64 trigger_mcontrol6(Hart *h, u32 index, u64 value) noexcept nogil:
    """tdata1 of type 6. The last trigger starts no chain. No compare value is wider than XLEN; a NAPOT range is smaller
    than all there is."""
    cdef u32 how = value >> 7 & 15, size = value >> 16 & 7
    cdef u64 out = <u64>TYPE_MCONTROL6 << 60
    out |= value & (trigger_modes(h, MC6_MODES) | MC6_HIT0 | MC6_HIT1 | MC6_SELECT | MC6_LOAD | MC6_STORE | MC6_EXECUTE)
    if index + 1 < TRIGGERS:
        out |= value & MC6_CHAIN
    if how == 2 or how == 3 or how & 7 == 0 or how & 7 == 4 or how & 7 == 5 or \
            (how & 7 == 1 and ~h.tdata2[index] << 1):
        out |= <u64>how << 7
    if size <= 3 or size == 5 or (size == 6 and not value & MC6_SELECT):
        out |= <u64>size << 16
    return out


cdef u64 trigger_tdata1(Hart *h, u32 index, u64 value) noexcept nogil:
    """What tdata1 holds after a write: a trigger of another type, or with another action, is disabled."""
    cdef u64 out = value & (<u64>15 << 60)
    cdef u32 kind = trigger_type(value)
    if kind == TYPE_MCONTROL6 and not value >> 12 & 15:
        return trigger_mcontrol6(h, index, value)
    if value & 0x3F == 0:
        if kind == TYPE_ICOUNT:
            return out | value & (trigger_modes(h, ICOUNT_MODES) | ICOUNT_HIT | ICOUNT_COUNT | ICOUNT_PENDING)
        if kind == TYPE_ITRIGGER:
            out |= value & ITRIGGER_NMI if h.ext & EXT_SMRNMI else 0
        if kind == TYPE_ITRIGGER or kind == TYPE_ETRIGGER:
            return out | value & (trigger_modes(h, TRAP_MODES) | TRAP_HIT)
    return <u64>TYPE_DISABLED << 60


cdef u64 trigger_tdata2(u64 tdata1, u64 value) noexcept nogil:
    """The largest NAPOT range is of 2^63 bytes ("maskmax6")."""
    if trigger_napot(tdata1) and ~value << 1 == 0:
        return value & ~(<u64>1 << 62)
    return value


cdef u64 trigger_tdata3(Hart *h, u64 value) noexcept nogil:
    """textra64. Reserved values of mhselect and sselect become 4 or 0, and 0."""
    cdef u64 out = value & (<u64>0x1FFF << 51 | <u64>7 << 48)
    if not h.ext & EXT_H or value >> 48 & 3 == 3:
        out &= ~(<u64>3 << 48)
    if h.ext & EXT_S:
        out |= value & (<u64>0xF << 36 | <u64>0xFFFFFFFF << 2)
        out |= value & 3 if value & 3 != 3 else 0
    return out


cdef public u64 csr_read_trigger(Hart *h, u32 csr) noexcept nogil:
    """tselect, tdata1, tdata2, tdata3."""
    if csr == CSR_TSELECT:
        return h.tselect
    if csr == CSR_TDATA1:
        return h.tdata1[h.tselect]
    return h.tdata2[h.tselect] if csr == CSR_TDATA2 else h.tdata3[h.tselect]


cdef public void csr_write_trigger(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 n = <u32>h.tselect
    if not h.ext & EXT_SDTRIG:
        return
    if csr == CSR_TSELECT:
        h.tselect = value if value < TRIGGERS else h.tselect
    elif csr == CSR_TDATA1:
        h.tdata1[n] = trigger_tdata1(h, n, value)
        h.trigger_written |= 1u << n
        h.trigger_types = 0
        for n in range(TRIGGERS):
            h.trigger_types |= 1u << trigger_type(h.tdata1[n]) & ~(1u << TYPE_DISABLED)
        context_mode(h)
    elif csr == CSR_TDATA2:
        h.tdata2[n] = trigger_tdata2(h.tdata1[n], value)
    else:
        h.tdata3[n] = trigger_tdata3(h, value)


cdef public u64 csr_read_tinfo(Hart *h, u32 csr) noexcept nogil:
    """Version 1.0 with icount, itrigger, etrigger, mcontrol6 and disabled; or type 0 alone: there is no trigger."""
    if not h.ext & EXT_SDTRIG:
        return 1
    return 1 << 24 | 1 << TYPE_ICOUNT | 1 << TYPE_ITRIGGER | 1 << TYPE_ETRIGGER | 1 << TYPE_MCONTROL6 | 1 << TYPE_DISABLED
