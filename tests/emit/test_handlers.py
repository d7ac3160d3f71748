"""What the compiler made of the handlers: everything hangs on their ending in jumps."""

import platform
import re
import shutil
import subprocess

import pytest

from rvh import _fast
from rvh.emit.c_handlers import variants
from rvh.emit.fusion import fused_names

HOT = ["add", "addi", "addi_li", "ld", "lw", "lbu", "sd", "sw", "beq", "bne_z", "bltu", "jal", "jal_j", "jalr",
       "jalr_ret", "slli", "amoadd_w", "sc_d"]  # fmt: skip
OBJDUMP = shutil.which("objdump")

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or OBJDUMP is None, reason="needs objdump and an x86-64 host"
)


@pytest.fixture(scope="module")
def functions() -> dict[str, list[str]]:
    """The instructions of every generated handler in the core, by its name. The cold part gcc splits off is apart."""
    command = [OBJDUMP, "-d", "--no-show-raw-insn", _fast.__file__]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for m in re.finditer(r"^[0-9a-f]+ <([\w.]+)>:\n((?:.+\n)*)", text, re.M):
        found[m[1]] = [line.partition("\t")[2].strip() for line in m[2].splitlines()]
    return found


def names() -> list[str]:
    return [*variants(), *fused_names()]


def test_all_are_there(functions):
    assert set(names()) <= set(functions)


def test_no_handler_returns(functions):
    """A handler that ended in a call and a return would grow the host's stack with every guest instruction."""
    for name in names():
        for part in (name, f"{name}.cold"):
            returning = [i for i in functions.get(part, ()) if i.startswith("ret")]
            assert not returning, part


def test_hot_handlers_call_and_save_nothing(functions):
    for name in HOT:
        heavy = [i for i in functions[f"h_{name}"] if re.match(r"call|push|pop|sub .*,%rsp", i)]
        assert not heavy, (name, heavy)


def test_fused_integer_handlers_call_nothing(functions):
    for name in fused_names():
        if "_d" not in name:
            assert not [i for i in functions[name] if i.startswith("call")], name
