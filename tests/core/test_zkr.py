"""Zkr: the seed CSR (unprivileged manual, "Entropy Source"; privileged manual, "Machine Security Configuration
(mseccfg) Register")."""

import itertools

import pytest
import rig as r
from rig import ALL, Rig, csr_insn

from rvh import Machine
from rvh.devices.entropy import BIST, DEAD, ES16, WAIT, EntropySource
from rvh.emit.asm import assemble
from rvh.isa import access, csrs

II, VI = 2, 22
MODES = ("M", "HS", "U", "VS", "VU")
USEED, SSEED = 1 << 8, 1 << 9
SEED = 0x015
CSRRW, CSRRS, CSRRC, CSRRWI, CSRRSI, CSRRCI = 1, 2, 3, 5, 6, 7
POLL = csr_insn(CSRRW, SEED, rs1=0)  # csrrw a0, seed, x0

#: The manual's table of access, by mode: (SSEED, USEED) -> what a read-write access ends in.
TABLE = {
    "M": dict.fromkeys(itertools.product((0, 1), repeat=2)),
    "U": {(0, 0): II, (1, 0): II, (0, 1): None, (1, 1): None},
    "HS": {(0, 0): II, (0, 1): II, (1, 0): None, (1, 1): None},
    "VS": {(0, 0): II, (0, 1): II, (1, 0): VI, (1, 1): VI},
    "VU": {(0, 0): II, (0, 1): II, (1, 0): VI, (1, 1): VI},
}


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.rules(
    "zkr_seed_addr",
    "seed_csr_unpriv",
    "seed_exec_mode_control",
    "seed_ro_illegal",
    "mseccfg_useed_U-mode_op",
    "mseccfg_sseed_S_mode_op",
    "mseccfg_sseed_HS_mode_op",
    "mseccfg_sseed_VS_mode_op",
    "mseccfg_sseed_VU_mode_op",
)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sseed, useed", [*itertools.product((0, 1), repeat=2)])
def test_the_table_of_access(rig, mode, sseed, useed):
    rig.csr["mseccfg"] = sseed * SSEED | useed * USEED
    expected = TABLE[mode][sseed, useed]
    for funct3, rs1 in itertools.product((CSRRW, CSRRS, CSRRC, CSRRWI, CSRRSI, CSRRCI), (0, r.RA1)):
        reads_only = funct3 & 3 != CSRRW and rs1 == 0
        for rd in (0, r.RA0):
            cause = rig.cause(csr_insn(funct3, SEED, rd=rd, rs1=rs1), mode=mode)
            assert cause == (II if reads_only else expected), (funct3, rs1, rd)
    for write in (False, True):
        read = {"mseccfg": rig.csr["mseccfg"]}.__getitem__
        reason = access.decide_csr(SEED, mode, write, read, rig.extensions)
        assert (reason.cause if reason else None) == (expected if write else II)


@pytest.mark.rules("MSECCFG_USEED_SSEED_RST", "mseccfg_presence")
def test_the_fields_of_mseccfg(rig):
    assert Rig(open_gates=False).csr["mseccfg"] == 0
    for value in (SSEED, USEED, SSEED | USEED, 0):
        rig.write("mseccfg", "M", value)
        assert rig.read("mseccfg", "M") == value
    assert "mseccfg" in Rig("max_no-smepmp_no-smmpm").csr


@pytest.mark.rules("mseccfg_useed_rdonly0", "mseccfg_sseed_rdonly0", "mseccfg_useed_presence", "mseccfg_sseed_presence")
@pytest.mark.parametrize(
    "isa, fields",
    [("rv64ima_zkr", 0), ("rv64imau_zkr", USEED), ("rv64gc_zkr", USEED | SSEED), ("max_no-zkr", 0)],
)
def test_a_field_without_its_mode_is_read_only_zero(isa, fields):
    machine = Machine(ram=1 << 20, isa=isa)
    machine.harts[0].csr["mseccfg"] = USEED | SSEED
    assert machine.harts[0].csr["mseccfg"] == fields


def test_without_it_the_csr_is_not_there(rig):
    rig = Rig("max_no-zkr")
    assert "seed" not in rig.csr
    for mode in MODES:
        assert rig.cause(POLL, mode=mode) == II


def polled(rig: Rig, times: int = 1) -> list[int]:
    out = []
    for _ in range(times):
        assert rig.execute(POLL) is None
        out.append(rig.a0)
    return out


