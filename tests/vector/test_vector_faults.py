"""Vector loads and stores that fault midway, or that a device sees: what has been done by then, and in which order."""

import pytest
from rig import RAM, RAM_SIZE
from vrig import FS, VS, VectorRig, rules

from rvh.devices.bus import Device

ISA = "max_v_zvl128b"

END = RAM + RAM_SIZE
LOAD_FAULT, STORE_FAULT = 5, 7
DEVICE = 0x3000_0000
OLD = 0xEEEE_EEEE


class Recorder(Device):
    """Keeps the accesses in the order in which they come: (offset, size, value or None for a load)."""

    name, size, access_sizes = "recorder", 0x1000, (1, 8)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int, int | None]] = []

    def read(self, offset: int, size: int) -> int:
        self.seen.append((offset, size, None))
        return len(self.seen)

    def write(self, offset: int, size: int, value: int) -> None:
        self.seen.append((offset, size, value))


@pytest.fixture(scope="module")
def recorded():
    made = VectorRig(isa="max_v_zvl128b")
    made.recorder = Recorder()
    made.machine._core.map_device(made.recorder, DEVICE)
    return made


@pytest.fixture
def device(recorded):
    """A hart with a device that notes what it is asked."""
    recorded.recorder.seen.clear()
    return recorded.fresh()


# -- precise traps

#: Four elements of 32 bits of which the third (2) is the first behind RAM: the access, a1, a2, and where from a1 on
#: elements 0 and 1 are.
FAULTING = [
    ("vle32.v v8, (a1)", END - 8, 0, (0, 4)),
    ("vse32.v v8, (a1)", END - 8, 0, (0, 4)),
    ("vlse32.v v8, (a1), a2", END - 32, 16, (0, 16)),
    ("vsse32.v v8, (a1), a2", END - 32, 16, (0, 16)),
    ("vluxei32.v v8, (a1), v16", END - 64, 0, (4, 0)),
    pytest.param("vsuxei32.v v8, (a1), v16", END - 64, 0, (4, 0), marks=rules("vector_ls_stride_unordered_precise")),
    ("vloxei32.v v8, (a1), v16", END - 64, 0, (4, 0)),
    ("vsoxei32.v v8, (a1), v16", END - 64, 0, (4, 0)),
    ("vlseg2e32.v v8, (a1)", END - 16, 0, (0, 8)),
    ("vsseg2e32.v v8, (a1)", END - 16, 0, (0, 8)),
    ("vsuxseg2ei32.v v8, (a1), v16", END - 64, 0, (4, 0)),
]


@pytest.mark.rules("VECTOR_LS_OVERWRITE_PAST_TRAP", "vector_active_element", "epc_op_V_trap", "vstart_op_V_trap")
@pytest.mark.parametrize(
    "isa",
    [
        pytest.param("max_v_zvl128b", marks=rules("V_precise_traps")),
        pytest.param("max_zve32x_zvl128b", marks=rules("Zve_precise_traps")),
    ],
)
@pytest.mark.parametrize(("text", "base", "stride", "places"), FAULTING)
def test_a_trap_midway_is_precise(isa, text, base, stride, places):
    """What is older is done, what is newer is not; elements before vstart are done, that and those behind are not."""
    rig = VectorRig(isa=isa).fresh()
    load = text[1] == "l"
    rig.set(4, 32)
    rig.hart.v.put(8, 32, [OLD + i for i in range(8)])
    rig.hart.v.put(16, 32, [4, 0, 64, 8])
    rig.machine.memory.write(END - 64, bytes(range(1, 65)))
    before = rig.machine.memory.read(END - 64, 64)
    trap = rig.run(f"addi a0, a0, 1; {text}; addi a0, a0, 2; vmv.v.i v8, 0", a0=5, a1=base, a2=stride)
    assert trap.cause == (LOAD_FAULT if load else STORE_FAULT) and trap.tval == END and trap.epc == RAM + 4
    assert rig.a0 == 6 and rig.csr["vstart"] == 2 and rig.csr["vl"] == 4
    memory = bytearray(before)
    register = [OLD + i for i in range(8)]
    for i, place in enumerate(places):
        at = base + place - (END - 64)
        for f in range(2 if "seg" in text else 1):
            if load:
                register[4 * f + i] = int.from_bytes(before[at + 4 * f : at + 4 * f + 4], "little")
            else:
                memory[at + 4 * f : at + 4 * f + 4] = (OLD + 4 * f + i).to_bytes(4, "little")
    assert rig.hart.v.elements(8, 32, 8) == register
    assert rig.machine.memory.read(END - 64, 64) == memory


