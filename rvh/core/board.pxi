# The board: RAM, the address map, the harts; and devices written in Python, reached through the GIL.

cdef Board *board_new(u32 n_harts, u64 ram_base, u64 ram_size) except NULL:
    """A board with zeroed RAM. Memory comes from mmap, so what is not touched costs nothing. Raises MemoryError."""
    cdef Board *b = <Board *>host_map(sizeof(Board))
    cdef u32 i
    if b == NULL:
        raise MemoryError("no memory for the board")
    b.ram_base, b.ram_size = ram_base, ram_size
    b.ram = <u8 *>host_map(ram_size)
    b.code_mask = <u64 *>host_map((ram_size >> 12) * sizeof(u64))
    b.page_blocks = <Op **>host_map((ram_size >> 12) * sizeof(Op *))
    b.arena_size = ARENA_OPS
    b.arena = <Op *>host_map(b.arena_size * sizeof(Op))
    b.n_harts = n_harts
    b.watch_page = <u64>-1
    b.alarm = <u64>-1
    for i in range(n_harts):
        b.harts[i] = <Hart *>host_map(sizeof(Hart))
        if b.harts[i] != NULL:
            b.harts[i].board = b
            b.harts[i].hart_index = i
            b.harts[i].mhartid = i
    if b.ram == NULL or b.code_mask == NULL or b.page_blocks == NULL or b.arena == NULL or b.harts[n_harts - 1] == NULL:
        board_free(b)
        raise MemoryError(f"no memory for a machine with {ram_size >> 20} MiB of RAM")
    return b


cdef void board_free(Board *b) noexcept:
    cdef u32 i
    for i in range(b.n_harts):
        host_unmap(b.harts[i], sizeof(Hart))
    host_unmap(b.arena, b.arena_size * sizeof(Op))
    host_unmap(b.page_blocks, (b.ram_size >> 12) * sizeof(Op *))
    host_unmap(b.code_mask, (b.ram_size >> 12) * sizeof(u64))
    host_unmap(b.ram, b.ram_size)
    host_unmap(b, sizeof(Board))


cdef enum:
    GUARD = 1 << 16  # on both sides of each mapping: what strays out of it faults


cdef inline size_t whole_pages(size_t size) noexcept nogil:
    return (size + 0xFFF) & ~<size_t>0xFFF


cdef void *host_map(size_t size) noexcept nogil:
    """Zeroed memory, or NULL."""
    cdef size_t whole = whole_pages(size)
    cdef u8 *p = <u8 *>mmap(NULL, whole + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if <void *>p == MAP_FAILED:
        return NULL
    if mprotect(p + GUARD, whole, PROT_READ | PROT_WRITE):
        munmap(p, whole + 2 * GUARD)
        return NULL
    return p + GUARD


cdef void host_unmap(void *p, size_t size) noexcept nogil:
    if p != NULL:
        munmap(<u8 *>p - GUARD, whole_pages(size) + 2 * GUARD)


cdef int region_add(Board *b, u64 base, u64 size, ReadFn read, WriteFn write, void *dev, u32 lo, u32 hi) except -1:
    cdef Region *r
    cdef u32 i
    if b.n_regions == REGIONS_MAX:
        raise ValueError(f"the board has room for {REGIONS_MAX} devices")
    if base < b.ram_base + b.ram_size and b.ram_base < base + size:
        raise ValueError(f"a device at {base:#x} lies inside RAM")
    for i in range(b.n_regions):
        r = &b.regions[i]
        if base < r.base + r.size and r.base < base + size:
            raise ValueError(f"devices at {base:#x} and {r.base:#x} overlap")
    r = &b.regions[b.n_regions]
    r.base, r.size, r.read, r.write, r.dev, r.min_size, r.max_size = base, size, read, write, dev, lo, hi
    b.n_regions += 1
    return 0


# ---- devices in Python. An exception ends the run and is raised again from Core.run().

cdef bint fpu_to_python(Hart *h) noexcept nogil:
    """Before Python is called in the middle of an instruction: the guest's rounding mode must not reach its arithmetic.
    Returns what fpu_from_python() needs."""
    if h == NULL or not h.fp_live:
        return False
    fp_leave(h, &FP_DEFAULT)
    return True


cdef void fpu_from_python(Hart *h, bint live) noexcept nogil:
    cdef u32 host_fp = 0
    if live:
        fp_enter(h, &host_fp)


cdef u64 python_read(void *dev, Hart *h, u64 off, u32 size) noexcept nogil:
    cdef u64 value = 0
    cdef bint live = fpu_to_python(h)
    with gil:
        try:
            value = <u64>((<object>dev).read(off, size) & 0xFFFFFFFFFFFFFFFF)
        except BaseException as error:
            device_failed(h.board, error)
    fpu_from_python(h, live)
    return value


cdef void python_write(void *dev, Hart *h, u64 off, u32 size, u64 value) noexcept nogil:
    cdef bint live = fpu_to_python(h)
    with gil:
        try:
            (<object>dev).write(off, size, value)
        except BaseException as error:
            device_failed(h.board, error)
    fpu_from_python(h, live)


cdef public u64 csr_read_seed(Hart *h, u32 csr) noexcept nogil:
    """Polls the machine's entropy source; one that fails is DEAD."""
    cdef u64 value = <u64>3 << 30
    cdef bint live
    if h.board.entropy == NULL:
        return value
    live = fpu_to_python(h)
    with gil:
        try:
            value = <u64>(<object>h.board.entropy)()
        except BaseException as error:
            device_failed(h.board, error)
            h.stop = 1
    fpu_from_python(h, live)
    return value


cdef list _device_errors = []


cdef void device_failed(Board *b, error) noexcept:
    _device_errors.append(error)
    b.poll_request = 1
