"""The machine: harts, RAM and devices put together, and the Python face of the core.

Physical address map (QEMU's `virt`)::

    0x0010_0000  test finisher        0x0010_1000  real-time clock
    0x0200_0000  CLINT                0x0c00_0000  PLIC (95 sources)
    0x1000_0000  UART 16550, irq 10   0x1000_1000  virtio-mmio, 8 slots of 4 KiB, irq 1 to 8
    0x8000_0000  RAM

>>> from rvh import Machine
>>> m = Machine(isa="rv64gch")
>>> m.load("prog.elf")
>>> stop = m.run(max_insns=1_000_000)
>>> hex(m.harts[0].x["a0"]), stop.kind
"""

from __future__ import annotations

import hashlib
import operator
import select
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import _fast, dtb, elf, platform_dt
from .devices.bus import BusError
from .devices.clint import Clint
from .devices.entropy import EntropySource
from .devices.finisher import TestFinisher
from .devices.htif import Htif
from .devices.rtc import GoldfishRtc
from .devices.virtio.mmio import VirtioDevice, VirtioMmio
from .errors import UsageError
from .isa import csrs, extensions
from .platform_dt import Cpu

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Hart", "Machine", "Stop"]

RAM_BASE = 0x8000_0000
FINISHER, RTC, CLINT, PLIC, UART, VIRTIO = (
    0x10_0000,
    0x10_1000,
    0x200_0000,
    0xC00_0000,
    0x1000_0000,
    0x1000_1000,
)
VIRTIO_SLOTS, VIRTIO_STRIDE, UART_IRQ, RTC_IRQ = 8, 0x1000, 10, 11
TIMEBASE_HZ = 10_000_000
DEFAULT_ISA = "default"
RAM_MAX = 1 << 40
#: Where RNMIs go unless told otherwise: behind what a program begins with.
RNMI_VECTOR = RAM_BASE + 0x100
#: Longest wait for the host without a look at anything else, in seconds.
HOST_WAIT = 0.5

X_NAMES = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split()
F_NAMES = (
    "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 "
    "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split()
)
_X_INDEX = {name: i for i, name in enumerate(X_NAMES)} | {f"x{i}": i for i in range(32)} | {"fp": 8}
_F_INDEX = {name: i for i, name in enumerate(F_NAMES)} | {f"f{i}": i for i in range(32)}
_MODES = {"M": (3, 0), "S": (1, 0), "HS": (1, 0), "U": (0, 0), "VS": (1, 1), "VU": (0, 1)}
_MODE_NAMES = {(3, 0): "M", (1, 0): "HS", (0, 0): "U", (1, 1): "VS", (0, 1): "VU"}

_RUN_LIMIT, _RUN_EXIT, _RUN_POLL, _RUN_IDLE = range(4)


@dataclass(frozen=True)
class Stop:
    """Why a run ended.

    ``kind``: "pass" and "fail" (the guest powered off; ``code`` is its exit code), "reset" (it asked for a reset),
    "critical" (a hart, number ``code``, has taken one trap too many in M-mode: critical-error state of Smdbltrp),
    "limit" (``max_insns``), "timeout", "idle" (every hart waits and no timer or input can wake one), "until" (the
    condition held).
    """

    kind: str
    code: int = 0


