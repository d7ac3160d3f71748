"""How vector instructions are defined: the arithmetic ones by a function of one element, traced once per element width.

A definition's parameters are element values: ``vs2`` and ``vs1`` (for .vx, .vi and .vf forms the scalar, made an
element), ``vd`` for what the destination element holds before, ``m`` for the element's bit of v0 where that is an
operand, ``acc`` for the running value of a reduction, ``vxrm``. All are unsigned, as wide as the :class:`Shape` says;
say ``signed()``.
The result is the new element; a pair ``(result, saturated)`` also raises vxsat. Whatever is not element by element is a
named helper in ``core/vector.c``.

The layout of operands and names follows the manual: "Vector Arithmetic Instruction encoding".
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import dsl
from ..dsl import BLOCK_PC, INSNS, OP, Effect, Insn, Type, Value, _cast, _fail, _Special, bit, u64
from ..encoding import EncodingError, Pattern

SEWS = (8, 16, 32, 64)


class Shape(NamedTuple):
    """Widths of the operands, as multiples of SEW, and what the destination is: ``element``, ``mask``, or ``scalar``
    for the result of a reduction."""

    name: str
    vd: float
    vs2: float
    vs1: float
    to: str = "element"


SINGLE = Shape("SINGLE", 1, 1, 1)  # vd = vs2 op vs1
WIDEN = Shape("WIDEN", 2, 1, 1)  # 2*SEW = SEW op SEW
WIDEN_W = Shape("WIDEN_W", 2, 2, 1)  # 2*SEW = 2*SEW op SEW
NARROW = Shape("NARROW", 1, 2, 1)  # SEW = 2*SEW op SEW
EXTEND_2 = Shape("EXTEND_2", 1, 1 / 2, 1)
EXTEND_4 = Shape("EXTEND_4", 1, 1 / 4, 1)
EXTEND_8 = Shape("EXTEND_8", 1, 1 / 8, 1)
COMPARE = Shape("COMPARE", 1, 1, 1, "mask")
REDUCE = Shape("REDUCE", 1, 1, 1, "scalar")
REDUCE_W = Shape("REDUCE_W", 2, 1, 2, "scalar")
SHAPES = (SINGLE, WIDEN, WIDEN_W, NARROW, EXTEND_2, EXTEND_4, EXTEND_8, COMPARE, REDUCE, REDUCE_W)

#: Wide enough for the operations on 2*SEW at SEW=64; not an element.
WIDEST = 128


@dataclass
class Trace:
    """An operation at one SEW: the new element, and whether it saturated."""

    result: Value
    saturated: Value | None
    operands: dict[str, Value]

    def values(self) -> list[Value]:
        """Every node, once."""
        seen: dict[int, Value] = {}
        stack: list[Any] = [self.result, self.saturated]
        while stack:
            v = stack.pop()
            if isinstance(v, Value) and id(v) not in seen:
                seen[id(v)] = v
                stack.extend(v.args)
        return list(seen.values())


@dataclass
class Operation:
    """What one or several instructions (.vv, .vx, .vi) do to each element."""

    name: str
    shape: Shape
    file: str
    line: int
    floating: bool
    needs: dict[int, str]  # extension without which this SEW is reserved
    integers: bool = False  # of a floating one: its source is integers
    bf16: bool = False  # its 16-bit source is of that format
    traces: dict[int, Trace] = field(default_factory=dict)

    @property
    def operands(self) -> list[str]:
        return list(next(iter(self.traces.values())).operands)


#: Every operation by the name of its function.
OPERATIONS: dict[str, Operation] = {}


def element_type(width: float) -> Type:
    return Type(int(width), False)


def double(x: Value) -> Value:
    """x in a type twice as wide, extended as its signedness says."""
    return _cast(x, Type(2 * x.type.width, x.type.signed))


def widen(x: Value, like: Value) -> Value:
    """x extended, as its signedness says, to the width of ``like``."""
    return _cast(x, Type(like.type.width, x.type.signed))


def halve(x: Value) -> Value:
    """The low half of x."""
    return _cast(x, Type(x.type.width // 2, x.type.signed))


def low(x: Value) -> Value:
    """x as u64, for helpers: the low 64 bits, or zero-extended."""
    return _cast(dsl.unsigned(x), u64)


def const_like(n: int, x: Value) -> Value:
    """n as a value of x's type; n may be given modulo 2**width."""
    return Value("const", (x.type.wrap(n),), x.type)


def fp(name: str, *args: Value, to: Type | None = None) -> Value:
    """The floating-point operation NAME_WIDTH of core/vector_fp.h (NAME alone, if it tells the widths) on elements as
    wide as the first argument. The result is as wide, or of type ``to``. Rounds by frm, or as its name says."""
    return Value("fp", (name if "_to_" in name else f"{name}_{args[0].type.width}", *args), to or args[0].type)


