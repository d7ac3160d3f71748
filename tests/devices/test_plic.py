"""The PLIC against its specification: gateways, priorities, thresholds, claim and completion."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rvh._fast import Plic

PENDING, ENABLE, CONTEXT = 0x1000, 0x2000, 0x200000


@pytest.fixture
def plic():
    return Plic(2)


def enable(plic, source, ctx=1, priority=1):
    plic.write(4 * source, 4, priority)
    at = ENABLE + 0x80 * ctx + 4 * (source // 32)
    plic.write(at, 4, plic.read(at, 4) | 1 << source % 32)


def claim(plic, ctx=1):
    return plic.read(CONTEXT + 0x1000 * ctx + 4, 4)


def complete(plic, source, ctx=1):
    plic.write(CONTEXT + 0x1000 * ctx + 4, 4, source)


def threshold(plic, value, ctx=1):
    plic.write(CONTEXT + 0x1000 * ctx, 4, value)


def pending(plic, source):
    return bool(plic.read(PENDING + 4 * (source // 32), 4) >> source % 32 & 1)


@pytest.mark.parametrize("source", [1, 31, 32, 63, 64, 95])
def test_claim_and_complete(plic, source):
    enable(plic, source)
    assert not plic.context_level(1)
    plic.set_level(source, True)
    assert pending(plic, source) and plic.context_level(1) and not plic.context_level(3)
    assert claim(plic) == source
    assert not pending(plic, source) and not plic.context_level(1)
    assert claim(plic) == 0
    plic.set_level(source, False)
    complete(plic, source)
    assert not plic.context_level(1)


def test_level_still_up_at_completion_asks_again(plic):
    enable(plic, 5)
    plic.set_level(5, True)
    assert claim(plic) == 5
    plic.set_level(5, True)
    assert not pending(plic, 5)  # one request in flight at a time
    complete(plic, 5)
    assert plic.context_level(1) and claim(plic) == 5


def test_level_that_drops_does_not_withdraw_the_request(plic):
    enable(plic, 5)
    plic.set_level(5, True)
    plic.set_level(5, False)
    assert plic.context_level(1)
    assert claim(plic) == 5
    complete(plic, 5)
    assert claim(plic) == 0


def test_priority_decides_then_the_lower_number(plic):
    for source, priority in ((3, 2), (4, 7), (70, 7), (2, 1)):
        enable(plic, source, priority=priority)
        plic.set_level(source, True)
    assert [claim(plic) for _ in range(5)] == [4, 70, 3, 2, 0]


def test_threshold_masks_the_line_but_not_the_claim(plic):
    enable(plic, 7, priority=3)
    plic.set_level(7, True)
    threshold(plic, 3)
    assert not plic.context_level(1)
    threshold(plic, 2)
    assert plic.context_level(1)
    threshold(plic, 7)
    assert not plic.context_level(1) and claim(plic) == 7


def test_priority_zero_never_interrupts(plic):
    enable(plic, 7, priority=0)
    plic.set_level(7, True)
    assert pending(plic, 7) and not plic.context_level(1) and claim(plic) == 0
    plic.write(4 * 7, 4, 1)
    assert plic.context_level(1)


def test_every_register_is_re_evaluated(plic):
    plic.set_level(9, True)
    assert not plic.context_level(1)
    enable(plic, 9)
    assert plic.context_level(1)
    plic.write(ENABLE + 0x80, 4, 0)
    assert not plic.context_level(1)
    plic.write(ENABLE + 0x80, 4, 1 << 9)
    assert plic.context_level(1)
    plic.write(4 * 9, 4, 0)
    assert not plic.context_level(1)


def test_a_claim_by_one_context_lowers_the_others(plic):
    for ctx in (1, 3):
        enable(plic, 8, ctx)
    plic.set_level(8, True)
    assert plic.context_level(1) and plic.context_level(3)
    assert claim(plic, 3) == 8
    assert not plic.context_level(1) and claim(plic, 1) == 0
    complete(plic, 8, 3)
    assert plic.context_level(1)


def test_completion_of_a_source_not_enabled_is_ignored(plic):
    enable(plic, 8)
    plic.set_level(8, True)
    assert claim(plic) == 8
    complete(plic, 8, ctx=3)
    assert not pending(plic, 8)
    plic.write(ENABLE + 0x80, 4, 0)
    complete(plic, 8)
    assert not pending(plic, 8)
    plic.write(ENABLE + 0x80, 4, 1 << 8)
    complete(plic, 8)
    assert pending(plic, 8)


def test_warl(plic):
    plic.write(4 * 3, 4, 0xFFFFFFFF)
    assert plic.read(4 * 3, 4) == 7
    plic.write(0, 4, 5)
    assert plic.read(0, 4) == 0
    plic.write(ENABLE, 4, 0xFFFFFFFF)
    assert plic.read(ENABLE, 4) == 0xFFFFFFFE
    threshold(plic, 0xFF, 0)
    assert plic.read(CONTEXT, 4) == 7
    plic.write(PENDING, 4, 0xFFFFFFFF)
    assert plic.read(PENDING, 4) == 0


HOLES = [0x180, 0x100C, ENABLE + 12, ENABLE + 0x80 * 4, CONTEXT + 8, CONTEXT + 0x4000, 0x5FFFFC]


@pytest.mark.parametrize("offset", HOLES)
def test_holes_read_zero_and_swallow_writes(plic, offset):
    before = plic.state()
    plic.write(offset, 4, 0xFFFFFFFF)
    assert plic.read(offset, 4) == 0
    assert plic.state() == before


@pytest.mark.parametrize("source", [0, 96, 1023, 0xFFFFFFFF])
def test_sources_that_do_not_exist(plic, source):
    before = plic.state()
    plic.set_level(source, True)
    complete(plic, source)
    assert plic.state() == before


def test_state_round_trip(plic):
    enable(plic, 40, priority=3)
    enable(plic, 41, ctx=2, priority=5)
    plic.set_level(40, True)
    plic.set_level(41, True)
    claim(plic)
    other = Plic(2)
    other.restore(plic.state())
    assert other.state() == plic.state()
    assert [other.context_level(ctx) for ctx in range(4)] == [plic.context_level(ctx) for ctx in range(4)]
    with pytest.raises(ValueError, match="another number of harts"):
        Plic(1).restore(plic.state())


def test_reset_keeps_the_wires(plic):
    enable(plic, 4)
    plic.set_level(4, True)
    claim(plic)
    plic.reset()
    assert plic.read(4 * 4, 4) == 0 and not plic.context_level(1)
    enable(plic, 4)
    assert plic.context_level(1)


def test_64_harts():
    plic = Plic(64)
    enable(plic, 1, ctx=127)
    plic.set_level(1, True)
    assert [ctx for ctx in range(128) if plic.context_level(ctx)] == [127]
    for harts in (0, 65):
        with pytest.raises(ValueError, match="1 to 64 harts"):
            Plic(harts)


class Model:
    """The specification's words, one variable per register bit and no cleverness."""

    def __init__(self, contexts):
        self.level, self.pending, self.claimed = set(), set(), set()
        self.priority = dict.fromkeys(range(96), 0)
        self.enabled = [set() for _ in range(contexts)]
        self.threshold = [0] * contexts

    def gateways(self):
        self.pending |= self.level - self.claimed

    def best(self, ctx):
        candidates = [s for s in self.pending & self.enabled[ctx] if self.priority[s]]
        return min(candidates, key=lambda s: (-self.priority[s], s), default=0)

    def line(self, ctx):
        return any(self.priority[s] > self.threshold[ctx] for s in self.pending & self.enabled[ctx])

    def claim(self, ctx):
        source = self.best(ctx)
        if source:
            self.pending.discard(source)
            self.claimed.add(source)
        return source

    def complete(self, ctx, source):
        if source in self.enabled[ctx]:
            self.claimed.discard(source)
            self.gateways()


