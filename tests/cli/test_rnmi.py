"""`rvh-run --rnmi-at`: resumable NMIs from the command line."""

from __future__ import annotations

import os
import sys

import pytest
from programs import FINISH, lines, rvh_run

from rvh.emit.asm import assemble

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from elf_files import Elf, Part  # noqa: E402

RAM = 0x8000_0000
#: The handler writes the hart and the cause as two digits; {n} RNMIs end the run, counted at `seen`.
SOURCE = (
    """
    la s1, seen
    csrwi mnstatus, 8
here:
    {meanwhile}
    j here
    .balign 4
on_rnmi:
    csrr a1, mncause
    csrr a2, mhartid
    andi a1, a1, 15
    addi a1, a1, 48
    addi a2, a2, 48
    li t0, 0x10000000
    sb a2, 0(t0)
    sb a1, 0(t0)
    ld t1, 0(s1)
    addi t1, t1, 1
    sd t1, 0(s1)
    li t2, {n}
    beq t1, t2, 2f
    mnret
2:  li a0, 0x5555
"""
    + FINISH
    + "    .balign 8\nseen: .dword 0\n"
)


def firmware(folder, n: int, meanwhile: str = "nop") -> tuple[str, dict[str, int]]:
    code = assemble(SOURCE.format(n=n, meanwhile=meanwhile), RAM)
    path = folder / "firmware.elf"
    path.write_bytes(Elf([Part(RAM, code.data)], entry=RAM, symbols=code.symbols).build())
    return str(path), code.symbols


def run(path: str, *more: object, isa: str = "max_smrnmi"):
    return rvh_run("--bare", path, "--isa", isa, "--rnmi-vector", "on_rnmi", *more)


def test_each_comes_once_in_order_of_time(tmp_path):
    path, symbols = firmware(tmp_path, 3)
    wanted = ("--rnmi-at", "9_000,cause=3,hart=1", "--rnmi-at", "3000,cause=7", "--rnmi-at", "0x1000")
    done = run(path, *wanted, "--harts", 2)
    assert (done.returncode, done.stdout) == (0, b"070013")
    again = rvh_run(
        "--bare", path, "--isa", "max_smrnmi", "--rnmi-vector", hex(symbols["on_rnmi"]), *wanted, "--harts", 2
    )
    assert again.stdout == done.stdout


def test_it_comes_after_that_many_instructions(tmp_path):
    path, symbols = firmware(tmp_path, 1)
    before, after = (run(path, "--rnmi-at", 501, "--max-insns", n) for n in (501, 502))
    assert f"at pc {symbols['here']:#x} <here+0x0>" in lines(before.stderr)[0]
    assert lines(before.stderr)[1] == "an RNMI of hart 0 was not taken: the run ended"
    assert f"at pc {symbols['on_rnmi'] + 4:#x} <on_rnmi+0x4>" in lines(after.stderr)[0]
    early = run(path, "--rnmi-at", 501, "--max-insns", 400)
    assert lines(early.stderr)[1] == "the RNMI after 501 instructions was not raised: the run ended before"


def test_it_wakes_what_nothing_else_would(tmp_path):
    """Its instruction would never come; and so with an open pipe as input."""
    path, _ = firmware(tmp_path, 2, "wfi")
    done = run(path, "--rnmi-at", 10**12, "--rnmi-at", 10**15)
    assert (done.returncode, done.stdout) == (0, b"0000")


def test_nmie_is_off_after_reset(tmp_path):
    done = rvh_run("--bare", program_without_nmie(tmp_path), "--isa", "max_smrnmi", "--rnmi-at", 50, "--max-insns", 99)
    assert "an RNMI of hart 0 was not taken: mnstatus.NMIE is 0, as after reset" in lines(done.stderr)


def program_without_nmie(folder) -> str:
    path = folder / "spin.elf"
    path.write_bytes(Elf([Part(RAM, assemble("1: j 1b", RAM).data)], entry=RAM).build())
    return str(path)


@pytest.mark.parametrize(
    ("more", "isa", "words"),
    [
        (["--rnmi-at", 5], "max", "--rnmi-at: the harts have no RNMIs without Smrnmi, such as with --isa max_smrnmi"),
        (["--rnmi-at", "5,hart=1"], "max_smrnmi", "--rnmi-at: there is no hart 1; the machine has 1"),
        (
            ["--rnmi-at", 5, "--rnmi-vector", "x"],
            "max_smrnmi",
            "--rnmi-vector: 'x' is neither an address nor a symbol of",
        ),
        (
            ["--rnmi-at", 5, "--rnmi-vector", 6],
            "max_smrnmi",
            "0x6 is no address of an RNMI handler: a multiple of 4 is",
        ),
        (["--rnmi-at", "5,cause=1e3"], "max_smrnmi", "--rnmi-at: '1e3' is not a number"),
    ],
)
def test_refused(tmp_path, more, isa, words):
    path, _ = firmware(tmp_path, 1)
    done = run(path, *more, isa=isa)
    assert done.returncode == 2 and done.stdout == b""
    (said,) = lines(done.stderr)
    assert said.startswith(words)
