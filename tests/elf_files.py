"""ELF files for tests, built byte by byte so that every field can be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

PT_LOAD, PT_DYNAMIC = 1, 2
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")


@dataclass
class Part:
    """A segment: `data` in the file, for physical address `paddr`."""

    paddr: int
    data: bytes
    memsz: int | None = None
    vaddr: int | None = None
    kind: int = PT_LOAD
    filesz: int | None = None
    offset: int | None = None


@dataclass
class Elf:
    """`build` gives the bytes."""

    parts: list[Part] = field(default_factory=lambda: [Part(0x80000000, b"\x6f\0\0\0")])
    entry: int = 0x80000000
    kind: int = 2
    machine: int = 243
    elf_class: int = 2
    order: int = 1
    symbols: dict[str, int] = field(default_factory=dict)

    def build(self) -> bytes:
        at = EHDR.size + PHDR.size * len(self.parts)
        headers, contents = b"", b""
        for part in self.parts:
            offset = at + len(contents) if part.offset is None else part.offset
            filesz = len(part.data) if part.filesz is None else part.filesz
            memsz = len(part.data) if part.memsz is None else part.memsz
            vaddr = part.paddr if part.vaddr is None else part.vaddr
            headers += PHDR.pack(part.kind, 7, offset, vaddr, part.paddr, filesz, memsz, 0x1000)
            contents += part.data
        tables, shoff, shnum = b"", 0, 0
        if self.symbols:
            strings, table = b"\0", bytes(24)
            for name, value in self.symbols.items():
                table += struct.pack("<IBBHQQ", len(strings), 0x10, 0, 1, value, 0)
                strings += name.encode() + b"\0"
            names_at = at + len(contents)
            table_at = names_at + len(strings)
            shoff, shnum = table_at + len(table), 3
            tables = strings + table
            tables += bytes(SHDR.size)
            tables += SHDR.pack(0, 3, 0, 0, names_at, len(strings), 0, 0, 1, 0)
            tables += SHDR.pack(0, 2, 0, 0, table_at, len(table), 1, 0, 8, 24)
        ident = b"\x7fELF" + bytes([self.elf_class, self.order, 1]) + bytes(9)
        header = EHDR.pack(
            ident, self.kind, self.machine, 1, self.entry, EHDR.size, shoff, 0,
            EHDR.size, PHDR.size, len(self.parts), SHDR.size, shnum, 1 if shnum else 0,
        )  # fmt: skip
        return header + headers + contents + tables
