/* Which access an instruction makes: one row of a table for each load, store and atomic (unprivileged manual,
   "Instruction Set Listings"). A transformed instruction of htinst is decoded like any other: its immediate is 0
   and its rs1 field means something else. */
#include "mmio/mmio.h"

enum { SP = 2, MAX_FIELDS = 3 };

/* Where the operands are. A register field of 3 bits names x8..x15; a base of no bits is sp. */
enum shape { LOAD_I, STORE_S, ATOMIC, C_BYTE, C_HALF, C_WORD, C_DOUBLE, C_LWSP, C_LDSP, C_SWSP, C_SDSP };
struct shape_fields {
    struct { u8 at, bits; } reg, base;
    struct { u8 at, bits, to; } immediate[MAX_FIELDS];   /* insn[at + bits - 1:at] is immediate[to + bits - 1:to] */
};

static const struct shape_fields shapes[] = {
    [LOAD_I] = {{7, 5}, {15, 5}, {{20, 12, 0}}},
    [STORE_S] = {{20, 5}, {15, 5}, {{7, 5, 0}, {25, 7, 5}}},
    [ATOMIC] = {{7, 5}, {15, 5}, {{0, 0, 0}}},
    [C_BYTE] = {{2, 3}, {7, 3}, {{6, 1, 0}, {5, 1, 1}}},
    [C_HALF] = {{2, 3}, {7, 3}, {{5, 1, 1}}},
    [C_WORD] = {{2, 3}, {7, 3}, {{6, 1, 2}, {10, 3, 3}, {5, 1, 6}}},
    [C_DOUBLE] = {{2, 3}, {7, 3}, {{10, 3, 3}, {5, 2, 6}}},
    [C_LWSP] = {{7, 5}, {0, 0}, {{4, 3, 2}, {12, 1, 5}, {2, 2, 6}}},
    [C_LDSP] = {{7, 5}, {0, 0}, {{5, 2, 3}, {12, 1, 5}, {2, 3, 6}}},
    [C_SWSP] = {{2, 5}, {0, 0}, {{9, 4, 2}, {7, 2, 6}}},
    [C_SDSP] = {{2, 5}, {0, 0}, {{10, 3, 3}, {7, 3, 6}}},
};

enum { SIGNED = 1, FLOAT = 2, STORE_FAULT = 4 };
struct form { u32 mask, match; u8 kind, size, shape, flags; };

#define LOAD(mask, match, size, shape, flags) {mask, match, ACCESS_LOAD, size, shape, flags}
#define STORE(mask, match, size, shape, flags) {mask, match, ACCESS_STORE, size, shape, (flags) | STORE_FAULT}
#define REFUSED(mask, match, size, flags) {mask, match, ACCESS_REFUSED, size, ATOMIC, flags}
#define AMO(match, size) {0x707f, match, ACCESS_AMO, size, ATOMIC, SIGNED | STORE_FAULT}

