/* Calls to the SBI (Supervisor Binary Interface): extension in a7, function in a6, arguments a0..a5,
 * error in a0 and value in a1. Under a hypervisor the same ecall ends in the hypervisor. */
#pragma once
#include "riscv.h"

struct sbi_result {
    long error;
    u64 value;
};

enum sbi_extension {
    SBI_LEGACY_SET_TIMER = 0, SBI_LEGACY_PUTCHAR = 1, SBI_LEGACY_GETCHAR = 2, SBI_LEGACY_CLEAR_IPI = 3,
    SBI_LEGACY_SEND_IPI = 4, SBI_LEGACY_FENCE_I = 5, SBI_LEGACY_SFENCE_VMA = 6, SBI_LEGACY_SFENCE_ASID = 7,
    SBI_LEGACY_SHUTDOWN = 8,
    SBI_BASE = 0x10, SBI_TIME = 0x54494d45, SBI_IPI = 0x735049, SBI_RFENCE = 0x52464e43,
    SBI_HSM = 0x48534d, SBI_SRST = 0x53525354, SBI_DBCN = 0x4442434e,
};

enum sbi_error {
    SBI_SUCCESS = 0, SBI_FAILED = -1, SBI_NOT_SUPPORTED = -2, SBI_INVALID_PARAM = -3, SBI_DENIED = -4,
    SBI_INVALID_ADDRESS = -5, SBI_ALREADY_AVAILABLE = -6, SBI_ALREADY_STARTED = -7, SBI_ALREADY_STOPPED = -8,
};

static inline struct sbi_result sbi_call(u64 extension, u64 function, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4)
{
    register u64 a0 __asm__("a0") = x0;
    register u64 a1 __asm__("a1") = x1;
    register u64 a2 __asm__("a2") = x2;
    register u64 a3 __asm__("a3") = x3;
    register u64 a4 __asm__("a4") = x4;
    register u64 a6 __asm__("a6") = function;
    register u64 a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){ (long)a0, a1 };
}

static inline bool sbi_has(u64 extension) { return sbi_call(SBI_BASE, 3, extension, 0, 0, 0, 0).value != 0; }
static inline void sbi_set_timer(u64 time) { sbi_call(SBI_TIME, 0, time, 0, 0, 0, 0); }

static inline struct sbi_result sbi_send_ipi(u64 mask, u64 mask_base)
{
    return sbi_call(SBI_IPI, 0, mask, mask_base, 0, 0, 0);
}

static inline struct sbi_result sbi_hart_start(u64 hart, u64 address, u64 opaque)
{
    return sbi_call(SBI_HSM, 0, hart, address, opaque, 0, 0);
}

static inline struct sbi_result sbi_hart_status(u64 hart) { return sbi_call(SBI_HSM, 2, hart, 0, 0, 0, 0); }

/* Ends the machine (or the VM). `ok` becomes the reset reason: 0 none, 1 system failure. */
_Noreturn void power_off(bool ok);
