#!/usr/bin/env python3
"""The verbs of everyday work; each sets up what it needs and nothing twice.

    python3 tools/dev.py run [ARGUMENT ...]   build, then rvh-run with these arguments
    python3 tools/dev.py ctl ARGUMENT ...     rvh-ctl with these arguments
    python3 tools/dev.py test [ARGUMENT ...]  build, then lint, types and tests (arguments go to pytest)
    python3 tools/dev.py build                the compiled core, firmware and guests, in place
    python3 tools/dev.py shell COMMAND ...    any command inside the environment

Needs python3 (3.10 or newer, with venv), a C compiler and git. Everything goes into .venv and build/ of the checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"


def say(line: str) -> None:
    print(f"dev: {line}", file=sys.stderr, flush=True)


def call(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Runs a command in the checkout; its failure ends this program with the same status."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=env)
    if done.returncode:
        sys.exit(done.returncode if done.returncode > 0 else 1)


def check_host() -> None:
    """What has to be there already, one clear line each."""
    if sys.version_info < (3, 10):
        sys.exit(f"dev: Python {sys.version_info.major}.{sys.version_info.minor} is too old: 3.10 or newer is needed")
    if not (os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")):
        sys.exit("dev: no C compiler: install one (on Debian: gcc)")


def environment() -> None:
    """A virtual environment with what the build, the tests and the program need; made anew when the needs change."""
    needs = (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    wanted = hashlib.sha256(needs).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    check_host()
    say("setting up .venv (once; takes a minute)")
    if not PYTHON.exists():
        try:
            call(sys.executable, "-m", "venv", VENV)
        except SystemExit:
            sys.exit(
                "dev: python3 cannot make a virtual environment: install its venv module (on Debian: python3-venv)"
            )
    pip = [PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    call(*pip, "--upgrade", "setuptools>=68", "wheel")
    call(*pip, *requirements())
    STAMP.write_text(wanted)


def requirements() -> list[str]:
    """The requirements of pyproject.toml, build, program and tests together."""
    code = (
        "import sys\n"
        "try: import tomllib\n"
        "except ImportError: import setuptools._vendor.tomli as tomllib\n"
        "t = tomllib.load(open('pyproject.toml', 'rb'))\n"
        "p = t['project']\n"
        "print('\\n'.join(t['build-system']['requires'] + p['dependencies'] + p['optional-dependencies']['test']))"
    )
    return subprocess.run(
        [PYTHON, "-c", code], cwd=ROOT, check=True, text=True, capture_output=True
    ).stdout.splitlines()


def build() -> None:
    """The compiled core and the images, in place."""
    environment()
    log = ROOT / "build" / "core.log"
    log.parent.mkdir(exist_ok=True)
    with open(log, "w") as out:
        command = [PYTHON, "setup.py", "-q", "build_ext", "--inplace"]
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        print(log.read_text()[-4000:], file=sys.stderr)
        sys.exit(f"dev: the core did not build; all output is in {log.relative_to(ROOT)}")
    with open(ROOT / "build" / "images.log", "w") as out:
        done = subprocess.run([PYTHON, "tools/crossbuild.py"], cwd=ROOT, stdout=out)
    if done.returncode:
        sys.exit("dev: the firmware and guests did not build")


def run(arguments: Sequence[str]) -> None:
    """rvh-run from the checkout."""
    build()
    start("run", arguments)


def start(program: str, arguments: Sequence[str]) -> None:
    """A program of rvh/cli/ in place of this one."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    os.execve(PYTHON, [str(PYTHON), "-m", f"rvh.cli.{program}", *arguments], env)


def test(arguments: Sequence[str]) -> None:
    """Lint, format, types, tests."""
    build()
    call(PYTHON, "-m", "ruff", "check", ".")
    call(PYTHON, "-m", "ruff", "format", "--check", ".")
    call(PYTHON, "-m", "mypy")
    call(PYTHON, "-m", "pytest", "-n", str(os.cpu_count() or 2), *arguments)


def main(arguments: Sequence[str]) -> None:
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if verb == "run":
        run(rest)
    elif verb == "ctl":
        environment()
        start("ctl", rest)
    elif verb == "test":
        test(rest)
    elif verb == "build" and not rest:
        build()
    elif verb == "shell" and rest:
        environment()
        path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        os.execvpe(rest[0], rest, os.environ | {"PATH": path, "VIRTUAL_ENV": str(VENV), "PYTHONPATH": str(ROOT)})
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(0 if verb in ("-h", "--help") else 2)


if __name__ == "__main__":
    main(sys.argv[1:])
