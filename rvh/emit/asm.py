"""A small assembler for tests and labs: every instruction and CSR that is defined, labels, the usual pseudoinstructions
and directives. One section; compressed instructions only where they are written as such (``c.addi``).

>>> assemble("li a0, 1\\nret").words()
[1049875, 32871]
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..isa import ALIASES, INSNS
from ..isa.dsl import Alias, Insn
from ..isa.encoding import EncodingError
from .syntax import (
    CSR_NUMBERS,
    F_NUMBERS,
    FLI_NAMES,
    MEMORY,
    PSEUDOS,
    ROUNDING_MODES,
    V_NUMBERS,
    X_NUMBERS,
    Pseudo,
    items,
    vtype_value,
)


class AsmError(ValueError):
    """A line that cannot be assembled; the message begins with its number."""


@dataclass
class Program:
    """Assembled bytes, the address they are for, and the labels."""

    base: int
    data: bytes
    symbols: dict[str, int]

    def words(self) -> list[int]:
        """The bytes as little-endian 32-bit words; a tail of less than four bytes is padded with zeros."""
        data = self.data + bytes(-len(self.data) % 4)
        return [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4)]


_ROUNDING = {name: n for n, name in ROUNDING_MODES.items()}
_SPELLINGS: dict[str, list[Pseudo]] = {}
for _pseudo in PSEUDOS:
    _SPELLINGS.setdefault(_pseudo.name, []).append(_pseudo)

_BINARY: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.floordiv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
_UNARY: dict[type, Callable[[int], int]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}

_LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$]*|\d+):")
_LOCAL = re.compile(r"\b(\d+)([bf])\b")
_IGNORED = {".text", ".data", ".section", ".globl", ".global", ".option", ".type", ".size", ".file"}
_SIZES = {".byte": 1, ".half": 2, ".short": 2, ".word": 4, ".long": 4, ".dword": 8, ".quad": 8}


@dataclass
class _Statement:
    line: int
    name: str
    operands: list[str]
    address: int = 0
    size: int = 0
    scope: int = 0  # how many local labels stand before it


@dataclass
class _Assembler:
    base: int
    symbols: dict[str, int]
    locals: list[tuple[str, int]] = field(default_factory=list)

    # -- expressions

    def value(self, text: str, at: _Statement) -> int:
        """An expression of numbers, labels and constants."""

        def local(m: re.Match) -> str:
            number, direction = m.groups()
            before = [a for n, a in self.locals[: at.scope] if n == number]
            after = [a for n, a in self.locals[at.scope :] if n == number]
            found = before[-1:] if direction == "b" else after[:1]
            if not found:
                raise AsmError(f"line {at.line}: no local label {m[0]}")
            return hex(found[0])

        text = re.sub(r"(?<![\w'])'(\\?.)'", lambda m: str(ord(m[1].encode().decode("unicode_escape"))), text.strip())
        text = re.sub(r"(?<![\w.])\.(?!\w)", hex(at.address), text)
        if m := re.fullmatch(r"%(hi|lo)\((.*)\)", text):
            whole = self.value(m[2], at)
            low = (whole & 0xFFF) - ((whole & 0x800) << 1)
            return low if m[1] == "lo" else (whole - low) >> 12 & 0xFFFFF
        try:
            tree = ast.parse(re.sub(r"\.([A-Za-z])", r"_DOT_\1", _LOCAL.sub(local, text)), mode="eval").body
        except SyntaxError:
            raise AsmError(f"line {at.line}: cannot read {text!r}") from None
        return self._evaluate(tree, at)

    def _evaluate(self, node: ast.expr, at: _Statement) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name):
            name = node.id.replace("_DOT_", ".")
            if name not in self.symbols:
                raise AsmError(f"line {at.line}: unknown symbol {name!r}")
            return self.symbols[name]
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _BINARY[type(node.op)](self._evaluate(node.left, at), self._evaluate(node.right, at))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return _UNARY[type(node.op)](self._evaluate(node.operand, at))
        raise AsmError(f"line {at.line}: cannot evaluate {ast.unparse(node)!r}")

    # -- operands

    def _register(self, text: str, names: dict[str, int], at: _Statement) -> int:
        if text not in names:
            raise AsmError(f"line {at.line}: {text!r} is no register here")
        return names[text]

    def _operand(self, item: str, text: str, at: _Statement) -> dict[str, int]:
        if m := MEMORY.fullmatch(item):
            offset, base = m.groups()
            given = re.fullmatch(r"(.*?)\(\s*(\w+)\s*\)", text)
            if not given:
                raise AsmError(f"line {at.line}: expected an address like 8(sp), not {text!r}")
            register = self._register(given[2], X_NUMBERS, at)
            if base == "sp" and register != 2:
                raise AsmError(f"line {at.line}: the base must be sp")
            fields = {} if base == "sp" else {base: register}
            if offset:
                fields[offset] = self.value(given[1] or "0", at)
            elif given[1].strip() not in ("", "0"):
                raise AsmError(f"line {at.line}: no offset is possible here")
            return fields
        if item in ("ra", "sp", "t0"):
            number = X_NUMBERS[item]
            self._register(text, {item: number, f"x{number}": number}, at)
            return {}
        if item == "rtz":
            if text != "rtz":
                raise AsmError(f"line {at.line}: the rounding mode must be rtz")
            return {}
        if item == "fli":
            return {"zimm": self._constant(text, at)}
        if item == "vtypei":
            vtype = vtype_value([word.strip() for word in text.split(",")])
            return {"uimm": self.value(text, at) if vtype is None else vtype}
        if item == "target":
            return {"imm": self.value(text, at) - at.address}
        if item == "imm[31:12]":
            value = self.value(text, at)
            if not -0x80000 <= value < 0x100000:
                raise AsmError(f"line {at.line}: {text} does not fit 20 bits")
            return {"imm": ((value << 12) & 0xFFFFF000 ^ 0x80000000) - 0x80000000}
        if item == "csr":
            return {"csr": CSR_NUMBERS[text] if text in CSR_NUMBERS else self.value(text, at)}
        if item == "rm":
            if text not in _ROUNDING:
                raise AsmError(f"line {at.line}: {text!r} is no rounding mode")
            return {"rm": _ROUNDING[text]}
        if item in ("pred", "succ"):
            if text != "0" and (not text or set(text) - set("iorw")):
                raise AsmError(f"line {at.line}: {text!r} is not made of i, o, r, w")
            return {item: sum({"i": 8, "o": 4, "r": 2, "w": 1}[c] for c in text if c != "0")}
        if item == "v0":
            self._register(text, {"v0": 0}, at)
            return {}
        if item == "vm":
            if text not in ("v0.t", ""):
                raise AsmError(f"line {at.line}: the mask must be v0.t")
            return {"vm": int(text == "")}
        if item.startswith("v"):
            return {item: self._register(text, V_NUMBERS, at)}
        if item.startswith("f"):
            return {item: self._register(text, F_NUMBERS, at)}
        if item.startswith("r"):
            return {item: self._register(text, X_NUMBERS, at)}
        return {item: self.value(text, at)}

    def _constant(self, text: str, at: _Statement) -> int:
        """The number of a constant that FLI loads."""
        if text in FLI_NAMES:
            return FLI_NAMES.index(text)
        try:
            return [float(name) for name in FLI_NAMES if name != "min"].index(float(text)) + (float(text) != -1)
        except ValueError:
            raise AsmError(f"line {at.line}: {text!r} is no constant of {at.name}") from None

    def _operands(self, syntax: str, at: _Statement) -> dict[str, int]:
        forms, given = items(syntax), list(at.operands)
        fields: dict[str, int] = {}
        if forms and forms[-1] == "rm" and len(given) == len(forms) - 1:
            given.append("dyn")
        if forms and forms[-1] == "vm" and len(given) == len(forms) - 1:
            given.append("")
        if forms and forms[-1] == "vtypei":
            given[len(forms) - 1 :] = [",".join(given[len(forms) - 1 :])]
        if len(forms) != len(given):
            raise AsmError(f"line {at.line}: {at.name} takes {syntax or 'no operands'}")
        for item, text in zip(forms, given, strict=True):
            fields |= self._operand(item, text, at)
        return fields

    # -- statements

    def instruction(self, at: _Statement) -> bytes:
        """One machine instruction under its own name or a pseudo name."""
        name, order = at.name, {}
        if name not in INSNS and (m := re.fullmatch(r"(.+)\.(aq|rl|aqrl)", name)):
            name, order = m[1], {"aq": int("aq" in m[2]), "rl": int("rl" in m[2])}
        for spelling in _SPELLINGS.get(name, ()):
            if len(items(spelling.syntax)) == len(at.operands) and _plausible(spelling.syntax, at.operands):
                fields = self._operands(spelling.syntax, at)
                fixed = {k: fields[v] if isinstance(v, str) else v for k, v in spelling.fixed}
                return self._encode(INSNS[spelling.base], fields | fixed, at)
        if name in ALIASES:
            return self._encode(ALIASES[name], self._operands(ALIASES[name].syntax, at), at)
        if name not in INSNS:
            raise AsmError(f"line {at.line}: unknown instruction {at.name!r}")
        return self._encode(INSNS[name], self._operands(INSNS[name].syntax, at) | order, at)

    def _encode(self, row: Insn | Alias, fields: dict[str, int], at: _Statement) -> bytes:
        try:
            return row.pattern.encode(**fields).to_bytes(row.pattern.width // 8, "little")
        except EncodingError as error:
            raise AsmError(f"line {at.line}: {at.name} {', '.join(at.operands)}: {error}") from None

    def expand(self, at: _Statement) -> Iterator[_Statement]:
        """The machine instructions that a statement stands for."""
        name, operands = at.name, at.operands
        if name == "li" and len(operands) == 2:
            for mnemonic, *rest in load_immediate(operands[0], self.value(operands[1], at)):
                yield self._part(at, mnemonic, rest)
        elif name in ("la", "lla", "call", "tail"):
            destination = operands[0] if name in ("la", "lla") else {"call": "ra", "tail": "t1"}[name]
            offset = self.value(operands[-1], at) - at.address if at.size else 0
            low = (offset & 0xFFF) - ((offset & 0x800) << 1)
            yield self._part(at, "auipc", [destination, str((offset - low) >> 12 & 0xFFFFF)])
            if name in ("la", "lla"):
                yield self._part(at, "addi", [destination, destination, str(low)])
            else:
                yield self._part(at, "jalr", ["ra" if name == "call" else "zero", f"{low}({destination})"])
        else:
            yield at

    @staticmethod
    def _part(at: _Statement, name: str, operands: list[str]) -> _Statement:
        return _Statement(at.line, name, operands, at.address, 4, at.scope)

    def directive(self, at: _Statement, sizing: bool) -> bytes | None:
        """The bytes of a directive, or None if it is none. While sizing, labels may still be unknown."""
        name, operands = at.name, at.operands
        if name in _SIZES:
            size = _SIZES[name]
            if sizing:
                return bytes(size * len(operands))
            return b"".join((self.value(o, at) & (1 << 8 * size) - 1).to_bytes(size, "little") for o in operands)
        if name in (".align", ".p2align", ".balign"):
            step = self.value(operands[0], at) if name == ".balign" else 1 << self.value(operands[0], at)
            return bytes(-at.address % step)
        if name in (".zero", ".space", ".skip"):
            return bytes(self.value(operands[0], at))
        if name == ".org":
            return bytes(self.value(operands[0], at) - (at.address - self.base))
        if name in (".ascii", ".asciz", ".string"):
            text = b"".join(ast.literal_eval("b" + o) for o in operands)
            return text + (b"" if name == ".ascii" else b"\0")
        if name in (".equ", ".set"):
            self.symbols[operands[0]] = self.value(operands[1], at)
            return b""
        return b"" if name in _IGNORED else None

    def size(self, at: _Statement) -> int:
        data = self.directive(at, sizing=True)
        if data is not None:
            return len(data)
        if at.name in ("li", "la", "lla", "call", "tail"):
            return 4 * len(list(self.expand(at)))
        return 2 if at.name in ALIASES else 4

    def encode(self, at: _Statement) -> bytes:
        data = self.directive(at, sizing=False)
        if data is not None:
            return data
        return b"".join(self.instruction(part) for part in self.expand(at))


def _plausible(syntax: str, operands: list[str]) -> bool:
    """Whether operands in parentheses stand where the syntax has them: tells ``jr a0`` from ``jr 4(a0)``."""
    return all(("(" in item) == o.endswith(")") for item, o in zip(items(syntax), operands, strict=True))


def load_immediate(register: str, value: int) -> list[list[str]]:
    """The instructions that put a 64-bit constant into a register, as [mnemonic, operands...]."""
    value = ((value & (1 << 64) - 1) ^ 1 << 63) - (1 << 63)
    low = (value & 0xFFF) - ((value & 0x800) << 1)
    if -2048 <= value < 2048:
        return [["addi", register, "zero", str(value)]]
    if -(1 << 31) <= value < 1 << 31:
        first = [["lui", register, str((value - low) >> 12 & 0xFFFFF)]]
        return first + ([["addiw", register, register, str(low)]] if low else [])
    rest, shift = (value - low) >> 12, 12
    while not rest & 1:
        rest, shift = rest >> 1, shift + 1
    out = [*load_immediate(register, rest), ["slli", register, register, str(shift)]]
    return out + ([["addi", register, register, str(low)]] if low else [])


def _split(text: str) -> list[str]:
    """Operands between commas outside of quotes and parentheses."""
    return [part.strip() for part in re.findall(r'(?:"(?:\\.|[^"])*"|\([^)]*\)|[^,"(])+', text)]


def _statements(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        line = re.sub(r'("(?:\\.|[^"])*")|#.*|//.*', lambda m: m[1] or "", line)
        for part in re.findall(r'(?:"(?:\\.|[^"])*"|[^;"])+', line):
            yield number, part


def assemble(source: str, base: int = 0x8000_0000, symbols: dict[str, int] | None = None) -> Program:
    """Assembles a text for the address ``base``. ``symbols`` are constants it may use. Raises AsmError."""
    out = _Assembler(base, dict(symbols or {}))
    statements: list[_Statement] = []
    address = base
    for line, text in _statements(source):
        while m := _LABEL.match(text):
            name, text = m[1], text[m.end() :]
            if name.isdigit():
                out.locals.append((name, address))
            elif name in out.symbols:
                raise AsmError(f"line {line}: {name} is defined twice")
            else:
                out.symbols[name] = address
        name, _, rest = text.strip().replace("\t", " ").partition(" ")
        if not name:
            continue
        at = _Statement(line, name.lower(), _split(rest), address, 0, len(out.locals))
        at.size = out.size(at)
        address += at.size
        statements.append(at)
    data = b"".join(out.encode(at) for at in statements)
    return Program(base, data, {k: v for k, v in out.symbols.items() if k not in (symbols or {})})
