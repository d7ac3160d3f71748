"""Non-temporal locality hints (Zihintntl): ADDs to x0 that change nothing."""

import pytest
import rig as r
from rig import Rig

from rvh.emit.asm import assemble

#: name: the encoding as ADD x0, x0, rs2 and as C.ADD x0, rs2.
HINTS = {"p1": (0x0020_0033, 0x900A), "pall": (0x0030_0033, 0x900E), "s1": (0x0040_0033, 0x9012),
         "all": (0x0050_0033, 0x9016)}  # fmt: skip
rows = pytest.mark.parametrize(
    "word",
    [
        pytest.param(
            word, marks=pytest.mark.rules(f"{prefix}-{name.upper()}_enc", "NTL_target_definition"), id=prefix + name
        )
        for name, words in HINTS.items()
        for prefix, word in zip(("NTL", "C-NTL"), words, strict=True)
    ],
)


def state(rig: Rig) -> tuple[list[int], bytes]:
    return [rig.hart.x[n] for n in range(32)], rig.machine.memory.read(r.DATA, 64)


@rows
def test_it_leaves_what_follows_as_it_is(word):
    name = next(name for name, words in HINTS.items() if word in words)
    compressed = word & 3 != 3
    text = f"c.add zero, x{word >> 2 & 31}" if compressed else f"ntl.{name}"
    assert int.from_bytes(assemble(text, 0).data[: 2 if compressed else 4], "little") == word
    for target in (r.LW, r.SW, r.AMOADD_W, r.CBO_ZERO, 0x0010_0513):  # the last: li a0, 1
        seen = []
        for words in ((target,), (word, target)):
            rig = Rig()
            rig.store(r.DATA, 0x1122_3344_5566_7788)
            for n in range(2, 10):
                rig.hart.x[n] = n << 40
            assert rig.execute(*words, mode="HS", a0=5, a2=9) is None
            assert rig.pc == r.CODE + sum(4 if w & 3 == 3 else 2 for w in words)
            seen.append(state(rig))
        assert seen[0] == seen[1]


@pytest.mark.rules("NTL-LR_SC_exception", "C-NTL_availability")
@pytest.mark.parametrize("word", [word for words in HINTS.values() for word in words])
def test_between_lr_and_sc_it_ends_no_reservation(word):
    rig = Rig()
    rig.store(r.DATA, 7)
    assert rig.execute(word, r.LR_W, word, 0x18C5_A6AF, mode="HS", a2=9) is None  # sc.w a3, a2, (a1)
    assert (rig.a0, rig.hart.x["a3"], rig.load(r.DATA)) == (7, 0, 9)
