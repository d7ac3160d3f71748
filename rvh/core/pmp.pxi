# Physical memory protection: the checker (manual: "Physical Memory Protection", Machine-Level ISA).
# The pmpcfg/pmpaddr CSRs themselves are in csr.pxi; pmp_refresh() must follow each write to them.

cdef enum:
    PMP_R = 1
    PMP_W = 2
    PMP_X = 4
    PMP_A = 0x18
    PMP_TOR = 0x08
    PMP_NA4 = 0x10
    PMP_NAPOT = 0x18
    PMP_L = 0x80
    PERM_ALL = 7


cdef void pmp_refresh(Hart *h) noexcept nogil:
    """Recomputes the byte ranges [pmp_lo, pmp_hi] (inclusive) from pmpcfg and pmpaddr."""
    cdef u32 i
    cdef u64 addr, mask
    h.pmp_active = 0
    for i in range(PMP_COUNT):
        addr = h.pmpaddr[i]
        if h.pmpcfg[i] & PMP_A == 0:
            h.pmp_lo[i] = 1
            h.pmp_hi[i] = 0
            continue
        if h.pmpcfg[i] & PMP_A == PMP_TOR:
            h.pmp_lo[i] = h.pmpaddr[i - 1] << 2 if i > 0 else 0
            h.pmp_hi[i] = (addr << 2) - 1
            if addr == 0 or h.pmp_lo[i] > h.pmp_hi[i]:  # an empty range matches nothing
                h.pmp_lo[i] = 1
                h.pmp_hi[i] = 0
        elif h.pmpcfg[i] & PMP_A == PMP_NA4:
            h.pmp_lo[i] = addr << 2
            h.pmp_hi[i] = (addr << 2) + 3
        else:
            mask = addr ^ (addr + 1)  # the trailing ones and the zero above them
            h.pmp_lo[i] = (addr & ~mask) << 2
            h.pmp_hi[i] = (((addr | mask) << 2) | 3) if mask != <u64>-1 else <u64>-1
        h.pmp_active = i + 1
    if h.mseccfg & (MSECCFG_MML | MSECCFG_MMWP) and not h.pmp_active:
        h.pmp_active = 1  # M-mode is not free where no entry matches


cdef u32 pmp_entry_perms(Hart *h, u32 i, u32 priv) noexcept nogil:
    """What entry i grants at privilege `priv` to an access that it matches; with mseccfg.MML by the truth table of
    "Smepmp Physical Memory Protection Rules"."""
    cdef u32 cfg = h.pmpcfg[i]
    if not h.mseccfg & MSECCFG_MML:
        return PERM_ALL if priv == 3 and not cfg & PMP_L else cfg & PERM_ALL
    if cfg & (PMP_R | PMP_W) == PMP_W:  # shared between M and the rest
        if cfg & PMP_L:
            return PMP_R | PMP_X if priv == 3 and cfg & PMP_X else PMP_X
        return PMP_R | PMP_W if priv == 3 or cfg & PMP_X else PMP_R
    if cfg & (PMP_L | PERM_ALL) == PMP_L | PERM_ALL:
        return PMP_R
    return cfg & PERM_ALL if (priv == 3) == (cfg & PMP_L != 0) else 0


cdef inline u32 pmp_unmatched(Hart *h, u32 priv) noexcept nogil:
    """What an access that no entry matches may do."""
    if priv != 3 or h.mseccfg & MSECCFG_MMWP:
        return 0
    return PMP_R | PMP_W if h.mseccfg & MSECCFG_MML else PERM_ALL


cdef u32 pmp_perms(Hart *h, u64 pa, u64 size, u32 priv) noexcept nogil:
    """What an access at privilege `priv` to [pa, pa+size) may do: R|W|X bits. An access that an entry covers only in
    part may do nothing."""
    cdef u32 i
    cdef u64 last = pa + size - 1
    for i in range(h.pmp_active):
        if h.pmp_lo[i] > h.pmp_hi[i] or last < h.pmp_lo[i] or pa > h.pmp_hi[i]:
            continue
        if pa < h.pmp_lo[i] or last > h.pmp_hi[i]:
            return 0
        return pmp_entry_perms(h, i, priv)
    return pmp_unmatched(h, priv)


cdef u32 pmp_page_perms(Hart *h, u64 pa, u32 priv, bint *uniform) noexcept nogil:
    """As pmp_perms for the whole page of pa; *uniform is false when an entry's border runs through the page."""
    cdef u32 i
    cdef u64 lo = pa & PAGE_MASK, hi = pa | 0xFFF
    uniform[0] = True
    for i in range(h.pmp_active):
        if h.pmp_lo[i] > h.pmp_hi[i] or hi < h.pmp_lo[i] or lo > h.pmp_hi[i]:
            continue
        if lo < h.pmp_lo[i] or hi > h.pmp_hi[i]:
            uniform[0] = False
            return 0
        return pmp_entry_perms(h, i, priv)
    return pmp_unmatched(h, priv)
