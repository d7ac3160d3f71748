# Interrupts: what is pending, which one is taken, the timers that raise them, and the CSRs that show them
# (manual: "Machine Interrupt (mip and mie) Registers", "Hypervisor Interrupt (hvip, hip, and hie) Registers",
# "Virtual Supervisor Interrupt (vsip and vsie) Registers", "Sstc"; checklist C, D, J).
#
# h.mip holds the bits that software wrote (SSIP, STIP, SEIP, LCOFIP), h.hvip those of hvip, h.lines what
# devices and comparators drive. A bit as read is the OR of them; only the software part is ever written back
# (C6).

cdef inline u64 csr_mip(Hart *h) noexcept nogil:
    """mip as read: hip, sip and vsip are views of it."""
    cdef u64 pending = h.mip | h.hvip | h.lines
    cdef u64 vgein
    if unlikely(h.hgeip):
        vgein = (h.hstatus & HSTATUS_VGEIN) >> 12
        if vgein and h.hgeip >> vgein & 1:
            pending |= MIP_VSEIP
        if h.hgeip & h.hgeie:  # hgeie does not gate VSEIP (C4)
            pending |= MIP_SGEIP
    return pending


cdef inline u64 mip_now(Hart *h) noexcept nogil:
    """As csr_mip(), with the timers brought up to this instruction."""
    if mtime_now(h) >= h.deadline:
        timer_update(h)
    return csr_mip(h)


cdef enum:
    LEVEL_M = 3
    LEVEL_HS = 1
    LEVEL_VS = 5


cdef inline u64 interrupts_for(Hart *h, u64 pending, u32 *level) noexcept nogil:
    """Of pending & mie, those of the highest level that would be taken now, and that level; 0: none
    (D1-D3)."""
    cdef u64 m = pending & ~h.mideleg, vs
    if unlikely(not h.mnstatus & MNSTATUS_NMIE):
        return 0
    if m and (h.priv != 3 or h.mstatus & MSTATUS_MIE):
        level[0] = LEVEL_M
        return m
    if h.priv == 3:
        return 0
    pending &= h.mideleg
    vs = pending & h.hideleg
    pending &= ~h.hideleg
    if pending and (h.v or h.priv == 0 or h.mstatus & MSTATUS_SIE):
        level[0] = LEVEL_HS
        return pending
    if vs and h.v and (h.priv == 0 or h.vsstatus & MSTATUS_SIE):
        level[0] = LEVEL_VS
        return vs
    return 0


cdef u64 interrupt_first(u64 candidates) noexcept nogil:
    """The interrupt of a set that is taken first (D3)."""
    if candidates & MIP_MEIP:
        return IRQ_MEI
    if candidates & MIP_MSIP:
        return IRQ_MSI
    if candidates & MIP_MTIP:
        return IRQ_MTI
    if candidates & MIP_SEIP:
        return IRQ_SEI
    if candidates & MIP_SSIP:
        return IRQ_SSI
    if candidates & MIP_STIP:
        return IRQ_STI
    if candidates & MIP_SGEIP:
        return IRQ_SGEI
    if candidates & MIP_VSEIP:
        return IRQ_VSEI
    if candidates & MIP_VSSIP:
        return IRQ_VSSI
    if candidates & MIP_VSTIP:
        return IRQ_VSTI
    return IRQ_LCOFI


cdef inline bint rnmi_due(Hart *h) noexcept nogil:
    """Whether an RNMI would be taken now: before everything else, whatever the enables of other interrupts ("RNMI
    Interrupt Signals")."""
    return h.rnmi and h.mnstatus & MNSTATUS_NMIE


cdef inline bint interrupts_look(Hart *h) noexcept nogil:
    """Whether there is anything for interrupt_take() to do."""
    return csr_mip(h) & h.mie != 0 or unlikely(h.rnmi)


cdef inline void interrupt_check(Hart *h) noexcept nogil:
    """After a change that may have made an interrupt takable: leaves the run loop right after this
    instruction if one is (D5)."""
    cdef u32 level
    cdef u64 pending = csr_mip(h) & h.mie
    if (pending and interrupts_for(h, pending, &level)) or unlikely(rnmi_due(h)):
        kick(h)


