"""Vector permutation instructions ("Vector Permutation Instructions"), and the moves that merge's encodings hold."""

from .dsl import arithmetic, instruction


def _form(name: str, funct6: str, field: str, funct3: str, written: str, *call: object) -> None:
    def definition() -> tuple:
        return call

    instruction(f"{funct6} vm vs2 {field} {funct3} vd 1010111", f"vd, vs2, {written}, vm", name=name)(definition)


_form("vslideup.vx", "001110", "rs1", "100", "rs1", "v_slide_up", "FORM_X")
_form("vslideup.vi", "001110", "uimm[4:0]", "011", "uimm", "v_slide_up", "FORM_U")
_form("vslidedown.vx", "001111", "rs1", "100", "rs1", "v_slide_down", "FORM_X")
_form("vslidedown.vi", "001111", "uimm[4:0]", "011", "uimm", "v_slide_down", "FORM_U")
_form("vslide1up.vx", "001110", "rs1", "110", "rs1", "v_slide_1", "FORM_X", 1)
_form("vslide1down.vx", "001111", "rs1", "110", "rs1", "v_slide_1", "FORM_X", 0)
_form("vrgather.vv", "001100", "vs1", "000", "vs1", "v_gather", "FORM_V", 0)
_form("vrgatherei16.vv", "001110", "vs1", "000", "vs1", "v_gather", "FORM_V", 1)
_form("vrgather.vx", "001100", "rs1", "100", "rs1", "v_gather", "FORM_X", 0)
_form("vrgather.vi", "001100", "uimm[4:0]", "011", "uimm", "v_gather", "FORM_U", 0)


@instruction("010111 1 vs2 vs1 010 vd 1010111", "vd, vs2, vs1")
def vcompress_vm():
    return "v_compress"


@instruction("010000 1 vs2 00000 010 rd 1010111", "rd, vs2")
def vmv_x_s():
    return "v_move_scalar", 0


@instruction("010000 1 00000 rs1 110 vd 1010111", "vd, rs1")
def vmv_s_x():
    return "v_move_scalar", 1


def _whole(n: int) -> None:
    def definition() -> tuple:
        return "v_move_whole", n

    instruction(f"100111 1 vs2 {n - 1:05b} 011 vd 1010111", "vd, vs2", name=f"vmv{n}r.v")(definition)


for _n in (1, 2, 4, 8):
    _whole(_n)


def _move(name: str, field: str, funct3: str, written: str, form: str) -> None:
    def definition() -> tuple:
        return "v_arith", "V_VMV", form

    instruction(f"010111 1 00000 {field} {funct3} vd 1010111", f"vd, {written}", name=name)(definition)


@arithmetic("I", "010111", "")
def vmv(vs1):
    return vs1


_move("vmv.v.v", "vs1", "000", "vs1", "FORM_V")
_move("vmv.v.x", "rs1", "100", "rs1", "FORM_X")
_move("vmv.v.i", "imm[4:0]", "011", "imm", "FORM_I")
