"""Processes: a test that brings its process down is the only one to suffer."""

import os
import signal

import pytest
from suites import htif

from rvh.comply import find, pool
from rvh.comply.execute import Job, Settings


def dies(job):
    """Instead of `execute.run`, in the workers."""
    from rvh.comply import execute

    if "killer" in job.test.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute.run(job)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crash_of_the_emulator(tmp_path, monkeypatch, workers):
    for name in ("a", "b", "killer1", "killer2", "y", "z"):
        htif(tmp_path / name)
    monkeypatch.setattr(pool, "run", dies)
    done = {one.test.name: one for one in pool.on_cores([Job(test, Settings()) for test in find([tmp_path])], workers)}
    assert {name: one.status for name, one in done.items()} == {
        "a": "pass", "b": "pass", "killer1": "error", "killer2": "error", "y": "pass", "z": "pass"
    }  # fmt: skip
    assert done["killer1"].message == "the emulator crashed: this is a bug in rvh"


def test_every_test_once(tmp_path):
    for n in range(9):
        htif(tmp_path / f"t{n}", 1 if n % 3 else 3)
    jobs = [Job(test, Settings(last=2)) for test in find([tmp_path])]
    done = list(pool.on_cores(jobs, 2))
    assert sorted(one.test.name for one in done) == [f"t{n}" for n in range(9)]
    assert sum(one.status == "fail" and len(one.story.lines) == 2 for one in done) == 3
