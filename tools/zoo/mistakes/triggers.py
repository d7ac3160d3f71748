"""Mistakes in debug triggers (Sdtrig)."""

from .mistake import Mistake

TRIGGERS = [
    Mistake(
        "a breakpoint in M-mode may interrupt its own handler",
        "triggers",
        "return h.mstatus & MSTATUS_MIE != 0",
        "h.mstatus & MSTATUS_MIE",
        "1",
        "none_in_m_mode_without_mie",
    ),
    Mistake(
        "a chain fires when its last trigger matches",
        "triggers",
        "all_ = all_ and matched and",
        "all_ and matched",
        "matched",
        "a_range_by_a_chain",
    ),
    Mistake(
        "only the lowest address of an access counts",
        "triggers",
        "if trigger_compare(tdata1, tdata2, va + i):",
        "va + i",
        "va",
        "every_byte_of_an_access_counts",
    ),
    Mistake(
        "icount does not count traps",
        "run",
        "if unlikely(armed & ARMED_ICOUNT):",
        "armed & ARMED_ICOUNT",
        "0",
        "counts_an_interrupt",
    ),
    Mistake(
        "icount fires one instruction early",
        "triggers",
        "h.tdata1[i] = t if t & ICOUNT_COUNT else t | ICOUNT_PENDING",
        "t & ICOUNT_COUNT",
        "t >> 11 & 0x1FFF",
        "fires_after_as_many",
    ),
]
