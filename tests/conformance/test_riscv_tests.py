"""riscv-tests (github.com/riscv-software-src/riscv-tests): every built ELF of the folder that RVH_RISCV_TESTS names, as
`rvh-comply` finds and judges it.
"""

from __future__ import annotations

import os

import pytest

from rvh import comply

FOLDER = os.environ.get("RVH_RISCV_TESTS", "")
#: Far more instructions than the longest test executes.
SETTINGS = comply.Settings(limit=20_000_000)
TESTS = comply.find([FOLDER]) if os.path.isdir(FOLDER) else []


@pytest.mark.skipif(bool(FOLDER), reason="the tests below run")
def test_riscv_tests_are_there():
    pytest.skip("RVH_RISCV_TESTS does not name a folder of built riscv-tests (its isa/)")


@pytest.mark.skipif(not FOLDER, reason="RVH_RISCV_TESTS is not set")
def test_the_folder_holds_tests():
    assert TESTS, f"no ELF files in RVH_RISCV_TESTS={FOLDER}"


@pytest.mark.parametrize("test", [pytest.param(test, id=test.name) for test in TESTS])
def test_riscv_test(test):
    done = comply.run(comply.Job(test, SETTINGS))
    if done.status == "skip":
        pytest.skip(done.message)
    assert done.status == "pass", "\n".join([done.message, *(done.story.summaries if done.story else ())])
