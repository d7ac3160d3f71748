/* Types and services shared by the files of the M-mode SBI. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "csr.h"

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define MAX_HARTS 64
#define HART_STACK 4096
#define FIRMWARE_BASE 0x80000000ul
#define FIRMWARE_SIZE 0x200000ul

/* States of SBI HSM, with the numbers of the SBI specification. */
enum hart_state {
    HART_STARTED = 0, HART_STOPPED = 1, HART_START_PENDING = 2, HART_STOP_PENDING = 3, HART_SUSPENDED = 4,
};

/* Reasons for a software interrupt, bits of struct hart.events. */
enum { EVENT_SOFT = 1, EVENT_FENCE = 2, EVENT_WAKE = 4 };

/* One hart. It lies at the top of the hart's M-mode stack, and mscratch points to it. */
struct hart {
    u64 id;
    u32 state;        /* enum hart_state */
    u32 events;
    u64 next_address; /* where S-mode starts, valid from HART_START_PENDING on */
    u64 next_opaque;
};

/* Interrupted registers, in the order of entry.S; x[0] is not used. */
struct frame {
    u64 x[32];
    u64 mepc;
    u64 mstatus;
};
enum { A0 = 10, A1 = 11, A6 = 16, A7 = 17 };

/* What the device tree says, and what the harts turned out to have. */
struct platform {
    u64 harts;             /* bit n: hart n exists */
    u64 boot_hart;
    u64 ram_base, ram_size;
    u64 clint, uart, finisher; /* 0: absent */
    u64 next_stage;
    bool has_h, has_sstc;
    bool hardware_ad;      /* the tree lists Svadu and not Svade */
};
extern struct platform platform;

struct sbi_return {
    long error;
    u64 value;
};
enum {
    SBI_SUCCESS = 0, SBI_FAILED = -1, SBI_NOT_SUPPORTED = -2, SBI_INVALID_PARAM = -3, SBI_DENIED = -4,
    SBI_INVALID_ADDRESS = -5, SBI_ALREADY_AVAILABLE = -6,
};

/* An SBI extension: the ids it answers to and its one entry. `argument` is a0..a5 of the caller. */
struct extension {
    u64 first_id, last_id;
    struct sbi_return (*call)(u64 function, const u64 *argument);
};
extern const struct extension base_extension, time_extension, ipi_extension, rfence_extension, hsm_extension,
    srst_extension, dbcn_extension;

static inline struct hart *this_hart(void) { return (struct hart *)CSR_READ(mscratch); }
struct hart *hart_at(u64 id);
bool hart_exists(u64 id);

/* platform.c */
void platform_init(void *dtb);
void console_put(char c);
int console_get(void);
void console_lock(void);
void console_unlock(void);
void console_print(const char *text);
void console_print_hex(u64 value);
void console_print_decimal(u64 value);
bool ram_range(u64 address, u64 size);
_Noreturn void machine_off(bool ok);
_Noreturn void machine_reboot(void);

/* ipi.c */
bool hart_mask(u64 mask, u64 base, u64 *harts);
void send_event(u64 harts, u32 event);
void send_soft_interrupt(u64 harts);
void handle_events(void);

/* rfence.c */
struct fence {
    u64 kind, start, size, id, vmid;
};
void fence_harts(u64 harts, const struct fence *request);
void fence_serve(void);

/* time.c */
void timer_set(u64 time);
void timer_interrupt(void);

/* hsm.c */
_Noreturn void hart_wait_for_start(void);

/* ecall.c, legacy.c */
void sbi_ecall(struct frame *frame);
bool sbi_probe(u64 id);
bool sbi_legacy_call(struct frame *frame, u64 *result);

/* entry.S: leaves M-mode for `address` in S-mode with a0 = hart id, a1 = opaque, dropping the M stack. */
_Noreturn void enter_supervisor(u64 hart, u64 opaque, u64 address);
void trap_entry(void);
