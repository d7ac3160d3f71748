"""``python -m tools.fuzz [--kind machines|files] [--seed N] [--trials N] [--seconds S] [--plain]``: see the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from .build import build, sanitizers
from .run import KINDS, Finding, run


def main() -> int:
    """0: nothing was found; 1: something was, and is shown; 2: the compiler has no sanitizers."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append", help="both, unless given")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; the next ones count up")
    parser.add_argument("--trials", type=int, default=500, help="of each kind")
    parser.add_argument("--seconds", type=float, help="stop each kind after this long")
    parser.add_argument("--plain", action="store_true", help="the core as it is, without sanitizers: faster")
    args = parser.parse_args()
    if not args.plain:
        if sanitizers() is None:
            print(
                "fuzz: the C compiler has no sanitizers here: install libasan and libubsan, or use --plain",
                file=sys.stderr,
            )
            return 2
        build()
    found = 0
    for kind in args.kind or KINDS:
        done: Counter[str] = Counter()
        until = None if args.seconds is None else time.monotonic() + args.seconds
        for result in run(kind, args.seed, args.trials, not args.plain, until):
            if isinstance(result, Finding):
                found += 1
                print(result, flush=True)
            else:
                done[result.split(": ", 1)[1] if kind == "files" else "run"] += 1
        print(f"{kind}: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())), flush=True)
    print(f"{found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
