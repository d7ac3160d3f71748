"""The loader: what it loads, and one line for each way in which a file can be unusable."""

import struct

import pytest
from elf_files import PT_DYNAMIC, Elf, Part
from hypothesis import given, settings
from hypothesis import strategies as st

from rvh import elf
from rvh.errors import InputError

RAM = 0x8000_0000
SIZE = 16 << 20
CODE = b"\x6f\0\0\0"


def load(blob, **kwargs):
    return elf.load_bytes(blob, "prog.elf", RAM, SIZE, **kwargs)


def reason(blob):
    with pytest.raises(InputError) as caught:
        load(blob)
    text = str(caught.value)
    assert text.startswith("prog.elf: ") and "\n" not in text
    return text[len("prog.elf: ") :]


def test_segments_and_entry():
    blob = Elf(
        [Part(RAM, b"abcd", memsz=0x1000), Part(RAM + 0x2000, b"data"), Part(RAM + 0x3000, b"", memsz=0)],
        entry=RAM + 2,
    ).build()
    program = load(blob)
    assert (program.kind, program.entry, program.bias) == ("elf", RAM + 2, 0)
    assert [(s.address, s.data, s.mem_size) for s in program.segments] == [
        (RAM, b"abcd", 0x1000),
        (RAM + 0x2000, b"data", 4),
    ]
    assert (program.start, program.end) == (RAM, RAM + 0x2004)


def test_symbols():
    program = load(Elf(symbols={"_start": RAM, "tohost": RAM + 0x1000}).build())
    assert program.symbols == {"_start": RAM, "tohost": RAM + 0x1000}
    assert load(Elf().build()).symbols == {}


def test_damaged_section_headers_do_not_stop_loading():
    blob = bytearray(Elf(symbols={"_start": RAM}).build())
    blob[40:48] = struct.pack("<Q", 1 << 60)
    program = load(bytes(blob))
    assert program.entry == RAM
    assert program.symbols == {}


def test_virtual_entry_becomes_physical():
    blob = Elf([Part(RAM + 0x200000, CODE * 8, vaddr=0xFFFFFFFF80000000)], entry=0xFFFFFFFF80000008).build()
    assert load(blob).entry == RAM + 0x200008


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"machine": 62}, "is an ELF file for x86-64, not for RISC-V"),
        ({"machine": 9999}, "is an ELF file for machine 9999, not for RISC-V"),
        ({"elf_class": 1}, "is a 32-bit ELF file; this machine is RV64"),
        ({"elf_class": 7}, "is an ELF file of unknown class 7"),
        ({"order": 9}, "is an ELF file of unknown byte order 9"),
        ({"kind": 1}, "is a relocatable object file: link it first"),
        ({"kind": 4}, "is a core dump, not a program"),
        ({"kind": 77}, "is an ELF file of unknown type 77"),
        ({"parts": []}, "has no segments to load"),
        ({"parts": [Part(RAM, b"", memsz=0)]}, "has no segments to load"),
        ({"parts": [Part(RAM, CODE, kind=4)]}, "has no segments to load"),
        ({"parts": [Part(RAM, CODE, memsz=2)]}, "segment 0 has more bytes in the file than in memory"),
        ({"entry": RAM + 0x100000}, "entry point 0x80100000 lies outside its segments"),
    ],
)
def test_refused(change, expected):
    assert reason(Elf(**change).build()) == expected


def test_big_endian():
    blob = bytearray(Elf(order=2).build())
    blob[16:20] = struct.pack(">HH", 2, 243)
    assert reason(bytes(blob)) == "is a big-endian ELF file; this machine is little-endian"


@pytest.mark.parametrize("size", [4, 19, 63])
def test_truncated_header(size):
    assert reason(Elf().build()[:size]) == f"is a truncated ELF file ({size} bytes)"


def test_truncated_program_headers():
    assert reason(Elf().build()[:100]) == "is truncated: its program headers lie past the end of the file"


def test_truncated_segment():
    blob = Elf([Part(RAM, CODE * 64)]).build()
    assert reason(blob[:-1]) == f"is truncated: segment 0 ends at byte {len(blob)}, the file at {len(blob) - 1}"


def test_empty_and_compressed():
    assert reason(b"") == "is empty"
    assert reason(b"\x1f\x8b" + bytes(100)) == "is compressed with gzip: unpack it first"


@pytest.mark.parametrize("address", [0, 0x10000, RAM - 4, RAM + SIZE - 3, RAM + SIZE, (1 << 64) - 4])
def test_segment_outside_ram(address):
    text = reason(Elf([Part(RAM, CODE), Part(address, CODE)]).build())
    assert text.startswith(f"a segment at {address:#x}..")
    assert text.endswith("lies outside RAM (0x80000000..0x81000000)")


def test_segment_that_grows_out_of_ram_in_memory_only():
    assert "lies outside RAM" in reason(Elf([Part(RAM, CODE, memsz=SIZE + 1)]).build())


