/* The SBI that guests see: one extension a file, each a table of functions in a struct that sbi.c lists. */
#ifndef SBI_SBI_H
#define SBI_SBI_H
#include "drivers/drivers.h"
#include "vm.h"

/* Error codes (SBI, chapter "Binary Encoding"). */
enum {
    SBI_SUCCESS = 0, SBI_ERR_FAILED = -1, SBI_ERR_NOT_SUPPORTED = -2, SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4, SBI_ERR_INVALID_ADDRESS = -5,   /* -6, ALREADY_AVAILABLE: drivers.h */
    SBI_ERR_ALREADY_STARTED = -7, SBI_ERR_ALREADY_STOPPED = -8, SBI_ERR_NO_SHMEM = -9,
    SBI_ERR_DENIED_LOCKED = -14,
};

struct sbi_ret { i64 error; u64 value; };

/* In `error`: the call has set the guest's registers itself (a trap, or another place to go on). */
#define SBI_NO_ANSWER INT64_MIN

static inline struct sbi_ret sbi_ok(u64 value) { return (struct sbi_ret){SBI_SUCCESS, value}; }
static inline struct sbi_ret sbi_error(i64 error) { return (struct sbi_ret){error, 0}; }

/* A function of an extension; its number is its place in the table. */
struct sbi_function {
    const char *name;
    u32 args;                            /* how many it has */
    struct sbi_ret (*call)(struct vcpu *v, const u64 *args);
    bool leaves;                         /* it does not return if all goes well */
};

struct sbi_ext {
    const char *name;
    u64 first, last;                     /* extension ids */
    const struct sbi_function *functions;
    u32 count;
    bool legacy;                         /* the id is the function, and the answer is a0 alone */
};
#define SBI_FUNCTIONS(table) (table), ARRAY_LEN(table)

extern const struct sbi_ext sbi_base, sbi_time, sbi_ipi, sbi_rfence, sbi_hsm, sbi_srst, sbi_susp, sbi_dbcn, sbi_pmu,
    sbi_fwft, sbi_sta, sbi_legacy;

/* Carries out the ECALL that the vCPU has made; its pc is already past it. */
void sbi_handle(struct vcpu *v);
const struct sbi_ext *sbi_find(u64 id);

/* sta.c: the vCPU has got a hart, or is about to lose it though it wants to run. */
void sta_running(const struct vcpu *v);
void sta_preempted(const struct vcpu *v);

/* Calls fn for every vCPU that (mask, base) names; base -1 names all. False, and nothing is called: one of
   them does not exist. */
bool sbi_each_hart(struct vcpu *from, u64 mask, u64 base, void (*fn)(struct vcpu *from, struct vcpu *to, u64 arg),
                   u64 arg);
bool sbi_send_ipi_to(struct vcpu *from, u64 mask, u64 base);
/* Runs a fence on the vCPUs named and returns when none of them can use an old translation. */
bool sbi_fence(struct vcpu *from, u64 mask, u64 base, const struct fence *f);
/* The fence of [start, start+size) with the SBI's rules for ranges; false if there is no such range. */
bool sbi_fence_range(struct fence *f, u64 start, u64 size);

/* True if a vCPU can begin at this guest-physical address. */
bool sbi_entry_ok(struct vcpu *v, u64 address);
/* What a wake-up from a non-retentive state finds: the registers of hart_start. */
void sbi_enter_at(struct vcpu *v, u64 address, u64 opaque);
#endif
