"""riscv-arch-test (github.com/riscv-non-isa/riscv-arch-test) in the signature style: every built ELF with a reference
signature in the folder that RVH_ARCH_TEST names, as `rvh-comply` finds and judges it (rvh/comply/suite.py has the
layouts; ``elf/NAME.elf`` with ``ref/NAME.signature`` is one).
"""

from __future__ import annotations

import os

import pytest

from rvh import comply

FOLDER = os.environ.get("RVH_ARCH_TEST", "")
#: Far more instructions than the longest test executes.
SETTINGS = comply.Settings(limit=50_000_000)
TESTS = [test for test in comply.find([FOLDER]) if test.reference] if os.path.isdir(FOLDER) else []


@pytest.mark.skipif(bool(FOLDER), reason="the tests below run")
def test_arch_tests_are_there():
    pytest.skip("RVH_ARCH_TEST does not name a folder with elf/NAME.elf and ref/NAME.signature of riscv-arch-test")


@pytest.mark.skipif(not FOLDER, reason="RVH_ARCH_TEST is not set")
def test_the_folder_holds_tests():
    assert TESTS, f"no test with a reference signature in RVH_ARCH_TEST={FOLDER}"


@pytest.mark.parametrize("test", [pytest.param(test, id=test.name) for test in TESTS])
def test_signature(test):
    done = comply.run(comply.Job(test, SETTINGS))
    assert done.status == "pass", "\n".join([done.message, *(done.story.summaries if done.story else ())])
