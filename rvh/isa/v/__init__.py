"""Vector instructions (Unprivileged ISA, "V"), a file for each part of the chapter; ``dsl`` is how they are defined."""

from . import bits, config, crypto, fixed, float, integer, mask, memory, permute  # noqa: F401
