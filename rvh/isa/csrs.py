"""Every control and status register, once: number, name, fields, which bits software can write, the VS-level twin.

A row whose value is simply a field of the hart names it in ``storage``; one that is a view, or whose write has
consequences, names the helpers of ``core/`` that read and write it (``csr_read_NAME``, ``csr_write_NAME``). Who may
access a register when is :mod:`rvh.isa.access`. Numbers and field names are those of the privileged manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALL = (1 << 64) - 1
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
    "FETCH_PAGE": 12, "LOAD_PAGE": 13, "STORE_PAGE": 15, "SOFTWARE_CHECK": 18, "HARDWARE_ERROR": 19,
    "FETCH_GUEST_PAGE": 20, "LOAD_GUEST_PAGE": 21, "VIRTUAL": 22, "STORE_GUEST_PAGE": 23,
}  # fmt: skip

#: Exceptions of explicit loads, stores and AMOs, whose instruction mtinst and htinst may hold transformed.
ACCESS_CAUSES = sum(1 << code for name, code in CAUSES.items() if name.startswith(("LOAD_", "STORE_")))

# -- Fields
MSTATUS: dict[str, Bits] = {
    "SIE": (1, 1), "MIE": (3, 3), "SPIE": (5, 5), "UBE": (6, 6), "MPIE": (7, 7), "SPP": (8, 8), "VS": (10, 9),
    "MPP": (12, 11), "FS": (14, 13), "XS": (16, 15), "MPRV": (17, 17), "SUM": (18, 18), "MXR": (19, 19),
    "TVM": (20, 20), "TW": (21, 21), "TSR": (22, 22), "UXL": (33, 32), "SXL": (35, 34), "SBE": (36, 36),
    "MBE": (37, 37), "GVA": (38, 38), "MPV": (39, 39), "SD": (63, 63),
}  # fmt: skip
_SSTATUS = ("SIE", "SPIE", "UBE", "SPP", "VS", "FS", "XS", "SUM", "MXR", "UXL", "SD")
SSTATUS: dict[str, Bits] = {name: MSTATUS[name] for name in _SSTATUS}
HSTATUS: dict[str, Bits] = {
    "VSBE": (5, 5), "GVA": (6, 6), "SPV": (7, 7), "SPVP": (8, 8), "HU": (9, 9), "VGEIN": (17, 12), "VTVM": (20, 20),
    "VTW": (21, 21), "VTSR": (22, 22), "VSXL": (33, 32), "HUPMM": (49, 48),
}  # fmt: skip
ENVCFG: dict[str, Bits] = {
    "FIOM": (0, 0), "CBIE": (5, 4), "CBCFE": (6, 6), "CBZE": (7, 7), "PMM": (33, 32), "ADUE": (61, 61),
    "PBMTE": (62, 62), "STCE": (63, 63),
}  # fmt: skip
STATEEN0: dict[str, Bits] = {"C": (0, 0), "FCSR": (1, 1), "ENVCFG": (62, 62), "SE0": (63, 63)}
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
    ``needs`` are the extensions without which the register does not exist, separated by blanks.
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

    def mask(self, extensions: frozenset[str] | set[str]) -> int:
        """Bits that software can change on a hart with these extensions (before WARL rules between values)."""
        bits = self.writable
        for name, more in self.extra:
            if name in extensions:
                bits |= more
        return bits


def _rows() -> list[Csr]:
    rows: list[Csr] = []

    def csr(number: int, name: str, manual: str, **more: object) -> None:
        rows.append(Csr(number, name, manual, **more))  # type: ignore[arg-type]

    # -- unprivileged
    text = "Floating-Point Control and Status Register"
    csr(0x001, "fflags", text, writable=0x1F, read="fflags", write="fflags", needs="F")
    csr(0x002, "frm", text, writable=0x7, read="frm", write="frm", needs="F")
    csr(0x003, "fcsr", text, writable=0xFF, read="fcsr", write="fcsr", needs="F", fields=FCSR)
    text = "Zicntr and Zihpm, Counters"
    csr(0xC00, "cycle", text, writable=0, read="counter", needs="Zicntr")
    csr(0xC01, "time", text, writable=0, read="time", needs="Zicntr")
    csr(0xC02, "instret", text, writable=0, read="counter", needs="Zicntr")
    for n in range(3, 32):
        csr(0xC00 + n, f"hpmcounter{n}", text, writable=0, read="counter", needs="Zihpm")

    _supervisor(csr)
    _hypervisor(csr)
    _machine(csr)
    return sorted(rows, key=lambda row: row.number)


_SSTATUS_WRITE = fields_mask(MSTATUS, "SIE", "SPIE", "SPP", "SUM", "MXR")
_FS = fields_mask(MSTATUS, "FS")
_VECTOR = fields_mask(MSTATUS, "VS")
_UXL64 = 2 << 32
#: xtvec: MODE 0 and 1; bit 1 is read-only zero, so that no reserved MODE can be held.
_TVEC_WRITE = ALL & ~2
#: xepc: bit 1 exists with IALIGN=16.
_EPC_WRITE, _EPC_C = ALL & ~3, (("C", 2),)
_COUNTERS = (("Zicntr", 0x7), ("Zihpm", 0xFFFF_FFF8))
#: CBIE is not among them: its value 2 is reserved, the write helper sees to it.
_CACHE_BLOCK = (
    ("Zicbom", fields_mask(ENVCFG, "CBIE", "CBCFE")),
    ("Zicboz", fields_mask(ENVCFG, "CBZE")),
)
_TRANSLATION = (
    ("Sstc", fields_mask(ENVCFG, "STCE")),
    ("Svpbmt", fields_mask(ENVCFG, "PBMTE")),
    ("Svadu", fields_mask(ENVCFG, "ADUE")),
)


def _supervisor(csr) -> None:  # type: ignore[no-untyped-def]
    def s(number: int, name: str, manual: str, **more: object) -> None:
        csr(number, name, manual, **{"needs": "S", **more})

    s(
        0x100,
        "sstatus",
        "Supervisor Status (sstatus) Register",
        read="sstatus",
        write="sstatus",
        twin="vsstatus",
        writable=_SSTATUS_WRITE,
        extra=(("F", _FS), ("V", _VECTOR)),
        fixed=_UXL64,
        fields=SSTATUS,
    )
    s(
        0x104,
        "sie",
        "Supervisor Interrupt (sip and sie) Registers",
        read="sie",
        write="sie",
        twin="vsie",
        writable=S_INTERRUPTS,
        extra=(("Sscofpmf", interrupts("LCOFI")),),
        fields=_ENABLES,
    )
    s(
        0x105,
        "stvec",
        "Supervisor Trap Vector Base Address (stvec) Register",
        storage="stvec",
        twin="vstvec",
        writable=_TVEC_WRITE,
        fields=TVEC,
    )
    s(
        0x106,
        "scounteren",
        "Counter-Enable (scounteren) Register",
        storage="scounteren",
        writable=0,
        extra=_COUNTERS,
        fields=COUNTEREN,
    )
    s(
        0x10A,
        "senvcfg",
        "Supervisor Environment Configuration (senvcfg) Register",
        storage="senvcfg",
        write="senvcfg",
        writable=1,
        extra=_CACHE_BLOCK,
        fields=ENVCFG,
    )
    for n in range(4):
        # Only bits for state this hart does not have are defined in sstateen: all read-only zero.
        s(
            0x10C + n,
            f"sstateen{n}",
            "Smstateen/Ssstateen Extensions",
            storage=f"sstateen[{n}]",
            writable=0,
            needs="S Ssstateen",
            fields=STATEEN0 if n == 0 else {},
        )
    s(0x140, "sscratch", "Supervisor Scratch (sscratch) Register", storage="sscratch", twin="vsscratch")
    s(
        0x141,
        "sepc",
        "Supervisor Exception Program Counter (sepc) Register",
        storage="sepc",
        twin="vsepc",
        writable=_EPC_WRITE,
        extra=_EPC_C,
    )
    s(0x142, "scause", "Supervisor Cause (scause) Register", storage="scause", twin="vscause", fields=CAUSE)
    s(0x143, "stval", "Supervisor Trap Value (stval) Register", storage="stval", twin="vstval")
    s(
        0x144,
        "sip",
        "Supervisor Interrupt (sip and sie) Registers",
        read="sip",
        write="sip",
        rmw="sip",
        twin="vsip",
        writable=interrupts("SSI"),
        extra=(("Sscofpmf", interrupts("LCOFI")),),
        fields=_PENDING,
    )
    s(
        0x14D,
        "stimecmp",
        "Supervisor Timer (stimecmp) Register",
        storage="stimecmp",
        write="stimecmp",
        twin="vstimecmp",
        needs="S Sstc",
    )
    s(
        0x180,
        "satp",
        "Supervisor Address Translation and Protection (satp) Register",
        storage="satp",
        write="satp",
        twin="vsatp",
        fields=ATP,
    )
    s(
        0xDA0,
        "scountovf",
        "Sscofpmf, Supervisor Count Overflow (scountovf) Register",
        writable=0,
        read="scountovf",
        needs="S Sscofpmf",
    )


def _hypervisor(csr) -> None:  # type: ignore[no-untyped-def]
    def h(number: int, name: str, manual: str, **more: object) -> None:
        csr(number, name, manual, **{"needs": "H", **more})

    # -- VS-level registers: what V=1 reaches under the supervisor's numbers
    h(
        0x200,
        "vsstatus",
        "Virtual Supervisor Status (vsstatus) Register",
        storage="vsstatus",
        read="vsstatus",
        write="vsstatus",
        writable=_SSTATUS_WRITE,
        extra=(("F", _FS), ("V", _VECTOR)),
        fixed=_UXL64,
        fields=SSTATUS,
    )
    text = "Virtual Supervisor Interrupt (vsip and vsie) Registers"
    h(0x204, "vsie", text, read="vsie", write="vsie", writable=S_INTERRUPTS, fields=_ENABLES)
    h(
        0x205,
        "vstvec",
        "Virtual Supervisor Trap Vector Base Address (vstvec) Register",
        storage="vstvec",
        writable=_TVEC_WRITE,
        fields=TVEC,
    )
    h(0x240, "vsscratch", "Virtual Supervisor Scratch (vsscratch) Register", storage="vsscratch")
    h(
        0x241,
        "vsepc",
        "Virtual Supervisor Exception Program Counter (vsepc) Register",
        storage="vsepc",
        writable=_EPC_WRITE,
        extra=_EPC_C,
    )
    h(0x242, "vscause", "Virtual Supervisor Cause (vscause) Register", storage="vscause", fields=CAUSE)
    h(0x243, "vstval", "Virtual Supervisor Trap Value (vstval) Register", storage="vstval")
    h(0x244, "vsip", text, read="vsip", write="vsip", rmw="vsip", writable=interrupts("SSI"), fields=_PENDING)
    h(
        0x24D,
        "vstimecmp",
        "Virtual Supervisor Timer (vstimecmp) Register",
        storage="vstimecmp",
        write="vstimecmp",
        needs="H Sstc",
    )
    h(
        0x280,
        "vsatp",
        "Virtual Supervisor Address Translation and Protection (vsatp) Register",
        storage="vsatp",
        write="vsatp",
        fields=ATP,
    )
    # -- hypervisor registers
    h(
        0x600,
        "hstatus",
        "Hypervisor Status (hstatus) Register",
        storage="hstatus",
        write="hstatus",
        fixed=_UXL64,
        writable=fields_mask(HSTATUS, "GVA", "SPV", "SPVP", "HU", "VTVM", "VTW", "VTSR"),
        fields=HSTATUS,
    )
    # Bits 1-8, 12, 13, 15, 18, 19 (table "Bits of hedeleg that must be writable or must be read-only zero").
    h(
        0x602,
        "hedeleg",
        "Hypervisor Trap Delegation (hedeleg and hideleg) Registers",
        storage="hedeleg",
        writable=0xCB1FE,
    )
    h(
        0x603,
        "hideleg",
        "Hypervisor Trap Delegation (hedeleg and hideleg) Registers",
        storage="hideleg",
        write="hideleg",
        writable=VS_INTERRUPTS,
        fields=_DELEGATED,
    )
    text = "Hypervisor Interrupt (hvip, hip, and hie) Registers"
    h(0x604, "hie", text, read="hie", write="hie", writable=VS_INTERRUPTS, fields=_ENABLES)
    h(
        0x606,
        "hcounteren",
        "Hypervisor Counter-Enable (hcounteren) Register",
        storage="hcounteren",
        writable=0,
        extra=_COUNTERS,
        fields=COUNTEREN,
    )
    guest_external = "Hypervisor Guest External Interrupt Registers (hgeip and hgeie)"
    h(0x607, "hgeie", guest_external, storage="hgeie", write="hgeie")
    h(0x643, "htval", "Hypervisor Trap Value (htval) Register", storage="htval")
    h(0x644, "hip", text, read="hip", write="hip", rmw="hip", writable=interrupts("VSSI"), fields=_PENDING)
    h(0x645, "hvip", text, storage="hvip", write="hvip", writable=VS_INTERRUPTS, fields=_PENDING)
    h(0x64A, "htinst", "Hypervisor Trap Instruction (htinst) Register", storage="htinst")
    h(0xE12, "hgeip", guest_external, storage="hgeip", write="hgeip", writable=0)
    h(
        0x60A,
        "henvcfg",
        "Hypervisor Environment Configuration (henvcfg) Register",
        storage="henvcfg",
        write="henvcfg",
        writable=1,
        extra=_CACHE_BLOCK + _TRANSLATION,
        fields=ENVCFG,
    )
    h(
        0x605,
        "htimedelta",
        "Hypervisor Time Delta (htimedelta) Register",
        storage="htimedelta",
        write="htimedelta",
    )
    h(
        0x680,
        "hgatp",
        "Hypervisor Guest Address Translation and Protection (hgatp) Register",
        storage="hgatp",
        write="hgatp",
        writable=ALL & ~(3 << 58 | 3),
        fields=HGATP,
    )
    for n in range(4):
        h(
            0x60C + n,
            f"hstateen{n}",
            "Smstateen/Ssstateen Extensions",
            read="hstateen",
            write="hstateen",
            storage=f"hstateen[{n}]",
            writable=(3 << 62 if n == 0 else 1 << 63),
            needs="H Ssstateen",
            fields=STATEEN0 if n == 0 else {"SE": (63, 63)},
        )


def _machine(csr) -> None:  # type: ignore[no-untyped-def]
    for number, name in ((0xF11, "mvendorid"), (0xF12, "marchid"), (0xF13, "mimpid"), (0xF15, "mconfigptr")):
        csr(number, name, f"Machine-Level CSRs, {name}", writable=0)
    csr(0xF14, "mhartid", "Hart ID (mhartid) Register", storage="mhartid", writable=0)
    supervisor = _SSTATUS_WRITE | fields_mask(MSTATUS, "TVM", "TSR")
    csr(
        0x300,
        "mstatus",
        "Machine Status (mstatus) Register",
        storage="mstatus",
        read="mstatus",
        write="mstatus",
        writable=fields_mask(MSTATUS, "MIE", "MPIE", "MPP"),
        extra=(
            ("S", supervisor),
            ("U", fields_mask(MSTATUS, "MPRV", "TW")),
            ("H", fields_mask(MSTATUS, "GVA", "MPV")),
            ("F", _FS),
            ("V", _VECTOR),
        ),
        fixed=_UXL64 | _UXL64 << 2,
        fields=MSTATUS,
    )
    csr(0x301, "misa", "Machine ISA (misa) Register", storage="misa", writable=0)
    # 0..9, 12, 13, 15, 18, 19: what S-mode or lower can raise; with H also 10 and 20..23. Bits 11 and 16 never.
    csr(
        0x302,
        "medeleg",
        "Machine Trap Delegation (medeleg and mideleg) Registers",
        storage="medeleg",
        writable=0xCB3FF,
        extra=(("H", 0xF0_0400),),
        needs="S",
    )
    csr(
        0x303,
        "mideleg",
        "Machine Trap Delegation (medeleg and mideleg) Registers",
        storage="mideleg",
        write="mideleg",
        writable=S_INTERRUPTS,
        extra=(("Sscofpmf", interrupts("LCOFI")),),
        fields=_DELEGATED,
        needs="S",
    )
    text = "Machine Interrupt (mip and mie) Registers"
    csr(
        0x304,
        "mie",
        text,
        storage="mie",
        write="mie",
        writable=M_INTERRUPTS,
        extra=(("S", S_INTERRUPTS), ("H", VS_INTERRUPTS), ("Sscofpmf", interrupts("LCOFI"))),
        fields=_ENABLES,
    )
    csr(
        0x305,
        "mtvec",
        "Machine Trap-Vector Base-Address (mtvec) Register",
        storage="mtvec",
        writable=_TVEC_WRITE,
        fields=TVEC,
    )
    csr(
        0x306,
        "mcounteren",
        "Machine Counter-Enable (mcounteren) Register",
        storage="mcounteren",
        writable=0,
        extra=_COUNTERS,
        fields=COUNTEREN,
        needs="U",
    )
    csr(
        0x30A,
        "menvcfg",
        "Machine Environment Configuration (menvcfg) Register",
        storage="menvcfg",
        write="menvcfg",
        writable=1,
        extra=_CACHE_BLOCK + _TRANSLATION,
        fields=ENVCFG,
        needs="U",
    )
    for n in range(4):
        csr(
            0x30C + n,
            f"mstateen{n}",
            "Smstateen/Ssstateen Extensions",
            storage=f"mstateen[{n}]",
            writable=(3 << 62 if n == 0 else 1 << 63),
            needs="Smstateen",
            fields=STATEEN0 if n == 0 else {"SE": (63, 63)},
        )
    csr(
        0x320,
        "mcountinhibit",
        "Machine Counter-Inhibit (mcountinhibit) Register",
        storage="mcountinhibit",
        write="mcountinhibit",
        writable=5,
        extra=(("Zihpm", 0xFFFF_FFF8),),
        fields=COUNTEREN,
    )
    csr(0x340, "mscratch", "Machine Scratch (mscratch) Register", storage="mscratch")
    csr(
        0x341,
        "mepc",
        "Machine Exception Program Counter (mepc) Register",
        storage="mepc",
        writable=_EPC_WRITE,
        extra=_EPC_C,
    )
    csr(0x342, "mcause", "Machine Cause (mcause) Register", storage="mcause", fields=CAUSE)
    csr(0x343, "mtval", "Machine Trap Value (mtval) Register", storage="mtval")
    csr(
        0x344,
        "mip",
        text,
        read="mip",
        write="mip",
        rmw="mip",
        writable=0,
        extra=(("S", S_INTERRUPTS), ("H", interrupts("VSSI")), ("Sscofpmf", interrupts("LCOFI"))),
        fields=_PENDING,
    )
    csr(0x34A, "mtinst", "Machine Trap Instruction (mtinst) Register", storage="mtinst", needs="H")
    csr(0x34B, "mtval2", "Machine Second Trap Value (mtval2) Register", storage="mtval2", needs="H")
    text = "Physical Memory Protection CSRs"
    for n in (0, 2):
        csr(0x3A0 + n, f"pmpcfg{n}", text, read="pmpcfg", write="pmpcfg", writable=0x9F9F_9F9F_9F9F_9F9F)
    for n in range(16):
        csr(0x3B0 + n, f"pmpaddr{n}", text, storage=f"pmpaddr[{n}]", write="pmpaddr", writable=(1 << 54) - 1)
    # No triggers: tselect holds only 0, and type 0 in tdata1 and in tinfo says that this one does not exist.
    for number, name in ((0x7A0, "tselect"), (0x7A1, "tdata1"), (0x7A2, "tdata2"), (0x7A3, "tdata3")):
        csr(number, name, "Sdtrig, Trigger Module Registers", writable=0)
    csr(0x7A4, "tinfo", "Sdtrig, Trigger Module Registers", writable=0, read="tinfo")
    text = "Hardware Performance Monitor"
    csr(0xB00, "mcycle", text, read="counter", write="counter")
    csr(0xB02, "minstret", text, read="counter", write="counter")
    for n in range(3, 32):
        csr(0xB00 + n, f"mhpmcounter{n}", text, read="counter", write="counter", needs="Zihpm")
        csr(
            0x320 + n,
            f"mhpmevent{n}",
            text,
            storage=f"mhpmevent[{n - 3}]",
            write="mhpmevent",
            needs="Zihpm",
            writable=mask_of(HPMEVENT["EVENT"]),
            fields=HPMEVENT,
            extra=(("Sscofpmf", fields_mask(HPMEVENT, "OF", "MINH", "SINH", "UINH")),),
        )


CSRS: list[Csr] = _rows()
BY_NUMBER: dict[int, Csr] = {row.number: row for row in CSRS}
BY_NAME: dict[str, Csr] = {row.name: row for row in CSRS}

#: Events that mhpmevent can select ("Hardware Performance Monitor" leaves the numbers to the implementation).
HPM_EVENTS: dict[int, str] = {
    0: "nothing", 1: "cycles", 2: "instructions retired", 3: "exceptions", 4: "interrupts", 5: "TLB fills",
    6: "page-table walks",
}  # fmt: skip