cdef int interrupt_take(Hart *h) noexcept nogil:
    """Ends a WFI that an interrupt ends, and takes the interrupt that is to be taken now, if any (then 1);
    h.pc is where the hart stands."""
    cdef u32 level = 0
    cdef u64 candidates, irq
    if unlikely(h.hpm_on):
        counters_sync(h)
    if unlikely(h.rnmi):
        h.wfi = 0
        if rnmi_due(h):
            h.n_interrupts += 1
            h.rnmi &= RNMI_LEVEL
            trap_to_rnmi(h, h.pc, CAUSE_INTERRUPT | h.rnmi_cause, h.priv, h.v)
            return 1
    candidates = csr_mip(h) & h.mie
    if not candidates:
        return 0
    h.wfi = 0
    candidates = interrupts_for(h, candidates, &level)
    if not candidates:
        return 0
    h.n_interrupts += 1
    irq = interrupt_first(candidates)
    if level == LEVEL_M:
        trap_to_m(h, h.pc, CAUSE_INTERRUPT | irq, 0, 0, 0, 0)
    elif level == LEVEL_HS:
        trap_to_hs(h, h.pc, CAUSE_INTERRUPT | irq, 0, 0, 0, 0)
    elif h.vsstatus & MSTATUS_SDT:
        trap_to_m(h, h.pc, CAUSE_DOUBLE_TRAP, 0, CAUSE_INTERRUPT | irq, 0, 0)
    else:
        # VSSI, VSTI and VSEI are seen as SSI, STI and SEI: one less (C1).
        trap_to_vs(h, h.pc, CAUSE_INTERRUPT | (irq - 1 if irq != IRQ_LCOFI else irq), 0)
    return 1


cdef int interrupt_wakes(Hart *h) noexcept nogil:
    """Whether WFI would go on now: an interrupt is pending and enabled in mie, whatever its delegation and
    the global enables, of which NMIE is one ("Wait for Interrupt")."""
    return interrupts_look(h)


# ---- lines

cdef void lines_set(Hart *h, u64 mip_bits, int level) noexcept nogil:
    """A device drives interrupt lines of this hart high or low."""
    if level:
        h.lines |= mip_bits
        kick(h)
    else:
        h.lines &= ~mip_bits


cdef enum:
    RNMI_LEVEL = 1
    RNMI_PULSE = 2


cdef void rnmi_set(Hart *h, u32 bits, u32 value, u64 cause) noexcept nogil:
    """Changes bits of this hart's `rnmi`; `cause` is what mncause then says."""
    if h.ext & EXT_SMRNMI:
        h.rnmi, h.rnmi_cause = (h.rnmi & ~bits) | value, cause
        kick(h)


cdef inline u64 sooner(u64 deadline, u64 now, u64 ticks) noexcept nogil:
    """The earlier of `deadline` and `ticks` from now; times past the end of mtime never come."""
    return min(deadline, now + ticks) if now + ticks >= now else deadline


cdef void timer_update(Hart *h) noexcept nogil:
    """Sets the timer lines to what mtime says, and h.deadline to the next time one of them changes by
    itself."""
    cdef u64 now = mtime_now(h), next = <u64>-1
    cdef u64 lines = h.lines & ~(MIP_MTIP | MIP_STIP | MIP_VSTIP)
    cdef u64 guest
    if now >= h.mtimecmp:
        lines |= MIP_MTIP
    else:
        next = h.mtimecmp
    if h.menvcfg & ENVCFG_STCE:
        if now >= h.stimecmp:
            lines |= MIP_STIP
        else:
            next = min(next, h.stimecmp)
        if h.henvcfg & ENVCFG_STCE:  # at every V (J4)
            guest = now + h.htimedelta
            if guest >= h.vstimecmp:
                lines |= MIP_VSTIP
                if h.vstimecmp:  # until the guest's time wraps around
                    next = sooner(next, now, 0 - guest) if guest else next
            else:
                next = sooner(next, now, h.vstimecmp - guest)
    h.lines = lines
    h.deadline = next


