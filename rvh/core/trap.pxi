# Traps: where they go, what they write, and the way back (manual: "Trap Entry", "Trap Return" in the
# hypervisor chapter; "Trap-Return Instructions"; checklist E, F, G, Q).


cdef inline void mode_set(Hart *h, u32 priv, u32 v) noexcept nogil:
    """The only place where privilege and V change (B4)."""
    if h.v != v:
        fp_collect(h)  # flags raised so far belong to the old V: they make FS dirty there
    h.priv, h.v = <u8>priv, <u8>v
    counters_mode(h)
    context_mode(h)


cdef inline u64 trap_vector(u64 tvec, u64 cause) noexcept nogil:
    """BASE, and for an interrupt in vectored mode 4 x its code on top (F4)."""
    if tvec & 1 and cause & CAUSE_INTERRUPT:
        return (tvec & ~<u64>3) + 4 * (cause & 0x3F)
    return tvec & ~<u64>3


cdef void critical_error(Hart *h, u64 pc) noexcept nogil:
    """A trap too many in M-mode: the hart ceases execution, and no state changes but that ("Double Trap Control in
    mstatus Register"). The platform, this machine, stops."""
    h.pc = pc
    h.critical = 1
    h.stop = 1


cdef inline void trap_tcontrol(Hart *h) noexcept nogil:
    """Entry into M-mode: MPTE takes MTE, which becomes 0 ("tcontrol")."""
    if unlikely(h.tcontrol):
        h.tcontrol = TCONTROL_MPTE if h.tcontrol & TCONTROL_MTE else 0


cdef void trap_to_rnmi(Hart *h, u64 epc, u64 cause, u32 priv, u32 v) noexcept nogil:
    """To the RNMI handler ("RNMI Operation"); priv and v are what mnstatus says of the interrupted context."""
    h.mnepc, h.mncause = epc, cause
    h.mnstatus = <u64>priv << 11 | <u64>h.elp << 9 | <u64>v << 7
    h.elp = 0
    h.pc = h.board.rnmi_vector
    trap_tcontrol(h)
    mode_set(h, 3, 0)


cdef void trap_unexpected(Hart *h, u64 epc, u64 cause) noexcept nogil:
    """A trap too many in M-mode: the RNMI handler's, who learns nothing of xtval, or the end ("Double Trap Control in
    mstatus Register")."""
    if h.ext & EXT_SMRNMI and h.mnstatus & MNSTATUS_NMIE:
        trap_to_rnmi(h, epc, cause, 3, 0)
    else:
        critical_error(h, epc)


cdef void trap_to_m(Hart *h, u64 epc, u64 cause, u64 tval, u64 tval2, u64 tinst, u64 gva) noexcept nogil:
    cdef u64 s = h.mstatus
    cdef bint in_rnmi = unlikely(not h.mnstatus & MNSTATUS_NMIE) and h.priv == 3
    if unlikely(h.ext & EXT_SMDBLTRP):
        if s & MSTATUS_MDT or in_rnmi:
            trap_unexpected(h, epc, cause)
            return
        s |= MSTATUS_MDT
    h.mstatus = (s & ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE | MSTATUS_GVA | MSTATUS_MPV | MSTATUS_MPELP)) | \
        <u64>h.priv << 11 | (s & MSTATUS_MIE) << 4 | gva << 38 | <u64>h.v << 39 | <u64>h.elp << 41
    h.elp = 0
    h.mepc, h.mcause, h.mtval, h.mtval2, h.mtinst = epc, cause, tval, tval2, tinst
    h.pc = trap_vector(h.mtvec, cause)
    if unlikely(in_rnmi) and h.board.rnmi_exception_vector != <u64>-1:
        h.pc = h.board.rnmi_exception_vector
    trap_tcontrol(h)
    mode_set(h, 3, 0)


