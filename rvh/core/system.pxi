# Environment calls, waiting, fences, and the access checks that memory instructions ask for. Each returns 1,
# or 0 with the exception recorded.

cdef inline int allowed(Hart *h, u32 reason) noexcept nogil:
    if unlikely(reason):
        exc_deny(h, reason)
        return 0
    return 1


cdef public int do_ecall(Hart *h) noexcept nogil:
    """ECALL: cause 8 from U and VU, 9 from HS, 10 from VS, 11 from M (E2)."""
    exc_set(h, CAUSE_ECALL_VS if h.v and h.priv else CAUSE_ECALL_U + h.priv, 0, 0, 0, 0)
    return 0


cdef public int do_ebreak(Hart *h, u64 pc) noexcept nogil:
    """EBREAK: tval is its address, a guest virtual one at V=1 (S2)."""
    exc_set(h, CAUSE_BREAKPOINT, pc, 0, 0, h.v)
    return 0


cdef public int do_wfi(Hart *h) noexcept nogil:
    """WFI; where a control traps it, it traps at once, whatever is pending (S10)."""
    if not allowed(h, access_wfi(h)):
        return 0
    mip_now(h)
    if not interrupt_wakes(h):
        h.wfi = 1
        h.stop = 1
    return 1


cdef public int do_wrs(Hart *h, int nto) noexcept nogil:
    """WRS.NTO and WRS.STO. A wait may end for any reason: it ends by giving the other harts a turn."""
    mip_now(h)
    if not h.res_valid or interrupt_wakes(h):
        return 1
    if nto and not allowed(h, access_wrs_nto(h)):
        return 0
    h.stop = 1
    return 1


# ---- fences (checklist O2-O6)

cdef inline u32 asid_of(u64 value) noexcept nogil:
    return <u32>(value & 0xFFFF)


cdef public int do_sfence_vma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0) noexcept nogil:
    """SFENCE.VMA and SINVAL.VMA: satp's translations at V=0, the current VMID's VS-stage ones at V=1."""
    if not allowed(h, access_sfence_vma(h)):
        return 0
    if h.v:
        tlb_fence_vs(h, rs1v, asid_of(rs2v), rs1_is_x0, rs2_is_x0)
    else:
        tlb_fence_s(h, rs1v, asid_of(rs2v), rs1_is_x0, rs2_is_x0)
    return 1


cdef public int do_hfence_vvma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0) noexcept nogil:
    """HFENCE.VVMA and HINVAL.VVMA: VS-stage translations of the current VMID."""
    if not allowed(h, access_hfence_vvma(h)):
        return 0
    tlb_fence_vs(h, rs1v, asid_of(rs2v), rs1_is_x0, rs2_is_x0)
    return 1


cdef public int do_hfence_gvma(Hart *h, u64 rs1v, u64 rs2v, int rs1_is_x0, int rs2_is_x0) noexcept nogil:
    """HFENCE.GVMA and HINVAL.GVMA: rs1 holds a guest physical address >> 2, rs2 a VMID."""
    if not allowed(h, access_hfence_gvma(h)):
        return 0
    tlb_fence_g(h, rs1v << 2, rs2v & 0x3FFF, rs1_is_x0, rs2_is_x0)
    return 1


cdef public int do_sfence_w_inval(Hart *h) noexcept nogil:
    """SFENCE.W.INVAL: SINVAL.VMA has already done it."""
    return allowed(h, access_sfence_inval(h))


cdef public int do_sfence_inval_ir(Hart *h) noexcept nogil:
    """SFENCE.INVAL.IR: SINVAL.VMA has already done it."""
    return allowed(h, access_sfence_inval(h))


# ---- asked by memory.pxi

cdef public int gate_hlv(Hart *h) noexcept nogil:
    """Whether HLV, HLVX and HSV may be executed (N6, H3)."""
    return allowed(h, access_hlv(h))


cdef public int gate_cbo(Hart *h, u32 which) noexcept nogil:
    """Whether CBO.INVAL (0), CLEAN (1), FLUSH (2) or ZERO (4) may be executed (L1); decided before
    translation."""
    if which == 0:
        return allowed(h, access_cbo_inval(h))
    if which == 4:
        return allowed(h, access_cbo_zero(h))
    return allowed(h, access_cbo_clean(h))


cdef public int do_lpad(Hart *h, u64 pc, u64 label) noexcept nogil:
    """LPAD ("Landing Pad Instruction"): a software check unless it is aligned, and unlabelled or labelled as x7 says.
    What comes here in its place is seen by landing()."""
    cdef u32 wanted = <u32>label >> 12
    if not h.elp:
        return 1
    if pc & 3 or (wanted and wanted != <u32>h.x[7] >> 12):
        exc_set(h, CAUSE_SOFTWARE_CHECK, LANDING_PAD_FAULT, 0, 0, 0)
        return 0
    h.elp = 0
    return 1


cdef public int gate_shadow(Hart *h) noexcept nogil:
    """Whether SSAMOSWAP may be executed."""
    return allowed(h, access_ssamoswap(h))


# ---- reset