def _vector_insn(
    name: str,
    pattern: str,
    syntax: str,
    ext: str,
    call: tuple[str, tuple],
    function: Callable,
    *,
    refines: str = "",
    require: str = "",
    usual: str = "",
) -> None:
    code = function.__code__
    where = f"{code.co_filename}:{code.co_firstlineno}"
    if name in INSNS:
        raise EncodingError(f"{where}: {name} is defined twice")
    try:
        encoding = Pattern(pattern, require)
    except EncodingError as error:
        raise EncodingError(f"{where}: {error}") from None
    new = Insn(
        name,
        name.replace(".", "_"),
        encoding,
        syntax,
        tuple(frozenset(group.split("+")) for group in ext.split("|") if group),
        inspect.getdoc(function) or "",
        code.co_filename,
        code.co_firstlineno,
        refines=refines,
        whole_word=True,
    )
    helper, args = call
    new.effects.append(Effect("helper", args=(OP, BLOCK_PC, *args), name=helper, usual=usual))
    INSNS[name] = new


def _trace(operation: Operation, function: Callable, width: int) -> None:
    shape = operation.shape
    sizes = {"vd": shape.vd, "vs2": shape.vs2, "vs1": shape.vs1, "m": 1, "acc": shape.vd, "vxrm": 64 / width}
    operands = {
        name: Value("operand", (name,), element_type(width * sizes[name]))
        for name in inspect.signature(function).parameters
    }
    result = function(**operands)
    result, saturated = result if isinstance(result, tuple) else (result, None)
    if shape.to == "mask":
        if result.type != bit:
            result = result != 0
    elif result.type.width != int(width * shape.vd) and result.type != bit:
        _fail(f"{operation.name} gives {result.type.name} at SEW={width}")
    operation.traces[width] = Trace(result, saturated, operands)


def operation(
    function: Callable,
    shape: Shape,
    *,
    sews: tuple[int, ...] | None = None,
    floating: bool = False,
    needs: dict[int, str] | None = None,
    integers: bool = False,
    bf16: bool = False,
) -> Operation:
    """Traces a function for every SEW at which all its operands exist, or for those given."""
    code = function.__code__
    name = function.__name__.rstrip("_")
    out = Operation(name, shape, code.co_filename, code.co_firstlineno, floating, needs or {}, integers, bf16)
    wide = max(shape.vd, shape.vs2, shape.vs1)
    narrow = min(shape.vd, shape.vs2, shape.vs1)
    floor = 16 if floating else 8
    for width in sews or [s for s in SEWS if s * wide <= 64 and s * narrow >= floor]:
        _trace(out, function, width)
    if out.name in OPERATIONS:
        out.name += f"_{shape.name.lower()}"
    OPERATIONS[out.name] = out
    return out


#: form -> (funct3 of OPI, OPM, OPF; the field that holds vs1, rs1 or the immediate; its syntax; its name in C)
_VECTOR, _SCALAR, _IMMEDIATE, _FLOAT = "vector", "x", "imm", "f"
_FUNCT3 = {
    ("I", _VECTOR): "000", ("F", _VECTOR): "001", ("M", _VECTOR): "010", ("I", _IMMEDIATE): "011",
    ("I", _SCALAR): "100", ("F", _FLOAT): "101", ("M", _SCALAR): "110",
}  # fmt: skip
_SOURCES = {
    "v": (_VECTOR, "vs1", "vs1", "FORM_V"),
    "x": (_SCALAR, "rs1", "rs1", "FORM_X"),
    "i": (_IMMEDIATE, "imm[4:0]", "imm", "FORM_I"),
    "u": (_IMMEDIATE, "uimm[4:0]", "uimm", "FORM_U"),
    "f": (_FLOAT, "fs1", "fs1", "FORM_F"),
}


