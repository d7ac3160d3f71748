"""Environment calls, trap returns, fences, waiting, and cache-block management.

What these do to the hart is in the helpers they name; who may execute them is in access.py.
"""

from .dsl import BLOCK_PC, OP, helper, insn, is_x0, system, xret

# -- memory ordering (Unprivileged ISA, "RV32I" and "Zifencei")


@insn("fm pred succ any[9:5] 000 any[4:0] 0001111", "pred, succ")
def fence():
    """Harts run one at a time and see memory in program order."""


@insn("1000 0011 0011 00000 000 00000 0001111", refines="fence")
def fence_tso():
    """A fence with fewer orderings."""


@insn("0000 0001 0000 00000 000 00000 0001111", ext="Zihintpause", refines="fence")
def pause():
    """A hint without effect on a hart that runs alone."""


@insn("any[16:0] 001 any[21:17] 0001111", ext="Zifencei")
def fence_i():
    system("do_fence_i")


# -- calls and returns (Privileged ISA, "Machine-Mode Privileged Instructions")


@insn("000000000000 00000 000 00000 1110011")
def ecall():
    system("do_ecall")


@insn("000000000001 00000 000 00000 1110011")
def ebreak(pc):
    system("do_ebreak", pc)


@insn("0011000 00010 00000 000 00000 1110011")
def mret():
    xret("do_mret")


@insn("0111000 00010 00000 000 00000 1110011", ext="Smrnmi")
def mnret():
    xret("do_mnret")


@insn("0001000 00010 00000 000 00000 1110011", ext="S")
def sret():
    xret("do_sret")


@insn("0001000 00101 00000 000 00000 1110011")
def wfi():
    system("do_wfi")


# -- address-translation fences (Privileged ISA, "Supervisor Memory-Management Fence Instruction", "Svinval")


@insn("0001001 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="S")
def sfence_vma(rs1, rs2):
    system("do_sfence_vma", rs1, rs2, is_x0(rs1), is_x0(rs2))


@insn("0001011 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="Svinval")
def sinval_vma(rs1, rs2):
    system("do_sfence_vma", rs1, rs2, is_x0(rs1), is_x0(rs2))


@insn("0001100 00000 00000 000 00000 1110011", ext="Svinval")
def sfence_w_inval():
    system("do_sfence_w_inval")


@insn("0001100 00001 00000 000 00000 1110011", ext="Svinval")
def sfence_inval_ir():
    system("do_sfence_inval_ir")


# -- waiting on a reservation (Unprivileged ISA, "Zawrs")


@insn("000000001101 00000 000 00000 1110011", ext="Zawrs")
def wrs_nto():
    system("do_wrs", 1)


@insn("000000011101 00000 000 00000 1110011", ext="Zawrs")
def wrs_sto():
    system("do_wrs", 0)


# -- cache blocks (Unprivileged ISA, "CMO")


@insn("000000000000 rs1 010 00000 0001111", "(rs1)", ext="Zicbom")
def cbo_inval(rs1):
    helper("do_cbo", OP, BLOCK_PC, 0, rs1)


@insn("000000000001 rs1 010 00000 0001111", "(rs1)", ext="Zicbom")
def cbo_clean(rs1):
    helper("do_cbo", OP, BLOCK_PC, 1, rs1)


@insn("000000000010 rs1 010 00000 0001111", "(rs1)", ext="Zicbom")
def cbo_flush(rs1):
    helper("do_cbo", OP, BLOCK_PC, 2, rs1)


@insn("000000000100 rs1 010 00000 0001111", "(rs1)", ext="Zicboz")
def cbo_zero(rs1):
    helper("do_cbo", OP, BLOCK_PC, 4, rs1)


@insn("imm[11:5] 00000 rs1 110 00000 0010011", "imm(rs1)", ext="Zicbop", refines="ori")
def prefetch_i():
    """A hint: there is no cache to fill."""


@insn("imm[11:5] 00001 rs1 110 00000 0010011", "imm(rs1)", ext="Zicbop", refines="ori")
def prefetch_r():
    """A hint: there is no cache to fill."""


@insn("imm[11:5] 00011 rs1 110 00000 0010011", "imm(rs1)", ext="Zicbop", refines="ori")
def prefetch_w():
    """A hint: there is no cache to fill."""
