"""Who may do what: the one table of privileged instructions and CSRs against modes and the controls that gate them.

A *subject* is an instruction (or a group of them with the same rule) or a CSR. Its rules are tried in order; the first
that applies denies the subject with illegal instruction (cause 2) or virtual instruction (cause 22), and says why. No
rule applies: allowed. The same rules are rendered to C by ``rvh.emit.csr_tables`` and evaluated here by
:func:`decide`, so that what runs and what explains cannot differ.

The principle ("Virtual Instruction Exception", hypervisor chapter): with V=1, what HS-mode could do, but privilege or a
control of HS or VS level forbids, is a virtual instruction; what M-level state forbids, or what no mode below M could
do, is illegal. Hence the order within a subject: M-level controls, privilege, then HS- and VS-level controls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from . import csrs
from .csrs import BY_NAME, BY_NUMBER, Csr

ILLEGAL, VIRTUAL = 2, 22

#: Modes by name with their index ``v << 2 | nominal privilege``. "U" is U-mode with V=0.
MODES: dict[str, int] = {"U": 0, "HS": 1, "M": 3, "VU": 4, "VS": 5}
BELOW_M = ("HS", "U", "VS", "VU")
GUEST = ("VS", "VU")

_VI = "Virtual Instruction Exception"
_MSTATUS = "Virtualization Support in mstatus Register"
_HSTATUS = "Hypervisor Status (hstatus) Register"
_STATEEN = "Smstateen/Ssstateen Extensions"
_ENVCFG = "Machine Environment Configuration (menvcfg) Register"
_SSTC = "Sstc Extension for Supervisor-mode Timer Interrupts"
_CMO = "Cache-Block Management Operations"
_COUNTEREN = "Machine Counter-Enable (mcounteren) Register"
_SSP = "Shadow Stack Pointer (ssp) CSR access control"
_SSAMOSWAP = "Atomic Swap from a Shadow Stack Location"
_CSR = "CSR Address Mapping Conventions"


class Zero(NamedTuple):
    """The condition that a CSR field, ``"mstatus.TVM"``, is 0; :attr:`clear` false: that it is not 0."""

    field: str
    clear: bool = True

    @property
    def csr(self) -> Csr:
        return BY_NAME[self.field.split(".")[0]]

    @property
    def bits(self) -> csrs.Bits:
        return self.csr.fields[self.field.split(".")[1]]

    def holds(self, read: Callable[[str], int], extensions: frozenset[str] = frozenset()) -> bool:
        """Whether it holds when ``read(name)`` gives the values of CSRs."""
        return bool(read(self.csr.name) & csrs.mask_of(self.bits)) != self.clear


class Within(NamedTuple):
    """The condition that a CSR holds one of the values from low to high; :attr:`inside` false: that it does not."""

    name: str
    low: int
    high: int
    inside: bool = True

    def holds(self, read: Callable[[str], int], extensions: frozenset[str] = frozenset()) -> bool:
        return (self.low <= read(self.name) <= self.high) == self.inside


class Undelegated(NamedTuple):
    """The condition that the counter whose number the low 5 bits of a CSR give is not in mcounteren."""

    name: str

    def holds(self, read: Callable[[str], int], extensions: frozenset[str] = frozenset()) -> bool:
        return not read("mcounteren") >> (read(self.name) & 31) & 1


class Lacking(NamedTuple):
    """The condition that a CSR holds one of the values from low to high and the hart lacks an extension."""

    where: Within
    extension: str

    def holds(self, read: Callable[[str], int], extensions: frozenset[str] = frozenset()) -> bool:
        return self.where.holds(read) and self.extension not in extensions


Condition = Zero | Within | Undelegated | Lacking


def zero(name: str) -> Zero:
    return Zero(name)


def set_(name: str) -> Zero:
    return Zero(name, clear=False)


class Reason(NamedTuple):
    """Why an instruction was refused: exception code, a sentence ({name} is the instruction or CSR), manual section."""

    cause: int
    text: str
    manual: str


@dataclass(frozen=True)
class Rule:
    """In ``modes``, when ``when`` holds (None: always), the subject is denied for ``reason``."""

    modes: tuple[str, ...]
    when: Condition | None
    reason: Reason


def _modes(modes: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(modes.split()) if isinstance(modes, str) else modes


def illegal(modes: str | tuple[str, ...], when: Condition | None, text: str, manual: str) -> Rule:
    return Rule(_modes(modes), when, Reason(ILLEGAL, text, manual))


def virtual(modes: str | tuple[str, ...], when: Condition | None, text: str, manual: str) -> Rule:
    return Rule(_modes(modes), when, Reason(VIRTUAL, text, manual))


def denied(modes: str | tuple[str, ...], field: str, text: str, manual: str, cause: int = ILLEGAL) -> Rule:
    """Denied while a control field is 0."""
    return Rule(_modes(modes), zero(field), Reason(cause, f"{field}=0: {text}", manual))


# -- reasons that belong to no mode
ENCODING = Reason(ILLEGAL, "no instruction of this hart has this encoding", "Machine Cause (mcause) Register")
ABSENT_CSR = Reason(ILLEGAL, "this hart has no CSR of that number", _CSR)
READ_ONLY = Reason(ILLEGAL, "{name} is read-only", _CSR)
POLLED = Reason(ILLEGAL, "{name} may not be read without a write", "Entropy Source, The seed CSR")
RESERVED_RM = Reason(ILLEGAL, "the rounding mode is reserved", "Floating-Point Control and Status Register")

# -- instructions
_FP = [
    illegal("M HS U VS VU", zero("mstatus.FS"), "mstatus.FS=0: the floating-point unit is off",
            "Extension Context Status in mstatus Register"),
    illegal(GUEST, zero("vsstatus.FS"), "vsstatus.FS=0: the floating-point unit is off for this guest",
            "Virtual Supervisor Status (vsstatus) Register"),
]  # fmt: skip

_VECTOR = [
    illegal("M HS U VS VU", zero("mstatus.VS"), "mstatus.VS=0: the vector unit is off",
            "Extension Context Status in mstatus Register"),
    illegal(GUEST, zero("vsstatus.VS"), "vsstatus.VS=0: the vector unit is off for this guest",
            "Virtual Supervisor Status (vsstatus) Register"),
]  # fmt: skip

_TO_HYPERVISOR = [
    illegal("U", None, "U-mode may not execute {name}", "Hypervisor Instructions"),
    virtual(GUEST, None, "a guest may not execute {name}", _VI),
]


def _cbo(field: str, what: str) -> list[Rule]:
    return [
        denied(BELOW_M, f"menvcfg.{field}", f"{what} is disabled below M-mode", _ENVCFG),
        denied("U", f"senvcfg.{field}", f"{what} is disabled in U-mode", _CMO),
        denied(GUEST, f"henvcfg.{field}", f"{what} is disabled for guests", _CMO, VIRTUAL),
        denied("VU", f"senvcfg.{field}", f"{what} is disabled in VU-mode", _CMO, VIRTUAL),
    ]


def _shadow(manual: str) -> tuple[list[Rule], list[Rule]]:
    """What SSE must allow where."""
    return [denied(BELOW_M, "menvcfg.SSE", "shadow stacks are disabled below M-mode", manual)], [
        denied("U", "senvcfg.SSE", "shadow stacks are disabled in U-mode", manual),
        denied(GUEST, "henvcfg.SSE", "shadow stacks are disabled for guests", manual, VIRTUAL),
        denied("VU", "senvcfg.SSE", "shadow stacks are disabled in VU-mode", manual, VIRTUAL),
    ]


INSTRUCTIONS: dict[str, list[Rule]] = {
    "mnret": [illegal(BELOW_M, None, "only M-mode may execute MNRET", "MNRET Instruction")],
    "mret": [illegal(BELOW_M, None, "only M-mode may execute MRET", "Trap-Return Instructions")],
    "sret": [
        illegal("U", None, "U-mode may not execute SRET", "Trap-Return Instructions"),
        illegal(
            "HS",
            set_("mstatus.TSR"),
            "mstatus.TSR=1 traps SRET",
            "Virtualization Support in mstatus Register",
        ),
        virtual("VS", set_("hstatus.VTSR"), "hstatus.VTSR=1 traps the guest's SRET", _HSTATUS),
        virtual("VU", None, "VU-mode may not execute SRET", _VI),
    ],
    "wfi": [
        illegal("U", None, "U-mode may not execute WFI", "Wait for Interrupt"),
        illegal("HS VS VU", set_("mstatus.TW"), "mstatus.TW=1 traps WFI", _MSTATUS),
        virtual("VS", set_("hstatus.VTW"), "hstatus.VTW=1 traps the guest's WFI", _HSTATUS),
        virtual("VU", None, "VU-mode may not execute WFI", _VI),
    ],
    # As far as the instruction would wait; WRS.STO is never refused.
    "wrs_nto": [
        illegal(BELOW_M, set_("mstatus.TW"), "mstatus.TW=1 traps WRS.NTO", "Zawrs"),
        virtual(GUEST, set_("hstatus.VTW"), "hstatus.VTW=1 traps the guest's WRS.NTO", "Zawrs"),
    ],
    "sfence_vma": [
        illegal("U", None, "U-mode may not execute SFENCE.VMA", "Supervisor Memory-Management Fence Instruction"),
        illegal("HS", set_("mstatus.TVM"), "mstatus.TVM=1 traps SFENCE.VMA", _MSTATUS),
        virtual("VS", set_("hstatus.VTVM"), "hstatus.VTVM=1 traps the guest's SFENCE.VMA", _HSTATUS),
        virtual("VU", None, "VU-mode may not execute SFENCE.VMA", _VI),
    ],
    "sfence_inval": [
        illegal("U", None, "U-mode may not execute {name}", "Svinval"),
        virtual("VU", None, "VU-mode may not execute {name}", _VI),
    ],
    "hfence_vvma": _TO_HYPERVISOR,
    "hfence_gvma": [
        *_TO_HYPERVISOR,
        illegal("HS", set_("mstatus.TVM"), "mstatus.TVM=1 traps HFENCE.GVMA", _MSTATUS),
    ],
    "hlv": [
        illegal("U", zero("hstatus.HU"), "hstatus.HU=0: U-mode may not use {name}", _HSTATUS),
        virtual(GUEST, None, "a guest may not execute {name}", _VI),
    ],
    "cbo_inval": _cbo("CBIE", "CBO.INVAL"),
    "cbo_clean": _cbo("CBCFE", "CBO.CLEAN and CBO.FLUSH"),
    "cbo_zero": _cbo("CBZE", "CBO.ZERO"),
    "ssamoswap": [rule for rules in _shadow(_SSAMOSWAP) for rule in rules],
    "fp": _FP,
    "vector": _VECTOR,
}


# -- CSRs: controls beyond the privilege in the number. M-level ones come before the check of privilege, others after.
def _counter_rules(n: int) -> tuple[list[Rule], list[Rule]]:
    bit = ("CY", "TM", "IR")[n] if n < 3 else f"HPM{n}"
    text = "{name} is not readable"
    where = "Hypervisor Counter-Enable (hcounteren) Register"
    return [
        denied(BELOW_M, f"mcounteren.{bit}", f"{text} below M-mode", _COUNTEREN),
    ], [
        denied("U", f"scounteren.{bit}", f"{text} in U-mode", "Counter-Enable (scounteren) Register"),
        denied(GUEST, f"hcounteren.{bit}", f"{text} by guests", where, VIRTUAL),
        denied("VU", f"scounteren.{bit}", f"{text} in VU-mode", where, VIRTUAL),
    ]


def _stateen_rules(n: int, bit: str, through_h: bool) -> tuple[list[Rule], list[Rule]]:
    """Gated by one bit of mstateen<n> and, where the guest may use the register at all, of hstateen<n>."""
    before = [denied(BELOW_M, f"mstateen{n}.{bit}", "{name} is not accessible below M-mode", _STATEEN)]
    after = [denied(GUEST, f"hstateen{n}.{bit}", "{name} is not accessible to guests", _STATEEN, VIRTUAL)]
    return before, after if through_h else []


_INDIRECT = "Smcsrind and Sscsrind Extensions for Indirect CSR Access"
_CDELEG = "Smcdeleg and Ssccfg Counter Delegation Extensions"
#: Select values of delegated counters: 0x40 + n.
_COUNTERS = (0x40, 0x5F)


def _indirect_rules(name: str) -> tuple[list[Rule], list[Rule]]:
    """Of the select registers and aliases of S and VS level, and of mireg*."""
    nothing = "{name} stands for no register: the value of %s is not implemented"
    below = [denied(BELOW_M, "mstateen0.CSRIND", "{name} is not accessible below M-mode", _INDIRECT)]
    if name.startswith("mireg"):
        return [], [illegal("M", None, nothing % "miselect", _INDIRECT)]
    if name == "vsiselect":
        return below, []
    if name.startswith("vsireg"):
        return below, [illegal("M HS", None, nothing % "vsiselect", _CDELEG)]
    guest = [denied("VS", "hstateen0.CSRIND", "{name} is not accessible to guests", _INDIRECT, VIRTUAL)]
    if name == "siselect":
        return below, guest
    refused = "menvcfg.CDE=0: no counters are delegated"
    after = [
        *guest,
        illegal("VS", Within("vsiselect", *_COUNTERS, inside=False), nothing % "vsiselect", _INDIRECT),
        illegal("VS", zero("menvcfg.CDE"), refused, _CDELEG),
        virtual("VS", None, "a guest may not access delegated counters", _CDELEG),
        illegal("M HS", Within("siselect", *_COUNTERS, inside=False), nothing % "siselect", _INDIRECT),
        illegal("M HS", zero("menvcfg.CDE"), refused, _CDELEG),
    ]
    if name not in ("sireg", "sireg2"):
        return below, [*after, illegal("M HS", None, "{name} stands for no part of a counter", _CDELEG)]
    after.append(illegal("M HS", Within("siselect", 0x41, 0x41), "time is no counter to delegate", _CDELEG))
    text = "mcounteren does not delegate the counter that siselect chooses"
    after.append(illegal("M HS", Undelegated("siselect"), text, _CDELEG))
    if name == "sireg2":
        fixed = Lacking(Within("siselect", 0x40, 0x42), "Smcntrpmf")
        after.append(illegal("M HS", fixed, "cycle and instret have no configuration without Smcntrpmf", _CDELEG))
    return below, after


def _controls(row: Csr) -> tuple[list[Rule], list[Rule]]:
    name, number = row.name, row.number
    if 0xC00 <= number < 0xC20:
        return _counter_rules(number & 31)
    if name in ("fflags", "frm", "fcsr"):
        return _FP, []
    if name in ("vstart", "vxsat", "vxrm", "vcsr", "vl", "vtype", "vlenb"):
        return _VECTOR, []
    if name.endswith("siselect") or name.lstrip("mvs").startswith("ireg"):
        return _indirect_rules(name)
    if name == "scountinhibit":
        text = "menvcfg.CDE=0: no counters are delegated"
        guest = virtual(GUEST, None, "a guest may not access {name}", _CDELEG)
        return [illegal(("M", *BELOW_M), zero("menvcfg.CDE"), text, _CDELEG)], [guest]
    if name == "scountovf":
        text = "menvcfg.CDE=1 keeps {name} from guests"
        return [], [virtual(GUEST, set_("menvcfg.CDE"), text, _CDELEG)]
    if name == "seed":
        where = "Machine Security Configuration (mseccfg) Register"
        return [
            denied("U", "mseccfg.USEED", "{name} is not accessible in U-mode", where),
            denied("HS VS VU", "mseccfg.SSEED", "{name} is not accessible below M-mode", where),
        ], [virtual(GUEST, None, "a guest may not access {name}", where)]
    if name == "ssp":
        return _shadow(_SSP)
    if name == "satp":
        return [], [
            illegal("HS", set_("mstatus.TVM"), "mstatus.TVM=1 traps accesses to satp", _MSTATUS),
            virtual("VS", set_("hstatus.VTVM"), "hstatus.VTVM=1 traps the guest's accesses to satp", _HSTATUS),
        ]
    if name == "hgatp":
        return [], [illegal("HS", set_("mstatus.TVM"), "mstatus.TVM=1 traps accesses to hgatp", _MSTATUS)]
    if name in ("stimecmp", "vstimecmp"):
        before = [
            denied(BELOW_M, "menvcfg.STCE", "{name} is not accessible below M-mode", _SSTC),
            denied(BELOW_M, "mcounteren.TM", "{name} is not accessible below M-mode", _SSTC),
        ]
        after = [
            denied("VS", "henvcfg.STCE", "{name} is not accessible to guests", _SSTC, VIRTUAL),
            denied("VS", "hcounteren.TM", "{name} is not accessible to guests", _SSTC, VIRTUAL),
        ]
        return before, after if name == "stimecmp" else []
    if name in ("senvcfg", "henvcfg"):
        return _stateen_rules(0, "ENVCFG", through_h=name == "senvcfg")
    if name in ("scontext", "hcontext"):
        return _stateen_rules(0, "CONTEXT", through_h=name == "scontext")
    if name[1:].startswith("stateen") and name[0] in "hs":
        n = int(name[-1])
        return _stateen_rules(n, "SE0" if n == 0 else "SE", through_h=name[0] == "s")
    return [], []


_BY_PRIVILEGE: dict[int, list[Rule]] = {
    0: [],
    1: [
        illegal("U", None, "U-mode may not access {name}, a supervisor-level CSR", _CSR),
        virtual("VU", None, "VU-mode may not access {name}, a supervisor-level CSR", _VI),
    ],
    2: [
        illegal("U", None, "U-mode may not access {name}, a hypervisor-level CSR", _CSR),
        virtual(GUEST, None, "a guest may not access {name}, a hypervisor-level CSR", _VI),
    ],
    3: [illegal(BELOW_M, None, "only M-mode may access {name}, a machine-level CSR", _CSR)],
}


def csr_rules(row: Csr) -> list[Rule]:
    """The rules of a CSR that exists, for reads and for writes that its encoding allows."""
    before, after = _controls(row)
    return [*before, *_BY_PRIVILEGE[row.privilege], *after]


def rules_in(rules: list[Rule], mode: str) -> list[Rule]:
    """Those that can apply in a mode, up to and including the first that always does."""
    out = []
    for rule in rules:
        if mode in rule.modes:
            out.append(rule)
            if rule.when is None:
                break
    return out


def _collect() -> list[Reason]:
    out = [Reason(0, "", ""), ENCODING, ABSENT_CSR, READ_ONLY, POLLED, RESERVED_RM]
    for rules in [*INSTRUCTIONS.values(), *(csr_rules(row) for row in csrs.CSRS)]:
        for rule in rules:
            if rule.reason not in out:
                out.append(rule.reason)
    return out


#: Every reason; a hart's ``exc_reason`` is an index into it. 0: no refusal.
REASONS: list[Reason] = _collect()


def decide(
    rules: list[Rule], mode: str, read: Callable[[str], int], extensions: frozenset[str] = frozenset()
) -> Reason | None:
    """Why the subject with these rules is refused in ``mode`` (a key of MODES) when ``read`` gives the CSRs; None: it
    is not. ``extensions`` matter to the aliases of indirect access only."""
    for rule in rules_in(rules, mode):
        if rule.when is None or rule.when.holds(read, extensions):
            return rule.reason
    return None


def decide_csr(
    number: int, mode: str, write: bool, read: Callable[[str], int], extensions: frozenset[str]
) -> Reason | None:
    """Why an access to a CSR is refused; None: it is not. The order is that of the manual: existence and read-only
    encoding first, then M-level controls, privilege, and the controls of lower levels."""
    row = BY_NUMBER.get(number)
    if row is None or not row.exists(extensions):
        return ABSENT_CSR
    if write and row.read_only:
        return READ_ONLY
    if not write and row.polled:
        return POLLED
    return decide(csr_rules(row), mode, read, extensions)
