"""Errors that reach the user as one clear line, and never as a traceback.

`rvh-run` turns an `RvhError` into its message and exit status 2; a program that uses the Python API catches
it.
"""

from __future__ import annotations

import os

__all__ = ["InputError", "RvhError", "UsageError"]


class RvhError(Exception):
    """Base of the errors that are somebody's input and not a bug of rvh."""


class UsageError(RvhError):
    """Options that contradict each other or whose values make no sense."""


class InputError(RvhError):
    """A file that cannot be used. The message names the file and the reason."""

    def __init__(self, subject: str | os.PathLike[str], reason: str):
        self.subject = os.fspath(subject)
        self.reason = reason
        super().__init__(f"{self.subject}: {reason}")


def read_file(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """The contents of a regular file.

    Raises `InputError` for whatever stops that: missing, a directory, a device, unreadable, above `limit`
    bytes.
    """
    import stat

    try:
        # Opening a FIFO for reading would wait for a writer: look before opening.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InputError(path, "is a directory")
        if not stat.S_ISREG(mode):
            raise InputError(path, "is not a regular file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                raise InputError(path, f"is {size} bytes long, more than the {limit} that fit")
            return file.read()
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
    except MemoryError:
        raise InputError(path, "is too large for the host's memory") from None
    except ValueError:
        raise InputError(repr(os.fspath(path)), "is not a usable file name") from None


def os_reason(error: OSError) -> str:
    """The operating system's words for an error, in the lower case of our messages."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
