"""Random machines: any instruction set, memory full of code and page tables, registers and CSRs that mean something or
nothing, devices set up well or badly; shaken again and again.

A trial is a function of its seed. It runs twice, in one piece and in random pieces, some of them traced: both must come
to the same state, because nothing in a machine may depend on where its run was paused. The one exception are event
counters: those of translations count what the hart's TLB does, and a pause may cost an entry more.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from rvh import Machine
from rvh.devices.virtio.disk import RawDisk
from rvh.devices.virtio.slots import Nic, fill_slots
from rvh.emit.asm import assemble
from rvh.isa import ALIASES, INSNS, csrs, extensions
from rvh.isa.extensions import IsaError
from rvh.machine import CLINT, FINISHER, PLIC, RAM_BASE, RTC, UART, VIRTIO, VIRTIO_STRIDE
from rvh.trace import Tracer

MODES = ("M", "M", "HS", "HS", "U", "VS", "VS", "VS", "VU")
DEVICES = (FINISHER, RTC, CLINT, CLINT + 0x4000, CLINT + 0xBFF8, PLIC, PLIC + 0x20_0000, UART) + tuple(
    VIRTIO + slot * VIRTIO_STRIDE for slot in range(8)
)
#: What the time-bounded part of a machine is: instructions of all harts between two shakes.
STRETCH = 600
SHAKES = 30

#: The first pages have a purpose, unless a shake or the guest spoils them: M-mode's handler, addresses for registers,
#: and page tables that map RAM to itself: a root for satp and vsatp, one of four pages for hgatp, then two levels each.
HANDLER, ADDRESSES, ROOT, GUEST_ROOT, LEVEL1, LEVEL0, GUEST_LEVEL1, GUEST_LEVEL0, PURPOSE = 0, 1, 2, 4, 8, 9, 10, 11, 12
OFFSETS = (0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4, 0x100)

#: Goes on after the instruction that trapped, or one time in eight, and after a fetch that did, somewhere else in some
#: other mode with some registers renewed; mscratch is its randomness.
_HANDLER = """
        li x31, 0x20000
        csrc mstatus, x31
        csrr x31, mcause
        bltz x31, interrupt
        csrr x31, mscratch
        slli x30, x31, 13
        xor x31, x31, x30
        srli x30, x31, 7
        xor x31, x31, x30
        slli x30, x31, 17
        xor x31, x31, x30
        csrw mscratch, x31
        andi x30, x31, 7
        beqz x30, elsewhere
        csrr x30, mcause
        li x29, {looping}
        srl x29, x29, x30
        andi x29, x29, 1
        bnez x29, elsewhere
        csrr x30, mepc
        addi x30, x30, 4
        csrw mepc, x30
        mret
elsewhere:
        srli x30, x31, 20
        li x29, {mask}
        and x30, x30, x29
        li x29, {base}
        add x30, x30, x29
        csrw mepc, x30
        slli x30, x31, 3
        li x29, {modes}
        csrc mstatus, x29
        and x30, x30, x29
        csrs mstatus, x30
        andi x30, x31, 0x7f0
        li x31, {addresses}
        add x31, x31, x30
{loads}
        mret
interrupt:
        csrw mie, x0
        mret
