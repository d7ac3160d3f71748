/* BASE, TIME, SRST, DBCN and the legacy calls. */
#include "checks.h"

static struct sbi_result call(u64 extension, u64 function, u64 x0, u64 x1, u64 x2)
{
    return sbi_call(extension, function, x0, x1, x2, 0, 0);
}

void check_base(void)
{
    static const u64 absent[] = { 9, 15, 0x11, 0x0a000000, 0x7fffffff, 1ul << 32 | SBI_BASE, -1ul };
    check_value("get_spec_version", call(SBI_BASE, 0, 0, 0, 0), 3ul << 24);
    for (u64 function = 1; function <= 6; function++)
        check_error("function of BASE", call(SBI_BASE, function, SBI_BASE, 0, 0), SBI_SUCCESS);
    check("BASE probes itself", sbi_has(SBI_BASE));
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        check_value("probe_extension of none", call(SBI_BASE, 3, absent[i], 0, 0), 0);
    check_error("function 7", call(SBI_BASE, 7, 0, 0, 0), SBI_NOT_SUPPORTED);
    check_error("function -1", call(SBI_BASE, -1ul, 0, 0, 0), SBI_NOT_SUPPORTED);
    check_error("extension 9", call(9, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
    check_error("extension of 33 bits", call(1ul << 32 | SBI_BASE, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
}

void check_time(void)
{
    CSR_WRITE(sie, 1 << IRQ_TIMER);
    check_error("set_timer to the past", call(SBI_TIME, 0, 0, 0, 0), SBI_SUCCESS);
    check("the timer interrupts", trap_cause(open_interrupts, 10000000) == (CAUSE_INTERRUPT | IRQ_TIMER));
    check_error("set_timer to never", call(SBI_TIME, 0, -1ul, 0, 0), SBI_SUCCESS);
    check("set_timer clears the interrupt", trap_cause(open_interrupts, 10000) == -1ul);
    CSR_WRITE(sie, 0);
    check_error("function 1", call(SBI_TIME, 1, 0, 0, 0), SBI_NOT_SUPPORTED);
}

void check_srst(void)
{
    static const u64 types[] = { 3, 0xefffffff, 0xf0000000, 0xffffffff };
    static const u64 reasons[] = { 2, 0xdfffffff, 0xe0000000, 0xffffffff };
    for (int i = 0; i < 4; i++) {
        check_error("reserved type", call(SBI_SRST, 0, types[i], 0, 0), SBI_INVALID_PARAM);
        check_error("reserved reason", call(SBI_SRST, 0, 0, reasons[i], 0), SBI_INVALID_PARAM);
    }
    check_error("function 1", call(SBI_SRST, 1, 0, 0, 0), SBI_NOT_SUPPORTED);
}

void check_dbcn(void)
{
    static char text[] = "  written by DBCN\n", buffer[16];
    u64 length = sizeof text - 1;
    struct sbi_result all = call(SBI_DBCN, 0, length, (u64)text, 0);
    check("write of a line", all.error == SBI_SUCCESS && all.value <= length);
    check_error("write from memory not ours", call(SBI_DBCN, 0, 8, machine.forbidden, 0), SBI_INVALID_PARAM);
    check_error("write from beyond 64 bits", call(SBI_DBCN, 0, 8, (u64)text, 1), SBI_INVALID_PARAM);
    check_error("write of all memory and more", call(SBI_DBCN, 0, -1ul, (u64)text, 0), SBI_INVALID_PARAM);
    check_value("write of nothing", call(SBI_DBCN, 0, 0, (u64)text, 0), 0);
    check_value("read with no key pressed", call(SBI_DBCN, 1, sizeof buffer, (u64)buffer, 0), 0);
    check_error("read to memory not ours", call(SBI_DBCN, 1, 8, machine.forbidden, 0), SBI_INVALID_PARAM);
    check_error("read to beyond 64 bits", call(SBI_DBCN, 1, 8, (u64)buffer, 1), SBI_INVALID_PARAM);
    check_value("write_byte", call(SBI_DBCN, 2, 0x0a00 + ' ', 0, 0), 0);
    check_value("write_byte", call(SBI_DBCN, 2, '\n', 0, 0), 0);
    check_error("function 3", call(SBI_DBCN, 3, 0, 0, 0), SBI_NOT_SUPPORTED);
}

/* Legacy calls leave a1 as it is. */
static long legacy(u64 extension, u64 x0)
{
    struct sbi_result r = call(extension, 99, x0, 0x5a5a, 0);
    check("a1 is kept", r.value == 0x5a5a);
    return r.error;
}

static u64 send_ipi_to_mask_at(u64 address) { return (u64)call(SBI_LEGACY_SEND_IPI, 0, address, 0, 0).error; }

void check_legacy(void)
{
    static u64 nobody;
    u64 self = 1ul << machine.hart;
    for (u64 extension = 0; extension <= 8; extension++)
        check("each legacy call is probed alone", sbi_has(extension));
    check("set_timer", legacy(SBI_LEGACY_SET_TIMER, -1ul) == 0);
    check("putchar", legacy(SBI_LEGACY_PUTCHAR, ' ') == 0 && legacy(SBI_LEGACY_PUTCHAR, '\n') == 0);
    check("getchar with no key pressed", legacy(SBI_LEGACY_GETCHAR, 0) == -1);
    check("send_ipi to itself", legacy(SBI_LEGACY_SEND_IPI, (u64)&self) == 0);
    check("it has arrived", CSR_READ(sip) >> IRQ_SOFT & 1);
    check("clear_ipi", legacy(SBI_LEGACY_CLEAR_IPI, 0) > 0 && !(CSR_READ(sip) >> IRQ_SOFT & 1));
    check("clear_ipi of none", legacy(SBI_LEGACY_CLEAR_IPI, 0) == 0);
    check("send_ipi to nobody", legacy(SBI_LEGACY_SEND_IPI, (u64)&nobody) == 0);
    check("remote_fence_i", legacy(SBI_LEGACY_FENCE_I, 0) == 0);
    check("remote_sfence_vma", call(SBI_LEGACY_SFENCE_VMA, 0, (u64)&self, 0, -1ul).error == 0);
    check("remote_sfence_vma_asid", sbi_call(SBI_LEGACY_SFENCE_ASID, 0, (u64)&self, 4096, 4096, 1, 0).error == 0);
    /* A mask in memory that nobody has touched yet is all zeros. */
    check("mask in untouched memory", legacy(SBI_LEGACY_SEND_IPI, machine.ram_end - (6 << 20)) == 0);
    u64 cause = trap_cause(send_ipi_to_mask_at, machine.forbidden);
    check("mask in memory not ours traps", cause == CAUSE_LOAD_ACCESS);
}
