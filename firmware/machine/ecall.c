/* Dispatch of SBI calls to the extensions, and the BASE extension, which describes this SBI. */
#include "machine.h"

#define SPEC_VERSION (2ul << 24)
#define IMPLEMENTATION_ID 0x525648ul /* "RVH": no registered id */
#define IMPLEMENTATION_VERSION 1ul

static const struct extension *const extensions[] = {
    &base_extension, &time_extension, &ipi_extension, &rfence_extension, &hsm_extension, &srst_extension,
    &dbcn_extension,
};

static const struct extension *find(u64 id)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (id >= extensions[i]->first_id && id <= extensions[i]->last_id)
            return extensions[i];
    return NULL;
}

bool sbi_probe(u64 id) { return id <= 8 || find(id) != NULL; }

void sbi_ecall(struct frame *frame)
{
    const struct extension *extension = find(frame->x[A7]);
    u64 legacy_result;
    frame->mepc += 4;
    if (frame->x[A7] <= 0xf && sbi_legacy_call(frame, &legacy_result)) {
        frame->x[A0] = legacy_result; /* legacy calls keep all registers but a0 */
        return;
    }
    struct sbi_return result = { SBI_NOT_SUPPORTED, 0 };
    if (extension)
        result = extension->call(frame->x[A6], &frame->x[A0]);
    frame->x[A0] = (u64)result.error;
    frame->x[A1] = result.value;
}

static struct sbi_return base_call(u64 function, const u64 *argument)
{
    switch (function) {
    case 0: return (struct sbi_return){ SBI_SUCCESS, SPEC_VERSION };
    case 1: return (struct sbi_return){ SBI_SUCCESS, IMPLEMENTATION_ID };
    case 2: return (struct sbi_return){ SBI_SUCCESS, IMPLEMENTATION_VERSION };
    case 3: return (struct sbi_return){ SBI_SUCCESS, sbi_probe(argument[0]) };
    case 4: return (struct sbi_return){ SBI_SUCCESS, CSR_READ(mvendorid) };
    case 5: return (struct sbi_return){ SBI_SUCCESS, CSR_READ(marchid) };
    case 6: return (struct sbi_return){ SBI_SUCCESS, CSR_READ(mimpid) };
    default: return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    }
}

const struct extension base_extension = { 0x10, 0x10, base_call };
