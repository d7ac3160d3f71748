"""Every control and status register, once: number, name, fields, which bits software can write, the VS-level twin.

A row whose value is simply a field of the hart names it in ``storage``; one that is a view, or whose write has
consequences, names the helpers of ``core/`` that read and write it (``csr_read_NAME``, ``csr_write_NAME``). Who may
access a register when is :mod:`rvh.isa.access`. Numbers and field names are those of the privileged manual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ALL = (1 << 64) - 1
#: Storage of registers that read as zero: the register x0.
ZERO = "x[0]"
#: A field: its most and least significant bit.
Bits = tuple[int, int]


def mask_of(bits: Bits) -> int:
    """The bits of a field, in place."""
    hi, lo = bits
    return ((1 << (hi - lo + 1)) - 1) << lo


# -- Interrupts: bit numbers of mip/mie and their relatives ("Machine Interrupt (mip and mie) Registers";
#    "Hypervisor Interrupt (hvip, hip, and hie) Registers")
INTERRUPTS: dict[str, int] = {
    "SSI": 1, "VSSI": 2, "MSI": 3, "STI": 5, "VSTI": 6, "MTI": 7, "SEI": 9, "VSEI": 10, "MEI": 11, "SGEI": 12,
    "LCOFI": 13,
}  # fmt: skip


def interrupts(*names: str) -> int:
    """The bits of the named interrupts: ``interrupts("SSI", "LCOFI")``."""
    return sum(1 << INTERRUPTS[name] for name in names)


S_INTERRUPTS = interrupts("SSI", "STI", "SEI")
M_INTERRUPTS = interrupts("MSI", "MTI", "MEI")
VS_INTERRUPTS = interrupts("VSSI", "VSTI", "VSEI")

#: Exception codes of the mcause table by the names used here.
CAUSES: dict[str, int] = {
    "FETCH_MISALIGNED": 0, "FETCH_ACCESS": 1, "ILLEGAL": 2, "BREAKPOINT": 3, "LOAD_MISALIGNED": 4, "LOAD_ACCESS": 5,
    "STORE_MISALIGNED": 6, "STORE_ACCESS": 7, "ECALL_U": 8, "ECALL_HS": 9, "ECALL_VS": 10, "ECALL_M": 11,
    "FETCH_PAGE": 12, "LOAD_PAGE": 13, "STORE_PAGE": 15, "DOUBLE_TRAP": 16, "SOFTWARE_CHECK": 18, "HARDWARE_ERROR": 19,
    "FETCH_GUEST_PAGE": 20, "LOAD_GUEST_PAGE": 21, "VIRTUAL": 22, "STORE_GUEST_PAGE": 23,
}  # fmt: skip

#: What xtval says of a software-check exception.
SOFTWARE_CHECKS: dict[str, int] = {"LANDING_PAD_FAULT": 2, "SHADOW_STACK_FAULT": 3}

#: Exceptions of explicit loads, stores and AMOs, whose instruction mtinst and htinst may hold transformed.
ACCESS_CAUSES = sum(1 << code for name, code in CAUSES.items() if name.startswith(("LOAD_", "STORE_")))

# -- Fields
MSTATUS: dict[str, Bits] = {
    "SIE": (1, 1), "MIE": (3, 3), "SPIE": (5, 5), "UBE": (6, 6), "MPIE": (7, 7), "SPP": (8, 8), "VS": (10, 9),
    "MPP": (12, 11), "FS": (14, 13), "XS": (16, 15), "MPRV": (17, 17), "SUM": (18, 18), "MXR": (19, 19),
    "TVM": (20, 20), "TW": (21, 21), "TSR": (22, 22), "SPELP": (23, 23), "SDT": (24, 24), "UXL": (33, 32),
    "SXL": (35, 34), "SBE": (36, 36), "MBE": (37, 37), "GVA": (38, 38), "MPV": (39, 39), "MPELP": (41, 41),
    "MDT": (42, 42), "SD": (63, 63),
}  # fmt: skip
_SSTATUS = ("SIE", "SPIE", "UBE", "SPP", "VS", "FS", "XS", "SUM", "MXR", "SPELP", "SDT", "UXL", "SD")
SSTATUS: dict[str, Bits] = {name: MSTATUS[name] for name in _SSTATUS}
MNSTATUS: dict[str, Bits] = {"NMIE": (3, 3), "MNPV": (7, 7), "MNPELP": (9, 9), "MNPP": (12, 11)}
HSTATUS: dict[str, Bits] = {
    "VSBE": (5, 5), "GVA": (6, 6), "SPV": (7, 7), "SPVP": (8, 8), "HU": (9, 9), "VGEIN": (17, 12), "VTVM": (20, 20),
    "VTW": (21, 21), "VTSR": (22, 22), "VSXL": (33, 32), "HUPMM": (49, 48),
}  # fmt: skip
ENVCFG: dict[str, Bits] = {
    "FIOM": (0, 0), "LPE": (2, 2), "SSE": (3, 3), "CBIE": (5, 4), "CBCFE": (6, 6), "CBZE": (7, 7), "PMM": (33, 32),
    "DTE": (59, 59), "CDE": (60, 60), "ADUE": (61, 61), "PBMTE": (62, 62), "STCE": (63, 63),
}  # fmt: skip
MSECCFG: dict[str, Bits] = {
    "MML": (0, 0), "MMWP": (1, 1), "RLB": (2, 2), "USEED": (8, 8), "SSEED": (9, 9), "MLPE": (10, 10), "PMM": (33, 32),
}  # fmt: skip
#: OPST: 0 BIST, 1 WAIT, 2 ES16, 3 DEAD.
SEED: dict[str, Bits] = {"ENTROPY": (15, 0), "OPST": (31, 30)}
STATEEN0: dict[str, Bits] = {
    "C": (0, 0), "FCSR": (1, 1), "CONTEXT": (57, 57), "CSRIND": (60, 60), "ENVCFG": (62, 62), "SE0": (63, 63),
}  # fmt: skip
TCONTROL: dict[str, Bits] = {"MTE": (3, 3), "MPTE": (7, 7)}
ATP: dict[str, Bits] = {"PPN": (43, 0), "ASID": (59, 44), "MODE": (63, 60)}
HGATP: dict[str, Bits] = {"PPN": (43, 0), "VMID": (57, 44), "MODE": (63, 60)}
TVEC: dict[str, Bits] = {"MODE": (1, 0), "BASE": (63, 2)}
CAUSE: dict[str, Bits] = {"CODE": (62, 0), "INTERRUPT": (63, 63)}
FCSR: dict[str, Bits] = {"FFLAGS": (4, 0), "FRM": (7, 5)}
HPMEVENT: dict[str, Bits] = {
    "EVENT": (7, 0), "VUINH": (58, 58), "VSINH": (59, 59), "UINH": (60, 60), "SINH": (61, 61), "MINH": (62, 62),
    "OF": (63, 63),
}  # fmt: skip
COUNTEREN: dict[str, Bits] = {
    "CY": (0, 0), "TM": (1, 1), "IR": (2, 2), **{f"HPM{n}": (n, n) for n in range(3, 32)},
}  # fmt: skip
_ENABLES: dict[str, Bits] = {name + "E": (n, n) for name, n in INTERRUPTS.items()}
_PENDING: dict[str, Bits] = {name + "P": (n, n) for name, n in INTERRUPTS.items()}
_DELEGATED: dict[str, Bits] = {name: (n, n) for name, n in INTERRUPTS.items()}


def fields_mask(fields: Mapping[str, Bits], *names: str) -> int:
    """The bits of the named fields, in place."""
    return sum(mask_of(fields[name]) for name in names)


@dataclass(frozen=True)
class Csr:
    """One register.

    ``writable`` are the bits a write can change; ``extra`` adds bits that exist only with an extension. ``fixed`` bits
    are set from reset on. ``twin`` is the register that V=1 reaches under this one's number. ``rmw`` names the helper
    that gives the software-written value for CSRRS and CSRRC when reads show hardware lines as well (mip and the like).
    ``polled``: reading is refused to instructions that only read.
    ``needs`` are the extensions without which the register does not exist, separated by blanks; of some joined by a
    slash, one is enough, and one behind an exclamation mark must not be there.
    """

    number: int
    name: str
    manual: str
    storage: str = ""
    writable: int = ALL
    extra: tuple[tuple[str, int], ...] = ()
    fixed: int = 0
    read: str = ""
    write: str = ""
    rmw: str = ""
    twin: str = ""
    polled: bool = False
    needs: str = ""
    fields: Mapping[str, Bits] = field(default_factory=dict, compare=False)

    @property
    def read_only(self) -> bool:
        """Whether the encoding itself says read-only ("CSR Address Mapping Conventions")."""
        return self.number >> 10 == 3

    @property
    def privilege(self) -> int:
        """Lowest privilege that may access it: 0 U, 1 S, 2 HS (hypervisor and VS CSRs), 3 M."""
        return self.number >> 8 & 3

    def exists(self, extensions: frozenset[str] | set[str]) -> bool:
        """Whether a hart with these extensions has it."""
        return all(extensions.isdisjoint(word.lstrip("!").split("/")) == ("!" in word) for word in self.needs.split())

    def mask(self, extensions: frozenset[str] | set[str]) -> int:
        """Bits that software can change on a hart with these extensions (before WARL rules between values)."""
        bits = self.writable
        for name, more in self.extra:
            if name in extensions:
                bits |= more
        return bits


def _rows() -> list[Csr]:
    rows: list[Csr] = []

    def csr(number: int, name: str, title: str = "", *, under: str = "", via: str = "", **more: Any) -> None:
        """``title``: the manual's section is "title (name) Register"; ``under``: it is this one. ``via``: which
        helpers of its own name the register has, of r (read), w (write) and m (rmw); without a read helper, its
        storage is the field of its name."""
        for letter, kind in (("r", "read"), ("w", "write"), ("m", "rmw")):
            if letter in via:
                more[kind] = name
        if "read" not in more:
            more.setdefault("storage", name)
        rows.append(Csr(number, name, under or f"{title} ({name}) Register", **more))

    _unprivileged(csr)
    _supervisor(csr)
    _virtual_supervisor(csr)
    _hypervisor(csr)
    _machine(csr)
    _machine_counters(csr)
    return sorted(rows, key=lambda row: row.number)


# -- masks
_SSTATUS_WRITE = fields_mask(MSTATUS, "SIE", "SPIE", "SPP")
#: Of mstatus, sstatus and vsstatus alike, by extension. SUM and MXR are zero where satp can only be Bare.
_STATUS_EXTRA = (
    ("Sv39", fields_mask(MSTATUS, "SUM", "MXR")),
    ("F", fields_mask(MSTATUS, "FS")),
    ("Zve32x", fields_mask(MSTATUS, "VS")),
    ("Ssdbltrp", fields_mask(MSTATUS, "SDT")),
    ("Zicfilp", fields_mask(MSTATUS, "SPELP")),
)
_MSTATUS_S = _SSTATUS_WRITE | fields_mask(MSTATUS, "TSR")
_MSTATUS_EXTRA = (
    ("S", _MSTATUS_S),
    ("Sv39", fields_mask(MSTATUS, "TVM")),
    ("U", fields_mask(MSTATUS, "MPRV", "TW")),
    ("H", fields_mask(MSTATUS, "GVA", "MPV")),
    ("Smdbltrp", fields_mask(MSTATUS, "MDT")),
    ("Zicfilp", fields_mask(MSTATUS, "MPELP")),
    *_STATUS_EXTRA,
)
_MSTATUS_WRITE = fields_mask(MSTATUS, "MIE", "MPIE", "MPP")
_HSTATUS_WRITE = fields_mask(HSTATUS, "GVA", "SPV", "SPVP", "HU", "VTVM", "VTW", "VTSR")
#: UXL or VSXL is 64 and cannot be changed.
_XL64 = 2 << 32
#: xtvec: MODE 0 and 1; bit 1 is read-only zero, so that no reserved MODE can be held.
_TVEC_WRITE = ALL & ~2
#: xepc: bit 1 exists with IALIGN=16.
_EPC_WRITE, _EPC_C = ALL & ~3, (("Zca", 2),)
_LCOFI = (("Sscofpmf", interrupts("LCOFI")),)
_COUNTERS = (("Zicntr", 0x7), ("Zihpm", 0xFFFF_FFF8))
_CACHE_BLOCK = (("Zicbom", fields_mask(ENVCFG, "CBIE", "CBCFE")), ("Zicboz", fields_mask(ENVCFG, "CBZE")))
#: Of menvcfg, henvcfg and senvcfg alike.
_ENVCFG_ALL = (*_CACHE_BLOCK, ("Zicfilp", fields_mask(ENVCFG, "LPE")), ("Zicfiss", fields_mask(ENVCFG, "SSE")))
_ENVCFG_EXTRA = (
    *_ENVCFG_ALL,
    ("Sstc", fields_mask(ENVCFG, "STCE")),
    ("Svpbmt", fields_mask(ENVCFG, "PBMTE")),
    ("Svadu", fields_mask(ENVCFG, "ADUE")),
    ("Ssdbltrp", fields_mask(ENVCFG, "DTE")),
)
#: Bits 1-8, 12, 13, 15, 18, 19: the table of bits of hedeleg that must be writable; bit 0 must be without Zca.
_HEDELEG_WRITE = 0xCB1FF
#: 0-9, 12, 13, 15, 18, 19, and with H 10 and 20-23: what can be raised below M-mode. Bits 11 and 16 cannot.
_MEDELEG_WRITE, _MEDELEG_H = 0xCB3FF, (("H", 0xF0_0400),)

# -- sections of the manual that several registers share
_INDIRECT = "Smcsrind and Sscsrind Extensions for Indirect CSR Access"
_STATEEN = "Smstateen/Ssstateen Extensions"
_SIP = "Supervisor Interrupt (sip and sie) Registers"
_VSIP = "Virtual Supervisor Interrupt (vsip and vsie) Registers"
_HIP = "Hypervisor Interrupt (hvip, hip, and hie) Registers"
_HGEIP = "Hypervisor Guest External Interrupt Registers (hgeip and hgeie)"
_MIP = "Machine Interrupt (mip and mie) Registers"
_HDELEG = "Hypervisor Trap Delegation (hedeleg and hideleg) Registers"
_MDELEG = "Machine Trap Delegation (medeleg and mideleg) Registers"
_VCSR = "Vector Extension Programmer's Model"
_FCSR = "Floating-Point Control and Status Register"
_PMP = "Physical Memory Protection CSRs"
_HPM = "Hardware Performance Monitor"
_RNMI = "RNMI CSRs"
_TRIGGERS = "Sdtrig, Trigger Module Registers"


def _stateen_fields(n: int) -> dict[str, Bits]:
    return STATEEN0 if n == 0 else {"SE": (63, 63)}


def _stateen_writable(n: int) -> int:
    return fields_mask(STATEEN0, "SE0", "ENVCFG") if n == 0 else 1 << 63


def _stateen_extra(n: int) -> tuple[tuple[str, int], ...]:
    if n:
        return ()
    return ("Sscsrind", fields_mask(STATEEN0, "CSRIND")), ("Sdtrig", fields_mask(STATEEN0, "CONTEXT"))


def _indirect(level: Callable[..., None], prefix: str, base: int, needs: str, **more: Any) -> None:
    """<prefix>iselect and the six aliases. Where no aliases are given, no select value leads anywhere."""
    level(base, f"{prefix}iselect", under=_INDIRECT, needs=needs)
    alias: dict[str, Any] = {"storage": ZERO, "writable": 0, "under": _INDIRECT, "needs": needs, **more}
    for n, offset in enumerate((1, 2, 3, 5, 6, 7), start=1):
        level(base + offset, f"{prefix}ireg{n if n > 1 else ''}", **alias)


def _unprivileged(csr: Callable[..., None]) -> None:
    csr(0x001, "fflags", under=_FCSR, via="rw", writable=0x1F, needs="F")
    csr(0x002, "frm", under=_FCSR, via="rw", writable=0x7, needs="F")
    csr(0x003, "fcsr", under=_FCSR, via="rw", writable=0xFF, needs="F", fields=FCSR)
    csr(0x008, "vstart", under=_VCSR, via="w", writable=ALL, needs="Zve32x")
    csr(0x009, "vxsat", under=_VCSR, via="w", writable=1, needs="Zve32x")
    csr(0x00A, "vxrm", under=_VCSR, via="w", writable=3, needs="Zve32x")
    csr(0x00F, "vcsr", under=_VCSR, via="rw", writable=7, needs="Zve32x")
    csr(0x011, "ssp", under="Shadow Stack Pointer (ssp)", writable=ALL & ~7, needs="Zicfiss")
    for number, name in ((0xC20, "vl"), (0xC21, "vtype"), (0xC22, "vlenb")):
        csr(number, name, under=_VCSR, writable=0, needs="Zve32x")
    more: dict[str, Any] = {"polled": True, "fields": SEED, "needs": "Zkr"}
    csr(0x015, "seed", under="Entropy Source, The seed CSR", via="r", writable=0, **more)
    csr(0xC00, "cycle", under="Zicntr", read="counter", writable=0, needs="Zicntr")
    csr(0xC01, "time", under="Zicntr", via="r", writable=0, needs="Zicntr")
    csr(0xC02, "instret", under="Zicntr", read="counter", writable=0, needs="Zicntr")
    for n in range(3, 32):
        csr(0xC00 + n, f"hpmcounter{n}", under="Zihpm", read="counter", writable=0, needs="Zihpm")


def _supervisor(csr: Callable[..., None]) -> None:
    def s(number: int, name: str, title: str = "", **more: Any) -> None:
        csr(number, name, title, **{"needs": "S", "twin": "v" + name if number in twins else "", **more})

    twins = {0x100, 0x104, 0x105, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14D, 0x180, 0x150, 0x151, 0x152, 0x153}
    twins |= {0x155, 0x156, 0x157}
    s(0x100, "sstatus", "Supervisor Status", via="rw", writable=_SSTATUS_WRITE, extra=_STATUS_EXTRA, fields=SSTATUS)
    s(0x104, "sie", under=_SIP, via="rw", writable=S_INTERRUPTS, extra=_LCOFI, fields=_ENABLES)
    s(0x105, "stvec", "Supervisor Trap Vector Base Address", writable=_TVEC_WRITE, fields=TVEC)
    s(0x106, "scounteren", "Counter-Enable", writable=0, extra=_COUNTERS, fields=COUNTEREN)
    title = "Supervisor Environment Configuration"
    masking = ("Ssnpm", fields_mask(ENVCFG, "PMM"))
    s(0x10A, "senvcfg", title, via="rw", storage="senvcfg", writable=1, extra=(*_ENVCFG_ALL, masking), fields=ENVCFG)
    for n in range(4):
        # Only bits for state this hart does not have are defined here: all read-only zero.
        s(0x10C + n, f"sstateen{n}", under=_STATEEN, storage=f"sstateen[{n}]", writable=0, needs="S Ssstateen")
    s(0x140, "sscratch", "Supervisor Scratch")
    s(0x141, "sepc", "Supervisor Exception Program Counter", writable=_EPC_WRITE, extra=_EPC_C)
    s(0x142, "scause", "Supervisor Cause", fields=CAUSE)
    s(0x143, "stval", "Supervisor Trap Value")
    s(0x5A8, "scontext", under=_TRIGGERS, writable=0xFFFF_FFFF, needs="S Sdtrig")
    s(0x144, "sip", under=_SIP, via="rwm", writable=interrupts("SSI"), extra=_LCOFI, fields=_PENDING)
    s(0x14D, "stimecmp", "Supervisor Timer", via="w", needs="S Sstc")
    _indirect(s, "s", 0x150, "S Sscsrind", read="sireg", write="sireg", writable=ALL)
    title = "Supervisor Counter Inhibit"
    s(0x120, "scountinhibit", title, via="rw", writable=5, extra=(("Zihpm", 0xFFFF_FFF8),), needs="S Ssccfg")
    s(0x180, "satp", "Supervisor Address Translation and Protection", via="w", fields=ATP)
    s(0xDA0, "scountovf", "Supervisor Count Overflow", via="r", writable=0, needs="S Sscofpmf")


def _virtual_supervisor(csr: Callable[..., None]) -> None:
    """What V=1 reaches under the supervisor's numbers."""

    def vs(number: int, name: str, title: str = "", **more: Any) -> None:
        csr(number, name, f"Virtual Supervisor {title}", **{"needs": "H", **more})

    status = dict(via="rw", storage="vsstatus", writable=_SSTATUS_WRITE, extra=_STATUS_EXTRA, fixed=_XL64)
    vs(0x200, "vsstatus", "Status", fields=SSTATUS, **status)
    vs(0x204, "vsie", under=_VSIP, via="rw", writable=S_INTERRUPTS, fields=_ENABLES)
    vs(0x205, "vstvec", "Trap Vector Base Address", writable=_TVEC_WRITE, fields=TVEC)
    vs(0x240, "vsscratch", "Scratch")
    vs(0x241, "vsepc", "Exception Program Counter", writable=_EPC_WRITE, extra=_EPC_C)
    vs(0x242, "vscause", "Cause", fields=CAUSE)
    vs(0x243, "vstval", "Trap Value")
    vs(0x244, "vsip", under=_VSIP, via="rwm", writable=interrupts("SSI"), fields=_PENDING)
    vs(0x24D, "vstimecmp", "Timer", via="w", needs="H Sstc")
    _indirect(csr, "vs", 0x250, "H Sscsrind")
    vs(0x280, "vsatp", "Address Translation and Protection", via="w", fields=ATP)


