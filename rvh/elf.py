"""Programs to load: ELF files, position-independent ones included, Linux Images and raw binaries.

`load` checks everything that the machine will rely on and gives a `Program`: the bytes and where they go.
Whatever is wrong with a file is an `InputError` of one line. (RISC-V ELF psABI; Linux's
Documentation/arch/riscv/boot-image-header.)
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .errors import InputError, read_file

__all__ = ["Program", "Segment", "is_elf", "is_linux_image", "linux_image_header", "load", "load_bytes"]

EI_CLASS, EI_DATA = 4, 5
ELFCLASS32, ELFCLASS64 = 1, 2
ELFDATA2LSB, ELFDATA2MSB = 1, 2
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_RISCV = 243
MACHINES = {
    3: "x86",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC64",
    22: "S/390",
    40: "Arm",
    62: "x86-64",
    183: "AArch64",
}
R_RISCV_NONE, R_RISCV_64, R_RISCV_RELATIVE = 0, 2, 3
DT_RELA, DT_RELASZ, DT_RELAENT, DT_SYMTAB = 7, 8, 9, 6
RELA = struct.Struct("<QQq")
SYMBOL = struct.Struct("<IBBHQQ")
STT_SECTION, STT_FILE = 3, 4

IMAGE_HEADER = struct.Struct("<4s4sQQQ4sI8s8s4sI")
IMAGE_HEADER_SIZE = 0x40
RAM_BASE = 0x8000_0000
#: Largest file that is read; debug information can make it larger than RAM.
MAX_FILE = 1 << 32


@dataclass
class Segment:
    """Bytes that go to physical address `address`, followed by zeros up to `mem_size`."""

    address: int
    data: bytes
    mem_size: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + self.mem_size


@dataclass
class Program:
    """A program that fits the machine. `kind` is "elf", "pie", "linux" or "raw"; `bias` what a PIE was
    moved by.
    """

    path: str
    kind: str
    entry: int
    segments: list[Segment]
    bias: int = 0
    _blob: bytes = field(default=b"", repr=False)

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Names to addresses, from the symbol table; empty when stripped. Damaged tables give what can be
        read.
        """
        return _symbols(self._blob, self.bias) if self._blob else {}

    @property
    def start(self) -> int:
        """Lowest address."""
        return min(segment.address for segment in self.segments)

    @property
    def end(self) -> int:
        """First address after the highest byte."""
        return max(segment.end for segment in self.segments)


def is_elf(blob: bytes) -> bool:
    """Whether a file starts like an ELF file."""
    return blob[:4] == b"\x7fELF"


def is_linux_image(blob: bytes) -> bool:
    """Whether a file is an uncompressed RISC-V Linux Image."""
    return len(blob) >= IMAGE_HEADER_SIZE and blob[0x38:0x3C] == b"RSC\x05"


def linux_image_header(blob: bytes) -> tuple[int, int]:
    """(text_offset, image_size) of a Linux Image: where it wants to be in RAM and how much it uses with its
    bss.
    """
    _, _, text_offset, image_size, *_ = IMAGE_HEADER.unpack_from(blob)
    return text_offset, image_size


def load(
    path: str | os.PathLike[str], ram_base: int = RAM_BASE, ram_size: int = 1 << 62, raw_at: int | None = None
) -> Program:
    """Reads and checks a program for a machine with that RAM.

    A raw binary goes to `raw_at`, the start of RAM unless given; so does a position-independent ELF.
    Raises `InputError` naming the file.
    """
    return load_bytes(read_file(path, MAX_FILE), os.fspath(path), ram_base, ram_size, raw_at)


def load_bytes(
    blob: bytes, path: str, ram_base: int = RAM_BASE, ram_size: int = 1 << 62, raw_at: int | None = None
) -> Program:
    """Like `load`, from the file's contents."""
    where = ram_base if raw_at is None else raw_at
    if not blob:
        raise InputError(path, "is empty")
    if is_elf(blob):
        program = _load_elf(blob, path, where)
    elif is_linux_image(blob):
        program = _load_image(blob, path, ram_base)
    elif blob[:2] == b"\x1f\x8b":
        raise InputError(path, "is compressed with gzip: unpack it first")
    else:
        program = Program(path, "raw", where, [Segment(where, blob, len(blob))])
    _check_ranges(program, ram_base, ram_size)
    return program


