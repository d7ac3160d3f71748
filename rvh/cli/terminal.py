"""The host's terminal: raw mode that is always undone, the tool's own keys, input and output of the consoles."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
from collections.abc import Callable

from ..errors import InputError, os_reason

__all__ = ["Input", "OutputClosed", "Quit", "Screen", "StatusLine"]

ESCAPE = 0x01  # Ctrl-A
INTERRUPT = 0x03  # Ctrl-C
HELP = """\
\r
rvh-run: Ctrl-A x  quit
rvh-run: Ctrl-A h  this help
rvh-run: Ctrl-A Ctrl-A  send Ctrl-A to the guest
rvh-run: Ctrl-C goes to the guest; a second one quits while the guest has not read the first
rvh-run: under the hypervisor Ctrl-] and a digit gives the keyboard to another VM, Ctrl-] ? lists them
rvh-run: Ctrl-] : opens the hypervisor's monitor
"""
#: Unread input above which the host's input is left where it is.
ENOUGH = 4096


class Quit(Exception):
    """The user asked to end the run."""


class OutputClosed(Exception):
    """Nobody reads standard output any more."""


class Screen:
    """Standard output for the guests' consoles. Knows whether the cursor is at the start of a line."""

    def __init__(self, fd: int = 1):
        self.fd = fd
        self.at_line_start = True
        self.bytes = 0
        #: Called before guest text appears: takes the status line away.
        self.before: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        """Writes all of it. Raises `OutputClosed` when the other end is gone, `InputError` when it is full."""
        if not data:
            return
        self.before()
        self.bytes += len(data)
        self.at_line_start = data.endswith(b"\n")
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.fd, view) :]
            except BlockingIOError:
                select.select([], [self.fd], [])
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF, errno.EIO):
                    raise OutputClosed from None
                raise InputError("standard output", os_reason(error)) from None


class Input:
    """Standard input for the guests' consoles. On a terminal: raw mode between `open` and `close`, and Ctrl-A.

    `feed` gets what is for the guest; `waiting` tells how much of it is unread.
    """

    def __init__(self, feed: Callable[[bytes], object], waiting: Callable[[], int], fd: int = 0):
        self.feed, self.waiting, self.fd = feed, waiting, fd
        self.eof = False
        self.escaped = False
        self.interrupted = False
        self.saved: list | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether somebody types."""
        return self.saved is not None

    @property
    def wanted(self) -> list[int]:
        """The descriptor, as long as there is something to expect from it that `poll` would take."""
        return [] if self.eof or self.waiting() >= ENOUGH else [self.fd]

    def open(self) -> None:
        """Takes the terminal, if standard input is one and this process has it in the foreground."""
        try:
            os.fstat(self.fd)
        except OSError:
            self.eof = True
            return
        if not os.isatty(self.fd):
            return
        import termios

        if self._in_background():
            self.eof = True  # reading would stop the process
            return
        try:
            self.saved = termios.tcgetattr(self.fd)
            self.raw()
        except termios.error:
            self.eof = True

    def _in_background(self) -> bool:
        try:
            return os.tcgetpgrp(self.fd) != os.getpgrp()
        except OSError:
            return False  # a terminal without job control

    def resume(self) -> None:
        """After a stop by somebody else: the shell may have changed the terminal's mode."""
        if self.saved is not None and not self._in_background():
            self.raw()

    def raw(self) -> None:
        """No echo, no line editing, no signals; output processing stays, so that newlines return."""
        import termios

        if self.saved is None:
            return
        mode = [*self.saved[:6], list(self.saved[6])]
        mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP | termios.BRKINT)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)

    def suspend(self) -> None:
        """Stops the process as SIGTSTP does, with the terminal as it was until the process goes on."""
        saved = self.saved
        self.close()
        os.kill(os.getpid(), signal.SIGSTOP)
        # Here the process has been continued.
        if saved is not None:
            self.open()

    def close(self) -> None:
        """The terminal is again as `open` found it."""
        if self.saved is not None:
            import termios

            saved, self.saved = self.saved, None
            try:
                termios.tcsetattr(self.fd, termios.TCSADRAIN, saved)
            except termios.error:
                return  # the terminal is gone

    def poll(self, timeout: float = 0) -> bool:
        """Passes on what can be read, waiting up to `timeout` seconds for some. Returns whether there was any.

        Raises `Quit` for Ctrl-A x, and for a second Ctrl-C when the guest has not read the first.
        """
        if self.eof or self.waiting() >= ENOUGH:
            if timeout:
                select.select([], [], [], timeout)
            return False
        try:
            if not select.select([self.fd], [], [], timeout)[0]:
                return False
            data = os.read(self.fd, ENOUGH)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.eof = True
            return False
        self.feed(self._typed(data) if self.is_terminal else data)
        return True

    def _typed(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self.escaped:
                self.escaped = False
                if byte in b"xX":
                    raise Quit
                if byte in b"hH?":
                    sys.stderr.write(HELP)
                    sys.stderr.flush()
                elif byte == ESCAPE:
                    out.append(byte)
            elif byte == ESCAPE:
                self.escaped = True
            else:
                if byte == INTERRUPT and self.interrupted and self.waiting():
                    raise Quit
                self.interrupted = byte == INTERRUPT
                out.append(byte)
        return bytes(out)


class StatusLine:
    """One line at the bottom that is rewritten in place; only on a terminal, and never over a guest's prompt."""

    def __init__(self, screen: Screen, stream=None):  # type: ignore[no-untyped-def]
        self.stream = sys.stderr if stream is None else stream
        self.screen = screen
        self.enabled = self.stream.isatty()
        self.shares_screen = self.enabled and os.isatty(screen.fd)
        self.shown = False
        if self.shares_screen:
            screen.before = self.clear

    def show(self, text: str) -> None:
        """Replaces the line, unless the cursor stands in a line of the guest's."""
        if not self.enabled or (self.shares_screen and not self.screen.at_line_start):
            return
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns or 80
        except OSError:
            width = 80
        self.stream.write("\r\x1b[K" + text[: width - 1])
        self.stream.flush()
        self.shown = True

    def clear(self) -> None:
        """Takes the line away."""
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.shown = False
