/* SBI BASE: which SBI this is, and what is in it. */
#include "sbi/sbi.h"

enum { SPEC_3_0 = 3 << 24, IMPLEMENTATION_ID = 0x727668 /* "rvh" */, IMPLEMENTATION_VERSION = 1 };

static struct sbi_ret get_spec_version(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_ok(SPEC_3_0);
}

static struct sbi_ret get_impl_id(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_ok(IMPLEMENTATION_ID);
}

static struct sbi_ret get_impl_version(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_ok(IMPLEMENTATION_VERSION);
}

static struct sbi_ret probe_extension(struct vcpu *v, const u64 *args)
{
    (void)v;
    return sbi_ok(sbi_find(args[0]) != NULL);
}

/* 0 is a legal value of each of these CSRs: "not implemented". */
static struct sbi_ret get_machine_id(struct vcpu *v, const u64 *args)
{
    (void)v, (void)args;
    return sbi_ok(0);
}

static const struct sbi_function functions[] = {
    {"get_spec_version", 0, get_spec_version, false},
    {"get_impl_id", 0, get_impl_id, false},
    {"get_impl_version", 0, get_impl_version, false},
    {"probe_extension", 1, probe_extension, false},
    {"get_mvendorid", 0, get_machine_id, false},
    {"get_marchid", 0, get_machine_id, false},
    {"get_mimpid", 0, get_machine_id, false},
};

const struct sbi_ext sbi_base = {"BASE", 0x10, 0x10, SBI_FUNCTIONS(functions), false};
