# Status, floating-point, environment, state-enable and translation CSRs: what reading and writing them does
# beyond storing bits. Masks come from isa/csrs.py as mask_NAME(h).

# ---- mstatus and its views

cdef inline u64 status_sd(u64 status) noexcept nogil:
    """The value with SD in place: set while FS or VS is Dirty."""
    if status & MSTATUS_FS == MSTATUS_FS or status & MSTATUS_VS == MSTATUS_VS:
        return status | MSTATUS_SD
    return status


cdef inline void status_set(Hart *h, u64 new) noexcept nogil:
    cdef u64 old = h.mstatus
    # What disables traps disables interrupts too, whatever the same write says ("Double Trap Control").
    if new & MSTATUS_MDT:
        new &= ~MSTATUS_MIE
    if new & MSTATUS_SDT:
        new &= ~MSTATUS_SIE
    h.mstatus = new
    if (old ^ new) & (MSTATUS_SUM | MSTATUS_MXR):
        context_regime(h)
    elif (old | new) & MSTATUS_MPRV and (old ^ new) & (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_MPV):
        context_mode(h)
    if ~old & new & (MSTATUS_MIE | MSTATUS_SIE):
        interrupt_check(h)


cdef public u64 csr_read_mstatus(Hart *h, u32 csr) noexcept nogil:
    fp_collect(h)
    return status_sd(h.mstatus)


cdef public u64 csr_read_sstatus(Hart *h, u32 csr) noexcept nogil:
    fp_collect(h)
    return status_sd(h.mstatus & SSTATUS_VIEW)


cdef public u64 csr_read_vsstatus(Hart *h, u32 csr) noexcept nogil:
    fp_collect(h)
    return status_sd(h.vsstatus)


