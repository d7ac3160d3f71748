/* Device tree reader (devicetree specification 0.4, chapter 5). Addresses and sizes are two cells each. */
#include "fdt.h"

enum { BEGIN_NODE = 1, PROP = 3, NOP = 4, END = 9 };

u32 fdt_cell(const void *cells)
{
    const u8 *b = cells;
    return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

u64 fdt_cells(const void *cells) { return (u64)fdt_cell(cells) << 32 | fdt_cell((const u8 *)cells + 4); }

void fdt_store_cells(void *cells, u64 value)
{
    u8 *b = cells;
    for (int i = 0; i < 8; i++)
        b[i] = (u8)(value >> (56 - 8 * i));
}

static u8 *at(const void *dtb, int offset) { return (u8 *)dtb + fdt_cell((const u8 *)dtb + 8) + offset; }
bool fdt_valid(const void *dtb) { return dtb && fdt_cell(dtb) == 0xd00dfeed; }
const char *fdt_name(const void *dtb, int node) { return (const char *)at(dtb, node) + 4; }

bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static int text_length(const char *text)
{
    int n = 0;
    while (text[n])
        n++;
    return n;
}

static int skip(const void *dtb, int offset)
{
    const u8 *token = at(dtb, offset);
    switch (fdt_cell(token)) {
    case BEGIN_NODE: return offset + 4 + (text_length((const char *)token + 4) + 4) / 4 * 4;
    case PROP: return offset + 12 + (int)((fdt_cell(token + 4) + 3) / 4 * 4);
    default: return offset + 4;
    }
}

int fdt_next(const void *dtb, int node)
{
    int end = (int)fdt_cell((const u8 *)dtb + 36);
    for (int offset = node < 0 ? 0 : skip(dtb, node); offset < end; offset = skip(dtb, offset)) {
        u32 token = fdt_cell(at(dtb, offset));
        if (token == BEGIN_NODE)
            return offset;
        if (token == END)
            break;
    }
    return -1;
}

void *fdt_property(const void *dtb, int node, const char *name, u32 *length)
{
    const char *strings = (const char *)dtb + fdt_cell((const u8 *)dtb + 12);
    for (int offset = skip(dtb, node);; offset = skip(dtb, offset)) {
        u8 *token = at(dtb, offset);
        u32 kind = fdt_cell(token);
        if (kind == NOP)
            continue;
        if (kind != PROP)
            return NULL;
        if (text_equal(strings + fdt_cell(token + 8), name)) {
            *length = fdt_cell(token + 4);
            return token + 12;
        }
    }
}

int fdt_compatible(const void *dtb, const char *compatible)
{
    for (int node = -1; (node = fdt_next(dtb, node)) >= 0;) {
        u32 length;
        const char *list = fdt_property(dtb, node, "compatible", &length);
        for (u32 i = 0; list && i < length; i += (u32)text_length(list + i) + 1)
            if (text_equal(list + i, compatible))
                return node;
    }
    return -1;
}
