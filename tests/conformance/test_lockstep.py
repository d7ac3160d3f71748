"""A short lockstep run against Spike with fixed seeds, and the tool's own parts, which need no Spike."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest

from rvh import Machine
from tools.lockstep import compare as lockstep
from tools.lockstep import vector, vector_paged
from tools.lockstep.differences import AVOIDED, KNOWN, explain
from tools.lockstep.program import Options, build

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
    assert all(reason and section for reason, section in KNOWN.values())
    assert all(what and reason for what, reason, _ in AVOIDED)


def test_a_difference_is_found_and_shown(tmp_path):
    """A stand-in for Spike that disagrees in one register."""
    elf = build(9, SHORT)
    path = tmp_path / "program.elf"
    path.write_bytes(elf)
    from rvh.trace import CommitLog

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