cdef inline u64 vlenb_of(Hart *h) noexcept nogil:
    """Bytes of a vector register: VLEN is what the longest Zvl*b says, and Zve32x alone has 32 bits."""
    if h.ext & EXT_ZVL1024B:
        return 128
    if h.ext & EXT_ZVL512B:
        return 64
    if h.ext & EXT_ZVL256B:
        return 32
    if h.ext & EXT_ZVL128B:
        return 16
    if h.ext & EXT_ZVL64B:
        return 8
    return 4 if h.ext & EXT_ZVL32B else 0


cdef void hart_reset(Hart *h) noexcept nogil:
    """The state of the manual's chapter "Reset", and 0 wherever it leaves a choice; what the hart implements,
    misa and mhartid stay. The caller sets pc and the registers that its boot contract names."""
    cdef u32 n
    cdef u64 everything = <u64>-1
    memset(h.x, 0, sizeof(h.x))
    memset(h.f, 0, sizeof(h.f))
    memset(h.vreg, 0, sizeof(h.vreg))
    h.vlenb = vlenb_of(h)
    h.vtype, h.vlmax, h.vshape = <u64>1 << 63 if h.vlenb else 0, 0, 0xFFFFFFFF
    h.vl = h.vstart = h.vxrm = h.vxsat = 0
    h.priv, h.v, h.wfi, h.critical, h.frm, h.fflags, h.res_valid = 3, 0, 0, 0, 0, 0, 0
    h.mstatus = (MSTATUS_FIXED & (MSTATUS_UXL if h.ext & EXT_U else 0)) | \
        (MSTATUS_FIXED & (MSTATUS_SXL if h.ext & EXT_S else 0)) | (0 if h.ext & EXT_U else MSTATUS_MPP) | \
        (MSTATUS_MDT if h.ext & EXT_SMDBLTRP else 0)
    h.hstatus = HSTATUS_FIXED if h.ext & EXT_H else 0
    h.vsstatus = VSSTATUS_FIXED if h.ext & EXT_H else 0
    h.mtvec = h.mscratch = h.mepc = h.mcause = h.mtval = h.mtval2 = h.mtinst = 0
    h.miselect = h.siselect = h.vsiselect = 0
    h.mnscratch = h.mnepc = h.mncause = 0
    h.mnstatus = 0 if h.ext & EXT_SMRNMI else MNSTATUS_NMIE  # the RNMI line outlives a reset of the hart
    if h.ext & EXT_SMRNMI and not h.ext & EXT_U:
        h.mnstatus |= MNSTATUS_MNPP
    h.stvec = h.sscratch = h.sepc = h.scause = h.stval = h.satp = 0
    h.vstvec = h.vsscratch = h.vsepc = h.vscause = h.vstval = h.vsatp = 0
    h.htval = h.htinst = h.hgatp = h.htimedelta = h.ssp = 0
    h.elp = 0
    h.tselect = 0
    for n in range(TRIGGERS):
        h.tdata1[n] = <u64>TYPE_DISABLED << 60 if h.ext & EXT_SDTRIG else 0
        h.tdata2[n] = h.tdata3[n] = 0
    h.tcontrol = h.mcontext = h.scontext = 0
    h.trigger_types = 0
    h.medeleg = h.hedeleg = h.hideleg = 0
    # VS-level and guest external interrupts are delegated for good (A15; bit 12 also with GEILEN=0, S4).
    h.mideleg = MIP_VS | MIP_SGEIP if h.ext & EXT_H else 0
    h.mie = h.mip = h.hvip = h.hgeie = h.hgeip = 0
    h.lines &= MIP_MEIP | MIP_SEIP | MIP_MSIP  # levels of devices outlive a reset of the hart
    h.mcounteren = h.scounteren = h.hcounteren = h.mcountinhibit = 0
    h.menvcfg = h.senvcfg = h.henvcfg = h.henvcfg_set = h.mseccfg = 0
    if not h.ext & EXT_S:  # U-mode is under the machine's controls alone
        h.scounteren = everything
        h.senvcfg = ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE | ENVCFG_SSE
    for n in range(4):
        # Without state enable nothing is gated by it.
        h.mstateen[n] = 0 if h.ext & EXT_SMSTATEEN else everything
        h.hstateen[n] = 0 if h.ext & EXT_SSSTATEEN else everything
        h.sstateen[n] = 0
    h.stimecmp = h.vstimecmp = 0
    h.mtimecmp = everything
    h.mcyclecfg = h.minstretcfg = 0
    h.fixed_off = 0
    h.mcycle_off = 0 - hart_slots(h)
    h.minstret_off = 0 - hart_retired(h)
    memset(h.mhpmcounter, 0, sizeof(h.mhpmcounter))
    memset(h.mhpmevent, 0, sizeof(h.mhpmevent))
    h.hpm_on = h.hpm_filter = 0
    memset(h.pmpcfg, 0, sizeof(h.pmpcfg))
    memset(h.pmpaddr, 0, sizeof(h.pmpaddr))
    tlb_flush_all(h)
    timer_update(h)
