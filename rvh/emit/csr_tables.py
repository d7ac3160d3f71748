"""Renders ``isa/csrs.py`` and ``isa/access.py`` for the core: ``csr_tables.h`` (C tables and gate functions) and
``csr_tables.pxi`` (their Cython declaration)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rvh.isa import access, csrs, extensions
from rvh.isa.access import MODES, REASONS, Condition, Lacking, Rule, Undelegated, Within
from rvh.isa.csrs import CSRS, Bits, Csr

#: Fields of registers whose masks the core knows by name: MSTATUS_MPRV and so on.
_FIELDS: dict[str, Mapping[str, Bits]] = {
    "MSTATUS": csrs.MSTATUS,
    "MNSTATUS": csrs.MNSTATUS,
    "HSTATUS": csrs.HSTATUS,
    "ENVCFG": csrs.ENVCFG,
    "MSECCFG": csrs.MSECCFG,
    "HPMEVENT": csrs.HPMEVENT,
    "TCONTROL": csrs.TCONTROL,
}
_REASON_NAMES = {
    "ENCODING": access.ENCODING,
    "ABSENT_CSR": access.ABSENT_CSR,
    "READ_ONLY": access.READ_ONLY,
    "POLLED": access.POLLED,
    "RESERVED_RM": access.RESERVED_RM,
}


def _constants() -> Iterator[tuple[str, int]]:
    for name, n in csrs.INTERRUPTS.items():
        yield f"IRQ_{name}", n
        yield f"MIP_{name}P", 1 << n
    yield "MIP_S", csrs.S_INTERRUPTS
    yield "MIP_VS", csrs.VS_INTERRUPTS
    for name, n in csrs.CAUSES.items():
        yield f"CAUSE_{name}", n
    yield "CAUSE_INTERRUPT", 1 << 63
    for name, code in csrs.SOFTWARE_CHECKS.items():
        yield name, code
    yield "TRANSFORMED_CAUSES", csrs.ACCESS_CAUSES
    for register, fields in _FIELDS.items():
        for name, bits in fields.items():
            yield f"{register}_{name}", csrs.mask_of(bits)
    yield "SSTATUS_VIEW", sum(map(csrs.mask_of, csrs.SSTATUS.values())) & ~csrs.mask_of(csrs.SSTATUS["SD"])
    for row in CSRS:
        yield f"CSR_{row.name.upper()}", row.number
    for name, reason in _REASON_NAMES.items():
        yield f"REASON_{name}", REASONS.index(reason)


def _storage(row: Csr) -> str:
    return row.storage or csrs.ZERO  # views have none


def _condition(when: Condition) -> str:
    if isinstance(when, Within):
        outside = "" if when.inside else "!"
        return f"{outside}(h->{when.name} - {when.low:#x} <= {when.high - when.low:#x}ull)"
    if isinstance(when, Undelegated):
        return f"!(h->mcounteren >> (h->{when.name} & 31) & 1)"
    if isinstance(when, Lacking):
        return f"{_condition(when.where)} && !(h->ext & EXT_{when.extension.upper()})"
    storage = _storage(when.csr)
    if when.csr.name in ("sstatus", "sip", "sie"):  # views have no storage of their own
        raise ValueError(f"{when.field}: name the register that holds it")
    return f"{'!' if when.clear else ''}(h->{storage} & {csrs.mask_of(when.bits):#x}ull)"


def _body(rules: list[Rule]) -> list[str]:
    """Statements that return the index of the reason of the first rule that applies, or 0."""
    out: list[str] = []
    for rule in rules:
        index = REASONS.index(rule.reason)
        if rule.when is None:
            return [*out, f"return {index};"]
        out.append(f"if ({_condition(rule.when)}) return {index};")
    return [*out, "return 0;"]


class _Gates:
    """Gate functions, one for each different body."""

    def __init__(self) -> None:
        self.by_body: dict[str, str] = {}
        self.text: list[str] = []

    def of(self, name: str, rules: list[Rule], mode: str) -> tuple[str, int]:
        """``(gate function or "0", static reason)`` for a subject in a mode."""
        chosen = access.rules_in(rules, mode)
        if not chosen:
            return "0", 0
        if chosen[0].when is None:
            return "0", REASONS.index(chosen[0].reason)
        body = " ".join(_body(chosen))
        if body not in self.by_body:
            self.by_body[body] = f"gate_{name}_{mode.lower()}"
            self.text.append(f"static u32 {self.by_body[body]}(Hart *h) {{ {body} }}")
        return self.by_body[body], 0


def _instruction_gate(name: str, rules: list[Rule]) -> str:
    out = [f"static inline u32 access_{name}(Hart *h)", "{", "    switch (h->v << 2 | h->priv) {"]
    for mode, index in MODES.items():
        out.append(f"    case {index}: {' '.join(_body(access.rules_in(rules, mode)))}")
    return "\n".join([*out, "    }", "    return 0;", "}"])


def _mask_function(row: Csr) -> str:
    out = [f"static u64 mask_{row.name}(const Hart *h)", "{", f"    u64 m = {row.writable:#x}ull;"]
    for name, bits in row.extra:
        if name in extensions.BIT:
            out.append(f"    m |= h->ext & EXT_{name.upper()} ? {bits:#x}ull : 0;")
    return "\n".join([*out, "    return m;", "}"])


def _has_mask_function(row: Csr) -> bool:
    return any(name in extensions.BIT for name, _ in row.extra)


def _set(names: Iterable[str]) -> str:
    return " | ".join(f"EXT_{name.upper()}" for name in names) or "0"


def _row(row: Csr, gates: _Gates, index: dict[str, int]) -> str:
    deny, gate = [0] * 8, ["0"] * 8
    for mode, m in MODES.items():
        gate[m], deny[m] = gates.of(row.name, access.csr_rules(row), mode)
    words = row.needs.split()
    needs = _set(word for word in words if "/" not in word and "!" not in word)
    lacks = _set(word[1:] for word in words if "!" in word)
    either = _set(name for word in words if "/" in word for name in word.split("/"))
    assert sum("/" in word for word in words) <= 1, "one set of alternatives"
    return (
        f"    {{ {needs}, {lacks}, {either}, {row.writable:#x}ull, offsetof(Hart, {_storage(row)}), {row.number:#x}, "
        f"{index[row.twin] if row.twin else 0}, {row.read_only << 1 | row.polled}, "
        f"{f'mask_{row.name}' if _has_mask_function(row) else '0'}, "
        f"{f'csr_read_{row.read}' if row.read else '0'}, {f'csr_write_{row.write}' if row.write else '0'}, "
        f"{f'csr_rmw_{row.rmw}' if row.rmw else '0'}, "
        f"{{ {', '.join(map(str, deny))} }}, {{ {', '.join(gate)} }} }}, /* {row.name} */"
    )


_STRUCT = """typedef struct CsrRow {
    u128 needs;     /* extensions without which it does not exist */
    u128 lacks;     /* and with which it does not */
    u128 either;    /* and of these one, unless there are none */
    u64 writable;   /* bits that a write changes, when `mask` is not given */
    u32 offset;     /* of its storage in Hart */
    u16 number;
    u16 twin;       /* row that V=1 reaches instead, or 0 */
    u8 refused;     /* at any privilege: bit 0 accesses that do not write, bit 1 those that do */
    u64 (*mask)(const Hart *h);
    u64 (*read)(Hart *h, u32 csr);
    void (*write)(Hart *h, u32 csr, u64 value);
    u64 (*rmw)(Hart *h, u32 csr);
    u16 deny[8];    /* by v << 2 | priv: reason it is always refused */
    u32 (*gate[8])(Hart *h);
} CsrRow;"""


def render_c() -> str:
    """``csr_tables.h``; included by the core's one translation unit only."""
    gates = _Gates()
    index = {row.name: n for n, row in enumerate(CSRS, start=1)}
    rows = [_row(row, gates, index) for row in CSRS]
    out = ["/* Generated from rvh/isa/csrs.py and rvh/isa/access.py. */"]
    out += ["#ifndef RVH_CSR_TABLES_H", "#define RVH_CSR_TABLES_H", "#include <stddef.h>"]
    out += ['#include "runtime.h"', '#include "decode.h"']
    out += [f"#define {name} {value:#x}ull" for name, value in _constants()]
    out.append(_STRUCT)
    for kind, args, result in (
        ("read", "", "u64"),
        ("rmw", "", "u64"),
        ("write", ", u64 value", "void"),
    ):
        names = sorted({getattr(row, kind) for row in CSRS} - {""})
        out += [f"{result} csr_{kind}_{name}(Hart *h, u32 csr{args});" for name in names]
    out += [_mask_function(row) for row in CSRS if _has_mask_function(row)]
    out += gates.text
    out += [_instruction_gate(name, rules) for name, rules in access.INSTRUCTIONS.items()]
    out.append("static const CsrRow csr_rows[] = {")
    out.append("    { 0 },")
    out += rows
    out += ["};", "static const u8 csr_index[4096] = {"]
    out += [f"    [{row.number:#x}] = {index[row.name]}," for row in CSRS]
    out += ["};", "static const u8 reason_cause[] = {"]
    out += [f"    {reason.cause}," for reason in REASONS]
    out += ["};"]
    for row in CSRS:
        if row.fixed and row.storage:
            out.append(f"#define {row.name.upper()}_FIXED {row.fixed:#x}ull")
        if not _has_mask_function(row) and row.write:
            out.append(f"#define mask_{row.name}(h) {row.writable:#x}ull")
    out.append("#endif")
    assert len(CSRS) < 256, "csr_index holds bytes"
    return "\n".join(out) + "\n"


