"""What RISC-V is: every instruction and CSR, once. Imports nothing else of rvh.

Importing this package defines all instructions and checks that no two encodings overlap.
"""

from importlib import import_module
from importlib.util import find_spec

from .dsl import ALIASES, INSNS, check_overlaps

#: The modules that define instructions.
MODULES = ("rv64i", "m", "a", "f", "d", "zicsr", "system", "b", "zicond", "h", "c")

for _module in MODULES:
    if find_spec(f"{__name__}.{_module}"):
        import_module(f"{__name__}.{_module}")

for _alias in [name for name, alias in ALIASES.items() if alias.target not in INSNS]:
    del ALIASES[_alias]

check_overlaps()
