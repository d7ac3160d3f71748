"""Failures that are expected: a TOML file that gives the reason for each.

::

    [[fail]]
    test = "rv64i_m/privilege/src/*misalign*"    # a shell pattern for the whole name
    reason = "misaligned accesses do not trap here"

Of a test that prints a verdict for each of its parts, ``TEST::PART`` names one.
"""

from __future__ import annotations

import fnmatch
import sys
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError, read_file
from .execute import Outcome

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Expected", "apply", "load", "unused"]


@dataclass(frozen=True)
class Expected:
    """One ``[[fail]]`` table."""

    pattern: str
    reason: str

    def fits(self, name: str) -> bool:
        """Whether it is about that test."""
        return fnmatch.fnmatchcase(name, self.pattern)


def load(path: str) -> list[Expected]:
    """Raises InputError for a file that cannot be read or is not of that form."""
    try:
        document: dict[str, Any] = tomllib.loads(read_file(path, 1 << 24).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"is not valid TOML: {error}") from None
    for key in document:
        if key != "fail":
            raise InputError(path, f"{key!r} is unknown: it is made of [[fail]] tables")
    tables = document.get("fail", [])
    if not isinstance(tables, list):
        raise InputError(path, "fail is not a list of [[fail]] tables")
    out = []
    for number, table in enumerate(tables, 1):
        if not isinstance(table, dict) or not all(isinstance(table.get(key), str) for key in ("test", "reason")):
            raise InputError(path, f"[[fail]] number {number} needs the texts test and reason")
        if set(table) != {"test", "reason"}:
            raise InputError(path, f"[[fail]] number {number} has only test and reason")
        if not table["reason"].strip():
            raise InputError(path, f"[[fail]] number {number}: {table['test']} needs a reason")
        out.append(Expected(table["test"], table["reason"]))
    return out


def apply(outcome: Outcome, expected: list[Expected]) -> Outcome:
    """The outcome with the reason why its failure was expected: "xfail" if it failed, "xpass" if it did not."""
    if outcome.status in ("skip", "error"):
        return outcome
    found = _for(outcome.test.name, expected)
    if found is not None:
        return replace(outcome, status="xpass" if outcome.status == "pass" else "xfail", expected=found.reason)
    known = {name: _for(f"{outcome.test.name}::{name}", expected) for name, _ in outcome.parts}
    reasons = {name: one.reason for name, one in known.items() if one is not None}
    failed = {name for name, passed in outcome.parts if not passed}
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    if reasons.keys() - failed:
        passed = ", ".join(sorted(reasons.keys() - failed))
        return replace(outcome, status="xpass", message=f"{passed} passed", expected=told)
    if failed and failed == reasons.keys():
        return replace(outcome, status="xfail", expected=told)
    return outcome


def _for(name: str, expected: list[Expected]) -> Expected | None:
    return next((one for one in expected if one.fits(name)), None)


def unused(expected: list[Expected], names: list[str]) -> list[str]:
    """Patterns that are about none of these tests."""
    tests = [one.pattern.partition("::")[0] for one in expected]
    return [test for test in tests if not any(fnmatch.fnmatchcase(name, test) for name in names)]
