/* Attacks through the SBI: calls that do not exist, and arguments that must be refused. */
#include "attacks.h"

static struct sbi_result call(u64 extension, u64 function, u64 x0, u64 x1, u64 x2)
{
    return sbi_call(extension, function, x0, x1, x2, 0, 0);
}

static bool refused(u64 extension, u64 function, u64 x0, u64 x1, u64 x2)
{
    return call(extension, function, x0, x1, x2).error < 0;
}

enum verdict attack_sbi_unknown_extensions(void)
{
    static const u64 extensions[] = { 9, 0xf, 0x11, 0x7fffffff, 0x80000000, 0x0a000000, 0x0affffff, -1ul };
    bool contained = true;
    for (size_t i = 0; i < COUNT(extensions); i++)
        for (u64 function = 0; function < 8; function++)
            contained &= call(extensions[i], function, -1ul, -1ul, -1ul).error == SBI_NOT_SUPPORTED;
    return contained_if(contained);
}

enum verdict attack_sbi_unknown_functions(void)
{
    static const u64 extensions[] = { SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_SRST, SBI_DBCN };
    static const u64 functions[] = { 7, 8, 64, 1ul << 31, 1ul << 32, -1ul };
    bool contained = true;
    for (size_t e = 0; e < COUNT(extensions); e++)
        for (size_t f = 0; f < COUNT(functions); f++)
            contained &= call(extensions[e], functions[f], 0, 0, 0).error == SBI_NOT_SUPPORTED;
    return contained_if(contained);
}

/* Buffers of the debug console are physical addresses, so only the callee can check them. */
enum verdict attack_sbi_console_pointers(void)
{
    const u64 ranges[][2] = { /* address, length */
        { machine.ram_end, 16 }, { machine.ram_end - 8, 16 }, { 0, 16 }, { machine.ram_base, -1ul },
        { -8ul, 16 }, { 1ul << 55, 1 }, { machine.ram_end, 1ul << 32 },
    };
    bool contained = true;
    for (u64 function = 0; function < 2; function++) {
        for (size_t i = 0; i < COUNT(ranges); i++)
            contained &= refused(SBI_DBCN, function, ranges[i][1], ranges[i][0], 0);
        contained &= refused(SBI_DBCN, function, 16, machine.ram_base, 1); /* address bits above 63 */
    }
    return contained_if(contained);
}

u64 legacy_call(u64 extension, u64 pointer)
{
    return (u64)sbi_call(extension, 0, pointer, 0, 0, 0, 0).error;
}

/* Legacy calls take the hart mask by (virtual) pointer: the callee may refuse or hand us the fault of its
 * load. */
enum verdict attack_sbi_legacy_pointers(void)
{
    const u64 pointers[] = { machine.ram_end, machine.ram_end - 4, 8, 1ul << 55, -8ul };
    static const u64 extensions[] = { SBI_LEGACY_SEND_IPI, SBI_LEGACY_FENCE_I, SBI_LEGACY_SFENCE_VMA,
                                      SBI_LEGACY_SFENCE_ASID };
    for (size_t e = 0; e < COUNT(extensions); e++)
        for (size_t i = 0; i < COUNT(pointers); i++)
            attempt(legacy_call, extensions[e], pointers[i]);
    return contained_if((CSR_READ(sip) & 1 << IRQ_SOFT) == 0);
}

enum verdict attack_sbi_hart_start(void)
{
    static const u64 harts[] = { 64, 1000, 1ul << 32, 1ul << 63, -1ul };
    bool contained = refused(SBI_HSM, 0, machine.hart, (u64)secondary_start, 0); /* we run already */
    for (size_t i = 0; i < COUNT(harts); i++) {
        contained &= refused(SBI_HSM, 0, harts[i], (u64)secondary_start, 0);
        contained &= refused(SBI_HSM, 2, harts[i], 0, 0);
    }
    for (u64 hart = 0; hart < machine.harts; hart++)
        contained &= refused(SBI_HSM, 0, hart, machine.ram_end, 0) && refused(SBI_HSM, 0, hart, 1ul << 55, 0);
    return contained_if(contained);
}

enum verdict attack_sbi_hart_suspend(void)
{
    static const u64 types[] = { 1, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000001, 0xffffffff };
    bool contained = true;
    for (size_t i = 0; i < COUNT(types); i++)
        contained &= refused(SBI_HSM, 3, types[i], (u64)secondary_start, 0);
    /* Waking up at a place that cannot be executed; without a hypervisor, firmware may allow what harms
     * only us. */
    if (machine.is_virtual)
        contained &= refused(SBI_HSM, 3, 0x80000000, machine.ram_end, 0);
    return contained_if(contained);
}

enum verdict attack_sbi_ipi_masks(void)
{
    bool contained = refused(SBI_IPI, 0, -1ul, 0, 0) && refused(SBI_IPI, 0, 1, machine.harts + 64, 0) &&
                     refused(SBI_IPI, 0, 1, -2ul, 0) && refused(SBI_IPI, 0, 1ul << 63, 1, 0) &&
                     refused(SBI_IPI, 0, 1, 1ul << 63, 0);
    return contained_if(contained && ((CSR_READ(sip) & 1 << IRQ_SOFT) == 0));
}

enum verdict attack_sbi_remote_fences(void)
{
    bool contained = true;
    for (u64 function = 0; function < 3; function++)
        contained &= refused(SBI_RFENCE, function, -1ul, 0, 0) && refused(SBI_RFENCE, function, 1, 5000, 0) &&
                     refused(SBI_RFENCE, function, 1, -2ul, 0);
    /* A huge or endless range is allowed, but must not take for ever. */
    sbi_call(SBI_RFENCE, 1, 1, machine.hart, 0, -1ul, 0);
    sbi_call(SBI_RFENCE, 2, 1, machine.hart, PAGE_SIZE, -1ul - 2 * PAGE_SIZE, -1ul);
    return contained_if(contained);
}

/* Functions 3 to 6 flush other VMs' translations: only who has the H extension may ask for that. */
enum verdict attack_sbi_remote_hfences(void)
{
    bool contained = true;
    if (machine.has_h)
        return SKIPPED;
    for (u64 function = 3; function < 7; function++)
        contained &= call(SBI_RFENCE, function, 1, machine.hart, 0).error == SBI_NOT_SUPPORTED;
    return contained_if(contained);
}

/* Only the types 0 to 2 exist; a wrong one must not end the machine. */
enum verdict attack_sbi_reset_types(void)
{
    static const u64 types[] = { 3, 0x7fffffff, 0x80000000, 0xefffffff, 0xf0000000, 0xffffffff };
    bool contained = true;
    for (size_t i = 0; i < COUNT(types); i++)
        contained &= refused(SBI_SRST, 0, types[i], 0, 0) && refused(SBI_SRST, 0, types[i], 1, 0);
    return contained_if(contained && refused(SBI_SRST, 0, 0, 2, 0) && refused(SBI_SRST, 0, 0, 0xdfffffff, 0));
}
