# What rvh.machine sees of the core: the Core class. It checks no more than memory safety demands; the friendly checks are
# in machine.py.

class CoreError(Exception):
    """A call that the core cannot carry out."""


cdef class Core:
    """A board: harts, RAM and what is attached to it."""

    cdef Board *b
    cdef TraceBuffer trace
    cdef readonly object plic
    cdef readonly object uart
    cdef list devices
    cdef Py_ssize_t exports

    def __cinit__(self, u32 harts, u64 ram_size, ext, u64 misa, u64 ram_base=0x80000000, u32 geilen=0,
                  u64 slots_per_tick=100, u64 quantum=10000, bint host_clock=False, bint plain_tinst=False):
        cdef u32 i
        cdef u64 low = ext & 0xFFFFFFFFFFFFFFFF, high = ext >> 64
        if not 1 <= harts <= HARTS_MAX:
            raise ValueError(f"a machine has 1 to {HARTS_MAX} harts, not {harts}")
        if ram_size == 0 or ram_size & 0xFFF or ram_base & 0xFFF:
            raise ValueError("RAM must be whole pages")
        self.b = board_new(harts, ram_base, ram_size)
        self.b.slots_per_tick = slots_per_tick
        self.b.quantum = quantum if harts > 1 else 1000000
        self.b.host_clock = host_clock
        self.b.plain_tinst = plain_tinst
        if host_clock:
            self.b.time_offset = -host_ticks()
        self.devices = []
        for i in range(harts):
            self.b.harts[i].ext = <u128>high << 64 | low
            self.b.harts[i].misa = misa
            self.b.harts[i].geilen = geilen
        self.reset()

    def __dealloc__(self):
        if self.b != NULL:
            board_free(self.b)
            self.b = NULL

    def reset(self):
        """Every hart to its architectural reset state, time to 0; RAM and devices stay as they are."""
        cdef u32 i
        cdef Hart *h
        for i in range(self.b.n_harts):
            h = self.b.harts[i]
            hart_reset(h)
            h.budget = h.reserve = 0
            h.mtimecmp = <u64>-1
            tlb_flush_all(h)
        self.b.in_slice = self.b.current = self.b.round_ran = 0
        self.b.exit_request = self.b.poll_request = 0

    # ---- attaching

    def map_clint(self, u64 base):
        region_add(self.b, base, 0x10000, clint_read, clint_write, self.b, 4, 8)

    def map_plic(self, Plic plic not None, u64 base):
        cdef u32 i
        region_add(self.b, base, plic.size, plic_read, plic_write, &plic.c, plic.access_sizes[0], plic.access_sizes[1])
        for i in range(self.b.n_harts):
            plic.connect(i, self.b.harts[i])
        self.plic = plic
        self.devices.append(plic)

    def map_uart(self, Uart16550 uart not None, u64 base):
        region_add(self.b, base, uart.size, uart_read, uart_write, &uart.c, uart.access_sizes[0], uart.access_sizes[1])
        self.uart = uart
        self.devices.append(uart)

    def map_device(self, device, u64 base):
        """Attaches a device written in Python (rvh.devices.bus.Device)."""
        lo, hi = device.access_sizes
        region_add(self.b, base, device.size, python_read, python_write, <void *>device, lo, hi)
        self.devices.append(device)

    def set_entropy(self, poll):
        """`poll()` gives what a read of the seed CSR returns (Zkr)."""
        self.devices.append(poll)
        self.b.entropy = <void *>poll

    def watch_tohost(self, u64 pa):
        """Makes run() return for a poll after each store to the 8 bytes at pa."""
        if ram_at(self.b, pa, 8) == NULL:
            raise ValueError(f"tohost at {pa:#x} lies outside RAM")
        self.b.tohost = pa
        self.b.watch_page = (pa - self.b.ram_base) >> 12
        for i in range(self.b.n_harts):
            tlb_flush_all(self.b.harts[i])

    # ---- running

    def run(self, u64 limit, u64 jumps=<u64>-1):
        """Executes up to `limit` slots, all harts together; returns why it stopped (RUN_*). When
        every hart waits, time skips to the next timer, at most `jumps` times. Raises what a device in Python raised."""
        cdef int reason
        if self.exports:
            self.forget_code()
        with nogil:
            reason = board_run(self.b, limit, jumps)
        if self.trace is not None:
            self.trace.flush()
        if _device_errors:
            error = _device_errors.pop()
            _device_errors.clear()
            raise error
        return reason

    def step(self, u32 index):
        """Executes one instruction on one hart outside the round robin, or takes the interrupt or fetch fault that stands
        before it. Time advances by one slot; a hart that waits in WFI stays where it is unless something wakes it."""
        cdef Hart *h = self.hart(index)
        cdef Board *b = self.b
        cdef u32 current = b.current, host_fp = 0
        if self.exports:
            self.forget_code()
        if not b.in_slice or current != index:
            b.current = index
            b.in_slice = 1
            b.slice_start = hart_slots(h)
        timer_update(h)
        fp_enter(h, &host_fp)
        h.stop = 0
        if h.wfi and interrupt_wakes(h):
            h.wfi = 0
        if not h.wfi and not h.critical and not (interrupts_look(h) and interrupt_before(h)):
            slice_step(h, 1)
            b.total_slots += 1
        fp_leave(h, &host_fp)
        if self.trace is not None:
            self.trace.flush()
        if _device_errors:
            raise _device_errors.pop()

    def exit_request(self, u32 value=1):
        self.b.exit_request = value

    def request_poll(self):
        """Makes run() return to its caller soon."""
        self.b.poll_request = 1

    def set_alarm(self, mtime):
        """Makes run() return for a poll when mtime gets there; None: not. Waiting harts do not sleep past it."""
        self.b.alarm = <u64>-1 if mtime is None else min(mtime, 0xFFFFFFFFFFFFFFFE)

    def awake(self):
        """Whether some hart has something to do now."""
        return bool(board_awake(self.b))

    def critical(self):
        """The first hart in the critical-error state, None if there is none."""
        cdef u32 i
        for i in range(self.b.n_harts):
            if self.b.harts[i].critical:
                return i
        return None

    def deadline(self):
        """mtime of the earliest timer, None if none is set."""
        cdef u64 d = board_deadline(self.b)
        return None if d == <u64>-1 else d

    def forget_code(self):
        """Drops all decoded code: after a change of RAM through `ram`."""
        code_forget_all(self.b)

    @property
    def mtime(self):
        return mtime_now(self.b.harts[self.b.current])

    @property
    def total_slots(self):
        """Slots executed by all harts together since construction."""
        return self.b.total_slots

    @property
    def harts(self):
        return self.b.n_harts

    # ---- memory

    @property
    def ram_base(self):
        return self.b.ram_base

    @property
    def ram_size(self):
        return self.b.ram_size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        """The whole RAM, writable, without a copy."""
        self.exports += 1
        PyBuffer_FillInfo(buffer, self, self.b.ram, <Py_ssize_t>self.b.ram_size, 0, flags)

    def __releasebuffer__(self, Py_buffer *buffer):
        self.exports -= 1
        code_forget_all(self.b)

    def ram_view(self):
        """RAM as a memoryview for devices, whose stores are announced with touch_ram()."""
        return memoryview(RamView(self))

    def state_bytes(self):
        """The state of all harts and of time, as bytes: everything that layout.py calls arch or run, in the one form
        that does not tell where the run was paused."""
        parts = []
        cdef u32 i
        cdef Hart *h
        for i in range(self.b.n_harts):
            h = self.b.harts[i]
            counters_sync(h)
            h.slots_end = hart_slots(h)
            h.budget = h.reserve = 0
            h.x[SINK] = 0
            parts.append(hart_state(h))
        parts.append(board_state(self.b))
        return b"".join(parts)

    def read_ram(self, u64 pa, u64 n):
        cdef u8 *p = ram_at(self.b, pa, n)
        if p == NULL:
            return None
        return (<char *>p)[:n]

    def write_ram(self, u64 pa, const unsigned char[::1] data):
        """Returns False when [pa, pa+len) is not all RAM. Decoded code under it is dropped, reservations end."""
        cdef u64 n = data.shape[0]
        cdef u8 *p = ram_at(self.b, pa, n)
        if p == NULL:
            return False
        if n:
            memcpy(p, &data[0], n)
            self.ram_changed(pa, n)
        return True

    cdef ram_changed(self, u64 pa, u64 n):
        cdef u32 i
        for i in range(self.b.n_harts):
            self.b.harts[i].res_valid = 0
        code_written(self.b, pa, n)

    def touch_ram(self, u64 pa, u64 n):
        """Counts as a write to [pa, pa+n)."""
        if n and ram_at(self.b, pa, n) != NULL:
            self.ram_changed(pa, n)

    # ---- registers

    cdef Hart *hart(self, u32 index) except NULL:
        if index >= self.b.n_harts:
            raise IndexError(f"no hart {index}: there are {self.b.n_harts}")
        return self.b.harts[index]

    def get_x(self, u32 hart, u32 n):
        return self.hart(hart).x[n & 31] if n & 31 else 0

    def set_x(self, u32 hart, u32 n, u64 value):
        if n & 31:
            self.hart(hart).x[n & 31] = value

    def get_f(self, u32 hart, u32 n):
        return self.hart(hart).f[n & 31]

    def set_f(self, u32 hart, u32 n, u64 value):
        self.hart(hart).f[n & 31] = value

    def get_v(self, u32 hart, u32 n):
        """A vector register as bytes; empty without vectors."""
        cdef Hart *h = self.hart(hart)
        return (<char *>h.vreg + (n & 31) * h.vlenb)[:h.vlenb]

    def set_v(self, u32 hart, u32 n, const unsigned char[::1] data):
        """False if the length is not that of a register."""
        cdef Hart *h = self.hart(hart)
        if <u64>data.shape[0] != h.vlenb or h.vlenb == 0:
            return False
        memcpy(h.vreg + (n & 31) * h.vlenb, &data[0], h.vlenb)
        return True

    def get_pc(self, u32 hart):
        return self.hart(hart).pc

    def set_pc(self, u32 hart, u64 value):
        self.hart(hart).pc = value & ~<u64>1

    def get_mode(self, u32 hart):
        """(nominal privilege 0, 1 or 3; V)."""
        cdef Hart *h = self.hart(hart)
        return h.priv, h.v

    def set_mode(self, u32 hart, u32 priv, u32 v):
        cdef Hart *h = self.hart(hart)
        if priv not in (0, 1, 3) or v > 1 or (v and priv == 3):
            raise ValueError(f"no mode with privilege {priv} and V={v}")
        mode_set(h, priv, v)

    def get_wfi(self, u32 hart):
        return bool(self.hart(hart).wfi)

    def set_wfi(self, u32 hart, bint waiting):
        self.hart(hart).wfi = waiting

    def get_csr(self, u32 hart, u32 number):
        """Value as M-mode would read it, or None if there is no such CSR."""
        cdef u64 value = 0
        return value if csr_peek(self.hart(hart), number, &value) else None

    def set_csr(self, u32 hart, u32 number, u64 value):
        """False if there is no such CSR or it is read-only."""
        return bool(csr_poke(self.hart(hart), number, value))

    def exception(self, u32 hart):
        """What the last exception was recorded as: (cause, tval before it takes the instruction's bits, index into
        isa.access.REASONS or 0)."""
        cdef Hart *h = self.hart(hart)
        return h.exc_cause, h.exc_tval, h.exc_reason

    def walk(self, u32 hart, u32 mode, u64 va, u32 kind, bint hlvx=False):
        """How an access of `kind` (1 read, 2 write, 4 execute) to `va` would be translated now under the rules of a mode
        (0 M, 1 S or HS, 2 U, 3 VS, 4 VU), without making it: (steps, pa, fault). A step is (G-stage, VS-stage, level,
        address of the PTE in its own space, its physical address, PTE); `pa` is None with a fault, `fault` None or
        (cause, gpa >> 2, tinst). PMP on the final address is part of it; device or RAM is not."""
        cdef Hart *h = self.hart(hart)
        cdef AccessLog log
        cdef AccessLog *before = h.log
        cdef Access a
        cdef u64 walks = h.n_walks
        cdef u64 saved_cause = h.exc_cause, saved_tval = h.exc_tval, saved_gpa = h.exc_gpa, saved_tinst = h.exc_tinst
        cdef u8 saved_gva = h.exc_gva
        cdef u32 saved_reason = h.exc_reason, need = kind & 7, i
        cdef int done
        if mode > MODE_VU or kind not in (ACC_R, ACC_W, ACC_X):
            raise ValueError(f"no access of kind {kind} in mode {mode}")
        memset(&log, 0, sizeof(AccessLog))
        log.walks = log.probe = 1
        h.log = &log
        a.va, a.kind, a.mode, a.hlvx, a.shadow, a.block = va, kind, mode, hlvx, False, False
        if kind == ACC_X:
            done = translate(h, &a)
            if done == WALK_OK and (h.pmp_active or mode != MODE_M):
                if not pmp_perms(h, a.pa, 2, 3 if mode == MODE_M else mode & 1) & PMP_X:
                    done = fault_access(h, &a)
        else:
            done = access_begin(h, &a, 1, need | (PMP_X if hlvx else 0), HOW_HLVX if hlvx else HOW_PLAIN)
        fault = None if done == WALK_OK else (h.exc_cause, h.exc_gpa, h.exc_tinst)
        h.log = before
        h.n_walks = walks
        h.exc_cause, h.exc_tval, h.exc_gpa, h.exc_tinst = saved_cause, saved_tval, saved_gpa, saved_tinst
        h.exc_gva, h.exc_reason = saved_gva, saved_reason
        steps = [(bool(log.walk[i].guest), bool(log.walk[i].nested), log.walk[i].level, log.walk[i].slot, log.walk[i].pa,
                  log.walk[i].pte) for i in range(log.n_walk)]
        return steps, a.pa if done == WALK_OK else None, fault

    def set_lines(self, u32 hart, u64 bits, bint level):
        """Drives interrupt lines of a hart, in mip positions."""
        lines_set(self.hart(hart), bits, level)

    def set_rnmi(self, u32 hart, bint level, u64 cause):
        """Drives the RNMI line of a hart (Smrnmi); `cause` is what mncause says without its interrupt bit."""
        rnmi_set(self.hart(hart), RNMI_LEVEL, RNMI_LEVEL if level else 0, cause)

    def pulse_rnmi(self, u32 hart, u64 cause):
        """An RNMI that is pending until it is taken."""
        rnmi_set(self.hart(hart), 0, RNMI_PULSE, cause)

    def get_rnmi(self, u32 hart):
        """0: no RNMI is pending."""
        return self.hart(hart).rnmi

    def set_rnmi_vectors(self, u64 interrupt, exception):
        """Handler addresses; `exception` None: mtvec."""
        self.b.rnmi_vector = interrupt & ~<u64>1
        self.b.rnmi_exception_vector = <u64>-1 if exception is None else <u64>exception & ~<u64>1

    def stats(self, u32 hart):
        cdef Hart *h = self.hart(hart)
        return {
            "instructions": hart_retired(h),
            "slots": hart_slots(h),
            "traps": h.n_traps,
            "interrupts": h.n_interrupts,
            "tlb_fills": h.n_tlb_fills,
            "walks": h.n_walks,
        }

    def board_stats(self):
        return {
            "blocks": self.b.n_blocks,
            "invalidations": self.b.n_invalidations,
            "decoded_bytes": self.b.arena_used * sizeof(Op),
        }


cdef class RamView:
    """Exports RAM like Core itself, but for those who announce their stores: it does not cost the decoded code."""

    cdef Core core

    def __init__(self, Core core not None):
        self.core = core

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.core.b.ram, <Py_ssize_t>self.core.b.ram_size, 0, flags)
