"""Pointer masking: checklist N7 (manual: "Pointer Masking Extensions", and PMM in the envcfg registers, mseccfg and
hstatus). What an access reaches is told apart by pages with different contents at the masked and the raw address."""

import pytest
import rig as r
from pagetables import KERNEL, MPRV, MPV, MXR, SPVP, USER, World
from rig import ALL, Rig

PMM = {0: 0, 7: 2, 16: 3}
FIELDS = {"mseccfg": 32, "menvcfg": 32, "senvcfg": 32, "henvcfg": 32, "hstatus": 48}
pmlens = pytest.mark.parametrize("pmlen", [0, 7, 16])
virtuals = pytest.mark.parametrize("vs", ["sv39", "sv48"])


def ignore(va: int, pmlen: int, virtual: bool) -> int:
    """The ignore transformation, as the manual draws it."""
    low = va & ALL >> pmlen
    sign = virtual and low >> 63 - pmlen & 1
    return low | (ALL << 64 - pmlen & ALL if sign and pmlen else 0)


def masking(csr, **lengths: int) -> None:
    """Sets every PMM field: the named ones to a PMLEN, the others to the one that would give another result."""
    for name, shift in FIELDS.items():
        value = PMM[lengths.get(name, 0)]
        csr[name] = csr[name] & ~(3 << shift) | value << shift


@virtuals
@pmlens
@pytest.mark.parametrize("kind", ["load", "store", "amo", "lr", "fetch"])
@pytest.mark.parametrize("priv", ["VS", "VU"])
@pytest.mark.rules(
    "pm_apply_explicit",
    "pm_not_apply_implicit",
    "pm_ignore_va",
    "pm_ignore_upper_bits",
    "pm_per_mode_control",
    "pm_auto_apply_active_mode",
    "pm_config_next_higher",
    "pmlen_supported_values",
    "henvcfg_pmm_op",
    "senvcfg_pmm_Ssnpm",
    "pm_mode_only_dependency",
    "pm_csr_hw_apply",
    "ssnpm_definition",
    "pm_deterministic_effect",
)
def test_N7_a_guest_follows_henvcfg_in_vs_and_senvcfg_in_vu(vs, pmlen, kind, priv):
    w = World(vs)
    w.vs.flags(w.va, KERNEL if priv == "VS" else USER)
    other = {0: 16, 7: 0, 16: 7}[pmlen]
    lengths = {"henvcfg": pmlen, "senvcfg": other} if priv == "VS" else {"senvcfg": pmlen, "henvcfg": other}
    masking(w.csr, **lengths, menvcfg=other, mseccfg=other)
    for tag in (0x1 << 57, 0xA5 << 56, 0x5A5A << 48):
        va = w.va ^ tag
        seen = va if kind == "fetch" else ignore(va, pmlen, True)
        fault = w.access(kind, va, priv)
        assert fault == (None if seen == w.va else w.page_fault(kind, seen))


@virtuals
@pmlens
@pytest.mark.parametrize("kind", ["hlv", "hsv", "hlvx"])
@pytest.mark.parametrize("spvp", ["VS", "VU"])
@pytest.mark.rules("pm_mprv_spvp")
def test_N7_hlv_and_hsv_follow_henvcfg_or_senvcfg_and_hlvx_is_exempt(vs, pmlen, kind, spvp):
    w = World(vs)
    w.vs.flags(w.va, KERNEL if spvp == "VS" else USER)
    masking(w.csr, **{"henvcfg" if spvp == "VS" else "senvcfg": pmlen}, menvcfg=16, hstatus=16)
    va = w.va | 0x33 << 58
    seen = va if kind == "hlvx" else ignore(va, pmlen, True)
    assert w.access(kind, va, spvp) == (None if seen == w.va else w.page_fault(kind, seen))


@pmlens
@pytest.mark.parametrize("mxr", [0, MXR])
@pytest.mark.rules("pm_auto_apply_active_mode")
def test_N7_hlv_of_u_mode_as_vu_follows_hupmm(pmlen, mxr):
    """And does not leave behind, in the TLB, what an access by other rules would find."""
    w = World("sv39")
    w.vs.flags(w.va, USER)
    rig, va = w.rig, w.va | 0x55 << 57
    w.set("hstatus", 1 << 9)
    w.csr["hstatus"] &= ~SPVP
    w.csr["mstatus"] |= mxr
    for other in (0, 7, 16):
        masking(w.csr, hstatus=pmlen, senvcfg=other)
        for mode, length in (("U", pmlen), ("HS", other), ("U", pmlen)):
            expected = None if ignore(va, 0 if mxr else length, True) == w.va else 13
            assert rig.cause(0x6C05C573, mode=mode, a1=va) == expected, (mode, other)  # hlv.d a0, (a1)


