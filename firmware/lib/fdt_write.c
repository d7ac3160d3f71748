/* Writer of flattened device trees: structure grows in the caller's buffer, strings are added at the end. */
#include "lib/fdt.h"

enum { HEADER = 40, RESERVE = 16, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, END = 9 };

static void put_bytes(struct fdt_writer *w, const void *data, u32 len)
{
    u32 padded = (u32)ALIGN_UP(len, 4);

    if (padded < len || w->size - w->len < padded) {
        w->overflow = true;
        return;
    }
    memset(w->buf + w->len, 0, padded);
    memcpy(w->buf + w->len, data, len);
    w->len += padded;
}

static void put_cell(struct fdt_writer *w, u32 v)
{
    v = __builtin_bswap32(v);
    put_bytes(w, &v, 4);
}

static u32 string_offset(struct fdt_writer *w, const char *s)
{
    u32 n = (u32)strlen(s) + 1;

    for (u32 i = 0; i < w->strings_len; i += (u32)strlen(w->strings + i) + 1)
        if (strcmp(w->strings + i, s) == 0)
            return i;
    if (w->strings_len + n > sizeof(w->strings)) {
        w->overflow = true;
        return 0;
    }
    memcpy(w->strings + w->strings_len, s, n);
    w->strings_len += n;
    return w->strings_len - n;
}

void fdtw_begin(struct fdt_writer *w, void *buf, u32 size)
{
    *w = (struct fdt_writer){.buf = buf, .size = size, .len = HEADER + RESERVE};
    w->overflow = size < w->len;
    if (!w->overflow)
        memset(buf, 0, HEADER + RESERVE);
}

void fdtw_node(struct fdt_writer *w, const char *fmt, ...)
{
    char name[48];
    va_list ap;

    va_start(ap, fmt);
    int n = vformat(name, sizeof(name), fmt, ap);
    va_end(ap);
    put_cell(w, BEGIN_NODE);
    put_bytes(w, name, (u32)n + 1);
}

void fdtw_end_node(struct fdt_writer *w) { put_cell(w, END_NODE); }

void fdtw_prop(struct fdt_writer *w, const char *name, const void *data, u32 len)
{
    put_cell(w, PROP);
    put_cell(w, len);
    put_cell(w, string_offset(w, name));
    put_bytes(w, data, len);
}

void fdtw_string(struct fdt_writer *w, const char *name, const char *s)
{
    fdtw_prop(w, name, s, (u32)strlen(s) + 1);
}

void fdtw_cells(struct fdt_writer *w, const char *name, u32 n, const u32 *cells)
{
    put_cell(w, PROP);
    put_cell(w, n * 4);
    put_cell(w, string_offset(w, name));
    for (u32 i = 0; i < n; i++)
        put_cell(w, cells[i]);
}

void fdtw_flag(struct fdt_writer *w, const char *name) { fdtw_prop(w, name, "", 0); }

u32 fdtw_finish(struct fdt_writer *w)
{
    put_cell(w, END);
    u32 structs_end = w->len;
    put_bytes(w, w->strings, w->strings_len);
    if (w->overflow)
        return 0;
    u32 total = w->len;
    const u32 header[] = {0xd00dfeed, total, HEADER + RESERVE, structs_end, HEADER, 17, 16, 0, w->strings_len,
                          structs_end - HEADER - RESERVE};
    w->len = 0;
    for (u32 i = 0; i < ARRAY_LEN(header); i++)
        put_cell(w, header[i]);
    return total;
}
