"""Remote fences are as wide as asked for: translations of other pages, ASIDs and VMs stay.

A guest changes page-table entries and asks for a fence that does not cover them all. The core keeps what no fence has
ended, so that a page still shows what it showed before; by the manual it might as well show the new one.
"""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

TEXT = SAY_AND_STOP + 'text: .asciz "00000000"\n'

#: Sv39 tables at 0x80400000: 0x80000000 1:1 as one gigapage, pages from 0x40100000 on that all show OLD. The entry of
#: the n-th is at LEAVES + 8 * n. At OLD and NEW are the characters "o" and "n".
ROOT, MIDDLE, LEAVES, OLD, NEW, FLAG = 0x80400000, 0x80401000, 0x80402000, 0x80410000, 0x80411000, 0x80420000
WINDOW = 0x40100000
PTE = 0xC7  # V R W A D


def entry(address: int, flags: int) -> int:
    return address >> 12 << 10 | flags


SETUP = f"""
    li t0, {ROOT}
    li t1, {entry(0x80000000, 0xCF)}
    sd t1, 16(t0)
    li t1, {entry(MIDDLE, 1)}
    sd t1, 8(t0)
    li t0, {MIDDLE}
    li t1, {entry(LEAVES, 1)}
    sd t1, 0(t0)
    li t0, {LEAVES + 8 * 0x100}
    li t1, {entry(OLD, PTE)}
    li t2, 64
1:  sd t1, 0(t0)
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    li t0, {OLD}
    li t1, 0x6f
    sd t1, 0(t0)
    li t0, {NEW}
    li t1, 0x6e
    sd t1, 0(t0)
"""

#: All entries now lead to NEW, and nobody has been told.
CHANGE = f"""
    li t0, {LEAVES + 8 * 0x100}
    li t1, {entry(NEW, PTE)}
    li t2, 64
1:  sd t1, 0(t0)
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    fence
"""


def regime(asid: int) -> str:
    return f"    li t0, {8 << 60 | asid << 44 | ROOT >> 12}\n    csrw satp, t0\n"


def look(pages: dict[tuple[int, int], int], store: bool) -> str:
    """Loads from pages {(ASID, page number): place in the text}; keeps what they show if asked to."""
    code = ""
    for (asid, page), place in pages.items():
        code += regime(asid) + f"    li t0, {WINDOW + page * 0x1000}\n    lbu t1, 0(t0)\n"
        if store:
            code += f"    la t2, text\n    sb t1, {place}(t2)\n"
    return code


#: What the second vCPU looks at: two pages with ASID 1, two others with ASID 2, and pages 32 to 35.
PAGES = {(1, 1): 0, (1, 2): 1, (2, 3): 2, (2, 4): 3, (1, 32): 4, (2, 33): 5, (1, 34): 6, (2, 35): 7}


def fence(asid: int | None, page: int | None, count: int = 1) -> str:
    """An RFENCE call for vCPU 1: of all ASIDs if `asid` is None, of all addresses if `page` is."""
    start, size = (0, 0) if page is None else (WINDOW + page * 0x1000, count * 0x1000)
    return f"""
        li a7, 0x52464e43
        li a6, {1 if asid is None else 2}
        li a0, 2
        li a1, 0
        li a2, {start}
        li a3, {size}
        li a4, {asid or 0}
        ecall
        bnez a0, failed
    """


