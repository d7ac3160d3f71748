"""Mistakes in control-flow integrity: shadow stacks (Zicfiss) and landing pads (Zicfilp)."""

from .mistake import Mistake

CONTROL_FLOW = [
    Mistake(
        "an ordinary store may write a shadow stack page",
        "mmu",
        "if kind & ACC_X or (kind & ACC_W and not a.shadow):",
        "not a.shadow",
        "0",
        "may_only_load_from_a_shadow_stack",
    ),
    Mistake(
        "a shadow stack instruction on a read-only page is an access fault",
        "mmu",
        "elif a.shadow and not s.guest",
        "(pte & (PTE_X | PTE_W | PTE_R)) != PTE_R",
        "1",
        "on_pages_of_every_kind",
    ),
    Mistake(
        "the TLB lets ordinary stores follow a push",
        "memory",
        "number = context_shadow(h, a.mode) if",
        "context_shadow(h, a.mode)",
        "context_data(h, a.mode)",
        "may_only_load_from_a_shadow_stack",
    ),
    Mistake(
        "henvcfg.SSE does not bind VU-mode",
        "memory",
        "on = h.henvcfg if h.v else h.menvcfg",
        "h.v",
        "h.v and h.priv",
        "the_encoding_is_reserved_at_once",
    ),
    Mistake(
        "shadow stack pages outlive SSE in the TLB",
        "tlb",
        "flags |= CTX_SSE if h.henvcfg & ENVCFG_SSE else 0",
        "h.henvcfg & ENVCFG_SSE",
        "0",
        "the_encoding_is_reserved_at_once",
    ),
    Mistake(
        "a trap into M-mode forgets that a landing pad is expected",
        "trap",
        "<u64>h.v << 39 | <u64>h.elp << 41",
        "<u64>h.elp << 41",
        "0",
        "keeps_and_clears_what_was_expected",
    ),
    Mistake(
        "a return restores ELP in modes without landing pads",
        "trap",
        "h.elp = expected & h.lpe",
        "expected & h.lpe",
        "expected",
        "brings_it_back_where",
    ),
    Mistake(
        "the bits of x7 below the label count",
        "system",
        "if pc & 3 or (wanted and",
        "wanted != <u32>h.x[7] >> 12",
        "wanted << 12 != <u32>h.x[7]",
        "test_labels",
    ),
    Mistake(
        "a landing pad need not be aligned", "system", "if pc & 3 or (wanted and", "pc & 3", "0", "is_aligned_to_4"
    ),
    Mistake(
        "U-mode's landing pads follow menvcfg",
        "tlb",
        "return h.senvcfg & ENVCFG_LPE != 0",
        "h.senvcfg",
        "h.menvcfg",
        "has_its_own_enable",
    ),
]
