"""Where rvh and Spike may differ, with the reason. Everything else is an error of one of them."""

from __future__ import annotations

import re

#: ISA string under which Spike has what rvh has by default.
SPIKE_ISA = (
    "rv64gch_zicntr_zihpm_zba_zbb_zbc_zbs_zicond_zca_zcb_zcd_zimop_zcmop_zacas_zabha_zfa_zfbfmin_zfh_zicbom_zicbop_zicboz_zawrs_svinval_svnapot_svpbmt_svadu_sstc_sscofpmf_"
    "smstateen_smcsrind_sscsrind_smcdeleg_ssccfg_smnpm_smmpm_ssnpm_ssdbltrp_smcntrpmf_smepmp_zicclsm_zama16b_zkr_zihintpause_zbkb_zbkc_zbkx_zknd_zkne_zknh_zksed_zksh"
)

#: name -> (reason, manual section). The comparison goes on after each but those in CUTS.
KNOWN = {
    "tinst": (
        "mtinst and htinst after a guest-page fault or another access fault: Spike writes 0, rvh the transformed "
        "instruction; both are allowed.",
        'Privileged ISA, "Transformed Instruction or Pseudoinstruction for mtinst or htinst"',
    ),
    "csr-names": (
        "Spike's log also names registers that it keeps apart internally, or that follow the one written: mvip, "
        "sie, and mip with part of its bits. What the registers hold is compared when the program reads them.",
        "not architectural",
    ),
    "failed-cas": (
        "An AMOCAS whose comparison fails writes the old value back here, and nothing with Spike; both are allowed.",
        'Unprivileged ISA, "Zacas"',
    ),
    "masked-zero": (
        "Spike's log has the addresses of CBO.ZERO after pointer masking, and those of other stores before.",
        "not architectural",
    ),
    "hupmm": (
        "A write of the reserved value 1 to hstatus.HUPMM leaves the field here, and makes it 0 with Spike; both are "
        "allowed.",
        'Privileged ISA, "Pointer Masking"',
    ),
    "chain-hits": (
        "hit of a trigger that begins a chain: Spike sets it before the rest has matched, and says 'before' of an "
        "address with which loaded data fires after the instruction. The last of the chain is compared.",
        'Debug Specification, "mcontrol6"',
    ),
    "misaligned-amo": (
        "An AMO across 16 bytes, where a breakpoint has left out what aligns its address: address-misaligned here, "
        "access fault with Spike; both are allowed.",
        'Privileged ISA, "Misaligned Atomicity Granule PMA"',
    ),
    "lcofi": (
        "With VS-level interrupts pending that go to HS, too: Spike takes LCOFI first; the manual puts it last.",
        'Privileged ISA, "Hypervisor Interrupt (hvip, hip, and hie) Registers"',
    ),
    "platform": (
        "Masked, or made in part, an address of no meaning is the boot ROM's or a device's that Spike has below RAM.",
        "the platform's",
    ),
    "reservation": (
        "Spike drops reservations every 5000 instructions; an SC may fail for any reason, and one that fails "
        "anyway need not fault.",
        'Unprivileged ISA, "Load-Reserved/Store-Conditional Instructions"',
    ),
}  # fmt: skip

