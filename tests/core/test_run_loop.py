"""The run loop: whose turn it is, what time it is, and that where a run is cut changes nothing."""

import random

import pytest

from rvh import Machine
from rvh.emit.asm import assemble

RAM = 0x8000_0000
CLINT = 0x0200_0000
MTIMECMP, MTIME = CLINT + 0x4000, CLINT + 0xBFF8


def machine(source, harts=1, ram=1 << 20, **options):
    m = Machine(harts=harts, ram=ram, **options)
    m.memory.write(RAM, assemble(source, RAM).data)
    m.start(RAM)
    return m


def run(m, n):
    assert m.run(max_insns=n).kind == "limit"
    return m.harts[0]


# ---- where a run is cut does not matter

BUSY = """
    csrr s0, mhartid
    li s1, 0x2004000        # mtimecmp
    sh3add s1, s0, s1
    li s2, 0x200bff8        # mtime
    la s3, shared
    la t0, handler
    csrw mtvec, t0
    ld t1, 0(s2)
    addi t1, t1, 3
    sd t1, 0(s1)
    li t0, 0x88
    csrw mie, t0
    csrsi mstatus, 8
loop:
    amoadd.w t2, s0, (s3)
    lr.d t3, 8(s3)
    addi s5, s5, 1
    mul s6, s5, t2
    sd s6, 64(s3)
    ld s7, 64(s3)
    andi t4, s5, 63
    bnez t4, loop
    wfi
    j loop
    .balign 4
handler:
    csrr t5, mcause
    addi s8, s8, 1
    andi t5, t5, 4
    beqz t5, 1f
    ld t6, 0(s2)
    addi t6, t6, 7
    add t6, t6, s0
    sd t6, 0(s1)
    # interrupt the next hart
    li t5, 0x2000000
    addi t6, s0, 1
    andi t6, t6, 3
    sh2add t5, t6, t5
    li t6, 1
    sw t6, 0(t5)
    mret
1:  li t5, 0x2000000
    sh2add t5, s0, t5
    sw zero, 0(t5)
    mret
    .balign 64
shared: .zero 128
""".replace("lr.d t3, 8(s3)", "addi t3, s3, 8\n lr.d t3, (t3)")


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_the_digest_does_not_tell_how_a_run_was_cut(harts):
    """With timer interrupts, IPIs, WFI and harts that share memory."""
    rng = random.Random(harts)
    digests = {}
    cuts = {
        "10000": [10_000],
        "1000 x 10": [1000] * 10,
        "1 x 10000": [1] * 10_000,
        "random": [],
    }
    left = 10_000
    while left:
        cuts["random"].append(min(left, rng.randrange(1, 700)))
        left -= cuts["random"][-1]
    for name, stretches in cuts.items():
        m = machine(BUSY, harts)
        for n in stretches:
            run(m, n)
        assert m.harts[0].stats["interrupts"] > 5
        digests[name] = m.digest()
    assert len(set(digests.values())) == 1, digests


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_do_not_tell_how_a_run_was_cut(seed):
    """Random instructions out of all of memory's words: traps, jumps anywhere, CSR writes."""
    rng = random.Random(seed)
    harts = rng.choice((1, 2, 4))
    pieces = [
        "addi x{r}, x{r}, {i}", "lw x{r}, {o}(s3)", "sw x{r}, {o}(s3)", "csrrw x{r}, mscratch, x{q}", "ecall",
        "csrsi mstatus, 8", "wfi", "csrr x{r}, time", "csrr x{r}, minstret", "csrr x{r}, mcycle",
        "amoadd.w x{r}, x{q}, (s3)", "bne x{r}, x{q}, 1f", "mul x{r}, x{q}, x{r}", "rdtime x{r}",
        "csrw minstret, x{q}", "fence.i", "j 1f", "lr.w x{r}, (s3)", "sc.w x{r}, x{q}, (s3)", "sd x{q}, 0(s1)",
    ]  # fmt: skip
    lines = []
    for _ in range(150):
        text = rng.choice(pieces)
        r, q = rng.randrange(10, 16), rng.randrange(10, 16)
        text = text.format(r=r, q=q, i=rng.randrange(-9, 9), o=4 * rng.randrange(16))
        lines.append(text + ("\n1:" if "1f" in text else ""))
    source = f"""
        csrr s0, mhartid
        li s1, 0x2004000
        sh3add s1, s0, s1
        la s3, shared
        la t0, handler
        csrw mtvec, t0
        li t0, 0x80
        csrw mie, t0
    loop:
        {chr(10).join(lines)}
        la t0, loop
        jr t0
        .balign 4
    handler:
        csrr t0, mcause
        bltz t0, 2f
        csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret
    2:  li t1, 0x200bff8
        ld t1, 0(t1)
        addi t1, t1, 5
        sd t1, 0(s1)
        mret
        .balign 64
    shared: .zero 128
    """
    digests = set()
    for stretches in ([6000], [1] * 6000, [700] * 8 + [400], [13] * 461 + [7]):
        m = machine(source, harts)
        for n in stretches:
            if m.run(max_insns=n).kind == "idle":
                break  # a WFI after a store of some number to mtimecmp
        digests.add(m.digest())
    assert len(digests) == 1


