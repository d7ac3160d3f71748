"""Renders instruction definitions as C handlers for the interpreter (core/runtime.h says what a handler is).

Per instruction: ``h_NAME``; ``slow_NAME`` where there is a fast path that can miss; ``h_NAME_rm`` for floating-point
instructions with a static rounding mode; ``h_NAME_FORM`` where an operand is fixed (see forms.py); fused sequences
(see fusion.py).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ..isa import INSNS
from ..isa.dsl import PLAIN, SHADOW, Effect, Insn, Type, Value, _Special, bit, i64, is_relative, u64

_ROOT = Path(__file__).resolve().parents[2]
_BINARY = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "div": "/", "rem": "%"}
_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_WRAPPING = frozenset({"add", "sub", "mul", "and", "or", "xor"})


def c_type(type: Type) -> str:
    return "int" if type == bit else type.name


def next_field(insn: Insn) -> str:
    """The op field that is free in this terminator: it holds the next instruction's distance from the block start."""
    end = insn.terminator
    if end and end.kind == "branch":
        return "rd"
    if end and end.kind == "jump" and is_relative(end.args[0]):
        return "rs1"
    return "rd" if "rs2" in insn.pattern.fields else "rs2"


def has_link(insn: Insn) -> bool:
    """Whether the terminator's successors are known when the block is built."""
    end = insn.terminator
    return end is not None and (end.kind == "branch" or (end.kind == "jump" and is_relative(end.args[0])))


def has_rm(insn: Insn) -> bool:
    """Whether the instruction has a rounding-mode field, which may be reserved or dynamic."""
    return "rm" in insn.pattern.fields


def jumps(insn: Insn) -> bool:
    """Whether the target may be misaligned on a hart without C."""
    return insn.terminator is not None and insn.terminator.kind in ("branch", "jump")


def has_slow(insn: Insn) -> bool:
    """Whether the handler has a slow twin to go to when its fast path does not apply."""
    access = insn.memory
    return has_rm(insn) or bool(access and access.name in ("", PLAIN)) or any(e.usual for e in insn.effects)