@pytest.mark.rules("VECTOR_LS_SEG_PARTIAL_ACCESS", "vector_ls_seg_vstart_dep")
@pytest.mark.parametrize("store", [False, True])
def test_the_fields_in_front_of_the_one_that_faults_are_accessed(rig, store):
    """The second field of the second segment is behind RAM: vstart counts segments, and resuming does it all again."""
    rig.set(3, 32)
    rig.store(END - 12, 0x1_0000_0001)
    rig.store(END - 4, 1, 4)
    for n in (8, 9):
        rig.hart.v.put(n, 32, [OLD] * 4)
    trap = rig.run(f"v{'s' if store else 'l'}seg2e32.v v8, (a1)", a1=END - 12)
    assert (trap.cause, trap.tval, rig.csr["vstart"]) == (STORE_FAULT if store else LOAD_FAULT, END, 1)
    if store:
        assert rig.load(END - 12) == OLD << 32 | OLD and rig.load(END - 4, 4) == OLD
    else:
        assert rig.hart.v.elements(8, 32, 4) == [1, 1, OLD, OLD] and rig.hart.v.elements(9, 32, 4) == [1, OLD, OLD, OLD]


@pytest.mark.rules("vector_ff_op", "vector_ff_trigger", "VECTOR_FF_PAST_TRAP")
@pytest.mark.parametrize("eew", [8, 16, 32, 64])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_fault_only_first(rig, eew, first):
    """A later element's fault takes nothing but vl; what lies behind stays as it was."""
    rig.set(2 if eew == 64 else 4, eew)
    vl = rig.csr["vl"]
    rig.machine.memory.write(END - 16, bytes([7]) * 16)
    rig.hart.v[8] = bytes([0xEE]) * 16
    rig.csr["mcause"] = rig.csr["mtval"] = 0
    trap = rig.run(f"vle{eew}ff.v v8, (a1)", a1=END - first * eew // 8)
    if first == 0:
        assert (trap.cause, trap.tval, rig.csr["vl"], rig.csr["vstart"]) == (LOAD_FAULT, END, vl, 0)
    else:
        assert trap is None and rig.csr["vl"] == min(first, vl) and rig.csr["mcause"] == rig.csr["mtval"] == 0
    assert rig.hart.v[8] == (bytes([7]) * (first * eew // 8)).ljust(16, b"\xee")


@pytest.mark.rules("vector_ff_op")
def test_the_first_element_of_a_fault_only_first_load_is_that_with_number_0(rig):
    """If it is masked off, or has been done (vstart), no element traps."""
    rig.set(4, 32)
    rig.hart.v.put(0, 8, [0b1110])
    rig.done("vle32ff.v v8, (a1), v0.t", a1=END - 4)
    assert rig.csr["vl"] == 1
    rig.set(4, 32)
    rig.csr["vstart"] = 2
    rig.done("vle32ff.v v8, (a1)", a1=END - 8)
    assert rig.csr["vl"] == 2 and rig.csr["vstart"] == 0


@pytest.mark.rules("vector_ls_seg_ff_unit_stride_op", "VECTOR_FF_SEG_PARTIAL_ACCESS", "VECTOR_LS_SEG_FF_OVERLOAD")
@pytest.mark.parametrize("fields_there", range(9))
def test_fault_only_first_segments(rig, fields_there):
    """Segments of three, of which so many fields are in RAM: the segment counts, its fields in RAM are loaded."""
    rig.set(3, 32)
    rig.machine.memory.write(END - 36, bytes(range(1, 37)))
    base = END - 4 * fields_there
    for n in (8, 9, 10):
        rig.hart.v.put(n, 32, [OLD] * 4)
    trap = rig.run("vlseg3e32ff.v v8, (a1)", a1=base)
    if fields_there < 3:
        assert (trap.cause, trap.tval, rig.csr["vstart"], rig.csr["vl"]) == (LOAD_FAULT, END, 0, 3)
    else:
        assert trap is None and rig.csr["vl"] == fields_there // 3
    for field in range(3):
        held = [rig.load(base + 4 * n, 4) if n < fields_there else OLD for n in range(field, 9, 3)]
        assert rig.hart.v.elements(8 + field, 32, 4) == [*held, OLD]


# -- devices


@pytest.mark.rules("vec_store_nonidempotent_no_update")
@pytest.mark.parametrize("name", ["vsuxei64.v", "vsoxei64.v"])
def test_no_element_from_the_one_that_faults_on_reaches_a_device(device, name):
    """Elements 0, 1 and 3 are for the device, 2 has no place."""
    device.set(4, 32, 2)
    device.hart.v.put(8, 32, [10, 11, 12, 13])
    device.hart.v.put(16, 64, [0, 8, 0x2000_0000, 16])
    trap = device.run(f"{name} v8, (a1), v16", a1=DEVICE)
    assert (trap.cause, trap.tval, device.csr["vstart"]) == (STORE_FAULT, DEVICE + 0x2000_0000, 2)
    assert device.recorder.seen == [(0, 4, 10), (8, 4, 11)]
    device.hart.v.put(16, 64, [0, 8, 24, 16])
    device.done(f"{name} v8, (a1), v16", a1=DEVICE)
    assert device.recorder.seen[2:] == [(24, 4, 12), (16, 4, 13)]


#: Which accesses to a device come in which order, of elements 3 at offsets of 8, or 0, 16, 8.
ORDERED = [
    pytest.param("vsoxei8.v v8, (a1), v16", [0, 16, 8], marks=rules("vector_ls_indexed_ordered_ordered",
                                                                    "vector_ls_indexed_ordered_RVWMO")),
    pytest.param("vloxei8.v v8, (a1), v16", [0, 16, 8], marks=rules("vector_ls_indexed_ordered_ordered",
                                                                    "vector_ls_indexed_ordered_RVWMO")),
    pytest.param("vsuxei8.v v8, (a1), v16", [0, 16, 8], marks=rules("vector_ls_stride_unordered_op")),
    pytest.param("vluxei8.v v8, (a1), v16", [0, 16, 8], marks=rules("vector_ls_stride_unordered_op")),
    pytest.param("vle32.v v8, (a1)", [0, 4, 8], marks=rules("vector_ls_stride_ordered_op")),
    pytest.param("vse32.v v8, (a1)", [0, 4, 8], marks=rules("vector_ls_stride_ordered_op")),
    pytest.param("vlse32.v v8, (a1), a2", [0, 8, 16], marks=rules("vector_ls_constant_stride_unordered")),
    pytest.param("vsse32.v v8, (a1), a2", [0, 8, 16], marks=rules("vector_ls_constant_stride_unordered")),
    pytest.param("vsseg2e32.v v8, (a1)", [0, 4, 8, 12, 16, 20], marks=rules("vector_ls_seg_unordered")),
    pytest.param("vlsseg2e32.v v8, (a1), a2", [0, 4, 8, 12, 16, 20], marks=rules(
        "vector_ls_seg_constant_stride_unordered")),
    pytest.param("vsoxseg2ei8.v v8, (a1), v16", [0, 4, 16, 20, 8, 12], marks=rules("vector_ls_seg_indexed_unordered")),
    pytest.param("vlse32.v v8, (a1), zero", [0, 0, 0], marks=rules("VECTOR_LS_CONSTANT_STRIDE_X0")),
    pytest.param("vsse32.v v8, (a1), zero", [0, 0, 0], marks=rules("VECTOR_LS_CONSTANT_STRIDE_X0")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "offsets"), ORDERED)
def test_a_device_sees_each_access_once_in_the_order_of_elements_and_fields(device, text, offsets):
    device.set(3, 32)
    device.hart.v.put(8, 32, [1, 2, 3])
    device.hart.v.put(9, 32, [11, 12, 13])
    device.hart.v.put(16, 8, [0, 16, 8])
    device.done(text, a1=DEVICE, a2=8)
    seen = device.recorder.seen
    assert [offset for offset, *_ in seen] == offsets and {size for _, size, _ in seen} == {4}
    values = [1, 11, 2, 12, 3, 13] if "seg" in text else [1, 2, 3]
    assert [value for *_, value in seen] == (values if text[1] == "s" else [None] * len(offsets))


@pytest.mark.rules("vector_ls_scalar_misaligned_dependence", "VECTOR_LS_MISALIGNED_EXCEPTION")
@pytest.mark.parametrize(
    ("vector", "scalar"), [("vle32.v v8, (a1)", "lw a0, (a1)"), ("vse32.v v8, (a1)", "sw a0, (a1)")]
)
def test_misaligned_elements_are_refused_by_a_device_as_scalars_are(device, vector, scalar):
    device.set(1, 32)
    causes = [device.run(text, a1=DEVICE + 2).cause for text in (vector, scalar)]
    assert causes[0] == causes[1] == (LOAD_FAULT if "l" in scalar else STORE_FAULT) and not device.recorder.seen


@pytest.mark.rules("mstatus_vs_op_active")
@pytest.mark.parametrize("text", ["vle32ff.v v8, (a1)", "vse32.v v8, (a1)"])
def test_a_shorter_vl_and_a_vstart_are_changes_of_vector_state(rig, text):
    rig.set(4, 32)
    rig.csr["mstatus"] = 2 << 9 | FS
    rig.run(text, a1=END - 4)
    assert (rig.csr["vl"], rig.csr["vstart"]) == ((1, 0) if "ff" in text else (4, 1))
    assert rig.csr["mstatus"] & VS == VS
