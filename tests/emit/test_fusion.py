"""Fused handlers do what their instructions do one by one, traps and all."""

import random

import pytest
from native import decoder

from rvh import Machine
from rvh.emit.fusion import Sequence, fused_name, sequences, writes_x
from rvh.isa import INSNS
from rvh.isa.extensions import EXTENSIONS, to_bits

CODE, VECTOR, DATA, AWAY = 0x8000_0000, 0x8000_0800, 0x8001_0000, 0x8000_0400
SPIN = 0x0000_006F  # j .
BY_NAME = {insn.pyname: insn for insn in INSNS.values()}
ALL = to_bits(set(EXTENSIONS) - {"Zicfilp"})  # with which indirect jumps stand alone

#: Registers 8..11 hold addresses and 28 one of code; 12..15 anything.
POINTERS, NUMBERS, TARGET = range(8, 12), range(12, 16), 28


def program(sequence: Sequence, chance: random.Random) -> list[int]:
    """The sequence with operands that mostly keep it from trapping, ending on the spot.

    An operand is the register written just before if and only if the sequence has it chained.
    """
    words: list[int] = []
    before = None
    for n, part in enumerate(sequence):
        insn = part.insn
        p = insn.pattern
        free = [r for r in (*POINTERS, *NUMBERS, 0) if r != before]
        pointers = [r for r in POINTERS if r != before]
        fields = {}
        for field in p.fields:
            if field == "rd":
                # What is an address next must stay one.
                address = n + 1 < len(sequence) and sequence[n + 1].insn.memory and sequence[n + 1].chain & 1
                fields[field] = chance.choice((*NUMBERS, *NUMBERS, 8) if not address else POINTERS)
            elif field in ("rs1", "rs2"):
                fields[field] = chance.choice(free)
            elif field in ("fd", "fs1", "fs2", "fs3"):
                fields[field] = chance.randrange(4)
            elif field == "imm":
                fields[field] = chance.choice((0, 8, 16, 5)) if "rd" in p.fields else chance.choice((0, 8, 16))
            elif field == "uimm":
                fields[field] = chance.randrange(32)
            elif field == "rm":
                fields[field] = 7
        if insn.memory:
            fields["rs1"] = chance.choice(pointers)
        fields |= dict.fromkeys(part.chained, before)
        if part.name in ("lui", "auipc"):
            fields["imm"] = chance.choice((0x1000, -0x80000000, 0))
            if n + 1 < len(sequence) and sequence[n + 1].name == "jalr":
                fields["imm"] = 0
        elif part.name == "jalr" and sequence[n - 1].name == "auipc" and part.chain:
            fields["imm"] = AWAY - CODE - 4 * (n - 1)
        elif part.name == "jalr":
            fields |= {"imm": chance.choice((0, 4))} | ({} if part.chain else {"rs1": TARGET})
        elif insn.terminator:
            fields["imm"] = AWAY - CODE - 4 * n
        words.append(p.encode(**fields))
        before = fields.get("rd") if writes_x(insn) else None
    return [*words, SPIN]


class Bench:
    """One machine, set up alike for each way of running a program."""

    def __init__(self) -> None:
        self.machine = Machine(ram=1 << 20)
        self.hart = self.machine.harts[0]
        for address in (VECTOR, AWAY, AWAY + 4):
            self.machine.memory.write(address, SPIN.to_bytes(4, "little"))

    def prepare(self, seed: int) -> None:
        chance = random.Random(seed)
        hart = self.hart
        hart.csr["mtvec"] = VECTOR
        hart.csr["mstatus"] = 0x6000
        for name in ("fcsr", "mcause", "mepc", "mtval"):
            hart.csr[name] = 0
        for n in range(1, 32):
            hart.x[n] = chance.choice((0, 1, 7, 1 << 63, (1 << 64) - 1, chance.getrandbits(64)))
        for n in POINTERS:
            hart.x[n] = DATA + 0x100 * n
        hart.x[TARGET] = AWAY
        for n in range(4):
            hart.f[n] = chance.choice((0x3FF0000000000000, 0x4008000000000000, 0xBFE5555555555555, 0x7FF0000000000000))
        self.machine.memory.write(DATA, chance.randbytes(0x1000))
        hart.pc = CODE

    def state(self) -> tuple:
        hart = self.hart
        csrs = [hart.csr[name] for name in ("mcause", "mepc", "mtval", "fcsr")]
        return hart.pc, dict(hart.x), dict(hart.f), csrs, self.machine.memory.read(DATA, 0x1000)


@pytest.fixture(scope="module")
def bench():
    made = Bench()
    yield made
    made.machine.close()


@pytest.mark.parametrize("sequence", sequences(), ids=fused_name)
def test_fused_is_one_by_one(bench: Bench, sequence: Sequence):
    chance = random.Random(fused_name(sequence))
    for seed in range(4):
        words = program(sequence, chance)
        assert decoder().fuse(words[:-1], ALL)[0] == fused_name(sequence)
        bench.machine.memory.write(CODE, b"".join(w.to_bytes(4, "little") for w in words))
        bench.prepare(seed)
        bench.hart.step(len(words))
        one_by_one = bench.state()
        # Once with cold and once with warm translations of the data.
        for _ in range(2):
            bench.prepare(seed)
            bench.machine.run(max_insns=500)
            assert bench.state() == one_by_one


def test_a_trap_in_the_middle_is_exact(bench: Bench):
    """ld ld ld, the second from nowhere: the first is done, mepc is the second's, the third has not happened."""
    lds = [BY_NAME["ld"].pattern.encode(rd=12 + n, rs1=rs1, imm=8 * n) for n, rs1 in enumerate((8, 0, 9))]
    assert decoder().fuse(lds, ALL)[0] == "f_ld__ld__ld"
    bench.machine.memory.write(CODE, b"".join(w.to_bytes(4, "little") for w in [*lds, SPIN]))
    for _ in range(2):
        bench.prepare(0)
        before = dict(bench.hart.x)
        slots = bench.hart.stats["instructions"]
        bench.machine.run(max_insns=100)
        assert bench.hart.pc == VECTOR
        assert (bench.hart.csr["mepc"], bench.hart.csr["mcause"], bench.hart.csr["mtval"]) == (CODE + 4, 5, 8)
        assert bench.hart.x[12] == int.from_bytes(bench.machine.memory.read(DATA + 0x800, 8), "little")
        assert bench.hart.x[14] == before["a4"]
        assert bench.hart.stats["instructions"] - slots == 99, "all but the one that trapped"


def test_middle_of_a_sequence_can_be_entered(bench: Bench):
    """A jump into the second instruction of a fused pair runs from there."""
    addi = BY_NAME["addi"].pattern
    words = [addi.encode(rd=12, rs1=12, imm=1), addi.encode(rd=12, rs1=12, imm=16), SPIN]
    bench.machine.memory.write(CODE, b"".join(w.to_bytes(4, "little") for w in words))
    for start, sum_ in ((CODE, 17), (CODE + 4, 16)):
        bench.prepare(0)
        bench.hart.x[12] = 0
        bench.hart.pc = start
        bench.machine.run(max_insns=50)
        assert bench.hart.x[12] == sum_
