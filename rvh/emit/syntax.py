"""What assembly looks like, for the disassembler and the assembler: register names, operand forms, pseudoinstructions.

An operand form is an item of an instruction's syntax: ``rd``, ``imm``, ``imm(rs1)``, ``(rs1)``, ``target``,
``imm[31:12]``, ``csr``, ``rm``, ``pred``, ``fli``, ``vtypei``, ``vm``, or a literal such as ``sp``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..isa import ALIASES, INSNS
from ..isa.csrs import CSRS
from ..isa.dsl import Alias, Insn

X_NAMES = (
    "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
).split()
F_NAMES = (
    "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 "
    "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11"
).split()
X_NUMBERS = {name: n for n, name in enumerate(X_NAMES)} | {f"x{n}": n for n in range(32)} | {"fp": 8}
F_NUMBERS = {name: n for n, name in enumerate(F_NAMES)} | {f"f{n}": n for n in range(32)}
V_NUMBERS = {f"v{n}": n for n in range(32)}
ROUNDING_MODES = {0: "rne", 1: "rtz", 2: "rdn", 3: "rup", 4: "rmm", 7: "dyn"}
CSR_NAMES = {row.number: row.name for row in CSRS}
CSR_NUMBERS = {row.name: row.number for row in CSRS}

#: What the constants of FLI are called, in their order; the second is the least positive normal number of the format.
FLI_NAMES = (
    "-1.0 min 1.52587890625e-05 3.0517578125e-05 0.00390625 0.0078125 0.0625 0.125 0.25 0.3125 0.375 0.4375 0.5 0.625 "
    "0.75 0.875 1.0 1.25 1.5 1.75 2.0 2.5 3.0 4.0 8.0 16.0 128.0 256.0 32768.0 65536.0 inf nan"
).split()

#: vsew and vlmul of vtype as assembly writes them; None is reserved.
SEWS = ("e8", "e16", "e32", "e64")
LMULS = ("m1", "m2", "m4", "m8", None, "mf8", "mf4", "mf2")

#: Operand forms that address memory: offset field (or none) and base register field.
MEMORY = re.compile(r"(\w*)\((\w+)\)")


def items(syntax: str) -> list[str]:
    """The operand forms of a syntax string."""
    return syntax.split(", ") if syntax else []


def vtype_text(vtype: int) -> str:
    """``e32, m2, ta, mu``; a value with a reserved field as a number."""
    sew, lmul = vtype >> 3 & 7, LMULS[vtype & 7]
    if vtype >> 8 or sew >= len(SEWS) or lmul is None:
        return str(vtype)
    return f"{SEWS[sew]}, {lmul}, {'ta' if vtype & 0x40 else 'tu'}, {'ma' if vtype & 0x80 else 'mu'}"


def vtype_value(words: list[str]) -> int | None:
    """The value of what vtype_text writes (LMUL and the policies may be missing), or None."""
    out = 0
    for word in words:
        if word in SEWS:
            out |= SEWS.index(word) << 3
        elif word in LMULS:
            out |= LMULS.index(word)
        elif word in ("ta", "tu", "ma", "mu"):
            out |= (word == "ta") << 6 | (word == "ma") << 7
        else:
            return None
    return out


@dataclass(frozen=True)
class Pseudo:
    """Another spelling of ``base`` with some fields fixed to a number, or equal to another field."""

    name: str
    base: str
    syntax: str
    fixed: tuple[tuple[str, int | str], ...]
    shown: bool = True  # whether the disassembler uses it


def _p(name: str, base: str, syntax: str, shown: bool = True, **fixed: int | str) -> Pseudo:
    return Pseudo(name, base, syntax, tuple(fixed.items()), shown)


_CSR = ("cycle", "time", "instret")

#: The more special of two that could apply comes first.
PSEUDOS: list[Pseudo] = [
    _p("nop", "addi", "", rd=0, rs1=0, imm=0),
    _p("li", "addi", "rd, imm", rs1=0),
    _p("mv", "addi", "rd, rs1", imm=0),
    _p("mv", "add", "rd, rs2", rs1=0),
    _p("not", "xori", "rd, rs1", imm=-1),
    _p("neg", "sub", "rd, rs2", rs1=0),
    _p("negw", "subw", "rd, rs2", rs1=0),
    _p("sext.w", "addiw", "rd, rs1", imm=0),
    _p("zext.b", "andi", "rd, rs1", imm=255),
    _p("zext.w", "add.uw", "rd, rs1", rs2=0),
    _p("seqz", "sltiu", "rd, rs1", imm=1),
    _p("snez", "sltu", "rd, rs2", rs1=0),
    _p("sltz", "slt", "rd, rs1", rs2=0),
    _p("sgtz", "slt", "rd, rs2", rs1=0),
    _p("beqz", "beq", "rs1, target", rs2=0),
    _p("bnez", "bne", "rs1, target", rs2=0),
    _p("blez", "bge", "rs2, target", rs1=0),
    _p("bgez", "bge", "rs1, target", rs2=0),
    _p("bltz", "blt", "rs1, target", rs2=0),
    _p("bgtz", "blt", "rs2, target", rs1=0),
    _p("bgt", "blt", "rs2, rs1, target", False),
    _p("ble", "bge", "rs2, rs1, target", False),
    _p("bgtu", "bltu", "rs2, rs1, target", False),
    _p("bleu", "bgeu", "rs2, rs1, target", False),
    _p("j", "jal", "target", rd=0),
    _p("jal", "jal", "target", rd=1),
    _p("ret", "jalr", "", rd=0, rs1=1, imm=0),
    _p("jr", "jalr", "rs1", rd=0, imm=0),
    _p("jr", "jalr", "imm(rs1)", rd=0),
    _p("jalr", "jalr", "rs1", rd=1, imm=0),
    _p("jalr", "jalr", "imm(rs1)", rd=1),
    _p("fence", "fence", "", fm=0, pred=15, succ=15),
    _p("sfence.vma", "sfence.vma", "", rs1=0, rs2=0),
    _p("sfence.vma", "sfence.vma", "rs1", rs2=0),
    _p("hfence.vvma", "hfence.vvma", "", rs1=0, rs2=0),
    _p("hfence.gvma", "hfence.gvma", "", rs1=0, rs2=0),
    *(_p(f"rd{name}", "csrrs", "rd", rs1=0, csr=CSR_NUMBERS[name]) for name in _CSR),
    _p("csrr", "csrrs", "rd, csr", rs1=0),
    _p("csrw", "csrrw", "csr, rs1", rd=0),
    _p("csrs", "csrrs", "csr, rs1", rd=0),
    _p("csrc", "csrrc", "csr, rs1", rd=0),
    _p("csrwi", "csrrwi", "csr, zimm", rd=0),
    _p("csrsi", "csrrsi", "csr, zimm", rd=0),
    _p("csrci", "csrrci", "csr, zimm", rd=0),
    *(_p(f"fmv.{t}", f"fsgnj.{t}", "fd, fs1", fs2="fs1") for t in "hsd"),
    *(_p(f"fneg.{t}", f"fsgnjn.{t}", "fd, fs1", fs2="fs1") for t in "hsd"),
    *(_p(f"fabs.{t}", f"fsgnjx.{t}", "fd, fs1", fs2="fs1") for t in "hsd"),
]

_BUCKETS: dict[tuple[int, int], list[Insn]] = {}
for _insn in sorted(INSNS.values(), key=lambda i: -i.pattern.mask.bit_count()):
    for _funct3 in range(8):
        if not ((_funct3 << 12) ^ _insn.pattern.match) & _insn.pattern.mask & 0x7000:
            _BUCKETS.setdefault((_insn.pattern.match & 0x7F, _funct3), []).append(_insn)

_ALIAS_BUCKETS: dict[int, list[Alias]] = {}
for _alias in sorted(ALIASES.values(), key=lambda a: not a.refines):
    _ALIAS_BUCKETS.setdefault(_alias.pattern.match & 0xE003, []).append(_alias)


def lookup(word: int, extensions: frozenset[str] | None = None) -> Insn | None:
    """The instruction that a 32-bit word encodes on a hart with these extensions (None: all), or None."""
    for insn in _BUCKETS.get((word & 0x7F, word >> 12 & 7), ()):
        if insn.pattern.matches(word) and (extensions is None or insn.enabled(extensions)):
            if "rm" in insn.pattern.fields and insn.pattern.extract(word, "rm") in (5, 6):
                return None
            return insn
    return None


def lookup16(word: int, extensions: frozenset[str] | None = None) -> Alias | None:
    """The compressed instruction that a 16-bit word encodes on a hart with these extensions (None: all), or None."""
    for alias in _ALIAS_BUCKETS.get(word & 0xE003, ()):
        if alias.pattern.matches(word) and (extensions is None or alias.enabled(extensions)):
            return alias
    return None


def fields_of(item: str) -> list[str]:
    """The names of the encoding's fields that an operand form stands for."""
    if m := MEMORY.fullmatch(item):
        return [name for name in m.groups() if name and name != "sp"]
    if item == "target":
        return ["imm"]
    if item in ("fli", "vtypei"):
        return ["zimm" if item == "fli" else "uimm"]
    return [] if item in ("ra", "sp", "t0", "rtz", "v0") else [item.partition("[")[0]]
