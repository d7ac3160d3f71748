"""The virtio balloon: what a guest gives up serves others, and is empty and its own again when it takes it back."""

from __future__ import annotations

import pytest
from test_memory import CHUNK, GREEDY, IMAGES, LOADED, MIB, SLEEP, STEP, Session, program, touching

pytestmark = pytest.mark.skipif(not (IMAGES / "balloon.elf").exists(), reason="firmware and guests are not built")

BALLOON = str(IMAGES / "balloon.elf")


class Balloon(Session):
    """VM `b` has 32 MiB and a balloon, others what they need."""

    def __init__(self, others=None, balloon: int | None = 0, append: str | None = None, **options):
        super().__init__(
            {"b": (BALLOON, 32 * MIB), **(others or {})},
            settings={"b": {"balloon": balloon, "append": append}},
            **options,
        )

    def pages(self) -> str:
        """What the guest has said last."""
        return [line for line in self.text.splitlines() if "pages in the balloon" in line][-1]

    def ballooned(self) -> int:
        return self._stat("b", r"balloon (\d+) KiB")


@pytest.mark.parametrize("harts", [1, 2])
def test_what_is_given_up_comes_back_empty(harts):
    run = Balloon(harts=harts)
    run.go(3 * STEP)
    assert run.pages() == "[b] 0 pages in the balloon, 0 wrong"
    full = run.resident("b")
    for size, pages in ((8 * MIB, 2048), (4 * MIB, 1024), (16 * MIB, 4096), (0, 0)):
        run.ask(f"balloon b {size >> 20}M")
        run.go(3 * STEP)
        assert run.pages() == f"[b] {pages} pages in the balloon, 0 wrong"
        assert run.ballooned() == size
        assert run.resident("b") == full - size
