"""What is written for RISCOF and ACT4: complete, and programs built with it run and end as they should."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from suites import reference

from rvh import comply
from rvh.comply import frameworks
from rvh.errors import InputError, UsageError
from rvh.isa import extensions
from tools.lockstep.sail import configuration

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


#: Prints, takes each interrupt that the macros raise, and fails if one does not come or does not go.
ACT4 = """
#include "rvmodel_macros.h"
#define LI(_R, _V) li _R, _V
    .section .text.init
    .global rvtest_entry_point
rvtest_entry_point:
    la sp, __stack_top
    RVMODEL_IO_INIT(t0, t1, t2)
    la a0, text
    RVMODEL_IO_WRITE_STR(t0, t1, t2, a0)
    la t0, handler
    csrw mtvec, t0
    li s0, 0                                # interrupts taken
    li t0, 0xaaa
    csrw mie, t0
    csrsi mstatus, 8
    RVMODEL_SET_MSW_INT(t0, t1)
    nop
    li a0, RVMODEL_MTIMECMP_ADDRESS
    li a1, RVMODEL_MTIME_ADDRESS
    ld a2, 0(a1)
    addi a2, a2, RVMODEL_TIMER_INT_SOON_DELAY
    sd a2, 0(a0)
    li s1, 1
    bne s0, s1, bad                         # not yet
    RVTEST_IDLE_FOR_TIMER_INTERRUPT(t0)
    RVMODEL_SET_MEXT_INT(t0, t1)
    nop
    RVMODEL_SET_SEXT_INT(t0, t1)
    nop
    RVMODEL_SET_SSW_INT(t0, t1)
    nop
    li s1, 5
    bne s0, s1, bad
    csrr t0, mip
    bnez t0, bad
    RVMODEL_HALT_PASS
bad:
    RVMODEL_HALT_FAIL
    .balign 4
handler:
    addi s0, s0, 1
    csrr t2, mcause
    slli t2, t2, 1
    srli t2, t2, 1
    li t3, 3; beq t2, t3, msw
    li t3, 7; beq t2, t3, mtimer
    li t3, 11; beq t2, t3, mext
    li t3, 9; beq t2, t3, sext
    RVMODEL_CLR_SSW_INT(t4, t5)
    mret
msw:
    RVMODEL_CLR_MSW_INT(t4, t5)
    mret
mtimer:
    li t4, RVMODEL_MTIMECMP_ADDRESS
    li t5, -1
    sd t5, 0(t4)
    mret
mext:
    RVMODEL_CLR_MEXT_INT(t4, t5)
    mret
sext:
    RVMODEL_CLR_SEXT_INT(t4, t5)
    mret
    .section .rodata
text: .asciz "RVCP: hello\n"
    RVMODEL_DATA_SECTION
