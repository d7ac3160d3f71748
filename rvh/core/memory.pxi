# Loads, stores, AMOs and fetches that the fast paths of core/runtime.h pass on: TLB misses, page-crossing accesses,
# devices, pages that hold decoded code, HLV/HSV, and everything while accesses are being recorded.


cdef void log_access(Hart *h, u64 va, u64 pa, u64 value, u32 size, u32 kind) noexcept nogil:
    cdef AccessLog *log = h.log
    cdef LogAccess *m
    if log.n_mem < LOG_MEM_MAX:
        m = &log.mem[log.n_mem]
        log.n_mem += 1
        m.va, m.pa, m.value, m.size, m.kind = va, pa, value, size, kind


cdef inline bint walks_wanted(Hart *h) noexcept nogil:
    """Whether every access must walk, so that the log shows its steps."""
    return h.log != NULL and h.log.walks != 0


cdef inline u64 host_read(const u8 *p, u32 size) noexcept nogil:
    cdef u64 v = 0
    memcpy(&v, p, min(size, <u32>8))
    return v


# ---- physical side

cdef void ram_written(Board *b, u64 pa, u64 size) noexcept nogil:
    """After any store to RAM that did not go through a write tag: drops decoded code under it, sees HTIF."""
    cdef u64 page = (pa - b.ram_base) >> 12
    cdef u64 first = (pa >> 6) & 63, last = ((pa + size - 1) >> 6) & 63
    cdef u64 mask
    if b.code_mask[page]:
        mask = ((<u64>2 << last) - 1) & ~((<u64>1 << first) - 1)
        if b.code_mask[page] & mask:
            code_invalidate(b, page)
    if page == b.watch_page and pa <= b.tohost + 7 and pa + size > b.tohost:
        b.poll_request = 1


cdef Region *region_at(Board *b, u64 pa, u32 size) noexcept nogil:
    """The device that answers an access of `size` bytes at pa, or NULL: nothing there, misaligned or a width that the
    device does not decode."""
    cdef u32 i
    cdef Region *r
    for i in range(b.n_regions):
        r = &b.regions[i]
        if pa - r.base < r.size:
            if size < r.min_size or size > r.max_size or pa & (size - 1) or pa - r.base + size > r.size:
                return NULL
            return r
    return NULL


cdef int device_access(Hart *h, Region *r, u64 pa, u32 size, bint write, u64 value, const Op *op) noexcept nogil:
    """Carries out a device access with this hart's slot count exact, so that the device sees the time of this
    instruction; a loaded value goes to h.result."""
    cdef u32 left = block_left(op) if op != NULL else 0
    h.budget += left
    if write:
        r.write(r.dev, h, pa - r.base, size, value)
    else:
        h.result = r.read(r.dev, h, pa - r.base, size)
        if size < 8:
            h.result &= (<u64>1 << (8 * size)) - 1
    h.budget -= left
    if h.board.exit_request or h.board.poll_request:
        h.stop = 1
    return 1


# ---- one access within one page

cdef u32 access_masking(Hart *h, u32 mode, u32 how) noexcept nogil:
    """The field PMM that this access follows: HLVX none, HLV and HSV of U-mode as VU hstatus.HUPMM."""
    cdef u32 pmm = pointer_masking(h, mode)
    if how & HOW_HLVX:
        return 0
    if how & HOW_GUEST and h.priv == 0 and mode == MODE_VU and not (h.mstatus | h.vsstatus) & MSTATUS_MXR:
        return (h.hstatus & HSTATUS_HUPMM) >> 48
    return pmm


cdef inline bint access_apart(Hart *h, u32 mode, u32 how) noexcept nogil:
    """Whether it follows other rules than plain accesses of that mode, so that the TLB knows nothing of it."""
    return how & (HOW_GUEST | HOW_HLVX) and access_masking(h, mode, how) != pointer_masking(h, mode)


cdef int access_begin(Hart *h, Access *a, u32 size, u32 need, u32 how) noexcept nogil:
    """Masks the pointer, translates and applies PMP (`need`: PMP_R, PMP_W or both; HLVX adds X)."""
    cdef u32 pmm = access_masking(h, a.mode, how)
    a.tag = a.va
    if pmm:
        a.va = masked_address(a.va, pmm, virtual_mode(h, a.mode))
    if translate(h, a) != WALK_OK:
        return WALK_FAULT
    cdef u32 priv = 3 if a.mode == MODE_M else 1 if a.mode == MODE_S or a.mode == MODE_VS else 0
    if h.pmp_active or priv != 3:
        if pmp_perms(h, a.pa, size, priv) & need != need:
            return fault_access(h, a)
    return WALK_OK


