"""Traces: what the records and the text say, and that a traced run is the untraced one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from rvh import Machine, _fast, trace
from rvh.emit.asm import assemble
from rvh.isa import csrs

RAM = 0x8000_0000
IMAGES = Path(trace.__file__).parent / "images"

#: An M-mode program that is interrupted by its timer at instructions that have nothing to do with its blocks, takes
#: exceptions, crosses pages, and uses floating point and atomics.
TIMER = """
        la t0, handler
        csrw mtvec, t0
        li t0, 0x2004000
        li t1, 3
        sd t1, 0(t0)            # mtimecmp = 3
        li t0, 0x80
        csrw mie, t0
        li t0, 0x6008
        csrw mstatus, t0        # MIE, FS dirty
        la s0, data
        li s1, 0
        li a0, 12345
        fcvt.d.l fa0, a0
loop:   addi s1, s1, 1
        sd s1, 0(s0)
        lw t0, 2(s0)
        amoadd.w t1, s1, (s0)
        fdiv.d fa1, fa0, fa0
        fcvt.d.l fa2, s1
        fdiv.d fa3, fa0, fa2
        feq.d t2, fa3, fa1
        sw s1, -2(s2)
        ld t2, -4(s2)
        andi t0, s1, 31
        bnez t0, loop
        ecall
        .word 0
        j loop
handler:
        csrrw tp, mscratch, tp
        csrr t5, mcause
        bltz t5, timer
        csrr t5, mepc
        addi t5, t5, 4
        csrw mepc, t5
        j done
timer:  li t6, 0x200bff8
        ld t5, 0(t6)
        addi t5, t5, 7
        li t6, 0x2004000
        sd t5, 0(t6)
        addi s11, s11, 1
done:   csrrw tp, mscratch, tp
        mret
        .balign 8
