# Address translation: one walker for the satp stage, the VS-stage and the G-stage (manual: "Virtual-Memory System" in
# Supervisor-Level ISA, "Two-Stage Address Translation" in the hypervisor chapter; checklist M and N).

cdef enum:
    ACC_R = 1
    ACC_W = 2
    ACC_X = 4

    PTE_V = 0x01
    PTE_R = 0x02
    PTE_W = 0x04
    PTE_X = 0x08
    PTE_U = 0x10
    PTE_A = 0x40
    PTE_D = 0x80

    # Outcome of a walk; anything but WALK_OK has been recorded as an exception.
    WALK_OK = 1
    WALK_FAULT = 0

    PSEUDO_READ = 0x3000  # tinst of a guest-page fault on an implicit VS-PTE read (RV64) ...
    PSEUDO_WRITE = 0x3020  # ... and on the write of its A/D bits

cdef u64 PTE_PBMT = <u64>3 << 61
cdef u64 PTE_N = <u64>1 << 63
cdef u64 PTE_RESERVED = <u64>0x7F << 54  # bits 60:54
cdef u64 PTE_PPN = ((<u64>1 << 44) - 1) << 10


cdef struct Access:
    # One explicit access by an instruction, or its fetch, as the fault report needs it.
    u64 va  # with pointer masking applied: what is translated, and reported
    u64 tag  # as the instruction gave it: what the TLB is asked for
    u32 kind  # ACC_R, ACC_W (also AMO and SC) or ACC_X
    u32 mode  # whose rules: MODE_*
    bint hlvx
    bint shadow  # by a shadow stack instruction; kind is ACC_W
    bint block  # by CBO.INVAL, CBO.CLEAN or CBO.FLUSH
    # what the walk found
    u64 pa
    u32 shift  # log2 of the satp or VS-stage page
    u32 perms  # R|W|X that the leaf PTEs of all stages give without further A/D updates


cdef struct Stage:
    # One translation stage's parameters: what differs between satp, vsatp and hgatp.
    u64 root
    u32 levels
    u32 top_bits  # bits of the root's index
    bint guest  # the G-stage: U=1 required, failures are guest-page faults
    bint supervisor  # effective privilege S rather than U (not for G-stage)
    bint sum
    bint mxr
    bint pbmte
    bint adue
    bint sse  # R=0, W=1, X=0 is a shadow stack page
    bint nested  # PTE addresses of this stage are guest physical


cdef inline int fault_page(Hart *h, Access *a) noexcept nogil:
    exc_set(h, 12 if a.kind & ACC_X else 15 if a.kind & ACC_W else 13, a.va, 0, 0, a.mode >= MODE_VS)
    return WALK_FAULT


cdef inline int fault_access(Hart *h, Access *a) noexcept nogil:
    exc_set(h, 1 if a.kind & ACC_X else 7 if a.kind & ACC_W else 5, a.va, 0, 0, a.mode >= MODE_VS)
    return WALK_FAULT


cdef inline int fault_block(Hart *h, Access *a) noexcept nogil:
    """An access fault that counts as a store's, whatever the translation was for."""
    exc_set(h, 7, a.va, 0, 0, a.mode >= MODE_VS)
    return WALK_FAULT


cdef inline int fault_guest(Hart *h, Access *a, u64 gpa, u64 tinst) noexcept nogil:
    exc_set(h, 20 if a.kind & ACC_X else 23 if a.kind & ACC_W else 21, a.va, gpa >> 2, tinst, 1)
    return WALK_FAULT


cdef inline u8 *ram_at(Board *b, u64 pa, u64 size) noexcept nogil:
    """Host address of [pa, pa+size) in RAM, or NULL."""
    if pa - b.ram_base < b.ram_size and b.ram_size - (pa - b.ram_base) >= size:
        return b.ram + (pa - b.ram_base)
    return NULL


cdef inline u32 satp_levels(u64 atp) noexcept nogil:
    """Levels of page table of an satp, vsatp or hgatp value: MODE 8, 9, 10 -> 3, 4, 5; Bare -> 0."""
    return <u32>(atp >> 60) - 5 if atp >> 60 else 0


cdef void log_step(Hart *h, bint guest, bint nested, u32 level, u64 slot, u64 pa, u64 pte) noexcept nogil:
    cdef AccessLog *log = h.log
    cdef LogStep *step
    if log.n_walk < LOG_WALK_MAX:
        step = &log.walk[log.n_walk]
        log.n_walk += 1
        step.slot, step.pa, step.pte = slot, pa, pte
        step.guest, step.nested, step.level = guest, nested, level


