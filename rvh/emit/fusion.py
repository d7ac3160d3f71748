"""Sequences of instructions executed by one handler: the bodies of each in turn, without a dispatch in between."""

from __future__ import annotations


def fused_functions() -> dict[str, str]:
    """Every fused handler: name -> C text."""
    return {}


def fused_names() -> list[str]:
    """The names of all fused handlers."""
    return []


def fuse_function() -> str:
    """The C function rvh_fuse()."""
    return "void rvh_fuse(Op *a)\n{\n    (void)a;\n}\n"