data:   .dword 0, 0
"""


def machine(source: str, **options: object) -> Machine:
    m = Machine(ram=1 << 20, **options)  # type: ignore[arg-type]
    program = assemble(source, RAM)
    m.store(RAM, program.data)
    m.symbols.update(program.symbols)
    m.start(RAM)
    m.harts[0].x["s2"] = RAM + 0x8000
    return m


def traced(m: Machine, n: int) -> tuple[np.ndarray, str]:
    """The records of the next n slots, and their text."""
    parts, text = [], io.BytesIO()
    tracer = trace.Tracer(m, lambda r: (parts.append(r.copy()), text.write(tracer.text(len(r)))))
    with tracer:
        m.run(max_insns=n)
    return np.concatenate(parts), text.getvalue().decode()


def lines_of(source: str, n: int) -> list[str]:
    return traced(machine(source), n)[1].splitlines()


@pytest.mark.parametrize("n", [1, 777, 20_000, 300_000])
def test_a_traced_run_is_the_untraced_run(n):
    plain, logged = machine(TIMER), machine(TIMER)
    plain.run(max_insns=n)
    records, _ = traced(logged, n)
    assert logged.digest() == plain.digest()
    assert logged.harts[0].stats["interrupts"] == plain.harts[0].stats["interrupts"]
    retired = records[records["kind"] == trace.RETIRED]
    assert len(retired) == logged.instructions
    if n > 10_000:
        assert plain.harts[0].x["s11"] > n // 1000, "the timer did not interrupt"


def test_a_run_in_pieces_is_the_whole_run():
    whole, pieces = machine(TIMER), machine(TIMER)
    whole.run(max_insns=50_000)
    left = 50_000
    for n in (1, 2, 3, 700, 4999, 10_000):
        pieces.run(max_insns=n)
        left -= n
    pieces.trace(123)
    pieces.run(max_insns=left - 123)
    assert pieces.digest() == whole.digest()


def test_several_harts_traced_are_the_same_harts():
    source = "loop: amoadd.d t0, s1, (s2)\naddi s1, s1, 1\nandi t1, s1, 63\nbnez t1, loop\nbnez a0, loop\nwfi\nj loop\n"
    digests = []
    for log in (False, True):
        m = machine(source, harts=3)
        for hart in m.harts:
            hart.x["s2"] = RAM + 0x1000
        if log:
            records, _ = traced(m, 100_000)
            assert set(records["hart"]) == {0, 1, 2}
        else:
            m.run(max_insns=100_000)
        digests.append(m.digest())
    assert digests[0] == digests[1]


def test_records_hold_exceptions_and_interrupts():
    records, _ = traced(machine(TIMER), 20_000)
    exceptions = records[records["kind"] == trace.EXCEPTION]
    assert set(exceptions["cause"]) == {csrs.CAUSES["ECALL_M"], csrs.CAUSES["ILLEGAL"]}
    symbols = assemble(TIMER, RAM).symbols
    interrupts = np.flatnonzero(records["kind"] == trace.INTERRUPT)
    assert len(interrupts) > 10
    assert set(records["cause"][interrupts]) == {1 << 63 | csrs.INTERRUPTS["MTI"]}
    assert set(records["pc"][interrupts[:-1] + 1]) == {symbols["handler"]}


def test_the_text_has_registers_and_memory():
    text = lines_of(
        "lui t0, 1\nli t1, -1\nadd t0, t0, s2\nsb t1, 3(t0)\nlhu x0, 2(t0)\nlh a0, 2(t0)\nc.addi t1, 3\nnop", 8
    )
    assert text == [
        "core   0: 3 0x0000000080000000 (0x000012b7) x5  0x0000000000001000",
        "core   0: 3 0x0000000080000004 (0xfff00313) x6  0xffffffffffffffff",
        "core   0: 3 0x0000000080000008 (0x012282b3) x5  0x0000000080009000",
        "core   0: 3 0x000000008000000c (0x006281a3) mem 0x0000000080009003 0xff",
        "core   0: 3 0x0000000080000010 (0x0022d003) mem 0x0000000080009002",
        "core   0: 3 0x0000000080000014 (0x00229503) x10 0xffffffffffffff00 mem 0x0000000080009002",
        "core   0: 3 0x0000000080000018 (0x030d) x6  0x0000000000000002",
        "core   0: 3 0x000000008000001a (0x00000013)",
    ]


def test_the_text_has_page_crossing_accesses_in_one_piece():
    text = lines_of("li t1, 0x0102030405060708\nsd t1, -3(s2)\nld a0, -3(s2)", 12)
    address = f"0x{RAM + 0x8000 - 3:016x}"
    assert [line.partition(") ")[2] for line in text[-40:] if address in line] == [
        f"mem {address} 0x0102030405060708",
        f"x10 0x0102030405060708 mem {address}",
    ]


def test_the_text_has_atomics():
    text = lines_of(
        "mv t0, s2\nli t1, 5\namoadd.w a0, t1, (t0)\nlr.d a1, (t0)\n"
        "sc.d a2, t1, (t0)\nsc.d a3, t1, (t0)\nsc.w x0, t1, (t0)",
        7,
    )
    at = f"mem 0x{RAM + 0x8000:016x}"
    assert [line.partition(") ")[2] for line in text[2:]] == [
        f"x10 0x0000000000000000 {at} {at} 0x00000005",
        f"x11 0x0000000000000005 {at}",
        f"x12 0x0000000000000000 {at} 0x0000000000000005",
        "x13 0x0000000000000001",
        "",
    ]


def test_the_text_has_csr_writes_and_dirty_fs():
    text = lines_of(
        "li t0, 0x2000\ncsrw mstatus, t0\nfmv.d.x fa0, x0\nfmv.d.x fa1, t0\nfdiv.d fa2, fa1, fa0\n"
        "csrr t1, mstatus\ncsrsi sie, 2\ncsrw mideleg, t0\ncsrwi fcsr, 9\nmret",
        10,
    )
    parts = [line.partition(") ")[2] for line in text]
    assert parts[1:3] == [
        "c768_mstatus 0x0000000a00002000",
        "f10 0x0000000000000000 c768_mstatus 0x8000000a00006000",
    ]
    assert parts[4] == "c1_fflags 0x0000000000000008 f12 0x7ff0000000000000"
    assert parts[5] == "x6  0x8000000a00006000"
    assert parts[6].startswith("c772_mie ")
    assert parts[8] == "c1_fflags 0x0000000000000009 c2_frm 0x0000000000000000"
    assert parts[9] == "c768_mstatus 0x8000000a00006080"


def test_one_trace_at_a_time():
    m = machine("nop\nnop")
    with trace.Tracer(m, lambda records: None):
        with pytest.raises(_fast.CoreError, match="already"):
            trace.Tracer(m, lambda records: None).start()
    assert len(m.trace(1)) == 1


def test_an_error_in_the_sink_ends_the_run():
    m = machine("loop: j loop")

    def sink(records):
        raise RuntimeError("no space")

    tracer = trace.Tracer(m, sink, capacity=100)
    tracer.start()
    with pytest.raises(RuntimeError, match="no space"):
        m.run(max_insns=1000)
    assert m.harts[0].stats["slots"] < 200


def test_every_instruction_that_writes_a_register_is_known_to():
    assert trace.classify(0x00000000) == 0
    assert trace.classify(0x4501) == trace.classify(0x00000513), "c.li is addi"
    assert trace.classify(0x02A58553) & 2 and not trace.classify(0xA2B52553) & 2, "fadd.d writes f, feq.d writes x"


@pytest.mark.skipif(not (IMAGES / "hv.elf").is_file(), reason="firmware images are not built")
@pytest.mark.parametrize("start", [1_900_000, 13_000_000, 44_000_000])
def test_the_demo_traced_is_the_demo(start):
    """The last sample is the end, where both guests run and are switched."""
    digests = []
    for log in (False, True):
        m = demo()
        m.run(max_insns=start)
        if log:
            with trace.Tracer(m, lambda records: None):
                m.run(max_insns=600_000)
        else:
            m.run(max_insns=600_000)
        digests.append((m.digest(), m.instructions))
    assert digests[0] == digests[1]


def demo() -> Machine:
    """The hypervisor with two guests, ready to run."""
    from rvh import vms
    from rvh.machine import RAM_BASE

    m = Machine(harts=2, ram=256 << 20)
    specs = [vms.VmSpec(n, str(IMAGES / f"{n}.elf"), vms.DEFAULT_MEMORY, 1) for n in ("timer", "hello")]
    plan = vms.plan_hypervisor(
        m.device_tree(), RAM_BASE, 256 << 20, str(IMAGES / "sbi.elf"), str(IMAGES / "hv.elf"), specs, color=False
    )
    for load in plan.loads:
        m.store(load.address, load.data, load.size)
    m.start(plan.entry, plan.dtb_address, plan.info_address)
    return m
