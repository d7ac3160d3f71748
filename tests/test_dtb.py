"""Device trees: the writer against dtc where there is one, the reader against damaged blobs."""

import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rvh import dtb
from rvh.dtb import DtbError, Node
from rvh.errors import InputError


@pytest.fixture
def tree():
    return Node(
        "",
        {"#address-cells": 2, "#size-cells": 2, "compatible": ["a,b", "c"]},
        [
            Node("chosen", {"bootargs": "console=ttyS0", "empty": True}),
            Node("soc", {}, [Node("uart@10000000", {"reg": dtb.reg64(0x10000000, 0x100), "interrupts": [1, 2]})]),
        ],
    )


def same(a, b):
    return (
        a.name == b.name
        and a.props == b.props
        and len(a.children) == len(b.children)
        and all(same(x, y) for x, y in zip(a.children, b.children, strict=True))
    )


def test_values(tree):
    uart = tree.find("/soc/uart@10000000")
    assert uart.u64s("reg") == [0x10000000, 0x100]
    assert uart.cells("interrupts") == [1, 2]
    assert tree.u32("#address-cells") == 2
    assert tree.strings("compatible") == ["a,b", "c"]
    assert tree.child("chosen").string("bootargs") == "console=ttyS0"
    assert tree.child("chosen")["empty"] == b""
    assert tree.find("/soc/uart") is uart
    assert tree.find("/soc/spi") is tree.find("/none/uart") is None
    assert [path for path, _ in tree.walk()] == ["/", "/chosen", "/soc", "/soc/uart@10000000"]


def test_round_trip(tree):
    blob = dtb.write(tree, reservations=[(0x80000000, 0x1000)])
    assert same(dtb.parse(blob), tree)
    assert same(dtb.parse(blob + bytes(100)), tree)  # more file than tree


def test_blob_layout(tree):
    blob = dtb.write(tree, [(0x80000000, 0x1000)], boot_hart=3)
    fields = struct.unpack(">10I", blob[:40])
    assert fields[:2] == (0xD00DFEED, len(blob))
    assert fields[5:8] == (17, 16, 3)
    assert struct.unpack(">4Q", blob[fields[4] : fields[4] + 32]) == (0x80000000, 0x1000, 0, 0)
    assert fields[4] % 8 == fields[2] % 4 == 0


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_dtc_reads_what_we_write(tree):
    run = subprocess.run(["dtc", "-I", "dtb", "-O", "dts"], input=dtb.write(tree), capture_output=True, check=True)
    text = run.stdout.decode()
    assert 'compatible = "a,b", "c"' in text or 'compatible = "a,b\\0c"' in text
    assert "uart@10000000 {" in text and 'bootargs = "console=ttyS0"' in text


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_we_read_what_dtc_writes():
    source = b'/dts-v1/; /memreserve/ 0x1000 0x2000; / { a = <1 2>; n@1 { reg = <1>; s = "x", "y"; }; m { }; };'
    blob = subprocess.run(["dtc", "-O", "dtb"], input=source, capture_output=True, check=True).stdout
    root = dtb.parse(blob)
    assert root.cells("a") == [1, 2]
    assert root.child("n").strings("s") == ["x", "y"]
    assert [child.name for child in root.children] == ["n@1", "m"]


def header(**changes):
    """A blob of an empty root with changed header fields."""
    blob = bytearray(dtb.write(Node("", {"a": 1})))
    names = ["magic", "total", "struct", "strings", "reserved", "version", "compatible", "hart", "nstrings", "nstruct"]
    for name, value in changes.items():
        struct.pack_into(">I", blob, 4 * names.index(name), value)
    return bytes(blob)


def body(*words, strings=b"a\0"):
    """A blob with this structure block; words are cells or bytes."""
    block = b"".join(word if isinstance(word, bytes) else struct.pack(">I", word) for word in words)
    fixed = struct.pack(
        ">10I", 0xD00DFEED, 56 + len(block) + len(strings), 56, 56 + len(block), 40, 17, 16, 0, len(strings), len(block)
    )
    return fixed + bytes(16) + block + strings


BEGIN, END_NODE, PROP, END = 1, 2, 3, 9
ROOT = (BEGIN, bytes(4))


