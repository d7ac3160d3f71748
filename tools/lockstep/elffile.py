"""The smallest ELF that both simulators load: one segment, and the symbols of HTIF."""

from __future__ import annotations

import struct


def write_elf(base: int, data: bytes, tohost: int, signature: tuple[int, int] | None = None) -> bytes:
    """An RV64 executable with ``data`` at ``base``, entered at its start; `fromhost` follows `tohost`. ``signature``:
    from where to where Spike's +signature= goes."""
    strings = b"\0tohost\0.symtab\0.strtab\0.text\0fromhost\0begin_signature\0end_signature\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x11, 0, 1, tohost, 8)
    symbols += struct.pack("<IBBHQQ", 30, 0x11, 0, 1, tohost + 8, 8)
    for at, name in zip(signature or (), (39, 55), strict=False):
        symbols += struct.pack("<IBBHQQ", name, 0x11, 0, 1, at, 0)
    header, program = 64, 56
    at = header + program
    pad = -at % 4096
    start = at + pad
    sections = start + len(data)
    table = sections + len(symbols) + len(strings)
    table += -table % 8
    out = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01" + bytes(9), 2, 243, 1, base, header, table, 5, header, program, 1, 64, 4, 3,
    )  # fmt: skip
    out += struct.pack("<IIQQQQQQ", 1, 7, start, base, base, len(data), len(data), 4096)
    out += bytes(pad) + data + symbols + strings
    out += bytes(table - len(out))
    out += bytes(64)
    out += struct.pack("<IIQQQQIIQQ", 24, 1, 7, base, start, len(data), 0, 0, 4096, 0)
    out += struct.pack("<IIQQQQIIQQ", 8, 2, 0, 0, sections, len(symbols), 3, 1, 8, 24)
    out += struct.pack("<IIQQQQIIQQ", 16, 3, 0, 0, sections + len(symbols), len(strings), 0, 0, 1, 0)
    return out
