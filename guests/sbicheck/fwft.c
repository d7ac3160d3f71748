/* FWFT: ids, values, flags, locks; what PTE_AD_HW_UPDATING does; features of another hart are its own. */
#include "checks.h"

enum { LOCK = 1, MISALIGNED = 0, PTE_AD = 4, PMLEN = 5, FEATURES = 6 };

static struct sbi_result set(u64 feature, u64 value, u64 flags)
{
    return sbi_call(SBI_FWFT, 0, feature, value, flags, 0, 0);
}

static struct sbi_result get(u64 feature) { return sbi_call(SBI_FWFT, 1, feature, 0, 0, 0, 0); }

static void check_ids(void)
{
    static const u64 nothing[] = { 6, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000 };
    for (int i = 0; i < 7; i++) {
        check_error("set of no feature", set(nothing[i], 0, 0), SBI_DENIED);
        struct sbi_result r = get(nothing[i]);
        check_error("get of no feature", r, SBI_DENIED);
        check("the value of a failed get is 0", r.value == 0);
    }
}

static void check_feature(u64 feature)
{
    struct sbi_result r = get(feature);
    if (r.error) {
        check_error("get of a feature that is missing", r, SBI_NOT_SUPPORTED);
        check_error("set of a feature that is missing", set(feature, 1, 0), SBI_NOT_SUPPORTED);
        return;
    }
    if (feature != MISALIGNED)
        check_value("value after a reset", r, 0);
    check_error("reserved flag", set(feature, r.value, 2), SBI_INVALID_PARAM);
    check_error("no such value", set(feature, 99, 0), SBI_INVALID_PARAM);
    check_error("the value it has", set(feature, r.value, 0), SBI_SUCCESS);
    check_value("failed sets change nothing", get(feature), r.value);
    if (feature == MISALIGNED || feature == PMLEN)
        return;
    check_error("on", set(feature, 1, 0), SBI_SUCCESS);
    check_value("it is on", get(feature), 1);
    check_error("off", set(feature, 0, 0), SBI_SUCCESS);
    check_value("it is off", get(feature), 0);
}

/* A pointer with a tag in its upper bits is one only while these are masked. */
static void check_masking(void)
{
    static const u64 lengths[] = { 7, 16 };
    static u64 value;
    for (int i = 0; i < 2; i++) {
        u64 tagged = (u64)&value | 1ul << (64 - lengths[i]);
        if (set(PMLEN, lengths[i], 0).error)
            continue;
        check_value("PMLEN", get(PMLEN), lengths[i]);
        check("a tag is not looked at", trap_cause(load, tagged) == -1ul);
        check_error("PMLEN of 0", set(PMLEN, 0, 0), SBI_SUCCESS);
        check("a tag is part of the address", trap_cause(load, tagged) != -1ul);
    }
}

static void check_page_tables(void)
{
    static u64 page[512] __attribute__((aligned(4096)));
    CSR_WRITE(satp, window_satp(0));
    for (u64 on = 0; on < 2; on++) {
        window_map(0, page, PTE_R | PTE_W);
        sfence_all();
        set(PTE_AD, on, 0);
        check("a page with A = 0", trap_cause(load, WINDOW) == (on ? -1ul : CAUSE_LOAD_PAGE));
        check("A is set when it is to be", (*window_entry(0) & PTE_A) == (on ? PTE_A : 0));
    }
    CSR_WRITE(satp, 0);
    sfence_all();
    set(PTE_AD, 0, 0);
}

static u64 get_there(u64 feature) { return get(feature).value; }
static u64 lock_there(u64 value) { return (u64)set(PTE_AD, value, LOCK).error; }
static u64 set_there(u64 value) { return (u64)set(PTE_AD, value, 0).error; }

static void check_locality(void)
{
    set(PTE_AD, 1, 0);
    check("another hart's feature is its own", other_run(get_there, PTE_AD) == 0);
    check("lock", other_run(lock_there, 1) == 0);
    check("a locked feature keeps its value",
          other_run(set_there, 0) == (u64)SBI_DENIED_LOCKED && other_run(get_there, PTE_AD) == 1);
    set(PTE_AD, 0, 0);
    check("and this hart may still set its own", get(PTE_AD).value == 0);
    other_stop();
    other_start();
    check("a start resets value and lock", other_run(get_there, PTE_AD) == 0 && other_run(set_there, 1) == 0);
    other_run(set_there, 0);
}

void check_fwft(void)
{
    check_ids();
    for (u64 feature = 0; feature < FEATURES; feature++)
        check_feature(feature);
    check_masking();
    check_error("function 2", sbi_call(SBI_FWFT, 2, 0, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
    if (get(PTE_AD).error)
        return;
    check_page_tables();
    if (machine.has_other)
        check_locality();
}