def _hypervisor(csr: Callable[..., None]) -> None:
    def h(number: int, name: str, title: str = "", **more: Any) -> None:
        csr(number, name, f"Hypervisor {title}", **{"needs": "H", **more})

    extra: tuple[tuple[str, int], ...] = (("Ssnpm", fields_mask(HSTATUS, "HUPMM")),)
    h(0x600, "hstatus", "Status", via="w", writable=_HSTATUS_WRITE, extra=extra, fixed=_XL64, fields=HSTATUS)
    h(0x602, "hedeleg", under=_HDELEG, writable=_HEDELEG_WRITE)
    h(0x603, "hideleg", under=_HDELEG, via="w", writable=VS_INTERRUPTS, fields=_DELEGATED)
    h(0x604, "hie", under=_HIP, via="rw", writable=VS_INTERRUPTS, fields=_ENABLES)
    h(0x605, "htimedelta", "Time Delta", via="w")
    h(0x606, "hcounteren", "Counter-Enable", writable=0, extra=_COUNTERS, fields=COUNTEREN)
    h(0x607, "hgeie", under=_HGEIP, via="w")
    extra = (*_ENVCFG_EXTRA, ("Ssnpm", fields_mask(ENVCFG, "PMM")))
    h(0x60A, "henvcfg", "Environment Configuration", via="w", writable=1, extra=extra, fields=ENVCFG)
    for n in range(4):
        more: dict[str, Any] = {"read": "hstateen", "write": "hstateen", "storage": f"hstateen[{n}]"}
        more |= {"writable": _stateen_writable(n), "fields": _stateen_fields(n), "needs": "H Ssstateen"}
        more["extra"] = _stateen_extra(n)
        h(0x60C + n, f"hstateen{n}", under=_STATEEN, **more)
    h(0x643, "htval", "Trap Value")
    h(0x644, "hip", under=_HIP, via="rwm", writable=interrupts("VSSI"), fields=_PENDING)
    h(0x645, "hvip", under=_HIP, via="w", writable=VS_INTERRUPTS, fields=_PENDING)
    h(0x64A, "htinst", "Trap Instruction")
    title = "Guest Address Translation and Protection"
    h(0x680, "hgatp", title, via="w", writable=ALL & ~(3 << 58 | 3), fields=HGATP)
    h(0x6A8, "hcontext", under=_TRIGGERS, storage="mcontext", writable=0x3FFF, needs="H Sdtrig")
    h(0xE12, "hgeip", under=_HGEIP, via="w", writable=0)


