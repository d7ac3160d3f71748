/* Sv39 address space of the timer guest. */
#pragma once
#include "guest.h"

#define STACK_PAGES 2

/* Maps the kernel 1:1 (text read+execute, data read+write), `device` 1:1, and turns translation on. */
void paging_init(u64 device);

/* Maps STACK_PAGES of memory for thread `n` and returns the top address; the page below them stays
 * unmapped. */
u64 paging_map_stack(int n, void *memory);
u64 paging_stack_guard(int n);