def arithmetic(
    category: str,
    funct6: str,
    forms: str,
    shape: Shape = SINGLE,
    *,
    ext: str = "",
    swap: bool = False,
    sews: tuple[int, ...] | None = None,
    needs: dict[int, str] | None = None,
    bf16: bool = False,
) -> Callable:
    """Defines an operation and the instructions that have it.

    ``category``: I, M or F. ``forms``: the suffixes, ``"vv vx vi"``; ``u`` for an unsigned immediate (written ``i``),
    ``w`` for a double-width vs2, a third ``m`` for v0 as an operand.
    ``swap``: assembly has vs1 before vs2 (multiply-add).
    """
    floating = category == "F"
    ext = ext or ("Zve32f" if floating else "Zve32x")

    def define(function: Callable) -> Callable:
        needed = needs
        if needed is None and floating:
            needed = {16: "Zvfh", 32: "Zve32f", 64: "Zve64d"}
            if shape in (WIDEN, WIDEN_W, REDUCE_W):
                needed = {16: "Zvfh", 32: "Zve64d"}
        done = operation(function, shape, sews=sews, floating=floating, needs=needed, bf16=bf16)
        for form in forms.split():
            kind, field_, written, source = _SOURCES[form[1] if len(form) > 1 else form]
            masked = form[2:] == "m"
            uses_m = "m" in done.operands
            vm = "0" if masked else "1" if uses_m else "vm"
            pattern = f"{funct6} {vm} vs2 {field_} {_FUNCT3[category, kind]} vd 1010111"
            operands = ["vd", written, "vs2"] if swap else ["vd", "vs2", written]
            operands += ["v0"] if masked else [] if uses_m else ["vm"]
            suffix = form.replace("u", "i")
            name = f"{function.__name__.rstrip('_').replace('_', '.')}.{suffix}"
            call = ("v_arith", (_Special(f"V_{done.name.upper()}"), _Special(source)))
            usual = "v_arith_plain" if shape is SINGLE and not uses_m else ""
            _vector_insn(name, pattern, ", ".join(operands), ext, call, function, usual=usual)
        return function

    return define


def unary(
    category: str,
    funct6: str,
    vs1: str,
    shape: Shape = SINGLE,
    *,
    ext: str = "",
    sews: tuple[int, ...] | None = None,
    needs: dict[int, str] | None = None,
    integers: bool = False,
) -> Callable:
    """Defines an operation on vs2 alone, with a fixed vs1 field."""
    floating = category == "F"
    ext = ext or ("Zve32f" if floating else "Zve32x")

    def define(function: Callable) -> Callable:
        needed = needs
        if needed is None and floating:
            needed = {16: "Zvfh", 32: "Zve32f", 64: "Zve64d"}
        done = operation(function, shape, sews=sews, floating=floating, needs=needed, integers=integers)
        pattern = f"{funct6} vm vs2 {vs1} {_FUNCT3[category, _VECTOR]} vd 1010111"
        name = function.__name__.rstrip("_").replace("_", ".")
        call = ("v_arith", (_Special(f"V_{done.name.upper()}"), _Special("FORM_NONE")))
        usual = "v_arith_plain" if shape is SINGLE else ""
        _vector_insn(name, pattern, "vd, vs2, vm", ext, call, function, usual=usual)
        return function

    return define


def reduction(category: str, funct6: str, shape: Shape = REDUCE) -> Callable:
    """Defines a reduction: ``acc``, at first vs1[0], and each active vs2[i] give the next acc; vd[0] is the last."""
    floating = category == "F"

    def define(function: Callable) -> Callable:
        needed = None
        if floating:
            needed = {16: "Zvfh", 32: "Zve32f", 64: "Zve64d"}
            if shape is REDUCE_W:
                needed = {16: "Zvfh", 32: "Zve64d"}
        done = operation(function, shape, floating=floating, needs=needed)
        pattern = f"{funct6} vm vs2 vs1 {_FUNCT3[category, _VECTOR]} vd 1010111"
        name = f"{function.__name__.replace('_', '.')}.vs"
        call = ("v_reduce", (_Special(f"V_{done.name.upper()}"),))
        _vector_insn(name, pattern, "vd, vs2, vs1, vm", "Zve32f" if floating else "Zve32x", call, function)
        return function

    return define


def instruction(pattern: str, syntax: str, *, ext: str = "Zve32x", name: str = "", **more: str) -> Callable:
    """Defines one instruction that a helper of core/vector.c carries out: the function returns its name, or a tuple of
    the name and further C arguments. ``usual``: the function that carries out the usual case within the handler."""

    def define(function: Callable) -> Callable:
        call = function()
        helper, *args = call if isinstance(call, tuple) else (call,)
        mnemonic = name or function.__name__.rstrip("_").replace("_", ".")
        _vector_insn(mnemonic, pattern, syntax, ext, (helper, tuple(_Special(str(a)) for a in args)), function, **more)
        return function

    return define


def round_off(x: Value, shift: Value | int, vxrm: Value) -> Value:
    """x >> shift, rounded as vxrm says ("Vector Fixed-Point Rounding Mode Register"). ``shift``: u64 or a constant."""
    amount = shift if isinstance(shift, Value) else Value("const", (shift,), u64)
    increment = dsl.call("v_rounding", low(x), amount, vxrm, to=u64)
    return (x >> amount) + _cast(increment, x.type)


__all__ = [name for name in dir(sys.modules[__name__]) if not name.startswith("_")]