@pmlens
@pytest.mark.parametrize("vs_mxr", [0, MXR])
@pytest.mark.parametrize("hs_mxr", [0, MXR])
@pytest.mark.rules("pm_mxr_exception")
def test_N7_no_masking_where_mxr_is_in_effect(pmlen, vs_mxr, hs_mxr):
    w = World("sv39")
    masking(w.csr, henvcfg=pmlen)
    w.set("vsstatus", vs_mxr)
    w.set("mstatus", hs_mxr)
    va = w.va | 1 << 60
    for kind in ("load", "store", "amo"):
        seen = ignore(va, 0 if vs_mxr or hs_mxr else pmlen, True)
        assert w.access(kind, va) == (None if seen == w.va else w.page_fault(kind, seen))
    # vsstatus.MXR is nothing to HS-mode.
    rig = w.rig
    masking(w.csr, menvcfg=pmlen)
    address = r.DATA | 3 << 62
    expected = None if pmlen and not hs_mxr else 5
    assert rig.cause(r.LW, mode="HS", a1=address) == expected


@pmlens
@pytest.mark.parametrize("mode, field", [("M", "mseccfg"), ("HS", "menvcfg"), ("U", "senvcfg"), ("VS", "henvcfg")])
@pytest.mark.rules(
    "menvcfg_pmm_op",
    "menvcfg_pmm_enc",
    "mseccfg_pmm_op",
    "mseccfg_pmm_enc",
    "pm_ignore_pa",
    "pm_all_priv_modes",
    "pm_csr_hw_apply",
    "ssnpm_definition",
    "smnpm_definition",
    "smmpm_definition",
    "pm_mode_only_dependency",
    "pmlen_mode_depend",
    "senvcfg_pmm_Ssnpm",
    "pm_per_mode_control",
    "pm_config_next_higher",
    "pm_deterministic_effect",
)
def test_physical_addresses_are_masked_with_zeros(pmlen, mode, field):
    """With satp, vsatp and hgatp Bare; bit 47 of a masked address does not spread."""
    rig = Rig()
    rig.csr["medeleg"] = 0
    masking(rig.csr, **{field: pmlen})
    rig.store(r.DATA, 0x5A5A_5A5A, 4)
    for tag in (1 << 63, 0x7F << 57, 0xFFFF << 48, 1 << 47):
        address = r.DATA | tag
        seen = ignore(address, pmlen, False)
        trap = rig.execute(r.LW, mode=mode, a1=address)
        if seen == r.DATA:
            assert trap is None and rig.a0 == 0x5A5A_5A5A
        else:
            assert (trap.cause, trap.tval) == (5, seen)


@pmlens
@pytest.mark.rules("pm_mprv_spvp")
def test_mprv_brings_the_masking_of_the_mode_it_names(pmlen):
    w = World("sv39")
    masking(w.csr, henvcfg=pmlen, mseccfg=16, menvcfg=16)
    va = w.va | 1 << 62
    seen = ignore(va, pmlen, True)
    assert w.access("mprv-load", va) == (None if seen == w.va else w.page_fault("mprv-load", seen))


@pmlens
@pytest.mark.rules("pm_misaligned_equivalence")
def test_an_access_across_the_end_of_a_page_is_masked_at_every_byte(pmlen):
    """Past the highest masked address the next byte is at the lowest, not behind a carry into the tag."""
    w = World("sv39")
    masking(w.csr, henvcfg=pmlen)
    w.vs.map(w.va + 4096, w.gpa(r.DATA + 4096), KERNEL)
    w.rig.store(r.DATA + 4092, 0x1111_1111, 4)
    w.rig.store(r.DATA + 4096, 0x2222_2222, 4)
    va = (w.va + 4092) | 0x9 << 58
    fault = w.access("load", va)
    if pmlen:
        assert fault is None and w.rig.a0 == 0x2222_2222_1111_1111
        w.vs.flags(w.va + 4096, 0)
        w.fence()
        # The part that failed is the one on the second page.
        assert w.access("load", va).tval == w.va + 4096
    else:
        assert fault.tval == va


def test_fences_name_addresses_without_tags():
    """SFENCE.VMA with the plain address drops what an access with a tagged one has put into the TLB, superpages too."""
    for level in (0, 1):
        w = World("sv39")
        masking(w.csr, henvcfg=16)
        va = w.va & -(1 << 12 + 9 * level)
        if level:
            w.vs.map(va, w.gpa(r.RAM) & -(1 << 21), KERNEL, level)
        at = va + (r.DATA - r.RAM if level else 0)
        assert w.access("load", at | 0xAB << 56) is None
        w.vs.flags(va, 0, level)
        # HFENCE.VVMA a1, x0; of the superpage, another page than the one that was used
        assert w.rig.execute(0x22058073, mode="HS", a1=va) is None
        assert w.access("load", at | 0xAB << 56) == w.page_fault("load", at)


