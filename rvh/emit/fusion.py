"""Sequences of instructions executed by one handler: the bodies of each in turn, without a dispatch in between.

Only the first op of a sequence changes its handler; the others keep theirs, so that an instruction in the middle that
misses the fast path, or traps, goes on one by one from its own op.

Which sequences are worth it is a matter of measurement: the pairs are what compilers emit most, the longer ones come
from profiles of the programs under tools/bench/ and of a Linux boot.
"""

from __future__ import annotations

from functools import cache

from ..isa import INSNS
from .c_handlers import Body, function, has_rm, has_slow
from .forms import FORMS

#: First and second instructions of the fused pairs: every one with every one.
FIRST = ("add addi addiw addw and andi auipc ld lbu lhu lui lw or sd slli slliw srli srliw sub sw sb xor fld").split()
SECOND = (
    "add addi addiw addw and andi auipc ld lbu lhu lui lw or sd slli srli srliw sub sw sb xor "
    "beq bne blt bge bltu bgeu jal jalr"
).split()

#: Further pairs, and longer sequences.
SEQUENCES = """
lb addi; lb beq; lb bne; lhu or; lw bge
sltu bne; sltu beq; sltu add; sltiu bne; xori and; slt bne
mul add; mul addw; mulw addw; srai add; srai slli; sraiw addi; subw addiw
fld fld; fsd fsd; fsd addi; fld fmul_d; fld fadd_d; fld fsub_d; fld fmadd_d
fmul_d fmul_d; fmul_d fadd_d; fmul_d fsub_d; fadd_d fadd_d; fadd_d fmul_d; fsub_d fmul_d; fsub_d fsub_d
fadd_d fsd; fmul_d fsd; fmadd_d addi; fmadd_d fmadd_d; addi fmadd_d
ld ld ld; ld ld ld ld; sd sd sd; sd sd sd sd; ld ld addi; ld ld addi jalr; ld addi jalr; sd sd addi
ld ld ld addi jalr; ld ld ld ld addi
addi addi addi; addi addi bne; addi addi beq; addi sd sd; addi sd sd sd; addi addi auipc jalr
add add add; add add add add; addi addi addi addi; addi auipc jalr; add auipc jalr; auipc addi auipc jalr
slli add ld; slli add lw; slli add lbu; slli add lhu; slli add sd; slli add sw; slli srli add; slli srli slli
add add ld; add ld jalr; add ld addi; ld add ld; ld add lw; slli add ld jalr; slli add add; slli add slli
slli add slli add; slli add add ld; lhu slli add; lhu slli add ld; lhu slli add lhu; lhu addi slli; lhu addi slli add
addi lhu slli; addi lhu slli add; addi lhu addi slli; lhu addi lhu; lhu addi lhu addi; add slli ld; addi slli add
addi slli add ld; lbu slli add; lbu slli add ld; lbu addi sb; lbu addi addi; lbu xor andi slli; lbu addi bne
lbu xor; andi slli add; andi slli add ld; andi slli add lw; andi beq; andi bne; lbu andi bne; lbu andi beq
slli or; slli srli; srli slli; srliw slli; slli srliw; srliw or; srliw slli or; slli srliw or; slliw srliw or
slliw or; slli or slli; or slli or; slli or srliw; srliw slli srliw; srliw slli or slli; slli srliw slli or
or srliw slli or; or slli or srliw; xor xor; xor xor add; xor xor srliw; xor add; xor and; and xor; and xor add
and xor and xor; xor add add; add xor; add sw; add lw add; add lw; lw lw; lw lw lw; lw lw lw lw; lw add; lw slli add
lw srliw slli; srliw slliw or; add sd; add sw addi; add sw addi bne; sw sw; sw sw sw; sw addi bne
add srli sb; add srli sb beq; add add srli; add add srli sb beq; srli sb beq; srli sb; sb beq; sb addi; sb addi bne
add lbu bne; add lbu beq; add lbu addi; add lb; sb add bltu; sb add bgeu; srli andi; srli andi beq; srli andi bne
add addi sd; add addi sd add; addi sd add; addi sd add bne; ld add addi; ld add addi sd; sd add bne; add bne
ld addi add; ld addi add bne; addi add bne; addi add bltu; addi addi bltu; sd addi addi; ld ld sd; ld sd sd; ld sd
ld ld sd sd; sd sd ld ld; sd addi addi bltu; ld ld addi add bne; ld sd addi; ld sd addi addi bne
fld fld addi; fld fld addi fmadd_d; addi fmadd_d addi; addi fmadd_d addi bne; fmadd_d addi bne; fsd addi bne
fld fld addi fmadd_d addi; fld fld fld; fsd fsd fsd; fmul_d fmul_d fmul_d; fadd_d fadd_d fadd_d
fmul_d fsub_d fmul_d; fmul_d fadd_d fadd_d; fsub_d fmul_d fmul_d
andi andi slli; slli slli or; slli slli; slli or add; srli slli addi; ld addi xor; addi xor sltu add; xor sltu
addi xor; addi beq; addi addi beq; add srli slli; or add srli; sd bne; add sd bne; lui addi; lui addi addi
lui and; lui addiw; lui addiw and; lui addi slli; slli addi; ld and; ld and bne; ld and beq; ld andi bne; ld andi beq
ld beq; ld bne; ld ld beq; ld ld bne; ld ld bltu; ld ld bgeu; lw beq; lw bne; lw addiw sw; lw addi; lw andi bne
lw andi beq; lbu beq; lbu bne; ld addi sd; ld sub; add addi bne; add addi bltu; addiw bne; addiw addiw
addiw slli srli; slli srli add; slli srli beq; slli srli bne; auipc ld; auipc ld ld; auipc addi; auipc addi ld
auipc addi sd; auipc sd; auipc lw; auipc addi addi; auipc jalr; addi jal; ld jal; ld addi jal; sd jal; add jal
ld jalr; addi jalr; addi bne; addi blt; addi bge; addi bltu; addi bgeu; addi addi addi addi addi
sd sd sd sd sd; ld ld ld ld ld; addi sd sd sd sd; sd sd sd sd addi; sd sd sd addi; sd sd addi addi; addi addi jal
addi addi jalr; addi addi addi jal; add addi jal; add add jal; add addi auipc jalr; add add auipc jalr
add addi; add addi add; addi add; addi add addi; addi add addi addi; add addi addi; addi addi add; sub addi
"""
#: Longest sequence; keys hold twelve bits for each.
LONGEST = 5