class Body:
    """The statements of one instruction, for the op that the C expression ``op`` points at.

    ``mode``: "fast", "slow", "rm" (static rounding mode), "aligned" (a jump on a hart without C), "landing" (an
    indirect jump on a hart with landing pads) or "aligned landing". ``fixed``:
    operands known to be constant, as C expressions; a fixed ``rd`` means that the destination is x0. ``keep``: a C
    variable that gets the result as well.
    """

    def __init__(
        self, insn: Insn, op: str = "op", mode: str = "fast", fixed: dict[str, str] | None = None, keep: str = ""
    ) -> None:
        self.insn, self.op, self.mode, self.fixed = insn, op, mode, fixed or {}
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.keep = f"{keep} = " if keep else ""
        self.leave = False  # a slow path may have asked to leave the block
        self.uses = self._count_uses()

    def _count_uses(self) -> Counter[int]:
        uses: Counter[int] = Counter()
        roots = [a for e in self.insn.effects for a in e.args if isinstance(a, Value)]
        if self.insn.result is not None:
            roots.append(self.insn.result)
        for root in roots:
            uses[id(root)] += 1
        for value in self.insn.values():
            for argument in value.args:
                if isinstance(argument, Value):
                    uses[id(argument)] += 1
        return uses

    # -- expressions

    def operand(self, name: str) -> str:
        if name in self.fixed:
            return self.fixed[name]
        op = self.op
        return {
            "pc": f"(pc + 2 * (u64){op}->off)",
            "next_pc": f"(pc + 2 * (u64){op}->{next_field(self.insn)})",
            "imm": f"(i64){op}->imm",
            "uimm": f"(u64)(u32){op}->imm",
            "csr": f"(u32){op}->imm",
            "zimm": f"(u64){op}->rs1",
            "rd": f"old_rd(h, {op}->rd)",
            "rd_pair": f"register_pair(h, {op}->rd)",
            "rs2_pair": f"register_pair(h, {op}->rs2)",
            "fs3": f"h->f[{op}->imm & 31]",
            "rs3": f"h->x[{op}->imm & 31]",
        }.get(name) or f"h->{'f' if name[0] == 'f' else 'x'}[{op}->{name.replace('f', 'r', 1)}]"

    def expr(self, v: Value) -> str:
        """C text of a value; one used twice gets a name first, unless evaluating it early could trap the host."""
        if id(v) in self.names:
            return self.names[id(v)]
        text = self._expr(v)
        if self.uses[id(v)] > 1 and v.op not in ("const", "is_x0") and not _divides(v):
            name = v.args[0] if v.op == "operand" else f"t{len(self.names)}"
            self.lines.append(f"{c_type(v.type)} {name} = {text};")
            self.names[id(v)] = text = name
        return text

    def _expr(self, v: Value) -> str:
        if v.op == "operand":
            return self.operand(v.args[0])
        if v.op == "const":
            return _constant(v.args[0], v.type)
        if v.op == "is_x0":
            return f"({self.op}->{v.args[0]} == 0)"
        if v.op in ("call", "rounded"):
            name, *args = v.args
            given = ["h", *(self.expr(a) for a in args)]
            if v.op == "rounded" and self.mode != "fast":
                name, given = f"{name}_rm", [*given, "rm"]
            return f"{name}({', '.join(given)})"
        if v.op == "select":
            return "({} ? {} : {})".format(*(self.expr(a) for a in v.args))
        args = [self.expr(a) for a in v.args]
        t = c_type(v.type)
        if v.op in _COMPARE:
            return f"({args[0]} {_COMPARE[v.op]} {args[1]})"
        if v.op in _WRAPPING and v.type != bit:
            # Unsigned arithmetic of at least 32 bits wraps; C's signed does not.
            wide = f"u{max(v.type.width, 32)}"
            args = [a if x.type.name == wide else f"({wide}){a}" for a, x in zip(args, v.args, strict=True)]
            text = f"({args[0]} {_BINARY[v.op]} {args[1]})"
            return text if t == wide else f"({t}){text}"
        if v.op in _BINARY:
            return f"({args[0]} {_BINARY[v.op]} {args[1]})"
        if v.op == "shl":
            return f"({t})((u{max(v.type.width, 32)}){args[0]} << {args[1]})"
        if v.op == "shr":
            return f"({t})(({t}){args[0]} >> {args[1]})"
        if v.op == "not":
            return f"(!{args[0]})" if v.type == bit else f"({t})~{args[0]}"
        if v.op == "cast":
            inner = v.args[0].type
            if inner.width > v.type.width or inner.signed == v.type.signed or inner.width == v.type.width:
                return f"({t}){args[0]}"
            return f"({t})({c_type(Type(inner.width, inner.signed))}){args[0]}"
        if v.op in ("clz", "ctz"):
            suffix = "ll" if v.type.width == 64 else ""
            return f"({args[0]} ? ({t})__builtin_{v.op}{suffix}({args[0]}) : {v.type.width})"
        if v.op == "cpop":
            return f"({t})__builtin_popcountll({args[0]})"
        if v.op == "bswap":
            return f"__builtin_bswap{v.type.width}({args[0]})"
        raise AssertionError(f"no C for {v.op}")

    # -- statements

    def emit(self, text: str) -> None:
        self.lines.append(text)

    def render(self) -> list[str]:
        """All statements up to the destination write, and the terminator if there is one."""
        insn = self.insn
        if has_rm(insn):
            self._rounding_mode()
        for effect in insn.effects:
            if effect is not insn.terminator or effect.kind == "csr":
                getattr(self, f"_{effect.kind}")(effect)
        end = insn.terminator
        if end and end.kind in ("branch", "jump"):
            end_args = [None if self._is_target(a) else self.expr(a) for a in end.args]
            if end.kind == "jump" and end_args[0] is not None and insn.result is not None and "rd" not in self.fixed:
                self.emit(f"u64 to = {end_args[0]};")
                end_args[0] = "to"
                if "aligned" in self.mode:
                    self.emit(f"if (to & 2) {{ target_misaligned(h, to); {self._fail()} }}")
            if "aligned" in self.mode and is_relative(end.args[-1]):
                # The decoder gives this handler only those whose offset is not a multiple of 4.
                condition = f"if ({_bare(end_args[0])}) " if end.kind == "branch" and end_args[0] else ""
                self.emit(f"{condition}{{ target_misaligned(h, pc + (i64){self.op}->imm); {self._fail()} }}")
                if condition:
                    self.emit(f"FOLLOW(h, {self.op}, pc, {self._next_pc()}, next);")
                return self.lines
        if insn.result is not None and "rd" not in self.fixed:
            file = "f" if "fd" in insn.pattern.fields else "x"
            value = self.expr(insn.result)
            if insn.result.type.width == 128:
                self.emit(f"set_register_pair(h, {self.op}->rd, {value});")
            else:
                value = value if insn.result.type == u64 else f"(u64){value}"
                self.emit(f"h->{file}[{self.op}->rd] = {self.keep}{value};")
        if end:
            getattr(self, f"_end_{end.kind}")(end, *(end_args if end.kind in ("branch", "jump") else ()))
        elif self.leave:
            self.emit(f"if (unlikely(h->stop)) return leave_after(h, {self.op}, pc);")
        return self.lines

    @staticmethod
    def _is_target(v: Value) -> bool:
        return v.op == "add" and is_relative(v)

    def _rounding_mode(self) -> None:
        if self.mode == "fast":
            self.emit(f"if (unlikely(h->frm > 3)) TAIL slow_{self.insn.pyname}(h, {self.op}, pc);")
            return
        if self.mode == "slow":
            self.emit("u32 rm = h->frm;")
            self.emit(f"if (rm > 4) {{ exc_illegal(h); return raise_at(h, {self.op}, pc); }}")
        else:
            self.emit(f"u32 rm = ((u32){self.op}->imm >> 8) & 7;")
        self.emit("(void)rm;")

    def _fail(self) -> str:
        return f"return raise_at(h, {self.op}, pc);"

    def _va(self, effect: Effect) -> str:
        self.emit(f"u64 va = {self.expr(effect.args[0])};")
        return "va"

    def _result(self, effect: Effect, name: str) -> None:
        self.names[id(effect.result)] = name

    @property
    def _miss(self) -> str:
        return f"TAIL slow_{self.insn.pyname}(h, {self.op}, pc)"

    def _is_fast(self, effect: Effect) -> bool:
        return self.mode == "fast" and effect.name in ("", PLAIN)

    def _gate(self, effect: Effect) -> None:
        if effect.name not in ("", PLAIN):
            self.emit(f"if (!gate_{'shadow' if effect.name == SHADOW else 'hlv'}(h)) {self._fail()}")

    def _load(self, effect: Effect) -> None:
        t, size = c_type(effect.type), effect.type.width // 8
        self._gate(effect)
        va = self._va(effect)
        if self._is_fast(effect):
            self.emit(f"FAST_READ(h, {t}, {va}, loaded, {self._miss});")
        else:
            self.leave = True
            self.emit(f"if (!slow_load(h, {self.op}, pc, {va}, {size}, {effect.name})) {self._fail()}")
            self.emit(f"{t} loaded = ({t})h->result;")
        self._result(effect, "loaded")

    def _store(self, effect: Effect) -> None:
        t, size = c_type(effect.type), effect.type.width // 8
        self._gate(effect)
        va, value = self._va(effect), self.expr(effect.args[1])
        if self._is_fast(effect):
            self.emit(f"FAST_WRITE(h, {t}, {va}, {value}, {self._miss});")
        else:
            self.leave = True
            self.emit(f"if (!slow_store(h, {self.op}, pc, {va}, {size}, {effect.name}, {value})) {self._fail()}")

    def _location(self, effect: Effect, fast: str, how: str) -> str:
        """Declares p, pointing at the location that an atomic accesses: aligned, except that of a slow AMO."""
        self._gate(effect)
        t, va = c_type(effect.type), self._va(effect)
        how = how if effect.name in ("", PLAIN) else effect.name
        if self._is_fast(effect):
            self.emit(f"{fast}(h, {t}, {va}, p, {self._miss});")
        else:
            self.leave = True
            pointer = "void" if effect.kind == "amo" else t
            self.emit(f"{pointer} *p = slow_amo(h, {self.op}, pc, {va}, {effect.type.width // 8}, {how});")
            self.emit(f"if (!p) {self._fail()}")
        return t

    def _amo(self, effect: Effect) -> None:
        t = self._location(effect, "FAST_RMW", "HOW_PLAIN")
        self._result(effect, "old")
        if self._is_fast(effect):
            self.emit(f"{t} old = *p;")
            self.emit(f"*p = ({t}){self.expr(effect.args[1])};")
            return
        # p may be misaligned (Zama16b).
        self.emit(f"{t} old, new;")
        self.emit("memcpy(&old, p, sizeof old);")
        self.emit(f"new = ({t}){self.expr(effect.args[1])};")
        self.emit("memcpy(p, &new, sizeof new);")

    def _lr(self, effect: Effect) -> None:
        t = self._location(effect, "FAST_ALIGNED", "HOW_LR")
        self.emit("reserve(h, p);")
        self.emit(f"{t} loaded = *p;")
        self._result(effect, "loaded")

    def _sc(self, effect: Effect) -> None:
        value = self.expr(effect.args[1])
        t = self._location(effect, "FAST_RMW", "HOW_SC")
        self.emit("u64 failed = !reserved(h, p);")
        self.emit(f"if (!failed) *p = ({t}){value};")
        self._result(effect, "failed")

    def _csr(self, effect: Effect) -> None:
        kind = int(effect.name)
        number, source = (self.expr(a) for a in effect.args)
        read = f"{self.op}->rd != SINK" if kind == 0 else "1"
        write = "1" if kind == 0 else f"{self.op}->rs1 != 0"
        self.emit(f"if (!csr_op(h, {self.op}, pc, {number}, {kind}, {source}, {read}, {write})) {self._fail()}")
        self._result(effect, "h->result")

    def _helper_call(self, name: str, effect: Effect) -> str:
        args = ["h"]
        for a in effect.args:
            if isinstance(a, Value):
                args.append(self.expr(a))
            else:
                args.append((self.op if a.name == "op" else a.name) if isinstance(a, _Special) else str(a))
        return f"{name}({', '.join(args)})"

    def _call_helper(self, effect: Effect) -> None:
        self.emit(f"if (!{self._helper_call(effect.name, effect)}) {self._fail()}")

    def _helper(self, effect: Effect) -> None:
        if self.mode == "fast" and effect.usual:
            self.emit(f"if (unlikely(!{self._helper_call(effect.usual, effect)})) {self._miss};")
            return
        self._call_helper(effect)
        self.leave = True

    # -- ends of blocks

    def _next_pc(self) -> str:
        return f"pc + 2 * (u64){self.op}->{next_field(self.insn)}"

    def _end_branch(self, effect: Effect, condition: str, _target: None) -> None:
        self.emit(f"if ({_bare(condition)}) FOLLOW(h, {self.op}, pc, pc + (i64){self.op}->imm, taken);")
        self.emit(f"else FOLLOW(h, {self.op}, pc, {self._next_pc()}, next);")

    def _end_jump(self, effect: Effect, target: str | None) -> None:
        if target is None:
            self.emit(f"FOLLOW(h, {self.op}, pc, pc + (i64){self.op}->imm, taken);")
        else:
            if "landing" in self.mode:
                self.emit(f"if (unlikely(h->lpe)) {{ h->elp = 1; return land(h, {target}); }}")
            self.emit(f"return jump_to(h, {target});")

    def _end_csr(self, effect: Effect) -> None:
        self.emit(f"if (unlikely(h->stop)) return leave_at(h, {self._next_pc()});")
        self.emit(f"return jump_to(h, {self._next_pc()});")

    def _end_system(self, effect: Effect) -> None:
        self._call_helper(effect)
        self._end_csr(effect)

    def _end_xret(self, effect: Effect) -> None:
        self._call_helper(effect)
        self.emit("if (unlikely(h->stop)) return leave_at(h, h->pc);")
        self.emit("return jump_to(h, h->pc);")


