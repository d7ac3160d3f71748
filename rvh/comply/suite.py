"""Which files are tests, and where their reference signatures are.

A test is an ELF file for RISC-V. Layouts of references that are understood, the first that exists counts:

- RISCOF's work directory: ``X.S/dut/*.elf`` beside ``X.S/ref/*.signature``; the test is called ``X.S``;
- beside the ELF: ``NAME.signature``, ``NAME.reference_output``, ``NAME.sig`` and the like, also after ``NAME.elf``;
- in a parallel folder: ``elf/NAME.elf`` and ``ref/NAME.signature``, ``references/NAME.reference_output``;
- in the folder that the user names, under the same relative path or the same name.

Everything else reports for itself: through HTIF, the test finisher, SBI or what it prints.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, os_reason

__all__ = ["Test", "find", "matcher"]

_ENDINGS = (".signature", ".reference_output", ".signature.output", ".ref.sig", ".sig")
_PARALLEL = ("ref", "references", "reference", "signatures")
#: What RISCOF and ACT4 leave in their work directories beside the tests: the references' own programs.
_NOT_TESTS = ("*.sig.elf", "*.S/ref/*")


@dataclass(frozen=True)
class Test:
    """A built test. ``name`` is unique in a run: the path below the folder that was given."""

    __test__ = False  # the name is the suite's: not a test class

    name: str
    path: str
    reference: str | None = None

    @property
    def group(self) -> str:
        """The folder part of the name, or for riscv-tests the part before the last dash; "" if there is none."""
        folder, _, name = self.name.rpartition("/")
        return folder or name.rpartition("-")[0]


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name fits one of the patterns: shell patterns for the whole name, other texts for a part of it. No
    patterns fit everything."""

    def fits(name: str, pattern: str) -> bool:
        return fnmatch.fnmatchcase(name, pattern) if set(pattern) & set("*?[") else pattern in name

    return lambda name: not patterns or any(fits(name, pattern) for pattern in patterns)


def find(paths: Iterable[str | os.PathLike[str]], references: str | None = None) -> list[Test]:
    """The tests in files and folders, in the order of their names. ``references`` is a folder of reference signatures
    that is asked first. Raises InputError for a path that does not exist and a file that is no RISC-V ELF."""
    found: dict[str, Test] = {}
    for given in map(Path, paths):
        try:
            root, files = (given, sorted(_walk(given))) if given.is_dir() else (given.parent, [given])
            if not given.is_dir() and not _is_test(given):
                raise InputError(given, "is no RISC-V ELF file")
        except OSError as error:
            raise InputError(given, os_reason(error)) from None
        for path in files:
            name, reference = _layout(path, root, references)
            if name in found and found[name].path != str(path):
                name = str(path)  # two suites with a test of one name
            found[name] = Test(name, str(path), None if reference is None else str(reference))
    return sorted(found.values(), key=lambda test: test.name)


def _walk(folder: Path) -> Iterable[Path]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            path = Path(base, name)
            if not any(fnmatch.fnmatch(str(path), pattern) for pattern in _NOT_TESTS) and _is_test(path, quiet=True):
                yield path


def _is_test(path: Path, quiet: bool = False) -> bool:
    """Whether a file is an executable ELF for RISC-V: object files are none."""
    try:
        if not path.is_file() and quiet:
            return False
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        if quiet:
            return False
        raise
    return head[:4] == b"\x7fELF" and head[18:20] == b"\xf3\x00" and head[16] in (2, 3)


def _layout(path: Path, root: Path, references: str | None) -> tuple[str, Path | None]:
    """(name, reference) of an ELF below a folder."""
    relative = path.relative_to(root)
    if path.parent.name == "dut" and path.parent.parent.suffix == ".S":  # RISCOF
        signatures = sorted(path.parent.parent.glob("ref/*.signature"))
        above = path.parent.parent
        name = above.relative_to(root).as_posix() if above != root and root in above.parents else above.name
        return name, signatures[0] if signatures else None
    name = relative.as_posix()
    stems = [path.name, path.stem] if path.suffix else [path.name]
    places = [path.parent, *(path.parent.parent / folder for folder in _PARALLEL)]
    if references is not None:
        places = [Path(references, relative.parent), Path(references), *places]
    for place in places:
        for stem in stems:
            for ending in _ENDINGS:
                if (place / (stem + ending)).is_file():
                    return name, place / (stem + ending)
    return name, None
