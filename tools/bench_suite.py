"""How fast a suite of short tests runs: riscv-tests with rvh-comply, and on Spike as its makefile runs it, one by one.

Wall-clock seconds, because it is the wait that counts: start-up of the programs included, one test at a time and with
all CPUs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchlib import BenchError, Machine, progress

ROOT = Path(__file__).resolve().parent.parent
SPIKE_ISA = "rv64gch_ziccid_zfh_zicboz_svnapot_zicntr_zba_zbb_zbkb_zbkx_zbc_zbs_zicond_zicclsm"


def measure(folder: str, machines: list[Machine], rounds: int) -> dict:
    """Tests a second by machine and number of CPUs, the median of the rounds. May raise BenchError."""
    tests = sorted(path for path in Path(folder).iterdir() if not path.suffix and path.is_file())
    if not tests:
        raise BenchError(f"--riscv-tests: no tests in {folder}")
    cpus = sorted({1, os.cpu_count() or 1})
    runs: dict[str, dict[int, list[float]]] = {}
    for number in range(rounds):
        for machine in machines:
            run = {"rvh": lambda jobs: _rvh(folder, jobs), "spike": _spike(machine, tests)}.get(machine.name)
            if run is None:
                continue
            for jobs in cpus:
                progress(f"round {number + 1}/{rounds}: {len(tests)} riscv-tests on {machine.name}, {jobs} at a time")
                started = time.perf_counter()
                run(jobs)
                runs.setdefault(machine.name, {}).setdefault(jobs, []).append(time.perf_counter() - started)
    progress("")
    speeds = {name: {jobs: len(tests) / median(times) for jobs, times in by.items()} for name, by in runs.items()}
    return {"tests": len(tests), "tests_per_second": speeds}


def _rvh(folder: str, jobs: int) -> None:
    command = [sys.executable, "-m", "rvh.cli.comply", folder, "-j", str(jobs)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise BenchError(f"rvh-comply {folder}: {said[0] if said else done.returncode}")


def _spike(machine: Machine, tests: list[Path]) -> Callable[[int], None]:
    def one(test: Path) -> None:
        isa = SPIKE_ISA + ("_svadu" if "svadu" in test.name else "")
        command = [*machine.program, f"--isa={isa}", str(test)]
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode:
            raise BenchError(f"{test.name} failed on Spike")

    def run(jobs: int) -> None:
        with ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(one, tests):
                pass

    return run


def print_suite(numbers: dict) -> None:
    """A line for each number of CPUs."""
    speeds = numbers["tests_per_second"]
    for jobs in sorted({jobs for by in speeds.values() for jobs in by}):
        said = ", ".join(f"{name} {by[jobs]:.0f}" for name, by in speeds.items())
        print(f"{numbers['tests']} riscv-tests, {jobs} at a time: tests a second: {said}")