def test_two_machines_give_the_same_digest():
    digests = set()
    for _ in range(2):
        m = machine(BUSY, 4)
        run(m, 50_000)
        digests.add(m.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("what", ["register", "memory", "csr", "time"])
def test_the_digest_sees_every_difference(what):
    m = machine("1: addi a0, a0, 1\n j 1b\n")
    run(m, 100)
    before = m.digest()
    assert m.digest() == before
    if what == "register":
        m.harts[0].x["s11"] = 1
    elif what == "memory":
        m.memory.write(RAM + 0xFFFFF, b"\1")
    elif what == "csr":
        m.harts[0].csr["vstval"] = 1
    else:
        run(m, 1)
    assert m.digest() != before


# ---- limits


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 99, 100, 101, 4097])
@pytest.mark.parametrize("harts", [1, 3])
def test_limits_are_exact(n, harts):
    m = machine("1: addi a0, a0, 1\n addi a0, a0, 1\n addi a0, a0, 1\n j 1b\n", harts)
    assert m.run(max_insns=n).kind == "limit"
    assert m.instructions == n


def test_a_limit_counts_an_instruction_that_traps():
    m = machine("la t0, h\ncsrw mtvec, t0\n1: ecall\n .balign 4\nh: csrr t1, mepc\n mret\n")
    run(m, 4)  # la is two
    assert m.harts[0].csr["mcause"] == 11 and m.harts[0].stats["instructions"] == 3
    run(m, 2)
    assert m.harts[0].stats["instructions"] == 5


def test_limits_of_several_harts_are_of_all_together():
    m = machine("1: addi a0, a0, 1\n j 1b\n", harts=4)
    run(m, 1_000_000)
    assert sum(h.stats["instructions"] for h in m.harts) == 1_000_000
    assert max(h.stats["instructions"] for h in m.harts) - min(h.stats["instructions"] for h in m.harts) <= 20_000


# ---- counters and time


@pytest.mark.rules("minstret_op", "mcycle_op")
def test_minstret_and_mcycle_count_retired_instructions():
    m = machine(
        """
        csrr s0, minstret
        nop
        nop
        csrr s1, minstret
        csrr s2, mcycle
        nop
        csrr s3, mcycle
        csrr s4, instret
        csrw minstret, zero
        csrr s5, minstret
        1: j 1b
        """
    )
    hart = run(m, 20)
    assert hart.x["s1"] - hart.x["s0"] == 3
    assert hart.x["s3"] - hart.x["s2"] == 2
    assert hart.x["s4"] - hart.x["s1"] == 4
    assert hart.x["s5"] == 0  # the write takes the place of its own increment


def test_instructions_that_trap_do_not_retire():
    m = machine("la t0, h\ncsrw mtvec, t0\ncsrr s0, minstret\n ecall\n .balign 4\nh: csrr s1, minstret\n1: j 1b\n")
    hart = run(m, 20)
    assert hart.x["s1"] - hart.x["s0"] == 1


@pytest.mark.rules("mtime_op")
def test_time_follows_instructions():
    m = machine("1: csrr a0, time\n j 1b\n", insns_per_tick=50)
    for n in range(1, 20):
        run(m, 1000)
        assert m.harts[0].x["a0"] == (n * 1000 - 2) // 50


