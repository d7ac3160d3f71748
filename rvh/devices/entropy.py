"""The entropy source behind the seed CSR (Zkr; unprivileged manual, "Entropy Source").

Deterministic unless told otherwise, as the whole machine is; with the host's stream it is a virtual source of full
strength ("Virtual Sources: Security Requirement").
"""

from __future__ import annotations

import hashlib
import os

__all__ = ["BIST", "DEAD", "ES16", "WAIT", "EntropySource"]

#: What the field OPST says.
BIST, WAIT, ES16, DEAD = range(4)
_BLOCK = 32


class EntropySource:
    """``seed`` names the stream of entropy; None takes it from the host.

    A machine's source always has entropy at hand. What one of metal goes through besides can be brought about:
    :meth:`alarm`, :meth:`starve`, :meth:`fail`.
    """

    def __init__(self, seed: int | None = 0):
        self.seed = seed
        self._block = 0  # number of the next block of the stream
        self._left = b""  # of the present one
        self._alarm = False
        self._waits = 0
        self._dead = False

    def poll(self) -> int:
        """The value of a read of seed: OPST, and 16 bits of entropy that are given out once when it is ES16, else 0."""
        if not self._dead and self._alarm:
            self._alarm = False
            return BIST << 30
        if not self._dead and self._waits:
            self._waits -= 1
            return WAIT << 30
        word = b"" if self._dead else self._take()
        return ES16 << 30 | int.from_bytes(word, "little") if word else DEAD << 30

    def _take(self) -> bytes:
        if not self._left:
            if self.seed is None:
                try:
                    self._left = os.urandom(_BLOCK)
                except (OSError, NotImplementedError):
                    self._dead = True  # "it should fail (DEAD) if the host DRBG or entropy source fails"
                    return b""
            else:
                self._left = hashlib.sha256(f"rvh-seed {self.seed} {self._block}".encode()).digest()
                self._block += 1
        word, self._left = self._left[:2], self._left[2:]
        return word

    def alarm(self) -> None:
        """A self-test has failed, not fatally: the next poll says BIST, however late it comes."""
        self._alarm = True

    def starve(self, polls: int) -> None:
        """The next ``polls`` polls say WAIT."""
        self._waits = polls

    def fail(self) -> None:
        """An unrecoverable error: from now on DEAD."""
        self._dead = True

    def state(self) -> tuple[int, bytes, bool, int, bool]:
        """All of it, for the machine's digest."""
        return self._block, self._left, self._alarm, self._waits, self._dead
