"""Trials in processes of their own, so that one that crashes or hangs is a finding and not the end."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .build import ENVIRONMENT, FOLDER, sanitizers

KINDS = ("machines", "files")
#: Seconds without a word from a trial, which takes well under one, after which it hangs.
HANG = 120
#: What the child runs: a few words for each seed. Its stack is large for handlers that lost their tail calls.
CHILD = """
import faulthandler, importlib, sys
faulthandler.enable(all_threads=True)
kind, first, count, report = sys.argv[1], *map(int, sys.argv[2:])
trial = importlib.import_module(f"tools.fuzz.{kind}")
with open(report, "w") as out:
    for seed in range(first, first + count):
        print("begin", seed, file=out, flush=True)
        print("end", seed, trial.run(seed), file=out, flush=True)
"""
STACK_KIB = 1 << 18


@dataclass(frozen=True)
class Finding:
    """A trial that did not end as it should: `how` it ended, and what it had to say."""

    kind: str
    seed: int
    how: str
    output: str

    def __str__(self) -> str:
        again = f"python -m tools.fuzz --kind {self.kind} --seed {self.seed} --trials 1"
        return f"{self.kind} {self.seed}: {self.how}\n{self.output}\nagain: {again}"


def _command(code: str, arguments: list[str], sanitized: bool) -> tuple[list[str], dict[str, str], Path]:
    folder = FOLDER if sanitized else FOLDER.parents[1]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    if sanitized:
        env |= ENVIRONMENT | {"LD_PRELOAD": " ".join(sanitizers() or [])}
    shell = f'ulimit -s {STACK_KIB} 2>/dev/null; exec "$@"'
    return ["sh", "-c", shell, "sh", sys.executable, "-c", code, *arguments], env, folder


def probe(code: str) -> tuple[int, str]:
    """Exit status and output of some Python under the sanitizers."""
    command, env, folder = _command(code, [], True)
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=HANG)
    return done.returncode, done.stdout + done.stderr


def run(kind: str, first: int, count: int, sanitized: bool, until: float | None = None) -> Iterator[str | Finding]:
    """Trials `first`, `first` + 1 ...: for each what was done, or a finding; the next then goes on in a new process.
    Ends early when time.monotonic() passes `until`."""
    assert kind in KINDS
    end = first + count
    while first < end and (until is None or time.monotonic() < until):
        begun = first
        with tempfile.TemporaryFile("w+") as errors:
            reports, report = os.pipe()
            command, env, folder = _command(CHILD, [kind, str(first), str(end - first), str(report)], sanitized)
            child = subprocess.Popen(
                command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=(report,)
            )
            os.close(report)
            how = ""
            try:
                for line in _lines(reports):
                    word, seed, *said = line.split(maxsplit=2)
                    begun = int(seed)
                    if word == "end":
                        first = begun + 1
                        yield f"{kind} {begun}: {said[0].strip()}"
                        if until is not None and time.monotonic() > until:
                            return
                child.wait(HANG)
            except (TimeoutError, subprocess.TimeoutExpired):
                how = f"hung: nothing for {HANG} s"
            finally:
                child.kill()
                child.wait()
            if first < end:
                errors.seek(0)
                how = how or (
                    f"killed by signal {-child.returncode}" if child.returncode < 0 else f"status {child.returncode}"
                )
                yield Finding(kind, begun, how, errors.read()[-6000:].strip())
                first = begun + 1


def _lines(reports: int) -> Iterator[str]:
    """What comes through a pipe, by lines; closes it. Raises TimeoutError when there is nothing for too long."""
    with open(reports) as file, selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while selector.select(HANG):
            line = file.readline()
            if not line:
                return
            yield line
    raise TimeoutError
