"""Extension names, the bits that stand for them in a hart's ``ext`` set, and the strings that list them.

An extension that is not in :data:`EXTENSIONS` is not implemented, and asking for it is an error.
"""

from __future__ import annotations

import re

#: Every name, in the canonical order of the riscv,isa string ("ISA Extension Naming Conventions"): single letters, Z by
#: category letter, Ss, Sm, Sv.
NAMES: tuple[str, ...] = tuple(
    """
    I M A F D C V H S U
    Zic64b Zicbom Zicbop Zicboz Ziccamoa Ziccamoc Ziccif Zicclsm Ziccrse Zicfilp Zicfiss Zicntr Zicond Zicsr
    Zifencei Zihintntl Zihintpause Zihpm Zimop
    Za64rs Za128rs Zabha Zacas Zama16b Zawrs
    Zfa Zfbfmin Zfh Zfhmin
    Zca Zcb Zcd Zcmop
    Zba Zbb Zbc Zbkb Zbkc Zbkx Zbs
    Zk Zkn Zknd Zkne Zknh Zkr Zks Zksed Zksh Zkt
    Zvbb Zvbc
    Zve32f Zve32x Zve64d Zve64f Zve64x
    Zvfbfmin Zvfbfwma Zvfh Zvfhmin
    Zvkb Zvkg Zvkn Zvknc Zvkned Zvkng Zvknha Zvknhb Zvks Zvksc Zvksed Zvksg Zvksh Zvkt
    Zvl32b Zvl64b Zvl128b Zvl256b Zvl512b Zvl1024b
    Ssccfg Ssccptr Sscofpmf Sscounterenw Sscsrind Ssdbltrp Ssnpm Sspm Ssstateen Sstc Sstvala Sstvecd Ssu64xl Supm
    Smcdeleg Smcntrpmf Smcsrind Smdbltrp Smepmp Smmpm Smnpm Smrnmi Smstateen
    Svade Svadu Svbare Svinval Svnapot Svpbmt Svvptc Sv39 Sv48 Sv57
    Sdtrig
    Sha Shcounterenw Shgatpa Shtvala Shvsatpa Shvstvala Shvstvecd
    """.split()
)

#: Names of the profiles that state what always holds here, given other extensions (separated by blanks): that nothing
#: needs a bit for.
STATEMENTS: dict[str, str] = {
    "Zic64b": "Zicbom Zicbop Zicboz",  # cache blocks of 64 bytes
    "Ziccamoa": "A", "Ziccamoc": "A Zacas",  # all AMOs, and AMOCAS.Q, in main memory
    "Ziccif": "", "Ziccrse": "A",  # atomic fetches; LR/SC makes progress
    "Za64rs": "A", "Za128rs": "A",  # reservations of at most 64 bytes
    "Ssccptr": "S", "Sscounterenw": "S", "Ssu64xl": "S", "Svbare": "S", "Svvptc": "S",
    "Sstvala": "S", "Sstvecd": "S",
    "Sspm": "Smnpm", "Supm": "Ssnpm",
    "Zvkt": "Zve32x",  # the guest's time does not depend on data
}  # fmt: skip

#: Names for all of some others ("Vector Cryptography Extensions"): nothing needs a bit for these either.
SHORTHANDS: dict[str, str] = {
    "Zvkn": "Zvkned Zvknhb Zvkb Zvkt", "Zvknc": "Zvkn Zvbc", "Zvkng": "Zvkn Zvkg",
    "Zvks": "Zvksed Zvksh Zvkb Zvkt", "Zvksc": "Zvks Zvbc", "Zvksg": "Zvks Zvkg",
}  # fmt: skip

#: Every extension that can be on or off. The position is the bit in the set.
EXTENSIONS: tuple[str, ...] = tuple(name for name in NAMES if name not in STATEMENTS and name not in SHORTHANDS)

BIT: dict[str, int] = {name: 1 << n for n, name in enumerate(EXTENSIONS)}

