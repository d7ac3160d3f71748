"""Exception and interrupt codes in the manual's words, and what xtval holds with each ("Machine Cause (mcause)
Register", "Machine Trap Value (mtval) Register")."""

from __future__ import annotations

from ..isa import csrs

__all__ = ["ACCESS_OF", "EXCEPTIONS", "GUEST_PAGE", "INTERRUPTS", "tval_meaning"]

_PARTS = {
    "FETCH": "instruction", "LOAD": "load", "STORE": "store/AMO", "MISALIGNED": "address misaligned",
    "ACCESS": "access fault", "PAGE": "page fault", "GUEST_PAGE": "guest-page fault",
}  # fmt: skip
_WHOLE = {
    "ILLEGAL": "illegal instruction", "VIRTUAL": "virtual instruction", "BREAKPOINT": "breakpoint",
    "ECALL_U": "environment call from U- or VU-mode", "ECALL_HS": "environment call from HS-mode",
    "ECALL_VS": "environment call from VS-mode", "ECALL_M": "environment call from M-mode",
}  # fmt: skip


def _words(name: str) -> str:
    access, _, what = name.partition("_")
    if access in _PARTS and what in _PARTS:
        return f"{_PARTS[access]} {_PARTS[what]}"
    return _WHOLE.get(name, name.lower().replace("_", " "))


#: Exception codes in words.
EXCEPTIONS: dict[int, str] = {code: _words(name) for name, code in csrs.CAUSES.items()}
#: The access that an exception was raised by, as `rvh.explain.ACCESSES` names it.
ACCESS_OF: dict[int, str] = {
    code: {"FETCH": "fetch", "LOAD": "load", "STORE": "store"}[name.partition("_")[0]]
    for name, code in csrs.CAUSES.items()
    if name.partition("_")[0] in ("FETCH", "LOAD", "STORE")
}
GUEST_PAGE = frozenset(code for name, code in csrs.CAUSES.items() if name.endswith("GUEST_PAGE"))

_LEVELS = {"VS": "VS-level ", "S": "supervisor ", "M": "machine ", "SG": "supervisor guest ", "LCO": "counter-overflow"}
_KINDS = {"SI": "software interrupt", "TI": "timer interrupt", "EI": "external interrupt", "FI": " interrupt"}
#: Interrupt codes in words.
INTERRUPTS: dict[int, str] = {code: _LEVELS[name[:-2]] + _KINDS[name[-2:]] for name, code in csrs.INTERRUPTS.items()}


def tval_meaning(cause: int, value: int) -> str:
    """What xtval holds with an exception code."""
    name = next((name for name, code in csrs.CAUSES.items() if code == cause), "")
    if name in ("ILLEGAL", "VIRTUAL"):
        return "the bits of the instruction"
    if name == "SOFTWARE_CHECK":
        return {2: "a landing pad was missing", 3: "the shadow stack did not agree"}.get(value, "kind of the check")
    if name == "DOUBLE_TRAP":
        return "the value that the second trap would have written"
    if cause in ACCESS_OF:
        return "the virtual address of the access"
    if name == "BREAKPOINT":
        return "the address of the breakpoint"
    return "holds nothing for this cause" if value == 0 else "no meaning is defined for this cause"
