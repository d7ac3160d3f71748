# Translation contexts and the software TLB.
#
# A TLB entry answers "may this load, store or fetch go straight to host memory, and where" for one 4 KiB page. Its tags
# carry, beside the page, a small number that stands for the whole translation regime: privilege, V, satp or vsatp and
# hgatp, SUM, MXR and what else decides a walk. Changing any of these only changes the number that lookups ask for, so a
# world switch or a VM exit flushes nothing. A fence makes the numbers it concerns unreachable by giving the regime a new
# generation; only fences by address look at entries.

cdef enum:
    # Regime modes; the order of the bits of ctx_valid.
    MODE_M = 0
    MODE_S = 1
    MODE_U = 2
    MODE_VS = 3
    MODE_VU = 4

    CTX_NUMBERS = 0xFFD  # 1..0xFFD are given out; the two above never match
    CTX_SUM = 0x10
    CTX_MXR_VS = 0x20  # vsstatus.MXR
    CTX_MXR = 0x40  # mstatus.MXR
    CTX_EXEC = 0x80
    CTX_PBMTE = 0x100
    CTX_ADUE = 0x200
    CTX_HPBMTE = 0x400
    CTX_HADUE = 0x800
    CTX_PMM_SHIFT = 12  # the field PMM that data accesses follow
    CTX_SSE = 0x4000  # there are shadow stack pages ...
    CTX_SHADOW = 0x8000  # ... and the accesses are those of shadow stack instructions

    # A space: the ASID, of a guest also VMID << 16 and this bit. Of M-mode, which has none: all ones.
    SPACE_GUEST = 0x40000000
    SPACE_ALL_ASIDS = 0xFFFF0000

    GEN_SPACES = 64  # ASIDs and VMIDs alike in their low bits share a generation; the one above is everybody's

    TLBF_SHIFT = 0x3F  # tlb_shift: log2 of the mapping's size ...
    TLBF_WRITE = 0x80  # ... and: writable under the regime of rtag, but its page holds decoded code


cdef inline u32 mode_of(u32 priv, u32 v) noexcept nogil:
    if priv == 3:
        return MODE_M
    if priv == 1:
        return MODE_VS if v else MODE_S
    return MODE_VU if v else MODE_U


cdef u32 data_mode(Hart *h) noexcept nogil:
    """The mode whose rules explicit loads and stores follow: MPRV, MPP and MPV applied (checklist N5); while NMIE is 0 as
    if MPRV were."""
    cdef u32 mpp
    if h.priv == 3 and h.mstatus & MSTATUS_MPRV and h.mnstatus & MNSTATUS_NMIE:
        mpp = (h.mstatus >> 11) & 3
        return mode_of(mpp, mpp != 3 and (h.mstatus >> 39) & 1)
    return mode_of(h.priv, h.v)


cdef void tlb_clear(Hart *h) noexcept nogil:
    cdef u32 i
    for i in range(TLB_SIZE):
        h.tlb[i].rtag = h.tlb[i].wtag = h.tlb[i].xtag = TLB_NONE
    memset(h.tlb_shift, 0, sizeof(h.tlb_shift))
    h.has_super = 0


cdef void jumps_forget(Hart *h) noexcept nogil:
    """Makes every entry of the jump cache stale."""
    h.jump_gen += 1
    h.xctx = (h.xctx & 0xFFF) | (h.jump_gen << 12)


cdef u32 pointer_masking(Hart *h, u32 mode) noexcept nogil:
    """The field PMM that explicit accesses in `mode` follow: 0 off, 2 PMLEN=7, 3 PMLEN=16 ("Pointer Masking
    Extensions"). None where MXR is in effect."""
    if mode == MODE_M:
        return (h.mseccfg & MSECCFG_PMM) >> 32
    if (h.mstatus | (h.vsstatus if mode >= MODE_VS else 0)) & MSTATUS_MXR:
        return 0
    if mode == MODE_VS:
        return (h.henvcfg & ENVCFG_PMM) >> 32
    if mode == MODE_S or not h.ext & EXT_S:
        return (h.menvcfg & ENVCFG_PMM) >> 32
    return (h.senvcfg & ENVCFG_PMM) >> 32