#: What having an extension entails.
IMPLIES: dict[str, tuple[str, ...]] = {
    "F": ("Zicsr",),
    "D": ("F",),
    "S": ("U", "Zicsr"),
    "U": ("Zicsr",),
    "H": ("S", "Sv39"),
    "C": ("Zca",),
    "Zcb": ("Zca",),
    "Zcd": ("Zca", "D"),
    "Zcmop": ("Zca", "Zimop"),
    "Zabha": ("A",),
    "Zacas": ("A",),
    "Zfa": ("F",),
    "Zfbfmin": ("F",),
    "Zfhmin": ("F",),
    "Zfh": ("Zfhmin",),
    "Zk": ("Zkn", "Zkr", "Zkt"),
    "Zkr": ("Zicsr",),
    "Zkn": ("Zbkb", "Zbkc", "Zbkx", "Zkne", "Zknd", "Zknh"),
    "Zks": ("Zbkb", "Zbkc", "Zbkx", "Zksed", "Zksh"),
    "V": ("Zve64d", "Zvl128b"),
    "Zve64d": ("Zve64f", "D"),
    "Zve64f": ("Zve64x", "Zve32f"),
    "Zve64x": ("Zve32x", "Zvl64b"),
    "Zve32f": ("Zve32x", "F"),
    "Zve32x": ("Zicsr", "Zvl32b"),
    "Zvbb": ("Zvkb",),
    "Zvbc": ("Zve64x",),
    "Zvkb": ("Zve32x",),
    "Zvkg": ("Zve32x",),
    "Zvkned": ("Zve32x",),
    "Zvknha": ("Zve32x",),
    "Zvknhb": ("Zvknha", "Zve64x"),
    "Zvksed": ("Zve32x",),
    "Zvksh": ("Zve32x",),
    "Zvfbfmin": ("Zve32f",),
    "Zvfbfwma": ("Zvfbfmin", "Zfbfmin"),
    "Zvfhmin": ("Zve32f",),
    "Zvfh": ("Zvfhmin", "Zfhmin"),
    "Zvl1024b": ("Zvl512b",),
    "Zvl512b": ("Zvl256b",),
    "Zvl256b": ("Zvl128b",),
    "Zvl128b": ("Zvl64b",),
    "Zvl64b": ("Zvl32b",),
    "Zicfilp": ("Zicsr",),
    "Zicfiss": ("A", "Zicsr", "Zimop"),
    "Zicntr": ("Zicsr",),
    "Zihpm": ("Zicsr",),
    "Smstateen": ("Ssstateen",),
    "Smcsrind": ("Sscsrind",),
    "Smcdeleg": ("Ssccfg", "Sscsrind"),
    "Ssccfg": ("S", "Smcdeleg", "Sscsrind"),
    "Ssdbltrp": ("S",),
    "Ssnpm": ("S",),
    "Smnpm": ("U",),
    "Sv39": ("S",),
    "Sv48": ("Sv39",),
    "Sv57": ("Sv48",),
    "Svnapot": ("Sv39",),
    "Svpbmt": ("Sv39",),
    "Sdtrig": ("Zicsr",),
    "Sha": ("H", "Ssstateen", "Shcounterenw", "Shgatpa", "Shtvala", "Shvsatpa", "Shvstvala", "Shvstvecd"),
}

#: What having two extensions entails: the compressed loads and stores of doubles are part of C.
IMPLIED_BY_BOTH: dict[tuple[str, str], str] = {("C", "D"): "Zcd"}

