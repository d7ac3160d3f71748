/* An access outside RAM: finds out what the instruction does, moves its parts between device and register, or gives
   the guest the fault that it meets. */
#include "mmio/mmio.h"

enum { OTHER_PAGE_TRIES = 4 };

enum found { FOUND, CHANGED, UNKNOWN };

u32 guest_instruction(struct vcpu *v)
{
    u64 low = 0, high = 0, pc = v->pc;

    if (vcpu_access(v, guest_fetch16, pc, &low) ||
        ((low & 3) == 3 && vcpu_access(v, guest_fetch16, pc + 2, &high))) {
        hfence_vvma_all();               /* the guest may still fetch by what the TLB remembers */
        return 0;
    }
    return (u32)(high << 16 | low);
}

/* The access that trapped, and how far into it stval lies. htinst may hold the instruction, transformed: bit 1 is
   clear if it was compressed, and rs1 is that distance (privileged manual, "Transformed Instruction"). Otherwise
   it is fetched; meanwhile another vCPU may have changed it or its mapping. */
static enum found find_access(struct vcpu *v, struct access *a, u32 *offset)
{
    u32 insn = (u32)v->htinst;
    bool store = v->scause == CAUSE_STORE_GUEST_PAGE;

    *a = (struct access){.write = store};
    if ((insn & 1) && mmio_decode(insn | 2, a)) {
        a->length = insn & 2 ? 4 : 2;
        *offset = a->base;
        if (*offset < a->size)
            return FOUND;
    }
    insn = guest_instruction(v);
    if (!insn)
        return CHANGED;
    if (!mmio_decode(insn, a)) {
        a->insn = insn;
        return UNKNOWN;
    }
    *offset = (u32)(v->stval - (v->x[a->base] + (u64)a->immediate)) & 63;
    /* QEMU 7.2 reports some AMOs as loads. */
    bool same_kind = a->kind == ACCESS_AMO || a->write == store;
    return same_kind && *offset < a->size ? FOUND : CHANGED;
}

static u64 low_bytes(u64 value, u32 size) { return size == 8 ? value : value & (BIT(size * 8) - 1); }

static i64 sign_extend(u64 value, u32 size)
{
    u32 shift = 64 - size * 8;

    return (i64)(value << shift) >> shift;
}

static u64 source(struct vcpu *v, const struct access *a)
{
    return a->is_float ? vcpu_read_f(v, a->reg) : v->x[a->reg];
}

static void set_destination(struct vcpu *v, const struct access *a, u64 value)
{
    if (a->is_float)                     /* a narrower value is NaN-boxed (unprivileged manual, "D") */
        vcpu_write_f(v, a->reg, a->size == 8 ? value : value | ~(BIT(a->size * 8) - 1));
    else if (a->reg)
        v->x[a->reg] = a->is_signed ? (u64)sign_extend(value, a->size) : value;
}

static void access_fault(struct vcpu *v, const struct access *a, u64 gva, u64 gpa)
{
    vcpu_inject_access_fault(v, a->write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, gva, gpa);
}

static bool device_part(struct vcpu *v, const struct access *a, u64 gva, u64 gpa, u32 size, u64 *value)
{
    if (vdev_access(v->vm, gpa, size, a->write, value))
        return true;
    access_fault(v, a, gva, gpa);
    return false;
}

/* A part in the page that did not trap: memory, another device, or a fault of its own. HLV and HSV have the rights
   of the guest's mode (hstatus.SPVP). Parts of an access to two pages are no longer than 4 bytes. */
static bool other_page_part(struct vcpu *v, const struct access *a, u64 gva, u32 size, u64 *value)
{
    static int (*const loads[])(u64, u64 *) = {guest_load8, guest_load16, guest_load32};
    static int (*const stores[])(u64, u64 *) = {guest_store8, guest_store16, guest_store32};
    int (*const move)(u64, u64 *) = (a->write ? stores : loads)[__builtin_ctz(size)];

    for (u32 i = 0; i < OTHER_PAGE_TRIES; i++) {
        int cause = vcpu_access(v, move, gva, value);
        u64 gpa = csr_read(htval) << 2 | (gva & 3), pseudo = csr_read(htinst);
        if (!cause)
            return true;
        if (cause != CAUSE_LOAD_GUEST_PAGE && cause != CAUSE_STORE_GUEST_PAGE) {
            vcpu_inject(v, (u64)cause, gva);
            return false;
        }
        if (gstage_populate(v->vm, gpa, cause == CAUSE_STORE_GUEST_PAGE))
            hfence_gvma_all();
        else if (exit_is_implicit(pseudo))
            break;
        else
            return device_part(v, a, gva, gpa, size, value);
    }
    access_fault(v, a, gva, 0);
    return false;
}

