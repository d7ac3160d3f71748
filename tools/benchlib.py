"""What the measures of ``tools/bench.py`` share: the machines, and how a command is run and timed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

LINUX_ARGUMENTS = "console=ttyS0 quiet rvh.auto"
QEMU_VIRT = ("-M", "virt", "-cpu", "rv64,h=true", "-smp", "1", "-display", "none", "-monitor", "none",
             "-serial", "stdio")  # fmt: skip


class BenchError(Exception):
    """Nothing can be measured; the text is one line for the user."""


@dataclass(frozen=True)
class Machine:
    """A machine to measure: its name, the program, and the options before the path of a bare-metal ELF."""

    name: str
    program: tuple[str, ...]
    bare: tuple[str, ...]

    @property
    def command(self) -> tuple[str, ...]:
        """Command line of a bench program, but for the ELF's path at its end."""
        return (*self.program, *self.bare)

    def linux(self, files: dict[str, Path]) -> list[str] | None:
        """Command line that boots Debian under OpenSBI for its self-check; None if it could not power off."""
        options = {
            "rvh": ("--memory", "512M", "--kernel", "--initrd", "--append", "--bare"),
            "qemu": (*QEMU_VIRT, "-m", "512M", "-kernel", "-initrd", "-append", "-bios"),
        }.get(self.name)
        if options is None:
            return None
        kernel, initramfs = str(files["Image"]), str(files["initramfs.cpio"])
        values = (kernel, initramfs, LINUX_ARGUMENTS, str(files["fw_jump.bin"]))
        pairs = zip(options[-4:], values, strict=True)
        return [*self.program, *options[:-4], *(word for pair in pairs for word in pair)]


@dataclass
class Run:
    """What one execution told: user CPU seconds, peak memory, verdict, guest instructions where known, wall seconds."""

    seconds: float
    rss_mib: float
    failure: str = ""
    instructions: int | None = None
    wall: float = 0.0


def execute(command: list[str], verdict: str, limit: float = 600.0) -> Run:
    """Run a command, killed after ``limit`` seconds of wall clock.

    It failed if its exit status is not 0 or its output lacks ``verdict``. A machine without a console, whose
    output is empty, is believed by its exit status.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        watchdog = threading.Timer(limit, child.kill)
        watchdog.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            watchdog.cancel()
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    run = Run(usage.ru_utime, usage.ru_maxrss / 1024, wall=wall)
    if counted := re.search(r"bench: .* minstret=(\d+)", texts[0]):
        run.instructions = int(counted.group(1))
    elif counted := re.search(r"\(([\d,]+) instructions in", texts[1]):  # rvh-run's last line
        run.instructions = int(counted.group(1).replace(",", ""))
    if child.returncode or (texts[0].strip() and verdict not in texts[0]):
        last = [line for text in texts for line in text.splitlines() if line.strip()][-1:]
        run.failure = f"exit status {child.returncode}" + (f" ({last[0][:80]})" if last else "")
    return run


def progress(text: str) -> None:
    """Replace the progress line on stderr, if that is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
