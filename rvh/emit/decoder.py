"""Renders the decoder: decode.h and decode.c with rvh_expand16(), rvh_decode() and rvh_fuse()."""

from __future__ import annotations

from ..isa import ALIASES, INSNS
from ..isa.dsl import Alias, Insn
from ..isa.encoding import Pattern, Piece
from ..isa.extensions import BIT
from .c_handlers import has_link, has_rm, jumps, next_field
from .forms import FORMS
from .fusion import fuse_function

#: Bits of rvh_decode()'s answer.
KINDS = {
    "DECODE_OK": 1,  # legal
    "DECODE_END": 2,  # the block ends after it
    "DECODE_LINK": 4,  # a terminator followed by a Links slot
    "DECODE_FPREAD": 8,  # needs mstatus.FS to be on
    "DECODE_FPWRITE": 16,  # writes an f register
    "DECODE_RM": 32,  # rounds by frm
    "DECODE_NEXT_RD": 64,  # wants the next instruction's distance from the block start, in halfwords, in op->rd
    "DECODE_NEXT_RS1": 128,
    "DECODE_NEXT_RS2": 256,
}

#: Which fields a row has.
REGS = {"REG_RD": 1, "REG_RD_X": 2, "REG_RS1": 4, "REG_RS2": 8, "REG_RS3": 16, "REG_RM": 32}


def kind_of(insn: Insn) -> list[str]:
    """The DECODE_ bits of an instruction, DECODE_RM excepted: that depends on the word."""
    kinds = ["DECODE_OK"]
    if insn.terminator:
        kinds += ["DECODE_END", f"DECODE_NEXT_{next_field(insn).upper()}"]
    if has_link(insn):
        kinds.append("DECODE_LINK")
    floats = {"fd", "fs1", "fs2", "fs3"} & insn.pattern.fields.keys()
    if floats:
        kinds.append("DECODE_FPREAD")
    if "fd" in floats:
        kinds.append("DECODE_FPWRITE")
    return kinds


def registers_of(insn: Insn) -> list[str]:
    names = []
    for field in insn.pattern.fields:
        if field in ("rd", "fd"):
            names += ["REG_RD", *(["REG_RD_X"] if field == "rd" else [])]
        elif field in ("rs1", "rs2", "rs3", "fs1", "fs2", "fs3", "zimm", "rm"):
            names.append(f"REG_{field.removeprefix('f').upper() if field != 'zimm' else 'RS1'}")
    return [n if n.startswith("REG_R") else n.replace("REG_", "REG_R") for n in names]


def immediate_of(insn: Insn) -> tuple[bool, tuple[Piece, ...]] | None:
    """(signed, pieces) of the field that goes to op->imm, or None; vector instructions find all of theirs there."""
    pattern = insn.pattern
    if insn.whole_word:
        return False, (Piece(31, 0, 0),)
    for name in ("imm", "uimm", "csr"):
        if name in pattern.fields:
            return pattern.signed(name), tuple(pattern.fields[name])
    return None


def extract_c(signed: bool, pieces: tuple[Piece, ...], word: str) -> str:
    """C expression (u32) of a field's value in ``word``."""
    terms = []
    for n, (hi, lo, pos) in enumerate(pieces):
        width = hi - lo + 1
        if signed and n == 0:
            # The top piece brings the sign: shift it to the top of the word and back.
            up, down = 32 - pos - width, 32 - width
            terms.append(f"((u32)((i32)({word} << {up}) >> {down}) << {lo})")
        else:
            terms.append(f"(({word} >> {pos} & {(1 << width) - 1:#x}) << {lo})")
    return " | ".join(terms)


def insert_c(pieces: list[Piece], value: str) -> str:
    """C expression placing a field's value into a word."""
    return " | ".join(f"(({value} >> {p.lo} & {(1 << p.width) - 1:#x}) << {p.pos})" for p in pieces)


# -- rows

#: The indirect jumps that need a landing pad: not returns, nor by x7 ("Landing Pad Enforcement").
_EXPECTS_LANDING = "rs1 in " + "|".join(str(n) for n in range(32) if n not in (1, 5, 7))


def _set(bits: int) -> str:
    """C constant of a set of extensions."""
    low, high = bits & (1 << 64) - 1, bits >> 64
    return f"(u128){high:#x} << 64 | {low:#x}" if high else f"{low:#x}"


