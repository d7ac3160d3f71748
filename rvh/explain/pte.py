"""What is wrong with a page-table entry: the manual's "Virtual Address Translation Process" as a table of rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

V, R, W, X, U, G, A, D = (1 << n for n in range(8))
N, PBMT, RESERVED, PPN = 1 << 63, 3 << 61, 0x7F << 54, ((1 << 44) - 1) << 10
_PBMT_NAMES = ("", "NC", "IO", "PBMT=3")

_SHADOW = "Shadow Stack Memory Protection"
_PROCESS = "Virtual Address Translation Process"
GUEST = "Guest Physical Address Translation"
PROTECTION = "Addressing and Memory Protection"


class Why(NamedTuple):
    """A rule that was broken, as a sentence, and the manual's section that has it."""

    text: str
    manual: str


@dataclass(frozen=True)
class Stage:
    """What a stage's rules depend on; `level` and `access` of one PTE included."""

    name: str
    levels: int
    supervisor: bool
    sum: bool
    mxr: bool
    pbmte: bool
    adue: bool
    controls: str  # the register that holds PBMTE, ADUE and SSE
    svnapot: bool
    sse: bool = False  # R=0, W=1, X=0 is a shadow stack page
    access: str = "load"
    level: int = 0

    @property
    def guest(self) -> bool:
        return self.name == "G-stage"


def flags(pte: int) -> str:
    """A PTE's flags: ``D A G U X W R V``, a dash for each that is clear; what is unusual after them."""
    text = "".join(name if pte >> bit & 1 else "-" for bit, name in reversed(list(enumerate("VRWXUGAD"))))
    extras = [_PBMT_NAMES[pte >> 61 & 3]] + (["N"] if pte & N else []) + (["reserved bits"] if pte & RESERVED else [])
    return " ".join([text, *filter(None, extras)])


def _shadow(s: Stage, pte: int) -> bool:
    return s.sse and pte & (R | W | X) == W


def _permission(s: Stage, pte: int) -> bool:
    if s.access in ("fetch", "hlvx"):
        return bool(pte & X)
    if s.access == "store":
        return bool(pte & W)
    return bool(pte & R) or (s.mxr and bool(pte & X)) or _shadow(s, pte)


def _needed(s: Stage) -> str:
    bit = {"fetch": "X", "hlvx": "X", "store": "W", "load": "R"}[s.access]
    mxr = " (MXR=0: X does not help)" if s.access == "load" and not s.mxr else ""
    return f"{bit}=0: the page allows no {'HLVX' if s.access == 'hlvx' else s.access}{mxr}"


#: In the manual's order: when a PTE breaks the rule, the sentence, the section. The first that applies is the reason.
_Rule = tuple[Callable[[Stage, int], object], Callable[[Stage, int], str], str]
_FORMAT: list[_Rule] = [
    (lambda s, e: not e & V, lambda s, e: "V=0: the PTE is not valid", _PROCESS),
    (lambda s, e: e & (R | W) == W and not _shadow(s, e), lambda s, e: "R=0 with W=1 is a reserved encoding", _PROCESS),
    (lambda s, e: e & RESERVED, lambda s, e: "bits 60:54, reserved for standard use, are not 0", PROTECTION),
    (lambda s, e: e & PBMT and not s.pbmte, lambda s, e: f"{s.controls}.PBMTE=0: bits 62:61 are reserved", "Svpbmt"),
    (lambda s, e: e & PBMT == PBMT, lambda s, e: "PBMT=3 is reserved", "Svpbmt"),
]
_POINTER: list[_Rule] = [
    (lambda s, e: e & (A | D | U), lambda s, e: "A, D and U are reserved in a pointer to a table", PROTECTION),
    (lambda s, e: e & N, lambda s, e: "N is reserved in a pointer to a table", "Svnapot"),
    (lambda s, e: e & PBMT, lambda s, e: "PBMT is reserved in a pointer to a table", "Svpbmt"),
    (lambda s, e: s.level == 0, lambda s, e: "a pointer to a table at level 0: there is no further level", _PROCESS),
]
_LEAF: list[_Rule] = [
    (lambda s, e: s.level and (e >> 10) & ((1 << 9 * s.level) - 1),
     lambda s, e: f"a misaligned superpage: PPN bits {9 * s.level - 1}:0 must be 0 at level {s.level}", _PROCESS),
    (lambda s, e: e & N and not s.svnapot, lambda s, e: "bit 63 is reserved without Svnapot", PROTECTION),
    (lambda s, e: e & N and s.level, lambda s, e: "N=1 is reserved above level 0", "Svnapot"),
    (lambda s, e: e & N and e >> 10 & 15 != 8, lambda s, e: "N=1 needs ppn[0] = xxxxx1000", "Svnapot"),
    (lambda s, e: s.guest and not e & U, lambda s, e: "U=0: the G-stage treats every access as a U-mode one", GUEST),
    (lambda s, e: not s.guest and not s.supervisor and not e & U,
     lambda s, e: "U=0: the page belongs to the supervisor", _PROCESS),
    (lambda s, e: s.supervisor and e & U and s.access == "fetch",
     lambda s, e: "U=1: a supervisor never executes from a user page", _PROCESS),
    (lambda s, e: s.supervisor and e & U and not s.sum,
     lambda s, e: "U=1 and SUM=0: the supervisor has not opened user pages to itself", _PROCESS),
    (lambda s, e: _shadow(s, e) and s.access in ("store", "fetch"),
     lambda s, e: "R=0, W=1, X=0: a shadow stack page, which only shadow stack instructions write", _SHADOW),
    (lambda s, e: not _permission(s, e), lambda s, e: _needed(s), _PROCESS),
    (lambda s, e: not s.adue and not e & A, lambda s, e: f"A=0, and {s.controls}.ADUE=0 leaves setting it to software",
     "Svadu"),
    (lambda s, e: not s.adue and s.access == "store" and not e & D,
     lambda s, e: f"D=0 at a store, and {s.controls}.ADUE=0 leaves setting it to software", "Svadu"),
]  # fmt: skip


def judge(stage: Stage, pte: int) -> Why | None:
    """The rule that a PTE breaks; None if it serves."""
    for broken, text, manual in [*_FORMAT, *(_LEAF if pte & (R | W | X) else _POINTER)]:
        if broken(stage, pte):
            return Why(text(stage, pte), manual)
    return None
