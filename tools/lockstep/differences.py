"""Where rvh and Spike may differ, with the reason. Everything else is an error of one of them."""

from __future__ import annotations

import re

#: ISA string under which Spike has what rvh has by default.
SPIKE_ISA = (
    "rv64gch_zicntr_zihpm_zba_zbb_zbc_zbs_zicond_zca_zcb_zcd_zimop_zcmop_zacas_zabha_zfa_zfbfmin_zfh_zicbom_zicbop_zicboz_zawrs_svinval_svnapot_svpbmt_svadu_sstc_sscofpmf_"
    "smstateen_zicclsm_zihintpause_zbkb_zbkc_zbkx_zknd_zkne_zknh_zksed_zksh"
)

#: name -> (reason, manual section). The comparison goes on after each but the last.
KNOWN = {
    "tinst": (
        "mtinst and htinst after a guest-page fault or another access fault: Spike writes 0, rvh the transformed "
        "instruction; both are allowed.",
        'Privileged ISA, "Transformed Instruction or Pseudoinstruction for mtinst or htinst"',
    ),
    "csr-names": (
        "Spike's log also names registers it keeps apart internally: mvip beside mip, sie beside mie.",
        "not architectural",
    ),
    "reservation": (
        "Spike drops reservations every 5000 instructions; an SC may fail for any reason.",
        'Unprivileged ISA, "Load-Reserved/Store-Conditional Instructions"',
    ),
}  # fmt: skip

_CSR = re.compile(rb" c(\d+)_(\w+) 0x([0-9a-f]{16})")
_LINE = re.compile(rb"(core.*\) )x\d+ +0x([0-9a-f]{16})$")
_INTERNAL = {b"mvip", b"sie"}
_TINST = (0x34A, 0x64A)


def word_of(line: bytes) -> int:
    """The instruction of a log line, 0 if it has none."""
    m = re.search(rb"\(0x([0-9a-f]+)\)", line)
    return int(m[1], 16) if m else 0


def explain(mine: bytes, theirs: bytes) -> str | None:
    """The name in KNOWN of the difference between two lines of the log, or None."""
    word = word_of(mine)
    if word_of(theirs) != word:
        return None
    if word & 0x707F == 0x2073 and word >> 20 in _TINST:
        a, b = _LINE.search(mine), _LINE.search(theirs)
        if a and b and a[1] == b[1] and int(b[2], 16) == 0:
            return "tinst"
    if word & 0xF800707F in (0x1800202F, 0x1800302F) and b" x" in theirs and b"0000001" in theirs and b"mem" in mine:
        return "reservation"
    if _CSR.sub(b"", mine) == _CSR.sub(b"", theirs):
        a = {name: value for _, name, value in _CSR.findall(mine)}
        b = {name: value for _, name, value in _CSR.findall(theirs)}
        extra = {name for name in b if name not in a}
        if extra <= _INTERNAL and all(a[name] == b.get(name) for name in a):
            return "csr-names"
    return None
