"""What RISC-V is: every instruction and CSR, once. Imports nothing else of rvh.

`INSNS` and `ALIASES` hold all instructions by name. The first use of either defines them and checks that no two
encodings overlap; a program that only runs a machine does not pay for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dsl import ALIASES, INSNS

__all__ = ["ALIASES", "INSNS", "MODULES"]

_SMALL = (
    "zihintntl", "zimop", "zicfilp", "zicfiss", "zcb", "zacas", "zabha", "zfh", "zfbfmin", "zfa", "zbk", "zkn", "zks",
    "v",
)  # fmt: skip

#: The modules that define instructions, in the order of the manual.
MODULES = ("rv64i", "m", "a", "f", "d", "zicsr", "system", "b", "zicond", "h", "c", *_SMALL)


def __getattr__(name: str) -> Any:
    if name not in ("INSNS", "ALIASES"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in MODULES:
        import_module(f"{__name__}.{module}")
    from . import dsl

    dsl.check_overlaps()
    globals().update(INSNS=dsl.INSNS, ALIASES=dsl.ALIASES)
    return globals()[name]
