"""Vector loads and stores: which bytes go where, for every addressing mode, width and number of fields."""

import random

import pytest
from rig import DATA
from vrig import SETTINGS, SEWS, VectorRig, rules

ISA = "max_v_zvl128b"

VLEN, VLENB = 128, 16
ROOM = 4096
BASE = DATA + 1024
FILL = 0xEE


class Case:
    """One access with random operands. ``eew`` is the width in the mnemonic: that of the index of indexed ones."""

    def __init__(self, rig: VectorRig, mnemonic: str, sew: int, lmul: float, eew: int, fields: int, seed: int):
        rng = random.Random(f"{mnemonic}{sew}{lmul}{eew}{fields}{seed}")
        self.rig, self.rng = rig, rng
        self.store, self.indexed = mnemonic[1] == "s", "x" in mnemonic
        self.fields, self.size = fields, (sew if self.indexed else eew) // 8
        emul = lmul if self.indexed else lmul * eew / sew
        self.registers = max(1, int(emul))
        self.index = max(1, int(lmul * eew / sew))
        vlmax = int(VLEN * lmul / sew)
        self.vl, self.vstart = rng.randrange(1, vlmax + 1), rng.choice((0, 0, rng.randrange(vlmax)))
        self.mask = rng.getrandbits(VLEN) if seed % 2 else (1 << VLEN) - 1
        self.stride = rng.choice((fields * self.size, 0, -3 * self.size, 17))
        unit = mnemonic in ("vle", "vse", "vlseg", "vsseg", "vleff", "vlsegff")
        room = min(1 << eew, 1024) - 64
        self.offsets = [rng.randrange(room) if self.indexed else i * (fields * self.size if unit else self.stride)
                        for i in range(vlmax)]  # fmt: skip
        seg = f"seg{fields}" if "seg" in mnemonic else ""
        letters = mnemonic.removesuffix("ff").partition("seg")[0].removesuffix("e")
        kind = "ei" if self.indexed else "e"
        self.text = f"{letters}{seg}{kind}{eew}{'ff' if mnemonic.endswith('ff') else ''}.v v8, (a1)"
        self.text += ", v24" if self.indexed else "" if unit else ", a2"
        self.text += ", v0.t" if seed % 2 else ""
        self.data = rng.randbytes(8 * VLENB)
        self.memory = rng.randbytes(ROOM)

    def place(self, eew: int, sew: int, lmul: float) -> None:
        rig = self.rig
        rig.machine.memory.write(DATA, self.memory)
        rig.set(self.vl, sew, lmul, 1, 1)
        rig.fill(8, self.data)
        rig.fill(0, self.mask.to_bytes(VLENB, "little"))
        if self.indexed:
            rig.hart.v.put(24, eew, self.offsets)
        rig.csr["vstart"] = self.vstart

    def expected(self) -> tuple[bytes, bytes]:
        """Registers v8 to v15 and memory, afterwards."""
        registers, memory = bytearray(self.data), bytearray(self.memory)
        for i in range(self.vstart, self.vl):
            for f in range(self.fields if self.mask >> i & 1 else 0):
                at = BASE - DATA + self.offsets[i] + f * self.size
                held = f * self.registers * VLENB + i * self.size
                if self.store:
                    memory[at : at + self.size] = registers[held : held + self.size]
                else:
                    registers[held : held + self.size] = memory[at : at + self.size]
        return bytes(registers), bytes(memory)


MODES = [
    pytest.param("vle", marks=rules("vector_load_store_semantics", "vector_ls_EEW", "vector_ls_strided_EEW",
                                    "vector_ls_base", "vector_ls_nf_op")),
    pytest.param("vse", marks=rules("vector_load_store_semantics", "vector_ls_EEW", "vector_ls_strided_EEW",
                                    "vector_ls_base", "vector_ls_nf_op")),
    "vleff",
    pytest.param("vls", marks=rules("vector_ls_base_stride_regtype", "vector_ls_strided_EEW")),
    pytest.param("vss", marks=rules("vector_ls_base_stride_regtype", "vector_ls_strided_EEW")),
    pytest.param("vlux", marks=rules("vector_ls_indexed_EEW", "vector_ls_bytewise")),
    pytest.param("vlox", marks=rules("vector_ls_indexed_EEW", "vector_ls_bytewise")),
    pytest.param("vsux", marks=rules("vector_ls_indexed_EEW", "vector_ls_bytewise")),
    pytest.param("vsox", marks=rules("vector_ls_indexed_EEW", "vector_ls_bytewise")),
    pytest.param("vlseg", marks=rules("NFIELDS", "vector_ls_seg_unit_stride_op", "vector_ls_seg_unit_stride_vd_vs3",
                                      "vector_ls_seg_vstart_dep")),
    pytest.param("vsseg", marks=rules("NFIELDS", "vector_ls_seg_unit_stride_op", "vector_ls_seg_unit_stride_vd_vs3",
                                      "vector_ls_seg_vstart_dep")),
    "vlsegff",
    pytest.param("vlsseg", marks=rules("vector_ls_seg_constant_stride_op")),
    pytest.param("vssseg", marks=rules("vector_ls_seg_constant_stride_op")),
    pytest.param("vluxseg", marks=rules("vector_ls_seg_indexed_op")),
    pytest.param("vloxseg", marks=rules("vector_ls_seg_indexed_op")),
    pytest.param("vsuxseg", marks=rules("vector_ls_seg_indexed_op")),
    pytest.param("vsoxseg", marks=rules("vector_ls_seg_indexed_op")),
]  # fmt: skip


