"""Flattened device trees: a writer and a reader (Devicetree Specification 0.4, chapter 5).

`Node` is the tree in memory; properties are kept as the bytes that the blob holds, whatever they mean.
`write` flattens a tree; `parse` reads a blob and trusts nothing in it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence

from .errors import InputError, read_file

__all__ = ["DtbError", "Node", "load", "parse", "reg64", "u64", "write"]

MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMPATIBLE_VERSION = 16
HEADER = struct.Struct(">10I")
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
#: Largest blob that is read, and deepest nesting: far above what any machine has.
MAX_SIZE = 16 << 20
MAX_DEPTH = 64

Value = bytes | bool | int | str | Sequence[int] | Sequence[str]


class DtbError(ValueError):
    """A blob that is not a well-formed device tree; the message says in what."""


def u64(*values: int) -> bytes:
    """Each value as two cells."""
    return struct.pack(f">{len(values)}Q", *values)


def reg64(base: int, size: int) -> bytes:
    """A `reg` with two address cells and two size cells."""
    return u64(base, size)


def encode(value: Value) -> bytes:
    """The bytes of a property: an int is one cell, a str ends in NUL, True is the empty property, lists
    concatenate.
    """
    if isinstance(value, bytes):
        return value
    if value is True:
        return b""
    if isinstance(value, int):
        return struct.pack(">I", value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape") + b"\0"
    return b"".join(encode(item) for item in value)


class Node:
    """One node: its name with unit address, its properties in order, its children in order."""

    __slots__ = ("children", "name", "props")

    def __init__(self, name: str, props: Mapping[str, Value] | None = None, children: Sequence[Node] = ()):
        self.name = name
        self.props: dict[str, bytes] = {key: encode(value) for key, value in (props or {}).items()}
        self.children: list[Node] = list(children)

    def __repr__(self) -> str:
        return f"<Node {self.name or '/'}: {len(self.props)} properties, {len(self.children)} children>"

    def __getitem__(self, key: str) -> bytes:
        return self.props[key]

    def __setitem__(self, key: str, value: Value) -> None:
        self.props[key] = encode(value)

    def __contains__(self, key: str) -> bool:
        return key in self.props

    def add(self, child: Node) -> Node:
        """Appends a child and returns it."""
        self.children.append(child)
        return child

    def child(self, name: str) -> Node | None:
        """The child of that name; a name without a unit address finds the first with any."""
        for node in self.children:
            if node.name == name or ("@" not in name and node.name.partition("@")[0] == name):
                return node
        return None

    def find(self, path: str) -> Node | None:
        """The node at a path from here, such as ``/soc/serial@10000000``."""
        node: Node | None = self
        for part in path.split("/"):
            if part and node is not None:
                node = node.child(part)
        return node

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """This node and everything under it, as (path, node), parents first."""
        yield path or "/", self
        for node in self.children:
            yield from node.walk(f"{path}/{node.name}")

    def cells(self, key: str) -> list[int]:
        """A property as 32-bit cells. Raises KeyError if absent, DtbError if its length is not a multiple
        of 4.
        """
        data = self.props[key]
        if len(data) % 4:
            raise DtbError(f"property {key} of node {self.name or '/'} is not made of cells")
        return list(struct.unpack(f">{len(data) // 4}I", data))

    def u32(self, key: str) -> int:
        """A property of exactly one cell."""
        cells = self.cells(key)
        if len(cells) != 1:
            raise DtbError(f"property {key} of node {self.name or '/'} has {len(cells)} cells instead of 1")
        return cells[0]

    def u64s(self, key: str) -> list[int]:
        """A property as pairs of cells."""
        data = self.props[key]
        if len(data) % 8:
            raise DtbError(f"property {key} of node {self.name or '/'} is not made of pairs of cells")
        return list(struct.unpack(f">{len(data) // 8}Q", data))

    def strings(self, key: str) -> list[str]:
        """A property as its list of strings."""
        data = self.props[key]
        if not data.endswith(b"\0"):
            raise DtbError(f"property {key} of node {self.name or '/'} is not a string")
        try:
            return data[:-1].decode().split("\0")
        except UnicodeDecodeError:
            raise DtbError(f"property {key} of node {self.name or '/'} is not text") from None

    def string(self, key: str) -> str:
        """The first string of a property."""
        return self.strings(key)[0]


def write(root: Node, reservations: Sequence[tuple[int, int]] = (), boot_hart: int = 0) -> bytes:
    """Flattens a tree to a version 17 blob. `reservations` are (address, size) of memory to keep out of."""
    names: dict[str, int] = {}
    strings = bytearray()
    body = bytearray()

    def emit(node: Node) -> None:
        body.extend(struct.pack(">I", BEGIN_NODE))
        _padded(body, node.name.encode() + b"\0")
        for key, data in node.props.items():
            if key not in names:
                names[key] = len(strings)
                strings.extend(key.encode() + b"\0")
            body.extend(struct.pack(">III", PROP, len(data), names[key]))
            _padded(body, data)
        for child in node.children:
            emit(child)
        body.extend(struct.pack(">I", END_NODE))

    emit(root)
    body.extend(struct.pack(">I", END))
    reserved = u64(*(number for pair in reservations for number in pair), 0, 0)
    off_reserved = HEADER.size
    off_struct = off_reserved + len(reserved)
    off_strings = off_struct + len(body)
    total = off_strings + len(strings)
    header = HEADER.pack(
        MAGIC, total, off_struct, off_strings, off_reserved,
        VERSION, LAST_COMPATIBLE_VERSION, boot_hart, len(strings), len(body),
    )  # fmt: skip
    return header + reserved + bytes(body) + bytes(strings)


def _padded(out: bytearray, data: bytes) -> None:
    out.extend(data)
    out.extend(bytes(-len(data) % 4))


def parse(blob: bytes) -> Node:
    """The tree in a blob. Raises `DtbError` with the first thing that is wrong; never anything else."""
    if len(blob) < HEADER.size:
        raise DtbError(f"device tree is truncated: {len(blob)} bytes are less than its header")
    (magic, total, off_struct, off_strings, off_reserved, version, compatible, _boot, n_strings, n_struct) = (
        HEADER.unpack_from(blob)
    )
    if magic != MAGIC:
        raise DtbError("not a flattened device tree (wrong magic number)")
    if total > len(blob):
        raise DtbError(f"device tree is truncated: {len(blob)} bytes of {total}")
    if version < LAST_COMPATIBLE_VERSION or compatible > VERSION:
        raise DtbError(f"device tree has version {version}, not {VERSION}")
    if version == LAST_COMPATIBLE_VERSION:  # has no size of the structure block
        n_struct = max(total - off_struct, 0) & ~3
    for what, offset, length, align in (
        ("memory reservation block", off_reserved, 16, 8),
        ("structure block", off_struct, n_struct, 4),
        ("strings block", off_strings, n_strings, 1),
    ):
        if offset % align:
            raise DtbError(f"device tree's {what} is misaligned")
        if offset < HEADER.size or offset + length > total:
            raise DtbError(f"device tree's {what} lies outside the blob")
    _check_reservations(blob, off_reserved, total)
    return _Parser(blob[off_struct : off_struct + n_struct], blob[off_strings : off_strings + n_strings]).tree()


def _check_reservations(blob: bytes, offset: int, total: int) -> None:
    while offset + 16 <= total:
        if struct.unpack_from(">QQ", blob, offset) == (0, 0):
            return
        offset += 16
    raise DtbError("device tree's memory reservation block does not end")


class _Parser:
    """Reads a structure block. `at` is the offset of the next token."""

    def __init__(self, body: bytes, strings: bytes):
        self.body, self.strings, self.at = body, strings, 0

    def token(self) -> int:
        while True:
            if self.at + 4 > len(self.body):
                raise DtbError("device tree's structure block ends without FDT_END")
            (value,) = struct.unpack_from(">I", self.body, self.at)
            self.at += 4
            if value != NOP:
                return value

    def text(self, data: bytes, start: int, what: str) -> str:
        end = data.find(b"\0", start)
        if start >= len(data) or end < 0:
            raise DtbError(f"device tree has a {what} that does not end")
        try:
            return data[start:end].decode("ascii")
        except UnicodeDecodeError:
            raise DtbError(f"device tree has a {what} that is not ASCII") from None

    def begin(self) -> Node:
        name = self.text(self.body, self.at, "node name")
        self.at += (len(name) + 4) & ~3
        return Node(name)

    def tree(self) -> Node:
        if self.token() != BEGIN_NODE:
            raise DtbError("device tree does not begin with a node")
        root = self.begin()
        if root.name:
            raise DtbError(f"device tree's root has a name: {root.name!r}")
        stack = [root]
        while stack:
            token = self.token()
            if token == BEGIN_NODE:
                if len(stack) >= MAX_DEPTH:
                    raise DtbError(f"device tree is nested deeper than {MAX_DEPTH} nodes")
                node = self.begin()
                if not node.name or "/" in node.name:
                    raise DtbError(f"device tree has a node with an invalid name {node.name!r}")
                stack.append(stack[-1].add(node))
            elif token == END_NODE:
                stack.pop()
            elif token == PROP:
                self.prop(stack[-1])
            else:
                raise DtbError(f"device tree's structure block has an unknown token {token:#x}")
        if self.token() != END:
            raise DtbError("device tree goes on after its root node")
        return root

    def prop(self, node: Node) -> None:
        if node.children:
            raise DtbError(f"device tree has a property after the subnodes of node {node.name or '/'}")
        if self.at + 8 > len(self.body):
            raise DtbError("device tree's structure block ends inside a property")
        length, name_at = struct.unpack_from(">II", self.body, self.at)
        self.at += 8
        name = self.text(self.strings, name_at, "property name")
        if self.at + length > len(self.body):
            raise DtbError(f"property {name!r} of node {node.name or '/'} runs past the end of the device tree")
        if not name:
            raise DtbError(f"device tree has a property without a name in node {node.name or '/'}")
        node.props[name] = self.body[self.at : self.at + length]
        self.at += (length + 3) & ~3


def load(path: str | os.PathLike[str]) -> Node:
    """The device tree in a file. Raises `InputError` naming the file."""
    try:
        return parse(read_file(path, MAX_SIZE))
    except DtbError as error:
        raise InputError(path, str(error)) from None
