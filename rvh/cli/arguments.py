"""What the command lines of the tools have in common: one line for what is wrong, and numbers that are checked."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..errors import UsageError

__all__ = ["Parser", "count", "count_or_zero", "seconds", "size"]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, by way of `UsageError`."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} ({self.prog} --help explains)")


def size(text: str) -> int:
    """Bytes, such as 64M. Raises ArgumentTypeError, as all of these do."""
    from ..vms import parse_size

    try:
        return parse_size(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None


def count(text: str) -> int:
    """A number from 1, in any of Python's notations."""
    value = count_or_zero(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text} is out of range")
    return value


def count_or_zero(text: str) -> int:
    """A number from 0."""
    try:
        value = int(text.replace("_", ""), 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text} is out of range")
    return value


def seconds(text: str) -> float:
    """A time of the host's."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} seconds is out of range")
    return value
