"""mtime, mtimecmp and the CSR time (manual: "Machine Timer (mtime and mtimecmp) Registers", "Hardware Performance
Monitor"). That the interrupt comes at its very instruction is in test_run_loop.py."""

import pytest
import rig as r
from rig import ALL, CODE, INTERRUPT, Rig, Trap, csrr

rules = pytest.mark.rules

MTIMECMP, MTIME = 0x0200_4000, 0x0200_BFF8
SW, SD, LW, LWU, LD = 0x00A5A023, 0x00A5B023, 0x0005A503, 0x0005E503, 0x0005B503  # a0, (a1)
MTIP, MIE = 1 << 7, 1 << 3


def put(rig: Rig, address: int, value: int, word: int = SD) -> None:
    assert rig.execute(word, mode="M", a0=value, a1=address) is None


def get(rig: Rig, address: int, word: int = LD) -> int:
    assert rig.execute(word, mode="M", a1=address) is None
    return rig.a0


@rules("mtime_acc", "mtime_sz", "mtime_enc", "mtime_rv64_wr")
def test_mtime_is_one_register_of_64_bits():
    rig = Rig()
    put(rig, MTIME, 0x1234_5678_9ABC_0000)
    assert get(rig, MTIME) >> 8 == 0x1234_5678_9ABC_00
    assert get(rig, MTIME + 4, LWU) == 0x1234_5678
    put(rig, MTIME + 4, 0x77, SW)
    assert get(rig, MTIME) >> 8 == 0x77_9ABC_00


@rules("mtimecmp_sz", "mtimecmp_enc", "mtimecmp_rv64_wr")
def test_mtimecmp_is_one_register_of_64_bits():
    rig = Rig()
    put(rig, MTIMECMP, 0x1234_5678_9ABC_DEF0)
    assert get(rig, MTIMECMP) == 0x1234_5678_9ABC_DEF0
    assert get(rig, MTIMECMP, LWU) == 0x9ABC_DEF0 and get(rig, MTIMECMP + 4, LWU) == 0x1234_5678
    put(rig, MTIMECMP + 4, 0x55, SW)
    put(rig, MTIMECMP, 0x66, SW)
    assert get(rig, MTIMECMP) == 0x55_0000_0066


@rules("mtime_op", "MTIME_TICK_PERIOD")
def test_mtime_advances_at_the_frequency_that_the_device_tree_names():
    """100 instructions are 10 microseconds unless asked for otherwise; a tick of 10 MHz is every 100 slots."""
    rig = Rig()
    cpus = next(node for node in rig.machine.device_tree().children if node.name == "cpus")
    assert int.from_bytes(cpus.props["timebase-frequency"], "big") == 10_000_000
    rig.code(0x0000_006F)  # j .
    rig.stand("M")
    rig.step(1000)
    before = rig.csr["time"]
    for n in range(1, 6):
        rig.step(10_000)
        assert rig.csr["time"] - before == 100 * n


@rules("mtime_wrap")
def test_mtime_wraps_around():
    rig = Rig()
    put(rig, MTIMECMP, ALL)
    put(rig, MTIME, ALL - 1)
    rig.code(0x0000_006F)
    rig.stand("M")
    rig.step(1000)
    assert get(rig, MTIME) < 20


@rules("mtime_intr_pending", "mtime_intr_mtip_visibility", "mip_mtip_op")
@pytest.mark.parametrize(
    "now, compare, pending",
    [(5000, 5001, 0), (5000, 5000, 1), (5000, 4999, 1), (1 << 63, 1, 1), (1, 1 << 63, 0), (ALL - 1, 0, 1), (0, ALL, 0)],
)
def test_pending_while_mtime_is_not_below_mtimecmp_unsigned(now, compare, pending):
    rig = Rig()
    put(rig, MTIMECMP, compare)
    put(rig, MTIME, now)
    assert rig.read("mip", "M") & MTIP == (MTIP if pending else 0)
    put(rig, MTIMECMP, ALL)
    assert not rig.read("mip", "M") & MTIP
    put(rig, MTIMECMP, compare)
    assert rig.read("mip", "M") & MTIP == (MTIP if pending else 0)


@rules("mtime_intr_taken")
@pytest.mark.parametrize("mie, status, taken", [(0, 8, False), (MTIP, 0, False), (MTIP, 8, True)])
def test_taken_only_when_enabled(mie, status, taken):
    rig = Rig()
    put(rig, MTIMECMP, 0)
    rig.csr["mie"], rig.csr["mstatus"] = mie, status
    assert rig.take_interrupt("M") == (Trap("M", INTERRUPT | 7, CODE, 0) if taken else None)


@rules("time_op", "time_rdonly", "time_visibility_mtime", "time_csr_architectural_availability")
@pytest.mark.parametrize("mode", ["M", "HS", "U"])
def test_time_is_mtime(mode):
    rig = Rig()
    for value in (0, 0x1234_5678_9ABC_0000, 1 << 63):
        put(rig, MTIME, value)
        assert rig.read("time", mode) == value == rig.read("time", mode)
        assert get(rig, MTIME) == value
    assert rig.cause(r.csrw("time"), mode=mode) == 2


@rules("zicntr_rdtime_op")
def test_rdtime_reads_it():
    rig = Rig()
    put(rig, MTIME, 77_000)
    assert csrr("time") == 0xC010_2573  # rdtime a0
    assert rig.execute(0xC010_2573, mode="U") is None and rig.a0 == 77_000
