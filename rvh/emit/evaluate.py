"""Evaluates instruction definitions in plain Python: slow, obvious, and independent of the C renderer.

It is the yardstick for the handlers in the tests, and what explains a single instruction's effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..isa import INSNS
from ..isa.dsl import RC, RS, Effect, Insn, Value, u64, u128
from .syntax import lookup, lookup16

_MASK = (1 << 64) - 1


class Unmodelled(Exception):
    """The definition calls a helper that has no Python model (floating point)."""


@dataclass
class State:
    """What an instruction can read and change. Memory is sparse: bytes by address, absent ones are 0."""

    x: list[int] = field(default_factory=lambda: [0] * 32)
    f: list[int] = field(default_factory=lambda: [0] * 32)
    pc: int = 0x8000_0000
    memory: dict[int, int] = field(default_factory=dict)
    csrs: dict[int, int] = field(default_factory=dict)
    reservation: int | None = None
    #: Helpers called, as (name, arguments): what they do is not modelled.
    calls: list[tuple] = field(default_factory=list)

    def read(self, address: int, size: int) -> int:
        """An unsigned little-endian number of ``size`` bytes."""
        return sum(self.memory.get((address + n) & _MASK, 0) << (8 * n) for n in range(size))

    def write(self, address: int, size: int, value: int) -> None:
        for n in range(size):
            self.memory[(address + n) & _MASK] = value >> (8 * n) & 0xFF


def _clmul(a: int, b: int) -> int:
    product = 0
    for n in range(64):
        if b >> n & 1:
            product ^= a << n
    return product


def _gf_multiply(a: int, b: int, polynomial: int) -> int:
    product = 0
    for n in range(8):
        product ^= (b << n) if a >> n & 1 else 0
    for n in range(14, 7, -1):
        product ^= polynomial << (n - 8) if product >> n & 1 else 0
    return product


def _gf_inverse(a: int, polynomial: int) -> int:
    return next((b for b in range(256) if _gf_multiply(a, b, polynomial) == 1), 0)


def _matrix(row: int, x: int) -> int:
    """The product of x with the matrix over GF(2) whose rows are rotations of ``row``."""
    return sum((((row << n | row >> (8 - n)) & 0xFF & x).bit_count() & 1) << n for n in range(8))


#: The S-boxes as their standards define them: FIPS 197 section 5.1.1, and inversion between two affine maps.
_AES = [_matrix(0xF1, _gf_inverse(x, 0x11B)) ^ 0x63 for x in range(256)]
_SM4 = [_matrix(0xA7, _gf_inverse(_matrix(0xA7, x) ^ 0xD3, 0x1F5)) ^ 0xD3 for x in range(256)]


def _bytes(x: int, n: int = 8) -> list[int]:
    return list(x.to_bytes(n, "little"))


def _shift_rows(a: int, b: int, direction: int, box: list[int]) -> int:
    state = _bytes(a) + _bytes(b)
    rows = [state[row::4] for row in range(4)]
    columns = [rows[row][(column + direction * row) % 4] for column in (0, 1) for row in range(4)]
    return int.from_bytes(bytes(box[x] for x in columns), "little")


def _mix_columns(x: int, first_row: tuple[int, int, int, int]) -> int:
    out = []
    for column in (_bytes(x)[:4], _bytes(x)[4:]):
        for row in range(4):
            terms = [_gf_multiply(first_row[(n - row) % 4], column[n], 0x11B) for n in range(4)]
            out.append(terms[0] ^ terms[1] ^ terms[2] ^ terms[3])
    return int.from_bytes(bytes(out), "little")


def _key_step(columns: int, number: int) -> int:
    word, constant = _bytes(columns >> 32, 4), 0
    if number < 10:
        word, constant = word[1:] + word[:1], 1
        for _ in range(number):
            constant = _gf_multiply(constant, 2, 0x11B)
    out = int.from_bytes(bytes(_AES[x] for x in word), "little") ^ constant
    return out << 32 | out


def _permute(table: int, indices: int, width: int) -> int:
    picked = [indices >> n & (1 << width) - 1 for n in range(0, 64, width)]
    return sum((table >> width * i & (1 << width) - 1) << width * n for n, i in enumerate(picked) if i < 64 // width)


#: Python models of C functions that definitions call.
FUNCTIONS: dict[str, Callable[..., int]] = {
    "clmul_low": lambda a, b: _clmul(a, b) & _MASK,
    "clmul_high": lambda a, b: _clmul(a, b) >> 64,
    "aes_mix": lambda x: _mix_columns(x, (2, 3, 1, 1)),
    "aes_unmix": lambda x: _mix_columns(x, (14, 11, 13, 9)),
    "aes_shift_sub": lambda a, b: _shift_rows(a, b, 1, _AES),
    "aes_unshift_sub": lambda a, b: _shift_rows(a, b, -1, [_AES.index(x) for x in range(256)]),
    "aes_key_step": _key_step,
    "sm4_substitute": lambda word, byte: _SM4[word >> 8 * byte & 0xFF],
    "permute_bytes": lambda table, indices: _permute(table, indices, 8),
    "permute_nibbles": lambda table, indices: _permute(table, indices, 4),
}


def _divide(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_OPERATORS: dict[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "not": lambda a: ~a,
    "shl": lambda a, n: a << n,
    "shr": lambda a, n: a >> n,
    "div": _divide,
    "rem": lambda a, b: a - b * _divide(a, b),
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "cast": lambda a: a,
}


class Evaluation:
    """One instruction applied to a state."""

    def __init__(self, insn: Insn, word: int, state: State, length: int = 4) -> None:
        self.insn, self.word, self.state, self.length = insn, word, state, length
        self.results: dict[int, int] = {}

    def operand(self, name: str) -> int:
        state = self.state
        if name in ("pc", "next_pc"):
            return (state.pc + (self.length if name == "next_pc" else 0)) & _MASK
        value = self.insn.pattern.extract(self.word, name.removesuffix("_pair"))
        if name.endswith("_pair"):
            return state.x[value] | state.x[value + 1] << 64 if value else 0
        if name.startswith("r"):
            return state.x[value]
        return state.f[value] if name.startswith("fs") else value

    def value(self, v: Value) -> int:
        """The number a traced value stands for, in the range of its type."""
        return v.type.wrap(int(self._value(v)))

    def _value(self, v: Value) -> int:
        if v.op == "operand":
            return self.operand(v.args[0])
        if v.op == "const":
            return v.args[0]
        if v.op == "result":
            return self.results[id(v.args[0])]
        if v.op == "is_x0":
            return self.insn.pattern.extract(self.word, v.args[0]) == 0
        if v.op == "select":
            condition, a, b = v.args
            return self.value(a if self.value(condition) else b)
        if v.op in ("call", "rounded"):
            name, *args = v.args
            if name not in FUNCTIONS:
                raise Unmodelled(name)
            return FUNCTIONS[name](*(self.value(a) for a in args))
        args = [self.value(a) for a in v.args]
        width = v.type.width
        if v.op == "clz":
            return width - args[0].bit_length()
        if v.op == "ctz":
            return (args[0] & -args[0]).bit_length() - 1 if args[0] else width
        if v.op == "cpop":
            return args[0].bit_count()
        if v.op == "bswap":
            return int.from_bytes(args[0].to_bytes(width // 8, "little"), "big")
        if v.op in ("add", "sub", "mul", "and", "or", "xor"):
            args[1] = v.type.wrap(args[1])
        return _OPERATORS[v.op](*args)

    def run(self) -> None:
        """Carries out all statements, then writes the destination and the pc."""
        state = self.state
        self.next_pc = (state.pc + self.length) & _MASK
        for effect in self.insn.effects:
            getattr(self, f"_{effect.kind}")(effect)
        if self.insn.result is not None:
            value = (u128 if self.insn.result.type.width == 128 else u64).wrap(self.value(self.insn.result))
            if "fd" in self.insn.pattern.fields:
                state.f[self.insn.pattern.extract(self.word, "fd")] = value
            elif rd := self.insn.pattern.extract(self.word, "rd"):
                state.x[rd] = value & _MASK
                if self.insn.result.type.width == 128:
                    state.x[rd + 1] = value >> 64
        state.pc = self.next_pc

    def _load(self, effect: Effect) -> None:
        address = self.value(effect.args[0])
        self.results[id(effect)] = effect.type.wrap(self.state.read(address, effect.type.width // 8))

    def _store(self, effect: Effect) -> None:
        self.state.write(self.value(effect.args[0]), effect.type.width // 8, self.value(effect.args[1]))

    def _amo(self, effect: Effect) -> None:
        self._load(effect)
        self._store(effect)

    def _lr(self, effect: Effect) -> None:
        self._load(effect)
        self.state.reservation = self.value(effect.args[0])

    def _sc(self, effect: Effect) -> None:
        held = self.state.reservation == self.value(effect.args[0])
        if held:
            self._store(effect)
        self.state.reservation = None
        self.results[id(effect)] = not held

    def _csr(self, effect: Effect) -> None:
        number, source = self.value(effect.args[0]), self.value(effect.args[1])
        old = self.state.csrs.get(number, 0)
        kind = int(effect.name)
        self.state.csrs[number] = old | source if kind == RS else old & ~source if kind == RC else source
        self.results[id(effect)] = old

    def _branch(self, effect: Effect) -> None:
        if self.value(effect.args[0]):
            self.next_pc = self.value(effect.args[1])

    def _jump(self, effect: Effect) -> None:
        self.next_pc = self.value(effect.args[0])

    def _helper(self, effect: Effect) -> None:
        args = (self.value(a) for a in effect.args if isinstance(a, Value))
        self.state.calls.append((effect.name, *args))

    _system = _xret = _helper


class ElementEvaluation(Evaluation):
    """Values of an operation on vector elements (isa/v), given what its operands are, by name."""

    def __init__(self, operands: dict[str, int]) -> None:
        self.operands = operands
        self.known: dict[int, int] = {}

    def operand(self, name: str) -> int:
        return self.operands[name]

    def value(self, v: Value) -> int:
        """The same, each node once: the rounds of a cipher use what is before them several times."""
        if id(v) not in self.known:
            self.known[id(v)] = super().value(v)
        return self.known[id(v)]


def step(word: int, state: State, extensions: frozenset[str] | None = None) -> Insn:
    """Executes the instruction in ``word`` on the state and gives its definition. Raises ValueError if it is none."""
    length = 2 if word & 3 != 3 else 4
    if length == 2:
        alias = lookup16(word & 0xFFFF, extensions)
        if alias is None:
            raise ValueError(f"{word & 0xFFFF:#06x} is no compressed instruction")
        word = alias.expand(word & 0xFFFF)
    insn = lookup(word, extensions)
    if insn is None:
        raise ValueError(f"{word:#010x} is no instruction")
    Evaluation(INSNS[insn.name], word, state, length).run()
    return insn


__all__ = ["FUNCTIONS", "ElementEvaluation", "Evaluation", "State", "Unmodelled", "step"]