def _machine(csr: Callable[..., None]) -> None:
    for number, name in ((0xF11, "mvendorid"), (0xF12, "marchid"), (0xF13, "mimpid"), (0xF15, "mconfigptr")):
        csr(number, name, under=f"Machine-Level CSRs, {name}", storage=ZERO, writable=0)
    csr(0xF14, "mhartid", "Hart ID", writable=0)
    status = dict(via="rw", storage="mstatus", extra=_MSTATUS_EXTRA, fixed=_XL64 | _XL64 << 2)
    csr(0x300, "mstatus", "Machine Status", writable=_MSTATUS_WRITE, fields=MSTATUS, **status)
    csr(0x301, "misa", "Machine ISA", writable=0)
    csr(0x302, "medeleg", under=_MDELEG, writable=_MEDELEG_WRITE, extra=_MEDELEG_H, needs="S")
    more: dict[str, Any] = {"extra": _LCOFI, "fields": _DELEGATED, "needs": "S"}
    csr(0x303, "mideleg", under=_MDELEG, via="w", writable=S_INTERRUPTS, **more)
    extra: tuple[tuple[str, int], ...] = (("S", S_INTERRUPTS), ("H", VS_INTERRUPTS), *_LCOFI)
    csr(0x304, "mie", under=_MIP, via="w", writable=M_INTERRUPTS, extra=extra, fields=_ENABLES)
    csr(0x305, "mtvec", "Machine Trap-Vector Base-Address", writable=_TVEC_WRITE, fields=TVEC)
    title = "Machine Counter-Enable"
    csr(0x306, "mcounteren", title, writable=0, extra=_COUNTERS, fields=COUNTEREN, needs="U")
    extra = (("Smnpm", fields_mask(ENVCFG, "PMM")), ("Smcdeleg", fields_mask(ENVCFG, "CDE")))
    more = {"extra": (*_ENVCFG_EXTRA, *extra), "fields": ENVCFG, "needs": "U"}
    csr(0x30A, "menvcfg", "Machine Environment Configuration", via="w", writable=1, **more)
    extra = (
        ("Smepmp", fields_mask(MSECCFG, "MML", "MMWP", "RLB")),
        ("Smmpm", fields_mask(MSECCFG, "PMM")),
        ("Zkr", fields_mask(MSECCFG, "USEED", "SSEED")),
        ("Zicfilp", fields_mask(MSECCFG, "MLPE")),
    )
    more = {"extra": extra, "fields": MSECCFG, "needs": "Smepmp/Smmpm/Zkr/Zicfilp"}
    csr(0x747, "mseccfg", "Machine Security Configuration", via="w", writable=0, **more)
    for n in range(4):
        more = {"writable": _stateen_writable(n), "fields": _stateen_fields(n), "needs": "Smstateen"}
        more["extra"] = _stateen_extra(n)
        csr(0x30C + n, f"mstateen{n}", under=_STATEEN, storage=f"mstateen[{n}]", **more)
    csr(0x340, "mscratch", "Machine Scratch")
    csr(0x341, "mepc", "Machine Exception Program Counter", writable=_EPC_WRITE, extra=_EPC_C)
    csr(0x342, "mcause", "Machine Cause", fields=CAUSE)
    csr(0x343, "mtval", "Machine Trap Value")
    extra = (("S", S_INTERRUPTS), ("H", interrupts("VSSI")), *_LCOFI)
    csr(0x344, "mip", under=_MIP, via="rwm", writable=0, extra=extra, fields=_PENDING)
    csr(0x34A, "mtinst", "Machine Trap Instruction", needs="H")
    csr(0x34B, "mtval2", "Machine Second Trap Value", needs="H/Ssdbltrp")
    _indirect(csr, "m", 0x350, "Smcsrind")
    csr(0x740, "mnscratch", under=_RNMI, needs="Smrnmi")
    csr(0x741, "mnepc", under=_RNMI, writable=_EPC_WRITE, extra=_EPC_C, needs="Smrnmi")
    csr(0x742, "mncause", under=_RNMI, fields=CAUSE, needs="Smrnmi")
    extra = (("H", fields_mask(MNSTATUS, "MNPV")), ("Zicfilp", fields_mask(MNSTATUS, "MNPELP")))
    writable = fields_mask(MNSTATUS, "NMIE", "MNPP")
    csr(0x744, "mnstatus", under=_RNMI, via="w", writable=writable, extra=extra, fields=MNSTATUS, needs="Smrnmi")
    for n in (0, 2):
        csr(0x3A0 + n, f"pmpcfg{n}", under=_PMP, read="pmpcfg", write="pmpcfg", writable=0x9F9F_9F9F_9F9F_9F9F)
    for n in range(16):
        more = {"storage": f"pmpaddr[{n}]", "write": "pmpaddr", "writable": (1 << 54) - 1}
        csr(0x3B0 + n, f"pmpaddr{n}", under=_PMP, **more)
    # Without Sdtrig no triggers: tselect holds only 0, and type 0 in tdata1 and in tinfo says that this one is none.
    for number, name in ((0x7A0, "tselect"), (0x7A1, "tdata1"), (0x7A2, "tdata2"), (0x7A3, "tdata3")):
        csr(number, name, under=_TRIGGERS, read="trigger", write="trigger")
    csr(0x7A4, "tinfo", under=_TRIGGERS, via="r", writable=0)
    writable = fields_mask(TCONTROL, "MTE", "MPTE")
    csr(0x7A5, "tcontrol", under=_TRIGGERS, writable=writable, fields=TCONTROL, needs="Sdtrig !S")
    csr(0x7A8, "mcontext", under=_TRIGGERS, writable=0x1FFF, extra=(("H", 0x2000),), needs="Sdtrig")


