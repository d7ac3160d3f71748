"""Random page tables at both stages against the transcription of the manual in reference_walker.py: checklist M18, and
that nothing remembered outlives the fence that must end it.
"""

import functools
import random

import pytest
import rig as r
from pagetables import (
    ADUE,
    KERNEL,
    KINDS,
    LEVELS,
    MXR,
    PBMTE,
    SUM,
    USER,
    A,
    D,
    Fault,
    R,
    U,
    V,
    W,
    World,
    X,
    transformed,
)
from reference_walker import Failure, Walker
from rig import RAM, RAM_SIZE

CASES = 350
PAIRS = [(vs, g) for vs in ("bare", "sv39", "sv48", "sv57") for g in ("bare", "sv39", "sv48", "sv57")]
CAUSES = {"page": {"fetch": 12, "load": 13, "store": 15}, "guest": {"fetch": 20, "load": 21, "store": 23},
          "access": {"fetch": 1, "load": 5, "store": 7}}  # fmt: skip
#: Pages that translations may end at; none holds code or tables.
PAGES = [RAM + n * 0x1000 for n in (5, 6, 7, 8, 9, 10, 11)]
GPA_X = 0x1_2340_5000  # one more guest page, with tables of its own


class Case:
    """A world whose tables and controls can be shaken and put back."""

    def __init__(self, vs: str, g: str, rng: random.Random):
        self.rng = rng
        self.w = w = World(vs, g)
        # Tables of their own under the addresses played with: the code's translation never changes.
        w.set("mcounteren", 7)
        if w.g.levels:
            w.g.map(GPA_X, PAGES[0], USER)
        self.gpas = [w.data_gpa, w.gpa(PAGES[2])] + ([GPA_X] if w.g.levels else [])
        if w.vs.levels:
            self.vas = [w.va, w.va + 4096, w.va + 0x20_0000]
            for va, gpa in zip(self.vas, self.gpas * 2, strict=False):
                w.vs.map(va, gpa, KERNEL)
        else:
            self.vas = self.gpas
        self.code_slots = set()
        if w.vs.levels:
            for va in (w.code_s, w.code_u):
                self.code_slots |= {w.vs.slot(va, level) for level in range(w.vs.levels)}
        if w.g.levels:
            pages = [w.gpa(r.CODE)] + [w.gpa(slot) for slot in self.code_slots]
            self.code_slots |= {w.g.slot(gpa, level) for gpa in pages for level in range(w.g.levels)}
        self.slots = sorted(self._slots() - self.code_slots)
        self.clean = {slot: w.rig.load(slot) for slot in self.slots}

    def _slots(self) -> set[int]:
        """Every PTE that a translation of our addresses reads."""
        w, slots = self.w, set()
        pages = set(self.gpas)
        if w.vs.levels:
            for va in self.vas:
                mine = {w.vs.slot(va, level) for level in range(w.vs.levels)}
                slots |= mine
                pages |= {w.gpa(slot) for slot in mine}
        if w.g.levels:
            slots |= {w.g.slot(gpa, level) for gpa in pages for level in range(w.g.levels)}
        return slots

    def mutate(self) -> None:
        """Puts everything back but for a few PTEs and the controls, which become random."""
        rng, w = self.rng, self.w
        for slot, pte in self.clean.items():
            w.rig.store(slot, pte)
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            if not self.slots:
                break
            slot = rng.choice(self.slots)
            pte = self.clean[slot]
            for _ in range(rng.choice((1, 1, 2, 4))):
                how = rng.random()
                if how < 0.6:
                    pte ^= 1 << rng.randrange(8)
                elif how < 0.75:
                    pte ^= 1 << rng.choice((8, 9, 54, 60, 61, 61, 62, 62, 63, 63))
                elif how < 0.9:
                    pte = pte & ~(0xFF) | rng.choice((KERNEL, USER, V | R | A | D, V | X | U | A, V | R | U, V))
                else:
                    pte ^= 1 << rng.randrange(10, 54)
            w.rig.store(slot, pte)
        if w.vs.levels and w.g.levels and rng.random() < 0.2:  # an update of A or D that the G-stage may refuse
            slot = w.vs.slot(rng.choice(self.vas))
            w.rig.store(slot, self.clean[slot] & ~rng.choice((A, D, A | D)))
            table = w.g.slot(w.gpa(slot))
            if table in self.clean:
                w.rig.store(table, self.clean[table] & ~rng.choice((W, D, W | D, A)))
        both = lambda bits: sum(b for b in bits if rng.random() < 0.5)  # noqa: E731
        w.csr["mstatus"] = w.csr["mstatus"] & ~(MXR | SUM) | both((MXR, SUM))
        w.csr["vsstatus"] = w.csr["vsstatus"] & ~(MXR | SUM) | both((MXR, SUM))
        keep = ~(ADUE | PBMTE)
        w.csr["menvcfg"] = w.csr["menvcfg"] & keep | both((ADUE, PBMTE))
        w.csr["henvcfg"] = w.csr["henvcfg"] & keep | both((ADUE, PBMTE))

    def fence(self) -> None:
        """The fences for what has changed, in any order, at any of the modes that may execute them."""
        words = [r.HFENCE_VVMA, r.HFENCE_GVMA]
        if self.rng.random() < 0.3:
            words = [r.HINVAL_VVMA, r.HINVAL_GVMA]
        self.rng.shuffle(words)
        for word in words:
            assert self.w.rig.execute(word, mode=self.rng.choice(("M", "HS"))) is None

    def walker(self) -> Walker:
        w = self.w
        csr = w.csr

        def read(pa: int) -> int | None:
            return w.rig.load(pa) if RAM <= pa <= RAM + RAM_SIZE - 8 else None

        return Walker(
            read, csr["vsatp"], csr["hgatp"], bool(csr["vsstatus"] & MXR), bool(csr["vsstatus"] & SUM),
            bool(csr["mstatus"] & MXR), bool(csr["henvcfg"] & ADUE), bool(csr["menvcfg"] & ADUE),
            bool(csr["henvcfg"] & PBMTE), bool(csr["menvcfg"] & PBMTE),
        )  # fmt: skip

    def expected(self, kind: str, va: int, priv: str) -> tuple[Fault | None, int, dict[int, int]]:
        """The fault, or None; the physical address; the PTEs that change."""
        k = KINDS[kind]
        walker = self.walker()
        try:
            pa = walker.two_stage(va, k.original, priv[1], kind == "hlvx")
            if not RAM <= pa < RAM + RAM_SIZE:
                raise Failure("access")
        except Failure as failure:
            tinst = failure.tinst if failure.what == "guest" and failure.tinst is not None else transformed(k.word)
            cause = CAUSES[failure.what][k.original]
            fault = Fault("M", cause, va, failure.gpa >> 2, tinst, True)
            return fault, 0, walker.writes
        return None, pa, walker.writes

    def check(self, kind: str, va: int, priv: str) -> None:
        w = self.w
        value = self.rng.getrandbits(64)
        fault, pa, writes = self.expected(kind, va, priv)
        if fault is None and pa & ~4095 not in PAGES:
            return  # a mutated PTE leads into code or tables
        if fault is None:
            content = r.NOP << 32 | r.NOP
            w.rig.store(pa, content)
        what = f"{kind} {priv} {va:#x}"
        got = w.access(kind, va, priv=priv, value=value, quiet=False)
        assert got == fault, what
        if fault is None:
            if KINDS[kind].original == "load":
                wanted = w.rig.load(pa, KINDS[kind].size)
                assert w.rig.a0 == wanted, what
            elif kind in ("store", "hsv", "mprv-store"):
                assert w.rig.load(pa) == value, what
            elif kind == "amo":
                assert w.rig.load(pa) == (content + value) % (1 << 64), what
        for slot in self.slots:
            if slot in writes:
                assert w.rig.load(slot) == writes[slot], f"{what}: PTE at {slot:#x}"


