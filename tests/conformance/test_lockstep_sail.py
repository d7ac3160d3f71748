"""Vector programs against the Sail model, and the rules of the comparison, which need no model."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest

from rvh import Machine
from rvh.emit.asm import assemble
from tools.lockstep import sail
from tools.lockstep.vector import Difference


@pytest.mark.skipif(shutil.which("sail_riscv_sim") is None, reason="there is no sail_riscv_sim on PATH to compare with")
@pytest.mark.parametrize("vlen", [128, 1024])
def test_vectors_with_sail(vlen):
    legal, left_out = Counter(), Counter()
    compared = 0
    for seed in range(vlen, vlen + 4):
        count, less = sail.compare(seed, 300, vlen, "sail_riscv_sim", legal)
        compared, left_out = compared + count, left_out + less
    assert compared > 4000 and len(legal) > 180
    assert left_out.total() < 100


#: e8, m1; e8, m2; e16, m2 as vtype
M1, M2, E16M2 = 0, 1, 9


@pytest.mark.parametrize(
    ("text", "vtype", "twice"),
    [
        ("vadd.vv v8, v8, v9", M1, False),
        ("vadd.vv v8, v0, v9, v0.t", M1, True),
        ("vadd.vv v8, v4, v0, v0.t", M1, True),
        ("vmsbf.m v8, v0, v0.t", M1, False),
        ("vwadd.wv v8, v8, v9", M1, True),
        ("vwadd.wv v8, v8, v10", M1, False),
        ("vnsrl.wv v8, v8, v9", M1, True),
        ("vredsum.vs v8, v0, v9, v0.t", M1, True),
        ("vwredsum.vs v8, v2, v2", M1, True),
        ("vrgatherei16.vv v8, v4, v4", M1, True),
        ("vrgatherei16.vv v8, v4, v4", E16M2, False),
        ("vse8.v v0, (x10), v0.t", M1, True),
        ("vle8.v v0, (x10)", M1, False),
        ("vsuxei64.v v5, (x10), v5", M1, True),
        ("vsuxei8.v v5, (x10), v5", M1, False),
    ],
)
def test_registers_read_at_two_widths(text, vtype, twice):
    [word] = assemble(text).words()
    assert sail.reads_at_two_widths(word, vtype) is twice


def test_a_mask_inside_its_source():
    words = assemble("vmseq.vv v5, v4, v8; vmseq.vv v4, v4, v8; vmseq.vv v9, v4, v8; vmseq.vv v6, v4, v8").words()
    assert [sail.mask_inside_source(word, M2) for word in words] == [True, False, True, False]
    assert not any(sail.mask_inside_source(word, M1) for word in words)


def test_a_result_over_its_source():
    text = "viota.m v4, v5; viota.m v4, v6; viota.m v4, v8; vsha2ms.vv v4, v8, v4; vsha2ms.vv v4, v8, v12"
    words = assemble(text).words()
    assert [sail.result_over_source(word, M2) for word in words] == [True, False, False, True, False]


def test_what_sail_says_is_compared():
    program = assemble("addi x5, x0, 7; csrrwi x0, vxrm, 2; addi x6, x5, 1; 1: j 1b")
    words = program.words()

    def log(x6: int, vxrm: int = 2) -> list[str]:
        wrote = ["x5 <- 0x0000000000000007", f"CSR vxrm (0x00A) <- 0x{vxrm:016X}", f"x6 <- 0x{x6:016X}", ""]
        lines = []
        for n, (word, text) in enumerate(zip(words, wrote, strict=True)):
            lines += [f"[{n}] [M]: 0x{0x8000_0000 + 4 * n:016X} (0x{word:08X}) ...", text]
        return lines

    def follow(lines: list[str]) -> int:
        machine = Machine(isa="rv64gcv", ram=sail.RAM)
        machine.store(0x8000_0000, program.data)
        machine.start(0x8000_0000)
        machine._core.set_csr(0, 0x300, 0x600)
        return sail._follow("it", machine, lines, 128, Counter())

    assert follow(log(8)) == 3
    with pytest.raises(Difference, match="x 0x6 is 0x8 on rvh, 0x9 on Sail"):
        follow(log(9))
    with pytest.raises(Difference, match="csr 0xa is 0x2 on rvh, 0x3 on Sail"):
        follow(log(8, vxrm=3))
    with pytest.raises(sail._LeaveOut, match="Sail stops"):
        follow(log(8)[:-2])
