"""V: vector instructions (Unprivileged ISA, "V"). ``dsl`` is how they are defined; one file for each part of the chapter."""

from . import config, fixed, integer, mask, memory, permute  # noqa: F401