cdef inline bint virtual_mode(Hart *h, u32 mode) noexcept nogil:
    """Whether addresses in `mode` are virtual: its satp or vsatp is not Bare."""
    return mode != MODE_M and (h.vsatp if mode >= MODE_VS else h.satp) >> 60


cdef inline u64 masked_address(u64 va, u32 pmm, bint virtual) noexcept nogil:
    """`va` after the ignore transformation: its upper 7 or 16 bits become copies of the next one, or zeros."""
    cdef u32 pmlen = 0 if pmm == 0 else 7 if pmm == 2 else 16
    return <u64>(<i64>(va << pmlen) >> pmlen) if virtual else va << pmlen >> pmlen


cdef inline u32 guest_space(Hart *h, u64 asid) noexcept nogil:
    return SPACE_GUEST | ((h.hgatp >> 44) & 0x3FFF) << 16 | (asid & 0xFFFF)


cdef inline u64 gen_va_slot(u64 vmid, u64 asid) noexcept nogil:
    return (vmid * 29 + asid) & (GEN_SPACES - 1)


cdef u64 context_number(Hart *h, u32 mode, bint execute, u64 more) noexcept nogil:
    """The number of the regime that accesses (or fetches) of `mode` follow now; `more`: further CTX flags."""
    cdef u64 atp = 0, gatp = 0, flags = mode | more, gen = 0, slot
    cdef u32 space = 0xFFFFFFFF
    cdef Context *c
    if execute:
        flags |= CTX_EXEC
    if mode == MODE_S or mode == MODE_U:
        atp = h.satp
        space = (atp >> 44) & 0xFFFF
        gen = max(h.gen_s[GEN_SPACES], h.gen_s[(atp >> 44) & (GEN_SPACES - 1)])
        if not execute:
            flags |= CTX_SUM if h.mstatus & MSTATUS_SUM and mode == MODE_S else 0
            flags |= CTX_MXR if h.mstatus & MSTATUS_MXR else 0
            flags |= CTX_SSE if h.menvcfg & ENVCFG_SSE else 0
    elif mode != MODE_M:
        atp = h.vsatp
        gatp = h.hgatp
        space = guest_space(h, atp >> 44)
        slot = (gatp >> 44) & (GEN_SPACES - 1)
        gen = max(h.gen_vs[slot], max(h.gen_g[GEN_SPACES], h.gen_g[slot]))
        gen = max(gen, h.gen_va[gen_va_slot((gatp >> 44) & 0x3FFF, (atp >> 44) & 0xFFFF)])
        flags |= CTX_HPBMTE if h.henvcfg & ENVCFG_PBMTE else 0
        flags |= CTX_HADUE if h.henvcfg & ENVCFG_ADUE else 0
        if not execute:
            flags |= CTX_SUM if h.vsstatus & MSTATUS_SUM and mode == MODE_VS else 0
            flags |= CTX_MXR_VS if h.vsstatus & MSTATUS_MXR else 0
            flags |= CTX_SSE if h.henvcfg & ENVCFG_SSE else 0
            flags |= CTX_MXR if h.mstatus & MSTATUS_MXR else 0
    if not execute:
        flags |= pointer_masking(h, mode) << CTX_PMM_SHIFT
    if mode != MODE_M:
        flags |= CTX_PBMTE if h.menvcfg & ENVCFG_PBMTE else 0
        flags |= CTX_ADUE if h.menvcfg & ENVCFG_ADUE else 0
    slot = ((atp ^ (gatp << 20) ^ (gatp >> 44) ^ (flags << 48)) * <u64>0x9E3779B97F4A7C15U) >> 54
    c = &h.contexts[slot]
    if c.number != 0 and c.atp == atp and c.hgatp == gatp and c.flags == flags and c.gen == gen:
        return c.number
    if h.ctx_next >= CTX_NUMBERS:
        tlb_clear(h)
        jumps_forget(h)
        memset(h.contexts, 0, sizeof(h.contexts))
        h.ctx_next = 0
        h.ctx_valid = 0
    h.ctx_next += 1
    c.atp, c.hgatp, c.flags, c.gen, c.number = atp, gatp, flags, gen, h.ctx_next
    h.ctx_space[h.ctx_next] = space
    return h.ctx_next