#: What the programs keep away from, because the comparison could not go on after it: (what, reason, section).
AVOIDED = (
    ("time, cycle, event counters, timer interrupts", "implementation-defined counts", "Zicntr, Zihpm"),
    (
        "AMOs across 16 bytes, misaligned LR and SC",
        "address-misaligned here, access fault with Spike; both allowed",
        "Zaamo, Zalrsc",
    ),
    ("stores across pages that fault in the second", "Spike has written to the first; both allowed", "Load and Store"),
    ("CBO addresses inside a block", "xtval: rs1 here, as the manual says; the block with Spike", "CMO"),
    ("FIOM of the envcfg registers", "not writable with Spike", "menvcfg"),
    ("CBIE=2, MPP=2, hgatp with an unsupported MODE", "WARL: another legal value", "menvcfg, mstatus, hgatp"),
    ("bit 0 (C) of mstateen0 and hstateen0", "writable with Spike, which has custom state", "Smstateen"),
    ("medeleg bits 0 and 18", "read-only zero with Spike", "medeleg"),
    ("SGEIE while GEILEN is 0", "writable with Spike", "hie"),
    ("LCOFI with VS-level interrupts", "Spike takes LCOFI first; the manual puts it last", "hypervisor, hideleg"),
    ("misa, mvendorid, marchid, mimpid, mhpmevent", "implementation-defined", "Machine-Level CSRs"),
    ("tinfo, mcontrol", "Spike has the deprecated type 2", "Sdtrig"),
    ("mcontrol6: size, negated matches, the last trigger chained on", "not there, or allowed, with Spike", "mcontrol6"),
    ("mcontrol6: NAPOT ranges of 2 GiB and more", "Spike counts ones in an int", "mcontrol6"),
    ("mcontrol6: the second half of an instruction", "fetched and compared by halfwords by Spike", "mcontrol6, select"),
    ("mcontrol6: bits of instructions", "compared by halfwords by Spike", "mcontrol6, select"),
    ("mcontrol6: instructions and accesses in one chain", "never fires with Spike", "mcontrol6, chain"),
    ("mcontrol6: data of both loads and stores", "Spike fires after stores, too", "Suggested Trigger Timings"),
    ("triggers on CBO", "Spike never says GVA, and sees each byte of CBO.ZERO", "Cache Operations"),
    ("triggers on SC", "Spike asks after the reservation and translation: UNSPECIFIED", "A Extension"),
    (
        "triggers on data of AMOs, or on their loads or stores alone",
        "Spike sees the stored data, and the store before the load: UNSPECIFIED",
        "A Extension",
    ),
    ("icount with interrupts", "Spike forgets what is pending when an interrupt comes", "icount"),
    (
        "triggers where a landing pad is expected",
        "Spike looks for it first: icount does not count that trap, and an address's breakpoint comes behind it",
        "Priority",
    ),
    ("GVA after icount's breakpoint", "Spike sets it with the value 0 in xtval", "mstatus, hstatus"),
    ("etrigger and itrigger on what M-mode handles", "fire with Spike in spite of MIE=0", "Native Triggers"),
    (
        "minstretcfg with etrigger",
        "Spike takes the wrong mode for what retired before two traps at once",
        "Smcntrpmf",
    ),
    ("itrigger on interrupts that VS handles", "Spike takes the hypervisor's numbers", "itrigger"),
    ("ASID conditions of etrigger and itrigger", "Spike asks satp of the handler's mode", "textra"),
    ("mcontext above the 13 bits of mhvalue", "Spike compares 14 bits with mhselect 4", "textra"),
    ("CONTEXT of mstateen0 and hstateen0", "not there with Spike", "Smstateen"),
    ("what is mapped below RAM", "the platform's", ""),
    (
        "DTE of henvcfg that changes while vsstatus.SDT is set",
        "Spike keeps SDT, hidden, and SIE clear",
        "henvcfg, vsstatus",
    ),
    ("mncause", "read-only with Spike, which has no RNMIs", "Smrnmi"),
    ("MNRET with SDT set", "Spike leaves SDT", "Smrnmi, Ssdbltrp"),
    ("CSRIND=0 in mstateen0", "VU-mode's use of sireg is illegal here, virtual with Spike", "Sscsrind"),
    ("values of sireg, but for instret", "implementation-defined counts", "Smcdeleg"),
    (
        "seed; mireg*, sireg6, scountinhibit; writes of sireg and sireg2",
        "compared case by case: access.py, with access_differences.py",
        "Zkr, Smcsrind, Smcdeleg",
    ),
    ("writes of mseccfg beside PMM", "the program's own footing", "mseccfg"),
)

