# The 16550A UART ("ns16550a"), National PC16550D data sheet; registers one byte apart as on QEMU `virt`.
#
# Transmission takes no time: the holding register is empty again after every write. Reception takes none either: input
# is in the receiver FIFO when the driver looks, as far as it fits. What a driver throws away while it does not listen yet
# (receive interrupts off: it empties the FIFO, or reads LSR, RBR, IIR and MSR in a row to clear what is pending, as
# Linux does at start-up) goes back on the wire, so that input piped in before the guest is up is not lost.

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef enum:
    UART_SIZE = 0x100
    UART_FIFO = 16
    UART_ROOM = 32
    # offsets; 0 and 1 are the divisor latch while LCR.DLAB is set
    UART_DATA = 0
    UART_IER = 1
    UART_IIR_FCR = 2
    UART_LCR = 3
    UART_MCR = 4
    UART_LSR = 5
    UART_MSR = 6
    UART_SCR = 7
    IER_RDI = 1
    IER_THRI = 2
    IER_RLSI = 4
    IER_MSI = 8
    IIR_NONE = 1
    IIR_MSI = 0
    IIR_THRI = 2
    IIR_RDI = 4
    IIR_RLSI = 6
    IIR_TIMEOUT = 12
    IIR_FIFO_ON = 0xC0
    FCR_ENABLE = 1
    FCR_CLEAR_RX = 2
    FCR_CLEAR_TX = 4
    LCR_DLAB = 0x80
    MCR_LOOP = 0x10
    LSR_DR = 1
    LSR_OE = 2
    LSR_EMPTY = 0x60  # THRE and TEMT
    STEP_NONE = 0
    STEP_LSR = 1
    STEP_RBR = 2
    STEP_IIR = 3
    MSR_PRESENT = 0xB0  # DCD, DSR, CTS: a terminal is connected

cdef struct UartState:
    void *plic
    u32 source
    u8 ier, fcr, lcr, mcr, msr, scr, dll, dlm
    u8 overrun
    u8 thr_interrupt  # THR became empty and IIR has not reported it yet
    u8 step  # how much of a clearing sequence the last accesses were (STEP_*)
    u8 last_byte  # what RBR gave last
    u8 fifo[UART_FIFO]
    u32 fifo_head, fifo_len
    u8 *wire  # input that has not reached the FIFO: wire[head:tail]
    size_t wire_head, wire_tail, wire_size
    u8 *out  # output that Python has not fetched yet; grows, since the run loop returns to Python often
    size_t out_len, out_size


cdef u32 uart_depth(UartState *u) noexcept nogil:
    return UART_FIFO if u.fcr & FCR_ENABLE else 1


cdef void uart_push(UartState *u, u8 byte) noexcept nogil:
    if u.fifo_len >= uart_depth(u):
        u.overrun = 1
        return
    u.fifo[(u.fifo_head + u.fifo_len) % UART_FIFO] = byte
    u.fifo_len += 1


cdef void uart_arrive(UartState *u) noexcept nogil:
    """Moves input from the wire to the FIFO, as much as fits. In loopback the wire is not connected."""
    if u.mcr & MCR_LOOP:
        return
    while u.wire_head < u.wire_tail and u.fifo_len < uart_depth(u):
        uart_push(u, u.wire[u.wire_head])
        u.wire_head += 1


cdef void uart_unread(UartState *u, u8 byte) noexcept nogil:
    """Puts a byte back on the wire, to arrive first. `feed` keeps room before the head."""
    if u.wire_head:
        u.wire_head -= 1
        u.wire[u.wire_head] = byte


cdef void uart_clear_rx(UartState *u, bint keep) noexcept nogil:
    while keep and u.fifo_len and not u.mcr & MCR_LOOP:
        u.fifo_len -= 1
        uart_unread(u, u.fifo[(u.fifo_head + u.fifo_len) % UART_FIFO])
    u.fifo_len = 0


cdef u8 uart_iir(UartState *u) noexcept nogil:
    """The pending interrupt of the highest rank (data sheet, table IV)."""
    cdef u32 trigger
    if u.ier & IER_RLSI and u.overrun:
        return IIR_RLSI
    if u.ier & IER_RDI and u.fifo_len:
        trigger = 1
        if u.fcr & FCR_ENABLE and u.fcr >> 6:
            trigger = 4 * (u.fcr >> 6) if u.fcr >> 6 < 3 else 14
        return IIR_RDI if u.fifo_len >= trigger else IIR_TIMEOUT
    if u.ier & IER_THRI and u.thr_interrupt:
        return IIR_THRI
    if u.ier & IER_MSI and u.msr & 0x0F:
        return IIR_MSI
    return IIR_NONE


cdef void uart_update(UartState *u) noexcept nogil:
    if u.ier & IER_RDI:
        uart_arrive(u)
    if u.plic != NULL:
        plic_set(u.plic, u.source, uart_iir(u) != IIR_NONE)


