/* Trying something that may trap, and seeing what came of it. */
#pragma once
#include "guest.h"

struct outcome {
    bool trapped;
    u64 cause, tval; /* of the trap */
    u64 value;       /* a0 afterwards, if it did not trap */
};

/* Calls f(a, b); a trap inside ends the call. */
struct outcome attempt(u64 (*f)(u64, u64), u64 a, u64 b);

/* Executes one instruction with a0 = a and a1 = b, in S-mode or in U-mode. */
struct outcome attempt_insn(u32 insn, u64 a, u64 b);
struct outcome attempt_insn_user(u32 insn, u64 a, u64 b);

static inline bool faulted(struct outcome o, u64 cause) { return o.trapped && o.cause == cause; }
static inline bool illegal(struct outcome o) { return faulted(o, CAUSE_ILLEGAL); }

/* Instructions with fixed operands: address in a0, value to store in a1, result in a0. */
enum insn {
    INSN_LB = 0x00050503, INSN_LH = 0x00051503, INSN_LW = 0x00052503, INSN_LD = 0x00053503,
    INSN_SB = 0x00b50023, INSN_SH = 0x00b51023, INSN_SW = 0x00b52023, INSN_SD = 0x00b53023,
    INSN_LR_D = 0x1005352f, INSN_SC_D = 0x18b5352f, INSN_AMOADD_D = 0x00b5352f, INSN_AMOSWAP_W = 0x08b5252f,
    INSN_FLD = 0x00053507, INSN_FSD = 0x00a53027,
    INSN_CBO_INVAL = 0x0005200f, INSN_CBO_CLEAN = 0x0015200f, INSN_CBO_FLUSH = 0x0025200f,
    INSN_CBO_ZERO = 0x0045200f,
};

/* csrrs a0, csr, zero reads without writing; csrrw zero, csr, a0 writes without reading. */
static inline u32 insn_csr_read(u32 csr) { return csr << 20 | 0x2573; }
static inline u32 insn_csr_write(u32 csr) { return csr << 20 | 0x51073; }

/* Interrupts that came since the last call of watch_interrupts, by cause. */
extern u32 interrupts[16];

/* Opens all interrupts of S-mode for a short while and counts what comes. */
void watch_interrupts(void);
void watch_briefly(int turns);

/* While not 0, this many timer interrupts are taken without silencing the timer. */
extern u32 storm;
