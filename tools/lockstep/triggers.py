"""Debug triggers in the random programs (`--triggers`): each world has four, on what its segments do.

A program has one flavour, so that what the two sides may do differently (differences.AVOIDED) does not meet.
"""

from __future__ import annotations

import random
from collections.abc import Callable

#: "access": addresses of instructions, loads, stores, AMOs. "data": of loads and stores, with addresses in chains.
#: "count": icount beside addresses, no interrupts. "trap": etrigger and itrigger beside addresses.
FLAVOURS = ("access", "data", "count", "trap")
COUNT = 4
#: Values of a world for them: tdata1 to tdata3 of each, and the contexts.
VALUES = 3 * COUNT + 2
#: What programs of a flavour do not write: what brings interrupts; or what makes minstret ask for the mode, which with
#: Spike is the handler's when etrigger's breakpoint comes before it.
UNTOUCHED: dict[str, set[str]] = {
    "access": set(), "data": set(), "count": {"mie", "sie", "hie", "vsie", "mip", "sip", "hip", "hvip", "vsip"},
    "trap": {"minstretcfg"},
}  # fmt: skip

_MC6, _ICOUNT, _ITRIGGER, _ETRIGGER, _DISABLED = 6 << 60, 3 << 60, 4 << 60, 5 << 60, 15 << 60
_LOAD, _STORE, _EXECUTE, _CHAIN, _SELECT = 1, 2, 4, 1 << 11, 1 << 21
_EQUAL, _NAPOT, _AT_LEAST, _BELOW, _LOW, _HIGH = 0, 1, 2, 3, 4, 5
_MC6_MODES, _ICOUNT_MODES, _TRAP_MODES = (3, 4, 6, 23, 24), (6, 7, 9, 25, 26), (6, 7, 9, 11, 12)
_BREAKPOINT = 1 << 3
_SCONTEXTS, _MCONTEXTS = (0, 1, 0x8000_0001, 0x1234_5678), (0, 1, 2, 0x1ABC)


def arrange(
    rng: random.Random, flavour: str, world: dict[str, int], code: tuple[int, int], data: Callable[[random.Random], int]
) -> list[int]:
    """The world's triggers, as VALUES values; changes what of the world must go with them. ``code``: from where to
    where its segments may be; ``data`` gives addresses worth accessing."""
    chance = rng.random
    if chance() < 0.5:
        world["medeleg"] &= ~_BREAKPOINT
    if flavour == "trap":
        world["medeleg"] &= ~_BREAKPOINT
    elif chance() < 0.3:
        world["medeleg"] |= _BREAKPOINT
        world["hedeleg"] |= _BREAKPOINT
    if flavour == "count":
        world["mie"] = 0
    if chance() < 0.6:
        for name in ("mstatus", "vsstatus"):
            world[name] |= 1 << 1 | 1 << 5 | 1 << 7
    context = rng.choice(_SCONTEXTS), rng.choice(_MCONTEXTS)
    triggers: list[tuple[int, int, int]] = []
    while len(triggers) < COUNT:
        pick = chance()
        if pick < 0.1:
            new = [(_DISABLED, rng.getrandbits(64) >> 1)]
        elif flavour == "count" and pick < 0.5:
            pending = chance() < 0.15
            count = rng.choice((0, 1, 1, 2, 3, rng.randrange(20), rng.randrange(200)))
            new = [(_ICOUNT | _modes(rng, _ICOUNT_MODES) | count << 10 | pending << 8, rng.getrandbits(63))]
        elif flavour == "trap" and pick < 0.6:
            new = [_on_traps(rng, world)]
        elif flavour == "data" and pick < 0.8:
            new = _on_data(rng, data)
        else:
            new = _on_addresses(rng, flavour, code, data)
        for tdata1, tdata2 in new if len(new) <= COUNT - len(triggers) else [(0, 0)]:
            traps = tdata1 >> 60 in (4, 5)
            triggers.append((tdata1, tdata2, _textra(rng, world, context, traps)))
    return [value for trigger in triggers for value in trigger] + [context[0], context[1]]


