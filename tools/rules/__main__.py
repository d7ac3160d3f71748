"""``python -m tools.rules [--chapter NAME] [--untested] [--html FILE] [--manual DIR [--refresh]]``: see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .coverage import Broken, chapter_names, collected, coverage, write_names
from .manual import Manual, Unreadable
from .page import listing, page, table


def main() -> int:
    """0; 1: the names differ from the manual's; 2: no such chapter, no manual, or tests that cannot be collected."""
    parser = argparse.ArgumentParser(prog="rules", description=__doc__)
    parser.add_argument("--chapter", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--untested", action="store_true", help="list the rules that no test and no choice stands for")
    parser.add_argument("--html", metavar="FILE", help="write the whole list as one HTML file")
    parser.add_argument("--manual", metavar="DIR", help="a checkout or a git directory of riscv-isa-manual: compare")
    parser.add_argument("--refresh", action="store_true", help="with --manual: write the names from it")
    args = parser.parse_args()
    try:
        status, texts = _manual(args.manual, args.refresh) if args.manual else (0, {})
        if unknown := set(args.chapter) - set(chapter_names()):
            raise Broken(f"no chapter {', '.join(sorted(unknown))}; there are {', '.join(chapter_names())}")
        chapters = [c for c in coverage(collected()) if not args.chapter or c.name in args.chapter]
    except (Broken, Unreadable) as error:
        print(f"rules: {error}", file=sys.stderr)
        return 2
    if args.chapter or args.untested:
        print("\n".join(listing(chapter, texts, args.untested) for chapter in chapters))
    print(table(chapters))
    if args.html:
        try:
            Path(args.html).write_text(page(chapters, texts))
        except OSError as error:
            print(f"rules: {args.html}: {error.strerror}", file=sys.stderr)
            return 2
    return status


def _manual(directory: str, refresh: bool) -> tuple[int, dict[str, str]]:
    manual = Manual(directory)
    if refresh:
        for chapter in manual.chapters:
            write_names(chapter, manual.names(chapter), manual.commit)
    ours, status = chapter_names(), 0
    for chapter in sorted(set(ours) | set(manual.chapters)):
        here, there = set(ours.get(chapter, ())), set(manual.names(chapter))
        for sign, names in (("+", there - here), ("-", here - there)):
            for name in sorted(names):
                print(f"{sign} {chapter}: {name}")
                status = 1
    return status, manual.texts()


if __name__ == "__main__":
    sys.exit(main())