cdef void uart_modem(UartState *u) noexcept nogil:
    """Recomputes the modem status lines and notes changes in the delta bits."""
    cdef u8 lines = MSR_PRESENT
    cdef u8 changed
    if u.mcr & MCR_LOOP:  # CTS from RTS, DSR from DTR, RI from OUT1, DCD from OUT2
        lines = (u.mcr & 2) << 3 | (u.mcr & 1) << 5 | (u.mcr & 4) << 4 | (u.mcr & 8) << 4
    changed = (u.msr ^ lines) >> 4
    if changed & 4 and lines & 0x40:  # RI counts when it ends, not when it begins
        changed &= ~4
    u.msr = lines | (u.msr & 0x0F) | changed


cdef void uart_transmit(UartState *u, u8 byte) noexcept nogil:
    if u.mcr & MCR_LOOP:
        uart_push(u, byte)
        return
    cdef u8 *grown
    if u.out_len == u.out_size:
        grown = <u8 *>realloc(u.out, 2 * u.out_size + 4096)
        if grown == NULL:
            return
        u.out = grown
        u.out_size = 2 * u.out_size + 4096
    u.out[u.out_len] = byte
    u.out_len += 1


cdef u64 uart_read(void *dev, Hart *h, u64 off, u32 size) noexcept nogil:
    cdef UartState *u = <UartState *>dev
    cdef u64 value = 0
    cdef u8 step = u.step
    u.step = STEP_NONE
    if off == UART_DATA:
        if u.lcr & LCR_DLAB:
            return u.dll
        if u.fifo_len:
            value = u.last_byte = u.fifo[u.fifo_head]
            u.fifo_head = (u.fifo_head + 1) % UART_FIFO
            u.fifo_len -= 1
            if step == STEP_LSR and not u.ier & IER_RDI and not u.mcr & MCR_LOOP:
                u.step = STEP_RBR
            uart_update(u)
        return value
    if off == UART_IER:
        return u.dlm if u.lcr & LCR_DLAB else u.ier
    if off == UART_IIR_FCR:
        value = uart_iir(u)
        if step == STEP_RBR:
            u.step = STEP_IIR
        if value == IIR_THRI:
            u.thr_interrupt = 0
            uart_update(u)
        return value | (IIR_FIFO_ON if u.fcr & FCR_ENABLE else 0)
    if off == UART_LCR:
        return u.lcr
    if off == UART_MCR:
        return u.mcr
    if off == UART_LSR:
        uart_arrive(u)
        u.step = STEP_LSR
        value = LSR_EMPTY | (LSR_DR if u.fifo_len else 0) | (LSR_OE if u.overrun else 0)
        if u.overrun:
            u.overrun = 0
            uart_update(u)
        return value
    if off == UART_MSR:
        value = u.msr
        if step == STEP_IIR:
            uart_clear_rx(u, True)
            uart_unread(u, u.last_byte)
        if u.msr & 0x0F:
            u.msr &= 0xF0
            uart_update(u)
        return value
    if off == UART_SCR:
        return u.scr
    return 0


cdef void uart_control_fifos(UartState *u, u8 value) noexcept nogil:
    if (u.fcr ^ value) & FCR_ENABLE:
        uart_clear_rx(u, True)
        u.thr_interrupt = 1
    elif value & FCR_CLEAR_RX:
        uart_clear_rx(u, not u.ier & IER_RDI)
    if value & FCR_CLEAR_TX:
        u.thr_interrupt = 1
    u.fcr = value & 0xC9 if value & FCR_ENABLE else 0


cdef void uart_write(void *dev, Hart *h, u64 off, u32 size, u64 value64) noexcept nogil:
    cdef UartState *u = <UartState *>dev
    cdef u8 value = value64 & 0xFF
    u.step = STEP_NONE
    if off == UART_DATA and u.lcr & LCR_DLAB:
        u.dll = value
    elif off == UART_IER and u.lcr & LCR_DLAB:
        u.dlm = value
    elif off == UART_DATA:
        uart_transmit(u, value)
        u.thr_interrupt = 1
    elif off == UART_IER:
        # Turning the interrupt on while THR is empty raises it: drivers start transmission this way.
        if value & ~u.ier & IER_THRI:
            u.thr_interrupt = 1
        u.ier = value & 0x0F
    elif off == UART_IIR_FCR:
        uart_control_fifos(u, value)
    elif off == UART_LCR:
        u.lcr = value
    elif off == UART_MCR:
        u.mcr = value & 0x1F
        uart_modem(u)
    elif off == UART_SCR:
        u.scr = value
    uart_update(u)