cdef void trap_to_hs(Hart *h, u64 epc, u64 cause, u64 tval, u64 tval2, u64 tinst, u64 gva) noexcept nogil:
    cdef u64 s = h.mstatus, hs = h.hstatus & ~(HSTATUS_GVA | HSTATUS_SPV)
    if unlikely(s & MSTATUS_SDT):
        trap_to_m(h, epc, CAUSE_DOUBLE_TRAP, tval, cause, tinst, gva)
        return
    if h.menvcfg & ENVCFG_DTE:
        s |= MSTATUS_SDT
    if h.v:  # else SPVP keeps its value (F2)
        hs = (hs & ~HSTATUS_SPVP) | HSTATUS_SPV | <u64>h.priv << 8
    h.hstatus = hs | gva << 6
    h.mstatus = (s & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE | MSTATUS_SPELP)) | \
        <u64>h.priv << 8 | (s & MSTATUS_SIE) << 4 | <u64>h.elp << 23
    h.elp = 0
    h.sepc, h.scause, h.stval, h.htval, h.htinst = epc, cause, tval, tval2, tinst
    h.pc = trap_vector(h.stvec, cause)
    mode_set(h, 1, 0)


cdef void trap_to_vs(Hart *h, u64 epc, u64 cause, u64 tval) noexcept nogil:
    """`cause` as the guest sees it; the caller has seen to double traps. Nothing outside the vs registers changes
    (F3)."""
    cdef u64 s = h.vsstatus
    if h.henvcfg & ENVCFG_DTE:
        s |= MSTATUS_SDT
    h.vsstatus = (s & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE | MSTATUS_SPELP)) | \
        <u64>h.priv << 8 | (s & MSTATUS_SIE) << 4 | <u64>h.elp << 23
    h.elp = 0
    h.vsepc, h.vscause, h.vstval = epc, cause, tval
    h.pc = trap_vector(h.vstvec, cause)
    mode_set(h, 1, 1)


cdef void trap_take(Hart *h, u64 epc, u32 insn) noexcept nogil:
    """Takes the exception recorded in h.exc_*, raised by the instruction `insn` (raw bits; 16-bit ones
    zero-extended) at `epc`, and the breakpoint of a trigger on it."""
    cdef u32 mode = mode_of(h.priv, h.v)
    trap_deliver(h, epc, insn)
    if unlikely(h.trigger_types & 1 << TYPE_ETRIGGER):
        trigger_on_trap(h, TYPE_ETRIGGER, h.exc_cause, mode, False)


cdef void trap_deliver(Hart *h, u64 epc, u32 insn) noexcept nogil:
    """trap_take() without what triggers make of it."""
    cdef u64 cause = h.exc_cause, tval = h.exc_tval, tinst
    cdef bint delegated = h.priv != 3 and h.medeleg >> cause & 1
    h.n_traps += 1
    if cause == CAUSE_ILLEGAL or cause == CAUSE_VIRTUAL:
        tval = insn
    if delegated and h.v and h.hedeleg >> cause & 1 and not h.vsstatus & MSTATUS_SDT:
        trap_to_vs(h, epc, cause, tval)
        return
    tinst = h.exc_tinst
    if tinst == 0 and TRANSFORMED_CAUSES >> cause & 1 and not h.board.plain_tinst:
        tinst = tinst_transformed(h, insn, tval)
    if delegated and h.v and h.hedeleg >> cause & 1:
        trap_to_m(h, epc, CAUSE_DOUBLE_TRAP, tval, cause, tinst, h.exc_gva)
    elif delegated:
        trap_to_hs(h, epc, cause, tval, h.exc_gpa, tinst, h.exc_gva)
    else:
        trap_to_m(h, epc, cause, tval, h.exc_gpa, tinst, h.exc_gva)


# ---- mtinst and htinst ("Transformed Instruction or Pseudoinstruction for mtinst or htinst"; checklist Q)

cdef u64 tinst_transformed(Hart *h, u32 insn, u64 tval) noexcept nogil:
    """The faulting instruction with its address operand replaced by the distance of tval from the original
    address; 0 where no transformation is defined. The x registers still are what the instruction found."""
    cdef u32 w = insn if insn & 3 == 3 else rvh_expand16(<u16>insn, ~<u64>0, ~<u64>0)
    cdef u32 funct3 = w >> 12 & 7
    cdef u32 opcode = w & 0x7F
    cdef u64 base = h.x[w >> 15 & 31]
    cdef u64 out
    if opcode == 0x03 or (opcode == 0x07 and 1 <= funct3 <= 4):  # loads; 0x07 with other funct3 is vector
        out = w & 0x7FFF
        base += <u64><i64>(<i32>w >> 20)
    elif opcode == 0x23 or (opcode == 0x27 and 1 <= funct3 <= 4):
        out = w & 0x01F0707F
        base += <u64><i64>((<i32>w >> 25) * 32 + <i32>(w >> 7 & 31))
    elif opcode == 0x2F or (opcode == 0x73 and funct3 == 4 and w >> 29 == 3):  # LR, SC, AMOs; HLV, HLVX, HSV
        out = w & <u32>0xFFF07FFF
    elif opcode == 0x0F and funct3 == 2:  # cache-block operations: no distance
        return w & <u32>0xFFF0707F
    else:
        return 0
    out |= (tval - base & 31) << 15
    return out if insn & 3 == 3 else out & ~<u64>2


