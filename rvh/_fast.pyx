# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled core: harts, translation, decoded blocks, traps, the run loop and the devices that are hot.

One module, made of the parts in ``core/`` and ``devices/`` that are included below; the instruction handlers and the
decoder are C generated from ``isa/`` (see ``docs/reading-guide.md``). ``rvh.machine`` is the Python face of it.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.string cimport memcpy, memset, memcmp
from posix.mman cimport (
    MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE, mmap, mprotect, munmap
)
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

include "hart_layout.pxi"
include "csr_tables.pxi"

cdef extern from "dispatch.h" nogil:
    u32 block_left(const Op *op)
    const Op *op_header(const Op *op)
    void h_fallthrough(Hart *h, const Op *op, u64 pc)
    void h_stale(Hart *h, const Op *op, u64 pc)
    void h_fp_check(Hart *h, const Op *op, u64 pc)
    void h_fp_dirty(Hart *h, const Op *op, u64 pc)
    void enter_hart(Hart *h)
    void enter_block(Hart *h, const Op *ops)

cdef extern from "handlers.h" nogil:
    void h_illegal(Hart *h, const Op *op, u64 pc)
    void h_lpad(Hart *h, const Op *op, u64 pc)

cdef extern from "decode.h" nogil:
    u32 rvh_expand16(u16 c, u64 low, u64 high)
    int rvh_decode(u32 insn, u64 low, u64 high, Op *op)
    void rvh_fuse(Op *a)

cdef extern from "fp.h" nogil:
    void fp_collect(Hart *h)
    void fp_set_rounding(Hart *h)
    void fp_enter(Hart *h, u32 *saved)
    void fp_leave(Hart *h, const u32 *saved)

cdef u32 FP_DEFAULT = 0x1F80  # MXCSR at start of a process: nearest, all exceptions masked

cdef enum:
    ARENA_OPS = 3 << 20  # 48 MiB of decoded code before all is dropped

include "core/exc.pxi"
include "core/pmp.pxi"
include "core/tlb.pxi"
include "core/mmu.pxi"
include "core/triggers.pxi"
include "core/trigger_csr.pxi"
include "core/memory.pxi"
include "core/blocks.pxi"
include "core/status.pxi"
include "core/counters.pxi"
include "core/interrupts.pxi"
include "core/pmp_csr.pxi"
include "core/csr.pxi"
include "core/trap.pxi"
include "core/system.pxi"
include "core/tracelog.pxi"
include "core/run.pxi"
include "core/board.pxi"
include "devices/clint.pxi"
include "devices/plic.pxi"
include "devices/uart16550.pxi"
include "state.pxi"
include "core/api.pxi"