cdef class Uart16550:
    """The serial port. `output(data: bytes)` is called by `flush()` with what the guest has sent.

    The machine calls `flush()` whenever the run loop returns to Python; input from the host goes in through `feed()`.
    The C side uses `uart_read` and `uart_write` with a pointer to `c`.
    """

    cdef UartState c
    cdef readonly object name, size, access_sizes
    cdef public object output
    cdef object plic

    def __init__(self, Plic plic=None, u32 source=10, output=None):
        self.name, self.size, self.access_sizes = "uart", UART_SIZE, (1, 8)
        self.output = output
        self.plic = plic  # keeps the PLIC alive as long as the pointer below
        self.c.plic = NULL if plic is None else &plic.c
        self.c.source = source
        self.c.msr = MSR_PRESENT

    def __dealloc__(self):
        free(self.c.wire)
        free(self.c.out)

    def flush(self):
        """Passes on what the guest has sent so far. Raises whatever `output` raises."""
        if self.c.out_len:
            data = self.c.out[:self.c.out_len]
            self.c.out_len = 0
            if self.output is not None:
                self.output(data)

    def feed(self, data):
        """Input from the host: bytes that will arrive in this order."""
        cdef const unsigned char[:] view = data
        cdef size_t n = view.shape[0]
        cdef size_t kept = self.c.wire_tail - self.c.wire_head
        cdef u8 *grown
        if n == 0:
            return
        if self.c.wire_tail + n > self.c.wire_size:
            # Room before the head lets the FIFO's contents and the last byte go back.
            if kept and self.c.wire_head != UART_ROOM:
                grown = <u8 *>realloc(NULL, UART_ROOM + kept + n + 4096)
                if grown == NULL:
                    raise MemoryError
                memcpy(grown + UART_ROOM, self.c.wire + self.c.wire_head, kept)
                free(self.c.wire)
            else:
                grown = <u8 *>realloc(self.c.wire, UART_ROOM + kept + n + 4096)
                if grown == NULL:
                    raise MemoryError
            self.c.wire = grown
            self.c.wire_size = UART_ROOM + kept + n + 4096
            self.c.wire_head = UART_ROOM
            self.c.wire_tail = UART_ROOM + kept
        memcpy(self.c.wire + self.c.wire_tail, &view[0], n)
        self.c.wire_tail += n
        uart_update(&self.c)

    @property
    def input_waiting(self):
        """Bytes of input that the guest has not read."""
        return self.c.wire_tail - self.c.wire_head + self.c.fifo_len

    @property
    def listening(self):
        """Whether input would interrupt a hart."""
        return bool(self.c.ier & IER_RDI)

    def read(self, u64 offset, u32 size):
        """A load by a hart."""
        return uart_read(&self.c, NULL, offset, size)

    def write(self, u64 offset, u32 size, u64 value):
        """A store by a hart."""
        uart_write(&self.c, NULL, offset, size, value)

    def reset(self):
        """Registers as after power-on; input on the wire stays there."""
        self.c.ier = self.c.fcr = self.c.lcr = self.c.mcr = self.c.scr = self.c.dll = self.c.dlm = 0
        self.c.msr = MSR_PRESENT
        self.c.overrun = self.c.thr_interrupt = self.c.step = self.c.last_byte = 0
        self.c.fifo_head = self.c.fifo_len = 0
        uart_update(&self.c)

    def poll(self):
        """Input is fed from outside."""

    def close(self):
        """Holds nothing of the host."""

    def state(self):
        """Registers, FIFO and undelivered input. Output that was not passed on is no longer the machine's."""
        cdef u32 i
        c = &self.c
        return {
            "registers": [c.ier, c.fcr, c.lcr, c.mcr, c.msr, c.scr, c.dll, c.dlm],
            "flags": [c.overrun, c.thr_interrupt, c.step, c.last_byte],
            "fifo": bytes([c.fifo[(c.fifo_head + i) % UART_FIFO] for i in range(c.fifo_len)]),
            "wire": c.wire[c.wire_head:c.wire_tail] if c.wire_tail > c.wire_head else b"",
        }

    def restore(self, state):
        """Takes back `state()`; the interrupt line follows."""
        cdef u32 i
        c = &self.c
        c.ier, c.fcr, c.lcr, c.mcr, c.msr, c.scr, c.dll, c.dlm = state["registers"]
        c.overrun, c.thr_interrupt, c.step, c.last_byte = state["flags"]
        c.wire_head = c.wire_tail = c.wire_size = 0
        free(c.wire)
        c.wire = NULL
        c.fifo_head = 0
        c.fifo_len = min(len(state["fifo"]), UART_FIFO)
        for i in range(c.fifo_len):
            c.fifo[i] = state["fifo"][i]
        self.feed(state["wire"])
        uart_update(c)

    def dt_node(self, base, irq, ctx):
        """QEMU's binding; the first console of the machine."""
        from rvh.dtb import Node, reg64

        ctx.consoles.append(f"serial@{base:x}")
        return Node(
            f"serial@{base:x}",
            {
                "compatible": "ns16550a",
                "reg": reg64(base, UART_SIZE),
                "clock-frequency": 3686400,
                "interrupts": irq,
                "interrupt-parent": ctx.plic,
            },
        )
