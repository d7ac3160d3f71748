"""Vector loads and stores ("Vector Loads and Stores"): one mnemonic for each width and number of fields."""

from .dsl import instruction

_WIDTHS = {8: "000", 16: "101", 32: "110", 64: "111"}


def _access(name: str, pattern: str, syntax: str, helper: str, *args: int, usual: str = "") -> None:
    def definition() -> tuple:
        return helper, *args

    instruction(pattern, syntax, name=name, usual=usual)(definition)


def _all() -> None:
    for opcode, letter, data in (("0000111", "l", "vd"), ("0100111", "s", "vs3")):
        which = "load" if letter == "l" else "store"
        for size, (eew, width) in enumerate(_WIDTHS.items()):  # size: log2 of the bytes
            for fields in range(1, 9):
                nf, seg = f"{fields - 1:03b}", f"seg{fields}" if fields > 1 else ""
                end = f"{width} {data} {opcode}"
                name = f"v{letter}{seg}e{eew}.v"
                usual = f"v_{which}_plain" if fields == 1 else ""
                pattern = f"{nf} 000 vm 00000 rs1 {end}"
                _access(name, pattern, f"{data}, (rs1), vm", f"v_{which}_unit", size, usual=usual)
                if letter == "l":
                    name = f"vl{seg}e{eew}ff.v"
                    _access(name, f"{nf} 000 vm 10000 rs1 {end}", f"{data}, (rs1), vm", "v_load_first", size)
                name = f"v{letter}s{seg}e{eew}.v"
                _access(name, f"{nf} 010 vm rs2 rs1 {end}", f"{data}, (rs1), rs2, vm", f"v_{which}_strided")
                for order, bits in (("u", "001"), ("o", "011")):
                    name = f"v{letter}{order}x{seg}ei{eew}.v"
                    _access(name, f"{nf} {bits} vm vs2 rs1 {end}", f"{data}, (rs1), vs2, vm", f"v_{which}_indexed")
            if letter == "l":
                for n in (1, 2, 4, 8):
                    pattern = f"{n - 1:03b} 000 1 01000 rs1 {width} vd {opcode}"
                    _access(f"vl{n}re{eew}.v", pattern, "vd, (rs1)", "v_load_whole")
        _access(f"v{letter}m.v", f"000 000 1 01011 rs1 000 {data} {opcode}", f"{data}, (rs1)", f"v_{which}_mask")
    for n in (1, 2, 4, 8):
        _access(f"vs{n}r.v", f"{n - 1:03b} 000 1 01000 rs1 000 vs3 0100111", "vs3, (rs1)", "v_store_whole")


_all()
