"""``python -m tools.zoo``: see the package."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import __doc__ as usage
from .build import Unfit, build
from .mistakes import MISTAKES
from .score import judge_all, run_tests


def main(words: Sequence[str]) -> int:
    """Prints the score. 0: every mistake was caught, 1: not, 2: a wrong argument, or a mistake has no place."""
    if any(word in ("-h", "--help") for word in words):
        print(usage)
        return 0
    numbers = [n for n, m in enumerate(MISTAKES, start=1) if not words or any(word in m.name for word in words)]
    if not numbers:
        print(f"zoo: no mistake's name has {' or '.join(map(repr, words))}", file=sys.stderr)
        return 2
    try:
        zoo = build()
    except Unfit as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    every = " or ".join(sorted({word for n in numbers for word in MISTAKES[n - 1].tests.split(" or ")}))
    status, output = run_tests(zoo, every, 0)
    if status != 0:
        print(f"zoo: the tests fail without a mistake\n{output}", file=sys.stderr)
        return 2
    missed = 0
    for number, verdict in zip(numbers, judge_all(zoo, numbers), strict=True):
        missed += not verdict.caught
        print(
            f"{number:3} {'caught' if verdict.caught else 'MISSED'}  {verdict.mistake.name}: {verdict.by}", flush=True
        )
        if words:
            print(verdict.output)
    print(f"the tests catch {len(numbers) - missed} of {len(numbers)} mistakes")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
