"""How an address is translated, step by step, and the exact reason if it is not.

The core makes the walk (`Core.walk`: the walker that every access uses, with its steps recorded and no A or D bit
changed). Here the walk is followed with the PTEs that the core has read, to say what each was for and which rule it has
broken; tests/explain holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..isa import csrs
from .causes import EXCEPTIONS, GUEST_PAGE
from .pte import GUEST, PPN, PROTECTION, A, D, N, R, Stage, W, Why, X, flags, judge

if TYPE_CHECKING:
    from ..machine import Hart, Machine

__all__ = ["ACCESSES", "Step", "Translation", "Why", "translation"]

#: Kinds of access with their number in `Core.walk`; an AMO is a store.
ACCESSES = {"load": 1, "store": 2, "fetch": 4, "hlvx": 1}
_MODES = {"M": 0, "HS": 1, "U": 2, "VS": 3, "VU": 4}

_PMA = "Physical Memory Attributes"
_PMP = "Physical Memory Protection"


@dataclass(frozen=True)
class Step:
    """One PTE of a walk.

    ``stage`` is "VS-stage", "G-stage" or "S-stage" (satp); ``purpose`` what a G-stage walk is for, "" in other stages;
    ``slot`` where the PTE is in the address space of its stage (guest physical for the VS-stage), ``pa`` physically.
    """

    stage: str
    purpose: str
    level: int
    slot: int
    pa: int
    pte: int
    verdict: str
    why: Why | None

    def __str__(self) -> str:
        where = f"gpa {self.slot:#x}, pa {self.pa:#x}" if self.stage == "VS-stage" else f"pa {self.pa:#x}"
        return f"{self.stage} level {self.level}: PTE at {where} is {self.pte:#x} [{flags(self.pte)}]: {self.verdict}"


@dataclass(frozen=True)
class Translation:
    """An access that nobody has made: its steps, and `pa` or the exception it would raise and `why`.

    ``gpa`` is the guest physical address that a guest-page fault reports (without its two lowest bits), ``tinst`` the
    pseudoinstruction that mtinst or htinst would hold, 0 if there is none.
    """

    va: int
    access: str
    mode: str
    steps: tuple[Step, ...] = ()
    regime: tuple[str, ...] = ()
    pa: int | None = None
    cause: int | None = None
    gpa: int = 0
    tinst: int = 0
    why: Why | None = None

    @property
    def result(self) -> str:
        """The outcome as one sentence."""
        if self.cause is None:
            return f"physical address {self.pa:#x}"
        gpa = f" with guest physical address {self.gpa:#x}" if self.cause in GUEST_PAGE else ""
        why = f': {self.why.text} ("{self.why.manual}")' if self.why else ""
        return f"{EXCEPTIONS[self.cause]} ({self.cause}){gpa}{why}"

    def __str__(self) -> str:
        lines = [f"{self.access} at {self.va:#x} in {self.mode}-mode; {', '.join(self.regime)}"]
        purpose = ""
        for step in self.steps:
            if step.purpose and step.purpose != purpose:
                lines.append(f"    for {step.purpose}:")
            purpose = step.purpose
            lines.append(f"{'      ' if purpose else '  '}{step}")
        return "\n".join([*lines, f"  => {self.result}"])


def _stages(
    hart: Hart, mode: str, svnapot: bool
) -> tuple[Stage | None, Stage | None, tuple[int, int], tuple[str, ...]]:
    """(first stage, G-stage, addresses of their roots, the regime in words); None: that stage is Bare."""
    if mode == "M":
        return None, None, (0, 0), ("no translation",)
    csr, guest = hart.csr, mode in ("VS", "VU")

    def bit(register: str, name: str) -> bool:
        field = csrs.BY_NAME[register].fields.get(name)
        return field is not None and register in csr and bool(csr[register] & csrs.mask_of(field))

    name, status, env = ("vsatp", "vsstatus", "henvcfg") if guest else ("satp", "mstatus", "menvcfg")
    first = second = None
    hgatp, regime = 0, []
    atp = csr[name] if name in csr else 0
    if atp >> 60:
        mxr = bit("mstatus", "MXR") or bit(status, "MXR")
        stage = "VS-stage" if guest else "S-stage"
        supervisor = mode in ("HS", "VS")
        controls = (bit(env, "PBMTE"), bit(env, "ADUE"), env, svnapot, bit(env, "SSE"))
        first = Stage(stage, (atp >> 60) - 5, supervisor, bit(status, "SUM"), mxr, *controls)
    regime.append(f"{name} {atp:#x} ({f'Sv{9 * first.levels + 12}' if first else 'Bare'})")
    if guest:
        hgatp = csr["hgatp"]
        if hgatp >> 60:
            second = Stage("G-stage", (hgatp >> 60) - 5, False, False, bit("mstatus", "MXR"), bit("menvcfg", "PBMTE"),
                           bit("menvcfg", "ADUE"), "menvcfg", svnapot)  # fmt: skip
        regime.append(f"hgatp {hgatp:#x} ({f'Sv{9 * second.levels + 12}x4' if second else 'Bare'})")
    return first, second, ((atp & PPN >> 10) << 12, (hgatp & PPN >> 10) << 12), tuple(regime)


def translation(machine: Machine, va: int, access: str = "load", mode: str | None = None, hart: int = 0) -> Translation:
    """How an ``access`` (of ACCESSES) of one byte at ``va`` would be translated now under the rules of ``mode``, the
    hart's own unless given. PMP and the machine's map of memory are part of it. Raises ValueError for another access or
    mode."""
    who = machine.harts[hart]
    mode = mode or who.mode
    if access not in ACCESSES or mode not in _MODES:
        raise ValueError(f"no access {access!r} in mode {mode!r}")
    raw, pa, fault = who._core.walk(hart, _MODES[mode], va, ACCESSES[access], access == "hlvx")
    first, second, roots, regime = _stages(who, mode, "Svnapot" in machine.extensions)
    replay = _Replay(iter(raw), roots)
    why: Why | None = None
    at, what = va, ""
    try:
        if first:
            at = replay.stage(first, va, access, nested=second)
        if second:
            at = replay.stage(second, at, access, "the address itself")
    except _Stopped as stop:
        why, at, what = stop.why, stop.at, stop.what
    done = Translation(va, access, mode, tuple(replay.steps), regime, pa)
    if fault is not None:
        cause, gpa, tinst = fault
        if why is None:
            why = _refused(machine, who, at, what, "load" if what else access, replay.updated)
        return replace(done, pa=None, cause=cause, gpa=gpa << 2, tinst=tinst, why=why)
    nothing = _nothing_at(machine, at, access)
    if nothing:
        return replace(done, pa=None, cause={"fetch": 1, "store": 7}.get(access, 5), why=nothing)
    return done


class _Stopped(Exception):
    """A walk that did not end in an address: `why`, or at which physical address of what it could not go on."""

    def __init__(self, why: Why | None, at: int = 0, what: str = ""):
        self.why, self.at, self.what = why, at, what


@dataclass
class _Replay:
    """The walk again, with the PTEs that the core has read instead of memory."""

    raw: Iterator[tuple[bool, bool, int, int, int, int]]
    roots: tuple[int, int]
    steps: list[Step] = field(default_factory=list)
    #: Physical address of the last PTE whose A and D bits would be set.
    updated: int | None = None

    def stage(
        self, stage: Stage, address: int, access: str, purpose: str = "", explicit: bool = True,
        nested: Stage | None = None,
    ) -> int:  # fmt: skip
        """The address that a stage gives. ``explicit``: the access is the instruction's own; ``nested``: the stage that
        the addresses of this one's PTEs pass."""
        _check_width(stage, address)
        table = self.roots[stage.guest]
        for level in range(stage.levels - 1, -1, -1):
            bits = 11 if stage.guest and level == stage.levels - 1 else 9
            slot = table + (address >> 12 + 9 * level & (1 << bits) - 1) * 8
            name = f"{stage.name} PTE of level {level}"
            at = self.stage(nested, slot, "load", f"the {name}", False) if nested else slot
            read = next(self.raw, None)
            if read is None:
                raise _Stopped(None, at, name)
            pte = read[5]
            assert read[2:5] == (level, slot, at), "the core has walked elsewhere"
            rules = replace(stage, level=level, access=access, mxr=stage.mxr and explicit)
            why, leaf = judge(rules, pte), pte & (R | W | X)
            update = leaf and not why and (not pte & A or (access == "store" and not pte & D))
            verdict = why.text if why else "leaf" if leaf else f"table at {(pte & PPN) << 2:#x}"
            if update:
                verdict += f", and {stage.controls}.ADUE=1: A{' and D' if access == 'store' else ''} would be set"
                self.updated = at
            self.steps.append(Step(stage.name, purpose, level, slot, at, pte, verdict, why))
            if why:
                raise _Stopped(why)
            table = (pte & PPN) << 2
            if leaf:
                if update and nested:
                    self.stage(nested, slot, "store", "setting A and D of that PTE", False)
                low = (1 << 12 + 9 * level + (4 if pte & N else 0)) - 1
                return table & ~low | address & low
        raise AssertionError("a pointer at level 0 is no leaf")