cdef int walk_stage(Hart *h, Stage *s, u64 addr, u32 kind, bint explicit_, Access *a, u64 tinst, u64 *out) noexcept nogil:
    """Translates `addr` through one stage for an access of `kind`; *out is the result. A failure is recorded with the
    original access `a` as its cause (checklist M9)."""
    cdef u64 table = s.root, slot, pa, pte, ppn, index, new_pte, need, napot = 0
    cdef i32 level
    cdef u32 shift, bits
    cdef bint shadow
    cdef u8 *host
    h.n_walks += 1
    level = <i32>s.levels - 1
    while True:
        shift = 12 + 9 * <u32>level
        bits = s.top_bits if level == <i32>s.levels - 1 else 9
        index = (addr >> shift) & ((<u64>1 << bits) - 1)
        slot = table + index * 8
        pa = slot
        if s.nested and guest_physical(h, slot, ACC_R, False, a, PSEUDO_READ, &pa) != WALK_OK:
            return WALK_FAULT
        host = ram_at(h.board, pa, 8)
        if host == NULL or (h.pmp_active and not pmp_perms(h, pa, 8, 1) & PMP_R):
            return fault_access(h, a)
        pte = (<u64 *>host)[0]
        if h.log != NULL:
            log_step(h, s.guest, s.nested, level, slot, pa, pte)
        ppn = (pte & PTE_PPN) >> 10
        shadow = s.sse and (pte & (PTE_X | PTE_W | PTE_R)) == PTE_W
        if not pte & PTE_V or ((pte & (PTE_W | PTE_R)) == PTE_W and not shadow) or pte & PTE_RESERVED:
            return stage_fault(h, s, a, addr, tinst)
        if pte & PTE_PBMT and (not s.pbmte or (pte & PTE_PBMT) == PTE_PBMT):
            return stage_fault(h, s, a, addr, tinst)
        if pte & (PTE_R | PTE_W | PTE_X):
            break
        if pte & (PTE_A | PTE_D | PTE_U | PTE_N | PTE_PBMT) or level == 0:
            return stage_fault(h, s, a, addr, tinst)
        table = ppn << 12
        level -= 1
    # Leaf.
    if level > 0 and ppn & ((<u64>1 << (9 * level)) - 1):
        return stage_fault(h, s, a, addr, tinst)
    if pte & PTE_N:
        if level != 0 or (ppn & 0xF) != 8 or not h.ext & EXT_SVNAPOT:
            return stage_fault(h, s, a, addr, tinst)
        napot = 4
    if s.guest:
        if not pte & PTE_U:
            return stage_fault(h, s, a, addr, tinst)
    elif s.supervisor:
        if pte & PTE_U and (kind & ACC_X or not s.sum):
            return stage_fault(h, s, a, addr, tinst)
    elif not pte & PTE_U:
        return stage_fault(h, s, a, addr, tinst)
    # "Shadow Stack Memory Protection": a page of the wrong kind is fatal, not a matter for the pager.
    if shadow:
        if kind & ACC_X or (kind & ACC_W and not a.shadow):
            return fault_access(h, a)
        if a.block:
            return fault_block(h, a)
    elif a.shadow and not s.guest and (pte & (PTE_X | PTE_W | PTE_R)) != PTE_R:
        return fault_access(h, a)
    if kind & ACC_X:
        need = PTE_X
    elif a.hlvx and explicit_:
        need = PTE_X
    elif kind & ACC_W:
        need = PTE_W
    elif shadow:
        need = PTE_W  # loads may read it
    else:
        need = PTE_R if pte & PTE_R or not (s.mxr and explicit_) else PTE_X
    if not pte & need:
        return stage_fault(h, s, a, addr, tinst)
    new_pte = pte | PTE_A | (PTE_D if kind & ACC_W else 0)
    if new_pte != pte:
        if not s.adue:
            return stage_fault(h, s, a, addr, tinst)
        if s.nested and guest_physical(h, slot, ACC_W, False, a, PSEUDO_WRITE, &pa) != WALK_OK:
            return WALK_FAULT
        if h.pmp_active and not pmp_perms(h, pa, 8, 1) & PMP_W:
            return fault_access(h, a)
        if h.log == NULL or not h.log.probe:
            (<u64 *>host)[0] = new_pte
            ram_written(h.board, pa, 8)
        pte = new_pte
    if explicit_:
        # What a remembered translation may be used for. R under MXR comes from X.
        a.perms &= (PMP_R if pte & PTE_R or shadow or (s.mxr and pte & PTE_X) else 0) | \
            (PMP_W if pte & PTE_W and pte & PTE_D and shadow == (a.shadow and not s.guest) else 0) | \
            (PMP_X if pte & PTE_X else 0)
        if not s.guest:
            a.shift = shift + napot  # fences by address name VS-stage or satp pages, never G-stage ones
    if napot:
        ppn = (ppn & ~<u64>0xF) | ((addr >> 12) & 0xF)
    out[0] = ((ppn << 12) & ~((<u64>1 << shift) - 1)) | (addr & ((<u64>1 << shift) - 1)) if level > 0 \
        else (ppn << 12) | (addr & 0xFFF)
    return WALK_OK


