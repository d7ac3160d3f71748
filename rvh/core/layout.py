"""The state of a hart and of the board it sits on, field by field: the one list from which the C structs, their
Cython declaration, the digest and the snapshot are derived (rendered by ``rvh.emit.layout``).

Each row is ``(name, C type, array length or 0, kind)``. ``kind`` says what the field is to the outside:

``arch``   architectural state: in the digest and in snapshots
``run``    bookkeeping of the simulation that must survive a snapshot (counters, reservations)
``stat``   counts for people; saved, but how the simulation got on may differ between equal runs: not in the digest
``cache``  rebuilt on demand; never saved
``link``   a pointer to another part of the machine; set up by it
"""

from __future__ import annotations

#: Software TLB entries per hart, a power of two.
TLB_SIZE = 1024
#: Entries of the jump cache (virtual pc -> decoded block) per hart, a power of two.
JUMP_CACHE_SIZE = 4096
#: Most instructions in one decoded block.
BLOCK_MAX = 64
#: Entries of the physical memory protection unit.
PMP_COUNT = 16
#: Hardware performance counters mhpmcounter3..31.
HPM_COUNT = 29
#: Most bytes of a vector register (VLEN 1024).
VLENB_MAX = 128
#: Register number that a decoded write to x0 goes to: ``x[32]`` is never read.
SINK = 32

