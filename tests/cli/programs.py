"""Small programs for the command line to run, and the command line itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import rvh
from rvh.emit.asm import assemble

ROOT = Path(rvh.__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "rvh.cli.run"]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}

FINISH = """
finish:
    li t0, 0x100000
    sw a0, 0(t0)
1:  j 1b
"""
PASS = "li a0, 0x5555\n" + FINISH
FAIL = "li a0, 0x13333\n" + FINISH
SPIN = "1: j 1b\n"
SLEEP = "1: wfi\n j 1b\n"
#: Prints a text and powers off.
HELLO = (
    """
    la a1, text
    li t0, 0x10000000
1:  lbu a0, 0(a1)
    beqz a0, 2f
    sb a0, 0(t0)
    addi a1, a1, 1
    j 1b
2:  li a0, 0x5555
"""
    + FINISH
    + 'text: .asciz "hello\\n"\n'
)
#: Polls the UART and echoes what comes; powers off at a q.
ECHO = (
    """
    li s0, 0x10000000
    li s1, 'q'
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 1b
    lbu a0, 0(s0)
    sb a0, 0(s0)
    bne a0, s1, 1b
    li a0, 0x5555
"""
    + FINISH
)
#: The same, but asleep until the UART interrupts: source 10 of the PLIC, context 0.
ECHO_INTERRUPT = (
    """
    li s0, 0x10000000
    li s1, 'q'
    li s2, 0x0c000000
    li t0, 1
    sw t0, 40(s2)
    li t1, 0x2000
    add t1, t1, s2
    li t0, 0x400
    sw t0, 0(t1)
    li s3, 0x0c200000
    li t0, 1
    sb t0, 1(s0)
    li t0, 0x800
    csrs mie, t0
1:  wfi
    lw s4, 4(s3)
    beqz s4, 1b
    lbu a0, 0(s0)
    sb a0, 0(s0)
    sw s4, 4(s3)
    bne a0, s1, 1b
    li a0, 0x5555
"""
    + FINISH
)


def program(directory: Path, source: str, name: str = "guest.bin") -> str:
    """A raw binary in that directory."""
    path = directory / name
    path.write_bytes(assemble(source).data)
    return str(path)


def rvh_run(*args: object, stdin: bytes | None = b"", **kwargs) -> subprocess.CompletedProcess:
    """Runs the command to its end, at most a minute."""
    command = [*COMMAND, *(arg if isinstance(arg, bytes) else str(arg) for arg in args)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=ENV, **kwargs)


def lines(output: bytes) -> list[str]:
    """What the tool said, without its name."""
    said = output.decode().splitlines()
    assert all(line.startswith("rvh-run: ") for line in said), said
    return [line[len("rvh-run: ") :] for line in said]
