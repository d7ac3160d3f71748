"""Damaged files: what people feed to `rvh-run`, with bytes changed, cut, doubled and swapped.

A trial is a function of its seed. The command must end with one of its exit statuses, a bad file with 2 and one line
that names what is wrong; it must not raise, and not touch the file.
"""

from __future__ import annotations

import contextlib
import io
import random
import tempfile
from pathlib import Path

from rvh import Machine, dtb
from rvh.cli import run as command
from rvh.emit.asm import assemble

from ..lockstep.elffile import write_elf

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, (1 << 64) - 1)
PROGRAM = "li a0, 0x5555\nli t0, 0x100000\nsw a0, 0(t0)\n1: j 1b\n"
TOML = """[machine]
harts = 2
memory = "64M"

[[vm]]
name = "one"
kernel = "kernel.elf"
memory = "16M"
vcpus = 1
weight = 512
cap = 50
disk = "disk.img"

[[vm]]
name = "two"
kernel = "kernel.elf"
memory = "16M"
append = "console=hvc0"
harts = [0, 1]
"""
STATUSES = {0, 1, 2, 3, 4}
LIMIT = ("--max-insns", "20000", "--memory", "64M")


def _image() -> bytes:
    """A Linux Image: its header, then code."""
    header = bytearray(0x40)
    header[0:4] = (0x0400_006F).to_bytes(4, "little")
    header[8:32] = b"".join(n.to_bytes(8, "little") for n in (0x20_0000, 0x1000, 0))
    header[0x20:0x24] = (2).to_bytes(4, "little")
    header[0x30:0x38], header[0x38:0x3C] = b"RISCV\0\0\0", b"RSC\x05"
    return bytes(header) + assemble(PROGRAM).data


def _elf() -> bytes:
    return write_elf(0x8000_0000, assemble(PROGRAM, 0x8000_0000).data, 0x8000_0000)


#: By kind: what to damage, and the arguments that follow its path.
SUBJECTS = {
    "elf": (_elf, ("--bare", *LIMIT)),
    "image": (_image, ("--max-insns", "3000000", "--vm-memory", "16M")),
    "dtb": (lambda: dtb.write(Machine(harts=2).device_tree()), LIMIT),
    "toml": (TOML.encode, ("--max-insns", "3000000")),
}


def damage(rng: random.Random, blob: bytes) -> bytes:
    """The same with a few things wrong."""
    out = bytearray(blob)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out)) if rng.random() < 0.6 else rng.randrange(min(len(out), 128))
        pick = rng.random()
        if pick < 0.35:
            out[at] = rng.getrandbits(8)
        elif pick < 0.6:
            size = rng.choice((1, 2, 4, 8))
            value = rng.choice(INTERESTING) & (1 << 8 * size) - 1
            out[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))
        elif pick < 0.7:
            del out[at : at + rng.randrange(1, 20)]
        elif pick < 0.8:
            del out[at:]
        elif pick < 0.9:
            out[at:at] = out[at : at + rng.randrange(1, 64)]
        else:
            out[at : at + 8] = rng.randbytes(8)
        out = out or bytearray(b"\n")
    return bytes(out)


def run(seed: int) -> str:
    """One trial; a line that says what came out. Raises AssertionError, and whatever a bug raises."""
    rng = random.Random(seed)
    kind = rng.choice(list(SUBJECTS))
    make, options = SUBJECTS[kind]
    blob = damage(rng, make())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, {"elf": "kernel.elf", "toml": "vms.toml"}.get(kind, kind))
        Path(folder, "kernel.elf").write_bytes(_elf())
        Path(folder, "disk.img").write_bytes(bytes(4096))
        path.write_bytes(blob)
        args = [str(Path(folder, "kernel.elf")), "--bare", "--dtb", str(path)] if kind == "dtb" else [str(path)]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = command.main([*args, *options])
        assert path.read_bytes() == blob, f"{kind}: the file was changed"
    said = err.getvalue()
    assert status in STATUSES, f"{kind}: status {status}\n{said}"
    if status == 2:
        assert said.count("\n") == 1 and "Traceback" not in said, f"{kind}: {said}"
    return f"{kind}: status {status}"
