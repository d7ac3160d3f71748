"""Random vector instructions on rvh and on QEMU: the registers after each of them must agree.

``python -m tools.lockstep.qemu [--seed N] [--programs N] [--seconds S] [--vlen BITS] [--qemu PATH]``

The programs are those of `vector`, without what the manual reserves: QEMU makes most of it illegal instructions, where
rvh and Spike do something. They write all registers to memory after each instruction; QEMU's `spike` machine (from
version 8 on) leaves that memory in a file as riscv-arch-test's signatures are.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rvh import Machine
from rvh.emit.disasm import disassemble
from rvh.isa.dsl import Insn

from .elffile import write_elf
from .peer import arguments, seeds
from .vector import BASE, CRYPTOGRAPHY, RAM, TOHOST, Difference, image, program

DUMPS = BASE + 0x10_0000
SCALARS = ("vl", "vtype", "vcsr", "fcsr", "x6")
LENGTH = 150
_FEATURES = f"zfh_zvfh_zfbfmin_zvfbfmin_zvfbfwma_{CRYPTOGRAPHY}".split("_")


def _dump(vlen: int) -> str:
    """Writes all registers to x20 and moves it on."""
    size = vlen // 8
    lines = ["dump:", "csrw vstart, x0", "bnez x20, 1f", f"li x20, {DUMPS}", "1: sd x6, 32(x20)"]
    for n, name in enumerate(SCALARS[:-1]):
        lines += [f"csrr x21, {name}", f"sd x21, {8 * n}(x20)"]
    lines += [f"fsd f{n}, {8 * (len(SCALARS) + n)}(x20)" for n in range(32)]
    lines += [f"addi x20, x20, {8 * (len(SCALARS) + 32)}", f"li x21, {8 * size}"]
    for n in (0, 8, 16, 24):
        lines += [f"vs8r.v v{n}, (x20)", "add x20, x20, x21"]
    return "\n".join([*lines, "ret"])


def takes(insn: Insn, word: int) -> bool:
    """Whether the manual defines what it does, as far as can be told without vtype."""
    fields, name = insn.pattern.fields, insn.name
    vd, vs1, vs2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    if name.startswith("vset"):
        return word >> 15 & 31 != 0 or vd != 0 or name == "vsetivli"  # VLMAX must not change under a kept vl
    sources = [n for n, field in ((vs1, "vs1"), (vs2, "vs2"), (vd, "vs3")) if field in fields]
    if not word >> 25 & 1 and 0 in sources:
        return False  # v0 read as a mask and as something else ("Vector Operands")
    apart = [*sources, vd] if ".w" in name or name.startswith(("vw", "vfw", "vn", "vfn", "vq")) else sources
    return len({n >> 3 for n in apart}) == len(apart)


#: Name -> reason. What comes behind one of these in its program is not compared.
KNOWN = {
    "unboxed": "vfwmaccbf16.vf takes an f register that is not a boxed bfloat16 for a NaN; QEMU 10.0 does not look.",
    "empty-sum": "An unordered sum of no active elements is vs1[0], a NaN of it canonical here; both are allowed "
    '("Vector Unordered Single-Width Floating-Point Sum Reduction").',
    "sha-fractional": "vsha2* with a group that a fractional LMUL just holds are there; illegal with QEMU 10.0.",
}


def explain(word: int, state: dict[str, int], register: str) -> str | None:
    """The name in `KNOWN` of a first difference, in that register, after an instruction; or None. ``state``: `SCALARS`
    and f registers, here; and v0 before the instruction."""
    name = disassemble(word).split()[0]
    if name == "vfwmaccbf16.vf" and state[f"f{word >> 15 & 31}"] >> 16 != (1 << 48) - 1:
        return "unboxed" if register == "fcsr" or register.startswith("v") else None
    if name in ("vfredusum.vs", "vfwredusum.vs") and not word >> 25 & 1 and not state["v0"] & (1 << state["vl"]) - 1:
        return "empty-sum" if register in ("fcsr", f"v{word >> 7 & 31}, byte 0 on") else None
    if name.startswith("vsha2") and state["vtype"] & 7 > 4 and register == "x6":
        return "sha-fractional"
    return None


def usable(qemu: str) -> bool:
    """Whether it is there and writes signatures."""
    if shutil.which(qemu) is None:
        return False
    done = subprocess.run(
        [qemu, "-M", "spike,help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    return "signature=" in done.stdout


def _steps(code: bytes) -> list[int]:
    """The last instruction before each call of the dump."""
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code), 4)]
    return [before for before, word in zip(words, words[1:], strict=False) if word & 0xFFF == 0x0EF]


def _size(vlen: int) -> int:
    return 8 * (len(SCALARS) + 32) + 4 * vlen


def _name(offset: int, vlen: int) -> str:
    """The register at an offset of a dump."""
    n = offset // 8
    if n < len(SCALARS):
        return SCALARS[n]
    if n < len(SCALARS) + 32:
        return f"f{n - len(SCALARS)}"
    at = offset - 8 * (len(SCALARS) + 32)
    return f"v{at // (vlen // 8)}, byte {at % (vlen // 8)} on"


@dataclass
class Outcome:
    """``compared``: how many instructions; of which ``kinds``; ``known`` differences by name."""

    compared: int = 0
    kinds: set[str] = field(default_factory=set)
    known: Counter[str] = field(default_factory=Counter)


def compare(seed: int, n: int, vlen: int, qemu: str, outcome: Outcome) -> None:
    """Adds a program to the outcome. Raises Difference."""
    code, size = program(seed, n, "dump", _dump(vlen), takes), _size(vlen)
    words = _steps(code)
    assert len(words) == n
    with tempfile.TemporaryDirectory() as folder:
        path, signature = Path(folder) / "program.elf", Path(folder) / "signature"
        path.write_bytes(write_elf(BASE, image(seed, code), TOHOST, (DUMPS, DUMPS + n * size)))
        machine = Machine(isa=f"rv64gcv_{'_'.join(_FEATURES)}_zvl{vlen}b_zicntr_zicclsm", ram=RAM)
        machine.load(path)
        stop = machine.run(max_insns=1000 * n)
        cpu = ",".join(["rv64,v=true", f"vlen={vlen}", *(f"{name}=true" for name in _FEATURES)])
        command = [qemu, "-M", f"spike,signature={signature},signature-granularity=8", "-cpu", cpu, "-m", "64M",
                   "-nographic", "-bios", "none", "-kernel", str(path)]  # fmt: skip
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if stop.kind != "pass" or done.returncode or not signature.exists():
            raise Difference(f"seed {seed}: {stop} here; QEMU ended with {done.returncode}: {done.stderr.strip()}")
        theirs = b"".join(int(line, 16).to_bytes(8, "little") for line in signature.read_text().split())
    mine = machine.memory.read(DUMPS, n * size)
    at = next((at for at in range(0, len(mine), 8) if mine[at : at + 8] != theirs[at : at + 8]), len(mine))
    step = at // size
    outcome.compared += step
    outcome.kinds.update(disassemble(word).split()[0] for word in words[:step])
    if step == n:
        return
    dump, register = mine[step * size :], _name(at % size, vlen)
    state = {_name(k, vlen): int.from_bytes(dump[k : k + 8], "little") for k in range(0, 8 * (len(SCALARS) + 32), 8)}
    before = mine[(step - 1) * size + 8 * (len(SCALARS) + 32) :] if step else b""
    state["v0"] = int.from_bytes(before[: vlen // 8], "little")
    known = explain(words[step], state, register)
    if known is not None:
        outcome.known[known] += 1
        return
    scalars = " ".join(f"{name} {state[name]:#x}" for name in SCALARS)
    raise Difference(
        f"seed {seed} vlen {vlen}: instruction {step}, {disassemble(words[step])} ({scalars}): {register}\n"
        f"  rvh  {mine[at : at + 8][::-1].hex()}\n  QEMU {theirs[at : at + 8][::-1].hex()}"
    )


def main() -> int:
    """0: no difference; 1: one, shown; 2: no QEMU."""
    parser = arguments("lockstep.qemu", __doc__)
    parser.add_argument("--vlen", type=int, default=0, help="128 to 1024; by turns unless given")
    parser.add_argument("--qemu", default="qemu-system-riscv64", help="of version 8 or later")
    args = parser.parse_args()
    if not usable(args.qemu):
        print(f"lockstep: no {args.qemu} of version 8 or later here", file=sys.stderr)
        return 2
    outcome, failed = Outcome(), 0
    for seed in seeds(args):
        try:
            compare(seed, LENGTH, args.vlen or (128, 256, 512, 1024)[seed % 4], args.qemu, outcome)
        except Difference as error:
            print(error, flush=True)
            failed += 1
    print(f"{outcome.compared} instructions of {len(outcome.kinds)} kinds compared, {failed} programs differ")
    for name, count in outcome.known.items():
        print(f"  {count} x {name}: {KNOWN[name]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
