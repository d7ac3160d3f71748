"""The public Python API."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from elf_files import Elf, Part

import rvh
from rvh import Machine
from rvh.devices.bus import BusError
from rvh.emit.asm import assemble
from rvh.errors import InputError, UsageError
from rvh.isa.extensions import IsaError
from rvh.machine import F_NAMES, X_NAMES, Stop

RAM = 0x8000_0000
FINISH = "li t0, 0x100000\nli t1, {}\nsw t1, 0(t0)\n1: j 1b\n"


def machine(source="1: j 1b\n", **options):
    m = Machine(**({"ram": 1 << 20} | options))
    m.memory.write(RAM, assemble(source, RAM).data)
    m.start(RAM)
    return m


# ---- building


@pytest.mark.parametrize(
    "options",
    [
        {"harts": 0}, {"harts": 65}, {"ram": 0}, {"ram": 4095}, {"ram": -4096}, {"ram": 1 << 41}, {"clock": "sundial"},
        {"virtio": [None] * 9}, {"quantum": 0},
    ],
)  # fmt: skip
def test_values_out_of_range_are_usage_errors(options):
    with pytest.raises(UsageError):
        Machine(**options)


def test_an_isa_that_is_not_understood():
    with pytest.raises(IsaError):
        Machine(isa="rv64gcq_zunknown")


@pytest.mark.rules("mhartid_unique", "mhartid_one_is_zero", "HART_ID")
def test_sixty_four_harts():
    m = machine("csrr a0, mhartid\n1: j 1b\n", harts=64)
    m.run(max_insns=64 * 20_000)
    assert [h.x["a0"] for h in m.harts] == list(range(64))


# ---- registers


def test_registers_by_name_and_number():
    hart = machine().harts[0]
    for n, name in enumerate(X_NAMES):
        hart.x[name] = n * 0x0101_0101_0101_0101
        assert hart.x[n] == hart.x[name] == hart.x[f"x{n}"] == (n * 0x0101_0101_0101_0101 if n else 0)
    hart.x["a0"] = -1
    assert hart.x["a0"] == (1 << 64) - 1
    hart.x["fp"] = 5
    assert hart.x["s0"] == 5
    for n, name in enumerate(F_NAMES):
        hart.f[name] = n << 40
        assert hart.f[n] == hart.f[f"f{n}"] == n << 40
    assert list(hart.x) == X_NAMES and len(hart.x) == len(hart.f) == 32
    assert dict(hart.x)["s0"] == 5
    for bad in ("a9", 32, -1, "ft0"):
        with pytest.raises(KeyError):
            hart.x[bad]
    with pytest.raises(TypeError):
        del hart.x["a0"]


def test_pc_and_mode():
    hart = machine("nop\n").harts[0]
    assert (hart.pc, hart.mode) == (RAM, "M")
    for mode in ("M", "HS", "U", "VS", "VU"):
        hart.mode = mode
        assert hart.mode == mode
    hart.mode = "S"
    assert hart.mode == "HS"
    with pytest.raises(ValueError):
        hart.mode = "H"
    hart.mode = "M"
    hart.pc = RAM + 0x11
    assert hart.pc == RAM + 0x10
    assert "pc=0x80000010" in repr(hart) and "M" in repr(hart)


def test_csrs_by_name_and_number():
    csr = machine().harts[0].csr
    csr["mscratch"] = 0x1234
    assert csr["mscratch"] == csr[0x340] == 0x1234
    csr[0x340] = -1
    assert csr["mscratch"] == (1 << 64) - 1
    assert csr["mhartid"] == 0 and "vsatp" in csr and "nonsense" not in csr
    with pytest.raises(KeyError):
        csr["nonsense"]
    with pytest.raises(KeyError):
        csr["mhartid"] = 1
    assert "vsatp" not in machine(isa="rv64gc").harts[0].csr


# ---- memory


def test_the_numpy_view_is_the_memory():
    m = machine("la a0, x\nlw a1, 0(a0)\nli a2, 77\nsw a2, 4(a0)\n1: j 1b\n.balign 64\nx: .word 0, 0\n")
    view = m.ram
    assert view.dtype == np.uint8 and len(view) == 1 << 20
    words = view.view(np.uint32)
    words[16] = 0xDEAD_BEEF
    m.run(max_insns=10)
    assert m.harts[0].x["a1"] == 0xFFFF_FFFF_DEAD_BEEF
    assert words[17] == 77
    assert np.shares_memory(view, m.ram)
    assert m.memory.read(RAM + 64, 8) == struct.pack("<II", 0xDEAD_BEEF, 77)


def test_the_numpy_view_outlives_the_machine():
    view = machine().ram
    view[5] = 9
    assert view[5] == 9


@pytest.mark.parametrize("at, n", [(RAM - 1, 1), (RAM + (1 << 20), 1), (RAM + (1 << 20) - 4, 8), (0, 4), (1 << 64, 1)])
def test_memory_outside_ram(at, n):
    m = machine()
    for call in (
        lambda: m.memory.read(at, n),
        lambda: m.memory.write(at, bytes(n)),
        lambda: m.memory.view(at, n),
        lambda: m.store(at, bytes(n)),
    ):
        with pytest.raises(BusError):
            call()


def test_views_for_devices():
    m = machine()
    view = m.memory.view(RAM + 16, 4)
    m.memory.write(RAM + 16, b"abcd")
    assert bytes(view) == b"abcd" and view.readonly
    m.memory.view(RAM + 16, 4, writable=True)[1:3] = b"XY"
    assert m.memory.read(RAM + 16, 4) == b"aXYd"


def test_store_fills_with_zeros():
    m = machine()
    m.memory.write(RAM + 0x100, b"\xff" * 64)
    m.store(RAM + 0x100, b"ab", 32)
    assert m.memory.read(RAM + 0x100, 33) == b"ab" + bytes(30) + b"\xff"


# ---- loading


def test_loading_an_elf(tmp_path):
    code = assemble("start: li a3, 3\n1: j 1b\nvalue: .word 7\n", RAM + 0x100)
    path = tmp_path / "x.elf"
    path.write_bytes(Elf([Part(RAM + 0x100, code.data)], symbols=code.symbols, entry=RAM + 0x100).build())
    m = Machine(harts=2, ram=1 << 20)
    program = m.load(path)
    assert program.entry == m.harts[0].pc == m.harts[1].pc == RAM + 0x100
    assert [h.x["a0"] for h in m.harts] == [0, 1] and m.harts[0].x["a1"] == 0
    assert m.symbols["value"] == RAM + 0x108
    m.run(max_insns=40_000)
    assert m.harts[1].x["a3"] == 3


def test_a_raw_binary_goes_to_the_start_of_ram(tmp_path):
    path = tmp_path / "raw.bin"
    path.write_bytes(assemble("li a3, 4\n1: j 1b\n").data)
    m = Machine(ram=1 << 20)
    m.load(path)
    m.run(max_insns=5)
    assert m.harts[0].x["a3"] == 4


def test_load_errors_name_the_file(tmp_path):
    m = Machine(ram=1 << 20)
    far = tmp_path / "far.elf"
    far.write_bytes(Elf([Part(0x1000, bytes(8))]).build())
    cut = tmp_path / "cut.elf"
    cut.write_bytes(Elf([Part(RAM, bytes(8))]).build()[:70])
    for path in (far, cut, tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=str(path)):
            m.load(path)


# ---- stops


@pytest.mark.parametrize(
    "value, stop",
    [(0x5555, Stop("pass", 0)), (0x7_3333, Stop("fail", 7)), (0x7777, Stop("reset", 0))],
)
def test_the_finisher_stops_the_machine(value, stop):
    m = machine(FINISH.format(value))
    assert m.run(max_insns=1000) == stop
    assert m.instructions < 10, "at once"


def test_limit_until_timeout_and_going_on():
    m = machine("1: addi a0, a0, 1\n j 1b\n")
    assert m.run(max_insns=1001) == Stop("limit")
    assert m.instructions == 1001
    assert m.run(until=lambda m: m.harts[0].x["a0"] > 5000, timeout=20) == Stop("until")
    started = time.perf_counter()
    assert m.run(timeout=0.2) == Stop("timeout")
    assert 0.2 <= time.perf_counter() - started < 2
    assert m.host_seconds >= 0.2


def test_idle_is_asked_when_every_hart_waits():
    arm = "li t0, 0x2004000\nli t1, 100000\nsd t1, 0(t0)\nli t0, 0x80\ncsrw mie, t0\nwfi\n"
    m = machine(arm + FINISH.format(0x5555))
    waits = []

    def idle(seconds):
        waits.append(seconds)
        return True

    assert m.run(idle=idle, timeout=20).kind == "pass"
    assert waits and 0 < waits[0] <= 100_000 / 10_000_000


def test_htif_stops_the_machine_and_prints(tmp_path):
    code = assemble(
        """
        la s0, tohost
        li t0, 0x0101000000000041   # device 1, command 1: putchar 'A'
        sd t0, 0(s0)
    1:  ld t1, 0(s0)
        bnez t1, 1b
        li t0, 7
        sd t0, 0(s0)
    2:  j 2b
        .balign 64
    tohost: .dword 0
        .balign 64
    fromhost: .dword 0
        """,
        RAM,
    )
    path = tmp_path / "htif.elf"
    path.write_bytes(Elf([Part(RAM, code.data)], symbols=code.symbols).build())
    output = bytearray()
    m = Machine(ram=1 << 20, console=output.extend)
    m.load(path)
    assert m.htif is not None
    assert m.run(max_insns=10_000_000) == Stop("fail", 3)
    assert output == b"A"


def test_console_output_and_input():
    output = bytearray()
    m = machine(
        """
        li s0, 0x10000000
    1:  lbu t0, 5(s0)
        andi t0, t0, 1
        beqz t0, 1b
        lbu a0, 0(s0)
        sb a0, 0(s0)
        j 1b
        """,
        console=output.extend,
    )
    m.console_feed(b"hello")
    m.run(max_insns=10_000)
    assert output == b"hello"


def test_what_a_console_raises_comes_out_of_run():
    def broken(data):
        raise RuntimeError("no paper")

    m = machine("li t0, 0x10000000\nli t1, 10\nsb t1, 0(t0)\n" + FINISH.format(0x5555), console=broken)
    with pytest.raises(RuntimeError, match="no paper"):
        m.run(max_insns=10_000)


def test_stats_count():
    m = machine("ecall\n")
    m.harts[0].csr["mtvec"] = RAM
    m.run(max_insns=10)
    stats = m.harts[0].stats
    assert stats["traps"] == 10 and stats["instructions"] == 0 and stats["slots"] == 10
    assert m.harts[0].waiting is False


@pytest.mark.parametrize("program", ["1: j 1b", "1: addi a0, a0, 1\n lw a1, 0(sp)\n j 1b", "1: ecall\n j 1b"])
def test_ctrl_c_stops_a_run_within_a_tenth_of_a_second(program):
    code = f"""