class _Registers(MutableMapping[str | int, int]):
    """Registers by name or number; values are unsigned 64-bit."""

    def __init__(self, names: dict[str, int], get: Callable[[int], int], put: Callable[[int, int], None], kind: str):
        self._names, self._get, self._put, self._kind = names, get, put, kind

    def _index(self, key: str | int) -> int:
        index = key if isinstance(key, int) else self._names.get(key, -1)
        if not 0 <= index < 32:
            raise KeyError(f"no {self._kind} register {key!r}")
        return index

    def __getitem__(self, key: str | int) -> int:
        return self._get(self._index(key))

    def __setitem__(self, key: str | int, value: int) -> None:
        self._put(self._index(key), value & (1 << 64) - 1)

    def __delitem__(self, key: str | int) -> None:
        raise TypeError("registers cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return (name for name, i in list(self._names.items())[:32])

    def __len__(self) -> int:
        return 32


class _Csrs:
    """CSRs by name or number, as M-mode sees them between two instructions (no traps, no side effects of gates)."""

    def __init__(self, core: _fast.Core, hart: int):
        self._core, self._hart = core, hart

    def _number(self, key: str | int) -> int:
        if isinstance(key, int):
            return key
        if key not in csrs.BY_NAME:
            raise KeyError(f"no CSR {key!r}")
        return csrs.BY_NAME[key].number

    def __getitem__(self, key: str | int) -> int:
        value = self._core.get_csr(self._hart, self._number(key))
        if value is None:
            raise KeyError(f"this hart has no CSR {key!r}")
        return value

    def __setitem__(self, key: str | int, value: int) -> None:
        if not self._core.set_csr(self._hart, self._number(key), value & (1 << 64) - 1):
            raise KeyError(f"this hart has no writable CSR {key!r}")

    def __contains__(self, key: str | int) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True


class _VectorRegisters:
    """Vector registers by number, as VLEN / 8 bytes each; with the elements of a group ``v.elements(8, 32, 6)``."""

    def __init__(self, core: _fast.Core, hart: int):
        self._core, self._hart = core, hart

    def __getitem__(self, n: int) -> bytes:
        return self._core.get_v(self._hart, n)

    def __setitem__(self, n: int, data: bytes) -> None:
        """Raises ValueError unless there are vectors, and the length is that of a register."""
        if not self._core.set_v(self._hart, n, data):
            raise ValueError(f"v{n} does not take {len(data)} bytes")

    def elements(self, n: int, sew: int, count: int) -> list[int]:
        """The first elements of ``sew`` bits of the group that begins with register n, unsigned."""
        data, size = b"".join(self[i] for i in range(n, 32)), sew // 8
        return [int.from_bytes(data[i * size : (i + 1) * size], "little") for i in range(count)]

    def put(self, n: int, sew: int, values: Sequence[int]) -> None:
        """Writes the first elements of such a group; values are taken modulo 2**sew."""
        data = b"".join((value & (1 << sew) - 1).to_bytes(sew // 8, "little") for value in values)
        size = len(self[n])
        for at in range(0, len(data), size):
            part = data[at : at + size]
            self[n + at // size] = part + self[n + at // size][len(part) :]


class Hart:
    """One hart: ``pc``, ``x``, ``f``, ``v``, ``csr``, ``mode``. ``x["a0"]``, ``x[10]``, ``csr["vsatp"]``."""

    def __init__(self, core: _fast.Core, index: int):
        self._core, self.index = core, index
        self.x = _Registers(_X_INDEX, lambda n: core.get_x(index, n), lambda n, v: core.set_x(index, n, v), "integer")
        self.f = _Registers(_F_INDEX, lambda n: core.get_f(index, n), lambda n, v: core.set_f(index, n, v), "FP")
        self.v = _VectorRegisters(core, index)
        self.csr = _Csrs(core, index)

    @property
    def pc(self) -> int:
        """Virtual address of the next instruction."""
        return self._core.get_pc(self.index)

    @pc.setter
    def pc(self, value: int) -> None:
        self._core.set_pc(self.index, value)

    @property
    def mode(self) -> str:
        """ "M", "HS" (also plain S), "U", "VS" or "VU"."""
        return _MODE_NAMES[self._core.get_mode(self.index)]

    @mode.setter
    def mode(self, name: str) -> None:
        if name not in _MODES:
            raise ValueError(f"no mode {name!r}: one of {', '.join(_MODES)}")
        self._core.set_mode(self.index, *_MODES[name])

    @property
    def waiting(self) -> bool:
        """Whether the hart waits in WFI."""
        return self._core.get_wfi(self.index)

    @property
    def stats(self) -> dict[str, int]:
        """Counts since construction: instructions (retired), slots, traps, interrupts, tlb_fills, walks."""
        return self._core.stats(self.index)

    def set_rnmi(self, level: bool = True, cause: int = 0) -> None:
        """Drives the line of resumable non-maskable interrupts (Smrnmi), which stays as it is driven: the handler makes
        its source let go, as with any level. ``cause`` is what mncause then holds beside its interrupt bit. Raises
        UsageError where there is no such line."""
        self._check_rnmi(cause)
        self._core.set_rnmi(self.index, level, cause)

    def pulse_rnmi(self, cause: int = 0) -> None:
        """Raises one RNMI, which is pending until the hart takes it. Raises UsageError as `set_rnmi` does."""
        self._check_rnmi(cause)
        self._core.pulse_rnmi(self.index, cause)

    @property
    def rnmi_pending(self) -> bool:
        """Whether an RNMI waits to be taken."""
        return self._core.get_rnmi(self.index) != 0

    def _check_rnmi(self, cause: int) -> None:
        if self._core.get_csr(self.index, csrs.BY_NAME["mnstatus"].number) is None:
            raise UsageError("this hart has no RNMIs: Smrnmi is not in its ISA")
        if not 0 <= cause < 1 << 63:
            raise UsageError(f"an RNMI cause has 63 bits: {cause:#x}")

    def rnmi_line(self, cause: int = 0) -> Callable[[bool], None]:
        """The line as devices drive theirs: ``device.irq = hart.rnmi_line()``."""
        return lambda level: self.set_rnmi(level, cause)

    def step(self, n: int = 1) -> None:
        """Executes n instructions on this hart alone; one that traps counts as one."""
        for _ in range(n):
            self._core.step(self.index)

    def __repr__(self) -> str:
        return f"<hart {self.index} {self.mode} pc={self.pc:#x}{' waiting' if self.waiting else ''}>"


class _Memory:
    """RAM by physical address, for devices and users. Raises BusError outside RAM."""

    def __init__(self, core: _fast.Core):
        self._core = core
        self._whole: memoryview | None = None

    def read(self, pa: int, n: int, /) -> bytes:
        """A copy of n bytes."""
        data = self._core.read_ram(pa, n) if 0 <= pa < 1 << 64 and 0 <= n < 1 << 64 else None
        if data is None:
            raise BusError(f"{n} bytes at {pa:#x} are not in RAM")
        return data

    def write(self, pa: int, data: bytes | bytearray | memoryview, /) -> None:
        """Stores bytes; decoded code and reservations there end."""
        if not 0 <= pa < 1 << 64 or not self._core.write_ram(pa, data):
            raise BusError(f"{len(data)} bytes at {pa:#x} are not in RAM")

    def view(self, pa: int, n: int, /, writable: bool = False) -> memoryview:
        """The bytes themselves. A writable view counts as a write to all of it, at this moment."""
        core = self._core
        offset = pa - core.ram_base
        if offset < 0 or n < 0 or offset + n > core.ram_size:
            raise BusError(f"{n} bytes at {pa:#x} are not in RAM")
        if writable:
            core.touch_ram(pa, n)
        view = core.ram_view()[offset : offset + n]
        return view if writable else view.toreadonly()


def _check_handler(address: int) -> None:
    if not 0 <= address < 1 << 64 or address & 3:
        raise UsageError(f"{address:#x} is no address of an RNMI handler: a multiple of 4 is needed")


class Machine:
    """A RISC-V machine like QEMU's `virt`.

    ``harts`` 1 to 64; ``ram`` bytes, whole pages; ``isa`` as `rvh.isa.extensions.parse` takes it; ``clock`` "instret"
    (time follows instructions: runs repeat exactly) or "host"; ``virtio`` back ends for the eight slots, first slot
    first; ``console`` is called with what the UART sends; ``insns_per_tick`` instructions make one tick of the 10 MHz
    timebase. ``transformed=False`` leaves mtinst and htinst 0 where the manual allows either that or the transformed
    instruction ("Transformed Instruction or Pseudoinstruction for mtinst or htinst"). ``quantum`` is how many
    instructions a hart executes before the next one has its turn. ``entropy`` is what the seed CSR polls (Zkr).
    ``rnmi_vector`` is where RNMIs go, ``rnmi_exception_vector`` where exceptions in M-mode go while mnstatus.NMIE
    is 0; None: as mtvec says ("RNMI Handler Addresses").
    Raises UsageError for values out of range and IsaError for an ISA string that is not understood.
    """

    def __init__(
        self,
        harts: int = 1,
        ram: int = 256 << 20,
        isa: str = DEFAULT_ISA,
        clock: str = "instret",
        virtio: Sequence[VirtioDevice | None] = (),
        console: Callable[[bytes], object] | None = None,
        geilen: int = 0,
        insns_per_tick: int = 100,
        rtc_epoch_ns: int | None = None,
        transformed: bool = True,
        quantum: int = 10_000,
        entropy: EntropySource | None = None,
        rnmi_vector: int = RNMI_VECTOR,
        rnmi_exception_vector: int | None = None,
    ):
        if not 1 <= harts <= 64:
            raise UsageError(f"a machine has 1 to 64 harts, not {harts}")
        if ram <= 0 or ram % 4096 or ram > RAM_MAX:
            raise UsageError(f"RAM of {ram} bytes: whole pages of 4096 bytes are needed, at most 1 TiB")
        if clock not in ("instret", "host"):
            raise UsageError(f"no clock {clock!r}: instret or host")
        if not 0 <= geilen <= 63:
            raise UsageError(f"GEILEN is 0 to 63, not {geilen}")
        if console is not None and not callable(console):
            raise TypeError(f"console is called with bytes; {console!r} cannot be")
        if not 1 <= quantum <= 1 << 32:
            raise UsageError(f"a quantum is 1 to 2^32 instructions, not {quantum}")
        if len(virtio) > VIRTIO_SLOTS:
            raise UsageError(f"{len(virtio)} virtio devices: the machine has {VIRTIO_SLOTS} slots")
        for vector in (rnmi_vector, rnmi_exception_vector or 0):
            _check_handler(vector)
        self.extensions = extensions.parse(isa)
        self.clock = clock
        self.rnmi_vectors = (rnmi_vector, rnmi_exception_vector)
        self.entropy = EntropySource() if entropy is None else entropy
        try:
            self._core = _fast.Core(
                harts,
                ram,
                extensions.to_bits(self.extensions),
                extensions.misa(self.extensions),
                RAM_BASE,
                geilen,
                slots_per_tick=insns_per_tick,
                host_clock=clock == "host",
                quantum=quantum,
                plain_tinst=not transformed,
            )
        except MemoryError as error:
            raise UsageError(str(error)) from None
        self.harts = [Hart(self._core, i) for i in range(harts)]
        self.memory = _Memory(self._core)
        self.console = console
        self.symbols: dict[str, int] = {}
        self.htif: Htif | None = None
        self._stop: Stop | None = None
        self._console_input = bytearray()
        self.host_seconds = 0.0
        self._attach(virtio, rtc_epoch_ns)

    def _attach(self, virtio: Sequence[VirtioDevice | None], rtc_epoch_ns: int | None) -> None:
        core = self._core
        self.plic = _fast.Plic(len(self.harts))
        self.uart = _fast.Uart16550(self.plic, UART_IRQ, self._console_output)
        core.set_entropy(self.entropy.poll)
        core.set_rnmi_vectors(*self.rnmi_vectors)
        self.rtc = GoldfishRtc() if rtc_epoch_ns is None else GoldfishRtc(rtc_epoch_ns)
        self.virtio = [VirtioMmio(virtio[i] if i < len(virtio) else None) for i in range(VIRTIO_SLOTS)]
        finisher = TestFinisher()
        core.map_clint(CLINT)
        core.map_plic(self.plic, PLIC)
        core.map_uart(self.uart, UART)
        python = [(finisher, FINISHER, 0), (self.rtc, RTC, RTC_IRQ)]
        python += [(slot, VIRTIO + i * VIRTIO_STRIDE, 1 + i) for i, slot in enumerate(self.virtio)]
        for device, base, irq in python:
            device.memory = self.memory
            device.machine_exit = self._machine_exit
            device.clock = self._clock_ns
            device.event_changed = self._core.request_poll
            if irq:
                device.irq = self.plic.irq(irq)
            core.map_device(device, base)
        #: (device, base address, PLIC source or 0) of everything on the bus.
        self.devices: list[tuple[Any, int, int]] = [
            (Clint(), CLINT, 0),
            (self.plic, PLIC, 0),
            (self.uart, UART, UART_IRQ),
            *python,
        ]

    def set_rnmi_vector(self, address: int) -> None:
        """Moves the handler of RNMIs, `rnmi_vector`. Raises UsageError."""
        _check_handler(address)
        self.rnmi_vectors = (address, self.rnmi_vectors[1])
        self._core.set_rnmi_vectors(*self.rnmi_vectors)

    # ---- what devices need

    def _console_output(self, data: bytes) -> None:
        if self.console is not None:
            self.console(data)

    def _machine_exit(self, kind: str, code: int) -> None:
        self._stop = Stop(kind, code)
        self._core.exit_request()

    def _clock_ns(self) -> int:
        return self._core.mtime * (1_000_000_000 // TIMEBASE_HZ)

    # ---- loading

    @property
    def ram(self) -> np.ndarray:
        """RAM as a numpy array of bytes, without a copy; index 0 is physical address 0x80000000. Decoded instructions
        are dropped at the next run, so code may be written through it."""
        import numpy as np  # here, because rvh-run starts faster without it

        return np.frombuffer(memoryview(self._core), dtype=np.uint8)

    def load(self, path: str | PathLike[str]) -> elf.Program:
        """Loads an ELF, a Linux Image or a raw binary as all harts' first program, in M-mode, with a0 = hart number and
        a1 = 0. Sets up HTIF if the program has `tohost`. Raises InputError."""
        program = elf.load(path, RAM_BASE, self._core.ram_size)
        for segment in program.segments:
            self.store(segment.address, segment.data, segment.mem_size)
        self.start(program.entry)
        self.attach_program(program)
        return program

    def store(self, address: int, data: bytes, size: int | None = None) -> None:
        """Writes bytes to RAM, followed by zeros up to `size`. Raises BusError."""
        self.memory.write(address, data)
        rest = (size or 0) - len(data)
        for at in range(address + len(data), address + len(data) + max(rest, 0), 1 << 20):
            self.memory.write(at, bytes(min(1 << 20, address + len(data) + rest - at)))

    def start(self, entry: int, a1: int = 0, a2: int = 0) -> None:
        """Points every hart at `entry` with the standard boot registers."""
        for hart in self.harts:
            hart.pc = entry
            hart.x["a0"], hart.x["a1"], hart.x["a2"] = hart.index, a1, a2

    def attach_program(self, program: elf.Program) -> None:
        """Takes a loaded program's symbols; watches its `tohost`, if it has one."""
        self.symbols.update(program.symbols)
        tohost = program.symbols.get("tohost")
        if tohost is not None and self.htif is None:
            self._core.watch_tohost(tohost)
            self.htif = Htif(
                self.memory,
                tohost,
                program.symbols.get("fromhost"),
                lambda code: self._machine_exit("fail" if code else "pass", code),
                self._console_output,
                lambda: self._console_input.pop(0) if self._console_input else None,
            )

    def device_tree(self) -> dtb.Node:
        """The machine's device tree, without /chosen."""
        modes = [name for name in ("Sv57", "Sv48", "Sv39") if name in self.extensions]
        cpu = Cpu(
            extensions.isa_string(self.extensions),
            extensions.isa_list(self.extensions),
            f"riscv,{modes[0].lower()}" if modes else None,
        )
        return platform_dt.build(self.devices, cpu, len(self.harts), RAM_BASE, self._core.ram_size)

    # ---- running

    def console_feed(self, data: bytes) -> None:
        """Types into the console: to the UART and, where a program uses HTIF, to that."""
        self.uart.feed(data)
        if self.htif is not None:
            self._console_input += data

    def poll(self) -> None:
        """What has to be done between stretches of execution: HTIF, device input, console output."""
        if self.htif is not None:
            self.htif.poll()
        for slot in self.virtio:
            slot.poll()
        self.rtc.poll()
        event = self.rtc.next_event()
        self._core.set_alarm(None if event is None else -(-event // (1_000_000_000 // TIMEBASE_HZ)))
        self.uart.flush()

    def run(
        self,
        max_insns: int | None = None,
        timeout: float | None = None,
        until: Callable[[Machine], bool] | None = None,
        idle: Callable[[float | None], bool] | None = None,
    ) -> Stop:
        """Runs until the guest powers off or a limit is reached.

        ``max_insns`` counts instructions of all harts together, one that traps as one; ``timeout`` is host seconds;
        ``until`` is asked a few hundred times a second; ``idle(seconds)`` is called when every hart waits: it may wait
        for host input, at most that long (None: no timer is set), and returns whether input came or can still come.
        Without ``idle`` time skips to the next timer at once, unless a network card leads out of the machine: then it
        passes as the host's does, until a frame comes. Raises `UsageError` for a negative limit, what a device raised,
        and KeyboardInterrupt.
        """
        self._stop = None
        core = self._core
        if max_insns is not None:
            max_insns = min(operator.index(max_insns), 1 << 62)
            if max_insns < 0:
                raise UsageError(f"{max_insns} instructions cannot be run")
        if timeout is not None and not timeout >= 0:
            raise UsageError(f"a timeout of {timeout} seconds")
        started = time.perf_counter()
        deadline = None if timeout is None else started + timeout
        end = None if max_insns is None else core.total_slots + max_insns
        always = (1 << 64) - 1
        chosen, idle = idle, idle or self._idle_outside()
        jumps = always if idle is None else 0
        try:
            while True:
                left = (1 << 62) if end is None else end - core.total_slots
                reason = core.run(left, jumps)
                jumps = always if idle is None else 0
                self.poll()
                if chosen is None and idle is None:  # a card's driver may have come up
                    idle = self._idle_outside()
                if self._stop is not None:
                    core.exit_request(0)
                    return self._stop
                if reason == _RUN_EXIT and (hart := core.critical()) is not None:
                    return Stop("critical", hart)
                if end is not None and core.total_slots >= end:
                    return Stop("limit")
                if deadline is not None and time.perf_counter() >= deadline:
                    return Stop("timeout")
                if until is not None and until(self):
                    return Stop("until")
                if reason == _RUN_IDLE:
                    timer = core.deadline()
                    wait = None if timer is None else max(0.0, (timer - core.mtime) / TIMEBASE_HZ)
                    if deadline is not None:
                        left_s = max(0.0, deadline - time.perf_counter())
                        wait = left_s if wait is None else min(wait, left_s)
                    if idle is not None:
                        more = idle(wait)
                        jumps = 0 if self._awake() else 1
                    elif timer is not None:
                        time.sleep(min(wait or 0.0, 0.05))
                        continue
                    else:
                        more = False
                    if timer is None and not more and not self._awake():
                        return Stop("idle")
        finally:
            self.uart.flush()
            self.host_seconds += time.perf_counter() - started

    @property
    def outside(self) -> bool:
        """Whether the host can wake the guest: a network card leads out of the machine and has a driver."""
        return any(slot.backend is not None and slot.backend.outside for slot in self.virtio)

    def _idle_outside(self) -> Callable[[float | None], bool] | None:
        if not self.outside:
            return None
        return lambda seconds: self.wait_for_host(seconds) or self.outside

    def wait_for_host(self, seconds: float | None, also: Sequence[int] = ()) -> bool:
        """For `idle`: waits until a frame from outside wakes a hart, or a descriptor in ``also`` becomes readable.

        Returns whether one of these came to pass within ``seconds``. None means half a second: where no timer is set
        the caller looks at its other limits in between.
        """
        end = time.perf_counter() + (HOST_WAIT if seconds is None else seconds)
        while True:
            backends = [slot.backend for slot in self.virtio if slot.backend is not None]
            waits = [backend.waits_for() for backend in backends]
            readable = [fd for reads, _ in waits for fd in reads]
            writable = [fd for _, writes in waits for fd in writes]
            left = min(max(end - time.perf_counter(), 0.0), HOST_WAIT)
            came, _, _ = select.select([*readable, *also], writable, [], left)
            self.poll()
            if self._stop is not None or self._awake() or any(fd in came for fd in also):
                return True
            if time.perf_counter() >= end:
                return False

    def trace(self, n: int) -> np.ndarray:
        """Runs at most n instructions and returns a record of each, as an array of `rvh.trace.DTYPE`."""
        from .trace import record

        return record(self, n)

    def _awake(self) -> bool:
        return self._core.awake()

    @property
    def instructions(self) -> int:
        """Instructions retired by all harts."""
        return sum(hart.stats["instructions"] for hart in self.harts)

    def digest(self) -> str:
        """SHA-256 over the whole state: harts, RAM, devices, time. Two runs of one machine with the host's clock left
        out give the same after the same number of instructions; event counters that count translations may differ by
        where the runs were paused."""
        h = hashlib.sha256(self._core.state_bytes())
        h.update(self.memory.view(RAM_BASE, self._core.ram_size))
        stateful: list[Any] = [self.plic, self.uart, self.rtc, self.entropy, *self.virtio]
        for device in stateful:
            h.update(repr(device.state()).encode())
        return h.hexdigest()

    def close(self) -> None:
        """Gives back the host's files."""
        for slot in self.virtio:
            slot.close()
