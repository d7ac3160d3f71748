"""The names and the text of the rules, from a checkout of the ISA manual or from a git directory of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple


class Unreadable(Exception):
    """The directory given holds no ISA manual with rule definitions."""


class Definition(NamedTuple):
    """One entry of a chapter's definitions: names that share tags."""

    names: tuple[str, ...]
    tags: tuple[str, ...]
    choice: bool  # impl-def-behavior: the manual leaves it to the implementation


class Manual:
    """A version of the ISA manual. ``directory``: a checkout, or a git directory without one.

    Raises Unreadable when there are no rule definitions in it.
    """

    def __init__(self, directory: str):
        self.directory = Path(directory)
        self.bare = not (self.directory / "normative_rule_defs").is_dir()
        self.commit = self._git("rev-parse", "HEAD").strip()
        paths = self._list("normative_rule_defs", ".yaml")
        if not paths:
            raise Unreadable(f"{directory}: no normative_rule_defs/*.yaml in it; give a checkout of riscv-isa-manual")
        self.chapters = {Path(path).stem: definitions(self._read(path)) for path in paths}

    def names(self, chapter: str) -> list[str]:
        """In the manual's order, each once."""
        return list(dict.fromkeys(name for d in self.chapters.get(chapter, ()) for name in d.names))

    def texts(self) -> dict[str, str]:
        """The tagged text of each rule, white space folded; several tags of one rule after each other."""
        tagged: dict[str, str] = {}
        for path in self._list("src", ".adoc"):
            tagged.update(tagged_text(self._read(path)))
        return {
            name: " / ".join(tagged[tag] for tag in d.tags if tag in tagged)
            for chapter in self.chapters.values()
            for d in chapter
            for name in d.names
        }

    def _git(self, *words: str) -> str:
        where = ["--git-dir", str(self.directory)] if self.bare else ["-C", str(self.directory)]
        try:
            return subprocess.run(["git", *where, *words], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unreadable(f"{self.directory}: neither a checkout nor a git directory of the ISA manual") from error

    def _list(self, folder: str, ending: str) -> list[str]:
        paths = self._git("ls-tree", "-r", "--name-only", "HEAD", folder).splitlines()
        return sorted(path for path in paths if path.endswith(ending))

    def _read(self, path: str) -> str:
        return self._git("show", f"HEAD:{path}")


def definitions(yaml: str) -> list[Definition]:
    """The rules of one definition file. Only the keys used here are read, in all the ways the manual writes them."""
    yaml = re.sub(r"(?m)(^|\s)#.*$", "", yaml)
    found = []
    for entry in re.split(r"(?m)^  - (?=names?:)", yaml)[1:]:
        names = _values(entry, "names?")
        choice = re.search(r"(?m)^    impl-def-behavior: *true", entry) is not None
        found.append(Definition(tuple(names), tuple(re.findall(r'"norm:([^"]+)"', entry)), choice))
    return found


def _values(entry: str, key: str) -> list[str]:
    match = re.match(rf"{key}: *(\[[^\]]*\]|\n(?: {{6}}- .*\n?)+|.*)", entry)
    return re.findall(r"[\w.-]*\w", match.group(1)) if match else []


def tagged_text(adoc: str) -> dict[str, str]:
    """tag -> text, of ``[#norm:tag]#text#`` and of the block or table cell after ``[[norm:tag]]``."""
    found = {}
    for match in re.finditer(r"\[#norm:([^\]]+)\](##.*?##|#.*?#)", adoc, re.DOTALL):
        found[match.group(1)] = _fold(match.group(2).strip("#"))
    for match in re.finditer(r"\[\[norm:([^\]]+)\]\]", adoc):
        found.setdefault(match.group(1), _fold(_block(adoc, match.start(), match.end())))
    return found


def _block(adoc: str, start: int, end: int) -> str:
    line = adoc[adoc.rfind("\n", 0, start) + 1 : start]
    if "|" in line:
        return re.split(r"\||\n\n", adoc[end:], maxsplit=1)[0]
    rest = re.sub(r"\A\s*(?:(?:\[[^\n]*\]|\.\w[^\n]*)\n)*", "", adoc[end:])
    if fence := re.match(r"([|!]===|\.{4,}|-{4,}|={4,}|\+{4,}|--)[ ]*\n(.*?)\n\1", rest, re.DOTALL):
        return fence.group(2)
    return rest.split("\n\n", 1)[0]


def _fold(text: str) -> str:
    return " ".join(re.sub(r"\[[#\[]norm:[^\]]+\]\]?", "", text).split())
