"""Traps and translations in words: why this access faulted, why this trap went where it went, what its registers say.

>>> from rvh import explain
>>> print(explain.translation(machine.harts[0], 0x4000_1000, "store", "VS"))
>>> print(explain.trap(machine.harts[0]))

Both look at a hart and change nothing (docs/explain.md).
"""

from .translation import ACCESSES, Step, Translation, Why, translation
from .trap import Trap, Value, fetch, looping, trap

__all__ = ["ACCESSES", "Step", "Translation", "Trap", "Value", "Why", "fetch", "looping", "translation", "trap"]
