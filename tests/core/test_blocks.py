"""Decoded code: what is executed is what is in memory at that moment, whoever wrote it and however it is reached."""

import random

import numpy as np
import pytest
import rig as r
from pagetables import KERNEL, Frames, Table, V, X
from rig import RAM, Rig

from rvh import Machine
from rvh.emit.asm import assemble

LI_A0 = 0x0000_0513  # addi a0, zero, imm << 20


def machine(source, base=RAM, harts=1, ram=1 << 20, **symbols):
    m = Machine(harts=harts, ram=ram)
    m.memory.write(base, assemble(source, base, symbols).data)
    m.start(base)
    return m


def run(m, n):
    assert m.run(max_insns=n).kind == "limit"
    return m.harts[0]


@pytest.mark.parametrize("distance", [0, 1, 2, 5, 40, 200])
@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.rules("fence_i_op")
def test_a_store_changes_an_instruction_further_on_in_its_own_block(distance, one_by_one):
    """Without FENCE.I, the very next instruction included: stores are seen precisely here."""
    m = machine(
        f"""
        la a1, patched
        li a2, {LI_A0 | 7 << 20}
        sw a2, 0(a1)
        {"nop" + chr(10) if distance else ""}{"nop" + chr(10) if distance > 1 else ""}
        .zero 0
        """
        + "nop\n" * max(distance - 2, 0)
        + "patched: li a0, 1\n1: j 1b\n"
    )
    if one_by_one:
        for _ in range(distance + 8):
            run(m, 1)
    else:
        run(m, distance + 8)
    assert m.harts[0].x["a0"] == 7


@pytest.mark.parametrize(
    "store, value", [("sb", 0x93), ("sh", 0x0593), ("sw", 0x0070_0593), ("sd", 0x8067 << 32 | 0x0070_0593)]
)
@pytest.mark.parametrize("fence", ["", "fence.i"])
def test_stores_of_every_width_to_code_that_ran_before(store, value, fence):
    """`li a0, 1` becomes an instruction to a1 (or to a1 with 7)."""
    m = machine(
        f"""
        la s1, patched
        li s2, {value}
        li s0, 0
    again:
        li a0, 0
        li a1, 0
        call patched
        bnez s0, done
        li s0, 1
        {store} s2, 0(s1)
        {fence}
        j again
    done: j done
        .balign 64
    patched: li a0, 1
        ret
        ret
        """
    )
    hart = run(m, 200)
    if store == "sb":  # 0x13 -> 0x93: opcode bit 7, rd a0 -> a1
        assert (hart.x["a0"], hart.x["a1"]) == (0, 1)
    elif store == "sh":
        assert (hart.x["a0"], hart.x["a1"]) == (0, 1)
    else:
        assert (hart.x["a0"], hart.x["a1"]) == (0, 7)


@pytest.mark.parametrize("amo", ["amoswap.w a3, a2, (a1)", "amoadd.w a3, a4, (a1)", "sc"])
def test_amos_and_sc_to_code(amo):
    source = "lr.w a3, (a1)\nsc.w a3, a2, (a1)" if amo == "sc" else amo
    m = machine(
        f"""
        la a1, patched
        li a2, {LI_A0 | 7 << 20}
        li a4, {6 << 20}
        li s0, 2
    loop: call patched
        {source}
        addi s0, s0, -1
        bnez s0, loop
    done: j done
        .balign 4096
    patched: li a0, 1
        ret
        """
    )
    assert run(m, 100).x["a0"] == 7