FIELDS: list[tuple[str, str, int, str]] = [
    # -- registers
    ("x", "u64", 33, "arch"),  # x[32] swallows writes to x0
    ("f", "u64", 32, "arch"),  # NaN-boxed
    ("pc", "u64", 0, "arch"),  # current only while no handler runs
    # -- accounting, see core/runtime.h
    ("budget", "i64", 0, "run"),
    ("reserve", "i64", 0, "run"),
    ("slots_end", "u64", 0, "run"),
    ("nonretired", "u64", 0, "run"),
    # -- translation context of loads/stores and of fetches, see core/tlb.pxi
    ("key", "u64", 0, "cache"),
    ("xctx", "u64", 0, "cache"),
    ("result", "u64", 0, "cache"),  # value handed back by a slow path or helper
    ("stop", "u32", 0, "cache"),  # leave the block after this instruction
    ("priv", "u8", 0, "arch"),  # nominal privilege 0 U, 1 S, 3 M
    ("v", "u8", 0, "arch"),  # virtualization mode
    ("wfi", "u8", 0, "arch"),  # waiting for an interrupt
    ("critical", "u8", 0, "arch"),  # in the critical-error state: it executes no more
    ("frm", "u8", 0, "arch"),
    ("ssp", "u64", 0, "arch"),  # Zicfiss
    ("tselect", "u64", 0, "arch"),  # Sdtrig
    ("tdata1", "u64", 4, "arch"),
    ("tdata2", "u64", 4, "arch"),
    ("tdata3", "u64", 4, "arch"),
    ("tcontrol", "u64", 0, "arch"),
    ("mcontext", "u64", 0, "arch"),  # and hcontext
    ("scontext", "u64", 0, "arch"),
    ("trigger_types", "u32", 0, "run"),  # bit n: a trigger of type n is there
    ("trigger_written", "u32", 0, "cache"),  # bit n: the instruction in hand has written tdata1 of trigger n
    ("trigger_after", "u8", 0, "cache"),  # a breakpoint when this instruction retires: AFTER_* of core/triggers.pxi ...
    ("trigger_va", "u64", 0, "cache"),  # ... and this is its xtval
    ("armed", "u32", 0, "cache"),  # what triggers look at in the current mode: ARMED_* of core/triggers.pxi
    ("elp", "u8", 0, "arch"),  # Zicfilp: 1 is LP_EXPECTED ...
    ("lpe", "u8", 0, "cache"),  # ... and xLPE of the current mode
    ("fflags", "u8", 0, "arch"),  # flags collected so far; more may be sticky in the host FPU
    ("fp_live", "u8", 0, "cache"),  # the host FPU holds this hart's rounding mode and flags
    # -- vector state ("V")
    ("vtype", "u64", 0, "arch"),
    ("vl", "u64", 0, "arch"),
    ("vstart", "u64", 0, "arch"),
    ("vxrm", "u64", 0, "arch"),
    ("vxsat", "u64", 0, "arch"),
    ("vlenb", "u64", 0, "link"),  # bytes of a vector register
    ("vlmax", "u64", 0, "cache"),  # VLMAX of vtype, 0 if that is illegal
    ("vshape", "u32", 0, "cache"),  # log2 of SEW in bytes; from bit 8 on registers of a group less one; ~0: illegal
    # -- the exception being raised: written by the part that finds it, consumed by trap_take()
    ("exc_cause", "u64", 0, "cache"),
    ("exc_tval", "u64", 0, "cache"),
    ("exc_gpa", "u64", 0, "cache"),  # faulting guest physical address >> 2, else 0
    ("exc_tinst", "u64", 0, "cache"),  # pseudoinstruction; 0: may be transformed from the instruction
    ("exc_gva", "u8", 0, "cache"),  # tval is a guest virtual address
    ("exc_reason", "u32", 0, "cache"),  # index into isa.access.REASONS for causes 2 and 22, else 0
    # -- LR/SC
    ("res_valid", "u8", 0, "run"),
    ("res_pa", "u64", 0, "run"),
    # -- machine level CSRs
    ("misa", "u64", 0, "arch"),
    ("mhartid", "u64", 0, "arch"),
    ("mstatus", "u64", 0, "arch"),
    ("mtvec", "u64", 0, "arch"),
    ("medeleg", "u64", 0, "arch"),
    ("mideleg", "u64", 0, "arch"),
    ("mie", "u64", 0, "arch"),  # also holds the bits of hie and sie
    ("mip", "u64", 0, "arch"),  # bits that software wrote; hardware lines are in `lines`
    ("lines", "u64", 0, "arch"),  # levels driven by devices and timers, in mip positions
    ("mscratch", "u64", 0, "arch"),
    ("mepc", "u64", 0, "arch"),
    ("mcause", "u64", 0, "arch"),
    ("mtval", "u64", 0, "arch"),
    ("mtval2", "u64", 0, "arch"),
    ("mtinst", "u64", 0, "arch"),
    ("miselect", "u64", 0, "arch"),
    ("mnscratch", "u64", 0, "arch"),
    ("mnepc", "u64", 0, "arch"),
    ("mncause", "u64", 0, "arch"),
    ("mnstatus", "u64", 0, "arch"),  # without Smrnmi NMIE is set for good
    ("rnmi", "u8", 0, "arch"),  # RNMIs: bit 0 the level of the line, bit 1 a pulse that was not taken yet
    ("rnmi_cause", "u64", 0, "arch"),  # what mncause says of it
    ("mcounteren", "u64", 0, "arch"),
    ("mcountinhibit", "u64", 0, "arch"),
    ("menvcfg", "u64", 0, "arch"),
    ("mseccfg", "u64", 0, "arch"),
    ("mstateen", "u64", 4, "arch"),
    ("mcycle_off", "u64", 0, "arch"),  # mcycle = slots + mcycle_off
    ("minstret_off", "u64", 0, "arch"),  # minstret = retired + minstret_off
    ("mhpmcounter", "u64", HPM_COUNT, "arch"),
    ("mhpmevent", "u64", HPM_COUNT, "arch"),
    ("hpm_base", "u64", HPM_COUNT, "run"),  # reading of the event's source that goes with mhpmcounter
    ("mcyclecfg", "u64", 0, "arch"),
    ("minstretcfg", "u64", 0, "arch"),
    ("fixed_off", "u32", 0, "run"),  # bits 0 and 2: mcycle and minstret stand still, by mcountinhibit or the mode
    ("hpm_on", "u32", 0, "run"),  # bit n: mhpmcounter<n> is counting in this mode
    ("hpm_filter", "u32", 0, "run"),  # bit n: whether it, mcycle (0) or minstret (2) counts depends on the mode
    ("pmpcfg", "u8", PMP_COUNT, "arch"),
    ("pmpaddr", "u64", PMP_COUNT, "arch"),
    # -- supervisor level CSRs (sstatus, sie, sip are views)
    ("stvec", "u64", 0, "arch"),
    ("sscratch", "u64", 0, "arch"),
    ("sepc", "u64", 0, "arch"),
    ("scause", "u64", 0, "arch"),
    ("stval", "u64", 0, "arch"),
    ("satp", "u64", 0, "arch"),
    ("scounteren", "u64", 0, "arch"),
    ("senvcfg", "u64", 0, "arch"),
    ("sstateen", "u64", 4, "arch"),
    ("stimecmp", "u64", 0, "arch"),
    ("siselect", "u64", 0, "arch"),
    # -- hypervisor and VS level CSRs
    ("hstatus", "u64", 0, "arch"),
    ("hedeleg", "u64", 0, "arch"),
    ("hideleg", "u64", 0, "arch"),
    ("hvip", "u64", 0, "arch"),
    ("hgeie", "u64", 0, "arch"),
    ("hgeip", "u64", 0, "arch"),
    ("hcounteren", "u64", 0, "arch"),
    ("htimedelta", "u64", 0, "arch"),
    ("henvcfg", "u64", 0, "arch"),  # what counts and is read: henvcfg_set masked by menvcfg
    ("henvcfg_set", "u64", 0, "arch"),
    ("hstateen", "u64", 4, "arch"),
    ("htval", "u64", 0, "arch"),
    ("htinst", "u64", 0, "arch"),
    ("hgatp", "u64", 0, "arch"),
    ("vsstatus", "u64", 0, "arch"),
    ("vstvec", "u64", 0, "arch"),
    ("vsscratch", "u64", 0, "arch"),
    ("vsepc", "u64", 0, "arch"),
    ("vscause", "u64", 0, "arch"),
    ("vstval", "u64", 0, "arch"),
    ("vsatp", "u64", 0, "arch"),
    ("vstimecmp", "u64", 0, "arch"),
    ("vsiselect", "u64", 0, "arch"),
    ("vreg", "u8", 32 * VLENB_MAX, "arch"),  # register n begins at n * vlenb
    # -- timer
    ("mtimecmp", "u64", 0, "arch"),  # the CLINT's register of this hart
    ("deadline", "u64", 0, "cache"),  # mtime at which a timer line of this hart next rises; ~0: never
    # -- what this hart implements (fixed at construction)
    ("ext", "u128", 0, "link"),  # bit set, see isa/extensions.py
    ("geilen", "u32", 0, "link"),
    ("hart_index", "u32", 0, "link"),
    # -- statistics
    ("n_traps", "u64", 0, "stat"),
    ("n_interrupts", "u64", 0, "stat"),
    ("n_tlb_fills", "u64", 0, "stat"),
    ("n_walks", "u64", 0, "stat"),
    # -- caches and links
    ("ctx_valid", "u32", 0, "cache"),  # bit m: data_ctx[m] is known; bit 8+m: exec_ctx[m]; bit 16+m: shadow_ctx[m]
    ("data_ctx", "u64", 8, "cache"),
    ("exec_ctx", "u64", 8, "cache"),
    ("shadow_ctx", "u64", 8, "cache"),
    ("ctx_next", "u32", 0, "cache"),
    ("jump_gen", "u64", 0, "cache"),
    ("epoch", "u64", 0, "cache"),
    ("gen_s", "u64", 65, "cache"),  # last fence of V=0 translations by ASID & 63; [64]: of all
    ("gen_vs", "u64", 64, "cache"),  # last fence of VS-stage translations by VMID & 63
    ("gen_g", "u64", 65, "cache"),  # last fence of G-stage translations by VMID & 63
    ("gen_va", "u64", 64, "cache"),  # last fence of VS-stage translations of one VMID and ASID, by gen_va_slot
    ("contexts", "Context", 1024, "cache"),
    ("ctx_space", "u32", 4096, "cache"),  # whose translations a context number stands for: tlb.pxi, SPACE_GUEST
    ("pmp_lo", "u64", PMP_COUNT, "cache"),
    ("pmp_hi", "u64", PMP_COUNT, "cache"),
    ("pmp_active", "u32", 0, "cache"),  # entries below this index may match
    ("has_super", "u8", 0, "cache"),
    ("log", "AccessLog *", 0, "link"),  # when set, accesses and walk steps are recorded
    ("board", "Board *", 0, "link"),
    ("tlb", "TlbEntry", TLB_SIZE, "cache"),
    ("tlb_shift", "u8", TLB_SIZE, "cache"),  # log2 of the mapping a TLB entry came from
    ("jumps", "JumpEntry", JUMP_CACHE_SIZE, "cache"),
]