def _rows(formats: list[tuple[bool, tuple[Piece, ...]]]) -> list[tuple[int, int, str]]:
    """(mask, match, C initializer) of every instruction and form, those that are to be tried first in front."""
    rows = []

    def add(insn: Insn, mask: int, match: int, name: str, without: int = 0, landing: int = 0) -> None:
        immediate = immediate_of(insn)
        number = 0 if immediate is None else formats.index(immediate) + 1
        kind = " | ".join(kind_of(insn))
        regs = " | ".join(registers_of(insn)) or "0"
        rm = f"{name}_rm" if has_rm(insn) else "0"
        for group in insn.ext or (frozenset(),):
            bits = sum(BIT[e] for e in group) | landing
            sets = f"{_set(bits)}, {_set(without)}"
            row = f"{{{mask:#010x}, {match:#010x}, {sets}, {name}, {rm}, {kind}, {number}, {regs}}},"
            rows.append(((not landing, not without), -mask.bit_count(), mask, match, row))

    for insn in INSNS.values():
        immediate = immediate_of(insn)
        if immediate is not None and immediate not in formats:
            formats.append(immediate)
        mask, match = insn.pattern.mask, insn.pattern.match
        for covered in insn.pattern.words():
            add(insn, *covered, f"h_{insn.pyname}")
        if jumps(insn):
            # Where the offset tells that the target is misaligned, only those; else all.
            odd = insn.pattern.insert("imm", 2) if has_link(insn) else 0
            add(insn, mask | odd, match | odd, f"h_{insn.pyname}_aligned", BIT["Zca"])
        if jumps(insn) and not has_link(insn):
            for covered in Pattern(insn.pattern.text, _EXPECTS_LANDING).words():
                add(insn, *covered, f"h_{insn.pyname}_landing", landing=BIT["Zicfilp"])
                add(insn, *covered, f"h_{insn.pyname}_aligned_landing", BIT["Zca"], BIT["Zicfilp"])
    for form in FORMS:
        add(INSNS[form.base], *form.pattern(), form.handler)
    rows.sort(key=lambda row: row[:2])
    return [row[2:] for row in rows]


def _buckets(rows: list) -> list[list[int]]:
    """Row numbers by opcode bits 6..2 and funct3, in order."""
    buckets: list[list[int]] = [[] for _ in range(256)]
    for n, (mask, match, *_rest) in enumerate(rows):
        for funct3 in range(8):
            if not ((funct3 << 12) ^ match) & mask & 0x7000:
                buckets[(match >> 2 & 31) << 3 | funct3].append(n)
    return buckets


def _expand_cases() -> list[str]:
    lines = []
    for quadrant in range(3):
        for funct3 in range(8):
            own = [a for a in ALIASES.values() if a.pattern.match & 3 == quadrant and a.pattern.match >> 13 == funct3]
            if not own:
                continue
            lines.append(f"    case {funct3 << 2 | quadrant}:")
            for a in sorted(own, key=lambda a: (-a.pattern.mask.bit_count(), not a.refines)):
                lines += _expand_one(a)
            lines.append("        return 0;")
    return lines


def _expand_one(a: Alias) -> list[str]:
    target = INSNS[a.target].pattern
    tests = [f"(c & {a.pattern.mask:#06x}) == {a.pattern.match:#06x}"]
    wanted = " && ".join(f"ext & EXT_{name.upper()}" for name in sorted(a.ext))
    if wanted:
        tests.append(wanted)
    for name, relation, n in a.pattern.conditions:
        bits = a.pattern.word_bits(name)
        if n == 0:
            tests.append(f"(c & {bits:#06x}) {relation} 0")
        else:
            tests.append(f"({extract_c(False, tuple(a.pattern.fields[name]), 'c')}) {relation} {n}")
    word = target.match
    terms = []
    for name, source in a.values.items():
        if name not in target.fields:
            continue
        if isinstance(source, int):
            word |= target.insert(name, source)
            continue
        value = extract_c(a.pattern.signed(source), tuple(a.pattern.fields[source]), "c")
        if a.pattern.primed(source):
            value = f"8 + ({value})"
        terms.append(insert_c(target.fields[name], f"({value})"))
    out = [f"        if ({' && '.join(tests)}) /* {a.name} */"]
    out.append("            return " + "\n                | ".join([f"{word:#010x}u", *terms]) + ";")
    return out


