"""The commit log: Spike's format, the order of events, and that tracing changes nothing."""

import io

import pytest

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.trace import CommitLog

RAM = 0x8000_0000


def traced(source, insns=None, harts=1, setup=None):
    machine = Machine(harts=harts, ram=1 << 20)
    machine.store(RAM, assemble(source).data)
    machine.start(RAM)
    if setup:
        setup(machine)
    out = io.StringIO()
    CommitLog(machine, out).start()
    machine.run(max_insns=insns or source.strip().count("\n") + 1)
    return machine, out.getvalue().splitlines()


def one(source, skip=0):
    """What the log says of the instruction after `skip` others, without hart, mode, pc and encoding."""
    _, lines = traced(source, insns=skip + 1)
    return lines[skip].partition(")")[2].strip()


def test_the_whole_line():
    _, lines = traced("auipc x5, 0\nlui x10, 0x12345\nc.li a1, 0\nc.addi a0, 1")
    assert lines == [
        "core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000",
        "core   0: 3 0x0000000080000004 (0x12345537) x10 0x0000000012345000",
        "core   0: 3 0x0000000080000008 (0x4581) x11 0x0000000000000000",
        "core   0: 3 0x000000008000000a (0x0505) x10 0x0000000012345001",
    ]


@pytest.mark.parametrize(
    "source, skip, expected",
    [
        ("addi x0, x0, 5", 0, ""),
        ("auipc a0, 0\nld a1, 0(a0)", 1, "x11 0x0005358300000517 mem 0x0000000080000000"),
        ("auipc a0, 1\nli a1, -1\nsh a1, 2(a0)", 2, "mem 0x0000000080001002 0xffff"),
        ("auipc a0, 1\nli a1, 7\namoadd.w a2, a1, (a0)", 2,
         "x12 0x0000000000000000 mem 0x0000000080001000 mem 0x0000000080001000 0x00000007"),
        ("auipc a0, 1\nli a1, 7\nlr.d a2, (a0)", 2, "x12 0x0000000000000000 mem 0x0000000080001000"),
        ("auipc a0, 1\nlr.d a2, (a0)\nsc.d a3, a0, (a0)", 2,
         "x13 0x0000000000000000 mem 0x0000000080001000 0x0000000080001000"),
        ("auipc a0, 1\nsc.d a3, a0, (a0)", 1, "x13 0x0000000000000001"),
        ("csrw mscratch, x0", 0, "c832_mscratch 0x0000000000000000"),
        ("csrr a0, mscratch", 0, "x10 0x0000000000000000"),
        ("li t0, 0x2222\ncsrrw a0, mie, t0", 2, "x10 0x0000000000000000 c772_mie 0x0000000000002222"),
        ("li t0, 0x100000\ncsrs sstatus, t0", 1, None),
        ("lui a0, 0x10000\nsb a0, 7(a0)", 1, "mem 0x0000000010000007 0x00"),
        ("jal ra, . + 4", 0, "x1  0x0000000080000004"),
    ],
)  # fmt: skip
def test_instructions(source, skip, expected):
    line = one(source, skip)
    if expected is None:
        assert line.startswith("c768_mstatus 0x")
    else:
        assert line == expected


def test_floating_point():
    source = "lui t0, 2\ncsrs mstatus, t0\nli t1, 3\nfcvt.d.l fa0, t1\nfdiv.d fa1, fa0, fa0\nfdiv.d fa2, fa1, fa0"
    _, lines = traced(source)
    assert lines[3].endswith(" f10 0x4008000000000000")
    assert lines[4].endswith(" f11 0x3ff0000000000000")
    assert lines[5].endswith(" c1_fflags 0x0000000000000001 f12 0x3fd5555555555555")


TRAP = """
    la t0, handler
    csrw mtvec, t0
    ecall
    nop
handler:
    csrr a0, mcause
    mret
"""


def test_a_trapping_instruction_has_no_line():
    _, lines = traced(TRAP, insns=7)
    words = [line.split("(")[1][:10] for line in lines]
    assert "0x00000073" not in words
    assert words[-1] == "0x30200073" and " c768_mstatus " in lines[-1]
    assert lines[-2].endswith(" x10 0x000000000000000b")


@pytest.mark.parametrize("vectored", [0, 1])
def test_interrupts(vectored):
    """The first instruction of a handler is logged with the handler's address."""
    source = f"""
        la t0, handler + {vectored}
        csrw mtvec, t0
        li t0, 8
        csrw mie, t0
        li t0, 0x02000000
        li t1, 1
        sw t1, 0(t0)
        csrsi mstatus, 8
        nop
    1:  j 1b
        .balign 64
    handler:
        nop
        nop
        nop
        addi a0, a0, 1
    """
    code = assemble(source)
    _, lines = traced(source, insns=14)
    entry = code.symbols["handler"] + 12 * vectored
    after = next(n for n, line in enumerate(lines) if "0x30046073" in line) + 1
    assert lines[after].startswith(f"core   0: 3 0x{entry:016x} ")


def test_modes():
    source = """
        la t0, 1f
        csrw mepc, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 31
        csrw pmpcfg0, t0
        li t0, 0x1800
        csrc mstatus, t0
        mret
    1:  addi a0, a0, 1
    """
    _, lines = traced(source, insns=12)
    assert lines[-1].startswith("core   0: 0 ") and lines[-2].startswith("core   0: 3 ")


SHARED = """
    la t0, counter
    csrr t3, mhartid
1:  amoadd.d t1, a0, (t0)
    addi t2, t2, 1
    sd t2, 64(t0)
    beqz t3, 1b
    j 1b
    .balign 64
counter: .dword 0
"""


@pytest.mark.parametrize("harts", [1, 3])
def test_tracing_changes_nothing(harts):
    def plain(insns):
        machine = Machine(harts=harts, ram=1 << 20)
        machine.store(RAM, assemble(SHARED).data)
        machine.start(RAM)
        machine.run(max_insns=insns)
        return machine

    insns = 25000
    machine, lines = traced(SHARED, insns=insns, harts=harts)
    assert len(lines) == insns
    assert {int(line[4:8]) for line in lines} == set(range(harts))
    assert machine.digest() == plain(insns).digest()
