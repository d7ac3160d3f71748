"""`rvh-ctl`: the hypervisor's monitor from the host, by way of the socket that `rvh-run --ctl` opens."""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import InputError, RvhError, UsageError, os_reason

__all__ = ["main"]

DESCRIPTION = """\
Talk to the hypervisor of a run that was started with rvh-run --ctl PATH.

  list [VM]         where VMs and their vCPUs stand     stat [VM]    what was counted
  console VM        keyboard and screen of a VM         exits [VM]   why it came out of the guest
  pause VM          resume VM                           map VM       its memory
  reset VM          kill VM        start VM             trace VM on  its SBI calls on the console (off: ends that)
  balloon VM SIZE   how much of its memory it is to give up
  help              all verbs of the monitor

VM is a name or a number as `list` shows it; Ctrl-] detaches a console.
"""
DETACH = 0x1D  # Ctrl-]


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out one verb. Exit status: 0 done; 1 the hypervisor said why not; 2 bad usage, or nobody there."""
    try:
        parser = argparse.ArgumentParser(
            "rvh-ctl", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--socket", metavar="PATH", help="the socket (or set RVH_CTL)")
        parser.add_argument("--json", action="store_true", help="the answer as JSON")
        parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="seconds to wait for an answer")
        parser.add_argument("words", nargs="+", metavar="VERB", help="a verb and what it needs")
        options = parser.parse_args(argv)
        path = options.socket or os.environ.get("RVH_CTL")
        if not path:
            raise UsageError("no socket: --socket PATH, the one that rvh-run --ctl was given")
        with _connect(path, options.timeout) as peer:
            return _carry_out(peer, path, options.words, options.json)
    except RvhError as error:
        print(f"rvh-ctl: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _connect(path: str, timeout: float) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(timeout if timeout > 0 else None)
    try:
        peer.connect(path)
    except ConnectionRefusedError:
        raise InputError(path, "nobody listens on this socket: the run has ended") from None
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
    except ValueError:
        raise InputError(repr(path), "is not a usable file name") from None
    return peer


def _carry_out(peer: socket.socket, path: str, words: list[str], as_json: bool) -> int:
    try:
        peer.sendall(json.dumps({"words": words, "json": as_json}).encode() + b"\n")
        line, rest = _line(peer)
    except TimeoutError:
        raise InputError(path, "the hypervisor does not answer") from None
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
    if line is None:
        # The machine powers off while the last VM is killed: that is an answer too.
        if words[0] == "kill":
            return 0
        raise InputError(path, "the run has ended")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        print(f"rvh-ctl: {answer['error']}", file=sys.stderr)
        return 1
    if "attached" in answer:
        return _console(peer, rest, answer["attached"])
    if as_json:
        print(json.dumps(answer.get("result", answer), indent=2))
    else:
        for text in answer["lines"]:
            print(text, file=sys.stdout if answer["ok"] else sys.stderr)
    sys.stdout.flush()
    return 0 if answer["ok"] else 1


def _line(peer: socket.socket) -> tuple[bytes | None, bytes]:
    data = b""
    while b"\n" not in data:
        part = peer.recv(65536)
        if not part:
            return None, b""
        data += part
    line, _, rest = data.partition(b"\n")
    return line, rest


def _console(peer: socket.socket, first: bytes, name: str) -> int:
    """Until the user detaches, or input from a file and then the run has ended."""
    import termios
    import tty

    saved = None
    if os.isatty(0):
        saved = termios.tcgetattr(0)
        tty.setraw(0)
        sys.stderr.write(f"rvh-ctl: console of {name}; Ctrl-] detaches\r\n")
    peer.settimeout(None)
    sources: list[Any] = [peer, 0]
    try:
        os.write(1, first)
        while True:
            ready, _, _ = select.select(sources, [], [])
            if peer in ready:
                data = peer.recv(65536)
                if not data:
                    return 0
                os.write(1, data)
            if 0 in ready:
                keys = os.read(0, 1024)
                if not keys:
                    sources.remove(0)
                if saved is not None and DETACH in keys:
                    return 0
                peer.sendall(keys)
    except OSError:
        return 0  # the run has ended
    finally:
        if saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
            sys.stderr.write("\n")


if __name__ == "__main__":
    sys.exit(main())