@cache
def sequences() -> tuple[tuple[str, ...], ...]:
    """All fused sequences, as names of definitions (Python names), without repetition."""
    out: dict[tuple[str, ...], None] = {(a, b): None for a in FIRST for b in SECOND}
    for text in SEQUENCES.replace("\n", ";").split(";"):
        if names := tuple(text.split()):
            out[names] = None
    by_name = {insn.pyname: insn for insn in INSNS.values()}
    kept = []
    for names in out:
        insns = [by_name[name] for name in names]
        if not 2 <= len(names) <= LONGEST or any(i.terminator for i in insns[:-1]):
            raise ValueError(f"{' '.join(names)} cannot be fused")
        for insn in insns:
            # A handler that calls out without a slow twin, or leaves the block, may not be in the middle.
            access = insn.memory
            if any(e.kind in ("helper", "csr", "system", "xret") for e in insn.effects) or (
                access and not has_slow(insn)
            ):
                raise ValueError(f"{insn.name} cannot be fused")
        kept.append(names)
    return tuple(kept)


def fused_name(names: tuple[str, ...]) -> str:
    return "f_" + "__".join(names)


def fused_functions() -> dict[str, str]:
    """Every fused handler: name -> C text."""
    by_name = {insn.pyname: insn for insn in INSNS.values()}
    out = {}
    for names in sequences():
        lines: list[str] = []
        for n, name in enumerate(names):
            body = Body(by_name[name], f"(op + {n})" if n else "op").render()
            lines += ["{", *(f"    {line}" for line in body), "}"]
        last = len(names) - 1
        if not by_name[names[-1]].terminator:
            lines.append(f"NEXT(h, op + {last}, pc);")
        out[fused_name(names)] = function(fused_name(names), lines)
    return out


