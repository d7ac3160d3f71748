"""Sequences of instructions executed by one handler: the bodies of each in turn, without a dispatch in between.

Only the first op of a sequence changes its handler; the others keep theirs, so that an instruction in the middle that
misses the fast path, or traps, goes on one by one from its own op. Where an operand is what the instruction before has
just computed, it stays in a host register: storing it and loading it back would cost more than the dispatch.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ..isa import INSNS
from ..isa.dsl import Insn
from .c_handlers import Body, function, has_rm, has_slow, source_line
from .forms import FORMS
from .sequences import FIRST, SECOND, SEQUENCES

#: Longest sequence; keys hold twelve bits for each.
LONGEST = 5

_BY_NAME: dict[str, Insn] = {insn.pyname: insn for insn in INSNS.values()}


class Part(NamedTuple):
    """One instruction of a sequence. ``chain`` tells which operands the one before computed: 1 rs1, 2 rs2, 3 both."""

    name: str  # Python name of the definition
    chain: int

    @property
    def insn(self) -> Insn:
        return _BY_NAME[self.name]

    @property
    def chained(self) -> list[str]:
        """The operands that are the result of the part before."""
        return [operand for bit, operand in ((1, "rs1"), (2, "rs2")) if self.chain & bit]


Sequence = tuple[Part, ...]


def writes_x(insn: Insn) -> bool:
    """Whether the instruction leaves a result in an x register that the next one may use."""
    return "rd" in insn.pattern.fields and insn.terminator is None


def _parse(text: str) -> Sequence:
    parts = []
    for word in text.split():
        name, _, chain = word.partition(".")
        parts.append(Part(name, int(chain or 0)))
    return tuple(parts)


def _check(sequence: Sequence) -> None:
    text = " ".join(part.name for part in sequence)
    if not 2 <= len(sequence) <= LONGEST or any(part.insn.terminator for part in sequence[:-1]):
        raise ValueError(f"{text} cannot be fused")
    for n, part in enumerate(sequence):
        # A handler that calls out without a slow twin, or leaves the block, may not be in the middle.
        outside = any(e.kind in ("helper", "csr", "system", "xret") for e in part.insn.effects)
        if outside or (part.insn.memory and not has_slow(part.insn)):
            raise ValueError(f"{part.name} in {text} cannot be fused")
        before = sequence[n - 1].insn if n else None
        if part.chain and (before is None or not writes_x(before) or set(part.chained) - part.insn.operands.keys()):
            raise ValueError(f"{part.name} in {text} cannot be chained")


@cache
def sequences() -> tuple[Sequence, ...]:
    """All fused sequences, without repetition."""
    out: dict[Sequence, None] = {(Part(a, 0), Part(b, 0)): None for a in FIRST for b in SECOND}
    for text in SEQUENCES.replace("\n", " ").split(";"):
        if sequence := _parse(text):
            out[sequence] = None
    for sequence in out:
        _check(sequence)
    return tuple(out)


def fused_name(sequence: Sequence) -> str:
    """The C name of a sequence's handler."""
    return "f_" + "__".join(part.name + (f"_{part.chain}" if part.chain else "") for part in sequence)


def _fused(sequence: Sequence) -> str:
    lines: list[str] = []
    last = len(sequence) - 1
    for n, part in enumerate(sequence):
        keep = ""
        if n < last and sequence[n + 1].chain:
            keep = f"r{n}"
            lines.append(f"    u64 {keep};")
        fixed = dict.fromkeys(part.chained, f"r{n - 1}")
        body = Body(part.insn, f"(op + {n})" if n else "op", "fast", fixed, keep).render()
        lines += [source_line(part.insn), "    { " + " ".join(body) + " }"]
    if not sequence[-1].insn.terminator:
        lines.append(f"    NEXT(h, op + {last}, pc);")
    return function(fused_name(sequence), lines)


def fused_functions() -> dict[str, str]:
    """Every fused handler: name -> C text."""
    return {fused_name(sequence): _fused(sequence) for sequence in sequences()}


def fused_names() -> list[str]:
    """The names of all fused handlers."""
    return [fused_name(sequence) for sequence in sequences()]


def _units() -> dict[str, int]:
    """Numbers, from 1, of the definitions that occur in sequences."""
    names = sorted({part.name for sequence in sequences() for part in sequence})
    assert len(names) < 1 << 10
    return {name: n for n, name in enumerate(names, 1)}


