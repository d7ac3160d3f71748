"""The hypervisor's scheduler: shares, caps and affinity as compute-bound guests see them, the wake-up latency of one
that mostly waits, steal time, and that nobody is forgotten.

Ten seconds of guest time are a thousand million instructions of a hart here.
"""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

SECOND = 10_000_000
SECONDS = 10
#: Instructions in a tick: at 10 MIPS what the hypervisor does itself would count for too much.
PER_TICK = 10

#: s1 becomes 0; s6 as 16 hexadecimal digits in `text`.
REPORT = """
    la t0, text
    addi t0, t0, 16
    li t1, 16
1:  addi t0, t0, -1
    andi t2, s6, 15
    li t3, 10
    bltu t2, t3, 2f
    addi t2, t2, 39
2:  addi t2, t2, 48
    sb t2, 0(t0)
    srli s6, s6, 4
    addi t1, t1, -1
    bnez t1, 1b
    li s1, 0
    j say
"""
TEXT = 'text: .asciz "0000000000000000\\n"\n'

#: Counts loops of 1000 instructions in s6 until guest time s3.
COUNT = """
1:  li t0, 333
2:  addi t0, t0, -1
    addi t1, t1, 1
    bnez t0, 2b
    addi s6, s6, 1
    rdtime t0
    bltu t0, s3, 1b
"""


def spinner(tmp_path, vcpus: int = 1, seconds: float = SECONDS, name: str = "spin") -> str:
    """Counts on every vCPU until its time is over, and prints the sum."""
    start = "".join(
        f"""
    li a7, 0x48534d     # HSM hart_start
    li a6, 0
    li a0, {n}
    la a1, other
    li a2, 0
    ecall
"""
        for n in range(1, vcpus)
    )
    collect = f"""
    la t0, done
3:  lw t1, 0(t0)
    li t2, {vcpus - 1}
    bne t1, t2, 3b
    fence
    la t0, sum
    ld t1, 0(t0)
    add s6, s6, t1
"""
    other = """
other:
    LIMIT
    li s6, 0
    COUNT
    la t0, sum
    amoadd.d x0, s6, (t0)
    fence
    la t0, done
    li t1, 1
    amoadd.w x0, t1, (t0)
    li a7, 0x48534d
    li a6, 1
    ecall
.balign 8
sum: .dword 0
done: .word 0
"""
    limit = f"    li s3, {int(seconds * SECOND)}\n"
    source = start + limit + "    li s6, 0\n" + COUNT + (collect if vcpus > 1 else "") + REPORT + SAY_AND_STOP
    source += other.replace("LIMIT", limit).replace("COUNT", COUNT) + TEXT
    return guest(tmp_path, f"{name}{vcpus}-{seconds}", source)


def shares(result, labels) -> dict[str, int]:
    assert result.stop.kind == "pass", result.text
    return {label: int(result.of(label)[0], 16) for label in labels}


def close(got: float, wanted: float) -> bool:
    """Within 3 % of what the weights say."""
    return abs(got - wanted) <= 0.03 * wanted


def measure(tmp_path, harts: int, **vms) -> dict[str, int]:
    """Loops counted by VMs {label: (vCPUs, settings)} side by side."""
    kernels = {label: spinner(tmp_path, vcpus) for label, (vcpus, _) in vms.items()}
    settings = {label: {"vcpus": vcpus, **more} for label, (vcpus, more) in vms.items()}
    result = run_vms(
        kernels,
        harts=harts,
        settings=settings,
        insns_per_tick=PER_TICK,
        max_insns=4 * SECONDS * SECOND * harts * PER_TICK,
    )
    return shares(result, vms)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> int:
    """What one VM alone counts on one hart."""
    return measure(tmp_path_factory.mktemp("whole"), 1, alone=(1, {}))["alone"]


def test_shares_on_one_hart_are_as_the_weights(tmp_path, whole):
    counts = measure(tmp_path, 1, a=(1, {"weight": 100}), b=(1, {"weight": 200}), c=(1, {"weight": 400}))
    total = sum(counts.values())
    assert total > 0.97 * whole
    for label, weight in (("a", 1), ("b", 2), ("c", 4)):
        assert close(counts[label] / total, weight / 7), counts


def test_shares_on_two_harts_are_as_the_weights(tmp_path, whole):
    counts = measure(tmp_path, 2, a=(2, {"weight": 100}), b=(2, {"weight": 200}), c=(2, {"weight": 400}))
    total = sum(counts.values())
    assert total > 0.97 * 2 * whole
    for label, weight in (("a", 1), ("b", 2), ("c", 4)):
        assert close(counts[label] / total, weight / 7), counts


def test_the_weight_is_the_vms_however_many_vcpus_it_has(tmp_path, whole):
    counts = measure(tmp_path, 2, one=(1, {}), two=(2, {}), four=(4, {}))
    for label in ("one", "two", "four"):
        assert close(counts[label] / whole, 2 / 3), counts


def test_a_vm_cannot_use_more_harts_than_it_has_vcpus(tmp_path, whole):
    """What it cannot use goes to the others by their weights."""
    counts = measure(tmp_path, 2, heavy=(1, {"weight": 10000}), a=(1, {"weight": 100}), b=(1, {"weight": 300}))
    assert close(counts["heavy"] / whole, 1), counts
    assert close(counts["a"] / whole, 1 / 4) and close(counts["b"] / whole, 3 / 4), counts


@pytest.mark.parametrize("cap", [10, 25, 50])
def test_a_cap_holds_on_an_idle_hart(tmp_path, whole, cap):
    counts = measure(tmp_path, 1, capped=(1, {"cap": cap}))
    assert close(counts["capped"] / whole, cap / 100), counts