@pytest.mark.parametrize("place", ["same page", "other page"])
def test_random_self_modification_agrees_with_single_steps(place):
    """A loop that rewrites instructions at random places, run in stretches and one by one."""
    rng = random.Random(place)
    base = RAM + (0x100 if place == "same page" else 0x1000)
    for _ in range(20):
        words = [LI_A0 | rng.randrange(32) << 7 | rng.randrange(1 << 11) << 20 for _ in range(24)]
        body = "".join(
            f"li t0, {0x13 | (16 + rng.randrange(8)) << 7 | 16 << 15 | rng.randrange(1 << 11) << 20}\n"
            f"sw t0, {4 * rng.randrange(24)}(s0)\n"
            for _ in range(6)
        )
        source = f"li s0, {base}\nli s1, 30\nloop:\n{body}jalr s0\naddi s1, s1, -1\nbnez s1, loop\n1: j 1b\n"
        states = []
        for step in (1, 1000):
            m = machine(source)
            m.memory.write(base, b"".join(
                (w & ~0xF80 | (16 + n % 8) << 7).to_bytes(4, "little") for n, w in enumerate(words)
            ) + (0x8067).to_bytes(4, "little"))  # fmt: skip
            for _ in range(2000 // step):
                run(m, step)
            states.append(m.digest())
        assert states[0] == states[1]


# ---- instructions across pages


def crossing(rig, second):
    """A NOP-like `li a0, imm` whose halves lie at the ends of the page before and in `second`."""
    insn = LI_A0 | 5 << 20
    rig.store(RAM + 0x5FFE, insn & 0xFFFF, 2)
    rig.store(second, insn >> 16, 2)
    rig.store(second + 2, 0x0000_006F, 4)


def step_at(rig, pc, mode="M"):
    rig.hart.x["a0"] = 0
    rig.stand(mode, pc)
    rig.step()
    return rig.a0


def test_an_instruction_across_pages_sees_stores_to_both_halves():
    rig = Rig()
    crossing(rig, RAM + 0x6000)
    assert step_at(rig, RAM + 0x5FFE) == 5
    rig.store(RAM + 0x6000, (LI_A0 | 9 << 20) >> 16, 2)
    assert step_at(rig, RAM + 0x5FFE) == 9
    rig.store(RAM + 0x5FFE, LI_A0 & 0xFFFF | 1 << 15, 2)  # rs1 = ra's low bit: addi a0, ra, 9
    rig.hart.x["ra"] = 100
    assert step_at(rig, RAM + 0x5FFE) == 109
    for n in range(3):  # by the hart itself, warm
        rig.execute(0x00A5_9023, mode="M", a0=(LI_A0 | n << 20) >> 16, a1=RAM + 0x6000)  # sh a0, (a1)
        assert step_at(rig, RAM + 0x5FFE) == 100 + n


@pytest.mark.parametrize("fence", [False, True])
def test_an_instruction_across_pages_follows_a_remapped_second_page(fence):
    """Without the fence but with another ASID, the change counts as well."""
    rig = Rig()
    crossing(rig, RAM + 0x6000)
    rig.store(RAM + 0x7000, (LI_A0 | 9 << 20) >> 16, 2)
    frames = Frames(r.TABLES, RAM + r.RAM_SIZE)
    table, other = (Table(rig, frames, "sv39") for _ in range(2))
    for t, second in ((table, RAM + 0x6000), (other, RAM + 0x7000)):
        t.map(0x4000, RAM + 0x5000, KERNEL)
        t.map(0x5000, second, KERNEL)
    rig.csr["satp"] = table.atp(1)
    for _ in range(3):
        assert step_at(rig, 0x4FFE, "HS") == 5
    if fence:
        table.map(0x5000, RAM + 0x7000, KERNEL)
        assert rig.execute(r.SFENCE_VMA, mode="M") is None
    else:
        rig.csr["satp"] = other.atp(2)
    crossing(rig, RAM + 0x6000)  # rig.execute wrote elsewhere; the halves are as before
    assert step_at(rig, 0x4FFE, "HS") == 9
    if not fence:
        rig.csr["satp"] = table.atp(1)
        assert step_at(rig, 0x4FFE, "HS") == 5


@pytest.mark.parametrize("compressed", [False, True])
def test_a_block_that_ends_with_its_page_goes_on_in_the_next(compressed):
    """The next virtual page is another physical one."""
    rig = Rig()
    table = Table(rig, Frames(r.TABLES, RAM + r.RAM_SIZE), "sv39")
    table.map(0x4000, RAM + 0x9000, KERNEL)
    table.map(0x5000, RAM + 0x6000, KERNEL)
    rig.csr["satp"] = table.atp()
    for at in range(RAM + 0x9000, RAM + 0xA000, 2 if compressed else 4):
        rig.store(at, 0x0505 if compressed else 0x0015_0513, 2 if compressed else 4)  # addi a0, a0, 1
    rig.store(RAM + 0x6000, 0x0645_0513, 4)  # addi a0, a0, 100
    n = 2048 if compressed else 1024
    rig.stand("HS", 0x4000)
    rig.step(n + 1)
    assert (rig.a0, rig.pc) == (n + 100, 0x5004)


def test_jumps_do_not_go_to_where_a_page_was_before():
    """The jump cache is emptied by the fence, the links inside a page stay right."""
    rig = Rig()
    table = Table(rig, Frames(r.TABLES, RAM + r.RAM_SIZE), "sv39")
    table.map(0x3000, RAM + 0x5000, KERNEL)
    table.map(0x4000, RAM + 0x6000, KERNEL)
    rig.csr["satp"] = table.atp()
    caller = assemble("jalr s1\njalr s1\n1: j 1b\n", 0x3000).data
    rig.machine.memory.write(RAM + 0x5000, caller)
    for page, n in ((RAM + 0x6000, 1), (RAM + 0x7000, 10)):
        rig.machine.memory.write(page, assemble(f"addi a0, a0, {n}\nj 1f\nnop\n1: ret", 0x4000).data)
    for n in range(4):
        table.map(0x4000, RAM + (0x6000 if n % 2 == 0 else 0x7000), KERNEL)
        assert rig.execute(r.SFENCE_VMA, mode="M") is None
        rig.hart.x["a0"], rig.hart.x["s1"] = 0, 0x4000
        rig.stand("HS", 0x3000)
        rig.step(12)
        assert rig.a0 == (2 if n % 2 == 0 else 20)


def test_execute_permission_is_asked_again_after_a_fence():
    rig = Rig()
    table = Table(rig, Frames(r.TABLES, RAM + r.RAM_SIZE), "sv39")
    table.map(0x3000, RAM + 0x5000, KERNEL)
    rig.csr["satp"] = table.atp()
    rig.machine.memory.write(RAM + 0x5000, assemble("nop\nnop\n1: j 1b\n").data)
    rig.stand("HS", 0x3000)
    rig.step(50)
    table.map(0x3000, RAM + 0x5000, KERNEL & ~X)
    rig.execute(r.SFENCE_VMA, mode="M")
    rig.stand("HS", 0x3000)
    rig.step()
    assert rig.trap().cause == 12
    table.map(0x3000, RAM + 0x5000, V)
    assert rig.trap().tval == 0x3000


# ---- writers other than the hart


def loop(harts=1):
    return machine("li s0, 0\nloop: li a0, 1\nadd s0, s0, a0\nj loop\n", harts=harts)


WRITERS = {
    "memory.write": lambda m, at, data: m.memory.write(at, data),
    "store": lambda m, at, data: m.store(at, data),
    "a device's view": lambda m, at, data: m.memory.view(at, 4, writable=True).__setitem__(slice(None), data),
    "numpy": lambda m, at, data: m.ram.__setitem__(slice(at - RAM, at - RAM + 4), np.frombuffer(data, np.uint8)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_writers_outside_the_harts(writer):
    m = loop()
    run(m, 1000)
    WRITERS[writer](m, RAM + 4, (LI_A0 | 50 << 20).to_bytes(4, "little"))
    run(m, 10)
    assert m.harts[0].x["a0"] == 50


def test_another_harts_store_is_seen():
    """Hart 1 patches the loop of hart 0."""
    m = machine(
        f"""
        csrr t0, mhartid
        bnez t0, other
    loop: li a0, 1
        j loop
        .balign 4096
    other:
        li t1, 30000
    1:  addi t1, t1, -1
        bnez t1, 1b
        la a1, loop
        li a2, {LI_A0 | 60 << 20}
        sw a2, 0(a1)
    2:  j 2b
        """,
        harts=2,
    )
    run(m, 50_000)
    assert m.harts[0].x["a0"] == 1
    run(m, 200_000)
    assert m.harts[0].x["a0"] == 60


def test_code_and_data_on_one_page():
    """Stores next to code: the code stays right, and what is stored too."""
    m = machine(
        """
        la a1, data
        li s0, 1000
    loop:
        ld a2, 0(a1)
        addi a2, a2, 3
        sd a2, 0(a1)
        addi s0, s0, -1
        bnez s0, loop
    1:  j 1b
        .balign 8
    data: .dword 0
        """
    )
    hart = run(m, 6000)
    assert hart.x["a2"] == 3000 and hart.stats["traps"] == 0


def test_much_code_fills_the_arena_and_starts_over():
    """More code than the room for decoded blocks holds: everything is dropped and decoded anew."""
    size = 24 << 20
    m = Machine(ram=size + (1 << 20))
    # Each 64 bytes: a jump over the rest. Blocks of one instruction, which waste the most room.
    nop, jump = (0x13).to_bytes(4, "little"), (0x03C0_006F).to_bytes(4, "little")
    add = (0x0015_0513).to_bytes(4, "little")
    m.memory.write(RAM, (add * 4 + nop * 11 + nop) * (size // 64) + jump)
    m.start(RAM)
    n = size // 4
    core = m._core
    highest = 0
    for _ in range(8):
        run(m, n // 8)
        highest = max(highest, core.board_stats()["decoded_bytes"])
    assert m.harts[0].x["a0"] == 4 * (size // 64)
    blocks = core.board_stats()["blocks"]
    assert blocks >= size // 4096
    m.harts[0].pc, m.harts[0].x["a0"] = RAM, 0
    run(m, n)
    assert m.harts[0].x["a0"] == 4 * (size // 64)
    assert core.board_stats()["blocks"] > blocks, "the arena never filled: the test needs more code"
    assert highest > 0


def test_fence_i_in_every_mode_and_at_a_page_end():
    rig = Rig()
    for mode in ("M", "HS", "U", "VS", "VU"):
        assert rig.execute(0x0000_100F, mode=mode) is None
    rig.store(RAM + 0x5FFC, 0x0000_100F, 4)
    rig.code(LI_A0 | 3 << 20, at=RAM + 0x6000)
    rig.stand("M", RAM + 0x5FFC)
    rig.step(2)
    assert rig.a0 == 3


@pytest.mark.rules("fence_i_rsv")
@pytest.mark.parametrize("fields", [1 << 7, 31 << 7, 1 << 15, 31 << 15, 1 << 20, 0xFFF << 20])
def test_fence_i_ignores_its_unused_fields(fields):
    rig = Rig()
    assert rig.execute(0x0000_100F | fields, a0=77) is None
    assert rig.a0 == 77