#: Most harts on one board.
HARTS_MAX = 64
#: Most devices on one board.
REGIONS_MAX = 48
#: Buckets of the hash from physical address to decoded block.
BUCKETS = 1 << 16
#: Direct-mapped slots for instructions that straddle two pages.
STRADDLES = 256

#: A device's place in the physical address map.
REGION_FIELDS: list[tuple[str, str, int, str]] = [
    ("base", "u64", 0, "link"),
    ("size", "u64", 0, "link"),
    ("read", "ReadFn", 0, "link"),
    ("write", "WriteFn", 0, "link"),
    ("dev", "void *", 0, "link"),
    ("min_size", "u32", 0, "link"),
    ("max_size", "u32", 0, "link"),
]

BOARD_FIELDS: list[tuple[str, str, int, str]] = [
    ("ram", "u8 *", 0, "link"),
    ("ram_base", "u64", 0, "link"),
    ("ram_size", "u64", 0, "link"),
    ("n_harts", "u32", 0, "link"),
    ("n_regions", "u32", 0, "link"),
    ("harts", "Hart *", HARTS_MAX, "link"),
    ("regions", "Region", REGIONS_MAX, "link"),
    # -- time, see core/run.pxi
    ("host_clock", "u8", 0, "link"),
    ("slots_per_tick", "u64", 0, "link"),
    ("time_offset", "u64", 0, "arch"),  # mtime = round_base / slots_per_tick + time_offset
    ("round_base", "u64", 0, "arch"),  # machine time at the start of this round, in slots
    ("slice_start", "u64", 0, "run"),  # hart_slots() of the running hart when its slice began
    ("quantum", "u64", 0, "link"),
    ("rnmi_vector", "u64", 0, "link"),  # handler address of RNMIs
    ("rnmi_exception_vector", "u64", 0, "link"),  # of exceptions while NMIE is 0; ~0: by mtvec
    ("plain_tinst", "u8", 0, "link"),  # mtinst and htinst never get a transformed instruction
    ("entropy", "void *", 0, "link"),  # Python: what polling the seed CSR gives
    ("current", "u32", 0, "run"),  # hart whose slice it is
    ("round_ran", "u8", 0, "run"),  # some hart executed something in this round
    ("in_slice", "u8", 0, "run"),  # the current hart's slice has begun
    ("alarm", "u64", 0, "run"),  # mtime at which a device wants to be polled, ~0: none
    # -- requests to the outer loop
    ("exit_request", "u32", 0, "cache"),  # EXIT_*
    ("poll_request", "u32", 0, "cache"),
    ("total_slots", "u64", 0, "run"),
    # -- HTIF
    ("tohost", "u64", 0, "link"),  # physical address, 0: none
    ("watch_page", "u64", 0, "link"),  # index of the RAM page it lies in, ~0: none
    # -- decoded code, see core/blocks.pxi
    ("code_mask", "u64 *", 0, "cache"),  # per RAM page: which 64-byte granules hold decoded code
    ("page_blocks", "Op **", 0, "cache"),
    ("arena", "Op *", 0, "cache"),
    ("arena_used", "u64", 0, "cache"),
    ("arena_size", "u64", 0, "cache"),
    ("arena_gen", "u64", 0, "cache"),
    ("buckets", "Op *", BUCKETS, "cache"),
    ("straddle_ops", "Op *", STRADDLES, "cache"),
    ("straddle_pa1", "u64", STRADDLES, "cache"),
    ("straddle_pa2", "u64", STRADDLES, "cache"),
    ("scratch", "Op", 8, "cache"),
    ("n_blocks", "u64", 0, "stat"),
    ("n_invalidations", "u64", 0, "stat"),
]

STRUCTS = {"Region": REGION_FIELDS, "Hart": FIELDS, "Board": BOARD_FIELDS}

CONSTANTS = {
    "TLB_SIZE": TLB_SIZE,
    "JUMP_CACHE_SIZE": JUMP_CACHE_SIZE,
    "BLOCK_MAX": BLOCK_MAX,
    "PMP_COUNT": PMP_COUNT,
    "HPM_COUNT": HPM_COUNT,
    "SINK": SINK,
    "HARTS_MAX": HARTS_MAX,
    "REGIONS_MAX": REGIONS_MAX,
    "BUCKETS": BUCKETS,
    "STRADDLES": STRADDLES,
}