"""


def test_a_program_for_act4(tmp_path, zig):
    frameworks.write("act4", str(tmp_path))
    folder = tmp_path / "rvh"
    for name, source, status in (("good", ACT4, "pass"), ("bad", ACT4.replace("li s1, 5", "li s1, 4"), "fail")):
        (tmp_path / f"{name}.S").write_text(source)
        elf = tmp_path / "elfs" / f"{name}.elf"
        elf.parent.mkdir(exist_ok=True)
        zig(tmp_path / f"{name}.S", elf, f"-I{folder}", f"-Wl,-T,{folder / 'link.ld'}")
        [test] = comply.find([elf])
        done = comply.run(comply.Job(test, comply.Settings(limit=1_000_000)))
        assert (done.status, done.console) == (status, "RVCP: hello\n")
    assert done.message == "test 1 failed"


def test_the_configuration_for_act4(tmp_path):
    yaml = pytest.importorskip("yaml")
    frameworks.write("act4", str(tmp_path / "h"))
    frameworks.write("act4", str(tmp_path / "m"), "rv64imc_zicsr")
    config = yaml.safe_load((tmp_path / "h" / "rvh" / "test_config.yaml").read_text())
    assert all(
        (tmp_path / "h" / "rvh" / config[key]).exists() for key in ("udb_config", "linker_script", "dut_include_dir")
    )
    full, small = (yaml.safe_load((tmp_path / name / "rvh" / "rvh.yaml").read_text()) for name in "hm")
    names = {row["name"] for row in full["implemented_extensions"]}
    assert {
        "I",
        "M",
        "A",
        "F",
        "D",
        "C",
        "B",
        "H",
        "S",
        "U",
        "Sm",
        "Sv57",
        "Zaamo",
        "Zicntr",
        "Svinval",
        "Sha",
    } <= names
    assert {row["name"] for row in small["implemented_extensions"]} >= {"I", "M", "C", "Sm", "Zmmul"}
    assert full["params"]["VMID_WIDTH"] == 14 and len(full["params"]["HCOUNTENABLE_EN"]) == 32
    for name in ("VMID_WIDTH", "MUTABLE_MISA_H", "HCOUNTENABLE_EN", "SXLEN", "MSTATUS_FS_LEGAL_VALUES"):
        assert name not in small["params"]
    assert full["params"]["TINST_VALUE_ON_LOAD_PAGE_FAULT"] == "always transformed standard instruction"
    for name in "hm":
        assert "@" not in (tmp_path / name / "rvh" / "rvh.yaml").read_text()
    # UDB knows a parameter only where what defines it is there, and misses it otherwise
    assert {"ARCH_ID_VALUE", "IMP_ID_VALUE"}.isdisjoint(full["params"]) and not full["params"]["MARCHID_IMPLEMENTED"]
    assert full["params"]["MSTATUS_VS_LEGAL_VALUES"] == [0] and "VLEN" not in full["params"]
    assert {"HSTATEEN_CSRIND_TYPE", "MSTATEEN_CSRIND_TYPE"} <= full["params"].keys()
    assert "MUTABLE_MISA_B" in full["params"]
    absent = """MSTATUS_VS_LEGAL_VALUES MSTATEEN_CSRIND_TYPE MUTABLE_MISA_A MUTABLE_MISA_B MISALIGNED_AMO
        LRSC_FAIL_ON_VA_SYNONYM REPORT_VA_IN_MTVAL_ON_LOAD_PAGE_FAULT MCOUNTENABLE_EN""".split()
    assert not set(absent) & set(small["params"])


def test_the_configuration_for_act4_has_vectors_and_software_checks(tmp_path):
    yaml = pytest.importorskip("yaml")

    def config(isa: str) -> dict:
        frameworks.write("act4", str(tmp_path / isa), isa)
        return yaml.safe_load((tmp_path / isa / "rvh" / "rvh.yaml").read_text())

    whole = config("max_v_zvl512b_zicfilp_sdtrig")
    params = whole["params"]
    assert (params["VLEN"], params["ELEN"], params["MUTABLE_MISA_V"]) == (512, 64, False)
    assert params["MSTATUS_VS_LEGAL_VALUES"] == [0, 1, 2, 3] and params["VSSTATUS_VS_EXISTS"]
    assert params["REPORT_CAUSE_IN_VSTVAL_ON_LANDING_PAD_SOFTWARE_CHECK"]
    assert "REPORT_CAUSE_IN_MTVAL_ON_SHADOW_STACK_SOFTWARE_CHECK" not in params
    assert "Sdtrig" not in {row["name"] for row in whole["implemented_extensions"]}
    sail = whole["sail_overrides"]
    assert [sail[f"extensions.V.{key}"] for key in ("support_level", "vlen_exp", "elen_exp")] == ["Full", 9, 6]
    assert sail["memory.misaligned.exceptions.amo"] == {"None": None} and sail["base.writable_misa"] is False
    part = config("rv64imac_zicsr_zve32x_zba")
    params, sail = part["params"], part["sail_overrides"]
    assert [sail[f"extensions.V.{key}"] for key in ("support_level", "vlen_exp", "elen_exp")] == ["Integer", 5, 5]
    assert sail["memory.misaligned.exceptions.amo"] == {"Some": "AlignmentException"}
    assert sail["base.mstatus.fs_legal_states"] == "ExtContext_Off" and "extensions.H.geilen" not in sail
    assert config("rv64gc")["sail_overrides"]["extensions.V.support_level"] == "Disabled"
    assert (params["VLEN"], params["ELEN"], params["VECTOR_LS_INDEX_MAX_EEW"]) == (32, 32, "32")
    assert {"MUTABLE_MISA_V", "VSSTATUS_VS_EXISTS", "MUTABLE_MISA_B"}.isdisjoint(params)


@pytest.mark.parametrize("isa", ["default", "max_v_zvfh_zvbb_zvbc_zicfilp_zicfiss", "rv64gc", "rv64imc_zicsr"])
def test_udb_accepts_the_configuration(tmp_path, isa):
    udb = shutil.which("udb")
    if udb is None:
        pytest.skip("the program udb, which ACT4 asks, is not on the PATH")
    frameworks.write("act4", str(tmp_path), isa)
    config = tmp_path / "rvh" / "rvh.yaml"
    done = subprocess.run([udb, "validate", "cfg", str(config)], capture_output=True, text=True, timeout=900)
    said = done.stdout + done.stderr
    if "'STVEC_MODES'" in said or "of Sv39 extension is not defined" in said:
        pytest.skip("this udb is older than the names that ACT4 uses")
    assert done.returncode == 0, said[-3000:]


@pytest.mark.parametrize("isa", ["default", "max_v_zvl512b", "rv64gc", "rv64imac_zicsr_zve32x", "rv64imc_zicsr"])
def test_the_sail_model_accepts_what_it_is_told(tmp_path, isa):
    sail = shutil.which("sail_riscv_sim")
    if sail is None:
        pytest.skip("sail_riscv_sim is not on the PATH")

    def run(option: str) -> str:
        command = [sail, "--config", str(tmp_path / "sail.json"), option]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (tmp_path / "sail.json").write_text(json.dumps(configuration(sail, isa)))
    run("--validate-config")
    names, spelt = extensions.parse(isa), run("--print-isa-string")
    assert ("v" in spelt.partition("_")[0][4:]) == ("V" in names) and ("_zve32x" in spelt) == ("Zve32x" in names)


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