import sys, time
from rvh import Machine
from rvh.emit.asm import assemble
m = Machine(ram=1 << 20)
m.memory.write({RAM}, assemble({program!r}, {RAM}).data)
m.start({RAM})
m.harts[0].x["sp"] = {RAM + 0x1000}
m.harts[0].csr["mtvec"] = {RAM}
print("runs", flush=True)
try:
    m.run()
except KeyboardInterrupt:
    print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
    print(m.run(max_insns=1000).kind)
"""
    root = Path(rvh.__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "runs\n"
        delays = []
        time.sleep(0.2)
        sent = time.clock_gettime(time.CLOCK_MONOTONIC)
        process.send_signal(signal.SIGINT)
        delays.append(float(process.stdout.readline()) - sent)
        assert process.stdout.readline() == "limit\n", "the machine goes on afterwards"
    assert delays[0] < 0.1 + 0.4 * (os.getloadavg()[0] > (os.cpu_count() or 1))  # a busy host is not our delay


def test_limits_that_are_none():
    m = machine("1: j 1b")
    for arguments in ({"max_insns": -1}, {"timeout": -1.0}, {"timeout": float("nan")}):
        with pytest.raises(UsageError):
            m.run(**arguments)
    with pytest.raises(TypeError):
        m.run(max_insns=1.5)
    assert m.run(max_insns=1 << 70, timeout=0.01).kind == "timeout"


def test_machines_that_cannot_be():
    for geilen in (-1, 64):
        with pytest.raises(UsageError):
            Machine(geilen=geilen)
    with pytest.raises(TypeError):
        Machine(console=3)


@pytest.mark.parametrize("quantum", [1, 7, 1000])
def test_harts_take_turns_after_a_quantum(quantum):
    m = Machine(harts=2, ram=1 << 20, quantum=quantum)
    m.memory.write(0x8000_0000, (0x0000_006F).to_bytes(4, "little"))  # j .
    m.start(0x8000_0000)
    m.run(max_insns=3 * quantum)
    assert [hart.stats["slots"] for hart in m.harts] == [2 * quantum, quantum]
