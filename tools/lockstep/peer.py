"""What the comparisons share: their options, when they end, and the process of the peer."""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

__all__ = ["arguments", "output", "seeds"]


def arguments(name: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser with --seed, --programs and --seconds."""
    parser = argparse.ArgumentParser(prog=name, description=doc)
    parser.add_argument("--seed", type=int, default=1, help="of the first program; the next ones count up")
    parser.add_argument("--programs", type=int, default=10)
    parser.add_argument("--seconds", type=float, help="stop after this long")
    return parser


def seeds(args: argparse.Namespace) -> Iterator[int]:
    """The programs to compare, until the time is over; one at least."""
    started = time.monotonic()
    for seed in range(args.seed, args.seed + args.programs):
        yield seed
        if args.seconds is not None and time.monotonic() - started > args.seconds:
            return


@contextmanager
def output(command: list[str]) -> Iterator[IO[bytes]]:
    """What a program prints, as it comes. It is ended with the context."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=-1
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