def _flags(name: str) -> int:
    """What rvh_fuse() must know of an instruction: 1 writes x[rd], 2 reads x[rs1], 4 reads x[rs2]."""
    insn = _BY_NAME[name]
    return writes_x(insn) | ("rs1" in insn.operands) << 1 | ("rs2" in insn.operands) << 2


def fuse_function() -> str:
    """The C function rvh_fuse() and its tables."""
    units = _units()
    handlers = [(f"h_{name}", name) for name in units]
    # A form with a fixed operand does what its base does, so it is fused as that.
    for form in FORMS:
        base = INSNS[form.base].pyname
        if base in units:
            handlers.append((form.handler, base))
    handlers += [(fused_name(sequence), sequence[0].name) for sequence in sequences()]
    table = []
    for sequence in sequences():
        key = 0
        for part in sequence:
            key = key << 12 | units[part.name] << 2 | part.chain
        table.append((key << 12 * (LONGEST - len(sequence)), fused_name(sequence)))
    size = 1 << (4 * len(handlers)).bit_length()
    assert not any(has_rm(INSNS[form.base]) for form in FORMS)
    return _TEMPLATE.format(
        units="\n".join(f"    {{{handler}, {units[name]}, {_flags(name)}}}," for handler, name in handlers),
        sequences="\n".join(f"    {{{key:#x}, {name}}}," for key, name in sorted(table)),
        size=size,
        longest=LONGEST,
    )


_TEMPLATE = """/* What a handler does first, as a number: fused handlers and forms count as the plain instruction. */
enum {{ WRITES_RD = 1, READS_RS1 = 2, READS_RS2 = 4 }};
typedef struct {{
    Handler fn;
    u16 number, flags;
}} Unit;
static const Unit units[] = {{
{units}
}};

/* Sequences, sorted by key: for each instruction ten bits of unit and two that say whether its rs1 (1) and its rs2 (2)
 * is the result of the one before; the first instruction on top. */
static const struct {{
    u64 key;
    Handler fn;
}} sequences[] = {{
{sequences}
}};

enum {{ UNIT_SLOTS = {size}, LONGEST = {longest} }};
static u16 unit_slots[UNIT_SLOTS]; /* hash of the handler -> index into units, plus 1 */

static u32 unit_hash(Handler fn)
{{
    return (u32)((u64)(uintptr_t)fn * 0x9e3779b97f4a7c15u >> 40) & (UNIT_SLOTS - 1);
}}

__attribute__((constructor)) static void fill_units(void)
{{
    for (u32 n = 0; n < sizeof units / sizeof units[0]; n++) {{
        u32 slot = unit_hash(units[n].fn);
        while (unit_slots[slot])
            slot = (slot + 1) & (UNIT_SLOTS - 1);
        unit_slots[slot] = (u16)(n + 1);
    }}
}}

static const Unit *unit_of(Handler fn)
{{
    for (u32 slot = unit_hash(fn); unit_slots[slot]; slot = (slot + 1) & (UNIT_SLOTS - 1))
        if (units[unit_slots[slot] - 1].fn == fn)
            return &units[unit_slots[slot] - 1];
    return 0;
}}

static Handler find_sequence(u64 key)
{{
    u32 low = 0, high = sizeof sequences / sizeof sequences[0];
    while (low < high) {{
        u32 middle = (low + high) / 2;
        if (sequences[middle].key == key)
            return sequences[middle].fn;
        if (sequences[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }}
    return 0;
}}

void rvh_fuse(Op *a)
{{
    /* The same instructions by the registers they share, and by any registers. */
    u64 chained = 0, plain = 0;
    Handler best = 0;
    const Unit *before = 0;
    for (u32 n = 0; n < LONGEST; n++) {{
        const Unit *unit = unit_of(a[n].fn);
        if (!unit)
            break;
        u64 chain = 0;
        if (before && before->flags & WRITES_RD) {{
            if (unit->flags & READS_RS1 && a[n].rs1 == a[n - 1].rd)
                chain |= 1;
            if (unit->flags & READS_RS2 && a[n].rs2 == a[n - 1].rd)
                chain |= 2;
        }}
        u32 shift = 12 * (LONGEST - 1 - n);
        plain |= (u64)unit->number << (shift + 2);
        chained |= ((u64)unit->number << 2 | chain) << shift;
        if (n) {{
            Handler found = find_sequence(chained);
            if (!found && chained != plain)
                found = find_sequence(plain);
            if (found)
                best = found;
        }}
        before = unit;
    }}
    if (best)
        a->fn = best;
}}
"""
