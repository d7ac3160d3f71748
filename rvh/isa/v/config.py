"""Setting vtype and vl ("Configuration-Setting Instructions")."""

from .dsl import instruction


@instruction("0 uimm[10:0] rs1 111 rd 1010111", "rd, rs1, vtypei", usual="v_keep")
def vsetvli():
    return "v_configure", "VSET_I"


@instruction("11 uimm[9:0] zimm 111 rd 1010111", "rd, zimm, vtypei", usual="v_keep")
def vsetivli():
    return "v_configure", "VSET_II"


@instruction("1000000 rs2 rs1 111 rd 1010111", "rd, rs1, rs2")
def vsetvl():
    return "v_configure", "VSET_R"
