"""The disassembler: instruction words to text, from the same definitions as everything else."""

from __future__ import annotations

from ..isa.dsl import Alias
from ..isa.encoding import Pattern
from .syntax import (
    CSR_NAMES,
    F_NAMES,
    FLI_NAMES,
    MEMORY,
    PSEUDOS,
    ROUNDING_MODES,
    X_NAMES,
    Pseudo,
    items,
    lookup,
    lookup16,
    vtype_text,
)

_PSEUDOS_OF: dict[str, list[Pseudo]] = {}
for _pseudo in PSEUDOS:
    if _pseudo.shown:
        _PSEUDOS_OF.setdefault(_pseudo.base, []).append(_pseudo)


def disassemble(
    word: int, pc: int | None = None, *, pseudo: bool = True, extensions: frozenset[str] | None = None
) -> str:
    """The instruction in ``word`` (16 bits if its low two bits are not 11) as assembly text.

    With ``pc``, its address, branch targets are absolute. ``pseudo=False`` spells every instruction by its own
    mnemonic, compressed ones with ``c.``. ``extensions``: those the hart has; None is all. A word that is no
    instruction gives ``.word 0x...`` or ``.half 0x...``.
    """
    if word & 3 != 3:
        word &= 0xFFFF
        alias = lookup16(word, extensions)
        if alias is None:
            return f".half {word:#06x}"
        if not pseudo:
            return _text(alias.name, alias.syntax, alias.pattern, word, pc, alias)
        word = alias.expand(word)
    insn = lookup(word, extensions)
    if insn is None:
        return f".word {word:#010x}"
    if pseudo:
        for candidate in _PSEUDOS_OF.get(insn.name, ()):
            if all(
                insn.pattern.extract(word, name)
                == (insn.pattern.extract(word, value) if isinstance(value, str) else value)
                for name, value in candidate.fixed
            ):
                return _text(candidate.name, candidate.syntax, insn.pattern, word, pc)
    name = insn.name
    if "aq" in insn.pattern.fields:
        order = ("aq" if word >> 26 & 1 else "") + ("rl" if word >> 25 & 1 else "")
        name += f".{order}" if order else ""
    return _text(name, insn.syntax, insn.pattern, word, pc)


def length(word: int) -> int:
    """The length in bytes of the instruction whose first bits are in ``word``: 2 or 4."""
    return 4 if word & 3 == 3 else 2


def _text(name: str, syntax: str, pattern: Pattern, word: int, pc: int | None, alias: Alias | None = None) -> str:
    operands = []
    for item in items(syntax):
        text = _operand(item, pattern, word, pc)
        if text is not None:
            operands.append(text)
    return f"{name:<7} {', '.join(operands)}" if operands else name


def _operand(item: str, pattern: Pattern, word: int, pc: int | None) -> str | None:
    if m := MEMORY.fullmatch(item):
        offset, base = m.groups()
        register = base if base == "sp" else X_NAMES[pattern.extract(word, base)]
        return f"{pattern.extract(word, offset) if offset else ''}({register})"
    if item in ("ra", "sp", "t0", "rtz"):
        return item
    if item == "target":
        offset = pattern.extract(word, "imm")
        return f"{'-' if offset < 0 else '+'}{abs(offset)}" if pc is None else f"{(pc + offset) & (1 << 64) - 1:#x}"
    if item == "imm[31:12]":
        return f"{pattern.extract(word, 'imm') >> 12 & 0xFFFFF:#x}"
    if item == "vtypei":
        return vtype_text(pattern.extract(word, "uimm"))
    if item == "fli":
        return FLI_NAMES[pattern.extract(word, "zimm")]
    if item == "v0":
        return item
    value = pattern.extract(word, item)
    if item == "vm":
        return None if value else "v0.t"
    if item.startswith("v"):
        return f"v{value}"
    if item == "csr":
        return CSR_NAMES.get(value, f"{value:#x}")
    if item == "rm":
        return None if value == 7 else ROUNDING_MODES[value]
    if item in ("pred", "succ"):
        return "".join(c for c, bit in zip("iorw", (8, 4, 2, 1), strict=True) if value & bit) or "0"
    if item.startswith("f"):
        return F_NAMES[value]
    return X_NAMES[value] if item.startswith("r") else str(value)