def test_what_a_cap_leaves_goes_to_the_others(tmp_path, whole):
    counts = measure(tmp_path, 2, capped=(2, {"cap": 150, "weight": 5000}), free=(2, {}))
    assert close(counts["capped"] / whole, 1.5), counts
    assert close(counts["free"] / whole, 0.5), counts


def test_affinity(tmp_path, whole):
    """Two VMs share hart 0 by their weights; the third has hart 1 for itself."""
    counts = measure(
        tmp_path,
        2,
        a=(1, {"harts": (0,), "weight": 100}),
        b=(2, {"harts": (0,), "weight": 300}),
        c=(1, {"harts": (1,)}),
    )
    assert close(counts["a"] / whole, 1 / 4) and close(counts["b"] / whole, 3 / 4), counts
    assert close(counts["c"] / whole, 1), counts


def waiter(tmp_path, sleeps: int, pause: int) -> str:
    """Sleeps `sleeps` times for `pause` ticks, and prints the longest time by which it woke up late."""
    return guest(
        tmp_path,
        f"wait{sleeps}",
        f"""
    li s6, 0
    li s7, {sleeps}
    li t0, 1 << 5
    csrw sie, t0
3:  rdtime s8
    li t0, {pause}
    add s8, s8, t0
    mv a0, s8
    li a7, 0x54494d45   # TIME set_timer
    li a6, 0
    ecall
4:  wfi
    rdtime t0
    bltu t0, s8, 4b
    sub t0, t0, s8
    bgeu s6, t0, 5f
    mv s6, t0
5:  addi s7, s7, -1
    bnez s7, 3b
"""
        + REPORT
        + SAY_AND_STOP
        + TEXT,
    )


@pytest.mark.parametrize("harts", [1, 2])
def test_a_vm_that_mostly_waits_is_served_at_once_next_to_ones_that_compute(tmp_path, harts):
    """Late by a tenth of a slice at most."""
    pause = 20_000  # 2 ms
    kernels = {f"spin{n}": spinner(tmp_path, 2, seconds=1) for n in range(3)}
    kernels["waits"] = waiter(tmp_path, 300, pause)
    settings = {f"spin{n}": {"vcpus": 2} for n in range(3)}
    result = run_vms(kernels, harts=harts, settings=settings, insns_per_tick=30)
    assert result.stop.kind == "pass", result.text
    latest = int(result.of("waits")[0], 16)
    assert latest < 5_000, f"{latest} ticks of 100 ns late"


def test_nobody_is_forgotten_when_many_sleep_and_wake(tmp_path):
    """24 vCPUs on 4 harts that sleep for different times: each VM comes to its end."""
    kernels = {f"w{n}": waiter(tmp_path, 100 + n, 300 + 97 * n) for n in range(8)}
    kernels |= {f"s{n}": spinner(tmp_path, 2, seconds=0.02) for n in range(8)}
    settings = {f"s{n}": {"vcpus": 2, "weight": 10 * (n + 1)} for n in range(8)}
    settings |= {f"w{n}": {"harts": (n % 4,)} for n in range(0, 8, 2)}
    result = run_vms(kernels, harts=4, settings=settings, insns_per_tick=10)
    assert result.stop.kind == "pass", result.text
    for label in kernels:
        assert len(result.of(label)) == 1


def test_steal_time_is_what_the_neighbour_takes(tmp_path):
    """SBI STA: with an equal neighbour half of the time is stolen, alone none."""
    source = (
        f"""
    li a7, 0x535441     # STA steal_time_set_shmem
    li a6, 0
    la a0, shmem
    li a1, 0
    li a2, 0
    ecall
    bnez a0, bad
    li s3, {2 * SECOND}
    li s6, 0
"""
        + COUNT
        + """
    la t0, shmem
3:  lw t1, 0(t0)
    fence
    ld s6, 8(t0)
    fence
    lw t2, 0(t0)
    bne t1, t2, 3b
    andi t1, t1, 1
    bnez t1, 3b
"""
        + REPORT
        + "bad:\n    li s1, 1\n    j say\n"
        + SAY_AND_STOP
        + TEXT
        + "\n.balign 64\nshmem: .zero 64\n"
    )
    steals = guest(tmp_path, "steal", source)
    alone = shares(run_vms({"v": steals}, insns_per_tick=PER_TICK), ["v"])["v"]
    assert alone < 0.01 * 2e9
    both = run_vms({"v": steals, "spin": spinner(tmp_path, seconds=2)}, insns_per_tick=PER_TICK)
    assert abs(shares(both, ["v"])["v"] - 1e9) < 0.03 * 1e9


@pytest.mark.parametrize("address, flags, error", [
    (0x8040_0020, 0, -3), (0x8040_0000, 1, -3), (0x1000_0000, 0, -5), (0x9000_0000, 0, -5), (0x8040_0000, 0, 0),
])  # fmt: skip
def test_sta_checks_what_it_is_given(tmp_path, address, flags, error):
    source = f"""
    li a7, 0x535441
    li a6, 0
    li a0, {address}
    li a1, 0
    li a2, {flags}
    ecall
    mv s6, a0
    li t0, {error}
    sub s6, s6, t0
    li a7, 0x535441
    li a6, 1
    ecall
    addi a0, a0, 2      # NOT_SUPPORTED
    or s6, s6, a0
    li a7, 0x535441
    li a6, 0
    li a0, -1
    li a1, -1
    li a2, 0
    ecall
    or s6, s6, a0
"""
    result = run_vms({"v": guest(tmp_path, "sta", source + REPORT + SAY_AND_STOP + TEXT)})
    assert shares(result, ["v"])["v"] == 0
