"""Which mistakes the tests catch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .build import VARIABLE
from .mistakes import MISTAKES, Mistake

#: Seconds after which tests that run into a mistake count as hanging, which is noticed too.
HANG = 300


@dataclass(frozen=True)
class Verdict:
    """`caught` by the first test named in `by`; `output` is what pytest said."""

    mistake: Mistake
    caught: bool
    by: str
    output: str


def _files(zoo: Path, tests: str) -> list[str]:
    """The test files that have a test of one of these names."""
    words = [word for word in re.split(r"\s+or\s+", tests) if word]
    found = []
    for path in sorted((zoo / "tests" / "core").glob("test_*.py")):
        names = re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
        if any(word in name for word in words for name in names):
            found.append(str(path.relative_to(zoo)))
    return found


def run_tests(zoo: Path, tests: str, number: int) -> tuple[int | None, str]:
    """pytest's exit status (None: it hung) and output for the tests of these names with a mistake made, 0: none."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:randomly",
    ]
    command += ["-c", "/dev/null", "--rootdir", str(zoo), *_files(zoo, tests), "-k", tests]
    env = {**os.environ, VARIABLE: str(number), "PYTHONPATH": str(zoo)}
    try:
        done = subprocess.run(command, cwd=zoo, env=env, capture_output=True, text=True, timeout=HANG)
    except subprocess.TimeoutExpired as error:
        return None, str(error)
    return done.returncode, done.stdout + done.stderr


def judge(zoo: Path, number: int) -> Verdict:
    """Makes the mistake and runs the tests that should mind. Raises RuntimeError when there are no such tests."""
    mistake = MISTAKES[number - 1]
    status, output = run_tests(zoo, mistake.tests, number)
    if status in (2, 3, 4, 5):
        raise RuntimeError(f"{mistake.name}: pytest -k {mistake.tests!r} ended with status {status}\n{output}")
    failed = re.search(r"^FAILED \S+::(\S+)", output, re.MULTILINE)
    by = failed[1] if failed else "a hang" if status is None else f"status {status}"
    return Verdict(mistake, status != 0, by if status != 0 else "", output)


def judge_all(zoo: Path, numbers: list[int]) -> Iterator[Verdict]:
    """The verdicts, in order, as they come; as many at once as the host has CPUs."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda number: judge(zoo, number), numbers)
