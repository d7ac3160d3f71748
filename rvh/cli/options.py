"""The arguments of `rvh-run`: parsed, and checked as far as they can be without reading a file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..devices.virtio.backends import DiskSpec, NicSpec
from ..errors import UsageError
from ..placement import MIB
from .arguments import Parser, count, count_or_zero, seconds, size
from .rnmi import RnmiSpec

__all__ = ["Options", "parse", "refuse_overwriting"]

DESCRIPTION = """\
Run RISC-V programs and virtual machines.

  rvh-run                        the hypervisor with the demo guests
  rvh-run a.elf b.elf            each ELF or Linux Image is one VM under the hypervisor
  rvh-run vms.toml               the VMs described in a file
  rvh-run --bare x.elf           no hypervisor: start in M-mode at the ELF's entry
  rvh-run --bare fw_jump.elf --kernel Image --initrd initrd.cpio --append "console=ttyS0"
"""
EPILOG = """\
Guest consoles are on stdout, everything else on stderr. Keys on a terminal: Ctrl-A x quits, Ctrl-A h helps.
Exit status: 0 all guests powered off or the test passed; 1 a guest or test reported failure; 2 bad usage or unusable
input; 3 a limit was reached; 4 nothing can ever run again; 130 ended by the user.
"""
NIC_HELP = "network card: switch; tap,name=IF; stream,path=SOCKET (such as passt's); each also ,mac=ADDRESS; or none"
RNMI_HELP = "a resumable NMI after N instructions (with Smrnmi: --isa max_smrnmi); N[,hart=H][,cause=C]"
MAX_HARTS = 64
DEFAULT_BARE_MEMORY = 256 * MIB


@dataclass
class Options:
    """What was asked for. Sizes are bytes; None is what nobody said."""

    inputs: list[str] = field(default_factory=list)
    bare: bool = False
    kernel: str | None = None
    initrd: str | None = None
    append: str | None = None
    dtb: str | None = None
    disks: list[DiskSpec] = field(default_factory=list)
    snapshot: bool = False
    nics: list[NicSpec] = field(default_factory=list)
    net: bool = False
    harts: int | None = None
    memory: int | None = None
    vcpus: int | None = None
    vm_memory: int | None = None
    isa: str | None = None
    clock: str | None = None
    seed: int | None = 0
    firmware: str | None = None
    hypervisor: str | None = None
    max_insns: int | None = None
    timeout: float | None = None
    rnmis: list[RnmiSpec] = field(default_factory=list)
    rnmi_vector: str | None = None
    signature: str | None = None
    signature_granularity: int = 4
    trace: str | None = None
    virtio_console: str | None = None
    stats: bool = False
    stats_json: str | None = None
    ctl: str | None = None
    log_dir: str | None = None
    dump_dtb: str | None = None

    @property
    def toml(self) -> str | None:
        """The description file, if that is what was given."""
        return self.inputs[0] if len(self.inputs) == 1 and self.inputs[0].endswith(".toml") else None


def _seed(text: str) -> int | None:
    return None if text == "host" else count_or_zero(text)


class _Disk(argparse.Action):
    """Keeps --disk and --disk-ro in their common order."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        namespace.disks = [*namespace.disks, DiskSpec(values, option_string == "--disk-ro")]


