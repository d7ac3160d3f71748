"""The bits of CSRs that tests write and read back, on a hart that has every extension."""

from rig import ALL

UXL = 2 << 32
SD = 1 << 63
COUNTERS = 0xFFFF_FFFF
#: mstatus.SDT is there only while menvcfg.DTE is set.
STATUS_S = 1 << 1 | 1 << 5 | 1 << 8 | 3 << 13 | 1 << 18 | 1 << 19
MSTATUS = STATUS_S | 1 << 3 | 1 << 7 | 3 << 11 | 1 << 17 | 0x7 << 20 | 3 << 38
#: PMM=1 is reserved, so that ALL leaves 3.
PMM = 3 << 32
ENVCFG = 0xF1 | PMM | 1 << 59 | 7 << 61
CDE = 1 << 60
EPC = ALL & ~1
TVEC = ALL & ~2
SATP = 8 << 60 | 0xFFFF << 44 | (1 << 44) - 1
