#!/usr/bin/env python3
"""Measure rvh against qemu-system-riscv64 and Spike: the same bare-metal ELF files, in turn, in one run.

Every program under ``tools/bench/`` checks its own result, so a wrong machine is not a fast one. A round runs
each program once on each machine; the table shows medians over the rounds. Seconds are user CPU time of the
machine's process less that of the program ``empty`` (start-up). Guest instructions are what the program read
from rvh's minstret around its work, or without rvh from Spike's (QEMU's counts host ticks).

    python tools/bench.py                        all programs, 3 rounds
    python tools/bench.py int traps --rounds 5   some of them
    python tools/bench.py --scale 0.1            shorter
    python tools/bench.py --guests --exits --io  the hypervisor instead: Linux guests, exits by cause, disks and network
    python tools/bench.py --riscv-tests DIR      a suite of short tests instead: how many a second

Exit status: 0 measured, 1 a program failed on some machine, 2 bad usage or no machine or compiler found.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchlib import QEMU_VIRT, BenchError, Machine, Run, execute, progress  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "bench"
OUTPUT = ROOT / "build" / "bench"
MEMORY_MIB = 256


@dataclass(frozen=True)
class Program:
    """One bench program: workload and runner sources, repeats at scale 1, goals for rvh's relative speed."""

    name: str
    workload: str
    runner: str
    repeat: int
    qemu_goal: float | None = None
    spike_goal: float | None = None
    trips: bool = False  #: a repeat is one round trip, whose nanoseconds are worth printing
    pages: int = 640  #: size of the window of the page-table programs
    vector: bool = False  #: it needs V, with VLEN 128 on every machine

    def sources(self) -> list[Path]:
        """Files to compile and link."""
        paging = [] if self.runner == "run_m" else ["paging.c"]
        names = ["start.S", "runtime.c", f"{self.runner}.c", f"{self.workload}.c", *paging]
        return [SOURCES / name for name in names]


#: What gives a machine vectors, after its other options.
VECTOR_OPTIONS = {
    "rvh": ("--isa", "max_v"), "qemu": ("-cpu", "rv64,h=true,v=true,vlen=128"), "spike": ("--isa=rv64gcv_zicntr",),
}  # fmt: skip

EMPTY = Program("empty", "empty", "run_m", 1)
PROGRAMS = (
    Program("int", "int", "run_m", 3500, 0.09, 1.3),
    Program("vs", "int", "run_vs", 3500, 0.09),
    Program("branchy", "branchy", "run_m", 2500, 0.5),
    Program("calls", "calls", "run_m", 600, 0.35),
    Program("mem", "mem", "run_m", 8),
    Program("fp", "fp", "run_m", 1500, 0.5, 5.0),
    Program("mmu", "mmu", "run_s", 25000, 1.0),
    Program("vsmmu", "mmu", "run_vs", 8000, 1.0),
    Program("walk", "mmu", "run_s", 600, 1.0, pages=16384),
    Program("vswalk", "mmu", "run_vs", 250, pages=16384),
    Program("sfence", "sfence", "run_s", 2000000, 2.0),
    Program("traps", "traps", "run_s", 2000000, 4.0, 10.0, trips=True),
    Program("exits", "exits", "run_vs", 600000, 6.0, 10.0, trips=True),
    Program("vcopy", "vcopy", "run_m", 60000, 3.0, vector=True),
    Program("saxpy", "saxpy", "run_m", 40000, 3.0, vector=True),
    Program("dot8", "dot8", "run_m", 12000, 3.0, vector=True),
    Program("vstrlen", "vstrlen", "run_m", 200000, vector=True),
    Program("vgray", "vgray", "run_m", 12000, vector=True),
)


