"""What the frameworks for riscv-arch-test want to know of a device under test, written out for rvh.

The files lie in ``riscof/`` beside this one; where a description depends on the instruction set, a name
between two ``@`` stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, UsageError, os_reason
from ..isa import extensions
from ..machine import DEFAULT_ISA

__all__ = ["FRAMEWORKS", "write"]

FRAMEWORKS = ("riscof",)
_HERE = Path(__file__).parent

#: The extensions beyond single letters that RISCOF's validator (riscv-config 3.18) knows, in its order.
_RISCOF_ORDER = (
    "Zicbom Zicbop Zicboz Zicfilp Zicfiss Zicntr Zicond Zicsr Zifencei Zihintpause Zihpm Zimop Zabha Zacas "
    "Zfa Zfh Zca Zcb Zcd Zcmop Zba Zbb Zbc Zbkb Zbkc Zbkx Zbs Zknd Zkne Zknh Zksed Zksh Zkt"
).split()


def riscof_isa(names: frozenset[str]) -> str:
    """``RV64IMAFDCSUZicsr_...`` in the spelling and order of RISCOF, with the extensions that it knows. It has no tests
    of H, which stays out."""
    letters = _letters(names)
    known = [name for name in _RISCOF_ORDER if name in names]
    category = "IEMAFDQLCBJKTPVNSHU"
    known.sort(key=lambda name: (category.index(name[1].upper()), name))
    return f"RV64{letters}{'_'.join(known)}"


def _letters(names: frozenset[str]) -> str:
    return "".join(letter for letter in "IMAFDCSU" if letter in names)


def _misa_letters(names: frozenset[str]) -> int:
    return sum(1 << ord(letter) - ord("A") for letter in _letters(names))


_VALUES: dict[str, Callable[[frozenset[str]], str]] = {
    "RISCOF_ISA": riscof_isa,
    "MISA": lambda names: f"{2 << 62 | _misa_letters(names):#x}",
    "MISA_EXTENSIONS": lambda names: f"{_misa_letters(names):#09x}",
}


def write(framework: str, folder: str, isa: str | None = None) -> list[str]:
    """Writes the files of a framework (of FRAMEWORKS) for an instruction set into a folder, which is made; returns
    their paths. Raises UsageError for an ISA that is not understood or files that exist, InputError for what the
    system refuses."""
    try:
        names = extensions.parse(isa or DEFAULT_ISA)
    except extensions.IsaError as error:
        raise UsageError(f"--isa: {error}") from None
    source = _HERE / framework
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc")
    targets = [Path(folder, path.relative_to(source)) for path in files]
    for target in targets:
        if target.exists():
            raise UsageError(f"{target} exists already")
    for path, target in zip(files, targets, strict=True):
        text = re.sub(r"@([A-Z0-9_]+)@", lambda match: _VALUES[match[1]](names), path.read_text())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        except OSError as error:
            raise InputError(target, os_reason(error)) from None
    return [str(target) for target in targets]
