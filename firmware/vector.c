/* Vector state of vCPUs: 32 registers of vlenb bytes, which most guests never touch. Saved only if the guest has changed
   it, as sstatus.VS says (Dirty), and brought back only if the hart's registers hold something else. */
#include "vm.h"

#define SAME_IN_ASSEMBLY(field, offset) _Static_assert(offsetof(struct vector_state, field) == (offset), "vector.S")
SAME_IN_ASSEMBLY(vstart, VECTOR_VSTART);
SAME_IN_ASSEMBLY(vl, VECTOR_VL);
SAME_IN_ASSEMBLY(vtype, VECTOR_VTYPE);
SAME_IN_ASSEMBLY(vcsr, VECTOR_VCSR);
SAME_IN_ASSEMBLY(registers, VECTOR_REGISTERS);

/* vector.S: need sstatus.VS != Off. */
void vector_save(struct vector_state *s);
void vector_restore(const struct vector_state *s);

void vector_probe(void)
{
    u64 value;

    csr_set(sstatus, SSTATUS_VS);
    if (probe_vlenb(0, &value) == 0)
        features.vlenb = value;
    csr_clear(sstatus, SSTATUS_VS);
}

bool vector_create(struct vcpu *v)
{
    u64 registers = 32 * features.vlenb;

    if (!registers)
        return true;
    v->vector.registers = (u8 *)ram_take(ALIGN_UP(registers, PAGE_SIZE), PAGE_SIZE);
    return v->vector.registers != NULL;
}

void vector_reset(struct vcpu *v)
{
    if (!features.vlenb)
        return;
    memset(v->vector.registers, 0, 32 * features.vlenb);
    v->vector.vstart = v->vector.vl = v->vector.vcsr = 0;
    v->vector.vtype = VTYPE_VILL;
    v->vector.hart = NULL;
    v->vector.used = false;
}

void vector_load(struct vcpu *v)
{
    struct hart *h = this_hart();
    /* All that have not used it have the same state: nobody's. */
    struct vcpu *owner = v->vector.used ? v : NULL;

    if (!features.vlenb)
        return;
    if (!h->vector_known || h->vector_owner != owner || (owner && v->vector.hart != h)) {
        csr_set(sstatus, SSTATUS_VS);
        vector_restore(&v->vector);
        h->vector_owner = owner;
        h->vector_known = true;
        v->vector.hart = h;
    }
    v->sstatus = (v->sstatus & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
}

/* QEMU leaves sstatus.VS as it is when a guest writes one of these CSRs, or a load faults between two elements. */
static bool changed_unnoticed(const struct vector_state *s)
{
    return csr_read(vstart) != s->vstart || csr_read(vcsr) != s->vcsr;
}

void vector_put(struct vcpu *v)
{
    if (!features.vlenb)
        return;
    csr_set(sstatus, SSTATUS_VS);
    if ((v->sstatus & SSTATUS_VS) != SSTATUS_VS && !changed_unnoticed(&v->vector))
        return;
    vector_save(&v->vector);
    v->vector.used = true;
    v->vector.hart = this_hart();
    this_hart()->vector_owner = v;
}
