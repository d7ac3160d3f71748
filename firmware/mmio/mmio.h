/* Emulation of accesses outside RAM. */
#ifndef MMIO_MMIO_H
#define MMIO_MMIO_H
#include "vm.h"

enum access_kind {
    ACCESS_LOAD, ACCESS_STORE, ACCESS_AMO,
    ACCESS_REFUSED,                      /* no device here does it: LR, SC, 16 bytes, cache blocks */
};

/* What an instruction does to memory. `reg` is rd, or rs2 of a store. */
struct access {
    enum access_kind kind;
    u32 size;                            /* bytes */
    bool write;                          /* its faults are a store's, which an AMO's are too */
    bool is_signed, is_float;
    u32 reg, base;
    u32 operand, function;               /* AMO: rs2 and funct5 */
    i64 immediate;
    u32 length;                          /* of the instruction: where it ends is where the guest goes on */
    u32 insn;                            /* if it is none of these */
};

/* decode.c: false if it is no instruction that accesses memory. Bits 1:0 tell a 16-bit one. */
bool mmio_decode(u32 insn, struct access *a);
/* amo.c: what the AMO leaves in memory that holds `old`; false: nothing. All values sign-extended. */
bool mmio_amo(u32 function, i64 old, i64 operand, i64 compare, u64 *new);
#endif
