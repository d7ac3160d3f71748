# The CSRs of physical memory protection (manual: "Physical Memory Protection CSRs"). The checker is pmp.pxi.

cdef inline bint pmp_address_locked(Hart *h, u32 i) noexcept nogil:
    """Whether pmpaddr[i] may not be written: its entry is locked, or is the lower bound of a locked TOR
    entry."""
    if h.mseccfg & MSECCFG_RLB:
        return False
    if h.pmpcfg[i] & PMP_L:
        return True
    return i + 1 < PMP_COUNT and (h.pmpcfg[i + 1] & (PMP_L | PMP_A)) == (PMP_L | PMP_TOR)


cdef inline bint pmp_executes_in_m(u32 cfg) noexcept nogil:
    """Whether it lets M-mode execute under MML: locked, and X alone, with R, or the shared code regions."""
    return cfg & PMP_L and (cfg & (PMP_R | PMP_W) == PMP_W or cfg & (PMP_W | PMP_X) == PMP_X)


cdef public u64 csr_read_pmpcfg(Hart *h, u32 csr) noexcept nogil:
    cdef u64 value
    memcpy(&value, &h.pmpcfg[(csr - CSR_PMPCFG0) * 4], 8)
    return value


cdef public void csr_write_pmpcfg(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 first = <u32>(csr - CSR_PMPCFG0) * 4, i
    cdef u8 cfg
    cdef bint changed = False
    for i in range(first, first + 8):
        cfg = (value & 0xFF) & mask_pmpcfg0(h)
        value >>= 8
        if cfg & (PMP_R | PMP_W) == PMP_W and not h.mseccfg & MSECCFG_MML:
            cfg &= ~PMP_W  # WARL: R=0, W=1 is reserved
        if h.mseccfg & (MSECCFG_MML | MSECCFG_RLB) == MSECCFG_MML and pmp_executes_in_m(cfg):
            continue
        if (not h.pmpcfg[i] & PMP_L or h.mseccfg & MSECCFG_RLB) and h.pmpcfg[i] != cfg:
            h.pmpcfg[i] = cfg
            changed = True
    if changed:
        tlb_flush_all(h)


cdef public void csr_write_pmpaddr(Hart *h, u32 csr, u64 value) noexcept nogil:
    cdef u32 i = <u32>(csr - CSR_PMPADDR0)
    value &= mask_pmpaddr0(h)
    if h.pmpaddr[i] != value and not pmp_address_locked(h, i):
        h.pmpaddr[i] = value
        tlb_flush_all(h)