def _bare(text: str) -> str:
    """An expression without parentheses around the whole of it."""
    depth = 0
    for n, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if n == len(text) - 1 and n else text
    return text


def _divides(v: Value) -> bool:
    return v.op in ("div", "rem") or any(_divides(a) for a in v.args if isinstance(a, Value))


def _constant(n: int, type: Type) -> str:
    if type == u64 or type == i64:
        text = f"0x{n & (1 << 64) - 1:x}u" if abs(n) > 0xFFFF else str(n)
        return f"({type.name}){text}" + ("ll" if abs(n) > 0xFFFF else "")
    if type.width > 64:
        return f"({type.name})(i64){n}"
    return f"({c_type(type)}){n & ((1 << type.width) - 1):#x}u"


def source_line(insn: Insn) -> str:
    """A directive that makes the compiler and the debugger point at the definition. What comes from it follows in one
    line, so that all of it is there."""
    return f'#line {insn.line + 1} "{Path(insn.file).relative_to(_ROOT)}"'


def function(name: str, lines: list[str], source: Insn | None = None, *, cold: bool = False) -> str:
    """One C function with the handler's signature around these statements."""
    text = "\n".join(lines) if source is None else " ".join(lines)
    unused = "".join(f"(void){name}; " for name in ("op", "pc") if not _mentions(text, name))
    head = f"{'COLD ' if cold else ''}void {name}(Hart *h, const Op *op, u64 pc)"
    if source is None:
        return f"{head}\n{{\n{text}\n}}\n"
    return f"{source_line(source)}\n{head} {{ {unused}{text} }}\n"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def handler(insn: Insn, mode: str = "fast", fixed: dict[str, str] | None = None) -> list[str]:
    """The statements of a whole handler: the body, then on to the next op."""
    lines = Body(insn, "op", mode, fixed).render()
    return lines if insn.terminator else [*lines, "NEXT(h, op, pc);"]


