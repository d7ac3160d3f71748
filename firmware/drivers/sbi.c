/* Calls to the SBI firmware in M-mode (SBI specification: HSM, sPI, TIME, SRST, legacy console). */
#include "drivers/drivers.h"
#include "riscv.h"

struct sbi_result { i64 error, value; };

static struct sbi_result sbi_call(u64 ext, u64 fid, u64 arg0, u64 arg1, u64 arg2)
{
    register u64 a0 __asm__("a0") = arg0;
    register u64 a1 __asm__("a1") = arg1;
    register u64 a2 __asm__("a2") = arg2;
    register u64 a6 __asm__("a6") = fid;
    register u64 a7 __asm__("a7") = ext;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(i64)a0, (i64)a1};
}

enum { EXT_HSM = 0x48534d, EXT_IPI = 0x735049, EXT_TIME = 0x54494d45, EXT_SRST = 0x53525354,
       EXT_PUTCHAR = 1, EXT_GETCHAR = 2 };

i64 sbi_hart_start(u64 hart, u64 address, u64 opaque)
{
    return sbi_call(EXT_HSM, 0, hart, address, opaque).error;
}

void sbi_send_ipi(u64 hart) { sbi_call(EXT_IPI, 0, 1, hart, 0); }
void sbi_set_timer(u64 deadline) { sbi_call(EXT_TIME, 0, deadline, 0, 0); }
void sbi_putc(char c) { sbi_call(EXT_PUTCHAR, 0, (u8)c, 0, 0); }
int sbi_getc(void) { return (int)sbi_call(EXT_GETCHAR, 0, 0, 0, 0).error; }

void sbi_shutdown(bool failed)
{
    sbi_call(EXT_SRST, 0, 0, failed, 0);
    for (;;)
        wfi();
}