cdef void access_remember(Hart *h, Access *a, u64 number) noexcept nogil:
    """Puts a data translation into the TLB when the whole page behaves alike."""
    cdef u32 priv = 3 if a.mode == MODE_M else 1 if a.mode == MODE_S or a.mode == MODE_VS else 0
    cdef bint uniform = True
    cdef u32 perms = a.perms
    cdef u8 *host = ram_at(h.board, a.pa & PAGE_MASK, 4096)
    cdef u64 page
    if host == NULL or a.hlvx or walks_wanted(h):
        return
    if h.pmp_active or priv != 3:
        perms &= pmp_page_perms(h, a.pa, priv, &uniform)
        if not uniform:
            return
    page = (a.pa - h.board.ram_base) >> 12
    tlb_fill(h, a.tag, number, host, perms, False, a.shift,
             h.board.code_mask[page] != 0 or page == h.board.watch_page)


cdef inline u64 plain_masked(Hart *h, u32 mode, u64 va) noexcept nogil:
    """The address that a plain access to `va` reports when it faults."""
    return masked_address(va, pointer_masking(h, mode), virtual_mode(h, mode))


cdef inline u32 how_mode(Hart *h, u32 how) noexcept nogil:
    """The mode whose rules an access follows; HLV, HLVX and HSV act as VS or VU by hstatus.SPVP (checklist N6)."""
    if how & (HOW_GUEST | HOW_HLVX):
        return MODE_VS if h.hstatus & HSTATUS_SPVP else MODE_VU
    return data_mode(h)


cdef int load_within(Hart *h, u64 va, u32 size, u32 how, const Op *op) noexcept nogil:
    cdef Access a
    cdef u64 number
    cdef TlbEntry *e = &h.tlb[(va >> 12) & (TLB_SIZE - 1)]
    cdef u8 *host
    cdef Region *r
    cdef bint apart
    a.mode = how_mode(h, how)
    a.hlvx = (how & HOW_HLVX) != 0
    a.shadow = a.block = False
    number = context_data(h, a.mode)
    apart = access_apart(h, a.mode, how)
    if e.rtag == (va & PAGE_MASK) | number and not a.hlvx and not apart and not walks_wanted(h):
        host = <u8 *><size_t>(va + e.addend)
        h.result = host_read(host, size)
        if h.log != NULL:
            log_access(h, va, <u64>(host - h.board.ram) + h.board.ram_base, h.result, size, 1)
        return 1
    a.va, a.kind = va, ACC_R
    if access_begin(h, &a, size, PMP_R | PMP_X if a.hlvx else PMP_R, how) != WALK_OK:
        return 0
    host = ram_at(h.board, a.pa, size)
    if host != NULL:
        h.result = host_read(host, size)
        if not apart:
            access_remember(h, &a, number)
    else:
        r = region_at(h.board, a.pa, size)
        if r == NULL or a.hlvx:
            return fault_access(h, &a)
        device_access(h, r, a.pa, size, False, 0, op)
    if h.log != NULL:
        log_access(h, va, a.pa, h.result, size, 1)
    return 1


cdef int store_within(Hart *h, u64 va, u32 size, u32 how, u64 value, const Op *op, bint probe) noexcept nogil:
    """With `probe`, everything but the store itself."""
    cdef Access a
    cdef u64 number
    cdef TlbEntry *e = &h.tlb[(va >> 12) & (TLB_SIZE - 1)]
    cdef u8 *host
    cdef Region *r
    cdef bint apart
    a.mode = how_mode(h, how)
    number = context_data(h, a.mode)
    apart = access_apart(h, a.mode, how)
    a.va, a.kind, a.hlvx, a.shadow, a.block = va, ACC_W, False, False, False
    if not apart and not walks_wanted(h) and e.rtag == (va & PAGE_MASK) | number and \
            (e.wtag == e.rtag or h.tlb_shift[(va >> 12) & (TLB_SIZE - 1)] & TLBF_WRITE):
        host = <u8 *><size_t>(va + e.addend)
        a.pa = <u64>(host - h.board.ram) + h.board.ram_base
    else:
        if access_begin(h, &a, size, PMP_W, how) != WALK_OK:
            return 0
        host = ram_at(h.board, a.pa, size)
        if host != NULL and not apart:
            access_remember(h, &a, number)
    if host != NULL:
        if not probe:
            memcpy(host, &value, size)
            ram_written(h.board, a.pa, size)
            if h.board.poll_request:
                h.stop = 1
    else:
        r = region_at(h.board, a.pa, size)
        if r == NULL:
            return fault_access(h, &a)
        if not probe:
            device_access(h, r, a.pa, size, True, value, op)
    if h.log != NULL and not probe:
        log_access(h, va, a.pa, value, size, 2)
    return 1