@pytest.mark.rules("seed_entropy_unique", "seed_wipe_on_read")
def test_entropy_is_given_out_once_and_repeats_with_the_machine(rig):
    values = polled(rig, 200)
    assert all(value >> 30 == ES16 and value >> 16 & 0x3FFF == 0 for value in values)
    assert len(set(values)) > 190, "16 bits collide now and then; the same word is not given out again"
    assert polled(Rig(), 200) == values, "the same machine, the same stream"
    source = EntropySource(1)
    assert [source.poll() for _ in range(200)] != values
    ones = sum((value & 0xFFFF).bit_count() for value in values)
    assert 1400 < ones < 1800


@pytest.mark.rules("seed_write_ignore")
def test_what_is_written_has_no_effect(rig):
    expected = polled(Rig(), 6)
    for funct3, value in ((CSRRW, ALL), (CSRRS, ALL), (CSRRC, 0x8000_0000), (CSRRWI, 0), (CSRRSI, 0), (CSRRCI, 0)):
        assert rig.execute(csr_insn(funct3, SEED), a1=value) is None
        assert rig.a0 == expected.pop(0)


def test_a_write_that_reads_nothing_polls_nothing(rig):
    first, second = polled(Rig(), 2)
    assert polled(rig) == [first]
    assert rig.execute(csr_insn(CSRRW, SEED, rd=0)) is None
    assert rig.csr["seed"] == WAIT << 30, "nor does a look from outside"
    assert polled(rig) == [second]


@pytest.mark.rules("seed_entropy_zero_non_es16", "seed_bist_latch")
def test_the_states_besides_es16(rig):
    source = rig.machine.entropy
    source.starve(2)
    assert polled(rig, 3)[:2] == [WAIT << 30] * 2
    source.alarm()
    rig.execute(r.NOP, r.NOP)
    values = polled(rig, 2)
    assert values[0] == BIST << 30 and values[1] >> 30 == ES16
    source.alarm()
    source.starve(1)
    source.fail()
    assert polled(rig, 3) == [DEAD << 30] * 3, "for good"


@pytest.mark.rules("seed_min_security_256", "seed_disable_if_weak")
def test_the_hosts_entropy(monkeypatch):
    """With the host's stream the source is as strong as os.urandom; a host that fails makes it DEAD."""
    source = EntropySource(None)
    assert len({source.poll() for _ in range(100)}) > 90
    given = iter([bytes(range(32)), b"\xff" * 32])
    monkeypatch.setattr("rvh.devices.entropy.os.urandom", lambda n: next(given)[:n])
    source = EntropySource(None)
    assert [source.poll() for _ in range(17)] == [0x80000000 | 0x0100 + 0x202 * n for n in range(16)] + [0x8000FFFF]

    def fails(n):
        raise OSError("no entropy")

    monkeypatch.setattr("rvh.devices.entropy.os.urandom", fails)
    source = EntropySource(None)
    assert source.poll() == source.poll() == DEAD << 30


def test_the_stream_is_part_of_the_digest_and_survives_a_second_machine():
    """Two harts poll in turn: what each gets is the same in every run, in whatever steps it runs."""

    def run(steps: list[int], entropy: EntropySource | None = None) -> tuple[str, int]:
        machine = Machine(harts=2, ram=1 << 20, quantum=50, entropy=entropy)
        machine.memory.write(
            r.CODE, assemble("loop: csrrw a0, seed, zero\nxor a1, a1, a0\nslli a1, a1, 1\nj loop").data
        )
        machine.start(r.CODE)
        for n in steps:
            machine.run(max_insns=n)
        return machine.digest(), machine.harts[0].x["a1"] ^ machine.harts[1].x["a1"]

    assert run([1000]) == run([300, 37, 663])
    assert run([1000], EntropySource(3))[0] != run([1000])[0]
    source = EntropySource()
    assert run([1000], source) != run([1000], source), "the second goes on where the first ended"


def test_a_guest_with_floating_point_in_flight_keeps_its_rounding_mode():
    machine = Machine(ram=1 << 20)
    source = (
        "li a1, 1\nli a2, 3\nfcvt.d.l fa1, a1\nfcvt.d.l fa2, a2\ncsrrw a0, seed, zero\nfdiv.d fa0, fa1, fa2\nebreak"
    )
    results = []
    for frm in (2, 3):  # down, up
        machine.memory.write(r.CODE, assemble(source, r.CODE).data)
        hart = machine.harts[0]
        hart.mode, hart.pc = "M", r.CODE
        hart.csr["mstatus"], hart.csr["fcsr"] = 3 << 13, frm << 5
        machine.run(max_insns=6)
        results.append(hart.f["fa0"])
    assert results[1] - results[0] == 1


def test_seed_is_in_the_table_of_csrs():
    row = csrs.BY_NAME["seed"]
    assert (row.number, row.privilege, row.polled) == (SEED, 0, True)
    assert [row.name for row in csrs.CSRS if row.polled] == ["seed"]
