"""`rvh-run`: arguments to a machine, the machine's end to an exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import InputError, RvhError, UsageError, os_reason

if TYPE_CHECKING:
    from ..boot import Plan
    from ..control import Control
    from ..devices.virtio.backends import Backends
    from ..machine import Machine, Stop
    from ..vms import VmSpec
    from .options import Options

__all__ = ["main"]

IMAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "images")
#: The guests of a run without arguments, as (name, vCPUs).
DEMO = (("hello", 1), ("timer", 1), ("smp", 2))
DEMO_HARTS = 2
#: What the package's SBI firmware and hypervisor use.
FIRMWARE_NEEDS = ("M", "A", "C", "H", "Sv39", "Zicsr", "Zifencei", "Zicntr")
#: Seconds of running before the status line appears, and between its updates.
STATUS_AFTER, STATUS_EVERY = 1.0, 0.5
#: Exit status for a mistake of rvh's own (EX_SOFTWARE), unlike all that a guest can cause.
INTERNAL_ERROR = 70
#: Longest uninterrupted wait for the user's input, in seconds.
WAIT = 0.5
#: Seconds between looks at the host's input while the machine runs.
INPUT_EVERY = 0.004


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the tool and returns its exit status (``rvh-run --help`` lists them)."""
    _fill_standard_files()
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        from .. import __version__

        print(f"rvh {__version__}")
        return 0
    from .options import parse

    try:
        if "--version" in args:
            raise UsageError("--version stands alone")
        return Run(parse(args)).run()
    except RvhError as error:
        return _complain(str(error))
    except MemoryError:
        return _complain("the host has not enough memory for this")
    except KeyboardInterrupt:
        return _complain("ended by the user", 130)
    except Exception:
        import traceback

        traceback.print_exc()
        return _complain("internal error: this is a bug in rvh", INTERNAL_ERROR)


