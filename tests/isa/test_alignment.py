"""Without C, a taken jump to a misaligned target traps at the jump itself (Unprivileged ISA, "Base Instruction-Length
Encoding"); with C there is no such thing."""

import pytest
from rows import CODE, VECTOR

from rvh import Machine
from rvh.emit.asm import assemble

TAKEN = {
    "jal a0, .+6": CODE + 6,
    "jal a0, .-2": CODE - 2,
    "jalr a0, 2(a1)": CODE + 0x42,
    "jalr a0, 3(a1)": CODE + 0x42,
    "ret": CODE + 0x22,
    "beq zero, zero, .+6": CODE + 6,
    "bne zero, a1, .-6": CODE - 6,
    "blt zero, a1, .+10": CODE + 10,
    "bge a1, zero, .+2": CODE + 2,
    "bltu zero, a1, .+6": CODE + 6,
    "bgeu a1, zero, .+6": CODE + 6,
}
FINE = {
    "jal a0, .+8": CODE + 8,
    "jalr a0, 1(a1)": CODE + 0x40,
    "beq a1, zero, .+6": CODE + 4,
    "bne a1, zero, .+8": CODE + 8,
}


def run(isa: str, source: str):
    machine = Machine(ram=1 << 20, isa=isa)
    hart = machine.harts[0]
    hart.csr["mtvec"] = VECTOR
    hart.x["a0"], hart.x["ra"] = 7, CODE + 0x22
    hart.x["a1"] = CODE + 0x40 if "jalr" in source else 0x40
    machine.memory.write(CODE, assemble(source, CODE).data)
    hart.pc = CODE
    hart.step()
    state = hart.pc, hart.csr["mcause"], hart.csr["mepc"], hart.csr["mtval"], hart.x["a0"]
    machine.close()
    return state


@pytest.mark.parametrize("source", TAKEN)
@pytest.mark.rules("taken_cti_misaligned_exc", "jump_misaligned_exception", "branch_misaligned_taken_exception")
def test_traps_at_the_jump(source):
    assert run("rv64ima_zicsr", source) == (VECTOR, 0, CODE, TAKEN[source], 7)


@pytest.mark.parametrize("source", TAKEN)
@pytest.mark.rules(
    "jump_misaligned_c_no_exception", "branch_misaligned_c_no_exception", "Zca_no_misaligned", "Zca_align16"
)
def test_fine_with_c(source):
    pc, cause, *_ = run("rv64imac_zicsr", source)
    assert (pc, cause) == (TAKEN[source], 0)


@pytest.mark.parametrize("source", FINE)
@pytest.mark.rules("cond_br_no_ia_misaligned_exc_not_taken", "branch_misaligned_untaken_exception")
def test_aligned_or_not_taken(source):
    pc, *_ = run("rv64ima_zicsr", source)
    assert pc == FINE[source]