cdef u64 context_data(Hart *h, u32 mode) noexcept nogil:
    cdef u64 number
    if not h.ctx_valid & (1u << mode):
        number = context_number(h, mode, False, 0)
        h.data_ctx[mode] = number
        h.ctx_valid |= 1u << mode
    return h.data_ctx[mode]


cdef u64 context_shadow(Hart *h, u32 mode) noexcept nogil:
    """As context_data, for shadow stack instructions."""
    cdef u64 number
    if not h.ctx_valid & (0x10000u << mode):
        number = context_number(h, mode, False, CTX_SHADOW)
        h.shadow_ctx[mode] = number
        h.ctx_valid |= 0x10000u << mode
    return h.shadow_ctx[mode]


cdef u64 context_exec(Hart *h, u32 mode) noexcept nogil:
    cdef u64 number
    if not h.ctx_valid & (0x100u << mode):
        number = context_number(h, mode, True, 0)
        h.exec_ctx[mode] = number
        h.ctx_valid |= 0x100u << mode
    return h.exec_ctx[mode]


cdef inline bint landing_pads(Hart *h) noexcept nogil:
    """xLPE of the current mode ("Landing-Pad-Enabled (LPE) State")."""
    if h.priv == 3:
        return h.mseccfg & MSECCFG_MLPE != 0
    if h.priv == 0 and h.ext & EXT_S:
        return h.senvcfg & ENVCFG_LPE != 0
    return (h.henvcfg if h.v else h.menvcfg) & ENVCFG_LPE != 0


cdef void context_mode(Hart *h) noexcept nogil:
    """After a change of privilege or V: lookups ask for the new mode's regime."""
    cdef u32 mode = mode_of(h.priv, h.v)
    cdef u64 number
    while True:
        number = context_exec(h, mode)
        h.key = context_data(h, data_mode(h))
        if h.ctx_valid & (0x100u << mode):  # else the numbers ran out in between and were given out anew
            break
    h.xctx = number | (h.jump_gen << 12)
    if unlikely(h.ext & EXT_ZICFILP):
        h.lpe = landing_pads(h)
    if unlikely(h.ext & EXT_SDTRIG):
        triggers_mode(h)
    if h.log != NULL:
        h.key = TLB_NONE - 1  # while accesses are recorded none takes the fast path


cdef void context_regime(Hart *h) noexcept nogil:
    """After a change of anything else that decides translation."""
    h.ctx_valid = 0
    context_mode(h)


cdef void tlb_flush_all(Hart *h) noexcept nogil:
    """After a change of PMP: nothing remembered may be used."""
    pmp_refresh(h)
    tlb_clear(h)
    jumps_forget(h)
    context_regime(h)


cdef inline u64 tag_unless(Hart *h, u64 tag, u64 va, u32 shift, u32 space, u32 mask) noexcept nogil:
    """TLB_NONE in place of a tag that translates va in the space, of which the bits of the mask count. The upper bits of
    the tag may be a pointer's that masking has ignored, up to 16 of them."""
    if (((tag & PAGE_MASK) ^ va) << 16) >> (16 + shift) == 0 and (h.ctx_space[tag & 0xFFF] ^ space) & mask == 0:
        return TLB_NONE
    return tag


