"""Copies of the package, compiled differently: with mistakes in them (tools.zoo), under sanitizers (tools.fuzz).

A file that has not changed keeps its date, so that only what has is compiled again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy(target: Path, folders: Sequence[str], edited: Container[str] = ()) -> None:
    """The source files of these folders and what a build needs; not those called one of `edited`, which the caller
    writes. What an earlier build made stays."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".so", ".pyc", ".elf") and path.name not in edited:
                to = target / path.relative_to(ROOT)
                if not to.exists() or to.read_bytes() != path.read_bytes():
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, to)
    for name in ("setup.py", "pyproject.toml", "README.md"):
        write(target / name, (ROOT / name).read_text())


def write(path: Path, text: str) -> None:
    """Writes a file unless it says that already."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def compile_core(target: Path, env: Mapping[str, str] | None = None) -> None:
    """Compiles the copy's core in place. Raises subprocess.CalledProcessError."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=target, env={**os.environ, "PYTHONPATH": str(target), **(env or {})}, check=True)
