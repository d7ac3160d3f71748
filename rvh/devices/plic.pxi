# Platform-level interrupt controller ("sifive,plic-1.0.0"), RISC-V PLIC Specification 1.0.0.
#
# 95 level-triggered sources, 7 priorities, two contexts a hart: 2*h drives MEIP, 2*h+1 drives SEIP. A gateway sends one
# request at a time: it is latched in `pending`, stays `claimed` from claim to completion, and only then may the same
# level ask again (chapter 8 and 10 of the specification).

from libc.string cimport memset

cdef extern from *:
    u32 plic_lowest "__builtin_ctz"(u32 bits) nogil

cdef enum:
    PLIC_SOURCES = 96  # source 0 does not exist
    PLIC_WORDS = 3
    PLIC_MAX_CONTEXTS = 128
    PLIC_PRIORITY_MASK = 7
    PLIC_PENDING = 0x1000
    PLIC_ENABLE = 0x2000
    PLIC_ENABLE_STRIDE = 0x80
    PLIC_CONTEXT = 0x200000
    PLIC_CONTEXT_STRIDE = 0x1000
    PLIC_SIZE = 0x600000

cdef struct PlicState:
    u32 contexts
    u8 priority[PLIC_SOURCES]
    u32 level[PLIC_WORDS]
    u32 pending[PLIC_WORDS]
    u32 claimed[PLIC_WORDS]
    u32 enable[PLIC_MAX_CONTEXTS * PLIC_WORDS]
    u32 threshold[PLIC_MAX_CONTEXTS]
    u8 raised[PLIC_MAX_CONTEXTS]
    u64 line[PLIC_MAX_CONTEXTS]  # the mip bit that a context drives
    Hart *hart[PLIC_MAX_CONTEXTS]


cdef u32 plic_best(PlicState *p, u32 ctx, u32 above) noexcept nogil:
    """The pending and enabled source of the highest priority above `above`; the lowest number wins a tie. 0: none."""
    cdef u32 word, bits, source
    cdef u32 best = 0, best_priority = above
    for word in range(PLIC_WORDS):
        bits = p.pending[word] & p.enable[ctx * PLIC_WORDS + word]
        while bits:
            source = word * 32 + plic_lowest(bits)
            bits &= bits - 1
            if p.priority[source] > best_priority:
                best = source
                best_priority = p.priority[source]
    return best


cdef void plic_update(PlicState *p) noexcept nogil:
    """Drives each context's line as the registers now say; only changes reach the harts."""
    cdef u32 ctx
    cdef u8 up
    cdef u32 any_pending = p.pending[0] | p.pending[1] | p.pending[2]
    for ctx in range(p.contexts):
        up = any_pending != 0 and plic_best(p, ctx, p.threshold[ctx]) != 0
        if up != p.raised[ctx]:
            p.raised[ctx] = up
            if p.hart[ctx] != NULL:
                lines_set(p.hart[ctx], p.line[ctx], up)


cdef void plic_gateways(PlicState *p) noexcept nogil:
    """A level that is up, with no request of its source in flight, becomes a request."""
    cdef u32 word
    for word in range(PLIC_WORDS):
        p.pending[word] |= p.level[word] & ~p.claimed[word]


cdef void plic_set(void *plic, u32 source, int level) noexcept nogil:
    """Sets the level of a source's wire. Dropping it does not withdraw a request that was made."""
    cdef PlicState *p = <PlicState *>plic
    if source == 0 or source >= PLIC_SOURCES:
        return
    cdef u32 word = source >> 5
    cdef u32 bit = <u32>1 << (source & 31)
    if not level:
        p.level[word] &= ~bit
        return
    p.level[word] |= bit
    if not (p.pending[word] | p.claimed[word]) & bit:
        p.pending[word] |= bit
        plic_update(p)