@pytest.mark.parametrize(
    "blob, words",
    [
        (b"", "truncated: 0 bytes"),
        (bytes(40), "wrong magic"),
        (header()[:-1], "is truncated"),
        (header(total=1 << 31), "is truncated"),
        (header(version=3), "version 3"),
        (header(compatible=18), "version"),
        (header(struct=57), "structure block is misaligned"),
        (header(struct=1 << 30), "structure block lies outside"),
        (header(strings=1 << 30), "strings block lies outside"),
        (header(reserved=1 << 30), "reservation block lies outside"),
        (header(reserved=44), "reservation block is misaligned"),
        (header(nstruct=4), "ends without FDT_END|does not end"),
        (body(END), "does not begin with a node"),
        (body(*ROOT), "ends without FDT_END"),
        (body(*ROOT, END_NODE), "ends without FDT_END"),
        (body(*ROOT, END_NODE, *ROOT, END_NODE, END), "goes on after its root"),
        (body(*ROOT, 7), "unknown token 0x7"),
        (body(*ROOT, END), "unknown token 0x9"),
        (body(BEGIN, b"abc\0", END_NODE, END), "root has a name"),
        (body(BEGIN, b"abcd"), "node name that does not end"),
        (body(*ROOT, BEGIN, b"\xff\0\0\0", END_NODE, END_NODE, END), "not ASCII"),
        (body(*ROOT, BEGIN, b"a/b\0", END_NODE, END_NODE, END), "invalid name"),
        (body(*ROOT, BEGIN, bytes(4), END_NODE, END_NODE, END), "invalid name"),
        (body(*ROOT, PROP, 0), "ends inside a property"),
        (body(*ROOT, PROP, 8, 0, 0), "runs past the end"),
        (body(*ROOT, PROP, 0xFFFFFFFF, 0), "runs past the end"),
        (body(*ROOT, PROP, 0, 99, END_NODE, END), "property name that does not end"),
        (body(*ROOT, PROP, 0, 1, END_NODE, END), "without a name"),
        (body(*ROOT, PROP, 0, 0, END_NODE, END, strings=b"a"), "property name that does not end"),
        (body(*ROOT, BEGIN, b"n\0\0\0", END_NODE, PROP, 0, 0, END_NODE, END), "after the subnodes"),
        (body(*ROOT, *(BEGIN, b"n\0\0\0") * 100), "nested deeper"),
    ],
)
def test_malformed(blob, words):
    with pytest.raises(DtbError, match=words) as caught:
        dtb.parse(blob)
    assert "\n" not in str(caught.value)


def test_nop_tokens_are_skipped():
    root = dtb.parse(body(4, *ROOT, 4, PROP, 0, 0, 4, END_NODE, 4, END))
    assert root.props == {"a": b""}


def test_reservations_that_do_not_end():
    blob = bytearray(body(*ROOT, END_NODE, END))
    blob[40:56] = b"\1" * 16
    struct.pack_into(">I", blob, 16, 40)
    with pytest.raises(DtbError, match="reservation block does not end"):
        dtb.parse(bytes(blob))


def test_wrong_types():
    node = Node("n", {"odd": b"abc", "pair": [1, 2], "text": b"abc", "bytes": b"\xff\0"})
    for read, words in (
        (lambda: node.cells("odd"), "not made of cells"),
        (lambda: node.u32("pair"), "2 cells instead of 1"),
        (lambda: node.u64s("odd"), "pairs of cells"),
        (lambda: node.string("text"), "not a string"),
        (lambda: node.string("bytes"), "not text"),
    ):
        with pytest.raises(DtbError, match=words):
            read()
    with pytest.raises(KeyError):
        node.cells("absent")


def test_load_names_the_file(tmp_path):
    path = tmp_path / "bad.dtb"
    path.write_bytes(b"not a tree, but long enough to have a header of forty bytes")
    with pytest.raises(InputError, match="bad.dtb: not a flattened device tree"):
        dtb.load(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_blobs(data):
    blob = bytearray(dtb.write(Node("", {"a": 1, "bb": "text"}, [Node("n@1", {"reg": [1, 2]}, [Node("m")])])))
    for _ in range(data.draw(st.integers(1, 5))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    blob = bytes(blob[: data.draw(st.integers(0, len(blob)))]) if data.draw(st.booleans()) else bytes(blob)
    try:
        root = dtb.parse(blob)
    except DtbError as error:
        assert "\n" not in str(error)
    else:
        assert same(dtb.parse(dtb.write(root)), root)
