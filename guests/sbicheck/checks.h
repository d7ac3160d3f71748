/* What the parts of the guest share: checks that are counted, and a second hart that does what it is told. */
#pragma once
#include "guest.h"

enum {
    SBI_PMU = 0x504d55, SBI_SUSP = 0x53555350, SBI_FWFT = 0x46574654,
    SBI_NO_SHMEM = -9, SBI_DENIED_LOCKED = -14,
};
enum hsm_status { HSM_STARTED, HSM_STOPPED, HSM_START_PENDING, HSM_STOP_PENDING, HSM_SUSPENDED };

/* One extension each. */
void check_base(void);
void check_time(void);
void check_ipi(void);
void check_rfence(void);
void check_hsm(void);
void check_srst(void);
void check_dbcn(void);
void check_pmu(void);
void check_susp(void);
void check_fwft(void);
void check_legacy(void);

/* A failed check prints what was expected. */
void check(const char *what, bool ok);
void check_error(const char *what, struct sbi_result is, long error);
void check_value(const char *what, struct sbi_result is, u64 value); /* and success */

struct machine {
    u64 hart, other;     /* this hart, and the second one */
    bool has_other;
    bool is_virtual;     /* not directly on a machine */
    bool has_h;          /* directly on a machine with the hypervisor extension */
    u64 ram_end;
    u64 forbidden;       /* a physical address that is not for us */
};
extern struct machine machine;

/* The second hart: starts at `arrive`, then runs functions that it is given. */
void other_start(void);
void other_stop(void);
void other_begin(u64 (*function)(u64), u64 argument);
u64 other_end(void);                       /* the function's result */
u64 other_run(u64 (*function)(u64), u64 argument);
bool wait_for_status(u64 hart, u64 status);

/* Where a hart has arrived, and in what state (entry.S). */
struct arrival { u64 stack, hart, opaque, satp, sstatus; };
extern char arrive_first[];                /* entry with a1 = struct arrival: goes on in other_main */
void other_main(struct arrival *arrival);
enum { ARRIVED = 1 };
/* Makes a call (type, entry, arrival) that sleeps. ARRIVED if it ended at the entry, else its error code. */
long sleep_call(u64 extension, u64 function, u64 type, struct arrival *arrival);
void check_arrival(const char *what, const struct arrival *arrival, u64 hart);

/* The cause of the trap that the last f(a) met, or -1; the trap ends the instruction that met it. */
u64 trap_cause(u64 (*f)(u64), u64 a);
u64 load(u64 address);
u64 open_interrupts(u64 duration);         /* takes those enabled in sie for this long, or one */

/* Sv39 with the first 4 GiB 1:1 and one page at WINDOW, whose entry can be changed. */
#define WINDOW 0x100000000ul
enum { WINDOW_PAGES = 64 };
u64 window_satp(u64 asid);
void window_map(u64 page, const void *memory, u64 flags);
u64 *window_entry(u64 page);