_CSR = re.compile(rb" c(\d+)_(\w+) 0x([0-9a-f]{16})")
_LINE = re.compile(rb"(core.*\) )x\d+ +0x([0-9a-f]{16})$")
_TINST = (0x34A, 0x64A)
_PC = re.compile(rb"core +\d+: \d 0x([0-9a-f]{16})")
_MEM = re.compile(rb" mem 0x([0-9a-f]{16})")
_HITS = 1 << 22 | 1 << 25
_HSTATUS, _HUPMM = re.compile(rb" c1536_hstatus 0x([0-9a-f]{16})"), 3 << 48
#: Names after which the two are in different states for good.
CUTS = ("reservation", "platform", "hupmm", "misaligned-amo", "lcofi")
#: Where RAM begins; PMLEN leaves at least these bits of an address.
_RAM, _UNMASKED = 0x8000_0000, (1 << 48) - 1


def word_of(line: bytes) -> int:
    """The instruction of a log line, 0 if it has none."""
    m = re.search(rb"\(0x([0-9a-f]+)\)", line)
    return int(m[1], 16) if m else 0


def explain(mine: bytes, theirs: bytes) -> str | None:
    """The name in KNOWN of the difference between two lines of the log, or None."""
    word = word_of(mine)
    other = word_of(theirs)
    if other & 0xF800607F == 0x1800202F and re.search(rb" x\d+ +0x0000000000000001$", theirs):
        return "reservation"
    if (m := _MEM.search(theirs)) and not _MEM.search(mine) and int(m[1], 16) & _UNMASKED < _RAM:
        return "platform"
    if (m := _PC.match(theirs)) and int(m[1], 16) < _RAM:
        return "platform"
    if other != word:
        return None
    if word & 0xFFF07FFF == 0x0040200F and len(mine) == len(theirs):
        a, b = ([int(n, 16) & _UNMASKED for n in _MEM.findall(line)] for line in (mine, theirs))
        if a == b:
            return "masked-zero"
    if word & 0xF800007F == 0x2800002F and mine.startswith(theirs) and mine.count(b" mem ") == 2:
        return "failed-cas"
    if word & 0x707F == 0x2073 and word >> 20 in _TINST:
        a, b = _LINE.search(mine), _LINE.search(theirs)
        if a and b and a[1] == b[1] and int(b[2], 16) == 0:
            return "tinst"
    if word & 0xF800607F == 0x1800202F and b"mem" in mine and b"mem" not in theirs:
        return "reservation"
    if word & 0xFFFF_F07F == 0x7A10_2073:  # csrr rd, tdata1
        a, b = _LINE.search(mine), _LINE.search(theirs)
        if a and b and a[1] == b[1]:
            x, y = int(a[2], 16), int(b[2], 16)
            if (x ^ y) & ~_HITS == 0 and x >> 60 == 6 and x >> 11 & 1:
                return "chain-hits"
    if word in (0x1420_2E73, 0x3420_2E73):  # csrr x28, scause and mcause
        a, b = _LINE.search(mine), _LINE.search(theirs)
        if a and b and a[1] == b[1] and int(a[2], 16) == 6 and int(b[2], 16) == 7:
            return "misaligned-amo"
        if a and b and int(a[2], 16) ^ 1 << 63 in (2, 6, 10) and int(b[2], 16) == 1 << 63 | 13:
            return "lcofi"
    if (a := _HSTATUS.search(mine)) and (b := _HSTATUS.search(theirs)) and word >> 20 == 0x600:
        if (int(a[1], 16) ^ int(b[1], 16)) & ~_HUPMM == 0 and not int(b[1], 16) & _HUPMM:
            return "hupmm"
    if _CSR.sub(b"", mine) == _CSR.sub(b"", theirs):
        a = {name: value for _, name, value in _CSR.findall(mine)}
        b = {name: value for _, name, value in _CSR.findall(theirs)}
        if all(a[name] == b.get(name) for name in a if name != b"mip"):
            return "csr-names"
    return None
