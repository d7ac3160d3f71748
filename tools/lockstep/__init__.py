"""Lockstep: random programs, made from the instruction definitions, run on rvh and on Spike and compared line by
line.

``python -m tools.lockstep --help``. `stream` makes instructions, `program` puts them into a world of page tables, CSR
states and trap handlers, `triggers` debug triggers with them, `compare` runs both sides, `differences` says where they
may differ.

`access` compares single CSR accesses instead, `vector` vector instructions, `vector_paged` those that fault half-way,
`qemu` vector instructions on QEMU.
"""
