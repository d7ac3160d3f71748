"""One HTML file that needs nothing beside it: the counts, every test, and of each failure how it came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from ..errors import InputError, os_reason
from .execute import Outcome

__all__ = ["WORDS", "page", "write"]

#: Statuses in the order in which they matter, with their word.
WORDS = {
    "fail": "failed", "error": "not judged", "xpass": "passed unexpectedly", "xfail": "failed as expected",
    "skip": "skipped", "pass": "passed",
}  # fmt: skip

_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --odd: #8a5a00; --good: #1b6e3c; --line: #8884; --soft: #8881 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --odd: #ffc766; --good: #7bd99a } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 74rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere } h4 { font-size: .85rem; margin: .9rem 0 .2rem; opacity: .75 }
.bar { display: flex; height: .7rem; border-radius: .35rem; overflow: hidden; margin: .8rem 0; background: var(--soft) }
.bar i { display: block } .bg-pass { background: var(--good) } .bg-fail, .bg-error, .bg-xpass { background: var(--bad) }
.bg-xfail, .bg-skip { background: var(--odd) }
li.pass, td.pass { color: var(--good) } li.fail, li.error, li.xpass, td.fail, td.error, td.xpass { color: var(--bad) }
li.xfail, li.skip, td.xfail, td.skip { color: var(--odd) }
.counts { display: flex; flex-wrap: wrap; gap: 1.4rem; padding: 0; list-style: none } .counts b { font-size: 1.4rem }
article { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: .4rem; padding: .8rem 1rem;
  margin: .8rem 0 }
article.xfail { border-left-color: var(--odd) }
pre { background: var(--soft); padding: .6rem .8rem; border-radius: .3rem; overflow-x: auto; margin: .2rem 0;
  font: 12.5px/1.4 ui-monospace, monospace } pre.words { white-space: pre-wrap }
pre mark { background: none; color: var(--bad); font-weight: 600 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .15rem .6rem .15rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top } td.n, th.n { text-align: right;
  font-variant-numeric: tabular-nums } td.name { overflow-wrap: anywhere }
dl.diff { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .3rem 0 }
dl.diff dd { margin: 0; font-family: ui-monospace, monospace } details summary { cursor: pointer }
footer { margin-top: 2rem; opacity: .7; font-size: .85rem }
"""


def page(outcomes: Sequence[Outcome], title: str, note: str) -> str:
    """The document; `note` says what was run, and how."""
    counts = Counter(outcome.status for outcome in outcomes)
    worst = next((status for status in WORDS if counts[status]), "pass")
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><div>{escape(note)}</div>",
        _bar(counts),
        '<ul class="counts">',
        *(f'<li class="{s}"><b>{counts[s]}</b> {word}</li>' for s, word in WORDS.items() if counts[s]),
        "</ul>",
    ]
    for status in ("fail", "error", "xpass", "xfail"):
        chosen = [outcome for outcome in outcomes if outcome.status == status]
        if chosen:
            parts.append(f"<h2>{WORDS[status].capitalize()}</h2>")
            parts += map(_article, chosen)
    parts.append(f"<h2>All tests</h2><details{'' if worst not in ('pass', 'skip') else ' open'}><summary>")
    parts.append(f"{len(outcomes)} tests</summary><table><thead><tr><th>test</th><th>result</th>")
    parts.append('<th class="n">instructions</th><th class="n">seconds</th></tr></thead><tbody>')
    parts += map(_row, outcomes)
    parts.append("</tbody></table></details></body></html>\n")
    return "\n".join(parts)


def _bar(counts: Counter[str]) -> str:
    total = sum(counts.values()) or 1
    pieces = [
        f'<i class="bg-{status}" style="width:{100 * counts[status] / total:.3f}%"></i>'
        for status in reversed(WORDS)
        if counts[status]
    ]
    return f'<div class="bar" aria-hidden="true">{"".join(pieces)}</div>'


def _anchor(outcome: Outcome) -> str:
    return "t-" + "".join(c if c.isalnum() else "-" for c in outcome.test.name)


def _row(outcome: Outcome) -> str:
    name = escape(outcome.test.name)
    if outcome.status not in ("pass", "skip"):
        name = f'<a href="#{_anchor(outcome)}">{name}</a>'
    word = WORDS[outcome.status] + (f": {escape(outcome.message)}" if outcome.status == "skip" else "")
    return (
        f'<tr><td class="name">{name}</td><td class="{outcome.status}">{word}</td>'
        f'<td class="n">{outcome.instructions:,}</td><td class="n">{outcome.seconds:.2f}</td></tr>'
    )


def _article(outcome: Outcome) -> str:
    """What there is to say of one test that did not simply pass."""
    out = [f'<article class="{outcome.status}" id="{_anchor(outcome)}"><h3>{escape(outcome.test.name)}</h3>']
    if outcome.expected is not None:
        out.append(f"<div>expected to fail: {escape(outcome.expected)}</div>")
    if outcome.difference is not None:
        d = outcome.difference
        what = f"{d.count} words differ, the first is word {d.index}" if d.count > 1 else f"word {d.index} differs"
        out.append(f"<h4>Signature</h4><div>{what}</div><dl class='diff'>")
        for term, value in (("address", f"{d.address:#x}  <{d.symbol}>"), ("expected", d.expected), ("got", d.got)):
            out.append(f"<dt>{term}</dt><dd>{escape(value)}</dd>")
        out.append("</dl>")
    elif outcome.message:
        out.append(f"<div>{escape(outcome.message)}</div>")
    story = outcome.story
    if story is not None and story.traps:
        out.append(f"<h4>Last trap{'s, the latest last' if len(story.traps) > 1 else ''}</h4>")
        out += [f'<pre class="words">{escape(trap)}</pre>' for trap in story.traps]
    if story is not None and story.lines:
        out.append(f"<h4>The last {len(story.lines)} instructions{escape(story.end)}</h4><pre>")
        for line in map(str, story.lines):
            text = escape(line)
            out.append(f"<mark>{text}</mark>" if " trap into " in line or " interrupt into " in line else text)
        out.append("</pre>")
    if outcome.console:
        out.append(f"<h4>Console</h4><pre>{escape(outcome.console[-4000:])}</pre>")
    return "\n".join([*out, "</article>"])


def write(outcomes: Sequence[Outcome], path: str, title: str, note: str) -> None:
    """Writes the file. Raises InputError."""
    try:
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(page(outcomes, title, note))
    except OSError as error:
        raise InputError(path, os_reason(error)) from None