def test_overlapping_segments():
    blob = Elf([Part(RAM + 0x1000, CODE, memsz=0x1000), Part(RAM, CODE, memsz=0x1001)]).build()
    assert reason(blob) == "segments overlap: 0x80000000..0x80001001 and 0x80001000..0x80002000"


# -- position-independent files


def pie(relocations, code=bytes(32), dynamic=None):
    """Code at 0, relocations at 0x100, the dynamic section at 0x400."""
    rela = b"".join(struct.pack("<QQq", *entry) for entry in relocations)
    symbols = bytes(24) + struct.pack("<IBBHQQ", 0, 0, 0, 1, 0x10, 0) + struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    tags = dynamic or [(7, 0x100), (8, len(rela)), (9, 24), (6, 0x300), (0, 0)]
    table = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    data = (code.ljust(0x100, b"\0") + rela).ljust(0x300, b"\0") + symbols
    data = data.ljust(0x400, b"\0") + table
    parts = [Part(0, data, memsz=0x1000), Part(0x400, table, kind=PT_DYNAMIC, offset=64 + 2 * 56 + 0x400)]
    return Elf(parts, entry=4, kind=3).build()


def test_pie_goes_to_the_start_of_ram_relocated():
    program = load(pie([(8, 3, 0x20), (0x10, 2 | 1 << 32, 4), (0x18, 2 | 2 << 32, 0), (0xF00, 3, -8), (0, 0, 0)]))
    assert (program.kind, program.entry, program.bias) == ("pie", RAM + 4, RAM)
    [segment] = program.segments
    assert struct.unpack_from("<QQQ", segment.data, 8) == (RAM + 0x20, RAM + 0x14, 0)
    assert struct.unpack_from("<Q", segment.data, 0xF00) == (RAM - 8,)  # behind the file's bytes
    assert segment.mem_size == 0x1000


def test_pie_can_be_placed():
    assert load(pie([]), raw_at=RAM + 0x200000).entry == RAM + 0x200004


@pytest.mark.parametrize(
    "blob, expected",
    [
        (pie([(0x2000, 3, 0)]), "a relocation at 0x2000 lies outside its segments"),
        (pie([(0xFFC, 3, 0)]), "a relocation at 0xffc lies outside its segments"),
        (pie([(8, 5, 0)]), "has a relocation of type 5, which a program without a linker cannot use"),
        (pie([(8, 3, 0)], dynamic=[(7, 0x100), (8, 25)]), "has a relocation table of unknown form"),
        (pie([(8, 3, 0)], dynamic=[(7, 0x100), (8, 24), (9, 16)]), "has a relocation table of unknown form"),
        (pie([(8, 3, 0)], dynamic=[(7, 1 << 40), (8, 24)]), "the relocation table at 0x10000000000 lies outside"),
        (pie([(8, 2 | 1 << 60, 0)]), "a symbol at "),
    ],
)
def test_bad_relocations(blob, expected):
    assert reason(blob).startswith(expected)


# -- other kinds


def linux_image(text_offset=0x200000, image_size=0x3000, length=0x1000):
    header = struct.pack("<4s4sQQQ4sI8s8s4sI", CODE, CODE, text_offset, image_size, 0, b"\2\0\0\0", 0, bytes(8),
                         b"RISCV\0\0\0", b"RSC\5", 0)  # fmt: skip
    return header.ljust(length, b"\0")


def test_linux_image():
    program = load(linux_image())
    assert (program.kind, program.entry) == ("linux", RAM + 0x200000)
    assert program.segments[0].mem_size == 0x3000


def test_linux_image_outside_ram():
    assert reason(linux_image(image_size=SIZE)).startswith("the kernel at 0x80200000..0x81200000 lies outside RAM")


def test_raw_binary():
    program = load(b"\x13\0\0\0")
    assert (program.kind, program.entry, program.segments[0].address) == ("raw", RAM, RAM)
    assert load(b"\x13\0\0\0", raw_at=RAM + 0x200000).entry == RAM + 0x200000
    assert "the binary at" in reason(bytes(SIZE + 1))


def test_files_that_cannot_be_read(tmp_path):
    for path, words in ((tmp_path / "absent", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(InputError) as caught:
            elf.load(path)
        assert str(caught.value) == f"{path}: {words}"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_give_one_line(data):
    """Bytes changed anywhere and the end cut off: a program or an InputError, never anything else."""
    blob = bytearray(pie([(8, 3, 0x20)]) if data.draw(st.booleans()) else Elf(symbols={"_start": RAM}).build())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.one_of(st.integers(4, 63), st.integers(4, len(blob) - 1)))
        blob[at] = data.draw(st.integers(0, 255))
    blob = bytes(blob[: data.draw(st.integers(len(blob) // 2, len(blob)))])
    try:
        program = load(blob)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(RAM <= s.address and s.end <= RAM + SIZE and len(s.data) <= s.mem_size for s in program.segments)
        assert isinstance(program.symbols, dict)
