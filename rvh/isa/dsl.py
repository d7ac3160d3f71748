"""The language instructions are defined in: Python functions over traced values, run once, at import.

A definition's parameters are the operands it reads (registers ``rs1`` .. ``fs3``, ``rd`` for what the destination holds
before, ``rd_pair`` and ``rs2_pair`` for two registers as one u128; immediates ``imm``, ``uimm``,
``zimm``, ``csr``, and ``pc`` / ``next_pc``); what it returns goes to its one destination register; memory accesses and
control transfer are statements of this module. The trace is what every renderer (rvh.emit) works from.
Mixing widths, or signedness where it matters, raises :class:`WidthError` naming the author's line.
See docs/adding-an-instruction.md.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from .encoding import EncodingError, Pattern


class WidthError(TypeError):
    """Widths or signedness do not fit; the message begins with file:line of the definition."""


class Type(NamedTuple):
    """A machine integer type: ``width`` in bits, and whether it is two's complement."""

    width: int
    signed: bool

    @property
    def name(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.width}"

    def wrap(self, n: int) -> int:
        """The value of this type that is congruent to n modulo 2**width."""
        n &= (1 << self.width) - 1
        return n - (1 << self.width) if self.signed and n >> (self.width - 1) else n


bit = Type(1, False)
u8, u16, u32, u64, u128 = (Type(w, False) for w in (8, 16, 32, 64, 128))
i8, i16, i32, i64, i128 = (Type(w, True) for w in (8, 16, 32, 64, 128))

#: How a memory access is made: as the current mode; HLV/HSV: as VS or VU would; HLVX: the same, by execute permission;
#: SSAMOSWAP: to a shadow stack.
PLAIN, GUEST, GUEST_X, SHADOW = "HOW_PLAIN", "HOW_GUEST", "HOW_HLVX", "HOW_SHADOW"


class _Special(NamedTuple):
    name: str


#: Arguments for helpers: the decoded op, and the virtual address of its block (C parameters ``op`` and ``pc``).
OP, BLOCK_PC = _Special("op"), _Special("pc")


def _author() -> str:
    """file:line of the innermost frame outside this module."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _fail(message: str) -> Any:
    raise WidthError(f"{_author()}: {message}")


Number: TypeAlias = "Value | int"


class Value:
    """A node of the trace: an operation ``op`` on ``args`` (Values, or plain data) giving a value of ``type``."""

    __slots__ = ("op", "args", "type")

    def __init__(self, op: str, args: tuple, type: Type) -> None:
        self.op, self.args, self.type = op, args, type

    def __repr__(self) -> str:
        return f"{self.op}:{self.type.name}({', '.join(map(repr, self.args))})"

    # Width alone matters to these: modulo 2**width signed and unsigned agree; the result is of the left one's type.
    def __add__(self, other: Number) -> Value:
        return _same_width("add", self, other)

    def __sub__(self, other: Number) -> Value:
        return _same_width("sub", self, other)

    def __and__(self, other: Number) -> Value:
        return _same_width("and", self, other)

    def __or__(self, other: Number) -> Value:
        return _same_width("or", self, other)

    def __xor__(self, other: Number) -> Value:
        return _same_width("xor", self, other)

    def __invert__(self) -> Value:
        return Value("not", (self,), self.type)

    def __neg__(self) -> Value:
        return const(0, self.type) - self

    def __rsub__(self, other: int) -> Value:
        return const(other, self.type) - self

    __radd__, __rand__, __ror__, __rxor__ = __add__, __and__, __or__, __xor__

    def __mul__(self, other: Number) -> Value:
        return _same_width("mul", self, other)

    # Here signedness matters, so it must agree.
    def __floordiv__(self, other: Number) -> Value:
        """Division rounding towards zero; a zero divisor or overflow must be excluded by a select() around it."""
        return _same_type("div", self, other)

    def __mod__(self, other: Number) -> Value:
        """Remainder with the dividend's sign; see __floordiv__."""
        return _same_type("rem", self, other)

    def __lt__(self, other: Number) -> Value:
        return _same_type("lt", self, other, bit)

    def __ge__(self, other: Number) -> Value:
        return _same_type("ge", self, other, bit)

    def __gt__(self, other: Number) -> Value:
        return _same_type("gt", self, other, bit)

    def __le__(self, other: Number) -> Value:
        return _same_type("le", self, other, bit)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return _same_type("eq", self, other, bit)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return _same_type("ne", self, other, bit)

    __hash__ = object.__hash__

    def __lshift__(self, amount: Number) -> Value:
        return _shift("shl", self, amount)

    def __rshift__(self, amount: Number) -> Value:
        """Arithmetic for signed values, logical for unsigned ones."""
        return _shift("shr", self, amount)

    def __bool__(self) -> bool:
        return _fail("the truth of a traced value is not known at definition time; use select() or branch()")


