"""The host's side of the control channel: messages from and to the hypervisor, per-VM logs, and the UNIX socket on
which `rvh-ctl` asks (docs/monitor.md describes both protocols).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .devices.virtio.console import VirtioConsole
from .errors import InputError, UsageError, os_reason

__all__ = ["Control", "ControlPort", "Server"]

#: Before each message: type, VM, request number, length of what follows.
HEADER = struct.Struct("<BBHI")
COMMAND, INPUT, QUERY = 1, 2, 3
OUTPUT, LINE, DONE, STATISTICS = 16, 17, 18, 19
#: In place of a VM's number: the hypervisor's own lines. In place of a request's: the statistics at the end of the run.
HYPERVISOR, FINAL = 0xFF, 0xFFFF
MAX_REQUEST, MAX_COMMAND = 4096, 200
#: Bytes that may wait for a client; one that does not read them is dropped.
MAX_BACKLOG = 4 << 20
PATH_MAX = 107


class Log(Protocol):
    """Where a VM's output is kept."""

    def write(self, data: bytes) -> int:
        """Takes all of it."""
        ...


class ControlPort(VirtioConsole):
    """The virtio-console that is reserved for the channel; a new one in each life of the machine."""

    def __init__(self, control: Control):
        super().__init__(control.received)
        self.control = control

    @property
    def outside(self) -> bool:
        """A client can come at any time."""
        return self.control.server is not None

    def poll(self) -> None:
        """Looks for clients and their requests."""
        if self.control.server is not None:
            self.control.server.poll()

    def waits_for(self) -> tuple[list[int], list[int]]:
        """The server's descriptors."""
        return ([], []) if self.control.server is None else self.control.server.waits_for()


class Control:
    """The channel. `names` are the VMs' in order; `logs` get what each prints, by name, and the hypervisor as "hv"."""

    def __init__(self, names: Sequence[str], logs: dict[str, Log] | None = None):
        self.names = list(names)
        self.logs = logs or {}
        self.server: Server | None = None
        self.port = ControlPort(self)
        self.statistics: dict[str, Any] | None = None
        self._incoming = bytearray()
        self._requests: dict[int, tuple[bytearray, list[str], Callable[[bool, list[str], bytes], None]]] = {}
        self._last = 0

    def new_port(self) -> ControlPort:
        """The device for a machine that starts. Requests to an earlier one stay without an answer."""
        self.port = ControlPort(self)
        self._incoming.clear()
        for number in list(self._requests):
            self._requests.pop(number)[2](False, ["the machine has restarted"], b"")
        return self.port

    # -- to the hypervisor

    def command(self, line: str, done: Callable[[bool, list[str], bytes], None]) -> None:
        """Has the monitor carry out a line; `done(ok, lines, b"")` is called with its answer."""
        self._ask(COMMAND, line.encode(errors="replace"), done)

    def query(self, done: Callable[[bool, list[str], bytes], None]) -> None:
        """Asks for all counters; `done(True, [], document)` is called with JSON."""
        self._ask(QUERY, b"", done)

    def type(self, vm: int, data: bytes) -> None:
        """Keys for a VM's console."""
        self.port.feed(HEADER.pack(INPUT, vm, 0, len(data)) + data)

    def _ask(self, kind: int, text: bytes, done: Callable[[bool, list[str], bytes], None]) -> None:
        self._last = self._last % (FINAL - 1) + 1
        self._requests[self._last] = (bytearray(), [], done)
        self.port.feed(HEADER.pack(kind, 0, self._last, len(text)) + text)

    # -- from the hypervisor

    def received(self, data: bytes) -> None:
        """A piece of the stream."""
        self._incoming += data
        at = 0
        while at + HEADER.size <= len(self._incoming):
            kind, vm, number, length = HEADER.unpack_from(self._incoming, at)
            end = at + HEADER.size + length
            if end > len(self._incoming):
                break
            self._message(kind, vm, number, bytes(self._incoming[at + HEADER.size : end]))
            at = end
        del self._incoming[:at]

    def _message(self, kind: int, vm: int, number: int, text: bytes) -> None:
        if kind == OUTPUT:
            self._output(vm, text)
            return
        if number == FINAL and number not in self._requests:
            self._requests[FINAL] = (bytearray(), [], self.keep)
        if number not in self._requests:
            return
        document, lines, done = self._requests[number]
        if kind == LINE:
            lines.append(text.decode(errors="replace"))
        elif kind == STATISTICS:
            document += text
        elif kind == DONE:
            del self._requests[number]
            done(vm == 0, lines, bytes(document))

    def keep(self, ok: bool, lines: list[str], document: bytes) -> None:
        """For `query`: what the hypervisor has counted goes to `statistics`."""
        self.statistics = json.loads(document)

    def _output(self, vm: int, text: bytes) -> None:
        name = "hv" if vm == HYPERVISOR else self.names[vm] if vm < len(self.names) else None
        if name is not None and name in self.logs:
            self.logs[name].write(text)
        if self.server is not None:
            self.server.output(vm, text)

    def close(self) -> None:
        """The run is over."""
        if self.server is not None:
            self.server.close()


