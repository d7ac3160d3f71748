"""The copy of the package whose core is compiled under sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .. import variant

FOLDER = variant.ROOT / "build" / "sanitized"
#: Loads and stores of guests may be misaligned on purpose. Redzones on the stack would cost the handlers their tail
#: calls, as would -fsanitize=undefined those of fused multiply-add: `ENVIRONMENT` and run.py give a large stack.
SANITIZE = "-fsanitize=address,undefined"
CFLAGS = f"{SANITIZE} -fno-sanitize=alignment --param asan-stack=0 -g1"
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "PYTHONMALLOC": "malloc",  # so that AddressSanitizer sees Python's objects, too
}

#: In the copy alone: what shows that the sanitizers are awake.
PLANTED = '''

from libc.stdlib cimport free, malloc


def planted(u32 size, u32 n):
    """Reads byte n of an object of so many bytes."""
    cdef volatile unsigned char *p = <volatile unsigned char *>malloc(size)
    p[0] = 1
    cdef int value = p[n]
    free(<void *>p)
    return value


def shifted(u32 n):
    return <int>1 << n
'''


def sanitizers() -> list[str] | None:
    """The runtime libraries to preload, or None if the compiler has none."""
    paths = []
    for name in ("libasan.so", "libubsan.so"):
        try:
            found = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
        except OSError:
            return None
        if not os.path.isabs(found):
            return None
        paths.append(found)
    return paths


def build() -> Path:
    """Makes build/sanitized and compiles it; returns the folder. Raises subprocess.CalledProcessError."""
    variant.copy(FOLDER, ("rvh", "tools"), {"_fast.pyx"})
    variant.write(FOLDER / "rvh" / "_fast.pyx", (variant.ROOT / "rvh" / "_fast.pyx").read_text() + PLANTED)
    shutil.copytree(variant.ROOT / "rvh" / "images", FOLDER / "rvh" / "images", dirs_exist_ok=True)
    variant.compile_core(FOLDER, {"CFLAGS": CFLAGS, "LDFLAGS": SANITIZE})
    return FOLDER