@pytest.mark.parametrize("harts", [2, 5])
@pytest.mark.rules("mtime_op")
def test_mtime_never_goes_back_on_a_hart_and_harts_stay_close(harts):
    m = machine(
        """
        li s2, 0x200bff8
        csrr s3, mhartid
        la s4, log
        slli s5, s3, 3
        add s4, s4, s5
    1:  ld a0, 0(s2)
        bltu a0, a1, bad
        mv a1, a0
        sd a0, 0(s4)
        j 1b
    bad: li a7, 1
        j bad
        .balign 8
    log: .zero 64
        """,
        harts,
    )
    for _ in range(50):
        run(m, 7777)
        times = [h.x["a1"] for h in m.harts]
        assert all(h.x["a7"] == 0 for h in m.harts)
    assert max(times) - min(times) <= 2 * 10_000 // 100


@pytest.mark.rules("mtime_intr_pending", "mtime_intr_taken", "mtime_intr_mtip_visibility", "intr_mip_mie_bounded_time")
def test_a_timer_interrupt_comes_at_its_very_instruction():
    """100 instructions a tick: mtime reaches 5 after 500 of them."""
    m = machine(
        """
        la t0, h
        csrw mtvec, t0
        li t0, 0x2004000
        li t1, 5
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        csrsi mstatus, 8
    1:  addi a0, a0, 1
        j 1b
        .balign 4
    h:  csrr a1, minstret
        csrr a2, time
    2:  j 2b
        """
    )
    hart = run(m, 2000)
    assert hart.x["a2"] == 5 and hart.x["a1"] == 500
    assert hart.csr["mcause"] == 1 << 63 | 7


# ---- WFI

SLEEP = """
    csrr s0, mhartid
    li t0, 0x2004000
    sh3add t0, s0, t0
    li t1, {wake}
    sd t1, 0(t0)
    li t0, 0x80
    csrw mie, t0
    wfi
    csrr a0, time
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
"""


def test_wfi_jumps_to_the_next_timer():
    m = machine(SLEEP.format(wake=10_000_000_000))
    assert m.run(max_insns=100_000).kind == "pass"
    assert m.harts[0].x["a0"] == 10_000_000_000
    assert m.instructions < 30


def test_wfi_of_one_hart_does_not_stop_another():
    m = machine(SLEEP.format(wake=2000).replace("csrr s0, mhartid", "csrr s0, mhartid\nbeqz s0, go\n2: j 2b\ngo:"), 2)
    assert m.run(max_insns=10_000_000).kind == "pass"
    assert 2000 <= m.harts[0].x["a0"] <= 2000 + 100
    assert m.harts[1].stats["instructions"] > 150_000


def test_nothing_left_to_happen_is_idle():
    m = machine("1: wfi\n j 1b\n", harts=2)
    assert m.run(timeout=20).kind == "idle"
    assert all(h.waiting for h in m.harts)
    assert m.run(timeout=20).kind == "idle"


@pytest.mark.parametrize("wake", [(1 << 64) - 1, (1 << 64) - 16, (1 << 63) - 1, 1 << 58])
def test_a_timer_centuries_away_is_no_event(wake):
    m = machine(SLEEP.format(wake=wake))
    assert m.run(timeout=20).kind == "idle"


def test_an_idle_machine_goes_on_after_input():
    """The UART's receive interrupt through the PLIC."""
    m = machine(
        """
        li s0, 0x10000000
        li t0, 1
        sb t0, 1(s0)
        li s2, 0x0c000000
        sw t0, 40(s2)
        li t1, 0x2000
        add t1, t1, s2
        li t0, 0x400
        sw t0, 0(t1)
        li t0, 0x800
        csrw mie, t0
        wfi
        lbu a0, 0(s0)
        li t0, 0x100000
        li t1, 0x5555
        sw t1, 0(t0)
        """
    )
    assert m.run(timeout=20).kind == "idle"
    m.console_feed(b"x")
    assert m.run(timeout=20).kind == "pass"
    assert m.harts[0].x["a0"] == ord("x")


# ---- several harts