cdef void tlb_drop(Hart *h, TlbEntry *e, u64 va, u32 shift, u32 space, u32 mask) noexcept nogil:
    e.rtag = tag_unless(h, e.rtag, va, shift, space, mask)
    e.wtag = tag_unless(h, e.wtag, va, shift, space, mask)
    e.xtag = tag_unless(h, e.xtag, va, shift, space, mask)


cdef void tlb_drop_page(Hart *h, u64 va, u32 space, bint all_asid) noexcept nogil:
    """Forgets whatever translates va in the space, or in all that differ by ASID only; pieces of superpages with it."""
    cdef u32 i, shift, mask = SPACE_ALL_ASIDS if all_asid else 0xFFFFFFFF
    tlb_drop(h, &h.tlb[(va >> 12) & (TLB_SIZE - 1)], va, 12, space, mask)
    if h.has_super:
        for i in range(TLB_SIZE):
            shift = h.tlb_shift[i] & TLBF_SHIFT
            if shift > 12:
                tlb_drop(h, &h.tlb[i], va, shift, space, mask)


cdef void tlb_fence_end(Hart *h) noexcept nogil:
    jumps_forget(h)
    context_regime(h)


cdef void tlb_fence_s(Hart *h, u64 va, u64 asid, bint all_va, bint all_asid) noexcept nogil:
    """SFENCE.VMA at V=0: translations through satp only (checklist O2)."""
    if all_va:
        h.epoch += 1
        h.gen_s[GEN_SPACES if all_asid else asid & (GEN_SPACES - 1)] = h.epoch
    else:
        tlb_drop_page(h, va, <u32>asid & 0xFFFF, all_asid)
    tlb_fence_end(h)


cdef void tlb_fence_vs(Hart *h, u64 va, u64 asid, bint all_va, bint all_asid) noexcept nogil:
    """HFENCE.VVMA, and SFENCE.VMA at V=1: VS-stage translations of the current VMID, and of one ASID or all."""
    cdef u64 vmid = (h.hgatp >> 44) & 0x3FFF
    if not all_va:
        tlb_drop_page(h, va, guest_space(h, asid), all_asid)
    else:
        h.epoch += 1
        if all_asid:
            h.gen_vs[vmid & (GEN_SPACES - 1)] = h.epoch
        else:
            h.gen_va[gen_va_slot(vmid, asid)] = h.epoch
    tlb_fence_end(h)


cdef void tlb_fence_g(Hart *h, u64 gpa, u64 vmid, bint all_gpa, bint all_vmid) noexcept nogil:
    """HFENCE.GVMA: entries are combined VA->SPA, so every one of that VMID goes whatever the address (O4)."""
    h.epoch += 1
    h.gen_g[GEN_SPACES if all_vmid else vmid & (GEN_SPACES - 1)] = h.epoch
    tlb_fence_end(h)


cdef void tlb_fill(Hart *h, u64 va, u64 number, u8 *host, u32 perms, bint execute, u32 shift, bint has_code) noexcept nogil:
    """Remembers that the page of `va` is at `host` (page-aligned) under context `number`. For data, perms may have
    R and W; a page that holds decoded code gets no write tag, so that stores to it are seen."""
    cdef u32 i = (va >> 12) & (TLB_SIZE - 1)
    cdef TlbEntry *e = &h.tlb[i]
    cdef u64 page = va & PAGE_MASK, tag = page | number, addend = <u64><size_t>host - page
    if e.addend != addend or (h.tlb_shift[i] & TLBF_SHIFT) != shift:
        e.rtag = e.wtag = e.xtag = TLB_NONE
        e.addend = addend
    h.tlb_shift[i] = shift
    if shift > 12:
        h.has_super = 1
    h.n_tlb_fills += 1
    if execute:
        e.xtag = tag
        return
    e.rtag = tag if perms & PMP_R else TLB_NONE
    e.wtag = TLB_NONE
    if perms & PMP_W:
        if has_code:
            h.tlb_shift[i] |= TLBF_WRITE
        else:
            e.wtag = tag
