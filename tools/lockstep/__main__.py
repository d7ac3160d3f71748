"""``python -m tools.lockstep [--seed N] [--programs N] [--seconds S] [--spike PATH]``: see the package."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter

from .compare import Difference, compare
from .differences import KNOWN
from .peer import arguments, seeds
from .program import Options, build
from .triggers import FLAVOURS


def main() -> int:
    """0: nothing unexplained; 1: a difference, shown; 2: no Spike."""
    parser = arguments("lockstep", __doc__)
    parser.add_argument("--segments", type=int, default=Options.segments, help="pieces of code entered per program")
    parser.add_argument("--control-flow", action="store_true", help="with Zicfilp and Zicfiss")
    parser.add_argument("--spike", default="spike")
    parser.add_argument("--rnmi", action="store_true", help="with Smrnmi: its CSRs, and MNRET")
    parser.add_argument(
        "--triggers", action="store_true", help="with Sdtrig: debug triggers, of one flavour in each program"
    )
    parser.add_argument("--keep-going", action="store_true", help="show each program's first difference, and go on")
    parser.add_argument("--save", metavar="FILE", help="write the first program's ELF and end")
    args = parser.parse_args()
    if args.triggers and args.control_flow:
        parser.error("--triggers or --control-flow: Spike looks for landing pads before triggers (differences.AVOIDED)")
    if args.save:
        with open(args.save, "wb") as f:
            f.write(build(args.seed, Options(segments=args.segments, control_flow=args.control_flow)))
        return 0
    if shutil.which(args.spike) is None:
        print(f"lockstep: no {args.spike} here", file=sys.stderr)
        return 2
    started, total, failed = time.monotonic(), 0, 0
    known: Counter = Counter()
    try:
        for seed in seeds(args):
            options = Options(
                segments=args.segments,
                control_flow=args.control_flow,
                reservations=seed % 8 == 0 and not args.triggers,
                rnmi=args.rnmi,
                triggers=FLAVOURS[seed % len(FLAVOURS)] if args.triggers else "",
            )
            more = ("_zicfilp_zicfiss" if args.control_flow else "") + ("_smrnmi" if args.rnmi else "")
            try:
                outcome = compare(build(seed, options), args.spike, more=more, mine="_sdtrig" if args.triggers else "")
            except Difference as error:
                failed += 1
                print(f"seed {seed}: difference\n{error}", flush=True)
                if not args.keep_going:
                    break
                continue
            total += outcome.compared
            known += outcome.known
    except KeyboardInterrupt:
        print("interrupted")
    seconds = time.monotonic() - started
    print(f"{total} instructions compared in {seconds:.0f} s, {failed} programs with an unexplained difference")
    for name, count in known.items():
        print(f"  {count} x {name}: {KNOWN[name][0]} ({KNOWN[name][1]})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