@pytest.mark.parametrize(
    "fences, shown",
    [
        ([], "oooooooo"),
        ([fence(1, 1)], "nooooooo"),
        ([fence(2, 1)], "oooooooo"),  # page 1 is not in use with that ASID
        ([fence(None, 3)], "oonooooo"),
        ([fence(None, 2, 2)], "onnooooo"),
        ([fence(1, None)], "nnoonono"),
        ([fence(2, None)], "oonnonon"),
        ([fence(1, 0, 64)], "nnoonono"),  # too many pages: all of that ASID
        ([fence(None, None)], "nnnnnnnn"),
        ([fence(None, 40, 17)], "nnnnnnnn"),
        ([fence(1, 1), fence(2, 4), fence(1, 34)], "noonoono"),
    ],
)
def test_a_fence_reaches_its_pages_and_its_asid(tmp_path, fences, shown):
    # The order of TLB sets: no two of PAGES share one, nor with code, tables or flags.
    source = f"""
        bnez a0, second
    {SETUP}
        li a7, 0x48534d         # hart_start of vCPU 1
        li a6, 0
        li a0, 1
        la a1, second
        ecall
        li s0, {FLAG}
    2:  ld t0, 0(s0)            # it has looked
        beqz t0, 2b
    {CHANGE}
    {"".join(fences)}
        li t0, 2
        sd t0, 0(s0)
    3:  ld t0, 8(s0)            # it has looked again
        beqz t0, 3b
        li s1, 0
        j say
    failed:
        li s1, 1
        j say
    second:
    {look(PAGES, store=False)}
        li s0, {FLAG}
        li t0, 1
        sd t0, 0(s0)
    4:  ld t0, 0(s0)
        addi t0, t0, -2
        bnez t0, 4b
    {look(PAGES, store=True)}
        li t0, 1
        sd t0, 8(s0)
    5:  j 5b
    """
    done = run_vms({"vm": guest(tmp_path, "vm", source + TEXT)}, harts=2, vcpus=2, max_insns=100_000_000)
    assert done.of("vm") == [shown], done.text
    assert done.stop.kind == "pass"


def test_fences_that_do_not_fit_into_the_queue_become_one_of_everything(tmp_path):
    # One hart: vCPU 1 does not run while vCPU 0 asks for nine fences of a page that nobody uses.
    source = f"""
        bnez a0, second
    {SETUP}
        li a7, 0x48534d
        li a6, 0
        li a0, 1
        la a1, second
        ecall
    {fence(1, 50) * 9}
    {fence(2, 50)}
        li s1, 0
        j say
    failed:
        li s1, 1
        j say
    second:
        j second
    """
    done = run_vms({"vm": guest(tmp_path, "vm", source + TEXT)}, harts=1, vcpus=2, max_insns=100_000_000)
    assert done.of("vm") == ["00000000"] and done.stop.kind == "pass", done.text


def test_fences_of_one_vm_leave_the_translations_of_another(tmp_path):
    # Both share the one hart; the other fences all of its own, all the time.
    source = f"""
    {SETUP}
    {regime(1)}
        li s2, 50000            # 5 ms: meanwhile the other has touched its memory for the first time
        csrr s3, time
    1:  csrr t0, time
        sub t0, t0, s3
        blt t0, s2, 1b
        li t3, {WINDOW + 0x1000}
        lbu t0, 0(t3)
    {CHANGE}
        li s2, 500000           # 50 ms, many turns of each
        csrr s3, time
    1:  csrr t0, time
        sub t0, t0, s3
        blt t0, s2, 1b
        la t2, text
        li t3, {WINDOW + 0x1000}
        lbu t0, 0(t3)
        sb t0, 0(t2)
        sfence.vma
        lbu t0, 0(t3)
        sb t0, 1(t2)
        li s1, 0
        j say
    """
    noise = """
    1:  li a7, 0x52464e43
        li a6, 1
        li a0, 0
        li a1, -1
        li a2, 0
        li a3, 0
        ecall
        csrr s3, time           # every 0.2 ms
    2:  csrr t0, time
        sub t0, t0, s3
        addi t0, t0, -2000
        bltz t0, 2b
        j 1b
    """
    kernels = {"quiet": guest(tmp_path, "quiet", source + TEXT), "noise": guest(tmp_path, "noise", noise)}
    done = run_vms(kernels, harts=1, max_insns=200_000_000)
    assert done.of("quiet") == ["on000000"], done.text