@functools.cache
def case(vs: str, g: str) -> Case:
    """One for all examples: what differs between them is its randomness."""
    return Case(vs, g, random.Random(0))


def shaken(pair: tuple[str, str], seed: int) -> tuple[Case, int]:
    """The case of a pair of stages with tables and controls shaken, and an address to try, now and then one that is not
    canonical."""
    c = case(*pair)
    c.rng.seed(seed)
    c.mutate()
    va = c.rng.choice(c.vas) + c.rng.choice((0, 8, 0x40))
    if c.rng.random() < 0.05:
        va ^= 1 << c.rng.randrange(38, 64)
    return c, va


@pytest.mark.parametrize("vs, g", PAIRS)
def test_M18_random_tables_translate_as_the_manual_says(vs, g):
    rng = random.Random(f"{vs} {g}")
    case = Case(vs, g, rng)
    faults = 0
    for _ in range(CASES):
        for _ in range(2):  # fill the TLB with what is about to become wrong
            case.w.access(rng.choice(list(KINDS)), rng.choice(case.vas), priv=rng.choice(("VS", "VU")), quiet=False)
        case.mutate()
        case.fence()
        for _ in range(3):
            kind, priv = rng.choice(list(KINDS)), rng.choice(("VS", "VU"))
            va = rng.choice(case.vas) + rng.choice((0, 8, 0x40))
            if rng.random() < 0.03:
                va ^= 1 << rng.randrange(38, 64)
            for _ in range(2):  # the second time perhaps from the TLB
                case.check(kind, va, priv)
            faults += case.expected(kind, va, priv)[0] is not None
    if LEVELS[vs] or LEVELS[g]:
        assert CASES // 4 < faults < CASES * 3 - CASES // 4, f"{faults} faults: the mix is no test"


def test_the_reference_knows_what_is_bad():
    """The reference must not be lenient: a few cases by hand."""
    memory = {0x1000 + 8 * n: 0 for n in range(512)} | {0x1000: 0x5 << 10 | V | R | W | U | A | D}

    def walk(access, hgatp=0, vsatp=8 << 60 | 1, va=0, priv="U", **flags):
        names = ("vs_mxr", "vs_sum", "hs_mxr", "vs_adue", "g_adue", "vs_pbmte", "g_pbmte")
        walker = Walker(memory.get, vsatp, hgatp, *(flags.get(name, False) for name in names))
        try:
            return walker.two_stage(va, access, priv, False)
        except Failure as failure:
            return failure.what

    assert walk("load") == "page"  # a misaligned superpage
    memory[0x1000] = V | R | W | U | A | D
    assert walk("load", va=0x123) == 0x123
    assert walk("fetch") == "page"
    assert walk("load", priv="S") == "page"
    assert walk("load", priv="S", vs_sum=True) == 0
    assert walk("load", va=1 << 39) == "page"
    assert walk("load", hgatp=8 << 60 | 1, vsatp=0, va=1 << 41) == "guest"
    assert walk("load", hgatp=8 << 60 | 1, vsatp=0, va=0x5000) == 0x5000