def _nic(text: str) -> list[NicSpec]:
    try:
        return [NicSpec.parse(text)]
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _nics(text: str) -> list[NicSpec]:
    return [NicSpec("switch")] * min(count_or_zero(text), 99)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="rvh-run",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="FILE", help="kernels of the VMs (ELF or Linux Image), or one .toml file")
    add("--bare", action="store_true", help="no hypervisor: FILE is what starts in M-mode")
    add("--kernel", metavar="FILE", help="with --bare: next stage, at 2 MiB; without: the kernel of one more VM")
    add("--initrd", metavar="FILE", help="initial RAM disk of the kernel, or of every VM")
    add("--append", metavar="TEXT", help="boot arguments of the kernel, or of every VM")
    add("--dtb", metavar="FILE", help="use this device tree of the machine instead of the generated one")
    add("--disk", dest="disks", action=_Disk, default=[], metavar="FILE", help="raw disk image; the n-th VM's disk")
    add("--disk-ro", dest="disks", action=_Disk, default=[], metavar="FILE", help="the same, read-only")
    add("--snapshot", action="store_true", help="what guests write to any disk is forgotten at the end")
    add("--nic", dest="nics", action="extend", type=_nic, default=[], metavar="KIND", help=NIC_HELP)
    add("--nics", action="extend", type=_nics, metavar="N", help="the same as N times --nic switch")
    add("--net", action="store_true", help="a network card for every VM, all on one switch")
    add("--virtio-console", metavar="FILE", help="the virtio console's output goes there instead of stdout")
    add("--harts", type=count, metavar="N", help=f"harts of the machine, 1 to {MAX_HARTS}")
    add("--memory", type=size, metavar="SIZE", help="RAM of the machine, such as 512M")
    add("--vcpus", type=count, metavar="N", help="vCPUs of every VM")
    add("--vm-memory", type=size, metavar="SIZE", help="memory of every VM (64M; a Linux Image 256M)")
    add("--isa", metavar="NAME", help="instruction set, such as rv64gch")
    add("--clock", choices=("instret", "host"), help="what time follows: instructions (the default) or the host")
    add(
        "--seed",
        type=_seed,
        default=0,
        metavar="N|host",
        help="stream of the entropy sources: virtio-rng, the seed CSR; host: the host's",
    )
    add("--firmware", metavar="FILE", help="M-mode firmware under the hypervisor instead of the project's own")
    add("--hypervisor", metavar="FILE", help="another hypervisor ELF")
    add("--max-insns", type=count, metavar="N", help="stop after N instructions, all harts together")
    add("--timeout", type=seconds, metavar="S", help="stop after S seconds of the host's time")
    add("--rnmi-at", dest="rnmis", action="append", type=RnmiSpec.parse, default=[], metavar="N", help=RNMI_HELP)
    add("--rnmi-vector", metavar="ADDRESS", help="where it goes: a number or a symbol of the program (0x80000100)")
    add("--signature", metavar="FILE", help="write begin_signature..end_signature at the end, in hexadecimal")
    add("--signature-granularity", type=int, default=4, choices=(1, 2, 4, 8, 16), help="bytes in a line of it")
    add("--trace", metavar="FILE", help="write a line for each retired instruction, as Spike's commit log")
    add("--stats", action="store_true", help="counts of instructions, traps and translations at the end")
    add("--stats-json", metavar="FILE", help="the same, and what the hypervisor has counted, as JSON (-: stdout)")
    add("--ctl", metavar="PATH", help="open a UNIX socket there for rvh-ctl, the monitor from outside")
    add("--log-dir", metavar="DIR", help="write DIR/VM.log with what each VM prints, and DIR/hv.log")
    add("--dump-dtb", metavar="FILE", help="write the device tree and exit")
    add("--version", action="store_true", help="print the version and exit")
    return parser


def parse(argv: Sequence[str]) -> Options:
    """The options in `argv`. Raises `UsageError` for what does not make sense, SystemExit after --help."""
    values = vars(_parser().parse_intermixed_args(list(argv)))
    values.pop("version")
    options = Options(**values)
    if options.harts is not None and options.harts > MAX_HARTS:
        raise UsageError(f"--harts: a machine has 1 to {MAX_HARTS} harts, not {options.harts}")
    if any(nic.kind == "none" for nic in options.nics) and len(options.nics) > 1:
        raise UsageError("--nic none stands alone")
    if options.rnmi_vector is not None and not options.rnmis:
        raise UsageError("--rnmi-vector needs --rnmi-at")
    if options.bare:
        _check_bare(options)
    else:
        _check_hypervisor(options)
    refuse_overwriting(options, [])
    return options


def refuse_overwriting(options: Options, more: Iterable[str | None], logs: Iterable[str] = ()) -> None:
    """Raises `UsageError` when an output - one of the options or of `logs` - would destroy an input - one of the
    options or of `more` - or another output, under whatever name.
    """
    inputs = [*options.inputs, options.kernel, options.initrd, options.dtb, options.firmware, options.hypervisor]
    inputs += [*(disk.path for disk in options.disks), *more]
    taken = {_identity(path) for path in inputs if path is not None}
    outputs = [options.signature, options.trace, options.virtio_console, options.dump_dtb, options.stats_json, *logs]
    for path in outputs:
        if path is None or path == "-" or _is_device(path):
            continue
        if _identity(path) in taken:
            raise UsageError(f"{path} would be overwritten: it is named twice")
        taken.add(_identity(path))


def _identity(path: str) -> object:
    """The same for all names of a file, symbolic and hard links included."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return os.path.realpath(path) if "\0" not in path else path
    return found.st_dev, found.st_ino


def _is_device(path: str) -> bool:
    """Whether writing there destroys nothing: /dev/null, a terminal, a pipe."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _check_bare(options: Options) -> None:
    if len(options.inputs) != 1:
        given = f"{len(options.inputs)} are given" if options.inputs else "none is given"
        raise UsageError(f"--bare takes one program, {given}")
    for name in ("vcpus", "vm_memory", "firmware", "hypervisor", "ctl", "log_dir"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} makes no sense with --bare")
    if options.net:
        raise UsageError("--net is for VMs; with --bare, --nics gives the machine network cards")


def _check_hypervisor(options: Options) -> None:
    if options.signature is not None:
        raise UsageError("--signature needs --bare")
    if options.rnmis and options.firmware is None:
        raise UsageError("--rnmi-at needs --bare or --firmware: the project's own firmware has no handler for RNMIs")
    if options.kernel is not None:
        options.inputs.append(options.kernel)
        options.kernel = None
    if any(path.endswith(".toml") for path in options.inputs):
        if len(options.inputs) > 1:
            raise UsageError("a .toml file describes all VMs: no other kernel can be given with it")
        for name in ("vcpus", "vm_memory", "initrd", "append", "disks", "net"):
            if getattr(options, name):
                option = "disk" if name == "disks" else name.replace("_", "-")
                raise UsageError(f"--{option} belongs into the .toml file")
