"""Every row of the tables, by the evaluator and by the compiled core; and every instruction has a row."""

import pytest
from rows import CODE, DATA, DATA_SIZE, ROWS, VECTOR, Row

from rvh import Machine
from rvh.emit.evaluate import FUNCTIONS, State, step
from rvh.emit.syntax import CSR_NUMBERS, lookup, lookup16
from rvh.isa import ALIASES, INSNS


def identity(row: Row) -> str:
    return f"{row.where} {row.assembly}"


# FS dirty, MPP = M: the state in which a row starts unless it says otherwise.
MSTATUS = 0x6000 | 0x1800


def expected_memory(row: Row) -> bytearray:
    data = bytearray(DATA_SIZE)
    for spec in (row.before, row.after):
        for address, size, value in spec.memory:
            data[address - DATA : address - DATA + size] = value.to_bytes(size, "little")
    return data


def expected_registers(before: dict[int, int], after: dict[int, int]) -> list[int]:
    values = [0] * 32
    for spec in (before, after):
        for n, value in spec.items():
            values[n] = value
    return values


def words(row: Row) -> list[int]:
    out, at = [], 0
    for length in row.lengths:
        out.append(int.from_bytes(row.code[at : at + length], "little"))
        at += length
    return out


def is_modelled(row: Row) -> bool:
    """Whether the evaluator knows all that the row does: not traps, system instructions and floating point."""
    for word in words(row):
        insn = lookup(word) if word & 3 == 3 else lookup(lookup16(word).expand(word))
        if any(effect.kind in ("helper", "system", "xret") for effect in insn.effects):
            return False
        if any(v.op in ("call", "rounded") and v.args[0] not in FUNCTIONS for v in insn.values()):
            return False
    return "mcause" not in row.after.csr


@pytest.mark.parametrize("row", [row for row in ROWS if is_modelled(row)], ids=identity)
def test_evaluator(row: Row):
    state = State(pc=CODE)
    for n, value in row.before.x.items():
        state.x[n] = value
    for n, value in row.before.f.items():
        state.f[n] = value
    for address, size, value in row.before.memory:
        state.write(address, size, value)
    state.csrs = {CSR_NUMBERS[name]: value for name, value in row.before.csr.items()}
    for word in words(row):
        step(word, state)
    assert state.pc == row.end
    assert state.x == expected_registers(row.before.x, row.after.x)
    assert state.f == expected_registers(row.before.f, row.after.f)
    assert bytes(state.memory.get(DATA + n, 0) for n in range(DATA_SIZE)) == expected_memory(row)
    for name, value in (row.before.csr | row.after.csr).items():
        assert state.csrs[CSR_NUMBERS[name]] == value


@pytest.fixture(scope="module")
def machine():
    made = Machine(ram=1 << 20, isa="max_zicfilp_zicfiss")
    yield made
    made.close()


def prepare(machine: Machine, row: Row) -> None:
    hart = machine.harts[0]
    hart.mode = "M"
    for n in range(32):
        hart.f[n] = row.before.f.get(n, 0)
        if n:
            hart.x[n] = row.before.x.get(n, 0)
    # PMP open, so that HLV may reach memory as VS or VU.
    for name, value in {"mtvec": VECTOR, "pmpaddr0": (1 << 54) - 1, "pmpcfg0": 0x1F, "mstatus": MSTATUS}.items():
        hart.csr[name] = value
    for name in ("mie", "mip", "mcause", "mepc", "mtval", "fcsr", "mscratch", "vsatp", "hgatp"):
        hart.csr[name] = 0
    for name, value in row.before.csr.items():
        hart.csr[name] = value
    machine.memory.write(DATA, bytes(DATA_SIZE))
    for address, size, value in row.before.memory:
        machine.memory.write(address, value.to_bytes(size, "little"))
    machine.memory.write(CODE, row.code)
    hart.pc = CODE


def check(machine: Machine, row: Row) -> None:
    hart = machine.harts[0]
    assert hart.pc == row.end
    assert [hart.x[n] for n in range(32)] == expected_registers(row.before.x, row.after.x)
    assert [hart.f[n] for n in range(32)] == expected_registers(row.before.f, row.after.f)
    assert machine.memory.read(DATA, DATA_SIZE) == expected_memory(row)
    assert hart.csr["fflags"] == row.after.csr.get("fflags", row.before.csr.get("fflags", 0))
    assert hart.csr["mcause"] == row.after.csr.get("mcause", 0)
    for name, value in row.after.csr.items():
        # SXL, UXL and SD are not the rows' business.
        assert hart.csr[name] & (0xFFFF_FFFF if name == "mstatus" else -1) == value, name
    assert hart.mode == (row.after.mode or "M")


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.rules(*row.rules)) if row.rules else row for row in ROWS], ids=identity
)
def test_core(machine: Machine, row: Row):
    prepare(machine, row)
    machine.harts[0].step(len(row.lengths))
    check(machine, row)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_core_with_warm_tlb(machine: Machine, row: Row):
    """The second time the pages are in the TLB: the fast paths, in place of the slow ones."""
    for _ in range(2):
        prepare(machine, row)
        machine.harts[0].step(len(row.lengths))
    check(machine, row)


def test_every_instruction_has_a_row():
    covered = set()
    for row in ROWS:
        for word in words(row):
            found = lookup(word) if word & 3 == 3 else lookup16(word)
            covered |= {found.name, found.refines}
    elsewhere = {"mnret"}  # in tests/core/test_smrnmi.py: a machine with Smrnmi starts where nothing else here works
    assert {name for name, insn in INSNS.items() if not insn.whole_word} | set(ALIASES) == covered - {""} | elsewhere
