# CLINT: machine software interrupts and the machine timer (RISC-V ACLINT specification; the SiFive layout that QEMU's
# virt machine has). mtimecmp itself is in the hart, next to the other comparators that interrupts.pxi looks at.
#
#     0x0000 + 4*hart   msip      bit 0 drives MSIP
#     0x4000 + 8*hart   mtimecmp
#     0xbff8            mtime

cdef u64 clint_read(void *dev, Hart *h, u64 off, u32 size) noexcept nogil:
    cdef Board *b = <Board *>dev
    cdef u64 value = 0, i
    if off < 0x4000:
        i = off >> 2
        if i < b.n_harts and size == 4:
            return (b.harts[i].lines >> 3) & 1
        return 0
    if off < 0xBFF8:
        i = (off - 0x4000) >> 3
        if i < b.n_harts:
            value = b.harts[i].mtimecmp
    elif off < 0xC000:
        value = mtime_now(h)
    return value >> (8 * (off & 7))


cdef void clint_write(void *dev, Hart *h, u64 off, u32 size, u64 value) noexcept nogil:
    cdef Board *b = <Board *>dev
    cdef u64 i
    if size < 4:
        return
    if off < 0x4000:
        i = off >> 2
        if i < b.n_harts and size == 4:
            lines_set(b.harts[i], 1 << 3, value & 1)
    elif off < 0xBFF8:
        i = (off - 0x4000) >> 3
        if i < b.n_harts:
            b.harts[i].mtimecmp = merge_half(b.harts[i].mtimecmp, off, size, value)
            timer_update(b.harts[i])
            kick(b.harts[i])
    elif off < 0xC000:
        mtime_set(h, merge_half(mtime_now(h), off, size, value))


cdef inline u64 merge_half(u64 old, u64 off, u32 size, u64 value) noexcept nogil:
    """A 64-bit register after a 4- or 8-byte write at `off`."""
    if size == 8:
        return value
    if off & 4:
        return (old & <u64>0xFFFFFFFFU) | (value << 32)
    return (old & ~<u64>0xFFFFFFFFU) | (value & <u64>0xFFFFFFFFU)
