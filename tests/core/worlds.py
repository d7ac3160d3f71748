"""Which translation schemes and accesses the two-stage tests go through, and worlds made for them."""

import pytest
from pagetables import KERNEL, KINDS, PBMT_IO, PBMT_NC, PBMT_RESERVED, USER, A, D, V, W, World, X
from rig import ALL

PAGED = ["sv39", "sv48", "sv57"]
ALL_KINDS = list(KINDS)
LOADS = [k for k in KINDS if KINDS[k].original == "load"]
STORES = [k for k in KINDS if KINDS[k].original == "store"]

vs_modes = pytest.mark.parametrize("vs", PAGED)
any_vs = pytest.mark.parametrize("vs", ["bare", *PAGED])
g_modes = pytest.mark.parametrize("g", PAGED)
any_g = pytest.mark.parametrize("g", ["bare", *PAGED])
kinds = pytest.mark.parametrize("kind", ALL_KINDS)
privs = pytest.mark.parametrize("priv", ["VS", "VU"])


def world_for(vs, g, priv="VS"):
    """A world whose data page is `priv`'s."""
    w = World(vs, g)
    if w.vs.levels:
        for va in (w.va, w.va + 4096):
            w.vs.flags(va, KERNEL if priv == "VS" else USER)
    return w


def deny(w, address, size_log2, allowed):
    """PMP entry 0 leaves S and U only `allowed` (R 1, W 2, X 4) at a naturally aligned range; the rest stays open."""
    w.csr["pmpaddr1"] = ALL
    w.csr["pmpaddr0"] = (address | (1 << size_log2 - 1) - 1) >> 2
    w.csr["pmpcfg0"] = 0x1F << 8 | 0x18 | allowed


#: name: the flags of a leaf PTE that no access may use.
LEAF_DEFECTS = {
    "V=0": KERNEL & ~V,
    "W without R": V | W | X | A | D,
    "W alone": V | W | A | D,
    **{f"reserved bit {n}": KERNEL | 1 << n for n in range(54, 61)},
    "PBMT=1 while PBMTE=0": KERNEL | PBMT_NC,
    "PBMT=2 while PBMTE=0": KERNEL | PBMT_IO,
    "PBMT=3": KERNEL | PBMT_RESERVED,
    "A=0": KERNEL & ~A,
    "a pointer at level 0": V,
}