# ---- called by handlers

cdef public int slow_load(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how) noexcept nogil:
    """Loads `size` bytes, zero-extended, into h.result. An access that crosses a page is done as two, low part first,
    and a fault reports the first byte of the part that failed (checklist F7, M14)."""
    cdef u32 low = 4096 - <u32>(va & 0xFFF)
    cdef u64 part
    if unlikely(h.armed & ARMED_LOAD) and trigger_on_access(h, op, pc, va, size, how, MC6_LOAD):
        return 0
    if low >= size:
        if not load_within(h, va, size, how, op):
            return 0
    else:
        if not load_bytes(h, va, low, how, op):
            return 0
        part = h.result
        if not load_bytes(h, va + low, size - low, how, op):
            return 0
        h.result = part | (h.result << (8 * low))
    if unlikely(h.armed & ARMED_LOADED):
        trigger_on_loaded(h, op, pc, va, size, how, h.result)
    return 1


cdef int load_bytes(Hart *h, u64 va, u32 n, u32 how, const Op *op) noexcept nogil:
    """1 to 7 bytes of a page-crossing access, byte by byte into h.result."""
    cdef u64 value = 0
    cdef u32 i
    for i in range(n):
        if not load_within(h, va + i, 1, how, op):
            return 0
        value |= h.result << (8 * i)
    h.result = value
    return 1


cdef public int slow_store(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how, u64 value) noexcept nogil:
    """Stores the low `size` bytes. Both pages of a crossing store are checked before memory changes (M14)."""
    cdef u32 low = 4096 - <u32>(va & 0xFFF), i
    if unlikely(h.armed & ARMED_STORE) and trigger_on_store(h, op, pc, va, size, how, value):
        return 0
    if low >= size:
        return store_within(h, va, size, how, value, op, False)
    if not store_within(h, va, 1, how, 0, op, True) or not store_within(h, va + low, 1, how, 0, op, True):
        return 0
    for i in range(size):
        if not store_within(h, va + i, 1, how, (value >> (8 * i)) & 0xFF, op, False):
            return 0
    return 1


cdef inline bint amo_granule(Hart *h, u32 how) noexcept nogil:
    """Whether misaligned atomics are atomic inside aligned 16 bytes: with Zama16b AMOs are, LR and SC never ("Misaligned
    Atomicity Granule PMA"); nor are those of SSAMOSWAP."""
    return (h.ext & EXT_ZAMA16B) != 0 and not how & (HOW_LR | HOW_SC | HOW_SHADOW)


cdef public void *slow_amo(Hart *h, const Op *op, u64 pc, u64 va, u32 size, u32 how) noexcept nogil:
    """Host address of a RAM location for an AMO or SC (HOW_SC), read and write, or LR (HOW_LR: read), or NULL with the
    exception recorded: misaligned 4/6, device memory 5/7 (it supports no AMOs)."""
    cdef void *p
    if likely(not h.armed & (ARMED_LOAD | ARMED_STORE)):
        return atomic_location(h, op, va, size, how)
    if how & HOW_SC:
        if trigger_on_store(h, op, pc, va, size, HOW_PLAIN, h.x[op.rs2]):
            return NULL
    elif trigger_on_access(h, op, pc, va, size, HOW_PLAIN,
                           MC6_LOAD if how & (HOW_LR | HOW_CHECK) else MC6_LOAD | MC6_STORE):
        return NULL
    p = atomic_location(h, op, va, size, how)
    if p != NULL and h.armed & ARMED_LOADED and not how & HOW_SC and size <= 8:
        trigger_on_loaded(h, op, pc, va, size, HOW_PLAIN, host_read(<u8 *>p, size))
    return p