def _fill_standard_files() -> None:
    """Opens /dev/null for those of files 0 to 2 that are closed: no disk image may take their place."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)


def _complain(message: str, status: int = 2) -> int:
    _say("".join(c if c.isprintable() else " " if c.isspace() else "?" for c in message))
    return status


def _say(line: str) -> None:
    """A line of the tool's own. A closed stderr is no reason to lose the exit status."""
    try:
        sys.stderr.write(f"rvh-run: {line}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # What stays in the buffer would fail again at exit, and Python would exit with 120.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDWR), 2)


def image(name: str) -> str:
    """The path of one of the package's own ELF files. Raises `InputError` when it was not built."""
    path = os.path.join(IMAGES, f"{name}.elf")
    if not os.path.isfile(path):
        raise InputError(path, "is not there: the package was not built completely")
    return path


class _Terminated(Exception):
    """SIGTERM or SIGHUP arrived."""

    def __init__(self, number: int):
        self.number = number


class Run:
    """One invocation: builds the machine, boots it, keeps the consoles going and reports the end."""

    def __init__(self, options: Options):
        from ..devices.entropy import EntropySource
        from .rnmi import Rnmis

        self.options = options
        self.vms: list[VmSpec] = []
        self.machine: Machine | None = None
        self.overcommit = False
        self.backends: Backends | None = None  # stay over a restart of the machine
        self.entropy = EntropySource(options.seed)  # goes on over a restart: nothing is given out twice
        self.plan: Plan | None = None
        self.instructions_before = 0  # of the machine's lives before a restart
        self.extra_instructions = 0  # executed after the end, for the statistics
        self.seconds = 0.0
        self.fresh_input = False  # the last look at the host's input found some
        self.control: Control | None = None
        self.rnmis = Rnmis(options.rnmis)
        self.logs: list[OutputFile] = []
        self._describe()

    # -- from options to a machine

    def _describe(self) -> None:
        """Settles what is to run: the VMs and the machine that is large enough for them."""
        from .. import vms
        from .options import DEFAULT_BARE_MEMORY, refuse_overwriting

        options = self.options
        if options.bare:
            options.harts = options.harts or 1
            options.memory = options.memory or DEFAULT_BARE_MEMORY
            if options.snapshot:
                options.disks = [replace(disk, snapshot=True) for disk in options.disks]
            return
        description = vms.load_toml(options.toml) if options.toml is not None else None
        if description is not None:
            self.vms = description.vms
            self._machine_table(description.machine)
        elif options.inputs:
            self.vms = vms.from_files(
                options.inputs,
                options.vcpus or 1,
                options.vm_memory,
                options.initrd,
                options.append,
                options.disks,
                options.net,
            )
        else:
            demo = [(name, vcpus) for name, vcpus in DEMO if os.path.isfile(os.path.join(IMAGES, f"{name}.elf"))]
            self.vms = [
                vms.VmSpec(
                    name, image(name), options.vm_memory or vms.DEFAULT_MEMORY, options.vcpus or vcpus, net=options.net
                )
                for name, vcpus in demo or DEMO
            ]
            for name in ("initrd", "append", "disks"):
                if getattr(options, name):
                    raise UsageError(f"--{name.rstrip('s')} needs a kernel")
        if options.snapshot:
            self.vms = [replace(vm, snapshot=True) for vm in self.vms]
        options.disks = vms.disks_of(self.vms)
        refuse_overwriting(options, [path for vm in self.vms for path in (vm.kernel, vm.initrd)], self._logs())
        options.harts = options.harts or DEMO_HARTS
        options.memory = options.memory or vms.memory_for(self.vms)

    def _logs(self) -> list[str]:
        """The files of --log-dir: one for each VM, then the hypervisor's. Raises `UsageError`."""
        directory = self.options.log_dir
        if directory is None:
            return []
        if any(vm.name == "hv" for vm in self.vms):
            raise UsageError("--log-dir: hv.log is the hypervisor's; give the VM called hv another name")
        return [os.path.join(directory, f"{name}.log") for name in [*(vm.name for vm in self.vms), "hv"]]

    def _open_control(self) -> None:
        """The channel to the hypervisor, with what the user wants of it. Raises `InputError` and `UsageError`."""
        from ..control import Control, Server
        from ..devices.virtio.slots import CONTROL_SLOT

        options = self.options
        asked = options.ctl is not None or options.log_dir is not None
        fits = len(options.disks) + len(options.nics) <= CONTROL_SLOT
        if options.bare or not (asked or (fits and (options.stats or options.stats_json is not None))):
            return
        logs: dict[str, OutputFile] = {}
        if options.log_dir is not None and options.dump_dtb is None:
            try:
                os.makedirs(options.log_dir, exist_ok=True)
            except OSError as error:
                raise InputError(options.log_dir, os_reason(error)) from None
            for path in self._logs():
                logs[os.path.basename(path)[: -len(".log")]] = OutputFile(path, 0)
        self.logs = list(logs.values())
        self.control = Control([vm.name for vm in self.vms], dict(logs))
        if options.ctl is not None and options.dump_dtb is None:
            Server(options.ctl, self.control)

    def _machine_table(self, table: dict[str, Any]) -> None:
        """The [machine] table of a description; what the command line says has precedence."""
        from ..vms import parse_size
        from .options import MAX_HARTS

        options = self.options
        assert options.toml is not None
        harts, clock = table.get("harts", 1), table.get("clock", "instret")
        if not 1 <= harts <= MAX_HARTS:
            raise InputError(options.toml, f"[machine]: harts is {harts}, not 1 to {MAX_HARTS}")
        if clock not in ("instret", "host"):
            raise InputError(options.toml, f"[machine]: clock is {clock!r}, not instret or host")
        self.overcommit = table.get("overcommit", False)
        try:
            memory = parse_size(table["memory"], "memory") if "memory" in table else None
        except UsageError as error:
            raise InputError(options.toml, f"[machine]: {error}") from None
        options.harts = options.harts or (harts if "harts" in table else None)
        options.memory = options.memory or memory
        options.clock = options.clock or clock

    def _check_isa(self, extensions: frozenset[str]) -> None:
        """The project's own firmware and hypervisor do not start on a hart that lacks what they are compiled for."""
        options = self.options
        if options.bare or (options.firmware is not None and options.hypervisor is not None):
            return
        missing = [name for name in FIRMWARE_NEEDS if name not in extensions]
        if missing:
            raise UsageError(f"--isa {options.isa}: the hypervisor needs {', '.join(missing)} as well")

    def _build(self) -> None:
        """The machine, with everything in its RAM. Whatever is wrong with any input is found here, before the start."""
        from .. import dtb
        from ..devices.virtio.backends import Backends
        from ..devices.virtio.slots import fill_slots
        from ..isa.extensions import IsaError
        from ..machine import RAM_BASE, Machine
        from .rnmi import handler_address

        options = self.options
        if self.backends is None:
            nics = options.nics
            if options.dump_dtb is not None:  # the other side of a cable would notice
                nics = [replace(nic, kind="switch") if nic.outside else nic for nic in nics]
            self.backends = Backends(options.disks, nics, self._report)
        backends = self.backends
        try:
            extra: dict[str, Any] = {} if options.isa is None else {"isa": options.isa}
            clock = options.clock or "instret"
            port = None if self.control is None else self.control.new_port()
            if clock == "host":
                extra["rtc_epoch_ns"] = time.time_ns()
            assert options.harts is not None and options.memory is not None
            machine = Machine(
                harts=options.harts,
                ram=options.memory,
                clock=clock,
                virtio=fill_slots(backends.disks, backends.nics, self._virtio_output, options.seed, port),
                console=self.screen.write,
                entropy=self.entropy,
                **extra,
            )
            self._check_isa(machine.extensions)
            self.rnmis.check(machine)
            root = machine.device_tree() if options.dtb is None else dtb.load(options.dtb)
            self.plan = plan = self._plan(root, RAM_BASE, options.memory)
            if options.rnmi_vector is not None:
                machine.set_rnmi_vector(handler_address(options.rnmi_vector, plan.programs))
        except IsaError as error:
            backends.close()
            raise UsageError(f"--isa: {error}") from None
        except BaseException:
            backends.close()
            raise
        self.machine = machine
        for load in plan.loads:
            machine.store(load.address, load.data, load.size)
        machine.start(plan.entry, plan.dtb_address, plan.info_address)
        if plan.program is not None:
            machine.attach_program(plan.program)

    def _plan(self, root: Any, ram_base: int, ram_size: int) -> Plan:
        from ..boot import plan_bare
        from ..devices.virtio.slots import CONTROL_SLOT
        from ..vms import plan_hypervisor

        options = self.options
        seed = b"" if options.seed is None else _rng_seed(options.seed)
        if options.bare:
            return plan_bare(
                root, ram_base, ram_size, options.inputs[0], options.kernel, options.initrd, options.append, seed
            )
        return plan_hypervisor(
            root,
            ram_base,
            ram_size,
            options.firmware or image("sbi"),
            options.hypervisor or image("hv"),
            self.vms,
            color=os.isatty(1) and "NO_COLOR" not in os.environ,
            control=None if self.control is None else CONTROL_SLOT,
            overcommit=self.overcommit,
        )

    # -- running

    def run(self) -> int:
        """Everything after the arguments; returns the exit status. The terminal is restored whatever happens."""
        from .terminal import Input, OutputClosed, Quit, Screen, StatusLine

        self.screen = Screen()
        self.trace: OutputFile | None = None
        self.virtio_file: OutputFile | None = None
        self.status = StatusLine(self.screen)
        self._open_control()
        try:
            self._build()
        except BaseException:
            self._close_control()
            raise
        assert self.machine is not None
        if self.options.dump_dtb is not None:
            return self._dump()
        if self.options.trace is not None:
            self.trace = OutputFile(self.options.trace, 1 << 20)
        if self.options.virtio_console is not None:
            self.virtio_file = OutputFile(self.options.virtio_console, 0)
        self.input = Input(self._feed, self._unread)
        handlers = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
        handlers[signal.SIGCONT] = signal.signal(signal.SIGCONT, lambda *_: self.input.resume())
        handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, lambda *_: self.input.suspend())
        status, words = 130, "ended by the user"
        try:
            self.input.open()
            if self.input.is_terminal:
                _say("Ctrl-A x quits, Ctrl-A h helps")
            stop = self._lives()
            self._settle()
            status, words = self._judge(stop)
            self._ask_for_statistics()
        except (KeyboardInterrupt, Quit):
            self._settle()
        except OutputClosed:
            words = "standard output was closed"
        except _Terminated as error:
            self._settle()
            status, words = 128 + error.number, f"ended by {signal.Signals(error.number).name}"
        finally:
            self.input.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self.machine.close()
            self._close_control()
            for file in (self.trace, self.virtio_file):
                if file is not None:
                    file.close()
        return self._finish(status, words)

    def _close_control(self) -> None:
        if self.control is not None:
            self.control.close()
        for log in self.logs:
            log.close()

    def _ask_for_statistics(self) -> None:
        """Where the hypervisor has not ended the run, it is asked for its counters and has a moment to answer."""
        control, machine = self.control, self.machine
        if control is None or control.statistics is not None or not self._wants_statistics():
            return
        assert machine is not None
        self.extra_instructions = machine.instructions
        control.query(control.keep)
        machine.run(max_insns=20_000_000, timeout=2.0, until=lambda _: control.statistics is not None)
        self.extra_instructions = machine.instructions - self.extra_instructions

    def _wants_statistics(self) -> bool:
        return self.options.stats or self.options.stats_json is not None

    def _lives(self) -> Stop:
        """Runs until something other than a restart ends it."""
        from .report import Shares

        started = time.perf_counter()
        while True:
            assert self.machine is not None
            self.shares = Shares([vm.name for vm in self.vms])
            self.started = self.next_status = self.next_input = time.perf_counter()
            self.next_status += STATUS_AFTER
            with self._traced():
                stop = self._one_life(started)
            if stop.kind != "reset":
                return stop
            self._settle()
            _say("the machine restarts")
            self.instructions_before += self.machine.instructions
            self.seconds += self.machine.host_seconds
            self._build()

    def _traced(self) -> contextlib.AbstractContextManager[object]:
        if self.trace is None:
            return contextlib.nullcontext()
        from ..trace import CommitLog

        assert self.machine is not None
        return CommitLog(self.machine, cast(BinaryIO, self.trace))

    def _one_life(self, started: float) -> Stop:
        from ..machine import Stop

        options, machine = self.options, self.machine
        assert machine is not None
        while True:
            done = self.instructions_before + sum(hart.stats["slots"] for hart in machine.harts)
            left = self.rnmis.left(machine, done)
            if options.max_insns is not None:
                if done >= options.max_insns:
                    return Stop("limit")
                left = min(options.max_insns - done, left or options.max_insns)
            end = None if options.timeout is None else started + options.timeout
            timeout = None if end is None else max(end - time.perf_counter(), 0.0)
            assert self.backends is not None
            idle = self._idle if self.input.is_terminal or self._outside else None
            stop = machine.run(max_insns=left, timeout=timeout, until=self._tick, idle=idle)
            if stop.kind == "until" or (stop.kind == "limit" and self.rnmis.due):
                continue
            if stop.kind == "idle" and self.rnmis.raise_next(machine):
                continue
            # Input from a pipe can still end a wait that nothing else ends.
            if stop.kind == "idle" and self._listening() and not self.input.eof:
                if self._wait_for_input(None if end is None else max(end - time.perf_counter(), 0.0)):
                    continue
                if not self.input.eof:
                    continue  # the time is up: the run itself says so
            return stop

    def _tick(self, machine: Machine) -> bool:
        """Called a few hundred times a second while the machine runs."""
        now = time.perf_counter()
        if now >= self.next_input:
            self.fresh_input = self.input.poll()
            self.next_input = now + INPUT_EVERY
        if self.vms:
            self.shares.sample(machine)
        if self.status.enabled and now >= self.next_status:
            from .report import speed

            text = speed(machine.instructions, now - self.started)
            shares = self.shares.text()
            self.status.show(f"[{text}{'; ' + shares if shares else ''}]")
            self.next_status = now + STATUS_EVERY
        return False

    def _idle(self, seconds: float | None) -> bool:
        """Every hart waits: so does the host, for a key or the next timer. Returns whether a key can still come."""
        if self.fresh_input:  # it came after the harts fell asleep, and may have woken them
            self.fresh_input = False
            return True
        assert self.machine is not None and self.backends is not None
        if seconds is None and self.rnmis.raise_next(self.machine):
            return True
        if self._outside:
            return self._wait_for_outside(seconds) or self.machine.outside or self._typing_helps()
        if seconds is None and not self._listening():
            return False
        return self._wait_for_input(seconds) or self._typing_helps()

    @property
    def _outside(self) -> bool:
        """Whether the host can wake a hart by other means than the keyboard: frames, or rvh-ctl."""
        assert self.backends is not None
        return self.backends.outside or (self.control is not None and self.control.server is not None)

    def _typing_helps(self) -> bool:
        return not self.input.eof and self._listening()

    def _wait_for_outside(self, seconds: float | None) -> bool:
        """The same where a network card leads out of the machine: keys and frames. Returns whether any came."""
        assert self.machine is not None
        return self.machine.wait_for_host(seconds, self.input.wanted) and (self.input.poll() or True)

    def _wait_for_input(self, seconds: float | None) -> bool:
        end = None if seconds is None else time.perf_counter() + seconds
        while not self.input.eof:
            wait = WAIT if end is None else min(end - time.perf_counter(), WAIT)
            if self.input.poll(max(wait, 0.0)):
                return True
            if end is not None and time.perf_counter() >= end:
                return False
        return False

    # -- consoles

    def _virtio_console(self) -> Any:
        assert self.machine is not None
        from ..control import ControlPort

        for slot in self.machine.virtio:
            if slot.backend is not None and slot.backend.device_id == 3 and not isinstance(slot.backend, ControlPort):
                return slot.backend
        return None

    def _virtio_output(self, data: bytes) -> None:
        if self.virtio_file is None:
            self.screen.write(data)
        else:
            self.virtio_file.write(data)

    def _listening(self) -> bool:
        assert self.machine is not None
        return self.machine.uart.listening or self._virtio_console().listening

    def _feed(self, data: bytes) -> None:
        """Keys go to the UART, unless only the virtio console has a driver that waits for them."""
        assert self.machine is not None
        console = self._virtio_console()
        if console.listening and not self.machine.uart.listening:
            console.feed(data)
        else:
            self.machine.console_feed(data)

    def _unread(self) -> int:
        assert self.machine is not None
        return self.machine.uart.input_waiting + len(self._virtio_console().waiting)

    # -- the end

    def _report(self, line: str) -> None:
        """A line of the tool's own while guests run."""
        self.status.clear()
        _say(line)

    def _settle(self) -> None:
        """Pending output first, and the tool's own lines start at the left."""
        from .terminal import OutputClosed

        assert self.machine is not None
        try:
            self.machine.uart.flush()
        except OutputClosed:
            return
        self.status.clear()
        if self.screen.bytes and not self.screen.at_line_start and self.status.shares_screen:
            sys.stderr.write("\n")

    def _judge(self, stop: Stop) -> tuple[int, str]:
        from .report import EXIT_LIMIT, EXIT_STUCK, harts_lines, signature, trap_lines, verdict

        options, machine = self.options, self.machine
        assert machine is not None and self.plan is not None
        status, words = verdict(stop, machine, not options.bare, options.max_insns, options.timeout)
        self.input.close()  # from here on newlines are the host's again
        if status in (EXIT_LIMIT, EXIT_STUCK):
            for line in harts_lines(machine, self.plan.programs):
                _say(line)
        for line in [*trap_lines(machine, stop), *self.rnmis.lines(machine)]:
            _say(line)
        if options.signature is not None and stop.kind in ("pass", "fail"):
            signature(machine, options.signature, options.signature_granularity)
        return status, words

    def _finish(self, status: int, words: str) -> int:
        from .report import hypervisor_lines, speed, stats_json, stats_lines

        assert self.machine is not None
        if self.options.stats:
            for line in stats_lines(self.machine):
                _say(line)
            if self.shares.text():
                _say(f"time in VMs: {self.shares.text()}")
            for line in hypervisor_lines(None if self.control is None else self.control.statistics):
                _say(line)
        if self.options.stats_json is not None:
            stats_json(self.machine, None if self.control is None else self.control.statistics, self.options.stats_json)
        instructions = self.instructions_before + self.machine.instructions - self.extra_instructions
        _say(f"{words} ({speed(instructions, self.seconds + self.machine.host_seconds)})")
        return status

    def _dump(self) -> int:
        options, plan = self.options, self.plan
        assert options.dump_dtb is not None and plan is not None and self.machine is not None
        blob = next(load.data for load in plan.loads if load.address == plan.dtb_address)
        self.machine.close()
        try:
            if options.dump_dtb == "-":
                sys.stdout.buffer.write(blob)
                sys.stdout.buffer.flush()
            else:
                with open(options.dump_dtb, "wb") as file:
                    file.write(blob)
        except OSError as error:
            raise InputError(options.dump_dtb, os_reason(error)) from None
        _say(f"wrote the device tree, {len(blob)} bytes, to {options.dump_dtb}")
        return 0


class OutputFile:
    """A file of the user's choice, made or emptied. Every error is an `InputError` that names it."""

    def __init__(self, path: str, buffering: int):
        self.path = path
        try:
            self.file = open(path, "wb", buffering=buffering)
        except OSError as error:
            raise InputError(path, os_reason(error)) from None

    def write(self, data: bytes) -> int:
        """Writes all of it, perhaps later."""
        try:
            return self.file.write(data)
        except OSError as error:
            raise InputError(self.path, os_reason(error)) from None

    def close(self) -> None:
        """Writes what is left."""
        try:
            self.file.close()
        except OSError as error:
            raise InputError(self.path, os_reason(error)) from None


def _rng_seed(seed: int) -> bytes:
    """/chosen/rng-seed: the same in every run with the same seed."""
    import hashlib

    return hashlib.sha256(f"rvh-boot {seed}".encode()).digest()


def _terminate(number: int, _frame: Any) -> None:
    raise _Terminated(number)


if __name__ == "__main__":
    sys.exit(main())
