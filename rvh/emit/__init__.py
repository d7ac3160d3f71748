"""Renderers of the instruction definitions: C handlers and decoder for the core, disassembler, assembler, evaluator.

:func:`generate` writes what the core is compiled from; ``python -m rvh.emit --out build/gen`` calls it.
"""

from __future__ import annotations

from pathlib import Path


def generate(out: Path) -> list[Path]:
    """Writes handlers.c, handlers.h, decode.h, decode.c, hart_layout.h and hart_layout.pxi into ``out``.

    A file whose content is unchanged is left alone, so that build tools see no change. Returns the files written.
    """
    from . import c_groups, c_handlers, c_vector, csr_tables, decoder, layout

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "handlers.h": c_handlers.header(),
        "handlers.c": c_handlers.source(),
        "vector_ops.h": c_vector.header(),
        "vector_properties.h": c_vector.properties(),
        "vector_loops.h": c_vector.loops(soft=False),
        "vector_soft_loops.h": c_vector.loops(soft=True),
        "vector_tables.h": c_vector.tables(),
        "group_ops.h": c_groups.header(),
        "vector_groups.h": c_groups.loops(),
        "decode.h": decoder.header(),
        "decode.c": decoder.source(),
        "csr_tables.h": csr_tables.render_c(),
        "csr_tables.pxi": csr_tables.render_pxi(),
        "hart_layout.h": layout.render_c(),
        "hart_layout.pxi": layout.render_pxi(),
        "state.pxi": layout.state_pxi(),
    }
    written = []
    for name, text in files.items():
        path = out / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            written.append(path)
    return written