def build(program: Program, scale: float = 1.0) -> Path:
    """Compile a program with the clang of the ziglang wheel; returns the ELF's path. May raise BenchError."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    target = OUTPUT / f"{program.name}.elf"
    command = [
        sys.executable, "-m", "ziglang", "cc",
        "-target", "riscv64-freestanding-none", "-mcpu=baseline_rv64+h", "-mcmodel=medany",
        "-std=gnu11", "-O2", "-ffreestanding", "-nostdlib", "-fno-sanitize=all",
        "-fno-stack-protector", "-fomit-frame-pointer", "-ffp-contract=off", "-fno-math-errno",
        "-Wall", "-Wextra", "-Werror",
        f"-DREPEAT={repeats(program, scale)}ul", f"-DWINDOW_PAGES={program.pages}ul", f"-I{SOURCES}",
        "-Wl,--build-id=none", "-T", str(SOURCES / "bench.ld"), "-o", str(target), *map(str, program.sources()),
    ]  # fmt: skip
    cache = {name: str(OUTPUT / "zig-cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **cache})
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line or "No module" in line]
        raise BenchError(f"cannot build {program.name}: {lines[0] if lines else result.stderr[-200:]}")
    return target


def repeats(program: Program, scale: float) -> int:
    """Repeat count of a program at a scale."""
    return max(1, round(program.repeat * scale))


def find_machines(options: argparse.Namespace) -> list[Machine]:
    """The machines to compare, from the options or PATH. Raises BenchError for one asked for but absent."""
    sibling = Path(sys.executable).with_name("rvh-run")
    defaults = {
        "rvh": str(sibling) if sibling.exists() else shutil.which("rvh-run"),
        "qemu": shutil.which("qemu-system-riscv64"),
        "spike": shutil.which("spike"),
    }
    arguments = {
        "rvh": ["--memory", f"{MEMORY_MIB}M", "--bare"],
        "qemu": [*QEMU_VIRT, "-m", f"{MEMORY_MIB}M", "-bios", "none", "-kernel"],
        "spike": ["--isa=rv64gch_zicntr", f"-m{MEMORY_MIB}"],
    }  # fmt: skip
    machines = []
    for name, default in defaults.items():
        asked = getattr(options, name)
        if asked == "none":
            continue
        command = shlex.split(asked) if asked else [default] if default else []
        if asked and not shutil.which(command[0]):
            raise BenchError(f"--{name} {asked}: no such program")
        if command:
            machines.append(Machine(name, tuple(command), tuple(arguments[name])))
    if not machines:
        raise BenchError("none of rvh-run, qemu-system-riscv64 and spike found")
    return machines


@dataclass
class Result:
    """All runs of one program, by machine name."""

    program: Program
    repeat: int
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def failure(self, machine: str) -> str:
        """Why the program failed on that machine, '' if it did not."""
        return next((run.failure for run in self.runs.get(machine, []) if run.failure), "")

    def seconds(self, machine: str, startup: dict[str, float]) -> float | None:
        """Median user CPU seconds without start-up, None if not run or failed; at least a clock tick."""
        runs = self.runs.get(machine)
        if not runs or self.failure(machine):
            return None
        return max(median(run.seconds for run in runs) - startup[machine], 0.01)

    def instructions(self) -> tuple[int, str] | None:
        """(guest instructions, who counted them) or None."""
        for machine in ("rvh", "spike"):
            for run in self.runs.get(machine, []):
                if run.instructions and not run.failure:
                    return run.instructions, machine
        return None


def measure(programs: list[Program], machines: list[Machine], rounds: int, scale: float) -> list[Result]:
    """Build and run everything; the first result is that of ``empty``."""
    selected = [EMPTY, *programs]
    elves = {program.name: build(program, scale) for program in selected}
    results = [Result(program, repeats(program, scale)) for program in selected]
    for number in range(rounds):
        for result in results:
            name = result.program.name
            for machine in machines:
                if result.failure(machine.name):
                    continue
                progress(f"round {number + 1}/{rounds}: {name} on {machine.name}")
                extra = VECTOR_OPTIONS[machine.name] if result.program.vector else ()
                # The last of its own options belongs right before the ELF.
                command = [*machine.command[:-1], *extra, machine.command[-1], str(elves[name])]
                run = execute(command, "bench: ok wrong=0")
                result.runs.setdefault(machine.name, []).append(run)
    progress("")
    return results


def boot_linux(machines: list[Machine], rounds: int) -> dict:
    """Boot Debian's kernel and busybox on each machine in turn; by machine, seconds of each run or a failure.

    Raises BenchError if the images cannot be brought.
    """
    import debian

    try:
        files = debian.bring()
    except debian.DebianError as error:
        raise BenchError(f"--linux: {error}") from error
    booted: dict[str, dict] = {}
    for number in range(rounds):
        for machine in machines:
            command = machine.linux(files)
            entry = booted.setdefault(machine.name, {"user_seconds": []})
            if command is None or "failure" in entry:
                continue
            progress(f"round {number + 1}/{rounds}: linux on {machine.name}")
            run = execute(command, debian.AUTO_PASS)
            entry["user_seconds"].append(run.seconds)
            entry["rss_mib"] = run.rss_mib
            if run.instructions:
                entry["instructions"] = run.instructions
            if run.failure:
                entry["failure"] = run.failure
    progress("")
    return {name: entry for name, entry in booted.items() if entry["user_seconds"]}


def report(results: list[Result], machines: list[Machine]) -> dict:
    """The measured numbers as a JSON-ready dictionary."""
    empty = results[0]
    startup = {m.name: median(run.seconds for run in empty.runs[m.name]) for m in machines}
    table = []
    for result in results[1:]:
        counted = result.instructions()
        row: dict = {
            "program": result.program.name,
            "repeat": result.repeat,
            "instructions": counted[0] if counted else None,
            "counted_by": counted[1] if counted else None,
            "machines": {},
            "goals": {"qemu": result.program.qemu_goal, "spike": result.program.spike_goal},
        }
        for machine in machines:
            seconds = result.seconds(machine.name, startup)
            runs = result.runs.get(machine.name, [])
            entry: dict = {
                "user_seconds": [run.seconds for run in runs],
                "rss_mib": max((run.rss_mib for run in runs), default=0.0),
            }
            if seconds is None:
                entry["failure"] = result.failure(machine.name)
            else:
                entry["seconds"] = seconds
                if counted:
                    entry["mips"] = counted[0] / seconds / 1e6
                if result.program.trips:
                    entry["ns_per_trip"] = seconds / result.repeat * 1e9
            row["machines"][machine.name] = entry
        ours = row["machines"].get("rvh", {}).get("seconds")
        row["ratios"] = {
            peer: row["machines"][peer]["seconds"] / ours
            for peer in ("qemu", "spike")
            if ours and "seconds" in row["machines"].get(peer, {})
        }
        table.append(row)
    return {
        "startup_seconds": startup,
        "startup_rss_mib": {m.name: max(run.rss_mib for run in empty.runs[m.name]) for m in machines},
        "programs": table,
        "commands": {m.name: list(m.command) for m in machines},
    }


def print_table(numbers: dict) -> None:
    """The table on standard output: million instructions, seconds and MIPS by machine, ratios and goals."""
    machines = list(numbers["commands"])
    ratios = [peer for peer in ("qemu", "spike") if "rvh" in machines and peer in machines]
    head = f"{'program':9}{'M insns':>9}"
    head += "".join(f"{name + ' s':>11}{'MIPS':>7}" for name in machines)
    head += "".join(f"{'rvh/' + peer:>11} goal" for peer in ratios)
    print(head)
    for row in numbers["programs"]:
        count = row["instructions"]
        line = f"{row['program']:9}" + (f"{count / 1e6:9.0f}" if count else f"{'?':>9}")
        for name in machines:
            entry = row["machines"][name]
            mips = f"{entry['mips']:7.0f}" if "mips" in entry else f"{'?':>7}"
            line += f"{entry['seconds']:11.2f}{mips}" if "seconds" in entry else f"{'failed':>11}{'-':>7}"
        for peer in ratios:
            goal = row["goals"][peer]
            ratio = row["ratios"].get(peer)
            line += f"{ratio:11.2f}" if ratio else f"{'-':>11}"
            line += f" {goal:<4}" if goal else "     "
        print(line.rstrip())
    for row in numbers["programs"]:
        trips = {name: entry.get("ns_per_trip") for name, entry in row["machines"].items()}
        if any(trips.values()):
            said = ", ".join(f"{name} {time:.0f}" for name, time in trips.items() if time)
            print(f"{row['program']}: ns a round trip: {said}")
    for name, entry in numbers.get("linux", {}).items():
        said = entry.get("failure") or f"{median(entry['user_seconds']):.2f} s, {entry['rss_mib']:.0f} MiB"
        print(f"linux: OpenSBI, Debian's kernel, self-check, power-off on {name}: {said}")
    counters = {row["counted_by"] for row in numbers["programs"] if row["counted_by"]}
    memory = numbers["startup_rss_mib"]
    seconds = numbers["startup_seconds"]
    startup = ", ".join(f"{name} {seconds[name]:.2f} s {memory[name]:.0f} MiB" for name in machines)
    print(f"user CPU seconds, start-up subtracted ({startup}); counted by {', '.join(counters) or 'nobody'}")


def measure_hypervisor(options: argparse.Namespace, machines: list[Machine]) -> int:
    """The measures of the hypervisor that were asked for. Exit status as in the module's text; may raise BenchError."""
    import bench_hv

    numbers: dict[str, list[dict]] = {}
    if options.guests:
        numbers["guests"] = bench_hv.measure_guests(machines, options.rounds)
        bench_hv.print_guests(numbers["guests"])
    if options.exits:
        numbers["exits"] = bench_hv.measure_exits(machines, options.rounds, options.scale)
        bench_hv.print_exits(numbers["exits"])
    if options.io:
        numbers["io"] = bench_hv.measure_io(machines, options.rounds, options.scale)
        bench_hv.print_io(numbers["io"])
    if options.json:
        Path(options.json).write_text(json.dumps(numbers, indent=1) + "\n")
    failed = [line for table in numbers.values() for line in bench_hv.failures(table)]
    for line in failed:
        print(f"bench.py: {line}", file=sys.stderr)
    return 1 if failed else 0


