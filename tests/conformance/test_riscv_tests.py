"""riscv-tests (github.com/riscv-software-src/riscv-tests): every built ELF of the folder that RVH_RISCV_TESTS names.

Each runs bare and must report success through HTIF, except those for extensions that rvh does not have.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rvh import Machine

FOLDER = os.environ.get("RVH_RISCV_TESTS", "")
#: Far more instructions than the longest test executes.
LIMIT = 20_000_000

#: Names of tests that are not expected to pass, and the extension that they need.
NOT_IMPLEMENTED = {
    r"rv32.*": "RV32",
}


def is_elf(path: Path) -> bool:
    if path.suffix or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def elfs() -> list[Path]:
    folder = Path(FOLDER)
    return sorted(filter(is_elf, folder.iterdir())) if FOLDER and folder.is_dir() else []


def missing(name: str) -> str | None:
    """The extension that a test needs and rvh does not have."""
    return next((what for pattern, what in NOT_IMPLEMENTED.items() if re.fullmatch(pattern, name)), None)


ELFS = elfs()


@pytest.mark.skipif(bool(FOLDER), reason="the tests below run")
def test_riscv_tests_are_there():
    pytest.skip("RVH_RISCV_TESTS does not name a folder of built riscv-tests (its isa/)")


@pytest.mark.skipif(not FOLDER, reason="RVH_RISCV_TESTS is not set")
def test_the_folder_holds_tests():
    assert ELFS, f"no ELF files in RVH_RISCV_TESTS={FOLDER}"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in ELFS])
def test_riscv_test(path):
    needs = missing(path.name)
    if needs == "RV32":
        pytest.skip("RV32 is not implemented")
    machine = Machine(ram=64 << 20)
    machine.load(path)
    stop = machine.run(max_insns=LIMIT if needs is None else 1_000_000)
    if needs is not None:
        assert stop.kind != "pass", f"{needs} seems to be there: take it off the list"
        pytest.skip(f"{needs} is not implemented")
    if stop.kind == "fail":
        pytest.fail(f"test {stop.code} failed" if stop.code < 600 else f"failed with code {stop.code}")
    assert stop.kind == "pass", f"{stop} at {machine.harts[0]}"
