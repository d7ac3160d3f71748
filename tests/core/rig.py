"""A bare hart to try single instructions on: the privileged tests' workbench.

The hart stands at ``CODE`` in RAM with PMP open to all modes and trap vectors that tell the levels apart. Encodings
are written out here on purpose: what the tests feed the hart does not come from the tables that they test.
"""

from __future__ import annotations

from typing import NamedTuple

from rvh import Machine
from rvh.isa import csrs

RAM = 0x8000_0000
RAM_SIZE = 1 << 20
CODE = RAM
DATA = RAM + 0x8000
TABLES = RAM + 0x10000
M_VECTOR, HS_VECTOR, VS_VECTOR = RAM + 0x2000, RAM + 0x3000, RAM + 0x4000

#: Nothing answers at this physical address.
NOWHERE = 0x10

INTERRUPT = 1 << 63
ALL = (1 << 64) - 1

MRET, SRET, WFI = 0x30200073, 0x10200073, 0x10500073
ECALL, EBREAK, NOP = 0x00000073, 0x00100073, 0x00000013
WRS_NTO, WRS_STO = 0x00D00073, 0x01D00073
SFENCE_VMA, SINVAL_VMA = 0x12000073, 0x16000073
SFENCE_W_INVAL, SFENCE_INVAL_IR = 0x18000073, 0x18100073
HFENCE_VVMA, HINVAL_VVMA = 0x22000073, 0x26000073
HFENCE_GVMA, HINVAL_GVMA = 0x62000073, 0x66000073
HLV_W, HLVX_WU, HSV_W = 0x6805C573, 0x6835C573, 0x6AA5C073  # a0, (a1)
CBO_INVAL, CBO_CLEAN, CBO_FLUSH, CBO_ZERO = 0x0005A00F, 0x0015A00F, 0x0025A00F, 0x0045A00F  # (a1)
LW, SW, LR_W, SC_W, AMOADD_W = 0x0005A503, 0x00A5A023, 0x1005A52F, 0x18C5A52F, 0x00C5A52F  # a0, (a1) and a2
FADD_S, FSGNJ_S = 0x00B57553, 0x20B50553  # fa0, fa0, fa1
VSETIVLI, VL1R = 0xCC027057, 0x02858407  # x0, 4, e8, m1, tu, mu; v8, (a1)

RA0, RA1, RA2 = 10, 11, 12


class Trap(NamedTuple):
    """A trap taken: into which mode, and xcause, xepc, xtval as that mode reads them."""

    into: str
    cause: int
    epc: int
    tval: int


def csr_number(name: str | int) -> int:
    return name if isinstance(name, int) else csrs.BY_NAME[name].number


def csr_insn(funct3: int, name: str | int, rd: int = RA0, rs1: int = RA1) -> int:
    return csr_number(name) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73


def csrr(name: str | int) -> int:
    """CSRRS a0, name, x0"""
    return csr_insn(2, name, rs1=0)


def csrw(name: str | int) -> int:
    """CSRRW x0, name, a1"""
    return csr_insn(1, name, rd=0)


def csrrw(name: str | int) -> int:
    return csr_insn(1, name)


def csrrs(name: str | int) -> int:
    """CSRRS a0, name, a1"""
    return csr_insn(2, name)


def csrrc(name: str | int) -> int:
    return csr_insn(3, name)


