/* SBI FWFT: features of VS-mode that the guest itself turns on, each a field of henvcfg. */
#include "sbi/sbi.h"

enum { LOCK = 1, MAX_VALUES = 3 };

/* In place of an encoding: a value that exists and is not to be had here. */
#define DENIED FOREVER

struct feature {
    u64 field;                                   /* of henvcfg, 0: it needs none */
    struct { u64 value, encoding; } values[MAX_VALUES];   /* of the field; unused ones repeat the first */
};

/* By number. hedeleg gives misaligned accesses to the guest, for all guests alike. A shadow stack would need
   ssp to be switched with the vCPU. */
static const struct feature table[] = {
    /* MISALIGNED_EXC_DELEG */  {0, {{1, 0}, {0, DENIED}, {1, 0}}},
    /* LANDING_PAD */           {HENVCFG_LPE, {{0, 0}, {1, HENVCFG_LPE}, {0, 0}}},
    /* SHADOW_STACK */          {HENVCFG_SSE, {{0, 0}, {1, DENIED}, {0, 0}}},
    /* DOUBLE_TRAP */           {HENVCFG_DTE, {{0, 0}, {1, HENVCFG_DTE}, {0, 0}}},
    /* PTE_AD_HW_UPDATING */    {HENVCFG_ADUE, {{0, 0}, {1, HENVCFG_ADUE}, {0, 0}}},
    /* POINTER_MASKING_PMLEN */ {HENVCFG_PMM, {{0, 0}, {7, HENVCFG_PMM_7}, {16, HENVCFG_PMM_16}}},
};

/* Bit of features.fwft: the machine takes the k-th value of feature i. */
static u64 value_bit(u64 i, u32 k) { return BIT(i * MAX_VALUES + k); }

static bool writable(u64 field, u64 encoding)
{
    csr_write(henvcfg, features.henvcfg | encoding);
    return (csr_read(henvcfg) & field) == encoding;
}

void fwft_probe(void)
{
    for (u32 i = 0; i < ARRAY_LEN(table); i++)
        for (u32 k = 0; k < MAX_VALUES; k++) {
            u64 field = table[i].field, encoding = table[i].values[k].encoding;
            if (encoding != DENIED && (!field || (features.has_henvcfg && writable(field, encoding))))
                features.fwft |= value_bit(i, k);
        }
    if (features.has_henvcfg)
        csr_write(henvcfg, features.henvcfg);
}

/* SUCCESS if the guest may use this feature: some value of it other than 0 can be had. */
static i64 check(u32 id)
{
    if (id >= ARRAY_LEN(table))
        return SBI_ERR_DENIED;
    for (u32 k = 0; k < MAX_VALUES; k++)
        if (table[id].values[k].value && (features.fwft & value_bit(id, k)))
            return SBI_SUCCESS;
    return SBI_ERR_NOT_SUPPORTED;
}

static struct sbi_ret set(struct vcpu *v, const u64 *args)
{
    u32 id = (u32)args[0], k = 0;
    i64 error = check(id);

    if (error)
        return sbi_error(error);
    if (args[2] & ~(u64)LOCK)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (v->fwft.locked & BIT(id))
        return sbi_error(SBI_ERR_DENIED_LOCKED);
    while (k < MAX_VALUES && table[id].values[k].value != args[1])
        k++;
    if (k == MAX_VALUES)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!(features.fwft & value_bit(id, k)))
        return sbi_error(table[id].values[k].encoding == DENIED ? SBI_ERR_DENIED : SBI_ERR_INVALID_PARAM);
    u64 bits = (v->fwft.henvcfg & ~table[id].field) | table[id].values[k].encoding;
    if (bits != v->fwft.henvcfg) {
        v->fwft.henvcfg = bits;
        csr_write(henvcfg, features.henvcfg | bits);
        hfence_vvma_all();                       /* ADUE is cached with translations (manual, henvcfg) */
    }
    if (args[2] & LOCK)
        v->fwft.locked |= (u32)BIT(id);
    return sbi_ok(0);
}

static struct sbi_ret get(struct vcpu *v, const u64 *args)
{
    u32 id = (u32)args[0], k = 0;
    i64 error = check(id);

    if (error)
        return sbi_error(error);
    while (table[id].values[k].encoding != (v->fwft.henvcfg & table[id].field))
        k++;
    return sbi_ok(table[id].values[k].value);
}

static const struct sbi_function functions[] = {{"fwft_set", 3, set, false}, {"fwft_get", 1, get, false}};

const struct sbi_ext sbi_fwft = {"FWFT", 0x46574654, 0x46574654, SBI_FUNCTIONS(functions), false};