/* Naturally aligned parts, lowest address first, as an interconnect would have them. A misaligned access is not
   atomic: if a part faults, those before it have been done. False: the guest has got a fault. */
static bool move_parts(struct vcpu *v, const struct access *a, u64 begin, u64 gpa, u64 *value)
{
    for (u32 done = 0, size; done < a->size; done += size) {
        u64 gva = begin + done, part = 0;
        for (size = a->size; gva % size || size > a->size - done; size /= 2)
            ;
        if (a->write)
            part = low_bytes(*value >> done * 8, size);
        bool same_page = gva / PAGE_SIZE == v->stval / PAGE_SIZE;
        if (!(same_page ? device_part(v, a, gva, gpa + (gva - v->stval), size, &part)
                        : other_page_part(v, a, gva, size, &part)))
            return false;
        if (!a->write)
            *value |= low_bytes(part, size) << done * 8;
    }
    return true;
}

struct amo { const struct access *access; i64 old, operand, compare; };

static bool amo_next(void *arg, u64 *value)
{
    struct amo *amo = arg;

    amo->old = sign_extend(*value, amo->access->size);
    if (!mmio_amo(amo->access->function, amo->old, amo->operand, amo->compare, value))
        return false;
    *value = low_bytes(*value, amo->access->size);
    return true;
}

/* Atomic under the VM's lock. A misaligned one gets an access fault: it is not to be emulated in parts (privileged
   manual, "Misaligned atomicity granule PMA"). */
static bool do_amo(struct vcpu *v, const struct access *a, u64 gpa)
{
    struct amo amo = {a, 0, sign_extend(v->x[a->operand], a->size), sign_extend(v->x[a->reg], a->size)};

    if (gpa % a->size || !vdev_modify(v->vm, gpa, a->size, amo_next, &amo)) {
        access_fault(v, a, v->stval, gpa);
        return false;
    }
    set_destination(v, a, (u64)amo.old);
    return true;
}

static bool perform(struct vcpu *v, const struct access *a, u64 begin, u64 gpa)
{
    u64 value = 0;

    if (a->kind == ACCESS_AMO)
        return do_amo(v, a, gpa);
    if (a->kind == ACCESS_REFUSED) {
        access_fault(v, a, v->stval, gpa);
        return false;
    }
    if (a->kind == ACCESS_STORE)
        value = source(v, a);
    if (!move_parts(v, a, begin, gpa, &value))
        return false;
    if (a->kind == ACCESS_LOAD)
        set_destination(v, a, value);
    return true;
}

/* A vector access, or one of an extension that is not known here. Said once: drivers do not expect such a fault, and
   vstart and stval do not tell them whose limit it is. */
static void refuse(struct vcpu *v, const struct access *a, u64 gpa)
{
    u64 cause = a->write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;

    if (!__atomic_exchange_n(&v->vm->refused, true, __ATOMIC_ACQ_REL))
        hv_log("%s: vcpu %u: %s at pc 0x%lx: the instruction 0x%x accesses the device at gpa 0x%lx, and only scalar "
               "loads, stores and AMOs are emulated", v->vm->label, v->id, cause_name(cause), v->pc, a->insn, gpa);
    access_fault(v, a, v->stval, gpa);
}

void mmio_access(struct vcpu *v, u64 gpa)
{
    struct access a;
    u32 offset;
    enum found found = find_access(v, &a, &offset);

    if (found == FOUND && perform(v, &a, v->stval - offset, gpa))
        vcpu_retire(v, a.length);
    else if (found == UNKNOWN)
        refuse(v, &a, gpa);
    else if (found == CHANGED)
        fence_i();                       /* it runs on and meets what is there now */
}