class Rig:
    """One hart. ``rig.csr[name]`` reads and writes CSRs as M-mode would."""

    def __init__(self, isa: str = "max", geilen: int = 0, open_gates: bool = True, transformed: bool = True) -> None:
        self.machine = Machine(ram=RAM_SIZE, isa=isa, geilen=geilen, transformed=transformed)
        self.extensions = self.machine.extensions
        self.hart = self.machine.harts[0]
        self.csr = self.hart.csr
        self.csr["pmpaddr0"] = ALL
        self.csr["pmpcfg0"] = 0x1F
        self.csr["mtvec"] = M_VECTOR
        if "S" in self.extensions:
            self.csr["stvec"] = HS_VECTOR
        if "H" in self.extensions:
            self.csr["vstvec"] = VS_VECTOR
        self.code(NOP)
        if open_gates:
            self.open_gates()

    def open_gates(self) -> None:
        """Every control as permissive as it gets."""
        for name, value in {
            "mstateen0": ALL, "mstateen1": ALL, "mstateen2": ALL, "mstateen3": ALL,
            "hstateen0": ALL, "hstateen1": ALL, "hstateen2": ALL, "hstateen3": ALL,
            "menvcfg": 1 << 63 | 0xF8, "henvcfg": 1 << 63 | 0xF8, "senvcfg": 0xF8,
            "mcounteren": ALL, "hcounteren": ALL, "scounteren": ALL,
            "mstatus": 3 << 13 | 3 << 9, "vsstatus": 3 << 13 | 3 << 9, "hstatus": 1 << 9,
            "stimecmp": ALL, "vstimecmp": ALL,
        }.items():  # fmt: skip
            if name in self.csr:
                self.csr[name] = value

    # -- registers and memory
    @property
    def mode(self) -> str:
        return self.hart.mode

    @property
    def pc(self) -> int:
        return self.hart.pc

    @property
    def a0(self) -> int:
        return self.hart.x["a0"]

    def stand(self, mode: str, pc: int = CODE) -> None:
        """Puts the hart into a mode, not waiting, at an address."""
        self.hart.mode = mode
        self.hart.pc = pc
        self.machine._core.set_wfi(0, False)

    def store(self, address: int, value: int, size: int = 8) -> None:
        self.machine.memory.write(address, value.to_bytes(size, "little"))

    def load(self, address: int, size: int = 8) -> int:
        return int.from_bytes(self.machine.memory.read(address, size), "little")

    def lines(self, bits: int, level: bool = True) -> None:
        """Drives interrupt lines, in mip positions, as devices do."""
        self.machine._core.set_lines(0, bits, level)

    def code(self, *words: int, at: int = CODE) -> None:
        """Places instructions (16-bit ones where the low bits say so) and NOPs after them."""
        data = b"".join(w.to_bytes(4 if w & 3 == 3 else 2, "little") for w in (*words, NOP, NOP))
        self.machine.memory.write(at, data)

    # -- running
    def step(self, n: int = 1) -> None:
        """Executes n slots: instructions, or traps in place of one."""
        self.machine.run(max_insns=n)

    def trap(self) -> Trap | None:
        """The trap that the hart has just entered, judged by where it stands."""
        for into, vector, prefix in (("M", M_VECTOR, "m"), ("HS", HS_VECTOR, "s"), ("VS", VS_VECTOR, "vs")):
            if self.pc == vector:
                assert self.mode == into, f"at the vector of {into} in {self.mode}-mode"
                return Trap(into, *(self.csr[prefix + name] for name in ("cause", "epc", "tval")))
        return None

    def execute(self, *words: int, mode: str = "M", a0: int = 0, a1: int = DATA, a2: int = 0) -> Trap | None:
        """Executes the instructions from CODE in `mode` until all are done or one traps; returns the trap."""
        self.code(*words)
        self.stand(mode)
        self.hart.x["a0"], self.hart.x["a1"], self.hart.x["a2"] = a0, a1, a2
        for _ in words:
            self.step()
            trap = self.trap()
            if trap:
                return trap
        return None

    def cause(self, *words: int, mode: str, **registers: int) -> int | None:
        """Code of the exception that the instructions end in, None if they complete."""
        trap = self.execute(*words, mode=mode, **registers)
        return trap.cause if trap else None

    def read(self, name: str | int, mode: str) -> int:
        """What CSRR gives in a mode; it must be allowed."""
        trap = self.execute(csrr(name), mode=mode)
        assert trap is None, f"reading {name} in {mode}-mode: {trap}"
        return self.a0

    def write(self, name: str | int, mode: str, value: int) -> None:
        """CSRW in a mode; it must be allowed."""
        trap = self.execute(csrw(name), mode=mode, a1=value)
        assert trap is None, f"writing {name} in {mode}-mode: {trap}"

    def take_interrupt(self, mode: str) -> Trap | None:
        """The interrupt that is taken in front of a NOP in `mode`, if any. The handlers are a jump to themselves, so
        that the step which enters one does not leave it."""
        self.code(NOP)
        for vector in (M_VECTOR, HS_VECTOR, VS_VECTOR):
            self.code(0x0000006F, at=vector)  # j .
        self.stand(mode)
        self.step()
        return self.trap()
