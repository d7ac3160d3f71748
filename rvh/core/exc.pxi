# Recording an exception. Whoever finds one fills h.exc_*; trap_take() (trap.pxi) is the only consumer.

cdef public void exc_set(Hart *h, u64 cause, u64 tval, u64 gpa, u64 tinst, u32 gva) noexcept nogil:
    """Records an exception: its code, the value for tval, the guest physical address >> 2 for guest-page
    faults, the pseudoinstruction for tinst (0: the instruction may be transformed), and whether tval is a
    guest virtual address."""
    h.exc_cause, h.exc_tval, h.exc_gpa, h.exc_tinst = cause, tval, gpa, tinst
    h.exc_gva = <u8>gva
    h.exc_reason = 0


cdef public void exc_deny(Hart *h, u32 reason) noexcept nogil:
    """Records the illegal or virtual instruction that a row of isa.access.REASONS stands for. trap_take()
    supplies the instruction's bits as tval (checklist F7, H14)."""
    exc_set(h, reason_cause[reason], 0, 0, 0, 0)
    h.exc_reason = reason


cdef public void exc_illegal(Hart *h) noexcept nogil:
    """Records an illegal instruction: an encoding that stands for none."""
    exc_deny(h, REASON_ENCODING)
