"""The mistakes: each is one that an emulator, a core or their specification's readers have made, and where it would be
made here. A module for each topic; their numbers are their places in `MISTAKES`.
"""

from .control_flow import CONTROL_FLOW
from .extensions import PRIVILEGED
from .mistake import Mistake
from .refusals import PROTECTION, REFUSALS
from .registers import REGISTERS
from .translation import TLB, WALKS
from .traps import TRAPS
from .triggers import TRIGGERS

__all__ = ["MISTAKES", "Mistake"]

MISTAKES: list[Mistake] = [
    *TRAPS,
    *WALKS,
    *TLB,
    *REGISTERS,
    *REFUSALS,
    *PROTECTION,
    *PRIVILEGED,
    *CONTROL_FLOW,
    *TRIGGERS,
]
