"""Which vector loads and stores there are, and which registers each may name, for all of their fields."""

from fractions import Fraction
from typing import NamedTuple

import pytest
from vrig import SETTINGS, SEWS, VectorRig

ISA = "max_v_zvl128b"

WIDTH = {0: 8, 5: 16, 6: 32, 7: 64}
UNIT, UNORDERED, STRIDED, ORDERED = range(4)  # mop
WHOLE, MASK, FIRST = 8, 11, 16  # lumop, sumop
A1, A2 = 11, 12


class Access(NamedTuple):
    """The fields of a vector load or store; ``other`` is lumop, sumop, rs2 or vs2."""

    store: bool
    nf: int
    mew: int
    mop: int
    vm: int
    other: int
    width: int
    vd: int

    def word(self) -> int:
        fields = self.nf << 29 | self.mew << 28 | self.mop << 26 | self.vm << 25 | self.other << 20
        return fields | A1 << 15 | self.width << 12 | self.vd << 7 | (0x27 if self.store else 0x07)

    @property
    def indexed(self) -> bool:
        return self.mop in (UNORDERED, ORDERED)

    def exists(self) -> bool:
        """There is such an instruction, whatever vtype says."""
        if self.mew:
            return False
        if self.mop != UNIT or self.other == 0:
            return True
        if self.other == FIRST:
            return not self.store
        if self.other == WHOLE:
            return self.vm == 1 and self.nf in (0, 1, 3, 7) and not (self.store and self.width)
        return self.other == MASK and self.vm == 1 and self.nf == 0 and self.width == 0

    def legal(self, sew: int, lmul: float, elen: int = 64) -> bool:
        if not self.exists() or WIDTH[self.width] > elen:
            return False
        fields = self.nf + 1
        if self.mop == UNIT and self.other == WHOLE:
            return self.vd % fields == 0
        if self.mop == UNIT and self.other == MASK:
            return True
        emul = Fraction(lmul) * WIDTH[self.width] / sew
        if not Fraction(1, 8) <= emul <= 8:
            return False
        index = max(1, int(emul))  # registers of the group that the width is of
        n = max(1, int(lmul)) if self.indexed else index  # of each field
        if fields * (lmul if self.indexed else emul) > 8 or self.vd % n or self.vd + fields * n > 32:
            return False
        if not self.store and self.vm == 0 and self.vd == 0:
            return False
        return not self.indexed or (self.other % index == 0 and (self.store or self.apart(sew, n, index, emul)))

    def apart(self, sew: int, n: int, index: int, emul: Fraction) -> bool:
        """Destination and index registers overlap only as "Vector Operands" allows, with segments not at all."""
        if self.other >= self.vd + (self.nf + 1) * n or self.vd >= self.other + index:
            return True
        if self.nf or WIDTH[self.width] == sew:
            return not self.nf
        if WIDTH[self.width] > sew:
            return self.vd == self.other
        return emul >= 1 and self.vd + n == self.other + index


def check(rig, accesses: list[Access], sew: int, lmul: float) -> None:
    refused = rig.illegal([access.word() for access in accesses])
    expected = {i for i, access in enumerate(accesses) if not access.legal(sew, lmul)}
    assert 0 < len(expected) < len(accesses)
    assert refused == expected, [accesses[i] for i in sorted(refused ^ expected)][:5]


@pytest.mark.rules("vector_ls_mew_rsv", "vector_ls_seg_wholereg_nf_rsv", "vector_wholels_nf_op")
@pytest.mark.parametrize("store", [False, True])
def test_every_encoding(rig, store):
    """All of nf, mew, mop, vm, the fifth field and the width, with vl=0."""
    accesses = [
        Access(store, nf, mew, mop, vm, other, width, 8)
        for nf in range(8) for mew in (0, 1) for mop in range(4) for vm in (0, 1) for other in range(32)
        for width in WIDTH
    ]  # fmt: skip
    rig.set(0, 8)
    check(rig, accesses, 8, 1)


@pytest.mark.rules("vector_ls_EMUL", "vector_ls_EMUL_rsv", "vector_ls_EMUL_offgroup_rsv", "EMUL_NFIELDS_rsv",
                   "vector_ls_seg_rsv", "vreg_vmask_rsv")  # fmt: skip
@pytest.mark.parametrize("vl", [0, 1])
@pytest.mark.parametrize(
    ("mop", "other", "store"),
    [(UNIT, 0, False), (UNIT, 0, True), (UNIT, FIRST, False), (STRIDED, A2, False), (STRIDED, A2, True),
     (UNIT, WHOLE, False), (UNIT, WHOLE, True)],
)  # fmt: skip
def test_registers_of_accesses(rig, mop, other, store, vl):
    """Every first register, number of fields and width in all settings."""
    accesses = [
        Access(store, nf, 0, mop, vm, other, width, vd)
        for nf in range(8) for vm in (0, 1) for width in WIDTH for vd in range(32)
    ]  # fmt: skip
    for sew, lmul in SETTINGS:
        rig.set(vl, sew, lmul)
        check(rig, accesses, sew, lmul)


@pytest.mark.parametrize("mop", [UNORDERED, ORDERED])
@pytest.mark.parametrize("store", [False, True])
@pytest.mark.parametrize(
    "nf",
    [
        pytest.param(0, marks=pytest.mark.rules("vector_ls_indexed_EMUL")),
        *(
            pytest.param(nf, marks=pytest.mark.rules(
                "vector_ls_seg_indexed_EMUL_op", "vector_ls_seg_indexed_EEW_op",
                "vector_ls_seg_indexed_EMUL_NFIELDS_val", "vector_ls_seg_indexed_vreg_rsv"))
            for nf in (1, 2, 7)
        ),
    ],
)  # fmt: skip
def test_registers_of_indexed_accesses(rig, nf, store, mop):
    """Every pair of data and index registers: the group of the index has the EEW of the instruction, those of the data
    SEW and LMUL."""
    pairs = [(vd, vs2) for vd in range(32) for vs2 in range(32)]
    for sew, lmul in SETTINGS:
        rig.set(0, sew, lmul)
        accesses = [
            Access(store, nf, 0, mop, vm, vs2, width, vd)
            for vm in (1, 0) for width in WIDTH for vd, vs2 in (pairs if vm else pairs[:64])
        ]  # fmt: skip
        refused = rig.illegal([access.word() for access in accesses])
        expected = {i for i, access in enumerate(accesses) if not access.legal(sew, lmul)}
        assert refused == expected, [accesses[i] for i in sorted(refused ^ expected)][:5]


@pytest.mark.rules("vector_ls_ins_req", "vector_ls_ins_rsv", "vector_ls_EEW_rsv")
@pytest.mark.parametrize(("isa", "elen"), [("max_zve32x_zvl128b", 32), ("max_zve64x_zvl128b", 64)])
def test_every_width_of_sew_and_no_other(isa, elen):
    """Of data and of indices; a width that is not there is illegal even with vl=0."""
    rig = VectorRig(isa=isa).fresh()
    rig.set(0, 32)
    for eew in SEWS:
        for text in (f"vle{eew}.v v8, (a1)", f"vse{eew}.v v8, (a1)", f"vle{eew}ff.v v8, (a1)",
                     f"vlse{eew}.v v8, (a1), a2", f"vsse{eew}.v v8, (a1), a2", f"vluxei{eew}.v v8, (a1), v16",
                     f"vsoxei{eew}.v v8, (a1), v16",
                     f"vlseg2e{eew}.v v8, (a1)", f"vl1re{eew}.v v8, (a1)"):  # fmt: skip
            assert (rig.run(text) is None) == (eew <= elen), text
