"""Renders ``core/layout.py`` as C (``hart_layout.h``) and as the Cython declaration of it (``hart_layout.pxi``)."""

from __future__ import annotations

from rvh.core import layout

_HEADER = """cdef extern from "runtime.h" nogil:
    ctypedef unsigned char u8
    ctypedef unsigned short u16
    ctypedef unsigned int u32
    ctypedef unsigned long long u64
    ctypedef unsigned long long u128  # in C twice as wide: not to be converted to Python
    ctypedef signed char i8
    ctypedef short i16
    ctypedef int i32
    ctypedef long long i64
    ctypedef struct Op:
        void (*fn)(Hart *h, const Op *op, u64 pc) noexcept nogil
        u8 rd, rs1, rs2, off
        i32 imm
    ctypedef void (*Handler)(Hart *h, const Op *op, u64 pc) noexcept nogil
    ctypedef struct Links:
        const Op *taken
        const Op *next
    ctypedef struct TlbEntry:
        u64 rtag, wtag, xtag, addend
    ctypedef struct JumpEntry:
        u64 pc, ctx
        const Op *ops
    ctypedef struct Context:
        u64 atp, hgatp, flags, gen, number
    ctypedef struct LogAccess:
        u64 va, pa, value
        u32 size, kind
    ctypedef struct LogStep:
        u64 slot, pa, pte
        u8 guest, nested, level
    ctypedef struct AccessLog:
        u32 n_mem, n_walk, walks, probe
        void *trace
        LogAccess mem[1]
        LogStep walk[1]
    u32 LOG_MEM_MAX, LOG_WALK_MAX
    ctypedef u64 (*ReadFn)(void *dev, Hart *h, u64 off, u32 size) noexcept nogil
    ctypedef void (*WriteFn)(void *dev, Hart *h, u64 off, u32 size, u64 value) noexcept nogil
    bint likely(bint)
    bint unlikely(bint)
    u64 TLB_NONE
    u64 PAGE_MASK
    u8 OP_HEADER
    u32 HOW_PLAIN, HOW_GUEST, HOW_HLVX, HOW_LR, HOW_SC, HOW_SHADOW, HOW_CHECK
"""


def _join(ctype: str, name: str) -> str:
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"


def render_c() -> str:
    """The C header: constants and every struct of the layout, in order."""
    out = ["/* Generated from rvh/core/layout.py. */"]
    out += [f"#define {name} {value}" for name, value in layout.CONSTANTS.items()]
    for struct, fields in layout.STRUCTS.items():
        out.append(f"typedef struct {struct} {struct};")
        out.append(f"struct {struct} {{")
        out += [f"    {_join(t, name)}{f'[{n}]' if n else ''};" for name, t, n, _ in fields]
        out.append("};")
    return "\n".join(out) + "\n"


def render_pxi() -> str:
    """The Cython declaration of the same constants and structs."""
    out = ["# Generated from rvh/core/layout.py.", _HEADER]
    out.append("    enum:")
    out += [f"        {name}" for name in layout.CONSTANTS]
    for struct, fields in layout.STRUCTS.items():
        out.append(f"    ctypedef struct {struct}:")
        out += [f"        {_join(t, name)}{f'[{n}]' if n else ''}" for name, t, n, _ in fields]
    return "\n".join(out) + "\n"


def _state_function(struct: str) -> list[str]:
    """A Cython function that gives the saved fields of a struct as bytes, in the layout's order."""
    name = struct.lower()
    out = [f"cdef bytes {name}_state({struct} *p):", "    cdef list parts = []"]
    for field, _, _, kind in layout.STRUCTS[struct]:
        if kind in ("arch", "run"):
            out.append(f"    parts.append((<char *>&p.{field})[:sizeof(p.{field})])")
    return [*out, '    return b"".join(parts)', ""]


def state_pxi() -> str:
    """``state.pxi``: the saved state of a hart and of the board."""
    return "\n".join(["# Generated from rvh/core/layout.py.", *_state_function("Hart"), *_state_function("Board")])
