"""The copy of the package that has every mistake beside the right code."""

from __future__ import annotations

import re
from pathlib import Path

from .. import variant
from ..variant import ROOT
from .mistakes import MISTAKES, Mistake

ZOO = ROOT / "build" / "zoo"
#: The number of the mistake to make, counted from 1; 0 or nothing: none.
VARIABLE = "RVH_MISTAKE"
PICK = re.compile(r"\bpick\(")


#: Goes in front of the core's sources.
CHOICE = f'''
import os as _zoo_os

cdef extern from *:
    """
    static int zoo_mistake;
    #define zoo_choice(number, wrong, right) (zoo_mistake == (number) ? (wrong) : (right))
    """
    int zoo_mistake
    u64 zoo_choice(int number, u64 wrong, u64 right) noexcept nogil

zoo_mistake = int(_zoo_os.environ.get("{VARIABLE}") or 0)
'''


class Unfit(Exception):
    """A mistake whose place in the core is not there any more, or not alone."""


def _find(lines: list[str], mistake: Mistake) -> int:
    whole = [n for n, line in enumerate(lines) if line.strip() == mistake.line]
    found = whole or [n for n, line in enumerate(lines) if mistake.line in line]
    if len(found) != 1:
        raise Unfit(f"{mistake.name}: {len(found)} lines of {mistake.file}.pxi have {mistake.line!r}")
    return found[0]


def _expand(text: str, number: int) -> str:
    """``pick(wrong, right)`` as the macro of `CHOICE`."""
    while match := PICK.search(text):
        depth, commas, at = 1, [], match.end()
        while depth:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[at], 0)
            if text[at] == "," and depth == 1:
                commas.append(at)
            at += 1
        (comma,) = commas
        wrong, right = text[match.end() : comma].strip(), text[comma + 1 : at - 1].strip()
        text = f"{text[: match.start()]}zoo_choice({number}, {wrong}, {right}){text[at:]}"
    return text


def insert(text: str, mistake: Mistake, number: int) -> str:
    """The source with one more mistake in it. Raises `Unfit`."""
    lines = text.split("\n")
    at = _find(lines, mistake)
    line = lines[at]
    if mistake.old:
        if line.count(mistake.old) != 1:
            raise Unfit(f"{mistake.name}: {mistake.old!r} is {line.count(mistake.old)} times in {line.strip()!r}")
        new = mistake.new if PICK.search(mistake.new) else f"pick({mistake.new}, {mistake.old})"
        lines[at] = line.replace(mistake.old, _expand(new, number))
    else:
        indent = line[: len(line) - len(line.lstrip())]
        wrong = [f"{indent}    {part}" for part in mistake.new.split("\n")]
        lines[at : at + 1] = [f"{indent}if zoo_mistake == {number}:", *wrong, f"{indent}else:", f"    {line}"]
    return "\n".join(lines)


def sources() -> dict[str, str]:
    """The core's files by name, with all mistakes in them. Raises `Unfit`."""
    out: dict[str, str] = {}
    for number, mistake in enumerate(MISTAKES, start=1):
        if mistake.file not in out:
            out[mistake.file] = (ROOT / "rvh" / "core" / f"{mistake.file}.pxi").read_text()
        out[mistake.file] = insert(out[mistake.file], mistake, number)
    return out


def build() -> Path:
    """Makes build/zoo and compiles it; returns the folder. Raises `Unfit`."""
    edited = sources()
    edit = {f"{name}.pxi" for name in edited} | {"_fast.pyx"}
    variant.copy(ZOO, ("rvh", "tests"), edit)
    for name, text in edited.items():
        variant.write(ZOO / "rvh" / "core" / f"{name}.pxi", text)
    start, rest = (ROOT / "rvh" / "_fast.pyx").read_text().split('\ninclude "core/', 1)
    variant.write(ZOO / "rvh" / "_fast.pyx", f'{start}\n{CHOICE}\ninclude "core/{rest}')
    variant.compile_core(ZOO)
    return ZOO