def fused_names() -> list[str]:
    """The names of all fused handlers."""
    return [fused_name(names) for names in sequences()]


def _units() -> dict[str, int]:
    """Numbers, from 1, of the definitions that occur in sequences."""
    names = sorted({name for names in sequences() for name in names})
    return {name: n for n, name in enumerate(names, 1)}


def fuse_function() -> str:
    """The C function rvh_fuse() and its tables."""
    units = _units()
    handlers = [(f"h_{name}", number) for name, number in units.items()]
    # A form with a fixed operand does what its base does, so it is fused as that.
    for form in FORMS:
        base = INSNS[form.base].pyname
        if base in units:
            handlers.append((form.handler, units[base]))
    handlers += [(fused_name(names), units[names[0]]) for names in sequences()]
    table = []
    for names in sequences():
        key = 0
        for n in range(LONGEST):
            key = key << 12 | (units[names[n]] if n < len(names) else 0)
        table.append((key, fused_name(names)))
    size = 1 << (4 * len(handlers)).bit_length()
    assert not any(has_rm(INSNS[form.base]) for form in FORMS)
    return "\n".join(
        [
            "/* What a handler does first, as a number: fused handlers and forms count as the plain instruction. */",
            "static const struct {",
            "    Handler fn;",
            "    u16 unit;",
            "} units[] = {",
            *(f"    {{{name}, {number}}}," for name, number in handlers),
            "};",
            "",
            "/* Sequences by their units, twelve bits each, sorted. */",
            "static const struct {",
            "    u64 key;",
            "    Handler fn;",
            "} sequences[] = {",
            *(f"    {{{key:#x}, {name}}}," for key, name in sorted(table)),
            "};",
            "",
            f"enum {{ UNIT_SLOTS = {size}, LONGEST = {LONGEST} }};",
            "static u16 unit_slots[UNIT_SLOTS]; /* hash of the handler -> index into units, plus 1 */",
            "",
            "static u32 unit_hash(Handler fn)",
            "{",
            "    return (u32)((u64)(uintptr_t)fn * 0x9e3779b97f4a7c15u >> 40) & (UNIT_SLOTS - 1);",
            "}",
            "",
            "__attribute__((constructor)) static void fill_units(void)",
            "{",
            "    for (u32 n = 0; n < sizeof units / sizeof units[0]; n++) {",
            "        u32 slot = unit_hash(units[n].fn);",
            "        while (unit_slots[slot])",
            "            slot = (slot + 1) & (UNIT_SLOTS - 1);",
            "        unit_slots[slot] = (u16)(n + 1);",
            "    }",
            "}",
            "",
            "static u32 unit_of(Handler fn)",
            "{",
            "    for (u32 slot = unit_hash(fn); unit_slots[slot]; slot = (slot + 1) & (UNIT_SLOTS - 1))",
            "        if (units[unit_slots[slot] - 1].fn == fn)",
            "            return units[unit_slots[slot] - 1].unit;",
            "    return 0;",
            "}",
            "",
            "static Handler find_sequence(u64 key)",
            "{",
            "    u32 low = 0, high = sizeof sequences / sizeof sequences[0];",
            "    while (low < high) {",
            "        u32 middle = (low + high) / 2;",
            "        if (sequences[middle].key == key)",
            "            return sequences[middle].fn;",
            "        if (sequences[middle].key < key)",
            "            low = middle + 1;",
            "        else",
            "            high = middle;",
            "    }",
            "    return 0;",
            "}",
            "",
            "void rvh_fuse(Op *a)",
            "{",
            "    u64 key = 0;",
            "    Handler best = 0;",
            "    for (u32 n = 0; n < LONGEST; n++) {",
            "        u32 unit = unit_of(a[n].fn);",
            "        if (!unit)",
            "            break;",
            "        key |= (u64)unit << 12 * (LONGEST - 1 - n);",
            "        Handler found = n ? find_sequence(key) : 0;",
            "        if (found)",
            "            best = found;",
            "    }",
            "    if (best)",
            "        a->fn = best;",
            "}",
            "",
        ]
    )