def test_cache_block_operations_are_masked():
    w = World("sv39")
    rig = w.rig
    masking(w.csr, henvcfg=16)
    rig.store(r.DATA + 64, ALL)
    rig.code(r.CBO_ZERO)
    for va, expected in ((w.va + 64 | 0x77 << 56, None), (w.va + 0x100_0000 | 0x77 << 56, w.va + 0x100_0000)):
        rig.stand("VS", w.code_s)
        rig.hart.x["a1"] = va
        rig.step()
        trap = rig.trap()
        assert (trap and trap.tval) == expected
    assert rig.load(r.DATA + 64) == 0


@pytest.mark.rules("pm_csr_hw_apply")
def test_misaligned_atomics_report_the_masked_address():
    rig = Rig()
    masking(rig.csr, mseccfg=7)
    trap = rig.execute(0x00C5B52F, a1=r.DATA + 12 | 1 << 60)  # amoadd.d
    assert (trap.cause, trap.tval) == (6, r.DATA + 12)


@pytest.mark.rules("pm_no_csr_sw", "pm_not_apply_implicit", "pm_warl_unaffected")
def test_csrs_and_fetches_are_never_masked():
    rig = Rig()
    masking(rig.csr, mseccfg=16, menvcfg=16)
    rig.write("sepc", "HS", 0xABCD_0000_0000_1000)
    assert rig.read("sepc", "HS") == 0xABCD_0000_0000_1000
    rig.stand("M", r.CODE | 1 << 60)
    rig.step()
    trap = rig.trap()
    assert (trap.cause, trap.tval) == (1, r.CODE | 1 << 60)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.rules(
    "MENVCFG_PMM_WARL", "MSECCFG_PMM_WARL", "pmlen_future_reserved", "pmlen_illegal_warl", "pmlen_supported_values"
)
def test_the_reserved_value_is_not_taken(name):
    rig = Rig()
    shift = FIELDS[name]
    for old in (0, 2, 3):
        rig.csr[name] = rig.csr[name] & ~(3 << shift) | old << shift
        rig.csr[name] = rig.csr[name] & ~(3 << shift) | 1 << shift
        assert rig.csr[name] >> shift & 3 == old


@pytest.mark.parametrize("without, zero", [
    ("ssnpm", ["senvcfg", "henvcfg", "hstatus"]), ("smnpm", ["menvcfg"]), ("smmpm", ["mseccfg"]),
])  # fmt: skip
@pytest.mark.rules(
    "menvcfg_pmm_rdonly0",
    "mseccfg_pmm_rdonly0",
    "mseccfg_pmm_presence",
    "senvcfg_pmm_Ssnpm",
    "pmlen_illegal_warl",
    "ssnpm_definition",
    "smnpm_definition",
    "smmpm_definition",
)
def test_without_an_extension_its_fields_are_read_only_zero(without, zero):
    rig = Rig(f"max_no-{without}")
    for name in zero:
        rig.csr[name] = rig.csr[name] | 3 << FIELDS[name]
        assert not rig.csr[name] >> FIELDS[name] & 3


def test_mprv_to_a_guest_uses_the_guests_rules_only():
    """MPRV with MPV: mstatus.MXR counts for both, menvcfg does not."""
    w = World("sv39")
    w.vs.flags(w.va, USER)
    masking(w.csr, senvcfg=7)
    w.set("mstatus", MPRV | MPV)
    va = w.va | 1 << 61
    assert w.access("mprv-load", va, "VU") is None
    w.set("mstatus", MXR)
    assert w.access("mprv-load", va, "VU") == w.page_fault("mprv-load", va)


@pytest.mark.rules("pm_no_trap_vector_mask")
@pytest.mark.parametrize("mode, tvec, into", [("M", "mtvec", "M"), ("U", "stvec", "HS")])
def test_trap_vectors_are_not_masked(mode, tvec, into):
    rig = Rig()
    masking(rig.csr, mseccfg=16, menvcfg=16, senvcfg=16)
    rig.csr["medeleg"] = 0 if into == "M" else ALL
    rig.csr[tvec] = rig.csr[tvec] | 1 << 60
    rig.code(r.EBREAK)
    rig.stand(mode)
    rig.step()
    assert (rig.mode, rig.pc) == (into, rig.csr[tvec])


@pytest.mark.rules("senvcfg_pmm_immediate")
def test_a_write_of_senvcfg_takes_effect_at_once():
    """No fence between: HS-mode writes PMM, U-mode loads."""
    rig = Rig()
    for pmlen in (7, 0, 16, 7, 0):
        rig.write("senvcfg", "HS", PMM[pmlen] << 32)
        address = r.DATA | 1 << 60
        seen = ignore(address, pmlen, False)
        assert rig.cause(r.LW, mode="U", a1=address) == (None if seen == r.DATA else 5)
