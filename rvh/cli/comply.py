"""`rvh-comply`: other people's test suites, run and reported."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import RvhError, UsageError
from .arguments import Parser, count, count_or_zero, size

if TYPE_CHECKING:
    from ..comply.execute import Outcome
    from ..comply.expect import Expected
    from ..comply.suite import Test

__all__ = ["main"]

DESCRIPTION = """\
Run built test programs and judge them: riscv-tests and others that report through HTIF, the test finisher, SBI or
their console; riscv-arch-test with reference signatures or self-checking.

  rvh-comply riscv-tests/isa
  rvh-comply riscof_work --html report.html --junit report.xml
  rvh-comply work/rvh/elfs --expect known.toml
  rvh-comply --write-riscof DIR     the plug-in for RISCOF
  rvh-comply --write-act4 DIR       the configuration for the ACT4 framework
"""
EPILOG = """\
Exit status: 0 all passed or failed as expected; 1 a test failed, could not be judged or passed against expectation;
2 bad usage or unusable input; 130 ended by the user.
"""
#: Statuses that make the run fail.
BAD = ("fail", "error", "xpass")


@dataclass
class Options:
    """What was asked for."""

    paths: list[str] = field(default_factory=list)
    references: str | None = None
    isa: str | None = None
    filter: list[str] = field(default_factory=list)
    jobs: int = 0
    list: bool = False
    timeout_instructions: int = 50_000_000
    memory: int = 256 << 20
    last: int = 48
    sbi: bool = False
    end_text: str | None = None
    expect: str | None = None
    junit: str | None = None
    html: str | None = None
    scheduler: str | None = None
    write_riscof: str | None = None
    write_act4: str | None = None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="rvh-comply",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="test ELF files, and folders with such files at any depth")
    add("--references", metavar="DIR", help="where reference signatures are, besides next to the tests")
    add("--filter", action="append", default=[], metavar="TEXT", help="only tests whose name has TEXT or fits a*b?[c]")
    add("--expect", metavar="FILE", help="TOML with the tests that may fail, and why")
    add("--junit", metavar="FILE", help="write the results as JUnit XML")
    add("--html", metavar="FILE", help="write a report as one HTML file")
    add("--isa", metavar="NAME", help="instruction set of the machine, such as rv64gch")
    add("--memory", type=size, default=256 << 20, metavar="SIZE", help="RAM of the machine (256M)")
    add("--sbi", action="store_true", help="the tests are S-mode programs: run them on the package's SBI firmware")
    add(
        "--timeout-instructions",
        type=count,
        default=50_000_000,
        metavar="N",
        help="what a test may execute (50000000)",
    )
    add("--end-text", metavar="REGEX", help="a test that prints this has ended")
    add("--last", type=count_or_zero, default=48, metavar="N", help="how many instructions of a failure are shown (48)")
    add("-j", "--jobs", type=count_or_zero, default=0, metavar="N", help="tests at a time (as many as there are CPUs)")
    add("--scheduler", metavar="ADDRESS", help="run on the Dask cluster of this scheduler, such as tcp://host:8786")
    add("--list", action="store_true", help="list the tests and do nothing")
    add("--write-riscof", metavar="DIR", help="write the RISCOF plug-in there and exit")
    add("--write-act4", metavar="DIR", help="write the configuration for ACT4 there and exit")
    return parser


def parse(argv: Sequence[str]) -> Options:
    """The options in `argv`. Raises `UsageError`, SystemExit after --help."""
    import re

    options = Options(**vars(_parser().parse_intermixed_args(list(argv))))
    writing = options.write_riscof is not None or options.write_act4 is not None
    if writing and options.paths:
        raise UsageError("--write-riscof and --write-act4 run no tests")
    if not writing and not options.paths:
        raise UsageError("no tests are given (rvh-comply --help explains)")
    if options.end_text is not None:
        try:
            re.compile(options.end_text)
        except re.error as error:
            raise UsageError(f"--end-text {options.end_text}: {error}") from None
    if options.html is not None and options.html == options.junit:
        raise UsageError(f"{options.html} would be written twice")
    for report in (options.html, options.junit):
        if report is not None and not os.path.isdir(os.path.dirname(report) or "."):
            raise UsageError(f"{report}: there is no such folder")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the tool and returns its exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        from .. import __version__

        print(f"rvh {__version__}")
        return 0
    try:
        return _main(parse(args))
    except RvhError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("ended by the user")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 130


def _say(line: str) -> None:
    print(f"rvh-comply: {line}", file=sys.stderr)


def _main(options: Options) -> int:
    if options.write_riscof is not None or options.write_act4 is not None:
        from ..comply import frameworks

        for name, folder in (("riscof", options.write_riscof), ("act4", options.write_act4)):
            if folder is not None:
                for path in frameworks.write(name, folder, options.isa):
                    print(path)
        return 0
    from ..comply import expect, suite

    chosen = suite.matcher(options.filter)
    everything = suite.find(options.paths, options.references)
    tests = [test for test in everything if chosen(test.name)]
    if not tests:
        none = "no test fits the filter" if everything else "there are no RISC-V test programs"
        raise UsageError(f"{', '.join(options.paths)}: {none}")
    if options.list:
        for test in tests:
            print(test.name if test.reference is None else f"{test.name}  {test.reference}")
        return 0
    expected = [] if options.expect is None else expect.load(options.expect)
    return _run(options, tests, everything, expected)


def _run(options: Options, tests: list[Test], everything: list[Test], expected: list[Expected]) -> int:
    from ..comply import expect, pool
    from ..comply.execute import Job, Settings
    from ..isa import extensions
    from ..machine import DEFAULT_ISA

    isa = options.isa or DEFAULT_ISA
    try:
        extensions.parse(isa)
    except extensions.IsaError as error:
        raise UsageError(f"--isa: {error}") from None
    settings = Settings(isa, options.timeout_instructions, options.memory, options.last, options.sbi, options.end_text)
    jobs = [Job(test, settings) for test in tests]
    workers = options.jobs or pool.cores()
    source = pool.on_cores(jobs, workers) if options.scheduler is None else pool.on_cluster(jobs, options.scheduler)
    started = time.perf_counter()
    outcomes: list[Outcome] = []
    with _progress(len(jobs)) as advance:
        for outcome in source:
            outcomes.append(expect.apply(outcome, expected))
            advance(outcomes[-1])
    seconds = time.perf_counter() - started
    outcomes.sort(key=lambda outcome: outcome.test.name)
    for pattern in expect.unused(expected, [test.name for test in everything]):
        _say(f"{options.expect}: {pattern} fits no test")
    where = f"on {options.scheduler}" if options.scheduler else f"{workers} at a time"
    _write(options, outcomes, f"{' '.join(options.paths)}; ISA {isa}; {where}, {seconds:.1f} s")
    print(_summary(outcomes, seconds))
    return int(any(outcome.status in BAD for outcome in outcomes))


def _write(options: Options, outcomes: list[Outcome], note: str) -> None:
    if options.junit is not None:
        from ..comply import junit

        junit.write(outcomes, options.junit)
    if options.html is not None:
        from .. import __version__
        from ..comply import page

        page.write(outcomes, options.html, f"rvh {__version__}: compliance", note)


def _summary(outcomes: list[Outcome], seconds: float) -> str:
    from ..comply.page import WORDS

    counts = Counter(outcome.status for outcome in outcomes)
    said = ", ".join(f"{counts[status]} {word}" for status, word in reversed(WORDS.items()) if counts[status])
    instructions = sum(outcome.instructions for outcome in outcomes)
    return f"{len(outcomes)} tests: {said} ({instructions:,} instructions, {seconds:.1f} s)"


def _line(outcome: Outcome) -> str:
    """One line about a test that did not pass."""
    from ..comply.page import WORDS

    why = outcome.message if outcome.status != "xpass" else f"expected to fail: {outcome.expected}"
    return f"{WORDS[outcome.status]}: {outcome.test.name}{': ' if why else ''}{why}"


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[Outcome], None]]:
    """Says at once which tests did not pass; on a terminal with a bar below, if `rich` is there."""
    bar = None
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        with contextlib.suppress(ImportError):
            bar = _bar(total)
    if bar is None:
        yield lambda outcome: None if outcome.status in ("pass", "skip") else print(_line(outcome), flush=True)
        return
    from rich.text import Text

    styles = {"fail": "red", "error": "red", "xpass": "red", "xfail": "yellow"}

    def advance(outcome: Outcome) -> None:
        if outcome.status in styles:
            bar.console.print(Text(_line(outcome), style=styles[outcome.status]))
            bar.update(0, bad=bar.tasks[0].fields["bad"] + (outcome.status in BAD))
        bar.update(0, advance=1, name=outcome.test.name[-40:])

    with bar:
        yield advance


def _bar(total: int):  # type: ignore[no-untyped-def]
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[bad]} bad"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}", markup=False),
        console=Console(stderr=True, highlight=False),
        transient=True,
        expand=True,
    )
    bar.add_task("tests", total=total, name="", bad=0)
    return bar


if __name__ == "__main__":
    sys.exit(main())