def measure_suite(options: argparse.Namespace, machines: list[Machine]) -> int:
    """The speed of a suite of short tests. May raise BenchError."""
    import bench_suite

    numbers = bench_suite.measure(options.riscv_tests, machines, options.rounds)
    bench_suite.print_suite(numbers)
    if options.json:
        Path(options.json).write_text(json.dumps(numbers, indent=1) + "\n")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Command line. Exit status as in the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [program.name for program in PROGRAMS]
    parser.add_argument("programs", nargs="*", metavar="program", help=f"default: all of {' '.join(names)}")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each on each machine (default 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the programs' repeat counts")
    parser.add_argument("--json", metavar="FILE", help="also write all numbers there")
    for machine in ("rvh", "qemu", "spike"):
        parser.add_argument(f"--{machine}", metavar="COMMAND", help="program to use; 'none' leaves it out")
    parser.add_argument("--linux", action="store_true", help="also boot Debian (debian.py) on rvh and QEMU")
    parser.add_argument("--guests", action="store_true", help="Debian under the hypervisor: bare, as a guest, on QEMU")
    parser.add_argument("--exits", action="store_true", help="what an exit to the hypervisor costs, by cause")
    parser.add_argument("--io", action="store_true", help="throughput of a guest's disk, and between two guests")
    parser.add_argument("--riscv-tests", metavar="DIR", help="how many of these built tests run in a second")
    parser.add_argument("--build-only", action="store_true", help="build the ELF files and print their paths")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.programs if name not in names]
    if unknown or options.rounds < 1 or not options.scale > 0:
        parser.error(f"no program named {unknown[0]}" if unknown else "--rounds and --scale must be positive")
    programs = [program for program in PROGRAMS if not options.programs or program.name in options.programs]
    try:
        if options.build_only:
            for program in [EMPTY, *programs]:
                print(build(program, options.scale))
            return 0
        machines = find_machines(options)
        if options.guests or options.exits or options.io:
            return measure_hypervisor(options, machines)
        if options.riscv_tests:
            return measure_suite(options, machines)
        results = measure(programs, machines, options.rounds, options.scale)
        broken = [m.name for m in machines if results[0].failure(m.name)]
        if broken:
            raise BenchError(f"the empty program failed on {broken[0]}: {results[0].failure(broken[0])}")
        numbers = report(results, machines)
        if options.linux:
            numbers["linux"] = boot_linux(machines, options.rounds)
        if options.json:
            Path(options.json).write_text(json.dumps(numbers, indent=1) + "\n")
    except BenchError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"bench.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print_table(numbers)
    failed = [(result, name) for result in results for name in numbers["commands"] if result.failure(name)]
    for result, name in failed:
        print(f"bench.py: {result.program.name} failed on {name}: {result.failure(name)}", file=sys.stderr)
    unbooted = [name for name, entry in numbers.get("linux", {}).items() if "failure" in entry]
    return 1 if failed or unbooted else 0


if __name__ == "__main__":
    sys.exit(main())
