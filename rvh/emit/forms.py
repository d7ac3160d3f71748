"""Instructions whose common uses have an operand fixed get a handler of their own: li, mv, j, ret, beqz and the like.

The decoder tries these rows before the general one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..isa import INSNS


@dataclass(frozen=True)
class Form:
    """``base`` with the fields in ``fixed`` at these values. Fields whose operand reads x0 count as 0."""

    base: str
    name: str
    fixed: tuple[tuple[str, int], ...]

    @property
    def handler(self) -> str:
        return f"h_{INSNS[self.base].pyname}_{self.name}"

    def operands(self) -> dict[str, str]:
        """The fixed operands as C expressions."""
        return {name: f"(u64){value}" if name != "imm" else f"(i64){value}" for name, value in self.fixed}

    def pattern(self) -> tuple[int, int]:
        """(mask, match) of the words this form covers."""
        p = INSNS[self.base].pattern
        mask, match = p.mask, p.match
        for name, value in self.fixed:
            mask |= p.word_bits(name)
            match |= p.insert(name, value)
        return mask, match


FORMS = [
    Form("addi", "li", (("rs1", 0),)),
    Form("addi", "mv", (("imm", 0),)),
    Form("addi", "nop", (("rd", 0),)),
    Form("add", "mv", (("rs1", 0),)),
    Form("addiw", "sext", (("imm", 0),)),
    Form("jal", "j", (("rd", 0),)),
    Form("jalr", "jr", (("rd", 0),)),
    Form("jalr", "ret", (("rd", 0), ("imm", 0))),
    Form("beq", "z", (("rs2", 0),)),
    Form("bne", "z", (("rs2", 0),)),
    Form("blt", "z", (("rs2", 0),)),
    Form("bge", "z", (("rs2", 0),)),
    Form("blt", "zl", (("rs1", 0),)),
    Form("bge", "zl", (("rs1", 0),)),
    Form("sltu", "snez", (("rs1", 0),)),
    Form("sltiu", "seqz", (("imm", 1),)),
    Form("xori", "not", (("imm", -1),)),
    Form("sub", "neg", (("rs1", 0),)),
    Form("sd", "zero", (("rs2", 0),)),
    Form("sw", "zero", (("rs2", 0),)),
    Form("sb", "zero", (("rs2", 0),)),
]
