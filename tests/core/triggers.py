"""The workbench of the tests of debug triggers: their registers' fields, and a hart in which they may fire."""

from __future__ import annotations

import rig as r
from rig import DATA, Rig, Trap

ISA = "max_zicfiss_sdtrig"
TRIGGERS = 4
MC6, ICOUNT, ITRIGGER, ETRIGGER, DISABLED = 6 << 60, 3 << 60, 4 << 60, 5 << 60, 15 << 60
LOAD, STORE, EXECUTE, CHAIN, HIT0, HIT1, SELECT = 1, 2, 4, 1 << 11, 1 << 22, 1 << 25, 1 << 21
SIZE = {1: 1 << 16, 2: 2 << 16, 4: 3 << 16, 8: 5 << 16, 16: 6 << 16}
EQUAL, NAPOT, AT_LEAST, BELOW, LOW, HIGH, NOT_EQUAL, NOT_NAPOT = (n << 7 for n in (0, 1, 2, 3, 4, 5, 8, 9))
MODES = ("M", "HS", "U", "VS", "VU")
IN = {"U": 1 << 3, "HS": 1 << 4, "M": 1 << 6, "VU": 1 << 23, "VS": 1 << 24}
COUNT_IN = {"U": 1 << 6, "HS": 1 << 7, "M": 1 << 9, "VU": 1 << 25, "VS": 1 << 26}
TRAP_IN = {"U": 1 << 6, "HS": 1 << 7, "M": 1 << 9, "VU": 1 << 11, "VS": 1 << 12}
EVERYWHERE, COUNT_EVERYWHERE, TRAP_EVERYWHERE = (sum(bits.values()) for bits in (IN, COUNT_IN, TRAP_IN))
NMI, TRAP_HIT = 1 << 10, 1 << 58
COUNT, PENDING, COUNT_HIT = 10, 1 << 8, 1 << 24
MIE, SIE = 1 << 3, 1 << 1
LD, LB, SD, SB = 0x0005B503, 0x00058503, 0x00A5B023, 0x00A58023  # a0, (a1)


def bench(isa: str = ISA) -> Rig:
    """Interrupts are enabled, so that triggers may fire in every mode; breakpoints go to M-mode."""
    rig = Rig(isa)
    rig.csr["mstatus"] = 3 << 13 | 3 << 9 | MIE | SIE
    if "H" in rig.extensions:
        rig.csr["vsstatus"] = 3 << 13 | 3 << 9 | SIE
    for vector in (r.M_VECTOR, r.HS_VECTOR, r.VS_VECTOR):
        rig.code(0x0000006F, at=vector)  # j .
    return rig


def arm(rig: Rig, n: int, tdata1: int, tdata2: int = 0, tdata3: int = 0) -> None:
    """The sequence of "Trigger Module Registers": a tdata1 of 0 first."""
    rig.csr["tselect"] = n
    rig.csr["tdata1"] = 0
    rig.csr["tdata2"] = tdata2
    rig.csr["tdata3"] = tdata3
    rig.csr["tdata1"] = tdata1


def tdata1(rig: Rig, n: int) -> int:
    rig.csr["tselect"] = n
    return rig.csr["tdata1"]


def run(rig: Rig, mode: str, *words: int, a1: int = DATA, steps: int | None = None) -> Trap | None:
    """As Rig.execute, in one run of the machine."""
    rig.code(*words)
    rig.stand(mode)
    rig.hart.x["a0"], rig.hart.x["a1"], rig.hart.x["a2"] = 0x5A, a1, 0
    rig.csr["mstatus"] = rig.csr["mstatus"] | MIE
    rig.step(len(words) if steps is None else steps)
    return rig.trap()
