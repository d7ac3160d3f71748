"""Vector mask instructions ("Vector Mask Instructions")."""

from .dsl import instruction

_LOGIC = ("vmandn", "vmand", "vmor", "vmxor", "vmorn", "vmnand", "vmnor", "vmxnor")


def _logic(number: int, name: str) -> None:
    def definition() -> tuple:
        return "v_mask_logic", number

    instruction(f"011{number:03b} 1 vs2 vs1 010 vd 1010111", "vd, vs2, vs1", name=f"{name}.mm")(definition)


for _number, _name in enumerate(_LOGIC):
    _logic(_number, _name)


@instruction("010000 vm vs2 10000 010 rd 1010111", "rd, vs2, vm")
def vcpop_m():
    return "v_count", 0


@instruction("010000 vm vs2 10001 010 rd 1010111", "rd, vs2, vm")
def vfirst_m():
    return "v_count", 1


@instruction("010100 vm vs2 00001 010 vd 1010111", "vd, vs2, vm")
def vmsbf_m():
    return "v_set_first", 1


@instruction("010100 vm vs2 00010 010 vd 1010111", "vd, vs2, vm")
def vmsof_m():
    return "v_set_first", 2


@instruction("010100 vm vs2 00011 010 vd 1010111", "vd, vs2, vm")
def vmsif_m():
    return "v_set_first", 3


@instruction("010100 vm vs2 10000 010 vd 1010111", "vd, vs2, vm")
def viota_m():
    return "v_iota"


@instruction("010100 vm 00000 10001 010 vd 1010111", "vd, vm")
def vid_v():
    return "v_id"
