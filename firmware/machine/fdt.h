/* The few questions that the SBI has for the device tree. Nodes are offsets into the structure block, -1
 * none. */
#pragma once
#include "machine.h"

bool fdt_valid(const void *dtb);
int fdt_next(const void *dtb, int node);
const char *fdt_name(const void *dtb, int node);
void *fdt_property(const void *dtb, int node, const char *name, u32 *length);
int fdt_compatible(const void *dtb, const char *compatible);
bool text_equal(const char *a, const char *b);

u32 fdt_cell(const void *cells);
u64 fdt_cells(const void *cells);
void fdt_store_cells(void *cells, u64 value);