def _check_width(stage: Stage, address: int) -> None:
    width = 12 + 9 * stage.levels + (2 if stage.guest else 0)
    if stage.guest and address >> width:
        raise _Stopped(Why(f"guest physical address {address:#x} is wider than {width} bits", GUEST))
    if not stage.guest and address >> width - 1 not in (0, (1 << 65 - width) - 1):
        raise _Stopped(Why(f"bits 63:{width} of {address:#x} are not all equal to bit {width - 1}", PROTECTION))


def _refused(machine: Machine, hart: Hart, at: int, what: str, access: str, updated: int | None) -> Why:
    """Why an access fault: nothing answers at a physical address, or PMP forbids it."""
    why = _nothing_at(machine, at, access)
    if why is None and what and not machine._core.ram_base <= at < machine._core.ram_base + machine._core.ram_size:
        why = Why(f"{at:#x} is a device's, and page tables are only read from RAM", _PMA)
    allowed, entry = _pmp(hart, at)
    if why is None and access in allowed and updated is not None:
        what, entry = "PTE whose A or D bit has to be set", _pmp(hart, updated)[1]
    why = why or entry
    return Why(f"the {what} at {at:#x}: {why.text}", why.manual) if what else why


def _nothing_at(machine: Machine, pa: int, access: str) -> Why | None:
    core = machine._core
    if core.ram_base <= pa < core.ram_base + core.ram_size:
        return None
    for device, base, _ in machine.devices:
        if base <= pa < base + device.size:
            if access in ("load", "store"):
                return None
            return Why(f"{pa:#x} is the {device.name}'s, and nothing executes from devices", _PMA)
    return Why(f"there is neither RAM nor a device at {pa:#x}", _PMA)