_G = ("I", "M", "A", "F", "D", "Zicsr", "Zifencei")
#: What a machine for general-purpose systems has beside G although no ISA string says so: modes, page tables, counters.
_GENERAL = ("S", "U", "Zicntr", "Zihpm")
_PAGE_TABLES = ("Sv39", "Sv48", "Sv57")
_RVA20U = (*_G, "C", "Zicntr", "Zicclsm")
_RVA22U = (
    *_RVA20U, "Zihpm", "Zihintpause", "Zba", "Zbb", "Zbs", "Zicbom", "Zicbop", "Zicboz", "Zfhmin", "Zkt",
)  # fmt: skip
_RVA23U = (
    *_RVA22U, "V", "Zvfhmin", "Zvbb", "Zihintntl", "Zicond", "Zimop", "Zcmop", "Zcb", "Zfa", "Zawrs",
)  # fmt: skip
_RVA20S = ("S", "Sv39", "Svade")
_RVA22S = (*_RVA20S, "Svinval", "Svpbmt")
_RVA23S = (*_RVA22S, "Svnapot", "Sstc", "Sscofpmf", "Ssnpm", "Sha")

#: Profiles by lower-case name ("RISC-V Profiles"): what is mandatory, but for what always holds. Zifencei is with the
#: user-mode ones too: M-mode stands for their execution environment. Without S-mode Smnpm is what masks its pointers.
PROFILES: dict[str, tuple[str, ...]] = {
    "rva20u64": _RVA20U,
    "rva20s64": (*_RVA20U, *_RVA20S),
    "rva22u64": _RVA22U,
    "rva22s64": (*_RVA22U, *_RVA22S),
    "rva23u64": (*_RVA23U, "U", "Smnpm"),
    "rva23s64": (*_RVA23U, *_RVA23S),
}
#: The family's name alone stands for what runs an operating system.
PROFILES |= {name: PROFILES[f"{name}s64"] for name in ("rva20", "rva22", "rva23")}

#: The vector extensions: a machine has them on request.
VECTOR: frozenset[str] = frozenset(name for name in EXTENSIONS if name == "V" or name.startswith("Zv"))

#: What a machine has unless told otherwise: everything but what software that does not know it would fall over (with
#: Smdbltrp the first trap after reset is one too many, with Smrnmi there are no interrupts at first; a kernel that
#: finds Zicfiss in the device tree uses ssp, which traps under firmware that has not enabled it), what costs time
#: (Zicfilp, at each indirect jump; Sdtrig, at each change of mode), and vectors.
DEFAULT: frozenset[str] = (
    frozenset(EXTENSIONS) - {"Svade", "Smdbltrp", "Smrnmi", "Sdtrig", "Zicfilp", "Zicfiss"} - VECTOR
)

_BY_LOWER = {name.lower(): name for name in NAMES}


class IsaError(ValueError):
    """An ISA string that names something unknown or inconsistent."""


def closure(names: set[str] | frozenset[str]) -> frozenset[str]:
    """The names with everything they imply."""
    out: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in out:
            out.add(name)
            todo.extend(IMPLIES.get(name) or SHORTHANDS.get(name, "").split())
            todo.extend(implied for pair, implied in IMPLIED_BY_BOTH.items() if set(pair) <= out)
    return frozenset(out)


