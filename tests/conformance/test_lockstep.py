"""A short lockstep run against Spike with fixed seeds, and the tool's own parts, which need no Spike."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from rvh import Machine
from rvh.emit.asm import assemble
from rvh.emit.syntax import lookup
from rvh.isa.csrs import BY_NAME
from rvh.trace import CommitLog
from tools.lockstep import access, access_differences, qemu, vector, vector_legal, vector_paged
from tools.lockstep import compare as lockstep
from tools.lockstep.differences import AVOIDED, KNOWN, explain
from tools.lockstep.program import Options, build
from tools.lockstep.triggers import FLAVOURS

SHORT = Options(segments=60, length=50)


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lockstep_with_spike(seed):
    outcome = lockstep.compare(build(seed, SHORT))
    assert outcome.compared > 20_000
    assert not outcome.cut
    assert set(outcome.known) <= set(KNOWN)


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("seed", [21, 22])
def test_control_flow_integrity_with_spike(seed):
    options = Options(segments=200, control_flow=True)
    outcome = lockstep.compare(build(seed, options), more="_zicfilp_zicfiss")
    assert outcome.compared > 50_000
    assert not outcome.cut
    assert set(outcome.known) <= set(KNOWN)


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("seed", [4, 5])
def test_rnmi_with_spike(seed):
    options = Options(segments=60, length=50, rnmi=True)
    outcome = lockstep.compare(build(seed, options), more="_smrnmi")
    assert outcome.compared > 20_000 and not outcome.cut


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("seed", [6, 7])
def test_csr_accesses_with_spike(seed):
    """Zkr, Smcsrind, Sscsrind, Smcdeleg, Ssccfg, Smstateen."""
    outcome = access.compare(seed)
    assert outcome.unknown == []
    assert outcome.compared > 150_000
    assert {"seed", "sireg-write", "mireg-guest"} <= set(outcome.known) <= set(access_differences.KNOWN)


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("seed, flavour", list(enumerate(FLAVOURS, start=40)))
def test_debug_triggers_with_spike(seed, flavour):
    options = Options(segments=250, triggers=flavour)
    outcome = lockstep.compare(build(seed, options), mine="_sdtrig")
    assert outcome.compared > 100_000
    assert set(outcome.known) <= set(KNOWN)


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize("vlen", [128, 256, 512, 1024])
def test_vectors_with_spike(vlen):
    legal = Counter()
    compared = sum(vector.compare(seed, 3000, vlen, "spike", legal) for seed in range(vlen, vlen + 4))
    assert compared > 40_000
    assert legal.total() > 4000 and len(legal) > len(vector.ARITHMETIC) * 0.9


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize(("seed", "mode", "vlen"), [(1, "S", 128), (2, "S", 1024), (3, "VS", 256), (4, "VS", 512)])
def test_vectors_that_fault_half_way_with_spike(seed, mode, vlen):
    outcome = vector_paged.compare(vector_paged.Plan(seed, mode, vlen, turns=4), "spike")
    assert outcome.vectors > 3000 and outcome.faults > 300 and outcome.resumed > 100


@pytest.mark.skipif(shutil.which("spike") is None, reason="there is no spike on PATH to compare with")
@pytest.mark.parametrize(
    ("isa", "setting"),
    [("zve32f_zvfh_zfh_zvl256b", "e16, m2"), ("zve64d_zvfhmin_zvl128b", "e32, mf2"), ("v_zvl128b", "e64, m1")],
)
def test_illegal_vector_instructions_with_spike(isa, setting):
    legal, differ = vector_legal.compare(len(isa), isa, setting, "spike")
    assert legal > 5_000 and not differ


def test_illegal_vector_instructions_are_found():
    words = assemble("vadd.vv v8, v8, v8; vadd.vv v9, v8, v8; vmv8r.v v8, v16; vs4r.v v10, (x11)").words()
    assert vector_legal.on_rvh(words, "e8, m2", "v_zvl128b") == {1, 3}
    both = vector_legal.encodings(1)
    assert len(both) == 64 * 7 * 2 * 32 + 8 * 8 * 2 * 32 * 4 * 2 and both != vector_legal.encodings(2)


@pytest.mark.skipif(not qemu.usable("qemu-system-riscv64"), reason="there is no QEMU of version 8 or later on PATH")
def test_vectors_with_qemu():
    outcome = qemu.Outcome()
    for seed, vlen in enumerate((128, 256, 512, 1024)):
        qemu.compare(seed, 200, vlen, "qemu-system-riscv64", outcome)
    assert outcome.compared > 600 and len(outcome.kinds) > 200


def test_programs_for_qemu_have_nothing_reserved():
    def taken(text: str) -> bool:
        word = int.from_bytes(assemble(text).data, "little")
        return qemu.takes(lookup(word), word)

    for text in (
        "vadd.vv v8, v16, v24, v0.t",
        "vmerge.vvm v8, v16, v24, v0",
        "vadd.vv v8, v0, v24",
        "vmand.mm v8, v0, v16",
    ):
        assert taken(text), text
    assert taken("vse8.v v8, (a0), v0.t") and taken("vsetvli x0, a0, e8, m1, ta, ma") and taken("vwadd.wv v8, v16, v24")
    for text in (
        "vadd.vv v8, v0, v24, v0.t",
        "vmerge.vvm v8, v16, v0, v0",
        "vse8.v v0, (a0), v0.t",
        "vnsrl.wv v8, v16, v17",
    ):
        assert not taken(text), text
    assert not taken("vsetvli x0, x0, e8, m1, ta, ma") and not taken("vwmacc.vv v8, v10, v24")


def test_a_difference_from_qemu_is_shown(monkeypatch):
    def zeroes(command, **_):
        signature = re.search("signature=([^,]*)", command[2])[1]
        Path(signature).write_text("0\n" * 20_000)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(qemu.subprocess, "run", zeroes)
    with pytest.raises(vector.Difference, match=r"seed 5 vlen 128: instruction 0, .*: v(l|type)\n  rvh .*\n  QEMU 0"):
        qemu.compare(5, 20, 128, "qemu", qemu.Outcome())


def test_known_differences_of_qemu_are_narrow():
    word = int.from_bytes(assemble("vfwmaccbf16.vf v8, f2, v16").data, "little")
    state = dict.fromkeys([*qemu.SCALARS, *(f"f{n}" for n in range(32))], 0)
    boxed = state | {"f2": 0xFFFF_FFFF_FFFF_3F80}
    assert qemu.explain(word, state, "fcsr") == "unboxed"
    assert qemu.explain(word, boxed, "fcsr") is None and qemu.explain(word, state, "x6") is None
    word = int.from_bytes(assemble("vfredusum.vs v8, v16, v24, v0.t").data, "little")
    none = state | {"vl": 4, "v0": 0x70}
    assert qemu.explain(word, none, "v8, byte 0 on") == qemu.explain(word, none, "fcsr") == "empty-sum"
    assert qemu.explain(word, none | {"v0": 8}, "fcsr") is None and qemu.explain(word, none, "v8, byte 8 on") is None
    word = int.from_bytes(assemble("vsha2cl.vv v8, v16, v24").data, "little")
    assert qemu.explain(word, state | {"vtype": 0xD7}, "x6") == "sha-fractional"
    assert qemu.explain(word, state | {"vtype": 0xD0}, "x6") is None
    assert qemu.explain(word, state | {"vtype": 0xD7}, "v8, byte 0 on") is None


@pytest.mark.parametrize("seed", [4, 5])
def test_a_program_ends_by_itself_and_the_same_with_a_trace(seed, tmp_path):
    path = tmp_path / "program.elf"
    path.write_bytes(build(seed, SHORT))
    digests = set()
    for traced in (False, True):
        machine = Machine(ram=lockstep.RAM)
        machine.load(path)
        if traced:
            records = machine.trace(2_000_000)
            assert {0, 1, 3} == set(records["priv"]) and set(records["v"]) == {0, 1}, "not every mode was entered"
            assert len(set(records["cause"])) > 8, "few kinds of traps"
        else:
            stop = machine.run(max_insns=2_000_000)
            assert stop.kind == "pass"
        digests.add(machine.digest())
    assert len(digests) == 1


def test_programs_repeat():
    assert build(7, SHORT) == build(7, SHORT) != build(8, SHORT)


ADD = b"core   0: 3 0x0000000080000000 (0x00208033) x5  0x000000000000000%d"
CSRR_MTINST = b"core   0: 3 0x0000000080000154 (0x34a02ef3) x29 0x000000000000%04x"
CSRR_TDATA1 = b"core   0: 3 0x0000000080000154 (0x7a102ef3) x29 0x%016x"
CSRR_SCAUSE = b"core   0: 1 0x0000000080000154 (0x14202e73) x28 0x%016x"
CSRW_HSTATUS = b"core   0: 1 0x0000000080000154 (0x600e9073) c1536_hstatus 0x000%x000200000000"
CSRW_MIP = b"core   0: 3 0x0000000080000154 (0x344e9073)%s c836_mip 0x0000000000000002"


def test_only_known_differences_are_explained():
    assert explain(ADD % 1, ADD % 2) is None
    assert explain(CSRR_MTINST % 0x3000, CSRR_MTINST % 0) == "tinst"
    assert explain(CSRR_MTINST % 0, CSRR_MTINST % 0x3000) is None, "Spike's pseudoinstructions are not optional"
    assert explain(CSRW_MIP % b"", CSRW_MIP % b" c777_mvip 0x0000000000000000") == "csr-names"
    assert explain(CSRW_HSTATUS % 2, CSRW_HSTATUS % 0) == "hupmm"
    assert explain(CSRW_HSTATUS % 2, CSRW_HSTATUS % 3) is None
    assert explain(CSRW_HSTATUS % 8, CSRW_HSTATUS % 0) is None
    assert explain(CSRR_SCAUSE % 1, CSRR_SCAUSE.replace(b"80000154", b"00001010") % 1) == "platform"
    chained = 6 << 60 | 1 << 11 | 3
    assert explain(CSRR_TDATA1 % chained, CSRR_TDATA1 % (chained | 1 << 22)) == "chain-hits"
    assert explain(CSRR_TDATA1 % chained, CSRR_TDATA1 % (chained | 1 << 23)) is None
    assert explain(CSRR_TDATA1 % 3, CSRR_TDATA1 % (3 | 1 << 22)) is None
    assert explain(CSRR_SCAUSE % 6, CSRR_SCAUSE % 7) == "misaligned-amo"
    assert explain(CSRR_SCAUSE % 7, CSRR_SCAUSE % 6) is None
    assert explain(CSRR_SCAUSE % (1 << 63 | 6), CSRR_SCAUSE % (1 << 63 | 13)) == "lcofi"
    assert explain(CSRR_SCAUSE % (1 << 63 | 9), CSRR_SCAUSE % (1 << 63 | 13)) is None
    assert all(reason and section for reason, section in KNOWN.values())
    assert all(what and reason for what, reason, _ in AVOIDED)


def test_a_difference_is_found_and_shown(tmp_path):
    """A stand-in for Spike that disagrees in one register."""
    elf = build(9, SHORT)
    path = tmp_path / "program.elf"
    path.write_bytes(elf)
    machine = Machine(ram=lockstep.RAM)
    machine.load(path)
    log = tmp_path / "log"
    with log.open("wb") as file, CommitLog(machine, file):
        machine.run(max_insns=20_000)
    lines = log.read_bytes().splitlines(keepends=True)
    at = next(n for n in range(9000, len(lines)) if b" x29 0x" in lines[n] and b"mem" not in lines[n])
    lines[at] = lines[at][:-2] + (b"0" if lines[at][-2:-1] != b"0" else b"1") + b"\n"
    log.write_bytes(b"".join(lines))
    fake = tmp_path / "spike"
    fake.write_text(f"#!/bin/sh\nexec cat {log}\n")
    fake.chmod(0o755)
    with pytest.raises(lockstep.Difference, match="first difference") as caught:
        lockstep.compare(elf, str(fake))
    assert lines[at].decode().strip() in str(caught.value)


OPEN = {"mstateen0": 1 << 60, "hstateen0": 1 << 60, "menvcfg": 1 << 60, "siselect": 0x42, "mcounteren": 4}
VIRTUAL_THERE = {"mcause": (2, 22)}


def explained(mode: str, name: str, differ: dict, retired=(False, False), writes=False, **controls: int) -> str | None:
    word = BY_NAME[name].number << 20 | (0x51073 if writes else 0x25F3)
    case = access.Case(mode, name, word, 0, dict.fromkeys(access.CONTROLS, 0) | OPEN | controls)
    return access_differences.explain(case, differ, retired)


def test_known_differences_of_accesses_are_narrow():
    assert explained("VU", "mireg4", VIRTUAL_THERE) == "mireg-guest"
    assert explained("VS", "mireg4", VIRTUAL_THERE, hstateen0=0) == "mireg-guest"
    assert explained("VS", "mireg4", VIRTUAL_THERE) is None
    assert explained("VU", "mireg4", VIRTUAL_THERE, mstateen0=0) is None
    assert explained("HS", "mireg4", VIRTUAL_THERE) is None
    assert explained("VU", "mireg4", {"mcause": (22, 2)}) is None
    assert explained("VU", "mireg4", {"mcause": (2, 22), "mtval": (0, 1)}) is None
    assert explained("VU", "miselect", VIRTUAL_THERE) is None
    assert explained("VU", "sireg2", VIRTUAL_THERE, mstateen0=0) == "sireg-vu"
    assert explained("VU", "sireg2", VIRTUAL_THERE) is None
    assert explained("VS", "sireg2", VIRTUAL_THERE, mstateen0=0) is None
    entropy = {"access": (0x8000_1234, 0x8000_4321)}
    assert explained("M", "seed", entropy, (True, True), True) == "seed"
    assert explained("M", "seed", {"access": (0x8001_1234, 0x8000_4321)}, (True, True), True) is None
    assert explained("VS", "seed", VIRTUAL_THERE, writes=True) is None
    word = BY_NAME["sireg"].number << 20 | 0x51073
    refused = {"access": (None, None), "mcause": (9, 2), "mtval": (0, word), "mepc": (4, 0)}
    assert explained("HS", "sireg", refused, (True, False), True) == "sireg-write"
    assert explained("HS", "sireg", refused, (True, False), True, mcounteren=0) is None
    assert explained("HS", "sireg", refused, (True, False), True, menvcfg=0) is None
    assert explained("HS", "sireg", refused | {"mcycle": (0, 1)}, (True, False), True) is None
    lost = {"mcountinhibit": (0xC, 0x4)}
    assert explained("HS", "scountinhibit", lost, (True, True), True) == "scountinhibit-write"
    assert explained("HS", "scountinhibit", {"mcountinhibit": (0x4, 0xC)}, (True, True), True) is None
    late = {"minstret": (10, 11)}
    assert explained("M", "mcountinhibit", late, (True, True), True, mcountinhibit=4) == "inhibited-from"
    assert explained("M", "mcountinhibit", late, (True, True), True) is None
    assert all(row.reason and row.section for row in access_differences.KNOWN.values())


def test_a_difference_of_an_access_is_found(tmp_path):
    """A stand-in for Spike that takes one trap for another cause."""
    program = access.Program(8, 50)
    path, log, fake = tmp_path / "program.elf", tmp_path / "log", tmp_path / "spike"
    path.write_bytes(program.elf)
    machine = Machine(ram=access.RAM)
    machine.load(path)
    with log.open("wb") as file, CommitLog(machine, file):
        machine.run(max_insns=20_000)
    lines = log.read_bytes().splitlines(keepends=True)
    cause = next(pc for pc, name in program.places.items() if name == "mcause")
    at = [n for n, line in enumerate(lines) if b" 0x%016x " % cause in line][20]
    lines[at] = lines[at][:-2] + b"5\n"
    log.write_bytes(b"".join(lines))
    fake.write_text(f"#!/bin/sh\nexec cat {log}\n")
    fake.chmod(0o755)
    outcome = access.compare(8, str(fake), 50)
    assert len(outcome.unknown) == 1 and "seed 8 case 20" in outcome.unknown[0] and "mcause" in outcome.unknown[0]
