"""Where single CSR accesses may differ from Spike's, with the reason. Everything else is an error of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .access import Case

#: What differs: by name what is here and what is on Spike. None: no value.
Differ = Mapping[str, tuple[int | None, int | None]]
#: Whether the access retired here, and on Spike.
Retired = tuple[bool, bool]

ILLEGAL, VIRTUAL = 2, 22
CSRIND, CDE, MINH = 60, 60, 1 << 62
_INDIRECT = 'Privileged ISA, "Smcsrind and Sscsrind Extensions for Indirect CSR Access"'
_DELEGATION = 'Privileged ISA, "Smcdeleg and Ssccfg Counter Delegation Extensions"'


@dataclass(frozen=True)
class Known:
    """Why, where the manual says so, and the test for it: of the case, of all that differs, of who retired it."""

    reason: str
    section: str
    applies: Callable[[Case, Differ, Retired], bool]


def _bit(case: Case, name: str, number: int) -> bool:
    return bool(case.controls[name] >> number & 1)


def _guest(case: Case) -> bool:
    return case.mode in ("VS", "VU")


def _causes(differ: Differ, mine: int, theirs: int) -> bool:
    """Both trapped, with these causes; nothing else differs."""
    return dict(differ) == {"mcause": (mine, theirs)}


def _counter(case: Case, select: str) -> bool:
    return 0x40 <= case.controls[select] < 0x60


def _mireg(case: Case, differ: Differ, retired: Retired) -> bool:
    closed = case.mode == "VU" or not _bit(case, "hstateen0", CSRIND)
    name = case.name.startswith("mireg")
    return name and _guest(case) and _bit(case, "mstateen0", CSRIND) and closed and _causes(differ, ILLEGAL, VIRTUAL)


def _sireg_vu(case: Case, differ: Differ, retired: Retired) -> bool:
    off = not _bit(case, "mstateen0", CSRIND)
    return case.name.startswith("sireg") and case.mode == "VU" and off and _causes(differ, ILLEGAL, VIRTUAL)


def _sireg6(case: Case, differ: Differ, retired: Retired) -> bool:
    counter = _counter(case, "vsiselect")
    return case.name == "sireg6" and case.mode == "VS" and (
        _causes(differ, VIRTUAL, ILLEGAL) if counter else _causes(differ, ILLEGAL, VIRTUAL)
    )  # fmt: skip


def _scountovf(case: Case, differ: Differ, retired: Retired) -> bool:
    on = case.writes and _bit(case, "menvcfg", CDE)
    return case.name == "scountovf" and _guest(case) and on and _causes(differ, ILLEGAL, VIRTUAL)


def _scountovf_high(case: Case, differ: Differ, retired: Retired) -> bool:
    mine, theirs = differ.get("access", (None, None))
    if case.name != "scountovf" or set(differ) != {"access"} or mine is None or theirs is None:
        return False
    return mine >> 31 == 1 and theirs == mine | 0xFFFF_FFFF << 32


def _inhibit_vu(case: Case, differ: Differ, retired: Retired) -> bool:
    off = not _bit(case, "menvcfg", CDE)
    return case.name == "scountinhibit" and case.mode == "VU" and off and _causes(differ, ILLEGAL, VIRTUAL)


def _inhibit_vs(case: Case, differ: Differ, retired: Retired) -> bool:
    if case.name != "scountinhibit" or case.mode != "VS" or not _bit(case, "menvcfg", CDE):
        return False
    may = {"access", "mcause", "mepc", "mtval", "minstret"} | ({"mcountinhibit"} if case.writes else set())
    return retired == (False, True) and differ["mcause"] == (VIRTUAL, 10) and set(differ) <= may


def _inhibit_write(case: Case, differ: Differ, retired: Retired) -> bool:
    mine, theirs = differ.get("mcountinhibit", (None, None))
    if case.name != "scountinhibit" or case.mode not in ("M", "HS") or mine is None or theirs is None:
        return False
    # Spike clears what mcounteren does not delegate; with IR among it, minstret goes on there and not here.
    lost = mine & ~theirs & ~case.controls["mcounteren"]
    same = mine & case.controls["mcounteren"] == theirs
    counts = "minstret" not in differ or bool((lost | case.controls["mcountinhibit"] ^ theirs) & 4)
    return retired == (True, True) and case.writes and same and set(differ) <= {"mcountinhibit", "minstret"} and counts


def _inhibit_late(case: Case, differ: Differ, retired: Retired) -> bool:
    mine, theirs = differ.get("minstret", (None, None))
    if case.name not in ("mcountinhibit", "scountinhibit") or set(differ) != {"minstret"}:
        return False
    assert mine is not None and theirs is not None
    was = case.controls["mcountinhibit"] >> 2 & 1
    return retired == (True, True) and case.writes and theirs - mine == (1 if was else -1)


def _counting(differ: Differ, event: str) -> set[str]:
    """The counter that goes on because it has an event here."""
    on = (differ.get(event, (0, 0))[0] or 0) & (1 << 56) - 1
    return {event.replace("event", "counter")} if on else set()


def _sireg_write(case: Case, differ: Differ, retired: Retired) -> bool:
    if case.name not in ("sireg", "sireg2") or case.mode not in ("M", "HS") or not case.writes:
        return False
    number = case.controls["siselect"] - 0x40
    delegated = _counter(case, "siselect") and number != 1 and _bit(case, "mcounteren", number)
    if not delegated or not _bit(case, "menvcfg", CDE) or retired != (True, False):
        return False
    may = {"mcause", "mepc", "mtval", "access", "minstret"}
    if case.name == "sireg2":
        may |= {{0: "mcyclecfg", 2: "minstretcfg"}.get(number, f"mhpmevent{number}")}
        may |= _counting(differ, f"mhpmevent{number}")
    elif number > 2:
        may |= {f"mhpmcounter{number}"}
    return differ["mcause"][1] == ILLEGAL and differ["mtval"][1] == case.word and set(differ) <= may


def _minh(case: Case, differ: Differ, retired: Retired) -> bool:
    mine, theirs = differ.get("access", (None, None))
    if case.name != "sireg2" or set(differ) != {"access"} or mine is None or theirs is None:
        return False
    return case.mode in ("M", "HS") and _counter(case, "siselect") and mine == theirs & ~MINH


def _counts(case: Case, differ: Differ, retired: Retired) -> bool:
    cycle = case.name == "sireg" and case.mode in ("M", "HS") and case.controls["siselect"] == 0x40
    counts = case.name in ("cycle", "mcycle", "time") or cycle
    return counts and set(differ) == {"access"} and retired == (True, True)


def _seed(case: Case, differ: Differ, retired: Retired) -> bool:
    """ES16 with any 16 bits: the reserved and custom bits are 0 on both sides."""
    values = differ.get("access", (None, None))
    return (
        case.name == "seed" and set(differ) == {"access"} and all(v is not None and v >> 16 == 0x8000 for v in values)
    )


def _event(case: Case, differ: Differ, retired: Retired) -> bool:
    mine, theirs = differ.get(case.name, (None, None))
    if not case.name.startswith("mhpmevent") or mine is None or theirs is None:
        return False
    if not set(differ) <= {case.name} | _counting(differ, case.name):
        return False
    return case.writes and mine >> 56 == theirs >> 56 and not theirs & (1 << 56) - 1


KNOWN = {
    "mireg-guest": Known(
        "mireg* from VU-mode, or from V=1 while hstateen0.CSRIND=0, is an illegal instruction here, as M-level CSRs "
        "are, and a virtual instruction with Spike, which asks CSRIND before the privilege.",
        'Privileged ISA, "Virtual Instruction Exception"',
        _mireg,
    ),
    "sireg-vu": Known(
        "sireg* from VU-mode while mstateen0.CSRIND=0 is an illegal instruction here: mstateen binds all modes below "
        "M. With Spike a virtual one.",
        _INDIRECT,
        _sireg_vu,
    ),
    "sireg6-vs": Known("sireg6 from VS-mode: Spike does not reach vsireg6's rules.", _INDIRECT, _sireg6),
    "scountovf-write": Known(
        "A write to scountovf, which is read-only, is an illegal instruction here, also from guests that may not read "
        "it.",
        'Privileged ISA, "Virtual Instruction Exception"',
        _scountovf,
    ),
    "scountovf-high": Known(
        "scountovf has 32 bits; Spike extends the sign of the last.",
        'Privileged ISA, "Supervisor Count Overflow (scountovf) Register"',
        _scountovf_high,
    ),
    "scountinhibit-vu": Known(
        "scountinhibit from VU-mode while menvcfg.CDE=0 is an illegal instruction here, and virtual with Spike.",
        _DELEGATION,
        _inhibit_vu,
    ),
    "scountinhibit-vs": Known(
        "scountinhibit from VS-mode is a virtual instruction; Spike lets it.",
        _DELEGATION,
        _inhibit_vs,
    ),
    "scountinhibit-write": Known(
        "A write to scountinhibit leaves the counters that are not delegated; Spike clears their bits.",
        _DELEGATION,
        _inhibit_write,
    ),
    "inhibited-from": Known(
        "The instruction that changes IR counts under the old value here, under the new one with Spike; both allowed.",
        'Privileged ISA, "Machine Counter-Inhibit (mcountinhibit) Register"',
        _inhibit_late,
    ),
    "sireg-write": Known(
        "Writes of delegated counters: Spike refuses them, taking them for writes of the read-only cycle and so on.",
        _DELEGATION,
        _sireg_write,
    ),
    "minh": Known("MINH is not visible in sireg2; Spike shows it.", _DELEGATION, _minh),
    "counts": Known("cycle and time are implementation-defined counts.", "Zicntr", _counts),
    "seed": Known("Entropy: both in state ES16.", 'Unprivileged ISA, "Entropy Source, The seed CSR"', _seed),
    "event": Known(
        "Which events there are is implementation-defined: none with Spike.",
        'Privileged ISA, "Hardware Performance Monitor"',
        _event,
    ),
}


def explain(case: Case, differ: Differ, retired: Retired) -> str | None:
    """The name in KNOWN of what differs in a case, or None."""
    return next((name for name, row in KNOWN.items() if row.applies(case, differ, retired)), None)