SOURCES = st.sampled_from([1, 2, 3, 31, 32, 33, 64, 95])
CONTEXTS = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("level"), SOURCES, st.booleans()),
    st.tuples(st.just("priority"), SOURCES, st.integers(0, 7)),
    st.tuples(st.just("enable"), CONTEXTS, SOURCES, st.booleans()),
    st.tuples(st.just("threshold"), CONTEXTS, st.integers(0, 7)),
    st.tuples(st.just("claim"), CONTEXTS),
    st.tuples(st.just("complete"), CONTEXTS, SOURCES),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=80))
def test_against_a_model(steps):
    plic, model = Plic(2), Model(4)
    for source in (1, 33, 95):  # most sequences should have something to do
        enable(plic, source, 1, 2)
        model.priority[source] = 2
        model.enabled[1].add(source)
    for step, *args in steps:
        if step == "level":
            source, level = args
            plic.set_level(source, level)
            (model.level.add if level else model.level.discard)(source)
            model.gateways()
        elif step == "priority":
            source, model.priority[args[0]] = args
            plic.write(4 * source, 4, args[1])
        elif step == "enable":
            ctx, source, on = args
            (model.enabled[ctx].add if on else model.enabled[ctx].discard)(source)
            word = source // 32
            bits = sum(1 << s % 32 for s in model.enabled[ctx] if s // 32 == word)
            plic.write(ENABLE + 0x80 * ctx + 4 * word, 4, bits)
        elif step == "threshold":
            model.threshold[args[0]] = args[1]
            threshold(plic, args[1], args[0])
        elif step == "claim":
            assert claim(plic, args[0]) == model.claim(args[0])
        else:
            complete(plic, args[1], args[0])
            model.complete(*args)
        assert [plic.context_level(ctx) for ctx in range(4)] == [model.line(ctx) for ctx in range(4)]
        assert {s for s in range(96) if pending(plic, s)} == model.pending
