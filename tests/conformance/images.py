"""What the conformance tests boot, and the command line that boots it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import rvh
from rvh.boot import Plan

ROOT = Path(rvh.__file__).resolve().parent.parent
TESTS = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "rvh" / "images"
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def rvh_run(*arguments: object, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Runs `rvh-run` to its end. stdout is what the guests print; stderr the tool's own."""
    return subprocess.run(
        [sys.executable, "-m", "rvh.cli.run", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env=ENV,
    )


def image(name: str) -> Path:
    """One of the project's own ELF files; the test fails when it was not built."""
    path = IMAGES / f"{name}.elf"
    assert path.is_file(), f"{path} was not built"
    return path


def qemu_loads(folder: Path, plan: Plan, firmware: str) -> list[str]:
    """QEMU's arguments for what `rvh-run` would put into RAM beside firmware and hypervisor, by way of files."""
    arguments = []
    for number, load in enumerate(plan.loads):
        if load.name in (firmware, str(image("hv")), "fw_dynamic_info"):
            continue
        path = folder / f"load{number}"
        path.write_bytes(load.data)
        if load.name == "the device tree":
            arguments += ["-dtb", str(path)]
        else:
            arguments += ["-device", f"loader,file={path},addr={load.address:#x},force-raw=on"]
    return arguments


def debian_tool() -> ModuleType:
    """tools/debian.py as a module."""
    spec = importlib.util.spec_from_file_location("debian", TESTS.parent / "tools" / "debian.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def debian() -> dict[str, Path]:
    """Debian's kernel, OpenSBI and initramfs by name; skips the test where apt cannot bring them."""
    tool = debian_tool()
    try:
        return tool.bring()
    except tool.DebianError as error:
        pytest.skip(f"no Debian images: {error}")


def tail(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a run said, for an assertion's message."""
    return "\n".join([*done.stdout.splitlines()[-25:], *done.stderr.splitlines()[-5:]])
