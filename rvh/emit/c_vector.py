"""Renders the vector operations (isa/v) as C loops over elements, and the tables of them, for core/vector*.c.

One loop for each operation and element width serves all of its forms (a scalar is spread over a buffer first) and
masked execution (the loop writes to a buffer, from which the active elements are taken). Floating-point operations have
two: by the host's arithmetic, and by that of integers for what the host cannot do.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import isqrt

from ..isa import INSNS
from ..isa.dsl import Value
from ..isa.extensions import BIT
from ..isa.v.dsl import OPERATIONS, SEWS, SHAPES, Operation, Trace
from .c_handlers import Body, c_type

_PRAGMA = '_Pragma("GCC ivdep")'

#: Operations of core/vector_fp.h that are there under both names, native_* and soft_*.
_NATIVE = {f"{name}_{width}" for name in "add sub mul div sqrt fma eq lt le".split() for width in (32, 64)}
_NATIVE |= {"widen_32", "narrow_64", "from_i32_to_32", "from_i32_to_64", "from_i64_to_64"}
_SOFT = {f"{name}_16" for name in "add sub mul div sqrt fma eq lt le".split()}


def _float_name(name: str, soft: bool) -> str:
    if name in _NATIVE:
        return f"{'soft' if soft else 'native'}_{name}"
    return f"{'soft' if name in _SOFT or name.startswith('from_') else 'vf'}_{name}"


class Element(Body):
    """The expressions of one element."""

    def __init__(self, trace: Trace, soft: bool) -> None:
        self.trace, self.op, self.mode, self.fixed, self.soft = trace, "op", "fast", {}, soft
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.uses = Counter()
        for root in (trace.result, trace.saturated):
            if root is not None:
                self.uses[id(root)] += 1
        for name, operand in trace.operands.items():
            if name in ("acc", "vxrm"):  # variables of the loop's function
                self.names[id(operand)] = name
        for value in trace.values():
            for argument in value.args:
                if isinstance(argument, Value):
                    self.uses[id(argument)] += 1

    def _expr(self, v: Value) -> str:
        # Signed products stay signed (-fwrapv): gcc 12 takes the high half of unsigned ones wrongly.
        if v.op == "mul" and v.type.signed and v.type.width >= 32:
            a, b = (self.expr(x) for x in v.args)
            return f"({c_type(v.type)})(({c_type(v.type)}){a} * ({c_type(v.type)}){b})"
        if v.op == "fp":
            given = [self.expr(a) for a in v.args[1:]]
            return f"{_float_name(v.args[0], self.soft)}({', '.join(given)}, rm, &flags)"
        return super()._expr(v)

    def operand(self, name: str) -> str:
        return f"p_{name}[i]"


def _loop(operation: Operation, width: int, soft: bool) -> str:
    trace = operation.traces[width]
    element = Element(trace, soft)
    result = element.expr(trace.result)
    if trace.saturated is not None:
        # Masked-off elements do not saturate; v0's bits come as bytes, or it is NULL.
        element.lines.append(f"saturated |= {element.expr(trace.saturated)} & (v0 ? v0[i] : 1);")
    name = f"loop_{operation.name}_{width}"
    scalar = operation.shape.to == "scalar"
    out = "u8" if operation.shape.to == "mask" else f"u{int(width * operation.shape.vd)}"
    computes = any(value.op == "fp" for value in trace.values())
    lines = ["const u32 rm = h->frm; u32 flags = 0;"] if computes else []
    for operand, value in trace.operands.items():
        if operand == "vxrm":
            lines.append("u64 vxrm = h->vxrm;")
        elif operand != "acc":
            pointer = {"m": "v0"}.get(operand, operand)
            # v0's bits come as bytes
            element_type = "u8" if operand == "m" else c_type(value.type)
            lines.append(f"const {element_type} *p_{operand} = (const void *){pointer};")
    statements = " ".join(element.lines)
    if scalar:
        lines.insert(0, f"{out} acc; memcpy(&acc, vs1, sizeof acc);")
        body = f"{{ {statements} acc = ({out}){result}; }}"
        lines.append(f"if (v0) {{ for (u64 i = 0; i < n; i++) if (v0[i]) {body} }}")
        lines.append(f"else {{ {_PRAGMA} for (u64 i = 0; i < n; i++) {body} }}")
        lines.append("memcpy(out, &acc, sizeof acc);")
    else:
        if trace.saturated is not None:
            lines.append("int saturated = 0;")
        lines.append(f"{out} *p_out = out;")
        lines.append(f"{_PRAGMA} for (u64 i = 0; i < n; i++) {{ {statements} p_out[i] = ({out}){result}; }}")
    if trace.saturated is not None:
        lines.append("h->vxsat |= (u64)saturated;")
    if computes:
        lines.append("fp_raise(h, flags);")
    head = (
        f"static void {name}(Hart *h, void *out, const void *vd, const void *vs2, const void *vs1, const u8 *v0, u64 n)"
    )
    return f"{head}\n{{\n    (void)h, (void)vd, (void)vs1, (void)v0;\n    " + "\n    ".join(lines) + "\n}\n"


def _bits(extension: str) -> str:
    bit = BIT[extension].bit_length() - 1
    return f"(u128)1 << {bit}"


def header() -> str:
    """vector_ops.h: the numbers of shapes and operations."""
    lines = ["/* Generated by rvh.emit from rvh/isa/v. */", "#ifndef RVH_VECTOR_OPS_H", "#define RVH_VECTOR_OPS_H"]
    lines += ["enum {", *(f"    SHAPE_{shape.name}," for shape in SHAPES), "};"]
    lines += ["enum {", *(f"    V_{name.upper()}," for name in OPERATIONS), "    V_OPERATIONS", "};", "#endif", ""]
    return "\n".join(lines)


def properties() -> str:
    """vector_properties.h: what core/vector.c must know of each operation before it runs the loop."""
    rows = []
    for operation in OPERATIONS.values():
        needs = ", ".join(_bits(operation.needs[w]) if w in operation.needs else "0" for w in SEWS)
        uses_m = int("m" in operation.operands)
        kinds = f"{int(operation.floating)}, {int(operation.integers)}, {int(operation.bf16)}"
        rows.append(f"    {{{{{needs}}}, SHAPE_{operation.shape.name}, {uses_m}, {kinds}}}, /* {operation.name} */")
    head = ["/* Generated by rvh.emit from rvh/isa/v. */", "static const VOperation operations[V_OPERATIONS] = {"]
    return "\n".join([*head, *rows, "};", ""])


def loops(soft: bool) -> str:
    """vector_loops.h, and vector_soft_loops.h with those floating-point ones that need not be the host's: the loops,
    and the table of them by operation and vsew under the name VARIANT."""
    assert INSNS  # defines the operations
    out = ["/* Generated by rvh.emit from rvh/isa/v. */"]
    rows = []
    for operation in OPERATIONS.values():
        names = []
        for width in SEWS:
            if width in operation.traces and (operation.floating or not soft):
                out.append(_loop(operation, width, soft))
                names.append(f"loop_{operation.name}_{width}")
            else:
                names.append("0")
        rows.append(f"    {{{', '.join(names)}}}, /* {operation.name} */")
    return "\n".join([*out, "VLoop *const VARIANT[V_OPERATIONS][4] = {", *rows, "};", ""])


def _nearest(x: Fraction) -> int:
    return int(x + Fraction(1, 2))


def tables() -> str:
    """vector_tables.h: what vfrec7.v and vfrsqrt7.v look up: the fraction of the reciprocal, or of its square root, of
    the middle of each of 128 intervals, to the nearest of 7 bits; that is what the manual's tables hold."""
    reciprocals = [_nearest(128 * (2 / (1 + Fraction(2 * i + 1, 256)) - 1)) for i in range(128)]
    roots = []
    for i in range(128):
        x = (1 + Fraction(2 * (i & 63) + 1, 128)) * (1 if i >> 6 else 2)
        twice = isqrt(int(4 / x * 256 * 256)) - 256  # 256 * (2 / sqrt(x) - 1), rounded down
        roots.append((twice + 1) // 2)
    out = ["/* Generated by rvh.emit. */"]
    for name, values in (("vf_rec7", reciprocals), ("vf_rsqrt7", roots)):
        out.append(f"static const u8 {name}[128] = {{{', '.join(map(str, values))}}};")
    return "\n".join([*out, ""])
