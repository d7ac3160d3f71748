"""JUnit XML, as CI systems read it: one suite for each group of tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from ..errors import InputError, os_reason
from .execute import Outcome

__all__ = ["document", "write"]

#: Characters that XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)


def document(outcomes: Sequence[Outcome]) -> ElementTree.Element:
    """The ``testsuites`` element."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.test.group or "tests", []).append(outcome)
    root = ElementTree.Element("testsuites", {"name": "rvh-comply", **_counts(outcomes)})
    for name, members in sorted(groups.items()):
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_counts(members)})
        for outcome in members:
            _case(suite, name, outcome)
    return root


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    def count(*statuses: str) -> str:
        return str(sum(outcome.status in statuses for outcome in outcomes))

    return {
        "tests": str(len(outcomes)),
        "failures": count("fail", "xpass"),
        "errors": count("error"),
        "skipped": count("skip", "xfail"),
        "time": f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    }


def _case(suite: ElementTree.Element, group: str, outcome: Outcome) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=group, name=outcome.test.name, time=f"{outcome.seconds:.3f}"
    )
    message = _clean(outcome.message)
    if outcome.status in ("fail", "error"):
        tag = "failure" if outcome.status == "fail" else "error"
        element = ElementTree.SubElement(case, tag, message=message, type=outcome.status)
        if outcome.story is not None:
            told = [*outcome.story.summaries, "", *map(str, outcome.story.lines)]
            element.text = _clean("\n".join([outcome.message, *told]))
    elif outcome.status == "xpass":
        text = f"passes, but was expected to fail: {outcome.expected}"
        ElementTree.SubElement(case, "failure", message=_clean(text), type="xpass")
    elif outcome.status == "xfail":
        text = f"expected failure: {outcome.expected} ({message})"
        ElementTree.SubElement(case, "skipped", message=_clean(text))
    elif outcome.status == "skip":
        ElementTree.SubElement(case, "skipped", message=message)
    if outcome.console and outcome.status not in ("pass", "skip"):
        ElementTree.SubElement(case, "system-out").text = _clean(outcome.console)


def write(outcomes: Sequence[Outcome], path: str) -> None:
    """Writes the file. Raises InputError."""
    tree = ElementTree.ElementTree(document(outcomes))
    ElementTree.indent(tree)
    try:
        tree.write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
