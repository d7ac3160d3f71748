"""Other people's test suites on rvh: find the built ELFs, run each, judge it, and report.

`suite` finds tests and their reference signatures, `execute` runs and judges one, `postmortem` tells how a failure came
about, `pool` runs many at a time, `expect` knows which may fail, `junit` and `page` write reports, `frameworks` writes
what RISCOF and ACT4 want to know of rvh. The command is `rvh-comply` (docs/compliance.md).
"""

from .execute import Job, Outcome, Settings, run
from .suite import Test, find

__all__ = ["Job", "Outcome", "Settings", "Test", "find", "run"]
