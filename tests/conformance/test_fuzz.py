"""A bounded run of the fuzzer, on the core as it is and under sanitizers; and that it would notice."""

from __future__ import annotations

import pytest

from tools.fuzz import machines
from tools.fuzz import run as fuzz
from tools.fuzz.build import build, sanitizers


def trials(kind, count, sanitized):
    results = list(fuzz.run(kind, 1, count, sanitized))
    findings = [result for result in results if isinstance(result, fuzz.Finding)]
    assert not findings, "\n\n".join(map(str, findings))
    return results


def test_machines():
    results = trials("machines", 80, False)
    assert len(results) == 80
    assert sum(int(result.split()[2]) for result in results) > 1_000_000


def test_files():
    results = trials("files", 400, False)
    for kind in ("elf", "image", "dtb", "toml"):
        statuses = {result[-1] for result in results if f" {kind}: " in result}
        assert "2" in statuses and len(statuses) > 1, f"{kind}: all damage, or none, is noticed"


@pytest.fixture(scope="module")
def sanitized():
    """The build under sanitizers."""
    if sanitizers() is None:
        pytest.skip("the C compiler has no sanitizers here")
    build()


def test_sanitized(sanitized):
    """One test, so that one of pytest's workers has the build to itself."""
    for code, words in (
        ("rvh._fast.planted(8, 3)", None),
        ("rvh._fast.planted(8, 8)", "heap-buffer-overflow"),
        ("rvh._fast.shifted(40)", "shift exponent 40 is too large"),
    ):
        status, output = fuzz.probe(f"import rvh._fast; {code}")
        assert (status == 0 and not output) if words is None else (status != 0 and words in output), output
    assert len(trials("machines", 50, True)) == 50
    assert len(trials("files", 60, True)) == 60


def test_a_trial_is_a_function_of_its_seed():
    assert machines.run(3) == machines.run(3)


CRASHES = """
import os, sys, time
first, count, report = map(int, sys.argv[2:])
with open(report, "w") as out:
    for seed in range(first, first + count):
        print("begin", seed, file=out, flush=True)
        if seed == 4:
            os.abort()
        if seed == 6:
            raise AssertionError("not as it was")
        if seed == 7:
            time.sleep(600)
        print("end", seed, "fine", file=out, flush=True)
"""


def test_crashes_and_hangs_are_findings(monkeypatch):
    monkeypatch.setattr(fuzz, "CHILD", CRASHES)
    monkeypatch.setattr(fuzz, "HANG", 3)
    results = list(fuzz.run("machines", 3, 6, False))
    assert [r if isinstance(r, str) else (r.seed, r.how) for r in results] == [
        "machines 3: fine",
        (4, "killed by signal 6"),
        "machines 5: fine",
        (6, "status 1"),
        (7, "hung: nothing for 3 s"),
        "machines 8: fine",
    ]
    assert "not as it was" in str(results[3]) and "--kind machines --seed 6 --trials 1" in str(results[3])


def test_a_run_that_depends_on_pauses_is_noticed(monkeypatch):
    def digest(self):
        return str(self.harts[0].x["a0"] if self.pieces_of_trial is None else 1)

    kept = machines.Trial.__init__

    def init(self, seed, disk, pieces):
        kept(self, seed, disk, pieces)
        self.machine.pieces_of_trial = pieces

    monkeypatch.setattr(machines.Trial, "__init__", init)
    monkeypatch.setattr(machines.Machine, "digest", digest)
    with pytest.raises(AssertionError, match="comes to another state"):
        machines.run(1)