"""
#: Causes that a handler at an address of no meaning raises itself: these are M-mode's, most of the time.
LOOPING = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 12 | 1 << 20
_ISAS = (
    "max", "max", "max_smdbltrp", "rv64gch", "rva22s64", "rv64imac", "rva23s64", "max_zve32x_zvl32b",
    "max_v_zvfh_zvbb_zvbc_zvkng_zvksg_zvl256b", "rv64gcv_zvl1024b",
)  # fmt: skip
_VSETIVLI = 0xC0007057  # and a legal vtype, mostly: without it vectors do nothing
_RENEWED = (1, 2, 5, 8, 9, 10, 11, 15, 18, 20, 24, 27)
_INSNS, _ALIASES = list(INSNS.values()), list(ALIASES.values())


class Trial:
    """One machine and what befalls it. `pieces` is None or the randomness that cuts the run."""

    def __init__(self, seed: int, disk: Path, pieces: random.Random | None):
        self.rng, self.pieces = random.Random(seed), pieces
        rng = self.rng
        self.pages = rng.choice((17, 64, 257, 513, 1030))
        disk.write_bytes(bytes(512 * rng.choice((1, 8, 200))))
        slots = fill_slots(disks=[RawDisk(disk)], nics=[Nic(), Nic()])
        self.machine = Machine(
            harts=rng.choice((1, 1, 1, 2, 3)), ram=self.pages * 4096, isa=self._isa(), virtio=slots,
            geilen=rng.choice((0, 0, 5)), insns_per_tick=rng.choice((1, 7, 100)), quantum=rng.choice((1, 50, 10_000)),
            transformed=rng.random() < 0.8,
        )  # fmt: skip
        self.csrs = [row.name for row in csrs.BY_NAME.values() if row.name in self.machine.harts[0].csr]

    def _isa(self) -> str:
        rng = self.rng
        if rng.random() < 0.5:
            name = rng.choice(_ISAS)
            return name + rng.choice(("", "_no-zihpm", "_no-zihpm"))
        while True:
            names = {"I", *rng.sample(extensions.EXTENSIONS, rng.randrange(len(extensions.EXTENSIONS)))}
            text = extensions.isa_string(extensions.closure(names))
            with contextlib.suppress(IsaError):
                extensions.parse(text)
                return text

    # -- what memory holds

    def address(self) -> int:
        """Somewhere worth going: RAM and its ends, page borders, devices, nowhere."""
        rng = self.rng
        page = RAM_BASE + 4096 * rng.randrange(PURPOSE if rng.random() > 0.01 else 0, self.pages)
        pick = rng.random()
        if pick < 0.55:
            return page + rng.randrange(4096)
        if pick < 0.7:
            return page + rng.choice((0, 4095, 4094, 4092, 4088, 4080, 2048)) + rng.choice((0, 0, 1, -1))
        if pick < 0.76:
            return RAM_BASE + self.pages * 4096 - rng.randrange(1, 80)
        if pick < 0.8:
            return RAM_BASE + rng.randrange(-16, 16)
        if pick < 0.94:
            return rng.choice(DEVICES) + rng.choice((0, rng.randrange(0x110), rng.randrange(0x1000)))
        return rng.choice((rng.getrandbits(64), rng.getrandbits(39), -rng.getrandbits(12) & (1 << 64) - 1))

    def word(self) -> int:
        """An instruction, or what might be one."""
        rng = self.rng
        pick = rng.random()
        if pick < 0.12:
            return rng.getrandbits(32)
        if pick < 0.2:
            number = rng.choice((csrs.BY_NAME[rng.choice(self.csrs)].number, rng.getrandbits(12)))
            return number << 20 | rng.getrandbits(5) << 15 | rng.randrange(1, 8) << 12 | rng.getrandbits(5) << 7 | 0x73
        if pick < 0.4:
            halves = [self._half(), self._half()]
            return halves[0] | halves[1] << 16
        if pick < 0.45 and "Zve32x" in self.machine.extensions:
            return (
                _VSETIVLI | rng.randrange(4) << 23 | rng.choice((0, 1, 2, 3, 5, 6, 7)) << 20 | rng.getrandbits(10) << 10
            )
        pattern = rng.choice(_INSNS).pattern
        return rng.getrandbits(32) & ~pattern.mask | pattern.match

    def _half(self) -> int:
        pattern = self.rng.choice(_ALIASES).pattern
        return self.rng.getrandbits(16) & ~pattern.mask | pattern.match

    def pte(self) -> int:
        """A leaf or a pointer, mostly to RAM."""
        rng = self.rng
        flags = rng.choice((0x01, 0xCF, 0xDF, 0xDB, 0xD7, rng.getrandbits(10)))
        page = (RAM_BASE >> 12) + rng.randrange(self.pages + 1) if rng.random() < 0.95 else rng.getrandbits(44)
        high = rng.getrandbits(10) << 54 if rng.random() < 0.05 else 0
        return high | page << 10 | flags

    def page(self) -> bytes:
        """4 KiB of code, page table, zeroes or noise."""
        rng = self.rng
        pick = rng.random()
        if pick < 0.6:
            words = [self.word() for _ in range(128)]
            return b"".join(word.to_bytes(4, "little") for word in words) * 8
        if pick < 0.9:
            entries = [self.pte() for _ in range(64)]
            return b"".join(entry.to_bytes(8, "little") for entry in entries) * 8
        return bytes(4096) if pick < 0.95 else rng.randbytes(4096)

    def lay_out(self) -> None:
        """Code everywhere, and the first pages for their purposes."""
        for n in range(PURPOSE, self.pages):
            self.machine.memory.write(RAM_BASE + 4096 * n, self.page())
        self._first_pages()

    def _first_pages(self) -> None:
        rng, store = self.rng, self.machine.memory.write
        source = _HANDLER.format(
            looping=LOOPING & ~4, mask=(1 << self.pages.bit_length() + 11) - 2,
            base=RAM_BASE, addresses=RAM_BASE + 4096 * ADDRESSES,
            modes=3 << 11 | ("H" in self.machine.extensions) << 39,
            loads="\n".join(f"ld x{register}, {8 * n}(x31)" for n, register in enumerate(_RENEWED)),
        )  # fmt: skip
        store(RAM_BASE + 4096 * HANDLER, assemble(source, RAM_BASE).data)
        store(RAM_BASE + 4096 * ADDRESSES, b"".join(self.address().to_bytes(8, "little") for _ in range(512)))
        first = RAM_BASE >> 12

        def put(page: int, index: int, target: int, flags: int) -> None:
            store(RAM_BASE + 4096 * page + 8 * index, (target << 10 | flags).to_bytes(8, "little"))

        stages = (
            (ROOT, LEVEL1, LEVEL0, (0xCF, 0xCF, 0xDF, 0x4F)),
            (GUEST_ROOT, GUEST_LEVEL1, GUEST_LEVEL0, (0xDF, 0xDB, 0x5F)),
        )
        for root, level1, level0, flags in stages:
            put(root, RAM_BASE >> 30, first + level1, 1)
            put(root, 0, 0, flags[0] & ~8)  # devices
            put(level1, 0, first + level0, 1)
            for n in (1, 2):
                put(level1, n, first + 512 * n, rng.choice(flags))
            for n in range(512):
                whither = n if rng.random() < 0.9 else rng.randrange(self.pages)
                put(level0, n, first + whither, rng.choice(flags) if rng.random() < 0.9 else rng.getrandbits(8))

    # -- what befalls it

    def shake(self) -> None:
        """New registers, CSRs, memory, device state and input."""
        rng, machine = self.rng, self.machine
        if rng.random() < 0.7:
            self._first_pages()
        for _ in range(rng.randrange(4)):
            machine.memory.write(RAM_BASE + 4096 * rng.randrange(PURPOSE, self.pages), self.page())
        for hart in machine.harts:
            self._shake_csrs(hart.csr)
            for n in range(1, 32):
                hart.x[n] = self.address() if rng.random() < 0.6 else rng.getrandbits(rng.choice((3, 12, 32, 64)))
                hart.f[n] = rng.getrandbits(64)
            hart.mode = self._mode()
            hart.pc = RAM_BASE + 4 * rng.randrange(PURPOSE * 1024, self.pages * 1024)
        if rng.random() < 0.5:
            machine.console_feed(rng.randbytes(rng.randrange(40)))
        for _ in range(rng.randrange(4)):
            self._device()

    def _shake_csrs(self, csr: MutableMapping[str, int]) -> None:
        """Some at random; then those without which nothing happens, most of the time."""
        rng = self.rng
        values = {name: rng.choice((rng.getrandbits(64), self.address(), 0, (1 << 64) - 1))
                  for name in rng.sample(self.csrs, min(len(self.csrs), 30))}  # fmt: skip
        for name in values:
            if name.startswith("pmpcfg") or name == "mseccfg":  # their locks last until the machine is reset
                values[name] &= ~0x8080_8080_8080_8087 if rng.random() < 0.98 else ~0
        good, first = rng.random() < 0.9, RAM_BASE >> 12
        for name, page in (("satp", ROOT), ("vsatp", ROOT), ("hgatp", GUEST_ROOT)):
            root = first + (page if rng.random() < 0.8 else rng.randrange(self.pages))
            values[name] = (8 if rng.random() < 0.7 else rng.choice((0, 9, 10))) << 60 | rng.randrange(4) << 44 | root
        if good:
            values |= {"mtvec": RAM_BASE, "pmpaddr0": (1 << 54) - 1, "pmpcfg0": 0x1F, "mseccfg": 0}
            values["mstatus"] = rng.getrandbits(64) & ~(1 << 42 | 1 << 17) | 0x6000
        for name in ("medeleg", "mideleg", "hedeleg", "hideleg"):
            values[name] = rng.choice(
                (0, rng.getrandbits(64) & ~LOOPING, rng.getrandbits(64) if rng.random() < 0.1 else 0)
            )
        for name in ("stvec", "vstvec", "mepc", "sepc", "vsepc"):
            values[name] = self.address()
        values["mscratch"] = rng.getrandbits(64)
        for name, value in values.items():
            if name in csr and not csrs.BY_NAME[name].read_only:
                csr[name] = value

    def _mode(self) -> str:
        has = self.machine.extensions
        modes = [m for m in MODES if m == "M" or m[-1] == "U" and "U" in has or m[-1] == "S" and "S" in has]
        return self.rng.choice([m for m in modes if "H" in has or m[0] != "V"])

    def _device(self) -> None:
        """Sets up a queue of some virtio device, properly but for random slips, and notifies it."""
        rng, slot = self.rng, self.rng.choice(self.machine.virtio)
        if slot.backend is None or rng.random() < 0.1:
            return
        pages = [rng.randrange(self.pages) for _ in range(3)]
        table, available, used = (RAM_BASE + 4096 * page for page in pages)
        for n in range(16):
            flags, after = rng.choice((0, 1, 2, 3, 4, 5)), rng.randrange(17)
            length = rng.choice((0, 1, 12, 16, 512, 4096, 1 << 31, (1 << 32) - 1))
            entry = self.address().to_bytes(8, "little") + length.to_bytes(4, "little")
            self.machine.memory.write(table + 16 * n, entry + flags.to_bytes(2, "little") + after.to_bytes(2, "little"))
            self.machine.memory.write(available + 4 + 2 * n, rng.randrange(17).to_bytes(2, "little"))
        self.machine.memory.write(available, rng.choice((0, 1)).to_bytes(2, "little"))
        self.machine.memory.write(available + 2, rng.choice((1, 3, 16, 17, 0xFFFF)).to_bytes(2, "little"))
        writes = [
            (0x70, 0),
            (0x70, 1),
            (0x70, 3),
            (0x24, 1),
            (0x20, 1),
            (0x24, 0),
            (0x20, rng.getrandbits(32)),
            (0x70, 11),
        ]
        writes += [(0x30, rng.randrange(3)), (0x38, rng.choice((0, 1, 16, 15, 1 << 15)))]
        for offset, at in ((0x80, table), (0x90, available), (0xA0, used)):
            writes += [(offset, at & 0xFFFF_FFFF), (offset + 4, at >> 32)]
        writes += [(0x44, 1), (0x70, 15), (0x50, 0), (0x50, 1)]
        for offset, value in writes:
            if rng.random() < 0.04:
                offset, value = rng.choice(OFFSETS), rng.getrandbits(32)
            slot.write(offset, 4, value)

    def _run(self, slots: int) -> None:
        """So many instructions, or less if the machine stops."""
        machine, pieces = self.machine, self.pieces
        if pieces is None:
            machine.run(max_insns=slots)
            return
        end = machine._core.total_slots + slots
        while (left := end - machine._core.total_slots) > 0:
            before, n = machine._core.total_slots, pieces.randrange(1, pieces.choice((3, 50, slots)) + 1)
            with Tracer(machine, len) if pieces.random() < 0.2 else contextlib.nullcontext():
                stop = machine.run(max_insns=min(n, left))
            if stop.kind != "limit" or machine._core.total_slots == before:
                return

    def run(self) -> tuple[str, int]:
        """The machine's state at the end, and how many instructions it has executed."""
        try:
            self.lay_out()
            for _ in range(SHAKES):
                self.shake()
                self._run(STRETCH)
            return self.machine.digest(), self.machine._core.total_slots
        finally:
            self.machine.close()


def run(seed: int) -> str:
    """One trial; a line that says what was done. Raises AssertionError when the two runs differ, and whatever a bug
    raises."""
    with tempfile.TemporaryDirectory() as folder:
        first = Trial(seed, Path(folder, "disk"), None)
        counting = "Zihpm" in first.machine.extensions
        whole, slots = first.run()
        cut, _ = Trial(seed, Path(folder, "disk"), random.Random(seed)).run()
    assert whole == cut or counting, "run in pieces, the machine comes to another state"
    return f"{2 * slots} instructions"
