"""A hart with vectors that runs pieces of assembly in M-mode."""

from __future__ import annotations

from rows import CODE, VECTOR

from rvh import Machine
from rvh.emit.asm import assemble

DATA = 0x8001_0000
VTYPE = {
    (sew, lmul): {8: 0, 16: 1, 32: 2, 64: 3}[sew] << 3 | {1: 0, 2: 1, 4: 2, 8: 3, 1 / 8: 5, 1 / 4: 6, 1 / 2: 7}[lmul]
    for sew in (8, 16, 32, 64)
    for lmul in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
}


class Unit:
    """``vlen`` bits; ``extensions`` beside Zve64x, joined by underscores."""

    def __init__(self, extensions: str, vlen: int = 256, base: str = "rv64gc_zve64x") -> None:
        self.vlen = vlen
        self.machine = Machine(isa=f"{base}_{extensions}_zvl{vlen}b", ram=1 << 20)
        self.hart = self.machine.harts[0]
        self.hart.csr["mtvec"] = VECTOR
        self.hart.csr["mstatus"] = 0x7E00 | 0x1800

    def close(self) -> None:
        self.machine.close()

    def run(self, source: str, limit: int = 100_000) -> int:
        """Runs assembly to its end, or to a trap: gives mcause, 0 if there was none."""
        code = assemble(source, CODE).data
        assert len(code) <= VECTOR - CODE
        self.machine.memory.write(CODE, code + b"\x6f\0\0\0")
        self.machine.memory.write(VECTOR, b"\x6f\0\0\0")
        self.hart.csr["mcause"], self.hart.pc, self.hart.mode = 0, CODE, "M"
        end = CODE + len(code)
        while self.hart.pc not in (end, VECTOR) and limit > 0:
            self.machine.run(max_insns=min(limit, 1000))
            limit -= 1000
        assert self.hart.pc in (end, VECTOR), "did not come to its end"
        return self.hart.csr["mcause"]

    def configure(self, vl: int, sew: int, lmul: float) -> int:
        """vsetvli; gives vl."""
        self.hart.x["t0"] = vl
        assert self.run(f"vsetvli t1, t0, {VTYPE[sew, lmul]}") == 0
        return self.hart.x["t1"]

    def put(self, register: int, data: bytes) -> None:
        """Whole registers from this one on; the last is filled up with ones."""
        size = self.vlen // 8
        for n in range(0, len(data), size):
            self.hart.v[register + n // size] = data[n : n + size].ljust(size, b"\xff")

    def get(self, register: int, n: int) -> bytes:
        """The first n bytes of the registers from this one on."""
        out = b""
        while len(out) < n:
            out += bytes(self.hart.v[register])
            register += 1
        return out[:n]
