"""The RTC's alarm wakes a machine that waits, at its time."""

from rvh import Machine
from rvh.emit.asm import assemble

# Enables PLIC source 11 for hart 0's M context, arms the alarm 5 ms from now, waits, powers off.
PROGRAM = """
    li s0, 0x101000         # RTC
    li s1, 0x0c000000       # PLIC
    li t0, 1
    sw t0, 44(s1)           # priority of source 11
    li t1, 0x0c002000
    li t0, 1 << 11
    sw t0, 0(t1)            # enable
    li t0, 1 << 11
    csrw mie, t0            # MEIE; interrupts stay masked: WFI wakes all the same
    lw t0, 0(s0)            # now
    lw t1, 4(s0)
    slli t1, t1, 32
    slli t0, t0, 32
    srli t0, t0, 32
    or t0, t0, t1
    li t1, 5000000
    add t0, t0, t1
    srli t1, t0, 32
    sw t1, 0x0c(s0)         # ALARM_HIGH
    sw t0, 0x08(s0)         # ALARM_LOW arms
    li t0, 1
    sw t0, 0x10(s0)         # IRQ_ENABLED
    wfi
    csrr s2, time
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
"""


def run():
    machine = Machine(ram=1 << 20)
    machine.store(0x80000000, assemble(PROGRAM).data)
    machine.start(0x80000000)
    stop = machine.run(max_insns=10_000)
    return stop, machine.harts[0].x["s2"], machine.digest()


def test_alarm_ends_the_wait_at_its_time():
    stop, time, digest = run()
    assert stop.kind == "pass"
    assert 50_000 <= time <= 50_010, "5 ms are 50,000 ticks"
    assert run() == (stop, time, digest)
