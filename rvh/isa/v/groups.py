"""How instructions on element groups are defined ("Vector Element Groups"): by a function of one group, traced once per
element width.

A definition's parameters are lists of unsigned elements, lowest first: ``vd`` as it is before, ``vs2``, ``vs1``; and
``uimm``, a u64. The result is the list of vd's new elements. Every element of vd below vl is written; there is no mask.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..dsl import Value, _fail, _Special, u64
from .dsl import _vector_insn, element_type


@dataclass
class GroupTrace:
    """An operation at one SEW."""

    results: list[Value]
    operands: dict[str, list[Value]]

    def values(self) -> list[Value]:
        """Every node, once."""
        seen: dict[int, Value] = {}
        stack: list[Any] = list(self.results)
        while stack:
            v = stack.pop()
            if isinstance(v, Value) and id(v) not in seen:
                seen[id(v)] = v
                stack.extend(v.args)
        return list(seen.values())


@dataclass
class GroupOperation:
    """What the instructions of one name do to each group of ``size`` elements. vd may not overlap those in ``apart``;
    a SEW in ``needs`` is reserved without that extension."""

    name: str
    size: int
    apart: frozenset[str]
    needs: dict[int, str]
    traces: dict[int, GroupTrace] = field(default_factory=dict)


#: Every operation by the name of its function.
GROUP_OPERATIONS: dict[str, GroupOperation] = {}

#: The forms in C: with vs1, with vs2 alone, with one group of vs2 for all, with an immediate in place of vs1.
_FORMS = {("vv", True): "GROUP_VV", ("vv", False): "GROUP_V", ("vs", False): "GROUP_VS", ("vi", False): "GROUP_I"}


def group(
    forms: str,
    source: str,
    *,
    ext: str,
    size: int = 4,
    sews: tuple[int, ...] = (32,),
    apart: str = "",
    needs: dict[int, str] | None = None,
) -> Callable:
    """Defines an operation and its instructions.

    ``forms``: suffixes with their funct6, ``"vv=101000 vs=101001"``. ``source``: what is in the place of vs1: ``vs1``,
    ``uimm[4:0]``, or fixed bits. ``size``: elements in a group (EGS). ``apart``: operands that vd may not overlap; for
    the .vs form vs2 is always one.
    """

    def define(function: Callable) -> Callable:
        name = function.__name__
        done = GroupOperation(name, size, frozenset(apart.split()), needs or {})
        for width in sews:
            operands = {
                p: [Value("operand", (f"{p}_{n}",), element_type(width)) for n in range(size)]
                for p in inspect.signature(function).parameters
                if p != "uimm"
            }
            more = {"uimm": Value("operand", ("uimm",), u64)} if source.startswith("uimm") else {}
            results = function(**operands, **more)
            if [r.type for r in results] != [element_type(width)] * size:
                _fail(f"{name} does not give {size} elements of {width} bits")
            done.traces[width] = GroupTrace(results, operands | {k: [v] for k, v in more.items()})
        GROUP_OPERATIONS[name] = done
        for form in forms.split():
            suffix, _, funct6 = form.partition("=")
            written = source.partition("[")[0]
            syntax = "vd, vs2" if written.isdigit() else f"vd, vs2, {written}"
            call = (_Special(f"G_{name.upper()}"), _Special(_FORMS[suffix, source == "vs1"]))
            pattern = f"{funct6} 1 vs2 {source} 010 vd 1110111"
            _vector_insn(f"{name}.{suffix}", pattern, syntax, ext, ("v_group", call), function)
        return function

    return define
