/* SBI BASE: which SBI this is. */
#include "sbi/sbi.h"

enum { SPEC_2_0 = 2 << 24, IMPLEMENTATION_ID = 0x727668 /* "rvh" */, IMPLEMENTATION_VERSION = 1 };

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    /* spec version, implementation id and version, (probe), mvendorid, marchid, mimpid */
    static const u64 values[] = {SPEC_2_0, IMPLEMENTATION_ID, IMPLEMENTATION_VERSION, 0, 0, 0, 0};

    (void)v;
    if (fid >= ARRAY_LEN(values))
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    return (struct sbi_ret){SBI_SUCCESS, fid == 3 ? sbi_find(args[0]) != NULL : values[fid]};
}

const struct sbi_ext sbi_base = {"BASE", 0x10, 0x10, false, call};