def variants() -> dict[str, str]:
    """Every handler of every instruction: name -> C text."""
    from .forms import FORMS

    out = {}
    for insn in INSNS.values():
        slow = has_slow(insn)
        if slow:
            out[f"slow_{insn.pyname}"] = function(f"slow_{insn.pyname}", handler(insn, "slow"), insn, cold=True)
        name = f"h_{insn.pyname}"
        out[name] = function(name, handler(insn), insn)
        if has_rm(insn):
            out[f"{name}_rm"] = function(f"{name}_rm", handler(insn, "rm"), insn)
        if jumps(insn):
            out[f"{name}_aligned"] = function(f"{name}_aligned", handler(insn, "aligned"), insn)
        if jumps(insn) and not has_link(insn):
            for mode in ("landing", "aligned landing"):
                variant = f"{name}_{mode.replace(' ', '_')}"
                out[variant] = function(variant, handler(insn, mode), insn)
    for form in FORMS:
        insn = INSNS[form.base]
        out[form.handler] = function(form.handler, handler(insn, "fast", form.operands()), insn)
    return out


_ILLEGAL = """void h_illegal(Hart *h, const Op *op, u64 pc)
{
    exc_illegal(h);
    return raise_at(h, op, pc);
}
"""


def header() -> str:
    """handlers.h: prototypes of every handler."""
    from .fusion import fused_names

    names = ["h_illegal", *variants(), *fused_names()]
    lines = [
        "/* Generated by rvh.emit. */",
        "#ifndef RVH_HANDLERS_H",
        "#define RVH_HANDLERS_H",
        '#include "runtime.h"',
        "",
    ]
    lines += [f"void {name}(Hart *h, const Op *op, u64 pc);" for name in names]
    return "\n".join([*lines, "", "#endif", ""])


_PROLOGUE = """/* Generated by rvh.emit from rvh/isa. */
#include "runtime.h"
#include "helpers.h"
#include "vector.h"
#include "handlers.h"

/* Handlers must end in jumps. gcc makes them of any call in tail position from -O2 on; where the compiler can be
 * made to promise it, it is. */
#ifdef __has_attribute
#if __has_attribute(musttail)
#define TAIL __attribute__((musttail)) return
#endif
#endif
#ifndef TAIL
#define TAIL return
#endif
#undef NEXT
#define NEXT(h, op, pc) TAIL (op)[1].fn((h), (op) + 1, (pc))
#define COLD __attribute__((noinline, cold))
"""


def source() -> str:
    """handlers.c."""
    from .fusion import fused_functions

    return "\n".join([_PROLOGUE, _ILLEGAL, *variants().values(), *fused_functions().values()])
