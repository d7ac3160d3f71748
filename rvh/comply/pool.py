"""Many tests at a time: in processes of this machine, or on a Dask cluster.

What bounds a test is its instruction limit. One that brings its process down is run once more alone, so that the blame
falls on it and not on what ran beside it.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from ..errors import RvhError, UsageError, read_file
from .execute import Job, Outcome, run

__all__ = ["cores", "on_cluster", "on_cores", "with_files"]

_CRASHED = "the emulator crashed: this is a bug in rvh"
#: Tests handed out for each worker: the next is there when one is done.
_AHEAD = 2


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_cores(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Outcomes as they come, from that many processes; with one worker and one job in this process."""
    waiting = list(reversed(jobs))
    while waiting:
        with _executor(min(workers, len(waiting))) as pool:
            running: dict[Future[Outcome], Job] = {}
            broken: list[Job] = []
            while (waiting or running) and not broken:
                while waiting and len(running) < _AHEAD * workers:
                    job = waiting.pop()
                    running[pool.submit(run, job)] = job
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        broken.append(job)
            broken += running.values()
        for job in broken:
            yield _alone(job)


def _alone(job: Job) -> Outcome:
    with _executor(1) as pool:
        try:
            return pool.submit(run, job).result()
        except BrokenProcessPool:
            return Outcome(job.test, "error", _CRASHED)


def _executor(workers: int) -> ProcessPoolExecutor:
    # Not forked: a progress bar's thread may hold a lock at that moment.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Outcome]:
    """The same on the workers of a Dask scheduler, which need rvh but not the files. Raises UsageError without
    dask.distributed, when the scheduler cannot be reached, has no workers or these have another rvh."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise UsageError("--scheduler needs dask.distributed: pip install 'rvh[dask]'") from None
    try:
        client: Any = Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None
    with client:
        _check_workers(client, address)
        ready = [with_files(job) for job in jobs]
        futures = {client.submit(run, job, key=f"rvh-{n}-{id(ready)}", pure=False): job for n, job in enumerate(ready)}
        for future in as_completed(list(futures)):
            job = futures[future]
            if future.status == "finished":
                yield future.result()
            else:
                yield Outcome(job.test, "error", f"{_CRASHED} ({type(future.exception()).__name__})")
            future.release()


def with_files(job: Job) -> Job:
    """The job with the bytes of its files; one whose files cannot be read keeps the error for the worker to find."""
    if job.program is not None:
        return job
    try:
        program = read_file(job.test.path)
        reference = None if job.test.reference is None else read_file(job.test.reference).decode("ascii", "replace")
    except RvhError:
        return job
    return replace(job, program=program, reference=reference)


def _fingerprint() -> str:
    """What rvh a worker has: two of the same version give the same."""
    from .. import __version__

    return __version__


def _check_workers(client: Any, address: str) -> None:
    try:
        there = client.run(_fingerprint)
    except Exception as error:  # whatever a worker without rvh says
        raise UsageError(f"--scheduler {address}: a worker cannot use rvh: {error}") from None
    if not there:
        raise UsageError(f"--scheduler {address}: the scheduler has no workers")
    for worker, version in there.items():
        if version != _fingerprint():
            raise UsageError(f"worker {worker} has rvh {version}, here is {_fingerprint()}")
