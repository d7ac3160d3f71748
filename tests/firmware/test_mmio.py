"""Emulated accesses: whatever a load, store or atomic does to memory it does to a device's registers, too.

The device is the virtual CLINT, whose mtimecmp registers hold any bytes written to them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from vmrig import IMAGES, SAY_AND_STOP, SAY_WRONG, guest, run_vms

from rvh.isa import ALIASES, INSNS
from rvh.isa.encoding import Pattern
from rvh.isa.extensions import DEFAULT

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

MTIMECMP = 0x0200_4000
WINDOW = 32  # bytes: mtimecmp of four vCPUs

#: How the hypervisor learns of an instruction: from htinst, or by fetching it.
transformed = pytest.mark.parametrize("transformed", [True, False], ids=["htinst", "fetch"])


@dataclass(frozen=True)
class Form:
    name: str
    pattern: Pattern
    kind: str
    size: int


def memory_forms() -> list[Form]:
    """All loads, stores and AMOs that a guest may have and devices take."""
    forms = []
    for name, insn in INSNS.items():
        if insn.ext and not any(group <= DEFAULT for group in insn.ext):
            continue
        if insn.memory and insn.memory.kind in ("load", "store", "amo") and not name.startswith(("hlv", "hsv")):
            forms.append(Form(name, insn.pattern, insn.memory.kind, insn.memory.type.width // 8))
    known = {form.name: form for form in forms}
    for name, alias in ALIASES.items():
        if alias.target in known:
            target = known[alias.target]
            forms.append(Form(name, alias.pattern, target.kind, target.size))
    return [form for form in forms if form.size <= 8]


def test_the_forms_are_all_there():
    names = {form.name for form in memory_forms()}
    assert len(names) == 17 + 17 + 4 * 10
    assert {"lb", "fsh", "c.fldsp", "c.lhu", "c.sdsp", "amocas.b", "amomaxu.d"} <= names


@dataclass
class Case:
    """One instruction at `offset` of the window: its word, base register and the other registers it names."""

    form: Form
    word: int
    base: int
    offset: int
    immediate: int
    x: list[int]
    f: list[int]

    def describe(self) -> str:
        return f"{self.form.name} {self.word:#x} at {self.offset}"


def random_case(rng: random.Random, form: Form, misaligned: bool) -> Case:
    pattern = form.pattern
    free = ~pattern.mask & (1 << pattern.width) - 1
    while True:
        word = pattern.match | rng.getrandbits(pattern.width) & free
        fields = {name: pattern.extract(word, name) for name in pattern.fields}
        base = fields.pop("rs1", 2)
        source = fields.get("rs2")
        # Stores of the base itself differ between memory and device; c.lwsp x0 is reserved.
        if base == 0 or source == base or not pattern.matches(word):
            continue
        break
    span = WINDOW - form.size
    offset = rng.randrange(span + 1) if misaligned else rng.randrange(span // form.size + 1) * form.size
    return Case(
        form, word, base, offset, fields.get("imm", fields.get("uimm", 0)),
        sorted({fields[name] for name in ("rd", "rs2") if name in fields}),
        [fields[name] for name in ("fd", "fs2") if name in fields],
    )  # fmt: skip


def attempt(case: Case, rng_state: list[int], window: str | int, out: str) -> str:
    """Sets registers, executes the instruction and two compressed ones behind it, and stores what came of it."""
    used = {0, case.base, *case.x}
    count, result = [n for n in range(1, 32) if n not in used][:2]
    lines = []
    for f in case.f:
        lines += [f"li x{count}, {rng_state[0]}", f"fmv.d.x f{f}, x{count}"]
    lines += [f"li x{x}, {value}" for x, value in zip(case.x, rng_state[1:], strict=False) if x not in (0, case.base)]
    if isinstance(window, str):
        lines += [f"la x{case.base}, {window}", f"li x{count}, {case.offset - case.immediate}"]
        lines += [f"add x{case.base}, x{case.base}, x{count}"]
    else:
        lines += [f"li x{case.base}, {window + case.offset - case.immediate}"]
    lines += [f"li x{count}, 0", (".half " if case.form.pattern.width == 16 else ".word ") + hex(case.word)]
    lines += [f"c.addi x{count}, 1"] * 2
    lines += [f"la x{result}, {out}", f"sd x{count}, 0(x{result})"]
    lines += [f"sd x{x}, {8 + 8 * n}(x{result})" for n, x in enumerate(case.x)]
    lines += [f"fsd f{f}, {24 + 8 * n}(x{result})" for n, f in enumerate(case.f)]
    return "\n".join(lines) + "\n"


CHECKS = f"""
failed:                     # a0 = number of the case
    mv s10, a0
{SAY_WRONG}
fill:                       # the same bytes into memory and device
    la t0, pattern
    la t1, memory
    li t2, {MTIMECMP:#x}
    li t4, {WINDOW // 8}
1:  ld t3, 0(t0)
    sd t3, 0(t1)
    sd t3, 0(t2)
    addi t0, t0, 8
    addi t1, t1, 8
    addi t2, t2, 8
    addi t4, t4, -1
    bnez t4, 1b
    ret
compare:                    # a0 = number of the case
    la t0, memory
    li t1, {MTIMECMP:#x}
    li t4, {WINDOW // 8}
    mv t5, ra
    jal same
    la t0, out1
    la t1, out2
    li t4, 5
    jal same
    jr t5
same:
    ld t2, 0(t0)
    ld t3, 0(t1)
    bne t2, t3, failed
    addi t0, t0, 8
    addi t1, t1, 8
    addi t4, t4, -1
    bnez t4, same
    ret
.balign 64
pattern: .dword 0x8182838485868788, 0x191a1b1c1d1e1f10, 0xfffefdfcfbfaf9f8, 0x2122a3a425262728
memory: .zero {WINDOW}
out1: .zero 40
out2: .zero 40
"""


def program(cases: list[Case], rng: random.Random) -> str:
    lines = ["    li t0, 0x6000\n    csrs sstatus, t0\n"]
    for number, case in enumerate(cases):
        # Small numbers now and then, and what is in the window, so that AMOCAS finds its value.
        values = [
            rng.choice([rng.getrandbits(64), rng.getrandbits(8), (1 << 64) - 1 - rng.getrandbits(8)]) for _ in range(3)
        ]
        if case.form.name.startswith("amocas") and rng.random() < 0.7:
            values[1 + case.x.index(case.form.pattern.extract(case.word, "rd"))] = int.from_bytes(
                PATTERN[case.offset : case.offset + case.form.size], "little"
            )
        lines += ["    la t0, out1\n    la t1, out2\n"]
        lines += [f"    sd zero, {8 * n}({r})\n" for n in range(5) for r in ("t0", "t1")]
        lines += ["    jal fill\n", attempt(case, values, "memory", "out1"), attempt(case, values, MTIMECMP, "out2")]
        lines += [f"    li a0, {number}\n    jal compare\n"]
    return "".join(lines) + "    li s1, 0\n    j say\n" + CHECKS + SAY_AND_STOP + 'text: .asciz "equal\\n"\n'


PATTERN = b"".join(
    value.to_bytes(8, "little")
    for value in (0x8182838485868788, 0x191A1B1C1D1E1F10, 0xFFFEFDFCFBFAF9F8, 0x2122A3A425262728)
)


@transformed
@pytest.mark.parametrize("misaligned", [False, True], ids=["aligned", "misaligned"])
def test_every_form_does_to_a_device_what_it_does_to_memory(tmp_path, transformed, misaligned):
    rng = random.Random(f"{transformed}{misaligned}")
    forms = [form for form in memory_forms() if not misaligned or form.kind != "amo"]
    cases = [random_case(rng, form, misaligned) for form in forms for _ in range(12)]
    kernel = guest(tmp_path, "guest", program(cases, rng))
    done = run_vms({"guest": kernel}, vcpus=WINDOW // 8, transformed=transformed)
    said = done.of("guest")
    assert said == ["equal"], cases[int(said[0])].describe() if said and said[0].isdigit() else done.text
    assert done.stop.kind == "pass"


# ---- what stands at the borders: two pages, and places where nothing answers

RAM_PAGE, MTIME_PAGE, HOLE = 0x8040_0000, 0x0200_B000, 0x4000_0000
BEYOND_RAM = 0x8000_0000 + (32 << 20)
#: Virtual pages from VA on, in this order. None: not mapped.
VA = 0x10_0000_0000
PAGES = [
    RAM_PAGE, MTIMECMP, RAM_PAGE + 0x1000, None, MTIME_PAGE, MTIMECMP, None, MTIMECMP, HOLE, MTIMECMP + 0x1000,
    RAM_PAGE + 0x2000, HOLE, RAM_PAGE + 0x3000, None,
]  # fmt: skip
LOAD_ACCESS, STORE_ACCESS, LOAD_PAGE, STORE_PAGE = 5, 7, 13, 15


def page(n: int) -> int:
    return VA + n * 0x1000


PAGING = (
    f"""
    la t0, handler
    csrw stvec, t0
    la t0, table0           # Sv39: one gigapage 1:1, our pages at VA by three levels
    la t1, table1
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, {8 * (VA >> 30)}(t0)
    li t1, {(0x8000_0000 >> 2) | 0xCF}
    sd t1, 16(t0)
    li t1, 0xc7
    sd t1, 0(t0)
    li t1, 0x100000c7
    sd t1, 8(t0)
    la t0, table1
    la t1, table2
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 0(t0)
    srli t0, t0, 12
    la t0, table0
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    j cases
.balign 4
handler:
    csrr s8, scause
    csrr s9, stval
    csrr s7, sepc
    jr s11
"""
    + SAY_WRONG
    + "cases:\n"
)


def tables() -> str:
    entries = [(pa >> 2 | 0xC7 if pa is not None else 0) for pa in PAGES]
    return (
        ".balign 4096\ntable0: .zero 4096\ntable1: .zero 4096\ntable2: .dword "
        + ", ".join(map(hex, entries))
        + f"\n .zero {4096 - 8 * len(PAGES)}\n"
    )


def faulting(number: int, insn: str, va: int, cause: int, stval: int, before: str = "") -> str:
    """The instruction, with t0 = va and a0 as the other operand, must trap just so and leave a0 alone."""
    return f"""
    li s10, {number}
    li t0, {va}
    li a0, 0x1122334455667788
    fmv.d.x fa0, a0
    li s8, 0
    la s11, 2f
    {before}
1:  {insn}
    j wrong
2:  li t1, {cause}
    beq t1, s8, 3f
    j wrong
3:
    li t1, {stval}
    beq t1, s9, 3f
    j wrong
3:
    la t1, 1b
    beq t1, s7, 3f
    j wrong
3:
    li t1, 0x1122334455667788
    beq t1, a0, 3f
    j wrong
3:
"""


def working(number: int, insn: str, va: int, expected: int) -> str:
    """A load into a0 that must not trap."""
    return f"""
    li s10, {number}
    li t0, {va}
    la s11, wrong
    {insn}
    li t1, {expected}
    beq t1, a0, 3f
    j wrong
3:
"""


def storing(number: int, insn: str, va: int, value: int, checks: dict[int, int]) -> str:
    """A store of a0 that must not trap, and what a quiet look at dwords must find afterwards."""
    text = f"""
    li s10, {number}
    li t0, {va}
    li a0, {value}
    la s11, wrong
    {insn}
"""
    for address, expected in checks.items():
        text += f"    li t0, {address}\n    ld t2, 0(t0)\n    li t1, {expected}\n    beq t1, t2, 3f\n    j wrong\n3:\n"
    return text


def borders() -> list[str]:
    """Programs for each border; number n is the nth."""
    out: list[str] = []

    def faults(insn: str, va: int, cause: int, stval: int, before: str = "") -> None:
        out.append(faulting(len(out), insn, va, cause, stval, before))

    def works(insn: str, va: int, expected: int) -> None:
        out.append(working(len(out), insn, va, expected))

    def stores(insn: str, va: int, value: int, checks: dict[int, int]) -> None:
        out.append(storing(len(out), insn, va, value, checks))

    # Memory, then device, then memory: 0 | 1 | 2
    stores("sd a0, 0(t0)", page(0) + 0xFF8, 0x0807060504030201, {page(0) + 0xFF8: 0x0807060504030201})
    stores("sd a0, 0(t0)", page(1), 0x1817161514131211, {page(1): 0x1817161514131211})
    for k in range(1, 8):
        value = (0x0807060504030201 | 0x1817161514131211 << 64) >> 8 * k & (1 << 64) - 1
        works("ld a0, 0(t0)", page(0) + 0xFF8 + k, value)
    works("lw a0, 0(t0)", page(0) + 0xFFE, 0x12110807)
    works("lh a0, 0(t0)", page(0) + 0xFFF, 0x1108)
    works("lhu a0, 0(t0)", page(0) + 0xFFF, 0x1108)
    stores(
        "sd a0, 0(t0)", page(0) + 0xFFD, 0x2827262524232221,
        {page(0) + 0xFF8: 0x2322210504030201, page(1): 0x1817162827262524},
    )  # fmt: skip
    stores(
        "sw a0, 0(t0)", page(0) + 0xFFE, 0x34333231, {page(0) + 0xFF8: 0x3231210504030201, page(1): 0x1817162827263433}
    )
    stores("sd a0, 0(t0)", page(2), 0x4847464544434241, {page(2): 0x4847464544434241})
    works("ld a0, 0(t0)", page(1) + 0xFFC, 0x44434241 << 32)  # beyond the last vCPU's mtimecmp: zeros
    stores("sd a0, 0(t0)", page(1) + 0xFFC, 0x5857565554535251, {page(2): 0x4847464558575655})
    # Device, then device: 4 | 5. The upper half of mtime is 0.
    works("ld a0, 0(t0)", page(4) + 0xFFC, 0x27263433 << 32)
    works("lw a0, 0(t0)", page(4) + 0xFFE, 0x34330000)
    stores("sd a0, 0(t0)", page(4) + 0xFFE, 0x6867666564636261, {page(5): 0x1817686766656463})
    # The second half is not mapped: the fault is that of the page (privileged manual, stval of misaligned accesses).
    faults("ld a0, 0(t0)", page(2) + 0xFFC, LOAD_PAGE, page(3))
    faults("ld a0, 0(t0)", page(5) + 0xFFC, LOAD_PAGE, page(6))
    faults("sd a0, 0(t0)", page(5) + 0xFFC, STORE_PAGE, page(6))
    faults("ld a0, 0(t0)", page(6) + 0xFFC, LOAD_PAGE, page(6) + 0xFFC)
    # Nothing answers in the second half, or in the first.
    faults("ld a0, 0(t0)", page(7) + 0xFFC, LOAD_ACCESS, page(8))
    faults("sd a0, 0(t0)", page(7) + 0xFFC, STORE_ACCESS, page(8))
    faults("fld fa0, 0(t0)", page(7) + 0xFFC, LOAD_ACCESS, page(8))
    faults("ld a0, 0(t0)", page(8) + 0xFFC, LOAD_ACCESS, page(8) + 0xFFC)
    faults("ld a0, 0(t0)", page(10) + 0xFFC, LOAD_ACCESS, page(11))
    faults("sw a0, 0(t0)", page(10) + 0xFFE, STORE_ACCESS, page(11))
    faults("ld a0, 0(t0)", page(11) + 0xFFC, LOAD_ACCESS, page(11) + 0xFFC)
    faults("lw a0, 0(t0)", page(11) + 0x123, LOAD_ACCESS, page(11) + 0x123)
    # Physical: the end of RAM, holes, and sizes that a device does not take. PLIC: 4 bytes, UART: 1.
    for insn, cause in (("ld a0, 0(t0)", LOAD_ACCESS), ("sd a0, 0(t0)", STORE_ACCESS)):
        faults(insn, 0x0C00_0000, cause, 0x0C00_0000)
        faults(insn, 0x1000_0000, cause, 0x1000_0000)
        faults(insn, HOLE, cause, HOLE)
        faults(insn, BEYOND_RAM, cause, BEYOND_RAM)
        faults(insn, 0x1000_0200, cause, 0x1000_0200)  # between two devices
    faults("lw a0, 0(t0)", 0x0C00_0002, LOAD_ACCESS, 0x0C00_0002)
    faults("lh a0, 0(t0)", 0x0C00_0004, LOAD_ACCESS, 0x0C00_0004)
    faults("sb a0, 0(t0)", 0x0C00_0004, STORE_ACCESS, 0x0C00_0004)
    faults("amoadd.d a0, a0, (t0)", 0x0C00_0008, STORE_ACCESS, 0x0C00_0008)
    # Reservations, 16 bytes and cache blocks are not for devices.
    for insn, cause in (
        ("lr.w a0, (t0)", LOAD_ACCESS), ("lr.d a0, (t0)", LOAD_ACCESS),
        ("amocas.q a0, a0, (t0)", STORE_ACCESS), ("amoadd.w a0, a0, (t0)", None),
        ("cbo.zero (t0)", STORE_ACCESS), ("cbo.clean (t0)", STORE_ACCESS), ("cbo.flush (t0)", STORE_ACCESS),
        ("cbo.inval (t0)", STORE_ACCESS),
    ):  # fmt: skip
        if cause is not None:
            faults(insn, MTIMECMP, cause, MTIMECMP)
        faults(insn, BEYOND_RAM, cause or STORE_ACCESS, BEYOND_RAM)
    return out


@transformed
def test_borders(tmp_path, transformed):
    source = PAGING + "    li t0, 0x6000\n    csrs sstatus, t0\n" + "".join(borders())
    source += "    li s1, 0\n    csrw satp, zero\n    j say\n" + SAY_AND_STOP + 'text: .asciz "right\\n"\n' + tables()
    done = run_vms({"guest": guest(tmp_path, "guest", source)}, vcpus=4, transformed=transformed)
    said = done.of("guest")
    assert said == ["right"], borders()[int(said[0][:5])] if said and said[0][:5].isdigit() else done.text


# ---- how the instruction is found, and the registers that are not integers


def run_checks(tmp_path, checks: str, transformed: bool, setup: str = PAGING, **options):
    """The checks, after paging is on, and whether the guest got through them."""
    source = setup + checks + "    li s1, 0\n    csrw satp, zero\n    j say\n" + SAY_AND_STOP
    source += 'text: .asciz "right\\n"\n' + tables()
    return run_vms({"guest": guest(tmp_path, "guest", source)}, transformed=transformed, **options)


EXECUTE_ONLY = """
    li s10, 1
    la t0, code             # a page that may be executed, and neither read nor written
    srli t1, t0, 2
    ori t1, t1, 0x49
    la t2, table2
    sd t1, 3 * 8(t2)
    sfence.vma
    li t3, 0x02004000
    li t4, 0x123456789
    sd t4, 0(t3)
    la s11, wrong
    li a0, 0
    li t1, 0x1000003000
    jalr t1
    bne a0, t4, wrong
"""
CODE = """
    j over
.balign 4096
code:
    ld a0, 0(t3)
    ret
.balign 4096
over:
"""


@transformed
def test_code_that_may_only_be_executed_is_fetched(tmp_path, transformed):
    done = run_checks(tmp_path, EXECUTE_ONLY + CODE, transformed)
    assert done.of("guest") == ["right"], done.text


def test_a_guest_that_has_unmapped_its_code_meets_its_own_fault(tmp_path):
    # Nothing has told the TLB: the hart still fetches the load, the hypervisor no longer can.
    unmapped = """
    la s11, 2f
    li a0, 7
    li t1, 0x1000003000
    la t2, table2
    sd zero, 3 * 8(t2)
    jalr t1
    j wrong
2:  li t0, 12               # instruction page fault
    bne s8, t0, wrong
    bne s9, t1, wrong
    li t0, 7
    bne a0, t0, wrong
"""
    done = run_checks(tmp_path, EXECUTE_ONLY + unmapped + CODE, transformed=False)
    assert done.of("guest") == ["right"], done.text


FLOATS = """
    li s10, 1
    la s11, wrong
    li t0, 0x6000
    csrs sstatus, t0
    li t3, 0x02004000
    li t4, 0x3ff0123456789abc
    sd t4, 0(t3)
    li t1, 0x2000           # FS = Clean (2): clear the lower bit
    csrc sstatus, t1
    fsd fa1, 8(t3)          # a store leaves it so
    csrr t2, sstatus
    and t1, t2, t0
    li t2, 0x4000
    bne t1, t2, wrong
    fld fa0, 0(t3)          # a load makes it Dirty
    csrr t1, sstatus
    and t1, t1, t0
    bne t1, t0, wrong
    rdtime s0               # others run here meanwhile, with numbers of their own in fa0
    li t1, 300000
    add s0, s0, t1
1:  rdtime t1
    bltu t1, s0, 1b
    fmv.x.d t1, fa0
    bne t1, t4, wrong
"""
BUSY = """
    li t0, 0x6000
    csrs sstatus, t0
1:  fmv.d.x fa0, t1
    addi t1, t1, 1
    j 1b
"""


@transformed
def test_a_loaded_float_is_kept_like_any_other(tmp_path, transformed):
    source = PAGING + FLOATS + "    csrw satp, zero\n    li s1, 0\n    j say\n" + SAY_AND_STOP
    source += 'text: .asciz "right\\n"\n' + tables()
    kernels = {"guest": guest(tmp_path, "guest", source), "busy": guest(tmp_path, "busy", BUSY)}
    done = run_vms(kernels, max_insns=100_000_000, transformed=transformed)
    assert done.of("guest") == ["right"], done.text


USER = """
    li s10, 1
    la t2, table2           # for U-mode: the two pages, and code at page 3
    li t1, 0x10
    ld t0, 0(t2)
    or t0, t0, t1
    sd t0, 0(t2)
    ld t0, 8(t2)
    or t0, t0, t1
    sd t0, 8(t2)
    la t0, code
    srli t0, t0, 2
    ori t0, t0, 0x59
    sd t0, 24(t2)
    sfence.vma
    li t4, 0x1122334455667788
    li t3, 0x02004000
    sd t4, 0(t3)
    li t3, 0x80400ff8       # what U-mode reads in part from memory
    sd t4, 0(t3)
    li t0, 0x100            # sstatus.SPP = U
    csrc sstatus, t0
    li t1, 0x1000003000
    csrw sepc, t1
    la s11, 1f
    li t3, 0x1000000ffc
    sret
1:  li t0, 8                # ECALL from U-mode
    bne s8, t0, wrong
    li t0, 0x5566778811223344
    bne a0, t0, wrong
    j over
.balign 4096
code:
    ld a0, 0(t3)
    ecall
.balign 4096
over:
"""


@transformed
def test_an_access_of_user_mode_has_its_rights(tmp_path, transformed):
    # Half of it is in a page of U-mode's, which S-mode could not read (sstatus.SUM = 0).
    done = run_checks(tmp_path, USER, transformed)
    assert done.of("guest") == ["right"], done.text