def const(n: int, type: Type) -> Value:
    """A constant of the given type; n may be written signed or unsigned but must fit the width."""
    if not -(1 << (type.width - 1)) <= n < (1 << type.width):
        _fail(f"{n:#x} does not fit {type.name}")
    return Value("const", (type.wrap(n),), type)


def _value(x: object, like: Type) -> Value:
    if isinstance(x, Value):
        return x
    if isinstance(x, int):
        return const(x, like)
    return _fail(f"{x!r} is neither a traced value nor an integer")


def _same_width(op: str, a: Value, b: object) -> Value:
    b = _value(b, a.type)
    if a.type.width != b.type.width:
        _fail(f"{op} of {a.type.name} and {b.type.name}")
    return Value(op, (a, b), a.type)


def _same_type(op: str, a: Value, b: object, result: Type | None = None) -> Value:
    b = _value(b, a.type)
    if a.type != b.type:
        _fail(f"{op} of {a.type.name} and {b.type.name}: say signed() or unsigned()")
    return Value(op, (a, b), result or a.type)


def _shift(op: str, a: Value, amount: object) -> Value:
    if isinstance(amount, int) and not 0 <= amount < a.type.width:
        _fail(f"shift of {a.type.name} by {amount}")
    amount = _value(amount, u64)
    if amount.type.signed:
        _fail("a shift amount must be unsigned")
    return Value(op, (a, amount), a.type)


def _cast(x: Value, type: Type) -> Value:
    if not isinstance(x, Value):
        _fail(f"{x!r} is not a traced value")
    return x if x.type == type else Value("cast", (x,), type)


def signed(x: Value) -> Value:
    """The same bits, read as two's complement."""
    return _cast(x, Type(x.type.width, True))


def unsigned(x: Value) -> Value:
    """The same bits, read as unsigned."""
    return _cast(x, Type(x.type.width, False))


def truncate(x: Value, type: Type) -> Value:
    """The low bits of x, as a value of a narrower type."""
    if type.width > x.type.width:
        _fail(f"truncate {x.type.name} to {type.name}")
    return _cast(x, type)


def lo32(x: Value) -> Value:
    """The low 32 bits, as u32."""
    return truncate(x, u32)


def sext(x: Value, type: Type = i64) -> Value:
    """Sign-extended to 64 bits (or to ``type``), whatever the signedness of x was."""
    if x.type.width > type.width:
        _fail(f"sext {x.type.name} to {type.name}")
    return _cast(signed(x), type)


def zext(x: Value, type: Type = u64) -> Value:
    """Zero-extended to 64 bits (or to ``type``), whatever the signedness of x was."""
    if x.type.width > type.width:
        _fail(f"zext {x.type.name} to {type.name}")
    return _cast(unsigned(x), type)


def hi64(x: Value) -> Value:
    """Bits 127..64 of a 128-bit value, as u64."""
    if x.type.width != 128:
        _fail(f"hi64 of {x.type.name}")
    return _cast(Value("shr", (x, const(64, u64)), x.type), u64)


def select(condition: Value, a: Number, b: Number) -> Value:
    """a if the condition holds, else b. Only the chosen one is evaluated, so it may guard a division."""
    if condition.type != bit:
        _fail(f"select on {condition.type.name}; compare it with something")
    if not isinstance(a, Value) and not isinstance(b, Value):
        a, b = const(a, u64), const(b, u64)
    a = _value(a, b.type if isinstance(b, Value) else u64)
    b = _value(b, a.type)
    if a.type != b.type:
        _fail(f"select between {a.type.name} and {b.type.name}")
    return Value("select", (condition, a, b), a.type)


def _unary(op: str, x: Value) -> Value:
    if x.type.signed or x.type.width not in (32, 64):
        _fail(f"{op} of {x.type.name}")
    return Value(op, (x,), x.type)


