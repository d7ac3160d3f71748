"""virtio-rng: an answer has bytes in it, however late the machine's own source is."""

from __future__ import annotations

import pytest
from test_balloon import GIVEN, RINGS, request, rings_of, setup
from test_memory import IMAGES, MIB, SLEEP, STEP, Session, program

from rvh.devices.virtio.rng import VirtioRng

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

SLOT_RNG = 0x10004000


class LateRng(VirtioRng):
    """A source that does nothing until the test lets it."""

    def notify(self, index: int) -> None:
        pass

    def finish(self) -> None:
        assert self.transport is not None
        self.transport.guard(lambda: VirtioRng.notify(self, 0))


def test_a_late_source(tmp_path):
    used = rings_of(SLOT_RNG, 0) + 0x200
    text = setup(SLOT_RNG, 0) + request(SLOT_RNG, 0, [(GIVEN, 16, True)])
    text += f"    li s1, 1\n    li t0, {used}\n    lw t1, 8(t0)\n    beqz t1, say\n    li s1, 0\n    j say\n"
    source = LateRng()
    assert used < RINGS + MIB
    run = Session({"v": (program(tmp_path, "v", text + SLEEP), 32 * MIB)}, disks=[source])
    assert run.go(10 * STEP) == "limit" and "done" not in run.text
    source.finish()
    assert run.go(3 * STEP) == "pass" and "[v] done" in run.text, run.text
