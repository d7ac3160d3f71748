"""Bit patterns of instructions: parsing them, taking fields out of a word, putting fields into one.

A pattern is written as the manual draws it, most significant bit first: ``"imm[11:5] rs2 rs1 011 imm[4:0] 0100011"``.
Bits that are reserved but ignored, as in FENCE, are the field ``any``.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import NamedTuple

#: Width in bits of fields that are not written with bit ranges. A primed register names one of x8..x15.
FIELD_WIDTH = {
    **dict.fromkeys(("rd", "rs1", "rs2", "rs3", "fd", "fs1", "fs2", "fs3", "zimm"), 5),
    **dict.fromkeys(("vd", "vs1", "vs2", "vs3"), 5),
    **dict.fromkeys(("rd'", "rs1'", "rs2'", "fd'", "fs2'"), 3),
    **dict.fromkeys(("aq", "rl", "vm"), 1),
    **dict.fromkeys(("fm", "pred", "succ"), 4),
    "rm": 3,
    "csr": 12,
}

_TOKEN = re.compile(r"(?P<literal>[01]+)|(?P<name>[a-z]+\d?'?)(?:\[(?P<bits>[\d:|]+)\])?")
_REQUIRE = re.compile(r"(\w+) (!=|>=|<=|in) ([\d|]+)")
#: How a field's value may have to stand to a number; for ``in`` the number is the set of values, as bits.
_RELATIONS = {"!=": operator.ne, ">=": operator.ge, "<=": operator.le, "in": lambda value, n: n >> value & 1}


class EncodingError(ValueError):
    """A pattern that cannot be, two patterns that clash, or a value that does not fit its field."""


class Piece(NamedTuple):
    """Bits ``hi..lo`` of a field, standing at bit ``pos`` of the word upwards."""

    hi: int
    lo: int
    pos: int

    @property
    def width(self) -> int:
        return self.hi - self.lo + 1


@dataclass
class Pattern:
    """One parsed bit pattern. ``word & mask == match`` for the instructions it covers, and every ``require`` holds."""

    text: str
    require: str = ""
    width: int = 0
    mask: int = 0
    match: int = 0
    fields: dict[str, list[Piece]] = field(default_factory=dict)
    conditions: list[tuple[str, str, int]] = field(default_factory=list)
    short: set[str] = field(default_factory=set)  # register fields that name x8..x15 by three bits

    def __post_init__(self) -> None:
        pos = 0
        for token in reversed(self.text.split()):
            m = _TOKEN.fullmatch(token)
            if not m:
                raise EncodingError(f"cannot read {token!r} in pattern {self.text!r}")
            if literal := m["literal"]:
                self.mask |= ((1 << len(literal)) - 1) << pos
                self.match |= int(literal, 2) << pos
                pos += len(literal)
                continue
            name = m["name"]
            for hi, lo in reversed(_ranges(name, m["bits"])):
                self.fields.setdefault(name.rstrip("'"), []).append(Piece(hi, lo, pos))
                pos += hi - lo + 1
            if name.endswith("'"):
                self.short.add(name.rstrip("'"))
        if pos not in (16, 32):
            raise EncodingError(f"pattern {self.text!r} is {pos} bits wide, not 16 or 32")
        self.width = pos
        for name, pieces in self.fields.items():
            pieces.sort(reverse=True)
            seen = 0
            for p in pieces:
                bits = ((1 << p.width) - 1) << p.lo
                if seen & bits:
                    raise EncodingError(f"bits of {name} appear twice in {self.text!r}")
                seen |= bits
        for condition in filter(None, self.require.split(", ")):
            m = _REQUIRE.fullmatch(condition)
            if not m or m[1] not in self.fields:
                raise EncodingError(f"cannot read requirement {condition!r} of {self.text!r}")
            numbers = [int(n) for n in m[3].split("|")]
            self.conditions.append((m[1], m[2], sum(1 << n for n in numbers) if m[2] == "in" else numbers[0]))

    def primed(self, name: str) -> bool:
        """Whether this register field names x8..x15 by three bits."""
        return name in self.short

    def signed(self, name: str) -> bool:
        return name == "imm"

    def covered(self, name: str) -> int:
        """Mask of the bits of a field's value that the pattern holds."""
        return sum(((1 << p.width) - 1) << p.lo for p in self.fields[name])

    def word_bits(self, name: str) -> int:
        """Mask of the word's bits that hold this field."""
        return sum(((1 << p.width) - 1) << p.pos for p in self.fields[name])

    def extract(self, word: int, name: str) -> int:
        """The value of a field in a word: ``imm`` sign-extended, everything else as it is."""
        pieces = self.fields[name]
        value = sum(((word >> p.pos) & ((1 << p.width) - 1)) << p.lo for p in pieces)
        if self.primed(name):
            value += 8
        if self.signed(name) and value >> pieces[0].hi:
            value -= 1 << (pieces[0].hi + 1)
        return value

    def matches(self, word: int) -> bool:
        return word & self.mask == self.match and all(
            _RELATIONS[relation](self.extract(word, name), n) for name, relation, n in self.conditions
        )

    def insert(self, name: str, value: int) -> int:
        """The word with only this field set. Raises EncodingError if the value does not fit."""
        raw = value - 8 if self.primed(name) else value
        word = sum(((raw >> p.lo) & ((1 << p.width) - 1)) << p.pos for p in self.fields[name])
        if self.extract(word, name) != value:
            raise EncodingError(f"{name} cannot be {value} in {self.text!r}")
        return word

    def encode(self, **values: int) -> int:
        """The instruction word with these fields; fields not given are 0."""
        word = self.match
        for name, value in values.items():
            word |= self.insert(name, value)
        if not self.matches(word):
            raise EncodingError(f"operands {values} are reserved in {self.text!r} ({self.require})")
        return word

    def words(self) -> list[tuple[int, int]]:
        """(mask, match) pairs that cover just the words of the pattern, its requirements included."""
        pairs = [(self.mask, self.match)]
        for name, relation, n in self.conditions:
            allowed = {v for v in range(1 << self.fields[name][0].hi + 1) if _RELATIONS[relation](v, n)}
            blocks = []
            while allowed:
                size = 1
                while (start := min(allowed)) % (2 * size) == 0 and set(range(start, start + 2 * size)) <= allowed:
                    size *= 2
                allowed -= set(range(start, start + size))
                blocks.append((self.word_bits(name) & ~self.insert(name, size - 1), self.insert(name, start)))
            pairs = [(mask | bits, match | value) for mask, match in pairs for bits, value in blocks]
        return pairs

    def overlaps(self, other: Pattern) -> bool:
        """Whether some word is covered by both."""
        if self.width != other.width or (self.match ^ other.match) & self.mask & other.mask:
            return False
        return not (self._excludes(other) or other._excludes(self))

    def _excludes(self, other: Pattern) -> bool:
        for name, relation, n in self.conditions:
            bits = self.word_bits(name)
            if other.mask & bits == bits:
                value = self.extract(other.match, name)
                if not _RELATIONS[relation](value, n):
                    return True
        return False


def _ranges(name: str, bits: str | None) -> list[tuple[int, int]]:
    if bits is None:
        if name not in FIELD_WIDTH:
            raise EncodingError(f"field {name!r} needs its bits, like imm[11:0]")
        return [(FIELD_WIDTH[name] - 1, 0)]
    out = []
    for part in bits.split("|"):
        hi, _, lo = part.partition(":")
        out.append((int(hi), int(lo or hi)))
    return out
