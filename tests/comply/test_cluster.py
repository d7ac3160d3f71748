"""The same run on a Dask cluster: a scheduler and two workers of this machine, on the loopback interface."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from suites import crash, htif, reference, signature

import rvh

pytest.importorskip("distributed")
ENV = {
    **os.environ,
    "PYTHONPATH": str(Path(rvh.__file__).resolve().parent.parent),
    "DASK_DISTRIBUTED__SCHEDULER__DASHBOARD__ENABLED": "false",
}
SECONDS = 90


def started(log, *arguments):
    file = open(log, "wb")
    return subprocess.Popen([sys.executable, "-m", *arguments], stdout=file, stderr=subprocess.STDOUT, env=ENV)


def said(log, pattern, times=1):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = re.findall(pattern, log.read_text())
        if len(found) >= times:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{log.name} never said {pattern}: {log.read_text()}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    log = folder / "scheduler"
    running = [started(log, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        address = said(log, r"tcp://127\.0\.0\.1:\d+")
        for n in range(2):
            where = folder / f"worker{n}"
            where.mkdir()
            running.append(
                started(
                    folder / f"w{n}",
                    "distributed.cli.dask_worker",
                    address,
                    "--host",
                    "127.0.0.1",
                    "--nworkers",
                    "1",
                    "--nthreads",
                    "1",
                    "--no-dashboard",
                    "--local-directory",
                    str(where),
                    "--death-timeout",
                    str(SECONDS),
                )  # fmt: skip
            )
        said(log, "Register worker", 2)
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


def test_the_same_results_as_on_cores(cluster, tmp_path):
    for n in range(6):
        htif(tmp_path / f"t{n}")
    crash(tmp_path / "bad")
    for name, word in (("same", 5), ("other", 6)):
        signature(tmp_path / f"{name}.elf", [5])
        reference(tmp_path / f"{name}.signature", [word])

    def comply(*more):
        command = [sys.executable, "-m", "rvh.cli.comply", str(tmp_path), "--last", "6", *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env={**ENV, "TERM": "dumb"})
        *lines, summary = done.stdout.splitlines()
        return done.returncode, sorted(lines), summary.partition(" (")[0]

    here, there = comply(), comply("--scheduler", cluster)
    assert here == there
    assert here[0] == 1 and here[2] == "9 tests: 7 passed, 2 failed"


def test_the_work_is_spread_and_files_need_not_be_there(cluster, tmp_path):
    from distributed import Client

    from rvh.comply import Job, Settings, find, pool

    for n in range(8):
        htif(tmp_path / f"t{n}", 1, "li a0, 300000\n1: addi a0, a0, -1\nbnez a0, 1b")
    jobs = [pool.with_files(Job(test, Settings())) for test in find([tmp_path])]
    for path in tmp_path.iterdir():
        path.unlink()
    assert all(job.program for job in jobs)
    assert sorted(one.status for one in pool.on_cluster(jobs, cluster)) == ["pass"] * 8
    with Client(cluster) as client:
        log = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.workers))
    assert len(log) == 2
