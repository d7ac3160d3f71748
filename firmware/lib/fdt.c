/* Reader of flattened device trees. Every offset is checked against the block it points into. */
#include "lib/fdt.h"

enum { FDT_MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9, MAX_DEPTH = 16 };

static u32 be32(const void *p)
{
    const u8 *b = p;
    return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

u64 fdt_cells(const void *cells, u32 n)
{
    u64 v = 0;

    for (u32 i = 0; i < n; i++)
        v = v << 32 | be32((const u8 *)cells + i * 4);
    return v;
}

u32 fdt_total_size(const void *blob) { return be32((const u8 *)blob + 4); }

bool fdt_open(struct fdt *fdt, const void *blob)
{
    const u8 *b = blob;

    if (!b || ((uintptr_t)b & 3) || be32(b) != FDT_MAGIC)
        return false;
    u32 total = be32(b + 4), structs = be32(b + 8), strings = be32(b + 12);
    fdt->structs = b + structs;
    fdt->structs_size = be32(b + 36);
    fdt->strings = (const char *)b + strings;
    fdt->strings_size = be32(b + 32);
    return contains(0, total, structs, fdt->structs_size) && contains(0, total, strings, fdt->strings_size);
}

bool fdt_reservation(const void *blob, u32 i, u64 *base, u64 *size)
{
    const u8 *entry = (const u8 *)blob + be32((const u8 *)blob + 16) + (u64)i * 16;

    if ((u64)(entry - (const u8 *)blob) + 16 > fdt_total_size(blob))
        return false;
    *base = fdt_cells(entry, 2);
    *size = fdt_cells(entry + 8, 2);
    return *size != 0;
}

/* Length of the terminated string at s, or -1 if it does not end within max bytes. */
static i64 bounded_length(const char *s, u32 max)
{
    for (u32 i = 0; i < max; i++)
        if (!s[i])
            return i;
    return -1;
}

struct token { u32 kind, next, len; const u8 *data; const char *name; };

static bool next_token(const struct fdt *fdt, u32 pos, struct token *t)
{
    if (!contains(0, fdt->structs_size, pos, 4))
        return false;
    t->kind = be32(fdt->structs + pos);
    pos += 4;
    if (t->kind == BEGIN_NODE) {
        t->name = (const char *)fdt->structs + pos;
        i64 n = bounded_length(t->name, fdt->structs_size - pos);
        if (n < 0)
            return false;
        pos += (u32)ALIGN_UP(n + 1, 4);
    } else if (t->kind == PROP) {
        if (!contains(0, fdt->structs_size, pos, 8))
            return false;
        u32 name = be32(fdt->structs + pos + 4);
        t->len = be32(fdt->structs + pos);
        t->data = fdt->structs + pos + 8;
        t->name = fdt->strings + name;
        if (!contains(0, fdt->structs_size, pos + 8ull, t->len) || name >= fdt->strings_size ||
            bounded_length(t->name, fdt->strings_size - name) < 0)
            return false;
        pos += 8 + (u32)ALIGN_UP(t->len, 4);
    }
    t->next = pos;
    return true;
}

const void *fdt_prop(const struct fdt_node *node, const char *name, u32 *len)
{
    struct token t;

    for (u32 pos = node->props; next_token(node->fdt, pos, &t); pos = t.next) {
        if (t.kind != PROP && t.kind != NOP)
            break;
        if (t.kind == PROP && strcmp(t.name, name) == 0) {
            *len = t.len;
            return t.data;
        }
    }
    return NULL;
}

const char *fdt_string(const struct fdt_node *node, const char *name)
{
    u32 len;
    const char *s = fdt_prop(node, name, &len);

    return s && bounded_length(s, len) >= 0 ? s : NULL;
}

bool fdt_has_string(const struct fdt_node *node, const char *name, const char *value)
{
    u32 len;
    const char *s = fdt_prop(node, name, &len);

    while (s && len) {
        i64 n = bounded_length(s, len);
        if (n < 0)
            return false;
        if (strcmp(s, value) == 0)
            return true;
        s += n + 1;
        len -= (u32)n + 1;
    }
    return false;
}

u64 fdt_u64(const struct fdt_node *node, const char *name, u64 otherwise)
{
    u32 len;
    const void *p = fdt_prop(node, name, &len);

    return p && (len == 4 || len == 8) ? fdt_cells(p, len / 4) : otherwise;
}

u32 fdt_u32(const struct fdt_node *node, const char *name, u32 otherwise)
{
    return (u32)fdt_u64(node, name, otherwise);
}

bool fdt_reg(const struct fdt_node *node, u32 i, u64 *base, u64 *size)
{
    u32 len, stride = (node->acells + node->scells) * 4;
    const u8 *p = fdt_prop(node, "reg", &len);

    if (!p || node->acells > 2 || node->scells > 2 || (u64)(i + 1) * stride > len)
        return false;
    *base = fdt_cells(p + i * stride, node->acells);
    *size = fdt_cells(p + i * stride + node->acells * 4, node->scells);
    return true;
}

bool fdt_walk(const struct fdt *fdt, fdt_visitor visit, void *ctx)
{
    struct fdt_node path[MAX_DEPTH];
    struct token t;
    u32 depth = 0;

    for (u32 pos = 0; next_token(fdt, pos, &t) && t.kind != END; pos = t.next) {
        if (t.kind == END_NODE && depth-- == 0)
            return false;
        if (t.kind != BEGIN_NODE)
            continue;
        if (depth == MAX_DEPTH)
            return false;
        const struct fdt_node *up = depth ? &path[depth - 1] : NULL;
        path[depth] = (struct fdt_node){fdt, t.next, t.name, up ? up->name : "", 2, 1};
        if (up) {
            path[depth].acells = fdt_u32(up, "#address-cells", 2);
            path[depth].scells = fdt_u32(up, "#size-cells", 1);
        }
        visit(&path[depth++], ctx);
    }
    return depth == 0;
}
