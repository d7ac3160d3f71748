"""H: the hypervisor instructions (Privileged ISA, "Hypervisor Instructions")."""

from .dsl import GUEST, GUEST_X, i8, i16, i32, insn, is_x0, load, sext, store, system, u8, u16, u32, u64, zext

# -- loads and stores as VS or VU would make them; hlvx needs execute permission instead of read


@insn("0110000 00000 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_b(rs1):
    return sext(load(i8, rs1, GUEST))


@insn("0110000 00001 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_bu(rs1):
    return zext(load(u8, rs1, GUEST))


@insn("0110010 00000 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_h(rs1):
    return sext(load(i16, rs1, GUEST))


@insn("0110010 00001 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_hu(rs1):
    return zext(load(u16, rs1, GUEST))


@insn("0110010 00011 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlvx_hu(rs1):
    return zext(load(u16, rs1, GUEST_X))


@insn("0110100 00000 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_w(rs1):
    return sext(load(i32, rs1, GUEST))


@insn("0110100 00001 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_wu(rs1):
    return zext(load(u32, rs1, GUEST))


@insn("0110100 00011 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlvx_wu(rs1):
    return zext(load(u32, rs1, GUEST_X))


@insn("0110110 00000 rs1 100 rd 1110011", "rd, (rs1)", ext="H")
def hlv_d(rs1):
    return load(u64, rs1, GUEST)


@insn("0110001 rs2 rs1 100 00000 1110011", "rs2, (rs1)", ext="H")
def hsv_b(rs1, rs2):
    store(u8, rs1, rs2, GUEST)


@insn("0110011 rs2 rs1 100 00000 1110011", "rs2, (rs1)", ext="H")
def hsv_h(rs1, rs2):
    store(u16, rs1, rs2, GUEST)


@insn("0110101 rs2 rs1 100 00000 1110011", "rs2, (rs1)", ext="H")
def hsv_w(rs1, rs2):
    store(u32, rs1, rs2, GUEST)


@insn("0110111 rs2 rs1 100 00000 1110011", "rs2, (rs1)", ext="H")
def hsv_d(rs1, rs2):
    store(u64, rs1, rs2, GUEST)


# -- fences


@insn("0010001 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="H")
def hfence_vvma(rs1, rs2):
    system("do_hfence_vvma", rs1, rs2, is_x0(rs1), is_x0(rs2))


@insn("0110001 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="H")
def hfence_gvma(rs1, rs2):
    system("do_hfence_gvma", rs1, rs2, is_x0(rs1), is_x0(rs2))


@insn("0010011 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="Svinval+H")
def hinval_vvma(rs1, rs2):
    system("do_hfence_vvma", rs1, rs2, is_x0(rs1), is_x0(rs2))


@insn("0110011 rs2 rs1 000 00000 1110011", "rs1, rs2", ext="Svinval+H")
def hinval_gvma(rs1, rs2):
    system("do_hfence_gvma", rs1, rs2, is_x0(rs1), is_x0(rs2))
