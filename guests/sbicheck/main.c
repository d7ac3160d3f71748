/* sbicheck: calls every function of every SBI extension that supervisors are given, rightly and wrongly, and
 * compares what comes back with the SBI specification 3.0. One line an extension. */
#include "checks.h"

struct machine machine;

static const struct {
    const char *name;
    u64 extension;
    void (*run)(void);
} parts[] = {
    { "BASE", SBI_BASE, check_base },   { "TIME", SBI_TIME, check_time }, { "HSM", SBI_HSM, check_hsm },
    { "IPI", SBI_IPI, check_ipi },      { "RFENCE", SBI_RFENCE, check_rfence },
    { "PMU", SBI_PMU, check_pmu },      { "FWFT", SBI_FWFT, check_fwft }, { "DBCN", SBI_DBCN, check_dbcn },
    { "legacy", SBI_LEGACY_PUTCHAR, check_legacy },
    { "SUSP", SBI_SUSP, check_susp },   { "SRST", SBI_SRST, check_srst },
};

static unsigned checks, failures;

void check(const char *what, bool ok)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("  %s: no\n", what);
}

void check_error(const char *what, struct sbi_result is, long error)
{
    checks++;
    failures += is.error != error;
    if (is.error != error)
        printf("  %s: error %ld, not %ld\n", what, is.error, error);
}

void check_value(const char *what, struct sbi_result is, u64 value)
{
    bool ok = is.error == SBI_SUCCESS && is.value == value;
    checks++;
    failures += !ok;
    if (!ok)
        printf("  %s: error %ld, value 0x%lx, not 0x%lx\n", what, is.error, is.value, value);
}

static u64 expected_cause, expecting;

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    u64 insn = *(u16 *)frame->sepc;
    if (!expecting)
        unexpected_trap(frame);
    expected_cause = frame->scause;
    if (frame->scause & CAUSE_INTERRUPT)
        frame->sstatus &= ~SSTATUS_SPIE; /* once */
    else
        frame->sepc += (insn & 3) == 3 ? 4 : 2;
    return frame;
}

u64 open_interrupts(u64 duration)
{
    u64 until = read_time() + duration;
    CSR_SET(sstatus, SSTATUS_SIE);
    while (CSR_READ(sstatus) & SSTATUS_SIE && read_time() < until)
        cpu_relax();
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    return 0;
}

u64 trap_cause(u64 (*f)(u64), u64 a)
{
    expected_cause = -1ul;
    expecting = 1;
    __asm__ volatile("" ::: "memory");
    f(a);
    __asm__ volatile("" ::: "memory");
    expecting = 0;
    return expected_cause;
}

u64 load(u64 address) { return *(volatile u64 *)address; }

static void look_around(u64 hart, const void *dtb)
{
    u64 base = 0, size = 0, harts[2];
    int count = fdt_harts(dtb, harts, 2);
    const char *isa = fdt_string(dtb, fdt_device_type(dtb, -1, "cpu"), "riscv,isa");
    /* Single-letter extensions stand before the first underscore, after "rv64". */
    for (isa = isa ? isa + 4 : ""; *isa && *isa != '_' && *isa != 'z' && *isa != 's'; isa++)
        machine.has_h |= *isa == 'h';
    fdt_reg(dtb, fdt_device_type(dtb, -1, "memory"), &base, &size);
    machine.hart = hart;
    machine.has_other = count > 1;
    machine.other = count > 1 && harts[0] == hart ? harts[1] : harts[0];
    machine.ram_end = base + size;
    /* Directly on a machine the firmware lies at the start of RAM, and closes it. */
    machine.is_virtual = fdt_compatible(dtb, -1, "sifive,test1") < 0;
    machine.forbidden = machine.is_virtual ? machine.ram_end : base;
}

bool guest_main(u64 hart, const void *dtb)
{
    unsigned wrong = 0;
    look_around(hart, dtb);
    u64 version = sbi_call(SBI_BASE, 0, 0, 0, 0, 0, 0).value;
    printf("SBI %lu.%lu\n", version >> 24, version & 0xffffff);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!sbi_has(parts[i].extension)) {
            printf("%-6s absent\n", parts[i].name);
            continue;
        }
        checks = failures = 0;
        parts[i].run();
        if (failures)
            printf("%-6s %u of %u checks failed\n", parts[i].name, failures, checks);
        else
            printf("%-6s as specified\n", parts[i].name);
        wrong += failures;
    }
    printf("sbicheck: %u wrong\n", wrong);
    return wrong == 0;
}