cdef u32 plic_claim(PlicState *p, u32 ctx) noexcept nogil:
    """The threshold does not hold back a claim (section 9); a priority of 0 does."""
    cdef u32 source = plic_best(p, ctx, 0)
    cdef u32 bit = <u32>1 << (source & 31)
    if source:
        p.pending[source >> 5] &= ~bit
        p.claimed[source >> 5] |= bit
        plic_update(p)
    return source


cdef void plic_complete(PlicState *p, u32 ctx, u32 source) noexcept nogil:
    """A completion of a source that is not enabled for this context is ignored (section 10)."""
    if source == 0 or source >= PLIC_SOURCES:
        return
    cdef u32 word = source >> 5
    cdef u32 bit = <u32>1 << (source & 31)
    if not p.enable[ctx * PLIC_WORDS + word] & bit:
        return
    p.claimed[word] &= ~bit
    plic_gateways(p)
    plic_update(p)


cdef u64 plic_read(void *dev, Hart *h, u64 off, u32 size) noexcept nogil:
    cdef PlicState *p = <PlicState *>dev
    cdef u64 ctx, word
    if off < 4 * PLIC_SOURCES:
        return p.priority[off >> 2]
    if PLIC_PENDING <= off < PLIC_PENDING + 4 * PLIC_WORDS:
        return p.pending[(off - PLIC_PENDING) >> 2]
    if PLIC_ENABLE <= off < PLIC_ENABLE + PLIC_ENABLE_STRIDE * p.contexts:
        ctx = (off - PLIC_ENABLE) // PLIC_ENABLE_STRIDE
        word = (off % PLIC_ENABLE_STRIDE) >> 2
        return p.enable[ctx * PLIC_WORDS + word] if word < PLIC_WORDS else 0
    if off >= PLIC_CONTEXT:
        ctx = (off - PLIC_CONTEXT) // PLIC_CONTEXT_STRIDE
        if ctx < p.contexts:
            if off % PLIC_CONTEXT_STRIDE == 0:
                return p.threshold[ctx]
            if off % PLIC_CONTEXT_STRIDE == 4:
                return plic_claim(p, <u32>ctx)
    return 0


cdef void plic_write(void *dev, Hart *h, u64 off, u32 size, u64 value) noexcept nogil:
    cdef PlicState *p = <PlicState *>dev
    cdef u64 ctx, word
    if off < 4 * PLIC_SOURCES:
        if off != 0:
            p.priority[off >> 2] = value & PLIC_PRIORITY_MASK
            plic_update(p)
    elif PLIC_ENABLE <= off < PLIC_ENABLE + PLIC_ENABLE_STRIDE * p.contexts:
        ctx = (off - PLIC_ENABLE) // PLIC_ENABLE_STRIDE
        word = (off % PLIC_ENABLE_STRIDE) >> 2
        if word < PLIC_WORDS:
            p.enable[ctx * PLIC_WORDS + word] = <u32>value & ~<u32>(word == 0)
            plic_update(p)
    elif off >= PLIC_CONTEXT:
        ctx = (off - PLIC_CONTEXT) // PLIC_CONTEXT_STRIDE
        if ctx < p.contexts:
            if off % PLIC_CONTEXT_STRIDE == 0:
                p.threshold[ctx] = <u32>value & PLIC_PRIORITY_MASK
                plic_update(p)
            elif off % PLIC_CONTEXT_STRIDE == 4:
                plic_complete(p, <u32>ctx, <u32>value)