def _modes(rng: random.Random, bits: tuple[int, ...]) -> int:
    if rng.random() < 0.4:
        return sum(1 << bit for bit in bits)
    return sum(1 << bit for bit in bits if rng.random() < 0.6)


def _on_addresses(
    rng: random.Random, flavour: str, code: tuple[int, int], data: Callable[[random.Random], int]
) -> list[tuple[int, int]]:
    """Of instructions by their first four bytes, since Spike sees them by halfwords; of accesses, loads and stores
    alike where there are AMOs."""
    execute = rng.random() < 0.5
    if execute:
        address, kind = rng.randrange(*code) & ~3, _EXECUTE
    elif flavour == "data":
        address, kind = data(rng), rng.choice((_LOAD, _STORE, _LOAD | _STORE))
    else:
        address, kind = data(rng), _LOAD | _STORE
    base = _MC6 | kind | _modes(rng, _MC6_MODES)
    pick = rng.random()
    if pick < 0.25:
        return [(base | _EQUAL << 7, address)]
    if pick < 0.5:
        ones = (1 << rng.randrange(2, 14)) - 1  # up to 8 KiB
        return [(base | _NAPOT << 7, address & ~(ones << 1 | 1) | ones)]
    if pick < 0.65:
        mask = rng.choice((0xFFFF_FFFC, 0x0000_3FF0, 0xC, 0x38))
        return [(base | _LOW << 7, mask << 32 | address & mask)]
    if pick < 0.7:
        return [(base | _HIGH << 7, 0xFFFF_FFFF << 32 | address >> 32)]
    if pick < 0.75:
        return [(base | rng.choice((_AT_LEAST, _BELOW)) << 7, address)]
    end = address + 4 * rng.randrange(1, 1 << rng.randrange(1, 12))
    chain = [(base | _CHAIN | _AT_LEAST << 7, address), (base | _BELOW << 7, end & (1 << 64) - 1)]
    if rng.random() < 0.3:
        chain.insert(0, (base | _CHAIN | _LOW << 7, rng.choice((4, 8, 0x10)) << 32))
    return chain


def _on_data(rng: random.Random, data: Callable[[random.Random], int]) -> list[tuple[int, int]]:
    """Of loads or of stores: Spike lets a trigger on both fire after stores too. NAPOT ranges are less than 2^31: Spike
    counts in an int."""
    kind = rng.choice((_LOAD, _STORE))
    base = _MC6 | kind | _modes(rng, _MC6_MODES)
    bits = rng.randrange(1, 4)
    mask = ((1 << bits) - 1) << rng.randrange(28)
    match, tdata2 = rng.choice(
        (
            (_EQUAL, 0),
            (_BELOW, rng.choice((1, 16, 256, 1 << 15, 1 << 31, 1 << 62))),
            (_AT_LEAST, rng.choice((1 << 62, 3 << 62, (1 << 64) - (1 << 56), 1 << 31))),
            (_NAPOT, (1 << rng.randrange(1, 29)) - 1),
            (_LOW, mask << 32 | rng.getrandbits(32) & mask),
            (_HIGH, mask << 32 | rng.getrandbits(32) & mask),
        )
    )
    on_data = (base | _SELECT | match << 7, tdata2)
    if rng.random() < 0.75:
        return [on_data]
    ones = (1 << rng.randrange(6, 17)) - 1
    return [(base | _CHAIN | _NAPOT << 7, data(rng) & ~(ones << 1 | 1) | ones), on_data]