cdef public void csr_write_mstatus(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mstatus(h), new, mpp
    fp_collect(h)
    if not h.menvcfg & ENVCFG_DTE:
        mask &= ~MSTATUS_SDT
    if not h.ext & EXT_S:
        mask &= ~MSTATUS_SPELP
    new = (h.mstatus & ~mask) | (value & mask)
    mpp = (new >> 11) & 3
    if mpp == 2 or (mpp == 1 and not h.ext & EXT_S) or (mpp == 0 and not h.ext & EXT_U):
        # WARL: the least privileged mode there is.
        new = (new & ~MSTATUS_MPP) | (0 if h.ext & EXT_U else MSTATUS_MPP)
    status_set(h, new)


cdef public void csr_write_mnstatus(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mnstatus(h), new, mpp, old = h.mnstatus
    new = (old & ~mask) | (value & mask) | (old & MNSTATUS_NMIE)  # it can be set alone
    mpp = (new >> 11) & 3
    if mpp == 2 or (mpp == 1 and not h.ext & EXT_S) or (mpp == 0 and not h.ext & EXT_U):
        new = (new & ~MNSTATUS_MNPP) | (0 if h.ext & EXT_U else MNSTATUS_MNPP)
    h.mnstatus = new
    if ~old & new & MNSTATUS_NMIE:
        context_mode(h)
        interrupt_check(h)


cdef public void csr_write_sstatus(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_sstatus(h)
    fp_collect(h)
    if not h.menvcfg & ENVCFG_DTE:
        mask &= ~MSTATUS_SDT
    status_set(h, (h.mstatus & ~mask) | (value & mask))


cdef public void csr_write_vsstatus(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_vsstatus(h), old
    fp_collect(h)
    if not h.henvcfg & ENVCFG_DTE:
        mask &= ~MSTATUS_SDT
    old = h.vsstatus
    h.vsstatus = (old & ~mask) | (value & mask)
    if h.vsstatus & MSTATUS_SDT:
        h.vsstatus &= ~MSTATUS_SIE
    if (old ^ h.vsstatus) & (MSTATUS_SUM | MSTATUS_MXR):
        context_regime(h)
    if ~old & h.vsstatus & MSTATUS_SIE:
        interrupt_check(h)


cdef public void csr_write_hstatus(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_hstatus(h), old = h.hstatus
    if (value & HSTATUS_VGEIN) >> 12 <= h.geilen:
        mask |= HSTATUS_VGEIN
    if (value & HSTATUS_HUPMM) == <u64>1 << 48:
        mask &= ~HSTATUS_HUPMM  # WARL: reserved
    h.hstatus = (old & ~mask) | (value & mask)
    if (old ^ h.hstatus) & HSTATUS_VGEIN:
        interrupt_check(h)


# ---- floating point

cdef public int fp_allowed(Hart *h) noexcept nogil:
    """Whether floating-point state may be used now (H10, P1); if not, the exception is recorded."""
    cdef u32 reason
    if h.mstatus & MSTATUS_FS and (not h.v or h.vsstatus & MSTATUS_FS):
        return 1
    reason = access_fp(h)
    exc_deny(h, reason)
    return 0


cdef public void fp_mark_dirty(Hart *h) noexcept nogil:
    """Floating-point state has changed: FS becomes Dirty, in vsstatus too at V=1 (P1)."""
    h.mstatus |= MSTATUS_FS
    if h.v:
        h.vsstatus |= MSTATUS_FS


cdef public u64 csr_read_fflags(Hart *h, u32 csr) noexcept nogil:
    fp_collect(h)
    return h.fflags


cdef public u64 csr_read_frm(Hart *h, u32 csr) noexcept nogil:
    return h.frm


cdef public u64 csr_read_fcsr(Hart *h, u32 csr) noexcept nogil:
    fp_collect(h)
    return <u64>h.frm << 5 | h.fflags


cdef public void csr_write_fflags(Hart *h, u32 csr, u64 value) noexcept nogil:
    fp_collect(h)
    h.fflags = value & 0x1F
    fp_mark_dirty(h)


cdef public void csr_write_frm(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.frm = value & 7
    fp_set_rounding(h)
    fp_mark_dirty(h)


cdef public void csr_write_fcsr(Hart *h, u32 csr, u64 value) noexcept nogil:
    csr_write_fflags(h, csr, value)
    csr_write_frm(h, csr, value >> 5)


# ---- vector

cdef public int v_allowed(Hart *h) noexcept nogil:
    """Whether vector state may be used now; if not, the exception is recorded."""
    if h.mstatus & MSTATUS_VS and (not h.v or h.vsstatus & MSTATUS_VS):
        return 1
    exc_deny(h, access_vector(h))
    return 0


cdef inline void v_mark_dirty(Hart *h) noexcept nogil:
    """Vector state has changed: VS becomes Dirty, in vsstatus too at V=1."""
    h.mstatus |= MSTATUS_VS
    if h.v:
        h.vsstatus |= MSTATUS_VS


cdef public void csr_write_vstart(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.vstart = value & (8 * h.vlenb - 1)
    v_mark_dirty(h)


cdef public void csr_write_vxsat(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.vxsat = value & 1
    v_mark_dirty(h)


cdef public void csr_write_vxrm(Hart *h, u32 csr, u64 value) noexcept nogil:
    h.vxrm = value & 3
    v_mark_dirty(h)


cdef public u64 csr_read_vcsr(Hart *h, u32 csr) noexcept nogil:
    return h.vxrm << 1 | h.vxsat


cdef public void csr_write_vcsr(Hart *h, u32 csr, u64 value) noexcept nogil:
    csr_write_vxsat(h, csr, value)
    csr_write_vxrm(h, csr, value >> 1)


# ---- environment configuration

cdef inline u64 envcfg_legal(u64 new, u64 old) noexcept nogil:
    """CBIE=2 and PMM=1 are reserved: such a write leaves the field as it was."""
    if (new & ENVCFG_CBIE) == 2 << 4:
        new = (new & ~ENVCFG_CBIE) | (old & ENVCFG_CBIE)
    if (new & ENVCFG_PMM) == <u64>1 << 32:
        new = (new & ~ENVCFG_PMM) | (old & ENVCFG_PMM)
    return new


# Bits of henvcfg that menvcfg grants.
cdef u64 ENVCFG_BELOW = ENVCFG_PBMTE | ENVCFG_ADUE | ENVCFG_STCE | ENVCFG_DTE | ENVCFG_SSE


cdef void henvcfg_effective(Hart *h, u64 before) noexcept nogil:
    """Recomputes henvcfg, of which ENVCFG_BELOW are 0 while they are 0 in menvcfg (A7); `before` is
    the menvcfg that this follows a change of."""
    cdef u64 below = ENVCFG_BELOW
    cdef u64 old = h.henvcfg
    cdef u64 changed
    h.henvcfg = h.henvcfg_set & (h.menvcfg | ~below)
    changed = (h.menvcfg ^ before) | (h.henvcfg ^ old)
    if changed & (ENVCFG_PBMTE | ENVCFG_ADUE | ENVCFG_PMM | ENVCFG_SSE | ENVCFG_LPE):
        context_regime(h)
    if not h.menvcfg & ENVCFG_DTE:
        h.mstatus &= ~MSTATUS_SDT
    if not h.henvcfg & ENVCFG_DTE:
        h.vsstatus &= ~MSTATUS_SDT
    if changed & ENVCFG_STCE:
        timer_update(h)
        interrupt_check(h)


cdef public void csr_write_menvcfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_menvcfg(h), old = h.menvcfg
    h.menvcfg = envcfg_legal((old & ~mask) | (value & mask), old)
    if ~old & h.menvcfg & ENVCFG_STCE:
        h.mip &= ~MIP_STIP  # from now on STIP is the comparator's alone (J3)
    henvcfg_effective(h, old)


cdef public void csr_write_henvcfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_henvcfg(h), old = h.henvcfg_set
    mask &= h.menvcfg | ~ENVCFG_BELOW
    h.henvcfg_set = envcfg_legal((old & ~mask) | (value & mask), old)
    henvcfg_effective(h, h.menvcfg)


cdef inline u64 senvcfg_bits(Hart *h) noexcept nogil:
    """All but SSE where that is read-only zero: while it is 0 in menvcfg or, at V=1, in henvcfg."""
    return (h.henvcfg if h.v else h.menvcfg) | ~ENVCFG_SSE


cdef public u64 csr_read_senvcfg(Hart *h, u32 csr) noexcept nogil:
    return h.senvcfg & senvcfg_bits(h)


cdef public void csr_write_senvcfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_senvcfg(h) & senvcfg_bits(h), old = h.senvcfg
    h.senvcfg = envcfg_legal((old & ~mask) | (value & mask), old)
    if (old ^ h.senvcfg) & (ENVCFG_PMM | ENVCFG_LPE):
        context_regime(h)


cdef public void csr_write_mseccfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_mseccfg(h), old = h.mseccfg
    cdef u32 i
    if not h.ext & EXT_U:
        mask &= ~MSECCFG_USEED
    if not h.ext & EXT_S:
        mask &= ~MSECCFG_SSEED
    if (value & MSECCFG_PMM) == <u64>1 << 32:
        mask &= ~MSECCFG_PMM  # WARL: reserved
    if not old & MSECCFG_RLB:
        for i in range(PMP_COUNT):
            if h.pmpcfg[i] & PMP_L:
                mask &= ~MSECCFG_RLB  # not to be set any more
    h.mseccfg = (old & ~mask) | (value & mask) | old & (MSECCFG_MML | MSECCFG_MMWP)  # these two stay set
    if (old ^ h.mseccfg) & (MSECCFG_MML | MSECCFG_MMWP):
        tlb_flush_all(h)
    if (old ^ h.mseccfg) & (MSECCFG_PMM | MSECCFG_MLPE):
        context_regime(h)


# ---- state enable: a bit that is 0 in mstateen is read-only zero below, and comes back with it (K3)

cdef public u64 csr_read_hstateen(Hart *h, u32 csr) noexcept nogil:
    return h.hstateen[csr & 3] & h.mstateen[csr & 3]


cdef public void csr_write_hstateen(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 n = csr & 3
    cdef const CsrRow *row = &csr_rows[csr_index[csr]]
    cdef u64 mask = h.mstateen[n] & (row.mask(h) if row.mask != NULL else row.writable)
    h.hstateen[n] = (h.hstateen[n] & ~mask) | (value & mask)


# ---- address translation

cdef inline bint atp_mode_legal(Hart *h, u64 value) noexcept nogil:
    """Whether MODE of satp, vsatp or hgatp is Bare or one this hart implements: the three share their
    encodings."""
    cdef u64 mode = value >> 60
    return mode == 0 or (mode == 8 and h.ext & EXT_SV39) or (mode == 9 and h.ext & EXT_SV48) or \
        (mode == 10 and h.ext & EXT_SV57)


cdef public void csr_write_satp(Hart *h, u32 csr, u64 value) noexcept nogil:
    if atp_mode_legal(h, value) and h.satp != value:  # else the entire write has no effect
        h.satp = value
        context_regime(h)


cdef public void csr_write_vsatp(Hart *h, u32 csr, u64 value) noexcept nogil:
    if atp_mode_legal(h, value) and h.vsatp != value:  # by either number, see A13
        h.vsatp = value
        context_regime(h)


cdef public void csr_write_hgatp(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u64 mask = mask_hgatp(h), mode = <u64>0xF << 60
    if not atp_mode_legal(h, value):
        mask &= ~mode  # the other fields are taken, unlike those of satp (A10)
    value = (h.hgatp & ~mask) | (value & mask)
    if h.hgatp != value:
        h.hgatp = value
        context_regime(h)