def clz(x: Value) -> Value:
    """Leading zeros; the width for 0."""
    return _unary("clz", x)


def ctz(x: Value) -> Value:
    """Trailing zeros; the width for 0."""
    return _unary("ctz", x)


def cpop(x: Value) -> Value:
    """Number of set bits."""
    return _unary("cpop", x)


def bswap(x: Value) -> Value:
    """Bytes in reverse order."""
    return _unary("bswap", x)


def is_x0(operand: Value) -> Value:
    """1 if this register operand is x0: a property of the encoding, not of the value."""
    return Value("is_x0", operand.args, bit)


def call(name: str, *args: Value, to: Type = u64) -> Value:
    """The C function ``to name(Hart *h, args...)`` of core/fp.h or core/helpers.h: reads and writes nothing of the hart
    but floating-point flags, and cannot trap."""
    return Value("call", (name, *args), to)


def rounded(name: str, *args: Value, to: Type = u64) -> Value:
    """A floating-point operation that rounds by the ``rm`` field. ``name(h, args...)`` is it under the host's current
    rounding mode (frm 0..3); ``name_rm(h, args..., rm)`` under an explicit rm 0..4."""
    return Value("rounded", (name, *args), to)


@dataclass
class Effect:
    """A statement of the trace. ``result`` is the value it produces, if any."""

    kind: str  # load store amo lr sc csr helper gate branch jump system xret
    type: Type = u64
    args: tuple = ()
    name: str = ""
    result: Value | None = None
    line: str = ""
    usual: str = ""  # of a helper: the C function, of the same arguments, for its usual case; 0: that it is not


#: Statements after which a block ends.
TERMINATORS = frozenset({"branch", "jump", "system", "xret", "csr"})


@dataclass
class Insn:
    """One instruction: how it is encoded, written and executed."""

    name: str  # the mnemonic
    pyname: str
    pattern: Pattern
    syntax: str
    ext: tuple[frozenset[str], ...]  # there if all extensions of any of these sets are on; empty: always
    doc: str
    file: str
    line: int
    operands: dict[str, Value] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    result: Value | None = None
    refines: str = ""
    whole_word: bool = False  # op->imm holds the instruction's bits

    def enabled(self, extensions: frozenset[str]) -> bool:
        """Whether a hart with these extensions has the instruction."""
        return not self.ext or any(group <= extensions for group in self.ext)

    @property
    def terminator(self) -> Effect | None:
        """The statement that ends the block, or None."""
        return next((e for e in self.effects if e.kind in TERMINATORS), None)

    @property
    def uses_rm(self) -> bool:
        return any(v.op == "rounded" for v in self.values())

    @property
    def memory(self) -> Effect | None:
        """The statement that accesses memory, or None."""
        return next((e for e in self.effects if e.kind in ("load", "store", "amo", "lr", "sc")), None)

    def values(self) -> list[Value]:
        """Every node of the trace, once."""
        seen: dict[int, Value] = {}
        stack = [a for e in self.effects for a in e.args] + [self.result]
        while stack:
            v = stack.pop()
            if isinstance(v, Value) and id(v) not in seen:
                seen[id(v)] = v
                stack.extend(v.args)
        return list(seen.values())


@dataclass
class Alias:
    """A compressed instruction: its fields put into those of a 32-bit one.

    ``values``: target field -> field name or number. ``refines``: the alias whose encoding it takes over, where its
    extensions are on."""

    name: str
    pattern: Pattern
    syntax: str
    target: str
    values: dict[str, str | int]
    ext: frozenset[str] = frozenset()  # there if all of these are on
    refines: str = ""

    def enabled(self, extensions: frozenset[str]) -> bool:
        """Whether a hart with these extensions has the compressed encoding; the target may need others."""
        return self.ext <= extensions

    def expand(self, word: int) -> int:
        """The 32-bit instruction that this compressed one stands for."""
        fields = {
            name: source if isinstance(source, int) else self.pattern.extract(word, source)
            for name, source in self.values.items()
        }
        target = INSNS[self.target].pattern
        return target.encode(**{k: v for k, v in fields.items() if k in target.fields})


#: Every instruction, and every compressed alias, by mnemonic.
INSNS: dict[str, Insn] = {}
ALIASES: dict[str, Alias] = {}

_tracing: list[Effect] | None = None