def parse(text: str) -> frozenset[str]:
    """The extensions that an ISA string asks for, implied ones included.

    ``rv64gch``, ``rv64imac_zicsr_zba``, ``rva22s64``, ``rva22s64_h``, each followed by ``_no-zba`` for without; ``max``
    is everything. ``g`` brings S and U mode, counters and, unless one is named, all page table modes; ``rv64imafd`` is
    M-mode alone. Raises IsaError with the unknown part.
    """
    head, *rest = text.strip().lower().split("_")
    names: set[str] = set()
    if head in ("max", "default"):
        names |= DEFAULT
    elif head in PROFILES:
        names |= set(PROFILES[head])
    elif m := re.fullmatch(r"rv64([a-z]*?)((?:z|s[hmsv])[a-z0-9]+)?", head):
        letters = m[1]
        if not letters or letters[0] not in "ig":
            raise IsaError(f"ISA {text!r}: rv64 must be followed by i or g")
        for letter in letters:
            if letter == "g":
                names |= {*_G, *_GENERAL}
            elif letter == "b":
                names |= {"Zba", "Zbb", "Zbs"}
            elif letter.upper() in BIT:
                names.add(letter.upper())
            else:
                raise IsaError(f"ISA {text!r}: extension {letter!r} is not implemented")
        if m[2]:
            rest.insert(0, m[2])
    else:
        raise IsaError(f"ISA {text!r}: expected rv64..., max or one of {', '.join(PROFILES)}")
    without: set[str] = set()
    for part in rest:
        into, name = (without, part[3:]) if part.startswith("no-") else (names, part)
        if name == "b":
            into |= {"Zba", "Zbb", "Zbs"}
        elif into is without and _BY_LOWER.get(name) in STATEMENTS:
            raise IsaError(f"ISA {text!r}: {name} always holds and cannot be left out")
        elif into is without and _BY_LOWER.get(name) in SHORTHANDS:
            parts = SHORTHANDS[_BY_LOWER[name]].replace(" ", ", ")
            raise IsaError(f"ISA {text!r}: {name} stands for {parts}; leave these out")
        elif name in _BY_LOWER:
            into.add(_BY_LOWER[name])
        else:
            raise IsaError(f"ISA {text!r}: extension {name!r} is not implemented")
    if head.startswith("rv64g") and not names & set(_PAGE_TABLES):
        names |= set(_PAGE_TABLES)
    out = closure(names)
    # Taking an extension away takes what needs it too.
    for (name, other), implied in IMPLIED_BY_BOTH.items():
        if implied in without and {name, other} - without == {name, other}:
            without.add(name)
    while lost := {name for name in out if name in without or without & set(IMPLIES.get(name, ()))} - without:
        without |= lost
    out -= without
    if "I" not in out:
        raise IsaError(f"ISA {text!r}: the base I cannot be left out")
    for name in names & set(STATEMENTS):
        if not holds(name, out):
            raise IsaError(f"ISA {text!r}: {name} does not hold without {STATEMENTS[name].replace(' ', ', ')}")
    return out - set(STATEMENTS) - set(SHORTHANDS)


def holds(name: str, names: frozenset[str] | set[str]) -> bool:
    """Whether one of STATEMENTS or SHORTHANDS is true of a hart with these extensions."""
    if name == "Supm" and "S" not in names:
        return "Smnpm" in names
    if name in STATEMENTS:
        return set(STATEMENTS[name].split()) <= names
    return all(holds(part, names) if part not in BIT else part in names for part in SHORTHANDS[name].split())


def to_bits(names: frozenset[str] | set[str]) -> int:
    """The bit set of these extensions, as in a hart's ``ext``. Raises KeyError for an unknown one."""
    return sum(BIT[name] for name in names)


def from_bits(bits: int) -> frozenset[str]:
    """The extensions in a bit set."""
    return frozenset(name for name, b in BIT.items() if bits & b)


def misa(names: frozenset[str] | set[str]) -> int:
    """misa for RV64 with these extensions (Privileged ISA, "Machine ISA (misa) Register"); B is Zba+Zbb+Zbs."""
    letters = {name for name in names if len(name) == 1}
    if {"Zba", "Zbb", "Zbs"} <= names:
        letters.add("B")
    return (2 << 62) | sum(1 << (ord(letter) - ord("A")) for letter in letters)


def isa_list(names: frozenset[str] | set[str]) -> list[str]:
    """The device tree's ``riscv,isa-extensions``: lower case, in order, without privilege modes and page sizes."""
    unnamed = ("S", "U", "Sv39", "Sv48", "Sv57")
    there = {*names, *(name for name in (*STATEMENTS, *SHORTHANDS) if holds(name, names))}
    return [name.lower() for name in NAMES if name in there and name not in unnamed]


def isa_string(names: frozenset[str] | set[str]) -> str:
    """The device tree's ``riscv,isa``: rv64imafdch_zicbom_..."""
    listed = isa_list(names)
    return "rv64" + "".join(n for n in listed if len(n) == 1) + "".join(f"_{n}" for n in listed if len(n) > 1)
