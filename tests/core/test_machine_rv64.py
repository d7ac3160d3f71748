"""What only RV32 has: the high halves of 64-bit registers (manual: each register's section, "when XLEN=32")."""

import pytest
from rig import CODE, Rig, Trap, csrr, csrw

rules = pytest.mark.rules

HIGH_HALVES = {
    "mstatush": 0x310,
    "medelegh": 0x312,
    "menvcfgh": 0x31A,
    "mseccfgh": 0x757,
    "mcyclecfgh": 0x721,
    "minstretcfgh": 0x722,
    "mcycleh": 0xB80,
    "minstreth": 0xB82,
    "cycleh": 0xC80,
    "timeh": 0xC81,
    "instreth": 0xC82,
    **{f"mhpmcounter{n}h": 0xB80 + n for n in (3, 31)},
    **{f"mhpmevent{n}h": 0x720 + n for n in (3, 31)},
    **{f"hpmcounter{n}h": 0xC80 + n for n in (3, 31)},
}
ABSENT = {
    "medelegh": "MEDELEGH_OMIT_XLEN64",
    "menvcfgh": "menvcfgh_op",
    "mseccfgh": "mseccfgh_presence",
    "cycleh": "zicntr_rdcycleh_op",
    "timeh": "zicntr_rdtimeh_op",
    "instreth": "zicntr_rdinstreth_op",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=rules(ABSENT[name])) if name in ABSENT else name for name in HIGH_HALVES]
)
def test_high_halves_do_not_exist_on_rv64(name):
    rig = Rig()
    for word in (csrr(HIGH_HALVES[name]), csrw(HIGH_HALVES[name])):
        for mode in ("M", "HS", "U"):
            assert rig.execute(word, mode=mode) == Trap("M", 2, CODE, word)
