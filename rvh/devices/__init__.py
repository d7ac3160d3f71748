"""The devices of the machine. Hot ones are compiled (`*.pxi`, part of `rvh._fast`), the others are Python."""
