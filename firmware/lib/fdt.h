/* Flattened device trees (Devicetree Specification, chapter 5): reading one and writing one. */
#ifndef FDT_H
#define FDT_H
#include "lib/lib.h"

struct fdt { const u8 *structs; u32 structs_size; const char *strings; u32 strings_size; };

/* A node met on a walk. acells and scells are its parent's #address-cells and #size-cells. */
struct fdt_node { const struct fdt *fdt; u32 props; const char *name, *parent; u32 acells, scells; };

typedef void (*fdt_visitor)(const struct fdt_node *node, void *ctx);

bool fdt_open(struct fdt *fdt, const void *blob);
u32 fdt_total_size(const void *blob);
/* Visits every node in document order; false if the structure block is malformed. */
bool fdt_walk(const struct fdt *fdt, fdt_visitor visit, void *ctx);
/* Entry i of the memory reservation block; false past its end. */
bool fdt_reservation(const void *blob, u32 i, u64 *base, u64 *size);

const void *fdt_prop(const struct fdt_node *node, const char *name, u32 *len);
/* NULL if it is absent or not terminated. */
const char *fdt_string(const struct fdt_node *node, const char *name);
bool fdt_has_string(const struct fdt_node *node, const char *name, const char *value);
u32 fdt_u32(const struct fdt_node *node, const char *name, u32 otherwise);
u64 fdt_u64(const struct fdt_node *node, const char *name, u64 otherwise); /* one cell or two */
bool fdt_reg(const struct fdt_node *node, u32 i, u64 *base, u64 *size);
u64 fdt_cells(const void *cells, u32 n);

/* Writer: nodes and properties in order into a caller's buffer. `overflow` is sticky. */
struct fdt_writer { u8 *buf; u32 size, len; char strings[768]; u32 strings_len; bool overflow; };

void fdtw_begin(struct fdt_writer *w, void *buf, u32 size);
void fdtw_node(struct fdt_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fdtw_end_node(struct fdt_writer *w);
void fdtw_prop(struct fdt_writer *w, const char *name, const void *data, u32 len);
void fdtw_string(struct fdt_writer *w, const char *name, const char *s);
void fdtw_cells(struct fdt_writer *w, const char *name, u32 n, const u32 *cells);
#define FDTW_CELLS(w, name, ...) \
    fdtw_cells(w, name, sizeof((u32[]){__VA_ARGS__}) / 4, (const u32[]){__VA_ARGS__})
void fdtw_flag(struct fdt_writer *w, const char *name);
/* Finishes the blob; returns its size, or 0 if it did not fit. */
u32 fdtw_finish(struct fdt_writer *w);
#endif