def render_pxi() -> str:
    """``csr_tables.pxi``."""
    out = [
        "# Generated from rvh/isa/csrs.py and rvh/isa/access.py.",
        'cdef extern from "csr_tables.h" nogil:',
    ]
    out.append("""    ctypedef struct CsrRow:
        u128 needs
        u128 lacks
        u128 either
        u64 writable
        u32 offset
        u16 number
        u16 twin
        u8 refused
        u64 (*mask)(const Hart *h) noexcept nogil
        u64 (*read)(Hart *h, u32 csr) noexcept nogil
        void (*write)(Hart *h, u32 csr, u64 value) noexcept nogil
        u64 (*rmw)(Hart *h, u32 csr) noexcept nogil
        u16 deny[8]
        u32 (*gate[8])(Hart *h) noexcept nogil
    const CsrRow csr_rows[]
    const u8 csr_index[4096]
    const u8 reason_cause[]""")
    out += [f"    const u64 {name}" for name, _ in _constants()]
    out += [f"    const u128 EXT_{name.upper()}" for name in extensions.BIT]  # defined by decode.h
    for row in CSRS:
        if row.fixed and row.storage:
            out.append(f"    const u64 {row.name.upper()}_FIXED")
        if _has_mask_function(row) or row.write:
            out.append(f"    u64 mask_{row.name}(const Hart *h)")
    out += [f"    u32 access_{name}(Hart *h)" for name in access.INSTRUCTIONS]
    return "\n".join(out) + "\n"


def generate(out: Path) -> list[Path]:
    """Writes both renderings into the folder ``out``; returns the files whose content has changed."""
    written = []
    for name, text in (("csr_tables.h", render_c()), ("csr_tables.pxi", render_pxi())):
        path = out / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            written.append(path)
    return written
