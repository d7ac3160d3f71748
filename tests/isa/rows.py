"""The tables in rows/: one line is an instruction (or a few), a state before, and what is different after.

    assembly | before | after | rules

The last part may be missing: the manual's normative rules that the row shows, beside those that an instruction of the
row gives its name to (`mul_op`; see :func:`named`).

State items are ``register=expression``, ``[address]:size=expression`` for memory, ``csr=expression``, ``pc=`` relative
to the first instruction, ``mode=``. Expressions are Python over the names in :data:`NAMES`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from rvh.emit.asm import assemble
from rvh.emit.syntax import F_NUMBERS, X_NUMBERS

CODE = 0x8000_0000
VECTOR = 0x8000_0800
DATA = 0x8001_0000
DATA_SIZE = 256
MASK = (1 << 64) - 1
BOX = 0xFFFF_FFFF_0000_0000
BOX_H = 0xFFFF_FFFF_FFFF_0000

#: Every rule name of the manual.
RULES = frozenset(
    line
    for path in (Path(__file__).parents[2] / "tools" / "rules" / "names").glob("*.txt")
    for line in path.read_text().splitlines()
)
#: Instructions of whose meaning a row in M-mode on one hart shows nothing but that they complete.
SILENT = ("wfi", "sfence", "hfence", "sinval", "hinval", "fence", "pause", "prefetch", "cbo.i", "cbo.c", "cbo.f")


def single(value: float) -> int:
    """The NaN-boxed bits of a single."""
    return BOX | struct.unpack("<I", struct.pack("<f", value))[0]


def half(value: float) -> int:
    """The NaN-boxed bits of a half."""
    return BOX_H | struct.unpack("<H", struct.pack("<e", value))[0]


def double(value: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", value))[0]


NAMES = {
    "code": CODE, "vector": VECTOR, "data": DATA, "s": single, "d": double, "h": half, "inf": float("inf"), "box": BOX,
    "snan": BOX | 0x7FC0_0000, "dnan": 0x7FF8_0000_0000_0000,
    "hbox": BOX_H, "hnan": BOX_H | 0x7E00, "M": "M", "HS": "HS",
}  # fmt: skip


@dataclass
class Spec:
    """One side of a row."""

    x: dict[int, int]
    f: dict[int, int]
    memory: list[tuple[int, int, int]]  # address, size, value
    csr: dict[str, int]
    pc: int | None
    mode: str | None


@dataclass
class Row:
    where: str
    assembly: str
    before: Spec
    after: Spec
    code: bytes
    lengths: list[int]
    rules: list[str]

    @property
    def end(self) -> int:
        """Where pc is after the row, if it does not say so itself."""
        return CODE + (len(self.code) if self.after.pc is None else self.after.pc)


def _spec(text: str) -> Spec:
    spec = Spec({}, {}, [], {}, None, None)
    for item in text.split():
        key, _, expression = item.partition("=")
        value = eval(expression, {"__builtins__": {}}, NAMES)
        if m := re.fullmatch(r"\[(.*)\]:(\d)", key):
            spec.memory.append((eval(m[1], {"__builtins__": {}}, NAMES), int(m[2]), value & (1 << 8 * int(m[2])) - 1))
        elif key in X_NUMBERS:
            spec.x[X_NUMBERS[key]] = value & MASK
        elif key in F_NUMBERS:
            spec.f[F_NUMBERS[key]] = value & MASK
        elif key == "pc":
            spec.pc = value
        elif key == "mode":
            spec.mode = value
        else:
            spec.csr[key] = value & MASK
    return spec


def named(assembly: str) -> list[str]:
    """The rules that say what the instructions do, by their names."""
    names = []
    for insn in (part.split()[0] for part in assembly.split(";")):
        if not insn.startswith(SILENT):
            for stem in dict.fromkeys((insn.replace(".", "-"), insn.replace(".", "_"))):
                names += [stem + end for end in ("_op", "_op_rv64i", "_rv64i_op") if stem + end in RULES]
    return names


def read(path: Path) -> list[Row]:
    """The rows of one table."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        assembly, before, after, *rules = (part.strip() for part in re.split(r"\s\|(?=\s|$)", line))
        code = assemble(assembly, CODE).data
        lengths, at = [], 0
        while at < len(code):
            lengths.append(4 if code[at] & 3 == 3 else 2)
            at += lengths[-1]
        names = [*named(assembly), *" ".join(rules).split()]
        rows.append(Row(f"{path.stem}:{number}", assembly, _spec(before), _spec(after), code, lengths, names))
    return rows


TABLES = sorted((Path(__file__).parent / "rows").glob("*.txt"))
ROWS = [row for path in TABLES for row in read(path)]