static const struct form forms[] = {
    LOAD(0x707f, 0x0003, 1, LOAD_I, SIGNED),                /* lb */
    LOAD(0x707f, 0x1003, 2, LOAD_I, SIGNED),                /* lh */
    LOAD(0x707f, 0x2003, 4, LOAD_I, SIGNED),                /* lw */
    LOAD(0x707f, 0x3003, 8, LOAD_I, 0),                     /* ld */
    LOAD(0x707f, 0x4003, 1, LOAD_I, 0),                     /* lbu */
    LOAD(0x707f, 0x5003, 2, LOAD_I, 0),                     /* lhu */
    LOAD(0x707f, 0x6003, 4, LOAD_I, 0),                     /* lwu */
    LOAD(0x707f, 0x1007, 2, LOAD_I, FLOAT),                 /* flh */
    LOAD(0x707f, 0x2007, 4, LOAD_I, FLOAT),                 /* flw */
    LOAD(0x707f, 0x3007, 8, LOAD_I, FLOAT),                 /* fld */
    STORE(0x707f, 0x0023, 1, STORE_S, 0),                   /* sb */
    STORE(0x707f, 0x1023, 2, STORE_S, 0),                   /* sh */
    STORE(0x707f, 0x2023, 4, STORE_S, 0),                   /* sw */
    STORE(0x707f, 0x3023, 8, STORE_S, 0),                   /* sd */
    STORE(0x707f, 0x1027, 2, STORE_S, FLOAT),               /* fsh */
    STORE(0x707f, 0x2027, 4, STORE_S, FLOAT),               /* fsw */
    STORE(0x707f, 0x3027, 8, STORE_S, FLOAT),               /* fsd */
    LOAD(0xe003, 0x2000, 8, C_DOUBLE, FLOAT),               /* c.fld */
    LOAD(0xe003, 0x4000, 4, C_WORD, SIGNED),                /* c.lw */
    LOAD(0xe003, 0x6000, 8, C_DOUBLE, 0),                   /* c.ld */
    LOAD(0xfc03, 0x8000, 1, C_BYTE, 0),                     /* c.lbu */
    LOAD(0xfc43, 0x8400, 2, C_HALF, 0),                     /* c.lhu */
    LOAD(0xfc43, 0x8440, 2, C_HALF, SIGNED),                /* c.lh */
    STORE(0xfc03, 0x8800, 1, C_BYTE, 0),                    /* c.sb */
    STORE(0xfc43, 0x8c00, 2, C_HALF, 0),                    /* c.sh */
    STORE(0xe003, 0xa000, 8, C_DOUBLE, FLOAT),              /* c.fsd */
    STORE(0xe003, 0xc000, 4, C_WORD, 0),                    /* c.sw */
    STORE(0xe003, 0xe000, 8, C_DOUBLE, 0),                  /* c.sd */
    LOAD(0xe003, 0x2002, 8, C_LDSP, FLOAT),                 /* c.fldsp */
    LOAD(0xe003, 0x4002, 4, C_LWSP, SIGNED),                /* c.lwsp */
    LOAD(0xe003, 0x6002, 8, C_LDSP, 0),                     /* c.ldsp */
    STORE(0xe003, 0xa002, 8, C_SDSP, FLOAT),                /* c.fsdsp */
    STORE(0xe003, 0xc002, 4, C_SWSP, 0),                    /* c.swsp */
    STORE(0xe003, 0xe002, 8, C_SDSP, 0),                    /* c.sdsp */
    REFUSED(0xf800607f, 0x1000202f, 8, 0),                  /* lr.w, lr.d */
    REFUSED(0xf800607f, 0x1800202f, 8, STORE_FAULT),        /* sc.w, sc.d */
    REFUSED(0xf800707f, 0x2800402f, 16, STORE_FAULT),       /* amocas.q */
    REFUSED(0x707f, 0x200f, 64, STORE_FAULT),               /* cbo.inval, .clean, .flush, .zero */
    AMO(0x002f, 1),                                         /* amo*.b */
    AMO(0x102f, 2),                                         /* amo*.h */
    AMO(0x202f, 4),                                         /* amo*.w */
    AMO(0x302f, 8),                                         /* amo*.d */
};

static u32 bits(u32 insn, u32 at, u32 count) { return insn >> at & (u32)(BIT(count) - 1); }

static u32 register_field(u32 insn, u32 at, u32 count)
{
    return count == 0 ? SP : bits(insn, at, count) + (count == 3 ? 8 : 0);
}

static i64 immediate(u32 insn, const struct shape_fields *s)
{
    u32 value = 0;

    for (u32 i = 0; i < MAX_FIELDS; i++)
        value |= bits(insn, s->immediate[i].at, s->immediate[i].bits) << s->immediate[i].to;
    /* 12 bits are signed; those of compressed instructions are fewer and are not */
    return (i64)((u64)value << 52) >> 52;
}

bool mmio_decode(u32 insn, struct access *a)
{
    for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
        const struct form *f = &forms[i];
        const struct shape_fields *s = &shapes[f->shape];
        if ((insn & f->mask) != f->match)
            continue;
        *a = (struct access){
            .kind = f->kind, .size = f->size, .write = f->flags & STORE_FAULT, .is_signed = f->flags & SIGNED,
            .is_float = f->flags & FLOAT, .reg = register_field(insn, s->reg.at, s->reg.bits),
            .base = register_field(insn, s->base.at, s->base.bits), .operand = bits(insn, 20, 5),
            .function = bits(insn, 27, 5), .immediate = immediate(insn, s), .length = (insn & 3) == 3 ? 4 : 2,
        };
        return true;
    }
    return false;
}