def _load_image(blob: bytes, path: str, ram_base: int) -> Program:
    text_offset, image_size = linux_image_header(blob)
    start = ram_base + text_offset
    return Program(path, "linux", start, [Segment(start, blob, max(image_size, len(blob)))])


def _check_ranges(program: Program, ram_base: int, ram_size: int) -> None:
    previous: Segment | None = None
    for segment in sorted(program.segments, key=lambda item: item.address):
        span = f"{segment.address:#x}..{segment.end:#x}"
        if segment.address < ram_base or segment.end > ram_base + ram_size:
            what = {"raw": "the binary", "linux": "the kernel"}.get(program.kind, "a segment")
            raise InputError(
                program.path, f"{what} at {span} lies outside RAM ({ram_base:#x}..{ram_base + ram_size:#x})"
            )
        if previous is not None and segment.address < previous.end:
            raise InputError(program.path, f"segments overlap: {previous.address:#x}..{previous.end:#x} and {span}")
        previous = segment


def _check_header(blob: bytes, path: str) -> None:
    """Everything about the identification that can be said in words, before anything is parsed."""
    if len(blob) < 20:
        raise InputError(path, f"is a truncated ELF file ({len(blob)} bytes)")
    machine = int.from_bytes(blob[18:20], "big" if blob[EI_DATA] == ELFDATA2MSB else "little")
    if machine != EM_RISCV:
        raise InputError(path, f"is an ELF file for {MACHINES.get(machine, f'machine {machine}')}, not for RISC-V")
    if blob[EI_CLASS] == ELFCLASS32:
        raise InputError(path, "is a 32-bit ELF file; this machine is RV64")
    if blob[EI_CLASS] != ELFCLASS64:
        raise InputError(path, f"is an ELF file of unknown class {blob[EI_CLASS]}")
    if blob[EI_DATA] == ELFDATA2MSB:
        raise InputError(path, "is a big-endian ELF file; this machine is little-endian")
    if blob[EI_DATA] != ELFDATA2LSB:
        raise InputError(path, f"is an ELF file of unknown byte order {blob[EI_DATA]}")
    if len(blob) < 64:
        raise InputError(path, f"is a truncated ELF file ({len(blob)} bytes)")
    kind = int.from_bytes(blob[16:18], "little")
    if kind == ET_REL:
        raise InputError(path, "is a relocatable object file: link it first")
    if kind == ET_CORE:
        raise InputError(path, "is a core dump, not a program")
    if kind not in (ET_EXEC, ET_DYN):
        raise InputError(path, f"is an ELF file of unknown type {kind}")
    phoff, phentsize, phnum = (
        int.from_bytes(blob[32:40], "little"),
        int.from_bytes(blob[54:56], "little"),
        int.from_bytes(blob[56:58], "little"),
    )
    if phnum == 0:
        raise InputError(path, "has no segments to load")
    if phentsize != 56:
        raise InputError(path, f"has program headers of {phentsize} bytes instead of 56")
    if phoff + phentsize * phnum > len(blob):
        raise InputError(path, "is truncated: its program headers lie past the end of the file")


def _load_elf(blob: bytes, path: str, pie_at: int) -> Program:
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    _check_header(blob, path)
    try:
        # The section table is not needed to load; a damaged one must not stop that.
        patched = bytearray(blob)
        patched[40:48], patched[60:64] = bytes(8), bytes(4)
        file = ELFFile(io.BytesIO(bytes(patched)))
        headers = [segment.header for segment in file.iter_segments()]
        entry, pie = file.header["e_entry"], file.header["e_type"] == "ET_DYN"
    except (ELFError, ConstructError, ValueError, OverflowError, KeyError) as error:
        raise InputError(path, f"is a malformed ELF file ({error})") from None

    loads = [header for header in headers if header["p_type"] == "PT_LOAD" and header["p_memsz"]]
    if not loads:
        raise InputError(path, "has no segments to load")
    for number, header in enumerate(loads):
        if header["p_filesz"] > header["p_memsz"]:
            raise InputError(path, f"segment {number} has more bytes in the file than in memory")
        if header["p_offset"] + header["p_filesz"] > len(blob):
            raise InputError(
                path,
                f"is truncated: segment {number} ends at byte {header['p_offset'] + header['p_filesz']}, "
                f"the file at {len(blob)}",
            )
    bias = 0
    if pie:
        lowest = min(header["p_paddr"] for header in loads)
        bias = pie_at - (lowest & ~0xFFF)
    segments = [
        Segment(
            header["p_paddr"] + bias,
            blob[header["p_offset"] : header["p_offset"] + header["p_filesz"]],
            header["p_memsz"],
        )
        for header in loads
    ]
    if pie:
        dynamic = [header for header in headers if header["p_type"] == "PT_DYNAMIC"]
        if dynamic:
            _relocate(blob, path, segments, loads, dynamic[0], bias)
    program = Program(path, "pie" if pie else "elf", _physical_entry(entry, loads, bias, path), segments, bias)
    program._blob = blob
    return program


