/* Attacks through the SBI with arguments drawn at random, and with addresses that are the hypervisor's. */
#include "attacks.h"

enum { SBI_PMU = 0x504d55, SBI_SUSP = 0x53555350, SBI_FWFT = 0x46574654, SBI_STA = 0x535441, SBI_CPPC = 0x43505043,
       SBI_NACL = 0x4e41434c, SBI_SSE = 0x535345, SBI_MPXY = 0x4d505859, SBI_DBTR = 0x44425452 };

static u64 seed = 88172645463325252ul;

/* xorshift64 (Marsaglia): the same numbers in every run. */
static u64 draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* Numbers that are often wrong in an interesting way. */
static u64 draw_argument(void)
{
    const u64 favourites[] = {
        0, 1, 2, 3, 63, 64, -1ul, 1ul << 31, 1ul << 32, 1ul << 63, machine.ram_base, machine.ram_end,
        machine.ram_end - 8, 0x80000000, 0x80200000, 0x80200000 + (256ul << 20), 1ul << 41, 1ul << 56,
    };
    u64 pick = draw();
    return pick % 4 ? favourites[pick / 4 % COUNT(favourites)] : draw();
}

/* What would end or restart us, or put us to sleep, if its arguments happened to be right, is left out; so is
 * what would write into our own memory or on the console. */
static bool too_sharp(u64 extension, u64 function)
{
    return extension == SBI_SRST || extension == SBI_SUSP || (extension == SBI_HSM && function != 2) ||
           (extension == SBI_DBCN) || (extension == SBI_PMU && (function == 7 || function == 8)) ||
           extension == SBI_STA || extension == SBI_FWFT;
}

enum verdict attack_sbi_random(void)
{
    static const u64 extensions[] = {
        SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_PMU, SBI_CPPC, SBI_NACL, SBI_SSE, SBI_MPXY, SBI_DBTR,
    };
    if (!machine.is_virtual)
        return SKIPPED;
    for (int i = 0; i < 2000; i++) {
        u64 extension = extensions[draw() % COUNT(extensions)], function = draw() % 10;
        if (!too_sharp(extension, function))
            sbi_call(extension, function, draw_argument(), draw_argument(), draw_argument(), draw_argument(),
                     draw_argument());
    }
    sbi_set_timer(-1ul);
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    return contained_if(sbi_has(SBI_BASE));
}

static bool refused(u64 extension, u64 function, u64 x0, u64 x1, u64 x2)
{
    return sbi_call(extension, function, x0, x1, x2, 0, 0).error < 0;
}

/* Memory of ours would be allowed; this is what lies behind it in the machine, or nowhere. */
enum verdict attack_sbi_foreign_addresses(void)
{
    const u64 foreign[] = { machine.ram_end, machine.ram_end + (64ul << 20), machine.ram_end - 4, 0, 0x10000000,
                            1ul << 45, 1ul << 63 };
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        contained &= refused(SBI_DBCN, 0, 64, foreign[i], 0) && refused(SBI_DBCN, 1, 64, foreign[i], 0);
        contained &= refused(SBI_PMU, 7, foreign[i], 0, 0);    /* snapshot_set_shmem */
        contained &= refused(SBI_PMU, 8, foreign[i], 0, 4);    /* event_get_info */
        contained &= refused(SBI_STA, 0, foreign[i], 0, 0);    /* steal_time_set_shmem */
        if (foreign[i] != machine.ram_end - 4)
            contained &= refused(SBI_SUSP, 0, 0, foreign[i], 0) && refused(SBI_HSM, 3, 0x80000000, foreign[i], 0);
    }
    return contained_if(contained);
}

enum verdict attack_pmu_counters(void)
{
    bool contained = true;
    if (!machine.is_virtual || !sbi_has(SBI_PMU))
        return SKIPPED;
    u64 counters = sbi_call(SBI_PMU, 0, 0, 0, 0, 0, 0).value;
    for (u64 counter = counters; counter < counters + 70; counter++)
        contained &= refused(SBI_PMU, 1, counter, 0, 0) && refused(SBI_PMU, 3, counter, 1, 0) &&
                     refused(SBI_PMU, 5, counter, 0, 0);
    contained &= refused(SBI_PMU, 3, -1ul, -1ul, 0) && refused(SBI_PMU, 4, 1ul << 63, -1ul, 0);
    return contained_if(contained);
}

/* Features that nobody has, and values that they cannot have, must not change what the hart does. */
enum verdict attack_firmware_features(void)
{
    bool contained = true;
    if (!machine.is_virtual || !sbi_has(SBI_FWFT))
        return SKIPPED;
    for (u64 feature = 6; feature < 64; feature++)
        contained &= refused(SBI_FWFT, 0, feature, 1, 0) && refused(SBI_FWFT, 1, feature, 0, 0);
    for (u64 feature = 0; feature < 6; feature++)
        contained &= refused(SBI_FWFT, 0, feature, -1ul, 0) && refused(SBI_FWFT, 0, feature, 1, -1ul);
    return contained_if(contained);
}

enum verdict attack_system_suspend(void)
{
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    for (u64 type = 1; type; type <<= 3)
        contained &= (u32)type == 0 || refused(SBI_SUSP, 0, type, (u64)secondary_start, 0);
    return contained_if(contained && refused(SBI_SUSP, 1, 0, (u64)secondary_start, 0));
}

/* Whoever can be named by a hart id or a reset type is ours or nobody. */
enum verdict attack_reset_others(void)
{
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    for (u64 i = 0; i < 64; i++) {
        u64 id = i < 32 ? machine.harts + i : 1ul << i;
        contained &= refused(SBI_HSM, 0, id, (u64)secondary_start, 0) && refused(SBI_HSM, 2, id, 0, 0) &&
                     refused(SBI_IPI, 0, 1, id, 0) && refused(SBI_RFENCE, 1, 1, id, 0);
        if (i >= 3 && i < 32)
            contained &= refused(SBI_SRST, 0, 1ul << i, i, 0) && refused(SBI_SRST, 1, 1ul << i, 0, 0);
    }
    return contained_if(contained);
}