cdef void *atomic_location(Hart *h, const Op *op, u64 va, u32 size, u32 how) noexcept nogil:
    """slow_amo() without what triggers make of it."""
    cdef Access a
    cdef u8 *host
    cdef u64 number
    cdef TlbEntry *e = &h.tlb[(va >> 12) & (TLB_SIZE - 1)]
    a.va, a.kind, a.hlvx, a.block = va, ACC_R if how & HOW_LR else ACC_W, False, False
    a.mode = data_mode(h)
    a.shadow = (how & HOW_SHADOW) != 0
    if va & (size - 1) and not (amo_granule(h, how) and (va & 15) + size <= 16):
        exc_set(h, 4 if how & HOW_LR else 6, plain_masked(h, a.mode, va), 0, 0, a.mode >= MODE_VS)
        return NULL
    number = context_shadow(h, a.mode) if a.shadow else context_data(h, a.mode)
    if h.log != NULL and not walks_wanted(h) and e.rtag == (va & PAGE_MASK) | number and \
            (how & HOW_LR or e.wtag == e.rtag):
        # What the fast path does while nothing is recorded.
        host = <u8 *><size_t>(va + e.addend)
        log_access(h, va, <u64>(host - h.board.ram) + h.board.ram_base, host_read(host, size), size,
                   1 if how & (HOW_LR | HOW_CHECK) else 2)
        return host
    if access_begin(h, &a, size, PMP_R if how & HOW_LR else PMP_R | PMP_W, how) != WALK_OK:
        return NULL
    host = ram_at(h.board, a.pa, size)
    if host == NULL:
        fault_access(h, &a)
        return NULL
    access_remember(h, &a, number)
    if h.log != NULL:
        log_access(h, va, a.pa, host_read(host, size), size, 1 if how & (HOW_LR | HOW_CHECK) else 2)
    if not how & (HOW_LR | HOW_CHECK):
        ram_written(h.board, a.pa, size)
    return host


