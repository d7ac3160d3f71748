"""What is tested: the committed names, the markers that pytest collects, and the choices written down."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
NAMES = Path(__file__).with_name("names")
CHOICES = ROOT / "docs" / "implementation-defined.toml"

TESTED, DOCUMENTED, UNTESTED = "tested", "documented", "untested"


class Broken(Exception):
    """The tests cannot be collected, or the file of choices says something about no rule."""


class Rule(NamedTuple):
    name: str
    tests: tuple[str, ...]  # file::name, a test with several rows once
    choice: str  # what rvh does where the manual leaves it open, or what it lacks; "" where nothing is to be said

    @property
    def status(self) -> str:
        return TESTED if self.tests else DOCUMENTED if self.choice else UNTESTED


class Chapter(NamedTuple):
    name: str
    rules: tuple[Rule, ...]

    def count(self, status: str) -> int:
        return sum(rule.status == status for rule in self.rules)

    @property
    def percent(self) -> int:
        """Tested and documented rules of all, rounded down: 100 only when none is left."""
        return 100 * (len(self.rules) - self.count(UNTESTED)) // len(self.rules)


def chapter_names() -> dict[str, list[str]]:
    """The committed rule names of each chapter, in the manual's order."""
    return {
        path.stem: [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        for path in sorted(NAMES.glob("*.txt"))
    }


def write_names(chapter: str, names: list[str], commit: str) -> None:
    head = f"# normative_rule_defs/{chapter}.yaml of riscv-isa-manual, commit {commit}\n"
    (NAMES / f"{chapter}.txt").write_text(head + "".join(f"{name}\n" for name in names))


def choices() -> tuple[dict[str, str], dict[str, str]]:
    """What docs/implementation-defined.toml says of single rules, and of chapters that rvh has nothing of.

    Raises Broken for a rule or a chapter that the manual does not have.
    """
    with CHOICES.open("rb") as file:
        document = tomllib.load(file)
    absent = document.pop("absent", {})
    names = chapter_names()
    for chapter, table in [*document.items(), *((chapter, {}) for chapter in absent)]:
        if strange := set(table) - set(names.get(chapter, ())):
            raise Broken(f"{CHOICES.name}: {chapter} has no rule {', '.join(sorted(strange))}")
        if chapter not in names:
            raise Broken(f"{CHOICES.name}: there is no chapter {chapter}")
    return {name: text for table in document.values() for name, text in table.items()}, absent


def collected(tests: str = "tests") -> dict[str, list[str]]:
    """rule -> node ids, of the tests that pytest really collects. Raises Broken when it cannot."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "rules.json"
        command = [sys.executable, "-m", "pytest", "-qq", "--collect-only", "-p", "tools.rules.collect"]
        command += ["-p", "no:cacheprovider", "--rules-to", str(out), tests]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if run.returncode != 0 or not out.exists():
            raise Broken(f"pytest collects nothing:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
        return json.loads(out.read_text())


def coverage(tests: Mapping[str, list[str]]) -> list[Chapter]:
    """The state of every chapter, from what `collected` gave.

    Raises Broken when a test or the file of choices names a rule that does not exist.
    """
    names = chapter_names()
    known = {name for chapter in names.values() for name in chapter}
    said, absent = choices()
    if strange := set(tests) - known:
        by = ", ".join(f"{name} ({tests[name][0]})" for name in sorted(strange))
        raise Broken(f"tests name rules that the manual does not have: {by}")

    def rule(chapter: str, name: str) -> Rule:
        return Rule(name, _by_function(tests.get(name, [])), said.get(name, absent.get(chapter, "")))

    return [Chapter(chapter, tuple(rule(chapter, name) for name in rules)) for chapter, rules in names.items()]


def _by_function(nodes: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.split("[", 1)[0] for node in nodes))