def _machine_counters(csr: Callable[..., None]) -> None:
    extra = tuple((mode, fields_mask(HPMEVENT, f"{mode}INH")) for mode in ("S", "U"))
    extra += (("H", fields_mask(HPMEVENT, "VSINH", "VUINH")),)
    filters: dict[str, Any] = {"writable": fields_mask(HPMEVENT, "MINH"), "extra": extra, "fields": HPMEVENT}
    for number, name in ((0x321, "mcyclecfg"), (0x322, "minstretcfg")):
        csr(number, name, "Machine Counter Configuration", write="mcountercfg", needs="Smcntrpmf", **filters)
    more: dict[str, Any] = {"extra": (("Zihpm", 0xFFFF_FFF8),), "fields": COUNTEREN}
    csr(0x320, "mcountinhibit", "Machine Counter-Inhibit", via="w", writable=5, **more)
    csr(0xB00, "mcycle", under=_HPM, read="counter", write="counter")
    csr(0xB02, "minstret", under=_HPM, read="counter", write="counter")
    # Without Zihpm the event counters and their selectors are read-only zero.
    extra = (("Zihpm", mask_of(HPMEVENT["EVENT"])), ("Sscofpmf", fields_mask(HPMEVENT, "OF", "MINH")))
    for n in range(3, 32):
        more = {"read": "counter", "write": "counter", "writable": 0, "extra": (("Zihpm", ALL),)}
        csr(0xB00 + n, f"mhpmcounter{n}", under=_HPM, **more)
        more = {"storage": f"mhpmevent[{n - 3}]", "write": "mhpmevent", "fields": HPMEVENT, "extra": extra}
        csr(0x320 + n, f"mhpmevent{n}", under=_HPM, writable=0, **more)


CSRS: list[Csr] = _rows()
BY_NUMBER: dict[int, Csr] = {row.number: row for row in CSRS}
BY_NAME: dict[str, Csr] = {row.name: row for row in CSRS}

#: Events that mhpmevent can select ("Hardware Performance Monitor" leaves the numbers to the implementation).
HPM_EVENTS: dict[int, str] = {
    0: "nothing", 1: "cycles", 2: "instructions retired", 3: "exceptions", 4: "interrupts", 5: "TLB fills",
    6: "page-table walks",
}  # fmt: skip
