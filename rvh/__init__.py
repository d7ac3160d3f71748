"""rvh: a RISC-V emulator with the hypervisor extension.

`Machine` is the way in; ``rvh-run`` is the same from the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Machine", "Stop", "__version__"]
__version__ = "0.1.0"

if TYPE_CHECKING:
    from .machine import Machine, Stop


def __getattr__(name: str) -> Any:
    # The core is loaded when it is first asked for: `rvh-run --version` need not wait for it.
    if name in ("Machine", "Stop", "Hart"):
        from . import machine

        return getattr(machine, name)
    raise AttributeError(f"module 'rvh' has no attribute {name!r}")