def _on_traps(rng: random.Random, world: dict[str, int]) -> tuple[int, int]:
    """Of those that HS or VS handle: before handlers of M-mode Spike fires, against "Native Triggers". Of interrupts of
    the same kind at both levels: Spike numbers those of VS by the hypervisor's numbers."""
    modes = _modes(rng, _TRAP_MODES)
    if rng.random() < 0.6:
        chosen = rng.getrandbits(24) | rng.getrandbits(24)
        return _ETRIGGER | modes, chosen & world["medeleg"] & ~_BREAKPOINT
    bits = sum(3 << n for n in (1, 5, 9) if world["mideleg"] >> n & 1 and rng.random() < 0.7)
    return _ITRIGGER | modes, bits | (world["mideleg"] & 1 << 13 if rng.random() < 0.5 else 0)


def _textra(rng: random.Random, world: dict[str, int], context: tuple[int, int], traps: bool) -> int:
    """The context of a trap by satp is that of the handler's mode with Spike."""
    out, hit = 0, rng.random() < 0.7
    if rng.random() < 0.15:
        value = context[0] if hit else rng.choice(_SCONTEXTS)
        ignored = rng.choice((0, 0, rng.getrandbits(4)))
        out |= 1 | (value ^ sum(0xFF << 8 * n for n in range(4) if ignored >> n & 1)) << 2 | ignored << 36
    elif rng.random() < 0.15 and not traps:
        asid = world["satp"] >> 44 & 0xFFFF if hit else rng.randrange(8)
        out |= 2 | asid << 2 | (rng.getrandbits(16) << 18) | rng.getrandbits(4) << 36
    if rng.random() < 0.15:
        select = rng.choice((1, 4))
        value = context[1] if hit else rng.choice(_MCONTEXTS)
        out |= 4 << 48 | value << 51 if select == 4 else (1 | (value & 1) << 2) << 48 | value >> 1 << 51
    elif rng.random() < 0.15:
        vmid = world["hgatp"] >> 44 & 0x3FFF if hit else rng.randrange(8)
        out |= (2 | (vmid & 1) << 2) << 48 | vmid >> 1 << 51
    return out


# ---- code of the scheduler and the handlers


def arm(at: int) -> str:
    """Of the world at x30 the VALUES at this offset, by the sequence of "Trigger Module Registers"."""
    out = []
    for n in range(COUNT):
        out += [f"csrwi tselect, {n}", "csrw tdata1, x0"]
        for m in (1, 2, 0):
            out += [f"ld x29, {at + 8 * (3 * n + m)}(x30)", f"csrw tdata{m + 1}, x29"]
    for m, name in enumerate(("scontext", "mcontext")):
        out += [f"ld x29, {at + 8 * (3 * COUNT + m)}(x30)", f"csrw {name}, x29"]
    return _lines(out)


def read(*names: str) -> str:
    """These of each trigger, to x29."""
    return _lines(
        [
            f"csrwi tselect, {n}\n        " + _lines([f"csrr x29, {name}" for name in names]).strip()
            for n in range(COUNT)
        ]
    )


def dump() -> str:
    return (
        read("tdata1", "tdata2", "tdata3")
        + "\n"
        + _lines([f"csrr x29, {n}" for n in ("scontext", "mcontext", "tselect")])
    )


def forget_gva(register: str, bit: int, scratch: str) -> str:
    """With icount's breakpoint Spike says that xtval, 0, is a guest's address if V was 1."""
    return _lines([f"li {scratch}, {1 << bit}", f"csrc {register}, {scratch}"])


def _lines(out: list[str]) -> str:
    return "\n".join("        " + line for line in out)


def guard(code: int, code_size: int, data: int, data_size: int) -> str:
    """The program's own footing, which nobody may write: breakpoints leave out instructions that make addresses. Leaves
    to x29 what pmpcfg2 is to hold, with entry 15 open."""
    out = []
    for n, (base, size) in enumerate(((code, code_size), (data, data_size)), start=8):
        out += [f"li x29, {base >> 2 | (size >> 3) - 1}", f"csrw pmpaddr{n}, x29"]
    return _lines([*out, f"li x29, {0x1F << 56 | 0x99 << 8 | 0x9D}"])