_OPERAND_TYPES = {"imm": i64, "rd_pair": u128, "rs2_pair": u128}
_OPERANDS = frozenset("rd rd_pair rs1 rs2 rs2_pair rs3 fs1 fs2 fs3 imm uimm zimm csr pc next_pc".split())


def _mnemonic(pyname: str) -> str:
    return pyname.rstrip("_").replace("_", ".")


def insn(pattern: str, syntax: str = "", *, ext: str = "", refines: str = "", require: str = "") -> Callable:
    """Defines an instruction: the decorated function is run once with traced operands.

    ``pattern``: the encoding as the manual draws it. ``syntax``: the operands in assembly. ``ext``: the extension that
    has it; ``"Zbb|Zbkb"``: either one has; ``"Svinval+H"``: both are needed; none: the base ISA. ``refines``: the
    mnemonic whose encoding space this one is carved from. ``require``: reserved operand values, ``"rd != 0"``.
    """

    def define(function: Callable) -> Callable:
        global _tracing
        code = function.__code__
        where = f"{code.co_filename}:{code.co_firstlineno}"
        try:
            encoding = Pattern(pattern, require)
        except EncodingError as error:
            raise EncodingError(f"{where}: {error}") from None
        name = _mnemonic(function.__name__)
        if name in INSNS:
            raise EncodingError(f"{where}: {name} is defined twice")
        new = Insn(
            name,
            function.__name__.rstrip("_"),
            encoding,
            syntax,
            tuple(frozenset(group.split("+")) for group in ext.split("|") if group),
            inspect.getdoc(function) or "",
            code.co_filename,
            code.co_firstlineno,
            refines=refines,
        )
        for operand in inspect.signature(function).parameters:
            field_name = operand.removesuffix("_pair")
            if operand not in _OPERANDS or (operand not in ("pc", "next_pc") and field_name not in encoding.fields):
                raise EncodingError(f"{where}: {name} has no operand {operand}")
            new.operands[operand] = Value("operand", (operand,), _OPERAND_TYPES.get(operand, u64))
        _tracing = new.effects
        try:
            result = function(**new.operands)
        finally:
            _tracing = None
        has_destination = bool({"rd", "fd"} & encoding.fields.keys())
        if (result is None) == has_destination:
            raise EncodingError(f"{where}: {name} returns a value if and only if its pattern has rd or fd")
        if result is not None:
            widths = (64, 128) if "rd_pair" in new.operands else (64,)
            if not isinstance(result, Value) or (result.type.width not in widths and result.type != bit):
                kind = result.type.name if isinstance(result, Value) else repr(result)
                raise WidthError(f"{where}: {name} returns {kind}, not a 64-bit value: say sext() or zext()")
            new.result = result
        if sum(e.kind in TERMINATORS for e in new.effects) > 1:
            raise EncodingError(f"{where}: {name} ends its block twice")
        INSNS[name] = new
        return function

    return define


def alias(
    name: str,
    pattern: str,
    syntax: str,
    target: str,
    *,
    ext: str = "Zca",
    require: str = "",
    refines: str = "",
    **values: str | int,
) -> None:
    """Defines a compressed instruction as a form of the 32-bit instruction ``target``: ``rs1="rd"`` puts the field rd
    into rs1, ``rs1=2`` the number 2. Fields of the same name go over by themselves. ``ext``: the extension that has the
    encoding, or several that are all needed, ``"Zcb+Zbb"``; ``refines``: the alias that has the same encoding."""
    encoding = Pattern(pattern, require)
    if encoding.width != 16 or name in ALIASES:
        raise EncodingError(f"{_author()}: {name} is not 16 bits wide or defined twice")
    fields = {k: k for k in encoding.fields} | values
    ALIASES[name] = Alias(name, encoding, syntax, target, fields, frozenset(ext.split("+")), refines)


def _effect(kind: str, type: Type = u64, args: tuple = (), name: str = "", to: Type | None = None) -> Any:
    if _tracing is None:
        return _fail(f"{kind} outside a definition")
    effect = Effect(kind, type, args, name, None, _author())
    if to is not None:
        effect.result = Value("result", (effect,), to)
    _tracing.append(effect)
    return effect.result


def _address(x: Value) -> Value:
    if not isinstance(x, Value) or x.type != u64:
        _fail(f"an address must be u64, not {getattr(getattr(x, 'type', None), 'name', x)}")
    return x