@pytest.mark.rules("VECTOR_LS_VSTART", "vector_masked_memory_access")
@pytest.mark.parametrize("mnemonic", MODES)
def test_what_is_moved(rig, mnemonic):
    """SEW, LMUL, EEW and fields of all combinations that are legal; masks, and vstart as after a trap. Stores of
    segments that overlap leave the last."""
    seen = 0
    for sew, lmul in SETTINGS:
        for eew in SEWS:
            for fields in range(2, 9) if "seg" in mnemonic else (1,):
                emul = lmul * eew / sew
                data = lmul if "x" in mnemonic else emul
                if not 1 / 8 <= emul <= 8 or fields * max(data, 1) > 8:
                    continue
                for seed in range(2):
                    case = Case(rig, mnemonic, sew, lmul, eew, fields, seed)
                    case.place(eew, sew, lmul)
                    rig.done(case.text, a1=BASE, a2=case.stride & (1 << 64) - 1)
                    where = (case.text, sew, lmul, case.vl, case.vstart)
                    registers, memory = case.expected()
                    assert rig.group(8, 8) == registers, where
                    assert rig.machine.memory.read(DATA, ROOM) == memory, where
                    assert rig.csr["vstart"] == 0 and rig.csr["vl"] == case.vl
                    seen += 1
    assert seen > 90


@pytest.mark.rules("vector_ls_XLEN_dep")
@pytest.mark.parametrize(("width", "offset"), [(8, 0xFF), (16, 0xFFFE), (32, 1 << 31), (32, 0xFFFF_FFFF), (64, DATA)])
def test_offsets_are_unsigned_and_as_wide_as_addresses(rig, width, offset):
    """The sum wraps around."""
    rig.set(1, 32)
    rig.hart.v.put(16, width, [offset])
    rig.store(DATA, 0x1234_5678, 4)
    rig.done(f"vluxei{width}.v v8, (a1), v16", a1=DATA - offset & (1 << 64) - 1)
    assert rig.hart.v.elements(8, 32, 1) == [0x1234_5678]
    rig.hart.v.put(8, 32, [77])
    rig.done(f"vsoxei{width}.v v8, (a1), v16", a1=DATA - offset & (1 << 64) - 1)
    assert rig.load(DATA, 4) == 77