cdef class Plic:
    """The interrupt controller. The C side uses `plic_read`, `plic_write` and `plic_set` with a pointer to `c`."""

    cdef PlicState c
    cdef readonly object name, size, access_sizes

    def __init__(self, int harts=1):
        if not 1 <= harts <= PLIC_MAX_CONTEXTS // 2:
            raise ValueError(f"a PLIC serves 1 to {PLIC_MAX_CONTEXTS // 2} harts, not {harts}")
        self.name, self.size, self.access_sizes = "plic", PLIC_SIZE, (4, 4)
        memset(&self.c, 0, sizeof(PlicState))
        self.c.contexts = 2 * harts

    cdef void connect(self, u32 index, Hart *h) noexcept:
        """Gives hart `index` its two external interrupt lines."""
        self.c.hart[2 * index] = h
        self.c.line[2 * index] = 1 << 11
        self.c.hart[2 * index + 1] = h
        self.c.line[2 * index + 1] = 1 << 9

    def set_level(self, u32 source, level):
        """Sets the level of a source's wire, 1 to 95."""
        plic_set(&self.c, source, bool(level))

    def irq(self, u32 source):
        """A function that sets the level of `source`: what a device calls."""
        return lambda level: self.set_level(source, level)

    def context_level(self, u32 ctx):
        """Whether a context's interrupt line is up."""
        if ctx >= self.c.contexts:
            raise IndexError(f"no context {ctx}")
        return bool(self.c.raised[ctx])

    def read(self, u64 offset, u32 size):
        """A load by a hart, claims included."""
        return plic_read(&self.c, NULL, offset, size)

    def write(self, u64 offset, u32 size, u64 value):
        """A store by a hart."""
        plic_write(&self.c, NULL, offset, size, value)

    def reset(self):
        """All registers to zero; the wires keep their levels."""
        cdef u32 word
        for word in range(PLIC_WORDS):
            self.c.pending[word] = self.c.claimed[word] = 0
        memset(self.c.priority, 0, sizeof(self.c.priority))
        memset(self.c.enable, 0, sizeof(self.c.enable))
        memset(self.c.threshold, 0, sizeof(self.c.threshold))
        plic_update(&self.c)
        plic_gateways(&self.c)

    def poll(self):
        """Nothing comes from the host."""

    def close(self):
        """Holds nothing of the host."""

    def state(self):
        """The registers as lists of numbers."""
        cdef u32 i
        cdef u32 n = self.c.contexts
        return {
            "priority": [self.c.priority[i] for i in range(PLIC_SOURCES)],
            "level": [self.c.level[i] for i in range(PLIC_WORDS)],
            "pending": [self.c.pending[i] for i in range(PLIC_WORDS)],
            "claimed": [self.c.claimed[i] for i in range(PLIC_WORDS)],
            "enable": [self.c.enable[i] for i in range(n * PLIC_WORDS)],
            "threshold": [self.c.threshold[i] for i in range(n)],
        }

    def restore(self, state):
        """Takes back `state()` of a PLIC with as many harts; the lines follow."""
        cdef u32 i
        cdef u32 n = self.c.contexts
        if len(state["threshold"]) != n:
            raise ValueError("state of a PLIC with another number of harts")
        for i in range(PLIC_SOURCES):
            self.c.priority[i] = state["priority"][i]
        for i in range(PLIC_WORDS):
            self.c.level[i] = state["level"][i]
            self.c.pending[i] = state["pending"][i]
            self.c.claimed[i] = state["claimed"][i]
        for i in range(n * PLIC_WORDS):
            self.c.enable[i] = state["enable"][i]
        for i in range(n):
            self.c.threshold[i] = state["threshold"][i]
        plic_update(&self.c)

    def dt_node(self, base, irq, ctx):
        """QEMU's binding: every hart's M and S external interrupts, in context order."""
        from rvh.dtb import Node, reg64

        return Node(
            f"plic@{base:x}",
            {
                "compatible": ["sifive,plic-1.0.0", "riscv,plic0"],
                "reg": reg64(base, PLIC_SIZE),
                "interrupts-extended": [cell for hart in ctx.harts for cell in (hart, 11, hart, 9)],
                "interrupt-controller": True,
                "#interrupt-cells": 1,
                "#address-cells": 0,
                "riscv,ndev": PLIC_SOURCES - 1,
                "phandle": ctx.plic,
            },
        )
