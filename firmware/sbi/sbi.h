/* The SBI that guests see: one extension a file, each described by a struct that sbi.c lists. */
#ifndef SBI_SBI_H
#define SBI_SBI_H
#include "drivers/drivers.h"
#include "vm.h"

/* Error codes (SBI, chapter "Binary Encoding"). */
enum {
    SBI_SUCCESS = 0, SBI_ERR_FAILED = -1, SBI_ERR_NOT_SUPPORTED = -2, SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4, SBI_ERR_INVALID_ADDRESS = -5,   /* -6, ALREADY_AVAILABLE: drivers.h */
};

struct sbi_ret { i64 error; u64 value; };

/* In `error`: the call has set the guest's registers itself (a trap, or another place to go on). */
#define SBI_NO_ANSWER INT64_MIN

struct sbi_ext {
    const char *name;
    u64 first, last;                     /* extension ids */
    bool legacy;                         /* answers in a0 alone */
    struct sbi_ret (*call)(struct vcpu *v, u64 fid, const u64 *args);
};

extern const struct sbi_ext sbi_base, sbi_time, sbi_ipi, sbi_rfence, sbi_hsm, sbi_srst, sbi_dbcn, sbi_legacy;

/* Carries out the ECALL that the vCPU has made; its pc is already past it. */
void sbi_handle(struct vcpu *v);
const struct sbi_ext *sbi_find(u64 id);

/* Calls fn for every vCPU that (mask, base) names; base -1 names all. False: one of them does not exist. */
bool sbi_each_hart(struct vm *vm, u64 mask, u64 base, void (*fn)(struct vcpu *target, u64 arg), u64 arg);
void sbi_send_soft(struct vcpu *target, u64 unused);
/* Runs fences on the vCPUs named and waits until none of them can use an old translation. */
bool sbi_fence(struct vm *vm, u64 mask, u64 base, u32 request, u32 asid);
#endif