def _pmp(hart: Hart, pa: int) -> tuple[frozenset[str], Why]:
    """What PMP allows below M-mode at a physical address, and the entry that says so: the first that matches."""
    below = 0
    for n in range(64):
        config, address = f"pmpcfg{n // 8 * 2}", f"pmpaddr{n}"
        if config not in hart.csr or address not in hart.csr:
            break
        byte, value = hart.csr[config] >> n % 8 * 8 & 0xFF, hart.csr[address]
        kind, start, below = byte >> 3 & 3, below, value << 2
        if kind == 1:  # TOR
            match = start <= pa < value << 2
        else:
            ignored = 2 + ((~value & value + 1).bit_length() if kind == 3 else 0)  # NAPOT: the ones and the zero above
            match = kind != 0 and pa >> ignored == value << 2 >> ignored
        if match:
            rights = "".join(name for bit, name in enumerate("RWX") if byte >> bit & 1)
            words = {"R": ("load", "hlvx"), "W": ("store",), "X": ("fetch",)}
            text = f"PMP entry {n} (configuration {byte:#04x}) gives {rights or 'no rights'} at {pa:#x}"
            return frozenset(word for name in rights for word in words[name]), Why(text, _PMP)
    return frozenset(), Why(f"no PMP entry matches {pa:#x}, and without one only M-mode has access", _PMP)
