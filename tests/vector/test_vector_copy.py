"""Unit-stride loads and stores of every length and at every place relative to a page boundary: the handlers' usual case
copies what lies in one page itself."""

import random

import pytest
import rig as r
from vrig import words

ISA = "max_v_zvl256b"


PAGE = r.RAM + 0x9000
ROOM = 1024


def program(eew: int, n: int) -> list[int]:
    """a1 elements, n bytes, from a2 to a0 by way of v8. What the TLB has to know it knows from accesses before that."""
    touched = "; ".join(f"lb a4, {i}({x}); sb a4, {i}({x})" for x in ("a0", "a2") for i in (0, n))
    return words(f"{touched}; vsetvli a5, a1, e{eew}, m8, ta, ma; vle{eew}.v v8, (a2); vse{eew}.v v8, (a0)")


@pytest.mark.parametrize("eew", [8, 16, 32, 64])
def test_a_copy_is_exact(rig, eew):
    """Nothing before and behind it is written, and the tail of the group stays (``ta`` would let it be ones)."""
    chance = random.Random(eew)
    size = eew // 8
    for vl in range(256 // size + 1):
        n = vl * size
        source = PAGE - chance.choice((0, 1, n // 2, n, n + 1, 15, 16, 17, ROOM // 2)) // size * size
        target = PAGE + 0x4000 - chance.choice((0, 1, n // 2, n, n + 1, 15, 16, 17, ROOM // 2))
        before = chance.randbytes(2 * ROOM)
        data = chance.randbytes(n)
        tail = chance.randbytes(32)
        rig.machine.memory.write(target - ROOM, before)
        rig.machine.memory.write(source, data)
        for register in range(8, 17):
            rig.hart.v[register] = tail
        assert rig.execute(*program(eew, n), a0=target, a1=vl, a2=source) is None
        assert rig.hart.x["a5"] == rig.csr["vl"] == vl
        after = rig.machine.memory.read(target - ROOM, 2 * ROOM)
        assert after == before[:ROOM] + data + before[ROOM + n :], (vl, source, target)
        group = b"".join(rig.hart.v[register] for register in range(8, 17))
        assert group == data + (tail * 9)[n:]


@pytest.mark.parametrize("insn, cause", [("vle8.v v8, (a0)", 5), ("vse8.v v8, (a0)", 7)])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 64, 200])
def test_one_byte_too_many_faults(rig, insn, cause, n):
    """At the end of RAM, whose last page the TLB knows."""
    start = r.RAM + r.RAM_SIZE - n
    trap = rig.run(f"lb a4, 0(a0); sb a4, 0(a0); vsetvli a5, a1, e8, m8, ta, ma; {insn}", a0=start, a1=n + 1)
    assert (trap.cause, trap.tval, rig.csr["vstart"]) == (cause, start + n, n)
    rig.csr["vstart"] = 0
