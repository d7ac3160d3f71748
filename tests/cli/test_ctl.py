"""rvh-ctl and what else goes over the control channel: a real run, its socket, its logs, its statistics."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import ENV, lines, rvh_run

import rvh
from rvh.emit.asm import assemble

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from elf_files import Elf, Part  # noqa: E402

IMAGES = Path(rvh.__file__).parent / "images"
MISSING = [name for name in ("sbi", "hv", "hello", "smp", "blk") if not (IMAGES / f"{name}.elf").exists()]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"images not built: {', '.join(MISSING)}")

GUEST_START = 0x8020_0000
SPIN = "1:  j 1b\n"
#: Says hi, then echoes keys in the other case; q powers off.
ECHO = """
    li s0, 0x10000000
    li t0, 'h'
    sb t0, 0(s0)
    li t0, 10
    sb t0, 0(s0)
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 1b
    lbu t1, 0(s0)
    li t2, 'q'
    beq t1, t2, 2f
    xori t1, t1, 0x20
    sb t1, 0(s0)
    j 1b
2:  li a7, 8
    ecall
"""
#: 321 SBI calls, the last of which powers off.
CALLS = "li s0, 320\n1:  li a7, 0x10\n li a6, 0\n ecall\n addi s0, s0, -1\n bnez s0, 1b\n li a7, 8\n ecall\n"


def elf(directory: Path, name: str, source: str) -> str:
    path = directory / f"{name}.elf"
    path.write_bytes(Elf([Part(GUEST_START, assemble(source, GUEST_START).data)], entry=GUEST_START).build())
    return str(path)


def ctl(path, *words, json_too=False, **kwargs) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "rvh.cli.ctl", "--socket", str(path), *(["--json"] * json_too), *words]
    return subprocess.run(command, capture_output=True, timeout=60, env=ENV, text=True, **kwargs)


class Running:
    """A run with a socket, until it ends or the test does."""

    def __init__(self, directory: Path, *args):
        self.path = directory / "ctl"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rvh.cli.run", "--ctl", str(self.path), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENV,
        )
        end = time.monotonic() + 30
        while not self.path.exists():
            assert time.monotonic() < end and self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def ask(self, *words) -> list[str]:
        done = ctl(self.path, *words)
        assert done.returncode == 0, done
        return done.stdout.splitlines()

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out.decode()


@pytest.fixture
def running(tmp_path):
    started = []

    def start(*args):
        started.append(Running(tmp_path, *args))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


@pytest.fixture
def spin(tmp_path):
    return elf(tmp_path, "spin", SPIN)


def test_every_verb(running, tmp_path, spin):
    run = running(spin, elf(tmp_path, "other", SPIN))
    assert run.ask("list")[0] == "0 spin: running, has the keyboard"
    assert run.ask("pause", "spin") == []
    listed = run.ask("list", "spin")
    assert listed[0].startswith("0 spin: paused") and listed[1].startswith("  vcpu 0 held")
    assert run.ask("resume", "spin") == [] and run.ask("reset", "other") == []
    said = run.ask("stat", "spin")
    assert said[0].startswith("spin: running, ") and not any(line.startswith("  disk") for line in said)
    assert run.ask("exits", "spin")[0].startswith("spin: ")
    assert run.ask("map", "spin")[0] == "spin: 65536 KiB of RAM from 0x80000000"
    assert {line.split()[0] for line in run.ask("help")} >= {"list", "pause", "map"}
    assert run.ask("kill", "spin") == [] and run.ask("start", "spin") == [] and run.ask("kill", "spin") == []
    assert run.ask("kill", "other") == []
    status, out = run.end()
    assert status == 0 and "[hv] other: restarts" in out and out.count("[hv] spin: off: killed") == 2
    assert not run.path.exists()


def test_stat_counts_what_a_disk_did(running, tmp_path, spin):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    run = running(IMAGES / "blk.elf", spin, "--disk", image)
    end = time.monotonic() + 30
    while not run.ask("list", "blk")[0].startswith("0 blk: off"):
        assert time.monotonic() < end
    [line] = [line for line in run.ask("stat", "blk") if line.startswith("  disk ")]
    disk = json.loads(ctl(run.path, "stat", "blk", json_too=True).stdout)["vms"][0]["disk"]
    assert disk["reads"] > 0 and disk["writes"] > 0
    assert f"reads {disk['reads']} ({disk['read_bytes']} bytes), writes {disk['writes']} " in line
    assert line.endswith(f"flushes {disk['flushes']}, discards {disk['discards']}, errors {disk['errors']}")
    assert run.ask("kill", "spin") == [] and run.end()[0] == 0


def test_a_refusal_is_status_1_and_a_bad_call_2(running, spin, tmp_path):
    run = running(spin)
    done = ctl(run.path, "resume", "spin")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "resume spin: it is not paused\n")
    assert ctl(run.path, "pause", "nobody").stderr == "there is no VM 'nobody'; 'list' lists them\n"
    assert ctl(run.path, "console", "nobody").stderr.startswith("rvh-ctl: console needs one VM out of spin")
    assert "too long" in ctl(run.path, "list", "x" * 300).stderr
    assert "not understood" in ctl(run.path, "list", "a\nb").stderr
    gone = ctl(tmp_path / "nothing", "list")
    assert gone.returncode == 2 and gone.stderr == f"rvh-ctl: {tmp_path / 'nothing'}: no such file or directory\n"


def test_json_adds_up(running, tmp_path, spin):
    run = running(elf(tmp_path, "calls", CALLS), spin, "--vcpus", "2")
    end = time.monotonic() + 30
    while not run.ask("list", "calls")[0].startswith("0 calls: off"):
        assert time.monotonic() < end
    done = ctl(run.path, "stat", "calls", json_too=True)
    (vm,) = json.loads(done.stdout)["vms"]
    counts = {cause["cause"]: cause["count"] for cause in vm["exits"] if not cause["interrupt"]}
    assert vm["state"] == "off" and counts[10] == 321
    for cause in vm["exits"]:
        parts = [c["count"] for v in vm["vcpus"] for c in v["exits"] if c["name"] == cause["name"]]
        assert sum(parts) == cause["count"]
    assert vm["run_ns"] == sum(v["run_ns"] for v in vm["vcpus"]) > 0
    everything = json.loads(ctl(run.path, "list", json_too=True).stdout)
    assert [vm["name"] for vm in everything["vms"]] == ["calls", "spin"]


def test_console_types_and_reads(running, tmp_path):
    run = running(elf(tmp_path, "echo", ECHO), elf(tmp_path, "two", SPIN))
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(str(run.path))
        peer.sendall(b'{"words": ["console", "echo"]}\n')
        seen = b""
        while b"\n" not in seen:
            seen += peer.recv(100)
        peer.sendall(b"abcD")
        while b"ABCd" not in seen:
            seen += peer.recv(100)
        peer.sendall(b"q")
        assert run.ask("list", "two")[0].startswith("1 two: running")
    run.ask("kill", "two")
    assert run.end()[0] == 0


def test_clients_at_once_and_one_that_dies(running, spin):
    run = running(spin)
    peers = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for peer in peers:
        peer.connect(str(run.path))
    peers[0].sendall(b'{"words": ["list"]')  # and no more
    peers[1].sendall(b"\xff" * 10_000)
    peers[2].sendall(b'{"words": ["map", "spin"]}\n')
    peers[2].close()
    peers[3].sendall(b'{"words": ["list"]}\n{"words": ["exits"]}\n')
    answers = peers[3].makefile()
    assert json.loads(answers.readline())["lines"][0].startswith("0 spin: running")
    assert json.loads(answers.readline())["lines"][0].startswith("spin: ")
    answers.close()
    assert run.ask("list")[0].startswith("0 spin: running")
    for peer in peers:
        peer.close()
    assert run.ask("kill", "spin") == [] and run.end()[0] == 0


def test_a_paused_run_waits_without_using_the_host(running, spin):
    run = running(spin)
    run.ask("pause", "spin")
    used = _cpu(run.process.pid)
    time.sleep(1)
    assert _cpu(run.process.pid) - used < 0.5
    run.ask("resume", "spin")
    run.ask("kill", "spin")
    assert run.end()[0] == 0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_socket_is_the_users_alone(running, spin, tmp_path):
    run = running(spin)
    assert stat.S_IMODE(os.stat(run.path).st_mode) == 0o600
    second = rvh_run(spin, "--ctl", run.path)
    assert (second.returncode, lines(second.stderr)) == (2, [f"{run.path}: another run listens there"])
    assert run.ask("list")
    run.process.terminate()
    assert run.end()[0] == 128 + 15 and not run.path.exists()


def test_what_is_in_the_way_of_the_socket(tmp_path, spin):
    path = tmp_path / "ctl"
    path.write_text("precious")
    done = rvh_run(spin, "--ctl", path)
    assert done.returncode == 2 and lines(done.stderr) == [f"{path}: is there already and is not a socket"]
    assert path.read_text() == "precious"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert rvh_run(IMAGES / "hello.elf", "--ctl", path).returncode == 0
    assert not path.exists()
    assert rvh_run(spin, "--ctl", tmp_path / ("x" * 120)).returncode == 2
    assert rvh_run(spin, "--ctl", tmp_path / "no" / "where").returncode == 2


def test_logs_hold_exactly_what_a_vm_prints(tmp_path):
    text = b"one\r\n\x1b[31mtwo\x00\xff half"
    source = (
        f"la s0, text\n li s1, {len(text)}\n1: lbu a0, 0(s0)\n li a7, 1\n ecall\n addi s0, s0, 1\n addi s1, s1, -1\n"
    )
    source += " bnez s1, 1b\n li a7, 8\n ecall\ntext:\n" + "".join(f" .byte {byte}\n" for byte in text)
    logs = tmp_path / "logs"
    done = rvh_run(elf(tmp_path, "bytes", source), IMAGES / "hello.elf", "--log-dir", logs)
    assert done.returncode == 0, done
    assert (logs / "bytes.log").read_bytes() == text
    assert (logs / "hello.log").read_bytes().endswith(b"goodbye\n")
    assert (logs / "hv.log").read_text().splitlines()[-1] == "the run ends: all 2 VMs powered off"
    assert sorted(os.listdir(logs)) == ["bytes.log", "hello.log", "hv.log"]


def test_a_log_never_overwrites_an_input(tmp_path, spin):
    os.link(spin, tmp_path / "spin.log")
    before = Path(spin).read_bytes()
    done = rvh_run(spin, "--log-dir", tmp_path)
    assert done.returncode == 2 and "would be overwritten" in lines(done.stderr)[0]
    assert Path(spin).read_bytes() == before


def test_statistics_as_json(tmp_path, spin):
    path = tmp_path / "stats.json"
    done = rvh_run(elf(tmp_path, "calls", CALLS), "--stats-json", path, "--stats")
    assert done.returncode == 0
    document = json.loads(path.read_text())
    (vm,) = document["hypervisor"]["vms"]
    assert {c["cause"]: c["count"] for c in vm["exits"] if not c["interrupt"]}[10] == 321
    assert sum(hart["instructions"] for hart in document["machine"]["harts"]) == document["machine"]["instructions"]
    assert any("VM calls: off, exits" in line and "ECALL from VS-mode 321" in line for line in lines(done.stderr))
    # Whatever a vCPU does not run or wait for a hart, it waits for an event.
    assert 0 <= vm["wait_ns"] < vm["run_ns"]
    # A run that a limit ends is asked.
    assert rvh_run(spin, "--stats-json", path, "--max-insns", "30_000_000").returncode == 3
    (vm,) = json.loads(path.read_text())["hypervisor"]["vms"]
    assert vm["state"] == "running" and vm["run_ns"] > 0


def test_statistics_show_the_shares(tmp_path, spin):
    """Three VMs that compute without end and one that sleeps, on one hart: the hypervisor's own accounts."""
    path = tmp_path / "stats.json"
    doze = elf(
        tmp_path,
        "doze",
        """
    li t0, 32
    csrw sie, t0
1:  rdtime a0
    li t0, 20000
    add a0, a0, t0
    li a7, 0x54494d45
    li a6, 0
    ecall
    wfi
    j 1b
""",
    )
    weights = {"a": 100, "b": 200, "c": 400}
    vms = "".join(f'[[vm]]\nname = "{n}"\nkernel = "{spin}"\nweight = {w}\n' for n, w in weights.items())
    toml = tmp_path / "vms.toml"
    toml.write_text(f'[machine]\nharts = 1\n{vms}[[vm]]\nname = "doze"\nkernel = "{doze}"\n')
    assert rvh_run(toml, "--stats-json", path, "--max-insns", "1_000_000_000").returncode == 3
    found = {vm["name"]: vm for vm in json.loads(path.read_text())["hypervisor"]["vms"]}
    elapsed = {name: vm["run_ns"] + vm["steal_ns"] + vm["wait_ns"] for name, vm in found.items()}
    assert max(elapsed.values()) - min(elapsed.values()) < 0.02 * max(elapsed.values()), elapsed
    total = sum(found[name]["run_ns"] for name in weights)
    for name, weight in weights.items():
        assert abs(found[name]["run_ns"] / total - weight / 700) < 0.03 * weight / 700, found
        assert found[name]["wait_ns"] == 0
    doze_counts = found["doze"]
    assert doze_counts["wakeups"] > 100 and doze_counts["wait_ns"] > 0.9 * elapsed["doze"]
    assert 0 < doze_counts["wake_latency_max_ns"] < 500_000