@pytest.mark.rules("vector_ls_seg_wholereg_op_cont", "vector_ls_seg_wholereg_EEW", "vector_wholels_nf_op")
@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("eew", SEWS)
def test_whole_registers(rig, n, eew):
    """In memory in the order of their numbers, whatever vtype and vl are, the same bytes for every EEW; vstart counts
    elements of EEW, or bytes for stores."""
    data = random.Random(n).randbytes(n * VLENB)
    for setting in ("vsetivli zero, 3, e16, m1, ta, ma", "vsetvli zero, zero, 4"):  # the second sets vill
        for vstart in (0, 1, n * VLENB * 8 // eew - 1):
            rig.done(setting)
            rig.machine.memory.write(BASE, data)
            rig.fill(8, bytes([FILL]) * 9 * VLENB)
            rig.csr["vstart"] = vstart
            rig.done(f"vl{n}re{eew}.v v8, (a1)", a1=BASE)
            skipped = vstart * eew // 8
            assert rig.group(8, n + 1) == bytes([FILL]) * skipped + data[skipped:] + bytes([FILL]) * VLENB
            rig.fill(8, data + bytes(VLENB))
            rig.machine.memory.write(BASE, bytes([FILL]) * 9 * VLENB)
            rig.csr["vstart"] = vstart
            rig.done(f"vs{n}r.v v8, (a1)", a1=BASE)
            stored = rig.machine.memory.read(BASE, (n + 1) * VLENB)
            assert stored == bytes([FILL]) * vstart + data[vstart:] + bytes([FILL]) * VLENB


@pytest.mark.rules("vector_ls_unit_stride_mask")
@pytest.mark.parametrize("vl", [0, 1, 8, 9, 127, 128])
@pytest.mark.parametrize("vstart", [0, 1, 5])
def test_mask_accesses_count_bytes(rig, vl, vstart):
    rig.set(vl, 8, 8)
    memory, register = bytes(range(100, 132)), bytes(range(VLENB))
    rig.machine.memory.write(BASE, memory)
    rig.fill(8, register)
    n = (vl + 7) // 8
    for text in ("vsm.v v8, (a1)", "vlm.v v8, (a1)"):
        rig.csr["vstart"] = vstart
        rig.done(text, a1=BASE)
        if "vsm" in text:
            written = bytes(register[i] if vstart <= i < n else memory[i] for i in range(16)) + memory[16:]
            assert rig.machine.memory.read(BASE, 32) == written
            rig.machine.memory.write(BASE, memory)
    assert rig.group(8, 1) == bytes(memory[i] if vstart <= i < n else register[i] for i in range(16))


# -- misaligned elements

MISALIGNED = ["vle{}.v v8, (a1)", "vse{}.v v8, (a1)", "vle{}ff.v v8, (a1)", "vlse{}.v v8, (a1), a2",
              "vsse{}.v v8, (a1), a2", "vluxei{}.v v8, (a1), v16", "vsoxei{}.v v8, (a1), v16",
              "vlseg2e{}.v v8, (a1)", "vsseg2e{}.v v8, (a1)",
              "vl1re{}.v v8, (a1)", "vs1r.v v8, (a1)"]  # fmt: skip


@pytest.mark.rules("VECTOR_LS_MISALIGNED_EXCEPTION", "VECTOR_LS_WHOLEREG_MISALIGNED_EXCEPTION",
                   "vector_ls_scalar_misaligned_independence")  # fmt: skip
@pytest.mark.parametrize("at", [BASE + 1, BASE + 2, BASE + 4, DATA + 0xFF9])
@pytest.mark.parametrize("eew", SEWS)
@pytest.mark.parametrize("form", MISALIGNED)
def test_misaligned_elements_of_ram_are_moved(rig, form, eew, at):
    """As misaligned scalars are, across pages too."""
    data = bytes(range(1, 65))
    rig.set(VLEN // eew, eew)
    rig.machine.memory.write(at, data if form[1] == "l" else bytes(64))
    rig.fill(8, bytes([FILL]) * 32 if form[1] == "l" else data[:32])
    rig.hart.v.put(16, eew, [i * eew // 8 for i in range(VLEN // eew)])
    rig.done(form.format(eew), a1=at, a2=eew // 8)
    size, fields = eew // 8, 2 if "seg" in form else 1
    register = rig.group(8, fields)
    memory = rig.machine.memory.read(at, 16 * fields)
    order = [i for f in range(fields) for i in range(f, 16 // size * fields, fields)]
    assert (
        register == b"".join(memory[i * size : (i + 1) * size] for i in order)
        and (FILL not in register)
        and any(memory)
    )


# -- order


@pytest.mark.rules("vector_ls_program_order")
def test_vector_accesses_are_in_program_order_with_scalar_ones(rig):
    rig.set(4, 32)
    text = "vmv.v.i v8, 5; sw zero, 4(a1); vse32.v v8, (a1); lw a0, 4(a1); sw a1, 8(a1); vle32.v v9, (a1)"
    rig.done(f"{text}; sw a0, (a1)", a1=BASE)
    assert rig.a0 == 5 and rig.hart.v.elements(9, 32, 4) == [5, 5, BASE & 0xFFFF_FFFF, 5]


@pytest.mark.rules("vector_ls_indexed_ordered_ordered")
@pytest.mark.parametrize("name", ["vsoxei8.v", "vsuxei8.v"])
def test_the_last_of_elements_stored_to_one_place_stays(rig, name):
    """What the ordered form demands, and the unordered one does here too."""
    rig.set(4, 32)
    rig.hart.v.put(8, 32, [0x11111111, 0x22222222, 0x33333333, 0x44444444])
    for offsets, expected in (([0, 2, 2, 0], 0x3333_44444444), ([2, 0, 0, 2], 0x4444_44443333)):
        rig.hart.v.put(16, 8, offsets)
        rig.store(BASE, 0)
        rig.done(f"{name} v8, (a1), v16", a1=BASE)
        assert rig.load(BASE) == expected
