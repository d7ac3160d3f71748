"""What the frameworks for riscv-arch-test want to know of a device under test, written out for rvh.

The files lie in ``riscof/`` and ``act4/`` beside this one. Where a description depends on the instruction set, a name
between two ``@`` stands for it, and a line that ends in ``# with X Y`` is for machines with the extensions X and Y.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, UsageError, os_reason
from ..isa import extensions
from ..machine import DEFAULT_ISA

__all__ = ["FRAMEWORKS", "sail_overrides", "udb_names", "write"]

FRAMEWORKS = ("riscof", "act4")
_HERE = Path(__file__).parent

#: The extensions beyond single letters that RISCOF's validator (riscv-config 3.18) knows, in its order.
_RISCOF_ORDER = (
    "Zicbom Zicbop Zicboz Zicfilp Zicfiss Zicntr Zicond Zicsr Zifencei Zihintpause Zihpm Zimop Zabha Zacas "
    "Zfa Zfh Zca Zcb Zcd Zcmop Zba Zbb Zbc Zbkb Zbkc Zbkx Zbs Zknd Zkne Zknh Zksed Zksh Zkt"
).split()


def riscof_isa(names: frozenset[str]) -> str:
    """``RV64IMAFDCSUZicsr_...`` in the spelling and order of RISCOF, with the extensions that it knows. It has no tests
    of H, which stays out."""
    letters = _letters(names)
    known = [name for name in _RISCOF_ORDER if name in names]
    category = "IEMAFDQLCBJKTPVNSHU"
    known.sort(key=lambda name: (category.index(name[1].upper()), name))
    return f"RV64{letters}{'_'.join(known)}"


def _letters(names: frozenset[str]) -> str:
    return "".join(letter for letter in "IMAFDCSU" if letter in names)


def _misa_letters(names: frozenset[str]) -> int:
    return sum(1 << ord(letter) - ord("A") for letter in _letters(names))


def udb_names(names: frozenset[str]) -> list[str]:
    """The extensions as UDB, and the Sail model after it, spell them."""
    spelt = {name.capitalize() for name in extensions.isa_list(names)} | {"Sm"}
    spelt |= {name for name in names if len(name) == 1 or name.startswith("Sv")}
    spelt |= {part for whole, parts in _UDB_PARTS.items() if whole in names for part in parts}
    if {"Zba", "Zbb", "Zbs"} <= names:
        spelt.add("B")
    return sorted(spelt - _UDB_NOT_DESCRIBED)


def _udb_extensions(names: frozenset[str]) -> str:
    """The list ``implemented_extensions`` of a UDB configuration; versions are those of the ratified specifications."""
    rows = (f'  - {{ name: {name}, version: "= {_UDB_VERSIONS.get(name, "1.0.0")}" }}' for name in udb_names(names))
    return "\n".join(rows)


#: Extensions whose parameters UDB names differently from release to release; their tests are not selected.
_UDB_NOT_DESCRIBED = {"Sdtrig", "Smrnmi"}
_UDB_PARTS = {"A": ("Zaamo", "Zalrsc"), "M": ("Zmmul",), "S": ("Svbare",)}
_UDB_VERSIONS = {
    "A": "2.1.0", "C": "2.0.0", "D": "2.2.0", "F": "2.2.0", "I": "2.1.0", "M": "2.0.0", "S": "1.13.0", "Sm": "1.13.0",
    "Zicntr": "2.0.0", "Zicsr": "2.0.0", "Zifencei": "2.0.0", "Zihintpause": "2.0.0", "Zihpm": "2.0.0",
}  # fmt: skip


def _udb_tval(names: frozenset[str]) -> str:
    """xtval holds the address or the instruction wherever it may; htval the guest physical address."""
    accesses = [
        f"{a}_{b}" for a in ("INSTRUCTION", "LOAD", "STORE_AMO") for b in ("ACCESS_FAULT", "MISALIGNED", "PAGE_FAULT")
    ]
    out = []
    for level, needs in (("MTVAL", "M"), ("STVAL", "S"), ("VSTVAL", "H")):
        if needs in names or needs == "M":
            own = [kind for kind in accesses if "S" in names or "PAGE" not in kind]
            out += [f"REPORT_VA_IN_{level}_ON_{kind}" for kind in ("BREAKPOINT", *own)]
            out.append(f"REPORT_ENCODING_IN_{level}_ON_ILLEGAL_INSTRUCTION")
    if "H" in names:
        out += ["REPORT_ENCODING_IN_VSTVAL_ON_VIRTUAL_INSTRUCTION", "REPORT_GPA_IN_HTVAL_ON_GUEST_PAGE_FAULT"]
        kinds = ("INSTRUCTION", "INTERMEDIATE", "LOAD", "STORE_AMO")
        out += [f"REPORT_GPA_IN_TVAL_ON_{kind}_GUEST_PAGE_FAULT" for kind in kinds]
    return "\n".join(f"  {name}: true" for name in out)


def _udb_software_check(names: frozenset[str]) -> str:
    """xtval holds the code of a software-check exception; UDB asks for every level of either extension."""
    kinds = [("Zicfilp", "LANDING_PAD"), ("Zicfiss", "SHADOW_STACK")]
    return "\n".join(
        f"  REPORT_CAUSE_IN_{level}_ON_{kind}_SOFTWARE_CHECK: true"
        for name, kind in kinds
        if name in names
        for level in ("MTVAL", "STVAL", "VSTVAL")
    )


def _udb_vectors(names: frozenset[str]) -> str:
    """What the vector chapter leaves open (docs/decisions/0005-vectors.md), and mstatus.VS without them."""
    on = "Zve32x" in names
    rows: dict[str, object] = {}
    if on or "S" in names:
        rows["MSTATUS_VS_LEGAL_VALUES"] = "[0, 1, 2, 3]" if on else "[0]"
    if on:
        rows |= {
            "VLEN": max(int(name[3:-1]) for name in names if re.fullmatch(r"Zvl\d+b", name)),
            "ELEN": 64 if "Zve64x" in names else 32,
            "VECTOR_LS_INDEX_MAX_EEW": '"XLEN"' if "Zve64x" in names else '"32"',
            **_UDB_VECTORS,
        }
        rows |= {"MUTABLE_MISA_V": "false"} if "V" in names else {}
        rows |= {"VSSTATUS_VS_EXISTS": "true"} if "H" in names else {}
    return "\n".join(f"  {name}: {value}" for name, value in rows.items())


_UDB_VECTORS = {
    "SEW_MIN": 8, "FOLLOW_VTYPE_RESET_RECOMMENDATION": "true", "HW_MSTATUS_VS_DIRTY_UPDATE": "precise",
    "RVV_VL_WHEN_AVL_LT_DOUBLE_VLMAX": "VLMAX", "SUPPORT_FRACTIONAL_LMUL_BEYOND_REQUIRED": "no_unrequired_supported",
    "VILL_SET_ON_RESERVED_VTYPE": "true", "RESERVED_VSET_X0X0_VILL_SET": "always",
    "RESERVED_VSET_X0X0_VLMAX_CHANGE": "always", "LEGAL_VSTART": "1_stride",
    "VECTOR_LS_MISALIGNED_LEGAL": "true", "VECTOR_LS_WHOLEREG_MISALIGNED_LEGAL": "true",
    "VECTOR_LS_SEG_PARTIAL_ACCESS": "true", "VECTOR_LOAD_PAST_TRAP": "false",
    "VECTOR_LOAD_SEG_FF_OVERWRITE_ELEMENTS_AFTER_FAULT": "no_overwrite",
    "VECTOR_FF_UPDATE_PAST_TRIM": "update_none", "VECTOR_FF_NO_EXCEPTION_TRIM": "false",
    "VECTOR_FF_SEG_EXCEPTION_PARTIAL_LOAD": "custom", "IMPRECISE_VECTOR_TRAP_SETTABLE": "false",
    "VFREDUSUM_NAN": "custom", "VFREDUSUM_NODE_ROUNDING_BEHAVIOR": "SEW_precision",
    "VFREDUSUM_INACTIVE_NODE_ELEMENT_BEHAVIOR": "copy", "VFREDUSUM_FINAL_NODE_ELEMENT_BEHAVIOR": "copy",
}  # fmt: skip


def _udb_tinst(names: frozenset[str]) -> str:
    """mtinst and htinst hold the transformed instruction of explicit accesses, else 0."""
    if "H" not in names:
        return ""
    accesses = [f"{a}_{b}" for a in ("LOAD", "STORE_AMO") for b in ("ACCESS_FAULT", "ADDRESS_MISALIGNED", "PAGE_FAULT")]
    accesses += [f"FINAL_{a}_GUEST_PAGE_FAULT" for a in ("LOAD", "STORE_AMO")]
    others = ["BREAKPOINT", "FINAL_INSTRUCTION_GUEST_PAGE_FAULT", "INSTRUCTION_ADDRESS_MISALIGNED"]
    others += ["MCALL", "SCALL", "UCALL", "VSCALL", "VIRTUAL_INSTRUCTION"]
    rows = [(name, "always transformed standard instruction") for name in accesses]
    rows += [(name, "always zero") for name in others]
    return "\n".join(f'  TINST_VALUE_ON_{name}: "{value}"' for name, value in rows)


def _udb_counters(names: frozenset[str]) -> str:
    def flags(name: str, *first: bool) -> str:
        return f"  {name}: [{', '.join(str(on).lower() for on in [*first, *[True] * 29])}]"

    rows = [flags("HPM_COUNTER_EN", False, False, False), *(f"  HPM_COUNTER{n}_WIDTH: 64" for n in range(3, 32))]
    rows.append(flags("COUNTINHIBIT_EN", True, False, True))
    levels = (("M", "U"), ("S", "S"), ("H", "H"))
    rows += [flags(f"{level}COUNTENABLE_EN", True, True, True) for level, needs in levels if needs in names]
    return "\n".join(rows)


def sail_overrides(names: frozenset[str]) -> dict[str, object]:
    """Where the reference model would otherwise differ from rvh: keys of its configuration, without what follows from
    the extensions. Vectors, with a level and lengths as powers of two, do not follow."""
    level = "Full" if "V" in names else "Disabled"
    for name, value in (("Zve64d", "Float_double"), ("Zve32f", "Float_single"), ("Zve32x", "Integer")):
        if level == "Disabled" and name in names:
            level = value
    elen = 6 if "Zve64x" in names else 5 if "Zve32x" in names else 3
    vlen = max((int(name[3:-1]).bit_length() - 1 for name in names if re.fullmatch(r"Zvl\d+b", name)), default=3)
    misaligned = {"Some": "AlignmentException"}
    out: dict[str, object] = {
        "base.writable_misa": False,
        "base.mstatus.fs_legal_states": "ExtContext_FourState" if "F" in names else "ExtContext_Off",
        "base.mstatus.vs_legal_states": "ExtContext_FourState" if "Zve32x" in names else "ExtContext_Off",
        "memory.pmp.count": 16,
        "memory.pmp.usable_count": 16,
        "memory.misaligned.exceptions.lrsc": misaligned,
        "memory.misaligned.exceptions.amo": {"None": None} if "Zama16b" in names else misaligned,
        "memory.misaligned.byte_by_byte": True,
        "platform.archid": 0,
        "platform.instructions_per_tick": 100,
        "platform.reservation.require_exact_reservation_addr": True,
        "platform.wfi_available_to_user_mode": False,
        "extensions.V.support_level": level,
        "extensions.V.vlen_exp": vlen,
        "extensions.V.elen_exp": elen,
        "extensions.V.max_index_eew_exp": elen,
    }
    return out | ({"extensions.H.geilen": 0} if "H" in names else {})


_VALUES: dict[str, Callable[[frozenset[str]], str]] = {
    "RISCOF_ISA": riscof_isa,
    "MISA": lambda names: f"{2 << 62 | _misa_letters(names):#x}",
    "MISA_EXTENSIONS": lambda names: f"{_misa_letters(names):#09x}",
    "UDB_EXTENSIONS": _udb_extensions,
    "UDB_TVAL": _udb_tval,
    "UDB_SOFTWARE_CHECK": _udb_software_check,
    "UDB_VECTORS": _udb_vectors,
    "UDB_TINST": _udb_tinst,
    "UDB_COUNTERS": _udb_counters,
    "SAIL_OVERRIDES": lambda names: "\n".join(
        f"  {key}: {json.dumps(value)}" for key, value in sail_overrides(names).items()
    ),
    "UDB_GRANULE": lambda names: "16" if "Zama16b" in names else "0",
    "UDB_MISALIGNED_AMO": lambda names: str("Zama16b" in names).lower(),
}


def write(framework: str, folder: str, isa: str | None = None) -> list[str]:
    """Writes the files of a framework (of FRAMEWORKS) for an instruction set into a folder, which is made; returns
    their paths. Raises UsageError for an ISA that is not understood or files that exist, InputError for what the
    system refuses."""
    try:
        names = extensions.parse(isa or DEFAULT_ISA)
    except extensions.IsaError as error:
        raise UsageError(f"--isa: {error}") from None
    source = _HERE / framework
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc")
    targets = [Path(folder, path.relative_to(source)) for path in files]
    for target in targets:
        if target.exists():
            raise UsageError(f"{target} exists already")
    for path, target in zip(files, targets, strict=True):
        lines = [line for line in path.read_text().splitlines() if _wanted(line, names)]
        text = re.sub(r" *# with [\w ]+$", "", "\n".join(lines) + "\n", flags=re.MULTILINE)
        text = re.sub(r"@([A-Z0-9_]+)@", lambda match: _VALUES[match[1]](names), text)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        except OSError as error:
            raise InputError(target, os_reason(error)) from None
    return [str(target) for target in targets]


def _wanted(line: str, names: frozenset[str]) -> bool:
    condition = re.search(r"# with ([\w ]+)$", line)
    return condition is None or set(condition[1].split()) <= names
