"""Every integer instruction with random registers and awkward values: the compiled core against the evaluator."""

import random

import pytest
from rows import CODE, DATA, VECTOR

from rvh import Machine
from rvh.emit.disasm import disassemble
from rvh.emit.evaluate import FUNCTIONS, Evaluation, State
from rvh.isa import ALIASES, INSNS
from rvh.isa.dsl import SHADOW

WINDOW = 0x1000
AWKWARD = [0, 1, 2, 63, 64, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1,
           1 << 63, (1 << 63) + 1, (1 << 64) - 2, (1 << 64) - 1]  # fmt: skip


def is_modelled(insn) -> bool:
    if any(effect.kind in ("helper", "system", "xret", "csr", "sc") for effect in insn.effects):
        return False
    if insn.memory and insn.memory.name == SHADOW:  # which is not in M-mode
        return False
    return all(v.op not in ("call", "rounded") or v.args[0] in FUNCTIONS for v in insn.values())


NAMES = [name for name, insn in INSNS.items() if is_modelled(insn)]


@pytest.fixture(scope="module")
def machine():
    made = Machine(ram=1 << 20)
    hart = made.harts[0]
    for name, value in {"mtvec": VECTOR, "pmpaddr0": (1 << 54) - 1, "pmpcfg0": 0x1F, "mstatus": 0x7800}.items():
        hart.csr[name] = value
    yield made
    made.close()


def a_value(chance: random.Random) -> int:
    return chance.choice(AWKWARD) if chance.random() < 0.7 else chance.getrandbits(64)


def compare(machine: Machine, insn, word: int, code: bytes, chance: random.Random) -> None:
    hart = machine.harts[0]
    state = State(pc=CODE)
    state.x = [0, *(a_value(chance) for _ in range(31))]
    state.f = [a_value(chance) for _ in range(32)]
    access = insn.memory
    if access:
        # The base such that the address is in the window, and aligned where it must be.
        at = DATA + chance.randrange(64, WINDOW - 64)
        if access.kind != "load" and access.kind != "store":
            at &= -16 if access.type.width == 128 else -8
        base = insn.pattern.extract(word, "rs1")
        offset = insn.pattern.extract(word, "imm") if "imm" in insn.operands else 0
        if base == 0:
            return
        state.x[base] = at - offset
    data = chance.randbytes(WINDOW)
    state.memory = {DATA + n: byte for n, byte in enumerate(data)}
    for n in range(32):
        hart.f[n] = state.f[n]
        if n:
            hart.x[n] = state.x[n]
    machine.memory.write(DATA, data)
    machine.memory.write(CODE, code)
    hart.pc = CODE
    hart.step()
    Evaluation(insn, word, state, len(code)).run()
    text = disassemble(word, CODE)
    assert hart.pc == state.pc, text
    assert [hart.x[n] for n in range(32)] == state.x, text
    assert [hart.f[n] for n in range(32)] == state.f, text
    assert machine.memory.read(DATA, WINDOW) == bytes(state.memory[DATA + n] for n in range(WINDOW)), text


@pytest.mark.parametrize("name", NAMES)
def test_instruction(machine: Machine, name: str):
    chance = random.Random(name)
    insn = INSNS[name]
    p = insn.pattern
    for _ in range(25):
        while not p.matches(word := p.match | chance.getrandbits(32) & ~p.mask):
            pass
        compare(machine, insn, word, word.to_bytes(4, "little"), chance)


@pytest.mark.parametrize("name", [name for name, alias in ALIASES.items() if is_modelled(INSNS[alias.target])])
def test_compressed_instruction(machine: Machine, name: str):
    chance = random.Random(name)
    alias = ALIASES[name]
    p = alias.pattern
    done = 0
    while done < 25:
        half = p.match | chance.getrandbits(16) & ~p.mask
        if p.matches(half):
            done += 1
            compare(machine, INSNS[alias.target], alias.expand(half), half.to_bytes(2, "little"), chance)
