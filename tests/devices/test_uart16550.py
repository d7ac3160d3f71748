"""The UART: registers, FIFOs, interrupts in their order, loopback, and input that is never lost."""

import pytest

from rvh._fast import Plic, Uart16550

RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7
DLAB = 0x80


class Port:
    def __init__(self):
        self.plic = Plic(1)
        self.plic.write(4 * 10, 4, 1)
        self.plic.write(0x2000, 4, 1 << 10)
        self.sent = bytearray()
        self.uart = Uart16550(self.plic, 10, self.sent.extend)

    def __getitem__(self, offset):
        return self.uart.read(offset, 1)

    def __setitem__(self, offset, value):
        self.uart.write(offset, 1, value)

    @property
    def irq(self):
        return bool(self.plic.state()["level"][0] >> 10 & 1)

    def output(self):
        self.uart.flush()
        return bytes(self.sent)


@pytest.fixture
def port():
    return Port()


def test_output_is_collected(port):
    for byte in b"hello":
        assert port[LSR] & 0x60 == 0x60
        port[THR] = byte
    assert port.sent == b""
    assert port.output() == b"hello"
    assert port.output() == b"hello"


def test_a_lot_of_output(port):
    for number in range(10000):
        port[THR] = number & 0xFF
    assert port.output() == bytes(number & 0xFF for number in range(10000))


def test_divisor_latch(port):
    port[LCR] = DLAB | 3
    port[DLL], port[DLM] = 0x12, 0x34
    assert (port[DLL], port[DLM]) == (0x12, 0x34)
    port[LCR] = 3
    assert (port[LCR], port[IER], port[RBR]) == (3, 0, 0)
    assert port.output() == b""


def test_scratch_and_wide_accesses(port):
    port[SCR] = 0xA5
    assert port[SCR] == 0xA5
    assert port.uart.read(LSR, 4) == 0x60
    port.uart.write(THR, 4, 0x11223344)
    assert port.output() == b"\x44"
    assert port.uart.read(8, 1) == 0


def poll(port):
    """What a polling driver gets: one byte or None."""
    return port[RBR] if port[LSR] & 1 else None


def test_polled_input(port):
    port.uart.feed(b"abc")
    got = bytearray()
    for _ in range(20):
        byte = poll(port)
        if byte is not None:
            got.append(byte)
    assert got == b"abc"
    assert port.uart.input_waiting == 0
    assert port[RBR] == 0


def test_interrupt_driven_input(port):
    port[FCR] = 1
    port[IER] = 1
    assert not port.irq
    port.uart.feed(b"x" * 40)
    assert port.irq
    got = 0
    while port[IIR] & 0xF in (4, 12):
        assert port[LSR] & 1
        port[RBR]
        got += 1
    assert got == 40 and not port.irq and port[IIR] & 1


@pytest.mark.parametrize("code, trigger", [(0, 1), (0x40, 4), (0x80, 8), (0xC0, 14)])
def test_trigger_level_or_timeout(port, code, trigger):
    port[FCR] = 1 | code
    port[IER] = 1
    for count in range(1, 17):
        port.uart.feed(b"x")
        assert port[IIR] == 0xC0 | (4 if count >= trigger else 12), count


def test_fifo_holds_16(port):
    port[FCR] = 1
    port[IER] = 1
    port.uart.feed(b"y" * 20)
    port[IER] = 0
    assert sum(1 for _ in range(16) if port[RBR] == ord("y")) == 16
    assert port[RBR] == 0 and port.uart.input_waiting == 4


def test_without_fifo_one_byte_at_a_time(port):
    port[IER] = 1
    port.uart.feed(b"ab")
    port[IER] = 0
    assert (port[IIR], port[RBR], port[RBR]) == (1, ord("a"), 0)
    assert port[LSR] & 1 and port[RBR] == ord("b")


def test_clearing_sequence_that_is_none(port):
    """Only LSR, RBR, IIR, MSR in a row and without receive interrupts gives the byte back."""
    port.uart.feed(b"abcd")
    for registers in ((LSR, RBR, IIR, LCR, MSR), (LSR, RBR, MSR), (LSR, IIR, RBR, IIR, MSR)):
        for register in registers:
            port[register]
    assert port.uart.input_waiting == 1
    port[IER] = 1
    for register in (LSR, RBR, IIR, MSR):
        port[register]
    assert port.uart.input_waiting == 0


def test_linux_start_up_loses_no_input(port):
    """8250_port.c's startup empties the FIFOs and reads every register before it turns interrupts on."""
    port.uart.feed(b"ls\n" + b"x" * 40)
    for byte in b"early console output":
        while not port[LSR] & 0x20:
            pass
        port[THR] = byte
    for value in (1, 7, 0):
        port[FCR] = value
    for _ in range(2):
        for register in (LSR, RBR, IIR, MSR):
            port[register]
    port[LSR]
    port[LCR] = 3
    port[MCR] = 8
    port[IER] = 2
    port[IIR]
    port[IER] = 0
    for register in (LSR, RBR, IIR, MSR):
        port[register]
    port[IER] = 5
    port[FCR] = 1
    port[FCR] = 0x81
    got = bytearray()
    while port[LSR] & 1:
        got.append(port[RBR])
    assert got == b"ls\n" + b"x" * 40