def _physical_entry(entry: int, loads: list[Any], bias: int, path: str) -> int:
    """The entry point as a physical address: kernels state a virtual one."""
    for header in loads:
        if header["p_paddr"] <= entry < header["p_paddr"] + header["p_memsz"]:
            return entry + bias
    for header in loads:
        if header["p_vaddr"] <= entry < header["p_vaddr"] + header["p_memsz"]:
            return entry - header["p_vaddr"] + header["p_paddr"] + bias
    raise InputError(path, f"entry point {entry:#x} lies outside its segments")


def _relocate(blob: bytes, path: str, segments: list[Segment], loads: list[Any], dynamic: Any, bias: int) -> None:
    """Applies the dynamic relocations of a position-independent ELF that is moved by `bias`."""

    def file_offset(vaddr: int, size: int, what: str) -> int:
        for header in loads:
            start = header["p_vaddr"]
            if start <= vaddr and vaddr + size <= start + header["p_filesz"]:
                return header["p_offset"] + vaddr - start
        raise InputError(path, f"{what} at {vaddr:#x} lies outside its segments")

    start, size = dynamic["p_offset"], dynamic["p_filesz"]
    if start + size > len(blob):
        raise InputError(path, "is truncated: its dynamic section lies past the end of the file")
    tags = dict(struct.iter_unpack("<QQ", blob[start : start + size // 16 * 16]))
    total = tags.get(DT_RELASZ, 0)
    if DT_RELA not in tags or not total:
        return
    if tags.get(DT_RELAENT, RELA.size) != RELA.size or total % RELA.size:
        raise InputError(path, "has a relocation table of unknown form")
    table = file_offset(tags[DT_RELA], total, "the relocation table")
    contents = [bytearray(segment.data) for segment in segments]
    for target, info, addend in RELA.iter_unpack(blob[table : table + total]):
        kind, symbol = info & 0xFFFF_FFFF, info >> 32
        if kind == R_RISCV_NONE:
            continue
        if kind == R_RISCV_RELATIVE:
            value = bias + addend
        elif kind == R_RISCV_64:
            entry = file_offset(tags.get(DT_SYMTAB, 0) + symbol * SYMBOL.size, SYMBOL.size, "a symbol")
            _, _, _, section, address, _ = SYMBOL.unpack_from(blob, entry)
            value = address + addend + (bias if section else 0)
        else:
            raise InputError(path, f"has a relocation of type {kind}, which a program without a linker cannot use")
        for header, content in zip(loads, contents, strict=True):
            at = target - header["p_vaddr"]
            if 0 <= at and at + 8 <= header["p_memsz"]:
                if at + 8 > len(content):  # in the zeros behind the file's bytes
                    content.extend(bytes(at + 8 - len(content)))
                struct.pack_into("<Q", content, at, value & (1 << 64) - 1)
                break
        else:
            raise InputError(path, f"a relocation at {target:#x} lies outside its segments")
    for segment, content in zip(segments, contents, strict=True):
        segment.data = bytes(content)


def _symbols(blob: bytes, bias: int) -> dict[str, int]:
    from elftools.elf.elffile import ELFFile

    names: dict[str, int] = {}
    try:
        file = ELFFile(io.BytesIO(blob))
        for section in file.iter_sections(type="SHT_SYMTAB"):
            strings = file.get_section(section["sh_link"]).data()
            for name_at, info, _, shndx, value, _ in SYMBOL.iter_unpack(section.data()):
                if not name_at or not shndx or info & 15 in (STT_SECTION, STT_FILE):
                    continue
                end = strings.find(b"\0", name_at)
                names.setdefault(strings[name_at:end].decode("utf-8", "replace"), value + bias)
    except Exception:
        # pyelftools raises whatever its parser stumbles over; symbols are a convenience and the program is
        # loaded.
        return names
    return names