cdef int stage_fault(Hart *h, Stage *s, Access *a, u64 addr, u64 tinst) noexcept nogil:
    if s.guest:
        return fault_guest(h, a, addr, tinst)
    return fault_page(h, a)


cdef int guest_physical(Hart *h, u64 gpa, u32 kind, bint explicit_, Access *a, u64 tinst, u64 *spa) noexcept nogil:
    """G-stage: guest physical to supervisor physical address, through hgatp (checklist M6-M8)."""
    cdef Stage s
    s.levels = satp_levels(h.hgatp)
    if s.levels == 0:
        spa[0] = gpa
        return WALK_OK
    s.top_bits = 11
    if gpa >> (12 + 9 * s.levels + 2):
        return fault_guest(h, a, gpa, tinst)
    s.root = (h.hgatp & ((<u64>1 << 44) - 1)) << 12
    s.guest = True
    s.supervisor = False
    s.sum = False
    s.mxr = (h.mstatus & MSTATUS_MXR) != 0
    s.pbmte = (h.menvcfg & ENVCFG_PBMTE) != 0
    s.adue = (h.menvcfg & ENVCFG_ADUE) != 0
    s.sse = False
    s.nested = False
    return walk_stage(h, &s, gpa, kind, explicit_, a, tinst, spa)


cdef int translate(Hart *h, Access *a) noexcept nogil:
    """Finds a.pa for a.va, and a.shift and a.perms for the TLB. PMP on the final address is the caller's."""
    cdef Stage s
    cdef u64 gpa = a.va
    cdef bint two = a.mode >= MODE_VS
    cdef u64 atp
    a.shift = 12
    a.perms = PERM_ALL
    if a.mode == MODE_M:
        a.pa = a.va
        return fault_access(h, a) if a.shadow else WALK_OK
    atp = h.vsatp if two else h.satp
    s.levels = satp_levels(atp)
    if unlikely(a.shadow and s.levels == 0):
        return fault_access(h, a)  # there is no page that could be a shadow stack
    if s.levels:
        s.top_bits = 9
        # The address must be the sign extension of what the tables translate.
        if <u64>((<i64>(a.va << (64 - 12 - 9 * s.levels))) >> (64 - 12 - 9 * s.levels)) != a.va:
            return fault_page(h, a)
        s.root = (atp & ((<u64>1 << 44) - 1)) << 12
        s.guest = False
        s.supervisor = a.mode == MODE_S or a.mode == MODE_VS
        s.nested = two
        if two:
            s.sum = (h.vsstatus & MSTATUS_SUM) != 0
            s.mxr = ((h.vsstatus | h.mstatus) & MSTATUS_MXR) != 0
            s.pbmte = (h.henvcfg & ENVCFG_PBMTE) != 0
            s.adue = (h.henvcfg & ENVCFG_ADUE) != 0
            s.sse = (h.henvcfg & ENVCFG_SSE) != 0
        else:
            s.sum = (h.mstatus & MSTATUS_SUM) != 0
            s.mxr = (h.mstatus & MSTATUS_MXR) != 0
            s.pbmte = (h.menvcfg & ENVCFG_PBMTE) != 0
            s.adue = (h.menvcfg & ENVCFG_ADUE) != 0
            s.sse = (h.menvcfg & ENVCFG_SSE) != 0
        if walk_stage(h, &s, a.va, a.kind, True, a, 0, &gpa) != WALK_OK:
            return WALK_FAULT
    if two:
        return guest_physical(h, gpa, a.kind, True, a, 0, &a.pa)
    a.pa = gpa
    return WALK_OK