cdef public void csr_write_stimecmp(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.stimecmp = value
    timer_changed(h)


cdef public void csr_write_vstimecmp(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.vstimecmp = value
    timer_changed(h)


cdef public void csr_write_htimedelta(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.htimedelta = value
    timer_changed(h)


cdef void timer_changed(Hart *h) noexcept nogil:
    """After a change of a comparator: lines follow at once, and the run loop learns of the new deadline."""
    timer_update(h)
    kick(h)
    interrupt_check(h)


# ---- machine level

cdef public u64 csr_read_mip(Hart *h, u32 csr) noexcept nogil:
    return mip_now(h)


cdef public u64 csr_rmw_mip(Hart *h, u32 csr) noexcept nogil:
    return h.mip | h.hvip


cdef public void csr_write_mip(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mip(h)
    if h.menvcfg & ENVCFG_STCE:
        mask &= ~MIP_STIP
    h.hvip = (h.hvip & ~(mask & MIP_VSSIP)) | (value & mask & MIP_VSSIP)
    mask &= ~MIP_VSSIP
    h.mip = (h.mip & ~mask) | (value & mask)
    interrupt_check(h)


cdef public void csr_write_mie(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mie(h) | (MIP_SGEIP if h.geilen else 0)
    h.mie = (h.mie & ~mask) | (value & mask)
    interrupt_check(h)


cdef public void csr_write_mideleg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mideleg(h)
    h.mideleg = (h.mideleg & ~mask) | (value & mask)
    interrupt_check(h)


# ---- supervisor level: the delegated part of the standard S interrupts and LCOFI (C5)

cdef inline u64 s_bits(Hart *h) noexcept nogil:
    return h.mideleg & (MIP_S | MIP_LCOFIP)


cdef public u64 csr_read_sip(Hart *h, u32 csr) noexcept nogil:
    return mip_now(h) & s_bits(h)


cdef public u64 csr_rmw_sip(Hart *h, u32 csr) noexcept nogil:
    return h.mip & s_bits(h)


cdef public void csr_write_sip(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_sip(h) & h.mideleg
    h.mip = (h.mip & ~mask) | (value & mask)
    interrupt_check(h)


cdef public u64 csr_read_sie(Hart *h, u32 csr) noexcept nogil:
    return h.mie & s_bits(h)


cdef public void csr_write_sie(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_sie(h) & h.mideleg
    h.mie = (h.mie & ~mask) | (value & mask)
    interrupt_check(h)


# ---- hypervisor level

cdef public u64 csr_read_hip(Hart *h, u32 csr) noexcept nogil:
    return mip_now(h) & (MIP_VS | MIP_SGEIP)


cdef public u64 csr_rmw_hip(Hart *h, u32 csr) noexcept nogil:
    return h.hvip


cdef public void csr_write_hip(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.hvip = (h.hvip & ~MIP_VSSIP) | (value & MIP_VSSIP)  # one bit with two names (C3)
    interrupt_check(h)


cdef public void csr_write_hvip(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.hvip = value & mask_hvip(h)
    interrupt_check(h)


cdef public u64 csr_read_hie(Hart *h, u32 csr) noexcept nogil:
    return h.mie & (MIP_VS | MIP_SGEIP)


cdef public void csr_write_hie(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_hie(h) | (MIP_SGEIP if h.geilen else 0)
    h.mie = (h.mie & ~mask) | (value & mask)
    interrupt_check(h)


cdef public void csr_write_hideleg(Hart *h, u32 csr, u64 value) noexcept nogil:
    # The writable bits are read-only one in mideleg, so that none needs masking by it (A3).
    h.hideleg = value & mask_hideleg(h)
    interrupt_check(h)


cdef inline u64 geilen_bits(Hart *h) noexcept nogil:
    """Bits GEILEN..1."""
    return (<u64>-1 if h.geilen >= 63 else (<u64>2 << h.geilen) - 1) & ~<u64>1


cdef public void csr_write_hgeie(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.hgeie = value & geilen_bits(h)
    interrupt_check(h)


cdef public void csr_write_hgeip(Hart *h, u32 csr, u64 value) noexcept nogil:
    """Not by an instruction: hgeip is read-only by number. This is how a guest interrupt controller drives
    it."""
    h.hgeip = value & geilen_bits(h)
    interrupt_check(h)


# ---- VS level: the delegated VS interrupts, one position down (C1, C2)

cdef public u64 csr_read_vsip(Hart *h, u32 csr) noexcept nogil:
    return (mip_now(h) & h.hideleg & MIP_VS) >> 1


cdef public u64 csr_rmw_vsip(Hart *h, u32 csr) noexcept nogil:
    return (h.hvip & h.hideleg & MIP_VS) >> 1


cdef public void csr_write_vsip(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = h.hideleg & MIP_VSSIP
    h.hvip = (h.hvip & ~mask) | ((value << 1) & mask)
    interrupt_check(h)


cdef public u64 csr_read_vsie(Hart *h, u32 csr) noexcept nogil:
    return (h.mie & h.hideleg & MIP_VS) >> 1


cdef public void csr_write_vsie(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = h.hideleg & MIP_VS
    h.mie = (h.mie & ~mask) | ((value << 1) & mask)
    interrupt_check(h)
