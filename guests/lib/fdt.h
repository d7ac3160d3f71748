/* Reader of the flattened device tree (devicetree specification 0.4, chapter 5). A node is the offset of
 * its FDT_BEGIN_NODE token in the structure block; -1 is no node. */
#pragma once
#include "riscv.h"

bool fdt_valid(const void *dtb);
u32 fdt_size(const void *dtb);

/* The next node after `node` in document order (start with -1), or -1 at the end. */
int fdt_next(const void *dtb, int node);
const char *fdt_name(const void *dtb, int node);

/* A property's value and its length in bytes, or NULL. */
const void *fdt_property(const void *dtb, int node, const char *name, u32 *length);
const char *fdt_string(const void *dtb, int node, const char *name);
u32 fdt_u32(const void *dtb, int node, const char *name, u32 otherwise);

/* Finds by path ("/chosen", "/soc/serial@10000000"), by "compatible" entry after `node`, by device_type. */
int fdt_path(const void *dtb, const char *path);
int fdt_compatible(const void *dtb, int node, const char *compatible);
int fdt_device_type(const void *dtb, int node, const char *type);

/* First entry of "reg" for a node whose parent has 2 address and 2 size cells, as on this platform. */
bool fdt_reg(const void *dtb, int node, u64 *address, u64 *size);

/* Harts of the machine, found in /cpus. */
int fdt_harts(const void *dtb, u64 *harts, int max);
