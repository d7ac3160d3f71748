"""The coverage as text and as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from .coverage import DOCUMENTED, TESTED, UNTESTED, Chapter, Rule

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 78em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; } td, th { border-bottom: 1px solid #ccc; padding: .3em .6em; }
td, th { text-align: left; vertical-align: top; } td.n, th.n { text-align: right; }
code { font-size: .92em; } .text { color: #555; } .tested { color: #17692c; } .documented { color: #1d4f91; }
.untested { color: #b01818; font-weight: bold; } summary { cursor: pointer; margin: 1em 0 .4em; font-weight: bold; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; } .text { color: #aaa; }
  .tested { color: #6fce88; } .documented { color: #86b4f0; } .untested { color: #ff8484; } a { color: #9cf; } }
"""


def table(chapters: Iterable[Chapter]) -> str:
    """One line per chapter and one for all."""
    chapters = list(chapters)
    lines = [f"{'chapter':16}{'rules':>7}{'tested':>8}{'documented':>12}{'untested':>10}{'':>3}%"]
    for chapter in [*chapters, Chapter("all", tuple(rule for c in chapters for rule in c.rules))]:
        tested, documented, untested = map(chapter.count, (TESTED, DOCUMENTED, UNTESTED))
        lines.append(
            f"{chapter.name:16}{len(chapter.rules):7}{tested:8}{documented:12}{untested:10}{chapter.percent:4}"
        )
    return "\n".join(lines)


def listing(chapter: Chapter, texts: Mapping[str, str], untested: bool) -> str:
    """The rules of a chapter, each with its tests, the choice, and the manual's text where ``texts`` has it."""
    lines = [f"{chapter.name}:"]
    for rule in chapter.rules:
        if untested and rule.status != UNTESTED:
            continue
        lines.append(f"  {rule.name}: {rule.status}")
        lines += [f"      {test}" for test in rule.tests]
        if rule.choice:
            lines.append(f"      rvh: {rule.choice}")
        if text := texts.get(rule.name):
            lines.append(f"      manual: {text}")
    return "\n".join(lines)


def page(chapters: Iterable[Chapter], texts: Mapping[str, str]) -> str:
    chapters = list(chapters)
    rows = "".join(
        f'<tr><td><a href="#{c.name}">{escape(c.name)}</a></td><td class=n>{len(c.rules)}</td>'
        + "".join(f"<td class=n>{c.count(status)}</td>" for status in (TESTED, DOCUMENTED, UNTESTED))
        + f"<td class=n>{c.percent}</td></tr>"
        for c in chapters
    )
    details = "".join(
        f'<details id="{c.name}"{" open" if len(chapters) == 1 else ""}><summary>{escape(c.name)}: {c.percent} %'
        f"</summary><table><tr><th>rule<th>status<th>tests</tr>{''.join(_row(r, texts) for r in c.rules)}"
        "</table></details>"
        for c in chapters
    )
    head = "".join(f"<th class=n>{word}" for word in ("rules", TESTED, DOCUMENTED, UNTESTED, "%"))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>rvh: normative rules and tests</title>'
        f"<style>{STYLE}</style><h1>Normative rules of the RISC-V ISA manual and rvh's tests</h1>"
        f"<table><tr><th>chapter{head}</tr>{rows}</table>{details}</html>\n"
    )


def _row(rule: Rule, texts: Mapping[str, str]) -> str:
    said = "".join(f"<div><code>{escape(test)}</code></div>" for test in rule.tests)
    if rule.choice:
        said += f"<div>{escape(rule.choice)}</div>"
    text = texts.get(rule.name, "")
    text = f'<div class="text">{escape(text)}</div>' if text else ""
    return (
        f'<tr><td><code>{escape(rule.name)}</code>{text}</td><td class="{rule.status}">{rule.status}</td>'
        f"<td>{said}</td></tr>"
    )