def test_ipis_between_harts():
    """A token goes round: each hart waits for its IPI and wakes the next."""
    m = machine(
        """
        csrr s0, mhartid
        li s1, 0x2000000
        sh2add s2, s0, s1       # own msip
        addi s3, s0, 1
        andi s3, s3, 3
        sh2add s3, s3, s1       # the next one's
        li t0, 8
        csrw mie, t0
        li s4, 1
        la s5, count
        bnez s0, wait
        sw s4, 0(s2)            # hart 0 begins
    wait:
        wfi
        lw t0, 0(s2)
        beqz t0, wait
        sw zero, 0(s2)
        ld t1, 0(s5)
        addi t1, t1, 1
        sd t1, 0(s5)
        li t2, 1000
        beq t1, t2, done
        sw s4, 0(s3)
        j wait
    done:
        li t0, 0x100000
        li t1, 0x5555
        sw t1, 0(t0)
    1:  j 1b
        .balign 8
    count: .dword 0
        """,
        harts=4,
    )
    assert m.run(max_insns=10_000_000).kind == "pass"
    assert m.instructions < 40_000, "harts that wait cost nothing"


@pytest.mark.parametrize("harts", [2, 4, 8])
@pytest.mark.parametrize("body", ["lr", "amo"])
@pytest.mark.rules("constrained_lrsc_forward_progress", "lr_sc_atomicity_axiom", "ziccrse_pma_rsrv_req")
def test_contended_counters_are_exact(harts, body):
    increment = {
        "lr": "2: lr.d t1, (s1)\n addi t1, t1, 1\n sc.d t2, t1, (s1)\n bnez t2, 2b\n",
        "amo": "amoadd.d zero, s3, (s1)\n",
    }[body]
    m = machine(
        f"""
        la s1, counter
        la s2, finished
        li s3, 1
        li s0, 3000
    1:  {increment}
        addi s0, s0, -1
        bnez s0, 1b
        amoadd.d zero, s3, (s2)
    3:  wfi
        j 3b
        .balign 64
    counter: .dword 0
        .balign 64
    finished: .dword 0
        """,
        harts,
    )
    assert m.run(max_insns=5_000_000).kind == "idle"
    numbers = [int.from_bytes(m.memory.read(RAM + at, 8), "little") for at in range(0, 256, 64)]
    assert harts * 3000 in numbers and harts in numbers


@pytest.mark.parametrize("value", [5, 6])
@pytest.mark.rules("sc_other_hart_store_fail", "sc_success_conditions")
def test_sc_never_succeeds_after_another_harts_store(value):
    """Hart 1 stores, the same value even, between hart 0's LR and SC."""
    m = machine(
        f"""
        la s1, cell
        csrr s0, mhartid
        bnez s0, other
        li a0, 99
        lr.d a1, (s1)
    pause: lw t0, 64(s1)
        beqz t0, pause
        li a2, 7
        sc.d a0, a2, (s1)
    1:  j 1b
    other:
        li t0, 20000
    2:  addi t0, t0, -1
        bnez t0, 2b
        li t1, {value}
        sd t1, 0(s1)
        sw t1, 64(s1)
    3:  j 3b
        .balign 64
    cell: .dword 5
        .zero 120
        """,
        harts=2,
    )
    run(m, 500_000)
    assert m.harts[0].x["a0"] == 1


@pytest.mark.rules("sc_other_device_write_fail", "sc_device_write_failure")
def test_sc_fails_after_a_devices_store():
    m = machine("la s1, cell\nlr.d a1, (s1)\nli a2, 7\nsc.d a0, a2, (s1)\n1: j 1b\n .balign 64\ncell: .dword 5\n")
    run(m, 3)
    m.memory.write(RAM + 64, bytes(8))
    assert run(m, 2).x["a0"] == 1
    assert int.from_bytes(m.memory.read(RAM + 64, 8), "little") == 0


@pytest.mark.rules("sc_intervening_sc_fail", "sc_reservation_invalidate")
def test_each_sc_needs_an_lr_of_its_own():
    pair = "lr.d a1, (s1)\nsc.d a3, a2, (s1)\nsc.d a4, a2, (s1)\n"
    m = machine(f"la s1, cell\nsc.d a0, a2, (s1)\n{pair}1: j 1b\n.balign 8\ncell: .dword 5\n")
    hart = run(m, 8)
    assert (hart.x["a0"], hart.x["a3"], hart.x["a4"]) == (1, 0, 1)


def test_a_step_moves_one_hart_alone():
    m = machine("1: addi a0, a0, 1\n j 1b\n", harts=3)
    m.harts[1].step(5)
    assert [h.stats["instructions"] for h in m.harts] == [0, 5, 0]
    m.harts[1].step()
    run(m, 300_000)
    assert m.instructions == 300_006
