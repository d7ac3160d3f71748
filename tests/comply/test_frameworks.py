"""What is written for RISCOF: complete, and a program built with it runs and leaves its signature."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from suites import reference

from rvh import comply
from rvh.comply import frameworks
from rvh.errors import InputError, UsageError

SOURCE = """
#include "model_test.h"
    .section .text.init
    .global rvtest_entry_point
rvtest_entry_point:
rvtest_code_begin:
    RVMODEL_BOOT
    la a0, begin_signature
    li a1, 0x1234
    sw a1, 0(a0)
    la t0, 1f
    csrw mtvec, t0
    li t0, 8
    csrw mie, t0
    csrw mstatus, t0
    RVMODEL_SET_MSW_INT
2:  j 2b
    .balign 4
1:  RVMODEL_CLEAR_MSW_INT
    csrr a1, mcause
    sw a1, 4(a0)
    csrr a1, mip
    sw a1, 8(a0)
    RVMODEL_HALT
    .data
    RVMODEL_DATA_BEGIN
    .zero 16
    RVMODEL_DATA_END
"""


@pytest.fixture(scope="module")
def zig(tmp_path_factory):
    pytest.importorskip("ziglang")
    cache = str(tmp_path_factory.mktemp("zig"))
    env = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}

    def compile(source: Path, target: Path, *options: str) -> None:
        command = [
            sys.executable, "-m", "ziglang", "cc", "-target", "riscv64-freestanding-none", "-mcpu=baseline_rv64",
            "-mcmodel=medany", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--entry=rvtest_entry_point",
            *options, "-o", str(target), str(source),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr

    return compile


def test_a_program_for_riscof(tmp_path, zig):
    frameworks.write("riscof", str(tmp_path))
    work = tmp_path / "riscof_work" / "src" / "soft-01.S"
    (work / "dut").mkdir(parents=True)
    (work / "dut" / "soft.S").write_text(SOURCE)
    env = tmp_path / "rvh" / "env"
    zig(work / "dut" / "soft.S", work / "dut" / "my.elf", f"-I{env}", f"-Wl,-T,{env / 'link.ld'}")
    [test] = comply.find([tmp_path / "riscof_work"])
    assert comply.run(comply.Job(test, comply.Settings())).status == "error"
    for third, status in ((0, "pass"), (8, "fail")):
        reference(work / "ref" / "Reference-x.signature", [0x1234, 3, third, 0])
        [test] = comply.find([tmp_path / "riscof_work"])
        done = comply.run(comply.Job(test, comply.Settings()))
        assert (test.name, done.status) == ("src/soft-01.S", status), done.message
    assert done.difference.index == 2 and done.story.lines[-1].text == "sw a1, 8(a0)"
    assert "machine software interrupt" in done.story.summaries[-1]


def test_descriptions_follow_the_instruction_set(tmp_path):
    written = frameworks.write("riscof", str(tmp_path / "a"), "rv64gc_zba_svnapot")
    assert [Path(path).relative_to(tmp_path / "a").as_posix() for path in written] == [
        "config.ini", "rvh/env/link.ld", "rvh/env/model_test.h", "rvh/riscof_rvh.py", "rvh/rvh_isa.yaml",
        "rvh/rvh_platform.yaml",
    ]  # fmt: skip
    text = (tmp_path / "a" / "rvh" / "rvh_isa.yaml").read_text()
    assert "@" not in text
    isa = re.search(r"ISA: (\S+)", text)[1]
    assert re.match(r"RV64IMAFDC(SU|U)?Zic\w+_Zba\b", isa) or "Zba" in isa
    misa = int(re.search(r"reset-val: (\S+)", text)[1], 16)
    letters = isa.removeprefix("RV64").partition("Z")[0]
    assert misa == 2 << 62 | sum(1 << ord(letter) - 65 for letter in letters)
    ast.parse((tmp_path / "a" / "rvh" / "riscof_rvh.py").read_text())


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "config.ini").write_text("mine")
    with pytest.raises(UsageError, match="config.ini exists already"):
        frameworks.write("riscof", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["config.ini"]
    with pytest.raises(InputError):
        frameworks.write("riscof", str(tmp_path / "config.ini" / "x"))
    with pytest.raises(UsageError, match="--isa"):
        frameworks.write("riscof", str(tmp_path / "y"), "rv128")
