"""The measures of the hypervisor in tools/bench.py, a few times each on rvh: the guests still do what is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from images import ENV, ROOT, tail
from test_qemu import FIRMWARE

#: Bounds on the instructions of one time, a quarter and four times what was measured: a case that measures
#: nothing, or something else, is outside.
EXITS = {
    "sbi": 386, "set-timer": 421, "wfi": 426, "plic-load": 756, "plic-store": 904, "uart-load": 840,
    "uart-store": 856, "virtio-load": 799, "virtio-store": 865, "touch": 459_252, "timer": 106,
    "timer-wfi": 1_883, "ipi": 6_180,
}  # fmt: skip
IO = {
    "read-sequential": 5_937, "write-sequential": 7_217, "read-random": 5_938, "write-random": 5_978, "net": 13_464,
}  # fmt: skip


@pytest.mark.parametrize(("option", "expected"), [("--exits", EXITS), ("--io", IO)])
def test_each_case_costs_about_what_it_did(tmp_path: Path, option, expected):
    if not any(map(os.path.isfile, FIRMWARE)):
        pytest.skip("no OpenSBI fw_dynamic.bin is installed")
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, str(ROOT / "tools" / "bench.py"), option, "--rounds", "1", "--scale", "0.01"]
    command += [
        "--rvh",
        f"{sys.executable} -m rvh.cli.run",
        "--qemu",
        "none",
        "--spike",
        "none",
        "--json",
        str(numbers),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENV, cwd=ROOT)
    assert done.returncode == 0, tail(done)
    measured = {
        row["name"]: row["machines"]["rvh"]["instructions"] for row in json.loads(numbers.read_text())[option[2:]]
    }
    assert measured.keys() == expected.keys()
    for name, count in expected.items():
        assert count / 4 < measured[name] < count * 4, (
            f"{name}: {measured[name]} instructions, measured before: {count}"
        )
