"""The programs of tools.lockstep.vector on rvh and on the Sail model: after each instruction every vector register, and
what Sail's trace says of x and f registers and of CSRs, must agree.

``python -m tools.lockstep.sail [--seed N] [--programs N] [--length N] [--vlen BITS] [--sail PATH]``

An instruction becomes a nop, and the program begins anew, where the model stops with a failed assertion of its own, and
where it differs about a reserved encoding: most that read a register at two widths are illegal on Sail, done here and
on Spike; comparisons to a register inside of their source group, results over their source, and some cryptography on
parts of element groups, the other way round. Sail wants a scalar element group in a register that LMUL divides.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from rvh import Machine
from rvh.comply import frameworks
from rvh.emit.disasm import disassemble
from rvh.isa import extensions

from .elffile import write_elf
from .peer import arguments, output, seeds
from .vector import BASE, CRYPTOGRAPHY, TOHOST, Difference, image, program

RAM = 16 << 20
WAIT = 0x6F  # j .
_INSTRUCTION = re.compile(r"\[\d+\] \[M\]: 0x([0-9A-F]+) \(0x([0-9A-F]+)\)")
_WRITE = re.compile(r"(?:([xfv])(\d+)|CSR \w+ \(0x([0-9A-F]+)\)) <- 0x([0-9A-F]+)")
#: fflags, frm, fcsr, vstart, vxsat, vxrm, vcsr, mcause, mtval, vl, vtype
COMPARED = frozenset((0x001, 0x002, 0x003, 0x008, 0x009, 0x00A, 0x00F, 0x342, 0x343, 0xC20, 0xC21))


def configuration(sail: str, isa: str) -> dict:
    """The model's default configuration with the extensions of an ISA and what ``rvh-comply --write-act4`` has the
    model told of rvh, as the ACT4 framework applies it. Raises KeyError for a key that the model does not have."""
    names = extensions.parse(isa)
    supported = set(frameworks.udb_names(names))
    default = subprocess.run([sail, "--print-default-config"], capture_output=True, text=True, check=True, timeout=60)
    model: dict = json.loads(re.sub(r"^\s*//.*$", "", default.stdout, flags=re.MULTILINE))
    for name, entry in model["extensions"].items():
        if "supported" in entry:
            entry["supported"] = name in supported
    for path, value in frameworks.sail_overrides(names).items():
        *above, last = path.split(".")
        if above == ["extensions", "H"] and "H" not in model["extensions"]:
            continue  # a model without the hypervisor extension
        at = model
        for key in above:
            at = at[key]
        if isinstance(at[last], str) and isinstance(value, dict):
            [value] = value.values()  # LR and SC before the model could do misaligned ones
        at[last] = value
    return model


class _LeaveOut(Exception):
    """The instruction at ``pc`` cannot be compared, and ``why``."""

    def __init__(self, pc: int, why: str):
        super().__init__(pc, why)
        self.pc, self.why = pc, why


def compare(seed: int, length: int, vlen: int, sail: str, legal: Counter) -> tuple[int, Counter]:
    """Instructions compared, and those left out by reason. Raises Difference."""
    isa = f"rv64gcv_zfh_zfbfmin_zvfh_zvfbfmin_zvfbfwma_zvl{vlen}b_zicntr_zicclsm_{CRYPTOGRAPHY}"
    memory = bytearray(image(seed, program(seed, length)))
    left_out: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path, config = Path(folder) / "program.elf", Path(folder) / "sail.json"
        config.write_text(json.dumps(configuration(sail, isa)))
        while True:
            path.write_bytes(write_elf(BASE, bytes(memory), TOHOST))
            try:
                return _replay(f"seed {seed} vlen {vlen}", path, config, isa, vlen, sail, legal), left_out
            except _LeaveOut as found:
                left_out[found.why] += 1
                struct.pack_into("<I", memory, found.pc - BASE, 0x13)


def _replay(name: str, path: Path, config: Path, isa: str, vlen: int, sail: str, legal: Counter) -> int:
    command = [sail, "--config", str(config), "--trace-instr", "--trace-reg", "--trace-vreg", str(path)]
    machine = Machine(isa=isa, ram=RAM)
    machine.load(path)
    with output(command) as log:
        return _follow(name, machine, (line.decode() for line in log), vlen, legal)


def reads_at_two_widths(word: int, vtype: int) -> bool:
    """Whether one register is read with two EEW, which is reserved ("Vector Operands"): mask, index and data. Raises
    nothing: other instructions than those of the vector extension read no such thing."""
    sew, lmul = 8 << (vtype >> 3 & 7), Fraction(2) ** ((vtype & 7) - (vtype & 4) * 2)
    form, vs2, vs1, vd = word >> 12 & 7, word >> 20 & 31, word >> 15 & 31, word >> 7 & 31
    reads = [] if word >> 25 & 1 else [(0, Fraction(1), 1)]  # first register, number of registers, EEW
    if word & 0x7F == 0x57:
        funct6 = word >> 26
        integer, floating, other = form in (0, 3, 4), form in (1, 5), form in (2, 6)
        wide = funct6 in range(0x34, 0x38) and not integer or funct6 in range(0x2C, 0x30) and integer
        of_mask = form == 2 and (funct6 == 0x10 and vs1 & 0x10 or funct6 == 0x14 and vs1 < 0x10)
        eew = 1 if of_mask else sew * 2 if wide else sew
        reads.append((vs2, lmul * eew / sew, eew))
        if form == 0 and funct6 in (0x30, 0x31) or form == 1 and funct6 in (0x31, 0x33):  # sums of twice the width
            reads.append((vs1, Fraction(1), sew * 2))
        elif form < 3:
            eew = 16 if form == 0 and funct6 == 0x0E else 1 if form == 2 and funct6 == 0x17 else sew
            reads.append((vs1, lmul * eew / sew, eew))
        if (other or floating) and funct6 >= 0x3C or floating and funct6 == 0x3B:  # what is added to
            reads.append((vd, lmul * 2, sew * 2))
    elif word & 0x7F in (0x07, 0x27):
        width, indexed = {0: 8, 5: 16, 6: 32, 7: 64}.get(form, 0), word >> 26 & 1
        if indexed:
            reads.append((vs2, lmul * width / sew, width))
        if word & 0x20:
            eew = sew if indexed else width
            reads.append((vd, max(lmul * eew / sew, Fraction(1)) * ((word >> 29 & 7) + 1), eew))
    return any(
        a[2] != b[2] and a[0] < b[0] + max(b[1], 1) and b[0] < a[0] + max(a[1], 1)
        for a, b in itertools.combinations(reads, 2)
    )


def mask_inside_source(word: int, vtype: int) -> bool:
    """Whether a comparison or a carry out goes to a register of a source group that is not its first, which is reserved
    as well."""
    lmul = 1 << (vtype & 3) if not vtype & 4 else 1
    form, funct6, vd = word >> 12 & 7, word >> 26, word >> 7 & 31
    comparison = funct6 in range(0x18, 0x20) and form in (0, 1, 3, 4, 5) or funct6 in (0x11, 0x13) and form in (0, 3, 4)
    groups = [word >> 20 & 31] + ([word >> 15 & 31] if form < 3 else [])
    return word & 0x7F == 0x57 and comparison and any(group < vd < group + lmul for group in groups)


def result_over_source(word: int, vtype: int) -> bool:
    """Whether cryptography or VIOTA writes over what it reads, which is reserved where it matters here."""
    lmul = 1 << (vtype & 3) if not vtype & 4 else 1
    vd, vs1, vs2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    if word & 0x7F == 0x77:
        return any(vd < vs + lmul and vs < vd + lmul for vs in (vs1, vs2))
    return word & 0x7F == 0x57 and word >> 26 == 0x14 and vs1 == 0x10 and vd <= vs2 < vd + lmul


def _steps(log: Iterable[str]) -> Iterable[tuple[int, int, list[tuple[str, int, int]]]]:
    """Of each instruction pc, word and what it wrote: x, f, v or csr, number and value; the last write counts. Raises
    _LeaveOut for the last one, when the trace ends before the program waits for its end."""
    at: tuple[int, int] = (0, 0)
    writes: dict[tuple[str, int], int] = {}
    for line in log:
        if m := _INSTRUCTION.match(line):
            if at[0]:
                yield *at, [(*key, value) for key, value in writes.items()]
            at, writes = (int(m[1], 16), int(m[2], 16)), {}
            if at[1] == WAIT:
                return
        elif m := _WRITE.match(line):
            writes[(m[1], int(m[2])) if m[1] else ("csr", int(m[3], 16))] = int(m[4], 16)
    raise _LeaveOut(at[0], "Sail stops")


def _follow(name: str, machine: Machine, log: Iterable[str], vlen: int, legal: Counter) -> int:
    core = machine._core
    shadow = [bytes(vlen // 8)] * 32
    read = {"x": core.get_x, "f": core.get_f, "csr": core.get_csr}
    compared = 0
    for pc, word, writes in _steps(log):
        where = f"{name} pc {pc:#x} {word:#010x} {disassemble(word)} after {compared}"
        if core.get_pc(0) != pc:
            raise Difference(f"{where}: rvh is at {core.get_pc(0):#x}")
        vtype, vl = core.get_csr(0, 0xC21), core.get_csr(0, 0xC20)
        core.step(0)
        compared += 1
        trapped = ("csr", 0x342, 2) in writes
        if trapped != (core.get_pc(0) != pc + 4):
            if reads_at_two_widths(word, vtype):
                raise _LeaveOut(pc, "a register at two widths")
            if mask_inside_source(word, vtype):
                raise _LeaveOut(pc, "a mask inside its source")
            if result_over_source(word, vtype):
                raise _LeaveOut(pc, "a result over its source")
            if word & 0x7F == 0x77 and trapped and word >> 20 & (1 << (vtype & 3)) - 1 and not vtype & 4:
                raise _LeaveOut(pc, "a scalar element group at any register")
            if word & 0x7F == 0x77 and vl % 4:
                raise _LeaveOut(pc, "part of an element group")
        if word & 0x7F in (0x57, 0x77, 0x07, 0x27) and not trapped:
            legal[disassemble(word).split()[0]] += 1
        for kind, number, value in writes:
            if kind == "v":
                shadow[number] = value.to_bytes(vlen // 8, "little")
            elif (kind != "csr" or number in COMPARED) and (mine := read[kind](0, number)) != value:
                raise Difference(f"{where}: {kind} {number:#x} is {mine:#x} on rvh, {value:#x} on Sail")
        for index, register in enumerate(shadow):
            if (held := core.get_v(0, index)) != register:
                raise Difference(f"{where}: v{index}\n  rvh   {held[::-1].hex()}\n  Sail  {register[::-1].hex()}")
    return compared


def main() -> int:
    """0: no difference; 1: one, shown; 2: no Sail model."""
    parser = arguments("lockstep.sail", __doc__)
    parser.add_argument("--length", type=int, default=400, help="instructions generated per program")
    parser.add_argument("--vlen", type=int, default=0, help="128 to 1024; by turns unless given")
    parser.add_argument("--sail", default="sail_riscv_sim")
    args = parser.parse_args()
    if shutil.which(args.sail) is None:
        print(f"lockstep: no {args.sail} here", file=sys.stderr)
        return 2
    total = failed = 0
    left_out: Counter = Counter()
    legal: Counter = Counter()
    for seed in seeds(args):
        try:
            compared, less = compare(seed, args.length, args.vlen or (128, 256, 512, 1024)[seed % 4], args.sail, legal)
        except Difference as error:
            print(error)
            failed += 1
            continue
        total += compared
        left_out += less
    why = ", ".join(f"{n} ({reason})" for reason, n in left_out.items()) or "none"
    print(f"{total} instructions compared, {len(legal)} vector mnemonics, {failed} programs differ; left out: {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
