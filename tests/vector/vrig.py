"""The privileged tests' workbench with vectors: assembly, and many instructions at once of which it counts only whether
they are illegal."""

from __future__ import annotations

import pytest
import rig as r
from rig import Rig, Trap

from rvh.emit.asm import assemble

#: Names of normative rules that a test checks
rules = pytest.mark.rules

ILLEGAL = 2
ELEN = 64
VILL = 1 << 63
VS, FS = 3 << 9, 3 << 13
SEWS = (8, 16, 32, 64)
#: vlmul of each LMUL
VLMUL = {1 / 8: 5, 1 / 4: 6, 1 / 2: 7, 1: 0, 2: 1, 4: 2, 8: 3}
#: What a hart with ELEN=64 has: SEW, LMUL.
SETTINGS = [(sew, lmul) for sew in SEWS for lmul in VLMUL if sew <= ELEN * lmul]

PROGRAM, LOG = r.RAM + 0x20000, r.RAM + 0xA0000
#: Notes mepc in LOG and goes on behind the instruction.
HANDLER = assemble("csrr x6, mepc; sd x6, 0(x9); addi x9, x9, 8; addi x6, x6, 4; csrw mepc, x6; mret").words()


def words(text: str) -> list[int]:
    return assemble(text).words()


def vtype(sew: int, lmul: float, vta: int = 0, vma: int = 0) -> int:
    return vma << 7 | vta << 6 | {8: 0, 16: 1, 32: 2, 64: 3}[sew] << 3 | VLMUL[lmul]


class VectorRig(Rig):
    def fresh(self) -> VectorRig:
        """Gates open, VS and FS on and everything of vectors and floating point zero."""
        self.csr["mstatus"] = self.csr["hstatus"] = 0
        self.open_gates()
        self.csr["vstart"] = self.csr["vcsr"] = self.csr["fcsr"] = 0
        for n in range(32):
            self.hart.v[n] = bytes(len(self.hart.v[n]))
            self.hart.f[n] = 0
        return self

    def run(self, text: str, **options) -> Trap | None:
        return self.execute(*words(text), **options)

    def done(self, text: str, **options) -> None:
        """Assembly that no instruction of may trap."""
        trap = self.run(text, **options)
        assert trap is None, f"{text}: {trap}"

    def set(self, vl: int, sew: int, lmul: float = 1, vta: int = 0, vma: int = 0) -> None:
        self.done(f"vsetvli a0, a2, {vtype(sew, lmul, vta, vma)}", a2=vl)
        assert self.a0 == vl

    def group(self, n: int, registers: int) -> bytes:
        return b"".join(bytes(self.hart.v[n + i]) for i in range(registers))

    def fill(self, n: int, data: bytes) -> None:
        """Whole registers from n on."""
        vlenb = self.csr["vlenb"]
        assert len(data) % vlenb == 0
        for i in range(len(data) // vlenb):
            self.hart.v[n + i] = data[i * vlenb : (i + 1) * vlenb]

    def mask(self, n: int) -> int:
        """Register n as a mask: element i is bit i."""
        return int.from_bytes(self.hart.v[n], "little")

    def illegal(self, encodings: list[int]) -> set[int]:
        """Which of them, by position, are illegal with vtype and vl as they are, each executed after those before. x5,
        x6 and x9 are not theirs, a1 is an address in RAM, a2 8."""
        self.code(*HANDLER, at=r.M_VECTOR)
        self.code(*encodings, 0x6F, at=PROGRAM)  # the last is a jump to itself
        assert PROGRAM + 4 * len(encodings) < LOG and 8 * len(encodings) < r.RAM + r.RAM_SIZE - LOG
        self.stand("M", PROGRAM)
        self.hart.x["s1"], self.hart.x["a1"], self.hart.x["a2"] = LOG, r.DATA, 8
        end = PROGRAM + 4 * len(encodings)
        for _ in range(8 * len(encodings) // 1000 + 1):
            self.step(1000)
            if self.pc == end:
                break
        assert self.pc == end
        noted = self.machine.memory.read(LOG, self.hart.x["s1"] - LOG)
        return {(int.from_bytes(noted[i : i + 8], "little") - PROGRAM) // 4 for i in range(0, len(noted), 8)}