def test_clearing_the_fifo_discards_what_had_arrived(port):
    port[FCR] = 1
    port[IER] = 1
    port.uart.feed(b"a" * 20)
    port[FCR] = 3
    assert port.uart.input_waiting == 4
    port[IER] = 0
    port[FCR] = 3  # nobody listens: the rest stays on the wire
    assert port[RBR] == 0 and port.uart.input_waiting == 4


def test_thre_interrupt(port):
    port[IER] = 2
    assert port.irq and port[IIR] == 2
    assert not port.irq and port[IIR] == 1  # reading IIR took it back
    port[THR] = ord("a")
    assert port.irq and port[IIR] == 2
    port[IER] = 0
    assert not port.irq
    port[IER] = 2
    assert port.irq  # enabling it while THR is empty raises it
    port[IER] = 2
    assert port[IIR] == 2
    port[IER] = 2
    assert port[IIR] == 1  # it was enabled all along


def test_reading_iir_for_something_else_keeps_thre(port):
    port[IER] = 3
    port.uart.feed(b"a")
    assert port[IIR] == 4
    port[RBR]
    assert port[IIR] == 2


def test_interrupt_priorities(port):
    port[MCR] = 0x10  # loopback, everything low: the modem lines drop
    port[IER] = 0x0F
    port[THR] = 1
    port[THR] = 2  # no FIFO: overrun
    order = []
    for register in (LSR, RBR, None, MSR):
        order.append(port[IIR])
        if register is not None:
            port[register]
    assert order == [6, 4, 2, 0]
    assert port[IIR] == 1 and not port.irq


def test_overrun_is_reported_once(port):
    port[MCR] = 0x10
    port[THR] = 1
    port[THR] = 2
    assert port[LSR] == 0x63
    assert port[LSR] == 0x61
    assert port[RBR] == 1


def test_loopback(port):
    port[FCR] = 1
    port.uart.feed(b"wire")
    port[MCR] = 0x10
    for byte in b"looped":
        port[THR] = byte
    got = bytearray()
    while port[LSR] & 1:
        got.append(port[RBR])
    assert got == b"looped"
    assert port.output() == b""
    port[MCR] = 0
    assert poll(port) == ord("w")


def test_loopback_modem_lines(port):
    assert port[MSR] == 0xB0
    for mcr, lines in ((0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1F, 0xF0)):
        port[MCR] = mcr
        assert port[MSR] & 0xF0 == lines
    port[MCR] = 0x10
    assert port[MSR] & 0x0F == 0x0F
    assert port[MSR] & 0x0F == 0


def test_fcr_reads_back_in_iir(port):
    assert port[IIR] == 1
    port[FCR] = 1
    assert port[IIR] == 0xC1
    port[FCR] = 0
    assert port[IIR] == 1


def test_an_output_that_fails_is_heard_of(port):
    def fails(_):
        raise BrokenPipeError

    port.uart.output = fails
    port[THR] = 1
    with pytest.raises(BrokenPipeError):
        port.uart.flush()
    port.uart.flush()


def test_feeding_in_many_pieces(port):
    data = bytes(number % 255 for number in range(20000))
    port[FCR] = 1
    port[IER] = 1
    got = bytearray()
    for start in range(0, len(data), 37):
        port.uart.feed(data[start : start + 37])
        for _ in range(30):
            if port[LSR] & 1:
                got.append(port[RBR])
    while port[LSR] & 1:
        got.append(port[RBR])
    assert got == data


def test_turning_the_fifo_on_keeps_input(port):
    port[IER] = 1
    port.uart.feed(b"abc")
    port[FCR] = 1
    assert bytes(port[RBR] for _ in range(3)) == b"abc"


def test_state_round_trip(port):
    port[FCR] = 0x41
    port[IER] = 3
    port.uart.feed(b"z" * 30)
    port[SCR] = 9
    other = Port()
    other.uart.restore(port.uart.state())
    assert other.uart.state() == port.uart.state()
    assert other.irq == port.irq is True
    assert other.uart.input_waiting == 30


def test_listening(port):
    assert not port.uart.listening
    port[IER] = 1
    assert port.uart.listening


def test_reset(port):
    port[FCR], port[IER], port[LCR], port[MCR] = 1, 3, 0x83, 0x1F
    assert port.irq
    port.uart.reset()
    assert not port.irq
    assert [port[register] for register in (IER, IIR, LCR, MCR, LSR, MSR)] == [0, 1, 0, 0, 0x60, 0xB0]