def _of(type: Type, x: Value) -> Value:
    if not isinstance(x, Value) or x.type.width != type.width:
        _fail(f"{getattr(getattr(x, 'type', None), 'name', x)} where {type.name} is stored")
    return x


def load(type: Type, address: Value, how: str = PLAIN) -> Value:
    """A memory read of type.width bits; the value has that type (extend it for a register)."""
    return _effect("load", type, (_address(address),), how, to=type)


def store(type: Type, address: Value, value: Value, how: str = PLAIN) -> None:
    """A memory write of the low type.width bits of value."""
    value = truncate(value, type) if value.type.width > type.width else _of(type, value)
    _effect("store", type, (_address(address), value), how)


def amo(type: Type, address: Value, operation: Callable[[Value], Value], how: str = PLAIN) -> Value:
    """An atomic read-modify-write: stores operation(old) and gives old."""
    effect_value = _effect("amo", type, (_address(address),), how, to=type)
    effect = effect_value.args[0]
    new = _of(type, _value(operation(effect_value), type))
    effect.args = (effect.args[0], new)
    return effect_value


def lr(type: Type, address: Value) -> Value:
    """Load-reserved."""
    return _effect("lr", type, (_address(address),), to=type)


def sc(type: Type, address: Value, value: Value) -> Value:
    """Store-conditional; u64 0 if it was done, 1 if not."""
    return _effect("sc", type, (_address(address), _of(type, value)), to=u64)


def branch(condition: Value, target: Value) -> None:
    """Ends the block: to target (which must be pc + imm) if the condition holds, else to the next instruction."""
    if condition.type != bit:
        _fail(f"branch on {condition.type.name}")
    _relative(target)
    _effect("branch", args=(condition, target))


def jump(target: Value) -> None:
    """Ends the block: goes to target, pc + imm or any computed address."""
    _effect("jump", args=(_address(target),))


def is_relative(target: Value) -> bool:
    """Whether a jump target is pc + imm, so that it can be linked when the block is built."""
    return target.op == "add" and [a.args for a in target.args if a.op == "operand"] == [("pc",), ("imm",)]


def _relative(target: Value) -> None:
    if not is_relative(target):
        _fail("a branch target must be pc + imm")


#: Kinds of CSR access, as core/helpers.h numbers them.
RW, RS, RC = 0, 1, 2


def csr_access(kind: int, csr: Value, source: Value) -> Value:
    """Reads and writes a CSR; gives the old value. Ends the block. CSRRW with rd=x0 does not read, CSRRS and CSRRC
    whose rs1 field is 0 do not write (Zicsr, "CSR Instructions")."""
    return _effect("csr", args=(csr, source), name=str(kind), to=u64)


def helper(name: str, *args: object) -> None:
    """``int name(Hart *h, args...)`` of core/helpers.h; 0: an exception was recorded. Execution goes on behind it."""
    _effect("helper", args=args, name=name)


def system(name: str, *args: object) -> None:
    """The same for a helper that may change translation, privilege or interrupts: ends the block."""
    _effect("system", args=args, name=name)


def xret(name: str) -> None:
    """The same for a helper that leaves the next pc in h->pc."""
    _effect("xret", name=name)


def check_overlaps() -> None:
    """Raises EncodingError if any two encodings cover a common word and neither says it refines the other, or if a
    compressed instruction stands for one that is not defined."""
    for a in ALIASES.values():
        if a.target not in INSNS:
            raise EncodingError(f"{a.name} stands for {a.target}, which is not defined")
    rows = [(i.name, i.pattern, i.refines) for i in INSNS.values()]
    rows += [(a.name, a.pattern, a.refines) for a in ALIASES.values()]
    # Encodings are compared only within a major opcode: nothing leaves those bits open.
    groups: dict[tuple[int, int], list] = {}
    for row in rows:
        width = row[1].width
        low = 0x7F if width == 32 else 0x3
        if row[1].mask & low != low:
            raise EncodingError(f"{row[0]} does not fix its opcode")
        groups.setdefault((width, row[1].match & low), []).append(row)
    for group in groups.values():
        for n, (name, pattern, refines) in enumerate(group):
            for other_name, other, other_refines in group[n + 1 :]:
                if (pattern.match ^ other.match) & pattern.mask & other.mask:
                    continue
                if pattern.overlaps(other) and refines != other_name and other_refines != name:
                    raise EncodingError(f"the encodings of {name} and {other_name} overlap")