class Client:
    """One connection: lines of JSON, or after `console` the bytes of that VM's console."""

    def __init__(self, peer: socket.socket):
        peer.setblocking(False)
        self.peer = peer
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.attached: int | None = None
        self.ending = False  # closes when all is sent

    def send(self, data: bytes) -> None:
        """Sends it now or later."""
        self.outgoing += data
        self.flush()

    def answer(self, **fields: Any) -> None:
        """One line."""
        self.send(json.dumps(fields).encode() + b"\n")

    def flush(self) -> None:
        """Sends what the socket takes; marks the connection dead when the other side is gone or does not read."""
        try:
            while self.outgoing:
                del self.outgoing[: self.peer.send(self.outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing.clear()
            self.ending = True
        if len(self.outgoing) > MAX_BACKLOG:
            self.outgoing.clear()
            self.ending = True


class Server:
    """Listens at `path`, which only the user may open, and serves any number of clients. Raises `InputError`."""

    def __init__(self, path: str, control: Control):
        if len(os.fsencode(path)) > PATH_MAX:
            raise InputError(path, f"is longer than the {PATH_MAX} bytes that the path of a socket may have")
        self.path, self.control = path, control
        self.clients: list[Client] = []
        self.identity: tuple[int, int] | None = None
        _remove_stale(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        mask = os.umask(0o177)
        try:
            # Under its name it listens already: who finds it there can connect.
            hidden = f"{path}.{os.getpid()}"
            if len(os.fsencode(hidden)) > PATH_MAX:
                hidden = path
            self.listener.bind(hidden)
            found = os.stat(hidden)
            self.identity = found.st_dev, found.st_ino
            self.listener.listen(16)
            self.listener.setblocking(False)
            if hidden != path:
                try:
                    os.link(hidden, path)
                finally:
                    os.unlink(hidden)
        except (OSError, ValueError) as error:
            self.listener.close()
            raise InputError(path, os_reason(error) if isinstance(error, OSError) else str(error)) from None
        finally:
            os.umask(mask)
        control.server = self

    def waits_for(self) -> tuple[list[int], list[int]]:
        """Descriptors that have news when they are readable, and when they are writable."""
        readable = [self.listener.fileno(), *(client.peer.fileno() for client in self.clients if not client.ending)]
        return readable, [client.peer.fileno() for client in self.clients if client.outgoing]

    def poll(self) -> None:
        """Takes connections and requests, sends what waits."""
        ready, _, _ = select.select([self.listener], [], [], 0)
        if ready:
            with contextlib.suppress(OSError):
                self.clients.append(Client(self.listener.accept()[0]))
        for client in list(self.clients):
            self._read(client)
            client.flush()
            if client.ending and not client.outgoing:
                client.peer.close()
                self.clients.remove(client)

    def _read(self, client: Client) -> None:
        if client.ending:
            return
        try:
            data = client.peer.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            client.outgoing.clear()
            client.ending = True
            return
        client.incoming += data
        while client.attached is None and b"\n" in client.incoming:
            line, _, rest = bytes(client.incoming).partition(b"\n")
            client.incoming = bytearray(rest)
            self._request(client, line)
        if client.attached is not None and client.incoming:
            self.control.type(client.attached, bytes(client.incoming))
            client.incoming.clear()
        elif len(client.incoming) > MAX_REQUEST:
            client.answer(ok=False, error="the request is too long")
            client.ending = True

    def _request(self, client: Client, line: bytes) -> None:
        try:
            request = json.loads(line)
            words = request["words"]
            if not words or not all(isinstance(word, str) and word.isprintable() for word in words):
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            client.answer(ok=False, error="the request is not understood")
            return
        text = " ".join(words)
        if len(text.encode()) > MAX_COMMAND:
            client.answer(ok=False, error="the command is too long")
        elif words[0] == "console":
            self._attach(client, words[1:])
        elif request.get("json") and words[0] in ("list", "stat", "exits"):
            self.control.query(lambda ok, lines, document: self._statistics(client, words[1:], ok, document))
        else:
            self.control.command(text, lambda ok, lines, _: client.answer(ok=ok, lines=lines))

    def _attach(self, client: Client, words: list[str]) -> None:
        if len(words) != 1 or words[0] not in self.control.names:
            client.answer(ok=False, error=f"console needs one VM out of {', '.join(self.control.names)}")
            return
        client.answer(ok=True, attached=words[0])
        client.attached = self.control.names.index(words[0])

    def _statistics(self, client: Client, words: list[str], ok: bool, document: bytes) -> None:
        if not ok:
            client.answer(ok=False, error="the machine has restarted")
            return
        result = json.loads(document)
        if words:
            result["vms"] = [vm for vm in result["vms"] if vm["name"] == words[0]]
            if not result["vms"]:
                client.answer(ok=False, error=f"there is no VM '{words[0]}'")
                return
        client.answer(ok=True, result=result)

    def output(self, vm: int, text: bytes) -> None:
        """What a VM has printed, for those who are attached to it."""
        for client in self.clients:
            if client.attached == vm and not client.ending:
                client.send(text)

    def close(self) -> None:
        """Ends all connections and removes the socket, if it is still this one."""
        for client in self.clients:
            client.peer.setblocking(True)
            client.peer.settimeout(1)
            with contextlib.suppress(OSError):
                client.peer.sendall(client.outgoing)
            client.peer.close()
        self.clients.clear()
        self.listener.close()
        with contextlib.suppress(OSError):
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == self.identity:
                os.unlink(self.path)


def _remove_stale(path: str) -> None:
    """Removes a socket that nobody listens on. Raises `InputError` for anything else that is in the way."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise InputError(path, "is there already and is not a socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            probe.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except ValueError:
        raise InputError(repr(path), "is not a usable file name") from None
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
    raise UsageError(f"{path}: another run listens there")