def header() -> str:
    """decode.h."""
    lines = ["/* Generated by rvh.emit. */", "#ifndef RVH_DECODE_H", "#define RVH_DECODE_H", '#include "runtime.h"', ""]
    lines += ["enum {", "    DECODE_ILLEGAL = 0,"]
    lines += [f"    {name} = {value}," for name, value in KINDS.items()]
    lines += ["};", "", "/* Bits of Hart.ext. */"]
    lines += [f"#define EXT_{name.upper()} ((u128)1 << {bit.bit_length() - 1})" for name, bit in BIT.items()]
    lines += [
        "",
        "/* The 32-bit instruction that a compressed one stands for on a hart with these extensions (a set in two",
        " * words); 0 if it is reserved. */",
        "u32 rvh_expand16(u16 c, u64 low, u64 high);",
        "/* Decodes a 32-bit instruction for a hart with these extensions: fills all of *op but off (and the field",
        " * that DECODE_NEXT_... names). Returns DECODE_... bits; on DECODE_ILLEGAL op->fn is h_illegal. */",
        "int rvh_decode(u32 insn, u64 low, u64 high, Op *op);",
        "/* Called on each op of a finished block from the last to the first: where a fused handler exists for the",
        " * ops from a[0] on, a[0].fn becomes it. The others keep theirs. */",
        "void rvh_fuse(Op *a);",
        "/* The name of a generated handler, or NULL. */",
        "const char *rvh_handler_name(Handler fn);",
        "void h_illegal(Hart *h, const Op *op, u64 pc);",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def source() -> str:
    """decode.c."""
    from .c_handlers import variants
    from .fusion import fused_names

    formats: list[tuple[bool, tuple[Piece, ...]]] = []
    rows = _rows(formats)
    buckets = _buckets(rows)
    starts = [0]
    for bucket in buckets:
        starts.append(starts[-1] + len(bucket))
    lines = ["/* Generated by rvh.emit from rvh/isa. */", '#include "decode.h"', '#include "handlers.h"', ""]
    lines += ["enum {", *(f"    {name} = {value}," for name, value in REGS.items()), "};", ""]
    lines += [
        "typedef struct {",
        "    u32 mask, match;",
        "    u128 ext, without; /* all of these must be on, all of those off */",
        "    Handler fn, rm_fn; /* rm_fn: for a static rounding mode */",
        "    u16 kind;",
        "    u8 imm; /* format of the immediate, 0 if none */",
        "    u8 regs;",
        "} Row;",
        "",
        "/* Within a bucket the more special rows come first. */",
        "static const Row rows[] = {",
        *(f"    {row[2]}" for row in rows),
        "};",
        "",
        "/* Rows by opcode bits 6..2 and funct3: those of bucket b begin at bucket_rows[bucket_start[b]]. */",
        f"static const u16 bucket_start[257] = {{{', '.join(map(str, starts))}}};",
        f"static const u16 bucket_rows[] = {{{', '.join(str(n) for b in buckets for n in b)}}};",
        "",
        "static i32 immediate(u32 w, u32 format)",
        "{",
        "    switch (format) {",
        *(f"    case {n}: return (i32)({extract_c(f[0], f[1], 'w')});" for n, f in enumerate(formats, 1)),
        "    default: return 0;",
        "    }",
        "}",
        "",
        "int rvh_decode(u32 w, u64 low, u64 high, Op *op)",
        "{",
        "    u128 ext = (u128)high << 64 | low;",
        "    u32 bucket = (w >> 2 & 31) << 3 | (w >> 12 & 7);",
        "    op->rd = op->rs1 = op->rs2 = 0;",
        "    op->imm = 0;",
        "    op->fn = h_illegal;",
        "    if ((w & 3) != 3)",
        "        return DECODE_ILLEGAL;",
        "    for (u32 n = bucket_start[bucket]; n < bucket_start[bucket + 1]; n++) {",
        "        const Row *row = &rows[bucket_rows[n]];",
        "        if ((w & row->mask) != row->match || (ext & row->ext) != row->ext || ext & row->without)",
        "            continue;",
        "        int kind = row->kind;",
        "        u32 rd = w >> 7 & 31;",
        "        Handler fn = row->fn;",
        "        if (row->regs & REG_RM) {",
        "            u32 rm = w >> 12 & 7;",
        "            if (rm == 5 || rm == 6)",
        "                return DECODE_ILLEGAL;",
        "            if (rm == 7)",
        "                kind |= DECODE_RM;",
        "            else",
        "                fn = row->rm_fn;",
        "            op->imm = (i32)(rm << 8);",
        "        }",
        "        if (row->regs & REG_RS3)",
        "            op->imm |= (i32)(w >> 27);",
        "        if (row->imm)",
        "            op->imm = immediate(w, row->imm);",
        "        if (row->regs & REG_RD)",
        "            op->rd = (u8)(rd == 0 && (row->regs & REG_RD_X) ? SINK : rd);",
        "        if (row->regs & REG_RS1)",
        "            op->rs1 = (u8)(w >> 15 & 31);",
        "        if (row->regs & REG_RS2)",
        "            op->rs2 = (u8)(w >> 20 & 31);",
        "        op->fn = fn;",
        "        return kind;",
        "    }",
        "    return DECODE_ILLEGAL;",
        "}",
        "",
        "u32 rvh_expand16(u16 half, u64 low, u64 high)",
        "{",
        "    u128 ext = (u128)high << 64 | low;",
        "    u32 c = half;",
        "    switch (c >> 13 << 2 | (c & 3)) {",
        *_expand_cases(),
        "    default:",
        "        return 0;",
        "    }",
        "}",
        "",
        "static const struct {",
        "    Handler fn;",
        "    const char *name;",
        "} names[] = {",
        *(f'    {{{name}, "{name}"}},' for name in ["h_illegal", *variants(), *fused_names()]),
        "};",
        "",
        "const char *rvh_handler_name(Handler fn)",
        "{",
        "    for (u32 n = 0; n < sizeof names / sizeof names[0]; n++)",
        "        if (names[n].fn == fn)",
        "            return names[n].name;",
        "    return 0;",
        "}",
        "",
        fuse_function(),
    ]
    return "\n".join(lines)
