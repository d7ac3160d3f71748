"""Which normative rules of the ISA manual have tests (`python -m tools.rules`): the bookkeeping itself is right."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tools.rules import coverage as rules  # noqa: E402
from tools.rules.manual import definitions, tagged_text  # noqa: E402
from tools.rules.page import page, table  # noqa: E402


@pytest.fixture(scope="module")
def tests():
    return rules.collected()


@pytest.fixture(scope="module")
def chapters(tests):
    """Raises for a name, in a marker or among the choices, that the manual does not have."""
    return {chapter.name: chapter for chapter in rules.coverage(tests)}


def written_markers():
    """(file, name) for each string within a `...mark.rules(...)` in the tests' sources."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.rules"):
                for argument in node.args:
                    if isinstance(argument, ast.Constant):
                        yield path.relative_to(ROOT).as_posix(), argument.value


def test_what_is_written_is_collected(tests):
    """A marker on code that pytest never runs, or on a test that is always skipped, would count nothing."""
    dead = [(f, name) for f, name in written_markers() if not any(t.startswith(f + "::") for t in tests.get(name, []))]
    assert not dead


@pytest.mark.parametrize("chapter", rules.chapter_names())
def test_every_rule_of_a_chapter_is_tested_or_documented(chapters, chapter):
    assert not [rule.name for rule in chapters[chapter].rules if rule.status == rules.UNTESTED]


def test_the_numbers_printed_are_those_computed(chapters):
    run = subprocess.run(
        [sys.executable, "-m", "tools.rules", "--chapter", "hypervisor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr
    hypervisor = chapters["hypervisor"]
    line = next(line.split() for line in reversed(run.stdout.splitlines()) if line.startswith("hypervisor "))
    tested, documented, untested = (
        len(re.findall(rf"(?m)^  [\w.-]+: {status}$", run.stdout)) for status in ("tested", "documented", "untested")
    )
    assert [int(n) for n in line[1:]] == [len(hypervisor.rules), tested, documented, untested, hypervisor.percent]
    assert tested == sum(bool(rule.tests) for rule in hypervisor.rules)


def test_a_rule_counts_once_and_is_full_only_when_none_is_left():
    chapter = rules.Chapter("c", tuple(rules.Rule(f"r{n}", ("f::t",) if n else (), "") for n in range(300)))
    assert chapter.count(rules.TESTED) == 299 and chapter.percent == 99
    assert table([chapter]).splitlines()[-1].split() == ["all", "300", "299", "0", "1", "99"]
    assert rules.Rule("r", ("f::t",), "choice").status == rules.TESTED
    assert rules.Rule("r", (), "choice").status == rules.DOCUMENTED


@pytest.mark.parametrize(
    "given, complaint",
    [({"no_such_rule": ["f::t"]}, r"no_such_rule \(f::t\)"), ({}, "hypervisor has no rule nor_this")],
    ids=["marker", "choice"],
)
def test_unknown_names_are_told(tmp_path, monkeypatch, given, complaint):
    if not given:
        (tmp_path / "choices.toml").write_text('[hypervisor]\nnor_this = "x"\n')
        monkeypatch.setattr(rules, "CHOICES", tmp_path / "choices.toml")
    with pytest.raises(rules.Broken, match=complaint):
        rules.coverage(given)


def test_the_manual_s_definitions_are_read_in_all_their_shapes():
    found = definitions("""
normative_rule_definitions:
  - name: one  # why
    tags: ["norm:a", {name: "norm:b", context: true}]
  # - name: not_this
  - names: [two, three,
      four]
    impl-def-behavior: true
    tag: "norm:c"
  - names:
      - five
      - six
    tags:
      - "norm:d"
""")
    assert [(d.names, d.tags, d.choice) for d in found] == [
        (("one",), ("a", "b"), False),
        (("two", "three", "four"), ("c",), True),
        (("five", "six"), ("d",), False),
    ]


def test_the_manual_s_tagged_text_is_found():
    found = tagged_text("""
[#norm:a]#The bit is *1*
and stays.# Not this. [#norm:b]##Or # this.##

[[norm:c]]
.Title
[cols="1,1"]
|===
|x |y
|===

|name |[[norm:d]] one cell | next cell

[[norm:e]]
A paragraph
of two lines.

Another.
""")
    assert found == {
        "a": "The bit is *1* and stays.",
        "b": "Or # this.",
        "c": "|x |y",
        "d": "one cell",
        "e": "A paragraph of two lines.",
    }


def test_the_page_needs_nothing_else(chapters):
    html = page(chapters.values(), {"misa_h_op": "a < b"})
    assert "a &lt; b" in html and "http" not in html and "src=" not in html
    assert all(f"<code>{rule.name}</code>" in html for chapter in chapters.values() for rule in chapter.rules)
