/* Device tree reader: walks the token stream, keeps no state and trusts nothing beyond the header. */
#include "fdt.h"
#include "string.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };
enum { MAGIC = 0, TOTAL_SIZE = 4, STRUCT_OFFSET = 8, STRINGS_OFFSET = 12, STRUCT_SIZE = 36 };

static u32 be32(const void *p)
{
    const u8 *b = p;
    return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

static u64 be64(const void *p) { return (u64)be32(p) << 32 | be32((const u8 *)p + 4); }
static u32 header(const void *dtb, int field) { return be32((const u8 *)dtb + field); }

static const u8 *at(const void *dtb, int offset)
{
    return (const u8 *)dtb + header(dtb, STRUCT_OFFSET) + offset;
}

bool fdt_valid(const void *dtb) { return dtb && header(dtb, MAGIC) == 0xd00dfeed; }
u32 fdt_size(const void *dtb) { return header(dtb, TOTAL_SIZE); }

/* Offset of the token that follows the one at `offset`. */
static int skip(const void *dtb, int offset)
{
    const u8 *token = at(dtb, offset);
    switch (be32(token)) {
    case BEGIN_NODE: return offset + 4 + ((int)strlen((const char *)token + 4) + 1 + 3) / 4 * 4;
    case PROP: return offset + 12 + ((int)be32(token + 4) + 3) / 4 * 4;
    default: return offset + 4;
    }
}

int fdt_next(const void *dtb, int node)
{
    int end = (int)header(dtb, STRUCT_SIZE);
    for (int offset = node < 0 ? 0 : skip(dtb, node); offset < end; offset = skip(dtb, offset)) {
        u32 token = be32(at(dtb, offset));
        if (token == BEGIN_NODE)
            return offset;
        if (token == END)
            break;
    }
    return -1;
}

const char *fdt_name(const void *dtb, int node) { return (const char *)at(dtb, node) + 4; }

const void *fdt_property(const void *dtb, int node, const char *name, u32 *length)
{
    const char *strings = (const char *)dtb + header(dtb, STRINGS_OFFSET);
    if (node < 0)
        return NULL;
    /* Properties come before the first child, so they end at the next node token. */
    for (int offset = skip(dtb, node);; offset = skip(dtb, offset)) {
        const u8 *token = at(dtb, offset);
        u32 kind = be32(token);
        if (kind == NOP)
            continue;
        if (kind != PROP)
            return NULL;
        if (strcmp(strings + be32(token + 8), name) == 0) {
            if (length)
                *length = be32(token + 4);
            return token + 12;
        }
    }
}

const char *fdt_string(const void *dtb, int node, const char *name)
{
    return fdt_property(dtb, node, name, NULL);
}

u32 fdt_u32(const void *dtb, int node, const char *name, u32 otherwise)
{
    u32 length;
    const void *value = fdt_property(dtb, node, name, &length);
    return value && length >= 4 ? be32(value) : otherwise;
}

/* Whether the path component [name, name+length) names the node, with or without its unit address. */
static bool component_matches(const char *node_name, const char *name, size_t length)
{
    return strncmp(node_name, name, length) == 0 && (node_name[length] == '\0' || node_name[length] == '@');
}

int fdt_path(const void *dtb, const char *path)
{
    int node = 0, depth = 0, wanted = 0;
    if (*path != '/')
        return -1;
    path++;
    if (*path == '\0')
        return 0;
    for (int offset = skip(dtb, node); depth >= wanted; offset = skip(dtb, offset)) {
        size_t length = strcspn(path, "/:");
        u32 token = be32(at(dtb, offset));
        if (token == END)
            break;
        if (token == END_NODE)
            depth--;
        if (token != BEGIN_NODE)
            continue;
        if (depth == wanted && component_matches(fdt_name(dtb, offset), path, length)) {
            if (path[length] != '/')
                return offset;
            path += length + 1;
            wanted++;
        }
        depth++;
    }
    return -1;
}

int fdt_compatible(const void *dtb, int node, const char *compatible)
{
    while ((node = fdt_next(dtb, node)) >= 0) {
        u32 length;
        const char *list = fdt_property(dtb, node, "compatible", &length);
        for (u32 i = 0; list && i < length; i += strlen(list + i) + 1)
            if (strcmp(list + i, compatible) == 0)
                return node;
    }
    return -1;
}

int fdt_device_type(const void *dtb, int node, const char *type)
{
    while ((node = fdt_next(dtb, node)) >= 0) {
        const char *value = fdt_string(dtb, node, "device_type");
        if (value && strcmp(value, type) == 0)
            return node;
    }
    return -1;
}

bool fdt_reg(const void *dtb, int node, u64 *address, u64 *size)
{
    u32 length;
    const u8 *value = fdt_property(dtb, node, "reg", &length);
    if (!value || length < 16)
        return false;
    *address = be64(value);
    if (size)
        *size = be64(value + 8);
    return true;
}

int fdt_harts(const void *dtb, u64 *harts, int max)
{
    int count = 0;
    for (int cpu = -1; (cpu = fdt_device_type(dtb, cpu, "cpu")) >= 0 && count < max;)
        harts[count++] = fdt_u32(dtb, cpu, "reg", 0);
    return count;
}
