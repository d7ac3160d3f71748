"""riscv-arch-test (github.com/riscv-non-isa/riscv-arch-test) in the signature style: every pair of a built ELF and a
reference signature in the folder that RVH_ARCH_TEST names.

The folder holds ``elf/NAME.elf`` and ``ref/NAME.signature``: lines of four bytes in hexadecimal, as reference models
write them. Each test runs bare, says through HTIF that it has ended, and must leave the reference's words between its
symbols begin_signature and end_signature.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rvh import Machine

FOLDER = os.environ.get("RVH_ARCH_TEST", "")
#: Far more instructions than the longest test executes.
LIMIT = 50_000_000


def pairs() -> list[tuple[Path, Path]]:
    elfs = sorted(Path(FOLDER, "elf").glob("*.elf")) if FOLDER else []
    both = [(elf, Path(FOLDER, "ref", f"{elf.stem}.signature")) for elf in elfs]
    return [(elf, reference) for elf, reference in both if reference.is_file()]


PAIRS = pairs()


def words(data: bytes) -> list[str]:
    return [f"{int.from_bytes(data[n : n + 4], 'little'):08x}" for n in range(0, len(data), 4)]


@pytest.mark.skipif(bool(FOLDER), reason="the tests below run")
def test_arch_tests_are_there():
    pytest.skip("RVH_ARCH_TEST does not name a folder with elf/NAME.elf and ref/NAME.signature of riscv-arch-test")


@pytest.mark.skipif(not FOLDER, reason="RVH_ARCH_TEST is not set")
def test_the_folder_holds_tests():
    assert PAIRS, f"no pairs of elf/NAME.elf and ref/NAME.signature in RVH_ARCH_TEST={FOLDER}"


@pytest.mark.parametrize(("elf", "reference"), [pytest.param(*pair, id=pair[0].stem) for pair in PAIRS])
def test_signature(elf: Path, reference: Path):
    machine = Machine(ram=64 << 20)
    machine.load(elf)
    stop = machine.run(max_insns=LIMIT)
    assert stop.kind == "pass", f"{stop} at {machine.harts[0]}"
    begin, end = machine.symbols["begin_signature"], machine.symbols["end_signature"]
    got = words(machine.memory.read(begin, end - begin))
    machine.close()
    expected = reference.read_text().split()
    different = [n for n, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b]
    assert len(got) == len(expected), f"{len(got)} words of signature, {len(expected)} in the reference"
    assert not different, f"word {(n := different[0])} of the signature: {got[n]}, the reference has {expected[n]}"
