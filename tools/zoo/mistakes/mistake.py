"""What a mistake is: where in the core it would be made, and what notices it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`name` says what is wrong.

    `line` finds one line of the file in rvh/core: by all of it, or by a part that only it has. In that line `old`
    becomes `new`; without `old` the whole statement does. In `new`, ``pick(wrong, right)`` is the choice; a `new`
    without it is the wrong reading of `old`. `tests` are the names that catch it, as ``-k`` takes them. `source` is
    where others met it; R numbers are those of the checklist (docs/h_extension_checklist.md).
    """

    name: str
    file: str
    line: str
    old: str
    new: str
    tests: str
    source: str = ""
