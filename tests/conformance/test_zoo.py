"""The tests are tested: each mistake of the bug zoo, made on purpose, makes one fail (`python -m tools.zoo`)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", ".."))
from tools.zoo.build import build, sources  # noqa: E402
from tools.zoo.mistakes import MISTAKES  # noqa: E402
from tools.zoo.score import judge_all, run_tests  # noqa: E402


def test_every_mistake_has_its_place_in_the_core():
    assert sources()
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 40


def test_the_tests_catch_every_mistake(record_property):
    zoo = build()
    everything = " or ".join(sorted({word for mistake in MISTAKES for word in mistake.tests.split(" or ")}))
    status, output = run_tests(zoo, everything, 0)
    assert status == 0, f"without a mistake:\n{output}"
    missed = [
        verdict.mistake.name for verdict in judge_all(zoo, list(range(1, len(MISTAKES) + 1))) if not verdict.caught
    ]
    record_property("score", f"{len(MISTAKES) - len(missed)} of {len(MISTAKES)}")
    print(f"the tests catch {len(MISTAKES) - len(missed)} of {len(MISTAKES)} mistakes")
    assert not missed


def test_without_its_tests_a_mistake_is_missed():
    """The score can be less than all: a mistake that its tests do not look at passes them."""
    zoo = build()
    number = next(n for n, mistake in enumerate(MISTAKES, start=1) if mistake.tests == "A2")
    assert run_tests(zoo, MISTAKES[number - 1].tests, number)[0] == 1
    assert run_tests(zoo, "G1", number)[0] == 0