cdef public int do_cbo(Hart *h, const Op *op, u64 pc, u32 which, u64 va) noexcept nogil:
    """CBO.INVAL/CLEAN/FLUSH (which 0, 1, 2) and CBO.ZERO (4) on the 64-byte block of va (checklist L). The first three
    need a load or a store to be allowed and report faults as stores; there is no cache, so they change nothing."""
    cdef u64 block = va & ~<u64>63
    cdef u32 i, step
    cdef Access a
    if not gate_cbo(h, which):
        return 0
    if unlikely(h.armed & ARMED_STORE) and trigger_on_access(h, op, pc, block, 64, HOW_PLAIN, MC6_STORE):
        return 0
    if which == 4:
        # All of the block is checked before any of it changes; a fault names rs1. No PMP border divides 4 bytes.
        step = 4 if h.pmp_active else 8
        for i in range(64 // step):
            if not store_within(h, block + i * step, step, HOW_PLAIN, 0, op, True):
                h.exc_tval = plain_masked(h, data_mode(h), va)
                return 0
        for i in range(64 // step):
            store_within(h, block + i * step, step, HOW_PLAIN, 0, op, False)
        return 1
    a.va, a.kind, a.hlvx, a.shadow, a.block, a.mode = va, ACC_R, False, False, True, data_mode(h)
    if access_begin(h, &a, 1, PMP_R, HOW_PLAIN) != WALK_OK:
        # Where no load is permitted no store is either: write permission without read permission is reserved. On a page
        # of shadow stack the fault is a store's already.
        if h.exc_cause != CAUSE_STORE_ACCESS:
            h.exc_cause += CAUSE_STORE_ACCESS - CAUSE_LOAD_ACCESS
        return 0
    if ram_at(h.board, a.pa, 1) == NULL:
        a.kind = ACC_W
        return fault_access(h, &a)
    return 1


cdef u32 insn_bits(Hart *h, const Op *header, const Op *op) noexcept nogil:
    """The bits of the instruction at `op`: from memory, or from the block when it straddles pages or ran uncached."""
    cdef const Links *extra = <const Links *>(header - 1)
    cdef u8 *host
    cdef u32 bits
    if header.off & BLOCK_RAW:
        return <u32><size_t>extra.next
    host = ram_at(h.board, <u64><size_t>header.fn + 2 * <u64>op.off, 2)
    bits = (<u16 *>host)[0]
    if bits & 3 == 3:
        bits |= <u32>(<u16 *>host)[1] << 16
    return bits


cdef public void raise_exception(Hart *h, u64 epc, const Op *header, const Op *op) noexcept nogil:
    trap_take(h, epc, insn_bits(h, header, op))


# ---- shadow stacks ("Shadow Stack Memory Protection" and the Zicfiss instructions)

cdef inline bint shadow_active(Hart *h) noexcept nogil:
    """xSSE of the current mode: 0 in M-mode, and without S-mode."""
    cdef u64 on
    if h.priv == 3 or not h.ext & EXT_S:
        return False
    on = h.henvcfg if h.v else h.menvcfg
    if h.priv == 0:
        on &= h.senvcfg
    return on & ENVCFG_SSE != 0


cdef u64 *shadow_location(Hart *h, const Op *op, u64 pc, u64 va, u32 how) noexcept nogil:
    """Host address of the doubleword of shadow stack at va, or NULL with the exception recorded."""
    cdef TlbEntry *e = &h.tlb[(va >> 12) & (TLB_SIZE - 1)]
    if e.wtag == (va & PAGE_MASK) | context_shadow(h, data_mode(h)) and e.rtag == e.wtag and h.log == NULL \
            and not h.armed:
        return <u64 *><size_t>(va + e.addend)
    return <u64 *>slow_amo(h, op, pc, va, 8, HOW_SHADOW | how)


cdef public int do_sspush(Hart *h, const Op *op, u64 pc, u64 value) noexcept nogil:
    """SSPUSH and C.SSPUSH."""
    cdef u64 *p
    if not shadow_active(h):
        return 1
    p = shadow_location(h, op, pc, h.ssp - 8, HOW_SC)
    if p == NULL:
        return 0
    p[0] = value
    h.ssp -= 8
    if h.log != NULL:
        h.log.mem[h.log.n_mem - 1].value = value  # what it logged was there before
    return 1


cdef public int do_sspopchk(Hart *h, const Op *op, u64 pc, u64 value) noexcept nogil:
    """SSPOPCHK and C.SSPOPCHK: a software check (code 3, shadow stack fault) unless the top is `value`."""
    cdef u64 *p
    if not shadow_active(h):
        return 1
    p = shadow_location(h, op, pc, h.ssp, HOW_CHECK)
    if p == NULL:
        return 0
    if p[0] != value:
        exc_set(h, CAUSE_SOFTWARE_CHECK, SHADOW_STACK_FAULT, 0, 0, 0)
        return 0
    h.ssp += 8
    return 1


cdef public u64 ssp_read(Hart *h) noexcept nogil:
    """What SSRDP gives."""
    return h.ssp if shadow_active(h) else 0


# ---- fetch

cdef int fetch_page(Hart *h, u64 va, u32 size, u8 **host, u64 *pa, bint *remembered) noexcept nogil:
    """Where the `size` bytes of code at va are (all in one page). *remembered is false when the whole page may not be
    executed alike (a PMP border), so that only this fetch is vouched for."""
    cdef TlbEntry *e = &h.tlb[(va >> 12) & (TLB_SIZE - 1)]
    cdef u64 number = h.xctx & 0xFFF
    cdef Access a
    cdef u32 priv
    cdef bint uniform = True
    if e.xtag == (va & PAGE_MASK) | number:
        host[0] = <u8 *><size_t>(va + e.addend)
        pa[0] = <u64>(host[0] - h.board.ram) + h.board.ram_base
        remembered[0] = True
        return 1
    a.va, a.kind, a.hlvx, a.shadow, a.block = va, ACC_X, False, False, False
    a.mode = mode_of(h.priv, h.v)
    if translate(h, &a) != WALK_OK:
        return 0
    priv = h.priv
    if h.pmp_active or priv != 3:
        if not pmp_perms(h, a.pa, size, priv) & PMP_X:
            return fault_access(h, &a)
        pmp_page_perms(h, a.pa, priv, &uniform)
    host[0] = ram_at(h.board, a.pa, size)
    if host[0] == NULL:
        return fault_access(h, &a)
    pa[0] = a.pa
    remembered[0] = uniform
    if uniform and ram_at(h.board, a.pa & PAGE_MASK, 4096) != NULL:
        tlb_fill(h, va, number, ram_at(h.board, a.pa & PAGE_MASK, 4096), 0, True, a.shift, False)
    return 1


cdef public int do_fence_i(Hart *h) noexcept nogil:
    """FENCE.I: nothing to do, a store to decoded code drops it at once."""
    return 1
