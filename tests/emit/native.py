"""The generated C decoder as a shared library, built once per run with the host's compiler."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from rvh.emit import generate

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "rvh" / "core"


class Op(ctypes.Structure):
    """struct Op of core/runtime.h."""

    _fields_ = [
        ("fn", ctypes.c_void_p),
        ("rd", ctypes.c_uint8),
        ("rs1", ctypes.c_uint8),
        ("rs2", ctypes.c_uint8),
        ("off", ctypes.c_uint8),
        ("imm", ctypes.c_int32),
    ]


class Decoder:
    """rvh_decode(), rvh_expand16() and rvh_fuse(), with stubs for the handlers: only their names matter."""

    def __init__(self, folder: Path) -> None:
        generate(folder)
        names = [
            line.split()[1].partition("(")[0]
            for line in (folder / "handlers.h").read_text().splitlines()
            if line.startswith("void ")
        ]
        # Bodies differ, so that no compiler folds two handlers into one address.
        stubs = "\n".join(
            f"void {name}(Hart *h, const Op *op, u64 pc) {{ (void)h; (void)op; mark = pc + {n}; }}"
            for n, name in enumerate(names)
        )
        (folder / "stubs.c").write_text(f'#include "handlers.h"\nvolatile u64 mark;\n{stubs}\n')
        compiler = shutil.which("gcc") or shutil.which("cc") or "cc"
        library = folder / "decode.so"
        sources = [str(folder / "decode.c"), str(folder / "stubs.c")]
        flags = ["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{CORE}"]
        subprocess.run([compiler, *flags, *sources, "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.rvh_handler_name.restype = ctypes.c_char_p
        self.library.rvh_handler_name.argtypes = [ctypes.c_void_p]
        self.library.rvh_expand16.restype = ctypes.c_uint32
        words = [ctypes.c_uint64, ctypes.c_uint64]
        self.library.rvh_expand16.argtypes = [ctypes.c_uint16, *words]
        self.library.rvh_decode.argtypes = [ctypes.c_uint32, *words, ctypes.POINTER(Op)]
        self.library.rvh_fuse.argtypes = [ctypes.POINTER(Op)]
        self.library.rvh_fuse.restype = None

    def name(self, fn: int) -> str:
        return self.library.rvh_handler_name(fn).decode()

    def decode(self, word: int, ext: int) -> tuple[int, Op, str]:
        """(kind bits, op, handler name)."""
        op = Op()
        kind = self.library.rvh_decode(word, *words_of(ext), ctypes.byref(op))
        return kind, op, self.name(op.fn)

    def expand16(self, half: int, ext: int = -1) -> int:
        return self.library.rvh_expand16(half, *words_of(ext))

    def fuse(self, words: list[int], ext: int) -> list[str]:
        """Handler names of a straight run of instructions after rvh_fuse() from the last to the first."""
        ops = (Op * (len(words) + 8))()
        for n, word in enumerate(words):
            self.library.rvh_decode(word, *words_of(ext), ctypes.byref(ops[n]))
        for n in reversed(range(len(words))):
            self.library.rvh_fuse(ctypes.byref(ops[n]))
        return [self.name(ops[n].fn) for n in range(len(words))]


def words_of(ext: int) -> tuple[int, int]:
    """A set of extensions as the C functions take it."""
    return ext & (1 << 64) - 1, ext >> 64 & (1 << 64) - 1


@functools.cache
def decoder() -> Decoder:
    """The one decoder of this run. Its folder goes when the process ends."""
    holder = tempfile.TemporaryDirectory(prefix="rvh-decoder-")
    made = Decoder(Path(holder.name))
    made.holder = holder
    return made
