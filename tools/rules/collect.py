"""A pytest plugin: `--rules-to FILE` writes, as JSON, which collected tests carry which rule names.

A test that is always skipped, or expected to fail, checks nothing: its names are left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rules-to", metavar="FILE", help="write the rules of each collected test as JSON")


def pytest_collection_finish(session: pytest.Session) -> None:
    if not (path := session.config.getoption("--rules-to")):
        return
    tests: dict[str, list[str]] = {}
    for item in session.items:
        if item.get_closest_marker("skip") is None and item.get_closest_marker("xfail") is None:
            for name in (name for marker in item.iter_markers("rules") for name in marker.args):
                tests.setdefault(name, []).append(item.nodeid)
    Path(path).write_text(json.dumps(tests))
