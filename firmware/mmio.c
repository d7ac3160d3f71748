/* Emulation of loads and stores outside RAM: decode the instruction, find the device, move the value. */
#include "vm.h"

struct access { u32 size, reg, length; bool write, is_signed; };

/* Formats of the loads and stores (unprivileged manual): which bits must match, and where rd or rs2 is. */
enum reg_field { REG_11_7, REG_24_20, REG_6_2, REG_C_4_2 };
struct format { u32 mask, match; u8 size; bool write, is_signed; u8 field; };

static const struct format formats[] = {
    {0x707f, 0x0003, 1, false, true, REG_11_7},     /* lb */
    {0x707f, 0x1003, 2, false, true, REG_11_7},     /* lh */
    {0x707f, 0x2003, 4, false, true, REG_11_7},     /* lw */
    {0x707f, 0x3003, 8, false, true, REG_11_7},     /* ld */
    {0x707f, 0x4003, 1, false, false, REG_11_7},    /* lbu */
    {0x707f, 0x5003, 2, false, false, REG_11_7},    /* lhu */
    {0x707f, 0x6003, 4, false, false, REG_11_7},    /* lwu */
    {0x707f, 0x0023, 1, true, false, REG_24_20},    /* sb */
    {0x707f, 0x1023, 2, true, false, REG_24_20},    /* sh */
    {0x707f, 0x2023, 4, true, false, REG_24_20},    /* sw */
    {0x707f, 0x3023, 8, true, false, REG_24_20},    /* sd */
    {0xe003, 0x4000, 4, false, true, REG_C_4_2},    /* c.lw */
    {0xe003, 0x6000, 8, false, true, REG_C_4_2},    /* c.ld */
    {0xe003, 0xc000, 4, true, false, REG_C_4_2},    /* c.sw */
    {0xe003, 0xe000, 8, true, false, REG_C_4_2},    /* c.sd */
    {0xe003, 0x4002, 4, false, true, REG_11_7},     /* c.lwsp */
    {0xe003, 0x6002, 8, false, true, REG_11_7},     /* c.ldsp */
    {0xe003, 0xc002, 4, true, false, REG_6_2},      /* c.swsp */
    {0xe003, 0xe002, 8, true, false, REG_6_2},      /* c.sdsp */
    {0xfc03, 0x8000, 1, false, false, REG_C_4_2},   /* c.lbu */
    {0xfc43, 0x8400, 2, false, false, REG_C_4_2},   /* c.lhu */
    {0xfc43, 0x8440, 2, false, true, REG_C_4_2},    /* c.lh */
    {0xfc03, 0x8800, 1, true, false, REG_C_4_2},    /* c.sb */
    {0xfc43, 0x8c00, 2, true, false, REG_C_4_2},    /* c.sh */
};

static u32 reg_number(u32 insn, u8 field)
{
    switch (field) {
    case REG_11_7: return insn >> 7 & 31;
    case REG_24_20: return insn >> 20 & 31;
    case REG_6_2: return insn >> 2 & 31;
    default: return 8 + (insn >> 2 & 7);
    }
}

static bool decode(u32 insn, u32 length, struct access *a)
{
    for (u32 i = 0; i < ARRAY_LEN(formats); i++) {
        const struct format *f = &formats[i];
        if ((insn & f->mask) == f->match) {
            *a = (struct access){f->size, reg_number(insn, f->field), length, f->write, f->is_signed};
            return true;
        }
    }
    return false;
}

/* A transformed instruction in htinst has bit 1 clear if the original was compressed (manual, htinst). */
static bool decode_htinst(u32 htinst, struct access *a) { return decode(htinst | 2, htinst & 2 ? 4 : 2, a); }

u32 guest_instruction(u64 pc, u32 *length)
{
    u64 low, high = 0;

    if (guest_fetch16(pc, &low))
        return 0;
    *length = (low & 3) == 3 ? 4 : 2;
    if (*length == 4 && guest_fetch16(pc + 2, &high))
        return 0;
    return (u32)(high << 16 | low);
}

static u64 extend(u64 value, const struct access *a)
{
    u32 shift = 64 - a->size * 8;

    return a->is_signed ? (u64)((i64)(value << shift) >> shift) : value << shift >> shift;
}

bool mmio_access(struct vcpu *v, u64 gpa, bool write)
{
    struct access a;
    u32 length = 0;

    if (!v->htinst || !decode_htinst((u32)v->htinst, &a)) {
        u32 insn = guest_instruction(v->pc, &length);
        /* The guest has changed its mapping meanwhile: let it run on and meet its own fault. */
        if (!length || !insn)
            return true;
        if (!decode(insn, length, &a))
            return false;
    }
    if (a.write != write || gpa % a.size)
        return false;
    u64 value = write ? extend(v->x[a.reg], &(struct access){.size = a.size}) : 0;
    if (!vdev_access(v->vm, gpa, a.size, write, &value))
        return false;
    if (!write && a.reg)
        v->x[a.reg] = extend(value, &a);
    v->pc += a.length;
    return true;
}
