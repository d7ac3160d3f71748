"""A trap in words: what raised it, why it went where it went, and what it has left in the registers of that mode.

All is read from the registers that trap entry has written, so it can be told until another trap is taken into that
mode ("Trap Entry" in the hypervisor chapter).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..emit.disasm import disassemble
from ..isa import csrs
from ..isa.access import REASONS
from .causes import ACCESS_OF, EXCEPTIONS, GUEST_PAGE, INTERRUPTS, tval_meaning
from .pte import Why
from .translation import Translation, translation

if TYPE_CHECKING:
    from ..machine import Hart, Machine

__all__ = ["Trap", "Value", "fetch", "looping", "trap"]

_INTERRUPT = 1 << 63
_ILLEGAL, _VIRTUAL, _DOUBLE = (csrs.CAUSES[name] for name in ("ILLEGAL", "VIRTUAL", "DOUBLE_TRAP"))
_BREAKPOINT = csrs.CAUSES["BREAKPOINT"]
#: Types of debug triggers and their hit bits in tdata1.
_TRIGGERS = {
    3: ("icount", 1 << 24), 4: ("itrigger", 1 << 58), 5: ("etrigger", 1 << 58), 6: ("mcontrol6", 1 << 22 | 1 << 25),
}  # fmt: skip
_PREFIX = {"M": "m", "HS": "s", "VS": "vs"}
_PSEUDO = {0x3000: "read", 0x3020: "write"}


@dataclass(frozen=True)
class Value:
    """A register or a field, what it holds, and what that means."""

    name: str
    value: int
    meaning: str

    def __str__(self) -> str:
        return f"{self.name}={self.value:#x}: {self.meaning}"


@dataclass(frozen=True)
class Trap:
    """The last trap into a mode of a hart.

    ``code`` is the exception or interrupt code, without the interrupt bit; ``came_from`` the mode it was taken from;
    ``word`` the instruction at ``epc``, None where it cannot be read. ``delegation`` says why the trap came to
    ``into``, ``values`` what its registers mean, ``why`` the recorded reason of an illegal or virtual instruction,
    ``translation`` the walk of an access that faulted, as it would go now; ``triggers``, of a breakpoint, the debug
    triggers whose hit bits are set, by index: tdata1 and what it is. Software clears these bits.
    """

    hart: int
    into: str
    came_from: str
    interrupt: bool
    code: int
    name: str
    epc: int
    word: int | None
    delegation: str
    values: tuple[Value, ...]
    why: Why | None = None
    translation: Translation | None = None
    triggers: tuple[Value, ...] = ()

    @property
    def instruction(self) -> str:
        """The instruction at ``epc`` as assembly text."""
        if self.word is None:
            return "an instruction that cannot be read"
        return " ".join(disassemble(self.word, self.epc).split())

    @property
    def current(self) -> bool:
        """Whether the registers can still be those of the trap: xRET has made the mode that it came from the least one,
        where the instruction at ``epc`` as a rule cannot be fetched."""
        return self.word is not None or ACCESS_OF.get(self.code) == "fetch"

    @property
    def summary(self) -> str:
        """One or two sentences."""
        kind = "interrupt" if self.interrupt else "exception"
        where = f"before {self.instruction}" if self.interrupt else f"by {self.instruction}"
        text = f"{self.name} ({kind} {self.code}) {where} at {self.epc:#x} in {self.came_from}-mode, taken into " \
               f"{self.into}-mode: {self.delegation}"  # fmt: skip
        if self.why is not None:
            return f'{text}. {self.why.text[:1].upper()}{self.why.text[1:]} ("{self.why.manual}")'
        if self.translation is not None and self.translation.cause is not None:
            t = self.translation
            assert t.why is not None
            gpa = f" (guest physical {t.gpa:#x})" if t.cause in GUEST_PAGE else ""
            return f'{text}. The {t.access} at {t.va:#x}{gpa}: {t.why.text} ("{t.why.manual}")'
        if self.triggers:
            return f"{text}. Hit: {', '.join(f'{value.name}, {value.meaning}' for value in self.triggers)}"
        return text

    def __str__(self) -> str:
        lines = [f"hart {self.hart}: {self.summary}", *(f"  {value}" for value in (*self.values, *self.triggers))]
        if self.translation is not None:
            lines += [f"  {line}" for line in str(self.translation).splitlines()]
        return "\n".join(lines)


def trap(machine: Machine, hart: int = 0, into: str | None = None) -> Trap | None:
    """The last trap into ``into`` ("M", "HS" or "VS"; the hart's mode unless given), None if its registers tell of
    none. Raises ValueError for another mode."""
    who = machine.harts[hart]
    into = into or {"U": "HS", "VU": "VS"}.get(who.mode, who.mode)
    if into not in _PREFIX:
        raise ValueError(f"no trap is taken into mode {into!r}")
    prefix, read = _PREFIX[into], _reader(who)
    if f"{prefix}cause" not in who.csr:
        return None
    raw, epc, tval = (read(prefix + name) for name in ("cause", "epc", "tval"))
    if raw == 0 and epc == 0:
        return None
    interrupt, code = bool(raw & _INTERRUPT), raw & ~_INTERRUPT
    came_from = _origin(into, read)
    recorded, _, reason = who._core.exception(hart)
    why = None
    word = fetch(machine, hart, epc, came_from)
    if not interrupt and code in (_ILLEGAL, _VIRTUAL):
        word = tval or word
        if recorded == code and reason:
            row = REASONS[reason]
            why = Why(row.text.format(name=_subject(word)), row.manual)
    name = (INTERRUPTS if interrupt else EXCEPTIONS).get(code)
    found = Trap(hart, into, came_from, interrupt, code, name or "cause that is not standard", epc, word, "", (), why)
    found = replace(found, delegation=_delegation(found, read), values=tuple(_values(found, read, "hgatp" in who.csr)))
    if not interrupt and code == _BREAKPOINT and "Sdtrig" in machine.extensions:
        return replace(found, triggers=tuple(_hit(who)))
    return replace(found, translation=None if interrupt else _translation(machine, found, read))


def _hit(hart: Hart) -> list[Value]:
    out, selected, n = [], hart.csr["tselect"], 0
    hart.csr["tselect"] = 0
    while hart.csr["tselect"] == n:
        tdata1 = hart.csr["tdata1"]
        name, hit = _TRIGGERS.get(tdata1 >> 60, ("", 0))
        if tdata1 & hit:
            out.append(Value(f"trigger {n}", tdata1, f"{name} with tdata2 {hart.csr['tdata2']:#x}"))
        n += 1
        hart.csr["tselect"] = n
    hart.csr["tselect"] = selected
    return out


def looping(machine: Machine, hart: int = 0) -> Trap | None:
    """The exception that a hart cannot get over: its handler's first instruction traps itself, or the hart stands still
    since, at a jump to itself or in WFI without any interrupt enabled. None if the hart gets on."""
    who = machine.harts[hart]
    found = trap(machine, hart)
    if found is None or found.interrupt or not found.current:
        return None
    vector = _reader(who)(_PREFIX[found.into] + "tvec") & ~3
    if who.pc == vector and found.epc == vector:
        return found
    if who.mode != found.into:
        return None
    here = fetch(machine, hart, who.pc, who.mode)
    still = (who.waiting and not who.csr["mie"]) or (
        here is not None and disassemble(here, who.pc).split() == ["j", f"{who.pc:#x}"]
    )
    return found if still and found.epc != who.pc else None


def _reader(hart: Hart) -> Callable[[str], int]:
    return lambda name: hart.csr[name] if name in hart.csr else 0


def _field(read: Callable[[str], int], register: str, name: str) -> int:
    high, low = csrs.BY_NAME[register].fields[name]
    return read(register) >> low & (1 << high - low + 1) - 1


def _origin(into: str, read: Callable[[str], int]) -> str:
    if into == "VS":
        return "VS" if _field(read, "vsstatus", "SPP") else "VU"
    if into == "HS":
        level, virtual = _field(read, "mstatus", "SPP"), _field(read, "hstatus", "SPV")
    else:
        level, virtual = _field(read, "mstatus", "MPP"), _field(read, "mstatus", "MPV")
        if level == 3:
            return "M"
    return ("VU", "VS")[level] if virtual else ("U", "HS")[level]


def fetch(machine: Machine, hart: int, pc: int, mode: str) -> int | None:
    """The instruction at a virtual address, None where it cannot be fetched."""
    data = b""
    for at in (pc, pc + 2):
        pa = translation(machine, at, "fetch", mode, hart).pa
        if pa is None:
            return None
        data += machine.memory.read(pa, 2)
        if data[0] & 3 != 3:
            break
    return int.from_bytes(data, "little")


def _subject(word: int | None) -> str:
    """The CSR or the mnemonic that a reason's sentence is about."""
    if word is None:
        return "the instruction"
    text = disassemble(word, pseudo=False)
    if text.startswith("csr"):
        row = csrs.BY_NUMBER.get(word >> 20)
        return f"CSR {word >> 20:#x}" if row is None else row.name
    return text.split()[0].upper()


def _delegation(t: Trap, read: Callable[[str], int]) -> str:
    """Why M, HS or VS took it ("Machine Trap Delegation", "Hypervisor Trap Delegation" Registers). VS-mode reads its
    interrupts with the codes of the supervisor's, one below those that are delegated."""
    if not t.interrupt and t.code == _DOUBLE:
        return "a trap arrived while SDT or MDT said that the one before is still being handled"
    if t.came_from == "M":
        return "a trap from M-mode stays in M-mode"
    machine, hypervisor = ("mideleg", "hideleg") if t.interrupt else ("medeleg", "hedeleg")
    code = t.code + (1 if t.interrupt and t.into == "VS" and t.code in (1, 5, 9) else 0)
    if t.into == "M":
        return f"{machine} bit {code} is {read(machine) >> code & 1}"
    if t.into == "VS":
        return f"{machine} bit {code} and {hypervisor} bit {code} are 1"
    if t.came_from in ("VS", "VU"):
        return f"{machine} bit {code} is 1 and {hypervisor} bit {code} is {read(hypervisor) >> code & 1}"
    return f"{machine} bit {code} is 1"


def _values(t: Trap, read: Callable[[str], int], hypervisor: bool) -> list[Value]:
    prefix = _PREFIX[t.into]
    out = [Value(f"{prefix}cause", read(f"{prefix}cause"), t.name)]
    out.append(Value(f"{prefix}epc", t.epc, "the instruction to return to"))
    if t.interrupt:
        return out
    tval = read(f"{prefix}tval")
    guest_address = False
    if t.into != "VS":
        register = "mstatus" if t.into == "M" else "hstatus"
        guest_address = bool(_field(read, register, "GVA"))
    meaning = tval_meaning(t.code, tval)
    out.append(Value(f"{prefix}tval", tval, meaning.replace("virtual", "guest virtual") if guest_address else meaning))
    if t.into == "VS" or not hypervisor:
        return out
    second, instruction = ("mtval2", "mtinst") if t.into == "M" else ("htval", "htinst")
    value = read(second)
    if t.code in GUEST_PAGE:
        out.append(Value(second, value, f"guest physical address {value << 2 | tval & 3:#x}, shifted right by 2"))
    elif t.code == _DOUBLE:
        out.append(Value(second, value, f"the cause of the trap that came second: {EXCEPTIONS.get(value, 'unknown')}"))
    elif value:
        out.append(Value(second, value, "no meaning is defined for this cause"))
    out.append(Value(instruction, read(instruction), _tinst(read(instruction))))
    where, virtual = ("mstatus.GVA", "mstatus.MPV") if t.into == "M" else ("hstatus.GVA", "hstatus.SPV")
    kind = "is a guest's virtual address" if guest_address else "is no guest's virtual address"
    out.append(Value(where, int(guest_address), f"{prefix}tval {kind}"))
    v = _field(read, *virtual.split(".", 1))
    out.append(Value(virtual, v, f"V was {v}: it came from {'a guest' if v else 'outside of guests'}"))
    if t.into == "HS":
        spvp = _field(read, "hstatus", "SPVP")
        now = f"the guest was in {t.came_from}-mode" if v else "unchanged, since V was 0"
        out.append(Value("hstatus.SPVP", spvp, f"{now}; HLV and HSV act as {'VS' if spvp else 'VU'}-mode"))
    return out


def _tinst(value: int) -> str:
    """mtinst or htinst ("Transformed Instruction or Pseudoinstruction for mtinst or htinst")."""
    if value == 0:
        return "nothing is told of the instruction"
    if value in _PSEUDO:
        return f"pseudoinstruction: an implicit {_PSEUDO[value]} of a VS-stage PTE faulted"
    if not value & 1:
        return "a pseudoinstruction that is not standard"
    offset, word = value >> 15 & 31, (value | 2) & ~(31 << 15)
    short = "" if value & 2 else ", 16 bits long in memory"
    return f"the instruction transformed: {' '.join(disassemble(word).split())}, address offset {offset}{short}"


def _translation(machine: Machine, t: Trap, read: Callable[[str], int]) -> Translation | None:
    """The walk of the access that faulted. With MPRV the mode whose rules it followed is not known any more."""
    access = ACCESS_OF.get(t.code)
    if access is None or "misaligned" in t.name:
        return None
    tval, mode = read(f"{_PREFIX[t.into]}tval"), t.came_from
    if access != "fetch" and t.into != "VS":
        guest = bool(_field(read, "mstatus" if t.into == "M" else "hstatus", "GVA"))
        if guest and mode in ("HS", "U"):  # HLV, HLVX or HSV
            mode = "VS" if _field(read, "hstatus", "SPVP") else "VU"
        elif mode == "M" and (guest or _field(read, "mstatus", "MPRV")):
            return None
    if t.word is not None and disassemble(t.word).startswith("hlvx"):
        access = "hlvx"
    return translation(machine, tval, access, mode, t.hart)