# ---- trap return

cdef inline void landing_restore(Hart *h, u64 expected) noexcept nogil:
    """ELP after a return to the current mode, of which xPELP said `expected`."""
    h.elp = expected & h.lpe
    if unlikely(h.elp):
        h.stop = 1  # the run loop looks at what it lands on


cdef public int do_mret(Hart *h) noexcept nogil:
    """MRET (G1): the new pc is in h.pc."""
    cdef u32 reason = access_mret(h), priv, v
    cdef u64 s = h.mstatus, pelp
    if unlikely(reason):
        exc_deny(h, reason)
        return 0
    pelp = s >> 41 & 1
    priv = s >> 11 & 3
    v = s >> 39 & 1 if priv != 3 else 0
    s = (s & ~(MSTATUS_MIE | MSTATUS_MPP | MSTATUS_MPV | MSTATUS_MDT | MSTATUS_MPELP)) | \
        (s & MSTATUS_MPIE) >> 4 | MSTATUS_MPIE
    if priv != 3:
        s &= ~MSTATUS_MPRV
    if priv == 0 or v:
        s &= ~MSTATUS_SDT
    if priv == 0 and v:
        h.vsstatus &= ~MSTATUS_SDT
    if not h.ext & EXT_U:
        s |= MSTATUS_MPP
    h.mstatus = s
    if unlikely(h.tcontrol):
        h.tcontrol = TCONTROL_MPTE | TCONTROL_MTE if h.tcontrol & TCONTROL_MPTE else 0
    h.pc = h.mepc
    mode_set(h, priv, v)
    landing_restore(h, pelp)
    interrupt_check(h)
    return 1


cdef public int do_mnret(Hart *h) noexcept nogil:
    """MNRET: the new pc is in h.pc. MNPP and MNPV keep their values; MNPELP is used up, as MPELP is by MRET."""
    cdef u32 reason = access_mnret(h), priv, v
    cdef u64 pelp = h.mnstatus >> 9 & 1
    if unlikely(reason):
        exc_deny(h, reason)
        return 0
    priv = h.mnstatus >> 11 & 3
    v = h.mnstatus >> 7 & 1 if priv != 3 else 0
    h.mnstatus = (h.mnstatus & ~MNSTATUS_MNPELP) | MNSTATUS_NMIE
    if priv != 3:
        h.mstatus &= ~(MSTATUS_MPRV | MSTATUS_MDT)
    if priv == 0 or v:
        h.mstatus &= ~MSTATUS_SDT
    if priv == 0 and v:
        h.vsstatus &= ~MSTATUS_SDT
    h.pc = h.mnepc
    mode_set(h, priv, v)
    landing_restore(h, pelp)
    interrupt_check(h)
    return 1


cdef public int do_sret(Hart *h) noexcept nogil:
    """SRET (G2-G4): the new pc is in h.pc."""
    cdef u32 reason = access_sret(h), priv, v = h.v
    cdef u64 s, pelp
    if unlikely(reason):
        exc_deny(h, reason)
        return 0
    s = h.vsstatus if v else h.mstatus
    pelp = s >> 23 & 1
    priv = s >> 8 & 1
    s = (s & ~(MSTATUS_SIE | MSTATUS_SPP | MSTATUS_SDT | MSTATUS_SPELP)) | (s & MSTATUS_SPIE) >> 4 | MSTATUS_SPIE
    if v:
        h.vsstatus = s
        h.pc = h.vsepc
    else:
        v = h.hstatus >> 7 & 1
        h.mstatus = s
        h.hstatus &= ~HSTATUS_SPV
        h.pc = h.sepc
        if v and priv == 0:
            h.vsstatus &= ~MSTATUS_SDT
        if h.priv == 3:
            h.mstatus &= ~MSTATUS_MDT
    h.mstatus &= ~MSTATUS_MPRV
    mode_set(h, priv, v)
    landing_restore(h, pelp)
    interrupt_check(h)
    return 1
