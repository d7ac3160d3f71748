"""Debian's virtio_balloon under the hypervisor: asked from the host, the guest gives memory up and takes it back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from images import ENV, debian

MIB = 1 << 20
GIVEN = 64 * MIB


class Guest:
    """A Debian with a shell on its UART, and the socket of the run that it is in."""

    def __init__(self, folder: Path, description: Path):
        self.socket, self.output, self.commands = folder / "ctl", bytearray(), 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rvh.cli.run", str(description), "--ctl", str(self.socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENV,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 1 << 16):
            self.output += data

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    def wait(self, condition, seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.text[-3000:]
            time.sleep(0.1)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def shell(self, command: str) -> str:
        """What the command prints."""
        self.commands += 1
        start, mark = len(self.text), f"end-{self.commands}-of"
        self.type(f"{command}; echo end-{self.commands}''-of")
        self.wait(lambda: mark in self.text[start:])
        return self.text[start:]

    def number(self, command: str) -> int:
        match = re.search(r"^\[v\] (?:\w+:?)? *(\d+)(?: kB)?\r?$", self.shell(command), re.M)
        assert match, self.text[-2000:]
        return int(match[1])

    def ctl(self, *words: str) -> str:
        command = [sys.executable, "-m", "rvh.cli.ctl", "--socket", str(self.socket), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENV)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def balloon(self, size: int) -> dict[str, int]:
        """Asks for that much and waits until it is there; the VM's memory then, and `free`, what the machine has."""
        self.ctl("balloon", "v", f"{size >> 20}M")
        self.wait(lambda: f"has given up {size >> 10} KiB" in self.ctl("balloon", "v"))
        return self.memory()

    def memory(self) -> dict[str, int]:
        answer = json.loads(self.ctl("--json", "stat", "v"))
        return {**answer["vms"][0]["memory"], "free": answer["free_memory"]}


@pytest.fixture
def guest(tmp_path):
    files = debian()
    disk, description = tmp_path / "root.ext4", tmp_path / "vm.toml"
    shutil.copyfile(files["root.ext4"], disk)
    description.write_text(
        '[machine]\nharts = 2\nmemory = "512M"\novercommit = true\n[[vm]]\nname = "v"\nmemory = "256M"\nvcpus = 2\n'
        f'kernel = "{files["Image"]}"\ninitrd = "{files["initramfs-modules.cpio"]}"\ndisk = "{disk}"\nballoon = "0"\n'
        'append = "console=ttyS0 quiet root=/dev/vda hostname=v"\n'
    )
    run = Guest(tmp_path, description)
    run.wait(lambda: "'poweroff' or the end of this shell" in run.text)
    yield run
    run.process.kill()
    run.process.wait()


def test_a_debian_gives_memory_up_and_takes_it_back(guest):
    free_in_guest = "grep MemFree /proc/meminfo"
    # All of its memory has been in use once; a part of it is the page cache of the disk.
    guest.shell("for i in 1 2; do dd if=/dev/zero of=/run/x bs=1M count=90 2>/dev/null; cat /dev/vda > /dev/null; done")
    guest.shell("rm /run/x")
    before, free = guest.memory(), guest.number(free_in_guest) << 10
    assert before["ballooned"] == 0

    # The disk is busy meanwhile.
    guest.shell("dd if=/dev/urandom of=/root/noise bs=1M count=8 2>/dev/null; sync")
    drop = "sync; echo 3 > /proc/sys/vm/drop_caches"
    guest.type(
        f"for i in 1 2 3 4; do cp /root/noise /root/copy; {drop}; cmp /root/noise /root/copy; done > /run/differ &"
    )
    inflated = guest.balloon(GIVEN)
    assert inflated["ballooned"] == GIVEN
    guest.shell("wait; [ -s /run/differ ] || echo SAME")
    assert "[v] SAME" in guest.text
    assert guest.number("grep balloon_inflate /proc/vmstat") >= GIVEN >> 12
    back = before["resident"] - inflated["resident"]
    assert back >= GIVEN * 8 // 10, (before, inflated)
    assert inflated["resident"] <= inflated["limit"] - GIVEN
    assert inflated["free"] - before["free"] == back - (inflated["tables"] - before["tables"])

    assert guest.balloon(0)["ballooned"] == 0
    assert guest.number(free_in_guest) << 10 > free - 16 * MIB
    # And it can use all of it.
    kept = "[ $(tr -d '\\0' < /run/x | wc -c) = 0 ] && [ $(wc -c < /run/x) = 92274688 ] && echo KEPT"
    guest.shell(f"dd if=/dev/zero of=/run/x bs=1M count=88 2>/dev/null; {kept}")
    assert "[v] KEPT" in guest.text
    assert guest.memory()["resident"] > inflated["resident"]
    guest.type("poweroff")
    assert guest.process.wait(timeout=120) == 0, guest.text[-2000:]
    assert "v: off: it powered off" in guest.text
